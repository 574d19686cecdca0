//! A bad release stops by itself, is taken back, and is told from a bad delta.

use super::{GROUP, read, release, steer, until};
use crate::support::device::Device;
use crate::support::{Api, Server, fixtures};
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    a_release_that_is_worse_for_its_devices_stops_and_is_taken_back
    a_release_that_makes_devices_hot_stops
    a_person_takes_a_release_back
    failed_devices_are_tried_again_when_a_person_says_so
    a_bad_delta_is_withdrawn_and_the_release_goes_on
    devices_that_a_release_is_not_for_are_looked_at_again_when_that_changes
}

async fn group(server: &Server, settings: Value) -> (Api, Value, Value) {
    let api = server.api();
    let (old, new) = api.two_versions("g", settings).await;
    (api, old, new)
}

async fn fleet(server: &Server, firmware: &Value, devices: usize) -> Vec<Device> {
    let mut all = Vec::new();
    for n in 0..devices {
        all.push(Device::joined(server, &format!("d{n:02}"), firmware).await);
    }
    all
}

async fn fails(d: &mut Device) -> Value {
    let told = d.event("update").await;
    let failed = json!({"status": "failed", "reason": "bad blocks"});
    d.push("status_update", failed).await;
    told
}

async fn a_release_that_is_worse_for_its_devices_stops_and_is_taken_back(server: Server) {
    let settings =
        json!({"delta_updatable": false, "concurrent_updates": 5, "automatic_rollback": true});
    let (api, old, new) = group(&server, settings).await;
    let mut all = fleet(&server, &old, 30).await;
    release(&api, &new).await;
    let mut installs = all.remove(0);
    installs.event("update").await;
    let in_flight = read(&api, "inflight").await;
    assert_eq!(in_flight[0]["device"], "d00", "{in_flight}");
    assert_eq!(in_flight[0]["kind"], "full");
    drop(installs);
    let mut installed = Device::joined(&server, "d00", &new).await;
    for d in &mut all[..4] {
        fails(d).await;
    }
    // The release that takes it back is the current one.
    let at = until(&api, "/release", json!(3)).await;
    assert_eq!(
        (&at["takes_back"], &at["state"]),
        (&json!(2), &json!("running"))
    );
    // Devices that were told before it stopped, and say nothing here, may have taken every slot.
    let more = json!({"deployment": {"concurrent_updates": 20}});
    assert_eq!(api.put(&Api::product(GROUP), more).await.status, 200);
    let back = installed.event("update").await;
    assert_eq!(back["firmware_meta"]["version"], "1.0.0", "it goes back");
    let notes = api.get(&Api::product("/notifications")).await.data();
    assert_eq!(notes[0]["title"], "A release stopped by itself");
    let text = notes[0]["message"].as_str().unwrap();
    assert!(
        text.contains("failed, were lost or are unhealthy, and 0 of "),
        "{text}"
    );
    assert!(
        text.ends_with("Release 3 takes it back and brings its devices to 1.0.0"),
        "{text}"
    );
    assert_eq!(server.audited("stopped by itself").await, 1);
    // Those that it had not reached run the good one and hear nothing.
    assert!(all.last_mut().unwrap().silent(500).await);
}

/// Reports a temperature, which is stored when the next heartbeat is answered.
async fn reports(d: &mut Device, celsius: f64) {
    let report = json!({"value": {"metrics": {"cpu_temp": celsius}}});
    d.say("3", "extensions", "health:report", report).await;
}

