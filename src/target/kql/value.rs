//! A field's binding → the fragment that reads it, and what is known of that fragment's type.
//! The only file that knows where fields stand on the platform.

use super::spelling::{member, name, plain_name, regex_literal, text_literal};
use super::writer::Writer;
use crate::diagnostic::{Diagnostic, E0401, E0403};
use crate::letter_case::{fold, has_case_beyond_ascii};
use crate::logsource::{Binding, ColumnType, Field, FieldType, Place, Platform, TimeFormat};
use crate::source::Span;
use std::borrow::Cow;

/// Text that is a plain decimal number.
pub const PLAIN_NUMBER: &str = r"\A-?[0-9]+(\.[0-9]+)?\z";

/// The type of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// `string`: never null, '' when missing.
    Text,
    /// `int`, `long`
    Integer,
    /// `real`
    Real,
    /// `bool`
    Boolean,
    /// `datetime`
    Moment,
    /// `guid`
    Guid,
    /// `dynamic`: a JSON value.
    Json,
}

/// A fragment that reads one value.
#[derive(Debug, Clone)]
pub struct Operand {
    /// The fragment.
    pub raw: String,
    /// Its type.
    pub stored: Stored,
    /// The type of the field's values.
    pub kind: FieldType,
    /// Whether it is the time of the event.
    pub time: bool,
    /// Our value and the platform's, if they differ.
    pub values: Vec<(String, String)>,
}

/// Where a field's value is read.
#[derive(Debug, Clone)]
pub enum Located {
    /// In the row.
    Row(Operand),
    /// In the elements of a list, while the list is applied.
    Item(Item),
}

/// A value in the elements of a list.
#[derive(Debug, Clone)]
pub struct Item {
    /// Which list: an index into the writer's lists.
    pub list: usize,
    /// The value of the element at hand.
    pub operand: Operand,
    /// The condition that chooses the elements.
    pub chosen: Option<String>,
    /// The field, as a part of names.
    pub field: String,
}

/// The binding of a field; an open log source's field stands for itself.
pub fn binding<'a>(writer: &Writer<'_>, field: &'a Field) -> Option<Cow<'a, Binding>> {
    match &field.kql {
        Some(binding) => Some(Cow::Borrowed(binding)),
        None if writer.detection.log_source.open => {
            let place = Place::Column { name: field.name.clone(), kind: ColumnType::Text };
            Some(Cow::Owned(Binding { place, values: Vec::new() }))
        }
        None => None,
    }
}

/// Whether missing and '' are the same where the field stands.
pub fn merges_empty(field: &Field, open: bool) -> bool {
    match field.kql.as_ref().map(|binding| &binding.place) {
        Some(Place::Column { kind, .. }) => matches!(kind, ColumnType::Text | ColumnType::Address) && !field.list,
        Some(Place::Json { .. } | Place::Element { .. }) => false,
        Some(Place::Xml { .. } | Place::Joined { .. } | Place::RegistryData { .. } | Place::Hashes(_)) => true,
        Some(Place::Chosen { kind, .. }) => matches!(kind, ColumnType::Text | ColumnType::Address),
        None => open,
    }
}

