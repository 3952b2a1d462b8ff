//! Specs and events → cases for independent engines, one JSON object a line: the query, the events as the platform
//! stores them, and the rows that the reference evaluator expects. `tests/conformance/run.py` executes them.
//!
//! ```text
//! conformance detections             every shipped detection with the events of its tests
//! conformance tests FOLDER           the same for the specs in a folder
//! conformance features [EVENTS]      every spec in tests/specs/ok with events made up for it
//! conformance specs FOLDER [EVENTS]  the same for the specs in a folder
//! conformance witnesses FOLDER [START STEP]  every STEPth rule below a folder, from the STARTth, with its witnesses
//! conformance power FOLDER [START STEP]      how many mutants of the rules their witnesses tell from the rules
//! conformance random SEED COUNT      COUNT specs that nobody wrote, from a seed, with events made up for them
//! conformance several SEED COUNT     COUNT correlations over rules of several log sources that nobody wrote
//! conformance spec [several] SEED    the text of one of these
//! conformance injection SEED COUNT   COUNT hostile texts at every place where an author writes free text
//! ```
//!
//! `--variant PATH=NAME` before these words lets a variant stand for a log source; `--lookups` lets every list of SPL that can
//! be one be a lookup.

mod adapt;
#[path = "../../common/mod.rs"]
mod common;
mod events;
mod expected;
mod injection;
mod native;
mod places;
mod specs;
mod witness;

use cognate::detection::Detection;
use cognate::evaluate::condition::Matcher;
use cognate::evaluate::{Alert, AlertBody, Event};
use cognate::logsource::{AqlOrigin, FieldType};
use cognate::mutate::{Kind, Mutants};
use cognate::source::Source;
use cognate::target::{Fidelity, Lookups, Options, Range, Target, compile, kql};
use cognate::template::Templates;
use common::random::{self, Random};
use common::{World, source, templates};
use expected::Mode;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

type Events = Vec<(i64, Map<String, Value>)>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("`{text}` is not a number"));
    let count = |text: &&str| number(text) as usize;
    let mut cases = Cases { world: World::new(), templates: templates(), lookups: None };
    let mut words = words.as_slice();
    while let ["--variant", choice, rest @ ..] = words {
        let (path, variant) = choice.split_once('=').expect("PATH=NAME");
        cases.world.log_sources.choose(path, variant).unwrap_or_else(|problem| panic!("{problem}"));
        words = rest;
    }
    if let ["--lookups", rest @ ..] = words {
        cases.lookups = Some(Lookups { above: 0, prefix: "list_".to_owned() });
        words = rest;
    }
    match words {
        ["detections"] => cases.tests(Path::new("detections")),
        ["tests", folder] => cases.tests(Path::new(folder)),
        ["features", rest @ ..] => cases.folder(Path::new("tests/specs/ok"), rest.first().map_or(40, count)),
        ["specs", folder, rest @ ..] => cases.folder(Path::new(folder), rest.first().map_or(40, count)),
        ["witnesses", folder] => cases.witnesses(Path::new(folder), 0, 1),
        ["witnesses", folder, start, step] => cases.witnesses(Path::new(folder), count(start), count(step)),
        ["power", folder] => cases.power(Path::new(folder), 0, 1),
        ["power", folder, start, step] => cases.power(Path::new(folder), count(start), count(step)),
        ["random", seed, specs] => cases.random(number(seed), number(specs), specs::text),
        ["several", seed, specs] => cases.random(number(seed), number(specs), specs::several),
        ["spec", seed] => println!("{}", specs::text(number(seed))),
        ["spec", "several", seed] => println!("{}", specs::several(number(seed))),
        ["injection", seed, texts] => injection::print_cases(&cases.templates, number(seed), count(texts)),
        _ => panic!(
            "usage: conformance [--variant PATH=NAME] [--lookups] detections | tests FOLDER | features [EVENTS] | specs FOLDER [EVENTS] | witnesses FOLDER [START STEP] | power FOLDER [START STEP] | random SEED COUNT | several SEED COUNT | spec [several] SEED | injection SEED COUNT"
        ),
    }
}

