//! Tests of what cannot be seen from outside. `tests/mutants` shows mutants of every kind.

use super::expression::neighbours;
use super::selection::Node;
use crate::frontend::understand_spec;
use crate::logsource::LogSources;
use crate::source::Source;

/// The tree of items means what the selection means: in every spec of the tests that needs no file.
#[test]
fn trees_mean_what_selections_mean() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/specs/ok");
    let surroundings = LogSources::built_in();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let Some(text) = entry.extension().filter(|found| *found == "yml").and_then(|_| std::fs::read_to_string(&entry).ok()) else {
            continue;
        };
        let Some(detection) = understand_spec(&Source::new("t.yml", text), &surroundings).0 else { continue };
        for selection in &detection.selections {
            assert_eq!(Node::of(selection).condition(), selection.condition, "{}: {}", entry.display(), selection.name);
            seen += 1;
        }
    }
    assert!(seen > 150, "only {seen} selections");
}

#[test]
fn neighbours_differ_in_the_last_digit() {
    assert_eq!(neighbours(40.0), [39.0, 41.0]);
    assert_eq!(neighbours(0.0), [-1.0, 1.0]);
    assert_eq!(neighbours(0.8), [0.7, 0.9]);
    assert_eq!(neighbours(-1.05), [-1.06, -1.04]);
    assert_eq!(neighbours(99.95), [99.94, 99.96]);
}
