//! The typed expression language of `measures`, `derive`, `aggregate.condition` and `label`.
//! This file holds the meaning (types, resolved names); [`parse`] turns text into the written form, [`check`] resolves it.

use crate::logsource::Field;
use crate::source::Span;
use std::sync::Arc;

/// An expression whose names are resolved and whose types fit.
#[derive(Debug, Clone)]
pub struct Expression {
    /// What it is.
    pub kind: ExpressionKind,
    /// The type of its value; any value but a Boolean may be missing.
    pub value_type: Type,
    /// Its place.
    pub span: Span,
}

impl Expression {
    /// Calls `see` for this expression and everything inside of it, from the outside in.
    pub fn visit<'e>(&'e self, see: &mut impl FnMut(&'e Expression)) {
        see(self);
        match &self.kind {
            ExpressionKind::Negate(inner) | ExpressionKind::Not(inner) => inner.visit(see),
            ExpressionKind::Arithmetic(_, left, right) | ExpressionKind::Compare(_, left, right) => {
                left.visit(see);
                right.visit(see);
            }
            ExpressionKind::And(parts) | ExpressionKind::Or(parts) | ExpressionKind::Call(_, parts) => {
                parts.iter().for_each(|part| part.visit(see));
            }
            ExpressionKind::Number(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Duration(_)
            | ExpressionKind::Boolean(_)
            | ExpressionKind::Field(_)
            | ExpressionKind::Selection(_)
            | ExpressionKind::Column(_) => {}
        }
    }
}

impl Expression {
    /// Lets `change` put another field in the place of each, which is read as a value of this type.
    pub fn change_fields(&mut self, change: &mut impl FnMut(&mut Arc<Field>, Type)) {
        match &mut self.kind {
            ExpressionKind::Field(field) => change(field, self.value_type),
            ExpressionKind::Negate(inner) | ExpressionKind::Not(inner) => inner.change_fields(change),
            ExpressionKind::Arithmetic(_, left, right) | ExpressionKind::Compare(_, left, right) => {
                left.change_fields(change);
                right.change_fields(change);
            }
            ExpressionKind::And(parts) | ExpressionKind::Or(parts) | ExpressionKind::Call(_, parts) => {
                parts.iter_mut().for_each(|part| part.change_fields(change));
            }
            ExpressionKind::Number(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Duration(_)
            | ExpressionKind::Boolean(_)
            | ExpressionKind::Selection(_)
            | ExpressionKind::Column(_) => {}
        }
    }

    /// Calls `see` for every field that it reads.
    pub fn fields<'e>(&'e self, see: &mut impl FnMut(&'e Arc<Field>)) {
        self.visit(&mut |part| {
            if let ExpressionKind::Field(field) = &part.kind {
                see(field);
            }
        });
    }
}

/// Types of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// A number.
    Number,
    /// A text.
    Text,
    /// True or false; never missing.
    Boolean,
    /// A moment.
    Timestamp,
    /// A length of time.
    Duration,
    /// A sorted list of texts (`values`); can be shown, not computed with.
    Texts,
}

impl Type {
    /// `a number`, `a text`, ...: for messages.
    pub fn describe(self) -> &'static str {
        match self {
            Type::Number => "a number",
            Type::Text => "a text",
            Type::Boolean => "a Boolean",
            Type::Timestamp => "a timestamp",
            Type::Duration => "a duration",
            Type::Texts => "a list of texts",
        }
    }
}

/// The closed set of expressions.
#[derive(Debug, Clone)]
pub enum ExpressionKind {
    /// `40`, `1.5`; also a parameter's value.
    Number(f64),
    /// `'text'`
    Text(String),
    /// `5m`, in milliseconds.
    Duration(i64),
    /// `true`, `false`
    Boolean(bool),
    /// A field of the event (inside of a measure only).
    Field(Arc<Field>),
    /// Whether the event matches a selection (inside of a measure only): an index into the detection's selections.
    Selection(usize),
    /// A column of the aggregate.
    Column(ColumnReference),
    /// `-x`
    Negate(Box<Expression>),
    /// `not x`
    Not(Box<Expression>),
    /// `a + b`
    Arithmetic(Arithmetic, Box<Expression>, Box<Expression>),
    /// `a < b`; false if one is missing (also `!=`). Texts compare ignoring case, and only by `==` and `!=`.
    Compare(Relational, Box<Expression>, Box<Expression>),
    /// `a and b and c`: two or more.
    And(Vec<Expression>),
    /// `a or b or c`: two or more.
    Or(Vec<Expression>),
    /// `round(x, 2)`
    Call(Function, Vec<Expression>),
}

/// A column that an aggregate computes: indexes into the detection's aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnReference {
    /// A group key.
    Key(usize),
    /// A measure.
    Measure(usize),
    /// A derived column.
    Derived(usize),
    /// `window_start`
    WindowStart,
    /// `window_end`
    WindowEnd,
}

/// `+ - * /`; `/` is real division, by zero it gives missing; a missing operand gives missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// `== != < <= > >=`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Relational {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The functions of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// `round(x)`, `round(x, digits)`: half away from zero; digits is a literal from 0 to 6.
    Round,
    /// `floor(x)`: the largest whole number that is not larger.
    Floor,
    /// `abs(x)`
    Absolute,
    /// `greatest(a, b, …)`: missing if one is missing.
    Greatest,
    /// `least(a, b, …)`: missing if one is missing.
    Least,
    /// `lower(text)`: Unicode simple lower case.
    Lower,
    /// `coalesce(a, b)`: a, or b if a is missing.
    Coalesce,
}

pub mod check;
pub mod parse;
pub mod text;

impl Arithmetic {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
        }
    }
}

impl Relational {
    /// The same with left and right exchanged: `5 < x` is `x > 5`.
    pub fn turned(self) -> Relational {
        match self {
            Relational::Equal | Relational::NotEqual => self,
            Relational::Less => Relational::Greater,
            Relational::LessOrEqual => Relational::GreaterOrEqual,
            Relational::Greater => Relational::Less,
            Relational::GreaterOrEqual => Relational::LessOrEqual,
        }
    }

    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            Relational::Equal => "==",
            Relational::NotEqual => "!=",
            Relational::Less => "<",
            Relational::LessOrEqual => "<=",
            Relational::Greater => ">",
            Relational::GreaterOrEqual => ">=",
        }
    }
}

impl Function {
    /// All functions.
    pub const ALL: [Function; 7] =
        [Function::Round, Function::Floor, Function::Absolute, Function::Greatest, Function::Least, Function::Lower, Function::Coalesce];

    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Function::Round => "round",
            Function::Floor => "floor",
            Function::Absolute => "abs",
            Function::Greatest => "greatest",
            Function::Least => "least",
            Function::Lower => "lower",
            Function::Coalesce => "coalesce",
        }
    }

    /// The function of a name.
    pub fn from_name(name: &str) -> Option<Function> {
        Function::ALL.into_iter().find(|function| function.name() == name)
    }

    /// Least and most number of arguments.
    pub fn arity(self) -> (usize, usize) {
        match self {
            Function::Round => (1, 2),
            Function::Floor | Function::Absolute | Function::Lower => (1, 1),
            Function::Greatest | Function::Least | Function::Coalesce => (2, 16),
        }
    }
}
