//! A log source file → [`LogSource`]. Every problem points at its place; a file that contradicts itself is refused.

use super::binding::{self, column, column_type};
use super::check::check;
use super::open::TIME;
use super::origin::{absences, aql_place, kql_origin, place, platform_texts, prerequisites, reason, spl_place};
use super::overrides::{Unnamed, inherited, override_log_source};
use super::selector::{Selectors, select_fields};
use super::{
    AqlOrigin, Binding, ColumnType, EventPath, Field, FieldType, LogSource, LogSourceId, Others, Place, Platform, SplOrigin, TimeFormat,
    Variant,
};
use crate::diagnostic::{Diagnostic, Diagnostics, E0007, E0103, E0701, did_you_mean};
use crate::reader::Reader;
use crate::source::{Source, Span};
use crate::yaml::{self, Entry, Node};
use std::sync::Arc;

const KEYS: &[&str] = &[
    "extends",
    "product",
    "category",
    "service",
    "title",
    "description",
    "definition",
    "time",
    "time-format",
    "action",
    "where",
    "aql",
    "spl",
    "kql",
    "prerequisites",
    "assumptions",
    "fields",
    "other-fields",
    "variants",
    "sample",
];

const FIELD_KEYS: &[&str] = &["type", "description", "ecs", "aliases", "list", "optional", "absent-for", "event", "aql", "spl", "kql"];

const FIELD_TYPES: &[(&str, FieldType)] = &[
    ("text", FieldType::Text),
    ("integer", FieldType::Integer),
    ("number", FieldType::Number),
    ("boolean", FieldType::Boolean),
    ("ip", FieldType::Ip),
    ("timestamp", FieldType::Timestamp),
    ("any", FieldType::Any),
];

const TIME_FORMATS: &[(&str, TimeFormat)] =
    &[("iso8601", TimeFormat::Iso8601), ("epoch-seconds", TimeFormat::EpochSeconds), ("epoch-milliseconds", TimeFormat::EpochMilliseconds)];

/// How words of a name are spelled in the name of a QRadar property.
const SPELLED: &[(&str, &str)] = &[("id", "ID"), ("ip", "IP"), ("uri", "URI")];

/// A name as it is written and where.
type Names = Vec<(String, Span)>;

/// What a log source takes over from the one that it extends, by the path of that one.
pub type Base<'b> = &'b dyn Fn(&str) -> Option<Arc<LogSource>>;

/// What the platforms say about fields without a binding of their own.
#[derive(Default)]
struct Defaults {
    /// QRadar properties are called `<prefix> <Words Of The Name>`.
    property_prefix: Option<String>,
    /// Splunk extracts fields from JSON, under the names that they have in the event.
    json: bool,
    /// Sentinel's time column.
    time: Option<String>,
    /// Where fields stand that are not listed.
    others: Option<Others>,
}

/// The fields of a file with the places of their names.
pub(super) struct Fields {
    pub(super) list: Vec<Field>,
    pub(super) spans: Vec<Span>,
}

/// Reads a log source file; `None` if it has errors.
pub fn read(source: &Source, base: Base<'_>, diagnostics: &mut Diagnostics) -> Option<LogSource> {
    let mut own = Diagnostics::new();
    let documents = yaml::read(&source.text, &mut own);
    let mut reader = Reader { source, diagnostics: &mut own };
    let log_source = match documents.as_slice() {
        [document] => log_source(&mut reader, document, base),
        [] if reader.diagnostics.has_errors() => None,
        [] => reader.fail(Diagnostic::error(E0007, Span::default(), "the file is empty").help("describe one log source in it")),
        [_, second, ..] => reader.fail(Diagnostic::error(E0701, second.span, "a log source file holds one log source")),
    };
    let good = !own.has_errors();
    diagnostics.extend(own);
    log_source.filter(|_| good)
}

