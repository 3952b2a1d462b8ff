//! What all parts of the backend share: templates, the fields' places on Splunk, the commands that make a value readable,
//! and the problems and assumptions found on the way.

use super::moment;
use super::quote;
use crate::detection::Detection;
use crate::diagnostic::{Code, Diagnostic, E0401, E0403, P001, P003, P007};
use crate::letter_case::{fold, has_case_beyond_ascii};
use crate::logsource::{ColumnType, Field, FieldType, Place, Platform, TimeFormat};
use crate::source::Span;
use crate::target::{Deviation, Lookups};
use crate::template::TargetTemplates;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// Prefix of the fields that a query makes for itself.
pub const HELPER: &str = "cognate_";

/// Writes one query.
pub struct Writer<'a> {
    /// The operators.
    pub templates: &'a TargetTemplates,
    /// What is written.
    pub detection: &'a Detection,
    /// What cannot be said.
    pub problems: Vec<Diagnostic>,
    /// What must be true.
    pub assumptions: Vec<Deviation>,
    /// Commands that must come before the first `where`.
    pub prepare: Vec<String>,
    /// Which lists become lookups.
    pub lookups: Option<&'a Lookups>,
    /// The lookups that are read: name and values.
    pub tables: BTreeMap<String, Vec<String>>,
    located: BTreeMap<String, Option<Located>>,
    helpers: FxHashSet<String>,
    /// How many helpers each base has.
    numbers: FxHashMap<String, usize>,
}

/// Where a field stands.
#[derive(Debug, Clone)]
pub struct Located {
    /// Our name.
    pub name: String,
    /// The name on Splunk, unquoted.
    pub platform: String,
    /// Its form in the base search, if it exists there.
    pub search: Option<String>,
    /// Whether an event may hold several values.
    pub list: bool,
    /// The type of its values.
    pub kind: FieldType,
    /// How a moment is written in it.
    pub time: Option<TimeFormat>,
    /// Our value and the platform's.
    pub values: Vec<(String, String)>,
}

impl<'a> Writer<'a> {
    /// Nothing written yet.
    pub fn new(templates: &'a TargetTemplates, detection: &'a Detection) -> Self {
        let (problems, assumptions, prepare) = (Vec::new(), Vec::new(), Vec::new());
        let (located, helpers, numbers) = (BTreeMap::new(), FxHashSet::default(), FxHashMap::default());
        let (lookups, tables) = (None, BTreeMap::new());
        Self { templates, detection, problems, assumptions, prepare, lookups, tables, located, helpers, numbers }
    }

    /// An operator over finished fragments.
    pub fn op(&self, name: &'static str, arguments: &[&str]) -> String {
        self.templates.operator(name, arguments)
    }

    /// SPL has no form for this; nothing is written for it.
    pub fn refuse(&mut self, span: Span, what: &str, help: &str) {
        self.problems.push(Diagnostic::error(E0401, span, format!("SPL cannot express {what}")).help(help));
    }

    /// Something that must be true.
    pub fn assume(&mut self, code: Code, span: Span, message: String) {
        let deviation = Deviation::new(code, span, message);
        if !self.assumptions.iter().any(|other| other.code == deviation.code && other.message == deviation.message) {
            self.assumptions.push(deviation);
        }
    }

    /// The condition depends on the difference between missing and empty.
    pub fn assume_absence(&mut self, name: &str, span: Span) {
        let message = format!(
            "`{name}` is missing exactly when Splunk extracts no value: empty texts are kept, JSON nulls are not kept as the text `null`"
        );
        self.assume(P001, span, message);
    }

    /// Numbers are compared by their value.
    pub fn assume_plain_numbers(&mut self, field: &Located, span: Span) {
        if !matches!(field.kind, FieldType::Integer | FieldType::Number) {
            let message = format!("numbers in `{}` are written plainly: no leading zeros, no exponent, no sign `+`", field.name);
            self.assume(P003, span, message);
        }
    }

    /// Case is ignored in a text that has letters beyond ASCII.
    pub fn assume_folding(&mut self, name: &str, text: &str, span: Span) {
        if has_case_beyond_ascii(text) {
            self.assume(P007, span, format!("Splunk ignores the case of the letters beyond ASCII that `{name}` is tested for"));
        }
    }

    /// Values of the event are turned to lower case.
    pub fn assume_lower(&mut self, name: &str, span: Span) {
        self.assume(P007, span, format!("`lower` in Splunk turns also the letters beyond ASCII in `{name}` to lower case"));
    }

