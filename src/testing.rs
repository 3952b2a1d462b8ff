//! The tests inside a detection: events → alerts, compared with what the author expects, and the difference in words.
//!
//! Each test is one run of its own over its events, as in production: the throttle applies.

pub mod report;
#[cfg(test)]
mod tests;

use crate::detection::{Detection, Expectation, Test, TestEvent};
use crate::diagnostic::{Diagnostic, E0601, E0602, did_you_mean};
use crate::evaluate::aggregate::Row;
use crate::evaluate::event;
use crate::evaluate::expression::Value;
use crate::evaluate::{Alert, AlertBody, Evaluator, Event, Problem, RunOptions, moment};
use crate::source::{Span, Spanned};
use serde_json::{Map, Value as Json};
use std::time::Instant;

/// What became of one test.
#[derive(Debug, Clone, PartialEq)]
pub struct TestResult {
    /// The test's name.
    pub name: String,
    /// Place of the name.
    pub span: Span,
    /// Passed, or why not.
    pub outcome: Outcome,
}

/// Passed, or why not.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The alerts are as expected.
    Passed,
    /// They are not.
    Failed(Vec<Difference>),
    /// The events could not be evaluated.
    NotRun(Problem),
}

/// One way in which alerts are not as expected.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// Another number of alerts than expected.
    Count {
        /// Place of the test.
        span: Span,
        /// So many are expected.
        expected: usize,
        /// What came, in short.
        alerts: Vec<String>,
    },
    /// An expected alert was not raised.
    Missing {
        /// Place of the expected alert.
        span: Span,
        /// What is expected.
        expected: Map<String, Json>,
    },
    /// An alert was raised that is like an expected one, but for some values.
    Values {
        /// Place of the expected alert.
        span: Span,
        /// What came, in short.
        alert: String,
        /// The values that differ.
        mismatches: Vec<Mismatch>,
    },
    /// An alert was raised that nobody expects.
    Unexpected {
        /// Place of the test.
        span: Span,
        /// What came, in short.
        alert: String,
    },
}

/// A value that is not as expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// The column's name, as the test writes it.
    pub column: String,
    /// What the test says.
    pub expected: Json,
    /// What came; `Err` if there is no such column: a suggestion, if there is one.
    pub actual: Result<Json, Option<String>>,
}

impl TestResult {
    /// Whether it passed.
    pub fn passed(&self) -> bool {
        self.outcome == Outcome::Passed
    }

    /// What is wrong, as text without places: one entry per difference, each of one or several lines.
    pub fn explanations(&self) -> Vec<String> {
        match &self.outcome {
            Outcome::Passed => Vec::new(),
            Outcome::Failed(differences) => differences.iter().map(Difference::text).collect(),
            Outcome::NotRun(problem) => vec![problem.to_string()],
        }
    }

    /// What is wrong, at its place in the spec.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let failed = |difference: &Difference| {
            let text = difference.text();
            let (message, help) = text.split_once('\n').map_or((text.as_str(), None), |(first, rest)| (first, Some(rest.to_owned())));
            let message = message.trim_end_matches(':');
            Diagnostic::error(E0602, difference.span(), format!("test `{}` failed: {message}", self.name)).maybe_help(help)
        };
        match &self.outcome {
            Outcome::Passed => Vec::new(),
            Outcome::Failed(differences) => differences.iter().map(failed).collect(),
            Outcome::NotRun(problem) => vec![Diagnostic::error(E0601, self.span, format!("test `{}` cannot be run: {problem}", self.name))],
        }
    }
}

impl Difference {
    /// The place that it is about.
    pub fn span(&self) -> Span {
        match self {
            Difference::Count { span, .. }
            | Difference::Missing { span, .. }
            | Difference::Values { span, .. }
            | Difference::Unexpected { span, .. } => *span,
        }
    }

