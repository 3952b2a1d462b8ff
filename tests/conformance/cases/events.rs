//! A detection → events made up for it: values that its conditions ask for, values that are nearly so, and none at all,
//! at times around the edges of its windows. The same in every run.

use crate::native;
use crate::random::Random;
use cognate::detection::{Comparison, Detection, Predicate, RegexTest, Segment, Subject, TextPattern, ValueTest, Window};
use cognate::logsource::{ColumnType, Field, FieldType, Place};
use ipnet::IpNet;
use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const HOUR: i64 = 3_600_000;
/// 2026-01-05T00:00:00Z, as in the tests of specs.
pub const TEST_START: i64 = 1_767_571_200_000;
/// Texts that are hard to quote, to escape, to fold or to tell from other types.
const NASTY: &[&str] = &[
    "",
    "-",
    " ",
    "a b",
    "A",
    "'",
    "\"",
    "\\",
    "\\\\",
    "a\\b",
    "%",
    "_",
    "*",
    "?",
    "a*",
    "%a%",
    "a_b",
    "|",
    "$x$",
    "`",
    "[a]",
    "{a}",
    "(a)",
    "a,b",
    "é",
    "É",
    "日本",
    "\u{1f600}",
    "null",
    "NULL",
    "true",
    "0",
    "1",
    "-1",
    "1.5",
    "10.1.2.3",
    "2001:db8::1",
    "a\tb",
    "a\nb",
    "--",
    "//",
    "#",
];

/// Makes events for a detection, in time order.
pub fn make(detection: &Detection, fields: &[Arc<Field>], random: &mut Random, count: usize) -> Vec<(i64, Map<String, Value>)> {
    let mut maker = Maker::new(detection, random);
    let mut events: Vec<_> = (0..count).map(|_| (maker.time(), maker.event(fields))).collect();
    events.sort_by_key(|(time, _)| *time);
    events
}

/// All predicates of its condition and selections.
pub fn predicates(detection: &Detection) -> Vec<Predicate> {
    let mut predicates = Vec::new();
    let conditions = std::iter::once(&detection.condition).chain(detection.selections.iter().map(|selection| &selection.condition));
    conditions.for_each(|condition| condition.predicates(&mut |predicate| predicates.push(predicate.clone())));
    predicates
}

/// Makes values.
pub struct Maker<'d, 'r> {
    detection: &'d Detection,
    predicates: Vec<Predicate>,
    /// What it draws from.
    pub random: &'r mut Random,
}

impl<'d, 'r> Maker<'d, 'r> {
    /// Makes values for a detection.
    pub fn new(detection: &'d Detection, random: &'r mut Random) -> Maker<'d, 'r> {
        Maker { detection, predicates: predicates(detection), random }
    }

    fn pick<T: Clone>(&mut self, list: &[T]) -> Option<T> {
        if list.is_empty() { None } else { Some(list[self.random.below(list.len())].clone()) }
    }

    /// A whole second within a few windows, often at their edges.
    fn time(&mut self) -> i64 {
        let length = match self.detection.aggregate.as_ref().map(|aggregate| &aggregate.window) {
            Some(Window::Tumbling(length) | Window::Sliding { length, .. }) => *length,
            Some(Window::Lookback) | None => HOUR,
        };
        let start = TEST_START - TEST_START.rem_euclid(length);
        let steps = [0, length / 4, length / 3, length / 2, length - 1000, length, length + 1000, 2 * length - 1000, 2 * length];
        let step = steps[self.random.below(steps.len())];
        let offset = if self.random.below(2) == 0 { 0 } else { self.random.below(120) as i64 * 1000 };
        let time = start + (step + offset) / 1000 * 1000;
        time.max(start)
    }

    fn event(&mut self, fields: &[Arc<Field>]) -> Map<String, Value> {
        let mut event = Map::new();
        for field in fields {
            if let Some(value) = self.value(field, &event) {
                event.insert(field.name.clone(), value);
            }
        }
        let carriers = native::carriers_of_rules(self.detection);
        if let Some(text) = self.keyword() {
            let of_rule = self.pick(&carriers);
            let carrier = of_rule.as_ref().or_else(|| native::carrier(self.detection, fields));
            let name = carrier.map_or("note", |field| &field.name);
            if carrier.is_some() || self.detection.log_source.open {
                event.insert(name.to_owned(), text.into());
            }
        }
        event
    }

    /// A text that holds a keyword of the detection, or nearly.
    fn keyword(&mut self) -> Option<String> {
        let keywords: Vec<ValueTest> =
            self.predicates.iter().filter(|p| p.subject == Subject::Event).flat_map(|p| p.tests.iter().cloned()).collect();
        let test = self.pick(&keywords)?;
        let wanted = self.wanted(&test, &Map::new())?;
        let text = wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
        Some(match self.random.below(5) {
            0 => text.chars().skip(1).collect(),
            1 => format!("about {text} here"),
            2 => text.to_uppercase(),
            _ => text,
        })
    }

