//! What a seed begins with: an organization, three firmwares, a group with its limits and steps, and devices.

use super::chance::Chance;
use super::devices::Device;
use super::faults::Sabotage;
use super::{Broken, Outcome};
use crate::clock::Micros;
use crate::domain::deployments::rollouts;
use crate::ids::{FirmwareId, GroupId, OrgId, ProductId, UserId};
use crate::rollout::policy::Policy;
use crate::store::accounts::{membership, orgs, users};
use crate::store::catalog::firmwares::NewFirmware;
use crate::store::catalog::{files, firmwares, products};
use crate::store::deployments::deployment_groups::{self, GroupRow};
use crate::store::deployments::{releases, server_bandwidth};
use crate::store::devices;
use crate::store::words::{QueueOrder, TagOperator};
use crate::store::{Db, Error, Write};
use serde_json::{Value, json};

/// What a seed has chosen.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub devices: usize,
    pub nodes: usize,
    pub concurrent: i64,
    pub lifo: bool,
    pub priority: bool,
    pub deltas: bool,
    pub policy: Policy,
    /// What all groups together may send.
    pub server_rate: Option<i64>,
    pub workflow: Option<Value>,
    /// How often, in a hundred, an update fails, reverts, makes its device vanish; how often a signal is lost, and a node is killed.
    pub fails: u32,
    pub reverts: u32,
    pub vanishes: u32,
    pub loses: u32,
    pub kills: u32,
}

/// Bytes of a whole file, and of a delta.
pub(super) const FULL: i64 = 1_000_000;
pub(super) const DELTA: i64 = 100_000;

/// The firmwares in the order in which they are released, oldest first: uuid and version.
pub(super) const FIRMWARES: [(&str, &str); 3] = [("a", "1.0.0"), ("b", "1.1.0"), ("c", "1.2.0")];

impl Settings {
    pub(super) fn of(chance: &mut Chance) -> Self {
        let rates = [0, 5, 20, 50];
        let rate = |chance: &mut Chance| rates[chance.index(rates.len())];
        let large = chance.percent(2);
        let devices = if large { 300..600 } else { 5..40 };
        Self {
            devices: usize::try_from(chance.number(devices)).unwrap_or(5),
            nodes: 1 + chance.index(3),
            concurrent: if large { 100 } else { chance.number(1..8) },
            lifo: chance.percent(30),
            priority: chance.percent(20),
            deltas: chance.percent(40),
            policy: policy(chance),
            server_rate: chance.percent(15).then(|| chance.number(40_000..400_000)),
            workflow: workflow(chance),
            fails: rate(chance),
            reverts: rate(chance) / 2,
            vanishes: rate(chance) / 2,
            loses: rate(chance),
            kills: rate(chance) / 10,
        }
    }
}

impl Settings {
    /// The same with what a fault needs to show itself, so that few seeds find it.
    pub(super) fn exposing(mut self, fault: Sabotage) -> Self {
        self.devices = self.devices.min(12);
        let step = |extra: Value| Some(json!({"version": 1, "steps": [extra]}));
        match fault {
            Sabotage::SkipsApproval => {
                self.workflow =
                    step(json!({"name": "Sign-off", "type": "approval_required", "approvals": 2}));
            }
            Sabotage::StepsBack | Sabotage::IgnoresTags => {
                self.workflow =
                    step(json!({"name": "Canary", "matching_conditions": {"tags": ["canary"]}}));
            }
            Sabotage::ForgetsBandwidth => {
                self.workflow = None;
                self.concurrent = 10;
                self.policy.bytes_per_second = Some(20_000);
            }
            Sabotage::GoesBelowMinimum => self.policy.minimum_version = Some("1.2.0".into()),
            _ => {}
        }
        self
    }
}

fn policy(chance: &mut Chance) -> Policy {
    Policy {
        minimum_version: chance.percent(10).then(|| "1.1.0".into()),
        stop_when_worse: chance.percent(50),
        automatic_rollback: chance.percent(40),
        bytes_per_second: chance.percent(30).then(|| chance.number(20_000..400_000)),
        ..Policy::default()
    }
}

fn workflow(chance: &mut Chance) -> Option<Value> {
    if chance.percent(30) {
        return None;
    }
    let mut canary = json!({"name": "Canary", "matching_conditions": {"tags": ["canary"]}});
    if chance.percent(50) {
        canary["matching_conditions"]["match_limit"] = json!(chance.number(1..5));
    }
    if chance.percent(50) {
        canary["gate"] = json!({"validated_percent": 50, "soak_minutes": chance.number(0..10)});
    }
    if chance.percent(50) {
        canary["failure_tolerance"] = json!({"devices": chance.number(0..4)});
    }
    let mut steps = vec![canary];
    if chance.percent(40) {
        let people = if chance.percent(50) { 1 } else { 2 };
        steps.push(json!({"name": "Sign-off", "type": "approval_required", "approvals": people}));
    }
    if chance.percent(50) {
        let share = chance.number(20..80);
        steps.push(json!({"name": "Share", "matching_conditions": {"match_percent": share}, "concurrent_updates": 2}));
    }
    Some(json!({"version": 1, "steps": steps}))
}

