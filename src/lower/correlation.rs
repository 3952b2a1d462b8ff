//! A Sigma correlation and the rules that it names → the selections of those rules and an `aggregate` block over them, so
//! that everything that follows is the same as for a spec that is written so.

use super::filter::{self, Filters};
use super::{List, Lowering, MAX_COMBINATIONS, column_name, combinations, exclusions, fill_lists, parameters, resolve_log_source};
use crate::condition;
use crate::detection::{Alert, Chained, Detection, Formula, Quantity, Selection, SelectionBody};
use crate::diagnostic::{Diagnostic, Diagnostics, E0103, E0104, E0110, E0111, E0112, E0115, E0216, E0307, did_you_mean};
use crate::expression::Relational;
use crate::expression::parse::{Written, WrittenKind};
use crate::letter_case::identifier;
use crate::logsource::{Field, LogSource, LogSourceReference};
use crate::rules::{Found, Rule};
use crate::source::{Source, Span, Spanned};
use crate::spec::{
    AggregateBlock, AliasBlock, Body, CorrelationBlock, CorrelationCondition, CorrelationKind, ItemBlock, ListBlock, Spec, WindowBlock,
};
use std::sync::Arc;

/// The selections of all rules, and which events match one of the rules.
pub(super) struct Events {
    pub selections: Vec<Selection>,
    pub formula: Formula,
}

/// A rule that the correlation names.
struct Base {
    /// The reference to it.
    reference: Spanned<String>,
    /// Ids and names.
    names: Vec<String>,
    /// What its measure and its selections are called after.
    name: String,
    spec: Arc<Spec>,
    /// Which of all selections say what it matches.
    formula: Formula,
    /// If it is a correlation, or a rule whose fields are others than those of the other rules: what it means. Its alerts
    /// are counted.
    alerts: Option<Arc<Detection>>,
}

impl Base {
    /// Whether a name that the correlation writes is that of this rule.
    fn is_called(&self, name: &str) -> bool {
        self.reference.value == name || self.names.iter().any(|own| own == name)
    }

    /// The field that a name stands for; the alerts of a correlation are also known by its aliases.
    fn field<'n>(&'n self, name: &'n str) -> &'n str {
        let keys = self.alerts.iter().filter_map(|inner| inner.aggregate.as_ref()).flat_map(|aggregate| &aggregate.group_by);
        keys.into_iter().find(|key| key.name == column_name(name)).map_or(name, |key| &key.field.name)
    }
}

/// How many correlations may count one another.
const LONGEST_CHAIN: usize = 8;

/// A correlation as everything that follows needs it.
pub(super) struct Resolved {
    /// The spec with an aggregate.
    pub spec: Spec,
    /// What it counts.
    pub events: Events,
    /// The log source of its rules; of several an open one, whose fields are the group keys.
    pub log_source: Arc<LogSource>,
}

/// The correlation as a spec with an aggregate, and the events that it counts.
pub(super) fn resolve(spec: &Spec, block: &CorrelationBlock, filters: &Filters<'_>, diagnostics: &mut Diagnostics) -> Option<Resolved> {
    let mut resolver = Resolver { spec, block, filters, several: false, diagnostics };
    let mut bases = resolver.bases()?;
    resolver.aliases(&bases)?;
    let first = bases.first()?.spec.log_source.clone();
    let mut log_source = resolve_log_source(&bases.first()?.spec, filters.surroundings, resolver.diagnostics);
    resolver.several = one_log_source(&bases).is_some() || block.aliases.iter().any(|alias| one_field(alias, &bases).is_none());
    if resolver.several {
        for base in bases.iter_mut().filter(|base| base.alerts.is_none()) {
            base.alerts = Some(resolver.lowered_alone(base, filters)?);
        }
        log_source = Arc::new(of_several(&bases, &log_source));
    }
    let events = resolver.events(&mut bases)?;
    let aggregate = resolver.aggregate(&bases, &events)?;
    Some(Resolved { spec: Spec { log_source: first, aggregate: Some(aggregate), ..spec.clone() }, events, log_source })
}

/// Measures, and a condition over them.
type Measured = (Vec<(Spanned<String>, Written)>, Written);