    /// A value of a field that fits its type, a list of them, null, or none.
    fn value(&mut self, field: &Arc<Field>, event: &Map<String, Value>) -> Option<Value> {
        if field.list && self.random.below(3) == 0 {
            let values: Vec<Value> = (0..self.random.below(4)).filter_map(|_| self.single(field, event)).collect();
            return Some(Value::Array(values));
        }
        match self.random.below(12) {
            0 => None,
            1 if self.random.below(2) == 0 => Some(Value::Null),
            _ => self.single(field, event),
        }
    }

    fn single(&mut self, field: &Arc<Field>, event: &Map<String, Value>) -> Option<Value> {
        let tests: Vec<ValueTest> = self
            .predicates
            .iter()
            .filter(|p| matches!(&p.subject, Subject::Field(of) if of.name == field.name))
            .flat_map(|p| p.tests.iter().cloned())
            .collect();
        let keyed =
            self.detection.aggregate.as_ref().is_some_and(|aggregate| aggregate.group_by.iter().any(|key| key.field.name == field.name));
        let made = match self.random.below(10) {
            0 => self.any(field),
            1 | 2 => self.pick(&tests).and_then(|test| self.wanted(&test, event)).map(|value| self.bent(value)),
            3 if keyed => self.pick(&["ann", "Ann", "bob", ""]).map(Value::from),
            _ => self.pick(&tests).and_then(|test| self.wanted(&test, event)).or_else(|| self.plain(field)),
        };
        made.map(|value| fitting(field, value))
    }

    /// One of a few values of the type.
    pub fn plain(&mut self, field: &Field) -> Option<Value> {
        match field.kind {
            FieldType::Text => self.pick(&["ann", "Ann", "bob", "carl"]).map(Value::from),
            FieldType::Any => self.pick(&[json!("ann"), json!("Ann"), json!("bob"), json!(3), json!("12"), json!(7.5)]),
            FieldType::Integer => self.pick(&[0, 1, 2, 3, 10, 4625]).map(Value::from),
            FieldType::Number => self.pick(&[0.0, 1.0, 2.5, 10.0, -3.0]).map(Value::from),
            FieldType::Boolean => self.pick(&[true, false]).map(Value::from),
            FieldType::Ip => self.pick(&["10.1.2.3", "192.168.0.9", "8.8.8.8", "2001:db8::1"]).map(Value::from),
            FieldType::Timestamp => self.pick(&["2026-01-05T00:00:07Z", "2026-01-04T23:59:59Z", "2025-06-30T12:00:00Z"]).map(Value::from),
        }
    }

    fn any(&mut self, field: &Field) -> Option<Value> {
        match field.kind {
            FieldType::Text | FieldType::Any => self.pick(NASTY).map(Value::from),
            FieldType::Integer | FieldType::Number | FieldType::Boolean | FieldType::Ip | FieldType::Timestamp => self.plain(field),
        }
    }

    /// A value that passes a test, if one is easily made.
    pub fn wanted(&mut self, test: &ValueTest, event: &Map<String, Value>) -> Option<Value> {
        Some(match test {
            ValueTest::Text(pattern) => self.text(pattern).into(),
            ValueTest::Number(number) => json_number(number.value),
            ValueTest::Boolean(value) => (*value).into(),
            ValueTest::Absent => Value::Null,
            ValueTest::Present => "present".into(),
            ValueTest::Regex(regex) => self.matched(regex)?.into(),
            ValueTest::Network(network) => self.address(network).into(),
            ValueTest::Compare(comparison, number) => json_number(number.value + self.step(*comparison)),
            ValueTest::TimePart(_, _, number) => {
                let part = number.value.clamp(0.0, 23.0) as i64;
                let same = format!("2026-01-05T{part:02}:{part:02}:00Z");
                let others = ["2026-01-05T08:15:00Z", "2026-07-19T23:00:00Z", "2024-02-29T00:59:59Z"].map(str::to_owned);
                self.pick(&[&[same][..], &others].concat())?.into()
            }
            ValueTest::Field(test) => event.get(&test.other.name)?.clone(),
        })
    }

    fn step(&mut self, comparison: Comparison) -> f64 {
        let steps: &[f64] = match comparison {
            Comparison::Equal => &[0.0],
            Comparison::Less => &[-1.0, -0.5, 0.0],
            Comparison::LessOrEqual => &[0.0, -1.0, 1.0],
            Comparison::Greater => &[1.0, 0.5, 0.0],
            Comparison::GreaterOrEqual => &[0.0, 1.0, -1.0],
        };
        steps[self.random.below(steps.len())]
    }

