//! Looking up fields, and log sources that nobody has described: every field name stands for itself there.

use super::binding::{column, column_type};
use super::{
    AqlOrigin, Binding, EventPath, Field, FieldType, KqlOrigin, LogSource, LogSourceId, Others, Place, Platform, SplOrigin, TimeFormat,
};
use std::sync::Arc;

/// The name of the time field of every log source.
pub const TIME: &str = "timestamp";

impl LogSource {
    /// The log source of an id that no file describes. Names of log source type, source type and table follow from the
    /// id, so that they are never another product's.
    pub fn open(id: LogSourceId) -> LogSource {
        let parts: Vec<&str> = id.parts().collect();
        let known = !parts.is_empty();
        let table = table_name(&parts);
        let prerequisites = vec![
            (
                Platform::Product,
                "No log source file describes these events: every field name is taken as it is on every platform.".to_owned(),
            ),
            (Platform::Aql, format!("A log source type '{}', and a custom property for each field.", parts.join(" "))),
            (Platform::Spl, format!("Events of source type '{}' with each field extracted under its own name.", parts.join(":"))),
            (Platform::Kql, format!("A custom table '{table}' with a column for each field.")),
        ];
        LogSource {
            title: id.path(),
            description: "Not described: every field name stands for itself.".to_owned(),
            definition: None,
            fields: Vec::new(),
            others: Some(Others::same()),
            open: true,
            bound: Vec::new(),
            time: Arc::new(open_time()),
            time_format: TimeFormat::Iso8601,
            action: None,
            aql: known.then(|| AqlOrigin::TypeName(parts.join(" "))),
            spl: known.then(|| SplOrigin { index: vec!["*".into()], sourcetype: vec![parts.join(":")], ..SplOrigin::default() }),
            kql: known.then(|| KqlOrigin { table, time: "TimeGenerated".to_owned(), function: false }),
            selectors: Vec::new(),
            missing: Vec::new(),
            assumptions: Vec::new(),
            prerequisites,
            skipped: Vec::new(),
            variants: Vec::new(),
            sample: None,
            id: id.clone(),
        }
    }

    /// The field of a name: one that is described, else one of the others, if there are any.
    pub fn field(&self, name: &str) -> Option<Arc<Field>> {
        self.described(name).or_else(|| self.others.as_ref().map(|others| Arc::new(others.field(name))))
    }

    /// The described field of a name: one of ours, the text of its place in the product's own event, as Sigma rules write
    /// it, or another of its names.
    pub fn described(&self, name: &str) -> Option<Arc<Field>> {
        if self.time.name == name {
            return Some(self.time.clone());
        }
        let named = self.fields.iter().find(|field| field.name == name);
        named.or_else(|| self.fields.iter().find(|field| field.event.is_written(name))).cloned().or_else(|| {
            let aliased = self.fields.iter().find(|field| field.is_called(name))?;
            Some(Arc::new(Field { written: Some(name.to_owned()), ..(**aliased).clone() }))
        })
    }

    /// The same with every field that a platform does not have under its own name there; and where a platform does not have the
    /// events, with the place that they would have if nobody had described them.
    pub fn with_every_field(&self) -> LogSource {
        let open = LogSource::open(self.id.clone());
        let same = Others::same();
        let filled = |field: &Arc<Field>| {
            let own = same.field(&field.name);
            let mut field = (**field).clone();
            field.aql = field.aql.or(own.aql);
            field.spl = field.spl.or(own.spl);
            field.kql = field.kql.or(own.kql);
            Arc::new(field)
        };
        let others = self.others.clone().unwrap_or_default();
        let others =
            Others { aql: others.aql.or(same.aql.clone()), spl: others.spl.or(same.spl.clone()), kql: others.kql.or(same.kql.clone()) };
        let time = |own: &Option<Binding>, open: &Option<Binding>| own.clone().or_else(|| open.clone());
        let time = Arc::new(Field {
            aql: time(&self.time.aql, &open.time.aql),
            spl: time(&self.time.spl, &open.time.spl),
            kql: time(&self.time.kql, &open.time.kql),
            ..(*self.time).clone()
        });
        let filled = |field: &Arc<Field>| if field.name == time.name { time.clone() } else { filled(field) };
        LogSource {
            fields: self.fields.iter().map(filled).collect(),
            others: Some(others),
            aql: self.aql.clone().or(open.aql),
            spl: self.spl.clone().or(open.spl),
            kql: self.kql.clone().or(open.kql),
            missing: Vec::new(),
            time: time.clone(),
            ..self.clone()
        }
    }

