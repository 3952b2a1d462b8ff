//! The items of a map go in; maps come out that mean the same to every reader, one of which must hold. They differ from
//! what the author wrote only where the specification leaves the meaning open or has no form.

use crate::detection::{Comparison, Item, Modifier};
use crate::diagnostic::{Diagnostic, E0401};
use crate::yaml::{Number, Value};

/// The largest number of maps that one map is written out to.
const MAX_MAPS: usize = 64;

/// The maps that say what `items` say together.
pub(super) fn maps(items: &[Item], refused: &mut Vec<Diagnostic>) -> Vec<Vec<Item>> {
    let items: Vec<Item> = items.iter().map(|item| existence(&time_part(item, refused))).collect();
    let mut maps: Vec<Vec<Item>> = vec![Vec::new()];
    for item in &items {
        let variants = null_apart(item, refused);
        if let [only] = variants.as_slice() {
            maps.iter_mut().for_each(|map| map.push(only.clone()));
            continue;
        }
        maps = maps.iter().flat_map(|map| variants.iter().map(|item| [map.as_slice(), std::slice::from_ref(item)].concat())).collect();
        if maps.len() > MAX_MAPS {
            break;
        }
    }
    let maps: Vec<Vec<Item>> = maps.into_iter().flat_map(|map| with_missing(&map)).collect();
    if maps.len() > MAX_MAPS
        && let Some(item) = items.first()
    {
        let message = "Sigma cannot express so many `null` and `neq` in one selection";
        refused.push(Diagnostic::error(E0401, item.span, message).help("make several selections of it"));
        return Vec::new();
    }
    maps
}

/// `hour|lt: 6` is written as the hours 0 to 5: not every reader can compare a part of a moment.
fn time_part(item: &Item, refused: &mut Vec<Diagnostic>) -> Item {
    let comparison = item.modifiers.iter().find_map(|modifier| comparison(*modifier));
    let (Some(part), Some(comparison)) = (item.modifiers.iter().find(|modifier| is_part(**modifier)), comparison) else {
        return item.clone();
    };
    let every = item.modifiers.contains(&Modifier::All);
    let holds = |number: i32| {
        let mut found =
            item.values.iter().map(|value| matches!(value, Value::Number(limit) if compare(number.into(), comparison, limit.value)));
        if every { found.all(|holds| holds) } else { found.any(|holds| holds) }
    };
    let number = |number: i32| Value::Number(Number { text: number.to_string(), value: number.into() });
    let values: Vec<Value> = range(*part).into_iter().flatten().filter(|number| holds(*number)).map(number).collect();
    if values.is_empty() {
        let message = format!("Sigma cannot express this comparison of a part of the moment in `{}`", item.written);
        refused.push(Diagnostic::error(E0401, item.span, message).help("list the values, such as `hour: [22, 23]`"));
    }
    let kept = |modifier: &Modifier| self::comparison(*modifier).is_none() && *modifier != Modifier::All;
    Item { modifiers: item.modifiers.iter().copied().filter(kept).collect(), values, ..item.clone() }
}

/// `exists|neq: true` is written as `exists: false`: not every reader negates it.
fn existence(item: &Item) -> Item {
    let negated = |modifier: &Modifier| *modifier == Modifier::Neq;
    match item.values.as_slice() {
        [Value::Boolean(value)] if item.modifiers.contains(&Modifier::Exists) && item.modifiers.iter().any(negated) => {
            let modifiers = item.modifiers.iter().copied().filter(|modifier| !negated(modifier)).collect();
            Item { modifiers, values: vec![Value::Boolean(!value)], ..item.clone() }
        }
        _ => item.clone(),
    }
}

/// The values of a part; those of a year have no end.
fn range(part: Modifier) -> Option<std::ops::RangeInclusive<i32>> {
    let ranges = [
        (Modifier::Minute, 0..=59),
        (Modifier::Hour, 0..=23),
        (Modifier::Day, 1..=31),
        (Modifier::Week, 1..=53),
        (Modifier::Month, 1..=12),
    ];
    ranges.into_iter().find(|(known, _)| *known == part).map(|(_, range)| range)
}

