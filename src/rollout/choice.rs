//! Chooses between the full file and a delta for an update. A delta is an optimization: it may delay the
//! devices that need it for a bounded time, but never any other device (docs/protocol/rules.md, "Deltas").

use crate::clock::Micros;
use crate::firmware::kind::FirmwareKind;
use crate::ids::ProductId;
use crate::limits::DELTA_WAIT;
use crate::store::catalog::deltas::DeltaRow;
use crate::store::catalog::firmwares::FirmwareRow;
use crate::store::catalog::{deltas, firmwares};
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::devices::Candidate;
use crate::store::words::DeltaState;
use crate::store::{self, Write};
use fwup::meta::lenient;
use semver::Version;

/// What devices that run one firmware are sent.
#[derive(Debug)]
pub enum Choice {
    /// The full file.
    Full,
    /// A delta, if the device can apply it.
    Delta(DeltaRow),
    /// Nothing yet, because their delta is being made.
    Wait,
}

/// Chooses for all devices that run `source`, and requests a delta that nobody has requested yet. The flag says
/// whether a delta job was created.
pub async fn choose(
    w: &mut Write,
    group: &GroupRow,
    source: &str,
    target: &FirmwareRow,
    now: Micros,
) -> store::Result<(Choice, bool)> {
    if !group.delta_updatable || !target.delta_updatable || source.is_empty() {
        return Ok((Choice::Full, false));
    }
    let Some(from) = known(w, group.product_id, source, target).await? else {
        return Ok((Choice::Full, false));
    };
    let Some(delta) = deltas::of_pair(w, from.id, target.id).await? else {
        let filed = deltas::ask(w, from.id, target.id, now).await?;
        return Ok((Choice::Wait, filed));
    };
    let choice = match delta.status {
        DeltaState::Completed => Choice::Delta(delta),
        _ if is_waited_for(&delta, now) => Choice::Wait,
        _ => Choice::Full,
    };
    Ok((choice, false))
}

/// Whether devices wait for a delta that is being made.
pub(super) fn is_waited_for(delta: &DeltaRow, now: Micros) -> bool {
    delta.status == DeltaState::Processing && now.since(delta.inserted_at) < DELTA_WAIT
}

/// The stored firmware that the devices run, if a delta from it is possible.
async fn known(
    w: &mut Write,
    product: ProductId,
    uuid: &str,
    target: &FirmwareRow,
) -> store::Result<Option<FirmwareRow>> {
    let found = firmwares::by_uuid(w, product, uuid).await?;
    Ok(found.filter(|f| {
        f.platform == target.platform
            && f.architecture == target.architecture
            && f.tool == target.tool
    }))
}

/// Why a device's fwup cannot install a firmware. `None` when it can, or when its version is unknown.
pub fn unfit(fwup: Option<&str>, target: &FirmwareRow) -> Option<String> {
    if FirmwareKind::stored(&target.tool) == FirmwareKind::EspIdf {
        return None;
    }
    let own = lenient(fwup?)?;
    let needed = lenient(&target.full_fwup_version)?;
    (own < needed).then(|| {
        format!(
            "firmware {} needs fwup {needed} or newer, and the device has fwup {own}",
            target.version
        )
    })
}

/// Whether this device can apply the delta: its fwup is new enough, and no delta to this target failed on it
/// before. A device that does not report its fwup version gets the full file. An ESP-IDF device has no fwup:
/// its own image contains what applies deltas.
pub fn takes_delta(device: &Candidate, target: &FirmwareRow) -> bool {
    let own = device
        .fw_fwup_version
        .as_deref()
        .and_then(|v| Version::parse(v).ok());
    let needed = Version::parse(&target.delta_fwup_version).ok();
    let new_enough = FirmwareKind::stored(&target.tool) == FirmwareKind::EspIdf
        || matches!((own, needed), (Some(own), Some(needed)) if own >= needed);
    new_enough && device.full_next_for.as_deref() != Some(target.uuid.as_str())
}
