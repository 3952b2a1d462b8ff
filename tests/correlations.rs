//! A correlation that is written as Sigma and read again raises the same alerts.

mod common;

use cognate::detection::Detection;
use cognate::evaluate::{Evaluator, Event, RunOptions};
use cognate::frontend::Document;
use cognate::source::Source;
use cognate::target::{Options, Target, compile};
use common::{World, files, source, templates};
use serde_json::Value;

/// Window and group of each alert; what a measure or a key is called may change.
fn alerts(detection: &Detection, test: &cognate::detection::Test) -> Vec<[Value; 2]> {
    let mut evaluator = Evaluator::new(detection, RunOptions::default()).expect("patterns that can be read");
    let mut alerts = Vec::new();
    for event in &test.events {
        let event = Event { fields: &event.event, time: event.time };
        alerts.extend(evaluator.push(&event).expect("events in order"));
    }
    alerts.extend(evaluator.finish());
    let group = |alert: &Value| alert["group"].as_object().into_iter().flatten().map(|(_, value)| value.clone()).collect();
    alerts.iter().map(|alert| alert.to_json()).map(|alert| [alert["window"].clone(), group(&alert)]).collect()
}

#[test]
fn a_correlation_that_is_written_again_is_the_same() {
    let (world, templates, options) = (World::new(), templates(), Options { comments: false, ..Options::default() });
    let mut seen = 0;
    let files = ["correlations", "chains", "several"].map(|name| source(&common::root().join(format!("tests/semantics/{name}.yml"))));
    for document in files.iter().flat_map(|source| world.documents(source)) {
        let detection = document.detection.expect("a detection");
        let Ok(artefact) = compile(&detection, Target::Sigma, templates.of(Target::Sigma), &options) else { continue };
        let again = world.documents(&Source::new("again.yml", artefact.text.clone()));
        let read =
            |document: &Document| document.detection.clone().unwrap_or_else(|| panic!("{:?}\n{}", document.diagnostics, artefact.text));
        let read: Vec<Detection> = again.iter().filter(|document| !document.is_base).map(read).collect();
        let [again] = read.as_slice() else { continue };
        seen += 1;
        for test in &detection.tests {
            assert_eq!(alerts(&detection, test), alerts(again, test), "{}\n{}", test.name.value, artefact.text);
        }
    }
    assert!(seen > 8, "only {seen}");
}

#[test]
fn collections_are_read_again() {
    let (world, templates, options) = (World::new(), templates(), Options { comments: false, ..Options::default() });
    let mut seen = 0;
    for path in ["tests/specs/ok", "detections"].iter().flat_map(|folder| files(folder, "yml")) {
        for detection in world.documents(&source(&path)).into_iter().filter_map(|document| document.detection) {
            let Ok(artefact) = compile(&detection, Target::Sigma, templates.of(Target::Sigma), &options) else { continue };
            seen += usize::from(detection.aggregate.is_some());
            for document in world.documents(&Source::new("again.yml", artefact.text.clone())) {
                assert!(document.detection.is_some(), "{}: {:?}\n{}", path.display(), document.diagnostics, artefact.text);
            }
        }
    }
    assert!(seen > 20, "only {seen}");
}
