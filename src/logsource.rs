//! Log sources: which fields the events of a product have, where each field stands in the product's own event, and
//! where events and fields are found on each platform. Types only; [`read`] reads `logsources/*.yml`.

pub mod binding;
mod check;
mod open;
mod origin;
mod overrides;
mod read;
mod registry;
mod selector;

pub use open::TIME;
pub(crate) use overrides::{Unnamed, override_log_source};
pub use read::read;
pub use registry::{LogSourceFile, LogSources};

use crate::detection::Condition;
use crate::source::Spanned;
use std::sync::Arc;

/// `product`, `category` and `service`, as in Sigma.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct LogSourceId {
    /// Such as `windows`.
    pub product: Option<String>,
    /// Such as `process_creation`.
    pub category: Option<String>,
    /// Such as `audit`.
    pub service: Option<String>,
}

impl LogSourceId {
    /// `product/service`, `product/category/service`: the parts that are given.
    pub fn path(&self) -> String {
        let parts: Vec<&str> = [&self.product, &self.category, &self.service].into_iter().flatten().map(String::as_str).collect();
        parts.join("/")
    }
}

/// A described log source, or an open one that takes every field name as it is.
#[derive(Debug, Clone)]
pub struct LogSource {
    /// What a spec writes to choose it.
    pub id: LogSourceId,
    /// Its name for people.
    pub title: String,
    /// What it holds.
    pub description: String,
    /// Free text about what must be switched on, copied to Sigma's `logsource.definition`.
    pub definition: Option<String>,
    /// All fields. Of an open log source only those that a site file binds.
    pub fields: Vec<Arc<Field>>,
    /// Where the fields stand that are not listed; without it there are no others.
    pub others: Option<Others>,
    /// Whether nobody has described it: each field name stands for itself on every platform.
    pub open: bool,
    /// The platforms for which a site file says where the events of an open log source are.
    pub bound: Vec<Platform>,
    /// The field that holds the time of an event; every log source has one.
    pub time: Arc<Field>,
    /// How the time is written in the product's own event.
    pub time_format: TimeFormat,
    /// The field whose values are listed in [`Field::absent_for`].
    pub action: Option<Arc<Field>>,
    /// Where the events are on QRadar.
    pub aql: Option<AqlOrigin>,
    /// Where the events are on Splunk.
    pub spl: Option<SplOrigin>,
    /// Where the events are on Sentinel or Defender.
    pub kql: Option<KqlOrigin>,
    /// What tells its events on a platform from others in the same place.
    pub selectors: Vec<(Platform, Condition)>,
    /// Why a platform does not have its events.
    pub missing: Vec<(Platform, String)>,
    /// What queries assume about the place of the events, for each platform.
    pub assumptions: Vec<(Platform, String)>,
    /// What must be true first, for each platform.
    pub prerequisites: Vec<(Platform, String)>,
    /// The platforms for which nothing is built, and why.
    pub skipped: Vec<(Platform, String)>,
    /// An event in the product's own shape.
    pub sample: Option<serde_json::Value>,
    /// Other places of the same events, of which a site chooses one.
    pub variants: Vec<Variant>,
}

/// Another place of a log source's events.
#[derive(Debug, Clone)]
pub struct Variant {
    /// What a site file or `--variant` writes to choose it.
    pub name: String,
    /// When to choose it.
    pub description: String,
    /// The log source there; it has no variants.
    pub log_source: Arc<LogSource>,
}

/// The platforms that have bindings. Sigma has none: it uses the name in the product's own event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Platform {
    /// Every platform: the product itself.
    Product,
    /// IBM QRadar.
    Aql,
    /// Splunk.
    Spl,
    /// Microsoft Sentinel and Defender XDR.
    Kql,
}

impl Platform {
    /// What belongs to it of QRadar's, Splunk's and Sentinel's; the product itself has none of its own.
    fn of<T>(self, [aql, spl, kql]: [&Option<T>; 3]) -> Option<&T> {
        match self {
            Platform::Aql => aql.as_ref(),
            Platform::Spl => spl.as_ref(),
            Platform::Kql => kql.as_ref(),
            Platform::Product => None,
        }
    }

    /// Its key in log source and site files.
    pub fn key(self) -> &'static str {
        match self {
            Platform::Product => "product",
            Platform::Aql => "aql",
            Platform::Spl => "spl",
            Platform::Kql => "kql",
        }
    }
}

/// How a time is written in an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFormat {
    /// ISO 8601 text; without a zone it is UTC.
    Iso8601,
    /// Seconds since 1970-01-01T00:00:00Z, with fractions.
    EpochSeconds,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    EpochMilliseconds,
}

/// `LOGSOURCETYPENAME(devicetype) = name`, or device type numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AqlOrigin {
    /// The log source type's display name.
    TypeName(String),
    /// Numbers of log source types.
    TypeIds(Vec<u32>),
}

