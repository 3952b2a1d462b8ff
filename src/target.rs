//! The four targets and the stage that turns a detection into one target's artefact:
//! approximate (a named rewrite of the detection) → render (exactly, or refuse) → wrap in the envelope.

pub mod aql;
pub mod kql;
pub mod several;
pub mod sigma;
pub mod spl;

use crate::detection::{Condition, Detection, Window};
use crate::diagnostic::{A014, Code, Diagnostic, E0113, E0114, E0401, E0403, K009, P008};
use crate::logsource::{LogSource, Platform};
use crate::source::Span;
use crate::template::{Signature, TargetTemplates};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A language that detections are compiled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// IBM QRadar.
    Aql,
    /// Splunk.
    Spl,
    /// Microsoft Sentinel and Defender XDR.
    Kql,
    /// Sigma.
    Sigma,
}

impl Target {
    /// All, in the order in which they are shown.
    pub const ALL: [Target; 4] = [Target::Aql, Target::Spl, Target::Kql, Target::Sigma];

    /// `aql`, `spl`, `kql`, `sigma`
    pub fn name(self) -> &'static str {
        match self {
            Target::Aql => "aql",
            Target::Spl => "spl",
            Target::Kql => "kql",
            Target::Sigma => "sigma",
        }
    }

    /// As it is called in messages.
    pub fn title(self) -> &'static str {
        match self {
            Target::Aql => "AQL",
            Target::Spl => "SPL",
            Target::Kql => "KQL",
            Target::Sigma => "Sigma",
        }
    }

    /// The platform that runs it, as it is called in messages.
    fn platform_title(self) -> &'static str {
        match self {
            Target::Aql => "QRadar",
            Target::Spl => "Splunk",
            Target::Kql => "Microsoft Sentinel",
            Target::Sigma => "the product",
        }
    }

    /// File extension of its artefacts.
    pub fn extension(self) -> &'static str {
        match self {
            Target::Aql => "aql",
            Target::Spl => "spl",
            Target::Kql => "kql",
            Target::Sigma => "yml",
        }
    }

    /// The platform whose bindings it uses; Sigma uses the names of the product's own events.
    pub fn platform(self) -> Option<Platform> {
        match self {
            Target::Aql => Some(Platform::Aql),
            Target::Spl => Some(Platform::Spl),
            Target::Kql => Some(Platform::Kql),
            Target::Sigma => None,
        }
    }

    /// The target of a name.
    pub fn from_name(name: &str) -> Option<Target> {
        Target::ALL.into_iter().find(|target| target.name() == name)
    }

    /// The operators that its `operators.j2` must define.
    pub fn operators(self) -> &'static [Signature] {
        match self {
            Target::Aql => aql::OPERATORS,
            Target::Spl => spl::OPERATORS,
            Target::Kql => kql::OPERATORS,
            Target::Sigma => sigma::OPERATORS,
        }
    }

    /// The detection as this target can say it: every deviation is a rewrite of the detection, with its code.
    /// Rendering is exact for the rewritten detection, or refuses.
    pub fn approximate(self, detection: &Detection) -> (Cow<'_, Detection>, Vec<Deviation>) {
        match self {
            Target::Aql => aql::approximate(detection),
            Target::Spl => several::approximate(detection, spl::approximate),
            Target::Kql => several::approximate(detection, kql::approximate),
            Target::Sigma => sigma::approximate(detection),
        }
    }

    /// What its queries call the columns of rules that are counted together; `None` if it has no such queries.
    fn names_of_several(self) -> Option<several::Names> {
        match self {
            Target::Spl => Some(spl::NAMES_OF_SEVERAL),
            Target::Kql => Some(kql::NAMES_OF_SEVERAL),
            Target::Aql | Target::Sigma => None,
        }
    }

    /// `branches`: the rules whose rows are counted together; none: the events of the log source are.
    fn render(
        self,
        detection: &Detection,
        branches: &[several::Branch],
        templates: &TargetTemplates,
        options: &Options,
    ) -> Result<Rendered, Vec<Diagnostic>> {
        match self {
            Target::Aql => aql::render(detection, templates, options),
            Target::Spl => spl::render(detection, branches, templates, options),
            Target::Kql => kql::render(detection, branches, templates, options),
            Target::Sigma => sigma::render(detection, templates, options),
        }
    }
}

/// Something that the target says differently (an approximation, which somebody must accept) or that must be true
/// of platform or data (an assumption, which is listed).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deviation {
    /// Such as `K001`.
    pub code: Code,
    /// One sentence about this detection: what is different, or what is assumed.
    pub message: String,
    /// Place in the spec.
    pub span: Span,
}

