//! A detection with an aggregate goes in; base rules and correlation rules come out, in one collection.
//!
//! A base rule says which events a measure counts. There is one for each different set of events, with the level
//! `informational`, and the correlations name it by its id. The metadata of the spec stands in the correlation; a
//! condition with `or` becomes a correlation for each of its terms.
//!
//! Ids are stable: a single correlation has the id of the spec; every other rule has the UUID version 5 of the namespace
//! "id of the spec" and the name `base:<measure>` or `correlation:<measures>` (without an id: namespace URL, the name
//! preceded by `cognate:<title>:`).

use super::filter;
use super::rule::{Body, Document, head, tail, test};
use super::selection::Writer;
use super::threshold::{Threshold, terms};
use crate::detection::{Aggregate, Detection, Formula, Measure, MeasureFunction, Metadata, Window};
use crate::diagnostic::{Diagnostic, E0401};
use crate::expression::{Expression, ExpressionKind};
use crate::letter_case::identifier;
use crate::logsource::{Field, FieldType};
use crate::source::Span;
use crate::yaml::Value;
use crate::yaml_text::{Entry, Node, write};
use std::sync::Arc;
use uuid::Uuid;

/// The longest title that the specification allows.
const MAX_TITLE: usize = 256;

/// The collection of a detection's aggregate.
pub(super) fn collection(detection: &Detection, aggregate: &Aggregate, comments: bool) -> Result<Vec<Document>, Vec<Diagnostic>> {
    let mut builder = Builder { detection, aggregate, comments, bases: Vec::new(), refused: Vec::new() };
    let correlations = builder.correlations();
    if !builder.refused.is_empty() {
        return Err(builder.refused);
    }
    let documents = |base: &Base| match &base.counted {
        Counted::Events(text) => vec![builder.base_document(base, text)],
        Counted::Alerts(documents) => documents.clone(),
    };
    Ok(builder.bases.iter().flat_map(documents).chain(correlations).collect())
}

/// A rule for what a measure counts.
struct Base {
    /// Which measure it was made for.
    measure: String,
    id: String,
    /// The selection whose alerts it stands for.
    alert_of: Option<usize>,
    counted: Counted,
}

#[derive(PartialEq)]
enum Counted {
    /// Events: `logsource` and `detection`.
    Events(String),
    /// The alerts of another correlation: its documents.
    Alerts(Vec<Document>),
}

/// What a correlation computes.
enum Kind {
    /// `event_count`
    Events,
    /// `value_count`, `value_sum`, `value_avg` of a field.
    Values(&'static str, String),
    /// `temporal`, `temporal_ordered`
    Temporal(&'static str),
}

struct Builder<'a> {
    detection: &'a Detection,
    aggregate: &'a Aggregate,
    comments: bool,
    bases: Vec<Base>,
    refused: Vec<Diagnostic>,
}

impl<'a> Builder<'a> {
    fn refuse(&mut self, span: Span, what: &str, help: &str) {
        self.refused.push(Diagnostic::error(E0401, span, format!("Sigma cannot express {what}")).help(help));
    }

    fn correlations(&mut self) -> Vec<Document> {
        let terms = terms(self.aggregate).unwrap_or_else(|refused| {
            self.refused.extend(refused);
            Vec::new()
        });
        let keys = self.group_by();
        let aliases = self.aliases(&keys);
        let timespan = self.timespan();
        let mut documents = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for term in &terms {
            let Some((kind, bases, value)) = self.term(term) else { continue };
            let name = unique(self.term_name(term), &names);
            names.push(name.clone());
            let rules = Node::texts(bases.iter().map(|index| self.bases[*index].id.as_str()));
            let mut entries = vec![Entry::new("type", Node::Text(kind.name().into())), Entry::new("rules", rules)];
            if !keys.is_empty() {
                entries.push(Entry::new("group-by", Node::texts(keys.iter().map(String::as_str))));
            }
            entries.push(Entry::new("timespan", Node::Text(timespan.clone())));
            entries.push(Entry::new("condition", Node::Map(kind.condition(value))));
            if !aliases.is_empty() {
                entries.push(Entry::new("aliases", Node::Map(aliases.clone())));
            }
            let metadata = self.correlation_metadata(&name, terms.len() == 1);
            let body = write(&[Entry::new("correlation", Node::Map(entries))]);
            documents.push(Document { head: write(&head(&metadata)), body, tail: write(&tail(&metadata, Vec::new())) });
        }
        documents
    }

