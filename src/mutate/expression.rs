//! Expressions of measures, derived columns, conditions and labels → expressions that compute or compare a little differently.

use super::words::Words;
use super::{Kind, with, without};
use crate::expression::{Arithmetic, Expression, ExpressionKind, Function, Relational, Type};
use crate::source::Span;

/// A changed expression. The change in words is that of the smallest part that is more than a single literal or name.
pub(super) struct Changed {
    pub change: Option<String>,
    pub span: Span,
    pub kind: Kind,
    pub value: Expression,
}

impl Changed {
    /// With words: those of this whole, if the change is only a literal or a name in it.
    fn inside(self, words: &Words<'_>, whole: &Expression, rebuild: impl FnOnce(Expression) -> ExpressionKind) -> Changed {
        let value = Expression { kind: rebuild(self.value), ..whole.clone() };
        let is_border = self.change.is_none() && matches!(whole.kind, ExpressionKind::Compare(..));
        let kind = if is_border { Kind::Border } else { self.kind };
        let change = self.change.unwrap_or_else(|| becomes(words, whole, &value));
        Changed { change: Some(change), span: self.span, kind, value }
    }
}

fn becomes(words: &Words<'_>, old: &Expression, new: &Expression) -> String {
    format!("`{}` becomes `{}`", words.expression(old), words.expression(new))
}

/// All variants of a whole expression, in its order.
pub(super) fn variants(words: &Words<'_>, whole: &Expression) -> Vec<super::Variant<Expression>> {
    let complete = |changed: Changed| {
        let change = changed.change.unwrap_or_else(|| becomes(words, whole, &changed.value));
        super::Variant { change, span: changed.span, kind: changed.kind, value: changed.value }
    };
    changes(words, whole).into_iter().map(complete).collect()
}

fn changes(words: &Words<'_>, whole: &Expression) -> Vec<Changed> {
    let own = |kind: Kind, value: Expression| Changed { change: Some(becomes(words, whole, &value)), span: whole.span, kind, value };
    let same_type = |kind: ExpressionKind| Expression { kind, ..whole.clone() };
    match &whole.kind {
        ExpressionKind::Number(number) => literals(whole, Kind::Computation, neighbours(*number).map(ExpressionKind::Number)),
        ExpressionKind::Duration(length) => literals(whole, Kind::Computation, [length / 2, length * 2].map(ExpressionKind::Duration)),
        ExpressionKind::Text(text) => literals(whole, Kind::Computation, [ExpressionKind::Text(format!("{text}~"))]),
        ExpressionKind::Boolean(value) => literals(whole, Kind::Logic, [ExpressionKind::Boolean(!value)]),
        ExpressionKind::Field(_) | ExpressionKind::Column(_) => Vec::new(),
        ExpressionKind::Selection(_) => {
            let value = same_type(ExpressionKind::Not(Box::new(whole.clone())));
            vec![Changed { change: None, span: whole.span, kind: Kind::Logic, value }]
        }
        ExpressionKind::Negate(inner) => {
            let mut found = vec![own(Kind::Computation, (**inner).clone())];
            found.extend(below(words, whole, inner, |inner| ExpressionKind::Negate(Box::new(inner))));
            found
        }
        ExpressionKind::Not(inner) => {
            let mut found = vec![own(Kind::Logic, (**inner).clone())];
            if !matches!(inner.kind, ExpressionKind::Selection(_)) {
                found.extend(below(words, whole, inner, |inner| ExpressionKind::Not(Box::new(inner))));
            }
            found
        }
        ExpressionKind::Arithmetic(operator, left, right) => {
            let swapped = ExpressionKind::Arithmetic(other_operator(*operator), left.clone(), right.clone());
            let mut found = vec![own(Kind::Computation, same_type(swapped))];
            found.extend(below(words, whole, left, |left| ExpressionKind::Arithmetic(*operator, Box::new(left), right.clone())));
            found.extend(below(words, whole, right, |right| ExpressionKind::Arithmetic(*operator, left.clone(), Box::new(right))));
            found
        }
        ExpressionKind::Compare(relational, left, right) => {
            let others = other_relations(*relational, left.value_type).iter();
            let compared = |other: &Relational| own(Kind::Border, same_type(ExpressionKind::Compare(*other, left.clone(), right.clone())));
            let mut found: Vec<Changed> = others.map(compared).collect();
            found.extend(below(words, whole, left, |left| ExpressionKind::Compare(*relational, Box::new(left), right.clone())));
            found.extend(below(words, whole, right, |right| ExpressionKind::Compare(*relational, left.clone(), Box::new(right))));
            found
        }
        ExpressionKind::And(parts) => {
            let swapped = own(Kind::Logic, same_type(ExpressionKind::Or(parts.clone())));
            joined(words, whole, parts, ExpressionKind::And, swapped)
        }
        ExpressionKind::Or(parts) => {
            let swapped = own(Kind::Logic, same_type(ExpressionKind::And(parts.clone())));
            joined(words, whole, parts, ExpressionKind::Or, swapped)
        }
        ExpressionKind::Call(function, arguments) => {
            let mut found: Vec<Changed> =
                other_call(*function, arguments, whole).into_iter().map(|new| own(Kind::Computation, new)).collect();
            for (index, argument) in arguments.iter().enumerate() {
                let call = |argument| ExpressionKind::Call(*function, with(arguments, index, argument));
                let possible = |changed: &Changed| *function != Function::Round || index == 0 || is_digits(changed);
                found.extend(below(words, whole, argument, call).into_iter().filter(possible));
            }
            found
        }
    }
}

