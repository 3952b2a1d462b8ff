//! Where a spec's events come from, and what must be true first: in words, for each platform.

use super::Subject;
use super::markdown::{code, inline, link, paragraphs, points, prose, way};
use super::spec::NamedSource;
use super::words::{codes, platform};
use crate::build::Outcome;
use crate::logsource::{LogSource, Platform};
use crate::needs::{Needs, PLATFORMS};
use crate::target::Target;
use std::collections::{BTreeMap, BTreeSet};

/// The part of a page about data sources.
pub fn part(page: &str, subject: &Subject<'_>, sources: &[NamedSource]) -> String {
    let detection = subject.detection;
    let named = |source: &NamedSource| format!("{} ({})", link(&inline(&source.title), &way(page, &source.page)), code(&source.path));
    let mut parts = vec![format!("Events: {}.", sources.iter().map(named).collect::<Vec<_>>().join(", "))];
    let behind = detection.log_sources();
    let definitions: BTreeSet<&str> = behind.iter().filter_map(|source| source.definition.as_deref()).collect();
    parts.extend(definitions.into_iter().map(paragraphs));
    let needs = Needs::of([detection]);
    let product = required(&needs, Platform::Product, &behind);
    if !product.is_empty() {
        parts.push(format!("**{}**\n\n{}", platform(Platform::Product), points(product)));
    }
    // a target without a query reads nothing
    let skipped = |of: Platform| {
        let is_skipped = |(target, outcome): &(Target, Outcome)| target.platform() == Some(of) && matches!(outcome, Outcome::Skipped(_));
        subject.outcomes.iter().any(is_skipped)
    };
    for of in PLATFORMS.into_iter().filter(|of| !skipped(*of)) {
        let points = points(on_platform(&needs, of, &behind));
        if !points.is_empty() {
            parts.push(format!("**{}**\n\n{points}", platform(of)));
        }
    }
    parts.join("\n\n")
}

/// What must be true first, in the order of the log sources' authors.
fn required(needs: &Needs, platform: Platform, sources: &[&LogSource]) -> Vec<String> {
    let needed = needs.prerequisites.get(platform.key());
    let mut found: Vec<String> = Vec::new();
    for (_, text) in sources.iter().flat_map(|source| &source.prerequisites).filter(|(other, _)| *other == platform) {
        let text = needed.filter(|needed| needed.contains(text)).map(|_| prose(text));
        found.extend(text.filter(|text| !found.contains(text)));
    }
    found
}

fn on_platform(needs: &Needs, platform: Platform, sources: &[&LogSource]) -> Vec<String> {
    let places = match platform {
        Platform::Aql => &needs.aql,
        Platform::Spl => &needs.spl,
        Platform::Kql | Platform::Product => &needs.kql,
    };
    let mut points: Vec<String> = places.iter().map(|(place, columns)| read(place, columns)).collect();
    points.extend(absent(needs, platform, sources));
    points.extend(required(needs, platform, sources));
    points
}

fn read(place: &str, columns: &BTreeSet<String>) -> String {
    if columns.is_empty() {
        return format!("From {}.", code(place));
    }
    format!("From {}, of which the query reads {}.", code(place), codes(columns))
}

/// What the platform does not have, and why.
fn absent(needs: &Needs, platform: Platform, sources: &[&LogSource]) -> Vec<String> {
    let why: BTreeMap<String, String> = sources.iter().map(|source| (source.id.path(), source.why_missing(platform))).collect();
    let events = why.iter().filter(|(_, reason)| !reason.is_empty());
    let mut points: Vec<String> = events.map(|(path, reason)| format!("No events of {}{}.", code(path), prose(end(reason)))).collect();
    for (path, fields) in needs.missing.get(platform.key()).into_iter().flatten() {
        let source = sources.iter().find(|source| source.id.path() == *path);
        for name in fields {
            let reason = source.and_then(|source| source.field(name)).map(|field| field.why_missing(platform)).unwrap_or_default();
            points.push(format!("No place for the field {}{}.", code(name), prose(end(&reason))));
        }
    }
    points
}

/// A reason as the middle of a sentence.
fn end(reason: &str) -> &str {
    reason.trim_end().trim_end_matches('.')
}
