//! Fields that Sigma cannot name: the element of a list that is chosen by its key. They keep our name, and a processing
//! pipeline, which every Sigma converter has, must say where it stands: an assumption.

use crate::detection::{Detection, Item, SelectionBody, Subject, ValueTest};
use crate::diagnostic::S022;
use crate::expression::{Expression, ExpressionKind};
use crate::logsource::{EventPath, Field};
use crate::source::Span;
use crate::target::Deviation;

/// One assumption for each such field of a detection.
pub(super) fn assumptions(detection: &Detection) -> Vec<Deviation> {
    let mut found: Vec<Deviation> = Vec::new();
    let mut add = |field: &Field, span: Span| {
        let EventPath::Element(_) = field.event else { return };
        let message = format!("the field `{}` is mapped to `{}` by a processing pipeline", field.name, field.event.text());
        if !found.iter().any(|other| other.message == message) {
            found.push(Deviation::new(S022, span, message));
        }
    };
    for selection in &detection.selections {
        of_body(&selection.body, &mut add);
        selection.condition.predicates(&mut |predicate| {
            if let Subject::Field(field) = &predicate.subject {
                add(field, predicate.span);
            }
            for test in &predicate.tests {
                if let ValueTest::Field(test) = test {
                    add(&test.other, predicate.span);
                }
            }
        });
    }
    detection.exclusions.iter().for_each(|exclusion| of_body(&exclusion.body, &mut add));
    detection.columns.iter().for_each(|column| add(&column.field, column.span));
    if let Some(aggregate) = &detection.aggregate {
        aggregate.group_by.iter().for_each(|key| add(&key.field, key.span));
        for measure in &aggregate.measures {
            measure.expressions().for_each(|expression| of_expression(expression, &mut add));
        }
    }
    for (index, chained) in detection.chained() {
        chained.fields.iter().for_each(|(_, field)| add(field, detection.selections[index].span));
    }
    let inner: Vec<Deviation> = detection.chained().flat_map(|(_, chained)| assumptions(&chained.detection)).collect();
    found.extend(inner);
    found
}

fn of_body(body: &SelectionBody, add: &mut impl FnMut(&Field, Span)) {
    match body {
        SelectionBody::Alternatives(bodies) => bodies.iter().for_each(|body| of_body(body, add)),
        // its fields are seen there
        SelectionBody::Alerts(_) => {}
        SelectionBody::Items(items) => {
            items.iter().filter_map(|item: &Item| Some((item.field.as_ref()?, item.span))).for_each(|(f, s)| add(f, s))
        }
    }
}

fn of_expression(expression: &Expression, add: &mut impl FnMut(&Field, Span)) {
    expression.visit(&mut |part| {
        if let ExpressionKind::Field(field) = &part.kind {
            add(field, part.span);
        }
    });
}
