//! `cognate build`: every spec × every target → `out/<target>/<path of the spec>.<extension>`, the manifest, and a table.
//!
//! A bad spec never stops the rest: its old files stay and are named stale. Only files that an earlier build wrote
//! (they stand in the manifest) are ever removed.

use super::manifest::{Entry, Manifest};
use super::repeats::Repeats;
use super::table;
use super::workspace::{self, Workspace};
use super::{BuildArguments, Outcome, Problems, files};
use crate::build::{Acceptance, Outcome as Built, build, place_at_title};
use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, E0801, E0802};
use crate::source::{Source, Span};
use crate::target::{Options, Target};
use crate::template::Templates;
use anyhow::bail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What does not change from spec to spec.
struct Context<'a> {
    arguments: &'a BuildArguments,
    workspace: &'a Workspace,
    templates: &'a Templates,
    paths: Vec<PathBuf>,
    targets: Vec<Target>,
    /// The folder that is written to.
    out: PathBuf,
    /// Folders below it that no link leads out of.
    safe: RefCell<BTreeSet<PathBuf>>,
}

/// What one run has found so far.
#[derive(Default)]
struct Results {
    /// Path below `out/` → text.
    texts: BTreeMap<String, String>,
    entries: Vec<Entry>,
    rows: Vec<table::Row>,
    problems: Problems,
    /// Path below `out/` of files that could not be built again.
    stale: BTreeSet<String>,
    /// Specs that this run is about.
    specs: BTreeSet<String>,
    /// Name in `out/` → the spec that had it first.
    names: BTreeMap<String, String>,
    detections: Vec<Detection>,
}

/// Runs the command.
pub(super) fn run(arguments: &BuildArguments) -> Outcome {
    if arguments.paths.iter().any(|path| files::is_standard_input(path)) {
        bail!("build names files after their specs, and standard input has no name: use `cognate convert`");
    }
    let workspace = Workspace::open(&arguments.common, &arguments.paths)?;
    let templates = match workspace::templates(&arguments.common)? {
        Ok(templates) => templates,
        Err(problems) => {
            super::report_errors(&problems);
            return Ok(false);
        }
    };
    if super::cannot_begin(&workspace) {
        return Ok(false);
    }
    let out = arguments.out.clone().unwrap_or_else(|| workspace.place("out"));
    let paths = workspace.paths(&arguments.paths)?;
    let context = Context {
        arguments,
        workspace: &workspace,
        templates: &templates,
        paths,
        targets: targets(arguments),
        out,
        safe: RefCell::default(),
    };
    let manifest = context.manifest()?;
    let specs = workspace.specs(&arguments.paths)?;
    let mut results = context.compile(&specs);
    let good = !super::has_errors(results.problems.iter().flat_map(|(_, problems)| problems));
    let mut repeats = Repeats::default();
    results.problems.iter_mut().for_each(|(_, problems)| repeats.shorten(problems));
    super::report_errors(&results.problems);
    files::print_error(&repeats.summary());
    let changed = if arguments.check { context.differences(&manifest, &results)? } else { context.write(&manifest, &results)? };
    for path in results.stale.iter().map(|path| context.out.join(path)).filter(|path| path.exists()) {
        files::print_error(&format!("stale: {} was not built again\n", workspace.shown(&path)));
    }
    files::print(&table::text(&results.rows, &context.targets))?;
    workspace.finish(good && !(arguments.check && changed))
}

fn progress(count: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(count as u64), ProgressDrawTarget::hidden());
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} specs").unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn targets(arguments: &BuildArguments) -> Vec<Target> {
    Target::ALL.into_iter().filter(|target| arguments.targets.is_empty() || arguments.targets.contains(target)).collect()
}

