//! A YAML text and statements go in; the text with the statements comes out. All other bytes stay as they are.

use super::{Statement, quoted};
use crate::diagnostic::Diagnostics;
use crate::yaml::{self, Kind, Node};

/// What stands above the keys that are added.
const HEADING: &str = "# Added by `cognate import`; nobody has read it yet.";

/// A text and the place where it goes in.
type Edit = (usize, String);

/// A key of a document and what is to stand below it: names, values, and comments.
type Block<'b> = (&'b str, Vec<(String, String, Option<String>)>);

/// Inserts statements into their documents; `None` if there is no place for one without changing what stands there.
pub fn insert(text: &str, statements: &[Statement]) -> Option<String> {
    let documents = yaml::read(text, &mut Diagnostics::new());
    let mut edits: Vec<Edit> = Vec::new();
    for statement in statements {
        let document = documents.iter().find(|document| document.span.start == statement.region.start)?;
        let mut added = Vec::new();
        for (key, lines) in blocks(statement) {
            match document.get(key) {
                Some(node) => edits.push(into_map(text, node, &lines)?),
                None => added.push((key, lines)),
            }
        }
        if !added.is_empty() {
            edits.push(new_keys(text, document, &added)?);
        }
    }
    edits.sort();
    let mut changed = text.to_owned();
    for (at, addition) in edits.iter().rev() {
        changed.insert_str(*at, &addition.replace('\n', line_break(text)));
    }
    Some(changed)
}

fn line_break(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The keys that a statement needs.
fn blocks(statement: &Statement) -> Vec<Block<'static>> {
    let lists = statement.lists.iter().map(|name| (quoted(name), format!("{{ file: {} }}", quoted(&format!("lists/{name}.txt"))), None));
    let targets = statement.targets.iter().map(|(target, said)| {
        let (value, comment) = said.text();
        (target.name().to_owned(), value, comment)
    });
    let all = [("lists", lists.collect::<Vec<_>>()), ("targets", targets.collect())];
    all.into_iter().filter(|(_, lines)| !lines.is_empty()).collect()
}

/// New keys at the end of a document, or at the beginning of one in braces.
fn new_keys(text: &str, document: &Node<'_>, blocks: &[Block<'_>]) -> Option<Edit> {
    let Kind::Map(entries) = &document.kind else { return None };
    if is_flow(text, document) {
        let keys: Vec<String> = blocks.iter().map(|(key, lines)| format!("{key}: {{ {} }}", flow(lines))).collect();
        return Some(after_brace(document, keys.join(", "), entries.is_empty()));
    }
    let indent = indent(text, entries.first()?.key.span.start as usize)?;
    let content = text[..document.span.range().end].trim_end().len();
    let end = text[content..].find('\n').map(|at| content + at + 1);
    let mut added = if end.is_none() { "\n".to_owned() } else { String::new() };
    added += &format!("{indent}{HEADING}\n");
    for (key, lines) in blocks {
        added += &format!("{indent}{key}:\n{}", block(&format!("{indent}  "), lines));
    }
    Some((end.unwrap_or(text.len()), added))
}

/// More keys in a map that has none of them.
fn into_map(text: &str, node: &Node<'_>, lines: &[(String, String, Option<String>)]) -> Option<Edit> {
    let Kind::Map(entries) = &node.kind else { return None };
    if lines.iter().any(|(name, ..)| node.get(name).is_some()) {
        return None;
    }
    if is_flow(text, node) {
        return Some(after_brace(node, flow(lines), entries.is_empty()));
    }
    let first = entries.first()?.key.span.start as usize;
    let indent = indent(text, first)?;
    Some((first - indent.len(), format!("{indent}{HEADING}\n{}", block(indent, lines))))
}

fn is_flow(text: &str, node: &Node<'_>) -> bool {
    text[node.span.range()].starts_with('{')
}

fn after_brace(node: &Node<'_>, keys: String, alone: bool) -> Edit {
    (node.span.start as usize + 1, format!(" {keys}{} ", if alone { "" } else { "," }))
}

