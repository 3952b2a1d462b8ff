//! The value of an expression, over one event (arguments and filters of measures) or over one row of an aggregate
//! (derived columns, the condition, labels). Types were checked before; a value that does not fit is missing.

use super::condition::Matcher;
use super::event::{self, Event};
use super::moment;
use crate::expression::{Arithmetic, ColumnReference, Expression, ExpressionKind, Function, Relational, Type};
use crate::letter_case::{equal_ignoring_case, fold};
use crate::logsource::{Field, LogSource};
use serde_json::Value as Json;
use std::cmp::Ordering;

/// A value of the expression language.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// There is none.
    Missing,
    /// A finite number.
    Number(f64),
    /// A text.
    Text(String),
    /// True or false.
    Boolean(bool),
    /// A moment, in milliseconds since 1970-01-01T00:00:00Z.
    Timestamp(f64),
    /// A length of time, in milliseconds.
    Duration(f64),
    /// Sorted texts.
    Texts(Vec<String>),
}

impl Value {
    /// A quantity of a type; what is not finite is missing.
    pub fn quantity(value_type: Type, quantity: f64) -> Value {
        match value_type {
            _ if !quantity.is_finite() => Value::Missing,
            Type::Number => Value::Number(quantity),
            Type::Timestamp => Value::Timestamp(quantity),
            Type::Duration => Value::Duration(quantity),
            Type::Text | Type::Boolean | Type::Texts => Value::Missing,
        }
    }

    /// A group key as the type that an expression needs (events write the number 5 also as the text `5`).
    fn read_as(self, value_type: Type) -> Value {
        match (value_type, self) {
            (Type::Number, Value::Text(text)) => event::decimal(&text).map_or(Value::Missing, Value::Number),
            (Type::Timestamp, Value::Text(text)) => moment::of_text(&text).map_or(Value::Missing, |moment| Value::Timestamp(moment as f64)),
            (Type::Boolean, Value::Text(text)) => Value::Boolean(equal_ignoring_case(&text, "true")),
            (Type::Boolean, Value::Missing) => Value::Boolean(false),
            (Type::Text, value @ (Value::Number(_) | Value::Boolean(_))) => value.text().map_or(Value::Missing, Value::Text),
            (_, value) => value,
        }
    }

    /// The number behind a number, a moment or a length of time.
    pub fn as_quantity(&self) -> Option<f64> {
        match self {
            Value::Number(quantity) | Value::Timestamp(quantity) | Value::Duration(quantity) => Some(*quantity),
            Value::Missing | Value::Text(_) | Value::Boolean(_) | Value::Texts(_) => None,
        }
    }

    /// Whether it is the Boolean `true`.
    pub fn is_true(&self) -> bool {
        *self == Value::Boolean(true)
    }

    /// Whether there is none.
    pub fn is_missing(&self) -> bool {
        *self == Value::Missing
    }

    /// The text that stands for a single value: numbers in their shortest form, moments in ISO 8601, lengths of time in seconds.
    pub fn text(&self) -> Option<String> {
        match self {
            Value::Missing | Value::Texts(_) => None,
            Value::Number(number) => Some(event::float_text(*number)),
            Value::Text(text) => Some(text.clone()),
            Value::Boolean(value) => Some(value.to_string()),
            Value::Timestamp(milliseconds) => Some(moment::text(milliseconds.round() as i64)),
            Value::Duration(milliseconds) => Some(event::float_text(milliseconds / 1000.0)),
        }
    }

    /// As JSON: missing is null, whole numbers have no fraction, moments are ISO 8601, lengths of time are seconds.
    pub fn to_json(&self) -> Json {
        match self {
            Value::Missing => Json::Null,
            Value::Number(number) => number_json(*number),
            Value::Boolean(value) => Json::Bool(*value),
            Value::Duration(milliseconds) => number_json(milliseconds / 1000.0),
            Value::Text(_) | Value::Timestamp(_) => self.text().map_or(Json::Null, Json::String),
            Value::Texts(texts) => texts.iter().cloned().map(Json::String).collect(),
        }
    }

