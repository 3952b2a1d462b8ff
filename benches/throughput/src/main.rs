//! Events per second on one core: Cognate's evaluator and rsigma-eval on the same rules and events, taking turns.
//!
//! usage: throughput DATA [PARTS [COUNT]]      DATA holds `regression/events.jsonl` and `corpus/sigma`; PARTS is `abc` or some of it
//!
//! Events are parsed before the clock starts, for both; rsigma gets no log source of the event, so that both try every rule.

use anyhow::{Context, anyhow, bail};
use cognate::detection::Detection;
use cognate::evaluate::{Evaluators, RunOptions, moment};
use cognate::frontend::understand;
use cognate::logsource::LogSources;
use cognate::source::Source;
use cognate::target::{Options, Range, Target, compile};
use cognate::template::Templates;
use rsigma_eval::{CorrelationConfig, CorrelationEngine, Engine, JsonEvent};
use rsigma_parser::parse_sigma_yaml;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A rule whose selection looks at the end of a path and at three parts of a command line.
const PLAIN: &str = "proc_creation_win_susp_shadow_copies_deletion.yml";
const START: i64 = 1_767_571_200_000;
const AGGREGATE: &str = include_str!("aggregate.yml");

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(data) = arguments.next().map(PathBuf::from) else { bail!("usage: throughput DATA [PARTS]") };
    let parts = arguments.next().unwrap_or("abc".to_owned());
    let count = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let rules = texts(&data.join("corpus/sigma"))?;
    let events = regression(&data.join("regression/events.jsonl"))?;
    if parts.contains('a') {
        let plain = rules.iter().find(|(path, _)| path.ends_with(PLAIN)).context("the rule of (a) is not there")?.1.as_str();
        report("(a) one plain rule", 5, &repeated(&events, 1_000_000), &mut cognate(&[plain])?, &mut rsigma_rules(&[plain])?);
    }
    if parts.contains('b') {
        let sigma = sigma(AGGREGATE)?;
        let (mut ours, mut theirs) = (cognate(&[AGGREGATE])?, rsigma_correlations(&sigma)?);
        report("(b) one aggregate with five measures", 5, &actions(1_000_000), &mut ours, &mut theirs);
    }
    if parts.contains('c') {
        let all: Vec<&str> = rules.iter().map(|(_, text)| text.as_str()).collect();
        let name = format!("(c) {} rules", all.len());
        report(&name, 2, &repeated(&events, count), &mut cognate(&all)?, &mut rsigma_rules(&all)?);
    }
    Ok(())
}

type Runner<'a> = Box<dyn FnMut(&[Value]) -> usize + 'a>;

/// Both take turns; the best round of each counts.
fn report<'a>(name: &str, rounds: usize, events: &[Value], ours: &mut Runner<'a>, theirs: &mut Runner<'a>) {
    let mut best = [f64::MAX; 2];
    let mut found = [0; 2];
    for _ in 0..rounds {
        for (side, run) in [&mut *ours, &mut *theirs].into_iter().enumerate() {
            let start = Instant::now();
            found[side] = run(events);
            best[side] = best[side].min(start.elapsed().as_secs_f64());
        }
    }
    let rate = |seconds: f64| events.len() as f64 / seconds;
    println!(
        "{name}: cognate {:.0} events/s ({} alerts), rsigma {:.0} events/s ({} results), ratio {:.2}",
        rate(best[0]),
        found[0],
        rate(best[1]),
        found[1],
        best[1] / best[0]
    );
}

fn texts(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "yml") {
            texts.push((entry.path().to_string_lossy().into_owned(), std::fs::read_to_string(entry.path())?));
        }
    }
    Ok(texts)
}

fn regression(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.lines().map(|line| Ok(serde_json::from_str::<Value>(line)?["event"].take())).collect()
}

