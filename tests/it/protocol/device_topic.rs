//! Points 36 to 44 (docs/protocol/device.md, "Conformance points"): the topic `device`.

use super::{joined, on, release, rollout, runs, server, until_heartbeat};
use crate::support::device::{Device, running};
use crate::support::{Api, Server, fixtures, inspect, readings};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn p36_a_join_without_metadata_succeeds_and_a_known_uuid_is_completed() {
    let server = server().await;
    let api = server.api();
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    let mut bare = Device::secret(&server, "bare").await.unwrap();
    let ok = json!({"status": "ok", "response": {}});
    assert_eq!(bare.join(json!({}), json!({})).await, ok);
    assert_eq!(
        api.get("/api/devices/bare").await.data()["firmware_metadata"],
        Value::Null
    );
    let mut known = Device::secret(&server, "known").await.unwrap();
    let partial = json!({"nerves_fw_uuid": firmware["uuid"], "nerves_fw_version": ""});
    assert_eq!(known.join(partial, json!({})).await, ok);
    let m = api.get("/api/devices/known").await.data()["firmware_metadata"].clone();
    for key in ["uuid", "product", "version", "platform", "architecture"] {
        assert_eq!(m[key], firmware[key], "{key}");
    }
    // What is known stays when the next join says nothing usable.
    known
        .join(json!({"nerves_fw_uuid": "elsewhere"}), json!({}))
        .await;
    let again = api.get("/api/devices/known").await.data();
    assert_eq!(again["firmware_metadata"]["uuid"], firmware["uuid"]);
}

/// Events of a join with these parameters, in a group with an archive, connecting code and keys.
async fn after_join(server: &Server, name: &str, params: Value) -> Vec<String> {
    let mut d = Device::secret(server, name).await.unwrap();
    let mut all = runs("u");
    for (k, v) in params.as_object().unwrap() {
        all[k] = v.clone();
    }
    d.send(json!(["1", "1", "device", "phx_join", all]).to_string())
        .await;
    d.expect(json!(["1", "1", "device", "phx_reply", {"status": "ok", "response": {}}]))
        .await;
    let got = until_heartbeat(&mut d).await;
    got.iter()
        .map(|f| f[3].as_str().unwrap().to_owned())
        .collect()
}

/// A group that takes these devices, with everything that a join can bring.
async fn rich(server: &Server) -> Api {
    let (api, old, _) = rollout(server, json!({"connecting_code": "IO.puts(1)"})).await;
    let archive = api
        .archive(fixtures::bytes("good/archive-1.0.0.fw"))
        .await
        .data();
    let both = json!({"deployment": {"firmware": old["uuid"], "archive": archive["uuid"]}});
    assert_eq!(
        api.put(&Api::product("/deployments/g"), both).await.status,
        200
    );
    let on = json!({"extensions": {"health": true}});
    api.put(&Api::product("/extensions"), on).await;
    // Running this, a device enters the group and is offered nothing.
    server
        .run("UPDATE deployment_groups SET concurrent_updates = 0")
        .await;
    api
}

#[tokio::test]
async fn p37_a_missing_or_unreadable_api_version_counts_as_1_0_0() {
    let server = server().await;
    rich(&server).await;
    for (name, params) in [
        ("a", json!({})),
        ("b", json!({"device_api_version": "abc"})),
        ("c", json!({"device_api_version": 2})),
        ("d", json!({"device_api_version": "1.0.0"})),
    ] {
        assert_eq!(
            after_join(&server, name, params).await,
            Vec::<String>::new(),
            "{name}"
        );
    }
    assert_eq!(server.api_versions().await, ["1.0.0"]);
}

