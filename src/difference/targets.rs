//! What becomes of a detection on a target, before and after → what changed there and why the query has another text.

use super::change::{Change, Concern, Kind, Piece};
use super::words::{Style, Words};
use crate::build::Outcome;
use crate::detection::Detection;
use crate::logsource::{Field, Place, Platform};
use crate::needs::origin;
use crate::target::{Artefact, Deviation, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What became of a detection on a target, without the query.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// It has a query, of this fidelity.
    Built(String),
    /// It has a query of this fidelity that nobody has accepted; for these codes.
    NotAccepted(String, Vec<String>),
    /// It is not to be built, and why.
    Skipped(String),
    /// The target cannot say it, and why.
    Refused(Vec<String>),
    /// There is no such spec, or it only says what others count.
    Absent,
}

impl Status {
    fn of(outcome: Option<&Outcome>) -> Status {
        match outcome {
            None => Status::Absent,
            Some(Outcome::Built(artefact)) => Status::Built(artefact.fidelity.mark()),
            Some(Outcome::NotAccepted(artefact, open)) => {
                let told = |deviation: &&Deviation| open.iter().any(|problem| problem.message.contains(deviation.code.0));
                let codes: BTreeSet<_> = artefact.fidelity.approximations.iter().filter(told).map(|d| d.code.0.to_owned()).collect();
                Status::NotAccepted(artefact.fidelity.mark(), codes.into_iter().collect())
            }
            Some(Outcome::Skipped(reason)) => Status::Skipped(reason.clone()),
            Some(Outcome::Refused(problems)) => {
                let reason = |problem: &crate::diagnostic::Diagnostic| format!("{} ({})", problem.message, problem.code);
                Status::Refused(problems.iter().map(reason).collect())
            }
        }
    }

    /// Its name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Status::Built(_) => "built",
            Status::NotAccepted(..) => "not-accepted",
            Status::Skipped(_) => "skipped",
            Status::Refused(_) => "refused",
            Status::Absent => "absent",
        }
    }

    /// In words: the fidelity, or why there is no query.
    pub fn pieces(&self) -> Vec<Piece> {
        match self {
            Status::Built(mark) => vec![Piece::plain(mark)],
            Status::NotAccepted(mark, codes) => vec![Piece::Plain(format!("{mark}, and nobody accepts {}", codes.join(" ")))],
            Status::Skipped(reason) => vec![Piece::plain("skipped:"), Piece::code(reason)],
            Status::Refused(reasons) => {
                std::iter::once(Piece::plain("refused:")).chain(reasons.iter().map(|reason| Piece::code(reason))).collect()
            }
            Status::Absent => vec![Piece::plain("no query")],
        }
    }
}

/// Why a query has another text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The spec means something else.
    Meaning,
    /// It runs at other times.
    Schedule,
    /// Title, level or another text is part of it.
    Metadata,
    /// The templates are not the same.
    Templates,
    /// The site's limit is another one.
    Limit,
}

impl Cause {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Meaning => "meaning",
            Cause::Schedule => "schedule",
            Cause::Metadata => "metadata",
            Cause::Templates => "templates",
            Cause::Limit => "limit",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Cause::Meaning => "the changed meaning",
            Cause::Schedule => "the changed schedule",
            Cause::Metadata => "changed metadata",
            Cause::Templates => "changed templates",
            Cause::Limit => "the site's changed limit",
        }
    }
}

/// One thing that is different on a target.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetChange {
    /// There is a query now.
    NowBuilt,
    /// There is none any more, and the status says why.
    NoLongerBuilt,
    /// The target cannot say it any more.
    NowRefused,
    /// It has still no query, for another reason.
    OtherReason,
    /// It can be trusted in another way.
    Fidelity(FidelityChange),
    /// Events or fields stand somewhere else there: what, before and after.
    Mapping(Vec<(String, String, String)>),
    /// The query's text follows other changes.
    Follows(Vec<Cause>),
    /// The query's text differs, and nothing else does.
    Formatting,
}

impl TargetChange {
    /// Its name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            TargetChange::NowBuilt => "now-built",
            TargetChange::NoLongerBuilt => "no-longer-built",
            TargetChange::NowRefused => "now-refused",
            TargetChange::OtherReason => "other-reason",
            TargetChange::Fidelity(_) => "fidelity",
            TargetChange::Mapping(_) => "mapping",
            TargetChange::Follows(_) => "follows",
            TargetChange::Formatting => "formatting",
        }
    }
}

