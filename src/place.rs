//! Places inside of a YAML scalar: offsets in its text → spans in the source, also for quoted and folded scalars.

use crate::source::{Source, Span};
use std::ops::Range;

/// A scalar's text and where it stands.
pub struct ScalarText<'a> {
    source: &'a str,
    span: Span,
    text: &'a str,
    /// Where the text stands verbatim in the source; `None` if quoting, folding or escapes changed it.
    verbatim: Option<usize>,
}

impl<'a> ScalarText<'a> {
    /// The text of the scalar at `span`.
    pub fn new(source: &'a Source, span: Span, text: &'a str) -> Self {
        let raw = source.text.get(span.range()).unwrap_or_default();
        let verbatim = raw.find(text).map(|at| span.start as usize + at);
        Self { source: &source.text, span, text, verbatim }
    }

    /// The text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The place of a byte range of the text.
    pub fn span(&self, range: Range<usize>) -> Span {
        match self.verbatim {
            Some(at) => Span::new(at + range.start, at + range.end),
            None => {
                let start = self.walk(range.start);
                let end = self
                    .text
                    .get(..range.end)
                    .and_then(|t| t.chars().last())
                    .map_or(start, |c| self.walk(range.end - c.len_utf8()) + c.len_utf8());
                Span::new(start, end.min(self.span.end as usize).max(start))
            }
        }
    }

    /// Follows the text through the raw scalar: blanks may differ, everything else comes in the same order.
    fn walk(&self, offset: usize) -> usize {
        let (start, end) = (self.span.start as usize, self.span.end as usize);
        let mut at = start;
        for c in self.text.get(..offset).unwrap_or(self.text).chars().filter(|c| !c.is_whitespace()) {
            match self.source.get(at..end).and_then(|raw| raw.find(c)) {
                Some(found) => at += found + c.len_utf8(),
                None => return at.min(end),
            }
        }
        let next = self.text.get(offset..).and_then(|rest| rest.chars().next()).filter(|c| !c.is_whitespace());
        match next.and_then(|c| self.source.get(at..end).and_then(|raw| raw.find(c))) {
            Some(found) => at + found,
            None => at.min(end),
        }
    }
}
