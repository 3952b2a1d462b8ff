//! Cognate compiles one platform-neutral detection spec into queries for IBM QRadar (AQL), Splunk (SPL), Microsoft
//! Sentinel and Defender (KQL) and Sigma, and says for each of them how far it means the same.
//!
//! A file holds documents ([`documents`]); a correlation or a filter among them refers to others ([`rules`]). For each:
//!
//! ```text
//!  detections/*.yml ─yaml─▶ tree ─spec─▶ Spec ─lower─▶ Detection ─┬─target: approximate → render, templates/*─▶ out/<target>/…
//!     (text, places)              (as written)       (as meant)   ├─evaluate × test events─▶ pass / fail
//!                                                                 └─mutate─▶ mutants ─evaluate × test events─▶ noticed / not
//! ```
//!
//! Two states of a project are compared by what they make of a spec ([`difference`]).
//!
//! Every stage is pure: text or values in, values and [`diagnostic::Diagnostics`] out. Files are read and written in
//! [`command`] only.

pub mod alert_text;
pub mod attack;
pub mod build;
pub mod command;
pub mod condition;
pub mod coverage;
pub mod detection;
pub mod diagnostic;
pub mod difference;
pub mod documents;
pub mod evaluate;
pub mod explain;
pub mod expression;
pub mod frontend;
pub mod handbook;
pub mod import;
pub mod letter_case;
pub mod logsource;
pub mod lower;
pub mod mutate;
pub mod needs;
pub mod package;
pub mod pages;
pub mod place;
pub mod reader;
pub mod report;
pub mod rules;
pub mod schema;
pub mod site;
pub mod source;
pub mod spec;
pub mod target;
pub mod template;
pub mod testing;
pub mod yaml;
pub mod yaml_text;
