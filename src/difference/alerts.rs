//! Two detections × the events of their tests → the alerts that appear, disappear or change.
//!
//! Both detections see the same events: those of each test of the new side, then those of the old side's tests that are not the same
//! there. A run that ends with a problem raises what it has raised so far.

use super::tests::has_same_events;
use crate::detection::{Detection, Test};
use crate::evaluate::{AlertBody, Evaluator, Event, Problem, RunOptions, moment};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};
use std::collections::VecDeque;

/// A raised alert: the names and values of its columns.
pub type Columns = Map<String, Json>;

/// Whose events they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// Those of the working tree.
    New,
    /// Those of the base, which the working tree has no more.
    Old,
}

/// What is different on the events of one test.
#[derive(Debug, Clone, PartialEq)]
pub struct TestDifference {
    /// The test's name.
    pub test: String,
    /// Whose events.
    pub events: Events,
    /// Alerts that only the new detection raises.
    pub appeared: Vec<Columns>,
    /// Alerts that only the old detection raises.
    pub disappeared: Vec<Columns>,
    /// Alerts that both raise, with other values.
    pub changed: Vec<ChangedAlert>,
    /// Why the events cannot be evaluated by the old, and by the new detection.
    pub problems: (Option<String>, Option<String>),
}

/// An alert with other values.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedAlert {
    /// What it was.
    pub before: Columns,
    /// What it is.
    pub after: Columns,
    /// By what it is recognised: of a row its group and window, of an event all that is the same.
    pub key: Columns,
    /// Column, value before and after; `None` if there is no such column.
    pub columns: Vec<(String, Option<Json>, Option<Json>)>,
}

/// The differences on the events of all tests; a test without one is left out.
pub fn compare(old: &Detection, new: &Detection) -> Vec<TestDifference> {
    let same = |test: &Test| new.tests.iter().any(|other| other.name.value == test.name.value && has_same_events(test, other));
    let own = new.tests.iter().map(|test| (Events::New, test));
    let gone = old.tests.iter().filter(|test| !same(test)).map(|test| (Events::Old, test));
    own.chain(gone).filter_map(|(events, test)| on_events(old, new, events, test)).collect()
}

fn on_events(old: &Detection, new: &Detection, events: Events, test: &Test) -> Option<TestDifference> {
    let ((before, old_problem), (after, new_problem)) = (raise(old, test), raise(new, test));
    let mut paired = pair(before, after);
    let difference = TestDifference {
        test: test.name.value.clone(),
        events,
        changed: std::mem::take(&mut paired.changed),
        appeared: paired.new.into_iter().map(|alert| alert.columns).collect(),
        disappeared: paired.old.into_iter().map(|alert| alert.columns).collect(),
        problems: (old_problem.map(|problem| problem.to_string()), new_problem.map(|problem| problem.to_string())),
    };
    let silent = difference.appeared.is_empty() && difference.disappeared.is_empty() && difference.changed.is_empty();
    (!silent || difference.problems.0 != difference.problems.1).then_some(difference)
}

/// An alert with what it is recognised by.
#[derive(Debug, Clone, PartialEq)]
struct Raised {
    time: i64,
    /// The number of the event that a rule without aggregate matches.
    event: Option<usize>,
    /// The group keys of a row.
    group: Columns,
    columns: Columns,
}

fn raise(detection: &Detection, test: &Test) -> (Vec<Raised>, Option<Problem>) {
    let mut evaluator = match Evaluator::new(detection, RunOptions::default()) {
        Ok(evaluator) => evaluator,
        Err(problem) => return (Vec::new(), Some(problem)),
    };
    let mut raised = Vec::new();
    for (index, event) in test.events.iter().enumerate() {
        match evaluator.push(&Event { time: event.time, fields: &event.event }) {
            Ok(alerts) => raised.extend(alerts.into_iter().map(|alert| of_alert(alert, index))),
            Err(problem) => return (raised, Some(problem)),
        }
    }
    raised.extend(evaluator.finish().into_iter().map(|alert| of_alert(alert, test.events.len())));
    (raised, None)
}

