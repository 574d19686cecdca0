//! Rollouts: what a device is told, what its answers do, and that the limit holds whatever happens.

use crate::support::device::{Device, running};
use crate::support::sim::Sim;
use crate::support::{Api, Engine, Server, fixtures, inspect, number, readings};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

crate::both_engines! {
    a_device_is_updated_by_delta_and_counted_when_it_comes_back
    failures_rest_and_free_their_slot_at_once
    a_download_goes_on_over_a_reconnect_and_a_return_is_a_failure
    unvalidated_and_blocked_devices_wait
    a_push_by_hand_turns_automatic_updates_off
    conditions_place_devices
    the_limit_holds_in_a_storm
}

crate::across_nodes! {
    a_device_is_updated_by_delta_and_counted_when_it_comes_back
    failures_rest_and_free_their_slot_at_once
    a_push_by_hand_turns_automatic_updates_off
    the_limit_holds_in_a_storm
}

/// Both versions of the rpi4 fixture, and a group on the first that runs with these settings.
async fn rpi4(server: &Server, settings: Value) -> (Api, Value, Value) {
    let api = server.api();
    let (old, new) = api.two_versions("prod", settings).await;
    (api, old, new)
}

async fn device(server: &Server, name: &str, firmware: &Value) -> Device {
    Device::joined(server, name, firmware).await
}

async fn release(api: &Api, firmware: &Value) {
    api.release("prod", firmware["uuid"].as_str().unwrap())
        .await;
}

const IN_FLIGHT: &str = readings::UPDATING;
const BLOCKED: &str = readings::BLOCKED;

async fn a_device_is_updated_by_delta_and_counted_when_it_comes_back(server: Server) {
    let (api, old, new) = rpi4(&server, json!({})).await;
    let mut d = device(&server, "d", &old).await;
    release(&api, &new).await;
    let update = d.event("update").await;
    let delta = fixtures::bytes("delta/rpi4-1.0.0-to-1.1.0.delta.fw").len() as f64;
    let size = update["size"].as_f64().unwrap();
    assert!(
        size < delta * 1.02,
        "ours has {size} bytes, the reference {delta}"
    );
    assert_eq!(update["update_available"], true);
    assert_eq!(update["firmware_meta"]["uuid"], new["uuid"]);
    assert_eq!(update["firmware_meta"]["misc"], "fixture");
    assert_eq!(update["firmware_meta"].get("fwup_version"), None);
    assert!(update["deployment_id"].is_i64());
    let checksum = update["checksum"].as_str().unwrap();
    assert_eq!(update["partials_checksums"], json!([checksum]));
    let url = update["firmware_url"].as_str().unwrap();
    assert!(
        url.starts_with("http://127.0.0.1:"),
        "on the host that the device dialled: {url}"
    );
    let file = reqwest::get(url).await.unwrap().bytes().await.unwrap();
    assert_eq!(file.len() as f64, size);
    assert_eq!(
        hex::encode_upper(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &file)),
        checksum
    );
    assert_eq!(server.count(inspect::OFFERED_ONLY).await, 1);
    d.push("status_update", json!({"status": "received"})).await;
    d.push("status_update", json!({"status": "started"})).await;
    d.push("fwup_progress", json!({"stage": "updating", "value": 50}))
        .await;
    server.until(inspect::INSTALLING, 1).await;
    d.push("status_update", json!({"status": "completed"}))
        .await;
    server.until(inspect::INSTALLED, 1).await;
    assert_eq!(server.updates().await, 0, "completed alone is no success");
    assert!(d.silent(200).await);
    let mut d = device(&server, "d", &new).await;
    server.until_devices(IN_FLIGHT, 0).await;
    assert_eq!(
        server
            .count(
                "SELECT COUNT(*) FROM update_stats WHERE kind = 'delta' AND sent_bytes < full_bytes"
            )
            .await,
        1
    );
    let progress = Api::product("/deployments/prod/progress");
    assert_eq!(api.get(&progress).await.data()["updated"], 1);
    assert!(
        d.silent(500).await,
        "a device that runs the release is not told again"
    );
    // A third firmware is a change, not a success.
    let third = json!({"uuid": "x", "product": "fixture-product", "version": "0.9.0", "platform": "rpi4", "architecture": "arm"});
    let mut d = device(&server, "d", &third).await;
    let update = d.event("update").await;
    assert_eq!(
        update["size"],
        fixtures::bytes("good/rpi4-1.1.0.fw").len(),
        "an unknown source gets the full file"
    );
    assert_eq!(server.updates().await, 1);
    let sent = server.count(inspect::IN_FULL).await;
    assert_eq!(sent, 1);
}

