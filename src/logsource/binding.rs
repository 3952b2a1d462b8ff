//! Bindings: `author.name`, `changedValues[fieldName=Users].changedTo` or a map with a type and a value map → [`Binding`].
//! Used by log source files and by the overrides of site files.

use super::{Binding, ColumnType, EventPath, FieldType, HashAlgorithm, Place, Platform};
use crate::diagnostic::{Diagnostic, E0104};
use crate::reader::Reader;
use crate::source::Span;
use crate::yaml::{Kind, Node};

/// The keys of a binding's long form.
const KEYS: &[&str] = &["at", "type", "json-text", "values"];

/// KQL's own names of its column types.
const KQL_TYPES: &[(&str, ColumnType)] = &[
    ("string", ColumnType::Text),
    ("int", ColumnType::Integer),
    ("long", ColumnType::Integer),
    ("real", ColumnType::Real),
    ("bool", ColumnType::Boolean),
    ("datetime", ColumnType::Time),
    ("dynamic", ColumnType::Dynamic),
    ("guid", ColumnType::Guid),
];

/// The types of QRadar properties and Splunk fields.
const PROPERTY_TYPES: &[(&str, ColumnType)] =
    &[("text", ColumnType::Text), ("number", ColumnType::Real), ("time", ColumnType::Time), ("address", ColumnType::Address)];

/// The column type that a field of this type has on a platform, unless its binding says something else.
pub fn column_type(kind: FieldType, platform: Platform) -> ColumnType {
    match (kind, platform) {
        (FieldType::Text | FieldType::Any, _) => ColumnType::Text,
        (FieldType::Integer, _) => ColumnType::Integer,
        (FieldType::Number, _) => ColumnType::Real,
        (FieldType::Timestamp, _) => ColumnType::Time,
        (FieldType::Boolean, Platform::Kql) => ColumnType::Boolean,
        (FieldType::Boolean, Platform::Product | Platform::Aql | Platform::Spl) => ColumnType::Text,
        (FieldType::Ip, Platform::Aql) => ColumnType::Address,
        (FieldType::Ip, Platform::Product | Platform::Spl | Platform::Kql) => ColumnType::Text,
    }
}

/// A plain column.
pub fn column(name: impl Into<String>, kind: ColumnType) -> Binding {
    Binding { place: Place::Column { name: name.into(), kind }, values: Vec::new() }
}

/// Reads `spl: author.name` or `kql: { at: EventId, type: int }`.
pub fn read(reader: &mut Reader<'_, '_>, node: &Node<'_>, platform: Platform, kind: FieldType) -> Option<Binding> {
    let key = platform.key();
    if !matches!(node.kind, Kind::Map(_)) {
        let text = reader.text(node, key)?;
        return Some(Binding { place: place(reader, &text.value, text.span, platform, column_type(kind, platform))?, values: Vec::new() });
    }
    let place = match platform {
        Platform::Kql if node.get("xml").is_some() => Some(xml(reader, node)?),
        Platform::Kql if node.get("joined").is_some() => Some(joined(reader, node)?),
        Platform::Kql if node.get("registry-type").is_some() => Some(registry_data(reader, node)?),
        Platform::Kql if node.get("hashes").is_some() => Some(hashes(reader, node)?),
        Platform::Kql if node.get("on").is_some() => Some(chosen(reader, node, column_type(kind, platform))?),
        Platform::Kql | Platform::Aql | Platform::Spl | Platform::Product => None,
    };
    if let Some(place) = place {
        return Some(Binding { place, values: Vec::new() });
    }
    reader.map(node, key, KEYS)?;
    let Some(at) = node.get("at") else { return reader.missing(node.span, key, "at") };
    let at = reader.text(at, "at")?;
    let kind = match node.get("type") {
        Some(written) => written_type(reader, written, platform)?,
        None => column_type(kind, platform),
    };
    let mut place = self::place(reader, &at.value, at.span, platform, kind)?;
    if let Some(written) = node.get("json-text") {
        let is_text = reader.boolean(written, "json-text")?;
        match &mut place {
            Place::Json { text, .. } | Place::Element { text, .. } => *text = is_text,
            Place::Column { .. }
            | Place::Xml { .. }
            | Place::Joined { .. }
            | Place::Chosen { .. }
            | Place::RegistryData { .. }
            | Place::Hashes(_) => {
                let message = "`json-text` says how a JSON column is stored, but this is a plain column";
                return reader.fail(Diagnostic::error(E0104, written.span, message).help("remove it, or write `at: Column.member`"));
            }
        }
    }
    let values = node.get("values").map_or_else(|| Some(Vec::new()), |values| value_map(reader, values))?;
    Some(Binding { place, values })
}

