//! Detections and their KQL → analytics rules of Microsoft Sentinel: YAML as the public Azure-Sentinel repository keeps them and
//! one ARM template; beside them what Defender XDR can run as custom detections.
//!
//! Keys and limits: Microsoft's "Create scheduled analytics rules from templates", the ARM reference of `alertRules`
//! (2024-09-01), and the Graph reference of `detectionRule`.

use super::contract::{at_most, column_or, text};
use super::schedule::{iso8601, length, place};
use super::{Files, Made, Part, Settings};
use crate::alert_text::tokens;
use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, E0901, E0902, E0903, W0901, W0902, did_you_mean};
use crate::logsource::Platform;
use crate::source::Spanned;
use crate::target::Range;
use crate::yaml_text::{Entry, Node, write};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1440 * MINUTE;
const LONGEST_NAME: usize = 256;
const LONGEST_DESCRIPTION: usize = 5_000;
const LONGEST_QUERY: usize = 10_000;
const MOST_ENTITIES: usize = 10;
const MOST_DETAILS: usize = 20;
const LONGEST_DETAIL: usize = 20;
/// So many columns may stand in a title or a description.
const MOST_TOKENS: usize = 3;

/// The kinds of entities: our name, Sentinel's, its identifiers (the first one if the spec names none), and in Defender the list
/// of a mapping with the column keys that go with these identifiers.
const ENTITIES: &[(&str, &str, &[&str])] = &[
    ("account", "Account", &["FullName", "Name", "UPNSuffix", "NTDomain", "Sid", "AadUserId", "PUID", "ObjectGuid", "DisplayName"]),
    ("host", "Host", &["HostName", "FullName", "DnsDomain", "NTDomain", "NetBiosName", "AzureID", "OMSAgentID"]),
    ("ip", "IP", &["Address"]),
    ("url", "URL", &["Url"]),
    ("file", "File", &["Name", "Directory"]),
    ("filehash", "FileHash", &["Value", "Algorithm"]),
    ("process", "Process", &["CommandLine", "ProcessId"]),
    ("cloudapplication", "CloudApplication", &["Name", "AppId", "InstanceName"]),
    ("dns", "DNS", &["DomainName"]),
    ("mailbox", "Mailbox", &["MailboxPrimaryAddress", "DisplayName", "Upn"]),
    ("registrykey", "RegistryKey", &["Key", "Hive"]),
    ("registryvalue", "RegistryValue", &["Name", "Value"]),
    ("azureresource", "AzureResource", &["ResourceId"]),
    ("securitygroup", "SecurityGroup", &["DistinguishedName", "SID", "ObjectGuid"]),
    ("malware", "Malware", &["Name", "Category"]),
];

