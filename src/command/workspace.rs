//! What specs are compiled against, read from disk: a project's log sources and lists, the site file, templates.
//! Every command works outside of a project too, with the built-in log sources and templates.

use super::{Common, Outcome, Problems, Unmapped, files};
use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, Diagnostics, E0008, E0107, E0701, did_you_mean};
use crate::frontend::{Document, list_values, may_refer, outline, rules, understand};
use crate::logsource::{LogSource, LogSourceId, LogSources};
use crate::lower::Surroundings;
use crate::package::{LOOKUP_ABOVE, Settings};
use crate::rules::{References, Rule, Rules};
use crate::site::{Known, Site, is_package_name};
use crate::source::{Source, Span};
use crate::template::Templates;
use crate::yaml::{MAX_BYTES, Value};
use anyhow::{Context, anyhow, bail};
use include_dir::{Dir, include_dir};
use rustc_hash::FxHashMap;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use uuid::Uuid;

static TEMPLATES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// Everything beside the specs themselves.
pub struct Workspace {
    /// The project's folder, if there is a project around the first path or the current folder.
    pub root: Option<PathBuf>,
    /// Problems that stop every command: of the site file, and of log source files that are no texts.
    pub problems: Vec<(Source, Vec<Diagnostic>)>,
    current: PathBuf,
    /// Where lists and files of events are looked for outside of a project.
    lists_folder: PathBuf,
    log_sources: LogSources,
    keep_unmapped: bool,
    site: Option<Site>,
    lists: RefCell<BTreeMap<String, Result<Vec<Value>, String>>>,
    /// The files of events that specs name.
    event_files: RefCell<BTreeSet<String>>,
    /// The files that this run is about, for correlations between files.
    run: RefCell<Vec<PathBuf>>,
    rules: OnceCell<Rules>,
    /// Id → the file and the title of the spec that had it first.
    ids: RefCell<FxHashMap<Uuid, (Rc<str>, Span)>>,
    /// The file of the last id: the documents of a file share its name.
    last: RefCell<Rc<str>>,
    /// The files that could not be read.
    unreadable: RefCell<BTreeSet<String>>,
}

/// A file that has been read and understood, or not.
pub struct Understood {
    /// The file.
    pub source: Source,
    /// Its documents; one without a name and a detection if the file cannot be read.
    pub documents: Vec<Document>,
}

impl Understood {
    /// The detections of all documents.
    pub fn detections(&self) -> impl Iterator<Item = &Detection> {
        self.documents.iter().filter_map(|document| document.detection.as_ref())
    }

    /// The documents that raise alerts, and those that only say what a correlation counts.
    pub fn split(self) -> (Source, Vec<Document>, Vec<Document>) {
        let (bases, documents) = self.documents.into_iter().partition(|document| document.is_base);
        (self.source, documents, bases)
    }
}

/// The documents of a file with the names of their outputs: that of the file if there is only one, else their own in a
/// folder of that name.
pub fn named(documents: Vec<Document>, file: &str) -> Vec<(String, Document)> {
    let alone = documents.len() == 1;
    let name = |document: &Document| if alone { file.to_owned() } else { format!("{file}/{}", document.name) };
    documents.into_iter().map(|document| (name(&document), document)).collect()
}

/// The detections of a file, for use, and its problems in the order of its text.
pub fn lenient(documents: Vec<Document>) -> (Vec<Detection>, Vec<Diagnostic>) {
    let (mut detections, mut problems) = (Vec::new(), Diagnostics::new());
    for (detection, diagnostics) in documents.into_iter().map(Document::lenient) {
        detections.extend(detection);
        problems.extend(diagnostics);
    }
    (detections, problems.sorted())
}

impl Workspace {
    /// Finds the project, around the first given path or else the current folder, and reads what belongs to it.
    pub fn open(common: &Common, given: &[PathBuf]) -> anyhow::Result<Workspace> {
        let current = current()?;
        let root = first(given, &current).as_deref().and_then(find_root).or_else(|| find_root(&current));
        Workspace::with_root(common, root, given)
    }

    /// Without a project, even if there is one around the paths.
    pub fn open_outside(common: &Common, given: &[PathBuf]) -> anyhow::Result<Workspace> {
        Workspace::with_root(common, None, given)
    }

