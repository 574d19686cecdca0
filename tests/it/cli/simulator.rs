//! The simulator's devices: each release, MessagePack, polling, archives, reports and terminals, against a real server.

use crate::support::server::BINARY;
use crate::support::sim::Sim;
use crate::support::viewer::Viewer;
use crate::support::{Api, Engine, Server, fixtures, readings};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

async fn fleet(server: &Server) -> (Api, Value, Value) {
    let api = server.api();
    api.register_key().await;
    let old = api.upload("good/rpi4-1.0.0.fw").await;
    let new = api.upload("good/rpi4-1.1.0.fw").await;
    api.group(
        "g",
        old["uuid"].as_str().unwrap(),
        json!({"concurrent_updates": 20}),
    )
    .await;
    (api, old, new)
}

const UPDATED: &str = readings::DONE;

#[tokio::test(flavor = "multi_thread")]
async fn every_release_takes_an_update_and_an_archive_if_it_knows_them() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let (api, _, new) = fleet(&server).await;
    let archive = api
        .archive(fixtures::bytes("good/archive-1.0.0.fw"))
        .await
        .data();
    let releases = "1.4.1,2.1.1,2.2.1,2.5.2,2.6.0,2.8.1,2.9.0,2.12.0";
    let sim = Sim::start(&server, 16, &["--client", releases]);
    server.until_devices(readings::ONLINE_IN_A_GROUP, 16).await;
    let both = json!({"deployment": {"firmware": new["uuid"], "archive": archive["uuid"]}});
    assert_eq!(
        api.put(&Api::product("/deployments/g"), both).await.status,
        200
    );
    server.until_devices(UPDATED, 16).await;
    let report = sim.finish();
    assert_eq!(
        (&report["updated"], &report["failed"]),
        (&json!(16), &json!(0)),
        "{report}"
    );
    // Two of the eight releases are too old; the others get it at the release, and again when they join.
    assert!(report["archives"].as_u64().unwrap() >= 12, "{report}");
    let versions = server.api_versions().await;
    assert_eq!(versions, ["1.0.0", "2.0.0", "2.1.0", "2.2.0", "2.3.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_devices_are_updated_within_the_limit() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(server) = Server::start(engine).await else {
            continue;
        };
        let (api, _, new) = fleet(&server).await;
        let limit = json!({"deployment": {"concurrent_updates": 3}});
        api.put(&Api::product("/deployments/g"), limit).await;
        let sim = Sim::start(&server, 12, &["--poll", "1"]);
        server.until_devices_in_groups(12).await;
        api.release("g", new["uuid"].as_str().unwrap()).await;
        let mut most = 0;
        while server.devices(UPDATED).await < 12 {
            most = most.max(server.devices(readings::UPDATING).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(most <= 3, "{most} at once");
        let report = sim.finish();
        assert_eq!(
            (&report["updated"], &report["failed"]),
            (&json!(12), &json!(0)),
            "{report}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_devices_report_and_answer_before_their_terminals() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let on = json!({"extensions": {"health": true, "geo": true, "logging": true,
        "local_shell": true, "network_identity": true}});
    server.api().put(&Api::product("/extensions"), on).await;
    let sim = Sim::start(&server, 2, &["--report-every", "6", "--msgpack"]);
    server
        .until_entries(readings::NETWORK_IDENTITIES, |_| true, 2)
        .await;
    server
        .until_devices_with_entries(readings::LOG_LINES, 2, 2)
        .await;
    server.until_locations(2).await;
    server
        .until_devices_with_entries(readings::HEALTH_REPORTS, 1, 2)
        .await;
    let (mut jane, _) = Viewer::join(&server, "user:console:identifier-sim-000001").await;
    jane.event("up").await;
    jane.push("dn", json!({"data": "echo"})).await;
    assert_eq!(jane.event("up").await["data"], "echo");
    jane.push("file-data/start", json!({"filename": "f"})).await;
    jane.push(
        "file-data",
        json!({"filename": "f", "chunk": 0, "data": "AAAA"}),
    )
    .await;
    jane.push("file-data/stop", json!({"filename": "f"})).await;
    assert_eq!(jane.event("file-data").await["data"], "AAAA");
    let (mut jane, _) = Viewer::join(&server, "user:local_shell:identifier-sim-000001").await;
    jane.event("output").await;
    jane.push("input", json!({"data": "ls"})).await;
    assert_eq!(jane.event("output").await["data"], "ls");
    let report = sim.finish();
    assert!(report["reports"].as_u64().unwrap() >= 10, "{report}");
}

