//! A release in steps: who is updated when, what holds it, and what stops it.

use super::{GROUP, read, release, steer, until};
use crate::support::device::{Device, running};
use crate::support::{Api, Server};
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    a_canary_goes_first_and_the_rest_after_people_approved
    a_release_stops_by_itself_and_sends_nothing_more
    a_release_stops_although_nobody_is_left_to_be_told
    a_step_is_over_only_when_its_devices_stayed_well_for_a_while
    a_share_of_the_group_goes_first
    a_share_of_a_few_devices_is_one_of_them
    a_paused_release_tells_nobody_and_an_aborted_one_stays_so
    mistakes_of_a_workflow_are_named_by_their_paths
    a_workflow_that_the_server_cannot_read_reaches_nobody
}

/// Both versions of a fixture, and an active group on the first with this workflow.
async fn group(server: &Server, workflow: Value) -> (Api, Value, Value) {
    let api = server.api();
    let settings = json!({"delta_updatable": false, "workflow": workflow});
    let (old, new) = api.two_versions("g", settings).await;
    (api, old, new)
}

/// A device installs what it is told and comes back with it.
async fn installs(server: &Server, name: &str, mut d: Device, new: &Value) -> Device {
    d.event("update").await;
    drop(d);
    Device::joined(server, name, new).await
}

async fn a_canary_goes_first_and_the_rest_after_people_approved(server: Server) {
    let (api, old, new) = group(
        &server,
        json!({"version": 1, "steps": [
            {"name": "Canary", "matching_conditions": {"tags": ["canary"], "match_limit": 1}},
            {"name": "Sign-off", "type": "approval_required", "approvals": 2},
        ]}),
    )
    .await;
    let mut other = Device::joined(&server, "other", &old).await;
    let canary = Device::joined(&server, "canary", &old).await;
    let tags = json!({"tags": ["canary"]});
    api.put(&Api::product("/devices/canary"), tags).await;
    release(&api, &new).await;
    assert!(other.silent(500).await, "the canary goes first");
    let why = api.get(&Api::product("/devices/other/why")).await.data();
    assert_eq!(why["rule"], "rollout_step", "{why}");
    let _canary = installs(&server, "canary", canary, &new).await;
    let at = until(&api, "/steps/1/state", json!("current")).await;
    assert_eq!(at["steps"][0]["state"], "done");
    assert_eq!(at["steps"][0]["installed"], 1, "{at}");
    assert_eq!(
        at["sentence"],
        "Step Sign-off waits for 2 more people to approve."
    );
    assert!(other.silent(500).await, "nobody approved");
    let (status, first) = steer(&api, "approve", "the canary is well").await;
    assert_eq!(
        (status, &first["data"]["steps"][1]["approvals"]),
        (200, &json!(1))
    );
    let (status, _) = steer(&api, "approve", "again").await;
    assert_eq!(status, 409, "one person is one person");
    assert!(other.silent(500).await, "one is not enough");
    let second = server.member("manage").await;
    let (status, _) = steer(&second, "approve", "").await;
    assert_eq!(status, 200);
    other.event("update").await;
    assert_eq!(server.audited("the canary is well").await, 1);
    assert!(server.audited("went on from step Sign-off").await == 1);
    // A member who only reads steers nothing.
    let reader = server.member_called("reader", "view").await;
    assert_eq!(steer(&reader, "pause", "").await.0, 401);
}

async fn a_release_stops_by_itself_and_sends_nothing_more(server: Server) {
    let (api, old, new) = group(
        &server,
        json!({"version": 1, "steps": [
            {"name": "All", "type": "catch_all", "concurrent_updates": 2, "failure_tolerance": {"devices": 1}},
        ]}),
    )
    .await;
    let mut fleet = Vec::new();
    for n in 0..4 {
        fleet.push(Device::joined(&server, &format!("d{n}"), &old).await);
    }
    release(&api, &new).await;
    for d in &mut fleet[..2] {
        d.event("update").await;
        d.push(
            "status_update",
            json!({"status": "failed", "reason": "bad"}),
        )
        .await;
    }
    let at = until(&api, "/state", json!("stopped")).await;
    assert_eq!(
        at["sentence"],
        "It stopped by itself: In step All 2 of 4 devices failed; 1 is tolerated."
            .replace("2 of 4", &format!("2 of {}", at["steps"][0]["touched"])),
        "{at}"
    );
    // At most those that took the places of the two were told before; nobody is told after.
    let told = at["steps"][0]["touched"].as_i64().unwrap();
    assert!(told <= 4, "{at}");
    assert_eq!(server.audited("stopped by itself").await, 1);
    let mut late = Device::joined(&server, "late", &old).await;
    assert!(late.silent(500).await, "it is stopped");
    let why = api.get(&Api::product("/devices/late/why")).await.data();
    assert_eq!(
        (&why["rule"], &why["value"]),
        (&json!("rollout_runs"), &json!("stopped")),
        "{why}"
    );
    let notes = api.get(&Api::product("/notifications")).await.data();
    assert_eq!(notes[0]["title"], "A release stopped by itself", "{notes}");
}

