//! What specs are compiled against, read from disk: a project's log sources and lists, the site file, templates.
//! Every command works outside of a project too, with the built-in log sources and templates.

use super::{Common, files};
use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, Diagnostics, E0107};
use crate::frontend::{list_values, understand};
use crate::logsource::{LogSource, LogSourceId, LogSources};
use crate::lower::Surroundings;
use crate::site::Site;
use crate::source::Source;
use crate::spec::{Body, Spec};
use crate::template::Templates;
use crate::yaml::{Number, Value};
use anyhow::{Context, bail};
use include_dir::{Dir, include_dir};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

static TEMPLATES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// Everything beside the specs themselves.
pub struct Workspace {
    /// The project's folder, if the current folder is inside of one.
    pub root: Option<PathBuf>,
    log_sources: LogSources,
    site: Option<Site>,
    /// What is wrong with the site file.
    pub site_problems: Option<(Source, Vec<Diagnostic>)>,
    lists: RefCell<BTreeMap<String, Result<Vec<Value>, String>>>,
    /// Id → the spec that had it first.
    ids: RefCell<BTreeMap<String, String>>,
}

/// A file and what is wrong with it.
pub type Problems = (Source, Vec<Diagnostic>);

/// A file that has been read and understood, or not.
pub struct Understood {
    /// The file.
    pub source: Source,
    /// Its detection, if it has no errors.
    pub detection: Option<Detection>,
    /// Its problems.
    pub diagnostics: Diagnostics,
}

impl Workspace {
    /// Finds the project around the current folder and reads what belongs to it.
    pub fn open(common: &Common) -> anyhow::Result<Workspace> {
        let root = find_root();
        let mut log_sources = LogSources::built_in();
        if let Some(folder) = root.as_ref().map(|root| root.join("logsources")).filter(|folder| folder.is_dir()) {
            let mut sources = Vec::new();
            for path in files::specs(&[folder])? {
                sources.extend(files::read(&path)?.ok());
            }
            log_sources = log_sources.with(sources);
        }
        let (mut site, mut site_problems) = (None, None);
        if let Some(path) = &common.site {
            let mut diagnostics = Diagnostics::new();
            let source = match files::read(path)? {
                Ok(source) => {
                    site = Site::read(&source, &log_sources, &mut diagnostics);
                    source
                }
                Err((source, diagnostic)) => {
                    diagnostics.push(diagnostic);
                    source
                }
            };
            site_problems = Some((source, diagnostics.sorted())).filter(|(_, problems)| !problems.is_empty());
        }
        Ok(Workspace { site, site_problems, root, log_sources, lists: RefCell::default(), ids: RefCell::default() })
    }

    /// The paths to work on: the given ones, or the project's detections.
    pub fn paths(&self, given: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
        if !given.is_empty() {
            return Ok(given.to_vec());
        }
        let folder =
            self.detections().context("there is no folder `detections` here; name a file or folder, or begin with `cognate new`")?;
        Ok(vec![folder])
    }

    /// The project's folder of specs.
    pub fn detections(&self) -> Option<PathBuf> {
        self.root.as_ref().map(|root| root.join("detections")).filter(|folder| folder.is_dir())
    }

    /// A spec's name in `out/`: its path below the project's detections, else below the given folder, without extension.
    pub fn name_of(&self, path: &Path, given: &[PathBuf]) -> String {
        let below = |folder: &Path| path.strip_prefix(folder).ok().filter(|rest| !rest.as_os_str().is_empty());
        let detections = self.detections();
        let relative = detections.as_deref().and_then(below).or_else(|| given.iter().find_map(|folder| below(folder)));
        let relative = relative.or_else(|| path.file_name().map(Path::new)).unwrap_or(path);
        files::shown(&relative.with_extension(""))
    }

    /// A problem if another spec of this run has the same id.
    pub fn id_problem(&self, detection: &Detection, path: &Path) -> Option<Diagnostic> {
        let id = detection.metadata.id.clone()?;
        let shown = files::shown(path);
        let mut ids = self.ids.borrow_mut();
        let first = ids.entry(id.clone()).or_insert_with(|| shown.clone());
        (*first != shown).then(|| {
            let message = format!("the id {id} is also that of {first}");
            Diagnostic::error(E0107, detection.metadata.id_span, message).help("every rule needs an id of its own; `cognate new` makes one")
        })
    }

    /// The site's AQL limit.
    pub fn limit(&self) -> Option<u32> {
        self.site.as_ref().and_then(|site| site.aql_limit)
    }

    /// The approximations that the site accepts for a spec.
    pub fn accepted(&self, detection: &Detection) -> Vec<String> {
        self.site.iter().flat_map(|site| site.accepted(&detection.metadata)).map(str::to_owned).collect()
    }

