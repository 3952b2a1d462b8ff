//! The places of a spec, a site file, a log source file and a list file where free text stands: text → input files.

use std::fmt::Write;

/// What a detection is made of.
#[derive(Default)]
pub struct Input {
    pub spec: String,
    pub site: Option<String>,
    /// Describes `example/described`.
    pub log_source: Option<String>,
    /// `lists/file.txt`
    pub list: String,
}

/// How a text is written at a place, and what it means there.
#[derive(Clone, Copy, PartialEq)]
pub enum Reading {
    /// A value that stands for itself: its wildcards are escaped.
    Literal,
    /// A value whose `*` and `?` are wildcards.
    Wild,
    /// A regular expression for the text itself.
    Escaped,
    /// A regular expression as it is.
    Pattern,
    /// A name.
    Name,
    /// Anything else: it stands for itself.
    Text,
}

/// One place.
pub struct Place {
    pub name: &'static str,
    pub reading: Reading,
    pub input: fn(&str) -> Input,
    /// Characters that are syntax there: texts with them are something else.
    pub without: &'static str,
}

impl Place {
    const fn without(self, characters: &'static str) -> Place {
        Place { without: characters, ..self }
    }
}

const NAMES: &[&str] = &[
    "Harmless",
    "Harmless name",
    "harmless_word",
    "select",
    "Harm-less",
    "-Harmless",
    "1harmless",
    "Harm.less",
    "a.Harm-less",
    "_Harmless",
];
const TEXTS: &[&str] = &["Harmless", "Har\tmless", "Harm`less", "7777", "192.0.2.0/24", "2026-02-03", "own.harmless"];
/// Harmless texts of every kind that a target writes in a form of its own.
const VALUES: &[&str] = &["Harmless", "Har\tmless", "\t", "Harm%less", "7777", "77.70", "Harmlèss", "192.0.2.0/24", "Har\tm/l-ess", "-"];
const WILD: &[&str] = &[
    "*Harmless",
    "Harmless*",
    "*Harmless*",
    "Harm?less",
    "*Har\tmless*",
    "Har\tm?less",
    "*",
    "?",
    "Harm*l%ess",
    "*\t",
    "\t*",
    "*\t*",
    "\t?",
];

impl Reading {
    pub fn name(self) -> &'static str {
        match self {
            Reading::Literal => "literal",
            Reading::Wild => "wild",
            Reading::Escaped => "escaped",
            Reading::Pattern => "pattern",
            Reading::Name => "name",
            Reading::Text => "text",
        }
    }

    /// The text as an author writes it at such a place.
    pub fn written(self, text: &str) -> String {
        match self {
            Reading::Literal => text.chars().fold(String::new(), |mut written, c| {
                if matches!(c, '*' | '?' | '\\') {
                    written.push('\\');
                }
                written.push(c);
                written
            }),
            Reading::Escaped => regex_syntax::escape(text),
            Reading::Wild | Reading::Pattern | Reading::Name | Reading::Text => text.to_owned(),
        }
    }

    /// Texts that change no structure: what hostile ones are compared with.
    pub fn harmless(self) -> Vec<&'static str> {
        match self {
            Reading::Literal | Reading::Escaped => VALUES.to_vec(),
            Reading::Wild => [VALUES, WILD].concat(),
            Reading::Pattern => vec!["Harmless", "Har\tmless", "Harm.less", "Harmless|", "^Harmless$", "Harmless$", "^Harmless", "", "\\d"],
            Reading::Name => NAMES.to_vec(),
            Reading::Text => TEXTS.to_vec(),
        }
    }
}

/// A text in double quotes, with everything escaped that is not plain ASCII.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            c if u32::from(c) < 0x1_0000 => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => drop(write!(out, "\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// A text of an expression, in its quotes; the whole stands in a quoted YAML text.
fn text_in_expression(before: &str, text: &str, after: &str) -> String {
    quoted(&format!("{before}'{}'{after}", text.replace('\'', "''")))
}

/// A name of an expression, in its quotes.
fn name_in_expression(before: &str, name: &str, after: &str) -> String {
    quoted(&format!("{before}`{}`{after}", name.replace('`', "``")))
}

