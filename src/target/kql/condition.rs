//! Conditions over one event → KQL conditions with two values.
//!
//! KQL's own logic has three: a comparison with null is null, and so is its negation. Where that could be seen
//! (below `not`, inside of `or`, in computed columns) a condition is written *strictly*: false instead of null.

use super::layout::Doc;
use super::spelling::{regex_escape, regex_literal, regex_needs, text_literal};
use super::value::{Item, Located, Operand, PLAIN_NUMBER, Stored};
use super::writer::Writer;
use crate::detection::{
    Comparison, Condition, FieldTest, Predicate, RegexTest, Relation, Segment, Shape, Subject, TextPattern, TimePart, ValueTest,
};
use crate::diagnostic::{Diagnostic, E0401, K002, K003, K006};
use crate::letter_case::{equal_ignoring_case, fold, has_case_beyond_ascii};
use crate::logsource::{ColumnType, Field, FieldType, Place};
use crate::source::Span;
use crate::yaml::Number;
use ipnet::IpNet;
use regex_syntax::hir::{Hir, HirKind, Look};

impl Writer<'_> {
    /// A condition; `strict`: never null.
    pub fn condition(&mut self, condition: &Condition, strict: bool) -> Doc {
        match condition {
            Condition::All(parts) => {
                let parts: Vec<Doc> = parts.iter().map(|part| self.condition(part, strict)).collect();
                Doc::all(parts)
            }
            Condition::Any(parts) => {
                let parts: Vec<Doc> = parts.iter().map(|part| self.condition(part, true)).collect();
                Doc::any(parts)
            }
            Condition::Not(inner) => self.negated(inner),
            Condition::Match(predicate) => self.predicate(predicate, strict),
        }
    }

    fn negated(&mut self, inner: &Condition) -> Doc {
        if let Condition::Match(predicate) = inner
            && let Some(doc) = self.negated_absence(predicate)
        {
            return doc;
        }
        Doc::not(self.condition(inner, true))
    }

    /// `not (null or '')` as `isnotempty`.
    fn negated_absence(&mut self, predicate: &Predicate) -> Option<Doc> {
        let Subject::Field(field) = &predicate.subject else { return None };
        let absence = |test: &ValueTest| matches!(test, ValueTest::Absent) || is_empty_text(test);
        let only_absence = predicate.tests.iter().all(absence) && predicate.tests.iter().any(|test| matches!(test, ValueTest::Absent));
        if !only_absence || field.list {
            return None;
        }
        match self.locate(field, predicate.span)? {
            Located::Row(operand) if operand.stored == Stored::Text || predicate.tests.len() == 1 => {
                Some(Doc::leaf(self.present(&operand)))
            }
            Located::Row(_) | Located::Item(_) => None,
        }
    }

    fn predicate(&mut self, predicate: &Predicate, strict: bool) -> Doc {
        let span = predicate.span;
        let field = match &predicate.subject {
            Subject::Event => return self.keyword(predicate),
            Subject::Field(field) => field,
        };
        if let Some(doc) = self.hashes(field, predicate, strict) {
            return doc;
        }
        let Some(located) = self.locate(field, span) else { return Doc::never() };
        let (relations, plain): (Vec<&ValueTest>, Vec<&ValueTest>) =
            predicate.tests.iter().partition(|test| matches!(test, ValueTest::Field(_)));
        let mut parts = match &located {
            Located::Row(operand) => {
                let parts = self.tests(operand, &plain, strict, span);
                let alternatives = parts.len() + relations.len() > 1;
                if alternatives && !strict { self.tests(operand, &plain, true, span) } else { parts }
            }
            Located::Item(item) => self.item_tests(item, &plain, span),
        };
        for test in relations {
            if let ValueTest::Field(test) = test {
                parts.push(self.relation(field, &located, test, span));
            }
        }
        Doc::any(parts)
    }

    /// Tests of a list's elements: true if one element passes.
    fn item_tests(&mut self, item: &Item, tests: &[&ValueTest], span: Span) -> Vec<Doc> {
        let (absence, tests): (Vec<&ValueTest>, Vec<&ValueTest>) = tests.iter().partition(|test| matches!(test, ValueTest::Absent));
        let mut parts = Vec::new();
        if !tests.is_empty() {
            let passes = self.tests(&item.operand, &tests, true, span);
            parts.push(self.some_element(item, Doc::any(passes)));
        }
        if !absence.is_empty() {
            let present = Doc::leaf(self.present(&item.operand));
            parts.push(Doc::not(self.some_element(item, present)));
        }
        parts
    }

    /// A helper column that says whether some element of a list passes.
    fn some_element(&mut self, item: &Item, passes: Doc) -> Doc {
        if passes.is_never() {
            return Doc::never();
        }
        let chosen = item.chosen.iter().map(|chosen| Doc::leaf(chosen.clone()));
        let doc = Doc::Call("some_element", Box::new(Doc::all(chosen.chain([passes]))));
        Doc::leaf(self.list_output(item.list, &format!("_any_{}", item.field), doc))
    }

    /// Alternatives that together say: the value passes one of the tests.
    pub(super) fn tests(&mut self, operand: &Operand, tests: &[&ValueTest], strict: bool, span: Span) -> Vec<Doc> {
        let mut equal = Literals::default();
        let mut networks = Vec::new();
        let mut parts = Vec::new();
        for test in tests {
            match test {
                ValueTest::Text(pattern) => match pattern.shape() {
                    Shape::Equals(text) if !text.is_empty() => parts.extend(self.literal(operand, text, pattern.cased, &mut equal, span)),
                    Shape::Equals(_)
                    | Shape::StartsWith(_)
                    | Shape::EndsWith(_)
                    | Shape::Contains(_)
                    | Shape::Anything
                    | Shape::Wildcards => parts.extend(self.pattern(operand, pattern, span)),
                },
                ValueTest::Number(number) => self.number(operand, number, &mut equal),
                ValueTest::Boolean(value) => parts.extend(self.boolean_test(operand, *value, &mut equal)),
                ValueTest::Absent => parts.push(Doc::leaf(self.absent(operand))),
                ValueTest::Present => parts.push(Doc::leaf(self.present(operand))),
                ValueTest::Regex(regex) => parts.extend(self.regex(operand, regex, span)),
                ValueTest::Network(network) => networks.push(*network),
                ValueTest::Compare(comparison, number) => parts.push(self.compare(operand, *comparison, number, strict, span)),
                ValueTest::Field(_) => {}
                ValueTest::TimePart(part, comparison, number) => {
                    parts.push(self.time_part(operand, *part, *comparison, number, strict, span));
                }
            }
        }
        let mut alternatives = self.equalities(operand, equal, strict);
        alternatives.extend(parts);
        alternatives.extend(self.networks(operand, &networks, strict, span));
        alternatives
    }

    /// A whole text. Most literals are collected, to stand in one list.
    fn literal(&mut self, operand: &Operand, text: &str, cased: bool, equal: &mut Literals, span: Span) -> Option<Doc> {
        if !operand.values.is_empty() {
            return self.mapped_literal(operand, text, cased, equal, span);
        }
        match operand.stored {
            Stored::Text | Stored::Json | Stored::Guid => equal.push_text(text, cased),
            Stored::Integer | Stored::Real => {
                let number = Number::parse(text).filter(is_canonical);
                equal.numbers.extend(number.filter(|n| operand.stored == Stored::Real || n.is_integer()).map(|n| n.text));
            }
            Stored::Boolean => {
                let same = |word: &str| if cased { text == word } else { text.eq_ignore_ascii_case(word) };
                let value = [true, false].into_iter().find(|value| same(if *value { "true" } else { "false" }));
                return value.map(|value| Doc::leaf(self.op("number_equals", &[&operand.raw, bool_text(value)])));
            }
            Stored::Moment => self.refuse_moment(span),
        }
        None
    }

    /// A literal of ours, where the platform writes other values; a value without a counterpart stands for itself.
    fn mapped_literal(&mut self, operand: &Operand, text: &str, cased: bool, equal: &mut Literals, span: Span) -> Option<Doc> {
        let same = |a: &str| if cased { a == text } else { equal_ignoring_case(a, text) };
        let plain = Operand { values: Vec::new(), ..operand.clone() };
        let theirs = operand.values.iter().filter(|(ours, _)| same(ours)).map(|(_, theirs)| theirs);
        let parts: Vec<Doc> = theirs.filter_map(|theirs| self.literal(&plain, theirs, false, equal, span)).collect();
        let replaced = operand.values.iter().any(|(_, theirs)| equal_ignoring_case(theirs, text));
        let itself = if replaced { None } else { self.literal(&plain, text, cased, equal, span) };
        let parts: Vec<Doc> = parts.into_iter().chain(itself).collect();
        (!parts.is_empty()).then(|| Doc::any(parts))
    }

    fn number(&mut self, operand: &Operand, number: &Number, equal: &mut Literals) {
        if !operand.values.is_empty() {
            let none = self.mapped_literal(operand, &number.text, false, equal, Span::default());
            debug_assert!(none.is_none() || operand.stored == Stored::Boolean);
            return;
        }
        match operand.stored {
            Stored::Integer | Stored::Real => {
                if operand.stored == Stored::Real || number.is_integer() {
                    equal.numbers.push(super::spelling::number_literal(number.value));
                }
            }
            Stored::Json if matches!(operand.kind, FieldType::Integer | FieldType::Number) => {
                equal.numbers.push(super::spelling::number_literal(number.value));
            }
            Stored::Text | Stored::Json => {
                // a text is equal if it is written like the literal, a number if its amount is the same
                let shortest = super::spelling::number_literal(number.value);
                if shortest != number.text {
                    equal.push_text(&shortest, false);
                }
                equal.push_text(&number.text, false);
            }
            Stored::Boolean | Stored::Guid | Stored::Moment => {}
        }
    }

    fn boolean_test(&mut self, operand: &Operand, value: bool, equal: &mut Literals) -> Option<Doc> {
        if !operand.values.is_empty() {
            return self.mapped_literal(operand, bool_text(value), false, equal, Span::default());
        }
        match operand.stored {
            Stored::Boolean => Some(Doc::leaf(self.op("number_equals", &[&operand.raw, bool_text(value)]))),
            Stored::Text | Stored::Json => {
                equal.push_text(bool_text(value), false);
                None
            }
            Stored::Integer | Stored::Real | Stored::Guid | Stored::Moment => None,
        }
    }

    /// Collected literals as `=~`, `in~`, `==`, `in`.
    fn equalities(&mut self, operand: &Operand, equal: Literals, strict: bool) -> Vec<Doc> {
        let mut parts = Vec::new();
        let plain = Operand { values: Vec::new(), ..operand.clone() };
        let text = self.text_of(&plain).unwrap_or_default();
        let literals = |texts: &[String]| texts.iter().map(|text| text_literal(text)).collect::<Vec<_>>();
        parts.extend(self.one_of("equals", "one_of", &text, literals(&equal.ignoring_case)));
        if !equal.folded.is_empty() {
            self.assume_folding();
            let folded = self.op("lower", &[&text]);
            parts.extend(self.one_of("equals_cased", "one_of_cased", &folded, literals(&equal.folded)));
        }
        parts.extend(self.one_of("equals_cased", "one_of_cased", &text, literals(&equal.cased)));
        let number = self.number_of(&plain).0;
        let several = equal.numbers.len() > 1;
        let numbers = self.one_of("number_equals", "one_of_numbers", &number, equal.numbers);
        parts.extend(numbers.map(|doc| doc.strict(strict && several)));
        parts
    }

    fn one_of(&self, single: &'static str, several: &'static str, value: &str, mut literals: Vec<String>) -> Option<Doc> {
        let mut seen = rustc_hash::FxHashSet::default();
        literals.retain(|literal| seen.insert(literal.clone()));
        match literals.as_slice() {
            [] => None,
            [literal] => Some(Doc::leaf(self.op(single, &[value, literal]))),
            [..] => Some(Doc::OneOf { operator: several, value: value.to_owned(), items: literals }),
        }
    }

    /// A pattern, or the empty text.
    fn pattern(&mut self, operand: &Operand, pattern: &TextPattern, span: Span) -> Option<Doc> {
        let shape = pattern.shape();
        let merged = operand.stored == Stored::Text;
        match shape {
            Shape::Anything => return Some(Doc::leaf(self.present(operand))),
            Shape::Equals("") if merged => return Some(Doc::leaf(self.absent(operand))),
            Shape::Equals("") if operand.stored != Stored::Json => return None,
            Shape::Equals(_) | Shape::StartsWith(_) | Shape::EndsWith(_) | Shape::Contains(_) | Shape::Wildcards => {}
        }
        let Some(text) = self.text_of(operand) else {
            self.refuse_moment(span);
            return None;
        };
        if shape == Shape::Equals("") {
            let empty = self.op("equals_cased", &[&text, &text_literal("")]);
            return Some(Doc::all([Doc::leaf(self.present(operand)), Doc::leaf(empty)]));
        }
        Some(Doc::leaf(self.text_pattern(&text, pattern)))
    }

    /// A text against a pattern that does not match ''.
    fn text_pattern(&mut self, text: &str, pattern: &TextPattern) -> String {
        let (operator, cased, literal) = match pattern.shape() {
            Shape::Equals(literal) => ("equals", "equals_cased", literal),
            Shape::StartsWith(literal) => ("starts_with", "starts_with_cased", literal),
            Shape::EndsWith(literal) => ("ends_with", "ends_with_cased", literal),
            Shape::Contains(literal) => ("contains", "contains_cased", literal),
            Shape::Anything | Shape::Wildcards => return self.op("matches", &[text, &regex_literal(&wildcard_regex(pattern, true))]),
        };
        if pattern.cased {
            self.op(cased, &[text, &text_literal(literal)])
        } else if has_case_beyond_ascii(literal) {
            self.assume_folding();
            self.op(cased, &[&self.op("lower", &[text]), &text_literal(&fold(literal))])
        } else {
            self.op(operator, &[text, &text_literal(literal)])
        }
    }

    fn regex(&mut self, operand: &Operand, regex: &RegexTest, span: Span) -> Option<Doc> {
        let literal = self.regex_text(regex, span)?;
        let Some(text) = self.text_of(operand) else {
            self.refuse_moment(span);
            return None;
        };
        let matches = Doc::leaf(self.op("matches", &[&text, &literal]));
        let guard = operand.stored != Stored::Text && matches_empty(regex);
        Some(if guard { Doc::all([Doc::leaf(self.present(operand)), matches]) } else { matches })
    }

    /// The literal of an author's regular expression.
    fn regex_text(&mut self, regex: &RegexTest, span: Span) -> Option<String> {
        let needs = if regex.fancy { None } else { regex_needs(&regex.pattern) };
        let Some(needs) = needs else {
            let message = "KQL cannot express this regular expression: its engine has neither look-around nor back-references";
            let help = "say the same with several selections, such as one that must match and one under `not`, or skip this target";
            self.refuse(Diagnostic::error(E0401, span, message).help(help));
            return None;
        };
        if needs.generation {
            let message = "classes such as \\d, \\w and \\b of a regular expression are those of Rust's regex crate, which Microsoft \
                           documents; an older engine knows them for ASCII only";
            self.assume(K006, span, message.to_owned());
        }
        Some(regex_literal(&format!("{}{}", regex.flags(), needs.pattern)))
    }

    fn compare(&mut self, operand: &Operand, comparison: Comparison, number: &Number, strict: bool, span: Span) -> Doc {
        let literal = super::spelling::number_literal(number.value);
        let mapped = !operand.values.is_empty();
        let native = match operand.stored {
            Stored::Integer | Stored::Real => !mapped,
            Stored::Json => !mapped && matches!(operand.kind, FieldType::Integer | FieldType::Number),
            Stored::Text => false,
            Stored::Boolean | Stored::Guid => return Doc::never(),
            Stored::Moment => {
                let message = "KQL cannot compare the moment in this field with a number";
                let help = "test a part of the moment (`|hour`, `|day`), or bind the field to a column that holds the number";
                self.refuse(Diagnostic::error(E0401, span, message).help(help));
                return Doc::never();
            }
        };
        if native {
            let (value, _) = self.number_of(operand);
            return Doc::leaf(self.op(comparison_operator(comparison), &[&value, &literal]))
                .strict(strict && comparison != Comparison::Equal);
        }
        let text = self.text_of(operand).unwrap_or_default();
        let plain = self.op("matches", &[&text, &regex_literal(PLAIN_NUMBER)]);
        let value = self.op("real_of", &[&text]);
        let compares = self.op(comparison_operator(comparison), &[&value, &literal]);
        Doc::all([Doc::leaf(plain), Doc::leaf(compares).strict(strict)])
    }

    fn time_part(&mut self, operand: &Operand, part: TimePart, comparison: Comparison, number: &Number, strict: bool, span: Span) -> Doc {
        let Some(moment) = self.moment_of(operand) else {
            let message = "KQL cannot read a moment from this column";
            let help = "bind the field to a `datetime` column, or to text in ISO 8601";
            self.refuse(Diagnostic::error(E0401, span, message).help(help));
            return Doc::never();
        };
        let part = match part {
            TimePart::Minute => "minute",
            TimePart::Hour => "hour",
            TimePart::Day => "day",
            TimePart::Week => "week_of_year",
            TimePart::Month => "month",
            TimePart::Year => "year",
        };
        let value = self.op("time_part", &[&text_literal(part), &moment]);
        let literal = super::spelling::number_literal(number.value);
        let compares = self.op(comparison_operator(comparison), &[&value, &literal]);
        Doc::leaf(compares).strict(strict && comparison != Comparison::Equal)
    }

    /// Networks, by family: KQL's functions know one family each and give null for the other.
    fn networks(&mut self, operand: &Operand, networks: &[IpNet], strict: bool, span: Span) -> Vec<Doc> {
        if networks.is_empty() {
            return Vec::new();
        }
        let Some(text) = self.text_of(operand) else {
            self.refuse_moment(span);
            return Vec::new();
        };
        let (four, six): (Vec<&IpNet>, Vec<&IpNet>) = networks.iter().partition(|network| matches!(network, IpNet::V4(_)));
        let mut parts = Vec::new();
        for (list, one, several) in [(&four, "in_ipv4", "in_any_ipv4"), (&six, "in_ipv6", "in_any_ipv6")] {
            let literals: Vec<String> = list.iter().map(|network| text_literal(&network.to_string())).collect();
            let operator = if literals.len() == 1 { one } else { several };
            if !literals.is_empty() {
                parts.push(
                    Doc::leaf(self.op(operator, &[&text, &literals.join(", ")])).strict(strict || (!four.is_empty() && !six.is_empty())),
                );
            }
        }
        let mapped = six.iter().any(|network| holds_mapped_addresses(network));
        if let Some(last) = parts.pop_if(|_| mapped) {
            let colon = self.op("contains", &[&text, &text_literal(":")]);
            parts.push(Doc::all([Doc::leaf(colon), last]));
        }
        parts
    }

    /// A test against another field; both must be there.
    fn relation(&mut self, field: &Field, located: &Located, test: &FieldTest, span: Span) -> Doc {
        let Some(other) = self.locate(&test.other, span) else { return Doc::never() };
        match (located, &other) {
            (Located::Row(left), Located::Row(right)) => self.relate(left, right, test, span),
            (Located::Item(item), Located::Row(right)) => {
                let passes = self.relate(&item.operand, right, test, span);
                self.some_element(item, passes)
            }
            (Located::Row(left), Located::Item(item)) => {
                let passes = self.relate(left, &item.operand, test, span);
                self.some_element(item, passes)
            }
            (Located::Item(_), Located::Item(_)) if !field.list && !test.other.list => {
                // each holds one value, which is fetched into the row
                match (self.single(field, span), self.single(&test.other, span)) {
                    (Some(left), Some(right)) => self.relate(&left, &right, test, span),
                    (None, _) | (_, None) => Doc::never(),
                }
            }
            (Located::Item(_), Located::Item(_)) => {
                let message = format!("KQL cannot compare the elements of two lists (`{}`)", test.other.name);
                let help = "compare with a field that holds one value, or skip this target";
                self.refuse(Diagnostic::error(E0401, span, message).help(help));
                Doc::never()
            }
        }
    }

    fn relate(&mut self, left: &Operand, right: &Operand, test: &FieldTest, span: Span) -> Doc {
        let (Some(a), Some(b)) = (self.text_of(left), self.text_of(right)) else {
            self.refuse_moment(span);
            return Doc::never();
        };
        if left.stored == Stored::Text || right.stored == Stored::Text {
            let message = format!("empty text in fields that are compared with each other (`{}`) counts as missing", test.other.name);
            self.assume(K003, span, message);
        }
        let operator = match test.relation {
            Relation::Equals => "equals_cased",
            Relation::StartsWith => "starts_with_cased",
            Relation::EndsWith => "ends_with_cased",
            Relation::Contains => "contains_cased",
        };
        let compares = if test.cased {
            self.op(operator, &[&a, &b])
        } else {
            self.assume_folding();
            self.op(operator, &[&self.op("lower", &[&a]), &self.op("lower", &[&b])])
        };
        let guards = [left, right].map(|operand| Doc::leaf(self.present(operand)));
        Doc::all(guards.into_iter().chain([Doc::leaf(compares)]))
    }

    /// Text anywhere in the event.
    fn keyword(&mut self, predicate: &Predicate) -> Doc {
        let table = self.detection.log_source.kql.as_ref().map_or("the table", |origin| &origin.table).to_owned();
        let json = self.has_json_columns();
        let how = if json { "a JSON column as one text, " } else { "" };
        let message =
            format!("keywords are searched in every column of `{table}`, {how}taken to hold the values of the event and nothing else");
        self.assume(K002, predicate.span, message);
        let mut parts = Vec::new();
        for test in &predicate.tests {
            match test {
                ValueTest::Text(pattern) => parts.push(self.keyword_pattern(pattern, json)),
                ValueTest::Number(number) => parts.push(Doc::leaf(self.op("any_contains", &[&text_literal(&number.text)]))),
                ValueTest::Boolean(value) => parts.push(Doc::leaf(self.op("any_contains", &[&text_literal(bool_text(*value))]))),
                ValueTest::Regex(regex) => {
                    if let Some(literal) = self.regex_text(regex, predicate.span) {
                        parts.push(Doc::leaf(self.op("any_matches", &[&literal])));
                    }
                }
                ValueTest::Absent => parts.push(Doc::never()),
                ValueTest::Present => parts.push(Doc::always()),
                ValueTest::Network(_) | ValueTest::Compare(..) | ValueTest::Field(_) | ValueTest::TimePart(..) => {
                    let message = "KQL cannot test every value of an event this way";
                    self.refuse(Diagnostic::error(E0401, predicate.span, message).help("name the field that is tested"));
                }
            }
        }
        Doc::any(parts)
    }

    fn keyword_pattern(&self, pattern: &TextPattern, json: bool) -> Doc {
        let literal = match pattern.shape() {
            Shape::Anything | Shape::Equals("") => return Doc::always(),
            Shape::Contains(text) if pattern.cased || !has_case_beyond_ascii(text) => text,
            Shape::Equals(_) | Shape::StartsWith(_) | Shape::EndsWith(_) | Shape::Contains(_) | Shape::Wildcards => {
                return Doc::leaf(self.op("any_matches", &[&regex_literal(&wildcard_regex(pattern, false))]));
            }
        };
        let operator = if pattern.cased { "any_contains_cased" } else { "any_contains" };
        let contains = |text: &str| Doc::leaf(self.op(operator, &[&text_literal(text)]));
        let escaped = json_text(literal);
        let inside = (json && escaped != literal).then(|| contains(&escaped));
        Doc::any([contains(literal)].into_iter().chain(inside))
    }

    /// Whether the log source keeps values inside of JSON columns, where quotes and backslashes are escaped.
    fn has_json_columns(&self) -> bool {
        let source = &self.detection.log_source;
        let bindings =
            source.fields.iter().filter_map(|field| field.kql.as_ref()).chain(source.others.iter().filter_map(|o| o.kql.as_ref()));
        bindings.into_iter().any(|binding| match &binding.place {
            Place::Column { kind, .. } => *kind == ColumnType::Dynamic,
            Place::Json { .. } | Place::Element { .. } => true,
            Place::Xml { .. } | Place::Joined { .. } | Place::Chosen { .. } | Place::RegistryData { .. } | Place::Hashes(_) => false,
        })
    }

    fn refuse_moment(&mut self, span: Span) {
        let message = "KQL cannot test the text of this field: its column holds a moment, not the text of the event";
        let help = "test a part of the moment (`|hour`, `|day`), or bind the field to a text column";
        self.refuse(Diagnostic::error(E0401, span, message).help(help));
    }
}