    /// A project's folder.
    pub fn open_at(common: &Common, root: &Path) -> anyhow::Result<Workspace> {
        Workspace::with_root(common, Some(files::absolute(root, &current()?)), &[])
    }

    fn with_root(common: &Common, root: Option<PathBuf>, given: &[PathBuf]) -> anyhow::Result<Workspace> {
        let current = current()?;
        let folder = first(given, &current).and_then(|path| if path.is_dir() { Some(path) } else { path.parent().map(Path::to_path_buf) });
        let mut workspace = Workspace {
            lists_folder: root.clone().or(folder).unwrap_or_else(|| current.clone()),
            root,
            current,
            problems: Vec::new(),
            log_sources: LogSources::built_in(),
            keep_unmapped: common.unmapped == Unmapped::Keep,
            site: None,
            lists: RefCell::default(),
            event_files: RefCell::default(),
            run: RefCell::default(),
            rules: OnceCell::default(),
            ids: RefCell::default(),
            last: RefCell::new("".into()),
            unreadable: RefCell::default(),
        };
        workspace.read_log_sources()?;
        for written in &common.variant {
            let Some((path, name)) = written.split_once('=') else {
                bail!("--variant is written LOGSOURCE=NAME, such as windows/security=…")
            };
            workspace.log_sources.choose(path, name).map_err(|problem| anyhow!("--variant: {problem}"))?;
        }
        if let Some(path) = &common.site {
            workspace.read_site(path)?;
        }
        Ok(workspace)
    }

    fn read_log_sources(&mut self) -> anyhow::Result<()> {
        let Some(folder) = self.log_sources_folder() else { return Ok(()) };
        let mut sources = Vec::new();
        for path in files::specs(&[folder])? {
            match self.read(&path) {
                (source, None) => sources.push(source),
                (source, Some(problem)) => self.problems.push((source, vec![problem])),
            }
        }
        self.log_sources = std::mem::replace(&mut self.log_sources, LogSources::built_in()).with(sources);
        Ok(())
    }

    fn read_site(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut diagnostics = Diagnostics::new();
        let (source, problem) = self.read(path);
        match problem {
            None => self.site = Site::read(&source, &self.log_sources, &mut diagnostics),
            Some(problem) if problem.code == E0008 => bail!("the site file `{}`: {}", files::shown(path), problem.message),
            Some(problem) => diagnostics.push(problem),
        }
        if !diagnostics.is_empty() {
            self.problems.push((source, diagnostics.sorted()));
        }
        Ok(())
    }

    /// Reads a file; one that cannot be read is remembered for the end.
    fn read(&self, path: &Path) -> (Source, Option<Diagnostic>) {
        let (source, problem) = files::read(path, &self.shown(path));
        if problem.as_ref().is_some_and(|problem| problem.code == E0008) {
            self.unreadable.borrow_mut().insert(source.path.clone());
        }
        (source, problem)
    }

    /// The result of a command: files that could not be read are no matter of content.
    pub fn finish(&self, good: bool) -> Outcome {
        match self.unreadable.borrow().len() {
            0 => Ok(good),
            count => bail!("{} could not be read", files::counted(count, "file")),
        }
    }

    /// A path as it is shown and kept: below the project's folder wherever the command runs, else below the current one.
    pub fn shown(&self, path: &Path) -> String {
        if files::is_standard_input(path) {
            return "-".to_owned();
        }
        let whole = files::absolute(path, &self.current);
        let below = |folder: &Path| Some(files::shown(whole.strip_prefix(folder).ok()?)).filter(|text| !text.is_empty());
        let root = self.root.as_deref();
        root.and_then(below).or_else(|| below(&self.current)).unwrap_or_else(|| files::shown(path))
    }

    /// Where a path of [`Workspace::shown`] is; as short as the current folder allows, because messages name it.
    pub fn place(&self, shown: &str) -> PathBuf {
        let whole = self.root.as_ref().unwrap_or(&self.current).join(shown);
        match whole.strip_prefix(&self.current) {
            Ok(rest) if rest.as_os_str().is_empty() => PathBuf::from("."),
            Ok(rest) => rest.to_path_buf(),
            Err(_) => whole,
        }
    }

