//! `out/manifest.json`: one line per artefact, sorted by path, so that branches merge and reviewers see fidelity change.

use super::files;
use crate::detection::Detection;
use crate::logsource::Platform;
use crate::target::{Artefact, Deviation, Target};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// All artefacts.
#[derive(Debug, Default)]
pub struct Manifest {
    /// Sorted by path.
    pub entries: Vec<Entry>,
}

/// One artefact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Below `out/`, with `/`.
    pub path: String,
    /// The spec's path below the project's folder.
    pub spec: String,
    /// The rule's id.
    pub id: Option<String>,
    /// The rule's title.
    pub title: String,
    /// `aql`, `spl`, `kql`, `sigma`
    pub target: String,
    /// `exact` or `approximate`
    pub fidelity: String,
    /// Accepted deviations.
    pub approximations: Vec<Remark>,
    /// What must be true for the query to mean exactly what the spec means.
    pub assumptions: Vec<Remark>,
    /// What must exist on the platform.
    pub prerequisites: Vec<String>,
}

/// A code and its sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remark {
    /// Such as `K001`.
    pub code: String,
    /// One sentence.
    pub message: String,
}

impl Entry {
    /// The entry of an artefact.
    pub fn new(path: &str, spec: &str, detection: &Detection, target: Target, artefact: &Artefact) -> Entry {
        let remarks = |list: &[Deviation]| -> Vec<Remark> {
            list.iter().map(|deviation| Remark { code: deviation.code.0.to_owned(), message: deviation.message.clone() }).collect()
        };
        let platform = match target {
            Target::Aql => Some(Platform::Aql),
            Target::Spl => Some(Platform::Spl),
            Target::Kql => Some(Platform::Kql),
            Target::Sigma => None,
        };
        let concerns = |of: &Platform| *of == Platform::Product || Some(*of) == platform;
        let prerequisites = detection.log_source.prerequisites.iter().filter(|(of, _)| concerns(of)).map(|(_, text)| text.clone());
        Entry {
            path: path.to_owned(),
            spec: spec.to_owned(),
            id: detection.metadata.id.clone(),
            title: detection.metadata.title.value.clone(),
            target: target.name().to_owned(),
            fidelity: if artefact.fidelity.approximations.is_empty() { "exact" } else { "approximate" }.to_owned(),
            approximations: remarks(&artefact.fidelity.approximations),
            assumptions: remarks(&artefact.fidelity.assumptions),
            prerequisites: prerequisites.collect(),
        }
    }
}

impl Manifest {
    /// Its file below `out/`.
    pub const NAME: &'static str = "manifest.json";

    /// Reads it; none yet is an empty one.
    pub fn read(path: &Path) -> anyhow::Result<Manifest> {
        if !path.exists() {
            return Ok(Manifest::default());
        }
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", files::shown(path)))?;
        let problem = || format!("`{}` is not a manifest of `cognate build`; remove it or restore it", files::shown(path));
        Ok(Manifest { entries: serde_json::from_str(&text).with_context(problem)? })
    }

    /// As a JSON list with one line per artefact.
    pub fn text(&self) -> String {
        let lines: Vec<String> = self.entries.iter().filter_map(|entry| serde_json::to_string(entry).ok()).collect();
        if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", lines.join(",\n")) }
    }
}
