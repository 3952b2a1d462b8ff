//! Queries of small specs.

use crate::detection::Detection;
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
aql: { type-name: "Acme's Log", property-prefix: Acme }
fields:
  timestamp: { type: timestamp, description: When, event: time }
  user: { description: Who, optional: true, event: user, aql: username }
  bytes: { type: number, description: How much, optional: true, event: bytes }
  address: { type: ip, description: Where from, optional: true, event: ip, aql: sourceip }
  status: { description: How, optional: true, event: status, aql: { at: Status, type: text, values: { success: "0", failure: "1" } } }
  tags: { description: Several, list: true, optional: true, event: 'tags[]' }
  hidden: { description: Not extracted, optional: true, event: hidden, aql: none }
  mapped: { description: Odd values, optional: true, event: mapped, aql: { at: Mapped, type: text, values: { x: "a\nb" } } }
  quotes: { description: Odd values, optional: true, event: quotes, aql: { at: Quotes, type: text, values: { "x\u2019": a } } }
  evil: { description: A bad name, optional: true, event: evil, aql: { at: 'f" OR 1=1 OR "g', type: text } }
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
    let service = if body.contains("logsource") { "" } else { "logsource: { product: acme, service: typed }\n" };
    let source = Source::new("spec.yml", format!("title: Test\n{service}{body}"));
    let log_sources = LogSources::built_in().with([Source::new("logsources/acme_typed.yml", LOG_SOURCE)]);
    let (detection, diagnostics): (_, Diagnostics) = understand_spec(&source, &log_sources);
    detection.unwrap_or_else(|| panic!("{:#?}", diagnostics.sorted()))
}

fn render_with(body: &str, range: Range) -> Result<Rendered, Vec<Diagnostic>> {
    let original = detection(body);
    let (detection, _) = super::approximate(&original);
    let options = Options { comments: false, range, limit: None, unmapped: true, lookups: None };
    super::render(&detection, templates().of(Target::Aql), &options)
}

fn render(body: &str) -> Rendered {
    render_with(body, Range::Hunt(86_400_000)).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// What stands between the log source's condition and the time range.
fn condition(selections: &str, condition: &str) -> String {
    let text = render(&format!("detection:\n{selections}\n  condition: {condition}\n")).text;
    let text = text.strip_suffix("\nLAST 1 DAYS").expect("a time range");
    let (_, condition) = text.split_once("LOGSOURCETYPENAME(devicetype) = 'Acme''s Log'").expect("a log source");
    let line = condition.split_whitespace().collect::<Vec<_>>().join(" ");
    line.trim_start_matches("AND ").replace("( ", "(").replace(" )", ")")
}

fn of(item: &str) -> String {
    condition(&format!("  a: {{ {item} }}"), "a")
}

fn refusals(body: &str) -> Vec<&'static str> {
    let problems = render_with(body, Range::Hunt(86_400_000)).expect_err("a refusal");
    assert!(problems.iter().all(|problem| problem.help.is_some()), "{problems:#?}");
    problems.iter().map(|problem| problem.code.0).collect()
}

fn codes(body: &str) -> Vec<&'static str> {
    let mut codes: Vec<&str> = render(body).assumptions.iter().map(|assumption| assumption.code.0).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[test]
fn text_ignores_case_unless_cased() {
    assert_eq!(of("user: Bob"), "LOWER(username) = 'bob'");
    assert_eq!(of("user: '4625'"), "username = '4625'");
    assert_eq!(of("user: [Bob, 'O''Brien', '4625']"), "LOWER(username) IN ('bob', 'o''brien', '4625')");
    assert_eq!(of("user|contains: Bob"), "username ILIKE '%Bob%'");
    assert_eq!(of("user|cased: Bob"), "username LIKE 'Bob'");
    assert_eq!(of("user|cased|startswith: Bob"), "username LIKE 'Bob%'");
}

