//! Specs go in; the rules by id and name come out, for the correlations that refer to them.

use crate::logsource::LogSourceId;
use crate::source::Spanned;
use crate::spec::Spec;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// A document that others may refer to.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The file that it stands in, as it is shown.
    pub path: String,
    /// Its id and its name, as far as it has them.
    pub names: Vec<String>,
    /// The rules that it counts as a correlation, unless they have queries of their own; also if it is wrong.
    pub counted: Vec<String>,
    /// What it says, if it can be read. Of a rule in another file only if some correlation or filter refers to it.
    pub spec: Option<Arc<Spec>>,
}

/// All rules of a file, or of many.
#[derive(Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    places: FxHashMap<String, Vec<usize>>,
    /// What correlations refer to that do not generate the queries of their rules.
    counted: FxHashSet<String>,
    /// Which of the rules are filters.
    filters: Vec<usize>,
}

/// What a reference means.
pub enum Found<'r> {
    /// No rule has this id or name.
    Nothing,
    /// This one.
    One(&'r Rule),
    /// Several do; the files that they stand in.
    Several(Vec<&'r str>),
}

impl Rules {
    /// Makes them findable.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Rules {
        let mut all = Rules::default();
        for rule in rules {
            let mut names: Vec<String> = rule.names.iter().map(|name| key(name)).collect();
            names.dedup();
            names.into_iter().for_each(|name| all.places.entry(name).or_default().push(all.rules.len()));
            all.counted.extend(rule.counted.iter().map(|reference| key(reference)));
            if rule.spec.as_ref().is_some_and(|spec| spec.filter.is_some()) {
                all.filters.push(all.rules.len());
            }
            all.rules.push(rule);
        }
        all
    }

    /// The rule with an id or a name: one of the file at `path`, else of all.
    pub fn find(&self, reference: &str, path: &str) -> Found<'_> {
        let all: Vec<&Rule> = self.places.get(&key(reference)).into_iter().flatten().map(|place| &self.rules[*place]).collect();
        let near: Vec<&Rule> = all.iter().copied().filter(|rule| rule.path == path).collect();
        match if near.is_empty() { all } else { near }.as_slice() {
            [] => Found::Nothing,
            [rule] => Found::One(rule),
            several => Found::Several(several.iter().map(|rule| rule.path.as_str()).collect()),
        }
    }

    /// The filters that change a rule: those that name it, and those of any rule of its log source.
    pub fn filters(&self, rule: &Spec) -> impl Iterator<Item = &Rule> {
        let names: Vec<String> = rule.metadata.id.iter().chain(&rule.metadata.name).map(|name| key(name)).collect();
        let log_source = rule.log_source.value.id.clone();
        self.filters.iter().map(|place| &self.rules[*place]).filter(move |filter| {
            let Some((block, spec)) = filter.spec.as_ref().and_then(|spec| Some((spec.filter.as_ref()?, spec))) else { return false };
            let named = |rules: &Vec<Spanned<String>>| rules.iter().any(|rule| names.contains(&key(&rule.value)));
            block.rules.as_ref().is_none_or(named) && covers(&spec.log_source.value.id, &log_source)
        })
    }

    /// Whether a rule with one of these names only says what a correlation counts.
    pub fn is_base(&self, names: &[String]) -> bool {
        !self.counted.is_empty() && names.iter().any(|name| self.counted.contains(&key(name)))
    }

    /// All ids and names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().flat_map(|rule| &rule.names).map(String::as_str)
    }
}

/// What correlations and filters refer to.
#[derive(Debug, Default)]
pub struct References(FxHashSet<String>);

impl References {
    /// Those of some rules.
    pub fn of<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> References {
        let specs = rules.into_iter().filter_map(|rule| rule.spec.as_deref());
        let of_spec = |spec: &'r Spec| {
            let correlated = spec.correlation.iter().flat_map(|block| &block.rules);
            correlated.chain(spec.filter.iter().flat_map(|block| block.rules.iter().flatten()))
        };
        References(specs.flat_map(of_spec).map(|reference| key(&reference.value)).collect())
    }

    /// Whether one of them may be a rule.
    pub fn name(&self, rule: &Rule) -> bool {
        rule.names.iter().any(|name| self.0.contains(&key(name)))
    }
}

/// Whether a log source is the other one, or says less.
pub fn covers(wide: &LogSourceId, narrow: &LogSourceId) -> bool {
    let fits = |wide: &Option<String>, narrow: &Option<String>| wide.is_none() || wide == narrow;
    fits(&wide.product, &narrow.product) && fits(&wide.category, &narrow.category) && fits(&wide.service, &narrow.service)
}

/// Ids are the same in upper and lower case; names are not.
fn key(reference: &str) -> String {
    match uuid::Uuid::try_parse(reference) {
        Ok(id) if reference.len() == 36 => id.to_string(),
        Ok(_) | Err(_) => reference.to_owned(),
    }
}
