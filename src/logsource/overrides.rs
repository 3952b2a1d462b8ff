//! What a site file or a variant changes in a log source: where the events are, and any field's binding.

use super::binding::{self, column};
use super::check::check;
use super::origin::{absences, aql_place, kql_origin, place, platform_texts, prerequisites, reason, spl_place};
use super::read::others;
use super::{Binding, ColumnType, Field, LogSource, Others, Platform, Variant};
use crate::detection::{Condition, Predicate, Subject};
use crate::diagnostic::{Diagnostic, E0702, did_you_mean};
use crate::reader::Reader;
use crate::yaml::{Entry, Node};
use std::sync::Arc;

/// What becomes of those keys of a place (`aql`, `spl`, `kql`) that are not named beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// They stay: a site names what is different there.
    Stay,
    /// They go: a variant is another place.
    Go,
}

/// Applies `{ variant: …, aql: …, spl: …, kql: …, fields: { name: { spl: … } }, other-fields: … }`.
pub(crate) fn override_log_source(
    reader: &mut Reader<'_, '_>,
    node: &Node<'_>,
    mut log_source: LogSource,
    unnamed: Unnamed,
) -> Option<LogSource> {
    let path = log_source.id.path();
    reader.map(node, &path, &["variant", "description", "aql", "spl", "kql", "prerequisites", "assumptions", "fields", "other-fields"])?;
    if let Some(written) = node.get("variant") {
        log_source = chosen(reader, written, &log_source)?;
    }
    log_source.others = others(reader, node, Some(&log_source))?;
    if let Some(written) = node.get("prerequisites") {
        let own = prerequisites(reader, written);
        log_source.prerequisites.retain(|(platform, _)| !own.iter().any(|(changed, _)| changed == platform));
        log_source.prerequisites.extend(own);
    }
    // what was assumed about a place does not hold of another
    for platform in [Platform::Aql, Platform::Spl, Platform::Kql].into_iter().filter(|platform| node.get(platform.key()).is_some()) {
        log_source.assumptions.retain(|(other, _)| *other != platform);
    }
    if let Some(written) = node.get("assumptions") {
        log_source.assumptions.extend(platform_texts(reader, written, "assumptions"));
    }
    // of a log source that nobody has described, nothing is known that could stay
    let stays = unnamed == Unnamed::Stay && !log_source.open;
    log_source.missing = absences(reader, node, "missing", log_source.missing);
    log_source.skipped = absences(reader, node, "skip", log_source.skipped);
    if let Some(aql) = place(node, Platform::Aql) {
        reader.map(aql, "aql", &["type-name", "type-ids", "where"])?;
        log_source.aql = Some(aql_place(reader, aql, &mut log_source.selectors, log_source.aql.as_ref().filter(|_| stays))?);
    }
    if let Some(spl) = place(node, Platform::Spl) {
        reader.map(spl, "spl", &["index", "sourcetype", "source", "tag", "where"])?;
        log_source.spl = Some(spl_place(reader, spl, &mut log_source.selectors, log_source.spl.as_ref().filter(|_| stays))?);
    }
    if let Some(kql) = place(node, Platform::Kql) {
        let origin = kql_origin(reader, kql, &mut log_source.selectors, log_source.kql.as_ref().filter(|_| stays))?;
        let time = Field { kql: Some(column(&origin.time, ColumnType::Time)), ..(*log_source.time).clone() };
        replace(&mut log_source, time);
        log_source.kql = Some(origin);
    }
    let said = [Platform::Aql, Platform::Spl, Platform::Kql].into_iter().filter(|platform| node.get(platform.key()).is_some());
    log_source.bound.extend(said);
    if let Some(fields) = node.get("fields") {
        for entry in reader.entries(fields, "fields")? {
            if let Some(field) = field(reader, &log_source, entry) {
                replace(&mut log_source, field);
            }
        }
    }
    let spans = vec![node.span; log_source.fields.len()];
    check(&log_source, &spans, node.span, reader.diagnostics);
    Some(log_source)
}

fn chosen(reader: &mut Reader<'_, '_>, written: &Node<'_>, log_source: &LogSource) -> Option<LogSource> {
    let name = reader.text(written, "variant")?;
    match log_source.variant(&name.value) {
        Ok(variant) => Some((**variant).clone()),
        Err(help) => {
            let message = format!("`{}` has no variant `{}`", log_source.id.path(), name.value);
            reader.fail(Diagnostic::error(E0702, name.span, message).help(help))
        }
    }
}

