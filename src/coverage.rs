//! Detections, and the targets that each is built for → which ATT&CK techniques they cover: as a table, as JSON, and as a layer of
//! the ATT&CK Navigator. Techniques are those of today: a revoked one counts for its successor.

use crate::attack::{self, Technique};
use crate::detection::Detection;
use crate::report::{aligned, counted};
use crate::target::Target;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The layer format that is written, and the oldest Navigator that reads it.
const LAYER: (&str, &str) = ("4.5", "4.9.0");

/// A spec that covers something.
pub struct Covering<'a> {
    /// Its path below `detections/`, without extension.
    pub name: &'a str,
    /// What it means.
    pub detection: &'a Detection,
    /// The targets that it is built for.
    pub targets: &'a [Target],
}

/// What covers a technique.
#[derive(Debug, Default, Serialize)]
pub struct Cover {
    /// The technique's name, with its parent's.
    pub name: String,
    /// Its tactics, as tags write them.
    pub tactics: Vec<&'static str>,
    /// Specs that name it.
    pub specs: BTreeSet<String>,
    /// Those of them with a test that expects an alert.
    pub tested: BTreeSet<String>,
    /// How many of them are built for each target.
    pub targets: BTreeMap<&'static str, usize>,
}

/// Techniques by their ids.
pub type Coverage = BTreeMap<&'static str, Cover>;

/// What specs cover.
pub fn coverage<'a>(specs: impl IntoIterator<Item = Covering<'a>>) -> Coverage {
    let mut coverage = Coverage::new();
    for spec in specs {
        for technique in attack::tagged_techniques(&spec.detection.metadata.tags) {
            let cover = coverage.entry(technique.id).or_insert_with(|| Cover::of(&technique));
            cover.specs.insert(spec.name.to_owned());
            if is_tested(spec.detection) {
                cover.tested.insert(spec.name.to_owned());
            }
            spec.targets.iter().for_each(|target| *cover.targets.entry(target.name()).or_default() += 1);
        }
    }
    coverage
}

impl Cover {
    fn of(technique: &Technique) -> Cover {
        Cover { name: technique.full_name(), tactics: technique.tactics().collect(), ..Cover::default() }
    }
}

/// Whether a test expects an alert of it.
fn is_tested(detection: &Detection) -> bool {
    detection.tests.iter().any(|test| test.expect.count() > 0)
}

/// A wanted technique that nothing covers.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Its id as it is today.
    pub id: &'static str,
    /// Its name.
    pub name: String,
    /// Sub-techniques of it that are covered.
    pub covered_in_part: Vec<&'static str>,
}

/// The wanted techniques that are not covered, in the order of their ids, and the lines that name none. A line holds an id;
/// what follows a `#` is a comment.
pub fn gaps(coverage: &Coverage, wanted: &str) -> (Vec<Gap>, Vec<String>) {
    let (mut gaps, mut unknown) = (BTreeMap::new(), Vec::new());
    for line in wanted.lines() {
        let id = line.split('#').next().unwrap_or_default().trim();
        if id.is_empty() {
            continue;
        }
        let Some(technique) = attack::technique(id).and_then(Technique::current) else {
            unknown.push(id.to_owned());
            continue;
        };
        if !coverage.contains_key(technique.id) {
            let parts = attack::sub_techniques(technique.id).into_iter().map(|part| part.id);
            let covered_in_part = parts.filter(|part| coverage.contains_key(part)).collect();
            gaps.insert(technique.id, Gap { id: technique.id, name: technique.full_name(), covered_in_part });
        }
    }
    (gaps.into_values().collect(), unknown)
}

/// A table for people.
pub fn table(coverage: &Coverage) -> String {
    let mut rows = vec![["technique", "name", "specs", "tested", "aql", "spl", "kql", "sigma"].map(str::to_owned)];
    for (id, cover) in coverage {
        let built = |target: &str| cover.targets.get(target).map_or_else(|| "-".to_owned(), usize::to_string);
        let counts = [cover.specs.len().to_string(), cover.tested.len().to_string()];
        let [specs, tested] = counts;
        rows.push([(*id).to_owned(), cover.name.clone(), specs, tested, built("aql"), built("spl"), built("kql"), built("sigma")]);
    }
    aligned(rows.iter())
}

/// A layer of the Navigator: each technique under each of its tactics, scored by the number of its specs.
pub fn layer(name: &str, coverage: &Coverage) -> Value {
    let mut techniques = Vec::new();
    for (id, cover) in coverage {
        let targets: Vec<String> = cover.targets.iter().map(|(target, count)| format!("{count} for {target}")).collect();
        let comment = format!("{} of {} with tests; {}", cover.tested.len(), counted(cover.specs.len(), "spec"), targets.join(", "));
        let specs: Vec<Value> = cover.specs.iter().map(|spec| json!({ "name": "spec", "value": spec })).collect();
        for tactic in &cover.tactics {
            techniques.push(json!({
                "techniqueID": id, "tactic": tactic, "score": cover.specs.len(), "enabled": true, "comment": comment, "metadata": specs,
                "showSubtechniques": coverage.keys().any(|other| other.strip_prefix(id).is_some_and(|rest| rest.starts_with('.'))),
            }));
        }
    }
    let most = coverage.values().map(|cover| cover.specs.len()).max().unwrap_or(1);
    json!({
        "name": name,
        "versions": { "attack": attack::VERSION.split('.').next(), "navigator": LAYER.1, "layer": LAYER.0 },
        "domain": "enterprise-attack",
        "description": "How many detections name each technique.",
        "sorting": 3,
        "hideDisabled": false,
        "techniques": techniques,
        "gradient": { "colors": ["#ffffff", "#2f7ed8"], "minValue": 0, "maxValue": most },
        "legendItems": [{ "label": "at least one detection", "color": "#2f7ed8" }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::contract::tests::detection;

    fn covered() -> Coverage {
        let rule = |tags: &str, tests: &str| {
            detection(&format!(
                "title: t\nlogsource: {{ product: p }}\ntags: [{tags}]\ndetection: {{ a: {{ b: c }}, condition: a }}\n{tests}"
            ))
        };
        let tests = "tests: [{ name: n, events: [{ event: { b: c } }], expect: { alerts: 1 } }]\n";
        let first = rule("attack.t1213.001, attack.t1552", tests);
        let second = rule("attack.t1213.001", "");
        coverage([
            Covering { name: "a", detection: &first, targets: &[Target::Aql, Target::Sigma] },
            Covering { name: "b", detection: &second, targets: &[Target::Aql] },
        ])
    }

    #[test]
    fn a_table() {
        insta::assert_snapshot!(table(&covered()));
    }

    #[test]
    fn a_layer() {
        insta::assert_snapshot!(format!("{:#}", layer("n", &covered())));
    }

    #[test]
    fn what_is_missing() {
        let (gaps, unknown) = gaps(&covered(), "# wanted\nT1213\nt1552 # covered\n\nT9999\nT1059.001\n");
        assert_eq!(unknown, ["T9999"]);
        assert_eq!(gaps.iter().map(|gap| gap.id).collect::<Vec<_>>(), ["T1059.001", "T1213"]);
        assert_eq!(gaps[1].covered_in_part, ["T1213.001"]);
    }
}
