//! Warnings that repeat in file after file: each code is shown a few times in one run, the rest is counted.

use crate::diagnostic::{Diagnostic, Severity};
use std::collections::BTreeMap;

/// How often a warning's code is shown in one run.
const SHOWN: usize = 10;

/// The warnings of one run so far.
#[derive(Default)]
pub struct Repeats {
    counts: BTreeMap<&'static str, usize>,
}

impl Repeats {
    /// Keeps errors, notes, and the first warnings of each code.
    pub fn shorten(&mut self, problems: &mut Vec<Diagnostic>) {
        problems.retain(|problem| {
            if problem.severity != Severity::Warning {
                return true;
            }
            let count = self.counts.entry(problem.code.0).or_default();
            *count += 1;
            *count <= SHOWN
        });
    }

    /// What was left out, one line for each code.
    pub fn summary(&self) -> String {
        let left_out = self.counts.iter().filter(|(_, count)| **count > SHOWN);
        left_out.map(|(code, count)| format!("{} more warnings {code}: `cognate check` shows all of them\n", count - SHOWN)).collect()
    }
}
