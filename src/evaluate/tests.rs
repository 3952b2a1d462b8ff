//! The evaluator over small detections.

use super::build::*;
use super::{Event, Problem, RunOptions};
use crate::detection::*;
use crate::expression::{Arithmetic, ColumnReference, ExpressionKind, Function, Relational, Type};
use crate::source::{Span, Spanned};
use crate::yaml::Number;
use serde_json::{Value as Json, json};
use std::sync::Arc;

fn holds(condition: &Condition, event: Json) -> bool {
    super::holds(condition, &log_source(), &Event { time: 0, fields: &map(event) }).expect("a condition")
}

fn regex(pattern: &str) -> ValueTest {
    ValueTest::Regex(RegexTest { pattern: pattern.into(), ignore_case: false, multiline: false, dot_all: false, fancy: false })
}

fn literal(text: &str) -> Number {
    Number::parse(text).expect("a number")
}

#[test]
fn texts_ignore_case_and_numbers_equal_their_texts() {
    assert!(holds(&is("a", "x*"), json!({ "a": "XY" })));
    assert!(holds(&is("a", "4625"), json!({ "a": 4625 })));
    assert!(holds(&is("a", "true"), json!({ "a": true })));
    let number = test("a", vec![ValueTest::Number(literal("4625"))]);
    for (value, expected) in
        [(json!(4625), true), (json!("4625"), true), (json!(4625.0), true), (json!("4625.0"), false), (json!(true), false)]
    {
        assert_eq!(holds(&number, json!({ "a": value })), expected);
    }
    let boolean = test("a", vec![ValueTest::Boolean(true)]);
    assert!(holds(&boolean, json!({ "a": "True" })) && holds(&boolean, json!({ "a": true })) && !holds(&boolean, json!({ "a": 1 })));
}

#[test]
fn missing_fields_fail_every_test_but_absent() {
    for event in [json!({}), json!({ "a": null }), json!({ "a": [] }), json!({ "a": [null] })] {
        for tests in [vec![ValueTest::Text(pattern("*"))], vec![regex("")], vec![ValueTest::Present]] {
            let condition = test("a", tests);
            assert!(!holds(&condition, event.clone()));
            assert!(holds(&Condition::not(condition), event.clone()));
        }
        assert!(holds(&test("a", vec![ValueTest::Absent]), event.clone()));
        assert!(holds(&test("a", vec![ValueTest::Text(pattern("x")), ValueTest::Absent]), event));
    }
    assert!(holds(&is("a", ""), json!({ "a": "" })) && !holds(&is("a", ""), json!({})));
    assert!(holds(&is("a", "*"), json!({ "a": "" })));
    assert!(!holds(&test("a", vec![ValueTest::Absent]), json!({ "a": "" })));
}

#[test]
fn objects_are_present_and_nothing_else() {
    let event = || json!({ "a": { "b": "x" } });
    assert!(holds(&test("a", vec![ValueTest::Present]), event()));
    assert!(!holds(&is("a", "*"), event()));
    assert!(holds(&is("a.b", "x"), event()));
}

#[test]
fn any_element_of_a_list() {
    let event = || json!({ "a": ["x", ["y", 3]] });
    for (written, expected) in [("x", true), ("y", true), ("3", true), ("z", false)] {
        assert_eq!(holds(&is("a", written), event()), expected);
    }
    assert!(holds(&Condition::not(is("a", "z")), event()));
}

#[test]
fn comparisons_take_plain_numbers_only() {
    let larger = test("a", vec![ValueTest::Compare(Comparison::Greater, literal("9"))]);
    for (value, expected) in [(json!(10), true), (json!("10"), true), (json!("10x"), false), (json!("1e9"), false), (json!(9), false)] {
        assert_eq!(holds(&larger, json!({ "a": value.clone() })), expected, "{value}");
    }
}

