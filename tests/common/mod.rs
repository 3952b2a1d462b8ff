//! What the tests compile specs against: the built-in log sources, two that exist for tests only, and a few lists.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod events;
pub mod random;

use cognate::build::{self, Acceptance, Outcome};
use cognate::detection::Detection;
use cognate::diagnostic::{Diagnostic, Diagnostics};
use cognate::frontend::{Document, list_values, understand, understand_spec};
use cognate::logsource::{LogSource, LogSourceId, LogSources};
use cognate::lower::Surroundings;
use cognate::site::Site;
use cognate::source::Source;
use cognate::target::{Deviation, Fidelity, Options, Target};
use cognate::template::Templates;
use cognate::yaml::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The project's folder.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder with one extension, sorted.
pub fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(root().join(folder)).sort_by_file_name();
    let paths = walk.into_iter().map(|entry| entry.expect("a readable folder").into_path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

/// A file as a source; its path is shown relative to the project.
pub fn source(path: &Path) -> Source {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let shown = path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/");
    Source::new(shown, text)
}

/// The templates of `templates/`.
pub fn templates() -> Templates {
    let folder = root().join("templates");
    let name = |path: &Path| path.strip_prefix(&folder).expect("below the folder").to_string_lossy().replace('\\', "/");
    let sources: BTreeMap<String, Source> = files("templates", "j2").iter().map(|path| (name(path), source(path))).collect();
    Templates::read(&sources).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Log sources, lists and a site file. `product: example` may have any service and stands for a log source that nobody has described.
pub struct World {
    pub log_sources: LogSources,
    site: Site,
    lists: BTreeMap<&'static str, Vec<Value>>,
}

impl World {
    /// The built-in log sources and those of `tests/specs/logsources`.
    pub fn new() -> World {
        let own = files("tests/specs/logsources", "yml");
        let log_sources = LogSources::built_in().with(own.iter().map(|path| source(path)));
        let mut problems = Diagnostics::new();
        let site = Site::read(&source(&root().join("tests/specs/site.yaml")), &log_sources, &mut problems);
        let site = site.unwrap_or_else(|| panic!("{problems:#?}"));
        let terms = "# terms\npassword\n'  api key '\n\"#secret\"\n%temp%\npass*d\n4625\n";
        let lists = BTreeMap::from([
            ("lists/terms.txt", list_values(terms)),
            ("lists/many.txt", (0..300).map(|i| Value::Text(format!("value {i:03}"))).collect()),
        ]);
        World { log_sources, site, lists }
    }

    /// Reads a file that holds one spec.
    pub fn understand(&self, source: &Source) -> (Option<Detection>, Diagnostics) {
        understand_spec(source, self)
    }

    /// Reads a file.
    pub fn documents(&self, source: &Source) -> Vec<Document> {
        understand(source, self)
    }
}

impl Surroundings for World {
    fn log_source(&self, id: &LogSourceId) -> Option<Arc<LogSource>> {
        if let Some(changed) = self.site.log_source(id) {
            return Some(changed);
        }
        if id.product.as_deref() == Some("example") && self.log_sources.described(id).is_none() {
            return Some(Arc::new(LogSource::open(id.clone())));
        }
        self.log_sources.described(id).and_then(|file| file.log_source.clone())
    }

    fn near_log_source(&self, id: &LogSourceId) -> Option<String> {
        self.log_sources.near(id)
    }

    fn list_file(&self, path: &str) -> Result<Vec<Value>, String> {
        let known = self.lists.get(path).cloned();
        let read = || std::fs::read_to_string(root().join(path)).ok().map(|text| list_values(&text));
        known.or_else(read).ok_or_else(|| "there is no such file".to_owned())
    }

    fn event_file(&self, path: &str) -> Result<String, String> {
        match path {
            "events/two.jsonl" => Ok(concat!(
                "{\"timestamp\": {\"epochSecond\": 1767571260}, \"author\": {\"name\": \"ann\"}}\n\n",
                "{\"timestamp\": \"2026-01-05T00:00:30Z\", \"user\": \"bob\"}\n"
            )
            .to_owned()),
            "events/empty.jsonl" => Ok("\n\n".to_owned()),
            "events/bad.jsonl" => Ok("{\"timestamp\": \"2026-01-05\"}\n{\"timestamp\": }\n".to_owned()),
            "events/list.jsonl" => Ok("[1]\n".to_owned()),
            "events/timeless.jsonl" => Ok("\n{\"user\": \"ann\"}\n".to_owned()),
            "events/many.jsonl" => Ok("{\"timestamp\": \"2026-01-05\"}\n".repeat(100_001)),
            _ => Err("there is no such file".to_owned()),
        }
    }

    fn site(&self) -> Option<&Site> {
        Some(&self.site)
    }
}

/// All four outputs of a detection, each with what must be accepted or assumed.
pub fn outputs(detection: &Detection, templates: &Templates) -> String {
    let options = Options { comments: false, ..Options::default() };
    let mut text = String::new();
    for target in Target::ALL {
        let (outcome, unneeded) = build::build(detection, target, templates, &options, &Acceptance::default());
        let name = target.name();
        match &outcome {
            Outcome::Built(artefact) => {
                let _ = writeln!(text, "--- {name}: {}\n{}{}", artefact.fidelity.mark(), notes(&artefact.fidelity), artefact.text);
            }
            Outcome::NotAccepted(artefact, _) => {
                let mark = artefact.fidelity.mark();
                let _ = writeln!(text, "--- {name}: {mark}, not accepted\n{}{}", notes(&artefact.fidelity), artefact.text);
            }
            Outcome::Skipped(reason) => {
                let _ = writeln!(text, "--- {name}: skipped: {reason}\n");
            }
            Outcome::Refused(problems) => {
                let _ = writeln!(text, "--- {name}: refused\n{}", problems.iter().map(line).collect::<String>());
            }
        }
        text.extend(unneeded.iter().map(line));
    }
    visible(text.trim_end())
}

fn notes(fidelity: &Fidelity) -> String {
    let note = |sign: &str, deviation: &Deviation| format!("{sign} {} {}\n", deviation.code, deviation.message);
    let deviations = fidelity.approximations.iter().map(|deviation| note("~", deviation));
    deviations.chain(fidelity.assumptions.iter().map(|assumption| note("?", assumption))).collect()
}

fn line(problem: &Diagnostic) -> String {
    let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("! {} {}{help}\n", problem.code, problem.message)
}

/// Characters that nobody sees as `⟦U+0009⟧`.
pub fn visible(text: &str) -> String {
    let hidden = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) {
            let _ = write!(shown, "⟦U+{:04X}⟧", c as u32);
        } else {
            shown.push(c);
        }
    }
    shown
}