struct Cases {
    world: World,
    templates: Templates,
    lookups: Option<Lookups>,
}

/// One run of a detection over events.
struct Run<'a> {
    spec: &'a str,
    name: &'a str,
    detection: &'a Detection,
    events: &'a Events,
    mode: Mode,
    /// Whether fields without a place are taken as they are.
    unmapped: bool,
}

impl Cases {
    /// The detections of a file with the names by which they are shown; those that are wrong are printed.
    fn understood(&self, source: &Source) -> Vec<(String, Detection)> {
        let documents = self.world.documents(source);
        let alone = documents.len() == 1;
        let mut detections = Vec::new();
        for document in documents {
            let name = if alone { source.path.clone() } else { format!("{}: {}", source.path, document.name) };
            if document.is_lost() {
                let problems = document.diagnostics.iter().map(|problem| format!("{} {}", problem.code, problem.message));
                print(&json!({ "spec": name, "status": "invalid", "reason": problems.collect::<Vec<_>>().join("; ") }));
            }
            detections.extend(document.detection.map(|detection| (name, detection)));
        }
        detections
    }

    fn tests(&self, folder: &Path) {
        for (spec, detection) in specs_below(folder).iter().flat_map(|path| self.understood(&source(path))) {
            self.detection(&spec, &detection);
        }
    }

    /// The tests of a detection: once as a whole, once for each scheduled run that sees something.
    fn detection(&self, spec: &str, detection: &Detection) {
        for test in &detection.tests {
            let events: Events = test.events.iter().map(|event| (event.time, (*event.event).clone())).collect();
            let run = |name: &str, mode| {
                self.run(&Run { spec, name, detection, events: &events, mode, unmapped: true });
            };
            run(&test.name.value, Mode::Everything);
            for now in runs(detection, &events) {
                run(&format!("{} (run at {now})", test.name.value), Mode::Scheduled(now));
            }
        }
    }

    /// The specs of a folder, in the order of their names, with events made up for them.
    fn folder(&self, folder: &Path, count: usize) {
        for (spec, detection) in specs_below(folder).iter().flat_map(|path| self.understood(&source(path))) {
            let mut random = Random::new(seed(&spec));
            let events = made_up(&detection, &mut random, count);
            let run = |name: &str, mode| {
                self.run(&Run { spec: &spec, name, detection: &detection, events: &events, mode, unmapped: true });
            };
            run("made-up events", Mode::Everything);
            for now in runs(&detection, &events).into_iter().take(1) {
                run(&format!("made-up events (run at {now})"), Mode::Scheduled(now));
            }
        }
    }

    /// Rules with their witnesses, and how many of their values these reach.
    fn witnesses(&self, folder: &Path, start: usize, step: usize) {
        for path in specs_below(folder).into_iter().skip(start).step_by(step) {
            let source = source(&path);
            for document in self.world.documents(&source) {
                let spec = source.path.as_str();
                match document.lenient() {
                    (Some(detection), _) if detection.aggregate.is_none() => self.witness(spec, &detection),
                    (Some(_), _) => {}
                    (None, problems) => {
                        let codes: Vec<&str> = problems.iter().map(|problem| problem.code.0).collect();
                        print(&json!({ "spec": spec, "status": "not understood", "reason": codes.join(" ") }));
                    }
                }
            }
        }
    }

    /// What the witnesses are worth: each rule changed in one small thing must find other events of them.
    fn power(&self, folder: &Path, start: usize, step: usize) {
        let (mut told, mut all) = (0, 0);
        for path in specs_below(folder).into_iter().skip(start).step_by(step) {
            let source = source(&path);
            let (Some(detection), _) = self.world.understand(&source) else { continue };
            if detection.aggregate.is_some() {
                continue;
            }
            let made = witness::make(&detection, &native::fields(&detection), &mut Random::new(seed(&source.path)));
            let found = |rule: &Detection| {
                let matcher = Matcher::new(&rule.condition, &rule.log_source).expect("a condition that can be evaluated");
                made.events.iter().map(|fields| matcher.holds(&Event { time: events::TEST_START, fields })).collect::<Vec<_>>()
            };
            let own = found(&detection);
            for mutant in Mutants::new(&source, &detection).all() {
                if mutant.kind == Kind::Column {
                    continue;
                }
                all += 1;
                match found(&mutant.detection) == own {
                    true => println!("{}: {}", source.path, mutant.sentence),
                    false => told += 1,
                }
            }
        }
        println!("{told} of {all} mutants find other events");
    }