struct Resolver<'a, 'd> {
    spec: &'a Spec,
    block: &'a CorrelationBlock,
    filters: &'a Filters<'a>,
    /// Whether the rules have several log sources, or an alias stands for several fields.
    several: bool,
    diagnostics: &'d mut Diagnostics,
}

impl Resolver<'_, '_> {
    fn fail<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.diagnostics.push(diagnostic);
        None
    }

    /// The rules in the order of the references; all that are wrong are reported.
    fn bases(&mut self) -> Option<Vec<Base>> {
        let mut bases: Vec<Base> = Vec::new();
        let mut good = true;
        for reference in &self.block.rules {
            match self.base(reference) {
                Some(base) if bases.iter().any(|other| other.names == base.names) => {
                    if self.block.kind == CorrelationKind::TemporalOrdered {
                        let error = Diagnostic::error(E0110, reference.span, "a rule that comes twice in the order is not supported");
                        return self.fail(error.help("name each rule once"));
                    }
                }
                Some(base) => bases.push(base),
                None => good = false,
            }
        }
        let mut taken: Vec<String> = Vec::new();
        for base in &mut bases {
            base.name = self.column(&base.name, &taken);
            taken.push(base.name.clone());
        }
        good.then_some(bases)
    }

    /// A name for a measure that no other column has.
    fn column(&self, name: &str, taken: &[String]) -> String {
        let keys: Vec<String> = self.block.group_by.iter().map(|key| column_name(&key.value)).collect();
        let is_taken = |name: &String| {
            let mut others = keys.iter().chain(taken).map(String::as_str).chain(["window_start", "window_end"]);
            others.any(|other| other.eq_ignore_ascii_case(name))
        };
        let mut names = std::iter::once(name.to_owned()).chain((2..).map(|number| format!("{name}_{number}")));
        names.find(|name| !is_taken(name)).unwrap_or_else(|| name.to_owned())
    }

    fn base(&mut self, reference: &Spanned<String>) -> Option<Base> {
        let (name, span) = (&reference.value, reference.span);
        let rule = match self.filters.find(name) {
            Found::One(rule) => rule,
            Found::Nothing => return self.fail(self.filters.unknown(reference, &self.spec.metadata)),
            Found::Several(paths) => {
                let message = format!("several rules are called `{name}`: in {}", paths.join(", "));
                return self.fail(Diagnostic::error(E0112, span, message).help("give each an `id` or a `name` of its own"));
            }
        };
        let reason = match &rule.spec {
            None => "it has errors",
            Some(spec) if spec.filter.is_some() => "it is a filter",
            Some(spec) if spec.aggregate.is_some() => "it counts events itself",
            Some(spec) => {
                let spec = if rule.path == self.filters.path { Arc::clone(spec) } else { Arc::new(moved(spec, span)) };
                let written = spec.metadata.name.as_deref().unwrap_or(&spec.metadata.title.value);
                let name = Some(identifier(written)).filter(|name| !name.is_empty()).unwrap_or_else(|| "rule".to_owned());
                let (reference, names) = (reference.clone(), rule.names.clone());
                let base = Base { reference, names, name, spec, formula: Formula::Everything, alerts: None };
                return if base.spec.correlation.is_some() { self.chained(base, rule) } else { Some(base) };
            }
        };
        let help = "a correlation counts the events of rules that have a `detection` and no `aggregate`, and the alerts of correlations";
        self.fail(Diagnostic::error(E0112, span, format!("the rule `{name}` cannot be counted: {reason}")).help(help))
    }

    /// A correlation that this one counts.
    fn chained(&mut self, base: Base, rule: &Rule) -> Option<Base> {
        let (name, span) = (&base.reference.value, base.reference.span);
        let problem = match () {
            () if self.leads_back(&base.spec, &rule.path, &mut Vec::new()) => {
                Some(("it counts this one itself", "a correlation counts what other documents find"))
            }
            () if self.filters.depth == LONGEST_CHAIN => Some(("too many correlations count one another", "count the events directly")),
            () => None,
        };
        if let Some((problem, help)) = problem {
            let message = format!("the alerts of the correlation `{name}` cannot be counted: {problem}");
            return self.fail(Diagnostic::error(E0112, span, message).help(help));
        }
        let filters = Filters { home: &rule.path, depth: self.filters.depth + 1, ..*self.filters };
        let alerts = self.lowered_alone(&base, &filters)?;
        let reference = LogSourceReference { id: alerts.log_source.id.clone(), definition: None };
        let log_source = Spanned::new(reference, alerts.log_source_span);
        Some(Base { spec: Arc::new(Spec { log_source, ..Spec::clone(&base.spec) }), alerts: Some(alerts), ..base })
    }

    /// What a rule or a correlation means by itself. What is said to people, and when it would run, does not matter.
    fn lowered_alone(&mut self, base: &Base, filters: &Filters<'_>) -> Option<Arc<Detection>> {
        let spec = Spec {
            fields: Vec::new(),
            alert: Alert::default(),
            schedule: None,
            targets: Vec::new(),
            tests: Vec::new(),
            mutants: Vec::new(),
            ..Spec::clone(&base.spec)
        };
        let lowered = super::lower_document(&Source::new(filters.home, ""), &spec, filters, &mut Diagnostics::new());
        if lowered.is_none() {
            let what = if base.spec.correlation.is_some() { "correlation" } else { "rule" };
            let message = format!("the {what} `{}` has errors", base.reference.value);
            return self.fail(Diagnostic::error(E0112, base.reference.span, message).help("they are reported where it stands"));
        }
        lowered.map(Arc::new)
    }

    /// Whether a correlation counts, directly or through others, the one at hand.
    fn leads_back(&self, spec: &Spec, path: &str, seen: &mut Vec<String>) -> bool {
        let own = [&self.spec.metadata.id, &self.spec.metadata.name];
        let filters = Filters { home: path, ..*self.filters };
        spec.correlation.iter().flat_map(|block| &block.rules).any(|reference| {
            let Found::One(rule) = filters.find(&reference.value) else { return false };
            let is_own = |name: &String| own.iter().any(|own| own.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name)));
            if rule.path == self.filters.home && rule.names.iter().any(is_own) {
                return true;
            }
            let known = seen.contains(&reference.value);
            seen.push(reference.value.clone());
            !known && rule.spec.as_ref().is_some_and(|inner| self.leads_back(inner, &rule.path, seen))
        })
    }

    /// The selections of all rules under names that say which rule they are of.
    fn events(&mut self, bases: &mut [Base]) -> Option<Events> {
        let mut selections: Vec<Selection> = Vec::new();
        let (several, mut good) = (bases.len() > 1, true);
        for base in bases.iter_mut() {
            let Some(mut own) = self.lowered(base) else {
                good = false;
                continue;
            };
            if several {
                name_after(base, &mut own);
            }
            let start = selections.len();
            base.formula = own.formula.over(&|index| start + index);
            selections.append(&mut own.selections);
        }
        let formula = match bases {
            [base] => base.formula.clone(),
            several => Formula::Or(several.iter().map(|base| base.formula.clone()).collect()),
        };
        good.then_some(Events { selections, formula })
    }

    /// The selections that a rule uses and its condition, with what the site excludes from it.
    fn lowered(&mut self, base: &Base) -> Option<Events> {
        if let Some(inner) = &base.alerts {
            let body = SelectionBody::Alerts(Chained { detection: Arc::clone(inner), fields: self.fields(base, inner)? });
            let selection = Selection { name: base.name.clone(), span: base.reference.span, body, condition: inner.condition.clone() };
            return Some(Events { selections: vec![selection], formula: Formula::Selection(0) });
        }
        let (spec, mut found) = (&*base.spec, Diagnostics::new());
        let log_source = resolve_log_source(spec, self.filters.surroundings, &mut found);
        let lists: Vec<List> = fill_lists(spec, self.filters.surroundings, &mut found);
        let parameters = parameters(spec, self.filters.surroundings);
        let mut lowering =
            Lowering { spec, log_source: &log_source, lists: &lists, parameters: &parameters, filled: 0, diagnostics: &mut found };
        let selections = lowering.selections();
        let formula = lowering.formula(&selections);
        let filtered = filter::apply(&mut lowering, self.filters, selections, formula);
        let excluded = exclusions(&mut lowering, self.filters.surroundings);
        let (Some(Events { mut selections, mut formula }), false) = (filtered, found.has_errors()) else {
            let message = format!("the rule `{}` has errors", base.reference.value);
            return self.fail(Diagnostic::error(E0112, base.reference.span, message).help("they are reported where it stands"));
        };
        for (number, exclusion) in (1..).zip(excluded) {
            let name = free(format!("site_exclusion_{number}"), &selections);
            selections.push(Selection { name, span: spec.span, body: exclusion.body, condition: exclusion.condition });
            formula = Formula::And(vec![formula, Formula::Not(Box::new(Formula::Selection(selections.len() - 1)))]);
        }
        Some(used(Events { selections, formula }))
    }

    fn aggregate(&mut self, bases: &[Base], events: &Events) -> Option<AggregateBlock> {
        let (measures, condition) = match self.block.kind {
            CorrelationKind::TemporalOrdered => self.in_order(bases, events)?,
            CorrelationKind::Temporal => self.temporal(bases, events)?,
            CorrelationKind::EventCount
            | CorrelationKind::ValueCount
            | CorrelationKind::ValueSum
            | CorrelationKind::ValueAverage
            | CorrelationKind::ValuePercentile
            | CorrelationKind::ValueMedian => self.measured(bases)?,
        };
        let group_by: Option<Vec<_>> = self.block.group_by.iter().map(|key| self.key(key, bases)).collect();
        Some(AggregateBlock {
            span: self.block.span,
            group_by: group_by?,
            window: Some(WindowBlock::Sliding(self.block.timespan, None)),
            measures,
            derive: Vec::new(),
            condition: Some(condition),
            has_condition: true,
            labels: Vec::new(),
            sort: Vec::new(),
            broken: Vec::new(),
        })
    }

    /// One measure over the events of all rules.
    fn measured(&mut self, bases: &[Base]) -> Option<Measured> {
        let kind = self.block.kind;
        let Some(CorrelationCondition::Limit { relational, number, span, field, percentile }) = &self.block.condition else { return None };
        let (function, rank) = match kind {
            CorrelationKind::EventCount | CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => ("count", None),
            CorrelationKind::ValueCount => ("distinct", None),
            CorrelationKind::ValueSum => ("sum", None),
            CorrelationKind::ValueAverage => ("avg", None),
            CorrelationKind::ValueMedian => ("percentile", Some(Spanned::new(50.0, *span))),
            CorrelationKind::ValuePercentile => match percentile {
                Some(rank) => ("percentile", Some(rank.clone())),
                None => {
                    let error = Diagnostic::error(E0103, *span, "`condition` has no `percentile`");
                    return self.fail(error.help("say which percentile of the field's values is meant: `percentile: 95`"));
                }
            },
        };
        let mut arguments = Vec::new();
        match (function, field) {
            ("count", None) => {}
            ("count", Some(field)) => {
                let error = Diagnostic::error(E0104, field.span, "`event_count` counts events, not the values of a field");
                return self.fail(error.help("remove `field`, or use `type: value_count`"));
            }
            (_, Some(field)) => arguments.push(self.key(field, bases)?.1),
            (_, None) => {
                let error = Diagnostic::error(E0103, *span, format!("`condition` of `{}` has no `field`", kind.name()));
                return self.fail(error.help("name the field whose values are measured: `field: user`"));
            }
        }
        arguments.extend(rank.map(|rank| Written { kind: WrittenKind::Number(rank.value), span: rank.span }));
        let name = Spanned::new(self.column(kind.name(), &[]), self.block.span);
        let condition = compare(*relational, &name.value, *number, *span);
        let call = WrittenKind::Call(Spanned::new(function.to_owned(), *span), arguments, None);
        Some((vec![(name, Written { kind: call, span: *span })], condition))
    }

    /// One count for each rule.
    fn temporal(&mut self, bases: &[Base], events: &Events) -> Option<Measured> {
        let measure = |base: &Base| {
            let span = base.reference.span;
            let argument = expression(&base.formula, &events.selections, span);
            let call = WrittenKind::Call(Spanned::new("count".to_owned(), span), vec![argument], None);
            (Spanned::new(base.name.clone(), span), Written { kind: call, span })
        };
        let seen: Vec<Written> = bases.iter().map(|base| compare(Relational::Greater, &base.name, 0.0, base.reference.span)).collect();
        let condition = match &self.block.condition {
            None => all(seen, self.block.span),
            Some(CorrelationCondition::Rules(written)) => self.rules_seen(written, bases, &seen)?,
            Some(CorrelationCondition::Limit { relational, number, span, field, .. }) => {
                if let Some(field) = field {
                    let error = Diagnostic::error(
                        E0104,
                        field.span,
                        format!("`{}` counts rules, not the values of a field", self.block.kind.name()),
                    );
                    return self.fail(error.help("remove `field`"));
                }
                self.rules_counted(*relational, *number, *span, &seen)?
            }
        };
        Some((bases.iter().map(measure).collect(), condition))
    }

    /// All rules, one after the other; a single one has no order.
    fn in_order(&mut self, bases: &[Base], events: &Events) -> Option<Measured> {
        if bases.len() < 2 {
            return self.temporal(bases, events);
        }
        let seen = match &self.block.condition {
            None => self.block.span,
            Some(CorrelationCondition::Limit {
                relational: Relational::GreaterOrEqual | Relational::Equal,
                number,
                span,
                field: None,
                ..
            }) if *number == bases.len() as f64 => *span,
            Some(CorrelationCondition::Limit { span, .. }) => return self.fail(not_all(*span, bases.len())),
            Some(CorrelationCondition::Rules(_)) => return self.fail(not_all(self.block.span, bases.len())),
        };
        let steps = bases.iter().map(|base| expression(&base.formula, &events.selections, base.reference.span)).collect();
        let call = WrittenKind::Call(Spanned::new("ordered".to_owned(), self.block.span), steps, None);
        let name = Spanned::new(self.column(self.block.kind.name(), &[]), self.block.span);
        let condition = compare(Relational::GreaterOrEqual, &name.value, bases.len() as f64, seen);
        Some((vec![(name, Written { kind: call, span: self.block.span })], condition))
    }

    /// So many of the rules are seen.
    fn rules_counted(&mut self, relational: Relational, number: f64, span: Span, seen: &[Written]) -> Option<Written> {
        let holds = |count: usize| match relational {
            Relational::Greater => count as f64 > number,
            Relational::GreaterOrEqual => count as f64 >= number,
            Relational::Less => (count as f64) < number,
            Relational::LessOrEqual => count as f64 <= number,
            Relational::Equal => count as f64 == number,
            Relational::NotEqual => count as f64 != number,
        };
        // a window without events does not exist, so at least one rule is seen
        let counts: Vec<usize> = (1..=seen.len()).filter(|count| holds(*count)).collect();
        let (Some(least), Some(most)) = (counts.first().copied(), counts.last().copied()) else {
            let message = format!("this can never hold: from 1 to {} of the rules are seen", seen.len());
            return self.fail(Diagnostic::error(E0307, span, message).help("compare with a number of rules that can be seen"));
        };
        if counts.iter().any(|count| combinations(seen.len(), *count) > MAX_COMBINATIONS) {
            let message = format!("the condition stands for more than {MAX_COMBINATIONS} combinations of rules");
            return self.fail(Diagnostic::error(E0104, span, message).help("name fewer rules, or require all of them"));
        }
        let between = |least: usize, most: usize| {
            let mut parts = vec![at_least(least, seen, span)];
            if most < seen.len() {
                parts.push(not(at_least(most + 1, seen, span)));
            }
            all(parts, span)
        };
        // `neq` leaves a gap
        match (least..=most).find(|count| !counts.contains(count)) {
            None => Some(between(least, most)),
            Some(gap) => Some(any(vec![between(least, gap - 1), between(gap + 1, most)], span)),
        }
    }

    /// pySigma's condition over rules.
    fn rules_seen(&mut self, written: &condition::Written, bases: &[Base], seen: &[Written]) -> Option<Written> {
        let each = |resolver: &mut Self, parts: &[condition::Written]| {
            parts.iter().map(|part| resolver.rules_seen(part, bases, seen)).collect::<Option<Vec<_>>>()
        };
        match written {
            condition::Written::Name(name) => match bases.iter().position(|base| base.is_called(&name.value)) {
                Some(index) => Some(Written { span: name.span, ..seen[index].clone() }),
                None => {
                    let known = bases.iter().map(|base| base.reference.value.as_str());
                    let help =
                        did_you_mean(&name.value, known).unwrap_or_else(|| "a condition names rules that stand under `rules`".to_owned());
                    self.fail(Diagnostic::error(E0111, name.span, format!("`{}` is no rule of this correlation", name.value)).help(help))
                }
            },
            condition::Written::Not(inner) => Some(not(self.rules_seen(inner, bases, seen)?)),
            condition::Written::And(parts) => Some(all(each(self, parts)?, self.block.span)),
            condition::Written::Or(parts) => Some(any(each(self, parts)?, self.block.span)),
            condition::Written::Quantified(count, pattern) => {
                let matches =
                    |base: &Base| pattern.value == "them" || base.names.iter().any(|name| condition::name_matches(&pattern.value, name));
                let chosen: Vec<Written> = bases.iter().zip(seen).filter(|(base, _)| matches(base)).map(|(_, seen)| seen.clone()).collect();
                let least = match count {
                    Quantity::All => chosen.len(),
                    Quantity::AtLeast(count) => *count,
                };
                if chosen.is_empty() || least > chosen.len() || combinations(chosen.len(), least) > MAX_COMBINATIONS {
                    let message = format!("`{}` matches {} of the rules", pattern.value, chosen.len());
                    return self.fail(Diagnostic::error(E0111, pattern.span, message).help("name the rules"));
                }
                Some(at_least(least, &chosen, pattern.span))
            }
        }
    }

    /// Each alias names rules of the correlation and fields that they have, also one that nothing uses.
    fn aliases(&mut self, bases: &[Base]) -> Option<()> {
        let mut good = true;
        for (rule, field) in self.block.aliases.iter().flat_map(|alias| &alias.fields) {
            let Some(base) = bases.iter().find(|base| base.is_called(&rule.value)) else {
                let known = bases.iter().map(|base| base.reference.value.as_str());
                let help = did_you_mean(&rule.value, known).unwrap_or_else(|| "an alias names rules that stand under `rules`".to_owned());
                let message = format!("`{}` is no rule of this correlation", rule.value);
                self.diagnostics.push(Diagnostic::error(E0111, rule.span, message).help(help));
                good = false;
                continue;
            };
            let log_source = resolve_log_source(&base.spec, self.filters.surroundings, &mut Diagnostics::new());
            good &= super::field(&log_source, base.field(&field.value), field.span, self.diagnostics).is_some();
        }
        good.then_some(())
    }

    /// A field, or what an alias stands for, with the column's name.
    fn key(&mut self, key: &Spanned<String>, bases: &[Base]) -> Option<(Option<Spanned<String>>, Written)> {
        let alias = self.block.aliases.iter().find(|alias| alias.name.value == key.value);
        let column = alias.map(|_| key.clone());
        let meant = match alias.filter(|_| !self.several) {
            Some(alias) => match one_field(alias, bases).flatten() {
                Some(field) => field,
                None => return self.no_field(alias),
            },
            None => key.clone(),
        };
        Some((column, Written { span: meant.span, kind: WrittenKind::Name(meant.value) }))
    }

    fn no_field<T>(&mut self, alias: &AliasBlock) -> Option<T> {
        let message = format!("the alias `{}` names no field", alias.name.value);
        self.fail(Diagnostic::error(E0103, alias.name.span, message).help("write `rule: field`"))
    }

    /// The fields of a rule's alerts that the correlation reads: by the name that it reads them by, and its own.
    fn fields(&mut self, base: &Base, inner: &Detection) -> Option<Vec<(String, Arc<Field>)>> {
        let measured = match &self.block.condition {
            Some(CorrelationCondition::Limit { field, .. }) => field.as_ref(),
            Some(CorrelationCondition::Rules(_)) | None => None,
        };
        let names: Vec<Spanned<String>> = self.block.group_by.iter().chain(measured).cloned().collect();
        names.iter().map(|name| self.field_of(name, base, inner)).collect()
    }

    fn field_of(&mut self, name: &Spanned<String>, base: &Base, inner: &Detection) -> Option<(String, Arc<Field>)> {
        let written = match self.block.aliases.iter().find(|alias| alias.name.value == name.value) {
            None => name,
            Some(alias) => {
                let own = alias.fields.iter().find(|(rule, _)| base.is_called(&rule.value));
                match own.or(alias.fields.first().filter(|_| !self.several)) {
                    Some((_, field)) => field,
                    None if alias.fields.is_empty() => return self.no_field(alias),
                    // a group key of that name
                    None if inner.aggregate.is_some() => name,
                    None => {
                        let message = format!("the alias `{}` names no field of `{}`", alias.name.value, base.reference.value);
                        let error = Diagnostic::error(E0103, alias.name.span, message).label(base.reference.span, "this rule");
                        return self.fail(error.help(format!("write `{}: field`", base.reference.value)));
                    }
                }
            }
        };
        let field = super::field(&inner.log_source, base.field(&written.value), written.span, self.diagnostics)?;
        if let Some(aggregate) = &inner.aggregate
            && !aggregate.group_by.iter().any(|key| key.field.name == field.name)
        {
            let (rule, lacking) = (&base.reference.value, &written.value);
            let message = format!("the alerts of the correlation `{rule}` have no `{lacking}`: it is none of its group keys");
            let error = Diagnostic::error(E0115, written.span, message).label(base.reference.span, "this one");
            return self.fail(error.help(format!("add `{lacking}` to `group-by` of `{rule}`")));
        }
        if field.list && self.several {
            let message = format!("`{}` may hold several values, and one is needed here", written.value);
            return self.fail(Diagnostic::error(E0216, written.span, message).help("use a field that holds one value"));
        }
        Some((if self.several { name.value.clone() } else { field.name.clone() }, field))
    }
}

