//! Detections and their SPL → a Splunk app: scheduled searches with alerts, suppression, Enterprise Security's keys and the
//! site's alert actions. Searches are shipped disabled; who deploys the app enables them in `local/`.
//!
//! Keys and values: savedsearches.conf and app.conf of Splunk's Admin Manual; `action.*` keys of Enterprise Security as Splunk's
//! own security content writes them.

use super::contract::{self, at_most, column_or, text};
use super::schedule::{cron, hours};
use super::{Files, Made, Part, Settings};
use crate::alert_text::filled;
use crate::detection::Entity;
use crate::diagnostic::{Diagnostic, E0902, E0904, did_you_mean};
use crate::logsource::{LogSource, Platform};
use crate::source::Spanned;
use crate::target::{Lookups, Range};
use crate::yaml::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Enterprise Security cannot clone a search with a longer name.
const LONGEST_NAME: usize = 99;

/// One scheduled search.
pub struct Search {
    name: String,
    entries: Vec<(String, String)>,
    /// The macro that ends it.
    filter: String,
    /// The lookups that it reads: name and values.
    lookups: BTreeMap<String, Vec<String>>,
    title: Spanned<String>,
}

/// Which lists of a spec become lookups, whose names begin as those of its macro.
pub fn lookups(settings: &Settings, name: &str) -> Lookups {
    Lookups { above: settings.lookup_above, prefix: format!("{}_", macro_name(name)) }
}

/// One detection as a scheduled search.
pub fn search(part: &Part<'_>, settings: &Settings) -> Made<Search> {
    let mut problems = Vec::new();
    let metadata = &part.detection.metadata;
    let name = format!("{} - {} - Rule", label(settings), part.title());
    at_most(&name, LONGEST_NAME, &format!("the name of the search, `{name}`,"), metadata.title.span, &mut problems);
    let filter = format!("{}_filter", macro_name(part.name));
    let mut entries: Vec<(String, String)> = Vec::new();
    let mut set = |key: &str, value: String| entries.push((key.to_owned(), value));
    set("description", part.description());
    set("disabled", "1".to_owned());
    set("search", format!("{}\n| `{filter}`", part.artefact.text.trim_end()));
    schedule(part, &mut set, &mut problems);
    trigger(part, &mut set, &mut problems);
    if settings.enterprise_security {
        correlation_search(part, &name, &mut set, &mut problems);
    }
    for action in &part.detection.alert.actions {
        alert_action(part, action, settings, &mut set, &mut problems);
    }
    let lookups = part.artefact.lookups.clone();
    Made::new(Search { name, entries, filter, lookups, title: metadata.title.clone() }, problems)
}

type Set<'s> = dyn FnMut(&str, String) + 's;

fn schedule(part: &Part<'_>, set: &mut Set<'_>, problems: &mut Vec<Diagnostic>) {
    let bounds = Range::Dispatched.bounds(part.detection);
    let before_run = |milliseconds: i64| if milliseconds == 0 { "now".to_owned() } else { format!("-{}", hours(milliseconds)) };
    match cron(part.detection, &part.id()) {
        Ok(line) => set("cron_schedule", line),
        Err(problem) => problems.push(problem),
    }
    set("enableSched", "1".to_owned());
    set("dispatch.earliest_time", before_run(bounds.reach(part.detection)));
    set("dispatch.latest_time", before_run(bounds.latest));
    // no run is left out: each alert comes from exactly one of them
    set("realtime_schedule", "0".to_owned());
}

fn trigger(part: &Part<'_>, set: &mut Set<'_>, problems: &mut Vec<Diagnostic>) {
    let level = part.detection.metadata.level.as_deref().unwrap_or("medium");
    let severity = match level {
        "informational" => 1,
        "low" => 2,
        "high" => 4,
        "critical" => 5,
        _ => 3,
    };
    for (key, value) in [("counttype", "number of events"), ("relation", "greater than"), ("quantity", "0"), ("alert.track", "1")] {
        set(key, value.to_owned());
    }
    set("alert.severity", severity.to_string());
    let throttle = part.detection.alert.throttle.as_ref();
    let whole = throttle.is_some_and(|throttle| throttle.by.is_empty());
    // an alert for each result, unless all of them are held back together
    set("alert.digest_mode", u8::from(whole).to_string());
    if let Some(throttle) = throttle {
        let by: Vec<String> = throttle.by.iter().map(|name| column_or(part, Platform::Spl, name, problems)).collect();
        set("alert.suppress", "1".to_owned());
        if !whole {
            set("alert.suppress.fields", by.join(","));
        }
        set("alert.suppress.period", hours(throttle.period));
    }
}

