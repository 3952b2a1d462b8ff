//! Parts of a detection in the author's words: names of selections and parameters as the source has them.

use crate::detection::{Detection, Formula, Measure, MeasureFunction, Quantity};
use crate::diagnostic::Diagnostics;
use crate::evaluate::event::float_text;
use crate::expression::text::{expression_text, measure_text};
use crate::expression::{Expression, ExpressionKind};
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
        expression_text(expression, &|leaf| self.leaf(leaf))
    }

    fn leaf(&self, leaf: &Expression) -> String {
        let made = match &leaf.kind {
            ExpressionKind::Selection(index) => return self.selection(*index).to_owned(),
            ExpressionKind::Number(number) => float_text(*number),
            ExpressionKind::Text(text) => format!("'{text}'"),
            ExpressionKind::Duration(length) => duration_text(*length),
            ExpressionKind::Boolean(value) => value.to_string(),
            ExpressionKind::Field(field) => field.name.clone(),
            ExpressionKind::Column(_)
            | ExpressionKind::Negate(_)
            | ExpressionKind::Not(_)
            | ExpressionKind::Arithmetic(..)
            | ExpressionKind::Compare(..)
            | ExpressionKind::And(_)
            | ExpressionKind::Or(_)
            | ExpressionKind::Call(..) => String::new(),
        };
        self.written(leaf.span).unwrap_or(made)
    }

    /// A measure: `distinct(space where export)`.
    pub fn measure(&self, function: &MeasureFunction, filter: Option<&Expression>) -> String {
        measure_text(function, filter, &|expression| self.expression(expression))
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
