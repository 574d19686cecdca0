//! What the demo shows after the first rollout: a fleet that is worth looking at. Devices have tags, and the next version is under
//! way in three groups: one waits for a person, one stopped because devices failed, and one is slow.

use super::api::Api;
use super::firmware::{Made, TARGETS, VERSIONS};
use crate::sim::{Faults, Fleet, Plan};
use anyhow::Context as _;
use serde_json::json;
use std::time::Duration;

/// How many devices join for the group that stops.
const FIELD: usize = 12;
/// How long they are waited for.
const JOIN: Duration = Duration::from_secs(60);

/// Sets the scene, and returns the devices that join for it: they leave when it is dropped.
///
/// # Errors
/// A request that the server refused.
pub(super) async fn play(api: &Api, plan: Plan, made: &Made) -> anyhow::Result<Fleet> {
    tag(api, &plan).await?;
    let newest = upload(api, made).await?;
    canary(api, &newest[0]).await?;
    slow(api, &newest[3]).await?;
    failing(api, plan, made, &newest[1]).await
}

/// Uploads the newest version of each target.
async fn upload(api: &Api, made: &Made) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for files in &made.files {
        all.push(api.upload(&files[VERSIONS.len() - 1]).await?);
    }
    Ok(all)
}

/// Gives the devices places, and one in ten to people who like to be first.
async fn tag(api: &Api, plan: &Plan) -> anyhow::Result<()> {
    for n in 0..plan.devices.min(500) {
        let place = ["eu", "us", "lab"][n % 3];
        let mut tags = vec![place];
        if n % 10 == 0 {
            tags.push("canary");
        }
        let changes = json!({"tags": tags, "description": format!("Demo device {n}")});
        api.set_device(&plan.identifier(n), &changes).await?;
    }
    Ok(())
}

/// A first step of a part of the group, then a person has to say yes.
async fn canary(api: &Api, firmware: &str) -> anyhow::Result<()> {
    let workflow = json!({"version": 1, "steps": [
        {"name": "Canary", "matching_conditions": {"match_percent": 30}, "concurrent_updates": 5},
        {"name": "Sign-off", "type": "approval_required"},
        {"name": "Everyone else"},
    ]});
    let group = group(0);
    api.set_group(&group, json!({ "workflow": workflow }))
        .await?;
    api.release(&group, firmware).await
}

/// A group that sends so little that it takes its time.
async fn slow(api: &Api, firmware: &str) -> anyhow::Result<()> {
    let group = group(3);
    let changes = json!({"concurrent_updates": 2, "bytes_per_second": 4_000});
    api.set_group(&group, changes).await?;
    api.release(&group, firmware).await
}

/// More devices, of which each second does not get well with the new version: the release stops by itself.
async fn failing(api: &Api, plan: Plan, made: &Made, firmware: &str) -> anyhow::Result<Fleet> {
    let target = 1;
    let plan = Plan {
        devices: FIELD,
        prefix: format!("{}field-", plan.prefix),
        firmware: vec![made.files[target][1].clone()],
        faults: Faults {
            bad_share: 0.5,
            ..Faults::default()
        },
        ..plan
    };
    let fleet = Fleet::start(plan).context("could not start more devices")?;
    fleet.all_joined(JOIN).await;
    let group = group(target);
    let changes = json!({
        "workflow": {"version": 1, "steps": [{"name": "Everyone", "failure_tolerance": {"devices": 1}}]},
        "concurrent_updates": 4,
    });
    api.set_group(&group, changes).await?;
    api.release(&group, firmware).await?;
    Ok(fleet)
}

fn group(target: usize) -> String {
    format!("all-{}", TARGETS[target].0)
}
