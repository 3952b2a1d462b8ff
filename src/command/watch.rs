//! `cognate build --watch`: builds, and builds again whenever a file changes that a build reads. Each build is a whole one:
//! nothing is kept from the one before.

use super::build::{self, Show};
use super::workspace::Workspace;
use super::{BuildArguments, Outcome, files};
use anyhow::Context;
use notify::event::ModifyKind;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long nothing must change before a build begins: editors save in several steps.
const QUIET: Duration = Duration::from_millis(50);
/// How long a build waits for that at most.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the loop waits for.
enum Message {
    /// Something happened to files.
    Event(notify::Result<notify::Event>),
    /// Ctrl-C.
    Stop,
}

/// Runs until Ctrl-C.
pub(super) fn run(arguments: &BuildArguments) -> Outcome {
    let mut inputs = Inputs::of(arguments)?;
    let (sender, receiver) = channel();
    let stop = sender.clone();
    // a receiver that has gone away has stopped already
    ctrlc::set_handler(move || drop(stop.send(Message::Stop))).context("cannot wait for Ctrl-C")?;
    let watcher = notify::recommended_watcher(move |event| drop(sender.send(Message::Event(event))));
    let mut watched = Watched { watcher: watcher.context("cannot watch files")?, places: BTreeSet::new() };
    loop {
        watched.update(&inputs)?;
        let start = Instant::now();
        match build::once(arguments, Show::Errors) {
            Ok(done) => {
                inputs.files.extend(done.read.iter().map(|path| real(path)));
                files::print(&line(done.specs, done.changed, done.failed(), start.elapsed()))?;
            }
            Err(error) => files::print_error(&format!("error: {error:#}\n")),
        }
        watched.update(&inputs)?;
        if !wait(&receiver, &inputs, &mut watched) {
            return Ok(true);
        }
    }
}

/// What is said of a build.
fn line(specs: usize, changed: usize, failed: bool, time: Duration) -> String {
    let (specs, changed) = (files::counted(specs, "spec"), files::counted(changed, "artefact"));
    let errors = if failed { ", with errors" } else { "" };
    format!("built {specs} in {:.2} s: {changed} changed{errors}\n", time.as_secs_f64())
}

/// Waits until a file has changed that a build reads, and nothing else changes; `false` if there is to be no other build.
fn wait(receiver: &Receiver<Message>, inputs: &Inputs, watched: &mut Watched) -> bool {
    let mut since: Option<Instant> = None;
    loop {
        let message = match since {
            None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(first) if first.elapsed() > PATIENCE => return true,
            Some(_) => receiver.recv_timeout(QUIET),
        };
        if let Ok(Message::Event(Ok(event))) = &message {
            watched.forget(event);
        }
        match message {
            Ok(Message::Event(event)) if inputs.are_changed_by(&event) => since = since.or(Some(Instant::now())),
            Ok(Message::Event(_)) => {}
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => return true,
        }
    }
}

/// The places that the system watches.
struct Watched {
    watcher: RecommendedWatcher,
    places: BTreeSet<PathBuf>,
}

impl Watched {
    /// A folder that is removed, and perhaps made again, is not watched any more.
    fn forget(&mut self, event: &notify::Event) {
        if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) {
            self.places.retain(|place| !event.paths.contains(place));
        }
    }

    /// Watches what is not watched yet.
    fn update(&mut self, inputs: &Inputs) -> anyhow::Result<()> {
        self.places.retain(|place| place.is_dir());
        for (place, mode) in inputs.places() {
            if place.is_dir() && !self.places.contains(&place) {
                self.watcher.watch(&place, mode).with_context(|| format!("cannot watch `{}`", files::shown(&place)))?;
                self.places.insert(place);
            }
        }
        Ok(())
    }
}

/// What a build reads, as whole paths.
struct Inputs {
    /// Folders, and the endings of the files in them; without endings it is any file.
    folders: Vec<(PathBuf, &'static [&'static str])>,
    files: BTreeSet<PathBuf>,
    /// The project's folder, in which others may come into being.
    root: Option<PathBuf>,
    /// What a build writes.
    out: PathBuf,
}

impl Inputs {
    fn of(arguments: &BuildArguments) -> anyhow::Result<Inputs> {
        let workspace = Workspace::open(&super::Common { site: None, ..arguments.common.clone() }, &arguments.paths)?;
        let out = arguments.out.clone().unwrap_or_else(|| workspace.place("out"));
        let mut inputs = Inputs { folders: Vec::new(), files: BTreeSet::new(), root: None, out: real(&out) };
        for path in workspace.paths(&arguments.paths)? {
            if path.is_dir() {
                inputs.folders.push((real(&path), &["yml", "yaml"]));
            } else {
                inputs.files.insert(real(&path));
            }
        }
        if workspace.root.is_some() {
            inputs.root = Some(real(&workspace.place(".")));
            for (folder, endings) in [("detections", ["yml", "yaml"].as_slice()), ("logsources", &["yml", "yaml"]), ("lists", &[])] {
                inputs.folders.push((real(&workspace.place(folder)), endings));
            }
        }
        inputs.folders.extend(arguments.common.templates.iter().map(|folder| (real(folder), ["j2"].as_slice())));
        inputs.files.extend(arguments.common.site.iter().map(|path| real(path)));
        Ok(inputs)
    }

