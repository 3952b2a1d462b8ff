//! Conditions in eval and where. A condition in; out comes an expression that is true or false of every event, never null:
//! a missing field becomes an empty text, or is caught by `if`, and `not x` is `if(x, 0, 1)=1`.

use super::layout::{Fragment, Joint, inside, list};
use super::moment;
use super::quote::{eval_text, format_number, is_numeric, is_plain, regex_text};
use super::regex::{END, translate};
use super::search::network_text;
use super::writer::{Located, Writer};
use crate::detection::{
    Comparison, Condition, FieldTest, Predicate, RegexTest, Relation, Segment, Shape, Subject, TextPattern, TimePart, ValueTest,
};
use crate::diagnostic::{P002, P006};
use crate::letter_case::fold;
use crate::logsource::Field;
use crate::source::Span;
use std::borrow::Cow;
use std::sync::Arc;

/// A number as the specification writes it.
pub const PLAIN_NUMBER: &str = r"^-?[0-9]+(?:\.[0-9]+)?";

/// How the values of a subject are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach<'t> {
    /// One value, missing or not: `field`.
    Single(&'t str),
    /// A value that is there: an element inside of `mvfilter`, or the raw event.
    There(&'t str),
}

impl<'t> Reach<'t> {
    fn name(self) -> &'t str {
        match self {
            Reach::Single(name) | Reach::There(name) => name,
        }
    }
}

