//! The Splunk backend. A detection in, SPL out.
//!
//! What the search command says exactly stands in the base search, the rest in a `where` after it; aggregates become
//! `stats` or `streamstats`. Everything is exact, exact under listed assumptions, or refused: nothing is rewritten.

mod aggregate;
mod expression;
mod filter;
mod layout;
mod lookup;
mod moment;
mod multisearch;
mod quote;
mod regex;
mod search;
#[cfg(test)]
mod tests;
mod writer;

use super::several::{Branch, Names};
use super::{Bounds, Deviation, Options, Rendered};
use crate::detection::{Column, Condition, Detection};
use crate::diagnostic::{Diagnostic, E0403};
use crate::logsource::{Binding, LogSource, Place, SplOrigin};
use crate::source::Span;
use crate::template::{Signature, TargetTemplates};
use layout::{Fragment, Joint, WIDTH, indent};
use serde_json::json;
use std::borrow::Cow;
use std::collections::BTreeSet;
use writer::Writer;

/// The operators of `operators.j2`.
pub const OPERATORS: &[Signature] = &[
    ("search_equals", &["field", "value"]),
    ("search_less", &["field", "value"]),
    ("search_less_or_equal", &["field", "value"]),
    ("search_greater", &["field", "value"]),
    ("search_greater_or_equal", &["field", "value"]),
    ("search_in", &["field", "values"]),
    ("search_present", &["field"]),
    ("search_keyword", &["text"]),
    ("search_not", &["condition"]),
    ("equals", &["left", "right"]),
    ("not_equals", &["left", "right"]),
    ("less", &["left", "right"]),
    ("less_or_equal", &["left", "right"]),
    ("greater", &["left", "right"]),
    ("greater_or_equal", &["left", "right"]),
    ("in_list", &["value", "values"]),
    ("matches", &["value", "pattern"]),
    ("in_network", &["value", "network"]),
    ("present", &["value"]),
    ("absent", &["value"]),
    ("any_element", &["condition"]),
    ("negate", &["condition"]),
    ("holds", &["condition"]),
    ("choose", &["condition", "yes", "no"]),
    ("lower", &["value"]),
    ("coalesce", &["value", "other"]),
    ("null_if", &["value", "other"]),
    ("number", &["value"]),
    ("join", &["left", "right"]),
    ("add", &["left", "right"]),
    ("subtract", &["left", "right"]),
    ("multiply", &["left", "right"]),
    ("divide", &["left", "right"]),
    ("minus", &["value"]),
    ("round", &["value", "digits"]),
    ("floor", &["value"]),
    ("absolute", &["value"]),
    ("greatest", &["values"]),
    ("least", &["values"]),
    ("assign", &["name", "value"]),
    ("count_events", &[]),
    ("count_where", &["condition"]),
    ("computed", &["value"]),
    ("distinct", &["value"]),
    ("sum", &["value"]),
    ("average", &["value"]),
    ("minimum", &["value"]),
    ("maximum", &["value"]),
    ("values", &["value"]),
    ("percentile", &["value", "percent"]),
    ("named", &["measure", "name"]),
];

/// See [`super::Target::approximate`]. SPL says everything that it says exactly, or under assumptions.
pub fn approximate(detection: &Detection) -> (Cow<'_, Detection>, Vec<Deviation>) {
    (Cow::Borrowed(detection), Vec::new())
}

/// What the rows of rules that are counted together have beside their fields.
pub const NAMES_OF_SEVERAL: Names = Names { own: writer::HELPER, rule: "cognate_rule", time: "_time" };

/// Renders exactly, or refuses. `branches`: the rules whose rows are counted together, instead of the log source's events.
pub fn render(
    detection: &Detection,
    branches: &[Branch],
    templates: &TargetTemplates,
    options: &Options,
) -> Result<Rendered, Vec<Diagnostic>> {
    let mut writer = Writer::new(templates, detection);
    writer.lookups = options.lookups.as_ref();
    let bounds = options.range.bounds(detection);
    let text = match (&detection.aggregate, branches) {
        (None, _) => plain(&mut writer, bounds),
        (Some(aggregate), []) => {
            let base = base_search(&mut writer, bounds);
            aggregate::render(&mut writer, aggregate, bounds, base)
        }
        (Some(aggregate), branches) => {
            multisearch::base(&mut writer, branches, bounds).and_then(|base| aggregate::render(&mut writer, aggregate, bounds, base))
        }
    };
    if !writer.problems.is_empty() {
        return Err(writer.problems);
    }
    let text = text.map_err(|problem| vec![problem])?.trim_end().to_owned();
    Ok(Rendered { text, assumptions: writer.assumptions, lookups: writer.tables })
}

