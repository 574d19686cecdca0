//! `patch make OLD NEW PATCH` writes a patch, and `patch apply OLD PATCH NEW` applies it.

use std::{env, fs, process::ExitCode};

fn run(args: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    match args {
        [verb, old, new, patch] if verb == "make" => {
            let bytes = detools::create(&fs::read(old)?, &fs::read(new)?)?;
            Ok(fs::write(patch, bytes)?)
        }
        [verb, old, patch, new] if verb == "apply" => {
            let bytes = detools::apply(&fs::read(old)?, &fs::read(patch)?)?;
            Ok(fs::write(new, bytes)?)
        }
        _ => Err("usage: patch make OLD NEW PATCH | patch apply OLD PATCH NEW".into()),
    }
}

#[expect(clippy::print_stderr, reason = "a command tells people what is wrong")]
fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}
