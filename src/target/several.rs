//! Rules whose events a correlation counts together, each in its own log source and under its own field names. In comes
//! such a detection; out come the branches of a query, one for each rule, and the aggregate over the rows that they hand
//! over together: a time, which rule it was, and the fields that the aggregate reads, under names that all branches share.
//!
//! An event that two rules match is in two branches, and counts twice. What a site leaves out of the put-together events
//! is left out in each branch, where the fields have their own types.

use super::Deviation;
use crate::detection::{
    Aggregate, Chained, Condition, Detection, FieldTest, Formula, Predicate, Segment, Selection, SelectionBody, Subject, TextPattern,
    ValueTest,
};
use crate::expression::Type;
use crate::logsource::binding::column;
use crate::logsource::{ColumnType, Field, FieldType, LogSource, LogSourceId, Others};
use crate::lower::column_name;
use crate::source::Span;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The rows of one rule.
#[derive(Debug, Clone)]
pub struct Branch {
    /// The rule, without aggregate.
    pub detection: Detection,
    /// The text that says which rule it is, if the aggregate asks for that.
    pub rule: Option<String>,
    /// What it hands over, the same names in each branch.
    pub columns: Vec<Handed>,
}

/// A value that a branch hands over.
#[derive(Debug, Clone)]
pub struct Handed {
    /// The column's name: letters, digits and `_`, which it does not begin with.
    pub name: String,
    /// The rule's own field.
    pub field: Arc<Field>,
    /// As what it is read: a text or a number.
    pub wanted: Type,
    /// Where the correlation names it.
    pub span: Span,
}

/// What a platform's queries call the columns that no rule names.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    /// What the names of a query's own columns begin with.
    pub own: &'static str,
    /// Which rule it is.
    pub rule: &'static str,
    /// The time of the event.
    pub time: &'static str,
}

/// Whether the detection puts events of several rules together, and no alerts of correlations.
pub fn is_several(detection: &Detection) -> bool {
    let mut chained = detection.chained().peekable();
    chained.peek().is_some() && chained.all(|(_, chained)| chained.detection.aggregate.is_none())
}

/// See [`super::Target::approximate`]: each rule is rewritten by itself, with what a site leaves out of all.
pub fn approximate<'d>(
    detection: &'d Detection,
    rewrite: impl for<'r> Fn(&'r Detection) -> (Cow<'r, Detection>, Vec<Deviation>),
) -> (Cow<'d, Detection>, Vec<Deviation>) {
    if !is_several(detection) {
        return rewrite(detection);
    }
    let (mut rewritten, mut deviations) = (detection.clone(), Vec::new());
    for selection in &mut rewritten.selections {
        if let SelectionBody::Alerts(chained) = &mut selection.body {
            let rule = without_excluded(detection, chained);
            let (rule, found) = rewrite(&rule);
            selection.condition = rule.condition.clone();
            chained.detection = Arc::new(rule.into_owned());
            deviations.extend(found);
        }
    }
    rewritten.exclusions.clear();
    (Cow::Owned(rewritten), deviations)
}

/// The rule without the events that are left out once they are put together.
fn without_excluded(detection: &Detection, chained: &Chained) -> Detection {
    let mut rule = Detection::clone(&chained.detection);
    let behind = Behind { time: &detection.log_source.time, rule: chained };
    let excluded = detection.exclusions.iter().map(|exclusion| Condition::not(behind.condition(&exclusion.condition)));
    rule.condition = Condition::all(std::iter::once(rule.condition).chain(excluded));
    rule
}

/// What stands behind the names of the put-together events in one rule.
struct Behind<'d> {
    /// The time of the put-together events.
    time: &'d Field,
    rule: &'d Chained,
}

impl Behind<'_> {
    /// The rule's own field; every event has a time.
    fn field(&self, name: &str) -> Option<Arc<Field>> {
        let handed = || self.rule.fields.iter().find(|(own, _)| own == name).map(|(_, field)| field.clone());
        if name == self.time.name { Some(self.rule.detection.log_source.time.clone()) } else { handed() }
    }

    /// A condition over put-together events as one over the events of the rule.
    fn condition(&self, condition: &Condition) -> Condition {
        condition.map(&mut |predicate| match &predicate.subject {
            Subject::Field(field) => match self.field(&field.name) {
                Some(own) => self.predicate(predicate, own),
                None if predicate.tests.contains(&ValueTest::Absent) => Condition::ALWAYS,
                None => Condition::NEVER,
            },
            Subject::Event => {
                let values = self.rule.fields.iter().map(|(_, own)| self.predicate(predicate, own.clone()));
                Condition::any(values.collect::<Vec<_>>())
            }
        })
    }

    /// The predicate about a field of the rule; a comparison with one that the rule does not hand over never holds.
    fn predicate(&self, predicate: &Predicate, own: Arc<Field>) -> Condition {
        let test = |test: &ValueTest| match test {
            ValueTest::Field(test) => self.field(&test.other.name).map(|other| ValueTest::Field(FieldTest { other, ..test.clone() })),
            ValueTest::Text(_)
            | ValueTest::Number(_)
            | ValueTest::Boolean(_)
            | ValueTest::Absent
            | ValueTest::Present
            | ValueTest::Regex(_)
            | ValueTest::Network(_)
            | ValueTest::Compare(..)
            | ValueTest::TimePart(..) => Some(test.clone()),
        };
        let tests: Vec<ValueTest> = predicate.tests.iter().filter_map(test).collect();
        if tests.is_empty() {
            Condition::NEVER
        } else {
            Condition::Match(Predicate { subject: Subject::Field(own), tests, span: predicate.span })
        }
    }
}

