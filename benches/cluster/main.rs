//! A cluster on one machine: a PostgreSQL, a bucket, a NATS server if that is the bus, nodes for devices, nodes for people, and a fleet
//! with certificates at each device node. It prints one table of what that takes: sockets, memory of a device in the server, the
//! simulator and the kernel, CPU and writes of a join, how long it takes until all have joined and until all are told of a release,
//! claims and reports a second, a person's keys in a device's console meanwhile, and, with `FAULTS=1`, what happens when a node, the
//! bus or the database goes away.
//!
//! ```text
//! cargo bench --bench cluster                              # 2 nodes with 500 devices each
//! NODES=4 FLEET=5000 cargo bench --bench cluster           # device nodes, and devices at each
//! TOLD=2000 cargo bench --bench cluster                    # a release ends when so many are told
//! CONNECTIONS=1 NODES=27 FLEET=18519 cargo bench --bench cluster  # what fits 100 connections of PostgreSQL
//! PROCESSES=32 RATE=3000 cargo bench --bench cluster       # more at once than can be served
//! NODES=1 FLEET=18000 SPARE=2 TOLD=4000 WEB=2 BUS=nats FAULTS=1 cargo bench --bench cluster  # what goes away
//! PROGRAM=/old/nervecenter NEXT_PROGRAM=/new/nervecenter FAULTS=1 cargo bench --bench cluster  # and an upgrade, node by node
//! PROGRAM=/old/nervecenter cargo bench --bench cluster     # another build of the program, to compare
//! POOLER=/usr/sbin/pgbouncer BUS=nats cargo bench --bench cluster  # through PgBouncer 1.21 or later in transaction mode
//! STATEMENTS=1 cargo bench --bench cluster                 # and the statements that PostgreSQL spends its time on
//! ```
//!
//! A node and a process of the simulator take as many open files as a node has devices. Everything shares the machine's cores, the
//! clients' TLS among it, so that the times say what this machine can do, and CPU and memory what a cluster needs. It fails when a
//! device is missing or is not told of the release, or when what a person typed is lost; however long anything took.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs,
    dead_code,
    reason = "a bench prints, measures time, and uses a part of the tests' support"
)]

mod cluster;
mod database;
mod faults;
mod fleet;
mod machine;
mod nodes;
mod phases;
mod table;
mod terminal;

#[path = "../../tests/it/support/mod.rs"]
mod support;

use cluster::Cluster;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;
use table::Table;

/// What is brought up.
pub struct Plan {
    /// Device nodes.
    pub nodes: usize,
    /// Devices at each of them.
    pub fleet: usize,
    /// Device nodes that get devices of killed ones only.
    pub spare: usize,
    /// Nodes for people.
    pub web: usize,
    /// Whether messages between nodes go over NATS.
    pub nats: bool,
    /// Joins a second of all devices.
    pub rate: usize,
    /// Seconds between the heartbeats of a device.
    pub heartbeat: usize,
    /// Devices at each node that report all the time, at last; none to leave that out.
    pub reporters: usize,
    /// Devices that are to be told of the release.
    pub told: usize,
    /// Processes of the simulator; each shakes hands with a few devices at a time.
    pub processes: usize,
    /// What `--database-connections` says to each device node.
    pub connections: usize,
}

impl Plan {
    fn of_environment() -> Self {
        let number = |name: &str, default: i64| {
            usize::try_from(support::number(name, default)).expect("a number above zero")
        };
        Self {
            nodes: number("NODES", 2),
            fleet: number("FLEET", 500),
            spare: number("SPARE", 0),
            web: number("WEB", 1),
            nats: std::env::var("BUS").is_ok_and(|bus| bus == "nats"),
            rate: number("RATE", 500),
            heartbeat: number("HEARTBEAT", 30),
            reporters: number("REPORTERS", 500),
            told: number("TOLD", i64::MAX),
            connections: number("CONNECTIONS", 4),
            processes: number("PROCESSES", number("NODES", 2) as i64),
        }
    }

    pub fn devices(&self) -> usize {
        self.nodes * self.fleet
    }
}

/// The program that is measured.
pub fn program() -> OsString {
    std::env::var_os("PROGRAM").unwrap_or_else(|| support::server::BINARY.into())
}

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let plan = Plan::of_environment();
    let begun = Instant::now();
    let mut table = Table::default();
    let (nodes, fleet, web) = (plan.nodes, plan.fleet, plan.web);
    let bus = if plan.nats { "NATS" } else { "PostgreSQL" };
    table.row(
        "brought up",
        format!("{nodes} device nodes with {fleet} devices each, {web} web nodes, bus {bus}"),
    );
    let mut cluster = Cluster::start(plan).await;
    table.row("until it is up", table::seconds(begun));
    let mut fleet = phases::join(&mut cluster, &mut table).await;
    phases::at_rest(&cluster, &mut table).await;
    phases::release(&mut cluster, &fleet, &mut table).await;
    if std::env::var_os("FAULTS").is_some() {
        faults::all(&mut cluster, &mut fleet, &mut table).await;
    }
    let report = fleet.finish().await;
    let text = |key: &str| report[key].to_string();
    table.row(
        "the fleet says",
        format!(
            "{} joined, {} joins, {} offers, {} connections failed {}",
            text("joined"),
            text("joins"),
            text("offers"),
            text("refused"),
            text("refusals")
        ),
    );
    if cluster.plan.reporters > 0 {
        phases::reports(&mut cluster, &mut table).await;
    }
    cluster.complaints(&mut table);
    table.row("the whole run", table::seconds(begun));
    if table.print() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