    /// The kind of correlation of a term, its base rules, and what `gt` or `gte` compares with.
    fn term(&mut self, term: &[Threshold]) -> Option<(Kind, Vec<usize>, Limit)> {
        if let Window::Sliding { at: Some(at), .. } = self.aggregate.window {
            return self.term_at(term, at);
        }
        match term {
            [threshold] => self.single(threshold),
            several => self.together(several),
        }
    }

    fn single(&mut self, threshold: &Threshold) -> Option<(Kind, Vec<usize>, Limit)> {
        let Some(measure) = self.measure(threshold) else {
            return Some((Kind::Events, self.everything("events")?, Limit::of(threshold)));
        };
        if let MeasureFunction::Ordered(steps) = &measure.function {
            return self.in_order(threshold, measure, steps);
        }
        if let (MeasureFunction::Count, None) = (&measure.function, &measure.filter) {
            return Some((Kind::Events, self.everything(&measure.name)?, Limit::of(threshold)));
        }
        let kind = self.kind(measure)?;
        if let (Some(_), Kind::Values(_, name)) = (self.detection.chained().next(), &kind) {
            self.values_of_alerts(name)?;
            return Some((kind, self.everything(&measure.name)?, Limit::of(threshold)));
        }
        let guard = match &measure.function {
            MeasureFunction::Distinct(argument) => plain_field(argument).filter(|field| field.optional),
            MeasureFunction::Count
            | MeasureFunction::Sum(_)
            | MeasureFunction::Average(_)
            | MeasureFunction::Minimum(_)
            | MeasureFunction::Maximum(_)
            | MeasureFunction::Values(_)
            | MeasureFunction::Percentile(..)
            | MeasureFunction::Ordered(_) => None,
        };
        let base = self.base(&measure.name, measure.filter.as_ref(), guard.as_ref())?;
        Some((kind, vec![base], Limit::of(threshold)))
    }

    /// All steps of `ordered`, one after the other.
    fn in_order(&mut self, threshold: &Threshold, measure: &'a Measure, steps: &[Expression]) -> Option<(Kind, Vec<usize>, Limit)> {
        if threshold.least() != steps.len() as u64 || measure.filter.is_some() {
            let what = format!("`{}` with a filter, or of some of its steps only", measure.name);
            self.refuse(threshold.span, &what, "require all steps, without `where`");
            return None;
        }
        let mut bases = Vec::with_capacity(steps.len());
        for (number, step) in (1..).zip(steps) {
            let selection = if let ExpressionKind::Selection(index) = step.kind { self.detection.selections.get(index) } else { None };
            let name = selection.map_or_else(|| format!("{}_{number}", measure.name), |selection| selection.name.clone());
            let base = self.base(&name, Some(step), None)?;
            if bases.contains(&base) {
                self.refuse(step.span, "a step that comes twice", "leave one out");
                return None;
            }
            bases.push(base);
        }
        Some(self.all_seen("temporal_ordered", bases))
    }

    /// Several thresholds at once: only "at least one event of each" has a form.
    fn together(&mut self, term: &[Threshold]) -> Option<(Kind, Vec<usize>, Limit)> {
        let mut bases = Vec::new();
        for threshold in term {
            let measure = self.measure(threshold)?;
            if threshold.least() != 1 || !matches!(measure.function, MeasureFunction::Count) {
                let what =
                    format!("`and` with the threshold on `{}`: only `count(…) > 0` of several selections can be joined", measure.name);
                self.refuse(threshold.span, &what, "split the detection, or skip the target: `targets: { sigma: { skip: <reason> } }`");
                return None;
            }
            let base = self.base(&measure.name, measure.filter.as_ref(), None)?;
            if !bases.contains(&base) {
                bases.push(base);
            }
        }
        Some(self.all_seen("temporal", bases))
    }

    fn all_seen(&self, kind: &'static str, bases: Vec<usize>) -> (Kind, Vec<usize>, Limit) {
        match bases.len() {
            1 => (Kind::Events, bases, Limit { or_equal: true, value: 1 }),
            number => (Kind::Temporal(kind), bases, Limit { or_equal: true, value: number as u64 }),
        }
    }