impl Writer<'_> {
    /// The condition as an eval expression; `None` after a problem was reported.
    pub fn filter(&mut self, condition: &Condition) -> Option<Fragment> {
        match condition {
            Condition::All(parts) if parts.is_empty() => Some(Fragment::atom("1=1")),
            Condition::Any(parts) if parts.is_empty() => Some(Fragment::atom("1=0")),
            Condition::All(parts) => self.filter_all(parts, Joint::And),
            Condition::Any(parts) => self.filter_all(parts, Joint::Or),
            Condition::Not(inner) => {
                if let Some(opposite) = opposite(inner) {
                    return self.filter(&opposite);
                }
                let inner = self.filter(inner)?;
                Some(Fragment::atom(self.op("negate", &[&inside(&inner.text)])))
            }
            Condition::Match(predicate) => self.filter_predicate(predicate),
        }
    }

    /// All members, so that every problem is found.
    fn filter_all(&mut self, parts: &[Condition], joint: Joint) -> Option<Fragment> {
        let members: Vec<Option<Fragment>> = parts.iter().map(|part| self.filter(part)).collect();
        Some(Fragment::join(members.into_iter().collect::<Option<_>>()?, joint))
    }

    fn filter_predicate(&mut self, predicate: &Predicate) -> Option<Fragment> {
        match &predicate.subject {
            Subject::Event => self.filter_keywords(predicate),
            Subject::Field(field) => {
                let located = self.locate(field, predicate.span)?;
                let name = self.eval_field(&located, predicate.span)?;
                if let Some(list) = self.lookup_of(&located, predicate) {
                    return Some(self.look_up(list, &located, &name, predicate));
                }
                if located.list { self.filter_list(&located, &name, predicate) } else { self.filter_single(&located, &name, predicate) }
            }
        }
    }

    fn filter_single(&mut self, field: &Located, name: &str, predicate: &Predicate) -> Option<Fragment> {
        let (texts, others) = split(&predicate.tests);
        let mut members = self.equalities(field, Reach::Single(name), &texts, predicate.span);
        for test in others {
            members.push(self.test(field, Reach::Single(name), test, predicate.span)?);
        }
        Some(Fragment::join(members, Joint::Or))
    }

    /// Presence is a matter of the whole list; the other tests look at its elements.
    fn filter_list(&mut self, field: &Located, name: &str, predicate: &Predicate) -> Option<Fragment> {
        let (texts, others) = split(&predicate.tests);
        let mut elements = self.equalities(field, Reach::There(name), &texts, predicate.span);
        let mut members = Vec::new();
        for test in others {
            match test {
                ValueTest::Absent | ValueTest::Present => members.push(self.test(field, Reach::Single(name), test, predicate.span)?),
                ValueTest::Field(other) => members.push(self.list_against_field(field, name, other, predicate.span)?),
                ValueTest::Text(pattern) if pattern.shape() == Shape::Anything => {
                    members.push(self.test(field, Reach::Single(name), test, predicate.span)?);
                }
                ValueTest::TimePart(..) => {
                    self.refuse(
                        predicate.span,
                        &format!("a part of the moments in the list `{}`", field.name),
                        "test a single-valued field",
                    );
                    return None;
                }
                ValueTest::Text(_)
                | ValueTest::Number(_)
                | ValueTest::Boolean(_)
                | ValueTest::Regex(_)
                | ValueTest::Network(_)
                | ValueTest::Compare(..) => elements.push(self.test(field, Reach::There(name), test, predicate.span)?),
            }
        }
        if !elements.is_empty() {
            let inner = Fragment::join(elements, Joint::Or);
            members.push(Fragment::atom(self.op("any_element", &[&inside(&inner.text)])));
        }
        Some(Fragment::join(members, Joint::Or))
    }

    /// `lower(field)="text"` and `in(lower(field), …)`, for case ignored and for case counted.
    fn equalities(&mut self, field: &Located, reach: Reach<'_>, patterns: &[&TextPattern], span: Span) -> Vec<Fragment> {
        let mut members = Vec::new();
        for cased in [false, true] {
            let texts: Vec<&str> =
                patterns.iter().filter(|pattern| pattern.cased == cased).filter_map(|pattern| equal_text(pattern)).collect();
            if texts.is_empty() {
                continue;
            }
            for text in texts.iter().filter(|_| !cased) {
                self.assume_folding(&field.name, text, span);
            }
            let there = self.there(reach);
            let value = if cased { there } else { self.op("lower", &[&there]) };
            let literals: Vec<String> =
                texts.iter().map(|text| eval_text(&if cased { Cow::Borrowed(*text) } else { fold(text) })).collect();
            members.push(Fragment::atom(match literals.as_slice() {
                [literal] => self.op("equals", &[&value, literal]),
                literals => self.op("in_list", &[&value, &list(literals)]),
            }));
        }
        members
    }

    /// The value, with the empty text for a missing one.
    fn there(&self, reach: Reach<'_>) -> String {
        match reach {
            Reach::Single(name) => self.op("coalesce", &[name, "\"\""]),
            Reach::There(name) => name.to_owned(),
        }
    }

    /// A condition on a value that is there, made false for a missing one.
    fn guarded(&self, reach: Reach<'_>, condition: Fragment) -> Fragment {
        match reach {
            Reach::Single(_) => Fragment::atom(self.op("any_element", &[&inside(&condition.text)])),
            Reach::There(_) => condition,
        }
    }

    fn test(&mut self, field: &Located, reach: Reach<'_>, test: &ValueTest, span: Span) -> Option<Fragment> {
        let name = reach.name();
        Some(match test {
            ValueTest::Text(pattern) => self.text(field, reach, pattern, span),
            ValueTest::Number(number) => {
                self.assume_plain_numbers(field, span);
                let short = format_number(number.value);
                let texts = if short == number.text {
                    regex_text(&short)
                } else {
                    format!("(?:{}|{})", regex_text(&number.text), regex_text(&short))
                };
                Fragment::atom(self.op("matches", &[&self.there(reach), &eval_text(&format!("^{texts}{END}"))]))
            }
            ValueTest::Boolean(value) => {
                let lower = self.op("lower", &[&self.there(reach)]);
                Fragment::atom(self.op("equals", &[&lower, &format!("\"{value}\"")]))
            }
            ValueTest::Absent => {
                self.assume_absence(&field.name, span);
                Fragment::atom(self.op("absent", &[name]))
            }
            ValueTest::Present => {
                self.assume_absence(&field.name, span);
                Fragment::atom(self.op("present", &[name]))
            }
            ValueTest::Regex(regex) => return self.regex(field, reach, regex, span),
            ValueTest::Network(network) => {
                let within = self.op("in_network", &[name, &format!("\"{}\"", network_text(network))]);
                self.guarded(reach, Fragment::atom(within))
            }
            ValueTest::Compare(comparison, number) => {
                self.assume_plain_numbers(field, span);
                let plain = self.op("matches", &[name, &eval_text(&format!("{PLAIN_NUMBER}{END}"))]);
                let compared = self.op(operator(*comparison), &[&self.op("number", &[name]), &format_number(number.value)]);
                self.guarded(reach, Fragment::join(vec![Fragment::atom(plain), Fragment::atom(compared)], Joint::And))
            }
            ValueTest::Field(other) => return self.against_field(name, other, span),
            ValueTest::TimePart(part, comparison, number) => {
                return self.time_part(field, *part, (*comparison, &format_number(number.value)), span);
            }
        })
    }

    fn text(&mut self, field: &Located, reach: Reach<'_>, pattern: &TextPattern, span: Span) -> Fragment {
        if pattern.segments.is_empty() {
            self.assume_absence(&field.name, span);
            let value = match reach {
                Reach::Single(name) => self.op("coalesce", &[name, "\"-\""]),
                Reach::There(name) => name.to_owned(),
            };
            return Fragment::atom(self.op("equals", &[&value, "\"\""]));
        }
        if pattern.shape() == Shape::Anything {
            self.assume_absence(&field.name, span);
            return Fragment::atom(self.op("present", &[reach.name()]));
        }
        for segment in &pattern.segments {
            if let (Segment::Literal(text), false) = (segment, pattern.cased) {
                self.assume_folding(&field.name, text, span);
            }
        }
        Fragment::atom(self.op("matches", &[&self.there(reach), &eval_text(&pattern_regex(pattern, regex_text))]))
    }

    fn regex(&mut self, field: &Located, reach: Reach<'_>, regex: &RegexTest, span: Span) -> Option<Fragment> {
        let pattern = self.pcre(&field.name, regex, span)?;
        let (pattern, may_be_empty) = pattern;
        if may_be_empty {
            return Some(self.guarded(reach, Fragment::atom(self.op("matches", &[reach.name(), &pattern]))));
        }
        Some(Fragment::atom(self.op("matches", &[&self.there(reach), &pattern])))
    }

    /// The pattern as an eval text, and whether the empty text may match.
    fn pcre(&mut self, name: &str, regex: &RegexTest, span: Span) -> Option<(String, bool)> {
        match translate(regex) {
            Ok(translated) => {
                if translated.differs {
                    let message = format!(
                        "the regular expression on `{name}` finds the same in PCRE; classes such as `\\d` and `\\w` know ASCII only there"
                    );
                    self.assume(P006, span, message);
                }
                if regex.ignore_case {
                    self.assume_folding(name, &regex.pattern, span);
                }
                Some((eval_text(&translated.pattern), translated.may_be_empty))
            }
            Err(what) => {
                self.refuse(span, &what, "write it in the syntax that PCRE shares, or as several patterns");
                None
            }
        }
    }

    /// `"=".a` keeps texts that look like numbers from being compared as numbers, and is null for a missing field.
    fn against_field(&mut self, name: &str, test: &FieldTest, span: Span) -> Option<Fragment> {
        let other = self.locate(&test.other, span)?;
        let other_name = self.eval_field(&other, span)?;
        if other.list {
            return self.lists_in_common(name, &other_name, test, span);
        }
        let fold = |writer: &Self, value: &str| if test.cased { value.to_owned() } else { writer.op("lower", &[value]) };
        let (left, right) = (fold(self, name), fold(self, &other_name));
        let (before, after) = (|text: &str| format!("\"=\".{text}"), |text: &str| format!("{text}.\"=\""));
        let condition = match test.relation {
            Relation::Equals => self.op("equals", &[&before(&left), &before(&right)]),
            Relation::StartsWith => {
                let start = format!("substr({}, 1, len({other_name})+1)", before(&left));
                self.op("equals", &[&start, &before(&right)])
            }
            Relation::EndsWith => {
                let end = format!("substr({}, len({name})-len({other_name})+1)", after(&left));
                let same = Fragment::atom(self.op("equals", &[&end, &after(&right)]));
                Fragment::join(vec![Fragment::atom(format!("len({name})>=len({other_name})")), same], Joint::And).text
            }
            Relation::Contains if test.cased => {
                let help = "compare ignoring case, or use `startswith` or `endswith`";
                self.refuse(span, "that a field contains another field's text, case counted", help);
                return None;
            }
            Relation::Contains => self.contains_field(name, &other_name),
        };
        if test.relation == Relation::Equals {
            return Some(Fragment::atom(self.op("holds", &[&condition])));
        }
        let missing = [name, other_name.as_str()].map(|value| Fragment::atom(self.op("absent", &[value])));
        let holds = self.op("choose", &[&condition, "1", "0"]);
        let guarded = self.op("choose", &[&Fragment::join(missing.to_vec(), Joint::Or).text, "0", &holds]);
        Some(Fragment::atom(self.op("equals", &[&guarded, "1"])))
    }

    /// Splitting at the other text leaves more than one piece. The capitals at both ends cannot be part of a text in
    /// lower case, and keep the pieces from being empty.
    fn contains_field(&self, name: &str, other: &str) -> String {
        let (left, right) = (self.op("lower", &[name]), self.op("lower", &[other]));
        let pieces = format!("mvcount(split(\"A\".{left}.\"A\", {right}))");
        format!("if(len({other})=0, 2, {pieces})>1")
    }

    fn list_against_field(&mut self, _: &Located, name: &str, test: &FieldTest, span: Span) -> Option<Fragment> {
        let other = self.locate(&test.other, span)?;
        let other_name = self.eval_field(&other, span)?;
        self.lists_in_common(name, &other_name, test, span)
    }

    /// Two lists share an element when their union is smaller than both together.
    fn lists_in_common(&mut self, left: &str, right: &str, test: &FieldTest, span: Span) -> Option<Fragment> {
        match test.relation {
            Relation::Equals => {
                let folded = |writer: &Self, value: &str| if test.cased { value.to_owned() } else { writer.op("lower", &[value]) };
                let (a, b) = (folded(self, left), folded(self, right));
                let count = |list: &str| format!("mvcount(mvdedup({list}))");
                let smaller = format!("{}<{}+{}", count(&format!("mvappend({a}, {b})")), count(&a), count(&b));
                Some(Fragment::atom(self.op("holds", &[&smaller])))
            }
            Relation::StartsWith | Relation::EndsWith | Relation::Contains => {
                let what = format!("that a text relates to `{}` where one of them is a list", test.other.name);
                self.refuse(span, &what, "compare single-valued fields, or compare for equality");
                None
            }
        }
    }

    fn time_part(&mut self, field: &Located, part: TimePart, (comparison, number): (Comparison, &str), span: Span) -> Option<Fragment> {
        let moment = self.moment(field, span)?;
        let helper = self.helper(&field.name);
        let (command, value) = moment::part(part, &moment, &helper);
        self.prepare.extend(command);
        let compared = self.op(operator(comparison), &[&value, number]);
        Some(Fragment::atom(self.op("holds", &[&compared])))
    }

    /// Texts in the raw event, as they are or escaped as in JSON.
    fn filter_keywords(&mut self, predicate: &Predicate) -> Option<Fragment> {
        self.assume(
            P002,
            predicate.span,
            "values stand in the raw event as they are or escaped as in JSON, names hold no keyword, and no match reaches from one value into the next".into(),
        );
        let mut members = Vec::new();
        for test in &predicate.tests {
            let pattern = match test {
                ValueTest::Text(pattern) => {
                    for segment in &pattern.segments {
                        if let (Segment::Literal(text), false) = (segment, pattern.cased) {
                            self.assume_folding("the event", text, predicate.span);
                        }
                    }
                    eval_text(&pattern_regex(pattern, raw_text))
                }
                ValueTest::Number(number) => eval_text(&raw_text(&number.text)),
                ValueTest::Regex(regex) if regex.is_anchored() => {
                    let what = "the beginning or the end of a value in a regular expression over the whole event";
                    let help = "name the field, or leave out `^` and `$`: keywords are searched in the raw event";
                    self.refuse(predicate.span, what, help);
                    return None;
                }
                ValueTest::Regex(regex) => self.pcre("the event", regex, predicate.span)?.0,
                ValueTest::Boolean(_)
                | ValueTest::Absent
                | ValueTest::Present
                | ValueTest::Network(_)
                | ValueTest::Compare(..)
                | ValueTest::Field(_)
                | ValueTest::TimePart(..) => {
                    self.refuse(predicate.span, "this test of the whole event", "name the field that is tested");
                    return None;
                }
            };
            members.push(Fragment::atom(self.op("matches", &["_raw", &pattern])));
        }
        Some(Fragment::join(members, Joint::Or))
    }

    /// A field of the event in an expression, where one value is needed.
    pub fn single(&mut self, field: &Arc<Field>, span: Span) -> Option<(Located, String)> {
        let located = self.locate(field, span)?;
        let name = self.eval_field(&located, span)?;
        Some((located, name))
    }
}

