//! Two detections → everything in which they differ, one [`Change`] for each thing, in the order of a spec.

use super::change::{Change, Concern, Kind};
use super::meaning;
use super::words::{self, Style, Words};
use super::{aggregates, tests};
use crate::detection::{
    Alert, Column, Condition, Detection, Entity, Formula, Item, Metadata, Quantity, Schedule, Selection, SelectionBody, TargetSettings,
};
use crate::logsource::{Field, LogSource};
use crate::lower::{column_name, duration_text};
use crate::source::Spanned;
use crate::target::Target;
use std::collections::{BTreeMap, BTreeSet};

/// Two versions of one thing.
pub(super) struct Pair<'d, T> {
    pub old: &'d T,
    pub new: &'d T,
}

// derived ones would ask for things that can be copied
impl<T> Clone for Pair<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Pair<'_, T> {}

impl<'d, T> Pair<'d, T> {
    /// The same part of both.
    pub fn map<U>(self, part: impl Fn(&'d T) -> &'d U) -> Pair<'d, U> {
        Pair { old: part(self.old), new: part(self.new) }
    }

    /// A value of both.
    pub fn of<U>(self, value: impl Fn(&'d T) -> U) -> (U, U) {
        (value(self.old), value(self.new))
    }
}

/// Everything in which two detections differ. If they differ in meaning, something says so.
pub fn changes(old: &Detection, new: &Detection) -> Vec<Change> {
    let pair = Pair { old, new };
    let mut changes = Vec::new();
    aggregates::parameters(pair, &mut changes);
    lists(pair, &mut changes);
    selections(pair, &mut changes);
    condition(pair, &mut changes);
    exclusions(pair, &mut changes);
    columns(pair, &mut changes);
    aggregates::changes(pair, &mut changes);
    throttle(pair, &mut changes);
    log_source(pair, &mut changes);
    let is_said = changes.iter().any(|change| change.kind.concern() == Concern::Meaning);
    if !is_said && meaning::of(old) != meaning::of(new) {
        changes.push(Change::of(Kind::Meaning, "", None, None));
    }
    schedule(pair.map(|detection| &detection.schedule), &mut changes);
    alert(pair.map(|detection| &detection.alert), &mut changes);
    metadata(pair.map(|detection| &detection.metadata), &mut changes);
    Target::ALL.into_iter().for_each(|target| settings(pair, target, &mut changes));
    tests::changes(pair, &mut changes);
    changes
}

/// What came and what went; how often something stands in a list does not matter.
pub(super) fn came_and_went<T: Ord + Clone>(old: &[T], new: &[T]) -> (Vec<T>, Vec<T>) {
    let (before, after): (BTreeSet<&T>, BTreeSet<&T>) = (old.iter().collect(), new.iter().collect());
    let only = |list: &[T], other: &BTreeSet<&T>| {
        let mut seen = BTreeSet::new();
        list.iter().filter(|value| !other.contains(value) && seen.insert(*value)).cloned().collect()
    };
    (only(new, &before), only(old, &after))
}

/// A change if something came or went.
pub(super) fn of_parts(kind: Kind, subject: &str, old: &[String], new: &[String]) -> Option<Change> {
    let (added, removed) = came_and_went(old, new);
    (!added.is_empty() || !removed.is_empty()).then(|| Change::parts(kind, subject, added, removed))
}

/// A change if two values are not the same.
pub(super) fn of_values(kind: Kind, subject: &str, old: Option<String>, new: Option<String>) -> Option<Change> {
    (old != new).then(|| Change::of(kind, subject, old, new))
}

/// Named things of both sides, those of the new side first; of several with one name each with its own.
pub(super) fn by_name<'d, T>(old: &'d [T], new: &'d [T], name: impl Fn(&T) -> &str) -> Vec<(String, Option<&'d T>, Option<&'d T>)> {
    let numbered = |list: &'d [T]| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let number = |thing: &'d T| {
            let count = counts.entry(name(thing).to_owned()).or_default();
            *count += 1;
            ((name(thing).to_owned(), *count), thing)
        };
        list.iter().map(number).collect::<Vec<_>>()
    };
    let (before, after) = (numbered(old), numbered(new));
    let mut left: BTreeMap<_, _> = before.iter().cloned().collect();
    let mut both: Vec<_> = after.into_iter().map(|(key, thing)| (key.0.clone(), left.remove(&key), Some(thing))).collect();
    both.extend(before.into_iter().filter(|(key, _)| left.contains_key(key)).map(|(key, thing)| (key.0, Some(thing), None)));
    both
}

