//! Events → the same without what a query's assumptions rule out, so that evaluator and engine see data on which the
//! query promises to be exact.

use crate::events::predicates;
use crate::native;
use cognate::detection::{Aggregate, Condition, Detection, Predicate, Subject, ValueTest, Window};
use cognate::evaluate::event::decimal;
use cognate::evaluate::{Event, holds};
use cognate::logsource::{Field, Place};
use cognate::target::{Fidelity, Target};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

type Events = Vec<(i64, Map<String, Value>)>;

/// The events for a target.
pub fn events(target: Target, detection: &Detection, fidelity: &Fidelity, events: &Events) -> Events {
    let assumes = |code: &str| fidelity.assumptions.iter().any(|deviation| deviation.code.0 == code);
    let mut events = events.clone();
    let registry_data = bound(target, detection, |place| matches!(place, Place::RegistryData { .. }));
    // hashes in columns are whole
    let hashes = bound(target, detection, |place| matches!(place, Place::Hashes(_)));
    events.retain(|(_, event)| {
        let mut texts = hashes.iter().filter_map(|name| event.get(name).and_then(Value::as_str));
        texts.all(|text| text.is_empty() || native::hashes(text).is_some())
    });
    for (_, event) in &mut events {
        // numbers in texts are written plainly
        if ["A011", "P003", "S021"].into_iter().any(assumes) {
            drop_values(event, &|text| text.trim().parse::<f64>().is_ok() && !is_plain(text));
        }
        // a present text is not empty
        if assumes("K003") {
            drop_values(event, &str::is_empty);
        }
        // Sysmon writes `(Empty)` where the registry holds an empty text
        event.retain(|name, value| value != "" || !registry_data.contains(name));
        // a field is missing or has a value, never null
        if assumes("S013") {
            event.retain(|_, value| !value.is_null());
        }
        // letters in regular expressions and their values are ASCII
        if ["A013", "P006", "K006"].into_iter().any(assumes) {
            drop_values(event, &|text| !text.is_ascii());
        }
    }
    // an event of the log source has what tells its events from others
    if let Some(platform) = target.platform() {
        events.retain(|(time, fields)| native::is_where_it_is_found(detection, platform, &Event { time: *time, fields }));
    }
    // a keyword is found in the raw event exactly if one value holds it
    if ["A004", "P002", "K002", "S018"].into_iter().any(assumes) {
        events.retain(|(time, fields)| keywords_stay_in_values(detection, &Event { time: *time, fields }));
    }
    // rsigma compares one value of a list in `fieldref`
    if target == Target::Sigma {
        let lists = compared_lists(detection);
        for value in
            events.iter_mut().flat_map(|(_, event)| event.iter_mut()).filter(|(name, _)| lists.contains(*name)).map(|(_, value)| value)
        {
            if let Value::Array(values) = value {
                values.truncate(1);
            }
        }
    }
    if assumes("S007") {
        events.retain(|(time, fields)| !lacks_key(detection, &Event { time: *time, fields }));
    }
    if target == Target::Sigma {
        let slides = |aggregate: &&Aggregate| matches!(aggregate.window, Window::Sliding { .. });
        let lengths: Vec<i64> =
            aggregates(detection).into_iter().filter(slides).filter_map(|aggregate| aggregate.window.length()).collect();
        keep_off_edges(&mut events, &lengths);
    }
    events
}

/// Whether a counted event has no value in a group key.
fn lacks_key(detection: &Detection, event: &Event<'_>) -> bool {
    let has = |field: &Field| event.fields.get(&field.name).is_some_and(|value| !value.is_null() && value != "");
    let matches = |detection: &Detection| holds(&detection.condition, &detection.log_source, event).unwrap_or(true);
    let keys = || detection.aggregate.iter().flat_map(|aggregate| &aggregate.group_by);
    let own = detection.event_formula().is_some() && matches(detection) && !keys().all(|key| has(&key.field));
    own || detection.chained().any(|(_, chained)| match chained.detection.aggregate {
        Some(_) => lacks_key(&chained.detection, event),
        None => matches(&chained.detection) && !chained.fields.iter().all(|(_, field)| has(field)),
    })
}

/// The aggregate of a detection, and those of the detections whose alerts it counts.
fn aggregates(detection: &Detection) -> Vec<&Aggregate> {
    detection.aggregate.iter().chain(detection.chained().flat_map(|(_, inner)| aggregates(&inner.detection))).collect()
}

/// The names of fields that stand at such places of a target's platform.
fn bound(target: Target, detection: &Detection, is_such: impl Fn(&Place) -> bool) -> BTreeSet<String> {
    let binding = |field: &Field| target.platform().and_then(|platform| field.binding(platform).cloned());
    let stands_there = |field: &Field| binding(field).is_some_and(|binding| is_such(&binding.place));
    native::fields(detection).iter().filter(|field| stands_there(field)).map(|field| field.name.clone()).collect()
}

/// Whether each keyword is found in the raw event of its log source exactly if it is found in a single value.
fn keywords_stay_in_values(detection: &Detection, event: &Event<'_>) -> bool {
    let several = detection.chained().next().is_some();
    native::of_log_sources(detection).iter().all(|rule| {
        let raw = Map::from_iter([("raw".to_owned(), native::lines(rule, event).into())]);
        finds_alike(rule, event.fields, &raw)
            && (!several || rule.log_source.open || finds_alike(rule, event.fields, &own_fields(rule, event)))
    })
}

/// Whether the keywords of a rule are found in both or in neither.
fn finds_alike(rule: &Detection, one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    let finds = |predicate: &Predicate, fields| {
        holds(&Condition::Match(predicate.clone()), &rule.log_source, &Event { time: 0, fields }).unwrap_or(false)
    };
    let keywords = predicates(rule).into_iter().filter(|predicate| predicate.subject == Subject::Event);
    keywords.into_iter().all(|predicate| finds(&predicate, one) == finds(&predicate, other))
}

/// What an event has of the fields of a rule's log source.
fn own_fields(rule: &Detection, event: &Event<'_>) -> Map<String, Value> {
    let own = native::fields(rule);
    let is_own = |name: &&String| own.iter().any(|field| field.is_called(name));
    event.fields.iter().filter(|(name, _)| is_own(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The list-valued fields that a test compares with another field.
fn compared_lists(detection: &Detection) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for predicate in predicates(detection) {
        if predicate.tests.iter().any(|test| matches!(test, ValueTest::Field(_))) {
            predicate.fields(&mut |field| names.extend(field.list.then(|| field.name.clone())));
        }
    }
    names
}

/// Drops values that are such texts, also inside of lists.
fn drop_values(event: &mut Map<String, Value>, is_out: &dyn Fn(&str) -> bool) {
    event.retain(|_, value| match value {
        Value::String(text) => !is_out(text),
        Value::Array(values) => {
            values.retain(|value| !value.as_str().is_some_and(is_out));
            true
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    });
}

/// `4625`, `-3`, `1.5`: as a number is shown.
fn is_plain(text: &str) -> bool {
    decimal(text).is_some_and(|number| format!("{number}") == text)
}

/// Moves events so that no two lie exactly a window apart: which side of the edge counts is left to the engine (S010).
fn keep_off_edges(events: &mut Events, lengths: &[i64]) {
    let mut times: Vec<i64> = Vec::new();
    for (time, _) in events {
        let mut moved = (*time).max(times.last().copied().unwrap_or(i64::MIN));
        while times.iter().any(|earlier| lengths.contains(&(moved - earlier))) {
            moved += 1000;
        }
        times.push(moved);
        *time = moved;
    }
}
