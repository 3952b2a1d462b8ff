//! A report for programs: everything, in full.

use super::{Report, SpecDifference, plain_text};
use crate::difference::alerts::{ChangedAlert, Events, TestDifference};
use crate::difference::change::Change;
use crate::difference::targets::{FidelityChange, Status, TargetChange, TargetDifference};
use crate::difference::{Note, change::Piece};
use serde_json::{Map, Value as Json, json};

/// The whole report.
pub(super) fn write(report: &Report) -> Json {
    json!({
        "base": { "revision": report.revision, "commit": report.commit },
        "summary": report.summary(),
        "compared": report.compared,
        "changed": report.specs.len(),
        "notices": report.notices.iter().map(|notice| plain_text(notice)).collect::<Vec<_>>(),
        "specs": report.specs.iter().map(spec).collect::<Vec<_>>(),
    })
}

fn spec(spec: &SpecDifference) -> Json {
    json!({
        "path": spec.path,
        "moved-from": spec.moved_from,
        "output": spec.output,
        "id": spec.id,
        "title": spec.title,
        "state": spec.state.name(),
        "importance": spec.importance().name(),
        "meaning-changed": spec.meaning,
        "errors": spec.errors,
        "warnings": notes(spec, true),
        "notes": notes(spec, false),
        "changes": spec.changes.iter().map(change).collect::<Vec<_>>(),
        "alerts": spec.alerts.iter().map(test).collect::<Vec<_>>(),
        "targets": spec.targets.iter().map(target).collect::<Vec<_>>(),
    })
}

fn notes(spec: &SpecDifference, warnings: bool) -> Vec<String> {
    let notes = spec.notes.iter().filter(|note| note.is_warning() == warnings);
    let text = |note: &Note| plain_text(&note.sentence());
    let plain = |text: String| text.split_once(": ").map_or(text.clone(), |(_, rest)| rest.to_owned());
    notes.map(text).map(plain).collect()
}

fn change(change: &Change) -> Json {
    json!({
        "kind": change.kind.name(),
        "subject": change.subject,
        "before": change.before,
        "after": change.after,
        "added": change.added,
        "removed": change.removed,
        "sentence": plain_text(&change.sentence()),
    })
}

fn test(test: &TestDifference) -> Json {
    let events = match test.events {
        Events::New => "new",
        Events::Old => "base",
    };
    json!({
        "test": test.test,
        "events": events,
        "appeared": test.appeared,
        "disappeared": test.disappeared,
        "changed": test.changed.iter().map(changed).collect::<Vec<_>>(),
        "problems": { "before": test.problems.0, "after": test.problems.1 },
    })
}

fn changed(alert: &ChangedAlert) -> Json {
    let column = |(name, before, after): &(String, Option<Json>, Option<Json>)| json!({ "column": name, "before": before, "after": after });
    json!({
        "before": alert.before,
        "after": alert.after,
        "columns": alert.columns.iter().map(column).collect::<Vec<_>>(),
    })
}

fn target(target: &TargetDifference) -> Json {
    let sentences: Vec<String> = target.sentences().iter().map(|sentence: &Vec<Piece>| plain_text(sentence)).collect();
    json!({
        "target": target.target.name(),
        "before": status(&target.status.0),
        "after": status(&target.status.1),
        "changes": target.changes.iter().map(target_change).collect::<Vec<_>>(),
        "sentences": sentences,
        "diff": target.diff,
    })
}

fn status(status: &Status) -> Json {
    let (mut fidelity, mut codes, mut reasons) = (None, Vec::new(), Vec::new());
    match status {
        Status::Built(mark) => fidelity = Some(mark.clone()),
        Status::NotAccepted(mark, open) => {
            fidelity = Some(mark.clone());
            codes.clone_from(open);
        }
        Status::Skipped(reason) => reasons.push(reason.clone()),
        Status::Refused(refusals) => reasons.clone_from(refusals),
        Status::Absent => {}
    }
    json!({ "state": status.name(), "fidelity": fidelity, "not-accepted": codes, "reasons": reasons })
}

fn target_change(change: &TargetChange) -> Json {
    let mut json = Map::new();
    json.insert("kind".to_owned(), change.name().into());
    match change {
        TargetChange::Fidelity(change) => json.extend(fidelity(change)),
        TargetChange::Mapping(places) => {
            let place = |(name, before, after): &(String, String, String)| json!({ "name": name, "before": before, "after": after });
            json.insert("places".to_owned(), places.iter().map(place).collect());
        }
        TargetChange::Follows(causes) => {
            json.insert("causes".to_owned(), causes.iter().map(|cause| Json::from(cause.name())).collect());
        }
        TargetChange::NowBuilt
        | TargetChange::NoLongerBuilt
        | TargetChange::NowRefused
        | TargetChange::OtherReason
        | TargetChange::Formatting => {}
    }
    Json::Object(json)
}

fn fidelity(change: &FidelityChange) -> [(String, Json); 5] {
    let said = |list: &[(String, String)]| list.iter().map(|(code, message)| json!({ "code": code, "message": message })).collect();
    [
        ("before".to_owned(), change.before.clone().into()),
        ("after".to_owned(), change.after.clone().into()),
        ("came".to_owned(), said(&change.came)),
        ("gone".to_owned(), change.gone.iter().map(|code| Json::from(code.as_str())).collect()),
        ("restated".to_owned(), said(&change.restated)),
    ]
}
