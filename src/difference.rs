//! What changed between two states of a project: the specs of both, compiled, go in; a [`Report`] comes out, which [`report`] writes as
//! text, Markdown or JSON. Nothing is read or written here.
//!
//! ```text
//! base ───────▶ Side ─┐            ┌─detections──▶ what changed in the spec
//!                     ├─Comparison─┼─alerts──────▶ what changed on the events of tests ─┬─report─▶ text, Markdown, JSON
//! working tree ▶ Side ┘ (by id,    └─targets─────▶ what changed in the queries          ┘
//!                        else path)
//! ```

mod aggregates;
pub mod alerts;
pub mod change;
mod detections;
pub mod meaning;
pub mod report;
pub mod targets;
mod tests;
mod words;

pub use detections::changes;

use crate::build::Outcome;
use crate::detection::Detection;
use crate::target::Target;
use alerts::TestDifference;
use change::{Change, Concern, Piece};
use std::collections::{BTreeMap, BTreeSet};
use targets::{Cause, Made, Settings, TargetChange, TargetDifference};

/// A spec on one side.
#[derive(Debug, Clone)]
pub struct Side {
    /// Its file, below the project's folder.
    pub path: String,
    /// Its document's name in the file.
    pub name: String,
    /// The name of its outputs.
    pub output: String,
    /// What it means.
    pub detection: Detection,
    /// What its targets make of it; nothing if it only says what others count.
    pub outcomes: Vec<(Target, Outcome)>,
    /// Of the base's side: how its text is understood in the working tree, where lists, log sources and site may be others.
    pub now: Now,
}

/// How the text of a spec at the base is understood in the working tree.
#[derive(Debug, Clone)]
pub enum Now {
    /// The text is the same as in the working tree.
    Same,
    /// The text is another one there; this is what the base's would mean.
    Means(Box<meaning::Meaning>),
    /// It cannot be used there.
    Unknown,
}

/// A spec of the working tree that cannot be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// Its file.
    pub path: String,
    /// The name of its outputs, if it has one.
    pub output: String,
    /// What is wrong: line, code and message.
    pub errors: Vec<String>,
}

/// How important a change is for who reviews it: the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Importance {
    /// The spec has errors.
    Errors,
    /// Alerts on the events of tests appear, disappear or change.
    Alerts,
    /// A query is refused, no longer built, or trusted in another way.
    Targets,
    /// The spec means something else.
    Meaning,
    /// Events or fields stand somewhere else on a platform.
    Mapping,
    /// Templates, or the site's limit, are not the same.
    Surroundings,
    /// It runs at other times, or its alerts say or do something else.
    Operation,
    /// Texts, tests, a file's place.
    Texts,
    /// Only the text of queries.
    Formatting,
}

impl Importance {
    /// All, in their order.
    pub const ALL: [Importance; 9] = [
        Importance::Errors,
        Importance::Alerts,
        Importance::Targets,
        Importance::Meaning,
        Importance::Mapping,
        Importance::Surroundings,
        Importance::Operation,
        Importance::Texts,
        Importance::Formatting,
    ];

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Importance::Errors => "errors",
            Importance::Alerts => "alerts",
            Importance::Targets => "targets",
            Importance::Meaning => "meaning",
            Importance::Mapping => "mapping",
            Importance::Surroundings => "surroundings",
            Importance::Operation => "operation",
            Importance::Texts => "texts",
            Importance::Formatting => "formatting",
        }
    }

    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Importance::Errors => "errors",
            Importance::Alerts => "alerts on test events change",
            Importance::Targets => "what is built, or its fidelity, changes",
            Importance::Meaning => "meaning changes",
            Importance::Mapping => "field mapping changes",
            Importance::Surroundings => "templates or limit change",
            Importance::Operation => "schedule or alert changes",
            Importance::Texts => "texts, tests or places only",
            Importance::Formatting => "formatting only",
        }
    }
}

/// What became of a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is on both sides.
    Changed,
    /// It is new, or had errors at the base.
    New,
    /// It is gone.
    Removed,
    /// It has errors.
    Broken,
}

impl State {
    /// Its name in JSON, and in words.
    pub fn name(self) -> &'static str {
        match self {
            State::Changed => "changed",
            State::New => "new",
            State::Removed => "removed",
            State::Broken => "errors",
        }
    }
}

