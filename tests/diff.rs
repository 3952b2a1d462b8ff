//! `cognate diff`: scratch repositories with one change each; what it says in Markdown and JSON is in snapshots.

mod common;

use serde_json::Value as Json;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

const RULE: &str = "\
title: Bulk activity
id: 4f0f8f2e-6f0b-4d55-9a6e-1c8b8c6f6a10
description: Much of it.
modified: 2026-01-01
level: high
tags: [attack.collection]
logsource: { product: confluence, service: audit }
parameters: { most: 2 }
lists:
  terms: { file: lists/terms.txt }
detection:
  search: { action_key: search }
  term: { search_query|contains|expand: '%terms%' }
  export: { action: [Space export, Page export] }
aggregate:
  group-by: [user]
  window: 1h
  measures:
    total: count()
    searches: count(search and term)
    exports: count(export)
  condition: total > most or searches > 0
  label:
    kind:
      - { when: total > 3, then: many }
      - { otherwise: few }
schedule: { every: 1h }
alert:
  title: 'Bulk activity by {user}'
  throttle: { for: 4h, by: [user] }
targets:
  aql: { accept: [A002] }
  sigma: { accept: [S001, S002, S003, S004, S005] }
tests:
  - name: Three actions
    events: [ { at: 0s, every: 15m, repeat: 3, event: { user: mallory, action: Login } } ]
    expect: { alerts: 1 }
  - name: A search for a term
    events: [ { event: { user: mallory, action_key: search, search_query: my password } } ]
    expect: { alerts: 1 }
  - name: Two actions
    events: [ { at: 0s, every: 15m, repeat: 2, event: { user: alice, action: Login } } ]
    expect: { alerts: 0 }
";

const PLAIN: &str = "\
title: Somebody logs in
id: 0b0f36ab-230b-54dd-8206-87a8d60dbc37
level: low
logsource: { product: app, service: login }
detection:
  login: { action: [login, logon], user|startswith: adm }
  service: { user: adm-backup }
  condition: login and not service
fields: [user, action]
tests:
  - name: A login
    events: [ { event: { user: admin, action: login } } ]
    expect: { alerts: 1 }
  - name: A logout
    events: [ { event: { user: admin, action: logout } } ]
    expect: { alerts: 0 }
";

const LOG_SOURCE: &str = "\
product: app
service: login
title: Logins
description: Logins of an application.
time: timestamp
time-format: iso8601
aql: { type-name: App }
spl: { index: [app], sourcetype: app:login }
kql: { table: AppLogin_CL, time: TimeGenerated }
fields:
  timestamp: { type: timestamp, description: When, event: time, aql: starttime, spl: _time, kql: TimeGenerated }
  user: { type: text, description: Who, event: user.name, aql: username, spl: user, kql: UserName }
  action: { type: text, description: What, event: action, aql: App Action, spl: action, kql: Action }
";

struct Project {
    folder: TempDir,
}

impl Project {
    /// A repository with one commit, which holds both rules.
    fn new() -> Project {
        Project::of(&[
            ("detections/bulk.yml", RULE),
            ("detections/login.yml", PLAIN),
            ("logsources/app_login.yml", LOG_SOURCE),
            ("lists/terms.txt", "password\ntoken\nvpn\n"),
        ])
    }

