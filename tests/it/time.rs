//! What ends or begins by itself, on a clock that the tests move: links, tokens, invitations, updates of silent devices,
//! the penalty box.

use crate::support::device::Device;
use crate::support::{Api, Server, inspect, readings};
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    a_download_link_ends_after_two_days
    a_token_ends_on_its_day
    an_invitation_ends_after_two_days
    an_update_of_a_silent_device_ends_after_half_an_hour
    a_device_leaves_the_penalty_box_by_itself
}

const HOUR: Duration = Duration::from_secs(3600);

/// Both versions of a fixture, and a device that runs the first, in a group of its own.
async fn rollout(server: &Server, settings: Value) -> (Api, Value, Device) {
    let api = server.api();
    let (old, new) = api.two_versions("g", settings).await;
    let d = Device::joined(server, "d", &old).await;
    (api, new, d)
}

async fn a_download_link_ends_after_two_days(server: Server) {
    let (api, new, mut d) = rollout(&server, json!({"delta_updatable": false})).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    let update = d.event("update").await;
    let url = update["firmware_url"].as_str().unwrap();
    let status = async || reqwest::get(url).await.unwrap().status().as_u16();
    assert_eq!(status().await, 200);
    server.advance(47 * HOUR);
    assert_eq!(status().await, 200);
    server.advance(2 * HOUR);
    assert_eq!(status().await, 403);
}

async fn a_token_ends_on_its_day(server: Server) {
    let form = json!({"note": "ci", "expires_in_days": 2});
    let made = server.api().post("/api/users/me/tokens", form).await;
    let own = server
        .api()
        .with_token(made.data()["token"].as_str().unwrap());
    assert_eq!(own.get("/api/users/me").await.status, 200);
    server.advance(49 * HOUR);
    assert_eq!(own.get("/api/users/me").await.status, 401);
    let listed = server.api().get("/api/users/me/tokens").await.data();
    let expired = |t: &Value| t["note"] == "ci" && t["expired"] == true;
    assert!(listed.as_array().unwrap().iter().any(expired), "{listed}");
}

async fn an_invitation_ends_after_two_days(server: Server) {
    let api = server.api();
    let form = json!({"email": "new@acme.org", "role": "view"});
    let made = api.post("/api/orgs/acme/invites", form).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let open = async || api.get("/api/orgs/acme/invites").await.data();
    assert_eq!(open().await.as_array().unwrap().len(), 1);
    server.advance(49 * HOUR);
    assert_eq!(open().await, json!([]));
}

/// After half an hour without a word the update is over, and the device may be told again.
async fn an_update_of_a_silent_device_ends_after_half_an_hour(server: Server) {
    let settings = json!({"delta_updatable": false, "concurrent_updates": 1});
    let (api, new, mut d) = rollout(&server, settings).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    d.event("update").await;
    d.push("fwup_progress", json!({"stage": "updating", "value": 50}))
        .await;
    server.until(inspect::INSTALLING, 1).await;
    server.advance(Duration::from_secs(29 * 60));
    assert_eq!(server.devices(readings::UPDATING).await, 1);
    server.advance(Duration::from_secs(2 * 60));
    // The device is there all the time, so it is told again.
    d.event("update").await;
}

async fn a_device_leaves_the_penalty_box_by_itself(server: Server) {
    let settings = json!({"delta_updatable": false, "device_failure_threshold": 1, "penalty_timeout_minutes": 60});
    let (api, new, mut d) = rollout(&server, settings).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    d.event("update").await;
    d.push("status_update", json!({"status": "started"})).await;
    d.push(
        "status_update",
        json!({"status": "failed", "reason": "disk full"}),
    )
    .await;
    server.until_devices(readings::BLOCKED, 1).await;
    server.advance(Duration::from_secs(59 * 60));
    assert_eq!(server.devices(readings::BLOCKED).await, 1);
    server.advance(Duration::from_secs(2 * 60));
    d.event("update").await;
    assert_eq!(server.devices(readings::BLOCKED).await, 0);
}
