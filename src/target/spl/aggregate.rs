//! Counting per group and window. An aggregate in; out comes the pipeline after the base search.
//!
//! A group key becomes `"=".value`, so that missing and empty keys are one group that `stats` keeps; after counting the
//! mark is taken off again. Windows are computed from the seconds since 1970, because `bin` follows the calendar.

use super::expression::Names;
use super::layout::{Fragment, Joint, WIDTH, indent, inside};
use super::quote::{eval_name, list_name};
use super::writer::Writer;
use super::{Base, seconds, span_text};
use crate::detection::{Aggregate, Measure, MeasureFunction, Window};
use crate::diagnostic::{Diagnostic, P004, P005};
use crate::expression::{Expression, ExpressionKind, Type};
use crate::logsource::{Field, FieldType};
use crate::target::Bounds;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The names that a pipeline uses before and while it counts.
struct Plan {
    names: Names,
    /// Commands that make the flags of selections and the keys.
    prepare: Vec<String>,
    /// The marked keys, as lists of fields write them.
    keys: Vec<String>,
    /// Fields of the event that measures read.
    sources: BTreeSet<String>,
}

/// The whole query of an aggregate over the events that a search finds.
pub fn render(writer: &mut Writer<'_>, aggregate: &Aggregate, bounds: Bounds, base: Base) -> Result<String, Diagnostic> {
    let plan = plan(writer, aggregate);
    match &aggregate.window {
        Window::Sliding { length, at } => sliding(writer, aggregate, bounds, base, plan, (*length, *at)),
        Window::Tumbling(length) => counted(writer, aggregate, bounds, base, plan, Some(*length)),
        Window::Lookback => counted(writer, aggregate, bounds, base, plan, None),
    }
}

/// Flags of selections, then keys: each under a name that no later command reads as something else.
fn plan(writer: &mut Writer<'_>, aggregate: &Aggregate) -> Plan {
    let (mut fields, mut selections) = (Vec::new(), BTreeSet::new());
    for measure in &aggregate.measures {
        for expression in measure.expressions() {
            collect(expression, &mut fields, &mut selections);
        }
    }
    if let Window::Sliding { at: Some(at), .. } = &aggregate.window {
        selections.insert(*at);
    }
    let sources = platform_names(writer, aggregate, &fields);
    let key_fields: Vec<Arc<Field>> = aggregate.group_by.iter().map(|key| key.field.clone()).collect();
    let key_sources = platform_names(writer, aggregate, &key_fields);
    let mut taken: BTreeSet<String> = sources.union(&key_sources).cloned().collect();
    taken.extend(output_columns(aggregate));
    let mut plan = Plan { names: Names::default(), prepare: Vec::new(), keys: Vec::new(), sources };
    plan.flags(writer, &selections, taken);
    plan.keys(writer, aggregate);
    plan
}

impl Plan {
    fn flags(&mut self, writer: &mut Writer<'_>, selections: &BTreeSet<usize>, mut taken: BTreeSet<String>) {
        for &index in selections {
            let selection = &writer.detection.selections[index];
            selection.condition.predicates(&mut |predicate| {
                if let crate::detection::Subject::Field(field) = &predicate.subject {
                    taken.insert(field.name.clone());
                    taken.extend(field.spl.as_ref().map(super::place_name));
                }
            });
        }
        self.names.flags = vec![None; writer.detection.selections.len()];
        for &index in selections {
            let selection = &writer.detection.selections[index];
            let safe: String = selection.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            let wanted = format!("is_{safe}");
            let name = if taken.insert(wanted.clone()) { wanted } else { writer.helper(&wanted) };
            if let Some(condition) = writer.filter(&selection.condition) {
                let flag = writer.op("choose", &[&inside(&condition.text), "1", "0"]);
                self.prepare.push(writer.op("assign", &[&name, &flag]));
            }
            self.names.flags[index] = Some(name);
        }
    }