    /// Names in the site file that none of these detections has.
    pub fn check_site(&self, detections: &[&Detection], all: bool) -> Option<(Source, Vec<Diagnostic>)> {
        let site = self.site.as_ref()?;
        let problems = site.check(detections, all).sorted();
        (!problems.is_empty()).then(|| (site.source.clone(), problems))
    }

    /// All described log sources.
    pub fn log_sources(&self) -> &LogSources {
        &self.log_sources
    }

    /// Reads a spec file.
    pub fn understand(&self, path: &Path) -> anyhow::Result<Understood> {
        Ok(match files::read(path)? {
            Ok(source) => {
                let (detection, diagnostics) = understand(&source, self);
                Understood { source, detection, diagnostics }
            }
            Err((source, diagnostic)) => {
                let mut diagnostics = Diagnostics::new();
                diagnostics.push(diagnostic);
                Understood { source, detection: None, diagnostics }
            }
        })
    }
}

impl Surroundings for Workspace {
    fn log_source(&self, id: &LogSourceId) -> Option<Arc<LogSource>> {
        let changed = self.site.as_ref().and_then(|site| site.log_source(id));
        changed.or_else(|| self.log_sources.described(id).and_then(|file| file.log_source.clone()))
    }

    fn log_source_names(&self) -> Vec<String> {
        self.log_sources.read_all().filter_map(|(_, file)| Some(file.log_source.as_ref()?.id.path())).collect()
    }

    fn list_file(&self, path: &str) -> Result<Vec<Value>, String> {
        let read = || {
            if !files::stays_inside(Path::new(path)) {
                return Err("the path leaves the project".to_owned());
            }
            let full = self.root.clone().unwrap_or_default().join(path);
            let source = files::read(&full).map_err(|error| format!("{error:#}"))?;
            let values = list_values(&source.map_err(|(_, diagnostic)| diagnostic.message)?.text);
            if values.is_empty() { Err("it is empty".to_owned()) } else { Ok(values) }
        };
        self.lists.borrow_mut().entry(path.to_owned()).or_insert_with(read).clone()
    }

    fn parameter(&self, spec: &Spec, name: &str) -> Option<Number> {
        self.site.as_ref().and_then(|site| site.parameter(&spec.metadata, name))
    }

    fn adjust_list(&self, spec: &Spec, name: &str, values: Vec<Value>) -> Vec<Value> {
        match &self.site {
            Some(site) => site.adjust_list(&spec.metadata, name, values),
            None => values,
        }
    }

    fn exclusions(&self, spec: &Spec) -> Vec<(String, Body, Source)> {
        let of = |site: &Site| {
            let found = site
                .exclusions(&spec.metadata)
                .map(|exclusion| (exclusion.reason.value.clone(), exclusion.body.clone(), site.source.clone()));
            found.collect::<Vec<_>>()
        };
        self.site.as_ref().map(of).unwrap_or_default()
    }
}

/// The nearest folder, upwards, that holds `detections` or `logsources`.
fn find_root() -> Option<PathBuf> {
    let current = std::env::current_dir().ok()?;
    let project = |folder: &&Path| folder.join("detections").is_dir() || folder.join("logsources").is_dir();
    let found = current.ancestors().find(project)?;
    Some(if found == current { PathBuf::new() } else { found.to_path_buf() })
}

/// The built-in templates, replaced file by file by those of `--templates`.
pub fn templates(common: &Common) -> anyhow::Result<Result<Templates, Vec<Problems>>> {
    let mut sources = BTreeMap::new();
    let mut pending = vec![&TEMPLATES];
    while let Some(folder) = pending.pop() {
        pending.extend(folder.dirs());
        for file in folder.files() {
            let name = files::shown(file.path());
            sources.insert(name.clone(), Source::new(format!("templates/{name}"), file.contents_utf8().unwrap_or_default()));
        }
    }
    if let Some(folder) = &common.templates {
        override_templates(folder, &mut sources)?;
    }
    Ok(Templates::read(&sources)
        .map_err(|problems| problems.into_iter().map(|problem| (problem.source, vec![problem.diagnostic])).collect()))
}

fn override_templates(folder: &Path, sources: &mut BTreeMap<String, Source>) -> anyhow::Result<()> {
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.with_context(|| format!("cannot read the folder `{}`", files::shown(folder)))?;
        if entry.file_type().is_file() && entry.path().extension().is_some_and(|extension| extension == "j2") {
            let name = files::shown(entry.path().strip_prefix(folder)?);
            if !sources.contains_key(&name) {
                let known: Vec<&str> = sources.keys().map(String::as_str).collect();
                bail!("`{}` replaces no template; there are: {}", files::shown(entry.path()), known.join(", "));
            }
            let source = files::read(entry.path())?.map_err(|(_, diagnostic)| anyhow::anyhow!("{}", diagnostic.message))?;
            sources.insert(name, source);
        }
    }
    Ok(())
}
