//! What must hold of every spec: a source goes in, and a promise that is broken is a panic.

use super::world::{World, templates};
use cognate::build::{self, Acceptance, Outcome, build};
use cognate::detection::Detection;
use cognate::diagnostic::{ALL_CODES, Diagnostic, Diagnostics, Severity};
use cognate::explain::{Indicators, explain};
use cognate::frontend;
use cognate::report::Format;
use cognate::source::Source;
use cognate::target::{Options, Range, Target};
use serde::Deserialize;
use std::collections::BTreeSet;

/// One day, for hunts.
const HUNT: i64 = 86_400_000;

/// A problem has a known code, something to say, and its places lie in the text.
pub fn check_problem(source: &Source, problem: &Diagnostic) {
    assert!(ALL_CODES.iter().any(|(code, _)| *code == problem.code), "{problem:?}");
    assert!(!problem.message.is_empty(), "{problem:?}");
    let spans = problem.labels.iter().map(|(span, _)| *span).chain([problem.span]);
    for span in spans {
        assert!(source.text.get(span.range()).is_some(), "{problem:?}");
    }
}

/// The same of several, which are also written in every form.
pub fn check_problems(source: &Source, problems: Diagnostics) {
    let problems = problems.sorted();
    problems.iter().for_each(|problem| check_problem(source, problem));
    let items = [(source.clone(), problems)];
    for format in Format::ALL {
        drop(format.write(&items, false));
    }
}

/// Reads a file: a document without a detection has an error, and no two have one name.
pub fn understood(world: &World, source: &Source) -> Vec<Detection> {
    let (mut detections, mut problems, mut names) = (Vec::new(), Diagnostics::new(), BTreeSet::new());
    for mut document in world.documents(source) {
        assert!(document.is_base || document.detection.is_some() || document.diagnostics.has_errors(), "neither a detection nor an error");
        assert!(names.insert(document.name), "two documents with one name");
        if let Some(detection) = &document.detection {
            frontend::check_tests(detection, &mut document.diagnostics);
        }
        detections.extend(document.detection);
        problems.extend(document.diagnostics);
    }
    check_problems(source, problems);
    detections
}

/// Compiles the specs of a file for every target, on schedule and as a hunt.
pub fn check_compiles(world: &World, source: &Source) {
    let detections = understood(world, source);
    let again = understood(world, source);
    assert_eq!(detections.len(), again.len(), "what was understood once is understood again");
    for (detection, again) in detections.iter().zip(&again) {
        for range in [Range::Scheduled, Range::Hunt(HUNT)] {
            let options = Options { comments: range == Range::Scheduled, range, limit: world.limit(), unmapped: true, lookups: None };
            let outcomes = Target::ALL.map(|target| (target, check_target(world, source, [detection, again], target, &options)));
            drop(explain("input.yml", detection, &Indicators::default(), &outcomes));
        }
    }
}

/// One target: an artefact that is the same each time, or problems.
fn check_target(world: &World, source: &Source, detections: [&Detection; 2], target: Target, options: &Options) -> Outcome {
    let acceptance = Acceptance { all: options.comments, codes: Vec::new() };
    let [(outcome, unneeded), (again, _)] = detections.map(|detection| build(detection, target, templates(), options, &acceptance));
    assert_eq!(artefact(&outcome), artefact(&again), "{} is not the same when it is compiled again", target.name());
    unneeded.iter().for_each(|problem| check_problem(source, problem));
    if let Outcome::Refused(problems) | Outcome::NotAccepted(_, problems) = &outcome {
        assert!(!problems.is_empty(), "{} is refused without a reason", target.name());
        for problem in problems {
            assert_eq!(problem.severity, Severity::Error, "{problem:?}");
            check_problem(source, &build::place_at_title(problem.clone(), detections[0]));
        }
    }
    match (target, artefact(&outcome)) {
        (Target::Sigma, Some(text)) => check_sigma(world, text),
        (Target::Aql | Target::Spl | Target::Kql, Some(text)) => check_conditions(text),
        (_, None) => {}
    }
    outcome
}

fn artefact(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Built(artefact) | Outcome::NotAccepted(artefact, _) => Some(&artefact.text),
        Outcome::Skipped(_) | Outcome::Refused(_) => None,
    }
}

/// No `where` stands without a condition. (A text in a query holds no line break.)
fn check_conditions(query: &str) {
    let lines: Vec<&str> = query.lines().map(str::trim).collect();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.ends_with("| where") || **line == "WHERE") {
        let next = lines.get(index + 1);
        assert!(next.is_some_and(|next| !next.starts_with('|')), "`{line}` has no condition\n{query}");
    }
}

/// Another reader of YAML takes a Sigma document, and we read it again.
fn check_sigma(world: &World, text: &str) {
    for document in serde_yaml::Deserializer::from_str(text) {
        let document = serde_yaml::Value::deserialize(document);
        assert!(document.is_ok(), "{document:?}\n{text}");
    }
    for document in world.documents(&Source::new("rule.yml", text)) {
        assert!(!document.is_lost(), "{:?}\n{text}", document.diagnostics);
    }
}
