//! Tests of the tests.

use super::report::{SpecResults, json, junit, text};
use super::{Outcome, TestResult, passes_all, run};
use crate::detection::{Condition, Detection, Expectation, MeasureFunction, Test, TestEvent, Window};
use crate::evaluate::build::*;
use crate::expression::Type;
use crate::source::{Span, Spanned};
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

fn with_test(mut detection: Detection, events: &[(i64, Json)], expect: Expectation) -> Detection {
    let events = events.iter().map(|(seconds, event)| TestEvent { time: seconds * 1000, event: map(event.clone()).into() }).collect();
    let name = Spanned::new("a <test>".to_owned(), Span::default());
    detection.tests.push(Test { name, technique: None, atomic: None, expected_signal: None, events, expect });
    detection
}

fn alerts(alerts: &[Json]) -> Expectation {
    Expectation::Alerts(alerts.iter().map(|alert| Spanned::new(map(alert.clone()), Span::default())).collect())
}

fn per_user() -> Detection {
    let measures = vec![
        measure("total", MeasureFunction::Count, None),
        measure("first", MeasureFunction::Minimum(field("timestamp", Type::Timestamp)), None),
        measure("mean", MeasureFunction::Average(field("x", Type::Number)), None),
        measure("all", MeasureFunction::Values(field("x", Type::Text)), None),
    ];
    detection(Vec::new(), Condition::ALWAYS, Some(aggregate(Window::Tumbling(60_000), &["user"], measures, greater(measured(0), 0.0))))
}

fn events() -> Vec<(i64, Json)> {
    [(0, "a", 1), (1, "a", 1), (2, "b", 2), (3, "b", 1), (4, "b", 1)].map(|(time, user, x)| (time, json!({ "user": user, "x": x }))).into()
}

fn result(detection: Detection, expected: Expectation) -> TestResult {
    run(&with_test(detection, &events(), expected)).remove(0)
}

#[test]
fn expected_alerts_match_in_any_order() {
    let b = json!({ "user": "b", "total": 3.0, "mean": 1.333333333333, "all": ["2", 1], "first": "1970-01-01T01:00:02+01:00" });
    for expected in [
        Expectation::Count(2),
        alerts(&[b.clone(), json!({ "user": "a", "count": 2, "window_end": "1970-01-01 00:01" })]),
        // The first fits both, the second only one.
        alerts(&[json!({}), json!({ "user": "a" })]),
        alerts(&[json!({ "user": "b" }), json!({})]),
    ] {
        assert_eq!(result(per_user(), expected).outcome, Outcome::Passed);
    }
}

fn explained(expected: Expectation) -> Vec<String> {
    result(per_user(), expected).explanations()
}

#[test]
fn differences_are_explained() {
    let a = r#"user="a" total=2 first="1970-01-01T00:00:00Z" mean=1 all=["1"] window_end=1970-01-01T00:01:00Z"#;
    let b = r#"user="b" total=3 first="1970-01-01T00:00:02Z" mean=1.3333333333333333 all=["1","2"] window_end=1970-01-01T00:01:00Z"#;
    assert_eq!(explained(Expectation::Count(0)), [format!("expected no alert, got 2 alerts:\n  {a}\n  {b}")]);
    assert_eq!(explained(alerts(&[json!({ "user": "a" })])), [format!("unexpected alert: {b}")]);
    assert_eq!(
        explained(alerts(&[json!({ "user": "a" }), json!({ "user": "b", "total": 4, "totl": 3 })])),
        [format!("expected another alert than {b}:\n  total: expected 4, got 3\n  totl: there is no such column, did you mean `total`?")]
    );
    assert_eq!(explained(alerts(&[json!({}), json!({}), json!({ "user": "c" })])), [r#"expected an alert that was not raised: user="c""#]);
}

#[test]
fn plain_rules_compare_fields_of_the_event() {
    let spec = || detection(Vec::new(), is("user", "a"), None);
    let expected = alerts(&[json!({ "user": "a", "x": 1, "timestamp": "1970-01-01T00:00:00Z" }), json!({ "x": "1", "none": null })]);
    assert_eq!(result(spec(), expected).outcome, Outcome::Passed);
    let wrong = result(spec(), alerts(&[json!({ "user": "a" }), json!({ "x": 2 })])).explanations();
    assert_eq!(wrong, ["expected another alert than user=\"a\" x=1:\n  x: expected 2, got 1"]);
}

#[test]
fn all_tests_pass_in_time_or_not_at_all() {
    let soon = Instant::now() + Duration::from_secs(60);
    let passes = |expected: &[usize], until| {
        let tested = expected.iter().fold(per_user(), |tested, count| with_test(tested, &events(), Expectation::Count(*count)));
        passes_all(&tested, &tested.tests, until)
    };
    assert!(passes(&[2, 2], soon));
    assert!(!passes(&[2, 1], soon));
    assert!(!passes(&[3], soon));
    let now = Instant::now();
    std::thread::sleep(Duration::from_millis(1));
    assert!(!passes(&[2], now));
}

#[test]
fn events_out_of_order_are_an_error() {
    let events = [(1, json!({})), (0, json!({}))];
    let result = run(&with_test(per_user(), &events, Expectation::Count(0))).remove(0);
    assert!(matches!(result.outcome, Outcome::NotRun(_)));
    assert_eq!(result.diagnostics()[0].code.0, "E0601");
}

#[test]
fn reports() {
    let results = vec![result(per_user(), Expectation::Count(2)), result(per_user(), Expectation::Count(1))];
    let specs = [SpecResults { path: "detections/a.yml".into(), title: "A & B".into(), results }];
    let shown = text(&specs);
    assert!(
        shown.starts_with("detections/a.yml\n  ok    a <test>\n  FAIL  a <test>\n          expected 1 alert, got 2 alerts:\n"),
        "{shown}"
    );
    assert!(shown.ends_with("\n2 tests in 1 spec: 1 failed\n"), "{shown}");
    let shown = junit(&specs);
    assert!(shown.contains(r#"<testcase name="a &lt;test&gt;" classname="A &amp; B" file="detections/a.yml"/>"#), "{shown}");
    assert!(shown.contains(r#"<failure message="expected 1 alert, got 2 alerts:">expected 1 alert"#), "{shown}");
    let shown = json(&specs);
    assert_eq!(shown["failed"], 1);
    assert_eq!(shown["specs"][0]["tests"][1]["outcome"], "failed");
}
