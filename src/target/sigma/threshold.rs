//! The condition of an aggregate goes in, thresholds come out: an `or` of terms, each an `and` of thresholds that
//! Sigma's `gt` and `gte` say exactly. What they cannot say is refused with its place.

use super::filter::constant;
use crate::detection::{Aggregate, Measure, MeasureFunction};
use crate::diagnostic::{Diagnostic, E0401};
use crate::expression::{Arithmetic, ColumnReference, Expression, ExpressionKind, Relational};
use crate::logsource::FieldType;
use crate::source::Span;

/// The largest number of terms.
const MAX_TERMS: usize = 32;
/// The largest number that every reader takes as it is.
const MAX_NUMBER: f64 = 9_007_199_254_740_992.0;

/// A test of one measure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Threshold {
    /// Which measure; `None`: true of every group, whatever it holds.
    pub measure: Option<usize>,
    /// `gte`; else `gt`.
    pub or_equal: bool,
    /// A whole number from 0.
    pub value: u64,
    /// Its place.
    pub span: Span,
}

impl Threshold {
    fn always(span: Span) -> Self {
        Threshold { measure: None, or_equal: true, value: 1, span }
    }

    /// The smallest whole number that passes.
    pub fn least(&self) -> u64 {
        if self.or_equal { self.value } else { self.value + 1 }
    }
}

/// The terms of a condition; each term holds one threshold of each of its measures.
pub(super) fn terms(aggregate: &Aggregate) -> Result<Vec<Vec<Threshold>>, Vec<Diagnostic>> {
    let mut reader = Reader { aggregate, refused: Vec::new() };
    let terms = reader.terms(&aggregate.condition, false);
    if reader.refused.is_empty() && terms.is_empty() {
        reader.refuse(aggregate.condition.span, "a condition that never holds", "remove the aggregate");
    }
    if terms.len() > MAX_TERMS {
        reader.refuse(aggregate.condition.span, "a condition with so many combinations", "split the detection");
    }
    if reader.refused.is_empty() { Ok(simplified(terms)) } else { Err(reader.refused) }
}

/// One threshold per measure and term, no term that another one includes.
fn simplified(terms: Vec<Vec<Threshold>>) -> Vec<Vec<Threshold>> {
    let mut found: Vec<Vec<Threshold>> = Vec::new();
    for term in terms {
        let mut term = strictest(term);
        term.sort_by_key(|threshold| threshold.measure);
        if found.iter().any(|other| includes(other, &term)) {
            continue;
        }
        found.retain(|other| !includes(&term, other));
        found.push(term);
    }
    found
}

/// Whether every group that passes `narrow` passes `wide`.
fn includes(wide: &[Threshold], narrow: &[Threshold]) -> bool {
    wide.iter().all(|w| w.measure.is_none() || narrow.iter().any(|n| n.measure == w.measure && n.least() >= w.least()))
}

fn strictest(term: Vec<Threshold>) -> Vec<Threshold> {
    let mut kept: Vec<Threshold> = Vec::new();
    for threshold in term {
        match kept.iter_mut().find(|other| other.measure == threshold.measure) {
            Some(other) if other.least() < threshold.least() => *other = threshold,
            Some(_) => {}
            None => kept.push(threshold),
        }
    }
    if kept.len() > 1 {
        kept.retain(|threshold| threshold.measure.is_some());
    }
    kept
}

