//! Rules that are counted together → a `union` of their rows: the time, which rule it was, and the values that the
//! aggregate reads, in columns of the same names and types, because a column of two types would become two columns.

use super::aggregate::assignment;
use super::spelling::text_literal;
use super::value::{Operand, Stored};
use super::writer::Writer;
use super::{NAMES_OF_SEVERAL, Source, counted, origin, plain_steps, spelled};
use crate::diagnostic::{Diagnostic, E0401};
use crate::expression::Type;
use crate::logsource::FieldType;
use crate::target::Bounds;
use crate::target::several::{Branch, Handed};
use serde_json::json;

/// The whole query.
pub fn write(writer: &mut Writer<'_>, branches: &[Branch], bounds: Bounds) -> Result<String, Diagnostic> {
    let texts: Vec<String> = branches.iter().map(|branch| rows(writer, branch, bounds)).collect::<Result<_, _>>()?;
    let text = writer.templates.envelope("union.j2", json!({ "branches": texts }))?;
    let source = Source { text: text.trim_end().to_owned(), range: String::new(), time: NAMES_OF_SEVERAL.time.to_owned() };
    match &writer.detection.aggregate {
        Some(aggregate) => counted(writer, aggregate, source, bounds),
        None => Ok(source.text),
    }
}

/// The rows of one rule, indented as a member of the union.
fn rows(writer: &mut Writer<'_>, branch: &Branch, bounds: Bounds) -> Result<String, Diagnostic> {
    let origin = origin(&branch.detection)?;
    let [table, time] = spelled(&origin);
    let mut own = Writer::new(&branch.detection, writer.templates);
    let steps = plain_steps(&mut own, |own| {
        let rule = branch.rule.iter().map(|rule| assignment(NAMES_OF_SEVERAL.rule, &text_literal(rule)));
        let values = branch.columns.iter().map(|column| {
            let name = own.output_name(&column.name, column.span);
            assignment(&name, &value(own, column))
        });
        [assignment(NAMES_OF_SEVERAL.time, &time)].into_iter().chain(rule).chain(values).collect()
    });
    // the events of a branch are counted in windows: all of the range matters
    let range = own.range(&time, Bounds { report_from: None, ..bounds });
    own.problems.into_iter().for_each(|problem| writer.refuse(problem));
    own.assumptions.into_iter().for_each(|assumption| writer.assume(assumption.code, assumption.span, assumption.message));
    writer.reserve(&origin.table);
    let text = writer.templates.envelope("query.j2", json!({ "source": table, "range": range, "steps": steps }))?;
    Ok(text.trim_end().replace('\n', "\n    "))
}

/// A value as a text, or as a `real`.
fn value(writer: &mut Writer<'_>, handed: &Handed) -> String {
    let Some(operand) = writer.single(&handed.field, handed.span) else { return handed.name.clone() };
    let text = writer.text_of(&operand).filter(|_| !is_moment(&operand));
    match (handed.wanted, text) {
        (_, None) => {
            let message = format!(
                "KQL cannot express the value of the moment in `{}`, by which events of several rules are put together",
                handed.field.name
            );
            writer.refuse(Diagnostic::error(E0401, handed.span, message).help("use a field that holds a text or a number"));
            handed.name.clone()
        }
        (Type::Number, Some(_)) => {
            let (number, whole) = writer.number_of(&operand);
            if whole { writer.op("real_of", &[&number]) } else { number }
        }
        // nobody has said that such a column is text
        (_, Some(text)) if operand.stored == Stored::Text && writer.detection.log_source.open => writer.op("text_of", &[&text]),
        (_, Some(text)) => text,
    }
}

/// Whether a column holds a moment in another form than the event.
fn is_moment(operand: &Operand) -> bool {
    let is_text = match operand.stored {
        Stored::Text | Stored::Json => true,
        Stored::Integer | Stored::Real | Stored::Boolean | Stored::Moment | Stored::Guid => false,
    };
    operand.time || (operand.kind == FieldType::Timestamp && !is_text)
}
