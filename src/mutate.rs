//! Mutants: a detection → every detection that differs from it in one small thing, with a sentence that says in what.
//! The tests of a spec are good if they tell each of these from the detection itself ([`run::judge`]).
//!
//! ```text
//! Detection ─┬─formula, selections, values─┐
//!            ├─aggregate, expressions──────┼─▶ mutants ─run × the spec's tests─▶ killed / equivalent / survives ─report─▶ text, JSON
//!            └─columns, throttle───────────┘
//! ```
//!
//! The same spec has the same mutants in the same order. What tests cannot see is not changed: the schedule, texts and
//! entities of the alert, and the exclusions of a site, of which the tests of a spec know nothing.

mod aggregate;
mod expression;
mod formula;
pub mod report;
pub mod run;
mod selection;
#[cfg(test)]
mod tests;
mod value;
mod words;

use crate::detection::{Column, Condition, Detection, Throttle, Window};
use crate::lower::{duration_text, formula_condition};
use crate::source::{Source, Span};
use words::Words;

/// A detection that differs from the author's in one thing.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// What is different: stable as long as this part of the spec is.
    pub sentence: String,
    /// Where that stands in the spec.
    pub span: Span,
    /// What kind of thing it is.
    pub kind: Kind,
    /// The changed detection, without tests.
    pub detection: Detection,
}

/// What a mutant changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value of an item.
    Value,
    /// How an item compares.
    Modifier,
    /// How parts are joined, or whether they are there.
    Logic,
    /// A comparison, or the number that it compares with.
    Border,
    /// How something is computed.
    Computation,
    /// What a measure counts.
    Measure,
    /// The length of a window, or when it is judged.
    Window,
    /// A group key.
    Group,
    /// A label.
    Label,
    /// How long, or for what, alerts are held back.
    Throttle,
    /// The order of rows.
    Order,
    /// An output column.
    Column,
}

impl Kind {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Value => "value",
            Kind::Modifier => "modifier",
            Kind::Logic => "logic",
            Kind::Border => "border",
            Kind::Computation => "computation",
            Kind::Measure => "measure",
            Kind::Window => "window",
            Kind::Group => "group",
            Kind::Label => "label",
            Kind::Throttle => "throttle",
            Kind::Order => "order",
            Kind::Column => "column",
        }
    }

    /// Which test would tell the mutant from the detection.
    pub fn hint(self) -> &'static str {
        match self {
            Kind::Value => "add an event that matches by this value alone, or one that comes close to it",
            Kind::Modifier => "add an event that the one spelling matches and the other does not",
            Kind::Logic => "add an event for which only this part decides",
            Kind::Border => "add a test with a number exactly at the border, and one right beside it",
            Kind::Computation => "expect the column's value in a test in which the other way of computing gives another one",
            Kind::Measure => "expect the column's value in a test in which the other measure gives another one",
            Kind::Window => "add events at the edge of the window: a little less apart than its length, and a little more",
            Kind::Group => "add events that differ in this key alone and would be an alert together",
            Kind::Label => "expect the label in a test for this case, with values for which only this case decides",
            Kind::Throttle => "add two alerts, a little less apart than the time and a little more, that differ in one key",
            Kind::Order => "add rows of one window of which the throttle lets only the first through",
            Kind::Column => "expect the column's value in a test",
        }
    }
}

/// A changed part, before it is put into the detection again.
struct Variant<T> {
    /// The change in words, after the name of the part.
    change: String,
    span: Span,
    kind: Kind,
    value: T,
}

impl<T> Variant<T> {
    fn becomes(span: Span, kind: Kind, old: &str, new: &str, value: T) -> Self {
        Self { change: format!("`{old}` becomes `{new}`"), span, kind, value }
    }

    fn loses(span: Span, kind: Kind, lost: &str, value: T) -> Self {
        Self { change: format!("loses `{lost}`"), span, kind, value }
    }

    fn map<U>(self, wrap: impl FnOnce(T) -> U) -> Variant<U> {
        Variant { change: self.change, span: self.span, kind: self.kind, value: wrap(self.value) }
    }

    fn mutant(self, part: &str, make: impl FnOnce(T) -> Detection) -> Mutant {
        Mutant { sentence: format!("{part}: {}", self.change), span: self.span, kind: self.kind, detection: make(self.value) }
    }
}

/// Without one element.
fn without<T: Clone>(list: &[T], index: usize) -> Vec<T> {
    list.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, element)| element.clone()).collect()
}

/// With another element.
fn with<T: Clone>(list: &[T], index: usize, element: T) -> Vec<T> {
    let mut list = list.to_vec();
    list[index] = element;
    list
}