fn lists(pair: Pair<'_, Detection>, changes: &mut Vec<Change>) {
    for (name, before, after) in by_name(&pair.old.lists, &pair.new.lists, |(name, _)| name) {
        let values = |list: &(String, Vec<crate::yaml::Value>)| list.1.iter().map(words::value).collect::<Vec<_>>();
        match (before.map(values), after.map(values)) {
            (Some(before), Some(after)) => changes.extend(of_parts(Kind::List, &name, &before, &after)),
            (before, after) => {
                let text = |values: Option<Vec<String>>| values.map(|values| values.join(", "));
                changes.push(Change::of(Kind::List, name, text(before), text(after)));
            }
        }
    }
}

/// What the lists say of the values that came and went.
fn of_lists(changes: &[Change]) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let lists = || changes.iter().filter(|change| change.kind == Kind::List);
    let added = lists().flat_map(|change| &change.added).map(String::as_str).collect();
    (added, lists().flat_map(|change| &change.removed).map(String::as_str).collect())
}

fn selections(pair: Pair<'_, Detection>, changes: &mut Vec<Change>) {
    let (old, new) = (&pair.old.selections, &pair.new.selections);
    let meaning = |detection: &Detection, selection: &Selection| match selection.body.alerts() {
        Some(chained) => meaning::of(&chained.detection).text().to_owned(),
        None => Words::new(detection, Style::Meant).condition(&selection.condition),
    };
    let mut found = Vec::new();
    let (mut gone, mut came) = (Vec::new(), Vec::new());
    for (name, before, after) in by_name(old, new, |selection| &selection.name) {
        match (before, after) {
            (Some(before), Some(after)) if meaning(pair.old, before) == meaning(pair.new, after) => {}
            (Some(before), Some(after)) => found.extend(selection(&name, before, after, &of_lists(changes))),
            (Some(before), None) => gone.push(before),
            (None, Some(after)) => came.push(after),
            (None, None) => {}
        }
    }
    for after in came {
        let renamed = gone.iter().position(|before| meaning(pair.old, before) == meaning(pair.new, after));
        found.push(match renamed {
            Some(index) => Change::new(Kind::SelectionName, "", &gone.remove(index).name, &after.name),
            None => Change::of(Kind::Selection, &after.name, None, Some(words::body(&after.body))),
        });
    }
    found.extend(gone.into_iter().map(|before| Change::of(Kind::Selection, &before.name, Some(words::body(&before.body)), None)));
    changes.extend(found);
}

/// What differs in one selection; nothing if the lists that it uses have said it.
fn selection(name: &str, old: &Selection, new: &Selection, (added, removed): &(BTreeSet<&str>, BTreeSet<&str>)) -> Option<Change> {
    match values(&old.body, &new.body) {
        Some((came, went)) if came.iter().all(|value| added.contains(&**value)) && went.iter().all(|value| removed.contains(&**value)) => {
            None
        }
        Some((came, went)) => Some(Change::parts(Kind::Selection, name, came, went)),
        None => {
            let (before, after) = (words::body(&old.body), words::body(&new.body));
            match before == after {
                // it reads the same and means something else: a field that is read elsewhere, or an inner rule
                true => Some(Change::of(Kind::Selection, name, None, None)),
                false => Some(Change::new(Kind::Selection, name, before, after)),
            }
        }
    }
}

