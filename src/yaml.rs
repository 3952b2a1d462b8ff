//! YAML text → a tree with a place for every key and value. The only file that knows the YAML crate.
//!
//! Keeps the written text and the quoting of every scalar, rejects duplicate keys, bounds size, depth and aliases.

use crate::diagnostic::{Diagnostic, Diagnostics, E0001, E0003, E0004, E0005, E0006, W0101};
use crate::source::{Span, Spanned};
use granit_parser::{Event, Parser, ScalarStyle};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 4 << 20;
/// The deepest nesting of lists and maps.
pub const MAX_DEPTH: usize = 64;
/// How many nodes aliases may add to one file.
const MAX_ALIAS_NODES: usize = 10_000;
/// So many bytes of a text count as one more node.
const BYTES_PER_NODE: usize = 128;

/// A YAML node and where it stands.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    /// What it is.
    pub kind: Kind<'a>,
    /// Its place: a scalar with its quotes, a collection from its first to its last child.
    pub span: Span,
}

/// The three kinds of YAML nodes.
#[derive(Debug, Clone)]
pub enum Kind<'a> {
    /// A single value.
    Scalar {
        /// The text after unquoting.
        text: Cow<'a, str>,
        /// Whether it stood without quotes (so that `null`, `true` and numbers have their meaning).
        plain: bool,
    },
    /// `[a, b]` or `- a`
    List(Vec<Node<'a>>),
    /// `key: value`
    Map(Vec<Entry<'a>>),
}

/// One `key: value` of a map.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The key's text and place.
    pub key: Spanned<Cow<'a, str>>,
    /// The value.
    pub value: Node<'a>,
}

/// A YAML value without places: custom attributes, test events, expected alerts.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// A decimal number, as written.
    Number(Number),
    /// Any other text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map, in the author's order.
    Map(Vec<(String, Value)>),
}

/// A number with its written form.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// As written, such as `10` or `1.5`.
    pub text: String,
    /// Its value.
    pub value: f64,
}

impl Number {
    /// Reads `-?digits` or `-?digits.digits`, in the one form in which a number is written
    /// (no leading zero, no exponent, no sign `+`).
    pub fn parse(text: &str) -> Option<Number> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(a, b)| (a, Some(b)));
        let numeric = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !numeric(whole) || (whole.len() > 1 && whole.starts_with('0')) || !fraction.is_none_or(numeric) {
            return None;
        }
        if text == "-0" || whole.len() > 15 {
            return None;
        }
        Some(Number { text: text.to_owned(), value: text.parse().ok()? })
    }

    /// Whether it has no fraction.
    pub fn is_integer(&self) -> bool {
        self.value.fract() == 0.0
    }
}

impl<'a> Node<'a> {
    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// What a scalar means: YAML 1.2's core types, except that a number must be written plainly
    /// (`0123`, `1e3`, `0x1F` stay text, see [`trap`]).
    pub fn scalar(&self) -> Option<Value> {
        match &self.kind {
            Kind::Scalar { text, plain: true } => Some(resolve(text)),
            Kind::Scalar { text, plain: false } => Some(Value::Text(text.to_string())),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// Whether it is a `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The value without places.
    pub fn value(&self) -> Value {
        match &self.kind {
            Kind::Scalar { .. } => self.scalar().unwrap_or(Value::Null),
            Kind::List(items) => Value::List(items.iter().map(Node::value).collect()),
            Kind::Map(entries) => Value::Map(entries.iter().map(|e| (e.key.value.to_string(), e.value.value())).collect()),
        }
    }

    /// The value of a key of a map.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|e| e.key.value == key).map(|e| &e.value),
            Kind::Scalar { .. } | Kind::List(_) => None,
        }
    }

    /// `a text`, `a number`, `a list`, ...: for messages.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Scalar { .. } => match self.scalar() {
                Some(Value::Null) | None => "nothing",
                Some(Value::Boolean(_)) => "a boolean",
                Some(Value::Number(_)) => "a number",
                Some(Value::Text(_) | Value::List(_) | Value::Map(_)) => "a text",
            },
        }
    }
}

impl Value {
    /// As JSON; numbers keep their value.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Value::Null => Json::Null,
            Value::Boolean(value) => Json::Bool(*value),
            Value::Number(number) => number.text.parse().map(Json::Number).unwrap_or(Json::Null),
            Value::Text(text) => Json::String(text.clone()),
            Value::List(items) => Json::Array(items.iter().map(Value::to_json).collect()),
            Value::Map(entries) => Json::Object(entries.iter().map(|(k, v)| (k.clone(), v.to_json())).collect()),
        }
    }
}

fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Boolean(true),
        "false" | "False" | "FALSE" => Value::Boolean(false),
        _ => match Number::parse(text) {
            Some(number) => Value::Number(number),
            None => Value::Text(text.to_owned()),
        },
    }
}