    /// A new field of the query's own.
    pub fn helper(&mut self, base: &str) -> String {
        let safe: String = base.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let number = self.numbers.entry(safe.clone()).or_insert(0);
        loop {
            *number += 1;
            let name = if *number == 1 { format!("{HELPER}{safe}") } else { format!("{HELPER}{safe}_{number}") };
            if self.helpers.insert(name.clone()) {
                return name;
            }
        }
    }

    /// Where a field stands; `None` after a problem was reported. Members of JSON are extracted first.
    pub fn locate(&mut self, field: &Field, span: Span) -> Option<Located> {
        if let Some(known) = self.located.get(&field.name) {
            return known.clone();
        }
        let found = self.find(field, span);
        self.located.insert(field.name.clone(), found.clone());
        found
    }

    fn find(&mut self, field: &Field, span: Span) -> Option<Located> {
        let open = self.detection.log_source.open;
        let located = |platform: String, search: Option<String>, time: Option<TimeFormat>, values: &[(String, String)]| Located {
            name: field.name.clone(),
            platform,
            search,
            list: field.list,
            kind: field.kind,
            time,
            values: values.to_vec(),
        };
        let Some(binding) = &field.spl else {
            if open {
                let time = self.written_time(field, false);
                return Some(located(field.name.clone(), quote::search_name(&field.name), time, &[]));
            }
            let message = format!("the field `{}` has no place on Splunk{}", field.name, field.why_missing(Platform::Spl));
            let variant = self.detection.log_source.help_with(&field.name, Platform::Spl);
            let help = format!("{variant}bind `{}` to a Splunk field in the log source or in a site file", field.name);
            self.problems.push(Diagnostic::error(E0403, span, message).help(help));
            return None;
        };
        match &binding.place {
            Place::Column { name, kind } => {
                let time = self.written_time(field, *kind == ColumnType::Time || name == "_time");
                Some(located(name.clone(), quote::search_name(name), time, &binding.values))
            }
            Place::Json { column, path, .. } => {
                let helper = self.extract_member(field, column, path, span)?;
                Some(located(helper, None, self.written_time(field, false), &binding.values))
            }
            Place::Element { column, key, equals, value, .. } => {
                let helper = self.extract_element(field, [column, key, equals, value], span)?;
                Some(located(helper, None, self.written_time(field, false), &binding.values))
            }
            Place::Xml { .. } | Place::Joined { .. } | Place::Chosen { .. } | Place::RegistryData { .. } | Place::Hashes(_) => {
                self.refuse(
                    span,
                    &format!("the field `{}`, which is put together from several", field.name),
                    "bind it to one Splunk field",
                );
                None
            }
        }
    }

    fn written_time(&self, field: &Field, seconds: bool) -> Option<TimeFormat> {
        let source = &self.detection.log_source;
        match (seconds, source.time.name == field.name, field.kind) {
            (true, ..) => Some(TimeFormat::EpochSeconds),
            (false, true, _) => Some(source.time_format),
            (false, false, FieldType::Timestamp | FieldType::Text | FieldType::Any) => Some(TimeFormat::Iso8601),
            (false, false, FieldType::Integer | FieldType::Number | FieldType::Boolean | FieldType::Ip) => None,
        }
    }

    fn extract_member(&mut self, field: &Field, column: &str, path: &[String], span: Span) -> Option<String> {
        let path = self.json_path(field, path.iter().map(String::as_str), span)?;
        let list = if field.list { "{}" } else { "" };
        let input = self.listed_name(column, span)?;
        let helper = self.helper(&field.name);
        self.prepare.push(format!("spath input={input} path=\"{path}{list}\" output={helper}"));
        Some(helper)
    }

    /// The elements whose key fits are joined to a list again, and their members read from that.
    fn extract_element(&mut self, field: &Field, parts: [&String; 4], span: Span) -> Option<String> {
        let [column, key, equals, value] = parts;
        let list = self.json_path(field, column.split('.'), span)?;
        let key = self.json_path(field, [key.as_str()], span)?;
        let value = self.json_path(field, [value.as_str()], span)?;
        let elements = self.helper(&format!("{}_elements", field.name));
        let helper = self.helper(&field.name);
        self.assume_folding(&field.name, equals, span);
        let chosen = self.op("lower", &[&format!("json_extract({elements}, \"{key}\")")]);
        let chosen = self.op("equals", &[&chosen, &quote::eval_text(&fold(equals))]);
        self.prepare.push(format!("spath path=\"{list}{{}}\" output={elements}"));
        self.prepare.push(self.op("assign", &[&elements, &format!("mvfilter({chosen})")]));
        self.prepare.push(self.op("assign", &[&elements, &format!("\"[\".mvjoin({elements}, \",\").\"]\"")]));
        self.prepare.push(format!("spath input={elements} path=\"{{}}.{value}\" output={helper}"));
        Some(helper)
    }