#[test]
fn regular_expressions() {
    assert!(holds(&test("a", vec![regex("b.d$")]), json!({ "a": "abcd" })));
    assert!(!holds(&test("a", vec![regex("B")]), json!({ "a": "abcd" })));
    assert!(!holds(&test("a", vec![regex("d$")]), json!({ "a": "abcd\n" })));
    assert!(!holds(&test("a", vec![regex("a.b")]), json!({ "a": "a\nb" })));
    assert!(holds(&test("a", vec![regex("(?<!x)b")]), json!({ "a": "ab" })));
    let wrong = super::holds(&test("a", vec![regex("(")]), &log_source(), &Event { time: 0, fields: &map(json!({})) });
    assert!(matches!(wrong, Err(Problem::Pattern { .. })));
    // An expression that explodes gives up; that is not a match.
    assert!(!holds(&test("a", vec![regex("(x+x+)+\\1y")]), json!({ "a": "x".repeat(60) })));
}

#[test]
fn networks() {
    let network = |text: &str| test("a", vec![ValueTest::Network(text.parse().expect("a network"))]);
    assert!(holds(&network("10.0.0.0/8"), json!({ "a": "10.1.2.3" })));
    for value in [json!("11.1.2.3"), json!("10.1.2"), json!("::ffff:10.1.2.3"), json!(10), json!("10.1.2.3/32")] {
        assert!(!holds(&network("10.0.0.0/8"), json!({ "a": value })));
    }
    assert!(holds(&network("2001:db8::/32"), json!({ "a": "2001:DB8::1" })));
}

#[test]
fn fields_against_fields() {
    let related = |relation, cased| {
        let other = Arc::new(text_field("b"));
        test("a", vec![ValueTest::Field(FieldTest { other, relation, cased })])
    };
    assert!(holds(&related(Relation::Equals, false), json!({ "a": "X", "b": "x" })));
    assert!(!holds(&related(Relation::Equals, true), json!({ "a": "X", "b": "x" })));
    assert!(holds(&related(Relation::StartsWith, false), json!({ "a": ["q", "xy"], "b": ["n", "x"] })));
    assert!(holds(&related(Relation::Equals, false), json!({ "a": 5, "b": "5" })));
    for event in [json!({ "a": "x" }), json!({ "b": "x" }), json!({})] {
        assert!(!holds(&related(Relation::Equals, false), event.clone()));
        assert!(!holds(&related(Relation::Contains, false), event));
    }
}

#[test]
fn parts_of_moments() {
    let hour = |field: &str, hour: &str| test(field, vec![ValueTest::TimePart(TimePart::Hour, Comparison::Equal, literal(hour))]);
    assert!(holds(&hour("a", "3"), json!({ "a": "2026-01-05T03:59:59Z" })));
    assert!(holds(&hour("a", "2"), json!({ "a": "2026-01-05T03:59:59+01:00" })));
    assert!(!holds(&hour("a", "0"), json!({ "a": "yesterday" })) && !holds(&hour("a", "0"), json!({ "a": 0 })));
    assert!(holds(&hour("timestamp", "0"), json!({})), "the time field is the event's time");
}

#[test]
fn keywords_search_every_value() {
    let keyword =
        Condition::Match(Predicate { subject: Subject::Event, tests: vec![ValueTest::Text(pattern("*needle*"))], span: Span::default() });
    assert!(holds(&keyword, json!({ "a": { "b": [1, { "c": "A NEEDLE" }] } })));
    assert!(!holds(&keyword, json!({ "needle": 1 })));
}

fn count() -> Measure {
    measure("total", MeasureFunction::Count, None)
}

/// More than `limit` events per user.
fn many(window: Window, limit: f64) -> Detection {
    detection(Vec::new(), Condition::ALWAYS, Some(aggregate(window, &["user"], vec![count()], greater(measured(0), limit))))
}

fn users(times: &[(i64, &str)]) -> Vec<(i64, Json)> {
    times.iter().map(|(time, user)| (*time, json!({ "user": user }))).collect()
}

fn ends(alerts: &[Json]) -> Vec<String> {
    alerts.iter().map(|alert| format!("{} {}", &alert["window"]["end"].as_str().unwrap_or("")[11..], alert["count"])).collect()
}