impl Context<'_> {
    /// The manifest of the last build; one that names files which no build writes is refused.
    fn manifest(&self) -> anyhow::Result<Manifest> {
        let place = self.out.join(Manifest::NAME);
        let manifest = Manifest::read(&place)?;
        let is_ours = |entry: &&Entry| {
            let target = Target::from_name(&entry.target);
            let below = target.and_then(|target| entry.path.strip_prefix(target.name())).and_then(|rest| rest.strip_prefix('/'));
            below.is_some_and(|rest| files::stays_inside(Path::new(rest))) && self.is_really_inside(&self.out.join(&entry.path))
        };
        if let Some(entry) = manifest.entries.iter().find(|entry| !is_ours(entry)) {
            let message = format!("`{}` is no path that a build writes below `{}`", entry.path, self.workspace.shown(&self.out));
            let source = Source::new(self.workspace.shown(&place), "");
            super::report_errors(&[(source, vec![Diagnostic::error(E0801, Span::default(), message)])]);
            bail!("the manifest was not written by `cognate build`; remove it or restore it");
        }
        Ok(manifest)
    }

    fn compile(&self, specs: &[PathBuf]) -> Results {
        let mut results = Results::default();
        let progress = progress(specs.len());
        let shown_at = Instant::now() + Duration::from_millis(500);
        for path in specs {
            self.spec(path, &mut results);
            progress.inc(1);
            if progress.is_hidden() && Instant::now() > shown_at && std::io::stderr().is_terminal() {
                progress.set_draw_target(ProgressDrawTarget::stderr());
            }
        }
        progress.finish_and_clear();
        // a spec that is not understood may have any title
        let all = self.workspace.is_everything(&self.arguments.paths) && results.detections.len() == specs.len();
        let site = self.workspace.check_site(&results.detections.iter().collect::<Vec<_>>(), all);
        results.problems.extend(site);
        results
    }

    fn spec(&self, path: &Path, results: &mut Results) {
        let understood = self.workspace.understand(path);
        if self.workspace.has_site() {
            results.detections.extend(understood.detection.clone());
        }
        let (source, detection, diagnostics) = understood.strict();
        let (shown, name) = (source.path.clone(), self.workspace.name_of(path, &self.paths));
        results.specs.insert(shown.clone());
        let mut problems = diagnostics.sorted();
        if let Some(detection) = &detection {
            problems.extend(self.workspace.id_problem(detection, path));
        }
        let first = results.names.entry(name.clone()).or_insert_with(|| shown.clone()).clone();
        if first != shown {
            let message = format!("the output of {first} has the same path, `{name}`");
            let span = detection.as_ref().map(|detection| detection.metadata.title.span).unwrap_or_default();
            problems.push(Diagnostic::error(E0802, span, message).help("rename one of the two files"));
        }
        match detection.filter(|_| !super::has_errors(&problems)) {
            Some(detection) => self.targets(&detection, &name, &shown, &mut problems, results),
            None => {
                let cells = self.targets.iter().map(|target| (*target, table::Cell::Failed)).collect();
                results.rows.push(table::Row { spec: name.clone(), cells });
                if first == shown {
                    results.stale.extend(self.targets.iter().map(|target| artefact_path(*target, &name)));
                }
            }
        }
        if !problems.is_empty() {
            results.problems.push((source, problems));
        }
    }

    fn targets(&self, detection: &Detection, name: &str, shown: &str, problems: &mut Vec<Diagnostic>, results: &mut Results) {
        let options = Options { comments: !self.arguments.no_comments, limit: self.workspace.limit(), ..Options::default() };
        let codes = self.arguments.accept.iter().cloned().chain(self.workspace.accepted(detection)).collect();
        let acceptance = Acceptance { all: false, codes };
        let mut cells = Vec::new();
        for target in self.targets.iter().copied() {
            let (built, warnings) = build(detection, target, self.templates, &options, &acceptance);
            problems.extend(warnings);
            let path = artefact_path(target, name);
            let cell = match built {
                Built::Built(artefact) => {
                    results.entries.push(Entry::new(&path, shown, detection, target, &artefact));
                    let cell = table::Cell::Built(artefact.fidelity.clone());
                    results.texts.insert(path, artefact.text);
                    cell
                }
                Built::Skipped(reason) => table::Cell::Skipped(reason),
                Built::Refused(refusals) => {
                    problems.extend(refusals.into_iter().map(|problem| place_at_title(problem, detection)));
                    results.stale.insert(path);
                    table::Cell::Refused
                }
                Built::NotAccepted(artefact, open) => {
                    problems.extend(open.into_iter().map(|problem| place_at_title(problem, detection)));
                    results.stale.insert(path);
                    table::Cell::NotAccepted(artefact.fidelity)
                }
            };
            cells.push((target, cell));
        }
        results.rows.push(table::Row { spec: name.to_owned(), cells });
    }

    /// The manifest after this run: new entries, and the old ones that this run is not about or could not build again.
    fn merged(&self, manifest: &Manifest, results: &Results) -> Manifest {
        let kept = |entry: &&Entry| {
            let concerned = results.specs.contains(&entry.spec) || self.is_gone(&entry.spec);
            !concerned || !self.targets.iter().any(|target| target.name() == entry.target) || results.stale.contains(&entry.path)
        };
        let old = manifest.entries.iter().filter(kept).filter(|entry| !results.texts.contains_key(&entry.path));
        let mut entries: Vec<Entry> = old.cloned().chain(results.entries.iter().cloned()).collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Manifest { entries }
    }

    /// Whether a spec of the manifest is no more. Outside of a project, only the given folders can tell.
    fn is_gone(&self, spec: &str) -> bool {
        let below = |folder: &PathBuf| Path::new(spec).starts_with(self.workspace.shown(folder));
        let can_tell = self.workspace.root.is_some() || self.paths.iter().any(below);
        can_tell && !self.workspace.place(spec).is_file()
    }

    fn write(&self, old: &Manifest, results: &Results) -> anyhow::Result<bool> {
        let new = self.merged(old, results);
        let mut changed = false;
        for (path, text) in &results.texts {
            changed |= self.write_one(path, text)?;
        }
        for entry in removed(old, &new) {
            changed = true;
            files::remove(&self.out.join(&entry.path), &self.out)?;
        }
        Ok(changed | self.write_one(Manifest::NAME, &new.text())?)
    }

    /// Whether no link leads a file out of `out/`; each folder is looked at once.
    fn is_really_inside(&self, place: &Path) -> bool {
        let folder = place.parent().unwrap_or(place);
        if self.safe.borrow().contains(folder) {
            return true;
        }
        let inside = files::is_really_inside(place, &self.out);
        if inside {
            self.safe.borrow_mut().insert(folder.to_path_buf());
        }
        inside
    }

    /// Writes a file below `out/` unless it is there already.
    fn write_one(&self, path: &str, text: &str) -> anyhow::Result<bool> {
        let place = self.out.join(path);
        if !files::stays_inside(Path::new(path)) || !self.is_really_inside(&place) {
            bail!("`{}` would be written outside of `{}`: a link leads there", files::shown(&place), files::shown(&self.out));
        }
        if std::fs::read_to_string(&place).is_ok_and(|before| before == text) {
            return Ok(false);
        }
        files::write(&place, text).map(|()| true)
    }

    /// Prints what a build would change; whether there is anything.
    fn differences(&self, old: &Manifest, results: &Results) -> anyhow::Result<bool> {
        let new = self.merged(old, results);
        let mut changes: BTreeMap<String, (String, String)> = BTreeMap::new();
        let read = |path: &str| std::fs::read_to_string(self.out.join(path)).unwrap_or_default();
        for (path, text) in results.texts.iter().chain([(&Manifest::NAME.to_owned(), &new.text())]) {
            changes.insert(path.clone(), (read(path), text.clone()));
        }
        for entry in removed(old, &new) {
            changes.insert(entry.path.clone(), (read(&entry.path), String::new()));
        }
        changes.retain(|_, (before, after)| before != after);
        for (path, (before, after)) in &changes {
            let shown = self.workspace.shown(&self.out.join(path));
            let diff = similar::TextDiff::from_lines(before.as_str(), after.as_str());
            files::print(&diff.unified_diff().context_radius(3).header(&shown, &shown).to_string())?;
        }
        if !changes.is_empty() {
            let (count, out) = (files::counted(changes.len(), "file"), self.workspace.shown(&self.out));
            files::print_error(&format!("out of date below {out}: {count}; run `cognate build`\n"));
        }
        Ok(!changes.is_empty())
    }
}

fn artefact_path(target: Target, name: &str) -> String {
    format!("{}/{name}.{}", target.name(), target.extension())
}

/// Entries of the old manifest whose files are in the new one no more.
fn removed<'m>(old: &'m Manifest, new: &Manifest) -> Vec<&'m Entry> {
    let kept: BTreeSet<&str> = new.entries.iter().map(|entry| entry.path.as_str()).collect();
    old.entries.iter().filter(|entry| !kept.contains(entry.path.as_str())).collect()
}
