//! `delta make OLD NEW DELTA` writes a delta, and `delta apply OLD DELTA NEW` applies it.

use std::{env, fs, process::ExitCode};

fn run(args: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    match args {
        [verb, old, new, delta] if verb == "make" => {
            let bytes = vcdiff::encode(&fs::read(old)?, &fs::read(new)?);
            Ok(fs::write(delta, bytes)?)
        }
        [verb, old, delta, new] if verb == "apply" => {
            let bytes = vcdiff::decode(&fs::read(old)?, &fs::read(delta)?, 1 << 30)?;
            Ok(fs::write(new, bytes)?)
        }
        _ => Err("usage: delta make OLD NEW DELTA | delta apply OLD DELTA NEW".into()),
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