#[test]
fn tumbling_windows_start_at_multiples() {
    let alerts = run(&many(Window::Tumbling(60_000), 1.0), &users(&[(0, "a"), (59, "a"), (60, "a"), (119, "b"), (120, "a"), (120, "a")]));
    assert_eq!(alerts.len(), 2);
    assert_eq!(
        alerts[0],
        json!({
            "rule": null, "title": "Title", "window": { "start": "1970-01-01T00:00:00Z", "end": "1970-01-01T00:01:00Z" },
            "group": { "user": "a" }, "count": 2, "measures": { "total": 2 }, "labels": {},
        })
    );
    assert_eq!(alerts[1]["window"]["start"], json!("1970-01-01T00:02:00Z"));
    let before_1970 = run(&many(Window::Tumbling(60_000), 1.0), &users(&[(-1, "a"), (-1, "a"), (0, "a")]));
    assert_eq!(before_1970[0]["window"]["start"], json!("1969-12-31T23:59:00Z"));
}

#[test]
fn rows_of_one_window_come_in_key_order_and_missing_keys_are_one_group() {
    let events = [json!({ "user": "b" }), json!({ "user": "" }), json!({}), json!({ "user": null }), json!({ "user": "B" })];
    let alerts = run(&many(Window::Tumbling(60_000), 0.0), &events.map(|event| (1, event)));
    let keys: Vec<_> = alerts.iter().map(|alert| (alert["group"]["user"].clone(), alert["count"].clone())).collect();
    assert_eq!(keys, [(json!("B"), json!(1)), (json!("b"), json!(1)), (json!(null), json!(3))]);
}

#[test]
fn keys_that_only_look_alike_stay_apart() {
    let mut spec = many(Window::Lookback, 0.0);
    let aggregate = spec.aggregate.as_mut().expect("an aggregate");
    let key = aggregate.group_by[0].clone();
    aggregate.group_by.push(GroupKey { name: "ip".into(), field: Arc::new(text_field("ip")), ..key });
    let events = [json!({ "user": "1:a" }), json!({ "ip": "1:a" }), json!({ "user": "-", "ip": "-" }), json!({ "user": "--" })];
    assert_eq!(run(&spec, &events.map(|event| (1, event))).len(), 4);
}

#[test]
fn sliding_windows_alert_when_the_condition_starts_to_hold() {
    let spec = many(Window::Sliding { length: 60_000, at: None }, 1.0);
    let times = users(&[(0, "a"), (30, "a"), (50, "a"), (90, "a"), (140, "a"), (150, "a"), (150, "a")]);
    // 30: (0 30]; 50 held before; 90: (30, 90] is 50 90; 140: (80, 140] is 90 140; 150 held before.
    assert_eq!(ends(&run(&spec, &times)), ["00:00:30Z 2"]);
    // An event exactly one length old has left.
    assert_eq!(ends(&run(&spec, &users(&[(0, "a"), (60, "a"), (119, "a"), (179, "a"), (180, "a")]))), ["00:01:59Z 2", "00:03:00Z 2"]);
    // Events of equal time are judged together.
    assert_eq!(ends(&run(&spec, &users(&[(5, "a"), (5, "a"), (5, "a"), (5, "b")]))), ["00:00:05Z 3"]);
    // Held, then nothing for a whole length: it starts anew.
    assert_eq!(ends(&run(&spec, &users(&[(0, "a"), (0, "a"), (60, "a"), (60, "a")]))), ["00:00:00Z 2", "00:01:00Z 2"]);
    assert_eq!(ends(&run(&spec, &users(&[(0, "a"), (0, "a"), (59, "a"), (59, "a")]))), ["00:00:00Z 2"]);
}

#[test]
fn sliding_windows_at_a_selection() {
    let failures = measure("failures", MeasureFunction::Count, Some(selection(0)));
    let window = Window::Sliding { length: 60_000, at: Some(1) };
    let body = aggregate(window, &["user"], vec![failures], greater(measured(0), 1.0));
    let spec = detection(vec![is("result", "bad"), is("result", "good")], Condition::ALWAYS, Some(body));
    let events: Vec<_> = [(0, "bad"), (1, "bad"), (2, "bad"), (3, "good"), (4, "good"), (4, "good"), (61, "good")]
        .map(|(time, result)| (time, json!({ "user": "a", "result": result })))
        .into();
    assert_eq!(ends(&run(&spec, &events)), ["00:00:03Z 4", "00:00:04Z 6"]);
}

