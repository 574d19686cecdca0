//! Extensions, from the switch of a product to what a person reads (docs/protocol/device.md, "Extensions"; docs/protocol/rules.md, "Health, position and identities").

use crate::support::device::{Device, running};
use crate::support::{Api, Server};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

crate::both_engines! {
    health_geo_and_logs_reach_the_people
    switches_reach_connected_devices_and_nobody_else
    metrics_are_averaged_and_logs_are_searched
}

crate::across_nodes! {
    health_geo_and_logs_reach_the_people
    switches_reach_connected_devices_and_nobody_else
}

pub async fn extend(d: &mut Device, names: Value) -> Value {
    let firmware = json!({"uuid": "u", "product": "p", "version": "1.0.0", "platform": "x", "architecture": "y"});
    d.join(running(&firmware), json!({})).await;
    offer(d, names).await
}

/// Offers extensions as a device that has joined; those that are wanted of it.
pub async fn offer(d: &mut Device, names: Value) -> Value {
    d.event("extensions:get").await;
    d.send(json!(["4", "4", "extensions", "phx_join", names]).to_string())
        .await;
    d.event("phx_reply").await["response"].clone()
}

pub async fn say(d: &mut Device, event: &str, payload: Value) {
    d.send(json!(["4", "7", "extensions", event, payload]).to_string())
        .await;
}

