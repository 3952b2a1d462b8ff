//! `cognate schema`: the JSON Schema of specs, or the KQL tables that specs read.

use super::workspace::{Understood, Workspace, lenient};
use super::{Outcome, SchemaArguments, files};
use crate::diagnostic::Severity;
use crate::frontend::Document;
use crate::target::kql;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Runs the command.
pub(super) fn run(arguments: &SchemaArguments) -> Outcome {
    if !arguments.tables {
        files::print(&crate::schema::text())?;
        return Ok(true);
    }
    let workspace = Workspace::open(&arguments.common, &arguments.paths)?;
    if super::cannot_begin(&workspace) {
        return Ok(false);
    }
    let (mut specs, mut good) = (Map::new(), true);
    for path in workspace.specs(&arguments.paths)? {
        let Understood { source, documents } = workspace.understand(&path);
        good &= !documents.iter().any(Document::is_lost);
        let (detections, mut problems) = lenient(documents);
        let mut tables: BTreeMap<String, Map<String, Json>> = BTreeMap::new();
        for (table, columns) in detections.iter().flat_map(kql::schema) {
            tables.entry(table).or_default().extend(columns.into_iter().map(|(name, kind)| (name, Json::from(kind))));
        }
        if !detections.is_empty() {
            specs.insert(source.path.clone(), tables.into_iter().map(|(table, columns)| (table, Json::Object(columns))).collect());
        }
        problems.retain(|problem| problem.severity == Severity::Error);
        super::report_errors(&[(source, problems)]);
    }
    files::print(&format!("{:#}\n", Json::Object(specs)))?;
    workspace.finish(good)
}
