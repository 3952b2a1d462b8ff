//! Diagnostics → SARIF 2.1.0, as code scanning reads it.

use super::{Lines, Place, each, full_message, pretty, shortened};
use crate::diagnostic::{ALL_CODES, Code, Diagnostic};
use crate::source::Source;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};
use std::cell::RefCell;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// Where the sources live; empty if the package does not say it.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

/// One run with a rule for every code that occurs and a result for every diagnostic.
pub fn sarif(items: &[(Source, Vec<Diagnostic>)]) -> String {
    let mut codes: Vec<Code> = items.iter().flat_map(|(_, diagnostics)| diagnostics).map(|diagnostic| diagnostic.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let seen = RefCell::new(FxHashMap::default());
    let results = each(items, |source, lines, diagnostic| {
        let index = codes.binary_search(&diagnostic.code).unwrap_or_default();
        result(source, lines, diagnostic, index, &seen)
    });
    let mut driver = json!({ "name": "cognate", "semanticVersion": env!("CARGO_PKG_VERSION") });
    if !REPOSITORY.is_empty() {
        driver["informationUri"] = json!(REPOSITORY);
    }
    driver["rules"] = codes.iter().map(|code| rule(*code)).collect();
    pretty(&json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results }],
    }))
}

fn rule(code: Code) -> Value {
    let title = ALL_CODES.iter().find(|(known, _)| *known == code).map_or(code.0, |(_, title)| title);
    let level = match code.0.as_bytes().first() {
        Some(b'E') => "error",
        Some(b'W') => "warning",
        _ => "note",
    };
    let page = format!("docs/diagnostics/{code}.md");
    let mut rule = json!({ "id": code.0, "shortDescription": { "text": title } });
    // the standard wants an absolute address
    if !REPOSITORY.is_empty() {
        rule["helpUri"] = json!(format!("{}/blob/main/{page}", REPOSITORY.trim_end_matches('/')));
    }
    let text = format!("`cognate explain {code}` or {page}");
    rule["help"] = match crate::pages::page(code.0) {
        Some(page) => json!({ "text": text, "markdown": page }),
        None => json!({ "text": text }),
    };
    rule["defaultConfiguration"] = json!({ "level": level });
    rule
}

/// How many characters of its line tell a finding from others.
const LONGEST_LINE: usize = 1000;

fn result(source: &Source, lines: &Lines<'_>, diagnostic: &Diagnostic, index: usize, seen: &RefCell<FxHashMap<u64, usize>>) -> Value {
    let place = lines.place(diagnostic.span);
    let line = lines.line(place.line - 1).0.trim();
    let mut result = json!({
        "ruleId": diagnostic.code.0,
        "ruleIndex": index,
        "level": diagnostic.severity.name(),
        "message": { "text": full_message(diagnostic) },
        "locations": [location(source, place)],
    });
    if !diagnostic.labels.is_empty() {
        let related = diagnostic.labels.iter().enumerate().map(|(id, (span, text))| {
            let mut related = location(source, lines.place(*span));
            related["id"] = json!(id + 1);
            related["message"] = json!({ "text": text });
            related
        });
        result["relatedLocations"] = related.collect();
    }
    let hash = hash(&[&source.path, diagnostic.code.0, &shortened(line, LONGEST_LINE)]);
    let mut seen = seen.borrow_mut();
    let times = seen.entry(hash).or_insert(0);
    *times += 1;
    result["partialFingerprints"] = json!({ "primaryLocationLineHash": format!("{hash:016x}:{times}") });
    result
}

fn location(source: &Source, place: Place) -> Value {
    json!({
        "physicalLocation": {
            "artifactLocation": artifact(&source.path),
            "region": {
                "startLine": place.line,
                "startColumn": place.column,
                "endLine": place.end_line,
                "endColumn": place.end_column,
            },
        },
    })
}

/// Relative paths start at the root of the sources.
fn artifact(path: &str) -> Value {
    let mut bytes = path.bytes();
    let drive = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic()) && bytes.next() == Some(b':') && bytes.next() == Some(b'/');
    if drive {
        return json!({ "uri": format!("file:///{}:{}", &path[..1], encoded(&path[2..])) });
    }
    if path.starts_with('/') {
        return json!({ "uri": format!("file://{}", encoded(path)) });
    }
    json!({ "uri": encoded(path.strip_prefix("./").unwrap_or(path)), "uriBaseId": "%SRCROOT%" })
}