/// A literal with other values; they have no place, so that they are shown as they are.
fn literals(whole: &Expression, kind: Kind, values: impl IntoIterator<Item = ExpressionKind>) -> Vec<Changed> {
    let changed = |value| {
        let value = Expression { kind: value, value_type: whole.value_type, span: Span::default() };
        Changed { change: None, span: whole.span, kind, value }
    };
    values.into_iter().map(changed).collect()
}

fn below(words: &Words<'_>, whole: &Expression, part: &Expression, rebuild: impl Fn(Expression) -> ExpressionKind) -> Vec<Changed> {
    changes(words, part).into_iter().map(|changed| changed.inside(words, whole, &rebuild)).collect()
}

/// Joined by the other word, without each of the parts, and with each part changed.
fn joined(
    words: &Words<'_>,
    whole: &Expression,
    parts: &[Expression],
    join: fn(Vec<Expression>) -> ExpressionKind,
    swapped: Changed,
) -> Vec<Changed> {
    let mut found = vec![swapped];
    for (index, part) in parts.iter().enumerate() {
        let mut rest = without(parts, index);
        let value = if rest.len() == 1 { rest.remove(0) } else { Expression { kind: join(rest), ..whole.clone() } };
        let change = format!("`{}` loses `{}`", words.expression(whole), words.expression(part));
        found.push(Changed { change: Some(change), span: part.span, kind: Kind::Logic, value });
    }
    for (index, part) in parts.iter().enumerate() {
        found.extend(below(words, whole, part, |part| join(with(parts, index, part))));
    }
    found
}

/// One more and one less in the last digit: 40 → 39, 41; 0.8 → 0.7, 0.9.
pub(super) fn neighbours(number: f64) -> [f64; 2] {
    let text = crate::evaluate::event::float_text(number);
    let digits = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let scale = 10f64.powi(digits as i32);
    [-1.0, 1.0].map(|step| ((number * scale).round() + step) / scale)
}

fn other_operator(operator: Arithmetic) -> Arithmetic {
    match operator {
        Arithmetic::Add => Arithmetic::Subtract,
        Arithmetic::Subtract => Arithmetic::Add,
        Arithmetic::Multiply => Arithmetic::Divide,
        Arithmetic::Divide => Arithmetic::Multiply,
    }
}

/// The neighbours of a comparison; texts know only `==` and `!=`.
fn other_relations(relational: Relational, value_type: Type) -> &'static [Relational] {
    let ordered = matches!(value_type, Type::Number | Type::Timestamp | Type::Duration);
    match relational {
        Relational::Equal if ordered => &[Relational::NotEqual, Relational::LessOrEqual, Relational::GreaterOrEqual],
        Relational::Equal => &[Relational::NotEqual],
        Relational::NotEqual => &[Relational::Equal],
        Relational::Less => &[Relational::LessOrEqual, Relational::Greater],
        Relational::LessOrEqual => &[Relational::Less, Relational::GreaterOrEqual],
        Relational::Greater => &[Relational::GreaterOrEqual, Relational::Less],
        Relational::GreaterOrEqual => &[Relational::Greater, Relational::LessOrEqual],
    }
}

/// The other one of a pair of functions, or the argument alone.
fn other_call(function: Function, arguments: &[Expression], whole: &Expression) -> Option<Expression> {
    let call = |function| Some(Expression { kind: ExpressionKind::Call(function, arguments.to_vec()), ..whole.clone() });
    match function {
        Function::Greatest => call(Function::Least),
        Function::Least => call(Function::Greatest),
        Function::Round | Function::Floor | Function::Absolute | Function::Lower | Function::Coalesce => arguments.first().cloned(),
    }
}

/// Whether the second argument of `round` is one that can be written.
fn is_digits(changed: &Changed) -> bool {
    let ExpressionKind::Call(_, arguments) = &changed.value.kind else { return false };
    matches!(arguments.get(1).map(|digits| &digits.kind), Some(ExpressionKind::Number(digits)) if (0.0..=6.0).contains(digits))
}