/// The keys of Enterprise Security.
fn correlation_search(part: &Part<'_>, name: &str, set: &mut Set<'_>, problems: &mut Vec<Diagnostic>) {
    let (detection, alert) = (part.detection, &part.detection.alert);
    let techniques: Vec<&str> = part.techniques().iter().map(|technique| technique.id).collect();
    set("action.correlationsearch.enabled", "1".to_owned());
    set("action.correlationsearch.label", name.to_owned());
    set("action.correlationsearch.detection_type", "ebd".to_owned());
    if !techniques.is_empty() {
        set("action.correlationsearch.annotations", json!({ "mitre_attack": techniques }).to_string());
    }
    set("action.correlationsearch.metadata", json!({ "detection_id": part.id(), "deprecated": "0" }).to_string());
    let shown = |written: &Spanned<String>, problems: &mut Vec<Diagnostic>| {
        text(part, Platform::Spl, written, without_tokens, |column| format!("${column}$"), problems)
    };
    let title = alert.title.as_ref().map_or_else(|| without_tokens(&part.title()), |title| shown(title, problems));
    let description = alert.description.as_ref().map_or_else(|| without_tokens(&part.description()), |text| shown(text, problems));
    set("action.notable", "1".to_owned());
    set("action.notable.param.rule_title", title.clone());
    set("action.notable.param.rule_description", description);
    set("action.notable.param.security_domain", security_domain(&detection.log_source).to_owned());
    set("action.notable.param.severity", detection.metadata.level.clone().unwrap_or_else(|| "medium".to_owned()));
    let columns: Vec<(&Entity, String)> =
        alert.entities.iter().map(|entity| (entity, column_or(part, Platform::Spl, &entity.column, problems))).collect();
    if !columns.is_empty() {
        let names: Vec<&str> = columns.iter().map(|(_, column)| column.as_str()).collect();
        set("action.notable.param.nes_fields", names.join(","));
    }
    if let Some(drilldown) = drilldown(part) {
        set("action.notable.param.drilldown_searches", drilldown);
    }
    let Some(score) = alert.risk_score.filter(|_| !columns.is_empty()) else { return };
    let objects: Vec<serde_json::Value> = columns.iter().map(|(entity, column)| risk_object(entity, column, score)).collect();
    set("action.risk", "1".to_owned());
    set("action.risk.param._risk_message", title);
    set("action.risk.param._risk", serde_json::Value::from(objects).to_string());
    set("action.risk.param._risk_score", "0".to_owned());
    set("action.risk.param.verbose", "0".to_owned());
}

fn risk_object(entity: &Entity, column: &str, score: u8) -> serde_json::Value {
    let threat = |kind: &str| json!({ "threat_object_field": column, "threat_object_type": kind });
    match entity.kind.as_str() {
        "ip" => threat("ip_address"),
        "url" => threat("url"),
        "file" => threat("file_name"),
        "filehash" => threat("file_hash"),
        "process" => threat("process"),
        kind => {
            let kind = match kind {
                "account" | "mailbox" => "user",
                "host" => "system",
                _ => "other",
            };
            json!({ "risk_object_field": column, "risk_object_type": kind, "risk_score": score })
        }
    }
}

/// A search for the events of a group: those of the log source with the values of its keys, as far as these are fields.
fn drilldown(part: &Part<'_>) -> Option<String> {
    let detection = part.detection;
    let aggregate = detection.aggregate.as_ref().filter(|_| detection.chained().next().is_none())?;
    let origin = crate::target::spl::events_of(&detection.log_source)?;
    let mut search = origin;
    for key in aggregate.group_by.iter().filter(|key| !key.lower) {
        let (name, _) = key.field.binding(Platform::Spl).filter(|binding| binding.values.is_empty())?.place.plain()?;
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c));
        if plain {
            let _ = write!(search, " {name}=${}|s$", key.name);
        }
    }
    let drilldown = json!([{
        "name": format!("Events of the group: {}", without_tokens(&part.title())),
        "search": search,
        "earliest_offset": "$info_min_time$",
        "latest_offset": "$info_max_time$",
    }]);
    Some(drilldown.to_string())
}