    fn text(&mut self, pattern: &TextPattern) -> String {
        let pieces: Vec<String> = pattern
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(text) => text.clone(),
                Segment::AnyRun => self.pick(&["", "", "x", "any run", "\\"]).unwrap_or_default().to_owned(),
                Segment::AnyCharacter => self.pick(&["q", "*", "é"]).unwrap_or_default().to_owned(),
            })
            .collect();
        pieces.concat()
    }

    /// The same value, changed a little.
    fn bent(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => match self.random.below(6) {
                0 => text.to_uppercase().into(),
                1 => text.to_lowercase().into(),
                2 => format!("x{text}").into(),
                3 => format!("{text}x").into(),
                4 => text.chars().skip(1).collect::<String>().into(),
                _ => format!("before {text} after").into(),
            },
            Value::Number(number) => json_number(number.as_f64().unwrap_or_default() + 1.0),
            Value::Bool(value) => (!value).into(),
            Value::Null => "not null".into(),
            Value::Array(_) | Value::Object(_) => value,
        }
    }

    fn address(&mut self, network: &IpNet) -> String {
        match network {
            IpNet::V4(net) => {
                let host = self.random.below(300) as u32 & u32::from(net.hostmask());
                std::net::Ipv4Addr::from(u32::from(net.network()) | host).to_string()
            }
            IpNet::V6(net) => {
                let host = self.random.below(300) as u128 & u128::from(net.hostmask());
                std::net::Ipv6Addr::from(u128::from(net.network()) | host).to_string()
            }
        }
    }

    /// A text in which a regular expression finds something, for simple ones.
    fn matched(&mut self, regex: &RegexTest) -> Option<String> {
        let tree = regex_syntax::parse(&format!("{}{}", regex.flags(), regex.pattern)).ok()?;
        let mut text = String::new();
        self.sample(&tree, &mut text);
        Some(text)
    }

    fn sample(&mut self, pattern: &Hir, text: &mut String) {
        match pattern.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
            HirKind::Class(Class::Unicode(class)) => {
                let ascii: Vec<char> =
                    class.iter().flat_map(|range| range.start()..=range.end().min('~')).filter(|c| *c >= ' ').take(200).collect();
                text.extend(self.pick(&ascii).or_else(|| class.iter().next().map(|range| range.start())));
            }
            HirKind::Class(Class::Bytes(_)) => {}
            HirKind::Repetition(repetition) => {
                let most = repetition.max.unwrap_or(repetition.min + 2).min(repetition.min + 3);
                for _ in 0..repetition.min as usize + self.random.below((most - repetition.min) as usize + 1) {
                    self.sample(&repetition.sub, text);
                }
            }
            HirKind::Capture(capture) => self.sample(&capture.sub, text),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.sample(part, text)),
            HirKind::Alternation(parts) => {
                let part = self.random.below(parts.len());
                self.sample(&parts[part], text);
            }
        }
    }
}

/// A text as it is if it is a GUID, else one of two.
fn guid(value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    let is_guid = text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let other = if text.len().is_multiple_of(2) { "5f0d0e57-2f0c-4d1d-9d5e-1c2f3a4b5c6d" } else { "8bfaabe6-84c4-51da-8479-66c519cd5957" };
    if is_guid { value.clone() } else { other.into() }
}

fn json_number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}

/// The value in the type that the log source promises. Where values have other names on a platform, ours are used.
pub fn fitting(field: &Field, value: Value) -> Value {
    let is_other_name = |text: &str| {
        let pairs = [&field.aql, &field.spl, &field.kql].into_iter().flatten().flat_map(|binding| &binding.values);
        let found = pairs.clone().find(|(ours, theirs)| ours.eq_ignore_ascii_case(text) || theirs.eq_ignore_ascii_case(text));
        found.map(|(ours, _)| ours.clone())
    };
    if let Some(ours) = value.as_str().and_then(is_other_name) {
        return ours.into();
    }
    let number = cognate::evaluate::event::number(&value);
    let column = field.kql.as_ref().map(|binding| (&binding.place, &binding.values));
    match column {
        Some((Place::Column { kind: ColumnType::Guid, .. }, _)) => return guid(&value),
        // only the values that the log source lists have a number there
        Some((Place::Column { kind: ColumnType::Integer, .. }, values)) if !values.is_empty() => return values[0].0.clone().into(),
        Some(_) | None => {}
    }
    match field.kind {
        FieldType::Any => value,
        FieldType::Text => cognate::evaluate::event::text(&value).map_or(Value::Null, |text| text.into_owned().into()),
        FieldType::Integer => number.map_or(json!(7), |number| json!(number as i64)),
        FieldType::Number => number.map_or(json!(7.5), json_number),
        FieldType::Boolean => value.as_bool().map_or(json!(value == json!("true")), Value::from),
        FieldType::Ip => match value.as_str().and_then(|text| text.parse::<std::net::IpAddr>().ok()) {
            Some(address) => address.to_string().into(),
            None => "10.9.8.7".into(),
        },
        FieldType::Timestamp => match value.as_str().and_then(cognate::evaluate::moment::read_iso) {
            Some(time) => cognate::evaluate::moment::text(time).into(),
            None => "2026-01-05T00:00:03Z".into(),
        },
    }
}