    /// In sliding windows the marked key lives on beside the output column, so it always has a name of its own.
    fn keys(&mut self, writer: &mut Writer<'_>, aggregate: &Aggregate) {
        let sliding = matches!(aggregate.window, Window::Sliding { .. });
        for (index, key) in aggregate.group_by.iter().enumerate() {
            let Some((_, source)) = writer.single(&key.field, key.span) else { continue };
            if key.name == "_time" && !is_event_time(&key.field) {
                writer.refuse(key.span, "a group key in a column `_time`, which holds the time of the event", "call it something else");
            }
            let others = aggregate.group_by.iter().enumerate().filter(|(other, _)| *other != index);
            let read_later = others.filter_map(|(_, other)| other.field.spl.as_ref()).any(|binding| super::place_name(binding) == key.name)
                || self.sources.contains(&key.name);
            let own = !sliding && !read_later && !key.name.starts_with('_') && eval_name(&key.name).as_ref() == Some(&key.name);
            let name = if own { key.name.clone() } else { writer.helper(&key.name) };
            let filled = writer.op("coalesce", &[&source, "\"\""]);
            let filled = if key.lower {
                writer.assume_lower(&key.field.name, key.span);
                writer.op("lower", &[&filled])
            } else {
                filled
            };
            let marked = writer.op("join", &["\"=\"", &filled]);
            self.prepare.push(writer.op("assign", &[&name, &marked]));
            self.keys.push(name);
            self.names.keys.push(column(&key.name));
        }
    }

    /// The commands that take the mark off the keys.
    fn restore(&self, writer: &Writer<'_>, aggregate: &Aggregate) -> Vec<String> {
        let restore = |(key, marked): (&crate::detection::GroupKey, &String)| {
            let text = writer.op("null_if", &[&format!("substr({marked}, 2)"), "\"\""]);
            let number = matches!(key.field.kind, FieldType::Integer | FieldType::Number | FieldType::Timestamp) && !key.lower;
            let numeric = number && (key.field.kind != FieldType::Timestamp || is_event_time(&key.field));
            writer.op("assign", &[&target(&key.name), &if numeric { writer.op("number", &[&text]) } else { text }])
        };
        aggregate.group_by.iter().zip(&self.keys).map(restore).collect()
    }
}

fn is_event_time(field: &Field) -> bool {
    field.spl.as_ref().is_some_and(|binding| super::place_name(binding) == "_time")
}

/// A column in an eval expression. Column names hold letters, digits and `_` only.
fn column(name: &str) -> String {
    eval_name(name).unwrap_or_else(|| name.to_owned())
}

/// A column as the target of `eval`, in `AS` and in lists.
fn target(name: &str) -> String {
    list_name(name).unwrap_or_else(|| name.to_owned())
}

fn output_columns(aggregate: &Aggregate) -> Vec<String> {
    let keys = aggregate.group_by.iter().map(|key| &key.name);
    let measures = aggregate.measures.iter().map(|measure| &measure.name);
    let derived = aggregate.derived.iter().map(|derived| &derived.name);
    let labels = aggregate.labels.iter().map(|label| &label.name);
    let windows = ["window_start", "window_end"].map(str::to_owned);
    keys.cloned().chain(windows).chain(measures.chain(derived).chain(labels).cloned()).collect()
}

fn collect(expression: &Expression, fields: &mut Vec<Arc<Field>>, selections: &mut BTreeSet<usize>) {
    match &expression.kind {
        ExpressionKind::Field(field) => fields.push(field.clone()),
        ExpressionKind::Selection(index) => drop(selections.insert(*index)),
        ExpressionKind::Negate(inner) | ExpressionKind::Not(inner) => collect(inner, fields, selections),
        ExpressionKind::Arithmetic(_, left, right) | ExpressionKind::Compare(_, left, right) => {
            collect(left, fields, selections);
            collect(right, fields, selections);
        }
        ExpressionKind::And(parts) | ExpressionKind::Or(parts) | ExpressionKind::Call(_, parts) => {
            parts.iter().for_each(|part| collect(part, fields, selections));
        }
        ExpressionKind::Number(_)
        | ExpressionKind::Text(_)
        | ExpressionKind::Duration(_)
        | ExpressionKind::Boolean(_)
        | ExpressionKind::Column(_) => {}
    }
}

