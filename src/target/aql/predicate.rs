//! Conditions over one event → clauses.
//!
//! A test of a missing property may be unknown instead of false; that does no harm until it is negated. So everything
//! under a `NOT` is guarded: `NOT (f IS NOT NULL AND f ILIKE 'x')`.

use super::clause::Clause;
use super::names;
use super::regex;
use super::writer::{Kind, Property, Writer};
use crate::detection::{
    Comparison, Condition, FieldTest, Predicate, RegexTest, Relation, Segment, Shape, Subject, TextPattern, TimePart, ValueTest,
};
use crate::diagnostic::{A001, A004, A006, A009, A010, A011, A013, Code};
use crate::letter_case::{equal_ignoring_case, fold, has_case, has_case_beyond_ascii};
use crate::source::Span;
use crate::yaml::Number;
use ipnet::IpNet;
use std::net::Ipv4Addr;

const HOUR: i64 = 3_600_000;

/// A condition over one event.
pub fn condition(writer: &mut Writer<'_>, condition: &Condition, guarded: bool) -> Clause {
    match condition {
        Condition::All(parts) => Clause::all(parts.iter().map(|part| self::condition(writer, part, guarded)).collect::<Vec<_>>()),
        Condition::Any(parts) => Clause::any(parts.iter().map(|part| self::condition(writer, part, guarded)).collect::<Vec<_>>()),
        Condition::Match(predicate) => matches(writer, predicate).positive(writer, guarded),
        Condition::Not(inner) => match &**inner {
            Condition::Match(predicate) => matches(writer, predicate).negative(writer),
            Condition::All(_) | Condition::Any(_) | Condition::Not(_) => self::condition(writer, inner, true).negated(),
        },
    }
}

/// What a predicate says about one property: some of its tests hold of a present value, or it is missing.
struct Matches {
    /// The property that must be present for the tests.
    subject: Option<String>,
    /// Tests, each with the other properties that it needs.
    tests: Clause,
    /// Whether a missing value passes.
    missing: bool,
    /// Whether every present value passes.
    present: bool,
}

impl Matches {
    fn positive(self, writer: &Writer<'_>, guarded: bool) -> Clause {
        let Some(subject) = &self.subject else { return self.tests };
        let missing = if self.missing { writer.missing(subject) } else { Clause::NEVER };
        if self.present {
            return if self.missing { Clause::ALWAYS } else { writer.present(subject) };
        }
        let tests = if guarded && !self.tests.is_never() { Clause::all([writer.present(subject), self.tests]) } else { self.tests };
        Clause::any([missing, tests])
    }

    fn negative(self, writer: &Writer<'_>) -> Clause {
        let Some(subject) = &self.subject else { return self.tests.negated() };
        if self.present {
            return if self.missing { Clause::NEVER } else { writer.missing(subject) };
        }
        if self.missing {
            return Clause::all([writer.present(subject), self.tests.negated()]);
        }
        Clause::any([writer.missing(subject), self.tests.negated()])
    }
}

/// Literals that a value may equal, gathered to be listed.
#[derive(Default)]
struct Listed {
    /// Texts that compare ignoring case, folded.
    texts: Vec<String>,
    /// Finished literals that compare as they are.
    exact: Vec<String>,
}

impl Listed {
    /// `x = a` or `x IN (a, b)`, over the lower case of the text where case matters.
    fn clauses(self, writer: &Writer<'_>, text: &str, value: &str) -> Vec<Clause> {
        let lower = if self.texts.iter().any(|text| text.chars().any(has_case)) { writer.spell("lower", &[text]) } else { text.to_owned() };
        let texts = unique(self.texts.iter().map(|text| names::literal(text)));
        [one_of(writer, &lower, texts), one_of(writer, value, unique(self.exact))].into_iter().filter(|clause| !clause.is_never()).collect()
    }
}

fn unique(literals: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = rustc_hash::FxHashSet::default();
    literals.into_iter().filter(|literal| seen.insert(literal.clone())).collect()
}

