//! A [`Report`] for people and for programs. What all forms say is put into words here; each form writes it in its own way.

pub mod json;
pub mod markdown;
pub mod text;

use super::alerts::{ChangedAlert, Columns, Events, TestDifference};
use super::change::{Piece, plain_text};
use super::{Importance, Note, Report, SpecDifference, State};
use crate::report::counted;
use serde_json::Value as Json;

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a terminal, with or without colours.
    Text {
        /// Whether it has colours.
        colours: bool,
    },
    /// For the comment on a pull request.
    Markdown,
    /// For programs.
    Json,
}

impl Report {
    /// The whole report.
    pub fn write(&self, format: Format) -> String {
        match format {
            Format::Text { colours } => text::write(self, colours),
            Format::Markdown => markdown::write(self),
            Format::Json => format!("{:#}\n", json::write(self)),
        }
    }

    /// The whole in one line: `2 of 19 specs changed: meaning changes in 1, formatting only in 1`.
    pub fn summary(&self) -> String {
        let compared = counted(self.compared, "spec");
        if self.is_empty() {
            return format!("no changes: {compared} compared");
        }
        let of = |importance: &Importance| {
            let specs = self.specs.iter().filter(|spec| spec.state == State::Changed || *importance == Importance::Errors);
            let count = specs.filter(|spec| spec.importance() == *importance).count();
            (count > 0).then(|| format!("{} in {count}", importance.title()))
        };
        let with = |word: &str, is_one: &dyn Fn(&SpecDifference) -> bool| {
            let count = self.specs.iter().filter(|spec| is_one(spec)).count();
            (count > 0).then(|| format!("{count} {word}"))
        };
        let others = [
            with("new", &|spec| spec.state == State::New),
            with("removed", &|spec| spec.state == State::Removed),
            with("moved", &|spec| spec.moved_from.is_some()),
        ];
        let warnings = self.specs.iter().flat_map(|spec| &spec.notes).filter(|note| note.is_warning()).count();
        let warnings = (warnings > 0).then(|| counted(warnings, "warning"));
        let parts: Vec<String> = Importance::ALL.iter().filter_map(of).chain(others.into_iter().flatten()).chain(warnings).collect();
        format!("{} of {compared} changed: {}", self.specs.len(), parts.join(", "))
    }
}

impl Note {
    /// In words.
    pub fn sentence(&self) -> Vec<Piece> {
        match self {
            Note::NotModified(Some(date)) => {
                vec![Piece::plain("warning: the spec means something else, and its `modified` date is still"), Piece::code(date)]
            }
            Note::NotModified(None) => vec![Piece::plain("warning: the spec means something else, and has no `modified` date")],
            Note::HadErrors => vec![Piece::plain("note: it had errors at the base, and is shown as if it were new")],
            Note::OtherId { before, after } => {
                let id = |id: &Option<String>| id.as_ref().map_or_else(|| Piece::plain("none"), |id| Piece::code(id));
                vec![Piece::plain("warning: its id is another one:"), id(before), Piece::plain("→"), id(after)]
            }
            Note::IdOfAnother { id, from } => vec![
                Piece::plain("warning: the id"),
                Piece::code(id),
                Piece::plain("was that of the spec in"),
                Piece::code(from),
                Piece::plain("which is still there with another one"),
            ],
            Note::IdGone(id) => vec![Piece::plain("note: the id"), Piece::code(id), Piece::plain("is gone with it")],
            Note::IsBase => vec![Piece::plain("note: nothing is built from it; it only says what others count or leave out")],
        }
    }
}

/// What is said of a spec, in sections.
struct Section {
    title: &'static str,
    lines: Vec<Line>,
}

/// A line of a section.
struct Line {
    /// How far it is indented.
    level: usize,
    pieces: Vec<Piece>,
}

impl SpecDifference {
    /// Everything but the diffs.
    fn sections(&self) -> Vec<Section> {
        let lines = |sentences: Vec<Vec<Piece>>| sentences.into_iter().map(|pieces| Line { level: 0, pieces }).collect();
        let moved = self.moved_from.as_ref().map(|from| vec![Piece::plain("moved from"), Piece::code(from)]);
        let notes = moved.into_iter().chain(self.notes.iter().map(Note::sentence)).collect();
        let errors = self.errors.iter().map(|error| vec![Piece::code(error)]).collect();
        let changes = self.changes.iter().map(super::Change::sentence).collect();
        let mut targets = self.only_on();
        targets.extend(self.targets.iter().flat_map(|target| target.sentences()));
        let sections = [
            Section { title: "Errors", lines: lines(errors) },
            Section { title: "Notes", lines: lines(notes) },
            Section { title: "Alerts on the events of tests", lines: self.alerts.iter().flat_map(test).collect() },
            Section { title: "Spec", lines: lines(changes) },
            Section { title: "Queries", lines: lines(targets) },
        ];
        sections.into_iter().filter(|section| !section.lines.is_empty()).collect()
    }

