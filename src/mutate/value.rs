//! The tests that one value stands for → tests of another value, or by another modifier.

use super::expression::neighbours;
use crate::detection::{Comparison, FieldTest, Item, Modifier, Predicate, RegexTest, Relation, Segment, TextPattern, ValueTest};
use crate::evaluate::event::float_text;
use crate::yaml::{Number, Value};
use ipnet::IpNet;

/// A regular expression that no text matches.
const NEVER: &str = r"[^\s\S]";

/// One value of an item.
#[derive(Debug, Clone)]
pub(super) struct OneValue {
    /// As the author wrote it.
    pub shown: String,
    /// One or several: `windash` and `base64offset` make more than one.
    pub tests: Vec<ValueTest>,
}

impl OneValue {
    /// With every test changed.
    pub fn map(&self, change: &dyn Fn(&ValueTest) -> ValueTest) -> OneValue {
        OneValue { shown: self.shown.clone(), tests: self.tests.iter().map(change).collect() }
    }
}

/// The values of an item with their tests.
pub(super) fn values(item: &Item, predicates: &[&Predicate]) -> Vec<OneValue> {
    let groups: Vec<Vec<ValueTest>> = if item.modifiers.contains(&Modifier::All) {
        predicates.iter().map(|predicate| predicate.tests.clone()).collect()
    } else {
        groups(item, predicates.iter().flat_map(|predicate| predicate.tests.iter().cloned()).collect())
    };
    match groups.len() == item.values.len() {
        true => groups.into_iter().zip(&item.values).map(|(tests, value)| OneValue { shown: shown_value(value), tests }).collect(),
        // which test belongs to which value is not known: they are changed together
        false => {
            let shown = item.values.iter().map(shown_value).collect::<Vec<_>>().join(", ");
            vec![OneValue { shown, tests: groups.into_iter().flatten().collect() }]
        }
    }
}

/// Tests that belong to one value stand beside each other.
fn groups(item: &Item, tests: Vec<ValueTest>) -> Vec<Vec<ValueTest>> {
    if item.modifiers.contains(&Modifier::Base64Offset) {
        return tests.chunks(3).map(<[ValueTest]>::to_vec).collect();
    }
    let together = |a: &ValueTest, b: &ValueTest| item.modifiers.contains(&Modifier::Windash) && undashed(a) == undashed(b);
    tests.chunk_by(together).map(<[ValueTest]>::to_vec).collect()
}

/// The text with every kind of dash as the same one.
fn undashed(test: &ValueTest) -> String {
    let ValueTest::Text(pattern) = test else { return String::new() };
    shown_pattern(pattern).replace(['/', '\u{2013}', '\u{2014}', '\u{2015}'], "-")
}

/// A value on one line.
fn shown_value(value: &Value) -> String {
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.text.clone(),
        Value::Boolean(value) => value.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => "null".to_owned(),
    };
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

fn shown_pattern(pattern: &TextPattern) -> String {
    let piece = |segment: &Segment| match segment {
        Segment::Literal(text) => text.clone(),
        Segment::AnyRun => "*".to_owned(),
        Segment::AnyCharacter => "?".to_owned(),
    };
    pattern.segments.iter().map(piece).collect()
}

/// Other values in its place.
pub(super) fn altered(value: &OneValue) -> Vec<OneValue> {
    match value.tests.as_slice() {
        [test] => other_tests(&value.shown, test).into_iter().map(|(shown, test)| OneValue { shown, tests: vec![test] }).collect(),
        tests => {
            let first = |test| other_tests(&value.shown, test).into_iter().next().map(|(_, test)| test);
            let tests: Vec<ValueTest> = tests.iter().filter_map(first).collect();
            vec![OneValue { shown: format!("{}~", value.shown), tests }]
        }
    }
}

/// Tests of nearly the same value, each with the value.
fn other_tests(shown: &str, test: &ValueTest) -> Vec<(String, ValueTest)> {
    let numbers = |number: &Number| neighbours(number.value).map(|value| Number { text: float_text(value), value });
    let numbered =
        |number: &Number, make: &dyn Fn(Number) -> ValueTest| numbers(number).map(|number| (number.text.clone(), make(number))).into();
    match test {
        ValueTest::Text(pattern) => vec![other_text(shown, pattern)],
        ValueTest::Number(number) => numbered(number, &ValueTest::Number),
        ValueTest::Boolean(value) => vec![((!value).to_string(), ValueTest::Boolean(!value))],
        ValueTest::Absent => vec![(opposite(shown), ValueTest::Present)],
        ValueTest::Present => vec![(opposite(shown), ValueTest::Absent)],
        ValueTest::Regex(regex) => other_expressions(regex),
        ValueTest::Network(network) => other_networks(*network),
        ValueTest::Compare(comparison, number) => numbered(number, &|number| ValueTest::Compare(*comparison, number)),
        ValueTest::Field(_) => Vec::new(),
        ValueTest::TimePart(part, comparison, number) => numbered(number, &|number| ValueTest::TimePart(*part, *comparison, number)),
    }
}

