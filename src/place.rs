//! Places inside of a YAML scalar: offsets in its text → spans in the source, also for quoted and folded scalars.

use crate::source::{Source, Span};
use std::cell::OnceCell;
use std::ops::Range;

/// A scalar's text and where it stands.
pub struct ScalarText<'a> {
    source: &'a str,
    span: Span,
    text: &'a str,
    /// Where the text stands verbatim in the source; `None` if quoting, folding or escapes changed it.
    verbatim: Option<usize>,
    /// Otherwise where each byte of the text stands, found in one walk when somebody asks.
    places: OnceCell<Vec<u32>>,
}

impl<'a> ScalarText<'a> {
    /// The text of the scalar at `span`.
    pub fn new(source: &'a Source, span: Span, text: &'a str) -> Self {
        let raw = source.text.get(span.range()).unwrap_or_default();
        let verbatim = raw.find(text).map(|at| span.start as usize + at);
        Self { source: &source.text, span, text, verbatim, places: OnceCell::new() }
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

    fn walk(&self, offset: usize) -> usize {
        self.places.get_or_init(|| self.places())[offset.min(self.text.len())] as usize
    }

    /// Follows the text through the raw scalar: blanks may differ, everything else comes in the same order.
    /// A blank stands behind what comes before it; so does everything from a character on that is not there.
    fn places(&self) -> Vec<u32> {
        let (mut at, end) = (self.span.start as usize, self.span.end as usize);
        let mut places = Vec::with_capacity(self.text.len() + 1);
        let mut lost = false;
        for c in self.text.chars() {
            let found = match c.is_whitespace() || lost {
                true => None,
                false => self.source.get(at..end).and_then(|raw| raw.find(c)),
            };
            lost |= found.is_none() && !c.is_whitespace();
            let start = found.map_or(at.min(end), |found| at + found);
            places.extend(std::iter::repeat_n(start as u32, c.len_utf8()));
            at = found.map_or(at, |found| at + found + c.len_utf8());
        }
        places.push(at.min(end) as u32);
        places
    }
}
