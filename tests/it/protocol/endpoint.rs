//! The device endpoint as real clients meet it (docs/protocol/device.md, "Conformance points": transport, shared secrets, frames, device topic).

use crate::support::device::{self, Device, client, now_ms, running, sign};
use crate::support::{Api, Engine, Server, inspect, readings};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

crate::both_engines_as_process! {
    upgrades_are_answered_to_the_letter
    shared_secrets_decide
    a_join_is_followed_by_what_was_asked_for
    the_newest_socket_of_a_device_wins
}

const PATH: &str = "/device-socket/websocket?vsn=2.0.0";

fn secret(server: &Server, identifier: &str) -> Vec<(String, String)> {
    sign(
        server.login("product_key"),
        server.login("product_secret"),
        identifier,
        now_ms(),
    )
}

async fn upgrades_are_answered_to_the_letter(server: Server) {
    let anonymous = client(&server, None, false);
    // No certificate and no `x-` header at all.
    let r = Device::open(&server, anonymous.clone(), PATH, vec![])
        .await
        .err()
        .unwrap();
    let text = "no certificate pair or shared secrets connection settings were provided";
    assert_eq!((r.status, r.body.as_str()), (401, text));
    assert!(
        r.head
            .contains(&format!("nh-connection-error-reason: {text}\r\n")),
        "{}",
        r.head
    );
    assert!(
        r.head.contains("\r\nDate: ") && r.head.contains(" GMT\r\n"),
        "{}",
        r.head
    );
    // Any `x-` header counts as an attempt.
    let proxied = vec![("x-forwarded-for".into(), "10.0.0.1".into())];
    let r = Device::open(&server, anonymous.clone(), PATH, proxied)
        .await
        .err()
        .unwrap();
    assert_eq!((r.status, r.body.as_str()), (401, ""));
    assert!(!r.head.contains("nh-connection-error-reason") && r.head.contains("\r\nDate: "));
    // Both paths take both kinds, on TLS 1.2 and 1.3.
    for tls13 in [false, true] {
        for path in [PATH, "/socket/websocket?vsn=2.0.0"] {
            let config = client(&server, None, tls13);
            assert!(
                Device::open(&server, config, path, secret(&server, "d"))
                    .await
                    .is_ok()
            );
        }
    }
    for version in ["", "?vsn=1.0.0", "?vsn=4.0.0", "?vsn=x", "?vsn=2.1.0"] {
        let path = format!("/device-socket/websocket{version}");
        let r = Device::open(&server, anonymous.clone(), &path, secret(&server, "d"))
            .await
            .err()
            .unwrap();
        assert_eq!((r.status, r.body.as_str()), (403, ""), "{version}");
    }
    let r = Device::open(&server, anonymous.clone(), "/elsewhere", vec![])
        .await
        .err()
        .unwrap();
    assert_eq!(r.status, 301);
    assert!(r.head.contains("\r\nLocation: https://"), "{}", r.head);
    for path in [
        "/status/alive",
        "/status/_health",
        "/status/health",
        "/status/healthy",
    ] {
        let mut tls = device::tls(&server, anonymous.clone()).await.unwrap();
        let (head, body) = device::request(&mut tls, path, &[]).await;
        assert!(
            head.starts_with("HTTP/1.1 200") && head.contains("text/plain"),
            "{head}"
        );
        assert!(body.is_empty() || body == b"Hello, Friend!");
    }
    // A bare TCP connect leaves nothing behind.
    drop(
        tokio::net::TcpStream::connect(&server.devices)
            .await
            .unwrap(),
    );
    assert_eq!(server.devices("").await, 1);
}

