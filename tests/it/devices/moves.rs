//! Moving a device, and its shared secrets (docs/protocol/rules.md, "Devices").

use crate::support::ca::{Leaf, ca};
use crate::support::device::{Device, client, now_ms, running, sign};
use crate::support::{Api, Engine, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

crate::both_engines! {
    p49_a_device_moves_with_its_certificates_and_its_key
    secrets_of_a_device_are_rotated
}

async fn p49_a_device_moves_with_its_certificates_and_its_key(server: Server) {
    let api = server.api();
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    api.group("g", firmware["uuid"].as_str().unwrap(), json!({}))
        .await;
    let other = server.bootstrap("jane@acme.org", "second-org", "second");
    let evil = server.bootstrap("eve@x.org", "evil", "other");
    // A device that came by a certificate, runs a firmware of the group, and is connected.
    api.post(&Api::product("/devices"), json!({"identifier": "d"}))
        .await
        .data();
    let pair = ca("any").leaf("d", Leaf::default());
    let cert = json!({"cert": STANDARD.encode(&pair.cert)});
    let path = Api::product("/devices/d/certificates");
    assert_eq!(api.post(&path, cert).await.status, 201);
    let mut d = Device::certificate(&server, &pair).await.unwrap();
    d.join(running(&firmware), json!({})).await;
    assert_eq!(
        api.get("/api/devices/d").await.data()["deployment_group"]["name"],
        "g"
    );
    let to = |org: &str, product: &str| json!({"new_org_name": org, "new_product_name": product});
    let path = Api::product("/devices/d/move");
    assert_eq!(
        api.post(&path, json!({"new_org_name": "second-org"}))
            .await
            .status,
        400
    );
    assert_eq!(api.post(&path, to("second-org", "none")).await.status, 404);
    assert_eq!(
        api.post(&path, to("evil", "other")).await.status,
        401,
        "not a member there"
    );
    let eve = api.with_token(evil["token"].as_str().unwrap());
    assert_eq!(
        eve.post(&path, to("evil", "other")).await.status,
        404,
        "not a member here"
    );
    let moved = api.post(&path, to("second-org", "second")).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    let view = moved.data();
    assert_eq!(
        (
            &view["org_name"],
            &view["product_name"],
            &view["deployment_group"]
        ),
        (&json!("second-org"), &json!("second"), &Value::Null)
    );
    assert_eq!(d.closed().await, Some(1001));
    // The same certificate lets it in, where it is now; its history came along, and the key of what it runs.
    let mut d = Device::certificate(&server, &pair).await.unwrap();
    let keys = json!({"fwup_public_keys": "on_connect"});
    d.join(running(&firmware), keys).await;
    let key = crate::support::fixtures::text("keys/devkey.pub");
    assert_eq!(d.event("fwup_public_keys").await["keys"], json!([key]));
    assert_eq!(api.get(&Api::product("/devices/d")).await.status, 404);
    let there = "/api/orgs/second-org/products/second/devices/d";
    let past = api.get(&format!("{there}/connections")).await.data();
    assert_eq!(past[1]["disconnected_reason"], "asked to reconnect");
    let certificates = api.get(&format!("{there}/certificates")).await.data();
    assert_eq!(certificates.as_array().unwrap().len(), 1);
    let said = " moved device d to second-org : second";
    // The old organization reads of it once, the new one of the device and of the product.
    assert_eq!(server.audited(said).await, 1);
    let said = "/api/orgs/second-org/audit_logs?search=moved%20device%20d%20to%20second-org";
    let entries = api.get(said).await.data();
    assert_eq!(entries.as_array().unwrap().len(), 2);
    // The product's key of before is not for it any more, that of now is.
    let config = client(&server, None, true);
    let connect = async |key: &str, word: &str| {
        let headers = sign(key, word, "d", now_ms());
        let path = "/device-socket/websocket?vsn=2.0.0";
        Device::open(&server, config.clone(), path, headers)
            .await
            .err()
            .map(|r| r.status)
    };
    assert_eq!(
        connect(server.login("product_key"), server.login("product_secret")).await,
        Some(401)
    );
    let text = |k: &str| other[k].as_str().unwrap();
    assert_eq!(
        connect(text("product_key"), text("product_secret")).await,
        None
    );
    // A deleted one stays where it is.
    assert_eq!(api.delete(there).await.status, 204);
    let back = api
        .post(&format!("{there}/move"), to("acme", "fixture-product"))
        .await;
    assert_eq!(back.status, 422);
}

async fn secrets_of_a_device_are_rotated(server: Server) {
    let api = server.api();
    api.post(&Api::product("/devices"), json!({"identifier": "d"}))
        .await
        .data();
    let path = Api::product("/devices/d/shared_secrets");
    let config = client(&server, None, true);
    let connect = async |own: &Value| {
        let text = |k: &str| own[k].as_str().unwrap();
        let headers = sign(text("key"), text("secret"), "d", now_ms());
        let path = "/device-socket/websocket?vsn=2.0.0";
        Device::open(&server, config.clone(), path, headers)
            .await
            .err()
            .map_or(101, |r| r.status)
    };
    let old = api.post(&path, json!({})).await.data();
    let new = api.post(&path, json!({})).await.data();
    assert_eq!(
        (connect(&old).await, connect(&new).await),
        (101, 101),
        "both at once"
    );
    let encoded = old["key"]
        .as_str()
        .unwrap()
        .replace('/', "%2F")
        .replace('+', "%2B");
    assert_eq!(api.delete(&format!("{path}/{encoded}")).await.status, 204);
    assert_eq!(api.delete(&format!("{path}/{encoded}")).await.status, 404);
    assert_eq!((connect(&old).await, connect(&new).await), (401, 101));
    let list = api.get(&path).await.data();
    assert_eq!(
        (&list[0]["key"], &list[1]["key"]),
        (&old["key"], &new["key"])
    );
    assert!(list[0]["deactivated_at"].is_string() && list[1]["deactivated_at"].is_null());
    assert!(list[0].get("secret").is_none());
}

#[tokio::test]
async fn shared_secrets_can_be_switched_off() {
    let flags = ["--shared-secrets", "off"];
    let server = Server::with(Engine::Sqlite, &flags).await.unwrap();
    let refused = Device::secret(&server, "d").await.err().unwrap();
    assert_eq!((refused.status, refused.body.as_str()), (401, ""));
    let factory = ca("factory");
    factory.register(&server.api(), true).await;
    let pair = factory.leaf("d", Leaf::default());
    assert!(Device::certificate(&server, &pair).await.is_ok());
}
