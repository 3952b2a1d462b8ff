//! Parts of a detection in the author's words: names of selections and parameters as the source has them.

use crate::detection::{Detection, Formula, Measure, MeasureFunction, Quantity};
use crate::diagnostic::Diagnostics;
use crate::evaluate::event::float_text;
use crate::expression::{Arithmetic, Expression, ExpressionKind};
use crate::lower::duration_text;
use crate::source::{Source, Span};
use crate::yaml::{self, Node};

/// What the author wrote.
pub(super) struct Words<'s> {
    source: &'s Source,
    document: Option<Node<'s>>,
    selections: Vec<String>,
    title: Span,
}

impl<'s> Words<'s> {
    pub fn new(source: &'s Source, detection: &Detection) -> Self {
        let document = yaml::read(&source.text, &mut Diagnostics::new()).into_iter().next();
        let selections = detection.selections.iter().map(|selection| selection.name.clone()).collect();
        Self { source, document, selections, title: detection.metadata.title.span }
    }

    /// The place of a value in the spec; that of the title if it is not there.
    pub fn place(&self, keys: &[&str]) -> Span {
        let value = self.document.as_ref().and_then(|document| keys.iter().try_fold(document, |node, key| node.get(key)));
        value.map_or(self.title, |node| node.span)
    }

    /// A condition over selections.
    pub fn formula(&self, formula: &Formula) -> String {
        let joined = |parts: &[Formula], word: &str, binding: u8| {
            let parts: Vec<String> = parts.iter().map(|part| self.bracketed(part, binding)).collect();
            parts.join(word)
        };
        match formula {
            Formula::Everything => "everything".to_owned(),
            Formula::Selection(index) => self.selection(*index).to_owned(),
            Formula::Not(inner) => format!("not {}", self.bracketed(inner, 3)),
            Formula::And(parts) => joined(parts, " and ", 3),
            Formula::Or(parts) => joined(parts, " or ", 2),
            Formula::Quantified { count, pattern, .. } => format!("{} of {pattern}", quantity(*count)),
        }
    }

    /// A part of a formula, in parentheses if it binds less than it must.
    fn bracketed(&self, part: &Formula, binding: u8) -> String {
        let own = match part {
            Formula::Or(_) => 1,
            Formula::And(_) => 2,
            Formula::Everything | Formula::Selection(_) | Formula::Not(_) | Formula::Quantified { .. } => 3,
        };
        let text = self.formula(part);
        if own < binding { format!("({text})") } else { text }
    }

    /// The name of a selection.
    pub fn selection(&self, index: usize) -> &str {
        self.selections.get(index).map_or("", String::as_str)
    }

    /// An expression. What stands in the source is shown as it is there; a changed literal has no place.
    pub fn expression(&self, expression: &Expression) -> String {
        let (own, inside) = (binding(expression), |part: &Expression, least: u8| self.inside(part, least));
        let joined = |parts: &[Expression], word: &str, least: u8| {
            let parts: Vec<String> = parts.iter().map(|part| inside(part, least)).collect();
            parts.join(word)
        };
        match &expression.kind {
            ExpressionKind::Number(number) => self.written(expression.span).unwrap_or_else(|| float_text(*number)),
            ExpressionKind::Text(text) => self.written(expression.span).unwrap_or_else(|| format!("'{text}'")),
            ExpressionKind::Duration(length) => self.written(expression.span).unwrap_or_else(|| duration_text(*length)),
            ExpressionKind::Boolean(value) => self.written(expression.span).unwrap_or_else(|| value.to_string()),
            ExpressionKind::Field(field) => self.written(expression.span).unwrap_or_else(|| field.name.clone()),
            ExpressionKind::Selection(index) => self.selection(*index).to_owned(),
            ExpressionKind::Column(_) => self.written(expression.span).unwrap_or_default(),
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

    fn inside(&self, part: &Expression, least: u8) -> String {
        let text = self.expression(part);
        if binding(part) < least { format!("({text})") } else { text }
    }

    /// A measure: `distinct(space where export)`.
    pub fn measure(&self, function: &MeasureFunction, filter: Option<&Expression>) -> String {
        let rank = if let MeasureFunction::Percentile(_, rank) = function { format!(", {}", float_text(*rank)) } else { String::new() };
        let filter = filter.map(|filter| self.expression(filter));
        let steps = function.steps().iter().map(|step| self.expression(step)).collect::<Vec<_>>().join(", ");
        let inside = match (function.argument(), filter) {
            (None, Some(filter)) if !steps.is_empty() => format!("{steps} where {filter}"),
            (None, filter) => filter.unwrap_or(steps),
            (Some(argument), None) => format!("{}{rank}", self.expression(argument)),
            (Some(argument), Some(filter)) => format!("{}{rank} where {filter}", self.expression(argument)),
        };
        format!("{}({inside})", function.name())
    }

    /// A measure as the author wrote it.
    pub fn own_measure(&self, measure: &Measure) -> String {
        self.measure(&measure.function, measure.filter.as_ref())
    }

    /// The source's text at a place.
    fn written(&self, span: Span) -> Option<String> {
        let text = self.source.text.get(span.range()).filter(|text| !text.is_empty())?;
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

fn quantity(quantity: Quantity) -> String {
    match quantity {
        Quantity::All => "all".to_owned(),
        Quantity::AtLeast(count) => count.to_string(),
    }
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
