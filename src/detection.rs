//! The detection as it is meant: typed, names resolved, lists and placeholders filled in, modifiers turned into tests.
//! Backends and the evaluator read this and nothing else. [`crate::lower`] makes it from a [`crate::spec::Spec`].

use crate::expression::{ColumnReference, Expression, ExpressionKind};
use crate::logsource::{Field, LogSource};
use crate::source::{Span, Spanned};
use crate::yaml::{Number, Value};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A whole detection.
#[derive(Debug, Clone)]
pub struct Detection {
    /// Title, id, tags and whatever else describes it.
    pub metadata: Metadata,
    /// Where its events come from.
    pub log_source: Arc<LogSource>,
    /// Place where the spec names it.
    pub log_source_span: Span,
    /// The named selections, in the author's order.
    pub selections: Vec<Selection>,
    /// `detection.condition` over selections; without one (beside an aggregate) every event of the log source.
    pub formula: Formula,
    /// Events that a site excludes, before anything is counted.
    pub exclusions: Vec<Exclusion>,
    /// The condition over one event that follows from formula and exclusions.
    pub condition: Condition,
    /// Output columns of a rule without aggregate (`fields`).
    pub columns: Vec<Column>,
    /// What is counted, per group and window.
    pub aggregate: Option<Aggregate>,
    /// How often it runs and how far it looks back.
    pub schedule: Schedule,
    /// What an alert says and does.
    pub alert: Alert,
    /// What the spec says about each target.
    pub targets: Vec<TargetSettings>,
    /// Tests with events.
    pub tests: Vec<Test>,
    /// Mutants that no test can tell from the detection, says the author.
    pub equivalent_mutants: Vec<EquivalentMutant>,
    /// Parameters with the values that apply (spec, or site).
    pub parameters: Vec<(String, Number)>,
    /// Lists with the values that apply (spec, or site).
    pub lists: Vec<(String, Vec<Value>)>,
}

impl Detection {
    /// Calls `see` for every field that conditions, output columns, group keys and measures read; some more than once.
    pub fn fields<'d>(&'d self, see: &mut impl FnMut(&'d Arc<Field>)) {
        let conditions = [&self.condition].into_iter().chain(self.selections.iter().map(|selection| &selection.condition));
        conditions.for_each(|condition| condition.predicates(&mut |predicate| predicate.fields(see)));
        self.columns.iter().for_each(|column| see(&column.field));
        for (_, chained) in self.chained() {
            chained.fields.iter().for_each(|(_, field)| see(field));
            chained.detection.fields(see);
        }
        let Some(aggregate) = &self.aggregate else { return };
        aggregate.group_by.iter().for_each(|key| see(&key.field));
        for measure in &aggregate.measures {
            measure.expressions().for_each(|expression| expression.fields(see));
        }
    }
}

impl Detection {
    /// The names of its output columns, in order; none if a rule without `fields` returns the platform's own.
    pub fn column_names(&self) -> Vec<String> {
        match &self.aggregate {
            None => self.columns.iter().map(|column| column.name.clone()).collect(),
            Some(aggregate) => {
                let keys = aggregate.group_by.iter().map(|key| key.name.clone());
                let window = ["window_start".to_owned(), "window_end".to_owned()];
                let measures = aggregate.measures.iter().map(|measure| measure.name.clone());
                let derived = aggregate.derived.iter().map(|derived| derived.name.clone());
                let labels = aggregate.labels.iter().map(|label| label.name.clone());
                keys.chain(window).chain(measures).chain(derived).chain(labels).collect()
            }
        }
    }

    /// The detections whose alerts it counts, each with the index of its selection.
    pub fn chained(&self) -> impl Iterator<Item = (usize, &Chained)> {
        self.selections.iter().enumerate().filter_map(|(index, selection)| Some((index, selection.body.alerts()?)))
    }

    /// The formula as far as it is about events; `None` if no event can match it, because only alerts are counted.
    pub fn event_formula(&self) -> Option<Formula> {
        self.formula.of_events(&|index| self.selections[index].body.alerts().is_some())
    }

    /// The selections that measures and windows name.
    pub fn measured_selections(&self) -> BTreeSet<usize> {
        let mut named = BTreeSet::new();
        let Some(aggregate) = &self.aggregate else { return named };
        if let Window::Sliding { at: Some(at), .. } = aggregate.window {
            named.insert(at);
        }
        for expression in aggregate.measures.iter().flat_map(Measure::expressions) {
            expression.visit(&mut |part| {
                if let ExpressionKind::Selection(index) = &part.kind {
                    named.insert(*index);
                }
            });
        }
        named
    }

