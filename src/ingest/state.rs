//! What is on record of a device that says something, as [`super::decide`] looks at it.

use crate::clock::Micros;
use crate::ids::{ClaimId, DeviceId, GroupId, OrgId, ProductId, ReleaseId};
use crate::rollout::matching::Group;
use crate::rollout::policy::HealthLimit;
use crate::store::ingest::read::{Current, KnownFirmware, OpenGroup, StateRow};
use crate::store::ingest::write::Connection;
use crate::store::words::Validation;
use std::collections::HashMap;

/// What is on record of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceState {
    /// The device.
    pub id: DeviceId,
    /// Its organization.
    pub org: OrgId,
    /// That organization's name.
    pub org_name: String,
    pub product: ProductId,
    /// That product's name.
    pub product_name: String,
    /// Unique on the whole server.
    pub identifier: String,
    /// Whether it was never let in yet.
    pub registered: bool,
    /// Whether it has a joined socket.
    pub online: bool,
    /// When its socket joined.
    pub connected_at: Micros,
    pub group: Option<Group>,
    /// Penalty box or reschedule.
    pub blocked_until: Option<Micros>,
    /// Whether its firmware is marked as good.
    pub validation: Validation,
    /// Whether the other slot holds firmware that was not validated.
    pub auto_revert: bool,
    /// The target for which the next file is a full one.
    pub full_next_for: Option<String>,
    /// What it runs.
    pub runs: Running,
    /// The interface that it speaks over.
    pub interface: String,
    /// Its newest connection.
    pub connection: Option<Connection>,
    pub update: Option<Update>,
}

/// The firmware that a device runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Running {
    /// uuid, empty when never reported.
    pub uuid: String,
    pub version: Option<String>,
    pub platform: Option<String>,
    pub architecture: Option<String>,
    /// The device's fwup.
    pub fwup_version: Option<String>,
}

/// An update in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    pub claim: ClaimId,
    /// The group whose slot it takes; none for a push by hand.
    pub group: Option<Claimant>,
    pub release: Option<ReleaseId>,
    pub target: Option<Target>,
    /// The delta that was chosen, as its size where it is known.
    pub delta: Option<Option<i64>>,
    /// Whether it counts as an attempt already.
    pub attempted: bool,
    /// Whether the device was told.
    pub told: bool,
}

/// A group that takes one of its slots for a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimant {
    pub id: GroupId,
    pub name: String,
    /// Organization.
    pub org: OrgId,
    pub product: ProductId,
    /// How long a device rests that failed.
    pub penalty_minutes: i64,
}

/// The firmware that a device is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub uuid: String,
    pub version: String,
    /// Bytes of the full file.
    pub size: i64,
}

impl Update {
    /// Whether the device is still to be told.
    pub fn waits(&self) -> bool {
        !self.told && self.target.is_some()
    }

    fn of(row: &mut StateRow) -> Option<Self> {
        let claim = row.claim?;
        let claimant = |id| {
            Some(Claimant {
                id,
                name: row.claim_group_name.take()?,
                org: row.claim_group_org?,
                product: row.claim_group_product?,
                penalty_minutes: row.penalty_minutes?,
            })
        };
        let group = row.claim_group.and_then(claimant);
        let target = row.target_uuid.take().map(|uuid| Target {
            uuid,
            version: row.target_version.take().unwrap_or_default(),
            size: row.target_size.unwrap_or_default(),
        });
        Some(Self {
            claim,
            group,
            release: row.release,
            target,
            delta: row.delta.map(|_| row.delta_size),
            attempted: row.attempted.unwrap_or_default(),
            told: row.sent_at.is_some(),
        })
    }
}

fn connection(row: &mut StateRow) -> Option<Connection> {
    Some(Connection {
        id: row.connection?,
        node: row.node?,
        status: row.connection_status?,
        established_at: row.established_at?,
        last_seen_at: row.last_seen_at?,
        disconnected_at: row.disconnected_at,
        api_version: row.api_version.take(),
        peer: row.peer.take(),
        reason: row.reason.take(),
        types: row.types.take(),
    })
}

fn group(row: &mut StateRow) -> Option<Group> {
    Some(Group {
        id: row.group_id?,
        name: row.group_name.take()?,
        platform: row.group_platform.take()?,
        architecture: row.group_architecture.take()?,
        requirement: row.group_requirement.take()?,
        locked: row.group_locked?,
    })
}

impl From<StateRow> for DeviceState {
    fn from(mut row: StateRow) -> Self {
        Self {
            connection: connection(&mut row),
            update: Update::of(&mut row),
            group: group(&mut row),
            id: row.id,
            org: row.org_id,
            org_name: row.org_name,
            product: row.product_id,
            product_name: row.product_name,
            identifier: row.identifier,
            registered: row.status == "registered",
            online: row.online,
            connected_at: row.connected_at,
            blocked_until: row.blocked_until,
            validation: row.validation,
            auto_revert: row.auto_revert,
            full_next_for: row.full_next_for,
            runs: Running {
                uuid: row.fw_uuid,
                version: row.fw_version,
                platform: row.fw_platform,
                architecture: row.fw_architecture,
                fwup_version: row.fw_fwup_version,
            },
            interface: row.interface,
        }
    }
}

/// What else is known when it is decided: read only as far as some device of the batch needs it.
#[derive(Debug, Default)]
pub struct Known {
    /// Stored firmwares that devices named by their uuid alone.
    pub firmwares: HashMap<(ProductId, String), KnownFirmware>,
    /// Groups that devices may enter, oldest first.
    pub open: Vec<OpenGroup>,
    /// The tags that these want.
    pub wanted: HashMap<GroupId, Vec<String>>,
    /// The tags of devices that look for a group.
    pub tags: HashMap<DeviceId, Vec<String>>,
    /// The current releases of the groups of devices that have reverted.
    pub current: HashMap<DeviceId, Current>,
    /// Limits of metrics of devices that report their health, where their groups have some.
    pub health_limits: HashMap<DeviceId, Vec<HealthLimit>>,
}
