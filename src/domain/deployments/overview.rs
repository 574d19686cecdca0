//! What people look at while a release goes on: the updates in flight, why attempts failed, and the deltas.

use crate::access::scope::{Product, Scope};
use crate::bus::BusMessage;
use crate::domain::deployments::groups::require_group;
use crate::domain::error::field;
use crate::domain::{Context, DomainError, Result};
use crate::limits::{FAILURE_GROUPS, FAILURE_SAMPLE, OVERVIEW_ROWS};
use crate::store::Db;
use crate::store::catalog::deltas;
use crate::store::deployments::overview::{self, DeltaView, FailureGroup, InFlightView};
use crate::store::deployments::releases;
use crate::store::events::audit::{self, Resource};

/// What failed attempts are grouped by.
pub const BY: [&str; 3] = ["reason", "stage", "version"];

/// The updates in flight of a group, oldest first.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such group.
pub async fn in_flight(db: &Db, scope: &Scope<Product>, name: &str) -> Result<Vec<InFlightView>> {
    let mut r = db.read().await?;
    let group = require_group(&mut r, scope, name).await?;
    Ok(overview::in_flight(&mut r, group.id, OVERVIEW_ROWS).await?)
}

/// Failed attempts that have something in common, with some of their devices.
#[derive(Debug)]
pub struct Failures {
    pub common: FailureGroup,
    pub sample: Vec<String>,
}

/// What the failed attempts of a release of a group have in common: of the one with this number, or of the current one.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such group, or the group no such release; a validation error for another word
/// than those of [`BY`].
pub async fn failures(
    db: &Db,
    scope: &Scope<Product>,
    name: &str,
    by: &str,
    number: Option<i64>,
) -> Result<Vec<Failures>> {
    if !BY.contains(&by) {
        return Err(field("by", &format!("must be one of: {}", BY.join(", "))));
    }
    let mut r = db.read().await?;
    let group = require_group(&mut r, scope, name).await?;
    let release = match number {
        Some(number) => releases::of_number(&mut r, group.id, number).await?,
        None => releases::current(&mut r, group.id).await?.map(|r| r.id),
    };
    let release = release.ok_or(DomainError::NotFound)?;
    let mut all = Vec::new();
    for common in overview::failures(&mut r, release, by, FAILURE_GROUPS).await? {
        let (value, most) = (&common.value, FAILURE_SAMPLE);
        let sample = overview::failed_devices(&mut r, release, by, value, most).await?;
        all.push(Failures {
            common,
            sample: sample.into_iter().map(|d| d.0).collect(),
        });
    }
    Ok(all)
}

/// The deltas to the firmware of a group's current release.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such group.
pub async fn list_deltas(db: &Db, scope: &Scope<Product>, name: &str) -> Result<Vec<DeltaView>> {
    let mut r = db.read().await?;
    let group = require_group(&mut r, scope, name).await?;
    Ok(match releases::current(&mut r, group.id).await? {
        Some(release) => overview::deltas(&mut r, release.firmware_id, OVERVIEW_ROWS).await?,
        None => Vec::new(),
    })
}

/// Has the deltas to the firmware of a group's current release made again that could not be made, or were withdrawn: the one from
/// the firmware with this uuid, or all. Devices wait for them as for new ones. How many.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such group; a validation error when no such delta failed.
pub async fn retry_deltas(
    context: &Context,
    scope: &Scope<Product>,
    name: &str,
    from: Option<&str>,
) -> Result<u64> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let group = require_group(&mut w, scope, name).await?;
    let release = releases::current(&mut w, group.id).await?;
    let release = release.ok_or(DomainError::NotFound)?;
    let filed = deltas::again(&mut w, release.firmware_id, from, now).await?;
    if filed == 0 && from.is_some() {
        let text = "is not the uuid of a firmware from which the delta has failed";
        return Err(field("from", text));
    }
    let text = format!(
        "User {} has {filed} deltas of release {} of deployment group {name} made again",
        scope.person().name,
        release.number
    );
    audit::in_product(&mut w, scope, Resource::Group(group.id), &text, now).await?;
    w.commit().await?;
    context.bus.send(BusMessage::Delta);
    Ok(filed)
}