/// The blanks before a place, if there is nothing else in its line.
fn indent(text: &str, at: usize) -> Option<&str> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    // a file may begin with a mark of its byte order
    let before = text[start..at].trim_start_matches('\u{feff}');
    before.bytes().all(|byte| byte == b' ').then_some(before)
}

fn block(indent: &str, lines: &[(String, String, Option<String>)]) -> String {
    let line = |(name, value, comment): &(String, String, Option<String>)| {
        let comment = comment.as_ref().map(|comment| format!(" # {comment}")).unwrap_or_default();
        format!("{indent}{name}: {value}{comment}\n")
    };
    lines.iter().map(line).collect()
}

fn flow(lines: &[(String, String, Option<String>)]) -> String {
    lines.iter().map(|(name, value, _)| format!("{name}: {value}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::Said;
    use super::*;
    use crate::source::Span;
    use crate::target::Target;

    fn skips(region: usize, target: Target) -> Statement {
        Statement { region: Span::new(region, region), targets: vec![(target, Said::Skipped("it's so".to_owned()))], lists: Vec::new() }
    }

    fn inserted(text: &str) -> Option<String> {
        insert(text, &[skips(0, Target::Kql)])
    }

    const ADDED: &str = "# Added by `cognate import`; nobody has read it yet.\ntargets:\n  kql: { skip: 'it''s so' }\n";

    #[test]
    fn statements_follow_the_last_line() {
        assert_eq!(inserted("title: T # x\n# end\n").as_deref(), Some(&*format!("title: T # x\n{ADDED}# end\n")));
        assert_eq!(inserted("title: T").as_deref(), Some(&*format!("title: T\n{ADDED}")));
        let crlf = inserted("title: T\r\nlevel: low\r\n").expect("a place");
        assert_eq!(crlf, format!("title: T\r\nlevel: low\r\n{}", ADDED.replace('\n', "\r\n")));
        assert_eq!(inserted("title: T\ntags:\n").as_deref(), Some(&*format!("title: T\ntags:\n{ADDED}")));
        let block = "title: |\n  T\n  U\n\n\n";
        assert_eq!(inserted(block).as_deref(), Some(&*format!("title: |\n  T\n  U\n{ADDED}\n\n")));
    }

    #[test]
    fn each_document_has_its_own() {
        let text = "a: 1\n---\n# second\nb: 2\n...\n";
        let both = insert(text, &[skips(0, Target::Kql), skips(text.find('b').expect("there"), Target::Kql)]);
        assert_eq!(both.as_deref(), Some(&*format!("a: 1\n{ADDED}---\n# second\nb: 2\n{ADDED}...\n")));
    }

    #[test]
    fn what_stands_there_stays() {
        assert_eq!(inserted("{\"title\": \"T\"}").as_deref(), Some("{ targets: { kql: { skip: 'it''s so' } }, \"title\": \"T\"}"));
        assert_eq!(inserted("targets: { spl: {} }\n").as_deref(), Some("targets: { kql: { skip: 'it''s so' },  spl: {} }\n"));
        let nested = "targets:\n    # mine\n    spl: { accept: [P001] }\n";
        let expected =
            nested.replace("    spl", "    # Added by `cognate import`; nobody has read it yet.\n    kql: { skip: 'it''s so' }\n    spl");
        assert_eq!(inserted(nested), Some(expected));
        assert_eq!(inserted("targets: { kql: { accept: [K001] } }\n"), None);
        assert_eq!(inserted("targets:\n"), None);
        assert_eq!(inserted("--- {a: b}\n"), None, "no document begins there");
    }

    #[test]
    fn accepted_codes_are_named_with_what_they_mean() {
        let said = Said::Accepted(vec![("K001", "a\nb".to_owned()), ("K001", "c".to_owned()), ("A003", "d".to_owned())]);
        let statement = Statement { targets: vec![(Target::Kql, said)], lists: vec!["hosts".to_owned()], ..Statement::default() };
        let text = insert("title: T\n", &[statement]).expect("a place");
        assert!(text.contains("lists:\n  'hosts': { file: 'lists/hosts.txt' }\ntargets:\n"), "{text}");
        assert!(text.ends_with("  kql: { accept: [A003, K001] } # K001: a b; K001: c; A003: d\n"), "{text}");
    }
}
