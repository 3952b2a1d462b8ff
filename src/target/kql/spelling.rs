//! Spelling of KQL's smallest pieces: text, number and time literals, regular expressions, names.
//! A plain value comes in, a fragment of a query goes out. Nothing here knows detections.

use regex_syntax::ast;

/// Names that must stand in brackets although they look plain: words that Microsoft's parser rejects or reads
/// differently when they stand bare as a column, and KQL's other words, in order.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "FALSE", "False", "TRUE", "True", "accumulate", "and", "anomalychart", "areachart", "as", "asc", "bagexpansion", "barchart",
    "between", "bin_legacy", "bool", "boolean", "by", "byte", "cachingpolicy", "callout", "cancel", "card", "char", "columnchart",
    "contains", "contains_cs", "containscs", "count", "cycles", "database", "dataexport", "datascope", "datatable", "date", "datetime",
    "decimal", "declare", "decodeblocks", "default", "desc", "distinct", "double", "dynamic", "earliest", "encodingpolicy", "endswith",
    "endswith_cs", "evaluate", "expandoutput", "extend", "extent_tags_retention", "external_data", "external_table", "externaldata",
    "false", "filter", "find", "first", "flags", "float", "force_remote", "from", "guid", "harddelete", "hardretention", "has",
    "has_all", "has_any", "has_cs", "hasprefix", "hasprefix_cs", "hassuffix", "hassuffix_cs", "hotcache", "in", "int", "int16",
    "int32", "int64", "int8", "invoke", "isfuzzy", "join", "journal", "kind", "ladderchart", "last", "latest", "let", "like", "likecs",
    "limit", "linechart", "long", "lookup", "matches", "materialize", "mdm", "missing", "nooptimization", "not", "notcontains",
    "notcontainscs", "notlike", "notlikecs", "null", "nulls", "of", "on", "or", "order", "others", "parse", "partition", "pathformat",
    "pattern", "piechart", "pivotchart", "print", "project", "queries", "query_results", "range", "real", "regex", "relaxed", "render",
    "restrict", "restricted_view_access", "row_level_security", "rowstore", "rowstore_references", "rowstore_sealinfo",
    "rowstorepolicy", "rowstores", "sample", "scan", "scatterchart", "seal", "seals", "search", "serialize", "set", "shards", "simple",
    "softdelete", "softretention", "sort", "source", "sql", "stackedareachart", "startswith", "startswith_cs", "statistics", "step",
    "storedqueryresultcontainers", "string", "summarize", "table", "tablepurge", "take", "time", "timechart", "timeline", "timepivot",
    "timespan", "title", "to", "top", "toscalar", "totable", "treemap", "true", "type", "typeof", "uint", "uint16", "uint32", "uint64",
    "uint8", "ulong", "union", "uniqueid", "unrestrictedviewers", "uuid", "verbose", "view", "viewers", "views", "where", "with",
    "with_itemindex", "with_match_id", "with_source", "with_step_name", "withsource", "writeaheadlog",
];

/// A text literal: `"…"` with escapes.
pub fn text_literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    let forbidden = looks_forbidden(text);
    literal.push('"');
    for character in text.chars() {
        match character {
            '*' if forbidden => literal.push_str("\\u002a"),
            character => push_escaped(&mut literal, character),
        }
    }
    literal.push('"');
    literal
}

/// Whether a literal could hold `search *` or `union *`, which Sentinel does not allow anywhere in a rule's text.
fn looks_forbidden(text: &str) -> bool {
    let words = text.contains('*').then(|| text.to_ascii_lowercase());
    words.is_some_and(|text| text.contains("search") || text.contains("union"))
}

fn push_escaped(literal: &mut String, character: char) {
    match character {
        '"' => literal.push_str("\\\""),
        '\\' => literal.push_str("\\\\"),
        '\n' => literal.push_str("\\n"),
        '\r' => literal.push_str("\\r"),
        '\t' => literal.push_str("\\t"),
        character if needs_code(character) => literal.push_str(&format!("\\u{:04x}", character as u32)),
        character => literal.push(character),
    }
}

