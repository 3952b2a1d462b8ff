//! KQL for Microsoft Sentinel and Defender XDR: a detection comes in, a query comes out.
//!
//! Strings are never null in KQL, everything else may be; conditions are written so that a missing value makes a test
//! false and its negation true, as everywhere. What KQL cannot say is refused with a place.

mod absence;
mod aggregate;
mod computed;
mod condition;
mod expression;
mod hashes;
mod layout;
mod schema;
mod spelling;
#[cfg(test)]
mod tests;
mod union;
mod value;
mod writer;

pub use schema::schema;

use super::several::{Branch, Names};
use super::{Bounds, Deviation, Options, Rendered};
use crate::detection::{Aggregate, Column, Detection, Window};
use crate::diagnostic::{Diagnostic, E0401, K007};
use crate::logsource::KqlOrigin;
use crate::template::{Signature, TargetTemplates};
use aggregate::{Pieces, assignment, list_lines};
use serde_json::json;
use std::borrow::Cow;
use writer::Writer;

/// A Sentinel rule's query may have so many characters.
const LONGEST_QUERY: usize = 10_000;

/// The operators of `operators.j2`.
pub const OPERATORS: &[Signature] = &[
    ("equals", &["value", "literal"]),
    ("equals_cased", &["value", "literal"]),
    ("not_equals", &["value", "literal"]),
    ("not_equals_cased", &["value", "literal"]),
    ("one_of", &["value", "literals"]),
    ("one_of_cased", &["value", "literals"]),
    ("one_of_numbers", &["value", "literals"]),
    ("contains", &["value", "literal"]),
    ("contains_cased", &["value", "literal"]),
    ("starts_with", &["value", "literal"]),
    ("starts_with_cased", &["value", "literal"]),
    ("ends_with", &["value", "literal"]),
    ("ends_with_cased", &["value", "literal"]),
    ("matches", &["value", "pattern"]),
    ("any_contains", &["literal"]),
    ("any_contains_cased", &["literal"]),
    ("any_matches", &["pattern"]),
    ("number_equals", &["left", "right"]),
    ("number_not_equals", &["left", "right"]),
    ("less", &["left", "right"]),
    ("less_or_equal", &["left", "right"]),
    ("greater", &["left", "right"]),
    ("greater_or_equal", &["left", "right"]),
    ("plus", &["left", "right"]),
    ("minus", &["left", "right"]),
    ("times", &["left", "right"]),
    ("divided", &["left", "right"]),
    ("negation", &["condition"]),
    ("false_if_null", &["condition"]),
    ("is_empty", &["value"]),
    ("is_not_empty", &["value"]),
    ("is_null", &["value"]),
    ("is_not_null", &["value"]),
    ("in_ipv4", &["value", "network"]),
    ("in_any_ipv4", &["value", "networks"]),
    ("in_ipv6", &["value", "network"]),
    ("in_any_ipv6", &["value", "networks"]),
    ("lower", &["value"]),
    ("text_of", &["value"]),
    ("text_of_real", &["value"]),
    ("text_of_boolean", &["value"]),
    ("real_of", &["value"]),
    ("whole_of", &["value"]),
    ("moment_of", &["value"]),
    ("moment_of_seconds", &["value"]),
    ("moment_of_milliseconds", &["value"]),
    ("span_of", &["value"]),
    ("json_of", &["value"]),
    ("time_part", &["part", "moment"]),
    ("either", &["condition", "then", "otherwise"]),
    ("choice", &["cases", "otherwise"]),
    ("joined_texts", &["texts"]),
    ("tail", &["text", "start"]),
    ("xml_text", &["pattern", "column"]),
    ("dword_text", &["data"]),
    ("empty_data", &["kind", "data"]),
    ("qword_text", &["data"]),
    ("first_present", &["values"]),
    ("floor", &["value"]),
    ("absolute", &["value"]),
    ("round", &["value"]),
    ("round_to", &["value", "scale"]),
    ("greatest", &["values"]),
    ("least", &["values"]),
    ("count", &[]),
    ("count_if", &["condition"]),
    ("distinct", &["value"]),
    ("distinct_if", &["value", "condition"]),
    ("sum", &["value"]),
    ("sum_if", &["value", "condition"]),
    ("average_if", &["value", "condition"]),
    ("minimum", &["value"]),
    ("minimum_if", &["value", "condition"]),
    ("maximum", &["value"]),
    ("maximum_if", &["value", "condition"]),
    ("values_if", &["value", "condition"]),
    ("ranked_if", &["value", "condition"]),
    ("nearest_rank", &["list", "numerator", "denominator", "below"]),
    ("length", &["list"]),
    ("elements", &["list", "missing"]),
    ("apply", &["element", "elements", "columns"]),
    ("some_element", &["condition"]),
    ("fetch_element", &["value", "condition"]),
    ("fetch_elements", &["value", "condition"]),
    ("now", &[]),
    ("ago", &["span"]),
    ("bucket", &["moment", "length", "origin"]),
    ("filter", &["condition"]),
    ("extend", &["column", "value"]),
    ("project", &["columns"]),
    ("project_away", &["columns"]),
    ("different", &["columns"]),
    ("repeat_twice", &["step"]),
    ("sorted", &["columns"]),
    ("rising", &["column"]),
    ("falling", &["column"]),
    ("ascending", &["column"]),
    ("descending", &["column"]),
    ("empty_last", &["column"]),
    ("previous", &["column"]),
];

