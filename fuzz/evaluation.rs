//! What must hold of the evaluator: a detection and events go in, and a promise that is broken is a panic.

use cognate::detection::Detection;
use cognate::evaluate::{Alert, Event, Problem, RunOptions, read_time, run};
use cognate::testing;
use serde_json::{Map, Value};

/// Tests with more events than this are left alone: they take long because they are long.
const MANY_EVENTS: usize = 3_000;

/// Events of the log source that inputs of `expression` are about.
pub const SAMPLE_EVENTS: &str = r#"{"timestamp": "2026-01-05T00:00:00Z", "action": "x", "user": "ann"}
{"timestamp": "2026-01-05T00:10:00Z", "action": "x", "user": "Ann", "address": "192.0.2.1"}
{"timestamp": "2026-01-05T00:10:00Z", "action": "x"}
{"timestamp": "2026-01-05T02:00:00Z", "action": "X", "user": 7}"#;

/// Alerts of events that stand one a line: the same each time, fewer with a throttle, and each has its JSON form.
pub fn check_evaluation(detection: &Detection, events: &str) {
    let mut events = read_events(detection, events);
    let written = evaluate(detection, &events, true);
    let sorted = events.is_sorted_by_key(|(time, _)| *time);
    assert!(sorted || written.is_err(), "events out of order are evaluated");
    events.sort_by_key(|(time, _)| *time);
    let [with, again, without] = [true, true, false].map(|throttle| evaluate(detection, &events, throttle));
    assert_eq!(with, again, "the alerts are not the same in another run");
    assert!(!matches!(with, Err(Problem::OutOfOrder { .. })), "{with:?}");
    if let (Ok(with), Ok(without)) = (with, without) {
        assert!(with.len() <= without.len(), "a throttle makes alerts");
    }
}

fn read_events(detection: &Detection, events: &str) -> Vec<(i64, Map<String, Value>)> {
    let objects = events.lines().filter_map(|line| serde_json::from_str::<Map<String, Value>>(line).ok());
    objects.filter_map(|fields| Some((read_time(&detection.log_source, &fields)?, fields))).take(MANY_EVENTS).collect()
}

fn evaluate(detection: &Detection, events: &[(i64, Map<String, Value>)], throttle: bool) -> Result<Vec<Alert>, Problem> {
    let events = events.iter().map(|(time, fields)| Event { time: *time, fields });
    let alerts = run(detection, events, RunOptions { throttle })?;
    for alert in &alerts {
        serde_json::to_string(alert).expect("an alert has a JSON form");
    }
    Ok(alerts)
}

/// The spec's own tests: they pass or say why not.
pub fn check_tests(detection: &Detection) {
    if detection.tests.iter().map(|test| test.events.len()).sum::<usize>() > MANY_EVENTS {
        return;
    }
    for result in testing::run(detection) {
        let (explanations, problems) = (result.explanations(), result.diagnostics());
        assert_eq!(result.passed(), explanations.is_empty());
        assert_eq!(result.passed(), problems.is_empty());
    }
}