/// What changed in one spec.
#[derive(Debug, Clone, PartialEq)]
pub struct SpecDifference {
    /// What became of it.
    pub state: State,
    /// Its file; of a removed one the file at the base.
    pub path: String,
    /// The file at the base, if it was another one.
    pub moved_from: Option<String>,
    /// The name of its outputs.
    pub output: String,
    /// Its id.
    pub id: Option<String>,
    /// Its title.
    pub title: String,
    /// Whether it means something else.
    pub meaning: bool,
    /// What a reviewer should know beside the changes.
    pub notes: Vec<Note>,
    /// What is wrong with it.
    pub errors: Vec<String>,
    /// What changed in the spec.
    pub changes: Vec<Change>,
    /// What changed on the events of its tests.
    pub alerts: Vec<TestDifference>,
    /// What changed in its queries.
    pub targets: Vec<TargetDifference>,
}

/// Something that a reviewer should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The spec was changed to mean something else, and `modified` was not; its date.
    NotModified(Option<String>),
    /// It had errors at the base.
    HadErrors,
    /// Its id is now another one.
    OtherId {
        /// Before; `None` if it had none.
        before: Option<String>,
        /// Now.
        after: Option<String>,
    },
    /// Its id was that of a spec in another file, which is still there.
    IdOfAnother {
        /// The id.
        id: String,
        /// The file at the base.
        from: String,
    },
    /// Its id is gone with it.
    IdGone(String),
    /// It only says what others count; nothing is built from it.
    IsBase,
}

impl Note {
    /// Whether somebody should do something about it.
    pub fn is_warning(&self) -> bool {
        match self {
            Note::NotModified(_) | Note::OtherId { .. } | Note::IdOfAnother { .. } => true,
            Note::HadErrors | Note::IdGone(_) | Note::IsBase => false,
        }
    }
}

impl SpecDifference {
    /// How important it is.
    pub fn importance(&self) -> Importance {
        match self.state {
            State::Broken => return Importance::Errors,
            State::Removed => return Importance::Targets,
            State::New => return Importance::Meaning,
            State::Changed => {}
        }
        if !self.alerts.is_empty() {
            return Importance::Alerts;
        }
        let by_target = self.targets.iter().flat_map(|target| &target.changes).filter_map(importance).min();
        let by_concern = self.changes.iter().map(|change| match change.kind.concern() {
            Concern::Meaning => Importance::Meaning,
            Concern::Operation => Importance::Operation,
            Concern::Texts | Concern::Care => Importance::Texts,
        });
        let by_place = self.moved_from.is_some().then_some(Importance::Texts);
        by_concern.chain(by_target).chain(by_place).min().unwrap_or(Importance::Formatting)
    }
}

fn importance(change: &TargetChange) -> Option<Importance> {
    match change {
        TargetChange::NowBuilt | TargetChange::NoLongerBuilt | TargetChange::NowRefused | TargetChange::OtherReason => {
            Some(Importance::Targets)
        }
        // what a code says may name the numbers of the spec
        TargetChange::Fidelity(change) if change.before == change.after => Some(Importance::Texts),
        TargetChange::Fidelity(_) => Some(Importance::Targets),
        TargetChange::Mapping(_) => Some(Importance::Mapping),
        TargetChange::Formatting => Some(Importance::Formatting),
        TargetChange::Follows(causes) => {
            let outside = |cause: &Cause| matches!(cause, Cause::Templates | Cause::Limit);
            causes.iter().any(outside).then_some(Importance::Surroundings)
        }
    }
}

/// Everything that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The revision as it was asked for.
    pub revision: String,
    /// Its commit.
    pub commit: String,
    /// What is to be known about the whole.
    pub notices: Vec<Vec<Piece>>,
    /// The specs that changed, the most important first.
    pub specs: Vec<SpecDifference>,
    /// How many specs were compared.
    pub compared: usize,
}

impl Report {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// Whether a spec of the working tree has errors.
    pub fn has_errors(&self) -> bool {
        self.specs.iter().any(|spec| spec.state == State::Broken)
    }
}

/// File → the names of its specs.
type Documents = BTreeMap<String, BTreeSet<String>>;

/// A comparison in progress: takes one file after the other, keeps what changed and the specs that have no partner yet.
#[derive(Debug, Default)]
pub struct Comparison {
    settings: Settings,
    /// The files and folders that it is about; nothing: all.
    chosen: Vec<String>,
    found: Vec<SpecDifference>,
    compared: usize,
    old: Vec<Side>,
    new: Vec<Side>,
    /// The files that had errors at the base.
    had_errors: BTreeSet<String>,
    /// The files that have errors.
    has_errors: BTreeSet<String>,
    /// The documents of each file at the base, and now.
    documents: (Documents, Documents),
}