#[test]
fn literal_wildcards_and_backslashes_stand_for_themselves() {
    assert_eq!(of("user|contains: '100%_Done'"), r"LOWER(username) MATCHES '(?s).*100%_done.*'");
    assert_eq!(of("user: '100%_Done'"), "LOWER(username) = '100%_done'");
    assert_eq!(of("user|cased|endswith: '_X'"), "username MATCHES '(?s).*_X(?!.)'");
    assert_eq!(of(r"user|endswith: '\cmd.exe'"), r"username ILIKE '%\cmd.exe'");
    assert_eq!(of(r"user: 'a\*b?c*'"), "username ILIKE 'a*b_c%'");
    assert_eq!(of(r#"user: "line1\nline2""#), r"LOWER(username) MATCHES '(?s)^line1\nline2(?!.)'");
    assert_eq!(of(r#"user: "\u2018x""#), r"LOWER(username) MATCHES '(?s)^\u2018x(?!.)'");
}

#[test]
fn negations_hold_of_missing_values() {
    let two = "  a: { user: x }\n  b: { bytes|gt: 5 }";
    assert_eq!(condition(two, "not a"), "(username IS NULL OR NOT (username = 'x'))".replace("username =", "LOWER(username) ="));
    assert_eq!(
        condition(two, "not (a and b)"),
        "NOT (username IS NOT NULL AND LOWER(username) = 'x' AND \"Acme Bytes\" IS NOT NULL AND \"Acme Bytes\" > 5)"
    );
    assert_eq!(condition("  a: { user: null }", "not a"), "username IS NOT NULL");
    assert_eq!(condition("  a: { user: [null, ''] }", "not a"), "username IS NOT NULL AND NOT (username = '')");
    assert_eq!(condition("  a: { user|exists: true }", "not a"), "username IS NULL");
    assert_eq!(of("user|neq: x"), "(username IS NULL OR NOT (LOWER(username) = 'x'))");
}

#[test]
fn mixed_operators_have_parentheses() {
    let three = "  a: { bytes: 1 }\n  b: { bytes: 2 }\n  c: { bytes: 3 }";
    assert_eq!(condition(three, "a or b and c"), "(\"Acme Bytes\" = 1 OR (\"Acme Bytes\" = 2 AND \"Acme Bytes\" = 3))");
}

#[test]
fn types_of_properties() {
    assert_eq!(of("address: 10.0.0.1"), "sourceip = '10.0.0.1'");
    assert_eq!(of("address: '10.*'"), "STR(sourceip) ILIKE '10.%'");
    assert_eq!(of("address|cidr: [10.0.0.0/8, '::1/128']"), "(INCIDR('10.0.0.0/8', sourceip) OR INCIDR('::1/128', sourceip))");
    assert_eq!(of("bytes: [1, 2.5]"), "\"Acme Bytes\" IN (1, 2.5)");
    assert_eq!(of("status: [Success, failure]"), "\"Status\" IN ('0', '1')");
    assert_eq!(of("status: '*ure'"), "(CASE \"Status\" WHEN '0' THEN 'success' WHEN '1' THEN 'failure' ELSE \"Status\" END) ILIKE '%ure'");
    assert_eq!(of("user|gte: 5"), r"DOUBLE(IF username MATCHES '^-?[0-9]+([.][0-9]+)?(?![\s\S])' THEN username ELSE '4') >= 5");
    assert_eq!(
        of("timestamp|hour: [9, 10]"),
        "((starttime % 86400000 >= 32400000 AND starttime % 86400000 < 36000000) OR (starttime % 86400000 >= 36000000 AND starttime % 86400000 < 39600000))"
    );
}

#[test]
fn keywords_are_searched_as_they_stand_in_json_too() {
    assert_eq!(condition("  a: ['mimikatz']", "a"), "UTF8(payload) ILIKE '%mimikatz%'");
    assert_eq!(condition(r"  a: ['C:\Temp']", "not a"), r"NOT (UTF8(payload) ILIKE '%C:\Temp%' OR UTF8(payload) ILIKE '%C:\\Temp%')");
}

#[test]
fn a_field_that_is_the_payload() {
    let text = render("logsource: { product: x }\ndetection:\n  a: { Payload|contains: x }\n  condition: a\n").text;
    assert!(text.contains("UTF8(payload) ILIKE '%x%'"), "{text}");
}

#[test]
fn regular_expressions() {
    assert_eq!(of("user|re: '^a(b|c)$'"), r"username MATCHES '^a(b|c)(?![\s\S])'");
    assert_eq!(of("user|re|i: it's"), "username IMATCHES '(?s:.*)it''s(?s:.*)'");
}

#[test]
fn an_aggregate() {
    let text = render(
        "detection:\n  s: { status: failure }\naggregate:\n  group-by: [user, address]\n  window: 1h\n  measures:\n    n: count()\n    failures: count(s)\n    most: max(bytes where s)\n  condition: n > 5 or failures > 2\n  sort: [-n]\n",
    );
    assert_eq!(
        text.text,
        r#"SELECT
  IF username = '' THEN NULL ELSE username AS user,
  sourceip AS address,
  starttime - (starttime % 3600000) AS window_start,
  starttime - (starttime % 3600000) + 3600000 AS window_end,
  SUM(eventcount) AS n,
  SUM(IF "Status" = '1' THEN LONG(eventcount) ELSE 0) AS failures,
  MAX(IF "Status" = '1' THEN "Acme Bytes" ELSE NULL) AS most
FROM events
WHERE LOGSOURCETYPENAME(devicetype) = 'Acme''s Log'
GROUP BY user, address, window_start, window_end
HAVING n > 5 OR failures > 2
ORDER BY n DESC, window_start, user, address
LAST 1 DAYS"#
    );
}

#[test]
fn labels_and_derived_columns_stand_around_the_aggregate() {
    let text = render(
        "aggregate:\n  window: lookback\n  measures:\n    n: count()\n    users: distinct(user)\n  derive:\n    each: n / users\n  condition: not each > 5\n  label:\n    kind:\n      - when: each < 2\n        then: it's few\n      - otherwise: many\n",
    );
    assert_eq!(
        text.text,
        r#"SELECT
  window_start, window_end, n, users, each,
  IF each < 2
    THEN 'it''s few'
  ELSE 'many' AS kind
FROM (
  SELECT
    window_start, window_end, n, users,
    IF users <> 0 THEN DOUBLE(n) / users ELSE NULL AS each
  FROM (
    SELECT
      MIN(starttime) AS window_start,
      MAX(starttime) AS window_end,
      SUM(eventcount) AS n,
      UNIQUECOUNT(IF username IS NOT NULL THEN CONCAT('=', username) ELSE '-')
        - MAX(IF username IS NOT NULL THEN 0 ELSE 1) AS users
    FROM events
    WHERE LOGSOURCETYPENAME(devicetype) = 'Acme''s Log'
    LAST 1 DAYS
  )
)
WHERE window_start IS NOT NULL AND NOT (each IS NOT NULL AND each > 5)
ORDER BY window_start"#
    );
}

#[test]
fn names_with_a_meaning_are_renamed_at_the_end() {
    let text = render("aggregate:\n  group-by: [address]\n  window: 1h\n  measures:\n    count: count()\n    severity: max(bytes)\n  condition: count > 1\n").text;
    assert!(
        text.starts_with("SELECT\n  address, window_start, window_end,\n  count_value AS 'count',\n  severity_value AS severity\nFROM (\n"),
        "{text}"
    );
    assert!(text.contains("HAVING count_value > 1"), "{text}");
    let text = render("fields: [user, tags]\ndetection:\n  a: { user: x }\n  condition: a\n").text;
    assert!(text.starts_with("SELECT\n  username AS user,\n  \"Acme Tags\" AS tags\nFROM events\n"), "{text}");
}

#[test]
fn a_scheduled_run_covers_its_part() {
    let run = |body: &str| render_with(body, Range::Scheduled).unwrap_or_else(|problems| panic!("{problems:#?}")).text;
    let text = run("detection:\n  a: { user: x }\n  condition: a\nschedule: { every: 1h }\n");
    assert!(text.contains("starttime >= NOW() - 4200000\n  AND starttime < NOW() - 600000") && text.ends_with("LAST 71 MINUTES"), "{text}");
    let text = run("aggregate:\n  window: 1h\n  measures: { n: count() }\n  condition: n > 1\nschedule: { every: 1h }\n");
    assert!(text.contains("starttime - (starttime % 3600000) > NOW() - 7800000\n"), "{text}");
    assert!(text.contains("starttime - (starttime % 3600000) <= NOW() - 4200000\n") && text.contains("LAST 131 MINUTES"), "{text}");
}

#[test]
fn deviations() {
    let deviations = |body: &str| super::approximate(&detection(body)).1.iter().map(|deviation| deviation.code.0).collect::<Vec<_>>();
    assert_eq!(deviations("detection:\n  a: { tags: x }\n  condition: a\n"), ["A002"]);
    assert_eq!(deviations("detection:\n  a: { user: x }\n  condition: a\n"), [""; 0]);
    assert_eq!(deviations("aggregate:\n  window: { sliding: 5m }\n  measures: { n: count() }\n  condition: n > 1\n"), ["A003"]);
}

#[test]
fn assumptions() {
    let of = |item: &str| codes(&format!("detection:\n  a: {{ {item} }}\n  condition: a\n"));
    assert_eq!(of("user: x"), [""; 0]);
    assert_eq!(of("user: null"), ["A001"]);
    assert_eq!(of("user: Ärger"), ["A009"]);
    assert_eq!(of("user|re: a"), ["A013"]);
    assert_eq!(of("address: '10.*'"), ["A010"]);
    let aggregate =
        |measure: &str| codes(&format!("aggregate:\n  window: 1h\n  measures: {{ n: count(), m: {measure} }}\n  condition: n > 1\n"));
    assert_eq!(aggregate("count()"), [""; 0]);
    assert_eq!(aggregate("distinct(user)"), ["A001", "A005", "A006"]);
    assert_eq!(aggregate("min(timestamp)"), ["A005"]);
    assert_eq!(aggregate("min(bytes)"), ["A005", "A007"]);
}

#[test]
fn refused_with_a_way_out() {
    let of = |item: &str| refusals(&format!("detection:\n  a: {{ {item} }}\n  condition: a\n"));
    assert_eq!(of("hidden: x"), ["E0403"]);
    assert_eq!(of("evil: x"), ["E0401"]);
    assert_eq!(of("bytes: 'x*'"), ["E0401"]);
    assert_eq!(of("timestamp|month: 5"), ["E0401"]);
    assert_eq!(of("user|re: '\\p{Greek}'"), ["E0401"]);
    let aggregate = |window: &str, measure: &str| {
        refusals(&format!(
            "detection:\n  s: {{ user: x }}\naggregate:\n  window: {window}\n  measures: {{ n: count(), m: {measure} }}\n  condition: n > 1\n"
        ))
    };
    assert_eq!(aggregate("1h", "values(user)"), ["E0401"]);
    assert_eq!(aggregate("1h", "'percentile(bytes, 95)'"), ["E0401"]);
    assert_eq!(aggregate("{ sliding: 5m, at: s }", "count(s)"), ["E0401"]);
    assert_eq!(refusals("fields: [user, User]\nlogsource: { product: x }\ndetection:\n  s: { user: x }\n  condition: s\n"), ["E0404"]);
}

#[test]
fn values_of_maps_and_labels_stay_as_they_are_or_are_refused() {
    let selection = |item: &str| refusals(&format!("detection:\n  a: {{ {item} }}\n  condition: a\n"));
    assert_eq!(selection("mapped: x"), ["E0401"]);
    assert_eq!(selection("quotes: x"), ["E0401"]);
    let label = |text: &str| {
        let aggregate = "aggregate:\n  group-by: [user]\n  window: 1h\n  measures: { n: count() }\n  condition: n > 1\n";
        refusals(&format!("detection:\n  a: {{ user: x }}\n  condition: a\n{aggregate}  label: {{ kind: [ {{ otherwise: {text} }} ] }}\n"))
    };
    assert_eq!(label(r#""a\nb""#), ["E0401"]);
    assert_eq!(label(r#""a\u2028b""#), ["E0401"]);
    assert_eq!(label("it\u{2019}s"), ["E0401"]);
}
