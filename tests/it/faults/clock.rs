//! The machine's clock is set, forwards and back, while the server runs: sockets stay, and updates go on.

use crate::support::device::{Device, client, now_ms, running, sign};
use crate::support::{Engine, Server, postgres, readings};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Where the library that moves a program's clock may be.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// A device that connects when the server's clock is so far from ours.
async fn joined(server: &Server, name: &str, firmware: &serde_json::Value, ahead: i64) -> Device {
    let (key, secret) = (server.login("product_key"), server.login("product_secret"));
    let headers = sign(key, secret, name, now_ms() + ahead * 1_000);
    let path = "/device-socket/websocket?vsn=2.0.0";
    let mut d = Device::open(server, client(server, None, true), path, headers)
        .await
        .unwrap();
    d.join(running(firmware), json!({})).await;
    d
}

async fn a_clock_that_is_set_disturbs_nothing(engine: Engine) {
    let Some(library) = LIBRARIES.iter().map(Path::new).find(|l| l.exists()) else {
        postgres::skipped("libfaketime");
        return;
    };
    let clock = tempfile::NamedTempFile::new().unwrap();
    let (file, folder) = (clock.path(), tempfile::tempdir().unwrap());
    fs::write(file, "+0").unwrap();
    let one = Path::new("1");
    let environment = [
        ("LD_PRELOAD", library),
        ("FAKETIME_TIMESTAMP_FILE", file),
        ("FAKETIME_NO_CACHE", one),
        // Time that only passes is not what an operator or NTP sets.
        ("FAKETIME_DONT_FAKE_MONOTONIC", one),
    ];
    let Some(server) = Server::under(engine, folder, &[], &environment).await else {
        return;
    };
    let api = server.api();
    api.register_key().await;
    let (old, new) = (
        api.upload("good/rpi4-1.0.0.fw").await,
        api.upload("good/rpi4-1.1.0.fw").await,
    );
    let uuid = |f: &serde_json::Value| f["uuid"].as_str().unwrap().to_owned();
    api.group("prod", &uuid(&old), json!({"concurrent_updates": 1}))
        .await;
    let mut first = joined(&server, "first", &old, 0).await;
    let mut releases = [&new, &old].into_iter();
    for (ahead, name) in [(3 * 86_400, "forward"), (-7_200, "back")] {
        fs::write(file, format!("{ahead:+}")).unwrap();
        // Several ticks and looks of all jobs pass.
        tokio::time::sleep(Duration::from_secs(12)).await;
        let online = "filters[connection]=connected&filters[identifier]=first";
        assert_eq!(
            server.devices(online).await,
            1,
            "{ahead} s: the socket stayed"
        );
        assert_eq!(api.get("/status/ready").await.status, 200, "{ahead} s");
        let target = releases.next().unwrap();
        api.release("prod", &uuid(target)).await;
        let update = first.event("update").await;
        assert_eq!(update["firmware_meta"]["uuid"], target["uuid"], "{ahead} s");
        let url = update["firmware_url"].as_str().unwrap();
        assert_eq!(reqwest::get(url).await.unwrap().status(), 200, "{ahead} s");
        first
            .push("status_update", json!({"status": "completed"}))
            .await;
        first = joined(&server, "first", target, ahead).await;
        server.until_devices(readings::UPDATING, 0).await;
        // Nobody rests, and another device gets the slot.
        assert_eq!(server.devices(readings::BLOCKED).await, 0);
        let other = if target["uuid"] == new["uuid"] {
            &old
        } else {
            &new
        };
        let mut second = joined(&server, name, other, ahead).await;
        assert_eq!(
            second.event("update").await["firmware_meta"]["uuid"],
            target["uuid"]
        );
        let _came_back = joined(&server, name, target, ahead).await;
        server.until_devices(readings::UPDATING, 0).await;
    }
    let failed = "could not";
    assert_eq!(server.audited(failed).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_disturbs_nothing_on_sqlite() {
    a_clock_that_is_set_disturbs_nothing(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_disturbs_nothing_on_postgres() {
    a_clock_that_is_set_disturbs_nothing(Engine::Postgres).await;
}
