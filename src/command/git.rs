//! The files of a Git revision, read by the program `git` and written into a folder of their own. Neither the repository nor its working
//! tree is touched: no checkout, no index, no network.
//!
//! What is written are plain files below that folder. A link becomes a copy of the file that it leads to, if that is a file of the same
//! revision; links to anything else are left out.

use super::files;
use crate::yaml::MAX_BYTES;
use anyhow::{Context, anyhow, bail};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

/// How many links may lead to each other.
const MAX_LINKS: usize = 8;

/// A commit of the repository around a folder.
pub struct Revision {
    folder: PathBuf,
    top: String,
    /// The commit's full name.
    pub commit: String,
}

/// A file of a revision.
struct Entry {
    is_link: bool,
    object: String,
    size: u64,
}

/// Path below a folder → the file there.
type Entries = BTreeMap<String, Entry>;

/// Where something stands in the repository.
pub enum Place {
    /// Its path below the top.
    Inside(String),
    /// It is in another repository, or in none.
    Outside,
}

impl Revision {
    /// The commit that a name stands for, in the repository around a folder.
    pub fn find(folder: &Path, name: &str) -> anyhow::Result<Revision> {
        let top = run(folder, &["rev-parse", "--show-toplevel"])?;
        if !top.status.success() {
            let why = first_line(&top.stderr);
            bail!("`{}` is in no Git repository that can be read: {why}", files::shown(folder));
        }
        let commit = run(folder, &["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")])?;
        if !commit.status.success() {
            bail!("there is no revision `{name}` in this repository: name a commit, a branch or a tag, and fetch it first");
        }
        Ok(Revision { folder: folder.to_owned(), top: line(&top), commit: line(&commit) })
    }

    /// Where a folder stands in the repository.
    pub fn place(&self, folder: &Path) -> anyhow::Result<Place> {
        let top = run(folder, &["rev-parse", "--show-toplevel"])?;
        if !top.status.success() || line(&top) != self.top {
            return Ok(Place::Outside);
        }
        let prefix = run(folder, &["rev-parse", "--show-prefix"])?;
        Ok(Place::Inside(line(&prefix)))
    }

    /// Whether the repository knows a file or folder of the working tree.
    pub fn is_tracked(&self, place: &str) -> anyhow::Result<bool> {
        let found = run(Path::new(&self.top), &["ls-files", "-z", "--", place])?;
        Ok(found.status.success() && !found.stdout.is_empty())
    }

    /// Writes the revision's files below a place of the repository into a folder; their paths below it. `of_links` says which links
    /// become copies. What a build has written is left out.
    pub fn write(&self, place: &str, folder: &Path, of_links: impl Fn(&str) -> bool) -> anyhow::Result<Vec<String>> {
        let entries = self.entries(place)?;
        let mut objects = Objects::open(&self.folder)?;
        let generated = entries.contains_key("out/manifest.json");
        let mut written = Vec::new();
        for (path, entry) in &entries {
            if !files::stays_inside(Path::new(path)) || (generated && path.starts_with("out/")) {
                continue;
            }
            let entry = match entry.is_link {
                false => Some(entry),
                true if of_links(path) => objects.target(&entries, path)?,
                true => None,
            };
            if let Some(entry) = entry {
                objects.write(entry, &folder.join(path))?;
                written.push(path.clone());
            }
        }
        Ok(written)
    }

    fn entries(&self, place: &str) -> anyhow::Result<Entries> {
        let mut arguments = vec!["ls-tree", "-r", "-z", "-l", "--full-tree", &self.commit];
        if !place.is_empty() {
            arguments.extend(["--", place]);
        }
        let listed = run(&self.folder, &arguments)?;
        if !listed.status.success() {
            bail!("git cannot list the files of {}: {}", self.commit, first_line(&listed.stderr));
        }
        let mut entries = Entries::new();
        for line in listed.stdout.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            // a name that is no text is not that of a spec, nor of a file that a spec can name
            let Ok(line) = std::str::from_utf8(line) else { continue };
            let (path, entry) = entry(line).ok_or_else(|| anyhow!("git lists a file in an unknown way: `{line}`"))?;
            if let (Some(path), Some(entry)) = (below(path, place), entry) {
                entries.insert(path.to_owned(), entry);
            }
        }
        Ok(entries)
    }
}

/// A path below a place, whose name ends with `/` if it is a folder.
fn below<'p>(path: &'p str, place: &str) -> Option<&'p str> {
    match path.strip_prefix(place)? {
        "" => path.rsplit('/').next(),
        rest => Some(rest),
    }
}

