//! Why a device is not being updated: what is on record, held against the rules of `rollout::why`.

use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::{DomainError, Result, devices};
use crate::ids::DeviceId;
use crate::rollout::claim;
use crate::rollout::rollout_state::Rollout;
use crate::rollout::why::{self, Facts, GroupFacts};
use crate::store::catalog::{deltas, firmwares};
use crate::store::deployments::{deployment_groups, inflight, releases, server_bandwidth};
use crate::store::devices::{DeviceRow, update_facts};
use crate::store::{self, Db, On};

pub use crate::rollout::why::{Check, answer};

/// Holds a device against the rules, in their order.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn checks(db: &Db, scope: &Scope<Product>, identifier: &str) -> Result<Vec<Check>> {
    let now = db.now();
    let mut r = db.read().await?;
    let id = devices::id_of(&mut r, scope, identifier).await?;
    let facts = facts(&mut r, id, now).await?.ok_or(DomainError::NotFound)?;
    Ok(why::checks(&facts, now))
}

/// What is on record of a device that decides whether it is updated; `None` for one that does not exist.
pub async fn facts(
    on: &mut impl On,
    device: DeviceId,
    now: Micros,
) -> store::Result<Option<Facts>> {
    let row = store::devices::row(on, device).await?;
    let Some((row, known)) = row.zip(update_facts::of(on, device).await?) else {
        return Ok(None);
    };
    let group = match row.group_id {
        Some(_) => group_facts(on, &row, now).await?,
        None => None,
    };
    Ok(Some(Facts {
        tags: store::devices::tags(on, device).await?,
        device: row,
        known,
        group,
    }))
}

async fn group_facts(
    on: &mut impl On,
    device: &DeviceRow,
    now: Micros,
) -> store::Result<Option<GroupFacts>> {
    let Some(id) = device.group_id else {
        return Ok(None);
    };
    let Some(group) = deployment_groups::row(on, id).await? else {
        return Ok(None);
    };
    let mut current = None;
    if let Some(release) = releases::current(on, id).await?
        && let Some(firmware) = firmwares::row(on, release.firmware_id).await?
    {
        let rollout = Rollout::counted(on, &release).await?;
        current = Some((release, firmware, rollout));
    }
    let (mut attempts, mut delta) = ((0, 0), None);
    if let Some((release, firmware, _)) = &current {
        let since = claim::window(&group, now);
        attempts = inflight::attempts(on, device.id, release.id, since).await?;
        let source = firmwares::by_uuid(on, device.product_id, &device.fw_uuid).await?;
        if let Some(source) = source.filter(|_| group.delta_updatable && firmware.delta_updatable) {
            delta = deltas::of_pair(on, source.id, firmware.id).await?;
        }
    }
    Ok(Some(GroupFacts {
        release_tags: deployment_groups::words(on, id, "release_tag").await?,
        interfaces: deployment_groups::words(on, id, "interface").await?,
        taken: (
            inflight::count(on, id, false).await?,
            inflight::count(on, id, true).await?,
        ),
        server_bandwidth: server_bandwidth::read(on).await?.into(),
        release: current,
        attempts,
        delta,
        group,
    }))
}
