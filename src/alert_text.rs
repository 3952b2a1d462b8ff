//! Titles and descriptions of alerts: texts with `{column}` tokens, in which `{{` is a brace.

use std::ops::Range;

/// The tokens of a text: their names with their places, without braces.
pub fn tokens(text: &str) -> Vec<(String, Range<usize>)> {
    pieces(text)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Token(at) => Some((text[at.clone()].trim().to_owned(), at)),
            Piece::Text(_) => None,
        })
        .collect()
}

/// The text with something in place of each token, and plain braces; `plain` is applied to what stands between.
pub fn filled(text: &str, plain: impl Fn(&str) -> String, mut token: impl FnMut(&str) -> String) -> String {
    let piece = |piece| match piece {
        Piece::Token(at) => token(text[at].trim()),
        Piece::Text(at) => plain(&text[at].replace("{{", "{").replace("}}", "}")),
    };
    pieces(text).into_iter().map(piece).collect()
}

enum Piece {
    Text(Range<usize>),
    Token(Range<usize>),
}

fn pieces(text: &str) -> Vec<Piece> {
    let (mut pieces, mut begin, mut from) = (Vec::new(), 0, 0);
    while let Some(start) = text[from..].find('{').map(|at| from + at) {
        if text[start + 1..].starts_with('{') {
            from = start + 2;
            continue;
        }
        let Some(end) = text[start..].find('}').map(|at| start + at) else { break };
        pieces.push(Piece::Text(begin..start));
        pieces.push(Piece::Token(start + 1..end));
        (begin, from) = (end + 1, end + 1);
    }
    pieces.push(Piece::Text(begin..text.len()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_braces() {
        let names = |text: &str| tokens(text).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("a {user} b { host }"), ["user", "host"]);
        assert_eq!(names("a {{user} b {host"), Vec::<String>::new());
        let fill = |text: &str| filled(text, str::to_uppercase, |name| format!("<{name}>"));
        assert_eq!(fill("a {user}, {{b}} {c"), "A <user>, {B} {C");
        assert_eq!(fill(""), "");
    }
}