/// How far a query can be trusted, before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct FidelityChange {
    /// `exact`, `approximate`, with codes.
    pub before: String,
    /// The same now.
    pub after: String,
    /// Codes that came, and what they say here.
    pub came: Vec<(String, String)>,
    /// Codes that went.
    pub gone: Vec<String>,
    /// Codes that say something else now, and what.
    pub restated: Vec<(String, String)>,
}

/// A detection with what its targets make of it.
#[derive(Debug, Clone, Copy)]
pub struct Made<'d> {
    /// The detection.
    pub detection: &'d Detection,
    /// Its outcomes; none if it only says what others count.
    pub outcomes: &'d [(Target, Outcome)],
}

impl<'d> Made<'d> {
    fn outcome(&self, target: Target) -> Option<&'d Outcome> {
        self.outcomes.iter().find(|(other, _)| *other == target).map(|(_, outcome)| outcome)
    }
}

/// What changed on one target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetDifference {
    /// The target.
    pub target: Target,
    /// What became of it before, and now.
    pub status: (Status, Status),
    /// What is different.
    pub changes: Vec<TargetChange>,
    /// The queries' unified diff; empty if their text is the same.
    pub diff: String,
}

/// What both sides of a comparison do not share beside the specs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether the templates differ.
    pub templates: bool,
    /// Whether the site's AQL limits differ.
    pub limit: bool,
}

/// What changed on a target; `None` if nothing did. `names` are those of the artefact before and after.
pub fn compare(
    target: Target,
    (old, new): (Option<Made<'_>>, Option<Made<'_>>),
    (changes, meaning): (&[Change], bool),
    settings: Settings,
    names: (&str, &str),
) -> Option<TargetDifference> {
    let (before, after) = (old.and_then(|old| old.outcome(target)), new.and_then(|new| new.outcome(target)));
    let status = (Status::of(before), Status::of(after));
    let (old_artefact, new_artefact) = (before.and_then(artefact), after.and_then(artefact));
    let mut found: Vec<TargetChange> = whether_built(&status).into_iter().collect();
    let mut moved = false;
    if let (Some(old), Some(new)) = (old_artefact, new_artefact) {
        found.extend(fidelity(old, new));
    }
    if let (Some(old), Some(new)) = (old, new) {
        let mapping = mapping(target, old.detection, new.detection);
        moved = !mapping.is_empty();
        found.extend(moved.then_some(TargetChange::Mapping(mapping)));
    }
    let text = |artefact: Option<&Artefact>| artefact.map(|artefact| artefact.text.clone()).unwrap_or_default();
    let (old_text, new_text) = (text(old_artefact), text(new_artefact));
    if let (Some(_), Some(_), true) = (old_artefact, new_artefact, old_text != new_text) {
        let causes = causes(target, changes, meaning, settings, same_words(&old_text, &new_text));
        let told = moved || found.iter().any(|change| matches!(change, TargetChange::Fidelity(_)));
        match causes.is_empty() {
            true if told => {}
            true => found.push(TargetChange::Formatting),
            false => found.push(TargetChange::Follows(causes)),
        }
    }
    let diff = unified(&old_text, &new_text, names);
    (!found.is_empty() || !diff.is_empty()).then_some(TargetDifference { target, status, changes: found, diff })
}

fn artefact(outcome: &Outcome) -> Option<&Artefact> {
    match outcome {
        Outcome::Built(artefact) | Outcome::NotAccepted(artefact, _) => Some(artefact),
        Outcome::Skipped(_) | Outcome::Refused(_) => None,
    }
}

fn whether_built((old, new): &(Status, Status)) -> Option<TargetChange> {
    let built = |status: &Status| matches!(status, Status::Built(_));
    match new {
        Status::Built(_) => (!built(old)).then_some(TargetChange::NowBuilt),
        Status::Refused(_) if !matches!(old, Status::Refused(_)) => Some(TargetChange::NowRefused),
        Status::NotAccepted(..) | Status::Skipped(_) | Status::Absent if built(old) => Some(TargetChange::NoLongerBuilt),
        Status::NotAccepted(..) | Status::Skipped(_) | Status::Refused(_) | Status::Absent => {
            (old != new).then_some(TargetChange::OtherReason)
        }
    }
}

