//! `out/manifest.json`: one line per artefact, sorted by path, so that branches merge and reviewers see fidelity change.

use super::files;
use crate::detection::Detection;
use crate::logsource::Platform;
use crate::target::{Deviation, Fidelity, Target};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::path::Path;

/// All artefacts.
#[derive(Debug, Default)]
pub struct Manifest {
    /// Sorted by path.
    pub entries: Vec<Entry>,
}

/// One artefact: what a build asks of it, and its whole line.
#[derive(Debug)]
pub struct Entry {
    /// Below `out/`, with `/`.
    pub path: String,
    /// The spec's path below the project's folder.
    pub spec: String,
    /// `aql`, `spl`, `kql`, `sigma`
    pub target: String,
    /// The entry as JSON.
    json: String,
}

/// The keys that every manifest has.
#[derive(Deserialize)]
struct Head {
    path: String,
    spec: String,
    target: String,
}

/// What a line says.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    spec: &'a str,
    /// The rule's id.
    id: Option<&'a str>,
    /// The rule's title.
    title: &'a str,
    target: &'static str,
    /// `exact` or `approximate`
    fidelity: &'static str,
    /// Accepted deviations.
    approximations: Vec<Remark<'a>>,
    /// What must be true for the query to mean exactly what the spec means.
    assumptions: Vec<Remark<'a>>,
    /// What must exist on the platform.
    prerequisites: Vec<&'a str>,
}

/// A code and its sentence.
#[derive(Serialize)]
struct Remark<'a> {
    /// Such as `K001`.
    code: &'static str,
    message: &'a str,
}

fn remarks(list: &[Deviation]) -> Vec<Remark<'_>> {
    list.iter().map(|deviation| Remark { code: deviation.code.0, message: &deviation.message }).collect()
}

impl Entry {
    /// The entry of an artefact.
    pub fn new(path: &str, spec: &str, detection: &Detection, target: Target, fidelity: &Fidelity) -> anyhow::Result<Entry> {
        let platform = target.platform();
        let concerns = |of: Platform| of == Platform::Product || Some(of) == platform;
        let prerequisites = &detection.log_source.prerequisites;
        let line = Line {
            path,
            spec,
            id: detection.metadata.id.as_deref(),
            title: &detection.metadata.title.value,
            target: target.name(),
            fidelity: if fidelity.approximations.is_empty() { "exact" } else { "approximate" },
            approximations: remarks(&fidelity.approximations),
            assumptions: remarks(&fidelity.assumptions),
            prerequisites: prerequisites.iter().filter(|(of, _)| concerns(*of)).map(|(_, text)| text.as_str()).collect(),
        };
        let json = serde_json::to_string(&line).context("cannot write the manifest")?;
        Ok(Entry { path: path.to_owned(), spec: spec.to_owned(), target: target.name().to_owned(), json })
    }

    fn read(json: &RawValue) -> serde_json::Result<Entry> {
        let Head { path, spec, target } = serde_json::from_str(json.get())?;
        Ok(Entry { path, spec, target, json: json.get().to_owned() })
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
        let lines = serde_json::from_str::<Vec<&RawValue>>(&text);
        let entries = lines.and_then(|lines| lines.into_iter().map(Entry::read).collect());
        let problem = || format!("`{}` is not a manifest of `cognate build`; remove it or restore it", files::shown(path));
        Ok(Manifest { entries: entries.with_context(problem)? })
    }

    /// As a JSON list with one line per artefact.
    pub fn text(&self) -> String {
        if self.entries.is_empty() {
            return "[]\n".to_owned();
        }
        let mut text = String::with_capacity(self.entries.iter().map(|entry| entry.json.len() + 2).sum::<usize>() + 4);
        for entry in &self.entries {
            text.push_str(if text.is_empty() { "[\n" } else { ",\n" });
            text.push_str(&entry.json);
        }
        text.push_str("\n]\n");
        text
    }
}