/// Control characters, line separators and the invisible characters that change the direction of text.
fn needs_code(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A regular expression literal: verbatim, unless it holds characters that cannot stand in a verbatim literal.
pub fn regex_literal(pattern: &str) -> String {
    let plain = !looks_forbidden(pattern) && !pattern.chars().any(needs_code);
    if !plain { text_literal(pattern) } else { format!("@\"{}\"", pattern.replace('"', "\"\"")) }
}

/// A text as a piece of a regular expression that matches just this text.
pub fn regex_escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            character if needs_code(character) => escaped.push_str(&format!("\\x{{{:x}}}", character as u32)),
            character if regex_syntax::is_meta_character(character) && !matches!(character, '&' | '-' | '~' | '#') => {
                escaped.push('\\');
                escaped.push(character);
            }
            character => escaped.push(character),
        }
    }
    escaped
}

/// `timespan` literal of a number of milliseconds, in the largest unit that divides it.
pub fn timespan_literal(milliseconds: i64) -> String {
    const UNITS: [(i64, &str); 5] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    let (size, unit) = UNITS.into_iter().find(|(size, _)| milliseconds % size == 0).unwrap_or((1, "ms"));
    format!("{}{unit}", milliseconds / size)
}

/// A number literal; whole numbers without a point.
pub fn number_literal(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        format!("{value:.0}")
    } else if value.abs() < 1e15 {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

/// A name as it stands in a query: bare, or in brackets. `None` if KQL cannot have such a name.
pub fn name(name: &str) -> Option<String> {
    let allowed = |character: char| character.is_alphanumeric() || matches!(character, '_' | ' ' | '.' | '-');
    let length = name.chars().count();
    let reserved = name.starts_with("__") || name.ends_with("__");
    if length == 0 || length > 1024 || reserved || !name.chars().all(allowed) {
        return None;
    }
    Some(if is_plain(name) { name.to_owned() } else { format!("['{name}']") })
}

fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    let start = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    start && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && RESERVED.binary_search(&name).is_err()
}

/// A member of a dynamic value: `.a`, or `["a b"]`.
pub fn member(name: &str) -> String {
    if is_plain(name) { format!(".{name}") } else { format!("[{}]", text_literal(name)) }
}

/// A name made of letters, digits and `_`, as a part of helper columns' names.
pub fn plain_name(name: &str) -> String {
    name.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' }).collect()
}

/// What a regular expression needs of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegexNeeds {
    /// The pattern; capture groups that nobody reads are made plain groups when there are more than the engine takes.
    pub pattern: String,
    /// Whether it uses what the two engine generations read differently: classes such as `\d`, `\w`, `\b`, set operations.
    pub generation: bool,
}

/// The most capture groups that the platform takes.
const MAX_GROUPS: usize = 16;

/// Looks at a regular expression; `None` if the platform's engine cannot read it.
pub fn regex_needs(pattern: &str) -> Option<RegexNeeds> {
    let tree = ast::parse::Parser::new().parse(pattern).ok()?;
    regex_syntax::hir::translate::Translator::new().translate(pattern, &tree).ok()?;
    let mut visitor = Needs { groups: Vec::new(), generation: false };
    let Needs { groups, generation } =
        { ast::visit(&tree, &mut visitor).map(|()| visitor).unwrap_or(Needs { groups: Vec::new(), generation: true }) };
    let mut text = pattern.to_owned();
    if groups.len() > MAX_GROUPS {
        for (start, end) in groups.into_iter().rev() {
            text.replace_range(start..end, "(?:");
        }
    }
    Some(RegexNeeds { pattern: text, generation })
}

/// Collects the openings of capture groups.
struct Needs {
    groups: Vec<(usize, usize)>,
    generation: bool,
}

impl ast::Visitor for &mut Needs {
    type Output = ();
    type Err = ();

    fn finish(self) -> Result<(), ()> {
        Ok(())
    }

