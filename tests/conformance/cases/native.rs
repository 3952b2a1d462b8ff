//! An event in our names or in the product's shape → the event as each platform stores it, by the log source's bindings.
//!
//! This is the inverse of what queries do: a query reads `Meta.agent`, so here an event's `agent` is written there.

use crate::events::predicates;
use cognate::detection::{Column, Detection, Subject, ValueTest};
use cognate::evaluate::Event;
use cognate::evaluate::event::{number, text};
use cognate::evaluate::moment;
use cognate::logsource::{
    AqlOrigin, Binding, ColumnType, EventPath, Field, FieldType, HashAlgorithm, LogSourceId, Place, Platform, TimeFormat,
};
use cognate::target::Target;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The column that tells events apart where a query returns the platform's own columns.
pub const MARKER: &str = "cognate_event";

/// A text without letters and digits, so that no keyword is found in it by accident.
pub fn marker(index: usize) -> String {
    format!("{index:09b}").replace('0', "~").replace('1', "!")
}

/// The fields that a detection reads, each once, in the order of their names. One that searches keywords also has a field
/// that can carry them.
pub fn fields(detection: &Detection) -> Vec<Arc<Field>> {
    let mut fields = Vec::new();
    detection.fields(&mut |field| fields.push(field.clone()));
    if has_keywords(detection) && carrier(detection, &fields).is_none_or(|field| is_tested(detection, field)) {
        fields.extend(carrier(detection, &detection.log_source.fields).cloned());
    }
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    fields.dedup_by(|a, b| a.name == b.name);
    fields.retain(|field| field.name != detection.log_source.time.name);
    fields
}

/// The field that carries keywords: a text that every platform stores as it is, where it has it, and by which the log
/// source's events are not told from others; best one that nothing tests.
pub fn carrier<'f>(detection: &Detection, fields: &'f [Arc<Field>]) -> Option<&'f Arc<Field>> {
    let mut selecting = Vec::new();
    for (platform, selector) in &detection.log_source.selectors {
        selector.predicates(&mut |predicate| predicate.fields(&mut |field| selecting.push((*platform, field.name.clone()))));
    }
    let is_free = |field: &Field, platform: Platform| match field.binding(platform).map(|binding| (&binding.place, &binding.values)) {
        Some((Place::Column { name, .. }, values)) => {
            values.is_empty() && !selecting.iter().any(|(other, column)| *other == platform && column == name)
        }
        Some((Place::Json { .. }, values)) => values.is_empty(),
        Some((
            Place::Element { .. }
            | Place::Xml { .. }
            | Place::Joined { .. }
            | Place::Chosen { .. }
            | Place::RegistryData { .. }
            | Place::Hashes(_),
            _,
        )) => false,
        None => true,
    };
    let is_text = |field: &Field| matches!(field.kind, FieldType::Text | FieldType::Any) && !field.list;
    let carries = |field: &&Arc<Field>| {
        is_text(field) && [Platform::Aql, Platform::Spl, Platform::Kql].iter().all(|platform| is_free(field, *platform))
    };
    fields
        .iter()
        .find(|field| carries(field) && !is_tested(detection, field))
        .or_else(|| fields.iter().find(carries).filter(|_| !detection.log_source.open))
}

/// The fields that carry the keywords of the rules that a detection counts, each one of the rule's own log source.
pub fn carriers_of_rules(detection: &Detection) -> Vec<Arc<Field>> {
    let rules = if detection.chained().next().is_some() { of_log_sources(detection) } else { Vec::new() };
    rules
        .iter()
        .filter(|rule| !rule.log_source.open && has_keywords(rule))
        .filter_map(|rule| carrier(rule, &fields(rule)).cloned())
        .collect()
}

/// Whether a detection searches keywords.
pub fn has_keywords(detection: &Detection) -> bool {
    predicates(detection).iter().any(|predicate| predicate.subject == Subject::Event)
}