/// `index=… sourcetype=… source=… tag=…`; several values of one are alternatives, but an event has all of the tags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SplOrigin {
    /// Index names.
    pub index: Vec<String>,
    /// Source types.
    pub sourcetype: Vec<String>,
    /// Sources.
    pub source: Vec<String>,
    /// Tags that add-ons give the events, each of them.
    pub tag: Vec<String>,
}

/// A table or parser function, and its time column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KqlOrigin {
    /// Table or function name.
    pub table: String,
    /// The column that holds the time of the event (`TimeGenerated`, `Timestamp`).
    pub time: String,
    /// Whether `table` is a stored function that must be installed.
    pub function: bool,
}

/// The type of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A moment.
    Timestamp,
    /// Not known: text or number.
    Any,
}

/// One field of a log source.
#[derive(Debug, Clone)]
pub struct Field {
    /// Our name; for an open log source the name that the author wrote.
    pub name: String,
    /// Other names that authors use for it, each of which stands for the same place.
    pub aliases: Vec<String>,
    /// The one of the other names by which the author called it.
    pub written: Option<String>,
    /// The type of its values.
    pub kind: FieldType,
    /// Whether an event may hold several values.
    pub list: bool,
    /// Whether only the first of several values is read. No log source says so: it is how a platform that keeps one value
    /// sees a list (an approximation).
    pub first_only: bool,
    /// What it holds.
    pub description: String,
    /// The Elastic Common Schema name.
    pub ecs: Option<String>,
    /// Whether an event may lack it.
    pub optional: bool,
    /// Values of the log source's action field whose events never have this field.
    pub absent_for: Vec<String>,
    /// Where it stands in the product's own event.
    pub event: EventPath,
    /// Where it stands on QRadar.
    pub aql: Option<Binding>,
    /// Where it stands on Splunk.
    pub spl: Option<Binding>,
    /// Where it stands on Sentinel or Defender.
    pub kql: Option<Binding>,
    /// Why a platform does not have it.
    pub missing: Vec<(Platform, String)>,
}

impl Field {
    /// Where it stands on a platform.
    pub fn binding(&self, platform: Platform) -> Option<&Binding> {
        platform.of([&self.aql, &self.spl, &self.kql])
    }

    /// Lets it stand somewhere else on a platform, or nowhere; why is another matter there.
    fn bind(&mut self, platform: Platform, binding: Option<Binding>) {
        self.missing.retain(|(other, _)| *other != platform);
        match platform {
            Platform::Aql => self.aql = binding,
            Platform::Spl => self.spl = binding,
            Platform::Kql => self.kql = binding,
            Platform::Product => {}
        }
    }

    /// Whether a name is one of its names.
    pub fn is_called(&self, name: &str) -> bool {
        self.all_names().any(|own| own == name)
    }

    /// All its names, our own first.
    pub fn all_names(&self) -> impl Iterator<Item = &str> {
        [&self.name].into_iter().chain(&self.aliases).map(String::as_str)
    }

    /// Why a platform does not have it, as the end of a message; empty if the log source does not say.
    pub fn why_missing(&self, platform: Platform) -> String {
        let reason = self.missing.iter().find(|(other, _)| *other == platform);
        reason.map(|(_, reason)| format!(": {reason}")).unwrap_or_default()
    }
}

/// Where fields stand by their names: bindings in which `{name}` stands for the name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Others {
    /// On QRadar.
    pub aql: Option<Binding>,
    /// On Splunk.
    pub spl: Option<Binding>,
    /// On Sentinel or Defender.
    pub kql: Option<Binding>,
}

/// A place in the product's own JSON event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventPath {
    /// `a.b.c`; a list on the way stands for each of its elements.
    Path(Vec<String>),
    /// `changedValues[fieldName=Users].changedTo`: of the elements of the list at `list` whose `key` equals `equals`
    /// (case ignored), the value at `value`.
    Element(ElementPath),
}

/// A value of the list elements that are chosen by a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ElementPath {
    /// Path of the list.
    pub list: Vec<String>,
    /// The element's member that chooses.
    pub key: String,
    /// The text that it must equal, case ignored.
    pub equals: String,
    /// The element's member that is read.
    pub value: String,
}

impl EventPath {
    /// Reads `a.b.c` or `list[key=text].value`; `None` if the brackets are wrong.
    pub fn parse(text: &str) -> Option<EventPath> {
        let split = |path: &str| path.split('.').map(str::to_owned).collect::<Vec<_>>();
        let Some((list, rest)) = text.split_once('[') else {
            return Some(EventPath::Path(split(text)));
        };
        let (selector, value) = rest.split_once("].")?;
        let (key, equals) = selector.split_once('=')?;
        let parts = [list, key, equals, value];
        parts
            .iter()
            .all(|part| !part.is_empty())
            .then(|| EventPath::Element(ElementPath { list: split(list), key: key.into(), equals: equals.into(), value: value.into() }))
    }