/// Why readers of YAML 1.1 and 1.2 disagree on an unquoted text, if they do.
pub fn trap(text: &str) -> Option<&'static str> {
    let first = text.bytes().next()?;
    if first.is_ascii_digit() || first == b'-' || first == b'+' || first == b'.' {
        return numeric_trap(text);
    }
    match text {
        "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "on" | "On" | "ON" | "off" | "Off" | "OFF" | "y" | "Y" | "n" | "N" => {
            Some("YAML 1.1 reads it as a boolean")
        }
        _ => None,
    }
}

fn numeric_trap(text: &str) -> Option<&'static str> {
    let digits = text.trim_start_matches(['-', '+']);
    let mut bytes = digits.bytes();
    if !bytes.next().is_some_and(|byte| byte.is_ascii_digit() || byte == b'.') || Number::parse(text).is_some_and(|n| !n.text.contains('.'))
    {
        return None;
    }
    let all = |accept: fn(u8) -> bool| !digits.is_empty() && digits.bytes().all(accept);
    if let Some(rest) = digits.strip_prefix("0x") {
        return rest.bytes().all(|b| b.is_ascii_hexdigit()).then_some("some readers take it as a hexadecimal number");
    }
    if let Some(rest) = digits.strip_prefix("0o").or_else(|| digits.strip_prefix("0b")) {
        return rest.bytes().all(|b| b.is_ascii_digit()).then_some("some readers take it as an octal or binary number");
    }
    if all(|b| b.is_ascii_digit()) {
        return Some(if digits.starts_with('0') {
            "YAML 1.1 reads it as an octal number, others drop the zeros"
        } else {
            "some readers change how this number is written"
        });
    }
    if all(|b| b.is_ascii_digit() || b == b':') && digits.contains(':') {
        return Some("YAML 1.1 reads it as a number in base 60");
    }
    if all(|b| b.is_ascii_digit() || b == b'_') {
        return Some("YAML 1.1 reads it as a number without the underscores");
    }
    if digits.len() == 10 && all(|b| b.is_ascii_digit() || b == b'-') && digits.as_bytes()[4] == b'-' && digits.as_bytes()[7] == b'-' {
        return Some("YAML 1.1 reads it as a date");
    }
    if digits.parse::<f64>().is_ok() && all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-')) {
        let plain = Number::parse(text).is_some_and(|n| n.value.to_string() == n.text);
        return (!plain).then_some("readers disagree on whether it is a number and how it is written");
    }
    None
}

/// Warns about an unquoted value on whose type readers disagree; the written text is kept.
pub fn warn_about_trap(node: &Node<'_>, diagnostics: &mut Diagnostics) {
    let Kind::Scalar { text, plain: true } = &node.kind else { return };
    if let Some(why) = trap(text) {
        diagnostics.push(
            Diagnostic::warning(W0101, node.span, format!("`{text}` is not quoted: {why}"))
                .help(format!("the written text is kept; write '{text}' to say so")),
        );
    }
}

/// Reads all documents of a text. On a syntax error, or when a limit is passed, there is no tree.
pub fn read<'a>(text: &'a str, diagnostics: &mut Diagnostics) -> Vec<Node<'a>> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, more than the limit of {MAX_BYTES}", text.len());
        diagnostics.push(Diagnostic::error(E0001, Span::new(0, 0), message).help("split it, or move long lists to list files"));
        return Vec::new();
    }
    let mut builder = Builder { text, parser: Parser::new_from_str(text), anchors: FxHashMap::default(), added: 0, diagnostics };
    builder.documents().unwrap_or_default()
}

