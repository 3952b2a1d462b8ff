//! A detection and events → what a query must return, by the reference evaluator.

use cognate::detection::Detection;
use cognate::evaluate::aggregate::Row;
use cognate::evaluate::expression::Value as Quantity;
use cognate::evaluate::{Alert, AlertBody, Event, RunOptions, holds, run};
use cognate::target::Range;
use serde_json::{Map, Value, json};

/// Which part of the events a query sees, and which of its alerts it returns.
#[derive(Clone, Copy)]
pub enum Mode {
    /// All events, all alerts.
    Everything,
    /// The scheduled run at a moment.
    Scheduled(i64),
}

/// The alerts that a query returns, in the order of its rows. Queries know no throttle.
pub fn alerts(detection: &Detection, events: &[Event<'_>], mode: Mode) -> Result<Vec<Alert>, String> {
    let bounds = Range::Scheduled.bounds(detection);
    let seen = |event: &&Event<'_>| match mode {
        Mode::Everything => true,
        Mode::Scheduled(now) => (now - bounds.earliest..now - bounds.latest).contains(&event.time),
    };
    let events = events.iter().filter(seen).copied();
    let mut alerts = run(detection, events, RunOptions { throttle: false }).map_err(|problem| problem.to_string())?;
    alerts.retain(|alert| match (mode, bounds.report_from, &alert.body) {
        (Mode::Everything, ..) | (_, None, _) => true,
        (Mode::Scheduled(now), Some(from), AlertBody::Row(row)) if tumbles(detection) => {
            row.end > now - from && row.end <= now - bounds.latest
        }
        (Mode::Scheduled(now), Some(from), AlertBody::Row(_) | AlertBody::Event(_)) => {
            alert.time >= now - from && alert.time < now - bounds.latest
        }
    });
    if let Some(aggregate) = &detection.aggregate {
        alerts.sort_by(|a, b| match (&a.body, &b.body) {
            (AlertBody::Row(a), AlertBody::Row(b)) => a.order(b, &aggregate.sort),
            (AlertBody::Event(_), _) | (_, AlertBody::Event(_)) => std::cmp::Ordering::Equal,
        });
    }
    Ok(alerts)
}

/// The indices of the events that a rule without aggregate returns.
pub fn matching(detection: &Detection, events: &[Event<'_>], mode: Mode) -> Vec<usize> {
    let bounds = Range::Scheduled.bounds(detection);
    let from = bounds.report_from.unwrap_or(bounds.earliest);
    let seen = |event: &Event<'_>| match mode {
        Mode::Everything => true,
        Mode::Scheduled(now) => (now - from..now - bounds.latest).contains(&event.time),
    };
    let matches = |event: &Event<'_>| holds(&detection.condition, &detection.log_source, event).unwrap_or(false);
    events.iter().enumerate().filter(|(_, event)| seen(event) && matches(event)).map(|(index, _)| index).collect()
}

fn tumbles(detection: &Detection) -> bool {
    use cognate::detection::Window;
    matches!(detection.aggregate.as_ref().map(|aggregate| &aggregate.window), Some(Window::Tumbling(_)))
}

/// The columns of a row of an aggregate.
pub fn row(row: &Row) -> Value {
    let mut columns = Map::new();
    for (name, value) in row.group.iter().chain(&row.measures).chain(&row.labels) {
        columns.insert(name.clone(), tagged(value));
    }
    columns.insert("window_start".to_owned(), json!({ "time": row.start }));
    columns.insert("window_end".to_owned(), json!({ "time": row.end }));
    Value::Object(columns)
}

/// The keys of a row's group.
pub fn group(row: &Row) -> Value {
    row.group.iter().map(|(_, value)| tagged(value)).collect()
}

/// The columns of an event; `times` names those that hold moments.
pub fn event(event: &Map<String, Value>, times: &[&str]) -> Value {
    let column = |(name, value): (&String, &Value)| {
        let tagged = match value {
            Value::String(text) if times.contains(&name.as_str()) => match cognate::evaluate::moment::read_iso(text) {
                Some(time) => json!({ "time": time }),
                None => json!({ "text": text }),
            },
            Value::String(text) => json!({ "text": text }),
            Value::Number(number) => json!({ "number": number }),
            Value::Bool(value) => json!({ "boolean": value }),
            Value::Array(values) => json!({ "values": values }),
            Value::Null | Value::Object(_) => Value::Null,
        };
        (name.clone(), tagged)
    };
    Value::Object(event.iter().map(column).collect())
}

fn tagged(value: &Quantity) -> Value {
    match value {
        Quantity::Missing => Value::Null,
        Quantity::Number(number) => json!({ "number": number }),
        Quantity::Text(text) => json!({ "text": text }),
        Quantity::Boolean(value) => json!({ "boolean": value }),
        Quantity::Timestamp(time) => json!({ "time": time }),
        Quantity::Duration(length) => json!({ "seconds": length / 1000.0 }),
        Quantity::Texts(texts) => json!({ "list": texts }),
    }
}