impl Comparison {
    /// Before the first file. Specs are looked for everywhere, so that one that has moved is found; only those count that are, or
    /// were, in one of the chosen files and folders, or all.
    pub fn new(settings: Settings, chosen: Vec<String>) -> Comparison {
        Comparison { settings, chosen, ..Comparison::default() }
    }

    /// Whether it is about a spec that is, and was, in these files.
    fn counts(&mut self, paths: &[&str]) -> bool {
        let chosen = |path: &&str| self.chosen.iter().any(|folder| is_below(path, folder));
        let counts = self.chosen.is_empty() || paths.iter().any(chosen);
        self.compared += usize::from(counts);
        counts
    }

    /// A file of the base that holds specs with errors.
    pub fn had_errors(&mut self, path: &str) {
        self.had_errors.insert(path.to_owned());
    }

    /// A spec of the working tree that has errors.
    pub fn broken(&mut self, broken: Broken) {
        self.has_errors.insert(broken.path.clone());
        if !self.counts(&[&broken.path]) {
            return;
        }
        self.found.push(SpecDifference {
            state: State::Broken,
            path: broken.path,
            moved_from: None,
            output: broken.output,
            id: None,
            title: String::new(),
            meaning: false,
            notes: Vec::new(),
            errors: broken.errors,
            changes: Vec::new(),
            alerts: Vec::new(),
            targets: Vec::new(),
        });
    }

    /// The specs of one file on both sides.
    pub fn file(&mut self, old: Vec<Side>, new: Vec<Side>) {
        for (documents, sides) in [(&mut self.documents.0, &old), (&mut self.documents.1, &new)] {
            for side in sides {
                documents.entry(side.path.clone()).or_default().insert(side.name.clone());
            }
        }
        let mut old = old;
        for side in new {
            let id = |side: &Side| side.detection.metadata.id.clone();
            let is_same = |other: &Side| match (id(other), id(&side)) {
                (Some(other), Some(own)) => other == own,
                (None, None) => other.name == side.name,
                (Some(_), None) | (None, Some(_)) => false,
            };
            match old.iter().position(is_same) {
                Some(index) => self.pair(&old.remove(index), &side),
                None => self.new.push(side),
            }
        }
        self.old.extend(old);
    }

    /// No more files: pairs what is left, by id, then by path, and calls the rest new or removed.
    pub fn finish(mut self) -> (Vec<SpecDifference>, usize) {
        self.pair_by_id();
        self.pair_by_path(|old, new| old.path == new.path && old.name == new.name);
        let alone = |sides: &[Side]| {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            sides.iter().for_each(|side| *counts.entry(side.path.clone()).or_default() += 1);
            counts
        };
        let (before, after) = (alone(&self.old), alone(&self.new));
        self.pair_by_path(|old, new| old.path == new.path && before.get(&old.path) == Some(&1) && after.get(&new.path) == Some(&1));
        for side in std::mem::take(&mut self.new) {
            if self.counts(&[&side.path]) {
                let found = self.one_sided(State::New, &side);
                self.found.push(found);
            }
        }
        for side in std::mem::take(&mut self.old) {
            // a spec in a file with errors is not gone
            if !self.has_errors.contains(&side.path) && self.counts(&[&side.path]) {
                let found = self.one_sided(State::Removed, &side);
                self.found.push(found);
            }
        }
        self.found.sort_by(|a, b| (a.importance(), &a.path, &a.output).cmp(&(b.importance(), &b.path, &b.output)));
        (self.found, self.compared)
    }

    fn pair_by_id(&mut self) {
        let mut ids: BTreeMap<String, Side> = BTreeMap::new();
        let mut rest = Vec::new();
        for side in std::mem::take(&mut self.old) {
            match side.detection.metadata.id.clone() {
                Some(id) if !ids.contains_key(&id) => drop(ids.insert(id, side)),
                Some(_) | None => rest.push(side),
            }
        }
        for side in std::mem::take(&mut self.new) {
            match side.detection.metadata.id.as_ref().and_then(|id| ids.remove(id)) {
                Some(old) => self.pair(&old, &side),
                None => self.new.push(side),
            }
        }
        rest.extend(ids.into_values());
        self.old = rest;
    }

