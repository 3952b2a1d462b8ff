//! How names and texts are written in SPL. Name or text in; the quoted form out, or nothing where SPL has no safe one.
//!
//! The search command, eval, and lists of fields quote differently, and some characters mean something outside of all of
//! them: a backtick starts a macro, `$name$` is a token of saved searches and dashboards, `[` starts a subsearch.

/// Words that are operators or constants where a name may stand.
const RESERVED: &[&str] = &["and", "or", "not", "xor", "in", "like", "as", "by", "true", "false", "null", "case", "term"];

/// Names that the search command reads as something else than a field of the event.
const SEARCH_MODIFIERS: &[&str] = &[
    "earliest",
    "latest",
    "_index_earliest",
    "_index_latest",
    "eventtype",
    "eventtypetag",
    "hosttag",
    "tag",
    "savedsearch",
    "savedsplunk",
    "splunk_server",
    "splunk_server_group",
    "starttime",
    "endtime",
    "starttimeu",
    "endtimeu",
    "timeformat",
    "daysago",
    "hoursago",
    "minutesago",
    "monthsago",
    "startdaysago",
    "enddaysago",
    "starthoursago",
    "endhoursago",
    "startminutesago",
    "endminutesago",
    "startmonthsago",
    "endmonthsago",
    "searchtimespandays",
    "searchtimespanhours",
    "searchtimespanminutes",
    "searchtimespanmonths",
    "maxresults",
    "readlevel",
];

fn is_word(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !RESERVED.contains(&name.to_ascii_lowercase().as_str())
}

/// A field name on the left side of a comparison in the search command.
pub fn search_name(name: &str) -> Option<String> {
    if name.is_empty() || SEARCH_MODIFIERS.contains(&name) {
        return None;
    }
    if name.split('.').all(is_word) {
        return Some(name.to_owned());
    }
    let harmless = |c: char| !c.is_control() && !is_hidden(c) && !matches!(c, '"' | '\\' | '`' | '*' | '$');
    name.chars().all(harmless).then(|| format!("\"{name}\""))
}

/// Whether a name can stand in quotes anywhere in the pipeline.
fn is_quotable(name: &str) -> bool {
    let allowed = |c: char| (c.is_alphanumeric() || "_.-:{}@#/ +%&~;^".contains(c)) && !is_hidden(c);
    !name.is_empty() && name.chars().all(allowed)
}

/// A field name inside of an eval expression.
pub fn eval_name(name: &str) -> Option<String> {
    if is_word(name) {
        return Some(name.to_owned());
    }
    is_quotable(name).then(|| format!("'{name}'"))
}

/// A field name in `table`, `fields`, `BY`, `AS`, and as the target of `eval`.
pub fn list_name(name: &str) -> Option<String> {
    if is_word(name) {
        return Some(name.to_owned());
    }
    is_quotable(name).then(|| format!("\"{name}\""))
}

/// Characters that a reader does not see, or that turn the reading order around.
pub fn is_hidden(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether a text can be written as it is, in double quotes, in the search command; there `*` is always a wildcard.
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(is_unsafe) && text.matches('$').count() < 2
}

/// Whether a pattern with wildcards can be written as it is, in double quotes, in the search command.
pub fn is_searchable(pattern: &str) -> bool {
    is_plain(&pattern.replace('*', ""))
}

/// Characters that keep a text out of the search command.
pub fn is_unsafe(c: char) -> bool {
    c == '*' || c == '`' || c.is_control() || is_hidden(c)
}

/// Backslashes and double quotes escaped.
pub fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// A text in an eval expression. Characters that cannot be written as they are come from `urldecode`.
pub fn eval_text(text: &str) -> String {
    let tokens = text.matches('$').count() > 1;
    let encoded = |c: char| c == '`' || c.is_control() || is_hidden(c) || (tokens && c == '$');
    if !text.chars().any(encoded) {
        return format!("\"{}\"", escape(text));
    }
    let (mut parts, mut plain, mut hex) = (Vec::new(), String::new(), String::new());
    for c in text.chars() {
        if encoded(c) {
            flush(&mut parts, &mut plain, |plain| format!("\"{}\"", escape(plain)));
            hex.extend(c.to_string().bytes().map(|byte| format!("%{byte:02X}")));
        } else {
            flush(&mut parts, &mut hex, |hex| format!("urldecode(\"{hex}\")"));
            plain.push(c);
        }
    }
    flush(&mut parts, &mut plain, |plain| format!("\"{}\"", escape(plain)));
    flush(&mut parts, &mut hex, |hex| format!("urldecode(\"{hex}\")"));
    if parts.len() == 1 { parts.remove(0) } else { format!("({})", parts.join(".")) }
}

fn flush(parts: &mut Vec<String>, pending: &mut String, write: impl Fn(&str) -> String) {
    if !pending.is_empty() {
        parts.push(write(pending));
        pending.clear();
    }
}

/// One character as a literal in a regular expression.
pub fn regex_character(c: char) -> String {
    match c {
        '$' | '`' => format!("\\x{:02x}", u32::from(c)),
        c if c.is_ascii_control() => format!("\\x{:02x}", u32::from(c)),
        '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' => format!("\\{c}"),
        c => c.to_string(),
    }
}

/// A text as a literal in a regular expression.
pub fn regex_text(text: &str) -> String {
    text.chars().map(regex_character).collect()
}

/// Whether SPL would compare this text as a number.
pub fn is_numeric(text: &str) -> bool {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let starts = digits.strip_prefix('.').unwrap_or(digits).starts_with(|c: char| c.is_ascii_digit());
    starts && text.parse::<f64>().is_ok()
}

/// Whether a text is a number in its shortest form, so that comparing numbers and comparing texts is the same.
pub fn is_canonical_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(|value| value.is_finite() && format_number(value) == text)
}

/// The shortest decimal form of a number.
pub fn format_number(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value}") }
}
