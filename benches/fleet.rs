//! A server under a fleet of real sockets: memory of a connected, joined, idle device in the server and in the simulator (the slope
//! between two fleet sizes), connects a second, the CPU that a join costs, and the time from a release to the `update` on a device's socket.
//!
//! `cargo bench --bench fleet`. `DEVICES=10000` is the larger fleet; each process may need that many open files. `CERT=1`
//! connects by client certificates instead of shared secrets, `POSTGRES=1` runs on a throw-away PostgreSQL, `EXTENSIONS=1`
//! attaches health, geo and logging to every device, and measures how many of their reports are stored a second. `RATE=700`
//! connects so many a second instead of 1,900: memory is comparable at one rate only.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs
)]
#![allow(
    dead_code,
    reason = "the tests' support is shared, and a bench needs part of it"
)]

#[path = "../tests/it/support/mod.rs"]
mod support;

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::device::{Device, running};
use support::{Engine, Server};

const SMALL: usize = 1_000;
const ROUNDS: usize = 41;

struct Sim(Child);

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Connects devices and waits until all have joined; how long that took.
fn join(server: &Server, prefix: &str, devices: usize, auth: &[String]) -> (Sim, f64) {
    let mut child = Command::new(support::server::BINARY)
        .args([
            "sim",
            "--json",
            "--url",
            &format!("wss://{}", server.devices),
        ])
        .args([
            "--devices",
            &devices.to_string(),
            "--prefix",
            prefix,
            "--connect-rate",
            &std::env::var("RATE").unwrap_or_else(|_| "1900".into()),
        ])
        .arg("--server-ca")
        .arg(&server.ca)
        .args(auth)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let joined: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(joined["joined"], devices, "{line}");
    (Sim(child), joined["seconds"].as_f64().unwrap())
}

async fn auth(server: &Server) -> Vec<String> {
    if std::env::var_os("CERT").is_none() {
        let (key, secret) = (server.login("product_key"), server.login("product_secret"));
        return ["--product-key", key, "--product-secret", secret]
            .map(str::to_owned)
            .to_vec();
    }
    let ca = support::ca::ca("factory");
    ca.register(&server.api(), true).await;
    let at = |name: &str| server.folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("c.pem"), &ca.cert).unwrap();
    std::fs::write(at("c.key"), &ca.key).unwrap();
    let (cert, key) = (at("c.pem"), at("c.key"));
    [
        "--auth",
        "cert",
        "--client-ca",
        &cert,
        "--client-ca-key",
        &key,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Seconds of CPU, its own and the kernel's for it: fields 14 and 15 of `/proc/<pid>/stat`, in hundredths.
fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(") ").next()?.split(' ').collect();
    let ticks = |n: usize| fields.get(n).and_then(|f| f.parse::<f64>().ok());
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// Resident memory of a process.
fn rss_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Seconds of CPU that PostgreSQL has used: all server processes of the database that live.
fn database_cpu_seconds(server: &Server) -> f64 {
    let Some(name) = server.database_url().and_then(|u| u.rsplit('/').next()) else {
        return 0.0;
    };
    let title = format!("postgres: nc {name} ");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|p| p.file_name().to_str()?.parse().ok())
        .filter(|pid: &u32| {
            let said = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            said.starts_with(title.as_bytes())
        })
        .filter_map(cpu_seconds)
        .sum()
}

/// Lets the allocator and the kernel settle.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(8)).await;
}

async fn memory(server: &Server, large: usize) {
    let auth = auth(server).await;
    let (small_fleet, seconds) = join(server, "a-", SMALL, &auth);
    settle().await;
    if extended() {
        reported(server, SMALL).await;
    }
    let before = server.rss_kib();
    println!("{SMALL} devices joined in {seconds:.1} s; RSS {before} KiB");
    let (own, database) = (
        cpu_seconds(server.pid()).unwrap(),
        database_cpu_seconds(server),
    );
    let (large_fleet, seconds) = join(server, "b-", large - SMALL, &auth);
    let own = cpu_seconds(server.pid()).unwrap() - own;
    let database = database_cpu_seconds(server) - database;
    settle().await;
    if extended() {
        reported(server, large).await;
    }
    let after = server.rss_kib();
    let more = (large - SMALL) as f64;
    println!(
        "{} more joined in {seconds:.1} s ({:.0} a second, client on the same machine); RSS {after} KiB",
        large - SMALL,
        more / seconds
    );
    println!(
        "CPU of a first join: {:.3} ms of the server, {:.3} ms of PostgreSQL",
        own * 1e3 / more,
        database * 1e3 / more
    );
    println!(
        "memory of a device: {:.1} KiB",
        (after - before) as f64 / more
    );
    // Of two simulators, one has so many more devices.
    let (few, many) = (rss_kib(small_fleet.0.id()), rss_kib(large_fleet.0.id()));
    println!(
        "memory of a simulated device: {:.1} KiB; its process has {many} KiB",
        (many as f64 - few as f64) / (more - SMALL as f64)
    );
    if std::env::var_os("CERT").is_none() {
        // Another run has new certificates for the same keys, which a server takes for renewals.
        again(server, large_fleet, large - SMALL, &auth).await;
    }
}

