//! Sigma's text notation: `*` any run, `?` one character, `\*`, `\?`, `\\` literal; any other backslash is itself.

use crate::detection::Segment;

/// Reads a value.
pub fn parse(text: &str) -> Vec<Segment> {
    let (mut segments, mut literal) = (Vec::new(), String::new());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let wildcard = match c {
            '*' => Segment::AnyRun,
            '?' => Segment::AnyCharacter,
            '\\' => {
                literal.push(chars.next_if(|next| matches!(next, '*' | '?' | '\\')).unwrap_or('\\'));
                continue;
            }
            c => {
                literal.push(c);
                continue;
            }
        };
        if !literal.is_empty() {
            segments.push(Segment::Literal(std::mem::take(&mut literal)));
        }
        segments.push(wildcard);
    }
    if !literal.is_empty() {
        segments.push(Segment::Literal(literal));
    }
    segments
}

/// Whether the text was probably meant to end in a backslash and a wildcard: `C:\Temp\*`.
pub fn escapes_by_accident(text: &str) -> bool {
    let backslashes = |at: usize| text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
    text.char_indices().any(|(at, c)| {
        let run = if matches!(c, '*' | '?') { backslashes(at) } else { 0 };
        run == 1 && at >= 2 && text[..at - 1].contains('\\')
    })
}
