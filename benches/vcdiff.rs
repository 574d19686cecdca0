//! Our deltas beside xdelta3's (`-A -S -f -s`, what NervesHub runs): size, and time from files to file, median of five,
//! taken in turns because machines are noisy.
//!
//! `cargo bench --bench vcdiff [-- SECONDS_AND_PAIRS]`. Needs python3, squashfs-tools and xdelta3; `PAIRS=DIR:DIR` names
//! folders with `v1.img` and `v2.img` to use instead of making some.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use vcdiff::encode;

const ROUNDS: usize = 5;

fn make(folder: &Path, change: &str) -> PathBuf {
    let out = folder.join(change);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware-fixtures/make_big_images.py");
    let made = Command::new("python3")
        .arg(script)
        .arg(&out)
        .args(["--change", change])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    out
}

fn median(mut all: Vec<Duration>) -> f64 {
    all.sort();
    all[all.len() / 2].as_secs_f64()
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let pairs: Vec<PathBuf> = match std::env::var("PAIRS") {
        Ok(list) => list.split(':').map(PathBuf::from).collect(),
        Err(_) => ["small", "medium", "large"]
            .iter()
            .map(|c| make(folder.path(), c))
            .collect(),
    };
    println!("| pair | ours, bytes | xdelta3, bytes | ratio | ours, s | xdelta3, s | ratio |");
    println!("|---|---|---|---|---|---|---|");
    for pair in pairs {
        let (a, b, out) = (
            pair.join("v1.img"),
            pair.join("v2.img"),
            folder.path().join("delta"),
        );
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let (mut our_size, mut their_size) = (0, 0);
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let delta = encode(&fs::read(&a).unwrap(), &fs::read(&b).unwrap());
            fs::write(&out, &delta).unwrap();
            ours.push(started.elapsed());
            our_size = delta.len();
            let started = Instant::now();
            let done = Command::new("xdelta3")
                .args(["-e", "-A", "-S", "-q", "-f", "-s"])
                .args([&a, &b, &out])
                .status()
                .unwrap();
            assert!(done.success());
            theirs.push(started.elapsed());
            their_size = fs::metadata(&out).unwrap().len();
        }
        let (t, u) = (median(ours), median(theirs));
        println!(
            "| {} | {our_size} | {their_size} | {:.3} | {t:.2} | {u:.2} | {:.2} |",
            pair.file_name().unwrap().to_string_lossy(),
            our_size as f64 / their_size as f64,
            t / u
        );
    }
}
