//! `cognate build`: every spec × every target → `out/<target>/<path of the spec>.<extension>`, the manifest, and a table.
//!
//! A bad spec never stops the rest: its old files stay and are named stale. Only files that an earlier build wrote
//! (they stand in the manifest) are ever removed.

use super::manifest::{Entry, Manifest};
use super::table;
use super::workspace::{self, Understood, Workspace};
use super::{BuildArguments, Outcome, files};
use crate::build::{Acceptance, Outcome as Built, build, place_at_title};
use crate::diagnostic::{Diagnostic, E0801, Severity};
use crate::source::{Source, Span};
use crate::target::{Options, Target};
use crate::template::Templates;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What one run has found so far.
#[derive(Default)]
struct Results {
    /// Path below `out/` → text.
    texts: BTreeMap<String, String>,
    entries: Vec<Entry>,
    rows: Vec<table::Row>,
    problems: Vec<(Source, Vec<Diagnostic>)>,
    /// Path below `out/` of files that could not be built again.
    stale: Vec<String>,
    /// Specs that this run is about.
    specs: Vec<String>,
}

/// Runs the command.
pub(super) fn run(arguments: &BuildArguments) -> Outcome {
    let workspace = Workspace::open(&arguments.common)?;
    let templates = match workspace::templates(&arguments.common)? {
        Ok(templates) => templates,
        Err(problems) => {
            super::report_errors(&problems);
            return Ok(false);
        }
    };
    if super::report_site(&workspace) {
        return Ok(false);
    }
    let paths = workspace.paths(&arguments.paths)?;
    let out =
        if arguments.out.is_absolute() { arguments.out.clone() } else { workspace.root.clone().unwrap_or_default().join(&arguments.out) };
    let manifest = Manifest::read(&out.join(Manifest::NAME))?;
    let mut results = Results::default();
    let specs = files::specs(&paths)?;
    let progress = progress(specs.len());
    let shown_at = Instant::now() + Duration::from_millis(500);
    for path in &specs {
        spec(arguments, &workspace, &templates, &paths, path, &mut results)?;
        progress.inc(1);
        if progress.is_hidden() && Instant::now() > shown_at && std::io::stderr().is_terminal() {
            progress.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
    progress.finish_and_clear();
    let errors = results.problems.iter().flat_map(|(_, problems)| problems).filter(|problem| problem.severity == Severity::Error).count();
    super::report_errors(&results.problems);
    let targets = targets(arguments);
    let changed =
        if arguments.check { differences(&out, &manifest, &results, &targets)? } else { write(&out, &manifest, &results, &targets)? };
    for path in &results.stale {
        files::print_error(&format!("stale: {} was not built again\n", files::shown(&out.join(path))));
    }
    files::print(&table::text(&results.rows, &targets))?;
    Ok(errors == 0 && !(arguments.check && changed))
}

fn progress(count: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(count as u64), ProgressDrawTarget::hidden());
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} specs").unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn targets(arguments: &BuildArguments) -> Vec<Target> {
    Target::ALL.into_iter().filter(|target| arguments.targets.is_empty() || arguments.targets.contains(target)).collect()
}

fn spec(
    arguments: &BuildArguments,
    workspace: &Workspace,
    templates: &Templates,
    paths: &[PathBuf],
    path: &Path,
    results: &mut Results,
) -> anyhow::Result<()> {
    let Understood { source, detection, diagnostics } = workspace.understand(path)?;
    let name = workspace.name_of(path, paths);
    let shown = files::shown(path);
    results.specs.push(shown.clone());
    let mut problems = diagnostics.sorted();
    let targets = targets(arguments);
    let Some(detection) = detection else {
        results.rows.push(table::Row { spec: name.clone(), cells: targets.iter().map(|target| (*target, table::Cell::Failed)).collect() });
        results.stale.extend(targets.iter().map(|target| artefact_path(*target, &name)));
        results.problems.push((source, problems));
        return Ok(());
    };
    if let Some(problem) = workspace.id_problem(&detection, path) {
        problems.push(problem);
    }
    let options = Options { comments: !arguments.no_comments, limit: workspace.limit(), ..Options::default() };
    let acceptance = Acceptance { all: false, codes: arguments.accept.iter().cloned().chain(workspace.accepted(&detection)).collect() };
    let mut cells = Vec::new();
    for target in targets {
        let (built, warnings) = build(&detection, target, templates, &options, &acceptance);
        problems.extend(warnings);
        let path = artefact_path(target, &name);
        let cell = match built {
            Built::Built(artefact) => {
                results.entries.push(Entry::new(&path, &shown, &detection, target, &artefact));
                let cell = table::Cell::Built(artefact.fidelity.clone());
                results.texts.insert(path, artefact.text);
                cell
            }
            Built::Skipped(reason) => table::Cell::Skipped(reason),
            Built::Refused(refusals) => {
                problems.extend(refusals.into_iter().map(|problem| place_at_title(problem, &detection)));
                results.stale.push(path);
                table::Cell::Refused
            }
            Built::NotAccepted(artefact, open) => {
                problems.extend(open.into_iter().map(|problem| place_at_title(problem, &detection)));
                results.stale.push(path);
                table::Cell::NotAccepted(artefact.fidelity)
            }
        };
        cells.push((target, cell));
    }
    results.rows.push(table::Row { spec: name, cells });
    if !problems.is_empty() {
        results.problems.push((source, problems));
    }
    Ok(())
}