struct Reader<'a> {
    aggregate: &'a Aggregate,
    refused: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn refuse(&mut self, span: Span, what: &str, help: &str) {
        self.refused.push(Diagnostic::error(E0401, span, format!("Sigma cannot express {what}")).help(help));
    }

    /// The terms of a condition, or of its negation.
    fn terms(&mut self, condition: &Expression, negated: bool) -> Vec<Vec<Threshold>> {
        match &condition.kind {
            ExpressionKind::Boolean(value) if *value != negated => vec![vec![Threshold::always(condition.span)]],
            ExpressionKind::Boolean(_) => Vec::new(),
            ExpressionKind::Not(inner) => self.terms(inner, !negated),
            ExpressionKind::And(parts) if !negated => self.product(parts, negated),
            ExpressionKind::Or(parts) if negated => self.product(parts, negated),
            ExpressionKind::And(parts) | ExpressionKind::Or(parts) => parts.iter().flat_map(|part| self.terms(part, negated)).collect(),
            ExpressionKind::Compare(relation, left, right) => {
                let found = self.comparison(*relation, left, right, condition.span, negated);
                found.into_iter().map(|threshold| vec![threshold]).collect()
            }
            ExpressionKind::Number(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Duration(_)
            | ExpressionKind::Field(_)
            | ExpressionKind::Selection(_)
            | ExpressionKind::Column(_)
            | ExpressionKind::Negate(_)
            | ExpressionKind::Arithmetic(..)
            | ExpressionKind::Call(..) => {
                self.refuse(condition.span, "this condition of an aggregate", "compare a measure with a number");
                Vec::new()
            }
        }
    }

    fn product(&mut self, parts: &[Expression], negated: bool) -> Vec<Vec<Threshold>> {
        let mut terms: Vec<Vec<Threshold>> = vec![Vec::new()];
        for part in parts {
            let further = self.terms(part, negated);
            terms = terms.iter().flat_map(|term| further.iter().map(|more| [term.as_slice(), more.as_slice()].concat())).collect();
            terms.truncate(MAX_TERMS + 1);
        }
        terms
    }

    fn comparison(&mut self, relation: Relational, left: &Expression, right: &Expression, span: Span, negated: bool) -> Option<Threshold> {
        let (relation, column, value) = match (fold(left), fold(right)) {
            (None, Some(value)) => (relation, left, value),
            (Some(value), None) => (relation.turned(), right, value),
            (None, None) | (Some(_), Some(_)) => {
                self.refuse(span, "a comparison between columns of an aggregate", "compare each measure with a number");
                return None;
            }
        };
        let aggregate = self.aggregate;
        let index = self.measure(column)?;
        let measure = aggregate.measures.get(index)?;
        let relation = if negated { self.opposite(relation, measure, span)? } else { relation };
        self.threshold(index, measure, relation, value, span)
    }

    /// The measure that a side of a comparison names.
    fn measure(&mut self, side: &Expression) -> Option<usize> {
        let ExpressionKind::Column(column) = &side.kind else {
            self.refuse(side.span, "a computation in the condition of an aggregate", "compare each measure with a number");
            return None;
        };
        match column {
            ColumnReference::Measure(index) => return Some(*index),
            ColumnReference::Derived(index) => {
                let name = self.aggregate.derived.get(*index).map_or("", |derived| derived.name.as_str());
                let what = format!("a threshold on the derived column `{name}`");
                self.refuse(
                    side.span,
                    &what,
                    "compare the measures with numbers, or skip the target: `targets: { sigma: { skip: <reason> } }`",
                );
            }
            ColumnReference::Key(_) => {
                self.refuse(side.span, "a test of a group key in the condition of an aggregate", "test the field in `detection.condition`");
            }
            ColumnReference::WindowStart | ColumnReference::WindowEnd => {
                self.refuse(side.span, "a test of a window's time", "skip the target: `targets: { sigma: { skip: <reason> } }`");
            }
        }
        None
    }

    /// `not (a < b)` is `a >= b` where neither is ever missing.
    fn opposite(&mut self, relation: Relational, measure: &Measure, span: Span) -> Option<Relational> {
        if matches!(measure.function, MeasureFunction::Average(_)) {
            let what = format!("`not` of a threshold on `{}`, which may be missing", measure.name);
            self.refuse(span, &what, "write the comparison the other way round");
            return None;
        }
        Some(match relation {
            Relational::Equal => Relational::NotEqual,
            Relational::NotEqual => Relational::Equal,
            Relational::Less => Relational::GreaterOrEqual,
            Relational::LessOrEqual => Relational::Greater,
            Relational::Greater => Relational::LessOrEqual,
            Relational::GreaterOrEqual => Relational::Less,
        })
    }

    fn threshold(&mut self, index: usize, measure: &Measure, relation: Relational, value: f64, span: Span) -> Option<Threshold> {
        let counted = matches!(measure.function, MeasureFunction::Count | MeasureFunction::Distinct(_) | MeasureFunction::Ordered(_));
        let or_equal = match relation {
            Relational::Greater => false,
            Relational::GreaterOrEqual => true,
            Relational::NotEqual if counted && value == 0.0 => false,
            Relational::Equal | Relational::NotEqual | Relational::Less | Relational::LessOrEqual => {
                let sign = sign(relation);
                let what = format!("`{} {sign} {value}`: engines test it at every event, not at the end of a window", measure.name);
                self.refuse(span, &what, "use `>` or `>=`, or skip the target: `targets: { sigma: { skip: <reason> } }`");
                return None;
            }
        };
        if counted && (value < 0.0 || (or_equal && value <= 0.0)) {
            return Some(Threshold::always(span));
        }
        let whole = value.fract() == 0.0;
        let (or_equal, value) = if whole { (or_equal, value) } else { (true, value.ceil()) };
        if !(whole || counted || self.is_whole(measure)) {
            let what = format!("a threshold on `{}` that is no whole number", measure.name);
            self.refuse(span, &what, "use a whole number");
            return None;
        }
        let above_nothing = counted || value > 0.0 || (value == 0.0 && !or_equal);
        if !above_nothing || value > MAX_NUMBER {
            let what = format!("this threshold on `{}`: it must be a whole number above 0", measure.name);
            self.refuse(span, &what, "use a whole number above 0");
            return None;
        }
        Some(Threshold { measure: Some(index), or_equal, value: value as u64, span })
    }

    /// Whether a sum has only whole values.
    fn is_whole(&self, measure: &Measure) -> bool {
        let MeasureFunction::Sum(argument) = &measure.function else { return false };
        matches!(&argument.kind, ExpressionKind::Field(field) if field.kind == FieldType::Integer)
    }
}

/// The value of a side without columns.
fn fold(side: &Expression) -> Option<f64> {
    if let ExpressionKind::Arithmetic(operator, left, right) = &side.kind {
        let (left, right) = (fold(left)?, fold(right)?);
        let value = match operator {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide => left / right,
        };
        return value.is_finite().then_some(value);
    }
    constant(side)
}

fn sign(relation: Relational) -> &'static str {
    match relation {
        Relational::Equal => "==",
        Relational::NotEqual => "!=",
        Relational::Less => "<",
        Relational::LessOrEqual => "<=",
        Relational::Greater => ">",
        Relational::GreaterOrEqual => ">=",
    }
}