/// The fleet goes, and comes back as it was: what a join costs that changes nothing.
async fn again(server: &Server, fleet: Sim, devices: usize, auth: &[String]) {
    drop(fleet);
    let open = "SELECT COUNT(*) FROM connections WHERE status = 'connected'";
    server.until(open, SMALL as i64).await;
    settle().await;
    let (own, database) = (
        cpu_seconds(server.pid()).unwrap(),
        database_cpu_seconds(server),
    );
    let (_fleet, seconds) = join(server, "b-", devices, auth);
    let own = cpu_seconds(server.pid()).unwrap() - own;
    let database = database_cpu_seconds(server) - database;
    let n = devices as f64;
    println!(
        "{devices} came back in {seconds:.1} s ({:.0} a second): {:.3} ms of the server, {:.3} ms of PostgreSQL each",
        n / seconds,
        own * 1e3 / n,
        database * 1e3 / n
    );
}

fn extended() -> bool {
    std::env::var_os("EXTENSIONS").is_some()
}

/// Every device has attached all three: each has said what an attached extension says at once.
async fn reported(server: &Server, devices: usize) {
    for table in [
        "SELECT COUNT(DISTINCT device_id) FROM health_reports",
        "SELECT COUNT(*) FROM locations",
        "SELECT COUNT(DISTINCT device_id) FROM device_logs",
    ] {
        server.until(table, devices as i64).await;
    }
}

/// Reports that are stored a second while every device says three things in six seconds.
async fn reports(server: &Server, devices: usize) {
    let mut auth = auth(server).await;
    auth.extend(["--report-every".to_owned(), "6".to_owned()]);
    let (_sim, _) = join(server, "c-", devices, &auth);
    settle().await;
    let rows = "SELECT (SELECT COUNT(*) FROM health_reports) + (SELECT COUNT(*) FROM device_logs)";
    let (before, started) = (server.count(rows).await, Instant::now());
    tokio::time::sleep(Duration::from_secs(30)).await;
    let stored = server.count(rows).await - before;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{devices} devices that say three things each 6 s: {:.0} health reports and log lines stored a second, and half \
         as many positions ({:.0} a second were said)",
        stored as f64 / seconds,
        devices as f64 * 3.0 / 6.0
    );
}

async fn latency(server: &Server) {
    let api = server.api();
    api.register_key().await;
    let a = api.upload("good/rpi4-1.0.0.fw").await;
    let b = api.upload("good/rpi4-1.1.0.fw").await;
    api.group(
        "g",
        a["uuid"].as_str().unwrap(),
        json!({"delta_updatable": false}),
    )
    .await;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let (now, next) = if round % 2 == 0 { (&a, &b) } else { (&b, &a) };
        let mut d = Device::secret(server, "latency").await.unwrap();
        d.join(running(now), json!({})).await;
        // The device is at rest, and so is the group.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let started = Instant::now();
        let uuid = next["uuid"].as_str().unwrap();
        let (_, update) = tokio::join!(api.release("g", uuid), async {
            d.event("update").await;
            started.elapsed()
        });
        times.push(update);
    }
    times.sort();
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    println!(
        "from PUT of a release to `update` on the socket: median {:.1} ms, 90 % {:.1} ms",
        ms(times[times.len() / 2]),
        ms(times[times.len() * 9 / 10])
    );
}

#[tokio::main]
async fn main() {
    let engine = if std::env::var_os("POSTGRES").is_some() {
        Engine::Postgres
    } else {
        Engine::Sqlite
    };
    let large = std::env::var("DEVICES")
        .ok()
        .and_then(|d| d.parse().ok())
        .unwrap_or(10_000);
    println!("engine {engine:?}");
    let server = Server::process(engine)
        .await
        .expect("the engine is installed");
    latency(&server).await;
    if extended() {
        let on = json!({"extensions": {"health": true, "geo": true, "logging": true}});
        let path = support::Api::product("/extensions");
        assert_eq!(server.api().put(&path, on).await.status, 200);
    }
    memory(&server, large).await;
    if extended() {
        reports(&server, large).await;
    }
}
