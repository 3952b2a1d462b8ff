//! A YAML document as a tree goes in, its text comes out: 4 columns per level, block style, every scalar written so that
//! readers of YAML 1.1 and 1.2 read the same text.

use crate::target::comment_text;
use crate::yaml::{Number, Value, trap};

/// Longest line of a text that stays on one line.
const LINE_LENGTH: usize = 120;
/// YAML reads `key:` up to 1024 characters; a longer key begins with `? `.
const LONGEST_KEY: usize = 1000;

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A descriptive text: unquoted if that is safe, a block if it has several lines.
    Text(String),
    /// A descriptive text that is also a block if it is long.
    Prose(String),
    /// A value of a detection: always quoted.
    Value(String),
    /// A finished scalar: a number, a date, `true`, `null`.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A map.
    Map(Vec<Entry>),
}

/// `key: value` of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// A comment line above it.
    pub comment: Option<String>,
    /// The key.
    pub key: String,
    /// The value.
    pub node: Node,
}

impl Entry {
    /// An entry without a comment.
    pub fn new(key: impl Into<String>, node: Node) -> Entry {
        Entry { comment: None, key: key.into(), node }
    }
}

impl Node {
    /// A list of descriptive texts.
    pub fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Node {
        Node::List(texts.into_iter().map(|text| Node::Text(text.to_owned())).collect())
    }

    /// A number.
    pub fn number(number: &Number) -> Node {
        Node::Scalar(number.text.clone())
    }

    /// Any value of a custom attribute.
    pub fn of(value: &Value) -> Node {
        match value {
            Value::Null => Node::Scalar("null".into()),
            Value::Boolean(value) => Node::Scalar(value.to_string()),
            Value::Number(number) => Node::number(number),
            Value::Text(text) => Node::Text(text.clone()),
            Value::List(items) => Node::List(items.iter().map(Node::of).collect()),
            Value::Map(entries) => Node::Map(entries.iter().map(|(key, value)| Entry::new(key, Node::of(value))).collect()),
        }
    }
}

/// The text of a map at the left margin, without a final line break.
pub fn write(entries: &[Entry]) -> String {
    let mut text = String::new();
    write_map(entries, 0, &mut text);
    text.truncate(text.trim_end_matches('\n').len());
    text
}

/// Entries in lines that each end with a line break. The first line gets no indentation: the caller has written it.
fn write_map(entries: &[Entry], column: usize, text: &mut String) {
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            indent(column, text);
        }
        if let Some(comment) = &entry.comment {
            text.push_str(&format!("# {}\n", comment_text(comment)));
            indent(column, text);
        }
        let key = plain_or_quoted(&entry.key);
        if key.len() > LONGEST_KEY {
            text.push_str(&format!("? {key}\n"));
            indent(column, text);
        } else {
            text.push_str(&key);
        }
        text.push(':');
        write_node(&entry.node, column, column + 4, text);
    }
}

/// A value after `key:` or `-`; `column` is that of the key, `inner` that of lines inside of the value.
fn write_node(node: &Node, column: usize, inner: usize, text: &mut String) {
    match node {
        Node::List(items) if items.is_empty() => text.push_str(" []\n"),
        Node::Map(entries) if entries.is_empty() => text.push_str(" {}\n"),
        Node::List(items) => {
            text.push('\n');
            for item in items {
                indent(inner, text);
                text.push('-');
                write_item(item, inner, text);
            }
        }
        Node::Map(entries) => {
            text.push('\n');
            indent(inner, text);
            write_map(entries, inner, text);
        }
        Node::Text(value) => write_text(value, column + 4, usize::MAX, text),
        Node::Prose(value) => write_text(value, column + 4, LINE_LENGTH, text),
        Node::Value(value) => text.push_str(&format!(" {}\n", quoted(value))),
        Node::Scalar(value) => text.push_str(&format!(" {value}\n")),
    }
}

/// An item of a list whose `-` stands at `column`.
fn write_item(item: &Node, column: usize, text: &mut String) {
    match item {
        Node::Map(entries) if !entries.is_empty() => {
            text.push(' ');
            write_map(entries, column + 2, text);
        }
        Node::List(_) | Node::Map(_) | Node::Text(_) | Node::Prose(_) | Node::Value(_) | Node::Scalar(_) => {
            write_node(item, column, column + 4, text);
        }
    }
}

fn indent(column: usize, text: &mut String) {
    text.extend(std::iter::repeat_n(' ', column));
}