    fn of(files: &[(&str, &str)]) -> Project {
        let project = Project { folder: tempfile::tempdir().expect("a folder") };
        project.git(&["init", "-q", "."]);
        files.iter().for_each(|(path, text)| project.write(path, text));
        project.commit();
        project
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Somebody").env(format!("GIT_{who}_EMAIL"), "somebody@example.org");
            command.env(format!("GIT_{who}_DATE"), "2026-01-05T00:00:00Z");
        }
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        let output = command.current_dir(self.path()).args(["-c", "commit.gpgsign=false"]).args(arguments).output().expect("git");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "A state"]);
    }

    fn write(&self, path: &str, text: &str) {
        let place = self.path().join(path);
        fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        fs::write(place, text).expect("a file");
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.path().join(path)).expect("it was there");
    }

    /// Replaces a text that stands in a file.
    #[track_caller]
    fn edit(&self, path: &str, edits: &[(&str, &str)]) {
        let mut text = fs::read_to_string(self.path().join(path)).expect("a file");
        for (old, new) in edits {
            assert!(text.contains(old), "{old} is not in {path}");
            text = text.replace(old, new);
        }
        self.write(path, &text);
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cognate")).current_dir(self.path()).arg("diff").args(arguments).output().expect("it runs")
    }

    /// What it prints; it must end so.
    #[track_caller]
    fn printed(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert_eq!(error, "");
        without_commit(&String::from_utf8(output.stdout).expect("text"))
    }

    #[track_caller]
    fn markdown(&self) -> String {
        self.printed(&["--format", "markdown"], 0)
    }

    #[track_caller]
    fn json(&self) -> Json {
        serde_json::from_str(&self.printed(&["--format", "json"], 0)).expect("JSON")
    }

    /// Everything that is said of the specs, one sentence a line.
    #[track_caller]
    fn sentences(&self) -> String {
        said(&self.json())
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
        String::from_utf8(output.stderr).expect("text")
    }
}

/// The same whatever the commit is called.
fn without_commit(text: &str) -> String {
    let is_name =
        |word: &str| matches!(word.len(), 10 | 40) && word.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase());
    let mut found: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| is_name(word)).collect();
    found.retain(|word| word.bytes().any(|byte| byte.is_ascii_digit()));
    found.sort_by_key(|word| std::cmp::Reverse(word.len()));
    found.iter().fold(text.to_owned(), |text, word| text.replace(word, "<commit>"))
}

fn said(report: &Json) -> String {
    let mut lines = Vec::new();
    let texts = |value: &Json| value.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>();
    for spec in report["specs"].as_array().expect("specs") {
        let moved = spec["moved-from"].as_str().map(|from| format!(" from {from}")).unwrap_or_default();
        lines.push(format!("{}: {}{moved}, {}", spec["path"].as_str().expect("text"), spec["state"], spec["importance"]));
        for key in ["errors", "warnings", "notes"] {
            lines.extend(texts(&spec[key]).into_iter().map(|text| format!("  {key}: {text}")));
        }
        lines.extend(
            spec["changes"].as_array().expect("changes").iter().map(|change| format!("  {}", change["sentence"].as_str().expect("text"))),
        );
        for test in spec["alerts"].as_array().expect("alerts") {
            let count = |key: &str| test[key].as_array().map_or(0, Vec::len);
            let counts = (count("appeared"), count("disappeared"), count("changed"));
            lines.push(format!(
                "  test {} ({}): {} appear, {} disappear, {} change",
                test["test"], test["events"], counts.0, counts.1, counts.2
            ));
        }
        for target in spec["targets"].as_array().expect("targets") {
            lines.extend(texts(&target["sentences"]).into_iter().map(|text| format!("  {text}")));
        }
    }
    lines.join("\n")
}

#[test]
fn nothing_has_changed() {
    let project = Project::new();
    assert_eq!(project.printed(&[], 0), "compared with HEAD (<commit>): no changes: 2 specs compared\n");
    let markdown = "<!-- cognate-diff -->\n**Cognate**, compared with `HEAD` (`<commit>`): no changes: 2 specs compared\n";
    assert_eq!(project.markdown(), markdown);
    assert_eq!(project.json()["specs"], Json::Array(Vec::new()));
}

#[test]
fn a_threshold() {
    let project = Project::new();
    project.edit("detections/bulk.yml", &[("most: 2", "most: 3"), ("total > 3", "total > 4")]);
    insta::assert_snapshot!("threshold_markdown", project.markdown());
    insta::assert_snapshot!("threshold_json", format!("{:#}", project.json()));
    insta::assert_snapshot!("threshold_text", project.printed(&[], 0));
}

