//! What is shipped: detections, lists, log sources, the example of a site file, templates and the pages of codes.

mod common;

use cognate::detection::Detection;
use cognate::diagnostic::{ALL_CODES, Diagnostic, Diagnostics, Severity};
use cognate::frontend::{check_tests, list_values, understand, understand_spec};
use cognate::logsource::{LogSource, LogSourceId, LogSources};
use cognate::lower::Surroundings;
use cognate::mutate;
use cognate::report;
use cognate::site::{Known, Site};
use cognate::source::Source;
use cognate::spec::{Body, Spec};
use cognate::target::{Options, Target, compile};
use cognate::testing;
use cognate::yaml::{Number, Value};
use common::{files, root, source, templates};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The project as it is in the repository, at a site or at none.
struct Project {
    log_sources: LogSources,
    site: Option<Site>,
}

impl Project {
    fn new() -> Project {
        Project { log_sources: LogSources::built_in(), site: None }
    }

    /// With the site file of the documentation.
    fn at_the_example_site() -> (Project, Diagnostics) {
        let mut diagnostics = Diagnostics::new();
        let mut project = Project::new();
        project.site = Site::read(&source(&root().join("docs/site.example.yml")), &project.log_sources, &mut diagnostics);
        (project, diagnostics)
    }

    fn detections(&self) -> Vec<(Source, Option<Detection>, Diagnostics)> {
        let understood = |source: Source| {
            let documents = understand(&source, self).into_iter();
            documents.map(|document| (source.clone(), document.detection, document.diagnostics)).collect::<Vec<_>>()
        };
        files("detections", "yml").iter().flat_map(|path| understood(source(path))).collect()
    }
}

impl Surroundings for Project {
    fn log_source(&self, id: &LogSourceId) -> Option<Arc<LogSource>> {
        let changed = self.site.as_ref().and_then(|site| site.log_source(id));
        changed.or_else(|| self.log_sources.described(id).and_then(|file| file.log_source.clone()))
    }

    fn list_file(&self, path: &str) -> Result<Vec<Value>, String> {
        std::fs::read_to_string(root().join(path)).map(|text| list_values(&text)).map_err(|error| error.to_string())
    }

    fn event_file(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(root().join(path)).map_err(|error| error.to_string())
    }

    fn parameter(&self, spec: &Spec, name: &str) -> Option<Number> {
        self.site.as_ref().and_then(|site| site.parameter(&spec.metadata, name))
    }

    fn adjust_list(&self, spec: &Spec, name: &str, values: Vec<Value>) -> Vec<Value> {
        match &self.site {
            Some(site) => site.adjust_list(&spec.metadata, name, values),
            None => values,
        }
    }

    fn exclusions(&self, spec: &Spec) -> Vec<(String, Body, Source)> {
        let of = |site: &Site| {
            let exclusions = site.exclusions(&spec.metadata);
            exclusions.map(|exclusion| (exclusion.reason.value.clone(), exclusion.body.clone(), site.source.clone())).collect::<Vec<_>>()
        };
        self.site.as_ref().map(of).unwrap_or_default()
    }
}

fn shown(source: &Source, problems: Vec<Diagnostic>) -> String {
    report::text(&[(source.clone(), problems)], false)
}

#[test]
fn detections_have_no_problems() {
    let mut found = String::new();
    let detections = Project::new().detections();
    assert!(detections.len() >= 10, "only {} detections are shipped", detections.len());
    for (source, detection, mut diagnostics) in detections {
        if let Some(detection) = &detection {
            check_tests(detection, &mut diagnostics);
        }
        found += &shown(&source, diagnostics.sorted());
    }
    assert!(found.is_empty(), "\n{found}");
}

#[test]
fn detections_pass_their_tests() {
    let results: Vec<_> = Project::new()
        .detections()
        .into_iter()
        .filter_map(|(source, detection, _)| {
            let detection = detection?;
            let results = testing::run(&detection);
            Some(testing::report::SpecResults { path: source.path, title: detection.metadata.title.value.clone(), results })
        })
        .collect();
    assert_eq!(testing::report::totals(&results).1, 0, "\n{}", testing::report::text(&results));
}

/// Every change of a detection is noticed by its tests, or named as one that changes no alert.
#[test]
fn no_mutant_of_a_detection_survives() {
    let judged = |(source, detection, _): (Source, Option<Detection>, Diagnostics)| {
        let detection = detection?;
        let verdict = mutate::run::judge(&source, &detection);
        let unneeded = shown(&source, verdict.unneeded().to_vec());
        assert!(unneeded.is_empty(), "\n{unneeded}");
        Some(mutate::report::SpecMutants { source, title: detection.metadata.title.value, verdict })
    };
    let specs: Vec<_> = Project::new().detections().into_iter().filter_map(judged).collect();
    assert!(specs.iter().all(mutate::report::SpecMutants::is_good), "\n{}", mutate::report::text(&specs));
}

