//! What is not wrong in itself but probably not meant: unused names, output by fields that the events lack,
//! tokens and keys that name no column.

use crate::alert_text::tokens;
use crate::detection::{Condition, Detection, Predicate, Shape, Subject, ValueTest};
use crate::diagnostic::{Diagnostic, Diagnostics, E0309, W0201, W0202, W0204, W0207, did_you_mean};
use crate::expression::parse::{Written, WrittenKind};
use crate::expression::{Expression, ExpressionKind};
use crate::logsource::Field;
use crate::source::{Source, Span};
use crate::spec::{Body, Spec};
use crate::yaml::Value;
use std::sync::Arc;

/// Runs all checks.
pub(super) fn check(source: &Source, spec: &Spec, detection: &Detection, diagnostics: &mut Diagnostics) {
    unused_selections(detection, diagnostics);
    unused_lists_and_parameters(spec, diagnostics);
    if let (Some(_), Some(first)) = (&spec.aggregate, spec.fields.first()) {
        let message = "`fields` has no effect beside `aggregate`: its rows show group keys, measures, derived columns and labels";
        diagnostics.push(Diagnostic::warning(W0207, first.span, message).help("add a measure such as `values(field)`, or remove `fields`"));
    }
    let outputs = outputs(source, detection, diagnostics);
    missing_fields(detection, &outputs, diagnostics);
}

fn unused_selections(detection: &Detection, diagnostics: &mut Diagnostics) {
    let mut used = vec![false; detection.selections.len()];
    detection.formula.selections().into_iter().for_each(|index| used[index] = true);
    if let Some(aggregate) = &detection.aggregate {
        aggregate.measures.iter().flat_map(|measure| measure.expressions()).for_each(|expression| expression_uses(expression, &mut used));
        if let crate::detection::Window::Sliding { at: Some(index), .. } = aggregate.window {
            used[index] = true;
        }
    }
    for (selection, _) in detection.selections.iter().zip(used).filter(|(_, used)| !used) {
        let message = format!("the selection `{}` is not used", selection.name);
        let warning = Diagnostic::warning(W0201, selection.span, message);
        diagnostics.push(warning.help("use it in `condition` or in a measure, or remove it"));
    }
}

fn expression_uses(expression: &Expression, used: &mut [bool]) {
    expression.visit(&mut |part| {
        if let ExpressionKind::Selection(index) = part.kind {
            used[index] = true;
        }
    });
}

fn unused_lists_and_parameters(spec: &Spec, diagnostics: &mut Diagnostics) {
    if spec.lists.is_empty() && spec.parameters.is_empty() {
        return;
    }
    let mut texts = Vec::new();
    spec.detection.selections.iter().for_each(|(_, body)| body_texts(body, &mut texts));
    for (name, _) in &spec.lists {
        let placeholder = format!("%{}%", name.value);
        if !texts.iter().any(|text| text.contains(&placeholder)) {
            let warning = Diagnostic::warning(W0202, name.span, format!("the list `{}` is not used", name.value));
            diagnostics.push(warning.help(format!("use it as `field|expand: '{placeholder}'`")));
        }
    }
    let mut names = Vec::new();
    spec.aggregate.iter().for_each(|aggregate| {
        let written = aggregate.measures.iter().chain(&aggregate.derive).map(|(_, written)| written);
        let labels = aggregate.labels.iter().flat_map(|(_, label)| label.cases.iter().map(|(when, _)| when));
        written.chain(labels).chain(&aggregate.condition).for_each(|written| written_names(written, &mut names));
    });
    for (name, _) in &spec.parameters {
        if !names.contains(&name.value.as_str()) {
            let warning = Diagnostic::warning(W0202, name.span, format!("the parameter `{}` is not used", name.value));
            diagnostics.push(warning.help("use its name in an expression of `aggregate`"));
        }
    }
}

fn body_texts<'a>(body: &'a Body, texts: &mut Vec<&'a str>) {
    match body {
        Body::Items(items) => texts.extend(items.iter().flat_map(|item| &item.values).filter_map(|value| match &value.value {
            Value::Text(text) => Some(text.as_str()),
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => None,
        })),
        Body::Alternatives(bodies) => bodies.iter().for_each(|body| body_texts(body, texts)),
    }
}

/// The names in an expression.
pub(super) fn written_names<'a>(written: &'a Written, names: &mut Vec<&'a str>) {
    match &written.kind {
        WrittenKind::Name(name) => names.push(name),
        WrittenKind::Number(_) | WrittenKind::Text(_) | WrittenKind::Duration(_) | WrittenKind::Boolean(_) => {}
        WrittenKind::Negate(inner) | WrittenKind::Not(inner) => written_names(inner, names),
        WrittenKind::Arithmetic(_, left, right) | WrittenKind::Compare(_, left, right) => {
            written_names(left, names);
            written_names(right, names);
        }
        WrittenKind::And(parts) | WrittenKind::Or(parts) => parts.iter().for_each(|part| written_names(part, names)),
        WrittenKind::Call(_, arguments, filter) => {
            arguments.iter().for_each(|argument| written_names(argument, names));
            filter.iter().for_each(|filter| written_names(filter, names));
        }
    }
}

