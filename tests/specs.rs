//! The language, feature by feature: every spec in `tests/specs/ok` with what it compiles to, every one in
//! `tests/specs/err` with its problems. A snapshot stands beside its input.

mod common;

use cognate::build::{Acceptance, Outcome, build, place_at_title};
use cognate::detection::Detection;
use cognate::diagnostic::{Diagnostic, Diagnostics};
use cognate::frontend::check_tests;
use cognate::report;
use cognate::target::{Options, Target};
use cognate::template::Templates;
use common::{World, outputs, source, templates, visible};
use std::path::Path;

fn snapshot(path: &Path, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(path.parent().expect("a folder"));
    settings.set_prepend_module_to_snapshot(false);
    settings.remove_snapshot_suffix();
    settings.set_omit_expression(true);
    settings.remove_input_file();
    let name = path.file_stem().expect("a name").to_string_lossy();
    settings.bind(|| insta::assert_snapshot!(&*name, text));
}

#[test]
fn specs_compile() {
    let (world, templates) = (World::new(), templates());
    let mut broken = String::new();
    insta::glob!("specs/ok/*.yml", |path| {
        let source = source(path);
        let documents = world.documents(&source);
        let (mut problems, mut text, several) = (Diagnostics::new(), String::new(), documents.len() > 1);
        for document in documents {
            let heading = match (several, document.is_base) {
                (false, _) => String::new(),
                (true, false) => format!("=== {}\n", document.name),
                (true, true) => format!("=== {}, a base rule\n", document.name),
            };
            problems.extend(document.diagnostics);
            if let Some(detection) = document.detection {
                text += &format!("{heading}{}{}", outputs(&detection, &templates), if several { "\n\n" } else { "" });
            }
        }
        let wrong = problems.has_errors();
        let problems = report::text(&[(source, problems.sorted())], false);
        if wrong {
            broken += &problems;
            return;
        }
        let warnings = if problems.is_empty() { problems } else { format!("--- warnings\n{}\n", visible(&problems)) };
        snapshot(path, &format!("{warnings}{}", text.trim_end()));
    });
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn problems_are_reported_at_their_places() {
    let (world, templates) = (World::new(), templates());
    insta::glob!("specs/err/*.yml", |path| {
        let source = source(path);
        let (mut diagnostics, mut reports) = (Diagnostics::new(), Vec::new());
        for document in world.documents(&source) {
            let wrong = document.diagnostics.has_errors();
            assert!(document.detection.is_some() || wrong || document.is_base, "{}: without a detection there is an error", source.path);
            diagnostics.extend(document.diagnostics);
            if let Some(detection) = document.detection.filter(|_| !wrong) {
                if source.path.contains("W0301") {
                    check_tests(&detection, &mut diagnostics);
                }
                reports.extend(Target::ALL.map(|target| (target.name(), problems(&detection, target, &templates))));
            }
        }
        reports.insert(0, ("spec", diagnostics.sorted()));
        let mut text = String::new();
        for (name, problems) in reports.into_iter().filter(|(_, problems)| !problems.is_empty()) {
            let heading = if name == "spec" { String::new() } else { format!("--- {name}\n") };
            text += &format!("{heading}{}", report::text(&[(source.clone(), problems)], false));
        }
        assert!(!text.is_empty(), "{} has no problems", source.path);
        snapshot(path, &visible(&text));
    });
}

/// Why a target is not built, and acceptances that it does not need.
fn problems(detection: &Detection, target: Target, templates: &Templates) -> Vec<Diagnostic> {
    let (outcome, unneeded) = build(detection, target, templates, &Options::default(), &Acceptance::default());
    let refused = match outcome {
        Outcome::Built(_) | Outcome::Skipped(_) => Vec::new(),
        Outcome::Refused(problems) | Outcome::NotAccepted(_, problems) => problems,
    };
    refused.into_iter().chain(unneeded).map(|problem| place_at_title(problem, detection)).collect()
}

#[test]
fn a_file_may_not_be_too_large() {
    let world = World::new();
    let text = format!("title: T\n# {}\n", "x".repeat(cognate::yaml::MAX_BYTES));
    let (detection, problems) = world.understand(&cognate::source::Source::new("large.yml", text));
    let codes: Vec<&str> = problems.sorted().iter().map(|problem| problem.code.0).collect();
    assert!(detection.is_none());
    assert_eq!(codes, ["E0001"]);
}
