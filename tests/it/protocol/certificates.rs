//! Points 15 to 22 (docs/protocol/device.md, "Conformance points"): certificates, known, renewed and new.

use super::{server, status};
use crate::support::ca::{Ca, Leaf, ca, expired_ca};
use crate::support::device::{Device, Pair};
use crate::support::{Api, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

async fn code(server: &Server, pair: &Pair) -> u16 {
    status(
        server,
        Some(pair),
        "/socket/websocket?vsn=2.0.0",
        Vec::new(),
    )
    .await
}

/// A device that is registered with this certificate by hand.
async fn pinned(server: &Server, name: &str, pair: &Pair) {
    let api = server.api();
    api.post(&Api::product("/devices"), json!({ "identifier": name }))
        .await
        .data();
    let path = Api::product(&format!("/devices/{name}/certificates"));
    let cert = json!({"cert": STANDARD.encode(&pair.cert)});
    assert_eq!(api.post(&path, cert).await.status, 201);
}

fn with_key(key: &str) -> Leaf<'_> {
    Leaf {
        key: Some(key),
        ..Leaf::default()
    }
}

fn chained(leaf: Pair, more: &Ca) -> Pair {
    Pair {
        cert: format!("{}{}", leaf.cert, more.cert),
        ..leaf
    }
}

#[tokio::test]
async fn p15_a_known_certificate_is_accepted_though_expired() {
    let server = server().await;
    let old = Leaf {
        expired: true,
        ..Leaf::default()
    };
    let pair = ca("any").leaf("d", old);
    pinned(&server, "d", &pair).await;
    assert_eq!(code(&server, &pair).await, 101);
}

#[tokio::test]
async fn p16_a_known_certificate_of_a_deleted_device_is_refused() {
    let server = server().await;
    let factory = ca("factory");
    factory.register(&server.api(), true).await;
    let pair = factory.leaf("d", Leaf::default());
    assert_eq!(code(&server, &pair).await, 101);
    server.api().delete(&Api::product("/devices/d")).await;
    assert_eq!(code(&server, &pair).await, 401);
}

#[tokio::test]
async fn p17_renewal_takes_the_same_key_and_name_and_a_ca_of_the_same_org() {
    let server = server().await;
    let factory = ca("factory");
    factory.register(&server.api(), true).await;
    let first = factory.leaf("d", Leaf::default());
    assert_eq!(code(&server, &first).await, 101);
    assert_eq!(
        code(&server, &factory.leaf("d", with_key(&first.key))).await,
        101
    );
    assert_eq!(server.certificates().await, 2);
    assert_eq!(
        code(&server, &factory.leaf("e", with_key(&first.key))).await,
        401
    );
    // A CA that another organization has registered.
    let eve = server.bootstrap("eve@x.org", "evil", "fixture-product");
    let theirs = ca("theirs");
    let eve = server.api().with_token(eve["token"].as_str().unwrap());
    theirs.register_in(&eve, "evil", true).await;
    assert_eq!(
        code(&server, &theirs.leaf("d", with_key(&first.key))).await,
        401
    );
    assert_eq!(server.certificates().await, 2);
}

#[tokio::test]
async fn p18_an_unknown_key_needs_a_device_without_certificates() {
    let server = server().await;
    let api = server.api();
    let factory = ca("factory");
    factory.register(&api, false).await;
    assert_eq!(
        code(&server, &factory.leaf("d", Leaf::default())).await,
        401,
        "absent"
    );
    api.post(&Api::product("/devices"), json!({"identifier": "d"}))
        .await
        .data();
    assert_eq!(
        code(&server, &factory.leaf("d", Leaf::default())).await,
        101,
        "registered"
    );
    assert_eq!(
        code(&server, &factory.leaf("d", Leaf::default())).await,
        401,
        "another key"
    );
    assert_eq!(server.certificates().await, 1);
}

#[tokio::test]
async fn p19_jitp_creates_with_product_tags_and_description_and_never_twice() {
    let server = server().await;
    let api = server.api();
    let factory = ca("factory");
    factory.register(&api, true).await;
    assert_eq!(
        code(&server, &factory.leaf("d", Leaf::default())).await,
        101
    );
    let made = api.get("/api/devices/d").await.data();
    let expected = (
        &json!("fixture-product"),
        &json!(["prod"]),
        &json!("made on line 1"),
    );
    assert_eq!(
        (&made["product_name"], &made["tags"], &made["description"]),
        expected
    );
    assert_eq!(
        code(&server, &factory.leaf("d", Leaf::default())).await,
        401
    );
    assert_eq!(server.devices("").await, 1);
}