    /// The text that [`EventPath::parse`] reads.
    pub fn text(&self) -> String {
        match self {
            EventPath::Path(path) => path.join("."),
            EventPath::Element(e) => format!("{}[{}={}].{}", e.list.join("."), e.key, e.equals, e.value),
        }
    }
}

/// Where a field stands on a platform, readable (columns, keys) and writable (the events of tests).
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    /// The place.
    pub place: Place,
    /// Our value and the platform's, if they differ.
    pub values: Vec<(String, String)>,
}

/// The closed set of places.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// A column, a Splunk field, a QRadar property; `kind` is the platform column's own type where it matters (KQL).
    Column {
        /// Its name on the platform, unquoted.
        name: String,
        /// The column's type.
        kind: ColumnType,
    },
    /// A member inside of a JSON column.
    Json {
        /// The column.
        column: String,
        /// Whether the column is text that holds JSON (KQL `parse_json`).
        text: bool,
        /// The members on the way.
        path: Vec<String>,
    },
    /// A member of the elements of a list (in a JSON column) that are chosen by a key.
    Element {
        /// The column that holds the list (for Splunk: the list's dotted name in the raw event).
        column: String,
        /// Whether the column is text that holds JSON (KQL `parse_json`).
        text: bool,
        /// The element's member that chooses.
        key: String,
        /// The text that it must equal, case ignored.
        equals: String,
        /// The element's member that is read.
        value: String,
    },
    /// The text of an element of an XML column: `<Data Name="TicketOptions">…</Data>`.
    Xml {
        /// The column.
        column: String,
        /// The element's `Name`.
        name: String,
    },
    /// Text columns that are joined; what is empty is left out, with the text between.
    Joined {
        /// The columns in order.
        columns: Vec<String>,
        /// The text between them.
        by: String,
        /// How the platform's joined text begins, and ours: the first that fits.
        prefixes: Vec<(String, String)>,
    },
    /// The column that another column chooses.
    Chosen {
        /// The column that chooses.
        on: String,
        /// Its values, and the column that is read for each.
        cases: Vec<(String, String)>,
        /// The column for every other value.
        otherwise: String,
        /// The type of the columns.
        kind: ColumnType,
    },
    /// The data of a registry value as Sysmon writes it (`DWORD (0x00000001)`), from Defender's type and data.
    RegistryData {
        /// The column with the type (`Dword`, `Qword`, `Binary`, `String`).
        kind: String,
        /// The column with the data; numbers are decimal.
        data: String,
    },
    /// A list of hashes as Sysmon writes it (`SHA256=…,IMPHASH=…`), of which each stands in a column of its own.
    Hashes(Vec<(HashAlgorithm, String)>),
}

/// What a hash in Sysmon's lists is made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// MD5
    Md5,
    /// SHA-1
    Sha1,
    /// SHA-256
    Sha256,
    /// MD5 of the imported functions' names.
    Imphash,
}

impl HashAlgorithm {
    /// All of them.
    pub const ALL: [HashAlgorithm; 4] = [HashAlgorithm::Md5, HashAlgorithm::Sha1, HashAlgorithm::Sha256, HashAlgorithm::Imphash];

    /// Its name in the lists.
    pub fn name(self) -> &'static str {
        match self {
            HashAlgorithm::Md5 => "MD5",
            HashAlgorithm::Sha1 => "SHA1",
            HashAlgorithm::Sha256 => "SHA256",
            HashAlgorithm::Imphash => "IMPHASH",
        }
    }

    /// How many hexadecimal digits a hash has.
    pub fn digits(self) -> usize {
        match self {
            HashAlgorithm::Md5 | HashAlgorithm::Imphash => 32,
            HashAlgorithm::Sha1 => 40,
            HashAlgorithm::Sha256 => 64,
        }
    }
}

/// The type of a platform's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// KQL `string`, QRadar text.
    Text,
    /// KQL `int` or `long`, QRadar number.
    Integer,
    /// KQL `real`.
    Real,
    /// KQL `bool`.
    Boolean,
    /// KQL `datetime`, QRadar epoch milliseconds, Splunk epoch seconds.
    Time,
    /// KQL `dynamic`: JSON, for a list its elements.
    Dynamic,
    /// KQL `guid`.
    Guid,
    /// QRadar's own address type.
    Address,
}

/// What a spec's `logsource` block says.
#[derive(Debug, Clone, Default)]
pub struct LogSourceReference {
    /// Product, category, service.
    pub id: LogSourceId,
    /// Sigma's free text.
    pub definition: Option<Spanned<String>>,
}
