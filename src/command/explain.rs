//! `cognate explain`: a diagnostic's page, or a spec's stages, predicates, indicators and fidelity.

use super::workspace::{self, Workspace};
use super::{ExplainArguments, Outcome, files};
use crate::build::{Acceptance, build};
use crate::diagnostic::{ALL_CODES, did_you_mean};
use crate::explain::{Indicators, explain};
use crate::pages;
use crate::target::{Options, Target};
use anyhow::bail;
use std::path::Path;

/// Runs the command.
pub(super) fn run(arguments: &ExplainArguments) -> Outcome {
    let subject = &arguments.subject;
    if let Some(page) = pages::page(subject) {
        files::print(page)?;
        return Ok(true);
    }
    let path = Path::new(subject);
    if !path.exists() {
        let known = ALL_CODES.iter().map(|(code, _)| code.0);
        let help = did_you_mean(&subject.to_uppercase(), known).map(|help| format!("; {help}")).unwrap_or_default();
        bail!("`{subject}` is neither a file nor a diagnostic code{help}");
    }
    let workspace = Workspace::open(&arguments.common)?;
    let templates = match workspace::templates(&arguments.common)? {
        Ok(templates) => templates,
        Err(problems) => {
            super::report_errors(&problems);
            return Ok(false);
        }
    };
    let mut indicators = Indicators::default();
    for other in files::specs(&workspace.detections().into_iter().collect::<Vec<_>>())? {
        if let Some(detection) = workspace.understand(&other)?.detection {
            indicators.add(&files::shown(&other), &detection);
        }
    }
    let mut good = true;
    for path in files::specs(&[path.to_path_buf()])? {
        let understood = workspace.understand(&path)?;
        super::report_errors(&[(understood.source, understood.diagnostics.sorted())]);
        let Some(detection) = understood.detection else {
            good = false;
            continue;
        };
        let acceptance = Acceptance { all: false, codes: workspace.accepted(&detection) };
        let outcomes: Vec<_> = Target::ALL
            .into_iter()
            .map(|target| (target, build(&detection, target, &templates, &Options::default(), &acceptance).0))
            .collect();
        files::print(&explain(&files::shown(&path), &detection, &indicators, &outcomes))?;
    }
    Ok(good)
}
