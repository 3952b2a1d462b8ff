//! [`Spec`] → [`Detection`]: names are resolved, lists filled in, modifiers turned into tests, expressions typed.
//! All problems are reported with their places; with an error there is no detection.

mod aggregate;
mod checks;
mod correlation;
mod encode;
mod events;
mod filter;
pub(crate) mod item;
pub mod pattern;

use crate::condition::{Written, name_matches};
use crate::detection::{Aggregate, Column, Condition, Detection, Exclusion, Formula, Quantity, Schedule, Selection, SelectionBody};
use crate::diagnostic::{
    Diagnostic, Diagnostics, E0103, E0201, E0202, E0204, E0205, E0206, E0212, E0215, E0306, E0308, W0203, W0210, did_you_mean,
};
use crate::expression::ExpressionKind;
use crate::logsource::{Field, LogSource, LogSourceId, LogSources};
use crate::rules::Rules;
use crate::site::Site;
use crate::source::{Source, Span, Spanned};
use crate::spec::{Body, ListBlock, Spec, WindowBlock};
use crate::yaml::{Number, Value};
use correlation::Events;
use filter::Filters;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// One hour: the time between two runs of a spec without a schedule.
const DEFAULT_EVERY: i64 = 3_600_000;
/// Ten minutes: how late events may arrive by default.
const DEFAULT_DELAY: i64 = 600_000;
/// The most combinations that `N of` may stand for.
const MAX_COMBINATIONS: usize = 5_000;
/// The most tests of a value that a condition may stand for: a selection counts as often as it is named.
const MAX_TESTS: usize = 500_000;

/// What a spec is compiled against: log sources, and what a project and a site add.
pub trait Surroundings {
    /// The description of a log source, with the site's overrides; `None` if nobody has described it.
    fn log_source(&self, id: &LogSourceId) -> Option<Arc<LogSource>>;

    /// The path of the described log source whose name is close to an unknown one, for "did you mean".
    fn near_log_source(&self, _: &LogSourceId) -> Option<String> {
        None
    }

    /// The values of a list file, or why it cannot be read.
    fn list_file(&self, _: &str) -> Result<Vec<Value>, String> {
        Err("there are no list files here".to_owned())
    }

    /// The text of a file of events (JSON lines), or why it cannot be read.
    fn event_file(&self, _: &str) -> Result<String, String> {
        Err("there are no files of events here".to_owned())
    }

    /// The rules of all files, for correlations that name rules of other files than their own.
    fn rules(&self) -> Option<&Rules> {
        None
    }

    /// The site file, if there is one: its parameters, changes of lists and exclusions apply.
    fn site(&self) -> Option<&Site> {
        None
    }

    /// A site's value of a parameter.
    fn parameter(&self, spec: &Spec, name: &str) -> Option<Number> {
        self.site()?.parameter(&spec.metadata, name)
    }

    /// A list's values after the site's changes.
    fn adjust_list(&self, spec: &Spec, name: &str, values: Vec<Value>) -> Vec<Value> {
        match self.site() {
            Some(site) => site.adjust_list(&spec.metadata, name, values),
            None => values,
        }
    }

    /// A site's exclusions for a spec: reason, body, and the source that the body's places are in.
    fn exclusions(&self, spec: &Spec) -> Vec<(String, Body, Source)> {
        let Some(site) = self.site() else { return Vec::new() };
        let exclusions = site.exclusions(&spec.metadata);
        exclusions.map(|exclusion| (exclusion.reason.value.clone(), exclusion.body.clone(), site.source.clone())).collect()
    }
}

/// Log sources alone: no project, no site.
impl Surroundings for LogSources {
    fn log_source(&self, id: &LogSourceId) -> Option<Arc<LogSource>> {
        self.described(id).and_then(|file| file.log_source.clone())
    }

    fn near_log_source(&self, id: &LogSourceId) -> Option<String> {
        self.near(id)
    }
}

