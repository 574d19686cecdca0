//! Points 45 to 49 (docs/protocol/device.md, "Conformance points"): extensions and the console.

use super::{joined, server, until_heartbeat};
use crate::support::device::Device;
use crate::support::viewer::Viewer;
use crate::support::{Api, Server, readings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::Instant;

async fn switch(server: &Server, on: Value) {
    let answer = server
        .api()
        .put(&Api::product("/extensions"), json!({ "extensions": on }))
        .await;
    assert_eq!(answer.status, 200);
}

/// Joins the topic with these; the names that the server wants.
async fn offer(d: &mut Device, names: &[&str]) -> Value {
    let offer: serde_json::Map<_, _> = names
        .iter()
        .map(|n| ((*n).to_owned(), json!("0.0.1")))
        .collect();
    d.send(json!(["3", "3", "extensions", "phx_join", offer]).to_string())
        .await;
    d.event("phx_reply").await["response"].clone()
}

#[tokio::test]
async fn p45_what_the_product_has_off_is_not_in_the_list_and_told_to_detach() {
    let server = server().await;
    switch(&server, json!({"geo": true})).await;
    let mut d = joined(&server, "d").await;
    assert_eq!(offer(&mut d, &["health", "geo"]).await, json!(["geo"]));
    let detach = |reference: &str| json!(["3", reference, "extensions", "phx_reply", {"status": "error", "response": "detach"}]);
    for (reference, event) in [
        ("11", "health:attached"),
        ("12", "unknown:attached"),
        ("13", "nocolon"),
    ] {
        d.send(json!(["3", reference, "extensions", event, {}]).to_string())
            .await;
        d.expect(detach(reference)).await;
    }
    // Allowed and not attached yet: dropped. And who says it has stopped is not told so.
    d.say(
        "3",
        "extensions",
        "geo:location:update",
        json!({"latitude": 1.0, "longitude": 1.0}),
    )
    .await;
    d.say("3", "extensions", "health:detached", json!({})).await;
    assert_eq!(until_heartbeat(&mut d).await, Vec::<Value>::new());
    assert_eq!(server.locations().await, 0);
    // A device's own switch takes away.
    let off = json!({"extensions": {"geo": false}});
    server.api().put(&Api::product("/devices/d"), off).await;
    let mut d = joined(&server, "d").await;
    assert_eq!(offer(&mut d, &["health", "geo"]).await, json!([]));
}

#[tokio::test]
async fn p46_a_check_follows_the_attach_and_reports_with_missing_parts_are_stored() {
    let server = server().await;
    switch(&server, json!({"health": true})).await;
    let mut d = joined(&server, "d").await;
    offer(&mut d, &["health"]).await;
    d.say("3", "extensions", "health:attached", json!({})).await;
    d.expect(json!([null, null, "extensions", "health:check", {}]))
        .await;
    let report =
        json!({"metrics": {"wlan0_bytes_received_total": "12345", "cpu_usage_percent": "95"}});
    d.say(
        "3",
        "extensions",
        "health:report",
        json!({ "value": report }),
    )
    .await;
    let reports = readings::HEALTH_REPORTS;
    server.until_entries(reports, |_| true, 1).await;
    let health = server
        .api()
        .get(&Api::product("/devices/d/health"))
        .await
        .data();
    assert_eq!(
        (&health[0]["report"], &health[0]["status"]),
        (&report, &json!("unhealthy"))
    );
    // When an operator looks, the device is asked again.
    let look = Api::product("/devices/d/health?refresh=true");
    assert_eq!(server.api().get(&look).await.status, 200);
    d.expect(json!([null, null, "extensions", "health:check", {}]))
        .await;
    d.say("3", "extensions", "health:report", json!({})).await;
    assert_eq!(until_heartbeat(&mut d).await, Vec::<Value>::new());
}

#[tokio::test]
async fn p47_of_a_thousand_log_lines_in_a_second_at_most_15_are_stored_and_nothing_closes() {
    let server = server().await;
    switch(&server, json!({"logging": true})).await;
    let mut d = joined(&server, "d").await;
    offer(&mut d, &["logging"]).await;
    d.say("3", "extensions", "logging:attached", json!({}))
        .await;
    let started = Instant::now();
    for i in 0..1_000 {
        let line = json!({"level": "info", "message": i.to_string(), "meta": {"time": "1795516598000000"}});
        d.say("3", "extensions", "logging:send", line).await;
    }
    until_heartbeat(&mut d).await;
    let stored = server.entries(readings::LOG_LINES).await.len() as i64;
    // Ten at once and five a second: fifteen within the second that this takes.
    let most = 10 + 5 * (started.elapsed().as_secs() as i64 + 1);
    assert!((10..=most).contains(&stored), "{stored} stored");
}

#[tokio::test]
async fn p48_viewers_share_a_console_with_its_past_and_files_pass_unharmed() {
    let server = server().await;
    let topic = "user:console:identifier-d";
    let mut d = joined(&server, "d").await;
    d.send(r#"["2","2","console","phx_join",{"console_version":"2.0.0"}]"#)
        .await;
    d.event("phx_reply").await;
    let (mut one, _) = Viewer::join(&server, topic).await;
    one.event("up").await;
    for i in 0..1_030 {
        d.say("2", "console", "up", json!({"data": format!("{i}\r\n")}))
            .await;
    }
    d.say("2", "console", "up", json!({"data": "iex> "})).await;
    while one.event("up").await["data"] != "iex> " {}
    let (mut two, _) = Viewer::join(&server, topic).await;
    let past = two.event("up").await;
    let past = past["data"].as_str().unwrap();
    assert!(
        past.starts_with("6\r\n") && past.ends_with("1029\r\niex> "),
        "1,024 lines and the rest"
    );
    d.say("2", "console", "up", json!({"data": "both"})).await;
    assert_eq!(one.event("up").await["data"], "both");
    assert_eq!(two.event("up").await["data"], "both");
    let file: Vec<u8> = (0..1 << 20)
        .map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let name = json!({"filename": "f"});
    let chunk = |c: &[u8]| json!({"filename": "f", "chunk": 0, "data": STANDARD.encode(c)});
    // To the device.
    let send = async {
        one.push("file-data/start", name.clone()).await;
        for c in file.chunks(1_024) {
            one.push("file-data", chunk(c)).await;
        }
        one.push("file-data/stop", name.clone()).await;
    };
    let take = async {
        let mut got = Vec::new();
        loop {
            let frame = d.next().await.unwrap();
            match frame[3].as_str().unwrap() {
                "file-data/stop" => return got,
                "file-data" => {
                    got.extend(STANDARD.decode(frame[4]["data"].as_str().unwrap()).unwrap())
                }
                _ => {}
            }
        }
    };
    assert!(tokio::join!(send, take).1 == file, "to the device");
    // From it.
    let send = async {
        d.say("2", "console", "file-data/start", name.clone()).await;
        for c in file.chunks(1_024) {
            d.say("2", "console", "file-data", chunk(c)).await;
        }
        d.say("2", "console", "file-data/stop", name.clone()).await;
    };
    let take = async {
        let mut got = Vec::new();
        loop {
            let frame = two.next().await.unwrap();
            match frame[3].as_str().unwrap() {
                "file-data/stop" => return got,
                "file-data" => {
                    got.extend(STANDARD.decode(frame[4]["data"].as_str().unwrap()).unwrap())
                }
                _ => {}
            }
        }
    };
    let drain = async { while one.event("file-data/stop").await["filename"] != "f" {} };
    assert!(tokio::join!(send, take, drain).1 == file, "from the device");
    // Console 1.0.0 is offered none.
    let mut old = joined(&server, "old").await;
    old.send(r#"["2","2","console","phx_join",{"console_version":"1.0.0"}]"#)
        .await;
    old.event("phx_reply").await;
    let (mut one, _) = Viewer::join(&server, "user:console:identifier-old").await;
    one.event("up").await;
    one.push("file-data/start", name).await;
    one.event("file-data/error").await;
    assert_eq!(until_heartbeat(&mut old).await, Vec::<Value>::new());
}

#[tokio::test]
async fn p49_an_error_of_geo_does_not_erase_the_last_position() {
    let server = server().await;
    switch(&server, json!({"geo": true})).await;
    let mut d = joined(&server, "d").await;
    offer(&mut d, &["geo"]).await;
    d.say("3", "extensions", "geo:attached", json!({})).await;
    d.expect(json!([null, null, "extensions", "geo:location:request", {}]))
        .await;
    let place = json!({"latitude": 52.5, "longitude": 13.4, "source": "geoip"});
    d.say("3", "extensions", "geo:location:update", place).await;
    server.until_locations(1).await;
    let error = json!({"error_code": "HTTP_ERROR", "error_description": ":exhausted_servers"});
    d.say("3", "extensions", "geo:location:update", error).await;
    until_heartbeat(&mut d).await;
    let now = server
        .api()
        .get(&Api::product("/devices/d/location"))
        .await
        .data();
    assert_eq!(
        (&now["latitude"], &now["longitude"]),
        (&json!(52.5), &json!(13.4))
    );
}
