//! `cognate check`: every problem of specs, log sources, the site file and templates; nothing is written.

use super::workspace::{self, Understood, Workspace};
use super::{CheckArguments, Format, Outcome, Problems, files};
use crate::build::{Acceptance, Outcome as Built, build, place_at_title};
use crate::detection::Detection;
use crate::diagnostic::{Diagnostics, Severity};
use crate::frontend::check_tests;
use crate::mutate::run::misnamed;
use crate::report;
use crate::site::Known;
use crate::source::Source;
use crate::target::{Options, Target};
use crate::template::Templates;

/// Runs the command.
pub(super) fn run(arguments: &CheckArguments) -> Outcome {
    let workspace = Workspace::open(&arguments.common, &arguments.paths)?;
    let mut items = workspace.problems.clone();
    let templates = workspace::templates(&arguments.common)?.map_err(|problems| items.extend(problems)).ok();
    for (source, file) in workspace.log_sources().read_all() {
        items.push((source.clone(), file.diagnostics.clone().sorted()));
    }
    let mut specs = workspace.specs(&arguments.paths)?;
    // they are all checked in any case
    specs.retain(|path| !workspace.is_log_source(path));
    let (mut detections, mut count) = (Vec::new(), 0);
    for path in &specs {
        let Understood { source, documents } = workspace.understand(path);
        let mut problems = Diagnostics::new();
        count += documents.iter().filter(|document| document.detection.is_some() || document.is_lost()).count();
        for document in documents {
            if workspace.has_site() {
                detections.extend(document.detection.as_ref().map(Known::of));
            }
            let is_base = document.is_base;
            let (detection, diagnostics) = document.strict();
            problems.extend(diagnostics);
            let Some(detection) = detection else { continue };
            workspace.id_problem(&detection, path).into_iter().for_each(|problem| problems.push(problem));
            // nothing is built from a rule that is only counted, and no alert is raised
            if !is_base {
                spec(&workspace, templates.as_ref(), &source, &detection, &mut problems);
            }
        }
        if !problems.is_empty() {
            items.push((source, problems.sorted()));
        }
    }
    // a spec that is not understood may have any title
    let all = workspace.is_everything(&arguments.paths) && detections.len() == count;
    items.extend(workspace.check_site(&detections, all));
    items.retain(|(_, problems)| !problems.is_empty());
    print(arguments, &workspace, &items, count)?;
    let worst = items.iter().flat_map(|(_, problems)| problems).map(|problem| problem.severity).min();
    workspace.finish(match worst {
        Some(Severity::Error) => false,
        Some(Severity::Warning) => !arguments.strict,
        Some(Severity::Note) | None => true,
    })
}

/// What is to be said about a spec that has no errors of its own.
fn spec(workspace: &Workspace, templates: Option<&Templates>, source: &Source, detection: &Detection, diagnostics: &mut Diagnostics) {
    check_tests(detection, diagnostics);
    if !workspace.has_site() {
        // a site may change the numbers and lists that the names of mutants hold
        misnamed(source, detection).into_iter().for_each(|problem| diagnostics.push(problem));
    }
    let acceptance = Acceptance { all: false, codes: workspace.accepted(detection) };
    let options = Options { limit: workspace.limit(), unmapped: workspace.keeps_unmapped(), ..Options::default() };
    for (target, templates) in Target::ALL.into_iter().filter_map(|target| Some((target, templates?))) {
        let (built, warnings) = build(detection, target, templates, &options, &acceptance);
        let refusals = match built {
            Built::Built(_) | Built::Skipped(_) => Vec::new(),
            Built::Refused(problems) | Built::NotAccepted(_, problems) => problems,
        };
        let refusals = refusals.into_iter().map(|problem| place_at_title(problem, detection));
        warnings.into_iter().chain(refusals).for_each(|problem| diagnostics.push(problem));
    }
}

fn print(arguments: &CheckArguments, workspace: &Workspace, items: &Problems, count: usize) -> anyhow::Result<()> {
    let format = match arguments.format {
        Format::Text => {
            super::report_errors(items);
            let verdict = report::summary(items);
            let verdict = if verdict.is_empty() { "no problems" } else { &verdict };
            return files::print(&format!("{} checked: {verdict}\n", files::counted(count, "spec")));
        }
        Format::Json => return files::print(&report::json(items)),
        Format::Sarif => report::Format::Sarif,
        Format::Github => report::Format::Github,
    };
    // both want paths from the top of the repository
    let mut items = items.clone();
    if let Some(prefix) = workspace.below_repository() {
        for (source, _) in items.iter_mut().filter(|(source, _)| !source.path.starts_with(['/', '-'])) {
            source.path = format!("{prefix}/{}", source.path);
        }
    }
    files::print(&format.write(&items, false))
}