/// Lowers a spec; `rules` are those of its own file.
pub fn lower(
    source: &Source,
    spec: &Spec,
    rules: &Rules,
    surroundings: &dyn Surroundings,
    diagnostics: &mut Diagnostics,
) -> Option<Detection> {
    lower_document(source, spec, &filters(source, rules, surroundings), diagnostics)
}

fn filters<'a>(source: &'a Source, rules: &'a Rules, surroundings: &'a dyn Surroundings) -> Filters<'a> {
    Filters { path: &source.path, rules, surroundings, home: &source.path, depth: 0 }
}

fn lower_document(source: &Source, spec: &Spec, filters: &Filters<'_>, diagnostics: &mut Diagnostics) -> Option<Detection> {
    let Some(block) = &spec.correlation else { return lower_rule(source, spec, None, filters, diagnostics) };
    let correlation = correlation::resolve(spec, block, filters, diagnostics)?;
    lower_rule(source, &correlation.spec, Some((correlation.events, correlation.log_source)), filters, diagnostics)
}

/// Reports what is wrong in a filter, which is no detection of its own.
pub fn check_filter(source: &Source, spec: &Spec, rules: &Rules, surroundings: &dyn Surroundings, diagnostics: &mut Diagnostics) {
    filter::check(&filters(source, rules, surroundings), spec, diagnostics);
}

/// Lowers a spec with its own selections, or with those of other rules.
fn lower_rule(
    source: &Source,
    spec: &Spec,
    events: Option<(Events, Arc<LogSource>)>,
    filters: &Filters<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Detection> {
    let surroundings = filters.surroundings;
    let (events, log_source) = match events {
        Some((events, log_source)) => (Some(events), log_source),
        None => (None, resolve_log_source(spec, surroundings, diagnostics)),
    };
    let lists = fill_lists(spec, surroundings, diagnostics);
    let parameters = parameters(spec, surroundings);
    let mut lowering = Lowering { spec, log_source: &log_source, lists: &lists, parameters: &parameters, filled: 0, diagnostics };
    let (selections, formula) = match events {
        Some(Events { selections, formula }) => {
            let formula = lowering.small_enough(formula, &selections);
            (Some(selections), formula)
        }
        None => {
            let selections = lowering.selections();
            let formula = lowering.formula(&selections);
            match filter::apply(&mut lowering, filters, selections, formula) {
                Some(Events { selections, formula }) => (Some(selections), Some(formula)),
                None => (None, None),
            }
        }
    };
    let exclusions = exclusions(&mut lowering, surroundings);
    let columns = lowering.columns();
    let schedule = lowering.schedule(selections.as_deref().unwrap_or_default());
    let aggregate = spec.aggregate.as_ref().map(|block| aggregate::lower(&mut lowering, block, &selections));
    let tests = events::tests(&mut lowering, surroundings);
    let condition = match (&formula, &selections) {
        (Some(formula), Some(selections)) => {
            let excluded = exclusions.iter().map(|exclusion| Condition::not(exclusion.condition.clone()));
            Condition::all(std::iter::once(formula_condition(formula, selections)).chain(excluded))
        }
        _ => Condition::ALWAYS,
    };
    let aggregate = match aggregate {
        Some(lowered) => Some(lowered?),
        None => None,
    };
    let (formula, selections) = (formula?, selections?);
    if let Some(aggregate) = &aggregate
        && measured_tests(aggregate, &selections) > MAX_TESTS
    {
        let message = format!("the measures stand for more than {MAX_TESTS} tests of a value");
        let error = Diagnostic::error(E0206, aggregate.span, message);
        diagnostics.push(error.help("a selection counts as often as the measures name it: name it less often, or split the spec"));
        return None;
    }
    let detection = Detection {
        log_source: log_source.clone(),
        log_source_span: spec.log_source.span,
        selections,
        formula,
        exclusions,
        condition,
        columns,
        aggregate,
        schedule,
        parameters: parameters.iter().map(|(name, number)| (name.value.clone(), number.clone())).collect(),
        lists: lists.iter().map(|list| (list.name.value.clone(), list.values.clone())).collect(),
        metadata: spec.metadata.clone(),
        alert: spec.alert.clone(),
        targets: spec.targets.clone(),
        tests,
        equivalent_mutants: spec.mutants.clone(),
    };
    checks::check(source, spec, &detection, diagnostics);
    (!diagnostics.has_errors()).then_some(detection)
}

/// A list with its values, and whether it has been used.
struct List {
    name: Spanned<String>,
    values: Vec<Value>,
}

/// The names of the selections, in order and with their indexes.
struct Names<'a> {
    list: &'a [(&'a str, usize)],
    places: &'a FxHashMap<&'a str, usize>,
}