/// Literals of one field, to stand in lists.
#[derive(Default)]
struct Literals {
    ignoring_case: Vec<String>,
    folded: Vec<String>,
    cased: Vec<String>,
    numbers: Vec<String>,
}

impl Literals {
    fn push_text(&mut self, text: &str, cased: bool) {
        if cased {
            self.cased.push(text.to_owned());
        } else if has_case_beyond_ascii(text) {
            self.folded.push(fold(text).into_owned());
        } else {
            self.ignoring_case.push(text.to_owned());
        }
    }
}

/// Whether a number is written as the text of its value.
fn is_canonical(number: &Number) -> bool {
    !number.text.contains('.') || !number.text.ends_with('0')
}

/// A text as it stands inside of JSON.
fn json_text(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn bool_text(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn comparison_operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "number_equals",
        Comparison::Less => "less",
        Comparison::LessOrEqual => "less_or_equal",
        Comparison::Greater => "greater",
        Comparison::GreaterOrEqual => "greater_or_equal",
    }
}

/// A pattern as a regular expression, over the whole text or over some part of it.
fn wildcard_regex(pattern: &TextPattern, whole: bool) -> String {
    let flags = if pattern.cased { "(?s)" } else { "(?is)" };
    if whole {
        return format!("{flags}\\A{}\\z", pattern.to_regex(regex_escape));
    }
    let mut segments = pattern.segments.as_slice();
    let (mut start, mut end) = ("\\A", "\\z");
    if let [Segment::AnyRun, rest @ ..] = segments {
        (segments, start) = (rest, "");
    }
    if let [rest @ .., Segment::AnyRun] = segments {
        (segments, end) = (rest, "");
    }
    let inner = TextPattern { segments: segments.to_vec(), cased: pattern.cased };
    format!("{flags}{start}{}{end}", inner.to_regex(regex_escape))
}