/// Whether a detection tests a field.
fn is_tested(detection: &Detection, field: &Field) -> bool {
    let mut tested = false;
    predicates(detection).iter().for_each(|predicate| predicate.fields(&mut |other| tested |= other.name == field.name));
    tested
}

/// A rule for each log source whose events a detection counts, with all selections and fields that are read of that log source.
/// One that counts no rules is such a rule itself.
pub fn of_log_sources(detection: &Detection) -> Vec<Detection> {
    let mut found: Vec<Detection> = Vec::new();
    for (_, chained) in detection.chained() {
        let mut read: Vec<Arc<Field>> = chained.fields.iter().map(|(_, field)| field.clone()).collect();
        chained.detection.fields(&mut |field| read.push(field.clone()));
        let columns = read.into_iter().map(|field| Column { name: field.name.clone(), field, span: Default::default() });
        match found.iter_mut().find(|known| known.log_source.id == chained.detection.log_source.id) {
            Some(known) => {
                known.columns.extend(columns);
                known.selections.extend(chained.detection.selections.iter().cloned());
            }
            None => found.push(Detection { columns: columns.collect(), ..Detection::clone(&chained.detection) }),
        }
    }
    if found.is_empty() { vec![detection.clone()] } else { found }
}

/// Whether an event is one of every log source in which a rule finds it.
pub fn is_where_it_is_found(detection: &Detection, platform: Platform, event: &Event<'_>) -> bool {
    let finds = |rule: &Detection| cognate::evaluate::holds(&rule.condition, &rule.log_source, event).unwrap_or(true);
    if detection.chained().next().is_none() {
        return is_selected(detection, platform, event);
    }
    let of_rule = |id: &LogSourceId| of_log_sources(detection).into_iter().find(|rule| rule.log_source.id == *id);
    detection.chained().all(|(_, chained)| {
        !finds(&chained.detection) || of_rule(&chained.detection.log_source.id).is_some_and(|rule| is_selected(&rule, platform, event))
    })
}

/// The events of all log sources of a detection as a platform stores them, each with the rule that says which log source it is.
pub fn stored(target: Target, detection: &Detection, events: &[Event<'_>]) -> Vec<(Detection, Vec<Value>)> {
    let (Some(platform), Some(_)) = (target.platform(), detection.chained().next()) else {
        return vec![(detection.clone(), self::events(target, detection, events))];
    };
    let of_rule = |rule: Detection| {
        let own: Vec<Event<'_>> = events.iter().filter(|event| is_selected(&rule, platform, event)).copied().collect();
        let stored = self::events(target, &rule, &own);
        (rule, stored)
    };
    of_log_sources(detection).into_iter().map(of_rule).collect()
}

/// The events as a platform stores them.
pub fn events(target: Target, detection: &Detection, events: &[Event<'_>]) -> Vec<Value> {
    let fields = fields(detection);
    let event = |(index, event): (usize, &Event<'_>)| match target {
        Target::Aql => aql(detection, &fields, index, event),
        Target::Spl => spl(detection, &fields, index, event),
        Target::Kql => kql(detection, &fields, index, event),
        Target::Sigma => {
            // a field of one name may have a place of its own in each log source
            let shapes = of_log_sources(detection).into_iter().map(|rule| Value::Object(sigma(&rule, &self::fields(&rule), event)));
            let whole = shapes.fold(Value::Object(sigma(detection, &fields, event)), with_members);
            whole.as_object().cloned().unwrap_or_default()
        }
    };
    events.iter().enumerate().map(event).map(Value::Object).collect()
}

/// A value with the members of another one that it does not have.
fn with_members(mut value: Value, other: Value) -> Value {
    if let (Value::Object(own), Value::Object(others)) = (&mut value, other) {
        for (name, other) in others {
            let merged = own.remove(&name).map_or_else(|| other.clone(), |own| with_members(own, other.clone()));
            own.insert(name, merged);
        }
    }
    value
}

/// All single values of a field.
fn values(event: &Event<'_>, field: &Field) -> Vec<Value> {
    let mut values = Vec::new();
    event.any(field, &mut |value| {
        values.push(value.clone());
        false
    });
    values
}

/// The event in the product's own shape: members that no field stands for stay, fields stand at their places.
fn product(detection: &Detection, fields: &[Arc<Field>], event: &Event<'_>) -> Map<String, Value> {
    let mut root = Value::Object(event.fields.clone());
    let time = &detection.log_source.time;
    if let EventPath::Path(path) = &time.event
        && !event.has(time)
    {
        let written = match detection.log_source.time_format {
            TimeFormat::Iso8601 => moment::text(event.time).into(),
            TimeFormat::EpochSeconds => json!(event.time as f64 / 1000.0),
            TimeFormat::EpochMilliseconds => json!(event.time),
        };
        write_path(&mut root, path, false, &[written]);
    }
    for field in fields.iter().filter(|field| field.all_names().any(|name| event.fields.contains_key(name))) {
        let written = EventPath::Path(vec![field.name.clone()]);
        let values = values(event, field);
        if field.event == written || values.is_empty() {
            continue;
        }
        for name in field.all_names() {
            root.as_object_mut().expect("a map").remove(name);
        }
        match &field.event {
            EventPath::Path(path) => write_path(&mut root, path, field.list, &values),
            EventPath::Element(e) => write_element(at(&mut root, &e.list), [&e.key, &e.equals, &e.value], &values),
        }
    }
    root.as_object_mut().map(std::mem::take).expect("an event")
}

/// The place at a path; maps on the way are made.
fn at<'v>(root: &'v mut Value, path: &[String]) -> &'v mut Value {
    path.iter().fold(root, |value, step| {
        if !value.is_object() {
            *value = json!({});
        }
        value.as_object_mut().expect("a map").entry(step.clone()).or_insert(Value::Null)
    })
}

