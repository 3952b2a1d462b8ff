//! A formula over selections goes in, the text of `detection.condition` comes out, in names and patterns that every
//! reader of Sigma understands alike.

use crate::detection::{Formula, Quantity, Selection};
use rustc_hash::FxHashSet;

/// The largest number of combinations that `3 of …` is written out to.
const MAX_COMBINATIONS: usize = 60;

/// Words of the condition language, and keys that stand beside selections.
const RESERVED: [&str; 9] = ["and", "or", "not", "of", "all", "any", "them", "condition", "timeframe"];

/// The condition as text, with as few parentheses as it can have: reading it again gives the same tree.
/// The text of [`Formula::Everything`] is empty.
pub fn formula_text(formula: &Formula, selections: &[Selection]) -> String {
    let names: Vec<&str> = selections.iter().map(|selection| selection.name.as_str()).collect();
    text(formula, &names, Parentheses::Needed)
}

/// How many parentheses a condition gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parentheses {
    /// Only those that change the tree: `a and b or c`.
    Needed,
    /// Also around every `and` inside of an `or`, as rules are usually written: `(a and b) or c`.
    Usual,
}

/// The same over plain names.
pub(super) fn text(formula: &Formula, names: &[&str], style: Parentheses) -> String {
    let join = |parts: &[Formula], word: &str| {
        let part = |part: &Formula| {
            let bare = matches!(part, Formula::And(_)) && word == " or " && style == Parentheses::Needed;
            operand(part, names, style, !bare)
        };
        parts.iter().map(part).collect::<Vec<_>>().join(word)
    };
    match formula {
        Formula::Everything => String::new(),
        Formula::Selection(index) => names.get(*index).copied().unwrap_or_default().to_owned(),
        Formula::Not(inner) => format!("not {}", operand(inner, names, style, true)),
        Formula::And(parts) => join(parts, " and "),
        Formula::Or(parts) => join(parts, " or "),
        Formula::Quantified { count: Quantity::All, pattern, .. } => format!("all of {pattern}"),
        Formula::Quantified { count: Quantity::AtLeast(count), pattern, .. } => format!("{count} of {pattern}"),
    }
}

fn operand(part: &Formula, names: &[&str], style: Parentheses, grouped: bool) -> String {
    match part {
        Formula::And(_) | Formula::Or(_) if grouped => format!("({})", text(part, names, style)),
        Formula::Everything | Formula::Selection(_) | Formula::Not(_) | Formula::And(_) | Formula::Or(_) | Formula::Quantified { .. } => {
            text(part, names, style)
        }
    }
}

/// `a and b`; a part that is itself an `and` is taken apart.
pub(super) fn all(parts: impl IntoIterator<Item = Formula>) -> Formula {
    let mut flat = Vec::new();
    for part in parts {
        match part {
            Formula::And(inner) => flat.extend(inner),
            Formula::Everything => {}
            Formula::Selection(_) | Formula::Not(_) | Formula::Or(_) | Formula::Quantified { .. } => flat.push(part),
        }
    }
    match flat.len() {
        0 => Formula::Everything,
        1 => flat.remove(0),
        _ => Formula::And(flat),
    }
}

/// `a or b` of at least one.
pub(super) fn any(mut parts: Vec<Formula>) -> Formula {
    if parts.len() == 1 { parts.remove(0) } else { Formula::Or(parts) }
}

/// Names that no reader misunderstands: letters, digits and `_`, no word of the condition language, each once.
pub(super) fn portable_names(written: &[&str]) -> Vec<String> {
    let mut taken: FxHashSet<String> = FxHashSet::default();
    let mut names: Vec<Option<String>> = written.iter().map(|name| (portable(name) == **name).then(|| (*name).to_owned())).collect();
    taken.extend(names.iter().flatten().cloned());
    for (name, written) in names.iter_mut().zip(written) {
        if name.is_none() {
            let base = portable(written);
            let mut candidates = std::iter::once(base.clone()).chain((2..).map(|number| format!("{base}_{number}")));
            *name = candidates.find(|candidate| taken.insert(candidate.clone()));
        }
    }
    names.into_iter().flatten().collect()
}

/// One name made portable. Some readers take `notepad` as `not epad`.
fn portable(name: &str) -> String {
    let clean = spelled(name);
    let digits = clean.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = if digits || clean.starts_with("not") || RESERVED.contains(&clean.as_str()) { "is_" } else { "" };
    format!("{prefix}{clean}")
}

