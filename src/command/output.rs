//! The folder that a build writes: takes artefacts one by one, and writes those that differ from what is there, or only
//! remembers what a build would change.

use super::files;
use anyhow::bail;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// `out/`, or what would change in it.
pub struct Output {
    folder: PathBuf,
    /// What a build would change: path below the folder → text before and after. `None`: it is written.
    differences: Option<BTreeMap<String, (String, String)>>,
    /// Folders below it that exist and that no link leads out of.
    safe: FxHashSet<String>,
    changes: usize,
}

impl Output {
    /// The folder; with `only_compare` nothing is written.
    pub fn new(folder: PathBuf, only_compare: bool) -> Output {
        Output { folder, differences: only_compare.then(BTreeMap::new), safe: FxHashSet::default(), changes: 0 }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many files were, or would be, changed.
    pub fn changes(&self) -> usize {
        self.changes
    }

    /// Whether a path below the folder stays there: no link on the way leads out. Each folder is looked at once.
    pub fn holds(&mut self, path: &str) -> bool {
        if !files::stays_inside(Path::new(path)) {
            return false;
        }
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        if self.safe.contains(parent) {
            return true;
        }
        let inside = files::is_really_inside(&self.folder.join(path), &self.folder);
        if inside {
            self.safe.insert(parent.to_owned());
        }
        inside
    }

    /// Takes a file that may be large, from what writes it: first to compare it with what is there.
    pub fn put_written(&mut self, path: &str, write: &dyn Fn(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let place = self.folder.join(path);
        if let Some(mut comparison) = Comparison::with(&place).filter(|_| self.holds(path)) {
            write(&mut comparison)?;
            if comparison.is_same() {
                return Ok(());
            }
        }
        if self.differences.is_none() && self.holds(path) {
            self.changes += 1;
            return files::write_with(&place, write);
        }
        let mut text = Vec::new();
        write(&mut text)?;
        self.put(path, &String::from_utf8_lossy(&text))
    }

    /// Takes the text of one file.
    pub fn put(&mut self, path: &str, text: &str) -> anyhow::Result<()> {
        let place = self.folder.join(path);
        if !self.holds(path) {
            bail!("`{}` would be written outside of `{}`: a link leads there", files::shown(&place), files::shown(&self.folder));
        }
        let before = std::fs::read(&place).ok();
        if before.as_deref() == Some(text.as_bytes()) {
            return Ok(());
        }
        self.changes += 1;
        match &mut self.differences {
            Some(differences) => {
                let before = String::from_utf8_lossy(&before.unwrap_or_default()).into_owned();
                differences.insert(path.to_owned(), (before, text.to_owned()));
                Ok(())
            }
            None => files::write(&place, text),
        }
    }

    /// Removes a file that is no longer generated.
    pub fn remove(&mut self, path: &str) -> anyhow::Result<()> {
        let place = self.folder.join(path);
        match &mut self.differences {
            Some(differences) => {
                let before = std::fs::read(&place).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
                self.changes += usize::from(!before.is_empty());
                differences.insert(path.to_owned(), (before, String::new()));
                Ok(())
            }
            None => {
                self.changes += 1;
                files::remove(&place, &self.folder)
            }
        }
    }

    /// What a build would change, as unified diffs in the order of the paths; nothing for a folder that is written.
    /// `shown` gives the name of a place.
    pub fn differences(&self, shown: impl Fn(&Path) -> String) -> Vec<String> {
        let changes = self.differences.iter().flatten().filter(|(_, (before, after))| before != after);
        changes
            .map(|(path, (before, after))| {
                let name = shown(&self.folder.join(path));
                let diff = similar::TextDiff::from_lines(before.as_str(), after.as_str());
                diff.unified_diff().context_radius(3).header(&name, &name).to_string()
            })
            .collect()
    }
}

/// Compares what is written to it with a file.
struct Comparison {
    file: BufReader<File>,
    buffer: Vec<u8>,
    same: bool,
}

impl Comparison {
    /// With a file, if there is one.
    fn with(path: &Path) -> Option<Comparison> {
        let file = BufReader::with_capacity(1 << 16, File::open(path).ok()?);
        Some(Comparison { file, buffer: Vec::new(), same: true })
    }

    /// Whether the file holds what was written, and nothing else.
    fn is_same(&mut self) -> bool {
        self.same && self.file.read(&mut [0]).is_ok_and(|count| count == 0)
    }
}

impl Write for Comparison {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.same {
            self.buffer.resize(bytes.len(), 0);
            self.same = self.file.read_exact(&mut self.buffer).is_ok() && self.buffer == bytes;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_if_it_holds_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("manifest.json");
        assert!(Comparison::with(&path).is_none());
        std::fs::write(&path, "[\n{}\n]\n").expect("a file");
        let same = |parts: &[&str]| {
            let mut comparison = Comparison::with(&path).expect("a file");
            parts.iter().for_each(|part| comparison.write_all(part.as_bytes()).expect("it takes all"));
            comparison.is_same()
        };
        assert!(same(&["[\n{}", "\n]\n"]));
        assert!(!same(&["[\n{}"]) && !same(&["[\n{}\n]\n\n"]) && !same(&["[\n[]\n]\n"]) && !same(&[]));
    }
}
