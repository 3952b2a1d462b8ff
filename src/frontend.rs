//! Text of a file → its documents, each with its [`Detection`]: reads the YAML, the specs, gives them their meaning. The one
//! function that every command begins with.

use crate::attack;
use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, Diagnostics, E0007, W0301};
use crate::documents::{self, Part, Parts};
use crate::letter_case::identifier;
use crate::lower::{Surroundings, check_filter, lower};
use crate::rules::{Rule, Rules};
use crate::source::{Source, Span};
use crate::spec::{self, Spec};
use crate::yaml::{self, Node, Value};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// The longest name of a document, in bytes.
const LONGEST_NAME: usize = 100;

/// The keys of documents that refer to others.
const REFERRING: [&str; 2] = ["correlation", "filter"];

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
    /// Its place in the file.
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

/// A document as it is written.
#[derive(Debug)]
struct Written {
    name: String,
    kind: Kind,
    diagnostics: Diagnostics,
    region: Span,
}

#[derive(Debug)]
enum Kind {
    /// A rule, a correlation or a filter.
    Rule(Rule),
    /// A rule that something was merged into that has errors; they are reported there.
    LeftOut(Rule),
    /// It only changes others, or nothing is known of it.
    Other,
}

impl Written {
    /// What others may refer to.
    fn rule(&self) -> Option<&Rule> {
        match &self.kind {
            Kind::Rule(rule) | Kind::LeftOut(rule) => Some(rule),
            Kind::Other => None,
        }
    }
}

/// Reads a file and gives its documents, one or several, their meaning. A file whose YAML cannot be read is one document without
/// a name.
pub fn understand(source: &Source, surroundings: &dyn Surroundings) -> Vec<Document> {
    let documents = written(source);
    let index = Rules::new(documents.iter().filter_map(Written::rule).cloned());
    let understood = |document: Written| {
        let Written { name, kind, diagnostics, region } = document;
        let found = match kind {
            Kind::LeftOut(_) => None,
            Kind::Other if diagnostics.is_empty() => None,
            Kind::Other => Some(Document { name, detection: None, is_base: !diagnostics.has_errors(), diagnostics, region }),
            Kind::Rule(rule) => match &rule.spec {
                Some(spec) if spec.filter.is_some() => filter(source, name, spec, &index, diagnostics, surroundings),
                Some(_) | None => Some(self::document(source, name, &rule, &index, diagnostics, surroundings)),
            },
        };
        found.map(|document| Document { region, ..document })
    };
    documents.into_iter().filter_map(understood).collect()
}