#[test]
fn lookback_is_one_window() {
    let alerts = run(&many(Window::Lookback, 1.0), &users(&[(0, "b"), (5, "a"), (100_000, "a")]));
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["window"], json!({ "start": "1970-01-01T00:00:05Z", "end": "1970-01-02T03:46:40Z" }));
}

/// All measures over the field `x`.
fn all_measures(window: Window) -> Detection {
    let x = || field("x", Type::Number);
    let measures = vec![
        count(),
        measure("distinct", MeasureFunction::Distinct(field("x", Type::Text)), None),
        measure("sum", MeasureFunction::Sum(x()), None),
        measure("avg", MeasureFunction::Average(x()), None),
        measure("min", MeasureFunction::Minimum(x()), None),
        measure("max", MeasureFunction::Maximum(x()), None),
        measure("values", MeasureFunction::Values(field("x", Type::Text)), None),
        measure("median", MeasureFunction::Percentile(x(), 50.0), None),
        measure("p90", MeasureFunction::Percentile(x(), 90.0), None),
        measure("first", MeasureFunction::Minimum(field("timestamp", Type::Timestamp)), None),
        measure("large", MeasureFunction::Count, Some(greater(x(), 2.0))),
    ];
    let always = expression(Type::Boolean, ExpressionKind::Boolean(true));
    detection(Vec::new(), Condition::ALWAYS, Some(aggregate(window, &[], measures, always)))
}

fn numbers(values: &[Json]) -> Vec<(i64, Json)> {
    values.iter().zip(0..).map(|(x, time)| (time, json!({ "x": x }))).collect()
}

#[test]
fn measures() {
    let alerts =
        run(&all_measures(Window::Lookback), &numbers(&[json!(1), json!("2.5"), json!(2.5), json!("many"), json!(null), json!("")]));
    assert_eq!(
        alerts[0]["measures"],
        json!({
            "total": 6, "distinct": 4, "sum": 6, "avg": 2, "min": 1, "max": 2.5, "values": ["", "1", "2.5", "many"],
            "median": 2.5, "p90": 2.5, "first": "1970-01-01T00:00:00Z", "large": 2,
        })
    );
    let nothing = run(&all_measures(Window::Lookback), &numbers(&[json!(null)]));
    assert_eq!(
        nothing[0]["measures"],
        json!({
            "total": 1, "distinct": 0, "sum": 0, "avg": null, "min": null, "max": null, "values": [],
            "median": null, "p90": null, "first": "1970-01-01T00:00:00Z", "large": 0,
        })
    );
}

#[test]
fn percentiles_are_nearest_rank() {
    let rank = |count: i64, percent: f64| {
        let p = measure("p", MeasureFunction::Percentile(field("x", Type::Number), percent), None);
        let spec = detection(Vec::new(), Condition::ALWAYS, Some(aggregate(Window::Lookback, &[], vec![p], greater(number(1.0), 0.0))));
        let values: Vec<Json> = (1..=count).map(Json::from).collect();
        run(&spec, &numbers(&values))[0]["measures"]["p"].as_i64().expect("a number")
    };
    assert_eq!([rank(4, 50.0), rank(5, 50.0), rank(100, 7.0), rank(1000, 99.9), rank(3, 0.1), rank(3, 100.0)], [2, 3, 7, 999, 1, 3]);
}

#[test]
fn sums_are_exact() {
    let values = [json!(0.1), json!(1e16), json!(0.2), json!(-1e16), json!(0.3)];
    assert_eq!(run(&all_measures(Window::Lookback), &numbers(&values))[0]["measures"]["sum"], json!(0.6));
}

