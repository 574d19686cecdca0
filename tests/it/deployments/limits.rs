//! Limits of a group beyond NervesHub's: when it updates, how much it sends, and what it does not go below.

use super::{GROUP, read, release};
use crate::support::device::{Device, running};
use crate::support::{Api, Engine, Server};
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    nobody_is_told_before_the_start_and_after_the_end
    devices_are_told_in_their_maintenance_windows_only
    claims_promise_no_more_than_the_bandwidth
    a_group_does_not_go_below_its_minimum_version
    limits_are_shown_checked_and_reset
}

const MINUTE: Duration = Duration::from_secs(60);

async fn group(server: &Server, mut settings: Value) -> (Api, Value, Value) {
    let api = server.api();
    settings["delta_updatable"] = json!(false);
    let (old, new) = api.two_versions("g", settings).await;
    (api, old, new)
}

async fn set(api: &Api, settings: Value) -> (u16, Value) {
    let body = json!({ "deployment": settings });
    let answer = api.put(&Api::product(GROUP), body).await;
    (answer.status, answer.json())
}

async fn why(api: &Api, device: &str) -> Value {
    api.get(&Api::product(&format!("/devices/{device}/why")))
        .await
        .data()
}

/// The instant so many minutes from now, as the API takes it.
fn minutes(server: &Server, n: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(server.now_ms() / 1_000 + n * 60).unwrap();
    let format = &time::format_description::well_known::Rfc3339;
    at.format(format).unwrap()
}

async fn nobody_is_told_before_the_start_and_after_the_end(server: Server) {
    let times = json!({"starts_at": minutes(&server, 60), "ends_at": minutes(&server, 120)});
    let (api, old, new) = group(&server, times).await;
    let mut early = Device::joined(&server, "early", &old).await;
    release(&api, &new).await;
    assert!(early.silent(500).await, "it has not begun");
    let said = why(&api, "early").await;
    assert_eq!(
        (&said["rule"], &said["value"]),
        (&json!("limits"), &json!("has_begun")),
        "{said}"
    );
    let progress = read(&api, "progress").await;
    let sentence = progress["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with("The group begins to update at "),
        "{sentence}"
    );
    server.advance(61 * MINUTE);
    early.event("update").await;
    server.advance(60 * MINUTE);
    let mut late = Device::joined(&server, "late", &old).await;
    assert!(late.silent(500).await, "it has ended");
    assert_eq!(why(&api, "late").await["value"], "has_not_ended");
}

async fn devices_are_told_in_their_maintenance_windows_only(server: Server) {
    let hour = server.now_ms() / 3_600_000 % 24;
    let at = |h: i64| format!("{:02}:00", (hour + h) % 24);
    let window = json!({"from": at(1), "to": at(2)});
    let (api, old, new) = group(&server, json!({ "maintenance_window": window })).await;
    let mut here = Device::joined(&server, "here", &old).await;
    let mut east = Device::joined(&server, "east", &old).await;
    // An hour ahead of UTC.
    let zone = json!({"time_zone": "Etc/GMT-1"});
    let path = Api::product("/devices/east");
    assert_eq!(api.put(&path, zone).await.data()["time_zone"], "Etc/GMT-1");
    let wrong = api.put(&path, json!({"time_zone": "Mars/Olympus"})).await;
    assert_eq!(wrong.status, 422, "{}", wrong.text);
    release(&api, &new).await;
    east.event("update").await;
    assert!(here.silent(500).await, "its window is closed");
    assert_eq!(why(&api, "here").await["rule"], "maintenance_window");
    server.advance(60 * MINUTE);
    here.event("update").await;
}

