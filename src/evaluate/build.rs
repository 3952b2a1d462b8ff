//! Small detections and events for unit tests.

use crate::detection::*;
use crate::expression::{ColumnReference, Expression, ExpressionKind, Relational, Type};
use crate::logsource::{EventPath, Field, FieldType, LogSource, LogSourceId, Others};
use crate::source::{Span, Spanned};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// A generator of numbers that look random and are the same in every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }
}

pub fn map(json: Json) -> Map<String, Json> {
    let Json::Object(map) = json else { panic!("not an object: {json}") };
    map
}

pub fn text_field(name: &str) -> Field {
    field_at(name, name)
}

pub fn field_at(name: &str, place: &str) -> Field {
    Field { kind: FieldType::Text, event: EventPath::parse(place).expect("a place"), ..Others::default().field(name) }
}

/// An open log source.
pub fn log_source() -> LogSource {
    LogSource::open(LogSourceId::default())
}

/// `a*b?`: without escapes.
pub fn pattern(written: &str) -> TextPattern {
    let segment = |c: char| match c {
        '*' => Segment::AnyRun,
        '?' => Segment::AnyCharacter,
        c => Segment::Literal(c.to_string()),
    };
    TextPattern::new(written.chars().map(segment), false)
}

pub fn test(field: &str, tests: Vec<ValueTest>) -> Condition {
    let subject = Subject::Field(Arc::new(text_field(field)));
    Condition::Match(Predicate { subject, tests, span: Span::default() })
}

/// `field: pattern`
pub fn is(field: &str, written: &str) -> Condition {
    test(field, vec![ValueTest::Text(pattern(written))])
}

pub fn expression(value_type: Type, kind: ExpressionKind) -> Expression {
    Expression { kind, value_type, span: Span::default() }
}

pub fn number(number: f64) -> Expression {
    expression(Type::Number, ExpressionKind::Number(number))
}

pub fn field(name: &str, value_type: Type) -> Expression {
    expression(value_type, ExpressionKind::Field(Arc::new(text_field(name))))
}

pub fn selection(index: usize) -> Expression {
    expression(Type::Boolean, ExpressionKind::Selection(index))
}

pub fn column(value_type: Type, column: ColumnReference) -> Expression {
    expression(value_type, ExpressionKind::Column(column))
}

/// The first, second … measure as a number.
pub fn measured(index: usize) -> Expression {
    column(Type::Number, ColumnReference::Measure(index))
}

pub fn compare(relational: Relational, left: Expression, right: Expression) -> Expression {
    expression(Type::Boolean, ExpressionKind::Compare(relational, Box::new(left), Box::new(right)))
}

pub fn greater(left: Expression, right: f64) -> Expression {
    compare(Relational::Greater, left, number(right))
}

pub fn measure(name: &str, function: MeasureFunction, filter: Option<Expression>) -> Measure {
    Measure { name: name.into(), function, filter, span: Span::default() }
}

pub fn aggregate(window: Window, keys: &[&str], measures: Vec<Measure>, condition: Expression) -> Aggregate {
    let key = |name: &&str| GroupKey { name: (*name).into(), field: Arc::new(text_field(name)), lower: false, span: Span::default() };
    Aggregate {
        group_by: keys.iter().map(key).collect(),
        window,
        measures,
        derived: Vec::new(),
        condition,
        labels: Vec::new(),
        sort: Vec::new(),
        span: Span::default(),
    }
}

/// A detection with the selections' conditions; `condition` is over all events.
pub fn detection(selections: Vec<Condition>, condition: Condition, aggregate: Option<Aggregate>) -> Detection {
    let selection = |(index, condition)| Selection {
        name: format!("selection_{index}"),
        span: Span::default(),
        body: SelectionBody::Items(Vec::new()),
        condition,
    };
    Detection {
        metadata: Metadata { title: Spanned::new("Title".into(), Span::default()), ..Metadata::default() },
        log_source: Arc::new(log_source()),
        log_source_span: Span::default(),
        selections: selections.into_iter().enumerate().map(selection).collect(),
        formula: Formula::Everything,
        exclusions: Vec::new(),
        condition,
        columns: Vec::new(),
        aggregate,
        schedule: Schedule { every: 3_600_000, lookback: 7_200_000, delay: 600_000, span: None },
        alert: Alert::default(),
        targets: Vec::new(),
        tests: Vec::new(),
        equivalent_mutants: Vec::new(),
        parameters: Vec::new(),
        lists: Vec::new(),
    }
}

/// Runs a detection over (seconds, event).
pub fn run(detection: &Detection, events: &[(i64, Json)]) -> Vec<Json> {
    let events: Vec<_> = events.iter().map(|(seconds, event)| (seconds * 1000, map(event.clone()))).collect();
    let events = events.iter().map(|(time, fields)| super::Event { time: *time, fields });
    let alerts = super::run(detection, events, super::RunOptions::default()).expect("a run");
    alerts.iter().map(super::Alert::to_json).collect()
}
