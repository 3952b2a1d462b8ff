//! The tests of two detections → which came, went or say something else.

use super::change::{Change, Kind};
use super::detections::{Pair, by_name, of_parts};
use crate::detection::{Detection, Expectation, Test};
use crate::source::Spanned;

/// Tests, and the mutants that make no difference.
pub(super) fn changes(pair: Pair<'_, Detection>, changes: &mut Vec<Change>) {
    let mut changed = Vec::new();
    for (name, before, after) in by_name(&pair.old.tests, &pair.new.tests, |test| &test.name.value) {
        match (before, after) {
            (Some(before), Some(after)) if !is_same(before, after) => changed.push(name),
            (Some(_), Some(_)) | (Some(_), None) | (None, Some(_)) | (None, None) => {}
        }
    }
    let names = |detection: &Detection| detection.tests.iter().map(|test| test.name.value.clone()).collect::<Vec<_>>();
    let (old, new) = pair.of(names);
    changes.extend(of_parts(Kind::Tests, "", &old, &new));
    changes.extend(changed.into_iter().map(|name| Change::of(Kind::Tests, name, None, None)));
    let mutants = |detection: &Detection| {
        let sentences = detection.equivalent_mutants.iter().map(|mutant| format!("{} ({})", mutant.sentence.value, mutant.reason));
        sentences.collect::<Vec<_>>()
    };
    let (old, new) = pair.of(mutants);
    changes.extend(of_parts(Kind::Mutants, "", &old, &new));
}

/// Whether two tests say the same.
fn is_same(old: &Test, new: &Test) -> bool {
    let Test { name: _, technique, atomic, expected_signal, events: _, expect } = new;
    let text = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.value.clone());
    let expected = match (&old.expect, expect) {
        (Expectation::Count(old), Expectation::Count(new)) => old == new,
        (Expectation::Alerts(old), Expectation::Alerts(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| old.value == new.value)
        }
        (Expectation::Count(_), Expectation::Alerts(_)) | (Expectation::Alerts(_), Expectation::Count(_)) => false,
    };
    let texts = text(&old.technique) == text(technique) && text(&old.atomic) == text(atomic) && old.expected_signal == *expected_signal;
    expected && texts && has_same_events(old, new)
}

/// Whether two tests have the same events at the same times.
pub(super) fn has_same_events(old: &Test, new: &Test) -> bool {
    let same = |(old, new): (&crate::detection::TestEvent, &crate::detection::TestEvent)| old.time == new.time && old.event == new.event;
    old.events.len() == new.events.len() && old.events.iter().zip(&new.events).all(same)
}
