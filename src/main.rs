//! The command line program.

use clap::Parser;
use cognate::command::{CommandLine, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    run(CommandLine::parse())
}