    /// Its log source, and those of the detections whose alerts it counts.
    pub fn log_sources(&self) -> Vec<&LogSource> {
        let behind = self.chained().flat_map(|(_, chained)| chained.detection.log_sources());
        std::iter::once(&*self.log_source).chain(behind).collect()
    }

    /// The log sources whose events it reads, each once: not its own if it only counts what other detections find.
    pub fn read_log_sources(&self) -> Vec<&LogSource> {
        let own = self.event_formula().map(|_| &*self.log_source);
        let behind = self.chained().flat_map(|(_, chained)| chained.detection.read_log_sources());
        let mut sources: Vec<&LogSource> = Vec::new();
        for source in own.into_iter().chain(behind) {
            if sources.iter().all(|known| known.id != source.id) {
                sources.push(source);
            }
        }
        sources
    }

    /// The same for events of many log sources: it looks at its own.
    pub fn among_others(mut self) -> Detection {
        let own = self.log_source.own_events();
        self.condition = Condition::all(own.into_iter().chain([self.condition]));
        for selection in &mut self.selections {
            if let SelectionBody::Alerts(Chained { detection, .. }) = &mut selection.body {
                *detection = Arc::new(Detection::clone(detection).among_others());
            }
        }
        self
    }
}

/// Sigma's descriptive keys.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    /// Title.
    pub title: Spanned<String>,
    /// UUID, lower case.
    pub id: Option<String>,
    /// Place of the id.
    pub id_span: Span,
    /// Sigma's `name`, by which correlations refer to a rule.
    pub name: Option<String>,
    /// `related`: (id, type).
    pub related: Vec<(String, String)>,
    /// `stable`, `test`, `experimental`, `deprecated`, `unsupported`.
    pub status: Option<String>,
    /// `informational` to `critical`.
    pub level: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// SPDX licence id.
    pub license: Option<String>,
    /// Author.
    pub author: Option<String>,
    /// `YYYY-MM-DD`
    pub date: Option<String>,
    /// `YYYY-MM-DD`
    pub modified: Option<String>,
    /// Links.
    pub references: Vec<String>,
    /// Tags such as `attack.t1213.001`, with their places.
    pub tags: Vec<Spanned<String>>,
    /// What else may cause it.
    pub falsepositives: Vec<String>,
    /// Sigma's `taxonomy`.
    pub taxonomy: Option<String>,
    /// Sigma's `scope`.
    pub scope: Vec<String>,
    /// Sigma custom attributes: every other top-level key, in the author's order.
    pub custom: Vec<(String, Value)>,
}

impl Default for Spanned<String> {
    fn default() -> Self {
        Spanned::new(String::new(), Span::default())
    }
}

/// A named selection.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Its name.
    pub name: String,
    /// Place of the name.
    pub span: Span,
    /// What the author wrote, with lists filled in: for Sigma output and `explain`.
    pub body: SelectionBody,
    /// What it means.
    pub condition: Condition,
}

/// The shapes of a selection in Sigma.
#[derive(Debug, Clone)]
pub enum SelectionBody {
    /// A map: all items hold.
    Items(Vec<Item>),
    /// A list: one of them holds (maps, or keywords).
    Alternatives(Vec<SelectionBody>),
    /// What another detection finds. The selection's condition is that of the events behind it.
    Alerts(Chained),
}

/// Another detection whose alerts are events: of an aggregate the instants at which it holds, of a rule its own events.
#[derive(Debug, Clone)]
pub struct Chained {
    /// The other detection.
    pub detection: Arc<Detection>,
    /// The fields of its alerts: our name, and its own field, which for an aggregate is that of a group key.
    pub fields: Vec<(String, Arc<Field>)>,
}

impl SelectionBody {
    /// All its items, of maps within lists, too.
    pub fn items(&self) -> Vec<&Item> {
        match self {
            SelectionBody::Items(items) => items.iter().collect(),
            SelectionBody::Alternatives(bodies) => bodies.iter().flat_map(SelectionBody::items).collect(),
            SelectionBody::Alerts(_) => Vec::new(),
        }
    }

    /// The detection whose alerts it stands for.
    pub fn alerts(&self) -> Option<&Chained> {
        match self {
            SelectionBody::Alerts(chained) => Some(chained),
            SelectionBody::Items(_) | SelectionBody::Alternatives(_) => None,
        }
    }
}

