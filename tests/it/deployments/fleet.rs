//! A fleet of simulated devices: a release that is bad for some is stopped in its first step and taken back, and a network that is bad
//! for all stops nothing. `FLEET=5000` runs it with as many devices.

use super::read;
use crate::support::sim::Sim;
use crate::support::{Server, number, readings};
use serde_json::json;
use std::time::{Duration, Instant};

crate::both_engines! {
    a_release_that_reverts_on_some_is_stopped_in_its_first_step_and_taken_back
    a_network_that_is_bad_for_all_devices_alike_stops_nothing
}

fn devices() -> i64 {
    number("FLEET", 200)
}

async fn wait(what: &str, done: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !done().await {
        assert!(begun.elapsed() < Duration::from_secs(300), "{what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn online(server: &Server, wanted: i64) {
    wait("the devices join", async || {
        server.devices(readings::ONLINE).await == wanted
    })
    .await;
}

async fn a_release_that_reverts_on_some_is_stopped_in_its_first_step_and_taken_back(
    server: Server,
) {
    let fleet = devices();
    let first = (fleet / 5).min(100);
    // Which devices are in the step differs from run to run. With fewer in it, as many more must be bad, or the step may have so few
    // that they could be chance: half of 40 leaves less than five once in ten million runs, a third once in a thousand.
    let bad = if first < 100 { "0.5" } else { "0.3" };
    let workflow = json!({"version": 1, "steps": [
        {"name": "Canary", "matching_conditions": {"match_limit": first}, "gate": {"validated_percent": 90, "soak_minutes": 10}}]});
    let settings = json!({
        "concurrent_updates": first, "automatic_rollback": true, "delta_updatable": false, "workflow": workflow,
    });
    let api = server.api();
    let (_, new) = api.two_versions("g", settings).await;
    let sim = Sim::start(
        &server,
        fleet as usize,
        &["--bad-share", bad, "--connect-rate", "400"],
    );
    online(&server, fleet).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    // The clock stays: devices that come back sign with their own.
    wait("it is taken back", async || {
        read(&api, "progress").await["takes_back"] == 2
    })
    .await;
    let attempts = "SELECT COUNT(DISTINCT device_id) FROM attempts WHERE release_id = (SELECT id FROM releases WHERE number = 2)";
    let touched = server.count(attempts).await;
    assert!(
        touched <= first,
        "{touched} devices were touched, and the step has {first}"
    );
    wait("all are home", async || {
        server.devices(readings::UPDATED).await == 0
            && server.devices(readings::UPDATING).await == 0
    })
    .await;
    online(&server, fleet).await;
    // The story: why it stopped, what takes it back, and what failed.
    assert_eq!(server.audited("stopped by itself").await, 1);
    assert_eq!(
        server
            .audited("takes it back and brings its devices to 1.0.0")
            .await,
        1
    );
    let failures = read(&api, "failures?release=2").await;
    assert_eq!(failures[0]["value"], "reverted", "{failures}");
    assert!(failures[0]["count"].as_i64().unwrap() >= 3, "{failures}");
    assert!(touched < fleet / 2, "most never heard of it");
    drop(sim);
}

async fn a_network_that_is_bad_for_all_devices_alike_stops_nothing(server: Server) {
    let fleet = devices();
    let bad = fleet / 5;
    let good = (fleet - bad) / 2 * 2;
    let fleet = good + bad;
    let settings = json!({"concurrent_updates": (fleet / 4).min(200), "delta_updatable": false});
    let api = server.api();
    let (_, new) = api.two_versions("g", settings).await;
    // A fifth of the fleet is behind a line that fails a moment after the release, whether they are being updated or not. They are
    // in the middle of the queue.
    let start = |prefix: &str, devices: i64, more: &[&str]| {
        let own = ["--prefix", prefix, "--connect-rate", "400"];
        Sim::start(&server, devices as usize, &[&own, more].concat())
    };
    let first = start("first-", good / 2, &[]);
    online(&server, good / 2).await;
    let lost = start("lost-", bad, &["--slow-kbps", "1"]);
    online(&server, good / 2 + bad).await;
    let last = start("last-", good / 2, &[]);
    online(&server, fleet).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    let some = "filters[only_updating]=true&filters[identifier]=lost";
    wait("some of them are being updated", async || {
        server.devices(some).await >= 3
    })
    .await;
    drop(lost);
    online(&server, good).await;
    wait("all others are updated", async || {
        let progress = read(&api, "progress").await;
        assert_eq!(progress["state"], "running", "{progress}");
        server.devices(readings::DONE).await >= good
    })
    .await;
    // The updates of the lost ones lapse, which counts as failures. (A device that connects anew would be refused by its clock.)
    server.advance(Duration::from_secs(40 * 60));
    wait("the lost ones lapse", async || {
        server.devices(readings::UPDATING).await == 0
    })
    .await;
    server.advance(Duration::from_secs(120));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(read(&api, "progress").await["state"], "running");
    let lapsed = read(&api, "failures").await;
    assert!(
        lapsed[0]["count"].as_i64().unwrap() >= 3,
        "some failed with the line: {lapsed}"
    );
    drop((first, last));
}
