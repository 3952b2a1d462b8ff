//! The results of the tests of many specs → text for people, JSON, or JUnit XML.

use super::{Outcome, TestResult};
use serde_json::{Value as Json, json};
use std::fmt::Write;

/// The results of one spec.
#[derive(Debug, Clone, PartialEq)]
pub struct SpecResults {
    /// Path of the spec as shown to the user.
    pub path: String,
    /// The spec's title.
    pub title: String,
    /// One result per test.
    pub results: Vec<TestResult>,
}

/// How many tests there are, and how many of them did not pass.
pub fn totals(specs: &[SpecResults]) -> (usize, usize) {
    let all = || specs.iter().flat_map(|spec| &spec.results);
    (all().count(), all().filter(|result| !result.passed()).count())
}

/// One line per test, with the differences below it, and a summary.
pub fn text(specs: &[SpecResults]) -> String {
    let mut text = String::new();
    for spec in specs.iter().filter(|spec| !spec.results.is_empty()) {
        let alone = specs.iter().filter(|other| other.path == spec.path).count() == 1;
        text += &if alone { format!("{}\n", spec.path) } else { format!("{}: {}\n", spec.path, spec.title) };
        for result in &spec.results {
            let mark = if result.passed() { "ok  " } else { "FAIL" };
            text += &format!("  {mark}  {}\n", result.name);
            for line in result.explanations().iter().flat_map(|explanation| explanation.lines()) {
                text += &format!("          {line}\n");
            }
        }
    }
    let (count, failed) = totals(specs);
    let plural = |count: usize, word: &str| if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") };
    let verdict = if failed == 0 { "all passed".to_owned() } else { format!("{failed} failed") };
    text + &format!("{} in {}: {verdict}\n", plural(count, "test"), plural(specs.len(), "spec"))
}

/// `{"tests", "failed", "specs": [{"path", "title", "tests": [{"name", "outcome", "differences"}]}]}`
pub fn json(specs: &[SpecResults]) -> Json {
    let test = |result: &TestResult| json!({ "name": result.name, "outcome": outcome(result), "differences": result.explanations() });
    let spec =
        |spec: &SpecResults| json!({ "path": spec.path, "title": spec.title, "tests": spec.results.iter().map(test).collect::<Json>() });
    let (count, failed) = totals(specs);
    json!({ "tests": count, "failed": failed, "specs": specs.iter().map(spec).collect::<Json>() })
}

fn outcome(result: &TestResult) -> &'static str {
    match result.outcome {
        Outcome::Passed => "passed",
        Outcome::Failed(_) => "failed",
        Outcome::NotRun(_) => "error",
    }
}

/// JUnit XML: a suite per spec, a case per test. It holds no times, so that it is the same in every run.
pub fn junit(specs: &[SpecResults]) -> String {
    let (count, failed) = totals(specs);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    _ = writeln!(xml, "<testsuites name=\"cognate\" tests=\"{count}\" failures=\"{failed}\">");
    for spec in specs {
        let (count, failed) = totals(std::slice::from_ref(spec));
        let (path, title) = (escape(&spec.path), escape(&spec.title));
        _ = writeln!(xml, "  <testsuite name=\"{path}\" tests=\"{count}\" failures=\"{failed}\">");
        for result in &spec.results {
            let name = escape(&result.name);
            _ = write!(xml, "    <testcase name=\"{name}\" classname=\"{title}\" file=\"{path}\"");
            let explanation = escape(&result.explanations().join("\n"));
            let first = explanation.lines().next().unwrap_or_default();
            _ = match result.passed() {
                true => writeln!(xml, "/>"),
                false => writeln!(xml, ">\n      <failure message=\"{first}\">{explanation}</failure>\n    </testcase>"),
            };
        }
        xml += "  </testsuite>\n";
    }
    xml + "</testsuites>\n"
}

/// Text for XML; characters that XML does not know become `\u{fffd}`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\n' | '\t' => escaped.push(character),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