    /// A window that is judged only at the events of a selection.
    fn term_at(&mut self, term: &[Threshold], at: usize) -> Option<(Kind, Vec<usize>, Limit)> {
        let [threshold] = term else {
            self.refuse_at(self.aggregate.condition.span);
            return None;
        };
        let place = Expression { kind: ExpressionKind::Selection(at), value_type: crate::expression::Type::Boolean, span: threshold.span };
        let name = self.detection.selections.get(at).map_or("at", |selection| selection.name.as_str());
        let Some(measure) = self.measure(threshold) else {
            let base = self.base(name, Some(&place), None)?;
            return Some((Kind::Events, vec![base], Limit { or_equal: true, value: 1 }));
        };
        let counted = matches!(measure.function, MeasureFunction::Count);
        let filter = measure.filter.as_ref();
        let same = filter.is_some_and(|filter| matches!(filter.kind, ExpressionKind::Selection(index) if index == at));
        if counted && (same || (threshold.least() == 1 && filter.is_none())) {
            let base = self.base(if same { &measure.name } else { name }, Some(&place), None)?;
            let limit = if same { Limit::of(threshold) } else { Limit { or_equal: true, value: 1 } };
            return Some((Kind::Events, vec![base], limit));
        }
        if !counted || threshold.least() != 1 {
            self.refuse_at(threshold.span);
            return None;
        }
        let first = self.base(&measure.name, filter, None)?;
        let then = self.base(name, Some(&place), None)?;
        Some(self.all_seen("temporal_ordered", if first == then { vec![first] } else { vec![first, then] }))
    }

    fn refuse_at(&mut self, span: Span) {
        let what = "a window that is judged only at some events, beyond `count(…) > 0` before one of them";
        self.refuse(span, what, "leave out `at`, or skip the target: `targets: { sigma: { skip: <reason> } }`");
    }

    fn measure(&self, threshold: &Threshold) -> Option<&'a Measure> {
        self.aggregate.measures.get(threshold.measure?)
    }

    fn kind(&mut self, measure: &'a Measure) -> Option<Kind> {
        let skip = "skip the target: `targets: { sigma: { skip: <reason> } }`";
        match &measure.function {
            MeasureFunction::Count => Some(Kind::Events),
            MeasureFunction::Distinct(argument) => Some(Kind::Values("value_count", self.argument(measure, argument)?)),
            MeasureFunction::Sum(argument) => {
                let field = self.numeric(measure, argument)?;
                Some(Kind::Values("value_sum", field))
            }
            MeasureFunction::Average(argument) => {
                let field = self.numeric(measure, argument)?;
                if let Some(filter) = &measure.filter {
                    let what = format!(
                        "the average `{}` of some events in a window of all: it changes also when events leave the window",
                        measure.name
                    );
                    self.refuse(filter.span, &what, "move the filter to `detection.condition`");
                    return None;
                }
                Some(Kind::Values("value_avg", field))
            }
            MeasureFunction::Percentile(..) => {
                let what = format!("the percentile `{}`: `value_percentile` compares ranks, and engines read it differently", measure.name);
                self.refuse(measure.span, &what, skip);
                None
            }
            MeasureFunction::Minimum(_) | MeasureFunction::Maximum(_) | MeasureFunction::Values(_) | MeasureFunction::Ordered(_) => {
                let what = format!("a threshold on `{}`: there is no correlation for `{}`", measure.name, measure.function.name());
                self.refuse(measure.span, &what, skip);
                None
            }
        }
    }

    fn argument(&mut self, measure: &Measure, argument: &Expression) -> Option<String> {
        let Some(field) = plain_field(argument) else {
            let what = format!("`{}` of a computed value", measure.function.name());
            self.refuse(argument.span, &what, "measure a field");
            return None;
        };
        self.field(&field, argument.span)
    }

    fn numeric(&mut self, measure: &Measure, argument: &Expression) -> Option<String> {
        let numeric = |field: Arc<Field>| matches!(field.kind, FieldType::Integer | FieldType::Number | FieldType::Any);
        if plain_field(argument).is_some_and(|field| !numeric(field)) {
            let what = format!("`{}` of moments or lengths of time", measure.function.name());
            self.refuse(argument.span, &what, "measure a field that holds numbers");
            return None;
        }
        self.argument(measure, argument)
    }