/// `nervecenter device …` against this server.
fn device(server: &Server, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .arg("device")
        .args(args)
        .env("NERVECENTER_URL", format!("http://{}", server.web))
        .env("NERVECENTER_TOKEN", server.login("token"));
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_shows_a_console_and_a_shell_and_sends_files() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let on = json!({"extensions": {"local_shell": true}});
    server.api().put(&Api::product("/extensions"), on).await;
    let _sim = Sim::start(&server, 1, &[]);
    server.until_devices(readings::ONLINE, 1).await;
    for what in ["console", "shell"] {
        let mut shown = device(&server, &[what, "sim-000000"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        shown.stdin.take().unwrap().write_all(b"1 + 1\n").unwrap();
        let out = shown.wait_with_output().unwrap();
        assert!(out.status.success());
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(text.contains("1 + 1\n"), "{what}: {text:?}");
    }
    // A file to the device; what comes back is kept by whoever looks at the console.
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..200_000u32)
        .map(|i| (i.wrapping_mul(7) >> 3) as u8)
        .collect();
    let path = folder.path().join("photo.bin");
    std::fs::write(&path, &bytes).unwrap();
    let kept = folder.path().join("kept");
    let mut shown = device(&server, &["console", "sim-000000", "--files"])
        .arg(&kept)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // It is there once it has its seat.
    server.until_audited("opened the console", 2).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let sent = device(&server, &["send", "sim-000000"])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8(sent.stderr).unwrap();
    assert!(sent.status.success(), "{said}");
    assert!(said.contains("sent photo.bin, 200000 bytes"), "{said}");
    drop(shown.stdin.take());
    assert!(shown.wait().unwrap().success());
    assert_eq!(std::fs::read(kept.join("photo.bin")).unwrap(), bytes);
    let form = json!({"identifier": "offline"});
    server
        .api()
        .post(&Api::product("/devices"), form)
        .await
        .data();
    // What is wrong is said, with what to do.
    for (args, wanted) in [
        (vec!["console", "nobody"], "no such device"),
        (vec!["shell", "offline"], "has no shell"),
        (vec!["send", "sim-000000", "/nonexistent"], "could not read"),
    ] {
        let out = device(&server, &args)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(1));
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(said.contains(wanted), "{said}");
    }
    let mut bad = device(&server, &["console", "sim-000000"]);
    let out = bad.env("NERVECENTER_TOKEN", "nhu_wrong").output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(said.contains("does not take this token"), "{said}");
    let big = folder.path().join("big.bin");
    std::fs::write(&big, vec![7; 11 << 20]).unwrap();
    let out = device(&server, &["send", "sim-000000"])
        .arg(&big)
        .output()
        .unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(!out.status.success() && said.contains("10 MiB"), "{said}");
}

/// Somebody who mistyped the key is told so, and does not wait for it in silence.
#[tokio::test(flavor = "multi_thread")]
async fn devices_that_are_not_let_in_are_told_of() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let out = Command::new("timeout")
        .args(["-s", "INT", "14", BINARY, "sim", "--devices", "1"])
        .args(["--url", &format!("wss://{}", server.devices)])
        .arg("--server-ca")
        .arg(&server.ca)
        .args([
            "--product-key",
            "nhp_nobodys",
            "--product-secret",
            "guessed",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(
        said.contains("0 of 1 devices joined") && said.contains("401"),
        "{said}"
    );
}
