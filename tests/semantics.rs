//! The meaning of the language as specs: every file in `tests/semantics` carries tests that the evaluator must pass.

use cognate::frontend::{Document, understand};
use cognate::logsource::LogSources;
use cognate::source::Source;
use cognate::testing::{self, report};
use std::path::Path;

fn results(path: &Path, surroundings: &LogSources) -> Vec<report::SpecResults> {
    let text = std::fs::read_to_string(path).expect("a readable file");
    let source = Source::new(path.file_name().expect("a name").to_string_lossy(), text);
    let results: Vec<_> = understand(&source, surroundings).into_iter().map(|document| result(&source, document)).collect();
    assert!(results.iter().any(|spec| !spec.results.is_empty()), "{} has no tests", source.path);
    results
}

fn result(source: &Source, document: Document) -> report::SpecResults {
    let problems: Vec<String> = document.diagnostics.iter().map(|problem| format!("{} {}", problem.code, problem.message)).collect();
    let Some(detection) = document.detection else { panic!("{}: {problems:#?}", source.path) };
    report::SpecResults { path: source.path.clone(), title: detection.metadata.title.value.clone(), results: testing::run(&detection) }
}

#[test]
fn every_spec_passes_its_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/semantics");
    let mut paths: Vec<_> = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let surroundings = LogSources::built_in();
    let results: Vec<_> = paths.iter().flat_map(|path| results(path, &surroundings)).collect();
    assert_eq!(report::totals(&results).1, 0, "\n{}", report::text(&results));
}
