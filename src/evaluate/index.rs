//! Which of many detections an event can match at all: conditions → [`Index`]; an event's fields → a few candidates.
//!
//! Of every condition the index keeps *signs*: each event for which the condition holds shows at least one of them (a field
//! with a certain text in it, or with any value). All signs are looked up together, once per value of an event, so the work
//! does not grow with the number of detections. A candidate is a guess: the evaluator decides.

use super::event::{self, Event};
use crate::detection::{Condition, Predicate, Segment, Shape, Subject, TextPattern, ValueTest};
use crate::letter_case::fold;
use crate::logsource::{EventPath, Field, LogSource};
use aho_corasick::AhoCorasick;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};
use std::borrow::Cow;
use std::sync::Arc;

/// The number of a detection.
pub type Number = usize;

/// What an event shows if a condition may hold of it.
#[derive(Debug, Clone)]
struct Sign {
    /// The field that shows it; `None` for any place in the event.
    field: Option<Arc<Field>>,
    mark: Mark,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Mark {
    /// Any value.
    Present,
    /// A value with this text, folded.
    Equals(String),
    /// A value that holds this text, folded.
    Part(Part, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Start,
    End,
    Anywhere,
}

/// Looks up candidates.
#[derive(Debug, Clone)]
pub struct Index {
    /// Detections whose condition may hold of an event that shows nothing.
    always: Vec<Number>,
    /// Signs in any place.
    anywhere: Values,
    fields: Vec<(Arc<Field>, Values)>,
    /// The numbers of the fields whose values may stand below a key that begins so (up to its first `.`).
    keys: FxHashMap<String, Vec<usize>>,
}

/// The signs that the values of one field can show.
#[derive(Debug, Clone)]
struct Values {
    present: Vec<Number>,
    equals: FxHashMap<String, Vec<Number>>,
    /// Texts to find, ASCII case ignored, and what each of them means.
    automaton: Option<AhoCorasick>,
    parts: Vec<(Part, Vec<Number>)>,
}

impl Index {
    /// An index of the conditions; a detection's number is its position.
    pub fn new<'c>(conditions: impl IntoIterator<Item = (&'c Condition, &'c LogSource)>) -> Self {
        let mut always = Vec::new();
        let mut fields: Vec<(Option<Arc<Field>>, Signs)> = vec![(None, Signs::default())];
        let mut known = FxHashMap::default();
        for (number, (condition, log_source)) in conditions.into_iter().enumerate() {
            let Some(signs) = signs(condition, log_source) else {
                always.push(number);
                continue;
            };
            for Sign { field, mark } in signs {
                let position = field.map_or(0, |field| {
                    *known.entry(place(&field)).or_insert_with(|| {
                        fields.push((Some(field), Signs::default()));
                        fields.len() - 1
                    })
                });
                let numbers = fields[position].1.entry(mark).or_default();
                if numbers.last() != Some(&number) {
                    numbers.push(number);
                }
            }
        }
        let mut index = Self { always, anywhere: Values::new(Signs::default()), fields: Vec::new(), keys: FxHashMap::default() };
        for (field, signs) in fields {
            let values = Values::new(signs);
            match field {
                Some(field) => index.add(field, values),
                None => index.anywhere = values,
            }
        }
        index
    }

    fn add(&mut self, field: Arc<Field>, values: Values) {
        let (EventPath::Path(path) | EventPath::Element(crate::logsource::ElementPath { list: path, .. })) = &field.event;
        let mut keys: Vec<String> =
            field.all_names().chain(path.first().map(String::as_str)).map(|key| beginning(key).to_owned()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            self.keys.entry(key).or_default().push(self.fields.len());
        }
        self.fields.push((field, values));
    }

    /// The numbers of the detections that the event may match, in ascending order.
    pub fn candidates(&self, fields: &Map<String, Json>) -> Vec<Number> {
        let mut found = self.always.clone();
        let event = Event { time: 0, fields };
        if !self.anywhere.is_empty() {
            event.any_anywhere(&mut |value| self.anywhere.show(value, &mut found));
        }
        self.each_field(fields, |(field, values)| {
            event.any(field, &mut |value| values.show(value, &mut found));
        });
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The fields that an event may have: of few fields all, of many those that its keys lead to.
    fn each_field(&self, event: &Map<String, Json>, take: impl FnMut(&(Arc<Field>, Values))) {
        if self.fields.len() <= event.len() {
            return self.fields.iter().for_each(take);
        }
        let mut positions: Vec<usize> = event.keys().filter_map(|key| self.keys.get(beginning(key))).flatten().copied().collect();
        positions.sort_unstable();
        positions.dedup();
        positions.into_iter().map(|position| &self.fields[position]).for_each(take);
    }
}

/// What tells fields of several log sources apart in an event.
pub(super) fn place(field: &Field) -> (String, EventPath, bool) {
    (field.name.clone(), field.event.clone(), field.first_only)
}

/// A key up to its first `.`: flattened keys (`a.b.c`) stand for the members of maps.
fn beginning(key: &str) -> &str {
    key.split('.').next().unwrap_or(key)
}

/// The signs of one field, and whose they are.
type Signs = FxHashMap<Mark, Vec<Number>>;

impl Values {
    fn new(signs: Signs) -> Self {
        let (mut present, mut equals, mut parts, mut texts) = (Vec::new(), FxHashMap::default(), Vec::new(), Vec::new());
        for (mark, numbers) in signs {
            match mark {
                Mark::Present => present = numbers,
                Mark::Equals(text) => {
                    equals.insert(text, numbers);
                }
                Mark::Part(part, text) => {
                    parts.push((part, numbers));
                    texts.push(text);
                }
            }
        }
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&texts).ok().filter(|_| !texts.is_empty());
        if automaton.is_none() {
            // there were more texts than an automaton can hold
            present.extend(parts.iter().flat_map(|(_, numbers)| numbers));
        }
        Self { present, equals, automaton, parts }
    }

    fn is_empty(&self) -> bool {
        self.present.is_empty() && self.equals.is_empty() && self.automaton.is_none()
    }

    /// Adds the detections whose sign a value shows; `false`, to be shown the next value.
    fn show(&self, value: &Json, found: &mut Vec<Number>) -> bool {
        found.extend(&self.present);
        if self.equals.is_empty() && self.automaton.is_none() {
            return false;
        }
        let Some(text) = event::text(value) else { return false };
        self.equal(&fold(&text), found);
        if let Some(float) = value.as_number().and_then(serde_json::Number::as_f64) {
            // large integers that are equal as numbers may differ as texts
            self.equal(&event::float_text(float), found);
        }
        let Some(automaton) = &self.automaton else { return false };
        let text = if text.is_ascii() { text } else { Cow::Owned(fold(&text).into_owned()) };
        for part in automaton.find_overlapping_iter(&*text) {
            let (place, numbers) = &self.parts[part.pattern().as_usize()];
            let counts = match place {
                Part::Start => part.start() == 0,
                Part::End => part.end() == text.len(),
                Part::Anywhere => true,
            };
            if counts {
                found.extend(numbers);
            }
        }
        false
    }

    fn equal(&self, text: &str, found: &mut Vec<Number>) {
        found.extend(self.equals.get(text).into_iter().flatten());
    }
}

/// Signs of which every event that fulfils the condition shows at least one; `None` if it may show nothing.
fn signs(condition: &Condition, log_source: &LogSource) -> Option<Vec<Sign>> {
    match condition {
        Condition::All(parts) => parts.iter().filter_map(|part| signs(part, log_source)).max_by_key(|signs| clarity(signs)),
        Condition::Any(parts) => parts.iter().map(|part| signs(part, log_source)).collect::<Option<Vec<_>>>().map(|all| all.concat()),
        Condition::Not(_) => None,
        Condition::Match(predicate) => match &predicate.subject {
            // every event has a time, also if it shows none
            Subject::Field(field) if field.name == log_source.time.name => None,
            Subject::Field(_) if predicate.tests.contains(&ValueTest::Absent) => None,
            Subject::Field(field) => {
                let marks = marks(predicate).unwrap_or_else(|| vec![Mark::Present]);
                Some(marks.into_iter().map(|mark| Sign { field: Some(field.clone()), mark }).collect())
            }
            Subject::Event => Some(marks(predicate)?.into_iter().map(|mark| Sign { field: None, mark }).collect()),
        },
    }
}

/// How rarely events may show one of the signs: the length of the shortest text.
fn clarity(signs: &[Sign]) -> usize {
    let length = |sign: &Sign| match &sign.mark {
        Mark::Present => 0,
        Mark::Equals(text) | Mark::Part(_, text) => text.len(),
    };
    signs.iter().map(length).min().unwrap_or(usize::MAX)
}

/// The texts of which a value shows at least one if it passes; `None` if it need not show any.
fn marks(predicate: &Predicate) -> Option<Vec<Mark>> {
    predicate.tests.iter().map(marks_of_test).collect::<Option<Vec<_>>>().map(|marks| marks.concat())
}

fn marks_of_test(test: &ValueTest) -> Option<Vec<Mark>> {
    match test {
        ValueTest::Text(pattern) => Some(vec![mark_of_pattern(pattern)?]),
        ValueTest::Number(number) => {
            let texts = [number.text.clone(), event::float_text(number.value)];
            Some(texts.map(|text| Mark::Equals(fold(&text).into_owned())).to_vec())
        }
        ValueTest::Boolean(value) => Some(vec![Mark::Equals(value.to_string())]),
        ValueTest::Absent
        | ValueTest::Present
        | ValueTest::Regex(_)
        | ValueTest::Network(_)
        | ValueTest::Compare(..)
        | ValueTest::Field(_)
        | ValueTest::TimePart(..) => None,
    }
}

/// The longest text that every match holds.
fn mark_of_pattern(pattern: &TextPattern) -> Option<Mark> {
    let part = |part: Part, text: &str| Some(Mark::Part(part, fold(text).into_owned()));
    match pattern.shape() {
        Shape::Equals(text) => Some(Mark::Equals(fold(text).into_owned())),
        Shape::StartsWith(text) => part(Part::Start, text),
        Shape::EndsWith(text) => part(Part::End, text),
        Shape::Contains(text) => part(Part::Anywhere, text),
        Shape::Anything => None,
        Shape::Wildcards => {
            let literals = pattern.segments.iter().filter_map(|segment| match segment {
                Segment::Literal(text) => Some(text),
                Segment::AnyRun | Segment::AnyCharacter => None,
            });
            part(Part::Anywhere, literals.max_by_key(|text| text.len())?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::build::{field_at, is, log_source, map, pattern, test};
    use crate::source::Span;
    use crate::yaml::Number as Written;
    use serde_json::json;

    fn candidates(conditions: &[Condition], event: Json) -> Vec<Number> {
        let log_source = log_source();
        Index::new(conditions.iter().map(|condition| (condition, &log_source))).candidates(&map(event))
    }

    fn anywhere(written: &str) -> Condition {
        Condition::Match(Predicate { subject: Subject::Event, tests: vec![ValueTest::Text(pattern(written))], span: Span::default() })
    }

    fn number(text: &str, value: f64) -> Condition {
        test("n", vec![ValueTest::Number(Written { value, text: text.into() })])
    }

    #[test]
    fn signs_are_found_as_the_tests_find_them() {
        let conditions = ["Foo", "foo*", "*foo", "*foo*", "a*foo?", "*", ""].map(|written| is("f", written));
        let found = |value: Json| candidates(&conditions, json!({ "f": value }));
        assert_eq!(found(json!("FOO")), [0, 1, 2, 3, 4, 5]);
        assert_eq!(found(json!("xfoo")), [2, 3, 4, 5]);
        assert_eq!(found(json!("foox")), [1, 3, 4, 5]);
        assert_eq!(found(json!(["x", ["foo"]])), [0, 1, 2, 3, 4, 5]);
        assert_eq!(found(json!("")), [5, 6]);
        assert_eq!(found(json!(null)), [] as [Number; 0]);
        assert_eq!(candidates(&conditions, json!({ "g": "foo" })), [] as [Number; 0]);
    }

    #[test]
    fn case_is_ignored_beyond_ascii() {
        let conditions = [is("f", "*straße"), is("f", "İ*")];
        assert_eq!(candidates(&conditions, json!({ "f": "DIE STRAßE" })), [0]);
        assert_eq!(candidates(&conditions, json!({ "f": "istanbul" })), [1]);
        assert_eq!(candidates(&conditions, json!({ "f": "İSTANBUL" })), [1]);
    }

    #[test]
    fn numbers_in_every_form() {
        let conditions = [number("4625", 4625.0), number("1.50", 1.5), number("9007199254740993", 9_007_199_254_740_992.0)];
        assert_eq!(candidates(&conditions, json!({ "n": 4625.0 })), [0]);
        assert_eq!(candidates(&conditions, json!({ "n": "1.50" })), [1]);
        assert_eq!(candidates(&conditions, json!({ "n": "1.5" })), [1]);
        assert_eq!(candidates(&conditions, json!({ "n": 9_007_199_254_740_993_u64 })), [2]);
        assert_eq!(candidates(&conditions, json!({ "n": "9007199254740993" })), [2]);
    }

    #[test]
    fn what_need_show_nothing_is_always_a_candidate() {
        let not = Condition::Not(Box::new(is("f", "x")));
        let absent = test("f", vec![ValueTest::Absent, ValueTest::Text(pattern("x"))]);
        let open = Condition::Any(vec![is("f", "x"), not.clone()]);
        let closed = Condition::All(vec![not.clone(), is("f", "x")]);
        assert_eq!(candidates(&[not, absent, open, closed], json!({ "g": 1 })), [0, 1, 2]);
    }

    #[test]
    fn the_longest_text_is_looked_for() {
        let both = Condition::All(vec![is("f", "*.exe"), is("g", "*mimikatz*")]);
        let either = Condition::Any(vec![is("f", "*a*"), anywhere("*rubeus*")]);
        let conditions = [both, either];
        assert_eq!(candidates(&conditions, json!({ "f": "x.exe" })), [] as [Number; 0]);
        assert_eq!(candidates(&conditions, json!({ "g": "Mimikatz", "f": "x" })), [0]);
        assert_eq!(candidates(&conditions, json!({ "h": { "i": ["Rubeus"] } })), [1]);
    }

    #[test]
    fn fields_are_found_wherever_they_stand() {
        let at = |name: &str, place: &str| {
            let subject = Subject::Field(Arc::new(field_at(name, place)));
            Condition::Match(Predicate { subject, tests: vec![ValueTest::Text(pattern("x"))], span: Span::default() })
        };
        let conditions = [at("user", "author.name"), at("author.name", "author.name"), at("to", "changes[fieldName=Users].to")];
        assert_eq!(candidates(&conditions, json!({ "user": "x" })), [0]);
        assert_eq!(candidates(&conditions, json!({ "author": { "name": "x" } })), [0, 1]);
        assert_eq!(candidates(&conditions, json!({ "author.name": "x" })), [0, 1]);
        assert_eq!(candidates(&conditions, json!({ "changes": [{ "fieldName": "users", "to": "x" }] })), [2]);
        assert_eq!(candidates(&conditions, json!({ "changes": [{ "fieldName": "groups", "to": "x" }] })), [] as [Number; 0]);
    }
}
