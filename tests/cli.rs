//! The command line as its users meet it: transcripts (`tests/cmd`, README.md), and what transcripts cannot say.
//! `TRYCMD=overwrite cargo test --test cli` writes the transcripts again.

mod common;

use common::root;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cognate");

#[test]
fn transcripts() {
    trycmd::TestCases::new()
        .env("COLUMNS", "100")
        .env("NO_COLOR", "1")
        .case("README.md")
        .case("tests/cmd/*.trycmd")
        .case("tests/cmd/*.toml");
}

#[test]
fn the_readme_shows_the_example() {
    let readme = fs::read_to_string(root().join("README.md")).expect("it is there");
    let example = fs::read_to_string(root().join("docs/example/confluence_bulk.yml")).expect("it is there");
    let shown = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    assert_eq!(shown, Some(example.as_str()));
}

/// A folder for one test.
struct Scratch {
    folder: tempfile::TempDir,
}

/// What a command said.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Scratch {
    fn new() -> Scratch {
        Scratch { folder: tempfile::tempdir().expect("a scratch folder") }
    }

    /// A project with the specs `jira/one` and `jira/two`.
    fn project() -> Scratch {
        let scratch = Scratch::new();
        scratch.write("detections/jira/one.yml", spec(1));
        scratch.write("detections/jira/two.yml", spec(2));
        scratch
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Said {
        self.run_in("", arguments)
    }

    fn run_in<S: AsRef<OsStr>>(&self, folder: &str, arguments: impl IntoIterator<Item = S>) -> Said {
        said(&mut command(&self.path(folder), arguments))
    }

    /// Every file below a folder, hidden ones too.
    fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let folder = self.path(folder);
        let entries = walkdir::WalkDir::new(&folder).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
        let name = |path: &Path| path.strip_prefix(&folder).expect("below").to_string_lossy().replace('\\', "/");
        entries.map(|entry| (name(entry.path()), fs::read(entry.path()).expect("readable"))).collect()
    }

    fn names(&self, folder: &str) -> Vec<String> {
        self.files(folder).into_keys().collect()
    }
}

impl Said {
    /// Checks the exit code; the texts are shown if it is another one.
    #[track_caller]
    fn code(self, code: i32) -> Said {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn err_has(self, text: &str) -> Said {
        assert!(self.err.contains(text), "`{text}` is not in:\n{}", self.err);
        self
    }

    #[track_caller]
    fn out_has(self, text: &str) -> Said {
        assert!(self.out.contains(text), "`{text}` is not in:\n{}", self.out);
        self
    }
}

fn command<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).env_remove("NO_COLOR");
    command
}

fn said(command: &mut Command) -> Said {
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the program writes UTF-8");
    let said = Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) };
    assert!(!said.err.contains("panicked"), "{}", said.err);
    said
}

/// A spec that every target takes; the number makes it different from others.
fn spec(number: u32) -> String {
    format!(
        "title: Spec {number}\nid: 0b5ad1c6-9f3f-4b0e-9f29-3c0d2bb3a{number:03}\nlevel: low\n\
         logsource: {{ product: jira, service: cloud_audit }}\n\
         detection:\n  selection: {{ action: Action {number} }}\n  condition: selection\n"
    )
}

fn broken() -> String {
    spec(2).replace("condition: selection", "condition: selektion")
}

const TARGETS: [(&str, &str); 4] = [("aql", "aql"), ("kql", "kql"), ("sigma", "yml"), ("spl", "spl")];

/// The artefacts of specs, and the manifest.
fn artefacts(names: &[&str]) -> Vec<String> {
    let mut paths: Vec<String> =
        TARGETS.iter().flat_map(|(target, extension)| names.iter().map(move |name| format!("{target}/{name}.{extension}"))).collect();
    paths.push("manifest.json".to_owned());
    paths.sort();
    paths
}

// ---- build ----

#[test]
fn a_second_build_changes_nothing() {
    let scratch = Scratch::project();
    scratch.run(["build"]).code(0).out_has("2 specs: 8 exact");
    assert_eq!(scratch.names("out"), artefacts(&["jira/one", "jira/two"]));
    let times = |scratch: &Scratch| {
        let modified = |name: &String| fs::metadata(scratch.path(&format!("out/{name}"))).and_then(|data| data.modified()).expect("a time");
        scratch.names("out").iter().map(modified).collect::<Vec<_>>()
    };
    let before = (scratch.files("out"), times(&scratch));
    scratch.run(["build"]).code(0);
    assert_eq!((scratch.files("out"), times(&scratch)), before);
    let said = scratch.run(["build", "--check"]).code(0);
    assert!(!said.out.contains("---") && said.err.is_empty(), "{said:?}");
}

#[test]
fn what_has_no_spec_any_more_goes_and_foreign_files_stay() {
    let scratch = Scratch::project();
    scratch.write("detections/deep/er/three.yml", spec(3));
    scratch.run(["build"]).code(0);
    scratch.write("out/kql/notes.txt", "mine");
    scratch.write("out/kql/jira/mine.kql", "mine");
    fs::remove_dir_all(scratch.path("detections/deep")).expect("it was there");
    fs::remove_file(scratch.path("detections/jira/two.yml")).expect("it was there");
    scratch.run(["build"]).code(0);
    let mut expected = artefacts(&["jira/one"]);
    expected.extend(["kql/jira/mine.kql".to_owned(), "kql/notes.txt".to_owned()]);
    expected.sort();
    assert_eq!(scratch.names("out"), expected);
    assert!(!scratch.path("out/aql/deep").exists(), "empty folders go too");
}

