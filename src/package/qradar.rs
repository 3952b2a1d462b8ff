//! Detections and their AQL → a kit for QRadar: the searches, payloads of reference sets, what must exist first, recipes for rules
//! of the console's own, and a script that brings searches and sets there. QRadar's API creates neither rules nor saved searches.

use super::schedule::length;
use super::{Files, Part, Settings};
use crate::detection::{Aggregate, Detection, MeasureFunction, Modifier, Window};
use crate::diagnostic::{Diagnostic, W0901};
use crate::expression::{ColumnReference, Expression, ExpressionKind, Relational};
use crate::needs::Needs;
use crate::yaml::Value;
use serde_json::json;
use std::fmt::Write;

const SCRIPT: &str = include_str!("qradar_kit.py");

/// What the console does not do by itself.
pub fn lost_throttle(part: &Part<'_>) -> Option<Diagnostic> {
    let throttle = part.detection.alert.throttle.as_ref()?;
    let span = throttle.by.first().map_or(part.detection.metadata.title.span, |name| name.span);
    let message = "a search of QRadar returns every row, also those that a throttle would hold back".to_owned();
    let help = "`searches.json` names the period and the columns, for the program that takes the rows";
    Some(Diagnostic::warning(W0901, span, message).help(help))
}

/// All files of the kit.
pub fn files(parts: &[Part<'_>], settings: &Settings) -> Files {
    let mut files = Files::new();
    let mut searches = Vec::new();
    for part in parts {
        let path = format!("searches/{}.aql", part.name);
        let schedule = &part.detection.schedule;
        searches.push(json!({
            "file": path,
            "id": part.id(),
            "title": part.title(),
            "slot": length(schedule.every),
            "delay": length(schedule.delay),
            "fidelity": part.artefact.fidelity.mark(),
            "level": part.detection.metadata.level,
            "alert": part.detection.alert.title.as_ref().map(|title| &title.value),
            "throttle": part.detection.alert.throttle.as_ref().map(|throttle| json!({
                "for": length(throttle.period), "by": throttle.by.iter().map(|name| &name.value).collect::<Vec<_>>(),
            })),
        }));
        files.insert(path, part.artefact.text.clone());
        files.insert(format!("rules/{}.md", part.name), recipe(part));
        for (name, values) in exact_lists(part.detection) {
            let set = format!("{}_{name}", settings.name);
            let payload = json!({
                "create": { "name": set, "entry_type": "ALNIC", "namespace": "SHARED" },
                "values": values,
                "source": format!("{} {}", settings.name, settings.version),
            });
            files.insert(format!("reference-sets/{set}.json"), format!("{payload:#}\n"));
        }
    }
    files.insert("searches.json".to_owned(), format!("{:#}\n", serde_json::Value::from(searches)));
    files.insert("qradar_kit.py".to_owned(), SCRIPT.to_owned());
    files.insert("README.md".to_owned(), readme(parts, settings));
    files
}

/// The lists whose values a selection compares whole: only these can become reference sets, which know no patterns.
fn exact_lists(detection: &Detection) -> Vec<(&str, Vec<String>)> {
    let texts = |values: &[Value]| values.iter().map(text).collect::<Option<Vec<String>>>();
    let items: Vec<_> = detection.selections.iter().flat_map(|selection| selection.body.items()).collect();
    let is_exact = |values: &[String]| {
        items.iter().any(|item| {
            let own = texts(&item.values).unwrap_or_default();
            item.modifiers.iter().all(|modifier| *modifier == Modifier::Cased) && values.iter().all(|value| own.contains(value))
        })
    };
    let plain = |values: &Vec<String>| !values.is_empty() && !values.iter().any(|value| value.contains(['*', '?', '\\']));
    let lists = detection.lists.iter().filter_map(|(name, values)| Some((name.as_str(), texts(values)?)));
    lists.filter(|(_, values)| plain(values) && is_exact(values)).collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Number(number) => Some(number.text.clone()),
        Value::Null | Value::Boolean(_) | Value::List(_) | Value::Map(_) => None,
    }
}