async fn a_release_stops_although_nobody_is_left_to_be_told(server: Server) {
    let (api, old, new) = group(
        &server,
        json!({"version": 1, "steps": [
            {"name": "All", "type": "catch_all", "failure_tolerance": {"devices": 0}},
        ]}),
    )
    .await;
    let mut failing = Device::joined(&server, "failing", &old).await;
    let mut updating = Device::joined(&server, "updating", &old).await;
    release(&api, &new).await;
    updating.event("update").await;
    failing.event("update").await;
    // It rests from now on, and the other is in flight: no device is a candidate.
    let failed = json!({"status": "failed", "reason": "bad"});
    failing.push("status_update", failed).await;
    until(&api, "/state", json!("stopped")).await;
}

async fn a_step_is_over_only_when_its_devices_stayed_well_for_a_while(server: Server) {
    let (api, old, new) = group(
        &server,
        json!({"version": 1, "steps": [
            {"name": "First", "matching_conditions": {"match_limit": 1},
             "gate": {"validated_percent": 100, "soak_minutes": 60}},
        ]}),
    )
    .await;
    let first = Device::joined(&server, "first", &old).await;
    let mut second = Device::joined(&server, "second", &old).await;
    release(&api, &new).await;
    let mut d = first;
    d.event("update").await;
    drop(d);
    let mut d = Device::secret(&server, "first").await.unwrap();
    let doubts =
        json!({"meta": {"firmware_validated": false, "firmware_auto_revert_detected": false}});
    d.join(running(&new), doubts).await;
    let waits = "In step First 0 % of the devices have marked the release as good; it takes 100 %.";
    until(&api, "/sentence", json!(waits)).await;
    d.push("firmware_validated", json!({})).await;
    until(&api, "/steps/0/validated", json!(1)).await;
    server.advance(Duration::from_secs(58 * 60));
    assert!(second.silent(500).await, "it has not been well for an hour");
    let sentence = read(&api, "progress").await["sentence"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        sentence.starts_with("Step First is over; the next begins at "),
        "{sentence}"
    );
    // An hour more: a busy machine may note late that the step is over.
    server.advance(Duration::from_secs(60 * 60));
    second.event("update").await;
    assert_eq!(read(&api, "progress").await["steps"][1]["state"], "current");
}

async fn a_share_of_the_group_goes_first(server: Server) {
    let (api, old, new) = group(
        &server,
        json!({"version": 1, "steps": [
            {"name": "Half", "matching_conditions": {"match_percent": 50}},
            {"name": "Sign-off", "type": "approval_required"},
        ]}),
    )
    .await;
    let mut fleet = Vec::new();
    for n in 0..20 {
        fleet.push(Device::joined(&server, &format!("d{n}"), &old).await);
    }
    release(&api, &new).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let touched = read(&api, "progress").await["steps"][0]["touched"]
        .as_i64()
        .unwrap();
    // A hash is no count: of twenty, some five to fifteen are the half; ten may be in flight at once.
    assert!((3..=10).contains(&touched), "{touched} of 20");
}

async fn a_share_of_a_few_devices_is_one_of_them(server: Server) {
    let (api, old, new) = group(
        &server,
        json!({"version": 1, "steps": [
            {"name": "Few", "matching_conditions": {"match_percent": 0.01}},
            {"name": "Sign-off", "type": "approval_required"},
        ]}),
    )
    .await;
    let mut fleet = Vec::new();
    for n in 0..3 {
        fleet.push(Device::joined(&server, &format!("d{n}"), &old).await);
    }
    release(&api, &new).await;
    let (_, chosen, rest) = {
        let told = fleet.iter_mut().map(|d| Box::pin(d.event("update")));
        let (offer, chosen, rest) = futures_util::future::select_all(told).await;
        (offer, chosen, rest.len())
    };
    assert_eq!(rest, 2);
    for (n, other) in fleet.iter_mut().enumerate().filter(|(n, _)| *n != chosen) {
        assert!(other.silent(300).await, "d{n} is another part of the group");
        let path = Api::product(&format!("/devices/d{n}/why"));
        assert_eq!(api.get(&path).await.data()["rule"], "rollout_step");
    }
    let name = format!("d{chosen}");
    drop(fleet.swap_remove(chosen));
    let _chosen = Device::joined(&server, &name, &new).await;
    let at = until(&api, "/steps/1/state", json!("current")).await;
    assert_eq!(at["steps"][0]["installed"], 1, "{at}");
    assert_eq!(server.audited("takes one device in step Few").await, 1);
    // The next step has no share: whoever approves it lets all others go.
    assert_eq!(steer(&api, "approve", "it is well").await.0, 200);
    for other in &mut fleet {
        other.event("update").await;
    }
}