#[tokio::test]
async fn p38_after_the_join_come_fwup_keys_archive_keys_archive_extensions_and_connecting_code() {
    let server = server().await;
    rich(&server).await;
    let params = json!({"device_api_version": "2.3.0", "fwup_public_keys": "on_connect",
        "archive_public_keys": "on_connect"});
    assert_eq!(
        after_join(&server, "d", params).await,
        [
            "fwup_public_keys",
            "archive_public_keys",
            "archive",
            "extensions:get",
            "scripts/run"
        ]
    );
}

#[tokio::test]
async fn p39_an_org_without_keys_pushes_no_keys() {
    let server = server().await;
    let params = json!({"device_api_version": "2.3.0", "fwup_public_keys": "on_connect",
        "archive_public_keys": "on_connect"});
    assert_eq!(after_join(&server, "d", params).await, ["extensions:get"]);
}

#[tokio::test]
async fn p40_the_answer_to_a_join_is_an_empty_map_even_when_an_update_waits() {
    let server = server().await;
    let (api, old, new) = rollout(&server, json!({})).await;
    drop(on(&server, "d", &old).await);
    server.until_devices(readings::ONLINE, 0).await;
    release(&api, &new).await;
    let mut d = Device::secret(&server, "d").await.unwrap();
    d.send(json!(["1", "1", "device", "phx_join", running(&old)]).to_string())
        .await;
    d.expect(json!(["1", "1", "device", "phx_reply", {"status": "ok", "response": {}}]))
        .await;
    d.event("update").await;
}