/// See [`super::Target::approximate`].
pub fn approximate(detection: &Detection) -> (Cow<'_, Detection>, Vec<Deviation>) {
    absence::approximate(detection)
}

/// What the rows of rules that are counted together have beside their fields.
pub const NAMES_OF_SEVERAL: Names = Names { own: "_", rule: "_rule", time: "TimeGenerated" };

/// Renders exactly, or refuses. `branches`: the rules whose rows are counted together, instead of the log source's events.
pub fn render(
    detection: &Detection,
    branches: &[Branch],
    templates: &TargetTemplates,
    options: &Options,
) -> Result<Rendered, Vec<Diagnostic>> {
    let bounds = options.range.bounds(detection);
    let mut writer = Writer::new(detection, templates);
    let text = match branches {
        [] => origin(detection).and_then(|origin| write(&mut writer, &origin, bounds)),
        branches => union::write(&mut writer, branches, bounds),
    };
    if !writer.problems.is_empty() {
        return Err(writer.problems);
    }
    let text = text.map_err(|problem| vec![problem])?;
    let text = text.trim_end().lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    let length = text.chars().count();
    if length > LONGEST_QUERY {
        let message =
            format!("the query has {length} characters; a Sentinel analytics rule takes {LONGEST_QUERY}, a hunting query takes it");
        writer.assume(K007, writer.place, message);
    }
    Ok(Rendered { text, assumptions: writer.assumptions, ..Rendered::default() })
}

/// Where the events are.
fn origin(detection: &Detection) -> Result<KqlOrigin, Diagnostic> {
    let place = detection.metadata.title.span;
    let source = &detection.log_source;
    let origin = source.kql.clone().ok_or_else(|| {
        let message = format!("log source `{}` has no place on Microsoft Sentinel", source.id.path());
        let help = "give the log source a `kql` origin (table and time column), in its file or in the site file, or skip this target";
        Diagnostic::error(E0401, place, message).help(help)
    })?;
    for written in [&origin.table, &origin.time] {
        if spelling::name(written).is_none() {
            let message = format!("KQL cannot have a table or column with the name `{}`", written.escape_debug());
            return Err(Diagnostic::error(E0401, place, message).help("correct the `kql` origin of the log source"));
        }
    }
    Ok(origin)
}

/// Table and time column as they stand in a query.
fn spelled(origin: &KqlOrigin) -> [String; 2] {
    [&origin.table, &origin.time].map(|name| spelling::name(name).unwrap_or_else(|| name.clone()))
}

fn write(writer: &mut Writer<'_>, origin: &KqlOrigin, bounds: Bounds) -> Result<String, Diagnostic> {
    let [table, time] = spelled(origin);
    let detection = writer.detection;
    let Some(aggregate) = &detection.aggregate else {
        let range = writer.range(&time, bounds);
        let steps = plain_steps(writer, |writer| detection.columns.iter().map(|column| output_column(writer, column)).collect());
        return writer.templates.envelope("query.j2", json!({ "source": table, "range": range, "steps": steps }));
    };
    let range = writer.range(&time, bounds);
    counted(writer, aggregate, Source { text: table, range, time }, bounds)
}

/// Where an aggregate finds its events.
struct Source {
    /// Table, function or `union`.
    text: String,
    /// The condition on the time of the events; empty if the source says it.
    range: String,
    /// The time column.
    time: String,
}

/// The query of an aggregate.
fn counted(writer: &mut Writer<'_>, aggregate: &Aggregate, source: Source, bounds: Bounds) -> Result<String, Diagnostic> {
    let pieces = Pieces { source: source.text, range: source.range, ..writer.aggregate(aggregate, &source.time, bounds) };
    let envelope = match aggregate.window {
        Window::Sliding { .. } => "sliding.j2",
        Window::Tumbling(_) | Window::Lookback => "aggregate.j2",
    };
    writer.templates.envelope(envelope, &pieces)
}

/// The steps from events that are read to the columns that are returned; none: the platform's own.
fn plain_steps<'d>(writer: &mut Writer<'d>, columns: impl FnOnce(&mut Writer<'d>) -> Vec<String>) -> Vec<String> {
    let (early, late) = writer.event_filters();
    let columns = columns(writer);
    let (lists, mut helpers) = writer.list_steps();
    let (computed, columns_made) = writer.computed_steps();
    helpers.extend(columns_made);
    let last = match (columns.is_empty(), helpers.is_empty()) {
        (false, _) => Some(writer.op("project", &[&list_lines(&columns, 4)])),
        (true, false) => Some(writer.op("project_away", &[&list_lines(&helpers, 4)])),
        (true, true) => None,
    };
    let early = early.map(|condition| writer.filter(&condition));
    let late = late.map(|condition| writer.filter(&condition));
    computed.into_iter().chain(early).chain(lists).chain(late).chain(last).collect()
}

/// `name = value` of an output column.
fn output_column(writer: &mut Writer<'_>, column: &Column) -> String {
    let name = writer.output_name(&column.name, column.span);
    let Some(operand) = writer.single(&column.field, column.span) else { return name };
    let value = if column.field.list { operand.raw } else { writer.natural_value(&operand, column.span).text };
    assignment(&name, &value)
}