    /// In words: the first line says what, the others give details.
    pub fn text(&self) -> String {
        match self {
            Difference::Count { expected, alerts, .. } => {
                let end = if alerts.is_empty() { "" } else { ":" };
                let first = format!("expected {}, got {}{end}", counted(*expected), counted(alerts.len()));
                lines(first, alerts.iter().take(SHOWN).cloned().chain(more(alerts.len())))
            }
            Difference::Missing { expected, .. } => format!("expected an alert that was not raised: {}", shorten(&pairs(expected))),
            Difference::Values { alert, mismatches, .. } => {
                lines(format!("expected another alert than {alert}:"), mismatches.iter().map(Mismatch::text))
            }
            Difference::Unexpected { alert, .. } => format!("unexpected alert: {alert}"),
        }
    }
}

impl Mismatch {
    fn text(&self) -> String {
        let column = &self.column;
        match &self.actual {
            Ok(actual) => format!("{column}: expected {}, got {}", self.expected, shorten(&actual.to_string())),
            Err(Some(suggestion)) => format!("{column}: there is no such column, {suggestion}"),
            Err(None) => format!("{column}: there is no such column"),
        }
    }
}

/// How many alerts are listed when the number is wrong.
const SHOWN: usize = 5;
/// How long the short form of an alert is.
const WIDTH: usize = 160;

fn lines(first: String, rest: impl Iterator<Item = String>) -> String {
    rest.fold(first, |text, line| format!("{text}\n  {line}"))
}

fn more(count: usize) -> Option<String> {
    (count > SHOWN).then(|| format!("and {} more", count - SHOWN))
}

