//! Measures, expressions, windows, places and values of a detection in words: each as Markdown of one line.

use super::markdown::{code, first_of};
use crate::detection::{Detection, Measure, MeasureFunction};
use crate::evaluate::event::float_text;
use crate::expression::text::{expression_text, leaf_text};
use crate::expression::{Expression, ExpressionKind};
use crate::logsource::{Binding, FieldType, Place, Platform};
use crate::source::Source;
use crate::target::Target;
use crate::yaml::Value;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// How many values of a value map are shown.
const SHOWN_VALUES: usize = 6;

/// A detection whose expressions are shown with the names that the author gave to columns, selections and parameters.
pub struct Words<'a> {
    source: &'a Source,
    detection: &'a Detection,
}

impl<'a> Words<'a> {
    /// The words of a detection from its source.
    pub fn new(source: &'a Source, detection: &'a Detection) -> Words<'a> {
        Words { source, detection }
    }

    /// An expression as code.
    pub fn expression(&self, expression: &Expression) -> String {
        let leaf = |leaf: &Expression| self.parameter(leaf).map_or_else(|| leaf_text(leaf, self.detection), str::to_owned);
        code(&expression_text(expression, &leaf))
    }

    /// The parameters that an expression uses, with their values.
    pub fn parameters(&self, expression: &Expression) -> Vec<String> {
        let mut used = BTreeSet::new();
        expression.visit(&mut |part| {
            used.extend(self.parameter(part));
        });
        let of = self.detection.parameters.iter().filter(|(name, _)| used.contains(name.as_str()));
        of.map(|(name, value)| format!("{} is {}", code(name), value.text)).collect()
    }

    /// What a measure counts or computes.
    pub fn measure(&self, measure: &Measure) -> String {
        let of = |expression: &Expression| self.expression(expression);
        let what = match &measure.function {
            MeasureFunction::Count => "number of events".to_owned(),
            MeasureFunction::Distinct(x) => format!("number of different values of {}", of(x)),
            MeasureFunction::Sum(x) => format!("sum of {}", of(x)),
            MeasureFunction::Average(x) => format!("average of {}", of(x)),
            MeasureFunction::Minimum(x) => format!("smallest value of {}", of(x)),
            MeasureFunction::Maximum(x) => format!("largest value of {}", of(x)),
            MeasureFunction::Values(x) => format!("list of the different values of {}", of(x)),
            MeasureFunction::Percentile(x, rank) => format!("value of {} that {} % of the values do not exceed", of(x), float_text(*rank)),
            MeasureFunction::Ordered(steps) => {
                let steps: Vec<String> = steps.iter().map(of).collect();
                format!("how many of {}, from the first on, are seen one after the other", steps.join(", "))
            }
        };
        match (&measure.filter, &measure.function) {
            (None, _) => what,
            (Some(filter), MeasureFunction::Count) => format!("{what} that match {}", of(filter)),
            (
                Some(filter),
                MeasureFunction::Distinct(_)
                | MeasureFunction::Sum(_)
                | MeasureFunction::Average(_)
                | MeasureFunction::Minimum(_)
                | MeasureFunction::Maximum(_)
                | MeasureFunction::Values(_)
                | MeasureFunction::Percentile(..)
                | MeasureFunction::Ordered(_),
            ) => format!("{what}, of events that match {}", of(filter)),
        }
    }

    /// The parameter that stands where a number is.
    fn parameter(&self, leaf: &Expression) -> Option<&str> {
        let ExpressionKind::Number(number) = leaf.kind else { return None };
        let written = self.source.text.get(leaf.span.range())?.trim();
        let parameter = self.detection.parameters.iter().find(|(name, value)| name == written && value.value == number);
        parameter.map(|(name, _)| name.as_str())
    }
}

/// Where a field stands on a platform.
pub fn binding(binding: &Binding) -> String {
    let place = place(&binding.place);
    if binding.values.is_empty() {
        return place;
    }
    let values: Vec<String> = binding.values.iter().map(|(ours, theirs)| format!("{} as {}", code(ours), code(theirs))).collect();
    format!("{place} ({})", first_of(&values, SHOWN_VALUES))
}

fn place(place: &Place) -> String {
    match place {
        Place::Column { name, .. } => code(name),
        Place::Json { column, path, .. } => code(&format!("{column}.{}", path.join("."))),
        Place::Element { column, key, equals, value, .. } => code(&format!("{column}[{key}={equals}].{value}")),
        Place::Xml { column, name } => format!("{}, element {}", code(column), code(name)),
        Place::Joined { columns, by, .. } => format!("{}, joined by {}", codes(columns), code(by)),
        Place::Chosen { on, cases, otherwise, .. } => {
            let cases: Vec<String> =
                cases.iter().map(|(value, column)| format!("{} if {} is {}", code(column), code(on), code(value))).collect();
            format!("{}, else {}", cases.join(", "), code(otherwise))
        }
        Place::RegistryData { kind, data } => format!("{} with its type in {}", code(data), code(kind)),
        Place::Hashes(columns) => codes(columns.iter().map(|(_, column)| column)),
    }
}

/// Names as code, in a row.
pub fn codes<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| code(name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// The type of a field's values.
pub fn field_type(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Text => "text",
        FieldType::Integer => "whole number",
        FieldType::Number => "number",
        FieldType::Boolean => "true or false",
        FieldType::Ip => "IP address",
        FieldType::Timestamp => "time",
        FieldType::Any => "any",
    }
}

/// A platform, as people call it.
pub fn platform(platform: Platform) -> &'static str {
    match platform {
        Platform::Product => "The product",
        Platform::Aql => "QRadar",
        Platform::Spl => "Splunk",
        Platform::Kql => "Microsoft Sentinel and Defender",
    }
}

/// What a fence with a target's query is marked with.
pub fn language(target: Target) -> &'static str {
    match target {
        Target::Aql => "sql",
        Target::Spl => "spl",
        Target::Kql => "kusto",
        Target::Sigma => "yaml",
    }
}

/// A value of a list or an item as text.
pub fn value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Number(number) => number.text.clone(),
        Value::Text(text) => text.clone(),
        Value::List(_) | Value::Map(_) => value.to_json().to_string(),
    }
}

/// A value of an event or an alert as text; `None` if there is none.
pub fn json(value: &Json) -> Option<String> {
    match value {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => Some(value.to_string()),
    }
}

/// A length of time, with every unit that it needs: `1m 16s`.
pub fn length(milliseconds: i64) -> String {
    let mut left = milliseconds;
    let mut parts = Vec::new();
    for (length, unit) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")] {
        if left >= length {
            parts.push(format!("{}{unit}", left / length));
            left %= length;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(length(0), "0s");
        assert_eq!(length(76_000), "1m 16s");
        assert_eq!(length(90_000_500), "1d 1h 500ms");
    }
}