#[test]
fn a_spec_that_becomes_bad_keeps_its_files_and_stops_nobody() {
    let scratch = Scratch::project();
    scratch.run(["build"]).code(0);
    let before = scratch.files("out");
    scratch.write("detections/jira/two.yml", broken());
    scratch.write("detections/jira/three.yml", spec(3));
    let said = scratch.run(["build"]).code(1).err_has("E0204").err_has("stale: out/aql/jira/two.aql was not built again\n");
    assert!(said.out.contains("jira/two    FAILED") && said.out.contains("jira/three  exact"), "{}", said.out);
    assert_eq!(scratch.names("out"), artefacts(&["jira/one", "jira/three", "jira/two"]));
    let after = scratch.files("out");
    assert!(before.iter().filter(|(name, _)| *name != "manifest.json").all(|(name, text)| after[name] == *text));
    assert!(scratch.read("out/manifest.json").contains("kql/jira/two.kql"), "the old files stay in the manifest");
    // it was never built: nothing is stale
    scratch.write("detections/jira/four.yml", broken());
    let said = scratch.run(["build"]).code(1);
    assert!(!said.err.contains("four.kql"), "{}", said.err);
    // and it goes when the spec goes
    fs::remove_file(scratch.path("detections/jira/two.yml")).expect("it was there");
    fs::remove_file(scratch.path("detections/jira/four.yml")).expect("it was there");
    scratch.run(["build"]).code(0);
    assert_eq!(scratch.names("out"), artefacts(&["jira/one", "jira/three"]));
}

#[test]
fn several_specs_in_one_file_have_a_folder() {
    let scratch = Scratch::project();
    scratch.run(["build"]).code(0);
    // the file gets a second spec
    scratch.write("detections/jira/two.yml", format!("{}---\n{}", spec(2), spec(3)));
    scratch.run(["build", "--check"]).code(1);
    scratch.run(["build"]).code(0);
    assert_eq!(scratch.names("out"), artefacts(&["jira/one", "jira/two/spec_2", "jira/two/spec_3"]));
    scratch.run(["build", "--check"]).code(0);
    // one of them becomes bad: its old file stays
    scratch.write("detections/jira/two.yml", format!("{}---\n{}", broken(), spec(3).replace("Action 3", "Action 4")));
    let said = scratch.run(["build"]).code(1).err_has("stale: out/kql/jira/two/spec_2.kql was not built again\n");
    assert!(!said.err.contains("spec_3.kql") && said.out.contains("jira/two/spec_3  exact"), "{said:?}");
    assert!(scratch.read("out/kql/jira/two/spec_3.kql").contains("Action 4"));
    // nothing of the file can be read: all of its old files stay
    scratch.write("detections/jira/two.yml", "title: [");
    scratch.run(["build"]).code(1).err_has("spec_2.kql was not built again").err_has("spec_3.kql was not built again");
    assert_eq!(scratch.names("out"), artefacts(&["jira/one", "jira/two/spec_2", "jira/two/spec_3"]));
    // and only one is left
    scratch.write("detections/jira/two.yml", spec(2));
    scratch.run(["build"]).code(0);
    assert_eq!(scratch.names("out"), artefacts(&["jira/one", "jira/two"]));
}

#[test]
fn one_id_in_one_file_twice() {
    let scratch = Scratch::new();
    scratch.write("detections/two.yml", format!("{}---\n{}", spec(1), spec(1)));
    scratch.run(["check"]).code(1).err_has("is also that of another document of this file");
    scratch.run(["build"]).code(1).err_has("E0107");
}

#[test]
fn check_prints_a_diff_and_writes_nothing() {
    let scratch = Scratch::project();
    let said = scratch.run(["build", "--check"]).code(1).err_has("out of date below out: 9 files; run `cognate build`");
    assert!(said.out.contains("+++ out/kql/jira/one.kql\n") && !scratch.path("out").exists(), "{}", said.out);
    scratch.run(["build"]).code(0);
    let before = scratch.files("out");
    let changed = spec(2).replace("Action 2", "Action zwei");
    scratch.write("detections/jira/two.yml", changed);
    fs::remove_file(scratch.path("detections/jira/one.yml")).expect("it was there");
    let said = scratch.run(["build", "--check"]).code(1).err_has("9 files");
    for expected in
        ["--- out/kql/jira/two.kql\n+++ out/kql/jira/two.kql\n@@ ", "Action 2", "+", "Action zwei", "--- out/spl/jira/one.spl\n"]
    {
        assert!(said.out.contains(expected), "`{expected}` is not in:\n{}", said.out);
    }
    assert_eq!(scratch.files("out"), before);
}