/// A rule without aggregate. Matches do not depend on earlier events, so only the reported part of the range is read.
fn plain(writer: &mut Writer<'_>, bounds: Bounds) -> Result<String, Diagnostic> {
    let base = base_search(writer, bounds);
    let columns = columns(writer, &writer.detection.columns);
    let mut commands = writer.prepare.clone();
    commands.extend(base.filter);
    commands.extend(columns);
    writer.templates.envelope("query.j2", json!({ "search": base.search, "commands": commands }))
}

/// The output columns under our names: `eval` for each that has another name on Splunk, then `table`.
fn columns(writer: &mut Writer<'_>, columns: &[Column]) -> Vec<String> {
    let mut sources = Vec::new();
    for column in columns {
        let located = writer.single(&column.field, column.span);
        sources.extend(located.map(|(located, eval)| Source { name: column.name.clone(), platform: located.platform, eval }));
    }
    if sources.len() < columns.len() || columns.is_empty() {
        return Vec::new();
    }
    let mut commands = assignments(writer, &sources);
    commands.push(format!("table {}", list(columns.iter().map(|column| column.name.as_str()))));
    commands
}

/// A column of the output and where its value comes from.
struct Source {
    /// The column's name.
    name: String,
    /// The field that is read, unquoted.
    platform: String,
    /// The value in an eval expression.
    eval: String,
}

/// The commands that give values their names.
fn assignments(writer: &mut Writer<'_>, sources: &[Source]) -> Vec<String> {
    let names: BTreeSet<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let (mut saved, mut commands) = (Vec::new(), Vec::new());
    for Source { name, platform, eval } in sources {
        let target = quote::list_name(name).unwrap_or_else(|| name.clone());
        if quote::eval_name(name).as_ref() == Some(eval) {
            continue;
        }
        // A source that another column overwrites is kept under a name of its own first.
        if platform != name && names.contains(platform.as_str()) {
            let helper = writer.helper(name);
            saved.push(writer.op("assign", &[&helper, eval]));
            commands.push(writer.op("assign", &[&target, &helper]));
        } else {
            commands.push(writer.op("assign", &[&target, eval]));
        }
    }
    saved.extend(commands);
    saved
}

/// Names as `table` and `fields` want them.
fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|name| quote::list_name(name).unwrap_or_else(|| name.to_owned())).collect::<Vec<_>>().join(", ")
}

/// The base search, and the `where` that says the rest of the condition.
struct Base {
    search: String,
    filter: Option<String>,
}

/// Each part of the condition stands in the base search if that can say it; otherwise a weaker form of it may stand there.
fn base_search(writer: &mut Writer<'_>, bounds: Bounds) -> Base {
    let mut origin = origin(writer);
    if origin.is_empty() && !bounds.stated {
        origin.push("index=*".to_owned());
    }
    if bounds.stated {
        let (from, to) = (time_modifier(writer, bounds.reach(writer.detection)), time_modifier(writer, bounds.latest));
        origin.push(format!("earliest={from} latest={to}"));
    }
    let condition = &writer.detection.condition;
    let parts = if let Condition::All(parts) = condition { parts.as_slice() } else { std::slice::from_ref(condition) };
    let (mut lines, mut filters) = (vec![origin.join(" ")], Vec::new());
    for part in parts {
        let searched = writer.search(part);
        lines.extend(searched.implied.map(Fragment::closed));
        if searched.exact.is_none() {
            filters.extend(writer.filter(part));
        }
    }
    let flat = lines.join(" ");
    let whole = flat.len() <= WIDTH && !flat.contains('\n');
    let search = if whole { flat } else { indent(&lines.join("\n")) };
    let filter = (!filters.is_empty()).then(|| format!("where {}", indent(&Fragment::join(filters, Joint::And).text)));
    Base { search, filter }
}

