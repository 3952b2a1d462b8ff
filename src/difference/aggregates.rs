//! Two aggregates → in which of their parts they differ.

use super::change::{Change, Kind};
use super::detections::{Pair, by_name, of_parts, of_values};
use super::words::{Style, Words};
use crate::detection::{Aggregate, Derived, Detection, GroupKey, Label, Measure, SortKey};
use crate::evaluate::event::float_text;
use crate::expression::{Expression, ExpressionKind};
use crate::lower::duration_text;

/// The parameters, whether an aggregate uses them or not.
pub(super) fn parameters(pair: Pair<'_, Detection>, changes: &mut Vec<Change>) {
    for (name, before, after) in by_name(&pair.old.parameters, &pair.new.parameters, |(name, _)| name) {
        let text = |parameter: &(String, crate::yaml::Number)| float_text(parameter.1.value);
        changes.extend(of_values(Kind::Parameter, &name, before.map(text), after.map(text)));
    }
}

/// Everything in which the aggregates differ.
pub(super) fn changes(pair: Pair<'_, Detection>, changes: &mut Vec<Change>) {
    let (old, new) = match pair.of(|detection| detection.aggregate.as_ref()) {
        (None, None) => return,
        (Some(_), None) => return changes.push(Change::parts(Kind::Aggregate, "", Vec::new(), vec![words(pair.old)])),
        (None, Some(_)) => return changes.push(Change::parts(Kind::Aggregate, "", vec![words(pair.new)], Vec::new())),
        (Some(old), Some(new)) => (old, new),
    };
    let comparison = Comparison { pair, old, new };
    comparison.group_keys(changes);
    comparison.window(changes);
    comparison.measures(changes);
    comparison.derived(changes);
    comparison.condition(changes);
    comparison.labels(changes);
    comparison.sort(changes);
}

/// What an aggregate counts, in short.
fn words(detection: &Detection) -> String {
    let Some(aggregate) = &detection.aggregate else { return String::new() };
    let words = Words::new(detection, Style::Written);
    format!("{} in {}", words.expression(&aggregate.condition), words.window(&aggregate.window))
}

/// Two aggregates with their detections.
#[derive(Clone, Copy)]
struct Comparison<'d> {
    pair: Pair<'d, Detection>,
    old: &'d Aggregate,
    new: &'d Aggregate,
}

/// A text of the old side, and one of the new side.
type Texts = (String, String);

