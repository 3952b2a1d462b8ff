//! `cognate schema`: the JSON Schema of specs, or the KQL tables that specs read.

use super::workspace::Workspace;
use super::{Outcome, SchemaArguments, files};
use crate::diagnostic::Severity;
use crate::target::kql;
use serde_json::{Map, Value as Json};

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
        let (source, detection, mut problems) = workspace.understand(&path).lenient();
        if let Some(detection) = detection {
            let tables = kql::schema(&detection).into_iter().map(|(table, columns)| {
                let columns: Map<String, Json> = columns.into_iter().map(|(name, kind)| (name, Json::from(kind))).collect();
                (table, Json::Object(columns))
            });
            specs.insert(source.path.clone(), Json::Object(tables.collect()));
        } else {
            good = false;
        }
        problems.retain(|problem| problem.severity == Severity::Error);
        super::report_errors(&[(source, problems)]);
    }
    files::print(&format!("{:#}\n", Json::Object(specs)))?;
    workspace.finish(good)
}
