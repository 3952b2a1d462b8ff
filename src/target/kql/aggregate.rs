//! Aggregates → `summarize`, and sliding windows → a join of instants with the events before them.
//! Pieces come out as finished steps; the envelopes `aggregate.j2` and `sliding.j2` put them together.

use super::expression::{Columns, Computed, Kind, Scope, SelectionNames, unwrapped};
use super::layout::Doc;
use super::spelling::{name, plain_name, text_literal, timespan_literal};
use super::writer::Writer;
use crate::detection::{Aggregate, Condition, GroupKey, Label, Measure, MeasureFunction, SortKey, Window};
use crate::diagnostic::{Diagnostic, E0401, K003, K004};
use crate::expression::Type;
use crate::source::Span;
use crate::target::Bounds;
use serde::Serialize;

/// The fragments of a query with an aggregate.
#[derive(Debug, Default, Serialize)]
pub struct Pieces {
    /// Table or function.
    pub source: String,
    /// The condition on the time of events.
    pub range: String,
    /// Steps over events.
    pub events: Vec<String>,
    /// Measures, `name = function`, on lines.
    pub measures: String,
    /// Keys, `name = value`, on lines.
    pub keys: String,
    /// Steps over the rows of the aggregate.
    pub rows: Vec<String>,
    /// Output columns.
    pub columns: String,
    /// Sort order.
    pub order: String,
    /// What only sliding windows have.
    pub sliding: Option<Sliding>,
}

/// The fragments of the join of instants with events.
#[derive(Debug, Default, Serialize)]
pub struct Sliding {
    /// The name of the events that count.
    pub name: String,
    /// Their columns.
    pub columns: String,
    /// Steps from events to the instants at which windows are judged.
    pub instants: Vec<String>,
    /// Columns of the events that are joined to the instants.
    pub joined: String,
    /// Columns of the join.
    pub on: String,
    /// Which joined events lie in the window.
    pub within: String,
}

/// A measure over events: its argument and its filter.
struct Counted<'d> {
    measure: &'d Measure,
    argument: Option<Computed>,
    filter: Doc,
}

/// A measure's function in `summarize`, and what is computed from it afterwards.
struct Summarized {
    text: String,
    column: Computed,
    after: Option<String>,
}

const EPOCH: &str = "datetime(1970-01-01)";

