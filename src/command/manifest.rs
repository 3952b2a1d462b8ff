//! `out/manifest.json`: one line per artefact, sorted by path, so that branches merge and reviewers see fidelity change.
//! A project may have hundreds of thousands of artefacts: a manifest is read and written line by line, and of each artefact
//! only what is its own is kept.

use super::files;
use crate::detection::Detection;
use crate::logsource::Platform;
use crate::target::{Artefact, Deviation, Target};
use anyhow::{Context, bail};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
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
    New { of: Rc<Listed>, target: Target, hash: [u8; 32], end: Rc<str> },
    /// Of an earlier one: its path and its whole line.
    Old { path: Box<str>, line: Box<str> },
}

/// What an earlier build wrote.
#[derive(Debug, Deserialize)]
pub struct Written<'a> {
    /// Below `out/`, with `/`.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// The spec's path below the project's folder.
    #[serde(borrow)]
    pub spec: Cow<'a, str>,
    /// `aql`, `spl`, `kql`, `sigma`
    #[serde(borrow)]
    pub target: Cow<'a, str>,
}

/// How a line begins.
#[derive(Serialize)]
struct Begin<'a> {
    path: &'a str,
    spec: &'a str,
    id: Option<&'a str>,
    title: &'a str,
    target: &'static str,
    /// SHA-256 of the artefact's text.
    sha256: &'a str,
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
            Entry::Old { line, .. } => out.write_all(line.as_bytes())?,
            Entry::New { of, target, hash, end } => {
                let begin = Begin {
                    path: &artefact_path(*target, &of.name),
                    spec: &of.spec,
                    id: of.id.as_deref(),
                    title: &of.title,
                    target: target.name(),
                    sha256: &files::hexadecimal(hash),
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
    pub fn add(&mut self, of: &Rc<Listed>, detection: &Detection, target: Target, artefact: &Artefact) -> anyhow::Result<()> {
        let fidelity = &artefact.fidelity;
        let platform = target.platform();
        let concerns = |of: Platform| of == Platform::Product || Some(of) == platform;
        let mut prerequisites: Vec<&str> = Vec::new();
        for (_, text) in detection.read_log_sources().iter().flat_map(|source| &source.prerequisites).filter(|(of, _)| concerns(*of)) {
            if !prerequisites.contains(&text.as_str()) {
                prerequisites.push(text);
            }
        }
        let end = End {
            fidelity: if fidelity.approximations.is_empty() { "exact" } else { "approximate" },
            approximations: remarks(&fidelity.approximations),
            assumptions: remarks(&fidelity.assumptions),
            prerequisites,
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
        let hash = Sha256::digest(artefact.text.as_bytes()).into();
        self.entries.push(Entry::New { of: of.clone(), target, hash, end });
        Ok(())
    }

    /// Keeps an artefact of an earlier build.
    pub fn keep(&mut self, written: &Written<'_>, line: &str) {
        self.entries.push(Entry::Old { path: (*written.path).into(), line: line.into() });
    }

    /// Brings it into order.
    pub fn sort(&mut self) {
        self.entries.sort_by(Entry::compare);
    }

    /// Reads what an earlier build wrote, entry by entry with its line; none yet is an empty one.
    pub fn each(path: &Path, see: &mut dyn FnMut(&Written<'_>, &str) -> anyhow::Result<()>) -> anyhow::Result<()> {
        if !path.exists() {
            return Ok(());
        }
        let name = files::shown(path);
        let wrong = || format!("`{name}` is not a manifest of `cognate build`; remove it or restore it");
        let mut lines = BufReader::with_capacity(1 << 16, File::open(path).with_context(|| format!("cannot read `{name}`"))?);
        let mut text = String::new();
        let (mut open, mut closed) = (false, false);
        loop {
            text.clear();
            if lines.read_line(&mut text).with_context(wrong)? == 0 {
                break;
            }
            let line = text.trim_end();
            match line {
                "[]" if !open => (open, closed) = (true, true),
                "[" if !open => open = true,
                "]" if open && !closed => closed = true,
                _ if open && !closed => {
                    let line = line.strip_suffix(',').unwrap_or(line);
                    see(&serde_json::from_str(line).with_context(wrong)?, line)?;
                }
                _ => bail!(wrong()),
            }
        }
        if closed { Ok(()) } else { bail!(wrong()) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_in_the_order_of_their_paths() {
        let mut manifest = Manifest::default();
        for name in ["a", "a/b", "a-b", "B"] {
            let of = Listed { name: name.into(), spec: "s".into(), id: None, title: "T".into() };
            manifest.entries.push(Entry::New {
                of: Rc::new(of),
                target: Target::Kql,
                hash: [0; 32],
                end: "{\"fidelity\":\"exact\"}".into(),
            });
        }
        for path in ["spl/a.spl", "aql/z.aql", "kql/a.b.kql"] {
            let line = format!("{{\"path\":\"{path}\",\"spec\":\"s\",\"target\":\"kql\"}}");
            manifest.keep(&serde_json::from_str(&line).expect("a line"), &line);
        }
        manifest.sort();
        let mut text = Vec::new();
        manifest.write(&mut text).expect("it takes all");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(Manifest::NAME);
        std::fs::write(&file, &text).expect("a file");
        let (mut paths, mut lines) = (Vec::new(), Vec::new());
        let read = Manifest::each(&file, &mut |written, line| {
            paths.push(written.path.to_string());
            lines.push(line.to_owned());
            Ok(())
        });
        read.expect("a manifest");
        assert_eq!(paths, ["aql/z.aql", "kql/B.kql", "kql/a-b.kql", "kql/a.b.kql", "kql/a.kql", "kql/a/b.kql", "spl/a.spl"]);
        assert_eq!(String::from_utf8_lossy(&text), format!("[\n{}\n]\n", lines.join(",\n")));
        let end = format!(",\"target\":\"kql\",\"sha256\":\"{}\",\"fidelity\":\"exact\"}}", "0".repeat(64));
        assert!(lines[1].ends_with(&end), "{}", lines[1]);
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(Manifest::NAME);
        let read = |text: &str| {
            std::fs::write(&file, text).expect("a file");
            Manifest::each(&file, &mut |_, _| Ok(())).is_ok()
        };
        assert!(read("[]\n") && read("[\n]\n"));
        for text in ["", "{}", "[\n{}\n]\n", "[\n", "[]\nx\n", "[\n]\n]\n", "[\n<<<<<<< ours\n]\n", "[] x"] {
            assert!(!read(text), "{text}");
        }
    }
}