#[test]
fn taking_events_out_leaves_what_a_fresh_count_gives() {
    let mut random = Random(3);
    let mut spec = all_measures(Window::Sliding { length: 10_000, at: None });
    // Alert at every instant: the selection 0 is every event.
    let everything =
        Selection { name: "all".into(), span: Span::default(), body: SelectionBody::Items(Vec::new()), condition: Condition::ALWAYS };
    spec.selections.push(everything);
    spec.aggregate.as_mut().expect("an aggregate").window = Window::Sliding { length: 10_000, at: Some(0) };
    let mut time = 0;
    let mut events = Vec::new();
    for _ in 0..300 {
        time += random.below(4) as i64;
        let x = [json!(0.1), json!(0.7), json!(3), json!("3"), json!("text"), json!(null), json!(-2)][random.below(7)].clone();
        events.push((time, json!({ "x": x })));
    }
    for alert in run(&spec, &events) {
        let end: jiff::Timestamp = alert["window"]["end"].as_str().expect("a text").parse().expect("a time");
        let end = end.as_second();
        let inside: Vec<_> = events.iter().filter(|(time, _)| end - 10 < *time && *time <= end).cloned().collect();
        assert_eq!(alert["measures"], run(&all_measures(Window::Lookback), &inside)[0]["measures"]);
    }
}

#[test]
fn derived_columns_labels_and_sort() {
    let mut spec = many(Window::Lookback, 0.0);
    let body = spec.aggregate.as_mut().expect("an aggregate");
    body.measures.push(measure("first", MeasureFunction::Minimum(field("timestamp", Type::Timestamp)), None));
    body.measures.push(measure("last", MeasureFunction::Maximum(field("timestamp", Type::Timestamp)), None));
    let time = |index| Box::new(column(Type::Timestamp, ColumnReference::Measure(index)));
    let span = expression(Type::Duration, ExpressionKind::Arithmetic(Arithmetic::Subtract, time(2), time(1)));
    let minutes = |duration| {
        let minute = expression(Type::Duration, ExpressionKind::Duration(60_000));
        expression(Type::Number, ExpressionKind::Arithmetic(Arithmetic::Divide, Box::new(duration), Box::new(minute)))
    };
    let rounded = expression(Type::Number, ExpressionKind::Call(Function::Round, vec![minutes(span.clone()), number(2.0)]));
    let per_minute =
        ExpressionKind::Arithmetic(Arithmetic::Divide, Box::new(measured(0)), Box::new(column(Type::Number, ColumnReference::Derived(1))));
    body.derived = vec![
        Derived { name: "span".into(), expression: span, span: Span::default() },
        Derived { name: "minutes".into(), expression: rounded, span: Span::default() },
        Derived { name: "rate".into(), expression: expression(Type::Number, per_minute), span: Span::default() },
    ];
    body.labels = vec![Label {
        name: "kind".into(),
        cases: vec![
            (greater(column(Type::Number, ColumnReference::Derived(2)), 10.0), "fast".into()),
            (greater(column(Type::Number, ColumnReference::Derived(2)), 0.0), "slow".into()),
        ],
        otherwise: None,
        span: Span::default(),
    }];
    body.sort = vec![SortKey { column: "rate".into(), descending: true }, SortKey { column: "user".into(), descending: true }];
    let alerts = run(&spec, &users(&[(0, "none"), (0, "slow"), (0, "also none"), (0, "fast"), (5, "fast"), (100, "slow")]));
    let shown: Vec<_> = alerts.iter().map(|alert| (alert["group"]["user"].clone(), alert["labels"]["kind"].clone())).collect();
    let expected = [("fast", json!("fast")), ("slow", json!("slow")), ("none", json!(null)), ("also none", json!(null))];
    assert_eq!(shown, expected.map(|(user, kind)| (json!(user), kind)));
    assert_eq!(alerts[1]["measures"]["span"], json!(100));
    assert_eq!(alerts[1]["measures"]["minutes"], json!(1.67));
    assert_eq!(alerts[2]["measures"]["rate"], json!(null), "divided by zero");
}

