//! Expressions of measures, derived columns, thresholds and labels → values and clauses.
//!
//! A value knows when it is there: `soft` holds what makes it `NULL` by itself (a missing property), `hard` what must
//! be asked because the text would give something else (a divisor that is not zero).

use super::clause::Clause;
use super::names;
use super::predicate;
use super::regex;
use super::writer::{Kind, Property, Writer};
use crate::detection::{Condition, Measure, MeasureFunction, Predicate, Segment, Subject, TextPattern, ValueTest};
use crate::diagnostic::{A009, Diagnostic, E0405};
use crate::expression::{Arithmetic, ColumnReference, Expression, ExpressionKind, Function, Relational, Type};
use crate::letter_case::{equal_ignoring_case, fold, has_case, has_case_beyond_ascii};
use crate::logsource::Field;
use crate::source::Span;
use std::sync::Arc;

/// The longest text of one value.
const LONGEST_VALUE: usize = 20_000;

/// How tightly a text is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Binding {
    /// `a + b`
    Sum,
    /// `a * b`
    Product,
    /// A name, a literal, a call, anything in parentheses.
    Atom,
}

/// A value that may be missing.
#[derive(Debug, Clone)]
pub struct Value {
    /// Its text.
    pub text: String,
    /// How tightly the text is bound.
    pub binding: Binding,
    /// Without this it is `NULL`.
    pub soft: Clause,
    /// Without this the text is something else, but the value is missing.
    pub hard: Clause,
    /// Facts about numbers.
    pub number: Facts,
}

/// What is known of a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// It has a fraction in the platform's eyes, so that `/` divides exactly.
    pub real: bool,
    /// It is never below zero.
    pub positive: bool,
    /// It is never zero.
    pub nonzero: bool,
}

impl Value {
    /// A value that is always there.
    pub fn atom(text: impl Into<String>) -> Value {
        Value { text: text.into(), binding: Binding::Atom, soft: Clause::ALWAYS, hard: Clause::ALWAYS, number: Facts::default() }
    }

    /// When it is there.
    pub fn defined(&self) -> Clause {
        Clause::all([self.soft.clone(), self.hard.clone()])
    }

    /// Its text, in parentheses if it is bound less tightly.
    fn at_least(&self, binding: Binding) -> String {
        if self.binding < binding { format!("({})", self.text) } else { self.text.clone() }
    }
}

/// A column of the aggregate, as expressions over rows see it.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name inside of the query.
    pub name: String,
    /// Whether it may be missing.
    pub missing: bool,
    /// Facts about its value.
    pub number: Facts,
    /// How many selects deep it is computed: 0 in the aggregating one.
    pub level: usize,
}

/// Finds the columns of the aggregate.
pub type Columns<'c> = &'c dyn Fn(ColumnReference) -> Column;

/// Compiles expressions over one event, or over the rows of an aggregate.
pub struct Compiler<'w, 'a, 'c> {
    /// Where problems and assumptions go.
    pub writer: &'w mut Writer<'a>,
    /// The columns of the aggregate; none inside of a measure.
    pub columns: Option<Columns<'c>>,
    /// The highest level of the columns that were read.
    pub level: usize,
}

impl<'w, 'a, 'c> Compiler<'w, 'a, 'c> {
    /// For expressions over one event.
    pub fn over_events(writer: &'w mut Writer<'a>) -> Self {
        Compiler { writer, columns: None, level: 0 }
    }

    /// For expressions over the rows of an aggregate.
    pub fn over_rows(writer: &'w mut Writer<'a>, columns: Columns<'c>) -> Self {
        Compiler { writer, columns: Some(columns), level: 0 }
    }