    fn witness(&self, spec: &str, detection: &Detection) {
        let mut random = Random::new(seed(spec));
        let made = witness::make(detection, &native::fields(detection), &mut random);
        print(&json!({ "spec": spec, "status": "witnesses", "reached": made.reached, "unreached": made.unreached }));
        // the log source of tests that nobody has described
        let unmapped = detection.log_source.id.product.as_deref() == Some("example");
        // engines have a time limit for a case
        let values = made.reached + made.unreached.len();
        for some in made.events.chunks((150_000 / values.max(1)).clamp(50, 400)) {
            let times = (0..).step_by(1000).map(|offset| events::TEST_START + offset);
            let events: Events = times.zip(some.iter().cloned()).collect();
            self.run(&Run { spec, name: "witnesses", detection, events: &events, mode: Mode::Everything, unmapped });
        }
    }

    /// Specs that nobody wrote, of several documents the last one; those that are not valid are left out.
    fn random(&self, seed: u64, wanted: u64, text: fn(u64) -> String) {
        let mut made = 0;
        for seed in (seed * 1_000_000).. {
            if made == wanted {
                break;
            }
            let source = Source::new(format!("random/{seed}"), text(seed));
            let Some(detection) = self.world.documents(&source).pop().and_then(|document| document.detection) else { continue };
            made += 1;
            let mut random = Random::new(seed);
            let events = made_up(&detection, &mut random, 30);
            let run = |name: &str, mode| {
                self.run(&Run { spec: &source.path, name, detection: &detection, events: &events, mode, unmapped: true })
            };
            match runs(&detection, &events).first().filter(|_| seed % 4 == 0) {
                Some(now) => run(&format!("made-up events (run at {now})"), Mode::Scheduled(*now)),
                None => run("made-up events", Mode::Everything),
            }
        }
    }

    fn run(&self, run: &Run<'_>) {
        for target in Target::ALL {
            if matches!((run.mode, target), (Mode::Scheduled(_), Target::Sigma)) {
                continue;
            }
            print(&self.case(run, target));
        }
    }

    fn case(&self, run: &Run<'_>, target: Target) -> Value {
        let head = |status: &str, reason: &str| json!({ "spec": run.spec, "run": run.name, "target": target.name(), "status": status, "reason": reason });
        let settings = run.detection.targets.iter().find(|settings| settings.target == target);
        if let Some(reason) = settings.and_then(|settings| settings.skip.as_ref()) {
            return head("skipped", &reason.value);
        }
        let (first, last) = (run.events.first().map_or(events::TEST_START, |e| e.0), run.events.last().map_or(events::TEST_START, |e| e.0));
        let (now, range) = match run.mode {
            Mode::Everything => (last + 1000, Range::Hunt((last + 1000 - first) / 60_000 * 60_000 + 60_000)),
            Mode::Scheduled(now) => (now, Range::Scheduled),
        };
        let options = Options { comments: true, range, limit: None, unmapped: run.unmapped, lookups: self.lookups.clone() };
        let artefact = match compile(run.detection, target, self.templates.of(target), &options) {
            Ok(artefact) => artefact,
            Err(problems) => {
                return head("refused", &problems.iter().map(|p| format!("{} {}", p.code, p.message)).collect::<Vec<_>>().join("; "));
            }
        };
        let rewritten = target.approximate(run.detection).0;
        let events = adapt::events(target, &rewritten, &artefact.fidelity, run.events);
        let expect = |events: &Events| expect(target, run, &rewritten, &artefact.text, events, now);
        let mut case = head("built", "");
        case["fidelity"] = artefact.fidelity.mark().into();
        case["codes"] = codes(&artefact.fidelity);
        match expect(&events) {
            Ok(expected) => case.as_object_mut().expect("a map").extend(expected),
            Err(problem) => return head("refused", &format!("the evaluator cannot run it: {problem}")),
        }
        if !artefact.lookups.is_empty() {
            let rows = |values: &Vec<String>| values.iter().map(|value| json!({ "value": value })).collect::<Value>();
            case["case"]["options"]["lookups"] = artefact.lookups.iter().map(|(name, values)| (name.clone(), rows(values))).collect();
        }
        let shorter: Events = events.iter().filter(|(_, event)| !has_line_ends(event)).cloned().collect();
        if target == Target::Sigma && shorter.len() < events.len() {
            // wildcards of an engine do not match them
            case["without_line_ends"] = expect(&shorter).map(Value::Object).unwrap_or_default();
        }
        case
    }
}

