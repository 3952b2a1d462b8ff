//! The `tests` block as written: events relative to 2026-01-05T00:00:00Z, for each value of a list, or from a file, and the
//! alerts that must come out. [`crate::lower`] makes the events.

use crate::detection::{EquivalentMutant, Expectation};
use crate::diagnostic::{Diagnostic, E0104};
use crate::expression::parse::duration;
use crate::reader::Reader;
use crate::source::{Span, Spanned};
use crate::yaml::{Entry, Kind, Node, Value};
use serde_json::{Map, Value as Json};

/// The most events that the tests of a spec may make together.
pub const MAX_EVENTS: usize = 100_000;

/// A test as written.
#[derive(Debug, Clone)]
pub struct TestBlock {
    /// Its name.
    pub name: Spanned<String>,
    /// ATT&CK technique that it stands for.
    pub technique: Option<Spanned<String>>,
    /// GUID of an Atomic Red Team test.
    pub atomic: Option<Spanned<String>>,
    /// What the test leaves in the log, for people.
    pub expected_signal: Option<String>,
    /// What all events have that do not say otherwise.
    pub defaults: Map<String, Json>,
    /// Where its events come from, in the author's order.
    pub events: Vec<EventBlock>,
    /// What must come out.
    pub expect: Expectation,
}

/// One entry of `events`.
#[derive(Debug, Clone)]
pub enum EventBlock {
    /// Events that are written here.
    Series(EventSeries),
    /// `{ file: tests/harvest.jsonl }`: one JSON object a line, each with its own time.
    File(Spanned<String>),
}

/// `{ at: 0s, every: 20s, repeat: 6, for-each: { user: [ann, bob] }, event: { … } }`: for each value an event, and all of
/// that so many times; each event comes `every` after the one before.
#[derive(Debug, Clone)]
pub struct EventSeries {
    /// Place of the entry.
    pub span: Span,
    /// Time of the first event, in milliseconds after the start.
    pub at: i64,
    /// Time from one event to the next.
    pub every: i64,
    /// How often the series is made.
    pub repeat: usize,
    /// Fields whose values change from event to event, side by side; none: one event.
    pub for_each: Vec<(Spanned<String>, ForEach)>,
    /// What all events of the series have.
    pub event: Map<String, Json>,
}

/// Where the values of a field in `for-each` come from.
#[derive(Debug, Clone)]
pub enum ForEach {
    /// A text with the name of a list in percent signs: `'%credential_terms%'`.
    Expanded(Spanned<String>),
    /// Written here.
    Values(Vec<Json>),
}

/// Reads the `tests` block.
pub(super) fn read(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<TestBlock> {
    let items = reader.list(node, "tests").unwrap_or_default();
    items.iter().filter_map(|item| test(reader, item)).collect()
}

fn test(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<TestBlock> {
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
            "events" => events = Some(self::events(reader, &entry.value)),
            _ => expect = Some(expectation(reader, &entry.value)),
        }
    }
    let start = Span { end: node.span.start, ..node.span };
    for key in ["name", "events", "expect"] {
        if !entries.iter().any(|entry| entry.key.value == key) {
            complete = false;
            reader.missing::<()>(start, "tests", key);
        }
    }
    if !complete {
        return None;
    }
    Some(TestBlock { name: name?, technique, atomic, expected_signal, defaults, events: events??, expect: expect?? })
}

fn object(reader: &mut Reader<'_, '_>, node: &Node<'_>, what: &str) -> Option<Map<String, Json>> {
    reader.entries(node, what)?;
    match node.value().to_json() {
        Json::Object(map) => Some(map),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
    }
}