#[tokio::test]
async fn p41_release_1_4_1_sees_only_reboot_and_update_in_a_full_operator_session() {
    let server = server().await;
    let (api, old, new) = rollout(&server, json!({"connecting_code": "IO.puts(1)"})).await;
    let archive = api
        .archive(fixtures::bytes("good/archive-1.0.0.fw"))
        .await
        .data();
    let mut d = Device::secret(&server, "d").await.unwrap();
    let params = json!({"device_api_version": "1.0.0", "console_version": "1.0.0",
        "currently_downloading_uuid": null, "fwup_version": "1.9.0"});
    let mut all = running(&old);
    for (k, v) in params.as_object().unwrap() {
        all[k] = v.clone();
    }
    d.send(json!(["1", "1", "device", "phx_join", all]).to_string())
        .await;
    d.expect(json!(["1", "1", "device", "phx_reply", {"status": "ok", "response": {}}]))
        .await;
    session(&api, "d", &old, &archive).await;
    release(&api, &new).await;
    let mut events = Vec::new();
    while events.last() != Some(&json!("update")) {
        events.push(d.next().await.unwrap()[3].clone());
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    events.extend(until_heartbeat(&mut d).await.iter().map(|f| f[3].clone()));
    assert_eq!(events, ["reboot", "update"]);
}

/// Everything that an operator can do to a device short of a release.
pub(super) async fn session(api: &Api, device: &str, firmware: &Value, archive: &Value) {
    let form = json!({"name": "s", "text": "1"});
    api.post(&Api::product("/scripts"), form).await.data();
    for action in ["reboot", "identify"] {
        let path = format!("/api/devices/{device}/{action}");
        assert_eq!(api.post(&path, json!({})).await.status, 204);
    }
    let path = format!("/api/devices/{device}/scripts/s?timeout=300");
    api.post(&path, json!({})).await;
    let code = json!({"code": "1+1"});
    assert_eq!(
        api.post(&format!("/api/devices/{device}/code"), code)
            .await
            .status,
        204
    );
    for on in [true, false] {
        let switch = json!({"extensions": {"health": on, "geo": on, "logging": on,
            "local_shell": on, "network_identity": on}});
        assert_eq!(
            api.put(&Api::product("/extensions"), switch).await.status,
            200
        );
        // Devices that hear of both at once see no change.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let both = json!({"deployment": {"firmware": firmware["uuid"], "archive": archive["uuid"]}});
    assert_eq!(
        api.put(&Api::product("/deployments/g"), both).await.status,
        200
    );
}

#[tokio::test]
async fn p42_update_has_the_fields_and_cases_of_the_reference() {
    // (That the parts are right at exact multiples of 1 MiB is a unit test of `fleet::firmwares`.)
    let server = server().await;
    let (api, old, new) = rollout(&server, json!({})).await;
    let mut d = on(&server, "d", &old).await;
    release(&api, &new).await;
    let update = d.event("update").await;
    let url = update["firmware_url"].as_str().unwrap();
    let file = reqwest::get(url).await.unwrap().bytes().await.unwrap();
    let sum = hex::encode_upper(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &file));
    assert_eq!(server.count(inspect::BY_DELTA).await, 1);
    let expected = json!({
        "update_available": true,
        "firmware_url": url,
        "firmware_meta": {
            "uuid": "f9299fc4-5039-5f67-ac18-2492ae6aa0a6", "product": "fixture-product",
            "version": "1.1.0", "platform": "rpi4", "architecture": "arm",
            "author": "Nervecenter", "description": "Nervecenter fixture", "misc": "fixture",
            "vcs_identifier": "0123abc", "sha256": sum.to_lowercase(),
        },
        "size": file.len(),
        "checksum": sum,
        "partials_checksums": [sum],
        "deployment_id": update["deployment_id"],
    });
    assert_eq!(update, expected);
    assert!(update["deployment_id"].is_i64());
    assert!(
        url.starts_with("http://127.0.0.1:") && url.contains(".delta.fw?"),
        "{url}"
    );
}

#[tokio::test]
async fn p43_firmware_validated_flips_the_status_and_a_join_without_meta_is_unknown() {
    let server = server().await;
    let mut d = Device::secret(&server, "d").await.unwrap();
    let meta =
        json!({"meta": {"firmware_validated": false, "firmware_auto_revert_detected": false}});
    d.join(runs("u"), meta).await;
    let is = async |word: &str| {
        let all = server.entries("/firmwares").await;
        let all: Vec<&Value> = all.iter().map(|f| &f["validation_status"]).collect();
        assert_eq!(all, [word]);
    };
    is("not_validated").await;
    d.push("firmware_validated", json!({})).await;
    until_heartbeat(&mut d).await;
    is("validated").await;
    let audit = "Device validated";
    assert_eq!(server.audited(audit).await, 1);
    let bare = json!(["2", "2", "device", "phx_join", runs("u")]);
    d.send(bare.to_string()).await;
    d.event("phx_reply").await;
    is("unknown").await;
}

#[tokio::test]
async fn p44_script_results_with_and_without_result_are_shown_and_late_ones_ignored() {
    let server = server().await;
    let api = server.api();
    let form = json!({"name": "s", "text": "1 + 1"});
    api.post(&Api::product("/scripts"), form).await.data();
    let mut d = joined(&server, "d").await;
    let path = Api::product("/devices/d/scripts/s");
    let mut references = Vec::new();
    for more in [
        json!({"result": "completed"}),
        json!({}),
        json!({"result": "error", "reason": "x"}),
    ] {
        let run = api.post(&path, json!({}));
        let device = async {
            let script = d.event("scripts/run").await;
            assert_eq!(script["text"], "1 + 1");
            let mut done = json!({"ref": script["ref"], "output": "o\n", "return": "2"});
            for (k, v) in more.as_object().unwrap() {
                done[k] = v.clone();
            }
            d.push("scripts/run", done).await;
            script["ref"].clone()
        };
        let (answer, reference) = tokio::join!(run, device);
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (200, "o\n\n2"),
            "{more}"
        );
        assert!(!references.contains(&reference), "a ref is used once");
        references.push(reference);
    }
    let late = json!({"ref": references[0], "output": "late", "return": ""});
    d.push("scripts/run", late).await;
    assert_eq!(until_heartbeat(&mut d).await, Vec::<Value>::new());
    let short = api.post(&format!("{path}?timeout=200"), json!({})).await;
    assert_eq!(short.status, 403);
}
