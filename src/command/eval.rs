//! `cognate eval`: specs over JSON-lines events, one alert per line.

use super::workspace::{Understood, Workspace};
use super::{EvalArguments, Outcome, files};
use crate::detection::Detection;
use crate::diagnostic::Severity;
use crate::evaluate::{Alert, Evaluator, Event, RunOptions, read_time};
use anyhow::{Context, bail};
use serde_json::{Map, Value as Json};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};

/// Runs the command.
pub(super) fn run(arguments: &EvalArguments) -> Outcome {
    let workspace = Workspace::open(&arguments.common)?;
    let mut good = !super::report_site(&workspace);
    let mut detections = Vec::new();
    for path in files::specs(&arguments.specs)? {
        let Understood { source, detection, diagnostics } = workspace.understand(&path)?;
        good &= detection.is_some();
        let errors: Vec<_> = diagnostics.sorted().into_iter().filter(|problem| problem.severity == Severity::Error).collect();
        super::report_errors(&[(source, errors)]);
        detections.extend(detection);
    }
    let options = RunOptions { throttle: !arguments.no_throttle };
    let mut evaluators = Vec::new();
    for detection in &detections {
        let evaluator =
            Evaluator::new(detection, options).map_err(|problem| anyhow::anyhow!("{}: {problem}", detection.metadata.title.value))?;
        evaluators.push((detection, evaluator));
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let bad = if arguments.sort { sorted(arguments, &mut evaluators, &mut out)? } else { streamed(arguments, &mut evaluators, &mut out)? };
    for (_, evaluator) in evaluators {
        print(&mut out, evaluator.finish())?;
    }
    out.flush()?;
    if bad > 0 {
        files::print_error(&format!("{bad} line(s) could not be used\n"));
    }
    Ok(good && bad == 0)
}

type Running<'d> = (&'d Detection, Evaluator<'d>);

fn open(arguments: &EvalArguments) -> anyhow::Result<Box<dyn BufRead>> {
    if arguments.events.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(&arguments.events).with_context(|| format!("cannot read `{}`", files::shown(&arguments.events)))?;
    Ok(Box::new(BufReader::new(file)))
}

/// Calls `take` with every event and its line; returns how many lines are no events.
fn each(arguments: &EvalArguments, mut take: impl FnMut(usize, Map<String, Json>) -> anyhow::Result<bool>) -> anyhow::Result<usize> {
    let name = files::shown(&arguments.events);
    let mut bad = 0;
    for (index, line) in open(arguments)?.split(b'\n').enumerate() {
        let line = line.with_context(|| format!("cannot read `{name}`"))?;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let number = index + 1;
        let problem = match serde_json::from_slice::<Json>(&line) {
            Ok(Json::Object(event)) => {
                if take(number, event)? {
                    continue;
                }
                "the event has no readable time".to_owned()
            }
            Ok(_) => "the line is not a JSON object".to_owned(),
            Err(error) => format!("the line is not JSON: {error}"),
        };
        bad += 1;
        files::print_error(&format!("{name}:{number}: {problem}\n"));
    }
    Ok(bad)
}

fn streamed(arguments: &EvalArguments, evaluators: &mut [Running<'_>], out: &mut impl Write) -> anyhow::Result<usize> {
    each(arguments, |number, event| feed(evaluators, number, &event, out))
}

fn sorted(arguments: &EvalArguments, evaluators: &mut [Running<'_>], out: &mut impl Write) -> anyhow::Result<usize> {
    let mut events = Vec::new();
    let bad = each(arguments, |number, event| {
        let time = evaluators.iter().find_map(|(detection, _)| read_time(&detection.log_source, &event));
        let readable = time.is_some();
        events.extend(time.map(|time| (time, number, event)));
        Ok(readable)
    })?;
    events.sort_by_key(|(time, number, _)| (*time, *number));
    for (_, number, event) in events {
        feed(evaluators, number, &event, out)?;
    }
    Ok(bad)
}

/// Whether the event has a time for at least one of the specs.
fn feed(evaluators: &mut [Running<'_>], number: usize, event: &Map<String, Json>, out: &mut impl Write) -> anyhow::Result<bool> {
    let mut readable = evaluators.is_empty();
    for (detection, evaluator) in evaluators {
        let Some(event) = Event::read(&detection.log_source, event) else { continue };
        readable = true;
        match evaluator.push(&event) {
            Ok(alerts) => print(out, alerts)?,
            Err(problem) => bail!("line {number}: {problem}; use --sort"),
        }
    }
    Ok(readable)
}

fn print(out: &mut impl Write, alerts: Vec<Alert>) -> anyhow::Result<()> {
    for alert in alerts {
        writeln!(out, "{}", alert.to_json())?;
    }
    Ok(())
}
