//! What all parts of the backend share: the templates, what has been refused or assumed so far, and how a field is read.

use super::clause::Clause;
use super::names;
use crate::detection::Detection;
use crate::diagnostic::{A004, Code, Diagnostic, E0401, E0403};
use crate::logsource::{ColumnType, Field, FieldType, Platform};
use crate::source::Span;
use crate::target::Deviation;
use crate::template::TargetTemplates;
use rustc_hash::FxHashSet;

/// Collects what is wrong and what is assumed, and spells operators.
pub struct Writer<'a> {
    /// Operators and envelopes.
    pub templates: &'a TargetTemplates,
    /// The detection.
    pub detection: &'a Detection,
    /// What cannot be said.
    pub problems: Vec<Diagnostic>,
    /// What must be true.
    pub assumptions: Vec<Deviation>,
    /// Names of the properties that the query reads.
    pub used: Vec<String>,
    /// The same in lower case.
    seen: FxHashSet<String>,
}

/// What QRadar holds in a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Whole,
    /// A number with a fraction.
    Real,
    /// `true` or `false`.
    Boolean,
    /// An address as such.
    Address,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Time,
    /// Text or number: nobody has described the field.
    Unknown,
}

/// A property that is read.
#[derive(Debug, Clone)]
pub struct Property<'f> {
    /// The field that it stands for.
    pub field: &'f Field,
    /// As it is written.
    pub text: String,
    /// What it holds.
    pub kind: Kind,
    /// Our values and QRadar's, where they differ.
    pub values: &'f [(String, String)],
    /// Whether every event has it.
    pub always: bool,
}

impl<'a> Writer<'a> {
    /// A writer that has written nothing yet.
    pub fn new(detection: &'a Detection, templates: &'a TargetTemplates) -> Self {
        Writer { templates, detection, problems: Vec::new(), assumptions: Vec::new(), used: Vec::new(), seen: FxHashSet::default() }
    }

    /// Spells an operator.
    pub fn spell(&self, operator: &'static str, arguments: &[&str]) -> String {
        self.templates.operator(operator, arguments)
    }

    /// An operator as a finished test.
    pub fn test(&self, operator: &'static str, arguments: &[&str]) -> Clause {
        Clause::Test(self.spell(operator, arguments))
    }

    /// `x IS NOT NULL`
    pub fn present(&self, value: &str) -> Clause {
        self.test("is_present", &[value])
    }

    /// `x IS NULL`
    pub fn missing(&self, value: &str) -> Clause {
        self.test("is_missing", &[value])
    }

    /// `IF condition THEN yes ELSE no`, broken into lines if it is long.
    pub fn choose(&self, condition: &Clause, yes: &str, no: &str) -> String {
        let line = self.spell("choose", &[&condition.line(self.templates), yes, no]);
        if line.len() <= 100 && !line.contains('\n') {
            return line;
        }
        let (condition, yes, no) = (condition.block(self.templates, 6), deeper(yes), deeper(no));
        self.spell("choose", &[&format!("{condition}\n     "), &format!("{yes}\n     "), &no])
    }

    /// Refuses something.
    pub fn refuse(&mut self, span: Span, what: impl std::fmt::Display, help: &str) {
        self.problems.push(Diagnostic::error(E0401, span, format!("AQL cannot express {what}")).help(help));
    }

    /// Assumes something.
    pub fn assume(&mut self, code: Code, span: Span, message: String) {
        if !self.assumptions.iter().any(|old| old.code == code && old.message == message) {
            self.assumptions.push(Deviation::new(code, span, message));
        }
    }

