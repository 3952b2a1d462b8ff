//! The `detection` block: selections with their items, and the condition.

use super::{Body, DetectionBlock, ItemBlock};
use crate::condition;
use crate::detection::Modifier;
use crate::diagnostic::{Diagnostic, E0102, E0103, E0207, E0212, W0207, did_you_mean};
use crate::reader::Reader;
use crate::source::{Span, Spanned};
use crate::yaml::{Entry, Kind, Node, Value, warn_about_trap};

/// Sigma's modifiers and their names.
const MODIFIERS: &[(&str, Modifier)] = &[
    ("contains", Modifier::Contains),
    ("startswith", Modifier::StartsWith),
    ("endswith", Modifier::EndsWith),
    ("all", Modifier::All),
    ("cased", Modifier::Cased),
    ("exists", Modifier::Exists),
    ("re", Modifier::Re),
    ("i", Modifier::IgnoreCase),
    ("ignorecase", Modifier::IgnoreCase),
    ("m", Modifier::Multiline),
    ("multiline", Modifier::Multiline),
    ("s", Modifier::DotAll),
    ("dotall", Modifier::DotAll),
    ("cidr", Modifier::Cidr),
    ("windash", Modifier::Windash),
    ("base64", Modifier::Base64),
    ("base64offset", Modifier::Base64Offset),
    ("utf16", Modifier::Utf16),
    ("utf16le", Modifier::Utf16Le),
    ("utf16be", Modifier::Utf16Be),
    ("wide", Modifier::Wide),
    ("fieldref", Modifier::FieldRef),
    ("expand", Modifier::Expand),
    ("neq", Modifier::Neq),
    ("lt", Modifier::Lt),
    ("lte", Modifier::Lte),
    ("gt", Modifier::Gt),
    ("gte", Modifier::Gte),
    ("minute", Modifier::Minute),
    ("hour", Modifier::Hour),
    ("day", Modifier::Day),
    ("week", Modifier::Week),
    ("month", Modifier::Month),
    ("year", Modifier::Year),
];

impl Modifier {
    /// As Sigma writes it.
    pub fn name(self) -> &'static str {
        MODIFIERS.iter().find(|(_, modifier)| *modifier == self).map_or("", |(name, _)| name)
    }
}

/// Reads the `detection` block.
pub(super) fn read(reader: &mut Reader<'_, '_>, entry: &Entry<'_>) -> Option<DetectionBlock> {
    let entries = reader.entries(&entry.value, "detection")?;
    let mut block = DetectionBlock { span: entry.key.span, ..Default::default() };
    for entry in entries {
        match &*entry.key.value {
            "condition" => {
                block.has_condition = true;
                block.conditions = conditions(reader, &entry.value);
            }
            "timeframe" => {
                let message = "`timeframe` has no meaning without the aggregations that Sigma removed";
                let help = "use an `aggregate` block with a `window`, or a Sigma correlation rule";
                reader.diagnostics.push(Diagnostic::warning(W0207, entry.key.span, message).help(help));
            }
            name => {
                let name = Spanned::new(name.to_owned(), entry.key.span);
                if let Some(body) = parse_body(reader, &entry.value, &name.value) {
                    block.selections.push((name, body));
                }
            }
        }
    }
    Some(block)
}

