//! Ten thousand seeds of the simulation of rollouts (`src/simulation`). `SEEDS=500` runs fewer, `FROM=10000` others.
//!
//! ```text
//! cargo bench --bench simulation
//! ```
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a bench prints and measures time"
)]

use nervecenter::simulation::{Report, run_all};
use std::time::Instant;

fn number(variable: &str, default: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn main() {
    let (from, seeds) = (number("FROM", 0), number("SEEDS", 10_000));
    let begun = Instant::now();
    let (reports, broken) = run_all(from..from + seeds, &|violation| println!("{violation}"));
    let of = |f: fn(&Report) -> u64| reports.iter().map(f).sum::<u64>();
    println!(
        "{seeds} seeds in {:.0} s: {} devices, {} events, {} claims, {} offers, {} killed nodes",
        begun.elapsed().as_secs_f64(),
        of(|r| r.devices as u64),
        of(|r| r.events),
        of(|r| r.claims),
        of(|r| r.offers),
        of(|r| r.crashes),
    );
    if broken.is_empty() {
        println!("every invariant held in each of them");
    } else {
        let broken: Vec<u64> = broken.iter().map(|violation| violation.seed).collect();
        println!("broken in {} seeds: {broken:?}", broken.len());
        std::process::exit(1);
    }
}