/// Writes values at a path; several of a list-valued field become members of the elements of a list.
fn write_path(root: &mut Value, path: &[String], list: bool, values: &[Value]) {
    match (list, path) {
        (true, [list @ .., member]) if !list.is_empty() => {
            let elements = elements(at(root, list));
            for (index, value) in values.iter().enumerate() {
                if elements.len() <= index {
                    elements.push(json!({}));
                }
                *at(&mut elements[index], std::slice::from_ref(member)) = value.clone();
            }
        }
        (true, _) => *at(root, path) = Value::Array(values.to_vec()),
        (false, _) => *at(root, path) = values.first().cloned().unwrap_or(Value::Null),
    }
}

fn elements(value: &mut Value) -> &mut Vec<Value> {
    if !value.is_array() {
        *value = json!([]);
    }
    value.as_array_mut().expect("a list")
}

/// Writes values into the elements of a list that a key chooses; elements that are missing are added.
fn write_element(list: &mut Value, [key, equals, member]: [&String; 3], values: &[Value]) {
    let elements = elements(list);
    let mut chosen: Vec<usize> = (0..elements.len()).filter(|index| elements[*index].get(key).is_some_and(|k| k == equals)).collect();
    for (index, value) in values.iter().enumerate() {
        if chosen.len() <= index {
            elements.push(json!({ key.as_str(): equals }));
            chosen.push(elements.len() - 1);
        }
        elements[chosen[index]][member.as_str()] = value.clone();
    }
}

/// Our value as the platform writes it.
fn mapped(binding: Option<&Binding>, value: &Value) -> Value {
    let text = text(value);
    let pair = binding.and_then(|binding| {
        let text = text.as_ref()?;
        binding.values.iter().find(|(ours, _)| *ours == **text)
    });
    pair.map_or_else(|| value.clone(), |(_, theirs)| theirs.clone().into())
}

fn as_text(value: &Value) -> Value {
    text(value).map_or(Value::Null, |text| text.into_owned().into())
}

fn milliseconds(value: &Value) -> Option<i64> {
    moment::read(value, cognate::logsource::TimeFormat::Iso8601)
}

