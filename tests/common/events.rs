//! Events made up for a condition: values that it names, and values that are nearly so.

use super::random::Random;
use cognate::detection::{Condition, Detection, Predicate, Segment, Subject, ValueTest};
use cognate::evaluate::Event;
use cognate::evaluate::condition::Matcher;
use cognate::logsource::LogSource;
use serde_json::{Map, Value, json};

/// An event on which two conditions differ, if one is found.
pub fn difference(a: &Detection, b: &Detection, rounds: usize) -> Option<Map<String, Value>> {
    let matcher = |detection: &Detection| Matcher::new(&detection.condition, &detection.log_source).expect("a condition to evaluate");
    let (left, right) = (matcher(a), matcher(b));
    let matches = |matcher: &Matcher, fields: &Map<String, Value>| matcher.holds(&Event { time: NOW, fields });
    made_up(a, rounds).find(|event| matches(&left, event) != matches(&right, event))
}

/// Events that a condition may hold of, or nearly. They have no time.
pub fn made_up(detection: &Detection, count: usize) -> impl Iterator<Item = Map<String, Value>> {
    let mut random = Random::new(detection.metadata.title.value.len() as u64 + 1);
    let mut predicates: Vec<Predicate> = Vec::new();
    detection.condition.predicates(&mut |predicate| predicates.push(predicate.clone()));
    let (values, names) = (values(&predicates), names(&predicates));
    (0..count).map(move |_| event(&mut random, &names, &values))
}

const NOW: i64 = 1_767_571_200_000;

/// Whether a condition holds of an event.
pub fn condition_holds(condition: &Condition, log_source: &LogSource, fields: &Map<String, Value>) -> Result<bool, String> {
    let matcher = Matcher::new(condition, log_source).map_err(|problem| problem.to_string())?;
    Ok(matcher.holds(&Event { time: NOW, fields }))
}

/// The fields that are tested, and one more.
fn names(predicates: &[Predicate]) -> Vec<String> {
    let mut names = vec!["another".to_owned()];
    for predicate in predicates {
        if let Subject::Field(field) = &predicate.subject {
            names.push(field.name.clone());
        }
        for test in &predicate.tests {
            if let ValueTest::Field(test) = test {
                names.push(test.other.name.clone());
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

/// Values of the tests as they are, in another case, with something around them, cut.
fn values(predicates: &[Predicate]) -> Vec<Value> {
    let mut values = vec![json!(null), json!(""), json!("-"), json!(true), json!(0), json!(4.5), json!("10.1.2.3"), json!({"a": 1})];
    for test in predicates.iter().flat_map(|predicate| &predicate.tests) {
        let text = match test {
            ValueTest::Text(pattern) => pattern.segments.iter().map(written).collect(),
            ValueTest::Number(number) | ValueTest::Compare(_, number) | ValueTest::TimePart(_, _, number) => {
                values.extend([json!(number.value), json!(number.value + 1.0), json!(number.value - 1.0)]);
                number.text.clone()
            }
            ValueTest::Boolean(value) => value.to_string(),
            ValueTest::Regex(regex) => regex.pattern.replace(['\\', '^', '$', '(', ')', '?', '.', '*', '+', '[', ']'], ""),
            ValueTest::Network(network) => network.addr().to_string(),
            ValueTest::Absent | ValueTest::Present | ValueTest::Field(_) => continue,
        };
        let cut: String = text.chars().skip(1).collect();
        let forms = [text.to_uppercase(), text.to_lowercase(), format!("a{text}"), format!("{text}b"), format!("a {text} b"), cut];
        values.extend(forms.into_iter().map(Value::from));
        values.push(Value::from(text));
    }
    values
}

fn written(segment: &Segment) -> String {
    match segment {
        Segment::Literal(text) => text.clone(),
        Segment::AnyRun => "any".to_owned(),
        Segment::AnyCharacter => "c".to_owned(),
    }
}

fn event(random: &mut Random, names: &[String], values: &[Value]) -> Map<String, Value> {
    let mut event = Map::new();
    for name in names {
        let mut pick = || values[random.below(values.len())].clone();
        let (first, second) = (pick(), pick());
        match random.below(8) {
            0 => {}
            1 => drop(event.insert(name.clone(), json!([first, second]))),
            _ => drop(event.insert(name.clone(), first)),
        }
    }
    event
}