/// An analytics rule.
pub struct Rule {
    path: String,
    id: String,
    name: String,
    description: String,
    severity: &'static str,
    every: i64,
    period: i64,
    tactics: BTreeSet<String>,
    techniques: BTreeSet<&'static str>,
    query: String,
    /// (type, identifier, column)
    entities: Vec<(&'static str, String, String)>,
    /// (name, column)
    details: Vec<(String, String)>,
    title_format: Option<String>,
    description_format: Option<String>,
    version: String,
    /// For how long the whole rule is silent after an alert.
    suppression: Option<i64>,
    /// For how long alerts of the same entities join one incident.
    grouping: Option<i64>,
    /// The same as a custom detection of Defender XDR, if that can run it.
    defender: Option<Value>,
}

/// One detection as an analytics rule.
pub fn rule(part: &Part<'_>, settings: &Settings) -> Made<Rule> {
    let mut problems = Vec::new();
    let (detection, metadata, alert) = (part.detection, &part.detection.metadata, &part.detection.alert);
    let title = metadata.title.span;
    at_most(&part.title(), LONGEST_NAME, "the title", title, &mut problems);
    let description = part.description();
    at_most(&description, LONGEST_DESCRIPTION, "the description", title, &mut problems);
    let query = part.artefact.text.trim_end().to_owned();
    at_most(&query, LONGEST_QUERY, "the query", title, &mut problems);
    if let Some(words) = ["search *", "union *"].into_iter().find(|words| query.contains(words)) {
        let message = format!("Sentinel takes no rule whose query holds the text `{words}`");
        problems
            .push(Diagnostic::error(E0902, title, message).help("write the value otherwise, for example with `?` in place of the blank"));
    }
    let (every, period) = periods(detection, &mut problems);
    let entities = entities(part, &mut problems);
    let details = details(part, &entities, &mut problems);
    let (tactics, techniques) = attack(part);
    let (suppression, grouping) = throttled(part, &entities, &mut problems);
    let rule = Rule {
        path: part.name.to_owned(),
        id: part.id(),
        name: part.title(),
        description,
        severity: severity(metadata.level.as_deref()),
        every,
        period,
        tactics,
        techniques,
        query,
        title_format: alert.title.as_ref().and_then(|title| format(part, title, LONGEST_NAME, &mut problems)),
        description_format: alert.description.as_ref().and_then(|text| format(part, text, LONGEST_DESCRIPTION, &mut problems)),
        entities,
        details,
        version: settings.version.clone(),
        defender: super::defender::rule(part),
        suppression,
        grouping,
    };
    Made::new(rule, problems)
}

/// What stands for a throttle: for how long the rule is silent after an alert, and for how long alerts join one incident. Sentinel
/// holds back all alerts of a rule or none.
fn throttled(part: &Part<'_>, entities: &[(&str, String, String)], problems: &mut Vec<Diagnostic>) -> (Option<i64>, Option<i64>) {
    let Some(throttle) = &part.detection.alert.throttle else { return (None, None) };
    let span = throttle.by.first().map_or(part.detection.metadata.title.span, |name| name.span);
    let by: Vec<&str> = throttle.by.iter().map(|name| name.value.as_str()).collect();
    let longest = if by.is_empty() { DAY } else { 7 * DAY };
    let period = throttle.period.clamp(5 * MINUTE, longest);
    let shorter = if period == throttle.period {
        String::new()
    } else {
        format!(", the longest or shortest that Sentinel takes; {} is meant", length(throttle.period))
    };
    let mut warn = |message: String, help: String| problems.push(Diagnostic::warning(W0901, span, message).help(help));
    if by.is_empty() {
        if !shorter.is_empty() {
            warn(format!("Sentinel silences the rule for {}{shorter}", length(period)), "change `throttle: { for: … }`".to_owned());
        }
        return (Some(period), None);
    }
    let message = format!("Sentinel holds back all alerts of a rule or none, not those of one {}", by.join(" and "));
    if entities.is_empty() {
        warn(
            message,
            "each alert is raised; map the columns as `entities`, and alerts with the same entities join one incident".to_owned(),
        );
        return (None, None);
    }
    warn(message, format!("each alert is raised; those with the same entities join one incident for {}{shorter}", length(period)));
    (None, Some(period))
}

/// Time between two runs, and how far a run looks back.
fn periods(detection: &Detection, problems: &mut Vec<Diagnostic>) -> (i64, i64) {
    let bounds = Range::Scheduled.bounds(detection);
    let (every, period) = (detection.schedule.every, bounds.reach(detection).max(detection.schedule.every));
    let mut fail = |message: String, help: &str| problems.push(Diagnostic::error(E0901, place(detection), message).help(help));
    if !(5 * MINUTE..=14 * DAY).contains(&every) || every % MINUTE != 0 {
        fail(
            format!("Sentinel runs a rule every 5m to 14d in whole minutes, not every {}", length(every)),
            "change `schedule: { every: … }`",
        );
    }
    if period > 14 * DAY {
        fail(
            format!("a rule of Sentinel looks back 14d at most, this one {}", length(period)),
            "shorten the window, `lookback` or `delay`",
        );
    } else if period % MINUTE != 0 {
        fail(format!("Sentinel looks back in whole minutes, not {}", length(period)), "change the window, `lookback` or `delay`");
    }
    if period >= 2 * DAY && every < 60 * MINUTE {
        fail(format!("a rule that looks back {} may not run every {}", length(period), length(every)), "run it every 1h or less often");
    }
    (every, period)
}

/// Microsoft's names of levels.
pub fn severity(level: Option<&str>) -> &'static str {
    match level {
        Some("informational") => "Informational",
        Some("low") => "Low",
        Some("high" | "critical") => "High",
        _ => "Medium",
    }
}