/// The raw event: JSON, or only the values, a line each, where keywords are searched in it. That names and punctuation
/// hold no keyword is what the queries assume there.
fn raw(detection: &Detection, product: &Value) -> String {
    if has_keywords(detection) { values_as_lines(product) } else { product.to_string() }
}

/// The raw event in which keywords are searched: all single values, a line each.
pub fn lines(detection: &Detection, event: &Event<'_>) -> String {
    values_as_lines(&Value::Object(product(detection, &fields(detection), event)))
}

fn values_as_lines(event: &Value) -> String {
    let mut lines = Vec::new();
    leaves(event, &mut lines);
    lines.join("\n")
}

fn leaves(value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => lines.extend(text(value).map(|text| text.into_owned())),
        Value::Array(values) => values.iter().for_each(|value| leaves(value, lines)),
        Value::Object(members) => members.values().for_each(|value| leaves(value, lines)),
    }
}

/// The property that a field is bound to on QRadar, and its type.
pub fn property(detection: &Detection, field: &Field) -> Option<(String, ColumnType)> {
    match &field.aql {
        Some(binding) => binding.place.plain().map(|(name, kind)| (name.to_owned(), kind)),
        None => detection.log_source.open.then(|| (field.name.clone(), ColumnType::Text)),
    }
}

/// QRadar: one value for each property.
fn aql(detection: &Detection, fields: &[Arc<Field>], index: usize, event: &Event<'_>) -> Map<String, Value> {
    let mut stored = Map::new();
    for field in fields {
        let Some((name, kind)) = property(detection, field) else { continue };
        let Some(value) = values(event, field).first().map(|value| mapped(field.aql.as_ref(), value)) else { continue };
        let value = match kind {
            ColumnType::Integer | ColumnType::Real => number(&value).map_or(Value::Null, |number| number.into()),
            ColumnType::Time => milliseconds(&value).map_or(Value::Null, |time| time.into()),
            ColumnType::Text | ColumnType::Boolean | ColumnType::Dynamic | ColumnType::Guid | ColumnType::Address => as_text(&value),
        };
        if !value.is_null() {
            stored.insert(name, value);
        }
    }
    if let Some(AqlOrigin::TypeIds(ids)) = &detection.log_source.aql {
        stored.insert("devicetype".to_owned(), ids[index % ids.len()].into());
    }
    select(detection, Platform::Aql, &mut stored);
    stored.insert("starttime".to_owned(), event.time.into());
    stored.insert("payload".to_owned(), raw(detection, &Value::Object(product(detection, fields, event))).into());
    stored.insert(MARKER.to_owned(), marker(index).into());
    stored
}

/// A list of hashes as Sysmon writes it, such as `MD5=…,SHA256=…`; nothing if the text is none.
pub fn hashes(text: &str) -> Option<Vec<(HashAlgorithm, &str)>> {
    let mut seen = Vec::new();
    for hash in text.split(',') {
        let (name, digest) = hash.split_once('=')?;
        let algorithm = HashAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))?;
        let is_hash = digest.len() == algorithm.digits() && digest.chars().all(|c| c.is_ascii_hexdigit());
        if !is_hash || seen.iter().any(|(other, _)| *other == algorithm) {
            return None;
        }
        seen.push((algorithm, digest));
    }
    Some(seen)
}