/// The first rule whose log source is another one than that of the first.
fn one_log_source(bases: &[Base]) -> Option<&Base> {
    let id = |base: &Base| base.spec.log_source.value.id.clone();
    bases.iter().find(|base| bases.first().is_some_and(|first| id(base) != id(first)))
}

/// The field that an alias stands for in every rule that it names; `None` if there are several.
fn one_field(alias: &AliasBlock, bases: &[Base]) -> Option<Option<Spanned<String>>> {
    let mut meant: Option<Spanned<String>> = None;
    for (rule, field) in &alias.fields {
        let base = bases.iter().find(|base| base.is_called(&rule.value));
        let name = base.map_or(&*field.value, |base| base.field(&field.value));
        match &meant {
            Some(first) if first.value != name => return None,
            Some(_) => {}
            None => meant = Some(Spanned::new(name.to_owned(), field.span)),
        }
    }
    Some(meant)
}

/// The log source of rules that have several: its fields are what the rules hand over.
fn of_several(bases: &[Base], first: &LogSource) -> LogSource {
    let mut paths: Vec<String> = bases.iter().map(|base| base.spec.log_source.value.id.path()).collect();
    paths.dedup();
    LogSource { title: paths.join(", "), time: first.time.clone(), time_format: first.time_format, ..LogSource::open(first.id.clone()) }
}