/// Reads the documents of a file.
fn written(source: &Source) -> Vec<Written> {
    let mut diagnostics = Diagnostics::new();
    let nodes = yaml::read(&source.text, &mut diagnostics);
    let Parts { own, others } = documents::parts(nodes, &mut diagnostics);
    let mut problems: Vec<Diagnostics> = own.iter().chain(&others).map(|part| diagnostics.take_inside(part.region)).collect();
    if own.is_empty() && others.is_empty() && diagnostics.is_empty() {
        diagnostics.push(Diagnostic::error(E0007, Span::default(), "the file is empty"));
    }
    if diagnostics.has_errors() {
        problems.into_iter().for_each(|more| diagnostics.extend(more));
        return vec![Written { name: String::new(), kind: Kind::Other, diagnostics, region: Span::default() }];
    }
    let wrong: Vec<Span> =
        own.iter().chain(&others).zip(&problems).filter(|(_, own)| own.has_errors()).map(|(part, _)| part.region).collect();
    let spoiled = |part: &Part<'_>| part.merged.iter().any(|region| wrong.contains(region));
    for (part, problems) in own.iter().chain(&others).zip(&mut problems) {
        if own.iter().any(|other| other.merged.contains(&part.region)) {
            problems.consequence("the documents that this one is merged into are left out");
        }
    }
    let names = names(own.iter().chain(&others));
    let last = own.len();
    let documents = own.iter().chain(&others).zip(problems).zip(names).enumerate();
    let read = |(number, ((part, mut diagnostics), name)): (usize, ((&Part<'_>, Diagnostics), String))| {
        let kind = match number < last {
            false => Kind::Other,
            true if spoiled(part) => Kind::LeftOut(rule(source, part, None)),
            true if diagnostics.has_errors() => Kind::Rule(rule(source, part, None)),
            true => Kind::Rule(rule(source, part, spec::read(source, &part.node, &mut diagnostics))),
        };
        Written { name, kind, diagnostics, region: part.region }
    };
    documents.map(read).collect()
}

fn rule(source: &Source, part: &Part<'_>, spec: Option<Spec>) -> Rule {
    Rule { path: source.path.clone(), names: references(part), counted: counted(part), spec: spec.map(Arc::new) }
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
    let documents = written(source);
    let readable = |document: &Written| {
        let spec = |rule: &Rule| rule.spec.clone().filter(|_| !document.diagnostics.has_errors());
        document.rule().map(|rule| Rule { spec: spec(rule), ..rule.clone() })
    };
    documents.iter().filter_map(readable).collect()
}

/// Whether a correlation or a filter may be in a file, at first sight: a line as far left as the first one of its document
/// begins with such a key, or the document is none of lines with keys.
pub fn may_refer(text: &str) -> bool {
    let mut left = None;
    text.lines().any(|line| {
        let content = line.trim_start();
        if line.starts_with("---") || line.starts_with('%') {
            left = None;
            return REFERRING.iter().any(|key| line.contains(key));
        }
        if content.is_empty() || content.starts_with('#') {
            return false;
        }
        let indent = line.len() - content.len();
        if *left.get_or_insert(indent) != indent {
            return false;
        }
        // `- ` is an element of the list that a key before holds
        let is_plain = content.starts_with(|c: char| c.is_ascii_alphabetic() || c == '-');
        !is_plain || REFERRING.iter().any(|key| content.starts_with(key))
    })
}

/// The names of the rules of a file, and what its correlations and filters say.
pub fn outline(source: &Source) -> Vec<Rule> {
    let is_said = |spec: &Arc<Spec>| spec.correlation.is_some() || spec.filter.is_some();
    rules(source).into_iter().map(|rule| Rule { spec: rule.spec.filter(is_said), ..rule }).collect()
}

/// By what a correlation can name a document.
fn references(part: &Part<'_>) -> Vec<String> {
    let text = |key: &str| part.node.get(key).and_then(|node| node.text()).map(str::to_owned);
    [text("id"), text("name")].into_iter().flatten().filter(|name| !name.is_empty()).collect()
}

/// The rules that a correlation names, unless it says that they have queries of their own.
fn counted(part: &Part<'_>) -> Vec<String> {
    let Some(block) = part.node.get("correlation") else { return Vec::new() };
    let generates = [block.get("generate"), part.node.get("generate")].into_iter().flatten().any(|node| node.text() == Some("true"));
    let rules = block.get("rules").filter(|_| !generates);
    let texts = |node: &Node<'_>| match &node.kind {
        yaml::Kind::List(items) => items.iter().filter_map(|item| item.text().map(str::to_owned)).collect(),
        yaml::Kind::Scalar { .. } | yaml::Kind::Map(_) => node.text().map(str::to_owned).into_iter().collect::<Vec<_>>(),
    };
    rules.map(texts).unwrap_or_default()
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
    if detection.is_none() && !rule.counted.is_empty() {
        diagnostics.consequence("until then, the rules that the correlation names have no query and no alerts of their own");
    }
    diagnostics.extend(attack);
    let is_base = [Some(rules), surroundings.rules()].into_iter().flatten().any(|rules| rules.is_base(&rule.names));
    Document { name, detection, diagnostics, is_base, region: Span::default() }
}

/// The names of documents: made unlike each other by `_2`, `_3` in order.
fn names<'p>(parts: impl Iterator<Item = &'p Part<'p>>) -> Vec<String> {
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
    parts.map(|part| unique(written_name(part))).collect()
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
    let (firing, silent): (Vec<_>, Vec<_>) = detection.tests.iter().partition(|test| test.expect.count() > 0);
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

#[cfg(test)]
mod tests {
    use super::may_refer;

    #[test]
    fn no_correlation_and_no_filter_is_overlooked() {
        let written = [
            "correlation: { type: event_count }\n",
            "title: a\nfilter:\n  rules: [b]\n",
            "# c\n\n  title: a\n  correlation: {}\n",
            "title: a\n---\ntitle: b\ncorrelation: {}\n",
            "title: a\n--- { correlation: {} }\n",
            "{ title: a, correlation: {} }\n",
            "title: a\n'filter': {}\n",
            "title: a\n\"correlation\": {}\n",
            "title: a\n? filter\n: {}\n",
            "tags:\n- attack.t1059\ncorrelation: {}\n",
            "\u{feff}correlation: {}\r\n",
            "%YAML 1.2\n---\nfilter: {}\n",
            "&a filter: {}\n",
        ];
        written.into_iter().for_each(|text| assert!(may_refer(text), "{text}"));
    }

    #[test]
    fn words_elsewhere_do_not_matter() {
        let text = "title: a correlation\ntags:\n- filter\ndetection:\n  filter: { a: b }\n  correlation: { c: d }\n  condition: not filter\n# filter\n";
        assert!(!may_refer(text));
    }
}
