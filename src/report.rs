//! Diagnostics of some sources → text for people, JSON, SARIF or annotations of a GitHub workflow.
//!
//! Lines and columns start at 1, columns count characters, and an end is the place after the last character.
//! Whatever an author wrote is shown without characters that could steer a terminal.

mod sarif;
mod text;

pub use sarif::sarif;
pub use text::{Texts, text};

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{Source, Span};
use serde_json::{Value, json};

/// The forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Snippets with underlines.
    #[default]
    Text,
    /// A JSON array.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
}

impl Format {
    /// All, in the order in which they are shown.
    pub const ALL: [Format; 4] = [Format::Text, Format::Json, Format::Sarif, Format::Github];

    /// `text`, `json`, `sarif`, `github`
    pub fn name(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Json => "json",
            Format::Sarif => "sarif",
            Format::Github => "github",
        }
    }

    /// The format of a name.
    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The report in this form; only text has colours.
    pub fn write(self, items: &[(Source, Vec<Diagnostic>)], colours: bool) -> String {
        match self {
            Format::Text => text(items, colours),
            Format::Json => json(items),
            Format::Sarif => sarif(items),
            Format::Github => github(items),
        }
    }
}

/// An array with one object per diagnostic; every object has all fields, in the same order.
pub fn json(items: &[(Source, Vec<Diagnostic>)]) -> String {
    let objects = each(items, |source, lines, diagnostic| {
        let place = lines.place(diagnostic.span);
        let label = |(span, text): &(Span, String)| {
            let place = lines.place(*span);
            json!({
                "line": place.line, "column": place.column, "end_line": place.end_line, "end_column": place.end_column, "text": text,
            })
        };
        json!({
            "path": source.path,
            "code": diagnostic.code.0,
            "severity": diagnostic.severity.name(),
            "message": diagnostic.message,
            "line": place.line,
            "column": place.column,
            "end_line": place.end_line,
            "end_column": place.end_column,
            "text": shortened(&source.text[lines.clamp(diagnostic.span)], LONGEST_PLACE),
            "help": diagnostic.help,
            "labels": diagnostic.labels.iter().map(label).collect::<Vec<_>>(),
        })
    });
    pretty(&Value::Array(objects))
}

/// One `::error …` line per diagnostic. GitHub shows the first ten errors and ten warnings of a step.
pub fn github(items: &[(Source, Vec<Diagnostic>)]) -> String {
    each(items, |source, lines, diagnostic| {
        let place = lines.place(diagnostic.span);
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        // columns are refused where they stand in different lines
        let columns = match place.line == place.end_line {
            true => format!(",col={},endLine={},endColumn={}", place.column, place.end_line, place.end_column),
            false => format!(",endLine={}", place.end_line),
        };
        let (file, line, title) = (property(&source.path), place.line, property(diagnostic.code.0));
        format!("::{command} file={file},line={line}{columns},title={title}::{}\n", data(&full_message(diagnostic)))
    })
    .concat()
}

/// `1 spec`, `2 specs`.
pub fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// Rows of texts, the columns of each as wide as the widest.
pub fn aligned<'r, const COLUMNS: usize>(rows: impl Iterator<Item = &'r [String; COLUMNS]> + Clone) -> String {
    let width = |column: usize| rows.clone().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let line = |row: &[String; COLUMNS]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.map(line).collect()
}

/// `2 errors, 1 warning`; nothing if there is no diagnostic.
pub fn summary(items: &[(Source, Vec<Diagnostic>)]) -> String {
    let number = |severity: Severity| items.iter().flat_map(|(_, list)| list).filter(|d| d.severity == severity).count();
    let parts = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| (number(severity), severity.name()));
    let shown = parts.iter().filter(|(count, _)| *count > 0);
    shown.map(|(count, name)| counted(*count, name)).collect::<Vec<_>>().join(", ")
}

/// How much of a place's text JSON repeats, in characters.
const LONGEST_PLACE: usize = 200;

fn each<T>(items: &[(Source, Vec<Diagnostic>)], write: impl Fn(&Source, &Lines<'_>, &Diagnostic) -> T) -> Vec<T> {
    let mut written = Vec::new();
    for (source, diagnostics) in items.iter().filter(|(_, diagnostics)| !diagnostics.is_empty()) {
        let lines = Lines::new(&source.text);
        written.extend(diagnostics.iter().map(|diagnostic| write(source, &lines, diagnostic)));
    }
    written
}

/// Message and help, each on its line.
fn full_message(diagnostic: &Diagnostic) -> String {
    let help = diagnostic.help.as_ref().map(|help| format!("\nhelp: {help}"));
    format!("{}{}", diagnostic.message, help.unwrap_or_default())
}

/// The message of a workflow command.
fn data(text: &str) -> String {
    let kept: String = text.chars().map(|c| if c == '\n' || c == '\r' { c } else { visible(c) }).collect();
    kept.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// JSON with line breaks, in which characters that steer a terminal are escaped.
fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut safe = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if c == '\n' || visible(c) == c {
            safe.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| safe.push_str(&format!("\\u{unit:04x}")));
        }
    }
    safe + "\n"
}

/// At most so many characters.
fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The character itself or, where it would steer the terminal or hide, one that can be seen.
fn visible(c: char) -> char {
    match c {
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
        c => c,
    }
}

/// Lines and columns of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

