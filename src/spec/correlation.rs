//! The `correlation` block of a Sigma correlation rule.

use super::{AliasBlock, CorrelationBlock, CorrelationCondition, CorrelationKind};
use crate::condition;
use crate::diagnostic::{Diagnostic, E0103, E0110};
use crate::expression::Relational;
use crate::expression::parse::duration;
use crate::reader::Reader;
use crate::source::{Span, Spanned};
use crate::yaml::{Entry, Kind, Node};

const KEYS: &[&str] = &["type", "rules", "group-by", "timespan", "condition", "aliases", "generate"];

const KINDS: [(&str, CorrelationKind); 8] = [
    ("event_count", CorrelationKind::EventCount),
    ("value_count", CorrelationKind::ValueCount),
    ("value_sum", CorrelationKind::ValueSum),
    ("value_avg", CorrelationKind::ValueAverage),
    ("value_percentile", CorrelationKind::ValuePercentile),
    ("value_median", CorrelationKind::ValueMedian),
    ("temporal", CorrelationKind::Temporal),
    ("temporal_ordered", CorrelationKind::TemporalOrdered),
];

const OPERATORS: [(&str, Relational); 6] = [
    ("gt", Relational::Greater),
    ("gte", Relational::GreaterOrEqual),
    ("lt", Relational::Less),
    ("lte", Relational::LessOrEqual),
    ("eq", Relational::Equal),
    ("neq", Relational::NotEqual),
];

impl CorrelationKind {
    /// As Sigma writes it.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// Whether it asks which of its rules are seen, not how much.
    pub fn is_temporal(self) -> bool {
        matches!(self, CorrelationKind::Temporal | CorrelationKind::TemporalOrdered)
    }
}

/// Reads the `correlation` block.
pub(super) fn read(reader: &mut Reader<'_, '_>, entry: &Entry<'_>) -> Option<CorrelationBlock> {
    let entries = reader.map(&entry.value, "correlation", KEYS)?;
    let find = |key: &str| entries.iter().find(|entry| entry.key.value == key).map(|entry| &entry.value);
    for key in ["type", "rules", "timespan"] {
        if find(key).is_none() {
            reader.missing::<()>(entry.key.span, "correlation", key);
        }
    }
    let kind = find("type").and_then(|node| kind(reader, node));
    let rules = find("rules").and_then(|node| rules(reader, node));
    let timespan = find("timespan").and_then(|node| timespan(reader, node));
    let group_by = find("group-by").map(|node| reader.text_or_texts(node, "group-by")).unwrap_or_default();
    let aliases = find("aliases").map(|node| aliases(reader, node)).unwrap_or_default();
    let generate = find("generate").is_some_and(|node| reader.boolean(node, "generate") == Some(true));
    let condition = match (kind?, find("condition")) {
        (kind, Some(node)) => Some(condition(reader, kind, node)?),
        (kind, None) if kind.is_temporal() => None,
        (_, None) => return reader.missing(entry.key.span, "correlation", "condition"),
    };
    Some(CorrelationBlock { span: entry.key.span, kind: kind?, rules: rules?, group_by, timespan: timespan?, condition, aliases, generate })
}

fn kind(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<CorrelationKind> {
    let name = reader.word(node, "type", &KINDS.map(|(name, _)| name))?;
    KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

fn rules(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Vec<Spanned<String>>> {
    let rules = reader.text_or_texts(node, "rules");
    match &node.kind {
        Kind::List(items) if items.is_empty() => reader.empty(node.span, "rules"),
        Kind::List(_) | Kind::Scalar { .. } | Kind::Map(_) => Some(rules).filter(|rules| !rules.is_empty()),
    }
}

/// Sigma's lengths of time, and pySigma's weeks.
fn timespan(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<i64> {
    let text = reader.text(node, "timespan")?;
    let weeks = text.value.strip_suffix('w').and_then(|weeks| duration(&format!("{weeks}d"))).and_then(|days| days.checked_mul(7));
    match duration(&text.value).or(weeks) {
        Some(length) if length > 0 => Some(length),
        Some(_) | None => reader.bad_duration(&text.value, text.span),
    }
}

/// `alias: { rule: field }`
fn aliases(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Vec<AliasBlock> {
    let mut aliases = Vec::new();
    for entry in reader.entries(node, "aliases").unwrap_or_default() {
        let mut fields = Vec::new();
        for field in reader.entries(&entry.value, &entry.key.value).unwrap_or_default() {
            let rule = Spanned::new(field.key.value.to_string(), field.key.span);
            fields.extend(reader.text(&field.value, &field.key.value).map(|field| (rule, field)));
        }
        aliases.push(AliasBlock { name: Spanned::new(entry.key.value.to_string(), entry.key.span), fields });
    }
    aliases
}

fn condition(reader: &mut Reader<'_, '_>, kind: CorrelationKind, node: &Node<'_>) -> Option<CorrelationCondition> {
    if let (true, Some(text)) = (kind.is_temporal(), node.text().filter(|_| !node.is_null())) {
        let parsed = condition::parse(&reader.scalar(node.span, text));
        return parsed.map_err(|problem| reader.diagnostics.push(problem)).ok().map(CorrelationCondition::Rules);
    }
    let known = ["gt", "gte", "lt", "lte", "eq", "neq", "field", "percentile"];
    let (mut limit, mut field, mut percentile): (Option<(Relational, f64, Span)>, _, _) = (None, None, None);
    for part in reader.map(node, "condition", &known)? {
        match &*part.key.value {
            "field" => field = Some(the_field(reader, &part.value)?),
            "percentile" => percentile = Some(Spanned::new(reader.number(&part.value, "percentile")?.value, part.value.span)),
            operator => {
                let (_, relational) = OPERATORS.iter().find(|(name, _)| *name == operator)?;
                let number = reader.number(&part.value, operator)?.value;
                if let Some((_, _, first)) = limit {
                    let error = Diagnostic::error(E0110, part.key.span, "a condition of a correlation has one operator");
                    let help = "write a correlation for each limit, or an `aggregate` block";
                    return reader.fail(error.label(first, "the other one").help(help));
                }
                limit = Some((*relational, number, part.key.span.to(part.value.span)));
            }
        }
    }
    let Some((relational, number, span)) = limit else {
        let error = Diagnostic::error(E0103, node.span, "`condition` has no `gt`, `gte`, `lt`, `lte`, `eq` or `neq`");
        return reader.fail(error.help("add a limit, such as `gte: 10`"));
    };
    Some(CorrelationCondition::Limit { relational, number, span, field, percentile })
}

/// One field; a list of one is the same.
fn the_field(reader: &mut Reader<'_, '_>, node: &Node<'_>) -> Option<Spanned<String>> {
    let mut fields = reader.text_or_texts(node, "field");
    if fields.len() > 1 {
        let error = Diagnostic::error(E0110, node.span, "combinations of several fields are not counted yet");
        return reader.fail(error.help("count one field, or group by the others"));
    }
    fields.pop()
}
