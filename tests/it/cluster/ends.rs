//! A node ends, well or badly, or sleeps for a while; the others go on.

use super::{beside, first, nodes};
use crate::support::bucket::Bucket;
use crate::support::device::{Device, running};
use crate::support::wire::Wire;
use crate::support::{Server, postgres, readings};
use serde_json::json;
use std::time::{Duration, Instant};

/// Within this time the others see that a node is dead, on a machine that has much else to do.
const NOTICED: Duration = Duration::from_secs(15 + 10);

async fn until_nodes(server: &Server, number: usize) {
    let begun = Instant::now();
    while nodes(server).await.len() != number {
        assert!(begun.elapsed() < NOTICED, "{:?}", nodes(server).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_is_killed_another_node_goes_on_with_its_work() {
    let Some((mut one, bucket)) = first().await else {
        return;
    };
    let two = beside(&one, &bucket, &[]);
    let api = two.api();
    let settings = json!({"concurrent_updates": 1, "delta_updatable": false});
    let (old, new) = api.two_versions("g", settings).await;
    let mut held = Device::joined(&one, "held", &old).await;
    let mut waits = Device::joined(&two, "waits", &old).await;
    two.until_devices(readings::ONLINE, 2).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    // One of them has the only place.
    let first_has_it = tokio::select! {
        _ = held.event("update") => true,
        _ = waits.event("update") => false,
    };
    one.kill();
    let killed = Instant::now();
    two.until_devices(readings::ONLINE, 1).await;
    until_nodes(&two, 1).await;
    println!("noticed after {:?}", killed.elapsed());
    // The claim of the device that lost its node stays its own: it comes back to another node and goes on.
    let mut again = Device::secret(&two, "held").await.unwrap();
    let downloading = first_has_it.then_some(&new["uuid"]);
    let downloading = json!({ "currently_downloading_uuid": downloading });
    again.join(running(&old), downloading).await;
    two.until_devices(readings::ONLINE, 2).await;
    assert_eq!(two.devices(readings::UPDATING).await, 1);
    let (mut has_it, mut other) = if first_has_it {
        (again, waits)
    } else {
        (waits, again)
    };
    has_it
        .push("status_update", json!({"status": "failed", "reason": "x"}))
        .await;
    // Who leads now gives the free place to the other one.
    other.event("update").await;
    // The one that was killed comes back, and is a node as before.
    let flags = bucket.flags("cluster");
    one.restart_with(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    until_nodes(&two, 2).await;
    assert_eq!(one.api().get("/api/users/me").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_hands_its_lead_over_at_once() {
    let Some((mut one, bucket)) = first().await else {
        return;
    };
    let two = beside(&one, &bucket, &[]);
    let api = two.api();
    let (old, new) = api
        .two_versions("g", json!({"delta_updatable": false}))
        .await;
    let mut device = Device::joined(&one, "d", &old).await;
    one.until_devices(readings::ONLINE, 1).await;
    assert_eq!(one.terminate(), Some(0));
    // It was told to come back.
    assert_eq!(device.closed().await, Some(1012));
    assert_eq!(nodes(&two).await.len(), 1);
    let mut device = Device::joined(&two, "d", &old).await;
    two.until_devices(readings::ONLINE, 1).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    device.event("update").await;
}

/// While the database is away nobody can say that they are alive, and nobody is taken for dead when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_dead_because_the_database_was_away() {
    let Some(url) = postgres::database().await else {
        return;
    };
    let wire = Wire::to_postgres(&url).await;
    let over = wire.url(&url);
    let bucket = Bucket::start().await;
    let one = Server::node_on(&over, &url, &bucket.flags("cluster"));
    let two = Server::node_on(&over, &url, &bucket.flags("cluster")).with_login_of(&one);
    let api = two.api();
    let (old, new) = api
        .two_versions("g", json!({"delta_updatable": false}))
        .await;
    let mut a = Device::joined(&one, "a", &old).await;
    let mut b = Device::joined(&two, "b", &old).await;
    two.until_devices(readings::ONLINE, 2).await;
    let before = nodes(&one).await;
    wire.cut(true);
    tokio::time::sleep(Duration::from_secs(20)).await;
    wire.cut(false);
    // For longer than it takes to notice a death.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(16) {
        assert_eq!(nodes(&one).await, before);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(a.silent(10).await && b.silent(10).await, "sockets are kept");
    two.until_devices(readings::ONLINE, 2).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    a.event("update").await;
    b.event("update").await;
}

/// A process that did not run for a while was taken for dead; its devices' rows are closed, so their sockets are as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_slept_takes_its_devices_anew() {
    let Some((one, bucket)) = first().await else {
        return;
    };
    let two = beside(&one, &bucket, &[]);
    let mut device = Device::secret(&one, "d").await.unwrap();
    device.join(json!({}), json!({})).await;
    two.until_devices(readings::ONLINE, 1).await;
    one.signal("-STOP");
    until_nodes(&two, 1).await;
    two.until_devices(readings::ONLINE, 0).await;
    one.signal("-CONT");
    assert_eq!(device.closed_within(NOTICED).await, Some(1012));
    until_nodes(&two, 2).await;
    let mut device = Device::secret(&one, "d").await.unwrap();
    device.join(json!({}), json!({})).await;
    two.until_devices(readings::ONLINE, 1).await;
}
