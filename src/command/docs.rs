//! `cognate docs`: specs → a folder with a page for each spec and each log source that they use, an index and the coverage.
//!
//! `docs.json` in the folder lists the pages: the next run replaces them, and removes those that are no longer among them. A spec with
//! errors keeps its old pages. Other files are nobody's: one that stands where a page goes stops the command.

use super::listed::{ListedFolder, hash};
use super::workspace::{Understood, Workspace, named};
use super::{DocsArguments, Outcome, files};
use crate::build::{Acceptance, build};
use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, Diagnostics, E0802, Severity};
use crate::explain::Indicators;
use crate::handbook::{Handbook, LOG_SOURCES, Subject, page_of};
use crate::source::Source;
use crate::target::{Options, Target};
use crate::template::Templates;
use anyhow::bail;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The list of the pages.
const LIST: &str = "docs.json";

/// What does not change from spec to spec.
struct Context<'a> {
    arguments: &'a DocsArguments,
    workspace: &'a Workspace,
    templates: &'a Templates,
    folder: ListedFolder,
}

/// What has been found so far.
struct Found {
    handbook: Handbook,
    /// Old pages of specs that have errors.
    stale: BTreeSet<String>,
    good: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &DocsArguments) -> Outcome {
    if arguments.paths.iter().any(|path| files::is_standard_input(path)) {
        bail!("pages are named after their specs, and standard input has no name");
    }
    let workspace = Workspace::open(&arguments.common, &arguments.paths)?;
    let Some(templates) = super::templates(&arguments.common, &workspace)? else { return Ok(false) };
    let folder = ListedFolder::open(&arguments.out, LIST, "pages")?;
    let context = Context { arguments, workspace: &workspace, templates: &templates, folder };
    let specs = workspace.specs(&arguments.paths)?;
    let handbook = Handbook::new(context.indicators(&specs)?);
    let mut found = Found { handbook, stale: BTreeSet::new(), good: true };
    specs.iter().for_each(|path| context.file(path, &mut found));
    let (count, good) = (found.handbook.count(), found.good);
    let pages = context.write(found)?;
    let (specs, pages) = (files::counted(count, "spec"), files::counted(pages, "page"));
    files::print(&format!("{specs} on {pages}: {}\n", files::shown(&arguments.out)))?;
    workspace.finish(good)
}

impl Context<'_> {
    /// What the specs of the project and of this run look for.
    fn indicators(&self, specs: &[PathBuf]) -> anyhow::Result<Indicators> {
        let mut indicators = super::explain::indicators(self.workspace)?;
        if !self.workspace.is_everything(&self.arguments.paths) {
            for understood in specs.iter().map(|path| self.workspace.understand(path)) {
                understood.detections().for_each(|detection| indicators.add(&understood.source.path, detection));
            }
        }
        Ok(indicators)
    }

    fn file(&self, path: &Path, found: &mut Found) {
        let name = self.workspace.name_of(path, &self.arguments.paths);
        let Understood { source, documents } = self.workspace.understand(path);
        let (bases, documents): (Vec<_>, Vec<_>) = documents.into_iter().partition(|document| document.is_base);
        let mut problems: Vec<Diagnostic> = bases.into_iter().flat_map(|base| base.strict().1.sorted()).collect();
        for (document_name, document) in named(documents, &name) {
            let (detection, mut diagnostics) = document.strict();
            if let Some(detection) = &detection {
                self.document(&document_name, &source, detection, &mut diagnostics, found);
            }
            if diagnostics.has_errors() {
                self.keep(&document_name, document_name == name, found);
            }
            problems.extend(diagnostics.sorted());
        }
        problems.retain(|problem| problem.severity == Severity::Error);
        found.good &= problems.is_empty();
        super::report_errors(&[(source, problems)]);
    }

    fn document(&self, name: &str, source: &Source, detection: &Detection, diagnostics: &mut Diagnostics, found: &mut Found) {
        let acceptance = Acceptance { all: false, codes: self.workspace.accepted(detection) };
        let options = Options { limit: self.workspace.limit(), unmapped: self.workspace.keeps_unmapped(), ..Options::default() };
        let outcomes: Vec<_> =
            Target::ALL.into_iter().map(|target| (target, build(detection, target, self.templates, &options, &acceptance).0)).collect();
        if let Err(other) = found.handbook.add(&Subject { name, source, detection, outcomes: &outcomes }) {
            let message = format!("{other} has the path of its page, `{}`", page_of(name));
            diagnostics.push(Diagnostic::error(E0802, detection.metadata.title.span, message).help("rename the file"));
        }
    }

    /// Lets the old page of a spec with errors stay; of a file that cannot be read, those of all its documents.
    fn keep(&self, name: &str, whole_file: bool, found: &mut Found) {
        let (page, below) = (page_of(name), format!("{name}/"));
        let is_old = |path: &&String| **path == page || whole_file && path.starts_with(&below);
        let old: Vec<String> = self.folder.before().keys().filter(is_old).cloned().collect();
        found.handbook.leave_out(name, old.contains(&page));
        found.stale.extend(old);
    }

    /// Writes the pages and their list, and removes those that are no more; how many pages there are.
    fn write(&self, found: Found) -> anyhow::Result<usize> {
        let pages = found.handbook.finish();
        self.folder.refuse_foreign(pages.iter().map(|(path, text)| (path.as_str(), text.as_bytes())), "cognate docs")?;
        let mut hashes: BTreeMap<&str, String> = pages.iter().map(|(path, text)| (path.as_str(), hash(text.as_bytes()))).collect();
        let is_kept = |path: &str| found.stale.contains(path) || !found.stale.is_empty() && path.starts_with(LOG_SOURCES);
        for (path, hash) in self.folder.before().iter().filter(|(path, _)| is_kept(path)) {
            hashes.entry(path).or_insert_with(|| hash.clone());
        }
        self.folder.remove_others(&hashes.keys().copied().collect())?;
        for (path, text) in &pages {
            files::write(&self.folder.place(path), text)?;
        }
        for path in found.stale.iter().filter(|path| !pages.contains_key(*path)) {
            files::print_error(&format!("stale: {} was not written again\n", files::shown(&self.folder.place(path))));
        }
        self.folder.write_list(&json!({ "files": hashes }))?;
        Ok(pages.len())
    }
}
