//! The `aggregate` block: keys, window, measures, derived columns, condition, labels and order.

use super::checks::written_names;
use super::{Lowering, column_name};
use crate::detection::{Aggregate, Derived, GroupKey, Label, MAX_STEPS, Measure, MeasureFunction, Selection, SortKey, Window};
use crate::diagnostic::{Diagnostic, E0204, E0216, E0302, E0303, E0304, E0305, E0306, E0307, E0309, E0310, did_you_mean};
use crate::expression::check::{Named, Scope, check, check_value, coerce, type_of};
use crate::expression::parse::{Written, WrittenKind};
use crate::expression::{ColumnReference, Expression, ExpressionKind, Function, Relational, Type};
use crate::logsource::LogSource;
use crate::source::{Span, Spanned};
use crate::spec::{AggregateBlock, WindowBlock};
use crate::yaml::Number;

/// How many derived columns may stand on each other.
const MAX_LEVELS: usize = 100;

/// Lowers the block; `None` if something in it is wrong.
pub(super) fn lower(lowering: &mut Lowering<'_, '_>, block: &AggregateBlock, selections: &Option<Vec<Selection>>) -> Option<Aggregate> {
    let names: Vec<String> = match selections {
        Some(selections) => selections.iter().map(|selection| selection.name.clone()).collect(),
        None => lowering.spec.detection.selections.iter().map(|(name, _)| name.value.clone()).collect(),
    };
    let mut columns = Columns { parameters: lowering.parameters, known: Vec::new() };
    let group_by = group_keys(lowering, block, &mut columns);
    for (name, reference) in [("window_start", ColumnReference::WindowStart), ("window_end", ColumnReference::WindowEnd)] {
        columns.known.push(Known {
            written: name.into(),
            column: name.into(),
            reference: Some(Named::Column(reference, Type::Timestamp)),
            span: block.span,
        });
    }
    for name in &block.broken {
        columns.add(lowering, name, Some(Named::Broken));
    }
    let window = window(lowering, block, &names);
    let measures = measures(lowering, block, &names, &mut columns);
    let derived = derived(lowering, block, &mut columns);
    let condition = block.condition.as_ref().and_then(|written| check(written, Type::Boolean, &columns, lowering.diagnostics));
    if let (Some(condition), Some(measures)) = (&condition, &measures) {
        refuse_absence(lowering, condition, measures);
    }
    let labels = labels(lowering, block, &mut columns);
    let sort = sort(lowering, block, &columns);
    Some(Aggregate {
        group_by: group_by?,
        window: window?,
        measures: measures?,
        derived: derived?,
        condition: condition?,
        labels: labels?,
        sort,
        span: block.span,
    })
}

/// The columns that are known so far.
struct Columns<'a> {
    parameters: &'a [(Spanned<String>, Number)],
    known: Vec<Known>,
}

struct Known {
    written: String,
    column: String,
    /// `None` for labels, which nothing can read.
    reference: Option<Named>,
    span: Span,
}

impl Columns<'_> {
    fn add(&mut self, lowering: &mut Lowering<'_, '_>, name: &Spanned<String>, reference: Option<Named>) -> String {
        let column = column_name(&name.value);
        if let Some(other) = self.known.iter().find(|known| known.column.eq_ignore_ascii_case(&column)) {
            let message = format!("there is another column `{column}`");
            lowering.diagnostics.push(Diagnostic::error(E0306, name.span, message).label(other.span, "here"));
        }
        if let Some((parameter, _)) = self.parameters.iter().find(|(parameter, _)| parameter.value == name.value) {
            let message = format!("`{}` is a column and a parameter", name.value);
            lowering.diagnostics.push(Diagnostic::error(E0305, name.span, message).label(parameter.span, "the parameter"));
        }
        self.known.push(Known { written: name.value.clone(), column: column.clone(), reference, span: name.span });
        column
    }
}

impl Scope for Columns<'_> {
    fn value(&self, name: &str) -> Option<Named> {
        let parameter = self.parameters.iter().find(|(parameter, _)| parameter.value == name);
        let column = self.known.iter().find(|known| known.written == name).and_then(|known| known.reference.clone());
        column.or(parameter.map(|(_, number)| Named::Number(number.value)))
    }

    fn selection(&self, _: &str) -> Option<usize> {
        None
    }

    fn names(&self) -> Vec<String> {
        let columns = self.known.iter().filter(|known| known.reference.is_some()).map(|known| known.written.clone());
        columns.chain(self.parameters.iter().map(|(name, _)| name.value.clone())).collect()
    }

    fn describe(&self) -> &'static str {
        "a measure, a derived column that stands before, a group key, window_start, window_end or a parameter"
    }
}