fn not_all(span: Span, rules: usize) -> Diagnostic {
    let error = Diagnostic::error(E0110, span, "only all rules in their order are supported");
    error.help(format!("leave the condition out, or write `gte: {rules}`"))
}

/// Only the selections that the formula uses.
fn used(events: Events) -> Events {
    let used = events.formula.selections();
    let formula = events.formula.over(&|index| used.iter().position(|other| *other == index).unwrap_or(0));
    let all = events.selections.into_iter().enumerate();
    Events { selections: all.filter(|(index, _)| used.contains(index)).map(|(_, selection)| selection).collect(), formula }
}

/// Among several rules, selections are called after theirs; patterns are written out, because they name other selections.
fn name_after(base: &Base, own: &mut Events) {
    let single = own.selections.len() == 1;
    for selection in &mut own.selections {
        selection.name = if single { base.name.clone() } else { format!("{}.{}", base.name, selection.name) };
    }
    own.formula = own.formula.without_patterns();
}

pub(super) fn free(name: String, selections: &[Selection]) -> String {
    let taken = |name: &String| selections.iter().any(|selection| selection.name == *name);
    let mut names = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}_{number}")));
    names.find(|name| !taken(name)).unwrap_or(name)
}

/// A formula as the expression of a measure.
fn expression(formula: &Formula, selections: &[Selection], span: Span) -> Written {
    let each = |parts: &[Formula]| parts.iter().map(|part| expression(part, selections, span)).collect::<Vec<_>>();
    match formula {
        Formula::Everything => Written { kind: WrittenKind::Boolean(true), span },
        Formula::Selection(index) => Written { kind: WrittenKind::Name(selections[*index].name.clone()), span },
        Formula::Not(inner) => not(expression(inner, selections, span)),
        Formula::And(parts) => all(each(parts), span),
        Formula::Or(parts) => any(each(parts), span),
        Formula::Quantified { count, selections: chosen, .. } => {
            let parts: Vec<Written> = chosen.iter().map(|index| expression(&Formula::Selection(*index), selections, span)).collect();
            match count {
                Quantity::All => all(parts, span),
                Quantity::AtLeast(count) => at_least(*count, &parts, span),
            }
        }
    }
}