/// Presence is the opposite of absence.
pub fn opposite(condition: &Condition) -> Option<Condition> {
    let Condition::Match(predicate) = condition else { return None };
    let test = match predicate.tests.as_slice() {
        [ValueTest::Absent] => ValueTest::Present,
        [ValueTest::Present] => ValueTest::Absent,
        _ => return None,
    };
    Some(Condition::Match(Predicate { tests: vec![test], ..predicate.clone() }))
}

/// Texts that are compared as a whole, and all other tests.
fn split(tests: &[ValueTest]) -> (Vec<&TextPattern>, Vec<&ValueTest>) {
    let (mut texts, mut others) = (Vec::new(), Vec::new());
    for test in tests {
        if let ValueTest::Text(pattern) = test
            && equal_text(pattern).is_some()
        {
            texts.push(pattern);
        } else {
            others.push(test);
        }
    }
    (texts, others)
}

/// Whether a text needs no escape but those of quotes and backslashes; `*` is nothing special here.
fn is_plain_or_star(text: &str) -> bool {
    is_plain(&text.replace('*', ""))
}

/// The text of a pattern that `=` compares as a text.
fn equal_text(pattern: &TextPattern) -> Option<&str> {
    match pattern.shape() {
        Shape::Equals(text) if !text.is_empty() && !is_numeric(text) && is_plain_or_star(text) => Some(text),
        Shape::Equals(_) | Shape::StartsWith(_) | Shape::EndsWith(_) | Shape::Contains(_) | Shape::Anything | Shape::Wildcards => None,
    }
}

