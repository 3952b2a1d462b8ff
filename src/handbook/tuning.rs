//! What else may cause an alert, and what a site may change: values, and the lines of a site file that change them.

use super::markdown::{code, fence, first_of, points, prose, shortened, table};
use super::words::value;
use crate::detection::Detection;
use crate::logsource::FieldType;
use crate::yaml::Value;
use crate::yaml_text::{Entry, Node, write};

/// How many values of a list are shown.
const SHOWN: usize = 20;
/// How much of a value is shown.
const VALUE_LENGTH: usize = 80;

/// The part of a page about false positives and tuning.
pub fn part(detection: &Detection) -> String {
    let mut parts = vec![points(detection.metadata.falsepositives.iter().map(|text| prose(text)))];
    let parameters = detection.parameters.iter().map(|(name, number)| vec![code(name), "parameter".to_owned(), number.text.clone()]);
    let lists = detection.lists.iter().map(|(name, values)| vec![code(name), format!("list of {}", values.len()), listed(values)]);
    let rows: Vec<Vec<String>> = parameters.chain(lists).collect();
    if !rows.is_empty() {
        parts.push(table(&["name", "what it is", "value"], &rows));
    }
    let left_out = detection.exclusions.iter().map(|exclusion| format!("Left out at this site: {}", prose(&exclusion.reason)));
    parts.push(points(left_out));
    let example = |lines| format!("A site file (`--site`) changes this without a change of the spec, for example:\n\n{lines}");
    parts.extend(site(detection).map(example));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

fn listed(values: &[Value]) -> String {
    let values: Vec<String> = values.iter().map(|item| code(&shortened(&value(item), VALUE_LENGTH))).collect();
    first_of(&values, SHOWN)
}

/// Lines of a site file about the spec, if there is something to change.
fn site(detection: &Detection) -> Option<String> {
    let metadata = &detection.metadata;
    let name = metadata.id.as_ref().unwrap_or(&metadata.title.value);
    let mut settings = Vec::new();
    if !detection.parameters.is_empty() {
        let parameters = detection.parameters.iter().map(|(name, number)| Entry::new(name, Node::number(number)));
        settings.push(Entry::new("parameters", Node::Map(parameters.collect())));
    }
    let lists: Vec<Entry> = detection.lists.iter().map(changed).collect();
    if !lists.is_empty() {
        settings.push(Entry::new("lists", Node::Map(lists)));
    }
    settings.extend(exclusion(detection));
    let has_settings = !settings.is_empty();
    let comment = Some(metadata.title.value.clone());
    let spec = Entry { comment, key: name.clone(), node: Node::Map(settings) };
    has_settings.then(|| fence("yaml", &write(&[Entry::new("specs", Node::Map(vec![spec]))])))
}

/// A list with one value more and, where that leaves others, without its first.
fn changed((name, values): &(String, Vec<Value>)) -> Entry {
    let list = |value: Node| Node::List(vec![value]);
    let mut changes = vec![Entry::new("add", list(Node::Value("one more value".to_owned())))];
    if let ([first, ..], true) = (values.as_slice(), values.len() > 1) {
        let first = if let Value::Text(text) = first { Node::Value(text.clone()) } else { Node::of(first) };
        changes.push(Entry::new("remove", list(first)));
    }
    Entry::new(name, Node::Map(changes))
}

/// Events that are left out, by a text that the detection reads anyway: of a group key, else of a column or an item.
fn exclusion(detection: &Detection) -> Option<Entry> {
    let keys = detection.aggregate.iter().flat_map(|aggregate| &aggregate.group_by).map(|key| &key.field);
    let columns = detection.columns.iter().map(|column| &column.field);
    let items = detection.selections.iter().flat_map(|selection| selection.body.items()).filter_map(|item| item.field.as_ref());
    let field = keys.chain(columns).chain(items).find(|field| matches!(field.kind, FieldType::Text | FieldType::Any))?;
    let events = Node::Map(vec![Entry::new(&field.name, Node::Value("a value that is known and harmless".to_owned()))]);
    let exclusion = vec![Entry::new("reason", Node::Text("why these events are left out".to_owned())), Entry::new("events", events)];
    Some(Entry::new("exclude", Node::List(vec![Node::Map(exclusion)])))
}
