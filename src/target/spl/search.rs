//! The base search: what the search command can say. A condition in; out comes its exact form, if there is one, and a
//! weaker form that every matching event satisfies, which keeps the base search fast when `where` must say the rest.
//!
//! The search command ignores case, knows no `?`, reads `*` always as a wildcard, compares texts that look like numbers as
//! numbers and texts that look like networks as networks. `NOT field=value` also holds of events without the field.

use super::filter::opposite;
use super::layout::{Fragment, Joint, list};
use super::quote::{escape, format_number, is_canonical_number, is_numeric, is_plain, is_unsafe};
use super::writer::{Located, Writer};
use crate::detection::{Comparison, Condition, Predicate, Segment, Shape, Subject, TextPattern, ValueTest};
use crate::diagnostic::P002;
use crate::letter_case::equal_ignoring_case;
use crate::logsource::FieldType;
use crate::source::Span;
use ipnet::IpNet;

/// Longest list of keywords in the base search.
const MOST_KEYWORDS: usize = 8;

/// A condition in the base search.
#[derive(Debug, Clone, Default)]
pub struct Searched {
    /// Exactly the condition.
    pub exact: Option<Fragment>,
    /// What follows from the condition; the same as `exact` if there is one.
    pub implied: Option<Fragment>,
}

impl Searched {
    fn exact(fragment: Fragment) -> Searched {
        Searched { exact: Some(fragment.clone()), implied: Some(fragment) }
    }

    fn implied(fragment: Option<Fragment>) -> Searched {
        Searched { exact: None, implied: fragment }
    }
}

/// The form of one test.
#[derive(Debug, Clone, Default)]
struct SearchedTest {
    /// `field=value` for one of these values.
    values: Option<Vec<String>>,
    /// Another exact form.
    whole: Option<Fragment>,
    /// Without an exact form: what follows from the test.
    implied: Option<Fragment>,
}

