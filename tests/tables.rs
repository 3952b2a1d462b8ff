//! The built-in log sources name columns that Microsoft's tables have, with the types that they have.
//! `tests/conformance/tables.json` holds names and types from Microsoft's table references (September 2024), of the tables
//! that the log sources use and the references describe. The functions of the Advanced Security Information Model have the columns
//! of the table for the events of their schema that need no parser; for network sessions also the two that the schema adds.

mod common;

use cognate::logsource::{ColumnType, LogSource, LogSources, Place, Platform};
use std::collections::BTreeMap;

type Tables = BTreeMap<String, BTreeMap<String, String>>;

/// What is wrong with the columns of a log source.
fn problems(path: &str, source: &LogSource, tables: &Tables) -> Vec<String> {
    let Some(origin) = &source.kql else { return Vec::new() };
    let Some(columns) = tables.get(&origin.table) else { return Vec::new() };
    let mut found = Vec::new();
    let mut check = |field: &str, place: &Place| {
        for (column, kind) in place.columns() {
            match columns.get(column) {
                None => found.push(format!("{path}: {field}: {} has no column {column}", origin.table)),
                Some(real) if !fits(kind, real) => found.push(format!("{path}: {field}: {column} is {real}, not {}", kind.kql_name())),
                Some(_) => {}
            }
        }
    };
    for field in &source.fields {
        if let Some(binding) = field.binding(Platform::Kql) {
            check(&field.name, &binding.place);
        }
    }
    for (_, selector) in source.selectors.iter().filter(|(platform, _)| *platform == Platform::Kql) {
        selector.predicates(&mut |predicate| {
            predicate.fields(&mut |field| {
                let place = field.binding(Platform::Kql).map(|binding| &binding.place);
                place.into_iter().for_each(|place| check(&field.name, place));
            })
        });
    }
    found
}

fn fits(kind: ColumnType, real: &str) -> bool {
    match kind {
        ColumnType::Text | ColumnType::Address => real == "string",
        ColumnType::Integer => matches!(real, "int" | "long"),
        ColumnType::Real => real == "real",
        ColumnType::Boolean => real == "bool",
        ColumnType::Time => real == "datetime",
        ColumnType::Dynamic => real == "dynamic",
        ColumnType::Guid => real == "guid",
    }
}

#[test]
fn log_sources_name_columns_that_the_tables_have() {
    let text = std::fs::read_to_string(common::root().join("tests/conformance/tables.json")).expect("a readable file");
    let tables: Tables = serde_json::from_str(&text).expect("tables");
    let mut found = Vec::new();
    let mut used = std::collections::BTreeSet::new();
    for (source, file) in LogSources::built_in().read_all() {
        let log_source = file.log_source.as_deref().expect("built-in log sources are right");
        let variants = log_source.variants.iter().map(|variant| &*variant.log_source);
        for log_source in [log_source].into_iter().chain(variants) {
            used.extend(log_source.kql.iter().map(|origin| origin.table.clone()));
            found.extend(problems(&source.path, log_source, &tables));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    let unused: Vec<&String> = tables.keys().filter(|table| !used.contains(*table)).collect();
    assert!(unused.is_empty(), "tables that no log source uses: {unused:?}");
}