#[test]
fn one_target_leaves_the_others_alone() {
    let scratch = Scratch::project();
    scratch.run(["build", "--target", "kql", "-t", "spl"]).code(0);
    assert_eq!(scratch.names("out").len(), 5);
    scratch.run(["build"]).code(0);
    fs::remove_file(scratch.path("detections/jira/two.yml")).expect("it was there");
    scratch.run(["build", "-t", "kql"]).code(0);
    let names = scratch.names("out");
    assert!(!names.contains(&"kql/jira/two.kql".to_owned()) && names.contains(&"spl/jira/two.spl".to_owned()), "{names:?}");
    scratch.run(["build", "-t", "splunk"]).code(2).err_has("[possible values: aql, spl, kql, sigma]");
}

#[test]
fn one_path_leaves_the_others_alone() {
    let scratch = Scratch::project();
    scratch.run(["build"]).code(0);
    scratch.write("detections/jira/one.yml", spec(1).replace("Action 1", "Action eins"));
    scratch.write("detections/jira/two.yml", spec(2).replace("Action 2", "Action zwei"));
    scratch.run(["build", "detections/jira/two.yml"]).code(0);
    assert!(scratch.read("out/kql/jira/two.kql").contains("zwei") && scratch.read("out/kql/jira/one.kql").contains("Action 1"));
    scratch.run(["build", "-"]).code(2).err_has("use `cognate convert`");
}

fn deviating() -> String {
    let aggregate = "aggregate:\n  group-by: [user]\n  window: 1h\n  measures: { total: count() }\n  condition: total > 5\n";
    spec(7) + aggregate
}

#[test]
fn approximations_wait_until_they_are_accepted() {
    let scratch = Scratch::new();
    scratch.write("detections/seven.yml", deviating());
    scratch.run(["build"]).code(1).err_has("E0402").out_has("NOT ACCEPTED S001");
    assert!(!scratch.path("out/sigma/seven.yml").exists() && scratch.path("out/kql/seven.kql").exists());
    scratch.run(["build", "--accept", "S001"]).code(0).out_has("approx. S001");
    assert!(scratch.path("out/sigma/seven.yml").exists());
    scratch.run(["build", "--accept", "s01"]).code(2).err_has("did you mean `S001`?");
    scratch.run(["build", "--accept", "E0402"]).code(2).err_has("codes of approximations");
    scratch.write("site.yml", "accept: [S001]\n");
    scratch.run(["build", "--site", "site.yml"]).code(0);
}

#[test]
fn other_output_folders_are_where_the_caller_is() {
    let scratch = Scratch::project();
    scratch.run_in("detections", ["build", "--out", "../elsewhere/deep"]).code(0);
    assert_eq!(scratch.names("elsewhere/deep"), artefacts(&["jira/one", "jira/two"]));
    assert!(!scratch.path("out").exists());
}

#[test]
fn tests_read_events_below_the_project() {
    let scratch = Scratch::new();
    let event = r#"{"created": "2026-01-05T00:00:00.000+0000", "summary": "Action 1"}"#;
    scratch.write("events/two.jsonl", format!("{event}\n{event}\n"));
    let tested = |path: &str| format!("{}tests:\n- {{ name: t, events: {{ file: {path} }}, expect: {{ alerts: 2 }} }}\n", spec(1));
    scratch.write("detections/one.yml", tested("events/two.jsonl"));
    scratch.run(["test"]).code(0).out_has("1 test in 1 spec: all passed");
    scratch.run_in("detections", ["test", "one.yml"]).code(0);
    scratch.run(["test", "--mutate"]).code(1).out_has("2 of 3 mutants killed");
    scratch.write("detections/one.yml", tested("../events/two.jsonl"));
    scratch.run(["test"]).code(1).err_has("the path leaves the project");
    scratch.write("detections/one.yml", tested("events/three.jsonl"));
    scratch.run(["test"]).code(1).err_has("the file of events `events/three.jsonl` cannot be used: the file cannot be read");
    scratch.write("events/three.jsonl", format!("{event}\n[]\n"));
    scratch.run(["test"]).code(1).err_has("line 2 of `events/three.jsonl` is not a JSON object");
}