async fn a_release_that_makes_devices_hot_stops(server: Server) {
    let limits = json!([{"metric": "cpu_temp", "above": 80}]);
    let settings =
        json!({"delta_updatable": false, "concurrent_updates": 6, "health_limits": limits});
    let (api, old, new) = group(&server, settings).await;
    let path = Api::product("/extensions");
    assert_eq!(
        api.put(&path, json!({"extensions": {"health": true}}))
            .await
            .status,
        200
    );
    let mut all = fleet(&server, &old, 30).await;
    release(&api, &new).await;
    for d in &mut all[..6] {
        d.event("update").await;
    }
    let mut updated = Vec::new();
    for (n, old) in all.drain(..6).enumerate() {
        drop(old);
        updated.push(Device::joined(&server, &format!("d{n:02}"), &new).await);
    }
    for d in updated.iter_mut().chain(&mut all) {
        let join = json!(["3", "3", "extensions", "phx_join", {"health": "0.0.1"}]);
        d.send(join.to_string()).await;
        d.say("3", "extensions", "health:attached", json!({})).await;
    }
    for d in &mut updated {
        reports(d, 91.5).await;
    }
    for d in &mut all {
        reports(d, 80.0).await;
    }
    let hot = "filters[health_status]=unhealthy";
    server.until_devices(hot, 6).await;
    // Without a failed attempt they are compared once a minute.
    server.advance(Duration::from_secs(61));
    let at = until(&api, "/state", json!("stopped")).await;
    let sentence = at["sentence"].as_str().unwrap();
    assert!(sentence.contains("6 of "), "{sentence}");
    let health = api.get(&Api::product("/devices/d00/health")).await.data();
    let reason = json!({"unhealthy": {"cpu_temp": {"value": 91.5, "threshold": 80.0}}});
    assert_eq!(health[0]["status_reasons"], reason, "{health}");
}

async fn a_person_takes_a_release_back(server: Server) {
    let (api, old, new) = group(&server, json!({"delta_updatable": false})).await;
    assert_eq!(
        steer(&api, "rollback", "I say so").await.0,
        409,
        "there is nothing before the first"
    );
    let mut d = Device::joined(&server, "d", &old).await;
    let _other = Device::joined(&server, "other", &old).await;
    let form = json!({"deployment": {"firmware": new["uuid"], "description": "Spring", "notes": "a new modem"}});
    assert_eq!(api.put(&Api::product(GROUP), form).await.status, 200);
    d.event("update").await;
    drop(d);
    let mut d = Device::joined(&server, "d", &new).await;
    until(&api, "/updated", json!(1)).await;
    let (status, done) = steer(&api, "rollback", "I say so").await;
    assert_eq!(status, 200, "{done}");
    let done = &done["data"];
    assert_eq!(
        (&done["done"], &done["in_the_middle"]),
        (&json!(1), &json!(1)),
        "{done}"
    );
    assert_eq!(done["rollout"]["takes_back"], 2);
    let back = d.event("update").await;
    assert_eq!(back["firmware_meta"]["version"], "1.0.0");
    assert_eq!(server.audited("took back").await, 1);
    // The list says what each release was for, who made it, and what became of it.
    let path = Api::product(&format!("{GROUP}/releases"));
    let all = api.get(&path).await.data();
    assert_eq!(
        (
            &all[0]["takes_back"],
            &all[0]["state"],
            &all[2]["takes_back"]
        ),
        (&json!(2), &json!("running"), &Value::Null),
        "{all}"
    );
    let spring = &all[1];
    assert_eq!(
        (&spring["description"], &spring["notes"]),
        (&json!("Spring"), &json!("a new modem"))
    );
    assert_eq!(spring["created_by"], all[0]["created_by"]);
    assert!(spring["created_by"].is_string(), "{all}");
    assert_eq!(
        (&spring["state"], &spring["reason"]),
        (&json!("aborted"), &json!("I say so"))
    );
    assert_eq!(
        steer(&api, "rollback", "I say so").await.0,
        409,
        "it takes back another one itself"
    );
}