/// `index=… sourcetype=… source=… tag=…`
fn origin(writer: &mut Writer<'_>) -> Vec<String> {
    let detection = writer.detection;
    let source = &detection.log_source;
    let Some(origin) = &source.spl else {
        if !source.open {
            let message = format!("the log source `{}` has no place on Splunk", source.id.path());
            let help = "add `spl` with an index and a source type to the log source, or to a site file";
            writer.problems.push(Diagnostic::error(E0403, Span::default(), message).help(help));
        }
        return Vec::new();
    };
    let SplOrigin { index, sourcetype, source, tag } = origin;
    for name in index.iter().chain(sourcetype).chain(source).chain(tag).filter(|name| !quote::is_searchable(name)) {
        let what = format!("the index, source type, source or tag `{}`", super::comment_text(name));
        let help = "write it with `*` in place of backticks, `$` and control characters, under `spl` in the log source or in the site file";
        writer.refuse(detection.metadata.title.span, &what, help);
    }
    let member = |(name, values): (&str, Vec<String>)| match values.as_slice() {
        [] => None,
        [value] => Some(writer.op("search_equals", &[name, value])),
        values => Some(writer.op("search_in", &[name, &layout::list(values)])),
    };
    places(origin).into_iter().filter_map(member).collect()
}

/// The keys of a place and their values as a search writes them.
fn places(SplOrigin { index, sourcetype, source, tag }: &SplOrigin) -> Vec<(&'static str, Vec<String>)> {
    let quoted = |value: &String| format!("\"{}\"", quote::escape(value));
    let plain = |value: &String| {
        let word = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "_-*".contains(c));
        if word { value.clone() } else { quoted(value) }
    };
    let lists = [
        ("index", index.iter().map(plain).collect::<Vec<_>>()),
        ("sourcetype", sourcetype.iter().map(quoted).collect()),
        ("source", source.iter().map(quoted).collect()),
    ];
    // an event has all of the tags, but one of the sources
    lists.into_iter().chain(tag.iter().map(|value| ("tag", vec![plain(value)]))).collect()
}

/// A search for all events of a log source, if Splunk has them.
pub fn events_of(source: &LogSource) -> Option<String> {
    let places = places(source.spl.as_ref()?).into_iter();
    let member = |(name, values): (&str, Vec<String>)| match values.as_slice() {
        [] => None,
        [value] => Some(format!("{name}={value}")),
        values => Some(format!("{name} IN ({})", values.join(", "))),
    };
    Some(places.filter_map(member).collect::<Vec<_>>().join(" "))
}

/// Milliseconds before now as a time modifier. Days are written in hours: a day can have 23 or 25 of them.
fn time_modifier(writer: &mut Writer<'_>, milliseconds: i64) -> String {
    if milliseconds == 0 { "now".to_owned() } else { format!("-{}", span_text(writer, milliseconds, Span::default())) }
}

/// `10m`: a length in the largest unit that fits.
fn span_text(writer: &mut Writer<'_>, milliseconds: i64, span: Span) -> String {
    let units = [(3_600_000, "h"), (60_000, "m"), (1000, "s")];
    match units.into_iter().find(|(unit, _)| milliseconds % unit == 0) {
        Some((unit, name)) => format!("{}{name}", milliseconds / unit),
        None => {
            refuse_fraction(writer, span);
            String::new()
        }
    }
}

/// A length in whole seconds.
fn seconds(writer: &mut Writer<'_>, milliseconds: i64, span: Span) -> String {
    if milliseconds % 1000 != 0 {
        refuse_fraction(writer, span);
    }
    (milliseconds / 1000).to_string()
}

fn refuse_fraction(writer: &mut Writer<'_>, span: Span) {
    writer.refuse(span, "a length of time with a fraction of a second", "use whole seconds");
}

/// The field that a binding reads, or the one that it is extracted from.
fn place_name(binding: &Binding) -> String {
    match &binding.place {
        Place::Column { name, .. } => name.clone(),
        Place::Json { column, .. } | Place::Element { column, .. } | Place::Xml { column, .. } => column.clone(),
        Place::Joined { columns, .. } => columns.join(", "),
        Place::Chosen { on, .. } => on.clone(),
        Place::RegistryData { data, .. } => data.clone(),
        Place::Hashes(columns) => columns.iter().map(|(_, column)| column.as_str()).collect::<Vec<_>>().join(", "),
    }
}