/// Splunk: fields as they are extracted, and the raw event.
fn spl(detection: &Detection, fields: &[Arc<Field>], index: usize, event: &Event<'_>) -> Map<String, Value> {
    let mut stored = Map::new();
    let mut raw = Value::Object(product(detection, fields, event));
    for field in fields {
        let values: Vec<Value> = values(event, field).iter().map(|value| mapped(field.spl.as_ref(), value)).collect();
        if values.is_empty() {
            continue;
        }
        match field.spl.as_ref().map(|binding| &binding.place) {
            Some(Place::Column { name, kind }) => drop(stored.insert(name.clone(), extracted(*kind, &values))),
            Some(Place::Json { column, path, .. }) => {
                let mut json =
                    stored.get(column).and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok()).unwrap_or(json!({}));
                write_path(&mut json, path, field.list, &values);
                stored.insert(column.clone(), json.to_string().into());
            }
            Some(Place::Element { column, key, equals, value, .. }) => {
                let path: Vec<String> = column.split('.').map(str::to_owned).collect();
                write_element(at(&mut raw, &path), [key, equals, value], &values);
            }
            Some(Place::Xml { .. } | Place::Joined { .. } | Place::Chosen { .. } | Place::RegistryData { .. } | Place::Hashes(_)) => {}
            None if detection.log_source.open => drop(stored.insert(field.name.clone(), extracted(ColumnType::Text, &values))),
            None => {}
        }
    }
    select(detection, Platform::Spl, &mut stored);
    if let Some(origin) = &detection.log_source.spl {
        let of = |list: &[String], otherwise: &str| match list {
            [] => otherwise.to_owned(),
            list => list[index % list.len()].replace('*', otherwise),
        };
        stored.insert("index".to_owned(), of(&origin.index, "main").into());
        stored.insert("sourcetype".to_owned(), of(&origin.sourcetype, "any").into());
        if !origin.tag.is_empty() {
            stored.insert("tag".to_owned(), origin.tag.clone().into());
        }
        if !origin.source.is_empty() {
            stored.insert("source".to_owned(), of(&origin.source, "any").into());
        }
    }
    stored.insert("_time".to_owned(), (event.time as f64 / 1000.0).into());
    stored.insert("_raw".to_owned(), self::raw(detection, &raw).into());
    stored.insert(MARKER.to_owned(), marker(index).into());
    stored
}

fn extracted(kind: ColumnType, values: &[Value]) -> Value {
    let one = |value: &Value| match (kind, value) {
        (ColumnType::Time, value) => milliseconds(value).map_or_else(|| value.clone(), |time| (time as f64 / 1000.0).into()),
        (_, Value::Bool(value)) => value.to_string().into(),
        (_, value) => value.clone(),
    };
    match values {
        [value] => one(value),
        values => values.iter().map(one).collect(),
    }
}

