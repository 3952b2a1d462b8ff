//! Sigma filters: a rule's selections and condition go in; they come out with those of the filters that apply to it, joined
//! by `and`.

use super::correlation::{Events, free, moved};
use super::{List, Lowering, Surroundings, fill_lists, resolve_log_source};
use crate::detection::{Formula, Metadata, Selection};
use crate::diagnostic::{Diagnostic, Diagnostics, E0111, W0208, W0209, did_you_mean};
use crate::rules::{Found, Rule, Rules, covers};
use crate::source::Spanned;
use crate::spec::Spec;

/// The rules and filters that a document sees.
pub(super) struct Filters<'a> {
    /// The file that the document stands in.
    pub path: &'a str,
    /// The rules of that file.
    pub rules: &'a Rules,
    /// Everything else, also the rules of other files.
    pub surroundings: &'a dyn Surroundings,
    /// The file in which references are looked up first: that of the document, or of a correlation that it counts.
    pub home: &'a str,
    /// How many correlations count one another on the way to this one.
    pub depth: usize,
}

impl Filters<'_> {
    /// The rule of a reference: of the same file first.
    pub fn find(&self, reference: &str) -> Found<'_> {
        let own = if self.home == self.path { self.rules.find(reference, self.path) } else { Found::Nothing };
        match (own, self.surroundings.rules()) {
            (Found::Nothing, Some(others)) => others.find(reference, self.home),
            (found, _) => found,
        }
    }

    /// A reference in a document to no rule.
    pub fn unknown(&self, reference: &Spanned<String>, document: &Metadata) -> Diagnostic {
        let is_own = |name: &&str| [&document.id, &document.name].into_iter().flatten().any(|own| own == name);
        let known = self.rules.names().chain(self.surroundings.rules().into_iter().flat_map(|others| others.names()));
        let known = known.filter(|name| !is_own(name));
        let help = did_you_mean(&reference.value, known);
        let help = help.unwrap_or_else(|| "name a rule of this file or project by its `id` or `name`".to_owned());
        Diagnostic::error(E0111, reference.span, format!("there is no rule `{}`", reference.value)).help(help)
    }

    /// The filters that apply to a rule: of the same file, then of others.
    fn of(&self, rule: &Spec) -> Vec<&Rule> {
        let others = self.surroundings.rules().into_iter().flat_map(|others| others.filters(rule));
        self.rules.filters(rule).chain(others.filter(|filter| filter.path != self.path)).collect()
    }
}

/// Adds the filters of the rule at hand.
pub(super) fn apply(
    lowering: &mut Lowering<'_, '_>,
    filters: &Filters<'_>,
    selections: Option<Vec<Selection>>,
    formula: Option<Formula>,
) -> Option<Events> {
    let (mut selections, mut formula) = (selections?, formula?);
    for filter in filters.of(lowering.spec) {
        let Some(spec) = filter.spec.as_deref() else { continue };
        let place = lowering.spec.metadata.title.span;
        let spec = if filter.path == filters.path { spec.clone() } else { moved(spec, place) };
        let mut found = Diagnostics::new();
        let lists: Vec<List> = fill_lists(&spec, filters.surroundings, &mut found);
        let added = lowered(&mut Lowering { spec: &spec, lists: &lists, diagnostics: &mut found, ..*lowering });
        for problem in found.iter() {
            let message = format!("in the filter `{}` of {}: {}", spec.metadata.title.value, filter.path, problem.message);
            lowering.diagnostics.push(Diagnostic { span: place, labels: Vec::new(), message, ..problem.clone() });
        }
        let added = added?;
        let start = selections.len();
        for selection in added.selections {
            selections.push(Selection { name: free(selection.name.clone(), &selections), ..selection });
        }
        let added = added.formula.without_patterns().over(&|index| start + index);
        formula = match formula {
            Formula::Everything => added,
            Formula::And(parts) => Formula::And(parts.into_iter().chain([added]).collect()),
            Formula::Selection(_) | Formula::Not(_) | Formula::Or(_) | Formula::Quantified { .. } => Formula::And(vec![formula, added]),
        };
    }
    lowering.small_enough(formula, &selections).map(|formula| Events { selections, formula })
}

fn lowered(lowering: &mut Lowering<'_, '_>) -> Option<Events> {
    let selections = lowering.selections();
    let formula = lowering.formula(&selections);
    Some(Events { selections: selections?, formula: formula? })
}

/// What is wrong in a filter by itself.
pub(super) fn check(filters: &Filters<'_>, spec: &Spec, diagnostics: &mut Diagnostics) {
    let Some(block) = &spec.filter else { return };
    for reference in block.rules.iter().flatten() {
        match filters.find(&reference.value) {
            Found::Nothing => diagnostics.push(filters.unknown(reference, &spec.metadata)),
            Found::One(rule) => {
                without_effect(reference, spec, rule.spec.as_deref()).into_iter().for_each(|warning| diagnostics.push(warning));
            }
            // it changes those of its log source
            Found::Several(_) => {}
        }
    }
    // a filter may be of many log sources, so that nobody needs to have described its own
    let log_source = resolve_log_source(spec, filters.surroundings, &mut Diagnostics::new());
    let lists: Vec<List> = fill_lists(spec, filters.surroundings, diagnostics);
    let mut lowering = Lowering { spec, log_source: &log_source, lists: &lists, parameters: &[], filled: 0, diagnostics };
    if let Some(events) = lowered(&mut lowering)
        && !excludes(&events.formula)
    {
        let message = "this filter keeps what it selects: its condition is joined to the rule by `and`";
        let help = "to leave events out, write `condition: not selection`";
        diagnostics.push(Diagnostic::warning(W0208, spec.detection.span, message).help(help));
    }
}

/// That a filter does not change a rule that it names.
fn without_effect(reference: &Spanned<String>, filter: &Spec, rule: Option<&Spec>) -> Option<Diagnostic> {
    let rule = rule?;
    let (own, other) = (filter.log_source.value.id.path(), rule.log_source.value.id.path());
    let (what, help) = match rule {
        Spec { correlation: Some(_), .. } => ("it is a correlation".to_owned(), "name the rules that the correlation counts".to_owned()),
        Spec { filter: Some(_), .. } => ("it is a filter".to_owned(), "name the rules themselves".to_owned()),
        _ if covers(&filter.log_source.value.id, &rule.log_source.value.id) => return None,
        _ => (format!("it is of the log source `{other}`, the filter of `{own}`"), format!("write the filter's `logsource` as `{other}`")),
    };
    let message = format!("the filter does not change `{}`: {what}", reference.value);
    Some(Diagnostic::warning(W0209, reference.span, message).help(help))
}

/// Whether there is a `not` in it.
fn excludes(formula: &Formula) -> bool {
    match formula {
        Formula::Not(_) => true,
        Formula::Everything | Formula::Selection(_) | Formula::Quantified { .. } => false,
        Formula::And(parts) | Formula::Or(parts) => parts.iter().any(excludes),
    }
}
