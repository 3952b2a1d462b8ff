//! `cognate explain`: a diagnostic's page, or a spec's stages, predicates, indicators and fidelity.

use super::workspace::{Understood, Workspace, lenient};
use super::{ExplainArguments, Outcome, files};
use crate::build::{Acceptance, build};
use crate::diagnostic::{ALL_CODES, did_you_mean};
use crate::explain::{Indicators, explain};
use crate::pages;
use crate::target::{Options, Target};
use anyhow::bail;
use std::path::PathBuf;

/// Runs the command.
pub(super) fn run(arguments: &ExplainArguments) -> Outcome {
    let subject = &arguments.subject;
    if let Some(page) = pages::page(subject) {
        files::print(page)?;
        return Ok(true);
    }
    let path = PathBuf::from(subject);
    if !files::is_standard_input(&path) && !path.exists() {
        let known = ALL_CODES.iter().map(|(code, _)| code.0);
        let help = did_you_mean(&subject.to_uppercase(), known).unwrap_or_else(|| "codes are such as E0203, W0201, A003".to_owned());
        bail!("`{subject}` is neither a file nor a diagnostic code; {help}");
    }
    let paths = [path];
    let workspace = Workspace::open(&arguments.common, &paths)?;
    let Some(templates) = super::templates(&arguments.common, &workspace)? else { return Ok(false) };
    let indicators = indicators(&workspace)?;
    let mut good = true;
    for path in workspace.specs(&paths)? {
        let Understood { source, documents } = workspace.understand(&path);
        let shown = source.path.clone();
        let (detections, problems) = lenient(documents);
        good &= !super::has_errors(&problems);
        super::report_errors(&[(source, problems)]);
        for detection in detections {
            let acceptance = Acceptance { all: false, codes: workspace.accepted(&detection) };
            let options = Options { limit: workspace.limit(), unmapped: workspace.keeps_unmapped(), ..Options::default() };
            let outcomes: Vec<_> =
                Target::ALL.into_iter().map(|target| (target, build(&detection, target, &templates, &options, &acceptance).0)).collect();
            files::print(&explain(&shown, &detection, &indicators, &outcomes))?;
        }
    }
    workspace.finish(good)
}

/// What the specs of the project look for.
pub(super) fn indicators(workspace: &Workspace) -> anyhow::Result<Indicators> {
    let mut indicators = Indicators::default();
    for path in files::specs(&workspace.detections().into_iter().collect::<Vec<_>>())? {
        let understood = workspace.understand(&path);
        understood.detections().for_each(|detection| indicators.add(&understood.source.path, detection));
    }
    Ok(indicators)
}
