//! The `tests` block as written → tests with their events: `for-each` and `repeat` are written out, files of events read.
//! Lists are those that apply here, after the site's changes.

use super::item::{expand_text, placeholder};
use super::{Lowering, Surroundings, pattern};
use crate::detection::{Segment, Test, TestEvent};
use crate::diagnostic::{Diagnostic, E0601};
use crate::evaluate::read_time;
use crate::logsource::LogSource;
use crate::source::{Span, Spanned};
use crate::spec::{EventBlock, EventSeries, ForEach, MAX_EVENTS, TestBlock};
use crate::yaml::Value;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// What `0s` means in tests: 2026-01-05T00:00:00Z, a Monday, in milliseconds since 1970.
pub const TEST_START: i64 = 1_767_571_200_000;

/// The most that the different events of all tests of a spec may take, in bytes of JSON.
const MAX_BYTES: usize = 64 << 20;

/// What the tests of a spec may still make.
struct Budget {
    events: usize,
    bytes: usize,
    /// Whether more was wanted: the other tests are not made, and that is said once.
    exceeded: bool,
}

impl Budget {
    /// Takes so many events, of which so many are different and have at most so many bytes; `false` if that is too much.
    fn take(&mut self, events: usize, different: usize, bytes: usize) -> bool {
        match self.events.checked_sub(events).zip(self.bytes.checked_sub(different.saturating_mul(bytes))) {
            Some((events, bytes)) => (self.events, self.bytes) = (events, bytes),
            None => self.exceeded = true,
        }
        !self.exceeded
    }
}

/// All tests that can be run.
pub(super) fn tests(lowering: &mut Lowering<'_, '_>, surroundings: &dyn Surroundings) -> Vec<Test> {
    let spec = lowering.spec;
    let mut budget = Budget { events: MAX_EVENTS, bytes: MAX_BYTES, exceeded: false };
    let mut tests = Vec::new();
    for block in &spec.tests {
        if !budget.exceeded {
            tests.extend(test(lowering, surroundings, &mut budget, block));
        }
    }
    tests
}

fn test(lowering: &mut Lowering<'_, '_>, surroundings: &dyn Surroundings, budget: &mut Budget, block: &TestBlock) -> Option<Test> {
    let mut events = Vec::new();
    for entry in &block.events {
        events.extend(match entry {
            EventBlock::Series(series) => of_series(lowering, budget, &block.defaults, series)?,
            EventBlock::File(path) => of_file(lowering, surroundings, budget, &block.defaults, path)?,
        });
    }
    // stable: events of one moment stay as they came
    events.sort_by_key(|event| event.time);
    Some(Test {
        name: block.name.clone(),
        technique: block.technique.clone(),
        atomic: block.atomic.clone(),
        expected_signal: block.expected_signal.clone(),
        events,
        expect: block.expect.clone(),
    })
}

fn fail<T>(lowering: &mut Lowering<'_, '_>, span: Span, message: String, help: Option<&str>) -> Option<T> {
    lowering.diagnostics.push(Diagnostic::error(E0601, span, message).maybe_help(help.map(str::to_owned)));
    None
}

fn too_many<T>(lowering: &mut Lowering<'_, '_>, span: Span) -> Option<T> {
    let message = format!("the tests of this spec make more than {MAX_EVENTS} events, or more than {} MiB of them", MAX_BYTES >> 20);
    fail(lowering, span, message, Some("use fewer repetitions or fewer values"))
}

