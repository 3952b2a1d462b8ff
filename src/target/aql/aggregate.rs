//! Aggregates: one select that counts, and around it as many as derived columns, thresholds and labels need, because
//! a select can only use what the one inside of it has computed.

use super::clause::Clause;
use super::expression::{Column, Compiler, Facts, Value};
use super::names;
use super::query::{self, Select};
use super::writer::{Kind, Writer, property_name};
use crate::detection::{Aggregate, GroupKey, Measure, MeasureFunction, Predicate, Subject, Window};
use crate::diagnostic::{A001, A005, A006, A007, Diagnostic};
use crate::expression::{ColumnReference, Expression, ExpressionKind, Type};
use crate::source::Span;
use crate::target::Options;

/// A column of the result.
struct Output {
    /// Its name in the result.
    shown: String,
    /// As expressions see it.
    column: Column,
    /// How it is computed, on its level.
    text: String,
    /// Whether it is a length of time: computed in milliseconds, shown in seconds.
    length: bool,
}

/// The query of an aggregate.
pub fn render(
    writer: &mut Writer<'_>,
    aggregate: &Aggregate,
    events: Clause,
    time_range: &str,
    options: &Options,
) -> Result<String, Diagnostic> {
    let time = query::time_property(writer);
    let mut outputs = counted(writer, aggregate, &time);
    name_columns(writer, &mut outputs, aggregate);
    let first_derived = outputs.len();
    derive(writer, aggregate, &mut outputs);
    let (condition, condition_level) = threshold(writer, aggregate, &outputs);
    label(writer, aggregate, &mut outputs, first_derived);

    let keyless = aggregate.group_by.is_empty() && aggregate.window == Window::Lookback;
    let in_having = condition_level == 0 && !keyless && is_simple(&aggregate.condition);
    let where_level = if in_having { 0 } else { condition_level + 1 };
    let renamed = outputs.iter().filter(|output| output.shown != output.column.name).map(|output| output.column.level + 1);
    let levels = outputs.iter().map(|output| output.column.level);
    let last = levels.chain(renamed).chain([where_level]).max().unwrap_or(0);

    let mut text = String::new();
    for level in 0..=last {
        let items = outputs.iter().filter(|output| output.column.level <= level).map(|output| item(writer, output, level, last));
        let mut select = Select { items: items.collect(), ..Select::default() };
        if level == 0 {
            select.source = "events".to_owned();
            select.r#where = query::clause_text(writer, events.clone(), "starttime");
            select.group_by = group_by(aggregate, &outputs);
            select.time = time_range.to_owned();
        } else {
            select.source = query::nested(&text);
        }
        if in_having && level == 0 {
            select.having = query::clause_text(writer, condition.clone(), &window_start(&outputs, aggregate));
        }
        if !in_having && level == where_level {
            let exists = if keyless { writer.present(&window_start(&outputs, aggregate)) } else { Clause::ALWAYS };
            let clause = Clause::all([exists, condition.clone()]);
            select.r#where = query::clause_text(writer, clause, &window_start(&outputs, aggregate));
        }
        if level == last {
            select.order_by = order_by(writer, aggregate, &outputs);
            select.limit = options.limit.map(|limit| limit.to_string()).unwrap_or_default();
        }
        text = select.text(writer)?;
    }
    Ok(text)
}

fn item(writer: &Writer<'_>, output: &Output, level: usize, last: usize) -> String {
    let inside = &output.column.name;
    let alias = if level == last { names::definition(&output.shown) } else { inside.clone() };
    let seconds = writer.spell("divide", &[inside, "1000.0"]);
    let text = match level {
        level if output.column.level == level => &output.text,
        level if level == last && output.length => &seconds,
        _ => inside,
    };
    if *text == alias { alias } else { writer.spell("named", &[text, &alias]) }
}