/// Ten events a second.
fn repeated(events: &[Value], count: usize) -> Vec<Value> {
    let mut repeated: Vec<Value> = events.iter().cycle().take(count).cloned().collect();
    for (index, event) in repeated.iter_mut().enumerate() {
        event["timestamp"] = moment::text(START + index as i64 * 100).into();
    }
    repeated
}

/// Actions in a wiki: 500 people, ten a second, every twentieth an export.
fn actions(count: usize) -> Vec<Value> {
    let action = |index: usize| match index % 20 {
        0 => "audit.logging.summary.space.export",
        1..=4 => "audit.logging.summary.search.performed",
        _ => "audit.logging.summary.page.view",
    };
    let event = |index: usize| {
        json!({
            "timestamp": { "epochSecond": START / 1000 + index as i64 / 10 },
            "author": { "name": format!("user {}", index * 7919 % 500) },
            "source": format!("10.0.{}.{}", index * 31 % 7, index * 17 % 250),
            "auditType": { "actionI18nKey": action(index) },
            "affectedObjects": [{ "type": "Space", "name": format!("space {}", index % 40) }],
        })
    };
    (0..count).map(event).collect()
}

fn understood(texts: &[&str]) -> Vec<Detection> {
    let log_sources = LogSources::built_in();
    let documents = texts.iter().flat_map(|text| understand(&Source::new("rule.yml", *text), &log_sources));
    documents.filter_map(|document| document.detection).collect()
}

fn cognate(texts: &[&str]) -> anyhow::Result<Runner<'static>> {
    let detections: &'static [Detection] = understood(texts).leak();
    if detections.is_empty() {
        bail!("no spec is valid");
    }
    let fresh = Evaluators::new(detections, RunOptions { throttle: false })?;
    Ok(Box::new(move |events| {
        let mut evaluators = fresh.clone();
        let mut found = 0;
        for event in events {
            let fields = event.as_object().expect("an object");
            found += evaluators.push(fields).expect("in order").expect("a time").len();
        }
        found + evaluators.finish().len()
    }))
}

fn rsigma_rules(texts: &[&str]) -> anyhow::Result<Runner<'static>> {
    let mut engine = Engine::new();
    engine.set_include_event(false);
    let collections = texts.iter().map(|text| parse_sigma_yaml(text)).collect::<Result<Vec<_>, _>>().map_err(|error| anyhow!("{error}"))?;
    // a rule that it does not take is left out
    let _ = engine.add_rules(collections.iter().flat_map(|collection| &collection.rules));
    Ok(Box::new(move |events| events.iter().map(|event| engine.evaluate(&JsonEvent::borrow(event)).len()).sum()))
}

fn rsigma_correlations(text: &str) -> anyhow::Result<Runner<'static>> {
    let collection = parse_sigma_yaml(text).map_err(|error| anyhow!("{error}"))?;
    Ok(Box::new(move |events| {
        let mut engine = CorrelationEngine::new(CorrelationConfig::default());
        engine.add_collection(&collection).expect("rules");
        let process = |(index, event): (usize, &Value)| engine.process_event_at(&JsonEvent::borrow(event), START / 1000 + index as i64 / 10).len();
        events.iter().enumerate().map(process).sum()
    }))
}

/// The Sigma output of a spec.
fn sigma(text: &str) -> anyhow::Result<String> {
    let detection = understood(&[text]).pop().context("the spec is not valid")?;
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(&templates) {
        let entry = entry?;
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(&templates)?.to_string_lossy().into_owned();
            files.insert(name.clone(), Source::new(name, std::fs::read_to_string(entry.path())?));
        }
    }
    let templates = Templates::read(&files).map_err(|problems| anyhow!("{problems:?}"))?;
    let options = Options { comments: false, range: Range::Hunt(86_400_000), limit: None, unmapped: true };
    let artefact = compile(&detection, Target::Sigma, templates.of(Target::Sigma), &options).map_err(|problems| anyhow!("{problems:?}"))?;
    Ok(artefact.text)
}
