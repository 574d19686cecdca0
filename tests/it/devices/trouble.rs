//! What went wrong over all devices of a product.

use crate::support::device::Device;
use crate::support::{Api, Server};
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    failures_of_a_span_are_grouped_by_what_they_have_in_common
    devices_that_come_and_go_are_found
}

async fn failures(api: &Api, query: &str) -> Value {
    api.get(&Api::product(&format!("/failures{query}")))
        .await
        .data()
}

async fn failures_of_a_span_are_grouped_by_what_they_have_in_common(server: Server) {
    let api = server.api();
    let (old, new) = api
        .two_versions("g", json!({"delta_updatable": false}))
        .await;
    assert_eq!(failures(&api, "").await, json!([]));
    let mut fleet = Vec::new();
    for name in ["a", "b", "c"] {
        fleet.push(Device::joined(&server, name, &old).await);
    }
    api.release("g", new["uuid"].as_str().unwrap()).await;
    for (device, reason) in fleet.iter_mut().zip(["no room", "no room", "bad checksum"]) {
        device.event("update").await;
        device
            .push("status_update", json!({"status": "downloading"}))
            .await;
        device
            .push(
                "status_update",
                json!({"status": "failed", "reason": reason}),
            )
            .await;
    }
    let mut found = Value::Null;
    for _ in 0..200 {
        found = failures(&api, "").await;
        if found[0]["count"] == 2 && found[1]["count"] == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(
        (&found[0]["value"], &found[1]["value"]),
        (&json!("no room"), &json!("bad checksum"))
    );
    let mut devices: Vec<_> = found[0]["devices"].as_array().unwrap().clone();
    devices.sort_by_key(ToString::to_string);
    assert_eq!(devices, ["a", "b"]);
    assert!(found[0]["attempts"].as_i64() >= Some(2) && found[0]["last"].is_string());
    for (by, value) in [
        ("stage", "downloading"),
        ("version", "1.0.0"),
        ("target", "1.1.0"),
        ("group", "g"),
    ] {
        let found = failures(&api, &format!("?by={by}")).await;
        assert_eq!(
            (&found[0]["value"], &found[0]["count"]),
            (&json!(value), &json!(3)),
            "{by}: {found}"
        );
    }
    // What is older than a week is in an answer that goes back further.
    server.advance(Duration::from_secs(8 * 86_400));
    assert_eq!(failures(&api, "").await, json!([]));
    let from = "2020-01-01T00:00:00Z";
    for (query, field) in [
        ("by=colour".to_owned(), "by"),
        (format!("from={from}"), "from"),
        (format!("to={from}&from=2021-01-01T00:00:00Z"), "from"),
        ("to=later".to_owned(), "to"),
    ] {
        let refused = api.get(&Api::product(&format!("/failures?{query}"))).await;
        assert_eq!(refused.status, 422, "{query}: {}", refused.text);
        assert!(
            refused.json()["errors"][field].is_array(),
            "{}",
            refused.text
        );
    }
}

async fn devices_that_come_and_go_are_found(server: Server) {
    let api = server.api();
    let (old, _) = api.two_versions("g", json!({})).await;
    let _steady = Device::joined(&server, "steady", &old).await;
    for _ in 0..3 {
        drop(Device::joined(&server, "loose", &old).await);
        server
            .until_devices("filters[connection]=disconnected", 1)
            .await;
    }
    let read = async |query: &str| api.get(&Api::product(&format!("/flapping{query}"))).await;
    assert_eq!(read("").await.data(), json!([]), "five at least");
    let found = read("?least=3").await.data();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!(
        (&found[0]["device"], &found[0]["connections"]),
        (&json!("loose"), &json!(3))
    );
    server.advance(Duration::from_secs(2 * 3600));
    assert_eq!(read("?least=1&hours=1").await.data(), json!([]));
    for (query, field) in [
        ("hours=0", "hours"),
        ("hours=9999", "hours"),
        ("least=0", "least"),
        ("least=x", "least"),
    ] {
        let refused = read(&format!("?{query}")).await;
        assert_eq!(refused.status, 422, "{query}");
        assert!(
            refused.json()["errors"][field].is_array(),
            "{}",
            refused.text
        );
    }
}
