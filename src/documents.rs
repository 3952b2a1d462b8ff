//! The YAML documents of a file go in; those that say something of their own come out: Sigma's old collections
//! (`action: global`, `reset`, `repeat`) are merged, and empty documents are left out.

use crate::diagnostic::{Diagnostic, Diagnostics, E0005, E0104, E0110, did_you_mean};
use crate::source::Span;
use crate::yaml::{Entry, Kind, Node, size};
use rustc_hash::FxHashMap;

/// How many nodes `global` and `repeat` may add to one file.
const MAX_MERGED_NODES: usize = 200_000;

const ACTIONS: [&str; 3] = ["global", "reset", "repeat"];

/// A document with everything that was merged into it.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// What it says.
    pub node: Node<'a>,
    /// From its beginning to that of the next document.
    pub region: Span,
}

/// The documents of a file in order. A problem of a document that only changes others is a problem of the file.
pub fn parts<'a>(documents: Vec<Node<'a>>, diagnostics: &mut Diagnostics) -> Vec<Part<'a>> {
    let starts: Vec<u32> = documents.iter().map(|document| document.span.start).chain([u32::MAX]).collect();
    let mut collection = Collection { global: None, parts: Vec::new(), merged: 0, diagnostics };
    for (document, bounds) in documents.into_iter().zip(starts.windows(2)) {
        if !document.is_null() {
            collection.add(document, Span { start: bounds[0], end: bounds[1] });
        }
    }
    collection.parts
}

/// The documents so far.
struct Collection<'a, 'd> {
    global: Option<Node<'a>>,
    parts: Vec<Part<'a>>,
    /// How many nodes have been added.
    merged: usize,
    diagnostics: &'d mut Diagnostics,
}

impl<'a> Collection<'a, '_> {
    fn add(&mut self, mut node: Node<'a>, region: Span) {
        let Some(action) = take_action(&mut node) else {
            let global = self.global.take();
            if let Some(node) = self.merge(node, global.as_ref()) {
                self.parts.push(Part { node, region });
            }
            self.global = global;
            return;
        };
        match action.value.text().unwrap_or_default() {
            "global" => self.global = Some(node),
            "reset" => self.global = None,
            "repeat" => self.repeat(node, region, action.key.span),
            other => {
                let help = did_you_mean(other, ACTIONS).unwrap_or_else(|| format!("expected one of: {}", ACTIONS.join(", ")));
                let message = format!("`{other}` is no value of `action`");
                self.diagnostics.push(Diagnostic::error(E0104, action.value.span, message).help(help));
            }
        }
    }

    /// The document before, with these keys over it.
    fn repeat(&mut self, node: Node<'a>, region: Span, span: Span) {
        // a name is that of one document
        let Some(previous) = self.parts.last().map(|part| without(&part.node, &["name"])) else {
            let error = Diagnostic::error(E0110, span, "there is no document before this one that could be repeated");
            return self.diagnostics.push(error.help("write the rule out"));
        };
        if let Some(node) = self.merge(node, Some(&previous)) {
            self.parts.push(Part { node, region });
        }
    }

    fn merge(&mut self, node: Node<'a>, under: Option<&Node<'a>>) -> Option<Node<'a>> {
        let Some(under) = under else { return Some(node) };
        self.merged += size(under);
        if self.merged > MAX_MERGED_NODES {
            let message = format!("`action` repeats more than {MAX_MERGED_NODES} values (a long text counts as several)");
            self.diagnostics.push(Diagnostic::error(E0005, node.span, message).help("split the file"));
            return None;
        }
        // a filter has its own detection, a correlation that of its rules
        let foreign: &[&str] = match (node.get("filter").is_some(), node.get("correlation").is_some()) {
            (true, _) => &["detection"],
            (_, true) => &["detection", "logsource"],
            (false, false) => &[],
        };
        Some(merged(node, &without(under, foreign)))
    }
}

/// The `action` of a document, which is no key of what it says.
fn take_action<'a>(node: &mut Node<'a>) -> Option<Entry<'a>> {
    let Kind::Map(entries) = &mut node.kind else { return None };
    let at = entries.iter().position(|entry| entry.key.value == "action")?;
    Some(entries.remove(at))
}

/// A map without some keys.
fn without<'a>(node: &Node<'a>, keys: &[&str]) -> Node<'a> {
    let mut node = node.clone();
    if let Kind::Map(entries) = &mut node.kind {
        entries.retain(|entry| !keys.contains(&&*entry.key.value));
    }
    node
}

/// A node with what stands in another one and not in itself; maps are merged key by key.
fn merged<'a>(node: Node<'a>, under: &Node<'a>) -> Node<'a> {
    let (Kind::Map(entries), Kind::Map(below)) = (&node.kind, &under.kind) else { return node };
    let mut rest: FxHashMap<&str, &Entry<'a>> = below.iter().map(|entry| (&*entry.key.value, entry)).collect();
    let mut all: Vec<Entry<'a>> = Vec::with_capacity(entries.len() + below.len());
    for entry in entries {
        let value = match rest.remove(&*entry.key.value) {
            Some(other) => merged(entry.value.clone(), &other.value),
            None => entry.value.clone(),
        };
        all.push(Entry { key: entry.key.clone(), value });
    }
    all.extend(below.iter().filter(|entry| rest.contains_key(&*entry.key.value)).cloned());
    Node { kind: Kind::Map(all), span: node.span }
}