/// Of `exists: true` and of `null`.
fn opposite(shown: &str) -> String {
    match shown {
        "true" => "false".to_owned(),
        "false" => "true".to_owned(),
        _ => "anything".to_owned(),
    }
}

/// The last literal longer by one character; without a literal, a wildcard less.
fn other_text(shown: &str, pattern: &TextPattern) -> (String, ValueTest) {
    let mut segments = pattern.segments.clone();
    let test = |segments| ValueTest::Text(TextPattern::new(segments, pattern.cased));
    for segment in segments.iter_mut().rev() {
        let Segment::Literal(literal) = segment else { continue };
        let end = shown.rfind(literal.as_str()).map_or(shown.len(), |at| at + literal.len());
        literal.push('~');
        return (format!("{}~{}", &shown[..end], &shown[end..]), test(segments));
    }
    if segments.is_empty() {
        return ("~".to_owned(), test(vec![Segment::Literal("~".to_owned())]));
    }
    let character = segments.iter().position(|segment| *segment == Segment::AnyCharacter);
    segments.remove(character.unwrap_or(0));
    let shorter = TextPattern::new(segments, pattern.cased);
    (shown_pattern(&shorter), ValueTest::Text(shorter))
}

/// One that never matches, and those without an anchor at an end.
fn other_expressions(regex: &RegexTest) -> Vec<(String, ValueTest)> {
    let pattern = regex.pattern.as_str();
    let unanchored = [pattern.strip_prefix('^'), pattern.strip_suffix('$').filter(|rest| !rest.ends_with('\\'))];
    let others = std::iter::once(NEVER).chain(unanchored.into_iter().flatten());
    others.map(|pattern| (pattern.to_owned(), ValueTest::Regex(RegexTest { pattern: pattern.to_owned(), ..regex.clone() }))).collect()
}

/// The network around it, and its lower half.
fn other_networks(network: IpNet) -> Vec<(String, ValueTest)> {
    let length = network.prefix_len();
    let lengths = [length.checked_sub(1), Some(length + 1).filter(|length| *length <= network.max_prefix_len())];
    let other = |length| IpNet::new(network.addr(), length).ok().map(|network| network.trunc());
    lengths.into_iter().flatten().filter_map(other).map(|network| (network.to_string(), ValueTest::Network(network))).collect()
}

/// `contains` left out: the whole text.
pub(super) fn whole(test: &ValueTest) -> ValueTest {
    let ValueTest::Text(pattern) = test else { return related(test, Relation::Equals) };
    let segments = pattern.segments.as_slice();
    let segments = segments.strip_prefix(&[Segment::AnyRun]).unwrap_or(segments);
    let segments = segments.strip_suffix(&[Segment::AnyRun]).unwrap_or(segments);
    ValueTest::Text(TextPattern::new(segments.iter().cloned(), pattern.cased))
}

/// Whether it is the test of a whole text without wildcards.
pub(super) fn is_whole_text(test: &ValueTest) -> bool {
    matches!(test, ValueTest::Text(pattern) if matches!(pattern.segments.as_slice(), [Segment::Literal(_)]))
}

/// `contains` where a whole text is tested.
pub(super) fn loose(test: &ValueTest) -> ValueTest {
    if is_whole_text(test) { anywhere(test) } else { test.clone() }
}

/// `contains` instead of `startswith` and `endswith`.
pub(super) fn anywhere(test: &ValueTest) -> ValueTest {
    let ValueTest::Text(pattern) = test else { return related(test, Relation::Contains) };
    let run = || std::iter::once(Segment::AnyRun);
    ValueTest::Text(TextPattern::new(run().chain(pattern.segments.iter().cloned()).chain(run()), pattern.cased))
}

/// Another relation to a field; other tests stay.
fn related(test: &ValueTest, relation: Relation) -> ValueTest {
    let ValueTest::Field(field) = test else { return test.clone() };
    ValueTest::Field(FieldTest { relation, ..field.clone() })
}

/// Without `cased`.
pub(super) fn ignoring_case(test: &ValueTest) -> ValueTest {
    if let ValueTest::Text(pattern) = test {
        return ValueTest::Text(TextPattern { cased: false, ..pattern.clone() });
    }
    let ValueTest::Field(field) = test else { return test.clone() };
    ValueTest::Field(FieldTest { cased: false, ..field.clone() })
}

/// A regular expression without a flag.
pub(super) fn without_flag(test: &ValueTest, flag: Modifier) -> ValueTest {
    let ValueTest::Regex(regex) = test else { return test.clone() };
    let keeps = |other: Modifier| flag != other;
    ValueTest::Regex(RegexTest {
        ignore_case: regex.ignore_case && keeps(Modifier::IgnoreCase),
        multiline: regex.multiline && keeps(Modifier::Multiline),
        dot_all: regex.dot_all && keeps(Modifier::DotAll),
        ..regex.clone()
    })
}

/// With another comparison.
pub(super) fn compared(test: &ValueTest, comparison: Comparison) -> ValueTest {
    if let ValueTest::Compare(_, number) = test {
        return ValueTest::Compare(comparison, number.clone());
    }
    let ValueTest::TimePart(part, _, number) = test else { return test.clone() };
    ValueTest::TimePart(*part, comparison, number.clone())
}