#[test]
fn builds_do_not_depend_on_the_current_folder() {
    let scratch = Scratch::project();
    scratch.write("lists/actions.txt", "one\ntwo\n");
    let listed = spec(3).replace("detection:", "lists: { actions: { file: lists/actions.txt } }\ndetection:");
    scratch.write("detections/listed.yml", listed.replace("action: Action 3", "action|expand: '%actions%'"));
    scratch.run(["build"]).code(0);
    let before = scratch.files("out");
    assert!(String::from_utf8_lossy(&before["manifest.json"]).contains(r#""spec":"detections/jira/one.yml""#));
    let elsewhere = Scratch::new();
    let folder = |path: &str| scratch.path(path).into_os_string();
    for (from, arguments) in [
        (scratch.path("detections/jira"), vec!["build".into()]),
        (scratch.path("detections/jira"), vec!["build".into(), "../../detections/./jira".into(), "../listed.yml".into()]),
        (scratch.path("lists"), vec!["build".into()]),
        (elsewhere.path(""), vec!["build".into(), folder("")]),
        (elsewhere.path(""), vec!["build".into(), folder("detections")]),
        (elsewhere.path(""), vec!["build".into(), folder("detections/listed.yml")]),
    ] {
        said(&mut command(&from, &arguments)).code(0);
        assert_eq!(scratch.files("out"), before, "{arguments:?}");
        if arguments.len() < 3 {
            fs::remove_dir_all(scratch.path("out")).expect("it was there");
            said(&mut command(&from, &arguments)).code(0);
            let whole = !arguments.last().expect("one").to_string_lossy().contains("listed");
            assert_eq!(scratch.files("out") == before, whole, "{arguments:?}");
        }
    }
    scratch.write("detections/jira/two.yml", broken());
    for from in [scratch.path(""), scratch.path("detections/jira")] {
        said(&mut command(&from, ["check"])).code(1).err_has("--> detections/jira/two.yml:7:");
    }
    let listed = folder("detections/listed.yml");
    let said = said(&mut command(&elsewhere.path(""), [OsStr::new("convert"), OsStr::new("-tkql"), &listed])).code(0);
    assert!(said.out.contains("\"one\"") && said.err.is_empty(), "{said:?}");
}

#[test]
fn two_specs_with_one_id_or_one_output() {
    let scratch = Scratch::project();
    scratch.write("detections/jira/again.yml", spec(1).replace("3a001", "3A001"));
    scratch.run(["build"]).code(1).err_has("is also that of detections/jira/again.yml").out_has("jira/one    FAILED");
    scratch.run(["check"]).code(1).err_has("E0107");
    fs::remove_file(scratch.path("detections/jira/again.yml")).expect("it was there");
    scratch.write("detections/jira/one.yaml", spec(4));
    scratch.run(["build"]).code(1).err_has("E0802").err_has("the output of detections/jira/one.yaml has the same path");
    assert!(scratch.read("out/kql/jira/one.kql").contains("Action 4"), "the first one is kept");
    scratch.run(["convert", "-tkql", "detections", "--out", "converted"]).code(1).err_has("E0802").err_has("wrote 2 files to converted");
}

#[test]
fn a_manifest_that_nobody_built_is_refused() {
    for (path, target) in [
        ("../precious.txt", "kql"),
        ("kql/../../precious.txt", "kql"),
        ("/etc/hostname", "kql"),
        ("precious.txt", "kql"),
        ("manifest.json", "kql"),
        ("kql/linked/precious.txt", "kql"),
        ("secret/precious.txt", "secret"),
    ] {
        let scratch = Scratch::project();
        scratch.run(["build"]).code(0);
        scratch.write("precious.txt", "mine");
        #[cfg(unix)]
        std::os::unix::fs::symlink(scratch.path(""), scratch.path("out/kql/linked")).expect("a link");
        let entry = format!(
            "[\n{{\"path\":\"{path}\",\"spec\":\"gone.yml\",\"id\":null,\"title\":\"\",\"target\":\"{target}\",\"fidelity\":\"exact\",\
             \"approximations\":[],\"assumptions\":[],\"prerequisites\":[]}}\n]\n"
        );
        scratch.write("out/manifest.json", entry);
        for arguments in [&["build", "--check"][..], &["build"][..]] {
            let said = scratch.run(arguments).code(2).err_has("E0801").err_has("remove it or restore it");
            assert!(!said.out.contains("mine"), "{path}: {}", said.out);
        }
        assert_eq!(scratch.read("precious.txt"), "mine", "{path}");
    }
    let scratch = Scratch::project();
    scratch.write("out/manifest.json", "<<<<<<< HEAD\n[]\n");
    scratch.run(["build"]).code(2).err_has("`out/manifest.json` is not a manifest").err_has("remove it or restore it");
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_links_that_leave() {
    let (scratch, elsewhere) = (Scratch::project(), Scratch::new());
    fs::create_dir(scratch.path("out")).expect("a folder");
    std::os::unix::fs::symlink(elsewhere.path(""), scratch.path("out/kql")).expect("a link");
    scratch.run(["build"]).code(2).err_has("a link leads there");
    assert!(elsewhere.names("").is_empty());
}

#[test]
fn an_output_folder_that_cannot_be_written() {
    let scratch = Scratch::project();
    scratch.write("out", "a file");
    scratch.run(["build"]).code(2).err_has("out");
    fs::remove_file(scratch.path("out")).expect("it was there");
    scratch.run(["build"]).code(0);
    fs::remove_file(scratch.path("out/kql/jira/one.kql")).expect("it was there");
    fs::create_dir_all(scratch.path("out/kql/jira/one.kql/x")).expect("a folder");
    scratch.run(["build"]).code(2).err_has("cannot write `").err_has("out/kql/jira/one.kql`");
    let names = scratch.names("out");
    assert!(names.iter().all(|name| !name.contains("tmp") && !name.contains("/.")), "no temporary stays: {names:?}");
}

#[cfg(unix)]
#[test]
fn a_read_only_output_folder() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::project();
    scratch.run(["build"]).code(0);
    scratch.write("detections/jira/one.yml", spec(1).replace("Action 1", "Action eins"));
    let Some(mut build) = as_nobody(&scratch, ["build"]) else { return };
    let folder = scratch.path("out/aql/jira");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).expect("ours");
    let said = said(&mut build).code(2).err_has("cannot write `").err_has("ermission denied");
    assert!(said.out.is_empty(), "{}", said.out);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("ours");
    assert!(scratch.names("out").iter().all(|name| !name.contains("tmp")));
}

/// The command of a user whom permissions stop, which they do not where the tests run as the administrator.
#[cfg(unix)]
fn as_nobody<const N: usize>(scratch: &Scratch, arguments: [&str; N]) -> Option<Command> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let mut nobody = command(&scratch.path(""), arguments);
    if fs::metadata(Scratch::new().path("")).expect("ours").uid() != 0 {
        return Some(nobody);
    }
    fs::set_permissions(scratch.path(""), fs::Permissions::from_mode(0o755)).expect("ours");
    let entries = walkdir::WalkDir::new(scratch.path("")).into_iter().filter_map(Result::ok);
    entries.for_each(|entry| std::os::unix::fs::chown(entry.path(), Some(65534), None).expect("we are the administrator"));
    nobody.uid(65534);
    // where the program itself cannot be reached by others there is nothing to test
    Command::new(PROGRAM).uid(65534).arg("--version").output().ok().map(|_| nobody)
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_stops_nothing_else() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::project();
    let forbid = |path: &str| fs::set_permissions(scratch.path(path), fs::Permissions::from_mode(0o000)).expect("ours");
    let Some(mut build) = as_nobody(&scratch, ["build"]) else { return };
    forbid("detections/jira/one.yml");
    said(&mut build).code(2).err_has("E0008").err_has("--> detections/jira/one.yml").err_has("1 file could not be read");
    assert!(scratch.path("out/kql/jira/two.kql").exists());
    for arguments in [["check", "detections"], ["test", "detections"], ["explain", "detections"]] {
        said(&mut as_nobody(&scratch, arguments).expect("as before")).code(2).err_has("E0008");
    }
    scratch.write("detections/secret/three.yml", spec(3));
    let mut check = as_nobody(&scratch, ["check"]).expect("as before");
    forbid("detections/secret");
    said(&mut check).code(2).err_has("cannot read the folder `").err_has("detections/secret`");
    fs::set_permissions(scratch.path("detections/secret"), fs::Permissions::from_mode(0o755)).expect("ours");
}

