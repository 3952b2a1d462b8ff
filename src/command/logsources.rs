//! `cognate logsources`: what is described and bound where, and what a set of rules needs from a SIEM.

use super::workspace::{Workspace, lenient};
use super::{LogSourcesArguments, Outcome, TableFormat, files};
use crate::diagnostic::Severity;
use crate::logsource::{LogSource, Platform, Variant};
use crate::needs::{Needs, PLATFORMS, origin};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Runs the command.
pub(super) fn run(arguments: &LogSourcesArguments) -> Outcome {
    let workspace = Workspace::open(&arguments.common, &arguments.for_paths)?;
    if super::cannot_begin(&workspace) {
        return Ok(false);
    }
    if arguments.for_paths.is_empty() { list(arguments, &workspace) } else { needs(arguments, &workspace) }
}

/// Every described log source, with how many of its fields each platform has.
fn list(arguments: &LogSourcesArguments, workspace: &Workspace) -> Outcome {
    let sources: Vec<_> = workspace.log_sources().read_all().filter_map(|(_, file)| file.log_source.clone()).collect();
    let text = match arguments.format {
        TableFormat::Json => format!("{:#}\n", Json::Array(sources.iter().map(|source| described(source)).collect())),
        TableFormat::Text => table(&sources.iter().flat_map(|source| rows(source)).collect::<Vec<_>>()),
    };
    files::print(&text)?;
    workspace.finish(true)
}

fn described(source: &LogSource) -> Json {
    let platform = |platform: Platform| {
        let missing = source.fields.iter().filter(|field| field.binding(platform).is_none());
        json!({
            "place": origin(source, platform),
            "missing": missing.map(|field| field.name.as_str()).collect::<Vec<_>>(),
            "other_fields": others(source, platform),
        })
    };
    json!({
        "logsource": source.id.path(),
        "title": source.title,
        "fields": source.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(),
        "aql": platform(Platform::Aql),
        "spl": platform(Platform::Spl),
        "kql": platform(Platform::Kql),
        "variants": source.variants.iter().map(|variant| (variant.name.clone(), variant.description.clone().into())).collect::<serde_json::Map<_, _>>(),
    })
}

/// Whether fields that are not listed have a place.
fn others(source: &LogSource, platform: Platform) -> bool {
    source.others.as_ref().is_some_and(|others| others.binding(platform).is_some())
}

/// A log source, and a row for each of its variants.
fn rows(source: &LogSource) -> Vec<[String; 5]> {
    let variant = |variant: &Variant| {
        let mut row = row(&variant.log_source);
        row[0] = format!("  ={}", variant.name);
        row[4].clone_from(&variant.description);
        row
    };
    std::iter::once(row(source)).chain(source.variants.iter().map(variant)).collect()
}

fn row(source: &LogSource) -> [String; 5] {
    let coverage = |platform: Platform| match origin(source, platform) {
        None => "-".to_owned(),
        Some(_) => {
            let bound = source.fields.iter().filter(|field| field.binding(platform).is_some()).count();
            let others = if others(source, platform) { "+" } else { "" };
            format!("{bound}/{}{others}", source.fields.len())
        }
    };
    let [aql, spl, kql] = PLATFORMS.map(coverage);
    [source.id.path(), aql, spl, kql, source.title.clone()]
}

fn table(rows: &[[String; 5]]) -> String {
    let head = ["log source", "AQL", "SPL", "KQL", "title"].map(str::to_owned);
    let text = crate::report::aligned(std::iter::once(&head).chain(rows));
    text + "\nn/m: so many of the described fields have a place there; +: other fields have one too, by their names.\n"
}

/// What the rules at the paths need.
fn needs(arguments: &LogSourcesArguments, workspace: &Workspace) -> Outcome {
    let (mut detections, mut broken) = (Vec::new(), 0);
    for path in workspace.specs(&arguments.for_paths)? {
        let (source, documents, _) = workspace.understand(&path).split();
        broken += documents.iter().filter(|document| document.detection.is_none()).count();
        let (understood, mut problems) = lenient(documents);
        problems.retain(|problem| problem.severity == Severity::Error);
        detections.extend(understood);
        super::report_errors(&[(source, problems)]);
    }
    let needs = Needs::of(&detections);
    files::print(&match arguments.format {
        TableFormat::Json => format!("{:#}\n", serde_json::to_value(&needs)?),
        TableFormat::Text => text(&needs),
    })?;
    workspace.finish(broken == 0)
}

fn text(needs: &Needs) -> String {
    let mut text = String::new();
    for (title, places) in [("QRadar", &needs.aql), ("Splunk", &needs.spl), ("Microsoft Sentinel and Defender", &needs.kql)] {
        block(&mut text, title, places);
    }
    for (platform, sources) in &needs.missing {
        block(&mut text, &format!("without a place ({platform})"), sources);
    }
    if !needs.prerequisites.is_empty() {
        let _ = writeln!(text, "prerequisites");
    }
    for (platform, prerequisites) in &needs.prerequisites {
        for prerequisite in prerequisites {
            let _ = writeln!(text, "  {platform}: {prerequisite}");
        }
    }
    text
}

fn block(text: &mut String, title: &str, places: &BTreeMap<String, BTreeSet<String>>) {
    if places.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}");
    for (place, columns) in places {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let _ = writeln!(text, "  {place}: {}", columns.join(", "));
    }
    text.push('\n');
}