/// The values that came and went, if nothing else differs.
fn values(old: &SelectionBody, new: &SelectionBody) -> Option<(Vec<String>, Vec<String>)> {
    let (SelectionBody::Items(before), SelectionBody::Items(after)) = (old, new) else { return None };
    let keys = |items: &[Item]| items.iter().map(words::item_key).collect::<Vec<_>>();
    if keys(before) != keys(after) {
        return None;
    }
    let (mut came, mut went) = (Vec::new(), Vec::new());
    for (before, after) in before.iter().zip(after) {
        let texts = |item: &Item| item.values.iter().map(words::value).collect::<Vec<_>>();
        let (added, removed) = came_and_went(&texts(before), &texts(after));
        came.extend(added);
        went.extend(removed);
    }
    (!came.is_empty() || !went.is_empty()).then_some((came, went))
}

fn condition(pair: Pair<'_, Detection>, changes: &mut Vec<Change>) {
    let text = |detection: &Detection| {
        let written = crate::target::sigma::formula_text(&detection.formula, &detection.selections);
        if detection.formula == Formula::Everything { "everything".to_owned() } else { written }
    };
    let (old, new) = pair.of(text);
    let (before, after) = pair.of(|detection| formula(&detection.formula, &detection.selections));
    let (whole_before, whole_after) = pair.of(|detection| Words::new(detection, Style::Meant).condition(&detection.condition));
    let counts_alerts = pair.new.chained().next().is_some() || pair.old.chained().next().is_some();
    let renamed = changes.iter().any(|change| change.kind == Kind::SelectionName);
    // a condition over renamed selections, or one that says the same in another way, means what the events say
    if before == after || (!counts_alerts && whole_before == whole_after) {
        return;
    }
    if renamed && same_shape(&pair.old.formula, &pair.new.formula) {
        return;
    }
    match old == new {
        // `1 of them` over other selections, of which each is named
        true => changes.push(Change::of(Kind::Condition, "", None, None)),
        false => changes.push(Change::new(Kind::Condition, "", old, new)),
    }
}

/// Whether two formulas only differ in the selections that they name.
fn same_shape(old: &Formula, new: &Formula) -> bool {
    let count = |formula: &Formula| formula.selections().len();
    count(old) == count(new) && old.without_patterns() == new.without_patterns()
}

/// A formula over the names of its selections, in one order.
fn formula(formula: &Formula, selections: &[Selection]) -> String {
    let names = |parts: &[Formula], word: &str| {
        let mut parts: Vec<String> = parts.iter().map(|part| format!("({})", self::formula(part, selections))).collect();
        parts.sort();
        parts.join(word)
    };
    match formula {
        Formula::Everything => "everything".to_owned(),
        Formula::Selection(index) => selections.get(*index).map(|selection| selection.name.clone()).unwrap_or_default(),
        Formula::Not(inner) => format!("not ({})", self::formula(inner, selections)),
        Formula::And(parts) => names(parts, " and "),
        Formula::Or(parts) => names(parts, " or "),
        Formula::Quantified { count, pattern: _, selections: indexes } => {
            let parts: Vec<Formula> = indexes.iter().map(|index| Formula::Selection(*index)).collect();
            match count {
                Quantity::All => names(&parts, " and "),
                Quantity::AtLeast(1) => names(&parts, " or "),
                Quantity::AtLeast(count) => format!("{count} of {}", names(&parts, ", ")),
            }
        }
    }
}

fn exclusions(pair: Pair<'_, Detection>, changes: &mut Vec<Change>) {
    for (reason, before, after) in by_name(&pair.old.exclusions, &pair.new.exclusions, |exclusion| &exclusion.reason) {
        let text = |exclusion: &crate::detection::Exclusion| words::body(&exclusion.body);
        changes.extend(of_values(Kind::Exclusion, &reason, before.map(text), after.map(text)));
    }
}