/// What lowering needs to know everywhere.
struct Lowering<'a, 'd> {
    spec: &'a Spec,
    log_source: &'a Arc<LogSource>,
    lists: &'a [List],
    parameters: &'a [(Spanned<String>, Number)],
    /// How many values lists and modifiers have made so far.
    filled: usize,
    diagnostics: &'d mut Diagnostics,
}

fn resolve_log_source(spec: &Spec, surroundings: &dyn Surroundings, diagnostics: &mut Diagnostics) -> Arc<LogSource> {
    let reference = &spec.log_source.value;
    let defined = |log_source: LogSource| match &reference.definition {
        Some(written) => LogSource { definition: Some(written.value.clone()), ..log_source },
        None => log_source,
    };
    if let Some(found) = surroundings.log_source(&reference.id) {
        return if reference.definition.is_none() { found } else { Arc::new(defined(LogSource::clone(&found))) };
    }
    let path = reference.id.path();
    let message = format!("nobody has described the log source `{path}`: field names are taken as they are on every platform");
    let near = surroundings.near_log_source(&reference.id).map(|near| format!("did you mean `{near}`?"));
    let help = near.unwrap_or("describe it in `logsources/`, or check the names that the queries use".into());
    diagnostics.push(Diagnostic::warning(W0203, spec.log_source.span, message).help(help));
    Arc::new(defined(LogSource::open(reference.id.clone())))
}

fn fill_lists(spec: &Spec, surroundings: &dyn Surroundings, diagnostics: &mut Diagnostics) -> Vec<List> {
    let mut lists = Vec::with_capacity(spec.lists.len());
    for (name, block) in &spec.lists {
        let values = match block {
            ListBlock::Inline(values) => values.iter().map(|value| value.value.clone()).collect(),
            ListBlock::File(path) => match surroundings.list_file(&path.value) {
                Ok(values) => values,
                Err(why) => {
                    let message = format!("the list file `{}` cannot be used: {why}", path.value);
                    diagnostics.push(Diagnostic::error(E0215, path.span, message).help("paths start at the project's folder"));
                    continue;
                }
            },
        };
        let values = surroundings.adjust_list(spec, &name.value, values);
        if values.is_empty() {
            let message = format!("the site leaves no value in the list `{}`", name.value);
            diagnostics.push(Diagnostic::error(E0212, name.span, message).help("an empty list would match nothing: leave one value in it"));
            continue;
        }
        lists.push(List { name: name.clone(), values });
    }
    lists
}

fn parameters(spec: &Spec, surroundings: &dyn Surroundings) -> Vec<(Spanned<String>, Number)> {
    let value = |name: &Spanned<String>, number: &Number| surroundings.parameter(spec, &name.value).unwrap_or_else(|| number.clone());
    spec.parameters.iter().map(|(name, number)| (name.clone(), value(name, number))).collect()
}