    fn field(&mut self, field: &Field, span: Span) -> Option<String> {
        let mut writer = Writer::new(&self.detection.log_source);
        let name = writer.field(field, span);
        let refused = std::mem::take(&mut writer.refused);
        let known = refused.is_empty();
        self.refused.extend(refused);
        known.then_some(name)
    }

    fn group_by(&mut self) -> Vec<String> {
        let mut keys = Vec::new();
        for key in &self.aggregate.group_by {
            if key.lower {
                let what = format!("the group key `lower({})`", key.field.name);
                self.refuse(key.span, &what, "group by the field itself");
            }
            keys.extend(self.field(&key.field, key.span));
        }
        keys
    }

    fn timespan(&mut self) -> String {
        let Window::Sliding { length, .. } = self.aggregate.window else {
            self.refuse(self.aggregate.span, "a window that does not slide", "use `window: { sliding: 1h }`");
            return String::new();
        };
        let units = [(86_400_000, 'd'), (3_600_000, 'h'), (60_000, 'm'), (1000, 's')];
        let Some((unit, letter)) = units.into_iter().find(|(unit, _)| length > 0 && length % unit == 0) else {
            self.refuse(
                self.aggregate.span,
                "a window that is no whole number of seconds",
                "use a window such as `30s`, `10m`, `1h`, `1d`",
            );
            return String::new();
        };
        format!("{}{letter}", length / unit)
    }

    /// Of rules the values of a field can be measured that is called alike in all of them.
    fn values_of_alerts(&mut self, name: &str) -> Option<()> {
        let detection = self.detection;
        for (index, chained) in detection.chained() {
            let span = detection.selections[index].span;
            if chained.detection.aggregate.is_some() {
                let what = "values of the alerts of another correlation: engines count such alerts, and see no fields in them";
                self.refuse(span, what, "name the rules that it counts");
                return None;
            }
            if chained
                .fields
                .iter()
                .any(|(key, field)| key == name && Writer::new(&chained.detection.log_source).field(field, span) != name)
            {
                self.refuse(span, &format!("`{name}` as a measured field that is another one in each rule"), "group by it instead");
                return None;
            }
        }
        Some(())
    }

    /// `alias: { rule: field }` for each group key that is called otherwise in one of the rules.
    fn aliases(&mut self, keys: &[String]) -> Vec<Entry> {
        let detection = self.detection;
        let mut aliases = Vec::new();
        for key in keys {
            let mut fields = Vec::new();
            for (index, chained) in detection.chained() {
                let selection = &detection.selections[index];
                let Some((_, field)) = chained.fields.iter().find(|(name, _)| name == key) else { continue };
                let written = Writer::new(&chained.detection.log_source).field(field, selection.span);
                if chained.detection.aggregate.is_none() {
                    fields.push((Entry::new(self.base_name(&selection.name), Node::Text(written.clone())), written != *key));
                } else if written != *key {
                    let what = format!("a group key `{key}` that is `{written}` in the alerts of `{}`", selection.name);
                    self.refuse(selection.span, &what, "call it alike in both");
                }
            }
            if fields.iter().any(|(_, other)| *other) {
                aliases.push(Entry::new(key, Node::Map(fields.into_iter().map(|(entry, _)| entry).collect())));
            }
        }
        aliases
    }

    /// The rules for everything that is counted: its events, and the alerts of other correlations.
    fn everything(&mut self, measure: &str) -> Option<Vec<usize>> {
        let chained: Vec<usize> = self.detection.chained().map(|(index, _)| index).collect();
        let mut bases = Vec::new();
        if self.detection.event_formula().is_some() {
            bases.push(self.base(measure, None, None)?);
        }
        for index in chained {
            bases.push(self.alerts(index)?);
        }
        Some(bases)
    }

