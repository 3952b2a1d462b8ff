//! Groups and windows: matching events in time order → rows for which the aggregate's condition holds.
//!
//! Only what is open is kept: the groups of the current tumbling window, the events of the current sliding window.

use super::condition::Matcher;
use super::event::{self, Event};
use super::expression::{EventScope, Scope, Value, evaluate};
use super::measure::{Accumulator, Contribution, contribution};
use crate::detection::{Aggregate, Detection, GroupKey, Label, SortKey, Window};
use crate::expression::{ColumnReference, Type};
use crate::letter_case::fold;
use crate::logsource::{Field, FieldType, LogSource};
use rustc_hash::FxHashMap;
use serde_json::Value as Json;
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

/// One row of an aggregate: a group in a window, for which the condition holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// `window_start`, milliseconds since 1970-01-01T00:00:00Z.
    pub start: i64,
    /// `window_end`
    pub end: i64,
    /// The group keys with their names.
    pub group: Vec<(String, Value)>,
    /// How many events the group has in the window.
    pub count: u64,
    /// Measures, then derived columns.
    pub measures: Vec<(String, Value)>,
    /// Labels.
    pub labels: Vec<(String, Value)>,
}

impl Row {
    /// A column of the output; `count` is the number of events, unless a column has that name.
    pub fn column(&self, name: &str) -> Option<Value> {
        let mut named = self.group.iter().chain(&self.measures).chain(&self.labels);
        match named.find(|(column, _)| column == name) {
            Some((_, value)) => Some(value.clone()),
            None if name == "window_start" => Some(Value::Timestamp(self.start as f64)),
            None if name == "window_end" => Some(Value::Timestamp(self.end as f64)),
            None if name == "count" => Some(Value::Number(self.count as f64)),
            None => None,
        }
    }

    /// The order of rows: sort keys (missing last), then window start, then group keys.
    pub fn order(&self, other: &Row, sort: &[SortKey]) -> Ordering {
        let by_sort = sort.iter().map(|key| self.order_by(other, key)).find(|order| order.is_ne());
        let keys = || self.group.iter().zip(&other.group).map(|((_, a), (_, b))| a.order(b)).find(|order| order.is_ne());
        by_sort.unwrap_or(Ordering::Equal).then(self.start.cmp(&other.start)).then_with(|| keys().unwrap_or(Ordering::Equal))
    }

    fn order_by(&self, other: &Row, key: &SortKey) -> Ordering {
        let value = |row: &Row| row.column(&key.column).unwrap_or(Value::Missing);
        let (left, right) = (value(self), value(other));
        match key.descending && !left.is_missing() && !right.is_missing() {
            true => right.order(&left),
            false => left.order(&right),
        }
    }
}

/// The state of an aggregate between events.
#[derive(Debug, Clone)]
pub struct Aggregator<'d> {
    aggregate: &'d Aggregate,
    log_source: &'d LogSource,
    selections: Vec<Matcher>,
    groups: FxHashMap<Arc<str>, Group>,
    /// The time of the latest event, matching or not.
    now: Option<i64>,
    mode: Mode,
    /// Whether sliding windows have a row for each instant at which the condition holds, not only where that begins.
    every_instant: bool,
    /// The encoded keys of the event at hand.
    scratch: String,
}

/// One group in the window that is open now.
#[derive(Debug, Clone)]
struct Group {
    keys: Vec<Value>,
    count: u64,
    first: i64,
    last: i64,
    accumulators: Vec<Accumulator>,
    /// Sliding windows: the instant judged last, and whether the condition held then.
    judged: Option<(i64, bool)>,
}

#[derive(Debug, Clone)]
enum Mode {
    Tumbling {
        length: i64,
    },
    Sliding {
        length: i64,
        /// The selection at whose events the window is judged.
        at: Option<usize>,
        /// The events of the window, oldest first.
        events: VecDeque<Counted>,
        /// The groups that are judged when the current instant is over.
        pending: Vec<Arc<str>>,
    },
    Lookback,
}

/// An event in a sliding window.
#[derive(Debug, Clone)]
struct Counted {
    time: i64,
    group: Arc<str>,
    contribution: Contribution,
}

impl<'d> Aggregator<'d> {
    /// The state before the first event.
    pub fn new(detection: &'d Detection, aggregate: &'d Aggregate, selections: Vec<Matcher>, every_instant: bool) -> Self {
        let mode = match aggregate.window {
            Window::Tumbling(length) => Mode::Tumbling { length: length.max(1) },
            Window::Sliding { length, at } => Mode::Sliding { length: length.max(1), at, events: VecDeque::new(), pending: Vec::new() },
            Window::Lookback => Mode::Lookback,
        };
        let log_source = &*detection.log_source;
        let groups = FxHashMap::default();
        Self { aggregate, log_source, selections, groups, now: None, mode, every_instant, scratch: String::new() }
    }

