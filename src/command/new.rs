//! `cognate new`: a commented starter spec with an id of its own.

use super::workspace::Workspace;
use super::{NewArguments, Outcome, files};
use crate::diagnostic::did_you_mean;
use crate::logsource::LogSourceId;
use anyhow::bail;
use std::path::{Path, PathBuf};

const STARTER: &str = include_str!("starter.yml");

/// Runs the command.
pub(super) fn run(arguments: &NewArguments) -> Outcome {
    let given: Vec<PathBuf> = arguments.path.iter().cloned().collect();
    if let Some(path) = given.iter().find(|path| path.exists()) {
        bail!("`{}` exists already: choose another name", files::shown(path));
    }
    if let Some(path) = given.iter().find(|path| !files::is_spec_name(path)) {
        bail!("`{}` would not be found as a spec: give it the ending .yml", files::shown(path));
    }
    let workspace = Workspace::open(&arguments.common, &given)?;
    let known: Vec<_> = workspace.log_sources().read_all().filter_map(|(_, file)| file.log_source.clone()).collect();
    let Some(log_source) = known.iter().find(|log_source| log_source.id.path() == arguments.logsource) else {
        let names: Vec<String> = known.iter().map(|log_source| log_source.id.path()).collect();
        let help = did_you_mean(&arguments.logsource, names.iter().map(String::as_str));
        let help = help.unwrap_or_else(|| format!("described are: {}", names.join(", ")));
        bail!("there is no log source `{}`; {help}", arguments.logsource);
    };
    let fields: Vec<String> = log_source.fields.iter().map(|field| format!("#   {:24} {}", field.name, field.description)).collect();
    let text = STARTER
        .replace("{schema}", &schema_line(&workspace, arguments.path.as_deref()))
        .replace("{id}", &uuid::Uuid::new_v4().to_string())
        .replace("{logsource}", &log_source_text(&log_source.id))
        .replace("{date}", &today())
        .replace("{fields}", &fields.join("\n"));
    let Some(path) = &arguments.path else {
        files::print(&text)?;
        return Ok(true);
    };
    files::write(path, &text)?;
    files::print(&format!("wrote {}; next: cognate check {0}\n", files::shown(path)))?;
    Ok(true)
}

/// Where editors find the schema, if the project has a copy of it.
fn schema_line(workspace: &Workspace, path: Option<&Path>) -> String {
    const SCHEMA: &str = "schema/spec.schema.json";
    let inside = path.map(|path| workspace.shown(path)).filter(|shown| files::stays_inside(Path::new(shown)));
    match inside.filter(|_| workspace.place(SCHEMA).is_file()) {
        Some(shown) => format!("# yaml-language-server: $schema={}{SCHEMA}\n", "../".repeat(shown.matches('/').count())),
        None => String::new(),
    }
}

fn log_source_text(id: &LogSourceId) -> String {
    let parts = [("product", &id.product), ("category", &id.category), ("service", &id.service)];
    let given: Vec<String> = parts.iter().filter_map(|(key, value)| Some(format!("{key}: {}", value.as_ref()?))).collect();
    format!("{{ {} }}", given.join(", "))
}

fn today() -> String {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs() as i64);
    let date = jiff::Timestamp::from_second(seconds).map(|now| now.to_zoned(jiff::tz::TimeZone::UTC).date());
    date.map(|date| date.to_string()).unwrap_or_default()
}