    fn json_path<'p>(&mut self, field: &Field, path: impl IntoIterator<Item = &'p str>, span: Span) -> Option<String> {
        let parts: Vec<&str> = path.into_iter().collect();
        let plain = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "_-@: ".contains(c));
        if parts.iter().all(plain) {
            return Some(parts.join("."));
        }
        let what = format!("the JSON path of `{}`: `{}`", field.name, parts.join("."));
        self.refuse(span, &what, "extract it at search time under a plain name, and bind the field to that name");
        None
    }

    /// The name in an eval expression.
    pub fn eval_name(&mut self, name: &str, span: Span) -> Option<String> {
        let quoted = quote::eval_name(name);
        if quoted.is_none() {
            self.refuse_name(name, span);
        }
        quoted
    }

    /// The name in a list of fields.
    pub fn listed_name(&mut self, name: &str, span: Span) -> Option<String> {
        let quoted = quote::list_name(name);
        if quoted.is_none() {
            self.refuse_name(name, span);
        }
        quoted
    }

    fn refuse_name(&mut self, name: &str, span: Span) {
        let help = "rename the field at search time (a field alias), and bind it to a name of letters, digits, `_`, `.` and `-`";
        self.refuse(span, &format!("the field name `{name}` in quotes"), help);
    }

    /// A field's value, as we know it, in an eval expression.
    pub fn eval_field(&mut self, field: &Located, span: Span) -> Option<String> {
        if field.values.is_empty() {
            return self.eval_name(&field.platform, span);
        }
        self.normalised(field, span)
    }

    /// The field with the platform's values turned into ours, made once.
    fn normalised(&mut self, field: &Located, span: Span) -> Option<String> {
        if field.list {
            let what = format!("this test of `{}`, a list whose values Splunk writes differently", field.name);
            self.refuse(span, &what, "test it for equality only");
            return None;
        }
        let key = format!("\u{0}{}", field.name);
        if let Some(Some(known)) = self.located.get(&key) {
            return Some(known.platform.clone());
        }
        let source = self.eval_name(&field.platform, span)?;
        let folded = self.op("lower", &[&source]);
        let mut arguments = Vec::new();
        for (ours, theirs) in &field.values {
            arguments.push(self.op("equals", &[&folded, &quote::eval_text(&fold(theirs))]));
            arguments.push(quote::eval_text(ours));
        }
        let cases: Vec<String> = arguments.chunks(2).map(|pair| pair.join(", ")).chain([format!("true(), {source}")]).collect();
        let helper = self.helper(&field.name);
        self.prepare.push(self.op("assign", &[&helper, &format!("case({})", super::layout::list(&cases))]));
        let normalised = Located { platform: helper.clone(), values: Vec::new(), ..field.clone() };
        self.located.insert(key, Some(normalised));
        Some(helper)
    }

    /// A field's moment in seconds since 1970, as an eval expression.
    pub fn moment(&mut self, field: &Located, span: Span) -> Option<String> {
        let Some(format) = field.time else {
            self.refuse(span, &format!("`{}` as a moment", field.name), "use a field of type timestamp");
            return None;
        };
        let name = self.eval_field(field, span)?;
        match format {
            TimeFormat::EpochSeconds if field.platform == "_time" => Some(name),
            TimeFormat::EpochMilliseconds => Some(self.op("divide", &[&self.op("number", &[&name]), "1000"])),
            // A field that holds a time may hold it in seconds, or still as it was written.
            TimeFormat::EpochSeconds | TimeFormat::Iso8601 => {
                let key = format!("\u{1}{}", field.name);
                if let Some(Some(known)) = self.located.get(&key) {
                    return Some(known.platform.clone());
                }
                let helper = self.helper(&format!("{}_time", field.name));
                self.prepare.push(moment::from_iso_8601(&name, &helper));
                if format == TimeFormat::EpochSeconds {
                    let seconds = self.op("coalesce", &[&self.op("number", &[&name]), &helper]);
                    self.prepare.push(self.op("assign", &[&helper, &seconds]));
                }
                self.located.insert(key, Some(Located { platform: helper.clone(), ..field.clone() }));
                Some(helper)
            }
        }
    }
}
