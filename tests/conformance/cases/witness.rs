//! A detection → its witnesses: for every value that its condition tests, an event in which that value decides that the
//! condition holds (or, in a filter, that it does not), and near misses that differ from it in one thing: the predicate
//! flipped, a character cut off, added or changed at the edges of the value, letters in the other case, an empty value,
//! null, none at all. The same in every run.
//!
//! That a value decides means: the conditions beside it hold under an `and` and do not hold under an `or`, so that the whole
//! turns with it. Where conditions contradict each other so that this cannot be, an event with the value in a whole that
//! comes out as it should must do.

use crate::events::{Maker, fitting};
use crate::native;
use crate::random::Random;
use cognate::detection::{Condition, Detection, Predicate, Segment, Subject, TextPattern, ValueTest};
use cognate::evaluate::Event;
use cognate::evaluate::condition::Matcher;
use cognate::logsource::Field;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

type Fields = Map<String, Value>;

/// How often the search for an event begins anew with other choices.
const ATTEMPTS: usize = 40;
/// For so many values of a list near misses are made.
const NEAR_MISSES: usize = 20;

/// What was made for a detection.
pub struct Witnesses {
    /// Events, each once.
    pub events: Vec<Fields>,
    /// Values for which an event was found in which they count.
    pub reached: usize,
    /// Values for which none was found, for people.
    pub unreached: Vec<String>,
}

/// Makes the witnesses of a detection's condition.
pub fn make(detection: &Detection, fields: &[Arc<Field>], random: &mut Random) -> Witnesses {
    let mut leaves = Vec::new();
    let tree = Tree::of(&detection.condition, &mut leaves);
    let matcher = |condition: Condition| Matcher::new(&condition, &detection.log_source).expect("a condition that can be evaluated");
    let whole = matcher(detection.condition.clone());
    let leaves = leaves.into_iter().map(|predicate| Leaf { matcher: matcher(Condition::Match(predicate.clone())), predicate }).collect();
    let carrier = native::carrier(detection, fields).cloned();
    let mut search = Search { tree, leaves, whole, carrier, maker: Maker::new(detection, random) };
    let (mut found, mut reached, mut unreached) = (Found::default(), 0, Vec::new());
    for leaf in 0..search.leaves.len() {
        for (number, test) in search.leaves[leaf].predicate.tests.clone().into_iter().enumerate() {
            match search.witness(leaf, &test, &matcher) {
                Some(event) => {
                    if number < NEAR_MISSES {
                        search.near_misses(leaf, &event).into_iter().for_each(|near| found.add(near));
                    }
                    found.add(event);
                    reached += 1;
                }
                None => unreached.push(format!("{:?} {test:?}", search.leaves[leaf].predicate.subject)),
            }
        }
        for event in search.flipped(leaf) {
            found.add(event);
        }
    }
    found.add(Map::new());
    Witnesses { events: found.events, reached, unreached }
}

#[derive(Default)]
struct Found {
    events: Vec<Fields>,
    texts: BTreeSet<String>,
}

impl Found {
    fn add(&mut self, event: Fields) {
        if self.texts.insert(Value::Object(event.clone()).to_string()) {
            self.events.push(event);
        }
    }
}

/// A condition with its predicates numbered in order.
enum Tree {
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
    Leaf(usize),
}

impl Tree {
    fn of<'d>(condition: &'d Condition, leaves: &mut Vec<&'d Predicate>) -> Tree {
        match condition {
            Condition::All(parts) => Tree::All(parts.iter().map(|part| Tree::of(part, leaves)).collect()),
            Condition::Any(parts) => Tree::Any(parts.iter().map(|part| Tree::of(part, leaves)).collect()),
            Condition::Not(inner) => Tree::Not(Box::new(Tree::of(inner, leaves))),
            Condition::Match(predicate) => {
                leaves.push(predicate);
                Tree::Leaf(leaves.len() - 1)
            }
        }
    }

    fn holds_leaf(&self, leaf: usize) -> bool {
        match self {
            Tree::All(parts) | Tree::Any(parts) => parts.iter().any(|part| part.holds_leaf(leaf)),
            Tree::Not(inner) => inner.holds_leaf(leaf),
            Tree::Leaf(index) => *index == leaf,
        }
    }

    /// What the whole is if the leaf holds and everything turns with it.
    fn outcome(&self, leaf: usize) -> bool {
        match self {
            Tree::All(parts) | Tree::Any(parts) => parts.iter().find(|part| part.holds_leaf(leaf)).is_none_or(|part| part.outcome(leaf)),
            Tree::Not(inner) => !inner.outcome(leaf),
            Tree::Leaf(_) => true,
        }
    }
}

