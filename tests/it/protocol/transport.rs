//! Points 1 to 14 (docs/protocol/device.md, "Conformance points"): TLS, the upgrade, refusals, the life of a connection.

use super::{PATH, joined, secret, server, status};
use crate::support::ca::{Leaf, ca};
use crate::support::device::{self, Device, client};
use crate::support::{Engine, Server, readings};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

#[tokio::test]
async fn p01_a_tls_1_2_only_client_with_a_p256_certificate_completes_and_a_tls_1_3_client_too() {
    let server = server().await;
    let factory = ca("factory");
    factory.register(&server.api(), true).await;
    let pair = factory.leaf("one", Leaf::default());
    for tls13 in [false, true] {
        let config = client(&server, Some(&pair), tls13);
        let path = "/socket/websocket?vsn=2.0.0";
        let mut d = Device::open(&server, config, path, Vec::new())
            .await
            .unwrap();
        d.join(json!({}), json!({})).await;
    }
}

#[tokio::test]
async fn p02_a_tls_client_without_certificate_gets_101_with_valid_nh1_headers() {
    let server = server().await;
    assert_eq!(status(&server, None, PATH, secret(&server, "d")).await, 101);
}

#[tokio::test]
async fn p03_no_certificate_and_no_x_header_is_401_with_a_reason() {
    let server = server().await;
    let r = Device::open(&server, client(&server, None, false), PATH, Vec::new()).await;
    let r = r.err().unwrap();
    let reason = "no certificate pair or shared secrets connection settings were provided";
    assert_eq!((r.status, r.body.as_str()), (401, reason));
    let header = format!("\r\nnh-connection-error-reason: {reason}\r\n");
    assert!(r.head.contains(&header), "{}", r.head);
}

#[tokio::test]
async fn p04_a_bad_signature_is_401_with_an_empty_body_and_a_date() {
    let server = server().await;
    let mut headers = secret(&server, "d");
    headers[3].1.push('A');
    let r = Device::open(&server, client(&server, None, false), PATH, headers).await;
    let r = r.err().unwrap();
    assert_eq!((r.status, r.body.as_str()), (401, ""));
    assert!(!r.head.contains("nh-connection-error-reason"), "{}", r.head);
    let date = r
        .head
        .lines()
        .find_map(|l| l.strip_prefix("Date: "))
        .unwrap();
    let format = time::format_description::parse_borrowed::<2>(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT",
    );
    assert!(
        time::PrimitiveDateTime::parse(date, &format.unwrap()).is_ok(),
        "{date}"
    );
}

#[tokio::test]
async fn p05_both_paths_accept_both_kinds_of_auth() {
    let server = server().await;
    let factory = ca("factory");
    factory.register(&server.api(), true).await;
    let pair = factory.leaf("one", Leaf::default());
    for path in [PATH, "/socket/websocket?vsn=2.0.0"] {
        assert_eq!(
            status(&server, None, path, secret(&server, "two")).await,
            101
        );
        assert_eq!(status(&server, Some(&pair), path, Vec::new()).await, 101);
    }
}

#[tokio::test]
async fn p06_other_versions_than_2_0_0_and_3_0_0_are_403() {
    let server = server().await;
    let ask = async |query: &str| {
        let path = format!("/device-socket/websocket{query}");
        let config = client(&server, None, false);
        let r = Device::open(&server, config, &path, secret(&server, "d")).await;
        r.err().map_or((101, String::new()), |r| (r.status, r.body))
    };
    for bad in ["", "?vsn=1.0.0", "?vsn=4.0.0", "?vsn=x"] {
        assert_eq!(ask(bad).await, (403, String::new()), "{bad}");
    }
    for good in ["?vsn=2.0.0", "?vsn=3.0.0"] {
        assert_eq!(ask(good).await.0, 101, "{good}");
    }
}

#[tokio::test]
async fn p07_beside_bad_headers_the_certificate_decides() {
    let server = server().await;
    let factory = ca("factory");
    factory.register(&server.api(), true).await;
    let mut headers = secret(&server, "by-secret");
    headers[3].1.push('A');
    let pair = factory.leaf("by-certificate", Leaf::default());
    assert_eq!(status(&server, Some(&pair), PATH, headers).await, 101);
    // And an unknown one refuses although the headers are good.
    let stranger = ca("stranger").leaf("x", Leaf::default());
    assert_eq!(
        status(&server, Some(&stranger), PATH, secret(&server, "by-secret")).await,
        401
    );
    assert_eq!(server.devices("").await, 1);
}

#[tokio::test]
async fn p08_a_101_is_what_the_strictest_parser_reads_and_nothing_follows_it() {
    let server = server().await;
    let mut tls = device::tls(&server, client(&server, None, false))
        .await
        .unwrap();
    let mut headers = device::upgrade_headers();
    headers.retain(|(n, _)| n != "sec-websocket-extensions");
    headers.extend(secret(&server, "d"));
    let (head, rest) = device::request(&mut tls, PATH, &headers).await;
    assert!(rest.is_empty(), "something shares the segment");
    let mut lines = head.split("\r\n");
    assert!(lines.next().unwrap().starts_with("HTTP/1.1 101"));
    let fields: Vec<(&str, &str)> = lines.filter_map(|l| l.split_once(": ")).collect();
    let of = |name: &str| fields.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
    assert_eq!(of("Upgrade"), Some("websocket"));
    assert_eq!(of("Connection"), Some("Upgrade"));
    assert!(
        !fields
            .iter()
            .any(|(n, _)| n.eq_ignore_ascii_case("sec-websocket-extensions"))
    );
    // Nothing comes by itself before the join.
    let mut byte = [0];
    let quiet = tokio::time::timeout(Duration::from_millis(300), tls.read(&mut byte));
    assert!(quiet.await.is_err());
}

