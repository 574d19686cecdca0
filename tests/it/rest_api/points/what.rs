//! Points 33 to 65 (docs/protocol/rest.md, "Conformance points"): devices, certificates, firmware, deployment groups, scripts.

use super::{device, server};
use crate::support::ca::{Leaf, ca};
use crate::support::device::Device;
use crate::support::{Api, fixtures};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test(flavor = "multi_thread")]
async fn p34_a_new_device_was_never_seen() {
    let (_server, api) = server().await;
    let view = api.get(&device(&api, "d").await).await.data();
    for (key, value) in [
        ("online", "not_seen"),
        ("connection_status", "not_seen"),
        ("version", "unknown"),
        ("last_communication", "never"),
    ] {
        assert_eq!(view[key], value, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p37_tags_are_a_list_or_a_text_with_commas() {
    let (_server, api) = server().await;
    let make = |identifier: &str, tags: Value| {
        let form = json!({"identifier": identifier, "tags": tags});
        let api = api.clone();
        async move { api.post(&Api::product("/devices"), form).await }
    };
    assert_eq!(
        make("a", json!(["a", "b"])).await.data()["tags"],
        json!(["a", "b"])
    );
    assert_eq!(
        make("b", json!("a, b")).await.data()["tags"],
        json!(["a", "b"])
    );
    let spaced = make("c", json!(["a b"])).await;
    assert_eq!(
        (spaced.status, spaced.errors()),
        (422, json!({"tags": ["tags cannot contain spaces"]}))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p38_an_identifier_is_once_on_the_server() {
    let (server, api) = server().await;
    device(&api, "d").await;
    let eve = server.bootstrap("eve@else.org", "else", "thing");
    let eve = api.with_token(eve["token"].as_str().unwrap());
    let form = json!({"identifier": "d"});
    let taken = eve
        .post("/api/orgs/else/products/thing/devices", form)
        .await;
    assert_eq!(
        (taken.status, taken.errors()),
        (422, json!({"identifier": ["has already been taken"]}))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p41_a_deleted_device_frees_its_certificate() {
    let (_server, api) = server().await;
    let (one, two) = (device(&api, "one").await, device(&api, "two").await);
    let pair = ca("any").leaf("one", Leaf::default());
    let cert = json!({"cert": STANDARD.encode(&pair.cert)});
    let add = |to: &str| {
        let (path, cert, api) = (format!("{to}/certificates"), cert.clone(), api.clone());
        async move { api.post(&path, cert).await }
    };
    assert_eq!(add(&one).await.status, 201);
    assert_eq!(add(&two).await.status, 422);
    assert_eq!(api.delete(&one).await.status, 204);
    assert_eq!(add(&two).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn p43_a_short_address_shows_no_foreign_device() {
    let (server, api) = server().await;
    device(&api, "d").await;
    assert_eq!(api.get("/api/devices/d").await.status, 200);
    let eve = server.bootstrap("eve@else.org", "else", "thing");
    let eve = api.with_token(eve["token"].as_str().unwrap());
    assert_eq!(eve.get("/api/devices/d").await.status, 404);
    assert_eq!(
        eve.post("/api/devices/d/reboot", json!({})).await.status,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p51_certificates_that_cannot_be_are_told_apart() {
    let (server, api) = server().await;
    let (one, two) = (device(&api, "one").await, device(&api, "two").await);
    let authority = ca("line");
    let first = authority.leaf("one", Leaf::default());
    let add = |to: &str, pem: &str| {
        let (path, cert) = (format!("{to}/certificates"), STANDARD.encode(pem));
        let api = api.clone();
        async move { api.post(&path, json!({"cert": cert})).await }
    };
    assert_eq!(add(&one, &first.cert).await.status, 201);
    // The same once more, and the same key in another certificate for another device.
    let taken = "has already been taken";
    assert_eq!(
        add(&one, &first.cert).await.errors(),
        json!({"serial": [taken]})
    );
    let same_key = Leaf {
        key: Some(&first.key),
        ..Leaf::default()
    };
    let other = add(&two, &authority.leaf("two", same_key).cert).await;
    let text = "public key already associated with another device";
    assert_eq!(
        (other.status, other.errors()),
        (422, json!({"public_key_fingerprint": [text]}))
    );
    // Signed by another organization's CA.
    let eve = server.bootstrap("eve@else.org", "else", "thing");
    let eve = api.with_token(eve["token"].as_str().unwrap());
    let theirs = ca("theirs");
    theirs.register_in(&eve, "else", false).await;
    let foreign = add(&one, &theirs.leaf("one", Leaf::default()).cert).await;
    assert_eq!(
        foreign.errors(),
        json!({"org": ["Signer CA registered with another org"]})
    );
    let path = format!("{one}/certificates");
    let garbage = api.post(&path, json!({"cert": "!"})).await;
    assert_eq!(garbage.status, 400, "{}", garbage.text);
    assert_eq!(api.post(&path, json!({})).await.status, 400);
    let none = add(&one, "no certificate").await;
    assert_eq!(
        (none.status, &none.json()["errors"]["detail"]),
        (422, &json!("Error decoding certificate"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p52_network_identities_are_filtered() {
    let (server, api) = server().await;
    let mut d = Device::secret(&server, "d").await.unwrap();
    let id = |n: u8| hex::encode([n; 32]);
    let reported = json!([
        {"service": "iroh", "instance": "x", "identifier": id(1)},
        {"service": "iroh", "instance": "y", "identifier": id(2)},
    ]);
    d.join(json!({}), json!({"network_identities": reported}))
        .await;
    let path = Api::product("/devices/d/network_identities");
    assert_eq!(api.get(&format!("{path}?service=foo")).await.status, 422);
    let one = api
        .get(&format!("{path}?service=iroh&instance=none"))
        .await
        .data();
    assert_eq!(one, json!([]));
    for view in api.get(&path).await.data().as_array().unwrap() {
        assert!(view.get("owner").is_none(), "{view}");
    }
}

/// The request of `nh` byte by byte: chunked, the file's part without a type, a `ttl` part behind it.
#[tokio::test(flavor = "multi_thread")]
async fn p53_the_upload_of_the_old_command_line_is_taken() {
    let (server, api) = server().await;
    api.register_key().await;
    let mut body = b"--b0unda7y\r\nContent-Disposition: form-data; name=\"firmware\"; \
        filename=\"thermo.fw\"\r\n\r\n"
        .to_vec();
    body.extend(fixtures::bytes("good/rpi4-1.0.0.fw"));
    body.extend(b"\r\n--b0unda7y\r\nContent-Disposition: form-data; name=\"ttl\"\r\n\r\n3600\r\n--b0unda7y--\r\n");
    let mut request = format!(
        "POST {} HTTP/1.1\r\nhost: {}\r\nauthorization: token {}\r\ntransfer-encoding: chunked\r\n\
         content-type: multipart/form-data; boundary=b0unda7y\r\nconnection: close\r\n\r\n",
        Api::product("/firmwares"),
        server.web,
        server.login("token")
    )
    .into_bytes();
    for chunk in body.chunks(1_000) {
        request.extend(format!("{:x}\r\n", chunk.len()).bytes());
        request.extend(chunk);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    let mut socket = tokio::net::TcpStream::connect(&server.web).await.unwrap();
    socket.write_all(&request).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p55_firmware_is_listed_by_version_newest_first() {
    let (server, api) = server().await;
    api.register_key().await;
    for file in ["rpi4-1.0.0", "rpi4-1.1.0", "bbb-1.0.0", "bbb-1.1.0"] {
        api.upload(&format!("good/{file}.fw")).await;
    }
    server
        .run(
            "UPDATE firmwares SET version = CASE id WHEN 1 THEN '1.9.0' WHEN 2 THEN '1.0.0-rc.1'
             WHEN 3 THEN '1.10.0' ELSE '1.0.0' END",
        )
        .await;
    let all = api.get(&Api::product("/firmwares")).await.data();
    let versions: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["version"].clone())
        .collect();
    assert_eq!(versions, ["1.10.0", "1.9.0", "1.0.0", "1.0.0-rc.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p57_a_new_group_is_off_and_counts_nothing() {
    let (_server, api) = server().await;
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    let form = json!({
        "name": "prod", "firmware": firmware["uuid"], "conditions": {}, "is_active": true,
        "state": "on",
    });
    let made = api.post(&Api::product("/deployments"), form).await.data();
    assert_eq!(
        (&made["state"], &made["is_active"], &made["device_count"]),
        (&json!("off"), &json!(false), &Value::Null)
    );
    // Shown, it is counted.
    let shown = api.get(&Api::product("/deployments/prod")).await.data();
    assert_eq!(shown["device_count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn p65_a_viewer_runs_scripts_and_makes_none() {
    let (server, api) = server().await;
    let (view, path) = (server.member("view").await, Api::product("/scripts"));
    let form = json!({"name": "uptime", "text": "uptime()"});
    assert_eq!(view.post(&path, form.clone()).await.status, 401);
    let made = api.post(&path, form).await.data();
    let one = format!("{path}/{}", made["id"]);
    assert_eq!(view.put(&one, json!({"text": "x"})).await.status, 401);
    assert_eq!(view.delete(&one).await.status, 401);
    let mut d = Device::secret(&server, "d").await.unwrap();
    d.join(json!({}), json!({})).await;
    let run = Api::product("/devices/d/scripts/uptime");
    let answer = view.raw(Method::POST, &run);
    let device = async {
        let asked = d.event("scripts/run").await;
        let reply =
            json!({"ref": asked["ref"], "output": "up", "return": "", "result": "completed"});
        d.push("scripts/run", reply).await;
    };
    let (answer, ()) = tokio::join!(Api::answer(answer), device);
    assert_eq!((answer.status, answer.text.as_str()), (200, "up"));
}

#[tokio::test(flavor = "multi_thread")]
async fn p64_a_script_named_like_a_number_beats_the_number() {
    let (server, api) = server().await;
    let path = Api::product("/scripts");
    let first = api
        .post(&path, json!({"name": "first", "text": "1"}))
        .await
        .data();
    let named = json!({"name": first["id"].to_string(), "text": "2"});
    api.post(&path, named).await.data();
    let mut d = Device::secret(&server, "d").await.unwrap();
    d.join(json!({}), json!({})).await;
    let run = Api::product(&format!("/devices/d/scripts/{}?timeout=500", first["id"]));
    let (_, asked) = tokio::join!(api.post(&run, json!({})), d.event("scripts/run"));
    assert_eq!(asked["text"], "2");
}
