//! Which table and typed columns a query binds to: for checking a query against a schema, and for prerequisites.

use crate::detection::Detection;
use crate::logsource::{ColumnType, Field, Platform};
use std::collections::BTreeMap;

/// The table of a detection's query and the columns of its log source and of the query, with their KQL types, in order of name.
/// Empty if the log source has no place on the platform.
pub fn schema(detection: &Detection) -> Vec<(String, Vec<(String, &'static str)>)> {
    let Some(origin) = &detection.log_source.kql else { return Vec::new() };
    let mut columns = BTreeMap::new();
    let mut add = |field: &Field| {
        for (column, kind) in columns_of(field, detection.log_source.open) {
            columns.entry(column).or_insert(kind);
        }
    };
    detection.log_source.fields.iter().for_each(|field| add(field));
    detection.fields(&mut |field| add(field));
    for (_, selector) in detection.log_source.selectors.iter().filter(|(platform, _)| *platform == Platform::Kql) {
        selector.predicates(&mut |predicate| predicate.fields(&mut |field| add(field)));
    }
    columns.insert(origin.time.clone(), "datetime");
    vec![(origin.table.clone(), columns.into_iter().collect())]
}

fn columns_of(field: &Field, open: bool) -> Vec<(String, &'static str)> {
    match &field.kql {
        Some(binding) => binding.place.columns().into_iter().map(|(name, kind)| (name.to_owned(), column_type(kind))).collect(),
        None if open => vec![(field.name.clone(), "string")],
        None => Vec::new(),
    }
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
