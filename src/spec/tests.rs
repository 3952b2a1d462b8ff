//! The `tests` block: events relative to 2026-01-05T00:00:00Z, and the alerts that must come out.

use crate::detection::{Expectation, Test, TestEvent};
use crate::diagnostic::{Diagnostic, E0601};
use crate::expression::parse::duration;
use crate::reader::Reader;
use crate::source::Spanned;
use crate::yaml::{Entry, Kind, Node, Value};
use serde_json::{Map, Value as Json};

/// What `0s` means in tests: 2026-01-05T00:00:00Z, a Monday, in milliseconds since 1970.
pub const TEST_START: i64 = 1_767_571_200_000;
/// The most events that one test may make.
const MAX_EVENTS: usize = 100_000;

/// Reads the `tests` block.
pub(super) fn read(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<Test> {
    let items = reader.list(node, "tests").unwrap_or_default();
    items.iter().filter_map(|item| test(reader, item)).collect()
}

fn test(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Test> {
    let (mut name, mut technique, mut atomic, mut expected_signal, mut defaults) = (None, None, None, None, Map::new());
    let (mut events, mut expect, mut complete) = (None, None, true);
    let known = ["name", "technique", "atomic", "expected_signal", "defaults", "events", "expect"];
    let entries = reader.map(node, "tests", &known)?;
    for entry in &entries {
        match &*entry.key.value {
            "name" => name = reader.text(&entry.value, "name"),
            "technique" => technique = reader.text(&entry.value, "technique"),
            "atomic" => atomic = reader.text(&entry.value, "atomic"),
            "expected_signal" => expected_signal = reader.text(&entry.value, "expected_signal").map(|text| text.value),
            "defaults" => defaults = object(reader, &entry.value, "defaults").unwrap_or_default(),
            _ => {}
        }
    }
    for entry in &entries {
        match &*entry.key.value {
            "events" => events = Some(self::events(reader, &entry.value, &defaults)),
            "expect" => expect = Some(expectation(reader, &entry.value)),
            _ => {}
        }
    }
    let start = crate::source::Span { end: node.span.start, ..node.span };
    for key in ["name", "events", "expect"] {
        if !entries.iter().any(|entry| entry.key.value == key) {
            complete = false;
            reader.missing::<()>(start, "tests", key);
        }
    }
    let mut events = if complete { events?? } else { return None };
    events.sort_by_key(|event| event.time);
    Some(Test { name: name?, technique, atomic, expected_signal, events, expect: expect?? })
}

fn object(reader: &mut Reader<'_, '_>, node: &Node<'_>, what: &str) -> Option<Map<String, Json>> {
    reader.entries(node, what)?;
    match node.value().to_json() {
        Json::Object(map) => Some(map),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
    }
}

fn events(reader: &mut Reader<'_, '_>, node: &Node<'_>, defaults: &Map<String, Json>) -> Option<Vec<TestEvent>> {
    let mut events = Vec::new();
    for item in reader.list(node, "events")? {
        let Some((at, every, repeat, event)) = event(reader, item) else { continue };
        if events.len() + repeat > MAX_EVENTS {
            return reader.fail(Diagnostic::error(E0601, item.span, format!("the test makes more than {MAX_EVENTS} events")));
        }
        let mut merged = defaults.clone();
        merged.extend(event);
        let times = (0..repeat as i64).map(|i| TEST_START + at + i * every);
        events.extend(times.map(|time| TestEvent { time, event: merged.clone() }));
    }
    Some(events)
}

/// `{ at: 0s, every: 20s, repeat: 6, event: { … } }`: (at, every, repeat, event)
fn event(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<(i64, i64, usize, Map<String, Json>)> {
    let (mut at, mut every, mut repeat, mut event) = (Some(0), Some(0), Some(1), None);
    let entries = reader.map(node, "events", &["at", "every", "repeat", "event"])?;
    for entry in &entries {
        match &*entry.key.value {
            "at" => at = offset(reader, entry),
            "every" => every = reader.duration(&entry.value, "every"),
            "repeat" => repeat = reader.whole(&entry.value, "repeat", 1..=MAX_EVENTS as i64),
            _ => event = object(reader, &entry.value, "event"),
        }
    }
    if !entries.iter().any(|entry| entry.key.value == "event") {
        return reader.missing(node.span, "events", "event");
    }
    Some((at?, every?, repeat? as usize, event?))
}

fn offset(reader: &mut Reader<'_, '_>, entry: &Entry<'_>) -> Option<i64> {
    let text = reader.text(&entry.value, "at")?;
    let (sign, length) = text.value.strip_prefix('-').map_or((1, text.value.as_str()), |rest| (-1, rest));
    match duration(length) {
        Some(length) => Some(sign * length),
        None => reader.bad_duration(&text.value, text.span),
    }
}

fn expectation(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Expectation> {
    let entries = reader.map(node, "expect", &["alerts"])?;
    let Some(entry) = entries.first() else { return reader.missing(node.span, "expect", "alerts") };
    if let Kind::List(items) = &entry.value.kind {
        let maps = items.iter().filter_map(|item| Some(Spanned::new(object(reader, item, "alerts")?, item.span)));
        return Some(Expectation::Alerts(maps.collect()));
    }
    match entry.value.scalar() {
        Some(Value::Number(number)) if number.is_integer() && number.value >= 0.0 => Some(Expectation::Count(number.value as usize)),
        Some(_) | None => reader.wrong_type(&entry.value, "alerts", "a whole number or a list of maps"),
    }
}