fn log_source(reader: &mut Reader<'_, '_>, node: &Node<'_>, base: Base<'_>) -> Option<LogSource> {
    reader.map(node, "log source", KEYS)?;
    let base = match node.get("extends") {
        Some(written) => Some(extended(reader, written, base)?),
        None => None,
    };
    let base = base.as_deref();
    let id = id(reader, node);
    let title = required_text(reader, node, "title").unwrap_or_default();
    let description = required_text(reader, node, "description").unwrap_or_default();
    let definition = optional_text(reader, node, "definition");
    let mut defaults = Defaults { others: others(reader, node, base)?, ..Defaults::default() };
    let mut selectors = base.map(|base| base.selectors.clone()).unwrap_or_default();
    let missing = absences(reader, node, "missing", base.map(|base| base.missing.clone()).unwrap_or_default());
    let skipped = absences(reader, node, "skip", base.map(|base| base.skipped.clone()).unwrap_or_default());
    let base_with = |platform| base.filter(|_| !missing.iter().any(|(other, _)| *other == platform));
    let aql = place(node, Platform::Aql).and_then(|aql| aql_origin(reader, aql, &mut selectors, &mut defaults));
    let aql = aql.or_else(|| base_with(Platform::Aql)?.aql.clone());
    let spl = place(node, Platform::Spl).and_then(|spl| spl_origin(reader, spl, &mut selectors, &mut defaults));
    let spl = spl.or_else(|| base_with(Platform::Spl)?.spl.clone());
    let kql = place(node, Platform::Kql).and_then(|kql| kql_origin(reader, kql, &mut selectors, None));
    let kql = kql.or_else(|| base_with(Platform::Kql)?.kql.clone());
    defaults.time = kql.as_ref().map(|kql| kql.time.clone());
    let time_name = named_field(reader, node, "time").unwrap_or_else(|| (TIME.to_owned(), node.span));
    let action_name = named_field(reader, node, "action");
    let fields = node.get("fields");
    let mut fields = match fields {
        Some(fields) => read_fields(reader, fields, &defaults, &time_name.0)?,
        None if base.is_some() => Fields { list: Vec::new(), spans: Vec::new() },
        None => return reader.missing(node.span, "log source", "fields"),
    };
    inherit(&mut fields, base, &defaults, node.span);
    let time = find(reader, &fields, &time_name, "time");
    let action = action_name.as_ref().and_then(|name| find(reader, &fields, name, "action"));
    let time_format = match base {
        Some(base) if node.get("time-format").is_none() => Some(base.time_format),
        Some(_) | None => time_format(reader, node),
    };
    let sample = node.get("sample").map(|sample| (sample.value().to_json(), sample.span));
    let mut prerequisites = node.get("prerequisites").map(|node| prerequisites(reader, node)).unwrap_or_default();
    let assumptions = node.get("assumptions").map(|node| platform_texts(reader, node, "assumptions")).unwrap_or_default();
    // what must be true of another table is no matter here
    let elsewhere = |base: &LogSource| base.kql.as_ref().map(|kql| &kql.table) != kql.as_ref().map(|kql| &kql.table);
    let taken_over = base.iter().flat_map(|base| base.prerequisites.iter().filter(|(of, _)| *of != Platform::Kql || !elsewhere(base)));
    prerequisites.extend(taken_over.cloned());
    if let Some(written) = node.get("where") {
        select_fields(reader, written, &fields.list, defaults.others.as_ref(), &mut selectors)?;
    }
    let time = time?;
    let list: Vec<Arc<Field>> = fields.list.into_iter().map(Arc::new).collect();
    let arc = |index: usize| list[index].clone();
    let log_source = LogSource {
        id,
        title,
        description,
        definition,
        time: arc(time),
        time_format: time_format?,
        action: action.map(arc),
        fields: list,
        others: defaults.others,
        open: false,
        bound: Vec::new(),
        aql,
        spl,
        kql,
        selectors,
        missing,
        assumptions,
        prerequisites,
        skipped,
        sample: sample.as_ref().map(|(value, _)| value.clone()),
        variants: Vec::new(),
    };
    check(&log_source, &fields.spans, sample.map_or(node.span, |(_, span)| span), reader.diagnostics);
    let mut variants = node.get("variants").map(|written| variants(reader, written, &log_source)).unwrap_or_default();
    for variant in base.iter().flat_map(|base| &base.variants) {
        if !variants.iter().any(|own| own.name == variant.name) {
            variants.extend(inherited(variant, &log_source));
        }
    }
    Some(LogSource { variants, ..log_source })
}

