//! A YAML document → [`Spec`]: the top level, metadata, and the small blocks.

use super::{CorrelationBlock, DetectionBlock, FilterBlock, ListBlock, Spec, aggregate, correlation, detection, tests};
use crate::detection::{Alert, Entity, EquivalentMutant, Metadata, TargetSettings, Throttle};
use crate::diagnostic::{Diagnostic, Diagnostics, E0101, E0103, E0104, E0105, E0106, E0212, W0207, closest, did_you_mean};
use crate::letter_case::fold;
use crate::logsource::LogSourceReference;
use crate::reader::Reader;
use crate::source::{Source, Span, Spanned};
use crate::target::Target;
use crate::yaml::{Entry, Kind, Node, Number, warn_about_trap};

const STATUSES: &[&str] = &["stable", "test", "experimental", "deprecated", "unsupported"];
const LEVELS: &[&str] = &["informational", "low", "medium", "high", "critical"];
const RELATIONS: &[&str] = &["derived", "obsolete", "merged", "renamed", "similar", "correlation"];

/// Metadata that public rules leave empty (`references:`), which means that there is none.
const OFTEN_EMPTY: &[&str] = &["references", "tags", "falsepositives", "author", "description", "license", "related", "fields"];

/// The keys of a spec: Sigma's, then ours. Any other key is a Sigma custom attribute.
pub const KNOWN_KEYS: &[&str] = &[
    "title",
    "id",
    "name",
    "related",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "taxonomy",
    "tags",
    "scope",
    "logsource",
    "detection",
    "fields",
    "falsepositives",
    "level",
    "parameters",
    "lists",
    "aggregate",
    "correlation",
    "generate",
    "filter",
    "schedule",
    "alert",
    "targets",
    "tests",
    "mutants",
    "action",
];

/// Reads one YAML document as a spec. With errors there may still be a spec, so that later stages can report more.
pub fn read(source: &Source, document: &Node<'_>, diagnostics: &mut Diagnostics) -> Option<Spec> {
    let mut reader = Reader { source, diagnostics };
    let entries = reader.entries(document, "the spec")?;
    let span = entries.first().map_or(document.span, |entry| entry.key.span);
    let is_correlation = entries.iter().any(|entry| entry.key.value == "correlation");
    if is_correlation {
        refuse_rule_keys(&mut reader, &entries);
    }
    let mut draft = Draft { span, is_correlation, ..Default::default() };
    for entry in entries {
        draft.entry(&mut reader, entry);
    }
    draft.finish(&mut reader)
}

