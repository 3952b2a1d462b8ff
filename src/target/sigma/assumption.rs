//! A detection goes in; out comes what Sigma's specification leaves open and this detection depends on.

use super::correlation::plain_field;
use super::portable::is_open_on_missing;
use crate::detection::{
    Aggregate, Detection, Item, MeasureFunction, Modifier, RegexTest, Segment, SelectionBody, Subject, TextPattern, TimePart, ValueTest,
    Window,
};
use crate::diagnostic::{S007, S008, S010, S011, S012, S013, S014, S015, S016, S017, S018, S019, S020, S021};
use crate::expression::ExpressionKind;
use crate::letter_case::has_case_beyond_ascii;
use crate::logsource::{Field, FieldType};
use crate::source::Span;
use crate::target::Deviation;
use crate::yaml::Value;

/// The assumptions that apply.
pub(super) fn assumptions(detection: &Detection) -> Vec<Deviation> {
    let mut found = Vec::new();
    let bodies = detection.selections.iter().map(|selection| &selection.body);
    for body in bodies.chain(detection.exclusions.iter().map(|exclusion| &exclusion.body)) {
        items(body, &mut |item| of_item(item, &mut found));
    }
    let conditions = detection.selections.iter().map(|selection| &selection.condition);
    for condition in conditions.chain(detection.exclusions.iter().map(|exclusion| &exclusion.condition)) {
        condition.predicates(&mut |predicate| {
            predicate.tests.iter().for_each(|test| of_test(test, &predicate.subject, predicate.span, &mut found));
        });
    }
    detection.chained().for_each(|(_, chained)| found.extend(assumptions(&chained.detection)));
    if let Some(aggregate) = &detection.aggregate {
        of_aggregate(aggregate, &mut found);
    }
    found
}

fn items<'a>(body: &'a SelectionBody, visit: &mut impl FnMut(&'a Item)) {
    match body {
        SelectionBody::Items(list) => list.iter().for_each(visit),
        SelectionBody::Alternatives(bodies) => bodies.iter().for_each(|body| items(body, visit)),
        // it has assumptions of its own
        SelectionBody::Alerts(_) => {}
    }
}

fn of_item(item: &Item, found: &mut Vec<Deviation>) {
    let name = &item.written;
    if item.field.is_none() {
        let message = "a keyword is found in the raw event exactly if it stands in one of its values";
        found.push(Deviation::new(S018, item.span, message));
    }
    if item.values.contains(&Value::Null) || is_open_on_missing(item) {
        let message = format!("`{name}: null` matches a field that is missing as well as one that is null");
        found.push(Deviation::new(S013, item.span, message));
    }
    if item.modifiers.contains(&Modifier::Exists) {
        let message = format!("`{name}` is never there with the value null, which `exists` would find");
        found.push(Deviation::new(S013, item.span, message));
    }
    if item.modifiers.contains(&Modifier::FieldRef) {
        let message = format!(
            "`{name}` and the field that it is compared with are never both there with the value null, which `fieldref` would find equal"
        );
        found.push(Deviation::new(S013, item.span, message));
    }
    if item.modifiers.contains(&Modifier::Neq) && item.modifiers.contains(&Modifier::FieldRef) {
        let message = format!("`{name}|fieldref|neq` also holds of an event without the other field");
        found.push(Deviation::new(S014, item.span, message));
    }
    if item.field.as_ref().is_some_and(|field| field.list) {
        found.push(Deviation::new(S016, item.span, format!("`{name}` may hold several values and matches when one of them does")));
    }
}

fn of_test(test: &ValueTest, subject: &Subject, span: Span, found: &mut Vec<Deviation>) {
    let (name, numeric) = match subject {
        Subject::Field(field) => (field.name.as_str(), matches!(field.kind, FieldType::Integer | FieldType::Number)),
        Subject::Event => ("the event", true),
    };
    match test {
        ValueTest::Regex(regex) => of_regex(regex, name, span, found),
        ValueTest::TimePart(part, ..) => {
            let weeks = if *part == TimePart::Week { ", and weeks are those of ISO 8601" } else { "" };
            found.push(Deviation::new(S015, span, format!("the part of the moment in `{name}` is taken in UTC{weeks}")));
        }
        ValueTest::Text(pattern) if !pattern.cased && has_letters_beyond_ascii(pattern) => {
            found.push(Deviation::new(
                S020,
                span,
                format!("case is ignored also in the characters beyond ASCII that `{name}` is tested for"),
            ));
        }
        ValueTest::Number(_) | ValueTest::Compare(..) if !numeric => {
            let message = format!("numbers in `{name}` are written plainly: no leading zeros, no exponent, no sign `+`");
            found.push(Deviation::new(S021, span, message));
        }
        ValueTest::Text(_)
        | ValueTest::Number(_)
        | ValueTest::Boolean(_)
        | ValueTest::Absent
        | ValueTest::Present
        | ValueTest::Network(_)
        | ValueTest::Compare(..)
        | ValueTest::Field(_) => {}
    }
}