fn of_alert(alert: crate::evaluate::Alert, index: usize) -> Raised {
    match alert.body {
        AlertBody::Event(event) => Raised { time: alert.time, event: Some(index), group: Map::new(), columns: event },
        AlertBody::Row(row) => {
            let json = |(name, value): &(String, crate::evaluate::expression::Value)| (name.clone(), value.to_json());
            let group: Columns = row.group.iter().map(json).collect();
            let mut columns = group.clone();
            columns.insert("window_start".to_owned(), moment::text(row.start).into());
            columns.insert("window_end".to_owned(), moment::text(row.end).into());
            columns.extend(row.measures.iter().chain(&row.labels).map(json));
            Raised { time: row.end, event: None, group, columns }
        }
    }
}

/// The alerts of two runs: those that are recognised again with other values, and the rest.
struct Paired {
    changed: Vec<ChangedAlert>,
    old: Vec<Raised>,
    new: Vec<Raised>,
}

/// Pairs alerts: first those that are equal, then those of the same event or of the same group and time, then those of the same group.
fn pair(old: Vec<Raised>, new: Vec<Raised>) -> Paired {
    let mut paired = Paired { changed: Vec::new(), old, new };
    let when = |alert: &Raised| format!("{} {:?}", alert.time, alert.event);
    let group = |alert: &Raised| Json::from(alert.group.clone()).to_string();
    paired.take(|alert| Some(format!("{} {}", when(alert), Json::from(alert.columns.clone()))), |old, new| old == new);
    paired.take(|alert| Some(format!("{} {}", when(alert), group(alert))), |_, _| true);
    // a group key has come or gone
    paired.take(|alert| Some(when(alert)), |old, new| old.group.len() != new.group.len() && has_same_group(old, new));
    paired.take(|alert| (!alert.group.is_empty()).then(|| group(alert)), |_, _| true);
    paired
}

impl Paired {
    /// Pairs each new alert with the first old one of the same key that is the same.
    fn take(&mut self, key: impl Fn(&Raised) -> Option<String>, is_same: impl Fn(&Raised, &Raised) -> bool) {
        let mut old: Vec<Option<Raised>> = std::mem::take(&mut self.old).into_iter().map(Some).collect();
        let mut places: FxHashMap<String, VecDeque<usize>> = FxHashMap::default();
        for (index, alert) in old.iter().enumerate() {
            if let Some(key) = alert.as_ref().and_then(&key) {
                places.entry(key).or_default().push_back(index);
            }
        }
        for new in std::mem::take(&mut self.new) {
            let place = key(&new).and_then(|key| {
                let places = places.get_mut(&key)?;
                let position = places.iter().position(|index| old[*index].as_ref().is_some_and(|old| is_same(old, &new)))?;
                places.remove(position)
            });
            match place.and_then(|index| old[index].take()) {
                Some(old) => self.changed.extend(changed(old, new)),
                None => self.new.push(new),
            }
        }
        self.old = old.into_iter().flatten().collect();
    }
}

/// Whether the keys that both have are equal.
fn has_same_group(old: &Raised, new: &Raised) -> bool {
    old.group.iter().all(|(key, value)| new.group.get(key).is_none_or(|other| other == value))
}

fn changed(old: Raised, new: Raised) -> Option<ChangedAlert> {
    let names = old.columns.keys().chain(new.columns.keys().filter(|name| !old.columns.contains_key(*name)));
    let value = |name: &String| (name.clone(), old.columns.get(name).cloned(), new.columns.get(name).cloned());
    let columns: Vec<_> = names.map(value).filter(|(_, before, after)| before != after).collect();
    let names = |name: &String| new.event.is_some() || new.group.contains_key(name) || name == "window_end";
    let key = new.columns.iter().filter(|(name, value)| names(name) && old.columns.get(*name) == Some(*value));
    let key = key.map(|(name, value)| (name.clone(), value.clone())).collect();
    (!columns.is_empty()).then_some(ChangedAlert { before: old.columns, after: new.columns, key, columns })
}