/// `x = a`, `x IN (a, b)`, or never.
fn one_of(writer: &Writer<'_>, value: &str, mut options: Vec<String>) -> Clause {
    match options.len() {
        0 => Clause::NEVER,
        1 => writer.test("equal", &[value, &options.remove(0)]),
        _ => Clause::OneOf { value: value.to_owned(), options },
    }
}

fn matches(writer: &mut Writer<'_>, predicate: &Predicate) -> Matches {
    match &predicate.subject {
        Subject::Event => {
            let tests: Vec<Clause> = predicate.tests.iter().map(|test| keyword(writer, test, predicate.span)).collect();
            Matches { subject: None, tests: Clause::any(tests), missing: false, present: false }
        }
        Subject::Field(field) => match writer.property(field, predicate.span) {
            Some(property) => field_matches(writer, &property, predicate),
            None => Matches { subject: None, tests: Clause::NEVER, missing: false, present: false },
        },
    }
}

fn field_matches(writer: &mut Writer<'_>, property: &Property<'_>, predicate: &Predicate) -> Matches {
    let (mut listed, mut others) = (Listed::default(), Vec::new());
    let (mut missing, mut present) = (false, false);
    let mut tester = Tester { writer, property, span: predicate.span, listed: &mut listed };
    for test in &predicate.tests {
        match test {
            ValueTest::Absent => {
                missing = true;
                tester.empty_matters();
            }
            ValueTest::Present => {
                present = true;
                tester.empty_matters();
            }
            ValueTest::Text(pattern) if pattern.shape() == Shape::Anything => {
                present = true;
                tester.empty_matters();
            }
            ValueTest::Text(_)
            | ValueTest::Number(_)
            | ValueTest::Boolean(_)
            | ValueTest::Regex(_)
            | ValueTest::Network(_)
            | ValueTest::Compare(..)
            | ValueTest::Field(_)
            | ValueTest::TimePart(..) => others.extend(tester.test(test)),
        }
    }
    let text = property.as_text(writer).unwrap_or_else(|| property.text.clone());
    let mut tests = listed.clauses(writer, &text, &property.text);
    tests.extend(others);
    Matches { subject: Some(property.text.clone()), tests: Clause::any(tests), missing, present }
}

/// Tests of one property. Equal values are gathered in `listed`.
struct Tester<'w, 'a, 'p> {
    writer: &'w mut Writer<'a>,
    property: &'p Property<'p>,
    span: Span,
    listed: &'w mut Listed,
}

