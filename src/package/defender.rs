//! Detections and their KQL → custom detections of Defender XDR, where their tables and schedules allow: rules without aggregate
//! whose result keeps the events' `Timestamp` and `ReportId`, run as often as Defender runs rules.
//!
//! Keys: Microsoft Graph's `detectionRule` and its entity mappings.

use super::Part;
use super::sentinel::{severity, tactic_name};
use crate::attack::Technique;
use crate::logsource::Platform;
use crate::package::contract;
use crate::package::schedule::iso8601;
use crate::source::Span;
use crate::target::Range;
use serde_json::{Map, Value, json};

const HOUR: i64 = 3_600_000;
/// How often Defender runs rules, and how far it looks back then.
const FREQUENCIES: [(i64, i64); 4] = [(HOUR, 4 * HOUR), (3 * HOUR, 12 * HOUR), (12 * HOUR, 48 * HOUR), (24 * HOUR, 720 * HOUR)];

/// A custom detection; `None` if Defender cannot run the rule.
pub fn rule(part: &Part<'_>) -> Option<Value> {
    let (detection, metadata) = (part.detection, &part.detection.metadata);
    let table = &detection.log_source.kql.as_ref().filter(|origin| origin.time == "Timestamp")?.table;
    let keeps_events = detection.aggregate.is_none() && detection.columns.is_empty();
    let reach = Range::Scheduled.bounds(detection).reach(detection);
    let runs = FREQUENCIES.iter().any(|(every, lookback)| *every == detection.schedule.every && reach <= *lookback);
    let entities = entities(part, table);
    let throttled = detection.alert.throttle.is_some();
    if !keeps_events || !runs || throttled || entities.is_empty() {
        return None;
    }
    let mut template = json!({
        "title": part.title(),
        "description": part.description(),
        "severity": severity(metadata.level.as_deref()).to_ascii_lowercase(),
        "tactics": tactics(&part.techniques()),
        "entityMappings": entities,
    });
    if !metadata.falsepositives.is_empty() {
        template["recommendedActions"] = format!("Rule out: {}", metadata.falsepositives.join("; ")).into();
    }
    Some(json!({
        "id": part.id(),
        "displayName": part.title(),
        "status": "enabled",
        "queryCondition": { "queryText": part.artefact.text.trim_end() },
        "schedule": { "frequency": iso8601(detection.schedule.every) },
        "detectionAction": { "alertTemplate": template },
    }))
}

/// The lists of entity mappings: those of the spec that Defender knows, and the device of a device table.
fn entities(part: &Part<'_>, table: &str) -> Map<String, Value> {
    let mut lists: Map<String, Value> = Map::new();
    for entity in &part.detection.alert.entities {
        let identifier = entity.identifier.as_deref();
        let mapping = match (entity.kind.to_ascii_lowercase().as_str(), identifier) {
            ("account", Some("Name")) => Some(("accounts", "nameColumn")),
            ("account", Some("Sid")) => Some(("accounts", "sidColumn")),
            ("account", Some("AadUserId")) => Some(("accounts", "aadUserIdColumn")),
            ("account", Some("NTDomain")) => Some(("accounts", "ntDomainColumn")),
            ("account", Some("UPNSuffix")) => Some(("accounts", "upnSuffixColumn")),
            ("account", Some("FullName") | None) => Some(("accounts", "upnColumn")),
            ("host", Some("HostName") | None) => Some(("hosts", "nameColumn")),
            ("host", Some("DnsDomain")) => Some(("hosts", "dnsDomainColumn")),
            ("ip", _) => Some(("ips", "addressColumn")),
            _ => None,
        };
        let column = contract::column(part.detection, Platform::Kql, &entity.column.value, Span::default());
        let (Some((list, key)), Ok(column)) = (mapping, column) else { continue };
        let list = lists.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        list.as_array_mut().into_iter().for_each(|list| list.push(json!({ key: column })));
    }
    if table.starts_with("Device") && !lists.contains_key("hosts") {
        lists.insert("hosts".to_owned(), json!([{ "deviceIdColumn": "DeviceId", "nameColumn": "DeviceName" }]));
    }
    lists
}

/// Each tactic with the techniques that belong to it.
fn tactics(techniques: &[Technique]) -> Vec<Value> {
    let mut names: Vec<String> = techniques.iter().flat_map(|technique| technique.tactics()).map(tactic_name).collect();
    names.sort();
    names.dedup();
    let of = |name: &String| {
        let own = techniques.iter().filter(|technique| technique.tactics().any(|tactic| tactic_name(tactic) == *name));
        let mut parents: Vec<(&str, Vec<&str>)> = Vec::new();
        for technique in own {
            let parent = technique.parent.unwrap_or(technique.id);
            let parts = technique.parent.map(|_| technique.id);
            match parents.iter_mut().find(|(known, _)| *known == parent) {
                Some((_, known)) => known.extend(parts),
                None => parents.push((parent, parts.into_iter().collect())),
            }
        }
        let technique = |(parent, parts): &(&str, Vec<&str>)| json!({ "technique": parent, "subTechniques": parts });
        json!({ "tactic": name, "techniques": parents.iter().map(technique).collect::<Vec<_>>() })
    };
    names.iter().map(of).collect()
}