#[test]
fn tag_errors_stop_build_and_check_only() {
    let scratch = Scratch::new();
    let tagged = spec(5) + "tags: [attack.t9999]\n";
    let tests = "tests:\n  - name: Fires\n    events: [{ at: 0s, event: { action: action 5 } }]\n    expect: { alerts: 1 }\n";
    scratch.write("detections/five.yml", tagged + tests);
    scratch.write("events.jsonl", "{\"timestamp\": \"2026-01-05T00:00:00Z\", \"action\": \"Action 5\"}\n");
    scratch.run(["build"]).code(1).err_has("error[E0501]").out_has("FAILED");
    scratch.run(["check"]).code(1).err_has("error[E0501]");
    scratch.run(["convert", "-tkql", "detections"]).code(0).err_has("warning[E0501]").out_has("Action 5");
    scratch.run(["explain", "detections/five.yml"]).code(0).err_has("warning[E0501]").out_has("Spec 5");
    assert_eq!(scratch.run(["test"]).code(0).err, "");
    let said = scratch.run(["eval", "detections", "--events", "events.jsonl"]).code(0);
    assert_eq!((said.out.lines().count(), said.err.as_str()), (1, ""));
}

#[test]
fn templates_are_replaced_file_by_file() {
    let scratch = Scratch::project();
    let query = fs::read_to_string(root().join("templates/kql/operators.j2")).expect("it is there");
    scratch.write("mine/kql/operators.j2", query.replace("{{ value }} =~ {{ literal }}", "{{ value }} =~ /* mine */ {{ literal }}"));
    scratch.run(["convert", "-tkql", "--templates", "mine", "detections/jira/one.yml"]).code(0).out_has("=~ /* mine */ \"Action 1\"");
    let inspecting = query.replace("{{ value }} =~ {{ literal }}", "{% if literal %}{{ value }}{% endif %} =~ x");
    scratch.write("mine/kql/operators.j2", inspecting);
    for arguments in [&["convert", "-tkql", "detections"][..], &["build"], &["check"], &["explain", "detections"]] {
        let said = scratch.run(arguments.iter().chain(&["--templates", "mine"])).code(1).err_has("error[E0703]");
        assert!(said.err.contains("the macro `equals` does not just spell its arguments"), "{}", said.err);
        assert!(said.err.contains("--> mine/kql/operators.j2:2:"), "{}", said.err);
    }
    fs::remove_file(scratch.path("mine/kql/operators.j2")).expect("it was there");
    scratch.write("mine/kql/querry.j2", "");
    scratch
        .run(["build", "--templates", "mine"])
        .code(2)
        .err_has("`mine/kql/querry.j2` replaces no template; did you mean `kql/query.j2`?");
}

// ---- files ----