#[test]
fn a_modified_date_is_no_warning() {
    let project = Project::new();
    project.edit("detections/bulk.yml", &[("most: 2", "most: 3"), ("2026-01-01", "2026-01-05")]);
    let report = project.json();
    assert_eq!(report["specs"][0]["warnings"], Json::Array(Vec::new()));
    assert!(said(&report).contains("key modified 2026-01-01 → 2026-01-05"));
}

#[test]
fn a_list_file_is_not_the_specs_own_meaning() {
    let project = Project::new();
    project.write("lists/terms.txt", "password\nsecret\n`vault`\ntoken\n");
    insta::assert_snapshot!("list", project.sentences());
}

#[test]
fn the_parts_of_an_aggregate() {
    let project = Project::new();
    project.edit(
        "detections/bulk.yml",
        &[
            ("window: 1h", "window: 30m"),
            ("group-by: [user]", "group-by: [user, source_ip]"),
            ("    total: count()\n", "    total: count()\n    addresses: distinct(source_ip)\n"),
            ("    searches: count(search and term)\n", "    searches: count(search)\n"),
            ("    exports: count(export)\n", ""),
            ("  label:\n", "  derive: { share: searches / total }\n  sort: [-total]\n  label:\n"),
            ("{ otherwise: few }", "{ otherwise: some }"),
        ],
    );
    insta::assert_snapshot!("aggregate", project.sentences());
}

#[test]
fn conditions_and_selections() {
    let project = Project::new();
    project.edit("detections/bulk.yml", &[("total > most or searches > 0", "total > most and searches > 0")]);
    project.edit(
        "detections/login.yml",
        &[
            ("[login, logon]", "[login, signin]"),
            ("service: { user: adm-backup }", "backup: { user|endswith: backup }"),
            ("login and not service", "login and not backup and human"),
            ("fields: [user, action]", "fields: [user]"),
            ("  condition", "  human: { user|contains: n }\n  condition"),
        ],
    );
    insta::assert_snapshot!("conditions", project.sentences());
}

#[test]
fn a_comparison_that_becomes_another() {
    let project = Project::new();
    project.edit("detections/bulk.yml", &[("total > most or", "total >= most or")]);
    insta::assert_snapshot!("comparison", project.sentences());
}

#[test]
fn texts_schedule_alert_tests_and_settings() {
    let project = Project::new();
    project.edit(
        "detections/bulk.yml",
        &[
            ("title: Bulk activity\n", "title: Mass activity\n"),
            ("description: Much of it.", "description: Very much of it.\nfalsepositives: [Backups]\nreferences: [https://example.org]\nstatus: test\nowner: blue"),
            ("level: high", "level: critical"),
            ("[attack.collection]", "[attack.exfiltration]"),
            ("schedule: { every: 1h }", "schedule: { every: 30m }"),
            ("by {user}'", "of {user}'\n  description: '{total} actions'\n  risk_score: 70\n  actions: [jira]\n  entities: { account: { field: user, identifier: Name } }"),
            ("for: 4h", "for: 8h"),
            ("name: Two actions", "name: Two actions are few"),
            ("repeat: 3, event", "repeat: 4, event"),
            ("targets:\n", "targets:\n  kql: { skip: not here }\n"),
        ],
    );
    insta::assert_snapshot!("texts", project.sentences());
}

#[test]
fn what_means_the_same_is_formatting() {
    let project = Project::new();
    project.edit("detections/login.yml", &[("[login, logon]", "[logon, login]")]);
    let report = project.json();
    assert_eq!(report["specs"][0]["meaning-changed"], Json::Bool(false));
    insta::assert_snapshot!("formatting", project.markdown());
}

#[test]
fn measures_in_another_order_are_formatting() {
    let project = Project::new();
    let (first, second) = ("    searches: count(search and term)\n", "    exports: count(export)\n");
    project.edit("detections/bulk.yml", &[(&format!("{first}{second}"), &format!("{second}{first}"))]);
    assert!(project.json()["specs"][0]["importance"] == "formatting", "{}", project.sentences());
}

