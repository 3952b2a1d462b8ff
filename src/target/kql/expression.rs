//! The expression language of aggregates → KQL. Values may be null; conditions are two-valued where it could be seen.

use super::layout::Doc;
use super::spelling::{number_literal, text_literal, timespan_literal};
use super::value::{Located, Operand, Stored};
use super::writer::Writer;
use crate::diagnostic::{Diagnostic, E0401, K003, K008};
use crate::expression::{Arithmetic, ColumnReference, Expression, ExpressionKind, Function, Relational, Type};
use crate::letter_case::{fold, has_case_beyond_ascii};
use crate::logsource::{Field, FieldType};
use crate::source::Span;
use crate::yaml::Number;

/// The KQL type of a computed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `long`
    Whole,
    /// `real`
    Real,
    /// `string`; missing is ''.
    Text,
    /// `bool`
    Boolean,
    /// `datetime`
    Moment,
    /// `timespan`
    Span,
    /// `dynamic`: a list of texts.
    Texts,
}

impl Kind {
    /// The null of this type; of a text ''.
    pub fn null(self) -> &'static str {
        match self {
            Kind::Whole => "long(null)",
            Kind::Real => "real(null)",
            Kind::Text => "\"\"",
            Kind::Boolean => "bool(null)",
            Kind::Moment => "datetime(null)",
            Kind::Span => "timespan(null)",
            Kind::Texts => "dynamic(null)",
        }
    }
}

/// A computed value.
#[derive(Debug, Clone)]
pub struct Computed {
    /// The fragment; binds tightest.
    pub text: String,
    /// Its type.
    pub kind: Kind,
    /// Whether it may be missing.
    pub nullable: bool,
    /// Whether it is a name or a literal, cheap to repeat.
    pub simple: bool,
    /// The literal, if it is a number or duration other than zero.
    nonzero: bool,
    /// Whether '' stands for a missing value of the event, too.
    event_text: bool,
    /// A test for presence that tells '' from a missing value, if there is one.
    presence: Option<String>,
}

impl Computed {
    /// A column.
    pub fn column(text: impl Into<String>, kind: Kind, nullable: bool) -> Self {
        Self { text: text.into(), kind, nullable, simple: true, nonzero: false, event_text: false, presence: None }
    }

    fn literal(text: String, kind: Kind, nonzero: bool) -> Self {
        Self { text, kind, nullable: false, simple: true, nonzero, event_text: false, presence: None }
    }

    fn new(text: String, kind: Kind, nullable: bool) -> Self {
        Self { text, kind, nullable, simple: false, nonzero: false, event_text: false, presence: None }
    }
}

/// The columns that an expression over an aggregate's rows can name.
#[derive(Debug, Default)]
pub struct Columns {
    /// Group keys.
    pub keys: Vec<Computed>,
    /// Measures.
    pub measures: Vec<Computed>,
    /// Derived columns so far.
    pub derived: Vec<Computed>,
}

/// What selections are called inside of measures.
pub type SelectionNames = rustc_hash::FxHashMap<usize, String>;

/// What an expression's names stand for.
pub struct Scope<'s> {
    /// Columns of the aggregate.
    pub columns: &'s Columns,
    /// Helper columns of selections.
    pub selections: &'s SelectionNames,
}

