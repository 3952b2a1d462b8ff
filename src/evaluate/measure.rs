//! Measures over the events of one group in one window. Events can be added and, for sliding windows, taken out again;
//! the result never depends on the order in which that happened.

use super::expression::{Scope, Value, evaluate};
use crate::detection::{Measure, MeasureFunction};
use crate::expression::{Expression, Type};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// What one event adds to each measure; `None` if the measure does not count it (filter, or missing argument).
pub type Contribution = Vec<Option<Share>>;

/// What one event adds to one measure.
#[derive(Debug, Clone)]
pub enum Share {
    /// The value of the argument.
    Value(Value),
    /// To `ordered`: its time, and a bit for each step that it is.
    Steps(i64, u64),
}

/// What an event of this time adds to each of the measures.
pub fn contribution(measures: &[Measure], scope: &impl Scope, time: i64) -> Contribution {
    let one = |measure: &Measure| {
        let counts = measure.filter.as_ref().is_none_or(|filter| evaluate(filter, scope).is_true());
        if !counts {
            return None;
        }
        if let MeasureFunction::Ordered(steps) = &measure.function {
            let bit = |(index, step): (usize, &Expression)| if evaluate(step, scope).is_true() { 1 << index } else { 0 };
            let bits = steps.iter().enumerate().map(bit).fold(0, |all: u64, bit: u64| all | bit);
            return (bits != 0).then_some(Share::Steps(time, bits));
        }
        let value = measure.function.argument().map_or(Value::Boolean(true), |argument| evaluate(argument, scope));
        (!value.is_missing()).then_some(Share::Value(value))
    };
    measures.iter().map(one).collect()
}

/// The state of one measure.
#[derive(Debug, Clone)]
pub enum Accumulator {
    /// `count`
    Count(u64),
    /// `sum`, `avg`
    Sum {
        /// The sum.
        sum: ExactSum,
        /// Of so many values.
        count: u64,
    },
    /// `min`, `max` where events only come
    Extreme(Option<f64>),
    /// Everything else: the values in order, with how often each occurs.
    Bag(BTreeMap<Key, u64>),
}

impl Accumulator {
    /// The empty state; `removable` if events are also taken out.
    pub fn new(function: &MeasureFunction, removable: bool) -> Self {
        match function {
            MeasureFunction::Count => Accumulator::Count(0),
            MeasureFunction::Sum(_) | MeasureFunction::Average(_) => Accumulator::Sum { sum: ExactSum::default(), count: 0 },
            MeasureFunction::Minimum(_) | MeasureFunction::Maximum(_) if !removable => Accumulator::Extreme(None),
            MeasureFunction::Minimum(_)
            | MeasureFunction::Maximum(_)
            | MeasureFunction::Distinct(_)
            | MeasureFunction::Values(_)
            | MeasureFunction::Percentile(..)
            | MeasureFunction::Ordered(_) => Accumulator::Bag(BTreeMap::new()),
        }
    }

    /// One more event.
    pub fn add(&mut self, function: &MeasureFunction, value: &Share) {
        match self {
            Accumulator::Count(count) => *count += 1,
            Accumulator::Sum { sum, count } => {
                if let Some(quantity) = value.as_quantity() {
                    sum.add(quantity);
                    *count += 1;
                }
            }
            Accumulator::Extreme(extreme) => {
                let larger = matches!(function, MeasureFunction::Maximum(_));
                let better = |old: f64, new: f64| if larger { old.max(new) } else { old.min(new) };
                if let Some(new) = value.as_quantity() {
                    *extreme = Some(extreme.map_or(new, |old| better(old, new)));
                }
            }
            Accumulator::Bag(bag) => {
                if let Some(key) = Key::of(value) {
                    *bag.entry(key).or_default() += 1;
                }
            }
        }
    }

    /// A value that was added leaves. Extremes cannot forget: they are made only where nothing leaves.
    pub fn remove(&mut self, value: &Share) {
        match self {
            Accumulator::Count(count) => *count = count.saturating_sub(1),
            Accumulator::Sum { sum, count } => {
                if let Some(quantity) = value.as_quantity() {
                    sum.add(-quantity);
                    *count = count.saturating_sub(1);
                }
            }
            Accumulator::Extreme(_) => {}
            Accumulator::Bag(bag) => {
                let Some(key) = Key::of(value) else { return };
                let Some(count) = bag.get_mut(&key) else { return };
                *count -= 1;
                if *count == 0 {
                    bag.remove(&key);
                }
            }
        }
    }

    /// What the measure says now.
    pub fn value(&self, function: &MeasureFunction) -> Value {
        match (self, function.argument()) {
            (Accumulator::Count(count), _) => Value::Number(*count as f64),
            (Accumulator::Sum { sum, count }, Some(argument)) => sum_or_average(sum.value(), *count, function, argument.value_type),
            (Accumulator::Extreme(extreme), Some(argument)) => quantity(*extreme, argument),
            (Accumulator::Bag(bag), Some(argument)) => bag_value(bag, function, argument),
            (Accumulator::Bag(bag), None) => Value::Number(in_order(bag, function.steps().len()) as f64),
            (Accumulator::Sum { .. } | Accumulator::Extreme(_), None) => Value::Missing,
        }
    }
}

