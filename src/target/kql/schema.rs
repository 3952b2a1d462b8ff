//! Which table and typed columns a query binds to: for checking a query against a schema, and for prerequisites.

use super::value::list_place;
use crate::detection::{Condition, Detection, MeasureFunction, Subject, ValueTest};
use crate::expression::{Expression, ExpressionKind};
use crate::logsource::{ColumnType, Field, Place};
use std::collections::BTreeMap;

/// The table of a detection's query and the columns of its log source and of the query, with their KQL types, in order of name.
/// Empty if the log source has no place on the platform.
pub fn schema(detection: &Detection) -> Vec<(String, Vec<(String, &'static str)>)> {
    let Some(origin) = &detection.log_source.kql else { return Vec::new() };
    let mut columns = BTreeMap::new();
    let mut add = |field: &Field| {
        if let Some((column, kind)) = column(field, detection.log_source.open) {
            columns.entry(column).or_insert(kind);
        }
    };
    detection.log_source.fields.iter().for_each(|field| add(field));
    let conditions = [&detection.condition].into_iter().chain(detection.selections.iter().map(|selection| &selection.condition));
    conditions.for_each(|condition| fields_of_condition(condition, &mut add));
    detection.columns.iter().for_each(|column| add(&column.field));
    if let Some(aggregate) = &detection.aggregate {
        aggregate.group_by.iter().for_each(|key| add(&key.field));
        for measure in &aggregate.measures {
            MeasureFunction::argument(&measure.function).into_iter().chain(&measure.filter).for_each(|e| fields_of_expression(e, &mut add));
        }
    }
    columns.insert(origin.time.clone(), "datetime");
    vec![(origin.table.clone(), columns.into_iter().collect())]
}

fn fields_of_condition(condition: &Condition, add: &mut impl FnMut(&Field)) {
    condition.predicates(&mut |predicate| {
        if let Subject::Field(field) = &predicate.subject {
            add(field);
        }
        for test in &predicate.tests {
            if let ValueTest::Field(test) = test {
                add(&test.other);
            }
        }
    });
}

fn fields_of_expression(expression: &Expression, add: &mut impl FnMut(&Field)) {
    expression.visit(&mut |part| {
        if let ExpressionKind::Field(field) = &part.kind {
            add(field);
        }
    });
}

fn column(field: &Field, open: bool) -> Option<(String, &'static str)> {
    match field.kql.as_ref().map(|binding| &binding.place) {
        Some(Place::Column { name, kind }) => Some((name.clone(), column_type(*kind))),
        Some(Place::Json { column, text, .. }) => Some((column.clone(), json_type(*text))),
        Some(Place::Element { column, text, .. }) => Some((list_place(column).0.to_owned(), json_type(*text))),
        None if open => Some((field.name.clone(), "string")),
        None => None,
    }
}

fn json_type(text: bool) -> &'static str {
    if text { "string" } else { "dynamic" }
}

fn column_type(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text | ColumnType::Address => "string",
        ColumnType::Integer => "long",
        ColumnType::Real => "real",
        ColumnType::Boolean => "bool",
        ColumnType::Time => "datetime",
        ColumnType::Dynamic => "dynamic",
        ColumnType::Guid => "guid",
    }
}
