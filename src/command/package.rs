//! `cognate package`: specs → the files of a Splunk app, of Sentinel's rules, of a kit for QRadar or of a Sigma pack.
//!
//! Everything is made in memory first: if anything is wrong, nothing is written. `package.json` in the folder lists the files, so
//! that the next run removes what is no longer part of the package; other files there are nobody's.

use super::listed::{ListedFolder, hash};
use super::workspace::{Workspace, named};
use super::{Outcome, PackageArguments, files};
use crate::build::{Acceptance, Outcome as Built, build, place_at_title};
use crate::detection::Detection;
use crate::diagnostic::{Diagnostic, E0802, Severity};
use crate::package::{Files, Kind, Made, Part, Settings, qradar, sentinel, sigma, splunk};
use crate::source::Source;
use crate::target::{Artefact, Options, Range};
use crate::template::Templates;
use anyhow::bail;
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The list of a package's files.
const LIST: &str = "package.json";

/// A spec with its query.
struct Compiled {
    /// Which of the files it stands in.
    file: usize,
    name: String,
    detection: Detection,
    artefact: Artefact,
}

impl Compiled {
    fn part(&self) -> Part<'_> {
        Part { name: &self.name, detection: &self.detection, artefact: &self.artefact }
    }
}

/// What was found in the specs.
#[derive(Default)]
struct Found {
    files: Vec<(Source, Vec<Diagnostic>)>,
    compiled: Vec<Compiled>,
    /// Spec and reason.
    skipped: Vec<(String, String)>,
}

/// Runs the command.
pub(super) fn run(arguments: &PackageArguments) -> Outcome {
    let workspace = Workspace::open(&arguments.common, &arguments.paths)?;
    let Some(templates) = super::templates(&arguments.common, &workspace)? else { return Ok(false) };
    let settings = workspace.packaging();
    let out = workspace.place(&workspace.shown(&arguments.out));
    if workspace.detections().is_some_and(|detections| out.starts_with(detections)) {
        bail!(
            "`{}` lies among the specs, and what is written there would be read as one: name another folder",
            files::shown(&arguments.out)
        );
    }
    let mut found = read(arguments, &workspace, &templates, &settings)?;
    let (packaged, problems) = make(arguments.kind, &found.compiled, &settings);
    for (file, problem) in problems {
        found.files[file].1.push(problem);
    }
    let good = !super::has_errors(found.files.iter().flat_map(|(_, problems)| problems));
    super::report_errors(&found.files);
    for (name, reason) in &found.skipped {
        files::print_error(&format!("skipped: {name}: {reason}\n"));
    }
    if !good {
        let target = arguments.kind.target().name();
        files::print_error(&format!(
            "nothing is written: correct what is wrong, or leave the spec out of packages: `targets: {{ {target}: {{ query-only: why }} }}`\n"
        ));
        return workspace.finish(false);
    }
    let archive = (arguments.kind == Kind::Splunk).then(|| format!("{}-{}.tgz", settings.name, settings.version));
    let count = packaged.len() + usize::from(archive.is_some());
    write(arguments, &settings, &found.compiled, &packaged, archive.as_deref())?;
    let specs = files::counted(found.compiled.len(), "spec");
    files::print(&format!("{specs} in {}: {}\n", files::counted(count, "file"), files::shown(&arguments.out)))?;
    workspace.finish(true)
}

/// All specs, and their queries.
fn read(arguments: &PackageArguments, workspace: &Workspace, templates: &Templates, settings: &Settings) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let target = arguments.kind.target();
    for path in workspace.specs(&workspace.paths(&arguments.paths)?)? {
        let (source, documents, bases) = workspace.understand(&path).split();
        let mut problems: Vec<Diagnostic> = bases.into_iter().flat_map(|base| base.strict().1.sorted()).collect();
        for (name, document) in named(documents, &workspace.name_of(&path, &arguments.paths)) {
            let (detection, diagnostics) = document.strict();
            problems.extend(diagnostics.sorted());
            let Some(detection) = detection else { continue };
            problems.extend(workspace.id_problem(&detection, &path));
            let own = detection.targets.iter().find(|own| own.target == target);
            if let Some(reason) = own.and_then(|own| own.query_only.as_ref()) {
                found.skipped.push((name, reason.value.clone()));
                continue;
            }
            let options = Options {
                comments: arguments.kind == Kind::Sigma,
                limit: workspace.limit(),
                range: if arguments.kind == Kind::Splunk { Range::Dispatched } else { Range::Scheduled },
                unmapped: workspace.keeps_unmapped(),
                lookups: (arguments.kind == Kind::Splunk).then(|| splunk::lookups(settings, &name)),
            };
            let codes = arguments.accept.iter().cloned().chain(workspace.accepted(&detection)).collect();
            match build(&detection, target, templates, &options, &Acceptance { all: false, codes }).0 {
                Built::Built(artefact) => found.compiled.push(Compiled { file: found.files.len(), name, detection, artefact }),
                Built::Skipped(reason) => found.skipped.push((name, reason)),
                Built::Refused(refusals) | Built::NotAccepted(_, refusals) => {
                    problems.extend(refusals.into_iter().map(|problem| place_at_title(problem, &detection)));
                }
            }
        }
        problems.retain(|problem| problem.severity == Severity::Error);
        found.files.push((source, problems));
    }
    Ok(found)
}

