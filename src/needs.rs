//! What detections need from a SIEM: [`Detection`]s → per platform the places where their events are, the columns, properties
//! and fields that their queries read, and what must be true first.

use crate::detection::Detection;
use crate::logsource::{AqlOrigin, Field, LogSource, Platform};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What detections need, by platform.
#[derive(Debug, Default, Serialize)]
pub struct Needs {
    /// QRadar: log source types → custom properties and columns.
    pub aql: BTreeMap<String, BTreeSet<String>>,
    /// Splunk: indexes, source types and sources → fields.
    pub spl: BTreeMap<String, BTreeSet<String>>,
    /// Sentinel and Defender: tables and functions → columns.
    pub kql: BTreeMap<String, BTreeSet<String>>,
    /// What must be true first: of the product itself, and of each platform.
    pub prerequisites: BTreeMap<&'static str, BTreeSet<String>>,
    /// Fields that a platform does not have, by log source.
    pub missing: BTreeMap<&'static str, BTreeMap<String, BTreeSet<String>>>,
}

/// The platforms that have bindings.
pub const PLATFORMS: [Platform; 3] = [Platform::Aql, Platform::Spl, Platform::Kql];

impl Needs {
    /// Of some detections.
    pub fn of<'d>(detections: impl IntoIterator<Item = &'d Detection>) -> Needs {
        let mut needs = Needs::default();
        for detection in detections {
            needs.add(detection, &[]);
        }
        needs
    }

    /// Adds a detection, and the fields that another one reads of its alerts.
    fn add(&mut self, detection: &Detection, alerts: &[(String, Arc<Field>)]) {
        detection.chained().for_each(|(_, chained)| self.add(&chained.detection, &chained.fields));
        // what only counts the alerts of others needs what they need
        if detection.event_formula().is_none() {
            return;
        }
        let source = &detection.log_source;
        for (platform, text) in &source.prerequisites {
            self.prerequisites.entry(platform.key()).or_default().insert(text.clone());
        }
        for platform in PLATFORMS {
            let Some(origin) = origin(source, platform) else { continue };
            let mut read = BTreeSet::new();
            let mut missing = BTreeSet::new();
            let mut see = |field: &Arc<Field>| match field.binding(platform) {
                Some(binding) => read.extend(binding.place.columns().into_iter().map(|(column, _)| column.to_owned())),
                None => {
                    missing.insert(field.name.clone());
                }
            };
            alerts.iter().for_each(|(_, field)| see(field));
            detection.fields(&mut |field| see(field));
            for (_, selector) in source.selectors.iter().filter(|(other, _)| *other == platform) {
                selector.predicates(&mut |predicate| predicate.fields(&mut see));
            }
            self.places(platform).entry(origin).or_default().extend(read);
            if !missing.is_empty() {
                self.missing.entry(platform.key()).or_default().entry(source.id.path()).or_default().extend(missing);
            }
        }
    }

    fn places(&mut self, platform: Platform) -> &mut BTreeMap<String, BTreeSet<String>> {
        match platform {
            Platform::Aql => &mut self.aql,
            Platform::Spl => &mut self.spl,
            Platform::Kql | Platform::Product => &mut self.kql,
        }
    }
}

/// Where the events are on a platform, in words.
pub fn origin(source: &LogSource, platform: Platform) -> Option<String> {
    match platform {
        Platform::Aql => source.aql.as_ref().map(|origin| match origin {
            AqlOrigin::TypeName(name) => format!("log source type '{name}'"),
            AqlOrigin::TypeIds(ids) => format!("devicetype {}", ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")),
        }),
        Platform::Spl => source.spl.as_ref().map(|origin| {
            let part = |key: &str, values: &[String]| (!values.is_empty()).then(|| format!("{key}={}", values.join(",")));
            let parts = [part("index", &origin.index), part("sourcetype", &origin.sourcetype), part("source", &origin.source)];
            let tags = origin.tag.iter().map(|tag| Some(format!("tag={tag}")));
            parts.into_iter().chain(tags).flatten().collect::<Vec<_>>().join(" ")
        }),
        Platform::Kql => {
            source.kql.as_ref().map(|origin| if origin.function { format!("{}()", origin.table) } else { origin.table.clone() })
        }
        Platform::Product => None,
    }
}