fn exclusions(lowering: &mut Lowering<'_, '_>, surroundings: &dyn Surroundings) -> Vec<Exclusion> {
    let mut exclusions = Vec::new();
    for (reason, body, source) in surroundings.exclusions(lowering.spec) {
        let mut found = Diagnostics::new();
        let lowered = Lowering { diagnostics: &mut found, ..*lowering }.body(&body);
        // places of a site file mean nothing in the spec: its problems are reported at the spec's first key
        for problem in found.iter() {
            let message = format!("in the exclusion `{reason}` of {}: {}", source.path, problem.message);
            let at_spec = Diagnostic { span: lowering.spec.span, labels: Vec::new(), message, ..problem.clone() };
            lowering.diagnostics.push(at_spec);
        }
        exclusions.extend(lowered.map(|(body, condition)| Exclusion { reason, body, condition }));
    }
    exclusions
}

impl Lowering<'_, '_> {
    /// All selections, or nothing if one is wrong.
    fn selections(&mut self) -> Option<Vec<Selection>> {
        let mut selections = Vec::with_capacity(self.spec.detection.selections.len());
        let mut good = true;
        for (name, body) in &self.spec.detection.selections {
            match self.body(body) {
                Some((body, condition)) => selections.push(Selection { name: name.value.clone(), span: name.span, body, condition }),
                None => good = false,
            }
        }
        good.then_some(selections)
    }

    fn body(&mut self, body: &Body) -> Option<(SelectionBody, Condition)> {
        match body {
            Body::Items(items) => {
                let lowered: Vec<_> = items.iter().map(|item| item::lower(self, item)).collect();
                let lowered = lowered.into_iter().collect::<Option<Vec<_>>>()?;
                let (items, conditions): (Vec<_>, Vec<_>) = lowered.into_iter().unzip();
                Some((SelectionBody::Items(items), Condition::all(conditions)))
            }
            Body::Alternatives(bodies) => {
                let lowered: Vec<_> = bodies.iter().map(|body| self.body(body)).collect();
                let lowered = lowered.into_iter().collect::<Option<Vec<_>>>()?;
                let (bodies, conditions): (Vec<_>, Vec<_>) = lowered.into_iter().unzip();
                Some((SelectionBody::Alternatives(bodies), Condition::any(conditions)))
            }
        }
    }

    fn formula(&mut self, selections: &Option<Vec<Selection>>) -> Option<Formula> {
        let block = &self.spec.detection;
        if !block.has_condition {
            if self.spec.aggregate.is_none() {
                let error = Diagnostic::error(E0103, block.span, "`detection` has no `condition`").help("add `condition: selection`");
                self.diagnostics.push(error);
                return None;
            }
            return Some(Formula::Everything);
        }
        let names: Vec<(&str, usize)> = match selections {
            Some(selections) => selections.iter().enumerate().map(|(index, selection)| (selection.name.as_str(), index)).collect(),
            None => block.selections.iter().enumerate().map(|(index, (name, _))| (name.value.as_str(), index)).collect(),
        };
        // the first of two selections with one name counts
        let places: FxHashMap<&str, usize> = names.iter().rev().copied().collect();
        let known = Names { list: &names, places: &places };
        let parts: Vec<_> = block.conditions.iter().map(|written| self.resolve(written, &known)).collect();
        let mut parts = parts.into_iter().collect::<Option<Vec<_>>>()?;
        let formula = match parts.len() {
            0 => None,
            1 => parts.pop(),
            _ => Some(Formula::Or(parts)),
        };
        self.small_enough(formula?, selections.as_deref().unwrap_or_default())
    }

    /// A formula unless it stands for so many tests that it would not fit into memory.
    fn small_enough(&mut self, formula: Formula, selections: &[Selection]) -> Option<Formula> {
        let sizes: Vec<usize> = selections.iter().map(|selection| tests(&selection.condition)).collect();
        if formula_tests(&formula, &sizes) <= MAX_TESTS {
            return Some(formula);
        }
        let message = format!("the condition stands for more than {MAX_TESTS} tests of a value");
        let error = Diagnostic::error(E0206, self.spec.detection.span, message);
        self.diagnostics.push(error.help("a selection counts as often as the condition names it: name it once, or split the spec"));
        None
    }