fn counted(count: usize) -> String {
    match count {
        0 => "no alert".to_owned(),
        1 => "1 alert".to_owned(),
        count => format!("{count} alerts"),
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn pairs(map: &Map<String, Json>) -> String {
    map.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// Runs all tests of a detection, in the author's order.
pub fn run(detection: &Detection) -> Vec<TestResult> {
    detection.tests.iter().map(|test| run_test(detection, test)).collect()
}

/// Runs one test.
pub fn run_test(detection: &Detection, test: &Test) -> TestResult {
    let outcome = match raise(detection, &test.events) {
        Ok(raised) => compare(detection, test, &raised),
        Err(problem) => Outcome::NotRun(problem),
    };
    TestResult { name: test.name.value.clone(), span: test.name.span, outcome }
}

/// Whether a detection passes all of some tests; only that, so a test ends with its first alert too many, and all of them
/// with the first that fails. What is not done in time fails.
pub fn passes_all(detection: &Detection, tests: &[Test], until: Instant) -> bool {
    let Ok(fresh) = Evaluator::new(detection, RunOptions::default()) else { return false };
    tests.iter().all(|test| passes(detection, &fresh, test, until))
}

fn passes(detection: &Detection, fresh: &Evaluator<'_>, test: &Test, until: Instant) -> bool {
    let most = test.expect.count();
    let goes_on = |raised: &[Raised<'_>]| raised.len() <= most && Instant::now() <= until;
    raise_while(fresh.clone(), &test.events, goes_on)
        .is_ok_and(|raised| goes_on(&raised) && compare(detection, test, &raised) == Outcome::Passed)
}

/// The alerts that the evaluator raises for a test's events.
pub fn alerts(detection: &Detection, test: &Test) -> Result<Vec<Alert>, Problem> {
    Ok(raise(detection, &test.events)?.into_iter().map(|raised| raised.alert).collect())
}

/// An alert, and for a rule without aggregate the event that raised it.
struct Raised<'t> {
    alert: Alert,
    event: Option<Event<'t>>,
}

fn raise<'t>(detection: &Detection, events: &'t [TestEvent]) -> Result<Vec<Raised<'t>>, Problem> {
    raise_while(Evaluator::new(detection, RunOptions::default())?, events, |_| true)
}

/// The alerts of the events, or those up to an event after which no more are wanted.
fn raise_while<'t>(
    mut evaluator: Evaluator<'_>,
    events: &'t [TestEvent],
    goes_on: impl Fn(&[Raised<'t>]) -> bool,
) -> Result<Vec<Raised<'t>>, Problem> {
    let mut raised = Vec::new();
    for TestEvent { time, event } in events {
        let event = Event { time: *time, fields: event };
        raised.extend(evaluator.push(&event)?.into_iter().map(|alert| Raised { alert, event: Some(event) }));
        if !goes_on(&raised) {
            return Ok(raised);
        }
    }
    raised.extend(evaluator.finish().into_iter().map(|alert| Raised { alert, event: None }));
    Ok(raised)
}

fn compare(detection: &Detection, test: &Test, raised: &[Raised<'_>]) -> Outcome {
    let differences = match &test.expect {
        Expectation::Count(expected) if *expected == raised.len() => Vec::new(),
        Expectation::Count(expected) => {
            vec![Difference::Count { span: test.name.span, expected: *expected, alerts: raised.iter().map(Raised::short).collect() }]
        }
        Expectation::Alerts(expected) => match_alerts(detection, test.name.span, expected, raised),
    };
    if differences.is_empty() { Outcome::Passed } else { Outcome::Failed(differences) }
}

/// Pairs expected alerts with raised ones. What is left over is explained: an expected alert by the raised one that is
/// nearest to it.
fn match_alerts(detection: &Detection, span: Span, expected: &[Spanned<Map<String, Json>>], raised: &[Raised<'_>]) -> Vec<Difference> {
    let mismatches: Vec<Vec<Vec<Mismatch>>> =
        expected.iter().map(|wanted| raised.iter().map(|alert| alert.mismatches(detection, &wanted.value)).collect()).collect();
    let pairs = largest_matching(expected.len(), raised.len(), |wanted, alert| mismatches[wanted][alert].is_empty());
    let mut taken: Vec<bool> = (0..raised.len()).map(|alert| pairs.contains(&Some(alert))).collect();
    let mut differences = Vec::new();
    for (wanted, row) in mismatches.iter().enumerate().filter(|(wanted, _)| pairs[*wanted].is_none()) {
        let free = row.iter().enumerate().filter(|(alert, _)| !taken[*alert]);
        let nearest = free.min_by_key(|(_, mismatches)| mismatches.len());
        differences.push(match nearest {
            Some((alert, mismatches)) => {
                taken[alert] = true;
                Difference::Values { span: expected[wanted].span, alert: raised[alert].short(), mismatches: mismatches.clone() }
            }
            None => Difference::Missing { span: expected[wanted].span, expected: expected[wanted].value.clone() },
        });
    }
    let left = raised.iter().zip(&taken).filter(|(_, taken)| !**taken).map(|(alert, _)| alert);
    differences.extend(left.map(|alert| Difference::Unexpected { span, alert: alert.short() }));
    differences
}

/// For each on the left its partner on the right; as many pairs as possible (augmenting paths).
fn largest_matching(left: usize, right: usize, fits: impl Fn(usize, usize) -> bool) -> Vec<Option<usize>> {
    let mut partners: Vec<Option<usize>> = vec![None; right];
    for start in 0..left {
        // Breadth first: `came_from[r]` is the one on the left that wants r.
        let mut came_from: Vec<Option<usize>> = vec![None; right];
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(wanting) = queue.pop_front() {
            let wanted: Vec<usize> = (0..right).filter(|r| came_from[*r].is_none() && fits(wanting, *r)).collect();
            for r in &wanted {
                came_from[*r] = Some(wanting);
                queue.extend(partners[*r]);
            }
            if let Some(free) = wanted.into_iter().find(|r| partners[*r].is_none()) {
                give(free, start, &came_from, &mut partners);
                break;
            }
        }
    }
    let mut pairs = vec![None; left];
    for (r, partner) in partners.iter().enumerate() {
        if let Some(partner) = partner {
            pairs[*partner] = Some(r);
        }
    }
    pairs
}

/// Gives `free` to the one that wants it, whose old partner goes to the one that wants that, and so on up to `start`.
fn give(free: usize, start: usize, came_from: &[Option<usize>], partners: &mut [Option<usize>]) {
    let mut next = Some(free);
    while let Some(r) = next {
        let Some(taker) = came_from[r] else { return };
        next = partners.iter().position(|partner| *partner == Some(taker));
        partners[r] = Some(taker);
        if taker == start {
            return;
        }
    }
}

impl Raised<'_> {
    /// The alert in one line.
    fn short(&self) -> String {
        match &self.alert.body {
            AlertBody::Event(event) => shorten(&pairs(event)),
            AlertBody::Row(row) => {
                let columns = row.group.iter().chain(&row.measures).chain(&row.labels);
                let columns: Map<String, Json> = columns.map(|(name, value)| (name.clone(), value.to_json())).collect();
                shorten(&format!("{} window_end={}", pairs(&columns), moment::text(row.end)))
            }
        }
    }

    /// The expected values that this alert does not have.
    fn mismatches(&self, detection: &Detection, expected: &Map<String, Json>) -> Vec<Mismatch> {
        let mismatch = |(column, expected): (&String, &Json)| {
            let actual = self.actual(detection, column);
            let same = actual.as_ref().is_ok_and(|actual| is_same(expected, actual));
            (!same).then(|| Mismatch { column: column.clone(), expected: expected.clone(), actual: actual.map(|actual| actual.to_json()) })
        };
        expected.iter().filter_map(mismatch).collect()
    }

    /// A column's value. A rule without aggregate has the columns of its output, and all fields of the event.
    fn actual(&self, detection: &Detection, name: &str) -> Result<Actual, Option<String>> {
        match (&self.alert.body, &self.event) {
            (AlertBody::Row(row), _) => row.column(name).map(Actual::Value).ok_or_else(|| did_you_mean(name, columns(row))),
            (AlertBody::Event(_), _) if is_time(detection, name) => Ok(Actual::Value(Value::Timestamp(self.alert.time as f64))),
            (AlertBody::Event(shown), event) => {
                let column = shown.get(name).cloned();
                let field = || event.and_then(|event| field_json(detection, &event, name));
                let known = || did_you_mean(name, shown.keys().map(String::as_str));
                column.or_else(field).map(Actual::Json).ok_or_else(known)
            }
        }
    }
}

fn columns(row: &Row) -> impl Iterator<Item = &str> {
    let named = row.group.iter().chain(&row.measures).chain(&row.labels);
    named.map(|(name, _)| name.as_str()).chain(["window_start", "window_end", "count"])
}

/// Whether a name is that of the time field, or of a column that shows it.
fn is_time(detection: &Detection, name: &str) -> bool {
    let time = &detection.log_source.time.name;
    name == time || detection.columns.iter().any(|column| column.name == name && column.field.name == *time)
}

/// A field of the event that raised an alert: by our name, else by the event's own key.
fn field_json(detection: &Detection, event: &Event<'_>, name: &str) -> Option<Json> {
    let field = detection.log_source.field(name).map(|field| event.shown(&field));
    field.or_else(|| event.fields.get(name).cloned())
}

/// A value that came.
enum Actual {
    /// Of an aggregate.
    Value(Value),
    /// Of an event.
    Json(Json),
}

impl Actual {
    fn to_json(&self) -> Json {
        match self {
            Actual::Value(value) => value.to_json(),
            Actual::Json(json) => json.clone(),
        }
    }
}

/// Whether a value is the expected one. A moment may be written in any ISO 8601 form, a length of time also as `5m`.
fn is_same(expected: &Json, actual: &Actual) -> bool {
    match (expected, actual) {
        (Json::String(text), Actual::Value(Value::Timestamp(actual))) => {
            moment::read_iso(text).is_some_and(|expected| expected as f64 == actual.round())
        }
        (Json::String(text), Actual::Value(Value::Duration(actual))) => {
            crate::expression::parse::duration(text).is_some_and(|expected| expected as f64 == *actual)
        }
        (_, actual) => is_same_json(expected, &actual.to_json()),
    }
}

/// Numbers are equal by value (fractions up to a part in a thousand million), a number and its text are equal, lists are
/// equal in any order, and all other texts letter by letter.
fn is_same_json(expected: &Json, actual: &Json) -> bool {
    match (expected, actual) {
        (Json::Number(a), Json::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
            _ => a == b,
        },
        (Json::Number(_), Json::String(_)) | (Json::String(_), Json::Number(_)) => event::text(expected) == event::text(actual),
        (Json::Array(a), Json::Array(b)) => {
            let pairs = largest_matching(a.len(), b.len(), |left, right| is_same_json(&a[left], &b[right]));
            a.len() == b.len() && pairs.iter().all(Option::is_some)
        }
        (
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_),
        ) => expected == actual,
    }
}
