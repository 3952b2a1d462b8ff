//! The meaning of the language as specs: every file in `tests/semantics` carries tests that the evaluator must pass.

use cognate::frontend::understand;
use cognate::logsource::{LogSource, LogSourceId, LogSources};
use cognate::lower::Surroundings;
use cognate::source::Source;
use cognate::spec::{Body, Spec};
use cognate::testing::{self, report};
use cognate::yaml::{Number, Value};
use std::path::Path;
use std::sync::Arc;

struct BuiltIn(LogSources);

impl Surroundings for BuiltIn {
    fn log_source(&self, id: &LogSourceId) -> Option<Arc<LogSource>> {
        self.0.get(id)
    }

    fn log_source_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn list_file(&self, path: &str) -> Result<Vec<Value>, String> {
        Err(format!("no list `{path}` here"))
    }

    fn parameter(&self, _: &Spec, _: &str) -> Option<Number> {
        None
    }

    fn adjust_list(&self, _: &Spec, _: &str, values: Vec<Value>) -> Vec<Value> {
        values
    }

    fn exclusions(&self, _: &Spec) -> Vec<(String, Body, Source)> {
        Vec::new()
    }
}

fn results(path: &Path, surroundings: &BuiltIn) -> report::SpecResults {
    let text = std::fs::read_to_string(path).expect("a readable file");
    let source = Source::new(path.file_name().expect("a name").to_string_lossy(), text);
    let (detection, diagnostics) = understand(&source, surroundings);
    let problems: Vec<String> = diagnostics.iter().map(|problem| format!("{} {}", problem.code, problem.message)).collect();
    let Some(detection) = detection else { panic!("{}: {problems:#?}", source.path) };
    assert!(!detection.tests.is_empty(), "{} has no tests", source.path);
    report::SpecResults { path: source.path, title: detection.metadata.title.value.clone(), results: testing::run(&detection) }
}

#[test]
fn every_spec_passes_its_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/semantics");
    let mut paths: Vec<_> = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let surroundings = BuiltIn(LogSources::built_in());
    let results: Vec<_> = paths.iter().map(|path| results(path, &surroundings)).collect();
    assert_eq!(report::totals(&results).1, 0, "\n{}", report::text(&results));
}
