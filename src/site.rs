//! Site files: what one environment changes, without editing a spec. Bindings and places of log sources, parameters,
//! lists, accepted approximations, parameters of actions, the AQL limit, and events that named specs leave out.
//! `docs/site.example.yml` shows every key.

use crate::detection::{Detection, Metadata};
use crate::diagnostic::{ALL_CODES, Diagnostic, Diagnostics, E0007, E0104, E0702, W0203, did_you_mean};
use crate::letter_case::equal_ignoring_case;
use crate::logsource::{LogSource, LogSourceId, LogSources, Unnamed, override_log_source};
use crate::reader::Reader;
use crate::source::{Source, Span, Spanned};
use crate::spec::{Body, parse_body};
use crate::yaml::{self, Entry, Node, Number, Value};
use std::sync::Arc;

const KEYS: &[&str] = &["log-sources", "parameters", "lists", "accept", "actions", "aql", "package", "specs"];

/// What a site says of its packages.
#[derive(Debug, Clone, Default)]
pub struct Packaging {
    /// The name of the app.
    pub name: Option<String>,
    /// `1.2.3`
    pub version: Option<String>,
    /// Who answers for it.
    pub author: Option<String>,
    /// Whether a Splunk app holds what Enterprise Security reads.
    pub enterprise_security: Option<bool>,
    /// Lists with more values become lookups of a Splunk app.
    pub lookup_above: Option<usize>,
}

/// An action's name and its parameters.
pub type Action = (Spanned<String>, Vec<(String, Value)>);

/// A site file.
#[derive(Debug, Clone)]
pub struct Site {
    /// The file itself: places of its parts are places in it.
    pub source: Source,
    /// Parameters of actions (`alert.actions` of a spec names them): name, then key and value.
    pub actions: Vec<Action>,
    /// What packages are called here.
    pub package: Packaging,
    /// AQL `LIMIT`.
    pub aql_limit: Option<u32>,
    /// What holds for every spec.
    pub all: Settings,
    /// What holds for some specs, by id or title.
    pub specs: Vec<(Spanned<String>, Settings)>,
    log_sources: Vec<(String, LogSource)>,
}

/// What a site says to specs.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Values of parameters.
    pub parameters: Vec<(Spanned<String>, Number)>,
    /// Changes of lists.
    pub lists: Vec<(Spanned<String>, ListChange)>,
    /// Codes of accepted approximations.
    pub accept: Vec<Spanned<String>>,
    /// Events to leave out.
    pub exclusions: Vec<SiteExclusion>,
}

/// What a site file can name of a detection.
#[derive(Debug, Clone)]
pub struct Known {
    id: Option<Box<str>>,
    title: Box<str>,
    parameters: Vec<Box<str>>,
    lists: Vec<Box<str>>,
}

impl Known {
    /// Of a detection.
    pub fn of(detection: &Detection) -> Known {
        Known {
            id: detection.metadata.id.as_deref().map(Box::from),
            title: detection.metadata.title.value.as_str().into(),
            parameters: detection.parameters.iter().map(|(name, _)| name.as_str().into()).collect(),
            lists: detection.lists.iter().map(|(name, _)| name.as_str().into()).collect(),
        }
    }
}

/// How a list changes.
#[derive(Debug, Clone, PartialEq)]
pub enum ListChange {
    /// `[a, b]`: these values instead.
    Replace(Vec<Value>),
    /// `{ add: [a], remove: [b] }`: texts are removed whatever their case.
    Change {
        /// Values at the end.
        add: Vec<Value>,
        /// Values to drop.
        remove: Vec<Value>,
    },
}

/// Events that a spec leaves out at this site.
#[derive(Debug, Clone)]
pub struct SiteExclusion {
    /// Why.
    pub reason: Spanned<String>,
    /// The events, as a Sigma selection; its places are in [`Site::source`].
    pub body: Body,
}