/// A text with the starts of its lines, so that places are found without reading it again.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Lines { text, starts: std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect() }
    }

    /// The span inside of the text, ends at characters.
    fn clamp(&self, span: Span) -> std::ops::Range<usize> {
        let inside = |offset: u32| (offset as usize).min(self.text.len());
        let (mut start, mut end) = (inside(span.start), inside(span.end));
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        start..end.max(start)
    }

    /// The index of the line that holds an offset, from 0.
    fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// A line by its index, without its line break, and its first byte.
    fn line(&self, index: usize) -> (&'a str, usize) {
        let start = self.starts[index];
        let end = self.starts.get(index + 1).map_or(self.text.len(), |next| next - 1);
        let line = &self.text[start..end];
        (line.strip_suffix('\r').unwrap_or(line), start)
    }

    fn locate(&self, offset: usize) -> (usize, usize) {
        let line = self.line_of(offset);
        (line + 1, self.text[self.starts[line]..offset].chars().count() + 1)
    }

    fn place(&self, span: Span) -> Place {
        let range = self.clamp(span);
        let (line, column) = self.locate(range.start);
        let (end_line, end_column) = self.locate(range.end);
        Place { line, column, end_line, end_column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{E0101, E0501, W0101};

    /// Every kind of span over awkward texts.
    pub(super) fn awkward() -> Vec<(Source, Vec<Diagnostic>)> {
        let texts = ["", "a", "\n", "title: x\n", "é\r\nü: ß", "a\u{202e}b\u{1b}[31m\tc\u{0}", "\n\n\n", "👩\u{200d}💻: 日本"];
        let spans = [(0, 0), (0, 1), (1, 1), (0, 9999), (9999, 9999), (2, 3), (3, 5), (1, 4), (u32::MAX, u32::MAX)];
        let diagnostics = |text: &str| {
            let one = |(start, end): (u32, u32)| {
                let diagnostic = Diagnostic::error(E0101, Span { start, end }, format!("bad `{text}`")).help("help\nme");
                diagnostic.label(Span::new(0, 0), "first").label(Span::new(text.len(), text.len()), format!("{text}\n"))
            };
            spans.into_iter().map(one).collect()
        };
        texts.iter().map(|text| (Source::new("a, b:\u{1b}%\n.yml", *text), diagnostics(text))).collect()
    }

    pub(super) fn is_safe(text: &str) -> bool {
        text.chars().all(|c| c == '\n' || visible(c) == c)
    }

    #[test]
    fn places_agree_with_the_source() {
        let source = Source::new("x", "a\nbé\r\nc\n");
        let lines = Lines::new(&source.text);
        for offset in 0..=source.text.len() {
            let place = lines.place(Span::new(offset, offset));
            assert_eq!((place.line, place.column), source.line_column(offset), "{offset}");
        }
        assert_eq!(lines.line(1), ("bé", 2));
        assert_eq!(lines.line(3), ("", 9));
    }

    #[test]
    fn json_has_all_fields_in_order() {
        let source = Source::new("a.yml", "title: x\nlevl: high\n");
        let found = Diagnostic::error(E0101, Span::new(9, 13), "unknown key `levl`").help("did you mean `level`?");
        let found = found.label(Span::new(0, 5), "a \"label\"");
        let written = json(&[(source, vec![found])]);
        let keys = ["path", "code", "severity", "message", "line", "column", "end_line", "end_column", "text", "help", "labels"];
        let read: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(read[0].as_object().unwrap().keys().collect::<Vec<_>>(), keys);
        assert_eq!((&read[0]["line"], &read[0]["column"], &read[0]["end_column"]), (&json!(2), &json!(1), &json!(5)));
        assert_eq!((&read[0]["text"], &read[0]["labels"][0]["end_column"]), (&json!("levl"), &json!(6)));
        assert_eq!(json(&[]), "[]\n");
    }

    #[test]
    fn github_escapes() {
        let source = Source::new("a,b:c%.yml", "x\ny");
        let found = vec![
            Diagnostic::warning(W0101, Span::new(0, 1), "50%: a, b\r").help("first\nsecond"),
            Diagnostic::error(E0501, Span::new(0, 3), "two lines"),
            Diagnostic::note(E0501, Span::new(2, 2), "\u{1b}[31m"),
        ];
        assert_eq!(
            github(&[(source, found)]),
            "::warning file=a%2Cb%3Ac%25.yml,line=1,col=1,endLine=1,endColumn=2,title=W0101::50%25: a, b%0D%0Ahelp: first%0Asecond\n\
             ::error file=a%2Cb%3Ac%25.yml,line=1,endLine=2,title=E0501::two lines\n\
             ::notice file=a%2Cb%3Ac%25.yml,line=2,col=1,endLine=2,endColumn=1,title=E0501::␛[31m\n"
        );
    }

    #[test]
    fn awkward_spans_and_texts() {
        let items = awkward();
        for format in Format::ALL {
            let written = format.write(&items, false);
            assert!(is_safe(&written), "{format:?}: {written:?}");
            assert_eq!(Format::from_name(format.name()), Some(format));
        }
        assert!(serde_json::from_str::<Value>(&json(&items)).is_ok());
        assert!(github(&items).lines().all(|line| line.starts_with("::error file=a%2C b%3A␛%25%0A.yml,line=")));
    }

    #[test]
    fn summaries() {
        assert_eq!(summary(&[]), "");
        let found = [Diagnostic::error(E0101, Span::default(), ""), Diagnostic::error(E0101, Span::default(), "")];
        let warning = Diagnostic::warning(W0101, Span::default(), "");
        assert_eq!(summary(&[(Source::new("a", ""), found.to_vec()), (Source::new("b", ""), vec![warning])]), "2 errors, 1 warning");
    }
}
