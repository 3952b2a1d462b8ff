//! `cognate diff`: the project at a Git revision and the one in the working tree → what changed, in words.
//!
//! The revision's files are written into a temporary folder and compiled there like any project, by this program with its built-in log
//! sources. Files are compared one after the other; what is kept are the changes, and the specs without a partner in the same file.

use super::git::{Place, Revision};
use super::workspace::{Workspace, named};
use super::{Common, DiffArguments, DiffFormat, Outcome, files, workspace};
use crate::build::{Acceptance, build};
use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, Severity};
use crate::difference::change::Piece;
use crate::difference::report::Format;
use crate::difference::targets::Settings;
use crate::difference::{Broken, Comparison, Now, Report, Side, SpecDifference, is_below, meaning};
use crate::frontend::{Document, understand};
use crate::source::Source;
use crate::target::{Options, Target};
use crate::template::Templates;
use anyhow::{Context as _, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// One state of the project.
struct State {
    workspace: Workspace,
    templates: Templates,
    /// The project's folder.
    root: PathBuf,
    /// Spec files by their path below the project's folder.
    specs: BTreeMap<String, PathBuf>,
}

/// The base as it is written down.
struct Base {
    /// Holds the files; they go with it.
    folder: TempDir,
    /// The paths of the project's files.
    files: Vec<String>,
    /// The same options, with the site file and the templates of the revision.
    common: Common,
    notices: Vec<Vec<Piece>>,
}

impl Base {
    fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }
}

/// Runs the command.
pub(super) fn run(arguments: &DiffArguments) -> Outcome {
    if arguments.paths.iter().any(|path| files::is_standard_input(path)) {
        bail!("diff compares files with their state in a revision, and standard input has none");
    }
    let workspace = Workspace::open(&arguments.common, &arguments.paths)?;
    let Some(root) = workspace.root.clone() else {
        bail!("there is no project here: a folder with `detections` or `logsources`, or a path inside of one");
    };
    let revision = Revision::find(&root, &arguments.base)?;
    let Some(templates) = super::templates(&arguments.common, &workspace)? else { return Ok(false) };
    let base = base(&revision, &root, &arguments.common)?;
    let chosen = chosen(arguments, &root, &base.files)?;
    let new = State::new(workspace, templates, root, &chosen)?;
    let (specs, compared, notices) = compare(&new, base, &chosen, arguments)?;
    let report = Report { revision: arguments.base.clone(), commit: revision.commit, notices, specs, compared };
    let format = match arguments.format {
        DiffFormat::Text => Format::Text { colours: files::colours(&std::io::stdout()) },
        DiffFormat::Markdown => Format::Markdown,
        DiffFormat::Json => Format::Json,
    };
    files::print(&report.write(format))?;
    new.workspace.finish(!report.has_errors())
}

/// The given paths below the project's folder; nothing if everything is asked for.
fn chosen(arguments: &DiffArguments, root: &Path, at_base: &[String]) -> anyhow::Result<Vec<String>> {
    let current = std::env::current_dir().context("cannot find the current folder")?;
    let mut chosen = Vec::new();
    for path in &arguments.paths {
        let whole = files::absolute(path, &current);
        let Ok(below) = whole.strip_prefix(root) else {
            bail!("`{}` is not in the project `{}`", files::shown(path), files::shown(root));
        };
        let below = files::shown(below);
        if !whole.exists() && !at_base.iter().any(|file| is_below(file, &below)) {
            bail!("there is no file or folder `{}`, neither here nor in {}", files::shown(path), arguments.base);
        }
        chosen.push(below);
    }
    Ok(if chosen.iter().any(String::is_empty) { Vec::new() } else { chosen })
}

/// Writes the revision's project, site file and templates into a folder.
fn base(revision: &Revision, root: &Path, common: &Common) -> anyhow::Result<Base> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let Place::Inside(place) = revision.place(root)? else { bail!("`{}` is in another Git repository", files::shown(root)) };
    let project = folder.path().join("project");
    std::fs::create_dir_all(&project).context("cannot write into the temporary folder")?;
    // specs, log sources and templates that are links are read nowhere
    let of_links = |path: &str| !files::is_spec_name(Path::new(path)) && !path.ends_with(".j2");
    let files = revision.write(&place, &project, of_links)?;
    let mut base = Base { folder, files, common: common.clone(), notices: Vec::new() };
    if let Some(site) = &common.site {
        base.common.site = base.beside(revision, site, "site", "the site file")?;
    }
    if let Some(templates) = &common.templates {
        base.common.templates = base.beside(revision, templates, "templates", "the folder of templates")?;
    }
    Ok(base)
}