/// `{ at: EventData, xml: TicketOptions }`
fn xml(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Place> {
    reader.map(node, "kql", &["at", "xml"])?;
    let Some(column) = node.get("at") else { return reader.missing(node.span, "kql", "at") };
    let name = reader.text(node.get("xml")?, "xml")?.value;
    Some(Place::Xml { column: reader.text(column, "at")?.value, name })
}

/// `{ joined: [Key, Name], by: '\', prefixes: { HKEY_USERS: HKU } }`
fn joined(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Place> {
    reader.map(node, "kql", &["joined", "by", "prefixes"])?;
    let columns: Vec<String> = reader.text_or_texts(node.get("joined")?, "joined").into_iter().map(|column| column.value).collect();
    let by = match node.get("by") {
        Some(by) => reader.text(by, "by")?.value,
        None => return reader.missing(node.span, "kql", "by"),
    };
    if columns.is_empty() {
        return reader.empty(node.span, "joined");
    }
    let prefixes = node.get("prefixes").map_or_else(|| Some(Vec::new()), |prefixes| value_map(reader, prefixes))?;
    Some(Place::Joined { columns, by, prefixes })
}

/// `{ registry-type: RegistryValueType, registry-data: RegistryValueData }`
fn registry_data(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Place> {
    reader.map(node, "kql", &["registry-type", "registry-data"])?;
    let Some(data) = node.get("registry-data") else { return reader.missing(node.span, "kql", "registry-data") };
    let kind = reader.text(node.get("registry-type")?, "registry-type")?.value;
    Some(Place::RegistryData { kind, data: reader.text(data, "registry-data")?.value })
}

/// `{ hashes: { SHA1: FileSHA1, SHA256: FileSHA256 } }`
fn hashes(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Place> {
    reader.map(node, "kql", &["hashes"])?;
    let names = HashAlgorithm::ALL.map(HashAlgorithm::name);
    let written = node.get("hashes")?;
    reader.map(written, "hashes", &names)?;
    let columns = HashAlgorithm::ALL.into_iter().filter_map(|algorithm| Some((algorithm, written.get(algorithm.name())?)));
    let columns: Option<Vec<_>> =
        columns.map(|(algorithm, column)| Some((algorithm, reader.text(column, algorithm.name())?.value))).collect();
    match columns {
        Some(columns) if columns.is_empty() => reader.empty(written.span, "hashes"),
        columns => columns.map(Place::Hashes),
    }
}

/// `{ on: ActionType, cases: { InboundConnectionAccepted: LocalIP }, otherwise: RemoteIP }`
fn chosen(reader: &mut Reader<'_, '_>, node: &Node<'_>, kind: ColumnType) -> Option<Place> {
    reader.map(node, "kql", &["on", "cases", "otherwise", "type"])?;
    let kind = match node.get("type") {
        Some(written) => written_type(reader, written, Platform::Kql)?,
        None => kind,
    };
    let (Some(cases), Some(otherwise)) = (node.get("cases"), node.get("otherwise")) else {
        let key = if node.get("cases").is_none() { "cases" } else { "otherwise" };
        return reader.missing(node.span, "kql", key);
    };
    let on = reader.text(node.get("on")?, "on")?.value;
    let otherwise = reader.text(otherwise, "otherwise")?.value;
    Some(Place::Chosen { on, cases: value_map(reader, cases)?, otherwise, kind })
}

fn value_map(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Vec<(String, String)>> {
    let entries = reader.entries(node, "values")?;
    let pairs = entries.into_iter().map(|entry| Some((entry.key.value.to_string(), reader.text(&entry.value, &entry.key.value)?.value)));
    pairs.collect()
}

fn written_type(reader: &mut Reader<'_, '_>, node: &Node<'_>, platform: Platform) -> Option<ColumnType> {
    let types = if platform == Platform::Kql { KQL_TYPES } else { PROPERTY_TYPES };
    let names: Vec<&str> = types.iter().map(|(name, _)| *name).collect();
    let word = reader.word(node, "type", &names)?;
    types.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
}

/// `Column`, on Sentinel also `Column.member`, and `list[key=text].member` where the platform can choose elements.
fn place(reader: &mut Reader<'_, '_>, text: &str, span: Span, platform: Platform, kind: ColumnType) -> Option<Place> {
    let plain = || Place::Column { name: text.to_owned(), kind };
    match platform {
        Platform::Aql | Platform::Product => Some(plain()),
        Platform::Spl if !text.contains('=') => Some(plain()),
        Platform::Kql if !text.contains(['.', '[']) => Some(plain()),
        Platform::Spl | Platform::Kql => match EventPath::parse(text) {
            Some(EventPath::Element(element)) => Some(Place::Element {
                column: element.list.join("."),
                text: false,
                key: element.key,
                equals: element.equals,
                value: element.value,
            }),
            Some(EventPath::Path(mut path)) if path.iter().all(|part| !part.is_empty() && !part.contains('[')) => {
                let column = path.remove(0);
                Some(Place::Json { column, text: false, path })
            }
            Some(EventPath::Path(_)) | None => {
                let message = format!("`{text}` is not a place");
                let help = "places are written `Column`, `Column.member` or `List[key=text].member`";
                reader.fail(Diagnostic::error(E0104, span, message).help(help))
            }
        },
    }
}
