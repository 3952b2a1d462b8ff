//! Reading maps of known keys from a YAML tree: unknown keys, wrong types and missing keys are reported with their
//! places. Used for specs, log sources and site files alike.

use crate::diagnostic::{Diagnostic, Diagnostics, E0101, E0102, E0103, E0104, E0108, E0212, did_you_mean};
use crate::expression::parse::duration;
use crate::place::ScalarText;
use crate::source::{Source, Span, Spanned};
use crate::yaml::{Entry, Kind, Node, Number, Value};

/// A source that is read and the problems found in it.
pub struct Reader<'s, 'd> {
    /// The source.
    pub source: &'s Source,
    /// All problems so far.
    pub diagnostics: &'d mut Diagnostics,
}

impl<'s> Reader<'s, '_> {
    /// Reports an error and returns nothing.
    pub fn fail<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.diagnostics.push(diagnostic);
        None
    }

    /// `what` is expected, something else stands there.
    pub fn wrong_type<T>(&mut self, node: &Node<'_>, what: &str, expected: &str) -> Option<T> {
        let message = format!("`{what}` is {}, but {expected} is expected", node.describe());
        self.fail(Diagnostic::error(E0102, node.span, message))
    }

    /// The entries of a map all of whose keys must be known.
    pub fn map<'n, 't>(&mut self, node: &'n Node<'t>, what: &str, known: &[&str]) -> Option<Vec<&'n Entry<'t>>> {
        let entries = self.entries(node, what)?;
        for entry in &entries {
            if !known.contains(&&*entry.key.value) {
                self.unknown_key(entry, what, known);
            }
        }
        Some(entries.into_iter().filter(|entry| known.contains(&&*entry.key.value)).collect())
    }

    /// The entries of a map with free keys.
    pub fn entries<'n, 't>(&mut self, node: &'n Node<'t>, what: &str) -> Option<Vec<&'n Entry<'t>>> {
        match &node.kind {
            Kind::Map(entries) => Some(entries.iter().collect()),
            Kind::Scalar { .. } | Kind::List(_) => self.wrong_type(node, what, "a map"),
        }
    }

    fn unknown_key(&mut self, entry: &Entry<'_>, what: &str, known: &[&str]) {
        let message = format!("`{what}` has no key `{}`", entry.key.value);
        let help = did_you_mean(&entry.key.value, known.iter().copied()).unwrap_or_else(|| format!("its keys are: {}", known.join(", ")));
        self.diagnostics.push(Diagnostic::error(E0101, entry.key.span, message).help(help));
    }

    /// A required key that is not there.
    pub fn missing<T>(&mut self, span: Span, what: &str, key: &str) -> Option<T> {
        self.fail(Diagnostic::error(E0103, span, format!("`{what}` has no `{key}`")).help(format!("add `{key}:`")))
    }

    /// A text; numbers and booleans count as their written text.
    pub fn text(&mut self, node: &Node<'_>, what: &str) -> Option<Spanned<String>> {
        match node.text() {
            Some(text) if !node.is_null() => Some(Spanned::new(text.to_owned(), node.span)),
            Some(_) | None => self.wrong_type(node, what, "a text"),
        }
    }

    /// One of some words.
    pub fn word(&mut self, node: &Node<'_>, what: &str, allowed: &[&str]) -> Option<String> {
        let text = self.text(node, what)?;
        if allowed.contains(&text.value.as_str()) {
            return Some(text.value);
        }
        let help = did_you_mean(&text.value, allowed.iter().copied()).unwrap_or_else(|| format!("expected one of: {}", allowed.join(", ")));
        self.fail(Diagnostic::error(E0104, node.span, format!("`{}` is no value of `{what}`", text.value)).help(help))
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, node: &Node<'_>, what: &str) -> Option<bool> {
        match node.scalar() {
            Some(Value::Boolean(value)) => Some(value),
            Some(_) | None => self.wrong_type(node, what, "true or false"),
        }
    }

    /// A number.
    pub fn number(&mut self, node: &Node<'_>, what: &str) -> Option<Number> {
        match node.scalar() {
            Some(Value::Number(number)) => Some(number),
            Some(_) | None => self.wrong_type(node, what, "a number"),
        }
    }

    /// A whole number in a range.
    pub fn whole(&mut self, node: &Node<'_>, what: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let number = self.number(node, what)?;
        if number.is_integer() && range.contains(&(number.value as i64)) {
            return Some(number.value as i64);
        }
        let message = format!("`{what}` must be a whole number from {} to {}", range.start(), range.end());
        self.fail(Diagnostic::error(E0104, node.span, message))
    }

    /// A duration such as `5m`, longer than nothing, in milliseconds.
    pub fn duration(&mut self, node: &Node<'_>, what: &str) -> Option<i64> {
        let text = self.text(node, what)?;
        match duration(&text.value) {
            Some(length) if length > 0 => Some(length),
            Some(_) | None => self.bad_duration(&text.value, node.span),
        }
    }

    /// Reports a text that is no duration.
    pub fn bad_duration<T>(&mut self, text: &str, span: Span) -> Option<T> {
        let message = format!("`{text}` is not a duration");
        self.fail(Diagnostic::error(E0108, span, message).help("durations are written like 30s, 5m, 1h, 7d"))
    }

    /// A list; a single value is an error.
    pub fn list<'n, 't>(&mut self, node: &'n Node<'t>, what: &str) -> Option<&'n [Node<'t>]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            Kind::Scalar { .. } | Kind::Map(_) => self.wrong_type(node, what, "a list"),
        }
    }

    /// A list of texts.
    pub fn texts(&mut self, node: &Node<'_>, what: &str) -> Vec<Spanned<String>> {
        let items = self.list(node, what).unwrap_or_default();
        items.iter().filter_map(|item| self.text(item, what)).collect()
    }

    /// A text, or a list of texts.
    pub fn text_or_texts(&mut self, node: &Node<'_>, what: &str) -> Vec<Spanned<String>> {
        match &node.kind {
            Kind::List(_) => self.texts(node, what),
            Kind::Scalar { .. } | Kind::Map(_) => self.text(node, what).into_iter().collect(),
        }
    }

    /// Reports an empty list or map.
    pub fn empty<T>(&mut self, span: Span, what: &str) -> Option<T> {
        self.fail(Diagnostic::error(E0212, span, format!("`{what}` is empty")).help("remove it or fill it"))
    }

    /// A scalar whose inside has places of its own.
    pub fn scalar<'n>(&self, span: Span, text: &'n str) -> ScalarText<'n>
    where
        's: 'n,
    {
        ScalarText::new(self.source, span, text)
    }
}