#[test]
fn a_project_that_is_newer_than_the_revision() {
    let project = Project::of(&[("README.md", "Nothing yet.\n")]);
    project.write("content/detections/bulk.yml", RULE);
    project.write("content/lists/terms.txt", "password\n");
    let report: Json = serde_json::from_str(&project.printed(&["--format", "json", "content"], 0)).expect("JSON");
    assert_eq!((report["compared"].as_i64(), report["specs"][0]["state"].as_str()), (Some(1), Some("new")));
}

#[test]
fn in_a_hook() {
    let project = Project::of(&[("content/detections/login.yml", PLAIN), ("content/logsources/app_login.yml", LOG_SOURCE)]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
    command.current_dir(project.path().join("content")).arg("diff").env("GIT_DIR", ".git").env("GIT_INDEX_FILE", ".git/index");
    assert_eq!(command.output().expect("it runs").status.code(), Some(0));
}

#[test]
fn a_selection_has_another_name() {
    let project = Project::new();
    project.edit("detections/login.yml", &[("  service: {", "  backup: {"), ("not service", "not backup")]);
    insta::assert_snapshot!("renamed", project.sentences());
}

#[test]
fn a_field_stands_elsewhere_on_one_platform() {
    let project = Project::new();
    project.edit("logsources/app_login.yml", &[("kql: UserName", "kql: AccountName")]);
    insta::assert_snapshot!("mapping", project.markdown());
}

#[test]
fn a_field_is_read_from_elsewhere() {
    let project = Project::new();
    project.edit("logsources/app_login.yml", &[("event: user.name", "event: account.name"), ("index: [app]", "index: [applications]")]);
    insta::assert_snapshot!("log_source", project.sentences());
}

#[test]
fn a_site_file() {
    let project = Project::new();
    let site = "parameters: { most: 5 }\naql: { limit: 10 }\n";
    project.write("site.yml", site);
    project.commit();
    project.write(
        "site.yml",
        "parameters: { most: 1 }\naql: { limit: 20 }\nlog-sources:\n  app/login: { fields: { action: { spl: act } } }\n\
         specs:\n  Bulk activity:\n    exclude: [ { reason: The crawler, events: { user: crawler } } ]\n",
    );
    let report = project.printed(&["--site", "site.yml", "--format", "json"], 0);
    insta::assert_snapshot!("site", said(&serde_json::from_str(&report).expect("JSON")));
    // one that the revision does not have
    project.commit();
    let since = project.printed(&["--site", "site.yml", "--base", "HEAD~2", "--format", "json"], 0);
    let since: Json = serde_json::from_str(&since).expect("JSON");
    assert_eq!(since["notices"][0], "the site file site.yml is not in the revision: the base is built without it");
    // one that the repository does not know
    project.write("own.yml", site);
    let own: Json = serde_json::from_str(&project.printed(&["--site", "own.yml", "--format", "json"], 0)).expect("JSON");
    assert_eq!(own["notices"][0], "the site file own.yml is not kept in the repository: the present one serves both sides");
    assert_eq!(own["specs"], Json::Array(Vec::new()));
}

#[test]
fn a_site_file_with_errors_at_the_base() {
    let project = Project::new();
    project.write("site.yml", "unknown-key: 1\n");
    project.commit();
    project.write("site.yml", "parameters: { most: 5 }\n");
    let report: Json = serde_json::from_str(&project.printed(&["--site", "site.yml", "--format", "json"], 0)).expect("JSON");
    assert!(report["notices"][0].as_str().expect("text").ends_with("all specs are shown as if they were new"), "{}", report["notices"]);
    assert_eq!(report["specs"][0]["notes"][0], "it had errors at the base, and is shown as if it were new");
}

const CHAIN: &str = "\
title: A failed login
name: failed
id: 0b0f36ab-230b-54dd-8206-87a8d60dbc37
logsource: { product: app, service: login }
detection:
  failed: { action: failed }
  condition: failed
---
title: Many failed logins
id: 4f0f8f2e-6f0b-4d55-9a6e-1c8b8c6f6a10
correlation:
  type: event_count
  rules: [failed]
  group-by: [user]
  timespan: 5m
  condition: { gte: 3 }
";

#[test]
fn a_rule_that_only_says_what_a_correlation_counts() {
    let project = Project::of(&[("detections/many.yml", CHAIN), ("logsources/app_login.yml", LOG_SOURCE)]);
    project.edit("detections/many.yml", &[("action: failed", "action: [failed, denied]"), ("gte: 3", "gte: 4")]);
    insta::assert_snapshot!("correlation", project.sentences());
}

#[test]
fn a_log_source_with_errors() {
    let project = Project::new();
    project.edit("logsources/app_login.yml", &[("time-format: iso8601", "time-format: never")]);
    let report: Json = serde_json::from_str(&project.printed(&["--format", "json"], 1)).expect("JSON");
    let notice = "the log source file logsources/app_login.yml has errors: ``never` is no value of `time-format``";
    assert_eq!(report["notices"][0], notice);
    assert_eq!(report["specs"][0]["state"], "errors");
}

/// Every small change of a detection that `test --mutate` makes is a change of its meaning, and something says so.
#[test]
fn every_mutant_means_something_else() {
    use cognate::difference::change::Concern;
    let world = common::World::new();
    let (mut count, mut missed) = (0, Vec::new());
    for path in ["detections", "tests/mutants"].iter().flat_map(|folder| common::files(folder, "yml")) {
        let source = common::source(&path);
        let Some(detection) = world.understand(&source).0 else { continue };
        let old = cognate::detection::Detection { tests: Vec::new(), equivalent_mutants: Vec::new(), ..detection };
        for mutant in cognate::mutate::Mutants::new(&source, &old).all() {
            count += 1;
            let changes = cognate::difference::changes(&old, &mutant.detection);
            if !changes.iter().any(|change| change.kind.concern() == Concern::Meaning) {
                missed.push(format!("{}: {}", path.display(), mutant.sentence));
            }
        }
    }
    assert!(count > 500, "{count} mutants");
    assert_eq!(missed, Vec::<String>::new(), "{} of {count}", missed.len());
}

/// What no sentence is made for is said in general.
#[test]
fn any_other_meaning() {
    use cognate::detection::{Condition, Predicate, Subject};
    use cognate::logsource::LogSources;
    use cognate::source::Source;
    let source = Source::new("rule.yml", include_str!("../docs/example/confluence_bulk.yml"));
    let (old, _) = cognate::frontend::understand_spec(&source, &LogSources::built_in());
    let old = old.expect("it is right");
    assert_eq!(cognate::difference::changes(&old, &old), Vec::new());
    let mut new = old.clone();
    new.condition = Condition::all([new.condition, new.selections[0].condition.clone()]);
    let first_only = |predicate: &Predicate| {
        let subject = match &predicate.subject {
            Subject::Field(field) => {
                Subject::Field(std::sync::Arc::new(cognate::logsource::Field { first_only: true, ..(**field).clone() }))
            }
            Subject::Event => Subject::Event,
        };
        Condition::Match(Predicate { subject, ..predicate.clone() })
    };
    new.condition = new.condition.map(&mut { first_only });
    let said = cognate::difference::changes(&old, &new);
    assert_eq!(said.len(), 1);
    assert_eq!(cognate::difference::change::plain_text(&said[0].sentence()), "meaning changed");
}

#[test]
fn templates() {
    let project = Project::new();
    let envelope = include_str!("../templates/kql/artefact.j2");
    project.write("templates/kql/artefact.j2", envelope);
    project.commit();
    project.write("templates/kql/artefact.j2", &format!("// ours\n{envelope}"));
    let report = project.printed(&["--templates", "templates", "--format", "json"], 0);
    insta::assert_snapshot!("templates", said(&serde_json::from_str(&report).expect("JSON")));
}

#[test]
fn fidelity_and_refusals() {
    let project = Project::new();
    // a look-around is refused by KQL's and Splunk's engines or approximated
    project.edit("detections/login.yml", &[("service: { user: adm-backup }", "service: { user|re: '^(?=adm)adm-.*$' }")]);
    project.edit("detections/bulk.yml", &[("window: 1h", "window: { sliding: 1h }")]);
    insta::assert_snapshot!("fidelity", project.sentences());
}

#[test]
fn built_and_skipped() {
    let project = Project::new();
    project.edit("detections/login.yml", &[("fields:", "targets: { kql: { skip: no table } }\nfields:")]);
    insta::assert_snapshot!("skipped", project.sentences());
    project.commit();
    project.edit("detections/login.yml", &[("targets: { kql: { skip: no table } }\n", "")]);
    insta::assert_snapshot!("built_again", project.sentences());
}

#[test]
fn files_come_go_and_move() {
    let project = Project::new();
    project.write("detections/moved/login.yml", PLAIN);
    project.remove("detections/login.yml");
    insta::assert_snapshot!("moved", project.markdown());
    project.remove("detections/moved/login.yml");
    project.write("detections/second.yml", &PLAIN.replace("0b0f36ab-230b-54dd-8206-87a8d60dbc37", "3a78e831-ad59-5e1c-9c5c-188d489b114f"));
    insta::assert_snapshot!("new_and_removed", project.markdown());
    // a path that is only in the revision
    let gone: Json = serde_json::from_str(&project.printed(&["--format", "json", "detections/login.yml"], 0)).expect("JSON");
    assert_eq!((gone["compared"].as_i64(), gone["specs"][0]["state"].as_str()), (Some(1), Some("removed")));
}

#[test]
fn ids_that_move() {
    let project = Project::new();
    let (first, second) = ("4f0f8f2e-6f0b-4d55-9a6e-1c8b8c6f6a10", "0b0f36ab-230b-54dd-8206-87a8d60dbc37");
    project.edit("detections/bulk.yml", &[(first, "3a78e831-ad59-5e1c-9c5c-188d489b114f")]);
    project.edit("detections/login.yml", &[(second, first)]);
    insta::assert_snapshot!("ids", project.sentences());
}

#[test]
fn an_id_that_is_another_one() {
    let project = Project::new();
    project.edit("detections/login.yml", &[("0b0f36ab-230b-54dd-8206-87a8d60dbc37", "3a78e831-ad59-5e1c-9c5c-188d489b114f")]);
    insta::assert_snapshot!("other_id", project.sentences());
}

#[test]
fn errors() {
    let project = Project::new();
    project.edit("detections/bulk.yml", &[("group-by: [user]", "group-by: [usr]")]);
    project.edit("detections/login.yml", &[("level: low", "level: medium")]);
    insta::assert_snapshot!("errors_markdown", project.printed(&["--format", "markdown"], 1));
    let report: Json = serde_json::from_str(&project.printed(&["--format", "json"], 1)).expect("JSON");
    insta::assert_snapshot!("errors", said(&report));
    // mended since
    project.commit();
    project.edit("detections/bulk.yml", &[("group-by: [usr]", "group-by: [user]")]);
    insta::assert_snapshot!("errors_at_base", project.markdown());
}

#[test]
fn the_example_of_the_documentation() {
    let project = Project::of(&[("detections/confluence_bulk.yml", include_str!("../docs/example/confluence_bulk.yml"))]);
    let edits =
        [("total > 40 or exports > 5", "total > 60 or exports > 6"), ("Attachment downloaded]", "Attachment downloaded, Page exported]")];
    project.edit("detections/confluence_bulk.yml", &edits);
    let printed = project.markdown();
    let page = without_commit(include_str!("../docs/diff.md"));
    let (_, example) = page.split_once("````markdown\n").expect("an example");
    let (example, _) = example.split_once("\n````\n").expect("it ends");
    for part in example.split("\n…\n") {
        assert!(printed.contains(part.trim()), "{part}\nis not in\n{printed}");
    }
}

#[test]
fn a_revision_that_does_not_exist() {
    let project = Project::new();
    let text = "error: there is no revision `nowhere` in this repository: name a commit, a branch or a tag, and fetch it first\n";
    assert_eq!(project.refused(&["--base", "nowhere"]), text);
    assert!(project.refused(&["--base=--all"]).contains("there is no revision `--all`"));
}

#[test]
fn no_repository_no_project_no_git() {
    let project = Project::new();
    fs::remove_dir_all(project.path().join(".git")).expect("it was there");
    let error = project.refused(&[]);
    assert!(error.contains("is in no Git repository that can be read") && error.lines().count() == 1, "{error}");
    fs::remove_dir_all(project.path().join("detections")).expect("it was there");
    fs::remove_dir_all(project.path().join("logsources")).expect("it was there");
    assert!(project.refused(&[]).contains("there is no project here"));
    let project = Project::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
    let output = command.current_dir(project.path()).arg("diff").env("PATH", project.path()).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: there is no program `git` here, and `cognate diff` reads revisions with it\n"
    );
}