async fn failed_devices_are_tried_again_when_a_person_says_so(server: Server) {
    let workflow = json!({"version": 1, "steps": [
        {"name": "All", "type": "catch_all", "failure_tolerance": {"devices": 0}}]});
    let settings = json!({"delta_updatable": false, "workflow": workflow});
    let (api, old, new) = group(&server, settings).await;
    let mut d = Device::joined(&server, "d", &old).await;
    release(&api, &new).await;
    fails(&mut d).await;
    until(&api, "/state", json!("stopped")).await;
    let failures = read(&api, "failures").await;
    assert_eq!(
        (&failures[0]["value"], &failures[0]["count"]),
        (&json!("bad blocks"), &json!(1))
    );
    assert_eq!(failures[0]["devices"], json!(["d"]));
    assert_eq!(read(&api, "failures?by=version").await[0]["value"], "1.0.0");
    assert_eq!(read(&api, "failures?by=stage").await[0]["value"], "offered");
    let wrong = api
        .get(&Api::product(&format!("{GROUP}/failures?by=moon")))
        .await;
    assert_eq!(wrong.status, 422, "{}", wrong.text);
    let (status, done) = steer(&api, "retry_failed", "I say so").await;
    assert_eq!(
        (status, &done["data"]["devices"]),
        (200, &json!(1)),
        "{done}"
    );
    assert_eq!(done["data"]["rollout"]["state"], "running");
    d.event("update").await;
    assert_eq!(steer(&api, "pause", "I say so").await.0, 200);
    assert_eq!(steer(&api, "retry_failed", "I say so").await.0, 409);
}

async fn a_bad_delta_is_withdrawn_and_the_release_goes_on(server: Server) {
    let (api, old, new) = group(&server, json!({"concurrent_updates": 1})).await;
    let mut all = fleet(&server, &old, 8).await;
    release(&api, &new).await;
    let whole = fixtures::bytes("good/rpi4-1.1.0.fw").len();
    let mut link = Value::Null;
    for d in &mut all[..3] {
        let told = fails(d).await;
        assert_ne!(told["size"], whole, "a delta: {told}");
        link = told["firmware_url"].clone();
    }
    let told = all[3].event("update").await;
    assert_eq!(told["size"], whole, "the whole file: {told}");
    let deltas = read(&api, "deltas").await;
    assert_eq!(deltas[0]["status"], "failed", "{deltas}");
    assert_eq!(
        deltas[0]["error"],
        "it failed on 3 of 3 devices that tried it"
    );
    assert_eq!(deltas[0]["from_version"], "1.0.0");
    assert_eq!(read(&api, "progress").await["status"], "deltas_failed");
    let file = reqwest::get(link.as_str().unwrap()).await.unwrap();
    assert_eq!(file.status(), 200, "whoever was sent it before may finish");
    assert_eq!(read(&api, "progress").await["state"], "running");
    assert_eq!(server.audited("was withdrawn").await, 1);
    // A person who knows better has it made again, and the next device waits for it.
    let path = Api::product(&format!("{GROUP}/deltas/retry"));
    let wrong = api.post(&path, json!({"from": new["uuid"]})).await;
    assert_eq!(wrong.status, 422, "{}", wrong.text);
    let done = api.post(&path, json!({"from": old["uuid"]})).await.data();
    assert_eq!(done["deltas"], 1);
    let mut made = Value::Null;
    for _ in 0..400 {
        made = read(&api, "deltas").await[0].clone();
        if made["status"] == "completed" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        (&made["status"], &made["error"]),
        (&json!("completed"), &Value::Null),
        "{made}"
    );
    assert!(made["saved"].as_i64().unwrap() > 0);
    assert_eq!(read(&api, "progress").await["status"], "ready");
    let more = json!({"deployment": {"concurrent_updates": 2}});
    assert_eq!(api.put(&Api::product(GROUP), more).await.status, 200);
    let told = all[4].event("update").await;
    assert_ne!(told["size"], whole, "the delta again: {told}");
}

async fn devices_that_a_release_is_not_for_are_looked_at_again_when_that_changes(server: Server) {
    let settings = json!({"delta_updatable": false, "release_tags": ["eu"]});
    let (api, old, new) = group(&server, settings).await;
    let mut all = fleet(&server, &old, 4).await;
    release(&api, &new).await;
    // A scan has held them all; each way to be admitted lets them go.
    assert!(all[0].silent(1_000).await);
    let tags = json!({"tags": ["eu"]});
    api.put(&Api::product("/devices/d00"), tags).await;
    all[0].event("update").await;
    let path = Api::product(GROUP);
    let body = json!({"deployment": {"release_tags": []}});
    assert_eq!(api.put(&path, body).await.status, 200);
    for d in &mut all[1..] {
        d.event("update").await;
    }
}