impl ListChange {
    /// The list after the change, without repetitions of what was there.
    pub fn apply(&self, values: Vec<Value>) -> Vec<Value> {
        match self {
            ListChange::Replace(values) => values.clone(),
            ListChange::Change { add, remove } => {
                let mut kept: Vec<Value> = values.into_iter().filter(|value| !remove.iter().any(|gone| same(gone, value))).collect();
                for value in add {
                    if !kept.iter().any(|other| same(other, value)) {
                        kept.push(value.clone());
                    }
                }
                kept
            }
        }
    }
}

/// Whether two values of a list match the same events.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => equal_ignoring_case(a, b),
        (a, b) => a == b,
    }
}

impl Site {
    /// Reads a site file; `None` if it has errors.
    pub fn read(source: &Source, log_sources: &LogSources, diagnostics: &mut Diagnostics) -> Option<Site> {
        let mut own = Diagnostics::new();
        let documents = yaml::read(&source.text, &mut own);
        let mut reader = Reader { source, diagnostics: &mut own };
        let site = match documents.as_slice() {
            [document] => site(&mut reader, document, log_sources),
            [] if reader.diagnostics.has_errors() => None,
            [] => reader.fail(Diagnostic::error(E0007, Span::default(), "the file is empty")),
            [_, second, ..] => reader.fail(Diagnostic::error(E0104, second.span, "a site file holds one site")),
        };
        let good = !own.has_errors();
        diagnostics.extend(own);
        site.filter(|_| good)
    }

    /// The log source as it is at this site, if the site changes it.
    pub fn log_source(&self, id: &LogSourceId) -> Option<Arc<LogSource>> {
        let path = id.path();
        let (_, changed) = self.log_sources.iter().find(|(name, _)| *name == path)?;
        Some(Arc::new(LogSource { id: id.clone(), ..changed.clone() }))
    }

    /// The site's value of a parameter of a spec.
    pub fn parameter(&self, spec: &Metadata, name: &str) -> Option<Number> {
        let value = |settings: &Settings| settings.parameters.iter().find(|(key, _)| key.value == name).map(|(_, number)| number.clone());
        self.settings(spec).into_iter().rev().find_map(value)
    }

    /// A list's values after the site's changes: first those for every spec, then those for this one.
    pub fn adjust_list(&self, spec: &Metadata, name: &str, values: Vec<Value>) -> Vec<Value> {
        let changes = self.settings(spec).into_iter().flat_map(|settings| &settings.lists);
        changes.filter(|(key, _)| key.value == name).fold(values, |values, (_, change)| change.apply(values))
    }

    /// The events that a spec leaves out here.
    pub fn exclusions(&self, spec: &Metadata) -> impl Iterator<Item = &SiteExclusion> {
        self.settings(spec).into_iter().flat_map(|settings| &settings.exclusions)
    }

    /// The codes of approximations that the site accepts for a spec.
    pub fn accepted(&self, spec: &Metadata) -> impl Iterator<Item = &str> {
        self.settings(spec).into_iter().flat_map(|settings| &settings.accept).map(|code| code.value.as_str())
    }

    /// The parameters of an action.
    pub fn action(&self, name: &str) -> Option<&[(String, Value)]> {
        self.actions.iter().find(|(key, _)| key.value == name).map(|(_, parameters)| parameters.as_slice())
    }

    /// Reports specs, parameters and lists that none of the given detections has. `all` says whether these are all
    /// detections of the project: a spec that is not among some of them may well exist.
    pub fn check(&self, detections: &[Known], all: bool) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        for (name, settings) in &self.specs {
            let named = || detections.iter().filter(|known| is_name(&name.value, known.id.as_deref(), &known.title));
            if named().next().is_some() {
                check_names(settings, &named, &mut diagnostics);
            } else if all {
                let known = detections.iter().flat_map(|known| known.id.as_deref().into_iter().chain([&*known.title]));
                let help = did_you_mean(&name.value, known).unwrap_or_else(|| "write the id or the title of a spec".to_owned());
                let message = format!("there is no spec `{}`", name.value);
                diagnostics.push(Diagnostic::error(E0702, name.span, message).help(help));
            }
        }
        if all {
            check_names(&self.all, &|| detections.iter(), &mut diagnostics);
        }
        diagnostics
    }

    /// Settings for every spec, then those for this one.
    fn settings(&self, spec: &Metadata) -> Vec<&Settings> {
        let own = self.specs.iter().filter(|(name, _)| names(&name.value, spec)).map(|(_, settings)| settings);
        std::iter::once(&self.all).chain(own).collect()
    }
}

