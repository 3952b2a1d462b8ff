//! The `aggregate` and `schedule` blocks.

use super::{AggregateBlock, LabelBlock, ScheduleBlock, WindowBlock};
use crate::diagnostic::{Diagnostic, E0103, E0104};
use crate::expression::parse::{Written, WrittenKind, duration, parse};
use crate::reader::Reader;
use crate::source::Spanned;
use crate::yaml::{Entry, Kind, Node};

const KEYS: &[&str] = &["group-by", "window", "measures", "derive", "condition", "label", "sort"];

/// Reads the `aggregate` block.
pub(super) fn read(reader: &mut Reader<'_, '_>, entry: &Entry<'_>) -> Option<AggregateBlock> {
    let entries = reader.map(&entry.value, "aggregate", KEYS)?;
    let mut block = AggregateBlock {
        span: entry.key.span,
        group_by: Vec::new(),
        window: None,
        measures: Vec::new(),
        derive: Vec::new(),
        condition: None,
        has_condition: false,
        labels: Vec::new(),
        sort: Vec::new(),
        broken: Vec::new(),
    };
    let (mut has_window, mut has_measures) = (false, false);
    for entry in entries {
        match &*entry.key.value {
            "group-by" => block.group_by = group_by(reader, &entry.value),
            "window" => {
                has_window = true;
                block.window = window(reader, &entry.value);
            }
            "measures" => {
                has_measures = true;
                block.measures = named_expressions(reader, &entry.value, "measures", &mut block.broken);
            }
            "derive" => block.derive = named_expressions(reader, &entry.value, "derive", &mut block.broken),
            "condition" => {
                block.has_condition = true;
                block.condition = expression(reader, &entry.value, "condition");
            }
            "label" => block.labels = labels(reader, &entry.value),
            "sort" => block.sort = sort(reader, &entry.value),
            _ => {}
        }
    }
    for (present, key) in [(has_window, "window"), (has_measures, "measures"), (block.has_condition, "condition")] {
        if !present {
            reader.missing::<()>(entry.key.span, "aggregate", key);
        }
    }
    Some(block)
}

fn expression(reader: &mut Reader<'_, '_>, node: &Node<'_>, what: &str) -> Option<Written> {
    let Some(text) = node.text() else { return reader.wrong_type(node, what, "an expression") };
    let parsed = parse(&reader.scalar(node.span, text));
    parsed.map_err(|diagnostic| reader.diagnostics.push(diagnostic)).ok()
}

fn named_expressions(
    reader: &mut Reader<'_, '_>,
    node: &Node<'_>,
    what: &str,
    broken: &mut Vec<Spanned<String>>,
) -> Vec<(Spanned<String>, Written)> {
    let Some(entries) = reader.entries(node, what) else { return Vec::new() };
    if entries.is_empty() {
        reader.empty::<()>(node.span, what);
    }
    let mut named = Vec::with_capacity(entries.len());
    for entry in entries {
        let name = Spanned::new(entry.key.value.to_string(), entry.key.span);
        match expression(reader, &entry.value, &entry.key.value) {
            Some(written) => named.push((name, written)),
            None => broken.push(name),
        }
    }
    named
}