#[test]
fn paths_that_are_nowhere() {
    let project = Project::new();
    let error = project.refused(&["detections/nothing.yml"]);
    assert_eq!(error, "error: there is no file or folder `detections/nothing.yml`, neither here nor in HEAD\n");
    assert!(project.refused(&["detections", "/"]).contains("is not in the project"));
}

#[test]
fn the_repository_stays_as_it_is() {
    let project = Project::new();
    project.edit("detections/bulk.yml", &[("most: 2", "most: 3")]);
    let state = || {
        let mut found: Vec<_> = walkdir::WalkDir::new(project.path()).into_iter().map(|entry| entry.expect("an entry")).collect();
        found.sort_by_key(|entry| entry.path().to_owned());
        let of = |entry: &walkdir::DirEntry| (entry.path().to_owned(), entry.metadata().expect("known").modified().expect("known"));
        found.iter().map(of).collect::<Vec<_>>()
    };
    let before = state();
    project.markdown();
    assert_eq!(before, state());
}

#[test]
fn a_project_below_the_top_of_the_repository() {
    let project = Project::of(&[("content/detections/login.yml", PLAIN), ("content/logsources/app_login.yml", LOG_SOURCE)]);
    project.edit("content/detections/login.yml", &[("level: low", "level: high")]);
    let report: Json = serde_json::from_str(&project.printed(&["--format", "json", "content/detections"], 0)).expect("JSON");
    assert_eq!(said(&report).lines().next(), Some("detections/login.yml: \"changed\", \"operation\""));
}

