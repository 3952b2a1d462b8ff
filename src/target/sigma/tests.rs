//! Specs go in, documents come out: read back by an independent YAML reader, and by our own.

use crate::detection::Detection;
use crate::diagnostic::Diagnostic;
use crate::frontend::understand_spec;
use crate::logsource::{LogSource, LogSourceId, LogSources};
use crate::lower::Surroundings;
use crate::source::{Source, Span, Spanned};
use crate::spec::{Body, ItemBlock, Spec};
use crate::target::{Artefact, Options, Target, compile};
use crate::template::Templates;
use crate::yaml::Value;
use serde::Deserialize;
use serde_yaml::Value as Yaml;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The built-in log sources and no site, or a site that excludes a service account.
struct World {
    log_sources: LogSources,
    excludes: bool,
}

impl Surroundings for World {
    fn log_source(&self, id: &LogSourceId) -> Option<Arc<LogSource>> {
        self.log_sources.get(id)
    }

    fn exclusions(&self, _: &Spec) -> Vec<(String, Body, Source)> {
        let value = Spanned::new(Value::Text("svc-backup".into()), Span::default());
        let item = ItemBlock { field: "user".into(), modifiers: Vec::new(), values: vec![value], listed: false, span: Span::default() };
        let exclusion = ("Backup job\nids: [x]".to_owned(), Body::Items(vec![item]), Source::new("site.yml", ""));
        if self.excludes { vec![exclusion] } else { Vec::new() }
    }
}