/// The domain of Enterprise Security under which a log source's alerts are shown.
fn security_domain(source: &LogSource) -> &'static str {
    let id = &source.id;
    let is = |part: &Option<String>, names: &[&str]| part.as_deref().is_some_and(|part| names.contains(&part));
    match () {
        () if is(&id.product, &["windows", "linux", "macos"]) => "endpoint",
        () if is(&id.category, &["proxy", "webserver", "firewall", "dns"]) => "network",
        () if is(&id.product, &["okta", "onelogin", "cisco"]) || is(&id.service, &["signinlogs", "auditlogs", "riskdetection"]) => {
            "identity"
        }
        () => "threat",
    }
}

/// One of the site's alert actions, with its parameters.
fn alert_action(part: &Part<'_>, name: &Spanned<String>, settings: &Settings, set: &mut Set<'_>, problems: &mut Vec<Diagnostic>) {
    let Some((_, parameters)) = settings.actions.iter().find(|(known, _)| *known == name.value) else {
        let names = || settings.actions.iter().map(|(name, _)| name.as_str());
        let example = format!("describe it in the site file: `actions: {{ {}: {{ action: …, … }} }}`, or `{{ skip: why }}`", name.value);
        let help = did_you_mean(&name.value, names()).unwrap_or(example);
        let message = format!("nobody has said what the action `{}` is", name.value);
        problems.push(Diagnostic::error(E0904, name.span, message).help(help));
        return;
    };
    let of = |key: &str| parameters.iter().find(|(own, _)| own == key).map(|(_, value)| scalar(value));
    if of("skip").is_some() {
        return;
    }
    let action = of("action").unwrap_or_else(|| name.value.clone());
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if let Some(wrong) = [&action].into_iter().chain(parameters.iter().map(|(key, _)| key)).find(|name| !is_name(name)) {
        let message = format!("the action `{}` of the site file holds `{}`, which is no name in Splunk", name.value, wrong.escape_debug());
        problems.push(Diagnostic::error(E0902, name.span, message).help("write letters, digits, `_`, `.` and `-`"));
        return;
    }
    set(&format!("action.{action}"), "1".to_owned());
    for (key, value) in parameters.iter().filter(|(key, _)| key != "action") {
        // e-mail is built in and has no `param`
        let param = if action == "email" { "" } else { "param." };
        let value = filled(&scalar(value), without_tokens, |token| of_alert(part, token, name, problems));
        set(&format!("action.{action}.{param}{key}"), value);
    }
}

/// What stands for a token in a parameter: the alert's own texts, or a column.
fn of_alert(part: &Part<'_>, token: &str, action: &Spanned<String>, problems: &mut Vec<Diagnostic>) -> String {
    let (metadata, alert) = (&part.detection.metadata, &part.detection.alert);
    let mut shown =
        |text: &Spanned<String>| contract::text(part, Platform::Spl, text, without_tokens, |column| format!("$result.{column}$"), problems);
    match token {
        "rule.title" => without_tokens(&part.title()),
        "rule.description" => without_tokens(&part.description()),
        "rule.level" => metadata.level.clone().unwrap_or_else(|| "medium".to_owned()),
        "alert.title" => alert.title.as_ref().map_or_else(|| without_tokens(&part.title()), shown),
        "alert.description" => alert.description.as_ref().map_or_else(|| without_tokens(&part.description()), shown),
        column => shown(&Spanned::new(format!("{{{column}}}"), action.span)),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.text.clone(),
        Value::Boolean(value) => u8::from(*value).to_string(),
        Value::List(values) => values.iter().map(scalar).collect::<Vec<_>>().join(","),
        Value::Null | Value::Map(_) => String::new(),
    }
}

/// A text in which `$` begins no token.
fn without_tokens(text: &str) -> String {
    text.replace('$', "$$")
}

/// `Wiki Watch` of `wiki_watch`.
fn label(settings: &Settings) -> String {
    let words = settings.name.split(['_', '-', '.']).filter(|word| !word.is_empty());
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    words.map(capital).collect::<Vec<_>>().join(" ")
}

fn macro_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// Two detections that would become one search.
pub fn collisions<'s>(searches: &'s [(usize, Search)]) -> Vec<(usize, Diagnostic)> {
    let (mut names, mut found) = (BTreeMap::<&str, ()>::new(), Vec::new());
    for (part, search) in searches {
        for key in [&search.name, &search.filter] {
            let key: &'s str = key;
            if names.insert(key, ()).is_some() {
                let message = format!("another search of the app has the name `{key}`, too");
                let problem =
                    Diagnostic::error(E0902, search.title.span, message).help("give the spec another title, or the file another name");
                found.push((*part, problem));
            }
        }
    }
    found
}

