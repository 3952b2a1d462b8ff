//! The page of a spec: its parts in their order. Each part is a text without a final line break, empty if there is nothing to say.

use super::markdown::{code, inline, link, paragraphs, points, reference, table, way};
use super::words::Words;
use super::{INDEX, Subject, attack, events, meaning, needs, queries, tuning};
use crate::detection::Metadata;
use crate::explain::Indicators;

/// A log source as a spec's page names it.
pub struct NamedSource {
    /// Its title.
    pub title: String,
    /// `jira/cloud_audit`
    pub path: String,
    /// The path of its page.
    pub page: String,
}

/// The page.
pub fn page(subject: &Subject<'_>, sources: &[NamedSource], indicators: &Indicators) -> String {
    let (page, detection, metadata) = (subject.page(), subject.detection, &subject.detection.metadata);
    let words = Words::new(subject.source, detection);
    let title = format!("# {}", inline(&metadata.title.value));
    let parts = [
        title,
        link("All detections", &way(&page, INDEX)),
        facts(subject),
        paragraphs(metadata.description.as_deref().unwrap_or_default()),
        section("ATT&CK", attack::part(&page, detection)),
        section("Data sources and prerequisites", needs::part(&page, subject, sources)),
        section("What it looks for", meaning::stages(detection)),
        section("Measures and thresholds", meaning::measures(&words, detection)),
        section("When it runs and what an alert says", meaning::alert(detection)),
        section("Indicators", meaning::indicators(&subject.source.path, detection, indicators)),
        section("Queries", queries::part(subject.outcomes)),
        section("False positives and tuning", tuning::part(detection)),
        section("Tests", events::part(detection)),
        section("References", references(metadata)),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{}\n", parts.join("\n\n"))
}

/// A part under its heading.
fn section(heading: &str, text: String) -> String {
    if text.is_empty() { text } else { format!("## {heading}\n\n{text}") }
}

fn facts(subject: &Subject<'_>) -> String {
    let metadata = &subject.detection.metadata;
    let shown = |text: &Option<String>| text.as_deref().map(inline);
    let tags: Vec<String> = metadata.tags.iter().map(|tag| code(&tag.value)).collect();
    let related: Vec<String> = metadata.related.iter().map(|(id, kind)| format!("{} ({})", code(id), inline(kind))).collect();
    let row = |texts: Vec<String>| (!texts.is_empty()).then(|| texts.join(", "));
    let facts = [
        ("Id", metadata.id.as_deref().map(code)),
        ("Status", shown(&metadata.status)),
        ("Level", shown(&metadata.level)),
        ("Author", shown(&metadata.author)),
        ("Date", shown(&metadata.date)),
        ("Modified", shown(&metadata.modified)),
        ("License", shown(&metadata.license)),
        ("Tags", row(tags)),
        ("Related", row(related)),
        ("Spec", Some(code(&subject.source.path))),
    ];
    let rows: Vec<Vec<String>> = facts.into_iter().filter_map(|(name, fact)| Some(vec![name.to_owned(), fact?])).collect();
    table(&["", ""], &rows)
}

fn references(metadata: &Metadata) -> String {
    points(metadata.references.iter().map(|address| reference(address)))
}
