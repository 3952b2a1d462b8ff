//! The YAML documents of a file go in; those that say something of their own come out, and those that only change others:
//! Sigma's old collections (`action: global`, `reset`, `repeat`) are merged, and empty documents are left out.

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
    /// The regions of the documents that were merged into it.
    pub merged: Vec<Span>,
}

/// The documents of a file, in order.
#[derive(Debug, Default)]
pub struct Parts<'a> {
    /// Those that say something of their own.
    pub own: Vec<Part<'a>>,
    /// Those that only change others, or were to.
    pub others: Vec<Part<'a>>,
}

/// Takes the documents of a file apart.
pub fn parts<'a>(documents: Vec<Node<'a>>, diagnostics: &mut Diagnostics) -> Parts<'a> {
    let starts: Vec<u32> = documents.iter().map(|document| document.span.start).chain([u32::MAX]).collect();
    let mut collection = Collection { global: None, parts: Parts::default(), merged: 0, diagnostics };
    for (document, bounds) in documents.into_iter().zip(starts.windows(2)) {
        if !document.is_null() {
            collection.add(document, Span { start: bounds[0], end: bounds[1] });
        }
    }
    collection.parts
}

/// The documents so far.
struct Collection<'a, 'd> {
    global: Option<Part<'a>>,
    parts: Parts<'a>,
    /// How many nodes have been added.
    merged: usize,
    diagnostics: &'d mut Diagnostics,
}

impl<'a> Collection<'a, '_> {
    fn add(&mut self, mut node: Node<'a>, region: Span) {
        let action = take_action(&mut node);
        let part = Part { node, region, merged: Vec::new() };
        let Some(action) = action else {
            let global = self.global.clone();
            return self.merge(part, global);
        };
        match action.value.text().unwrap_or_default() {
            "repeat" => return self.repeat(part, action.key.span),
            "global" => self.global = Some(part.clone()),
            "reset" => self.global = None,
            other => {
                let help = did_you_mean(other, ACTIONS).unwrap_or_else(|| format!("expected one of: {}", ACTIONS.join(", ")));
                let message = format!("`{other}` is no value of `action`");
                self.diagnostics.push(Diagnostic::error(E0104, action.value.span, message).help(help));
                // whatever was meant, those that follow are not what they say alone
                self.global = Some(part.clone());
            }
        }
        self.parts.others.push(part);
    }

    /// The document before, with these keys over it.
    fn repeat(&mut self, part: Part<'a>, span: Span) {
        // a name is that of one document
        let previous = self.parts.own.last().map(|part| Part { node: without(&part.node, &["name"]), ..part.clone() });
        if previous.is_none() {
            let error = Diagnostic::error(E0110, span, "there is no document before this one that could be repeated");
            self.diagnostics.push(error.help("write the rule out"));
            return self.parts.others.push(part);
        }
        self.merge(part, previous);
    }

    fn merge(&mut self, part: Part<'a>, under: Option<Part<'a>>) {
        let Some(under) = under else { return self.parts.own.push(part) };
        self.merged += size(&under.node);
        if self.merged > MAX_MERGED_NODES {
            let message = format!("`action` repeats more than {MAX_MERGED_NODES} values (a long text counts as several)");
            self.diagnostics.push(Diagnostic::error(E0005, part.node.span, message).help("split the file"));
            return self.parts.others.push(part);
        }
        // a filter has its own detection, a correlation that of its rules
        let foreign: &[&str] = match (part.node.get("filter").is_some(), part.node.get("correlation").is_some()) {
            (true, _) => &["detection"],
            (_, true) => &["detection", "logsource"],
            (false, false) => &[],
        };
        let node = merged(part.node, &without(&under.node, foreign));
        let merged = under.merged.into_iter().chain([under.region]).collect();
        self.parts.own.push(Part { node, region: part.region, merged });
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
