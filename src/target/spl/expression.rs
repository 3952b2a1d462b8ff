//! Expressions of measures, derived columns, conditions and labels in eval. A typed expression in, eval text out.
//! Moments and durations are seconds. Values may be null; conditions are always true or false.

use super::filter::PLAIN_NUMBER;
use super::layout::{Fragment, Joint, inside};
use super::quote::{eval_text, format_number, is_numeric};
use super::regex::END;
use super::writer::Writer;
use crate::diagnostic::{Diagnostic, E0405};
use crate::expression::{Arithmetic, ColumnReference, Expression, ExpressionKind, Function, Relational, Type};
use crate::letter_case::fold;
use crate::logsource::{Field, FieldType};
use crate::source::Span;

/// The longest text of one value.
const LONGEST_VALUE: usize = 20_000;

/// The names of columns and of the flags that stand for selections, as eval writes them.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Group keys.
    pub keys: Vec<String>,
    /// Measures, and whether each may be missing.
    pub measures: Vec<(String, bool)>,
    /// Derived columns that are written already, and whether each may be missing.
    pub derived: Vec<(String, bool)>,
    /// The window's start.
    pub window_start: String,
    /// The window's end.
    pub window_end: String,
    /// The 0/1 field of each selection that is used.
    pub flags: Vec<Option<String>>,
}

/// A value in eval.
#[derive(Debug, Clone)]
pub struct EvalValue {
    /// The text.
    pub text: String,
    /// Whether an operator stands at the top.
    loose: bool,
    /// Whether it may be missing.
    pub nullable: bool,
}

impl EvalValue {
    fn tight(text: impl Into<String>, nullable: bool) -> EvalValue {
        EvalValue { text: text.into(), loose: false, nullable }
    }

    fn operand(&self) -> String {
        if self.loose { format!("({})", self.text) } else { self.text.clone() }
    }
}