#[test]
fn comparing_with_missing_is_false() {
    let average = measure("avg", MeasureFunction::Average(field("x", Type::Number)), None);
    for relational in [Relational::Equal, Relational::NotEqual, Relational::Less, Relational::GreaterOrEqual] {
        let holds = compare(relational, measured(0), number(0.0));
        let not = expression(Type::Boolean, ExpressionKind::Not(Box::new(holds.clone())));
        for (condition, alerts) in [(holds, 0), (not, 1)] {
            let spec = detection(Vec::new(), Condition::ALWAYS, Some(aggregate(Window::Lookback, &[], vec![average.clone()], condition)));
            assert_eq!(run(&spec, &[(0, json!({}))]).len(), alerts);
        }
    }
}

#[test]
fn plain_rules_and_their_columns() {
    let mut spec = detection(Vec::new(), is("a", "x"), None);
    spec.metadata.id = Some("id".into());
    let event = json!({ "a": "X", "b": { "c": 1 } });
    assert_eq!(run(&spec, &[(0, event.clone()), (1, json!({}))]), [json!({ "rule": "id", "title": "Title", "event": event })]);
    let column = |name: &str, field: &str| Column { name: name.into(), field: Arc::new(text_field(field)), span: Span::default() };
    spec.columns = vec![column("b_c", "b.c"), column("z", "z"), column("timestamp", "timestamp")];
    let shown = json!({ "b_c": 1, "z": null, "timestamp": "1970-01-01T00:00:00Z" });
    assert_eq!(run(&spec, &[(0, event)])[0]["event"], shown);
}

#[test]
fn throttle_runs_from_the_first_alert() {
    let mut spec = detection(Vec::new(), Condition::ALWAYS, None);
    let by = vec![Spanned::new("user".to_owned(), Span::default())];
    spec.alert.throttle = Some(Throttle { period: 10_000, by });
    let alerts = run(&spec, &users(&[(0, "a"), (9, "a"), (9, "b"), (10, "a"), (15, "a"), (20, "a")]));
    let shown: Vec<_> = alerts.iter().map(|alert| alert["event"]["user"].clone()).collect();
    assert_eq!(shown, ["a", "b", "a", "a"]);
}

#[test]
fn events_must_come_in_time_order() {
    let spec = detection(Vec::new(), Condition::ALWAYS, None);
    let fields = map(json!({}));
    let events = [5, 5, 4].map(|time| Event { time, fields: &fields });
    let problem = super::run(&spec, events, RunOptions::default()).expect_err("out of order");
    assert_eq!(problem, Problem::OutOfOrder { index: 2, time: 4, previous: 5 });
}

#[test]
fn odd_events_never_panic() {
    let odd = [
        json!({}),
        json!({ "x": 1e308, "user": [] }),
        json!({ "x": -1e308, "user": {} }),
        json!({ "x": 1e308, "user": [["a"], null] }),
        json!({ "x": u64::MAX, "user": false }),
        json!({ "x": "9".repeat(400), "user": -0.0 }),
        json!({ "x": "\u{0}\u{130}", "user": "\u{10ffff}" }),
        json!({ "": "", ".": { ".": 1 }, "x": { "x": { "x": [] } } }),
    ];
    let times = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX, i64::MAX];
    for window in [Window::Tumbling(1), Window::Tumbling(i64::MAX), Window::Sliding { length: i64::MAX, at: None }, Window::Lookback] {
        let mut spec = all_measures(window);
        spec.aggregate.as_mut().expect("an aggregate").group_by = many(Window::Lookback, 0.0).aggregate.expect("an aggregate").group_by;
        let fields: Vec<_> = odd.iter().cloned().map(map).collect();
        let events = times.iter().zip(&fields).map(|(time, fields)| Event { time: *time, fields });
        let alerts = super::run(&spec, events, RunOptions::default()).expect("a run");
        assert!(!serde_json::to_string(&alerts).expect("JSON").is_empty());
    }
}