/// For each value an event, and all of that `repeat` times.
fn of_series(
    lowering: &mut Lowering<'_, '_>,
    budget: &mut Budget,
    defaults: &Map<String, Json>,
    series: &EventSeries,
) -> Option<Vec<TestEvent>> {
    let mut event = defaults.clone();
    event.extend(series.event.clone());
    let columns = columns(lowering, series)?;
    let different = columns.first().map_or(1, |(_, values)| values.len());
    if !budget.take(different.saturating_mul(series.repeat), different, bytes(&event)) {
        return too_many(lowering, series.span);
    }
    let variant = |index: usize| {
        let own = columns.iter().map(|(name, values)| (name.value.clone(), values[index].clone()));
        Arc::new(event.clone().into_iter().chain(own).collect())
    };
    let variants: Vec<Arc<Map<String, Json>>> = (0..different).map(variant).collect();
    let repeated = (0..series.repeat).flat_map(|_| &variants).zip(0..);
    let time = |index: i64| (TEST_START + series.at).saturating_add(series.every.saturating_mul(index));
    Some(repeated.map(|(event, index)| TestEvent { time: time(index), event: event.clone() }).collect())
}

fn bytes(event: &Map<String, Json>) -> usize {
    serde_json::to_string(event).map_or(usize::MAX, |text| text.len())
}

/// The fields of `for-each` with their values, as many of each.
fn columns<'b>(lowering: &mut Lowering<'_, '_>, series: &'b EventSeries) -> Option<Vec<(&'b Spanned<String>, Vec<Json>)>> {
    let mut columns = Vec::with_capacity(series.for_each.len());
    for (name, values) in &series.for_each {
        if series.event.contains_key(&name.value) {
            let message = format!("`{}` stands in `for-each` and in `event`", name.value);
            return fail(lowering, name.span, message, Some("remove one of them"));
        }
        columns.push((name, each_value(lowering, name, values)?));
    }
    let Some((first, count)) = columns.first().map(|(name, values)| (*name, values.len())) else { return Some(columns) };
    if let Some((name, values)) = columns.iter().find(|(_, values)| values.len() != count) {
        let message = format!("`{}` has {} values, but `{}` has {count}", name.value, values.len(), first.value);
        let help = "the values of several fields go side by side, so there must be as many of each";
        return fail(lowering, name.span, message, Some(help));
    }
    Some(columns)
}

fn each_value(lowering: &mut Lowering<'_, '_>, name: &Spanned<String>, values: &ForEach) -> Option<Vec<Json>> {
    match values {
        ForEach::Values(values) => Some(values.clone()),
        ForEach::Expanded(text) if placeholder(&text.value).is_none() => {
            let message = format!("`{}` names no list, but `for-each` needs several values", name.value);
            fail(lowering, text.span, message, Some("write the name of a list in percent signs: '%my_list%'"))
        }
        ForEach::Expanded(text) => Some(expand_text(lowering, &text.value, text.span)?.iter().map(as_event_value).collect()),
    }
}

/// What an event holds so that it equals a value of a list: without escapes, and with wildcards as they stand there.
fn as_event_value(value: &Value) -> Json {
    let Value::Text(text) = value else { return value.to_json() };
    let piece = |segment| match segment {
        Segment::Literal(text) => text,
        Segment::AnyRun => "*".to_owned(),
        Segment::AnyCharacter => "?".to_owned(),
    };
    Json::String(pattern::parse(text).into_iter().map(piece).collect())
}

fn of_file(
    lowering: &mut Lowering<'_, '_>,
    surroundings: &dyn Surroundings,
    budget: &mut Budget,
    defaults: &Map<String, Json>,
    path: &Spanned<String>,
) -> Option<Vec<TestEvent>> {
    let text = match surroundings.event_file(&path.value) {
        Ok(text) => text,
        Err(why) => {
            let message = format!("the file of events `{}` cannot be used: {why}", path.value);
            return fail(lowering, path.span, message, Some("paths start at the project's folder"));
        }
    };
    let log_source = lowering.log_source;
    let mut events = Vec::new();
    for (line, number) in text.strip_prefix('\u{feff}').unwrap_or(&text).lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        match of_line(log_source, defaults, line) {
            Ok(event) => events.push(event),
            Err(why) => return fail(lowering, path.span, format!("line {number} of `{}` {why}", path.value), None),
        }
        if !budget.take(1, 1, bytes(defaults) + line.len()) {
            return too_many(lowering, path.span);
        }
    }
    if events.is_empty() {
        return fail(lowering, path.span, format!("the file of events `{}` is empty", path.value), None);
    }
    Some(events)
}

