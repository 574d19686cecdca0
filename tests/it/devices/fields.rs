//! Which fields of its devices a list answers.

use super::extensions::{offer, say};
use crate::support::device::{Device, running};
use crate::support::{Api, Server, readings};
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    a_list_answers_the_fields_that_are_named
}

async fn row(api: &Api, fields: &str) -> Value {
    let path = Api::product(&format!("/devices?filters[identifier]=d&fields={fields}"));
    api.get(&path).await.data()[0].clone()
}

async fn a_list_answers_the_fields_that_are_named(server: Server) {
    let api = server.api();
    let (old, new) = api
        .two_versions("g", json!({"delta_updatable": false}))
        .await;
    let on = json!({"extensions": {"health": true}});
    assert_eq!(api.put(&Api::product("/extensions"), on).await.status, 200);
    let form = json!({"identifier": "never"});
    api.post(&Api::product("/devices"), form).await.data();
    let whole = api
        .get(&Api::product("/devices?filters[identifier]=never"))
        .await
        .data();
    assert!(
        whole[0].get("health").is_none(),
        "as NervesHub answers: {whole}"
    );
    let all = "identifier,health,alarms,update,connected_since,network,pinned";
    let path = Api::product(&format!("/devices?filters[identifier]=never&fields={all}"));
    assert_eq!(
        api.get(&path).await.data(),
        json!([{"identifier": "never", "health": "unknown", "alarms": [], "update": null,
                "connected_since": null, "network": "unknown", "pinned": false}])
    );
    let mut d = Device::secret(&server, "d").await.unwrap();
    d.join(running(&old), json!({})).await;
    assert_eq!(
        offer(&mut d, json!({"health": "0.0.1"})).await,
        json!(["health"])
    );
    say(&mut d, "health:attached", json!({})).await;
    let metrics = json!({"cpu_usage_percent": 99.0});
    let report = json!({"value": {"metrics": metrics, "alarms": {"disk full": "90 %"}}});
    say(&mut d, "health:report", report).await;
    let mut shown = Value::Null;
    for _ in 0..200 {
        shown = row(&api, "health,alarms,connected_since").await;
        if shown["health"] != "unknown" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(shown["alarms"], json!(["disk full"]), "{shown}");
    assert!(shown["connected_since"].is_string(), "{shown}");
    assert_eq!(shown.as_object().unwrap().len(), 3, "nothing else: {shown}");
    // The same word finds it, and counts it.
    let word = shown["health"].as_str().unwrap();
    assert_eq!(
        server
            .devices(&format!("filters[health_status]={word}"))
            .await,
        1
    );
    // An update on its way, and a pin of this person alone.
    api.release("g", new["uuid"].as_str().unwrap()).await;
    d.event("update").await;
    d.push(
        "fwup_progress",
        json!({"stage": "downloading", "value": 30}),
    )
    .await;
    server.until_devices(readings::UPDATING, 1).await;
    let pinned = api.put(&Api::product("/devices/d/pin"), json!({})).await;
    assert!(pinned.status < 300, "{}", pinned.text);
    let mut shown = Value::Null;
    for _ in 0..200 {
        shown = row(&api, "update,pinned,version").await;
        if shown["update"]["percent"] == 30 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(
        shown,
        json!({"update": {"stage": "downloading", "percent": 30, "kind": "full"}, "pinned": true, "version": "1.0.0"})
    );
    let other = server.member("view").await;
    assert_eq!(row(&other, "pinned").await, json!({"pinned": false}));
    let refused = api
        .get(&Api::product("/devices?fields=identifier,colour"))
        .await;
    assert_eq!(refused.status, 422);
    let text = refused.json()["errors"]["fields"][0].to_string();
    assert!(
        text.contains("colour is not a field") && text.contains("pinned"),
        "{text}"
    );
}