fn is_part(modifier: Modifier) -> bool {
    range(modifier).is_some() || modifier == Modifier::Year
}

fn comparison(modifier: Modifier) -> Option<Comparison> {
    const COMPARISONS: [(Modifier, Comparison); 4] = [
        (Modifier::Lt, Comparison::Less),
        (Modifier::Lte, Comparison::LessOrEqual),
        (Modifier::Gt, Comparison::Greater),
        (Modifier::Gte, Comparison::GreaterOrEqual),
    ];
    COMPARISONS.iter().find(|(known, _)| *known == modifier).map(|(_, comparison)| *comparison)
}

fn compare(number: f64, comparison: Comparison, limit: f64) -> bool {
    match comparison {
        Comparison::Equal => number == limit,
        Comparison::Less => number < limit,
        Comparison::LessOrEqual => number <= limit,
        Comparison::Greater => number > limit,
        Comparison::GreaterOrEqual => number >= limit,
    }
}

/// A list that holds `null` beside values has no meaning in Sigma: it is written apart.
fn null_apart(item: &Item, refused: &mut Vec<Diagnostic>) -> Vec<Item> {
    let (nulls, others): (Vec<Value>, Vec<Value>) = item.values.iter().cloned().partition(|value| *value == Value::Null);
    if nulls.is_empty() || others.is_empty() {
        return vec![item.clone()];
    }
    if is_negated(item) || item.modifiers.contains(&Modifier::All) {
        let message = format!("Sigma cannot express `null` in the list of `{}`", item.written);
        let help = "write the `null` as a selection of its own and join it in the condition";
        refused.push(Diagnostic::error(E0401, item.span, message).help(help));
    }
    vec![Item { values: vec![Value::Null], ..item.clone() }, Item { values: others, ..item.clone() }]
}

fn is_negated(item: &Item) -> bool {
    item.modifiers.contains(&Modifier::Neq)
}

/// Whether readers disagree on what the item means for an event without the field: `neq` holds there, for us.
pub(super) fn is_open_on_missing(item: &Item) -> bool {
    let present = item.field.as_ref().is_none_or(|field| !field.optional);
    is_negated(item) && !present && !item.modifiers.contains(&Modifier::Exists) && !item.values.contains(&Value::Null)
}

/// Whether the item says that its field is missing.
fn says_missing(item: &Item) -> bool {
    let exists = item.modifiers.contains(&Modifier::Exists);
    !is_negated(item) && if exists { item.values == [Value::Boolean(false)] } else { item.values == [Value::Null] }
}

/// For each field that only negated items test: the map with these items, and the map with `null` instead. Of a field
/// that another item says to be missing, negated items hold anyway.
fn with_missing(map: &[Item]) -> Vec<Vec<Item>> {
    let name = |item: &Item| item.field.as_ref().map(|field| field.name.clone());
    let missing: Vec<_> = map.iter().filter(|item| says_missing(item)).map(name).collect();
    let map: Vec<Item> = map.iter().filter(|item| !(is_open_on_missing(item) && missing.contains(&name(item)))).cloned().collect();
    let mut maps: Vec<Vec<Item>> = vec![map.clone()];
    let mut seen: Vec<&str> = Vec::new();
    for item in map.iter().filter(|item| is_open_on_missing(item)) {
        let name = item.field.as_ref().map_or("", |field| field.name.as_str());
        let same = |other: &Item| other.field.as_ref().is_some_and(|field| field.name == name);
        if seen.contains(&name) || map.iter().any(|other| same(other) && !is_open_on_missing(other)) {
            continue;
        }
        seen.push(name);
        let missing = |map: &Vec<Item>| {
            let null = Item { modifiers: Vec::new(), values: vec![Value::Null], listed: false, ..item.clone() };
            let mut null = Some(null);
            let replaced = map.iter().filter_map(|other| if same(other) { null.take() } else { Some(other.clone()) });
            replaced.collect::<Vec<Item>>()
        };
        let further: Vec<Vec<Item>> = maps.iter().map(missing).collect();
        maps.extend(further);
        if maps.len() > MAX_MAPS {
            break;
        }
    }
    maps
}