const HEAD: &str = "title: A title\nid: 7d1c8a52-6a0f-4c63-9d5e-2f4f5f3f7a11\n";
const SOURCE: &str = "logsource: { product: example, service: log }\n";
const SELECTION: &str = "detection:\n  selection: { action: x }\n  condition: selection\n";
const COUNTED: &str = "  group-by: [user]\n  window: 1h\n  measures: { events: count() }\n  condition: events > 10\n";

fn spec(body: &str) -> Input {
    Input { spec: format!("{HEAD}{SOURCE}{body}"), ..Input::default() }
}

/// A rule of one item.
fn item(key: &str, value: &str) -> Input {
    spec(&format!("detection:\n  selection:\n    ? {}\n    : {value}\n  condition: selection\n", quoted(key)))
}

fn negated(key: &str, value: &str) -> Input {
    spec(&format!(
        "detection:\n  selection:\n    ? {}\n    : {value}\n  other: {{ action: x }}\n  condition: other and not selection\n",
        quoted(key)
    ))
}

/// A rule with an aggregate.
fn counted(aggregate: &str) -> Input {
    spec(&format!("{SELECTION}aggregate:\n{aggregate}"))
}

/// A rule with one more key, and an aggregate of it.
fn described(key: &str, value: &str) -> Input {
    Input { spec: format!("title: A title\n{key}: {value}\n{SOURCE}{SELECTION}"), ..Input::default() }
}

/// A rule whose log source, or what it leaves out, a site changes.
fn sited(selection: &str, site: &str) -> Input {
    let body = format!("detection:\n  selection: {selection}\n  condition: selection\nfields: [user]\n");
    Input { site: Some(site.to_owned()), ..spec(&body) }
}

/// A rule for a field that a site binds.
fn bound(binding: &str) -> Input {
    sited("{ user: x, action: y }", &format!("log-sources:\n  example/log:\n    fields:\n      user: {binding}\n"))
}

/// The same, grouped by the field.
fn bound_key(binding: &str) -> Input {
    let site = format!("log-sources:\n  example/log:\n    fields:\n      user: {binding}\n");
    Input {
        site: Some(site),
        ..counted("  group-by: [user]\n  window: 1h\n  measures: { events: count(), named: distinct(user) }\n  condition: events > 10\n")
    }
}

fn site_log_source(change: &str) -> Input {
    sited("{ user: x }", &format!("log-sources:\n  example/log:\n    {change}\n"))
}

/// A rule for a log source that a file describes.
fn by_file(head: &str, field: &str) -> Input {
    let file = format!(
        "product: example\nservice: described\ntitle: T\ndescription: D\ntime-format: iso8601\naction: action\n{head}\nkql: {{ table: T_CL }}\nspl: {{ sourcetype: t, json: true }}\nfields:\n  timestamp: {{ type: timestamp, event: at }}\n  action: {{ event: what, kql: What }}\n  user: {field}\n"
    );
    let spec = format!(
        "{HEAD}logsource: {{ product: example, service: described }}\ndetection:\n  selection: {{ user: x, action: y }}\n  condition: selection\n"
    );
    Input { spec, log_source: Some(file), ..Input::default() }
}

/// A correlation over a rule that tests a field for this value and one of another log source, by an alias that stands for this
/// field of the first rule.
fn several(value: &str, alias: &str, field: &str) -> Input {
    let [value, alias, field] = [value, alias, field].map(quoted);
    let first = format!("title: First\nname: first\n{SOURCE}detection:\n  selection: {{ user: {value} }}\n  condition: selection\n");
    let second = "title: Second\nname: second\nlogsource: { product: example, service: other }\ndetection:\n  selection: { action: y }\n  condition: selection\n";
    let correlation = format!(
        "correlation:\n  type: temporal\n  rules: [first, second]\n  group-by: [{alias}]\n  aliases:\n    ? {alias}\n    : {{ first: {field}, second: account }}\n  timespan: 1h\n"
    );
    Input { spec: format!("{first}---\n{second}---\n{HEAD}{correlation}"), ..Input::default() }
}

const AQL_NAMED: &str = "aql: { type-name: T, property-prefix: T }";

const fn place(name: &'static str, reading: Reading, input: fn(&str) -> Input) -> Place {
    Place { name, reading, input, without: "" }
}

