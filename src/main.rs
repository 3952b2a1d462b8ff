//! The command line program.

use clap::Parser;
use cognate::command::{CommandLine, run};
use std::process::ExitCode;

/// Many small texts are made and dropped: see `docs/performance.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run(CommandLine::parse())
}