fn entities(part: &Part<'_>, problems: &mut Vec<Diagnostic>) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    for entity in &part.detection.alert.entities {
        let span = entity.column.span;
        let names = || ENTITIES.iter().map(|(name, ..)| *name);
        let Some((_, kind, identifiers)) = ENTITIES.iter().find(|(name, ..)| *name == entity.kind.to_ascii_lowercase()) else {
            let help =
                did_you_mean(&entity.kind, names()).unwrap_or_else(|| format!("kinds are: {}", names().collect::<Vec<_>>().join(", ")));
            problems.push(Diagnostic::error(E0902, span, format!("Sentinel has no entities of the kind `{}`", entity.kind)).help(help));
            continue;
        };
        let identifier = entity.identifier.as_deref().unwrap_or(identifiers[0]);
        if !identifiers.contains(&identifier) {
            let help = did_you_mean(identifier, identifiers.iter().copied())
                .unwrap_or_else(|| format!("they are known by {}", identifiers.join(", ")));
            problems.push(Diagnostic::error(E0902, span, format!("`{identifier}` identifies no {kind} in Sentinel")).help(help));
        }
        let column = column_or(part, Platform::Kql, &entity.column, problems);
        check_name(&column, &entity.column, problems);
        found.push((*kind, identifier.to_owned(), column));
    }
    if found.len() > MOST_ENTITIES {
        let message = format!("{} entities, of which Sentinel takes {MOST_ENTITIES}", found.len());
        problems.push(Diagnostic::error(E0902, part.detection.metadata.title.span, message).help("map fewer"));
    }
    found
}

/// A column that Sentinel can be told of: letters, digits and `_`.
fn check_name(column: &str, written: &Spanned<String>, problems: &mut Vec<Diagnostic>) {
    let plain = column.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !column.starts_with(|c: char| c.is_ascii_digit());
    if !plain {
        let message = format!("Sentinel cannot be told of a column with the name `{column}`");
        problems.push(Diagnostic::error(E0903, written.span, message).help("give it a name of letters, digits and `_`"));
    }
}

