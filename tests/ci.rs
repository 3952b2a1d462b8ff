//! What continuous integration runs: the script does its work on a scratch project, and the files that use it can be read.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"];
    let done = Command::new("git").args(identity).args(arguments).current_dir(folder).output().expect("git runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn cognate(folder: &Path, arguments: &[&str]) {
    let done = Command::new(env!("CARGO_BIN_EXE_cognate")).args(arguments).current_dir(folder).output().expect("it runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The script's exit code and what it prints.
fn checks(folder: &Path) -> (i32, String) {
    let script = common::root().join("docs/ci/checks.sh");
    let mut command = Command::new("sh");
    let done = command.arg(script).args(["HEAD", "results"]).env("COGNATE", env!("CARGO_BIN_EXE_cognate")).current_dir(folder).output();
    let done = done.expect("the script runs");
    (done.status.code().expect("a code"), String::from_utf8_lossy(&done.stdout).into_owned())
}

#[test]
fn the_script_says_what_a_change_does() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path();
    cognate(folder, &["new", "detections/one.yml"]);
    cognate(folder, &["build"]);
    git(folder, &["init", "--quiet"]);
    git(folder, &["add", "."]);
    git(folder, &["commit", "--quiet", "--message", "first"]);
    let (code, text) = checks(folder);
    assert_eq!((code, text.matches(": fine").count()), (0, 4), "{text}");

    let spec = fs::read_to_string(folder.join("detections/one.yml")).expect("the spec");
    fs::write(folder.join("detections/one.yml"), spec.replace("threshold: 10 ", "threshold: 12 ")).expect("written");
    let (code, text) = checks(folder);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("test: failed (1)") && text.contains("build: failed (1)"), "{text}");
    let result = |name: &str| fs::read_to_string(folder.join("results").join(name)).expect("a result");
    assert!(result("diff.md").starts_with("<!-- cognate-diff -->"), "{}", result("diff.md"));
    assert!(result("diff.md").contains("`10` → `12`"), "{}", result("diff.md"));
    assert!(result("build.txt").contains("+| where total > 12") && result("tests.xml").contains("<failure"));
    let sarif: serde_json::Value = serde_json::from_str(&result("check.sarif")).expect("JSON");
    assert_eq!(sarif["version"], "2.1.0");
}

#[test]
fn a_command_that_cannot_run_is_said() {
    let scratch = tempfile::tempdir().expect("a folder");
    cognate(scratch.path(), &["new", "detections/one.yml"]);
    cognate(scratch.path(), &["build"]);
    let (code, text) = checks(scratch.path());
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("diff: failed (2)"), "{text}");
}

#[test]
fn workflow_action_job_and_hooks_are_yaml_and_name_what_exists() {
    let read = |path: &str| fs::read_to_string(common::root().join(path)).expect("the file");
    for path in ["action.yml", "docs/ci/github.yml", "docs/ci/gitlab.yml", ".pre-commit-hooks.yaml"] {
        let value: Result<serde_yaml::Value, _> = serde_yaml::from_str(&read(path));
        assert!(value.is_ok(), "{path}: {value:?}");
    }
    for path in ["action.yml", "docs/ci/gitlab.yml"] {
        assert!(read(path).contains("docs/ci/checks.sh"), "{path} runs the script");
    }
    let hooks: serde_yaml::Value = serde_yaml::from_str(&read(".pre-commit-hooks.yaml")).expect("YAML");
    for hook in hooks.as_sequence().expect("a list") {
        let entry = hook["entry"].as_str().expect("a command");
        let command = entry.strip_prefix("cognate ").expect("cognate");
        let done = Command::new(env!("CARGO_BIN_EXE_cognate")).args([command, "--help"]).output().expect("it runs");
        assert!(done.status.success(), "{entry}");
    }
}