/// What must be so of a predicate, and by which test if it matters.
#[derive(Clone)]
struct Literal {
    leaf: usize,
    holds: bool,
    test: Option<ValueTest>,
}

struct Leaf<'d> {
    predicate: &'d Predicate,
    matcher: Matcher,
}

struct Search<'d, 'r> {
    tree: Tree,
    leaves: Vec<Leaf<'d>>,
    whole: Matcher,
    carrier: Option<Arc<Field>>,
    maker: Maker<'d, 'r>,
}

impl Search<'_, '_> {
    /// An event in which a test counts.
    fn witness(&mut self, leaf: usize, test: &ValueTest, matcher: &dyn Fn(Condition) -> Matcher) -> Option<Fields> {
        let predicate = Predicate { tests: vec![test.clone()], ..self.leaves[leaf].predicate.clone() };
        let passes = matcher(Condition::Match(predicate));
        let outcome = self.tree.outcome(leaf);
        for attempt in 0..ATTEMPTS {
            let mut literals = vec![Literal { leaf, holds: true, test: Some(test.clone()) }];
            let decides = attempt * 2 < ATTEMPTS;
            let tree = std::mem::replace(&mut self.tree, Tree::All(Vec::new()));
            match decides {
                true => self.decisive(&tree, leaf, &mut literals),
                false => self.wanted(&tree, outcome, &mut literals),
            }
            self.tree = tree;
            let Some(event) = self.event(&literals) else { continue };
            let event_of = Event { time: 0, fields: &event };
            if passes.holds(&event_of) && self.whole.holds(&event_of) == outcome {
                return Some(event);
            }
        }
        None
    }

    /// Events in which the predicate does not hold and would decide.
    fn flipped(&mut self, leaf: usize) -> Vec<Fields> {
        let mut events = Vec::new();
        for _ in 0..2 {
            let mut literals = vec![Literal { leaf, holds: false, test: None }];
            let tree = std::mem::replace(&mut self.tree, Tree::All(Vec::new()));
            self.decisive(&tree, leaf, &mut literals);
            self.tree = tree;
            events.extend(self.event(&literals));
        }
        events
    }

    /// What must be so for the tree to be what is wanted, by one way of many.
    fn wanted(&mut self, tree: &Tree, wanted: bool, literals: &mut Vec<Literal>) {
        match (tree, wanted) {
            (Tree::All(parts), true) | (Tree::Any(parts), false) => parts.iter().for_each(|part| self.wanted(part, wanted, literals)),
            (Tree::All(parts), false) | (Tree::Any(parts), true) => {
                if !parts.is_empty() {
                    let chosen = self.maker.random.below(parts.len());
                    self.wanted(&parts[chosen], wanted, literals);
                }
            }
            (Tree::Not(inner), _) => self.wanted(inner, !wanted, literals),
            (Tree::Leaf(leaf), _) => literals.push(Literal { leaf: *leaf, holds: wanted, test: None }),
        }
    }

    /// What must be so for the tree to turn with a leaf.
    fn decisive(&mut self, tree: &Tree, leaf: usize, literals: &mut Vec<Literal>) {
        match tree {
            Tree::All(parts) | Tree::Any(parts) => {
                let beside = matches!(tree, Tree::All(_));
                for part in parts {
                    match part.holds_leaf(leaf) {
                        true => self.decisive(part, leaf, literals),
                        false => self.wanted(part, beside, literals),
                    }
                }
            }
            Tree::Not(inner) => self.decisive(inner, leaf, literals),
            Tree::Leaf(_) => {}
        }
    }

