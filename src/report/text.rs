//! Diagnostics → snippets with underlines, for people.

use super::{Lines, shortened, visible};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::source::{Source, Span};
use annotate_snippets::renderer::{DEFAULT_LINE_NUM_STYLE, Style};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use rustc_hash::FxHashSet;

/// How many characters of a line are shown.
const LINE_WIDTH: usize = 160;
/// How many of them stand before the first marked one, where the line is cut.
const BEFORE: usize = 60;
/// How many characters of a message, a label or a help text are shown.
const LONGEST_TEXT: usize = 1000;
/// So many lines between two marked ones are shown.
const NEAR: usize = 2;

/// All diagnostics in the order given, a blank line after each.
/// The first one of each code says how its page is opened.
pub fn text(items: &[(Source, Vec<Diagnostic>)], colours: bool) -> String {
    let mut texts = Texts::new(colours);
    items.iter().map(|(source, diagnostics)| texts.of(source, diagnostics)).collect()
}

/// The texts of many files, one after the other.
pub struct Texts {
    renderer: Renderer,
    colours: bool,
    explained: FxHashSet<Code>,
}

impl Texts {
    /// None yet.
    pub fn new(colours: bool) -> Texts {
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        // lines are cut here, so that the columns of the headings stay true
        Texts { renderer: renderer.term_width(LINE_WIDTH * 4), colours, explained: FxHashSet::default() }
    }

    /// The next file's: a blank line after each diagnostic.
    pub fn of(&mut self, source: &Source, diagnostics: &[Diagnostic]) -> String {
        let mut written = String::new();
        if diagnostics.is_empty() {
            return written;
        }
        let lines = Lines::new(&source.text);
        for diagnostic in diagnostics {
            let group = group(source, &lines, diagnostic, self.explained.insert(diagnostic.code));
            let rendered = self.renderer.render(&[group]);
            match source.text.is_empty() {
                true => written.push_str(&rendered),
                false => written.push_str(&with_place(&rendered, &place(source, &lines, diagnostic), self.colours)),
            }
            written.push_str("\n\n");
        }
        written
    }
}

fn place(source: &Source, lines: &Lines<'_>, diagnostic: &Diagnostic) -> String {
    let (line, column) = lines.locate(lines.clamp(diagnostic.span).start);
    format!("{}:{line}:{column}", one_line(&source.path))
}

/// Puts the line with the place below the title. The renderer would count its columns in the lines as they are shown,
/// and these may be cut.
fn with_place(rendered: &str, place: &str, colours: bool) -> String {
    let (title, rest) = rendered.split_once('\n').unwrap_or((rendered, ""));
    let gutter = rest.split('|').next().unwrap_or_default().bytes().filter(|byte| *byte == b' ').count().saturating_sub(1);
    let style = if colours { DEFAULT_LINE_NUM_STYLE } else { Style::new() };
    format!("{title}\n{style}{:gutter$}--> {style:#}{place}\n{rest}", "")
}

fn group(source: &Source, lines: &Lines<'_>, diagnostic: &Diagnostic, first: bool) -> Group<'static> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let group = Group::with_title(level.primary_title(one_line(&diagnostic.message)).id(diagnostic.code.0));
    let mut group = match source.text.is_empty() {
        true => group.element(Origin::path(one_line(&source.path))),
        false => group.element(excerpt(lines, diagnostic)),
    };
    if let Some(help) = &diagnostic.help {
        let help: Vec<String> = help.lines().map(one_line).collect();
        group = group.element(Level::HELP.message(help.join("\n")));
    }
    if first {
        group = group.element(Level::NOTE.with_name("see").message(format!("cognate explain {}", diagnostic.code)));
    }
    group
}

/// A piece of one line that is underlined.
struct Mark {
    line: usize,
    /// Bytes of the line.
    range: std::ops::Range<usize>,
    label: Option<String>,
    kind: AnnotationKind,
}

impl Mark {
    /// A span of several lines is underlined to the end of its first.
    fn new(lines: &Lines<'_>, span: Span, label: Option<&str>, kind: AnnotationKind) -> Self {
        let range = lines.clamp(span);
        let line = lines.line_of(range.start);
        let (text, start) = lines.line(line);
        let inside = |offset: usize| offset.saturating_sub(start).min(text.len());
        Mark { line, range: inside(range.start)..inside(range.end), label: label.map(one_line), kind }
    }
}

/// From the first to the last marked line; what is between them is folded unless it is short.
fn excerpt(lines: &Lines<'_>, diagnostic: &Diagnostic) -> Snippet<'static, Annotation<'static>> {
    let mut marks = vec![Mark::new(lines, diagnostic.span, None, AnnotationKind::Primary)];
    marks.extend(diagnostic.labels.iter().map(|(span, text)| Mark::new(lines, *span, Some(text), AnnotationKind::Context)));
    marks.sort_by_key(|mark| mark.line);
    let first = marks[0].line;
    let (mut text, mut next, mut annotations) = (String::new(), first, Vec::new());
    for here in marks.chunk_by(|a, b| a.line == b.line) {
        let index = here[0].line;
        for between in next..index {
            // longer gaps are folded, so nobody sees their text
            if index - next <= NEAR {
                text.push_str(&ShownLine::new(lines.line(between).0, 0).text);
            }
            text.push('\n');
        }
        let main = here.iter().find(|mark| mark.kind == AnnotationKind::Primary).unwrap_or(&here[0]);
        let shown = ShownLine::new(lines.line(index).0, main.range.start);
        for mark in here {
            let range = text.len() + shown.offset(mark.range.start)..text.len() + shown.offset(mark.range.end);
            annotations.push(mark.kind.span(range).label(mark.label.clone()));
        }
        text.push_str(&shown.text);
        text.push('\n');
        next = index + 1;
    }
    Snippet::source(text).line_start(first + 1).annotations(annotations)
}