/// What else of the result stands in an alert: labels and measures first, then derived columns and keys.
fn details(part: &Part<'_>, entities: &[(&'static str, String, String)], problems: &mut Vec<Diagnostic>) -> Vec<(String, String)> {
    let detection = part.detection;
    let mut columns: Vec<String> = detection.columns.iter().map(|column| column.name.clone()).collect();
    if let Some(aggregate) = &detection.aggregate {
        columns.extend(aggregate.labels.iter().map(|label| label.name.clone()));
        columns.extend(aggregate.measures.iter().map(|measure| measure.name.clone()));
        columns.extend(aggregate.derived.iter().map(|derived| derived.name.clone()));
        columns.extend(aggregate.group_by.iter().map(|key| key.name.clone()));
    }
    columns.retain(|column| entities.iter().all(|(_, _, entity)| entity != column));
    columns.retain(|column| column.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    if columns.len() > MOST_DETAILS {
        let message =
            format!("an alert of Sentinel has {MOST_DETAILS} details; these are left out: {}", columns.split_off(MOST_DETAILS).join(", "));
        problems.push(Diagnostic::warning(W0902, detection.metadata.title.span, message).help("they stand in the result of the query"));
    }
    let mut details: Vec<(String, String)> = Vec::new();
    for column in columns {
        let name = detail_name(&column, &details);
        details.push((name, column));
    }
    details
}

/// `TotalActions` of `total_actions`, within Sentinel's limit and once.
fn detail_name(column: &str, others: &[(String, String)]) -> String {
    let words = column.split('_').filter(|word| !word.is_empty());
    let whole: String = words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect();
    let whole = if whole.starts_with(|c: char| c.is_ascii_alphabetic()) { whole } else { format!("Column{whole}") };
    let taken = |name: &str| others.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let cut: String = whole.chars().take(LONGEST_DETAIL).collect();
    let numbered = (2..100).map(|number| format!("{}{number}", whole.chars().take(LONGEST_DETAIL - 2).collect::<String>()));
    std::iter::once(cut.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(cut)
}

/// A title or description with columns, if Sentinel takes it; else the rule's own stands.
fn format(part: &Part<'_>, written: &Spanned<String>, longest: usize, problems: &mut Vec<Diagnostic>) -> Option<String> {
    if tokens(&written.value).len() > MOST_TOKENS {
        let message = format!("a text of Sentinel names {MOST_TOKENS} columns at most, this one {}", tokens(&written.value).len());
        let help = "the alert shows that of the rule instead, and the columns as details";
        problems.push(Diagnostic::warning(W0902, written.span, message).help(help));
        return None;
    }
    let text = text(part, Platform::Kql, written, str::to_owned, |column| format!("{{{{{column}}}}}"), problems);
    at_most(&text, longest, "the text of the alert", written.span, problems);
    Some(text)
}

/// Tactics and techniques as Sentinel takes them: those of ATT&CK before version 19; every tactic of a technique is named.
fn attack(part: &Part<'_>) -> (BTreeSet<String>, BTreeSet<&'static str>) {
    let techniques = part.techniques();
    let tags = part.detection.metadata.tags.iter().filter_map(|tag| tag.value.strip_prefix("attack."));
    let tagged = tags.filter_map(crate::attack::tactic).map(|tactic| tactic.short_name);
    let tactics = techniques.iter().flat_map(|technique| technique.tactics()).chain(tagged);
    (tactics.map(tactic_name).collect(), techniques.iter().map(|technique| technique.id).collect())
}

/// `InitialAccess` of `initial-access`; the tactics of ATT&CK 19 under their older name.
pub fn tactic_name(short_name: &str) -> String {
    if matches!(short_name, "stealth" | "defense-impairment") {
        return "DefenseEvasion".to_owned();
    }
    short_name.split('-').map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}

/// All rules as files.
pub fn files(rules: &[Rule]) -> Files {
    let mut files: Files = rules.iter().map(|rule| (format!("analytics-rules/{}.yaml", rule.path), yaml(rule))).collect();
    let custom =
        rules.iter().filter_map(|rule| Some((format!("custom-detections/{}.json", rule.path), format!("{:#}\n", rule.defender.as_ref()?))));
    files.extend(custom);
    files.insert("analytics-rules.arm.json".to_owned(), format!("{:#}\n", template(rules)));
    files
}

/// A rule as the Azure-Sentinel repository keeps it.
fn yaml(rule: &Rule) -> String {
    let text = |text: &str| Node::Text(text.to_owned());
    let scalar = |text: String| Node::Scalar(text);
    let texts = |texts: Vec<&str>| Node::texts(texts);
    let mut entries = vec![
        Entry::new("id", text(&rule.id)),
        Entry::new("name", text(&rule.name)),
        Entry::new("description", text(&format!("{}\n", rule.description))),
        Entry::new("severity", scalar(rule.severity.to_owned())),
        Entry::new("status", scalar("Available".to_owned())),
        Entry::new("requiredDataConnectors", scalar("[]".to_owned())),
        Entry::new("queryFrequency", scalar(length(rule.every))),
        Entry::new("queryPeriod", scalar(length(rule.period))),
        Entry::new("triggerOperator", scalar("gt".to_owned())),
        Entry::new("triggerThreshold", scalar("0".to_owned())),
    ];
    let tactics: Vec<&str> = rule.tactics.iter().map(String::as_str).collect();
    for (key, list) in [("tactics", tactics), ("relevantTechniques", rule.techniques.iter().copied().collect())] {
        entries.push(Entry::new(key, if list.is_empty() { scalar("[]".to_owned()) } else { texts(list) }));
    }
    entries.push(Entry::new("query", text(&format!("{}\n", rule.query))));
    if !rule.entities.is_empty() {
        let mapping = |(kind, identifier, column): &(&str, String, String)| {
            let field = Node::Map(vec![Entry::new("identifier", text(identifier)), Entry::new("columnName", text(column))]);
            Node::Map(vec![Entry::new("entityType", text(kind)), Entry::new("fieldMappings", Node::List(vec![field]))])
        };
        entries.push(Entry::new("entityMappings", Node::List(rule.entities.iter().map(mapping).collect())));
    }
    if !rule.details.is_empty() {
        let details = rule.details.iter().map(|(name, column)| Entry::new(name, text(column))).collect();
        entries.push(Entry::new("customDetails", Node::Map(details)));
    }
    let formats = [("alertDisplayNameFormat", &rule.title_format), ("alertDescriptionFormat", &rule.description_format)];
    let formats: Vec<Entry> = formats.into_iter().filter_map(|(key, format)| Some(Entry::new(key, text(format.as_deref()?)))).collect();
    if !formats.is_empty() {
        entries.push(Entry::new("alertDetailsOverride", Node::Map(formats)));
    }
    let grouping = Entry::new("aggregationKind", scalar("AlertPerResult".to_owned()));
    entries.push(Entry::new("eventGroupingSettings", Node::Map(vec![grouping])));
    if let Some(period) = rule.suppression {
        entries.push(Entry::new("suppressionEnabled", scalar("true".to_owned())));
        entries.push(Entry::new("suppressionDuration", scalar(length(period))));
    }
    if let Some(period) = rule.grouping {
        let grouping = [
            ("enabled", "true".to_owned()),
            ("reopenClosedIncident", "false".to_owned()),
            ("lookbackDuration", length(period)),
            ("matchingMethod", "AllEntities".to_owned()),
        ];
        let grouping = grouping.map(|(key, value)| Entry::new(key, scalar(value)));
        let incident =
            vec![Entry::new("createIncident", scalar("true".to_owned())), Entry::new("groupingConfiguration", Node::Map(grouping.into()))];
        entries.push(Entry::new("incidentConfiguration", Node::Map(incident)));
    }
    entries.push(Entry::new("version", scalar(rule.version.clone())));
    entries.push(Entry::new("kind", scalar("Scheduled".to_owned())));
    format!("{}\n", write(&entries).trim_end_matches('\n'))
}

/// All rules as one ARM template.
fn template(rules: &[Rule]) -> Value {
    let description = "Log Analytics workspace that carries Microsoft Sentinel";
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": { "workspace": { "type": "string", "metadata": { "description": description } } },
        "resources": rules.iter().map(resource).collect::<Vec<_>>(),
    })
}