    /// A Boolean expression. With `guarded` it is false, not unknown, when a value is missing.
    pub fn truth(&mut self, expression: &Expression, guarded: bool) -> Clause {
        match &expression.kind {
            ExpressionKind::Boolean(true) => Clause::ALWAYS,
            ExpressionKind::Boolean(false) => Clause::NEVER,
            ExpressionKind::Selection(index) => self.selection(*index, guarded),
            ExpressionKind::Not(inner) => self.negation(inner),
            ExpressionKind::And(parts) => Clause::all(parts.iter().map(|part| self.truth(part, guarded)).collect::<Vec<_>>()),
            ExpressionKind::Or(parts) => Clause::any(parts.iter().map(|part| self.truth(part, guarded)).collect::<Vec<_>>()),
            ExpressionKind::Compare(relation, left, right) => self.comparison(*relation, left, right, guarded),
            ExpressionKind::Field(field) => predicate::condition(self.writer, &is_true(field, expression.span), guarded),
            ExpressionKind::Number(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Duration(_)
            | ExpressionKind::Column(_)
            | ExpressionKind::Negate(_)
            | ExpressionKind::Arithmetic(..)
            | ExpressionKind::Call(..) => {
                self.refuse(expression.span, "this as a condition");
                Clause::NEVER
            }
        }
    }

    fn refuse(&mut self, span: Span, what: &str) {
        self.writer.refuse(span, what, "write it as a comparison of columns and literals");
    }

    fn selection(&mut self, index: usize, guarded: bool) -> Clause {
        let detection = self.writer.detection;
        match detection.selections.get(index) {
            Some(selection) => predicate::condition(self.writer, &selection.condition, guarded),
            None => Clause::NEVER,
        }
    }

    fn negation(&mut self, inner: &Expression) -> Clause {
        let detection = self.writer.detection;
        if let ExpressionKind::Selection(index) = &inner.kind
            && let Some(selection) = detection.selections.get(*index)
        {
            return predicate::condition(self.writer, &Condition::not(selection.condition.clone()), false);
        }
        self.truth(inner, true).negated()
    }

    fn comparison(&mut self, relation: Relational, left: &Expression, right: &Expression, guarded: bool) -> Clause {
        // whether NULL is unequal to a value is not documented
        let guarded = guarded || relation == Relational::NotEqual;
        match left.value_type {
            Type::Boolean => self.same_truth(relation, left, right),
            Type::Text => self.text_comparison(relation, left, right, guarded),
            Type::Number | Type::Timestamp | Type::Duration => {
                let (Some(a), Some(b)) = (self.value(left), self.value(right)) else { return Clause::NEVER };
                let test = self.writer.test(operator(relation), &[&a.text, &b.text]);
                guard(test, &[&a, &b], guarded)
            }
            Type::Texts => {
                self.refuse(left.span, "a comparison of lists");
                Clause::NEVER
            }
        }
    }

    fn same_truth(&mut self, relation: Relational, left: &Expression, right: &Expression) -> Clause {
        let (a, b) = (self.truth(left, true), self.truth(right, true));
        let both = Clause::all([a.clone(), b.clone()]);
        let none = Clause::all([a.negated(), b.negated()]);
        let same = Clause::any([both, none]);
        match relation {
            Relational::Equal => same,
            Relational::NotEqual => same.negated(),
            Relational::Less | Relational::LessOrEqual | Relational::Greater | Relational::GreaterOrEqual => {
                self.refuse(left.span, "an order of truth values");
                Clause::NEVER
            }
        }
    }

    fn text_comparison(&mut self, relation: Relational, left: &Expression, right: &Expression, guarded: bool) -> Clause {
        let unequal = relation == Relational::NotEqual;
        let (value, literal) = match (&left.kind, &right.kind) {
            (ExpressionKind::Text(a), ExpressionKind::Text(b)) => {
                let holds = (equal_ignoring_case(a, b)) != unequal;
                return if holds { Clause::ALWAYS } else { Clause::NEVER };
            }
            (_, ExpressionKind::Text(literal)) => (left, literal),
            (ExpressionKind::Text(literal), _) => (right, literal),
            _ => {
                let (Some(a), Some(b)) = (self.value(left), self.value(right)) else { return Clause::NEVER };
                let texts = [&a, &b].map(|value| self.writer.spell("lower", &[&value.text]));
                let test = self.writer.test(operator(relation), &[&texts[0], &texts[1]]);
                return guard(test, &[&a, &b], guarded);
            }
        };
        let Some(value) = self.value(value) else { return Clause::NEVER };
        if has_case_beyond_ascii(literal) {
            self.writer.assume(A009, left.span, format!("LOWER folds letters beyond ASCII, which `{literal}` needs"));
        }
        let lower = if literal.chars().any(has_case) { self.writer.spell("lower", &[&value.text]) } else { value.text.clone() };
        if literal.chars().any(names::is_risky) {
            let pattern = TextPattern::new([Segment::Literal(literal.clone())], false);
            let regex = names::literal(&regex::of_pattern(&pattern, |text| fold(text).into_owned()));
            let test = self.writer.test("matches", &[&lower, &regex]);
            let test = if unequal { test.negated() } else { test };
            return guard(test, &[&value], guarded || unequal);
        }
        let test = self.writer.test(operator(relation), &[&lower, &names::literal(&fold(literal))]);
        guard(test, &[&value], guarded)
    }

    /// A value; `None` if it was refused.
    pub fn value(&mut self, expression: &Expression) -> Option<Value> {
        match &expression.kind {
            ExpressionKind::Number(number) => Some(number_literal(*number)),
            ExpressionKind::Duration(milliseconds) => Some(number_literal(*milliseconds as f64)),
            ExpressionKind::Text(text) => self.text_literal(text, expression.span),
            ExpressionKind::Field(field) => self.field(field, expression.value_type, expression.span),
            ExpressionKind::Column(reference) => Some(self.column(*reference)),
            ExpressionKind::Negate(inner) => {
                let inner = self.value(inner)?;
                Some(self.arithmetic_value(Arithmetic::Subtract, Value::atom("0"), inner))
            }
            ExpressionKind::Arithmetic(operator, left, right) => {
                let (a, b) = (self.value(left)?, self.value(right)?);
                let span = *operator == Arithmetic::Subtract && is_span(self.writer, left, right);
                let mut value = self.arithmetic_value(*operator, a, b);
                value.number.positive |= span;
                Some(value)
            }
            ExpressionKind::Call(function, arguments) => {
                let values: Vec<Value> = arguments.iter().map(|argument| self.value(argument)).collect::<Option<_>>()?;
                let value = self.call(*function, values);
                self.short_enough(value, expression.span)
            }
            ExpressionKind::Boolean(_)
            | ExpressionKind::Selection(_)
            | ExpressionKind::Not(_)
            | ExpressionKind::Compare(..)
            | ExpressionKind::And(_)
            | ExpressionKind::Or(_) => {
                self.refuse(expression.span, "a truth value as a column");
                None
            }
        }
    }

    /// A value unless it is very long: several functions write their arguments more than once, so that the text may
    /// grow with every call that stands in another one.
    fn short_enough(&mut self, value: Value, span: Span) -> Option<Value> {
        if value.text.len() <= LONGEST_VALUE {
            return Some(value);
        }
        let message = format!("this makes more than {LONGEST_VALUE} characters of AQL");
        self.writer.problems.push(Diagnostic::error(E0405, span, message).help("name its inner parts as derived columns"));
        None
    }

    /// A finished text literal.
    pub fn text_literal(&mut self, text: &str, span: Span) -> Option<Value> {
        if text.chars().any(names::is_risky) {
            let help = "write the text on one line, with plain quotes";
            self.writer.refuse(span, "a line break, control character or typographic quote in a text", help);
            return None;
        }
        Some(Value::atom(names::literal(text)))
    }

    fn column(&mut self, reference: ColumnReference) -> Value {
        let Some(columns) = self.columns else { return Value::atom(self.writer.spell("missing", &[])) };
        let column = columns(reference);
        self.level = self.level.max(column.level);
        let soft = if column.missing { self.writer.present(&column.name) } else { Clause::ALWAYS };
        Value { soft, number: column.number, ..Value::atom(column.name) }
    }

    fn field(&mut self, field: &Arc<Field>, value_type: Type, span: Span) -> Option<Value> {
        let property = self.writer.property(field, span)?;
        let soft = if property.always { Clause::ALWAYS } else { self.writer.present(&property.text) };
        let value = match value_type {
            Type::Number | Type::Duration => self.number_field(&property),
            Type::Timestamp => (property.kind == Kind::Time).then(|| {
                let number = Facts { positive: true, ..Facts::default() };
                Value { number, ..Value::atom(&property.text) }
            }),
            Type::Text => property.as_text(self.writer).map(Value::atom),
            Type::Boolean | Type::Texts => None,
        };
        if value.is_none() {
            let what = format!("`{}` as {}", field.name, value_type.describe());
            self.writer.refuse(span, what, "bind the field to a property of this type");
        }
        value.map(|value| Value { soft, ..value })
    }

    fn number_field(&mut self, property: &Property<'_>) -> Option<Value> {
        let number = Facts { real: true, ..Facts::default() };
        match property.kind {
            Kind::Whole | Kind::Time => Some(Value::atom(&property.text)),
            Kind::Real => Some(Value { number, ..Value::atom(&property.text) }),
            Kind::Text | Kind::Unknown => {
                let unknown = property.kind == Kind::Unknown;
                let text = if unknown { self.writer.spell("to_text", &[&property.text]) } else { property.text.clone() };
                let decimal = self.writer.test("matches", &[&text, &names::literal(regex::DECIMAL)]);
                let chosen = self.writer.choose(&decimal, &text, &names::literal("0"));
                let value = Value::atom(self.writer.spell("to_real", &[&chosen]));
                Some(Value { hard: decimal, number, ..value })
            }
            Kind::Boolean | Kind::Address => None,
        }
    }

    fn arithmetic_value(&mut self, operator: Arithmetic, a: Value, b: Value) -> Value {
        let soft = Clause::all([a.soft.clone(), b.soft.clone()]);
        let hard = Clause::all([a.hard.clone(), b.hard.clone()]);
        let number = facts(operator, a.number, b.number);
        let (text, binding, hard) = match operator {
            Arithmetic::Add => (self.writer.spell("add", &[&a.text, &b.at_least(Binding::Product)]), Binding::Sum, hard),
            Arithmetic::Subtract => (self.writer.spell("subtract", &[&a.text, &b.at_least(Binding::Product)]), Binding::Sum, hard),
            Arithmetic::Multiply => {
                let text = self.writer.spell("multiply", &[&a.at_least(Binding::Product), &b.at_least(Binding::Atom)]);
                (text, Binding::Product, hard)
            }
            Arithmetic::Divide => {
                let nonzero = if b.number.nonzero { Clause::ALWAYS } else { self.writer.test("not_equal", &[&b.text, "0"]) };
                (self.quotient(&a, &b), Binding::Product, Clause::all([hard, nonzero]))
            }
        };
        Value { text, binding, soft, hard, number }
    }

    /// Real division, also of whole numbers.
    fn quotient(&self, a: &Value, b: &Value) -> String {
        if a.number.real || b.number.real {
            return self.writer.spell("divide", &[&a.at_least(Binding::Product), &b.at_least(Binding::Atom)]);
        }
        if b.text.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.writer.spell("divide", &[&a.at_least(Binding::Product), &format!("{}.0", b.text)]);
        }
        self.writer.spell("divide", &[&self.writer.spell("to_real", &[&a.text]), &b.at_least(Binding::Atom)])
    }

