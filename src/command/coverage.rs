//! `cognate coverage`: which ATT&CK techniques the specs cover, and which of a list they do not.

use super::workspace::{Workspace, lenient};
use super::{CoverageArguments, CoverageFormat, Outcome, files};
use crate::build::{Acceptance, Outcome as Built, build};
use crate::coverage::{Covering, Gap, coverage, gaps, layer, table};
use crate::detection::Detection;
use crate::diagnostic::Severity;
use crate::target::{Options, Target};
use anyhow::{Context, bail};
use serde_json::json;
use std::fmt::Write;

/// Runs the command.
pub(super) fn run(arguments: &CoverageArguments) -> Outcome {
    let workspace = Workspace::open(&arguments.common, &arguments.paths)?;
    let Some(templates) = super::templates(&arguments.common, &workspace)? else { return Ok(false) };
    let mut specs: Vec<(String, Detection, Vec<Target>)> = Vec::new();
    let mut good = true;
    for path in workspace.specs(&workspace.paths(&arguments.paths)?)? {
        let name = workspace.name_of(&path, &arguments.paths);
        let (source, documents, bases) = workspace.understand(&path).split();
        let (detections, mut problems) = lenient(documents.into_iter().chain(bases).collect());
        problems.retain(|problem| problem.severity == Severity::Error);
        good &= problems.is_empty();
        super::report_errors(&[(source, problems)]);
        for detection in detections {
            let options = Options { limit: workspace.limit(), unmapped: workspace.keeps_unmapped(), ..Options::default() };
            let acceptance = Acceptance { all: false, codes: workspace.accepted(&detection) };
            let is_built = |target: &Target| matches!(build(&detection, *target, &templates, &options, &acceptance).0, Built::Built(_));
            let targets = Target::ALL.into_iter().filter(is_built).collect();
            specs.push((name.clone(), detection, targets));
        }
    }
    let covered = coverage(specs.iter().map(|(name, detection, targets)| Covering { name, detection, targets }));
    let missing = arguments.against.as_ref().map(|path| {
        let wanted = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", files::shown(path)))?;
        let (gaps, unknown) = gaps(&covered, &wanted);
        match unknown.first() {
            Some(first) => bail!("`{}` names `{first}`, which is no technique of ATT&CK", files::shown(path)),
            None => Ok(gaps),
        }
    });
    let missing = missing.transpose()?;
    files::print(&match arguments.format {
        CoverageFormat::Text => table(&covered) + &missing.map(|gaps| gaps_text(&gaps)).unwrap_or_default(),
        CoverageFormat::Json => format!("{:#}\n", json!({ "techniques": covered, "gaps": missing })),
        CoverageFormat::Navigator => format!("{:#}\n", layer(&workspace.packaging().name, &covered)),
    })?;
    workspace.finish(good)
}

fn gaps_text(gaps: &[Gap]) -> String {
    if gaps.is_empty() {
        return "\nevery technique of the list is covered\n".to_owned();
    }
    let mut text = "\nnot covered:\n".to_owned();
    for gap in gaps {
        let parts = if gap.covered_in_part.is_empty() { String::new() } else { format!(" (in part: {})", gap.covered_in_part.join(", ")) };
        let _ = writeln!(text, "{} {}{parts}", gap.id, gap.name);
    }
    text
}