/// The app's files, below its folder.
pub fn files(settings: &Settings, searches: &[Search]) -> Files {
    let label = label(settings);
    let mut saved = HEADER.to_owned();
    let mut macros = HEADER.to_owned();
    for search in searches {
        saved.push_str(&stanza(&search.name, &search.entries));
        let hook = [
            ("definition", "search *".to_owned()),
            ("description", format!("What `{}` leaves out. Override it in local/macros.conf.", search.name)),
        ];
        macros.push_str(&stanza(&search.filter, &hook.map(|(key, value)| (key.to_owned(), value))));
    }
    let stanzas = |list: &[(&str, &[(&str, &str)])]| {
        let own =
            |entries: &[(&str, &str)]| entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
        list.iter().fold(HEADER.to_owned(), |text, (name, entries)| text + &stanza(name, &own(entries)))
    };
    let description = format!("{} detections, generated from platform-neutral specs.", searches.len());
    let app = stanzas(&[
        ("install", &[("is_configured", "0"), ("state", "enabled"), ("build", "1")]),
        ("launcher", &[("author", &settings.author), ("version", &settings.version), ("description", &description)]),
        ("ui", &[("is_visible", "0"), ("label", &label)]),
        ("package", &[("id", &settings.name), ("check_for_updates", "0")]),
        ("id", &[("name", &settings.name), ("version", &settings.version)]),
    ]);
    let meta = stanzas(&[
        ("", &[("access", "read : [ * ], write : [ admin, sc_admin ]"), ("export", "system")]),
        ("savedsearches", &[("owner", "nobody")]),
    ]);
    let manifest = json!({
        "schemaVersion": "2.0.0",
        "info": {
            "title": label,
            "id": { "group": null, "name": settings.name, "version": settings.version },
            "author": [{ "name": settings.author, "email": null, "company": null }],
            "releaseDate": null,
            "description": description,
            "classification": { "intendedAudience": null, "categories": [], "developmentStatus": null },
            "commonInformationModels": null,
            "license": { "name": null, "text": null, "uri": null },
            "privacyPolicy": { "name": null, "text": null, "uri": null },
            "releaseNotes": { "name": null, "text": null, "uri": null },
        },
        "dependencies": null, "tasks": null, "inputGroups": null, "incompatibleApps": null, "platformRequirements": null,
        "supportedDeployments": ["_standalone", "_distributed", "_search_head_clustering"], "targetWorkloads": ["_search_heads"],
    });
    let readme = format!(
        "# {label}\n\n{description}\n\nAll searches are disabled. Enable them in Splunk, or in `local/savedsearches.conf`. Each ends with a macro \
         that finds everything; put into `local/macros.conf` what is to be left out.\n\nCron lines are read in the time zone of the search \
         head. Where clocks are put forward and back, searches that run less often than every hour miss an hour a year and see one twice: let \
         the search head run in UTC.\n"
    );
    let lookups = searches.iter().flat_map(|search| &search.lookups);
    let mut transforms = HEADER.to_owned();
    let mut tables = Files::new();
    for (name, values) in lookups {
        transforms.push_str(&stanza(name, &[("filename".to_owned(), format!("{name}.csv"))]));
        tables.insert(format!("lookups/{name}.csv"), table(values));
    }
    if !tables.is_empty() {
        tables.insert("default/transforms.conf".to_owned(), transforms);
    }
    let files = [
        ("app.manifest", format!("{manifest:#}\n")),
        ("README.md", readme),
        ("default/app.conf", app),
        ("default/savedsearches.conf", saved),
        ("default/macros.conf", macros),
        ("metadata/default.meta", meta),
    ];
    files.into_iter().map(|(path, text)| (path.to_owned(), text)).chain(tables).collect()
}

/// A lookup's file: one column, each value in quotes if it needs them.
fn table(values: &[String]) -> String {
    let cell = |value: &String| if value.contains([',', '"']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value.clone() };
    let lines: String = values.iter().map(|value| cell(value) + "\n").collect();
    format!("value\n{lines}")
}

const HEADER: &str = "# Generated; changes belong into local/.\n\n";

/// A stanza of a .conf file. A value of several lines goes on after a backslash at the end of a line.
fn stanza(name: &str, entries: &[(String, String)]) -> String {
    let mut text = format!("[{name}]\n");
    // a backslash at the end of a line of the value itself joins nothing to it
    let closed = |line: &str| if line.ends_with('\\') { format!("{line} ") } else { line.to_owned() };
    for (key, value) in entries {
        let lines: Vec<String> = value.trim_end().lines().map(str::trim_end).map(closed).collect();
        let _ = writeln!(text, "{key} = {}", lines.join(" \\\n"));
    }
    text.push('\n');
    text
}
