//! Held devices: those that a scan of their group's queue found not admitted by the release or its present step. They are out of
//! the queue until something changes that admits them, so that a scan costs in proportion to the slots and not to the group.
//!
//! A device's own changes (tags, interface, group, firmware) let it go in the statement that changes them. What changes for all
//! of a group (a release, a step, the tags and interfaces that a release needs) marks the group, and the scheduler lets its
//! devices go in slices before it looks at the queue again.

use super::candidates::{Admission, admitted, place};
use super::locks;
use crate::clock::Micros;
use crate::store::ids::{DeviceId, GroupId};
use crate::store::{Result, Write};

/// A device that is taken out of its group's queue.
#[derive(Debug, Clone, Copy)]
pub struct Hold {
    pub device: DeviceId,
    /// When it is looked at again by itself; `None` for not before something changes.
    pub until: Option<Micros>,
}

/// Takes devices out of the queue of a group whose release (of the firmware `target`, a uuid) is not for them, or not now.
///
/// On PostgreSQL a device may have changed since it was looked at. The first statement waits for such a change and locks the row;
/// the second one sees it, and puts the device back. A change that comes later waits for this transaction and puts the device back
/// itself.
pub async fn hold(
    w: &mut Write,
    group: GroupId,
    target: &str,
    admits: &Admission,
    all: &[Hold],
) -> Result<()> {
    let devices: Vec<DeviceId> = all.iter().map(|h| h.device).collect();
    locks::lock(w, &devices).await?;
    execute_rows!(
        w,
        "devices.hold",
        all,
        |h| [device BIGINT = h.device, until BIGINT = h.until],
        "UPDATE devices SET held = TRUE, held_until = x.until FROM ",
        " WHERE devices.id = x.device",
    )?;
    execute_rows!(
        w,
        "devices.hold_no_more",
        all,
        |h| [
            device BIGINT = h.device,
            until BIGINT = h.until,
            of_group BIGINT = group,
            target TEXT = target,
            release BIGINT = admits.release,
            step BIGINT = admits.step,
            factor BIGINT = admits.factor,
            addend BIGINT = admits.offset,
            share BIGINT = admits.share,
        ],
        "UPDATE devices SET held = FALSE WHERE id IN (SELECT d.id FROM ",
        concat!(
            " JOIN devices d ON d.id = x.device WHERE x.until IS NULL AND ",
            admitted!("x.of_group", "x.target", "x.release", "x.step", "x.factor", "x.addend", "x.share"),
            ")"
        ),
    )?;
    Ok(())
}

/// Notes that every held device of a group has to be looked at again.
pub async fn release_all(w: &mut Write, group: GroupId) -> Result<()> {
    execute!(
        w,
        sql!(
            "deployment_groups.release_held",
            "UPDATE deployment_groups SET release_held = TRUE WHERE id = $1 AND NOT release_held"
        ),
        group
    )?;
    Ok(())
}

/// Puts up to `most` held devices of a group back into its queue. True when none is left, which is noted in the group.
pub async fn release_some(w: &mut Write, group: GroupId, most: i64) -> Result<bool> {
    let held: Vec<(DeviceId,)> = fetch_all!(
        w,
        sql!(
            "devices.held",
            "SELECT id FROM devices WHERE group_id = $1 AND held ORDER BY id LIMIT $2"
        ),
        group,
        most
    )?;
    let held: Vec<DeviceId> = held.into_iter().map(|d| d.0).collect();
    let_go(w, &held).await?;
    let all = i64::try_from(held.len()).is_ok_and(|n| n < most);
    if all {
        execute!(
            w,
            sql!(
                "deployment_groups.held_released",
                "UPDATE deployment_groups SET release_held = FALSE WHERE id = $1"
            ),
            group
        )?;
    }
    Ok(all)
}

/// Puts these devices back into their queues; their groups.
async fn let_go(w: &mut Write, held: &[DeviceId]) -> Result<Vec<(DeviceId, Option<GroupId>)>> {
    locks::lock(w, held).await?;
    fetch_rows!(
        w,
        "devices.let_go",
        held,
        |d| [device BIGINT = *d],
        "UPDATE devices SET held = FALSE, held_until = NULL FROM ",
        " WHERE devices.id = x.device RETURNING devices.id, devices.group_id",
    )
}

/// Puts up to `most` devices back into their queues whose time has come; the groups that have candidates again.
pub async fn due(
    w: &mut Write,
    now: Micros,
    most: i64,
) -> Result<Vec<(DeviceId, Option<GroupId>)>> {
    let due: Vec<(DeviceId,)> = fetch_all!(
        w,
        sql!(
            "devices.held_due",
            "SELECT id FROM devices WHERE held_until <= $1 ORDER BY held_until, id LIMIT $2"
        ),
        now,
        most
    )?;
    let due: Vec<DeviceId> = due.into_iter().map(|d| d.0).collect();
    let_go(w, &due).await
}