impl Deviation {
    /// A deviation from its parts.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), span }
    }
}

/// What a backend returns.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    /// The query, without a header comment and without a final line break.
    pub text: String,
    /// What must be true for the query to be exact.
    pub assumptions: Vec<Deviation>,
    /// Lookups that the query reads: name and values.
    pub lookups: BTreeMap<String, Vec<String>>,
}

/// Which lists stand beside a query instead of in it.
#[derive(Debug, Clone)]
pub struct Lookups {
    /// Those with more values.
    pub above: usize,
    /// How their names begin.
    pub prefix: String,
}

/// How to render.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether a header comment with title, id and fidelity is written (AQL has no comments).
    pub comments: bool,
    /// The time range in the text.
    pub range: Range,
    /// AQL `LIMIT`, if the site sets one.
    pub limit: Option<u32>,
    /// Whether events and fields of a log source that nobody has described are taken to stand under their own names.
    pub unmapped: bool,
    /// SPL: lists that become lookups.
    pub lookups: Option<Lookups>,
}

impl Default for Options {
    fn default() -> Self {
        Options { comments: true, range: Range::Scheduled, limit: None, unmapped: true, lookups: None }
    }
}

/// Which time range a query covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// One run of the schedule: reports only what ends in its last `every`.
    Scheduled,
    /// The same in SPL without the time range, which stands beside the search as its dispatch times ([`Bounds::reach`]). Queries of
    /// other targets state it all the same: AQL must, and nobody has documented to which moment Sentinel's own range and `now()` refer.
    Dispatched,
    /// One run over so many milliseconds, up to now, that reports everything.
    Hunt(i64),
}

/// A time range relative to the moment T of a run, in milliseconds before T.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Events before T − earliest are not seen.
    pub earliest: i64,
    /// Events at or after T − latest are not seen.
    pub latest: i64,
    /// Only alerts of the last part are reported; `None`: all.
    /// Instants (plain matches, sliding alerts): T − from <= instant < T − latest.
    /// Tumbling windows: T − from < window end <= T − latest.
    pub report_from: Option<i64>,
    /// Whether the query itself says how far it looks back.
    pub stated: bool,
}

impl Bounds {
    /// How far before T a query must see events: matches of a rule without aggregate do not depend on earlier ones.
    pub fn reach(&self, detection: &Detection) -> i64 {
        self.report_from.filter(|_| detection.aggregate.is_none()).unwrap_or(self.earliest)
    }
}

impl Range {
    /// The range of a detection.
    pub fn bounds(self, detection: &Detection) -> Bounds {
        let schedule = &detection.schedule;
        match self {
            Range::Hunt(length) => Bounds { earliest: length, latest: 0, report_from: None, stated: true },
            Range::Scheduled | Range::Dispatched => {
                let earliest = schedule.delay + schedule.lookback;
                let from = schedule.delay + schedule.every;
                let cut = !matches!(detection.aggregate.as_ref().map(|a| &a.window), Some(Window::Lookback));
                let report_from = (cut && from < earliest).then_some(from);
                Bounds { earliest, latest: schedule.delay, report_from, stated: self == Range::Scheduled }
            }
        }
    }
}

/// How far an artefact can be trusted to mean what the spec means.
#[derive(Debug, Clone, PartialEq)]
pub struct Fidelity {
    /// Named rewrites; empty: exact.
    pub approximations: Vec<Deviation>,
    /// What must be true of platform or data.
    pub assumptions: Vec<Deviation>,
}

impl Fidelity {
    /// `exact`, `exact (A005)`, `approximate (K001)`: the word and the codes, for tables and comments.
    pub fn mark(&self) -> String {
        let codes = |list: &[Deviation]| {
            let mut codes: Vec<&str> = list.iter().map(|deviation| deviation.code.0).collect();
            codes.sort_unstable();
            codes.dedup();
            codes.join(" ")
        };
        match (self.approximations.is_empty(), self.assumptions.is_empty()) {
            (true, true) => "exact".to_owned(),
            (true, false) => format!("exact, assuming {}", codes(&self.assumptions)),
            (false, true) => format!("approximate {}", codes(&self.approximations)),
            (false, false) => format!("approximate {}, assuming {}", codes(&self.approximations), codes(&self.assumptions)),
        }
    }
}

/// What a table shows of a fidelity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The codes of its approximations, each once.
    pub approximations: Vec<&'static str>,
    /// Whether it is under assumptions.
    pub assumes: bool,
}