#[cfg(unix)]
#[test]
fn links_lead_nowhere_out() {
    let project = Project::new();
    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("secret.txt"), "secret\n").expect("a file");
    project.remove("lists/terms.txt");
    std::os::unix::fs::symlink(outside.path().join("secret.txt"), project.path().join("lists/terms.txt")).expect("a link");
    project.commit();
    project.remove("lists/terms.txt");
    project.write("lists/terms.txt", "password\n");
    let report = project.json();
    assert_eq!(report["specs"][0]["notes"][0], "it had errors at the base, and is shown as if it were new");
    // one that leads to a file of the revision is that file
    project.write("lists/real.txt", "password\ntoken\n");
    project.remove("lists/terms.txt");
    std::os::unix::fs::symlink("real.txt", project.path().join("lists/terms.txt")).expect("a link");
    project.commit();
    assert_eq!(project.json()["specs"], Json::Array(Vec::new()));
}

#[test]
fn hostile_texts() {
    let project = Project::new();
    let hostile = "</details><script>alert(1)</script> @all #1 ``` | [x](https://example.org) \u{202e}gnp";
    let text = PLAIN
        .replace("title: Somebody logs in", &format!("title: '{hostile}'"))
        .replace("A logout", &format!("'{hostile}'"))
        .replace("adm-backup", &format!("'{hostile}'"))
        .replace("level: low", &format!("level: low\ndescription: |\n  ```\n  {hostile}\n\n  ~~~\n  <!-- -->"));
    project.write("detections/login.yml", &text);
    let markdown = project.markdown();
    insta::assert_snapshot!("hostile", markdown);
    assert_safe(&markdown);
}