#[test]
fn odd_files() {
    let scratch = Scratch::new();
    scratch.write("latin.yml", b"title: caf\xe9\n");
    scratch.write("large.yml", vec![b'#'; (4 << 20) + 1]);
    scratch.write("empty.yml", "");
    scratch.run(["check", "latin.yml"]).code(1).err_has("error[E0002]").err_has("--> latin.yml:1:11");
    scratch.run(["convert", "-tkql", "large.yml"]).code(1).err_has("error[E0001]");
    scratch.run(["test", "empty.yml"]).code(1).err_has("error[E0007]");
    let text = spec(1);
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let convert = |text: &str| {
        scratch.write("spec.yml", text);
        let said = scratch.run(["convert", "-taql", "spec.yml"]).code(0);
        assert_eq!(said.err, "");
        said.out
    };
    assert_eq!(convert(&windows), convert(&text));
    scratch.write("bad.yml", windows.replace("condition: selection", "condition: selektion"));
    scratch.run(["check", "bad.yml"]).code(1).err_has("--> bad.yml:7:14");
}

#[test]
fn odd_names() {
    let scratch = Scratch::new();
    scratch.write("detections/Größe mit Blank/日本 – eins.yml", spec(1));
    scratch.write("detections/.hidden.yml", "not a spec");
    scratch.write("detections/.git/two.yml", "not a spec");
    scratch.write("detections/notes.txt", "not a spec");
    scratch.write("detections/dots.in.name.yml", spec(2));
    scratch.run(["build"]).code(0);
    assert_eq!(scratch.names("out"), artefacts(&["Größe mit Blank/日本 – eins", "dots.in.name"]));
    scratch.run(["check", "--format", "github", "detections/Größe mit Blank"]).code(0);
    scratch.write("any ending", spec(3));
    scratch.run(["convert", "-tspl", "any ending", "--out", "converted to"]).code(0);
    assert_eq!(scratch.names("converted to"), ["any ending.spl"]);
    #[cfg(unix)]
    {
        scratch.write("detections/back\\slash.yml", spec(4));
        scratch.run(["build"]).code(0);
        assert!(scratch.path("out/kql/back\\slash.kql").exists());
    }
}

#[test]
fn an_empty_folder_is_said_to_be_empty() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("detections")).expect("a folder");
    for arguments in [&["check"][..], &["build"], &["test"], &["convert", "-tkql", "detections"]] {
        scratch.run(arguments).code(0).err_has("there are no specs (*.yml, *.yaml) in `detections`");
    }
    let outside = Scratch::new();
    outside.run(["build"]).code(2).err_has("cognate new");
    scratch.run(["import", "detections", "--out", "new"]).code(2).err_has("there are no rules (*.yml, *.yaml) in `detections`");
    assert!(!scratch.path("new").exists());
}

#[test]
fn the_case_of_a_files_ending_does_not_matter() {
    let scratch = Scratch::project();
    fs::rename(scratch.path("detections/jira/one.yml"), scratch.path("detections/jira/one.YML")).expect("renamed");
    scratch.run(["build"]).code(0).out_has("2 specs").out_has("jira/one");
    scratch.run(["import", "detections", "--out", "new"]).code(0);
    assert!(scratch.path("new/detections/jira/one.YML").is_file());
}

#[cfg(unix)]
#[test]
fn links_are_not_followed_in_circles() {
    let scratch = Scratch::project();
    std::os::unix::fs::symlink(scratch.path("detections"), scratch.path("detections/jira/again")).expect("a link");
    std::os::unix::fs::symlink("nowhere", scratch.path("detections/jira/lost.yml")).expect("a link");
    scratch.run(["build"]).code(0).err_has("jira/again` is a link").err_has("jira/lost.yml` is a link").out_has("2 specs");
    std::os::unix::fs::symlink(scratch.path("detections/jira/one.yml"), scratch.path("linked.yml")).expect("a link");
    scratch.run(["convert", "-tkql", "linked.yml"]).code(0).out_has("Action 1");
    // a project that is reached by a link
    let other = Scratch::new();
    std::os::unix::fs::symlink(scratch.path(""), other.path("project")).expect("a link");
    other.run(["build", "--check", "project"]).code(0);
}

#[test]
fn log_sources_of_the_project() {
    let scratch = Scratch::project();
    let text = fs::read_to_string(root().join("logsources/jira_cloud_audit.yml")).expect("it is there");
    scratch.write("logsources/jira_cloud_audit.yml", text.replace("Jira_Audit_v2_CL", "OurJira_CL"));
    scratch.run(["convert", "-tkql", "detections/jira/one.yml"]).code(0).out_has("OurJira_CL");
    scratch.run(["check", "logsources"]).code(0).out_has("0 specs checked: no problems");
    scratch.run(["check", "."]).code(0).out_has("2 specs checked");
    scratch.write("logsources/jira_cloud_audit.yml", text.replace("time-format: iso8601", "time-format: iso"));
    scratch.run(["check"]).code(1).err_has("--> logsources/jira_cloud_audit.yml:");
    // it is not taken for a log source that nobody has described
    for arguments in [&["convert", "-tkql", "detections"][..], &["build"], &["test"]] {
        let said = scratch.run(arguments).code(1).err_has("error[E0701]").err_has("`cognate check` shows");
        assert!(!said.out.contains("Action 1"), "{}", said.out);
    }
    scratch.write("logsources/jira_cloud_audit.yml", b"\xff");
    scratch.run(["build"]).code(1).err_has("error[E0002]").err_has("--> logsources/jira_cloud_audit.yml");
}