impl Mark {
    /// The mark of a fidelity.
    pub fn of(fidelity: &Fidelity) -> Mark {
        let mut approximations: Vec<&str> = fidelity.approximations.iter().map(|deviation| deviation.code.0).collect();
        approximations.dedup();
        Mark { approximations, assumes: !fidelity.assumptions.is_empty() }
    }

    /// `exact`, `exact*` under assumptions, `approx. K001`
    pub fn text(&self) -> String {
        match (self.approximations.is_empty(), self.assumes) {
            (true, false) => "exact".to_owned(),
            (true, true) => "exact*".to_owned(),
            (false, _) => format!("approx. {}", self.approximations.join(" ")),
        }
    }
}

/// A finished artefact.
#[derive(Debug, Clone)]
pub struct Artefact {
    /// Its whole text, with a final line break.
    pub text: String,
    /// How far it can be trusted.
    pub fidelity: Fidelity,
    /// Lookups that it reads: name and values, in lower case.
    pub lookups: BTreeMap<String, Vec<String>>,
}

/// Compiles a detection for a target. Approximations are reported in the result; whether somebody has accepted them
/// is for the caller to decide.
pub fn compile(detection: &Detection, target: Target, templates: &TargetTemplates, options: &Options) -> Result<Artefact, Vec<Diagnostic>> {
    if let Some(problem) = chained(detection, target) {
        return Err(vec![problem]);
    }
    let several = target.names_of_several().filter(|_| several::is_several(detection));
    let read: Vec<&Detection> = match several {
        Some(_) => detection.chained().map(|(_, rule)| &*rule.detection).collect(),
        None => vec![detection],
    };
    let problem = |read: &&Detection| unmapped(read, target).filter(|_| !options.unmapped).or_else(|| missing(read, target));
    let mut problems: Vec<Diagnostic> = read.iter().filter_map(problem).collect();
    if !problems.is_empty() {
        problems.dedup();
        return Err(problems);
    }
    let mut of_places: Vec<Deviation> = read.iter().flat_map(|read| assumed(read, target)).collect();
    let (detection, mut approximations) = target.approximate(detection);
    let (detection, branches) = match several {
        Some(names) => {
            let (together, mut branches) = several::apart(&detection, names);
            branches.iter_mut().for_each(|branch| select(&mut branch.detection, target));
            (Cow::Owned(together), branches)
        }
        None => (selected(detection, target), Vec::new()),
    };
    let Rendered { text, mut assumptions, lookups } = target.render(&detection, &branches, templates, options)?;
    assumptions.append(&mut of_places);
    for list in [&mut approximations, &mut assumptions] {
        list.sort();
        list.dedup_by(|a, b| a.code == b.code && a.message == b.message);
    }
    let fidelity = Fidelity { approximations, assumptions };
    let header = if options.comments { header(&detection, &fidelity) } else { Vec::new() };
    let (command, rest) = leading_command(&text);
    let context = serde_json::json!({ "header": header, "query": text, "command": command, "rest": rest });
    let text = templates.envelope("artefact.j2", context).map_err(|d| vec![d])?;
    Ok(Artefact { text: format!("{}\n", text.trim_end_matches('\n')), fidelity, lookups })
}

/// A first line that begins with `|`, before which nothing may stand, and the rest.
fn leading_command(query: &str) -> (&str, &str) {
    query.split_once('\n').filter(|(first, _)| first.starts_with('|')).unwrap_or(("", query))
}

/// What is assumed about the place of the events.
fn assumed(detection: &Detection, target: Target) -> Vec<Deviation> {
    let code = match target {
        Target::Aql => A014,
        Target::Spl => P008,
        Target::Kql => K009,
        Target::Sigma => return Vec::new(),
    };
    let here = detection.log_source.assumptions.iter().filter(|(platform, _)| Some(*platform) == target.platform());
    here.map(|(_, text)| Deviation::new(code, detection.metadata.title.span, text.clone())).collect()
}

/// That nobody has said where the log source's events are on the target's platform.
fn unmapped(detection: &Detection, target: Target) -> Option<Diagnostic> {
    let source = &detection.log_source;
    let platform = target.platform()?;
    if !source.open || source.bound.contains(&platform) {
        return None;
    }
    let path = source.id.path();
    let message = format!("nobody has said where the events of `{path}` are on {}", target.platform_title());
    let help = format!(
        "describe the log source in `logsources/`, bind it in a site file (`log-sources: {{ {path}: {{ {}: … }} }}`), or take every name as \
         it is with `--unmapped keep`",
        target.name()
    );
    Some(Diagnostic::error(E0403, detection.log_source_span, message).help(help))
}

