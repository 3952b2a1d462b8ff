//! Cognate
pub mod detection;
pub mod diagnostic;
pub mod evaluate;
pub mod expression;
pub mod logsource;
pub mod source;
pub mod target;
pub mod template;
pub mod testing;
pub mod yaml;
