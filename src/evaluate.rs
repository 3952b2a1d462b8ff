//! The reference evaluator: [`Detection`] × events → alerts. It is the definition of the language; `docs/semantics.md`
//! says the same in words, and every target either means the same or reports that it does not.
//!
//! ```text
//! event ─event─▶ fields ─condition─▶ matching events ─┬─▶ alert per event ───────────────┬─throttle─▶ alerts
//!                                                     └─aggregate─▶ rows (groups, windows) ┘
//! ```
//!
//! An aggregate may also count the alerts of other detections: each has a run of its own inside, see [`chain`].

pub mod aggregate;
pub mod alert;
#[cfg(test)]
pub(crate) mod build;
mod chain;
pub mod condition;
pub mod evaluators;
pub mod event;
pub mod expression;
pub mod index;
pub mod measure;
pub mod moment;
pub mod pattern;
pub mod problem;
#[cfg(test)]
mod tests;
pub mod throttle;

pub use alert::{Alert, AlertBody};
pub use evaluators::Evaluators;
pub use event::{Event, read_time};
pub use problem::Problem;

use crate::detection::{Condition, Detection, Selection, SelectionBody};
use crate::logsource::LogSource;
use aggregate::{Aggregator, Row};
use chain::Chain;
use condition::Matcher;
use throttle::Throttle;

/// How to run a detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOptions {
    /// Whether `alert.throttle` applies.
    pub throttle: bool,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { throttle: true }
    }
}

/// Whether a condition holds of one event. For many events, make a [`Matcher`] once.
pub fn holds(condition: &Condition, log_source: &LogSource, event: &Event<'_>) -> Result<bool, Problem> {
    Ok(Matcher::new(condition, log_source)?.holds(event))
}

/// One run over all events, which must come in time order, that reports everything.
pub fn run<'e>(detection: &Detection, events: impl IntoIterator<Item = Event<'e>>, options: RunOptions) -> Result<Vec<Alert>, Problem> {
    let mut evaluator = Evaluator::new(detection, options)?;
    let mut alerts = Vec::new();
    for event in events {
        alerts.extend(evaluator.push(&event)?);
    }
    alerts.extend(evaluator.finish());
    Ok(alerts)
}

/// A run in progress: takes one event after the other and returns alerts as soon as they are settled.
#[derive(Debug, Clone)]
pub struct Evaluator<'d> {
    detection: &'d Detection,
    /// The events that match or are counted.
    condition: Matcher,
    aggregator: Option<Aggregator<'d>>,
    /// The runs of the detections whose alerts are counted.
    chain: Chain<'d>,
    throttle: Option<Throttle<'d>>,
    /// How many events came, and the time of the last one.
    seen: (usize, i64),
    /// Rows that wait for the end because the aggregate wants them sorted.
    held: Vec<Alert>,
}

impl<'d> Evaluator<'d> {
    /// A run before its first event.
    pub fn new(detection: &'d Detection, options: RunOptions) -> Result<Self, Problem> {
        Evaluator::of(detection, options, false)
    }

    fn of(detection: &'d Detection, options: RunOptions, every_instant: bool) -> Result<Self, Problem> {
        let log_source = &detection.log_source;
        let matcher = |condition: &Condition| Matcher::new(condition, log_source);
        let of_events = |selection: &Selection| match selection.body {
            SelectionBody::Alerts(_) => matcher(&Condition::NEVER),
            SelectionBody::Items(_) | SelectionBody::Alternatives(_) => matcher(&selection.condition),
        };
        let aggregator = match &detection.aggregate {
            Some(aggregate) => {
                let selections = detection.selections.iter().map(of_events).collect::<Result<_, _>>()?;
                Some(Aggregator::new(detection, aggregate, selections, every_instant))
            }
            None => None,
        };
        let chain = Chain::new(detection)?;
        let condition = matcher(&chain::counted_events(detection))?;
        let throttle = options.throttle.then(|| Throttle::new(detection)).flatten();
        Ok(Self { detection, condition, aggregator, chain, throttle, seen: (0, i64::MIN), held: Vec::new() })
    }

