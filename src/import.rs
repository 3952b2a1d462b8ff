//! Sigma rules on their way into a project. The text of a rule file and what a build asks to be stated about its documents
//! go in; the same text with these statements comes out, and nothing else of it changes. Also the texts of the files that
//! an import begins: descriptions of log sources, and lists.

mod insert;
mod starter;

pub use insert::insert;
pub use starter::{LogSourceStarter, list_text};

use crate::build::Outcome;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::documents;
use crate::lower::item::placeholder;
use crate::source::{Source, Span};
use crate::spec::{self, Body, Spec};
use crate::target::{Deviation, Target, comment_text};
use crate::yaml::{self, Value};
use std::collections::BTreeSet;

/// How many reasons of one target are written out.
const REASONS: usize = 3;

/// What is to be stated in one document of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statement {
    /// The document's place, as in [`crate::frontend::Document`].
    pub region: Span,
    /// What a build asks for, target by target.
    pub targets: Vec<(Target, Said)>,
    /// Lists that stand in files of their own.
    pub lists: Vec<String>,
}

/// What is said of a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// These approximations are accepted: code and sentence.
    Accepted(Vec<(&'static str, String)>),
    /// It is not built, and why.
    Skipped(String),
}

impl Said {
    /// What must be said so that an outcome lets a build succeed.
    pub fn of(outcome: &Outcome, accepted: &[String]) -> Option<Said> {
        match outcome {
            Outcome::Built(_) | Outcome::Skipped(_) => None,
            Outcome::Refused(problems) => Some(Said::Skipped(reason(problems))),
            Outcome::NotAccepted(artefact, _) => {
                let open = |deviation: &&Deviation| !accepted.iter().any(|code| code == deviation.code.0);
                let of = |deviation: &Deviation| (deviation.code.0, deviation.message.clone());
                Some(Said::Accepted(artefact.fidelity.approximations.iter().filter(open).map(of).collect()))
            }
        }
    }

    /// As the value of the target's key, and a comment beside it.
    fn text(&self) -> (String, Option<String>) {
        match self {
            Said::Skipped(reason) => (format!("{{ skip: {} }}", quoted(reason)), None),
            Said::Accepted(deviations) => {
                let codes: BTreeSet<&str> = deviations.iter().map(|(code, _)| *code).collect();
                let codes: Vec<&str> = codes.into_iter().collect();
                let remarks: Vec<String> = deviations.iter().map(|(code, message)| format!("{code}: {message}")).collect();
                (format!("{{ accept: [{}] }}", codes.join(", ")), Some(comment_text(&few(&remarks))))
            }
        }
    }
}

/// Why a target cannot be built, each reason once and with its code.
fn reason(problems: &[Diagnostic]) -> String {
    let mut reasons: Vec<String> = Vec::new();
    for problem in problems {
        let reason = format!("{}: {}", problem.code, problem.message);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    few(&reasons)
}

fn few(reasons: &[String]) -> String {
    let rest = reasons.len().saturating_sub(REASONS);
    let shown = reasons[..reasons.len() - rest].join("; ");
    if rest == 0 { shown } else { format!("{shown}; and {rest} more") }
}

/// A text in single quotes, on one line.
fn quoted(text: &str) -> String {
    format!("'{}'", comment_text(text).replace('\'', "''"))
}

/// Whether a YAML file is meant as a rule, a correlation or a filter. A file that is no YAML is meant as one if a line of it
/// begins as one.
pub fn is_rule(text: &str) -> bool {
    const KEYS: [&str; 4] = ["detection", "logsource", "correlation", "filter"];
    let mut diagnostics = Diagnostics::new();
    let documents = yaml::read(text, &mut diagnostics);
    if documents.is_empty() && diagnostics.has_errors() {
        return text.lines().any(|line| line.split_once(':').is_some_and(|(key, _)| KEYS.contains(&key) || key == "title"));
    }
    documents.iter().any(|document| KEYS.iter().any(|key| document.get(key).is_some()))
}

/// The placeholders of a file's documents for which they have no list: one statement for each document that lacks some, and
/// the keys of the items that use each.
pub fn missing_lists(source: &Source) -> (Vec<Statement>, BTreeSet<(String, String)>) {
    let (mut statements, mut uses) = (Vec::new(), BTreeSet::new());
    let mut diagnostics = Diagnostics::new();
    for part in documents::parts(yaml::read(&source.text, &mut diagnostics), &mut diagnostics).own {
        let Some(spec) = spec::read(source, &part.node, &mut diagnostics) else { continue };
        let mut found = BTreeSet::new();
        for (_, body) in &spec.detection.selections {
            placeholders(&spec, body, &mut found);
        }
        let lists: BTreeSet<String> = found.iter().map(|(list, _)| list.clone()).collect();
        uses.extend(found);
        if !lists.is_empty() {
            statements.push(Statement { region: part.region, lists: lists.into_iter().collect(), ..Statement::default() });
        }
    }
    (statements, uses)
}

fn placeholders(spec: &Spec, body: &Body, found: &mut BTreeSet<(String, String)>) {
    let items = match body {
        Body::Alternatives(bodies) => return bodies.iter().for_each(|body| placeholders(spec, body, found)),
        Body::Items(items) => items,
    };
    for item in items {
        let expands = item.modifiers.iter().any(|modifier| modifier.value == crate::detection::Modifier::Expand);
        for value in item.values.iter().filter(|_| expands) {
            let Value::Text(text) = &value.value else { continue };
            let mut rest = text.as_str();
            while let Some((_, name, after)) = placeholder(rest) {
                if !spec.lists.iter().any(|(list, _)| list.value == name) {
                    found.insert((name.to_owned(), item.field.clone()));
                }
                rest = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_from_other_yaml() {
        assert!(is_rule("title: T\ndetection:\n  a: { b: c }\n") && is_rule("correlation: {}"));
        assert!(is_rule("action: global\n---\ntitle: T\ndetection: {}\n"));
        assert!(is_rule("title: T\ndetection: [\n"), "broken, but meant as one");
        assert!(!is_rule("on: push\njobs: {}\n") && !is_rule("") && !is_rule("a: [\n") && !is_rule("- detection\n"));
    }

    #[test]
    fn reasons_are_few_and_each_is_said_once() {
        let problem = |message: &str| Diagnostic::error(crate::diagnostic::E0403, Span::default(), message);
        assert_eq!(reason(&[problem("a"), problem("a"), problem("b")]), "E0403: a; E0403: b");
        assert_eq!(few(&["a", "b", "c", "d", "e"].map(str::to_owned)), "a; b; c; and 2 more");
        assert_eq!(quoted("it's\ntwo `lines`"), "'it''s two ''lines'''");
    }

    #[test]
    fn placeholders_without_a_list_are_found() {
        let rule = "title: T\nlogsource: { product: a }\nlists: { known: [x] }\ndetection:\n  \
                    s:\n    - a|expand: ['%known%', '%new%', 'x%new%y%other%']\n    - b: '%literal%'\n  condition: s\n";
        let (statements, uses) = missing_lists(&Source::new("r.yml", rule));
        assert_eq!(statements.len(), 1);
        assert_eq!(statements[0].lists, ["new", "other"]);
        let uses: Vec<(&str, &str)> = uses.iter().map(|(list, field)| (list.as_str(), field.as_str())).collect();
        assert_eq!(uses, [("new", "a"), ("other", "a")]);
    }
}
