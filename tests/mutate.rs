//! Mutants: every spec in `tests/mutants` with all of its mutants and what its tests say to each. A snapshot stands beside
//! its input.

mod common;

use cognate::detection::Detection;
use cognate::mutate::run::{Verdict, judge};
use cognate::mutate::{Mutants, report};
use cognate::source::Source;
use cognate::testing;
use common::{World, files, source, visible};
use std::fmt::Write;
use std::time::{Duration, Instant};

fn understood(world: &World, source: &Source) -> Detection {
    let (detection, problems) = world.understand(source);
    detection.unwrap_or_else(|| panic!("{}", cognate::report::text(&[(source.clone(), problems.sorted())], false)))
}

/// One line per mutant.
fn shown(source: &Source, detection: &Detection) -> String {
    let until = Instant::now() + Duration::from_secs(60);
    let mut text = String::new();
    for mutant in Mutants::new(source, detection).all() {
        let killed = !testing::passes_all(&mutant.detection, &detection.tests, until);
        let (line, column) = source.line_column(mutant.span.start as usize);
        let fate = if killed { "killed  " } else { "survives" };
        let _ = writeln!(text, "{fate} {line}:{column} {}: {}", mutant.kind.name(), mutant.sentence);
    }
    text
}

#[test]
fn mutants() {
    let world = World::new();
    insta::glob!("mutants/*.yml", |path| {
        let source = source(path);
        let detection = understood(&world, &source);
        let verdict = judge(&source, &detection);
        let problems = cognate::report::text(&[(source.clone(), verdict.unneeded().to_vec())], false);
        let title = detection.metadata.title.value.clone();
        let text = format!("{}\n{problems}", shown(&source, &detection));
        let report = report::text(&[report::SpecMutants { source, title, verdict }]);
        let summary = report.lines().last().unwrap_or_default();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(path.parent().expect("a folder"));
        settings.set_prepend_module_to_snapshot(false);
        settings.remove_snapshot_suffix();
        settings.set_omit_expression(true);
        settings.remove_input_file();
        let name = path.file_stem().expect("a name").to_string_lossy();
        settings.bind(|| insta::assert_snapshot!(&*name, format!("{}\n{summary}", visible(&text))));
    });
}

#[test]
fn every_detection_has_the_same_mutants_every_time_and_none_is_the_detection() {
    let world = World::new();
    for path in files("tests/specs/ok", "yml") {
        let source = source(&path);
        let detection = understood(&world, &source);
        let sentences = || Mutants::new(&source, &detection).all().take(500).map(|mutant| mutant.sentence).collect::<Vec<_>>();
        assert_eq!(sentences(), sentences(), "{}", source.path);
        for mutant in Mutants::new(&source, &detection).all().take(50) {
            assert_ne!(format!("{:?}", mutant.detection), format!("{detection:?}"), "{}: {}", source.path, mutant.sentence);
            assert!(mutant.span.end as usize <= source.text.len(), "{}: {}", source.path, mutant.sentence);
        }
    }
}

#[test]
fn without_good_tests_there_is_no_verdict() {
    let world = World::new();
    let spec = "title: T\nlogsource: { product: example, service: log }\ndetection: { s: { a: x }, condition: s }\n";
    let verdict = |tests: &str| {
        let source = Source::new("t.yml", format!("{spec}{tests}"));
        judge(&source, &understood(&world, &source))
    };
    assert_eq!(verdict(""), Verdict::Untested);
    assert_eq!(verdict("tests: [ { name: x, events: [ { event: { a: y } } ], expect: { alerts: 1 } } ]\n"), Verdict::Failing(1));
    let Verdict::Judged(judged) = verdict("tests: [ { name: x, events: [ { event: { a: x } } ], expect: { alerts: 1 } } ]\n") else {
        panic!("it can be judged");
    };
    assert_eq!((judged.killed, judged.survivors.len(), judged.count()), (2, 1, 3));
}
