//! Whether a condition holds of an event: [`Condition`] → [`Matcher`] (literals folded, regular expressions compiled) → yes or no.
//!
//! The logic has two values. A test of a missing field is false, and `not` of it is true; nothing is ever unknown.

use super::event::{self, Event};
use super::moment;
use super::pattern::Pattern;
use super::{Problem, problem};
use crate::detection::{
    Comparison, Condition, FieldTest, Predicate, RegexTest, Relation, Shape, Subject, TextPattern, TimePart, ValueTest,
};
use crate::letter_case::{equal_ignoring_case, fold};
use crate::logsource::{Field, LogSource};
use fancy_regex::Regex;
use ipnet::IpNet;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

/// A [`Condition`] made ready for many events.
#[derive(Debug, Clone)]
pub struct Matcher {
    node: Node,
}

#[derive(Debug, Clone)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    /// A field passes one of the tests.
    Field(Arc<Field>, Vec<Test>),
    /// The log source's time field passes one of the tests: every event has a time.
    Time(Arc<Field>, Vec<Test>),
    /// Some value of the event passes one of the tests.
    Keywords(Vec<Test>),
}

/// A [`ValueTest`] made ready.
#[derive(Debug, Clone)]
enum Test {
    Text(Pattern),
    /// Several whole texts whose case does not matter, folded.
    OneOf(FxHashSet<String>),
    Number {
        value: f64,
        text: String,
    },
    Boolean(bool),
    Absent,
    Present,
    Regex(Arc<Regex>),
    Network(IpNet),
    Compare(Comparison, f64),
    Field(FieldTest),
    TimePart(TimePart, Comparison, f64),
}

impl Matcher {
    /// Makes a condition ready; fails on a regular expression that the engine does not take.
    pub fn new(condition: &Condition, log_source: &LogSource) -> Result<Self, Problem> {
        Ok(Self { node: node(condition, log_source, &mut Regexes::default())? })
    }

    /// Whether the condition holds of an event.
    pub fn holds(&self, event: &Event<'_>) -> bool {
        self.node.holds(event)
    }
}

/// Regular expressions as written with their flags, compiled: a condition may name a selection many times.
type Regexes = FxHashMap<String, Arc<Regex>>;

fn node(condition: &Condition, log_source: &LogSource, regexes: &mut Regexes) -> Result<Node, Problem> {
    let mut nodes = |parts: &[Condition]| parts.iter().map(|part| node(part, log_source, regexes)).collect::<Result<Vec<_>, _>>();
    Ok(match condition {
        Condition::All(parts) => Node::All(nodes(parts)?),
        Condition::Any(parts) => Node::Any(nodes(parts)?),
        Condition::Not(inner) => Node::Not(Box::new(node(inner, log_source, regexes)?)),
        Condition::Match(predicate) => predicate_node(predicate, log_source, regexes)?,
    })
}

fn predicate_node(predicate: &Predicate, log_source: &LogSource, regexes: &mut Regexes) -> Result<Node, Problem> {
    let tests = tests(predicate, regexes)?;
    Ok(match &predicate.subject {
        Subject::Field(field) if field.name == log_source.time.name => Node::Time(field.clone(), tests),
        Subject::Field(field) => Node::Field(field.clone(), tests),
        Subject::Event => Node::Keywords(tests),
    })
}

/// The tests, with all whole texts that ignore case in one set.
fn tests(predicate: &Predicate, regexes: &mut Regexes) -> Result<Vec<Test>, Problem> {
    let mut texts = FxHashSet::default();
    let mut tests = Vec::new();
    for written in &predicate.tests {
        match written {
            ValueTest::Text(pattern) if !pattern.cased && whole_text(pattern).is_some() => {
                texts.extend(whole_text(pattern).map(|text| fold(text).into_owned()));
            }
            ValueTest::Text(pattern) => tests.push(Test::Text(Pattern::new(pattern))),
            ValueTest::Number(number) => tests.push(Test::Number { value: number.value, text: number.text.clone() }),
            ValueTest::Boolean(value) => tests.push(Test::Boolean(*value)),
            ValueTest::Absent => tests.push(Test::Absent),
            ValueTest::Present => tests.push(Test::Present),
            ValueTest::Regex(regex) => tests.push(Test::Regex(compile(regex, predicate, regexes)?)),
            ValueTest::Network(network) => tests.push(Test::Network(*network)),
            ValueTest::Compare(comparison, number) => tests.push(Test::Compare(*comparison, number.value)),
            ValueTest::Field(test) => tests.push(Test::Field(test.clone())),
            ValueTest::TimePart(part, comparison, number) => tests.push(Test::TimePart(*part, *comparison, number.value)),
        }
    }
    if !texts.is_empty() {
        tests.insert(0, Test::OneOf(texts));
    }
    Ok(tests)
}

fn whole_text(pattern: &TextPattern) -> Option<&str> {
    match pattern.shape() {
        Shape::Equals(text) => Some(text),
        Shape::StartsWith(_) | Shape::EndsWith(_) | Shape::Contains(_) | Shape::Anything | Shape::Wildcards => None,
    }
}

fn compile(regex: &RegexTest, predicate: &Predicate, regexes: &mut Regexes) -> Result<Arc<Regex>, Problem> {
    let whole = format!("{}{}", regex.flags(), regex.pattern);
    if let Some(known) = regexes.get(&whole) {
        return Ok(known.clone());
    }
    let compiled = Regex::new(&whole).map_err(|error| problem::pattern(&regex.pattern, predicate.span, &error))?;
    let compiled = Arc::new(compiled);
    regexes.insert(whole, compiled.clone());
    Ok(compiled)
}