#[test]
fn ids_are_unique() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (source, detection, _) in Project::new().detections() {
        let id = detection.and_then(|detection| detection.metadata.id).unwrap_or_else(|| panic!("{} has no id", source.path));
        let first = seen.insert(id.clone(), source.path.clone());
        assert_eq!(first, None, "{} has the id {id} too", source.path);
    }
}

#[test]
fn titles_are_unique() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (source, detection, _) in Project::new().detections() {
        let title = detection.map(|detection| detection.metadata.title.value.to_lowercase()).unwrap_or_default();
        let first = seen.insert(title.clone(), source.path.clone());
        assert_eq!(first, None, "{} has the title `{title}` too", source.path);
    }
}

#[test]
fn detections_compile_for_hunting() {
    let (templates, options) = (
        templates(),
        Options { range: cognate::target::Range::Hunt(86_400_000), comments: true, limit: Some(100), unmapped: true, lookups: None },
    );
    for (source, detection, _) in Project::new().detections() {
        let detection = detection.unwrap_or_else(|| panic!("{}", source.path));
        let built = Target::ALL.into_iter().filter(|target| compile(&detection, *target, templates.of(*target), &options).is_ok()).count();
        assert!(built >= 2, "{} can be said in {built} languages", source.path);
    }
}

#[test]
fn the_examples_of_the_documentation_work() {
    let project = Project::new();
    for path in files("docs/example", "yml") {
        let source = source(&path);
        let (detection, diagnostics) = understand_spec(&source, &project);
        let errors: Vec<Diagnostic> = diagnostics.sorted().into_iter().filter(|problem| problem.severity == Severity::Error).collect();
        let detection = detection.unwrap_or_else(|| panic!("\n{}", shown(&source, errors)));
        assert!(testing::run(&detection).iter().all(testing::TestResult::passed), "{}", source.path);
    }
}

#[test]
fn lists_have_values() {
    for path in files("lists", "txt") {
        let source = source(&path);
        let values = list_values(&source.text);
        assert!(!values.is_empty(), "{} is empty", source.path);
        let mut texts: Vec<String> = values.iter().map(|value| format!("{value:?}").to_lowercase()).collect();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), values.len(), "{} has a value twice", source.path);
    }
}

#[test]
fn log_sources_have_no_problems() {
    let log_sources = LogSources::built_in();
    let shipped = files("logsources", "yml").len();
    assert_eq!(log_sources.read_all().count(), shipped, "every file is part of the program");
    for (source, file) in log_sources.read_all() {
        let problems: Vec<Diagnostic> = file.diagnostics.iter().cloned().collect();
        assert!(problems.is_empty() && file.log_source.is_some(), "\n{}", shown(source, problems));
    }
}

#[test]
fn the_example_of_a_site_file_fits() {
    let (project, diagnostics) = Project::at_the_example_site();
    let site = project.site.as_ref().unwrap_or_else(|| panic!("{diagnostics:?}"));
    assert!(diagnostics.is_empty(), "\n{}", shown(&site.source, diagnostics.sorted()));
    let mut detections = Vec::new();
    for (source, detection, diagnostics) in project.detections() {
        let errors: Vec<Diagnostic> = diagnostics.sorted().into_iter().filter(|problem| problem.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "\n{}", shown(&source, errors));
        detections.extend(detection);
    }
    let known: Vec<Known> = detections.iter().map(Known::of).collect();
    let problems = site.check(&known, true).sorted();
    assert!(problems.is_empty(), "\n{}", shown(&site.source, problems));
    assert!(detections.iter().any(|detection| !detection.exclusions.is_empty()), "no exclusion of the example is used");
}

#[test]
fn templates_can_be_read() {
    drop(templates());
}

#[test]
fn every_code_has_a_page() {
    for (code, title) in ALL_CODES {
        let page = cognate::pages::page(code.0).unwrap_or_else(|| panic!("{code} has no page"));
        assert!(page.starts_with(&format!("# {code}: {title}")), "the page of {code} has another title");
        assert_eq!(std::fs::read_to_string(root().join(format!("docs/diagnostics/{code}.md"))).expect("a page"), page);
    }
    let pages = files("docs/diagnostics", "md").len();
    assert_eq!(pages, ALL_CODES.len() + 1, "a page for every code, and the table of all");
}
