//! What a tick of a deployment group costs with half a million devices in it, without sockets: when there is nothing to do, when a
//! thousand devices are claimed, and when most devices lack a tag of the release.
//!
//! ```text
//! cargo bench --bench ticks                    # SQLite
//! POSTGRES=1 cargo bench --bench ticks         # a PostgreSQL of its own
//! DEVICES=50000 cargo bench --bench ticks
//! ```
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    missing_docs,
    dead_code,
    reason = "a bench prints, measures time, and uses a part of the tests' support"
)]

#[path = "../tests/it/support/postgres.rs"]
mod postgres;

use nervecenter::simulation::ticks;
use std::time::Duration;

fn median(all: &[Duration]) -> f64 {
    let mut all = all.to_vec();
    all.sort();
    all[all.len() / 2].as_secs_f64() * 1_000.0
}

#[tokio::main]
async fn main() {
    let devices = std::env::var("DEVICES").ok().and_then(|n| n.parse().ok());
    let devices = devices.unwrap_or(500_000);
    let url = if std::env::var_os("POSTGRES").is_some() {
        postgres::database().await
    } else {
        None
    };
    let engine = if url.is_some() {
        "PostgreSQL"
    } else {
        "SQLite"
    };
    let folder = tempfile::tempdir().unwrap();
    let done = ticks(url.as_deref(), folder.path(), devices).await.unwrap();
    let ms = |d: Duration| d.as_secs_f64() * 1_000.0;
    println!(
        "{engine}, {devices} devices in a group, joined at {:.0} a second",
        done.joined_a_second
    );
    println!(
        "tick with nothing to do: {:.1} ms (median of 20)",
        median(&done.idle)
    );
    println!("tick that claims 1,000: {:.0} ms", ms(done.claims));
    println!(
        "reading the whole group for a comparison: {:.0} ms",
        ms(done.compares)
    );
    println!(
        "with a release tag that one in a hundred has: {:.1} s until the first 1,000 were claimed",
        done.holds.as_secs_f64()
    );
    println!(
        "ticks after that, all slots taken: {:.1} ms (median of 20)",
        median(&done.held)
    );
    println!(
        "tick that claims the next 1,000 of them: {:.0} ms",
        ms(done.claims_tagged)
    );
}