    fn resolve(&mut self, written: &Written, names: &Names<'_>) -> Option<Formula> {
        match written {
            Written::Name(name) => match names.places.get(name.value.as_str()) {
                Some(index) => Some(Formula::Selection(*index)),
                None => {
                    let help = did_you_mean(&name.value, names.list.iter().map(|(known, _)| *known));
                    let message = format!("there is no selection `{}`", name.value);
                    self.diagnostics.push(Diagnostic::error(E0204, name.span, message).maybe_help(help));
                    None
                }
            },
            Written::Not(inner) => Some(Formula::Not(Box::new(self.resolve(inner, names)?))),
            Written::And(parts) => Some(Formula::And(self.resolve_all(parts, names)?)),
            Written::Or(parts) => Some(Formula::Or(self.resolve_all(parts, names)?)),
            Written::Quantified(count, pattern) => self.quantified(*count, pattern, names.list),
        }
    }

    fn resolve_all(&mut self, parts: &[Written], names: &Names<'_>) -> Option<Vec<Formula>> {
        let parts: Vec<_> = parts.iter().map(|part| self.resolve(part, names)).collect();
        parts.into_iter().collect()
    }

    fn quantified(&mut self, count: Quantity, pattern: &Spanned<String>, names: &[(&str, usize)]) -> Option<Formula> {
        let matches = |name: &str| match pattern.value.as_str() {
            "them" => !name.starts_with('_'),
            pattern => name_matches(pattern, name),
        };
        let selections: Vec<usize> = names.iter().filter(|(name, _)| matches(name)).map(|(_, index)| *index).collect();
        let problem = match count {
            _ if selections.is_empty() => Some((E0205, format!("no selection matches `{}`", pattern.value))),
            Quantity::AtLeast(n) if n > selections.len() => {
                Some((E0206, format!("`{n} of {}` can never hold: only {} match", pattern.value, selections.len())))
            }
            Quantity::AtLeast(n) if combinations(selections.len(), n) > MAX_COMBINATIONS => {
                Some((E0206, format!("`{n} of {}` stands for more than {MAX_COMBINATIONS} combinations", pattern.value)))
            }
            Quantity::AtLeast(_) | Quantity::All => None,
        };
        if let Some((code, message)) = problem {
            let help = did_you_mean(pattern.value.trim_end_matches('*'), names.iter().map(|(name, _)| *name));
            self.diagnostics.push(Diagnostic::error(code, pattern.span, message).maybe_help(help));
            return None;
        }
        Some(Formula::Quantified { count, pattern: pattern.value.clone(), selections })
    }

    fn columns(&mut self) -> Vec<Column> {
        let mut columns: Vec<Column> = Vec::new();
        let mut places: FxHashMap<String, usize> = FxHashMap::default();
        for field in &self.spec.fields {
            let Some(found) = self.field(&field.value, field.span) else { continue };
            let name = column_name(&field.value);
            if let Some(other) = places.get(&name).map(|place| &columns[*place]) {
                let message = format!("`{}` makes a second column `{name}`", field.value);
                self.diagnostics.push(Diagnostic::error(E0306, field.span, message).label(other.span, "the first one"));
                continue;
            }
            places.insert(name.clone(), columns.len());
            columns.push(Column { name, field: found, span: field.span });
        }
        columns
    }

    /// The field of a name.
    fn field(&mut self, name: &str, span: Span) -> Option<Arc<Field>> {
        field(self.log_source, name, span, self.diagnostics)
    }