    /// An event of which all literals are true, if one is easily made.
    fn event(&mut self, literals: &[Literal]) -> Option<Fields> {
        let mut event = Map::new();
        let mut done: BTreeSet<String> = BTreeSet::new();
        for literal in literals {
            let Subject::Field(field) = &self.leaves[literal.leaf].predicate.subject else { continue };
            let field = field.clone();
            if !done.insert(field.name.clone()) {
                continue;
            }
            let of_field = |literal: &&Literal| matches!(&self.leaves[literal.leaf].predicate.subject, Subject::Field(other) if other.name == field.name);
            let of_field: Vec<&Literal> = literals.iter().filter(of_field).collect();
            if let Some(value) = self.value(&field, &of_field, &event)? {
                event.insert(field.name.clone(), value);
            }
        }
        self.compare_fields(literals, &mut event);
        let keywords: Vec<&Literal> =
            literals.iter().filter(|literal| literal.holds && self.leaves[literal.leaf].predicate.subject == Subject::Event).collect();
        if !keywords.is_empty() {
            let carrier = self.carrier.clone();
            let name = carrier.map_or("note".to_owned(), |field| field.name.clone());
            let before = event.get(&name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let texts: Vec<String> = keywords.iter().filter_map(|literal| self.passing(literal, &event)).map(shown).collect();
            event.insert(name, [before, texts.join(" ")].concat().into());
        }
        Some(event)
    }

    /// Gives fields that must compare with others the value of these, or both one.
    fn compare_fields(&mut self, literals: &[Literal], event: &mut Fields) {
        for literal in literals.iter().filter(|literal| literal.holds) {
            let Subject::Field(field) = self.leaves[literal.leaf].predicate.subject.clone() else { continue };
            let ValueTest::Field(test) = self.test(literal) else { continue };
            let value = event.get(&field.name).or(event.get(&test.other.name)).cloned();
            if let Some(value) = value.filter(|value| !value.is_null()).or_else(|| self.maker.plain(&field)) {
                event.insert(field.name.clone(), value.clone());
                event.insert(test.other.name.clone(), fitting(&test.other, value));
            }
        }
    }

    /// A value of a field (inner `None`: no value) of which all literals are true; `None` if none is found.
    fn value(&mut self, field: &Arc<Field>, literals: &[&Literal], event: &Fields) -> Option<Option<Value>> {
        let candidates = self.candidates(field, literals, event);
        let is_good = |value: &Option<Value>| {
            let mut fields = event.clone();
            fields.extend(value.iter().map(|value| (field.name.clone(), value.clone())));
            let event = Event { time: 0, fields: &fields };
            // what is compared with another field is settled when that field stands
            let compares = |leaf: &Leaf<'_>| leaf.predicate.tests.iter().any(|test| matches!(test, ValueTest::Field(_)));
            literals.iter().all(|literal| {
                let leaf = &self.leaves[literal.leaf];
                compares(leaf) || leaf.matcher.holds(&event) == literal.holds
            })
        };
        candidates.into_iter().find(is_good)
    }

    fn candidates(&mut self, field: &Arc<Field>, literals: &[&Literal], event: &Fields) -> Vec<Option<Value>> {
        let positive: Vec<&Literal> = literals.iter().copied().filter(|literal| literal.holds).collect();
        let mut values = Vec::new();
        let (mut patterns, mut regexes) = (Vec::new(), Vec::new());
        for literal in &positive {
            let test = self.test(literal);
            if let ValueTest::Text(pattern) = test {
                patterns.push(pattern);
            } else if matches!(test, ValueTest::Regex(_)) {
                values.extend((0..6).map(|_| self.maker.wanted(&test, event)));
                regexes.push(test);
            } else if test == ValueTest::Absent {
                values.push(None);
            } else {
                values.extend((0..6).map(|_| self.maker.wanted(&test, event)));
            }
        }
        if patterns.len() + regexes.len() > 1 || !patterns.is_empty() {
            for by in ["", " ", "x", "\\", "/"] {
                for fill in ["", "q"] {
                    let text = join(&patterns, by, fill);
                    let found: Vec<String> = regexes.iter().filter_map(|test| self.maker.wanted(test, event)).map(shown).collect();
                    let found = found.join(by);
                    values.extend(
                        [format!("{text}{found}"), format!("{found}{by}{text}"), format!("{text}{by}{found}")]
                            .map(|text| Some(text.into())),
                    );
                }
            }
        }
        if positive.is_empty() {
            values.push(None);
            values.extend((0..6).map(|_| self.maker.plain(field)));
            values.extend([json!("another"), json!(""), json!("0"), json!("7")].map(Some));
        }
        values.into_iter().map(|value| value.map(|value| fitting(field, value))).collect()
    }

    /// The test by which a literal shall hold.
    fn test(&mut self, literal: &Literal) -> ValueTest {
        let tests = &self.leaves[literal.leaf].predicate.tests;
        literal.test.clone().unwrap_or_else(|| tests[self.maker.random.below(tests.len())].clone())
    }

    fn passing(&mut self, literal: &Literal, event: &Fields) -> Option<Value> {
        let test = self.test(literal);
        if let ValueTest::Text(pattern) = &test { Some(fill(pattern, "q").into()) } else { self.maker.wanted(&test, event) }
    }

    /// The event with the value of a leaf's field changed a little.
    fn near_misses(&mut self, leaf: usize, event: &Fields) -> Vec<Fields> {
        let (name, field) = match &self.leaves[leaf].predicate.subject {
            Subject::Field(field) => (field.name.clone(), Some(field.clone())),
            Subject::Event => (self.carrier.as_ref().map_or("note".to_owned(), |field| field.name.clone()), self.carrier.clone()),
        };
        let with = |value: Option<Value>| {
            let mut changed = event.clone();
            changed.remove(&name);
            changed.extend(value.map(|value| (name.clone(), value)));
            changed
        };
        let fit = |value: Value| match &field {
            Some(field) if !value.is_null() => fitting(field, value),
            Some(_) | None => value,
        };
        let changes = event.get(&name).map(changes).unwrap_or_default();
        let mut events: Vec<Fields> = changes.into_iter().map(|value| with(Some(fit(value)))).collect();
        events.push(with(None));
        if field.is_some_and(|field| field.list) {
            events.extend(event.get(&name).map(|value| with(Some(json!(["another", value])))));
        }
        events
    }
}

/// Values that differ from one in one thing.
fn changes(value: &Value) -> Vec<Value> {
    match value {
        Value::String(text) => {
            let letters: Vec<char> = text.chars().collect();
            let middle = letters.len() / 2;
            let (rest, last) = (letters.iter().skip(1), letters.iter().take(letters.len().saturating_sub(1)));
            let other = |(index, c): (usize, &char)| if index == middle { if *c == 'q' { 'z' } else { 'q' } } else { *c };
            let swapped = |c: &char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
            let texts = [
                letters.iter().enumerate().map(other).collect::<String>(),
                rest.collect(),
                last.collect(),
                format!("x{text}"),
                format!("{text}x"),
                letters.iter().map(swapped).collect(),
                String::new(),
            ];
            texts.into_iter().map(Value::from).chain([Value::Null]).collect()
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            vec![json!(number as i64 + 1), json!(number as i64 - 1), Value::Null]
        }
        Value::Bool(value) => vec![json!(!value), Value::Null],
        Value::Null | Value::Array(_) | Value::Object(_) => vec!["another".into()],
    }
}

fn shown(value: Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A text that a pattern matches.
fn fill(pattern: &TextPattern, filling: &str) -> String {
    let piece = |segment: &Segment| match segment {
        Segment::Literal(text) => text.clone(),
        Segment::AnyRun => filling.to_owned(),
        Segment::AnyCharacter => "q".to_owned(),
    };
    pattern.segments.iter().map(piece).collect()
}

/// A text that all patterns match, if one is easily made: starts, what is anywhere, ends.
fn join(patterns: &[TextPattern], by: &str, filling: &str) -> String {
    let open = |segment: Option<&Segment>| matches!(segment, Some(Segment::AnyRun));
    let texts = |start: bool, end: bool| {
        let fits = move |pattern: &&TextPattern| (open(pattern.segments.first()), open(pattern.segments.last())) == (!start, !end);
        patterns.iter().filter(fits).map(|pattern| fill(pattern, filling)).collect::<Vec<_>>()
    };
    let longest = |mut texts: Vec<String>| {
        texts.sort_by_key(String::len);
        texts.pop()
    };
    let middle = texts(false, false).join(by);
    let whole = patterns.iter().find(|pattern| !open(pattern.segments.first()) && !open(pattern.segments.last()));
    if let Some(whole) = whole {
        return fill(whole, if middle.is_empty() { filling } else { &middle });
    }
    let parts = [longest(texts(true, false)), Some(middle).filter(|text| !text.is_empty()), longest(texts(false, true))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(by)
}