    /// What is to be watched: folders with all that is in them, and those that hold single files or may hold folders.
    fn places(&self) -> Vec<(PathBuf, RecursiveMode)> {
        let folders = self.folders.iter().map(|(folder, _)| (folder.clone(), RecursiveMode::Recursive));
        let around = self.files.iter().filter_map(|file| file.parent().map(Path::to_path_buf)).chain(self.root.clone());
        let is_inside = |place: &PathBuf| self.folders.iter().any(|(folder, _)| place.starts_with(folder));
        folders.chain(around.filter(|place| !is_inside(place)).map(|place| (place, RecursiveMode::NonRecursive))).collect()
    }

    fn are_changed_by(&self, event: &notify::Result<notify::Event>) -> bool {
        match event {
            Ok(event) if event.need_rescan() => true,
            Ok(event) => is_change(&event.kind) && event.paths.iter().any(|path| self.concern(path)),
            Err(error) => {
                files::print_error(&format!("error: while watching files: {error}\n"));
                false
            }
        }
    }

    /// Whether a build reads, or would read, what is at a path. Hidden files and those of editors are no input.
    fn concern(&self, path: &Path) -> bool {
        if path.starts_with(&self.out) {
            return false;
        }
        let is_input = |(folder, endings): &(PathBuf, &'static [&'static str])| {
            let Ok(rest) = path.strip_prefix(folder) else { return false };
            let is_hidden = rest.iter().any(|part| part.to_string_lossy().starts_with('.'));
            // a path without an ending may be a folder
            let fits = match rest.extension().and_then(OsStr::to_str) {
                Some(ending) => endings.is_empty() || endings.iter().any(|known| known.eq_ignore_ascii_case(ending)),
                None => true,
            };
            !is_hidden && fits && !path.to_string_lossy().ends_with('~')
        };
        self.files.contains(path) || self.folders.iter().any(is_input)
    }
}

/// Whether something else is read afterwards: reading a file and its rights and times change nothing.
fn is_change(kind: &EventKind) -> bool {
    !matches!(kind, EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)))
}

/// A path as the system names it, with the links on the way followed as far as it exists.
fn real(path: &Path) -> PathBuf {
    let whole = std::env::current_dir().map_or_else(|_| path.to_path_buf(), |current| files::absolute(path, &current));
    let existing = whole.ancestors().find_map(|folder| Some((folder, std::fs::canonicalize(folder).ok()?)));
    match existing {
        Some((folder, real)) => real.join(whole.strip_prefix(folder).unwrap_or(Path::new(""))).components().collect(),
        None => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{AccessKind, CreateKind, DataChange, MetadataKind, RemoveKind};

    fn inputs() -> Inputs {
        let folder = |name: &str| PathBuf::from("/project").join(name);
        Inputs {
            folders: vec![(folder("detections"), &["yml", "yaml"]), (folder("lists"), &[]), (folder("words"), &["j2"])],
            files: BTreeSet::from([folder("sites/one.yml"), folder("events/odd.jsonl")]),
            root: Some(PathBuf::from("/project")),
            out: folder("out"),
        }
    }

    #[test]
    fn what_a_build_reads_leads_to_another_one() {
        for path in [
            "detections/jira/one.yml",
            "detections/two.yaml",
            "detections/new folder",
            "detections",
            "lists",
            "lists/terms.txt",
            "lists/terms",
            "words/kql/operators.j2",
            "sites/one.yml",
            "events/odd.jsonl",
        ] {
            assert!(inputs().concern(&Path::new("/project").join(path)), "{path}");
        }
    }

    #[test]
    fn nothing_else_does() {
        for path in [
            "out/manifest.json",
            "out/sigma/jira/one.yml",
            "out",
            "detections/.one.yml.swp",
            "detections/.git/index",
            "detections/one.yml~",
            "detections/notes.md",
            "lists/.terms.txt.123.tmp",
            "words/readme.txt",
            "sites/two.yml",
            "target/debug",
            "README.md",
            "detections.yml",
        ] {
            assert!(!inputs().concern(&Path::new("/project").join(path)), "{path}");
        }
        // even where somebody writes the output among the specs
        let among = Inputs { out: PathBuf::from("/project/detections/out"), ..inputs() };
        assert!(!among.concern(Path::new("/project/detections/out/sigma/one.yml")));
    }

    #[test]
    fn reading_is_no_change() {
        let changes = [EventKind::Create(CreateKind::File), EventKind::Remove(RemoveKind::Any), EventKind::Any];
        assert!(changes.iter().all(is_change) && is_change(&EventKind::Modify(ModifyKind::Data(DataChange::Any))));
        let others = [EventKind::Access(AccessKind::Read), EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime))];
        assert!(!others.iter().any(is_change));
    }

    #[test]
    fn single_files_are_watched_through_their_folders() {
        let places = inputs().places();
        let mode = |path: &str| places.iter().find(|(place, _)| place == Path::new(path)).map(|(_, mode)| *mode);
        assert_eq!(mode("/project/detections"), Some(RecursiveMode::Recursive));
        assert_eq!(mode("/project/sites"), Some(RecursiveMode::NonRecursive));
        assert_eq!(mode("/project"), Some(RecursiveMode::NonRecursive));
    }

    #[test]
    fn one_line_says_what_was_done() {
        let line = |specs, changed, failed| line(specs, changed, failed, Duration::from_millis(1234));
        assert_eq!(line(1, 4, false), "built 1 spec in 1.23 s: 4 artefacts changed\n");
        assert_eq!(line(2, 1, true), "built 2 specs in 1.23 s: 1 artefact changed, with errors\n");
    }
}
