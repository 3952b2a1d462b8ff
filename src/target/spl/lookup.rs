//! A test for one of many values of a list → a lookup in a table beside the query, which holds them in lower case.

use super::layout::Fragment;
use super::writer::{Located, Writer};
use crate::detection::{Predicate, Shape, ValueTest};
use crate::logsource::FieldType;
use crate::yaml::Value;
use std::collections::BTreeSet;

impl Writer<'_> {
    /// The list whose values a predicate compares whole and without case, if it is one that becomes a lookup.
    pub fn lookup_of(&self, field: &Located, predicate: &Predicate) -> Option<(String, Vec<String>)> {
        let lookups = self.lookups?;
        let plain = !field.list && field.values.is_empty() && matches!(field.kind, FieldType::Text | FieldType::Any);
        if !plain || predicate.tests.len() <= lookups.above {
            return None;
        }
        let tested: BTreeSet<String> = predicate.tests.iter().map(whole).collect::<Option<_>>()?;
        let has_values = |values: &[Value]| values.iter().map(text).collect::<Option<BTreeSet<String>>>().is_some_and(|own| own == tested);
        let (name, _) = self.detection.lists.iter().find(|(_, values)| has_values(values))?;
        let plain = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
        let (table, values) = (plain.fold(lookups.prefix.clone(), |name, c| name + c.encode_utf8(&mut [0; 4])), Vec::from_iter(tested));
        // another list of nearly the same name
        let is_taken = self.tables.get(&table).is_some_and(|known| *known != values);
        (!is_taken).then_some((table, values))
    }

    /// Looks the field's value up, and says whether it was found.
    pub fn look_up(&mut self, (table, values): (String, Vec<String>), field: &Located, name: &str, predicate: &Predicate) -> Fragment {
        self.assume_lower(&field.name, predicate.span);
        let (value, found) = (self.helper(&format!("{}_value", field.name)), self.helper(&format!("{}_found", field.name)));
        let lower = self.op("lower", &[name]);
        self.prepare.push(self.op("assign", &[&value, &lower]));
        self.prepare.push(format!("lookup {table} value AS {value} OUTPUT value AS {found}"));
        self.tables.insert(table, values);
        Fragment::atom(self.op("present", &[&found]))
    }
}

/// The text that a test compares whole, in lower case.
fn whole(test: &ValueTest) -> Option<String> {
    let ValueTest::Text(pattern) = test else { return None };
    let Shape::Equals(text) = pattern.shape() else { return None };
    (!pattern.cased).then(|| plain(text)).flatten()
}

/// The same of a list's value.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) if !text.contains(['*', '?', '\\']) => plain(text),
        Value::Text(_) | Value::Number(_) | Value::Null | Value::Boolean(_) | Value::List(_) | Value::Map(_) => None,
    }
}

/// A text that a table holds as it is.
fn plain(text: &str) -> Option<String> {
    let is_plain = !text.is_empty() && text.is_ascii() && text.trim() == text && !text.chars().any(char::is_control);
    is_plain.then(|| text.to_ascii_lowercase())
}
