//! Packages: their files for a small project, what is refused, and that nothing is half-written.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn project() -> PathBuf {
    common::root().join("tests/packages/project")
}

fn package(kind: &str, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
    command.args(["package", kind, "--out"]).arg(folder).args(arguments).current_dir(project()).output().expect("it runs")
}

/// All texts below a folder by their paths.
fn texts(folder: &Path) -> BTreeMap<String, String> {
    let files = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
    files
        .filter_map(|entry| {
            let path = entry.path().strip_prefix(folder).expect("below").to_string_lossy().into_owned();
            Some((path, fs::read_to_string(entry.path()).ok()?))
        })
        .collect()
}

/// Everything that is packaged, in one text; scripts are left out.
fn whole(folder: &Path) -> String {
    let texts = texts(folder);
    let shown = texts.iter().filter(|(path, _)| !path.ends_with(".py"));
    shown.map(|(path, text)| format!("=== {path}\n{text}\n")).collect()
}

fn made(kind: &str) -> String {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path().join("out");
    let done = package(kind, &folder, &["--site", "site.yml"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    whole(&folder)
}

#[test]
fn splunk() {
    insta::assert_snapshot!(made("splunk"));
}

#[test]
fn sentinel() {
    insta::assert_snapshot!(made("sentinel"));
}

#[test]
fn qradar() {
    insta::assert_snapshot!(made("qradar"));
}

#[test]
fn sigma() {
    insta::assert_snapshot!(made("sigma"));
}

/// What is printed about one spec, and that nothing is written.
fn refused(kind: &str, spec: &str) -> String {
    let scratch = tempfile::tempdir().expect("a folder");
    let (file, folder) = (scratch.path().join("rule.yml"), scratch.path().join("out"));
    fs::write(&file, spec).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
    let done = command.args(["package", kind, "rule.yml", "--out", "out"]).current_dir(scratch.path()).output().expect("it runs");
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stdout));
    assert!(!folder.exists(), "something is written");
    String::from_utf8(done.stderr).expect("text")
}

const RULE: &str =
    "title: A rule\nlogsource: { product: windows, category: process_creation }\ndetection: { a: { Image: x }, condition: a }\n";

#[test]
fn what_platforms_do_not_take_is_refused_with_its_place() {
    let long = RULE.replace("A rule", &"A rule ".repeat(20));
    let wide: String = (0..20_000).map(|number| format!("name{number}, ")).collect();
    let cases = [
        ("splunk: a long title", "splunk", long),
        ("splunk: a schedule that cron does not know", "splunk", format!("{RULE}schedule: {{ every: 7m }}\n")),
        ("splunk: an action that nobody has described", "splunk", format!("{RULE}alert: {{ actions: [jira] }}\n")),
        ("splunk: a token that names no column", "splunk", format!("{RULE}alert: {{ title: 'by {{Usr}}' }}\nfields: [Image]\n")),
        ("sentinel: a schedule of two minutes", "sentinel", format!("{RULE}schedule: {{ every: 2m }}\n")),
        (
            "sentinel: a look back of 30 days",
            "sentinel",
            format!("{RULE}aggregate: {{ window: 30d, measures: {{ n: count() }}, condition: n > 9 }}\n"),
        ),
        ("sentinel: an entity that is none", "sentinel", format!("{RULE}alert: {{ entities: {{ acount: {{ field: Computer }} }} }}\n")),
        (
            "sentinel: an identifier that is none",
            "sentinel",
            format!("{RULE}alert: {{ entities: {{ host: {{ field: Computer, identifier: Nam }} }} }}\n"),
        ),
        ("sentinel: a field that is no column", "sentinel", format!("{RULE}alert: {{ entities: {{ account: {{ field: User }} }} }}\n")),
        ("sentinel: a list of 20,000 values", "sentinel", RULE.replace("Image: x", &format!("Image: [{wide}]"))),
        ("sigma: a spec with an error", "sigma", RULE.replace("condition: a", "condition: b")),
    ];
    let found: String = cases.iter().map(|(name, kind, spec)| format!("=== {name}\n{}\n", refused(kind, spec))).collect();
    insta::assert_snapshot!(found);
}

#[test]
fn what_is_no_longer_part_of_a_package_is_removed_and_nothing_else() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path().join("out");
    let run = |arguments: &[&str]| assert!(package("sentinel", &folder, arguments).status.success());
    run(&["--site", "site.yml"]);
    fs::write(folder.join("notes.txt"), "mine").expect("written");
    let before = texts(&folder);
    run(&["--site", "site.yml"]);
    assert_eq!(before, texts(&folder), "a second run changes nothing");
    run(&["--site", "site.yml", "detections/shop/shutter.yml"]);
    let after: Vec<String> = texts(&folder).into_keys().collect();
    assert_eq!(after, ["analytics-rules.arm.json", "analytics-rules/shop/shutter.yaml", "notes.txt", "package.json"]);
}

#[test]
fn files_that_no_run_has_written_are_not_touched() {
    let scratch = tempfile::tempdir().expect("a folder");
    fs::write(scratch.path().join("README.md"), "mine").expect("written");
    let done = package("qradar", scratch.path(), &["--site", "site.yml"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("README.md` was not written by `cognate package`"));
    assert_eq!(texts(scratch.path()).len(), 1, "nothing is written");
}

#[test]
fn a_package_among_the_specs_is_refused() {
    let scratch = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
        command.args(arguments).current_dir(scratch.path()).output().expect("it runs")
    };
    assert!(run(&["new", "detections/one.yml"]).status.success());
    let done = run(&["package", "sigma", "--out", "detections/dist"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("lies among the specs"));
}

#[test]
fn two_specs_with_one_id_are_refused() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path().join("detections");
    fs::create_dir(&folder).expect("a folder");
    let spec = RULE.replace("title: A rule", "title: A rule\nid: 0c3c1f0e-8a53-4f5e-9f0a-6a4f2f7a0d11");
    for name in ["one.yml", "two.yml"] {
        fs::write(folder.join(name), &spec).expect("written");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
    let done = command.args(["package", "sentinel", "--out", "dist"]).current_dir(scratch.path()).output().expect("it runs");
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("E0107"));
    assert!(!scratch.path().join("dist").exists());
}

#[test]
fn a_title_of_several_lines_is_one_line() {
    let scratch = tempfile::tempdir().expect("a folder");
    let (file, folder) = (scratch.path().join("rule.yml"), scratch.path().join("out"));
    fs::write(&file, RULE.replace("title: A rule", "title: \"A\\nrule\\t]\"")).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
    let done = command.args(["package", "splunk", "rule.yml", "--out", "out"]).current_dir(scratch.path()).output().expect("it runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(whole(&folder).contains("[Detections - A rule ] - Rule]"), "{}", whole(&folder));
}

#[test]
fn a_folder_with_another_list_is_not_touched() {
    let scratch = tempfile::tempdir().expect("a folder");
    fs::write(scratch.path().join("package.json"), "{ \"dependencies\": {} }").expect("written");
    let done = package("sigma", scratch.path(), &["--site", "site.yml"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("is no list of a package: name another folder"));
    assert_eq!(texts(scratch.path()).len(), 1);
}
