//! Fields that the platform has in several columns → one column each, made before the events are filtered.

use super::aggregate::list_lines;
use super::spelling::{plain_name, regex_escape, regex_literal, text_literal};
use super::writer::Writer;
use crate::logsource::Field;

/// A column that an `extend` step makes.
pub struct Computed {
    /// What it holds, in words that no other column has.
    what: String,
    column: String,
    value: String,
}

impl Writer<'_> {
    /// The column of text columns that are joined by a text; what is empty is left out. `prefixes`: how the joined text
    /// begins, and what stands for that here.
    pub fn joined(&mut self, field: &Field, columns: Vec<String>, by: &str, prefixes: &[(String, String)]) -> String {
        let mut columns = columns.into_iter();
        let Some(first) = columns.next() else { return text_literal("") };
        let mut whole = first.clone();
        for column in columns {
            let both = self.op("joined_texts", &[&format!("{whole}, {}, {column}", text_literal(by))]);
            let (left, right) = (self.op("is_empty", &[&column]), self.op("is_empty", &[&whole]));
            whole = self.op("choice", &[&format!("{left}, {whole}, {right}, {column}"), &both]);
        }
        if !prefixes.is_empty() {
            whole = self.computed(format!("the joined text of {}", field.name), &first, whole);
            let begins = |(theirs, ours): &(String, String)| {
                let tail = self.op("tail", &[&whole, &theirs.chars().count().to_string()]);
                let renamed = self.op("joined_texts", &[&format!("{}, {tail}", text_literal(ours))]);
                format!("{}, {renamed}", self.op("starts_with", &[&whole, &text_literal(theirs)]))
            };
            let cases: Vec<String> = prefixes.iter().map(begins).collect();
            whole = self.op("choice", &[&list_lines(&cases, 8), &whole]);
        }
        self.computed(field.name.clone(), &field.name, whole)
    }

    /// The column that holds what one of several columns holds, chosen by the value of another.
    pub fn chosen(&mut self, field: &Field, on: &str, cases: &[(&str, String)], otherwise: &str) -> String {
        let case = |(value, column): &(&str, String)| format!("{}, {column}", self.op("equals", &[on, &text_literal(value)]));
        let cases: Vec<String> = cases.iter().map(case).collect();
        let value = self.op("choice", &[&cases.join(", "), otherwise]);
        self.computed(field.name.clone(), &field.name, value)
    }

    /// The column of the text of an XML element that its `Name` chooses.
    pub fn xml_text(&mut self, field: &Field, column: &str, name: &str) -> String {
        let pattern = format!("<Data Name=[\"']{}[\"']>([^<]*)</Data>", regex_escape(name));
        let value = self.op("xml_text", &[&regex_literal(&pattern), column]);
        self.computed(field.name.clone(), &field.name, value)
    }

    /// The column of a registry value's data as Sysmon writes it.
    pub fn registry_data(&mut self, field: &Field, kind: &str, data: &str) -> String {
        let is = |name: &str| self.op("equals", &[kind, &text_literal(name)]);
        let cases = [
            format!("{}, {}", is("Dword"), self.op("dword_text", &[data])),
            format!("{}, {}", is("Qword"), self.op("qword_text", &[data])),
            format!("{}, {}", is("Binary"), text_literal("Binary Data")),
            format!("{}, {}", self.op("empty_data", &[kind, data]), text_literal("(Empty)")),
        ];
        let value = self.op("choice", &[&list_lines(&cases, 8), data]);
        self.computed(field.name.clone(), &field.name, value)
    }

    fn computed(&mut self, what: String, wish: &str, value: String) -> String {
        if let Some(known) = self.computed.iter().find(|known| known.what == what) {
            return known.column.clone();
        }
        let column = self.fresh(&format!("_{}", plain_name(wish)));
        self.computed.push(Computed { what, column: column.clone(), value });
        column
    }

    /// The steps that make these columns, and the columns.
    pub fn computed_steps(&self) -> (Vec<String>, Vec<String>) {
        let step = |computed: &Computed| self.op("extend", &[&computed.column, &computed.value]);
        (self.computed.iter().map(step).collect(), self.computed.iter().map(|computed| computed.column.clone()).collect())
    }
}
