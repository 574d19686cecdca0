//! Deployment groups with their releases, and the devices in them.

use super::{Goods, number, text};
use crate::fleet::{Refusal, Result};
use crate::ids::DeviceId;
use crate::rollout::groups::{Changes, Conditions, GroupRow, NUMBERS};
use crate::rollout::takeover::take_over;
use crate::store::firmwares::FirmwareRow;
use crate::store::{Write, deployment_groups, devices, releases};
use serde_json::Value;

/// A list of words, or none where the original's version has no such column.
fn words(value: &Value) -> Option<Vec<String>> {
    let all = value.as_array()?.iter().filter_map(Value::as_str);
    Some(all.map(str::to_owned).collect())
}

/// A text that may be set to nothing.
fn settable(row: &Value, key: &str) -> Option<Option<String>> {
    Some(row[key].as_str().map(str::to_owned))
}

fn settings(row: &Value) -> Changes {
    let conditions = &row["conditions"];
    let numbers = NUMBERS
        .iter()
        .map(|(name, ..)| (*name, row[*name].as_i64()));
    Changes {
        name: None,
        is_active: row["is_active"].as_bool(),
        conditions: Some(Conditions {
            version: conditions["version"].as_str().map(str::to_owned),
            tags: super::tags(conditions),
            tag_operator: conditions["tag_operator"].as_str().map(str::to_owned),
        }),
        delta_updatable: row["delta_updatable"].as_bool(),
        lock_device_membership: row["lock_device_membership"].as_bool(),
        connecting_code: settable(row, "connecting_code"),
        notes: settable(row, "notes"),
        queue_management: row["queue_management"].as_str().map(str::to_owned),
        priority_queue_enabled: row["priority_queue_enabled"].as_bool(),
        priority_threshold: settable(row, "priority_queue_firmware_version_threshold"),
        interfaces: words(&row["release_network_interfaces"]),
        release_tags: words(&row["release_tags"]),
        numbers: numbers.collect(),
    }
}

impl Goods<'_> {
    /// Takes a group over, on or off as it was there, if its current firmware is here.
    pub(super) async fn group(&mut self, row: &Value) -> Result<()> {
        let (there, name) = (number(row, "id"), text(row, "name"));
        let refuse = |why: &str| format!("deployment group {name}: {why}");
        let Some(scope) = self.scopes.get(&number(row, "product_id")).cloned() else {
            return Ok(());
        };
        let commit = self.commits();
        let mut w = self.begin().await?;
        let members = self.members.remove(&there).unwrap_or_default();
        if let Some(known) = deployment_groups::by_name(&mut w, &scope, name).await? {
            self.report.there("deployment groups");
            self.enter(&mut w, &known, &members).await?;
            return self.end(w, commit).await;
        }
        let all = self.releases_of(row);
        let current = all
            .last()
            .and_then(|r| self.firmwares.get(&number(r, "firmware_id")));
        let Some(current) = current.cloned() else {
            let why = "the firmware of its current release is not here; import again when it is";
            self.report.skip(refuse(why));
            return self.end(w, commit).await;
        };
        let made = take_over(&mut w, &scope, name, &current, settings(row), self.now).await;
        let group = match made {
            Ok(group) => group,
            Err(Refusal::Fields(why)) => {
                self.report
                    .skip(refuse(&format!("its settings are refused: {why}")));
                return self.end(w, commit).await;
            }
            Err(other) => return Err(other),
        };
        let (mut left, person) = (0, scope.person().id);
        for release in &all {
            let firmware = self.firmwares.get(&number(release, "firmware_id"));
            let Some(firmware) = firmware.filter(|f| fits(f, &group)) else {
                left += 1;
                continue;
            };
            let archive = self.archives.get(&number(release, "archive_id")).copied();
            let by = self.users.get(&number(release, "created_by_id"));
            let (description, notes) = (&release["description"], &release["notes"]);
            releases::add(
                &mut w,
                group.id,
                firmware.id,
                archive,
                description.as_str(),
                notes.as_str(),
                by.copied().unwrap_or(person),
                self.now,
            )
            .await?;
            self.report.made("releases");
        }
        if left > 0 {
            let why = format!("{left} earlier releases are left out, their firmware is not here");
            self.report.skip(refuse(&why));
        }
        self.enter(&mut w, &group, &members).await?;
        self.report.made("deployment groups");
        self.end(w, commit).await
    }

    /// The releases in their order, the current one last. Older versions of the original have none, but a firmware in the group.
    fn releases_of(&mut self, row: &Value) -> Vec<Value> {
        let mut all = self.releases.remove(&number(row, "id")).unwrap_or_default();
        all.sort_by_key(|r| (r["number"].as_i64().unwrap_or(0), number(r, "id")));
        let current = row["current_deployment_release_id"].as_i64();
        if let Some(at) = all.iter().position(|r| r["id"].as_i64() == current) {
            if at + 1 < all.len() {
                // It went back to an earlier one; here the last one is current.
                let again = all[at].clone();
                all.push(again);
            }
        } else if all.is_empty() && row["firmware_id"].is_i64() {
            all.push(row.clone());
        }
        all
    }

    /// Puts the devices into the group that were in it there and are in none here.
    async fn enter(&self, w: &mut Write, group: &GroupRow, members: &[DeviceId]) -> Result<()> {
        for device in members {
            let free = devices::row(w, *device)
                .await?
                .is_some_and(|d| d.group_id.is_none() && d.product_id == group.product_id);
            if free {
                devices::set_group(w, *device, Some(group.id), self.now).await?;
            }
        }
        Ok(())
    }
}

fn fits(firmware: &FirmwareRow, group: &GroupRow) -> bool {
    firmware.platform == group.platform && firmware.architecture == group.architecture
}
