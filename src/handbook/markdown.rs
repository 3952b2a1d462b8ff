//! Texts of anybody → Markdown that shows them and nothing else: no text breaks a table or a fence, or becomes a heading, a link or HTML.

use std::fmt::Write;

/// Markdown that shows a text in one line of prose, also in a table.
pub fn inline(text: &str) -> String {
    let characters: Vec<char> = one_line(text).chars().collect();
    let is_word = |at: Option<usize>| at.and_then(|at| characters.get(at)).is_some_and(|c| c.is_alphanumeric());
    let mut shown = String::with_capacity(text.len());
    for (at, c) in characters.iter().enumerate() {
        match c {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' if is_entity(&characters[at + 1..]) => shown.push_str("&amp;"),
            '|' => shown.push_str("&#124;"),
            '_' if is_word(at.checked_sub(1)) && is_word(Some(at + 1)) => shown.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '$' | '#' => shown.extend(['\\', *c]),
            c => shown.push(*c),
        }
    }
    shown
}

/// Prose on one line: what it has in backticks is code, the rest is text.
pub fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return inline(text);
    }
    let mut shown = String::new();
    for (at, part) in parts.iter().enumerate() {
        if at % 2 == 1 {
            shown.push_str(&code(part));
            continue;
        }
        let begins = at > 0 && part.starts_with(char::is_whitespace);
        let ends = at + 1 < parts.len() && part.trim_end().len() < part.len() && !part.trim().is_empty();
        shown.push_str(if begins { " " } else { "" });
        shown.push_str(&inline(part));
        shown.push_str(if ends { " " } else { "" });
    }
    shown
}

/// Whether what follows a `&` would make another character of it.
fn is_entity(after: &[char]) -> bool {
    let name = after.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '#').count();
    name > 0 && after.get(name) == Some(&';')
}

/// Markdown that shows a text of several lines as paragraphs.
pub fn paragraphs(text: &str) -> String {
    let mut shown: Vec<String> = Vec::new();
    for line in text.lines().map(|line| start_of_line(&prose(line))) {
        if !(line.is_empty() && shown.last().is_none_or(String::is_empty)) {
            shown.push(line);
        }
    }
    shown.join("\n").trim_end().to_owned()
}

/// A line that begins no list, heading, table or rule.
fn start_of_line(line: &str) -> String {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && line[digits..].starts_with(['.', ')']) {
        return format!("{}\\{}", &line[..digits], &line[digits..]);
    }
    if line.starts_with(['-', '+', '=', ':']) { format!("\\{line}") } else { line.to_owned() }
}

