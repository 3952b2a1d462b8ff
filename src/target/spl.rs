//! Stub to be replaced.
use super::{Deviation, Options, Rendered};
use crate::detection::Detection;
use crate::diagnostic::Diagnostic;
use crate::template::{Signature, TargetTemplates};

/// The operators of `operators.j2`.
pub const OPERATORS: &[Signature] = &[];

/// See [`super::Target::approximate`].
pub fn approximate(detection: &Detection) -> (Detection, Vec<Deviation>) {
    (detection.clone(), Vec::new())
}

/// Renders exactly, or refuses.
pub fn render(_: &Detection, _: &TargetTemplates, _: &Options) -> Result<Rendered, Vec<Diagnostic>> {
    Err(Vec::new())
}
