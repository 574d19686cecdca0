//! What one run of a group goes by: the group, its current release, and how far that release's rollout is.

use super::bandwidth::Bandwidth;
use super::policy::{Limit, Policy, bandwidth_limits};
use super::rollout_state::Rollout;
use crate::clock::Micros;
use crate::ids::GroupId;
use crate::store::catalog::firmwares;
use crate::store::catalog::firmwares::FirmwareRow;
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::deployments::releases::ReleaseRow;
use crate::store::deployments::{deployment_groups, releases, server_bandwidth};
use crate::store::devices::Candidate;
use crate::store::{self, On, Write};

/// The group, its release, and its limits, as one run uses them.
pub struct Plan {
    /// The group, which is on.
    pub group: GroupRow,
    /// Its current release.
    pub release: ReleaseRow,
    /// The firmware of the release, whose file is sound.
    pub target: FirmwareRow,
    /// How far the release is; nothing is counted yet.
    pub rollout: Rollout,
    /// The limits of the group.
    pub policy: Policy,
    /// What the group may send.
    pub bandwidth: Bandwidth,
    /// What all groups together may.
    pub server_bandwidth: Bandwidth,
    /// The time of the run.
    pub now: Micros,
}

impl Plan {
    /// When a device's maintenance window opens; `None` while it is open, and without one.
    pub fn opens_at(&self, device: &Candidate) -> Option<Micros> {
        let window = self.policy.maintenance_window.as_ref()?;
        window.opens_at(device.time_zone.as_deref(), self.now)
    }

    /// Whether a claim may promise more bytes.
    pub fn has_bandwidth(&self) -> bool {
        self.bandwidth.is_free(self.now) && self.server_bandwidth.is_free(self.now)
    }

    /// Counts the bytes that a claim promises.
    pub fn promise(&mut self, bytes: i64) {
        self.bandwidth.promise(bytes, self.now);
        self.server_bandwidth.promise(bytes, self.now);
    }

    /// The limits of the group and the server that keep everybody from being updated now.
    pub fn limits(&self) -> Vec<Limit> {
        let mut all = self.policy.limits(&self.target.version, self.now);
        let full = bandwidth_limits(self.bandwidth, self.server_bandwidth, self.now);
        all.extend(full);
        all
    }

    /// Keeps other groups from promising what is left of the server's bandwidth, until the transaction ends. Called under the
    /// group's lock, always in this order, so that two groups cannot wait for each other.
    pub(super) async fn lock_bandwidth(&mut self, w: &mut Write) -> store::Result<()> {
        if self.server_bandwidth.bytes_per_second.is_some() {
            self.server_bandwidth = server_bandwidth::lock(w).await?.into();
        }
        Ok(())
    }

    /// Stores what the run has promised.
    pub(super) async fn keep_promises(&self, w: &mut Write) -> store::Result<()> {
        if self.bandwidth.bytes_per_second.is_some() {
            let until = self.bandwidth.promised_until;
            deployment_groups::set_bandwidth(w, self.group.id, until).await?;
        }
        if self.server_bandwidth.bytes_per_second.is_some() {
            server_bandwidth::promise(w, self.server_bandwidth.promised_until).await?;
        }
        Ok(())
    }
}

/// What a run of a group goes by; `None` when there is nothing to do: it is off, has no release, or the file of it is damaged.
pub async fn plan(on: &mut impl On, group: GroupId, now: Micros) -> store::Result<Option<Plan>> {
    let Some(group) = deployment_groups::row(on, group)
        .await?
        .filter(|g| g.is_active)
    else {
        return Ok(None);
    };
    let Some(release) = releases::current(on, group.id).await? else {
        return Ok(None);
    };
    let Some(target) = firmwares::row(on, release.firmware_id)
        .await?
        .filter(|f| f.damaged_at.is_none())
    else {
        return Ok(None);
    };
    let Some(policy) = Policy::kept(group.policy.as_deref()) else {
        tracing::warn!(group = %group.name, "this version of the server cannot read the limits of the group");
        return Ok(None);
    };
    let rollout = Rollout::read(on, &release).await?;
    Ok(Some(Plan {
        bandwidth: policy.bandwidth(&group),
        server_bandwidth: server_bandwidth::read(on).await?.into(),
        policy,
        group,
        release,
        target,
        rollout,
        now,
    }))
}
