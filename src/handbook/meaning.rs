//! What a detection looks for and counts, when there is an alert, and what it says: in words.

use super::markdown::{code, fence, inline, points, prose, shortened, table};
use super::words::{Words, codes};
use crate::detection::{Aggregate, Detection, Entity, Label, SortKey};
use crate::explain::{self, Indicators};
use crate::expression::Expression;
use crate::lower::duration_text;

/// How many values of one item the stages show; the lists and the table of indicators show more.
const STAGE_VALUES: usize = 12;
/// How many indicators the table shows.
const INDICATORS: usize = 60;
/// How much of a value it shows.
const VALUE_LENGTH: usize = 120;

/// Stages and predicates.
pub fn stages(detection: &Detection) -> String {
    let mut text = String::new();
    explain::stages(&mut text, detection, STAGE_VALUES);
    fence("text", &text)
}

/// What is counted, and from when on there is an alert.
pub fn measures(words: &Words<'_>, detection: &Detection) -> String {
    let Some(aggregate) = &detection.aggregate else { return String::new() };
    let mut parts = vec![format!("Counted {}.", prose(&explain::scope(detection, aggregate)))];
    parts.push(table(&["column", "what it is"], &columns(words, aggregate)));
    parts.push(format!("There is an alert when {}.", held(words, &aggregate.condition)));
    parts.extend(aggregate.labels.iter().map(|label| cases(words, label)));
    if !aggregate.sort.is_empty() {
        parts.push(format!("Rows are sorted by {}.", aggregate.sort.iter().map(sorted).collect::<Vec<_>>().join(", ")));
    }
    parts.join("\n\n")
}

fn columns(words: &Words<'_>, aggregate: &Aggregate) -> Vec<Vec<String>> {
    let key = |key: &crate::detection::GroupKey| {
        let folded = if key.lower { ", in lower case" } else { "" };
        vec![code(&key.name), format!("group key: the field {}{folded}", code(&key.field.name))]
    };
    let keys = aggregate.group_by.iter().map(key);
    let measures = aggregate.measures.iter().map(|measure| vec![code(&measure.name), words.measure(measure)]);
    let derived = aggregate.derived.iter().map(|derived| vec![code(&derived.name), words.expression(&derived.expression)]);
    let labels = aggregate.labels.iter().map(|label| vec![code(&label.name), "label, see below".to_owned()]);
    keys.chain(measures).chain(derived).chain(labels).collect()
}

/// A condition, with the values of its parameters.
fn held(words: &Words<'_>, condition: &Expression) -> String {
    let parameters = words.parameters(condition);
    let values = if parameters.is_empty() { String::new() } else { format!(", where {}", parameters.join(" and ")) };
    format!("{}{values}", words.expression(condition))
}

fn cases(words: &Words<'_>, label: &Label) -> String {
    let number = |(at, text): (usize, String)| format!("{}. {text}", at + 1);
    let cases = label.cases.iter().map(|(when, then)| format!("{}: {}", held(words, when), inline(then)));
    let otherwise = label.otherwise.iter().map(|text| format!("otherwise: {}", inline(text)));
    let lines: Vec<String> = cases.chain(otherwise).enumerate().map(number).collect();
    format!("The label {} is that of the first case that holds:\n\n{}", code(&label.name), lines.join("\n"))
}

fn sorted(key: &SortKey) -> String {
    format!("{}{}", code(&key.column), if key.descending { ", largest first" } else { "" })
}

/// When it runs, and what an alert says and does.
pub fn alert(detection: &Detection) -> String {
    let alert = &detection.alert;
    let token_text = |text: &crate::source::Spanned<String>| code(text.value.trim());
    let throttle = alert.throttle.as_ref().map(|throttle| {
        let by: Vec<&str> = throttle.by.iter().map(|column| column.value.as_str()).collect();
        let same = if by.is_empty() { String::new() } else { format!(" with the same {}", codes(by)) };
        format!("No second alert{same} for {}.", duration_text(throttle.period))
    });
    let entities: Vec<String> = alert.entities.iter().map(entity).collect();
    let actions = codes(alert.actions.iter().map(|action| &action.value));
    let columns = detection.column_names();
    let lines = [
        Some(format!("Runs {}.", inline(&explain::schedule(detection)))),
        alert.title.as_ref().map(|title| format!("Title: {}", token_text(title))),
        alert.description.as_ref().map(|text| format!("Description: {}", token_text(text))),
        (!columns.is_empty()).then(|| format!("Columns: {}", codes(columns))),
        alert.risk_score.map(|score| format!("Risk score: {score}")),
        (!entities.is_empty()).then(|| format!("Entities: {}", entities.join(", "))),
        throttle,
        (!actions.is_empty()).then(|| format!("Actions: {actions}")),
    ];
    points(lines.into_iter().flatten())
}

fn entity(entity: &Entity) -> String {
    let known = entity.identifier.as_deref().map(|identifier| format!(" ({})", inline(identifier))).unwrap_or_default();
    format!("{} {}{known}", inline(&entity.kind), code(&entity.column.value))
}

/// What it looks for, and how many other specs look for the same.
pub fn indicators(path: &str, detection: &Detection, indicators: &Indicators) -> String {
    let rows = indicators.rows(path, detection);
    if rows.is_empty() {
        return String::new();
    }
    let shown = rows.iter().take(INDICATORS);
    let cells: Vec<Vec<String>> = shown
        .map(|(field, operator, value, others)| {
            vec![code(field), code(operator), code(&shortened(value, VALUE_LENGTH)), others.to_string()]
        })
        .collect();
    let mut text = table(&["field", "operator", "value", "other specs with the same"], &cells);
    if rows.len() > INDICATORS {
        text.push_str(&format!("\n\nAnd {} more.", rows.len() - INDICATORS));
    }
    text
}
