//! Regular expressions for `MATCHES`: a text pattern, or an author's expression, becomes one that Java reads as it was
//! meant, and that gives the same answer whether `MATCHES` looks for a part of the text or compares the whole of it.

use super::names::is_risky;
use crate::detection::{RegexTest, Segment, TextPattern};
use std::fmt::Write;

/// The very end of the text, also where `$` would stop before a final line break.
const END: &str = r"(?![\s\S])";
/// Any run of characters, line breaks included.
const ANYTHING: &str = "(?s:.*)";

/// Plain decimal numbers, with an optional sign and fraction.
pub const DECIMAL: &str = r"^-?[0-9]+([.][0-9]+)?(?![\s\S])";

/// A text pattern that must cover the whole text; `write` changes literals (to lower case).
pub fn of_pattern(pattern: &TextPattern, write: impl Fn(&str) -> String) -> String {
    let body = pattern.to_regex(|text| escape(&write(text)));
    let start = if pattern.segments.first() == Some(&Segment::AnyRun) { "" } else { "^" };
    let end = if pattern.segments.last() == Some(&Segment::AnyRun) { "" } else { "(?!.)" };
    format!("(?s){start}{body}{end}")
}

/// A text that stands for itself.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        push_character(c, &mut escaped);
    }
    escaped
}

fn push_character(c: char, out: &mut String) {
    match c {
        '\n' => out.push_str(r"\n"),
        '\r' => out.push_str(r"\r"),
        '\t' => out.push_str(r"\t"),
        c if is_risky(c) && u32::from(c) <= 0xff => push_code(out, r"\x", u32::from(c), 2),
        c if is_risky(c) => push_code(out, r"\u", u32::from(c), 4),
        '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => {
            out.push('\\');
            out.push(c);
        }
        c => out.push(c),
    }
}

fn push_code(out: &mut String, prefix: &str, code: u32, digits: usize) {
    // writing to a String cannot fail
    let _ = write!(out, "{prefix}{code:0digits$x}");
}

/// An author's expression, or why Java cannot say it.
pub fn of_test(test: &RegexTest) -> Result<String, String> {
    let (flags, pattern) = leading_flags(&test.pattern)?;
    let flags = Flags {
        ignore_case: flags.ignore_case || test.ignore_case,
        multiline: flags.multiline || test.multiline,
        dot_all: flags.dot_all || test.dot_all,
    };
    let mut translator = Translator::new(pattern, flags);
    translator.run()?;
    let (prefix, body) = (if flags.dot_all { "(?s)" } else { "" }, translator.out);
    if translator.alternatives {
        return Ok(format!("{prefix}{ANYTHING}(?:{body}){ANYTHING}"));
    }
    let start = if is_anchored(&body) { "" } else { ANYTHING };
    let end = if body.ends_with(END) { "" } else { ANYTHING };
    Ok(format!("{prefix}{start}{body}{end}"))
}

/// Whether an expression without alternatives starts at the start of the text (and does not make that optional).
fn is_anchored(body: &str) -> bool {
    let rest = body.strip_prefix('^').or_else(|| body.strip_prefix(r"\A"));
    rest.is_some_and(|rest| !rest.starts_with(['?', '*', '{']))
}