fn compare(relational: Relational, measure: &str, number: f64, span: Span) -> Written {
    let measure = Written { kind: WrittenKind::Name(measure.to_owned()), span };
    let number = Written { kind: WrittenKind::Number(number), span };
    Written { kind: WrittenKind::Compare(relational, Box::new(measure), Box::new(number)), span }
}

fn not(inner: Written) -> Written {
    Written { span: inner.span, kind: WrittenKind::Not(Box::new(inner)) }
}

fn all(mut parts: Vec<Written>, span: Span) -> Written {
    if parts.len() == 1 { parts.remove(0) } else { Written { kind: WrittenKind::And(parts), span } }
}

fn any(mut parts: Vec<Written>, span: Span) -> Written {
    if parts.len() == 1 { parts.remove(0) } else { Written { kind: WrittenKind::Or(parts), span } }
}

/// At least so many of the parts, at least one, hold.
fn at_least(count: usize, parts: &[Written], span: Span) -> Written {
    if count <= 1 {
        return any(parts.to_vec(), span);
    }
    if count >= parts.len() {
        return all(parts.to_vec(), span);
    }
    let with = all(vec![parts[0].clone(), at_least(count - 1, &parts[1..], span)], span);
    any(vec![with, at_least(count, &parts[1..], span)], span)
}

