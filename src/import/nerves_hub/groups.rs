//! Imports deployment groups with their releases, their devices, and their successful updates.

use super::{Goods, Member, ORPHAN, changed_at, made_at, number, text};
use crate::access::scope::{Product, Scope};
use crate::domain::deployments::groups::{Changes, Conditions, GroupRow, NUMBERS};
use crate::domain::deployments::imported::take_over;
use crate::domain::{DomainError, Result};
use crate::store::catalog::firmwares::FirmwareRow;
use crate::store::deployments::{deployment_groups, inflight, releases};
use crate::store::devices::history::{self, PastUpdate};
use crate::store::{Write, devices};
use serde_json::Value;

/// A list of words; `None` where this version of NervesHub has no such column.
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
        .map(|setting| (setting, row[setting.field].as_i64()));
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
        workflow: None,
        policy: Vec::new(),
        queue_management: row["queue_management"].as_str().map(str::to_owned),
        priority_queue_enabled: row["priority_queue_enabled"].as_bool(),
        priority_threshold: settable(row, "priority_queue_firmware_version_threshold"),
        interfaces: words(&row["release_network_interfaces"]),
        release_tags: words(&row["release_tags"]),
        numbers: numbers.collect(),
    }
}

impl Goods<'_> {
    /// Imports a group, on or off as it was, if its current firmware was imported.
    pub(super) async fn group(&mut self, row: &Value) -> Result<()> {
        let (there, name) = (number(row, "id"), text(row, "name"));
        let refuse = |why: &str| format!("deployment group {name}: {why}");
        let all = self.releases_of(row);
        let Some(scope) = self.scopes.get(&number(row, "product_id")).cloned() else {
            self.report.leave("deployments", 1, ORPHAN);
            return Ok(());
        };
        let commit = self.commits();
        let mut w = self.begin().await?;
        let members = self.members.remove(&there).unwrap_or_default();
        if let Some(known) = deployment_groups::by_name(&mut w, &scope, name).await? {
            self.report.there("deployment groups");
            self.enter(&mut w, there, &known, &members).await?;
            return self.end(w, commit).await;
        }
        let current = all
            .last()
            .and_then(|r| self.firmwares.get(&number(r, "firmware_id")));
        let Some(current) = current.cloned() else {
            let why = "the firmware of its current release is not here; import again when it is";
            self.report.skip(refuse(why));
            return self.end(w, commit).await;
        };
        let (made, now) = (made_at(row, self.now), self.now);
        let group = take_over(&mut w, &scope, name, &current, settings(row), made, now).await;
        let group = match group {
            Ok(group) => group,
            Err(DomainError::Fields(why)) => {
                self.report
                    .skip(refuse(&format!("its settings are refused: {why}")));
                return self.end(w, commit).await;
            }
            Err(other) => return Err(other),
        };
        let left = self.release_all(&mut w, &scope, &group, &all).await?;
        if left > 0 {
            let why = format!("{left} earlier releases are left out, their firmware is not here");
            self.report.skip(refuse(&why));
        }
        deployment_groups::save(&mut w, &group, changed_at(row, self.now)).await?;
        self.enter(&mut w, there, &group, &members).await?;
        self.report.made("deployment groups");
        self.end(w, commit).await
    }

    /// Creates the releases of a new group. Returns how many are left out because their firmware was not
    /// imported.
    async fn release_all(
        &mut self,
        w: &mut Write,
        scope: &Scope<Product>,
        group: &GroupRow,
        all: &[Value],
    ) -> Result<u64> {
        let (mut left, person) = (0, scope.person().id);
        for release in all {
            let firmware = self.firmwares.get(&number(release, "firmware_id"));
            let Some(firmware) = firmware.filter(|f| fits(f, group)) else {
                left += 1;
                continue;
            };
            let archive = self.archives.get(&number(release, "archive_id")).copied();
            let by = self.users.get(&number(release, "created_by_id"));
            let (description, notes) = (&release["description"], &release["notes"]);
            let new = releases::NewRelease {
                group: group.id,
                firmware: firmware.id,
                archive,
                description: description.as_str(),
                notes: notes.as_str(),
                by: Some(by.copied().unwrap_or(person)),
                takes_back: None,
            };
            releases::add(w, &new, made_at(release, self.now)).await?;
            self.report.made("releases");
        }
        Ok(left)
    }

    /// The releases in order, the current one last. Older versions of NervesHub have no releases, but a
    /// firmware in the group.
    fn releases_of(&mut self, row: &Value) -> Vec<Value> {
        let mut all = self.releases.remove(&number(row, "id")).unwrap_or_default();
        all.sort_by_key(|r| (r["number"].as_i64().unwrap_or(0), number(r, "id")));
        let current = row["current_deployment_release_id"].as_i64();
        if let Some(at) = all.iter().position(|r| r["id"].as_i64() == current) {
            if at + 1 < all.len() {
                // The group went back to an earlier release. Here the last release is the current one.
                let again = all[at].clone();
                all.push(again);
            }
        } else if all.is_empty() && row["firmware_id"].is_i64() {
            all.push(row.clone());
        }
        all
    }

    /// Assigns the devices to the group that belonged to it and are in no group here, with their attempts at
    /// its release.
    async fn enter(
        &mut self,
        w: &mut Write,
        there: i64,
        group: &GroupRow,
        members: &[Member],
    ) -> Result<()> {
        let place = (group.org_id, group.product_id, group.id);
        self.groups.insert(there, place);
        let release = releases::current(w, group.id).await?;
        for member in members {
            let device = devices::row(w, member.device).await?;
            let free = device.filter(|d| d.group_id.is_none() && d.product_id == group.product_id);
            let Some(device) = free else {
                continue;
            };
            devices::set_group(w, device.id, Some(group.id), member.changed).await?;
            for at in &member.attempts {
                if let Some(release) = &release {
                    inflight::attempt(w, device.id, release.id, *at).await?;
                }
            }
        }
        Ok(())
    }

    /// Imports a slice of the successful updates.
    pub(super) async fn updates(&mut self, rows: &[Value]) -> Result<()> {
        let commit = self.commits();
        let mut w = self.begin().await?;
        for row in rows {
            let Some(device) = self.devices.get(&number(row, "device_id")) else {
                self.report.leave("update_stats", 1, ORPHAN);
                continue;
            };
            let group = self.groups.get(&number(row, "deployment_id")).map(|g| g.2);
            let sent = number(row, "update_bytes");
            let delta = text(row, "type").ends_with("delta");
            let update = PastUpdate {
                kind: if delta { "delta" } else { "full" }.to_owned(),
                source_uuid: text(row, "source_firmware_uuid").to_owned(),
                target_uuid: text(row, "target_firmware_uuid").to_owned(),
                sent_bytes: sent,
                full_bytes: sent.saturating_add(number(row, "saved_bytes")),
                at: made_at(row, self.now),
            };
            let made = history::add_past_update(&mut w, device.id, group, &update).await?;
            self.report.count("updates", made);
        }
        self.end(w, commit).await
    }
}

fn fits(firmware: &FirmwareRow, group: &GroupRow) -> bool {
    firmware.platform == group.platform && firmware.architecture == group.architecture
}