/// Builds the tree by pulling events; `None` means that an error was reported and reading ends.
struct Builder<'a, 'd> {
    text: &'a str,
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    anchors: FxHashMap<usize, (Node<'a>, usize)>,
    added: usize,
    diagnostics: &'d mut Diagnostics,
}

impl<'a> Builder<'a, '_> {
    fn documents(&mut self) -> Option<Vec<Node<'a>>> {
        let mut documents = Vec::new();
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Some(documents),
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::Alias(_)
                | Event::Anchor(..)
                | Event::UnresolvedAlias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => documents.push(self.node(event, span, 0)?),
                // the crate may add kinds of metadata; they carry no value
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        match self.parser.next_event()? {
            Ok((event, span)) => {
                let range = span.byte_range().unwrap_or(0..0);
                Some((event, Span::new(range.start, range.end)))
            }
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(0);
                self.fail(E0003, Span::new(at, at), format!("YAML syntax: {}", error.info()), None)
            }
        }
    }

    fn fail<T>(&mut self, code: crate::diagnostic::Code, span: Span, message: String, help: Option<&str>) -> Option<T> {
        self.diagnostics.push(Diagnostic::error(code, span, message).maybe_help(help.map(str::to_owned)));
        None
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Option<Node<'a>> {
        if depth > MAX_DEPTH {
            return self.too_deep(span);
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                if let Some(tag) = tag
                    && tag.core_suffix() != Some("str")
                {
                    return self.fail(E0006, span, "YAML tags have no meaning in a spec".into(), Some("remove the tag"));
                }
                Some(self.remember(anchor, Node { kind: Kind::Scalar { text, plain }, span }))
            }
            Event::SequenceStart(_, anchor, _) => self.list(anchor, span, depth),
            Event::MappingStart(_, anchor, _) => self.map(anchor, span, depth),
            Event::Alias(anchor) => self.alias(anchor, span, depth),
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd
            | Event::Anchor(..)
            | Event::UnresolvedAlias(_) => self.fail(E0003, span, "YAML syntax: a value was expected".into(), None),
            _ => self.fail(E0003, span, "YAML syntax: a value was expected".into(), None),
        }
    }

    fn remember(&mut self, anchor: usize, node: Node<'a>) -> Node<'a> {
        if anchor != 0 {
            let size = size(&node);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        node
    }

    fn alias(&mut self, anchor: usize, span: Span, depth: usize) -> Option<Node<'a>> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return self.fail(E0006, span, "an alias inside of its own anchor".into(), Some("write the value out"));
        };
        self.added += size;
        if self.added > MAX_ALIAS_NODES {
            let message = format!("aliases repeat more than {MAX_ALIAS_NODES} values (a long text counts as several)");
            return self.fail(E0005, span, message, Some("write the values out"));
        }
        if depth + height(node) > MAX_DEPTH {
            return self.too_deep(span);
        }
        Some(node.clone())
    }

    fn too_deep<T>(&mut self, span: Span) -> Option<T> {
        self.fail(E0005, span, format!("lists and maps are nested more than {MAX_DEPTH} deep"), None)
    }

    fn list(&mut self, anchor: usize, start: Span, depth: usize) -> Option<Node<'a>> {
        let (mut items, mut whole) = (Vec::new(), start);
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                break whole = self.close(whole, span);
            }
            let item = self.node(event, span, depth + 1)?;
            whole = whole.to(item.span);
            items.push(item);
        }
        Some(self.remember(anchor, Node { kind: Kind::List(items), span: whole }))
    }

    fn map(&mut self, anchor: usize, start: Span, depth: usize) -> Option<Node<'a>> {
        let (mut entries, mut whole): (Vec<Entry<'a>>, Span) = (Vec::new(), start);
        let mut seen: FxHashMap<Cow<'a, str>, Span> = FxHashMap::default();
        loop {
            let (event, span) = self.next()?;
            let Event::Scalar(text, ..) = event else {
                if matches!(event, Event::MappingEnd) {
                    break whole = self.close(whole, span);
                }
                return self.fail(E0006, span, "a key must be a text".into(), Some("put it in quotes"));
            };
            let first = if entries.len() < 8 {
                entries.iter().find(|e| e.key.value == text).map(|e| e.key.span)
            } else {
                if seen.is_empty() {
                    seen.extend(entries.iter().map(|e| (e.key.value.clone(), e.key.span)));
                }
                seen.insert(text.clone(), span)
            };
            if let Some(first) = first {
                let message = format!("the key `{text}` stands here twice");
                self.diagnostics.push(
                    Diagnostic::error(E0004, span, message).label(first, "first here").help("only one of them would count; merge them"),
                );
            }
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth + 1)?;
            whole = whole.to(span).to(value.span);
            entries.push(Entry { key: Spanned::new(text, span), value });
        }
        Some(self.remember(anchor, Node { kind: Kind::Map(entries), span: whole }))
    }

    /// A flow collection ends with its bracket, a block collection with its last child.
    fn close(&self, whole: Span, end: Span) -> Span {
        match self.text.as_bytes().get(end.start as usize) {
            Some(b']' | b'}') if end.end > end.start => whole.to(end),
            _ => whole,
        }
    }
}

/// How many lists and maps stand in each other below a node.
fn height(node: &Node<'_>) -> usize {
    match &node.kind {
        Kind::Scalar { .. } => 0,
        Kind::List(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Kind::Map(entries) => 1 + entries.iter().map(|e| height(&e.value)).max().unwrap_or(0),
    }
}

/// How much a node adds where it is repeated.
pub fn size(node: &Node<'_>) -> usize {
    match &node.kind {
        Kind::Scalar { text, .. } => 1 + text.len() / BYTES_PER_NODE,
        Kind::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Map(entries) => entries.iter().fold(1, |sum, e| sum + 1 + e.key.value.len() / BYTES_PER_NODE + size(&e.value)),
    }
}