/// The fields that later commands read, under the names that they have by then.
fn platform_names(writer: &mut Writer<'_>, aggregate: &Aggregate, fields: &[Arc<Field>]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for field in fields {
        let Some(located) = writer.locate(field, aggregate.span) else { continue };
        names.insert(located.platform.clone());
        if field.kind == FieldType::Timestamp {
            names.extend(writer.moment(&located, aggregate.span));
        }
        if !located.values.is_empty() {
            names.extend(writer.eval_field(&located, aggregate.span));
        }
    }
    names
}

/// Tumbling windows and `lookback`: one `stats`.
fn counted(
    writer: &mut Writer<'_>,
    aggregate: &Aggregate,
    bounds: Bounds,
    base: Base,
    mut plan: Plan,
    length: Option<i64>,
) -> Result<String, Diagnostic> {
    let mut by = plan.keys.clone();
    let (mut measures, mut after) = (Vec::new(), Vec::new());
    let start = if plan.sources.contains("window_start") { writer.helper("window_start") } else { "window_start".to_owned() };
    match length {
        Some(length) => {
            let length = seconds(writer, length, aggregate.span);
            plan.prepare.push(writer.op("assign", &[&start, &format!("floor(_time/{length})*{length}")]));
            by.push(start.clone());
            if start != "window_start" {
                after.push(writer.op("assign", &["window_start", &start]));
            }
            after.push(writer.op("assign", &["window_end", &format!("window_start+{length}")]));
        }
        None => {
            if by.is_empty() {
                let counter = writer.helper("events");
                measures.push(writer.op("named", &[&writer.op("count_events", &[]), &counter]));
                after.push(format!("where {counter}>0"));
            }
            measures.push(writer.op("named", &[&writer.op("minimum", &["_time"]), "window_start"]));
            measures.push(writer.op("named", &[&writer.op("maximum", &["_time"]), "window_end"]));
        }
    }
    if let (Some(_), Some(from)) = (length, bounds.report_from) {
        let (from, latest) = (seconds(writer, from, aggregate.span), seconds(writer, bounds.latest, aggregate.span));
        let latest = if latest == "0" { String::new() } else { format!("-{latest}") };
        after.push(format!("where window_end>now()-{from} AND window_end<=now(){latest}"));
    }
    measures.extend(self::measures(writer, aggregate, &mut plan, &[]));
    let prepare = prepared(writer, &base, &mut plan);
    let mut columns = plan.restore(writer, aggregate);
    columns.extend(after);
    columns.extend(filled(writer, aggregate, &plan.names));
    plan.names.window_start = "window_start".to_owned();
    plan.names.window_end = "window_end".to_owned();
    columns.extend(derived(writer, aggregate, &mut plan.names));
    if let Some(condition) = holds(writer, aggregate, &plan.names) {
        columns.push(format!("where {}", indent(&condition.text)));
    }
    columns.extend(labels(writer, aggregate, &plan.names));
    let context = json!({
        "search": base.search, "prepare": prepare, "measures": measures.join(",\n    "), "by": by.join(", "), "columns": columns,
        "sort": sort(aggregate), "table": output_list(aggregate),
    });
    writer.templates.envelope("aggregate.j2", context)
}