#[test]
fn new_makes_a_spec_that_is_valid_and_keeps_what_is_there() {
    let scratch = Scratch::new();
    for (name, log_source) in [
        ("detections/a/one.yml", "confluence/audit"),
        ("detections/two.yml", "jira/cloud_audit"),
        ("detections/three.yml", "bitbucket/audit"),
        ("detections/four.yml", "confluence/cloud_audit"),
    ] {
        scratch.run(["new", name, "--logsource", log_source]).code(0).out_has(&format!("next: cognate check {name}"));
    }
    let before = scratch.files("detections");
    assert!(!scratch.read("detections/two.yml").contains("$schema"), "there is no schema here");
    scratch.run(["new", "detections/two.yml"]).code(2).err_has("exists already");
    scratch.run(["new", "detections"]).code(2).err_has("exists already");
    scratch.run(["new", "detections/five"]).code(2).err_has("give it the ending .yml");
    scratch.run(["new", "detections/six.yml", "--logsource", "jira/cloud_adit"]).code(2).err_has("did you mean `jira/cloud_audit`?");
    assert_eq!(scratch.files("detections"), before);
    scratch.write("schema/spec.schema.json", scratch.run(["schema"]).code(0).out);
    scratch.run(["new", "detections/a/seven.yml"]).code(0);
    assert!(scratch.read("detections/a/seven.yml").starts_with("# yaml-language-server: $schema=../../schema/spec.schema.json\n"));
    scratch.run(["test"]).code(0).out_has("10 tests in 5 specs: all passed");
    scratch.run(["check", "--strict"]).code(0).out_has("5 specs checked: no problems");
    scratch.run(["new"]).code(0).out_has("title: ");
}

#[test]
fn schema_and_completions() {
    let scratch = Scratch::new();
    let schema: serde_json::Value = serde_json::from_str(&scratch.run(["schema"]).code(0).out).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        scratch.run(["completions", shell]).code(0).out_has("convert");
    }
    scratch.run(["completions", "cmd"]).code(2).err_has("possible values");
    let project = Scratch::project();
    let tables: serde_json::Value = serde_json::from_str(&project.run(["schema", "--tables"]).code(0).out).expect("JSON");
    assert!(tables["detections/jira/one.yml"]["Jira_Audit_v2_CL"].is_object(), "{tables:#}");
}

#[test]
fn codes_are_explained_in_any_letter_case() {
    let scratch = Scratch::new();
    let said = scratch.run(["explain", "e0802"]).code(0).out_has("# E0802: two specs with one output path\n");
    assert_eq!((said.out, said.err), (scratch.run(["explain", "E0802"]).code(0).out, String::new()));
}

#[test]
fn annotations_start_at_the_top_of_the_repository() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path(".git")).expect("a folder");
    scratch.write("content/siem/detections/two.yml", broken());
    for folder in ["", "content/siem", "content/siem/detections"] {
        let path = scratch.path("content/siem/detections").into_os_string();
        let check = |format: &str| scratch.run_in(folder, [OsStr::new("check"), "--format".as_ref(), format.as_ref(), &path]).code(1);
        check("github").out_has("::error file=content/siem/detections/two.yml,line=7,");
        check("sarif").out_has("\"uri\": \"content/siem/detections/two.yml\"");
        check("text").err_has("--> detections/two.yml:7:");
    }
}

// ---- streams ----

