//! What a server does when the world under it breaks: it says what is wrong, loses nothing that it acknowledged, and
//! goes on by itself when the fault is over.

mod clock;
mod crash;
mod deltas;
mod files;
mod jobs;
mod keys;
mod servers;
mod slow;

use crate::support::device::Device;
use crate::support::{Api, Engine, Server, inspect, postgres, readings};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};
use std::process::Command;
use std::time::{Duration, Instant};

/// Asks until the answer is as wanted; fails after 30 s.
async fn eventually(what: &str, asked: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !asked().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Cuts all connections to a database and lets nobody in, or lets them in again: what a server sees of a PostgreSQL that
/// is away.
pub(crate) async fn set_reachable(url: &str, reachable: bool) {
    let (server, name) = url.rsplit_once('/').expect("a URL of a database");
    let mut admin = PgConnection::connect(&format!("{server}/postgres"))
        .await
        .expect("the throw-away cluster answers");
    let change = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {reachable}");
    admin
        .execute(sqlx::AssertSqlSafe(change))
        .await
        .expect("a database can be closed");
    let cut =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    if !reachable {
        admin
            .execute(sqlx::AssertSqlSafe(cut))
            .await
            .expect("connections can be cut");
    }
}

async fn problems(api: &Api) -> Vec<String> {
    let answer = api.get("/status/ready").await;
    let body = answer.json();
    let named = body["problems"].as_array().unwrap().iter();
    let named: Vec<String> = named
        .map(|p| p["problem"].as_str().unwrap().to_owned())
        .collect();
    let wanted = if named.is_empty() { 200 } else { 503 };
    assert_eq!(answer.status, wanted, "{}", answer.text);
    named
}

/// A server whose data is on a disk of 48 MiB of its own, of which 16 must stay free.
async fn on_a_small_disk() -> Option<(Mounted, Server)> {
    let folder = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"])
        .arg(folder.path())
        .output();
    if !mounted.is_ok_and(|o| o.status.success()) {
        postgres::skipped("the right to mount a tmpfs");
        return None;
    }
    let mount = Mounted(folder.path().to_owned());
    let reserve = ["--disk-reserve-mib", "16"];
    let server = Server::inside(Engine::Sqlite, folder, &reserve)
        .await
        .unwrap();
    Some((mount, server))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_waits_for_room_on_a_full_disk_and_is_made_then() {
    let Some((mount, server)) = on_a_small_disk().await else {
        return;
    };
    let api = server.api();
    api.register_key().await;
    let old = api.upload("good/rpi4-1.0.0.fw").await;
    let new = api.upload("good/rpi4-1.1.0.fw").await;
    eventually("ready", async || problems(&api).await.is_empty()).await;
    let filler = mount.0.join("filler");
    std::fs::write(&filler, vec![1; 34 << 20]).unwrap();
    eventually("the disk is full", async || {
        problems(&api).await == ["disk_full"]
    })
    .await;
    // The release, the join and the claim go on; the delta is asked for and not made.
    api.group("prod", new["uuid"].as_str().unwrap(), json!({}))
        .await;
    let mut device = Device::secret(&server, "dev-1").await.unwrap();
    device
        .join(crate::support::device::running(&old), json!({}))
        .await;
    server.until(inspect::DELTAS_WAITING, 1).await;
    assert!(device.silent(3_000).await, "it waits for its delta");
    assert_eq!(server.count(inspect::DELTA_TRIES).await, 0);
    std::fs::remove_file(&filler).unwrap();
    server.until(inspect::DELTAS_MADE, 1).await;
    let update = device.event("update").await;
    assert_eq!(update["firmware_meta"]["uuid"], new["uuid"]);
    assert_eq!(server.count(inspect::DELTAS_MADE).await, 1);
    assert_eq!(server.count(inspect::BY_DELTA).await, 1);
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_files_keeps_devices_and_heals() {
    let Some((mount, server)) = on_a_small_disk().await else {
        return;
    };
    let api = server.api();
    api.register_key().await;
    eventually("ready", async || problems(&api).await.is_empty()).await;
    // Below the reserve: files are refused, and devices still come.
    let (filler, rest) = (mount.0.join("filler"), mount.0.join("rest"));
    std::fs::write(&filler, vec![1; 34 << 20]).unwrap();
    eventually("the disk is full", async || {
        problems(&api).await == ["disk_full"]
    })
    .await;
    let refused = api.upload_bytes(vec![1; 1000]).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.text.contains("nearly full"), "{}", refused.text);
    assert!(!refused.header("retry-after").is_empty());
    let mut device = Device::secret(&server, "dev-1").await.unwrap();
    device.join(json!({}), json!({})).await;
    // Nothing is left at all: writes fail, reading goes on, and nothing dies.
    let left = std::fs::File::create(&rest).unwrap();
    let mut size = 48u64 << 20;
    while size > 0 {
        let grown = Command::new("fallocate")
            .args(["-o"])
            .arg(left.metadata().unwrap().len().to_string())
            .args(["-l", &size.to_string()])
            .arg(&rest)
            .output()
            .unwrap();
        if !grown.status.success() || size > 4096 {
            size /= 2;
        } else {
            size = 0;
        }
    }
    eventually("writing fails", async || {
        problems(&api)
            .await
            .contains(&"database_unavailable".to_owned())
    })
    .await;
    let refused = api
        .post("/api/orgs/acme/products", json!({"name": "second"}))
        .await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    let read = api.get("/api/orgs/acme/products").await;
    assert_eq!(read.status, 200, "reading goes on: {}", read.text);
    assert_eq!(api.get("/status/alive").await.status, 200);
    // Room again: no restart is needed, and the product that was refused is not half there.
    std::fs::remove_file(&rest).unwrap();
    std::fs::remove_file(&filler).unwrap();
    eventually("well again", async || problems(&api).await.is_empty()).await;
    let made = api
        .post("/api/orgs/acme/products", json!({"name": "second"}))
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    api.upload("good/rpi4-1.0.0.fw").await;
    device.push("firmware_validated", json!({})).await;
    assert!(device.silent(300).await, "the socket stayed");
    drop(server);
}

/// Unmounts when the test ends.
struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_waited_for() {
    let Some(server) = Server::process(Engine::Postgres).await else {
        return;
    };
    let (api, url) = (server.api(), server.database_url().unwrap().to_owned());
    let mut device = Device::secret(&server, "dev-1").await.unwrap();
    device.join(json!({}), json!({})).await;
    set_reachable(&url, false).await;
    eventually("health says so", async || {
        problems(&api)
            .await
            .contains(&"database_unavailable".to_owned())
    })
    .await;
    let refused = api.get("/api/orgs/acme/products").await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(api.get("/status/alive").await.status, 200);
    // What the device says meanwhile is not lost, and its socket stays.
    device
        .push("connection_types", json!({"values": ["ethernet"]}))
        .await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    set_reachable(&url, true).await;
    eventually("well again", async || problems(&api).await.is_empty()).await;
    let by_wire =
        |c: &Value| c["connection_types"] == json!(["ethernet"]) && c["disconnected_at"].is_null();
    server
        .until_entries(readings::NEWEST_CONNECTION, by_wire, 1)
        .await;
    assert_eq!(server.connected().await, 1);
    assert_eq!(api.get("/api/orgs/acme/products").await.status, 200);
    assert!(device.silent(300).await, "the socket stayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_file_that_is_removed_is_told() {
    let server = Server::process(Engine::Sqlite).await.unwrap();
    let api = server.api();
    let file = server.data().join("nervecenter.db");
    let away = server.data().join("away.db");
    std::fs::rename(&file, &away).unwrap();
    eventually("told", async || {
        problems(&api)
            .await
            .contains(&"database_file_replaced".to_owned())
    })
    .await;
    std::fs::rename(&away, &file).unwrap();
    eventually("well again", async || problems(&api).await.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_never_made_anew_beside_data() {
    let mut server = Server::process(Engine::Sqlite).await.unwrap();
    assert_eq!(server.terminate(), Some(0));
    for name in ["node.key", "tls/ca.pem", "tls/ca.key"] {
        let (path, kept) = (server.data().join(name), server.data().join("kept"));
        std::fs::rename(&path, &kept).unwrap();
        let (_, said) = server.refused(&[]);
        assert!(
            said.contains(name) && said.contains("put it back"),
            "{name}: {said}"
        );
        assert!(!path.exists(), "{name} was made anew");
        // Another one in its place is no better.
        std::fs::write(&path, "another").unwrap();
        let (_, said) = server.refused(&[]);
        assert!(said.contains(name), "{name}: {said}");
        assert_eq!(std::fs::read(&path).unwrap(), b"another", "overwritten");
        std::fs::rename(&kept, &path).unwrap();
    }
    // Another key by a flag is refused too.
    let (_, said) = server.refused(&["--node-key", &"ab".repeat(32)]);
    assert!(said.contains("node key is not the one"), "{said}");
    server.restart();
    assert_eq!(server.api().get("/api/users/me").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_one_database_is_refused() {
    let Some(mut server) = Server::process(Engine::Postgres).await else {
        return;
    };
    let other = tempfile::tempdir().unwrap();
    // The CA is the same, as on a machine that was copied; the node is another one.
    let tls = other.path().join("tls");
    std::fs::create_dir(&tls).unwrap();
    for name in ["ca.pem", "ca.key"] {
        std::fs::copy(server.data().join("tls").join(name), tls.join(name)).unwrap();
    }
    let flags = ["--data-dir", other.path().to_str().unwrap()];
    let (_, said) = server.refused(&flags);
    assert!(said.contains("another server uses this database"), "{said}");
    assert!(server.alive());
    // One that has stopped well gives the database free at once.
    assert_eq!(server.terminate(), Some(0));
    let nodes = server.count(inspect::NODES).await;
    assert_eq!(nodes, 0);
    server.restart();
    assert_eq!(server.api().get("/api/users/me").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_never_used_twice() {
    let server = Server::process(Engine::Sqlite).await.unwrap();
    let api = server.api();
    let id = async |name: &str| {
        let form = json!({"identifier": name});
        api.post(&Api::product("/devices"), form).await.data();
        server.column::<i64>(inspect::LAST_DEVICE).await[0]
    };
    let first = id("dev-1").await;
    for path in ["/devices/dev-1", "/devices/dev-1/destroy"] {
        let gone: Value = json!(api.delete(&Api::product(path)).await.status);
        assert_eq!(gone, 204, "{path}");
    }
    let left = server.devices("filters[display_deleted]=true").await;
    assert_eq!(left, 0, "destroyed");
    assert!(id("dev-2").await > first);
    // The tables of the index of identifiers are SQLite's own, and a table of a single row numbers nothing.
    let without = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'
                   AND name NOT LIKE 'device_names_%' AND sql LIKE '%INTEGER PRIMARY KEY%' AND sql NOT LIKE '%AUTOINCREMENT%'
                   AND sql NOT LIKE '%CHECK (id = 1)%'";
    assert_eq!(server.count(without).await, 0);
}