    fn call(&mut self, function: Function, mut values: Vec<Value>) -> Value {
        match function {
            Function::Lower => {
                let value = values.remove(0);
                Value { text: self.writer.spell("lower", &[&value.text]), binding: Binding::Atom, ..value }
            }
            Function::Absolute => {
                let value = values.remove(0);
                self.absolute(value)
            }
            Function::Floor => {
                let value = values.remove(0);
                let number = Facts { positive: value.number.positive, ..Facts::default() };
                Value { text: self.floor(&value.text), binding: Binding::Atom, number, ..value }
            }
            Function::Round => self.round(values),
            Function::Greatest => self.extreme(values, "greater_or_equal"),
            Function::Least => self.extreme(values, "less_or_equal"),
            Function::Coalesce => self.coalesce(values),
        }
    }

    fn absolute(&mut self, value: Value) -> Value {
        if value.number.positive {
            return value;
        }
        let below = self.writer.test("less", &[&value.text, "0"]);
        let turned = self.writer.spell("subtract", &["0", &value.at_least(Binding::Product)]);
        let text = format!("({})", self.writer.choose(&below, &turned, &value.text));
        let number = Facts { positive: true, ..value.number };
        Value { text, binding: Binding::Atom, number, ..value }
    }

    /// The largest whole number that is not larger, whether LONG cuts the fraction off or rounds.
    fn floor(&self, text: &str) -> String {
        let whole = self.writer.spell("to_whole", &[text]);
        let above = self.writer.test("greater", &[&whole, text]);
        let below = self.writer.spell("subtract", &[&whole, "1"]);
        format!("({})", self.writer.choose(&above, &below, &whole))
    }

