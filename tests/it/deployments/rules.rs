//! Who of a group is updated, when, and who waits (docs/protocol/rules.md, "Claims", "Matching", "Penalty box", "Deltas").

use super::{GROUP, release};
use crate::support::device::{Device, running};
use crate::support::{Api, Server, fixtures, inspect, readings};
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    old_versions_have_slots_of_their_own
    the_device_that_came_last_goes_first_in_a_lifo_queue
    a_locked_group_keeps_its_devices_and_takes_no_others
    attempts_within_a_time_put_a_device_into_the_penalty_box
    only_devices_with_the_tags_of_the_release_are_updated
    only_devices_on_an_interface_of_the_release_are_updated
    devices_wait_for_their_delta_ten_minutes_at_most
}

const MINUTE: Duration = Duration::from_secs(60);

/// Both versions of a fixture, and an active group on the first with these settings.
async fn group(server: &Server, mut settings: Value) -> (Api, Value, Value) {
    let api = server.api();
    if settings.get("delta_updatable").is_none() {
        settings["delta_updatable"] = json!(false);
    }
    let (old, new) = api.two_versions("g", settings).await;
    (api, old, new)
}

async fn set(api: &Api, settings: Value) {
    let body = json!({ "deployment": settings });
    let answer = api.put(&Api::product("/deployments/g"), body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// What a device reports that runs a version of which the server has no file.
fn version(of: &Value, version: &str, uuid: &str) -> Value {
    let mut firmware = of.clone();
    firmware["version"] = json!(version);
    firmware["uuid"] = json!(uuid);
    firmware
}

async fn old_versions_have_slots_of_their_own(server: Server) {
    let (api, old, new) = group(
        &server,
        json!({"concurrent_updates": 1, "priority_queue_enabled": true, "priority_queue_concurrent_updates": 1,
               "priority_queue_firmware_version_threshold": "0.9.5"}),
    )
    .await;
    let at = version(&old, "0.9.5", "0d3c1a52-68a1-5f10-9d0c-0123456789ab");
    let above = version(&old, "0.9.6-rc.1", "1d3c1a52-68a1-5f10-9d0c-0123456789ab");
    // Else older versions would be updated to the group's first release.
    let paused = api
        .post(&Api::product("/deployments/g/pause"), json!({}))
        .await;
    assert_eq!(paused.status, 200, "{}", paused.text);
    let mut first = Device::joined(&server, "first", &old).await;
    let mut second = Device::joined(&server, "second", &above).await;
    let mut ancient = Device::joined(&server, "ancient", &at).await;
    let mut next = Device::joined(&server, "next", &at).await;
    release(&api, &new).await;
    first.event("update").await;
    ancient.event("update").await;
    assert!(second.silent(500).await, "the one ordinary slot is taken");
    assert!(next.silent(500).await, "so is that of old versions");
    // An old version may take an ordinary slot as well, in its turn.
    drop(first);
    let _first = Device::joined(&server, "first", &new).await;
    second.event("update").await;
    drop(second);
    let _second = Device::joined(&server, "second", &new).await;
    next.event("update").await;
}

async fn the_device_that_came_last_goes_first_in_a_lifo_queue(server: Server) {
    let settings = json!({"concurrent_updates": 1, "queue_management": "LIFO"});
    let (api, old, new) = group(&server, settings).await;
    let mut fleet = Vec::new();
    for name in ["a", "b", "c"] {
        fleet.push(Device::joined(&server, name, &old).await);
    }
    release(&api, &new).await;
    let mut c = fleet.pop().unwrap();
    c.event("update").await;
    let mut b = fleet.pop().unwrap();
    assert!(b.silent(500).await, "one slot");
    drop(c);
    let _c = Device::joined(&server, "c", &new).await;
    b.event("update").await;
}

async fn a_locked_group_keeps_its_devices_and_takes_no_others(server: Server) {
    let (api, old, new) = group(
        &server,
        json!({"conditions": {"version": "< 1.1.0", "tags": []}}),
    )
    .await;
    let group_of = async |name: &str| {
        let device = api.get(&Api::product(&format!("/devices/{name}"))).await;
        device.data()["deployment_group"]["name"].clone()
    };
    let inside = Device::joined(&server, "inside", &old).await;
    set(&api, json!({"lock_device_membership": true})).await;
    let _outside = Device::joined(&server, "outside", &old).await;
    drop(inside);
    let inside = Device::joined(&server, "inside", &new).await;
    assert_eq!(group_of("inside").await, "g", "it does not fit, and stays");
    assert_eq!(
        group_of("outside").await,
        Value::Null,
        "it fits, and stays out"
    );
    set(&api, json!({"lock_device_membership": false})).await;
    server.until_devices_in_groups(2).await;
    drop(inside);
    let _inside = Device::joined(&server, "inside", &new).await;
    assert_eq!(group_of("inside").await, Value::Null);
    assert_eq!(group_of("outside").await, "g");
}

/// Tells a device, which begins and comes back with what it had.
async fn attempt(server: &Server, mut d: Device, old: &Value) -> Device {
    d.event("update").await;
    let begun = json!({"stage": "downloading", "value": 1});
    d.push("fwup_progress", begun).await;
    server.until(inspect::DOWNLOADING, 1).await;
    drop(d);
    Device::joined(server, "d", old).await
}

async fn attempts_within_a_time_put_a_device_into_the_penalty_box(server: Server) {
    let (api, old, new) = group(
        &server,
        json!({"device_failure_threshold": 100, "device_failure_rate_amount": 2,
               "device_failure_rate_seconds": 600, "penalty_timeout_minutes": 90}),
    )
    .await;
    let mut d = Device::joined(&server, "d", &old).await;
    release(&api, &new).await;
    d = attempt(&server, d, &old).await;
    // Two attempts, but not within ten minutes.
    server.advance(11 * MINUTE);
    d = attempt(&server, d, &old).await;
    d = attempt(&server, d, &old).await;
    assert!(d.silent(500).await, "two within ten minutes are too many");
    assert_eq!(server.devices(readings::BLOCKED).await, 1);
    server.advance(89 * MINUTE);
    assert!(d.silent(500).await, "it rests for 90 minutes");
    server.advance(2 * MINUTE);
    attempt(&server, d, &old).await;
}

async fn only_devices_with_the_tags_of_the_release_are_updated(server: Server) {
    let (api, old, new) = group(&server, json!({"release_tags": ["eu", "beta"]})).await;
    let mut one = Device::joined(&server, "one", &old).await;
    let mut both = Device::joined(&server, "both", &old).await;
    let tags = async |name: &str, tags: Value| {
        let path = Api::product(&format!("/devices/{name}"));
        let answer = api.put(&path, json!({ "tags": tags })).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    };
    tags("one", json!(["eu"])).await;
    tags("both", json!(["beta", "eu", "x"])).await;
    release(&api, &new).await;
    both.event("update").await;
    assert!(one.silent(500).await, "it has one of two tags");
    tags("one", json!(["eu", "beta"])).await;
    one.event("update").await;
    let mut none = Device::joined(&server, "none", &old).await;
    assert!(none.silent(500).await);
    set(&api, json!({"release_tags": []})).await;
    none.event("update").await;
}

async fn only_devices_on_an_interface_of_the_release_are_updated(server: Server) {
    let settings = json!({"release_network_interfaces": ["ethernet", "wifi"]});
    let (api, old, new) = group(&server, settings).await;
    let on = async |name: &str, interface: &str| {
        let mut d = Device::secret(&server, name).await.unwrap();
        d.join(running(&old), json!({})).await;
        d.push("report_network_interface", json!({"interface": interface}))
            .await;
        d
    };
    let mut wired = on("wired", "eth0").await;
    let mut mobile = on("mobile", "wwan0").await;
    release(&api, &new).await;
    wired.event("update").await;
    assert!(mobile.silent(500).await, "it is on a mobile network");
    drop(mobile);
    let mut mobile = on("mobile", "wlan0").await;
    mobile.event("update").await;
}

/// What the list of groups, the group and its progress say about its deltas.
async fn statuses(api: &Api) -> [String; 3] {
    let get = async |path: &str| api.get(&Api::product(path)).await.data();
    let all = [
        get("/deployments").await[0].take(),
        get(GROUP).await,
        get(&format!("{GROUP}/progress")).await,
    ];
    all.map(|found| found["status"].as_str().unwrap().to_owned())
}

async fn devices_wait_for_their_delta_ten_minutes_at_most(server: Server) {
    let (api, old, new) = group(&server, json!({"delta_updatable": true})).await;
    let mut d = Device::joined(&server, "d", &old).await;
    // Files cannot be written for a while, so that no delta is made.
    let staging = server.data().join("blobs/staging");
    let away = server.data().join("blobs/away");
    std::fs::rename(&staging, &away).unwrap();
    release(&api, &new).await;
    assert!(d.silent(1_000).await, "its delta is being made");
    assert_eq!(statuses(&api).await, ["preparing"; 3]);
    let progress = api.get(&Api::product(&format!("{GROUP}/progress"))).await;
    let sentence = progress.data()["sentence"].to_string();
    assert!(sentence.contains("Deltas are being made"), "{sentence}");
    let foreign = version(&old, "0.5.0", "0d3c1a52-68a1-5f10-9d0c-0123456789ab");
    let mut other = Device::joined(&server, "other", &foreign).await;
    other.event("update").await;
    server.advance(9 * MINUTE);
    assert!(d.silent(500).await, "not ten minutes yet");
    server.advance(2 * MINUTE);
    let told = d.event("update").await;
    let whole = fixtures::bytes("good/rpi4-1.1.0.fw").len();
    assert_eq!(told["size"], whole, "{told}");
    assert_eq!(statuses(&api).await, ["ready"; 3], "nobody waits any more");
}
