//! Real Windows events with labels made by others: which of the public Sigma rules match which event, log sources ignored.
//! The data is not part of this repository: it is looked for in the folder `$COGNATE_PUBLIC_DATA`, else in `shared` beside
//! the repository. Without it the test says so and checks nothing.

mod common;

use cognate::detection::{Condition, Detection};
use cognate::diagnostic::Severity;
use cognate::evaluate::Event;
use cognate::evaluate::condition::Matcher;
use cognate::source::Source;
use common::World;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("COGNATE_PUBLIC_DATA").map_or_else(|| common::root().join("../shared"), PathBuf::from);
    let complete = folder.join("regression/events.jsonl").is_file() && folder.join("corpus/sigma").is_dir();
    complete.then_some(folder)
}

fn events(path: &Path) -> Vec<Map<String, Value>> {
    let text = std::fs::read_to_string(path).expect("a readable file");
    let read = |line: &str| {
        let mut line = serde_json::from_str::<Value>(line).expect("JSON");
        line["event"].as_object_mut().map(std::mem::take).expect("an event")
    };
    text.lines().map(read).collect()
}

fn rules(folder: &Path) -> (Vec<Detection>, Vec<String>) {
    let (mut rules, mut refused) = (Vec::new(), Vec::new());
    let world = World::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(|entry| entry.expect("a readable folder")) {
        if entry.path().extension().is_some_and(|extension| extension == "yml") {
            let text = std::fs::read_to_string(entry.path()).expect("a readable file");
            let (detection, diagnostics) = world.understand(&Source::new(entry.file_name().to_string_lossy(), text));
            match detection {
                Some(detection) => rules.push(detection),
                None => {
                    let code =
                        diagnostics.iter().find(|problem| problem.severity == Severity::Error).map_or("no error", |problem| problem.code.0);
                    refused.push(format!("{}: {code}", entry.file_name().to_string_lossy()));
                }
            }
        }
    }
    (rules, refused)
}

/// (event, rule id) pairs of the table.
fn expected(path: &Path) -> BTreeSet<(usize, String)> {
    let text = std::fs::read_to_string(path).expect("a readable file");
    let pair = |line: &str| {
        let mut columns = line.split('\t');
        (columns.next().and_then(|number| number.parse().ok()).expect("a number"), columns.next().expect("an id").to_owned())
    };
    text.lines().skip(1).map(pair).collect()
}

#[test]
fn every_rule_matches_the_events_that_others_say() {
    let Some(folder) = data() else {
        eprintln!("SKIPPED: no labelled events here (set COGNATE_PUBLIC_DATA)");
        return;
    };
    let events = events(&folder.join("regression/events.jsonl"));
    let (rules, refused) = rules(&folder.join("corpus/sigma"));
    assert_eq!((events.len(), rules.len()), (238, 2244), "events and rules");
    // it names a list that only its user can write
    assert!(refused.iter().all(|rule| rule.ends_with("E0213")) && refused.len() == 1, "{refused:?}");
    let whole = |rule: &Detection| rule.condition.clone();
    compare(&rules, &events, whole, &folder.join("regression/all_matches_unfiltered.tsv"));
    // with the events of each rule's log source only; these are events of Windows, none of which is known to be one of a log source
    // that nobody has described, or of one of something else that does not say which events are its own
    let own = |rule: &Detection| {
        let own_events = rule.log_source.own_events();
        let windows = rule.log_source.id.product.as_deref() == Some("windows");
        match rule.log_source.open || (own_events.is_empty() && !windows) {
            true => Condition::NEVER,
            false => Condition::all(own_events.into_iter().chain([rule.condition.clone()])),
        }
    };
    compare(&rules, &events, own, &folder.join("regression/all_matches.tsv"));
}

fn compare(rules: &[Detection], events: &[Map<String, Value>], condition: impl Fn(&Detection) -> Condition, table: &Path) {
    let mut found = BTreeSet::new();
    for rule in rules {
        let matcher = Matcher::new(&condition(rule), &rule.log_source).expect("a condition that can be evaluated");
        let id = rule.metadata.id.clone().expect("public rules have an id");
        let matches = |fields: &Map<String, Value>| matcher.holds(&Event { time: 0, fields });
        found.extend(events.iter().enumerate().filter(|(_, fields)| matches(fields)).map(|(index, _)| (index, id.clone())));
    }
    let expected = expected(table);
    let only = |a: &BTreeSet<(usize, String)>, b: &BTreeSet<(usize, String)>| a.difference(b).cloned().collect::<Vec<_>>();
    assert_eq!((only(&found, &expected), only(&expected, &found)), (Vec::new(), Vec::new()), "found too much, and too little");
    let name = table.file_stem().unwrap_or_default().to_string_lossy();
    println!("{name}: {} pairs of {} rules and {} events: all as labelled", found.len(), rules.len(), events.len());
}
