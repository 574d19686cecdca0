//! What was acknowledged is there after a `kill -9` at any instant.

use crate::support::{Api, Server, number};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

crate::both_engines_as_process! {
    what_was_acknowledged_survives_a_kill
}

/// Crashes of one test; `CRASHES=100` tries more by hand.
fn rounds() -> u64 {
    number("CRASHES", 5).unsigned_abs()
}

/// Registers devices and changes them until the server is gone; the names that were acknowledged as changed.
async fn work(api: Api, round: u64, lane: u64) -> Vec<String> {
    let mut done = Vec::new();
    for n in 0.. {
        let name = format!("d-{round}-{lane}-{n}");
        let path = Api::product("/devices");
        let made = api
            .raw(Method::POST, &path)
            .json(&json!({"identifier": name}));
        match made.send().await {
            Ok(answer) if answer.status() == 201 => {}
            _ => return done,
        }
        let change = api
            .raw(Method::PUT, &format!("{path}/{name}"))
            .json(&json!({"tags": ["kept"], "description": name}));
        match change.send().await {
            Ok(answer) if answer.status().is_success() => done.push(name),
            _ => return done,
        }
    }
    done
}

async fn what_was_acknowledged_survives_a_kill(mut server: Server) {
    let mut acknowledged = BTreeSet::new();
    for round in 0..rounds() {
        let lanes: Vec<_> = (0..4)
            .map(|lane| tokio::spawn(work(server.api(), round, lane)))
            .collect();
        // Instants that differ from round to round, and that a failing run tells.
        let instant = Duration::from_millis(40 + (round * 7_919) % 700);
        tokio::time::sleep(instant).await;
        server.crash_and_restart();
        for lane in lanes {
            acknowledged.extend(lane.await.unwrap());
        }
        let changed = |d: &Value| {
            let tags = d["tags"].as_array();
            tags.is_some_and(|tags| tags.contains(&json!("kept")))
        };
        let mut kept = server.all_devices().await;
        kept.retain(changed);
        let description = |d: &Value| d["description"].as_str().unwrap().to_owned();
        let kept: BTreeSet<String> = kept.iter().map(description).collect();
        let lost: Vec<_> = acknowledged.difference(&kept).collect();
        assert!(
            lost.is_empty(),
            "after {instant:?} of round {round}: {lost:?}"
        );
    }
    assert!(acknowledged.len() > 10, "only {}", acknowledged.len());
    // The chain of the audit log is whole, too: nothing was written by halves.
    let entries = server.audited("updated device").await;
    assert!(entries >= i64::try_from(acknowledged.len()).unwrap());
}