/// Asks until the answer is not empty.
pub(super) async fn read(api: &Api, path: &str) -> Value {
    let started = Instant::now();
    loop {
        let data = api.get(&Api::product(path)).await.data();
        if data != json!([]) && data != Value::Null {
            return data;
        }
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{path} stays empty"
        );
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

async fn health_geo_and_logs_reach_the_people(server: Server) {
    let api = server.api();
    let on = json!({"extensions": {"health": true, "geo": true, "logging": true}});
    let answer = api.put(&Api::product("/extensions"), on).await;
    assert_eq!(
        answer.data(),
        json!({"health": true, "geo": true, "logging": true, "local_shell": false,
            "network_identity": false})
    );
    let mut d = Device::packed(&server, "probe").await.unwrap();
    let offer =
        json!({"health": "0.0.1", "geo": "0.0.1", "logging": "0.0.1", "local_shell": "0.0.1"});
    assert_eq!(
        extend(&mut d, offer).await,
        json!(["health", "geo", "logging"])
    );
    say(&mut d, "health:attached", json!({})).await;
    d.event("health:check").await;
    let metrics = json!({"cpu_usage_percent": 91.5, "mem_used_percent": "12", "eth0_bytes_received_total": "77"});
    say(
        &mut d,
        "health:report",
        json!({"value": {"metrics": metrics, "alarms": {}}}),
    )
    .await;
    let health = read(&api, "/devices/probe/health").await;
    assert_eq!(health[0]["status"], "unhealthy");
    assert_eq!(
        health[0]["status_reasons"],
        json!({"unhealthy": {"cpu_usage_percent": {"value": 91.5, "threshold": 90.0}}})
    );
    assert_eq!(health[0]["report"]["metrics"], metrics);
    say(&mut d, "geo:attached", json!({})).await;
    d.event("geo:location:request").await;
    let place = json!({"latitude": 52.5, "longitude": 13.4, "source": "geoip", "accuracy": 20});
    say(&mut d, "geo:location:update", place).await;
    let place = read(&api, "/devices/probe/location").await;
    assert_eq!(
        (&place["latitude"], &place["longitude"], &place["accuracy"]),
        (&json!(52.5), &json!(13.4), &json!(20))
    );
    // An error does not erase it.
    say(
        &mut d,
        "geo:location:update",
        json!({"error_code": "X", "error_description": "y"}),
    )
    .await;
    say(&mut d, "logging:attached", json!({})).await;
    for i in 0..1_000 {
        let line = json!({"level": "info", "message": format!("line {i}"), "meta": {"time": "1700000000000000"}});
        say(&mut d, "logging:send", line).await;
    }
    d.send(r#"[null,"9","phoenix","heartbeat",{}]"#).await;
    assert_eq!(d.event("phx_reply").await["status"], "ok");
    read(&api, "/devices/probe/logs").await;
    let lines = api
        .get(&Api::product("/devices/probe/logs?limit=1000"))
        .await
        .data();
    let lines = lines.as_array().unwrap();
    // Ten at once, and five for each second that sending them took.
    assert!((10..=40).contains(&lines.len()), "{}", lines.len());
    assert_eq!(lines.last().unwrap()["message"], "line 0");
    assert_eq!(
        api.get(&Api::product("/devices/probe/location"))
            .await
            .data(),
        place
    );
    // Another organization sees nothing of it.
    let other = server.bootstrap("eve@x.org", "evil", "other");
    let eve = api.with_token(other["token"].as_str().unwrap());
    for what in ["health", "logs", "location", "extensions"] {
        let path = Api::product(&format!("/devices/probe/{what}"));
        assert_eq!(eve.get(&path).await.status, 404);
        let path = format!("/api/orgs/evil/products/other/devices/probe/{what}");
        assert_eq!(eve.get(&path).await.status, 404);
    }
    let bad = api
        .get(&Api::product("/devices/probe/health?limit=0"))
        .await;
    assert_eq!(bad.status, 422);
}

async fn switches_reach_connected_devices_and_nobody_else(server: Server) {
    let api = server.api();
    let mut d = Device::secret(&server, "one").await.unwrap();
    let offer = json!({"health": "0.0.1", "geo": "0.0.1"});
    // Off until somebody switches them on.
    assert_eq!(extend(&mut d, offer).await, json!([]));
    say(&mut d, "health:attached", json!({})).await;
    assert_eq!(d.event("phx_reply").await["response"], "detach");
    let on = json!({"extensions": {"health": true, "geo": true}});
    api.put(&Api::product("/extensions"), on).await;
    assert_eq!(
        d.event("attach").await,
        json!({"extensions": ["health", "geo"]})
    );
    say(&mut d, "health:attached", json!({})).await;
    d.event("health:check").await;
    let off = json!({"extensions": {"health": false}});
    let answer = api.put(&Api::product("/devices/one"), off).await;
    assert_eq!(answer.status, 201);
    assert_eq!(d.event("detach").await, json!({"extensions": ["health"]}));
    let seen = api
        .get(&Api::product("/devices/one/extensions"))
        .await
        .data();
    assert_eq!(seen["health"], json!({"product": true, "device": false}));
    assert_eq!(seen["geo"], json!({"product": true, "device": true}));
    // A report after the switch is not stored.
    say(&mut d, "health:report", json!({"value": {"metrics": {}}})).await;
    assert_eq!(d.event("phx_reply").await["response"], "detach");
    let health = api.get(&Api::product("/devices/one/health")).await.data();
    assert_eq!(health, json!([]));
    for bad in [
        json!({}),
        json!({"extensions": []}),
        json!({"extensions": {"helth": true}}),
        json!({"extensions": {"geo": "yes"}}),
    ] {
        let answer = api.put(&Api::product("/extensions"), bad).await;
        assert_eq!(answer.status, 422);
        assert!(answer.json()["errors"]["extensions"].is_array());
    }
    // The device's own code runs after the group's; alone it runs too.
    let code = json!({"connecting_code": "IO.puts(1)"});
    api.put(&Api::product("/devices/one"), code).await;
    let mut d = Device::secret(&server, "one").await.unwrap();
    d.join(json!({}), json!({})).await;
    assert_eq!(d.event("scripts/run").await["text"], "IO.puts(1)");
}

async fn metrics_are_averaged_and_logs_are_searched(server: Server) {
    let api = server.api();
    let on = json!({"extensions": {"health": true, "logging": true}});
    api.put(&Api::product("/extensions"), on).await.data();
    let mut d = Device::packed(&server, "probe").await.unwrap();
    let offer = json!({"health": "0.0.1", "logging": "0.0.1"});
    extend(&mut d, offer).await;
    say(&mut d, "health:attached", json!({})).await;
    let begin = server.now_ms() / 1_000;
    for (n, load) in [(1, 1.0), (2, 3.0), (3, 8.0)] {
        let metrics = json!({"load": load, "mem": "12"});
        let alarms = if n == 1 {
            json!({})
        } else {
            json!({"Leak": "of memory"})
        };
        let report = json!({"value": {"metrics": metrics, "alarms": alarms}});
        say(&mut d, "health:report", report).await;
        let mut seen = 0;
        for _ in 0..200 {
            let all = api.get(&Api::product("/devices/probe/health")).await.data();
            seen = all.as_array().unwrap().len();
            if seen == n {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        assert_eq!(seen, n);
        server.advance(Duration::from_secs(if n == 1 { 60 } else { 3_600 }));
        d.send(r#"[null,"9","phoenix","heartbeat",{}]"#).await;
    }
    let zulu = |seconds: i64| {
        let at = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        at.format(&time::format_description::well_known::Rfc3339)
            .unwrap()
    };
    let series = async |more: &str| {
        let (from, to) = (zulu(begin - 100), zulu(begin + 7_100));
        let path = format!("/devices/probe/metrics?from={from}&to={to}{more}");
        api.get(&Api::product(&path)).await
    };
    let two = series("&points=2").await.data();
    let from = (begin - 100) as f64;
    assert_eq!(two["t"], json!([from, from + 3_600.0]));
    assert_eq!(
        two["series"],
        json!({"load": [2.0, 8.0], "mem": [12.0, 12.0]})
    );
    assert_eq!(two["alarms"], json!({"Leak": [1, 1]}));
    let one = series("&points=144&keys=load,disk").await.data();
    let load = one["series"]["load"].as_array().unwrap();
    assert_eq!(
        load.iter().filter(|v| !v.is_null()).count(),
        3,
        "gaps stay gaps"
    );
    assert!(
        one["series"]["disk"]
            .as_array()
            .unwrap()
            .iter()
            .all(Value::is_null)
    );
    assert_eq!(one["series"].get("mem"), None);
    let keys = api
        .get(&Api::product("/devices/probe/metrics/keys"))
        .await
        .data();
    assert_eq!(keys, json!(["load", "mem"]));
    for (more, wrong) in [
        ("&points=1", "points"),
        ("&points=x", "points"),
        ("&to=yesterday", "to"),
    ] {
        let refused = series(more).await;
        assert!(
            refused.status == 422 && refused.errors()[wrong].is_array(),
            "{more}: {}",
            refused.text
        );
    }
    let path = Api::product("/devices/nobody/metrics");
    assert_eq!(api.get(&path).await.status, 404);
    // Lines by level and text, in any case, and page by page.
    say(&mut d, "logging:attached", json!({})).await;
    for (n, level, message) in [
        (1, "info", "started"),
        (2, "error", "Öffnen failed"),
        (3, "info", "öffnen again"),
        (4, "info", "done"),
    ] {
        let time = format!("170000000000000{n}");
        let line = json!({"level": level, "message": message, "meta": {"time": time}});
        say(&mut d, "logging:send", line).await;
    }
    let lines = async |more: &str| -> Vec<String> {
        let all = api
            .get(&Api::product(&format!("/devices/probe/logs{more}")))
            .await
            .data();
        let all = all.as_array().unwrap().iter();
        all.map(|l| l["message"].as_str().unwrap().to_owned())
            .collect()
    };
    for _ in 0..200 {
        if lines("").await.len() == 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(
        lines("?search=%C3%96FFNEN").await,
        ["öffnen again", "Öffnen failed"]
    );
    assert_eq!(lines("?level=error").await, ["Öffnen failed"]);
    assert_eq!(lines("?level=info&search=d&limit=1").await, ["done"]);
    let path = Api::product("/devices/probe/logs?limit=2");
    let first = api.get(&path).await.data();
    let before = first[1]["timestamp"].as_str().unwrap().replace(' ', "%20");
    assert_eq!(
        lines(&format!("?before={before}")).await,
        ["Öffnen failed", "started"]
    );
    // By the cursor none is left out, also where lines have one instant.
    let line = json!({"level": "debug", "message": "twin", "meta": {"time": "1600000000000000"}});
    for _ in 0..3 {
        say(&mut d, "logging:send", line.clone()).await;
    }
    for _ in 0..200 {
        if lines("?level=debug").await.len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let (mut before, mut read) = (String::new(), 0);
    loop {
        let path = format!("/devices/probe/logs?level=debug&limit=2{before}");
        let page = api.get(&Api::product(&path)).await.data();
        let page = page.as_array().unwrap();
        read += page.len();
        let Some(last) = page.last() else { break };
        before = format!("&before={}", last["cursor"].as_str().unwrap());
    }
    assert_eq!(read, 3);
    let refused = api.get(&Api::product("/devices/probe/logs?before=x")).await;
    assert!(refused.errors()["before"].is_array());
}