fn fidelity(old: &Artefact, new: &Artefact) -> Option<TargetChange> {
    let said = |artefact: &Artefact| {
        let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for deviation in artefact.fidelity.approximations.iter().chain(&artefact.fidelity.assumptions) {
            said.entry(deviation.code.0.to_owned()).or_default().insert(deviation.message.clone());
        }
        said
    };
    let (before, after) = (said(old), said(new));
    if before == after && old.fidelity.mark() == new.fidelity.mark() {
        return None;
    }
    let text = |messages: &BTreeSet<String>| messages.iter().cloned().collect::<Vec<_>>().join("; ");
    let of = |keep: &dyn Fn(&String, &BTreeSet<String>) -> bool| {
        let codes = after.iter().filter(|(code, messages)| keep(code, messages));
        codes.map(|(code, messages)| (code.clone(), text(messages))).collect::<Vec<_>>()
    };
    Some(TargetChange::Fidelity(FidelityChange {
        before: old.fidelity.mark(),
        after: new.fidelity.mark(),
        came: of(&|code, _| !before.contains_key(code)),
        gone: before.keys().filter(|code| !after.contains_key(*code)).cloned().collect(),
        restated: of(&|code, messages| before.get(code).is_some_and(|other| other != messages)),
    }))
}

/// Where events and fields stand on the target's platform, as far as both detections read them.
fn mapping(target: Target, old: &Detection, new: &Detection) -> Vec<(String, String, String)> {
    // Sigma names the product's own fields, which are part of the meaning
    let Some(platform) = target.platform().filter(|_| old.log_source.id == new.log_source.id) else { return Vec::new() };
    let (before, after) = (places(platform, old), places(platform, new));
    let differs = |(name, place): (String, String)| {
        let other = before.get(&name)?.clone();
        (other != place).then_some((name, other, place))
    };
    after.into_iter().filter_map(differs).collect()
}

fn places(platform: Platform, detection: &Detection) -> BTreeMap<String, String> {
    let mut places = BTreeMap::new();
    for source in detection.log_sources() {
        let name = |what: &str| format!("{what} of {}", source.id.path());
        let time = source.kql.as_ref().filter(|_| platform == Platform::Kql).map(|origin| format!(", time {}", origin.time));
        let place = origin(source, platform).map_or_else(|| "nowhere".to_owned(), |place| place + &time.unwrap_or_default());
        places.insert(name("events"), place);
        let words = Words::new(detection, Style::Meant);
        let chosen = source.selectors.iter().filter(|(other, _)| *other == platform).map(|(_, condition)| words.condition(condition));
        let chosen = chosen.collect::<Vec<_>>().join(" and ");
        places.insert(name("what tells events apart"), if chosen.is_empty() { "nothing".to_owned() } else { chosen });
        let first = source.prerequisites.iter().filter(|(other, _)| *other == platform).map(|(_, text)| text.as_str());
        places.insert(name("prerequisites"), first.collect::<Vec<_>>().join("; "));
    }
    detection.fields(&mut |field: &Arc<Field>| {
        places.entry(field.name.clone()).or_insert_with(|| place(field, platform));
    });
    places
}

/// Where a field stands on a platform.
fn place(field: &Field, platform: Platform) -> String {
    let Some(binding) = field.binding(platform) else { return "nowhere".to_owned() };
    let values: Vec<String> = binding.values.iter().map(|(ours, theirs)| format!("{ours} as {theirs}")).collect();
    let values = if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) };
    format!("{}{values}", place_text(&binding.place))
}

/// A place in words, with everything in which two places can differ.
fn place_text(place: &Place) -> String {
    let pairs = |pairs: &[(String, String)]| pairs.iter().map(|(a, b)| format!("{a}: {b}")).collect::<Vec<_>>().join(", ");
    let json = |text: bool| if text { "JSON in a text" } else { "JSON" };
    match place {
        Place::Column { name, kind } => format!("{name}: {}", format!("{kind:?}").to_lowercase()),
        Place::Json { column, text, path } => format!("{column}.{}: {}", path.join("."), json(*text)),
        Place::Element { column, text, key, equals, value } => format!("{column}[{key}={equals}].{value}: {}", json(*text)),
        Place::Xml { column, name } => format!("{column}/{name}: XML"),
        Place::Joined { columns, by, prefixes } => format!("{} joined by {by:?} ({})", columns.join(", "), pairs(prefixes)),
        Place::Chosen { on, cases, otherwise, kind } => {
            format!("by {on} ({}, otherwise: {otherwise}): {}", pairs(cases), format!("{kind:?}").to_lowercase())
        }
        Place::RegistryData { kind, data } => format!("registry data in {data} of the type in {kind}"),
        Place::Hashes(columns) => {
            let columns: Vec<String> = columns.iter().map(|(algorithm, column)| format!("{}={column}", algorithm.name())).collect();
            format!("hashes {}", columns.join(", "))
        }
    }
}

