//! Points 50 to 60 (docs/protocol/device.md, "Conformance points"): downloads and the life of an update.

use super::{PATH, joined, on, release, rollout, server, until_heartbeat};
use crate::support::ca::{Leaf, ca};
use crate::support::device::{self, Device, client, now_ms, running};
use crate::support::{Api, Server, fixtures, readings};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const IN_FLIGHT: &str = readings::UPDATING;
const BLOCKED: &str = readings::BLOCKED;

/// The link of an offered full file, and the file.
async fn offered(server: &Server) -> (String, Vec<u8>) {
    let (api, old, new) = rollout(server, json!({"delta_updatable": false})).await;
    let mut d = on(server, "d", &old).await;
    release(&api, &new).await;
    let url = d.event("update").await["firmware_url"]
        .as_str()
        .unwrap()
        .to_owned();
    (url, fixtures::bytes("good/rpi4-1.1.0.fw"))
}

#[tokio::test]
async fn p50_a_download_has_length_ranges_and_a_strong_etag_and_head_equals_get() {
    let server = server().await;
    let (url, file) = offered(&server).await;
    let http = reqwest::Client::new();
    let ask = async |method: reqwest::Method, range: Option<String>| {
        let mut request = http.request(method, &url);
        if let Some(range) = range {
            request = request.header("range", range);
        }
        let answer = request.send().await.unwrap();
        let names = [
            "content-length",
            "accept-ranges",
            "etag",
            "content-range",
            "content-encoding",
        ];
        let head: Vec<String> = names
            .iter()
            .map(|n| {
                answer
                    .headers()
                    .get(*n)
                    .map_or("", |v| v.to_str().unwrap())
                    .to_owned()
            })
            .collect();
        (
            answer.status().as_u16(),
            head,
            answer.bytes().await.unwrap(),
        )
    };
    let (status, head, body) = ask(reqwest::Method::GET, None).await;
    assert_eq!((status, body.as_ref()), (200, file.as_slice()));
    assert_eq!(
        (head[0].as_str(), head[1].as_str(), head[4].as_str()),
        (file.len().to_string().as_str(), "bytes", "")
    );
    assert!(head[2].starts_with('"'), "strong: {}", head[2]);
    let (status, same, body) = ask(reqwest::Method::HEAD, None).await;
    assert_eq!((status, &same, body.len()), (200, &head, 0));
    // One past the last byte, as the real downloader asks.
    let length = file.len();
    let (status, head, body) = ask(reqwest::Method::GET, Some(format!("bytes=100-{length}"))).await;
    assert_eq!((status, body.as_ref()), (206, &file[100..]));
    assert_eq!(head[3], format!("bytes 100-{}/{length}", length - 1));
    assert_eq!(head[0], (length - 100).to_string());
}

#[tokio::test]
async fn p51_a_device_whose_connection_is_cut_nine_times_has_the_right_file() {
    let server = server().await;
    let (url, file) = offered(&server).await;
    let path = url
        .strip_prefix(&format!("http://{}", server.downloads))
        .unwrap();
    let mut rng = StdRng::seed_from_u64(51);
    let mut got: Vec<u8> = Vec::new();
    for attempt in 0..10 {
        let mut tcp = TcpStream::connect(&server.downloads).await.unwrap();
        let range = match got.len() {
            0 => String::new(),
            n => format!("range: bytes={n}-{}\r\n", file.len()),
        };
        let ask = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n\
             x-retry-number: {attempt}\r\nuser-agent: NHL/2.12.0\r\n{range}\r\n"
        );
        tcp.write_all(ask.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(tcp.read_u8().await.unwrap());
        }
        let head = String::from_utf8(answer).unwrap();
        let expected = if got.is_empty() {
            "HTTP/1.1 200"
        } else {
            "HTTP/1.1 206"
        };
        assert!(head.starts_with(expected), "{head}");
        let left = file.len() - got.len();
        let stretch = if attempt == 9 {
            left
        } else {
            rng.random_range(1..=left / 2)
        };
        let mut part = vec![0; stretch];
        tcp.read_exact(&mut part).await.unwrap();
        got.extend(part);
    }
    assert!(got == file);
}

#[tokio::test]
async fn p52_a_link_works_a_day_later_and_without_credentials() {
    // Its time is in the link; that the server keeps to it is a unit test of `fleet::links`.
    let server = server().await;
    let (url, file) = offered(&server).await;
    let expires = url
        .split("expires=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let left = expires.parse::<i64>().unwrap() - now_ms() / 1_000;
    assert!(left >= 24 * 3_600, "{left} s");
    let answer = reqwest::Client::new().get(&url).send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap(), file);
}