fn columns(pair: Pair<'_, Detection>, changes: &mut Vec<Change>) {
    let name = |column: &Column| match column.name == column_name(&column.field.name) {
        true => column.field.name.clone(),
        false => format!("{}: {}", column.name, column.field.name),
    };
    let names = |detection: &Detection| detection.columns.iter().map(name).collect::<Vec<_>>();
    let (old, new) = pair.of(names);
    match of_parts(Kind::Column, "", &old, &new) {
        Some(change) => changes.push(change),
        None if old != new => changes.push(Change::new(Kind::Column, "", old.join(", "), new.join(", "))),
        None => {}
    }
}

fn throttle(pair: Pair<'_, Detection>, changes: &mut Vec<Change>) {
    let text = |detection: &Detection| {
        detection.alert.throttle.as_ref().map(|throttle| {
            let by: Vec<&str> = throttle.by.iter().map(|column| column.value.as_str()).collect();
            let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
            format!("{}{by}", duration_text(throttle.period))
        })
    };
    let (old, new) = pair.of(text);
    changes.extend(of_values(Kind::Throttle, "", old, new));
}

fn log_source(pair: Pair<'_, Detection>, changes: &mut Vec<Change>) {
    let (old, new) = pair.of(|detection| &*detection.log_source);
    changes.extend(of_values(Kind::LogSource, "", Some(old.id.path()), Some(new.id.path())));
    changes.extend(of_values(Kind::Metadata, "logsource.definition", old.definition.clone(), new.definition.clone()));
    if old.id != new.id {
        return;
    }
    let (before, after) = pair.of(fields);
    for (name, field) in &after {
        if let Some(other) = before.get(name) {
            changes.extend(of_values(Kind::LogSource, name, Some(other.clone()), Some(field.clone())));
        }
    }
    let own = |source: &LogSource, detection: &Detection| {
        let words = Words::new(detection, Style::Meant);
        source.own_events().iter().map(|own: &Condition| words.condition(own)).collect::<Vec<_>>().join(" and ")
    };
    let (before, after) = (own(old, pair.old), own(new, pair.new));
    changes.extend(of_values(Kind::LogSource, "own events", Some(before), Some(after)));
}

/// How the fields that it reads are found in the product's events.
fn fields(detection: &Detection) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let text = |field: &Field| {
        let list = if field.list { ", a list" } else { "" };
        format!("{} ({}{list})", field.event.text(), format!("{:?}", field.kind).to_lowercase())
    };
    let mut see = |field: &Field| {
        found.insert(field.name.clone(), text(field));
    };
    see(&detection.log_source.time);
    detection.fields(&mut |field| see(field));
    found
}

fn schedule(pair: Pair<'_, Schedule>, changes: &mut Vec<Change>) {
    // whether it is written does not matter
    let parts = |schedule: &Schedule| {
        let Schedule { every, lookback, delay, span: _ } = schedule;
        [("every", *every), ("lookback", *lookback), ("delay", *delay)]
    };
    let (old, new) = pair.of(parts);
    for ((name, before), (_, after)) in old.into_iter().zip(new) {
        changes.extend(of_values(Kind::Schedule, name, Some(duration_text(before)), Some(duration_text(after))));
    }
}

fn alert(pair: Pair<'_, Alert>, changes: &mut Vec<Change>) {
    let text = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.value.clone());
    let (old, new) = (pair.old, pair.new);
    changes.extend(of_values(Kind::Alert, "title", text(&old.title), text(&new.title)));
    changes.extend(of_values(Kind::Alert, "description", text(&old.description), text(&new.description)));
    let risk = |alert: &Alert| alert.risk_score.map(|risk| risk.to_string());
    changes.extend(of_values(Kind::Alert, "risk_score", risk(old), risk(new)));
    let entities = |alert: &Alert| alert.entities.iter().map(entity).collect::<Vec<_>>();
    changes.extend(of_parts(Kind::Alert, "entities", &entities(old), &entities(new)));
    let actions = |alert: &Alert| alert.actions.iter().map(|action| action.value.clone()).collect::<Vec<_>>();
    changes.extend(of_parts(Kind::Alert, "actions", &actions(old), &actions(new)));
}

