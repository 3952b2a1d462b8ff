//! What can be wrong with an input: codes, severities and the collection of all problems of one file.
//! Messages are written where the problem is found; [`crate::report`] turns them into text, JSON, SARIF or annotations.

use crate::source::Span;
use std::fmt;

/// A stable code such as `E0101`; every code has a page in `docs/diagnostics/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// It can be used, but is probably not what the author wants; `check --strict` makes it an error.
    Warning,
    /// For information: an assumption, an accepted approximation.
    Note,
}

impl Severity {
    /// `error`, `warning` or `note`.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// One problem at one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// Stable code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: lower case, the thing in backticks, no final period.
    pub message: String,
    /// The place, in the source that the diagnostic belongs to.
    pub span: Span,
    /// Further places with a short text each.
    pub labels: Vec<(Span, String)>,
    /// What to do: what was expected, "did you mean".
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, span, message)
    }

    /// A warning.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, span, message)
    }

    /// A note.
    pub fn note(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Note, span, message)
    }

    fn new(code: Code, severity: Severity, span: Span, message: impl Into<String>) -> Self {
        Self { code, severity, message: message.into(), span, labels: Vec::new(), help: None }
    }

    /// The same with a help text.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with a help text, if there is one.
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// The same with a further place.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push((span, text.into()));
        self
    }
}

/// All problems of one source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// No problems yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Adds all of another collection.
    pub fn extend(&mut self, other: Diagnostics) {
        self.list.extend(other.list);
    }

    /// The same with errors as warnings.
    pub fn without_errors(mut self) -> Diagnostics {
        for problem in self.list.iter_mut().filter(|problem| problem.severity == Severity::Error) {
            problem.severity = Severity::Warning;
        }
        self
    }

    /// Says at the first error what else does not work because of it.
    pub fn consequence(&mut self, text: &str) {
        if let Some(first) = self.list.iter_mut().find(|problem| problem.severity == Severity::Error) {
            first.help = Some(first.help.as_ref().map_or_else(|| text.to_owned(), |help| format!("{help} ({text})")));
        }
    }

    /// Takes out those at a place inside of a span.
    pub fn take_inside(&mut self, span: Span) -> Diagnostics {
        let inside = |problem: &Diagnostic| span.start <= problem.span.start && problem.span.start < span.end;
        let (taken, rest) = std::mem::take(&mut self.list).into_iter().partition(inside);
        self.list = rest;
        Diagnostics { list: taken }
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Error)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// In source order; equal ones only once.
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by(|a, b| (a.span, a.code, &a.message).cmp(&(b.span, b.code, &b.message)));
        self.list.dedup();
        self.list
    }

    /// As they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }
}

/// `did you mean `x`?` for the closest of the known names, if one is close.
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(written, known).map(|name| format!("did you mean `{name}`?"))
}

/// The closest of the known names, if it is close enough to be a slip of the pen.
pub fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase().replace('_', "-");
    let allowed = match written.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=10 => 2,
        _ => 3,
    };
    let length = lower.chars().count();
    known
        .into_iter()
        .filter(|name| name.chars().count().abs_diff(length) <= allowed)
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase().replace('_', "-")), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