/// The names inside of a measure.
struct EventNames<'a> {
    log_source: &'a LogSource,
    parameters: &'a [(Spanned<String>, Number)],
    selections: &'a [String],
}

impl Scope for EventNames<'_> {
    fn value(&self, name: &str) -> Option<Named> {
        if let Some((_, number)) = self.parameters.iter().find(|(parameter, _)| parameter.value == name) {
            return Some(Named::Number(number.value));
        }
        self.log_source.field(name).map(Named::Field)
    }

    fn selection(&self, name: &str) -> Option<usize> {
        self.selections.iter().position(|selection| selection == name)
    }

    fn names(&self) -> Vec<String> {
        let parameters = self.parameters.iter().map(|(name, _)| name.value.clone());
        self.log_source.names().map(str::to_owned).chain(self.selections.iter().cloned()).chain(parameters).collect()
    }

    fn describe(&self) -> &'static str {
        "a field of the log source or a parameter"
    }
}

fn group_keys(lowering: &mut Lowering<'_, '_>, block: &AggregateBlock, columns: &mut Columns<'_>) -> Option<Vec<GroupKey>> {
    let (mut keys, mut good) = (Vec::new(), true);
    for (name, written) in &block.group_by {
        match group_key(lowering, name.as_ref(), written, columns, keys.len()) {
            Some(key) => keys.push(key),
            None => good = false,
        }
    }
    good.then_some(keys)
}

fn group_key(
    lowering: &mut Lowering<'_, '_>,
    name: Option<&Spanned<String>>,
    written: &Written,
    columns: &mut Columns<'_>,
    index: usize,
) -> Option<GroupKey> {
    let mut inner = &written.kind;
    let lower = matches!(inner, WrittenKind::Call(function, _, None) if function.value == Function::Lower.name());
    if let WrittenKind::Call(_, arguments, None) = inner
        && let ([argument], true) = (arguments.as_slice(), lower)
    {
        inner = &argument.kind;
    }
    let WrittenKind::Name(field_name) = inner else { return bad_key(lowering, written.span) };
    let field = lowering.field(field_name, written.span)?;
    if field.list {
        let message = format!("`{field_name}` may have several values in one event, so it cannot be a key");
        lowering.diagnostics.push(Diagnostic::error(E0216, written.span, message));
        return None;
    }
    let shown = name.cloned().unwrap_or_else(|| Spanned::new(field_name.clone(), written.span));
    let column = columns.add(lowering, &shown, Some(Named::Column(ColumnReference::Key(index), type_of(&field))));
    Some(GroupKey { name: column, field, lower, span: written.span })
}

fn bad_key<T>(lowering: &mut Lowering<'_, '_>, span: Span) -> Option<T> {
    let error = Diagnostic::error(E0302, span, "a group key is a field or lower(field)");
    lowering.diagnostics.push(error.help("write `group-by: [user, source_ip]`"));
    None
}

fn window(lowering: &mut Lowering<'_, '_>, block: &AggregateBlock, selections: &[String]) -> Option<Window> {
    match block.window.as_ref()? {
        WindowBlock::Tumbling(length) => Some(Window::Tumbling(*length)),
        WindowBlock::Lookback => Some(Window::Lookback),
        WindowBlock::Sliding(length, None) => Some(Window::Sliding { length: *length, at: None }),
        WindowBlock::Sliding(length, Some(name)) => match selections.iter().position(|selection| *selection == name.value) {
            Some(index) => Some(Window::Sliding { length: *length, at: Some(index) }),
            None => {
                let help = did_you_mean(&name.value, selections.iter().map(String::as_str));
                let message = format!("there is no selection `{}`", name.value);
                lowering.diagnostics.push(Diagnostic::error(E0204, name.span, message).maybe_help(help));
                None
            }
        },
    }
}

