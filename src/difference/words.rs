//! Parts of a detection as text without places: in the author's names for sentences, or in a form that is the same for whatever means
//! the same.

use crate::detection::{Comparison, Condition, Detection, FieldTest, Item, Measure, Predicate, SelectionBody, Subject, ValueTest, Window};
use crate::evaluate::event::float_text;
use crate::expression::text::{expression_text, leaf_text, measure_text};
use crate::expression::{Expression, ExpressionKind};
use crate::letter_case::fold;
use crate::lower::duration_text;
use crate::yaml::Value;

/// How names are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Selections by their names, parts in the author's order.
    Written,
    /// Selections by what they mean, parts that commute in one order.
    Meant,
}

/// Writes the parts of one detection.
#[derive(Clone, Copy)]
pub(super) struct Words<'d> {
    detection: &'d Detection,
    style: Style,
}

impl<'d> Words<'d> {
    pub fn new(detection: &'d Detection, style: Style) -> Self {
        Words { detection, style }
    }

    /// An expression.
    pub fn expression(&self, expression: &Expression) -> String {
        match self.style {
            Style::Written => expression_text(expression, &|leaf| leaf_text(leaf, self.detection)),
            Style::Meant => self.meant(expression),
        }
    }

    /// An expression, in parentheses wherever it has parts; parts that commute in one order.
    fn meant(&self, expression: &Expression) -> String {
        let inside = |part: &Expression| format!("({})", self.meant(part));
        match &expression.kind {
            // no other text is written like it
            ExpressionKind::Text(text) => format!("{text:?}"),
            ExpressionKind::Selection(index) => self.selection(*index),
            ExpressionKind::Number(_)
            | ExpressionKind::Duration(_)
            | ExpressionKind::Boolean(_)
            | ExpressionKind::Field(_)
            | ExpressionKind::Column(_) => leaf_text(expression, self.detection),
            ExpressionKind::Negate(inner) => format!("-{}", inside(inner)),
            ExpressionKind::Not(inner) => format!("not {}", inside(inner)),
            ExpressionKind::Arithmetic(operator, left, right) => format!("{} {} {}", inside(left), operator.symbol(), inside(right)),
            ExpressionKind::Compare(relational, left, right) => format!("{} {} {}", inside(left), relational.symbol(), inside(right)),
            ExpressionKind::And(parts) => self.joined(parts.iter().map(inside), " and "),
            ExpressionKind::Or(parts) => self.joined(parts.iter().map(inside), " or "),
            ExpressionKind::Call(function, arguments) => {
                let arguments: Vec<String> = arguments.iter().map(|argument| self.meant(argument)).collect();
                format!("{}({})", function.name(), arguments.join(", "))
            }
        }
    }

    /// Parts that may stand in any order.
    fn joined(&self, parts: impl Iterator<Item = String>, word: &str) -> String {
        let mut parts: Vec<String> = parts.collect();
        if self.style == Style::Meant {
            parts.sort();
            parts.dedup();
        }
        parts.join(word)
    }

    fn selection(&self, index: usize) -> String {
        let Some(selection) = self.detection.selections.get(index) else { return String::new() };
        match (self.style, selection.body.alerts()) {
            (Style::Written, _) => selection.name.clone(),
            (Style::Meant, Some(chained)) => format!("alerts of {{{}}}", super::meaning::of(&chained.detection).text()),
            (Style::Meant, None) => format!("[{}]", self.condition(&selection.condition)),
        }
    }

    /// A measure: `distinct(space where export)`.
    pub fn measure(&self, measure: &Measure) -> String {
        let leaf = |expression: &Expression| self.expression(expression);
        measure_text(&measure.function, measure.filter.as_ref(), &leaf)
    }