impl Tester<'_, '_, '_> {
    fn test(&mut self, test: &ValueTest) -> Option<Clause> {
        match test {
            ValueTest::Text(pattern) => self.text(pattern),
            ValueTest::Number(number) => self.number(number),
            ValueTest::Boolean(value) => self.boolean(*value),
            ValueTest::Regex(test) => self.regex(test),
            ValueTest::Network(network) => self.network(network),
            ValueTest::Compare(comparison, number) => self.compare(*comparison, number),
            ValueTest::Field(test) => self.field(test),
            ValueTest::TimePart(part, comparison, number) => self.time_part(*part, *comparison, number),
            ValueTest::Absent | ValueTest::Present => None,
        }
    }

    /// Where an empty value is something else than none.
    fn empty_matters(&mut self) {
        if matches!(self.property.kind, Kind::Text | Kind::Unknown) {
            let name = &self.property.field.name;
            let message = format!("QRadar keeps an empty `{name}` apart from a missing one");
            self.writer.assume(A001, self.span, message);
        }
    }

    fn refuse(&mut self, what: &str, help: &str) -> Option<Clause> {
        let message = format!("{what} of `{}`", self.property.field.name);
        self.writer.refuse(self.span, message, help);
        None
    }

    /// The text of the value, or a refusal.
    fn text_of(&mut self) -> Option<String> {
        let text = self.property.as_text(self.writer);
        if text.is_none() {
            self.refuse("a text test", "QRadar does not say how it writes this value as text; compare it as what it is");
        }
        text
    }

    fn wide_case(&mut self, text: &str) {
        if has_case_beyond_ascii(text) {
            let message =
                format!("LOWER, ILIKE and IMATCHES fold letters beyond ASCII, which the test of `{}` needs", self.property.field.name);
            self.writer.assume(A009, self.span, message);
        }
    }

    fn text(&mut self, pattern: &TextPattern) -> Option<Clause> {
        if let Shape::Equals(text) = pattern.shape() {
            let mut literals = self.mapped_literals(text, pattern.cased);
            literals.extend(self.typed_literal(text));
            if !literals.is_empty() {
                self.listed.exact.extend(literals);
                return None;
            }
        }
        let text = self.text_of()?;
        match self.property.kind {
            Kind::Address => self.assume_writing(A010, "address"),
            Kind::Whole => self.assume_writing(A011, "number"),
            Kind::Text | Kind::Real | Kind::Boolean | Kind::Time | Kind::Unknown => {}
        }
        if pattern.segments.is_empty() {
            self.empty_matters();
        }
        if !pattern.cased {
            pattern.segments.iter().for_each(|segment| {
                if let Segment::Literal(literal) = segment {
                    self.wide_case(literal);
                }
            });
        }
        match pattern.shape() {
            Shape::Equals(literal) if !pattern.cased && !literal.chars().any(names::is_risky) => {
                self.listed.texts.push(fold(literal).into_owned());
                None
            }
            Shape::Equals(_) | Shape::StartsWith(_) | Shape::EndsWith(_) | Shape::Contains(_) | Shape::Wildcards | Shape::Anything => {
                Some(text_pattern(self.writer, &text, pattern))
            }
        }
    }

    /// QRadar's values for one of ours.
    fn mapped_literals(&self, text: &str, cased: bool) -> Vec<String> {
        let same = |ours: &str| if cased { ours == text } else { equal_ignoring_case(ours, text) };
        self.property.values.iter().filter(|(ours, _)| same(ours)).map(|(_, theirs)| names::literal(theirs)).collect()
    }

    /// A literal of the property's own type that equals a text: numbers and IPv4 addresses in their usual form.
    fn typed_literal(&self, text: &str) -> Option<String> {
        if !self.property.values.is_empty() {
            return None;
        }
        match self.property.kind {
            Kind::Whole | Kind::Real => {
                let number = Number::parse(text).filter(|number| number.value.to_string() == number.text)?;
                Some(number.text)
            }
            Kind::Address => text.parse::<Ipv4Addr>().ok().map(|_| names::literal(text)),
            Kind::Text | Kind::Boolean | Kind::Time | Kind::Unknown => None,
        }
    }

    /// STR gives the text that the product wrote.
    fn assume_writing(&mut self, code: Code, what: &str) {
        let message = format!("QRadar writes the {what} in `{}` as the product does", self.property.field.name);
        self.writer.assume(code, self.span, message);
    }

    fn number(&mut self, number: &Number) -> Option<Clause> {
        match self.property.kind {
            Kind::Whole | Kind::Real if self.property.values.is_empty() => self.listed.exact.push(number.text.clone()),
            Kind::Text | Kind::Unknown | Kind::Whole | Kind::Real | Kind::Boolean | Kind::Address => {
                self.text_of()?;
                self.listed.texts.push(number.text.clone());
                self.plain_number(number);
            }
            Kind::Time => {
                return self.refuse("a number test", "test a part of the moment, or leave the time to the schedule");
            }
        }
        None
    }

    /// A number with a fraction may be written in several ways in a text.
    fn plain_number(&mut self, number: &Number) {
        let plain = number.value.to_string();
        if number.text.contains('.') {
            let message = format!("the numbers in the property of `{}` are written plainly, such as {plain}", self.property.field.name);
            self.writer.assume(A011, self.span, message);
        }
        self.listed.texts.push(plain);
    }

    fn boolean(&mut self, value: bool) -> Option<Clause> {
        let literal = value.to_string();
        match self.property.kind {
            Kind::Boolean if self.property.values.is_empty() => {
                self.listed.exact.push(names::literal(&literal));
                None
            }
            Kind::Unknown => {
                let text = self.writer.spell("lower", &[&self.writer.spell("to_text", &[&self.property.text])]);
                Some(self.writer.test("equal", &[&text, &names::literal(&literal)]))
            }
            Kind::Text | Kind::Boolean | Kind::Whole | Kind::Address => {
                self.text_of()?;
                self.listed.texts.push(literal);
                None
            }
            Kind::Real | Kind::Time => Some(Clause::NEVER),
        }
    }

    fn regex(&mut self, test: &RegexTest) -> Option<Clause> {
        let text = self.text_of()?;
        regex_test(self.writer, &text, test, &format!("`{}`", self.property.field.name), self.span)
    }

    fn network(&mut self, network: &IpNet) -> Option<Clause> {
        let name = &self.property.field.name;
        match (self.property.kind, network) {
            (Kind::Address, IpNet::V4(_)) => {}
            (Kind::Address, IpNet::V6(_)) => {
                self.writer.assume(A010, self.span, format!("INCIDR takes IPv6 networks for `{name}`"));
            }
            (Kind::Text | Kind::Unknown, IpNet::V4(_)) => {
                self.writer.assume(
                    A010,
                    self.span,
                    format!("the property of `{name}` has QRadar's type for addresses, which INCIDR takes"),
                );
            }
            (Kind::Text | Kind::Unknown, IpNet::V6(_)) => {
                let message =
                    format!("the property of `{name}` has QRadar's type for addresses, which INCIDR takes also with IPv6 networks");
                self.writer.assume(A010, self.span, message);
            }
            (Kind::Whole | Kind::Real | Kind::Boolean | Kind::Time, _) => return Some(Clause::NEVER),
        }
        let network = names::literal(&network.trunc().to_string());
        Some(self.writer.test("in_network", &[&network, &self.property.text]))
    }

    fn compare(&mut self, comparison: Comparison, number: &Number) -> Option<Clause> {
        let operator = operator(comparison);
        match self.property.kind {
            Kind::Whole | Kind::Real if self.property.values.is_empty() => {
                Some(self.writer.test(operator, &[&self.property.text, &number.text]))
            }
            Kind::Text | Kind::Unknown | Kind::Whole | Kind::Real => {
                let text = self.text_of()?;
                let text = if self.property.kind == Kind::Unknown { self.writer.spell("to_text", &[&text]) } else { text };
                let decimal = self.writer.test("matches", &[&text, &names::literal(regex::DECIMAL)]);
                let number_or_failing = self.writer.choose(&decimal, &text, &names::literal(&failing(comparison, number.value)));
                let value = self.writer.spell("to_real", &[&number_or_failing]);
                Some(self.writer.test(operator, &[&value, &number.text]))
            }
            Kind::Boolean | Kind::Address => Some(Clause::NEVER),
            Kind::Time => self.refuse("a comparison of the moment", "test a part of the moment, or leave the time to the schedule"),
        }
    }

    fn field(&mut self, test: &FieldTest) -> Option<Clause> {
        let other = self.writer.property(&test.other, self.span)?;
        if test.relation != Relation::Equals {
            let help = "write the values out as a list, or define a custom property that holds the part";
            return self.refuse("a test with a part of another property", help);
        }
        let kinds = (self.property.kind, other.kind);
        let alike = matches!(kinds, (Kind::Address, Kind::Address) | (Kind::Whole | Kind::Real, Kind::Whole | Kind::Real));
        let equal = if alike && self.property.values.is_empty() && other.values.is_empty() {
            self.writer.test("equal", &[&self.property.text, &other.text])
        } else {
            let (mine, theirs) = (self.text_of()?, self.other_text(&other)?);
            let both = [self.as_known_text(self.property.kind, mine), self.as_known_text(other.kind, theirs)];
            if test.cased {
                let message = format!("`=` between `{}` and `{}` respects case", self.property.field.name, other.field.name);
                self.writer.assume(A006, self.span, message);
                self.writer.test("equal", &[&both[0], &both[1]])
            } else {
                let lower = both.map(|text| self.writer.spell("lower", &[&text]));
                self.writer.test("equal", &[&lower[0], &lower[1]])
            }
        };
        Some(Clause::all([self.writer.present(&other.text), equal]))
    }

    fn as_known_text(&self, kind: Kind, text: String) -> String {
        if kind == Kind::Unknown { self.writer.spell("to_text", &[&text]) } else { text }
    }

    fn other_text(&mut self, other: &Property<'_>) -> Option<String> {
        let text = other.as_text(self.writer);
        if text.is_none() {
            let what = format!("a text test of `{}`", other.field.name);
            self.writer.refuse(self.span, what, "QRadar does not say how it writes this value as text; compare it as what it is");
        }
        text
    }

    fn time_part(&mut self, part: TimePart, comparison: Comparison, number: &Number) -> Option<Clause> {
        if self.property.kind != Kind::Time {
            return self
                .refuse("a part of the moment", "bind the field to a property that holds milliseconds, such as starttime or devicetime");
        }
        let time = &self.property.text;
        let (unit, range) = match part {
            TimePart::Minute => (60_000, 0..60),
            TimePart::Hour => (HOUR, 0..24),
            TimePart::Year => return Some(self.year(comparison, number.value)),
            TimePart::Day | TimePart::Week | TimePart::Month => {
                return self.refuse("days, weeks and months", "QRadar computes them in the console's time zone only; use hours");
            }
        };
        let passing: Vec<i64> = range.clone().filter(|value| holds(comparison, *value as f64, number.value)).collect();
        let (Some(first), Some(last)) = (passing.first(), passing.last()) else { return Some(Clause::NEVER) };
        let remainder = self.writer.spell("modulo", &[time, &(unit * range.end).to_string()]);
        let from = self.writer.test("greater_or_equal", &[&remainder, &(first * unit).to_string()]);
        let to = self.writer.test("less", &[&remainder, &((last + 1) * unit).to_string()]);
        Some(Clause::all([from, to]))
    }

    fn year(&self, comparison: Comparison, year: f64) -> Clause {
        let passing: Vec<i16> = (1970..=9998).filter(|value| holds(comparison, f64::from(*value), year)).collect();
        let (Some(first), Some(last)) = (passing.first(), passing.last()) else { return Clause::NEVER };
        let bound = |operator, year: i16| {
            let milliseconds =
                jiff::civil::date(year, 1, 1).to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_millisecond());
            self.writer.test(operator, &[&self.property.text, &milliseconds.to_string()])
        };
        Clause::all([bound("greater_or_equal", *first), bound("less", last + 1)])
    }
}

