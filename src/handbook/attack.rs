//! What ATT&CK says of the techniques, groups and software that a spec's tags name; techniques and tests of Atomic Red Team that its
//! tests name. All of it comes from the embedded tables.

use super::COVERAGE;
use super::markdown::{first_of, inline, link, points, way};
use crate::attack::{self, AtomicTest, DetectionStrategy, Object, Technique, VERSION, tagged_techniques};
use crate::detection::{Detection, Test};

/// How many groups, mitigations, strategies or tests are named.
const SHOWN: usize = 8;

/// The part of a page about ATT&CK.
pub fn part(page: &str, detection: &Detection) -> String {
    let techniques = tagged_techniques(&detection.metadata.tags);
    let seen: Vec<String> = seen_with(detection).iter().map(object).collect();
    if techniques.is_empty() && seen.is_empty() {
        return String::new();
    }
    let mut parts: Vec<String> = techniques.iter().map(described).collect();
    if !seen.is_empty() {
        parts.push(format!("The author names: {}.", seen.join(", ")));
    }
    parts.push(format!("From MITRE ATT&CK {VERSION}; {} lists the other specs.", link("the coverage", &way(page, COVERAGE))));
    parts.join("\n\n")
}

/// Groups and software that the tags name.
fn seen_with(detection: &Detection) -> Vec<Object> {
    let names = detection
        .metadata
        .tags
        .iter()
        .filter_map(|tag| tag.value.split_once('.'))
        .filter(|(space, _)| space.eq_ignore_ascii_case("attack"));
    names.filter_map(|(_, name)| attack::group(name).or_else(|| attack::software(name))).collect()
}

fn described(technique: &Technique) -> String {
    let heading = format!("### {} {}", link(technique.id, &technique.url()), inline(&technique.full_name()));
    let parent = technique.parent.and_then(attack::technique);
    let tactics: Vec<String> = technique.tactics().filter_map(attack::tactic).map(|tactic| link(tactic.name, &tactic.url())).collect();
    let objects = |found: Vec<Object>| found.iter().map(object).collect::<Vec<_>>();
    let strategies: Vec<String> = attack::detection_strategies_of(technique.id).iter().map(strategy).collect();
    let atomics: Vec<String> = attack::atomics_of(technique.id).iter().map(atomic).collect();
    let lines = [
        ("Part of", parent.iter().map(named).collect::<Vec<_>>()),
        ("Tactics", tactics),
        ("Platforms", technique.platforms().map(inline).collect()),
        ("Groups that use it", objects(attack::groups_of(technique.id))),
        ("Mitigations", objects(attack::mitigations_of(technique.id))),
        ("Detection strategies", strategies),
        ("Tests of Atomic Red Team", atomics),
    ];
    let given = lines.into_iter().filter(|(_, texts)| !texts.is_empty());
    let lines = points(given.map(|(name, texts)| format!("{name}: {}", first_of(&texts, SHOWN))));
    format!("{heading}\n\n{lines}")
}

/// A technique with its link.
pub fn named(technique: &Technique) -> String {
    format!("{} {}", link(technique.id, &technique.url()), inline(&technique.full_name()))
}

fn object(object: &Object) -> String {
    format!("{} {}", link(object.id, &object.url()), inline(object.name))
}

fn strategy(strategy: &DetectionStrategy) -> String {
    let address = format!("https://attack.mitre.org/detectionstrategies/{}/", strategy.id);
    format!("{} {}", link(strategy.id, &address), inline(strategy.name))
}

/// A test of Atomic Red Team with the link to its technique's file.
pub fn atomic(test: &AtomicTest) -> String {
    let elevated = if test.elevated { ", as an administrator" } else { "" };
    let number = link(&format!("{} test {}", test.technique, test.number), &test.url());
    format!("{number} {} ({}{elevated})", inline(test.name), inline(test.executor))
}

/// The technique that a test stands for: that of its test of Atomic Red Team, or the one that it names.
pub fn technique_of(test: &Test) -> Option<Technique> {
    let named = test.technique.as_ref().map(|technique| technique.value.as_str());
    let of_atomic = || test.atomic.as_ref().and_then(|guid| attack::atomic(&guid.value)).map(|atomic| atomic.technique);
    attack::technique(named.or_else(of_atomic)?)?.current()
}