fn measures(
    lowering: &mut Lowering<'_, '_>,
    block: &AggregateBlock,
    selections: &[String],
    columns: &mut Columns<'_>,
) -> Option<Vec<Measure>> {
    let (log_source, parameters) = (lowering.log_source.clone(), lowering.parameters);
    refuse_hidden_fields(lowering, block);
    let scope = EventNames { log_source: &log_source, parameters, selections };
    let (mut measures, mut good) = (Vec::new(), true);
    for (name, written) in &block.measures {
        let lowered = measure(lowering, written, &scope);
        let reference = ColumnReference::Measure(measures.len());
        let named = lowered.as_ref().map_or(Named::Broken, |(function, _)| Named::Column(reference, measure_type(function)));
        let column = columns.add(lowering, name, Some(named));
        match lowered {
            Some((function, filter)) => measures.push(Measure { name: column, function, filter, span: name.span }),
            None => {
                good = false;
                measures.push(Measure { name: column, function: MeasureFunction::Count, filter: None, span: name.span });
            }
        }
    }
    good.then_some(measures)
}

/// A parameter that is called like a described field would stand for it in a measure.
fn refuse_hidden_fields(lowering: &mut Lowering<'_, '_>, block: &AggregateBlock) {
    if lowering.log_source.open {
        return;
    }
    let mut used = Vec::new();
    block.measures.iter().for_each(|(_, written)| written_names(written, &mut used));
    for (name, _) in lowering.parameters {
        if used.contains(&name.value.as_str()) && lowering.log_source.field(&name.value).is_some() {
            let message = format!("`{}` is a parameter and a field of the log source", name.value);
            lowering.diagnostics.push(Diagnostic::error(E0305, name.span, message).help("rename the parameter"));
        }
    }
}

fn measure_type(function: &MeasureFunction) -> Type {
    match function {
        MeasureFunction::Count | MeasureFunction::Distinct(_) | MeasureFunction::Ordered(_) => Type::Number,
        MeasureFunction::Values(_) => Type::Texts,
        MeasureFunction::Sum(x)
        | MeasureFunction::Average(x)
        | MeasureFunction::Minimum(x)
        | MeasureFunction::Maximum(x)
        | MeasureFunction::Percentile(x, _) => x.value_type,
    }
}

fn measure(lowering: &mut Lowering<'_, '_>, written: &Written, scope: &EventNames<'_>) -> Option<(MeasureFunction, Option<Expression>)> {
    let WrittenKind::Call(name, arguments, filter) = &written.kind else {
        let error = Diagnostic::error(E0302, written.span, "a measure is a call such as count(selection) or distinct(field)");
        lowering.diagnostics.push(error.help("compute with measures under `derive`"));
        return None;
    };
    let filter = match filter {
        Some(filter) => Some(check(filter, Type::Boolean, scope, lowering.diagnostics)?),
        None => None,
    };
    let wanted = if name.value == "percentile" { 2 } else { 1 };
    let fits = if name.value == "count" { arguments.len() <= 1 } else { arguments.len() == wanted };
    const NAMES: [&str; 9] = ["count", "distinct", "sum", "avg", "min", "max", "values", "percentile", "ordered"];
    if !NAMES.contains(&name.value.as_str()) {
        let help = did_you_mean(&name.value, NAMES).unwrap_or_else(|| format!("measures are {}", NAMES.join(", ")));
        lowering.diagnostics.push(Diagnostic::error(E0303, name.span, format!("there is no measure `{}`", name.value)).help(help));
        return None;
    }
    if name.value == "ordered" {
        return ordered(lowering, written, arguments, scope).map(|function| (function, filter));
    }
    if !fits {
        let most = if name.value == "count" { "at most " } else { "" };
        let plural = if wanted == 1 { "" } else { "s" };
        let message = format!("`{}` takes {most}{wanted} argument{plural}, not {}", name.value, arguments.len());
        lowering.diagnostics.push(Diagnostic::error(E0304, written.span, message));
        return None;
    }
    if name.value == "count" {
        let counted = match arguments.first() {
            Some(argument) => Some(check(argument, Type::Boolean, scope, lowering.diagnostics)?),
            None => None,
        };
        return Some((MeasureFunction::Count, both(counted, filter)));
    }
    let argument = check_value(&arguments[0], scope, lowering.diagnostics)?;
    let function = match name.value.as_str() {
        "distinct" => MeasureFunction::Distinct(argument),
        "values" => MeasureFunction::Values(argument),
        "sum" => MeasureFunction::Sum(numeric(lowering, argument, "sum", &[Type::Number, Type::Duration])?),
        "avg" => MeasureFunction::Average(numeric(lowering, argument, "avg", &[Type::Number, Type::Duration])?),
        "min" => MeasureFunction::Minimum(numeric(lowering, argument, "min", &[Type::Number, Type::Timestamp, Type::Duration])?),
        "max" => MeasureFunction::Maximum(numeric(lowering, argument, "max", &[Type::Number, Type::Timestamp, Type::Duration])?),
        _ => {
            let argument = numeric(lowering, argument, "percentile", &[Type::Number, Type::Duration])?;
            MeasureFunction::Percentile(argument, rank(lowering, &arguments[1], scope)?)
        }
    };
    Some((function, filter))
}