/// Keys, window and measures: what the innermost select computes.
fn counted(writer: &mut Writer<'_>, aggregate: &Aggregate, time: &str) -> Vec<Output> {
    let mut outputs: Vec<Output> = aggregate.group_by.iter().filter_map(|key| group_key(writer, key)).collect();
    let (start, end) = match aggregate.window {
        Window::Tumbling(length) | Window::Sliding { length, .. } => {
            let start = query::window_start(writer, time, length);
            let end = writer.spell("add", &[&start, &length.to_string()]);
            (start, end)
        }
        Window::Lookback => (writer.spell("minimum", &[time]), writer.spell("maximum", &[time])),
    };
    let number = Facts { positive: true, ..Facts::default() };
    outputs.push(output("window_start", start, false, number));
    outputs.push(output("window_end", end, false, number));
    outputs.extend(aggregate.measures.iter().filter_map(|measure| measured(writer, measure)));
    outputs
}

fn output(shown: &str, text: String, missing: bool, number: Facts) -> Output {
    let column = Column { name: shown.to_owned(), missing, number, level: 0 };
    Output { shown: shown.to_owned(), column, text, length: false }
}

/// A key; an empty text counts as missing.
fn group_key(writer: &mut Writer<'_>, key: &GroupKey) -> Option<Output> {
    let property = writer.property(&key.field, key.span)?;
    let is_text = matches!(property.kind, Kind::Text | Kind::Unknown);
    let mut text = property.shown(writer);
    if is_text || key.lower {
        writer.assume(A006, key.span, format!("GROUP BY keeps different cases of `{}` apart", key.name));
    }
    if key.lower {
        let known = if is_text { text } else { writer.spell("to_text", &[&text]) };
        text = writer.spell("lower", &[&known]);
    }
    if is_text {
        assume_null(writer, key.span);
        let known = if property.kind == Kind::Unknown { writer.spell("to_text", &[&property.text]) } else { property.text.clone() };
        let empty = writer.test("equal", &[&known, &names::literal("")]);
        text = writer.choose(&empty, &writer.spell("missing", &[]), &text);
    }
    Some(output(&key.name, text, !property.always, Facts::default()))
}

fn assume_null(writer: &mut Writer<'_>, span: Span) {
    writer.assume(A007, span, "NULL can stand for a value, and MIN, MAX and AVG leave it out".to_owned());
}

fn measured(writer: &mut Writer<'_>, measure: &Measure) -> Option<Output> {
    if !matches!(measure.function, MeasureFunction::Count) {
        let message = format!("event coalescing is off, so that `{}` sees every event's own values", measure.name);
        writer.assume(A005, measure.span, message);
    }
    let mut compiler = Compiler::over_events(writer);
    let filter = measure.filter.as_ref().map_or(Clause::ALWAYS, |filter| compiler.truth(filter, false));
    let whole = Facts { positive: true, ..Facts::default() };
    match &measure.function {
        MeasureFunction::Count => {
            let bundled = writer.spell("events_bundled", &[]);
            let text = if filter.is_always() {
                writer.spell("sum", &[&bundled])
            } else {
                over(writer, "sum", &filter, &writer.spell("to_whole", &[&bundled]), "0")
            };
            Some(output(&measure.name, text, false, whole))
        }
        MeasureFunction::Distinct(argument) => {
            let value = compiler.value(argument)?;
            Some(output(&measure.name, distinct(writer, measure, argument, &value, &filter), false, whole))
        }
        MeasureFunction::Sum(argument) => {
            let value = compiler.value(argument)?;
            let counted = Clause::all([filter, value.defined()]);
            let number = Facts { nonzero: false, ..value.number };
            let sum = output(&measure.name, over(writer, "sum", &counted, &value.text, "0"), false, number);
            Some(Output { length: argument.value_type == Type::Duration, ..sum })
        }
        MeasureFunction::Average(argument) => {
            let value = compiler.value(argument)?;
            let number = Facts { real: true, nonzero: false, ..value.number };
            Some(pick(writer, measure, argument, "average", (&value, &filter, number)))
        }
        MeasureFunction::Minimum(argument) => {
            let value = compiler.value(argument)?;
            Some(pick(writer, measure, argument, "minimum", (&value, &filter, value.number)))
        }
        MeasureFunction::Maximum(argument) => {
            let value = compiler.value(argument)?;
            Some(pick(writer, measure, argument, "maximum", (&value, &filter, value.number)))
        }
        MeasureFunction::Values(_) | MeasureFunction::Percentile(..) | MeasureFunction::Ordered(_) => {
            let what = format!("`{}`: it has no function for `{}`", measure.name, measure.function.name());
            writer.refuse(
                measure.span,
                what,
                "count with `distinct`, `min`, `max` or `avg`, or skip the target: `targets: { aql: { skip: … } }`",
            );
            None
        }
    }
}