fn spelled(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

/// The formula with portable patterns. A pattern that does not name exactly its selections in every reading, and a
/// number that Sigma does not have, are written out; `None` if that would be too long.
pub(super) fn resolve(formula: &Formula, names: &[String]) -> Option<Formula> {
    let list = |parts: &[Formula]| parts.iter().map(|part| resolve(part, names)).collect::<Option<Vec<_>>>();
    Some(match formula {
        Formula::Everything => Formula::Everything,
        Formula::Selection(index) => Formula::Selection(*index),
        Formula::Not(inner) => Formula::Not(Box::new(resolve(inner, names)?)),
        Formula::And(parts) => Formula::And(list(parts)?),
        Formula::Or(parts) => Formula::Or(list(parts)?),
        Formula::Quantified { count, pattern, selections } => {
            let pattern = portable_pattern(pattern);
            let counted = matches!(count, Quantity::All | Quantity::AtLeast(1));
            match counted && names_exactly(&pattern, selections, names) {
                true => Formula::Quantified { count: *count, pattern, selections: selections.clone() },
                false => written_out(*count, selections)?,
            }
        }
    })
}

fn portable_pattern(pattern: &str) -> String {
    let clean: String = pattern.split('*').map(spelled).collect::<Vec<_>>().join("*");
    if clean.starts_with("not") { format!("is_{clean}") } else { clean }
}

/// Whether readers agree that a pattern means these selections: names with a leading `_` may or may not take part,
/// and not every reader knows two `*` in one pattern.
fn names_exactly(pattern: &str, selections: &[usize], names: &[String]) -> bool {
    let pieces: Vec<&str> = if pattern == "them" { vec!["", ""] } else { pattern.split('*').collect() };
    let matches = |name: &str| match pieces.as_slice() {
        [whole] => name == *whole,
        [start, end] => name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
        _ => false,
    };
    let overlap = |name: &str| matches!(pieces.as_slice(), [start, end] if name.starts_with(start) && name.ends_with(end));
    let hidden = |name: &str| name.starts_with('_') && !pattern.starts_with('_');
    pieces.len() <= 2
        && names.iter().enumerate().all(|(index, name)| {
            let meant = selections.contains(&index);
            let narrow = matches(name) && !hidden(name);
            let wide = (matches(name) || overlap(name)) && !(pattern == "them" && hidden(name));
            narrow == meant && wide == meant
        })
}

fn written_out(count: Quantity, selections: &[usize]) -> Option<Formula> {
    let each = || selections.iter().map(|index| Formula::Selection(*index)).collect::<Vec<_>>();
    match count {
        _ if selections.is_empty() => None,
        Quantity::All => Some(all(each())),
        Quantity::AtLeast(1) => Some(any(each())),
        Quantity::AtLeast(number) => {
            let combinations = combinations(selections, number)?;
            Some(any(combinations.into_iter().map(|chosen| all(chosen.into_iter().map(Formula::Selection))).collect()))
        }
    }
}

/// All choices of `number` of the selections, in order; `None` if there is none, or too many.
fn combinations(selections: &[usize], number: usize) -> Option<Vec<Vec<usize>>> {
    let mut chosen: Vec<Vec<usize>> = vec![Vec::new()];
    for (position, selection) in selections.iter().enumerate() {
        let left = selections.len() - position - 1;
        let with = chosen.iter().filter(|c| c.len() < number).map(|c| c.iter().copied().chain([*selection]).collect());
        let without = chosen.iter().filter(|c| c.len() + left >= number).cloned();
        chosen = with.chain(without).filter(|c: &Vec<usize>| c.len() + left >= number).collect();
        if chosen.len() > MAX_COMBINATIONS {
            return None;
        }
    }
    chosen.sort_unstable();
    (number > 0 && !chosen.is_empty()).then_some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(index: usize) -> Formula {
        Formula::Selection(index)
    }

    fn quantified(count: Quantity, pattern: &str, selections: &[usize]) -> Formula {
        Formula::Quantified { count, pattern: pattern.into(), selections: selections.to_vec() }
    }

    const NAMES: [&str; 4] = ["a", "b", "sel_x", "sel_y"];

    /// A reader of conditions, written apart from the compiler's: `and` and `or` chains become one node each.
    fn read(text: &str) -> Formula {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut position = 0;
        let formula = read_chain(&words, &mut position, "or");
        assert_eq!(position, words.len(), "{text}");
        formula
    }

    fn read_chain(words: &[&str], position: &mut usize, operator: &str) -> Formula {
        let mut parts = Vec::new();
        loop {
            parts.push(if operator == "or" { read_chain(words, position, "and") } else { read_unary(words, position) });
            if words.get(*position) != Some(&operator) {
                break;
            }
            *position += 1;
        }
        match (parts.len(), operator) {
            (1, _) => parts.remove(0),
            (_, "or") => Formula::Or(parts),
            _ => Formula::And(parts),
        }
    }

    fn read_unary(words: &[&str], position: &mut usize) -> Formula {
        let word = words[*position];
        *position += 1;
        if word == "not" {
            return Formula::Not(Box::new(read_unary(words, position)));
        }
        if word == "(" {
            let inner = read_chain(words, position, "or");
            *position += 1;
            return inner;
        }
        if words.get(*position) == Some(&"of") {
            let pattern = words[*position + 1];
            *position += 2;
            let matching = (0..NAMES.len()).filter(|i| pattern == "them" || NAMES[*i].starts_with(pattern.trim_end_matches('*')));
            let count = if word == "all" { Quantity::All } else { Quantity::AtLeast(word.parse().expect("a number")) };
            return quantified(count, pattern, &matching.collect::<Vec<_>>());
        }
        one(NAMES.iter().position(|name| *name == word).expect("a selection"))
    }

    /// Every tree of a depth, drawn by a small generator of numbers.
    fn draw(depth: usize, state: &mut u64) -> Formula {
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let number = (*state >> 33) as usize;
        let list = |state: &mut u64| (0..2 + number % 2).map(|_| draw(depth - 1, state)).collect();
        match (depth, number % 7) {
            (0, 0) => quantified(Quantity::AtLeast(1), "sel_*", &[2, 3]),
            (0, 1) => quantified(Quantity::All, "them", &[0, 1, 2, 3]),
            (0, _) => one(number / 7 % 4),
            (_, 0 | 1) => Formula::And(list(state)),
            (_, 2 | 3) => Formula::Or(list(state)),
            (_, 4) => Formula::Not(Box::new(draw(depth - 1, state))),
            _ => draw(depth - 1, state),
        }
    }

    #[test]
    fn the_text_is_read_back_as_the_same_tree() {
        let mut state = 1;
        for round in 0..2000 {
            let formula = draw(round % 5, &mut state);
            for style in [Parentheses::Needed, Parentheses::Usual] {
                let written = text(&formula, &NAMES, style);
                assert_eq!(read(&written), formula, "{written}");
            }
        }
    }

    #[test]
    fn parentheses_stand_only_where_they_must() {
        let formula = Formula::And(vec![one(0), Formula::Not(Box::new(quantified(Quantity::AtLeast(1), "sel_*", &[2, 3])))]);
        assert_eq!(text(&formula, &NAMES, Parentheses::Needed), "a and not 1 of sel_*");
        let formula = Formula::Or(vec![Formula::And(vec![one(0), one(1)]), Formula::Not(Box::new(Formula::Or(vec![one(2), one(3)])))]);
        assert_eq!(text(&formula, &NAMES, Parentheses::Needed), "a and b or not (sel_x or sel_y)");
        assert_eq!(text(&formula, &NAMES, Parentheses::Usual), "(a and b) or not (sel_x or sel_y)");
    }

    #[test]
    fn names_that_readers_misunderstand_are_replaced() {
        let names = portable_names(&["notepad", "is_notepad", "a-b", "a.b", "a_b", "them", "12", "größe", "x"]);
        assert_eq!(names, ["is_notepad_2", "is_notepad", "a_b_2", "a_b_3", "a_b", "is_them", "is_12", "gr__e", "x"]);
    }

    #[test]
    fn patterns_follow_their_selections() {
        let resolved = |count, pattern: &str, selections: &[usize], written: &[&str]| {
            let names = portable_names(written);
            let formula = resolve(&quantified(count, pattern, selections), &names).expect("short enough");
            text(&formula, &names.iter().map(String::as_str).collect::<Vec<_>>(), Parentheses::Needed)
        };
        let once = Quantity::AtLeast(1);
        assert_eq!(resolved(once, "sel-*", &[0, 1], &["sel-a", "sel-b", "other"]), "1 of sel_*");
        assert_eq!(resolved(once, "sel-*", &[0, 1], &["sel-a", "sel-b", "sel_c"]), "sel_a or sel_b");
        assert_eq!(resolved(once, "not*", &[0, 1], &["note", "notepad"]), "1 of is_not*");
        assert_eq!(resolved(Quantity::All, "them", &[0, 1], &["a", "b"]), "all of them");
        assert_eq!(resolved(Quantity::All, "*", &[0, 1], &["a", "_b"]), "a and _b");
        assert_eq!(resolved(Quantity::All, "them", &[0], &["a", "_b"]), "all of them");
        assert_eq!(resolved(once, "a*b*c", &[0], &["axbxc", "d"]), "axbxc");
        assert_eq!(resolved(Quantity::AtLeast(2), "s*", &[0, 1, 2], &["s1", "s2", "s3"]), "s1 and s2 or s1 and s3 or s2 and s3");
        assert_eq!(resolved(Quantity::AtLeast(3), "s*", &[0, 1, 2], &["s1", "s2", "s3"]), "s1 and s2 and s3");
    }

    #[test]
    fn too_many_combinations_are_given_up() {
        let names: Vec<String> = (0..30).map(|i| format!("s{i}")).collect();
        let all: Vec<usize> = (0..30).collect();
        assert_eq!(resolve(&quantified(Quantity::AtLeast(15), "s*", &all), &names), None);
        assert_eq!(resolve(&quantified(Quantity::AtLeast(31), "s*", &all), &names), None);
    }
}