/// The sum of nothing is 0, the average of nothing missing.
fn sum_or_average(sum: f64, count: u64, function: &MeasureFunction, value_type: Type) -> Value {
    match function {
        MeasureFunction::Average(_) if count == 0 => Value::Missing,
        MeasureFunction::Average(_) => Value::quantity(value_type, sum / count as f64),
        MeasureFunction::Sum(_)
        | MeasureFunction::Count
        | MeasureFunction::Distinct(_)
        | MeasureFunction::Minimum(_)
        | MeasureFunction::Maximum(_)
        | MeasureFunction::Values(_)
        | MeasureFunction::Percentile(..)
        | MeasureFunction::Ordered(_) => Value::quantity(value_type, sum),
    }
}

fn bag_value(bag: &BTreeMap<Key, u64>, function: &MeasureFunction, argument: &Expression) -> Value {
    match function {
        MeasureFunction::Distinct(_) => Value::Number(bag.len() as f64),
        MeasureFunction::Values(_) => Value::Texts(texts(bag, argument.value_type)),
        MeasureFunction::Minimum(_) => quantity(bag.keys().next().and_then(Key::quantity), argument),
        MeasureFunction::Maximum(_) => quantity(bag.keys().next_back().and_then(Key::quantity), argument),
        MeasureFunction::Percentile(_, percent) => quantity(percentile(bag, *percent), argument),
        MeasureFunction::Count | MeasureFunction::Sum(_) | MeasureFunction::Average(_) | MeasureFunction::Ordered(_) => Value::Missing,
    }
}

fn quantity(quantity: Option<f64>, argument: &Expression) -> Value {
    quantity.map_or(Value::Missing, |quantity| Value::quantity(argument.value_type, quantity))
}

/// How many steps, from the first on, come one after the other; events of one instant are in any order.
fn in_order(bag: &BTreeMap<Key, u64>, steps: usize) -> usize {
    let (mut reached, mut now, mut seen) = (0, i64::MIN, 0u64);
    for key in bag.keys() {
        let Key::Steps(time, bits) = key else { continue };
        seen = if *time == now { seen | bits } else { *bits };
        now = *time;
        while reached < steps && seen & (1 << reached) != 0 {
            reached += 1;
        }
    }
    reached
}

/// The different values as texts, sorted by code point.
fn texts(bag: &BTreeMap<Key, u64>, value_type: Type) -> Vec<String> {
    let mut texts: Vec<String> = bag
        .keys()
        .filter_map(|key| match key {
            Key::Text(text) => Some(text.clone()),
            Key::Quantity(Quantity(number)) => Value::quantity(value_type, *number).text(),
            Key::Steps(..) => None,
        })
        .collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// Nearest rank: the smallest value such that at least `percent` percent of all values are not larger.
fn percentile(bag: &BTreeMap<Key, u64>, percent: f64) -> Option<f64> {
    let total: u64 = bag.values().sum();
    // Millionths of a percent as whole numbers: 7 % of 100 is 7, not 7.000000000000001.
    let share = (percent * 1e6).round() as u128 * u128::from(total);
    let rank = share.div_ceil(100_000_000).max(1);
    let mut seen = 0;
    let (key, _) = bag.iter().find(|(_, count)| {
        seen += u128::from(**count);
        seen >= rank
    })?;
    key.quantity()
}

/// What a value is in a [`Accumulator::Bag`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A number, a moment or a length of time.
    Quantity(Quantity),
    /// A text, or a Boolean's text.
    Text(String),
    /// A time, and the steps of `ordered` that an event is.
    Steps(i64, u64),
}

impl Share {
    fn as_quantity(&self) -> Option<f64> {
        match self {
            Share::Value(value) => value.as_quantity(),
            Share::Steps(..) => None,
        }
    }
}

/// A finite number with its order.
#[derive(Debug, Clone, Copy)]
pub struct Quantity(f64);

impl Key {
    fn of(share: &Share) -> Option<Key> {
        let value = match share {
            Share::Value(value) => value,
            Share::Steps(time, bits) => return Some(Key::Steps(*time, *bits)),
        };
        match value.as_quantity() {
            // Plus zero: -0 and 0 are one value.
            Some(quantity) => Some(Key::Quantity(Quantity(quantity + 0.0))),
            None => value.text().map(Key::Text),
        }
    }

    fn quantity(&self) -> Option<f64> {
        match self {
            Key::Quantity(quantity) => Some(quantity.0),
            Key::Text(_) | Key::Steps(..) => None,
        }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A sum without rounding errors: the parts do not overlap and add up to the exact sum (Shewchuk 1997), so that adding
/// 0.1 and taking it out again leaves what was there before.
#[derive(Debug, Clone, Default)]
pub struct ExactSum {
    parts: Vec<f64>,
}

impl ExactSum {
    /// One more number.
    pub fn add(&mut self, number: f64) {
        let mut carry = number;
        let mut kept = 0;
        for index in 0..self.parts.len() {
            let part = self.parts[index];
            let (large, small) = if carry.abs() < part.abs() { (part, carry) } else { (carry, part) };
            carry = large + small;
            let error = small - (carry - large);
            if error != 0.0 {
                self.parts[kept] = error;
                kept += 1;
            }
        }
        self.parts.truncate(kept);
        self.parts.push(carry);
    }

    /// The sum, rounded once.
    pub fn value(&self) -> f64 {
        let mut rest = self.parts.iter().rev().copied();
        let mut sum = rest.next().unwrap_or(0.0);
        let mut error = 0.0;
        for part in rest.by_ref() {
            let larger = sum + part;
            error = part - (larger - sum);
            sum = larger;
            if error != 0.0 {
                break;
            }
        }
        // Exactly between two numbers: the parts below decide the direction.
        let doubled = error * 2.0;
        let below = rest.next().unwrap_or(0.0);
        if error * below > 0.0 && (sum + doubled) - sum == doubled { sum + doubled } else { sum }
    }
}
