//! The index, all specs by log source, and the coverage, techniques × targets.

use super::attack::named;
use super::logsource::LogSourcePages;
use super::markdown::{inline, link, points, table};
use super::{COVERAGE, Entry, INDEX, Standing, page_of};
use crate::attack::{self, Technique};
use crate::report::counted;
use crate::target::Target;
use std::collections::{BTreeMap, BTreeSet};

/// What the marks in tables mean.
const MARKS: &str = "*exact*: the query means what the spec means; *exact\\**: it does under assumptions that its page lists; *approx.*: it \
deviates in a way that has been accepted; *skipped*: the spec says that it is not built; *refused*: the target cannot say it; \
*not accepted*: it deviates and nobody has accepted that.";

/// The page with all specs. Those with errors are named with whether there is an old page.
pub fn index(entries: &[Entry], log_sources: &LogSourcePages, left_out: &BTreeSet<(String, bool)>) -> String {
    let used = log_sources.sorted();
    let counts = format!(
        "{} over {}; {} lists them by technique.",
        counted(entries.len(), "spec"),
        counted(used.len(), "log source"),
        link("the coverage", COVERAGE)
    );
    let mut parts = vec!["# Detections".to_owned(), counts, MARKS.to_owned()];
    let mut shown = BTreeSet::new();
    for used in used {
        // a spec over several log sources stands under the first
        let specs: Vec<&Entry> = used.specs.iter().filter(|place| shown.insert(**place)).filter_map(|place| entries.get(*place)).collect();
        if !specs.is_empty() {
            parts.push(format!("## {}\n\n{}", used.named(INDEX), specs_table(&specs)));
        }
    }
    if !left_out.is_empty() {
        let name = |(name, has_page): &(String, bool)| if *has_page { link(&inline(name), &page_of(name)) } else { inline(name) };
        parts.push(format!(
            "## With errors\n\nThese specs have errors. What is linked is an older page.\n\n{}",
            points(left_out.iter().map(name))
        ));
    }
    format!("{}\n", parts.join("\n\n"))
}

fn specs_table(entries: &[&Entry]) -> String {
    let head: Vec<&str> = ["spec", "level", "techniques"].into_iter().chain(Target::ALL.map(Target::title)).collect();
    let row = |entry: &&Entry| {
        let techniques: Vec<String> = entry.techniques.iter().map(|technique| link(technique.id, &technique.url())).collect();
        let level = entry.level.as_deref().map(inline).unwrap_or_default();
        let standings = entry.standings.iter().map(|(_, standing)| standing.text().replace('*', "\\*"));
        [link(&inline(&entry.title), &entry.page), level, techniques.join(", ")].into_iter().chain(standings).collect()
    };
    table(&head, &entries.iter().map(row).collect::<Vec<_>>())
}

/// The page with all techniques.
pub fn coverage(entries: &[Entry]) -> String {
    let mut techniques: BTreeMap<&str, (Technique, Vec<&Entry>)> = BTreeMap::new();
    for entry in entries {
        for technique in &entry.techniques {
            techniques.entry(technique.id).or_insert_with(|| (*technique, Vec::new())).1.push(entry);
        }
    }
    let head: Vec<&str> = ["technique", "tactics", "specs"].into_iter().chain(Target::ALL.map(Target::title)).chain(["tested"]).collect();
    let rows: Vec<Vec<String>> = techniques.values().map(|(technique, entries)| row(technique, entries)).collect();
    let legend = "How many specs have a query that is exact, perhaps under assumptions, or approximate. A technique is tested if a spec that \
                  names it has a test that expects an alert.";
    let mut parts = vec![format!("# Coverage\n\n{}", link("All detections", INDEX)), legend.to_owned(), table(&head, &rows)];
    let without: Vec<String> = entries.iter().filter(|entry| entry.techniques.is_empty()).map(linked).collect();
    if !without.is_empty() {
        parts.push(format!("## Without a technique\n\n{}", points(without)));
    }
    format!("{}\n", parts.join("\n\n"))
}

fn linked(entry: &Entry) -> String {
    link(&inline(&entry.title), &entry.page)
}

fn row(technique: &Technique, entries: &[&Entry]) -> Vec<String> {
    let tactics: Vec<String> = technique.tactics().filter_map(attack::tactic).map(|tactic| inline(tactic.name)).collect();
    let specs: Vec<String> = entries.iter().map(|entry| linked(entry)).collect();
    let mut cells = vec![named(technique), tactics.join(", "), specs.join(", ")];
    cells.extend(Target::ALL.map(|target| queries(target, entries)));
    cells.push(tested(technique, entries));
    cells
}

/// How many specs have which kind of query.
fn queries(target: Target, entries: &[&Entry]) -> String {
    let (mut exact, mut approximate) = (0, 0);
    for (_, standing) in entries.iter().flat_map(|entry| &entry.standings).filter(|(of, _)| *of == target) {
        match standing {
            Standing::Built(mark) if mark.approximations.is_empty() => exact += 1,
            Standing::Built(_) => approximate += 1,
            Standing::NotAccepted(_) | Standing::Skipped | Standing::Refused => {}
        }
    }
    let kinds = [(exact, "exact"), (approximate, "approx.")];
    let kinds: Vec<String> = kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{count} {kind}")).collect();
    if kinds.is_empty() { "–".to_owned() } else { kinds.join(", ") }
}

fn tested(technique: &Technique, entries: &[&Entry]) -> String {
    let named = entries.iter().flat_map(|entry| &entry.named).filter(|id| **id == technique.id).count();
    match (entries.iter().any(|entry| entry.tested), named) {
        (false, _) => "no".to_owned(),
        (true, 0) => "yes".to_owned(),
        (true, named) => format!("yes, {} for it", counted(named, "test")),
    }
}
