//! `cognate test`: the tests that stand in the specs, run by the reference evaluator.

use super::workspace::Workspace;
use super::{Outcome, TestArguments, TestFormat, files};
use crate::diagnostic::Severity;
use crate::testing::{self, report};

/// Runs the command.
pub(super) fn run(arguments: &TestArguments) -> Outcome {
    let workspace = Workspace::open(&arguments.common, &arguments.paths)?;
    if super::cannot_begin(&workspace) {
        return Ok(false);
    }
    let (mut specs, mut broken) = (Vec::new(), 0);
    for path in workspace.specs(&arguments.paths)? {
        let (source, detection, mut problems) = workspace.understand(&path).lenient();
        problems.retain(|problem| problem.severity == Severity::Error);
        match detection {
            Some(detection) => {
                let title = detection.metadata.title.value.clone();
                specs.push(report::SpecResults { path: source.path.clone(), title, results: testing::run(&detection) });
            }
            None => broken += 1,
        }
        super::report_errors(&[(source, problems)]);
    }
    let (_, failed) = report::totals(&specs);
    let text = match arguments.format {
        TestFormat::Text => report::text(&specs),
        TestFormat::Json => format!("{:#}\n", report::json(&specs)),
        TestFormat::Junit => report::junit(&specs),
    };
    files::print(&text)?;
    if broken > 0 {
        files::print_error(&format!("not tested because of errors: {}\n", files::counted(broken, "spec")));
    }
    workspace.finish(broken == 0 && failed == 0)
}
