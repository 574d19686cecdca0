//! Client certificates: known, renewed, provisioned just in time, refused (device-protocol 1.5, points 15 to 22).

use crate::support::device::{Device, Pair};
use crate::support::{Api, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use serde_json::json;

crate::both_engines! {
    a_registered_ca_introduces_devices
    known_certificates_are_taken_and_others_judged
}

/// A CA of a test.
struct Ca {
    cert: String,
    key: String,
}

fn ca(name: &str) -> Ca {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ca {
        cert: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

/// What goes into a device's certificate.
#[derive(Default)]
struct Leaf<'a> {
    key: Option<&'a str>,
    no_aki: bool,
    expired: bool,
}

impl Ca {
    fn issuer(&self) -> Issuer<'static, KeyPair> {
        Issuer::from_ca_cert_pem(&self.cert, KeyPair::from_pem(&self.key).unwrap()).unwrap()
    }

    fn leaf(&self, name: &str, leaf: Leaf<'_>) -> Pair {
        let key = leaf.key.map_or_else(
            || KeyPair::generate().unwrap(),
            |k| KeyPair::from_pem(k).unwrap(),
        );
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if !name.is_empty() {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.use_authority_key_identifier_extension = !leaf.no_aki;
        params.serial_number = Some(rcgen::SerialNumber::from(rand::random::<u32>() as u64));
        if leaf.expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        Pair {
            cert: params.signed_by(&key, &self.issuer()).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    fn proof(&self, token: &str) -> String {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let uri = format!("urn:nerveshub:verify:{token}");
        params
            .subject_alt_names
            .push(SanType::URI(uri.as_str().try_into().unwrap()));
        params.signed_by(&key, &self.issuer()).unwrap().pem()
    }

    async fn register(&self, api: &Api, jitp: bool) {
        let token = api
            .get("/api/orgs/acme/ca_certificates/verification_token")
            .await
            .data();
        let token = token["verification_token"].as_str().unwrap();
        let mut body = json!({"cert": STANDARD.encode(&self.cert), "description": "line 1",
            "verification_cert": STANDARD.encode(self.proof(token))});
        if jitp {
            body["jitp"] = json!({"product_name": "fixture-product", "tags": ["prod"], "description": "made on line 1"});
        }
        let made = api.post("/api/orgs/acme/ca_certificates", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let serial = made.data()["serial"].as_str().unwrap().to_owned();
        assert_eq!(
            made.header("location"),
            format!("/api/orgs/acme/ca_certificates/{serial}")
        );
        assert!(made.data()["not_after"].as_str().unwrap().ends_with('Z'));
        assert_eq!(
            api.get(&format!("/api/orgs/acme/ca_certificates/{serial}"))
                .await
                .data(),
            made.data()
        );
    }
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
    assert_eq!(server.count("SELECT COUNT(*) FROM devices").await, 1);
    assert_eq!(
        server
            .count("SELECT COUNT(*) FROM device_certificates")
            .await,
        2
    );
    let forger = self::ca("factory");
    assert_eq!(
        status(&server, &forger.leaf("dev-5", Leaf::default())).await,
        401
    );
    // A chain with the registered CA is as good as the leaf alone; with an unknown one it is not.
    let chain = |with: &Ca, leaf: Pair| Pair {
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
    let errors = |a: crate::support::api::Answer| (a.status, a.json()["errors"].clone());
    let again = api
        .post(&path, json!({"cert": STANDARD.encode(&pair.cert)}))
        .await;
    assert_eq!(
        errors(again),
        (422, json!({"fingerprint": ["has already been taken"]}))
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
