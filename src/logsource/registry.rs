//! All log sources: the built-in ones and a project's own. A file is read when somebody asks for its log source, and
//! only then; its name follows from the id: `confluence/audit` is described in `confluence_audit.yml`.

use super::{LogSource, LogSourceId, read};
use crate::diagnostic::{Diagnostic, Diagnostics, E0701, closest};
use crate::source::{Source, Span};
use include_dir::{Dir, include_dir};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/logsources");

/// The log sources that a project can use.
#[derive(Debug)]
pub struct LogSources {
    files: BTreeMap<String, File>,
    /// The variants that stand for log sources, by the name of the file.
    chosen: BTreeMap<String, String>,
}

#[derive(Debug)]
struct File {
    source: Source,
    read: OnceLock<LogSourceFile>,
}

/// A log source file that has been read.
#[derive(Debug)]
pub struct LogSourceFile {
    /// What it describes; `None` if it has errors.
    pub log_source: Option<Arc<LogSource>>,
    /// Its problems.
    pub diagnostics: Diagnostics,
}

impl LogSources {
    /// The log sources that are part of the program.
    pub fn built_in() -> LogSources {
        let texts = BUILT_IN.files().filter_map(|file| Some((file.path().to_str()?, file.contents_utf8()?)));
        LogSources { files: BTreeMap::new(), chosen: BTreeMap::new() }
            .with(texts.map(|(name, text)| Source::new(format!("logsources/{name}"), text)))
    }

    /// The same with a project's own files; a file of the same name replaces a built-in one.
    pub fn with(mut self, sources: impl IntoIterator<Item = Source>) -> LogSources {
        for source in sources {
            let file = File { source, read: OnceLock::new() };
            self.files.insert(stem(&file.source.path).to_owned(), file);
        }
        self
    }

    /// Lets a variant stand for the log source at a path such as `windows/security`; an error says what there is.
    pub fn choose(&mut self, path: &str, variant: &str) -> Result<(), String> {
        let name = path.replace('/', "_");
        let Some(file) = self.files.get(&name) else { return Err(format!("nobody has described the log source `{path}`")) };
        if let Some(log_source) = &self.read(file, &[]).log_source {
            log_source.variant(variant).map_err(|help| format!("`{path}` has no variant `{variant}`; {help}"))?;
        }
        // what was read before stays as it was, so it is read again
        let source = file.source.clone();
        self.files.insert(name.clone(), File { source, read: OnceLock::new() });
        self.chosen.insert(name, variant.to_owned());
        Ok(())
    }

    /// The log source of an id: described by a file, or open. `None` if its file has errors.
    pub fn get(&self, id: &LogSourceId) -> Option<Arc<LogSource>> {
        match self.described(id) {
            Some(file) => file.log_source.clone(),
            None => Some(Arc::new(LogSource::open(id.clone()))),
        }
    }

    /// The file that describes an id, if there is one.
    pub fn described(&self, id: &LogSourceId) -> Option<&LogSourceFile> {
        self.files.get(&id.stem()).map(|file| self.read(file, &[]))
    }

    /// The file that describes the log source at a path such as `confluence/audit`.
    pub fn at_path(&self, path: &str) -> Option<&LogSourceFile> {
        self.files.get(&path.replace('/', "_")).map(|file| self.read(file, &[]))
    }

    /// The path of the described log source whose name is close to an id's, else of one that has all parts but one; a
    /// single part says too little.
    pub fn near(&self, id: &LogSourceId) -> Option<String> {
        let path = |file: &File| Some(self.read(file, &[]).log_source.as_ref()?.id.path());
        if let Some(file) = closest(&id.stem(), self.files.keys().map(String::as_str)).and_then(|near| self.files.get(near)) {
            return path(file);
        }
        let shorter = [
            LogSourceId { service: None, ..id.clone() },
            LogSourceId { category: None, ..id.clone() },
            LogSourceId { product: None, ..id.clone() },
        ];
        let mut shorter = shorter.iter().filter(|other| *other != id && other.parts().nth(1).is_some());
        path(shorter.find_map(|other| self.files.get(&other.stem()))?)
    }

    /// Every file, read, in the order of their names.
    pub fn read_all(&self) -> impl Iterator<Item = (&Source, &LogSourceFile)> {
        self.files.values().map(|file| (&file.source, self.read(file, &[])))
    }

    /// The names by which the files are found, such as `confluence_audit`, without reading them.
    pub fn stems(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }
}