/// `field|modifier: value(s)`; without a field: keywords.
#[derive(Debug, Clone)]
pub struct Item {
    /// The field, `None` for keywords.
    pub field: Option<Arc<Field>>,
    /// The field's name as the author wrote it; empty for keywords.
    pub written: String,
    /// Modifiers as written, without `expand` (its lists are filled in).
    pub modifiers: Vec<Modifier>,
    /// The values, with lists filled in; texts in Sigma's notation (wildcards, backslashes) as written.
    pub values: Vec<Value>,
    /// Whether the author wrote a list.
    pub listed: bool,
    /// Place of the key.
    pub span: Span,
}

/// Sigma's modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are Sigma's own")]
pub enum Modifier {
    Contains,
    StartsWith,
    EndsWith,
    All,
    Cased,
    Exists,
    Re,
    IgnoreCase,
    Multiline,
    DotAll,
    Cidr,
    Windash,
    Base64,
    Base64Offset,
    Utf16,
    Utf16Le,
    Utf16Be,
    Wide,
    FieldRef,
    Expand,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// `detection.condition`: a formula over selections, as written (for Sigma output and `explain`).
#[derive(Debug, Clone, PartialEq)]
pub enum Formula {
    /// Every event (an aggregate without a condition).
    Everything,
    /// `name`: an index into [`Detection::selections`].
    Selection(usize),
    /// `not x`
    Not(Box<Formula>),
    /// `x and y`
    And(Vec<Formula>),
    /// `x or y`
    Or(Vec<Formula>),
    /// `1 of pattern`, `3 of pattern`, `all of them`
    Quantified {
        /// How many.
        count: Quantity,
        /// The pattern as written; `them` for all.
        pattern: String,
        /// The selections that it names.
        selections: Vec<usize>,
    },
}

impl Formula {
    /// The selections that it uses, in order of their index.
    pub fn selections(&self) -> Vec<usize> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    fn collect(&self, found: &mut Vec<usize>) {
        match self {
            Formula::Everything => {}
            Formula::Selection(index) => found.push(*index),
            Formula::Not(inner) => inner.collect(found),
            Formula::And(parts) | Formula::Or(parts) => parts.iter().for_each(|part| part.collect(found)),
            Formula::Quantified { selections, .. } => found.extend(selections),
        }
    }

    /// The same formula over other indexes.
    pub fn over(&self, place: &impl Fn(usize) -> usize) -> Formula {
        let list = |parts: &[Formula]| parts.iter().map(|part| part.over(place)).collect();
        match self {
            Formula::Everything => Formula::Everything,
            Formula::Selection(index) => Formula::Selection(place(*index)),
            Formula::Not(inner) => Formula::Not(Box::new(inner.over(place))),
            Formula::And(parts) => Formula::And(list(parts)),
            Formula::Or(parts) => Formula::Or(list(parts)),
            Formula::Quantified { count, pattern, selections } => {
                let selections = selections.iter().map(|index| place(*index)).collect();
                Formula::Quantified { count: *count, pattern: pattern.clone(), selections }
            }
        }
    }

    /// Whether it holds of an alert of one selection, which is none of the others.
    pub fn holds_of_alert(&self, selection: usize) -> bool {
        let holds = |part: &Formula| part.holds_of_alert(selection);
        match self {
            Formula::Everything => true,
            Formula::Selection(index) => *index == selection,
            Formula::Not(inner) => !holds(inner),
            Formula::And(parts) => parts.iter().all(holds),
            Formula::Or(parts) => parts.iter().any(holds),
            Formula::Quantified { count, selections, .. } => {
                let needed = match count {
                    Quantity::All => selections.len(),
                    Quantity::AtLeast(count) => *count,
                };
                usize::from(selections.contains(&selection)) >= needed
            }
        }
    }

    /// The same formula over events alone, of which none is an alert; `None` if it never holds then.
    fn of_events(&self, is_alert: &impl Fn(usize) -> bool) -> Option<Formula> {
        match self {
            Formula::Everything => Some(Formula::Everything),
            Formula::Selection(index) => (!is_alert(*index)).then_some(Formula::Selection(*index)),
            Formula::Not(inner) => Some(inner.of_events(is_alert).map_or(Formula::Everything, |inner| Formula::Not(Box::new(inner)))),
            Formula::And(parts) => Some(Formula::And(parts.iter().map(|part| part.of_events(is_alert)).collect::<Option<_>>()?)),
            Formula::Or(parts) => {
                let mut parts: Vec<Formula> = parts.iter().filter_map(|part| part.of_events(is_alert)).collect();
                if parts.len() > 1 { Some(Formula::Or(parts)) } else { parts.pop() }
            }
            Formula::Quantified { count, pattern, selections } => {
                let left: Vec<usize> = selections.iter().copied().filter(|index| !is_alert(*index)).collect();
                let needed = match count {
                    Quantity::All => selections.len(),
                    Quantity::AtLeast(count) => *count,
                };
                (needed <= left.len()).then(|| Formula::Quantified { count: *count, pattern: pattern.clone(), selections: left })
            }
        }
    }

