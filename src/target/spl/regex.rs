//! Regular expressions for Splunk's PCRE. A pattern as the author wrote it in; the same meaning in PCRE out, or why there is none.
//!
//! `$` and `\z` mean the very end of the text in our dialect; PCRE's `$` also matches before a final line break.

use super::quote::regex_character;
use crate::detection::RegexTest;
use regex_syntax::ast::{self, Ast, ClassSetItem, Flag, FlagsItemKind, visit};
use std::ops::Range;

/// The end of the text, and not before a final line break, in every engine.
pub const END: &str = r"\Z(?!\n)";

/// A pattern in PCRE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translated {
    /// With its flags in front.
    pub pattern: String,
    /// Whether the empty text may match.
    pub may_be_empty: bool,
    /// Whether PCRE may differ on some data.
    pub differs: bool,
}

/// Translates a pattern; the error names the construct that has no form.
pub fn translate(test: &RegexTest) -> Result<Translated, String> {
    let parsed = (!test.fancy).then(|| ast::parse::Parser::new().parse(&test.pattern).ok()).flatten();
    let (pattern, differs) = match parsed {
        Some(ast) => {
            let walk = visit(&ast, Walk { text: &test.pattern, multiline: test.multiline, edits: Vec::new(), differs: false })?;
            (apply(&test.pattern, walk.0), walk.1)
        }
        None => (scan(test)?, true),
    };
    Ok(Translated { pattern: format!("{}{pattern}", test.flags()), may_be_empty: may_be_empty(test), differs })
}

fn may_be_empty(test: &RegexTest) -> bool {
    let hir = regex_syntax::ParserBuilder::new().utf8(false).build().parse(&test.pattern);
    hir.map_or(true, |hir| hir.properties().minimum_len().is_none_or(|length| length == 0))
}

fn apply(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let (mut result, mut at) = (String::with_capacity(text.len()), 0);
    for (range, new) in edits {
        result.push_str(&text[at..range.start]);
        result.push_str(&new);
        at = range.end;
    }
    result.push_str(&text[at..]);
    result
}

struct Walk<'t> {
    text: &'t str,
    multiline: bool,
    edits: Vec<(Range<usize>, String)>,
    differs: bool,
}

impl Walk<'_> {
    fn edit(&mut self, span: &ast::Span, new: impl Into<String>) {
        self.edits.push((span.start.offset..span.end.offset, new.into()));
    }

    fn literal(&mut self, literal: &ast::Literal) {
        use ast::LiteralKind::{HexBrace, HexFixed, Meta, Octal, Special, Superfluous, Verbatim};
        let rewrite = match literal.kind {
            Verbatim => literal.c.is_control() || matches!(literal.c, '$' | '`'),
            Meta | Superfluous => matches!(literal.c, '$' | '`') || literal.c.is_control(),
            Octal | HexFixed(_) | HexBrace(_) => true,
            Special(_) => literal.c == '\u{b}',
        };
        if rewrite {
            self.edit(&literal.span, regex_character(literal.c));
        }
    }

    fn flags(&mut self, flags: &ast::Flags) -> Result<(), String> {
        for item in &flags.items {
            match item.kind {
                FlagsItemKind::Flag(Flag::Unicode | Flag::CRLF | Flag::IgnoreWhitespace) => {
                    return Err(format!("`{}` in a regular expression", &self.text[flags.span.start.offset..flags.span.end.offset]));
                }
                FlagsItemKind::Flag(Flag::MultiLine) => self.multiline = true,
                FlagsItemKind::Flag(Flag::CaseInsensitive | Flag::DotMatchesNewLine | Flag::SwapGreed) | FlagsItemKind::Negation => {}
            }
        }
        Ok(())
    }

    fn assertion(&mut self, assertion: &ast::Assertion) -> Result<(), String> {
        use ast::AssertionKind::{
            EndLine, EndText, NotWordBoundary, StartLine, StartText, WordBoundary, WordBoundaryEnd, WordBoundaryEndAngle,
            WordBoundaryEndHalf, WordBoundaryStart, WordBoundaryStartAngle, WordBoundaryStartHalf,
        };
        match assertion.kind {
            EndLine if self.multiline => self.edit(&assertion.span, r"(?=\n|\Z)"),
            EndLine | EndText => self.edit(&assertion.span, END),
            StartLine | StartText => {}
            WordBoundary | NotWordBoundary => self.differs = true,
            WordBoundaryStart
            | WordBoundaryEnd
            | WordBoundaryStartAngle
            | WordBoundaryEndAngle
            | WordBoundaryStartHalf
            | WordBoundaryEndHalf => {
                let written = &self.text[assertion.span.start.offset..assertion.span.end.offset];
                return Err(format!("the word boundary `{written}` in a regular expression"));
            }
        }
        Ok(())
    }
}