    /// The order of sorted rows: quantities by size, texts by code point, missing ones after all others.
    pub fn order(&self, other: &Value) -> Ordering {
        match (self.as_quantity(), other.as_quantity()) {
            (Some(left), Some(right)) => left.total_cmp(&right),
            (Some(_), None) => self.rank().cmp(&other.rank()),
            (None, Some(_)) => self.rank().cmp(&other.rank()),
            (None, None) => (self.rank(), self.text(), self.texts()).cmp(&(other.rank(), other.text(), other.texts())),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Number(_) | Value::Timestamp(_) | Value::Duration(_) => 0,
            Value::Boolean(_) | Value::Text(_) => 1,
            Value::Texts(_) => 2,
            Value::Missing => 3,
        }
    }

    fn texts(&self) -> &[String] {
        match self {
            Value::Texts(texts) => texts,
            Value::Missing | Value::Number(_) | Value::Text(_) | Value::Boolean(_) | Value::Timestamp(_) | Value::Duration(_) => &[],
        }
    }
}

/// A number as JSON, without a fraction if it is whole.
fn number_json(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < 9e15 { Json::from(number as i64) } else { Json::from(number) }
}

/// What the names of an expression stand for.
pub trait Scope {
    /// A field of the event, as a value of this type.
    fn field(&self, field: &Field, value_type: Type) -> Value;
    /// Whether the event matches a selection.
    fn selection(&self, index: usize) -> bool;
    /// A column of the aggregate.
    fn column(&self, column: ColumnReference) -> Value;
}

/// Names over one event.
pub struct EventScope<'e> {
    /// The event.
    pub event: Event<'e>,
    /// Its log source.
    pub log_source: &'e LogSource,
    /// The detection's selections.
    pub selections: &'e [Matcher],
    /// The selection whose alert the event is; none: it is an event of the log source.
    pub alert_of: Option<usize>,
}

impl Scope for EventScope<'_> {
    fn field(&self, field: &Field, value_type: Type) -> Value {
        field_value(field, value_type, &self.event, self.log_source)
    }

    fn selection(&self, index: usize) -> bool {
        match self.alert_of {
            Some(selection) => index == selection,
            None => self.selections.get(index).is_some_and(|selection| selection.holds(&self.event)),
        }
    }

    fn column(&self, _: ColumnReference) -> Value {
        Value::Missing
    }
}

/// A field's value as a type; what does not read as one is missing (and, as a Boolean, false).
pub fn field_value(field: &Field, value_type: Type, event: &Event<'_>, log_source: &LogSource) -> Value {
    let is_time = field.name == log_source.time.name;
    if is_time && value_type == Type::Timestamp {
        return Value::Timestamp(event.time as f64);
    }
    let Some(json) = event.first(field) else {
        return match value_type {
            Type::Boolean => Value::Boolean(false),
            Type::Text if is_time => Value::Text(moment::text(event.time)),
            Type::Text | Type::Number | Type::Timestamp | Type::Duration | Type::Texts => Value::Missing,
        };
    };
    match value_type {
        Type::Number => event::number(json).map_or(Value::Missing, Value::Number),
        Type::Text => event::text(json).map_or(Value::Missing, |text| Value::Text(text.into_owned())),
        Type::Boolean => Value::Boolean(event::text(json).is_some_and(|text| equal_ignoring_case(&text, "true"))),
        Type::Timestamp => json.as_str().and_then(moment::of_text).map_or(Value::Missing, |moment| Value::Timestamp(moment as f64)),
        Type::Duration | Type::Texts => Value::Missing,
    }
}

