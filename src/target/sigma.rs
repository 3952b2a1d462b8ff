//! Sigma. A detection goes in; a rule comes out, or base rules and correlation rules in one file.
//!
//! Structure, quoting and names are decided here; the envelopes lay out a document (`rule.j2`) and a file of several
//! documents (`collection.j2`). A rule is written from what the author wrote (selections, items, formula), not from
//! what it means, so that a Sigma rule comes out as the same rule.

mod approximation;
mod assumption;
mod condition;
mod correlation;
mod element;
mod filter;
mod portable;
mod rule;
mod selection;
#[cfg(test)]
mod tests;
mod threshold;

use super::{Deviation, Options, Rendered};
use crate::detection::Detection;
use crate::diagnostic::Diagnostic;
use crate::template::{Signature, TargetTemplates};
use std::borrow::Cow;

pub use condition::formula_text;

/// Sigma has no operators to spell: a rule is data.
pub const OPERATORS: &[Signature] = &[];

/// See [`super::Target::approximate`].
pub fn approximate(detection: &Detection) -> (Cow<'_, Detection>, Vec<Deviation>) {
    approximation::approximate(detection)
}

/// Renders exactly, or refuses.
pub fn render(detection: &Detection, templates: &TargetTemplates, options: &Options) -> Result<Rendered, Vec<Diagnostic>> {
    let documents = match &detection.aggregate {
        Some(aggregate) => correlation::collection(detection, aggregate, options.comments)?,
        None => vec![rule::plain(detection, options.comments)?],
    };
    let text = |document: &rule::Document| templates.envelope("rule.j2", document).map_err(|diagnostic| vec![diagnostic]);
    let documents = documents.iter().map(text).collect::<Result<Vec<String>, _>>()?;
    let documents: Vec<&str> = documents.iter().map(|document| document.trim_end_matches('\n')).collect();
    let text = templates.envelope("collection.j2", serde_json::json!({ "documents": documents })).map_err(|diagnostic| vec![diagnostic])?;
    let assumptions = assumption::assumptions(detection).into_iter().chain(element::assumptions(detection)).collect();
    Ok(Rendered { text: text.trim_end_matches('\n').to_owned(), assumptions, ..Rendered::default() })
}
