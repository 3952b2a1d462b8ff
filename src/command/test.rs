//! `cognate test`: the tests that stand in the specs, run by the reference evaluator.

use super::workspace::{Understood, Workspace};
use super::{Outcome, TestArguments, TestFormat, files};
use crate::diagnostic::Severity;
use crate::testing::{self, report};

/// Runs the command.
pub(super) fn run(arguments: &TestArguments) -> Outcome {
    let workspace = Workspace::open(&arguments.common)?;
    let mut good = !super::report_site(&workspace);
    let mut specs = Vec::new();
    for path in files::specs(&workspace.paths(&arguments.paths)?)? {
        let Understood { source, detection, diagnostics } = workspace.understand(&path)?;
        let Some(detection) = detection else {
            good = false;
            let errors = diagnostics.sorted().into_iter().filter(|problem| problem.severity == Severity::Error).collect();
            super::report_errors(&[(source, errors)]);
            continue;
        };
        let title = detection.metadata.title.value.clone();
        specs.push(report::SpecResults { path: source.path, title, results: testing::run(&detection) });
    }
    let (_, failed) = report::totals(&specs);
    let text = match arguments.format {
        TestFormat::Text => report::text(&specs),
        TestFormat::Json => format!("{:#}\n", report::json(&specs)),
        TestFormat::Junit => report::junit(&specs),
    };
    files::print(&text)?;
    Ok(good && failed == 0)
}