#[tokio::test(flavor = "multi_thread")]
async fn p53_overload_never_yields_an_error_status_on_downloads() {
    let server = server().await;
    let (url, file) = offered(&server).await;
    let all = (0..400).map(|_| {
        let (url, file) = (&url, &file);
        async move {
            let answer = reqwest::get(url).await.unwrap();
            assert_eq!(answer.status(), 200);
            assert!(answer.bytes().await.unwrap() == file);
        }
    });
    futures_util::future::join_all(all).await;
}

#[tokio::test]
async fn p54_completed_is_no_success_the_target_uuid_is_and_a_third_one_is_not() {
    let server = server().await;
    let (api, old, new) = rollout(&server, json!({})).await;
    let mut d = on(&server, "d", &old).await;
    let mut e = on(&server, "e", &old).await;
    release(&api, &new).await;
    for device in [&mut d, &mut e] {
        device.event("update").await;
        device
            .push("status_update", json!({"status": "started"}))
            .await;
        device
            .push("status_update", json!({"status": "completed"}))
            .await;
        until_heartbeat(device).await;
    }
    assert_eq!(server.updates().await, 0);
    assert_eq!(server.devices(IN_FLIGHT).await, 2);
    on(&server, "d", &new).await;
    server.until_devices(IN_FLIGHT, 1).await;
    assert_eq!(server.updates().await, 1);
    joined(&server, "e").await;
    server.until_devices(IN_FLIGHT, 0).await;
    assert_eq!(
        server.updates().await,
        1,
        "a third uuid is changed, not updated"
    );
}

#[tokio::test]
async fn p55_failures_of_a_group_fill_the_penalty_box_and_those_of_a_push_do_not() {
    let server = server().await;
    let (api, old, new) = rollout(&server, json!({"delta_updatable": false})).await;
    release(&api, &new).await;
    let words = [
        "fwup error something",
        "failed",
        "update_failed",
        "ignored",
        "FWUP ERROR x",
    ];
    for (i, word) in words.iter().enumerate() {
        let mut d = on(&server, word, &old).await;
        d.event("update").await;
        d.push("status_update", json!({"status": word, "reason": "r"}))
            .await;
        server.until_devices(BLOCKED, i as i64 + 1).await;
        assert_eq!(server.devices(IN_FLIGHT).await, 0);
    }
    let mut pushed = Device::secret(&server, "pushed").await.unwrap();
    let elsewhere = json!({"uuid": "x", "product": "fixture-product", "version": "1.0.0",
        "platform": "other", "architecture": "arm"});
    pushed.join(running(&elsewhere), json!({})).await;
    let push = json!({"uuid": new["uuid"]});
    assert_eq!(
        api.post("/api/devices/pushed/upgrade", push).await.status,
        204
    );
    assert_eq!(pushed.event("update").await["deployment_id"], Value::Null);
    pushed
        .push("status_update", json!({"status": "failed"}))
        .await;
    server.until_devices(IN_FLIGHT, 0).await;
    assert_eq!(server.devices(BLOCKED).await, words.len() as i64);
}

#[tokio::test]
async fn p56_rescheduled_5_blocks_for_five_minutes_and_avm_reschedule_does_no_harm() {
    let server = server().await;
    let (api, old, new) = rollout(&server, json!({})).await;
    release(&api, &new).await;
    let mut d = on(&server, "d", &old).await;
    d.event("update").await;
    d.push(
        "status_update",
        json!({"status": "rescheduled", "delay_for": 5}),
    )
    .await;
    server.until_devices(BLOCKED, 1).await;
    let until_at = server
        .count("SELECT blocked_until FROM devices WHERE identifier = 'd'")
        .await;
    let minutes = (until_at / 1_000 - now_ms()) as f64 / 60_000.0;
    assert!((4.8..=5.01).contains(&minutes), "{minutes} minutes");
    let mut avm = Device::secret(&server, "avm").await.unwrap();
    avm.join(running(&old), json!({"device_api_version": "2.2.0"}))
        .await;
    avm.event("update").await;
    avm.push("status_update", json!({"status": "reschedule"}))
        .await;
    server.until_devices(BLOCKED, 2).await;
    assert_eq!(until_heartbeat(&mut avm).await, Vec::<Value>::new());
}

