//! What strangers and broken devices can send: clear answers, flat memory, no panic (a panic in the server's log fails
//! each of these tests).

use crate::support::device::{self, Device, client};
use crate::support::{Engine, Server};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// A frame of this client with some bytes changed.
fn mutated(rng: &mut StdRng) -> Message {
    const FRAMES: [&str; 6] = [
        r#"["1","1","device","phx_join",{"nerves_fw_uuid":"u","nerves_fw_version":"1.0.0","meta":{"firmware_validated":true}}]"#,
        r#"["1","9","device","status_update",{"status":"rescheduled","delay_for":5}]"#,
        r#"["1","9","device","fwup_progress",{"stage":"updating","value":50}]"#,
        r#"[null,"9","phoenix","heartbeat",{}]"#,
        r#"["3","3","extensions","phx_join",{"health":"0.0.1"}]"#,
        r#"["1","9","device","report_network_interface",{"interface":"wlan0"}]"#,
    ];
    let mut bytes = FRAMES[rng.random_range(0..FRAMES.len())]
        .as_bytes()
        .to_vec();
    for _ in 0..rng.random_range(0..4) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..4) {
            0 => bytes[at] = rng.random(),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, rng.random()),
            _ => bytes.truncate(at.max(1)),
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => Message::text(text),
        Err(e) => Message::binary(e.into_bytes()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_and_mutated_frames_do_no_harm() {
    let mut server = Server::process(Engine::Sqlite).await.unwrap();
    let mut rng = StdRng::seed_from_u64(7);
    let mut before = 0;
    for round in 0..60 {
        let mut d = Device::secret(&server, &format!("fuzz-{}", round % 5))
            .await
            .unwrap();
        if round % 2 == 0 {
            d.join(json!({}), json!({})).await;
        }
        for _ in 0..100 {
            if !d.send_frame(mutated(&mut rng)).await {
                break;
            }
        }
        if round == 20 {
            before = server.rss_kib();
        }
    }
    assert!(server.alive());
    let grown = server.rss_kib().saturating_sub(before);
    assert!(grown < 8_000, "grew by {grown} KiB");
    let mut d = Device::secret(&server, "honest").await.unwrap();
    assert_eq!(d.join(json!({}), json!({})).await["status"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_messagepack_does_no_harm() {
    let mut server = Server::process(Engine::Sqlite).await.unwrap();
    let mut rng = StdRng::seed_from_u64(11);
    for round in 0..60 {
        let mut d = Device::packed(&server, &format!("pack-{}", round % 5))
            .await
            .unwrap();
        if round % 2 == 0 {
            d.join(json!({}), json!({})).await;
        }
        for _ in 0..50 {
            let Message::Text(text) = mutated(&mut rng) else {
                continue;
            };
            let frame = serde_json::from_str(text.as_str()).unwrap_or(json!([null, "1", "x"]));
            let packed = rmpv::ext::to_value::<serde_json::Value>(frame).unwrap();
            let mut bytes = Vec::new();
            rmpv::encode::write_value(&mut bytes, &packed).unwrap();
            if rng.random_bool(0.3) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
            if !d.send_frame(Message::binary(bytes)).await {
                break;
            }
        }
    }
    assert!(server.alive());
    let mut d = Device::packed(&server, "honest").await.unwrap();
    assert_eq!(d.join(json!({}), json!({})).await["status"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_bytes_instead_of_frames_do_no_harm() {
    let mut server = Server::process(Engine::Sqlite).await.unwrap();
    let config = client(&server, None, true);
    let mut rng = StdRng::seed_from_u64(9);
    for round in 0..60 {
        let mut tls = device::tls(&server, config.clone()).await.unwrap();
        let mut bytes = vec![0u8; rng.random_range(1..6_000)];
        rng.fill_bytes(&mut bytes);
        if round % 3 == 0 {
            let headers = [
                device::upgrade_headers(),
                device::sign(
                    server.login("product_key"),
                    server.login("product_secret"),
                    "raw",
                    device::now_ms(),
                ),
            ]
            .concat();
            let (head, _) =
                device::request(&mut tls, "/socket/websocket?vsn=2.0.0", &headers).await;
            assert!(head.starts_with("HTTP/1.1 101"));
        }
        let _ = tls.write_all(&bytes).await;
        let _ = tls.flush().await;
    }
    // Plain text, and a head that does not end, on the TLS port.
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 0xff, 0xff, 1]] {
        let mut tcp = TcpStream::connect(&server.devices).await.unwrap();
        tcp.write_all(bytes).await.unwrap();
    }
    let mut tls = device::tls(&server, config).await.unwrap();
    let _ = tls
        .write_all(format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(20_000)).as_bytes())
        .await;
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(15), tls.read_to_end(&mut rest))
        .await
        .expect("it is cut off");
    assert!(server.alive());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_of_a_megabyte_is_refused_and_a_large_one_taken() {
    let server = Server::process(Engine::Sqlite).await.unwrap();
    let mut d = Device::secret(&server, "big").await.unwrap();
    let large = d.join(json!({"kv": "x".repeat(100_000)}), json!({})).await;
    assert_eq!(large["status"], "ok");
    let before = server.rss_kib();
    for _ in 0..20 {
        let mut d = Device::secret(&server, "big").await.unwrap();
        let join = json!(["1", "1", "device", "phx_join", {"kv": "x".repeat(1 << 20)}]);
        d.send_frame(Message::text(join.to_string())).await;
        assert!(matches!(d.closed().await, Some(1009) | None));
    }
    let grown = server.rss_kib().saturating_sub(before);
    assert!(grown < 16_000, "grew by {grown} KiB");
}

/// How many sockets this process may open.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits
        .lines()
        .find(|l| l.starts_with("Max open files"))
        .unwrap();
    line.split_whitespace().nth(3).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_half_open_handshakes_lock_nobody_out() {
    let mut server = Server::process(Engine::Sqlite).await.unwrap();
    let many = 10_000.min(descriptors().saturating_sub(1_000) * 3 / 4);
    let before = server.rss_kib();
    // A third of them are silent, a third stop within their ClientHello, a third after it.
    let mut hello = Vec::new();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    rustls::ClientConnection::new(client(&server, None, true), name)
        .unwrap()
        .write_tls(&mut hello)
        .unwrap();
    let mut held = Vec::with_capacity(many);
    for i in 0..many {
        // Within the connect rate, which would close them at once.
        if i % 150 == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut tcp = TcpStream::connect(&server.devices).await.unwrap();
        let sent = [0, hello.len() / 2, hello.len()][i % 3];
        let _ = tcp.write_all(&hello[..sent]).await;
        held.push(tcp);
    }
    let mut d = Device::secret(&server, "honest").await.unwrap();
    assert_eq!(d.join(json!({}), json!({})).await["status"], "ok");
    let grown = server.rss_kib().saturating_sub(before);
    assert!(
        grown < 120_000,
        "{many} half-open connections cost {grown} KiB"
    );
    // All of them are closed in the end: reading ends.
    let end = tokio::time::Instant::now() + Duration::from_secs(25);
    for tcp in held.iter_mut().rev().step_by(97) {
        let mut sent = Vec::new();
        let read = tokio::time::timeout_at(end, tcp.read_to_end(&mut sent)).await;
        assert!(read.is_ok(), "a half-open connection stays");
    }
    drop(held);
    d.send(r#"[null,"1","phoenix","heartbeat",{}]"#).await;
    assert_eq!(d.event("phx_reply").await["status"], "ok");
    assert!(server.alive());
}
