//! Many seeds at once: a lane for each core.

use super::{Report, Violation, run};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs these seeds, and says at once which of them broke an invariant. Returns the reports of the others, and what broke.
pub fn run_all(
    seeds: Range<u64>,
    broken: &(dyn Fn(&Violation) + Sync),
) -> (Vec<Report>, Vec<Violation>) {
    let cores = cores();
    let next = AtomicU64::new(seeds.start);
    let lane = |core: usize| {
        stay_on(core);
        let (mut reports, mut violations) = (Vec::new(), Vec::new());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the system allows a lane to wait for events");
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return (reports, violations);
            }
            match runtime.block_on(run(seed, None)) {
                Ok(report) => reports.push(report),
                Err(violation) => {
                    broken(&violation);
                    violations.push(violation);
                }
            }
        }
    };
    let lanes: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = cores
            .into_iter()
            .map(|core| scope.spawn(move || lane(core)))
            .collect();
        let done = running.into_iter().map(|lane| lane.join());
        done.map(|lane| lane.expect("a lane panicked")).collect()
    });
    let (reports, violations): (Vec<_>, Vec<_>) = lanes.into_iter().unzip();
    (reports.concat(), violations.into_iter().flatten().collect())
}

/// The cores that this process may use.
#[cfg(target_os = "linux")]
fn cores() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let may = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    let all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|n| may.is_set(*n)).collect();
    if all.is_empty() { vec![0] } else { all }
}

#[cfg(not(target_os = "linux"))]
fn cores() -> Vec<usize> {
    let n = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (0..n).collect()
}

/// Keeps a lane's thread and those that it starts on one core. SQLite works on a thread of its own, and each statement is two
/// hand-overs: between cores they take most of the time of a simulation.
#[cfg(target_os = "linux")]
fn stay_on(core: usize) {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut own = CpuSet::new();
    own.set(core);
    // Where it is not allowed, the simulation is slower.
    let _ = sched_setaffinity(None, &own);
}

#[cfg(not(target_os = "linux"))]
fn stay_on(_: usize) {}
