//! What a node needs to start, and beside whom it does not.

use super::{beside, first, nodes};
use crate::support::bucket::Bucket;
use crate::support::device::Device;
use crate::support::{Api, Server, postgres, readings};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_node_needs_the_database_and_the_bucket_alone() {
    let Some((one, bucket)) = first().await else {
        return;
    };
    let two = beside(&one, &bucket, &[]);
    let ca = |server: &Server| std::fs::read(&server.ca).unwrap();
    assert_eq!(ca(&one), ca(&two), "devices trust one authority");
    assert_eq!(nodes(&one).await.len(), 2);
    // What one of them is told the other one knows.
    let api = one.api();
    api.register_key().await;
    let firmware = two.api().upload("good/rpi4-1.0.0.fw").await;
    let uuid = firmware["uuid"].as_str().unwrap();
    assert_eq!(
        api.get(&Api::product(&format!("/firmwares/{uuid}")))
            .await
            .status,
        200
    );
    let mut a = Device::secret(&one, "a").await.unwrap();
    a.join(json!({}), json!({})).await;
    let mut b = Device::secret(&two, "b").await.unwrap();
    b.join(json!({}), json!({})).await;
    one.until_devices(readings::ONLINE, 2).await;
    // The newest connection of a device wins, wherever it is.
    let mut again = Device::secret(&two, "a").await.unwrap();
    again.join(json!({}), json!({})).await;
    assert_eq!(a.closed().await, Some(1001));
    two.until_devices(readings::ONLINE, 2).await;
    // A command goes to the node that holds the connection.
    let path = Api::product("/devices/b/reboot");
    assert!(api.post(&path, json!({})).await.status < 300);
    b.event("reboot").await;
}

/// So many nodes fit a small database: nothing that a node does holds one connection and waits for another.
#[tokio::test(flavor = "multi_thread")]
async fn one_connection_for_devices_and_jobs_is_enough() {
    let Some(url) = postgres::database().await else {
        return;
    };
    let bucket = Bucket::start().await;
    let few = ["--database-connections".to_owned(), "1".to_owned()];
    let flags = [bucket.flags("cluster"), few.to_vec()].concat();
    let one = Server::node_on(&url, &url, &flags);
    let two = beside(&one, &bucket, &[&few[0], &few[1], "--role", "device"]);
    let api = one.api();
    let (old, new) = api.two_versions("g", json!({})).await;
    let mut here = Device::joined(&one, "here", &old).await;
    let mut there = Device::joined(&two, "there", &old).await;
    one.until_devices(readings::ONLINE, 2).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    for device in [&mut here, &mut there] {
        let offer = device.event("update").await;
        let link = offer["firmware_url"].as_str().unwrap();
        assert_eq!(reqwest::get(link).await.unwrap().status(), 200);
    }
    let again = beside(&one, &bucket, &[&few[0], &few[1]]);
    assert_eq!(again.api().get("/api/users/me").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_agree_on_one_authority() {
    let Some((one, bucket)) = first().await else {
        return;
    };
    let nodes = std::thread::scope(|s| {
        let starts: Vec<_> = (0..3)
            .map(|_| s.spawn(|| beside(&one, &bucket, &[])))
            .collect();
        let all: Vec<Server> = starts.into_iter().map(|n| n.join().unwrap()).collect();
        all
    });
    let ca = |server: &Server| std::fs::read(&server.ca).unwrap();
    for node in &nodes {
        assert_eq!(ca(&one), ca(node));
        assert_eq!(node.api().get("/api/users/me").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_of_no_others_is_not_among_them() {
    let Some((one, bucket)) = first().await else {
        return;
    };
    // With files in a folder of its own, or no bus, it would work against the others.
    let (_, said) = one.refused_beside(&[]);
    assert!(
        said.contains("another server uses this database") && said.contains("--bucket"),
        "{said}"
    );
    let flags = bucket.flags("cluster");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let (_, said) = one.refused_beside(&[flags.clone(), vec!["--bus", "memory"]].concat());
    assert!(said.contains("another server uses this database"), "{said}");
    // A data folder that was copied would make two nodes of one name.
    let copy = tempfile::tempdir().unwrap();
    let data = copy.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::copy(one.data().join("node-id"), data.join("node-id")).unwrap();
    let data = data.to_str().unwrap();
    let (_, said) = one.refused(&[flags, vec!["--data-dir", data]].concat());
    assert!(said.contains("delete the file node-id"), "{said}");
    assert_eq!(one.api().get("/api/users/me").await.status, 200);
}

/// One that was alone before the others came does not know of them, and says so when they come.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_beside_a_server_that_is_alone() {
    let Some(alone) = Server::process(crate::support::Engine::Postgres).await else {
        return;
    };
    let bucket = crate::support::bucket::Bucket::start().await;
    let flags = bucket.flags("cluster");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let (_, said) = alone.refused_beside(&flags);
    assert!(said.contains("knows of no others"), "{said}");
    assert_eq!(alone.api().get("/api/users/me").await.status, 200);
}
