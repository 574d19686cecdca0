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

use nervecenter::simulation::{Report, run};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

fn number(variable: &str, default: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn main() {
    let (from, seeds) = (number("FROM", 0), number("SEEDS", 10_000));
    let lanes = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicU64::new(from);
    let begun = Instant::now();
    let lane = || {
        let mut sum = (Report::default(), Vec::new());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else {
            return sum;
        };
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + seeds {
                return sum;
            }
            match runtime.block_on(run(seed, None)) {
                Ok(report) => {
                    sum.0.devices += report.devices;
                    sum.0.events += report.events;
                    sum.0.claims += report.claims;
                    sum.0.offers += report.offers;
                    sum.0.updated += report.updated;
                    sum.0.crashes += report.crashes;
                }
                Err(violation) => {
                    println!("{violation}");
                    sum.1.push(violation.seed);
                }
            }
        }
    };
    let sums: Vec<(Report, Vec<u64>)> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
        running
            .into_iter()
            .filter_map(|lane| lane.join().ok())
            .collect()
    });
    let of = |f: fn(&Report) -> u64| sums.iter().map(|(report, _)| f(report)).sum::<u64>();
    println!(
        "{seeds} seeds in {:.0} s: {} devices, {} events, {} claims, {} offers, {} killed nodes",
        begun.elapsed().as_secs_f64(),
        of(|r| r.devices as u64),
        of(|r| r.events),
        of(|r| r.claims),
        of(|r| r.offers),
        of(|r| r.crashes),
    );
    let broken: Vec<u64> = sums.into_iter().flat_map(|(_, broken)| broken).collect();
    if broken.is_empty() {
        println!("every invariant held in each of them");
    } else {
        println!("broken in {} seeds: {broken:?}", broken.len());
        std::process::exit(1);
    }
}