fn causes(target: Target, changes: &[Change], meaning: bool, settings: Settings, same_words: bool) -> Vec<Cause> {
    let causes = [
        (Cause::Meaning, meaning),
        (Cause::Schedule, target != Target::Sigma && changes.iter().any(|change| change.kind == Kind::Schedule)),
        (Cause::Metadata, changes.iter().any(|change| shows(target, change.kind))),
        (Cause::Templates, settings.templates && !same_words),
        (Cause::Limit, settings.limit && target == Target::Aql),
    ];
    causes.into_iter().filter(|(_, is_one)| *is_one).map(|(cause, _)| cause).collect()
}

/// Whether a part of a spec stands in the target's artefact: the header holds title and id, Sigma everything.
fn shows(target: Target, kind: Kind) -> bool {
    match target {
        Target::Sigma => kind == Kind::Level || (kind.concern() == Concern::Texts && kind != Kind::SelectionName),
        Target::Aql => false,
        Target::Spl | Target::Kql => matches!(kind, Kind::Title | Kind::Id),
    }
}

/// Whether two texts differ in nothing but blanks.
fn same_words(old: &str, new: &str) -> bool {
    old.split_whitespace().eq(new.split_whitespace())
}

/// The unified diff of two texts.
fn unified(old: &str, new: &str, (old_name, new_name): (&str, &str)) -> String {
    if old == new {
        return String::new();
    }
    similar::TextDiff::from_lines(old, new).unified_diff().context_radius(3).header(old_name, new_name).to_string()
}

impl TargetDifference {
    /// What changed, one sentence for each thing.
    pub fn sentences(&self) -> Vec<Vec<Piece>> {
        self.changes.iter().flat_map(|change| self.sentences_of(change)).collect()
    }

    fn sentences_of(&self, change: &TargetChange) -> Vec<Vec<Piece>> {
        let title = self.target.title();
        let (before, after) = (&self.status.0, &self.status.1);
        let status = |text: String, status: &Status| vec![[vec![Piece::Plain(text)], status.pieces()].concat()];
        match change {
            TargetChange::NowBuilt => status(format!("{title} is built now:"), after),
            TargetChange::NoLongerBuilt if *after == Status::Absent => vec![vec![Piece::Plain(format!("{title} is no longer built"))]],
            TargetChange::NoLongerBuilt => status(format!("{title} is no longer built:"), after),
            TargetChange::NowRefused => match after {
                Status::Refused(reasons) => {
                    let reasons = reasons.iter().map(|reason| Piece::code(reason));
                    vec![std::iter::once(Piece::Plain(format!("{title} is now refused:"))).chain(reasons).collect()]
                }
                Status::Built(_) | Status::NotAccepted(..) | Status::Skipped(_) | Status::Absent => Vec::new(),
            },
            TargetChange::OtherReason if *after == Status::Absent => Vec::new(),
            TargetChange::OtherReason if *before == Status::Absent => status(format!("{title} is not built:"), after),
            TargetChange::OtherReason => status(format!("{title} is still not built:"), after),
            TargetChange::Fidelity(change) => change.sentences(title),
            TargetChange::Mapping(places) => {
                let place = |(name, before, after): &(String, String, String)| {
                    vec![
                        Piece::Plain(format!("field mapping changed on {title}:")),
                        Piece::code(name),
                        Piece::code(before),
                        Piece::plain("→"),
                        Piece::code(after),
                    ]
                };
                places.iter().map(place).collect()
            }
            TargetChange::Follows(causes) => {
                let causes: Vec<&str> = causes.iter().map(|cause| cause.sentence()).collect();
                vec![vec![Piece::Plain(format!("the {title} query follows {}", causes.join(" and ")))]]
            }
            TargetChange::Formatting => vec![vec![Piece::Plain(format!("formatting only: the {title} query has another text"))]],
        }
    }
}

impl FidelityChange {
    fn sentences(&self, title: &str) -> Vec<Vec<Piece>> {
        let mut sentences = Vec::new();
        if self.before != self.after {
            sentences.push(vec![Piece::Plain(format!("fidelity of {title}: {} → {}", self.before, self.after))]);
        }
        let said =
            |word: &str, (code, message): &(String, String)| vec![Piece::Plain(format!("{title} {word} {code}:")), Piece::code(message)];
        sentences.extend(self.came.iter().map(|came| said("now has", came)));
        if !self.gone.is_empty() {
            sentences.push(vec![Piece::Plain(format!("{title} no longer has {}", self.gone.join(" ")))]);
        }
        sentences.extend(self.restated.iter().map(|restated| said("says something else for", restated)));
        sentences
    }
}
