//! The `aggregate` block → blocks in which one key, the window, one measure, one expression, one label or the order differs.

use super::expression::{neighbours, variants as expressions};
use super::words::Words;
use super::{Kind, Variant, lengths, with, with_length, without};
use crate::detection::{Aggregate, Detection, GroupKey, Label, Measure, MeasureFunction, SortKey, Window};
use crate::expression::{ColumnReference, Expression, ExpressionKind, Type};
use crate::logsource::FieldType;
use crate::source::Span;

type Named = (String, Variant<Aggregate>);

/// All variants, each with the name of its part, in the order of the block.
pub(super) fn variants(words: &Words<'_>, detection: &Detection, aggregate: &Aggregate) -> Vec<Named> {
    let mut found = keys(aggregate);
    found.extend(window(words, aggregate));
    for (index, measure) in aggregate.measures.iter().enumerate() {
        let part = format!("measure `{}`", measure.name);
        let put = |measure| Aggregate { measures: with(&aggregate.measures, index, measure), ..aggregate.clone() };
        found.extend(measures(words, detection, aggregate, measure).into_iter().map(|variant| (part.clone(), variant.map(put))));
    }
    for (index, derived) in aggregate.derived.iter().enumerate() {
        let part = format!("derived column `{}`", derived.name);
        let put = |expression| {
            let mut aggregate = aggregate.clone();
            aggregate.derived[index].expression = expression;
            aggregate
        };
        found.extend(expressions(words, &derived.expression).into_iter().map(|variant| (part.clone(), variant.map(put))));
    }
    let conditions = expressions(words, &aggregate.condition).into_iter();
    let put = |condition| Aggregate { condition, ..aggregate.clone() };
    found.extend(conditions.map(|variant| ("aggregate condition".to_owned(), variant.map(put))));
    for (index, label) in aggregate.labels.iter().enumerate() {
        let part = format!("label `{}`", label.name);
        let put = |label| Aggregate { labels: with(&aggregate.labels, index, label), ..aggregate.clone() };
        found.extend(labels(words, label).into_iter().map(|variant| (part.clone(), variant.map(put))));
    }
    found.extend(order(words, detection, aggregate));
    found
}

fn keys(aggregate: &Aggregate) -> Vec<Named> {
    let part = || "group-by".to_owned();
    let mut found = Vec::new();
    for (index, key) in aggregate.group_by.iter().enumerate() {
        if let Some(rest) = without_key(aggregate, index) {
            found.push((part(), Variant::loses(key.span, Kind::Group, &key.name, rest)));
        }
        if key.lower || has_case(key.field.kind) {
            let toggled = GroupKey { lower: !key.lower, ..key.clone() };
            let shown = |key: &GroupKey| if key.lower { format!("lower({})", key.field.name) } else { key.field.name.clone() };
            let (old, new) = (shown(key), shown(&toggled));
            let changed = Aggregate { group_by: with(&aggregate.group_by, index, toggled), ..aggregate.clone() };
            found.push((part(), Variant::becomes(key.span, Kind::Group, &old, &new, changed)));
        }
    }
    found
}

/// Whether values of the type may differ in case. That of addresses is nobody's business.
fn has_case(kind: FieldType) -> bool {
    match kind {
        FieldType::Text | FieldType::Any => true,
        FieldType::Integer | FieldType::Number | FieldType::Boolean | FieldType::Ip | FieldType::Timestamp => false,
    }
}

/// Without a group key; `None` if an expression uses it.
fn without_key(aggregate: &Aggregate, index: usize) -> Option<Aggregate> {
    let mut rest = Aggregate { group_by: without(&aggregate.group_by, index), ..aggregate.clone() };
    let derived = rest.derived.iter_mut().map(|derived| &mut derived.expression);
    let labels = rest.labels.iter_mut().flat_map(|label| label.cases.iter_mut().map(|(when, _)| when));
    let mut good = true;
    derived.chain(labels).chain([&mut rest.condition]).for_each(|expression| good &= renumber(expression, index));
    good.then_some(rest)
}