macro_rules! codes {
    ($($name:ident $title:literal)*) => {
        $(#[doc = $title] pub const $name: Code = Code(stringify!($name));)*
        /// Every code with its short title, in order.
        pub const ALL_CODES: &[(Code, &str)] = &[$(($name, $title)),*];
    };
}

codes! {
    E0001 "file too large"
    E0002 "not UTF-8"
    E0003 "YAML syntax error"
    E0004 "duplicate key"
    E0005 "too many or too deep nodes, or an alias that repeats too much"
    E0006 "YAML feature that specs do not use"
    E0007 "empty file"
    E0008 "file that cannot be read"
    E0101 "unknown key"
    E0102 "wrong type"
    E0103 "missing key"
    E0104 "value that is not one of the allowed ones"
    E0105 "bad date"
    E0106 "invalid UUID"
    E0107 "the same id twice in a project"
    E0108 "bad duration"
    E0109 "bad tag"
    E0110 "document kind that is not supported"
    E0111 "unknown rule"
    E0112 "rule that a correlation cannot count"
    E0113 "correlation over several log sources"
    E0114 "alias of different fields"
    E0115 "field that the alerts of a correlation lack"
    E0201 "unknown field of the log source"
    E0202 "unknown list"
    E0203 "unknown parameter or name"
    E0204 "unknown selection"
    E0205 "selection pattern that matches nothing"
    E0206 "syntax error in a condition"
    E0207 "unknown modifier"
    E0208 "modifier that does not fit the value"
    E0209 "modifiers that do not fit each other"
    E0210 "bad CIDR"
    E0211 "bad regular expression"
    E0212 "empty list or map"
    E0213 "unresolved placeholder"
    E0214 "value with a list's name in percent signs but without `expand`"
    E0215 "list file that cannot be read"
    E0216 "list-valued field where one value is needed"
    E0217 "field cannot be compared this way"
    E0301 "syntax error in an expression"
    E0302 "type mismatch in an expression"
    E0303 "unknown function"
    E0304 "wrong number of arguments"
    E0305 "name that means two things"
    E0306 "two columns with one name"
    E0307 "condition that only the absence of events could satisfy"
    E0308 "lookback shorter than window and schedule need"
    E0309 "unknown column"
    E0310 "expression nested too deeply"
    E0401 "the target cannot express this"
    E0402 "the target deviates and nobody has accepted it"
    E0403 "the field has no place on the platform"
    E0404 "two columns get one name on the target"
    E0405 "the query is longer than the platform takes"
    E0501 "unknown ATT&CK technique, tactic, group or software"
    E0502 "revoked ATT&CK object"
    E0503 "unknown Atomic Red Team test"
    E0601 "test cannot be run"
    E0602 "test failed"
    E0701 "log source file is not consistent"
    E0702 "site file names something that does not exist"
    E0703 "template is not a pure spelling"
    E0704 "template error"
    E0801 "output path leaves the output folder"
    E0802 "two specs with one output path"
    E0901 "schedule that the platform cannot run"
    E0902 "more than the platform takes"
    E0903 "column that the result does not have"
    E0904 "action that nobody has described"
    W0101 "YAML value that readers understand differently"
    W0102 "wildcard that is escaped by accident"
    W0103 "value that is listed twice"
    W0201 "unused selection"
    W0202 "unused list or parameter"
    W0203 "log source that nobody has described"
    W0204 "field that the selected events lack"
    W0205 "regular expression outside of what all engines share"
    W0206 "value that this field can never have"
    W0207 "key without effect"
    W0208 "filter that keeps what it selects"
    W0209 "filter that does not change a rule that it names"
    W0210 "field name that is nearly that of a described field"
    W0301 "spec without a firing and a silent test"
    W0302 "equivalent mutant that is none"
    W0401 "acceptance that is not needed"
    W0501 "deprecated ATT&CK object"
    W0502 "technique without its tactic"
    W0503 "tactic that ATT&CK v19 renamed"
    W0504 "technique beside its own sub-technique"
    W0505 "Atomic Red Team test that was retired or belongs to another technique"
    W0506 "ATT&CK tag in an unusual spelling"
    W0901 "throttle that the platform does not have"
    W0902 "part of an alert that the platform does not take"
    A001 "AQL: an empty property is kept apart from a missing one"
    A002 "AQL: only the first value of a list is tested"
    A003 "AQL: sliding window becomes a tumbling window"
    A004 "AQL: keyword is searched in the raw payload"
    A005 "AQL: event coalescing must be off"
    A006 "AQL: grouping and distinct counts respect case"
    A007 "AQL: NULL can be written as a value"
    A008 "AQL: LONG() cuts the fraction off"
    A009 "AQL: text functions fold case beyond ASCII"
    A010 "AQL: addresses are compared as the platform's own type"
    A011 "AQL: numbers in text properties are written plainly"
    A012 "AQL: NOW() is the moment of the scheduled run"
    A013 "AQL: regular expressions are Java's"
    A014 "AQL: what the log source assumes about its events"
    P001 "SPL: an empty field is kept apart from a missing one"
    P002 "SPL: keyword is searched in the raw event"
    P003 "SPL: numbers in text fields are written plainly"
    P004 "SPL: streamstats holds a limited number of events"
    P005 "SPL: a time window of streamstats is open at its old end"
    P006 "SPL: regular expressions are PCRE"
    P007 "SPL: case is folded beyond ASCII"
    P008 "SPL: what the log source assumes about its events"
    K001 "KQL: missing and empty text are the same"
    K002 "KQL: keyword is searched in every column"
    K003 "KQL: a text field that is present is never empty"
    K004 "KQL: percentile is exact while the values of a group fit into one list"
    K005 "KQL: case is folded beyond ASCII by tolower"
    K006 "KQL: regular expressions are RE2-like"
    K007 "KQL: query is longer than a Sentinel rule takes"
    K008 "KQL: one element of a list is chosen by its key"
    K009 "KQL: what the log source assumes about its events"
    S001 "Sigma: tumbling window becomes a sliding window"
    S002 "Sigma: labels have no form"
    S003 "Sigma: derived columns have no form"
    S004 "Sigma: sort order has no form"
    S005 "Sigma: measures that no threshold uses have no form"
    S006 "Sigma: output columns have no form beside a correlation"
    S007 "Sigma: group without a key value is left to the engine"
    S008 "Sigma: regular expression outside of the guaranteed subset"
    S009 "Sigma: lookback becomes a sliding window"
    S010 "Sigma: edge and repetition of a window, and what an alert shows, are left to the engine"
    S011 "Sigma: whether case counts in group keys and distinct values is left to the engine"
    S012 "Sigma: values that are summed are never negative"
    S013 "Sigma: what null matches is left to the engine"
    S014 "Sigma: a negated item holds of a missing field"
    S015 "Sigma: parts of a moment are taken in UTC"
    S016 "Sigma: a list-valued field matches when one of its elements does"
    S017 "Sigma: events of one instant count as ordered"
    S018 "Sigma: keyword is searched in the raw event"
    S019 "Sigma: the end of a regular expression is the very end of the text"
    S020 "Sigma: case is folded beyond ASCII"
    S021 "Sigma: numbers in text fields are written plainly"
    S022 "Sigma: field that a processing pipeline must map"
}