/// Events made up for a detection; for rules that are counted together also those that a site leaves out.
fn made_up(detection: &Detection, random: &mut Random, count: usize) -> Events {
    let meant = Target::Spl.approximate(detection).0;
    events::make(&meant, &native::fields(&meant), random, count)
}

/// What an engine is given, and what it must return.
fn expect(
    target: Target,
    run: &Run<'_>,
    rewritten: &Detection,
    query: &str,
    events: &Events,
    now: i64,
) -> Result<Map<String, Value>, String> {
    let events: Vec<Event<'_>> = events.iter().map(|(time, fields)| Event { time: *time, fields }).collect();
    let alerts = expected::alerts(rewritten, &events, run.mode)?;
    let (kind, rows) = expectation(target, rewritten, run, &events, &alerts);
    let mut case = Map::new();
    if kind == "groups" {
        // engines repeat alerts as they like, but none may be missing when it is due
        case.insert("instants".to_owned(), alerts.iter().map(|alert| alert.time).collect());
    }
    case.insert("kind".to_owned(), kind.into());
    case.insert("expected".to_owned(), rows);
    case.insert("case".to_owned(), engine_case(target, run.detection, query.to_owned(), &events, now));
    Ok(case)
}

fn has_line_ends(event: &Map<String, Value>) -> bool {
    event.values().any(|value| ["\\n", "\\r"].iter().any(|end| value.to_string().contains(end)))
}

/// The specs below a folder, in the order of their names.
fn specs_below(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(common::root().join(folder)).sort_by_file_name();
    let paths = walk.into_iter().map(|entry| entry.expect("a readable folder").into_path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "yml")).collect()
}

/// The moments of scheduled runs that see events of a window or report an alert; at most a few.
fn runs(detection: &Detection, events: &Events) -> Vec<i64> {
    let bounds = Range::Scheduled.bounds(detection);
    let every = detection.schedule.every;
    let next = |time: i64| (time + bounds.latest).div_euclid(every) * every + every;
    let mut runs: Vec<i64> = events.iter().map(|(time, _)| next(*time)).collect();
    if let Some(cognate::detection::Window::Tumbling(length)) = detection.aggregate.as_ref().map(|aggregate| &aggregate.window) {
        runs.extend(events.iter().map(|(time, _)| next(time.div_euclid(*length) * length + length - 1)));
    }
    runs.sort_unstable();
    runs.dedup();
    let step = runs.len().div_ceil(3).max(1);
    runs.into_iter().step_by(step).collect()
}

/// What the engine's rows are compared with: rows of columns, groups, or which events.
fn expectation(target: Target, rewritten: &Detection, run: &Run<'_>, events: &[Event<'_>], alerts: &[Alert]) -> (&'static str, Value) {
    let (sigma, detection, mode) = (target == Target::Sigma, run.detection, run.mode);
    if detection.aggregate.is_some() {
        let rows = alerts.iter().filter_map(|alert| match &alert.body {
            AlertBody::Row(row) if sigma => Some(expected::group(row)),
            AlertBody::Row(row) => Some(expected::row(row)),
            AlertBody::Event(_) => None,
        });
        return (if sigma { "groups" } else { "rows" }, rows.collect());
    }
    if detection.columns.is_empty() || sigma {
        let marks = expected::matching(rewritten, events, mode);
        return ("events", marks.into_iter().map(|index| if sigma { json!(index) } else { json!(native::marker(index)) }).collect());
    }
    let is_time = |column: &&cognate::detection::Column| {
        column.field.kind == FieldType::Timestamp || column.field.name == detection.log_source.time.name
    };
    let times: Vec<&str> = detection.columns.iter().filter(is_time).map(|column| column.name.as_str()).collect();
    let rows = alerts.iter().filter_map(|alert| match &alert.body {
        AlertBody::Event(event) => Some(expected::event(event, &times)),
        AlertBody::Row(_) => None,
    });
    ("rows", rows.collect())
}