fn templates() -> Templates {
    let file = |name: &str, text: &str| (format!("sigma/{name}"), Source::new(format!("templates/sigma/{name}"), text));
    let files: BTreeMap<String, Source> = BTreeMap::from([
        file("artefact.j2", include_str!("../../../templates/sigma/artefact.j2")),
        file("collection.j2", include_str!("../../../templates/sigma/collection.j2")),
        file("rule.j2", include_str!("../../../templates/sigma/rule.j2")),
    ]);
    Templates::read(&files).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn lower(spec: &str, excludes: bool) -> Detection {
    let world = World { log_sources: LogSources::built_in(), excludes };
    let (detection, diagnostics) = understand_spec(&Source::new("spec.yml", spec), &world);
    detection.unwrap_or_else(|| panic!("{:?}\n{spec}", diagnostics.sorted()))
}

fn build(spec: &str) -> Result<Artefact, Vec<Diagnostic>> {
    let options = Options { comments: false, ..Options::default() };
    compile(&lower(spec, false), Target::Sigma, templates().of(Target::Sigma), &options)
}

fn built(spec: &str) -> String {
    build(spec).unwrap_or_else(|refused| panic!("{refused:?}\n{spec}")).text
}

fn documents(text: &str) -> Vec<Yaml> {
    serde_yaml::Deserializer::from_str(text).map(|document| Yaml::deserialize(document).unwrap_or_else(|e| panic!("{e}\n{text}"))).collect()
}

fn yaml(text: &str) -> Yaml {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What is refused: the messages, in order.
fn refused(spec: &str) -> Vec<String> {
    match build(spec) {
        Ok(artefact) => panic!("not refused:\n{}", artefact.text),
        Err(found) => {
            found.into_iter().inspect(|d| assert!(d.help.is_some(), "{d:?}")).map(|d| format!("{}: {}", d.code, d.message)).collect()
        }
    }
}

fn rule(detection: &str) -> String {
    format!("title: T\nlogsource: {{ product: linux }}\ndetection:\n{detection}")
}

/// The `detection` of a compiled rule.
fn detection_of(detection: &str) -> Yaml {
    documents(&built(&rule(detection)))[0]["detection"].clone()
}

const ID: &str = "7d1c8a52-2f0c-4d1d-9d5e-1c2f3a4b5c6d";

fn aggregate(window: &str, measures: &str, condition: &str) -> String {
    let selections = "  failed: { result: failure }\n  success: { result: success }\n  export: { action: export }\n";
    let detection = "logsource: { product: linux, service: vpn }\ndetection:\n";
    format!(
        "title: Many Things\nid: {ID}\nlevel: high\n{detection}{selections}aggregate:\n  group-by: [user]\n  window: {window}\n  measures: {measures}\n  condition: {condition}\n"
    )
}

const SLIDING: &str = "{ sliding: 10m }";

/// The correlations of a spec with an aggregate.
fn correlations(text: &str) -> Vec<Yaml> {
    documents(text).into_iter().map(|document| document["correlation"].clone()).filter(|c| !c.is_null()).collect()
}

fn condition_of(window: &str, measures: &str, condition: &str) -> (String, Yaml) {
    let found = correlations(&built(&aggregate(window, measures, condition)));
    assert_eq!(found.len(), 1, "{found:?}");
    (found[0]["type"].as_str().unwrap_or_default().to_owned(), found[0]["condition"].clone())
}

fn codes(spec: &str) -> (Vec<&'static str>, Vec<&'static str>) {
    let fidelity = build(spec).unwrap_or_else(|refused| panic!("{refused:?}")).fidelity;
    let codes = |list: &[crate::target::Deviation]| list.iter().map(|deviation| deviation.code.0).collect();
    (codes(&fidelity.approximations), codes(&fidelity.assumptions))
}

const WHOLE_RULE: &str = r#"title: Whoami Execution - Renamed
id: 7d1c8a52-2f0c-4d1d-9d5e-1c2f3a4b5c6d
name: whoami_renamed
related:
    - id: 0b1d4d0e-6a7c-4f55-9a57-5f2c3b0c8a11
      type: similar
taxonomy: sigma
status: experimental
description: |
    Detects a renamed "whoami".
    The second line: it has a colon.
license: MIT
references:
    - https://example.org/a#b
author: A. Person, B (@b)
date: 2026-01-05
modified: 2026-01-06
tags:
    - attack.discovery
    - attack.t1033
logsource:
    category: process_creation
    product: windows
    definition: 'Requirements: command lines are logged'
detection:
    selection_img:
        - Image|endswith: '\whoami.exe'
        - OriginalFileName: 'whoami.exe'
    selection_cli:
        CommandLine|contains|all:
            - '/priv'
            - "it's"
        EventID: 4688
        Hashes|contains: 'MD5='
    filter_main_null:
        ParentImage: null
    keywords:
        - 'whoami'
        - '100'
    condition: all of selection_* and not 1 of filter_main_* and not (keywords or filter_main_null)
fields:
    - CommandLine
    - User.Name
falsepositives:
    - Unknown
level: high
scope:
    - server
regression_tests_path: regression/whoami.yml
simulation:
    - type: atomic
      nested:
          'on': true
          'yes': 'no'
          count: 10
          empty: {}
"#;

#[test]
fn a_rule_in_the_usual_form_comes_out_unchanged() {
    assert_eq!(built(WHOLE_RULE), WHOLE_RULE);
}

#[test]
fn output_is_a_fixed_point_of_the_compiler() {
    let spec = "level: low\ndetection:\n  condition: 1 of a-* or (b)\n  a-1: {x|contains: [a], y: [1, 'two']}\n  a-2: ['k']\n  b: {'|all': [a, b]}\nlogsource: {service: s}\ntitle: 'a: b'\n";
    let first = built(spec);
    assert_eq!(built(&first), first);
}

#[test]
fn selection_names_and_patterns_become_portable_together() {
    let found = detection_of("  sel-a: { a: 1 }\n  sel-b: { b: 1 }\n  notepad: { c: 1 }\n  condition: 1 of sel-* and not notepad\n");
    assert_eq!(found, yaml("{ sel_a: { a: 1 }, sel_b: { b: 1 }, is_notepad: { c: 1 }, condition: 1 of sel_* and not is_notepad }"));
    let found = detection_of("  a1: { a: 1 }\n  a2: { b: 1 }\n  a3: { c: 1 }\n  condition: 2 of a*\n");
    assert_eq!(found["condition"], yaml("(a1 and a2) or (a1 and a3) or (a2 and a3)"));
}

#[test]
fn null_in_a_list_becomes_a_map_of_its_own() {
    let found = detection_of("  sel: { a: x, b: [null, y, z] }\n  condition: sel\n");
    assert_eq!(found["sel"], yaml("[{ a: x, b: null }, { a: x, b: [y, z] }]"));
    let found = detection_of("  sel: [{ a: [null, x] }, { b: 1 }]\n  condition: sel\n");
    assert_eq!(found["sel"], yaml("[{ a: null }, { a: x }, { b: 1 }]"));
    assert_eq!(
        refused(&rule("  sel: { b|neq: [null, y] }\n  condition: sel\n")),
        ["E0401: Sigma cannot express `null` in the list of `b`"]
    );
}

#[test]
fn modifiers_are_spelled_and_lists_filled_in() {
    let spec = "title: T\nlogsource: { product: linux }\nlists: { tools: [nc, 'a\\b'], one: [x] }\ndetection:\n  sel:\n    a|contains|expand: '%tools%'\n    b|expand: '%one%'\n    c|utf16le|base64offset|contains: foo\n    d|re|i|m: '^x'\n    e|contains|all: [x]\n  condition: sel\n";
    let expected = "{ a|contains: [nc, 'a\\b'], b: x, c|wide|base64offset|contains: foo, d|re|i|m: '^x', e|contains: x }";
    assert_eq!(documents(&built(spec))[0]["detection"]["sel"], yaml(expected));
}

#[test]
fn fields_stand_under_the_names_of_the_product() {
    let spec = "title: T\nlogsource: { product: confluence, service: audit }\ndetection:\n  sel: { user: bob, auditType.action: x }\n  condition: sel\nfields: [action_key]\n";
    let found = &documents(&built(spec))[0];
    assert_eq!(found["detection"]["sel"], yaml("{ author.name: bob, auditType.action: x }"));
    assert_eq!(found["fields"], yaml("[auditType.actionI18nKey]"));
    let twice = "title: T\nlogsource: { product: confluence, service: audit }\ndetection:\n  sel: { action: y, auditType.action: x }\n  condition: sel\n";
    assert_eq!(refused(twice), ["E0401: Sigma cannot express two items of one selection with the key `auditType.action`"]);
}

#[test]
fn an_element_chosen_by_a_key_keeps_our_name() {
    let mut detection = lower(&rule("  sel: { query: x }\n  condition: sel\n"), false);
    let crate::detection::SelectionBody::Items(items) = &mut detection.selections[0].body else { panic!() };
    let field = items[0].field.as_mut().map(Arc::make_mut).expect("a field");
    field.event = crate::logsource::EventPath::parse("extra[name=Query].value").expect("a path");
    let artefact = compile(&detection, Target::Sigma, templates().of(Target::Sigma), &Options::default()).expect("built");
    assert_eq!(documents(&artefact.text)[0]["detection"]["sel"], yaml("{ query: x }"));
    let assumed: Vec<&str> = artefact.fidelity.assumptions.iter().map(|assumed| assumed.message.as_str()).collect();
    assert_eq!(assumed, ["the field `query` is mapped to `extra[name=Query].value` by a processing pipeline"]);
}

#[test]
fn exclusions_of_a_site_are_a_selection_with_the_reason_above_it() {
    let spec = rule("  sel: { a: 1 }\n  other: { b: 1 }\n  condition: sel or other\n");
    let text = compile(&lower(&spec, true), Target::Sigma, templates().of(Target::Sigma), &Options::default()).expect("built").text;
    let expected = "    # Excluded at this site: Backup job ids: [x]\n    site_exclusion_1:\n        user: 'svc-backup'\n    condition: (sel or other) and not site_exclusion_1\n";
    assert!(text.ends_with(expected), "{text}");
    let spec = rule("  sel: { a: 1 }\n  other: { b: 1 }\n  condition: 1 of them\n");
    let text = compile(&lower(&spec, true), Target::Sigma, templates().of(Target::Sigma), &Options::default()).expect("built").text;
    assert!(text.ends_with("condition: (sel or other) and not site_exclusion_1\n"), "a pattern does not take it in: {text}");
}

#[test]
fn texts_cannot_leave_their_place() {
    for evil in [
        "a\nlevel: critical",
        "a\r\nb: c",
        "a # b",
        "'\"\\",
        "- x",
        "{a: b}",
        "&a",
        "*b",
        "!!python/object:x",
        "a\u{202e}b",
        "a\u{2028}b: c",
        "a\u{7}b",
        "--- x",
        "\n---\n",
        "%x",
        " a ",
        "a\u{fffe}b",
        "\u{feff}a",
    ] {
        let quoted = serde_json::to_string(evil).expect("a text").replace('\u{fffe}', "\\ufffe");
        let spec = format!(
            "title: {quoted}\nid: {ID}\ndescription: {quoted}\nauthor: {quoted}\nfalsepositives: [{quoted}]\nx-custom: {{ {quoted}: {quoted} }}\nlogsource: {{ product: linux, definition: {quoted} }}\ndetection:\n  sel: {{ a: {quoted}, b: [{quoted}, c] }}\n  condition: sel\n"
        );
        let text = compile(&lower(&spec, true), Target::Sigma, templates().of(Target::Sigma), &Options::default()).expect("built").text;
        let found = documents(&text);
        assert_eq!(found.len(), 1, "{text}");
        let expected = Yaml::String(evil.to_owned());
        let places = [&found[0]["title"], &found[0]["description"], &found[0]["author"], &found[0]["falsepositives"][0]];
        let deep = [&found[0]["x-custom"][&expected], &found[0]["logsource"]["definition"], &found[0]["detection"]["sel"]["a"]];
        for place in places.into_iter().chain(deep).chain([&found[0]["detection"]["sel"]["b"][0]]) {
            assert_eq!(*place, expected, "{text}");
        }
        assert_eq!(found[0]["level"], Yaml::Null);
    }
}

#[test]
fn assumptions_name_what_the_specification_leaves_open() {
    let spec = rule("  sel: { a|re: '\\d+$', b|re: '[0-9]+', c: null, d|neq: 1, e|hour: 3, f: Ä }\n  kw: [text]\n  condition: sel or kw\n");
    assert_eq!(codes(&spec), (vec![], vec!["S008", "S013", "S013", "S015", "S018", "S019", "S020", "S021"]));
    assert_eq!(codes(&rule("  sel: { a|fieldref|neq: b }\n  condition: sel\n")), (vec![], vec!["S013", "S013", "S014"]));
    assert_eq!(codes(&rule("  sel: { a|contains|windash: ' -x' }\n  condition: sel\n")), (vec![], vec![]));
}

#[test]
fn neq_holds_of_a_missing_field_in_every_reading() {
    let found = detection_of("  sel: { a: 1, b|neq: x, b|contains|neq: y }\n  condition: sel\n");
    assert_eq!(found["sel"], yaml("[{ a: 1, b|neq: x, b|contains|neq: y }, { a: 1, b: null }]"));
    let found = detection_of("  sel: { a|neq: x, a: '*' }\n  other: { a|neq: null }\n  condition: sel or other\n");
    assert_eq!(found["sel"], yaml("{ a|neq: x, a: '*' }"), "there is another item for the field");
    assert_eq!(found["other"], yaml("{ a|neq: null }"));
    let found = detection_of("  sel: { f|contains: [x, y], f|contains|all: [z] }\n  condition: sel\n");
    assert_eq!(found["sel"], yaml("{ f|contains: [x, y], f|contains|all: z }"));
    let found = detection_of("  sel: { a: [null, y], a|neq: x }\n  condition: sel\n");
    assert_eq!(found["sel"], yaml("[{ a: null }, { a: y, a|neq: x }]"));
    let spec = "title: T\nlogsource: { product: confluence, service: audit }\ndetection:\n  sel: { user|neq: x }\n  condition: sel\n";
    assert_eq!(documents(&built(spec))[0]["detection"]["sel"], yaml("{ author.name|neq: x }"), "the field is always there");
    let text = built(&rule("  sel: { a|neq: x, b|neq: y }\n  condition: sel\n"));
    assert_eq!(built(&text), text, "a fixed point: {text}");
}

#[test]
fn comparisons_of_parts_of_moments_become_lists() {
    let found = detection_of("  sel: { t|hour|lt: 3, u|month|gte: 12, v|gte|day|neq: 2 }\n  condition: sel\n");
    let days: Vec<String> = (2..=31).map(|day: i32| day.to_string()).collect();
    assert_eq!(found["sel"][0], yaml(&format!("{{ t|hour: [0, 1, 2], u|month: 12, v|day|neq: [{}] }}", days.join(", "))));
    let found = refused(&rule("  sel: { t|year|lt: 2020 }\n  condition: sel\n"));
    assert_eq!(found, ["E0401: Sigma cannot express this comparison of a part of the moment in `t`"]);
}

const CORRELATION: &str = r#"title: Many Things - Failures (Base Rule)
id: 4f8a2a0f-0000-0000-0000-000000000000
name: many_things_failures
related:
    - id: 7d1c8a52-2f0c-4d1d-9d5e-1c2f3a4b5c6d
      type: derived
description: Events that the correlation "Many Things" counts; not an alert by itself.
logsource:
    product: linux
    service: vpn
detection:
    failed:
        result: 'failure'
    condition: failed
level: informational
---
title: Many Things
id: 7d1c8a52-2f0c-4d1d-9d5e-1c2f3a4b5c6d
correlation:
    type: event_count
    rules:
        - 4f8a2a0f-0000-0000-0000-000000000000
    group-by:
        - user
    timespan: 10m
    condition:
        gt: 5
level: high
"#;

#[test]
fn an_aggregate_is_a_base_rule_and_a_correlation() {
    let id = uuid::Uuid::new_v5(&uuid::Uuid::parse_str(ID).expect("a UUID"), b"base:failures").to_string();
    let text = built(&aggregate(SLIDING, "{ failures: count(failed) }", "failures > 5"));
    assert_eq!(text, CORRELATION.replace("4f8a2a0f-0000-0000-0000-000000000000", &id));
}

#[test]
fn or_becomes_several_correlations_that_share_base_rules() {
    let measures = "{ total: count(), kinds: distinct(action), exports: count(export), users: distinct(user) }";
    let text = built(&aggregate(SLIDING, measures, "total > 40 or exports > 0 or kinds >= 3 or total >= 100"));
    let found = documents(&text);
    let titles: Vec<&str> = found.iter().filter_map(|document| document["title"].as_str()).collect();
    let expected = [
        "Many Things - Total (Base Rule)",
        "Many Things - Exports (Base Rule)",
        "Many Things - Kinds (Base Rule)",
        "Many Things - Total",
        "Many Things - Exports",
        "Many Things - Kinds",
    ];
    assert_eq!(titles, expected);
    let mut ids: Vec<&str> = found.iter().filter_map(|document| document["id"].as_str()).collect();
    assert!(!ids.contains(&ID));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6);
    assert_eq!(found[0]["detection"], yaml("{ event: { timestamp: null }, condition: event or not event }"), "every event");
    assert_eq!(found[3]["correlation"]["condition"], yaml("{ gt: 40 }"));
    assert_eq!(found[5]["correlation"]["condition"], yaml("{ field: action, gte: 3 }"));
    assert_eq!(found[2]["detection"]["condition"], yaml("not filter_action_missing"));
}

#[test]
fn several_kinds_of_events_are_a_temporal_correlation() {
    let measures = "{ failures: count(failed), exports: count(export), total: count() }";
    let (kind, condition) = condition_of(SLIDING, measures, "failures > 0 and exports >= 1 and total > 0");
    assert_eq!((kind.as_str(), condition), ("temporal", yaml("{ gte: 3 }")));
    let (kind, condition) = condition_of("{ sliding: 10m, at: success }", "{ failures: count(failed) }", "failures > 0");
    assert_eq!((kind.as_str(), condition), ("temporal_ordered", yaml("{ gte: 2 }")));
    let (kind, condition) = condition_of("{ sliding: 10m, at: success }", "{ n: count(success) }", "n >= 3");
    assert_eq!((kind.as_str(), condition), ("event_count", yaml("{ gte: 3 }")));
}

#[test]
fn thresholds_are_whole_numbers_with_gt_or_gte() {
    let event_count = |condition: &str| condition_of(SLIDING, "{ n: count() }", condition).1;
    assert_eq!(event_count("n > 5.5"), yaml("{ gte: 6 }"));
    assert_eq!(event_count("5 < n"), yaml("{ gt: 5 }"));
    assert_eq!(event_count("not (n <= 5)"), yaml("{ gt: 5 }"));
    assert_eq!(event_count("n != 0"), yaml("{ gt: 0 }"));
    assert_eq!(event_count("n > 2 * 10 and n > 3"), yaml("{ gt: 20 }"));
    let (kind, condition) = condition_of(SLIDING, "{ n: sum(size) }", "n > 1000");
    assert_eq!((kind.as_str(), condition), ("value_sum", yaml("{ field: size, gt: 1000 }")));
    let (kind, condition) = condition_of(SLIDING, "{ n: avg(size) }", "n >= 10");
    assert_eq!((kind.as_str(), condition), ("value_avg", yaml("{ field: size, gte: 10 }")));
}

#[test]
fn what_a_correlation_cannot_say_is_refused() {
    let say = |measures: &str, condition: &str| refused(&aggregate(SLIDING, measures, condition)).join("; ");
    let counts = "{ n: count(), failures: count(failed) }";
    for (measures, condition, expected) in [
        (counts, "n == 5", "`n == 5`: engines test it at every event, not at the end of a window"),
        (counts, "n > 2 and n < 9", "`n < 9`"),
        (counts, "n > failures", "a comparison between columns"),
        (counts, "n / 2 > 5", "a computation"),
        (counts, "n > 40 and failures > 2", "`and` with the threshold on `n`"),
        ("{ n: min(size) }", "n > 5", "there is no correlation for `min`"),
        ("{ n: 'percentile(size, 95)' }", "n > 5", "the percentile `n`"),
        ("{ n: avg(size) }", "n > 0.5", "no whole number"),
        ("{ n: avg(size where failed) }", "n > 5", "the average `n` of some events"),
        ("{ n: count(size * 2 > 8) }", "n > 5", "this filter of a measure"),
        ("{ n: distinct(lower(action)) }", "n > 5", "`distinct` of a computed value"),
    ] {
        let found = say(measures, condition);
        assert!(found.contains(expected) && found.contains("E0401"), "{condition}: {found}");
    }
    assert!(refused(&aggregate("{ sliding: 10m, at: success }", counts, "failures > 5")).join(";").contains("judged only at some events"));
    let lower = aggregate(SLIDING, counts, "n > 5").replace("[user]", "['lower(user)']");
    assert_eq!(refused(&lower), ["E0401: Sigma cannot express the group key `lower(user)`"]);
}

#[test]
fn what_has_no_form_is_dropped_with_a_code() {
    let spec = aggregate("1h", "{ n: count(), kinds: distinct(action) }", "n > 5")
        + "  derive: { share: kinds / n }\n  label: { what: [{ otherwise: x }] }\n  sort: [-n]\nfields: [user]\n";
    let (approximations, assumptions) = codes(&spec);
    assert_eq!(approximations, ["S001", "S002", "S003", "S004", "S005", "S006"]);
    assert_eq!(assumptions, ["S007", "S010", "S011"]);
    let needed = aggregate(SLIDING, "{ n: count(), kinds: distinct(action) }", "share > 5") + "  derive: { share: kinds / n }\n";
    assert_eq!(refused(&needed), ["E0401: Sigma cannot express a threshold on the derived column `share`"]);
    assert_eq!(codes(&aggregate("lookback", "{ n: count() }", "n > 5")).0, ["S009"]);
}

#[test]
fn filters_of_measures_become_selections() {
    let filter = |filter: &str| {
        let text = built(&aggregate(SLIDING, &format!("{{ n: 'count({filter})' }}"), "n > 5"));
        documents(&text)[0]["detection"].clone()
    };
    assert_eq!(
        filter("failed and not export"),
        yaml("{ failed: { result: failure }, export: { action: export }, condition: failed and not export }")
    );
    assert_eq!(filter("size > 10"), yaml("{ size_4: { size|gt: 10 }, condition: size_4 }"));
    let text = filter("path != \"C:\\a*b?\"");
    assert_eq!(text, yaml("{ path_4: { path: 'C:\\\\a\\*b\\?' }, path_5: { path: null }, condition: not path_4 and not path_5 }"));
}
