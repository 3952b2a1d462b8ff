//! Events and their fields. An event comes in our names (`{"user": "ann"}`) or in the product's own shape
//! (`{"author": {"name": "ann"}}`); both are read here, and nowhere else.

use super::moment;
use crate::letter_case::equal_ignoring_case;
use crate::logsource::{ElementPath, EventPath, Field, LogSource};
use serde_json::{Map, Number, Value as Json};
use std::borrow::Cow;
use std::net::IpAddr;

/// One event and its time.
#[derive(Debug, Clone, Copy)]
pub struct Event<'e> {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// Its fields, in our names or in the product's own shape.
    pub fields: &'e Map<String, Json>,
}

impl<'e> Event<'e> {
    /// An event whose time is its log source's time field; `None` if it has no time there.
    pub fn read(log_source: &LogSource, fields: &'e Map<String, Json>) -> Option<Event<'e>> {
        Some(Event { time: read_time(log_source, fields)?, fields })
    }

    /// Whether any value of a field passes. Lists stand for their elements, nulls are no values.
    ///
    /// A value under our own name, or another one of its names, comes first, then one at the place in the product's event. An object is not what a
    /// field of ours holds, so it counts only if there is nothing else (`timestamp: {epochSecond: …}`).
    pub fn any(&self, field: &Field, test: &mut dyn FnMut(&'e Json) -> bool) -> bool {
        if field.first_only {
            let mut first = None;
            self.any_value(field, &mut |value| {
                first = Some(value);
                true
            });
            return first.is_some_and(test);
        }
        self.any_value(field, test)
    }

    fn any_value(&self, field: &Field, test: &mut dyn FnMut(&'e Json) -> bool) -> bool {
        let named = field.all_names().find_map(|name| self.fields.get(name));
        if matches!(&field.event, EventPath::Path(path) if *path == [&*field.name]) {
            return named.is_some_and(|value| any_element(value, test));
        }
        if let Some(value) = named.filter(|value| has_scalar(value)) {
            return any_element(value, test);
        }
        let mut found = false;
        let passes = any_at(self.fields, &field.event, &mut |value| {
            found = true;
            test(value)
        });
        if found { passes } else { named.is_some_and(|value| any_element(value, test)) }
    }

    /// Whether a field has a value at all.
    pub fn has(&self, field: &Field) -> bool {
        self.any(field, &mut |_| true)
    }

    /// The one value of a field where one is needed: of several (which the log source rules out) the first.
    pub fn first(&self, field: &Field) -> Option<&'e Json> {
        let mut first = None;
        self.any(field, &mut |value| {
            first = Some(value);
            true
        });
        first
    }

    /// All values of a field as JSON: null, the one value, or a list.
    pub fn shown(&self, field: &Field) -> Json {
        let mut values = Vec::new();
        self.any(field, &mut |value| {
            values.push(value.clone());
            false
        });
        match values.len() {
            0 => Json::Null,
            1 if !field.list => values.remove(0),
            _ => Json::Array(values),
        }
    }

    /// Whether any single value anywhere in the event passes.
    pub fn any_anywhere(&self, test: &mut dyn FnMut(&'e Json) -> bool) -> bool {
        self.fields.values().any(|value| any_leaf(value, test))
    }
}

/// The time of an event: the time field under our name, or at its place in the product's event.
pub fn read_time(log_source: &LogSource, fields: &Map<String, Json>) -> Option<i64> {
    let mut time = None;
    Event { time: 0, fields }.any(&log_source.time, &mut |value| {
        time = moment::read(value, log_source.time_format);
        time.is_some()
    });
    time
}

/// The text of a single value: a text as it is, a number in its shortest decimal form, `true` or `false`.
pub fn text(value: &Json) -> Option<Cow<'_, str>> {
    match value {
        Json::String(text) => Some(Cow::Borrowed(text)),
        Json::Number(number) => Some(Cow::Owned(number_text(number))),
        Json::Bool(true) => Some(Cow::Borrowed("true")),
        Json::Bool(false) => Some(Cow::Borrowed("false")),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// The shortest decimal form: `1.0` is `1`, there is no exponent.
pub fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => float_text(value),
        _ => number.to_string(),
    }
}

/// The shortest decimal form of a float.
pub fn float_text(value: f64) -> String {
    let value = if value == 0.0 { 0.0 } else { value };
    format!("{value}")
}

/// The number that a value is: a number, or a text that is a plain decimal number.
pub fn number(value: &Json) -> Option<f64> {
    match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => decimal(text),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Reads `-?digits[.digits]` and nothing else.
pub fn decimal(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if digits(whole) && digits(fraction) { text.parse().ok().filter(|value: &f64| value.is_finite()) } else { None }
}

/// The IP address that a value is.
pub fn address(value: &Json) -> Option<IpAddr> {
    value.as_str()?.parse().ok()
}

/// A value, or an element of a (nested) list, passes; nulls are skipped.
fn any_element<'e>(value: &'e Json, test: &mut dyn FnMut(&'e Json) -> bool) -> bool {
    match value {
        Json::Null => false,
        Json::Array(elements) => elements.iter().any(|element| any_element(element, test)),
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => test(value),
    }
}

/// A single value anywhere below passes.
fn any_leaf<'e>(value: &'e Json, test: &mut dyn FnMut(&'e Json) -> bool) -> bool {
    match value {
        Json::Null => false,
        Json::Array(elements) => elements.iter().any(|element| any_leaf(element, test)),
        Json::Object(members) => members.values().any(|member| any_leaf(member, test)),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => test(value),
    }
}

fn has_scalar(value: &Json) -> bool {
    any_element(value, &mut |element| !element.is_object())
}

/// A value at a place in the product's event passes.
fn any_at<'e>(fields: &'e Map<String, Json>, place: &EventPath, test: &mut dyn FnMut(&'e Json) -> bool) -> bool {
    match place {
        EventPath::Path(path) => any_below(fields, path, test),
        EventPath::Element(element) => any_below(fields, &element.list, &mut |item| any_chosen(item, element, test)),
    }
}

/// The member of a list's element, if the element's key chooses it.
fn any_chosen<'e>(item: &'e Json, element: &ElementPath, test: &mut dyn FnMut(&'e Json) -> bool) -> bool {
    let Json::Object(members) = item else { return false };
    let key = members.get(&element.key).and_then(text);
    let chosen = key.is_some_and(|key| equal_ignoring_case(&key, &element.equals));
    chosen && members.get(&element.value).is_some_and(|value| any_element(value, test))
}

/// Follows a path through maps, and through every element of lists. A flattened key (`a.b`) stands for its members.
fn any_below<'e>(map: &'e Map<String, Json>, path: &[String], test: &mut dyn FnMut(&'e Json) -> bool) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    if let Some(value) = map.get(first) {
        return if rest.is_empty() {
            any_element(value, test)
        } else {
            any_element(value, &mut |element| element.as_object().is_some_and(|inner| any_below(inner, rest, test)))
        };
    }
    let flattened = if rest.is_empty() { None } else { map.iter().find(|(key, _)| is_joined(key, path)) };
    flattened.is_some_and(|(_, value)| any_element(value, test))
}

/// Whether `key` is the path's members joined by dots.
fn is_joined(key: &str, path: &[String]) -> bool {
    let mut members = key.split('.');
    path.iter().flat_map(|member| member.split('.')).all(|member| members.next() == Some(member)) && members.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::build::{field_at, map, text_field};
    use serde_json::json;

    fn values(field: &Field, event: Json) -> Vec<Json> {
        let fields = map(event);
        let mut found = Vec::new();
        Event { time: 0, fields: &fields }.any(field, &mut |value| {
            found.push(value.clone());
            false
        });
        found
    }

    #[test]
    fn our_name_comes_before_the_place() {
        let user = field_at("user", "author.name");
        assert_eq!(values(&user, json!({ "user": "a", "author": { "name": "b" } })), [json!("a")]);
        assert_eq!(values(&user, json!({ "author": { "name": "b" } })), [json!("b")]);
        assert_eq!(values(&user, json!({ "author.name": "b" })), [json!("b")]);
        assert_eq!(values(&user, json!({ "user": null, "author": { "name": "b" } })), [json!("b")]);
        assert_eq!(values(&user, json!({ "author": "b" })), [] as [Json; 0]);
        let time = field_at("timestamp", "timestamp.epochSecond");
        assert_eq!(values(&time, json!({ "timestamp": { "epochSecond": 7 } })), [json!(7)]);
        assert_eq!(values(&time, json!({ "timestamp": "2026" })), [json!("2026")]);
    }

    #[test]
    fn lists_stand_for_their_elements() {
        let name = field_at("object", "objects.name");
        assert_eq!(
            values(&name, json!({ "objects": [{ "name": "a" }, { "name": ["b", null, ["c"]] }, 5] })),
            [json!("a"), json!("b"), json!("c")]
        );
        assert!(values(&text_field("x"), json!({ "x": [] })).is_empty());
        assert!(values(&text_field("x"), json!({ "x": [null] })).is_empty());
        assert_eq!(values(&text_field("x"), json!({ "x": { "y": 1 } })), [json!({ "y": 1 })]);
    }

    #[test]
    fn elements_are_chosen_by_a_key() {
        let users = field_at("changed", "changes[fieldName=Users].to");
        let event = json!({ "changes": [{ "fieldName": "x", "to": 1 }, { "fieldName": "USERS", "to": 2 }, { "fieldName": "Users" }, 3] });
        assert_eq!(values(&users, event), [json!(2)]);
    }

    #[test]
    fn dotted_names_of_open_log_sources() {
        let field = text_field("winlog.event_data.Image");
        for event in [
            json!({ "winlog.event_data.Image": "a" }),
            json!({ "winlog": { "event_data": { "Image": "a" } } }),
            json!({ "winlog": { "event_data.Image": "a" } }),
        ] {
            assert_eq!(values(&field, event), [json!("a")]);
        }
    }

    #[test]
    fn texts_and_numbers() {
        let shown = |value: Json| text(&value).map(Cow::into_owned);
        assert_eq!(shown(json!(1.0)).as_deref(), Some("1"));
        assert_eq!(shown(json!(-0.0)).as_deref(), Some("0"));
        assert_eq!(shown(json!(1.5)).as_deref(), Some("1.5"));
        assert_eq!(shown(json!(1e21)).as_deref(), Some("1000000000000000000000"));
        assert_eq!(shown(json!(u64::MAX)).as_deref(), Some("18446744073709551615"));
        assert_eq!(shown(json!({})), None);
        for (written, value) in [("1", Some(1.0)), ("-1.50", Some(-1.5)), ("007", Some(7.0))] {
            assert_eq!(decimal(written), value);
        }
        for written in ["", "-", "+1", "1.", ".5", "1e3", " 1", "1 ", "0x1", "inf", "1.2.3", "١"] {
            assert_eq!(decimal(written), None, "{written}");
        }
    }
}
