//! Metadata, selections and a formula go in, the three parts of a rule's document come out: what stands above `logsource`,
//! the rule itself, and what follows it. The envelope `rule.j2` puts them together.

use super::condition;
use super::selection::Writer;
use crate::detection::{Detection, Formula, Item, Metadata, Modifier, SelectionBody};
use crate::diagnostic::{Diagnostic, E0401};
use crate::logsource::LogSource;
use crate::source::Span;
use crate::yaml::Value;
use crate::yaml_text::{Entry, Node, write};
use serde::Serialize;
use std::sync::Arc;

/// The finished texts of a document, for the envelope.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Document {
    /// `title` to `tags`.
    pub head: String,
    /// `logsource` and `detection`, or `correlation`.
    pub body: String,
    /// `fields` to custom attributes; may be empty.
    pub tail: String,
}

/// A named part of `detection`.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// The name as the author wrote it, or ours.
    pub name: String,
    /// A comment line above it.
    pub comment: Option<String>,
    /// What it tests.
    pub body: SelectionBody,
}

/// What stands under `detection`: parts, and a formula over their indexes.
#[derive(Debug, Clone)]
pub(super) struct Body {
    /// The parts in order.
    pub parts: Vec<Part>,
    /// The condition.
    pub formula: Formula,
}

impl Body {
    /// The selections and the condition of a detection with the exclusions of the site.
    pub fn of(detection: &Detection, comments: bool) -> Body {
        let part =
            |selection: &crate::detection::Selection| Part { name: selection.name.clone(), comment: None, body: selection.body.clone() };
        // alerts of another correlation are rules of their own
        let formula = detection.event_formula().unwrap_or(Formula::Everything);
        let mut body = Body { parts: detection.selections.iter().map(part).collect(), formula };
        for (number, exclusion) in detection.exclusions.iter().enumerate() {
            let name = format!("site_exclusion_{}", number + 1);
            let comment = comments.then(|| format!("Excluded at this site: {}", exclusion.reason));
            let index = body.add(name, comment, exclusion.body.clone());
            body.require(Formula::Not(Box::new(Formula::Selection(index))));
        }
        body
    }

    /// Adds a part under a name that no other has; its index.
    pub fn add(&mut self, name: String, comment: Option<String>, body: SelectionBody) -> usize {
        let free = |name: &String| self.parts.iter().all(|part| part.name != *name);
        let mut names = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}_{number}")));
        let name = names.find(free).unwrap_or(name);
        self.parts.push(Part { name, comment, body });
        self.parts.len() - 1
    }

    /// Requires something more; `(a or b) and a` is `a`, and so is `a and a`.
    pub fn require(&mut self, formula: Formula) {
        let before = std::mem::replace(&mut self.formula, Formula::Everything);
        self.formula = match &before {
            same if *same == formula => formula,
            Formula::Or(parts) if parts.contains(&formula) => formula,
            Formula::Everything
            | Formula::Selection(_)
            | Formula::Not(_)
            | Formula::And(_)
            | Formula::Or(_)
            | Formula::Quantified { .. } => condition::all([before, formula]),
        };
    }

    /// Without the parts that the formula does not use.
    pub fn pruned(self) -> Body {
        let used = self.formula.selections();
        let formula = self.formula.over(&|index| used.iter().position(|other| *other == index).unwrap_or(0));
        let parts = self.parts.into_iter().enumerate().filter(|(index, _)| used.contains(index)).map(|(_, part)| part).collect();
        Body { parts, formula }
    }

    /// A rule that matches every event still needs a selection: one that each event passes or does not pass.
    fn made_total(mut self, log_source: &LogSource) -> Body {
        if self.formula == Formula::Everything {
            let time = Item {
                field: Some(Arc::clone(&log_source.time)),
                written: log_source.time.name.clone(),
                modifiers: Vec::new(),
                values: vec![Value::Null],
                listed: false,
                span: Span::default(),
            };
            let index = self.add("event".into(), None, SelectionBody::Items(vec![time]));
            let event = Formula::Selection(index);
            self.formula = Formula::Or(vec![event.clone(), Formula::Not(Box::new(event))]);
        }
        self
    }

    /// `logsource` and `detection`.
    pub fn write(self, detection: &Detection) -> Result<String, Vec<Diagnostic>> {
        let body = self.made_total(&detection.log_source);
        let mut writer = Writer::new(&detection.log_source);
        let written: Vec<&str> = body.parts.iter().map(|part| part.name.as_str()).collect();
        let names = condition::portable_names(&written);
        let resolved = condition::resolve(&body.formula, &names);
        let mut entries: Vec<Entry> = Vec::new();
        for (part, name) in body.parts.iter().zip(&names) {
            entries.push(Entry { comment: part.comment.clone(), key: name.clone(), node: writer.body(&part.body) });
        }
        let mut refused = writer.refused;
        let Some(formula) = resolved else {
            refused.push(too_many(&body.formula, detection));
            return Err(refused);
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        entries.push(Entry::new("condition", Node::Prose(condition::text(&formula, &names, condition::Parentheses::Usual))));
        let whole = [Entry::new("logsource", log_source(&detection.log_source)), Entry::new("detection", Node::Map(entries))];
        if refused.is_empty() { Ok(write(&whole)) } else { Err(refused) }
    }
}