/// Whether an author's expression ignores case as a whole.
pub fn ignores_case(test: &RegexTest) -> bool {
    test.ignore_case || leading_flags(&test.pattern).is_ok_and(|(flags, _)| flags.ignore_case)
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Flags {
    ignore_case: bool,
    multiline: bool,
    dot_all: bool,
}

impl Flags {
    /// `i`, `m` and `s`, switched on, or off after `-`.
    fn changed(mut self, letters: &str) -> Result<Flags, String> {
        let mut on = true;
        for letter in letters.chars() {
            match letter {
                '-' => on = false,
                'i' => self.ignore_case = on,
                'm' => self.multiline = on,
                's' => self.dot_all = on,
                _ => return Err(format!("the flag `{letter}`")),
            }
        }
        Ok(self)
    }

    /// What a group says to come from `outer` to these. `m` is not needed: `^` and `$` are written out.
    fn group(self, outer: Flags) -> String {
        let letters = |on: bool| {
            let pairs = [(self.ignore_case, outer.ignore_case, 'i'), (self.dot_all, outer.dot_all, 's')];
            pairs.into_iter().filter(|(new, old, _)| new != old && *new == on).map(|(_, _, letter)| letter).collect::<String>()
        };
        let (on, off) = (letters(true), letters(false));
        if off.is_empty() { format!("(?{on}:") } else { format!("(?{on}-{off}:") }
    }
}

/// The flags of `(?i)` at the start, and the rest.
fn leading_flags(pattern: &str) -> Result<(Flags, &str), String> {
    let Some((letters, rest)) = pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')')) else {
        return Ok((Flags::default(), pattern));
    };
    if letters.is_empty() || !letters.chars().all(|c| c.is_ascii_alphabetic()) {
        return Ok((Flags::default(), pattern));
    }
    Ok((Flags::default().changed(letters)?, rest))
}

/// A group that is open.
struct Group {
    /// The flags outside of it.
    outer: Flags,
    /// Flag groups that were opened inside of it by `(?i)` and end with it.
    scopes: Vec<(Flags, Flags)>,
}

/// Copies an expression of the `regex` family, and rewrites what Java reads differently.
struct Translator {
    input: Vec<char>,
    at: usize,
    out: String,
    flags: Flags,
    groups: Vec<Group>,
    top: Vec<(Flags, Flags)>,
    captures: usize,
    names: Vec<(String, usize)>,
    alternatives: bool,
}

impl Translator {
    fn new(pattern: &str, flags: Flags) -> Self {
        let input = pattern.chars().collect();
        let (out, groups, top, names) = (String::new(), Vec::new(), Vec::new(), Vec::new());
        Self { input, at: 0, out, flags, groups, top, captures: 0, names, alternatives: false }
    }

    fn run(&mut self) -> Result<(), String> {
        while let Some(c) = self.next() {
            match c {
                '\\' => self.escape(false)?,
                '[' => self.class()?,
                '(' => self.open()?,
                ')' => self.close(),
                '|' => self.alternative(),
                '^' => self.out.push_str(if self.flags.multiline { r"(?<![^\n])" } else { "^" }),
                '$' => self.out.push_str(if self.flags.multiline { r"(?![^\n])" } else { END }),
                '{' => self.repetition(),
                c if is_risky(c) => push_character(c, &mut self.out),
                c => self.out.push(c),
            }
        }
        let scopes = self.top.len();
        self.out.push_str(&")".repeat(scopes));
        self.alternatives |= scopes > 0;
        Ok(())
    }

    fn next(&mut self) -> Option<char> {
        let c = self.input.get(self.at).copied();
        self.at += usize::from(c.is_some());
        c
    }