/// What stands in the database.
pub(super) struct Scenery {
    pub org: OrgId,
    pub product: ProductId,
    /// Another product of the same organization, to which devices are moved.
    pub elsewhere: ProductId,
    pub group: GroupId,
    pub firmwares: Vec<FirmwareId>,
    pub people: Vec<UserId>,
}

/// Builds it.
pub(super) async fn build(
    db: &Db,
    settings: &Settings,
    chance: &mut Chance,
) -> Outcome<(Scenery, Vec<Device>)> {
    let now = db.now();
    let mut w = db.write().await?;
    let missing = || Broken::Store(Error::Missing("simulation"));
    let org = orgs::add(&mut w, "acme", now).await?.ok_or_else(missing)?;
    let product = products::add(&mut w, org, "thermo", now)
        .await?
        .ok_or_else(missing)?;
    let elsewhere = products::add(&mut w, org, "hygro", now)
        .await?
        .ok_or_else(missing)?;
    server_bandwidth::set(&mut w, settings.server_rate).await?;
    let mut people = Vec::new();
    for n in 0..2 {
        let email = format!("p{n}@acme.org");
        let user = users::add(&mut w, &email, &format!("Person {n}"), "none", now).await?;
        let person = user.ok_or_else(missing)?;
        people.push(person);
        orgs::set_member(&mut w, org, person, "manage", now).await?;
    }
    let person = crate::access::scope::Person {
        id: people[0],
        name: "Person 0".into(),
        email: "p0@acme.org".into(),
        grant: crate::access::scope::Grant::default(),
        token: None,
        session: false,
    };
    let scope = membership::product_scope(&mut w, person, "acme", "thermo").await?;
    let scope = scope.ok_or_else(missing)?;
    let mut all = Vec::new();
    for (uuid, version) in FIRMWARES {
        let key = files::FileKind::Firmware.new_key();
        let added = firmwares::add(&mut w, &scope, &firmware(uuid, version), &key, now).await?;
        all.push(added.ok_or_else(missing)?);
    }
    let mut group = crate::domain::deployments::groups::blank(
        &scope,
        "g",
        &firmwares::row(&mut w, all[0]).await?.ok_or_else(missing)?,
    );
    set(&mut group, settings);
    let id = deployment_groups::add(&mut w, &group, now)
        .await?
        .ok_or_else(missing)?;
    group.id = id;
    release(&mut w, &group, all[0], chance, now).await?;
    let mut fleet = Vec::new();
    for n in 0..settings.devices {
        let name = format!("d{n}");
        let canary = chance.percent(30);
        let tags = canary.then(|| vec!["canary".to_owned()]);
        let (text, words) = (None, tags.as_deref());
        let device = devices::add(&mut w, org, product, &name, text, words, now).await?;
        let device = device.ok_or_else(missing)?;
        enter(&mut w, device, id, now).await?;
        fleet.push(Device::new(device, canary));
    }
    w.commit().await?;
    let scenery = Scenery {
        org,
        product,
        elsewhere,
        group: id,
        firmwares: all,
        people,
    };
    Ok((scenery, fleet))
}

/// Makes the next release of a group.
pub(super) async fn release(
    w: &mut Write,
    group: &GroupRow,
    firmware: FirmwareId,
    chance: &mut Chance,
    now: Micros,
) -> Outcome<()> {
    let new = releases::NewRelease {
        group: group.id,
        firmware,
        archive: None,
        description: None,
        notes: None,
        by: None,
        takes_back: None,
    };
    releases::add(w, &new, now).await?;
    let salt = chance.number(1..i64::MAX);
    Ok(rollouts::begin(w, group, salt, now).await?)
}

async fn enter(
    w: &mut Write,
    device: crate::ids::DeviceId,
    group: GroupId,
    now: Micros,
) -> Outcome<()> {
    Ok(devices::set_group(w, device, Some(group), now).await?)
}

fn set(group: &mut GroupRow, settings: &Settings) {
    group.is_active = true;
    group.tag_operator = TagOperator::And;
    group.concurrent_updates = settings.concurrent;
    group.delta_updatable = settings.deltas;
    group.penalty_timeout_minutes = 20;
    group.policy = settings.policy.text();
    group.workflow = settings.workflow.as_ref().map(Value::to_string);
    if settings.lifo {
        group.queue_management = QueueOrder::LastIn;
    }
    if settings.priority {
        group.priority_queue_enabled = true;
        group.priority_queue_concurrent_updates = 2;
        group.priority_queue_firmware_version_threshold = Some("1.0.0".into());
    }
}

fn firmware(uuid: &str, version: &str) -> NewFirmware {
    NewFirmware {
        tool: "fwup",
        signer: None,
        uuid: uuid.into(),
        version: version.into(),
        platform: "rpi4".into(),
        architecture: "arm".into(),
        author: None,
        description: None,
        misc: None,
        vcs_identifier: None,
        size: FULL,
        checksum: "AA".into(),
        partials: "AA".into(),
        delta_updatable: true,
        full_fwup_version: "1.0.0".into(),
        delta_fwup_version: "1.6.0".into(),
    }
}