/// A field that is shown, grouped, throttled or mapped by.
struct Output {
    field: Arc<Field>,
    span: Span,
    role: &'static str,
}

/// All fields that an alert shows; names that are no columns are reported.
fn outputs(source: &Source, detection: &Detection, diagnostics: &mut Diagnostics) -> Vec<Output> {
    let mut outputs: Vec<Output> = Vec::new();
    let columns = detection.columns.iter();
    outputs.extend(columns.map(|column| Output { field: column.field.clone(), span: column.span, role: "is an output column" }));
    let keys = detection.aggregate.iter().flat_map(|aggregate| &aggregate.group_by);
    outputs.extend(keys.map(|key| Output { field: key.field.clone(), span: key.span, role: "is a group key" }));
    let alert = &detection.alert;
    let throttle = alert.throttle.iter().flat_map(|throttle| &throttle.by).map(|name| (name.value.clone(), name.span, "is throttled by"));
    let entities = alert.entities.iter().map(|entity| (entity.column.value.clone(), entity.column.span, "is an entity"));
    let texts = [&alert.title, &alert.description].into_iter().flatten().flat_map(|text| {
        let scalar = crate::place::ScalarText::new(source, text.span, &text.value);
        tokens(&text.value).into_iter().map(|(name, at)| (name, scalar.span(at), "stands in the alert's text")).collect::<Vec<_>>()
    });
    for (name, span, role) in throttle.chain(entities).chain(texts.collect::<Vec<_>>()) {
        match named_output(detection, &name) {
            Some(Some(field)) => outputs.push(Output { field, span, role }),
            Some(None) => {}
            None => unknown_column(detection, &name, span, diagnostics),
        }
    }
    outputs
}

/// The field behind an output column: `None` if there is no such column, `Some(None)` if it is computed.
fn named_output(detection: &Detection, name: &str) -> Option<Option<Arc<Field>>> {
    match &detection.aggregate {
        Some(aggregate) => {
            if let Some(key) = aggregate.group_by.iter().find(|key| key.name == name) {
                return Some(Some(key.field.clone()));
            }
            detection.column_names().iter().any(|column| column == name).then_some(None)
        }
        None if detection.columns.is_empty() => detection.log_source.field(name).map(Some),
        None => detection.columns.iter().find(|column| column.name == name).map(|column| Some(column.field.clone())),
    }
}

fn unknown_column(detection: &Detection, name: &str, span: Span, diagnostics: &mut Diagnostics) {
    let mut names = detection.column_names();
    if names.is_empty() {
        names = detection.log_source.names().map(str::to_owned).collect();
    }
    let message = format!("the alert has no column `{name}`");
    let help = did_you_mean(name, names.iter().map(String::as_str)).unwrap_or_else(|| format!("its columns are: {}", names.join(", ")));
    diagnostics.push(Diagnostic::error(E0309, span, message).help(help));
}

/// Warns about outputs by fields that the selected events never have.
fn missing_fields(detection: &Detection, outputs: &[Output], diagnostics: &mut Diagnostics) {
    let Some(action) = &detection.log_source.action else { return };
    let Some(selected) = selected_values(&detection.condition, action) else { return };
    for output in outputs {
        let lacking: Vec<&str> = selected
            .iter()
            .filter(|value| output.field.absent_for.iter().any(|absent| absent.eq_ignore_ascii_case(value)))
            .map(String::as_str)
            .collect();
        if !lacking.is_empty() {
            let message = format!("`{}` {}, but these events lack it: {}", output.field.name, output.role, lacking.join(", "));
            let warning = Diagnostic::warning(W0204, output.span, message);
            diagnostics.push(
                warning.help("the column stays empty; use another field, or say in `falsepositives` or the description how to find out"),
            );
        }
    }
}

/// The values of the action field that the condition lets through, if it names them.
fn selected_values(condition: &Condition, action: &Field) -> Option<Vec<String>> {
    match condition {
        Condition::Match(predicate) => action_values(predicate, action),
        Condition::All(parts) => parts.iter().find_map(|part| selected_values(part, action)),
        Condition::Any(parts) => {
            let values: Option<Vec<Vec<String>>> = parts.iter().map(|part| selected_values(part, action)).collect();
            values.filter(|values| !values.is_empty()).map(|values| values.concat())
        }
        Condition::Not(_) => None,
    }
}

fn action_values(predicate: &Predicate, action: &Field) -> Option<Vec<String>> {
    match &predicate.subject {
        Subject::Field(field) if field.name == action.name => predicate
            .tests
            .iter()
            .map(|test| {
                let ValueTest::Text(pattern) = test else { return None };
                if let Shape::Equals(text) = pattern.shape() { Some(text.to_owned()) } else { None }
            })
            .collect(),
        Subject::Field(_) | Subject::Event => None,
    }
}