/// Outside of code there is no HTML but ours, and no mention.
fn assert_safe(markdown: &str) {
    assert!(markdown.len() <= 65_000, "{} bytes", markdown.len());
    assert!(markdown.starts_with("<!-- cognate-diff -->\n"));
    let mut fence: Option<String> = None;
    for line in markdown.lines().skip(1) {
        if let Some(open) = &fence {
            if line.trim_end() == open {
                fence = None;
            }
            continue;
        }
        if line.starts_with("```") {
            fence = Some(line.chars().take_while(|c| *c == '`').collect());
            continue;
        }
        let bare = without_code(line);
        assert!(!bare.contains("<script") && !bare.contains('@'), "{line}");
        let ours = ["<details>", "</details>", "<summary>", "</summary>", "<code>", "</code>"];
        let left = ours.iter().fold(bare, |text, tag| text.replace(tag, ""));
        assert!(!left.contains('<'), "{line}");
    }
    assert_eq!(fence, None, "a fence is open at the end");
    assert_eq!(markdown.matches("\n<details>").count(), markdown.matches("\n</details>").count());
}

/// A line without its `<code>` elements and code spans.
fn without_code(line: &str) -> String {
    let mut line = line.to_owned();
    while let Some((before, after)) = line.split_once("<code>") {
        let (_, after) = after.split_once("</code>").expect("it ends");
        line = format!("{before}{after}");
    }
    let mut text = String::new();
    let mut rest = line.as_str();
    while let Some(start) = rest.find('`') {
        let run: String = rest[start..].chars().take_while(|c| *c == '`').collect();
        text += &rest[..start];
        let after = &rest[start + run.len()..];
        let is_whole = |at: &usize| !after[at + run.len()..].starts_with('`') && !after[..*at].ends_with('`');
        match after.match_indices(&run).map(|(at, _)| at).find(is_whole) {
            Some(end) => rest = &after[end + run.len()..],
            None => return text + rest,
        }
    }
    text + rest
}

