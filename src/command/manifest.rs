//! `out/manifest.json`: one line per artefact, sorted by path, so that branches merge and reviewers see fidelity change.
//! A project may have hundreds of thousands of artefacts: a manifest is read and written line by line, and of each artefact
//! only what is its own is kept.

use super::files;
use crate::detection::Detection;
use crate::logsource::Platform;
use crate::target::{Deviation, Fidelity, Target};
use anyhow::Context;
use rustc_hash::FxHashSet;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::cmp::Ordering;
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::rc::Rc;

/// The artefacts of a build.
#[derive(Debug, Default)]
pub struct Manifest {
    entries: Vec<Entry>,
    /// How lines end: many end alike.
    ends: FxHashSet<Rc<str>>,
}

/// A spec whose artefacts are listed.
#[derive(Debug)]
pub struct Listed {
    /// Its path below `out/<target>/`, without extension.
    pub name: Rc<str>,
    /// Its path below the project's folder.
    pub spec: Rc<str>,
    /// The rule's id.
    pub id: Option<Box<str>>,
    /// The rule's title.
    pub title: Box<str>,
}

/// One artefact.
#[derive(Debug)]
enum Entry {
    /// Of this build.
    New { of: Rc<Listed>, target: Target, end: Rc<str> },
    /// Of an earlier one: its path and its whole line.
    Old { path: Box<str>, json: Box<RawValue> },
}

/// What an earlier build wrote.
#[derive(Debug, Deserialize)]
pub struct Written {
    /// Below `out/`, with `/`.
    pub path: String,
    /// The spec's path below the project's folder.
    pub spec: String,
    /// `aql`, `spl`, `kql`, `sigma`
    pub target: String,
}

/// How a line begins.
#[derive(Serialize)]
struct Begin<'a> {
    path: &'a str,
    spec: &'a str,
    id: Option<&'a str>,
    title: &'a str,
    target: &'static str,
}

/// How it ends.
#[derive(Serialize)]
struct End<'a> {
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
    /// The parts of its path, one after the other.
    fn path(&self) -> [&str; 5] {
        match self {
            Entry::New { of, target, .. } => [target.name(), "/", &of.name, ".", target.extension()],
            Entry::Old { path, .. } => [path, "", "", "", ""],
        }
    }

    fn compare(&self, other: &Entry) -> Ordering {
        fn bytes<'p>(path: [&'p str; 5]) -> impl Iterator<Item = u8> + 'p {
            path.into_iter().flat_map(str::bytes)
        }
        bytes(self.path()).cmp(bytes(other.path()))
    }

    fn write(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        match self {
            Entry::Old { json, .. } => out.write_all(json.get().as_bytes())?,
            Entry::New { of, target, end } => {
                let begin = Begin {
                    path: &artefact_path(*target, &of.name),
                    spec: &of.spec,
                    id: of.id.as_deref(),
                    title: &of.title,
                    target: target.name(),
                };
                let begin = serde_json::to_string(&begin)?;
                // `{…}` and `{…}` become one object
                out.write_all(begin.strip_suffix('}').unwrap_or(&begin).as_bytes())?;
                out.write_all(b",")?;
                out.write_all(end.strip_prefix('{').unwrap_or(end).as_bytes())?;
            }
        }
        Ok(())
    }
}

impl Manifest {
    /// Its file below `out/`.
    pub const NAME: &'static str = "manifest.json";

    /// Adds an artefact of a spec.
    pub fn add(&mut self, of: &Rc<Listed>, detection: &Detection, target: Target, fidelity: &Fidelity) -> anyhow::Result<()> {
        let platform = target.platform();
        let concerns = |of: Platform| of == Platform::Product || Some(of) == platform;
        let prerequisites = &detection.log_source.prerequisites;
        let end = End {
            fidelity: if fidelity.approximations.is_empty() { "exact" } else { "approximate" },
            approximations: remarks(&fidelity.approximations),
            assumptions: remarks(&fidelity.assumptions),
            prerequisites: prerequisites.iter().filter(|(of, _)| concerns(*of)).map(|(_, text)| text.as_str()).collect(),
        };
        let json = serde_json::to_string(&end).context("cannot write the manifest")?;
        let end = match self.ends.get(json.as_str()) {
            Some(end) => end.clone(),
            None => {
                let end: Rc<str> = json.into();
                self.ends.insert(end.clone());
                end
            }
        };
        self.entries.push(Entry::New { of: of.clone(), target, end });
        Ok(())
    }