/// `ordered(a, b)`
fn ordered(lowering: &mut Lowering<'_, '_>, written: &Written, arguments: &[Written], scope: &EventNames<'_>) -> Option<MeasureFunction> {
    if !(2..=MAX_STEPS).contains(&arguments.len()) {
        let message = format!("`ordered` takes 2 to {MAX_STEPS} arguments, not {}", arguments.len());
        lowering.diagnostics.push(Diagnostic::error(E0304, written.span, message));
        return None;
    }
    let steps: Vec<_> = arguments.iter().map(|argument| check(argument, Type::Boolean, scope, lowering.diagnostics)).collect();
    steps.into_iter().collect::<Option<Vec<_>>>().map(MeasureFunction::Ordered)
}

fn both(first: Option<Expression>, second: Option<Expression>) -> Option<Expression> {
    match (first, second) {
        (Some(first), Some(second)) => {
            let span = first.span.to(second.span);
            Some(Expression { kind: ExpressionKind::And(vec![first, second]), value_type: Type::Boolean, span })
        }
        (first, second) => first.or(second),
    }
}

/// The argument of a computing measure; a field of unknown type counts as a number.
fn numeric(lowering: &mut Lowering<'_, '_>, argument: Expression, name: &str, allowed: &[Type]) -> Option<Expression> {
    let argument = coerce(argument, Type::Number);
    if allowed.contains(&argument.value_type) {
        return Some(argument);
    }
    let message = format!("`{name}` needs a number, this is {}", argument.value_type.describe());
    lowering.diagnostics.push(Diagnostic::error(E0302, argument.span, message));
    None
}

fn rank(lowering: &mut Lowering<'_, '_>, written: &Written, scope: &EventNames<'_>) -> Option<f64> {
    let expression = check(written, Type::Number, scope, lowering.diagnostics)?;
    if let ExpressionKind::Number(rank) = expression.kind
        && rank > 0.0
        && rank <= 100.0
    {
        return Some(rank);
    }
    let error = Diagnostic::error(E0302, written.span, "the rank of a percentile is a number above 0 and up to 100");
    lowering.diagnostics.push(error.help("write `percentile(bytes, 95)`"));
    None
}

fn derived(lowering: &mut Lowering<'_, '_>, block: &AggregateBlock, columns: &mut Columns<'_>) -> Option<Vec<Derived>> {
    let (mut derived, mut good, mut levels) = (Vec::new(), true, Vec::new());
    for (name, written) in &block.derive {
        let expression = check_value(written, columns, lowering.diagnostics);
        let reference = ColumnReference::Derived(derived.len());
        let named = expression.as_ref().map_or(Named::Broken, |expression| Named::Column(reference, expression.value_type));
        let column = columns.add(lowering, name, Some(named));
        let expression = expression.filter(|expression| fits(lowering, expression, &mut levels, name.span));
        match expression {
            Some(expression) => derived.push(Derived { name: column, expression, span: name.span }),
            None => good = false,
        }
    }
    good.then_some(derived)
}

/// Whether a derived column stands on few enough others that stand on each other. A target may have to write one query
/// around another for each of these levels.
fn fits(lowering: &mut Lowering<'_, '_>, expression: &Expression, levels: &mut Vec<usize>, span: Span) -> bool {
    let mut level = 0;
    expression.visit(&mut |part| {
        if let ExpressionKind::Column(ColumnReference::Derived(index)) = part.kind {
            level = level.max(levels.get(index).map_or(0, |below| below + 1));
        }
    });
    levels.push(level);
    if level > MAX_LEVELS {
        let message = format!("derived columns build on each other more than {MAX_LEVELS} deep");
        lowering.diagnostics.push(Diagnostic::error(E0310, span, message));
    }
    level <= MAX_LEVELS
}