impl ast::Visitor for Walk<'_> {
    type Output = (Vec<(Range<usize>, String)>, bool);
    type Err = String;

    fn finish(self) -> Result<Self::Output, String> {
        Ok((self.edits, self.differs))
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), String> {
        match ast {
            Ast::Flags(set) => self.flags(&set.flags)?,
            Ast::Literal(literal) => self.literal(literal),
            Ast::Assertion(assertion) => self.assertion(assertion)?,
            Ast::ClassUnicode(_) | Ast::ClassPerl(_) => self.differs = true,
            Ast::Repetition(repetition) => {
                let operator = &repetition.op.span;
                if self.text[operator.start.offset..].starts_with("{,") {
                    return Err("`{,n}` in a regular expression".to_owned());
                }
            }
            Ast::Group(group) => {
                if let ast::GroupKind::NonCapturing(flags) = &group.kind {
                    self.flags(flags)?;
                }
            }
            Ast::Empty(_) | Ast::Dot(_) | Ast::ClassBracketed(_) | Ast::Alternation(_) | Ast::Concat(_) => {}
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), String> {
        match item {
            ClassSetItem::Literal(literal) => self.literal(literal),
            ClassSetItem::Range(range) => {
                self.literal(&range.start);
                self.literal(&range.end);
            }
            ClassSetItem::Unicode(_) | ClassSetItem::Perl(_) => self.differs = true,
            ClassSetItem::Bracketed(_) => return Err("a class inside of a class in a regular expression".to_owned()),
            ClassSetItem::Empty(_) | ClassSetItem::Ascii(_) | ClassSetItem::Union(_) => {}
        }
        Ok(())
    }

    fn visit_class_set_binary_op_pre(&mut self, _: &ast::ClassSetBinaryOp) -> Result<(), String> {
        Err("`&&`, `--` or `~~` in a class of a regular expression".to_owned())
    }
}

/// Patterns with look-around or back-references: only what must not stay is replaced.
fn scan(test: &RegexTest) -> Result<String, String> {
    let (mut result, mut class) = (String::new(), false);
    let mut characters = test.pattern.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some('z') => result.push_str(END),
                Some(escaped @ ('$' | '`')) => result.push_str(&regex_character(escaped)),
                Some(escaped @ ('h' | 'H' | 'u' | 'U' | 'O' | 'e')) => {
                    return Err(format!("`\\{escaped}` in a regular expression with look-around or back-references"));
                }
                Some(escaped) => {
                    result.push('\\');
                    result.push(escaped);
                }
                None => result.push('\\'),
            },
            '[' => {
                class = true;
                result.push(c);
            }
            ']' => {
                class = false;
                result.push(c);
            }
            '$' if class => result.push_str(&regex_character(c)),
            '$' if test.multiline => result.push_str(r"(?=\n|\Z)"),
            '$' => result.push_str(END),
            c if c == '`' || c.is_ascii_control() => result.push_str(&regex_character(c)),
            c => result.push(c),
        }
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regex(pattern: &str) -> RegexTest {
        let fancy = regex_syntax::parse(pattern).is_err();
        RegexTest { pattern: pattern.into(), ignore_case: false, multiline: false, dot_all: false, fancy }
    }

    fn pcre(pattern: &str) -> String {
        translate(&regex(pattern)).expect("translates").pattern
    }

    #[test]
    fn the_end_is_the_very_end() {
        assert_eq!(pcre(r"foo$"), r"foo\Z(?!\n)");
        assert_eq!(pcre(r"[$]\$a\z"), r"[\x24]\x24a\Z(?!\n)");
        assert_eq!(pcre(r"(?=a)b$"), r"(?=a)b\Z(?!\n)");
        assert_eq!(pcre(r"(?m)a$"), r"(?m)a(?=\n|\Z)");
    }

    #[test]
    fn what_pcre_reads_differently_is_rewritten_or_refused() {
        assert_eq!(pcre("a\nb`c"), r"a\x0ab\x60c");
        assert_eq!(pcre(r"\v\x41\u0042\x{43}"), r"\x0bABC");
        for pattern in [r"[a-z&&[^b]]", r"[a[b]]", r"\bfoo\b{start}", r"(?x)a b", r"(?-u)a"] {
            assert!(translate(&regex(pattern)).is_err(), "{pattern}");
        }
        assert!(translate(&regex(r"\d+")).is_ok_and(|t| t.differs));
        assert!(translate(&regex(r"[0-9]+")).is_ok_and(|t| !t.differs && !t.may_be_empty));
        assert!(translate(&regex(r"(?=.*a)")).is_ok_and(|t| t.differs && t.may_be_empty));
    }
}