    /// The paths to work on: the given ones, or the project's detections, which also stand for the project's folder.
    pub fn paths(&self, given: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
        let detections = self.detections();
        if given.is_empty() {
            let folder = detections
                .context("there is no project here: name a file or folder, or begin one with `cognate new detections/my_rule.yml`")?;
            return Ok(vec![folder]);
        }
        let whole = |path: &PathBuf| self.root.as_ref().is_some_and(|root| files::absolute(path, &self.current) == *root);
        let chosen = |path: &PathBuf| detections.clone().filter(|_| whole(path)).unwrap_or_else(|| path.clone());
        Ok(given.iter().map(chosen).collect())
    }

    /// Whether the given paths stand for all specs of a project.
    pub fn is_everything(&self, given: &[PathBuf]) -> bool {
        self.paths(given).is_ok_and(|paths| self.detections().is_some_and(|folder| paths.contains(&folder)))
    }

    /// The project's folder, as seen from the top of the Git repository around it; `None` if it is the top.
    pub fn below_repository(&self) -> Option<String> {
        let root = self.root.as_ref().unwrap_or(&self.current);
        let top = root.ancestors().find(|folder| folder.join(".git").exists())?;
        Some(files::shown(root.strip_prefix(top).ok()?)).filter(|path| !path.is_empty())
    }

    /// The spec files under the given paths, each once, in the order of their names.
    pub fn specs(&self, given: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
        let paths = self.paths(given)?;
        let mut found: Vec<(String, PathBuf)> = files::specs(&paths)?.into_iter().map(|path| (self.shown(&path), path)).collect();
        found.sort();
        found.dedup_by(|a, b| a.0 == b.0);
        if found.is_empty() {
            let folders: Vec<String> = paths.iter().map(|path| format!("`{}`", self.shown(path))).collect();
            files::print_error(&format!("note: there are no specs (*.yml, *.yaml) in {}\n", folders.join(", ")));
        }
        let found: Vec<PathBuf> = found.into_iter().map(|(_, path)| path).collect();
        self.run.replace(found.clone());
        Ok(found)
    }

    /// The rules of this run and of the project, if there is a correlation or a filter among them: their names, and what those say
    /// that are correlations, filters, or named by one.
    fn read_rules(&self) -> Rules {
        let project = self.detections().map(|folder| files::specs_below(&folder)).unwrap_or_default();
        let run = self.run.borrow();
        let paths = run.iter().filter(|path| !files::is_standard_input(path)).chain(&project);
        let paths: BTreeMap<String, &PathBuf> = paths.map(|path| (self.shown(path), path)).collect();
        if paths.len() < 2 {
            return Rules::default();
        }
        // a project may be large: one text is held at a time
        let source = |(shown, path): (&String, &&PathBuf)| {
            Some(Source::new(shown, std::fs::read_to_string(path).ok()?)).filter(|source| source.text.len() <= MAX_BYTES)
        };
        if !paths.iter().filter_map(source).any(|source| may_refer(&source.text)) {
            return Rules::default();
        }
        let mut files: Vec<Vec<Rule>> = paths.iter().map(|path| source(path).as_ref().map(outline).unwrap_or_default()).collect();
        let concerned = |rule: &Rule| rule.spec.is_some();
        if !files.iter().flatten().any(concerned) {
            return Rules::default();
        }
        let references = References::of(files.iter().flatten());
        for (path, found) in paths.iter().zip(&mut files) {
            if found.iter().any(|rule| !concerned(rule) && references.name(rule)) {
                *found = source(path).as_ref().map(rules).unwrap_or_default();
            }
        }
        Rules::new(files.into_iter().flatten())
    }

    /// The project's folder of specs.
    pub fn detections(&self) -> Option<PathBuf> {
        self.root.as_ref().map(|_| self.place("detections")).filter(|folder| folder.is_dir())
    }

    /// The project's folder of log sources.
    pub fn log_sources_folder(&self) -> Option<PathBuf> {
        self.root.as_ref().map(|_| self.place("logsources")).filter(|folder| folder.is_dir())
    }

    /// Whether a file is one of the project's log sources.
    pub fn is_log_source(&self, path: &Path) -> bool {
        let whole = |path: &Path| files::absolute(path, &self.current);
        self.log_sources_folder().is_some_and(|folder| whole(path).starts_with(whole(&folder)))
    }

    /// A spec's name in `out/`: its path below the project's detections, else below the given folder, without extension.
    pub fn name_of(&self, path: &Path, given: &[PathBuf]) -> String {
        let folders: Vec<PathBuf> = self.detections().into_iter().chain(given.iter().cloned()).collect();
        files::shown(&Path::new(&self.below(path, &folders)).with_extension(""))
    }