impl LogSources {
    /// Reads a file; `trail` are the files that extend it, one the other, none of which it may extend in turn.
    fn read<'f>(&self, file: &'f File, trail: &[&str]) -> &'f LogSourceFile {
        let trail: Vec<&str> = trail.iter().copied().chain([stem(&file.source.path)]).collect();
        let base = |path: &str| {
            let name = path.replace('/', "_");
            let base = self.files.get(&name).filter(|_| !trail.contains(&&*name))?;
            self.read(base, &trail).log_source.clone()
        };
        file.read.get_or_init(|| {
            let mut diagnostics = Diagnostics::new();
            let log_source = read(&file.source, &base, &mut diagnostics);
            let wrong = log_source.as_ref().map(|found| found.id.stem()).filter(|wanted| wanted != stem(&file.source.path));
            if let Some(wanted) = &wrong {
                let message = format!("the file describes a log source that is looked for in `{wanted}.yml`");
                diagnostics
                    .push(Diagnostic::error(E0701, Span::default(), message).help("rename the file, or correct product and service"));
            }
            let log_source = log_source.filter(|_| wrong.is_none()).map(Arc::new);
            let variant = self.chosen.get(stem(&file.source.path)).filter(|_| trail.len() == 1);
            let log_source = log_source.map(|found| match variant.map(|name| found.variant(name)) {
                Some(Ok(variant)) => variant.clone(),
                Some(Err(_)) | None => found,
            });
            LogSourceFile { log_source, diagnostics }
        })
    }
}

impl LogSourceId {
    /// The file name without extension: product, category and service joined by `_`.
    pub fn stem(&self) -> String {
        self.parts().collect::<Vec<_>>().join("_")
    }
}

