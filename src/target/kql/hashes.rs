//! Tests of a list of hashes (`SHA256=…,IMPHASH=…`), of which the platform has each in a column → tests of these columns.

use super::layout::Doc;
use super::value::{Operand, Stored};
use super::writer::Writer;
use crate::detection::{Predicate, Segment, Shape, TextPattern, ValueTest};
use crate::diagnostic::{Diagnostic, E0401, E0403};
use crate::logsource::{Field, FieldType, HashAlgorithm, Place, Platform};
use crate::source::Span;

type Columns = [(HashAlgorithm, String)];

impl Writer<'_> {
    /// A test of a list of hashes; `None` if the field is none.
    pub fn hashes(&mut self, field: &Field, predicate: &Predicate, strict: bool) -> Option<Doc> {
        let Place::Hashes(columns) = &field.kql.as_ref()?.place else { return None };
        let mut wanted: Vec<(HashAlgorithm, ValueTest)> = Vec::new();
        for test in &predicate.tests {
            let Some((name, digest)) = labelled(test) else {
                self.refuse_whole_hashes(field, columns, predicate.span);
                return Some(Doc::never());
            };
            match column_test(columns, name, digest) {
                Some(test) => wanted.push(test),
                None => {
                    self.refuse_hash(field, columns, [name, digest], predicate.span);
                    return Some(Doc::never());
                }
            }
        }
        let strict = strict || wanted.len() > 1;
        let mut parts = Vec::new();
        for (algorithm, column) in columns {
            let tests: Vec<&ValueTest> = wanted.iter().filter(|(wanted, _)| wanted == algorithm).map(|(_, test)| test).collect();
            let Some(raw) = self.column_name(column, predicate.span) else { continue };
            let operand = Operand { raw, stored: Stored::Text, kind: FieldType::Text, time: false, values: Vec::new() };
            parts.extend(self.tests(&operand, &tests, strict, predicate.span));
        }
        Some(Doc::any(parts))
    }

    /// That the list as it is written is not there.
    pub fn refuse_whole_hashes(&mut self, field: &Field, columns: &Columns, span: Span) {
        let message = format!(
            "KQL cannot read the whole text of `{}`: on Microsoft Sentinel each hash stands in a column of its own ({})",
            field.name,
            named(columns)
        );
        let help =
            format!("test each hash with its name and without case, such as `{}|contains: 'SHA256=…'`, or skip this target", field.name);
        self.refuse(Diagnostic::error(E0401, span, message).help(help));
    }

    fn refuse_hash(&mut self, field: &Field, columns: &Columns, [name, digest]: [&str; 2], span: Span) {
        let known = HashAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name));
        let variant = self.detection.log_source.help_with(&field.name, Platform::Kql);
        let (message, help) = match known {
            Some(algorithm) if columns.iter().all(|(own, _)| *own != algorithm) => (
                format!("the {} in `{}` has no place on Microsoft Sentinel, which has {}", algorithm.name(), field.name, named(columns)),
                format!("{variant}skip this target"),
            ),
            Some(algorithm) => (
                format!("`{}={}` is no hash", algorithm.name(), digest.escape_debug()),
                format!("{} has {} hexadecimal digits, of which a test may leave out the last", algorithm.name(), algorithm.digits()),
            ),
            None => (format!("`{}` holds no hash `{}`", field.name, name.escape_debug()), format!("hashes are {}", named(columns))),
        };
        self.refuse(Diagnostic::error(E0403, span, message).help(help));
    }
}

/// The name and the hexadecimal digits of a test for one hash: `contains SHA256=…`, without case.
fn labelled(test: &ValueTest) -> Option<(&str, &str)> {
    let ValueTest::Text(pattern) = test else { return None };
    let Shape::Contains(text) = pattern.shape() else { return None };
    text.split_once('=').filter(|_| !pattern.cased)
}

/// A test of the column in place of one of the list.
fn column_test(columns: &Columns, name: &str, digest: &str) -> Option<(HashAlgorithm, ValueTest)> {
    let (algorithm, _) = columns.iter().find(|(algorithm, _)| algorithm.name().eq_ignore_ascii_case(name))?;
    let is_hash = digest.len() <= algorithm.digits() && digest.chars().all(|c| c.is_ascii_hexdigit());
    if digest.is_empty() || !is_hash {
        return None;
    }
    let rest = (digest.len() < algorithm.digits()).then_some(Segment::AnyRun);
    let pattern = TextPattern::new([Segment::Literal(digest.to_owned())].into_iter().chain(rest), false);
    Some((*algorithm, ValueTest::Text(pattern)))
}

fn named(columns: &Columns) -> String {
    let names: Vec<&str> = columns.iter().map(|(algorithm, _)| algorithm.name()).collect();
    names.join(", ")
}