    /// The same formula with `all of` and `1 of` written out: patterns mean nothing when selections get other names.
    pub fn without_patterns(&self) -> Formula {
        let list = |parts: &[Formula]| parts.iter().map(Formula::without_patterns).collect();
        match self {
            Formula::Everything => Formula::Everything,
            Formula::Selection(index) => Formula::Selection(*index),
            Formula::Not(inner) => Formula::Not(Box::new(inner.without_patterns())),
            Formula::And(parts) => Formula::And(list(parts)),
            Formula::Or(parts) => Formula::Or(list(parts)),
            Formula::Quantified { selections, .. } if selections.len() == 1 => Formula::Selection(selections[0]),
            Formula::Quantified { count, pattern, selections } => {
                let parts = || selections.iter().map(|index| Formula::Selection(*index)).collect();
                match count {
                    Quantity::All => Formula::And(parts()),
                    Quantity::AtLeast(1) => Formula::Or(parts()),
                    Quantity::AtLeast(_) => Formula::Quantified { count: *count, pattern: pattern.clone(), selections: selections.clone() },
                }
            }
        }
    }
}

/// How many of a pattern's selections must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// `all of`
    All,
    /// `1 of` (also written `any of`), `3 of`
    AtLeast(usize),
}

/// Events that a site leaves out.
#[derive(Debug, Clone)]
pub struct Exclusion {
    /// Why.
    pub reason: String,
    /// Sigma body: for Sigma output.
    pub body: SelectionBody,
    /// The excluded events.
    pub condition: Condition,
}

/// A condition over one event. Built by [`Condition::all`], [`Condition::any`] and [`Condition::not`] only:
/// `All` and `Any` never hold exactly one child nor a child of their own kind, `Not` never holds a `Not`.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// `a and b`; of nothing: always true.
    All(Vec<Condition>),
    /// `a or b`; of nothing: never true.
    Any(Vec<Condition>),
    /// `not a`
    Not(Box<Condition>),
    /// A field, or the whole event, passes one of some tests.
    Match(Predicate),
}

impl Condition {
    /// Always true.
    pub const ALWAYS: Condition = Condition::All(Vec::new());
    /// Never true.
    pub const NEVER: Condition = Condition::Any(Vec::new());

    /// All of them hold.
    pub fn all(parts: impl IntoIterator<Item = Condition>) -> Condition {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Condition::All(inner) => flat.extend(inner),
                Condition::Any(inner) if inner.is_empty() => return Condition::NEVER,
                Condition::Any(_) | Condition::Not(_) | Condition::Match(_) => flat.push(part),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Condition::All(flat) }
    }

    /// One of them holds.
    pub fn any(parts: impl IntoIterator<Item = Condition>) -> Condition {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Condition::Any(inner) => flat.extend(inner),
                Condition::All(inner) if inner.is_empty() => return Condition::ALWAYS,
                Condition::All(_) | Condition::Not(_) | Condition::Match(_) => flat.push(part),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Condition::Any(flat) }
    }

    /// It does not hold.
    #[allow(clippy::should_implement_trait, reason = "reads like `all` and `any`")]
    pub fn not(inner: Condition) -> Condition {
        match inner {
            Condition::Not(inner) => *inner,
            Condition::All(parts) if parts.is_empty() => Condition::NEVER,
            Condition::Any(parts) if parts.is_empty() => Condition::ALWAYS,
            Condition::All(_) | Condition::Any(_) | Condition::Match(_) => Condition::Not(Box::new(inner)),
        }
    }

    /// Whether it is true of every event.
    pub fn is_always(&self) -> bool {
        matches!(self, Condition::All(parts) if parts.is_empty())
    }

    /// Calls `visit` for every predicate, in order.
    pub fn predicates<'a>(&'a self, visit: &mut impl FnMut(&'a Predicate)) {
        match self {
            Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| part.predicates(visit)),
            Condition::Not(inner) => inner.predicates(visit),
            Condition::Match(predicate) => visit(predicate),
        }
    }

    /// The same with every predicate replaced.
    pub fn map(&self, replace: &mut impl FnMut(&Predicate) -> Condition) -> Condition {
        match self {
            Condition::All(parts) => Condition::all(parts.iter().map(|part| part.map(replace)).collect::<Vec<_>>()),
            Condition::Any(parts) => Condition::any(parts.iter().map(|part| part.map(replace)).collect::<Vec<_>>()),
            Condition::Not(inner) => Condition::not(inner.map(replace)),
            Condition::Match(predicate) => replace(predicate),
        }
    }
}