    /// The correlation or the rule whose alerts are counted. As everything else here it is only a part of this one.
    fn alerts(&mut self, index: usize) -> Option<usize> {
        let selection = &self.detection.selections[index];
        let inner = &selection.body.alerts()?.detection;
        let taken: Vec<String> = self.bases.iter().map(|base| base.measure.clone()).collect();
        let name = unique(selection.name.clone(), &taken);
        let known = self.bases.iter().position(|base| base.alert_of == Some(index));
        if known.is_some() {
            return known;
        }
        let id = stable_id(&self.detection.metadata, &format!("base:{name}"));
        let metadata = self.base_metadata(&id, &name, "Base Correlation");
        let part = Detection { metadata, ..Detection::clone(inner) };
        let Some(aggregate) = &part.aggregate else {
            let text = Body::of(&part, self.comments).pruned().write(&part).map_err(|refused| self.refused.extend(refused)).ok()?;
            self.bases.push(Base { measure: name, id, alert_of: Some(index), counted: Counted::Events(text) });
            return Some(self.bases.len() - 1);
        };
        let mut builder = Builder { detection: &part, aggregate, comments: self.comments, bases: Vec::new(), refused: Vec::new() };
        if builder.correlations().len() > 1 {
            let what = format!("the alerts of `{}`, which becomes several correlations", inner.metadata.title.value);
            self.refuse(selection.span, &what, "require all of its conditions, or none");
            return None;
        }
        let documents = collection(&part, aggregate, self.comments).map_err(|refused| self.refused.extend(refused)).ok()?;
        self.bases.push(Base { measure: name, id, alert_of: Some(index), counted: Counted::Alerts(documents) });
        Some(self.bases.len() - 1)
    }

    /// The base rule for the events of a filter that have a value in a field, or the correlation that the filter names.
    fn base(&mut self, measure: &str, filter: Option<&Expression>, present: Option<&Arc<Field>>) -> Option<usize> {
        if let Some(ExpressionKind::Selection(index)) = filter.map(|filter| &filter.kind)
            && self.detection.selections.get(*index).is_some_and(|selection| selection.body.alerts().is_some())
        {
            return self.alerts(*index);
        }
        let mut body = Body::of(self.detection, self.comments);
        match filter.map(|filter| filter::formula(filter, &mut body)) {
            Some(Ok(formula)) => body.require(formula),
            Some(Err(refused)) => {
                self.refused.push(refused);
                return None;
            }
            None => {}
        }
        if let Some(field) = present {
            let missing = body.add(format!("filter_{}_missing", field.name), None, test(field, Vec::new(), Value::Null, Span::default()));
            body.require(Formula::Not(Box::new(Formula::Selection(missing))));
        }
        let text = body.pruned().write(self.detection).map_err(|refused| self.refused.extend(refused)).ok()?;
        let counted = Counted::Events(text);
        let known = self.bases.iter().position(|base| base.counted == counted && base.alert_of.is_none());
        Some(known.unwrap_or_else(|| {
            let taken: Vec<String> = self.bases.iter().map(|base| base.measure.clone()).collect();
            let measure = unique(measure.to_owned(), &taken);
            let id = stable_id(&self.detection.metadata, &format!("base:{measure}"));
            self.bases.push(Base { measure, id, alert_of: None, counted });
            self.bases.len() - 1
        }))
    }

    fn base_document(&self, base: &Base, text: &str) -> Document {
        let metadata = self.base_metadata(&base.id, &base.measure, "Base Rule");
        Document { head: write(&head(&metadata)), body: text.to_owned(), tail: write(&tail(&metadata, Vec::new())) }
    }

    fn base_name(&self, measure: &str) -> String {
        format!("{}_{}", slug(&self.detection.metadata), identifier(measure))
    }

    fn base_metadata(&self, id: &str, measure: &str, what: &str) -> Metadata {
        let spec = &self.detection.metadata;
        let mut metadata = Metadata {
            id: Some(id.to_owned()),
            name: Some(self.base_name(measure)),
            related: spec.id.iter().map(|id| (id.clone(), "derived".to_owned())).collect(),
            status: spec.status.clone(),
            level: Some("informational".into()),
            description: Some(format!("Events that the correlation \"{}\" counts; not an alert by itself.", spec.title.value)),
            license: spec.license.clone(),
            author: spec.author.clone(),
            date: spec.date.clone(),
            modified: spec.modified.clone(),
            taxonomy: spec.taxonomy.clone(),
            ..Metadata::default()
        };
        metadata.title.value = title(spec, &format!("{} ({what})", words(measure)));
        metadata
    }