fn engine_case(target: Target, detection: &Detection, query: String, events: &[Event<'_>], now: i64) -> Value {
    let stored = native::stored(target, detection, events);
    let mut options = json!({ "now": now as f64 / 1000.0 });
    let mut case = json!({ "lang": target.name(), "query": query });
    match target {
        Target::Aql => {
            if let Some(AqlOrigin::TypeName(name)) = &detection.log_source.aql {
                options["const"] = json!({ "devicetype": 4001 });
                options["names"] = json!({ "devicetype": { "4001": name } });
            }
            case["schema"] = json!({ "events": properties(detection) });
        }
        Target::Spl => {}
        Target::Kql => {
            let mut tables = Map::new();
            for (table, columns) in kql::schema(detection) {
                let mut columns: Map<String, Value> = columns.into_iter().map(|(name, kind)| (name, kind.into())).collect();
                let native = stored.iter().filter(|(rule, _)| table_of(rule) == table).flat_map(|(_, events)| events);
                let extra = native.flat_map(|event| event.as_object().into_iter().flat_map(Map::keys));
                extra.for_each(|name| {
                    columns.entry(name.clone()).or_insert("string".into());
                });
                columns.insert(native::MARKER.to_owned(), "string".into());
                tables.insert(table, columns.into());
            }
            case["schema"] = tables.into();
        }
        Target::Sigma => {
            options["timestamp_field"] = "@timestamp".into();
            options["all"] = true.into();
        }
    }
    case["events"] = match (target, stored.as_slice()) {
        (Target::Kql, [_, _, ..]) => tables(stored),
        (Target::Aql | Target::Spl | Target::Kql | Target::Sigma, _) => stored.into_iter().flat_map(|(_, events)| events).collect(),
    };
    case["options"] = options;
    case
}

/// The table of a rule's events on Sentinel.
fn table_of(rule: &Detection) -> &str {
    rule.log_source.kql.as_ref().map_or("", |origin| &origin.table)
}

/// The events of several log sources by their tables.
fn tables(stored: Vec<(Detection, Vec<Value>)>) -> Value {
    let mut tables: Map<String, Value> = Map::new();
    for (rule, events) in stored {
        let table = tables.entry(table_of(&rule)).or_insert_with(|| json!([]));
        table.as_array_mut().expect("a list").extend(events);
    }
    tables.into()
}

/// The types of the properties that a query may name.
fn properties(detection: &Detection) -> Map<String, Value> {
    use cognate::logsource::ColumnType;
    let property = |field: &std::sync::Arc<cognate::logsource::Field>| {
        let (name, kind) = native::property(detection, field)?;
        let kind = match kind {
            ColumnType::Integer | ColumnType::Time => "long",
            ColumnType::Real => "double",
            ColumnType::Text | ColumnType::Boolean | ColumnType::Dynamic | ColumnType::Guid | ColumnType::Address => "string",
        };
        Some((name, kind.into()))
    };
    let mut fields = native::fields(detection);
    for (_, selector) in detection.log_source.selectors.iter().filter(|(platform, _)| *platform == cognate::logsource::Platform::Aql) {
        selector.predicates(&mut |predicate| predicate.fields(&mut |field| fields.push(field.clone())));
    }
    fields.iter().filter_map(property).collect()
}

fn codes(fidelity: &Fidelity) -> Value {
    let mut codes: Vec<&str> = fidelity.approximations.iter().map(|deviation| deviation.code.0).collect();
    codes.dedup();
    codes.into()
}

fn seed(text: &str) -> u64 {
    text.bytes().fold(7, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

fn print(value: &Value) {
    // whoever reads the cases may have gone
    let _ = writeln!(std::io::stdout().lock(), "{value}");
}