/// That the target's platform has no such events.
fn missing(detection: &Detection, target: Target) -> Option<Diagnostic> {
    let source = &detection.log_source;
    let reason = source.why_missing(target.platform()?);
    if reason.is_empty() {
        return None;
    }
    let path = source.id.path();
    let message = format!("{} has no place for the events of `{path}`{reason}", target.platform_title());
    let help =
        format!("where they are collected all the same, a site file says so: `log-sources: {{ {path}: {{ {}: … }} }}`", target.name());
    Some(Diagnostic::error(E0403, detection.log_source_span, message).help(help))
}

/// That a query cannot count what other detections find: alerts of correlations, or events of several log sources.
fn chained(detection: &Detection, target: Target) -> Option<Diagnostic> {
    let reason = match target {
        Target::Aql => "a query has no window over the alerts of another window",
        Target::Spl => "the alerts would need a window of their own beside that of the events, and `streamstats` has one for both",
        Target::Kql => "each window joins its instants with all events, and this one would do so for each instant of the other",
        Target::Sigma => return None,
    };
    let all: Vec<(usize, &Detection)> = detection.chained().map(|(index, chained)| (index, &*chained.detection)).collect();
    let (first, _) = all.first()?;
    let path = |detection: &Detection| detection.log_source.id.path();
    let correlation = all.iter().find(|(_, inner)| inner.aggregate.is_some());
    let elsewhere = all.iter().find(|(_, inner)| path(inner) != path(detection));
    let (code, index, what, help) = match (correlation, elsewhere) {
        (Some((index, inner)), _) => {
            let title = &inner.metadata.title.value;
            (
                E0401,
                index,
                format!("a correlation that counts the alerts of `{title}`: {reason}"),
                format!("name the rules that `{title}` counts"),
            )
        }
        (None, _) if target.names_of_several().is_some() => return None,
        (None, Some((index, inner))) => {
            let what = format!("a correlation over the log sources `{}` and `{}`: a query reads one", path(detection), path(inner));
            (E0113, index, what, "write a correlation for each log source".to_owned())
        }
        (None, None) => {
            let what = "a group key that is another field in each rule: a query groups all events by the same fields".to_owned();
            (E0114, first, what, "let the alias stand for one field".to_owned())
        }
    };
    let message = format!("{} cannot express {what}", target.title());
    let help = format!("{help}, or skip the target: `targets: {{ {}: {{ skip: <reason> }} }}`", target.name());
    Some(Diagnostic::error(code, detection.selections[*index].span, message).help(help))
}

/// The detection with what tells the log source's events from others on the target's platform.
fn selected(detection: Cow<'_, Detection>, target: Target) -> Cow<'_, Detection> {
    if selectors(&detection.log_source, target).next().is_none() {
        return detection;
    }
    let mut detection = detection.into_owned();
    select(&mut detection, target);
    Cow::Owned(detection)
}

/// The same, in place.
fn select(detection: &mut Detection, target: Target) {
    let parts: Vec<Condition> = selectors(&detection.log_source, target).cloned().collect();
    detection.condition = Condition::all(parts.into_iter().chain([detection.condition.clone()]));
}

fn selectors(log_source: &LogSource, target: Target) -> impl Iterator<Item = &Condition> {
    log_source.selectors.iter().filter(move |(platform, _)| Some(*platform) == target.platform()).map(|(_, condition)| condition)
}

/// The lines of the header comment: harmless in every target's comments (one line each, printable, no backtick).
fn header(detection: &Detection, fidelity: &Fidelity) -> Vec<String> {
    let metadata = &detection.metadata;
    let mut lines = vec![metadata.title.value.clone()];
    lines.extend(metadata.id.as_ref().map(|id| format!("id: {id}")));
    lines.push(format!("fidelity: {}", fidelity.mark()));
    for deviation in fidelity.approximations.iter().chain(&fidelity.assumptions) {
        lines.push(format!("{}: {}", deviation.code, deviation.message));
    }
    lines.iter().map(|line| comment_text(line)).collect()
}

/// A text that cannot end a comment in any target: line breaks and control characters become blanks, backticks quotes.
pub fn comment_text(text: &str) -> String {
    let harmless = |c: char| match c {
        '`' => '\'',
        c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{85}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => ' ',
        // YAML takes these nowhere, not even in a comment
        '\u{feff}' | '\u{fffe}' | '\u{ffff}' => ' ',
        c => c,
    };
    text.chars().map(harmless).collect()
}
