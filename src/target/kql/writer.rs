//! What one query collects while it is written: problems, assumptions, lists that must be applied, helper columns.

use super::computed::Computed;
use super::layout::Doc;
use crate::detection::Detection;
use crate::diagnostic::{Code, Diagnostic, K005};
use crate::source::Span;
use crate::target::Deviation;
use crate::template::TargetTemplates;
use rustc_hash::FxHashSet;

/// The state of one query.
pub struct Writer<'a> {
    /// The detection, already rewritten to what KQL can say.
    pub detection: &'a Detection,
    /// Spelling.
    pub templates: &'a TargetTemplates,
    /// What KQL cannot say.
    pub problems: Vec<Diagnostic>,
    /// What must be true.
    pub assumptions: Vec<Deviation>,
    /// Lists whose elements are tested or read, one `mv-apply` each.
    pub lists: Vec<List>,
    /// Columns that put fields together.
    pub computed: Vec<Computed>,
    /// Steps (`extend …`) that hold values which are used twice.
    pub helpers: Vec<String>,
    /// The text columns through which a sliding window's group is joined.
    pub joined_keys: Vec<String>,
    /// How often list elements were looked at so far.
    pub list_uses: usize,
    /// Names that helper columns must not have, once the first is wanted.
    taken: Option<FxHashSet<String>>,
    /// The place that assumptions refer to.
    pub place: Span,
}

/// A list whose elements are looked at.
pub struct List {
    value: String,
    empty: Option<String>,
    item: String,
    /// Column and aggregate over the elements.
    pub outputs: Vec<(String, Doc)>,
}

impl<'a> Writer<'a> {
    /// Nothing collected yet.
    pub fn new(detection: &'a Detection, templates: &'a TargetTemplates) -> Self {
        Self {
            detection,
            templates,
            problems: Vec::new(),
            assumptions: Vec::new(),
            lists: Vec::new(),
            computed: Vec::new(),
            helpers: Vec::new(),
            joined_keys: Vec::new(),
            list_uses: 0,
            taken: None,
            place: detection.metadata.title.span,
        }
    }

    /// An operator over finished fragments.
    pub fn op(&self, operator: &'static str, arguments: &[&str]) -> String {
        self.templates.operator(operator, arguments)
    }

    /// Something that KQL cannot say.
    pub fn refuse(&mut self, problem: Diagnostic) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Something that must be true.
    pub fn assume(&mut self, code: Code, span: Span, message: String) {
        if !self.assumptions.iter().any(|known| known.code == code && known.message == message) {
            self.assumptions.push(Deviation::new(code, span, message));
        }
    }

    /// Case beyond ASCII is folded by `tolower`.
    pub fn assume_folding(&mut self) {
        self.assume(
            K005,
            self.place,
            "letters beyond ASCII are compared ignoring case through tolower(), taken to fold all of Unicode".into(),
        );
    }

    /// A name that nothing else has.
    pub fn fresh(&mut self, wish: &str) -> String {
        let mut candidate = wish.to_owned();
        let mut number = 2;
        let taken = self.taken.get_or_insert_with(|| taken_names(self.detection));
        while !taken.insert(candidate.clone()) {
            candidate = format!("{wish}_{number}");
            number += 1;
        }
        candidate
    }

    /// Keeps a name from being given to something else.
    pub fn reserve(&mut self, name: &str) {
        let detection = self.detection;
        self.taken.get_or_insert_with(|| taken_names(detection)).insert(name.to_owned());
    }

    /// A list, new or known. `empty` is the text column whose '' means no list.
    pub fn list(&mut self, value: &str, empty: Option<&str>) -> usize {
        if let Some(known) = self.lists.iter().position(|list| list.value == value) {
            return known;
        }
        let item = self.fresh("_item");
        let list = List { value: value.to_owned(), empty: empty.map(str::to_owned), item, outputs: Vec::new() };
        self.lists.push(list);
        self.lists.len() - 1
    }

    /// The name of the element at hand.
    pub fn item_name(&self, list: usize) -> String {
        self.lists[list].item.clone()
    }

    /// A column computed over a list's elements; the same computation gets one column.
    pub fn list_output(&mut self, list: usize, wish: &str, value: Doc) -> String {
        self.list_uses += 1;
        if let Some((known, _)) = self.lists[list].outputs.iter().find(|(_, output)| *output == value) {
            return known.clone();
        }
        let column = self.fresh(wish);
        self.lists[list].outputs.push((column.clone(), value));
        column
    }

    /// Whether a condition is just a column computed over a list's elements.
    pub fn is_list_output(&self, doc: &Doc) -> bool {
        let mut outputs = self.lists.iter().flat_map(|list| &list.outputs);
        matches!(doc, Doc::Leaf(text) if outputs.any(|(column, _)| column == text))
    }

    /// The `mv-apply` steps, and the helper columns that they leave behind.
    pub fn list_steps(&self) -> (Vec<String>, Vec<String>) {
        let used = || self.lists.iter().filter(|list| !list.outputs.is_empty());
        let step = |list: &List| {
            let value = &list.value;
            let missing = list.empty.as_ref().map_or_else(|| self.op("is_null", &[value]), |column| self.op("is_empty", &[column]));
            let elements = self.op("elements", &[value, &missing]);
            let output = |(column, doc): &(String, Doc)| format!("        {column} = {}", doc.lines(self.templates, 12));
            let outputs: Vec<String> = list.outputs.iter().map(output).collect();
            let outputs = format!("\n{}", outputs.join(",\n"));
            self.op("apply", &[&list.item, &elements, &outputs])
        };
        let columns = used().flat_map(|list| list.outputs.iter().map(|(column, _)| column.clone())).collect();
        (used().map(step).collect(), columns)
    }

    /// A `where` step.
    pub fn filter(&self, condition: &Doc) -> String {
        self.op("filter", &[&condition.lines(self.templates, 4)])
    }

    /// A helper column for a value that is used more than once.
    pub fn hoist(&mut self, wish: &str, value: &str) -> String {
        let column = self.fresh(wish);
        self.helpers.push(self.op("extend", &[&column, value]));
        column
    }
}

/// Names that helper columns must not have: ours, and the platform's as far as they are known.
fn taken_names(detection: &Detection) -> FxHashSet<String> {
    let mut names: FxHashSet<String> = ["window_start", "window_end"].into_iter().map(str::to_owned).collect();
    for (table, columns) in super::schema(detection) {
        names.insert(table);
        names.extend(columns.into_iter().map(|(column, _)| column));
    }
    names.extend(detection.columns.iter().map(|column| column.name.clone()));
    if let Some(aggregate) = &detection.aggregate {
        names.extend(aggregate.group_by.iter().map(|key| key.name.clone()));
        names.extend(aggregate.measures.iter().map(|measure| measure.name.clone()));
        names.extend(aggregate.derived.iter().map(|derived| derived.name.clone()));
        names.extend(aggregate.labels.iter().map(|label| label.name.clone()));
    }
    names
}
