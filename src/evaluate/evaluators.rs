//! Many detections over the same events: [`Detection`]s × events in time order → the alerts of all of them.
//!
//! The meaning is that of one [`Evaluator`] for each; an [`Index`] saves looking at detections that an event cannot match.

use super::event::{self, Event};
use super::index::{Index, place};
use super::{Alert, Evaluator, Problem, RunOptions};
use crate::detection::Detection;
use crate::logsource::LogSource;
use serde_json::{Map, Value as Json};

/// Runs in progress.
#[derive(Debug, Clone)]
pub struct Evaluators<'d> {
    runs: Vec<Run<'d>>,
    index: Index,
    clocks: Vec<Clock<'d>>,
    /// The runs that need to know of every event, because their windows end.
    windows: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Run<'d> {
    evaluator: Evaluator<'d>,
    clock: usize,
}

/// The time of events as detections read it.
#[derive(Debug, Clone)]
struct Clock<'d> {
    /// The log sources of a detection: the first that finds a time says it.
    log_sources: Vec<&'d LogSource>,
    /// How many events had a time, and the last one.
    seen: (usize, i64),
}

impl<'d> Evaluators<'d> {
    /// Runs before their first event.
    pub fn new(detections: impl IntoIterator<Item = &'d Detection>, options: RunOptions) -> Result<Self, Problem> {
        let detections: Vec<&Detection> = detections.into_iter().collect();
        let index = Index::new(detections.iter().map(|detection| (&detection.condition, &*detection.log_source)));
        let mut all = Self { runs: Vec::new(), index, clocks: Vec::new(), windows: Vec::new() };
        for detection in detections {
            if detection.aggregate.is_some() {
                all.windows.push(all.runs.len());
            }
            let clock = all.clock(detection.log_sources());
            all.runs.push(Run { evaluator: Evaluator::new(detection, options)?, clock });
        }
        Ok(all)
    }

    fn clock(&mut self, mut log_sources: Vec<&'d LogSource>) -> usize {
        let reads = |log_source: &LogSource| (place(&log_source.time), log_source.time_format);
        log_sources.dedup_by_key(|log_source| reads(log_source));
        let same = |clock: &Clock<'_>| clock.log_sources.iter().copied().map(reads).eq(log_sources.iter().copied().map(reads));
        self.clocks.iter().position(same).unwrap_or_else(|| {
            self.clocks.push(Clock { log_sources, seen: (0, i64::MIN) });
            self.clocks.len() - 1
        })
    }

    /// Takes the next event; returns the alerts that are settled now in the order of the detections, or `None` if no log
    /// source finds a time in the event.
    pub fn push(&mut self, fields: &Map<String, Json>) -> Result<Option<Vec<Alert>>, Problem> {
        let times = self.clocks.iter_mut().map(|clock| clock.read(fields)).collect::<Result<Vec<_>, _>>()?;
        if times.iter().all(Option::is_none) {
            return Ok(None);
        }
        let mut concerned = self.index.candidates(fields);
        if !self.windows.is_empty() {
            concerned.extend(&self.windows);
            concerned.sort_unstable();
            concerned.dedup();
        }
        let mut alerts = Vec::new();
        for number in concerned {
            let run = &mut self.runs[number];
            if let Some(time) = times[run.clock] {
                alerts.extend(run.evaluator.push(&Event { time, fields })?);
            }
        }
        Ok(Some(alerts))
    }

    /// No more events: returns the last alerts.
    pub fn finish(self) -> Vec<Alert> {
        self.runs.into_iter().flat_map(|run| run.evaluator.finish()).collect()
    }
}

impl Clock<'_> {
    fn read(&mut self, fields: &Map<String, Json>) -> Result<Option<i64>, Problem> {
        let time = self.log_sources.iter().find_map(|log_source| event::read_time(log_source, fields));
        let Some(time) = time else { return Ok(None) };
        let (index, previous) = self.seen;
        if time < previous {
            return Err(Problem::OutOfOrder { index, time, previous });
        }
        self.seen = (index + 1, time);
        Ok(Some(time))
    }
}