/// Percent-encoded, slashes kept.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// FNV-1a: the same on every machine and in every version, so that code scanning knows a finding again.
fn hash(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain(std::iter::once(0)));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{E0004, E0101, W0101};
    use crate::source::Span;

    /// What the schema of SARIF 2.1.0 says about the objects that are written here.
    fn schema() -> jsonschema::Validator {
        let message = json!({ "type": "object", "required": ["text"], "properties": { "text": { "type": "string" }, "markdown": { "type": "string" } }, "additionalProperties": false });
        let level = json!({ "enum": ["none", "note", "warning", "error"] });
        let number = json!({ "type": "integer", "minimum": 1 });
        let location = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "id": { "type": "integer", "minimum": -1 },
                "message": message,
                "physicalLocation": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "artifactLocation": {
                            "type": "object",
                            "additionalProperties": false,
                            "properties": { "uri": { "type": "string", "format": "uri-reference", "pattern": "^[!-~]*$" }, "uriBaseId": { "type": "string" } },
                        },
                        "region": {
                            "type": "object",
                            "additionalProperties": false,
                            "properties": { "startLine": number, "startColumn": number, "endLine": number, "endColumn": number },
                        },
                    },
                },
            },
        });
        let result = json!({
            "type": "object",
            "required": ["message"],
            "additionalProperties": false,
            "properties": {
                "ruleId": { "type": "string" },
                "ruleIndex": { "type": "integer", "minimum": -1 },
                "level": level,
                "message": message,
                "locations": { "type": "array", "items": location },
                "relatedLocations": { "type": "array", "uniqueItems": true, "items": location },
                "partialFingerprints": { "type": "object", "additionalProperties": { "type": "string" } },
            },
        });
        let rule = json!({
            "type": "object",
            "required": ["id"],
            "additionalProperties": false,
            "properties": {
                "id": { "type": "string" },
                "shortDescription": message,
                "helpUri": { "type": "string", "format": "uri" },
                "help": message,
                "defaultConfiguration": { "type": "object", "additionalProperties": false, "properties": { "level": level } },
            },
        });
        let driver = json!({
            "type": "object",
            "required": ["name"],
            "additionalProperties": false,
            "properties": {
                "name": { "type": "string" },
                "semanticVersion": { "type": "string" },
                "informationUri": { "type": "string", "format": "uri" },
                "rules": { "type": "array", "uniqueItems": true, "items": rule },
            },
        });
        let run = json!({
            "type": "object",
            "required": ["tool"],
            "additionalProperties": false,
            "properties": {
                "tool": { "type": "object", "required": ["driver"], "additionalProperties": false, "properties": { "driver": driver } },
                "columnKind": { "enum": ["utf16CodeUnits", "unicodeCodePoints"] },
                "results": { "type": "array", "items": result },
            },
        });
        let log = json!({
            "type": "object",
            "required": ["version", "runs"],
            "additionalProperties": false,
            "properties": { "$schema": { "type": "string", "format": "uri" }, "version": { "const": "2.1.0" }, "runs": { "type": "array", "items": run } },
        });
        jsonschema::options().should_validate_formats(true).build(&log).unwrap()
    }

    #[test]
    fn written_form_conforms() {
        let source = Source::new("detections/ä b.yml", "title: x\nlevl: high\ntitle: y\n");
        let found = vec![
            Diagnostic::error(E0101, Span::new(9, 13), "unknown key `levl`").help("did you mean `level`?"),
            Diagnostic::error(E0004, Span::new(20, 25), "the key `title` stands here twice").label(Span::new(0, 5), "first here"),
            Diagnostic::warning(W0101, Span::new(7, 8), "trap"),
            Diagnostic::warning(W0101, Span::new(7, 8), "trap"),
        ];
        let log: Value = serde_json::from_str(&sarif(&[(source, found)])).unwrap();
        let schema = schema();
        assert_eq!(schema.iter_errors(&log).map(|error| error.to_string()).collect::<Vec<_>>(), [""; 0]);
        let run = &log["runs"][0];
        let ids: Vec<&Value> = run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
        assert_eq!(ids, ["E0004", "E0101", "W0101"]);
        let results = run["results"].as_array().unwrap();
        for result in results {
            assert_eq!(&result["ruleId"], ids[result["ruleIndex"].as_u64().unwrap() as usize]);
        }
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"], json!({ "uri": "detections/%C3%A4%20b.yml", "uriBaseId": "%SRCROOT%" }));
        assert_eq!(place["region"], json!({ "startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 5 }));
        assert_eq!(results[1]["relatedLocations"][0]["message"]["text"], "first here");
        let print = |index: usize| results[index]["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap().to_owned();
        assert!(print(2).ends_with(":1") && print(3).ends_with(":2") && print(2)[..16] == print(3)[..16]);
        assert!(schema.is_valid(&serde_json::from_str(&sarif(&super::super::tests::awkward())).unwrap()));
        assert!(schema.is_valid(&serde_json::from_str(&sarif(&[])).unwrap()));
    }

    #[test]
    fn paths() {
        assert_eq!(artifact("./a.yml"), json!({ "uri": "a.yml", "uriBaseId": "%SRCROOT%" }));
        assert_eq!(artifact("/a#.yml"), json!({ "uri": "file:///a%23.yml" }));
        assert_eq!(artifact("C:/a b.yml"), json!({ "uri": "file:///C:/a%20b.yml" }));
        assert_eq!(artifact("a:b.yml")["uri"], "a%3Ab.yml");
        assert_eq!(artifact("")["uri"], "");
    }
}