impl Writer<'_> {
    /// The value of an expression.
    pub fn value(&mut self, expression: &Expression, scope: &Scope<'_>) -> Computed {
        match &expression.kind {
            ExpressionKind::Number(value) => {
                let kind = if value.fract() == 0.0 && value.abs() < 1e15 { Kind::Whole } else { Kind::Real };
                Computed::literal(signed(number_literal(*value)), kind, *value != 0.0)
            }
            ExpressionKind::Text(text) => Computed::literal(text_literal(text), Kind::Text, false),
            ExpressionKind::Duration(milliseconds) => {
                Computed::literal(signed(timespan_literal(*milliseconds)), Kind::Span, *milliseconds != 0)
            }
            ExpressionKind::Field(field) => self.field_value(field, expression.value_type, expression.span),
            ExpressionKind::Column(reference) => self.read_as(column(*reference, scope.columns), expression.value_type),
            ExpressionKind::Negate(inner) => {
                let inner = self.value(inner, scope);
                Computed::new(format!("(-{})", inner.text), inner.kind, inner.nullable)
            }
            ExpressionKind::Arithmetic(operator, a, b) => {
                let (a, b) = (self.value(a, scope), self.value(b, scope));
                self.arithmetic(*operator, a, b)
            }
            ExpressionKind::Call(function, arguments) => self.call(*function, arguments, scope, expression.span),
            ExpressionKind::Boolean(_)
            | ExpressionKind::Selection(_)
            | ExpressionKind::Not(_)
            | ExpressionKind::Compare(..)
            | ExpressionKind::And(_)
            | ExpressionKind::Or(_) => {
                let doc = self.boolean(expression, scope, true);
                Computed::new(format!("({})", doc.flat(self.templates)), Kind::Boolean, false)
            }
        }
    }

    /// A Boolean expression; `strict`: never null.
    pub fn boolean(&mut self, expression: &Expression, scope: &Scope<'_>, strict: bool) -> Doc {
        match &expression.kind {
            ExpressionKind::Boolean(true) => Doc::always(),
            ExpressionKind::Boolean(false) => Doc::never(),
            ExpressionKind::Selection(index) => match scope.selections.get(index) {
                Some(column) => Doc::leaf(column.clone()),
                None => {
                    let condition = self.detection.selections[*index].condition.clone();
                    self.condition(&condition, strict)
                }
            },
            ExpressionKind::Not(inner) => Doc::not(self.boolean(inner, scope, true)),
            ExpressionKind::And(parts) => {
                let parts: Vec<Doc> = parts.iter().map(|part| self.boolean(part, scope, strict)).collect();
                Doc::all(parts)
            }
            ExpressionKind::Or(parts) => {
                let parts: Vec<Doc> = parts.iter().map(|part| self.boolean(part, scope, true)).collect();
                Doc::any(parts)
            }
            ExpressionKind::Compare(relation, a, b) => self.comparison(*relation, a, b, scope, strict),
            ExpressionKind::Field(_) | ExpressionKind::Column(_) | ExpressionKind::Call(..) => {
                let value = self.value(expression, scope);
                Doc::leaf(value.text).strict(strict && value.nullable)
            }
            ExpressionKind::Number(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Duration(_)
            | ExpressionKind::Negate(_)
            | ExpressionKind::Arithmetic(..) => {
                debug_assert!(false, "a Boolean is expected");
                Doc::never()
            }
        }
    }

    fn comparison(&mut self, relation: Relational, a: &Expression, b: &Expression, scope: &Scope<'_>, strict: bool) -> Doc {
        let booleans = a.value_type == Type::Boolean && b.value_type == Type::Boolean;
        let (left, right) = (self.value(a, scope), self.value(b, scope));
        if left.kind == Kind::Text || right.kind == Kind::Text {
            return self.text_comparison(relation, left, right, a.span.to(b.span));
        }
        let operator = relational_operator(relation);
        let compares = Doc::leaf(self.op(operator, &[&left.text, &right.text]));
        if booleans || !(left.nullable || right.nullable) {
            return compares;
        }
        if relation == Relational::NotEqual {
            let guards: Vec<Doc> =
                [&left, &right].into_iter().filter(|v| v.nullable).map(|v| Doc::leaf(self.op("is_not_null", &[&v.text]))).collect();
            return Doc::all(guards.into_iter().chain([compares]));
        }
        compares.strict(strict && (relation != Relational::Equal || (left.nullable && right.nullable)))
    }

    /// `==` and `!=` of texts, ignoring case; '' is a missing operand.
    fn text_comparison(&mut self, relation: Relational, a: Computed, b: Computed, span: Span) -> Doc {
        let negative = relation == Relational::NotEqual;
        let (a, b) = if a.text.starts_with('"') { (b, a) } else { (a, b) };
        let literal = b.text.starts_with('"') && b.simple;
        let empty_literal = b.text == "\"\"";
        if (a.event_text || b.event_text) && (negative || empty_literal || !literal) {
            self.assume(K003, span, "empty text in a field that an expression compares counts as missing".to_owned());
        }
        if literal && empty_literal {
            let empty = |operator: &'static str| Doc::leaf(self.op(operator, &[&a.text]));
            return match (negative, &a.presence) {
                (true, _) => empty("is_not_empty"),
                (false, Some(presence)) => Doc::all([Doc::leaf(presence.clone()), empty("is_empty")]),
                (false, None) => Doc::never(),
            };
        }
        let folds = !literal || has_case_beyond_ascii(&b.text);
        let compares = if folds {
            self.assume_folding();
            let right = if literal { fold(&b.text).into_owned() } else { self.op("lower", &[&b.text]) };
            let operator = if negative { "not_equals_cased" } else { "equals_cased" };
            self.op(operator, &[&self.op("lower", &[&a.text]), &right])
        } else {
            self.op(if negative { "not_equals" } else { "equals" }, &[&a.text, &b.text])
        };
        let present = |value: &Computed| self.is_present(value);
        let mut parts = Vec::new();
        if negative || !literal {
            parts.push(present(&a));
        }
        if negative && !literal {
            parts.push(present(&b));
        }
        parts.push(Doc::leaf(compares));
        Doc::all(parts)
    }

    fn arithmetic(&mut self, operator: Arithmetic, a: Computed, b: Computed) -> Computed {
        let nullable = a.nullable || b.nullable;
        let kind = result_kind(operator, a.kind, b.kind);
        let spelled = |writer: &Self, name: &'static str, a: &str, b: &str| format!("({})", writer.op(name, &[a, b]));
        let name = match operator {
            Arithmetic::Add => "plus",
            Arithmetic::Subtract => "minus",
            Arithmetic::Multiply => "times",
            Arithmetic::Divide => return self.division(a, b, kind),
        };
        Computed::new(spelled(self, name, &a.text, &b.text), kind, nullable)
    }

    /// Real division; by zero it is null.
    fn division(&mut self, a: Computed, b: Computed, kind: Kind) -> Computed {
        let b = if b.nonzero { b } else { self.repeatable(b) };
        let dividend = if a.kind == Kind::Whole { self.op("real_of", &[&a.text]) } else { a.text.clone() };
        let quotient = self.op("divided", &[&dividend, &b.text]);
        if b.nonzero {
            return Computed::new(format!("({quotient})"), kind, a.nullable);
        }
        let zero = if b.kind == Kind::Span { "0s" } else { "0" };
        let test = self.op("number_equals", &[&b.text, zero]);
        Computed::new(self.op("either", &[&test, kind.null(), &quotient]), kind, true)
    }

    fn call(&mut self, function: Function, arguments: &[Expression], scope: &Scope<'_>, span: Span) -> Computed {
        match function {
            Function::Round => {
                let digits = match arguments.get(1).map(|digits| &digits.kind) {
                    Some(ExpressionKind::Number(digits)) => *digits as i32,
                    _ => 0,
                };
                let value = self.value(&arguments[0], scope);
                self.round(value, digits, span)
            }
            Function::Floor => {
                let value = self.value(&arguments[0], scope);
                match value.kind {
                    Kind::Whole => value,
                    Kind::Real => Computed::new(self.op("floor", &[&value.text]), value.kind, value.nullable),
                    Kind::Text | Kind::Boolean | Kind::Moment | Kind::Span | Kind::Texts => self.refuse_number("floor", value, span),
                }
            }
            Function::Absolute => {
                let value = self.value(&arguments[0], scope);
                Computed::new(self.op("absolute", &[&value.text]), value.kind, value.nullable)
            }
            Function::Greatest => self.extreme("greatest", arguments, scope),
            Function::Least => self.extreme("least", arguments, scope),
            Function::Lower => {
                let value = self.value(&arguments[0], scope);
                self.assume_folding();
                let text = self.op("lower", &[&value.text]);
                Computed { text, simple: false, ..value }
            }
            Function::Coalesce => {
                let values: Vec<Computed> = arguments.iter().map(|argument| self.value(argument, scope)).collect();
                let values = self.unify(values);
                let nullable = values.iter().all(|value| value.nullable);
                if values.iter().any(|value| value.event_text || value.presence.is_some()) {
                    self.assume(K003, span, "empty text in a field that an expression reads counts as missing".to_owned());
                }
                let kind = values.first().map_or(Kind::Real, |value| value.kind);
                let list: Vec<&str> = values.iter().map(|value| value.text.as_str()).collect();
                Computed::new(self.op("first_present", &[&list.join(", ")]), kind, nullable)
            }
        }
    }

    /// Half away from zero, spelled out: what KQL's own `round` does with halves is not documented.
    fn round(&mut self, value: Computed, digits: i32, span: Span) -> Computed {
        match value.kind {
            Kind::Whole => value,
            Kind::Real => {
                let value = self.repeatable(value);
                let text = match digits {
                    0 => self.op("round", &[&value.text]),
                    digits => self.op("round_to", &[&value.text, &number_literal(10f64.powi(digits))]),
                };
                Computed::new(format!("({text})"), Kind::Real, value.nullable)
            }
            Kind::Text | Kind::Boolean | Kind::Moment | Kind::Span | Kind::Texts => self.refuse_number("round", value, span),
        }
    }

    fn refuse_number(&mut self, function: &str, value: Computed, span: Span) -> Computed {
        let message = format!("KQL cannot express `{function}` of anything but a number");
        let help = format!("divide by a unit first, such as `{function}(x / 1m)`");
        self.refuse(Diagnostic::error(E0401, span, message).help(help));
        value
    }

    /// `greatest`, `least`: missing if one is missing.
    fn extreme(&mut self, operator: &'static str, arguments: &[Expression], scope: &Scope<'_>) -> Computed {
        let mut values = Vec::new();
        for argument in arguments {
            let value = self.value(argument, scope);
            values.push(if value.nullable { self.repeatable(value) } else { value });
        }
        let values = self.unify(values);
        let kind = values.first().map_or(Kind::Real, |value| value.kind);
        let list: Vec<&str> = values.iter().map(|value| value.text.as_str()).collect();
        let text = self.op(operator, &[&list.join(", ")]);
        let missing = if kind == Kind::Text { "is_empty" } else { "is_null" };
        let tests: Vec<Doc> = values.iter().filter(|v| v.nullable).map(|v| Doc::leaf(self.op(missing, &[&v.text]))).collect();
        if tests.is_empty() {
            return Computed::new(text, kind, false);
        }
        let test = Doc::any(tests).flat(self.templates);
        Computed::new(self.op("either", &[&test, kind.null(), &text]), kind, true)
    }

    /// The same value in a form that is cheap to repeat.
    fn repeatable(&mut self, value: Computed) -> Computed {
        self.repeatable_as("_value", value)
    }

    /// The same value, if need be in a helper column of this name.
    pub fn repeatable_as(&mut self, wish: &str, value: Computed) -> Computed {
        if value.simple {
            return value;
        }
        let column = self.hoist(wish, unwrapped(&value.text));
        Computed { text: column, simple: true, ..value }
    }

    /// A field of the event.
    pub fn field_value(&mut self, field: &Field, wanted: Type, span: Span) -> Computed {
        let Some(operand) = self.single(field, span) else { return Computed::column("\"\"", Kind::Text, true) };
        self.operand_value(&operand, wanted, span)
    }

    /// A column as the type that an expression needs: a key may hold a number as text.
    fn read_as(&mut self, value: Computed, wanted: Type) -> Computed {
        let text = Operand { raw: value.text.clone(), stored: Stored::Text, kind: FieldType::Any, time: false, values: Vec::new() };
        match (wanted, value.kind) {
            (Type::Number, Kind::Text) => Computed::new(self.number_of(&text).0, Kind::Real, true),
            (Type::Timestamp, Kind::Text) => Computed::new(self.op("moment_of", &[&text.raw]), Kind::Moment, true),
            (Type::Text, Kind::Whole) => Computed::new(self.op("text_of", &[&value.text]), Kind::Text, value.nullable),
            (Type::Text, Kind::Real) => Computed::new(self.op("text_of_real", &[&value.text]), Kind::Text, value.nullable),
            (Type::Text, Kind::Boolean) => Computed::new(self.op("text_of_boolean", &[&value.text]), Kind::Text, value.nullable),
            (Type::Number | Type::Timestamp | Type::Text | Type::Boolean | Type::Duration | Type::Texts, _) => value,
        }
    }

    /// Where a field that holds one value is read in the row; an element of a list is first fetched into a helper column.
    pub fn single(&mut self, field: &Field, span: Span) -> Option<Operand> {
        match self.locate(field, span)? {
            Located::Row(operand) => Some(operand),
            Located::Item(item) => {
                let present = Doc::leaf(self.present(&item.operand));
                let chosen = Doc::all(item.chosen.iter().map(|chosen| Doc::leaf(chosen.clone())).chain([present]));
                let operator = if field.list { "fetch_elements" } else { "fetch_element" };
                let fetch = Doc::leaf(self.op(operator, &[&item.operand.raw, &chosen.flat(self.templates)]));
                if !field.list {
                    let message = format!("an event has one value of `{}`: of several elements Kusto takes any", field.name);
                    self.assume(K008, span, message);
                }
                let raw = self.list_output(item.list, &format!("_{}", item.field), fetch);
                Some(Operand { raw, ..item.operand })
            }
        }
    }

    /// A value as a wanted type.
    pub fn operand_value(&mut self, operand: &Operand, wanted: Type, span: Span) -> Computed {
        let native = |kind| Computed { text: operand.raw.clone(), simple: true, ..Computed::column("", kind, true) };
        let plain = operand.values.is_empty();
        match (wanted, operand.stored) {
            (Type::Number, _) => {
                let (text, whole) = self.number_of(operand);
                let kind = if whole { Kind::Whole } else { Kind::Real };
                Computed { simple: text == operand.raw, ..Computed::new(text, kind, true) }
            }
            (Type::Boolean, Stored::Boolean) if plain => native(Kind::Boolean),
            (Type::Boolean, _) => {
                let text = self.text_of(operand).unwrap_or_default();
                let (yes, no) = (self.op("equals", &[&text, "\"true\""]), self.op("equals", &[&text, "\"false\""]));
                let choice = self.op("choice", &[&format!("{yes}, true, {no}, false"), "bool(null)"]);
                Computed::new(choice, Kind::Boolean, true)
            }
            (Type::Timestamp, _) => match self.moment_of(operand) {
                Some(text) => Computed { simple: text == operand.raw, ..Computed::new(text, Kind::Moment, true) },
                None => {
                    let message = "KQL cannot read a moment from this column";
                    let help = "bind the field to a `datetime` column, or to text in ISO 8601";
                    self.refuse(Diagnostic::error(E0401, span, message).help(help));
                    native(Kind::Moment)
                }
            },
            (Type::Text | Type::Texts | Type::Duration, _) => match self.text_of(operand) {
                Some(text) => Computed {
                    simple: text == operand.raw,
                    event_text: operand.stored == Stored::Text,
                    presence: (operand.stored == Stored::Json).then(|| self.present(operand)),
                    ..Computed::new(text, Kind::Text, true)
                },
                None => native(Kind::Moment),
            },
        }
    }

    /// A value in the type that its field has: output columns and group keys.
    pub fn natural_value(&mut self, operand: &Operand, span: Span) -> Computed {
        let wanted = match (operand.stored, operand.kind) {
            _ if !operand.values.is_empty() => Type::Text,
            (Stored::Integer | Stored::Real, FieldType::Timestamp) => Type::Timestamp,
            (Stored::Integer | Stored::Real, _) => Type::Number,
            (Stored::Boolean, _) => Type::Boolean,
            (Stored::Moment, _) => Type::Timestamp,
            (Stored::Text | Stored::Guid, _) => Type::Text,
            (Stored::Json, FieldType::Integer | FieldType::Number) => Type::Number,
            (Stored::Json, FieldType::Timestamp) => Type::Timestamp,
            (Stored::Json, FieldType::Boolean | FieldType::Text | FieldType::Ip | FieldType::Any) => Type::Text,
        };
        self.operand_value(operand, wanted, span)
    }

    /// Values of one type for functions whose arguments must have one.
    fn unify(&self, values: Vec<Computed>) -> Vec<Computed> {
        let real = values.iter().any(|value| value.kind == Kind::Real);
        let convert = |value: Computed| match value.kind {
            Kind::Whole if real => {
                let literal = Number::parse(&value.text).map(|number| format!("{}.0", number.text));
                let text = literal.unwrap_or_else(|| self.op("real_of", &[&value.text]));
                Computed { text, kind: Kind::Real, ..value }
            }
            Kind::Whole | Kind::Real | Kind::Text | Kind::Boolean | Kind::Moment | Kind::Span | Kind::Texts => value,
        };
        values.into_iter().map(convert).collect()
    }

    /// Whether a value is there.
    pub fn is_present(&self, value: &Computed) -> Doc {
        if !value.nullable {
            return Doc::always();
        }
        if let Some(presence) = &value.presence {
            return Doc::leaf(presence.clone());
        }
        let operator = if value.kind == Kind::Text { "is_not_empty" } else { "is_not_null" };
        Doc::leaf(self.op(operator, &[&value.text]))
    }
}

