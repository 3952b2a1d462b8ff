//! Mutants × the tests of the spec → which of them no test can tell from the detection.

use super::{Kind, Mutant, Mutants};
use crate::detection::{Detection, EquivalentMutant};
use crate::diagnostic::{Diagnostic, W0302, did_you_mean};
use crate::source::{Source, Span};
use crate::testing;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the tests of one mutant may take, beside twenty times what they take with the detection itself.
const LONGEST: Duration = Duration::from_secs(10);

/// What became of the mutants of one detection.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The detection has no tests.
    Untested,
    /// So many of its own tests fail, so that nothing can be said about mutants.
    Failing(usize),
    /// The mutants were run.
    Judged(Judged),
}

/// The mutants by what became of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judged {
    /// So many are told from the detection by a test.
    pub killed: usize,
    /// Those that pass all tests, and of which the author says that they mean the same: with the reason.
    pub equivalent: Vec<(Survivor, String)>,
    /// The others that pass all tests.
    pub survivors: Vec<Survivor>,
    /// Entries of `mutants` that name nothing, or something that a test kills.
    pub unneeded: Vec<Diagnostic>,
}

/// A mutant that passes all tests.
#[derive(Debug, Clone, PartialEq)]
pub struct Survivor {
    /// What is different.
    pub sentence: String,
    /// Where.
    pub span: Span,
    /// What kind of thing.
    pub kind: Kind,
}

impl Verdict {
    /// Entries of `mutants` that are not needed.
    pub fn unneeded(&self) -> &[Diagnostic] {
        match self {
            Verdict::Untested | Verdict::Failing(_) => &[],
            Verdict::Judged(judged) => &judged.unneeded,
        }
    }
}

impl Judged {
    /// How many mutants there are.
    pub fn count(&self) -> usize {
        self.killed + self.equivalent.len() + self.survivors.len()
    }
}

/// Runs the tests of a detection on all of its mutants.
pub fn judge(source: &Source, detection: &Detection) -> Verdict {
    if detection.tests.is_empty() {
        return Verdict::Untested;
    }
    let start = Instant::now();
    let failing = detection.tests.iter().filter(|test| !testing::run_test(detection, test).passed()).count();
    if failing > 0 {
        return Verdict::Failing(failing);
    }
    let longest = LONGEST + start.elapsed() * 20;
    let mutants = Mutants::new(source, detection);
    let judged = each(mutants.all(), |mutant| {
        let killed = is_killed(detection, &mutant, longest);
        (Survivor { sentence: mutant.sentence, span: mutant.span, kind: mutant.kind }, killed)
    });
    Verdict::Judged(sort_out(detection, judged))
}

/// Whether a test tells the mutant from the detection. One that cannot be run, or takes too long, is told as well.
fn is_killed(detection: &Detection, mutant: &Mutant, longest: Duration) -> bool {
    !testing::passes_all(&mutant.detection, &detection.tests, Instant::now() + longest)
}

/// Does the work on all processors; the results come in the order of the mutants.
fn each<T: Send>(mutants: impl Iterator<Item = Mutant> + Send, work: impl Fn(Mutant) -> T + Sync) -> Vec<T> {
    let (next, done) = (Mutex::new(mutants.enumerate()), Mutex::new(Vec::new()));
    let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = || {
        while let Some((index, mutant)) = take() {
            let result = work(mutant);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        }
    };
    std::thread::scope(|scope| {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        (1..processors).for_each(|_| drop(scope.spawn(worker)));
        worker();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

fn sort_out(detection: &Detection, mutants: Vec<(Survivor, bool)>) -> Judged {
    let reason = |sentence: &str| {
        let named = detection.equivalent_mutants.iter().find(|named| same(&named.sentence.value, sentence));
        named.map(|named| named.reason.clone())
    };
    let mut judged = Judged { unneeded: unneeded(detection, &mutants), ..Judged::default() };
    for (mutant, killed) in mutants {
        match (killed, reason(&mutant.sentence)) {
            (true, _) => judged.killed += 1,
            (false, Some(reason)) => judged.equivalent.push((mutant, reason)),
            (false, None) => judged.survivors.push(mutant),
        }
    }
    judged
}

/// Whether two sentences differ in their blanks at most.
fn same(named: &str, sentence: &str) -> bool {
    named.split_whitespace().eq(sentence.split_whitespace())
}

/// Entries of `mutants` that name nothing; the mutants are not run.
pub fn misnamed(source: &Source, detection: &Detection) -> Vec<Diagnostic> {
    if detection.equivalent_mutants.is_empty() {
        return Vec::new();
    }
    let sentences: Vec<String> = Mutants::new(source, detection).all().map(|mutant| mutant.sentence).collect();
    detection.equivalent_mutants.iter().filter_map(|named| no_such_mutant(named, &sentences)).collect()
}

fn no_such_mutant(named: &EquivalentMutant, sentences: &[impl AsRef<str>]) -> Option<Diagnostic> {
    let sentence = &named.sentence.value;
    if sentences.iter().any(|other| same(sentence, other.as_ref())) {
        return None;
    }
    let help = did_you_mean(sentence, sentences.iter().map(AsRef::as_ref));
    let help = help.unwrap_or_else(|| "remove it, or copy the sentence of a mutant that survives".to_owned());
    Some(Diagnostic::warning(W0302, named.sentence.span, "the detection has no such mutant").help(help))
}

fn unneeded(detection: &Detection, mutants: &[(Survivor, bool)]) -> Vec<Diagnostic> {
    let sentences: Vec<&str> = mutants.iter().map(|(mutant, _)| mutant.sentence.as_str()).collect();
    let problem = |named: &EquivalentMutant| {
        no_such_mutant(named, &sentences).or_else(|| {
            let mut called = mutants.iter().filter(|(mutant, _)| same(&named.sentence.value, &mutant.sentence));
            let message = "a test tells this mutant from the detection, so it is not equivalent";
            let warning = || Diagnostic::warning(W0302, named.sentence.span, message).help("remove it from `mutants`");
            called.all(|(_, killed)| *killed).then(warning)
        })
    };
    detection.equivalent_mutants.iter().filter_map(problem).collect()
}
