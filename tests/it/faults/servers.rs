//! Two servers on one PostgreSQL: the second waits until the first has stopped or is dead.

use crate::support::device::Device;
use crate::support::{Engine, Server, inspect, readings};
use serde_json::json;
use std::time::{Duration, Instant};

/// How long a server that says nothing counts as alive, and some time for its last sign of life to be written.
const SILENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_names_the_first_and_takes_over_when_that_has_died() {
    let Some(mut first) = Server::process(Engine::Postgres).await else {
        return;
    };
    let name = async |server: &Server| {
        let nodes = server.column::<i64>(inspect::NODE_NUMBERS).await;
        assert_eq!(nodes.len(), 1, "{nodes:?}");
        format!("node {} was alive", nodes[0])
    };
    let named = name(&first).await;
    let folder = first.neighbour_folder();
    let data = folder.path().join("data");
    let flags = ["--data-dir", data.to_str().unwrap()];
    let (_, said) = first.refused(&flags);
    assert!(said.contains(&named), "{said}");
    let mut device = Device::secret(&first, "dev-1").await.unwrap();
    device.join(json!({}), json!({})).await;
    let online = readings::ONLINE;
    first.until_devices(online, 1).await;
    // Killed, it says nothing to the database: for as long as it may only be slow, nobody takes its place.
    first.kill();
    let killed = Instant::now();
    let (_, said) = first.refused(&flags);
    assert!(said.contains(&named), "{said}");
    tokio::time::sleep_until((killed + SILENCE * 2 / 3).into()).await;
    let (_, said) = first.refused(&flags);
    assert!(said.contains(&named), "{said}");
    tokio::time::sleep_until((killed + SILENCE + Duration::from_secs(1)).into()).await;
    let second = first.beside();
    // What the dead one held is given free, and its devices come to the other one.
    second.until_devices(online, 0).await;
    second.until(inspect::NODES, 1).await;
    let owner = name(&second).await;
    assert_ne!(owner, named);
    let mut device = Device::secret(&second, "dev-1").await.unwrap();
    device.join(json!({}), json!({})).await;
    second.until_devices(online, 1).await;
    assert_eq!(second.api().get("/api/users/me").await.status, 200);
    // The first one comes back to life, and is the second now.
    let data = first.data();
    let (_, said) = first.refused(&["--data-dir", data.to_str().unwrap()]);
    assert!(said.contains(&owner), "{said}");
}

/// A process that did not run for a while does not know that its time is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_place_was_taken_while_it_slept_stops() {
    let Some(mut first) = Server::process(Engine::Postgres).await else {
        return;
    };
    first.signal("-STOP");
    tokio::time::sleep(SILENCE + Duration::from_secs(2)).await;
    let second = first.beside();
    first.signal("-CONT");
    let woken = Instant::now();
    while first.alive() {
        assert!(woken.elapsed() < Duration::from_secs(60), "both work");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut device = Device::secret(&second, "dev-1").await.unwrap();
    device.join(json!({}), json!({})).await;
    second.until_devices(readings::ONLINE, 1).await;
    second.until(inspect::NODES, 1).await;
}