fn resource(rule: &Rule) -> Value {
    let mut properties = Map::new();
    let mut set = |key: &str, value: Value| drop(properties.insert(key.to_owned(), value));
    set("displayName", literal(&rule.name));
    set("description", literal(&rule.description));
    set("enabled", true.into());
    set("severity", rule.severity.into());
    set("query", literal(&rule.query));
    set("queryFrequency", iso8601(rule.every).into());
    set("queryPeriod", iso8601(rule.period).into());
    set("triggerOperator", "GreaterThan".into());
    set("triggerThreshold", 0.into());
    set("suppressionEnabled", rule.suppression.is_some().into());
    set("suppressionDuration", iso8601(rule.suppression.unwrap_or(5 * 60 * MINUTE)).into());
    set("tactics", rule.tactics.iter().cloned().collect::<Vec<_>>().into());
    // sub-techniques are not taken here
    let techniques: BTreeSet<&str> = rule.techniques.iter().map(|id| id.split('.').next().unwrap_or(id)).collect();
    set("techniques", techniques.into_iter().collect::<Vec<_>>().into());
    let mapping = |(kind, identifier, column): &(&str, String, String)| json!({ "entityType": kind, "fieldMappings": [{ "identifier": identifier, "columnName": column }] });
    if !rule.entities.is_empty() {
        set("entityMappings", rule.entities.iter().map(mapping).collect::<Vec<_>>().into());
    }
    if !rule.details.is_empty() {
        set("customDetails", Value::Object(rule.details.iter().map(|(name, column)| (name.clone(), column.clone().into())).collect()));
    }
    let formats = [("alertDisplayNameFormat", &rule.title_format), ("alertDescriptionFormat", &rule.description_format)];
    let formats: Map<String, Value> =
        formats.into_iter().filter_map(|(key, format)| Some((key.to_owned(), literal(format.as_deref()?)))).collect();
    if !formats.is_empty() {
        set("alertDetailsOverride", formats.into());
    }
    set("eventGroupingSettings", json!({ "aggregationKind": "AlertPerResult" }));
    let lookback = iso8601(rule.grouping.unwrap_or(5 * 60 * MINUTE));
    set(
        "incidentConfiguration",
        json!({
            "createIncident": true,
            "groupingConfiguration": {
                "enabled": rule.grouping.is_some(),
                "reopenClosedIncident": false,
                "lookbackDuration": lookback,
                "matchingMethod": "AllEntities",
                "groupByEntities": [], "groupByAlertDetails": [], "groupByCustomDetails": [],
            },
        }),
    );
    json!({
        "type": "Microsoft.OperationalInsights/workspaces/providers/alertRules",
        "apiVersion": "2024-09-01",
        "name": format!("[concat(parameters('workspace'), '/Microsoft.SecurityInsights/{}')]", rule.id),
        "kind": "Scheduled",
        "properties": properties,
    })
}

/// A text that is no expression of the template: one that begins with a bracket would be.
fn literal(text: &str) -> Value {
    if text.starts_with('[') { format!("[{text}").into() } else { text.into() }
}