/// What a correlation takes from its rules cannot stand in it.
fn refuse_rule_keys(reader: &mut Reader<'_, '_>, entries: &[&Entry<'_>]) {
    for entry in entries {
        let (key, span) = (&*entry.key.value, entry.key.span);
        if matches!(key, "detection" | "aggregate") {
            let error = Diagnostic::error(E0101, span, format!("a correlation has no `{key}`"));
            reader.diagnostics.push(error.help("put it into a rule of its own, which the correlation names"));
        } else if matches!(key, "logsource" | "fields" | "lists" | "parameters") {
            let warning = Diagnostic::warning(W0207, span, format!("`{key}` has no effect in a correlation: its rules have theirs"));
            reader.diagnostics.push(warning.help("remove it"));
        }
    }
}

#[derive(Default)]
struct Draft {
    span: Span,
    /// Whether the document is a correlation.
    is_correlation: bool,
    metadata: Metadata,
    has_title: bool,
    has_log_source: bool,
    has_detection: bool,
    log_source: Option<Spanned<LogSourceReference>>,
    detection: Option<DetectionBlock>,
    fields: Vec<Spanned<String>>,
    parameters: Vec<(Spanned<String>, Number)>,
    lists: Vec<(Spanned<String>, ListBlock)>,
    aggregate: Option<super::AggregateBlock>,
    correlation: Option<super::CorrelationBlock>,
    filter: Option<FilterBlock>,
    generate: bool,
    schedule: Option<super::ScheduleBlock>,
    alert: Alert,
    targets: Vec<TargetSettings>,
    tests: Vec<super::TestBlock>,
    mutants: Vec<EquivalentMutant>,
}

impl Draft {
    fn entry(&mut self, reader: &mut Reader<'_, '_>, entry: &Entry<'_>) {
        let (key, node) = (&*entry.key.value, &entry.value);
        if node.is_null() && OFTEN_EMPTY.contains(&key) {
            return;
        }
        let text = |reader: &mut Reader<'_, '_>| reader.text(node, key).map(|text| text.value);
        let values = |list: Vec<Spanned<String>>| list.into_iter().map(|text| text.value).collect();
        match key {
            "title" => {
                self.has_title = true;
                self.metadata.title = reader.text(node, key).unwrap_or_default();
            }
            "id" => {
                self.metadata.id_span = node.span;
                self.metadata.id = reader.text(node, key).and_then(|text| uuid(reader, &text));
            }
            "name" => self.metadata.name = text(reader),
            "related" => self.metadata.related = related(reader, node),
            "status" => self.metadata.status = reader.word(node, key, STATUSES),
            "description" => self.metadata.description = text(reader),
            "license" => self.metadata.license = text(reader),
            "author" => self.metadata.author = text(reader),
            "references" => self.metadata.references = values(reader.text_or_texts(node, key)),
            "date" => self.metadata.date = date(reader, node, key),
            "modified" => self.metadata.modified = date(reader, node, key),
            "taxonomy" => self.metadata.taxonomy = text(reader),
            "tags" => self.metadata.tags = reader.texts(node, key),
            "scope" => self.metadata.scope = values(reader.text_or_texts(node, key)),
            "logsource" => {
                self.has_log_source = true;
                self.log_source = log_source(reader, entry);
            }
            "detection" => {
                self.has_detection = true;
                self.detection = detection::read(reader, entry);
            }
            "fields" => self.fields = reader.texts(node, key),
            "falsepositives" => self.metadata.falsepositives = values(reader.text_or_texts(node, key)),
            "level" => self.metadata.level = reader.word(node, key, LEVELS),
            "parameters" => self.parameters = parameters(reader, node),
            "lists" => self.lists = lists(reader, node),
            "aggregate" => self.aggregate = aggregate::read(reader, entry),
            "correlation" => self.correlation = correlation::read(reader, entry),
            "filter" => {
                self.has_detection = true;
                (self.filter, self.detection) = filter(reader, entry).unzip();
            }
            "generate" => self.generate = self.generates(reader, entry),
            "schedule" => self.schedule = aggregate::schedule(reader, entry),
            "alert" => self.alert = alert(reader, node).unwrap_or_default(),
            "targets" => self.targets = targets(reader, node),
            "tests" => self.tests = tests::read(reader, node),
            "mutants" => self.mutants = tests::mutants(reader, node),
            _ => self.custom(reader, entry),
        }
    }

    fn generates(&self, reader: &mut Reader<'_, '_>, entry: &Entry<'_>) -> bool {
        if !self.is_correlation {
            let warning = Diagnostic::warning(W0207, entry.key.span, "`generate` has no effect without `correlation`");
            reader.diagnostics.push(warning.help("put it into the correlation that names this rule"));
        }
        reader.boolean(&entry.value, "generate") == Some(true)
    }

    /// Sigma allows any other key; one that is nearly a known key is a slip of the pen.
    fn custom(&mut self, reader: &mut Reader<'_, '_>, entry: &Entry<'_>) {
        let key = &*entry.key.value;
        if let Some(near) = closest(key, KNOWN_KEYS.iter().copied()) {
            let message = format!("`{key}` is no key of a spec");
            let help = format!("did you mean `{near}`? a custom attribute needs a name that is not so close to a known key");
            reader.diagnostics.push(Diagnostic::error(E0101, entry.key.span, message).help(help));
        } else {
            self.metadata.custom.push((key.to_owned(), entry.value.value()));
        }
    }

    fn finish(self, reader: &mut Reader<'_, '_>) -> Option<Spec> {
        let rule = [(self.has_log_source, "logsource"), (self.has_detection || self.aggregate.is_some(), "detection")];
        let rule = rule.into_iter().filter(|_| !self.is_correlation);
        for (present, key) in [(self.has_title, "title")].into_iter().chain(rule) {
            if !present {
                reader.missing::<()>(self.span, "the spec", key);
            }
        }
        let correlation = match (self.is_correlation, self.correlation) {
            (false, _) => None,
            (true, block) => Some(CorrelationBlock { generate: self.generate || block.as_ref()?.generate, ..block? }),
        };
        // that there is no condition either is not worth a second problem
        let no_detection = DetectionBlock { span: self.span, has_condition: self.aggregate.is_none(), ..Default::default() };
        // a correlation has those of its rules
        let none = Spanned::new(LogSourceReference::default(), self.span);
        Some(Spec {
            metadata: self.metadata,
            span: self.span,
            log_source: if correlation.is_some() { none } else { self.log_source? },
            detection: if self.has_detection { self.detection? } else { no_detection },
            fields: self.fields,
            parameters: self.parameters,
            lists: self.lists,
            aggregate: self.aggregate,
            correlation,
            filter: self.filter,
            schedule: self.schedule,
            alert: self.alert,
            targets: self.targets,
            tests: self.tests,
            mutants: self.mutants,
        })
    }
}

/// The selections and the condition of a filter read like those of a rule.
fn filter(reader: &mut Reader<'_, '_>, entry: &Entry<'_>) -> Option<(FilterBlock, DetectionBlock)> {
    let entries = reader.entries(&entry.value, "filter")?;
    let (rules, rest): (Vec<&Entry<'_>>, Vec<&Entry<'_>>) = entries.into_iter().partition(|entry| entry.key.value == "rules");
    let Some(rules) = rules.first() else { return reader.missing(entry.key.span, "filter", "rules") };
    let any = rules.value.text() == Some("any") || matches!(&rules.value.kind, Kind::List(items) if items.is_empty());
    let rules = if any { None } else { Some(reader.text_or_texts(&rules.value, "rules")) };
    let rest = Node { kind: Kind::Map(rest.into_iter().cloned().collect()), span: entry.value.span };
    let detection = detection::read(reader, &Entry { key: entry.key.clone(), value: rest })?;
    Some((FilterBlock { span: entry.key.span, rules }, detection))
}

fn uuid(reader: &mut Reader<'_, '_>, text: &Spanned<String>) -> Option<String> {
    match uuid::Uuid::try_parse(&text.value) {
        Ok(id) if text.value.len() == 36 => Some(id.to_string()),
        Ok(_) | Err(_) => {
            let help = "write 32 hexadecimal digits as 8-4-4-4-12; `cognate new` makes one";
            reader.fail(Diagnostic::error(E0106, text.span, format!("`{}` is not a UUID", text.value)).help(help))
        }
    }
}

/// `YYYY-MM-DD`; `YYYY/MM/DD` of older Sigma rules is read too.
fn date(reader: &mut Reader<'_, '_>, node: &Node<'_>, key: &str) -> Option<String> {
    let text = reader.text(node, key)?;
    let dashed = text.value.replace('/', "-");
    if dashed.len() == 10 && dashed.parse::<jiff::civil::Date>().is_ok() {
        return Some(dashed);
    }
    let message = format!("`{}` is not a date", text.value);
    reader.fail(Diagnostic::error(E0105, node.span, message).help("write it as YYYY-MM-DD"))
}

fn related(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<(String, String)> {
    let mut related = Vec::new();
    for item in reader.list(node, "related").unwrap_or_default() {
        let (mut id, mut kind) = (None, None);
        for entry in reader.map(item, "related", &["id", "type"]).unwrap_or_default() {
            match &*entry.key.value {
                "id" => id = reader.text(&entry.value, "id").and_then(|text| uuid(reader, &text)),
                _ => kind = reader.word(&entry.value, "type", RELATIONS),
            }
        }
        related.extend(id.zip(kind));
    }
    related
}

fn log_source(reader: &mut Reader<'_, '_>, entry: &Entry<'_>) -> Option<Spanned<LogSourceReference>> {
    let mut reference = LogSourceReference::default();
    for part in reader.map(&entry.value, "logsource", &["product", "category", "service", "definition"])? {
        if part.value.is_null() {
            continue;
        }
        let text = reader.text(&part.value, &part.key.value)?;
        match &*part.key.value {
            "product" => reference.id.product = Some(fold(&text.value).into_owned()),
            "category" => reference.id.category = Some(fold(&text.value).into_owned()),
            "service" => reference.id.service = Some(fold(&text.value).into_owned()),
            _ => reference.definition = Some(text),
        }
    }
    if reference.id == Default::default() {
        let message = "`logsource` names no product, category or service";
        return reader.fail(Diagnostic::error(E0103, entry.key.span, message).help("`cognate logsources` lists those that are built in"));
    }
    Some(Spanned::new(reference, entry.value.span))
}

fn parameters(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<(Spanned<String>, Number)> {
    let entries = reader.entries(node, "parameters").unwrap_or_default();
    let parameter = |entry: &&Entry<'_>| {
        let number = reader.number(&entry.value, &entry.key.value)?;
        Some((Spanned::new(entry.key.value.to_string(), entry.key.span), number))
    };
    entries.iter().filter_map(parameter).collect()
}

fn lists(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<(Spanned<String>, ListBlock)> {
    let mut lists = Vec::new();
    for entry in reader.entries(node, "lists").unwrap_or_default() {
        let name = Spanned::new(entry.key.value.to_string(), entry.key.span);
        if let Some(block) = list(reader, entry) {
            lists.push((name, block));
        }
    }
    lists
}

fn list(reader: &mut Reader<'_, '_>, entry: &Entry<'_>) -> Option<ListBlock> {
    let name = &entry.key.value;
    match &entry.value.kind {
        Kind::List(items) if items.is_empty() => reader.fail(
            Diagnostic::error(E0212, entry.key.span, format!("the list `{name}` is empty")).help("an empty list would match nothing"),
        ),
        Kind::List(items) => {
            let mut values = Vec::with_capacity(items.len());
            for item in items {
                match item.scalar() {
                    Some(value) => {
                        warn_about_trap(item, reader.diagnostics);
                        values.push(Spanned::new(value, item.span));
                    }
                    None => reader.wrong_type::<()>(item, name, "a value").unwrap_or_default(),
                }
            }
            Some(ListBlock::Inline(values))
        }
        Kind::Map(_) => {
            let file = reader.map(&entry.value, name, &["file"])?.into_iter().next()?;
            reader.text(&file.value, "file").map(ListBlock::File)
        }
        Kind::Scalar { .. } => reader.wrong_type(&entry.value, name, "a list of values or { file: path }"),
    }
}

fn alert(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Alert> {
    let mut alert = Alert::default();
    let known = ["title", "description", "throttle", "risk_score", "entities", "actions"];
    for entry in reader.map(node, "alert", &known)? {
        let value = &entry.value;
        match &*entry.key.value {
            "title" => alert.title = reader.text(value, "title"),
            "description" => alert.description = reader.text(value, "description"),
            "throttle" => alert.throttle = throttle(reader, value),
            "risk_score" => alert.risk_score = reader.whole(value, "risk_score", 0..=100).map(|score| score as u8),
            "entities" => alert.entities = entities(reader, value),
            _ => alert.actions = reader.text_or_texts(value, "actions"),
        }
    }
    Some(alert)
}

fn throttle(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Throttle> {
    let (mut period, mut by) = (None, Vec::new());
    for entry in reader.map(node, "throttle", &["for", "by"])? {
        match &*entry.key.value {
            "for" => period = Some(reader.duration(&entry.value, "for")?),
            _ => by = reader.text_or_texts(&entry.value, "by"),
        }
    }
    match period {
        Some(period) => Some(Throttle { period, by }),
        None => reader.missing(node.span, "throttle", "for"),
    }
}

fn entities(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<Entity> {
    let mut entities = Vec::new();
    for entry in reader.entries(node, "entities").unwrap_or_default() {
        let kind = entry.key.value.to_string();
        let (mut column, mut identifier) = (None, None);
        for part in reader.map(&entry.value, &kind, &["field", "identifier"]).unwrap_or_default() {
            match &*part.key.value {
                "field" => column = reader.text(&part.value, "field"),
                _ => identifier = reader.text(&part.value, "identifier").map(|text| text.value),
            }
        }
        match column {
            Some(column) => entities.push(Entity { kind, column, identifier }),
            None => reader.missing::<()>(entry.key.span, &kind, "field").unwrap_or_default(),
        }
    }
    entities
}

fn targets(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<TargetSettings> {
    let mut targets = Vec::new();
    for entry in reader.entries(node, "targets").unwrap_or_default() {
        let Some(target) = Target::from_name(&entry.key.value) else {
            let message = format!("there is no target `{}`", entry.key.value);
            let help =
                did_you_mean(&entry.key.value, Target::ALL.map(Target::name)).unwrap_or("the targets are aql, spl, kql, sigma".into());
            reader.diagnostics.push(Diagnostic::error(E0104, entry.key.span, message).help(help));
            continue;
        };
        let mut settings = TargetSettings { target, accept: Vec::new(), skip: None, query_only: None };
        for part in reader.map(&entry.value, "targets", &["accept", "skip", "query-only"]).unwrap_or_default() {
            match &*part.key.value {
                "accept" => settings.accept = accepted(reader, &part.value),
                "query-only" => settings.query_only = reader.text(&part.value, "query-only"),
                _ => settings.skip = reader.text(&part.value, "skip"),
            }
        }
        targets.push(settings);
    }
    targets
}

fn accepted(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<Spanned<String>> {
    let codes = reader.text_or_texts(node, "accept");
    let known: Vec<&str> =
        crate::diagnostic::ALL_CODES.iter().map(|(code, _)| code.0).filter(|code| !code.starts_with(['E', 'W'])).collect();
    for code in &codes {
        if !known.contains(&code.value.as_str()) {
            let message = format!("`{}` is no code of a deviation", code.value);
            let help =
                did_you_mean(&code.value, known.iter().copied()).unwrap_or("codes look like A003 and stand in the build's table".into());
            reader.diagnostics.push(Diagnostic::error(E0104, code.span, message).help(help));
        }
    }
    codes
}