/// The subject passes at least one of the tests.
#[derive(Debug, Clone)]
pub struct Predicate {
    /// What is tested.
    pub subject: Subject,
    /// At least one.
    pub tests: Vec<ValueTest>,
    /// Place of the item in the spec.
    pub span: Span,
}

impl Predicate {
    /// Calls `see` for the field that is tested, and for those that it is compared with.
    pub fn fields<'p>(&'p self, see: &mut impl FnMut(&'p Arc<Field>)) {
        if let Subject::Field(field) = &self.subject {
            see(field);
        }
        for test in &self.tests {
            if let ValueTest::Field(test) = test {
                see(&test.other);
            }
        }
    }
}

impl PartialEq for Predicate {
    fn eq(&self, other: &Self) -> bool {
        self.subject == other.subject && self.tests == other.tests
    }
}

/// What a predicate looks at.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A field; of a list-valued one any element may pass.
    Field(Arc<Field>),
    /// Any value of the event (keywords).
    Event,
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Subject::Event, Subject::Event) => true,
            (Subject::Field(a), Subject::Field(b)) => a.name == b.name,
            (Subject::Event, Subject::Field(_)) | (Subject::Field(_), Subject::Event) => false,
        }
    }
}

/// A test of one value. Every test but `Absent` is false of an absent (missing or null) value.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueTest {
    /// The whole text matches a pattern.
    Text(TextPattern),
    /// Equals a number, or the text of it.
    Number(Number),
    /// Equals `true` or `false`, or the text of it (case ignored).
    Boolean(bool),
    /// Is missing or null.
    Absent,
    /// Is neither missing nor null.
    Present,
    /// A regular expression matches some part of the text.
    Regex(RegexTest),
    /// Is an IP address in this network.
    Network(IpNet),
    /// Is a number, or the text of one, that compares so.
    Compare(Comparison, Number),
    /// The text relates so to the text of another field (of a list-valued one: of any element).
    Field(FieldTest),
    /// A part of the moment (UTC) compares so.
    TimePart(TimePart, Comparison, Number),
}

/// Text with wildcards.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TextPattern {
    /// Literals and wildcards in order; no two literals and no two `AnyRun` are neighbours, no literal is empty.
    pub segments: Vec<Segment>,
    /// Whether case counts.
    pub cased: bool,
}

/// A piece of a [`TextPattern`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// This text.
    Literal(String),
    /// `*`: any run of characters, also none.
    AnyRun,
    /// `?`: exactly one character.
    AnyCharacter,
}

