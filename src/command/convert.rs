//! `cognate convert`: specs or Sigma rules to one target's queries, on standard output or into a folder.

use super::repeats::Repeats;
use super::workspace::{Workspace, lenient, named};
use super::{ConvertArguments, Outcome, files};
use crate::build::{self, Acceptance, place_at_title};
use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, E0401, E0802, Severity};
use crate::source::Span;
use crate::target::{Artefact, Options, Range, Target};
use crate::template::Templates;
use anyhow::bail;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Runs the command.
pub(super) fn run(arguments: &ConvertArguments) -> Outcome {
    if arguments.out.is_some() && files::is_standard_input(&arguments.input) {
        bail!("--out names files after their specs, and standard input has no name: leave it out, or name a file");
    }
    let input = std::slice::from_ref(&arguments.input);
    let workspace = Workspace::open(&arguments.common, input)?;
    let Some(templates) = super::templates(&arguments.common, &workspace)? else { return Ok(false) };
    let range = arguments.lookback.map_or(Range::Scheduled, Range::Hunt);
    let unmapped = workspace.keeps_unmapped();
    let options = Options { comments: !arguments.no_comments, limit: workspace.limit(), range, unmapped, ..Options::default() };
    let (mut good, mut output, mut repeats) = (true, Output::default(), Repeats::default());
    for path in workspace.specs(input)? {
        let (source, documents, bases) = workspace.understand(&path).split();
        if documents.is_empty() && !arguments.quiet {
            let what = "rules that a correlation counts, and filters, have no query of their own";
            files::print_error(&format!("note: nothing is made of {}: {what}\n", source.path));
        }
        let mut found = lenient(bases).1;
        for (name, document) in named(documents, &output_name(arguments, &path)) {
            let (detection, diagnostics) = document.lenient();
            found.extend(diagnostics.sorted());
            let Some(detection) = detection else { continue };
            let (artefact, notes) = convert(&detection, arguments.target, &templates, &options);
            found.extend(notes);
            if let Some(artefact) = artefact {
                found.extend(output.take(arguments, &name, &source.path, &artefact.text)?);
            }
        }
        // several documents may share what is wrong
        let mut problems: Vec<Diagnostic> = Vec::with_capacity(found.len());
        found.into_iter().for_each(|problem| {
            if !problems.contains(&problem) {
                problems.push(problem)
            }
        });
        good &= !super::has_errors(&problems);
        if arguments.quiet {
            problems.retain(|problem| problem.severity == Severity::Error);
        }
        repeats.shorten(&mut problems);
        super::report_errors(&[(source, problems)]);
    }
    files::print_error(&repeats.summary());
    if let Some(folder) = arguments.out.as_ref().filter(|_| !arguments.quiet) {
        files::print_error(&format!("wrote {} to {}\n", files::counted(output.written.len(), "file"), files::shown(folder)));
    }
    workspace.finish(good)
}

/// The artefact, with all approximations, and what is to be said about it.
fn convert(detection: &Detection, target: Target, templates: &Templates, options: &Options) -> (Option<Artefact>, Vec<Diagnostic>) {
    let acceptance = Acceptance { all: true, ..Default::default() };
    let (artefact, notes) = match build::build(detection, target, templates, options, &acceptance).0 {
        build::Outcome::Built(artefact) | build::Outcome::NotAccepted(artefact, _) => {
            let approximations = artefact.fidelity.approximations.iter();
            let notes =
                approximations.map(|deviation| Diagnostic::note(deviation.code, deviation.span, deviation.message.clone())).collect();
            (Some(artefact), notes)
        }
        build::Outcome::Refused(refusals) => (None, refusals),
        build::Outcome::Skipped(reason) => {
            let message = format!("{} is skipped: {reason}", target.title());
            (None, vec![Diagnostic::note(E0401, Span::default(), message).help("nothing is printed for it")])
        }
    };
    (artefact, notes.into_iter().map(|note| place_at_title(note, detection)).collect())
}

/// A spec's path below the folder that is converted, without extension.
fn output_name(arguments: &ConvertArguments, path: &Path) -> String {
    let below = path.strip_prefix(&arguments.input).ok().filter(|rest| !rest.as_os_str().is_empty());
    let relative = below.or_else(|| path.file_name().map(Path::new)).unwrap_or(path);
    files::shown(&relative.with_extension(""))
}

/// Where the queries go.
#[derive(Default)]
struct Output {
    printed: bool,
    /// File → the spec that it was made from.
    written: BTreeMap<PathBuf, String>,
}

impl Output {
    fn take(&mut self, arguments: &ConvertArguments, name: &str, shown: &str, text: &str) -> anyhow::Result<Option<Diagnostic>> {
        let Some(folder) = &arguments.out else {
            let separator = match (self.printed, arguments.target) {
                (false, _) => "",
                (true, Target::Sigma) => "---\n",
                (true, Target::Aql | Target::Spl | Target::Kql) => "\n",
            };
            self.printed = true;
            return files::print(&format!("{separator}{text}")).map(|()| None);
        };
        let file = folder.join(format!("{name}.{}", arguments.target.extension()));
        if let Some(first) = self.written.get(&file) {
            let message = format!("`{}` has been written for {first} already", files::shown(&file));
            return Ok(Some(Diagnostic::error(E0802, Span::default(), message).help("rename one of the specs")));
        }
        files::write(&file, text)?;
        self.written.insert(file, shown.to_owned());
        Ok(None)
    }
}
