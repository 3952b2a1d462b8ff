//! The `where` of a measure goes in, a formula over selections comes out; comparisons of fields become selections.

use super::rule::{Body, test};
use super::selection::literal;
use crate::detection::{Formula, Modifier};
use crate::diagnostic::{Diagnostic, E0401};
use crate::expression::{Expression, ExpressionKind, Function, Relational};
use crate::logsource::{Field, FieldType};
use crate::source::Span;
use crate::yaml::{Number, Value};
use std::sync::Arc;

/// The formula of a filter; `body` gets the selections that it needs.
pub(super) fn formula(filter: &Expression, body: &mut Body) -> Result<Formula, Diagnostic> {
    match &filter.kind {
        ExpressionKind::Selection(index) => Ok(Formula::Selection(*index)),
        ExpressionKind::Not(inner) => Ok(Formula::Not(Box::new(formula(inner, body)?))),
        ExpressionKind::And(parts) => list(parts, body).map(Formula::And),
        ExpressionKind::Or(parts) => list(parts, body).map(Formula::Or),
        ExpressionKind::Compare(relation, left, right) => comparison(*relation, left, right, filter.span, body),
        ExpressionKind::Number(_)
        | ExpressionKind::Text(_)
        | ExpressionKind::Duration(_)
        | ExpressionKind::Boolean(_)
        | ExpressionKind::Field(_)
        | ExpressionKind::Column(_)
        | ExpressionKind::Negate(_)
        | ExpressionKind::Arithmetic(..)
        | ExpressionKind::Call(..) => Err(refusal(filter.span)),
    }
}

fn list(parts: &[Expression], body: &mut Body) -> Result<Vec<Formula>, Diagnostic> {
    parts.iter().map(|part| formula(part, body)).collect()
}

fn refusal(span: Span) -> Diagnostic {
    Diagnostic::error(E0401, span, "Sigma cannot express this filter of a measure")
        .help("compare a field with a value, or name a selection: `count(search and sensitive)`")
}

fn comparison(relation: Relational, left: &Expression, right: &Expression, span: Span, body: &mut Body) -> Result<Formula, Diagnostic> {
    let (relation, field, other) = match (field(left), field(right)) {
        (Some(field), _) => (relation, field, right),
        (None, Some(field)) => (relation.turned(), field, left),
        (None, None) => return Err(refusal(span)),
    };
    let (modifier, value) = operand(relation, other, &field).ok_or_else(|| refusal(span))?;
    let mut add = |field: &Arc<Field>, modifier: Option<Modifier>, value: Value| {
        let name = format!("{}_{}", field.name, body.parts.len() + 1);
        Formula::Selection(body.add(name, None, test(field, modifier.into_iter().collect(), value, span)))
    };
    let mut holds = add(&field, modifier, value);
    if relation == Relational::NotEqual {
        // a comparison with a missing operand is false
        holds = Formula::And(vec![Formula::Not(Box::new(holds)), Formula::Not(Box::new(add(&field, None, Value::Null)))]);
        if let Some(other) = self::field(other) {
            let Formula::And(parts) = &mut holds else { return Err(refusal(span)) };
            parts.push(Formula::Not(Box::new(add(&other, None, Value::Null))));
        }
    }
    Ok(holds)
}

/// A field; `lower(field)` is the same in a comparison of texts, which ignores case.
fn field(expression: &Expression) -> Option<Arc<Field>> {
    match &expression.kind {
        ExpressionKind::Field(field) => Some(Arc::clone(field)),
        ExpressionKind::Call(Function::Lower, arguments) => arguments.first().and_then(field),
        ExpressionKind::Number(_)
        | ExpressionKind::Text(_)
        | ExpressionKind::Duration(_)
        | ExpressionKind::Boolean(_)
        | ExpressionKind::Selection(_)
        | ExpressionKind::Column(_)
        | ExpressionKind::Negate(_)
        | ExpressionKind::Not(_)
        | ExpressionKind::Arithmetic(..)
        | ExpressionKind::Compare(..)
        | ExpressionKind::And(_)
        | ExpressionKind::Or(_)
        | ExpressionKind::Call(..) => None,
    }
}

/// The modifier and the value that say the comparison with a field of this type.
fn operand(relation: Relational, other: &Expression, field: &Field) -> Option<(Option<Modifier>, Value)> {
    let equality = matches!(relation, Relational::Equal | Relational::NotEqual);
    let text = matches!(field.kind, FieldType::Text | FieldType::Ip | FieldType::Any);
    if let (true, true, Some(other)) = (equality, text, self::field(other)) {
        return matches!(other.kind, FieldType::Text | FieldType::Ip | FieldType::Any)
            .then(|| (Some(Modifier::FieldRef), Value::Text(other.name.clone())));
    }
    match (&other.kind, constant(other)) {
        (ExpressionKind::Text(value), _) => (equality && text).then(|| (None, Value::Text(literal(value)))),
        (ExpressionKind::Boolean(value), _) => (equality && field.kind == FieldType::Boolean).then_some((None, Value::Boolean(*value))),
        (_, Some(value)) => {
            let numeric = matches!(field.kind, FieldType::Integer | FieldType::Number | FieldType::Any);
            Some((ordering(relation), Value::Number(number(value)?))).filter(|_| numeric)
        }
        _ => None,
    }
}

fn ordering(relation: Relational) -> Option<Modifier> {
    match relation {
        Relational::Equal | Relational::NotEqual => None,
        Relational::Less => Some(Modifier::Lt),
        Relational::LessOrEqual => Some(Modifier::Lte),
        Relational::Greater => Some(Modifier::Gt),
        Relational::GreaterOrEqual => Some(Modifier::Gte),
    }
}

/// A number as a rule writes it; `None` if plain digits cannot say it.
fn number(value: f64) -> Option<Number> {
    Number::parse(&value.to_string())
}

/// The value of a number, also a negative one.
pub(super) fn constant(expression: &Expression) -> Option<f64> {
    match &expression.kind {
        ExpressionKind::Number(value) => Some(*value),
        ExpressionKind::Negate(inner) => constant(inner).map(|value| -value),
        ExpressionKind::Text(_)
        | ExpressionKind::Duration(_)
        | ExpressionKind::Boolean(_)
        | ExpressionKind::Field(_)
        | ExpressionKind::Selection(_)
        | ExpressionKind::Column(_)
        | ExpressionKind::Not(_)
        | ExpressionKind::Arithmetic(..)
        | ExpressionKind::Compare(..)
        | ExpressionKind::And(_)
        | ExpressionKind::Or(_)
        | ExpressionKind::Call(..) => None,
    }
}