    fn peek(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.input.get(self.at + i) == Some(&c))
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.peek(text);
        self.at += if found { text.chars().count() } else { 0 };
        found
    }

    /// The text up to a character, which is skipped.
    fn until(&mut self, end: char) -> Result<String, String> {
        let rest = &self.input[self.at..];
        let length = rest.iter().position(|c| *c == end).ok_or_else(|| format!("a group without `{end}`"))?;
        self.at += length + 1;
        Ok(rest[..length].iter().collect())
    }

    fn scopes(&mut self) -> &mut Vec<(Flags, Flags)> {
        match self.groups.last_mut() {
            Some(group) => &mut group.scopes,
            None => &mut self.top,
        }
    }

    /// A flag group that `(?i)` opened holds for the alternatives behind it too.
    fn alternative(&mut self) {
        self.alternatives |= self.groups.is_empty();
        let scopes = self.scopes().clone();
        self.out.push_str(&")".repeat(scopes.len()));
        self.out.push('|');
        for (inner, outer) in scopes {
            self.out.push_str(&inner.group(outer));
        }
    }

    fn close(&mut self) {
        if let Some(group) = self.groups.pop() {
            self.out.push_str(&")".repeat(group.scopes.len()));
            self.flags = group.outer;
        }
        self.out.push(')');
    }

    fn push_group(&mut self, opening: &str) {
        self.groups.push(Group { outer: self.flags, scopes: Vec::new() });
        self.out.push_str(opening);
    }

    fn open(&mut self) -> Result<(), String> {
        if !self.take("?") {
            self.captures += 1;
            self.push_group("(");
            return Ok(());
        }
        for opening in [":", "=", "!", "<=", "<!", ">"] {
            if self.take(opening) {
                self.push_group(&format!("(?{opening}"));
                return Ok(());
            }
        }
        if self.take("P=") {
            let name = self.until(')')?;
            return self.reference(&name);
        }
        if self.take("P<") || self.take("<") {
            let name = self.until('>')?;
            self.captures += 1;
            self.names.push((name, self.captures));
            self.push_group("(");
            return Ok(());
        }
        self.flag_group()
    }

    /// `(?i)` and `(?i:…)`
    fn flag_group(&mut self) -> Result<(), String> {
        let mut letters = String::new();
        while let Some(c) = self.next() {
            match c {
                ')' | ':' if letters.is_empty() => break,
                ')' => {
                    let (outer, inner) = (self.flags, self.flags.changed(&letters)?);
                    self.flags = inner;
                    self.out.push_str(&inner.group(outer));
                    self.scopes().push((inner, outer));
                    return Ok(());
                }
                ':' => {
                    let inner = self.flags.changed(&letters)?;
                    let opening = inner.group(self.flags);
                    self.push_group(&opening);
                    self.flags = inner;
                    return Ok(());
                }
                c if c.is_ascii_alphabetic() || c == '-' => letters.push(c),
                _ => break,
            }
        }
        Err("this kind of group".to_owned())
    }

    fn reference(&mut self, name: &str) -> Result<(), String> {
        let number = self.names.iter().find(|(other, _)| other == name).map(|(_, number)| *number);
        let number = number.or_else(|| name.parse().ok()).ok_or("a reference to a group that stands behind it")?;
        let _ = write!(self.out, r"(?:\{number})");
        Ok(())
    }

    /// `{2,5}`; any other brace stands for itself.
    fn repetition(&mut self) {
        let length = self.input[self.at..].iter().position(|c| *c == '}').unwrap_or(0);
        let inside: String = self.input[self.at..self.at + length].iter().collect();
        let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let (from, to) = inside.split_once(',').map_or((inside.as_str(), None), |(from, to)| (from, Some(to)));
        let valid = number(from) && to.is_none_or(number) && inside.bytes().any(|byte| byte.is_ascii_digit());
        if !valid {
            return self.out.push_str(r"\{");
        }
        let from = if from.is_empty() { "0" } else { from };
        self.out.push_str(&to.map_or(format!("{{{from}}}"), |to| format!("{{{from},{to}}}")));
        self.at += length + 1;
    }

    fn escape(&mut self, in_class: bool) -> Result<(), String> {
        let c = self.next().ok_or("a backslash at the end")?;
        match c {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'n' | 'r' | 't' | 'f' => {
                self.out.push('\\');
                self.out.push(c);
            }
            'b' | 'B' if !in_class && !self.peek("{") => {
                self.out.push('\\');
                self.out.push(c);
            }
            'a' => self.out.push_str(r"\x07"),
            'v' => self.out.push_str(r"\x0b"),
            'e' => self.out.push_str(r"\x1b"),
            'h' if in_class => self.out.push_str("0-9A-Fa-f"),
            'h' => self.out.push_str("[0-9A-Fa-f]"),
            'H' if !in_class => self.out.push_str("[^0-9A-Fa-f]"),
            'x' | 'u' | 'U' => self.code(c)?,
            'p' | 'P' => self.category(c)?,
            'A' if !in_class => self.out.push_str(r"\A"),
            'z' if !in_class => self.out.push_str(END),
            'Z' if !in_class => self.out.push_str(r"(?=\n*(?![\s\S]))"),
            '<' if !in_class => self.out.push_str(r"\b(?=\w)"),
            '>' if !in_class => self.out.push_str(r"\b(?<=\w)"),
            'k' if !in_class => {
                let end = match self.next() {
                    Some('<') => '>',
                    Some('\'') => '\'',
                    Some('{') => '}',
                    Some(_) | None => return Err("this kind of reference".to_owned()),
                };
                let name = self.until(end)?;
                self.reference(&name)?;
            }
            c if c.is_ascii_digit() && !in_class => {
                self.out.push('\\');
                self.out.push(c);
            }
            c if c.is_alphanumeric() => return Err(format!(r"`\{c}`")),
            c => push_literal(c, &mut self.out),
        }
        Ok(())
    }

    /// A character by its number.
    fn code(&mut self, kind: char) -> Result<(), String> {
        let digits = if self.take("{") {
            self.until('}')?
        } else {
            let length = match kind {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let rest = &self.input[self.at..];
            let digits: String = rest.iter().take(length).collect();
            self.at += length.min(rest.len());
            digits
        };
        let c = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).ok_or("a character number that does not exist")?;
        push_literal(c, &mut self.out);
        Ok(())
    }

    /// `\p{L}`: only the general categories have the same name in Java.
    fn category(&mut self, kind: char) -> Result<(), String> {
        let name = if self.take("{") { self.until('}')? } else { self.next().map(String::from).unwrap_or_default() };
        let mut letters = name.chars();
        let general = letters.next().is_some_and(|c| "LMNPSZC".contains(c)) && letters.all(|c| c.is_ascii_lowercase()) && name.len() <= 2;
        if !general {
            return Err(format!(r"`\{kind}{{{name}}}`"));
        }
        let _ = write!(self.out, r"\{kind}{{{name}}}");
        Ok(())
    }

    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.take("^") {
            self.out.push('^');
        }
        if self.take("]") {
            self.out.push_str(r"\]");
        }
        while let Some(c) = self.next() {
            match c {
                ']' => {
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => self.escape(true)?,
                '[' if self.take(":") => self.named_class()?,
                '[' => return Err("a class inside of a class".to_owned()),
                '&' if self.peek("&") => return Err("`&&` in a class".to_owned()),
                '-' if self.peek("-") => return Err("`--` in a class".to_owned()),
                '~' if self.peek("~") => return Err("`~~` in a class".to_owned()),
                c if is_risky(c) => push_character(c, &mut self.out),
                c => self.out.push(c),
            }
        }
        Err("a class without `]`".to_owned())
    }

    /// `[:alpha:]`, behind its `[:`
    fn named_class(&mut self) -> Result<(), String> {
        let name = self.until(':')?;
        let members = match name.as_str() {
            "alpha" => "A-Za-z",
            "digit" => "0-9",
            "alnum" => "0-9A-Za-z",
            "upper" => "A-Z",
            "lower" => "a-z",
            "xdigit" => "0-9A-Fa-f",
            "word" => "0-9A-Za-z_",
            "blank" => r"\t ",
            "space" => r"\t\n\x0b\f\r ",
            "punct" => r"!-/:-@\[-`{-~",
            _ => return Err(format!("`[:{name}:]`")),
        };
        self.out.push_str(members);
        if self.take("]") { Ok(()) } else { Err("a class inside of a class".to_owned()) }
    }
}