/// An event with its own time, or what is wrong with the line.
fn of_line(log_source: &LogSource, defaults: &Map<String, Json>, line: &str) -> Result<TestEvent, String> {
    let read = serde_json::from_str::<Json>(line).map_err(|error| {
        let text = error.to_string();
        format!("is not JSON: {} at column {}", text.split(" at line ").next().unwrap_or(&text), error.column())
    })?;
    let Json::Object(own) = read else { return Err("is not a JSON object".to_owned()) };
    let mut event = defaults.clone();
    event.extend(own);
    let time = read_time(log_source, &event).ok_or_else(|| format!("has no readable time in `{}`", log_source.time.name))?;
    Ok(TestEvent { time, event: Arc::new(event) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::Detection;
    use crate::frontend::understand_spec;
    use crate::logsource::{LogSourceId, LogSources};
    use crate::source::Source;
    use std::sync::Arc;

    /// The built-in log sources, one file of events, and a site that changes lists.
    struct Here(LogSources);

    impl Surroundings for Here {
        fn log_source(&self, id: &LogSourceId) -> Option<Arc<LogSource>> {
            self.0.log_source(id)
        }

        fn adjust_list(&self, _: &crate::spec::Spec, _: &str, mut values: Vec<Value>) -> Vec<Value> {
            values.push(Value::Text("third".to_owned()));
            values
        }

        fn event_file(&self, path: &str) -> Result<String, String> {
            let own = "\u{feff}{\"timestamp\": {\"epochSecond\": 1767571260}, \"author\": {\"name\": \"bob\"}}\r\n";
            let ours = "{\"timestamp\": \"2026-01-05T00:00:30.5Z\", \"user\": \"ann\", \"level\": \"FULL\"}";
            if path == "two.jsonl" { Ok(format!("{own}\n{ours}")) } else { Err("no".to_owned()) }
        }
    }

    fn detection(events: &str) -> Detection {
        let spec = "title: T\nlogsource: { product: confluence, service: audit }\nlists: { users: [first, second] }\n\
                    detection: { s: { user|expand: '%users%' }, condition: s }\ntests:\n- name: t\n  defaults: { level: BASE }\n  \
                    expect: { alerts: 0 }\n";
        let (detection, problems) =
            understand_spec(&Source::new("t.yml", format!("{spec}  events: {events}\n")), &Here(LogSources::built_in()));
        detection.unwrap_or_else(|| panic!("{problems:?}"))
    }

    fn shown(events: &str) -> Vec<String> {
        let test = detection(events).tests.remove(0);
        test.events.iter().map(|event| format!("{} {}", event.time - TEST_START, Json::Object((*event.event).clone()))).collect()
    }

    #[test]
    fn a_file_holds_events_in_any_shape_with_their_own_times() {
        let ours = r#"30500 {"level":"FULL","timestamp":"2026-01-05T00:00:30.5Z","user":"ann"}"#;
        let own = r#"60000 {"level":"BASE","timestamp":{"epochSecond":1767571260},"author":{"name":"bob"}}"#;
        assert_eq!(shown("{ file: two.jsonl }"), [ours, own]);
        let between = r#"45000 {"level":"BASE","user":"x"}"#;
        assert_eq!(shown("[ { at: 45s, event: { user: x } }, { file: two.jsonl } ]"), [ours, between, own]);
    }

    #[test]
    fn lists_are_those_of_the_site() {
        let expected = ["first", "second", "third"].map(|user| format!(r#"{{"level":"BASE","user":"{user}"}}"#));
        let events = shown("[ { every: 1s, for-each: { user: '%users%' } } ]");
        assert_eq!(events, [0, 1, 2].map(|index| format!("{} {}", index * 1000, expected[index])));
    }
}
