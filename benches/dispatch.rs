//! From a release without a limit to the `update` on the last socket of a fleet that is connected. The devices say nothing to the
//! offer, so that nothing but the dispatch is measured; the clients are on the same cores.
//!
//! ```text
//! cargo bench --bench dispatch                 # 10,000 devices, SQLite
//! POSTGRES=1 cargo bench --bench dispatch      # a PostgreSQL of its own
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs,
    dead_code,
    reason = "a bench prints, measures time, and uses a part of the tests' support"
)]

#[path = "../tests/it/support/mod.rs"]
mod support;

use serde_json::json;
use std::time::{Duration, Instant};
use support::device::now_ms;
use support::sim::Sim;
use support::{Engine, Server, readings};

const ROUNDS: usize = 3;

async fn until(what: &str, done: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !done().await {
        assert!(begun.elapsed() < Duration::from_secs(300), "{what}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Milliseconds from the release until the last device heard of it.
async fn round(engine: Engine, devices: usize) -> i64 {
    let server = Server::process(engine).await.unwrap();
    let api = server.api();
    let settings = json!({"delta_updatable": false, "concurrent_updates": 1_000_000});
    let (_, new) = api.two_versions("g", settings).await;
    let flags = [
        "--client",
        "2.8.1",
        "--ignore-rate",
        "1",
        "--connect-rate",
        "1900",
    ];
    let sim = Sim::start(&server, devices, &flags);
    let wanted = i64::try_from(devices).unwrap();
    until("the devices join", async || {
        server.devices(readings::ONLINE).await == wanted
    })
    .await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let released = now_ms();
    api.release("g", new["uuid"].as_str().unwrap()).await;
    until("all are told", async || {
        server.devices(readings::UPDATING).await == wanted
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let report = sim.finish();
    assert_eq!(report["offers"], devices, "{report}");
    report["last_offer"].as_i64().unwrap() - released
}

#[tokio::main]
async fn main() {
    let engine = if std::env::var_os("POSTGRES").is_some() {
        Engine::Postgres
    } else {
        Engine::Sqlite
    };
    let devices = std::env::var("DEVICES").ok().and_then(|n| n.parse().ok());
    let devices = devices.unwrap_or(10_000);
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(round(engine, devices).await);
    }
    times.sort_unstable();
    println!(
        "{engine:?}: {devices} devices told within {} ms of the release (median of {ROUNDS}; {times:?})",
        times[ROUNDS / 2]
    );
}