/// Keys after a dropped one move up; whether the expression does not need the dropped one.
fn renumber(expression: &mut Expression, dropped: usize) -> bool {
    match &mut expression.kind {
        ExpressionKind::Column(ColumnReference::Key(key)) => {
            let good = *key != dropped;
            *key -= usize::from(*key > dropped);
            good
        }
        ExpressionKind::Negate(inner) | ExpressionKind::Not(inner) => renumber(inner, dropped),
        ExpressionKind::Arithmetic(_, left, right) | ExpressionKind::Compare(_, left, right) => {
            renumber(left, dropped) & renumber(right, dropped)
        }
        ExpressionKind::And(parts) | ExpressionKind::Or(parts) | ExpressionKind::Call(_, parts) => {
            parts.iter_mut().fold(true, |good, part| renumber(part, dropped) & good)
        }
        ExpressionKind::Column(
            ColumnReference::Measure(_) | ColumnReference::Derived(_) | ColumnReference::WindowStart | ColumnReference::WindowEnd,
        )
        | ExpressionKind::Number(_)
        | ExpressionKind::Text(_)
        | ExpressionKind::Duration(_)
        | ExpressionKind::Boolean(_)
        | ExpressionKind::Field(_)
        | ExpressionKind::Selection(_) => true,
    }
}

fn window(words: &Words<'_>, aggregate: &Aggregate) -> Vec<Named> {
    let part = || "window".to_owned();
    let put = |window| Aggregate { window, ..aggregate.clone() };
    let span = words.place(&["aggregate", "window"]);
    let others = aggregate.window.length().map(|length| lengths(span, Kind::Window, length)).unwrap_or_default();
    let changed = |variant: Variant<i64>| (part(), variant.map(|length| put(with_length(&aggregate.window, length))));
    let mut found: Vec<Named> = others.into_iter().map(changed).collect();
    if let Window::Sliding { length, at: Some(selection) } = aggregate.window {
        let everywhere = put(Window::Sliding { length, at: None });
        let lost = format!("at: {}", words.selection(selection));
        found.push((part(), Variant::loses(words.place(&["aggregate", "window", "at"]), Kind::Window, &lost, everywhere)));
    }
    found
}

fn measures(words: &Words<'_>, detection: &Detection, aggregate: &Aggregate, measure: &Measure) -> Vec<Variant<Measure>> {
    let becomes = |function: MeasureFunction, filter: Option<Expression>| {
        let (old, new) = (words.own_measure(measure), words.measure(&function, filter.as_ref()));
        Variant::becomes(measure.span, Kind::Measure, &old, &new, Measure { function, filter, ..measure.clone() })
    };
    let functions = other_functions(detection, aggregate, &measure.function).into_iter();
    let mut found: Vec<_> = functions.map(|function| becomes(function, measure.filter.clone())).collect();
    if let Some(argument) = measure.function.argument() {
        let put = |argument| Measure { function: with_argument(&measure.function, argument), ..measure.clone() };
        found.extend(expressions(words, argument).into_iter().map(|variant| variant.map(put)));
    }
    if let Some(filter) = &measure.filter {
        found.push(becomes(measure.function.clone(), None));
        if !matches!(filter.kind, ExpressionKind::Selection(_) | ExpressionKind::Not(_)) {
            let negated = Expression { kind: ExpressionKind::Not(Box::new(filter.clone())), ..filter.clone() };
            found.push(becomes(measure.function.clone(), Some(negated)));
        }
        let put = |filter| Measure { filter: Some(filter), ..measure.clone() };
        found.extend(expressions(words, filter).into_iter().map(|variant| variant.map(put)));
    }
    found
}

/// Measures that are easily taken for this one.
fn other_functions(detection: &Detection, aggregate: &Aggregate, function: &MeasureFunction) -> Vec<MeasureFunction> {
    match function {
        MeasureFunction::Count => counted_field(detection, aggregate).map(MeasureFunction::Distinct).into_iter().collect(),
        MeasureFunction::Distinct(_) => vec![MeasureFunction::Count],
        MeasureFunction::Sum(x) => vec![MeasureFunction::Average(x.clone())],
        MeasureFunction::Average(x) => vec![MeasureFunction::Sum(x.clone())],
        MeasureFunction::Minimum(x) => vec![MeasureFunction::Maximum(x.clone())],
        MeasureFunction::Maximum(x) => vec![MeasureFunction::Minimum(x.clone())],
        MeasureFunction::Values(x) => vec![MeasureFunction::Distinct(x.clone())],
        MeasureFunction::Percentile(x, rank) => {
            let possible = |rank: &f64| *rank > 0.0 && *rank <= 100.0;
            neighbours(*rank).into_iter().filter(possible).map(|rank| MeasureFunction::Percentile(x.clone(), rank)).collect()
        }
        MeasureFunction::Ordered(steps) => {
            let exchanged = |index: usize| {
                let mut steps = steps.clone();
                steps.swap(index - 1, index);
                MeasureFunction::Ordered(steps)
            };
            (1..steps.len()).map(exchanged).collect()
        }
    }
}