fn too_many(formula: &Formula, detection: &Detection) -> Diagnostic {
    let written = condition::formula_text(formula, &detection.selections);
    let span = detection.selections.first().map_or(detection.metadata.title.span, |selection| selection.span);
    Diagnostic::error(E0401, span, format!("Sigma cannot express `{written}`: it has only `1 of` and `all of`"))
        .help("name the combinations of selections that matter, or skip the target: `targets: { sigma: { skip: <reason> } }`")
}

fn log_source(source: &LogSource) -> Node {
    let parts = [("category", &source.id.category), ("product", &source.id.product), ("service", &source.id.service)];
    let definition = [("definition", &source.definition)];
    let entry = |(key, value): (&str, &Option<String>)| Some(Entry::new(key, Node::Text(value.clone()?)));
    Node::Map(parts.into_iter().chain(definition).filter_map(entry).collect())
}

/// The entries from `title` to `tags`.
pub(super) fn head(metadata: &Metadata) -> Vec<Entry> {
    let mut entries = vec![Entry::new("title", Node::Text(metadata.title.value.clone()))];
    text(&mut entries, "id", &metadata.id);
    text(&mut entries, "name", &metadata.name);
    let related = metadata
        .related
        .iter()
        .map(|(id, kind)| Node::Map(vec![Entry::new("id", Node::Text(id.clone())), Entry::new("type", Node::Text(kind.clone()))]));
    list(&mut entries, "related", related.collect());
    text(&mut entries, "taxonomy", &metadata.taxonomy);
    text(&mut entries, "status", &metadata.status);
    entries.extend(metadata.description.iter().map(|text| Entry::new("description", Node::Prose(text.clone()))));
    text(&mut entries, "license", &metadata.license);
    texts(&mut entries, "references", metadata.references.iter().map(String::as_str));
    text(&mut entries, "author", &metadata.author);
    date(&mut entries, "date", &metadata.date);
    date(&mut entries, "modified", &metadata.modified);
    texts(&mut entries, "tags", metadata.tags.iter().map(|tag| tag.value.as_str()));
    entries
}

/// The entries from `fields` to the custom attributes.
pub(super) fn tail(metadata: &Metadata, fields: Vec<Node>) -> Vec<Entry> {
    let mut entries = Vec::new();
    list(&mut entries, "fields", fields);
    texts(&mut entries, "falsepositives", metadata.falsepositives.iter().map(String::as_str));
    text(&mut entries, "level", &metadata.level);
    texts(&mut entries, "scope", metadata.scope.iter().map(String::as_str));
    entries.extend(metadata.custom.iter().map(|(key, value)| Entry::new(key, Node::of(value))));
    entries
}

fn text(entries: &mut Vec<Entry>, key: &str, value: &Option<String>) {
    entries.extend(value.iter().map(|value| Entry::new(key, Node::Text(value.clone()))));
}

/// Dates stand without quotes, as Sigma's readers expect them.
fn date(entries: &mut Vec<Entry>, key: &str, value: &Option<String>) {
    let is_date = |text: &str| text.parse::<jiff::civil::Date>().is_ok_and(|date| date.to_string() == text);
    let node = |text: &String| if is_date(text) { Node::Scalar(text.clone()) } else { Node::Text(text.clone()) };
    entries.extend(value.iter().map(|value| Entry::new(key, node(value))));
}

fn texts<'a>(entries: &mut Vec<Entry>, key: &str, values: impl Iterator<Item = &'a str>) {
    let Node::List(items) = Node::texts(values) else { return };
    list(entries, key, items);
}

fn list(entries: &mut Vec<Entry>, key: &str, items: Vec<Node>) {
    if !items.is_empty() {
        entries.push(Entry::new(key, Node::List(items)));
    }
}

/// A plain rule.
pub(super) fn plain(detection: &Detection, comments: bool) -> Result<Document, Vec<Diagnostic>> {
    let mut writer = Writer::new(&detection.log_source);
    let fields: Vec<Node> = detection.columns.iter().map(|column| Node::Text(writer.field(&column.field, column.span))).collect();
    let body = Body::of(detection, comments).write(detection);
    match (body, writer.refused) {
        (Ok(body), refused) if refused.is_empty() => {
            Ok(Document { head: write(&head(&detection.metadata)), body, tail: write(&tail(&detection.metadata, fields)) })
        }
        (body, mut refused) => {
            refused.extend(body.err().unwrap_or_default());
            Err(refused)
        }
    }
}

/// A selection of one test of one field.
pub(super) fn test(field: &Arc<crate::logsource::Field>, modifiers: Vec<Modifier>, value: Value, span: Span) -> SelectionBody {
    let item = Item { field: Some(Arc::clone(field)), written: field.name.clone(), modifiers, values: vec![value], listed: false, span };
    SelectionBody::Items(vec![item])
}
