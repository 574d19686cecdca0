//! Rollouts in virtual time, from seeds. `SEED=7` replays one of them; `SEEDS=1000` runs as many. Ten thousand are in
//! `benches/simulation.rs`.

use crate::support::postgres;
use nervecenter::simulation::{Report, Sabotage, Violation, run, run_all, run_on_postgres};

/// Seeds that CI runs.
const SEEDS: u64 = 200;
/// Seeds that it runs on PostgreSQL, where each takes longer.
const POSTGRES_SEEDS: u64 = 10;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn alone(seed: u64, sabotage: Option<Sabotage>) -> Result<Report, Violation> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run(seed, sabotage))
}

#[test]
fn the_invariants_hold_whatever_happens() {
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(SEEDS),
    };
    let (reports, broken) = run_all(seeds, &|_| {});
    if let Some(first) = broken.iter().min_by_key(|violation| violation.seed) {
        panic!("{first}");
    }
    if reports.len() == 1 {
        println!("{:?}", reports[0]);
    }
    if reports.len() < 100 {
        return;
    }
    // It is no simulation in which nothing happens.
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    assert!(sum(|r| r.claims) > 10 * sum(|_| 1));
    assert!(sum(|r| r.offers) > 10 * sum(|_| 1));
    assert!(sum(|r| r.crashes) > 20);
    let devices: usize = reports.iter().map(|r| r.devices).sum();
    let updated: usize = reports.iter().map(|r| r.updated).sum();
    assert!(updated * 4 > devices, "{updated} of {devices} were updated");
}

#[test]
fn the_invariants_hold_on_postgres() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for seed in 0..POSTGRES_SEEDS {
        let done = runtime.block_on(async {
            let url = postgres::database().await?;
            Some(run_on_postgres(seed, &url).await)
        });
        match done {
            None => return,
            Some(Ok(_)) => {}
            Some(Err(violation)) => panic!("{violation}"),
        }
    }
}

#[test]
fn each_fault_that_is_put_in_on_purpose_is_found() {
    std::thread::scope(|scope| {
        for half in Sabotage::ALL.chunks(Sabotage::ALL.len() / 2) {
            scope.spawn(move || {
                for fault in half {
                    let found = (0..40).find(|seed| alone(*seed, Some(*fault)).is_err());
                    let seed = found.unwrap_or_else(|| panic!("{fault:?} was not found"));
                    println!("{fault:?} was found by seed {seed}");
                }
            });
        }
    });
}
