//! What inputs are compiled against: the built-in log sources and those of the tests, the templates of `templates/`, two
//! list files, and a site file where an input is one.

use cognate::detection::Detection;
use cognate::diagnostic::Diagnostics;
use cognate::frontend::{Document, list_values, understand, understand_spec};
use cognate::logsource::{LogSource, LogSourceId, LogSources};
use cognate::lower::Surroundings;
use cognate::site::Site;
use cognate::source::Source;
use cognate::template::Templates;
use cognate::yaml::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// A spec that a site file may change.
pub const PLAIN: &str = "title: Plain
logsource: { product: jira, service: cloud_audit }
lists: { words: [first, second] }
detection:
  chosen: { action|contains|expand: '%words%', user: x, timestamp|hour: 3 }
  condition: chosen
fields: [user, action, source_ip]
";

/// The same with an aggregate.
pub const COUNTED: &str = "title: Counted
logsource: { product: jira, service: cloud_audit }
parameters: { limit: 5 }
detection:
  chosen: { action: x }
  condition: chosen
aggregate:
  group-by: [user]
  window: { sliding: 10m }
  measures: { events: count(), addresses: distinct(source_ip) }
  condition: events > limit and addresses > 1
";

/// See the top of the file.
pub struct World {
    log_sources: LogSources,
    site: Option<Site>,
}

static SHARED: LazyLock<World> = LazyLock::new(|| World { log_sources: log_sources(), site: None });
static TEMPLATES: LazyLock<Templates> = LazyLock::new(read_templates);

impl World {
    /// The one without site and without log sources of an input.
    pub fn shared() -> &'static World {
        &SHARED
    }

    /// With one more log source file.
    pub fn with(file: Source) -> World {
        World { log_sources: LogSources::built_in().with([file]), site: None }
    }

    /// At a site.
    pub fn at(site: Site) -> World {
        World { log_sources: log_sources(), site: Some(site) }
    }

    /// Reads a file.
    pub fn documents(&self, source: &Source) -> Vec<Document> {
        understand(source, self)
    }

    /// Reads a file that holds one spec.
    pub fn understand(&self, source: &Source) -> (Option<Detection>, Diagnostics) {
        understand_spec(source, self)
    }

    /// The log sources that have a description.
    pub fn log_sources(&self) -> &LogSources {
        &self.log_sources
    }

    /// AQL's `LIMIT` at the site.
    pub fn limit(&self) -> Option<u32> {
        self.site.as_ref().and_then(|site| site.aql_limit)
    }
}

/// The templates of all targets.
pub fn templates() -> &'static Templates {
    &TEMPLATES
}

impl Surroundings for World {
    fn log_source(&self, id: &LogSourceId) -> Option<Arc<LogSource>> {
        let changed = self.site.as_ref().and_then(|site| site.log_source(id));
        changed.or_else(|| self.log_sources.described(id).and_then(|file| file.log_source.clone()))
    }

    fn near_log_source(&self, id: &LogSourceId) -> Option<String> {
        self.log_sources.near(id)
    }

    fn list_file(&self, path: &str) -> Result<Vec<Value>, String> {
        match path {
            "lists/terms.txt" => Ok(list_values("password\n'  api key '\n\"#secret\"\n%temp%\npass*d\n4625\n")),
            "lists/many.txt" => Ok((0..300).map(|number| Value::Text(format!("value {number}"))).collect()),
            _ => Err("there is no such file".to_owned()),
        }
    }

    fn site(&self) -> Option<&Site> {
        self.site.as_ref()
    }
}

/// The project's folder, from the main crate and from the fuzzing one.
fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().find(|folder| folder.join("templates").is_dir()).expect("the project's folder")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry of a folder").path()).collect()
}

fn read(path: &Path) -> Source {
    let shown = path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/");
    Source::new(shown, fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn log_sources() -> LogSources {
    let own = files(&root().join("tests/specs/logsources"));
    LogSources::built_in().with(own.iter().map(|path| read(path)))
}

fn read_templates() -> Templates {
    let folder = root().join("templates");
    let name = |path: &Path| path.strip_prefix(&folder).expect("below the folder").to_string_lossy().replace('\\', "/");
    let paths: Vec<PathBuf> = files(&folder).iter().flat_map(|target| files(target)).collect();
    let sources: BTreeMap<String, Source> = paths.iter().map(|path| (name(path), read(path))).collect();
    Templates::read(&sources).unwrap_or_else(|problems| panic!("{problems:#?}"))
}
