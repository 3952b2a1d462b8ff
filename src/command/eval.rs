//! `cognate eval`: specs over JSON-lines events, one alert per line. Events stream through; only `--sort` keeps them.

use super::workspace::{Workspace, lenient};
use super::{EvalArguments, Outcome, files};
use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, E0211, Severity};
use crate::evaluate::{Alert, Evaluator, Evaluators, Problem, RunOptions, read_time};
use anyhow::{Context, bail};
use serde_json::{Map, Value as Json};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

/// The longest line that is read, in bytes.
const LONGEST_LINE: u64 = 16 << 20;

/// Runs the command.
pub(super) fn run(arguments: &EvalArguments) -> Outcome {
    if files::is_standard_input(&arguments.events) && arguments.specs.iter().any(|path| files::is_standard_input(path)) {
        bail!("standard input cannot hold a spec and the events: put one of them into a file");
    }
    if !arguments.common.variant.is_empty() {
        bail!("`--variant` says where queries look for events; `eval` reads events of the product itself");
    }
    let workspace = Workspace::open(&arguments.common, &arguments.specs)?;
    if super::cannot_begin(&workspace) {
        return Ok(false);
    }
    let (mut good, mut detections) = (true, Vec::new());
    for path in workspace.specs(&arguments.specs)? {
        let (source, documents, bases) = workspace.understand(&path).split();
        let (understood, mut problems) = lenient(documents);
        problems.extend(lenient(bases).1);
        problems.retain(|problem| problem.severity == Severity::Error);
        for detection in understood {
            match Evaluator::new(&detection, RunOptions::default()).err() {
                Some(problem) => problems.push(pattern_problem(&problem)),
                None => detections.push(detection.among_others()),
            }
        }
        good &= problems.is_empty();
        super::report_errors(&[(source, problems)]);
    }
    if detections.is_empty() {
        return workspace.finish(good);
    }
    let options = RunOptions { throttle: !arguments.no_throttle };
    match alerts(arguments, &detections, Evaluators::new(&detections, options)?) {
        Ok(0) => workspace.finish(good),
        Ok(bad) => {
            files::print_error(&format!("{} could not be used\n", files::counted(bad, "line")));
            workspace.finish(false)
        }
        Err(error) if files::is_closed_pipe(&error) => workspace.finish(good),
        Err(error) => Err(error),
    }
}

fn pattern_problem(problem: &Problem) -> Diagnostic {
    let span = match problem {
        Problem::Pattern { span, .. } => *span,
        Problem::OutOfOrder { .. } => Default::default(),
    };
    Diagnostic::error(E0211, span, problem.to_string())
}

/// Prints the alerts; returns how many lines could not be used.
fn alerts(arguments: &EvalArguments, detections: &[Detection], mut evaluators: Evaluators<'_>) -> anyhow::Result<usize> {
    // whoever sends events one by one wants to see an alert at once
    let out = io::stdout().lock();
    let mut out: Box<dyn Write> = if files::is_standard_input(&arguments.events) { Box::new(out) } else { Box::new(BufWriter::new(out)) };
    let bad = match arguments.sort {
        true => sorted(arguments, detections, &mut evaluators, &mut out)?,
        false => each(arguments, detections, |place, event| feed(&mut evaluators, place, &event, &mut out))?,
    };
    print(&mut out, evaluators.finish())?;
    out.flush()?;
    Ok(bad)
}

fn open(arguments: &EvalArguments) -> anyhow::Result<Box<dyn BufRead>> {
    if files::is_standard_input(&arguments.events) {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(&arguments.events).with_context(|| format!("cannot read `{}`", files::shown(&arguments.events)))?;
    Ok(Box::new(BufReader::new(file)))
}

/// The next line with its end, empty after the last; `false` if it is too long, and then it is skipped.
fn next_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if (&mut *input).take(LONGEST_LINE).read_until(b'\n', line)? < LONGEST_LINE as usize || line.ends_with(b"\n") {
        return Ok(true);
    }
    input.skip_until(b'\n')?;
    Ok(false)
}

/// Calls `take` with every event and the place of its line; returns how many lines are no events.
fn each(
    arguments: &EvalArguments,
    detections: &[Detection],
    mut take: impl FnMut(&str, Map<String, Json>) -> anyhow::Result<bool>,
) -> anyhow::Result<usize> {
    let name = files::shown(&arguments.events);
    let (mut input, mut line) = (open(arguments)?, Vec::new());
    let mut bad = 0;
    for number in 1.. {
        let fits = next_line(&mut input, &mut line).with_context(|| format!("cannot read `{name}`"))?;
        if line.is_empty() {
            break;
        }
        let text = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1).unwrap_or(&line).trim_ascii_end();
        if text.is_empty() {
            continue;
        }
        let place = format!("{name}:{number}");
        let read = if fits { serde_json::from_slice::<Json>(text).map_err(|error| json_problem(&error)) } else { Err(too_long()) };
        let problem = match read {
            Ok(Json::Object(event)) => match take(&place, event)? {
                true => continue,
                false => timeless(detections),
            },
            Ok(Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_)) => {
                "the line is not a JSON object".to_owned()
            }
            Err(problem) => problem,
        };
        bad += 1;
        files::print_error(&format!("{place}: {problem}\n"));
    }
    Ok(bad)
}

/// Where the time was looked for.
fn timeless(detections: &[Detection]) -> String {
    let mut places: Vec<String> = Vec::new();
    for time in detections.iter().flat_map(Detection::log_sources).map(|log_source| &log_source.time) {
        for place in [format!("`{}`", time.name), format!("`{}`", time.event.text())] {
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    format!("the event has no readable time in {}", places.join(" or "))
}

fn too_long() -> String {
    format!("the line has more than {} MiB", LONGEST_LINE >> 20)
}

/// The parser counts lines of its own, which would mislead.
fn json_problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    format!("the line is not JSON: {what} at column {}", error.column())
}

fn sorted(
    arguments: &EvalArguments,
    detections: &[Detection],
    evaluators: &mut Evaluators<'_>,
    out: &mut impl Write,
) -> anyhow::Result<usize> {
    let mut events = Vec::new();
    let bad = each(arguments, detections, |place, event| {
        let time = detections.iter().flat_map(Detection::log_sources).find_map(|log_source| read_time(log_source, &event));
        let readable = time.is_some();
        events.extend(time.map(|time| (time, place.to_owned(), event)));
        Ok(readable)
    })?;
    // stable: events of one moment stay as they came
    events.sort_by_key(|(time, ..)| *time);
    for (_, place, event) in events {
        feed(evaluators, &place, &event, out)?;
    }
    Ok(bad)
}

/// Whether the event has a time for at least one of the specs.
fn feed(evaluators: &mut Evaluators<'_>, place: &str, event: &Map<String, Json>, out: &mut impl Write) -> anyhow::Result<bool> {
    match evaluators.push(event) {
        Ok(Some(alerts)) => print(out, alerts).map(|()| true),
        Ok(None) => Ok(false),
        Err(problem) => bail!("{place}: {problem}; use --sort"),
    }
}

fn print(out: &mut impl Write, alerts: Vec<Alert>) -> anyhow::Result<()> {
    for alert in alerts {
        writeln!(out, "{}", alert.to_json())?;
    }
    Ok(())
}
