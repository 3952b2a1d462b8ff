//! `cognate docs`: the pages of a small project (snapshots beside it), of the shipped detections, and what becomes of a folder of pages.
//! An independent reader of Markdown looks for links, tables and HTML.

mod common;

use common::root;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Path below the folder → text.
type Pages = BTreeMap<String, String>;

/// Runs the command in a folder: exit code, and what it says on standard error.
fn docs(project: &Path, out: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
    let output = command.current_dir(project).args(["docs", "--out"]).arg(out).args(more).output().expect("the program starts");
    (output.status.code(), String::from_utf8(output.stderr).expect("the program writes UTF-8"))
}

#[track_caller]
fn written(project: &Path, out: &Path) -> Pages {
    assert_eq!(docs(project, out, &[]), (Some(0), String::new()));
    pages(out)
}

/// Every file below a folder.
fn pages(folder: &Path) -> Pages {
    let entries =
        walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.expect("readable")).filter(|entry| entry.file_type().is_file());
    let name = |path: &Path| path.strip_prefix(folder).expect("below").to_string_lossy().replace('\\', "/");
    entries.map(|entry| (name(entry.path()), fs::read_to_string(entry.path()).expect("text"))).collect()
}

fn fixture() -> PathBuf {
    root().join("tests/handbook/project")
}

/// A copy of the fixture that may be changed.
fn copy() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    for (path, text) in pages(&fixture()) {
        write(&scratch.path().join(path), &text);
    }
    scratch
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn markdown(pages: &Pages) -> impl Iterator<Item = (&String, &String)> {
    pages.iter().filter(|(path, _)| path.ends_with(".md"))
}

fn events(text: &str) -> impl Iterator<Item = Event<'_>> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES)
}

/// What a page means to a reader of Markdown: every relative link leads to a page, there is no HTML but `<code>`, one title, and all rows
/// of a table have as many cells as its head.
#[track_caller]
fn check(pages: &Pages) {
    for (path, text) in markdown(pages) {
        let mut titles = 0;
        for event in events(text) {
            if let Event::Html(html) | Event::InlineHtml(html) = &event {
                assert!(["<code>", "</code>"].contains(&&**html), "{path}: {html}");
            }
            if let Event::Start(Tag::Link { dest_url, .. }) = &event {
                check_link(pages, path, dest_url);
            }
            assert!(!matches!(event, Event::Start(Tag::Image { .. })), "{path}: an image");
            titles += usize::from(matches!(event, Event::Start(Tag::Heading { level: HeadingLevel::H1, .. })));
        }
        assert_eq!(titles, 1, "{path}");
        check_tables(path, text);
    }
}

#[track_caller]
fn check_link(pages: &Pages, path: &str, destination: &str) {
    if destination.contains("://") {
        assert!(destination.starts_with("https://") || destination.starts_with("http://"), "{path}: {destination}");
        return;
    }
    let mut place: Vec<String> = path.split('/').map(str::to_owned).collect();
    place.pop();
    for part in destination.split('/') {
        match part {
            ".." => drop(place.pop().unwrap_or_else(|| panic!("{path}: {destination} leaves the folder"))),
            part => place.push(decoded(part)),
        }
    }
    assert!(pages.contains_key(&place.join("/")), "{path}: there is no {destination}");
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if let (b'%', [high, low, end @ ..]) = (first, after) {
            let digits = [*high, *low];
            let digits = std::str::from_utf8(&digits).expect("ASCII");
            bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal digits"));
            rest = end;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

fn check_tables(path: &str, text: &str) {
    let (mut fence, mut bars) = (None, 0);
    for line in text.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) => {
                if line == open {
                    fence = None;
                }
            }
            None if ticks.len() > 2 && !line[ticks.len()..].contains('`') => fence = Some(ticks),
            None if line.starts_with('|') => {
                let own = line.matches('|').count();
                assert!(bars == 0 || own == bars, "{path}: {line}");
                bars = own;
            }
            None => bars = 0,
        }
    }
    assert_eq!(fence, None, "{path}: a fence stays open");
}

#[test]
fn pages_of_a_small_project() {
    let out = tempfile::tempdir().expect("a scratch folder");
    let pages = written(&fixture(), out.path());
    check(&pages);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("handbook/pages");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.remove_input_file();
    for (path, text) in markdown(&pages) {
        let name: String = path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        settings.bind(|| insta::assert_snapshot!(name, text));
    }
    let listed: serde_json::Value = serde_json::from_str(&pages["docs.json"]).expect("JSON");
    let listed: Vec<&String> = listed["files"].as_object().expect("a map").keys().collect();
    assert_eq!(listed, markdown(&pages).map(|(path, _)| path).collect::<Vec<_>>());
}

#[test]
fn the_lines_of_a_site_file_are_taken() {
    let (scratch, out) = (copy(), tempfile::tempdir().expect("a scratch folder"));
    let page = written(scratch.path(), out.path())["wiki/bulk.md"].clone();
    let site = page.split("```yaml\nspecs:").nth(1).and_then(|rest| rest.split("\n```").next()).expect("lines of a site file");
    write(&scratch.path().join("site.yml"), &format!("specs:{site}").replace("most_actions: 40", "most_actions: 7"));
    assert_eq!(docs(scratch.path(), out.path(), &["--site", "site.yml"]), (Some(0), String::new()));
    let changed = &pages(out.path())["wiki/bulk.md"];
    assert!(
        changed.contains("`most_actions` is 7 and") && changed.contains("left out at this site: why these events are left out"),
        "{changed}"
    );
}

