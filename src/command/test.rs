//! `cognate test`: the tests that stand in the specs, run by the reference evaluator; with `--mutate`, how much they notice.

use super::workspace::{Workspace, lenient};
use super::{Outcome, TestArguments, TestFormat, files};
use crate::diagnostic::Severity;
use crate::mutate::report::SpecMutants;
use crate::mutate::{self, run};
use crate::testing::{self, report};
use anyhow::bail;

/// Runs the command.
pub(super) fn run(arguments: &TestArguments) -> Outcome {
    if arguments.mutate && arguments.format == TestFormat::Junit {
        bail!("`--mutate` has no form in JUnit XML: use `--format text` or `--format json`");
    }
    let workspace = Workspace::open(&arguments.common, &arguments.paths)?;
    if super::cannot_begin(&workspace) {
        return Ok(false);
    }
    let (mut tested, mut mutated, mut broken) = (Vec::new(), Vec::new(), 0);
    for path in workspace.specs(&arguments.paths)? {
        let (source, documents, bases) = workspace.understand(&path).split();
        broken += documents.iter().chain(&bases).filter(|document| document.is_lost()).count();
        let (mut detections, mut problems) = lenient(documents);
        let (counted, more) = lenient(bases);
        problems.extend(more);
        detections.extend(counted.into_iter().filter(|detection| !detection.tests.is_empty()));
        problems.retain(|problem| problem.severity == Severity::Error);
        for detection in detections {
            if arguments.mutate {
                let verdict = run::judge(&source, &detection);
                problems.extend(verdict.unneeded().iter().cloned());
                mutated.push(SpecMutants { source: source.clone(), title: detection.metadata.title.value, verdict });
            } else {
                let results = testing::run(&detection);
                tested.push(report::SpecResults { path: source.path.clone(), title: detection.metadata.title.value, results });
            }
        }
        super::report_errors(&[(source, problems)]);
    }
    files::print(&if arguments.mutate { mutants_text(arguments.format, &mutated) } else { results_text(arguments.format, &tested) })?;
    if broken > 0 {
        files::print_error(&format!("not tested because of errors: {}\n", files::counted(broken, "spec")));
    }
    let (_, failed) = report::totals(&tested);
    workspace.finish(broken == 0 && failed == 0 && mutated.iter().all(SpecMutants::is_good))
}

fn results_text(format: TestFormat, specs: &[report::SpecResults]) -> String {
    match format {
        TestFormat::Text => report::text(specs),
        TestFormat::Json => format!("{:#}\n", report::json(specs)),
        TestFormat::Junit => report::junit(specs),
    }
}

fn mutants_text(format: TestFormat, specs: &[SpecMutants]) -> String {
    match format {
        TestFormat::Text | TestFormat::Junit => mutate::report::text(specs),
        TestFormat::Json => format!("{:#}\n", mutate::report::json(specs)),
    }
}
