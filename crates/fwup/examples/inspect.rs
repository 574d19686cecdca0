//! `inspect FILE.fw KEY.pub…` checks a firmware file against public keys and prints its metadata.

use fwup::{check, keys::PublicKey};
use std::io::Write as _;
use std::{env, fs, process::ExitCode};

fn run(args: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let [file, keys @ ..] = args else {
        return Err("usage: inspect FILE.fw KEY.pub…".into());
    };
    let keys = keys
        .iter()
        .map(|path| Ok(PublicKey::parse(&fs::read(path)?)?))
        .collect::<Result<Vec<_>, Box<dyn std::error::Error>>>()?;
    let checked = check::check(&mut fs::File::open(file)?, &keys)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} {}", checked.product, checked.version)?;
    writeln!(out, "for {} ({})", checked.platform, checked.architecture)?;
    writeln!(out, "uuid {}", checked.uuid)?;
    for resource in &checked.meta.resources {
        writeln!(out, "resource {}", resource.name)?;
    }
    Ok(())
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
