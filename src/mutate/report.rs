//! What became of the mutants of many specs → text for people, or JSON.

use super::run::{Judged, Survivor, Verdict};
use crate::source::Source;
use serde_json::{Value as Json, json};

/// The mutants of one spec.
#[derive(Debug, Clone)]
pub struct SpecMutants {
    /// The spec's file.
    pub source: Source,
    /// The spec's title.
    pub title: String,
    /// What became of them.
    pub verdict: Verdict,
}

impl SpecMutants {
    /// Whether tests or author account for every mutant.
    pub fn is_good(&self) -> bool {
        match &self.verdict {
            Verdict::Untested | Verdict::Failing(_) => false,
            Verdict::Judged(judged) => judged.survivors.is_empty(),
        }
    }

    fn judged(&self) -> Option<&Judged> {
        match &self.verdict {
            Verdict::Untested | Verdict::Failing(_) => None,
            Verdict::Judged(judged) => Some(judged),
        }
    }
}

/// So many mutants, killed ones, equivalent ones and survivors.
#[derive(Default)]
struct Totals {
    mutants: usize,
    killed: usize,
    equivalent: usize,
    survivors: usize,
}

fn totals(specs: &[SpecMutants]) -> Totals {
    specs.iter().filter_map(SpecMutants::judged).fold(Totals::default(), |totals, judged| Totals {
        mutants: totals.mutants + judged.count(),
        killed: totals.killed + judged.killed,
        equivalent: totals.equivalent + judged.equivalent.len(),
        survivors: totals.survivors + judged.survivors.len(),
    })
}

/// The score of each spec with the mutants that survive, and a summary.
pub fn text(specs: &[SpecMutants]) -> String {
    let mut text: String = specs.iter().map(spec).collect();
    let totals = totals(specs);
    let plural = if specs.len() == 1 { "" } else { "s" };
    text += &format!("{} spec{plural}: {}", specs.len(), score(&totals));
    if totals.survivors > 0 {
        text += &format!(", {} survive{}", totals.survivors, if totals.survivors == 1 { "s" } else { "" });
    }
    text + "\n"
}

fn score(totals: &Totals) -> String {
    let equivalent = if totals.equivalent > 0 { format!(", {} equivalent", totals.equivalent) } else { String::new() };
    format!("{} of {} mutants killed{equivalent}", totals.killed, totals.mutants)
}

fn spec(spec: &SpecMutants) -> String {
    let path = &spec.source.path;
    match &spec.verdict {
        Verdict::Untested => format!("{path}\n  no tests\n"),
        Verdict::Failing(1) => format!("{path}\n  not judged: 1 of its own tests fails\n"),
        Verdict::Failing(count) => format!("{path}\n  not judged: {count} of its own tests fail\n"),
        Verdict::Judged(judged) => {
            let own = totals(std::slice::from_ref(spec));
            let survivors = judged.survivors.iter().map(|survivor| lines(&spec.source, survivor)).collect::<String>();
            format!("{path}\n  {}\n{survivors}", score(&own))
        }
    }
}

fn lines(source: &Source, survivor: &Survivor) -> String {
    let (line, column) = source.line_column(survivor.span.start as usize);
    format!("  SURVIVES  {}:{line}:{column}  {}\n            {}\n", source.path, survivor.sentence, survivor.kind.hint())
}

/// `{"mutants", "killed", "equivalent", "survived", "specs": [{"path", "title", "verdict", "mutants", "killed", "equivalent": […], "survivors": […]}]}`
pub fn json(specs: &[SpecMutants]) -> Json {
    let totals = totals(specs);
    let spec = |spec: &SpecMutants| {
        let mutant = |survivor: &Survivor| {
            let (line, column) = spec.source.line_column(survivor.span.start as usize);
            json!({ "mutant": survivor.sentence, "kind": survivor.kind.name(), "line": line, "column": column })
        };
        let verdict = match &spec.verdict {
            Verdict::Untested => "untested",
            Verdict::Failing(_) => "failing",
            Verdict::Judged(_) => "judged",
        };
        let judged = spec.judged().cloned().unwrap_or_default();
        let survivors = judged.survivors.iter().map(|survivor| extended(mutant(survivor), "hint", survivor.kind.hint()));
        let equivalent = judged.equivalent.iter().map(|(survivor, reason)| extended(mutant(survivor), "reason", reason));
        json!({
            "path": spec.source.path,
            "title": spec.title,
            "verdict": verdict,
            "mutants": judged.count(),
            "killed": judged.killed,
            "equivalent": equivalent.collect::<Json>(),
            "survivors": survivors.collect::<Json>(),
        })
    };
    json!({
        "mutants": totals.mutants,
        "killed": totals.killed,
        "equivalent": totals.equivalent,
        "survived": totals.survivors,
        "specs": specs.iter().map(spec).collect::<Json>(),
    })
}

fn extended(mut object: Json, key: &str, text: &str) -> Json {
    object[key] = text.into();
    object
}
