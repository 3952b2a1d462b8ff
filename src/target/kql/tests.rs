//! Queries of small specs.

use crate::detection::{Detection, RegexTest};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::frontend::understand_spec;
use crate::logsource::LogSources;
use crate::source::Source;
use crate::target::{Options, Range, Rendered, Target};
use crate::template::Templates;
use std::collections::BTreeMap;
use std::sync::OnceLock;

const LOG_SOURCE: &str = r#"
product: acme
service: typed
title: Acme
description: An example.
time: timestamp
time-format: iso8601
kql: { table: Acme_CL, time: TimeGenerated }
fields:
  timestamp: { type: timestamp, description: When, event: time }
  user: { description: Who, optional: true, event: user, kql: User }
  other: { description: Who else, optional: true, event: other, kql: a b }
  port: { type: integer, description: Where, optional: true, event: port, kql: Port }
  size: { type: integer, description: How much, optional: true, event: size, kql: { at: Size, type: string } }
  ok: { type: boolean, description: Whether, optional: true, event: ok, kql: Ok }
  seen: { type: timestamp, description: When seen, optional: true, event: seen, kql: Seen }
  address: { type: ip, description: Where from, optional: true, event: ip, kql: Ip }
  status: { description: How, optional: true, event: status, kql: { at: Status, values: { success: "0", failure: "1" } } }
  agent: { description: With what, optional: true, event: meta.agent, kql: Meta.agent }
  note: { description: A note, optional: true, event: raw.note, kql: { at: Raw.note, json-text: true } }
  tags: { description: Several, list: true, optional: true, event: 'tags[]', kql: { at: Tags, type: dynamic } }
  space: { description: Which, optional: true, event: 'things[type=Space].name', kql: 'Things[type=Space].name' }
  hidden: { description: Not collected, optional: true, event: hidden, kql: none }
  evil: { description: A bad name, optional: true, event: evil, kql: 'f" or true or "g' }
"#;

fn templates() -> &'static Templates {
    static TEMPLATES: OnceLock<Templates> = OnceLock::new();
    TEMPLATES.get_or_init(|| {
        let mut files = BTreeMap::new();
        for target in Target::ALL {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join(target.name());
            for entry in walkdir::WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file()) {
                let name = format!("{}/{}", target.name(), entry.file_name().to_string_lossy());
                files.insert(name.clone(), Source::new(name, std::fs::read_to_string(entry.path()).expect("a template")));
            }
        }
        Templates::read(&files).unwrap_or_else(|problems| panic!("{problems:?}"))
    })
}

fn detection(body: &str) -> Detection {
    let log_sources = LogSources::built_in().with([Source::new("acme_typed.yml", LOG_SOURCE)]);
    let text = format!("title: T\nlogsource: {{ product: acme, service: typed }}\n{body}");
    let (detection, diagnostics): (_, Diagnostics) = understand_spec(&Source::new("t.yml", text), &log_sources);
    detection.unwrap_or_else(|| panic!("{body}\n{:#?}", diagnostics.sorted()))
}

/// The query, the codes of approximations and of assumptions.
type Compiled = (String, Vec<&'static str>, Vec<&'static str>);

fn compile_range(body: &str, range: Range) -> Result<Compiled, Vec<Diagnostic>> {
    let original = detection(body);
    let (detection, approximations) = Target::Kql.approximate(&original);
    let Rendered { text, assumptions, .. } =
        super::render(&detection, &[], templates().of(Target::Kql), &Options { range, ..Options::default() })?;
    let codes = |list: Vec<crate::target::Deviation>| list.iter().map(|deviation| deviation.code.0).collect();
    Ok((text, codes(approximations), codes(assumptions)))
}

fn compile(body: &str) -> Compiled {
    compile_range(body, Range::Scheduled).unwrap_or_else(|problems| panic!("{body}\n{problems:#?}"))
}

fn refused(body: &str) -> Vec<&'static str> {
    let problems = compile_range(body, Range::Scheduled).expect_err(body);
    assert!(problems.iter().all(|problem| problem.help.is_some()), "{problems:#?}");
    problems.iter().map(|problem| problem.code.0).collect()
}

