//! `detection.condition` → conditions that join its selections a little differently.

use super::words::Words;
use super::{Kind, Variant, with, without};
use crate::detection::{Formula, Quantity};
use crate::source::Span;

/// All variants, in the order of the formula.
pub(super) fn variants(words: &Words<'_>, formula: &Formula, span: Span) -> Vec<Variant<Formula>> {
    let becomes = |new: Formula| {
        let (from, to) = (words.formula(formula), words.formula(&new));
        Variant::becomes(span, Kind::Logic, &from, &to, new)
    };
    match formula {
        Formula::Everything => Vec::new(),
        Formula::Selection(_) => vec![becomes(Formula::Not(Box::new(formula.clone())))],
        Formula::Not(inner) => {
            let mut found = vec![becomes((**inner).clone())];
            if !matches!(**inner, Formula::Selection(_)) {
                let deeper = variants(words, inner, span).into_iter();
                found.extend(deeper.map(|variant| variant.map(|inner| Formula::Not(Box::new(inner)))));
            }
            found
        }
        Formula::And(parts) => joined(words, formula, parts, Formula::And, becomes(Formula::Or(parts.clone())), span),
        Formula::Or(parts) => joined(words, formula, parts, Formula::Or, becomes(Formula::And(parts.clone())), span),
        Formula::Quantified { count, pattern, selections } => {
            let quantified = |count, selections: Vec<usize>| Formula::Quantified { count, pattern: pattern.clone(), selections };
            let counts = other_quantities(*count, selections.len()).into_iter();
            let mut found: Vec<_> = counts.map(|count| becomes(quantified(count, selections.clone()))).collect();
            for (index, selection) in selections.iter().enumerate().filter(|_| selections.len() > 1) {
                let rest = without(selections, index);
                let count = match count {
                    Quantity::AtLeast(count) => Quantity::AtLeast((*count).min(rest.len())),
                    Quantity::All => Quantity::All,
                };
                found.push(loses(words, formula, words.selection(*selection), quantified(count, rest), span));
            }
            found
        }
    }
}

fn loses(words: &Words<'_>, whole: &Formula, lost: &str, rest: Formula, span: Span) -> Variant<Formula> {
    Variant { change: format!("`{}` loses `{lost}`", words.formula(whole)), span, kind: Kind::Logic, value: rest }
}

/// Joined by the other word, without each of the parts, and with each part changed.
fn joined(
    words: &Words<'_>,
    whole: &Formula,
    parts: &[Formula],
    join: fn(Vec<Formula>) -> Formula,
    swapped: Variant<Formula>,
    span: Span,
) -> Vec<Variant<Formula>> {
    let mut found = vec![swapped];
    for (index, part) in parts.iter().enumerate() {
        found.push(loses(words, whole, &words.formula(part), join(without(parts, index)), span));
    }
    for (index, part) in parts.iter().enumerate() {
        let deeper = variants(words, part, span).into_iter();
        found.extend(deeper.map(|variant| variant.map(|part| join(with(parts, index, part)))));
    }
    found
}

/// One more and one less; `all of` becomes `1 of`.
fn other_quantities(quantity: Quantity, selections: usize) -> Vec<Quantity> {
    match quantity {
        _ if selections < 2 => Vec::new(),
        Quantity::All => vec![Quantity::AtLeast(1)],
        Quantity::AtLeast(count) => {
            let possible = |count: &usize| (1..=selections).contains(count);
            [count - 1, count + 1].into_iter().filter(possible).map(Quantity::AtLeast).collect()
        }
    }
}
