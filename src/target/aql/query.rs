//! The parts that every query has: where the events are, the time range, and the `SELECT` itself.

use super::clause::Clause;
use super::names;
use super::writer::{Kind, Writer};
use crate::detection::{Detection, Window};
use crate::diagnostic::{A012, Diagnostic, E0403};
use crate::logsource::AqlOrigin;
use crate::target::{Options, Range};
use serde::Serialize;

const MINUTE: i64 = 60_000;

/// One `SELECT`, in finished fragments.
#[derive(Debug, Default, Serialize)]
pub struct Select {
    /// Finished columns.
    #[serde(skip)]
    pub items: Vec<String>,
    /// The columns as one text.
    pub columns: String,
    /// `events`, or another select in parentheses.
    pub source: String,
    /// Conditions over what is read.
    pub r#where: String,
    /// Keys.
    pub group_by: String,
    /// Conditions over groups.
    pub having: String,
    /// Order.
    pub order_by: String,
    /// Number of rows.
    pub limit: String,
    /// Time range.
    pub time: String,
}

impl Select {
    /// The whole text.
    pub fn text(mut self, writer: &Writer<'_>) -> Result<String, Diagnostic> {
        self.columns = match self.items.as_slice() {
            [only] if !only.contains('\n') => only.clone(),
            items => format!("\n  {}", item_lines(items).join(",\n  ")),
        };
        let text = writer.templates.envelope("select.j2", &self)?;
        Ok(text.trim().lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
    }
}

/// One column a line; names that are only handed on share lines.
fn item_lines(items: &[String]) -> Vec<String> {
    let is_name = |item: &str| item.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let mut lines: Vec<String> = Vec::new();
    let mut open = false;
    for item in items {
        match lines.last_mut() {
            Some(line) if open && is_name(item) && line.len() + item.len() < 98 => {
                line.push_str(", ");
                line.push_str(item);
            }
            Some(_) | None => lines.push(item.clone()),
        }
        open = is_name(item);
    }
    lines
}

/// A select as the source of another one.
pub fn nested(text: &str) -> String {
    format!("(\n  {}\n)", text.replace('\n', "\n  "))
}

/// A condition as the text behind `WHERE` or `HAVING`; nothing if it always holds. `column` has a value in every row.
pub fn clause_text(writer: &Writer<'_>, clause: Clause, column: &str) -> String {
    if clause.is_always() {
        return String::new();
    }
    settled(writer, clause, column).block(writer.templates, 2)
}

/// The same condition, as a test also where it always or never holds.
pub fn settled(writer: &Writer<'_>, clause: Clause, column: &str) -> Clause {
    match clause {
        clause if clause.is_never() => writer.missing(column),
        clause if clause.is_always() => writer.present(column),
        clause => clause,
    }
}

/// The condition that chooses the log source's events.
pub fn origin(writer: &mut Writer<'_>) -> Clause {
    let log_source = &writer.detection.log_source;
    let ids = |ids: &[u32]| ids.iter().map(u32::to_string).collect::<Vec<_>>();
    match &log_source.aql {
        None if log_source.open => Clause::ALWAYS,
        None => {
            let message = format!("the log source `{}` has no place on QRadar", log_source.id.path());
            let help = "name its log source type under `aql`, in the log source or in the site file";
            writer.problems.push(Diagnostic::error(E0403, writer.detection.metadata.title.span, message).help(help));
            Clause::NEVER
        }
        Some(AqlOrigin::TypeName(name)) => {
            if name.chars().any(names::is_risky) {
                let help = "bind the log source to the numbers of the log source types";
                writer.refuse(writer.detection.metadata.title.span, "this name of a log source type", help);
            }
            writer.test("equal", &[&writer.spell("log_source_type", &[]), &names::literal(name)])
        }
        Some(AqlOrigin::TypeIds(list)) => {
            let value = writer.spell("log_source_type_id", &[]);
            match ids(list).as_slice() {
                [] => Clause::ALWAYS,
                [only] => writer.test("equal", &[&value, only]),
                options => Clause::OneOf { value, options: options.to_vec() },
            }
        }
    }
}

/// The property that holds the time of an event, in milliseconds.
pub fn time_property(writer: &mut Writer<'_>) -> String {
    let field = &writer.detection.log_source.time;
    let bound = field.aql.as_ref().and_then(|_| writer.property(field, field_span(writer.detection)));
    match bound {
        Some(property) if property.kind == Kind::Time => property.text,
        Some(_) | None => {
            writer.used.push("starttime".to_owned());
            "starttime".to_owned()
        }
    }
}

fn field_span(detection: &Detection) -> crate::source::Span {
    detection.metadata.title.span
}

/// The conditions of one run over the time of events, and the clause that makes QRadar search far enough back.
pub fn time_range(writer: &mut Writer<'_>, options: &Options) -> (Clause, String) {
    let bounds = options.range.bounds(writer.detection);
    if let Range::Hunt(length) = options.range {
        return (Clause::ALWAYS, last(writer, (length + MINUTE - 1) / MINUTE));
    }
    let message = "the query reads NOW() as the moment of the scheduled run, in milliseconds; to run it later, replace NOW() by that moment and LAST by START and STOP";
    writer.assume(A012, writer.detection.metadata.title.span, message.to_owned());
    let window = writer.detection.aggregate.as_ref().map(|aggregate| &aggregate.window);
    let time = time_property(writer);
    let before = |writer: &Writer<'_>, length: i64| {
        let now = writer.spell("now", &[]);
        if length == 0 { now } else { writer.spell("subtract", &[&now, &length.to_string()]) }
    };
    let (clause, reach) = match (window, bounds.report_from) {
        (Some(Window::Tumbling(length) | Window::Sliding { length, .. }), from) => {
            let from = from.unwrap_or(bounds.earliest - length);
            let start = window_start(writer, &time, *length);
            let after = writer.test("greater", &[&start, &before(writer, from + length)]);
            let until = writer.test("less_or_equal", &[&start, &before(writer, bounds.latest + length)]);
            (Clause::all([after, until]), from + length)
        }
        (Some(Window::Lookback) | None, from) => {
            let from = from.unwrap_or(bounds.earliest);
            let after = writer.test("greater_or_equal", &[&time, &before(writer, from)]);
            let until = writer.test("less", &[&time, &before(writer, bounds.latest)]);
            (Clause::all([after, until]), from)
        }
    };
    // one minute more: LAST counts whole minutes, and the conditions cut exactly
    (clause, last(writer, (reach + MINUTE - 1) / MINUTE + 1))
}

/// The start of an event's tumbling window.
pub fn window_start(writer: &Writer<'_>, time: &str, length: i64) -> String {
    let remainder = writer.spell("modulo", &[time, &length.to_string()]);
    writer.spell("subtract", &[time, &format!("({remainder})")])
}

fn last(writer: &Writer<'_>, minutes: i64) -> String {
    let (operator, number) = match minutes {
        minutes if minutes % 1440 == 0 => ("last_days", minutes / 1440),
        minutes if minutes % 60 == 0 => ("last_hours", minutes / 60),
        minutes => ("last_minutes", minutes),
    };
    writer.spell(operator, &[&number.to_string()])
}