/// Whether a literal holds a character beyond ASCII that has two cases.
fn has_letters_beyond_ascii(pattern: &TextPattern) -> bool {
    pattern.segments.iter().any(|segment| matches!(segment, Segment::Literal(text) if has_case_beyond_ascii(text)))
}

fn of_regex(regex: &RegexTest, name: &str, span: Span, found: &mut Vec<Deviation>) {
    if !is_guaranteed(regex) {
        let message = format!("the regular expression on `{name}` uses more than every engine must know; it is read as written");
        found.push(Deviation::new(S008, span, message));
    }
    if regex.pattern.contains('$') && !regex.multiline {
        let message =
            format!("`$` in the regular expression on `{name}` is the very end of the text, not the place before a last line break");
        found.push(Deviation::new(S019, span, message));
    }
}

fn of_aggregate(aggregate: &Aggregate, found: &mut Vec<Deviation>) {
    let message = "the engine decides whether an event as old as the whole window still counts, how often it repeats an alert, and what \
                   an alert shows";
    found.push(Deviation::new(S010, aggregate.span, message));
    for key in &aggregate.group_by {
        let name = &key.field.name;
        if key.field.optional || is_text(&key.field) {
            let message = format!("every counted event has a value in the group key `{name}`: engines keep or drop the others");
            found.push(Deviation::new(S007, key.span, message));
        }
        if is_text(&key.field) {
            found.push(Deviation::new(
                S011,
                key.span,
                format!("values of the group key `{name}` that differ in case are different groups"),
            ));
        }
    }
    for measure in &aggregate.measures {
        if let MeasureFunction::Distinct(argument) = &measure.function
            && plain_field(argument).is_some_and(|field| is_text(&field))
        {
            let message = format!("values that differ in case are different values in `{}`", measure.name);
            found.push(Deviation::new(S011, measure.span, message));
        }
        if let MeasureFunction::Ordered(_) = &measure.function {
            let message = format!("events that come at the same time are in the order of `{}`", measure.name);
            found.push(Deviation::new(S017, measure.span, message));
        }
        if let (MeasureFunction::Sum(_), Some(_)) = (&measure.function, &measure.filter) {
            found.push(Deviation::new(S012, measure.span, format!("the values summed in `{}` are never negative", measure.name)));
        }
    }
    if let Window::Sliding { at: Some(at), .. } = aggregate.window {
        let same = |measure: &crate::detection::Measure| {
            measure.filter.as_ref().is_none_or(|filter| matches!(filter.kind, ExpressionKind::Selection(index) if index == at))
        };
        if !aggregate.measures.iter().all(same) {
            let message = "an event that comes at the same time as the one at which the window is judged comes before it";
            found.push(Deviation::new(S017, aggregate.span, message));
        }
    }
}

fn is_text(field: &Field) -> bool {
    matches!(field.kind, FieldType::Text | FieldType::Any)
}

/// Whether a pattern stays within the operators that Sigma guarantees: `. ^ $ * + ? {} [] | ()` and escaped punctuation.
fn is_guaranteed(regex: &RegexTest) -> bool {
    let characters: Vec<char> = regex.pattern.chars().collect();
    let mut class = false;
    let mut position = 0;
    while let Some(&c) = characters.get(position) {
        let next = characters.get(position + 1).copied();
        match c {
            '\\' if next.is_some_and(|next| next.is_ascii_punctuation()) => position += 1,
            '\\' => return false,
            '[' if class => return false,
            '[' => {
                class = true;
                // a `]` that stands first is a member of the class, for some engines
                position += usize::from(next == Some('^'));
                if characters.get(position + 1) == Some(&']') {
                    return false;
                }
            }
            ']' => class = false,
            '(' if !class && next == Some('?') => return false,
            '*' | '+' | '?' | '}' if !class && matches!(next, Some('?' | '+' | '*')) => return false,
            '&' | '~' | '-' if class && next == Some(c) => return false,
            _ => {}
        }
        position += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guaranteed(pattern: &str) -> bool {
        let regex = RegexTest { pattern: pattern.into(), ignore_case: false, multiline: false, dot_all: false, fancy: false };
        is_guaranteed(&regex)
    }

    #[test]
    fn the_guaranteed_subset_of_regular_expressions() {
        for pattern in ["abc", "^a.*b$", "[a-z]+", "[^\"]{1,3}", "a\\.b", "(a|b)?", "C:\\\\Windows", "[?*+]", "[(?]", "a\\?\\?"] {
            assert!(guaranteed(pattern), "{pattern}");
        }
        for pattern in ["\\d", "\\w+", "a\\b", "(?i)a", "(?:a)", "a(?!b)", "a*?", "a++", "[[:alpha:]]", "[]a]", "[^]a]", "(a)\\1", "\\x41"]
        {
            assert!(!guaranteed(pattern), "{pattern}");
        }
    }
}
