//! What a server that was killed leaves of a rollout.

use crate::support::device::Device;
use crate::support::{Server, readings};
use serde_json::json;

crate::both_engines_as_process! {
    what_a_dead_server_held_is_given_back
}

/// A server that is killed leaves a connected device behind, claimed and not told, and no connection of it will ever close.
async fn what_a_dead_server_held_is_given_back(mut server: Server) {
    let api = server.api();
    let settings = json!({"concurrent_updates": 1, "delta_updatable": false});
    let (old, new) = api.two_versions("g", settings).await;
    let mut held = Device::joined(&server, "held", &old).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    held.event("update").await;
    server.run("UPDATE inflight SET sent_at = NULL").await;
    server.crash_and_restart();
    let mut waits = Device::joined(&server, "waits", &old).await;
    waits.event("update").await;
    server.until_devices(readings::ONLINE, 1).await;
    assert_eq!(server.devices(readings::UPDATING).await, 1);
}
