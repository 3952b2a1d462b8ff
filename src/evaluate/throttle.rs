//! `throttle: { for: 4h, by: [user] }`: the first alert of a key starts the time; until it is over, alerts of the same key
//! are dropped, and do not make it longer.

use super::alert::{Alert, AlertBody};
use super::event::Event;
use crate::detection::{Detection, Throttle as Settings};
use crate::logsource::Field;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The keys that are quiet now.
#[derive(Debug, Clone)]
pub struct Throttle<'d> {
    settings: &'d Settings,
    /// The fields of `by`, for rules whose alerts are events.
    fields: Vec<Option<Arc<Field>>>,
    started: FxHashMap<Vec<Option<String>>, i64>,
    /// How many keys may be known before the old ones are dropped.
    limit: usize,
}

impl<'d> Throttle<'d> {
    /// The throttle of a detection, if it has one.
    pub fn new(detection: &'d Detection) -> Option<Self> {
        let settings = detection.alert.throttle.as_ref()?;
        let column = |name: &str| detection.columns.iter().find(|column| column.name == name).map(|column| column.field.clone());
        let fields = settings.by.iter().map(|name| column(&name.value).or_else(|| detection.log_source.field(&name.value)));
        Some(Self { settings, fields: fields.collect(), started: FxHashMap::default(), limit: 1024 })
    }

    /// Whether an alert (with its event, for a rule without aggregate) gets through.
    pub fn passes(&mut self, alert: &Alert, event: Option<&Event<'_>>) -> bool {
        self.drop_old(alert.time);
        let key = self.key(alert, event);
        let quiet = self.started.get(&key).is_some_and(|started| self.is_quiet(*started, alert.time));
        if !quiet {
            self.started.insert(key, alert.time);
        }
        !quiet
    }

    fn key(&self, alert: &Alert, event: Option<&Event<'_>>) -> Vec<Option<String>> {
        let shown = |index: usize, name: &str| match (&alert.body, event) {
            (AlertBody::Row(row), _) => row.column(name)?.text(),
            (AlertBody::Event(_), Some(event)) => Some(event.shown(self.fields.get(index)?.as_ref()?).to_string()),
            (AlertBody::Event(_), None) => None,
        };
        self.settings.by.iter().enumerate().map(|(index, name)| shown(index, &name.value)).collect()
    }

    fn is_quiet(&self, started: i64, now: i64) -> bool {
        now.saturating_sub(started) < self.settings.period
    }

    /// Drops the keys whose time is over, whenever their number has doubled.
    fn drop_old(&mut self, now: i64) {
        if self.started.len() >= self.limit {
            let period = self.settings.period;
            self.started.retain(|_, started| now.saturating_sub(*started) < period);
            self.limit = (self.started.len() * 2).max(1024);
        }
    }
}