/// A pattern as a regular expression; `*` at an end becomes a missing anchor.
fn pattern_regex(pattern: &TextPattern, escape: impl Fn(&str) -> String) -> String {
    let segments = pattern.segments.as_slice();
    let open_start = matches!(segments.first(), Some(Segment::AnyRun));
    let open_end = matches!(segments.last(), Some(Segment::AnyRun));
    let middle = &segments[usize::from(open_start)..segments.len() - usize::from(open_end && segments.len() > 1)];
    let dots = middle.iter().any(|segment| !matches!(segment, Segment::Literal(_)));
    let body = TextPattern::new(middle.iter().cloned(), pattern.cased).to_regex(escape);
    let flags = match (pattern.cased, dots) {
        (false, false) => "(?i)",
        (false, true) => "(?is)",
        (true, false) => "",
        (true, true) => "(?s)",
    };
    format!("{flags}{}{body}{}", if open_start { "" } else { "^" }, if open_end { "" } else { END })
}

/// A text in the raw event: JSON doubles backslashes and escapes quotes and line breaks.
fn raw_text(text: &str) -> String {
    let character = |c: char| match c {
        '\\' => r"\\\\?".to_owned(),
        '"' => r#"\\?""#.to_owned(),
        '\n' => r"(?:\n|\\n)".to_owned(),
        '\r' => r"(?:\r|\\r)".to_owned(),
        '\t' => r"(?:\t|\\t)".to_owned(),
        c => super::quote::regex_character(c),
    };
    text.chars().map(character).collect()
}

/// The eval operator of a comparison.
pub fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "equals",
        Comparison::Less => "less",
        Comparison::LessOrEqual => "less_or_equal",
        Comparison::Greater => "greater",
        Comparison::GreaterOrEqual => "greater_or_equal",
    }
}
