//! Text of a file → its documents, each with its [`Detection`]: reads the YAML, the specs, gives them their meaning. The one
//! function that every command begins with.

use crate::attack;
use crate::detection::Detection;
use crate::detection::Expectation;
use crate::diagnostic::{Diagnostic, Diagnostics, E0007, W0301};
use crate::documents::{self, Part};
use crate::letter_case::identifier;
use crate::lower::{Surroundings, check_filter, lower};
use crate::rules::{Rule, Rules};
use crate::source::{Source, Span};
use crate::spec::{self, Spec};
use crate::yaml::{self, Value};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// The longest name of a document, in bytes.
const LONGEST_NAME: usize = 100;

/// What became of one document of a file.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its `name`, or its title in lower case: unlike that of every other document of the file.
    pub name: String,
    /// Its detection, if it can be used.
    pub detection: Option<Detection>,
    /// Its problems. Without a detection there is at least one error, or it is a filter.
    pub diagnostics: Diagnostics,
    /// Whether it is a filter, or only says what a correlation counts: nothing is built from it, and it raises no alerts.
    pub is_base: bool,
    /// Where it stands: from its beginning to that of the next document.
    pub region: Span,
}

impl Document {
    /// A file that cannot be read.
    pub fn unreadable(diagnostics: Diagnostics) -> Document {
        Document { name: String::new(), detection: None, diagnostics, is_base: false, region: Span::default() }
    }

    /// Whether it has errors that leave nothing of it.
    pub fn is_lost(&self) -> bool {
        self.detection.is_none() && self.diagnostics.has_errors()
    }

    /// Strictly: with any error, there is no detection.
    pub fn strict(self) -> (Option<Detection>, Diagnostics) {
        (self.detection.filter(|_| !self.diagnostics.has_errors()), self.diagnostics)
    }

    /// For use: errors that leave a detection (those of ATT&CK tags) are warnings.
    pub fn lenient(self) -> (Option<Detection>, Diagnostics) {
        match self.detection {
            Some(detection) => (Some(detection), self.diagnostics.without_errors()),
            None => (None, self.diagnostics),
        }
    }
}

/// Reads a file: one document or several. A file whose YAML cannot be read is one document without a name.
pub fn understand(source: &Source, surroundings: &dyn Surroundings) -> Vec<Document> {
    let mut diagnostics = Diagnostics::new();
    let nodes = yaml::read(&source.text, &mut diagnostics);
    let parts = documents::parts(nodes, &mut diagnostics);
    let problems: Vec<Diagnostics> = parts.iter().map(|part| diagnostics.take_inside(part.region)).collect();
    if parts.is_empty() && diagnostics.is_empty() {
        diagnostics.push(Diagnostic::error(E0007, Span::default(), "the file is empty"));
    }
    if diagnostics.has_errors() {
        problems.into_iter().for_each(|more| diagnostics.extend(more));
        return vec![Document::unreadable(diagnostics)];
    }
    let read = |(part, mut diagnostics): (&Part<'_>, Diagnostics)| {
        let spec = if diagnostics.has_errors() { None } else { spec::read(source, &part.node, &mut diagnostics).map(Arc::new) };
        (Rule { path: source.path.clone(), names: references(part), spec }, diagnostics)
    };
    let (rules, problems): (Vec<Rule>, Vec<Diagnostics>) = parts.iter().zip(problems).map(read).unzip();
    let index = Rules::new(rules.iter().cloned());
    let each = rules.iter().zip(problems).zip(names(&parts)).zip(&parts);
    let understood = |(((rule, problems), name), part): (((&Rule, Diagnostics), String), &Part<'_>)| {
        let document = match &rule.spec {
            Some(spec) if spec.filter.is_some() => filter(source, name, spec, &index, problems, surroundings),
            Some(_) | None => Some(document(source, name, rule, &index, problems, surroundings)),
        };
        document.map(|document| Document { region: part.region, ..document })
    };
    each.filter_map(understood).collect()
}

