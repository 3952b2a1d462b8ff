//! How names and values are written: quoting, letter case, and which names AQL keeps for itself.

/// The columns that every event has on QRadar; other properties are custom and stand in double quotes.
const COLUMNS: &[&str] = &[
    "category",
    "creeventlist",
    "credibility",
    "destinationaddress",
    "destinationgeographiclocation",
    "destinationip",
    "destinationmac",
    "destinationport",
    "destinationv6",
    "devicegrouplist",
    "devicetime",
    "devicetype",
    "domainid",
    "duration",
    "endtime",
    "eventcount",
    "eventdirection",
    "geographiclocation",
    "hasidentity",
    "hasoffense",
    "highlevelcategory",
    "identityhostname",
    "identityip",
    "isduplicate",
    "iscreevent",
    "logsourceid",
    "magnitude",
    "partialmatchlist",
    "payload",
    "postnatdestinationip",
    "postnatdestinationport",
    "postnatsourceip",
    "postnatsourceport",
    "prenatdestinationip",
    "prenatdestinationport",
    "prenatsourceip",
    "prenatsourceport",
    "processorid",
    "protocolid",
    "qid",
    "relevance",
    "severity",
    "sourceaddress",
    "sourcegeographiclocation",
    "sourceip",
    "sourcemac",
    "sourceport",
    "sourcev6",
    "starttime",
    "username",
];

/// Columns that hold an address as such, not its text.
const ADDRESSES: &[&str] = &[
    "destinationaddress",
    "destinationip",
    "destinationv6",
    "identityip",
    "postnatdestinationip",
    "postnatsourceip",
    "prenatdestinationip",
    "prenatsourceip",
    "sourceaddress",
    "sourceip",
    "sourcev6",
];

/// Columns that every event fills.
const ALWAYS: &[&str] = &["devicetime", "devicetype", "endtime", "eventcount", "logsourceid", "payload", "qid", "starttime"];

/// Words of the language and its functions, and words that SQL dialects reserve: never an unquoted alias.
const RESERVED: &[&str] = &[
    "all",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "at",
    "avg",
    "base64",
    "begin",
    "between",
    "both",
    "by",
    "case",
    "cast",
    "categoryname",
    "check",
    "collate",
    "column",
    "concat",
    "constraint",
    "count",
    "create",
    "cross",
    "current",
    "dateformat",
    "day",
    "days",
    "default",
    "deferrable",
    "desc",
    "describe",
    "distinct",
    "distinctcount",
    "do",
    "domainname",
    "double",
    "else",
    "end",
    "escape",
    "except",
    "exists",
    "explicit",
    "false",
    "fetch",
    "first",
    "flows",
    "events",
    "for",
    "foreign",
    "from",
    "full",
    "glob",
    "grant",
    "group",
    "having",
    "hostname",
    "hour",
    "hours",
    "if",
    "ilike",
    "imatches",
    "in",
    "incidr",
    "inner",
    "inoffense",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "last",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "logsourcename",
    "logsourcetypename",
    "long",
    "lower",
    "matches",
    "max",
    "min",
    "minute",
    "minutes",
    "month",
    "natural",
    "networkname",
    "not",
    "notnull",
    "now",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "over",
    "parameters",
    "parsedatetime",
    "parsetimestamp",
    "pivot",
    "placing",
    "primary",
    "protocolname",
    "qiddescription",
    "qidname",
    "qualify",
    "references",
    "replaceall",
    "replacefirst",
    "returning",
    "right",
    "rulename",
    "search",
    "second",
    "select",
    "session",
    "show",
    "similar",
    "some",
    "start",
    "stdev",
    "stdevp",
    "stop",
    "str",
    "strlen",
    "strpos",
    "substring",
    "sum",
    "summarize",
    "symmetric",
    "table",
    "text",
    "then",
    "timeout",
    "to",
    "top",
    "trailing",
    "true",
    "union",
    "unique",
    "uniquecount",
    "unpivot",
    "upper",
    "using",
    "utf8",
    "values",
    "variadic",
    "when",
    "where",
    "window",
    "with",
    "year",
];

/// Whether events have a column of this name on QRadar.
pub fn is_column(name: &str) -> bool {
    holds(COLUMNS, name)
}

/// Whether a column holds an address as such.
pub fn is_address(name: &str) -> bool {
    holds(ADDRESSES, name)
}

/// Whether every event has a value in this column.
pub fn is_always_filled(name: &str) -> bool {
    holds(ALWAYS, name)
}

fn holds(list: &[&str], name: &str) -> bool {
    list.iter().any(|word| word.eq_ignore_ascii_case(name))
}

/// Whether a name is a plain word: `[A-Za-z_][A-Za-z0-9_]*`.
fn is_word(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_') && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether a name can stand unquoted and means nothing else.
pub fn is_free_word(name: &str) -> bool {
    is_word(name) && !holds(RESERVED, name)
}

/// The column that a name is but for letter case: QRadar does not say whether a quoted name is another one then. The raw
/// event is no such column.
pub fn nearly_column(name: &str) -> Option<&'static str> {
    let column = COLUMNS.iter().find(|column| column.eq_ignore_ascii_case(name) && **column != name && **column != "payload");
    column.copied()
}

/// A property as it is read: a column as it is, a custom property in double quotes. `None` if it cannot be written.
pub fn property(name: &str) -> Option<String> {
    if is_column(name) {
        return Some(name.to_owned());
    }
    let harmless = !name.is_empty() && !name.contains('"') && !name.chars().any(is_risky);
    harmless.then(|| format!("\"{name}\""))
}

/// An alias where it is defined: a word, or in single quotes if the word has a meaning of its own.
pub fn definition(name: &str) -> String {
    if is_free_word(name) { name.to_owned() } else { literal(name) }
}

/// A value in single quotes.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Whether a character must not stand raw in a query: control characters, line separators, and quotation marks that
/// readers may take for the end of a text.
pub fn is_risky(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2018}'..='\u{201f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_quoted_unless_they_are_columns() {
        assert_eq!(property("sourceIP").as_deref(), Some("sourceIP"));
        assert_eq!(property("Search Query").as_deref(), Some("\"Search Query\""));
        assert_eq!(property("c-uri").as_deref(), Some("\"c-uri\""));
        assert_eq!(property("f\" OR 1=1 OR \"g"), None);
        assert_eq!(property("a\nb"), None);
        assert_eq!(property(""), None);
    }

    #[test]
    fn aliases_that_mean_something_are_quoted() {
        assert_eq!(definition("total_actions"), "total_actions");
        assert_eq!(definition("count"), "'count'");
        assert_eq!(definition("1field"), "'1field'");
    }

    #[test]
    fn values_double_their_quotes_and_keep_backslashes() {
        assert_eq!(literal(r"it's C:\x\"), r"'it''s C:\x\'");
    }
}