    /// Where a field stands; `None` if it has no place (which is reported).
    pub fn property<'f>(&mut self, field: &'f Field, span: Span) -> Option<Property<'f>> {
        let Some((name, column)) = place(field) else {
            let binding = match &field.aql {
                Some(_) => "is part of a JSON text",
                None => "has no property",
            };
            let message = format!("the field `{}` {binding} on QRadar{}", field.name, field.why_missing(Platform::Aql));
            let problem = Diagnostic::error(E0403, span, message);
            let variant = self.detection.log_source.help_with(&field.name, Platform::Aql);
            let help = format!("{variant}define a custom property there and bind the field to it, in the log source or in the site file");
            self.problems.push(problem.help(help));
            return None;
        };
        let Some(text) = names::property(name) else {
            let help = "double quotes and control characters cannot be part of a property's name: bind the field to another property";
            self.refuse(span, format_args!("the property name `{}`", crate::target::comment_text(name)), help);
            return None;
        };
        if let Some(column) = names::nearly_column(name) {
            let help = format!("bind it to `{column}`, or to a custom property with another name, in the log source or in the site file");
            self.refuse(
                span,
                format_args!("the property `{name}` of `{}`: it is taken for QRadar's own column `{column}`", field.name),
                &help,
            );
            return None;
        }
        if self.seen.insert(name.to_ascii_lowercase()) {
            self.used.push(name.to_owned());
        }
        let values = field.aql.as_ref().map_or(&[][..], |binding| &binding.values);
        if values.iter().any(|(ours, theirs)| ours.chars().chain(theirs.chars()).any(names::is_risky)) {
            let help = "leave the value out of the map, in the log source or in the site file";
            self.refuse(span, format_args!("a line break, control character or typographic quote in a value of `{}`", field.name), help);
            return None;
        }
        if name.eq_ignore_ascii_case("payload") {
            self.assume(A004, span, format!("`{}` is the raw payload, as the product wrote it", field.name));
            let text = self.spell("raw_event", &[]);
            return Some(Property { field, text, kind: Kind::Text, values, always: true });
        }
        Some(Property { field, text, kind: kind(field, name, column), values, always: names::is_always_filled(name) })
    }
}

/// The same text with its further lines moved to the right.
pub fn deeper(text: &str) -> String {
    text.replace('\n', "\n  ")
}

/// The property's name and the type of the column, if the field has one.
fn place(field: &Field) -> Option<(&str, ColumnType)> {
    match &field.aql {
        Some(binding) => binding.place.plain(),
        None if field.kind == FieldType::Any => Some((&field.name, ColumnType::Text)),
        None => None,
    }
}

/// The name of the property that a field is bound to.
pub fn property_name(field: &Field) -> Option<&str> {
    place(field).map(|(name, _)| name)
}

fn kind(field: &Field, name: &str, column: ColumnType) -> Kind {
    if names::is_address(name) {
        return Kind::Address;
    }
    match column {
        ColumnType::Integer => Kind::Whole,
        ColumnType::Real if field.kind == FieldType::Integer => Kind::Whole,
        ColumnType::Real => Kind::Real,
        ColumnType::Boolean => Kind::Boolean,
        ColumnType::Time => Kind::Time,
        ColumnType::Address => Kind::Address,
        ColumnType::Text | ColumnType::Dynamic | ColumnType::Guid if field.kind == FieldType::Any => Kind::Unknown,
        ColumnType::Text | ColumnType::Dynamic | ColumnType::Guid => Kind::Text,
    }
}

impl Property<'_> {
    /// Its value as text, with our values in place of QRadar's; `None` if its text is not known.
    pub fn as_text(&self, writer: &Writer<'_>) -> Option<String> {
        let text = match self.kind {
            Kind::Text | Kind::Unknown => self.text.clone(),
            Kind::Whole | Kind::Boolean | Kind::Address => writer.spell("to_text", &[&self.text]),
            Kind::Real | Kind::Time => return None,
        };
        Some(self.translated(writer, text))
    }

    /// Our values in place of QRadar's.
    fn translated(&self, writer: &Writer<'_>, text: String) -> String {
        if self.values.is_empty() {
            return text;
        }
        let cases: Vec<String> = self
            .values
            .iter()
            .map(|(ours, theirs)| writer.spell("translation", &[&names::literal(theirs), &names::literal(ours)]))
            .collect();
        format!("({})", writer.spell("translate", &[&text, &cases.join(" "), &text]))
    }

    /// Its value as it is shown: our values, the type as it is.
    pub fn shown(&self, writer: &Writer<'_>) -> String {
        if self.values.is_empty() { self.text.clone() } else { self.as_text(writer).unwrap_or_else(|| self.text.clone()) }
    }
}