/// The simple forms of a [`TextPattern`] that platforms have operators for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape<'a> {
    /// No wildcard (also the empty text).
    Equals(&'a str),
    /// `text*`
    StartsWith(&'a str),
    /// `*text`
    EndsWith(&'a str),
    /// `*text*`
    Contains(&'a str),
    /// `*`: every text, also the empty one.
    Anything,
    /// Wildcards anywhere else, or `?`.
    Wildcards,
}

impl TextPattern {
    /// Literals joined and repeated `*` merged.
    pub fn new(parts: impl IntoIterator<Item = Segment>, cased: bool) -> Self {
        let mut segments: Vec<Segment> = Vec::new();
        for part in parts {
            match (segments.last_mut(), part) {
                (_, Segment::Literal(text)) if text.is_empty() => {}
                (Some(Segment::Literal(last)), Segment::Literal(text)) => last.push_str(&text),
                (Some(Segment::AnyRun), Segment::AnyRun) => {}
                (_, part) => segments.push(part),
            }
        }
        Self { segments, cased }
    }

    /// Which operator says it.
    pub fn shape(&self) -> Shape<'_> {
        match self.segments.as_slice() {
            [] => Shape::Equals(""),
            [Segment::Literal(text)] => Shape::Equals(text),
            [Segment::AnyRun] => Shape::Anything,
            [Segment::Literal(text), Segment::AnyRun] => Shape::StartsWith(text),
            [Segment::AnyRun, Segment::Literal(text)] => Shape::EndsWith(text),
            [Segment::AnyRun, Segment::Literal(text), Segment::AnyRun] => Shape::Contains(text),
            _ => Shape::Wildcards,
        }
    }

    /// Whether a literal holds a character beyond ASCII.
    pub fn has_non_ascii(&self) -> bool {
        self.segments.iter().any(|segment| matches!(segment, Segment::Literal(text) if !text.is_ascii()))
    }

    /// As a regular expression over the whole text (anchored by `\A` and `\z` left to the caller):
    /// literals escaped by `escape`, `*` as `.*`, `?` as `.`; needs the flag `s`.
    pub fn to_regex(&self, escape: impl Fn(&str) -> String) -> String {
        let piece = |segment: &Segment| match segment {
            Segment::Literal(text) => escape(text),
            Segment::AnyRun => ".*".to_owned(),
            Segment::AnyCharacter => ".".to_owned(),
        };
        self.segments.iter().map(piece).collect()
    }
}

/// A regular expression as written, in the `fancy-regex` dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegexTest {
    /// The pattern.
    pub pattern: String,
    /// Flag `i`.
    pub ignore_case: bool,
    /// Flag `m`.
    pub multiline: bool,
    /// Flag `s`.
    pub dot_all: bool,
    /// Whether it needs look-around or back-references, which some engines lack.
    pub fancy: bool,
}

impl RegexTest {
    /// `(?ims)` with the flags that are set, or nothing.
    pub fn flags(&self) -> String {
        let flags: String =
            [(self.ignore_case, 'i'), (self.multiline, 'm'), (self.dot_all, 's')].iter().filter(|(on, _)| *on).map(|(_, c)| *c).collect();
        if flags.is_empty() { flags } else { format!("(?{flags})") }
    }

    /// Whether it asks for the beginning or the end of the text: such an expression over one value cannot be searched
    /// in a whole event.
    pub fn is_anchored(&self) -> bool {
        match regex_syntax::parse(&format!("{}{}", self.flags(), self.pattern)) {
            Ok(hir) => hir.properties().look_set().contains_anchor(),
            Err(_) => {
                let outside = self.pattern.replace("[^", "").replace("\\\\", "").replace("\\^", "").replace("\\$", "");
                outside.contains(['^', '$']) || ["\\A", "\\z", "\\Z", "\\G"].iter().any(|anchor| outside.contains(anchor))
            }
        }
    }
}

/// How numbers and moments compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A test of a field's text against another field's text; false if one of them is absent.
#[derive(Debug, Clone)]
pub struct FieldTest {
    /// The other field.
    pub other: Arc<Field>,
    /// Equals, contains, starts or ends with the other's text.
    pub relation: Relation,
    /// Whether case counts.
    pub cased: bool,
}

impl PartialEq for FieldTest {
    fn eq(&self, other: &Self) -> bool {
        (&self.other.name, self.relation, self.cased) == (&other.other.name, other.relation, other.cased)
    }
}

/// How one text relates to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Relation {
    Equals,
    StartsWith,
    EndsWith,
    Contains,
}

/// A part of a moment, in UTC. Weeks are ISO 8601 weeks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum TimePart {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// An output column of a plain rule.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name in the output: the field's name as written, other characters than `[A-Za-z0-9_]` as `_`.
    pub name: String,
    /// The field.
    pub field: Arc<Field>,
    /// Place of the name.
    pub span: Span,
}

/// What is counted per group and window.
#[derive(Debug, Clone)]
pub struct Aggregate {
    /// Group keys; none: one group.
    pub group_by: Vec<GroupKey>,
    /// The window.
    pub window: Window,
    /// Measures in order.
    pub measures: Vec<Measure>,
    /// Derived columns in order; each may use measures, keys and earlier derived columns.
    pub derived: Vec<Derived>,
    /// When there is an alert; a Boolean expression over measures, derived columns and keys.
    pub condition: Expression,
    /// Labels in order.
    pub labels: Vec<Label>,
    /// Order of the rows.
    pub sort: Vec<SortKey>,
    /// Place of the whole block's key.
    pub span: Span,
}

impl Aggregate {
    /// The name of a column.
    pub fn column_name(&self, column: ColumnReference) -> &str {
        let name = match column {
            ColumnReference::Key(index) => self.group_by.get(index).map(|key| &key.name),
            ColumnReference::Measure(index) => self.measures.get(index).map(|measure| &measure.name),
            ColumnReference::Derived(index) => self.derived.get(index).map(|derived| &derived.name),
            ColumnReference::WindowStart => return "window_start",
            ColumnReference::WindowEnd => return "window_end",
        };
        name.map_or("", String::as_str)
    }
}

