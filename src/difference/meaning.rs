//! The normal form of what a detection means: equal for two detections exactly if the evaluator is told the same by both. It holds no
//! places, no names of selections, parameters or lists, and no order where order does not matter.
//!
//! Every type is taken apart by name, so that a part that is added to [`Detection`] is not forgotten here.

use super::words::{Style, Words};
use crate::detection::{Aggregate, Alert, Derived, Detection, GroupKey, Label, Measure};
use crate::logsource::{Field, LogSource};
use crate::target::sigma::formula_text;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

/// What a detection means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    text: String,
}

impl Meaning {
    /// As text, for comparison only.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// The meaning of a detection.
pub fn of(detection: &Detection) -> Meaning {
    let Detection {
        metadata: _,
        log_source,
        log_source_span: _,
        selections,
        formula,
        exclusions,
        condition,
        columns,
        aggregate,
        // when it runs, what its alerts say, and what is said about targets and tests is compared on its own
        schedule: _,
        alert: Alert { title: _, description: _, throttle, risk_score: _, entities: _, actions: _ },
        targets: _,
        tests: _,
        equivalent_mutants: _,
        // their values stand where they are used
        parameters: _,
        lists: _,
    } = detection;
    let words = Words::new(detection, Style::Meant);
    let mut text = format!("condition {}\n", words.condition(condition));
    let chained: Vec<_> = detection.chained().collect();
    if !chained.is_empty() {
        let _ = writeln!(text, "formula {}", formula_text(formula, selections));
        for exclusion in exclusions {
            let _ = writeln!(text, "without {}", words.condition(&exclusion.condition));
        }
    }
    for (index, chained) in chained {
        let fields: Vec<_> = chained.fields.iter().map(|(name, field)| (name, &field.name)).collect();
        let _ = writeln!(text, "alerts {:?} {fields:?} {{{}}}", selections[index].name, of(&chained.detection).text);
    }
    for column in columns {
        let _ = writeln!(text, "column {:?} {:?}", column.name, column.field.name);
    }
    if let Some(aggregate) = aggregate {
        self::aggregate(&mut text, aggregate, words);
    }
    if let Some(throttle) = throttle {
        let by: BTreeSet<&String> = throttle.by.iter().map(|column| &column.value).collect();
        let _ = writeln!(text, "throttle {} {by:?}", throttle.period);
    }
    events(&mut text, detection, log_source);
    Meaning { text }
}

fn aggregate(text: &mut String, aggregate: &Aggregate, words: Words<'_>) {
    let Aggregate { group_by, window, measures, derived, condition, labels, sort, span: _ } = aggregate;
    for GroupKey { name, field, lower, span: _ } in group_by {
        let _ = writeln!(text, "key {name:?} {:?} {lower}", field.name);
    }
    let _ = writeln!(text, "window {}", words.window(window));
    // they are found by their names, wherever they stand
    let mut lines = Vec::new();
    for measure in measures {
        let Measure { name, function: _, filter: _, span: _ } = measure;
        lines.push(format!("measure {name:?} {}\n", words.measure(measure)));
    }
    for Derived { name, expression, span: _ } in derived {
        lines.push(format!("derived {name:?} {}\n", words.expression(expression)));
    }
    for Label { name, cases, otherwise, span: _ } in labels {
        let cases: Vec<_> = cases.iter().map(|(when, then)| (words.expression(when), then)).collect();
        lines.push(format!("label {name:?} {cases:?} {otherwise:?}\n"));
    }
    lines.sort();
    text.extend(lines);
    let _ = writeln!(text, "alert if {}", words.expression(condition));
    let _ = writeln!(text, "sort {sort:?}");
}

/// How the fields that it reads are found in the product's events.
fn events(text: &mut String, detection: &Detection, log_source: &LogSource) {
    let _ = writeln!(text, "events {:?} {:?} {}", log_source.id.path(), log_source.time_format, field(&log_source.time));
    let mut fields = BTreeSet::new();
    detection.fields(&mut |read: &Arc<Field>| {
        fields.insert(field(read));
    });
    fields.into_iter().for_each(|field| text.extend([&field, "\n"]));
    let words = Words::new(detection, Style::Meant);
    for own in log_source.own_events() {
        let _ = writeln!(text, "own {}", words.condition(&own));
    }
}

/// What the evaluator asks of a field.
fn field(field: &Field) -> String {
    let Field {
        name,
        kind,
        list,
        first_only,
        event,
        aliases: _,
        written: _,
        description: _,
        ecs: _,
        optional: _,
        absent_for: _,
        aql: _,
        spl: _,
        kql: _,
        missing: _,
    } = field;
    format!("field {name:?} {kind:?} {list} {first_only} {:?}", event.text())
}
