//! One thing that differs between two detections, and the sentence that says so.

use crate::target::comment_text;

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A number that a measure or another column is compared with.
    Threshold,
    /// The same inside of a label.
    LabelThreshold,
    /// When there is an alert.
    AlertCondition,
    /// A parameter's value.
    Parameter,
    /// A list's values.
    List,
    /// The aggregate's window.
    Window,
    /// Something is counted now, or no longer.
    Aggregate,
    /// A key by which events are counted.
    GroupKey,
    /// A measure.
    Measure,
    /// A computed column.
    Derived,
    /// A label.
    Label,
    /// The order of rows.
    Sort,
    /// A selection.
    Selection,
    /// `detection.condition`
    Condition,
    /// What a site leaves out.
    Exclusion,
    /// An output column.
    Column,
    /// How long, and for what, alerts are held back.
    Throttle,
    /// Where the events come from, or how a field is read from them.
    LogSource,
    /// Something else that the evaluator is told.
    Meaning,
    /// How often it runs and how far it looks back.
    Schedule,
    /// What an alert says, its risk, its entities and its actions.
    Alert,
    /// How bad an alert is.
    Level,
    /// The title.
    Title,
    /// The description.
    Description,
    /// A tag.
    Tags,
    /// What else may cause it.
    FalsePositives,
    /// A link.
    References,
    /// The rule's id.
    Id,
    /// Any other descriptive key.
    Metadata,
    /// A selection's name.
    SelectionName,
    /// What a spec says about a target.
    TargetSettings,
    /// A test.
    Tests,
    /// A mutant that makes no difference.
    Mutants,
}

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// What is found.
    Meaning,
    /// When it runs and what an alert says and does.
    Operation,
    /// Texts for people.
    Texts,
    /// Tests, and what is said about targets.
    Care,
}

impl Kind {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Threshold => "threshold",
            Kind::LabelThreshold => "label-threshold",
            Kind::AlertCondition => "alert-condition",
            Kind::Parameter => "parameter",
            Kind::List => "list",
            Kind::Window => "window",
            Kind::Aggregate => "aggregate",
            Kind::GroupKey => "group-key",
            Kind::Measure => "measure",
            Kind::Derived => "derived-column",
            Kind::Label => "label",
            Kind::Sort => "sort",
            Kind::Selection => "selection",
            Kind::Condition => "condition",
            Kind::Exclusion => "exclusion",
            Kind::Column => "column",
            Kind::Throttle => "throttle",
            Kind::LogSource => "log-source",
            Kind::Meaning => "meaning",
            Kind::Schedule => "schedule",
            Kind::Alert => "alert",
            Kind::Level => "level",
            Kind::Title => "title",
            Kind::Description => "description",
            Kind::Tags => "tags",
            Kind::FalsePositives => "falsepositives",
            Kind::References => "references",
            Kind::Id => "id",
            Kind::Metadata => "metadata",
            Kind::SelectionName => "selection-name",
            Kind::TargetSettings => "target-settings",
            Kind::Tests => "tests",
            Kind::Mutants => "mutants",
        }
    }

    /// What it is about.
    pub fn concern(self) -> Concern {
        match self {
            Kind::Threshold
            | Kind::LabelThreshold
            | Kind::AlertCondition
            | Kind::Parameter
            | Kind::List
            | Kind::Window
            | Kind::Aggregate
            | Kind::GroupKey
            | Kind::Measure
            | Kind::Derived
            | Kind::Label
            | Kind::Sort
            | Kind::Selection
            | Kind::Condition
            | Kind::Exclusion
            | Kind::Column
            | Kind::Throttle
            | Kind::LogSource
            | Kind::Meaning => Concern::Meaning,
            Kind::Schedule | Kind::Alert | Kind::Level => Concern::Operation,
            Kind::Title
            | Kind::Description
            | Kind::Tags
            | Kind::FalsePositives
            | Kind::References
            | Kind::Id
            | Kind::Metadata
            | Kind::SelectionName => Concern::Texts,
            Kind::TargetSettings | Kind::Tests | Kind::Mutants => Concern::Care,
        }
    }

    /// How a sentence calls it.
    fn word(self) -> &'static str {
        match self {
            Kind::LabelThreshold => "threshold of label",
            Kind::AlertCondition => "alert condition",
            Kind::GroupKey => "group key",
            Kind::Derived => "computed column",
            Kind::Sort => "order of rows",
            Kind::Column => "output column",
            Kind::LogSource => "log source",
            Kind::FalsePositives => "false positives",
            Kind::Metadata => "key",
            Kind::SelectionName => "selection renamed:",
            Kind::TargetSettings => "target setting",
            Kind::Mutants => "mutants without a difference",
            Kind::Threshold
            | Kind::Parameter
            | Kind::List
            | Kind::Window
            | Kind::Aggregate
            | Kind::Measure
            | Kind::Label
            | Kind::Selection
            | Kind::Condition
            | Kind::Exclusion
            | Kind::Throttle
            | Kind::Meaning
            | Kind::Schedule
            | Kind::Alert
            | Kind::Level
            | Kind::Title
            | Kind::Description
            | Kind::Tags
            | Kind::References
            | Kind::Id
            | Kind::Tests => self.name(),
        }
    }

    /// Whether a sentence only says from what to what: `window 1h → 30m`.
    fn is_value(self) -> bool {
        match self {
            Kind::Threshold
            | Kind::LabelThreshold
            | Kind::Parameter
            | Kind::Window
            | Kind::Sort
            | Kind::Throttle
            | Kind::Schedule
            | Kind::Alert
            | Kind::Level
            | Kind::Title
            | Kind::Description
            | Kind::Id
            | Kind::Metadata
            | Kind::SelectionName
            | Kind::TargetSettings => true,
            Kind::AlertCondition
            | Kind::List
            | Kind::Aggregate
            | Kind::GroupKey
            | Kind::Measure
            | Kind::Derived
            | Kind::Label
            | Kind::Selection
            | Kind::Condition
            | Kind::Exclusion
            | Kind::Column
            | Kind::LogSource
            | Kind::Meaning
            | Kind::Tags
            | Kind::FalsePositives
            | Kind::References
            | Kind::Tests
            | Kind::Mutants => false,
        }
    }
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What kind of thing.
    pub kind: Kind,
    /// Its name; empty if there is only one.
    pub subject: String,
    /// What it was, `None` if it was not there or only parts of it differ.
    pub before: Option<String>,
    /// What it is, `None` if it is gone or only parts of it differ.
    pub after: Option<String>,
    /// Parts that came.
    pub added: Vec<String>,
    /// Parts that went.
    pub removed: Vec<String>,
}