fn group_by(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<(Option<Spanned<String>>, Written)> {
    let nodes = match &node.kind {
        Kind::List(items) => items.as_slice(),
        Kind::Scalar { .. } | Kind::Map(_) => std::slice::from_ref(node),
    };
    let mut keys = Vec::new();
    for node in nodes {
        match &node.kind {
            Kind::Map(entries) => {
                for entry in entries {
                    if let Some(written) = group_key(reader, &entry.value) {
                        keys.push((Some(Spanned::new(entry.key.value.to_string(), entry.key.span)), written));
                    }
                }
            }
            Kind::Scalar { .. } | Kind::List(_) => keys.extend(group_key(reader, node).map(|written| (None, written))),
        }
    }
    keys
}

/// A key is a field's name as it is, or an expression such as `lower(user)`.
fn group_key(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Written> {
    let text = reader.text(node, "group-by")?;
    if text.value.contains('(') || text.value.contains('`') {
        return expression(reader, node, "group-by");
    }
    Some(Written { kind: WrittenKind::Name(text.value), span: node.span })
}

fn window(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<WindowBlock> {
    if node.text() == Some("lookback") {
        return Some(WindowBlock::Lookback);
    }
    if let Some(text) = node.text() {
        let help = "a window is a duration (1h), { sliding: 10m }, { sliding: 10m, at: selection } or lookback";
        return match duration(text) {
            Some(length) if length > 0 => Some(WindowBlock::Tumbling(length)),
            Some(_) | None => {
                let message = format!("`{text}` is not a window");
                reader.fail(Diagnostic::error(crate::diagnostic::E0108, node.span, message).help(help))
            }
        };
    }
    let (mut length, mut at) = (None, None);
    for entry in reader.map(node, "window", &["sliding", "at"])? {
        match &*entry.key.value {
            "sliding" => length = Some(reader.duration(&entry.value, "sliding")?),
            _ => at = reader.text(&entry.value, "at"),
        }
    }
    match length {
        Some(length) => Some(WindowBlock::Sliding(length, at)),
        None => reader.missing(node.span, "window", "sliding"),
    }
}

fn labels(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<(Spanned<String>, LabelBlock)> {
    let entries = reader.entries(node, "label").unwrap_or_default();
    let mut labels = Vec::new();
    for entry in entries {
        let name = Spanned::new(entry.key.value.to_string(), entry.key.span);
        let Some(items) = reader.list(&entry.value, &entry.key.value) else { continue };
        if items.is_empty() {
            reader.empty::<()>(entry.key.span, &entry.key.value);
        }
        let mut block = LabelBlock::default();
        for (index, item) in items.iter().enumerate() {
            label_case(reader, item, index + 1 == items.len(), &mut block);
        }
        labels.push((name, block));
    }
    labels
}

fn label_case(reader: &mut Reader<'_, '_>, node: &Node<'_>, last: bool, block: &mut LabelBlock) -> Option<()> {
    let (mut when, mut then, mut otherwise) = (None, None, None);
    for entry in reader.map(node, "label", &["when", "then", "otherwise"])? {
        match &*entry.key.value {
            "when" => when = Some(expression(reader, &entry.value, "when")),
            "then" => then = reader.text(&entry.value, "then"),
            _ => otherwise = reader.text(&entry.value, "otherwise"),
        }
    }
    match (when, then, otherwise) {
        (Some(when), Some(then), None) => block.cases.push((when?, then.value)),
        (None, None, Some(otherwise)) if last => block.otherwise = Some(otherwise.value),
        (None, None, Some(_)) => {
            return reader.fail(Diagnostic::error(E0104, node.span, "`otherwise` must be the last case: cases after it never hold"));
        }
        (Some(_), None, None) => return reader.missing(node.span, "label", "then"),
        _ => {
            let help = "a case is `- when: …` with `then: …`; the last one may be `- otherwise: …`";
            return reader.fail(Diagnostic::error(E0103, node.span, "this is not a case of a label").help(help));
        }
    }
    Some(())
}

fn sort(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<(Spanned<String>, bool)> {
    reader
        .text_or_texts(node, "sort")
        .into_iter()
        .map(|text| match text.value.strip_prefix('-') {
            Some(name) => (Spanned::new(name.to_owned(), text.span), true),
            None => (text, false),
        })
        .collect()
}

/// Reads the `schedule` block.
pub(super) fn schedule(reader: &mut Reader<'_, '_>, entry: &Entry<'_>) -> Option<ScheduleBlock> {
    let (mut every, mut lookback, mut delay, mut has_every) = (None, None, None, false);
    for entry in reader.map(&entry.value, "schedule", &["every", "lookback", "delay"])? {
        match &*entry.key.value {
            "every" => {
                has_every = true;
                every = reader.duration(&entry.value, "every");
            }
            "lookback" => lookback = reader.duration(&entry.value, "lookback").map(|length| Spanned::new(length, entry.value.span)),
            _ => {
                let text = reader.text(&entry.value, "delay")?;
                delay = duration(&text.value).or_else(|| (text.value == "0").then_some(0));
                if delay.is_none() {
                    return reader.bad_duration(&text.value, text.span);
                }
            }
        }
    }
    if !has_every {
        return reader.missing(entry.key.span, "schedule", "every");
    }
    Some(ScheduleBlock { span: entry.key.span, every: every?, lookback, delay })
}
