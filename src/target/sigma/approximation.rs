//! A detection goes in; out comes the same detection without what Sigma has no form for, and a deviation for each rewrite.

use crate::detection::{Aggregate, Chained, Detection, SelectionBody, Window};
use crate::diagnostic::{S001, S002, S003, S004, S005, S006, S009};
use crate::expression::{ColumnReference, Expression, ExpressionKind};
use crate::target::Deviation;
use std::borrow::Cow;
use std::sync::Arc;

/// See [`crate::target::Target::approximate`].
pub(super) fn approximate(detection: &Detection) -> (Cow<'_, Detection>, Vec<Deviation>) {
    if detection.aggregate.is_none() {
        return (Cow::Borrowed(detection), Vec::new());
    }
    let mut detection = detection.clone();
    let mut deviations = Vec::new();
    for selection in &mut detection.selections {
        if let SelectionBody::Alerts(Chained { detection, .. }) = &mut selection.body {
            let (rewritten, more) = approximate(detection);
            deviations.extend(more);
            *detection = Arc::new(rewritten.into_owned());
        }
    }
    let lookback = detection.schedule.lookback;
    if let Some(aggregate) = &mut detection.aggregate {
        for column in detection.columns.drain(..) {
            let message = format!("an alert of a correlation has no column for `{}`", column.name);
            deviations.push(Deviation::new(S006, column.span, message));
        }
        drop_labels(aggregate, &mut deviations);
        drop_sort(aggregate, &mut deviations);
        drop_derived(aggregate, &mut deviations);
        drop_measures(aggregate, &mut deviations);
        slide(aggregate, lookback, &mut deviations);
    }
    (Cow::Owned(detection), deviations)
}

fn drop_labels(aggregate: &mut Aggregate, deviations: &mut Vec<Deviation>) {
    for label in aggregate.labels.drain(..) {
        deviations.push(Deviation::new(S002, label.span, format!("an alert has no label `{}`", label.name)));
    }
}

fn drop_sort(aggregate: &mut Aggregate, deviations: &mut Vec<Deviation>) {
    let columns: Vec<String> = aggregate.sort.drain(..).map(|key| format!("`{}`", key.column)).collect();
    if !columns.is_empty() {
        let message = format!("alerts come in no particular order, not by {}", columns.join(", "));
        deviations.push(Deviation::new(S004, aggregate.span, message));
    }
}

/// Keeps what the condition needs, directly or through another derived column: rendering refuses it with its place.
fn drop_derived(aggregate: &mut Aggregate, deviations: &mut Vec<Deviation>) {
    let mut needed = vec![false; aggregate.derived.len()];
    let mark = |expression: &Expression, needed: &mut Vec<bool>| {
        for column in columns(expression) {
            if let ColumnReference::Derived(index) = column
                && let Some(flag) = needed.get_mut(index)
            {
                *flag = true;
            }
        }
    };
    mark(&aggregate.condition, &mut needed);
    for index in (0..aggregate.derived.len()).rev() {
        if needed[index] {
            mark(&aggregate.derived[index].expression, &mut needed);
        }
    }
    for (derived, needed) in aggregate.derived.iter().zip(&needed) {
        if !needed {
            deviations.push(Deviation::new(S003, derived.span, format!("an alert has no computed column `{}`", derived.name)));
        }
    }
    let place = places(&needed);
    retain(&mut aggregate.derived, &needed);
    renumber(aggregate, &|column| match column {
        ColumnReference::Derived(index) => ColumnReference::Derived(place[index]),
        ColumnReference::Key(_) | ColumnReference::Measure(_) | ColumnReference::WindowStart | ColumnReference::WindowEnd => column,
    });
}

fn drop_measures(aggregate: &mut Aggregate, deviations: &mut Vec<Deviation>) {
    let mut needed = vec![false; aggregate.measures.len()];
    for expression in std::iter::once(&aggregate.condition).chain(aggregate.derived.iter().map(|derived| &derived.expression)) {
        for column in columns(expression) {
            if let ColumnReference::Measure(index) = column
                && let Some(flag) = needed.get_mut(index)
            {
                *flag = true;
            }
        }
    }
    for (measure, needed) in aggregate.measures.iter().zip(&needed) {
        if !needed {
            let message = format!("an alert does not show the measure `{}`, which no threshold uses", measure.name);
            deviations.push(Deviation::new(S005, measure.span, message));
        }
    }
    let place = places(&needed);
    retain(&mut aggregate.measures, &needed);
    renumber(aggregate, &|column| match column {
        ColumnReference::Measure(index) => ColumnReference::Measure(place[index]),
        ColumnReference::Key(_) | ColumnReference::Derived(_) | ColumnReference::WindowStart | ColumnReference::WindowEnd => column,
    });
}

fn slide(aggregate: &mut Aggregate, lookback: i64, deviations: &mut Vec<Deviation>) {
    let (length, code, message) = match aggregate.window {
        Window::Sliding { .. } => return,
        Window::Tumbling(length) => (
            length,
            S001,
            "the window slides with the events instead of starting at fixed times: events on both sides of a start count together",
        ),
        Window::Lookback => {
            (lookback, S009, "a window of the length of the lookback slides with the events, instead of one window for each run")
        }
    };
    aggregate.window = Window::Sliding { length, at: None };
    deviations.push(Deviation::new(code, aggregate.span, message));
}

/// For each index the number of those before it that are kept.
fn places(kept: &[bool]) -> Vec<usize> {
    kept.iter().scan(0, |next, kept| Some(std::mem::replace(next, *next + usize::from(*kept)))).collect()
}

fn retain<T>(list: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    list.retain(|_| kept.next().copied().unwrap_or(true));
}

fn renumber(aggregate: &mut Aggregate, change: &impl Fn(ColumnReference) -> ColumnReference) {
    change_columns(&mut aggregate.condition, change);
    for derived in &mut aggregate.derived {
        change_columns(&mut derived.expression, change);
    }
}

fn change_columns(expression: &mut Expression, change: &impl Fn(ColumnReference) -> ColumnReference) {
    if let ExpressionKind::Column(column) = &mut expression.kind {
        *column = change(*column);
    }
    for child in children_mut(&mut expression.kind) {
        change_columns(child, change);
    }
}

/// The columns that an expression uses.
fn columns(expression: &Expression) -> Vec<ColumnReference> {
    let mut found = Vec::new();
    expression.visit(&mut |part| {
        if let ExpressionKind::Column(column) = part.kind {
            found.push(column);
        }
    });
    found
}

fn children_mut(kind: &mut ExpressionKind) -> Vec<&mut Expression> {
    match kind {
        ExpressionKind::Number(_)
        | ExpressionKind::Text(_)
        | ExpressionKind::Duration(_)
        | ExpressionKind::Boolean(_)
        | ExpressionKind::Field(_)
        | ExpressionKind::Selection(_)
        | ExpressionKind::Column(_) => Vec::new(),
        ExpressionKind::Negate(inner) | ExpressionKind::Not(inner) => vec![inner],
        ExpressionKind::Arithmetic(_, left, right) | ExpressionKind::Compare(_, left, right) => vec![left, right],
        ExpressionKind::And(parts) | ExpressionKind::Or(parts) | ExpressionKind::Call(_, parts) => parts.iter_mut().collect(),
    }
}
