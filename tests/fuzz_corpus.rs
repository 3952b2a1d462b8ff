//! Every input that fuzzing has kept (`fuzz/corpus`: what reaches different parts of the program) and every one that
//! once failed (`fuzz/findings`) goes through its fuzz target again, without the fuzzer. Specs that are long rather than
//! odd, which a fuzzer does not find, are made here. See `docs/fuzzing.md`.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use targets::{TARGETS, Target};

/// No input may take longer, also not in a debug build on a busy machine.
const LONGEST: Duration = Duration::from_secs(20);

/// The files of a folder below `fuzz/`, sorted; a folder that is not there has none.
fn inputs(folder: &str) -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(path).into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// Whether a target survives an input in time.
fn survives(path: &Path, (name, run): Target) -> bool {
    let bytes = fs::read(path).expect("a readable file");
    let begin = Instant::now();
    let survived = catch_unwind(|| run(&bytes)).is_ok();
    let took = begin.elapsed();
    if !survived || took > LONGEST {
        eprintln!("{}: {name} does not survive this (after {took:?})", path.display());
    }
    survived && took <= LONGEST
}

fn survives_all(target: Target) {
    let mut paths = inputs(&format!("corpus/{}", target.0));
    assert!(!paths.is_empty(), "there is no corpus for {}", target.0);
    paths.extend(inputs(&format!("findings/{}", target.0)));
    let failed = paths.iter().filter(|path| !survives(path, target)).count();
    assert_eq!(failed, 0, "inputs that are not survived are listed above");
}

/// A test for each target, so that they run beside each other.
macro_rules! tests {
    ($($name:ident)*) => {
        $(#[test] fn $name() {
            let target = TARGETS.into_iter().find(|(name, _)| *name == stringify!($name));
            survives_all(target.expect("a fuzz target of this name"));
        })*

        #[test]
        fn every_target_has_a_test() {
            assert_eq!(TARGETS.map(|(name, _)| name), [$(stringify!($name)),*]);
        }
    };
}

tests! { yaml condition expression spec evaluator log_source site }

#[test]
fn the_specs_that_inputs_are_put_into_compile() {
    targets::check_own_specs();
}

/// A spec with one selection, if need be with an aggregate over it.
fn spec_with(condition: &str, rest: &str) -> String {
    format!(
        "title: T\nlogsource: {{ product: example, service: log }}\n{rest}detection:\n  chosen: {{ action: x }}\n  condition: {condition}\n"
    )
}

fn counting(condition: &str, rest: &str) -> String {
    let head = "aggregate:\n  group-by: [user]\n  window: 1h\n  measures: { events: count() }\n";
    spec_with("chosen", &format!("{head}{rest}  condition: {condition}\n"))
}

/// So many times the same, with the number in it.
fn repeated(times: usize, piece: impl Fn(usize) -> String) -> String {
    (0..times).map(piece).collect()
}

/// Specs that say one thing thousands of times. Each of them took minutes, all memory or all stack once.
fn long_specs() -> Vec<(&'static str, String)> {
    let head = "title: T\nlogsource: { product: example, service: log }\n";
    let values = repeated(1_500, |number| format!("v{number}, "));
    let items = repeated(1_500, |number| format!("    f{number}: x\n"));
    let minutes = repeated(1_500, |number| format!("{number}, "));
    let tags = repeated(1_500, |number| format!("  - attack.exfiltratio{number}\n"));
    let levels = repeated(1_500, |number| format!("    d{}: d{number} + 1\n", number + 1));
    let measures = repeated(1_000, |number| format!("    m{number}: count(chosen)\n"));
    let text = "x".repeat(100_000);
    vec![
        ("a sum of many", counting(&format!("{}1 > 0", "1 + ".repeat(20_000)), "")),
        ("a product of many", counting(&format!("{}1 > 0", "events * ".repeat(20_000)), "")),
        ("derived columns on each other", counting("d9 > 0", &format!("  derive:\n    d0: events + 1\n{levels}"))),
        ("a condition of many lines", spec_with(&format!(">\n{}    chosen", "    chosen or\n".repeat(1_500)), "")),
        ("an expression of many lines", counting(&format!(">\n{}    events > 0", "    events > 0 and\n".repeat(1_500)), "")),
        ("unknown names in one line", spec_with(&format!("{}chosen", repeated(1_500, |number| format!("chose{number} or "))), "")),
        (
            "a large selection named often",
            format!("{head}detection:\n  s:\n    a: [{values}]\n  condition: {}s\n", "not s or ".repeat(1_500)),
        ),
        (
            "a large selection measured often",
            format!(
                "{head}detection:\n  chosen:\n    a: [{values}]\n  condition: chosen\naggregate:\n  window: 1h\n  measures:\n{measures}  \
                 condition: m1 > 0\n"
            ),
        ),
        ("many items", format!("{head}detection:\n  s:\n{items}  condition: s\n")),
        ("many comparisons of one moment", format!("{head}detection:\n  s:\n    timestamp|minute|all: [{minutes}]\n  condition: s\n")),
        ("unknown tags", spec_with("chosen", &format!("tags:\n{tags}"))),
        ("a long text repeated by aliases", format!("a: &x \"\\n{text}\"\nb: [{}]\n{}", "*x, ".repeat(9_000), spec_with("chosen", ""))),
    ]
}

#[test]
fn long_specs_are_survived() {
    for (name, text) in long_specs() {
        let begin = Instant::now();
        targets::spec(text.as_bytes());
        assert!(begin.elapsed() < LONGEST, "{name} takes {:?}", begin.elapsed());
    }
}
