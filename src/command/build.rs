//! `cognate build`: every spec × every target → `out/<target>/<path of the spec>.<extension>` (of several specs in one file:
//! `<path>/<name>.<extension>`), the manifest, and a table.
//!
//! A bad spec never stops the rest: its old files stay and are named stale. Only files that an earlier build wrote
//! (they stand in the manifest) are ever removed. A project may have many specs: each is read, compiled, written and let go;
//! what is kept of it is what the table, the manifest and the comparison with other specs need.

use super::manifest::{Listed, Manifest, Written, artefact_path};
use super::output::Output;
use super::repeats::Repeats;
use super::table;
use super::workspace::{Workspace, named};
use super::{BuildArguments, Outcome, files};
use crate::build::{Acceptance, Outcome as Built, build, place_at_title};
use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, Diagnostics, E0801, E0802, Severity};
use crate::frontend::Document;
use crate::report::Texts;
use crate::site::Known;
use crate::source::{Source, Span};
use crate::target::{Mark, Options, Target};
use crate::template::Templates;
use anyhow::bail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What does not change from spec to spec.
struct Context<'a> {
    arguments: &'a BuildArguments,
    workspace: &'a Workspace,
    templates: &'a Templates,
    paths: Vec<PathBuf>,
    targets: Vec<Target>,
    show: Show,
}

/// What one run has found so far.
struct Results {
    output: Output,
    /// The artefacts of this run.
    manifest: Manifest,
    rows: Vec<table::Row>,
    /// Problems are printed when they are found; whether there were errors.
    failed: bool,
    texts: Texts,
    repeats: Repeats,
    progress: ProgressBar,
    /// Path below `out/` of files that could not be built again.
    stale: BTreeSet<String>,
    /// Files of specs, and targets for which something in them could not be built.
    unbuilt: BTreeSet<(Rc<str>, &'static str)>,
    /// The files that this run is about.
    specs: FxHashSet<Rc<str>>,
    /// Name in `out/` → the file that had it first, and the targets for which it was built.
    names: FxHashMap<Rc<str>, (Rc<str>, Vec<Target>)>,
    /// Why targets were skipped: many have one reason.
    reasons: FxHashSet<Rc<str>>,
    /// How many specs the files hold.
    documents: usize,
    /// What a site file can name.
    known: Vec<Known>,
}

impl Results {
    fn new(output: Output, count: usize) -> Results {
        Results {
            output,
            manifest: Manifest::default(),
            rows: Vec::new(),
            failed: false,
            texts: Texts::new(files::colours(&std::io::stderr())),
            repeats: Repeats::default(),
            progress: progress(count),
            stale: BTreeSet::new(),
            unbuilt: BTreeSet::new(),
            specs: FxHashSet::default(),
            names: FxHashMap::default(),
            reasons: FxHashSet::default(),
            documents: 0,
            known: Vec::new(),
        }
    }

    /// Prints what is to be shown of a file's problems.
    fn problems_of(&mut self, source: &Source, mut problems: Vec<Diagnostic>, show: Show) {
        problems.retain(|problem| show == Show::Everything || problem.severity == Severity::Error);
        self.failed |= super::has_errors(&problems);
        self.repeats.shorten(&mut problems);
        if !problems.is_empty() {
            let text = self.texts.of(source, &problems);
            self.progress.suspend(|| files::print_error(&text));
        }
    }

    /// Whether this run has written the artefact of an earlier one again.
    fn has_built(&self, entry: &Written<'_>) -> bool {
        let target = Target::from_name(&entry.target);
        let name = target.and_then(|target| {
            let rest = entry.path.strip_prefix(target.name())?.strip_prefix('/')?;
            rest.strip_suffix(target.extension())?.strip_suffix('.')
        });
        let built = name.and_then(|name| self.names.get(name));
        built.zip(target).is_some_and(|((_, targets), target)| targets.contains(&target))
    }

    fn reason(&mut self, text: &str) -> Rc<str> {
        let reason = self.reasons.get(text).cloned().unwrap_or_else(|| text.into());
        self.reasons.insert(reason.clone());
        reason
    }
}

/// What a build did.
pub(super) struct Done {
    /// Whether the content has no errors, and nothing is out of date that was only compared.
    good: bool,
    /// How many specs it was about.
    pub specs: usize,
    /// How many artefacts it wrote or removed, or would.
    pub changed: usize,
    /// Files that specs name, such as lists.
    pub read: Vec<PathBuf>,
}

impl Done {
    fn nothing() -> Done {
        Done { good: false, specs: 0, changed: 0, read: Vec::new() }
    }

    /// Whether there were errors.
    pub fn failed(&self) -> bool {
        !self.good
    }
}

/// What is printed of a build.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Show {
    /// All problems, and the table.
    Everything,
    /// Errors.
    Errors,
}

/// Runs the command.
pub(super) fn run(arguments: &BuildArguments) -> Outcome {
    Ok(once(arguments, Show::Everything)?.good)
}

