//! A detection in words: the condition's stages, every predicate as field / operator / values with the number of other
//! specs that look for the same, measures and thresholds, and what each target can say.

use crate::build::Outcome;
use crate::detection::{Aggregate, Detection, Formula, Item, MeasureFunction, Selection, SelectionBody, Window};
use crate::lower::duration_text;
use crate::target::{Target, sigma::formula_text};
use crate::yaml::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Which specs look for which field, operator and value.
#[derive(Default)]
pub struct Indicators {
    known: BTreeMap<(String, String, String), BTreeSet<String>>,
}

impl Indicators {
    /// Adds the indicators of a spec.
    pub fn add(&mut self, path: &str, detection: &Detection) {
        for selection in &detection.selections {
            for item in items(&selection.body) {
                for value in &item.values {
                    let key = (field_name(item), operator(item), value_text(value).to_lowercase());
                    self.known.entry(key).or_default().insert(path.to_owned());
                }
            }
        }
    }

    /// What a spec looks for, each once: field, operator, value, and in how many other specs the same stands.
    pub fn rows(&self, path: &str, detection: &Detection) -> BTreeSet<(String, String, String, usize)> {
        let mut rows = BTreeSet::new();
        for Selection { body, .. } in &detection.selections {
            for item in items(body) {
                for value in &item.values {
                    rows.insert((field_name(item), operator(item), value_text(value), self.others(path, item, value)));
                }
            }
        }
        rows
    }

    /// In how many other specs an indicator stands.
    fn others(&self, path: &str, item: &Item, value: &Value) -> usize {
        let key = (field_name(item), operator(item), value_text(value).to_lowercase());
        self.known.get(&key).map_or(0, |specs| specs.iter().filter(|spec| *spec != path).count())
    }
}

/// The whole explanation.
pub fn explain(path: &str, detection: &Detection, indicators: &Indicators, outcomes: &[(Target, Outcome)]) -> String {
    let mut text = String::new();
    let metadata = &detection.metadata;
    let _ = writeln!(text, "{}\n{path}", metadata.title.value);
    if let Some(description) = &metadata.description {
        let _ = writeln!(text, "\n{}", description.trim_end());
    }
    let _ = writeln!(text, "\nLog source: {} ({})", detection.log_source.id.path(), detection.log_source.title);
    let _ = writeln!(text, "\nStages");
    stages(&mut text, detection, usize::MAX);
    predicates(&mut text, path, detection, indicators);
    if let Some(aggregate) = &detection.aggregate {
        measures(&mut text, detection, aggregate);
    }
    let _ = writeln!(text, "\nSchedule: {}", schedule(detection));
    fidelity(&mut text, outcomes);
    text
}

/// The condition and the selections that it is about, one line each; of an item so many values at most.
pub fn stages(text: &mut String, detection: &Detection, most: usize) {
    let condition = if detection.formula == Formula::Everything {
        "every event of the log source".to_owned()
    } else {
        formula_text(&detection.formula, &detection.selections)
    };
    let _ = writeln!(text, "  0  condition: {condition}");
    for (index, selection) in detection.selections.iter().enumerate() {
        let _ = writeln!(text, "  {}  {}", index + 1, selection.name);
        body(text, &selection.body, "       ", most);
    }
    for exclusion in &detection.exclusions {
        let _ = writeln!(text, "  -  left out at this site: {}", exclusion.reason);
        body(text, &exclusion.body, "       ", most);
    }
}

fn body(text: &mut String, of: &SelectionBody, indent: &str, most: usize) {
    match of {
        SelectionBody::Items(items) => {
            for item in items {
                let values: Vec<String> = item.values.iter().take(most).map(value_text).collect();
                let more = item.values.len().saturating_sub(most);
                let more = if more == 0 { String::new() } else { format!(" | and {more} more") };
                let _ = writeln!(text, "{indent}{} {} {}{more}", field_name(item), operator(item), values.join(" | "));
            }
        }
        SelectionBody::Alternatives(bodies) => {
            for (index, inner) in bodies.iter().enumerate() {
                if index > 0 {
                    let _ = writeln!(text, "{indent}or");
                }
                body(text, inner, &format!("{indent}  "), most);
            }
        }
        SelectionBody::Alerts(chained) => {
            let _ = writeln!(text, "{indent}alerts of `{}`", chained.detection.metadata.title.value);
        }
    }
}