/// A descriptive text, as a block if it has several lines or is longer than `length`, and can be one.
fn write_text(value: &str, column: usize, length: usize, text: &mut String) {
    let (body, chomping) = match value.strip_suffix('\n') {
        Some(body) => (body, ""),
        None => (value, "-"),
    };
    let lines: Vec<String> = if body.contains('\n') || chomping.is_empty() {
        body.split('\n').map(str::to_owned).collect()
    } else {
        fold(body, length, LINE_LENGTH.saturating_sub(column))
    };
    let long = lines.len() > 1 || chomping.is_empty();
    if !long || !can_be_block(body, &lines) {
        return text.push_str(&format!(" {}\n", plain_or_quoted(value)));
    }
    let style = if body.contains('\n') || chomping.is_empty() { '|' } else { '>' };
    text.push_str(&format!(" {style}{chomping}\n"));
    for line in lines {
        if !line.is_empty() {
            indent(column, text);
        }
        text.push_str(&line);
        text.push('\n');
    }
}

/// A text cut at single blanks so that joining the lines with blanks gives it back. Not cut at all if it is short.
fn fold(text: &str, length: usize, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    if text.chars().count() <= length || text.contains("  ") {
        return vec![text.to_owned()];
    }
    for word in text.split(' ') {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// Whether a block keeps the text: no characters that need escapes, no blanks where the block's own layout is decided.
fn can_be_block(body: &str, lines: &[String]) -> bool {
    let blank = |line: &str| !line.is_empty() && line.trim().is_empty();
    let first = lines.first().map_or("", String::as_str);
    let last = lines.last().map_or("", String::as_str);
    !body.is_empty()
        && !first.is_empty()
        && !last.is_empty()
        && !first.starts_with([' ', '\t'])
        && !lines.iter().any(|line| blank(line))
        && !body.chars().any(|c| c != '\n' && needs_escape(c))
}

/// A text without quotes if every reader takes it as the same text, else in quotes.
pub fn plain_or_quoted(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// A text in quotes: single ones, double ones if it holds a `'` and nothing that they change, or if it needs escapes.
pub fn quoted(text: &str) -> String {
    if text.chars().any(needs_escape) {
        return escaped(text);
    }
    if text.contains('\'') && !text.contains(['"', '\\']) {
        return format!("\"{text}\"");
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// A text in double quotes, with escapes for everything that is not printable or not seen.
fn escaped(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if !needs_escape(c) => out.push(c),
            c if u32::from(c) < 0x100 => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if u32::from(c) < 0x1_0000 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// Characters that YAML does not take as they are, that it takes as line breaks, or that hide or reorder text.
fn needs_escape(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a text may stand without quotes in block style.
fn is_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let starts_well = first.is_alphanumeric() || matches!(first, '_' | '/' | '(');
    let ends_well = !text.ends_with([' ', ':']);
    let harmless = !text.contains(": ") && !text.contains(" #") && !text.contains(":\u{a0}") && !text.chars().any(needs_escape);
    starts_well && ends_well && harmless && !is_other_type(text)
}

/// Whether some reader takes an unquoted text as something else: a number, a date, a truth value, nothing.
fn is_other_type(text: &str) -> bool {
    const WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let digit = text.starts_with(|c: char| c.is_numeric());
    if !digit && text.len() > 5 && text.starts_with(char::is_alphabetic) {
        return false;
    }
    let numeric = |c: char| c.is_numeric() || "abcdefxoinABCDEFXOINTtZz_+-.: ".contains(c);
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
        || trap(text).is_some()
        || Number::parse(text).is_some()
        || (digit && text.chars().all(numeric) && !is_uuid(text))
}

/// `8-4-4-4-12` hexadecimal digits: never a number or a date.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().enumerate().all(|(i, b)| if [8, 13, 18, 23].contains(&i) { b == b'-' } else { b.is_ascii_hexdigit() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(node: Node) -> serde_yaml::Value {
        let text = write(&[Entry::new("key", node)]) + "\n";
        let value: serde_yaml::Value = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        value["key"].clone()
    }

    const TEXTS: &[&str] = &[
        "",
        " ",
        "a",
        "a b",
        " a",
        "a ",
        "a: b",
        "a:",
        "a #b",
        "#a",
        "'a'",
        "\"a\"",
        "a'b",
        "a'\"b",
        "a'\\b",
        "\\a\\",
        "- a",
        "-",
        "? a",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "|",
        ">",
        "{a}",
        "[a]",
        "a, b",
        "null",
        "Null",
        "~",
        "true",
        "YES",
        "no",
        "on",
        "Off",
        "y",
        "N",
        "10",
        "1.5",
        "-3",
        "0x10",
        "0o17",
        "0123",
        "1_000",
        "12:30",
        "12:30:45",
        "2024-01-01",
        "2001-12-14t21:59:43.10-05:00",
        ".inf",
        ".nan",
        "1e3",
        "+1",
        "=",
        "<<",
        "---",
        "--- a",
        "...",
        "a\nb",
        "a\n",
        "\na",
        "a\n\nb\n\n",
        "a\r\nb",
        "a\tb",
        "\ta",
        "a\u{0}b",
        "a\u{1b}[31mb",
        "a\u{7f}b",
        "a\u{85}b",
        "a\u{2028}b",
        "a\u{202e}b",
        "\u{feff}a",
        "a\u{fffe}b",
        "\u{1f600}",
        "déjà vu",
        "監視",
        "7Zip Compressing",
        "5f0d0e57-2f0c-4d1d-9d5e-1c2f3a4b5c6d",
        "1e957250-1234-1234-1234-123456789012",
        "a\n b\n",
        " a\nb",
        "a\n \nb",
        "a \nb",
        "a\n# b\nc: d\n--- e\n",
        "C:\\Windows\\*",
        "%sys%",
        "a\u{a0}b",
        "a:\u{a0}b",
        "/etc",
        "(a or b)",
        "1 of them",
        "\u{e0041}",
        "q: 'x' # y",
        "0b11",
        "0.10",
        "1.",
        "999999999999999999999999999999",
    ];

    #[test]
    fn every_text_is_read_back_in_every_style() {
        for text in TEXTS {
            let expected = serde_yaml::Value::String((*text).to_owned());
            assert_eq!(read_back(Node::Text((*text).into())), expected, "as a text: {text:?}");
            let long = format!("{}{text}", "long ".repeat(40));
            assert_eq!(read_back(Node::Prose(long.clone())), serde_yaml::Value::String(long), "in a description: {text:?}");
            assert_eq!(read_back(Node::Value((*text).into())), expected, "as a value: {text:?}");
            let list = read_back(Node::List(vec![Node::Text((*text).into()), Node::Value((*text).into())]));
            assert_eq!(list, serde_yaml::Value::Sequence(vec![expected.clone(), expected.clone()]), "in a list: {text:?}");
            let map = read_back(Node::Map(vec![Entry::new(*text, Node::Text("x".into()))]));
            assert_eq!(map[&expected], serde_yaml::Value::String("x".into()), "as a key: {text:?}");
        }
    }

    #[test]
    fn long_keys_are_read_back() {
        let key = "it's \"x\" ".repeat(120);
        let values =
            [Node::Text("x".into()), Node::List(vec![Node::Value("x".into())]), Node::Map(vec![Entry::new("a", Node::Scalar("1".into()))])];
        for value in values {
            let [short, long] = ["key", key.as_str()].map(|key| read_back(Node::Map(vec![Entry::new(key, value.clone())]))[key].clone());
            assert_eq!(short, long);
            let text = write(&[Entry::new(&*key, value)]);
            assert!(text.starts_with("? ") && text.contains("\n:"), "{text}");
        }
    }

    #[test]
    fn our_own_reader_agrees() {
        for text in TEXTS {
            let document = write(&[Entry::new("key", Node::List(vec![Node::Text((*text).into()), Node::Value((*text).into())]))]) + "\n";
            let mut diagnostics = crate::diagnostic::Diagnostics::new();
            let nodes = crate::yaml::read(&document, &mut diagnostics);
            let read = nodes.first().map(crate::yaml::Node::value);
            let expected = Value::List(vec![Value::Text((*text).to_owned()); 2]);
            assert_eq!(read, Some(Value::Map(vec![("key".into(), expected)])), "{document}");
        }
    }

    #[test]
    fn long_texts_become_folded_blocks() {
        let text = "word ".repeat(60);
        let written = write(&[Entry::new("description", Node::Prose(text.trim().into()))]);
        assert!(written.starts_with("description: >-\n    word"), "{written}");
        assert!(written.lines().all(|line| line.len() <= LINE_LENGTH), "{written}");
        assert_eq!(read_back(Node::Prose(text.trim().into())), serde_yaml::Value::String(text.trim().into()));
        assert_eq!(read_back(Node::Prose(text.clone())), serde_yaml::Value::String(text), "a final blank is kept");
    }

    #[test]
    fn quoting_follows_the_conventions() {
        assert_eq!(quoted("\\cmd.exe"), "'\\cmd.exe'");
        assert_eq!(quoted("it's"), "\"it's\"");
        assert_eq!(quoted("it's \\x"), "'it''s \\x'");
        assert_eq!(quoted("a\nb"), "\"a\\nb\"");
        assert_eq!(plain_or_quoted("Whoami Execution"), "Whoami Execution");
        assert_eq!(plain_or_quoted("2024-01-01"), "'2024-01-01'");
    }

    #[test]
    fn nested_structures_use_four_columns() {
        let rule = Node::Map(vec![Entry::new("a", Node::Scalar("1".into())), Entry::new("b", Node::List(vec![Node::Value("x".into())]))]);
        let text = write(&[Entry::new("list", Node::List(vec![rule.clone(), rule.clone()])), Entry::new("map", rule)]);
        let item = "    - a: 1\n      b:\n          - 'x'\n";
        assert_eq!(text, format!("list:\n{item}{item}map:\n    a: 1\n    b:\n        - 'x'"));
    }
}
