//! Where the platforms have the events of a log source: nodes of a log source file or a site file go in, origins, reasons
//! why there is none, and what must be true first come out.

use super::read::optional_text;
use super::selector::{Selectors, select};
use super::{AqlOrigin, KqlOrigin, Platform, SplOrigin};
use crate::diagnostic::{Diagnostic, E0104, E0701};
use crate::reader::Reader;
use crate::yaml::Node;

/// Where a platform has the events, unless it does not have them or nothing is built for it.
pub(super) fn place<'n, 's>(node: &'n Node<'s>, platform: Platform) -> Option<&'n Node<'s>> {
    node.get(platform.key()).filter(|written| ["missing", "skip"].iter().all(|key| written.get(key).is_none()))
}

/// `kql: { missing: why }`, or `skip`: what is said of a platform goes before what was said.
pub(super) fn absences(
    reader: &mut Reader<'_, '_>,
    node: &Node<'_>,
    key: &'static str,
    mut before: Vec<(Platform, String)>,
) -> Vec<(Platform, String)> {
    for platform in [Platform::Aql, Platform::Spl, Platform::Kql] {
        let Some(written) = node.get(platform.key()) else { continue };
        before.retain(|(other, _)| *other != platform);
        if let Some(reason) = written.get(key) {
            reader.map(written, platform.key(), &[key]);
            before.extend(reader.text(reason, key).map(|reason| (platform, reason.value.trim_end().to_owned())));
        }
    }
    before
}

/// `type-name` or `type-ids`, and `where`; what is not named stays as it is in `before`.
pub(super) fn aql_place(
    reader: &mut Reader<'_, '_>,
    node: &Node<'_>,
    selectors: &mut Selectors,
    before: Option<&AqlOrigin>,
) -> Option<AqlOrigin> {
    select(reader, node, Platform::Aql, selectors, before.is_some())?;
    match (node.get("type-name"), node.get("type-ids")) {
        (Some(name), None) => Some(AqlOrigin::TypeName(reader.text(name, "type-name")?.value)),
        (None, Some(ids)) => {
            let numbers = reader.list(ids, "type-ids")?.iter().map(|id| reader.whole(id, "type-ids", 0..=i64::from(u32::MAX)));
            let numbers: Option<Vec<u32>> = numbers.map(|number| number.and_then(|n| u32::try_from(n).ok())).collect();
            match numbers {
                Some(numbers) if numbers.is_empty() => reader.empty(ids.span, "type-ids"),
                numbers => Some(AqlOrigin::TypeIds(numbers?)),
            }
        }
        (Some(_), Some(ids)) => {
            reader.fail(Diagnostic::error(E0701, ids.span, "`type-ids` and `type-name` say the same").help("keep one of them"))
        }
        (None, None) => before.cloned().or_else(|| reader.missing(node.span, "aql", "type-name")),
    }
}

/// `index`, `sourcetype`, `source`, `tag`: a text or a list each; and `where`; what is not named stays as it is in `before`.
pub(super) fn spl_place(
    reader: &mut Reader<'_, '_>,
    node: &Node<'_>,
    selectors: &mut Selectors,
    before: Option<&SplOrigin>,
) -> Option<SplOrigin> {
    select(reader, node, Platform::Spl, selectors, before.is_some())?;
    let mut origin = before.cloned().unwrap_or_default();
    for (key, values) in
        [("index", &mut origin.index), ("sourcetype", &mut origin.sourcetype), ("source", &mut origin.source), ("tag", &mut origin.tag)]
    {
        if let Some(written) = node.get(key) {
            *values = reader.text_or_texts(written, key).into_iter().map(|text| text.value).collect();
        }
    }
    if origin == SplOrigin::default() {
        return reader.missing(node.span, "spl", "sourcetype");
    }
    Some(origin)
}

/// `table` or `function`, `time` and `where`; what is not named stays as it is in `before`.
pub(super) fn kql_origin(
    reader: &mut Reader<'_, '_>,
    node: &Node<'_>,
    selectors: &mut Selectors,
    before: Option<&KqlOrigin>,
) -> Option<KqlOrigin> {
    reader.map(node, "kql", &["table", "function", "time", "where"])?;
    select(reader, node, Platform::Kql, selectors, before.is_some())?;
    let (table, function) = match (node.get("table"), node.get("function")) {
        (Some(table), None) => (reader.text(table, "table")?, false),
        (None, Some(function)) => (reader.text(function, "function")?, true),
        (None, None) if before.is_some() => {
            let mut origin = before?.clone();
            if let Some(time) = node.get("time") {
                origin.time = reader.text(time, "time")?.value;
            }
            return Some(origin);
        }
        (Some(_), Some(function)) => {
            let message = "`table` and `function` both say where the events are";
            return reader.fail(Diagnostic::error(E0701, function.span, message).help("keep one of them"));
        }
        (None, None) => return reader.missing(node.span, "kql", "table"),
    };
    let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !plain(&table.value) {
        let message = format!("`{}` is not the name of a table or function", table.value);
        return reader.fail(Diagnostic::error(E0104, table.span, message).help("letters, digits and _ only"));
    }
    let time = match node.get("time") {
        Some(time) => reader.text(time, "time")?.value,
        None => before.map_or("TimeGenerated".to_owned(), |before| before.time.clone()),
    };
    Some(KqlOrigin { table: table.value, time, function })
}

/// `prerequisites`
pub(super) fn prerequisites(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<(Platform, String)> {
    platform_texts(reader, node, "prerequisites")
}

/// A text or a list of texts for each platform.
pub(super) fn platform_texts(reader: &mut Reader<'_, '_>, node: &Node<'_>, key: &str) -> Vec<(Platform, String)> {
    let platforms = [Platform::Product, Platform::Aql, Platform::Spl, Platform::Kql];
    let Some(entries) = reader.map(node, key, &platforms.map(Platform::key)) else { return Vec::new() };
    let mut list = Vec::new();
    for entry in entries {
        let Some(platform) = platforms.into_iter().find(|platform| platform.key() == entry.key.value) else { continue };
        let texts = reader.text_or_texts(&entry.value, platform.key());
        list.extend(texts.into_iter().map(|text| (platform, text.value.trim_end().to_owned())));
    }
    list
}

/// `{ missing: why }`
pub(super) fn reason(reader: &mut Reader<'_, '_>, node: &Node<'_>, platform: Platform) -> Option<String> {
    reader.map(node, platform.key(), &["missing"])?;
    optional_text(reader, node, "missing")
}
