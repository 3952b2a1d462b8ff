//! `cognate import`: folders of Sigma rules → a project that builds the queries into which `convert` turns these rules.
//!
//! The rules are understood and compiled where they are; their texts, with what a build asks to be stated in them, are put
//! into a new folder; that is compiled as the project that it is, and every query compared. A file that a build would
//! refuse is set aside with the reason. Only then does the folder get its name.

mod project;
mod report;

use super::workspace::{Understood, Workspace, named};
use super::{ImportArguments, Outcome, Unmapped, files};
use crate::build::{Acceptance, Outcome as Built, build};
use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, Diagnostics, E0001, E0002, E0008, E0213, E0802, Severity};
use crate::frontend::Document;
use crate::import::{LogSourceStarter, Said, Statement, insert, is_rule, list_text, missing_lists};
use crate::source::Source;
use crate::target::{Options, Target};
use crate::template::Templates;
use anyhow::bail;
use project::Project;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// The queries of a file: name in `out/` and target → what the text hashes to.
type Queries = BTreeMap<(String, Target), u64>;

/// One file of rules, on its way.
struct File {
    /// Below the imported folder, with `/`.
    name: String,
    /// Where it was found.
    path: PathBuf,
    /// The queries of its rules.
    queries: Queries,
    /// What is stated in it.
    statements: Vec<Statement>,
}

/// A file that a build would refuse.
struct SetAside {
    /// Below the imported folder.
    name: String,
    /// What a build says about it; empty if it builds other queries.
    problems: Vec<Diagnostic>,
    /// Its text, for the problems.
    source: Source,
    /// The lists that it waits for, if it waits for nothing else.
    lists: Vec<String>,
}

/// What has been found.
#[derive(Default)]
struct Import {
    files: Vec<File>,
    set_aside: Vec<SetAside>,
    /// Files that are no rules.
    others: Vec<String>,
    /// By the names of their files.
    log_sources: BTreeMap<String, LogSourceStarter>,
    /// List → rules and fields that use it.
    lists: BTreeMap<String, BTreeSet<(String, String)>>,
    /// How many rules there are.
    rules: usize,
}

/// What a file is compiled against.
struct Context<'a> {
    workspace: &'a Workspace,
    templates: &'a Templates,
    keeps_unmapped: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &ImportArguments) -> Outcome {
    if let Some(path) = arguments.folders.iter().find(|path| files::is_standard_input(path)) {
        bail!("`{}`: standard input has no file names: name a folder", files::shown(path));
    }
    let mut project = Project::new(&arguments.out)?;
    let workspace = Workspace::open_outside(&arguments.common, &arguments.folders)?;
    let Some(templates) = super::templates(&arguments.common, &workspace)? else { return Ok(false) };
    let keeps_unmapped = arguments.common.unmapped == Unmapped::Keep;
    let context = Context { workspace: &workspace, templates: &templates, keeps_unmapped };
    let mut import = Import::default();
    let rules = named_files(&workspace, &arguments.folders)?;
    if rules.is_empty() {
        let folders: Vec<String> = arguments.folders.iter().map(|folder| format!("`{}`", files::shown(folder))).collect();
        bail!("there are no rules (*.yml, *.yaml) in {}", folders.join(", "));
    }
    for (name, path) in rules {
        context.file(name, path, &mut import, &mut project)?;
    }
    workspace.finish(true)?;
    import.others.extend(files::others(&arguments.folders)?.iter().map(|path| workspace.below(path, &arguments.folders)));
    import.others.sort();
    import.others.dedup();
    import.write(&project)?;
    while verify(arguments, &templates, &project, &mut import)? {}
    import.rules = import.files.iter().map(|file| file.rules()).sum();
    project.write(report::NAME, &report::text(&import))?;
    project.finish()?;
    let problems: Vec<_> = import.set_aside.iter().map(|file| (file.source.clone(), file.problems.clone())).collect();
    super::report_errors(&problems);
    files::print(&report::summary(&import, arguments))?;
    Ok(import.set_aside.is_empty())
}

/// The YAML files below the folders, by their paths there.
fn named_files(workspace: &Workspace, folders: &[PathBuf]) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in workspace.specs(folders)? {
        let name = workspace.below(&path, folders);
        if let Some(first) = found.get(&name) {
            let (first, second) = (files::shown(first), files::shown(&path));
            bail!("`{first}` and `{second}` would both become `detections/{name}`: import them one by one, or name the folder above");
        }
        found.insert(name, path);
    }
    Ok(found)
}