/// Sliding windows: `streamstats` per event, the last event of an instant, then the rising edge.
fn sliding(
    writer: &mut Writer<'_>,
    aggregate: &Aggregate,
    bounds: Bounds,
    base: Base,
    mut plan: Plan,
    (length, at): (i64, Option<usize>),
) -> Result<String, Diagnostic> {
    assume_stream(writer, aggregate);
    let span = span_text(writer, length, aggregate.span);
    let length = seconds(writer, length, aggregate.span);
    let taken: Vec<String> = plan.sources.iter().cloned().collect();
    let measures = measures(writer, aggregate, &mut plan, &taken);
    let prepare = prepared(writer, &base, &mut plan);
    let by = plan.keys.join(", ");
    let mut instant = vec!["_time".to_owned()];
    instant.extend(plan.keys.iter().cloned());
    let marked = at.and_then(|at| plan.names.flags[at].clone()).map(|flag| (writer.helper("at"), flag));
    let instants: Vec<String> = marked
        .iter()
        .map(|(at, flag)| format!("eventstats {} BY {}", writer.op("named", &[&writer.op("maximum", &[flag]), at]), instant.join(", ")))
        .collect();
    let mut columns = plan.restore(writer, aggregate);
    columns.push(writer.op("assign", &["window_start", &format!("_time-{length}")]));
    columns.push(writer.op("assign", &["window_end", "_time"]));
    columns.extend(renamed(writer, aggregate, &mut plan.names));
    columns.extend(filled(writer, aggregate, &plan.names));
    plan.names.window_start = "window_start".to_owned();
    plan.names.window_end = "window_end".to_owned();
    columns.extend(derived(writer, aggregate, &mut plan.names));
    if let Some(condition) = holds(writer, aggregate, &plan.names) {
        match &marked {
            Some((at, _)) => {
                let judged = Fragment::atom(format!("{at}=1"));
                columns.push(format!("where {}", indent(&Fragment::join(vec![judged, condition], Joint::And).text)));
            }
            None => columns.extend(rising_edge(writer, &condition, &by, &length)),
        }
    }
    if let Some(from) = bounds.report_from {
        columns.push(format!("where _time>=now()-{}", seconds(writer, from, aggregate.span)));
    }
    columns.extend(labels(writer, aggregate, &plan.names));
    let context = json!({
        "search": base.search, "prepare": prepare, "keep": keep(&plan), "window": span, "measures": measures.join(",\n    "), "by": by,
        "instants": instants, "instant": instant.join(" "), "columns": columns, "sort": sort(aggregate), "table": output_list(aggregate),
    });
    writer.templates.envelope("sliding.j2", context)
}

fn assume_stream(writer: &mut Writer<'_>, aggregate: &Aggregate) {
    let message = "no window of a group holds more events than `max_stream_window` (10,000 unless limits.conf says otherwise)";
    writer.assume(P004, aggregate.span, message.into());
    let message = "`streamstats time_window=…` leaves out an event that is exactly as old as the window is long";
    writer.assume(P005, aggregate.span, message.into());
}

/// An alert where the condition holds and did not hold at the group's previous instant less than a window earlier.
fn rising_edge(writer: &mut Writer<'_>, condition: &Fragment, by: &str, length: &str) -> Vec<String> {
    let [holds, before, previous] = ["holds", "held_before", "previous_time"].map(|name| writer.helper(name));
    let by = if by.is_empty() { String::new() } else { format!(" BY {by}") };
    let flag = writer.op("choose", &[&inside(&condition.text), "1", "0"]);
    vec![
        writer.op("assign", &[&holds, &flag]),
        format!("streamstats current=f window=1 global=f last({holds}) AS {before}, last(_time) AS {previous}{by}"),
        format!("where {holds}=1 AND (coalesce({before}, 0)=0 OR _time-coalesce({previous}, 0)>={length})"),
    ]
}

fn keep(plan: &Plan) -> String {
    let mut names = vec!["_time".to_owned()];
    names.extend(plan.keys.iter().cloned());
    names.extend(plan.names.flags.iter().flatten().cloned());
    names.extend(plan.sources.iter().filter(|name| *name != "_time").map(|name| target(name)));
    names.join(", ")
}

/// What extracts fields, filters, and makes flags and keys, in this order. Called when everything else is written,
/// because that may still need extractions.
fn prepared(writer: &Writer<'_>, base: &Base, plan: &mut Plan) -> Vec<String> {
    let mut commands = writer.prepare.clone();
    commands.extend(base.filter.clone());
    commands.append(&mut plan.prepare);
    commands
}

