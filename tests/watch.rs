//! `cognate build --watch`: each kind of file that a build reads is changed once, and each change leads to one build.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Much longer than any build here takes: a test that waits so long has failed.
const TIMEOUT: Duration = Duration::from_secs(60);

struct Watch {
    folder: PathBuf,
    process: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn start(folder: &Path, arguments: &[&str]) -> Watch {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
        command.current_dir(folder).args(["build", "--watch"]).args(arguments);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let (sender, lines) = channel();
        let (out, err) = (process.stdout.take().expect("piped"), process.stderr.take().expect("piped"));
        let also = sender.clone();
        std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
        std::thread::spawn(move || BufReader::new(err).lines().map_while(Result::ok).all(|line| also.send(line).is_ok()));
        Watch { folder: folder.to_owned(), process, lines }
    }

    /// Saves a file as editors do: the whole of it at once.
    fn save(&self, path: &str, text: &str) {
        let place = self.folder.join(path);
        let temporary = place.with_file_name(".saving.tmp");
        fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, &place)).expect("a file");
    }

    /// Waits for the line of the next build, which must say this; what is printed before it.
    #[track_caller]
    fn built(&self, expected: &str) -> String {
        let mut before = String::new();
        loop {
            let line = self.lines.recv_timeout(TIMEOUT).unwrap_or_else(|_| panic!("no build after:\n{before}"));
            if line.starts_with("built ") {
                assert!(line.ends_with(expected), "{line}\nafter:\n{before}");
                return before;
            }
            before += &format!("{line}\n");
        }
    }

    /// Presses Ctrl-C, and waits for the end; what was printed since the last build.
    fn stop(mut self) -> String {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
        let status = self.process.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "{status}");
        self.lines.iter().map(|line| line + "\n").collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
}

fn spec(action: &str) -> String {
    format!(
        "title: One\nid: 0b5ad1c6-9f3f-4b0e-9f29-3c0d2bb3a001\nlevel: low\nlogsource: {{ product: shop, service: audit }}\n\
         lists: {{ names: {{ file: lists/names.txt }} }}\ndetection:\n  selection: {{ action: {action}, user|expand: '%names%' }}\n  \
         condition: selection\n"
    )
}

fn log_source(table: &str) -> String {
    format!(
        "product: shop\nservice: audit\ntitle: Shop\ndescription: Orders.\ntime-format: iso8601\naql: {{ type-name: Shop, property-prefix: Shop }}\n\
         spl: {{ sourcetype: 'shop:audit', json: true }}\nkql: {{ table: {table} }}\nfields:\n  timestamp: {{ type: timestamp }}\n  \
         action: {{ kql: Action }}\n  user: {{ kql: User }}\n"
    )
}

#[test]
fn each_save_leads_to_one_build() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let words = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/kql/operators.j2");
    let words = fs::read_to_string(words).expect("a template");
    let write = |path: &str, text: &str| {
        let place = scratch.path().join(path);
        fs::create_dir_all(place.parent().expect("a folder")).and_then(|()| fs::write(place, text)).expect("a file");
    };
    write("detections/one.yml", &spec("sold"));
    write("lists/names.txt", "alice\n");
    write("logsources/shop_audit.yml", &log_source("Shop_CL"));
    write("sites/here.yml", "aql: { limit: 10 }\n");
    write("words/kql/operators.j2", &words);
    let watch = Watch::start(scratch.path(), &["--site", "sites/here.yml", "--templates", "words"]);
    watch.built("4 artefacts changed");
    watch.save("detections/one.yml", &spec("bought"));
    watch.built("4 artefacts changed");
    watch.save("lists/names.txt", "alice\nbob\n");
    watch.built("4 artefacts changed");
    watch.save("logsources/shop_audit.yml", &log_source("Orders_CL"));
    watch.built("1 artefact changed");
    watch.save("sites/here.yml", "aql: { limit: 20 }\n");
    watch.built("1 artefact changed");
    watch.save("words/kql/operators.j2", &words.replace("in~", "in~ "));
    watch.built("1 artefact changed");
    // errors are printed, and it goes on
    let broken = spec("bought").replace("condition: selection", "condition: selektion");
    watch.save("detections/one.yml", &broken);
    let said = watch.built("0 artefacts changed, with errors");
    assert!(said.contains("error[E0204]"), "{said}");
    watch.save("detections/one.yml", &spec("sold"));
    watch.built("4 artefacts changed");
    // what was not there before
    fs::create_dir(scratch.path().join("detections/more")).expect("a folder");
    watch.built("0 artefacts changed");
    let second = spec("left").replace("title: One", "title: Two").replace("a001", "a002");
    watch.save("detections/more/two.yml", &second);
    watch.built("4 artefacts changed");
    fs::remove_file(scratch.path().join("detections/more/two.yml")).expect("it was there");
    watch.built("4 artefacts changed");
    // what is no input, its own output above all, leads to nothing: the next line is about the next save
    watch.save("detections/notes.md", "notes\n");
    watch.save("out/kql/one.kql", "changed by hand\n");
    watch.save("detections/one.yml", &spec("kept"));
    watch.built("4 artefacts changed");
    assert_eq!(watch.stop(), "");
}
