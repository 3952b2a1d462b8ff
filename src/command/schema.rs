//! `cognate schema`: the JSON Schema of specs, or the KQL tables that specs read.

use super::workspace::Workspace;
use super::{Outcome, SchemaArguments, files};
use crate::target::kql;
use serde_json::{Map, Value as Json};

/// Runs the command.
pub(super) fn run(arguments: &SchemaArguments) -> Outcome {
    if !arguments.tables {
        files::print(&crate::schema::text())?;
        return Ok(true);
    }
    let workspace = Workspace::open(&arguments.common)?;
    let mut specs = Map::new();
    for path in files::specs(&workspace.paths(&arguments.paths)?)? {
        let Some(detection) = workspace.understand(&path)?.detection else { continue };
        let tables = kql::schema(&detection).into_iter().map(|(table, columns)| {
            let columns: Map<String, Json> = columns.into_iter().map(|(name, kind)| (name, Json::from(kind))).collect();
            (table, Json::Object(columns))
        });
        specs.insert(files::shown(&path), Json::Object(tables.collect()));
    }
    files::print(&format!("{:#}\n", Json::Object(specs)))?;
    Ok(true)
}
