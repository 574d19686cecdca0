//! Archives: uploaded, released, and pushed to devices (docs/protocol/rules.md, "Archives").

use crate::support::device::{Device, running};
use crate::support::{Api, Server, fixtures};
use serde_json::{Value, json};

crate::both_engines! {
    an_archive_is_checked_like_firmware
    an_archive_reaches_devices_at_their_join_and_at_its_release
}

crate::across_nodes! {
    an_archive_reaches_devices_at_their_join_and_at_its_release
}

async fn an_archive_is_checked_like_firmware(server: Server) {
    let api = server.api();
    let good = || fixtures::bytes("good/archive-1.0.0.fw");
    let refused = api.archive(good()).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("signing key"), "{}", refused.text);
    api.register_key().await;
    for bad in [
        "bad-unsigned",
        "bad-tampered-meta",
        "bad-other-product",
        "bad-not-a-zip",
    ] {
        let answer = api.archive(fixtures::bytes(&format!("bad/{bad}.fw"))).await;
        assert_eq!(answer.status, 422, "{bad}");
    }
    let made = api.archive(good()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let archive = made.data();
    let uuid = archive["uuid"].as_str().unwrap();
    let path = Api::product(&format!("/archives/{uuid}"));
    assert_eq!(made.header("location"), path);
    assert_eq!(archive["size"], good().len());
    let again = api.archive(good()).await;
    assert_eq!(
        (again.status, &again.errors()),
        (422, &json!({"uuid": ["has already been taken"]}))
    );
    assert_eq!(api.get(&path).await.data(), archive);
    assert_eq!(
        api.get(&Api::product("/archives")).await.data(),
        json!([archive])
    );
    let download = api.get(&format!("{path}/download")).await;
    assert_eq!(download.status, 302);
    let url = download.header("location");
    assert!(url.contains(&format!("/{uuid}.fw?")), "{url}");
    let file = reqwest::get(url).await.unwrap();
    assert_eq!(file.bytes().await.unwrap(), good());
    // Nobody else's product has it.
    let other = server.bootstrap("eve@x.org", "evil", "other");
    let eve = api.with_token(other["token"].as_str().unwrap());
    assert_eq!(eve.get(&path).await.status, 404);
    let theirs = format!("/api/orgs/evil/products/other/archives/{uuid}");
    assert_eq!(eve.get(&theirs).await.status, 404);
    assert_eq!(eve.delete(&theirs).await.status, 404);
    // While it is there, neither its key nor its product can go.
    let key = api.delete("/api/orgs/acme/keys/devkey").await;
    assert_eq!(key.status, 409, "{}", key.text);
    let product = api.delete(&Api::product("")).await;
    assert_eq!(product.status, 409);
    assert!(product.json()["errors"]["archives"].is_array());
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(api.get(&path).await.status, 404);
    let gone = reqwest::get(url).await.unwrap();
    assert_eq!(gone.status(), 404);
}

/// Joins as a client with this API version; what the device gets up to the question for extensions, or a heartbeat.
async fn joined(
    server: &Server,
    name: &str,
    firmware: &Value,
    version: &str,
) -> (Device, Vec<Value>) {
    let mut d = Device::secret(server, name).await.unwrap();
    d.join(running(firmware), json!({"device_api_version": version}))
        .await;
    d.send(r#"[null,"h","phoenix","heartbeat",{}]"#).await;
    let mut got = Vec::new();
    loop {
        let frame = d.next().await.unwrap();
        if frame[1] == "h" {
            return (d, got);
        }
        got.push(frame);
    }
}

async fn an_archive_reaches_devices_at_their_join_and_at_its_release(server: Server) {
    let api = server.api();
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    let fw = firmware["uuid"].as_str().unwrap();
    let archive = api.archive(fixtures::bytes("good/archive-1.0.0.fw")).await;
    let archive = archive.data();
    api.group("g", fw, json!({})).await;
    let (mut here, got) = joined(&server, "here", &firmware, "2.3.0").await;
    assert_eq!(got.len(), 1, "only extensions:get");
    let (mut old, _) = joined(&server, "old", &firmware, "1.0.0").await;
    let path = Api::product("/deployments/g");
    let put = async |deployment: Value| api.put(&path, json!({ "deployment": deployment })).await;
    let alone = put(json!({"archive": archive["uuid"]})).await;
    assert_eq!(
        (alone.status, &alone.errors()),
        (422, &json!({"firmware": ["can't be blank"]}))
    );
    let unknown = put(json!({"firmware": fw, "archive": "nope"})).await;
    assert_eq!(unknown.status, 422);
    assert!(unknown.json()["errors"]["archive"].is_array());
    let made = put(json!({"firmware": fw, "archive": archive["uuid"]})).await;
    assert_eq!(made.data()["archive_uuid"], archive["uuid"]);
    // Who is connected gets it now, once.
    let pushed = here.next().await.unwrap();
    let url = pushed[4]["url"].as_str().unwrap().to_owned();
    let expected = json!([null, null, "device", "archive", {
        "uuid": archive["uuid"], "version": "1.0.0", "description": archive["description"],
        "platform": archive["platform"], "architecture": archive["architecture"],
        "size": archive["size"], "uploaded_at": archive["uploaded_at"], "url": url,
    }]);
    assert_eq!(pushed, expected);
    let file = url.split('?').next().unwrap();
    assert!(
        file.ends_with(&format!("/{}.fw", archive["uuid"].as_str().unwrap())),
        "{file}"
    );
    let bytes = reqwest::get(&url).await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes, fixtures::bytes("good/archive-1.0.0.fw"));
    assert!(here.silent(200).await);
    // A client that does not know archives gets none, then or now.
    assert!(old.silent(200).await);
    let (_, got) = joined(&server, "late", &firmware, "2.0.0").await;
    assert_eq!(got.len(), 1);
    assert_eq!(
        (&got[0][3], &got[0][4]["uuid"]),
        (&json!("archive"), &archive["uuid"])
    );
    let (_, got) = joined(&server, "new", &firmware, "2.3.0").await;
    let events: Vec<&Value> = got.iter().map(|f| &f[3]).collect();
    assert_eq!(events, ["archive", "extensions:get"]);
    // A device that takes no updates takes no archive, until it does again.
    let off = json!({"updates_enabled": false});
    api.put(&Api::product("/devices/late"), off).await;
    let (mut late, got) = joined(&server, "late", &firmware, "2.0.0").await;
    assert!(got.is_empty(), "{got:?}");
    let on = json!({"updates_enabled": true});
    api.put(&Api::product("/devices/late"), on).await;
    assert_eq!(late.event("archive").await["uuid"], archive["uuid"]);
    let pinned = api
        .delete(&Api::product(&format!(
            "/archives/{}",
            archive["uuid"].as_str().unwrap()
        )))
        .await;
    assert_eq!(pinned.status, 422);
    // The next release without one takes it back.
    assert_eq!(
        put(json!({"firmware": fw})).await.data()["archive_uuid"],
        Value::Null
    );
    let (_, got) = joined(&server, "last", &firmware, "2.0.0").await;
    assert!(got.is_empty());
}