/// Without the parentheses around the whole.
pub fn unwrapped(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else { return text };
    let (mut depth, mut quoted, mut escaped) = (0i32, false, false);
    for character in inner.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return text;
        }
    }
    inner
}

impl Computed {
    /// The same where it is known to be there.
    pub fn known(self) -> Self {
        Self { nullable: false, ..self }
    }

    /// Whether a test for presence repeats the whole value.
    pub fn is_repeated(&self) -> bool {
        self.nullable && self.presence.is_none() && !self.simple
    }

    /// Whether its '' comes from an event's text column.
    pub fn is_event_text(&self) -> bool {
        self.event_text
    }
}

fn column(reference: ColumnReference, columns: &Columns) -> Computed {
    match reference {
        ColumnReference::Key(index) => columns.keys[index].clone(),
        ColumnReference::Measure(index) => columns.measures[index].clone(),
        ColumnReference::Derived(index) => columns.derived[index].clone(),
        ColumnReference::WindowStart => Computed::column("window_start", Kind::Moment, false),
        ColumnReference::WindowEnd => Computed::column("window_end", Kind::Moment, false),
    }
}

fn signed(literal: String) -> String {
    if literal.starts_with('-') { format!("({literal})") } else { literal }
}

fn relational_operator(relation: Relational) -> &'static str {
    match relation {
        Relational::Equal => "number_equals",
        Relational::NotEqual => "number_not_equals",
        Relational::Less => "less",
        Relational::LessOrEqual => "less_or_equal",
        Relational::Greater => "greater",
        Relational::GreaterOrEqual => "greater_or_equal",
    }
}

fn result_kind(operator: Arithmetic, a: Kind, b: Kind) -> Kind {
    match (operator, a, b) {
        (Arithmetic::Divide, Kind::Span, Kind::Whole | Kind::Real) => Kind::Span,
        (Arithmetic::Divide, _, _) => Kind::Real,
        (Arithmetic::Subtract, Kind::Moment, Kind::Moment) => Kind::Span,
        (_, Kind::Moment, _) | (_, _, Kind::Moment) => Kind::Moment,
        (_, Kind::Span, _) | (_, _, Kind::Span) => Kind::Span,
        (_, Kind::Whole, Kind::Whole) => Kind::Whole,
        (_, _, _) => Kind::Real,
    }
}
