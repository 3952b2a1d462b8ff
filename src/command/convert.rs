//! `cognate convert`: specs or Sigma rules to one target's queries, on standard output or into a folder.

use super::workspace::{self, Understood, Workspace};
use super::{ConvertArguments, Outcome, files};
use crate::build::{self, Acceptance, place_at_title};
use crate::diagnostic::{Diagnostic, Severity};
use crate::target::{Options, Range};

/// Runs the command.
pub(super) fn run(arguments: &ConvertArguments) -> Outcome {
    let workspace = Workspace::open(&arguments.common)?;
    let templates = match workspace::templates(&arguments.common)? {
        Ok(templates) => templates,
        Err(problems) => {
            super::report_errors(&problems);
            return Ok(false);
        }
    };
    let options =
        Options { comments: !arguments.no_comments, range: arguments.lookback.map_or(Range::Scheduled, Range::Hunt), ..Options::default() };
    let (mut good, mut first) = (true, true);
    for path in files::specs(std::slice::from_ref(&arguments.input))? {
        let Understood { source, detection, diagnostics } = workspace.understand(&path)?;
        let mut problems = diagnostics.sorted();
        if let Some(detection) = detection {
            let (outcome, _) =
                build::build(&detection, arguments.target, &templates, &options, &Acceptance { all: true, ..Default::default() });
            match outcome {
                build::Outcome::Built(artefact) | build::Outcome::NotAccepted(artefact, _) => {
                    let notes = artefact.fidelity.approximations.iter().map(|d| Diagnostic::note(d.code, d.span, d.message.clone()));
                    problems.extend(notes.map(|note| place_at_title(note, &detection)));
                    match &arguments.out {
                        Some(folder) => {
                            let relative = path.strip_prefix(&arguments.input).unwrap_or(&path);
                            let relative = if relative.as_os_str().is_empty() {
                                path.file_name().map(Into::into).unwrap_or_default()
                            } else {
                                relative.to_path_buf()
                            };
                            files::write(&folder.join(relative).with_extension(arguments.target.extension()), &artefact.text)?;
                        }
                        None => {
                            let separator = match (first, arguments.target) {
                                (true, _) => "",
                                (false, crate::target::Target::Sigma) => "---\n",
                                (false, _) => "\n",
                            };
                            files::print(&format!("{separator}{}", artefact.text))?;
                            first = false;
                        }
                    }
                }
                build::Outcome::Refused(diagnostics) => problems.extend(diagnostics.into_iter().map(|d| place_at_title(d, &detection))),
                build::Outcome::Skipped(reason) => {
                    let message = format!("not built for {}: {reason}", arguments.target.name());
                    problems.push(place_at_title(Diagnostic::note(crate::diagnostic::E0401, Default::default(), message), &detection));
                }
            }
        }
        good &= !problems.iter().any(|problem| problem.severity == Severity::Error);
        if arguments.quiet {
            problems.retain(|problem| problem.severity == Severity::Error);
        }
        if !problems.is_empty() {
            super::report_errors(&[(source, problems)]);
        }
    }
    Ok(good)
}
