//! Detections whose alerts another one counts: events in time order → the events that they match, or the instants at which
//! their aggregates hold, as events of the other one.
//!
//! Such an instant counts as often as the condition holds, not only where an alert begins: a burst that goes on is
//! followed by what comes at its end too. A throttle is about what people are told and changes nothing here.

use super::aggregate::{Aggregator, Row};
use super::condition::Matcher;
use super::event::Event;
use super::moment;
use super::{Evaluator, Problem, RunOptions};
use crate::detection::{Chained, Condition, Detection};
use crate::logsource::Field;
use crate::lower::formula_condition;
use serde_json::{Map, Value as Json};

/// The runs inside of a run.
#[derive(Debug, Clone)]
pub struct Chain<'d> {
    links: Vec<Link<'d>>,
    /// What a site leaves out, also among alerts.
    exclusions: Vec<Matcher>,
}

#[derive(Debug, Clone)]
struct Link<'d> {
    selection: usize,
    chained: &'d Chained,
    run: Evaluator<'d>,
}

/// What a detection finds, as an event.
pub struct Fired {
    selection: usize,
    time: i64,
    fields: Map<String, Json>,
}

impl Fired {
    fn event(&self) -> Event<'_> {
        Event { time: self.time, fields: &self.fields }
    }

    /// Counts it; returns the rows that its time settles.
    pub fn count_in(&self, aggregator: &mut Aggregator<'_>) -> Vec<Row> {
        let rows = aggregator.advance(self.time);
        aggregator.count(&self.event(), Some(self.selection));
        rows
    }
}

impl<'d> Chain<'d> {
    /// The runs before their first event.
    pub fn new(detection: &'d Detection) -> Result<Self, Problem> {
        let mut links = Vec::new();
        for (selection, chained) in detection.chained().filter(|(selection, _)| detection.formula.holds_of_alert(*selection)) {
            let run = Evaluator::of(&chained.detection, RunOptions { throttle: false }, true)?;
            links.push(Link { selection, chained, run });
        }
        let exclusions = detection.exclusions.iter().filter(|_| !links.is_empty());
        let exclusions = exclusions.map(|exclusion| Matcher::new(&exclusion.condition, &detection.log_source)).collect::<Result<_, _>>()?;
        Ok(Self { links, exclusions })
    }

    /// Takes the next event; returns what has fired up to it, in order of time.
    pub fn push(&mut self, event: &Event<'_>) -> Result<Vec<Fired>, Problem> {
        let mut fired = Vec::new();
        for link in &mut self.links {
            let rows = link.run.rows(event)?;
            fired.extend(rows.into_iter().map(|row| link.instant(&row)));
            fired.extend(link.matched(event));
        }
        Ok(self.counted(fired))
    }

    /// No more events: returns what fires last.
    pub fn finish(&mut self) -> Vec<Fired> {
        let last = |link: &mut Link<'d>| {
            let rows = link.run.last_rows();
            rows.iter().map(|row| link.instant(row)).collect::<Vec<_>>()
        };
        let fired = self.links.iter_mut().flat_map(last).collect();
        self.counted(fired)
    }

    fn counted(&self, mut fired: Vec<Fired>) -> Vec<Fired> {
        fired.retain(|fired| !self.exclusions.iter().any(|exclusion| exclusion.holds(&fired.event())));
        fired.sort_by_key(|fired| fired.time);
        fired
    }
}

impl Link<'_> {
    /// An instant at which the aggregate holds: its group keys are the fields.
    fn instant(&self, row: &Row) -> Fired {
        let keys = self.chained.detection.aggregate.iter().flat_map(|aggregate| &aggregate.group_by);
        let keys: Vec<_> = keys.zip(&row.group).filter(|(_, (_, value))| !value.is_missing()).collect();
        let value = |field: &Field| Some(keys.iter().find(|(key, _)| key.field.name == field.name)?.1.1.to_json());
        self.fired(row.end, value)
    }

    /// An event that the rule matches.
    fn matched(&self, event: &Event<'_>) -> Option<Fired> {
        let detection = &self.chained.detection;
        let matches = detection.aggregate.is_none() && self.run.condition.holds(event);
        let value = |field: &Field| match field.name == detection.log_source.time.name {
            true => Some(moment::text(event.time).into()),
            false => event.first(field).cloned(),
        };
        matches.then(|| self.fired(event.time, value))
    }

    fn fired(&self, time: i64, value: impl Fn(&Field) -> Option<Json>) -> Fired {
        let fields = self.chained.fields.iter().filter_map(|(name, field)| Some((name.clone(), value(field)?)));
        Fired { selection: self.selection, time, fields: fields.collect() }
    }
}

/// The events that a detection counts itself: without those that are only behind the alerts that it counts.
pub fn counted_events(detection: &Detection) -> Condition {
    if detection.chained().next().is_none() {
        return detection.condition.clone();
    }
    let own = detection.event_formula().map_or(Condition::NEVER, |formula| formula_condition(&formula, &detection.selections));
    Condition::all([detection.condition.clone(), own])
}