#[tokio::test]
async fn p09_permessage_deflate_is_declined_and_frames_decode() {
    // Every device of these tests offers it, and `open` checks that the answer names no extension.
    let server = server().await;
    let offered = device::upgrade_headers();
    let offer = (
        "sec-websocket-extensions".to_owned(),
        "permessage-deflate".to_owned(),
    );
    assert!(offered.contains(&offer));
    joined(&server, "d").await;
}

#[tokio::test]
async fn p10_a_bare_tcp_connect_leaves_no_error_and_no_row() {
    let server = super::process().await;
    for _ in 0..20 {
        drop(TcpStream::connect(&server.devices).await.unwrap());
    }
    joined(&server, "d").await;
    assert_eq!(server.entries(readings::CONNECTIONS).await.len(), 1);
    let log = std::fs::read_to_string(server.folder.path().join("log")).unwrap();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn p11_an_unknown_path_is_301_and_status_alive_is_200() {
    let server = server().await;
    let ask = async |path: &str, headers: &[(String, String)]| {
        let mut tls = device::tls(&server, client(&server, None, false))
            .await
            .unwrap();
        let (head, mut body) = device::request(&mut tls, path, headers).await;
        tls.read_to_end(&mut body).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    };
    let (head, body) = ask("/anything", &[]).await;
    assert!(
        head.starts_with("HTTP/1.1 301") && body.is_empty(),
        "{head}"
    );
    assert!(head.contains("\r\nLocation: https://"), "{head}");
    for path in [
        "/status/alive",
        "/status/_health",
        "/status/health",
        "/status/healthy",
    ] {
        let (head, body) = ask(path, &[]).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(body, "Hello, Friend!");
    }
    let (head, _) = ask(PATH, &secret(&server, "d")).await;
    assert!(
        head.starts_with("HTTP/1.1 400"),
        "no upgrade is asked for: {head}"
    );
}

#[tokio::test]
async fn p12_of_two_sockets_of_one_device_the_first_is_closed_and_it_stays_online() {
    let server = server().await;
    let mut first = joined(&server, "d").await;
    let mut second = joined(&server, "d").await;
    assert_eq!(first.closed().await, Some(1001));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.devices(readings::ONLINE).await, 1);
    assert!(second.silent(100).await);
}

#[tokio::test]
async fn p13_180_s_without_a_frame_close_and_a_60_s_heartbeat_keeps_it() {
    let server = server().await;
    let mut silent = joined(&server, "silent").await;
    let mut alive = joined(&server, "alive").await;
    let started = Instant::now();
    let closed = async {
        let code = silent.closed_within(Duration::from_secs(200)).await;
        (code, started.elapsed())
    };
    let beats = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert!(super::until_heartbeat(&mut alive).await.is_empty());
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(super::until_heartbeat(&mut alive).await.is_empty());
    };
    let ((code, after), ()) = tokio::join!(closed, beats);
    assert_eq!(code, Some(1002));
    assert!(
        (179..190).contains(&after.as_secs()),
        "closed after {after:?}"
    );
}

#[tokio::test]
async fn p14_above_the_connect_limit_connections_close_early_and_others_do_not_notice() {
    let flags = ["--connect-rate", "10"];
    let server = Server::with(Engine::Sqlite, &flags).await.unwrap();
    let mut d = joined(&server, "d").await;
    let mut open = Vec::new();
    for _ in 0..60 {
        open.push(TcpStream::connect(&server.devices).await.unwrap());
    }
    let fates = open.iter_mut().map(|socket| async {
        let mut byte = [0];
        match tokio::time::timeout(Duration::from_secs(2), socket.read(&mut byte)).await {
            Ok(Ok(0) | Err(_)) => true,
            Ok(Ok(_)) => panic!("a byte was spent on it"),
            Err(_) => false,
        }
    });
    let fates = futures_util::future::join_all(fates).await;
    let shed = fates.iter().filter(|shed| **shed).count();
    assert!((20..60).contains(&shed), "{shed} of 60 were shed");
    assert!(super::until_heartbeat(&mut d).await.is_empty());
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    joined(&server, "e").await;
}

#[tokio::test]
async fn devices_can_be_sent_to_another_server() {
    let flags = ["--redirect-devices", "https://other.example:8443"];
    let server = Server::with(Engine::Sqlite, &flags).await.unwrap();
    let config = client(&server, None, false);
    let r = Device::open(&server, config, PATH, secret(&server, "d"))
        .await
        .err()
        .unwrap();
    assert_eq!((r.status, r.body.as_str()), (307, ""));
    let location = "\r\nLocation: https://other.example:8443/device-socket/websocket?vsn=2.0.0\r\n";
    assert!(r.head.contains(location), "{}", r.head);
    server.until_devices("", 0).await;
}
