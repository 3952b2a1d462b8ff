//! One detection × one target → what becomes of it: built, skipped, refused, or not accepted.

use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, E0402, W0401};
use crate::source::Span;
use crate::target::{Artefact, Options, Target, compile};
use crate::template::Templates;

/// What became of a detection on a target.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// An artefact; its approximations have been accepted.
    Built(Artefact),
    /// The spec or its log source says that it is not to be built, and why.
    Skipped(String),
    /// The target cannot say it.
    Refused(Vec<Diagnostic>),
    /// The target deviates and nobody has accepted that.
    NotAccepted(Artefact, Vec<Diagnostic>),
}

/// Which approximations are accepted beside those that the spec names.
#[derive(Debug, Clone, Default)]
pub struct Acceptance {
    /// Accept everything.
    pub all: bool,
    /// Codes of `--accept` and of the site file.
    pub codes: Vec<String>,
}

/// Compiles a detection for a target. The diagnostics are warnings about acceptances that are not needed.
pub fn build(
    detection: &Detection,
    target: Target,
    templates: &Templates,
    options: &Options,
    acceptance: &Acceptance,
) -> (Outcome, Vec<Diagnostic>) {
    let settings = detection.targets.iter().find(|settings| settings.target == target);
    let skipped = || detection.read_log_sources().into_iter().flat_map(|source| &source.skipped);
    let by_log_source = || skipped().find(|(platform, _)| Some(*platform) == target.platform());
    let by_spec = settings.and_then(|settings| settings.skip.as_ref()).map(|reason| &reason.value);
    if let Some(reason) = by_spec.or_else(|| by_log_source().map(|(_, reason)| reason)) {
        return (Outcome::Skipped(reason.clone()), Vec::new());
    }
    let artefact = match compile(detection, target, templates.of(target), options) {
        Ok(artefact) => artefact,
        Err(diagnostics) => return (Outcome::Refused(diagnostics), Vec::new()),
    };
    let by_spec = settings.map(|settings| settings.accept.as_slice()).unwrap_or_default();
    let mut unneeded = Vec::new();
    for code in by_spec {
        if !artefact.fidelity.approximations.iter().any(|deviation| deviation.code.0 == code.value) {
            let message = format!("{} does not deviate by {} here", target.title(), code.value);
            unneeded.push(Diagnostic::warning(W0401, code.span, message).help("remove it from `accept`"));
        }
    }
    let accepted = |code: &str| {
        acceptance.all || acceptance.codes.iter().any(|accepted| accepted == code) || by_spec.iter().any(|accepted| accepted.value == code)
    };
    let open: Vec<Diagnostic> = artefact
        .fidelity
        .approximations
        .iter()
        .filter(|deviation| !accepted(deviation.code.0))
        .map(|deviation| {
            let message = format!("{} deviates ({}): {}", target.title(), deviation.code, deviation.message);
            let help = format!(
                "accept it with `targets: {{ {}: {{ accept: [{}] }} }}`, or skip the target with a reason",
                target.name(),
                deviation.code
            );
            Diagnostic::error(E0402, deviation.span, message).help(help)
        })
        .collect();
    if open.is_empty() { (Outcome::Built(artefact), unneeded) } else { (Outcome::NotAccepted(artefact, open), unneeded) }
}

/// A diagnostic without a place of its own stands at the title.
pub fn place_at_title(diagnostic: Diagnostic, detection: &Detection) -> Diagnostic {
    if diagnostic.span == Span::default() { Diagnostic { span: detection.metadata.title.span, ..diagnostic } } else { diagnostic }
}
