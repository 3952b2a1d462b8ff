//! What is fuzzed: each function takes the bytes of one input, drives a part of the public API with them, and panics
//! if the part panics or breaks a promise. The fuzz targets and `tests/fuzz_corpus.rs` call the same functions.

#![forbid(unsafe_code)]

mod checks;
mod evaluation;
mod world;

use checks::{check_compiles, check_problems, understood};
use cognate::condition;
use cognate::diagnostic::Diagnostics;
use cognate::expression;
use cognate::frontend::list_values;
use cognate::logsource::{self, Field, FieldType, LogSource};
use cognate::place::ScalarText;
use cognate::site::Site;
use cognate::source::{Source, Span};
use cognate::target::sigma::formula_text;
use cognate::yaml::{self, Kind, Node};
use std::fmt::Write;
use world::World;

/// A fuzz target: its name, which is also that of its corpus, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All fuzz targets.
pub const TARGETS: [Target; 7] = [
    ("yaml", yaml),
    ("condition", condition),
    ("expression", expression),
    ("spec", spec),
    ("evaluator", evaluator),
    ("log_source", log_source),
    ("site", site),
];

fn source(bytes: &[u8]) -> Source {
    Source::new("input.yml", String::from_utf8_lossy(bytes))
}

/// A text in double quotes, as YAML and JSON both read it.
fn quoted(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_ascii_graphic() || c == ' ' => c.to_string(),
        c if u32::from(c) < 0x1_0000 => format!("\\u{:04x}", u32::from(c)),
        c => format!("\\U{:08x}", u32::from(c)),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

/// The YAML reader: every place lies in the text, and without an error there is a tree that can be walked.
pub fn yaml(bytes: &[u8]) {
    let source = source(bytes);
    let mut problems = Diagnostics::new();
    let documents = yaml::read(&source.text, &mut problems);
    documents.iter().for_each(|document| check_node(document, &source));
    check_problems(&source, problems);
    list_values(&source.text);
}

fn check_node(node: &Node<'_>, source: &Source) {
    assert!(source.text.get(node.span.range()).is_some(), "{:?} is no place in the text", node.span);
    node.describe();
    match &node.kind {
        Kind::Scalar { text, .. } => {
            yaml::trap(text);
            node.value().to_json();
        }
        Kind::List(items) => items.iter().for_each(|item| check_node(item, source)),
        Kind::Map(entries) => entries.iter().for_each(|entry| check_node(&entry.value, source)),
    }
}

/// The selections that conditions may name.
const SELECTIONS: [&str; 7] = ["selection", "selection_one", "filter_main", "filter_other", "_hidden", "notepad", "1"];

fn with_condition(condition: &str) -> Source {
    let selections: String = SELECTIONS.iter().map(|name| format!("  {name}: {{ {name}: x }}\n")).collect();
    let head = "title: T\nlogsource: { product: example, service: log }\ndetection:\n";
    Source::new("condition.yml", format!("{head}{selections}  condition: {}\n", quoted(condition)))
}

/// The parser of conditions: a condition that is written again is the same.
pub fn condition(bytes: &[u8]) {
    let raw = source(bytes);
    let scalar = ScalarText::new(&raw, Span::new(0, raw.text.len()), &raw.text);
    if let Err(problem) = condition::parse(&scalar) {
        checks::check_problem(&raw, &problem);
    }
    let world = World::shared();
    let Some(detection) = understood(world, &with_condition(&raw.text)).pop() else { return };
    let text = formula_text(&detection.formula, &detection.selections);
    let again = understood(world, &with_condition(&text)).pop().unwrap_or_else(|| panic!("`{text}` is no condition"));
    assert_eq!(detection.formula, again.formula, "{text}");
    check_compiles(world, &with_condition(&raw.text));
}

/// Where the lines of an input stand in a spec: two measures, two derived columns, a condition, a label, a group key.
fn with_expressions(text: &str) -> Source {
    let mut lines = text.lines();
    let mut next = |otherwise: &str| quoted(lines.next().filter(|line| !line.trim().is_empty()).unwrap_or(otherwise));
    let (condition, derived, measure) = (next("events > 0"), next("events + 1"), next("count()"));
    let (when, second, key) = (next("events > 1"), next("extra"), next("user"));
    let mut spec = String::from("title: T\nlogsource: { product: bitbucket, service: audit }\nparameters: { limit: 5 }\ndetection:\n");
    let _ = write!(
        spec,
        "  chosen: {{ action: x }}\n  condition: chosen\naggregate:\n  group-by: [{{ key: {key} }}]\n  window: 1h\n  measures:\n    \
         events: count()\n    worst: max(timestamp)\n    extra: {measure}\n  derive:\n    first: {derived}\n    second: {second}\n  \
         condition: {condition}\n  label:\n    severity:\n      - when: {when}\n        then: high\n      - otherwise: low\n"
    );
    Source::new("expression.yml", spec)
}

/// The parser of expressions, and whatever comes after it for an aggregate of expressions.
pub fn expression(bytes: &[u8]) {
    let raw = source(bytes);
    let scalar = ScalarText::new(&raw, Span::new(0, raw.text.len()), &raw.text);
    if let Err(problem) = expression::parse::parse(&scalar) {
        checks::check_problem(&raw, &problem);
    }
    let world = World::shared();
    let source = with_expressions(&raw.text);
    check_compiles(world, &source);
    for detection in understood(world, &source) {
        evaluation::check_evaluation(&detection, evaluation::SAMPLE_EVENTS);
    }
}

/// A spec, from its text to the artefacts of every target.
pub fn spec(bytes: &[u8]) {
    check_compiles(World::shared(), &source(bytes));
}

/// The specs that inputs are put into compile by themselves: otherwise a target would look at their errors only.
pub fn check_own_specs() {
    let world = World::shared();
    let compiles = |world: &World, source: &Source| {
        let (detection, problems) = world.understand(source);
        assert!(detection.is_some(), "{problems:?}\n{}", source.text);
    };
    compiles(world, &with_condition("selection"));
    compiles(world, &with_expressions(""));
    for spec in [world::PLAIN, world::COUNTED] {
        compiles(world, &Source::new("spec.yml", spec));
    }
    for (source, file) in world.log_sources().read_all() {
        let described = file.log_source.as_deref().unwrap_or_else(|| panic!("{} has errors", source.path));
        for spec in specs_of(described) {
            compiles(world, &spec);
        }
    }
}

/// What parts a spec from its events in an input of [`evaluator`].
const EVENTS: &str = "\n=== events\n";

/// A spec and events, one JSON object a line: alerts with and without throttle, and the spec's own tests.
pub fn evaluator(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (spec, events) = text.split_once(EVENTS).unwrap_or((&text, ""));
    for detection in understood(World::shared(), &Source::new("input.yml", spec)) {
        evaluation::check_evaluation(&detection, events);
        evaluation::check_tests(&detection);
    }
}

/// A log source file, and a spec that uses all of its fields.
pub fn log_source(bytes: &[u8]) {
    let source = source(bytes);
    let mut problems = Diagnostics::new();
    let described = logsource::read(&source, &|_| None, &mut problems);
    let good = !problems.has_errors();
    check_problems(&source, problems);
    assert_eq!(described.is_some(), good, "a log source or an error");
    let Some(described) = described else { return };
    let world = World::with(Source::new(format!("{}.yml", described.id.stem()), source.text));
    for spec in specs_of(&described) {
        check_compiles(&world, &spec);
    }
}

/// A spec that asks for all fields of a log source and shows them, and one that counts.
fn specs_of(described: &LogSource) -> [Source; 2] {
    let part = |key: &str, value: &Option<String>| value.as_ref().map(|value| format!("{key}: {}, ", quoted(value))).unwrap_or_default();
    let id = [part("product", &described.id.product), part("category", &described.id.category), part("service", &described.id.service)];
    let names: Vec<String> = described.fields.iter().map(|field| quoted(&field.name)).collect();
    let items: String = described.fields.iter().map(|field| item(field)).collect();
    let head = format!("title: T\nlogsource: {{ {} }}\n", id.concat());
    let plain = format!("{head}detection:\n  chosen:\n{items}  condition: chosen\nfields: [{}]\n", names.join(", "));
    let key = described.fields.iter().find(|field| !field.list).map_or("", |field| &field.name);
    let counted = format!(
        "{head}aggregate:\n  group-by: [{{ key: {} }}]\n  window: 1h\n  measures: {{ events: count() }}\n  condition: events > 1\n",
        quoted(&format!("`{key}`"))
    );
    [Source::new("plain.yml", plain), Source::new("counted.yml", counted)]
}

/// An item that asks for any value that the field can have.
fn item(field: &Field) -> String {
    let (modifier, value) = match field.kind {
        FieldType::Text | FieldType::Any => ("", "['1', x*]"),
        FieldType::Integer | FieldType::Number => ("", "1"),
        FieldType::Boolean | FieldType::Ip | FieldType::Timestamp => ("|exists", "true"),
    };
    format!("    {}: {value}\n", quoted(&format!("{}{modifier}", field.name)))
}

/// A site file, and specs that are compiled for it.
pub fn site(bytes: &[u8]) {
    let source = source(bytes);
    let mut problems = Diagnostics::new();
    let site = Site::read(&source, World::shared().log_sources(), &mut problems);
    let good = !problems.has_errors();
    check_problems(&source, problems);
    assert_eq!(site.is_some(), good, "a site or an error");
    let Some(site) = site else { return };
    let world = World::at(site);
    for spec in [world::PLAIN, world::COUNTED] {
        check_compiles(&world, &Source::new("spec.yml", spec));
    }
}