fn conditions(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<condition::Written> {
    let nodes = match &node.kind {
        Kind::List(items) => items.as_slice(),
        Kind::Scalar { .. } | Kind::Map(_) => std::slice::from_ref(node),
    };
    let mut conditions = Vec::with_capacity(nodes.len());
    if nodes.is_empty() {
        reader.empty::<()>(node.span, "condition");
    }
    for node in nodes {
        let Some(text) = node.text() else {
            reader.wrong_type::<()>(node, "condition", "a text");
            continue;
        };
        match condition::parse(&reader.scalar(node.span, text)) {
            Ok(condition) => conditions.push(condition),
            Err(diagnostic) => reader.diagnostics.push(diagnostic),
        }
    }
    conditions
}

/// Reads a selection's body: a map, a list of maps or keywords, or one keyword.
pub fn parse_body(reader: &mut Reader<'_, '_>, node: &Node<'_>, what: &str) -> Option<Body> {
    match &node.kind {
        Kind::Map(entries) if entries.is_empty() => reader.empty(node.span, what),
        Kind::Map(entries) => Some(Body::Items(entries.iter().filter_map(|entry| item(reader, entry)).collect())),
        Kind::List(items) if items.is_empty() => reader.empty(node.span, what),
        Kind::List(items) => alternatives(reader, items, what),
        Kind::Scalar { .. } if node.is_null() => reader.empty(node.span, what),
        Kind::Scalar { .. } => Some(Body::Items(vec![keywords(reader, std::slice::from_ref(node), node.span, false)?])),
    }
}

/// Neighbouring keywords are one item; each map is an alternative of its own.
fn alternatives(reader: &mut Reader<'_, '_>, items: &[Node<'_>], what: &str) -> Option<Body> {
    let (mut bodies, mut next) = (Vec::new(), 0);
    while next < items.len() {
        let scalars = items[next..].iter().take_while(|item| matches!(item.kind, Kind::Scalar { .. })).count();
        if scalars > 0 {
            let run = &items[next..next + scalars];
            bodies.extend(keywords(reader, run, run[0].span.to(run[scalars - 1].span), true).map(|item| Body::Items(vec![item])));
            next += scalars;
            continue;
        }
        match &items[next].kind {
            Kind::Map(_) => bodies.extend(parse_body(reader, &items[next], what)),
            Kind::List(_) | Kind::Scalar { .. } => {
                reader.wrong_type::<()>(&items[next], what, "a map or a keyword");
            }
        }
        next += 1;
    }
    match bodies.len() {
        0 => None,
        1 if matches!(&bodies[0], Body::Items(items) if items.iter().all(|item| item.field.is_empty())) => bodies.pop(),
        _ => Some(Body::Alternatives(bodies)),
    }
}

fn keywords(reader: &mut Reader<'_, '_>, nodes: &[Node<'_>], span: Span, listed: bool) -> Option<ItemBlock> {
    let values = nodes.iter().filter_map(|node| value(reader, node)).collect();
    Some(ItemBlock { field: String::new(), span, modifiers: Vec::new(), values, listed })
}

fn item(reader: &mut Reader<'_, '_>, entry: &Entry<'_>) -> Option<ItemBlock> {
    let (field, modifiers) = parse_key(reader, &entry.key.value, entry.key.span)?;
    let (nodes, listed) = match &entry.value.kind {
        Kind::List(items) => (items.as_slice(), true),
        Kind::Scalar { .. } => (std::slice::from_ref(&entry.value), false),
        Kind::Map(_) => return reader.wrong_type(&entry.value, &entry.key.value, "a value or a list of values"),
    };
    if nodes.is_empty() {
        let message = format!("`{}` has an empty list of values", entry.key.value);
        let span = if entry.value.span.start == entry.value.span.end { entry.key.span } else { entry.value.span };
        return reader.fail(Diagnostic::error(E0212, span, message).help("add a value, or write `null` for a missing field"));
    }
    let values = nodes.iter().filter_map(|node| value(reader, node)).collect();
    Some(ItemBlock { field, span: entry.key.span, modifiers, values, listed })
}

fn value(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Spanned<Value>> {
    match node.scalar() {
        Some(value) => {
            warn_about_trap(node, reader.diagnostics);
            Some(Spanned::new(value, node.span))
        }
        None => {
            let message = format!("a value is expected here, not {}", node.describe());
            reader.fail(Diagnostic::error(E0102, node.span, message))
        }
    }
}

/// Splits `field|modifier|modifier`.
pub fn parse_key(reader: &mut Reader<'_, '_>, key: &str, span: Span) -> Option<(String, Vec<Spanned<Modifier>>)> {
    let mut parts = key.split('|');
    let field = parts.next().unwrap_or_default();
    let (mut modifiers, mut at, mut good) = (Vec::new(), field.len() + 1, true);
    for part in parts {
        let place = || reader.scalar(span, key).span(at..at + part.len());
        match MODIFIERS.iter().find(|(name, _)| *name == part) {
            Some((_, modifier)) => modifiers.push(Spanned::new(*modifier, span)),
            None => {
                let (place, names) = (place(), MODIFIERS.iter().map(|(name, _)| *name));
                let help = did_you_mean(part, names).unwrap_or_else(|| "see docs/semantics.md for all modifiers".to_owned());
                reader.diagnostics.push(Diagnostic::error(E0207, place, format!("`{part}` is not a modifier")).help(help));
                good = false;
            }
        }
        at += part.len() + 1;
    }
    if field.is_empty() && modifiers.is_empty() && good {
        return reader.fail(Diagnostic::error(E0103, span, "the field has no name"));
    }
    good.then(|| (field.to_owned(), modifiers))
}