/// The lines after the time range, for a selection of one item.
fn steps(item: &str, condition: &str) -> Compiled {
    let (text, approximations, assumptions) = compile(&format!("detection:\n  sel:\n    {item}\n  condition: {condition}\n"));
    let lines: Vec<&str> = text.lines().skip(2).map(str::trim).collect();
    (lines.join(" ").replacen("| where ", "", 1), approximations, assumptions)
}

#[track_caller]
fn holds(item: &str, expected: &str) {
    let (text, approximations, assumptions) = steps(item, "sel");
    assert_eq!((text.as_str(), &approximations[..], &assumptions[..]), (expected, &[][..], &[][..]), "{item}");
}

#[test]
fn texts() {
    holds("user: ann", r#"User =~ "ann""#);
    holds("user|cased: [Ann, Bob]", r#"User in ("Ann", "Bob")"#);
    holds("user: [ann, bob, 7]", r#"User in~ ("ann", "bob", "7")"#);
    holds("user|contains: 'a\"b'", r#"User contains "a\"b""#);
    holds("user|endswith: '\\x'", r#"User endswith "\\x""#);
    holds("user: 'a*b?'", r#"User matches regex @"(?is)\Aa.*b.\z""#);
    holds("other: x", r#"['a b'] =~ "x""#);
    holds("user: 😀", r#"User =~ "😀""#);
    let (text, _, assumptions) = steps("user|contains: É", "sel");
    assert_eq!((text.as_str(), &assumptions[..]), (r#"tolower(User) contains_cs "é""#, &["K005"][..]));
}

#[test]
fn types() {
    holds("port: [80, '443']", "Port in (80, 443)");
    holds("port: '080'", "false");
    holds("port|contains: '4'", r#"tostring(Port) contains "4""#);
    holds("port: null", "isnull(Port)");
    holds("port|gt: 5", "Port > 5");
    holds("ok: 'TRUE'", "Ok == true");
    holds("size: 5", r#"Size =~ "5""#);
    holds("size|lt: 5", r#"Size matches regex @"\A-?[0-9]+(\.[0-9]+)?\z" and todouble(Size) < 5"#);
    holds("seen|week: 2", r#"datetime_part("week_of_year", Seen) == 2"#);
    holds("status: SUCCESS", r#"Status in~ ("0", "SUCCESS")"#);
    holds("agent: curl", r#"tostring(Meta.agent) =~ "curl""#);
    holds("agent: ''", r#"isnotnull(Meta.agent) and tostring(Meta.agent) == """#);
    holds("note: null", "isnull(parse_json(Raw).note)");
}

#[test]
fn networks() {
    holds("address|cidr: 10.0.0.0/8", r#"ipv4_is_in_range(Ip, "10.0.0.0/8")"#);
    holds(
        "address|cidr: [10.0.0.0/8, 'fe80::/10']",
        r#"coalesce(ipv4_is_in_range(Ip, "10.0.0.0/8"), false) or coalesce(ipv6_is_in_range(Ip, "fe80::/10"), false)"#,
    );
    assert_eq!(steps("address|cidr: '::/0'", "sel").0, r#"Ip contains ":" and ipv6_is_in_range(Ip, "::/0")"#);
}

#[test]
fn negation_holds_of_missing_values() {
    let negated = |item: &str| steps(item, "not sel").0;
    assert_eq!(negated("user: ann"), r#"not(User =~ "ann")"#);
    assert_eq!(negated("port|gt: 5"), "not(coalesce(Port > 5, false))");
    assert_eq!(negated("port: [1, 2]"), "not(coalesce(Port in (1, 2), false))");
    assert_eq!(negated("address|cidr: 10.0.0.0/8"), r#"not(coalesce(ipv4_is_in_range(Ip, "10.0.0.0/8"), false))"#);
    assert_eq!(negated("seen|hour|gte: 5"), r#"not(coalesce(datetime_part("hour", Seen) >= 5, false))"#);
}

#[test]
fn missing_and_empty_text_are_one() {
    let cases = [
        ("user: null", "isempty(User)"),
        ("user: ''", "isempty(User)"),
        ("user|exists: true", "isnotempty(User)"),
        ("user: '*'", "isnotempty(User)"),
        ("user|re: 'a*'", r#"isnotempty(User) and User matches regex @"a*""#),
    ];
    for (item, expected) in cases {
        let (text, approximations, _) = steps(item, "sel");
        assert_eq!((text.as_str(), &approximations[..]), (expected, &["K001"][..]), "{item}");
    }
    holds("user: [null, '']", "isempty(User)");
}

#[test]
fn fields_are_compared_only_if_both_are_there() {
    let (text, _, assumptions) = steps("user|fieldref: agent", "sel");
    assert_eq!(text, "isnotempty(User) and isnotnull(Meta.agent) and tolower(User) == tolower(tostring(Meta.agent))");
    assert_eq!(assumptions, ["K003", "K005"]);
}

#[test]
fn lists_are_applied_once() {
    let (text, ..) = compile("detection:\n  a: { tags: x, space: hr }\n  b: { tags: null }\n  condition: a or not b\n");
    assert_eq!(text.matches("mv-apply").count(), 2, "{text}");
    for part in [
        r#"_any_tags = countif(tostring(_item) =~ "x") > 0"#,
        r#"_any_space = countif(tostring(_item_2["type"]) =~ "Space" and tostring(_item_2.name) =~ "hr") > 0"#,
        "| where (_any_tags and _any_space) or _any_tags_2",
        "| project-away _any_tags, _any_tags_2, _any_space",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn keywords_look_into_every_column() {
    let (text, _, assumptions) = steps("- vpn", "sel");
    assert_eq!((text.as_str(), &assumptions[..]), (r#"* contains "vpn""#, &["K002"][..]));
    assert_eq!(steps(r"- 'a\b'", "sel").0, r#"* contains "a\\b" or * contains "a\\\\b""#);
}

#[test]
fn what_cannot_be_said_is_refused() {
    let item = |item: &str| refused(&format!("detection: {{ sel: {{ {item} }}, condition: sel }}\n"));
    assert_eq!(item("hidden: x"), ["E0403"]);
    assert_eq!(item("evil: x"), ["E0401"]);
    assert_eq!(item("user|re: '(?=a)b'"), ["E0401"]);
    assert_eq!(item("seen|contains: x"), ["E0401"]);
    assert_eq!(item("hidden: x, evil: y"), ["E0403", "E0401"]);
}

#[test]
fn long_alternatives_are_grouped() {
    let values: Vec<String> = (0..5000).map(|number| format!("word{number}x")).collect();
    let (text, _, assumptions) = steps(&format!("user|contains: [{}]", values.join(", ")), "sel");
    assert_eq!((text.matches(" contains ").count(), &assumptions[..]), (5000, &["K007"][..]));
    let depth = text.chars().fold((0i32, 0i32), |(now, most), character| match character {
        '(' => (now + 1, most.max(now + 1)),
        ')' => (now - 1, most),
        _ => (now, most),
    });
    assert_eq!(depth, (0, 2));
}

const AGGREGATE: &str = "detection: { big: { port|gt: 100 } }
aggregate:
  group-by: [user, port]
  window: WINDOW
  measures:
    total: count()
    bigs: count(big)
    users: distinct(agent)
    mean: avg(port where big)
    p: percentile(port, 95)
  derive:
    rate: round(total / bigs, 1)
  condition: total > 3 and not (mean > 5)
  label:
    kind:
      - { when: rate > 2, then: fast }
      - { otherwise: slow }
  sort: [-rate]
";

#[test]
fn tumbling() {
    let (text, ..) = compile(&AGGREGATE.replace("WINDOW", "1h"));
    let expected = r#"Acme_CL
| where TimeGenerated >= ago(130m) and TimeGenerated < ago(10m)
| extend _is_big = coalesce(Port > 100, false)
| summarize
    total = count(),
    bigs = countif(_is_big),
    users = count_distinctif(tostring(Meta.agent), isnotnull(Meta.agent)),
    mean = iff(countif(_is_big and isnotnull(Port)) == 0, real(null), avgif(Port, _is_big and isnotnull(Port))),
    _ranked_p = array_sort_asc(make_list_if(Port, isnotnull(Port)))
    by user = User, port = Port, window_start = bin_at(TimeGenerated, 1h, datetime(1970-01-01))
| extend window_end = window_start + 1h
| where window_end > ago(70m) and window_end <= ago(10m)
| extend p = iff(array_length(_ranked_p) == 0, long(null), tolong(_ranked_p[((19 * array_length(_ranked_p) + 19) / 20 - 1)]))
| extend _value = iff(bigs == 0, real(null), todouble(total) / bigs)
| extend rate = sign(_value) * floor(abs(_value) * 10 + 0.5, 1) / 10
| where total > 3 and not(coalesce(mean > 5, false))
| extend ['kind'] = case(
    coalesce(rate > 2, false), "fast",
    "slow")
| project user, port, window_start, window_end, total, bigs, users, mean, p, rate, ['kind']
| order by rate desc nulls last, window_start asc, toint(isempty(user)) asc, user asc, port asc nulls last"#;
    assert_eq!(text, expected);
}

#[test]
fn sliding() {
    let (text, ..) = compile(&AGGREGATE.replace("WINDOW", "{ sliding: 10m }"));
    for part in [
        "let _events = Acme_CL\n",
        "    _key_2 = tostring(Port),",
        "| summarize by user, port, _key_2, window_end = _time\n| mv-expand _step = dynamic([0, 1]) to typeof(long)",
        ") on user, _key_2, _bucket\n| where _time > window_end - 10m and _time <= window_end",
        "| sort by user asc, _key_2 asc, window_end asc\n",
        "coalesce(prev(_holds) and prev(user) == user and prev(_key_2) == _key_2 and window_end - prev(window_end) < 10m, false)",
        "| where _holds and not(_again) and window_end >= ago(70m)",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn lookback_without_keys_has_no_row_for_nothing() {
    let body =
        "detection: { sel: { user: ann }, condition: sel }\naggregate: { window: lookback, measures: { n: count() }, condition: n < 5 }\n";
    let (text, ..) = compile(body);
    assert!(text.contains("_events = count()") && text.contains("| where _events > 0"), "{text}");
    assert!(!text.contains("    by "), "{text}");
}

#[test]
fn schema_has_the_types_of_columns() {
    let [(table, columns)] = &super::schema(&detection("detection: { sel: { port: 1, note: x, space: y }, condition: sel }\n"))[..] else {
        panic!("one table is expected")
    };
    assert_eq!(table, "Acme_CL");
    for (column, kind) in [("TimeGenerated", "datetime"), ("Port", "long"), ("Raw", "string"), ("Things", "dynamic")] {
        assert!(columns.iter().any(|(name, found)| name == column && *found == kind), "{column}");
    }
}

#[test]
fn hunting_has_no_cut() {
    let (text, ..) = compile_range(&AGGREGATE.replace("WINDOW", "1h"), Range::Hunt(86_400_000)).expect("a query");
    assert!(text.contains("| where TimeGenerated >= ago(1d) and TimeGenerated < now()\n"), "{text}");
    assert!(!text.contains("window_end >"), "{text}");
}

#[test]
fn what_a_regex_says_of_the_empty_text() {
    let patterns = [
        "",
        "a",
        "a*",
        "a+",
        "a?b?",
        "a|",
        "a|b",
        "^",
        "$",
        "^$",
        "^a$",
        r"\b",
        r"\B",
        r"\A\z",
        r"\w",
        r"\W*",
        "(a|b*)c?",
        "(a){0}",
        "a{0,3}",
        "a{1,3}",
        "(?m)^$",
        r"\d*|x",
        r"^(?:a|)$",
        "[^a]",
        r"\b{start}",
        r"\b{end}",
        r"\b{start-half}",
        r"\b{end-half}",
        "(?s).*",
        ".+",
    ];
    for pattern in patterns {
        let regex = RegexTest { pattern: pattern.to_owned(), ignore_case: false, multiline: false, dot_all: false, fancy: false };
        let found = fancy_regex::Regex::new(pattern).expect("a pattern").is_match("").expect("a short search");
        assert_eq!(super::condition::matches_empty(&regex), found, "{pattern}");
    }
}