#[tokio::test]
async fn p57_a_reconnect_in_mid_download_gets_no_second_update_and_without_it_another_offer() {
    let server = server().await;
    let (api, old, new) = rollout(&server, json!({})).await;
    release(&api, &new).await;
    let mut d = on(&server, "d", &old).await;
    d.event("update").await;
    d.push("status_update", json!({"status": "started"})).await;
    until_heartbeat(&mut d).await;
    let mut d = Device::secret(&server, "d").await.unwrap();
    let going_on = json!({"currently_downloading_uuid": new["uuid"]});
    d.join(running(&old), going_on).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(
        until_heartbeat(&mut d)
            .await
            .iter()
            .all(|f| f[3] != "update")
    );
    assert_eq!(server.devices(IN_FLIGHT).await, 1);
    let mut d = on(&server, "d", &old).await;
    d.event("update").await;
}

#[tokio::test]
async fn p58_thirty_minutes_of_silence_free_the_slot() {
    let server = server().await;
    let (api, old, new) = rollout(&server, json!({"concurrent_updates": 1})).await;
    release(&api, &new).await;
    let mut silent = on(&server, "silent", &old).await;
    silent.event("update").await;
    silent
        .push("status_update", json!({"status": "started"}))
        .await;
    until_heartbeat(&mut silent).await;
    // It goes away in mid-update and does not come back.
    drop(silent);
    let mut next = on(&server, "next", &old).await;
    assert!(next.silent(300).await, "the slot is taken");
    // Half an hour passes for the row.
    server
        .run("UPDATE inflight SET updated_at = updated_at - 1801000000")
        .await;
    let started = Instant::now();
    while next.next().await.is_none_or(|f| f[3] != "update") {
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}

#[tokio::test]
async fn p59_link_http_gets_both_shapes_and_a_403_and_may_spell_the_vcs_header_either_way() {
    let server = server().await;
    let (api, old, new) = rollout(&server, json!({"delta_updatable": false})).await;
    let factory = ca("factory");
    factory.register(&api, true).await;
    let pair = factory.leaf("poller", Leaf::default());
    let poll = async |pair: Option<&device::Pair>, vcs: &str| {
        let mut tls = device::tls(&server, client(&server, pair, false))
            .await
            .unwrap();
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        for key in ["uuid", "product", "version", "platform", "architecture"] {
            headers.push((
                format!("X-NervesHub-{key}"),
                old[key].as_str().unwrap().to_owned(),
            ));
        }
        headers.push((format!("X-NervesHub-{vcs}"), vcs.to_owned()));
        let (head, mut body) = device::request(&mut tls, "/device/update", &headers).await;
        tls.read_to_end(&mut body).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), body)
    };
    let forbidden = json!({"status": "forbidden"});
    assert_eq!(poll(None, "x").await, ("403".into(), forbidden));
    let no = json!({"data": {"update_available": false, "firmware_url": null,
        "firmware_meta": null, "deployment_id": null}});
    for spelling in ["vcs_identifier", "vcs-identifier"] {
        assert_eq!(
            poll(Some(&pair), spelling).await,
            ("200".into(), no.clone())
        );
        let seen = api.get("/api/devices/poller").await.data();
        // The second says the same firmware, whose record is left as it is.
        assert_eq!(
            seen["firmware_metadata"]["vcs_identifier"],
            "vcs_identifier"
        );
    }
    release(&api, &new).await;
    let (status, body) = poll(Some(&pair), "vcs_identifier").await;
    assert_eq!(status, "200");
    assert_eq!(body["data"]["update_available"], true);
    assert_eq!(body["data"]["firmware_meta"]["uuid"], new["uuid"]);
    assert!(body["data"]["firmware_url"].is_string());
}

#[tokio::test]
async fn p60_a_stop_closes_sockets_with_1012_and_all_are_back_within_two_minutes() {
    let mut server = super::process().await;
    let mut open = Vec::new();
    for i in 0..30 {
        open.push(joined(&server, &format!("d{i}")).await);
    }
    let started = Instant::now();
    let codes = tokio::spawn(async move {
        let all = open.iter_mut().map(Device::closed);
        futures_util::future::join_all(all).await
    });
    let mut server = tokio::task::spawn_blocking(move || {
        assert_eq!(server.terminate(), Some(0));
        server
    })
    .await
    .unwrap();
    assert_eq!(codes.await.unwrap(), vec![Some(1012); 30]);
    server.restart();
    for i in 0..30 {
        let name = format!("d{i}");
        while Device::open(
            &server,
            client(&server, None, true),
            PATH,
            super::secret(&server, &name),
        )
        .await
        .is_err()
        {
            assert!(started.elapsed() < Duration::from_secs(120));
        }
    }
    let mut ended = server.entries(readings::CONNECTIONS).await;
    ended.retain(|c| c["disconnected_reason"] == "server stopped");
    assert_eq!(ended.len(), 30);
    assert!(server.api().get(&Api::product("/devices")).await.status == 200);
}