    /// All names of all fields, for messages.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().flat_map(|field| field.all_names())
    }

    /// Why a platform does not have its events, as the end of a message; empty if the log source does not say.
    pub fn why_missing(&self, platform: Platform) -> String {
        let reason = self.missing.iter().find(|(other, _)| *other == platform);
        reason.map(|(_, reason)| format!(": {reason}")).unwrap_or_default()
    }
}

impl LogSourceId {
    /// The parts that are given: product, category, service.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        [&self.product, &self.category, &self.service].into_iter().flatten().map(String::as_str)
    }
}

impl EventPath {
    /// Whether `text` is how this path is written, without building that text.
    fn is_written(&self, text: &str) -> bool {
        match self {
            EventPath::Path(path) => text.split('.').eq(path.iter().map(String::as_str)),
            EventPath::Element(_) => text.contains('[') && self.text() == text,
        }
    }
}

/// Letters, digits and `_`, beginning with a letter, as custom tables want it.
fn table_name(parts: &[&str]) -> String {
    let safe: String = parts.join("_").chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let start = if safe.starts_with(|c: char| c.is_ascii_alphabetic()) { "" } else { "log_" };
    format!("{start}{safe}_CL")
}

fn open_time() -> Field {
    Field {
        kind: FieldType::Timestamp,
        optional: false,
        aql: Some(column("starttime", column_type(FieldType::Timestamp, Platform::Aql))),
        spl: Some(column("_time", column_type(FieldType::Timestamp, Platform::Spl))),
        kql: Some(column("TimeGenerated", column_type(FieldType::Timestamp, Platform::Kql))),
        ..Others::same().field(TIME)
    }
}

/// What stands for the name of a field in [`Others`].
const NAME: &str = "{name}";

impl Others {
    /// Each name stands for itself.
    pub fn same() -> Self {
        let bound = |platform| Some(column(NAME, column_type(FieldType::Any, platform)));
        Self { aql: bound(Platform::Aql), spl: bound(Platform::Spl), kql: bound(Platform::Kql) }
    }

    /// Where they stand on a platform.
    pub fn binding(&self, platform: Platform) -> Option<&Binding> {
        platform.of([&self.aql, &self.spl, &self.kql])
    }

    /// Where a field of a type stands on a platform.
    pub(super) fn of(&self, platform: Platform, name: &str, kind: FieldType) -> Option<Binding> {
        let mut binding = self.binding(platform)?.with_name(name);
        if let Place::Column { kind: stored, .. } = &mut binding.place {
            *stored = column_type(kind, platform);
        }
        Some(binding)
    }

    /// The field of a name; nothing is known of its type.
    pub fn field(&self, name: &str) -> Field {
        let named = |binding: &Option<Binding>| binding.as_ref().map(|binding| binding.with_name(name));
        Field {
            name: name.to_owned(),
            aliases: Vec::new(),
            written: None,
            kind: FieldType::Any,
            list: false,
            first_only: false,
            description: String::new(),
            ecs: None,
            optional: true,
            absent_for: Vec::new(),
            event: EventPath::Path(name.split('.').map(str::to_owned).collect()),
            aql: named(&self.aql),
            spl: named(&self.spl),
            kql: named(&self.kql),
            missing: Vec::new(),
        }
    }
}

impl Binding {
    /// The binding with a field's name in place of `{name}`.
    fn with_name(&self, name: &str) -> Self {
        let named = |text: &String| text.replace(NAME, name);
        let place = match &self.place {
            Place::Column { name, kind } => Place::Column { name: named(name), kind: *kind },
            Place::Json { column, text, path } => {
                Place::Json { column: named(column), text: *text, path: path.iter().map(named).collect() }
            }
            Place::Element { column, text, key, equals, value } => {
                Place::Element { column: named(column), text: *text, key: named(key), equals: named(equals), value: named(value) }
            }
            Place::Xml { column, name: element } => Place::Xml { column: named(column), name: named(element) },
            Place::Joined { .. } | Place::Chosen { .. } | Place::RegistryData { .. } | Place::Hashes(_) => self.place.clone(),
        };
        Self { place, values: self.values.clone() }
    }
}