/// A list of entries, or a file alone.
fn events(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Vec<EventBlock>> {
    match &node.kind {
        Kind::Map(_) => file(reader, node).map(|file| vec![file]),
        Kind::List(items) => Some(items.iter().filter_map(|item| event(reader, item)).collect()),
        Kind::Scalar { .. } => reader.wrong_type(node, "events", "a list of events or { file: path }"),
    }
}

fn event(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<EventBlock> {
    if node.get("file").is_some() { file(reader, node) } else { series(reader, node).map(EventBlock::Series) }
}

/// `{ file: path }` has no other keys: its events have their own times.
fn file(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<EventBlock> {
    match reader.map(node, "a file of events", &["file"])?.first() {
        Some(entry) => reader.text(&entry.value, "file").map(EventBlock::File),
        None => reader.missing(node.span, "events", "file"),
    }
}

fn series(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<EventSeries> {
    let (mut at, mut every, mut repeat, mut for_each, mut event) = (Some(0), Some(0), Some(1), Some(Vec::new()), None);
    let entries = reader.map(node, "events", &["at", "every", "repeat", "for-each", "event", "file"])?;
    for entry in &entries {
        match &*entry.key.value {
            "at" => at = offset(reader, entry),
            "every" => every = reader.duration(&entry.value, "every"),
            "repeat" => repeat = reader.whole(&entry.value, "repeat", 1..=MAX_EVENTS as i64),
            "for-each" => for_each = self::for_each(reader, entry),
            _ => event = object(reader, &entry.value, "event"),
        }
    }
    let is_there = |key: &str| entries.iter().any(|entry| entry.key.value == key);
    if !is_there("event") {
        if !is_there("for-each") {
            return reader.missing(node.span, "events", "event");
        }
        event = Some(Map::new());
    }
    Some(EventSeries { span: node.span, at: at?, every: every?, repeat: repeat? as usize, for_each: for_each?, event: event? })
}

fn offset(reader: &mut Reader<'_, '_>, entry: &Entry<'_>) -> Option<i64> {
    let text = reader.text(&entry.value, "at")?;
    let (sign, length) = text.value.strip_prefix('-').map_or((1, text.value.as_str()), |rest| (-1, rest));
    match duration(length) {
        Some(length) => Some(sign * length),
        None => reader.bad_duration(&text.value, text.span),
    }
}

/// `{ field: '%list%', other: [a, b] }`
fn for_each(reader: &mut Reader<'_, '_>, entry: &Entry<'_>) -> Option<Vec<(Spanned<String>, ForEach)>> {
    let fields = reader.entries(&entry.value, "for-each")?;
    if fields.is_empty() {
        return reader.empty(entry.key.span, "for-each");
    }
    let read: Vec<_> = fields.into_iter().map(|field| for_each_field(reader, field)).collect();
    read.into_iter().collect()
}

fn for_each_field(reader: &mut Reader<'_, '_>, entry: &Entry<'_>) -> Option<(Spanned<String>, ForEach)> {
    let name = Spanned::new(entry.key.value.to_string(), entry.key.span);
    let values = match &entry.value.kind {
        Kind::List(items) if items.is_empty() => return reader.empty(entry.key.span, &entry.key.value),
        Kind::List(items) => ForEach::Values(items.iter().map(|item| item.value().to_json()).collect()),
        Kind::Scalar { text, .. } if text.contains('%') => ForEach::Expanded(Spanned::new(text.to_string(), entry.value.span)),
        Kind::Scalar { .. } | Kind::Map(_) => {
            let message = format!("`{}` is {}, but `for-each` needs several values", entry.key.value, entry.value.describe());
            let help = "write a list of values, or the name of a list in percent signs: '%my_list%'";
            return reader.fail(Diagnostic::error(E0104, entry.value.span, message).help(help));
        }
    };
    Some((name, values))
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

/// Reads the `mutants` block: `- { equivalent: '…', reason: … }`, several sentences as a list.
pub(super) fn mutants(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<EquivalentMutant> {
    let items = reader.list(node, "mutants").unwrap_or_default();
    items.iter().flat_map(|item| equivalent(reader, item)).collect()
}

fn equivalent(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<EquivalentMutant> {
    let (mut sentences, mut reason) = (Vec::new(), None);
    let entries = reader.map(node, "mutants", &["equivalent", "reason"]).unwrap_or_default();
    for entry in &entries {
        match &*entry.key.value {
            "equivalent" => sentences = reader.text_or_texts(&entry.value, "equivalent"),
            _ => reason = reader.text(&entry.value, "reason"),
        }
    }
    if matches!(node.kind, Kind::Map(_)) {
        for key in ["equivalent", "reason"].into_iter().filter(|key| !entries.iter().any(|entry| entry.key.value == *key)) {
            reader.missing::<()>(node.span, "mutants", key);
        }
    }
    let Some(reason) = reason else { return Vec::new() };
    sentences.into_iter().map(|sentence| EquivalentMutant { sentence, reason: reason.value.clone() }).collect()
}
