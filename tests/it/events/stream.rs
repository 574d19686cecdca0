//! What happens to devices, as Server-Sent Events.

use crate::support::device::{Device, running};
use crate::support::{Api, Engine, Server, contract};
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    a_stream_tells_of_its_devices_only
    a_stream_of_a_group_tells_of_no_other_device
    a_stream_brings_what_is_wanted_of_it_alone
    who_comes_back_to_a_stream_learns_what_it_missed
    a_stream_brings_the_summary_as_it_changes
}

crate::behind_proxy! {
    &[];
    a_stream_tells_of_its_devices_only
}

crate::across_nodes! {
    a_stream_tells_of_its_devices_only
    a_stream_of_a_group_tells_of_no_other_device
}

/// Reads events until one is of this kind.
async fn until(
    stream: &mut (impl StreamExt<Item = reqwest::Result<bytes::Bytes>> + Unpin),
    kind: &str,
) -> Value {
    let mut text = String::new();
    let wanted = format!("event: {kind}\ndata: ");
    let read = async {
        loop {
            if let Some((_, rest)) = text.split_once(&wanted)
                && let Some((data, _)) = rest.split_once("\n\n")
            {
                return serde_json::from_str(data).unwrap();
            }
            let more = stream.next().await.expect("the stream goes on").unwrap();
            text.push_str(std::str::from_utf8(&more).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .unwrap_or_else(|_| panic!("no {kind}"))
}

async fn a_stream_tells_of_its_devices_only(server: Server) {
    let api = server.api();
    for name in ["a", "b"] {
        api.post(&Api::product("/devices"), json!({"identifier": name}))
            .await
            .data();
    }
    let open = async |path: &str| {
        let answer = api
            .raw(Method::GET, &Api::product(path))
            .send()
            .await
            .unwrap();
        assert_eq!(
            answer.headers()["content-type"],
            "text/event-stream; charset=utf-8"
        );
        let at = if path == "/events" {
            path
        } else {
            "/devices/{device}/events"
        };
        contract::note(&format!(
            "get /api/orgs/{{org}}/products/{{product}}{at} 200"
        ));
        answer.bytes_stream().boxed()
    };
    let firmware = json!({
        "uuid": "00000000-0000-0000-0000-000000000001", "product": "fixture-product",
        "version": "1.0.0", "platform": "rpi4", "architecture": "arm",
    });
    let mut all = open("/events").await;
    let mut of_b = open("/devices/b/events").await;
    assert_eq!(
        api.get(&Api::product("/devices/none/events")).await.status,
        404
    );
    assert_eq!(
        api.get(&Api::product("/deployments/none/events"))
            .await
            .status,
        404
    );
    let mut a = Device::secret(&server, "a").await.unwrap();
    a.join(running(&firmware), json!({})).await;
    let online = until(&mut all, "online").await;
    assert_eq!(online["device"], "a");
    let mut b = Device::secret(&server, "b").await.unwrap();
    b.join(running(&firmware), json!({})).await;
    let online = until(&mut of_b, "online").await;
    assert_eq!(
        online["device"], "b",
        "nothing of the other device came before"
    );
    b.push(
        "fwup_progress",
        json!({"stage": "downloading", "value": 50}),
    )
    .await;
    let update = until(&mut of_b, "firmware_update").await;
    assert_eq!(
        (&update["percent"], &update["device"]),
        (&json!(50), &json!("b"))
    );
    drop(a);
    let offline = until(&mut all, "offline").await;
    assert_eq!(offline["device"], "a");
    drop(b);
}

async fn a_stream_of_a_group_tells_of_no_other_device(server: Server) {
    let api = server.api();
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    let uuid = firmware["uuid"].as_str().unwrap();
    api.group(
        "g",
        uuid,
        json!({"conditions": {"tags": ["in"], "version": ""}}),
    )
    .await;
    for (name, tag) in [("inside", "in"), ("outside", "out")] {
        let form = json!({"identifier": name, "tags": [tag]});
        api.post(&Api::product("/devices"), form).await.data();
    }
    // The first join puts a device into its group.
    let mut inside = Device::secret(&server, "inside").await.unwrap();
    inside.join(running(&firmware), json!({})).await;
    let view = api.get("/api/devices/inside").await.data();
    assert_eq!(view["deployment_group"]["name"], "g");
    let path = Api::product("/deployments/g/events");
    let answer = api.raw(Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    contract::note("get /api/orgs/{org}/products/{product}/deployments/{name}/events 200");
    let mut stream = answer.bytes_stream().boxed();
    let mut outside = Device::secret(&server, "outside").await.unwrap();
    outside.join(running(&firmware), json!({})).await;
    let progress = json!({"stage": "downloading", "value": 10});
    outside.push("fwup_progress", progress.clone()).await;
    inside.push("fwup_progress", progress).await;
    let update = until(&mut stream, "firmware_update").await;
    assert_eq!(
        update["device"], "inside",
        "nothing of the other came before"
    );
    drop((inside, outside));
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_watch_as_there_is_room_for() {
    let server = Server::process(Engine::Sqlite).await.unwrap();
    let api = server.api();
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    api.group("g", firmware["uuid"].as_str().unwrap(), json!({}))
        .await;
    let device = json!({"identifier": "d"});
    api.post(&Api::product("/devices"), device).await.data();
    let path = Api::product("/events");
    let mut watching = Vec::new();
    let streams = ["/events", "/devices/d/events", "/deployments/g/events"];
    // Each person has a share, so that one alone never takes all places.
    for n in 0..16 {
        let member = server.member_called(&format!("m{n}"), "view").await;
        for _ in 0..64 {
            let answer = member.raw(Method::GET, &path).send().await.unwrap();
            assert_eq!(answer.status(), 200, "after {}", watching.len());
            watching.push(answer);
        }
        for path in streams.iter().filter(|_| n == 0) {
            let share = member.get(&Api::product(path)).await;
            assert_eq!(share.status, 429, "{path}: {}", share.text);
        }
    }
    for path in streams {
        let full = api.get(&Api::product(path)).await;
        assert_eq!(full.status, 503, "{path}: {}", full.text);
    }
    // Who leaves makes room, and the server is none the worse for it.
    watching.truncate(1_000);
    let again = async {
        loop {
            let answer = api.raw(Method::GET, &path).send().await.unwrap();
            if answer.status() == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), again)
        .await
        .expect("there is room again");
    assert!(server.rss_kib() < 300_000, "{} KiB", server.rss_kib());
}

/// The names and devices of the events that come until one of this device and kind.
async fn came(
    stream: &mut (impl StreamExt<Item = reqwest::Result<bytes::Bytes>> + Unpin),
    last: &str,
) -> Vec<String> {
    let mut text = String::new();
    let read = async {
        loop {
            let events = text.split("\n\n").filter_map(|event| {
                let (_, event) = event.split_once("event: ")?;
                let (kind, data) = event.split_once("\ndata: ")?;
                let data: Value = serde_json::from_str(data).ok()?;
                Some(format!("{kind} {}", data["device"].as_str()?))
            });
            let events: Vec<_> = events.collect();
            if events.iter().any(|e| e == last) {
                return events;
            }
            let more = stream.next().await.expect("the stream goes on").unwrap();
            text.push_str(std::str::from_utf8(&more).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .unwrap_or_else(|_| panic!("no {last}"))
}

async fn a_stream_brings_what_is_wanted_of_it_alone(server: Server) {
    let api = server.api();
    for name in ["a", "b", "c"] {
        let form = json!({"identifier": name});
        api.post(&Api::product("/devices"), form).await.data();
    }
    let open = async |path: &str| {
        // As a browser's EventSource asks for it.
        let request = api
            .raw(Method::GET, &Api::product(path))
            .header("accept", "text/event-stream");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes_stream().boxed()
    };
    let mut ends = open("/events?types=offline,health").await;
    let mut two = open("/events?devices=b,%20c").await;
    let mut both = open("/events?types=online&devices=c").await;
    let firmware = json!({"uuid": "u", "product": "p", "version": "1.0.0", "platform": "x", "architecture": "y"});
    for name in ["a", "b", "c"] {
        drop(Device::joined(&server, name, &firmware).await);
    }
    server
        .until_devices("filters[connection]=disconnected", 3)
        .await;
    let mut all = came(&mut ends, "offline c").await;
    all.sort();
    assert_eq!(all, ["offline a", "offline b", "offline c"]);
    let all = came(&mut two, "offline c").await;
    assert!(all.iter().all(|e| !e.ends_with('a')), "{all:?}");
    assert!(all.contains(&"online b".into()), "{all:?}");
    assert_eq!(came(&mut both, "online c").await, ["online c"]);
    let many = vec!["a"; 201].join(",");
    for (more, wrong) in [
        ("types=moon".to_owned(), "types"),
        ("devices=nobody".to_owned(), "devices"),
        (format!("devices={many}"), "devices"),
    ] {
        let refused = api.get(&Api::product(&format!("/events?{more}"))).await;
        assert!(
            refused.status == 422 && refused.errors()[wrong].is_array(),
            "{}",
            refused.text
        );
    }
    // What cannot be read is refused before a stream begins.
    api.two_versions("g", json!({"delta_updatable": false}))
        .await;
    for path in ["/events", "/devices/a/events", "/deployments/g/events"] {
        let refused = api.get(&Api::product(&format!("{path}?types=moon"))).await;
        assert_eq!(refused.status, 422, "{path}");
        for (body, status) in [(b"{\"a\": ".to_vec(), 400), (vec![b' '; 8_000_001], 413)] {
            let request = api.raw(Method::GET, &Api::product(path));
            let request = request
                .header("content-type", "application/json")
                .body(body);
            assert_eq!(Api::answer(request).await.status, status, "{path}");
        }
    }
}

/// Opens the product's stream as somebody who has seen the event with this mark.
async fn events_after(
    api: &Api,
    mark: Option<&str>,
    query: &str,
) -> futures_util::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>> {
    let mut asked = api.raw(Method::GET, &Api::product(&format!("/events{query}")));
    if let Some(mark) = mark {
        asked = asked.header("last-event-id", mark);
    }
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    contract::note("get /api/orgs/{org}/products/{product}/events 200");
    answer.bytes_stream().boxed()
}

/// What a stream brings until this text is in it.
async fn read_until(
    stream: &mut (impl StreamExt<Item = reqwest::Result<bytes::Bytes>> + Unpin),
    wanted: &str,
) -> String {
    let mut text = String::new();
    let read = async {
        while !text.contains(wanted) {
            let more = stream.next().await.expect("the stream goes on").unwrap();
            text.push_str(std::str::from_utf8(&more).unwrap());
        }
    };
    let read = tokio::time::timeout(Duration::from_secs(20), read).await;
    read.unwrap_or_else(|_| panic!("no {wanted}: {text}"));
    text
}

async fn who_comes_back_to_a_stream_learns_what_it_missed(server: Server) {
    let api = server.api();
    let firmware = json!({
        "uuid": "00000000-0000-0000-0000-000000000001", "product": "fixture-product",
        "version": "1.0.0", "platform": "rpi4", "architecture": "arm",
    });
    let mut stream = events_after(&api, None, "").await;
    let mut a = Device::secret(&server, "a").await.unwrap();
    a.join(running(&firmware), json!({})).await;
    let text = read_until(&mut stream, "event: online").await;
    let mark = text.split("id: ").nth(1).unwrap().lines().next().unwrap();
    drop(stream);
    let mut b = Device::secret(&server, "b").await.unwrap();
    b.join(running(&firmware), json!({})).await;
    drop(a);
    server
        .until_devices("filters[connection]=disconnected", 1)
        .await;
    // Both events, each once, and what comes next.
    let mut back = events_after(&api, Some(mark), "?types=online,offline").await;
    let mut missed = read_until(&mut back, "event: offline").await;
    if !missed.contains("event: online") {
        missed += &read_until(&mut back, "event: online").await;
    }
    let mut names: Vec<_> = missed
        .lines()
        .filter(|l| l.starts_with("event: "))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["event: offline", "event: online"], "{missed}");
    assert!(!missed.contains("event: lost"), "{missed}");
    drop(b);
    let next = read_until(&mut back, "event: offline").await;
    assert!(next.contains("\"device\":\"b\""), "{next}");
    // A mark of another process says nothing here.
    let mut lost = events_after(&api, Some("1-1"), "").await;
    let text = read_until(&mut lost, "event: lost").await;
    assert!(text.contains("data: {\"count\":null}"), "{text}");
}

async fn a_stream_brings_the_summary_as_it_changes(server: Server) {
    let api = server.api();
    let mut stream = events_after(&api, None, "?types=summary").await;
    let first = until(&mut stream, "summary").await;
    let asked = api.get(&Api::product("/summary")).await.data();
    assert_eq!(first, asked);
    assert_eq!(first["devices"], 0);
    let form = json!({"identifier": "a"});
    api.post(&Api::product("/devices"), form).await.data();
    server.advance(Duration::from_secs(6));
    let next = until(&mut stream, "summary").await;
    assert_eq!(next["devices"], 1, "{next}");
    // Only a product has one, and a stream that does not ask for it brings none.
    let path = Api::product("/devices/a/events?types=summary");
    let refused = api.get(&path).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    let mut plain = events_after(&api, None, "").await;
    let mut a = Device::secret(&server, "a").await.unwrap();
    a.join(json!({}), json!({})).await;
    let text = read_until(&mut plain, "event: online").await;
    assert!(!text.contains("event: summary"), "{text}");
}
