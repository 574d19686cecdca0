//! Updates that a person pushes to many devices, and where devices fetch their files from.

use crate::support::device::Device;
use crate::support::{Api, Server, readings};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

crate::both_engines! {
    a_firmware_is_pushed_to_many_devices
    devices_fetch_files_through_the_proxy_of_their_organization
}

async fn a_firmware_is_pushed_to_many_devices(server: Server) {
    let api = server.api();
    let (old, new) = api.two_versions("g", json!({})).await;
    let mut fleet = Vec::new();
    for name in ["a", "b", "c"] {
        fleet.push(Device::joined(&server, name, &old).await);
    }
    let path = Api::product("/upgrades");
    let push = async |body: Value| {
        let answer = api.post(&path, body).await;
        (answer.status, answer.json())
    };
    let body = json!({"uuid": new["uuid"], "devices": ["a", "b", "none"]});
    let (status, done) = push(body.clone()).await;
    assert_eq!(status, 200, "{done}");
    assert_eq!(done["data"]["pushed"], 2);
    assert_eq!(done["data"]["refused"][0]["device"], "none");
    for d in &mut fleet[..2] {
        let update = d.event("update").await;
        assert_eq!(update["firmware_meta"]["uuid"], new["uuid"]);
        assert_eq!(update["deployment_id"], Value::Null);
    }
    assert!(fleet[2].silent(300).await, "it was not named");
    assert_eq!(server.devices(readings::UPDATING).await, 2);
    let (_, again) = push(body).await;
    assert_eq!(again["data"]["pushed"], 0);
    let reason = again["data"]["refused"][0]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("An update of this device is under way"),
        "{reason}"
    );
    assert_eq!(server.audited("pushed firmware 1.1.0 ").await, 2);
    let many: Vec<String> = (0..1_001).map(|n| format!("d{n}")).collect();
    for (body, named) in [
        (json!({"devices": ["a"]}), "uuid"),
        (json!({"uuid": new["uuid"]}), "devices"),
        (json!({"uuid": "x", "devices": ["a"]}), "uuid"),
        (json!({"uuid": new["uuid"], "devices": many}), "devices"),
    ] {
        let (status, refused) = push(body).await;
        assert_eq!(status, 422, "{refused}");
        assert!(refused["errors"].get(named).is_some(), "{named}: {refused}");
    }
}

async fn devices_fetch_files_through_the_proxy_of_their_organization(server: Server) {
    let api = server.api();
    let (old, new) = api.two_versions("g", json!({})).await;
    let path = "/api/orgs/acme/settings";
    assert_eq!(
        api.get(path).await.data()["firmware_proxy_url"],
        Value::Null
    );
    for wrong in [
        "ftp://cdn.example.org",
        "cdn",
        "https://cdn.example.org/?a=1",
    ] {
        let refused = api.put(path, json!({"firmware_proxy_url": wrong})).await;
        assert_eq!(refused.status, 422, "{wrong}");
    }
    let proxy = "https://cdn.example.org/nerves";
    let set = api.put(path, json!({"firmware_proxy_url": proxy})).await;
    assert_eq!(set.data()["firmware_proxy_url"], proxy);
    let member = server.member("manage").await;
    assert_eq!(member.get(path).await.data()["firmware_proxy_url"], proxy);
    let refused = member.put(path, json!({"firmware_proxy_url": null})).await;
    assert_eq!(refused.status, 401, "{}", refused.text);
    let mut d = Device::joined(&server, "d", &old).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    let update = d.event("update").await;
    let url = update["firmware_url"].as_str().unwrap();
    let coded = url.strip_prefix(&format!("{proxy}?firmware=")).unwrap();
    let own = BASE64_URL_SAFE_NO_PAD.decode(coded).unwrap();
    let own = String::from_utf8(own).unwrap();
    let file = reqwest::get(&own).await.unwrap();
    assert_eq!(file.status(), 200, "what the proxy asks for: {own}");
    let none = api.put(path, json!({"firmware_proxy_url": null})).await;
    assert_eq!(none.data()["firmware_proxy_url"], Value::Null);
    assert_eq!(server.audited("has devices fetch firmware from").await, 2);
}