/// Sentinel and Defender: typed columns.
fn kql(detection: &Detection, fields: &[Arc<Field>], index: usize, event: &Event<'_>) -> Map<String, Value> {
    let mut stored = Value::Object(Map::new());
    let mut texts = Vec::new();
    for field in fields {
        let values: Vec<Value> = values(event, field).iter().map(|value| mapped(field.kql.as_ref(), value)).collect();
        if values.is_empty() {
            continue;
        }
        match field.kql.as_ref().map(|binding| &binding.place) {
            Some(Place::Column { name, kind }) => {
                stored[name.as_str()] = match (field.list, kind) {
                    (true, ColumnType::Text | ColumnType::Address) => Value::Array(values).to_string().into(),
                    (true, _) => Value::Array(values),
                    (false, kind) => typed(*kind, &values[0]),
                };
            }
            Some(Place::Json { column, text, path }) => {
                let path: Vec<String> = column.split('.').map(str::to_owned).chain(path.iter().cloned()).collect();
                write_path(&mut stored, &path, field.list, &values);
                texts.extend(text.then(|| column.clone()));
            }
            Some(Place::Element { column, text, key, equals, value }) => {
                let path: Vec<String> = column.split('.').map(str::to_owned).collect();
                write_element(at(&mut stored, &path), [key, equals, value], &values);
                texts.extend(text.then(|| path[0].clone()));
            }
            Some(Place::Xml { column, name }) => {
                let escaped = text(&values[0]).unwrap_or_default().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                let before = stored[column.as_str()].as_str().unwrap_or_default().to_owned();
                stored[column.as_str()] = format!("{before}<Data Name=\"{name}\">{escaped}</Data>").into();
            }
            Some(Place::Joined { columns, by, prefixes }) => {
                let text = text(&values[0]).unwrap_or_default();
                for (column, part) in columns.iter().zip(apart(&text, columns.len(), by, prefixes)) {
                    stored[column.as_str()] = part.into();
                }
            }
            Some(Place::RegistryData { kind, data }) => {
                let (written, number) = registry_data(&text(&values[0]).unwrap_or_default());
                stored[kind.as_str()] = written.into();
                stored[data.as_str()] = number.into();
            }
            Some(Place::Hashes(columns)) => {
                let text = text(&values[0]).unwrap_or_default();
                for (algorithm, digest) in hashes(&text).unwrap_or_default() {
                    let column = columns.iter().find(|(own, _)| *own == algorithm).map(|(_, column)| column);
                    column.into_iter().for_each(|column| stored[column.as_str()] = digest.into());
                }
            }
            // when all columns stand
            Some(Place::Chosen { .. }) => {}
            None if detection.log_source.open => stored[field.name.as_str()] = as_text(&values[0]),
            None => {}
        }
    }
    select(detection, Platform::Kql, stored.as_object_mut().expect("an event"));
    for field in fields {
        let Some(Place::Chosen { on, cases, otherwise, kind }) = field.kql.as_ref().map(|binding| &binding.place) else { continue };
        let Some(value) = values(event, field).first().cloned() else { continue };
        let case = cases.iter().find(|(value, _)| stored[on.as_str()] == value.as_str());
        stored[case.map_or(otherwise, |(_, column)| column).as_str()] = typed(*kind, &value);
    }
    for column in texts {
        if !stored[&column].is_string() {
            stored[&column] = stored[&column].to_string().into();
        }
    }
    let Value::Object(mut stored) = stored else { panic!("not an event") };
    if let Some(origin) = &detection.log_source.kql {
        stored.insert(origin.time.clone(), moment::text(event.time).into());
    }
    // what no field stands for is in a column of its own, for keywords
    if detection.log_source.open {
        for (name, value) in event.fields.iter().filter(|(name, value)| !value.is_object() && **name != detection.log_source.time.name) {
            stored.entry(name.clone()).or_insert_with(|| as_text(value));
        }
    }
    stored.insert(MARKER.to_owned(), marker(index).into());
    stored
}

/// Whether the fields that stand where a log source's events are told from others hold such values.
pub fn is_selected(detection: &Detection, platform: Platform, event: &Event<'_>) -> bool {
    let mut selected = true;
    for (_, selector) in detection.log_source.selectors.iter().filter(|(other, _)| *other == platform) {
        selector.predicates(&mut |predicate| {
            let Subject::Field(column) = &predicate.subject else { return };
            for field in fields(detection) {
                let binding = field.binding(platform);
                let stands_there =
                    binding.is_some_and(|binding| matches!(&binding.place, Place::Column { name, .. } if *name == column.name));
                if stands_there {
                    let stored = values(event, &field).first().map(|value| mapped(binding, value)).unwrap_or_default();
                    let stored = Map::from_iter([(column.name.clone(), stored)]);
                    let predicate = cognate::detection::Condition::Match(predicate.clone());
                    let event = Event { time: 0, fields: &stored };
                    selected &= cognate::evaluate::holds(&predicate, &detection.log_source, &event).unwrap_or(false);
                }
            }
        });
    }
    selected
}

/// What tells the log source's events from others: the first value of each column, unless a field stands there.
fn select(detection: &Detection, platform: Platform, stored: &mut Map<String, Value>) {
    for (_, selector) in detection.log_source.selectors.iter().filter(|(other, _)| *other == platform) {
        selector.predicates(&mut |predicate| {
            let Subject::Field(field) = &predicate.subject else { return };
            let value = match predicate.tests.first() {
                Some(ValueTest::Number(number)) => json!(number.value as i64),
                Some(ValueTest::Text(pattern)) => pattern.to_regex(str::to_owned).into(),
                _ => return,
            };
            let value = if platform == Platform::Kql { value } else { as_text(&value) };
            match field.binding(platform).map(|binding| &binding.place) {
                Some(Place::Json { column, path, .. }) => stored.entry(column).or_insert(json!({}))[path.join(".")] = value,
                Some(Place::Column { name, .. }) => drop(stored.entry(name.clone()).or_insert(value)),
                Some(Place::Xml { column, name }) => {
                    let before = stored.get(column).and_then(Value::as_str).unwrap_or_default().to_owned();
                    if !before.contains(&format!("Name=\"{name}\"")) {
                        let element = format!("<Data Name=\"{name}\">{}</Data>", text(&value).unwrap_or_default());
                        stored.insert(column.clone(), format!("{before}{element}").into());
                    }
                }
                Some(
                    Place::Element { .. } | Place::Joined { .. } | Place::Chosen { .. } | Place::RegistryData { .. } | Place::Hashes(_),
                )
                | None => {}
            }
        });
    }
}

