//! `where` of a platform: the names and values there that tell a log source's events from others in the same place → conditions.

use super::binding::{column, column_type};
use super::{Binding, Field, FieldType, LogSource, Others, Place, Platform};
use crate::detection::{Condition, Predicate, Segment, Subject, TextPattern, ValueTest};
use crate::diagnostic::{Diagnostic, E0701, did_you_mean};
use crate::reader::Reader;
use crate::source::Span;
use crate::yaml::{Entry, Kind, Node, Value};
use std::sync::Arc;

/// What tells a log source's events from others, by platform.
pub(super) type Selectors = Vec<(Platform, Condition)>;

/// `where: { EventCode: [1, 5] }`: a platform's own names and values. It takes the place of what was there before; without it
/// that stays, or goes with the place that it was about.
pub(super) fn select(
    reader: &mut Reader<'_, '_>,
    node: &Node<'_>,
    platform: Platform,
    selectors: &mut Selectors,
    stays: bool,
) -> Option<()> {
    let written = node.get("where");
    if !stays || written.is_some() {
        selectors.retain(|(other, _)| *other != platform);
    }
    let Some(written) = written else { return Some(()) };
    for entry in reader.entries(written, "where")? {
        let tests = selected_values(reader, entry)?;
        let whole = tests.iter().all(|test| matches!(test, ValueTest::Number(_)));
        let subject = Subject::Field(Arc::new(platform_field(&entry.key.value, platform, whole)));
        selectors.push((platform, Condition::Match(Predicate { subject, tests, span: Span::default() })));
    }
    Some(())
}

/// The same for the product's own events, by the names of fields.
pub(super) fn select_fields(
    reader: &mut Reader<'_, '_>,
    written: &Node<'_>,
    fields: &[Field],
    others: Option<&Others>,
    selectors: &mut Selectors,
) -> Option<()> {
    selectors.retain(|(other, _)| *other != Platform::Product);
    for entry in reader.entries(written, "where")? {
        let name = &*entry.key.value;
        let known = fields.iter().find(|field| field.is_called(name)).cloned().or_else(|| Some(others?.field(name)));
        let Some(field) = known else {
            let message = format!("`where` names the field `{name}`, which is not described");
            let help = did_you_mean(name, fields.iter().map(|field| field.name.as_str()));
            return reader.fail(Diagnostic::error(E0701, entry.key.span, message).maybe_help(help));
        };
        let tests = selected_values(reader, entry)?;
        let predicate = Predicate { subject: Subject::Field(Arc::new(field)), tests, span: Span::default() };
        selectors.push((Platform::Product, Condition::Match(predicate)));
    }
    Some(())
}

/// A value or a list of them.
fn selected_values(reader: &mut Reader<'_, '_>, entry: &Entry<'_>) -> Option<Vec<ValueTest>> {
    let nodes = match &entry.value.kind {
        Kind::List(items) => items.as_slice(),
        Kind::Scalar { .. } | Kind::Map(_) => std::slice::from_ref(&entry.value),
    };
    let tests: Option<Vec<ValueTest>> = nodes.iter().map(|node| selected_value(reader, node, &entry.key.value)).collect();
    match tests? {
        tests if tests.is_empty() => reader.empty(entry.key.span, &entry.key.value),
        tests => Some(tests),
    }
}

impl LogSource {
    /// What holds of every event that may be one of this log source: an event is left out if it says otherwise, not if it
    /// says nothing.
    pub fn own_events(&self) -> Vec<Condition> {
        let selectors = self.selectors.iter().filter(|(platform, _)| *platform == Platform::Product);
        let open = |condition: &Condition| {
            let Condition::Match(predicate) = condition else { return condition.clone() };
            let tests = predicate.tests.iter().cloned().chain([ValueTest::Absent]).collect();
            Condition::Match(Predicate { tests, ..predicate.clone() })
        };
        selectors.map(|(_, condition)| open(condition)).collect()
    }
}

fn selected_value(reader: &mut Reader<'_, '_>, node: &Node<'_>, key: &str) -> Option<ValueTest> {
    match node.scalar() {
        Some(Value::Number(number)) if number.is_integer() => Some(ValueTest::Number(number.clone())),
        Some(Value::Text(text)) => Some(ValueTest::Text(TextPattern::new([Segment::Literal(text.clone())], false))),
        Some(Value::Number(_) | Value::Boolean(_) | Value::Null | Value::List(_) | Value::Map(_)) | None => {
            reader.wrong_type(node, key, "a text or a whole number")
        }
    }
}

/// `Column`, on Sentinel also `Column.member`.
fn place(name: &str, kind: FieldType, platform: Platform) -> Binding {
    let mut path = name.split('.').map(str::to_owned);
    match (platform, path.next(), path.collect::<Vec<_>>()) {
        (Platform::Kql, Some(column), path) if !path.is_empty() => {
            Binding { place: Place::Json { column, text: false, path }, values: Vec::new() }
        }
        (Platform::Aql | Platform::Spl | Platform::Kql | Platform::Product, ..) => column(name, column_type(kind, platform)),
    }
}

/// A column of a platform that is no field of ours. QRadar's properties may hold numbers as texts, which are compared alike.
fn platform_field(name: &str, platform: Platform, whole: bool) -> Field {
    let kind = match (whole, platform) {
        (true, Platform::Aql) => FieldType::Any,
        (true, Platform::Spl | Platform::Kql | Platform::Product) => FieldType::Integer,
        (false, _) => FieldType::Text,
    };
    let here = |wanted: Platform| (platform == wanted).then(|| place(name, kind, platform));
    let nowhere = Others::default().field(name);
    Field { kind, aql: here(Platform::Aql), spl: here(Platform::Spl), kql: here(Platform::Kql), ..nowhere }
}
