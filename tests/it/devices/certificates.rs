//! Client certificates: known, renewed, provisioned just in time, refused (docs/protocol/device.md, "Client certificates", points 15 to 22).

use crate::support::ca::{Leaf, ca};
use crate::support::device::{Device, Pair};
use crate::support::{Api, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::time::Duration;

crate::both_engines! {
    a_registered_ca_introduces_devices
    known_certificates_are_taken_and_others_judged
    one_tenant_cannot_block_the_ca_of_another
    what_let_a_device_in_closes_its_socket_when_it_is_taken_away
}

async fn one_tenant_cannot_block_the_ca_of_another(server: Server) {
    let shared = ca("factory");
    let (api, other) = (
        server.api(),
        server.bootstrap("eve@else.org", "else", "fixture-product"),
    );
    let eve = api.with_token(other["token"].as_str().unwrap());
    // The other one is first, introduces devices, and even has another CA with the same key.
    shared.register_in(&eve, "else", true).await;
    shared.register_in(&api, "acme", false).await;
    let form = json!({"identifier": "dev-1"});
    api.post(&Api::product("/devices"), form).await.data();
    let ours = shared.leaf("dev-1", Leaf::default());
    assert_eq!(
        status(&server, &ours).await,
        101,
        "the organization that knows the device decides"
    );
    let listed = api
        .get(&Api::product("/devices/dev-1/certificates"))
        .await
        .data();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(
        eve.get("/api/orgs/else/products/fixture-product/devices/dev-1")
            .await
            .status,
        404
    );
    // One that nobody registered goes to who introduces devices.
    let new = shared.leaf("dev-2", Leaf::default());
    assert_eq!(status(&server, &new).await, 101);
    assert_eq!(
        eve.get("/api/orgs/else/products/fixture-product/devices/dev-2")
            .await
            .status,
        200
    );
}

async fn what_let_a_device_in_closes_its_socket_when_it_is_taken_away(server: Server) {
    let (api, ca) = (server.api(), ca("factory"));
    ca.register(&api, true).await;
    let pair = ca.leaf("dev-1", Leaf::default());
    let mut device = Device::certificate(&server, &pair).await.unwrap();
    device.join(json!({}), json!({})).await;
    let path = Api::product("/devices/dev-1/certificates");
    let listed = api.get(&path).await.data();
    let serial = listed[0]["serial"].as_str().unwrap();
    assert_eq!(api.delete(&format!("{path}/{serial}")).await.status, 204);
    let closed = device.closed_within(Duration::from_secs(5)).await;
    assert!(closed.is_some(), "the socket was left open");
    // The same with a shared secret of its own.
    let path = Api::product("/devices/dev-1/shared_secrets");
    let made = api.post(&path, json!({})).await.data();
    let (key, secret) = (
        made["key"].as_str().unwrap(),
        made["secret"].as_str().unwrap(),
    );
    let mut device = Device::by_key(&server, key, secret, "dev-1").await.unwrap();
    device.join(json!({}), json!({})).await;
    let encoded = key.replace('/', "%2F").replace('+', "%2B");
    assert_eq!(api.delete(&format!("{path}/{encoded}")).await.status, 204);
    let closed = device.closed_within(Duration::from_secs(5)).await;
    assert!(closed.is_some(), "the socket was left open");
    assert!(Device::by_key(&server, key, secret, "dev-1").await.is_err());
}

async fn status(server: &Server, pair: &Pair) -> u16 {
    match Device::certificate(server, pair).await {
        Ok(mut d) => {
            let reply = d.join(json!({}), json!({})).await;
            assert_eq!(reply, json!({"status": "ok", "response": {}}));
            101
        }
        Err(r) => r.status,
    }
}

async fn a_registered_ca_introduces_devices(server: Server) {
    let api = server.api();
    let ca = ca("factory");
    let pair = ca.leaf("dev-1", Leaf::default());
    assert_eq!(status(&server, &pair).await, 401, "an unknown signer");
    // Without proof, or with somebody else's, a CA is not registered.
    let bare = api
        .post(
            "/api/orgs/acme/ca_certificates",
            json!({"cert": STANDARD.encode(&ca.cert)}),
        )
        .await;
    assert_eq!(bare.status, 422);
    assert!(
        bare.text.contains("verification certificate is missing"),
        "{}",
        bare.text
    );
    let body = json!({"cert": STANDARD.encode(&ca.cert), "verification_cert": STANDARD.encode(ca.proof("1.x"))});
    let failed = api.post("/api/orgs/acme/ca_certificates", body).await;
    assert!(
        failed.status == 422 && failed.text.contains("ownership verification failed"),
        "{}",
        failed.text
    );
    ca.register(&api, true).await;
    assert_eq!(status(&server, &pair).await, 101);
    let device = api.get("/api/devices/dev-1").await.data();
    assert_eq!(
        (&device["tags"], &device["description"]),
        (&json!(["prod"]), &json!("made on line 1"))
    );
    assert_eq!(status(&server, &pair).await, 101, "known from now on");
    let other_key = ca.leaf("dev-1", Leaf::default());
    assert_eq!(
        status(&server, &other_key).await,
        401,
        "the device has another key"
    );
    let renewed = ca.leaf(
        "dev-1",
        Leaf {
            key: Some(&pair.key),
            ..Leaf::default()
        },
    );
    assert_eq!(
        status(&server, &renewed).await,
        101,
        "the same key, a new certificate"
    );
    let stolen = ca.leaf(
        "dev-2",
        Leaf {
            key: Some(&pair.key),
            ..Leaf::default()
        },
    );
    assert_eq!(
        status(&server, &stolen).await,
        401,
        "the same key under another name"
    );
    for leaf in [
        ca.leaf("", Leaf::default()),
        ca.leaf(
            "dev-3",
            Leaf {
                no_aki: true,
                ..Leaf::default()
            },
        ),
        ca.leaf(
            "dev-4",
            Leaf {
                expired: true,
                ..Leaf::default()
            },
        ),
    ] {
        assert_eq!(status(&server, &leaf).await, 401);
    }
    assert_eq!(server.devices("").await, 1);
    assert_eq!(server.certificates().await, 2);
    let forger = crate::support::ca::ca("factory");
    assert_eq!(
        status(&server, &forger.leaf("dev-5", Leaf::default())).await,
        401
    );
    // A chain with the registered CA is as good as the leaf alone; with an unknown one it is not.
    let chain = |with: &crate::support::ca::Ca, leaf: Pair| Pair {
        cert: format!("{}{}", leaf.cert, with.cert),
        ..leaf
    };
    let good = chain(&ca, ca.leaf("dev-6", Leaf::default()));
    assert_eq!(status(&server, &good).await, 101);
    let list = api.get("/api/orgs/acme/ca_certificates").await.data();
    assert_eq!(
        list[0]["jitp"],
        json!({"product_name": "fixture-product", "tags": ["prod"], "description": "made on line 1"})
    );
    let serial = list[0]["serial"].as_str().unwrap();
    assert_eq!(
        api.delete(&format!("/api/orgs/acme/ca_certificates/{serial}"))
            .await
            .status,
        204
    );
    assert_eq!(
        status(&server, &ca.leaf("dev-7", Leaf::default())).await,
        401
    );
    assert_eq!(
        status(&server, &pair).await,
        101,
        "a known certificate needs no CA"
    );
}

async fn known_certificates_are_taken_and_others_judged(server: Server) {
    let api = server.api();
    let ca = ca("signer");
    let path = Api::product("/devices/sn-1/certificates");
    api.post(&Api::product("/devices"), json!({"identifier": "sn-1"}))
        .await
        .data();
    // Expiry of a known certificate is not looked at, and its signer need not be registered.
    let pair = ca.leaf(
        "whatever",
        Leaf {
            expired: true,
            ..Leaf::default()
        },
    );
    let added = api
        .post(
            &path,
            json!({"cert": STANDARD.encode(&pair.cert), "identifier": "sn-1"}),
        )
        .await;
    assert_eq!(added.status, 201, "{}", added.text);
    let serial = added.data()["serial"].as_str().unwrap().to_owned();
    assert_eq!(added.data()["not_after"], "2021-01-01T00:00:00Z");
    assert_eq!(api.get(&path).await.data(), json!([added.data()]));
    assert_eq!(status(&server, &pair).await, 101);
    // A certificate decides even beside shared-secret headers, good or bad.
    let errors = |a: crate::support::api::Answer| (a.status, a.errors());
    let again = api
        .post(&path, json!({"cert": STANDARD.encode(&pair.cert)}))
        .await;
    assert_eq!(
        errors(again),
        (422, json!({"serial": ["has already been taken"]}))
    );
    assert_eq!(api.post(&path, json!({"cert": "%%%"})).await.status, 400);
    assert_eq!(api.post(&path, json!({})).await.status, 400);
    let text = api
        .post(&path, json!({"cert": STANDARD.encode("no pem")}))
        .await;
    assert_eq!(
        text.json(),
        json!({"errors": {"detail": "Error decoding certificate"}})
    );
    let bare = ca.leaf(
        "x",
        Leaf {
            no_aki: true,
            ..Leaf::default()
        },
    );
    assert_eq!(
        api.post(&path, json!({"cert": STANDARD.encode(&bare.cert)}))
            .await
            .status,
        422
    );
    // A registered device without a certificate takes one of a registered CA, without provisioning.
    ca.register(&api, false).await;
    assert_eq!(
        status(&server, &ca.leaf("stranger", Leaf::default())).await,
        401
    );
    api.post(&Api::product("/devices"), json!({"identifier": "sn-2"}))
        .await
        .data();
    assert_eq!(
        status(&server, &ca.leaf("sn-2", Leaf::default())).await,
        101
    );
    assert_eq!(api.delete(&Api::product("/devices/sn-2")).await.status, 204);
    assert_eq!(
        status(&server, &ca.leaf("sn-2", Leaf::default())).await,
        401,
        "deleted"
    );
    assert_eq!(api.delete(&format!("{path}/{serial}")).await.status, 204);
    assert_eq!(api.delete(&format!("{path}/{serial}")).await.status, 404);
    assert_eq!(status(&server, &pair).await, 401);
}