/// Whether the IPv4 addresses, seen as IPv6, could lie in a network.
fn holds_mapped_addresses(network: &IpNet) -> bool {
    match network {
        IpNet::V4(_) => false,
        IpNet::V6(six) => "::ffff:0:0/96".parse().is_ok_and(|mapped: ipnet::Ipv6Net| six.contains(&mapped) || mapped.contains(six)),
    }
}

/// Whether it is the test for the empty text.
pub fn is_empty_text(test: &ValueTest) -> bool {
    matches!(test, ValueTest::Text(pattern) if pattern.shape() == Shape::Equals(""))
}

/// Whether a regular expression finds something in the empty text. One that KQL cannot run finds nothing.
pub fn matches_empty(regex: &RegexTest) -> bool {
    let parsed = regex_syntax::Parser::new().parse(&format!("{}{}", regex.flags(), regex.pattern));
    parsed.is_ok_and(|parsed| is_satisfied_by_empty(&parsed))
}

/// Whether a pattern is satisfied at the only place of the empty text.
fn is_satisfied_by_empty(pattern: &Hir) -> bool {
    match pattern.kind() {
        HirKind::Empty => true,
        HirKind::Literal(_) | HirKind::Class(_) => false,
        HirKind::Look(look) => match look {
            Look::Start | Look::End | Look::StartLF | Look::EndLF | Look::StartCRLF | Look::EndCRLF => true,
            Look::WordAsciiNegate | Look::WordUnicodeNegate => true,
            Look::WordStartHalfAscii | Look::WordEndHalfAscii | Look::WordStartHalfUnicode | Look::WordEndHalfUnicode => true,
            Look::WordAscii | Look::WordUnicode => false,
            Look::WordStartAscii | Look::WordEndAscii | Look::WordStartUnicode | Look::WordEndUnicode => false,
        },
        HirKind::Repetition(repetition) => repetition.min == 0 || is_satisfied_by_empty(&repetition.sub),
        HirKind::Capture(capture) => is_satisfied_by_empty(&capture.sub),
        HirKind::Concat(parts) => parts.iter().all(is_satisfied_by_empty),
        HirKind::Alternation(parts) => parts.iter().any(is_satisfied_by_empty),
    }
}
