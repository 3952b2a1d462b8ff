//! Many detections evaluated together raise the alerts that each of them raises alone.

mod common;

use cognate::detection::Detection;
use cognate::evaluate::index::Index;
use cognate::evaluate::{Alert, Evaluator, Evaluators, Event, RunOptions, moment, read_time};
use common::events::{condition_holds, made_up};
use common::{World, files, source};
use serde_json::{Map, Value};

type Fields = Map<String, Value>;

fn detections() -> Vec<Detection> {
    let world = World::new();
    let folders = ["detections", "tests/semantics", "tests/specs/ok"];
    let specs: Vec<_> = folders.iter().flat_map(|folder| files(folder, "yml")).collect();
    let documents = specs.iter().flat_map(|path| world.documents(&source(path)));
    let detections: Vec<Detection> = documents.filter_map(|document| document.detection).collect();
    assert!(detections.len() > 180, "{} detections", detections.len());
    detections
}

/// The events of all tests in time order, and made-up ones.
fn events(detections: &[Detection]) -> Vec<Fields> {
    let tests = detections.iter().flat_map(|detection| &detection.tests).flat_map(|test| &test.events);
    let mut events: Vec<(i64, Fields)> = tests.map(|test| (test.time, (*test.event).clone())).collect();
    let start = events.iter().map(|(time, _)| *time).min().expect("events");
    let more = detections.iter().flat_map(|detection| made_up(detection, 6));
    events.extend(more.enumerate().map(|(index, event)| (start + index as i64 * 1_000, event)));
    events.sort_by_key(|(time, _)| *time);
    let with_time = |(time, mut event): (i64, Fields)| {
        event.insert("timestamp".to_owned(), moment::text(time).into());
        event
    };
    events.into_iter().map(with_time).collect()
}

/// The alerts of one detection, each with the number of the event after which it came.
fn alone(detection: &Detection, events: &[Fields]) -> Vec<(usize, String)> {
    let mut evaluator = Evaluator::new(detection, RunOptions::default()).expect("a run");
    let mut found = Vec::new();
    for (number, fields) in events.iter().enumerate() {
        let Some(time) = read_time(&detection.log_source, fields) else { continue };
        let alerts = evaluator.push(&Event { time, fields }).expect("in order");
        found.extend(alerts.iter().map(|alert| (number, shown(alert))));
    }
    found.extend(evaluator.finish().iter().map(|alert| (events.len(), shown(alert))));
    found
}

fn shown(alert: &Alert) -> String {
    alert.to_json().to_string()
}

#[test]
fn together_they_raise_what_each_raises_alone() {
    let detections = detections();
    let events = events(&detections);
    let mut expected: Vec<(usize, String)> = detections.iter().flat_map(|detection| alone(detection, &events)).collect();
    // stable: alerts of one moment come in the order of the detections
    expected.sort_by_key(|(number, _)| *number);
    let mut all = Evaluators::new(&detections, RunOptions::default()).expect("runs");
    let mut found = Vec::new();
    for (number, fields) in events.iter().enumerate() {
        let alerts = all.push(fields).expect("in order").expect("a time");
        found.extend(alerts.iter().map(|alert| (number, shown(alert))));
    }
    found.extend(all.finish().iter().map(|alert| (events.len(), shown(alert))));
    assert!(found.len() > 2_000, "{} alerts", found.len());
    let different = found.iter().zip(&expected).position(|(found, expected)| found != expected);
    assert_eq!((different, found.len()), (None, expected.len()), "{:?}", different.map(|at| (&found[at], &expected[at])));
}

#[test]
fn what_matches_is_a_candidate() {
    let detections = detections();
    let index = Index::new(detections.iter().map(|detection| (&detection.condition, &*detection.log_source)));
    let (mut matches, mut candidates) = (0, 0);
    for (number, detection) in detections.iter().enumerate() {
        for event in made_up(detection, 100) {
            let is_candidate = index.candidates(&event).contains(&number);
            let holds = condition_holds(&detection.condition, &detection.log_source, &event).expect("a condition");
            assert!(is_candidate || !holds, "{}: {event:?}", detection.metadata.title.value);
            matches += usize::from(holds);
            candidates += usize::from(is_candidate);
        }
    }
    println!("{matches} matches of {candidates} candidates");
    assert!(matches > 5_000);
}
