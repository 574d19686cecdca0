//! A release in five steps to a fleet whose updates, connections and firmware fail, while the server is killed again and again: the
//! end is the same as without. `STORM=1000 KILLS=10` is the large one.

use super::{GROUP, release};
use crate::support::sim::Sim;
use crate::support::{Api, Engine, Server, number, readings};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn workflow(devices: i64) -> Value {
    json!({"version": 1, "steps": [
        {"name": "Canary", "matching_conditions": {"match_limit": devices / 20}, "gate": {"validated_percent": 10}},
        {"name": "Tenth", "matching_conditions": {"match_percent": 10}},
        {"name": "Sign-off", "type": "approval_required"},
        {"name": "Half", "matching_conditions": {"match_percent": 50}, "concurrent_updates": 15}]})
}

/// How far the release is; `None` while the server does not answer.
async fn progress(api: &Api) -> Option<Value> {
    let path = Api::product(&format!("{GROUP}/progress"));
    let request = api.raw(reqwest::Method::GET, &path);
    let answer = request.timeout(Duration::from_secs(5)).send().await.ok()?;
    let json: Value = answer.json().await.ok()?;
    Some(json["data"].clone())
}

/// Approves the step that waits for it, until the last step is the current one and nobody is left to be updated.
async fn over(server: &Server, devices: i64) -> Value {
    let api = server.api();
    let begun = Instant::now();
    loop {
        let seen = progress(&api).await.unwrap_or_default();
        let current = seen["steps"].as_array().and_then(|steps| {
            let current = steps.iter().position(|s| s["state"] == "current")?;
            Some((current, steps[current]["type"] == "approval_required"))
        });
        match current {
            Some((_, true)) => {
                let path = Api::product(&format!("{GROUP}/approve"));
                api.post(&path, json!({})).await;
            }
            Some((4, _)) => {
                let done = server.devices(readings::DONE).await;
                let boxed = server.devices(readings::BLOCKED).await;
                if done + boxed == devices && server.devices(readings::UPDATING).await == 0 {
                    return progress(&api).await.unwrap();
                }
            }
            _ => {}
        }
        assert!(begun.elapsed() < Duration::from_secs(420), "{seen:#}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_again_and_again_brings_five_steps_to_their_end() {
    let (devices, kills) = (number("STORM", 200), number("KILLS", 3));
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(mut server) = Server::process(engine).await else {
            continue;
        };
        let settings = json!({
            "concurrent_updates": 25, "stop_when_worse": false, "workflow": workflow(devices),
        });
        let api = server.api();
        let (_, new) = api.two_versions("g", settings).await;
        let faults = [
            "--fail-rate",
            "0.2",
            "--cut-rate",
            "0.3",
            "--revert-rate",
            "0.1",
        ];
        let own = [&faults[..], &["--connect-rate", "400"]].concat();
        let sim = Sim::start(&server, usize::try_from(devices).unwrap(), &own);
        server.until_devices(readings::ONLINE, devices).await;
        release(&api, &new).await;
        for kill in 0..kills {
            // At another moment of the rollout each time.
            let pause = 700 + (kill * 7_919) % 2_300;
            tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())).await;
            server.crash_and_restart();
        }
        let end = over(&server, devices).await;
        let report = tokio::task::spawn_blocking(|| sim.finish()).await.unwrap();
        assert_eq!(end["state"], "running", "{end:#}");
        let steps = end["steps"].as_array().unwrap();
        let touched = steps[0]["touched"].as_i64().unwrap();
        assert!(
            (1..=devices / 20).contains(&touched),
            "{touched} in the first step"
        );
        for step in &steps[..4] {
            assert_eq!(step["state"], "done", "{step}");
            assert_eq!(step["in_flight"], 0, "{step}");
        }
        assert_eq!(steps[2]["approvals"], 1);
        assert_eq!(report["repeated"], 0, "nobody installs it twice: {report}");
        let updated = server.devices(readings::UPDATED).await;
        assert_eq!(report["versions"]["1.1.0"], updated, "{report}");
        assert!(updated * 2 > devices, "{updated} were updated");
    }
}