impl Writer<'_> {
    /// All fragments of a query with an aggregate but its source and range.
    pub fn aggregate(&mut self, aggregate: &Aggregate, time: &str, bounds: Bounds) -> Pieces {
        let (before, after) = self.event_filters();
        let (flags, selections) = self.selection_flags();
        let none = Columns::default();
        let scope = Scope { columns: &none, selections: &selections };
        let keys: Vec<(String, Computed)> = aggregate.group_by.iter().map(|key| self.key(key)).collect();
        let counted: Vec<Counted<'_>> = aggregate.measures.iter().map(|measure| self.counted(measure, &scope)).collect();
        let at = match &aggregate.window {
            Window::Sliding { at: Some(at), .. } => Some(selections.get(at).cloned().unwrap_or_else(|| "true".to_owned())),
            Window::Sliding { at: None, .. } | Window::Tumbling(_) | Window::Lookback => None,
        };
        let mut pieces = Pieces::default();
        let measures = match aggregate.window {
            Window::Sliding { length, .. } => self.slide(&mut pieces, &keys, counted, time, length, at.as_deref(), bounds),
            Window::Tumbling(_) | Window::Lookback => self.tumble(&mut pieces, &keys, counted, time, &aggregate.window, bounds),
        };
        let (lists, _) = self.list_steps();
        let late = after.map(|condition| self.filter(&condition));
        let helpers = std::mem::take(&mut self.helpers);
        let (computed, _) = self.computed_steps();
        let before = before.map(|condition| self.filter(&condition));
        pieces.events = computed.into_iter().chain(before).chain(lists).chain(late).chain(flags).chain(helpers).collect();
        self.rows(&mut pieces, aggregate, keys, measures, bounds);
        pieces
    }

    /// The time range of the events that are read.
    pub fn range(&self, time: &str, bounds: Bounds) -> String {
        let from = self.op("greater_or_equal", &[time, &self.before_run(bounds.reach(self.detection))]);
        let until = self.op("less", &[time, &self.before_run(bounds.latest)]);
        format!("{from} and {until}")
    }

    /// So long before the run.
    pub fn before_run(&self, milliseconds: i64) -> String {
        if milliseconds == 0 { self.op("now", &[]) } else { self.op("ago", &[&timespan_literal(milliseconds)]) }
    }

    /// The detection's condition, cut into what needs no list (first) and what needs one (after the lists are applied).
    pub fn event_filters(&mut self) -> (Option<Doc>, Option<Doc>) {
        let detection = self.detection;
        let parts = match &detection.condition {
            Condition::All(parts) => parts.as_slice(),
            other @ (Condition::Any(_) | Condition::Not(_) | Condition::Match(_)) => std::slice::from_ref(other),
        };
        let (mut early, mut late) = (Vec::new(), Vec::new());
        for part in parts {
            let uses = self.list_uses;
            let doc = self.condition(part, false);
            if self.list_uses == uses { early.push(doc) } else { late.push(doc) }
        }
        let step = |parts: Vec<Doc>| Some(Doc::all(parts)).filter(|doc| !doc.is_always());
        (step(early), step(late))
    }

    /// A helper column for each selection that measures name.
    fn selection_flags(&mut self) -> (Vec<String>, SelectionNames) {
        let detection = self.detection;
        let (mut steps, mut names) = (Vec::new(), SelectionNames::default());
        for index in detection.measured_selections() {
            let selection = &detection.selections[index];
            let doc = self.condition(&selection.condition, true);
            let plain = plain_name(&selection.name);
            if self.is_list_output(&doc) {
                names.insert(index, doc.flat(self.templates));
                continue;
            }
            let column = self.fresh(&format!("_is_{plain}"));
            steps.push(self.op("extend", &[&column, &doc.lines(self.templates, 4)]));
            names.insert(index, column);
        }
        (steps, names)
    }

    fn key(&mut self, key: &GroupKey) -> (String, Computed) {
        let column = self.output_name(&key.name, key.span);
        let Some(operand) = self.single(&key.field, key.span) else { return (column, Computed::column("\"\"", Kind::Text, true)) };
        let wanted = key.lower.then_some(Type::Text);
        let mut value = match wanted {
            Some(wanted) => self.operand_value(&operand, wanted, key.span),
            None => self.natural_value(&operand, key.span),
        };
        if key.lower {
            self.assume_folding();
            value.text = self.op("lower", &[&value.text]);
        }
        (column, value)
    }

    /// One of our names as it stands in a query.
    pub fn output_name(&mut self, ours: &str, span: Span) -> String {
        name(ours).unwrap_or_else(|| {
            let message = format!("KQL cannot have a column with the name `{ours}`");
            self.refuse(Diagnostic::error(E0401, span, message).help("choose a name that neither begins nor ends with two underscores"));
            ours.to_owned()
        })
    }

    fn counted<'d>(&mut self, measure: &'d Measure, scope: &Scope<'_>) -> Counted<'d> {
        let mut argument = measure.function.argument().map(|argument| self.value(argument, scope));
        let mut filter = measure.filter.as_ref().map_or_else(Doc::always, |filter| self.boolean(filter, scope, true));
        let texts = matches!(measure.function, MeasureFunction::Distinct(_) | MeasureFunction::Values(_));
        if texts && argument.as_ref().is_some_and(Computed::is_event_text) {
            let message = format!("`{}` leaves out the empty text, which a text column cannot tell from a missing value", measure.name);
            self.assume(K003, measure.span, message);
        }
        let counts_present = match measure.function {
            MeasureFunction::Distinct(_) | MeasureFunction::Values(_) | MeasureFunction::Average(_) | MeasureFunction::Percentile(..) => {
                true
            }
            MeasureFunction::Count
            | MeasureFunction::Sum(_)
            | MeasureFunction::Minimum(_)
            | MeasureFunction::Maximum(_)
            | MeasureFunction::Ordered(_) => false,
        };
        let sliding = matches!(self.detection.aggregate.as_ref().map(|aggregate| &aggregate.window), Some(Window::Sliding { .. }));
        if let Some(value) = argument.take_if(|_| counts_present) {
            let twice = value.is_repeated() && !sliding;
            let value = if twice { self.repeatable_as(&format!("_value_{}", measure.name), value) } else { value };
            filter = Doc::all([filter, self.is_present(&value)]);
            argument = Some(value.known());
        }
        Counted { measure, argument, filter }
    }

    fn tumble(
        &mut self,
        pieces: &mut Pieces,
        keys: &[(String, Computed)],
        counted: Vec<Counted<'_>>,
        time: &str,
        window: &Window,
        bounds: Bounds,
    ) -> Vec<Computed> {
        let mut by: Vec<String> = keys.iter().map(|(column, value)| assignment(column, &value.text)).collect();
        let (mut lines, columns, after) = self.summarize(counted);
        match window.length() {
            Some(length) => {
                let length = timespan_literal(length);
                by.push(assignment("window_start", &self.op("bucket", &[time, &length, EPOCH])));
                pieces.rows.push(self.op("extend", &["window_end", &self.op("plus", &["window_start", &length])]));
                if let Some(from) = bounds.report_from {
                    let parts = [
                        self.op("greater", &["window_end", &self.before_run(from)]),
                        self.op("less_or_equal", &["window_end", &self.before_run(bounds.latest)]),
                    ];
                    pieces.rows.push(self.filter(&Doc::all(parts.map(Doc::leaf))));
                }
            }
            None => {
                lines.push(assignment("window_start", &self.op("minimum", &[time])));
                lines.push(assignment("window_end", &self.op("maximum", &[time])));
                if keys.is_empty() {
                    let events = self.fresh("_events");
                    lines.push(assignment(&events, &self.op("count", &[])));
                    pieces.rows.push(self.filter(&Doc::leaf(self.op("greater", &[&events, "0"]))));
                }
            }
        }
        pieces.rows.extend(after);
        pieces.measures = lines.join(",\n    ");
        pieces.keys = by.join(", ");
        columns
    }

    /// Measures as lines of `summarize`, the columns that they make, and steps that finish them.
    fn summarize(&mut self, counted: Vec<Counted<'_>>) -> (Vec<String>, Vec<Computed>, Vec<String>) {
        let (mut lines, mut columns, mut after) = (Vec::new(), Vec::new(), Vec::new());
        for counted in counted {
            let column = self.output_name(&counted.measure.name, counted.measure.span);
            let summarized = self.summarized(&column, counted);
            lines.push(summarized.text);
            columns.push(summarized.column);
            after.extend(summarized.after);
        }
        (lines, columns, after)
    }

    fn summarized(&mut self, column: &str, counted: Counted<'_>) -> Summarized {
        let Counted { measure, argument, filter } = counted;
        let argument = argument.unwrap_or_else(|| Computed::column("", Kind::Whole, false));
        let counts = filter.clone();
        let lines = |doc: &Doc| doc.lines(self.templates, 12);
        let value = unwrapped(&argument.text);
        let (text, kind, nullable) = match &measure.function {
            MeasureFunction::Count if filter.is_always() => (self.op("count", &[]), Kind::Whole, false),
            MeasureFunction::Count => (self.op("count_if", &[&lines(&filter)]), Kind::Whole, false),
            MeasureFunction::Distinct(_) if counts.is_always() => (self.op("distinct", &[value]), Kind::Whole, false),
            MeasureFunction::Distinct(_) => (self.op("distinct_if", &[value, &lines(&counts)]), Kind::Whole, false),
            MeasureFunction::Sum(_) => {
                let sum = if filter.is_always() { self.op("sum", &[value]) } else { self.op("sum_if", &[value, &lines(&filter)]) };
                let zero = if argument.kind == Kind::Span { "0s" } else { zero(argument.kind) };
                (self.op("first_present", &[&format!("{sum}, {zero}")]), argument.kind, false)
            }
            MeasureFunction::Average(_) => {
                let kind = if argument.kind == Kind::Whole { Kind::Real } else { argument.kind };
                let none = self.op("number_equals", &[&self.op("count_if", &[&lines(&counts)]), "0"]);
                let average = self.op("average_if", &[value, &lines(&counts)]);
                (self.op("either", &[&none, kind.null(), &average]), kind, true)
            }
            MeasureFunction::Minimum(_) if filter.is_always() => (self.op("minimum", &[value]), argument.kind, true),
            MeasureFunction::Minimum(_) => (self.op("minimum_if", &[value, &lines(&filter)]), argument.kind, true),
            MeasureFunction::Maximum(_) if filter.is_always() => (self.op("maximum", &[value]), argument.kind, true),
            MeasureFunction::Maximum(_) => (self.op("maximum_if", &[value, &lines(&filter)]), argument.kind, true),
            MeasureFunction::Values(_) => {
                let text = self.text_of_computed(&argument, measure.span);
                (self.op("values_if", &[&text, &lines(&counts)]), Kind::Texts, false)
            }
            MeasureFunction::Ordered(_) => {
                let error = Diagnostic::error(
                    E0401,
                    measure.span,
                    format!("KQL cannot express `{}`: no function tells the order of events", measure.name),
                );
                self.refuse(error.help("of two selections, `window: { sliding: …, at: … }` tells the order; or skip the target: `targets: { kql: { skip: … } }`"));
                (String::new(), Kind::Whole, false)
            }
            MeasureFunction::Percentile(_, rank) => return self.percentile(column, measure, &argument, &counts, *rank),
        };
        Summarized { text: assignment(column, &text), column: Computed::column(column, kind, nullable), after: None }
    }

    /// The nearest rank, exactly: the sorted list of all values, then the element at that rank.
    fn percentile(&mut self, column: &str, measure: &Measure, argument: &Computed, counts: &Doc, rank: f64) -> Summarized {
        let message = format!("`{}` is exact while the values of a group fit into one list (1,048,576 values, 1 MB)", measure.name);
        self.assume(K004, measure.span, message);
        let ranked = self.fresh(&format!("_ranked_{}", measure.name));
        let list = self.op("ranked_if", &[&argument.text, &counts.lines(self.templates, 12)]);
        let (numerator, denominator) = share(rank);
        let [numerator, below, denominator] = [numerator, denominator - 1, denominator].map(|number| number.to_string());
        let element = self.op("nearest_rank", &[&ranked, &numerator, &denominator, &below]);
        let cast = match argument.kind {
            Kind::Whole => self.op("whole_of", &[&element]),
            Kind::Moment => self.op("moment_of", &[&element]),
            Kind::Span => self.op("span_of", &[&element]),
            Kind::Real | Kind::Text | Kind::Boolean | Kind::Texts => self.op("real_of", &[&element]),
        };
        let empty = self.op("number_equals", &[&self.op("length", &[&ranked]), "0"]);
        let value = self.op("either", &[&empty, argument.kind.null(), &cast]);
        Summarized {
            text: assignment(&ranked, &list),
            column: Computed::column(column, argument.kind, true),
            after: Some(self.op("extend", &[column, &value])),
        }
    }

    /// The text of a computed value.
    fn text_of_computed(&mut self, value: &Computed, span: Span) -> String {
        match value.kind {
            Kind::Text => value.text.clone(),
            Kind::Whole => self.op("text_of", &[&value.text]),
            Kind::Real => self.op("text_of_real", &[&value.text]),
            Kind::Boolean => self.op("text_of_boolean", &[&value.text]),
            Kind::Moment | Kind::Span | Kind::Texts => {
                let message = "KQL cannot express `values` of moments or durations: their texts are written differently";
                self.refuse(Diagnostic::error(E0401, span, message).help("use `min` and `max`, or `distinct`"));
                value.text.clone()
            }
        }
    }

    /// Events are reduced to keys, time and what the measures read; instants are joined with them through buckets of
    /// the window's length, two for each instant, so that the join is one of equal values.
    #[allow(clippy::too_many_arguments, reason = "one call")]
    fn slide(
        &mut self,
        pieces: &mut Pieces,
        keys: &[(String, Computed)],
        counted: Vec<Counted<'_>>,
        time: &str,
        length: i64,
        at: Option<&str>,
        bounds: Bounds,
    ) -> Vec<Computed> {
        let (events, event_time, bucket) = (self.fresh("_events"), self.fresh("_time"), self.fresh("_bucket"));
        let span = timespan_literal(length);
        let mut columns: Vec<String> = keys.iter().map(|(column, value)| assignment(column, &value.text)).collect();
        let mut joined_keys = Vec::new();
        for (column, value) in keys {
            joined_keys.push(match value.kind {
                Kind::Text => column.clone(),
                Kind::Whole | Kind::Real | Kind::Boolean | Kind::Moment | Kind::Span | Kind::Texts => {
                    let key = self.fresh(&format!("_key_{}", joined_keys.len() + 1));
                    columns.push(assignment(&key, &self.op("text_of", &[&value.text])));
                    key
                }
            });
        }
        columns.push(assignment(&event_time, time));
        let flag = at.map(|at| {
            let flag = self.fresh("_judged");
            columns.push(assignment(&flag, at));
            flag
        });
        let mut inputs = Vec::new();
        let counted = counted.into_iter().map(|counted| self.projected(counted, &mut columns, &mut inputs)).collect();
        let (lines, measures, after) = self.summarize(counted);

        let mut by: Vec<String> = keys.iter().map(|(column, _)| column.clone()).collect();
        by.extend(joined_keys.iter().filter(|key| !keys.iter().any(|(column, _)| column == *key)).cloned());
        let instants = by.iter().cloned().chain([assignment("window_end", &event_time)]).collect::<Vec<_>>();
        let mut steps: Vec<String> = flag.map(|flag| self.filter(&Doc::leaf(flag))).into_iter().collect();
        if let (Some(_), Some(from)) = (at, bounds.report_from) {
            steps.push(self.filter(&Doc::leaf(self.op("greater_or_equal", &[&event_time, &self.before_run(from)]))));
        }
        steps.push(self.op("different", &[&instants.join(", ")]));
        let step = self.fresh("_step");
        steps.push(self.op("repeat_twice", &[&step]));
        let back = self.op("minus", &["window_end", &self.op("times", &[&step, &span])]);
        steps.push(self.op("extend", &[&bucket, &self.op("bucket", &[&back, &span, EPOCH])]));

        let own_bucket = assignment(&bucket, &self.op("bucket", &[&event_time, &span, EPOCH]));
        let joined: Vec<String> = joined_keys.iter().cloned().chain([own_bucket, event_time.clone()]).chain(inputs).collect();
        let within = [
            self.op("greater", &[&event_time, &self.op("minus", &["window_end", &span])]),
            self.op("less_or_equal", &[&event_time, "window_end"]),
        ];
        pieces.sliding = Some(Sliding {
            name: events,
            columns: list_lines(&columns, 4),
            instants: steps,
            joined: list_lines(&joined, 8),
            on: joined_keys.iter().cloned().chain([bucket]).collect::<Vec<_>>().join(", "),
            within: within.join(" and "),
        });
        pieces.measures = lines.join(",\n    ");
        pieces.keys = by.iter().cloned().chain(["window_end".to_owned()]).collect::<Vec<_>>().join(", ");
        pieces.rows.push(self.op("extend", &["window_start", &self.op("minus", &["window_end", &span])]));
        pieces.rows.extend(after);
        self.joined_keys = joined_keys;
        measures
    }

    /// A measure whose argument and filter have become columns of the reduced events.
    fn projected<'d>(&mut self, counted: Counted<'d>, columns: &mut Vec<String>, inputs: &mut Vec<String>) -> Counted<'d> {
        let Counted { measure, argument, filter } = counted;
        let argument = argument.map(|argument| {
            let column = self.fresh(&format!("_value_{}", measure.name));
            columns.push(assignment(&column, unwrapped(&argument.text)));
            inputs.push(column.clone());
            Computed::column(column, argument.kind, argument.nullable)
        });
        let filter = if filter.is_always() || filter.is_never() {
            filter
        } else {
            let column = self.fresh(&format!("_when_{}", measure.name));
            columns.push(assignment(&column, &filter.lines(self.templates, 8)));
            inputs.push(column.clone());
            Doc::leaf(column)
        };
        Counted { measure, argument, filter }
    }

    /// Derived columns, condition, labels, output columns and order.
    fn rows(&mut self, pieces: &mut Pieces, aggregate: &Aggregate, keys: Vec<(String, Computed)>, measures: Vec<Computed>, bounds: Bounds) {
        let mut known: Vec<(String, String, Kind)> = Vec::new();
        let note = |known: &mut Vec<(String, String, Kind)>, ours: &str, column: &str, kind: Kind| {
            known.push((ours.to_owned(), column.to_owned(), kind));
        };
        let mut columns = Columns { measures, ..Columns::default() };
        for (key, (column, value)) in aggregate.group_by.iter().zip(keys) {
            note(&mut known, &key.name, &column, value.kind);
            columns.keys.push(Computed::column(column, value.kind, true));
        }
        note(&mut known, "window_start", "window_start", Kind::Moment);
        note(&mut known, "window_end", "window_end", Kind::Moment);
        for (measure, column) in aggregate.measures.iter().zip(&columns.measures) {
            note(&mut known, &measure.name, &column.text, column.kind);
        }
        let selections = SelectionNames::default();
        for derived in &aggregate.derived {
            let column = self.output_name(&derived.name, derived.span);
            let scope = Scope { columns: &columns, selections: &selections };
            let value = self.value(&derived.expression, &scope);
            pieces.rows.append(&mut self.helpers);
            pieces.rows.push(self.op("extend", &[&column, unwrapped(&value.text)]));
            note(&mut known, &derived.name, &column, value.kind);
            columns.derived.push(Computed::column(column, value.kind, value.nullable));
        }
        let scope = Scope { columns: &columns, selections: &selections };
        let rising = matches!(aggregate.window, Window::Sliding { at: None, .. });
        let condition = self.boolean(&aggregate.condition, &scope, rising);
        pieces.rows.append(&mut self.helpers);
        match &aggregate.window {
            Window::Sliding { length, at: None } => self.rising_edge(pieces, &condition, *length, bounds),
            Window::Sliding { .. } | Window::Tumbling(_) | Window::Lookback => {
                if !condition.is_always() {
                    pieces.rows.push(self.filter(&condition));
                }
            }
        }
        for label in &aggregate.labels {
            let column = self.output_name(&label.name, label.span);
            let text = self.label(label, &scope);
            pieces.rows.append(&mut self.helpers);
            pieces.rows.push(self.op("extend", &[&column, &text]));
            note(&mut known, &label.name, &column, Kind::Text);
        }
        pieces.columns = list_lines(&known.iter().map(|(_, column, _)| column.clone()).collect::<Vec<_>>(), 4);
        pieces.order = self.order(aggregate, &known);
    }

    /// The instants at which the condition begins to hold.
    fn rising_edge(&mut self, pieces: &mut Pieces, condition: &Doc, length: i64, bounds: Bounds) {
        let (holds, again) = (self.fresh("_holds"), self.fresh("_again"));
        let keys = self.joined_keys.clone();
        pieces.rows.push(self.op("extend", &[&holds, &condition.lines(self.templates, 4)]));
        let order: Vec<String> = keys.iter().map(String::as_str).chain(["window_end"]).map(|column| self.op("rising", &[column])).collect();
        pieces.rows.push(self.op("sorted", &[&order.join(", ")]));
        let mut parts = vec![Doc::leaf(self.op("previous", &[&holds]))];
        parts.extend(keys.iter().map(|key| Doc::leaf(self.op("equals_cased", &[&self.op("previous", &[key]), key]))));
        let gap = self.op("minus", &["window_end", &self.op("previous", &["window_end"])]);
        parts.push(Doc::leaf(self.op("less", &[&gap, &timespan_literal(length)])));
        let before = Doc::all(parts).strict(true).flat(self.templates);
        pieces.rows.push(self.op("extend", &[&again, &before]));
        let mut parts = vec![Doc::leaf(holds), Doc::not(Doc::leaf(again))];
        if let Some(from) = bounds.report_from {
            parts.push(Doc::leaf(self.op("greater_or_equal", &["window_end", &self.before_run(from)])));
        }
        pieces.rows.push(self.filter(&Doc::all(parts)));
    }

    fn label(&mut self, label: &Label, scope: &Scope<'_>) -> String {
        let otherwise = text_literal(label.otherwise.as_deref().unwrap_or_default());
        let mut pairs = Vec::new();
        for (when, then) in &label.cases {
            let condition = self.boolean(when, scope, true);
            pairs.push(format!("\n    {}, {}", condition.lines(self.templates, 8), text_literal(then)));
        }
        if pairs.is_empty() { otherwise } else { self.op("choice", &[&pairs.join(","), &format!("\n    {otherwise}")]) }
    }

    fn order(&self, aggregate: &Aggregate, known: &[(String, String, Kind)]) -> String {
        let ties = ["window_start"].into_iter().chain(aggregate.group_by.iter().map(|key| key.name.as_str()));
        let tie = |column: &str| SortKey { column: column.to_owned(), descending: false };
        let mut keys = aggregate.sort.clone();
        for column in ties {
            if !keys.iter().any(|key| key.column == column) {
                keys.push(tie(column));
            }
        }
        let find =
            |key: &SortKey| known.iter().find(|(ours, ..)| *ours == key.column).map(|(_, column, kind)| (column, *kind, key.descending));
        let parts: Vec<String> =
            keys.iter().filter_map(find).flat_map(|(column, kind, descending)| self.sort_key(column, kind, descending)).collect();
        parts.join(", ")
    }

    /// One sort key, missing values last.
    fn sort_key(&self, column: &str, kind: Kind, descending: bool) -> Vec<String> {
        let value = match kind {
            Kind::Boolean => self.op("whole_of", &[column]),
            Kind::Texts => self.op("text_of", &[column]),
            Kind::Whole | Kind::Real | Kind::Text | Kind::Moment | Kind::Span => column.to_owned(),
        };
        let never_null = kind == Kind::Text || matches!(column, "window_start" | "window_end");
        let direction = match (never_null, descending) {
            (true, false) => "rising",
            (true, true) => "falling",
            (false, false) => "ascending",
            (false, true) => "descending",
        };
        let sorted = self.op(direction, &[&value]);
        if kind == Kind::Text && !descending { vec![self.op("empty_last", &[column]), sorted] } else { vec![sorted] }
    }
}

/// A percentage as a reduced fraction, so that ranks are computed in whole numbers.
fn share(percent: f64) -> (u64, u64) {
    let (mut numerator, mut denominator) = ((percent * 1e6).round() as u64, 100_000_000);
    for prime in [2, 5] {
        while numerator % prime == 0 && denominator % prime == 0 {
            (numerator, denominator) = (numerator / prime, denominator / prime);
        }
    }
    (numerator, denominator)
}

fn zero(kind: Kind) -> &'static str {
    if kind == Kind::Real { "0.0" } else { "0" }
}

/// `name = value`, or just the name of a column that keeps its name.
pub fn assignment(column: &str, value: &str) -> String {
    if column == value { column.to_owned() } else { format!("{column} = {value}") }
}

/// A list on one line, or one item per line.
pub fn list_lines(items: &[String], indent: usize) -> String {
    let flat = items.join(", ");
    if flat.len() + indent <= 110 && !flat.contains('\n') {
        return flat;
    }
    let break_ = format!("\n{}", " ".repeat(indent));
    items.iter().map(|item| format!("{break_}{item}")).collect::<Vec<_>>().join(",")
}
