//! Changes of many devices by one statement each, for actions on a whole list. What each does to a device is what its twin in
//! `changes` does.

use crate::clock::Micros;
use crate::store::ids::{DeviceId, GroupId};
use crate::store::{Result, Write};

/// Puts devices into a group, or into none.
pub async fn set_group(
    w: &mut Write,
    devices: &[DeviceId],
    group: Option<GroupId>,
    now: Micros,
) -> Result<()> {
    execute_rows!(
        w,
        "many.set_group",
        devices,
        |d| [device BIGINT = *d, to_group BIGINT = group, at BIGINT = now],
        "UPDATE devices SET group_id = x.to_group, held = FALSE, held_until = NULL, updated_at = x.at FROM ",
        " WHERE devices.id = x.device",
    )?;
    Ok(())
}

/// Switches automatic updates, each device's own way.
pub async fn set_updates_enabled(
    w: &mut Write,
    devices: &[(DeviceId, bool)],
    now: Micros,
) -> Result<()> {
    execute_rows!(
        w,
        "many.set_updates_enabled",
        devices,
        |d| [device BIGINT = d.0, enabled BOOLEAN = d.1, at BIGINT = now],
        "UPDATE devices SET updates_enabled = x.enabled, updated_at = x.at FROM ",
        " WHERE devices.id = x.device",
    )?;
    Ok(())
}

/// Holds automatic updates of devices back until a time, or lets them out.
pub async fn block(w: &mut Write, devices: &[(DeviceId, Option<Micros>)]) -> Result<()> {
    execute_rows!(
        w,
        "many.block",
        devices,
        |d| [device BIGINT = d.0, until BIGINT = d.1],
        "UPDATE devices SET blocked_until = x.until FROM ",
        " WHERE devices.id = x.device",
    )?;
    Ok(())
}

/// Replaces the tags of devices; `None` is "never set".
pub async fn set_tags(w: &mut Write, devices: &[(DeviceId, Option<Vec<String>>)]) -> Result<()> {
    execute_rows!(
        w,
        "many.drop_tags",
        devices,
        |d| [device BIGINT = d.0],
        "DELETE FROM device_tags WHERE device_id IN (SELECT x.device FROM ",
        ")",
    )?;
    let tags: Vec<(DeviceId, i64, &str)> = devices
        .iter()
        .flat_map(|(device, tags)| {
            let placed = (0_i64..).zip(tags.iter().flatten());
            placed.map(|(position, tag)| (*device, position, tag.as_str()))
        })
        .collect();
    super::bulk::tag_many(w, &tags).await?;
    execute_rows!(
        w,
        "many.mark_tags",
        devices,
        |d| [device BIGINT = d.0, tags_set BOOLEAN = d.1.is_some()],
        "UPDATE devices SET tags_set = x.tags_set, held = FALSE, held_until = NULL FROM ",
        " WHERE devices.id = x.device",
    )?;
    Ok(())
}