impl File {
    /// How many rules have queries.
    fn rules(&self) -> usize {
        let skipped = self.statements.iter().filter(|statement| statement.targets.len() == Target::ALL.len()).count();
        self.queries.keys().map(|(name, _)| name).collect::<BTreeSet<_>>().len() + skipped
    }
}

impl Import {
    /// Puts the files beside the rules: log sources and lists.
    fn write(&self, project: &Project) -> anyhow::Result<()> {
        for (stem, starter) in &self.log_sources {
            project.write(&format!("logsources/{stem}.yml"), &starter.text())?;
        }
        for (name, uses) in &self.lists {
            project.write(&format!("lists/{name}.txt"), &list_text(name, uses))?;
        }
        Ok(())
    }
}

impl Context<'_> {
    /// Takes one file: copies it with what must be stated, or sets it aside.
    fn file(&self, name: String, path: PathBuf, import: &mut Import, project: &mut Project) -> anyhow::Result<()> {
        let Understood { source, documents } = self.workspace.understand(&path);
        if !is_rule(&source.text) && !unreadable(&documents) {
            import.others.push(name);
            return Ok(());
        }
        let mut problems = Diagnostics::new();
        let mut file = File { name, path, queries: Queries::new(), statements: Vec::new() };
        let mut rules = Vec::new();
        let (bases, documents): (Vec<Document>, Vec<Document>) = documents.into_iter().partition(|document| document.is_base);
        bases.into_iter().for_each(|base| problems.extend(base.strict().1));
        for (name, document) in named(documents, &stem(&file.name)) {
            let region = document.region;
            let (detection, found) = document.strict();
            problems.extend(found);
            let Some(detection) = detection else { continue };
            let targets = self.targets(&name, &detection, &mut file.queries);
            if !targets.is_empty() {
                file.statements.push(Statement { region, targets, lists: Vec::new() });
            }
            rules.push(detection);
        }
        let source = Source::new(file.name.clone(), source.text);
        if problems.has_errors() {
            return self.set_aside(file, source, problems, import, project);
        }
        let Some(text) = insert(&source.text, &file.statements) else {
            let problems = file.statements.iter().map(|statement| no_place(statement, &rules));
            let problems = problems.fold(Diagnostics::new(), |mut all, problem| {
                all.push(problem);
                all
            });
            return self.set_aside(file, source, problems, import, project);
        };
        for detection in rules.iter().filter(|detection| self.is_undescribed(detection)) {
            let id = &detection.log_source.id;
            let Some(starter) = LogSourceStarter::new(id) else { continue };
            import.log_sources.entry(id.stem()).or_insert(starter).add(detection);
        }
        project.write(&format!("detections/{}", file.name), &text)?;
        import.files.push(file);
        Ok(())
    }

    /// What is to be said of each target, and the queries of those that can be built.
    fn targets(&self, name: &str, detection: &Detection, queries: &mut Queries) -> Vec<(Target, Said)> {
        let codes = self.workspace.accepted(detection);
        let mut said = Vec::new();
        for target in Target::ALL {
            let outcome = self.build(detection, target);
            if let Built::Built(artefact) | Built::NotAccepted(artefact, _) = &outcome {
                queries.insert((name.to_owned(), target), hash(&artefact.text));
            }
            let by_log_source = matches!(outcome, Built::Refused(_)) && target.platform().is_some() && self.begins_file(detection);
            said.extend(Said::of(&outcome, &codes).filter(|_| !by_log_source).map(|said| (target, said)));
        }
        said
    }

    fn build(&self, detection: &Detection, target: Target) -> Built {
        let options = Options { limit: self.workspace.limit(), unmapped: self.keeps_unmapped, ..Options::default() };
        let acceptance = Acceptance { all: false, codes: self.workspace.accepted(detection) };
        build(detection, target, self.templates, &options, &acceptance).0
    }

    /// Whether a description of the rule's log source is begun, which says that nothing is built for the platforms.
    fn begins_file(&self, detection: &Detection) -> bool {
        self.is_undescribed(detection) && LogSourceStarter::new(&detection.log_source.id).is_some()
    }

    fn is_undescribed(&self, detection: &Detection) -> bool {
        detection.log_source.open && detection.log_source.bound.is_empty() && !self.keeps_unmapped
    }

    /// Copies a file to where no build reads it. If all that is wrong is that lists have no values, the copy names their files.
    fn set_aside(
        &self,
        file: File,
        source: Source,
        problems: Diagnostics,
        import: &mut Import,
        project: &mut Project,
    ) -> anyhow::Result<()> {
        let problems: Vec<Diagnostic> = problems.sorted().into_iter().filter(|problem| problem.severity == Severity::Error).collect();
        let place = format!("{}/{}", project::SET_ASIDE, file.name);
        let (statements, uses) = missing_lists(&source);
        let waits = problems.iter().all(|problem| problem.code == E0213);
        let lists: BTreeSet<String> = uses.iter().filter(|_| waits).map(|(list, _)| list.clone()).collect();
        match insert(&source.text, &statements).filter(|_| !lists.is_empty()) {
            Some(text) => project.write(&place, &text)?,
            // there is nothing to copy
            None if problems.iter().any(|problem| problem.code == E0008) => {}
            None => project.copy(&file.path, &place)?,
        }
        for (list, field) in uses.into_iter().filter(|_| waits) {
            import.lists.entry(list).or_default().insert((file.name.clone(), field));
        }
        import.set_aside.push(SetAside { name: file.name, problems, source, lists: lists.into_iter().collect() });
        Ok(())
    }
}

