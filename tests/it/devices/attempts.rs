//! Attempts to update a device, as they are read over REST, and why it is not being updated.

use crate::support::device::{Device, running};
use crate::support::{Api, Server, readings};
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    an_attempt_is_kept_with_its_end_whatever_it_was
    a_device_that_goes_back_turns_its_attempt_into_a_reverted_one
    why_names_the_first_rule_in_the_way_and_is_right_about_what_follows
    a_group_shows_what_can_be_set_of_it
}

/// Both versions of a fixture in a group on the first with these settings, and a device that runs the first.
async fn rollout(server: &Server, settings: Value) -> (Api, Value, Value, Device) {
    let api = server.api();
    let (old, new) = api.two_versions("g", settings).await;
    let d = Device::joined(server, "d", &old).await;
    (api, old, new, d)
}

async fn attempts(api: &Api) -> Value {
    api.get(&Api::product("/devices/d/attempts")).await.data()
}

/// Waits for an attempt with this outcome. A next one may follow it at once.
async fn until_outcome(api: &Api, outcome: &str) -> Value {
    for _ in 0..400 {
        let all = attempts(api).await;
        let all = all.as_array().unwrap();
        if let Some(one) = all.iter().find(|a| a["outcome"] == outcome) {
            return one.clone();
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("no {outcome}: {}", attempts(api).await);
}

async fn why(api: &Api) -> Value {
    api.get(&Api::product("/devices/d/why")).await.data()
}

async fn an_attempt_is_kept_with_its_end_whatever_it_was(server: Server) {
    let settings = json!({"delta_updatable": false, "penalty_timeout_minutes": 60});
    let (api, old, new, mut d) = rollout(&server, settings).await;
    assert_eq!(attempts(&api).await, json!([]));
    api.release("g", new["uuid"].as_str().unwrap()).await;
    d.event("update").await;
    let first = &attempts(&api).await[0];
    assert_eq!(
        [&first["stage"], &first["outcome"], &first["ended_at"]],
        [&json!("offered"), &Value::Null, &Value::Null]
    );
    let failed = json!({"status": "failed", "reason": "no room on /data"});
    d.push("status_update", json!({"status": "downloading"}))
        .await;
    d.push("status_update", failed).await;
    let one = until_outcome(&api, "failed").await;
    let size = new["size"].as_i64();
    let expected = json!({
        "deployment": "g", "release": 2, "kind": "full", "stage": "downloading", "outcome": "failed",
        "reason": "no room on /data", "validated_at": null,
        "from": {"uuid": old["uuid"], "version": "1.0.0"}, "to": {"uuid": new["uuid"], "version": "1.1.0"},
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&one[key], value, "{key} of {one}");
    }
    assert!(size.is_none_or(|s| one["bytes"] == s) && one["bytes"].as_i64() > Some(0));
    // The next one lapses: nothing is heard of it.
    server.advance(Duration::from_secs(61 * 60));
    d.event("update").await;
    d.push("fwup_progress", json!({"stage": "updating", "value": 10}))
        .await;
    server.until_devices(readings::UPDATING, 1).await;
    server.advance(Duration::from_secs(31 * 60));
    let one = until_outcome(&api, "lapsed").await;
    assert!(one["seconds"].as_i64().unwrap() >= 31 * 60 - 5, "{one}");
    assert_eq!(one["stage"], "updating");
    // The third ends well.
    d.event("update").await;
    drop(d);
    let d = Device::joined(&server, "d", &new).await;
    let one = until_outcome(&api, "installed").await;
    assert!(one["seconds"].as_i64() < Some(60), "{one}");
    assert!(one["validated_at"].is_string(), "{one}");
    drop(d);
    let page = api
        .get(&Api::product(&format!(
            "/devices/d/attempts?limit=1&before={}",
            one["at"].as_str().unwrap()
        )))
        .await
        .data();
    assert_eq!(page[0]["outcome"], "lapsed", "{page}");
    let bad = api
        .get(&Api::product("/devices/d/attempts?before=yesterday"))
        .await;
    assert_eq!(bad.status, 422);
    assert!(bad.text.contains("must be a time such as"), "{}", bad.text);
}

async fn a_device_that_goes_back_turns_its_attempt_into_a_reverted_one(server: Server) {
    let (api, old, new, mut d) = rollout(&server, json!({"delta_updatable": false})).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    d.event("update").await;
    drop(d);
    let unvalidated =
        json!({"meta": {"firmware_validated": false, "firmware_auto_revert_detected": false}});
    let mut d = Device::secret(&server, "d").await.unwrap();
    d.join(running(&new), unvalidated).await;
    until_outcome(&api, "installed").await;
    drop(d);
    let mut d = Device::secret(&server, "d").await.unwrap();
    let back = json!({"meta": {"firmware_validated": true, "firmware_auto_revert_detected": true}});
    d.join(running(&old), back).await;
    let one = until_outcome(&api, "reverted").await;
    assert_eq!(one["validated_at"], Value::Null);
}

/// Each rule in turn stands in the way, is named, and then does not; what the sentence foretells happens.
async fn why_names_the_first_rule_in_the_way_and_is_right_about_what_follows(server: Server) {
    let (api, _, new, mut d) = rollout(&server, json!({"delta_updatable": false})).await;
    let device = Api::product("/devices/d");
    let said = why(&api).await;
    assert_eq!(said["rule"], "runs_other_firmware", "{said}");
    assert_eq!(
        said["sentence"],
        "The device runs release 1 (1.0.0) already."
    );
    // Also when the release stands still: it is nothing to this device.
    let paused = api
        .post(&Api::product("/deployments/g/pause"), json!({}))
        .await;
    assert_eq!(paused.status, 200, "{}", paused.text);
    assert_eq!(why(&api).await["rule"], "runs_other_firmware");
    let resumed = api
        .post(&Api::product("/deployments/g/resume"), json!({}))
        .await;
    assert_eq!(resumed.status, 200, "{}", resumed.text);
    let set = async |settings: Value| {
        let body = json!({ "deployment": settings });
        let answer = api.put(&Api::product("/deployments/g"), body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    set(json!({"state": "off"})).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    let expect = async |rule: &str, value: &str| {
        let said = why(&api).await;
        assert_eq!(
            (&said["rule"], &said["value"]),
            (&json!(rule), &json!(value)),
            "{said}"
        );
        let sentence = said["sentence"].as_str().unwrap();
        assert!(sentence.ends_with('.') && sentence.len() > 20, "{sentence}");
        let failing = |c: &&Value| c["ok"] == false;
        let checks = said["checks"].as_array().unwrap();
        assert_eq!(checks.iter().find(failing).unwrap()["rule"], rule);
    };
    expect("group_is_on", "off").await;
    set(json!({"state": "on", "release_tags": ["canary"], "release_network_interfaces": ["wifi"]}))
        .await;
    expect("release_tags", "").await;
    assert!(d.silent(300).await, "it is not told");
    set(json!({"release_tags": []})).await;
    expect("network_interface", "").await;
    assert!(d.silent(300).await, "it is not told");
    let off = api.put(&device, json!({"updates_enabled": false})).await;
    assert_eq!(off.status, 201, "{}", off.text);
    set(json!({"release_network_interfaces": []})).await;
    expect("updates_enabled", "off").await;
    assert!(d.silent(300).await, "it is not told");
    let on = api.put(&device, json!({"updates_enabled": true})).await;
    assert_eq!(on.status, 201, "{}", on.text);
    d.event("update").await;
    expect("nothing_in_flight", "requested").await;
    d.push("status_update", json!({"status": "failed", "reason": "no"}))
        .await;
    server.until_devices(readings::BLOCKED, 1).await;
    let said = why(&api).await;
    assert_eq!(said["rule"], "not_blocked", "{said}");
    assert_eq!(said["until"], said["value"]);
    drop(d);
    server.until_devices(readings::ONLINE, 0).await;
    let cleared = api.delete(&Api::product("/devices/d/penalty")).await;
    assert!(cleared.status < 300, "{}", cleared.text);
    expect("connected", "offline").await;
}

async fn a_group_shows_what_can_be_set_of_it(server: Server) {
    let settings =
        json!({"concurrent_updates": 7, "queue_management": "LIFO", "release_tags": ["b", "a"]});
    let (api, ..) = rollout(&server, settings).await;
    let shown = api.get(&Api::product("/deployments/g")).await.data();
    let settings = &shown["settings"];
    assert_eq!(settings["concurrent_updates"], 7);
    assert_eq!(settings["queue_management"], "LIFO");
    assert_eq!(settings["release_tags"], json!(["b", "a"]));
    assert_eq!(settings["penalty_timeout_minutes"], 1440);
    // What is read can be written.
    let body = json!({ "deployment": settings });
    let same = api.put(&Api::product("/deployments/g"), body).await;
    assert_eq!(same.status, 200, "{}", same.text);
    assert_eq!(&same.data()["settings"], settings);
    let listed = api.get(&Api::product("/deployments")).await.data();
    assert_eq!(listed[0].get("settings"), None);
}