    /// The values of a list.
    fn list(&mut self, name: &str, span: Span) -> Option<&[Value]> {
        if let Some(index) = self.lists.iter().position(|list| list.name.value == name) {
            return Some(&self.lists[index].values);
        }
        let (code, message) = if self.spec.lists.is_empty() {
            (crate::diagnostic::E0213, format!("the placeholder `%{name}%` has no list"))
        } else {
            (E0202, format!("there is no list `{name}`"))
        };
        if self.spec.lists.iter().any(|(list, _)| list.value == name) {
            return None; // its file could not be read, which is reported already
        }
        let known = self.lists.iter().map(|list| list.name.value.as_str());
        let help = did_you_mean(name, known).unwrap_or_else(|| format!("define it: `lists: {{ {name}: [ … ] }}`"));
        self.diagnostics.push(Diagnostic::error(code, span, message).help(help));
        None
    }

    fn schedule(&mut self, selections: &[Selection]) -> Schedule {
        let block = self.spec.schedule.as_ref();
        let every = block.map_or(DEFAULT_EVERY, |block| block.every);
        let delay = block.and_then(|block| block.delay).unwrap_or(DEFAULT_DELAY);
        let chained = selections.iter().filter_map(|selection| selection.body.alerts());
        let behind = chained.map(|inner| inner.detection.schedule.lookback - inner.detection.schedule.every).max().unwrap_or_default();
        let needed = every + self.reach() + behind;
        let lookback = block.and_then(|block| block.lookback.as_ref());
        if let Some(written) = lookback
            && written.value < needed
        {
            let message = "the lookback is too short: a run would not see every window that it reports whole";
            let help = format!("write at least {}, or leave it out", duration_text(needed));
            self.diagnostics.push(Diagnostic::error(E0308, written.span, message).help(help));
        }
        let lookback = lookback.map_or(needed, |written| written.value);
        Schedule { every, lookback, delay, span: block.map(|block| block.span) }
    }

    /// How far before an alert its events may be. A sliding window that alerts when its condition begins to hold also
    /// needs the window of the instant before.
    fn reach(&self) -> i64 {
        match self.spec.aggregate.as_ref().and_then(|aggregate| aggregate.window.as_ref()) {
            Some(WindowBlock::Tumbling(length) | WindowBlock::Sliding(length, Some(_))) => *length,
            Some(WindowBlock::Sliding(length, None)) => 2 * *length,
            Some(WindowBlock::Lookback) | None => 0,
        }
    }
}

/// The field of a name in a log source. One that nobody has described may be a slip of the pen.
fn field(log_source: &LogSource, name: &str, span: Span, diagnostics: &mut Diagnostics) -> Option<Arc<Field>> {
    if let Some(field) = log_source.described(name) {
        return Some(field);
    }
    let path = log_source.id.path();
    if let Some(others) = &log_source.others {
        // a longer name is mostly another field: `OldTargetUserName` beside `TargetUserName`
        let length = name.chars().count();
        if let Some(help) = did_you_mean(name, log_source.names().filter(|known| known.chars().count().abs_diff(length) < 2)) {
            let message = format!("`{name}` is no described field of the log source `{path}`, but nearly the name of one");
            diagnostics.push(Diagnostic::warning(W0210, span, message).help(help));
        }
        return Some(Arc::new(others.field(name)));
    }
    let names: Vec<&str> = log_source.names().collect();
    let message = format!("the log source `{path}` has no field `{name}`");
    let help = did_you_mean(name, names.iter().copied()).unwrap_or_else(|| format!("its fields are: {}", names.join(", ")));
    diagnostics.push(Diagnostic::error(E0201, span, message).help(help));
    None
}

/// A name as a column: other characters than `[A-Za-z0-9_]` become `_`.
pub fn column_name(name: &str) -> String {
    let mut column: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if column.starts_with(|c: char| c.is_ascii_digit()) {
        column.insert(0, '_');
    }
    column
}

/// `90m`, `2h`, `1d`: a length of time in its largest whole unit.
pub fn duration_text(milliseconds: i64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let fits = units.into_iter().find(|(length, _)| milliseconds % length == 0 && milliseconds != 0);
    fits.map_or_else(|| format!("{milliseconds}ms"), |(length, unit)| format!("{}{unit}", milliseconds / length))
}