/// Whether a name is a spec's id or title.
fn names(name: &str, spec: &Metadata) -> bool {
    is_name(name, spec.id.as_deref(), &spec.title.value)
}

fn is_name(name: &str, id: Option<&str>, title: &str) -> bool {
    id.is_some_and(|id| id.eq_ignore_ascii_case(name)) || title == name
}

fn check_names<'k, K: Iterator<Item = &'k Known>>(settings: &Settings, known: &dyn Fn() -> K, diagnostics: &mut Diagnostics) {
    let parameters = || known().flat_map(|known| known.parameters.iter().map(|name| &**name));
    let lists = || known().flat_map(|known| known.lists.iter().map(|name| &**name));
    for (name, _) in settings.parameters.iter().filter(|(name, _)| !parameters().any(|known| known == name.value)) {
        let message = format!("no spec has a parameter `{}`", name.value);
        diagnostics.push(Diagnostic::error(E0702, name.span, message).maybe_help(did_you_mean(&name.value, parameters())));
    }
    for (name, _) in settings.lists.iter().filter(|(name, _)| !lists().any(|known| known == name.value)) {
        let message = format!("no spec has a list `{}`", name.value);
        diagnostics.push(Diagnostic::error(E0702, name.span, message).maybe_help(did_you_mean(&name.value, lists())));
    }
}

fn site(reader: &mut Reader<'_, '_>, node: &Node<'_>, known: &LogSources) -> Option<Site> {
    reader.map(node, "site", KEYS)?;
    let all = settings(reader, node);
    let mut site = Site {
        source: reader.source.clone(),
        actions: Vec::new(),
        package: Packaging::default(),
        aql_limit: None,
        all,
        specs: Vec::new(),
        log_sources: Vec::new(),
    };
    if let Some(aql) = node.get("aql") {
        reader.map(aql, "aql", &["limit"])?;
        let limit = aql.get("limit").and_then(|limit| reader.whole(limit, "limit", 1..=i64::from(u32::MAX)));
        site.aql_limit = limit.and_then(|limit| u32::try_from(limit).ok());
    }
    if let Some(actions) = node.get("actions") {
        site.actions = read_actions(reader, actions);
    }
    if let Some(package) = node.get("package") {
        site.package = packaging(reader, package).unwrap_or_default();
    }
    if let Some(log_sources) = node.get("log-sources") {
        site.log_sources = read_log_sources(reader, log_sources, known);
    }
    if let Some(specs) = node.get("specs") {
        for entry in reader.entries(specs, "specs")? {
            let name = Spanned::new(entry.key.value.to_string(), entry.key.span);
            if reader.map(&entry.value, &name.value, &["parameters", "lists", "accept", "exclude"]).is_some() {
                let settings = settings(reader, &entry.value);
                site.specs.push((name, settings));
            }
        }
    }
    Some(site)
}

