//! A correlation that is written as Sigma and read again raises the same alerts.

mod common;

use cognate::detection::{Detection, Test};
use cognate::evaluate::{Evaluator, Event, RunOptions};
use cognate::frontend::Document;
use cognate::source::Source;
use cognate::target::{Options, Target, compile};
use common::random::Random;
use common::{World, files, source, templates};
use serde_json::{Map, Value, json};

/// Window and group of each alert; what a measure or a key is called may change.
fn alerts<'e>(detection: &Detection, events: impl Iterator<Item = Event<'e>>) -> Vec<[Value; 2]> {
    let mut evaluator = Evaluator::new(detection, RunOptions::default()).expect("patterns that can be read");
    let mut alerts = Vec::new();
    for event in events {
        alerts.extend(evaluator.push(&event).expect("events in order"));
    }
    alerts.extend(evaluator.finish());
    let group = |alert: &Value| alert["group"].as_object().into_iter().flatten().map(|(_, value)| value.clone()).collect();
    alerts.iter().map(|alert| alert.to_json()).map(|alert| [alert["window"].clone(), group(&alert)]).collect()
}

fn alerts_of_test(detection: &Detection, test: &Test) -> Vec<[Value; 2]> {
    alerts(detection, test.events.iter().map(|event| Event { fields: &event.event, time: event.time }))
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
            assert_eq!(alerts_of_test(&detection, test), alerts_of_test(again, test), "{}\n{}", test.name.value, artefact.text);
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

/// An event of one of the rules in `correlation_several_sited.yml`, or of both.
fn sited_event(random: &mut Random) -> Map<String, Value> {
    let names = || [json!("ann"), json!("Ann"), json!("svc-a"), json!("a planned one"), json!(12), Value::Null].to_vec();
    let numbers = || [json!(1), json!("5"), json!(10), json!("12"), json!(120), json!("x"), json!(7.5)].to_vec();
    let mut event = Map::new();
    for (field, values) in [
        ("state", vec![json!("sent"), json!("other")]),
        ("action", vec![json!("opened"), json!("other")]),
        ("user", names()),
        ("member", names()),
        ("sender", names()),
        ("text", names()),
        ("bytes", numbers()),
        ("integer", numbers()),
        // no put-together event has them
        ("nothing_of_that_name", names()),
        ("who", names()),
    ] {
        let value = &values[random.below(values.len())];
        if random.below(6) > 0 {
            event.insert(field.to_owned(), value.clone());
        }
    }
    event
}

#[test]
fn what_a_site_leaves_out_is_left_out_in_each_rule() {
    let path = common::root().join("tests/specs/ok/correlation_several_sited.yml");
    let detection = World::new().documents(&source(&path)).pop().and_then(|document| document.detection).expect("a correlation");
    let rewritten = Target::Spl.approximate(&detection).0;
    let unsited = Detection { exclusions: Vec::new(), ..detection.clone() };
    assert!(!detection.exclusions.is_empty() && rewritten.exclusions.is_empty());
    let (mut random, mut seen, mut changed) = (Random::new(5), 0, 0);
    for _ in 0..200 {
        let events: Vec<Map<String, Value>> = (0..40).map(|_| sited_event(&mut random)).collect();
        let timed = || (0..).step_by(300_000).zip(&events).map(|(time, fields)| Event { fields, time });
        let found = alerts(&detection, timed());
        assert_eq!(found, alerts(&rewritten, timed()), "{events:#?}");
        seen += found.len();
        changed += usize::from(found != alerts(&unsited, timed()));
    }
    assert!(seen > 500 && changed > 100, "{seen} alerts, {changed} changed");
}

#[test]
fn each_rule_must_have_a_place() {
    let (world, templates, options) = (World::new(), templates(), Options { unmapped: false, ..Options::default() });
    let path = common::root().join("tests/specs/ok/correlation_several.yml");
    let documents = world.documents(&source(&path));
    let detection = documents.iter().find(|document| document.name == "login_and_export").and_then(|document| document.detection.as_ref());
    for target in [Target::Spl, Target::Kql] {
        let problems = compile(detection.expect("a correlation"), target, templates.of(target), &options).expect_err("a refusal");
        let found: Vec<(&str, bool)> = problems.iter().map(|problem| (problem.code.0, problem.message.contains("`example/vpn`"))).collect();
        assert_eq!(found, [("E0403", true)], "{problems:#?}");
    }
}