/// The type and the data of a registry value: `DWORD (0x0000000a)` is a Dword of 10.
fn registry_data(text: &str) -> (&'static str, String) {
    let digits = |start: &str, count: usize| text.strip_prefix(start)?.strip_suffix(')').filter(|digits| digits.len() == count);
    let number = |digits: &str| u64::from_str_radix(digits, 16).ok().map(|number| number.to_string());
    let dword = digits("DWORD (0x", 8).filter(|digits| *digits == digits.to_lowercase()).and_then(number);
    match dword {
        Some(number) => ("Dword", number),
        None if text == "(Empty)" => ("String", String::new()),
        None if text == "Binary Data" => ("Binary", "00 01".to_owned()),
        None => ("String", text.to_owned()),
    }
}

/// A text that stands in several columns, apart.
fn apart(text: &str, count: usize, by: &str, prefixes: &[(String, String)]) -> Vec<String> {
    let begins = |ours: &str| text.get(..ours.len()).is_some_and(|start| start.eq_ignore_ascii_case(ours));
    let whole = match prefixes.iter().find(|(_, ours)| begins(ours)) {
        Some((theirs, ours)) => format!("{theirs}{}", &text[ours.len()..]),
        None => text.to_owned(),
    };
    let mut parts: Vec<String> = whole.rsplitn(count, by).map(str::to_owned).collect();
    parts.reverse();
    // a part that is empty would be left out with the text before it
    if parts.iter().any(String::is_empty) { vec![whole] } else { parts }
}

fn typed(kind: ColumnType, value: &Value) -> Value {
    match kind {
        ColumnType::Text | ColumnType::Address | ColumnType::Guid => as_text(value),
        ColumnType::Integer => number(value).map_or(Value::Null, |number| (number as i64).into()),
        ColumnType::Real => number(value).map_or(Value::Null, |number| number.into()),
        ColumnType::Boolean => text(value).map_or(Value::Null, |text| (text.to_lowercase() == "true").into()),
        ColumnType::Time => milliseconds(value).map_or(Value::Null, |time| moment::text(time).into()),
        ColumnType::Dynamic => value.clone(),
    }
}

/// An engine that runs Sigma on the product's own events; elements chosen by a key stand under our name (S022), and a value also
/// under each other name of its field that the rule has.
fn sigma(detection: &Detection, fields: &[Arc<Field>], event: &Event<'_>) -> Map<String, Value> {
    let mut stored = product(detection, fields, event);
    for field in fields.iter().filter(|field| matches!(field.event, EventPath::Element(_))) {
        match values(event, field).as_slice() {
            [] => {}
            [value] => drop(stored.insert(field.name.clone(), value.clone())),
            values => drop(stored.insert(field.name.clone(), values.into())),
        }
    }
    let mut stored = Value::Object(stored);
    detection.fields(&mut |field| {
        let values = values(event, field);
        if let Some(written) = field.written.as_ref().filter(|_| !values.is_empty()) {
            let path: Vec<String> = written.split('.').map(str::to_owned).collect();
            *at(&mut stored, &path) = if field.list { Value::Array(values) } else { values[0].clone() };
        }
    });
    let mut stored = stored.as_object_mut().map(std::mem::take).expect("an event");
    stored.insert("@timestamp".to_owned(), moment::text(event.time).into());
    stored
}