/// A character that was escaped: it stands for itself, also inside of a class.
fn push_literal(c: char, out: &mut String) {
    if c.is_ascii_punctuation() && !matches!(c, '\'' | '"' | '<' | '>' | '/' | '%' | '_' | ',' | ';' | ':' | '=' | '!' | '@' | '`') {
        out.push('\\');
        out.push(c);
    } else {
        push_character(c, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn java(pattern: &str) -> String {
        let test = RegexTest { pattern: pattern.to_owned(), ignore_case: false, multiline: false, dot_all: false, fancy: false };
        of_test(&test).unwrap_or_else(|why| format!("refused: {why}"))
    }

    #[test]
    fn a_search_becomes_a_match_of_the_whole_text() {
        assert_eq!(java("foo.*bar"), "(?s:.*)foo.*bar(?s:.*)");
        assert_eq!(java("^foo$"), r"^foo(?![\s\S])");
        assert_eq!(java(r"\Afoo\z"), r"\Afoo(?![\s\S])");
        assert_eq!(java("^a|b$"), r"(?s:.*)(?:^a|b(?![\s\S]))(?s:.*)");
        assert_eq!(java("(a|b)"), "(?s:.*)(a|b)(?s:.*)");
        assert_eq!(java(r"[$^|]\$"), r"(?s:.*)[$^|]\$(?s:.*)");
    }

    #[test]
    fn flags_move_to_the_front_or_into_groups() {
        assert_eq!(java("(?i)foo"), "(?s:.*)foo(?s:.*)");
        assert_eq!(java("(?s)^a.b"), "(?s)^a.b(?s:.*)");
        assert_eq!(java("(?m)^a$"), r"(?s:.*)(?<![^\n])a(?![^\n])(?s:.*)");
        assert_eq!(java("a(?i)b|c"), "(?s:.*)(?:a(?i:b)|(?i:c))(?s:.*)");
        assert_eq!(java("(a(?i)b|c)d"), "(?s:.*)(a(?i:b)|(?i:c))d(?s:.*)");
        assert_eq!(java("(?i:a)b"), "(?s:.*)(?i:a)b(?s:.*)");
    }

    #[test]
    fn what_java_reads_differently_is_rewritten() {
        assert_eq!(java(r"(?P<x>f)(?P=x)"), r"(?s:.*)(f)(?:\1)(?s:.*)");
        assert_eq!(java(r"\x{1F600}\x41[\x5d]"), "(?s:.*)\u{1F600}A[\\]](?s:.*)");
        assert_eq!(java("[[:alpha:]_]"), "(?s:.*)[A-Za-z_](?s:.*)");
        assert_eq!(java("a{,3}b{2}c{x}"), r"(?s:.*)a{0,3}b{2}c\{x}(?s:.*)");
        assert_eq!(java("a\nb"), r"(?s:.*)a\nb(?s:.*)");
        assert_eq!(java(r"\/\-\."), r"(?s:.*)/\-\.(?s:.*)");
    }

    #[test]
    fn what_java_lacks_is_refused() {
        for pattern in [r"\p{Greek}", "(?x)a b", "[a&&b]", "[a[b]]", r"\K", "(?U)a+", r"\b{start}a"] {
            assert!(java(pattern).starts_with("refused"), "{pattern}: {}", java(pattern));
        }
    }

    #[test]
    fn patterns_cover_the_whole_text() {
        use Segment::{AnyCharacter, AnyRun, Literal};
        let regex = |parts: &[Segment]| of_pattern(&TextPattern::new(parts.to_vec(), true), str::to_owned);
        assert_eq!(regex(&[AnyRun, Literal("100%".into()), AnyRun]), "(?s).*100%.*");
        assert_eq!(regex(&[Literal("a_b\n".into())]), r"(?s)^a_b\n(?!.)");
        assert_eq!(regex(&[Literal(r"\*".into()), AnyCharacter, AnyRun]), r"(?s)^\\\*..*");
        assert_eq!(regex(&[AnyRun, Literal("\0\u{202e}’".into())]), r"(?s).*\x00\u202e\u2019(?!.)");
    }
}