fn predicates(text: &mut String, path: &str, detection: &Detection, indicators: &Indicators) {
    let _ = writeln!(text, "\nIndicators (field, operator, value, other specs of the project with the same)");
    let rows = indicators.rows(path, detection);
    let width = |column: fn(&(String, String, String, usize)) -> usize| rows.iter().map(column).max().unwrap_or(0);
    let (fields, operators) = (width(|row| row.0.chars().count()), width(|row| row.1.chars().count()));
    let values = width(|row| row.2.chars().count()).min(60);
    for (field, operator, value, others) in &rows {
        let line = format!("  {field:fields$}  {operator:operators$}  {value:values$}  {others}");
        let _ = writeln!(text, "{line}");
    }
}

/// What is counted together: `per user, in windows of 1h that start at multiples of it`.
pub fn scope(detection: &Detection, aggregate: &Aggregate) -> String {
    let keys: Vec<&str> = aggregate.group_by.iter().map(|key| key.name.as_str()).collect();
    let per = if keys.is_empty() { "all events together".to_owned() } else { format!("per {}", keys.join(", ")) };
    let window = match &aggregate.window {
        Window::Tumbling(length) => format!("in windows of {} that start at multiples of it", duration_text(*length)),
        Window::Sliding { length, at: None } => format!("over the last {} at each event", duration_text(*length)),
        Window::Sliding { length, at: Some(index) } => {
            format!("over the last {} at each event of `{}`", duration_text(*length), detection.selections[*index].name)
        }
        Window::Lookback => "over all events of a run".to_owned(),
    };
    format!("{per}, {window}")
}

fn measures(text: &mut String, detection: &Detection, aggregate: &Aggregate) {
    let _ = writeln!(text, "\nCounted {}", scope(detection, aggregate));
    for measure in &aggregate.measures {
        let filter = if measure.filter.is_some() { " of chosen events" } else { "" };
        let what = match &measure.function {
            MeasureFunction::Count => "events",
            MeasureFunction::Distinct(_) => "different values",
            MeasureFunction::Sum(_) => "sum",
            MeasureFunction::Average(_) => "average",
            MeasureFunction::Minimum(_) => "smallest value",
            MeasureFunction::Maximum(_) => "largest value",
            MeasureFunction::Values(_) => "list of different values",
            MeasureFunction::Percentile(..) => "percentile",
            MeasureFunction::Ordered(_) => "steps seen in order",
        };
        let _ = writeln!(text, "  {}: {what}{filter}", measure.name);
    }
}

/// How often a detection runs, and over what.
pub fn schedule(detection: &Detection) -> String {
    let schedule = &detection.schedule;
    let [every, lookback, delay] = [schedule.every, schedule.lookback, schedule.delay].map(duration_text);
    format!("every {every}, looking back {lookback}, {delay} after the events")
}

fn fidelity(text: &mut String, outcomes: &[(Target, Outcome)]) {
    let _ = writeln!(text, "\nTargets");
    for (target, outcome) in outcomes {
        let (mark, notes) = match outcome {
            Outcome::Built(artefact) => {
                let fidelity = &artefact.fidelity;
                let notes = fidelity.approximations.iter().chain(&fidelity.assumptions);
                (fidelity.mark(), notes.map(|deviation| format!("{}: {}", deviation.code, deviation.message)).collect())
            }
            Outcome::NotAccepted(artefact, problems) => {
                let notes = problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>();
                (format!("not accepted: {}", artefact.fidelity.mark()), notes)
            }
            Outcome::Skipped(reason) => (format!("skipped: {reason}"), Vec::new()),
            Outcome::Refused(problems) => ("refused".to_owned(), problems.iter().map(|problem| problem.message.clone()).collect()),
        };
        let _ = writeln!(text, "  {:5}  {mark}", target.name());
        for note in notes {
            let _ = writeln!(text, "         {note}");
        }
    }
}

fn items(of: &SelectionBody) -> Vec<&Item> {
    match of {
        SelectionBody::Items(items) => items.iter().collect(),
        SelectionBody::Alternatives(bodies) => bodies.iter().flat_map(items).collect(),
        SelectionBody::Alerts(chained) => chained.detection.selections.iter().flat_map(|selection| items(&selection.body)).collect(),
    }
}

fn field_name(item: &Item) -> String {
    if item.written.is_empty() { "(any field)".to_owned() } else { item.written.clone() }
}

fn operator(item: &Item) -> String {
    let names: Vec<&str> = item.modifiers.iter().map(|modifier| modifier.name()).collect();
    if names.is_empty() { if item.field.is_some() { "eq".to_owned() } else { "keyword".to_owned() } } else { names.join("|") }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Number(number) => number.text.clone(),
        Value::Text(text) => text.split('`').map(crate::target::comment_text).collect::<Vec<_>>().join("`"),
        Value::List(_) | Value::Map(_) => String::new(),
    }
}