    /// A window: `1h`, `sliding 10m`, `sliding 10m at login`.
    pub fn window(&self, window: &Window) -> String {
        match window {
            Window::Tumbling(length) => duration_text(*length),
            Window::Sliding { length, at: None } => format!("sliding {}", duration_text(*length)),
            Window::Sliding { length, at: Some(index) } => format!("sliding {} at {}", duration_text(*length), self.selection(*index)),
            Window::Lookback => "lookback".to_owned(),
        }
    }

    /// A condition over one event.
    pub fn condition(&self, condition: &Condition) -> String {
        let inside = |part: &Condition| match part {
            Condition::Match(_) | Condition::Not(_) => self.condition(part),
            Condition::All(_) | Condition::Any(_) => format!("({})", self.condition(part)),
        };
        match condition {
            Condition::All(parts) if parts.is_empty() => "always".to_owned(),
            Condition::Any(parts) if parts.is_empty() => "never".to_owned(),
            Condition::All(parts) => self.joined(parts.iter().map(inside), " and "),
            Condition::Any(parts) => self.joined(parts.iter().map(inside), " or "),
            Condition::Not(part) => format!("not ({})", self.condition(part)),
            Condition::Match(predicate) => self.predicate(predicate),
        }
    }

    fn predicate(&self, predicate: &Predicate) -> String {
        let subject = match &predicate.subject {
            Subject::Field(field) => format!("{:?}", field.name),
            Subject::Event => "any value".to_owned(),
        };
        format!("{subject} is {}", self.joined(predicate.tests.iter().map(value_test), " or "))
    }
}

/// One test of a value, the same for whatever it does not tell apart.
fn value_test(test: &ValueTest) -> String {
    match test {
        ValueTest::Text(pattern) if pattern.cased => format!("{:?}", pattern.segments),
        ValueTest::Text(pattern) => format!("any case {}", fold(&format!("{:?}", pattern.segments))),
        ValueTest::Number(number) => format!("number {}", number.text),
        ValueTest::Boolean(value) => value.to_string(),
        ValueTest::Absent => "absent".to_owned(),
        ValueTest::Present => "present".to_owned(),
        ValueTest::Regex(regex) => format!("matches {}{:?}", regex.flags(), regex.pattern),
        ValueTest::Network(network) => format!("in {network}"),
        ValueTest::Compare(comparison, number) => format!("{} {}", symbol(*comparison), float_text(number.value)),
        ValueTest::Field(FieldTest { other, relation, cased }) => format!("{relation:?} the field {:?}, cased: {cased}", other.name),
        ValueTest::TimePart(part, comparison, number) => format!("{part:?} {} {}", symbol(*comparison), float_text(number.value)),
    }
}

fn symbol(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "==",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

/// A selection's body as the author wrote it, lists filled in.
pub(super) fn body(body: &SelectionBody) -> String {
    match body {
        SelectionBody::Items(items) => items.iter().map(item).collect::<Vec<_>>().join(" and "),
        SelectionBody::Alternatives(bodies) => {
            let parts: Vec<String> = bodies.iter().map(|inner| format!("({})", self::body(inner))).collect();
            parts.join(" or ")
        }
        SelectionBody::Alerts(chained) => format!("alerts of {}", chained.detection.metadata.title.value),
    }
}

fn item(item: &Item) -> String {
    let values: Vec<String> = item.values.iter().map(value).collect();
    let values = if item.listed { format!("[{}]", values.join(", ")) } else { values.join(", ") };
    match item_key(item) {
        key if key.is_empty() => values,
        key => format!("{key}: {values}"),
    }
}

/// `field|modifier`
pub(super) fn item_key(item: &Item) -> String {
    let mut parts = vec![item.written.as_str()];
    parts.extend(item.modifiers.iter().map(|modifier| modifier.name()));
    parts.join("|")
}

/// A value of YAML on one line.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Number(number) => number.text.clone(),
        Value::Text(text) => text.clone(),
        Value::List(values) => format!("[{}]", values.iter().map(self::value).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}: {}", self::value(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}
