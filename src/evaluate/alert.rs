//! What comes out: alerts, and their JSON form.

use super::aggregate::Row;
use super::expression::Value;
use super::moment;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json, json};

/// One alert of one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// The rule's id.
    pub rule: Option<String>,
    /// The rule's title.
    pub title: String,
    /// When it is raised: the event's time, the end of a tumbling window, the instant of a sliding one.
    pub time: i64,
    /// What it is about.
    pub body: AlertBody,
}

/// What an alert is about.
#[derive(Debug, Clone, PartialEq)]
pub enum AlertBody {
    /// An event that a rule without aggregate matches: its `fields` by our names, or the event as it came.
    Event(Map<String, Json>),
    /// A group in a window.
    Row(Row),
}

impl Alert {
    /// The JSON form of `eval`.
    pub fn to_json(&self) -> Json {
        match &self.body {
            AlertBody::Event(event) => json!({ "rule": self.rule, "title": self.title, "event": event }),
            AlertBody::Row(row) => json!({
                "rule": self.rule,
                "title": self.title,
                "window": { "start": moment::text(row.start), "end": moment::text(row.end) },
                "group": named(&row.group),
                "count": row.count,
                "measures": named(&row.measures),
                "labels": named(&row.labels),
            }),
        }
    }
}

impl Serialize for Alert {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

fn named(values: &[(String, Value)]) -> Json {
    values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
}