    /// Time moves on: returns the rows that are settled now, in order.
    pub fn advance(&mut self, time: i64) -> Vec<Row> {
        let Some(before) = self.now.replace(time) else { return Vec::new() };
        match self.mode {
            Mode::Tumbling { length } if before.div_euclid(length) != time.div_euclid(length) => self.close(before),
            Mode::Sliding { length, .. } if before != time => {
                let rows = self.judge(before);
                self.forget(time.saturating_sub(length));
                rows
            }
            Mode::Tumbling { .. } | Mode::Sliding { .. } | Mode::Lookback => Vec::new(),
        }
    }

    /// No event comes any more: returns the last rows.
    pub fn finish(&mut self) -> Vec<Row> {
        let Some(now) = self.now else { return Vec::new() };
        match self.mode {
            Mode::Tumbling { .. } | Mode::Lookback => self.close(now),
            Mode::Sliding { .. } => self.judge(now),
        }
    }

    /// Counts an event that matches the detection's condition, or an alert of a selection, after [`Aggregator::advance`]
    /// to its time.
    pub fn count(&mut self, event: &Event<'_>, alert_of: Option<usize>) {
        let keys = self.keys(event);
        let scope = EventScope { event: *event, log_source: self.log_source, selections: &self.selections, alert_of };
        let contribution = contribution(&self.aggregate.measures, &scope, event.time);
        let removable = matches!(self.mode, Mode::Sliding { .. });
        if !self.groups.contains_key(self.scratch.as_str()) {
            self.groups.insert(self.scratch.as_str().into(), Group::new(self.aggregate, keys, event.time, removable));
        }
        if let Some(group) = self.groups.get_mut(self.scratch.as_str()) {
            group.add(self.aggregate, &contribution, event.time);
        }
        if let Mode::Sliding { at, events, pending, .. } = &mut self.mode {
            let Some((group, _)) = self.groups.get_key_value(self.scratch.as_str()) else { return };
            if at.is_none_or(|selection| scope.selection(selection)) {
                pending.push(group.clone());
            }
            events.push_back(Counted { time: event.time, group: group.clone(), contribution });
        }
    }

    /// The values of the group keys; their texts, encoded so that no two groups look alike, stand in `scratch` afterwards.
    fn keys(&mut self, event: &Event<'_>) -> Vec<Value> {
        self.scratch.clear();
        let mut keys = Vec::with_capacity(self.aggregate.group_by.len());
        for key in &self.aggregate.group_by {
            let value = key_value(key, event, self.log_source);
            match value.text() {
                Some(text) => _ = write!(self.scratch, "{}:{text}", text.len()),
                None => self.scratch.push('-'),
            }
            keys.push(value);
        }
        keys
    }

    /// The rows of all groups, which then are gone.
    fn close(&mut self, now: i64) -> Vec<Row> {
        let length = self.aggregate.window.length();
        let bounds = |group: &Group| match length {
            Some(length) => {
                let start = now.div_euclid(length.max(1)).saturating_mul(length.max(1));
                (start, start.saturating_add(length))
            }
            None => (group.first, group.last),
        };
        let groups = std::mem::take(&mut self.groups);
        let rows = groups.values().filter_map(|group| row(self.aggregate, group, bounds(group))).collect();
        self.sorted(rows)
    }

    /// The rows of the groups that had an event at this instant, if they start to hold (or, with `at`, hold) now.
    fn judge(&mut self, now: i64) -> Vec<Row> {
        let Mode::Sliding { length, at, pending, .. } = &mut self.mode else { return Vec::new() };
        let mut rows = Vec::new();
        for name in pending.drain(..) {
            let Some(group) = self.groups.get_mut(&name) else { continue };
            let before = group.judged;
            if before.is_some_and(|(time, _)| time == now) {
                continue;
            }
            let row = row(self.aggregate, group, (now.saturating_sub(*length), now));
            let held = before.is_some_and(|(time, held)| held && now.saturating_sub(time) < *length);
            group.judged = Some((now, row.is_some()));
            if at.is_some() || self.every_instant || !held {
                rows.extend(row);
            }
        }
        self.sorted(rows)
    }

    /// Takes the events up to this time out of a sliding window.
    fn forget(&mut self, until: i64) {
        let Mode::Sliding { events, .. } = &mut self.mode else { return };
        while events.front().is_some_and(|oldest| oldest.time <= until) {
            let Some(old) = events.pop_front() else { return };
            let Some(group) = self.groups.get_mut(&old.group) else { continue };
            group.remove(&old.contribution);
            if group.count == 0 {
                self.groups.remove(&old.group);
            }
        }
    }

    fn sorted(&self, mut rows: Vec<Row>) -> Vec<Row> {
        rows.sort_by(|a, b| a.order(b, &self.aggregate.sort));
        rows
    }
}

