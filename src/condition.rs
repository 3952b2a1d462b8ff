//! Sigma's condition grammar: text → tree over selection names.
//!
//! ```text
//! or  := and ("or" and)*      and := not ("and" not)*      not := "not" not | atom
//! atom := "(" or ")" | (number | "any" | "all") "of" ("them" | pattern) | name
//! ```

use crate::detection::Quantity;
use crate::diagnostic::{Diagnostic, E0206};
use crate::place::ScalarText;
use crate::source::{Span, Spanned};
use std::ops::Range;

/// The deepest nesting of parentheses and `not`.
const MAX_DEPTH: usize = 100;

/// A condition as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// `name`
    Name(Spanned<String>),
    /// `not x`
    Not(Box<Written>),
    /// `x and y`: two or more
    And(Vec<Written>),
    /// `x or y`: two or more
    Or(Vec<Written>),
    /// `1 of pattern`
    Quantified(Quantity, Spanned<String>),
}

/// Reads a condition.
pub fn parse(scalar: &ScalarText<'_>) -> Result<Written, Diagnostic> {
    let mut parser = Parser { scalar, tokens: tokens(scalar.text()), next: 0, depth: 0 };
    if parser.tokens.is_empty() {
        return Err(Diagnostic::error(E0206, scalar.span(0..scalar.text().len()), "the condition is empty").help("name a selection"));
    }
    let tree = parser.either()?;
    match parser.peek() {
        None => Ok(tree),
        Some("|") => Err(parser
            .unexpected("`and`, `or` or the end")
            .help("aggregations after a pipe were removed from Sigma; use an `aggregate` block: measures, window, group-by, condition")),
        Some(_) => Err(parser.unexpected("`and`, `or` or the end")),
    }
}

fn tokens(text: &str) -> Vec<Range<usize>> {
    let (mut tokens, mut start) = (Vec::new(), None);
    for (at, c) in text.char_indices() {
        let single = matches!(c, '(' | ')' | '|');
        if (c.is_whitespace() || single)
            && let Some(start) = start.take()
        {
            tokens.push(start..at);
        }
        if single {
            tokens.push(at..at + 1);
        } else if !c.is_whitespace() && start.is_none() {
            start = Some(at);
        }
    }
    tokens.extend(start.map(|start| start..text.len()));
    tokens
}

struct Parser<'a, 's> {
    scalar: &'a ScalarText<'s>,
    tokens: Vec<Range<usize>>,
    next: usize,
    depth: usize,
}

impl<'s> Parser<'_, 's> {
    fn peek(&self) -> Option<&'s str> {
        self.tokens.get(self.next).map(|range| &self.scalar.text()[range.clone()])
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.next += usize::from(found);
        found
    }

    fn place(&self) -> Span {
        let end = self.scalar.text().trim_end().len();
        self.scalar.span(self.tokens.get(self.next).cloned().unwrap_or(end..end))
    }

    fn unexpected(&self, expected: &str) -> Diagnostic {
        match self.peek() {
            Some(word) => {
                let lower = word.to_lowercase();
                let error = Diagnostic::error(E0206, self.place(), format!("unexpected `{word}`"));
                if lower != word && matches!(lower.as_str(), "and" | "or" | "not" | "of" | "them" | "all" | "any") {
                    return error.help(format!("write `{lower}` in lower case"));
                }
                error.help(format!("expected {expected}"))
            }
            None => Diagnostic::error(E0206, self.place(), "the condition ends too early").help(format!("expected {expected}")),
        }
    }

    fn either(&mut self) -> Result<Written, Diagnostic> {
        let mut parts = vec![self.both()?];
        while self.take("or") {
            parts.push(self.both()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Written::Or(parts) })
    }

    fn both(&mut self) -> Result<Written, Diagnostic> {
        let mut parts = vec![self.negation()?];
        while self.take("and") {
            parts.push(self.negation()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Written::And(parts) })
    }

    fn negation(&mut self) -> Result<Written, Diagnostic> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Diagnostic::error(E0206, self.place(), format!("the condition is nested more than {MAX_DEPTH} deep")));
        }
        let result = if self.take("not") { Ok(Written::Not(Box::new(self.negation()?))) } else { self.atom() };
        self.depth -= 1;
        result
    }

    fn atom(&mut self) -> Result<Written, Diagnostic> {
        if self.take("(") {
            let inner = self.either()?;
            return if self.take(")") { Ok(inner) } else { Err(self.unexpected("`)`")) };
        }
        let Some(word) = self.peek() else { return Err(self.unexpected("the name of a selection")) };
        let followed_by_of = self.tokens.get(self.next + 1).is_some_and(|range| &self.scalar.text()[range.clone()] == "of");
        if followed_by_of && let Some(quantity) = quantity(word) {
            return self.quantified(quantity);
        }
        let place = self.place();
        let reserved = matches!(word, "and" | "or" | "not" | "of" | "them" | ")" | "|")
            || word.to_lowercase() != word && word.len() < 4 && matches!(word.to_lowercase().as_str(), "and" | "or" | "not");
        if reserved {
            return Err(self.unexpected("the name of a selection"));
        }
        if word.contains('*') {
            let help = format!("write `1 of {word}` or `all of {word}`");
            return Err(Diagnostic::error(E0206, place, format!("the pattern `{word}` stands alone")).help(help));
        }
        self.next += 1;
        Ok(Written::Name(Spanned::new(word.to_owned(), place)))
    }

    fn quantified(&mut self, quantity: Quantity) -> Result<Written, Diagnostic> {
        if quantity == Quantity::AtLeast(0) {
            return Err(Diagnostic::error(E0206, self.place(), "`0 of` is always true").help("write a number from 1"));
        }
        self.next += 2;
        let place = self.place();
        match self.peek() {
            Some(pattern) if !matches!(pattern, "(" | ")" | "|" | "and" | "or" | "not") => {
                self.next += 1;
                Ok(Written::Quantified(quantity, Spanned::new(pattern.to_owned(), place)))
            }
            _ => Err(self.unexpected("`them` or a pattern such as `selection_*`")),
        }
    }
}

fn quantity(word: &str) -> Option<Quantity> {
    match word {
        "all" => Some(Quantity::All),
        "any" => Some(Quantity::AtLeast(1)),
        _ => word.parse().ok().map(Quantity::AtLeast),
    }
}

/// Whether a selection name matches a pattern in which `*` stands for any run of characters.
pub fn name_matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut remaining) = name.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match remaining.find(piece) {
            Some(at) => remaining = &remaining[at + piece.len()..],
            None => return false,
        }
    }
    remaining.ends_with(last)
}