async fn shared_secrets_decide(server: Server) {
    let (key, word) = (server.login("product_key"), server.login("product_secret"));
    let config = client(&server, None, true);
    let status = async |headers: Vec<(String, String)>| {
        Device::open(&server, config.clone(), PATH, headers)
            .await
            .err()
            .map_or(101, |r| r.status)
    };
    assert_eq!(status(sign(key, word, "new-1", now_ms())).await, 101);
    assert_eq!(
        status(sign(key, word, "new-2", now_ms() - 91_000)).await,
        401
    );
    assert_eq!(
        status(sign(key, word, "new-2", now_ms() + 30_000)).await,
        401
    );
    assert_eq!(
        status(sign(key, word, "new-1", now_ms() + 2_000)).await,
        101,
        "a clock may run ahead a little"
    );
    assert_eq!(status(sign(key, "wrong", "new-2", now_ms())).await, 401);
    assert_eq!(
        status(sign("nhp_unknown", word, "new-2", now_ms())).await,
        401
    );
    assert_eq!(status(sign(key, word, "", now_ms())).await, 401);
    assert_eq!(status(sign(key, word, "a\u{0}b", now_ms())).await, 401);
    for i in 0..4 {
        let mut headers = sign(key, word, "new-2", now_ms());
        let value = &mut headers[i].1;
        let last = value.pop().unwrap();
        value.push(if last == 'A' { 'B' } else { 'A' });
        assert_eq!(status(headers).await, 401, "header {i}");
    }
    let mut costly = sign(key, word, "new-2", now_ms());
    costly[0].1 = "NH1-HMAC-sha256-999999999-32".into();
    let started = std::time::Instant::now();
    assert_eq!(status(costly).await, 401);
    assert!(started.elapsed().as_secs() < 3);
    // An identifier of another product, or of a deleted device, is refused.
    let other = server.bootstrap("jane@acme.org", "acme", "second");
    let (key2, word2) = (
        other["product_key"].as_str().unwrap(),
        other["product_secret"].as_str().unwrap(),
    );
    assert_eq!(status(sign(key2, word2, "new-1", now_ms())).await, 401);
    assert_eq!(other["password"], Value::Null);
    let api = server.api();
    // A device's own key is for that device alone, and goes with it.
    let own = api
        .post(&Api::product("/devices/new-1/shared_secrets"), json!({}))
        .await
        .data();
    let (key3, word3) = (
        own["key"].as_str().unwrap(),
        own["secret"].as_str().unwrap(),
    );
    assert!(key3.starts_with("nhd_"));
    assert_eq!(status(sign(key3, word3, "new-1", now_ms())).await, 101);
    assert_eq!(status(sign(key3, word3, "new-3", now_ms())).await, 401);
    assert_eq!(
        api.delete(&Api::product("/devices/new-1")).await.status,
        204
    );
    assert_eq!(status(sign(key3, word3, "new-1", now_ms())).await, 401);
    assert_eq!(status(sign(key, word, "new-1", now_ms())).await, 401);
    let encoded = key.replace('/', "%2F").replace('+', "%2B");
    assert_eq!(
        api.delete(&Api::product(&format!("/shared_secrets/{encoded}")))
            .await
            .status,
        204
    );
    assert_eq!(
        status(sign(key, word, "new-4", now_ms())).await,
        401,
        "deactivated"
    );
    assert_eq!(server.devices("").await, 0, "none was created anew");
}