/// That a statement cannot be put into its document.
fn no_place(statement: &Statement, rules: &[Detection]) -> Diagnostic {
    let title = rules.first().map(|rule| rule.metadata.title.span).unwrap_or(statement.region);
    let names: Vec<&str> = statement.targets.iter().map(|(target, _)| target.name()).collect();
    let message = format!("what a build asks to be stated about {} cannot be put in here by itself", names.join(", "));
    Diagnostic::error(crate::diagnostic::E0402, title, message).help("accept or skip the targets in `targets`")
}

/// Whether a file cannot be read or is no text.
fn unreadable(documents: &[Document]) -> bool {
    let of = |document: &Document| document.diagnostics.iter().any(|problem| [E0001, E0002, E0008].contains(&problem.code));
    documents.iter().any(of)
}

fn stem(name: &str) -> String {
    files::shown(&Path::new(name).with_extension(""))
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Compiles the project as it is now, and sets aside each file that has errors or other queries than its original. Whether
/// there were any.
fn verify(arguments: &ImportArguments, templates: &Templates, project: &Project, import: &mut Import) -> anyhow::Result<bool> {
    let root = project.folder().to_path_buf();
    let workspace = Workspace::open_at(&arguments.common, &root)?;
    let context = Context { workspace: &workspace, templates, keeps_unmapped: arguments.common.unmapped == Unmapped::Keep };
    let mut names = BTreeMap::new();
    let detections = [root.join("detections")];
    if !import.files.is_empty() {
        workspace.specs(&detections)?;
    }
    let (mut good, mut found) = (Vec::new(), false);
    for file in std::mem::take(&mut import.files) {
        let place = format!("detections/{}", file.name);
        let (source, problems, queries) = context.built(&root.join(&place), &file.name, &mut names);
        if problems.is_empty() && queries == file.queries {
            good.push(file);
            continue;
        }
        found = true;
        project.remove(&place)?;
        project.copy(&file.path, &format!("{}/{}", project::SET_ASIDE, file.name))?;
        let source = Source::new(file.name.clone(), source.text);
        import.set_aside.push(SetAside { name: file.name, problems, source, lists: Vec::new() });
    }
    import.files = good;
    Ok(found)
}

impl Context<'_> {
    /// What a build of the project makes of a file: its errors and its queries.
    fn built(&self, path: &Path, name: &str, names: &mut BTreeMap<String, String>) -> (Source, Vec<Diagnostic>, Queries) {
        let (source, documents, bases) = self.workspace.understand(path).split();
        let (mut problems, mut queries) = (Diagnostics::new(), Queries::new());
        let all = named(documents, &stem(name)).into_iter().map(|(name, document)| (Some(name), document));
        for (output, document) in all.chain(bases.into_iter().map(|base| (None, base))) {
            let (detection, found) = document.strict();
            problems.extend(found);
            let Some(detection) = detection else { continue };
            self.workspace.id_problem(&detection, path).into_iter().for_each(|problem| problems.push(problem));
            let Some(output) = output else { continue };
            let first = names.entry(output.clone()).or_insert_with(|| name.to_owned());
            if first != name {
                let message = format!("the output of {first} has the same path, `{output}`");
                problems.push(Diagnostic::error(E0802, detection.metadata.title.span, message).help("rename one of the two files"));
            }
            for target in Target::ALL {
                match self.build(&detection, target) {
                    Built::Built(artefact) => drop(queries.insert((output.clone(), target), hash(&artefact.text))),
                    Built::Skipped(_) => {}
                    Built::Refused(refusals) | Built::NotAccepted(_, refusals) => {
                        refusals.into_iter().for_each(|problem| problems.push(crate::build::place_at_title(problem, &detection)));
                    }
                }
            }
        }
        let problems = problems.sorted().into_iter().filter(|problem| problem.severity == Severity::Error).collect();
        (source, problems, queries)
    }
}