/// Sliding windows by their definition: every instant of every group looks at all events.
fn sliding_by_definition(events: &[(i64, Json)], length: i64, limit: usize) -> Vec<(i64, String)> {
    let mut alerts = Vec::new();
    for user in ["a", "b", "c"] {
        let times: Vec<i64> = events.iter().filter(|(_, event)| event["user"] == user).map(|(time, _)| *time).collect();
        let mut instants = times.clone();
        instants.dedup();
        let holds = |t: i64| times.iter().filter(|time| t - length < **time && **time <= t).count() > limit;
        for (index, t) in instants.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| instants[before]).filter(|before| t - before < length);
            if holds(*t) && !before.is_some_and(holds) {
                alerts.push((*t, user.to_owned()));
            }
        }
    }
    alerts.sort();
    alerts
}

#[test]
fn sliding_windows_are_as_defined() {
    let mut random = Random(11);
    for round in 0..200 {
        let (length, limit, step) = (1 + random.below(12) as i64, random.below(5), 1 + random.below(6));
        let mut time = 0;
        let mut events = Vec::new();
        for _ in 0..60 {
            time += random.below(step) as i64;
            let user = ["a", "b", "c"][random.below(3)];
            events.push((time, json!({ "user": user })));
        }
        let spec = many(Window::Sliding { length: length * 1000, at: None }, limit as f64);
        let found: Vec<(i64, String)> = run(&spec, &events)
            .iter()
            .map(|alert| {
                let end: jiff::Timestamp = alert["window"]["end"].as_str().expect("a text").parse().expect("a time");
                (end.as_second(), alert["group"]["user"].as_str().expect("a user").to_owned())
            })
            .collect();
        assert_eq!(found, sliding_by_definition(&events, length, limit), "round {round}");
    }
}

/// Any JSON, not too deep.
fn odd_value(random: &mut Random, depth: usize) -> Json {
    match random.below(if depth == 0 { 8 } else { 10 }) {
        0 => Json::Null,
        1 => json!(true),
        2 => json!(random.next() as i64 - (1 << 30)),
        3 => json!(f64::from_bits(random.next() << 31 ^ random.next())),
        4 => json!(""),
        5 => ["x", "X*", "10", "-1.5", "10.0.0.1", "2026-01-05T00:00:00Z", "\u{130}\u{0}\n"][random.below(7)].into(),
        6 => json!("9".repeat(random.below(400))),
        7 => json!("é".repeat(random.below(50))),
        8 => (0..random.below(4)).map(|_| odd_value(random, depth - 1)).collect(),
        _ => {
            let member = |random: &mut Random| (["a", "b", "a.b", ""][random.below(4)].to_owned(), odd_value(random, depth - 1));
            Json::Object((0..random.below(4)).map(|_| member(random)).collect())
        }
    }
}

/// Whatever comes, a condition either holds or its negation does, and a test of an absent field is false.
#[test]
fn conditions_have_two_values() {
    let mut random = Random(5);
    let other = || FieldTest { other: Arc::new(text_field("b")), relation: Relation::Contains, cased: false };
    let tests = [
        ValueTest::Text(pattern("x*")),
        ValueTest::Number(literal("10")),
        ValueTest::Boolean(true),
        ValueTest::Present,
        regex("^(x|1)+$"),
        ValueTest::Network("10.0.0.0/8".parse().expect("a network")),
        ValueTest::Compare(Comparison::Less, literal("0")),
        ValueTest::Field(other()),
        ValueTest::TimePart(TimePart::Week, Comparison::GreaterOrEqual, literal("2")),
    ];
    let fields = ["a", "b", "a.b"];
    for _ in 0..300 {
        let event = Json::Object(fields.iter().map(|name| ((*name).to_owned(), odd_value(&mut random, 3))).collect());
        for name in fields {
            let absent = holds(&test(name, vec![ValueTest::Absent]), event.clone());
            assert_ne!(absent, holds(&test(name, vec![ValueTest::Present]), event.clone()), "{event}");
            for one in &tests {
                let condition = test(name, vec![one.clone()]);
                let found = holds(&condition, event.clone());
                assert_ne!(found, holds(&Condition::not(condition), event.clone()), "{event}");
                assert!(!(absent && found), "{event} {name} {one:?}");
            }
        }
    }
}