impl Node {
    fn holds(&self, event: &Event<'_>) -> bool {
        match self {
            Node::All(parts) => parts.iter().all(|part| part.holds(event)),
            Node::Any(parts) => parts.iter().any(|part| part.holds(event)),
            Node::Not(inner) => !inner.holds(event),
            Node::Field(field, tests) => field_passes(field, tests, event),
            Node::Time(field, tests) => time_passes(field, tests, event),
            Node::Keywords(tests) => event.any_anywhere(&mut |value| value_passes(value, tests, event)),
        }
    }
}

/// Any value passes any test; `Absent` holds of a field without values.
fn field_passes(field: &Field, tests: &[Test], event: &Event<'_>) -> bool {
    let passes = event.any(field, &mut |value| value_passes(value, tests, event));
    passes || (tests.iter().any(Test::is_absent) && !event.has(field))
}

/// The time field is read as written if it is there, else as the event's time in ISO 8601; its parts are the event's own.
fn time_passes(field: &Field, tests: &[Test], event: &Event<'_>) -> bool {
    let part_passes = |test: &Test| match test {
        Test::TimePart(part, comparison, number) => compare_part(Some(event.time), *part, *comparison, *number),
        Test::Present => true,
        Test::Text(_)
        | Test::OneOf(_)
        | Test::Number { .. }
        | Test::Boolean(_)
        | Test::Absent
        | Test::Regex(_)
        | Test::Network(_)
        | Test::Compare(..)
        | Test::Field(_) => false,
    };
    if tests.iter().any(part_passes) {
        return true;
    }
    if event.has(field) {
        return event.any(field, &mut |value| value_passes(value, tests, event));
    }
    value_passes(&Json::String(moment::text(event.time)), tests, event)
}

fn value_passes(value: &Json, tests: &[Test], event: &Event<'_>) -> bool {
    let subject = Value::new(value);
    tests.iter().any(|test| test.passes(&subject, event))
}

/// One value, with its text and folded text made when first asked for.
struct Value<'v> {
    json: &'v Json,
    text: OnceCell<Option<Cow<'v, str>>>,
    folded: OnceCell<Option<String>>,
}

impl<'v> Value<'v> {
    fn new(json: &'v Json) -> Self {
        Self { json, text: OnceCell::new(), folded: OnceCell::new() }
    }

    /// The text; an object has none.
    fn text(&self) -> Option<&str> {
        self.text.get_or_init(|| event::text(self.json)).as_deref()
    }

    /// The text in lower case.
    fn folded(&self) -> Option<&str> {
        self.folded.get_or_init(|| self.text().map(|text| fold(text).into_owned())).as_deref()
    }
}

impl Test {
    fn is_absent(&self) -> bool {
        matches!(self, Test::Absent)
    }

    /// Whether a present value passes.
    fn passes(&self, value: &Value<'_>, event: &Event<'_>) -> bool {
        match self {
            Test::Text(pattern) if pattern.cased => value.text().is_some_and(|text| pattern.matches(text)),
            Test::Text(pattern) => value.folded().is_some_and(|text| pattern.matches(text)),
            Test::OneOf(texts) => value.folded().is_some_and(|text| texts.contains(text)),
            Test::Number { value: number, text } => equals_number(value, *number, text),
            Test::Boolean(expected) => value.text().is_some_and(|text| equal_ignoring_case(text, if *expected { "true" } else { "false" })),
            Test::Absent => false,
            Test::Present => true,
            Test::Regex(regex) => value.text().is_some_and(|text| regex.is_match(text).unwrap_or(false)),
            Test::Network(network) => event::address(value.json).is_some_and(|address| network.contains(&address)),
            Test::Compare(comparison, number) => event::number(value.json).is_some_and(|own| compare(own, *comparison, *number)),
            Test::Field(test) => value.text().is_some_and(|text| relates(text, test, event)),
            Test::TimePart(part, comparison, number) => {
                compare_part(value.json.as_str().and_then(moment::of_text), *part, *comparison, *number)
            }
        }
    }
}

/// A number equals by value; a text if it is written as the author wrote the number, or in the shortest form.
fn equals_number(value: &Value<'_>, number: f64, text: &str) -> bool {
    match value.json {
        Json::Number(own) => own.as_f64() == Some(number),
        Json::String(own) => own == text || *own == event::float_text(number),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => false,
    }
}

fn compare_part(moment: Option<i64>, part: TimePart, comparison: Comparison, number: f64) -> bool {
    moment.and_then(|moment| moment::part(moment, part)).is_some_and(|own| compare(own, comparison, number))
}

fn compare(left: f64, comparison: Comparison, right: f64) -> bool {
    match comparison {
        Comparison::Equal => left == right,
        Comparison::Less => left < right,
        Comparison::LessOrEqual => left <= right,
        Comparison::Greater => left > right,
        Comparison::GreaterOrEqual => left >= right,
    }
}

/// Whether a text relates to any value of the other field.
fn relates(text: &str, test: &FieldTest, event: &Event<'_>) -> bool {
    let as_compared = |text: &str| if test.cased { text.to_owned() } else { fold(text).into_owned() };
    let own = as_compared(text);
    event.any(&test.other, &mut |other| {
        let Some(other) = event::text(other).map(|other| as_compared(&other)) else { return false };
        match test.relation {
            Relation::Equals => own == other,
            Relation::StartsWith => own.starts_with(&other),
            Relation::EndsWith => own.ends_with(&other),
            Relation::Contains => own.contains(&other),
        }
    })
}