/// All mutants of one detection, each made when it is asked for.
pub struct Mutants<'s> {
    words: Words<'s>,
    /// The detection without its tests.
    detection: Detection,
    /// Its selections as trees of items.
    nodes: Vec<selection::Node>,
}

impl<'s> Mutants<'s> {
    /// Of a detection and the source that its places are in.
    pub fn new(source: &'s Source, detection: &Detection) -> Self {
        let detection = Detection { tests: Vec::new(), equivalent_mutants: Vec::new(), ..detection.clone() };
        let nodes = detection.selections.iter().map(selection::Node::of).collect();
        Self { words: Words::new(source, &detection), detection, nodes }
    }

    /// In the order of the language: condition, selections, columns, aggregate, throttle.
    pub fn all(&self) -> impl Iterator<Item = Mutant> + Send {
        let formula = self.formula();
        formula.chain(self.selections()).chain(self.columns()).chain(self.aggregate()).chain(self.throttle())
    }

    fn formula(&self) -> impl Iterator<Item = Mutant> + Send {
        let span = self.words.place(&["detection", "condition"]);
        let variants = formula::variants(&self.words, &self.detection.formula, span);
        variants
            .into_iter()
            .map(|variant| variant.mutant("condition", |formula| self.with_condition(Detection { formula, ..self.detection.clone() })))
    }

    fn selections(&self) -> impl Iterator<Item = Mutant> + Send {
        self.detection.selections.iter().zip(&self.nodes).enumerate().flat_map(move |(index, (selection, node))| {
            let part = format!("selection `{}`", selection.name);
            selection::variants(selection, node).map(move |variant| {
                variant.mutant(&part, |condition| {
                    let mut detection = self.detection.clone();
                    detection.selections[index].condition = condition;
                    self.with_condition(detection)
                })
            })
        })
    }

    /// The condition that follows from formula, selections and exclusions.
    fn with_condition(&self, detection: Detection) -> Detection {
        let formula = formula_condition(&detection.formula, &detection.selections);
        let excluded = detection.exclusions.iter().map(|exclusion| Condition::not(exclusion.condition.clone()));
        Detection { condition: Condition::all(std::iter::once(formula).chain(excluded)), ..detection }
    }

    /// Columns that have another name than their field: without the column a test finds the field all the same.
    fn columns(&self) -> impl Iterator<Item = Mutant> + Send {
        let columns = &self.detection.columns;
        let is_visible = |column: &Column| self.detection.aggregate.is_none() && column.name != column.field.name;
        columns.iter().enumerate().filter(move |(_, column)| is_visible(column)).map(|(index, column)| {
            let variant = Variant::loses(column.span, Kind::Column, &column.name, without(columns, index));
            variant.mutant("fields", |columns| Detection { columns, ..self.detection.clone() })
        })
    }

    fn aggregate(&self) -> impl Iterator<Item = Mutant> + Send {
        let aggregate = self.detection.aggregate.iter();
        aggregate
            .flat_map(|aggregate| aggregate::variants(&self.words, &self.detection, aggregate))
            .map(|(part, variant)| variant.mutant(&part, |aggregate| Detection { aggregate: Some(aggregate), ..self.detection.clone() }))
    }

    fn throttle(&self) -> impl Iterator<Item = Mutant> + Send {
        let variants = self.detection.alert.throttle.iter().flat_map(|throttle| self.throttles(throttle));
        variants.map(|variant| {
            variant.mutant("throttle", |throttle| {
                let mut detection = self.detection.clone();
                detection.alert.throttle = Some(throttle);
                detection
            })
        })
    }

    fn throttles(&self, throttle: &Throttle) -> Vec<Variant<Throttle>> {
        let span = self.words.place(&["alert", "throttle", "for"]);
        let periods = lengths(span, Kind::Throttle, throttle.period).into_iter();
        let mut variants: Vec<_> = periods.map(|variant| variant.map(|period| Throttle { period, by: throttle.by.clone() })).collect();
        for (index, key) in throttle.by.iter().enumerate() {
            let rest = Throttle { period: throttle.period, by: without(&throttle.by, index) };
            variants.push(Variant::loses(key.span, Kind::Throttle, &key.value, rest));
        }
        variants
    }
}

/// A length of time halved and doubled.
fn lengths(span: Span, kind: Kind, length: i64) -> Vec<Variant<i64>> {
    let changed = [length / 2, length.saturating_mul(2)];
    let variant = |new: i64| Variant::becomes(span, kind, &duration_text(length), &duration_text(new), new);
    changed.into_iter().filter(|new| *new > 0).map(variant).collect()
}

/// A window with another length.
fn with_length(window: &Window, length: i64) -> Window {
    match window {
        Window::Tumbling(_) => Window::Tumbling(length),
        Window::Sliding { at, .. } => Window::Sliding { length, at: *at },
        Window::Lookback => Window::Lookback,
    }
}