async fn claims_promise_no_more_than_the_bandwidth(server: Server) {
    let (api, old, new) = group(&server, json!({})).await;
    // One file in ten seconds.
    let rate = new["size"].as_i64().unwrap_or(111_751) / 10;
    let (status, _) = set(&api, json!({"bytes_per_second": rate})).await;
    assert_eq!(status, 200);
    let mut fleet = Vec::new();
    for name in ["a", "b", "c"] {
        fleet.push(Device::joined(&server, name, &old).await);
    }
    release(&api, &new).await;
    fleet[0].event("update").await;
    assert!(fleet[1].silent(500).await, "the first one fills it");
    assert_eq!(why(&api, "b").await["value"], "bandwidth");
    server.advance(Duration::from_secs(7));
    fleet[1].event("update").await;
    assert!(fleet[2].silent(500).await);
    server.advance(Duration::from_secs(10));
    fleet[2].event("update").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_groups_together_promise_no_more_than_the_servers_bandwidth() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        // One file in about eleven seconds.
        let flags = ["--bytes-per-second", "10000"];
        let Some(server) = Server::with(engine, &flags).await else {
            continue;
        };
        let (api, old, new) = group(&server, json!({})).await;
        let own =
            json!({"conditions": {"version": "", "tags": ["other"]}, "delta_updatable": false});
        api.group("other", old["uuid"].as_str().unwrap(), own).await;
        let mut first = Device::joined(&server, "first", &old).await;
        let mut second = Device::secret(&server, "second").await.unwrap();
        let path = Api::product("/devices/second");
        let answer = api.put(&path, json!({"tags": ["other"]})).await;
        assert_eq!(answer.status, 201);
        second.join(running(&old), json!({})).await;
        let device = api.get(&path).await.data();
        assert_eq!(device["deployment_group"]["name"], "other", "{device}");
        release(&api, &new).await;
        first.event("update").await;
        api.release("other", new["uuid"].as_str().unwrap()).await;
        assert!(second.silent(500).await, "the first one fills it");
        let said = why(&api, "second").await;
        assert_eq!(said["value"], "server_bandwidth", "{said}");
        server.advance(Duration::from_secs(12));
        second.event("update").await;
    }
}

async fn a_group_does_not_go_below_its_minimum_version(server: Server) {
    let (api, old, new) = group(&server, json!({})).await;
    release(&api, &new).await;
    let (status, _) = set(&api, json!({"minimum_version": "1.1.0"})).await;
    assert_eq!(status, 200);
    let (status, refused) = set(&api, json!({"firmware": old["uuid"]})).await;
    assert_eq!(status, 422);
    let text = refused["errors"]["firmware"][0].as_str().unwrap();
    assert_eq!(
        text,
        "brings 1.0.0, and the deployment group does not go below 1.1.0 (minimum_version)"
    );
    let rollback = Api::product(&format!("{GROUP}/rollback"));
    let refused = api.post(&rollback, json!({})).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.text.contains("minimum_version"), "{}", refused.text);
    // A minimum above what is released holds the release.
    let (status, _) = set(&api, json!({"minimum_version": "2.0.0"})).await;
    assert_eq!(status, 200);
    let mut d = Device::joined(&server, "d", &old).await;
    assert!(d.silent(500).await, "it is below");
    assert_eq!(why(&api, "d").await["value"], "minimum_version");
    set(&api, json!({"minimum_version": null})).await;
    d.event("update").await;
}

async fn limits_are_shown_checked_and_reset(server: Server) {
    let (api, ..) = group(&server, json!({})).await;
    let shown = async || api.get(&Api::product(GROUP)).await.data()["settings"].clone();
    let defaults = shown().await;
    assert_eq!(defaults["stop_when_worse"], true);
    let window =
        json!({"from": "22:00", "to": "05:00", "days": ["saturday"], "time_zone": "Europe/Berlin"});
    let all = json!({
        "minimum_version": "0.1.0", "stop_when_worse": false, "automatic_rollback": true,
        "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2036-01-01T00:00:00Z", "bytes_per_second": 1_000_000,
        "maintenance_window": window, "health_limits": [{"metric": "cpu_temp", "above": 80.0}],
    });
    assert_eq!(set(&api, all.clone()).await.0, 200);
    let kept = shown().await;
    for (name, value) in all.as_object().unwrap() {
        assert_eq!(&kept[name], value, "{name}");
    }
    for (name, value) in [
        ("minimum_version", json!("1")),
        ("stop_when_worse", json!("often")),
        ("starts_at", json!("2037-01-01T00:00:00Z")),
        ("ends_at", json!("soon")),
        ("bytes_per_second", json!(-1)),
        ("maintenance_window", json!({"from": "22", "to": "05:00"})),
        ("health_limits", json!([{"metric": "cpu_temp"}])),
        ("health_limits", json!([{"metric": "cpu_temp", "over": 80}])),
    ] {
        let (status, refused) = set(&api, json!({ name: value })).await;
        assert_eq!(status, 422, "{name}");
        let named = if name == "starts_at" { "ends_at" } else { name };
        let errors = &refused["errors"];
        let found = errors.get("deployment").unwrap_or(errors);
        assert!(found[named][0].is_string(), "{name}: {refused}");
    }
    assert_eq!(shown().await, kept, "what is refused changes nothing");
    let mut reset = all;
    for (name, value) in reset.as_object_mut().unwrap() {
        *value = defaults[name].clone();
    }
    assert_eq!(set(&api, reset).await.0, 200);
    assert_eq!(shown().await, defaults);
}