async fn failures_rest_and_free_their_slot_at_once(server: Server) {
    let (api, old, new) = rpi4(&server, json!({"concurrent_updates": 1})).await;
    let mut all = Vec::new();
    for name in ["a", "b", "c", "d"] {
        all.push(device(&server, name, &old).await);
    }
    release(&api, &new).await;
    let started = Instant::now();
    for (d, status) in all.iter_mut().zip([
        json!({"status": "failed", "reason": "disk full"}),
        json!({"status": "ignored"}),
        json!({"status": "fwup error: no"}),
        json!({"status": "rescheduled", "delay_for": 5}),
    ]) {
        d.event("update").await;
        assert_eq!(server.devices(IN_FLIGHT).await, 1);
        d.push("status_update", status).await;
    }
    server.until_devices(IN_FLIGHT, 0).await;
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "each free slot is noticed at once"
    );
    assert_eq!(server.devices(BLOCKED).await, 4);
    let minutes = |low: i64, high: i64| (low, high);
    let (low, high) = minutes(4, 6);
    let seen = api.get("/api/devices/d").await.data();
    assert!(
        seen["updates_blocked_until"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    let rescheduled = server
        .count("SELECT blocked_until / 60000000 FROM devices WHERE identifier = 'd'")
        .await
        - crate::support::device::now_ms() / 60_000;
    assert!((low..=high).contains(&rescheduled), "{rescheduled} minutes");
    let failed = server
        .count("SELECT blocked_until / 60000000 FROM devices WHERE identifier = 'a'")
        .await
        - crate::support::device::now_ms() / 60_000;
    assert!((1438..=1441).contains(&failed), "{failed} minutes");
    // Out of the box by hand: told at once, now with the full file, since the delta failed on it.
    assert_eq!(api.delete("/api/devices/a/penalty").await.status, 204);
    let update = all[0].event("update").await;
    assert_eq!(update["size"], fixtures::bytes("good/rpi4-1.1.0.fw").len());
}

async fn a_download_goes_on_over_a_reconnect_and_a_return_is_a_failure(server: Server) {
    let (api, old, new) = rpi4(
        &server,
        json!({"device_failure_threshold": 2, "penalty_timeout_minutes": 60}),
    )
    .await;
    let mut d = device(&server, "d", &old).await;
    release(&api, &new).await;
    d.event("update").await;
    d.push("status_update", json!({"status": "received"})).await;
    server.until(inspect::RECEIVED, 1).await;
    drop(d);
    server.until_devices(readings::ONLINE, 0).await;
    assert_eq!(server.devices(IN_FLIGHT).await, 1);
    let mut d = Device::secret(&server, "d").await.unwrap();
    d.join(
        running(&old),
        json!({"currently_downloading_uuid": new["uuid"]}),
    )
    .await;
    assert!(d.silent(500).await, "no second update");
    assert_eq!(server.devices(IN_FLIGHT).await, 1);
    // Back with the old firmware and nothing going on: failed, and told again, at once and in full.
    let mut d = device(&server, "d", &old).await;
    let update = d.event("update").await;
    assert_eq!(update["size"], fixtures::bytes("good/rpi4-1.1.0.fw").len());
    d.push("status_update", json!({"status": "received"})).await;
    server.until(inspect::OPEN_ATTEMPTS, 2).await;
    // A second return reaches the threshold: the penalty box, with the attempts forgotten for afterwards.
    let mut d = device(&server, "d", &old).await;
    server.until_devices(BLOCKED, 1).await;
    assert_eq!(server.count(inspect::OPEN_ATTEMPTS).await, 0);
    assert!(d.silent(300).await);
    // A revert after the success counts against the release too.
    api.delete("/api/devices/d/penalty").await;
    d.event("update").await;
    d.push("status_update", json!({"status": "received"})).await;
    let mut d = Device::secret(&server, "d").await.unwrap();
    d.join(
        running(&new),
        json!({"meta": {"firmware_validated": false}}),
    )
    .await;
    server.until_devices(IN_FLIGHT, 0).await;
    let mut d = Device::secret(&server, "d").await.unwrap();
    d.join(
        running(&old),
        json!({"meta": {"firmware_validated": true, "firmware_auto_revert_detected": true}}),
    )
    .await;
    d.event("update").await;
    assert_eq!(server.count(inspect::OPEN_ATTEMPTS).await, 1);
    assert_eq!(server.audited("Device reverted release 2").await, 1);
}

async fn unvalidated_and_blocked_devices_wait(server: Server) {
    let (api, old, new) = rpi4(&server, json!({})).await;
    let mut d = Device::secret(&server, "d").await.unwrap();
    d.join(
        running(&old),
        json!({"meta": {"firmware_validated": false}}),
    )
    .await;
    let mut off = device(&server, "off", &old).await;
    let path = Api::product("/devices/off");
    assert_eq!(
        api.put(&path, json!({"updates_enabled": false}))
            .await
            .status,
        201
    );
    release(&api, &new).await;
    assert!(d.silent(800).await && off.silent(100).await);
    d.push("firmware_validated", json!({})).await;
    d.event("update").await;
    assert_eq!(
        api.put(&path, json!({"updates_enabled": true}))
            .await
            .status,
        201
    );
    off.event("update").await;
    // Pausing takes back what was not told; a device in the middle of it finishes.
    assert_eq!(server.devices(IN_FLIGHT).await, 2);
}

async fn a_push_by_hand_turns_automatic_updates_off(server: Server) {
    let (api, old, new) = rpi4(&server, json!({})).await;
    let mut d = device(&server, "d", &old).await;
    let path = Api::product("/devices/d/upgrade");
    assert_eq!(
        api.post(&path, json!({"uuid": new["uuid"]})).await.status,
        204
    );
    let update = d.event("update").await;
    assert_eq!(update["deployment_id"], Value::Null);
    assert_eq!(
        update["size"],
        fixtures::bytes("good/rpi4-1.1.0.fw").len(),
        "by hand in full"
    );
    assert_eq!(
        api.get("/api/devices/d").await.data()["updates_enabled"],
        false
    );
    let again = api.post(&path, json!({"uuid": new["uuid"]})).await;
    assert_eq!(again.status, 422, "{}", again.text);
    d.push("status_update", json!({"status": "failed"})).await;
    server.until_devices(IN_FLIGHT, 0).await;
    assert_eq!(
        server.devices(BLOCKED).await,
        0,
        "a push by hand knows no penalty box"
    );
    // For a device that is away, the push waits for it, and lapses in the end.
    drop(d);
    server.until_devices(readings::ONLINE, 0).await;
}

async fn conditions_place_devices(server: Server) {
    let (api, old, new) = rpi4(&server, json!({})).await;
    let prod = Api::product("/deployments/prod");
    let tagged = json!({"deployment": {"conditions": {"version": "< 1.1.0", "tags": ["beta"]}}});
    assert_eq!(api.put(&prod, tagged).await.status, 200);
    device(&server, "plain", &old).await;
    assert_eq!(server.devices_in_groups().await, 0, "it has no tag");
    api.put(
        &Api::product("/devices/plain"),
        json!({"tags": ["beta", "x"]}),
    )
    .await;
    device(&server, "plain", &old).await;
    assert_eq!(server.devices_in_groups().await, 1);
    let mut newer = device(&server, "plain", &new).await;
    assert_eq!(
        server.devices_in_groups().await,
        0,
        "its version left the condition"
    );
    assert!(newer.silent(100).await);
    let left = "SELECT COUNT(*) FROM audit_logs WHERE description LIKE '%left deployment group prod%1.1.0%'";
    assert_eq!(server.count(left).await, 1);
    let bbb = json!({"uuid": "y", "product": "fixture-product", "version": "1.0.0", "platform": "bbb", "architecture": "arm"});
    device(&server, "bone", &bbb).await;
    assert_eq!(server.devices_in_groups().await, 0);
}

/// Writes the number of taken slots at each claim into a table, inside the database itself: nothing can slip between
/// two looks.
async fn watch_slots(server: &Server) {
    server.devices(readings::UPDATING).await;
    server
        .run("CREATE TABLE test_slots (n BIGINT NOT NULL)")
        .await;
    if server.is_sqlite() {
        server
            .run("CREATE TRIGGER test_slots AFTER INSERT ON inflight BEGIN INSERT INTO test_slots SELECT COUNT(*) FROM inflight WHERE group_id IS NOT NULL; END")
            .await;
    } else {
        server
            .run("CREATE FUNCTION test_slots() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO test_slots SELECT COUNT(*) FROM inflight WHERE group_id IS NOT NULL; RETURN NEW; END $$")
            .await;
        server.run("CREATE TRIGGER test_slots AFTER INSERT ON inflight FOR EACH ROW EXECUTE FUNCTION test_slots()").await;
    }
}

const DEVICES: i64 = 1_000;
const AT_REST: &str = "SELECT COUNT(*) FROM devices d WHERE (fw_version = '1.1.0' OR blocked_until IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM inflight i WHERE i.device_id = d.id)";

const RESTLESS: &str = "SELECT d.identifier || ': runs ' || COALESCE(d.fw_version, '-')
    || CASE WHEN d.online THEN ', online' ELSE ', offline' END
    || CASE WHEN d.in_flight THEN ', in flight' ELSE '' END
    || ', connection ' || COALESCE(c.status, '-') || ', claim ' || COALESCE(i.status, '-')
    || ' sent ' || COALESCE(CAST(i.sent_at AS TEXT), '-') || ' changed '
    || COALESCE(CAST(i.updated_at AS TEXT), '-')
    FROM devices d LEFT JOIN connections c ON c.device_id = d.id LEFT JOIN inflight i ON i.device_id = d.id
    WHERE i.device_id IS NOT NULL OR NOT (COALESCE(d.fw_version, '') = '1.1.0' OR d.blocked_until IS NOT NULL)";

/// Waits until every device ends updated or in the penalty box.
async fn at_rest(server: &Server) {
    let started = Instant::now();
    loop {
        let rest = server.count(AT_REST).await;
        if rest == DEVICES {
            return;
        }
        if started.elapsed() > Duration::from_secs(240) {
            let others: Vec<String> = server.column(RESTLESS).await;
            panic!("{rest} of {DEVICES} at rest; the others: {others:#?}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn check_end(server: &Server, report: &Value) {
    let peak = server.count("SELECT MAX(n) FROM test_slots").await;
    assert!(peak <= 25, "{peak} in flight");
    assert!(peak >= 20, "only {peak} in flight: the slots are not used");
    assert_eq!(report["repeated"], 0, "{report}");
    let updated = server.devices(readings::UPDATED).await;
    assert_eq!(report["versions"]["1.1.0"], updated);
    let boxed = server.devices(BLOCKED).await;
    assert_eq!(updated + boxed, DEVICES);
    assert!((100..=320).contains(&boxed), "{boxed} in the penalty box");
    let twice = "SELECT COUNT(*) FROM (SELECT device_id FROM update_stats GROUP BY device_id HAVING COUNT(*) > 1) x";
    assert_eq!(server.count(twice).await, 0);
}

async fn storm(server: &Server) -> (Api, Value, Sim) {
    // A fifth fails on purpose, and the release goes on.
    let settings = json!({"concurrent_updates": 25, "stop_when_worse": false});
    let (api, _, new) = rpi4(server, settings).await;
    watch_slots(server).await;
    let sim = Sim::start(
        server,
        DEVICES as usize,
        &[
            "--fail-rate",
            "0.2",
            "--cut-rate",
            "0.3",
            "--connect-rate",
            "400",
        ],
    );
    let started = Instant::now();
    while server.devices(readings::ONLINE).await < DEVICES {
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "the devices do not join"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    (api, new, sim)
}

async fn the_limit_holds_in_a_storm(server: Server) {
    let (api, new, sim) = storm(&server).await;
    release(&api, &new).await;
    at_rest(&server).await;
    let report = tokio::task::spawn_blocking(|| sim.finish()).await.unwrap();
    check_end(&server, &report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_mid_rollout_changes_nothing_about_the_end() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(mut server) = Server::process(engine).await else {
            return;
        };
        let (api, new, sim) = storm(&server).await;
        release(&api, &new).await;
        while server.devices(readings::UPDATED).await < DEVICES / 5 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server.crash_and_restart();
        at_rest(&server).await;
        let report = tokio::task::spawn_blocking(|| sim.finish()).await.unwrap();
        check_end(&server, &report).await;
    }
}

/// Seconds that the database is away; `AWAY=60` tries longer by hand.
fn away() -> Duration {
    Duration::from_secs(number("AWAY", 12).unsigned_abs())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_in_mid_rollout_changes_nothing_about_the_end() {
    let Some(server) = Server::start(Engine::Postgres).await else {
        return;
    };
    let (api, new, sim) = storm(&server).await;
    release(&api, &new).await;
    while server.devices(readings::UPDATED).await < DEVICES / 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let url = server.database_url().unwrap();
    crate::faults::set_reachable(url, false).await;
    tokio::time::sleep(away()).await;
    assert_eq!(api.get("/status/alive").await.status, 200);
    let refused = api.get(&Api::product("/devices")).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(!refused.header("retry-after").is_empty());
    crate::faults::set_reachable(url, true).await;
    at_rest(&server).await;
    let report = tokio::task::spawn_blocking(|| sim.finish()).await.unwrap();
    check_end(&server, &report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reverting_devices_end_in_the_penalty_box() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let settings = json!({"concurrent_updates": 10, "stop_when_worse": false});
    let (api, _, new) = rpi4(&server, settings).await;
    let sim = Sim::start(&server, 30, &["--revert-rate", "1.0"]);
    server.until_devices(readings::ONLINE, 30).await;
    release(&api, &new).await;
    let started = Instant::now();
    while server.devices(BLOCKED).await < 30 {
        assert!(started.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let report = tokio::task::spawn_blocking(|| sim.finish()).await.unwrap();
    assert_eq!(report["updated"], 0);
    assert_eq!(report["reverted"], 90, "three attempts each: {report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_that_speak_messagepack_are_updated_like_others() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let (api, _, new) = rpi4(&server, json!({"concurrent_updates": 10})).await;
    let sim = Sim::start(&server, 30, &["--msgpack", "--cut-rate", "0.2"]);
    server.until_devices(readings::ONLINE, 30).await;
    release(&api, &new).await;
    server.until_devices(readings::DONE, 30).await;
    let report = tokio::task::spawn_blocking(|| sim.finish()).await.unwrap();
    assert_eq!(
        (&report["updated"], &report["delta_updates"]),
        (&json!(30), &json!(30)),
        "{report}"
    );
}