#[test]
fn a_closed_pipe_is_no_problem() {
    let scratch = Scratch::project();
    scratch.write("bad.yml", broken());
    let event = "{\"timestamp\": \"2026-01-05T00:00:00Z\", \"action\": \"Action 1\"}\n";
    scratch.write("events.jsonl", event.repeat(20_000));
    for (arguments, code) in [
        (&["schema"][..], 0),
        (&["completions", "bash"], 0),
        (&["check", "--format", "sarif", "bad.yml"], 1),
        (&["build", "--check"], 1),
        (&["convert", "-tkql", "detections"], 0),
        (&["test"], 0),
        (&["explain", "E0203"], 0),
        (&["eval", "detections", "--events", "events.jsonl"], 0),
        (&["--help"], 0),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = command(&scratch.path(""), arguments);
        let output = command.stdout(writer).stderr(Stdio::piped()).output().expect("the program starts");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(!err.contains("panicked") && !err.contains("pipe"), "{arguments:?}: {err}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
    }
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = command(&scratch.path(""), ["check", "missing.yml"]).stderr(writer).status().expect("the program starts");
    assert_eq!(status.code(), Some(2));
}

/// What a command writes to a terminal; `None` where there is no `script` to make one.
fn on_a_terminal(scratch: &Scratch, arguments: &str, environment: &[(&str, &str)]) -> Option<String> {
    let mut script = Command::new("script");
    script.args(["-qec", &format!("'{PROGRAM}' {arguments}"), "/dev/null"]).current_dir(scratch.path("")).stdin(Stdio::null());
    script.env_remove("NO_COLOR").env("TERM", "xterm").envs(environment.iter().copied());
    let output = script.output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(target_os = "linux")]
#[test]
fn colours_on_a_terminal_only_and_not_with_no_color() {
    let scratch = Scratch::new();
    scratch.write("bad.yml", broken());
    let said = scratch.run(["check", "bad.yml"]).code(1);
    assert!(!said.err.contains('\u{1b}') && !said.out.contains('\u{1b}'));
    let Some(coloured) = on_a_terminal(&scratch, "check bad.yml", &[]) else { return };
    assert!(coloured.contains("\u{1b}["), "{coloured}");
    for arguments in ["check bad.yml", "--help", "frobnicate", "build --target x"] {
        let plain = on_a_terminal(&scratch, arguments, &[("NO_COLOR", "1")]).expect("as before");
        assert!(!plain.contains('\u{1b}'), "{plain:?}");
    }
}

#[test]
fn events_stream() {
    let scratch = Scratch::project();
    let mut child = command(&scratch.path(""), ["eval", "detections", "--events", "-"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut events = child.stdin.take().expect("piped");
    let mut alerts = std::io::BufReader::new(child.stdout.take().expect("piped"));
    for minute in 0..3 {
        // the alert comes while the events go on
        writeln!(events, "{{\"timestamp\": \"2026-01-05T00:0{minute}:00Z\", \"action\": \"Action 1\"}}").expect("it listens");
        events.flush().expect("it listens");
        let mut alert = String::new();
        std::io::BufRead::read_line(&mut alerts, &mut alert).expect("it answers");
        assert!(alert.contains(&format!("2026-01-05T00:0{minute}:00Z")), "{alert}");
    }
    drop(events);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn odd_lines_of_events() {
    let scratch = Scratch::project();
    let event = |minute: u32| format!("{{\"timestamp\": \"2026-01-05T00:0{minute}:00Z\", \"action\": \"Action 1\"}}");
    let long = format!("{{\"x\": \"{}\"}}", "x".repeat(17 << 20));
    scratch.write("events.jsonl", format!("\u{feff}{}\r\n\r\n{long}\r\n{}\n{long}\n{}", event(1), event(2), event(3)));
    let said = scratch.run(["eval", "detections", "--events", "events.jsonl"]).code(1);
    assert_eq!(said.out.lines().count(), 3, "{}", said.out);
    assert_eq!(
        said.err,
        "events.jsonl:3: the line has more than 16 MiB\nevents.jsonl:5: the line has more than 16 MiB\n2 lines could not be used\n"
    );
    scratch.write("binary.jsonl", b"\xff\xfe\x00\n{\"a\": \"\xff\"}\n");
    scratch.run(["eval", "detections", "--events", "binary.jsonl"]).code(1).err_has("binary.jsonl:1: the line is not JSON");
}

// ---- correlations ----

#[test]
fn correlations_count_alerts_and_rules_of_other_files() {
    let scratch = Scratch::new();
    let log_source = "logsource: { product: jira, service: cloud_audit }";
    let rule = |name: &str, action: &str| {
        format!("title: {name}\nname: {name}\n{log_source}\ndetection: {{ selection: {{ action: {action} }}, condition: selection }}\n")
    };
    let many = "title: Many\nname: many\ncorrelation: { type: event_count, rules: [failed], group-by: [user], timespan: 10m, condition: { gte: 3 } }\n";
    let skipped = "targets: { aql: { skip: x }, spl: { skip: x }, kql: { skip: x } }";
    let brute = format!(
        "title: Brute\nname: brute\n{skipped}\ncorrelation: {{ type: temporal_ordered, rules: [many, login], group-by: [user], timespan: 10m }}\n\
         tests:\n  - name: not by robots\n    events:\n      \
         - {{ at: 0s, every: 1m, repeat: 3, for-each: {{ user: [ann, robot] }}, event: {{ action: failed }} }}\n      \
         - {{ at: 6m, for-each: {{ user: [ann, robot] }}, event: {{ action: login }} }}\n    expect: {{ alerts: [ {{ user: ann }} ] }}\n"
    );
    let filter =
        format!("title: Robots\n{log_source}\nfilter: {{ rules: [failed], selection: {{ user: robot }}, condition: not selection }}\n");
    scratch.write("detections/rules.yml", format!("{}---\n{}---\n{filter}", rule("failed", "failed"), rule("login", "login")));
    scratch.write("detections/many.yml", many);
    scratch.write("detections/brute.yml", brute);
    scratch.run(["test"]).code(0).out_has("1 test in 1 spec: all passed");
    scratch.run(["build"]).code(0);
    assert_eq!(scratch.names("out"), ["manifest.json", "sigma/brute.yml"], "what is counted has no outputs of its own");
    scratch.write("detections/many.yml", many.replace("[failed]", "[failed, brute]"));
    scratch.run(["check"]).code(1).err_has("the alerts of the correlation `brute` cannot be counted: it counts this one itself");
    scratch.write("detections/many.yml", many.replace("[failed]", "[fialed]"));
    scratch.run(["check"]).code(1).err_has("did you mean `failed`? (until then,").err_has("the correlation `many` has errors");
}