/// The package's files, and what is to be said, by the file that a spec stands in.
fn make(kind: Kind, compiled: &[Compiled], settings: &Settings) -> (Files, Of<Diagnostic>) {
    let parts = || compiled.iter().map(|compiled| (compiled.file, compiled.part()));
    match kind {
        Kind::Splunk => {
            let (searches, mut problems) = each(parts(), |part| splunk::search(part, settings));
            problems.extend(splunk::collisions(&searches));
            let searches: Vec<_> = searches.into_iter().map(|(_, search)| search).collect();
            let below = |(path, text)| (format!("{}/{path}", settings.name), text);
            (splunk::files(settings, &searches).into_iter().map(below).collect(), problems)
        }
        Kind::Sentinel => {
            let (rules, problems) = each(parts(), |part| sentinel::rule(part, settings));
            let rules: Vec<_> = rules.into_iter().map(|(_, rule)| rule).collect();
            (sentinel::files(&rules), problems)
        }
        Kind::Qradar => {
            let lost = |(file, part): (usize, Part<'_>)| qradar::lost_throttle(&part).map(|problem| (file, problem));
            (qradar::files(&parts().map(|(_, part)| part).collect::<Vec<_>>(), settings), parts().filter_map(lost).collect())
        }
        Kind::Sigma => match sigma::files(&parts().map(|(_, part)| part).collect::<Vec<_>>()) {
            Ok(files) => (files, Vec::new()),
            Err((index, path)) => {
                let spec = &compiled[index];
                let message = format!("another spec becomes `{path}`, too");
                let problem = Diagnostic::error(E0802, spec.detection.metadata.title.span, message).help("rename one of the two");
                (Files::new(), vec![(spec.file, problem)])
            }
        },
    }
}

/// What is made of parts, and what is to be said: each with the file of its spec.
type Of<T> = Vec<(usize, T)>;

/// What is made of each part.
fn each<'a, T>(parts: impl Iterator<Item = (usize, Part<'a>)>, make: impl Fn(&Part<'a>) -> Made<T>) -> (Of<T>, Of<Diagnostic>) {
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for (file, part) in parts {
        let made = make(&part);
        all.extend(made.part.map(|part| (file, part)));
        problems.extend(made.problems.into_iter().map(|problem| (file, problem)));
    }
    (all, problems)
}

fn write(
    arguments: &PackageArguments,
    settings: &Settings,
    compiled: &[Compiled],
    packaged: &Files,
    archive: Option<&str>,
) -> anyhow::Result<()> {
    let folder = ListedFolder::open(&arguments.out, LIST, "a package")?;
    let mut hashes: BTreeMap<&str, String> = packaged.iter().map(|(path, text)| (path.as_str(), hash(text.as_bytes()))).collect();
    let bytes = archive.map(|_| packed(packaged)).transpose()?;
    if let (Some(archive), Some(bytes)) = (archive, &bytes) {
        hashes.insert(archive, hash(bytes));
    }
    let texts = packaged.iter().map(|(path, text)| (path.as_str(), text.as_bytes()));
    folder.refuse_foreign(texts.chain(archive.zip(bytes.as_deref())), "cognate package")?;
    folder.remove_others(&hashes.keys().copied().collect())?;
    for (path, text) in packaged {
        files::write(&folder.place(path), text)?;
    }
    if let (Some(archive), Some(bytes)) = (archive, &bytes) {
        files::write_with(&folder.place(archive), &|out| Ok(out.write_all(bytes)?))?;
    }
    let specs: Vec<serde_json::Value> = compiled.iter().map(|compiled| described(arguments.kind, compiled)).collect();
    let list =
        json!({ "package": arguments.kind.name(), "name": settings.name, "version": settings.version, "specs": specs, "files": hashes });
    folder.write_list(&list)
}

fn described(kind: Kind, compiled: &Compiled) -> serde_json::Value {
    #[derive(Serialize)]
    struct Remark<'a> {
        code: &'a str,
        message: &'a str,
    }
    let fidelity = &compiled.artefact.fidelity;
    let remarks = |list: &[crate::target::Deviation]| {
        let remark = |deviation: &crate::target::Deviation| json!(Remark { code: deviation.code.0, message: &deviation.message });
        list.iter().map(remark).collect::<Vec<_>>()
    };
    let platforms = [Some(crate::logsource::Platform::Product), kind.target().platform()];
    let sources = compiled.detection.log_sources();
    let prerequisites: BTreeSet<&str> = sources
        .iter()
        .flat_map(|source| &source.prerequisites)
        .filter(|(platform, _)| platforms.contains(&Some(*platform)))
        .map(|(_, text)| text.as_str())
        .collect();
    json!({
        "spec": compiled.name,
        "id": compiled.detection.metadata.id,
        "title": compiled.detection.metadata.title.value,
        "target": kind.target().name(),
        "fidelity": fidelity.mark(),
        "approximations": remarks(&fidelity.approximations),
        "assumptions": remarks(&fidelity.assumptions),
        "query": hash(compiled.artefact.text.as_bytes()),
        "prerequisites": prerequisites,
    })
}

/// The files as a compressed archive, with the same bytes for the same files.
fn packed(files: &Files) -> anyhow::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::best()));
    let mut folders: BTreeSet<&Path> = BTreeSet::new();
    for path in files.keys() {
        folders.extend(Path::new(path).ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()));
    }
    let header = |size: usize, mode: u32, kind: tar::EntryType| {
        let mut header = tar::Header::new_ustar();
        header.set_size(size as u64);
        header.set_mode(mode);
        header.set_mtime(0);
        header.set_entry_type(kind);
        header
    };
    for folder in folders {
        archive.append_data(&mut header(0, 0o755, tar::EntryType::Directory), folder, std::io::empty())?;
    }
    for (path, text) in files {
        archive.append_data(&mut header(text.len(), 0o644, tar::EntryType::Regular), path, text.as_bytes())?;
    }
    Ok(archive.into_inner()?.finish()?)
}
