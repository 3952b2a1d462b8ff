//! The schema that editors get accepts every shipped spec and refuses what the reader refuses.

use std::path::{Path, PathBuf};

fn schema() -> serde_json::Value {
    serde_json::from_str(&cognate::schema::text()).expect("the schema is JSON")
}

fn specs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder exists").map(|entry| entry.expect("it can be read").path());
    let mut found: Vec<PathBuf> = entries
        .flat_map(|path| if path.is_dir() { specs(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|e| e == "yml"))
        .collect();
    found.sort();
    found
}

fn instance(text: &str) -> serde_json::Value {
    let yaml: serde_yaml::Value = serde_yaml::from_str(text).expect("the spec is YAML");
    serde_json::to_value(yaml).expect("the spec is plain data")
}

#[test]
fn every_shipped_spec_is_valid() {
    let validator = jsonschema::validator_for(&schema()).expect("the schema is valid");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all: Vec<PathBuf> = [root.join("detections"), root.join("docs/example")].iter().flat_map(|folder| specs(folder)).collect();
    assert!(all.len() > 15, "only {} specs", all.len());
    for path in all {
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let instance = instance(&text);
        let errors: Vec<String> = validator.iter_errors(&instance).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    }
}

#[test]
fn slips_of_the_pen_are_refused() {
    const EVENTS: &str = "tests: [{ name: t, events: [{ for-each: { f: x } }], expect: { alerts: 0 } }]";
    const MUTANTS: &str = "mutants: [{ equivalent: x }]";
    let validator = jsonschema::validator_for(&schema()).expect("the schema is valid");
    let spec = "title: T\nlogsource: { product: p }\ndetection: { s: { f: x }, condition: s }\n";
    assert!(validator.is_valid(&instance(spec)));
    for slip in
        ["level: hihg", "aggregate: { windw: 1h }", "targets: { spll: {} }", "schedule: { every: often }", "status: 3", EVENTS, MUTANTS]
    {
        assert!(!validator.is_valid(&instance(&format!("{spec}{slip}\n"))), "{slip}");
    }
}

#[test]
fn the_schema_knows_every_key() {
    let schema = schema();
    let known = schema["properties"].as_object().expect("the schema lists properties");
    for key in cognate::spec::KNOWN_KEYS {
        assert!(known.contains_key(*key), "{key}");
    }
    assert_eq!(known.len(), cognate::spec::KNOWN_KEYS.len());
}