/// The measures as `function AS name`. A name that is also read (`taken`) is given later.
fn measures(writer: &mut Writer<'_>, aggregate: &Aggregate, plan: &mut Plan, taken: &[String]) -> Vec<String> {
    let mut written = Vec::new();
    for measure in &aggregate.measures {
        let name = if taken.contains(&measure.name) { writer.helper(&measure.name) } else { target(&measure.name) };
        let nullable = !matches!(measure.function, MeasureFunction::Count | MeasureFunction::Distinct(_) | MeasureFunction::Sum(_));
        plan.names.measures.push((if taken.contains(&measure.name) { name.clone() } else { column(&measure.name) }, nullable));
        if let Some(text) = self::measure(writer, measure, &plan.names) {
            written.push(writer.op("named", &[&text, &name]));
        }
    }
    written
}

fn measure(writer: &mut Writer<'_>, measure: &Measure, names: &Names) -> Option<String> {
    let filter = match &measure.filter {
        Some(filter) => Some(writer.boolean(filter, names)?.text),
        None => None,
    };
    if let MeasureFunction::Ordered(_) = measure.function {
        let what = format!("`{}`: no function tells the order of events", measure.name);
        let help =
            "of two selections, `window: { sliding: …, at: … }` tells the order; or skip the target: `targets: { spl: { skip: … } }`";
        writer.refuse(measure.span, &what, help);
        return None;
    }
    let Some(argument) = measure.function.argument() else {
        return Some(match filter {
            Some(filter) => writer.op("count_where", &[&inside(&filter)]),
            None => writer.op("count_events", &[]),
        });
    };
    let mut value = writer.value(argument, names)?.text;
    // One text that is no number makes Splunk order all values as texts.
    let ordered = matches!(measure.function, MeasureFunction::Minimum(_) | MeasureFunction::Maximum(_) | MeasureFunction::Percentile(..));
    let typed = |field: &Field| matches!(field.kind, FieldType::Integer | FieldType::Number);
    if ordered && matches!(&argument.kind, ExpressionKind::Field(field) if typed(field)) {
        value = writer.op("number", &[&value]);
    }
    if matches!(measure.function, MeasureFunction::Distinct(_)) && argument.value_type == Type::Text {
        value = writer.op("join", &["\"=\"", &value]);
    }
    if let Some(filter) = filter {
        value = writer.op("choose", &[&inside(&filter), &value, "null()"]);
    }
    let plain = list_name(&value).as_ref() == Some(&value);
    let value = if plain { value } else { writer.op("computed", &[&value]) };
    Some(match &measure.function {
        MeasureFunction::Count | MeasureFunction::Ordered(_) => writer.op("count_events", &[]),
        MeasureFunction::Distinct(_) => writer.op("distinct", &[&value]),
        MeasureFunction::Sum(_) => writer.op("sum", &[&value]),
        MeasureFunction::Average(_) => writer.op("average", &[&value]),
        MeasureFunction::Minimum(_) => writer.op("minimum", &[&value]),
        MeasureFunction::Maximum(_) => writer.op("maximum", &[&value]),
        MeasureFunction::Values(_) => writer.op("values", &[&value]),
        MeasureFunction::Percentile(_, percent) if *percent >= 100.0 => writer.op("maximum", &[&value]),
        MeasureFunction::Percentile(_, percent) => writer.op("percentile", &[&value, &nearest_rank(*percent)]),
    })
}

