//! Cognate
pub mod build;
pub mod command;
pub mod condition;
pub mod detection;
pub mod diagnostic;
pub mod expression;
pub mod frontend;
pub mod logsource;
pub mod lower;
pub mod place;
pub mod reader;
pub mod site;
pub mod source;
pub mod spec;
pub mod target;
pub mod template;
pub mod yaml;