/// A line as it is shown: cut to what matters, without characters that steer a terminal.
struct ShownLine {
    text: String,
    /// (byte of the line, byte of the text) of every character, in order, and of the end.
    places: Vec<(usize, usize)>,
}

impl ShownLine {
    /// The part of a line around a byte.
    fn new(line: &str, around: usize) -> Self {
        // looks back from the place, so that a long line is not walked through for each of its problems
        let back = |count: usize| line[..around].char_indices().rev().nth(count - 1).map(|(at, _)| at);
        let cut = back(LINE_WIDTH - LINE_WIDTH / 4 + 1).is_some();
        let skipped = if cut { back(BEFORE).unwrap_or(0) } else { 0 };
        let mut shown = ShownLine { text: String::new(), places: Vec::new() };
        if cut {
            shown.text.push('…');
        }
        let mut end = line.len();
        for (i, (at, c)) in line[skipped..].char_indices().map(|(at, c)| (skipped + at, c)).enumerate() {
            if i == LINE_WIDTH {
                end = at;
                break;
            }
            shown.places.push((at, shown.text.len()));
            shown.text.push_str(if c == '\t' { "    " } else { "" });
            if c != '\t' {
                shown.text.push(visible(c));
            }
        }
        shown.places.push((end, shown.text.len()));
        if end < line.len() {
            shown.text.push('…');
        }
        shown
    }

    /// Where a byte of the line is in the text; what was cut away is at its ends.
    fn offset(&self, byte: usize) -> usize {
        let index = self.places.partition_point(|(at, _)| *at < byte).min(self.places.len() - 1);
        self.places[index].1
    }
}

/// A text of an author on one line.
fn one_line(text: &str) -> String {
    shortened(text, LONGEST_TEXT).chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{awkward, is_safe};
    use super::*;
    use crate::diagnostic::{E0004, E0101, W0101};

    fn plain(path: &str, source: &str, found: Vec<Diagnostic>) -> String {
        text(&[(Source::new(path, source), found)], false)
    }

    #[test]
    fn snippet() {
        let source = "title: x\nlevl: high\nstatus: test\na: 1\nb: 2\nc: 3\nstatus: test\n";
        let at = |text: &str, from: usize| from + source[from..].find(text).unwrap();
        let span = |text: &str, from: usize| Span::new(at(text, from), at(text, from) + text.len());
        let found = vec![
            Diagnostic::error(E0101, span("levl", 0), "unknown key `levl`").help("did you mean `level`?\nor not"),
            Diagnostic::error(E0004, span("status", 40), "the key `status` stands here twice").label(span("status", 0), "first here"),
            Diagnostic::warning(W0101, Span::new(0, 25), "several lines").label(Span::new(7, 8), "a label"),
            Diagnostic::error(E0101, Span::new(source.len(), source.len()), "unknown key at the end"),
        ];
        insta::assert_snapshot!(plain("rules/a.yml", source, found));
    }

    #[test]
    fn long_lines_are_cut() {
        let source = format!("a: {}é{}\n", "x".repeat(100_000), "y".repeat(100_000));
        let found = vec![
            Diagnostic::error(E0101, Span::new(100_003, 100_005), "in the middle").label(Span::new(0, 1), "far away"),
            Diagnostic::error(E0101, Span::new(100_003, 100_005), "in the middle"),
            Diagnostic::error(E0101, Span::new(3, 200_005), &source),
        ];
        let written = plain("a.yml", &source, found);
        assert!(written.lines().all(|line| line.chars().count() < 1100), "{written}");
        insta::assert_snapshot!(written.lines().filter(|line| line.chars().count() < 1000).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn unsafe_characters_are_shown_harmless() {
        let source = "a:\t\u{202e}é\u{1b}[31mX\u{200b}\r\n";
        let at = source.find('X').unwrap();
        let found = vec![Diagnostic::error(E0101, Span::new(at, at + 1), "message \u{1b}[0m\nline").label(Span::new(0, 1), "\u{202d}")];
        insta::assert_snapshot!(plain("a\u{7}.yml", source, found));
    }

    #[test]
    fn awkward_spans_and_colours() {
        let items = awkward();
        assert!(is_safe(&text(&items, false)));
        let coloured = text(&items, true);
        assert!(coloured.contains("\u{1b}["));
        let without = coloured.split("\u{1b}[").enumerate().map(|(i, part)| if i == 0 { part } else { part.split_once('m').unwrap().1 });
        assert_eq!(without.collect::<String>(), text(&items, false));
        assert_eq!(text(&[], false), "");
        assert_eq!(text(&[(Source::new("a", "b"), Vec::new())], true), "");
    }
}