fn stem(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::super::Platform;
    use super::*;

    fn id(product: &str, service: &str) -> LogSourceId {
        LogSourceId { product: Some(product.into()), category: None, service: Some(service.into()) }
    }

    #[test]
    fn built_in_files_are_consistent() {
        for (source, file) in LogSources::built_in().read_all() {
            assert!(file.diagnostics.is_empty(), "{}: {:#?}", source.path, file.diagnostics);
            assert!(file.log_source.is_some(), "{}", source.path);
        }
    }

    #[test]
    fn every_built_in_log_source_is_complete() {
        for (source, file) in LogSources::built_in().read_all() {
            let Some(log_source) = &file.log_source else { panic!("{}", source.path) };
            assert_eq!(log_source.time.name, super::super::TIME);
            let said = |platform| !log_source.why_missing(platform).is_empty();
            assert!(log_source.aql.is_some() || said(Platform::Aql), "{}", source.path);
            assert!(log_source.spl.is_some() || said(Platform::Spl), "{}", source.path);
            assert!(log_source.kql.is_some() || said(Platform::Kql), "{}", source.path);
            assert!(log_source.sample.is_some() || source.text.starts_with("extends:"), "{}", source.path);
            for field in &log_source.fields {
                let aql = field.aql.is_some() || !field.why_missing(Platform::Aql).is_empty() || log_source.aql.is_none();
                let spl = field.spl.is_some() || !field.why_missing(Platform::Spl).is_empty() || log_source.spl.is_none();
                assert!(!field.description.is_empty() && aql && spl, "{}: {}", source.path, field.name);
            }
        }
    }

    #[test]
    fn one_lookup_reads_one_file() {
        let sources = LogSources::built_in();
        assert!(sources.get(&id("confluence", "audit")).is_some_and(|found| !found.open));
        assert_eq!(sources.files.values().filter(|file| file.read.get().is_some()).count(), 1);
    }

    #[test]
    fn a_project_file_replaces_a_built_in_one() {
        let text = include_str!("../../logsources/jira_cloud_audit.yml").replace("title: Jira Cloud audit log", "title: Ours");
        let sources = LogSources::built_in().with([Source::new("ours/jira_cloud_audit.yml", text)]);
        assert_eq!(sources.get(&id("jira", "cloud_audit")).map(|found| found.title.clone()).as_deref(), Some("Ours"));
    }

    #[test]
    fn a_misnamed_file_is_an_error() {
        let text = include_str!("../../logsources/jira_cloud_audit.yml");
        let sources = LogSources::built_in().with([Source::new("logsources/jira.yml", text)]);
        let found = sources.described(&LogSourceId { product: Some("jira".into()), ..LogSourceId::default() });
        assert!(found.is_some_and(|file| file.log_source.is_none() && file.diagnostics.has_errors()));
    }

    fn file(name: &str, text: &str) -> Source {
        Source::new(format!("logsources/{name}.yml"), format!("product: shop\nservice: {}\n{text}", name.trim_start_matches("shop_")))
    }

    const BASE: &str = "title: T\ndescription: D\ntime-format: iso8601\nspl: { sourcetype: base, where: { kind: audit } }\n\
                        fields:\n  timestamp: { type: timestamp }\n  user: { event: by.name, spl: u }\n\
                        other-fields: { kql: 'Extra.{name}' }\nkql: { table: Base }\n";

    #[test]
    fn a_log_source_takes_over_what_it_does_not_say() {
        let own = "title: T\ndescription: D\nextends: shop/base\nkql: { table: Own, time: At, where: { Kind: [1, 2] } }\n\
                   fields:\n  action: {}\n";
        let sources = LogSources::built_in().with([file("shop_base", BASE), file("shop_own", own)]);
        let found = sources.get(&id("shop", "own")).expect("described");
        let names: Vec<&str> = found.names().collect();
        assert_eq!(names, ["action", "timestamp", "user"]);
        assert_eq!(found.spl.as_ref().map(|spl| spl.sourcetype.join(",")).as_deref(), Some("base"));
        let platforms: Vec<_> = found.selectors.iter().map(|(platform, _)| platform.key()).collect();
        assert_eq!(platforms, ["spl", "kql"]);
        let column = |name: &str| format!("{:?}", found.field(name).expect("a field").kql.as_ref().map(|kql| &kql.place));
        assert!(column("timestamp").contains("\"At\""), "{}", column("timestamp"));
        assert!(column("action").contains("Extra") && column("x.y").contains("[\"x.y\"]"), "{}", column("x.y"));
    }

    #[test]
    fn a_platform_that_has_no_such_events_is_not_taken_over() {
        let own = "title: T\ndescription: D\nextends: shop/base\nkql: { missing: nobody sells there }\n\
                   fields:\n  action: {}\n";
        let heir = "title: T\ndescription: D\nextends: shop/own\nspl: { missing: nor there }\n";
        let sources = LogSources::built_in().with([file("shop_base", BASE), file("shop_own", own), file("shop_heir", heir)]);
        let found = sources.get(&id("shop", "own")).expect("described");
        assert!(found.kql.is_none() && found.spl.is_some());
        assert_eq!(found.why_missing(Platform::Kql), ": nobody sells there");
        let heir = sources.get(&id("shop", "heir")).expect("described");
        assert!(heir.kql.is_none() && heir.spl.is_none());
        assert_eq!(heir.why_missing(Platform::Kql) + &heir.why_missing(Platform::Spl), ": nobody sells there: nor there");
        let kept = heir.with_every_field();
        assert_eq!(kept.kql.as_ref().map(|kql| kql.table.as_str()), Some("shop_heir_CL"));
        assert!(kept.why_missing(Platform::Kql).is_empty() && kept.time.kql.is_some());
    }

    #[test]
    fn a_field_is_found_by_its_other_names() {
        let own = BASE.replace("user: { ", "user: { aliases: [buyer, who.id], ");
        let sources = LogSources::built_in().with([file("shop_base", &own)]);
        let found = sources.get(&id("shop", "base")).expect("described");
        let field = found.field("who.id").expect("a field");
        assert_eq!((field.name.as_str(), field.written.as_deref(), field.event.text().as_str()), ("user", Some("who.id"), "by.name"));
        assert_eq!(found.field("by.name").expect("a field").written, None);
        assert_eq!(found.names().collect::<Vec<_>>(), ["timestamp", "user", "buyer", "who.id"]);
    }

    #[test]
    fn a_log_source_takes_over_variants() {
        let base = format!(
            "{BASE}where: {{ user: bob }}\nassumptions: {{ kql: none }}\nvariants:\n  xml:\n    description: Elsewhere.\n    kql: {{ table: Elsewhere, where: {{ Kind: 1 }} }}\n    \
             other-fields: {{ kql: {{ at: Data, xml: '{{name}}' }} }}\n    fields:\n      user: {{ kql: Who }}\n      gone: {{ kql: {{ missing: nobody knows }} }}\n"
        );
        let own = "title: T\ndescription: D\nextends: shop/base\nwhere: { user: eve, what: sold }\nkql: { table: Own, where: { Kind: 2 } }\n\
                   assumptions: { kql: some }\nfields:\n  action: { event: what, kql: What }\n  gone: { kql: Gone }\n";
        let sources = LogSources::built_in().with([file("shop_base", &base), file("shop_own", own)]);
        let found = sources.get(&id("shop", "own")).expect("described");
        let variant = found.variant("xml").expect("a variant");
        let place = |name: &str| format!("{:?}", variant.field(name).expect("a field").kql.as_ref().map(|kql| &kql.place));
        assert_eq!(variant.kql.as_ref().map(|kql| kql.table.as_str()), Some("Elsewhere"));
        assert!(place("user").contains("\"Who\"") && place("timestamp").contains("\"TimeGenerated\""));
        assert!(place("action").contains("name: \"what\"") && place("x").contains("name: \"x\""), "{}", place("action"));
        assert_eq!(
            (place("gone").as_str(), variant.field("gone").expect("a field").why_missing(Platform::Kql).as_str()),
            ("None", ": nobody knows")
        );
        assert!(variant.assumptions.is_empty() && variant.spl == found.spl);
        let told: Vec<String> =
            variant.selectors.iter().filter(|(platform, _)| *platform == Platform::Kql).map(|told| format!("{told:?}")).collect();
        assert!(told.len() == 2 && told[0].contains("eve") && told[1].contains("sold"), "{told:#?}");
    }

    #[test]
    fn a_log_source_may_say_that_nothing_is_built_for_a_platform() {
        let skips = format!("{}kql: {{ skip: not here }}\n", BASE.replace("kql: { table: Base }\n", ""));
        let own = |more: &str| format!("title: T\ndescription: D\nextends: shop/base\n{more}");
        let skipped = |more: &str| {
            let sources = LogSources::built_in().with([file("shop_base", &skips), file("shop_own", &own(more))]);
            let found = sources.get(&id("shop", "own")).expect("described");
            found.skipped.iter().map(|(platform, why)| format!("{} {why}", platform.key())).collect::<Vec<_>>()
        };
        assert_eq!(skipped(""), ["kql not here"]);
        assert_eq!(skipped("spl: { skip: neither there }\n"), ["kql not here", "spl neither there"]);
        assert_eq!(skipped("kql: { table: Own }\n"), Vec::<String>::new());
        let sources = LogSources::built_in().with([file("shop_base", &skips.replace("not here }", "not here, table: T }"))]);
        assert!(sources.get(&id("shop", "base")).is_none(), "a place where nothing is built");
    }

    #[test]
    fn a_log_source_extends_another_one_that_is_right() {
        let extends = |path: &str| format!("title: T\ndescription: D\nextends: {path}\n");
        for own in [extends("shop/nothing"), extends("shop/own"), extends("shop/broken")] {
            let broken = file("shop_broken", "title: T\nextends: shop/own\n");
            let sources = LogSources::built_in().with([file("shop_base", BASE), broken, file("shop_own", &own)]);
            let found = sources.described(&id("shop", "own")).expect("described");
            let messages: Vec<&str> = found.diagnostics.iter().map(|problem| problem.message.as_str()).collect();
            assert!(messages[0].ends_with("that can be extended"), "{own}: {messages:?}");
        }
    }

    #[test]
    fn a_log_source_with_fewer_parts_is_near() {
        let near = |product: &str, category: &str, service: &str| {
            let part = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            let id = LogSourceId { product: part(product), category: part(category), service: part(service) };
            LogSources::built_in().near(&id)
        };
        assert_eq!(near("windows", "process_creation", "sysmon").as_deref(), Some("windows/process_creation"));
        assert_eq!(near("windows", "unheard_of", "security").as_deref(), Some("windows/security"));
        assert_eq!(near("windows", "unheard_of", ""), None);
        assert_eq!(near("unheard", "of", "nowhere"), None);
    }

    #[test]
    fn an_unknown_log_source_is_open() {
        let id = LogSourceId { product: Some("acme".into()), category: Some("process_creation".into()), service: None };
        let open = LogSources::built_in().get(&id).expect("open");
        assert!(open.open);
        assert_eq!(open.kql.as_ref().map(|kql| kql.table.as_str()), Some("acme_process_creation_CL"));
        assert_eq!(open.spl.as_ref().map(|spl| spl.sourcetype.join(",")).as_deref(), Some("acme:process_creation"));
        assert_eq!(open.field("CommandLine").map(|field| field.name.clone()).as_deref(), Some("CommandLine"));
    }

    #[test]
    fn raw_names_find_our_fields() {
        let found = LogSources::built_in().get(&id("bitbucket", "audit")).expect("described");
        let name = |written: &str| found.field(written).map(|field| field.name.clone());
        assert_eq!(name("auditType.action").as_deref(), Some("action"));
        assert_eq!(name("affectedObjects[type=PROJECT].name").as_deref(), Some("project"));
        assert_eq!(name("affectedObjects.name").as_deref(), Some("object_name"));
        assert_eq!(name("timestamp").as_deref(), Some("timestamp"));
        assert_eq!(name("auditType"), None);
    }
}
