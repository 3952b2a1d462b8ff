//! Which table and typed columns a query binds to: for checking a query against a schema, and for prerequisites.

use crate::detection::Detection;
use crate::logsource::{ColumnType, Field, Platform};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The table of a detection's query and the columns of its log source and of the query, with their KQL types, in order of name.
/// Empty if the log source has no place on the platform. A detection that counts what others find has their tables.
pub fn schema(detection: &Detection) -> Vec<(String, Vec<(String, &'static str)>)> {
    let mut tables: BTreeMap<String, BTreeMap<String, &'static str>> = BTreeMap::new();
    let chained = detection.chained().flat_map(|(_, chained)| {
        let fields = chained.fields.iter().map(|(_, field)| field);
        of_one(&chained.detection, fields).into_iter().chain(schema(&chained.detection))
    });
    let own = if detection.event_formula().is_some() { of_one(detection, std::iter::empty()) } else { None };
    for (table, columns) in chained.chain(own) {
        let known = tables.entry(table).or_default();
        columns.into_iter().for_each(|(column, kind)| {
            known.entry(column).or_insert(kind);
        });
    }
    tables.into_iter().map(|(table, columns)| (table, columns.into_iter().collect())).collect()
}

/// The table of a detection's own log source, with columns also for other fields of it.
fn of_one<'d>(detection: &'d Detection, others: impl Iterator<Item = &'d Arc<Field>>) -> Option<(String, Vec<(String, &'static str)>)> {
    let Some(origin) = &detection.log_source.kql else { return None };
    let mut columns = BTreeMap::new();
    let mut add = |field: &Field| {
        for (column, kind) in columns_of(field, detection.log_source.open) {
            columns.entry(column).or_insert(kind);
        }
    };
    detection.log_source.fields.iter().for_each(|field| add(field));
    others.for_each(|field| add(field));
    detection.fields(&mut |field| add(field));
    for (_, selector) in detection.log_source.selectors.iter().filter(|(platform, _)| *platform == Platform::Kql) {
        selector.predicates(&mut |predicate| predicate.fields(&mut |field| add(field)));
    }
    columns.insert(origin.time.clone(), "datetime");
    Some((origin.table.clone(), columns.into_iter().collect()))
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