    fn round(&mut self, mut values: Vec<Value>) -> Value {
        let value = values.remove(0);
        let digits = values.first().and_then(|digits| digits.text.parse().ok()).unwrap_or(0);
        let scale = 10_i64.pow(digits);
        let scaled = |text: String| if scale == 1 { text } else { self.writer.spell("multiply", &[&text, &scale.to_string()]) };
        let half_up = |text: &str| self.floor(&self.writer.spell("add", &[text, "0.5"]));
        let shifted = scaled(value.at_least(Binding::Product));
        let mut text = half_up(&shifted);
        if !value.number.positive {
            let below = self.writer.test("less", &[&value.text, "0"]);
            let turned = self.writer.spell("subtract", &["0", &shifted]);
            let turned = self.writer.spell("subtract", &["0", &half_up(&turned)]);
            text = format!("({})", self.writer.choose(&below, &turned, &text));
        }
        let (text, binding) = if scale == 1 {
            (text, Binding::Atom)
        } else {
            (self.writer.spell("divide", &[&text, &format!("{scale}.0")]), Binding::Product)
        };
        let number = Facts { real: scale != 1, positive: value.number.positive, nonzero: false };
        Value { text, binding, number, ..value }
    }

    /// The first value that compares so with all that follow it.
    fn extreme(&mut self, values: Vec<Value>, operator: &'static str) -> Value {
        let defined: Vec<Clause> = values.iter().map(Value::defined).collect();
        let largest = operator == "greater_or_equal";
        let fact = |fact: fn(&Value) -> bool| if largest { values.iter().any(fact) } else { values.iter().all(fact) };
        let positive = fact(|value| value.number.positive);
        let above_zero = fact(|value| value.number.positive && value.number.nonzero);
        let number = Facts { real: values.iter().all(|value| value.number.real), positive, nonzero: above_zero };
        let mut rest = values.as_slice();
        let mut choices = Vec::new();
        while let [first, others @ ..] = rest
            && !others.is_empty()
        {
            let wins = others.iter().map(|other| self.writer.test(operator, &[&first.text, &other.text]));
            choices.push((Clause::all(wins.collect::<Vec<_>>()), first.text.clone()));
            rest = others;
        }
        let last = rest.first().map(|value| value.text.clone()).unwrap_or_default();
        let text =
            choices.into_iter().rev().fold(last, |otherwise, (wins, text)| format!("({})", self.writer.choose(&wins, &text, &otherwise)));
        Value { text, binding: Binding::Atom, soft: Clause::ALWAYS, hard: Clause::all(defined), number }
    }