/// `F(x)`, or `F(IF condition THEN x ELSE y)`
fn over(writer: &Writer<'_>, function: &'static str, condition: &Clause, yes: &str, no: &str) -> String {
    if condition.is_always() {
        return writer.spell(function, &[yes]);
    }
    let condition = query::settled(writer, condition.clone(), "starttime");
    writer.spell(function, &[&choice(writer, &condition, yes, no, 4)])
}

/// A choice, with its branches on a line of their own if the condition is long.
fn choice(writer: &Writer<'_>, condition: &Clause, yes: &str, no: &str, indent: usize) -> String {
    let block = condition.block(writer.templates, indent);
    let line = writer.spell("choose", &[&block, yes, no]);
    if !block.contains('\n') && line.len() <= 100 {
        return line;
    }
    let here = " ".repeat(indent - 1);
    let between = if yes.contains('\n') { format!("\n{here}") } else { String::new() };
    writer.spell("choose", &[&format!("{block}\n{here}"), &format!("{yes}{between}"), no])
}

/// MIN, MAX and AVG of the events that count.
fn pick(
    writer: &mut Writer<'_>,
    measure: &Measure,
    argument: &Expression,
    function: &'static str,
    (value, filter, number): (&Value, &Clause, Facts),
) -> Output {
    let counted = Clause::all([filter.clone(), value.hard.clone()]);
    let missing = !(counted.is_always() && value.soft.is_always());
    if missing {
        assume_null(writer, measure.span);
    }
    let nothing = writer.spell("missing", &[]);
    let picked = output(&measure.name, over(writer, function, &counted, &value.text, &nothing), missing, number);
    Output { length: argument.value_type == Type::Duration, ..picked }
}

/// The number of different values of the events that count. All others share one value that no counted one can have,
/// and that is taken off again: so NULL plays no part.
fn distinct(writer: &mut Writer<'_>, measure: &Measure, argument: &Expression, value: &Value, filter: &Clause) -> String {
    if argument.value_type == Type::Text {
        writer.assume(A006, measure.span, format!("UNIQUECOUNT keeps different cases apart in `{}`", measure.name));
        writer.assume(A001, measure.span, format!("QRadar keeps an empty value that `{}` counts apart from a missing one", measure.name));
    }
    let counted = Clause::all([filter.clone(), value.defined()]);
    if counted.is_always() {
        return writer.spell("unique_count", &[&value.text]);
    }
    let text = if argument.value_type == Type::Text && !is_unknown(argument) {
        value.text.clone()
    } else {
        writer.spell("to_text", &[&value.text])
    };
    let marked = writer.spell("joined", &[&names::literal("="), &text]);
    let values = over(writer, "unique_count", &counted, &marked, &names::literal("-"));
    let others = over(writer, "maximum", &counted, "0", "1");
    let space = if values.len() + others.len() > 90 { "\n   " } else { "" };
    writer.spell("subtract", &[&format!("{values}{space}"), &others])
}

/// Whether it is a field that nobody has described.
fn is_unknown(argument: &Expression) -> bool {
    matches!(&argument.kind, ExpressionKind::Field(field) if field.kind == crate::logsource::FieldType::Any)
}

/// Gives columns that could be taken for something else a name of their own inside of the query.
fn name_columns(writer: &Writer<'_>, outputs: &mut [Output], aggregate: &Aggregate) {
    let properties = known_properties(writer);
    let mut taken: Vec<String> = outputs.iter().map(|output| output.shown.clone()).collect();
    taken.extend(aggregate.derived.iter().map(|derived| derived.name.clone()));
    taken.extend(aggregate.labels.iter().map(|label| label.name.clone()));
    for output in outputs {
        output.column.name = inner_name(output, &properties, &taken);
        taken.push(output.column.name.clone());
    }
}

