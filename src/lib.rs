//! Cognate
pub mod attack;
pub mod detection;
pub mod diagnostic;
pub mod expression;
pub mod logsource;
pub mod pages;
pub mod report;
pub mod source;
pub mod target;
pub mod template;
pub mod yaml;
