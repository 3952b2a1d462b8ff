//! Text columns hold '' where the event has no value: tests that tell missing from empty text are rewritten (K001).

use super::condition::{is_empty_text, matches_empty};
use super::value::merges_empty;
use crate::detection::{Condition, Detection, Predicate, Segment, Shape, Subject, TextPattern, ValueTest};
use crate::diagnostic::K001;
use crate::target::Deviation;
use std::borrow::Cow;

/// The detection with missing and empty text as one, and what that changes.
pub fn approximate(detection: &Detection) -> (Cow<'_, Detection>, Vec<Deviation>) {
    let open = detection.log_source.open;
    let conditions = std::iter::once(&detection.condition).chain(detection.selections.iter().map(|selection| &selection.condition));
    let mut differs = false;
    conditions.chain(detection.exclusions.iter().map(|exclusion| &exclusion.condition)).for_each(|condition| {
        condition.predicates(&mut |predicate| {
            let Subject::Field(field) = &predicate.subject else { return };
            let missing = predicate.tests.iter().any(|test| matches!(test, ValueTest::Absent));
            differs |= missing != predicate.tests.iter().any(holds_of_empty) && merges_empty(field, open);
        });
    });
    if !differs {
        return (Cow::Borrowed(detection), Vec::new());
    }
    let mut rewritten = detection.clone();
    let mut deviations = Vec::new();
    rewritten.condition = rewrite(&detection.condition, open, &mut deviations);
    let used = detection.measured_selections();
    let mut unused = Vec::new();
    for (index, selection) in rewritten.selections.iter_mut().enumerate() {
        let deviations = if used.contains(&index) { &mut deviations } else { &mut unused };
        selection.condition = rewrite(&selection.condition, open, deviations);
    }
    for exclusion in &mut rewritten.exclusions {
        exclusion.condition = rewrite(&exclusion.condition, open, &mut unused);
    }
    (Cow::Owned(rewritten), deviations)
}

fn rewrite(condition: &Condition, open: bool, deviations: &mut Vec<Deviation>) -> Condition {
    condition.map(&mut |predicate| match &predicate.subject {
        Subject::Field(field) if merges_empty(field, open) => {
            let (condition, change) = merged(predicate);
            if let Some(change) = change {
                let message = format!("`{}`: a text column holds '' for a missing value, so {change}", field.name);
                deviations.push(Deviation::new(K001, predicate.span, message));
            }
            condition
        }
        Subject::Field(_) | Subject::Event => Condition::Match(predicate.clone()),
    })
}

/// The predicate with the same answer for a missing value and for ''.
fn merged(predicate: &Predicate) -> (Condition, Option<&'static str>) {
    let missing = predicate.tests.iter().any(|test| matches!(test, ValueTest::Absent));
    let empty = predicate.tests.iter().any(holds_of_empty);
    let with = |extra: ValueTest| {
        let tests = predicate.tests.iter().cloned().chain([extra]).collect();
        Condition::Match(Predicate { tests, ..predicate.clone() })
    };
    let empty_text = || ValueTest::Text(TextPattern::new(Vec::<Segment>::new(), false));
    match (missing, empty) {
        (true, true) | (false, false) => (Condition::Match(predicate.clone()), None),
        (true, false) => (with(empty_text()), Some("the test for a missing value also holds of the empty text")),
        (false, true) if predicate.tests.iter().any(is_empty_text) => {
            (with(ValueTest::Absent), Some("the test for the empty text also holds of a missing value"))
        }
        (false, true) => {
            let nothing = Predicate { tests: vec![empty_text(), ValueTest::Absent], ..predicate.clone() };
            let some = Condition::not(Condition::Match(nothing));
            let only_presence = predicate.tests.iter().any(is_presence);
            let rest = if only_presence { Condition::ALWAYS } else { Condition::Match(predicate.clone()) };
            (Condition::all([some, rest]), Some("the empty text counts as missing"))
        }
    }
}

/// Whether it holds of every value that is there.
fn is_presence(test: &ValueTest) -> bool {
    match test {
        ValueTest::Present => true,
        ValueTest::Text(pattern) => pattern.shape() == Shape::Anything,
        ValueTest::Number(_)
        | ValueTest::Boolean(_)
        | ValueTest::Absent
        | ValueTest::Regex(_)
        | ValueTest::Network(_)
        | ValueTest::Compare(..)
        | ValueTest::Field(_)
        | ValueTest::TimePart(..) => false,
    }
}

fn holds_of_empty(test: &ValueTest) -> bool {
    match test {
        ValueTest::Text(pattern) => matches!(pattern.shape(), Shape::Equals("") | Shape::Anything),
        ValueTest::Present => true,
        ValueTest::Regex(regex) => matches_empty(regex),
        ValueTest::Number(_)
        | ValueTest::Boolean(_)
        | ValueTest::Absent
        | ValueTest::Network(_)
        | ValueTest::Compare(..)
        | ValueTest::Field(_)
        | ValueTest::TimePart(..) => false,
    }
}