impl Base {
    /// A file or folder beside the project, as the revision has it: the present one if the repository does not know it, nothing if it
    /// is newer than the revision.
    fn beside(&mut self, revision: &Revision, path: &Path, name: &str, what: &str) -> anyhow::Result<Option<PathBuf>> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let is_folder = path.is_dir();
        let place = match revision.place(if is_folder { path } else { parent })? {
            Place::Outside => return Ok(Some(path.to_owned())),
            Place::Inside(place) if is_folder => place,
            Place::Inside(place) => place + &path.file_name().unwrap_or_default().to_string_lossy(),
        };
        let folder = self.folder.path().join(name);
        let written = revision.write(&place, &folder, |_| !is_folder)?;
        let told = |text: &str| vec![Piece::plain(what), Piece::code(&files::shown(path)), Piece::plain(text)];
        match written.first() {
            Some(_) if is_folder => Ok(Some(folder)),
            Some(file) => Ok(Some(folder.join(file))),
            None if revision.is_tracked(&place)? => {
                self.notices.push(told("is not in the revision: the base is built without it"));
                Ok(None)
            }
            None => {
                self.notices.push(told("is not kept in the repository: the present one serves both sides"));
                Ok(Some(path.to_owned()))
            }
        }
    }

    /// The base as a project, or why it cannot be one.
    fn state(&mut self, chosen: &[String]) -> anyhow::Result<Option<State>> {
        let root = self.project();
        let workspace = self.workspace(&root)?;
        let mut problems = workspace.problems.clone();
        let templates = match workspace::templates(&self.common) {
            Ok(Ok(templates)) => Some(templates),
            Ok(Err(wrong)) => {
                problems.extend(wrong);
                None
            }
            Err(error) => {
                self.notices.push(vec![Piece::plain("the base cannot be built:"), Piece::code(&format!("{error:#}"))]);
                None
            }
        };
        let errors = problems.iter().flat_map(|(source, problems)| problems.iter().map(move |problem| (source, problem)));
        let errors: Vec<_> = errors.filter(|(_, problem)| problem.severity == Severity::Error).collect();
        for (source, problem) in &errors {
            let name = Path::new(&source.path).file_name().unwrap_or_default().to_string_lossy().into_owned();
            let notice = [Piece::plain("at the base"), Piece::code(&name), Piece::plain("has errors:"), Piece::code(&problem.message)];
            self.notices.push(notice.into_iter().chain([Piece::plain("all specs are shown as if they were new")]).collect());
        }
        match templates.filter(|_| errors.is_empty()) {
            Some(templates) => State::new(workspace, templates, root, chosen).map(Some),
            None => Ok(None),
        }
    }

    /// The base's workspace; without variants that its log sources do not have.
    fn workspace(&mut self, root: &Path) -> anyhow::Result<Workspace> {
        if let Ok(workspace) = Workspace::open_at(&self.common, root) {
            return Ok(workspace);
        }
        for variant in std::mem::take(&mut self.common.variant) {
            let alone = Common { variant: vec![variant.clone()], site: None, ..self.common.clone() };
            match Workspace::open_at(&alone, root) {
                Ok(_) => self.common.variant.push(variant),
                Err(_) => self.notices.push(vec![Piece::plain("the base has no variant"), Piece::code(&variant)]),
            }
        }
        Workspace::open_at(&self.common, root).context("at the base")
    }
}

impl State {
    /// All specs of the project, and those of chosen paths beside its detections.
    fn new(workspace: Workspace, templates: Templates, root: PathBuf, chosen: &[String]) -> anyhow::Result<State> {
        let beside = chosen.iter().filter(|path| !is_below(path, "detections")).map(|path| root.join(path));
        let paths: Vec<PathBuf> = workspace.detections().into_iter().chain(beside.filter(|path| path.exists())).collect();
        let found = if paths.is_empty() { Vec::new() } else { workspace.specs(&paths)? };
        let found = found.into_iter().filter(|path| !workspace.is_log_source(path));
        let specs = found.map(|path| (workspace.shown(&path), path)).collect();
        Ok(State { workspace, templates, root, specs })
    }

    /// The specs of a file, those that cannot be used, and the file's text.
    fn read(&self, shown: &str) -> (Vec<Side>, Vec<Broken>, Option<String>) {
        let Some(path) = self.specs.get(shown) else { return (Vec::new(), Vec::new(), None) };
        let (source, documents, bases) = self.workspace.understand(path).split();
        let output = self.workspace.name_of(path, std::slice::from_ref(&self.root));
        let counted = bases.into_iter().map(|base| (format!("{output}/{}", base.name), base)).map(|named| (named, false));
        let built = named(documents, &output).into_iter().map(|named| (named, true));
        let (mut sides, mut broken) = (Vec::new(), Vec::new());
        for ((output, document), is_built) in built.chain(counted) {
            match self.side(&source, path, (output, document), is_built) {
                Ok(side) => sides.extend(side),
                Err(wrong) => broken.push(wrong),
            }
        }
        (sides, broken, Some(source.text))
    }