/// `variants: { name: { description: …, kql: …, fields: … } }`
fn variants(reader: &mut Reader<'_, '_>, node: &Node<'_>, log_source: &LogSource) -> Vec<Variant> {
    let mut variants = Vec::new();
    for entry in reader.entries(node, "variants").unwrap_or_default() {
        let description = required_text(reader, &entry.value, "description").unwrap_or_default();
        if let Some(changed) = override_log_source(reader, &entry.value, log_source.clone(), Unnamed::Go) {
            variants.push(Variant { name: entry.key.value.to_string(), description, log_source: Arc::new(changed) });
        }
    }
    variants
}

/// The log source that a file extends.
fn extended(reader: &mut Reader<'_, '_>, written: &Node<'_>, base: Base<'_>) -> Option<Arc<LogSource>> {
    let path = reader.text(written, "extends")?;
    let found = base(&path.value);
    if found.is_none() {
        let message = format!("there is no log source `{}` that can be extended", path.value);
        let help = "name one as `product/category/service`, whose file has no errors and does not extend this one";
        return reader.fail(Diagnostic::error(E0701, path.span, message).help(help));
    }
    found
}

/// `other-fields`, platform by platform; what it does not say is as in the log source that the file extends or changes.
pub(super) fn others(reader: &mut Reader<'_, '_>, node: &Node<'_>, base: Option<&LogSource>) -> Option<Option<Others>> {
    let inherited = base.and_then(|base| base.others.clone());
    let Some(written) = node.get("other-fields") else { return Some(inherited) };
    let mut others = inherited.unwrap_or_default();
    for entry in reader.map(written, "other-fields", &["aql", "spl", "kql"])? {
        let (platform, place) = match &*entry.key.value {
            "aql" => (Platform::Aql, &mut others.aql),
            "spl" => (Platform::Spl, &mut others.spl),
            _ => (Platform::Kql, &mut others.kql),
        };
        let none = entry.value.text() == Some("none");
        *place = if none { None } else { Some(binding::read(reader, &entry.value, platform, FieldType::Any)?) };
    }
    Some(Some(others))
}

/// The fields of the log source that is extended, but for those that the file describes itself. Where the events stand at
/// another place on Sentinel, its time column is another one.
fn inherit(fields: &mut Fields, base: Option<&LogSource>, defaults: &Defaults, span: Span) {
    for field in base.iter().flat_map(|base| base.fields.iter().map(|field| (*base, field))) {
        let (base, field) = field;
        if fields.list.iter().any(|own| own.name.eq_ignore_ascii_case(&field.name)) {
            continue;
        }
        let mut field = (**field).clone();
        if field.name == base.time.name {
            field.kql = defaults.time.as_ref().map(|time| column(time, ColumnType::Time));
        }
        fields.list.push(field);
        fields.spans.push(span);
    }
}

