//! What unmodified clients and fleets in the field tripped over.

use super::{PATH, status};
use crate::support::device::{self, Device, client, now_ms, running, sign};
use crate::support::{Api, Server, readings};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

crate::both_engines! {
    a_status_that_is_about_an_archive_makes_and_holds_no_slot
    a_new_signing_key_reaches_connected_devices_that_asked_for_keys
    a_group_that_is_switched_on_takes_its_connected_devices
    two_devices_with_one_identity_and_a_wrong_clock_are_told_to_people
    a_firmware_for_a_newer_fwup_is_not_offered
    a_close_is_answered_with_a_close
}

const IN_FLIGHT: &str = readings::UPDATING;

async fn joined(server: &Server, name: &str, firmware: &Value, more: Value) -> Device {
    let mut d = Device::secret(server, name).await.unwrap();
    d.join(running(firmware), more).await;
    d
}

async fn two(api: &Api) -> (Value, Value) {
    api.register_key().await;
    let old = api.upload("good/rpi4-1.0.0.fw").await;
    (old, api.upload("good/rpi4-1.1.0.fw").await)
}

async fn titles(api: &Api) -> String {
    api.get(&Api::product("/notifications")).await.text
}

/// The downloader of 2.11 and newer says `started` for archives, too, and fails with the same words.
async fn a_status_that_is_about_an_archive_makes_and_holds_no_slot(server: Server) {
    let api = server.api();
    let (old, new) = two(&api).await;
    let mut d = joined(&server, "d", &old, json!({})).await;
    for status in ["received", "started", "completed", "failed", "ignored"] {
        d.push("status_update", json!({ "status": status })).await;
    }
    d.push("fwup_progress", json!({"stage": "downloading", "value": 3}))
        .await;
    assert!(d.silent(200).await);
    assert_eq!(server.devices(IN_FLIGHT).await, 0);
    api.group("prod", new["uuid"].as_str().unwrap(), json!({}))
        .await;
    assert_eq!(
        d.event("update").await["firmware_meta"]["uuid"],
        new["uuid"]
    );
    assert_eq!(server.devices(readings::BLOCKED).await, 0);
}

async fn a_new_signing_key_reaches_connected_devices_that_asked_for_keys(server: Server) {
    let api = server.api();
    let (old, _) = two(&api).await;
    let asks = json!({"fwup_public_keys": "on_connect", "archive_public_keys": "on_connect"});
    let mut asked = joined(&server, "asked", &old, asks).await;
    let mut silent = joined(&server, "silent", &old, json!({})).await;
    assert_eq!(
        asked.event("fwup_public_keys").await["keys"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    asked.event("archive_public_keys").await;
    let key = json!({"name": "second", "key": "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw="});
    api.post("/api/orgs/acme/keys", key).await.data();
    for event in ["fwup_public_keys", "archive_public_keys"] {
        assert_eq!(
            asked.event(event).await["keys"].as_array().unwrap().len(),
            2
        );
    }
    assert_eq!(api.delete("/api/orgs/acme/keys/second").await.status, 204);
    assert_eq!(
        asked.event("fwup_public_keys").await["keys"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert!(
        silent.silent(200).await,
        "a client that did not ask may not know the event"
    );
}

async fn a_group_that_is_switched_on_takes_its_connected_devices(server: Server) {
    let api = server.api();
    let (old, new) = two(&api).await;
    let mut d = joined(&server, "d", &old, json!({})).await;
    let mut other = joined(&server, "other", &new, json!({})).await;
    let group =
        json!({"name": "prod", "firmware": new["uuid"], "conditions": {"version": "< 1.1.0"}});
    api.post(&Api::product("/deployments"), group).await.data();
    assert!(d.silent(200).await, "a new group is off");
    let path = Api::product("/deployments/prod");
    api.put(&path, json!({"deployment": {"state": "on"}}))
        .await
        .data();
    d.event("update").await;
    assert!(other.silent(200).await, "its conditions hold");
    assert_eq!(server.devices_in_groups().await, 1);
    // And so does one whose conditions change.
    api.put(
        &path,
        json!({"deployment": {"conditions": {"version": ""}}}),
    )
    .await
    .data();
    server.until_devices_in_groups(2).await;
}

async fn two_devices_with_one_identity_and_a_wrong_clock_are_told_to_people(server: Server) {
    let api = server.api();
    let (old, _) = two(&api).await;
    for _ in 0..3 {
        joined(&server, "calm", &old, json!({})).await;
    }
    assert!(
        !titles(&api).await.contains("one identity"),
        "a lost line is none"
    );
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(joined(&server, "twin", &old, json!({})).await);
    }
    server
        .until_notified("Two devices with one identity", 1)
        .await;
    assert!(titles(&api).await.contains("Connections of twin take"));
    // The signature is right, and its time is not: 30 days behind.
    let (key, word) = (server.login("product_key"), server.login("product_secret"));
    let late = now_ms() - 30 * 86_400_000;
    let headers = || sign(key, word, "late", late);
    assert_eq!(status(&server, None, PATH, headers()).await, 401);
    assert_eq!(status(&server, None, PATH, headers()).await, 401);
    server.until_notified("Device with a wrong clock", 1).await;
    assert!(titles(&api).await.contains("its clock is 30 days behind"));
    // Whoever does not have the secret is told of nobody's clock.
    let forged = sign(key, "wrong", "forged", late);
    assert_eq!(status(&server, None, PATH, forged).await, 401);
    assert!(!titles(&api).await.contains("forged"));
}

async fn a_firmware_for_a_newer_fwup_is_not_offered(server: Server) {
    let api = server.api();
    let (old, new) = two(&api).await;
    server
        .run("UPDATE firmwares SET full_fwup_version = '99.0.0' WHERE version = '1.1.0'")
        .await;
    let uuid = new["uuid"].as_str().unwrap();
    api.group(
        "prod",
        uuid,
        json!({"concurrent_updates": 1, "delta_updatable": false}),
    )
    .await;
    // The first one in the queue does not hold up the others.
    let mut unfit = joined(&server, "unfit", &old, json!({"fwup_version": "1.13.0"})).await;
    let mut fit = joined(&server, "fit", &old, json!({"fwup_version": "99.1.0"})).await;
    fit.event("update").await;
    assert!(unfit.silent(300).await);
    let log = api
        .get(&Api::product("/devices/unfit/audit_logs"))
        .await
        .text;
    assert!(
        log.contains("needs fwup 99.0.0 or newer, and the device has fwup 1.13.0"),
        "{log}"
    );
    let push = api
        .post(
            &Api::product("/devices/unfit/upgrade"),
            json!({ "uuid": uuid }),
        )
        .await;
    assert_eq!(push.status, 422, "{}", push.text);
}

async fn a_close_is_answered_with_a_close(server: Server) {
    let api = server.api();
    let (old, _) = two(&api).await;
    for code in [CloseCode::Normal, CloseCode::Away] {
        let mut d = joined(&server, "d", &old, json!({})).await;
        let frame = CloseFrame {
            code,
            reason: "bye".into(),
        };
        assert!(d.send_frame(Message::Close(Some(frame))).await);
        assert_eq!(
            d.closed_within(Duration::from_secs(5)).await,
            Some(u16::from(code))
        );
    }
    let config = client(&server, None, true);
    let mut tls = device::tls(&server, config).await.unwrap();
    let headers = [("cookie".to_owned(), "x".repeat(20_000))];
    let (answer, _) = device::request(&mut tls, PATH, &headers).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}