impl Writer<'_> {
    /// The form of a condition in the base search.
    pub fn search(&mut self, condition: &Condition) -> Searched {
        match condition {
            Condition::All(parts) => {
                let parts: Vec<Searched> = parts.iter().map(|part| self.search(part)).collect();
                let exact = all(parts.iter().map(|part| part.exact.clone()), Joint::And);
                let weaker: Vec<Fragment> = parts.into_iter().filter_map(|part| part.implied).collect();
                let implied = exact.clone().or((!weaker.is_empty()).then(|| Fragment::join(weaker, Joint::And)));
                Searched { exact, implied }
            }
            Condition::Any(parts) => {
                let parts: Vec<Searched> = parts.iter().map(|part| self.search(part)).collect();
                let exact = all(parts.iter().map(|part| part.exact.clone()), Joint::Or);
                let implied = exact.clone().or_else(|| all(parts.into_iter().map(|part| part.implied), Joint::Or));
                Searched { exact, implied }
            }
            Condition::Not(inner) => match opposite(inner) {
                Some(opposite) => self.search(&opposite),
                None => match self.search(inner).exact {
                    Some(exact) => Searched::exact(Fragment::atom(self.search_not(exact))),
                    None => Searched::default(),
                },
            },
            Condition::Match(predicate) => self.search_predicate(predicate),
        }
    }

    fn search_not(&self, fragment: Fragment) -> String {
        let simple = fragment.joint.is_none() && !fragment.text.contains(" IN (") && !fragment.text.starts_with("NOT ");
        let text = if simple { fragment.text } else { format!("({})", super::layout::inside(&fragment.text)) };
        self.op("search_not", &[&text])
    }

    fn search_predicate(&mut self, predicate: &Predicate) -> Searched {
        let field = match &predicate.subject {
            Subject::Event => return self.search_keywords(predicate),
            Subject::Field(field) => field,
        };
        let Some(located) = self.locate(field, predicate.span) else { return Searched::default() };
        let Some(name) = located.search.clone() else { return Searched::default() };
        if self.lookup_of(&located, predicate).is_some() {
            return Searched::default();
        }
        let tests: Vec<SearchedTest> = predicate.tests.iter().map(|test| self.search_test(&located, &name, test, predicate.span)).collect();
        let exact = tests.iter().all(|test| test.values.is_some() || test.whole.is_some());
        let mut members = Vec::new();
        let values: Vec<String> = tests.iter().flat_map(|test| test.values.iter().flatten().cloned()).collect();
        match values.as_slice() {
            [] => {}
            [value] => members.push(Fragment::atom(self.op("search_equals", &[&name, value]))),
            // Only a bare name stands before `IN`.
            values if name.starts_with('"') => {
                members.extend(values.iter().map(|value| Fragment::atom(self.op("search_equals", &[&name, value]))));
            }
            values => members.push(Fragment::atom(self.op("search_in", &[&name, &list(values)]))),
        }
        for test in tests {
            match (test.values, test.whole, test.implied) {
                (Some(_), ..) => {}
                (None, Some(form), _) | (None, None, Some(form)) => members.push(form),
                (None, None, None) => return Searched::default(),
            }
        }
        if members.is_empty() {
            return Searched::default();
        }
        let form = Fragment::join(members, Joint::Or);
        if exact { Searched::exact(form) } else { Searched::implied(Some(form)) }
    }

    fn search_test(&mut self, field: &Located, name: &str, test: &ValueTest, span: Span) -> SearchedTest {
        let value = |value: String| SearchedTest { values: Some(vec![value]), ..SearchedTest::default() };
        if !field.values.is_empty() {
            return self.search_mapped(field, name, test, span);
        }
        match test {
            ValueTest::Text(pattern) => self.search_text(field, name, pattern, span),
            ValueTest::Number(number) => {
                self.assume_plain_numbers(field, span);
                let short = format_number(number.value);
                if short == number.text {
                    return value(number_literal(&short));
                }
                // whether `=` compares amounts or texts here is not documented
                let forms = [number_literal(&short), format!("\"{}\"", number.text)];
                let forms = forms.map(|form| Fragment::atom(self.op("search_equals", &[name, &form])));
                SearchedTest { implied: Some(Fragment::join(forms.to_vec(), Joint::Or)), ..SearchedTest::default() }
            }
            ValueTest::Boolean(boolean) => value(format!("\"{boolean}\"")),
            ValueTest::Absent => {
                self.assume_absence(&field.name, span);
                let present = self.op("search_present", &[name]);
                self.whole(self.op("search_not", &[&present]))
            }
            ValueTest::Present => {
                self.assume_absence(&field.name, span);
                self.whole(self.op("search_present", &[name]))
            }
            ValueTest::Network(network) => value(format!("\"{}\"", network_text(network))),
            // a value that begins with `-` needs quotes, and whether a quoted one is compared as a number is not documented
            ValueTest::Compare(_, number) if number.value < 0.0 => SearchedTest::default(),
            ValueTest::Compare(comparison, number) => {
                self.assume_plain_numbers(field, span);
                let form = self.op(search_operator(*comparison), &[name, &number_literal(&format_number(number.value))]);
                if matches!(field.kind, FieldType::Integer | FieldType::Number) {
                    return self.whole(form);
                }
                SearchedTest { implied: Some(Fragment::atom(form)), ..SearchedTest::default() }
            }
            ValueTest::Regex(_) | ValueTest::Field(_) | ValueTest::TimePart(..) => SearchedTest::default(),
        }
    }

    fn whole(&self, text: String) -> SearchedTest {
        SearchedTest { whole: Some(Fragment::atom(text)), ..SearchedTest::default() }
    }

    fn search_text(&mut self, field: &Located, name: &str, pattern: &TextPattern, span: Span) -> SearchedTest {
        let wildcards = |before: &str, text: &str, after: &str| format!("\"{before}{}{after}\"", escape(text));
        let exact = match pattern.shape() {
            Shape::Equals("") | Shape::Anything => {
                self.assume_absence(&field.name, span);
                Some(if pattern.segments.is_empty() { "\"\"".to_owned() } else { "\"*\"".to_owned() })
            }
            Shape::Equals(text) => {
                if is_canonical_number(text) {
                    self.assume_plain_numbers(field, span);
                }
                let literal = is_plain(text) && !is_network(text) && (!is_numeric(text) || is_canonical_number(text));
                literal.then(|| wildcards("", text, ""))
            }
            Shape::StartsWith(text) => is_plain(text).then(|| wildcards("", text, "*")),
            Shape::EndsWith(text) => is_plain(text).then(|| wildcards("*", text, "")),
            Shape::Contains(text) => is_plain(text).then(|| wildcards("*", text, "*")),
            Shape::Wildcards => None,
        };
        for segment in &pattern.segments {
            if let (Segment::Literal(text), false) = (segment, pattern.cased) {
                self.assume_folding(&field.name, text, span);
            }
        }
        match exact.filter(|_| !pattern.cased || pattern.shape() == Shape::Anything) {
            Some(value) if value == "\"*\"" => self.whole(self.op("search_present", &[name])),
            Some(value) => SearchedTest { values: Some(vec![value]), ..SearchedTest::default() },
            None => SearchedTest { implied: self.weaker(name, pattern), ..SearchedTest::default() },
        }
    }

    /// `field="run*" field="*run*"`: every run of characters that the search command takes as they are.
    fn weaker(&self, name: &str, pattern: &TextPattern) -> Option<Fragment> {
        let members: Vec<Fragment> = runs(pattern)
            .into_iter()
            .map(|run| {
                let star = |anchored: bool| if anchored { "" } else { "*" };
                let value = format!("\"{}{}{}\"", star(run.starts), escape(&run.text), star(run.ends));
                Fragment::atom(self.op("search_equals", &[name, &value]))
            })
            .collect();
        (!members.is_empty()).then(|| Fragment::join(members, Joint::And))
    }

    /// A field whose values the platform writes differently: equality only.
    fn search_mapped(&mut self, field: &Located, name: &str, test: &ValueTest, span: Span) -> SearchedTest {
        match test {
            ValueTest::Absent | ValueTest::Present => {
                let plain = Located { values: Vec::new(), ..field.clone() };
                self.search_test(&plain, name, test, span)
            }
            ValueTest::Text(pattern) => {
                let (Shape::Equals(text), false) = (pattern.shape(), pattern.cased) else { return SearchedTest::default() };
                let same = |other: &str| equal_ignoring_case(other, text);
                let mut texts: Vec<String> = field.values.iter().filter(|(ours, _)| same(ours)).map(|(_, theirs)| theirs.clone()).collect();
                if !field.values.iter().any(|(_, theirs)| same(theirs)) {
                    texts.push(text.to_owned());
                }
                self.assume_folding(&field.name, text, span);
                let plain = |text: &String| is_plain(text) && !is_network(text) && !is_numeric(text) && !text.is_empty();
                if !texts.iter().all(plain) {
                    return SearchedTest::default();
                }
                let values = texts.iter().map(|text| format!("\"{}\"", escape(text))).collect();
                SearchedTest { values: Some(values), ..SearchedTest::default() }
            }
            ValueTest::Number(_)
            | ValueTest::Boolean(_)
            | ValueTest::Regex(_)
            | ValueTest::Network(_)
            | ValueTest::Compare(..)
            | ValueTest::Field(_)
            | ValueTest::TimePart(..) => SearchedTest::default(),
        }
    }

    /// Words of letters and digits are found inside of the indexed words; anything else is left to `where`.
    fn search_keywords(&mut self, predicate: &Predicate) -> Searched {
        self.assume(
            P002,
            predicate.span,
            "values stand in the raw event as they are or escaped as in JSON, names hold no keyword, and no match reaches from one value into the next".into(),
        );
        // Each leading wildcard goes through all indexed words: many of them cost more than one look at every event.
        if predicate.tests.len() > MOST_KEYWORDS {
            return Searched::default();
        }
        let (mut exact, mut members) = (true, Vec::new());
        for test in &predicate.tests {
            let ValueTest::Text(pattern) = test else { return Searched::default() };
            let words: Vec<String> = runs(pattern).iter().flat_map(|run| words(&run.text)).collect();
            if words.is_empty() {
                return Searched::default();
            }
            exact &= !pattern.cased && matches!(pattern.shape(), Shape::Contains(text) if words == [text.to_owned()]);
            let terms: Vec<Fragment> = words.iter().map(|word| Fragment::atom(self.op("search_keyword", &[word]))).collect();
            members.push(Fragment::join(terms, Joint::And));
        }
        let form = Fragment::join(members, Joint::Or);
        if exact { Searched::exact(form) } else { Searched::implied(Some(form)) }
    }
}

