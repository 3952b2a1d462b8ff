//! What can stop an evaluation.

use crate::source::Span;
use std::fmt;

/// Why an evaluation cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// An event is older than the one before it.
    OutOfOrder {
        /// Its number, from 0.
        index: usize,
        /// Its time.
        time: i64,
        /// The time of the event before it.
        previous: i64,
    },
    /// A regular expression that the engine does not take.
    Pattern {
        /// As written.
        pattern: String,
        /// Place of the item in the spec.
        span: Span,
        /// What the engine says.
        message: String,
    },
}

pub(super) fn pattern(pattern: &str, span: Span, error: &fancy_regex::Error) -> Problem {
    Problem::Pattern { pattern: pattern.to_owned(), span, message: error.to_string() }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::OutOfOrder { index, time, previous } => {
                let (time, previous) = (super::moment::text(*time), super::moment::text(*previous));
                write!(f, "event {} ({time}) is older than the event before it ({previous}); events must come in time order", index + 1)
            }
            Problem::Pattern { pattern, message, .. } => write!(f, "the regular expression `{pattern}` cannot be used: {message}"),
        }
    }
}

impl std::error::Error for Problem {}
