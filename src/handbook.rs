//! Detections with their queries → the pages of a handbook: Markdown texts by their path below its folder. Pure.
//!
//! ```text
//! jira/project_deleted.md      a page for each spec, where the spec is                    spec
//! logsources/jira_audit.md     a page for each log source that specs use                  logsource
//! README.md, coverage.md       all specs by log source; techniques × targets              index
//! ```
//!
//! [`markdown`] makes texts of anybody harmless, [`words`] says expressions and values in words.

mod attack;
mod events;
mod index;
mod logsource;
mod markdown;
mod meaning;
mod needs;
mod queries;
mod spec;
mod tuning;
mod words;

use crate::attack::Technique;
use crate::build::Outcome;
use crate::detection::Detection;
use crate::explain::Indicators;
use crate::source::Source;
use crate::target::{Mark, Target};
use logsource::LogSourcePages;
use std::collections::{BTreeMap, BTreeSet};

/// The page with all specs.
pub const INDEX: &str = "README.md";
/// The page with all techniques.
pub const COVERAGE: &str = "coverage.md";
/// The folder of the pages of log sources.
pub const LOG_SOURCES: &str = "logsources";

/// Texts by their path below the handbook's folder.
pub type Files = BTreeMap<String, String>;

/// A spec with what became of it on each target.
pub struct Subject<'a> {
    /// Its path below `detections/`, without extension: `jira/project_deleted`.
    pub name: &'a str,
    /// The file that it stands in.
    pub source: &'a Source,
    /// What it means.
    pub detection: &'a Detection,
    /// What became of it, for each target in the order in which they are shown.
    pub outcomes: &'a [(Target, Outcome)],
}

impl Subject<'_> {
    fn page(&self) -> String {
        page_of(self.name)
    }
}

/// The path of a spec's page.
pub fn page_of(name: &str) -> String {
    format!("{name}.md")
}

/// What index and coverage keep of a spec.
struct Entry {
    page: String,
    title: String,
    level: Option<String>,
    techniques: Vec<Technique>,
    standings: Vec<(Target, Standing)>,
    /// Whether a test of it expects an alert.
    tested: bool,
    /// The techniques that its tests name, once for each test.
    named: Vec<&'static str>,
}

/// What became of a spec on a target, in short.
enum Standing {
    Built(Mark),
    NotAccepted(Mark),
    Skipped,
    Refused,
}

impl Standing {
    fn of(outcome: &Outcome) -> Standing {
        match outcome {
            Outcome::Built(artefact) => Standing::Built(Mark::of(&artefact.fidelity)),
            Outcome::NotAccepted(artefact, _) => Standing::NotAccepted(Mark::of(&artefact.fidelity)),
            Outcome::Skipped(_) => Standing::Skipped,
            Outcome::Refused(_) => Standing::Refused,
        }
    }

    fn text(&self) -> String {
        match self {
            Standing::Built(mark) => mark.text(),
            Standing::NotAccepted(mark) => format!("not accepted {}", mark.approximations.join(" ")),
            Standing::Skipped => "skipped".to_owned(),
            Standing::Refused => "refused".to_owned(),
        }
    }
}

/// A handbook that grows by one spec after the other.
#[derive(Default)]
pub struct Handbook {
    indicators: Indicators,
    pages: Files,
    entries: Vec<Entry>,
    log_sources: LogSourcePages,
    left_out: BTreeSet<(String, bool)>,
}

impl Handbook {
    /// Without specs; the indicators are those of all specs with which each is compared.
    pub fn new(indicators: Indicators) -> Handbook {
        Handbook { indicators, ..Handbook::default() }
    }

    /// Writes the page of a spec; an error says which page has its path.
    pub fn add(&mut self, subject: &Subject<'_>) -> Result<(), String> {
        let page = subject.page();
        if let Some(other) = self.taken(&page) {
            return Err(other);
        }
        let sources = self.log_sources.add(self.entries.len(), subject.detection);
        self.pages.insert(page, spec::page(subject, &sources, &self.indicators));
        self.entries.push(entry(subject));
        Ok(())
    }

    /// What else has a path.
    fn taken(&self, page: &str) -> Option<String> {
        let lower = page.to_ascii_lowercase();
        if lower == INDEX.to_ascii_lowercase() {
            return Some("the index".to_owned());
        }
        if lower == COVERAGE {
            return Some("the table of techniques".to_owned());
        }
        if lower.starts_with(&format!("{LOG_SOURCES}/")) {
            return Some(format!("the folder `{LOG_SOURCES}`, which holds pages of log sources,"));
        }
        self.pages.contains_key(page).then(|| "the page of another spec".to_owned())
    }

    /// Names a spec that has errors, and whether there is an old page of it.
    pub fn leave_out(&mut self, name: &str, has_page: bool) {
        self.left_out.insert((name.to_owned(), has_page));
    }

    /// How many specs have a page.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// All pages.
    pub fn finish(self) -> Files {
        let mut pages = self.pages;
        pages.insert(INDEX.to_owned(), index::index(&self.entries, &self.log_sources, &self.left_out));
        pages.insert(COVERAGE.to_owned(), index::coverage(&self.entries));
        pages.extend(self.log_sources.pages(&self.entries));
        pages
    }
}

fn entry(subject: &Subject<'_>) -> Entry {
    let detection = subject.detection;
    Entry {
        page: subject.page(),
        title: detection.metadata.title.value.clone(),
        level: detection.metadata.level.clone(),
        techniques: crate::attack::tagged_techniques(&detection.metadata.tags),
        standings: subject.outcomes.iter().map(|(target, outcome)| (*target, Standing::of(outcome))).collect(),
        tested: detection.tests.iter().any(|test| test.expect.count() > 0),
        named: detection.tests.iter().filter_map(attack::technique_of).map(|technique| technique.id).collect(),
    }
}