    fn pair_by_path(&mut self, is_same: impl Fn(&Side, &Side) -> bool) {
        // only files on both sides can have pairs, and few files are left
        let mut by_path: BTreeMap<String, Vec<Side>> = BTreeMap::new();
        for side in std::mem::take(&mut self.old) {
            by_path.entry(side.path.clone()).or_default().push(side);
        }
        for side in std::mem::take(&mut self.new) {
            let there = by_path.get_mut(&side.path);
            let partner = there.and_then(|sides| sides.iter().position(|old| is_same(old, &side)).map(|index| sides.remove(index)));
            match partner {
                Some(old) => self.pair(&old, &side),
                None => self.new.push(side),
            }
        }
        self.old = by_path.into_values().flatten().collect();
    }

    fn pair(&mut self, old: &Side, new: &Side) {
        if !self.counts(&[&old.path, &new.path]) {
            return;
        }
        let changes = changes(&old.detection, &new.detection);
        let after = meaning::of(&new.detection);
        let meaning = meaning::of(&old.detection) != after;
        let alerts = if meaning { alerts::compare(&old.detection, &new.detection) } else { Vec::new() };
        let made = (Some(made(old)), Some(made(new)));
        let targets = self.targets(made, (&changes, meaning), (&old.output, &new.output));
        let moved_from = (old.path != new.path).then(|| old.path.clone());
        let mut found = SpecDifference { moved_from, changes, alerts, targets, meaning, ..self.empty(State::Changed, new) };
        found.notes.extend(self.ids(old, new));
        let own = match &old.now {
            Now::Same => false,
            Now::Means(before) => **before != after,
            Now::Unknown => true,
        };
        let dates = (&old.detection.metadata.modified, &new.detection.metadata.modified);
        if meaning && own && dates.0 == dates.1 {
            found.notes.push(Note::NotModified(dates.1.clone()));
        }
        let nothing = found.changes.is_empty() && found.alerts.is_empty() && found.targets.is_empty() && found.notes.is_empty();
        if !nothing || found.moved_from.is_some() {
            found.notes.extend(new.outcomes.is_empty().then_some(Note::IsBase));
            self.found.push(found);
        }
    }

    /// What is to be said about ids.
    fn ids(&self, old: &Side, new: &Side) -> Option<Note> {
        let (before, after) = (&old.detection.metadata.id, &new.detection.metadata.id);
        if before != after {
            return before.is_some().then(|| Note::OtherId { before: before.clone(), after: after.clone() });
        }
        let is_taken = old.path != new.path && self.stays(old);
        after.clone().filter(|_| is_taken).map(|id| Note::IdOfAnother { id, from: old.path.clone() })
    }

    /// Whether there is still a spec where one was: a moved file leaves nothing behind, nor does a document that gets its own file.
    fn stays(&self, old: &Side) -> bool {
        let alone = self.documents.0.get(&old.path).is_some_and(|names| names.len() == 1);
        self.documents.1.get(&old.path).is_some_and(|names| alone || names.contains(&old.name))
    }

    fn targets(
        &self,
        made: (Option<Made<'_>>, Option<Made<'_>>),
        told: (&[Change], bool),
        (old, new): (&str, &str),
    ) -> Vec<TargetDifference> {
        let name = |target: Target, output: &str| format!("{}/{output}.{}", target.name(), target.extension());
        let compare = |target| targets::compare(target, made, told, self.settings, (&name(target, old), &name(target, new)));
        Target::ALL.into_iter().filter_map(compare).collect()
    }

    fn one_sided(&self, state: State, side: &Side) -> SpecDifference {
        let sides = match state {
            State::Removed => (Some(made(side)), None),
            State::New | State::Changed | State::Broken => (None, Some(made(side))),
        };
        let targets = self.targets(sides, (&[], true), (&side.output, &side.output));
        let mut found = SpecDifference { targets, meaning: true, ..self.empty(state, side) };
        if state == State::New && self.had_errors.contains(&side.path) {
            found.notes.push(Note::HadErrors);
        }
        if state == State::Removed {
            found.notes.extend(side.detection.metadata.id.clone().map(Note::IdGone));
        }
        found.notes.extend(side.outcomes.is_empty().then_some(Note::IsBase));
        found
    }

    fn empty(&self, state: State, side: &Side) -> SpecDifference {
        SpecDifference {
            state,
            path: side.path.clone(),
            moved_from: None,
            output: side.output.clone(),
            id: side.detection.metadata.id.clone(),
            title: side.detection.metadata.title.value.clone(),
            meaning: false,
            notes: Vec::new(),
            errors: Vec::new(),
            changes: Vec::new(),
            alerts: Vec::new(),
            targets: Vec::new(),
        }
    }
}

/// Whether a path is another one, or below it.
pub(crate) fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn made(side: &Side) -> Made<'_> {
    Made { detection: &side.detection, outcomes: &side.outcomes }
}