async fn a_paused_release_tells_nobody_and_an_aborted_one_stays_so(server: Server) {
    let (api, old, new) = group(&server, Value::Null).await;
    release(&api, &new).await;
    let (status, at) = steer(&api, "pause", "the office is closed").await;
    assert_eq!((status, &at["data"]["state"]), (200, &json!("paused")));
    assert_eq!(
        at["data"]["sentence"],
        "A person paused it: the office is closed."
    );
    assert_eq!(steer(&api, "pause", "").await.0, 409);
    let mut d = Device::joined(&server, "d", &old).await;
    assert!(d.silent(500).await, "it is paused");
    let (status, _) = steer(&api, "resume", "").await;
    assert_eq!(status, 200);
    d.event("update").await;
    let (status, at) = steer(&api, "abort", "wrong file").await;
    assert_eq!((status, &at["data"]["state"]), (200, &json!("aborted")));
    assert_eq!(steer(&api, "resume", "").await.0, 409);
    assert_eq!(steer(&api, "abort", "").await.0, 409);
    let mut late = Device::joined(&server, "late", &old).await;
    assert!(late.silent(500).await, "it is over");
    let long = "x".repeat(501);
    for what in [
        "pause",
        "resume",
        "abort",
        "approve",
        "rollback",
        "retry_failed",
    ] {
        assert_eq!(steer(&api, what, &long).await.0, 422, "{what}");
    }
    // A next release begins anew.
    release(&api, &new).await;
    late.event("update").await;
    assert_eq!(server.audited("wrong file").await, 1);
}

async fn mistakes_of_a_workflow_are_named_by_their_paths(server: Server) {
    let (api, ..) = group(&server, Value::Null).await;
    let bad =
        json!({"version": 1, "steps": [{"name": "", "matching_conditions": {"match_limt": 1}}]});
    let check = Api::product("/workflows/check");
    let found = api.post(&check, json!({ "workflow": bad })).await.data();
    assert_eq!(
        found[0],
        json!({"path": "steps[0].name", "message": "can't be blank"})
    );
    assert_eq!(found[1]["path"], "steps[0].matching_conditions.match_limt");
    let body = json!({"deployment": {"workflow": bad}});
    let refused = api.put(&Api::product(GROUP), body).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.text.contains("steps[0].name can't be blank"),
        "{}",
        refused.text
    );
    let good =
        json!({"version": 1, "steps": [{"name": "a", "matching_conditions": {"match_limit": 1}}]});
    assert_eq!(
        api.post(&check, json!({ "workflow": good })).await.data(),
        json!([])
    );
    let body = json!({"deployment": {"workflow": good}});
    let kept = api.put(&Api::product(GROUP), body).await;
    assert_eq!(kept.status, 200, "{}", kept.text);
    assert_eq!(kept.data()["settings"]["workflow"], good);
}

/// As after going back to an older server, which does not know what a newer one wrote.
async fn a_workflow_that_the_server_cannot_read_reaches_nobody(server: Server) {
    let (api, old, new) = group(
        &server,
        json!({"version": 1, "steps": [{"name": "Sign-off", "type": "approval_required"}]}),
    )
    .await;
    release(&api, &new).await;
    server
        .run("UPDATE rollouts SET workflow = '{\"version\": 2}'")
        .await;
    let mut d = Device::joined(&server, "d", &old).await;
    assert!(d.silent(500).await, "its limits are not known");
    assert_eq!(
        read(&api, "progress").await["sentence"],
        "It stopped by itself: this version of the server cannot read its workflow."
    );
    let why = api.get(&Api::product("/devices/d/why")).await.data();
    assert_eq!(why["rule"], "rollout_runs", "{why}");
}