/// Builds once.
pub(super) fn once(arguments: &BuildArguments, show: Show) -> anyhow::Result<Done> {
    if arguments.paths.iter().any(|path| files::is_standard_input(path)) {
        bail!("build names files after their specs, and standard input has no name: use `cognate convert`");
    }
    let workspace = Workspace::open(&arguments.common, &arguments.paths)?;
    let Some(templates) = super::templates(&arguments.common, &workspace)? else { return Ok(Done::nothing()) };
    let folder = arguments.out.clone().unwrap_or_else(|| workspace.place("out"));
    let mut output = Output::new(folder, arguments.check);
    let paths = workspace.paths(&arguments.paths)?;
    let context = Context { arguments, workspace: &workspace, templates: &templates, paths, targets: targets(arguments), show };
    context.check_manifest(&mut output)?;
    let specs = workspace.specs(&arguments.paths)?;
    let mut results = Results::new(output, specs.len());
    context.compile(&specs, &mut results)?;
    let good = !results.failed;
    files::print_error(&results.repeats.summary());
    let changed = context.finish(&mut results)?;
    if show == Show::Everything {
        context.report(&results)?;
    }
    let good = workspace.finish(good && !(arguments.check && results.output.changes() > 0))?;
    Ok(Done { good, specs: results.rows.len(), changed, read: workspace.files_read() })
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
    /// Refuses a manifest of the last build that names files which no build writes.
    fn check_manifest(&self, output: &mut Output) -> anyhow::Result<()> {
        let place = output.folder().join(Manifest::NAME);
        let mut foreign = None;
        Manifest::each(&place, &mut |entry, _| {
            let target = Target::from_name(&entry.target);
            let below = target.and_then(|target| entry.path.strip_prefix(target.name())).is_some_and(|rest| rest.starts_with('/'));
            if foreign.is_none() && !(below && output.holds(&entry.path)) {
                foreign = Some(entry.path.to_string());
            }
            Ok(())
        })?;
        if let Some(path) = foreign {
            let message = format!("`{path}` is no path that a build writes below `{}`", self.workspace.shown(output.folder()));
            let source = Source::new(self.workspace.shown(&place), "");
            super::report_errors(&[(source, vec![Diagnostic::error(E0801, Span::default(), message)])]);
            bail!("the manifest was not written by `cognate build`; remove it or restore it");
        }
        Ok(())
    }

    fn compile(&self, specs: &[PathBuf], results: &mut Results) -> anyhow::Result<()> {
        let progress = results.progress.clone();
        let shown_at = Instant::now() + Duration::from_millis(500);
        for path in specs {
            self.file(path, results)?;
            progress.inc(1);
            if progress.is_hidden() && Instant::now() > shown_at && std::io::stderr().is_terminal() {
                progress.set_draw_target(ProgressDrawTarget::stderr());
            }
        }
        progress.finish_and_clear();
        // a spec that is not understood may have any title
        let all = self.workspace.is_everything(&self.arguments.paths) && results.known.len() == results.documents;
        if let Some((source, problems)) = self.workspace.check_site(&results.known, all) {
            results.problems_of(&source, problems, self.show);
        }
        Ok(())
    }

    fn file(&self, path: &Path, results: &mut Results) -> anyhow::Result<()> {
        let understood = self.workspace.understand(path);
        if self.workspace.has_site() {
            results.known.extend(understood.detections().map(Known::of));
        }
        results.documents += understood.documents.len();
        let (source, documents, bases) = understood.split();
        let shown: Rc<str> = source.path.as_str().into();
        results.specs.insert(shown.clone());
        let mut problems = Diagnostics::new();
        for document in bases {
            let (detection, diagnostics) = document.strict();
            problems.extend(diagnostics);
            detection
                .and_then(|detection| self.workspace.id_problem(&detection, path))
                .into_iter()
                .for_each(|problem| problems.push(problem));
        }
        for (name, document) in named(documents, &self.workspace.name_of(path, &self.paths)) {
            let found = self.document((path, &shown), name.into(), document, results)?;
            problems.extend(found);
        }
        results.problems_of(&source, problems.sorted(), self.show);
        Ok(())
    }

    fn document(
        &self,
        (path, shown): (&Path, &Rc<str>),
        name: Rc<str>,
        document: Document,
        results: &mut Results,
    ) -> anyhow::Result<Diagnostics> {
        let (detection, mut problems) = document.strict();
        if let Some(detection) = &detection {
            self.workspace.id_problem(detection, path).into_iter().for_each(|problem| problems.push(problem));
        }
        let first = results.names.entry(name.clone()).or_insert_with(|| (shown.clone(), Vec::new())).0.clone();
        if first != *shown {
            let message = format!("the output of {first} has the same path, `{name}`");
            let span = detection.as_ref().map(|detection| detection.metadata.title.span).unwrap_or_default();
            problems.push(Diagnostic::error(E0802, span, message).help("rename one of the two files"));
        }
        match detection.filter(|_| !problems.has_errors()) {
            Some(detection) => self.targets(&detection, name, shown, &mut problems, results)?,
            None => {
                for target in self.targets.iter().copied() {
                    results.unbuilt.insert((shown.clone(), target.name()));
                    if first == *shown {
                        results.stale.insert(artefact_path(target, &name));
                    }
                }
                let cells = self.targets.iter().map(|target| (*target, table::Cell::Failed)).collect();
                results.rows.push(table::Row { spec: name, cells });
            }
        }
        Ok(problems)
    }

    fn targets(
        &self,
        detection: &Detection,
        name: Rc<str>,
        shown: &Rc<str>,
        problems: &mut Diagnostics,
        results: &mut Results,
    ) -> anyhow::Result<()> {
        let workspace = &self.workspace;
        let options = Options {
            comments: !self.arguments.no_comments,
            limit: workspace.limit(),
            unmapped: workspace.keeps_unmapped(),
            ..Options::default()
        };
        let codes = self.arguments.accept.iter().cloned().chain(self.workspace.accepted(detection)).collect();
        let acceptance = Acceptance { all: false, codes };
        let listed = Rc::new(Listed {
            name: name.clone(),
            spec: shown.clone(),
            id: detection.metadata.id.as_deref().map(Box::from),
            title: detection.metadata.title.value.as_str().into(),
        });
        let (mut cells, mut built_for) = (Vec::with_capacity(self.targets.len()), Vec::new());
        for target in self.targets.iter().copied() {
            let (built, warnings) = build(detection, target, self.templates, &options, &acceptance);
            warnings.into_iter().for_each(|problem| problems.push(problem));
            let path = artefact_path(target, &name);
            let cell = match built {
                Built::Built(artefact) => {
                    results.output.put(&path, &artefact.text)?;
                    results.manifest.add(&listed, detection, target, &artefact)?;
                    built_for.push(target);
                    table::Cell::Built(Mark::of(&artefact.fidelity))
                }
                Built::Skipped(reason) => table::Cell::Skipped(results.reason(&reason)),
                Built::Refused(refusals) => {
                    refusals.into_iter().for_each(|problem| problems.push(place_at_title(problem, detection)));
                    results.unbuilt.insert((shown.clone(), target.name()));
                    results.stale.insert(path);
                    table::Cell::Refused
                }
                Built::NotAccepted(artefact, open) => {
                    open.into_iter().for_each(|problem| problems.push(place_at_title(problem, detection)));
                    results.unbuilt.insert((shown.clone(), target.name()));
                    results.stale.insert(path);
                    table::Cell::NotAccepted(Mark::of(&artefact.fidelity))
                }
            };
            cells.push((target, cell));
        }
        if let Some((_, built)) = results.names.get_mut(&name) {
            *built = built_for;
        }
        results.rows.push(table::Row { spec: name, cells });
        Ok(())
    }

    /// Removes what an earlier build wrote and this one does not, and writes the manifest: the new entries, and the old
    /// ones that this run is not about or could not build again. How many artefacts have changed.
    fn finish(&self, results: &mut Results) -> anyhow::Result<usize> {
        let mut manifest = std::mem::take(&mut results.manifest);
        let place = results.output.folder().join(Manifest::NAME);
        Manifest::each(&place, &mut |entry, line| {
            let target = Target::from_name(&entry.target).filter(|target| self.targets.contains(target));
            // of a file in which something is wrong, nobody can tell which of its old artefacts are no more
            let failed = target.is_some_and(|target| results.unbuilt.contains(&((*entry.spec).into(), target.name())));
            if results.has_built(entry) {
                return Ok(());
            }
            let concerned = || results.specs.contains(&*entry.spec) || self.is_gone(&entry.spec);
            if target.is_some() && !failed && concerned() {
                return results.output.remove(&entry.path);
            }
            if failed {
                results.stale.insert(entry.path.to_string());
            }
            manifest.keep(entry, line);
            Ok(())
        })?;
        manifest.sort();
        let changed = results.output.changes();
        results.output.put_written(Manifest::NAME, &|out| manifest.write(out))?;
        Ok(changed)
    }

    /// Whether a spec of the manifest is no more. Outside of a project, only the given folders can tell.
    fn is_gone(&self, spec: &str) -> bool {
        let below = |folder: &PathBuf| Path::new(spec).starts_with(self.workspace.shown(folder));
        let can_tell = self.workspace.root.is_some() || self.paths.iter().any(below);
        can_tell && !self.workspace.place(spec).is_file()
    }

    /// Prints what changed or would change, what is stale, and the table.
    fn report(&self, results: &Results) -> anyhow::Result<()> {
        let folder = results.output.folder();
        let differences = results.output.differences(|place| self.workspace.shown(place));
        for difference in &differences {
            files::print(difference)?;
        }
        if !differences.is_empty() {
            let (count, out) = (files::counted(differences.len(), "file"), self.workspace.shown(folder));
            files::print_error(&format!("out of date below {out}: {count}; run `cognate build`\n"));
        }
        for path in results.stale.iter().map(|path| folder.join(path)).filter(|path| path.exists()) {
            files::print_error(&format!("stale: {} was not built again\n", self.workspace.shown(&path)));
        }
        files::print_with(|out| table::write(&results.rows, &self.targets, out))
    }
}
