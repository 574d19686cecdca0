//! A product at a glance: counted once for all who look, and what waits for a person.

use crate::support::device::Device;
use crate::support::{Api, Server};
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    a_summary_says_how_the_fleet_is_and_what_waits
    an_organization_shows_its_products_at_a_glance
}

async fn summary(server: &Server) -> Value {
    // What was counted before is kept for five seconds.
    server.advance(Duration::from_secs(6));
    server.api().get(&Api::product("/summary")).await.data()
}

async fn a_summary_says_how_the_fleet_is_and_what_waits(server: Server) {
    let empty = summary(&server).await;
    assert_eq!(
        (&empty["devices"], &empty["rollouts"], &empty["attention"]),
        (&json!(0), &json!([]), &json!([]))
    );
    let api = server.api();
    let workflow = json!({"version": 1, "steps": [
        {"name": "Canary", "matching_conditions": {"match_limit": 1}},
        {"name": "Sign-off", "type": "approval_required"},
    ]});
    let settings = json!({"delta_updatable": false, "workflow": workflow});
    let (old, new) = api.two_versions("prod", settings).await;
    let first = Device::joined(&server, "first", &old).await;
    let _second = Device::joined(&server, "second", &old).await;
    let form = json!({"identifier": "third"});
    api.post(&Api::product("/devices"), form).await.data();
    api.put(
        &Api::product("/devices/third"),
        json!({"updates_enabled": false}),
    )
    .await
    .data();
    let quiet = summary(&server).await;
    assert_eq!(quiet["devices"], 3);
    assert_eq!(
        quiet["connection"],
        json!({"connected": 2, "disconnected": 0, "not_seen": 1, "unseen_7d": 0, "unseen_14d": 0})
    );
    assert_eq!(
        quiet["health"],
        json!({"healthy": 0, "warning": 0, "unhealthy": 0, "unknown": 3})
    );
    assert_eq!(
        quiet["updates"],
        json!({"enabled": 2, "disabled": 1, "penalty-box": 0})
    );
    assert_eq!(
        quiet["versions"],
        json!([{"version": "1.0.0", "count": 2}, {"version": null, "count": 1}])
    );
    assert_eq!(
        (&quiet["rollouts"], &quiet["attention"]),
        (&json!([]), &json!([]))
    );
    // A release that goes on.
    api.release("prod", new["uuid"].as_str().unwrap()).await;
    let mut first = first;
    first.event("update").await;
    let busy = summary(&server).await;
    assert_eq!(busy["inflight"], 1);
    let rollout = &busy["rollouts"][0];
    assert_eq!(
        (
            &rollout["group"],
            &rollout["version"],
            &rollout["state"],
            &rollout["in_flight"]
        ),
        (
            &json!("prod"),
            &json!("1.1.0"),
            &json!("running"),
            &json!(1)
        )
    );
    // Nobody counts anew within five seconds.
    let again = api.get(&Api::product("/summary")).await.data();
    assert_eq!(again, busy);
    drop(first);
    let _first = Device::joined(&server, "first", &new).await;
    let mut waits = Value::Null;
    for _ in 0..100 {
        waits = summary(&server).await;
        if waits["attention"] != json!([]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let one = &waits["attention"][0];
    assert_eq!(
        (&one["kind"], &one["severity"], &one["group"]),
        (&json!("approval"), &json!("warning"), &json!("prod")),
        "{waits}"
    );
    let steps = &waits["rollouts"][0]["steps"];
    assert_eq!(steps[1], json!({"name": "Sign-off", "state": "current"}));
    // What was not seen for a week, with a query that finds it.
    drop(_second);
    server
        .until_devices("filters[connection]=disconnected", 1)
        .await;
    server.advance(Duration::from_secs(8 * 86_400));
    let mut unseen = Value::Null;
    for _ in 0..100 {
        unseen = summary(&server).await;
        if unseen["connection"]["unseen_7d"] != 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let all = unseen["attention"].as_array().unwrap();
    let found = all.iter().find(|a| a["kind"] == "unseen").unwrap();
    let query: String =
        form_urlencoded::byte_serialize(found["query"].as_str().unwrap().as_bytes()).collect();
    let path = Api::product(&format!("/devices?query={query}"));
    let listed = api.get(&path).await.json()["pagination"]["total_entries"].clone();
    assert_eq!(listed, found["count"]);
}

async fn an_organization_shows_its_products_at_a_glance(server: Server) {
    let api = server.api();
    for name in ["aaa", "zzz"] {
        let made = api
            .post("/api/orgs/acme/products", json!({"name": name}))
            .await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    // What only others may see is not among them.
    server.bootstrap("eve@else.org", "else", "thing");
    let (old, new) = api
        .two_versions("prod", json!({"delta_updatable": false}))
        .await;
    let mut device = Device::joined(&server, "first", &old).await;
    api.release("prod", new["uuid"].as_str().unwrap()).await;
    device.event("update").await;
    server.advance(Duration::from_secs(6));
    let whole = api.get("/api/orgs/acme/summary").await.json();
    let names: Vec<_> = whole["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["product"])
        .collect();
    assert_eq!(names, ["aaa", crate::support::fixtures::PRODUCT, "zzz"]);
    let short = &whole["data"][1];
    assert_eq!(
        (&short["devices"], &short["inflight"]),
        (&json!(1), &json!(1)),
        "{short}"
    );
    assert_eq!(
        short["rollouts"],
        json!({"running": 1, "paused": 0, "stopped": 0, "aborted": 0})
    );
    assert_eq!(short["attention"], json!({"error": 0, "warning": 0}));
    // It is the product's own summary, also to the moment at which it was counted.
    let own = api.get(&Api::product("/summary")).await.data();
    for field in ["at", "devices", "connection", "health", "inflight"] {
        assert_eq!(own[field], short[field], "{field}");
    }
    assert_eq!(whole["data"][0]["devices"], 0);
    let page = api
        .get("/api/orgs/acme/summary?pagination[page]=2&pagination[page_size]=2")
        .await
        .json();
    assert_eq!(page["data"][0]["product"], "zzz");
    assert_eq!(
        page["pagination"],
        json!({"page_number": 2, "page_size": 2, "total_entries": 3, "total_pages": 2})
    );
    let most = api
        .get("/api/orgs/acme/summary?pagination[page_size]=900")
        .await
        .json();
    assert_eq!(most["pagination"]["page_size"], 50);
    // What stopped and what failed is counted.
    let path = Api::product("/deployments/prod/pause");
    api.post(&path, json!({"reason": "tea"})).await.data();
    server.advance(Duration::from_secs(6));
    let short = api.get("/api/orgs/acme/summary").await.data()[1].clone();
    assert_eq!(short["rollouts"]["paused"], 1, "{short}");
    assert_eq!(api.get("/api/orgs/else/summary").await.status, 404);
}