/// The operator of a comparison.
pub fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "equal",
        Comparison::Less => "less",
        Comparison::LessOrEqual => "less_or_equal",
        Comparison::Greater => "greater",
        Comparison::GreaterOrEqual => "greater_or_equal",
    }
}

fn holds(comparison: Comparison, left: f64, right: f64) -> bool {
    match comparison {
        Comparison::Equal => left == right,
        Comparison::Less => left < right,
        Comparison::LessOrEqual => left <= right,
        Comparison::Greater => left > right,
        Comparison::GreaterOrEqual => left >= right,
    }
}

/// A number of which the comparison is false: what stands for a text that is no number.
fn failing(comparison: Comparison, bound: f64) -> String {
    let value = match comparison {
        Comparison::Less | Comparison::Greater => bound,
        Comparison::Equal | Comparison::LessOrEqual => bound + 1.0,
        Comparison::GreaterOrEqual => bound - 1.0,
    };
    value.to_string()
}

/// A text pattern over the whole text: `ILIKE` or `LIKE` where its wildcards say it, else a regular expression.
fn text_pattern(writer: &Writer<'_>, text: &str, pattern: &TextPattern) -> Clause {
    let literals = pattern.segments.iter().filter_map(|segment| match segment {
        Segment::Literal(literal) => Some(literal.as_str()),
        Segment::AnyRun | Segment::AnyCharacter => None,
    });
    let plain = literals.flat_map(str::chars).all(|c| !matches!(c, '%' | '_') && !names::is_risky(c));
    if plain {
        let piece = |segment: &Segment| match segment {
            Segment::Literal(literal) => literal.clone(),
            Segment::AnyRun => "%".to_owned(),
            Segment::AnyCharacter => "_".to_owned(),
        };
        let like: String = pattern.segments.iter().map(piece).collect();
        return writer.test(if pattern.cased { "like" } else { "ilike" }, &[text, &names::literal(&like)]);
    }
    if pattern.cased {
        let regex = regex::of_pattern(pattern, str::to_owned);
        return writer.test("matches", &[text, &names::literal(&regex)]);
    }
    let regex = regex::of_pattern(pattern, |text| fold(text).into_owned());
    writer.test("matches", &[&writer.spell("lower", &[text]), &names::literal(&regex)])
}