/// How a rule of the console's own comes near to a detection, and what it loses.
fn recipe(part: &Part<'_>) -> String {
    let detection = part.detection;
    let mut text = format!("# A rule for: {}\n\n{}\n\n", part.title(), part.description());
    text.push_str(
        "QRadar's API creates no rules. This is made by hand in the Rule Wizard, as an event rule. Test first that the search in \
         `searches/` finds what it should.\n\n## Tests\n\n\
         1. *when the event matches this AQL filter query*: the condition after `WHERE` of the search's innermost `FROM events`, without \
         the two comparisons of the time\n",
    );
    let lost = match &detection.aggregate {
        None => vec!["Events that arrive late: the rule sees each event once, as it arrives.".to_owned()],
        Some(aggregate) => {
            let tests = counter_tests(aggregate, detection);
            for test in &tests {
                let _ = writeln!(text, "2. {test}");
            }
            if tests.len() > 1 {
                text.push_str("\nWhere the search joins them with `or`, each of the second tests needs a rule of its own with the first; where with `and`, one rule has all.\n");
            }
            lost(aggregate)
        }
    };
    text.push_str("\n## What it loses\n\n");
    if let Some(throttle) = &detection.alert.throttle {
        let by = throttle.by.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(" and ");
        let by = if by.is_empty() { "rule".to_owned() } else { by };
        let _ = writeln!(
            text,
            "- The throttle: set the response limiter to one response per {} for each {by}, if the wizard offers it.",
            length(throttle.period)
        );
    }
    lost.iter().for_each(|line| {
        let _ = writeln!(text, "- {line}");
    });
    text
}

/// The thresholds of counts, as counter tests.
fn counter_tests(aggregate: &Aggregate, detection: &Detection) -> Vec<String> {
    let keys: Vec<&str> = aggregate.group_by.iter().map(|key| key.name.as_str()).collect();
    let same = if keys.is_empty() { String::new() } else { format!(" with the same {}", keys.join(" and ")) };
    let window = length(aggregate.window.length().unwrap_or(detection.schedule.lookback));
    let mut tests = Vec::new();
    aggregate.condition.visit(&mut |part| {
        let Some((measure, least)) = threshold(part) else { return };
        let measure = &aggregate.measures[measure];
        if matches!(measure.function, MeasureFunction::Count) {
            let which = if measure.filter.is_some() { format!(", of those that `{}` counts", measure.name) } else { String::new() };
            tests.push(format!("*when at least {least} events are seen{same} in {window}*{which}"));
        }
    });
    tests
}

/// `measure > 5`, `measure >= 6`: the measure, and the least number that passes.
fn threshold(part: &Expression) -> Option<(usize, i64)> {
    let ExpressionKind::Compare(relational, left, right) = &part.kind else { return None };
    let (ExpressionKind::Column(ColumnReference::Measure(measure)), ExpressionKind::Number(number)) = (&left.kind, &right.kind) else {
        return None;
    };
    match relational {
        Relational::Greater => Some((*measure, number.floor() as i64 + 1)),
        Relational::GreaterOrEqual => Some((*measure, number.ceil() as i64)),
        Relational::Equal | Relational::NotEqual | Relational::Less | Relational::LessOrEqual => None,
    }
}

/// What counter tests do not say.
fn lost(aggregate: &Aggregate) -> Vec<String> {
    let mut lost = Vec::new();
    match &aggregate.window {
        Window::Tumbling(window) => {
            lost.push(format!("Windows of {} that begin at fixed times: a counter test looks back from each event.", length(*window)));
        }
        Window::Sliding { at: Some(_), .. } => lost.push("That the window is judged at some events only.".to_owned()),
        Window::Sliding { at: None, .. } => {}
        Window::Lookback => lost.push("The range of a run: a counter test looks back from each event.".to_owned()),
    }
    let others: Vec<&str> = aggregate
        .measures
        .iter()
        .filter(|measure| !matches!(measure.function, MeasureFunction::Count))
        .map(|measure| measure.name.as_str())
        .chain(aggregate.derived.iter().map(|derived| derived.name.as_str()))
        .chain(aggregate.labels.iter().map(|label| label.name.as_str()))
        .collect();
    if !others.is_empty() {
        lost.push(format!("These columns, and every condition over them: {}.", others.join(", ")));
    }
    lost.push("The row with all measures: an offense shows the events.".to_owned());
    lost
}

fn readme(parts: &[Part<'_>], settings: &Settings) -> String {
    let needs = Needs::of(parts.iter().map(|part| part.detection));
    let mut text = format!(
        "# {}: searches for QRadar\n\nVersion {}. `searches.json` lists them with their schedule slots. `python3 qradar_kit.py --help` says how they \
         are validated and run; nothing is sent to a console without `--apply`.\n\nQRadar's API creates neither rules nor saved searches, and \
         scheduled reports take no search with `HAVING`: so the script runs the searches. `rules/` says how rules of the console's own come \
         near to them, and what they lose. `reference-sets/` holds lists for such rules; the searches themselves carry their values.\n\n",
        settings.name, settings.version
    );
    text.push_str("## What must exist first\n\n");
    for (source, properties) in &needs.aql {
        let _ = writeln!(text, "- {source}: {}", properties.iter().cloned().collect::<Vec<_>>().join(", "));
    }
    for key in ["product", "aql"] {
        for line in needs.prerequisites.get(key).into_iter().flatten() {
            let _ = writeln!(text, "- {line}");
        }
    }
    text
}
