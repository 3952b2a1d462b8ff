//! Small detections in which translators slip: wildcards, backslashes, quotes, types, expressions, conditions, names of
//! fields. `tests/traps.yml` says what each must become on every target.
//!
//! Expected is the condition of the query, with line breaks and indentation as one blank; or `refused: CODE`; or
//! `reported: [CODE]` with the text. Without `sigma` the Sigma rule must mean the same when it is read again.

mod common;

use cognate::build::{Acceptance, Outcome, build};
use cognate::detection::Detection;
use cognate::source::Source;
use cognate::target::{Options, Target};
use cognate::template::Templates;
use common::events::difference;
use common::{World, root, templates};
use serde_yaml::Value;

struct Trap {
    name: String,
    detection: String,
    fields: Vec<(String, Value)>,
}

fn traps() -> Vec<Trap> {
    let text = std::fs::read_to_string(root().join("tests/traps.yml")).expect("the table");
    let Value::Sequence(items) = serde_yaml::from_str(&text).expect("YAML") else { panic!("a list is expected") };
    let trap = |item: Value| {
        let Value::Mapping(map) = item else { panic!("a map is expected: {item:?}") };
        let mut fields: Vec<(String, Value)> =
            map.into_iter().map(|(key, value)| (key.as_str().expect("a text").to_owned(), value)).collect();
        let mut take = |key: &str| {
            let index = fields.iter().position(|(name, _)| name == key).unwrap_or_else(|| panic!("no `{key}`"));
            fields.remove(index).1.as_str().expect("a text").to_owned()
        };
        Trap { name: take("name"), detection: take("detection"), fields }
    };
    items.into_iter().map(trap).collect()
}

/// The spec around a detection; a `fields` key at its end belongs to the spec.
fn spec(detection: &str) -> Source {
    let mut text = "title: Trap\nlogsource: { product: example, service: log }\ndetection:\n".to_owned();
    for line in detection.lines() {
        let indent = if line.starts_with("fields:") { "" } else { "  " };
        text += &format!("{indent}{line}\n");
    }
    Source::new("trap.yml", text)
}

/// Line breaks and indentation as one blank.
fn joined<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let text = lines.map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    text.replace("( ", "(").replace(" )", ")")
}

/// The part of a query that says the condition; the whole query if it has a form of its own.
fn condition(target: Target, text: &str) -> String {
    match target {
        Target::Aql => {
            let time = |line: &str| line.trim_start().starts_with("AND starttime ");
            if !text.starts_with("SELECT *") {
                return joined(text.lines().filter(|line| !time(line)));
            }
            let lines = text.lines().skip(3).filter(|line| !time(line) && !line.starts_with("LAST "));
            joined(lines).trim_start_matches("AND ").to_owned()
        }
        Target::Spl => joined(text.trim_start_matches("index=* sourcetype=\"example:log\" earliest=-70m latest=-10m").lines()),
        Target::Kql => joined(text.lines().skip(2)),
        Target::Sigma => text.to_owned(),
    }
}

/// What became of it, in the notation of the table.
fn actual(detection: &Detection, target: Target, world: &World, templates: &Templates) -> Value {
    let options = Options { comments: false, ..Options::default() };
    let (outcome, _) = build(detection, target, templates, &options, &Acceptance::default());
    let codes = |codes: Vec<&str>| {
        let mut codes = codes;
        codes.dedup();
        Value::Sequence(codes.into_iter().map(Value::from).collect())
    };
    let map = |entries: Vec<(&str, Value)>| Value::Mapping(entries.into_iter().map(|(key, value)| (key.into(), value)).collect());
    let text = |text: &str| match target {
        Target::Sigma => Value::from(read_again(detection, text, world)),
        Target::Aql | Target::Spl | Target::Kql => Value::from(condition(target, text)),
    };
    match outcome {
        Outcome::Built(artefact) => text(&artefact.text),
        Outcome::NotAccepted(artefact, problems) => {
            assert_eq!(artefact.fidelity.approximations.is_empty(), problems.is_empty());
            let reported = codes(artefact.fidelity.approximations.iter().map(|deviation| deviation.code.0).collect());
            map(vec![("reported", reported), ("text", text(&artefact.text))])
        }
        Outcome::Refused(problems) => map(vec![("refused", codes(problems.iter().map(|problem| problem.code.0).collect()))]),
        Outcome::Skipped(reason) => panic!("nothing is skipped here: {reason}"),
    }
}

/// `same` if a Sigma rule means what the detection means, else the rule.
fn read_again(detection: &Detection, rule: &str, world: &World) -> String {
    let (again, problems) = world.understand(&Source::new("rule.yml", rule));
    let Some(again) = again else { return format!("{rule}\n{problems:?}") };
    let names = |detection: &Detection| detection.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    let same = again.condition == detection.condition || difference(detection, &again, 500).is_none();
    if same && names(&again) == names(detection) { "same".to_owned() } else { rule.to_owned() }
}

/// The texts of an expectation in the same form as those of a query.
fn expected(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(joined(text.lines())),
        Value::Mapping(map) => Value::Mapping(map.iter().map(|(key, value)| (key.clone(), expected(value))).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Sequence(_) | Value::Tagged(_) => value.clone(),
    }
}

/// What a trap becomes: problems of the spec, then every target.
fn become_of(trap: &Trap, world: &World, templates: &Templates) -> Vec<(String, Value)> {
    let (detection, problems) = world.understand(&spec(&trap.detection));
    let mut codes: Vec<&str> = problems.sorted().iter().map(|problem| problem.code.0).collect();
    codes.dedup();
    let mut found = Vec::new();
    if !codes.is_empty() {
        found.push(("problems".to_owned(), Value::Sequence(codes.into_iter().map(Value::from).collect())));
    }
    if let Some(detection) = detection {
        found.extend(Target::ALL.map(|target| (target.name().to_owned(), actual(&detection, target, world, templates))));
        found.retain(|(key, value)| key != "sigma" || value != "same");
    }
    found
}

#[test]
fn nothing_slips() {
    let (world, templates) = (World::new(), templates());
    let traps = traps();
    assert!(traps.len() >= 118, "the table has {} traps", traps.len());
    let mut wrong = String::new();
    for trap in &traps {
        let found = become_of(trap, &world, &templates);
        let wanted: Vec<(String, Value)> = trap.fields.iter().map(|(key, value)| (key.clone(), expected(value))).collect();
        if found != wanted {
            let map: serde_yaml::Mapping = found.into_iter().map(|(key, value)| (Value::from(key), value)).collect();
            let shown = serde_yaml::to_string(&map).expect("YAML").replace('\n', "\n  ");
            wrong += &format!("- name: {}\n  {shown}\n", trap.name);
        }
    }
    assert!(wrong.is_empty(), "these became something else:\n{wrong}");
}