    fn visit_pre(&mut self, node: &ast::Ast) -> Result<(), ()> {
        match node {
            ast::Ast::Group(group) => {
                let start = group.span.start.offset;
                match &group.kind {
                    ast::GroupKind::CaptureIndex(_) => self.groups.push((start, start + 1)),
                    ast::GroupKind::CaptureName { name, .. } => self.groups.push((start, name.span.end.offset + 1)),
                    ast::GroupKind::NonCapturing(_) => {}
                }
            }
            ast::Ast::ClassPerl(_) => self.generation = true,
            ast::Ast::Assertion(assertion) => {
                let both = matches!(
                    assertion.kind,
                    ast::AssertionKind::StartLine
                        | ast::AssertionKind::EndLine
                        | ast::AssertionKind::StartText
                        | ast::AssertionKind::EndText
                );
                self.generation |= !both;
            }
            ast::Ast::ClassBracketed(class) => self.generation |= class_differs(&class.kind),
            ast::Ast::Empty(_)
            | ast::Ast::Flags(_)
            | ast::Ast::Literal(_)
            | ast::Ast::Dot(_)
            | ast::Ast::ClassUnicode(_)
            | ast::Ast::Repetition(_)
            | ast::Ast::Alternation(_)
            | ast::Ast::Concat(_) => {}
        }
        Ok(())
    }
}

fn class_differs(set: &ast::ClassSet) -> bool {
    fn item_differs(item: &ast::ClassSetItem) -> bool {
        match item {
            ast::ClassSetItem::Perl(_) | ast::ClassSetItem::Bracketed(_) => true,
            ast::ClassSetItem::Union(union) => union.items.iter().any(item_differs),
            ast::ClassSetItem::Empty(_)
            | ast::ClassSetItem::Literal(_)
            | ast::ClassSetItem::Range(_)
            | ast::ClassSetItem::Ascii(_)
            | ast::ClassSetItem::Unicode(_) => false,
        }
    }
    match set {
        ast::ClassSet::Item(item) => item_differs(item),
        ast::ClassSet::BinaryOp(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_are_sorted() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(text_literal("C:\\x\\"), r#""C:\\x\\""#);
        assert_eq!(text_literal("a\"b\nc\u{1}\u{202e}é"), "\"a\\\"b\\nc\\u0001\\u202eé\"");
        assert_eq!(regex_literal("a\"b\\d"), "@\"a\"\"b\\d\"");
        assert_eq!(regex_literal("a\nb\\d"), r#""a\nb\\d""#);
        assert_eq!(text_literal("a*b"), "\"a*b\"");
        assert_eq!(text_literal("union *"), r#""union \u002a""#);
        assert_eq!(regex_literal(r"search\s*x"), r#""search\\s\u002ax""#);
        assert_eq!(regex_escape("a.b\n\u{1}-#"), r"a\.b\n\x{1}-#");
    }

    #[test]
    fn names_are_bracketed_where_needed() {
        let cases = [
            ("user", Some("user")),
            ("by", Some("['by']")),
            ("a b", Some("['a b']")),
            ("c-uri", Some("['c-uri']")),
            ("1st", Some("['1st']")),
            ("a'b", None),
            ("f\" OR 1==1", None),
            ("__x", None),
            ("", None),
        ];
        for (written, expected) in cases {
            assert_eq!(name(written).as_deref(), expected, "{written}");
        }
        assert_eq!(member("a"), ".a");
        assert_eq!(member("where"), r#"["where"]"#);
        assert_eq!(member("a\"b"), r#"["a\"b"]"#);
    }

    #[test]
    fn durations_take_the_largest_unit() {
        let cases = [(7_800_000, "130m"), (3_600_000, "1h"), (604_800_000, "7d"), (1_500, "1500ms"), (0, "0s")];
        for (milliseconds, expected) in cases {
            assert_eq!(timespan_literal(milliseconds), expected);
        }
    }

    #[test]
    fn regular_expressions_are_looked_at() {
        assert_eq!(regex_needs("(?=a)"), None);
        assert!(!regex_needs("^a+[0-9]$").unwrap().generation);
        assert!(regex_needs(r"\d").unwrap().generation);
        let many = regex_needs(&"(a)(?P<n1>b)".replace("n1", "x").replace("(a)", &"(a)".repeat(17))).unwrap();
        assert_eq!(many.pattern, format!("{}(?:b)", "(?:a)".repeat(17)));
    }
}