/// The aggregate over the rows of the branches, and the branches.
pub fn apart(detection: &Detection, names: Names) -> (Detection, Vec<Branch>) {
    let mut shared = Shared::new(&detection.log_source.time, names);
    let aggregate = detection.aggregate.as_ref().map(|aggregate| shared.aggregate(aggregate));
    let marked = !detection.measured_selections().is_empty();
    let counted = detection.chained().filter(|(index, _)| detection.formula.holds_of_alert(*index));
    let branches = counted.map(|(index, chained)| Branch {
        detection: Detection { columns: Vec::new(), ..Detection::clone(&chained.detection) },
        rule: marked.then(|| detection.selections[index].name.clone()),
        columns: shared.handed(chained),
    });
    let branches = branches.collect();
    let together = Detection {
        log_source: Arc::new(LogSource { time: shared.time, ..LogSource::open(LogSourceId::default()) }),
        selections: detection.selections.iter().map(|selection| by_rule(selection, names)).collect(),
        formula: Formula::Everything,
        exclusions: Vec::new(),
        condition: Condition::ALWAYS,
        columns: Vec::new(),
        aggregate,
        ..detection.clone()
    };
    (together, branches)
}

/// The selection of one rule's rows.
fn by_rule(selection: &Selection, names: Names) -> Selection {
    let name = TextPattern::new([Segment::Literal(selection.name.clone())], true);
    let subject = Subject::Field(Arc::new(shared_field(names.rule, Type::Text)));
    let condition = Condition::Match(Predicate { subject, tests: vec![ValueTest::Text(name)], span: selection.span });
    Selection { body: SelectionBody::Items(Vec::new()), condition, ..selection.clone() }
}

/// A column of the branches as a field.
fn shared_field(name: &str, wanted: Type) -> Field {
    let (kind, stored) = if wanted == Type::Number { (FieldType::Number, ColumnType::Real) } else { (FieldType::Text, ColumnType::Text) };
    at(name, stored, Field { kind, ..Others::default().field(name) })
}

/// A field that stands in a column of the branches.
fn at(column_name: &str, stored: ColumnType, field: Field) -> Field {
    let bound = Some(column(column_name, stored));
    Field { spl: bound.clone(), kql: bound, ..field }
}

/// The columns that the branches share, by the names under which the correlation reads them.
struct Shared {
    time: Arc<Field>,
    columns: Vec<SharedColumn>,
    /// What the names of columns do not begin with.
    own: &'static str,
    taken: BTreeSet<String>,
}

struct SharedColumn {
    /// As the correlation calls it.
    read: String,
    wanted: Type,
    name: String,
    span: Span,
}

impl Shared {
    fn new(time: &Field, names: Names) -> Self {
        let taken = [&time.name, names.rule, names.time, "window_start", "window_end"].map(str::to_owned);
        let time = Arc::new(at(names.time, ColumnType::Time, time.clone()));
        Self { time, columns: Vec::new(), own: names.own, taken: taken.into() }
    }

    /// The aggregate over the shared columns.
    fn aggregate(&mut self, aggregate: &Aggregate) -> Aggregate {
        let mut aggregate = aggregate.clone();
        for key in &mut aggregate.group_by {
            self.share(&mut key.field, Type::Text, key.span);
        }
        for measure in &mut aggregate.measures {
            let span = measure.span;
            measure.expressions_mut().for_each(|expression| expression.change_fields(&mut |field, wanted| self.share(field, wanted, span)));
        }
        aggregate
    }

    /// Puts a shared column in the place of a field.
    fn share(&mut self, field: &mut Arc<Field>, wanted: Type, span: Span) {
        if field.name == self.time.name {
            *field = self.time.clone();
            return;
        }
        let wanted = match wanted {
            Type::Number | Type::Duration => Type::Number,
            Type::Text | Type::Boolean | Type::Timestamp | Type::Texts => Type::Text,
        };
        let known = self.columns.iter().find(|known| known.read == field.name && known.wanted == wanted).map(|known| known.name.clone());
        let name = known.unwrap_or_else(|| {
            let name = self.free_name(&field.name);
            self.columns.push(SharedColumn { read: field.name.clone(), wanted, name: name.clone(), span });
            name
        });
        *field = Arc::new(shared_field(&name, wanted));
    }

    /// The column of a field: its name, without what SPL hides (`_` at the beginning) and KQL keeps for itself (`__` at the end), and
    /// unlike the query's own.
    fn free_name(&mut self, read: &str) -> String {
        let plain = column_name(read);
        let plain = if plain.ends_with("__") { plain.trim_end_matches('_') } else { &plain };
        let is_usual = !plain.is_empty() && !plain.starts_with('_') && !plain.starts_with(self.own);
        let plain = if is_usual { plain.to_owned() } else { format!("value_{}", plain.trim_start_matches('_')) };
        let mut names = std::iter::once(plain.clone()).chain((2..).map(|number| format!("{plain}_{number}")));
        let name = names.find(|name| !self.taken.contains(name)).unwrap_or_default();
        self.taken.insert(name.clone());
        name
    }

    /// What a rule hands over.
    fn handed(&self, chained: &Chained) -> Vec<Handed> {
        let behind = Behind { time: &self.time, rule: chained };
        let handed = |column: &SharedColumn| {
            let field = behind.field(&column.read)?;
            Some(Handed { name: column.name.clone(), field, wanted: column.wanted, span: column.span })
        };
        self.columns.iter().filter_map(handed).collect()
    }
}