fn combinations(of: usize, choose: usize) -> usize {
    let choose = choose.min(of - choose);
    (0..choose).try_fold(1usize, |product, i| product.checked_mul(of - i).map(|p| p / (i + 1))).unwrap_or(usize::MAX)
}

/// How many tests of a value a condition holds, at least one.
fn tests(condition: &Condition) -> usize {
    let mut tests = 0;
    condition.predicates(&mut |predicate| tests += predicate.tests.len());
    tests.max(1)
}

/// How many tests the selections stand for that measures name.
fn measured_tests(aggregate: &Aggregate, selections: &[Selection]) -> usize {
    let sizes: Vec<usize> = selections.iter().map(|selection| tests(&selection.condition)).collect();
    let mut sum = 0usize;
    for expression in aggregate.measures.iter().flat_map(|measure| measure.expressions()) {
        expression.visit(&mut |part| {
            if let ExpressionKind::Selection(index) = part.kind {
                sum = sum.saturating_add(sizes[index]);
            }
        });
    }
    sum
}

/// How many tests [`formula_condition`] would write, over the numbers of its selections.
fn formula_tests(formula: &Formula, sizes: &[usize]) -> usize {
    // what comes after too many need not be counted
    let add = |sum: usize, part: &Formula| if sum > MAX_TESTS { sum } else { sum.saturating_add(formula_tests(part, sizes)) };
    let sum = |parts: &[Formula]| parts.iter().fold(0, add);
    match formula {
        Formula::Everything => 0,
        Formula::Selection(index) => sizes.get(*index).copied().unwrap_or(0),
        Formula::Not(inner) => formula_tests(inner, sizes),
        Formula::And(parts) | Formula::Or(parts) => sum(parts),
        Formula::Quantified { count, selections, .. } => {
            let sizes: Vec<usize> = selections.iter().map(|index| sizes.get(*index).copied().unwrap_or(0)).collect();
            match count {
                Quantity::All => sizes.iter().sum(),
                Quantity::AtLeast(count) => at_least_tests(*count, &sizes),
            }
        }
    }
}

/// How many tests [`at_least`] would write.
fn at_least_tests(count: usize, sizes: &[usize]) -> usize {
    match count {
        0 => 0,
        _ if count == 1 || count == sizes.len() => sizes.iter().sum(),
        _ => sizes[0] + at_least_tests(count - 1, &sizes[1..]) + at_least_tests(count, &sizes[1..]),
    }
}

/// What a formula means over the conditions of its selections.
pub fn formula_condition(formula: &Formula, selections: &[Selection]) -> Condition {
    match formula {
        Formula::Everything => Condition::ALWAYS,
        Formula::Selection(index) => selections[*index].condition.clone(),
        Formula::Not(inner) => Condition::not(formula_condition(inner, selections)),
        Formula::And(parts) => Condition::all(parts.iter().map(|part| formula_condition(part, selections))),
        Formula::Or(parts) => Condition::any(parts.iter().map(|part| formula_condition(part, selections))),
        Formula::Quantified { count, selections: chosen, .. } => {
            let conditions: Vec<Condition> = chosen.iter().map(|index| selections[*index].condition.clone()).collect();
            match count {
                Quantity::All => Condition::all(conditions),
                Quantity::AtLeast(count) => at_least(*count, &conditions),
            }
        }
    }
}

/// At least so many of the conditions hold: any of all their combinations of that size.
fn at_least(count: usize, conditions: &[Condition]) -> Condition {
    match count {
        0 => Condition::ALWAYS,
        1 => Condition::any(conditions.iter().cloned()),
        _ if count == conditions.len() => Condition::all(conditions.iter().cloned()),
        _ => {
            let (first, rest) = (&conditions[0], &conditions[1..]);
            let with = Condition::all([first.clone(), at_least(count - 1, rest)]);
            Condition::any([with, at_least(count, rest)])
        }
    }
}