impl Comparison<'_> {
    /// A part of both sides, in the author's words; `None` if it means the same.
    fn differing<T>(&self, (old, new): (&T, &T), text: impl Fn(Words<'_>, &T) -> String) -> Option<Texts> {
        let of = |style| (text(Words::new(self.pair.old, style), old), text(Words::new(self.pair.new, style), new));
        let (before, after) = of(Style::Meant);
        (before != after).then(|| of(Style::Written))
    }

    /// The same for a part that may be missing.
    fn part<T>(&self, kind: Kind, name: &str, old: Option<&T>, new: Option<&T>, text: impl Fn(Words<'_>, &T) -> String) -> Option<Change> {
        let written = |detection, part: &T| text(Words::new(detection, Style::Written), part);
        match (old, new) {
            (Some(old), Some(new)) => {
                let (before, after) = self.differing((old, new), text)?;
                // names that read the same stand for something else, of which there is a change of its own
                (before != after).then(|| Change::new(kind, name, before, after))
            }
            (old, new) => {
                let (old, new) = (old.map(|part| written(self.pair.old, part)), new.map(|part| written(self.pair.new, part)));
                Some(Change::of(kind, name, old, new))
            }
        }
    }

    fn group_keys(&self, changes: &mut Vec<Change>) {
        let text = |key: &GroupKey| match (key.lower, key.name == key.field.name) {
            (true, true) => format!("lower({})", key.name),
            (true, false) => format!("{}: lower({})", key.name, key.field.name),
            (false, true) => key.name.clone(),
            (false, false) => format!("{}: {}", key.name, key.field.name),
        };
        for (name, before, after) in by_name(&self.old.group_by, &self.new.group_by, |key| &key.name) {
            changes.extend(of_values(Kind::GroupKey, &name, before.map(text), after.map(text)));
        }
        let names = |aggregate: &Aggregate| aggregate.group_by.iter().map(|key| key.name.clone()).collect::<Vec<_>>();
        let (old, new) = (names(self.old), names(self.new));
        if old != new && of_parts(Kind::GroupKey, "", &old, &new).is_none() {
            changes.push(Change::new(Kind::GroupKey, "order", old.join(", "), new.join(", ")));
        }
    }

    fn window(&self, changes: &mut Vec<Change>) {
        let texts = self.differing((&self.old.window, &self.new.window), |words, window| words.window(window));
        changes.extend(texts.filter(|(old, new)| old != new).map(|(old, new)| Change::new(Kind::Window, "", old, new)));
    }

    fn measures(&self, changes: &mut Vec<Change>) {
        for (name, before, after) in by_name(&self.old.measures, &self.new.measures, |measure| &measure.name) {
            changes.extend(self.part(Kind::Measure, &name, before, after, |words, measure: &Measure| words.measure(measure)));
        }
    }

    fn derived(&self, changes: &mut Vec<Change>) {
        for (name, before, after) in by_name(&self.old.derived, &self.new.derived, |derived| &derived.name) {
            let text = |words: Words<'_>, derived: &Derived| words.expression(&derived.expression);
            changes.extend(self.part(Kind::Derived, &name, before, after, text));
        }
    }

    fn condition(&self, changes: &mut Vec<Change>) {
        let (old, new) = (&self.old.condition, &self.new.condition);
        let Some((before, after)) = self.differing((old, new), |words, condition| words.expression(condition)) else { return };
        match self.thresholds(old, new) {
            Some(thresholds) => changes.extend(thresholds.into_iter().map(|threshold| threshold.change(None))),
            None if before == after => {}
            None => changes.push(Change::new(Kind::AlertCondition, "", before, after)),
        }
    }

    fn labels(&self, changes: &mut Vec<Change>) {
        for (name, before, after) in by_name(&self.old.labels, &self.new.labels, |label| &label.name) {
            let both = before.zip(after);
            if let Some(thresholds) = both.and_then(|(old, new)| self.label_thresholds(old, new)) {
                changes.extend(thresholds.into_iter().map(|threshold| threshold.change(Some(&name))));
            } else {
                changes.extend(self.part(Kind::Label, &name, before, after, label));
            }
        }
    }

    /// The thresholds in which two labels differ, if they differ in nothing else.
    fn label_thresholds(&self, old: &Label, new: &Label) -> Option<Vec<Threshold>> {
        if old.cases.len() != new.cases.len() || old.otherwise != new.otherwise {
            return None;
        }
        let mut found = Vec::new();
        for ((old, old_text), (new, new_text)) in old.cases.iter().zip(&new.cases) {
            if old_text != new_text {
                return None;
            }
            if self.differing((old, new), |words, case| words.expression(case)).is_some() {
                found.extend(self.thresholds(old, new)?);
            }
        }
        (!found.is_empty()).then_some(found)
    }

    /// The numbers that columns are compared with, if two expressions differ in nothing else.
    fn thresholds(&self, old: &Expression, new: &Expression) -> Option<Vec<Threshold>> {
        let found = match &old.kind {
            ExpressionKind::Compare(before, left, bound) => {
                let ExpressionKind::Compare(after, new_left, new_bound) = &new.kind else { return None };
                let (subject, new_subject) = (self.written(self.pair.old, left), self.written(self.pair.new, new_left));
                let (bound, new_bound) = (literal(bound)?, literal(new_bound)?);
                if subject != new_subject {
                    return None;
                }
                let bounds = match before == after {
                    true => (bound, new_bound),
                    false => (format!("{} {bound}", before.symbol()), format!("{} {new_bound}", after.symbol())),
                };
                if bounds.0 == bounds.1 { Vec::new() } else { vec![Threshold { subject, bounds }] }
            }
            ExpressionKind::And(before) => {
                let ExpressionKind::And(after) = &new.kind else { return None };
                self.thresholds_of_parts(before, after)?
            }
            ExpressionKind::Or(before) => {
                let ExpressionKind::Or(after) = &new.kind else { return None };
                self.thresholds_of_parts(before, after)?
            }
            ExpressionKind::Not(before) => {
                let ExpressionKind::Not(after) = &new.kind else { return None };
                self.thresholds(before, after)?
            }
            ExpressionKind::Number(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Duration(_)
            | ExpressionKind::Boolean(_)
            | ExpressionKind::Field(_)
            | ExpressionKind::Selection(_)
            | ExpressionKind::Column(_)
            | ExpressionKind::Negate(_)
            | ExpressionKind::Arithmetic(..)
            | ExpressionKind::Call(..) => return None,
        };
        (!found.is_empty()).then_some(found)
    }

    fn thresholds_of_parts(&self, old: &[Expression], new: &[Expression]) -> Option<Vec<Threshold>> {
        if old.len() != new.len() {
            return None;
        }
        let parts = old.iter().zip(new).map(|(old, new)| self.same_or_thresholds(old, new));
        Some(parts.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
    }

    fn same_or_thresholds(&self, old: &Expression, new: &Expression) -> Option<Vec<Threshold>> {
        match self.differing((old, new), |words, part| words.expression(part)) {
            None => Some(Vec::new()),
            Some(_) => self.thresholds(old, new),
        }
    }

    fn written(&self, detection: &Detection, expression: &Expression) -> String {
        Words::new(detection, Style::Written).expression(expression)
    }

    fn sort(&self, changes: &mut Vec<Change>) {
        let text = |keys: &[SortKey]| {
            let key = |key: &SortKey| format!("{}{}", if key.descending { "-" } else { "" }, key.column);
            keys.iter().map(key).collect::<Vec<_>>().join(", ")
        };
        let (old, new) = (text(&self.old.sort), text(&self.new.sort));
        let shown = |text: String| if text.is_empty() { "as found".to_owned() } else { text };
        changes.extend((old != new).then(|| Change::new(Kind::Sort, "", shown(old), shown(new))));
    }
}

/// A number that something is compared with, before and after.
struct Threshold {
    subject: String,
    bounds: Texts,
}

impl Threshold {
    fn change(self, label: Option<&str>) -> Change {
        let (before, after) = self.bounds;
        match label {
            None => Change::new(Kind::Threshold, self.subject, before, after),
            Some(label) => Change::new(Kind::LabelThreshold, format!("{label}: {}", self.subject), before, after),
        }
    }
}

/// A number or a length of time as it is written.
fn literal(expression: &Expression) -> Option<String> {
    match &expression.kind {
        ExpressionKind::Number(number) => Some(float_text(*number)),
        ExpressionKind::Duration(length) => Some(duration_text(*length)),
        ExpressionKind::Negate(inner) => literal(inner).map(|text| format!("-{text}")),
        ExpressionKind::Text(_)
        | ExpressionKind::Boolean(_)
        | ExpressionKind::Field(_)
        | ExpressionKind::Selection(_)
        | ExpressionKind::Column(_)
        | ExpressionKind::Not(_)
        | ExpressionKind::Arithmetic(..)
        | ExpressionKind::Compare(..)
        | ExpressionKind::And(_)
        | ExpressionKind::Or(_)
        | ExpressionKind::Call(..) => None,
    }
}

/// A label's cases on one line.
fn label(words: Words<'_>, label: &Label) -> String {
    let case = |(when, then): &(Expression, String)| format!("{} → {then}", words.expression(when));
    let cases = label.cases.iter().map(case).chain(label.otherwise.iter().map(|text| format!("otherwise → {text}")));
    cases.collect::<Vec<_>>().join("; ")
}
