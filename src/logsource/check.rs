//! What must fit together in a log source: bindings with each other, and every field with the sample event.

use super::{ColumnType, ElementPath, EventPath, Field, FieldType, LogSource, Place, Platform, TimeFormat};
use crate::diagnostic::{Diagnostic, Diagnostics, E0701};
use crate::letter_case::equal_ignoring_case;
use crate::source::Span;
use crate::yaml::Number;
use serde_json::Value;
use std::net::IpAddr;

/// Reports contradictions. `spans` are the places of the fields' names.
pub(super) fn check(log_source: &LogSource, spans: &[Span], sample: Span, diagnostics: &mut Diagnostics) {
    let fields = || log_source.fields.iter().map(AsRef::as_ref).zip(spans.iter().copied());
    if log_source.time.kind != FieldType::Timestamp {
        let span = fields().find(|(field, _)| field.name == log_source.time.name).map_or(sample, |(_, span)| span);
        let message = format!("the time field `{}` is not a timestamp", log_source.time.name);
        diagnostics.push(Diagnostic::error(E0701, span, message).help("add `type: timestamp`"));
    }
    if log_source.action.is_none() {
        for (field, span) in fields().filter(|(field, _)| !field.absent_for.is_empty()) {
            let message = format!("`{}` is absent for some actions, but the log source names no `action` field", field.name);
            diagnostics.push(Diagnostic::error(E0701, span, message).help("add `action:` with the name of the field"));
        }
    }
    let all: Vec<(&Field, Span)> = fields().collect();
    check_paths(&all, diagnostics);
    check_places(&all, diagnostics);
    check_columns(&all, diagnostics);
    if let Some(event) = &log_source.sample {
        for (field, span) in all {
            check_sample(log_source, field, span, event, sample, diagnostics);
        }
    }
}

/// Raw names must choose one field.
fn check_paths(fields: &[(&Field, Span)], diagnostics: &mut Diagnostics) {
    for (at, (field, span)) in fields.iter().enumerate() {
        if let Some((other, first)) = fields[..at].iter().find(|(other, _)| other.event == field.event) {
            let message = format!("`{}` and `{}` stand at the same place of the event", other.name, field.name);
            diagnostics.push(Diagnostic::error(E0701, *span, message).label(*first, "first here").help("keep one of them"));
        }
    }
}

/// Two fields cannot be told apart at one place of a platform.
fn check_places(fields: &[(&Field, Span)], diagnostics: &mut Diagnostics) {
    for (title, platform) in [("AQL", Platform::Aql), ("SPL", Platform::Spl), ("KQL", Platform::Kql)] {
        for (at, (field, span)) in fields.iter().enumerate() {
            let Some(binding) = field.binding(platform) else { continue };
            let same = |other: &Field| other.binding(platform).is_some_and(|other| other.place == binding.place);
            if let Some((other, first)) = fields[..at].iter().find(|(other, _)| same(other)) {
                let message = format!("`{}` and `{}` are bound to the same place in {title}", other.name, field.name);
                diagnostics.push(Diagnostic::error(E0701, *span, message).label(*first, "first here"));
            }
        }
    }
}

/// A KQL column has one type.
fn check_columns(fields: &[(&Field, Span)], diagnostics: &mut Diagnostics) {
    let mut seen: Vec<(&str, ColumnType, Span)> = Vec::new();
    for (field, span) in fields {
        for (name, kind) in field.kql.iter().flat_map(|binding| binding.place.columns()) {
            match seen.iter().find(|(other, ..)| *other == name) {
                Some((_, other, first)) if *other != kind => {
                    let message = format!("the KQL column `{name}` is used as {} and as {}", other.kql_name(), kind.kql_name());
                    diagnostics
                        .push(Diagnostic::error(E0701, *span, message).label(*first, "first used here").help("a column has one type"));
                }
                Some(_) => {}
                None => seen.push((name, kind, *span)),
            }
        }
    }
}

impl Place {
    /// The column that is the place, and its type, if it is one column as it is.
    pub fn plain(&self) -> Option<(&str, ColumnType)> {
        match self {
            Place::Column { name, kind } => Some((name, *kind)),
            Place::Json { .. }
            | Place::Element { .. }
            | Place::Xml { .. }
            | Place::Joined { .. }
            | Place::Chosen { .. }
            | Place::RegistryData { .. }
            | Place::Hashes(_) => None,
        }
    }