async fn a_join_is_followed_by_what_was_asked_for(server: Server) {
    let api = server.api();
    let mut d = Device::secret(&server, "d").await.unwrap();
    // Without keys in the organization none are pushed; a join without any metadata succeeds.
    let keys = json!({"fwup_public_keys": "on_connect", "archive_public_keys": "on_connect"});
    assert_eq!(
        d.join(json!({}), keys.clone()).await,
        json!({"status": "ok", "response": {}})
    );
    assert!(d.silent(300).await);
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    let code = json!({"connecting_code": "IO.puts(1)"});
    api.group("g", firmware["uuid"].as_str().unwrap(), code)
        .await;
    let mut d = Device::secret(&server, "d").await.unwrap();
    // Incomplete metadata with a known uuid is completed from the stored firmware.
    d.join(json!({"nerves_fw_uuid": firmware["uuid"]}), keys)
        .await;
    let key = crate::support::fixtures::text("keys/devkey.pub");
    let mut next = async || {
        let frame = d.next().await.unwrap();
        assert_eq!(frame[1], Value::Null, "a push has no ref");
        (frame[3].as_str().unwrap().to_owned(), frame[4].clone())
    };
    assert_eq!(
        next().await,
        ("fwup_public_keys".into(), json!({"keys": [key]}))
    );
    assert_eq!(
        next().await,
        ("archive_public_keys".into(), json!({"keys": [key]}))
    );
    assert_eq!(next().await, ("extensions:get".into(), json!({})));
    let script = json!({"text": "IO.puts(1)", "ref": "connecting_code"});
    assert_eq!(next().await, ("scripts/run".into(), script));
    let seen = api.get("/api/devices/d").await.data();
    assert_eq!(
        (&seen["version"], &seen["deployment_group"]["name"]),
        (&json!("1.0.0"), &json!("g"))
    );
    // Nothing that a device pushes is answered; unknown events and wrong types leave the socket open.
    for (event, payload) in [
        ("rebooting", json!({})),
        ("nonsense", json!({"a": 1})),
        ("fwup_progress", json!({"value": "x"})),
        ("status_update", json!([])),
        ("report_network_interface", json!({"interface": "wlan0"})),
        (
            "scripts/run",
            json!({"ref": "connecting_code", "output": "1", "return": ":ok"}),
        ),
    ] {
        d.push(event, payload).await;
    }
    assert!(d.silent(300).await);
    d.send(r#"[null,"77","phoenix","heartbeat",{}]"#).await;
    assert_eq!(
        d.next().await.unwrap(),
        json!([null, "77", "phoenix", "phx_reply", {"status": "ok", "response": {}}])
    );
    d.send(r#"["join_0","ref_1","device","phx_join",{}]"#).await;
    let reply = d.next().await.unwrap();
    assert_eq!(
        (&reply[0], &reply[1], &reply[4]["response"]),
        (&json!("join_0"), &json!("ref_1"), &json!({}))
    );
    api.post("/api/devices/d/reboot", json!({})).await;
    assert_eq!(d.event("reboot").await, json!({}));
    assert_eq!(server.devices("filters[connection_type]=wifi").await, 1);
}

async fn the_newest_socket_of_a_device_wins(server: Server) {
    let mut first = Device::secret(&server, "d").await.unwrap();
    first.join(json!({}), json!({})).await;
    let mut second = Device::secret(&server, "d").await.unwrap();
    assert_eq!(first.closed().await, Some(1001));
    second.join(json!({}), json!({})).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(
        server.connected().await,
        1,
        "the late close of the first leaves the device online"
    );
    assert_eq!(server.devices(readings::ONLINE).await, 1);
    let api = server.api();
    assert_eq!(
        api.post("/api/devices/d/reconnect", json!({})).await.status,
        204
    );
    assert_eq!(second.closed().await, Some(1001));
    for _ in 0..50 {
        if server.devices(readings::ONLINE).await == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the device stays online");
}

#[tokio::test]
async fn a_resumed_session_is_judged_anew() {
    let server = Server::process(Engine::Sqlite).await.unwrap();
    let config = client(&server, None, true);
    let first = Device::open(&server, config.clone(), PATH, secret(&server, "d")).await;
    assert!(first.is_ok());
    drop(first);
    server.api().delete(&Api::product("/devices/d")).await;
    // The same configuration offers the ticket of the first handshake.
    let r = Device::open(&server, config, PATH, secret(&server, "d"))
        .await
        .err()
        .unwrap();
    assert_eq!(r.status, 401);
}

#[tokio::test]
async fn a_stop_drains_the_sockets_and_ends_well() {
    let mut server = Server::process(Engine::Sqlite).await.unwrap();
    let mut d = Device::secret(&server, "d").await.unwrap();
    d.join(json!({}), json!({})).await;
    let closed = tokio::spawn(async move { d.closed().await });
    let (server, code) = tokio::task::spawn_blocking(move || {
        let code = server.terminate();
        (server, code)
    })
    .await
    .unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(closed.await.unwrap(), Some(1012));
    assert_eq!(server.count(inspect::ONLINE).await, 0);
}

#[tokio::test]
async fn broken_frames_close_with_their_code() {
    let server = Server::process(Engine::Sqlite).await.unwrap();
    let joined = async |name: &str| {
        let mut d = Device::secret(&server, name).await.unwrap();
        let firmware = json!({"uuid": "u", "product": "p", "version": "1.0.0", "platform": "x", "architecture": "y"});
        d.join(running(&firmware), json!({})).await;
        d
    };
    let mut d = joined("a").await;
    d.send("{").await;
    assert_eq!(d.closed().await, Some(1002));
    let mut d = joined("b").await;
    d.send_frame(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(d.closed().await, Some(1003));
    let mut d = Device::packed(&server, "p").await.unwrap();
    d.send_frame(Message::text(
        r#"[null,"1","phoenix","heartbeat",{}]"#.to_owned(),
    ))
    .await;
    assert_eq!(d.closed().await, Some(1003));
    let mut d = Device::packed(&server, "q").await.unwrap();
    d.send_frame(Message::binary(vec![0xc1])).await;
    assert_eq!(d.closed().await, Some(1002));
    let mut d = joined("c").await;
    d.send_frame(Message::text("x".repeat(1 << 20))).await;
    assert!(matches!(d.closed().await, Some(1009) | None));
}
