//! The queries of a spec with how far each can be trusted, or why there is none.

use super::markdown::{fence, paragraphs, points, prose};
use super::words::language;
use crate::build::Outcome;
use crate::diagnostic::Diagnostic;
use crate::target::{Deviation, Fidelity, Target};

/// The part of a page with the queries.
pub fn part(outcomes: &[(Target, Outcome)]) -> String {
    outcomes.iter().map(|(target, outcome)| query(*target, outcome)).collect::<Vec<_>>().join("\n\n")
}

fn query(target: Target, outcome: &Outcome) -> String {
    let title = target.title();
    match outcome {
        Outcome::Built(artefact) => {
            let notes = notes(&artefact.fidelity);
            let notes = if notes.is_empty() { notes } else { format!("{notes}\n\n") };
            format!("### {title}: {}\n\n{notes}{}", artefact.fidelity.mark(), fence(language(target), &artefact.text))
        }
        Outcome::NotAccepted(artefact, problems) => {
            format!("### {title}: not accepted\n\nNobody has accepted that it is {}:\n\n{}", artefact.fidelity.mark(), reasons(problems))
        }
        Outcome::Skipped(reason) => format!("### {title}: skipped\n\n{}", paragraphs(reason)),
        Outcome::Refused(problems) => format!("### {title}: refused\n\n{}", reasons(problems)),
    }
}

/// What is approximate and has been accepted, and what is assumed.
fn notes(fidelity: &Fidelity) -> String {
    let note = |word: &str, deviation: &Deviation| format!("{word} {}: {}", deviation.code, prose(&deviation.message));
    let accepted = fidelity.approximations.iter().map(|deviation| note("Accepted", deviation));
    points(accepted.chain(fidelity.assumptions.iter().map(|deviation| note("Assumed", deviation))))
}

fn reasons(problems: &[Diagnostic]) -> String {
    let help = |problem: &Diagnostic| problem.help.as_ref().map(|help| format!("; {}", prose(help))).unwrap_or_default();
    points(problems.iter().map(|problem| format!("{}: {}{}", problem.code, prose(&problem.message), help(problem))))
}