    /// A single correlation is the spec itself; of several each has an id and a title of its own.
    fn correlation_metadata(&self, name: &str, single: bool) -> Metadata {
        let mut metadata = self.detection.metadata.clone();
        if single {
            metadata.id = Some(metadata.id.unwrap_or_else(|| stable_id(&self.detection.metadata, "correlation")));
            return metadata;
        }
        metadata.id = Some(stable_id(&self.detection.metadata, &format!("correlation:{name}")));
        metadata.name = metadata.name.map(|spec| format!("{spec}_{}", identifier(name)));
        metadata.related.extend(self.detection.metadata.id.iter().map(|id| (id.clone(), "derived".to_owned())));
        metadata.title.value = title(&self.detection.metadata, &words(name));
        metadata
    }

    /// The measures of a term.
    fn term_name(&self, term: &[Threshold]) -> String {
        let names = term.iter().filter_map(|threshold| self.measure(threshold)).map(|measure| measure.name.as_str());
        let name = names.collect::<Vec<_>>().join("_and_");
        if name.is_empty() { "events".into() } else { name }
    }
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Kind::Events => "event_count",
            Kind::Values(name, _) | Kind::Temporal(name) => name,
        }
    }

    fn condition(&self, limit: Limit) -> Vec<Entry> {
        let field = match self {
            Kind::Values(_, field) => Some(Entry::new("field", Node::Text(field.clone()))),
            Kind::Events | Kind::Temporal(_) => None,
        };
        let operator = if limit.or_equal { "gte" } else { "gt" };
        field.into_iter().chain([Entry::new(operator, Node::Scalar(limit.value.to_string()))]).collect()
    }
}

/// `gt: 5`, `gte: 5`
struct Limit {
    or_equal: bool,
    value: u64,
}

impl Limit {
    fn of(threshold: &Threshold) -> Limit {
        Limit { or_equal: threshold.or_equal, value: threshold.value }
    }
}

/// The field that an argument is, if it is nothing more.
pub(super) fn plain_field(argument: &Expression) -> Option<Arc<Field>> {
    match &argument.kind {
        ExpressionKind::Field(field) => Some(Arc::clone(field)),
        ExpressionKind::Number(_)
        | ExpressionKind::Text(_)
        | ExpressionKind::Duration(_)
        | ExpressionKind::Boolean(_)
        | ExpressionKind::Selection(_)
        | ExpressionKind::Column(_)
        | ExpressionKind::Negate(_)
        | ExpressionKind::Not(_)
        | ExpressionKind::Arithmetic(..)
        | ExpressionKind::Compare(..)
        | ExpressionKind::And(_)
        | ExpressionKind::Or(_)
        | ExpressionKind::Call(..) => None,
    }
}

/// The id of a rule that a spec's rule needs: the same for the same spec and name, today and tomorrow.
fn stable_id(metadata: &Metadata, name: &str) -> String {
    match metadata.id.as_ref().and_then(|id| Uuid::parse_str(id).ok()) {
        Some(namespace) => Uuid::new_v5(&namespace, name.as_bytes()).to_string(),
        None => Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("cognate:{}:{name}", metadata.title.value).as_bytes()).to_string(),
    }
}

/// `name`, or `name_2`, `name_3` … if it is taken.
fn unique(name: String, taken: &[String]) -> String {
    let mut names = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}_{number}")));
    names.find(|candidate| !taken.contains(candidate)).unwrap_or(name)
}

/// The spec's title with what this rule is; the title is cut if both are too long.
fn title(spec: &Metadata, suffix: &str) -> String {
    let suffix: String = suffix.chars().take(MAX_TITLE / 2).collect();
    let room = MAX_TITLE - 3 - suffix.chars().count();
    let title: String = spec.title.value.chars().take(room).collect();
    format!("{title} - {suffix}")
}

/// `sensitive_searches` as `Sensitive Searches`.
fn words(name: &str) -> String {
    let capital = |word: &str| match word.chars().next() {
        Some(_) if word == "and" => word.to_owned(),
        Some(first) => first.to_uppercase().chain(word.chars().skip(1)).collect(),
        None => String::new(),
    };
    name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(capital).collect::<Vec<String>>().join(" ")
}

/// The spec's name as a rule's `name`: its own, or its title in lower case.
fn slug(metadata: &Metadata) -> String {
    let slug = identifier(metadata.name.as_deref().unwrap_or(&metadata.title.value));
    match (slug.is_empty(), &metadata.id) {
        (false, _) => slug,
        (true, Some(id)) => format!("rule_{}", identifier(id)),
        (true, None) => format!("rule_{}", identifier(&stable_id(metadata, "name"))),
    }
}