impl Change {
    /// Of a thing that was and is.
    pub fn new(kind: Kind, subject: impl Into<String>, before: impl Into<String>, after: impl Into<String>) -> Change {
        Change::of(kind, subject, Some(before.into()), Some(after.into()))
    }

    /// Of a thing that may have come or gone.
    pub fn of(kind: Kind, subject: impl Into<String>, before: Option<String>, after: Option<String>) -> Change {
        Change { kind, subject: subject.into(), before, after, added: Vec::new(), removed: Vec::new() }
    }

    /// Of some parts of a thing.
    pub fn parts(kind: Kind, subject: impl Into<String>, added: Vec<String>, removed: Vec<String>) -> Change {
        Change { added, removed, ..Change::of(kind, subject, None, None) }
    }

    /// What differs, in words.
    pub fn sentence(&self) -> Vec<Piece> {
        let mut pieces = vec![Piece::Plain(self.kind.word().to_owned())];
        let arrow = |before: &str, after: &str| vec![Piece::code(before), Piece::plain("→"), Piece::code(after)];
        let named = |what: &str| match self.subject.is_empty() {
            true => vec![Piece::Plain(format!("{what}:"))],
            false => vec![Piece::Plain(format!("{what}:")), Piece::code(&self.subject)],
        };
        let subject = || (!self.subject.is_empty()).then(|| Piece::code(&self.subject));
        match (&self.before, &self.after) {
            (Some(before), Some(after)) if self.kind.is_value() => {
                pieces.extend(subject());
                pieces.extend(arrow(before, after));
            }
            (Some(before), Some(after)) => {
                pieces.extend(named("changed"));
                pieces.push(Piece::plain("was"));
                pieces.extend([Piece::code(before), Piece::plain("and is"), Piece::code(after)]);
            }
            (None, Some(after)) => {
                pieces.extend(named("added"));
                pieces.extend((*after != self.subject).then(|| Piece::code(after)));
            }
            (Some(before), None) => {
                pieces.extend(named("removed"));
                pieces.extend((*before != self.subject).then(|| Piece::code(before)));
            }
            (None, None) if self.added.is_empty() && self.removed.is_empty() => match self.subject.is_empty() {
                true => pieces.push(Piece::plain("changed")),
                false => pieces.extend(named("changed")),
            },
            (None, None) => {
                pieces.extend(subject());
                pieces.extend(self.counted());
            }
        }
        pieces
    }

    /// `+2 −1: added a, b; removed c`
    fn counted(&self) -> Vec<Piece> {
        let count = |sign: &str, list: &[String]| (!list.is_empty()).then(|| format!("{sign}{}", list.len()));
        let counts: Vec<String> = [count("+", &self.added), count("−", &self.removed)].into_iter().flatten().collect();
        let mut pieces = vec![Piece::Plain(format!("{}:", counts.join(" ")))];
        for (word, list) in [("added", &self.added), ("removed", &self.removed)] {
            if list.is_empty() {
                continue;
            }
            if pieces.len() > 1 {
                pieces.push(Piece::plain("and"));
            }
            pieces.push(Piece::plain(word));
            pieces.extend(list.iter().take(SHOWN).map(|value| Piece::code(value)));
            if list.len() > SHOWN {
                pieces.push(Piece::Plain(format!("({} more)", list.len() - SHOWN)));
            }
        }
        pieces
    }
}

/// How many values of a list are shown.
const SHOWN: usize = 12;
/// How long a value is shown.
const WIDTH: usize = 160;

/// A piece of a sentence; pieces are separated by blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Our words.
    Plain(String),
    /// What an author wrote, on one line and not too long.
    Code(String),
}

impl Piece {
    /// Our words.
    pub fn plain(text: &str) -> Piece {
        Piece::Plain(text.to_owned())
    }

    /// What an author wrote: shortened, on one line, without what is not seen.
    pub fn code(text: &str) -> Piece {
        Piece::Code(short(text))
    }
}

/// A text on one line and not too long.
pub(super) fn short(text: &str) -> String {
    let text = one_line(text);
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A text on one line; characters that are not seen, or turn the direction of what follows, become blanks.
pub(super) fn one_line(text: &str) -> String {
    let lines = text.split('`').map(comment_text).collect::<Vec<_>>().join("`");
    lines.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A sentence as plain text: what an author wrote is quoted if it could be read as ours.
pub fn plain_text(pieces: &[Piece]) -> String {
    let harmless = |text: &str| {
        let bare = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | '|' | '%' | ':');
        !text.is_empty() && text.chars().all(bare)
    };
    let piece = |piece: &Piece| match piece {
        Piece::Plain(text) => text.clone(),
        Piece::Code(text) if harmless(text) => text.clone(),
        Piece::Code(text) => format!("`{text}`"),
    };
    pieces.iter().map(piece).collect::<Vec<_>>().join(" ")
}
