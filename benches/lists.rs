//! A product with half a million devices: how long a page of the device list takes with two filters and a sort, how long what counts
//! all devices takes, and how long the import of 100,000 devices takes.
//!
//! Below each page stands the engine's plan: first of the count, where it is counted alone, then of the page.
//!
//! `cargo bench --bench lists`; `POSTGRES=1` runs on a throw-away PostgreSQL, `DEVICES=500000` is the size of the product.
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

use reqwest::Method;
use serde_json::Value;
use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::{Api, Engine, Server};

const IMPORT: usize = 100_000;
const ROUNDS: usize = 200;
/// Of what counts all devices.
const COUNTS: usize = 5;

/// Pages that people look at: two filters and a sort each.
const PAGES: [(&str, &str); 9] = [
    (
        "platform, version, by identifier",
        "filters[platform]=rpi4&filters[firmware_version]=1.7.0&sort=identifier",
    ),
    (
        "connected, platform, by last seen",
        "filters[connection]=connected&filters[platform]=bbb&sort=connection_last_seen_at",
    ),
    (
        "tag, platform, by identifier",
        "filters[tags]=site17&filters[platform]=rpi4&sort=identifier",
    ),
    (
        "updates off, platform, by creation",
        "filters[updates]=disabled&filters[platform]=x86_64&sort=inserted_at",
    ),
    (
        "part of identifier, version, by identifier",
        "filters[identifier]=SN-0042&filters[firmware_version]=1.7.0&sort=identifier",
    ),
    (
        "query: tag and connection",
        "query=tags+contains+site17+and+connection+%3D+connected&sort=identifier",
    ),
    (
        "part of the identifier alone",
        "filters[identifier]=n-00420&sort=identifier",
    ),
    (
        "search, which finds a few",
        "filters[search]=-004217&sort=identifier",
    ),
    (
        "search, which finds nothing",
        "filters[search]=no-such-thing&sort=identifier",
    ),
];

fn csv(from: usize, n: usize) -> String {
    let mut text = String::from("identifier,description,tags\n");
    for i in from..from + n {
        writeln!(
            text,
            "SN-{i:07},device {i},\"site{},line{}\"",
            i / 11 % 50,
            i % 7
        )
        .unwrap();
    }
    text
}

/// Gives the devices something to be told apart by, as their joins would.
async fn alive(server: &Server) {
    server
        .run(
            "UPDATE devices SET status = 'provisioned', updates_enabled = id / 7 % 20 <> 0,
               fw_platform = CASE id % 5 WHEN 0 THEN 'rpi4' WHEN 1 THEN 'bbb' WHEN 2 THEN 'x86_64'
                                         WHEN 3 THEN 'grisp2' ELSE 'rpi5' END,
               fw_architecture = 'arm', fw_version = '1.' || CAST((id / 5) % 40 AS TEXT) || '.0',
               fw_uuid = 'u' || CAST((id / 5) % 40 AS TEXT), online = id % 3 <> 0",
        )
        .await;
    // Seen within the last minutes, so that no job takes them for silent.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_micros();
    let since = now - 600_000_000;
    let connections = format!(
        "INSERT INTO connections (device_id, id, node_id, status, established_at, last_seen_at)
         SELECT id, id, 1, CASE WHEN id % 3 <> 0 THEN 'connected' ELSE 'disconnected' END,
                {since} + id * 1000, {since} + (id * 7919) % 500000 * 1000
         FROM devices"
    );
    server.run(Box::leak(connections.into_boxed_str())).await;
    server.run("ANALYZE").await;
}

/// The engine's plan of a page.
fn plan(server: &Server, query: &str) -> String {
    let mut args = vec!["explain-devices".to_owned()];
    let mut text = None;
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let filter = key
            .strip_prefix("filters[")
            .and_then(|k| k.strip_suffix(']'));
        match (filter, key.as_ref()) {
            (Some(name), _) => args.extend(["--filter".into(), format!("{name}={value}")]),
            (None, "sort") => args.extend(["--sort".into(), value.into_owned()]),
            _ => text = Some(value.into_owned()),
        }
    }
    args.extend(text);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    server.admin(&args)
}

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let postgres = std::env::var_os("POSTGRES").is_some();
    let devices: usize = std::env::var("DEVICES").map_or(500_000, |d| d.parse().unwrap());
    let engine = if postgres {
        Engine::Postgres
    } else {
        Engine::Sqlite
    };
    let Some(mut server) = Server::process(engine).await else {
        eprintln!("skipped: PostgreSQL is not installed");
        return;
    };
    let api = server.api();
    let mut imports = Vec::new();
    for from in (0..devices).step_by(IMPORT) {
        let body = csv(from, IMPORT.min(devices - from));
        let begun = Instant::now();
        let request = api.raw(Method::POST, &Api::product("/devices/import"));
        let answer = Api::answer(request.header("content-type", "text/csv").body(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        imports.push(begun.elapsed());
    }
    println!("import of {IMPORT} devices: {imports:.1?}");
    alive(&server).await;
    // What a live server has done long before: its writes, and a look at how much there is of what.
    server
        .run(if postgres {
            "VACUUM devices"
        } else {
            "PRAGMA wal_checkpoint(TRUNCATE)"
        })
        .await;
    assert_eq!(server.terminate(), Some(0));
    server.restart();
    // A start clears up what the node held before.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let api = server.api();
    for (name, query) in PAGES {
        let path = Api::product(&format!("/devices?{query}&pagination[page_size]=25"));
        let mut times: Vec<Duration> = Vec::new();
        let mut total = 0;
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let answer = api.raw(Method::GET, &path).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            let text = answer.text().await.unwrap();
            times.push(begun.elapsed());
            let page: Value = serde_json::from_str(&text).unwrap();
            total = page["pagination"]["total_entries"].as_u64().unwrap();
        }
        times.sort();
        println!(
            "{name}: {total} match; p50 {:.1?}, p99 {:.1?}",
            times[ROUNDS / 2],
            times[ROUNDS * 99 / 100]
        );
        for line in plan(&server, query).lines() {
            println!("    {line}");
        }
    }
    counts(&api).await;
}

/// What reads every device: each column counted alone, and the summary, which keeps what it counted for five seconds.
async fn counts(api: &Api) {
    let columns = [
        "version",
        "platform",
        "architecture",
        "connection",
        "health_status",
        "deployment_group",
        "tags",
        "updates",
    ];
    let facets = columns.map(|c| (c, format!("/device_facets?by={c}"), Duration::ZERO));
    let summary = ("summary", "/summary".to_owned(), Duration::from_secs(6));
    for (name, path, pause) in facets.into_iter().chain([summary]) {
        let mut times: Vec<Duration> = Vec::new();
        for _ in 0..COUNTS {
            tokio::time::sleep(pause).await;
            let begun = Instant::now();
            let answer = api.get(&Api::product(&path)).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            times.push(begun.elapsed());
        }
        times.sort();
        // The summary is kept for ten times as long as it took: most of its times are of a kept one.
        let (median, longest) = (times[COUNTS / 2], times[COUNTS - 1]);
        println!("count of {name}: median {median:.0?}, longest {longest:.0?}");
    }
}