/// The value of an expression.
pub fn evaluate(expression: &Expression, scope: &impl Scope) -> Value {
    let holds = |part: &Expression| evaluate(part, scope).is_true();
    let quantity = |quantity: Option<f64>| quantity.map_or(Value::Missing, |quantity| Value::quantity(expression.value_type, quantity));
    match &expression.kind {
        ExpressionKind::Number(number) => Value::Number(*number),
        ExpressionKind::Text(text) => Value::Text(text.clone()),
        ExpressionKind::Duration(milliseconds) => Value::Duration(*milliseconds as f64),
        ExpressionKind::Boolean(value) => Value::Boolean(*value),
        ExpressionKind::Field(field) => scope.field(field, expression.value_type),
        ExpressionKind::Selection(index) => Value::Boolean(scope.selection(*index)),
        ExpressionKind::Column(column) => scope.column(*column).read_as(expression.value_type),
        ExpressionKind::Negate(inner) => quantity(evaluate(inner, scope).as_quantity().map(|inner| -inner)),
        ExpressionKind::Not(inner) => Value::Boolean(!holds(inner)),
        ExpressionKind::Arithmetic(operator, left, right) => {
            quantity(arithmetic(*operator, &evaluate(left, scope), &evaluate(right, scope)))
        }
        ExpressionKind::Compare(relational, left, right) => {
            Value::Boolean(compare(*relational, &evaluate(left, scope), &evaluate(right, scope)))
        }
        ExpressionKind::And(parts) => Value::Boolean(parts.iter().all(holds)),
        ExpressionKind::Or(parts) => Value::Boolean(parts.iter().any(holds)),
        ExpressionKind::Call(function, arguments) => {
            let arguments: Vec<Value> = arguments.iter().map(|argument| evaluate(argument, scope)).collect();
            match function {
                Function::Round | Function::Floor | Function::Absolute | Function::Greatest | Function::Least => {
                    quantity(quantity_function(*function, &arguments))
                }
                Function::Lower => lower(arguments.into_iter().next()),
                Function::Coalesce => arguments.into_iter().find(|argument| !argument.is_missing()).unwrap_or(Value::Missing),
            }
        }
    }
}

/// A missing operand gives missing, and so does dividing by zero.
fn arithmetic(operator: Arithmetic, left: &Value, right: &Value) -> Option<f64> {
    let (left, right) = (left.as_quantity()?, right.as_quantity()?);
    match operator {
        Arithmetic::Add => Some(left + right),
        Arithmetic::Subtract => Some(left - right),
        Arithmetic::Multiply => Some(left * right),
        Arithmetic::Divide if right == 0.0 => None,
        Arithmetic::Divide => Some(left / right),
    }
}

/// A missing operand makes every comparison false, also `!=`. Texts compare ignoring case.
fn compare(relational: Relational, left: &Value, right: &Value) -> bool {
    let order = match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(if equal_ignoring_case(left, right) { Ordering::Equal } else { left.cmp(right) }),
        (Value::Boolean(left), Value::Boolean(right)) => Some(left.cmp(right)),
        (left, right) => left.as_quantity().zip(right.as_quantity()).and_then(|(left, right)| left.partial_cmp(&right)),
    };
    order.is_some_and(|order| match relational {
        Relational::Equal => order.is_eq(),
        Relational::NotEqual => order.is_ne(),
        Relational::Less => order.is_lt(),
        Relational::LessOrEqual => order.is_le(),
        Relational::Greater => order.is_gt(),
        Relational::GreaterOrEqual => order.is_ge(),
    })
}

/// A function of quantities; missing if an argument is.
fn quantity_function(function: Function, arguments: &[Value]) -> Option<f64> {
    let quantities: Vec<f64> = arguments.iter().map(Value::as_quantity).collect::<Option<_>>()?;
    let first = *quantities.first()?;
    match function {
        Function::Round => Some(round(first, quantities.get(1).copied().unwrap_or(0.0))),
        Function::Floor => Some(first.floor()),
        Function::Absolute => Some(first.abs()),
        Function::Greatest => quantities.into_iter().reduce(f64::max),
        Function::Least => quantities.into_iter().reduce(f64::min),
        Function::Lower | Function::Coalesce => None,
    }
}

/// Half away from zero, at a decimal digit.
fn round(number: f64, digits: f64) -> f64 {
    let scale = 10f64.powi(digits as i32);
    let rounded = (number * scale).round() / scale;
    if rounded.is_finite() { rounded } else { number }
}

fn lower(argument: Option<Value>) -> Value {
    match argument {
        Some(Value::Text(text)) => Value::Text(fold(&text).into_owned()),
        Some(Value::Missing | Value::Number(_) | Value::Boolean(_) | Value::Timestamp(_) | Value::Duration(_) | Value::Texts(_)) | None => {
            Value::Missing
        }
    }
}