    /// Keeps an artefact of an earlier build.
    pub fn keep(&mut self, written: Written, json: Box<RawValue>) {
        self.entries.push(Entry::Old { path: written.path.into(), json });
    }

    /// Brings it into order.
    pub fn sort(&mut self) {
        self.entries.sort_by(Entry::compare);
    }

    /// Reads what an earlier build wrote, entry by entry; none yet is an empty one.
    pub fn each(path: &Path, see: &mut dyn FnMut(Written, Box<RawValue>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        if !path.exists() {
            return Ok(());
        }
        let file = File::open(path).with_context(|| format!("cannot read `{}`", files::shown(path)))?;
        let mut reading = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, file));
        let mut problem = None;
        let read = reading.deserialize_seq(Each { see, problem: &mut problem }).and_then(|()| reading.end());
        match problem {
            Some(problem) => Err(problem),
            None => read.with_context(|| format!("`{}` is not a manifest of `cognate build`; remove it or restore it", files::shown(path))),
        }
    }

    /// Writes it as a JSON list with one line per artefact.
    pub fn write(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut before: &[u8] = b"[\n";
        for entry in &self.entries {
            out.write_all(before)?;
            entry.write(out)?;
            before = b",\n";
        }
        out.write_all(if self.entries.is_empty() { b"[]\n" } else { b"\n]\n" })?;
        Ok(())
    }
}

/// `kql/jira/one.kql`
pub fn artefact_path(target: Target, name: &str) -> String {
    format!("{}/{name}.{}", target.name(), target.extension())
}

/// Shows each entry of a list, and keeps none.
struct Each<'s> {
    see: &'s mut dyn FnMut(Written, Box<RawValue>) -> anyhow::Result<()>,
    problem: &'s mut Option<anyhow::Error>,
}

impl<'de> Visitor<'de> for Each<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of artefacts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        use serde::de::Error;
        while let Some(json) = list.next_element::<Box<RawValue>>()? {
            let written = serde_json::from_str(json.get()).map_err(A::Error::custom)?;
            if let Err(problem) = (self.see)(written, json) {
                *self.problem = Some(problem);
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old(path: &str) -> (Written, Box<RawValue>) {
        let json = format!("{{\"path\":\"{path}\",\"spec\":\"s\",\"target\":\"kql\"}}");
        (serde_json::from_str(&json).expect("a line"), RawValue::from_string(json).expect("JSON"))
    }

    #[test]
    fn entries_are_in_the_order_of_their_paths() {
        let mut manifest = Manifest::default();
        for name in ["a", "a/b", "a-b", "B"] {
            let of = Listed { name: name.into(), spec: "s".into(), id: None, title: "T".into() };
            manifest.entries.push(Entry::New { of: Rc::new(of), target: Target::Kql, end: "{\"fidelity\":\"exact\"}".into() });
        }
        for path in ["spl/a.spl", "aql/z.aql", "kql/a.b.kql"] {
            let (written, json) = old(path);
            manifest.keep(written, json);
        }
        manifest.sort();
        let mut text = Vec::new();
        manifest.write(&mut text).expect("it takes all");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(Manifest::NAME);
        std::fs::write(&file, &text).expect("a file");
        let (mut paths, mut lines) = (Vec::new(), Vec::new());
        let read = Manifest::each(&file, &mut |written, json| {
            paths.push(written.path);
            lines.push(json.get().to_owned());
            Ok(())
        });
        read.expect("a manifest");
        assert_eq!(paths, ["aql/z.aql", "kql/B.kql", "kql/a-b.kql", "kql/a.b.kql", "kql/a.kql", "kql/a/b.kql", "spl/a.spl"]);
        assert_eq!(String::from_utf8_lossy(&text), format!("[\n{}\n]\n", lines.join(",\n")));
        assert!(lines[1].ends_with(",\"target\":\"kql\",\"fidelity\":\"exact\"}"), "{}", lines[1]);
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(Manifest::NAME);
        let read = |text: &str| {
            std::fs::write(&file, text).expect("a file");
            Manifest::each(&file, &mut |_, _| Ok(())).is_ok()
        };
        assert!(read("[]") && !read("{}") && !read("[{}]") && !read("[") && !read("[] x"));
    }
}
