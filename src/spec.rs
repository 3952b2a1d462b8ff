//! A spec as it is written: the author's words, order and places, nothing resolved. [`read`] makes it from YAML,
//! [`crate::lower`] gives it its meaning. Every Sigma detection rule is a valid spec.

mod aggregate;
mod correlation;
mod detection;
mod read;
mod tests;

pub use detection::{parse_body, parse_key};
pub use read::{KNOWN_KEYS, read};
pub use tests::{EventBlock, EventSeries, ForEach, MAX_EVENTS, TestBlock};

use crate::condition;
use crate::detection::{Alert, EquivalentMutant, Metadata, Modifier, TargetSettings};
use crate::expression::Relational;
use crate::expression::parse::Written;
use crate::logsource::LogSourceReference;
use crate::source::{Span, Spanned};
use crate::yaml::{Number, Value};

/// A whole spec.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Descriptive keys; nothing in them needs resolving.
    pub metadata: Metadata,
    /// Place of the document's first key, for problems of the whole file.
    pub span: Span,
    /// The log source that it names.
    pub log_source: Spanned<LogSourceReference>,
    /// Selections and condition.
    pub detection: DetectionBlock,
    /// Output columns.
    pub fields: Vec<Spanned<String>>,
    /// `parameters`
    pub parameters: Vec<(Spanned<String>, Number)>,
    /// `lists`
    pub lists: Vec<(Spanned<String>, ListBlock)>,
    /// `aggregate`
    pub aggregate: Option<AggregateBlock>,
    /// `correlation`: then the log source, the selections and what is counted follow from the rules that it names.
    pub correlation: Option<CorrelationBlock>,
    /// `filter`: then it is no rule, but changes others.
    pub filter: Option<FilterBlock>,
    /// `schedule`
    pub schedule: Option<ScheduleBlock>,
    /// `alert`
    pub alert: Alert,
    /// `targets`
    pub targets: Vec<TargetSettings>,
    /// `tests`
    pub tests: Vec<TestBlock>,
    /// `mutants`
    pub mutants: Vec<EquivalentMutant>,
}

/// The `detection` block.
#[derive(Debug, Clone, Default)]
pub struct DetectionBlock {
    /// Place of its key.
    pub span: Span,
    /// Named selections in order.
    pub selections: Vec<(Spanned<String>, Body)>,
    /// Conditions; several are alternatives.
    pub conditions: Vec<condition::Written>,
    /// Whether there is a `condition` key (also if it could not be read).
    pub has_condition: bool,
}

/// The shapes of a selection.
#[derive(Debug, Clone)]
pub enum Body {
    /// A map: all items hold.
    Items(Vec<ItemBlock>),
    /// A list of maps or keywords: one holds.
    Alternatives(Vec<Body>),
}

/// `field|modifier|modifier: value(s)`
#[derive(Debug, Clone)]
pub struct ItemBlock {
    /// The field's name; empty for keywords.
    pub field: String,
    /// Place of the key.
    pub span: Span,
    /// Modifiers with their places.
    pub modifiers: Vec<Spanned<Modifier>>,
    /// At least one value.
    pub values: Vec<Spanned<Value>>,
    /// Whether the values stood in a list.
    pub listed: bool,
}

/// Where a list's values come from.
#[derive(Debug, Clone)]
pub enum ListBlock {
    /// Written in the spec.
    Inline(Vec<Spanned<Value>>),
    /// `{ file: lists/terms.txt }`: one value a line.
    File(Spanned<String>),
}

/// The `aggregate` block.
#[derive(Debug, Clone)]
pub struct AggregateBlock {
    /// Place of its key.
    pub span: Span,
    /// Keys: (column name if given, expression).
    pub group_by: Vec<(Option<Spanned<String>>, Written)>,
    /// The window.
    pub window: Option<WindowBlock>,
    /// Measures: name and a call such as `count(search)`.
    pub measures: Vec<(Spanned<String>, Written)>,
    /// Derived columns.
    pub derive: Vec<(Spanned<String>, Written)>,
    /// When there is an alert.
    pub condition: Option<Written>,
    /// Whether a `condition` key stands there.
    pub has_condition: bool,
    /// Labels.
    pub labels: Vec<(Spanned<String>, LabelBlock)>,
    /// Columns to sort by.
    pub sort: Vec<(Spanned<String>, bool)>,
    /// Measures and derived columns whose expressions cannot be read: their names are known all the same.
    pub broken: Vec<Spanned<String>>,
}

/// The `correlation` block of a Sigma correlation rule.
#[derive(Debug, Clone)]
pub struct CorrelationBlock {
    /// Place of its key.
    pub span: Span,
    /// `type`
    pub kind: CorrelationKind,
    /// Ids and names; at least one.
    pub rules: Vec<Spanned<String>>,
    /// Fields, and aliases of fields.
    pub group_by: Vec<Spanned<String>>,
    /// In milliseconds.
    pub timespan: i64,
    /// When there is an alert; only the temporal types can be without one.
    pub condition: Option<CorrelationCondition>,
    /// `aliases`
    pub aliases: Vec<AliasBlock>,
    /// Whether the rules have queries of their own.
    pub generate: bool,
}

/// The `filter` block of a Sigma filter. Its selections and its condition are the `detection` of the document.
#[derive(Debug, Clone)]
pub struct FilterBlock {
    /// Place of its key.
    pub span: Span,
    /// Ids and names; `None`: any rule of its log source.
    pub rules: Option<Vec<Spanned<String>>>,
}

/// A name for a field that rules may call differently.
#[derive(Debug, Clone)]
pub struct AliasBlock {
    /// The name.
    pub name: Spanned<String>,
    /// (rule, its field)
    pub fields: Vec<(Spanned<String>, Spanned<String>)>,
}

/// The types of a correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Sigma's own")]
pub enum CorrelationKind {
    EventCount,
    ValueCount,
    ValueSum,
    ValueAverage,
    ValuePercentile,
    ValueMedian,
    Temporal,
    TemporalOrdered,
}

/// The condition of a correlation.
#[derive(Debug, Clone)]
pub enum CorrelationCondition {
    /// `{ gte: 10, field: user, percentile: 95 }`
    Limit {
        /// The operator.
        relational: Relational,
        /// What it compares with.
        number: f64,
        /// Place of operator and number.
        span: Span,
        /// The field whose values are measured.
        field: Option<Spanned<String>>,
        /// pySigma's rank of a percentile.
        percentile: Option<Spanned<f64>>,
    },
    /// `rule_a and not rule_b`: which rules are seen.
    Rules(condition::Written),
}

/// The cases of a label.
#[derive(Debug, Clone, Default)]
pub struct LabelBlock {
    /// (when, then)
    pub cases: Vec<(Written, String)>,
    /// The text if none holds.
    pub otherwise: Option<String>,
}

/// The window; lengths in milliseconds.
#[derive(Debug, Clone)]
pub enum WindowBlock {
    /// `1h`
    Tumbling(i64),
    /// `{ sliding: 10m, at: success }`
    Sliding(i64, Option<Spanned<String>>),
    /// `lookback`
    Lookback,
}

/// The `schedule` block; times in milliseconds.
#[derive(Debug, Clone)]
pub struct ScheduleBlock {
    /// Place of its key.
    pub span: Span,
    /// Time between two runs.
    pub every: i64,
    /// How far a run looks back.
    pub lookback: Option<Spanned<i64>>,
    /// How late events may arrive.
    pub delay: Option<i64>,
}