fn regex_test(writer: &mut Writer<'_>, text: &str, test: &RegexTest, name: &str, span: Span) -> Option<Clause> {
    let pattern = match regex::of_test(test) {
        Ok(pattern) => pattern,
        Err(why) => {
            writer.refuse(span, format_args!("{why} in the regular expression for {name}"), "write it with what all engines share");
            return None;
        }
    };
    writer.assume(A013, span, format!("`.`, `\\b`, `\\w` and other classes in the regular expression for {name} mean in Java what they mean elsewhere, for the values that occur"));
    if regex::ignores_case(test) {
        if has_case_beyond_ascii(&pattern) {
            writer.assume(A009, span, format!("IMATCHES folds letters beyond ASCII, which the regular expression for {name} needs"));
        }
        return Some(writer.test("imatches", &[text, &names::literal(&pattern)]));
    }
    Some(writer.test("matches", &[text, &names::literal(&pattern)]))
}

/// A test of the whole event: of its raw text.
fn keyword(writer: &mut Writer<'_>, test: &ValueTest, span: Span) -> Clause {
    let raw = writer.spell("raw_event", &[]);
    writer.assume(
        A004,
        span,
        "keywords are searched in the raw payload, where names and values stand as the product wrote them".to_owned(),
    );
    match test {
        ValueTest::Text(pattern) => raw_pattern(writer, &raw, pattern, span),
        ValueTest::Number(number) => raw_pattern(writer, &raw, &containing(&number.text), span),
        ValueTest::Boolean(value) => raw_pattern(writer, &raw, &containing(&value.to_string()), span),
        ValueTest::Regex(test) if test.is_anchored() => {
            let help = "name the field, or leave out `^` and `$`: keywords are searched in the raw event";
            writer.refuse(span, "the beginning or the end of a value in a regular expression over the whole event", help);
            Clause::NEVER
        }
        ValueTest::Regex(test) => regex_test(writer, &raw, test, "the keywords", span).unwrap_or(Clause::NEVER),
        ValueTest::Absent
        | ValueTest::Present
        | ValueTest::Network(_)
        | ValueTest::Compare(..)
        | ValueTest::Field(_)
        | ValueTest::TimePart(..) => {
            writer.refuse(span, "this test of a whole event", "name the field that it is about");
            Clause::NEVER
        }
    }
}

fn containing(text: &str) -> TextPattern {
    TextPattern::new([Segment::AnyRun, Segment::Literal(text.to_owned()), Segment::AnyRun], false)
}

/// The pattern as it is, or as it stands in a JSON text.
fn raw_pattern(writer: &mut Writer<'_>, raw: &str, pattern: &TextPattern, span: Span) -> Clause {
    let mut wide = false;
    let escape = |segment: &Segment| match segment {
        Segment::Literal(text) => Segment::Literal(in_json(text)),
        Segment::AnyRun | Segment::AnyCharacter => segment.clone(),
    };
    let escaped = TextPattern::new(pattern.segments.iter().map(escape), pattern.cased);
    for segment in &pattern.segments {
        wide |= !pattern.cased && matches!(segment, Segment::Literal(text) if has_case_beyond_ascii(text));
    }
    if wide {
        writer.assume(A009, span, "ILIKE and LOWER fold letters beyond ASCII, which a keyword needs".to_owned());
    }
    Clause::any([text_pattern(writer, raw, pattern), text_pattern(writer, raw, &escaped)])
}

/// A text inside of a JSON text.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::String(text.to_owned()).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}
