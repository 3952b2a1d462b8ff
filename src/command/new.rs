//! `cognate new`: a commented starter spec with an id of its own.

use super::workspace::Workspace;
use super::{NewArguments, Outcome, files};
use crate::logsource::LogSourceId;
use anyhow::bail;

const STARTER: &str = include_str!("starter.yml");

/// Runs the command.
pub(super) fn run(arguments: &NewArguments) -> Outcome {
    let workspace = Workspace::open(&arguments.common)?;
    let known: Vec<_> = workspace.log_sources().read_all().filter_map(|(_, file)| file.log_source.clone()).collect();
    let Some(log_source) = known.iter().find(|log_source| log_source.id.path() == arguments.logsource) else {
        let names: Vec<String> = known.iter().map(|log_source| log_source.id.path()).collect();
        bail!("there is no log source `{}`; described are: {}", arguments.logsource, names.join(", "));
    };
    let fields: Vec<String> = log_source.fields.iter().map(|field| format!("#   {:24} {}", field.name, field.description)).collect();
    let text = STARTER
        .replace("{id}", &uuid::Uuid::new_v4().to_string())
        .replace("{logsource}", &log_source_text(&log_source.id))
        .replace("{date}", &today())
        .replace("{fields}", &fields.join("\n"));
    let Some(path) = &arguments.path else {
        files::print(&text)?;
        return Ok(true);
    };
    if path.exists() {
        bail!("`{}` exists already", files::shown(path));
    }
    files::write(path, &text)?;
    files::print(&format!("wrote {}; next: cognate check {0}\n", files::shown(path)))?;
    Ok(true)
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