    /// That the mapping changed on one target, and nothing else did.
    fn only_on(&self) -> Vec<Vec<Piece>> {
        let is_mapped =
            |target: &&super::TargetDifference| target.changes.iter().any(|change| matches!(change, super::TargetChange::Mapping(_)));
        let mapped: Vec<&str> = self.targets.iter().filter(is_mapped).map(|target| target.target.title()).collect();
        match (mapped.as_slice(), self.meaning) {
            ([only], false) => vec![vec![Piece::Plain(format!("field mapping changed on {only} only: the spec means the same"))]],
            _ => Vec::new(),
        }
    }

    /// Path and title.
    fn name(&self) -> Vec<Piece> {
        let title = (!self.title.is_empty()).then(|| Piece::code(&self.title));
        std::iter::once(Piece::code(&self.path)).chain(title).collect()
    }

    /// What kind of change it is, in words.
    fn heading(&self) -> &'static str {
        match self.state {
            State::Changed => self.importance().title(),
            State::New | State::Removed | State::Broken => self.state.name(),
        }
    }
}

/// How many alerts of one kind are shown for a test.
const SHOWN: usize = 5;

fn test(difference: &TestDifference) -> Vec<Line> {
    let events = match difference.events {
        Events::New => "",
        Events::Old => "(with its events at the base)",
    };
    let named = [Piece::plain("test"), Piece::code(&difference.test), Piece::plain(events)];
    let mut lines = vec![Line { level: 0, pieces: named.into_iter().filter(|piece| *piece != Piece::plain("")).collect() }];
    let mut add = |word: &str, all: Vec<Vec<Piece>>| {
        let count = all.len();
        let line = |pieces: Vec<Piece>| Line { level: 1, pieces: [vec![Piece::plain(word)], pieces].concat() };
        lines.extend(all.into_iter().take(SHOWN).map(line));
        if count > SHOWN {
            lines.push(Line { level: 1, pieces: vec![Piece::Plain(format!("and {} more that {}", count - SHOWN, plural(word)))] });
        }
    };
    let alert = |alert: &Columns| vec![Piece::code(&pairs(alert))];
    add("appears:", difference.appeared.iter().map(alert).collect());
    add("disappears:", difference.disappeared.iter().map(alert).collect());
    add("changes:", difference.changed.iter().map(changed).collect());
    let problem = |word: &str, problem: &Option<String>| {
        problem.iter().map(|problem| vec![Piece::plain(word), Piece::code(problem)]).collect::<Vec<_>>()
    };
    add("cannot be evaluated", problem("at the base:", &difference.problems.0));
    add("cannot be evaluated", problem("any more:", &difference.problems.1));
    lines
}

fn plural(word: &str) -> &str {
    match word {
        "appears:" => "appear",
        "disappears:" => "disappear",
        "changes:" => "change",
        other => other,
    }
}

fn changed(alert: &ChangedAlert) -> Vec<Piece> {
    let text =
        |value: &Option<Json>| value.as_ref().map_or_else(|| Piece::plain("(no such column)"), |value| Piece::code(&value.to_string()));
    let mut pieces = Vec::new();
    for (name, before, after) in &alert.columns {
        if !pieces.is_empty() {
            pieces.push(Piece::plain("and"));
        }
        pieces.extend([Piece::code(name), text(before), Piece::plain("→"), text(after)]);
    }
    if !alert.key.is_empty() {
        pieces.extend([Piece::plain("of the alert"), Piece::code(&pairs(&alert.key))]);
    }
    pieces
}

fn pairs(columns: &Columns) -> String {
    columns.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// A text of several lines with everything visible: characters that control a terminal, or turn the direction of what follows, are
/// written as escapes.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                shown.extend(c.escape_unicode());
            }
            c => shown.push(c),
        }
    }
    shown
}
