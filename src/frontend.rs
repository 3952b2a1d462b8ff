//! Text of a spec → [`Detection`]: reads the YAML, the spec, gives it its meaning. The one function that every command
//! begins with.

use crate::attack;
use crate::detection::Detection;
use crate::detection::Expectation;
use crate::diagnostic::{Diagnostic, Diagnostics, E0007, E0110, Severity, W0301};
use crate::lower::{Surroundings, lower};
use crate::source::{Source, Span};
use crate::spec::{self, Spec};
use crate::yaml::{self, Value};

/// Reads a spec. Without a detection there is at least one error. Errors of ATT&CK tags (`E05…`) leave a detection:
/// what it means does not depend on them.
pub fn understand(source: &Source, surroundings: &dyn Surroundings) -> (Option<Detection>, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let documents = yaml::read(&source.text, &mut diagnostics);
    if diagnostics.has_errors() {
        return (None, diagnostics);
    }
    let [document, rest @ ..] = documents.as_slice() else {
        diagnostics.push(Diagnostic::error(E0007, Span::default(), "the file is empty"));
        return (None, diagnostics);
    };
    if let Some(second) = rest.first() {
        let message = "a second document in one file is not supported yet";
        diagnostics.push(Diagnostic::error(E0110, second.span, message).help("put each rule into a file of its own"));
    }
    let mut attack = Diagnostics::new();
    let detection = spec::read(source, document, &mut diagnostics).and_then(|spec| {
        check_attack(&spec, &mut attack);
        lower(source, spec, surroundings, &mut diagnostics)
    });
    diagnostics.extend(attack);
    let stops = |problem: &Diagnostic| problem.severity == Severity::Error && !problem.code.0.starts_with("E05");
    (detection.filter(|_| !diagnostics.iter().any(stops)), diagnostics)
}

/// Checks tags and the techniques and Atomic Red Team tests that the spec's tests name.
fn check_attack(spec: &Spec, diagnostics: &mut Diagnostics) {
    let tags = &spec.metadata.tags;
    attack::check_tags(tags, diagnostics);
    for test in &spec.tests {
        match (&test.atomic, &test.technique) {
            (Some(atomic), technique) => attack::check_atomic(atomic, technique.as_ref(), tags, diagnostics),
            (None, Some(technique)) => attack::check_technique(technique, diagnostics),
            (None, None) => {}
        }
    }
}

/// Warns if a detection has no test that fires or none that stays silent.
pub fn check_tests(detection: &Detection, diagnostics: &mut Diagnostics) {
    let fires = |expect: &Expectation| match expect {
        Expectation::Count(count) => *count > 0,
        Expectation::Alerts(alerts) => !alerts.is_empty(),
    };
    let (firing, silent): (Vec<_>, Vec<_>) = detection.tests.iter().partition(|test| fires(&test.expect));
    let missing = match (firing.is_empty(), silent.is_empty()) {
        (false, false) => return,
        (true, true) => "no test that fires and none that stays silent",
        (true, false) => "no test that fires",
        (false, true) => "no test that stays silent",
    };
    let warning = Diagnostic::warning(W0301, detection.metadata.title.span, format!("the spec has {missing}"));
    diagnostics.push(warning.help("add tests with events and `expect: { alerts: … }`"));
}

/// The values of a list file: one a line; blanks around are dropped unless the line is quoted; `#` begins a comment line.
pub fn list_values(text: &str) -> Vec<Value> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let quoted = |line: &str, quote: char| line.len() > 1 && line.starts_with(quote) && line.ends_with(quote);
    lines
        .map(|line| {
            let inner = if quoted(line, '\'') || quoted(line, '"') { &line[1..line.len() - 1] } else { line };
            Value::Text(inner.to_owned())
        })
        .collect()
}