/// `{ name: wiki_watch, version: 1.2.0, author: Detection team, enterprise-security: true }`
fn packaging(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Packaging> {
    let mut packaging = Packaging::default();
    for entry in reader.map(node, "package", &["name", "version", "author", "enterprise-security", "lookup-above"])? {
        let value = &entry.value;
        match &*entry.key.value {
            "name" => packaging.name = formed(reader, value, "name", is_package_name, "letters, digits and `_`, beginning with a letter"),
            "version" => packaging.version = formed(reader, value, "version", is_version, "three numbers, such as 1.2.0"),
            "author" => packaging.author = reader.text(value, "author").map(|text| text.value),
            "lookup-above" => {
                let number = reader.whole(value, "lookup-above", 0..=1_000_000);
                packaging.lookup_above = number.and_then(|number| usize::try_from(number).ok());
            }
            _ => packaging.enterprise_security = reader.boolean(value, "enterprise-security"),
        }
    }
    Some(packaging)
}

fn formed(reader: &mut Reader<'_, '_>, node: &Node<'_>, key: &str, is_formed: fn(&str) -> bool, form: &str) -> Option<String> {
    let text = reader.text(node, key)?;
    if is_formed(&text.value) {
        return Some(text.value);
    }
    let message = format!("`{}` is no {key} of a package", text.value);
    reader.fail(Diagnostic::error(E0104, text.span, message).help(format!("write {form}")))
}

/// Whether an app can be called so.
pub fn is_package_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_version(version: &str) -> bool {
    let parts: Vec<&str> = version.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.len() < 6 && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn read_actions(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<Action> {
    let mut actions = Vec::new();
    for entry in reader.entries(node, "actions").unwrap_or_default() {
        let parameters = reader.entries(&entry.value, &entry.key.value).unwrap_or_default();
        let parameters = parameters.into_iter().map(|entry| (entry.key.value.to_string(), entry.value.value())).collect();
        actions.push((Spanned::new(entry.key.value.to_string(), entry.key.span), parameters));
    }
    actions
}

fn read_log_sources(reader: &mut Reader<'_, '_>, node: &Node<'_>, known: &LogSources) -> Vec<(String, LogSource)> {
    let mut changed = Vec::new();
    for entry in reader.entries(node, "log-sources").unwrap_or_default() {
        let path = entry.key.value.to_string();
        let log_source = match known.at_path(&path) {
            Some(file) => file.log_source.as_deref().cloned(),
            None => Some(undescribed(reader, entry, known)),
        };
        let Some(log_source) = log_source else { continue };
        changed.extend(override_log_source(reader, &entry.value, log_source, Unnamed::Stay).map(|log_source| (path, log_source)));
    }
    changed
}

/// A log source that nobody has described; a warning if its path is nearly that of a described one.
fn undescribed(reader: &mut Reader<'_, '_>, entry: &Entry<'_>, known: &LogSources) -> LogSource {
    let id = open_id(&entry.key.value);
    if let Some(near) = known.near(&id) {
        let message = format!("nobody has described the log source `{}`: what stands here is for specs that name it so", id.path());
        reader.diagnostics.push(Diagnostic::warning(W0203, entry.key.span, message).help(format!("did you mean `{near}`?")));
    }
    LogSource::open(id)
}

/// An id of the right path; which part is what shows when a spec asks for it.
fn open_id(path: &str) -> LogSourceId {
    let mut parts = path.splitn(3, '/').map(str::to_owned);
    LogSourceId { product: parts.next(), category: parts.next(), service: parts.next() }
}

fn settings(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Settings {
    let mut settings = Settings::default();
    if let Some(parameters) = node.get("parameters") {
        for entry in reader.entries(parameters, "parameters").unwrap_or_default() {
            let number = reader.number(&entry.value, &entry.key.value);
            settings.parameters.extend(number.map(|number| (Spanned::new(entry.key.value.to_string(), entry.key.span), number)));
        }
    }
    if let Some(lists) = node.get("lists") {
        for entry in reader.entries(lists, "lists").unwrap_or_default() {
            let change = list_change(reader, &entry.value, &entry.key.value);
            settings.lists.extend(change.map(|change| (Spanned::new(entry.key.value.to_string(), entry.key.span), change)));
        }
    }
    if let Some(accept) = node.get("accept") {
        settings.accept = codes(reader, accept);
    }
    if let Some(exclude) = node.get("exclude") {
        let items = reader.list(exclude, "exclude").unwrap_or_default();
        settings.exclusions = items.iter().filter_map(|item| exclusion(reader, item)).collect();
    }
    settings
}

fn codes(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<Spanned<String>> {
    let known = || ALL_CODES.iter().map(|(code, _)| code.0);
    let codes = reader.texts(node, "accept");
    for code in codes.iter().filter(|code| !known().any(|name| name == code.value)) {
        let message = format!("`{}` is no code of an approximation", code.value);
        reader.diagnostics.push(Diagnostic::error(E0702, code.span, message).maybe_help(did_you_mean(&code.value, known())));
    }
    codes
}

fn list_change(reader: &mut Reader<'_, '_>, node: &Node<'_>, name: &str) -> Option<ListChange> {
    if matches!(node.kind, yaml::Kind::List(_)) {
        let values = scalars(reader, node, name)?;
        return if values.is_empty() { reader.empty(node.span, name) } else { Some(ListChange::Replace(values)) };
    }
    reader.map(node, name, &["add", "remove"])?;
    let mut part = |key: &str| node.get(key).map_or_else(|| Some(Vec::new()), |values| scalars(reader, values, key));
    let (add, remove) = (part("add")?, part("remove")?);
    Some(ListChange::Change { add, remove })
}

fn scalars(reader: &mut Reader<'_, '_>, node: &Node<'_>, what: &str) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    for item in reader.list(node, what)? {
        match item.scalar() {
            Some(value) => values.push(value),
            None => return reader.wrong_type(item, what, "a value"),
        }
    }
    Some(values)
}

fn exclusion(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<SiteExclusion> {
    reader.map(node, "exclude", &["reason", "events"])?;
    let Some(reason) = node.get("reason") else { return reader.missing(node.span, "exclude", "reason") };
    let Some(events) = node.get("events") else { return reader.missing(node.span, "exclude", "events") };
    Some(SiteExclusion { reason: reader.text(reason, "reason")?, body: parse_body(reader, events, "events")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logsource::{AqlOrigin, Place};

    fn read(text: &str) -> (Option<Site>, Vec<String>) {
        let mut diagnostics = Diagnostics::new();
        let site = Site::read(&Source::new("site.yml", text), &LogSources::built_in(), &mut diagnostics);
        (site, diagnostics.sorted().into_iter().map(|d| format!("{} {}", d.code, d.message)).collect())
    }

    fn metadata(id: &str, title: &str) -> Metadata {
        Metadata { id: Some(id.to_owned()), title: Spanned::new(title.to_owned(), Span::default()), ..Metadata::default() }
    }

    fn id(product: &str, category: Option<&str>, service: Option<&str>) -> LogSourceId {
        LogSourceId { product: Some(product.into()), category: category.map(str::to_owned), service: service.map(str::to_owned) }
    }

    fn texts(values: &[&str]) -> Vec<Value> {
        values.iter().map(|value| Value::Text((*value).to_owned())).collect()
    }

    #[test]
    fn the_example_is_read() {
        let (site, problems) = read(include_str!("../docs/site.example.yml"));
        assert_eq!(problems, Vec::<String>::new());
        let site = site.expect("no problems");
        assert!(site.aql_limit.is_some() && site.action("jira").is_some() && !site.specs.is_empty());
        let wiki = site.log_source(&id("confluence", None, Some("audit"))).expect("overridden");
        assert!(matches!(&wiki.aql, Some(AqlOrigin::TypeIds(ids)) if ids == &[4001]));
    }

    #[test]
    fn settings_of_a_spec_come_after_those_of_all() {
        let (site, _) = read(
            "parameters: { limit: 5, other: 1 }\nlists: { terms: { add: [x] } }\naccept: [A001]\nspecs:\n  One: { parameters: { limit: 9 }, \
             lists: { terms: { remove: [A] } }, accept: [A002] }\n",
        );
        let site = site.expect("good");
        let (one, two) = (metadata("1", "One"), metadata("2", "Two"));
        assert_eq!(site.parameter(&one, "limit").map(|n| n.text), Some("9".to_owned()));
        assert_eq!(site.parameter(&two, "limit").map(|n| n.text), Some("5".to_owned()));
        assert_eq!(site.parameter(&one, "other").map(|n| n.text), Some("1".to_owned()));
        assert_eq!(site.adjust_list(&one, "terms", texts(&["a", "b"])), texts(&["b", "x"]));
        assert_eq!(site.adjust_list(&two, "terms", texts(&["a", "X"])), texts(&["a", "X"]));
        assert_eq!(site.accepted(&one).collect::<Vec<_>>(), ["A001", "A002"]);
    }

    #[test]
    fn bindings_of_described_and_open_log_sources_change() {
        let (site, problems) = read(
            "log-sources:\n  jira/cloud_audit:\n    kql: { table: Jira_CL, time: Created }\n    fields: { user: { spl: actor, aql: none } }\n  \
             acme/orders_placed:\n    spl: { index: win }\n    fields: { Image: { kql: { at: Extra.Image, json-text: true } } }\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        let site = site.expect("good");
        let jira = site.log_source(&id("jira", None, Some("cloud_audit"))).expect("changed");
        assert!(matches!(&jira.time.kql.as_ref().expect("bound").place, Place::Column { name, .. } if name == "Created"));
        let user = jira.field("authorKey").expect("described");
        assert!(user.aql.is_none() && matches!(&user.spl.as_ref().expect("bound").place, Place::Column { name, .. } if name == "actor"));
        let windows = site.log_source(&id("acme", Some("orders_placed"), None)).expect("changed");
        assert!(windows.open && windows.id.category.as_deref() == Some("orders_placed"));
        let image = windows.field("Image").expect("every field");
        assert!(matches!(&image.kql.as_ref().expect("bound").place, Place::Json { text: true, .. }));
        assert!(windows.field("CommandLine").is_some());
    }

    #[test]
    fn what_is_not_named_of_a_place_stays() {
        let text = "log-sources:\n  windows/process_creation:\n    aql: { type-ids: [7] }\n    spl: { index: win }\n    kql: { time: TimeGenerated }\n";
        let site = read(text).0.expect("good");
        let changed = site.log_source(&id("windows", Some("process_creation"), None)).expect("changed");
        let before = LogSources::built_in().get(&changed.id).expect("described");
        assert_eq!(changed.selectors, before.selectors);
        assert!(changed.selectors.len() > 3);
        let (spl, kql) = (changed.spl.as_ref().expect("a place"), changed.kql.as_ref().expect("a place"));
        assert_eq!((&spl.index, &spl.source), (&vec!["win".to_owned()], &before.spl.as_ref().expect("a place").source));
        assert_eq!((kql.table.as_str(), kql.time.as_str()), ("DeviceProcessEvents", "TimeGenerated"));
        let own = read(&text.replace("time: TimeGenerated", "table: Own_CL, where: { Kind: start }")).0.expect("good");
        let own = own.log_source(&changed.id).expect("changed");
        assert_eq!(own.selectors.iter().filter(|(platform, _)| *platform == crate::logsource::Platform::Kql).count(), 1);
    }

    #[test]
    fn a_log_source_that_is_nearly_described_is_told() {
        let (site, problems) = read("log-sources: { windows/proces_creation: { spl: { index: x } } }");
        assert!(site.is_some() && problems.len() == 1 && problems[0].starts_with("W0203"), "{problems:?}");
    }

    #[test]
    fn slips_are_errors() {
        for (text, expected) in [
            ("log-source: {}", "E0101"),
            ("log-sources: { jira/cloud_audit: { fields: { usr: { spl: x } } } }", "E0702 `jira/cloud_audit` has no field `usr`"),
            ("accept: [A999]", "E0702"),
            ("specs: { One: { exclude: [ { events: { user: x } } ] } }", "E0103 `exclude` has no `reason`"),
            ("parameters: { limit: many }", "E0102"),
            ("lists: { terms: [] }", "E0212"),
            ("aql: { limit: 0 }", "E0104"),
        ] {
            let (site, problems) = read(text);
            assert!(site.is_none() && problems.iter().any(|problem| problem.starts_with(expected)), "{text}: {problems:?}");
        }
    }
}
