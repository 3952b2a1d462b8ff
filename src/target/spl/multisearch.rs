//! Rules that are counted together → `multisearch` over their searches, each of which hands over the time, which rule it
//! was, and the values that the aggregate reads, under the same names. It takes streaming commands only.

use super::quote::eval_text;
use super::writer::Writer;
use super::{Base, NAMES_OF_SEVERAL, Source, assignments, base_search, list};
use crate::diagnostic::Diagnostic;
use crate::expression::Type;
use crate::logsource::{FieldType, TimeFormat};
use crate::target::Bounds;
use crate::target::several::{Branch, Handed};
use serde_json::json;

/// The search that finds the rows of all rules.
pub fn base(writer: &mut Writer<'_>, branches: &[Branch], bounds: Bounds) -> Result<Base, Diagnostic> {
    // no helper gets its name
    let rule = writer.helper("rule");
    debug_assert_eq!(rule, NAMES_OF_SEVERAL.rule);
    let searches: Vec<String> = branches.iter().map(|branch| rows(writer, branch, bounds)).collect::<Result<_, _>>()?;
    let search = match searches.as_slice() {
        // it takes two searches at least
        [search] => search.clone(),
        searches => {
            let indented: Vec<String> = searches.iter().map(|search| search.replace('\n', "\n    ")).collect();
            writer.templates.envelope("multisearch.j2", json!({ "branches": indented }))?
        }
    };
    Ok(Base { search: search.trim_end().to_owned(), filter: None })
}

/// The search for one rule.
fn rows(writer: &mut Writer<'_>, branch: &Branch, bounds: Bounds) -> Result<String, Diagnostic> {
    let mut own = Writer::new(writer.templates, &branch.detection);
    // the events of a branch are counted in windows: all of the range matters
    let base = base_search(&mut own, Bounds { report_from: None, ..bounds });
    let sources: Vec<Source> = branch.columns.iter().filter_map(|column| source(&mut own, column)).collect();
    let named = assignments(&mut own, &sources);
    let mut commands = std::mem::take(&mut own.prepare);
    commands.extend(base.filter);
    commands.extend(named);
    commands.extend(branch.rule.iter().map(|rule| own.op("assign", &[NAMES_OF_SEVERAL.rule, &eval_text(rule)])));
    let rule = branch.rule.iter().map(|_| NAMES_OF_SEVERAL.rule);
    let names = [NAMES_OF_SEVERAL.time].into_iter().chain(rule).chain(branch.columns.iter().map(|column| column.name.as_str()));
    commands.push(format!("fields {}", list(names)));
    writer.problems.append(&mut own.problems);
    own.assumptions.into_iter().for_each(|assumption| writer.assume(assumption.code, assumption.span, assumption.message));
    let text = writer.templates.envelope("query.j2", json!({ "search": base.search, "commands": commands }))?;
    Ok(text.trim_end().to_owned())
}

/// A value as it is written in the event, or as a number.
fn source(writer: &mut Writer<'_>, handed: &Handed) -> Option<Source> {
    let (located, text) = writer.single(&handed.field, handed.span)?;
    let seconds = matches!(located.time, Some(TimeFormat::EpochSeconds | TimeFormat::EpochMilliseconds));
    let is_moment = handed.field.name == writer.detection.log_source.time.name || (seconds && handed.field.kind == FieldType::Timestamp);
    if is_moment {
        let what = format!("the value of the moment in `{}`, by which events of several rules are put together", handed.field.name);
        writer.refuse(handed.span, &what, "use a field that holds a text or a number");
        return None;
    }
    let eval = match handed.wanted {
        Type::Number => writer.field_value(&handed.field, Type::Number, handed.span)?.text,
        Type::Text | Type::Boolean | Type::Timestamp | Type::Duration | Type::Texts => text,
    };
    Some(Source { name: handed.name.clone(), platform: located.platform, eval })
}