impl Group {
    fn new(aggregate: &Aggregate, keys: Vec<Value>, time: i64, removable: bool) -> Self {
        let accumulators = aggregate.measures.iter().map(|measure| Accumulator::new(&measure.function, removable)).collect();
        Self { keys, count: 0, first: time, last: time, accumulators, judged: None }
    }

    fn add(&mut self, aggregate: &Aggregate, contribution: &Contribution, time: i64) {
        self.count += 1;
        self.last = time;
        for ((accumulator, measure), value) in self.accumulators.iter_mut().zip(&aggregate.measures).zip(contribution) {
            if let Some(value) = value {
                accumulator.add(&measure.function, value);
            }
        }
    }

    fn remove(&mut self, contribution: &Contribution) {
        self.count -= 1;
        for (accumulator, value) in self.accumulators.iter_mut().zip(contribution) {
            if let Some(value) = value {
                accumulator.remove(value);
            }
        }
    }
}

/// A group key: missing, null and '' are one group; a number keeps its kind for the output where the field has one.
fn key_value(key: &GroupKey, event: &Event<'_>, log_source: &LogSource) -> Value {
    if key.field.name == log_source.time.name {
        return Value::Timestamp(event.time as f64);
    }
    let value = match event.first(&key.field) {
        None => Value::Missing,
        Some(Json::Number(number)) if key.field.kind != FieldType::Any => number.as_f64().map_or(Value::Missing, Value::Number),
        Some(Json::Bool(value)) if key.field.kind != FieldType::Any => Value::Boolean(*value),
        Some(json) => event::text(json).map_or(Value::Missing, |text| Value::Text(text.into_owned())),
    };
    let Value::Text(text) = value else { return value };
    match text.is_empty() {
        true => Value::Missing,
        false if key.lower => Value::Text(fold(&text).into_owned()),
        false => Value::Text(text),
    }
}

/// The row of a group in a window, if the condition holds.
fn row(aggregate: &Aggregate, group: &Group, bounds: (i64, i64)) -> Option<Row> {
    let scope = RowScope::new(aggregate, group, bounds);
    evaluate(&aggregate.condition, &scope).is_true().then(|| scope.row())
}

/// Names over one group in one window. A measure is computed when it is first asked for.
struct RowScope<'a> {
    aggregate: &'a Aggregate,
    group: &'a Group,
    bounds: (i64, i64),
    measures: Vec<OnceCell<Value>>,
    derived: Vec<Value>,
}

impl Scope for RowScope<'_> {
    fn field(&self, _: &Field, _: Type) -> Value {
        Value::Missing
    }

    fn selection(&self, _: usize) -> bool {
        false
    }

    fn column(&self, column: ColumnReference) -> Value {
        let found = match column {
            ColumnReference::Key(index) => self.group.keys.get(index).cloned(),
            ColumnReference::Measure(index) => self.measure(index),
            ColumnReference::Derived(index) => self.derived.get(index).cloned(),
            ColumnReference::WindowStart => Some(Value::Timestamp(self.bounds.0 as f64)),
            ColumnReference::WindowEnd => Some(Value::Timestamp(self.bounds.1 as f64)),
        };
        found.unwrap_or(Value::Missing)
    }
}

impl<'a> RowScope<'a> {
    fn new(aggregate: &'a Aggregate, group: &'a Group, bounds: (i64, i64)) -> Self {
        let measures = vec![OnceCell::new(); aggregate.measures.len()];
        let mut scope = Self { aggregate, group, bounds, measures, derived: Vec::new() };
        for derived in &aggregate.derived {
            let value = evaluate(&derived.expression, &scope);
            scope.derived.push(value);
        }
        scope
    }

    fn measure(&self, index: usize) -> Option<Value> {
        let (accumulator, measure) = (self.group.accumulators.get(index)?, self.aggregate.measures.get(index)?);
        Some(self.measures.get(index)?.get_or_init(|| accumulator.value(&measure.function)).clone())
    }

    fn row(&self) -> Row {
        let aggregate = self.aggregate;
        let keys = aggregate.group_by.iter().map(|key| key.name.clone()).zip(self.group.keys.iter().cloned());
        let measures = aggregate.measures.iter().enumerate();
        let measures = measures.map(|(index, measure)| (measure.name.clone(), self.column(ColumnReference::Measure(index))));
        let derived = aggregate.derived.iter().map(|derived| derived.name.clone()).zip(self.derived.iter().cloned());
        Row {
            start: self.bounds.0,
            end: self.bounds.1,
            group: keys.collect(),
            count: self.group.count,
            measures: measures.chain(derived).collect(),
            labels: aggregate.labels.iter().map(|label| (label.name.clone(), self.label(label))).collect(),
        }
    }

    /// The text of the first case that holds.
    fn label(&self, label: &Label) -> Value {
        let case = label.cases.iter().find(|(when, _)| evaluate(when, self).is_true()).map(|(_, then)| then);
        case.or(label.otherwise.as_ref()).map_or(Value::Missing, |text| Value::Text(text.clone()))
    }
}