impl Writer<'_> {
    /// An expression's value; a Boolean becomes `"true"` or `"false"`.
    pub fn value(&mut self, expression: &Expression, names: &Names) -> Option<EvalValue> {
        if expression.value_type == Type::Boolean {
            let condition = self.boolean(expression, names)?;
            return Some(EvalValue::tight(self.op("choose", &[&inside(&condition.text), "\"true\"", "\"false\""]), false));
        }
        match &expression.kind {
            ExpressionKind::Number(number) => Some(literal(*number)),
            ExpressionKind::Duration(milliseconds) => Some(literal(*milliseconds as f64 / 1000.0)),
            ExpressionKind::Text(text) => Some(EvalValue::tight(eval_text(text), false)),
            ExpressionKind::Field(field) => self.field_value(field, expression.value_type, expression.span),
            ExpressionKind::Column(column) => Some(column_value(*column, names)),
            ExpressionKind::Negate(inner) => {
                let inner = self.value(inner, names)?;
                let text = self.op("minus", &[&inner.operand()]);
                Some(EvalValue { text, loose: true, nullable: inner.nullable })
            }
            ExpressionKind::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right, names),
            ExpressionKind::Call(function, arguments) => self.call(*function, arguments, names),
            ExpressionKind::Boolean(_)
            | ExpressionKind::Selection(_)
            | ExpressionKind::Not(_)
            | ExpressionKind::Compare(..)
            | ExpressionKind::And(_)
            | ExpressionKind::Or(_) => unreachable!("these are Booleans"),
        }
    }

    /// A field of the event as a value of a type.
    pub fn field_value(&mut self, field: &Field, wanted: Type, span: Span) -> Option<EvalValue> {
        let located = self.locate(field, span)?;
        let nullable = |text: String| Some(EvalValue::tight(text, true));
        match wanted {
            Type::Timestamp => {
                let moment = self.moment(&located, span)?;
                Some(EvalValue { loose: moment.contains('/'), text: moment, nullable: true })
            }
            Type::Number | Type::Duration if !matches!(field.kind, FieldType::Integer | FieldType::Number) => {
                let name = self.eval_field(&located, span)?;
                let plain = self.op("matches", &[&name, &eval_text(&format!("{PLAIN_NUMBER}{END}"))]);
                nullable(self.op("choose", &[&plain, &self.op("number", &[&name]), "null()"]))
            }
            Type::Number | Type::Duration | Type::Text | Type::Boolean | Type::Texts => nullable(self.eval_field(&located, span)?),
        }
    }

    fn arithmetic(&mut self, operator: Arithmetic, left: &Expression, right: &Expression, names: &Names) -> Option<EvalValue> {
        let (left, right) = (self.value(left, names), self.value(right, names));
        let (left, right) = (left?, right?);
        let (name, divisor, nullable) = match operator {
            Arithmetic::Add => ("add", right.operand(), false),
            Arithmetic::Subtract => ("subtract", right.operand(), false),
            Arithmetic::Multiply => ("multiply", right.operand(), false),
            Arithmetic::Divide if right.text.parse::<f64>().is_ok_and(|number| number != 0.0) => ("divide", right.operand(), false),
            Arithmetic::Divide => ("divide", self.op("null_if", &[&right.text, "0"]), true),
        };
        let text = self.op(name, &[&left.operand(), &divisor]);
        Some(EvalValue { text, loose: true, nullable: nullable || left.nullable || right.nullable })
    }

    fn call(&mut self, function: Function, arguments: &[Expression], names: &Names) -> Option<EvalValue> {
        let values: Vec<Option<EvalValue>> = arguments.iter().map(|argument| self.value(argument, names)).collect();
        let values: Vec<EvalValue> = values.into_iter().collect::<Option<_>>()?;
        let nullable = values.iter().any(|value| value.nullable);
        let texts: Vec<&str> = values.iter().map(|value| value.text.as_str()).collect();
        let text = match function {
            Function::Round => self.op("round", &[texts[0], texts.get(1).copied().unwrap_or("0")]),
            Function::Floor => self.op("floor", &[texts[0]]),
            Function::Absolute => self.op("absolute", &[texts[0]]),
            Function::Lower => {
                self.assume_lower(texts[0], arguments[0].span);
                self.op("lower", &[texts[0]])
            }
            Function::Greatest => self.extreme("greatest", &values),
            Function::Least => self.extreme("least", &values),
            Function::Coalesce => {
                let nullable = values.iter().all(|value| value.nullable);
                let first = texts[0].to_owned();
                let text = texts[1..].iter().fold(first, |text, other| self.op("coalesce", &[&text, other]));
                return Some(EvalValue::tight(text, nullable));
            }
        };
        // a value that may be missing is written twice, so that the text may grow with every call that stands in another one
        if text.len() > LONGEST_VALUE {
            let message = format!("this makes more than {LONGEST_VALUE} characters of SPL");
            self.problems.push(Diagnostic::error(E0405, arguments[0].span, message).help("name its inner parts as derived columns"));
            return None;
        }
        Some(EvalValue::tight(text, nullable))
    }

    /// `max` and `min` skip what is missing; ours do not.
    fn extreme(&self, name: &'static str, values: &[EvalValue]) -> String {
        let texts: Vec<String> = values.iter().map(|value| value.text.clone()).collect();
        let extreme = self.op(name, &[&texts.join(", ")]);
        let missing: Vec<Fragment> =
            values.iter().filter(|value| value.nullable).map(|value| Fragment::atom(self.op("absent", &[&value.text]))).collect();
        if missing.is_empty() {
            return extreme;
        }
        self.op("choose", &[&Fragment::join(missing, Joint::Or).text, "null()", &extreme])
    }

    /// A Boolean expression as a condition that is never null.
    pub fn boolean(&mut self, expression: &Expression, names: &Names) -> Option<Fragment> {
        match &expression.kind {
            ExpressionKind::Boolean(value) => Some(Fragment::atom(if *value { "1=1" } else { "1=0" })),
            ExpressionKind::Selection(index) => {
                let flag = names.flags.get(*index).and_then(Option::as_ref).expect("every selection in use has a flag");
                Some(Fragment::atom(self.op("equals", &[flag, "1"])))
            }
            ExpressionKind::Field(field) => {
                let located = self.locate(field, expression.span)?;
                let name = self.eval_field(&located, expression.span)?;
                let lower = self.op("lower", &[&self.op("coalesce", &[&name, "\"\""])]);
                Some(Fragment::atom(self.op("equals", &[&lower, "\"true\""])))
            }
            ExpressionKind::Column(column) => {
                let column = column_value(*column, names);
                Some(Fragment::atom(self.op("equals", &[&column.text, "\"true\""])))
            }
            ExpressionKind::Not(inner) => {
                let inner = self.boolean(inner, names)?;
                Some(Fragment::atom(self.op("negate", &[&inside(&inner.text)])))
            }
            ExpressionKind::And(parts) => self.joined(parts, Joint::And, names),
            ExpressionKind::Or(parts) => self.joined(parts, Joint::Or, names),
            ExpressionKind::Compare(relation, left, right) => self.compare(*relation, left, right, names),
            ExpressionKind::Call(..)
            | ExpressionKind::Number(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Duration(_)
            | ExpressionKind::Negate(_)
            | ExpressionKind::Arithmetic(..) => {
                let help = "write it with `and`, `or` and `not`";
                self.refuse(expression.span, "this Boolean", help);
                None
            }
        }
    }

    fn joined(&mut self, parts: &[Expression], joint: Joint, names: &Names) -> Option<Fragment> {
        let parts: Vec<Option<Fragment>> = parts.iter().map(|part| self.boolean(part, names)).collect();
        Some(Fragment::join(parts.into_iter().collect::<Option<_>>()?, joint))
    }

    fn compare(&mut self, relation: Relational, left: &Expression, right: &Expression, names: &Names) -> Option<Fragment> {
        let text = left.value_type == Type::Text;
        let (a, b) = (self.value(left, names), self.value(right, names));
        let (a, b) = (a?, b?);
        let operator = relational(relation);
        let nullable = a.nullable || b.nullable;
        let condition = if text { self.compare_texts(operator, [(left, &a), (right, &b)]) } else { self.op(operator, &[&a.text, &b.text]) };
        Some(Fragment::atom(if nullable { self.op("holds", &[&condition]) } else { condition }))
    }

    /// Case ignored; `"=".x` keeps texts that look like numbers from being compared as numbers.
    fn compare_texts(&self, operator: &'static str, sides: [(&Expression, &EvalValue); 2]) -> String {
        let literal = |expression: &Expression| {
            if let ExpressionKind::Text(text) = &expression.kind { Some(text.clone()) } else { None }
        };
        let word = |expression: &Expression| literal(expression).is_some_and(|text| !text.is_empty() && !is_numeric(&text));
        let plain = sides.iter().any(|(expression, _)| word(expression));
        let side = |(expression, value): (&Expression, &EvalValue)| {
            let folded = literal(expression).map_or_else(|| self.op("lower", &[&value.text]), |text| eval_text(&fold(&text)));
            if plain { folded } else { self.op("join", &["\"=\"", &folded]) }
        };
        let [left, right] = sides;
        self.op(operator, &[&side(left), &side(right)])
    }
}

fn literal(number: f64) -> EvalValue {
    let text = format_number(number);
    EvalValue { loose: text.starts_with('-'), text, nullable: false }
}

fn column_value(column: ColumnReference, names: &Names) -> EvalValue {
    let (text, nullable) = match column {
        ColumnReference::Key(index) => (names.keys[index].clone(), true),
        ColumnReference::Measure(index) => names.measures[index].clone(),
        ColumnReference::Derived(index) => names.derived[index].clone(),
        ColumnReference::WindowStart => (names.window_start.clone(), false),
        ColumnReference::WindowEnd => (names.window_end.clone(), false),
    };
    EvalValue::tight(text, nullable)
}

fn relational(relation: Relational) -> &'static str {
    match relation {
        Relational::Equal => "equals",
        Relational::NotEqual => "not_equals",
        Relational::Less => "less",
        Relational::LessOrEqual => "less_or_equal",
        Relational::Greater => "greater",
        Relational::GreaterOrEqual => "greater_or_equal",
    }
}