#[test]
fn shipped_detections_have_pages_with_their_queries() {
    let out = tempfile::tempdir().expect("a scratch folder");
    let pages = written(&root(), out.path());
    check(&pages);
    let specs = common::files("detections", "yml");
    for spec in &specs {
        let name = spec.strip_prefix(root().join("detections")).expect("below").with_extension("").to_string_lossy().replace('\\', "/");
        let page = &pages[&format!("{name}.md")];
        for (target, title, extension) in [("aql", "AQL", "aql"), ("spl", "SPL", "spl"), ("kql", "KQL", "kql"), ("sigma", "Sigma", "yml")] {
            match fs::read_to_string(root().join(format!("out/{target}/{name}.{extension}"))) {
                Ok(query) => assert!(has_fence(page, &query), "{name}: another query for {target}"),
                Err(_) => assert!(page.contains(&format!("\n### {title}: skipped\n")), "{name}: no query for {target}"),
            }
        }
        assert!(!page.contains("The test fails"), "{name}");
    }
    assert_eq!(specs.len(), pages.keys().filter(|path| path.matches('/').count() == 1 && !path.starts_with("logsources/")).count());
    assert!(!pages.values().any(|text| text.contains(&*root().to_string_lossy())), "an absolute path");
}

#[test]
fn pages_of_the_language_tests_are_sound() {
    let out = tempfile::tempdir().expect("a scratch folder");
    // some of them need lists that are not there
    let (code, said) = docs(&root().join("tests/specs"), out.path(), &["ok", "--unmapped", "keep"]);
    assert!(code == Some(1) && !said.contains("panicked"), "{said}");
    let pages = pages(out.path());
    assert!(pages.len() > 150, "{}", pages.len());
    check(&pages);
}

/// Whether a reader of Markdown finds a fence with a text.
fn has_fence(page: &str, text: &str) -> bool {
    let (mut inside, mut fences) = (false, Vec::new());
    for event in events(page) {
        if matches!(event, Event::Start(Tag::CodeBlock(_)) | Event::End(TagEnd::CodeBlock)) {
            inside = !inside;
            fences.extend(inside.then(String::new));
        }
        if let (Event::Text(part), true, Some(fence)) = (event, inside, fences.last_mut()) {
            fence.push_str(&part);
        }
    }
    fences.iter().any(|fence| fence == text)
}

#[test]
fn running_twice_writes_the_same() {
    let out = tempfile::tempdir().expect("a scratch folder");
    let first = written(&fixture(), out.path());
    assert_eq!(written(&fixture(), out.path()), first);
    let other = tempfile::tempdir().expect("a scratch folder");
    assert_eq!(written(&fixture(), other.path()), first);
}

#[test]
fn what_is_no_more_goes_and_foreign_files_stay() {
    let (scratch, out) = (copy(), tempfile::tempdir().expect("a scratch folder"));
    written(scratch.path(), out.path());
    write(&out.path().join("wiki/mine.md"), "mine");
    fs::remove_file(scratch.path().join("detections/windows_gsecdump.yml")).expect("it was there");
    let pages = written(scratch.path(), out.path());
    assert!(
        !pages.contains_key("windows_gsecdump.md") && !pages.contains_key("logsources/windows_process_creation.md"),
        "{:?}",
        pages.keys()
    );
    assert_eq!(pages["wiki/mine.md"], "mine");
}

#[test]
fn a_spec_that_becomes_bad_keeps_its_page() {
    let (scratch, out) = (copy(), tempfile::tempdir().expect("a scratch folder"));
    let before = written(scratch.path(), out.path());
    let spec = scratch.path().join("detections/windows_gsecdump.yml");
    let text = fs::read_to_string(&spec).expect("it is there");
    write(&spec, &text.replace("condition: selection", "condition: selektion"));
    fs::remove_file(scratch.path().join("detections/wiki/waiting.yml")).expect("it was there");
    let (code, said) = docs(scratch.path(), out.path(), &[]);
    assert!(code == Some(1) && said.contains("E0204") && said.contains("windows_gsecdump.md was not written again"), "{said}");
    let after = pages(out.path());
    assert_eq!(after["windows_gsecdump.md"], before["windows_gsecdump.md"]);
    assert!(!after.contains_key("wiki/waiting.md") && after["README.md"].contains("- [windows_gsecdump](windows_gsecdump.md)"));
    check(&after);
    write(&spec, &text);
    assert!(written(scratch.path(), out.path())["README.md"].contains("[Gsecdump runs](windows_gsecdump.md)"));
}

#[test]
fn a_file_that_no_run_has_written_is_not_replaced() {
    let scratch = copy();
    write(&scratch.path().join("README.md"), "mine");
    let (code, said) = docs(scratch.path(), Path::new("."), &[]);
    assert!(code == Some(2) && said.contains("`README.md` was not written by `cognate docs`"), "{said}");
    assert!(!scratch.path().join("coverage.md").exists() && !scratch.path().join("docs.json").exists());
}

#[test]
fn two_pages_with_one_path() {
    let (scratch, out) = (copy(), tempfile::tempdir().expect("a scratch folder"));
    let text = fs::read_to_string(scratch.path().join("detections/windows_gsecdump.yml")).expect("it is there");
    for name in ["readme.yml", "logsources/wiki_audit.yml", "windows_gsecdump.yaml"] {
        write(&scratch.path().join("detections").join(name), &text);
    }
    let (code, said) = docs(scratch.path(), out.path(), &[]);
    assert!(code == Some(1) && said.matches("error[E0802]").count() == 3, "{said}");
    assert!(pages(out.path()).contains_key("wiki/bulk.md"));
}
