//! `cognate import`: what it makes builds, and builds what `convert` makes of the originals. Over a few rules, and over public
//! ones, which are not part of this repository (see `tests/regression.rs`): without them the test says that it was skipped.

mod common;

use common::root;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGETS: [&str; 4] = ["aql", "spl", "kql", "sigma"];

fn cognate(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
    let output = command.current_dir(folder).args(arguments).stdin(Stdio::null()).output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code(), text)
}

#[track_caller]
fn good(folder: &Path, arguments: &[&str]) -> String {
    let (code, text) = cognate(folder, arguments);
    assert_eq!(code, Some(0), "{arguments:?}\n{text}");
    text
}

fn texts(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
    let name = |path: &Path| path.strip_prefix(folder).expect("below").to_string_lossy().replace('\\', "/");
    entries.map(|entry| (name(entry.path()), fs::read(entry.path()).expect("readable"))).collect()
}

/// Imports the rules of a folder, and compares what is built of the project with what is made of the originals. The number of
/// queries.
fn compare(rules: &Path, scratch: &Path) -> usize {
    let rules_path = rules.to_string_lossy().into_owned();
    let (code, said) = cognate(scratch, &["import", &rules_path, "--out", "project"]);
    assert!(matches!(code, Some(0 | 1)), "{said}");
    let project = scratch.join("project");
    good(&project, &["build"]);
    for target in TARGETS {
        cognate(scratch, &["convert", "-q", "-t", target, &rules_path, "--out", &format!("converted/{target}")]);
    }
    let (mut built, converted) = (texts(&project.join("out")), texts(&scratch.join("converted")));
    built.remove("manifest.json");
    let aside: Vec<String> = texts(&project.join("set-aside")).into_keys().collect();
    // convert does not mind two rules with one id
    let is_aside = |name: &str| aside.iter().any(|file| name.contains(file.trim_end_matches(".yml")));
    let of_good: BTreeMap<&String, &Vec<u8>> = converted.iter().filter(|(name, _)| !is_aside(name)).collect();
    assert_eq!(built.keys().collect::<Vec<_>>(), of_good.keys().copied().collect::<Vec<_>>());
    for (name, text) in &built {
        assert_eq!(String::from_utf8_lossy(text), String::from_utf8_lossy(of_good[name]), "{name}");
    }
    keeps_texts(rules, &project);
    built.len()
}

/// Every rule is in the project, and nothing of its text is missing: it is what stands there without the added lines.
fn keeps_texts(rules: &Path, project: &Path) {
    let (detections, aside) = (texts(&project.join("detections")), texts(&project.join("set-aside")));
    for (name, original) in texts(rules) {
        if name.ends_with(".md") || name == "workflow.yml" {
            assert!(!detections.contains_key(&name), "{name} is no rule");
            continue;
        }
        let imported = detections.get(&name).or_else(|| aside.get(&name)).unwrap_or_else(|| panic!("{name} is lost"));
        let original = String::from_utf8(original).expect("UTF-8");
        let mut rest = std::str::from_utf8(imported).expect("UTF-8").lines();
        assert!(original.lines().all(|line| rest.any(|other| other == line)), "{name} has changed");
    }
}

#[test]
fn a_project_builds_what_convert_makes_of_the_originals() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    assert_eq!(compare(&root().join("tests/cmd/import.in/rules"), scratch.path()), 17);
}

#[test]
fn so_it_is_with_public_rules() {
    let folder = std::env::var_os("COGNATE_PUBLIC_DATA").map_or_else(|| root().join("../shared"), PathBuf::from);
    let rules = folder.join("corpus/sigma");
    if !rules.is_dir() {
        eprintln!("SKIPPED: no public rules here (set COGNATE_PUBLIC_DATA)");
        return;
    }
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let count = compare(&rules, scratch.path());
    assert!(count > 8_000, "only {count} queries");
    println!("{count} queries of the imported project: all as of the originals");
}

#[test]
fn what_was_missing_can_be_filled_in() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let rules = root().join("tests/cmd/import.in/rules");
    cognate(scratch.path(), &["import", &rules.to_string_lossy(), "--out", "project"]);
    let project = scratch.path().join("project");
    let list = project.join("lists/controllers.txt");
    fs::write(&list, fs::read_to_string(&list).expect("it was begun") + "dc-1\n").expect("a list");
    fs::rename(project.join("set-aside/host/placeholder.yml"), project.join("detections/host/placeholder.yml")).expect("it was set aside");
    let log_source = project.join("logsources/shop_orders.yml");
    let text = fs::read_to_string(&log_source).expect("it was begun");
    let line = text.lines().find(|line| line.starts_with("kql: { skip")).expect("it is skipped");
    let text = text.replace(line, "kql: { table: Orders_CL }\nother-fields: { kql: '{name}' }");
    fs::write(&log_source, text.replacen("other-fields: {}\n", "", 1)).expect("a log source");
    let said = good(&project, &["build"]);
    assert!(project.join("out/kql/host/placeholder.kql").is_file() && project.join("out/kql/web/shop/cheap_order.kql").is_file(), "{said}");
    assert!(!project.join("out/spl/web/shop/cheap_order.spl").exists(), "{said}");
}

#[test]
fn an_import_that_fails_leaves_nothing() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    for folder in ["a", "b"] {
        fs::create_dir_all(scratch.path().join(folder)).expect("a folder");
        fs::write(scratch.path().join(folder).join("one.yml"), "title: T\nlogsource: {}\n").expect("a file");
    }
    let (code, text) = cognate(scratch.path(), &["import", "a", "b", "--out", "new/project"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("`a/one.yml` and `b/one.yml` would both become `detections/one.yml`"), "{text}");
    assert_eq!(texts(scratch.path()).into_keys().collect::<Vec<_>>(), ["a/one.yml", "b/one.yml"]);
    // a path that goes up and down again is no way out of the project
    let (_, text) = cognate(&scratch.path().join("a"), &["import", "../b/../a/../b", "--out", "../project"]);
    assert!(scratch.path().join("project/set-aside/one.yml").is_file(), "{text}");
}
