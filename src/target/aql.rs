//! IBM QRadar: a typed detection → AQL.
//!
//! IBM documents few functions, and leaves much open. Only documented ones are used, and where two readings are
//! possible the text is right under both; what remains is listed as an assumption, or refused.

mod aggregate;
mod clause;
mod expression;
mod names;
mod predicate;
mod query;
mod regex;
#[cfg(test)]
mod tests;
mod writer;

use super::{Deviation, Options, Rendered};
use crate::detection::{Column, Condition, Detection, Predicate, Subject, ValueTest, Window};
use crate::diagnostic::{A002, A003, Diagnostic, E0404};
use crate::expression::{Expression, ExpressionKind};
use crate::logsource::Field;
use crate::source::Span;
use crate::template::{Signature, TargetTemplates};
use clause::Clause;
use query::Select;
use std::borrow::Cow;
use std::sync::Arc;
use writer::Writer;

/// The operators of `operators.j2`.
pub const OPERATORS: &[Signature] = &[
    ("equal", &["left", "right"]),
    ("not_equal", &["left", "right"]),
    ("less", &["left", "right"]),
    ("less_or_equal", &["left", "right"]),
    ("greater", &["left", "right"]),
    ("greater_or_equal", &["left", "right"]),
    ("is_one_of", &["value", "options"]),
    ("is_missing", &["value"]),
    ("is_present", &["value"]),
    ("negation", &["condition"]),
    ("like", &["text", "pattern"]),
    ("ilike", &["text", "pattern"]),
    ("matches", &["text", "regex"]),
    ("imatches", &["text", "regex"]),
    ("lower", &["text"]),
    ("joined", &["first", "second"]),
    ("in_network", &["network", "address"]),
    ("to_text", &["value"]),
    ("to_real", &["value"]),
    ("to_whole", &["value"]),
    ("add", &["left", "right"]),
    ("subtract", &["left", "right"]),
    ("multiply", &["left", "right"]),
    ("divide", &["left", "right"]),
    ("modulo", &["left", "right"]),
    ("now", &[]),
    ("missing", &[]),
    ("choose", &["condition", "yes", "no"]),
    ("translate", &["value", "cases", "otherwise"]),
    ("translation", &["from", "to"]),
    ("sum", &["value"]),
    ("average", &["value"]),
    ("minimum", &["value"]),
    ("maximum", &["value"]),
    ("unique_count", &["value"]),
    ("raw_event", &[]),
    ("events_bundled", &[]),
    ("log_source_type", &[]),
    ("log_source_type_id", &[]),
    ("named", &["value", "name"]),
    ("descending", &["column"]),
    ("last_minutes", &["number"]),
    ("last_hours", &["number"]),
    ("last_days", &["number"]),
];

/// Two rewrites: a list-valued field becomes its first value, a sliding window a tumbling one.
/// See [`super::Target::approximate`].
pub fn approximate(detection: &Detection) -> (Cow<'_, Detection>, Vec<Deviation>) {
    let slides = matches!(detection.aggregate.as_ref().map(|a| &a.window), Some(Window::Sliding { at: None, .. }));
    if !slides && !detection.log_source.fields.iter().any(|field| field.list) {
        return (Cow::Borrowed(detection), Vec::new());
    }
    let mut detection = detection.clone();
    let mut rewriter = Rewriter { deviations: Vec::new() };
    detection.condition = rewriter.condition(&detection.condition);
    for selection in &mut detection.selections {
        selection.condition = rewriter.condition(&selection.condition);
    }
    detection.columns =
        detection.columns.iter().map(|column| Column { field: rewriter.field(&column.field, column.span), ..column.clone() }).collect();
    if let Some(aggregate) = &mut detection.aggregate {
        for measure in &mut aggregate.measures {
            measure.filter = measure.filter.as_ref().map(|filter| rewriter.expression(filter));
        }
        if let Window::Sliding { length, at: None } = aggregate.window {
            aggregate.window = Window::Tumbling(length);
            let message = "AQL has no sliding windows: events are counted in fixed windows, and a burst over an edge is split";
            rewriter.deviations.push(Deviation::new(A003, aggregate.span, message));
        }
    }
    (Cow::Owned(detection), rewriter.deviations)
}

/// Replaces list-valued fields by single-valued ones.
struct Rewriter {
    deviations: Vec<Deviation>,
}

impl Rewriter {
    fn field(&mut self, field: &Arc<Field>, span: Span) -> Arc<Field> {
        if !field.list {
            return field.clone();
        }
        let message = format!("a QRadar property holds one value: of several values of `{}` only the first is seen", field.name);
        if !self.deviations.iter().any(|old| old.message == message) {
            self.deviations.push(Deviation::new(A002, span, message));
        }
        Arc::new(Field { list: false, first_only: true, ..Field::clone(field) })
    }

    fn condition(&mut self, condition: &Condition) -> Condition {
        condition.map(&mut |predicate| Condition::Match(self.predicate(predicate)))
    }

    fn predicate(&mut self, predicate: &Predicate) -> Predicate {
        let mut predicate = predicate.clone();
        if let Subject::Field(field) = &mut predicate.subject {
            *field = self.field(field, predicate.span);
        }
        for test in &mut predicate.tests {
            if let ValueTest::Field(test) = test {
                test.other = self.field(&test.other, predicate.span);
            }
        }
        predicate
    }

