//! A selection's body goes in, its YAML comes out: fields under the names of the product's own event, modifiers in
//! Sigma's spelling, lists only where there are several values.

use super::portable;
use crate::detection::{Item, Modifier, SelectionBody};
use crate::diagnostic::{Diagnostic, E0401};
use crate::logsource::{EventPath, Field, LogSource};
use crate::source::Span;
use crate::yaml::Value;
use crate::yaml_text::{Entry, Node};
use ipnet::IpNet;
use std::net::IpAddr;

/// Writes selections of one log source and collects what cannot be said.
pub(super) struct Writer<'a> {
    log_source: &'a LogSource,
    /// What Sigma cannot express.
    pub refused: Vec<Diagnostic>,
}

impl<'a> Writer<'a> {
    /// A writer for the fields of a log source.
    pub fn new(log_source: &'a LogSource) -> Self {
        Writer { log_source, refused: Vec::new() }
    }

    /// The name of a field in the product's own event; another name that the author wrote is kept. An element chosen by its
    /// key has none there, so it keeps ours, which a processing pipeline must provide (an assumption, see
    /// [`super::assumption`]).
    pub fn field(&mut self, field: &Field, _: Span) -> String {
        match (&field.written, &field.event) {
            (Some(written), _) => written.clone(),
            (None, EventPath::Path(path)) => path.join("."),
            (None, EventPath::Element(_)) => field.name.clone(),
        }
    }

    /// The body of a selection.
    pub fn body(&mut self, body: &SelectionBody) -> Node {
        let mut alternatives = Vec::new();
        self.alternatives(body, &mut alternatives);
        let keywords = alternatives.iter().any(|node| !matches!(node, Node::Map(_)));
        if alternatives.len() == 1 && !keywords { alternatives.remove(0) } else { Node::List(alternatives) }
    }

    fn alternatives(&mut self, body: &SelectionBody, found: &mut Vec<Node>) {
        match body {
            SelectionBody::Alerts(chained) => {
                let message = "Sigma cannot express alerts of another correlation beside tests of events in one rule";
                let error = Diagnostic::error(E0401, chained.detection.metadata.title.span, message);
                self.refused.push(error.help("name the correlation alone as a rule of this one"));
            }
            SelectionBody::Alternatives(bodies) => bodies.iter().for_each(|body| self.alternatives(body, found)),
            SelectionBody::Items(items) => match items.as_slice() {
                [item] if is_plain_keyword(item) => found.extend(item.values.iter().map(keyword)),
                items => {
                    for items in portable::maps(items, &mut self.refused) {
                        let map = self.map(&items);
                        if !found.contains(&map) {
                            found.push(map);
                        }
                    }
                }
            },
        }
    }

    fn map(&mut self, items: &[Item]) -> Node {
        let mut entries: Vec<Entry> = Vec::new();
        for item in items {
            let mut entry = self.item(item, false);
            if entries.iter().any(|other| other.key == entry.key) {
                // `contains|all` with one value is `contains`, unless that key is taken
                entry = self.item(item, true);
            }
            if entry.key.is_empty() || entries.iter().any(|other| other.key == entry.key) {
                let message = match entry.key.as_str() {
                    "" => "Sigma cannot express keywords beside fields in one map".to_owned(),
                    key => format!("Sigma cannot express two items of one selection with the key `{key}`"),
                };
                self.refused.push(Diagnostic::error(E0401, item.span, message).help("make it a selection of its own"));
                continue;
            }
            entries.push(entry);
        }
        Node::Map(entries)
    }

    fn item(&mut self, item: &Item, keep_all: bool) -> Entry {
        let field = item.field.as_ref().map(|field| self.field(field, item.span)).unwrap_or_default();
        let several = keep_all || item.values.len() > 1;
        let modifiers =
            item.modifiers.iter().filter(|modifier| several || **modifier != Modifier::All).filter_map(|modifier| spelling(*modifier));
        let key = std::iter::once(field.as_str()).chain(modifiers).collect::<Vec<_>>().join("|");
        let refers = item.modifiers.contains(&Modifier::FieldRef);
        let networks = item.modifiers.contains(&Modifier::Cidr);
        let mut values: Vec<Node> = match refers {
            true => item.values.iter().map(|value| self.reference(value, item.span)).collect(),
            false if networks => item.values.iter().map(network).collect(),
            false => item.values.iter().map(value).collect(),
        };
        Entry::new(key, if values.len() == 1 { values.remove(0) } else { Node::List(values) })
    }

    /// The value of `fieldref` is the name of a field.
    fn reference(&mut self, name: &Value, span: Span) -> Node {
        let Value::Text(text) = name else { return value(name) };
        let known = self.log_source.fields.iter().find(|field| field.name == *text).cloned();
        Node::Value(known.map_or_else(|| text.clone(), |field| self.field(&field, span)))
    }
}

fn is_plain_keyword(item: &Item) -> bool {
    let several = item.values.len() > 1;
    item.field.is_none()
        && item.modifiers.iter().all(|modifier| matches!(modifier, Modifier::Expand) || (*modifier == Modifier::All && !several))
}

/// A keyword is a text to be found, also if it is a number: some readers find texts only.
fn keyword(written: &Value) -> Node {
    match written {
        Value::Number(number) => Node::Value(number.text.clone()),
        Value::Text(_) | Value::Null | Value::Boolean(_) | Value::List(_) | Value::Map(_) => value(written),
    }
}

/// A network; an address alone gets its prefix length, which not every reader can do without.
fn network(written: &Value) -> Node {
    match written {
        Value::Text(text) => Node::Value(text.parse::<IpAddr>().map_or_else(|_| text.clone(), |address| IpNet::from(address).to_string())),
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => value(written),
    }
}

fn value(value: &Value) -> Node {
    match value {
        Value::Text(text) => Node::Value(text.clone()),
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => Node::of(value),
    }
}

/// How Sigma writes a modifier; nothing for `expand`, whose lists are filled in.
pub(super) fn spelling(modifier: Modifier) -> Option<&'static str> {
    Some(match modifier {
        Modifier::Contains => "contains",
        Modifier::StartsWith => "startswith",
        Modifier::EndsWith => "endswith",
        Modifier::All => "all",
        Modifier::Cased => "cased",
        Modifier::Exists => "exists",
        Modifier::Re => "re",
        Modifier::IgnoreCase => "i",
        Modifier::Multiline => "m",
        Modifier::DotAll => "s",
        Modifier::Cidr => "cidr",
        Modifier::Windash => "windash",
        Modifier::Base64 => "base64",
        Modifier::Base64Offset => "base64offset",
        Modifier::Utf16 => "utf16",
        Modifier::Utf16Be => "utf16be",
        // the two are one encoding, and not every reader knows `utf16le`
        Modifier::Wide | Modifier::Utf16Le => "wide",
        Modifier::FieldRef => "fieldref",
        Modifier::Expand => return None,
        Modifier::Neq => "neq",
        Modifier::Lt => "lt",
        Modifier::Lte => "lte",
        Modifier::Gt => "gt",
        Modifier::Gte => "gte",
        Modifier::Minute => "minute",
        Modifier::Hour => "hour",
        Modifier::Day => "day",
        Modifier::Week => "week",
        Modifier::Month => "month",
        Modifier::Year => "year",
    })
}

/// A literal text in Sigma's notation: no wildcards, and every backslash stands for itself.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '*' | '?') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