/// A group key.
#[derive(Debug, Clone)]
pub struct GroupKey {
    /// Column name.
    pub name: String,
    /// The field.
    pub field: Arc<Field>,
    /// Whether its text is folded to lower case (`lower(user)`).
    pub lower: bool,
    /// Place.
    pub span: Span,
}

/// How events are cut into windows; lengths in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Window {
    /// `1h`: `[start, start + length)`, start a multiple of length since 1970-01-01T00:00:00Z.
    Tumbling(i64),
    /// `{ sliding: 10m }`, `{ sliding: 10m, at: selection }`: judged at t over `t − length < time ≤ t`.
    Sliding {
        /// Length.
        length: i64,
        /// The selection (an index) at whose events it is judged; none: at every event.
        at: Option<usize>,
    },
    /// `lookback`: all events that a run sees.
    Lookback,
}

impl Window {
    /// The length in milliseconds, `None` for `lookback`.
    pub fn length(&self) -> Option<i64> {
        match self {
            Window::Tumbling(length) | Window::Sliding { length, .. } => Some(*length),
            Window::Lookback => None,
        }
    }
}

/// `name: function(argument where filter)`
#[derive(Debug, Clone)]
pub struct Measure {
    /// Column name.
    pub name: String,
    /// What is measured.
    pub function: MeasureFunction,
    /// Which of the group's events count; none: all. A Boolean expression over selections and fields.
    pub filter: Option<Expression>,
    /// Place of the name.
    pub span: Span,
}

/// What a measure computes. Arguments are single-valued fields or expressions over them.
#[derive(Debug, Clone)]
pub enum MeasureFunction {
    /// `count()`: events as they happened; 0 of nothing.
    Count,
    /// `distinct(x)`: exact number of different present values, case kept.
    Distinct(Expression),
    /// `sum(x)`: 0 of nothing.
    Sum(Expression),
    /// `avg(x)`: missing of nothing.
    Average(Expression),
    /// `min(x)`: missing of nothing.
    Minimum(Expression),
    /// `max(x)`: missing of nothing.
    Maximum(Expression),
    /// `values(x)`: the different present values as texts, sorted by code point.
    Values(Expression),
    /// `percentile(x, p)`: nearest rank, 0 < p <= 100; missing of nothing.
    Percentile(Expression, f64),
    /// `ordered(a, b, c)`: how many of these, from the first on, are seen one after the other; Boolean expressions over
    /// selections and fields.
    Ordered(Vec<Expression>),
}

/// The most steps of `ordered`.
pub const MAX_STEPS: usize = 64;

impl Measure {
    /// All expressions over events: arguments, and the filter.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.function.argument().into_iter().chain(self.function.steps()).chain(&self.filter)
    }

    /// The same, to be changed.
    pub fn expressions_mut(&mut self) -> impl Iterator<Item = &mut Expression> {
        let of_function: Vec<&mut Expression> = match &mut self.function {
            MeasureFunction::Count => Vec::new(),
            MeasureFunction::Distinct(x)
            | MeasureFunction::Sum(x)
            | MeasureFunction::Average(x)
            | MeasureFunction::Minimum(x)
            | MeasureFunction::Maximum(x)
            | MeasureFunction::Values(x)
            | MeasureFunction::Percentile(x, _) => vec![x],
            MeasureFunction::Ordered(steps) => steps.iter_mut().collect(),
        };
        of_function.into_iter().chain(&mut self.filter)
    }
}

impl MeasureFunction {
    /// The argument, if it has one.
    pub fn argument(&self) -> Option<&Expression> {
        match self {
            MeasureFunction::Count | MeasureFunction::Ordered(_) => None,
            MeasureFunction::Distinct(x)
            | MeasureFunction::Sum(x)
            | MeasureFunction::Average(x)
            | MeasureFunction::Minimum(x)
            | MeasureFunction::Maximum(x)
            | MeasureFunction::Values(x)
            | MeasureFunction::Percentile(x, _) => Some(x),
        }
    }

    /// The steps of `ordered`.
    pub fn steps(&self) -> &[Expression] {
        if let MeasureFunction::Ordered(steps) = self { steps } else { &[] }
    }

    /// The name that the author writes.
    pub fn name(&self) -> &'static str {
        match self {
            MeasureFunction::Ordered(_) => "ordered",
            MeasureFunction::Count => "count",
            MeasureFunction::Distinct(_) => "distinct",
            MeasureFunction::Sum(_) => "sum",
            MeasureFunction::Average(_) => "avg",
            MeasureFunction::Minimum(_) => "min",
            MeasureFunction::Maximum(_) => "max",
            MeasureFunction::Values(_) => "values",
            MeasureFunction::Percentile(..) => "percentile",
        }
    }
}