/// A spec of another file with all places at the reference to it.
pub(super) fn moved(spec: &Spec, span: Span) -> Spec {
    let mut spec = spec.clone();
    spec.span = span;
    spec.log_source.span = span;
    spec.detection.span = span;
    for (name, body) in &mut spec.detection.selections {
        name.span = span;
        move_body(body, span);
    }
    spec.detection.conditions.iter_mut().for_each(|condition| move_condition(condition, span));
    for (name, block) in &mut spec.lists {
        name.span = span;
        match block {
            ListBlock::Inline(values) => values.iter_mut().for_each(|value| value.span = span),
            ListBlock::File(path) => path.span = span,
        }
    }
    spec.parameters.iter_mut().for_each(|(name, _)| name.span = span);
    spec.metadata.title.span = span;
    if let Some(block) = &mut spec.correlation {
        move_correlation(block, span);
    }
    spec
}

fn move_correlation(block: &mut CorrelationBlock, place: Span) {
    block.span = place;
    block.rules.iter_mut().chain(&mut block.group_by).for_each(|name| name.span = place);
    for AliasBlock { name, fields } in &mut block.aliases {
        name.span = place;
        fields.iter_mut().for_each(|(rule, field)| (rule.span, field.span) = (place, place));
    }
    match &mut block.condition {
        Some(CorrelationCondition::Limit { relational: _, number: _, span, field, percentile }) => {
            *span = place;
            field.iter_mut().for_each(|field| field.span = place);
            percentile.iter_mut().for_each(|rank| rank.span = place);
        }
        Some(CorrelationCondition::Rules(written)) => move_condition(written, place),
        None => {}
    }
}

fn move_body(body: &mut Body, span: Span) {
    let move_item = |item: &mut ItemBlock| {
        item.span = span;
        item.modifiers.iter_mut().for_each(|modifier| modifier.span = span);
        item.values.iter_mut().for_each(|value| value.span = span);
    };
    match body {
        Body::Items(items) => items.iter_mut().for_each(move_item),
        Body::Alternatives(bodies) => bodies.iter_mut().for_each(|body| move_body(body, span)),
    }
}

fn move_condition(condition: &mut condition::Written, span: Span) {
    match condition {
        condition::Written::Name(name) => name.span = span,
        condition::Written::Not(inner) => move_condition(inner, span),
        condition::Written::And(parts) | condition::Written::Or(parts) => parts.iter_mut().for_each(|part| move_condition(part, span)),
        condition::Written::Quantified(_, pattern) => pattern.span = span,
    }
}