fn labels(lowering: &mut Lowering<'_, '_>, block: &AggregateBlock, columns: &mut Columns<'_>) -> Option<Vec<Label>> {
    let (mut labels, mut good) = (Vec::new(), true);
    for (name, label) in &block.labels {
        let mut cases = Vec::with_capacity(label.cases.len());
        for (when, then) in &label.cases {
            match check(when, Type::Boolean, columns, lowering.diagnostics) {
                Some(when) => cases.push((when, then.clone())),
                None => good = false,
            }
        }
        let column = columns.add(lowering, name, None);
        labels.push(Label { name: column, cases, otherwise: label.otherwise.clone(), span: name.span });
    }
    good.then_some(labels)
}

/// The keys that are columns; the others are reported.
fn sort(lowering: &mut Lowering<'_, '_>, block: &AggregateBlock, columns: &Columns<'_>) -> Vec<SortKey> {
    let mut keys = Vec::with_capacity(block.sort.len());
    for (name, descending) in &block.sort {
        match columns.known.iter().find(|known| known.written == name.value) {
            Some(known) => keys.push(SortKey { column: known.column.clone(), descending: *descending }),
            None => {
                let help = did_you_mean(&name.value, columns.known.iter().map(|known| known.written.as_str()));
                let message = format!("there is no column `{}`", name.value);
                lowering.diagnostics.push(Diagnostic::error(E0309, name.span, message).maybe_help(help));
            }
        }
    }
    keys
}

/// A window without events does not exist, so a condition that needs one never holds.
fn refuse_absence(lowering: &mut Lowering<'_, '_>, condition: &Expression, measures: &[Measure]) {
    if let Some(span) = never(condition, measures) {
        let message = "this can never hold: a group and window without events does not exist";
        let help = "to find what is missing, compare with a list of what must be there outside of the rule";
        lowering.diagnostics.push(Diagnostic::error(E0307, span, message).help(help));
    }
}

/// The place of a condition that cannot hold whatever is counted.
fn never(condition: &Expression, measures: &[Measure]) -> Option<Span> {
    if let ExpressionKind::And(parts) = &condition.kind {
        return parts.iter().find_map(|part| never(part, measures));
    }
    if let ExpressionKind::Or(parts) = &condition.kind {
        let spans: Option<Vec<Span>> = parts.iter().map(|part| never(part, measures)).collect();
        return spans.and_then(|spans| spans.first().copied());
    }
    let ExpressionKind::Compare(relational, left, right) = &condition.kind else { return None };
    let impossible = match (least(left, measures).zip(number(right)), number(left).zip(least(right, measures))) {
        (Some((least, number)), _) => below(*relational, least, number),
        (None, Some((number, least))) => below(relational.turned(), least, number),
        (None, None) => false,
    };
    impossible.then_some(condition.span)
}

/// The smallest number that a count can be in a window that exists.
fn least(expression: &Expression, measures: &[Measure]) -> Option<f64> {
    let ExpressionKind::Column(ColumnReference::Measure(index)) = expression.kind else { return None };
    let measure = &measures[index];
    match (&measure.function, &measure.filter) {
        (MeasureFunction::Count, None) => Some(1.0),
        (MeasureFunction::Count, Some(_)) | (MeasureFunction::Distinct(_) | MeasureFunction::Ordered(_), _) => Some(0.0),
        (
            MeasureFunction::Sum(_)
            | MeasureFunction::Average(_)
            | MeasureFunction::Minimum(_)
            | MeasureFunction::Maximum(_)
            | MeasureFunction::Values(_)
            | MeasureFunction::Percentile(..),
            _,
        ) => None,
    }
}

fn number(expression: &Expression) -> Option<f64> {
    if let ExpressionKind::Number(number) = expression.kind { Some(number) } else { None }
}

/// Whether no value of at least `least` relates so to the number.
fn below(relational: Relational, least: f64, number: f64) -> bool {
    match relational {
        Relational::Equal | Relational::LessOrEqual => number < least,
        Relational::Less => number <= least,
        Relational::NotEqual | Relational::Greater | Relational::GreaterOrEqual => false,
    }
}
