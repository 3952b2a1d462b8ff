//! Detections and their queries → the files of a package that an administrator deploys. Pure: texts by their path below the
//! package's folder come out, or what is wrong with a detection's schedule, texts or columns on that platform.

pub mod contract;
pub mod defender;
pub mod qradar;
pub mod schedule;
pub mod sentinel;
pub mod sigma;
pub mod splunk;

use crate::detection::Detection;
use crate::diagnostic::Diagnostic;
use crate::target::{Artefact, Target};
use crate::yaml::Value;
use std::collections::BTreeMap;

/// What can be packaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A Splunk app.
    Splunk,
    /// Analytics rules of Microsoft Sentinel, and custom detections of Defender XDR.
    Sentinel,
    /// Searches, reference sets and a runner for QRadar.
    Qradar,
    /// Sigma rules as the public repositories keep them.
    Sigma,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::Splunk, Kind::Sentinel, Kind::Qradar, Kind::Sigma];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Splunk => "splunk",
            Kind::Sentinel => "sentinel",
            Kind::Qradar => "qradar",
            Kind::Sigma => "sigma",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The language of its queries.
    pub fn target(self) -> Target {
        match self {
            Kind::Splunk => Target::Spl,
            Kind::Sentinel => Target::Kql,
            Kind::Qradar => Target::Aql,
            Kind::Sigma => Target::Sigma,
        }
    }
}

/// A detection with its query.
pub struct Part<'a> {
    /// Its path below `detections/`, without extension: `jira/project_deleted`.
    pub name: &'a str,
    /// What it means.
    pub detection: &'a Detection,
    /// The query, without header, and how far it can be trusted.
    pub artefact: &'a Artefact,
}

impl Part<'_> {
    /// An id for platforms that need one: that of the spec, or one that follows from its name.
    pub fn id(&self) -> String {
        let own = self.detection.metadata.id.clone();
        own.unwrap_or_else(|| uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, format!("cognate:{}", self.name).as_bytes()).to_string())
    }

    /// Its title on one line.
    pub fn title(&self) -> String {
        on_one_line(&self.detection.metadata.title.value)
    }

    /// Its description on one line.
    pub fn description(&self) -> String {
        self.detection.metadata.description.as_deref().map_or_else(|| self.title(), on_one_line)
    }

    /// The techniques that its tags name, as they are today.
    pub fn techniques(&self) -> Vec<crate::attack::Technique> {
        crate::attack::tagged_techniques(&self.detection.metadata.tags)
    }
}

fn on_one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a site says of its packages.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The package's name: letters, digits and `_`, beginning with a letter.
    pub name: String,
    /// `1.2.3`
    pub version: String,
    /// Who answers for it.
    pub author: String,
    /// Whether a Splunk app holds what Enterprise Security reads.
    pub enterprise_security: bool,
    /// Lists with more values become lookups of a Splunk app.
    pub lookup_above: usize,
    /// Parameters of actions by their names.
    pub actions: Vec<(String, Vec<(String, Value)>)>,
}

/// Lists with more values become lookups, unless the site says otherwise.
pub const LOOKUP_ABOVE: usize = 100;

/// Texts by their path below the package's folder.
pub type Files = BTreeMap<String, String>;

/// What is made of one detection, and what is to be said about it.
pub struct Made<T> {
    /// Nothing if there are errors.
    pub part: Option<T>,
    /// Errors and warnings.
    pub problems: Vec<Diagnostic>,
}

impl<T> Made<T> {
    /// With the problems that were found on the way.
    pub fn new(part: T, problems: Vec<Diagnostic>) -> Made<T> {
        let failed = problems.iter().any(|problem| problem.severity == crate::diagnostic::Severity::Error);
        Made { part: (!failed).then_some(part), problems }
    }
}