    /// The platform columns that hold it, and their types.
    pub fn columns(&self) -> Vec<(&str, ColumnType)> {
        match self {
            Place::Column { name, kind } => vec![(name, *kind)],
            Place::Json { column, text, .. } | Place::Element { column, text, .. } => {
                let column = column.split('.').next().unwrap_or(column);
                vec![(column, if *text { ColumnType::Text } else { ColumnType::Dynamic })]
            }
            Place::Xml { column, .. } => vec![(column, ColumnType::Text)],
            Place::Joined { columns, .. } => columns.iter().map(|column| (column.as_str(), ColumnType::Text)).collect(),
            Place::Chosen { on, cases, otherwise, kind } => {
                let read = cases.iter().map(|(_, column)| column).chain([otherwise]);
                [(on.as_str(), ColumnType::Text)].into_iter().chain(read.map(|column| (column.as_str(), *kind))).collect()
            }
            Place::RegistryData { kind, data } => vec![(kind, ColumnType::Text), (data, ColumnType::Text)],
            Place::Hashes(columns) => columns.iter().map(|(_, column)| (column.as_str(), ColumnType::Text)).collect(),
        }
    }
}

impl ColumnType {
    /// KQL's name of it.
    pub fn kql_name(self) -> &'static str {
        match self {
            ColumnType::Text | ColumnType::Address => "string",
            ColumnType::Integer => "long",
            ColumnType::Real => "real",
            ColumnType::Boolean => "bool",
            ColumnType::Time => "datetime",
            ColumnType::Dynamic => "dynamic",
            ColumnType::Guid => "guid",
        }
    }
}

fn check_sample(log_source: &LogSource, field: &Field, span: Span, event: &Value, sample: Span, diagnostics: &mut Diagnostics) {
    let mut values = Vec::new();
    collect(event, &field.event, &mut values);
    let mut report = |message: String, help: &str| {
        diagnostics.push(Diagnostic::error(E0701, span, message).label(sample, "the sample event").help(help));
    };
    if values.is_empty() && !field.optional && !absent(log_source, field, event) {
        report(
            format!("the sample event has no `{}`, which is where `{}` stands", field.event.text(), field.name),
            "correct the path, or add `optional: true`",
        );
    }
    if values.len() > 1 && !field.list {
        report(
            format!("the sample event has {} values of `{}`", values.len(), field.name),
            "add `list: true`, or choose an element by a key",
        );
    }
    let format = (field.name == log_source.time.name).then_some(log_source.time_format);
    if let Some(value) = values.iter().find(|value| !fits(field.kind, format, value)) {
        report(format!("`{}` has another type in the sample event: {value}", field.name), "correct the type or the path");
    }
}

fn absent(log_source: &LogSource, field: &Field, event: &Value) -> bool {
    let mut actions = Vec::new();
    if let Some(action) = &log_source.action {
        collect(event, &action.event, &mut actions);
    }
    actions.iter().filter_map(|action| action.as_str()).any(|action| field.absent_for.iter().any(|name| name.eq_ignore_ascii_case(action)))
}

fn fits(kind: FieldType, format: Option<TimeFormat>, value: &Value) -> bool {
    let text = value.as_str();
    match kind {
        FieldType::Any => true,
        FieldType::Text => !value.is_object(),
        FieldType::Integer => {
            value.is_i64() || value.is_u64() || text.is_some_and(|text| Number::parse(text).is_some_and(|n| n.is_integer()))
        }
        FieldType::Number => value.is_number() || text.is_some_and(|text| Number::parse(text).is_some()),
        FieldType::Boolean => value.is_boolean(),
        FieldType::Ip => text.is_some_and(|text| text.parse::<IpAddr>().is_ok()),
        FieldType::Timestamp => match format {
            Some(TimeFormat::EpochSeconds | TimeFormat::EpochMilliseconds) => value.is_number(),
            Some(TimeFormat::Iso8601) | None => text.is_some_and(is_iso8601),
        },
    }
}

/// Begins like `2026-01-05T`.
fn is_iso8601(text: &str) -> bool {
    text.len() > 10 && text.bytes().zip(*b"dddd-dd-ddT").all(|(byte, form)| if form == b'd' { byte.is_ascii_digit() } else { byte == form })
}

/// All present values at a path.
fn collect<'v>(event: &'v Value, path: &EventPath, found: &mut Vec<&'v Value>) {
    match path {
        EventPath::Path(path) => walk(event, path, &mut |value| found.push(value)),
        EventPath::Element(ElementPath { list, key, equals, value }) => walk(event, list, &mut |element| {
            let chosen = element.get(key).and_then(Value::as_str).is_some_and(|text| equal_ignoring_case(text, equals));
            if chosen && let Some(member) = element.get(value) {
                walk(member, &[], &mut |value| found.push(value));
            }
        }),
    }
}

fn walk<'v>(value: &'v Value, path: &[String], visit: &mut dyn FnMut(&'v Value)) {
    match (value, path) {
        (Value::Array(items), _) => items.iter().for_each(|item| walk(item, path, visit)),
        (Value::Null, _) => {}
        (value, []) => visit(value),
        (value, [first, rest @ ..]) => {
            if let Some(member) = value.get(first) {
                walk(member, rest, visit);
            }
        }
    }
}