#[test]
fn what_is_too_long_is_left_out_in_whole() {
    let project = Project::new();
    let values = |word: &str| (0..4_000).map(|number| format!("{word}-{number}-`@all`")).collect::<Vec<_>>().join("\n");
    project.write("lists/terms.txt", &format!("password\n{}", values("old")));
    project.commit();
    project.write("lists/terms.txt", &format!("password\n{}", values("new")));
    project.edit("detections/login.yml", &[("adm-backup", "adm-copy")]);
    assert!(project.printed(&[], 0).len() > 100_000);
    let markdown = project.markdown();
    assert_safe(&markdown);
    assert!(markdown.contains("4 diffs of queries are left out: the comment would be too long."), "{markdown}");
    // what has room is there
    assert!(markdown.contains("+++ kql/login.kql"));
}

#[test]
fn many_specs_are_left_out_from_the_end() {
    let rule = |number: usize, name: &str| {
        let id = format!("0b0f36ab-230b-54dd-8206-{number:012}");
        PLAIN.replace("0b0f36ab-230b-54dd-8206-87a8d60dbc37", &id).replace("[login, logon]", &format!("[login, {name}]"))
    };
    let project = Project::new();
    (0..150).for_each(|number| project.write(&format!("detections/many/{number}.yml"), &rule(number, "before")));
    project.commit();
    (0..150).for_each(|number| project.write(&format!("detections/many/{number}.yml"), &rule(number, "after")));
    let markdown = project.markdown();
    assert_safe(&markdown);
    assert!(markdown.contains(" more changed specs are not shown") || markdown.contains(" diffs of queries are left out"), "{markdown}");
}