    /// A file's path below the first of the folders that it lies in, else its name.
    pub fn below(&self, path: &Path, folders: &[PathBuf]) -> String {
        let whole = files::absolute(path, &self.current);
        let below = |folder: &PathBuf| {
            let rest = whole.strip_prefix(files::absolute(folder, &self.current)).ok();
            rest.filter(|rest| !rest.as_os_str().is_empty())
        };
        let relative = folders.iter().find_map(below);
        files::shown(relative.or_else(|| whole.file_name().map(Path::new)).unwrap_or(path))
    }

    /// A problem if another document of this run has the same id.
    pub fn id_problem(&self, detection: &Detection, path: &Path) -> Option<Diagnostic> {
        let id = detection.metadata.id.as_ref()?;
        let place = (self.shared(self.shown(path)), detection.metadata.title.span);
        let mut ids = self.ids.borrow_mut();
        let (first, span) = ids.entry(Uuid::try_parse(id).ok()?).or_insert_with(|| place.clone()).clone();
        ((&first, span) != (&place.0, place.1)).then(|| {
            let (first, label) = if first == place.0 { ("another document of this file", Some(span)) } else { (&*first, None) };
            let message = format!("the id {id} is also that of {first}");
            let error = Diagnostic::error(E0107, detection.metadata.id_span, message);
            let error = error.help("every rule needs an id of its own; `cognate new` makes one");
            label.into_iter().fold(error, |error, span| error.label(span, "the other one"))
        })
    }

    /// The files that specs have named so far: lists and events.
    pub fn files_read(&self) -> Vec<PathBuf> {
        let (lists, events) = (self.lists.borrow(), self.event_files.borrow());
        lists.keys().chain(events.iter()).map(|path| self.lists_folder.join(path)).collect()
    }

    fn shared(&self, path: String) -> Rc<str> {
        let mut last = self.last.borrow_mut();
        if **last != *path {
            *last = path.into();
        }
        last.clone()
    }

    /// Whether a site file is in use.
    pub fn has_site(&self) -> bool {
        self.site.is_some()
    }

    /// The site's AQL limit.
    pub fn limit(&self) -> Option<u32> {
        self.site.as_ref().and_then(|site| site.aql_limit)
    }

    /// What packages are called here, and what actions mean.
    pub fn packaging(&self) -> Settings {
        let folder = self.root.as_deref().unwrap_or(&self.current).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let plain: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
        let name = if is_package_name(&plain) { plain } else { "detections".to_owned() };
        let site = self.site.as_ref();
        let own = site.map(|site| site.package.clone()).unwrap_or_default();
        Settings {
            name: own.name.unwrap_or(name),
            version: own.version.unwrap_or_else(|| "0.1.0".to_owned()),
            author: own.author.unwrap_or_else(|| "Cognate".to_owned()),
            enterprise_security: own.enterprise_security.unwrap_or(true),
            lookup_above: own.lookup_above.unwrap_or(LOOKUP_ABOVE),
            actions: site.into_iter().flat_map(|site| &site.actions).map(|(name, values)| (name.value.clone(), values.clone())).collect(),
        }
    }

    /// The approximations that the site accepts for a spec.
    pub fn accepted(&self, detection: &Detection) -> Vec<String> {
        self.site.iter().flat_map(|site| site.accepted(&detection.metadata)).map(str::to_owned).collect()
    }

    /// Names in the site file that none of these detections has; `all` says whether these are all of the project.
    pub fn check_site(&self, detections: &[Known], all: bool) -> Option<(Source, Vec<Diagnostic>)> {
        let site = self.site.as_ref()?;
        let problems = site.check(detections, all).sorted();
        (!problems.is_empty()).then(|| (site.source.clone(), problems))
    }

    /// Whether what has no place on a platform is taken to stand there under its own name.
    pub fn keeps_unmapped(&self) -> bool {
        self.keep_unmapped
    }

    /// All described log sources.
    pub fn log_sources(&self) -> &LogSources {
        &self.log_sources
    }