    fn coalesce(&mut self, values: Vec<Value>) -> Value {
        let mut values = values.into_iter().rev();
        let Some(mut last) = values.next() else { return Value::atom(self.writer.spell("missing", &[])) };
        for value in values {
            let defined = value.defined();
            if defined.is_always() {
                last = value;
                continue;
            }
            let text = format!("({})", self.writer.choose(&defined, &value.text, &last.text));
            let number = Facts {
                real: value.number.real && last.number.real,
                positive: value.number.positive && last.number.positive,
                nonzero: value.number.nonzero && last.number.nonzero,
            };
            let hard = Clause::any([defined, last.defined()]);
            last = Value { text, binding: Binding::Atom, soft: Clause::ALWAYS, hard, number };
        }
        last
    }
}

/// A test of present values only.
fn guard(test: Clause, values: &[&Value], guarded: bool) -> Clause {
    let needed = values.iter().map(|value| if guarded { value.defined() } else { value.hard.clone() });
    Clause::all(needed.chain([test]).collect::<Vec<_>>())
}

/// The operator of a relation.
fn operator(relation: Relational) -> &'static str {
    match relation {
        Relational::Equal => "equal",
        Relational::NotEqual => "not_equal",
        Relational::Less => "less",
        Relational::LessOrEqual => "less_or_equal",
        Relational::Greater => "greater",
        Relational::GreaterOrEqual => "greater_or_equal",
    }
}

