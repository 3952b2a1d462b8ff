//! `cognate check`: every problem of specs, log sources, the site file and templates; nothing is written.

use super::workspace::{self, Understood, Workspace};
use super::{CheckArguments, Format, Outcome, files};
use crate::build::{Acceptance, Outcome as Built, build, place_at_title};
use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, Severity};
use crate::frontend::check_tests;
use crate::report;
use crate::source::Source;
use crate::target::{Options, Target};
use crate::template::Templates;
use std::path::Path;

/// Runs the command.
pub(super) fn run(arguments: &CheckArguments) -> Outcome {
    let workspace = Workspace::open(&arguments.common)?;
    let mut items = Vec::new();
    let templates = workspace::templates(&arguments.common)?.map_err(|problems| items.extend(problems)).ok();
    items.extend(workspace.site_problems.clone());
    for (source, file) in workspace.log_sources().read_all() {
        items.push((source.clone(), file.diagnostics.clone().sorted()));
    }
    let (mut detections, mut count) = (Vec::new(), 0);
    for path in files::specs(&workspace.paths(&arguments.paths)?)? {
        let (source, problems, detection) = spec(&workspace, templates.as_ref(), &path)?;
        items.push((source, problems));
        detections.extend(detection);
        count += 1;
    }
    let known: Vec<&Detection> = detections.iter().collect();
    items.extend(workspace.check_site(&known, arguments.paths.is_empty()));
    items.retain(|(_, problems)| !problems.is_empty());
    print(arguments, &items, count)?;
    let worst = items.iter().flat_map(|(_, problems)| problems).map(|problem| problem.severity).min();
    Ok(match worst {
        Some(Severity::Error) => false,
        Some(Severity::Warning) => !arguments.strict,
        Some(Severity::Note) | None => true,
    })
}

fn spec(workspace: &Workspace, templates: Option<&Templates>, path: &Path) -> anyhow::Result<(Source, Vec<Diagnostic>, Option<Detection>)> {
    let Understood { source, detection, mut diagnostics } = workspace.understand(path)?;
    let mut targets = Vec::new();
    if let Some(detection) = &detection {
        check_tests(detection, &mut diagnostics);
        targets.extend(workspace.id_problem(detection, path));
        let acceptance = Acceptance { all: false, codes: workspace.accepted(detection) };
        for (target, templates) in Target::ALL.into_iter().filter_map(|target| Some((target, templates?))) {
            let (built, warnings) = build(detection, target, templates, &Options::default(), &acceptance);
            targets.extend(warnings);
            match built {
                Built::Built(_) | Built::Skipped(_) => {}
                Built::Refused(problems) | Built::NotAccepted(_, problems) => {
                    targets.extend(problems.into_iter().map(|problem| place_at_title(problem, detection)));
                }
            }
        }
    }
    targets.into_iter().for_each(|problem| diagnostics.push(problem));
    Ok((source, diagnostics.sorted(), detection))
}

fn print(arguments: &CheckArguments, items: &[(Source, Vec<Diagnostic>)], count: usize) -> anyhow::Result<()> {
    let format = match arguments.format {
        Format::Text => {
            super::report_errors(items);
            let number = |severity| items.iter().flat_map(|(_, problems)| problems).filter(|problem| problem.severity == severity).count();
            let (errors, warnings) = (number(Severity::Error), number(Severity::Warning));
            return files::print(&format!("{count} specs checked: {errors} errors, {warnings} warnings\n"));
        }
        Format::Json => report::Format::Json,
        Format::Sarif => report::Format::Sarif,
        Format::Github => report::Format::Github,
    };
    let text = format.write(items, false);
    files::print(&format!("{}\n", text.trim_end_matches('\n')))
}