/// `100644 blob 3b18e5… 1234<TAB>path`; no entry for what is no file and no link.
fn entry(line: &str) -> Option<(&str, Option<Entry>)> {
    let (described, path) = line.split_once('\t')?;
    let mut parts = described.split_ascii_whitespace();
    let (mode, kind, object, size) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if kind != "blob" {
        return Some((path, None));
    }
    Some((path, Some(Entry { is_link: mode == "120000", object: object.to_owned(), size: size.parse().ok()? })))
}

/// `git cat-file --batch`: the content of one object after the other.
struct Objects {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Objects {
    fn open(folder: &Path) -> anyhow::Result<Objects> {
        let mut command = git(folder);
        command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().map_err(missing)?;
        let (input, output) = process.stdin.take().zip(process.stdout.take()).context("git has no input or output")?;
        Ok(Objects { process, input, output: BufReader::new(output) })
    }

    fn read(&mut self, object: &str) -> anyhow::Result<Vec<u8>> {
        writeln!(self.input, "{object}").and_then(|()| self.input.flush()).context("git does not listen")?;
        let mut header = String::new();
        self.output.read_line(&mut header).context("git does not answer")?;
        let size: usize = header
            .trim_end()
            .rsplit(' ')
            .next()
            .and_then(|size| size.parse().ok())
            .with_context(|| format!("git does not have the content of {object}: the clone is not complete"))?;
        let mut content = vec![0; size + 1];
        self.output.read_exact(&mut content).context("git does not answer in full")?;
        content.pop();
        Ok(content)
    }

    /// Writes a file. Of one that is too large for a text only the size is needed.
    fn write(&mut self, entry: &Entry, place: &Path) -> anyhow::Result<()> {
        let cannot = || format!("cannot write `{}`", files::shown(place));
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder).with_context(cannot)?;
        }
        if entry.size > MAX_BYTES as u64 {
            let file = std::fs::File::create(place).with_context(cannot)?;
            return file.set_len(MAX_BYTES as u64 + 1).with_context(cannot);
        }
        std::fs::write(place, self.read(&entry.object)?).with_context(cannot)
    }

    /// The file that a link leads to.
    fn target<'e>(&mut self, entries: &'e Entries, link: &str) -> anyhow::Result<Option<&'e Entry>> {
        let mut path = link.to_owned();
        for _ in 0..MAX_LINKS {
            let Some(entry) = entries.get(&path) else { return Ok(None) };
            if !entry.is_link {
                return Ok(Some(entry));
            }
            let target = self.read(&entry.object)?;
            let Some(next) = std::str::from_utf8(&target).ok().and_then(|target| resolved(&path, target)) else { return Ok(None) };
            path = next;
        }
        Ok(None)
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where a link leads, below the folder; `None` if it leads out of it. No folder on the way is a link: only names of files are known.
fn resolved(link: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Git in a folder, as it is without the surroundings of a hook; it fetches nothing and writes nothing by the way.
fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).env("GIT_NO_LAZY_FETCH", "1").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_LITERAL_PATHSPECS", "1");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    command
}

fn run(folder: &Path, arguments: &[&str]) -> anyhow::Result<Output> {
    git(folder).args(arguments).stdin(Stdio::null()).output().map_err(missing)
}

fn missing(error: std::io::Error) -> anyhow::Error {
    if error.kind() == ErrorKind::NotFound {
        return anyhow!("there is no program `git` here, and `cognate diff` reads revisions with it");
    }
    anyhow!("cannot run `git`: {error}")
}

/// The only line that a command has printed.
fn line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).unwrap_or(&text).to_owned()
}

fn first_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{below, resolved};

    #[test]
    fn links_do_not_lead_out() {
        assert_eq!(resolved("lists/a.txt", "b.txt").as_deref(), Some("lists/b.txt"));
        assert_eq!(resolved("lists/a.txt", "../shared/./b.txt").as_deref(), Some("shared/b.txt"));
        assert_eq!(resolved("lists/a.txt", "../../b.txt"), None);
        assert_eq!(resolved("a.txt", "/etc/passwd"), None);
    }

    #[test]
    fn paths_are_those_below_the_place() {
        assert_eq!(below("a/b/c.yml", "a/b/"), Some("c.yml"));
        assert_eq!(below("a/b/c.yml", "a/b/c.yml"), Some("c.yml"));
        assert_eq!(below("a/b/c.yml", ""), Some("a/b/c.yml"));
        assert_eq!(below("x", "a/"), None);
    }
}