/// A variant of the log source that a file extends, for the file's own events. Fields that the variant does not name stand
/// where it has others; what tells the events from others is the product's own `where`, by the variant's places. `None` if the
/// variant has no place for that.
pub(super) fn inherited(variant: &Variant, own: &LogSource) -> Option<Variant> {
    let there = &*variant.log_source;
    let mut log_source = LogSource { bound: there.bound.clone(), ..own.clone() };
    for platform in there.bound.iter().copied() {
        let others = log_source.others.get_or_insert_with(Others::default);
        let theirs = there.others.as_ref();
        match platform {
            Platform::Aql => (log_source.aql, others.aql) = (there.aql.clone(), theirs.and_then(|others| others.aql.clone())),
            Platform::Spl => (log_source.spl, others.spl) = (there.spl.clone(), theirs.and_then(|others| others.spl.clone())),
            Platform::Kql => (log_source.kql, others.kql) = (there.kql.clone(), theirs.and_then(|others| others.kql.clone())),
            Platform::Product => {}
        }
        let texts = [
            (&mut log_source.missing, &there.missing),
            (&mut log_source.assumptions, &there.assumptions),
            (&mut log_source.prerequisites, &there.prerequisites),
        ];
        for (texts, theirs) in texts {
            texts.retain(|(other, _)| *other != platform);
            texts.extend(theirs.iter().filter(|(other, _)| *other == platform).cloned());
        }
        for field in own.fields.iter().chain([&own.time]) {
            let known = there.fields.iter().chain([&there.time]).find(|known| known.name == field.name);
            let other = || theirs?.of(platform, &field.event.text(), field.kind);
            let mut field = log_source.fields.iter().find(|bound| bound.name == field.name).unwrap_or(field).as_ref().clone();
            field.bind(platform, known.map_or_else(other, |known| known.binding(platform).cloned()));
            field.missing.extend(known.iter().flat_map(|known| known.missing.iter().filter(|(other, _)| *other == platform).cloned()));
            replace(&mut log_source, field);
        }
        log_source.selectors.retain(|(other, _)| *other != platform);
        for (_, condition) in own.selectors.iter().filter(|(other, _)| *other == Platform::Product) {
            let Condition::Match(Predicate { subject: Subject::Field(field), tests, span }) = condition else { return None };
            let there = log_source.field(&field.name)?;
            // a column of the platform goes by its own name here
            let name = there.binding(platform)?.place.plain().map_or(&*there.name, |(column, _)| column).to_owned();
            let subject = Subject::Field(Arc::new(Field { name, ..(*there).clone() }));
            let told = Predicate { subject, tests: tests.clone(), span: *span };
            log_source.selectors.push((platform, Condition::Match(told)));
        }
    }
    Some(Variant { log_source: Arc::new(log_source), ..variant.clone() })
}

impl LogSource {
    /// How to get a field that a platform does not have here: by a variant that has it, if there is one.
    pub fn help_with(&self, field: &str, platform: Platform) -> String {
        let has = |log_source: &LogSource| log_source.field(field).is_some_and(|field| field.binding(platform).is_some());
        let variant = self.variants.iter().find(|variant| has(&variant.log_source));
        variant.map(|variant| format!("take `--variant {}={}`, which has it, or ", self.id.path(), variant.name)).unwrap_or_default()
    }

    /// Its variant of a name, or which there are.
    pub fn variant(&self, name: &str) -> Result<&Arc<LogSource>, String> {
        let found = self.variants.iter().find(|variant| variant.name == name);
        found.map(|variant| &variant.log_source).ok_or_else(|| {
            let names: Vec<&str> = self.variants.iter().map(|variant| variant.name.as_str()).collect();
            if names.is_empty() { "it has none".to_owned() } else { format!("there are: {}", names.join(", ")) }
        })
    }
}

fn field(reader: &mut Reader<'_, '_>, log_source: &LogSource, entry: &Entry<'_>) -> Option<Field> {
    let name = &*entry.key.value;
    let known = log_source.fields.iter().find(|field| field.is_called(name)).map(|field| (**field).clone());
    let field = match known {
        Some(field) => Some(field),
        None => log_source.others.as_ref().map(|others| others.field(name)),
    };
    let Some(mut field) = field else {
        let message = format!("`{}` has no field `{name}`", log_source.id.path());
        return reader.fail(Diagnostic::error(E0702, entry.key.span, message).maybe_help(did_you_mean(name, log_source.names())));
    };
    for entry in reader.map(&entry.value, name, &["aql", "spl", "kql"])? {
        let platform = match &*entry.key.value {
            "aql" => Platform::Aql,
            "spl" => Platform::Spl,
            _ => Platform::Kql,
        };
        let why = entry.value.get("missing").and_then(|_| reason(reader, &entry.value, platform));
        let binding = if why.is_some() { None } else { bound(reader, &entry.value, platform, field.kind)? };
        field.bind(platform, binding);
        field.missing.extend(why.map(|why| (platform, why)));
    }
    Some(field)
}

/// A binding, or `none`.
fn bound(reader: &mut Reader<'_, '_>, node: &Node<'_>, platform: Platform, kind: super::FieldType) -> Option<Option<Binding>> {
    if node.text() == Some("none") {
        return Some(None);
    }
    binding::read(reader, node, platform, kind).map(Some)
}

/// Puts a field in the place of the one with its name, also where the log source names it as time or action.
fn replace(log_source: &mut LogSource, field: Field) {
    let field = Arc::new(field);
    if log_source.time.name == field.name {
        log_source.time = field.clone();
    }
    if log_source.action.as_ref().is_some_and(|action| action.name == field.name) {
        log_source.action = Some(field.clone());
    }
    match log_source.fields.iter_mut().find(|other| other.name == field.name) {
        Some(place) => *place = field,
        None if log_source.time.name == field.name => {}
        None => log_source.fields.push(field),
    }
}
