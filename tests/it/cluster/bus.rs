//! The bus goes away and comes back; what it would have brought is done all the same.

use crate::support::Engine;
use crate::support::bucket::Bucket;
use crate::support::device::Device;
use crate::support::nats::NatsServer;
use crate::support::viewer::Viewer;
use crate::support::{Api, Server, readings};
use crate::support_tools::terminals::console;
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn rollouts_go_on_without_the_bus_and_terminals_with_it() {
    let Some(mut nats) = NatsServer::own() else {
        return;
    };
    let bucket = Bucket::start().await;
    let mut flags = bucket.flags("cluster");
    flags.extend(["--bus".into(), nats.url()]);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let folder = tempfile::tempdir().unwrap();
    let Some(one) = Server::inside(Engine::Postgres, folder, &flags).await else {
        return;
    };
    let two = one.node_beside(&flags);
    let api = one.api();
    let (old, new) = api
        .two_versions("g", json!({"delta_updatable": false}))
        .await;
    let mut device = Device::joined(&two, "d", &old).await;
    let mut other = console(&two, "c", "2.0.0").await;
    one.until_devices(readings::ONLINE, 2).await;
    nats.stop();
    // Whoever leads tells a node of a claim by a hint that is lost now, and repeats it until it is taken.
    api.release("g", new["uuid"].as_str().unwrap()).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(one.connected().await, 2, "sockets are kept");
    nats.start_again();
    tokio::time::timeout(Duration::from_secs(30), device.event("update"))
        .await
        .unwrap();
    // A person at one node types into a device of the other one, as before.
    let (mut jane, _) = Viewer::join(&one, "user:console:identifier-c").await;
    jane.event("metadata").await;
    jane.push("dn", json!({"data": "x"})).await;
    other
        .expect(json!([null, null, "console", "dn", {"data": "x"}]))
        .await;
}

/// A hint that a right has ended may be lost; the node of the device finds out by itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_product_key_opened_closes_though_the_bus_is_away() {
    let Some(mut nats) = NatsServer::own() else {
        return;
    };
    let Some(server) = Server::over(&nats).await else {
        return;
    };
    let api = server.api();
    let mut device = Device::secret(&server, "d").await.unwrap();
    device.join(json!({}), json!({})).await;
    server.until_devices(readings::ONLINE, 1).await;
    nats.stop();
    let path = Api::product(&format!("/shared_secrets/{}", server.login("product_key")));
    assert_eq!(api.delete(&path).await.status, 204);
    let time_goes_by = async {
        loop {
            server.advance(Duration::from_secs(5));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        _ = device.closed() => {}
        () = time_goes_by => {}
    }
}