    /// Takes the next event; returns the alerts that are settled now.
    pub fn push(&mut self, event: &Event<'_>) -> Result<Vec<Alert>, Problem> {
        let rows = self.rows(event)?;
        if self.aggregator.is_some() {
            return Ok(self.row_alerts(rows));
        }
        let matches = self.condition.holds(event);
        Ok(if matches { self.event_alert(event).into_iter().collect() } else { Vec::new() })
    }

    /// Takes the next event; returns the rows of the aggregate that are settled now.
    fn rows(&mut self, event: &Event<'_>) -> Result<Vec<Row>, Problem> {
        let (index, previous) = self.seen;
        if event.time < previous {
            return Err(Problem::OutOfOrder { index, time: event.time, previous });
        }
        self.seen = (index + 1, event.time);
        let Some(aggregator) = &mut self.aggregator else { return Ok(Vec::new()) };
        let mut rows = Vec::new();
        for fired in self.chain.push(event)? {
            rows.extend(fired.count_in(aggregator));
        }
        rows.extend(aggregator.advance(event.time));
        if self.condition.holds(event) {
            aggregator.count(event, None);
        }
        Ok(rows)
    }

    /// No more events: returns the last rows of the aggregate.
    fn last_rows(&mut self) -> Vec<Row> {
        let Some(aggregator) = &mut self.aggregator else { return Vec::new() };
        let mut rows: Vec<Row> = self.chain.finish().iter().flat_map(|fired| fired.count_in(aggregator)).collect();
        rows.extend(aggregator.finish());
        rows
    }

    /// No more events: returns the last alerts.
    pub fn finish(mut self) -> Vec<Alert> {
        let rows = self.last_rows();
        let mut alerts = self.row_alerts(rows);
        if let Some(aggregate) = self.detection.aggregate.as_ref().filter(|aggregate| !aggregate.sort.is_empty()) {
            alerts = std::mem::take(&mut self.held);
            alerts.sort_by(|a, b| match (&a.body, &b.body) {
                (AlertBody::Row(a), AlertBody::Row(b)) => a.order(b, &aggregate.sort),
                (AlertBody::Event(_), _) | (_, AlertBody::Event(_)) => std::cmp::Ordering::Equal,
            });
        }
        alerts
    }

    /// The alert of a matching event, unless it is throttled.
    fn event_alert(&mut self, event: &Event<'_>) -> Option<Alert> {
        let columns = &self.detection.columns;
        let shown = match columns.is_empty() {
            true => event.fields.clone(),
            false => columns.iter().map(|column| (column.name.clone(), self.shown(column, event))).collect(),
        };
        let alert = self.alert(event.time, AlertBody::Event(shown));
        self.lets_through(&alert, Some(event)).then_some(alert)
    }

    /// A column of the output; the time of an event is always known.
    fn shown(&self, column: &crate::detection::Column, event: &Event<'_>) -> serde_json::Value {
        if column.field.name == self.detection.log_source.time.name {
            return moment::text(event.time).into();
        }
        event.shown(&column.field)
    }

    /// The alerts of rows, without the throttled ones; none yet if they are to be sorted in the end.
    fn row_alerts(&mut self, rows: Vec<Row>) -> Vec<Alert> {
        let now = self.seen.1;
        let tumbling = self.detection.aggregate.as_ref().is_some_and(|aggregate| aggregate.window.length().is_some());
        let mut alerts = Vec::new();
        for row in rows {
            let alert = self.alert(if tumbling { row.end } else { now }, AlertBody::Row(row));
            if self.lets_through(&alert, None) {
                alerts.push(alert);
            }
        }
        match self.detection.aggregate.as_ref().is_some_and(|aggregate| !aggregate.sort.is_empty()) {
            true => {
                self.held.append(&mut alerts);
                Vec::new()
            }
            false => alerts,
        }
    }

    fn alert(&self, time: i64, body: AlertBody) -> Alert {
        let metadata = &self.detection.metadata;
        Alert { rule: metadata.id.clone(), title: metadata.title.value.clone(), time, body }
    }

    fn lets_through(&mut self, alert: &Alert, event: Option<&Event<'_>>) -> bool {
        self.throttle.as_mut().is_none_or(|throttle| throttle.passes(alert, event))
    }
}