/// A column computed from measures.
#[derive(Debug, Clone)]
pub struct Derived {
    /// Column name.
    pub name: String,
    /// Over measures, keys and earlier derived columns.
    pub expression: Expression,
    /// Place of the name.
    pub span: Span,
}

/// A column whose text is that of the first case that holds.
#[derive(Debug, Clone)]
pub struct Label {
    /// Column name.
    pub name: String,
    /// (when, then)
    pub cases: Vec<(Expression, String)>,
    /// The text if no case holds; missing if there is none.
    pub otherwise: Option<String>,
    /// Place of the name.
    pub span: Span,
}

/// One column to sort by. Missing values come last; rows that are equal in all sort keys come in the order of
/// window start, then group keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// A column of the output.
    pub column: String,
    /// Whether larger values come first.
    pub descending: bool,
}

/// When a rule runs; times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Time between two runs.
    pub every: i64,
    /// Length of the range that a run sees.
    pub lookback: i64,
    /// How late events may arrive: a run at T sees events before T − delay.
    pub delay: i64,
    /// The place of the spec's `schedule` block, if it has one.
    pub span: Option<Span>,
}

/// What an alert says and does.
#[derive(Debug, Clone, Default)]
pub struct Alert {
    /// Title with `{column}` tokens.
    pub title: Option<Spanned<String>>,
    /// Description with `{column}` tokens.
    pub description: Option<Spanned<String>>,
    /// No second alert with the same values for a while.
    pub throttle: Option<Throttle>,
    /// 0 to 100.
    pub risk_score: Option<u8>,
    /// Entities: (kind, field or column, identifier).
    pub entities: Vec<Entity>,
    /// Names of actions, whose parameters come from the site file.
    pub actions: Vec<Spanned<String>>,
}

/// `throttle: { for: 4h, by: [user] }`
#[derive(Debug, Clone)]
pub struct Throttle {
    /// In milliseconds.
    pub period: i64,
    /// Columns of the output.
    pub by: Vec<Spanned<String>>,
}

/// `account: { field: user, identifier: Name }`
#[derive(Debug, Clone)]
pub struct Entity {
    /// Such as `account`, `ip`, `host`.
    pub kind: String,
    /// A column of the output.
    pub column: Spanned<String>,
    /// How the platform knows it.
    pub identifier: Option<String>,
}

/// What a spec says about one target.
#[derive(Debug, Clone)]
pub struct TargetSettings {
    /// The target.
    pub target: crate::target::Target,
    /// Codes of approximations that the author accepts.
    pub accept: Vec<Spanned<String>>,
    /// Why it is not built, if it is not.
    pub skip: Option<Spanned<String>>,
    /// Why it is built, but left out of packages.
    pub query_only: Option<Spanned<String>>,
}

/// A test: events, and the alerts that must come out.
#[derive(Debug, Clone)]
pub struct Test {
    /// Its name.
    pub name: Spanned<String>,
    /// ATT&CK technique that it stands for.
    pub technique: Option<Spanned<String>>,
    /// GUID of an Atomic Red Team test.
    pub atomic: Option<Spanned<String>>,
    /// What the test leaves in the log, for people.
    pub expected_signal: Option<String>,
    /// Events with their times (milliseconds since 1970), in time order.
    pub events: Vec<TestEvent>,
    /// What must come out.
    pub expect: Expectation,
}

/// One event of a test.
#[derive(Debug, Clone)]
pub struct TestEvent {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// The event, in our names or in the product's own shape.
    pub event: Arc<serde_json::Map<String, serde_json::Value>>,
}

/// A change of the detection that no test can see, because it changes nothing: `mutants`.
#[derive(Debug, Clone)]
pub struct EquivalentMutant {
    /// The sentence of the mutant, as `cognate test --mutate` prints it.
    pub sentence: Spanned<String>,
    /// Why it changes nothing.
    pub reason: String,
}

impl Expectation {
    /// How many alerts are expected.
    pub fn count(&self) -> usize {
        match self {
            Expectation::Count(count) => *count,
            Expectation::Alerts(alerts) => alerts.len(),
        }
    }
}

/// The alerts that a test expects.
#[derive(Debug, Clone)]
pub enum Expectation {
    /// So many.
    Count(usize),
    /// Exactly these many, each holding these values (a subset of the alert).
    Alerts(Vec<Spanned<serde_json::Map<String, serde_json::Value>>>),
}