    /// A spec with its queries; nothing for a filter.
    fn side(&self, source: &Source, path: &Path, (output, document): (String, Document), is_built: bool) -> Result<Option<Side>, Broken> {
        let name = document.name.clone();
        let (detection, mut problems) = document.strict();
        if let Some(detection) = &detection {
            self.workspace.id_problem(detection, path).into_iter().for_each(|problem| problems.push(problem));
        }
        if problems.has_errors() {
            let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
            let errors = errors.map(|problem| error(source, problem)).collect();
            return Err(Broken { path: source.path.clone(), output, errors });
        }
        let Some(detection) = detection else { return Ok(None) };
        let outcomes = if is_built { self.outcomes(&detection) } else { Vec::new() };
        Ok(Some(Side { path: source.path.clone(), name, output, detection, outcomes, now: Now::Same }))
    }

    fn outcomes(&self, detection: &Detection) -> Vec<(Target, crate::build::Outcome)> {
        let options = Options { limit: self.workspace.limit(), unmapped: self.workspace.keeps_unmapped(), ..Options::default() };
        let acceptance = Acceptance { all: false, codes: self.workspace.accepted(detection) };
        let outcome = |target| (target, build(detection, target, &self.templates, &options, &acceptance).0);
        Target::ALL.into_iter().map(outcome).collect()
    }

    /// Log sources that cannot be used: specs are compiled as if nobody had described them.
    fn wrong_log_sources(&self, what: &str) -> Vec<Vec<Piece>> {
        let read = self.workspace.log_sources().read_all();
        let wrong = read.filter_map(|(source, file)| {
            let error = file.diagnostics.iter().find(|problem| problem.severity == Severity::Error)?;
            Some(vec![Piece::plain(what), Piece::code(&source.path), Piece::plain("has errors:"), Piece::code(&error.message)])
        });
        wrong.collect()
    }

    /// What a text of the base would mean here, where lists, log sources and site may be others.
    fn means(&self, shown: &str, text: &str, name: &str) -> Now {
        let documents = understand(&Source::new(shown, text), &self.workspace);
        let found = documents.into_iter().find(|document| document.name == name).and_then(|document| document.strict().0);
        found.map_or(Now::Unknown, |detection| Now::Means(Box::new(meaning::of(&detection))))
    }
}

fn error(source: &Source, problem: &Diagnostic) -> String {
    let (line, _) = source.line_column(problem.span.start as usize);
    format!("line {line}: {} {}", problem.code, problem.message)
}

/// Compares all files.
fn compare(
    new: &State,
    mut base: Base,
    chosen: &[String],
    arguments: &DiffArguments,
) -> anyhow::Result<(Vec<SpecDifference>, usize, Vec<Vec<Piece>>)> {
    let old = base.state(chosen)?;
    let settings = Settings {
        templates: templates(&base.common)? != templates(&arguments.common)?,
        limit: old.as_ref().is_some_and(|old| old.workspace.limit() != new.workspace.limit()),
    };
    let mut comparison = Comparison::new(settings, chosen.to_vec());
    // nothing is known of a base that cannot be built
    for path in base.files.iter().filter(|_| old.is_none()) {
        comparison.had_errors(path);
    }
    let mut paths: Vec<&String> = old.iter().flat_map(|old| old.specs.keys()).chain(new.specs.keys()).collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        file(&mut comparison, path, old.as_ref(), new);
    }
    let (specs, compared) = comparison.finish();
    let at_base = old.iter().flat_map(|old| old.wrong_log_sources("at the base the log source file"));
    let notices = new.wrong_log_sources("the log source file").into_iter().chain(at_base).chain(base.notices).collect();
    Ok((specs, compared, notices))
}

fn file(comparison: &mut Comparison, path: &str, old: Option<&State>, new: &State) {
    let (sides, broken, text) = new.read(path);
    broken.into_iter().for_each(|broken| comparison.broken(broken));
    let (mut before, had_errors, old_text) = old.map_or((Vec::new(), Vec::new(), None), |old| old.read(path));
    if !had_errors.is_empty() {
        comparison.had_errors(path);
    }
    if let Some(old_text) = old_text.filter(|old_text| text.as_ref() != Some(old_text)) {
        before.iter_mut().for_each(|side| side.now = new.means(path, &old_text, &side.name));
    }
    comparison.file(before, sides);
}

/// The texts of a folder of templates.
fn templates(common: &Common) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let Some(folder) = &common.templates else { return Ok(BTreeMap::new()) };
    let found = files::others(std::slice::from_ref(folder))?.into_iter();
    let text = |path: PathBuf| {
        let text = std::fs::read(&path).with_context(|| format!("cannot read `{}`", files::shown(&path)))?;
        Ok((files::shown(path.strip_prefix(folder).unwrap_or(&path)), text))
    };
    found.filter(|path| path.extension().is_some_and(|extension| extension == "j2")).map(text).collect()
}
