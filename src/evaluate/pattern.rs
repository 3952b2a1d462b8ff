//! Wildcards: [`TextPattern`] → [`Pattern`] → whether a text matches.

use crate::detection::{Segment, Shape, TextPattern};
use crate::letter_case::fold;

/// A [`TextPattern`] made ready. If it is not cased, its literals are folded and it expects a folded text.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Whether case counts.
    pub cased: bool,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Equals(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Anything,
    Wildcards(Vec<Token>),
}

#[derive(Debug, Clone, Copy)]
enum Token {
    Character(char),
    AnyRun,
    AnyCharacter,
}

impl Pattern {
    /// Makes a pattern ready.
    pub fn new(pattern: &TextPattern) -> Self {
        let literal = |text: &str| if pattern.cased { text.to_owned() } else { fold(text).into_owned() };
        let form = match pattern.shape() {
            Shape::Equals(text) => Form::Equals(literal(text)),
            Shape::StartsWith(text) => Form::StartsWith(literal(text)),
            Shape::EndsWith(text) => Form::EndsWith(literal(text)),
            Shape::Contains(text) => Form::Contains(literal(text)),
            Shape::Anything => Form::Anything,
            Shape::Wildcards => Form::Wildcards(pattern.segments.iter().flat_map(|segment| tokens(segment, &literal)).collect()),
        };
        Self { cased: pattern.cased, form }
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        match &self.form {
            Form::Equals(literal) => text == literal,
            Form::StartsWith(literal) => text.starts_with(literal.as_str()),
            Form::EndsWith(literal) => text.ends_with(literal.as_str()),
            Form::Contains(literal) => text.contains(literal.as_str()),
            Form::Anything => true,
            Form::Wildcards(tokens) => matches_wildcards(tokens, text),
        }
    }
}

fn tokens(segment: &Segment, literal: &impl Fn(&str) -> String) -> Vec<Token> {
    match segment {
        Segment::Literal(text) => literal(text).chars().map(Token::Character).collect(),
        Segment::AnyRun => vec![Token::AnyRun],
        Segment::AnyCharacter => vec![Token::AnyCharacter],
    }
}

/// Walks through the text once. After a mismatch only the last `*` has to take one character more: an earlier `*` taking
/// more could not help. So the time is at most length of the text × length of the pattern.
fn matches_wildcards(tokens: &[Token], text: &str) -> bool {
    let mut rest = text.chars();
    let mut position = 0;
    let mut retry = None;
    loop {
        let mut ahead = rest.clone();
        let advances = match tokens.get(position) {
            Some(Token::AnyRun) => {
                position += 1;
                retry = Some((position, rest.clone()));
                continue;
            }
            Some(Token::Character(character)) => ahead.next() == Some(*character),
            Some(Token::AnyCharacter) => ahead.next().is_some(),
            None if ahead.as_str().is_empty() => return true,
            None => false,
        };
        if advances {
            position += 1;
            rest = ahead;
            continue;
        }
        let Some((after, start)) = &mut retry else { return false };
        if start.next().is_none() {
            return false;
        }
        position = *after;
        rest = start.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::build::pattern;

    fn matches(written: &str, text: &str) -> bool {
        Pattern::new(&pattern(written)).matches(&fold(text))
    }

    #[test]
    fn wildcards() {
        for (written, text) in [
            ("", ""),
            ("*", ""),
            ("a*", "A"),
            ("*a", "bA"),
            ("*a*", "bab"),
            ("a*c", "ac"),
            ("a*c", "abcbc"),
            ("a?c", "a\nc"),
            ("?", "é"),
            ("*a*b*c*", "xxaxxbxxc"),
            ("a**b", "ab"),
            ("*?", "x"),
            ("?*?", "xy"),
            ("ÄÖ*", "äöü"),
            ("i", "İ"),
        ] {
            assert!(matches(written, text), "{written} {text}");
        }
        for (written, text) in
            [("", "a"), ("a", ""), ("a*", "ba"), ("a?c", "ac"), ("a?", "a"), ("?", ""), ("a*b*c", "acb"), ("?", "ab"), ("*a?", "a")]
        {
            assert!(!matches(written, text), "{written} {text}");
        }
    }

    #[test]
    fn many_stars_stay_fast() {
        let written = "*a".repeat(200) + "b";
        assert!(!matches(&written, &"a".repeat(20_000)));
    }

    /// The definition of wildcards, without any cleverness.
    fn naive(tokens: &[Token], text: &[char]) -> bool {
        match tokens.split_first() {
            None => text.is_empty(),
            Some((Token::AnyRun, rest)) => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
            Some((Token::AnyCharacter, rest)) => !text.is_empty() && naive(rest, &text[1..]),
            Some((Token::Character(character), rest)) => text.first() == Some(character) && naive(rest, &text[1..]),
        }
    }

    #[test]
    fn same_as_the_definition() {
        let mut random = crate::evaluate::build::Random(7);
        for _ in 0..20_000 {
            let written: String = (0..random.below(7)).map(|_| ['a', 'b', '*', '?'][random.below(4)]).collect();
            let text: String = (0..random.below(8)).map(|_| ['a', 'b'][random.below(2)]).collect();
            let all: Vec<Token> = pattern(&written).segments.iter().flat_map(|segment| tokens(segment, &str::to_owned)).collect();
            let expected = naive(&all, &text.chars().collect::<Vec<_>>());
            assert_eq!(matches(&written, &text), expected, "{written} {text}");
        }
    }
}