    /// Reads a spec file.
    pub fn understand(&self, path: &Path) -> Understood {
        let (source, problem) = self.read(path);
        if let Some(problem) = problem {
            let mut diagnostics = Diagnostics::new();
            diagnostics.push(problem);
            return Understood { source, documents: vec![Document::unreadable(diagnostics)] };
        }
        let mut documents = understand(&source, self);
        documents.iter_mut().for_each(|document| self.check_log_source(document));
        Understood { source, documents }
    }

    /// A log source whose description has errors is no log source that nobody has described.
    fn check_log_source(&self, document: &mut Document) {
        let Some(detection) = &document.detection else { return };
        let id = &detection.log_source.id;
        if self.log_sources.described(id).is_some_and(|file| file.log_source.is_none()) {
            let message = format!("the file that describes the log source `{}` has errors", id.path());
            let error = Diagnostic::error(E0701, detection.metadata.title.span, message);
            document.diagnostics.push(error.help("`cognate check` shows them"));
            document.detection = None;
        }
    }
}

impl Surroundings for Workspace {
    fn log_source(&self, id: &LogSourceId) -> Option<Arc<LogSource>> {
        let file = self.log_sources.described(id);
        let changed = self.site.as_ref().and_then(|site| site.log_source(id));
        let found = changed.or_else(|| file.and_then(|file| file.log_source.clone()));
        if self.keep_unmapped { found.map(|found| Arc::new(found.with_every_field())) } else { found }
    }

    fn near_log_source(&self, id: &LogSourceId) -> Option<String> {
        self.log_sources.near(id)
    }

    fn list_file(&self, path: &str) -> Result<Vec<Value>, String> {
        let read = || {
            if !files::stays_inside(Path::new(path)) {
                return Err("the path leaves the project".to_owned());
            }
            let (source, problem) = files::read(&self.lists_folder.join(path), path);
            if let Some(problem) = problem {
                return Err(problem.message);
            }
            let values = list_values(&source.text);
            if values.is_empty() { Err("it is empty".to_owned()) } else { Ok(values) }
        };
        self.lists.borrow_mut().entry(path.to_owned()).or_insert_with(read).clone()
    }

    fn event_file(&self, path: &str) -> Result<String, String> {
        if !files::stays_inside(Path::new(path)) {
            return Err("the path leaves the project".to_owned());
        }
        self.event_files.borrow_mut().insert(path.to_owned());
        let (source, problem) = files::read(&self.lists_folder.join(path), path);
        problem.map_or(Ok(source.text), |problem| Err(problem.message))
    }

    fn rules(&self) -> Option<&Rules> {
        Some(self.rules.get_or_init(|| self.read_rules()))
    }

    fn site(&self) -> Option<&Site> {
        self.site.as_ref()
    }
}

fn current() -> anyhow::Result<PathBuf> {
    std::env::current_dir().context("cannot find the current folder")
}

/// The first path that is one.
fn first(given: &[PathBuf], current: &Path) -> Option<PathBuf> {
    given.iter().find(|path| !files::is_standard_input(path)).map(|path| files::absolute(path, current))
}

/// The nearest folder, upwards from a path, that holds `detections` or `logsources`.
fn find_root(path: &Path) -> Option<PathBuf> {
    let is_project = |folder: &&Path| folder.join("detections").is_dir() || folder.join("logsources").is_dir();
    path.ancestors().find(is_project).map(Path::to_path_buf)
}

/// The built-in templates, replaced file by file by those of `--templates`.
pub fn templates(common: &Common) -> anyhow::Result<Result<Templates, Problems>> {
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
    if !folder.is_dir() {
        bail!("there is no folder `{}` with templates", files::shown(folder));
    }
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.with_context(|| format!("cannot read the folder `{}`", files::shown(folder)))?;
        if entry.file_type().is_file() && entry.path().extension().is_some_and(|extension| extension == "j2") {
            let name = files::shown(entry.path().strip_prefix(folder)?);
            if !sources.contains_key(&name) {
                let known: Vec<&str> = sources.keys().map(String::as_str).collect();
                let help = did_you_mean(&name, known.iter().copied()).unwrap_or_else(|| format!("there are: {}", known.join(", ")));
                bail!("`{}` replaces no template; {help}", files::shown(entry.path()));
            }
            let shown = files::shown(entry.path());
            let (source, problem) = files::read(entry.path(), &shown);
            if let Some(problem) = problem {
                bail!("`{shown}`: {}", problem.message);
            }
            sources.insert(name, source);
        }
    }
    Ok(())
}
