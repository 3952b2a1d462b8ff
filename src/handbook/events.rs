//! The tests of a spec: what each stands for, its events as a table, and what the evaluator says of them.

use super::attack::{atomic, named, technique_of};
use super::markdown::{code, inline, points, prose, shortened, table};
use super::words::{json, length};
use crate::attack;
use crate::detection::{Detection, Test, TestEvent};
use crate::evaluate::aggregate::Row;
use crate::evaluate::{Alert, AlertBody, moment};
use crate::report::counted;
use crate::testing;
use serde_json::{Map, Value as Json};

/// How many rows of events a test shows.
const EVENTS: usize = 8;
/// How many of its alerts.
const ALERTS: usize = 5;
/// With more keys than that, an event is shown as JSON.
const COLUMNS: usize = 8;
/// How much of a value is shown.
const VALUE_LENGTH: usize = 100;
/// How much of a whole event.
const EVENT_LENGTH: usize = 400;

/// The part of a page with the tests.
pub fn part(detection: &Detection) -> String {
    detection.tests.iter().map(|test| described(detection, test)).collect::<Vec<_>>().join("\n\n")
}

fn described(detection: &Detection, test: &Test) -> String {
    let mut parts = vec![format!("### {}", inline(&test.name.value))];
    let atomic_test = test.atomic.as_ref().and_then(|guid| attack::atomic(&guid.value));
    parts.extend(technique_of(test).map(|technique| format!("Technique: {}", named(&technique))));
    parts.extend(atomic_test.map(|test| format!("Atomic Red Team: {}, {}", atomic(&test), code(test.guid))));
    parts.extend(test.expected_signal.as_ref().map(|signal| format!("Expected signal: {}", prose(signal))));
    parts.push(events(&test.events));
    parts.push(verdict(detection, test));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

/// Equal events that follow one another.
struct Run<'t> {
    first: &'t TestEvent,
    last: i64,
    count: usize,
}

fn runs(events: &[TestEvent]) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for event in events {
        match runs.last_mut() {
            Some(run) if run.first.event == event.event => {
                run.last = event.time;
                run.count += 1;
            }
            Some(_) | None => runs.push(Run { first: event, last: event.time, count: 1 }),
        }
    }
    runs
}

fn events(events: &[TestEvent]) -> String {
    let Some(first) = events.first() else { return "No events.".to_owned() };
    let (begin, runs) = (first.time, runs(events));
    let shown = &runs[..runs.len().min(EVENTS)];
    let keys = keys(shown);
    let mut head = vec!["after".to_owned(), "events".to_owned()];
    head.extend(if keys.len() > COLUMNS { vec!["event".to_owned()] } else { keys.iter().map(|key| inline(key)).collect() });
    let rows: Vec<Vec<String>> = shown.iter().map(|run| row(run, begin, &keys)).collect();
    let hidden: usize = runs[shown.len()..].iter().map(|run| run.count).sum();
    let more = if hidden == 0 { String::new() } else { format!("\n\nAnd {hidden} more events.") };
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    format!("{}{more}", table(&head, &rows))
}

/// The keys of events, in the order in which they come.
fn keys<'t>(runs: &[Run<'t>]) -> Vec<&'t str> {
    let mut keys: Vec<&str> = Vec::new();
    for key in runs.iter().flat_map(|run| run.first.event.keys()) {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    keys
}

fn row(run: &Run<'_>, begin: i64, keys: &[&str]) -> Vec<String> {
    let from = length(run.first.time - begin);
    let span = if run.last == run.first.time { from } else { format!("{from} to {}", length(run.last - begin)) };
    let mut cells = vec![span, run.count.to_string()];
    let event = &*run.first.event;
    if keys.len() > COLUMNS {
        cells.push(code(&shortened(&Json::Object(event.clone()).to_string(), EVENT_LENGTH)));
    } else {
        cells.extend(keys.iter().map(|key| cell(event.get(*key).unwrap_or(&Json::Null))));
    }
    cells
}

fn cell(value: &Json) -> String {
    json(value).map_or_else(|| "–".to_owned(), |text| code(&shortened(&text, VALUE_LENGTH)))
}

/// What the evaluator says.
fn verdict(detection: &Detection, test: &Test) -> String {
    let begin = test.events.first().map_or(0, |event| event.time);
    let result = testing::run_test(detection, test);
    let failure = match result.passed() {
        true => String::new(),
        false => format!("\n\n**The test fails**: {}", inline(&result.explanations().join("; "))),
    };
    let said = match testing::alerts(detection, test) {
        Err(problem) => format!("Verdict: the events cannot be evaluated: {}", inline(&problem.to_string())),
        Ok(alerts) if alerts.is_empty() => "Verdict: **no alert**.".to_owned(),
        Ok(alerts) => format!("Verdict: **{}**.\n\n{}", counted(alerts.len(), "alert"), raised(detection, &alerts, begin)),
    };
    format!("{said}{failure}")
}

/// The first alerts with their columns: a table, or a point for each if it would be too wide.
fn raised(detection: &Detection, alerts: &[Alert], begin: i64) -> String {
    let shown = &alerts[..alerts.len().min(ALERTS)];
    let names = detection.column_names();
    let after = |alert: &Alert| length((alert.time - begin).max(0));
    let more = if alerts.len() > shown.len() { format!("\n\nAnd {} more.", alerts.len() - shown.len()) } else { String::new() };
    if names.is_empty() {
        return format!("Raised by the event after {}.{more}", shown.iter().map(after).collect::<Vec<_>>().join(", "));
    }
    if names.len() > COLUMNS {
        let point = |alert: &Alert| {
            let columns = names.iter().zip(alert_cells(alert, &names)).map(|(name, cell)| format!("{} {cell}", inline(name)));
            format!("after {}: {}", after(alert), columns.collect::<Vec<_>>().join(", "))
        };
        return format!("{}{more}", points(shown.iter().map(point)));
    }
    let head: Vec<String> = std::iter::once("after".to_owned()).chain(names.iter().map(|name| inline(name))).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let row = |alert: &Alert| std::iter::once(after(alert)).chain(alert_cells(alert, &names)).collect();
    format!("{}{more}", table(&head, &shown.iter().map(row).collect::<Vec<_>>()))
}

fn alert_cells(alert: &Alert, names: &[String]) -> Vec<String> {
    let column = |name: &String| match &alert.body {
        AlertBody::Event(event) => cell(event_column(event, name)),
        AlertBody::Row(row) => cell(&row_column(row, name)),
    };
    names.iter().map(column).collect()
}

fn event_column<'e>(event: &'e Map<String, Json>, name: &str) -> &'e Json {
    event.get(name).unwrap_or(&Json::Null)
}

fn row_column(row: &Row, name: &str) -> Json {
    match name {
        "window_start" => moment::text(row.start).into(),
        "window_end" => moment::text(row.end).into(),
        name => row.column(name).map_or(Json::Null, |value| value.to_json()),
    }
}