/// All of them.
pub const PLACES: &[Place] = &[
    place("value", Reading::Literal, |text| item("user", &quoted(text))),
    place("value, negated", Reading::Literal, |text| negated("user", &quoted(text))),
    place("value, wild", Reading::Wild, |text| item("user", &quoted(text))),
    place("value, neq", Reading::Literal, |text| item("user|neq", &quoted(text))),
    place("value, cased", Reading::Literal, |text| item("user|cased", &quoted(text))),
    place("value, cased wild", Reading::Wild, |text| item("user|cased", &quoted(text))),
    place("value, contains", Reading::Literal, |text| item("user|contains", &quoted(text))),
    place("value, contains wild", Reading::Wild, |text| item("user|contains", &quoted(text))),
    place("value, contains negated", Reading::Literal, |text| negated("user|contains", &quoted(text))),
    place("value, contains cased", Reading::Literal, |text| item("user|contains|cased", &quoted(text))),
    place("value, contains all", Reading::Literal, |text| item("user|contains|all", &format!("[first, {}]", quoted(text)))),
    place("value, startswith", Reading::Literal, |text| item("user|startswith", &quoted(text))),
    place("value, endswith", Reading::Literal, |text| item("user|endswith", &quoted(text))),
    place("value, re escaped", Reading::Escaped, |text| item("user|re", &quoted(text))),
    place("value, re i escaped", Reading::Escaped, |text| item("user|re|i", &quoted(text))),
    place("value, re", Reading::Pattern, |text| item("user|re", &quoted(text))),
    place("value, list", Reading::Literal, |text| item("user", &format!("[first, {}, last]", quoted(text)))),
    place("value, list contains", Reading::Literal, |text| item("user|contains", &format!("[first, {}, last]", quoted(text)))),
    place("value, list negated", Reading::Literal, |text| negated("user", &format!("[first, {}, last]", quoted(text)))),
    place("value, two maps", Reading::Literal, |text| {
        spec(&format!("detection:\n  selection:\n    - user: {}\n    - other: x\n  condition: selection\n", quoted(text)))
    }),
    place("value, list of the spec", Reading::Literal, |text| {
        spec(&format!("lists: {{ names: [first, {}] }}\ndetection:\n  selection: {{ user|expand: '%names%' }}\n  condition: selection\n", quoted(text)))
    }),
    place("value, list of the site", Reading::Literal, |text| Input {
        site: Some(format!("lists:\n  names: {{ add: [{}] }}\n", quoted(text))),
        ..spec("lists: { names: [first] }\ndetection:\n  selection: { user|expand: '%names%' }\n  condition: selection\n")
    }),
    place("value, list of a file", Reading::Literal, |text| Input {
        list: format!("first\n\"{text}\"\n"),
        ..spec("lists: { names: { file: lists/file.txt } }\ndetection:\n  selection: { user|contains|expand: '%names%' }\n  condition: selection\n")
    }).without("\n\r"),
    place("value, typed text column", Reading::Literal, |text| Input {
        spec: format!("{HEAD}logsource: {{ product: confluence, service: audit }}\ndetection:\n  selection:\n    user: {}\n  condition: selection\n", quoted(text)),
        ..Input::default()
    }),
    place("keyword", Reading::Literal, |text| spec(&format!("detection:\n  words:\n    - {}\n  condition: words\n", quoted(text)))),
    place("keyword, wild", Reading::Wild, |text| spec(&format!("detection:\n  words:\n    - {}\n  condition: words\n", quoted(text)))),
    place("keyword, cased", Reading::Literal, |text| {
        spec(&format!("detection:\n  words:\n    '|cased': {}\n  condition: words\n", quoted(text)))
    }),
    place("keyword, negated", Reading::Literal, |text| {
        spec(&format!("detection:\n  words:\n    - {}\n  other: {{ action: x }}\n  condition: other and not words\n", quoted(text)))
    }),
    place("keyword, list", Reading::Literal, |text| {
        spec(&format!("detection:\n  words:\n    - first\n    - {}\n    - last\n  condition: words\n", quoted(text)))
    }),
    place("keyword, re", Reading::Escaped, |text| spec(&format!("detection:\n  words:\n    '|re': {}\n  condition: words\n", quoted(text)))),
    place("field", Reading::Name, |text| item(text, "x")),
    place("field, contains", Reading::Name, |text| item(&format!("{text}|contains"), "x")),
    place("field, negated", Reading::Name, |text| negated(text, "[x, y]")),
    place("field, re", Reading::Name, |text| item(&format!("{text}|re"), "x")),
    place("field, exists", Reading::Name, |text| item(&format!("{text}|exists"), "true")),
    place("field, null", Reading::Name, |text| negated(text, "null")),
    place("field, gt", Reading::Name, |text| item(&format!("{text}|gt"), "5")),
    place("field, cidr", Reading::Name, |text| item(&format!("{text}|cidr"), "10.0.0.0/8")),
    place("field, fieldref", Reading::Name, |text| item(&format!("{text}|fieldref"), "other")),
    place("field, named by fieldref", Reading::Name, |text| item("user|fieldref", &quoted(text))),
    place("field, named by fieldref contains", Reading::Name, |text| item("user|fieldref|contains", &quoted(text))),
    place("value of one of several rules", Reading::Literal, |text| several(text, "who", "name")),
    place("alias of several rules", Reading::Name, |text| several("x", text, "name")),
    place("field behind an alias of several rules", Reading::Name, |text| several("x", "who", text)),
    place("column", Reading::Name, |text| spec(&format!("{SELECTION}fields: [user, {}]\n", quoted(text)))),
    place("group key", Reading::Name, |text| {
        counted(&format!("  group-by: [{}, user]\n  window: 1h\n  measures: {{ events: count() }}\n  condition: events > 10\n", name_in_expression("", text, "")))
    }),
    place("group key, plain", Reading::Name, |text| {
        counted(&format!("  group-by: [{}]\n  window: 1h\n  measures: {{ events: count() }}\n  condition: events > 10\n", quoted(text)))
    }).without("`()"),
    place("group key, lower", Reading::Name, |text| {
        counted(&format!("  group-by:\n    - key: {}\n  window: 1h\n  measures: {{ events: count() }}\n  condition: events > 10\n", name_in_expression("lower(", text, ")")))
    }),
    place("group key, sliding", Reading::Name, |text| {
        counted(&format!("  group-by: [{}]\n  window: {{ sliding: 10m }}\n  measures: {{ events: count() }}\n  condition: events > 10\n", name_in_expression("", text, "")))
    }),
    place("name of a group key", Reading::Name, |text| {
        counted(&format!("  group-by:\n    - ? {}\n      : user\n  window: 1h\n  measures: {{ events: count() }}\n  condition: events > 10\n", quoted(text)))
    }),
    place("name of a measure", Reading::Name, |text| {
        counted(&format!("  group-by: [user]\n  window: 1h\n  measures:\n    events: count()\n    ? {}\n    : distinct(name)\n  condition: events > 10\n  sort: [{}]\n", quoted(text), quoted(text)))
    }),
    place("name of a measure, used", Reading::Name, |text| {
        counted(&format!("  group-by: [user]\n  window: 1h\n  measures:\n    ? {}\n    : count()\n  derive:\n    twice: {}\n  condition: {}\n", quoted(text), name_in_expression("", text, " * 2"), name_in_expression("", text, " > 10")))
    }),
    place("name of a derived column", Reading::Name, |text| {
        counted(&format!("{COUNTED}  derive:\n    ? {}\n    : events + 1\n  sort: [{}]\n", quoted(text), quoted(&format!("-{text}"))))
    }),
    place("name of a label", Reading::Name, |text| {
        counted(&format!("{COUNTED}  label:\n    ? {}\n    : [ {{ when: events > 20, then: many }}, {{ otherwise: few }} ]\n  sort: [{}]\n", quoted(text), quoted(text)))
    }),
    place("field of a measure", Reading::Name, |text| {
        counted(&format!("  group-by: [user]\n  window: 1h\n  measures:\n    events: count()\n    one: {}\n    two: {}\n    three: {}\n  condition: events > 10\n",
            name_in_expression("distinct(", text, ")"), name_in_expression("sum(", text, " where action == 'y')"), name_in_expression("count(", text, " != 'x')")))
    }),
    place("name of a parameter", Reading::Name, |text| {
        counted(&format!("  group-by: [user]\n  window: 1h\n  measures: {{ events: count() }}\n  condition: {}\nparameters:\n  ? {}\n  : 10\n", name_in_expression("events > ", text, ""), quoted(text)))
    }),
    place("text in a measure", Reading::Text, |text| {
        counted(&format!("  group-by: [user]\n  window: 1h\n  measures: {{ events: {} }}\n  condition: events > 10\n", text_in_expression("count(name == ", text, ")")))
    }),
    place("text in a measure, not equal", Reading::Text, |text| {
        counted(&format!("  group-by: [user]\n  window: 1h\n  measures: {{ events: {} }}\n  condition: events > 10\n", text_in_expression("distinct(name where name != ", text, ")")))
    }),
    place("text in a condition", Reading::Text, |text| {
        counted(&format!("  group-by: [user]\n  window: 1h\n  measures: {{ events: count() }}\n  condition: {}\n", text_in_expression("events > 10 and user != ", text, "")))
    }),
    place("text of a label", Reading::Text, |text| {
        counted(&format!("{COUNTED}  label:\n    kind: [ {{ when: events > 20, then: {} }}, {{ otherwise: few }} ]\n", quoted(text)))
    }),
    place("last text of a label", Reading::Text, |text| {
        counted(&format!("{COUNTED}  label:\n    kind: [ {{ when: events > 20, then: many }}, {{ otherwise: {} }} ]\n", quoted(text)))
    }),
    place("text in a label's condition", Reading::Text, |text| {
        counted(&format!("{COUNTED}  label:\n    kind: [ {{ when: {}, then: many }}, {{ otherwise: few }} ]\n", text_in_expression("user == ", text, "")))
    }),
    place("selection", Reading::Name, |text| {
        spec(&format!("detection:\n  ? {}\n  : {{ user: x }}\n  other: {{ user: y }}\n  condition: not other and 1 of them\n", quoted(text)))
    }),
    place("selection, in a condition", Reading::Name, |text| {
        spec(&format!("detection:\n  ? {}\n  : {{ user: x }}\n  condition: {}\n", quoted(text), quoted(text)))
    }),
    place("selection, counted", Reading::Name, |text| {
        spec(&format!("detection:\n  ? {}\n  : {{ action: x }}\n  condition: 1 of them\naggregate:\n  group-by: [user]\n  window: 1h\n  measures: {{ events: {} }}\n  condition: events > 10\n", quoted(text), name_in_expression("count(", text, ")")))
    }),
    place("title", Reading::Text, |text| Input { spec: format!("title: {}\n{SOURCE}{SELECTION}", quoted(text)), ..Input::default() }),
    place("title, with an id", Reading::Text, |text| Input {
        spec: format!("title: {}\nid: 7d1c8a52-6a0f-4c63-9d5e-2f4f5f3f7a11\n{SOURCE}{SELECTION}", quoted(text)),
        ..Input::default()
    }),
    place("title, of an aggregate", Reading::Text, |text| Input {
        spec: format!("title: {}\n{SOURCE}{SELECTION}aggregate:\n{COUNTED}", quoted(text)),
        ..Input::default()
    }),
    place("description", Reading::Text, |text| described("description", &quoted(text))),
    place("description, of an aggregate", Reading::Text, |text| Input {
        spec: format!("{HEAD}description: {}\nauthor: {}\n{SOURCE}{SELECTION}aggregate:\n{COUNTED}", quoted(text), quoted(text)),
        ..Input::default()
    }),
    place("id", Reading::Text, |text| described("id", &quoted(text))),
    place("name", Reading::Text, |text| described("name", &quoted(text))),
    place("related id", Reading::Text, |text| described("related", &format!("[{{ id: {}, type: similar }}]", quoted(text)))),
    place("related type", Reading::Text, |text| described("related", &format!("[{{ id: 7d1c8a52-6a0f-4c63-9d5e-2f4f5f3f7a11, type: {} }}]", quoted(text)))),
    place("status", Reading::Text, |text| described("status", &quoted(text))),
    place("level", Reading::Text, |text| described("level", &quoted(text))),
    place("author", Reading::Text, |text| described("author", &quoted(text))),
    place("date", Reading::Text, |text| described("date", &quoted(text))),
    place("modified", Reading::Text, |text| described("modified", &quoted(text))),
    place("license", Reading::Text, |text| described("license", &quoted(text))),
    place("reference", Reading::Text, |text| described("references", &format!("[first, {}]", quoted(text)))),
    place("tag", Reading::Text, |text| described("tags", &format!("[{}]", quoted(text)))),
    place("tag, in a namespace", Reading::Text, |text| described("tags", &format!("[{}]", quoted(&format!("own.{text}"))))),
    place("false positive", Reading::Text, |text| described("falsepositives", &format!("[first, {}]", quoted(text)))),
    place("taxonomy", Reading::Text, |text| described("taxonomy", &quoted(text))),
    place("scope", Reading::Text, |text| described("scope", &format!("[{}]", quoted(text)))),
    place("own key", Reading::Text, |text| Input {
        spec: format!("title: A title\n? {}\n: x\n{SOURCE}{SELECTION}", quoted(text)),
        ..Input::default()
    }),
    place("value of an own key", Reading::Text, |text| described("own_key", &quoted(text))),
    place("inside of an own key", Reading::Text, |text| {
        described("own_key", &format!("{{ ? {} : [1, {}, {{ inner: {} }}] }}", quoted(text), quoted(text), quoted(text)))
    }),
    place("alert", Reading::Text, |text| {
        described("alert", &format!("{{ title: {}, description: {}, actions: [{}] }}", quoted(text), quoted(text), quoted(text)))
    }),
    place("definition of the log source", Reading::Text, |text| Input {
        spec: format!("{HEAD}logsource: {{ product: example, service: log, definition: {} }}\n{SELECTION}", quoted(text)),
        ..Input::default()
    }),
    place("product", Reading::Text, |text| Input {
        spec: format!("{HEAD}logsource: {{ product: {}, service: log }}\n{SELECTION}", quoted(text)),
        ..Input::default()
    }),
    place("service", Reading::Text, |text| Input {
        spec: format!("{HEAD}logsource: {{ product: example, service: {} }}\n{SELECTION}", quoted(text)),
        ..Input::default()
    }),
    place("category", Reading::Text, |text| Input {
        spec: format!("{HEAD}logsource: {{ category: {} }}\n{SELECTION}aggregate:\n{COUNTED}", quoted(text)),
        ..Input::default()
    }),
    place("reason of an exclusion", Reading::Text, |text| {
        sited("{ user: x }", &format!("specs:\n  A title:\n    exclude:\n      - reason: {}\n        events: {{ user: backup }}\n", quoted(text)))
    }),
    place("value of an exclusion", Reading::Literal, |text| {
        sited("{ action: x }", &format!("specs:\n  A title:\n    exclude:\n      - reason: R\n        events: {{ user: {} }}\n", quoted(text)))
    }),
    place("field of an exclusion", Reading::Name, |text| {
        sited("{ action: x }", &format!("specs:\n  A title:\n    exclude:\n      - reason: R\n        events:\n          ? {}\n          : x\n", quoted(text)))
    }),
    place("index of the site", Reading::Text, |text| site_log_source(&format!("spl: {{ index: {} }}", quoted(text)))),
    place("indexes of the site", Reading::Text, |text| site_log_source(&format!("spl: {{ index: [main, {}] }}", quoted(text)))),
    place("sourcetype of the site", Reading::Text, |text| site_log_source(&format!("spl: {{ sourcetype: {} }}", quoted(text)))),
    place("source of the site", Reading::Text, |text| site_log_source(&format!("spl: {{ sourcetype: t, source: [s, {}] }}", quoted(text)))),
    place("type name of the site", Reading::Text, |text| site_log_source(&format!("aql: {{ type-name: {} }}", quoted(text)))),
    place("table of the site", Reading::Name, |text| site_log_source(&format!("kql: {{ table: {} }}", quoted(text)))),
    place("function of the site", Reading::Name, |text| site_log_source(&format!("kql: {{ function: {} }}", quoted(text)))),
    place("time column of the site", Reading::Name, |text| site_log_source(&format!("kql: {{ table: T_CL, time: {} }}", quoted(text)))),
    place("property of the site", Reading::Name, |text| bound(&format!("{{ aql: {} }}", quoted(text)))),
    place("property of the site, group key", Reading::Name, |text| bound_key(&format!("{{ aql: {} }}", quoted(text)))),
    place("Splunk field of the site", Reading::Name, |text| bound(&format!("{{ spl: {} }}", quoted(text)))),
    place("Splunk field of the site, group key", Reading::Name, |text| bound_key(&format!("{{ spl: {} }}", quoted(text)))),
    place("KQL column of the site", Reading::Name, |text| bound(&format!("{{ kql: {} }}", quoted(text)))),
    place("KQL column of the site, group key", Reading::Name, |text| bound_key(&format!("{{ kql: {} }}", quoted(text)))),
    place("KQL member of the site", Reading::Name, |text| bound(&format!("{{ kql: {} }}", quoted(&format!("Column.{text}"))))),
    place("element of a list, Splunk", Reading::Text, |text| bound(&format!("{{ spl: {} }}", quoted(&format!("list[key={text}].value"))))).without("=[]"),
    place("element of a list, KQL", Reading::Text, |text| bound(&format!("{{ kql: {} }}", quoted(&format!("List[key={text}].value"))))).without("=[]"),
    place("key of an element, Splunk", Reading::Text, |text| bound(&format!("{{ spl: {} }}", quoted(&format!("list[{text}=a].value"))))).without("=[]"),
    place("key of an element, KQL", Reading::Text, |text| bound(&format!("{{ kql: {} }}", quoted(&format!("List[{text}=a].value"))))).without("=[]"),
    place("value of an element, Splunk", Reading::Text, |text| bound(&format!("{{ spl: {} }}", quoted(&format!("list[key=a].{text}"))))).without("=[]"),
    place("value of an element, KQL", Reading::Text, |text| bound(&format!("{{ kql: {} }}", quoted(&format!("List[key=a].{text}"))))).without("=[]"),
    place("their value of a map", Reading::Text, |text| mapped(text, "x")),
    place("our value of a map", Reading::Text, |text| {
        let values = format!("{{ ? {} : theirs, other: second }}", quoted(text));
        bound_key(&format!("{{ aql: {{ at: User, values: {values} }}, spl: {{ at: User, values: {values} }}, kql: {{ at: User, values: {values} }} }}"))
    }),
    place("their value of a map, group key", Reading::Text, |text| {
        let values = format!("{{ x: {}, other: second }}", quoted(text));
        bound_key(&format!("{{ aql: {{ at: User, values: {values} }}, spl: {{ at: User, values: {values} }}, kql: {{ at: User, values: {values} }} }}"))
    }),
    place("prefix of properties", Reading::Name, |text| {
        by_file(&format!("aql: {{ type-name: T, property-prefix: {} }}", quoted(&format!("{text}."))), "{ event: who, kql: Who }")
    }),
    place("type name of a file", Reading::Text, |text| by_file(&format!("aql: {{ type-name: {}, property-prefix: T }}", quoted(text)), "{ event: who, kql: Who }")),
    place("path of an event", Reading::Name, |text| by_file(AQL_NAMED, &format!("{{ event: {}, kql: Who }}", quoted(text)))),
    place("member of an event", Reading::Name, |text| by_file(AQL_NAMED, &format!("{{ event: {}, kql: Who }}", quoted(&format!("who.{text}"))))),
    place("absent for", Reading::Text, |text| {
        let absent = by_file(AQL_NAMED, &format!("{{ event: who, kql: Who, optional: true, absent-for: [{}] }}", quoted(text)));
        Input { spec: absent.spec.replace("condition: selection", "filter: { user: null }\n  condition: selection and not filter"), ..absent }
    }),
];

/// A field with a value map on every platform, tested for one of our values.
fn mapped(theirs: &str, ours: &str) -> Input {
    let values = format!("{{ {ours}: {}, other: second }}", quoted(theirs));
    bound(&format!(
        "{{ aql: {{ at: User, values: {values} }}, spl: {{ at: User, values: {values} }}, kql: {{ at: User, values: {values} }} }}"
    ))
}