fn artefact_path(target: Target, name: &str) -> String {
    format!("{}/{name}.{}", target.name(), target.extension())
}

/// The manifest after this run: new entries, and the old ones that this run is not about or could not build again.
fn merged(manifest: &Manifest, results: &Results, targets: &[Target]) -> Manifest {
    let kept = |entry: &&Entry| {
        let concerned = results.specs.contains(&entry.spec) || !Path::new(&entry.spec).is_file();
        !concerned || !targets.iter().any(|target| target.name() == entry.target) || results.stale.contains(&entry.path)
    };
    let old = manifest.entries.iter().filter(kept).filter(|entry| !results.texts.contains_key(&entry.path));
    let mut entries: Vec<Entry> = old.cloned().chain(results.entries.iter().cloned()).collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Manifest { entries }
}

/// Files of the old manifest that are in the new one no more.
fn removed<'m>(old: &'m Manifest, new: &Manifest) -> Vec<&'m Entry> {
    let gone = |entry: &&Entry| !new.entries.iter().any(|other| other.path == entry.path);
    old.entries.iter().filter(gone).collect()
}

fn refuse_leaving(out: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    for entry in &manifest.entries {
        if !files::stays_inside(Path::new(&entry.path)) {
            let message = format!("the path `{}` leaves the folder `{}`", entry.path, files::shown(out));
            let source = Source::new(files::shown(&out.join(Manifest::NAME)), "");
            super::report_errors(&[(source, vec![Diagnostic::error(E0801, Span::default(), message)])]);
            anyhow::bail!("the manifest was not written by `cognate build`; remove it or restore it");
        }
    }
    Ok(())
}

fn write(out: &Path, old: &Manifest, results: &Results, targets: &[Target]) -> anyhow::Result<bool> {
    let new = merged(old, results, targets);
    refuse_leaving(out, old)?;
    refuse_leaving(out, &new)?;
    let mut changed = false;
    for (path, text) in &results.texts {
        let path = out.join(path);
        if std::fs::read_to_string(&path).ok().as_ref() != Some(text) {
            files::write(&path, text)?;
            changed = true;
        }
    }
    for entry in removed(old, &new) {
        changed = true;
        files::remove(&out.join(&entry.path), out)?;
    }
    let text = new.text();
    if std::fs::read_to_string(out.join(Manifest::NAME)).ok().as_ref() != Some(&text) {
        files::write(&out.join(Manifest::NAME), &text)?;
        changed = true;
    }
    Ok(changed)
}

/// Prints what a build would change; whether there is anything.
fn differences(out: &Path, old: &Manifest, results: &Results, targets: &[Target]) -> anyhow::Result<bool> {
    let new = merged(old, results, targets);
    let mut changes: BTreeMap<String, (String, String)> = BTreeMap::new();
    let read = |path: &str| std::fs::read_to_string(out.join(path)).unwrap_or_default();
    for (path, text) in results.texts.iter().chain([(&Manifest::NAME.to_owned(), &new.text())]) {
        changes.insert(path.clone(), (read(path), text.clone()));
    }
    for entry in removed(old, &new) {
        changes.insert(entry.path.clone(), (read(&entry.path), String::new()));
    }
    changes.retain(|_, (before, after)| before != after);
    for (path, (before, after)) in &changes {
        let shown = files::shown(&out.join(path));
        let diff = similar::TextDiff::from_lines(before.as_str(), after.as_str());
        files::print(&diff.unified_diff().context_radius(3).header(&shown, &shown).to_string())?;
    }
    if !changes.is_empty() {
        files::print_error(&format!("{} file(s) below {} are out of date: run `cognate build`\n", changes.len(), files::shown(out)));
    }
    Ok(!changes.is_empty())
}