impl Writer<'_> {
    /// Where a field is read; nothing (and a problem) if the platform does not have it.
    pub fn locate(&mut self, field: &Field, span: Span) -> Option<Located> {
        let Some(binding) = binding(self, field).map(Cow::into_owned) else {
            let message = format!("field `{}` has no place on Microsoft Sentinel{}", field.name, field.why_missing(Platform::Kql));
            let help = format!(
                "{}bind `{}` under `kql` in the log source or in the site file, or skip this target",
                self.detection.log_source.help_with(&field.name, Platform::Kql),
                field.name
            );
            self.refuse(Diagnostic::error(E0403, span, message).help(help));
            return None;
        };
        let Binding { place, values } = binding;
        let time = self.is_time(field);
        let operand = |raw: String, stored: Stored| Operand { raw, stored, kind: field.kind, time, values: values.clone() };
        Some(match &place {
            Place::Column { name, kind } => {
                let column = self.column_name(name, span)?;
                match (field.list, kind) {
                    (true, ColumnType::Dynamic) => {
                        let list = self.list(&column, None);
                        Located::Item(Item {
                            list,
                            operand: operand(self.item_name(list), Stored::Json),
                            chosen: None,
                            field: plain_name(&field.name),
                        })
                    }
                    (true, ColumnType::Text | ColumnType::Address) => {
                        let json = json_of(self, &column);
                        let list = self.list(&json, Some(&column));
                        Located::Item(Item {
                            list,
                            operand: operand(self.item_name(list), Stored::Json),
                            chosen: None,
                            field: plain_name(&field.name),
                        })
                    }
                    (_, kind) => Located::Row(operand(column, stored(*kind))),
                }
            }
            Place::Json { column, text, path } => {
                let path: String = path.iter().map(|step| member(step)).collect();
                if field.list {
                    let list = self.json_list(column, *text, span)?;
                    let value = format!("{}{path}", self.item_name(list));
                    Located::Item(Item { list, operand: operand(value, Stored::Json), chosen: None, field: plain_name(&field.name) })
                } else {
                    let name = self.column_name(column, span)?;
                    let whole = if *text { json_of(self, &name) } else { name };
                    Located::Row(operand(format!("{whole}{path}"), Stored::Json))
                }
            }
            Place::Element { column, text, key, equals, value } => {
                let list = self.json_list(column, *text, span)?;
                let item = self.item_name(list);
                let key = self.op("text_of", &[&format!("{item}{}", member(key))]);
                let chosen = self.equals_ignoring_case(&key, equals);
                let operand = operand(format!("{item}{}", member(value)), Stored::Json);
                Located::Item(Item { list, operand, chosen: Some(chosen), field: plain_name(&field.name) })
            }
            Place::Xml { column, name } => {
                let column = self.column_name(column, span)?;
                Located::Row(operand(self.xml_text(field, &column, name), Stored::Text))
            }
            Place::Joined { columns, by, prefixes } => {
                let columns: Option<Vec<String>> = columns.iter().map(|column| self.column_name(column, span)).collect();
                Located::Row(operand(self.joined(field, columns?, by, prefixes), Stored::Text))
            }
            Place::Chosen { on, cases, otherwise, kind } => {
                let on = self.column_name(on, span)?;
                let cases: Option<Vec<_>> =
                    cases.iter().map(|(value, column)| Some((value.as_str(), self.column_name(column, span)?))).collect();
                let otherwise = self.column_name(otherwise, span)?;
                Located::Row(operand(self.chosen(field, &on, &cases?, &otherwise), stored(*kind)))
            }
            Place::Hashes(columns) => {
                self.refuse_whole_hashes(field, columns, span);
                return None;
            }
            Place::RegistryData { kind, data } => {
                let (kind, data) = (self.column_name(kind, span)?, self.column_name(data, span)?);
                Located::Row(operand(self.registry_data(field, &kind, &data), Stored::Text))
            }
        })
    }

    /// The list in a JSON column, or at a place in it (`Column.member`).
    fn json_list(&mut self, place: &str, text: bool, span: Span) -> Option<usize> {
        let (column, path) = list_place(place);
        let name = self.column_name(column, span)?;
        let path: String = path.map(member).collect();
        let whole = if text { format!("{}{path}", json_of(self, &name)) } else { format!("{name}{path}") };
        let empty = text.then_some(&*name).filter(|_| path.is_empty());
        Some(self.list(&whole, empty))
    }

    /// A column's name as it stands in a query.
    pub(super) fn column_name(&mut self, column: &str, span: Span) -> Option<String> {
        let spelled = name(column);
        if spelled.is_none() {
            let message = format!("KQL cannot have a column with the name `{}`", column.escape_debug());
            self.refuse(Diagnostic::error(E0401, span, message).help(
                "names have letters, digits, `_`, blanks, dots and dashes: bind the field to a column of the platform in the site file",
            ));
        }
        spelled
    }

    fn is_time(&self, field: &Field) -> bool {
        field.name == self.detection.log_source.time.name
    }

    /// The text of a value; '' if it is missing. `None` for a moment, whose text in the event is not known.
    pub fn text_of(&self, operand: &Operand) -> Option<String> {
        let raw = &operand.raw;
        let text = match operand.stored {
            Stored::Text => raw.clone(),
            Stored::Integer | Stored::Guid | Stored::Json => self.op("text_of", &[raw]),
            Stored::Real => self.op("text_of_real", &[raw]),
            Stored::Boolean => self.op("text_of_boolean", &[raw]),
            Stored::Moment => return None,
        };
        if operand.values.is_empty() {
            return Some(text);
        }
        let pair = |(ours, theirs): &(String, String)| {
            let condition = self.op("equals", &[&text, &text_literal(theirs)]);
            format!("{condition}, {}", text_literal(ours))
        };
        let pairs: Vec<String> = operand.values.iter().map(pair).collect();
        Some(self.op("choice", &[&pairs.join(", "), &text]))
    }

    /// Whether a value is there.
    pub fn present(&self, operand: &Operand) -> String {
        let operator = if operand.stored == Stored::Text { "is_not_empty" } else { "is_not_null" };
        self.op(operator, &[&operand.raw])
    }

    /// Whether a value is not there.
    pub fn absent(&self, operand: &Operand) -> String {
        let operator = if operand.stored == Stored::Text { "is_empty" } else { "is_null" };
        self.op(operator, &[&operand.raw])
    }

    /// The number of a value, null if it is none; and whether it is whole.
    pub fn number_of(&self, operand: &Operand) -> (String, bool) {
        let raw = &operand.raw;
        let plain = |text: &str| {
            let number = self.op("real_of", &[text]);
            let test = self.op("matches", &[text, &regex_literal(PLAIN_NUMBER)]);
            (self.op("either", &[&test, &number, "real(null)"]), false)
        };
        let mapped = !operand.values.is_empty();
        match operand.stored {
            Stored::Integer if !mapped => (raw.clone(), true),
            Stored::Real if !mapped => (raw.clone(), false),
            Stored::Json if !mapped && operand.kind == FieldType::Integer => (self.op("whole_of", &[raw]), true),
            Stored::Json if !mapped && operand.kind == FieldType::Number => (self.op("real_of", &[raw]), false),
            Stored::Text | Stored::Json | Stored::Integer | Stored::Real | Stored::Guid | Stored::Boolean | Stored::Moment => {
                self.text_of(operand).map_or(("real(null)".to_owned(), false), |text| plain(&text))
            }
        }
    }

    /// The moment of a value, null if it is none; `None` if that cannot be.
    pub fn moment_of(&self, operand: &Operand) -> Option<String> {
        let raw = &operand.raw;
        let epoch = |number: &str| match self.detection.log_source.time_format {
            TimeFormat::EpochSeconds => self.op("moment_of_seconds", &[number]),
            TimeFormat::EpochMilliseconds | TimeFormat::Iso8601 => self.op("moment_of_milliseconds", &[number]),
        };
        match operand.stored {
            Stored::Moment => Some(raw.clone()),
            Stored::Text => Some(self.op("moment_of", &[raw])),
            Stored::Json if operand.time && self.detection.log_source.time_format != TimeFormat::Iso8601 => {
                Some(epoch(&self.op("real_of", &[raw])))
            }
            Stored::Json => Some(self.op("moment_of", &[&self.op("text_of", &[raw])])),
            Stored::Integer | Stored::Real if operand.kind == FieldType::Timestamp => Some(epoch(raw)),
            Stored::Integer | Stored::Real | Stored::Boolean | Stored::Guid => None,
        }
    }

    /// `text =~ "literal"`, also for letters beyond ASCII.
    fn equals_ignoring_case(&mut self, text: &str, literal: &str) -> String {
        if has_case_beyond_ascii(literal) {
            self.assume_folding();
            let folded = self.op("lower", &[text]);
            self.op("equals_cased", &[&folded, &text_literal(&fold(literal))])
        } else {
            self.op("equals", &[text, &text_literal(literal)])
        }
    }
}

/// The column of a list's place, and the members on the way to the list.
pub fn list_place(place: &str) -> (&str, impl Iterator<Item = &str>) {
    let mut parts = place.split('.');
    (parts.next().unwrap_or_default(), parts)
}

fn json_of(writer: &Writer<'_>, column: &str) -> String {
    writer.op("json_of", &[column])
}

fn stored(kind: ColumnType) -> Stored {
    match kind {
        ColumnType::Text | ColumnType::Address => Stored::Text,
        ColumnType::Integer => Stored::Integer,
        ColumnType::Real => Stored::Real,
        ColumnType::Boolean => Stored::Boolean,
        ColumnType::Time => Stored::Moment,
        ColumnType::Dynamic => Stored::Json,
        ColumnType::Guid => Stored::Guid,
    }
}