/// Every property that is known to exist: of the log source, and of all selections.
fn known_properties(writer: &Writer<'_>) -> Vec<String> {
    let detection = writer.detection;
    let mut names: Vec<String> = writer.used.clone();
    names.extend(detection.log_source.fields.iter().filter_map(|field| property_name(field)).map(str::to_owned));
    let mut add = |predicate: &Predicate| {
        if let Subject::Field(field) = &predicate.subject {
            names.extend(property_name(field).map(str::to_owned));
        }
    };
    detection.selections.iter().for_each(|selection| selection.condition.predicates(&mut add));
    names
}

fn inner_name(output: &Output, properties: &[String], taken: &[String]) -> String {
    let Output { shown, text, length, .. } = output;
    let is_property = |name: &str| names::is_column(name) || properties.iter().any(|property| property.eq_ignore_ascii_case(name));
    if names::is_free_word(shown) && !length && (!is_property(shown) || text == shown) {
        return shown.to_owned();
    }
    let start = if shown.starts_with(|c: char| c.is_ascii_digit()) { "column_" } else { "" };
    let base = format!("{start}{shown}_{}", if *length { "ms" } else { "value" });
    let free = |name: &String| !is_property(name) && !taken.iter().any(|other| other.eq_ignore_ascii_case(name));
    let mut candidates = std::iter::once(base.clone()).chain((2..).map(|number| format!("{base}_{number}")));
    candidates.find(free).unwrap_or(base)
}

/// Where each kind of column stands among the outputs.
fn find(outputs: &[Output], aggregate: &Aggregate, first_derived: usize, reference: ColumnReference) -> Column {
    let keys = aggregate.group_by.len();
    let index = match reference {
        ColumnReference::Key(index) => index,
        ColumnReference::WindowStart => keys,
        ColumnReference::WindowEnd => keys + 1,
        ColumnReference::Measure(index) => keys + 2 + index,
        ColumnReference::Derived(index) => first_derived + index,
    };
    // an output is left out only when it was refused: then the text is not used
    let nothing = Column { name: "NULL".to_owned(), missing: true, number: Facts::default(), level: 0 };
    outputs.get(index).map_or(nothing, |output| output.column.clone())
}

fn derive(writer: &mut Writer<'_>, aggregate: &Aggregate, outputs: &mut Vec<Output>) {
    let first = outputs.len();
    for derived in &aggregate.derived {
        let mut added = {
            let columns = |reference| find(outputs, aggregate, first, reference);
            let mut compiler = Compiler::over_rows(writer, &columns);
            let value = compiler.value(&derived.expression).unwrap_or_else(|| Value::atom(""));
            let level = compiler.level + 1;
            let missing = !value.defined().is_always();
            let text = if value.hard.is_always() {
                value.text
            } else {
                assume_null(writer, derived.span);
                let condition = query::settled(writer, value.hard, "window_start");
                choice(writer, &condition, &value.text, &writer.spell("missing", &[]), 4)
            };
            let column = Column { name: String::new(), missing, number: value.number, level };
            Output { shown: derived.name.clone(), column, text, length: derived.expression.value_type == Type::Duration }
        };
        added.column.name = row_name(writer, &added, outputs);
        outputs.push(added);
    }
}

/// The inner name of a column that is computed over rows.
fn row_name(writer: &Writer<'_>, output: &Output, outputs: &[Output]) -> String {
    let taken: Vec<String> = outputs.iter().flat_map(|output| [output.shown.clone(), output.column.name.clone()]).collect();
    let properties = known_properties(writer);
    inner_name(output, &properties, &taken)
}

/// The threshold, and the level of the columns that it reads.
fn threshold(writer: &mut Writer<'_>, aggregate: &Aggregate, outputs: &[Output]) -> (Clause, usize) {
    let first_derived = outputs.len() - aggregate.derived.len();
    let columns = |reference| find(outputs, aggregate, first_derived, reference);
    let mut compiler = Compiler::over_rows(writer, &columns);
    let clause = compiler.truth(&aggregate.condition, false);
    (clause, compiler.level)
}