/// What is known of a result.
fn facts(operator: Arithmetic, a: Facts, b: Facts) -> Facts {
    let positive = a.positive && b.positive && operator != Arithmetic::Subtract;
    let nonzero = match operator {
        Arithmetic::Add => positive && (a.nonzero || b.nonzero),
        Arithmetic::Multiply => a.nonzero && b.nonzero,
        Arithmetic::Subtract | Arithmetic::Divide => false,
    };
    Facts { real: a.real || b.real || operator == Arithmetic::Divide, positive, nonzero }
}

/// A number as AQL writes it.
fn number_literal(number: f64) -> Value {
    let binding = if number < 0.0 { Binding::Sum } else { Binding::Atom };
    let facts = Facts { real: number.fract() != 0.0, positive: number >= 0.0, nonzero: number != 0.0 };
    Value { binding, number: facts, ..Value::atom(number.to_string()) }
}

/// The condition that a Boolean field is true.
fn is_true(field: &Arc<Field>, span: Span) -> Condition {
    Condition::Match(Predicate { subject: Subject::Field(field.clone()), tests: vec![ValueTest::Boolean(true)], span })
}

/// `max(x) - min(x)`
fn is_span(writer: &Writer<'_>, left: &Expression, right: &Expression) -> bool {
    let (Some(left), Some(right)) = (measure(writer, left), measure(writer, right)) else { return false };
    let (MeasureFunction::Maximum(a), MeasureFunction::Minimum(b)) = (&left.function, &right.function) else { return false };
    left.filter.is_none() && right.filter.is_none() && field_name(a).is_some() && field_name(a) == field_name(b)
}

/// The measure that an expression names.
fn measure<'a>(writer: &Writer<'a>, expression: &Expression) -> Option<&'a Measure> {
    let ExpressionKind::Column(ColumnReference::Measure(index)) = &expression.kind else { return None };
    writer.detection.aggregate.as_ref()?.measures.get(*index)
}

/// The field that an expression is.
fn field_name(expression: &Expression) -> Option<&str> {
    let ExpressionKind::Field(field) = &expression.kind else { return None };
    Some(&field.name)
}
