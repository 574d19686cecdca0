//! The `nervecenter` program: parse, hand over, map the outcome to an exit code.

use clap::Parser as _;
use nervecenter::cli::{self, Cli};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(Cli::parse()).into()
}