fn entity(entity: &Entity) -> String {
    let Entity { kind, column, identifier } = entity;
    let identifier = identifier.as_ref().map(|identifier| format!(" as {identifier}")).unwrap_or_default();
    format!("{kind}: {}{identifier}", column.value)
}

fn metadata(pair: Pair<'_, Metadata>, changes: &mut Vec<Change>) {
    let (old, new) = (pair.old, pair.new);
    let Metadata {
        title,
        id,
        id_span: _,
        name,
        related: _,
        status,
        level,
        description,
        license,
        author,
        date,
        modified,
        references,
        tags,
        falsepositives,
        taxonomy,
        scope,
        custom: _,
    } = new;
    let mut value = |kind: Kind, subject: &str, before: &Option<String>, after: &Option<String>| {
        changes.extend(of_values(kind, subject, before.clone(), after.clone()));
    };
    value(Kind::Level, "", &old.level, level);
    value(Kind::Title, "", &Some(old.title.value.clone()), &Some(title.value.clone()));
    value(Kind::Id, "", &old.id, id);
    value(Kind::Description, "", &old.description, description);
    value(Kind::Metadata, "name", &old.name, name);
    value(Kind::Metadata, "status", &old.status, status);
    value(Kind::Metadata, "license", &old.license, license);
    value(Kind::Metadata, "author", &old.author, author);
    value(Kind::Metadata, "date", &old.date, date);
    value(Kind::Metadata, "modified", &old.modified, modified);
    value(Kind::Metadata, "taxonomy", &old.taxonomy, taxonomy);
    let names = |tags: &[Spanned<String>]| tags.iter().map(|tag| tag.value.clone()).collect::<Vec<_>>();
    let related = |metadata: &Metadata| metadata.related.iter().map(|(id, kind)| format!("{kind} {id}")).collect::<Vec<_>>();
    changes.extend(of_parts(Kind::Tags, "", &names(&old.tags), &names(tags)));
    changes.extend(of_parts(Kind::FalsePositives, "", &old.falsepositives, falsepositives));
    changes.extend(of_parts(Kind::References, "", &old.references, references));
    changes.extend(of_parts(Kind::Metadata, "related", &related(old), &related(new)));
    changes.extend(of_parts(Kind::Metadata, "scope", &old.scope, scope));
    for (key, before, after) in by_name(&old.custom, &new.custom, |(key, _)| key) {
        let text = |entry: &(String, crate::yaml::Value)| words::value(&entry.1);
        changes.extend(of_values(Kind::Metadata, &key, before.map(text), after.map(text)));
    }
}

fn settings(pair: Pair<'_, Detection>, target: Target, changes: &mut Vec<Change>) {
    let of = |detection: &Detection| detection.targets.iter().find(|settings| settings.target == target).cloned();
    let (old, new) = pair.of(of);
    let accept = |settings: &Option<TargetSettings>| {
        let codes = settings.iter().flat_map(|settings| &settings.accept);
        codes.map(|code| code.value.clone()).collect::<Vec<_>>()
    };
    let reason = |settings: &Option<TargetSettings>, part: fn(&TargetSettings) -> &Option<Spanned<String>>| {
        settings.as_ref().and_then(|settings| part(settings).as_ref()).map(|reason| reason.value.clone())
    };
    let name = |key: &str| format!("{} {key}", target.name());
    changes.extend(of_parts(Kind::TargetSettings, &name("accept"), &accept(&old), &accept(&new)));
    let skip: fn(&TargetSettings) -> &Option<Spanned<String>> = |settings| &settings.skip;
    let query_only: fn(&TargetSettings) -> &Option<Spanned<String>> = |settings| &settings.query_only;
    changes.extend(of_values(Kind::TargetSettings, &name("skip"), reason(&old, skip), reason(&new, skip)));
    changes.extend(of_values(Kind::TargetSettings, &name("query-only"), reason(&old, query_only), reason(&new, query_only)));
}