fn id(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> LogSourceId {
    let mut part = |key| node.get(key).and_then(|value| reader.text(value, key)).map(|text| text.value);
    let id = LogSourceId { product: part("product"), category: part("category"), service: part("service") };
    if id.parts().next().is_none() {
        let message = "the log source has neither `product` nor `category` nor `service`";
        reader.diagnostics.push(Diagnostic::error(E0103, node.span, message).help("add `product:` and `service:`"));
    }
    id
}

fn required_text(reader: &mut Reader<'_, '_>, node: &Node<'_>, key: &str) -> Option<String> {
    match node.get(key) {
        Some(value) => Some(reader.text(value, key)?.value.trim_end().to_owned()),
        None => reader.missing(node.span, "log source", key),
    }
}

pub(super) fn optional_text(reader: &mut Reader<'_, '_>, node: &Node<'_>, key: &str) -> Option<String> {
    Some(reader.text(node.get(key)?, key)?.value.trim_end().to_owned())
}

fn named_field(reader: &mut Reader<'_, '_>, node: &Node<'_>, key: &str) -> Option<(String, Span)> {
    let name = reader.text(node.get(key)?, key)?;
    Some((name.value, name.span))
}

fn find(reader: &mut Reader<'_, '_>, fields: &Fields, name: &(String, Span), key: &str) -> Option<usize> {
    let found = fields.list.iter().position(|field| field.name == name.0);
    if found.is_none() {
        let help = did_you_mean(&name.0, fields.list.iter().map(|field| field.name.as_str()));
        let message = format!("`{key}` names the field `{}`, which is not described", name.0);
        reader.diagnostics.push(Diagnostic::error(E0701, name.1, message).maybe_help(help));
    }
    found
}

fn time_format(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<TimeFormat> {
    let Some(written) = node.get("time-format") else { return reader.missing(node.span, "log source", "time-format") };
    choose(reader, written, "time-format", TIME_FORMATS)
}

fn choose<T: Copy>(reader: &mut Reader<'_, '_>, node: &Node<'_>, key: &str, table: &[(&str, T)]) -> Option<T> {
    let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
    let word = reader.word(node, key, &names)?;
    table.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

fn aql_origin(reader: &mut Reader<'_, '_>, node: &Node<'_>, selectors: &mut Selectors, defaults: &mut Defaults) -> Option<AqlOrigin> {
    reader.map(node, "aql", &["type-name", "type-ids", "where", "property-prefix"])?;
    defaults.property_prefix = optional_text(reader, node, "property-prefix");
    aql_place(reader, node, selectors, None)
}

fn spl_origin(reader: &mut Reader<'_, '_>, node: &Node<'_>, selectors: &mut Selectors, defaults: &mut Defaults) -> Option<SplOrigin> {
    reader.map(node, "spl", &["index", "sourcetype", "source", "tag", "where", "json"])?;
    defaults.json = node.get("json").and_then(|json| reader.boolean(json, "json")).unwrap_or_default();
    spl_place(reader, node, selectors, None)
}

fn read_fields(reader: &mut Reader<'_, '_>, node: &Node<'_>, defaults: &Defaults, time: &str) -> Option<Fields> {
    let mut fields = Fields { list: Vec::new(), spans: Vec::new() };
    let mut names: Names = Vec::new();
    for entry in reader.entries(node, "fields")? {
        unique_name(reader, &entry.key.value, entry.key.span, &mut names);
        if let Some(field) = read_field(reader, entry, defaults, time) {
            for alias in field.aliases.iter().filter(|alias| !alias.eq_ignore_ascii_case(&field.name)) {
                unique_name(reader, alias, entry.key.span, &mut names);
            }
            fields.list.push(field);
            fields.spans.push(entry.key.span);
        }
    }
    Some(fields)
}

/// Names are plain words, and different also where case does not count.
fn unique_name(reader: &mut Reader<'_, '_>, name: &str, span: Span, names: &mut Names) {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if !plain {
        let message = format!("`{name}` cannot be the name of a field");
        reader.diagnostics.push(Diagnostic::error(E0701, span, message).help("letters, digits, `_`, `.` and `-`, beginning with a letter"));
    }
    let lower = name.to_lowercase();
    match names.iter().find(|(other, _)| *other == lower) {
        Some((_, first)) => {
            let message = format!("two fields are called `{name}`");
            reader
                .diagnostics
                .push(Diagnostic::error(E0701, span, message).label(*first, "first here").help("AQL does not tell case apart"));
        }
        None => names.push((lower, span)),
    }
}

fn read_field(reader: &mut Reader<'_, '_>, entry: &Entry<'_>, defaults: &Defaults, time: &str) -> Option<Field> {
    let (name, node) = (entry.key.value.to_string(), &entry.value);
    reader.map(node, &name, FIELD_KEYS)?;
    let kind = match node.get("type") {
        Some(written) => choose(reader, written, "type", FIELD_TYPES)?,
        None => FieldType::Text,
    };
    let mut flag = |key: &str| node.get(key).and_then(|value| reader.boolean(value, key)).unwrap_or_default();
    let (list, optional) = (flag("list"), flag("optional"));
    let (written, span) = match node.get("event") {
        Some(written) => reader.text(written, "event").map(|text| (text.value, text.span))?,
        None => (name.clone(), entry.key.span),
    };
    let event = event_path(reader, &written, span, list)?;
    let is_time = name == time;
    let mut missing = Vec::new();
    let mut bound = |platform: Platform, default: Option<Binding>| match node.get(platform.key()) {
        Some(written) if written.text() == Some("none") => None,
        Some(written) if written.get("missing").is_some() => {
            missing.extend(reason(reader, written, platform).map(|reason| (platform, reason)));
            None
        }
        Some(written) => binding::read(reader, written, platform, kind),
        None => default.or_else(|| defaults.others.as_ref()?.of(platform, &name, kind)),
    };
    let aql = bound(Platform::Aql, default_aql(&name, kind, is_time, defaults));
    let spl = bound(Platform::Spl, default_spl(&written, &event, kind, is_time, defaults));
    let kql = bound(Platform::Kql, defaults.time.as_ref().filter(|_| is_time).map(|time| column(time, ColumnType::Time)));
    Some(Field {
        first_only: false,
        description: node.get("description").and_then(|text| reader.text(text, "description")).map(|text| text.value).unwrap_or_default(),
        ecs: optional_text(reader, node, "ecs"),
        aliases: texts(reader, node, "aliases"),
        written: None,
        absent_for: texts(reader, node, "absent-for"),
        name,
        kind,
        list,
        optional,
        event,
        aql,
        spl,
        kql,
        missing,
    })
}

/// A text or a list of texts.
fn texts(reader: &mut Reader<'_, '_>, node: &Node<'_>, key: &str) -> Vec<String> {
    let texts = node.get(key).map(|written| reader.text_or_texts(written, key)).unwrap_or_default();
    texts.into_iter().map(|text| text.value).collect()
}

/// `a.b`, `list[].member` (which makes it a list) or `list[key=text].member`.
fn event_path(reader: &mut Reader<'_, '_>, text: &str, span: Span, list: bool) -> Option<EventPath> {
    let members = text.replace("[]", "");
    match EventPath::parse(&members) {
        Some(EventPath::Path(path)) if path.iter().any(String::is_empty) => bad_path(reader, text, span),
        Some(path) => {
            if text.contains("[]") && !list {
                let message = format!("`{text}` goes through a list, so that an event may hold several values");
                return reader
                    .fail(Diagnostic::error(E0701, span, message).help("add `list: true`, or choose an element: `list[key=text].member`"));
            }
            Some(path)
        }
        None => bad_path(reader, text, span),
    }
}

fn bad_path(reader: &mut Reader<'_, '_>, text: &str, span: Span) -> Option<EventPath> {
    let help = "paths are written `a.b`, `list[].member` or `list[key=text].member`";
    reader.fail(Diagnostic::error(E0701, span, format!("`{text}` is not a path")).help(help))
}

fn default_aql(name: &str, kind: FieldType, is_time: bool, defaults: &Defaults) -> Option<Binding> {
    if is_time {
        return Some(column("starttime", ColumnType::Time));
    }
    let prefix = defaults.property_prefix.as_ref()?;
    Some(column(format!("{prefix} {}", plain_words(name)), column_type(kind, Platform::Aql)))
}

/// `source_ip` → `Source IP`
fn plain_words(name: &str) -> String {
    let word = |word: &str| match SPELLED.iter().find(|(plain, _)| *plain == word) {
        Some((_, spelled)) => (*spelled).to_owned(),
        None => word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect(),
    };
    name.split('_').map(word).collect::<Vec<String>>().join(" ")
}

/// Splunk's automatic JSON fields: `author.name`, `affectedObjects{}.name`.
fn default_spl(written: &str, event: &EventPath, kind: FieldType, is_time: bool, defaults: &Defaults) -> Option<Binding> {
    if is_time {
        return Some(column("_time", ColumnType::Time));
    }
    if !defaults.json {
        return None;
    }
    Some(match event {
        EventPath::Path(_) => column(written.replace("[]", "{}"), column_type(kind, Platform::Spl)),
        EventPath::Element(element) => Binding {
            place: Place::Element {
                column: element.list.join("."),
                text: false,
                key: element.key.clone(),
                equals: element.equals.clone(),
                value: element.value.clone(),
            },
            values: Vec::new(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
product: shop
service: audit
title: Shop
description: Orders.
time-format: iso8601
action: action
aql: { type-name: Shop, property-prefix: Shop }
spl: { sourcetype: 'shop:audit', json: true }
kql: { table: Shop_CL }
fields:
  timestamp: { type: timestamp, event: at }
  action: { event: what, kql: What }
  buyer_ip: { type: ip, event: by.ip, optional: true, absent-for: [closed], kql: By.ip }
  item: { event: 'items[].name', list: true, optional: true, kql: Items.name }
  gift: { event: 'items[kind=gift].name', optional: true, kql: 'Items[kind=gift].name' }
  amount: { type: number, event: sum, optional: true, kql: { at: Sum, type: real } }
sample: { at: '2026-01-05T00:00:00Z', what: sold, by: { ip: 192.0.2.1 }, items: [ { name: a, kind: gift }, { name: b } ], sum: 1.5 }
";

    fn problems(text: &str) -> Vec<String> {
        let mut diagnostics = Diagnostics::new();
        let found = read(&Source::new("shop_audit.yml", text), &|_| None, &mut diagnostics);
        assert_eq!(found.is_none(), diagnostics.has_errors());
        diagnostics.sorted().into_iter().map(|d| format!("{} {}", d.code, d.message)).collect()
    }

    /// The good file with one text replaced has a problem that begins so.
    fn problem(from: &str, to: &str, expected: &str) {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let found = problems(&text);
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{to}: {found:#?}");
    }

    #[test]
    fn a_good_file_has_no_problems() {
        assert_eq!(problems(GOOD), Vec::<String>::new());
    }

    #[test]
    fn bindings_follow_from_the_event() {
        let found = read(&Source::new("shop_audit.yml", GOOD), &|_| None, &mut Diagnostics::new()).expect("good");
        let field = |name: &str| found.field(name).expect("described");
        assert_eq!(field("buyer_ip").aql, Some(column("Shop Buyer IP", ColumnType::Address)));
        assert_eq!(field("item").spl, Some(column("items{}.name", ColumnType::Text)));
        assert!(matches!(&field("gift").spl, Some(Binding { place: Place::Element { column, .. }, .. }) if column == "items"));
        assert_eq!(field("timestamp").spl, Some(column("_time", ColumnType::Time)));
        assert_eq!(field("timestamp").kql, Some(column("TimeGenerated", ColumnType::Time)));
        assert!(
            matches!(&field("item").kql, Some(Binding { place: Place::Json { column, path, .. }, .. }) if column == "Items" && path == &["name"])
        );
    }

    #[test]
    fn contradictions_are_errors() {
        problem("{ event: what, kql: What }", "{ kql: What }", "E0701 the sample event has no `action`");
        problem("{ event: what, kql: What }", "{ event: what, kql: { missing: [] } }", "E0102 `missing` is a list");
        problem("  item:", "  ACTION:", "E0701 two fields are called `ACTION`");
        problem(
            "kql: { at: Sum, type: real }",
            "kql: { at: Items, type: real }",
            "E0701 the KQL column `Items` is used as dynamic and as real",
        );
        problem("action: action\n", "", "E0701 `buyer_ip` is absent for some actions");
        problem("action: action\n", "action: actoin\n", "E0701 `action` names the field `actoin`");
        problem("event: at }", "event: att }", "E0701 the sample event has no `att`");
        problem("type: ip", "type: integer", "E0701 `buyer_ip` has another type in the sample event");
        problem("event: 'items[].name', list: true", "event: 'items[].name'", "E0701 `items[].name` goes through a list");
        problem("event: 'items[].name', list: true", "event: items.name", "E0701 the sample event has 2 values of `item`");
        problem("event: sum", "event: what", "E0701 `action` and `amount` stand at the same place");
        problem("event: sum", "event: 'sum[x'", "E0701 `sum[x` is not a path");
        problem("type: timestamp, ", "", "E0701 the time field `timestamp` is not a timestamp");
    }

    #[test]
    fn slips_are_errors_with_a_place() {
        problem("title:", "titel:", "E0103");
        problem("absent-for", "absent_for", "E0101 `buyer_ip` has no key `absent_for`");
        problem("time-format: iso8601", "time-format: iso", "E0104");
        problem("{ event: what, kql", "{ aliases: [did, gift], event: what, kql", "E0701 two fields are called `gift`");
        problem("{ event: what, kql", "{ aliases: [1st], event: what, kql", "E0701 `1st` cannot be the name of a field");
        problem("type: real", "type: float", "E0104");
        problem("table: Shop_CL", "table: Shop CL", "E0104");
        problem("optional: true, absent-for", "optional: maybe, absent-for", "E0102");
    }
}