    fn expression(&mut self, expression: &Expression) -> Expression {
        let kind = match &expression.kind {
            ExpressionKind::Field(field) => ExpressionKind::Field(self.field(field, expression.span)),
            ExpressionKind::Negate(inner) => ExpressionKind::Negate(Box::new(self.expression(inner))),
            ExpressionKind::Not(inner) => ExpressionKind::Not(Box::new(self.expression(inner))),
            ExpressionKind::Arithmetic(operator, a, b) => {
                ExpressionKind::Arithmetic(*operator, Box::new(self.expression(a)), Box::new(self.expression(b)))
            }
            ExpressionKind::Compare(relation, a, b) => {
                ExpressionKind::Compare(*relation, Box::new(self.expression(a)), Box::new(self.expression(b)))
            }
            ExpressionKind::And(parts) => ExpressionKind::And(parts.iter().map(|part| self.expression(part)).collect()),
            ExpressionKind::Or(parts) => ExpressionKind::Or(parts.iter().map(|part| self.expression(part)).collect()),
            ExpressionKind::Call(function, arguments) => {
                ExpressionKind::Call(*function, arguments.iter().map(|part| self.expression(part)).collect())
            }
            ExpressionKind::Number(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Duration(_)
            | ExpressionKind::Boolean(_)
            | ExpressionKind::Selection(_)
            | ExpressionKind::Column(_) => expression.kind.clone(),
        };
        Expression { kind, ..expression.clone() }
    }
}

/// Renders exactly, or refuses.
pub fn render(detection: &Detection, templates: &TargetTemplates, options: &Options) -> Result<Rendered, Vec<Diagnostic>> {
    let mut writer = Writer::new(detection, templates);
    refuse_equal_names(&mut writer);
    refuse_sliding_at(&mut writer);
    let origin = query::origin(&mut writer);
    let (time, last) = query::time_range(&mut writer, options);
    let condition = predicate::condition(&mut writer, &detection.condition, false);
    let events = Clause::all([origin, time, condition]);
    let text = match &detection.aggregate {
        Some(aggregate) => aggregate::render(&mut writer, aggregate, events, &last, options),
        None => plain(&mut writer, events, &last, options),
    };
    match text {
        Ok(text) if writer.problems.is_empty() => Ok(Rendered { text, assumptions: writer.assumptions, ..Rendered::default() }),
        Ok(_) => Err(writer.problems),
        Err(problem) => Err(writer.problems.into_iter().chain([problem]).collect()),
    }
}

/// The query of a rule without aggregate.
fn plain(writer: &mut Writer<'_>, events: Clause, last: &str, options: &Options) -> Result<String, Diagnostic> {
    let detection = writer.detection;
    let filtered = writer.used.clone();
    let columns: Vec<(String, String, String)> = detection
        .columns
        .iter()
        .filter_map(|column| {
            let property = writer.property(&column.field, column.span)?;
            let text = property.shown(writer);
            let hides = text != column.name && filtered.iter().any(|name| name.eq_ignore_ascii_case(&column.name));
            let inner = if hides { format!("{}_value", column.name) } else { names::definition(&column.name) };
            Some((column.name.clone(), inner, text))
        })
        .collect();
    let named = |text: &str, name: &str| if text == name { name.to_owned() } else { writer.spell("named", &[text, name]) };
    let renamed = columns.iter().any(|(name, inner, _)| names::definition(name) != *inner);
    let limit = options.limit.map(|limit| limit.to_string()).unwrap_or_default();
    let items = columns.iter().map(|(_, inner, text)| named(text, inner));
    let mut select = Select {
        items: if columns.is_empty() { vec!["*".to_owned()] } else { items.collect() },
        source: "events".to_owned(),
        r#where: query::clause_text(writer, events, "starttime"),
        time: last.to_owned(),
        ..Select::default()
    };
    if !renamed {
        select.limit = limit;
        return select.text(writer);
    }
    let inner = select.text(writer)?;
    let items = columns.iter().map(|(name, inner, _)| named(inner.trim_matches('\''), &names::definition(name)));
    Select { items: items.collect(), source: query::nested(&inner), limit, ..Select::default() }.text(writer)
}

/// Names differ in more than their case on QRadar.
fn refuse_equal_names(writer: &mut Writer<'_>) {
    let detection = writer.detection;
    let mut names: Vec<(&str, Span)> = detection.columns.iter().map(|column| (column.name.as_str(), column.span)).collect();
    if let Some(aggregate) = &detection.aggregate {
        names = aggregate.group_by.iter().map(|key| (key.name.as_str(), key.span)).collect();
        names.extend([("window_start", aggregate.span), ("window_end", aggregate.span)]);
        names.extend(aggregate.measures.iter().map(|measure| (measure.name.as_str(), measure.span)));
        names.extend(aggregate.derived.iter().map(|derived| (derived.name.as_str(), derived.span)));
        names.extend(aggregate.labels.iter().map(|label| (label.name.as_str(), label.span)));
    }
    for (index, (name, span)) in names.iter().enumerate() {
        if let Some((other, first)) = names[..index].iter().find(|(other, _)| other.eq_ignore_ascii_case(name)) {
            let message = format!("the columns `{other}` and `{name}` have one name on QRadar, which ignores case");
            let problem = Diagnostic::error(E0404, *span, message).label(*first, "the first one").help("rename one of them");
            writer.problems.push(problem);
        }
    }
}

fn refuse_sliding_at(writer: &mut Writer<'_>) {
    let Some(aggregate) = &writer.detection.aggregate else { return };
    if matches!(aggregate.window, Window::Sliding { .. }) {
        let help = "use a tumbling window, or build a QRadar rule with a counter test";
        writer.refuse(aggregate.span, "a sliding window that is judged at chosen events", help);
    }
}