/// What could be counted instead of events: actions, else the first group key.
fn counted_field(detection: &Detection, aggregate: &Aggregate) -> Option<Expression> {
    let action = detection.log_source.action.clone().filter(|field| !field.list);
    let field = action.or_else(|| aggregate.group_by.first().map(|key| key.field.clone()))?;
    Some(Expression { kind: ExpressionKind::Field(field), value_type: Type::Text, span: Span::default() })
}

fn with_argument(function: &MeasureFunction, argument: Expression) -> MeasureFunction {
    match function {
        MeasureFunction::Count | MeasureFunction::Ordered(_) => function.clone(),
        MeasureFunction::Distinct(_) => MeasureFunction::Distinct(argument),
        MeasureFunction::Sum(_) => MeasureFunction::Sum(argument),
        MeasureFunction::Average(_) => MeasureFunction::Average(argument),
        MeasureFunction::Minimum(_) => MeasureFunction::Minimum(argument),
        MeasureFunction::Maximum(_) => MeasureFunction::Maximum(argument),
        MeasureFunction::Values(_) => MeasureFunction::Values(argument),
        MeasureFunction::Percentile(_, rank) => MeasureFunction::Percentile(argument, *rank),
    }
}

fn labels(words: &Words<'_>, label: &Label) -> Vec<Variant<Label>> {
    let put = |cases| Label { cases, ..label.clone() };
    let when = |index: usize| words.expression(&label.cases[index].0);
    let mut found = Vec::new();
    for (index, (condition, text)) in label.cases.iter().enumerate() {
        let changed = expressions(words, condition).into_iter();
        let changed = changed.map(|variant| variant.map(|condition| put(with(&label.cases, index, (condition, text.clone())))));
        found.extend(changed.map(|variant| Variant { kind: Kind::Label, ..variant }));
        let other = format!("{text}~");
        let renamed = put(with(&label.cases, index, (condition.clone(), other.clone())));
        found.push(Variant::becomes(condition.span, Kind::Label, text, &other, renamed));
        let lost = put(without(&label.cases, index));
        found.push(Variant { change: format!("loses the case `{}`", when(index)), span: condition.span, kind: Kind::Label, value: lost });
        if index > 0 {
            let mut cases = label.cases.clone();
            cases.swap(index - 1, index);
            let change = format!("the cases `{}` and `{}` change places", when(index - 1), when(index));
            found.push(Variant { change, span: condition.span, kind: Kind::Label, value: put(cases) });
        }
    }
    if label.otherwise.is_some() {
        let lost = Label { otherwise: None, ..label.clone() };
        found.push(Variant::loses(label.span, Kind::Label, "otherwise", lost));
    }
    found
}

/// Alerts are compared in any order: a test sees the order of rows only where the throttle lets the first of several rows
/// of one window through.
fn order(words: &Words<'_>, detection: &Detection, aggregate: &Aggregate) -> Vec<Named> {
    let throttled =
        |key: &GroupKey| detection.alert.throttle.as_ref().is_some_and(|throttle| throttle.by.iter().any(|name| name.value == key.name));
    if detection.alert.throttle.is_none() || aggregate.group_by.iter().all(throttled) {
        return Vec::new();
    }
    let shown = |key: &SortKey| format!("{}{}", if key.descending { "-" } else { "" }, key.column);
    let flipped = |(index, key): (usize, &SortKey)| {
        let other = SortKey { descending: !key.descending, ..key.clone() };
        let (old, new) = (shown(key), shown(&other));
        let changed = Aggregate { sort: with(&aggregate.sort, index, other), ..aggregate.clone() };
        ("sort".to_owned(), Variant::becomes(words.place(&["aggregate", "sort"]), Kind::Order, &old, &new, changed))
    };
    aggregate.sort.iter().enumerate().map(flipped).collect()
}