/// Who runs a fleet sees which device brought itself in, and by what.
#[tokio::test]
async fn how_a_device_came_in_is_in_the_audit_log() {
    let server = server().await;
    let api = server.api();
    let factory = ca("factory");
    factory.register(&api, true).await;
    let first = factory.leaf("d", Leaf::default());
    let renewed = factory.leaf("d", with_key(&first.key));
    // The last is known by then, and says nothing new.
    for pair in [&first, &renewed, &renewed] {
        assert_eq!(code(&server, pair).await, 101);
    }
    let form = json!({"identifier": "e"});
    api.post(&Api::product("/devices"), form).await.data();
    let pair = factory.leaf("e", Leaf::default());
    assert_eq!(code(&server, &pair).await, 101);
    let _by_secret = Device::secret(&server, "f").await.unwrap();
    let told = async |device: &str| -> Vec<String> {
        let path = Api::product(&format!("/devices/{device}/audit_logs"));
        let all = api.get(&path).await.data();
        let all = all.as_array().unwrap().iter();
        all.map(|entry| entry["description"].as_str().unwrap().to_owned())
            .collect()
    };
    let of_d = told("d").await;
    assert_eq!(of_d.len(), 2, "{of_d:?}");
    assert!(of_d[0].starts_with("Device d renewed its certificate: "));
    assert!(of_d[1].starts_with("Device d was introduced by the authority "));
    let of_e = told("e").await;
    assert!(of_e[0].starts_with("Device e brought its first certificate, "));
    assert_eq!(
        told("f").await,
        ["Device f registered itself with a secret of the product"]
    );
}

#[tokio::test]
async fn p20_a_registered_intermediate_is_the_anchor_and_an_unknown_one_fails() {
    let server = server().await;
    let root = ca("root");
    let line = root.intermediate("line 1");
    line.register(&server.api(), true).await;
    assert_eq!(
        code(&server, &line.leaf("a", Leaf::default())).await,
        101,
        "leaf alone"
    );
    let sent = chained(line.leaf("b", Leaf::default()), &line);
    assert_eq!(code(&server, &sent).await, 101, "leaf and its signer");
    let with_root = chained(line.leaf("c", Leaf::default()), &root);
    assert_eq!(code(&server, &with_root).await, 101, "a root never harms");
    let unknown = root.intermediate("line 2");
    let sent = chained(line.leaf("e", Leaf::default()), &unknown);
    assert_eq!(
        code(&server, &sent).await,
        401,
        "beside an unknown intermediate"
    );
    let sent = chained(unknown.leaf("f", Leaf::default()), &unknown);
    assert_eq!(
        code(&server, &sent).await,
        401,
        "under an unknown intermediate"
    );
}

#[tokio::test]
async fn p21_an_expired_ca_is_accepted_unless_it_is_to_be_checked_and_an_expired_new_leaf_is_not() {
    let server = server().await;
    let api = server.api();
    let old = expired_ca("old");
    old.register(&api, true).await;
    assert_eq!(code(&server, &old.leaf("a", Leaf::default())).await, 101);
    let checked = expired_ca("checked");
    checked
        .register_with(&api, true, json!({"check_expiration": true}))
        .await;
    assert_eq!(
        code(&server, &checked.leaf("b", Leaf::default())).await,
        401
    );
    let late = Leaf {
        expired: true,
        ..Leaf::default()
    };
    assert_eq!(code(&server, &old.leaf("c", late)).await, 401);
    assert_eq!(server.devices("").await, 1);
}

#[tokio::test]
async fn p22_a_certificate_without_aki_or_name_is_refused_without_a_crash() {
    let mut server = server().await;
    let factory = ca("factory");
    factory.register(&server.api(), true).await;
    let bare = Leaf {
        no_aki: true,
        ..Leaf::default()
    };
    for pair in [
        factory.leaf("d", bare),
        factory.leaf("", Leaf::default()),
        factory.nameless(),
    ] {
        assert_eq!(code(&server, &pair).await, 401);
    }
    assert!(server.alive());
    assert_eq!(server.devices("").await, 0);
}
