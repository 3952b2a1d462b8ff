//! An expression or a measure → its text, with as few parentheses as it can have. How a literal or a name is shown is for the caller
//! to say.

use super::{Arithmetic, Expression, ExpressionKind};
use crate::detection::{Detection, MeasureFunction};
use crate::evaluate::event::float_text;
use crate::lower::duration_text;

/// The text of an expression; `leaf` gives that of a literal or a name.
pub fn expression_text(expression: &Expression, leaf: &dyn Fn(&Expression) -> String) -> String {
    let own = binding(expression);
    let inside = |part: &Expression, least: u8| {
        let text = expression_text(part, leaf);
        if binding(part) < least { format!("({text})") } else { text }
    };
    let joined = |parts: &[Expression], word: &str, least: u8| {
        let parts: Vec<String> = parts.iter().map(|part| inside(part, least)).collect();
        parts.join(word)
    };
    match &expression.kind {
        ExpressionKind::Number(_)
        | ExpressionKind::Text(_)
        | ExpressionKind::Duration(_)
        | ExpressionKind::Boolean(_)
        | ExpressionKind::Field(_)
        | ExpressionKind::Selection(_)
        | ExpressionKind::Column(_) => leaf(expression),
        ExpressionKind::Negate(inner) => format!("-{}", inside(inner, own)),
        ExpressionKind::Not(inner) => format!("not {}", inside(inner, own)),
        ExpressionKind::Arithmetic(operator, left, right) => {
            format!("{} {} {}", inside(left, own), operator.symbol(), inside(right, own + 1))
        }
        ExpressionKind::Compare(relational, left, right) => {
            format!("{} {} {}", inside(left, own + 1), relational.symbol(), inside(right, own + 1))
        }
        ExpressionKind::And(parts) => joined(parts, " and ", own),
        ExpressionKind::Or(parts) => joined(parts, " or ", own),
        ExpressionKind::Call(function, arguments) => format!("{}({})", function.name(), joined(arguments, ", ", 0)),
    }
}

/// The text of a literal or a name, with the names that a detection has.
pub fn leaf_text(leaf: &Expression, detection: &Detection) -> String {
    match &leaf.kind {
        ExpressionKind::Number(number) => float_text(*number),
        ExpressionKind::Text(text) => format!("'{text}'"),
        ExpressionKind::Duration(length) => duration_text(*length),
        ExpressionKind::Boolean(value) => value.to_string(),
        ExpressionKind::Field(field) => field.name.clone(),
        ExpressionKind::Selection(index) => detection.selections.get(*index).map(|s| s.name.clone()).unwrap_or_default(),
        ExpressionKind::Column(column) => {
            detection.aggregate.as_ref().map(|aggregate| aggregate.column_name(*column).to_owned()).unwrap_or_default()
        }
        ExpressionKind::Negate(_)
        | ExpressionKind::Not(_)
        | ExpressionKind::Arithmetic(..)
        | ExpressionKind::Compare(..)
        | ExpressionKind::And(_)
        | ExpressionKind::Or(_)
        | ExpressionKind::Call(..) => String::new(),
    }
}

/// The text of a measure: `distinct(space where export)`; `text` gives that of an expression.
pub fn measure_text(function: &MeasureFunction, filter: Option<&Expression>, text: &dyn Fn(&Expression) -> String) -> String {
    let rank = if let MeasureFunction::Percentile(_, rank) = function { format!(", {}", float_text(*rank)) } else { String::new() };
    let filter = filter.map(text);
    let steps = function.steps().iter().map(text).collect::<Vec<_>>().join(", ");
    let inside = match (function.argument(), filter) {
        (None, Some(filter)) if !steps.is_empty() => format!("{steps} where {filter}"),
        (None, filter) => filter.unwrap_or(steps),
        (Some(argument), None) => format!("{}{rank}", text(argument)),
        (Some(argument), Some(filter)) => format!("{}{rank} where {filter}", text(argument)),
    };
    format!("{}({inside})", function.name())
}

/// How tightly an expression binds.
fn binding(expression: &Expression) -> u8 {
    match &expression.kind {
        ExpressionKind::Or(_) => 1,
        ExpressionKind::And(_) => 2,
        ExpressionKind::Not(_) => 3,
        ExpressionKind::Compare(..) => 4,
        ExpressionKind::Arithmetic(Arithmetic::Add | Arithmetic::Subtract, ..) => 5,
        ExpressionKind::Arithmetic(Arithmetic::Multiply | Arithmetic::Divide, ..) => 6,
        ExpressionKind::Negate(_) => 7,
        ExpressionKind::Number(_)
        | ExpressionKind::Text(_)
        | ExpressionKind::Duration(_)
        | ExpressionKind::Boolean(_)
        | ExpressionKind::Field(_)
        | ExpressionKind::Selection(_)
        | ExpressionKind::Column(_)
        | ExpressionKind::Call(..) => 8,
    }
}