/// Whether HAVING takes it for sure: comparisons of columns with numbers, under `and` and `or`.
fn is_simple(condition: &Expression) -> bool {
    let plain = |expression: &Expression| {
        matches!(expression.kind, ExpressionKind::Number(_) | ExpressionKind::Duration(_) | ExpressionKind::Column(_))
            && expression.value_type != Type::Text
    };
    match &condition.kind {
        ExpressionKind::Compare(_, left, right) => plain(left) && plain(right),
        ExpressionKind::And(parts) | ExpressionKind::Or(parts) => parts.iter().all(is_simple),
        ExpressionKind::Boolean(_)
        | ExpressionKind::Number(_)
        | ExpressionKind::Text(_)
        | ExpressionKind::Duration(_)
        | ExpressionKind::Field(_)
        | ExpressionKind::Selection(_)
        | ExpressionKind::Column(_)
        | ExpressionKind::Negate(_)
        | ExpressionKind::Not(_)
        | ExpressionKind::Arithmetic(..)
        | ExpressionKind::Call(..) => false,
    }
}

/// Labels: the first case that holds.
fn label(writer: &mut Writer<'_>, aggregate: &Aggregate, outputs: &mut Vec<Output>, first_derived: usize) {
    for label in &aggregate.labels {
        let mut compiled = {
            let columns = |reference| find(outputs, aggregate, first_derived, reference);
            let mut compiler = Compiler::over_rows(writer, &columns);
            let mut cases = Vec::new();
            for (when, then) in &label.cases {
                let clause = compiler.truth(when, false);
                cases.push((clause, compiler.text_literal(then, label.span).unwrap_or_else(|| Value::atom("''")).text));
            }
            let otherwise =
                label.otherwise.as_ref().map(|text| compiler.text_literal(text, label.span).unwrap_or_else(|| Value::atom("''")).text);
            let level = compiler.level + 1;
            let missing = otherwise.is_none();
            if missing {
                assume_null(writer, label.span);
            }
            let otherwise = otherwise.unwrap_or_else(|| writer.spell("missing", &[]));
            let text = cases.into_iter().rev().fold(otherwise, |rest, (clause, then)| {
                let clause = query::settled(writer, clause, "window_start").block(writer.templates, 5);
                writer.spell("choose", &[&format!("{clause}\n   "), &format!("{then}\n "), &rest])
            });
            let column = Column { name: String::new(), missing, number: Facts::default(), level };
            Output { shown: label.name.clone(), column, text, length: false }
        };
        compiled.column.name = row_name(writer, &compiled, outputs);
        outputs.push(compiled);
    }
}

fn window_start(outputs: &[Output], aggregate: &Aggregate) -> String {
    outputs.get(aggregate.group_by.len()).map(|output| output.column.name.clone()).unwrap_or_default()
}

fn group_by(aggregate: &Aggregate, outputs: &[Output]) -> String {
    let window = if aggregate.window == Window::Lookback { 0 } else { 2 };
    let keys: Vec<&str> = outputs.iter().take(aggregate.group_by.len() + window).map(|output| output.column.name.as_str()).collect();
    keys.join(", ")
}

fn order_by(writer: &Writer<'_>, aggregate: &Aggregate, outputs: &[Output]) -> String {
    let mut order: Vec<(String, bool)> = Vec::new();
    let mut add = |output: &Output, descending: bool| {
        if !order.iter().any(|(name, _)| *name == output.column.name) {
            order.push((output.column.name.clone(), descending));
        }
    };
    for key in &aggregate.sort {
        outputs.iter().filter(|output| output.shown == key.column).for_each(|output| add(output, key.descending));
    }
    let keys = aggregate.group_by.len();
    outputs.get(keys).into_iter().chain(outputs.iter().take(keys)).for_each(|output| add(output, false));
    let spell = |(name, descending): (String, bool)| if descending { writer.spell("descending", &[&name]) } else { name };
    order.into_iter().map(spell).collect::<Vec<_>>().join(", ")
}