/// Splunk takes the value at floor(p/100 · n), counted from 0, which is one further than the nearest rank where p/100 · n
/// is whole. A hair below p both are the same, for up to a million values and percentages with two decimals at most.
fn nearest_rank(percent: f64) -> String {
    let below = format!("{:.6}", percent - 0.000_001);
    below.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The measures that had to be computed under another name.
fn renamed(writer: &Writer<'_>, aggregate: &Aggregate, names: &mut Names) -> Vec<String> {
    let mut commands = Vec::new();
    for (measure, (name, _)) in aggregate.measures.iter().zip(&mut names.measures) {
        if *name != column(&measure.name) {
            commands.push(writer.op("assign", &[&target(&measure.name), name]));
            *name = column(&measure.name);
        }
    }
    commands
}

/// The sum of nothing is 0.
fn filled(writer: &Writer<'_>, aggregate: &Aggregate, names: &Names) -> Vec<String> {
    let sums = aggregate.measures.iter().zip(&names.measures).filter(|(measure, _)| matches!(measure.function, MeasureFunction::Sum(_)));
    sums.map(|(measure, (name, _))| writer.op("assign", &[&target(&measure.name), &writer.op("coalesce", &[name, "0"])])).collect()
}

fn derived(writer: &mut Writer<'_>, aggregate: &Aggregate, names: &mut Names) -> Vec<String> {
    let mut commands = Vec::new();
    for derived in &aggregate.derived {
        let value = writer.value(&derived.expression, names);
        let nullable = value.as_ref().is_none_or(|value| value.nullable);
        names.derived.push((column(&derived.name), nullable));
        commands.extend(value.map(|value| writer.op("assign", &[&target(&derived.name), &value.text])));
    }
    commands
}

fn holds(writer: &mut Writer<'_>, aggregate: &Aggregate, names: &Names) -> Option<Fragment> {
    writer.boolean(&aggregate.condition, names)
}

fn labels(writer: &mut Writer<'_>, aggregate: &Aggregate, names: &Names) -> Vec<String> {
    let mut commands = Vec::new();
    for label in &aggregate.labels {
        let mut cases = Vec::new();
        for (when, then) in &label.cases {
            if let Some(condition) = writer.boolean(when, names) {
                cases.push(format!("{}, {}", condition.text, super::quote::eval_text(then)));
            }
        }
        let otherwise = label.otherwise.as_ref().map_or_else(|| "null()".to_owned(), |text| super::quote::eval_text(text));
        cases.push(format!("true(), {otherwise}"));
        let flat = cases.join(", ");
        let body = if flat.len() <= WIDTH && !flat.contains('\n') { flat } else { inside(&cases.join(",\n")) };
        commands.push(writer.op("assign", &[&target(&label.name), &format!("case({body})")]));
    }
    commands
}

/// Sort keys, then the window's start and the group keys. Splunk puts rows without a value last in both directions.
fn sort(aggregate: &Aggregate) -> String {
    let mut keys: Vec<String> = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for key in &aggregate.sort {
        let sign = if key.descending { "-" } else { "" };
        if seen.insert(&key.column) {
            keys.push(format!("{sign}{}", sort_field(aggregate, &key.column)));
        }
    }
    let rest = std::iter::once("window_start").chain(aggregate.group_by.iter().map(|key| key.name.as_str()));
    keys.extend(rest.filter(|name| seen.insert(name)).map(|name| sort_field(aggregate, name)));
    keys.join(", ")
}

/// `str(x)` for texts: otherwise those that look like numbers or addresses are ordered as such.
fn sort_field(aggregate: &Aggregate, name: &str) -> String {
    let numeric_key = |key: &crate::detection::GroupKey| matches!(key.field.kind, FieldType::Integer | FieldType::Number) && !key.lower;
    let text = aggregate.group_by.iter().any(|key| key.name == name && !numeric_key(key))
        || aggregate.derived.iter().any(|derived| derived.name == name && derived.expression.value_type == Type::Text)
        || aggregate.labels.iter().any(|label| label.name == name)
        || aggregate.measures.iter().any(|measure| measure.name == name && matches!(measure.function, MeasureFunction::Values(_)));
    if text { format!("str({name})") } else { target(name) }
}

fn output_list(aggregate: &Aggregate) -> String {
    let names: Vec<String> = output_columns(aggregate).iter().map(|name| target(name)).collect();
    names.join(", ")
}