/// A conjunction or disjunction, if every member has a form.
fn all(parts: impl Iterator<Item = Option<Fragment>>, joint: Joint) -> Option<Fragment> {
    let parts: Option<Vec<Fragment>> = parts.collect();
    parts.filter(|parts| !parts.is_empty()).map(|parts| Fragment::join(parts, joint))
}

fn search_operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "search_equals",
        Comparison::Less => "search_less",
        Comparison::LessOrEqual => "search_less_or_equal",
        Comparison::Greater => "search_greater",
        Comparison::GreaterOrEqual => "search_greater_or_equal",
    }
}

fn number_literal(text: &str) -> String {
    if text.starts_with('-') { format!("\"{text}\"") } else { text.to_owned() }
}

/// A network without the dotted tail that IPv6 texts may have.
pub fn network_text(network: &IpNet) -> String {
    match network {
        IpNet::V4(network) => network.trunc().to_string(),
        IpNet::V6(network) if network.trunc().to_string().contains('.') => {
            let groups = network.trunc().addr().segments().map(|group| format!("{group:x}"));
            format!("{}/{}", groups.join(":"), network.prefix_len())
        }
        IpNet::V6(network) => network.trunc().to_string(),
    }
}

fn is_network(text: &str) -> bool {
    text.contains('/') && text.parse::<IpNet>().is_ok()
}

/// A run of literal characters of a pattern.
struct Run {
    text: String,
    /// Whether the value starts with it.
    starts: bool,
    /// Whether the value ends with it.
    ends: bool,
}

/// The runs that the search command takes as they are.
fn runs(pattern: &TextPattern) -> Vec<Run> {
    let mut runs = Vec::new();
    let last = pattern.segments.len().saturating_sub(1);
    for (index, segment) in pattern.segments.iter().enumerate() {
        let Segment::Literal(text) = segment else { continue };
        let cut = |c: char| is_unsafe(c) || (c == '$' && text.matches('$').count() > 1);
        let pieces: Vec<&str> = text.split(cut).collect();
        let end = pieces.len() - 1;
        for (at, piece) in pieces.into_iter().enumerate().filter(|(_, piece)| !piece.is_empty()) {
            let whole = pattern.segments.len() == 1 && end == 0;
            let ends = index == last && at == end && !(whole && is_network(piece));
            runs.push(Run { text: piece.to_owned(), starts: index == 0 && at == 0, ends });
        }
    }
    runs
}

/// The words of three or more ASCII letters and digits in a text.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() > 2).map(str::to_owned).collect()
}
