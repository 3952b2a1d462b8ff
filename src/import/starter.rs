//! What rules use goes in; the texts of files to fill in come out: the description of a log source, and a list.

use super::quoted;
use crate::detection::Detection;
use crate::logsource::{LogSourceId, Platform, TIME};
use crate::yaml::{Value, trap};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The beginning of a log source file, for a log source that nobody has described.
#[derive(Debug, Clone, Default)]
pub struct LogSourceStarter {
    id: LogSourceId,
    /// How many rules it has.
    rules: usize,
    /// Name → how many rules use it.
    fields: BTreeMap<String, usize>,
}

impl LogSourceStarter {
    /// For a log source; `None` if its name cannot be that of a file.
    pub fn new(id: &LogSourceId) -> Option<LogSourceStarter> {
        let stem = id.stem();
        let plain = stem.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ')) && !stem.starts_with('.');
        (plain && !stem.is_empty()).then(|| LogSourceStarter { id: id.clone(), ..LogSourceStarter::default() })
    }

    /// Takes what a rule uses.
    pub fn add(&mut self, detection: &Detection) {
        let mut names = BTreeSet::new();
        detection.fields(&mut |field| {
            names.insert(field.name.clone());
        });
        self.rules += 1;
        for name in names.into_iter().filter(|name| name != TIME) {
            *self.fields.entry(name).or_default() += 1;
        }
    }

    /// Its path, such as `github/audit`.
    pub fn path(&self) -> String {
        self.id.path()
    }

    /// How many rules it has, and how many fields they use.
    pub fn counts(&self) -> (usize, usize) {
        (self.rules, self.fields.len())
    }

    /// The file. Nothing is built for a platform until somebody says where the events are there.
    pub fn text(&self) -> String {
        let path = self.path();
        let mut text = String::from(
            "# Begun by `cognate import`: nobody has described this log source yet. To fill in (docs/logsources.md):\n\
             # 1. title and description: which events these are; definition: what must be switched on.\n\
             # 2. for each platform, in place of `skip`, where the events are:\n\
             #      aql: { type-name: … }, spl: { index: '*', sourcetype: … }, kql: { table: … }\n\
             # 3. for each field its type, and where it stands on each platform. If every name stands for itself there:\n\
             #      other-fields: { aql: '{name}', spl: '{name}', kql: '{name}' }\n\
             # Without this file, `--unmapped keep` takes all names as they are.\n",
        );
        let parts = [("product", &self.id.product), ("category", &self.id.category), ("service", &self.id.service)];
        for (key, value) in parts {
            let _ = value.as_ref().map(|value| writeln!(text, "{key}: {}", quoted(value)));
        }
        let _ = writeln!(text, "title: {}", quoted(&path));
        let rules = if self.rules == 1 { "one imported rule" } else { "imported rules" };
        let _ = writeln!(text, "description: {}", quoted(&format!("Events of {path}, as {rules} name their fields.")));
        let _ = writeln!(text, "time-format: iso8601");
        for (platform, title) in [(Platform::Aql, "QRadar"), (Platform::Spl, "Splunk"), (Platform::Kql, "Microsoft Sentinel")] {
            let reason = format!("nobody has said where the events of {path} are on {title}");
            let _ = writeln!(text, "{}: {{ skip: {} }}", platform.key(), quoted(&reason));
        }
        text + &self.fields_text()
    }

    fn fields_text(&self) -> String {
        let (mut text, mut seen) = (String::new(), BTreeSet::from([TIME.to_owned()]));
        let mut unlisted = Vec::new();
        for (name, count) in &self.fields {
            if !is_plain(name) || !seen.insert(name.to_lowercase()) {
                unlisted.push(name.as_str());
                continue;
            }
            let rules = format!("{count} rule{}", if *count == 1 { "" } else { "s" });
            let _ = writeln!(text, "  {}: {{ type: any, optional: true }} # {rules}", key(name));
        }
        let mut head = String::new();
        if !unlisted.is_empty() {
            let names: Vec<String> = unlisted.iter().map(|name| crate::target::comment_text(name)).collect();
            let _ = writeln!(head, "# also used, under names that cannot be listed: {}\nother-fields: {{}}", names.join(", "));
        }
        let _ = writeln!(head, "\nfields:\n  {TIME}: {{ type: timestamp }}");
        head + &text
    }
}

/// Whether a field of a log source file may be called so.
fn is_plain(name: &str) -> bool {
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && letters && name.split('.').all(|part| !part.is_empty())
}

/// A name as a key that every reader takes as a text.
fn key(name: &str) -> String {
    let node = crate::yaml::Node { kind: crate::yaml::Kind::Scalar { text: name.into(), plain: true }, span: Default::default() };
    let is_text = matches!(node.scalar(), Some(Value::Text(_))) && trap(name).is_none();
    if is_text { name.to_owned() } else { quoted(name) }
}

/// A list file without values; `uses` are the rules and the fields that need them.
pub fn list_text(name: &str, uses: &BTreeSet<(String, String)>) -> String {
    let mut text = format!(
        "# The values of %{name}%, one a line. Begun by `cognate import`: nobody has filled it in yet. These rules need it, and\n\
         # are set aside until it has values; then move them to detections/.\n"
    );
    for (rule, field) in uses {
        let _ = writeln!(text, "#   {rule}: {}", if field.is_empty() { "keywords" } else { field });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::frontend::{list_values, understand_spec};
    use crate::logsource::{LogSources, read};
    use crate::source::Source;

    fn starter(log_source: &str, fields: &[&str]) -> LogSourceStarter {
        let items: String = fields.iter().map(|field| format!("    '{field}': x\n")).collect();
        let rule = format!("title: T\nlogsource: {log_source}\ndetection:\n  s:\n{items}  condition: s\n");
        let (detection, problems) = understand_spec(&Source::new("r.yml", rule), &LogSources::built_in());
        let detection = detection.unwrap_or_else(|| panic!("{problems:?}"));
        let mut starter = LogSourceStarter::new(&detection.log_source.id).expect("a name for a file");
        starter.add(&detection);
        starter
    }

    #[test]
    fn a_starter_is_a_good_log_source_file() {
        let names = ["action", "null", "on", "timestamp", "c-uri", "odd name", "Action", "a.b.c", "@time", "it''s", "a..b"];
        let starter = starter("{ product: acme, category: web, service: proxy }", &names);
        let text = starter.text();
        let mut problems = Diagnostics::new();
        let found = read(&Source::new("acme_web_proxy.yml", text.clone()), &|_| None, &mut problems);
        let found = found.unwrap_or_else(|| panic!("{problems:?}\n{text}"));
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(found.id.path(), starter.path());
        assert_eq!(found.skipped.len(), 3);
        assert!(names.iter().all(|name| found.field(name).is_some()), "{text}");
        assert_eq!(starter.counts(), (1, 10));
    }

    #[test]
    fn a_log_source_that_would_leave_the_folder_gets_no_file() {
        let id = |product: &str| LogSourceId { product: Some(product.to_owned()), ..LogSourceId::default() };
        assert!(LogSourceStarter::new(&id("../up")).is_none() && LogSourceStarter::new(&id(".hidden")).is_none());
        assert!(LogSourceStarter::new(&id("acme-2.0")).is_some());
    }

    #[test]
    fn a_list_to_fill_in_has_no_values() {
        let text = list_text("hosts", &BTreeSet::from([("a.yml".to_owned(), "Computer".to_owned())]));
        assert!(list_values(&text).is_empty() && text.contains("a.yml: Computer"));
    }
}