/// A text as code within a line, also in a table.
pub fn code(text: &str) -> String {
    let text: String = text.chars().map(visible).collect();
    if text.is_empty() {
        return "*empty*".to_owned();
    }
    if text.contains('|') {
        // no reader of Markdown treats a `|` in code in a table as the next one does
        return format!("<code>{}</code>", text.chars().map(entity).collect::<String>());
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    let blank = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

fn entity(c: char) -> String {
    if "\\`*_[]<>&|~$".contains(c) { format!("&#{};", u32::from(c)) } else { c.to_string() }
}

/// A text in a fence that it cannot end. What stands between the fences is the text itself.
pub fn fence(language: &str, text: &str) -> String {
    let fence = "`".repeat((longest_run(text) + 1).max(3));
    let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
    format!("{fence}{language}\n{text}{end}{fence}")
}

fn longest_run(text: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// A link; the text is Markdown, the destination a path or an address.
pub fn link(text: &str, destination: &str) -> String {
    format!("[{text}]({})", encoded(destination))
}

/// An author's reference: a link if it is an address of the web, else the text.
pub fn reference(text: &str) -> String {
    let text = text.trim();
    let is_address = ["https://", "http://"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
    match is_address {
        true if encoded(text) == text => format!("<{text}>"),
        true => link(&inline(text), text),
        false => inline(text),
    }
}

/// A destination of a link, with everything encoded that could end it.
fn encoded(destination: &str) -> String {
    let is_address = destination.contains("://");
    let plain: &[u8] = if is_address { b"-._~/:?#@!$&'*+,;=%" } else { b"-._~/" };
    let mut out = String::with_capacity(destination.len());
    for byte in destination.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A table; cells are Markdown of one line.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let rule: Vec<&str> = head.iter().map(|_| "---").collect();
    let mut text = format!("| {} |\n| {} |", head.join(" | "), rule.join(" | "));
    for row in rows {
        let _ = write!(text, "\n| {} |", row.join(" | "));
    }
    text
}

/// A list of points; each is Markdown of one line.
pub fn points(points: impl IntoIterator<Item = String>) -> String {
    points.into_iter().map(|point| format!("- {}", start_of_line(&point))).collect::<Vec<_>>().join("\n")
}

/// The first of some texts in a row, and how many more there are.
pub fn first_of(texts: &[String], most: usize) -> String {
    let shown = texts.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    match texts.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A text of at most so many characters.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The way from one page to another; both are paths below the same folder.
pub fn way(from: &str, to: &str) -> String {
    let above: Vec<&str> = from.split('/').rev().skip(1).collect::<Vec<_>>().into_iter().rev().collect();
    let parts: Vec<&str> = to.split('/').collect();
    let same = above.iter().zip(&parts[..parts.len() - 1]).take_while(|(a, b)| a == b).count();
    let up = above.iter().skip(same).map(|_| "..");
    up.chain(parts[same..].iter().copied()).collect::<Vec<_>>().join("/")
}

fn one_line(text: &str) -> String {
    let text: String = text.chars().map(visible).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A character that is seen, and does not turn the direction of others.
fn visible(c: char) -> char {
    let hidden = matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    if c.is_control() || hidden { ' ' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        assert_eq!(
            inline("<b>|*a* _b_ a_b\n[x](y) `c` & &lt; #1 \\"),
            "&lt;b&gt;&#124;\\*a\\* \\_b\\_ a_b \\[x\\](y) \\`c\\` & &amp;lt; \\#1 \\\\"
        );
        assert_eq!(paragraphs("- a\n\n\n  # b\n1. c\n---\n"), "\\- a\n\n\\# b\n1\\. c\n\\---");
        assert_eq!(paragraphs("\n\n"), "");
    }

    #[test]
    fn code_ends_where_it_should() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code(" a"), "`  a `");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code(""), "*empty*");
        assert_eq!(code("a|*\n"), "<code>a&#124;&#42; </code>");
        assert_eq!(fence("text", "a\n````\nb"), "`````text\na\n````\nb\n`````");
        assert_eq!(fence("", ""), "```\n```");
    }

    #[test]
    fn links_cannot_be_left() {
        assert_eq!(link("a", "x/y z(1).md"), "[a](x/y%20z%281%29.md)");
        assert_eq!(reference("https://a.example/?q=(b) c"), "[https://a.example/?q=(b) c](https://a.example/?q=%28b%29%20c)");
        assert_eq!(reference("https://a.example/b"), "<https://a.example/b>");
        assert_eq!(reference("javascript:alert(1)"), "javascript:alert(1)");
        assert_eq!(reference("https://"), "https://");
    }

    #[test]
    fn ways_between_pages() {
        assert_eq!(way("a.md", "logsources/b.md"), "logsources/b.md");
        assert_eq!(way("jira/deep/a.md", "README.md"), "../../README.md");
        assert_eq!(way("jira/a.md", "jira/b.md"), "b.md");
        assert_eq!(way("jira/a.md", "logsources/b.md"), "../logsources/b.md");
    }

    #[test]
    fn prose_keeps_its_code() {
        assert_eq!(prose("the key `a_b` of `x|y`, <b>"), "the key `a_b` of <code>x&#124;y</code>, &lt;b&gt;");
        assert_eq!(prose("one ` only *"), "one \\` only \\*");
        assert_eq!(prose("`a` `b`"), "`a` `b`");
    }
}