/// A filter has no detection: it is a document only if it is wrong.
fn filter(
    source: &Source,
    name: String,
    spec: &Spec,
    rules: &Rules,
    mut diagnostics: Diagnostics,
    surroundings: &dyn Surroundings,
) -> Option<Document> {
    check_filter(source, spec, rules, surroundings, &mut diagnostics);
    (!diagnostics.is_empty()).then_some(Document { name, detection: None, diagnostics, is_base: true, region: Span::default() })
}

/// The rules of a file, so that correlations of other files can name them. What is wrong in them is reported where they are
/// understood.
pub fn rules(source: &Source) -> Vec<Rule> {
    read_rules(source, |_| true)
}

/// The names of the rules of a file, and what its correlations and filters say.
pub fn outline(source: &Source) -> Vec<Rule> {
    read_rules(source, |part| ["correlation", "filter"].iter().any(|key| part.node.get(key).is_some()))
}

fn read_rules(source: &Source, is_read: impl Fn(&Part<'_>) -> bool) -> Vec<Rule> {
    let mut diagnostics = Diagnostics::new();
    let parts = documents::parts(yaml::read(&source.text, &mut diagnostics), &mut diagnostics);
    let spec = |part: &Part<'_>| {
        let mut own = diagnostics.clone().take_inside(part.region);
        spec::read(source, &part.node, &mut own).filter(|_| !own.has_errors())
    };
    let rule = |part: &Part<'_>| {
        let spec = if is_read(part) { spec(part).map(Arc::new) } else { None };
        Rule { path: source.path.clone(), names: references(part), spec }
    };
    parts.iter().map(rule).collect()
}

/// By what a correlation can name a document.
fn references(part: &Part<'_>) -> Vec<String> {
    let text = |key: &str| part.node.get(key).and_then(|node| node.text()).map(str::to_owned);
    [text("id"), text("name")].into_iter().flatten().filter(|name| !name.is_empty()).collect()
}

/// Reads a file that holds one spec: its detection (of several the first that can be used), and all problems.
pub fn understand_spec(source: &Source, surroundings: &dyn Surroundings) -> (Option<Detection>, Diagnostics) {
    let (mut first, mut diagnostics) = (None, Diagnostics::new());
    for document in understand(source, surroundings) {
        first = first.or(document.detection);
        diagnostics.extend(document.diagnostics);
    }
    (first, diagnostics)
}

/// Errors of ATT&CK tags (`E05…`) leave a detection: what it means does not depend on them.
fn document(
    source: &Source,
    name: String,
    rule: &Rule,
    rules: &Rules,
    mut diagnostics: Diagnostics,
    surroundings: &dyn Surroundings,
) -> Document {
    let mut attack = Diagnostics::new();
    let detection = rule.spec.as_deref().and_then(|spec| {
        check_attack(spec, &mut attack);
        lower(source, spec, rules, surroundings, &mut diagnostics)
    });
    let detection = detection.filter(|_| !diagnostics.has_errors());
    diagnostics.extend(attack);
    let is_base = [Some(rules), surroundings.rules()].into_iter().flatten().any(|rules| rules.is_base(&rule.names));
    Document { name, detection, diagnostics, is_base, region: Span::default() }
}

/// The names of documents: made unlike each other by `_2`, `_3` in order.
fn names(parts: &[Part<'_>]) -> Vec<String> {
    let (mut taken, mut numbers) = (FxHashSet::default(), FxHashMap::<String, usize>::default());
    let mut unique = |name: String| {
        let number = numbers.entry(name.clone()).or_insert(0);
        loop {
            *number += 1;
            let candidate = if *number == 1 { name.clone() } else { format!("{name}_{number}") };
            if taken.insert(candidate.clone()) {
                return candidate;
            }
        }
    };
    parts.iter().map(|part| unique(written_name(part))).collect()
}

fn written_name(part: &Part<'_>) -> String {
    let text = |key: &str| part.node.get(key).and_then(|node| node.text()).map(identifier).filter(|name| !name.is_empty());
    let name = text("name").or_else(|| text("title")).unwrap_or_else(|| "rule".to_owned());
    name[..name.len().min(LONGEST_NAME)].trim_end_matches('_').to_owned()
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
