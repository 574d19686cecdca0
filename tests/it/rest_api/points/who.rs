//! Points 1 to 32 (docs/protocol/rest.md, "Conformance points"): who asks, organizations, keys, CAs, products.

use super::{device, server};
use crate::support::ca::ca;
use crate::support::{Api, Engine, Server, fixtures};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DENIED: &str = "Resource Not Found or Authorization Insufficient";

/// A public key that signed nothing.
fn some_key() -> String {
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    STANDARD.encode(key.verifying_key())
}

/// A stranger's client, with an organization of their own.
fn stranger(server: &Server) -> Api {
    let eve = server.bootstrap("eve@else.org", "else", "thing");
    server.api().with_token(eve["token"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn p01_schemes_of_the_authorization_header() {
    let (server, api) = server().await;
    let token = server.login("token");
    let asks = |values: &[String]| {
        let mut request = api.anonymous().raw(Method::GET, "/api/users/me");
        for value in values {
            request = request.header("authorization", value.clone());
        }
        Api::answer(request)
    };
    for scheme in ["token", "Token", "TOKEN", "Bearer", "bearer"] {
        assert_eq!(
            asks(&[format!("{scheme} {token}")]).await.status,
            200,
            "{scheme}"
        );
    }
    let good = format!("token {token}");
    for bad in [
        vec![format!("Basic {token}")],
        vec![String::new()],
        vec![good.clone(), good],
        vec![],
    ] {
        assert_eq!(asks(&bad).await.status, 401, "{bad:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p03_a_token_with_a_changed_character_is_refused() {
    let (server, api) = server().await;
    let token = server.login("token");
    for at in [4, 10, token.len() - 1] {
        let mut changed = token.as_bytes().to_vec();
        changed[at] = if changed[at] == b'a' { b'b' } else { b'a' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(
            api.with_token(&changed).get("/api/users/me").await.status,
            401
        );
    }
    let used = "SELECT COUNT(*) FROM tokens WHERE last_used_at IS NOT NULL";
    assert_eq!(server.count(used).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn p05_a_login_gives_a_token_or_the_exact_sentence() {
    let (server, api) = server().await;
    let api = api.anonymous();
    let (email, password) = (server.login("email"), server.login("password"));
    for path in ["/api/users/login", "/api/users/auth"] {
        let form = json!({"email": email, "password": password, "note": "ci"});
        let data = api.post(path, form).await.data();
        let keys: Vec<_> = data
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, ["email", "name", "token"]);
        let me = api.with_token(data["token"].as_str().unwrap());
        assert_eq!(me.get("/api/users/me").await.data()["email"], email);
        for form in [
            json!({"email": email, "password": "wrong"}),
            json!({"email": email}),
            json!({"email": email, "password": null}),
            json!({"password": password}),
        ] {
            let refused = api.post(path, form).await;
            assert_eq!(
                (refused.status, &refused.json()["errors"]["detail"]),
                (
                    401,
                    &json!(
                        "Authentication failed, please check your username and password and try again."
                    )
                )
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p10_without_a_token_nothing_is_told() {
    let (_server, api) = server().await;
    let api = api.anonymous();
    let mut told = Vec::new();
    for path in [
        "/api/orgs/acme/keys",
        "/api/orgs/none/keys",
        "/api/users/me",
        "/api/devices/none",
    ] {
        let answer = api.get(path).await;
        assert_eq!(answer.status, 401, "{path}");
        told.push(answer.json()["errors"]["detail"].clone());
    }
    assert_eq!(told, vec![json!(DENIED); 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_a_foreign_organization_is_404_and_a_low_role_401() {
    let (server, api) = server().await;
    device(&api, "d").await;
    let eve = stranger(&server);
    for path in [
        "/api/orgs/acme/keys",
        &Api::product(""),
        &Api::product("/devices/d"),
    ] {
        assert_eq!(eve.get(path).await.status, 404, "{path}");
    }
    let view = server.member("view").await;
    let form = json!({"identifier": "e"});
    let refused = view.post(&Api::product("/devices"), form).await;
    assert_eq!(
        (refused.status, &refused.json()["errors"]["detail"]),
        (401, &json!(DENIED))
    );
}

#[test]
fn p14_made_things_say_where_they_are_and_204_says_nothing() {
    // The file is held against the server by `tour`.
    let all: BTreeMap<String, Value> =
        serde_json::from_str(include_str!("../../golden/rest_api.json")).unwrap();
    let mut empty = 0;
    for (name, answer) in &all {
        if answer["status"] == 204 {
            assert_eq!(answer["body"], "", "{name}");
            empty += 1;
        }
    }
    assert!(empty > 25);
    for made in [
        "/api/orgs/{org}/users",
        "/api/orgs/{org}/ca_certificates",
        "/api/orgs/{org}/iroh_endpoints",
        "/api/orgs/{org}/products",
        "{p}/devices",
        "{p}/devices/{device}/certificates",
        "{p}/firmwares",
        "{p}/deployments",
    ] {
        let answer = &all[&format!("post {made}")];
        let place = made.replace("{p}", "/api/orgs/acme/products/fixture-product");
        let place = place.replace("{org}", "acme").replace("{device}", "d1");
        let location = answer["location"].as_str().unwrap();
        assert_eq!(answer["status"], 201);
        assert!(
            location.starts_with(&place) && location.len() > place.len() + 1,
            "{made}: {location}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_products_of_organizations_only_when_asked_for() {
    let (_server, api) = server().await;
    let bare = api.get("/api/orgs").await.data();
    assert_eq!(bare[0]["name"], "acme");
    assert!(bare[0].get("products").is_none());
    let with = api.get("/api/orgs?include=products,foo").await.data();
    assert_eq!(with[0]["products"][0]["name"], fixtures::PRODUCT);
}

#[tokio::test(flavor = "multi_thread")]
async fn p19_members_are_for_administrators() {
    let (server, api) = server().await;
    let manage = server.member("manage").await;
    assert_eq!(manage.get("/api/orgs/acme/users").await.status, 401);
    let all = api.get("/api/orgs/acme/users").await.data();
    // By the role's word, descending.
    assert_eq!(
        all[0],
        json!({"name": "manage", "email": "manage@acme.org", "role": "manage"})
    );
    assert_eq!(all[1]["role"], "admin");
}

#[tokio::test(flavor = "multi_thread")]
async fn p21_a_member_needs_a_role_and_joins_once() {
    let (server, api) = server().await;
    stranger(&server);
    for path in ["/api/orgs/acme/users", "/api/orgs/acme/users/invite"] {
        let add = |form: Value| api.post(path, form);
        assert_eq!(add(json!({"email": "eve@else.org"})).await.status, 400);
        assert_eq!(add(json!({"role": "view"})).await.status, 400);
        let write = add(json!({"email": "eve@else.org", "role": "write"})).await;
        assert_eq!(
            (write.status, write.errors()),
            (422, json!({"role": ["is invalid"]}))
        );
    }
    let form = json!({"email": "eve@else.org", "role": "view"});
    assert_eq!(
        api.post("/api/orgs/acme/users", form.clone()).await.status,
        201
    );
    let again = api.post("/api/orgs/acme/users", form).await;
    assert_eq!(
        (again.status, again.errors()),
        (422, json!({"org_users": ["is already member"]}))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p23_a_key_is_32_bytes_in_base64() {
    let (_server, api) = server().await;
    let whole = some_key();
    for bad in [STANDARD.encode([7; 31]), "no base64 at all".into()] {
        let answer = api
            .post("/api/orgs/acme/keys", json!({"name": "k", "key": bad}))
            .await;
        let text = "invalid key, please check this is a valid Ed25519 public key";
        assert_eq!(
            (answer.status, answer.errors()),
            (422, json!({"key": [text]})),
            "{bad:?}"
        );
    }
    for (form, errors) in [
        (json!({"key": whole}), json!({"name": ["can't be blank"]})),
        (json!({"name": "k"}), json!({"key": ["can't be blank"]})),
        (
            json!({"name": "k", "key": whole, "scheme": "dsa"}),
            json!({"scheme": ["is invalid"]}),
        ),
    ] {
        assert_eq!(api.post("/api/orgs/acme/keys", form).await.errors(), errors);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p24_a_key_is_once_in_an_organization() {
    let (server, api) = server().await;
    api.register_key().await;
    let key = fixtures::text("keys/devkey.pub");
    let again = api
        .post("/api/orgs/acme/keys", json!({"name": "other", "key": key}))
        .await;
    let taken = json!(["has already been taken"]);
    assert_eq!((again.status, &again.errors()["key"]), (422, &taken));
    let form = json!({"name": "devkey", "key": some_key()});
    assert_eq!(
        api.post("/api/orgs/acme/keys", form).await.errors()["name"],
        taken
    );
    let form = json!({"name": "devkey", "key": key});
    assert_eq!(
        stranger(&server)
            .post("/api/orgs/else/keys", form)
            .await
            .status,
        201
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p25_a_key_that_signed_a_firmware_stays() {
    let (_server, api) = server().await;
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    let refused = api.delete("/api/orgs/acme/keys/devkey").await;
    assert_eq!(refused.status, 409);
    assert!(refused.errors()["firmwares"].is_array(), "{}", refused.text);
    let path = Api::product(&format!(
        "/firmwares/{}",
        firmware["uuid"].as_str().unwrap()
    ));
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(api.delete("/api/orgs/acme/keys/devkey").await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn p26_a_verification_token_is_its_organizations() {
    let (server, api) = server().await;
    let eve = stranger(&server);
    let token = api
        .get("/api/orgs/acme/ca_certificates/verification_token")
        .await
        .data();
    let (authority, token) = (
        ca("line"),
        token["verification_token"].as_str().unwrap().to_owned(),
    );
    let form = json!({
        "cert": STANDARD.encode(&authority.cert),
        "verification_cert": STANDARD.encode(authority.proof(&token)),
    });
    let theirs = eve
        .post("/api/orgs/else/ca_certificates", form.clone())
        .await;
    assert_eq!(theirs.status, 422, "{}", theirs.text);
    assert_eq!(
        api.post("/api/orgs/acme/ca_certificates", form.clone())
            .await
            .status,
        201
    );
    let again = api.post("/api/orgs/acme/ca_certificates", form).await;
    assert_eq!(
        again.errors(),
        json!({"serial": ["has already been taken"]})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p27_a_ca_needs_the_proof_of_its_own_key() {
    let (_server, api) = server().await;
    let token = api
        .get("/api/orgs/acme/ca_certificates/verification_token")
        .await
        .data();
    let token = token["verification_token"].as_str().unwrap();
    let (mine, other) = (ca("mine"), ca("other"));
    let cert = STANDARD.encode(&mine.cert);
    for (form, text) in [
        (
            json!({"cert": cert, "verification_cert": STANDARD.encode(other.proof(token))}),
            "CA Certificate ownership verification failed",
        ),
        (
            json!({"cert": cert}),
            "The CA certificate or verification certificate is missing",
        ),
        (
            json!({"verification_cert": STANDARD.encode(mine.proof(token))}),
            "The CA certificate or verification certificate is missing",
        ),
        (
            json!({"cert": STANDARD.encode("no PEM"), "verification_cert": STANDARD.encode(mine.proof(token))}),
            "Error decoding certificate",
        ),
    ] {
        let answer = api.post("/api/orgs/acme/ca_certificates", form).await;
        assert_eq!(
            (answer.status, &answer.json()["errors"]["detail"]),
            (422, &json!(text))
        );
    }
    let form = json!({"cert": "!", "verification_cert": "!"});
    assert_eq!(
        api.post("/api/orgs/acme/ca_certificates", form)
            .await
            .status,
        400
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p28_a_ca_shows_its_serial_in_decimal_and_its_profile() {
    let (_server, api) = server().await;
    ca("plain").register(&api, false).await;
    ca("jitp").register(&api, true).await;
    let all = api.get("/api/orgs/acme/ca_certificates").await.data();
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 2);
    for one in all {
        let serial = one["serial"].as_str().unwrap();
        assert!(!serial.is_empty() && serial.bytes().all(|b| b.is_ascii_digit()));
    }
    let profiles: Vec<_> = all.iter().map(|c| &c["jitp"]).collect();
    let profile = json!({
        "product_name": fixtures::PRODUCT, "tags": ["prod"], "description": "made on line 1",
    });
    assert!(
        profiles.contains(&&Value::Null) && profiles.contains(&&profile),
        "{profiles:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p32_products_are_made_by_administrators() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let form = json!({"name": "next"});
    let manage = server.member("manage").await;
    assert_eq!(
        manage
            .post("/api/orgs/acme/products", form.clone())
            .await
            .status,
        401
    );
    assert_eq!(
        server
            .api()
            .post("/api/orgs/acme/products", form)
            .await
            .status,
        201
    );
}

/// The other kind of key (docs/protocol/rules.md, "Signing keys").
#[tokio::test(flavor = "multi_thread")]
async fn p23_an_rsa_key_has_3072_bits() {
    let (_server, api) = server().await;
    let pem = |size: RsaKeySize, traditional: bool| {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size).unwrap();
        if !traditional {
            return pair.public_key_pem();
        }
        let der = STANDARD.encode(pair.public_key_raw());
        format!("-----BEGIN RSA PUBLIC KEY-----\n{der}\n-----END RSA PUBLIC KEY-----\n")
    };
    let add = |name: &str, key: String| {
        let form = json!({"name": name, "key": key, "scheme": "secure_boot_v2_rsa"});
        let api = api.clone();
        async move { api.post("/api/orgs/acme/keys", form).await }
    };
    for (name, traditional) in [("new", false), ("old", true)] {
        let made = add(name, pem(RsaKeySize::_3072, traditional)).await.data();
        assert_eq!(made["scheme"], "secure_boot_v2_rsa");
    }
    let short = add("short", pem(RsaKeySize::_2048, false)).await;
    let text = "expected an RSA-3072 public key, got 2048 bits";
    assert_eq!(
        (short.status, short.errors()),
        (422, json!({"key": [text]}))
    );
    let none = add("none", some_key()).await;
    let text = "invalid key, expected a PEM-encoded RSA public key";
    assert_eq!((none.status, none.errors()), (422, json!({"key": [text]})));
    // Firmware for fwup is checked against the other keys alone.
    api.register_key().await;
    api.upload("good/rpi4-1.0.0.fw").await;
}
