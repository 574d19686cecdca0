//! Changes of one device: its settings, its place, its update state, its end.

use super::*;

/// Puts the device into a group, or into none.
pub async fn set_group(
    w: &mut Write,
    id: DeviceId,
    group: Option<GroupId>,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "devices.set_group",
            "UPDATE devices SET group_id = $2, held = FALSE, held_until = NULL, updated_at = $3 WHERE id = $1"
        ),
        id,
        group,
        now
    )?;
    Ok(())
}

/// Keeps `in_flight` equal to "a row of inflight exists".
pub async fn set_in_flight(w: &mut Write, id: DeviceId, in_flight: bool) -> Result<()> {
    execute!(
        w,
        sql!(
            "devices.set_in_flight",
            "UPDATE devices SET in_flight = $2 WHERE id = $1"
        ),
        id,
        in_flight
    )?;
    Ok(())
}

/// Holds automatic updates back until then; `None` lets the device out.
pub async fn block(w: &mut Write, id: DeviceId, until: Option<Micros>) -> Result<()> {
    execute!(
        w,
        sql!(
            "devices.block",
            "UPDATE devices SET blocked_until = $2 WHERE id = $1"
        ),
        id,
        until
    )?;
    Ok(())
}

/// Devices whose block has run out, up to `limit`.
pub async fn blocks_over(
    w: &mut Write,
    now: Micros,
    limit: i64,
) -> Result<Vec<(DeviceId, Option<GroupId>)>> {
    let over: Vec<(DeviceId,)> = fetch_all!(
        w,
        sql!(
            "devices.blocks_over",
            "SELECT id FROM devices WHERE blocked_until <= $1 ORDER BY blocked_until, id LIMIT $2"
        ),
        now,
        limit
    )?;
    let over: Vec<DeviceId> = over.into_iter().map(|d| d.0).collect();
    locks::lock(w, &over).await?;
    fetch_rows!(
        w,
        "devices.unblock",
        &over,
        |d| [device BIGINT = *d, now BIGINT = now],
        "UPDATE devices SET blocked_until = NULL FROM ",
        " WHERE devices.id = x.device AND devices.blocked_until <= x.now
         RETURNING devices.id, devices.group_id",
    )
}

/// Switches automatic updates.
pub async fn set_updates_enabled(w: &mut Write, id: DeviceId, on: bool, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "devices.set_updates_enabled",
            "UPDATE devices SET updates_enabled = $2, updated_at = $3 WHERE id = $1"
        ),
        id,
        on,
        now
    )?;
    Ok(())
}

/// The device cannot install this firmware; it is not offered again before the device runs something else.
pub async fn unfit(w: &mut Write, id: DeviceId, target: &str) -> Result<()> {
    execute!(
        w,
        sql!(
            "devices.unfit",
            "UPDATE devices SET unfit_for = $2 WHERE id = $1"
        ),
        id,
        target
    )?;
    Ok(())
}

/// Changes what people write about a device.
pub async fn describe(
    w: &mut Write,
    id: DeviceId,
    description: Option<&str>,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "devices.describe",
            "UPDATE devices SET description = $2, updated_at = $3 WHERE id = $1"
        ),
        id,
        description,
        now
    )?;
    Ok(())
}

/// Sets the code that a device runs when it connects.
pub async fn set_connecting_code(
    w: &mut Write,
    id: DeviceId,
    code: Option<&str>,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "devices.set_connecting_code",
            "UPDATE devices SET connecting_code = $2, updated_at = $3 WHERE id = $1"
        ),
        id,
        code,
        now
    )?;
    Ok(())
}

/// Sets the time zone of a device's maintenance windows.
pub async fn set_time_zone(
    w: &mut Write,
    id: DeviceId,
    zone: Option<&str>,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "devices.set_time_zone",
            "UPDATE devices SET time_zone = $2, held = FALSE, held_until = NULL, updated_at = $3 WHERE id = $1"
        ),
        id,
        zone,
        now
    )?;
    Ok(())
}

/// Puts the device into another product, and into no group.
pub async fn relocate(
    w: &mut Write,
    id: DeviceId,
    org: OrgId,
    product: ProductId,
    now: Micros,
) -> Result<()> {
    w.revokes();
    execute!(
        w,
        sql!(
            "devices.relocate",
            "UPDATE devices SET org_id = $2, product_id = $3, group_id = NULL, blocked_until = NULL,
               full_next_for = NULL, held = FALSE, held_until = NULL, updated_at = $4 WHERE id = $1"
        ),
        id,
        org,
        product,
        now
    )?;
    Ok(())
}

/// Deletes softly, or restores: the identifier stays taken.
pub async fn set_deleted(
    w: &mut Write,
    id: DeviceId,
    deleted_at: Option<Micros>,
    now: Micros,
) -> Result<()> {
    w.revokes();
    execute!(
        w,
        sql!(
            "devices.set_deleted",
            "UPDATE devices SET deleted_at = $2, online = FALSE, updated_at = $3 WHERE id = $1"
        ),
        id,
        deleted_at,
        now
    )?;
    if deleted_at.is_some() {
        execute!(
            w,
            sql!(
                "devices.drop_certificates",
                "DELETE FROM device_certificates WHERE device_id = $1"
            ),
            id
        )?;
    }
    Ok(())
}

/// Destroys a deleted device with all that is kept of it; its identifier is free again. The audit log keeps its entries.
pub async fn destroy(w: &mut Write, id: DeviceId) -> Result<bool> {
    w.revokes();
    let n = execute!(
        w,
        sql!(
            "devices.destroy",
            "DELETE FROM devices WHERE id = $1 AND deleted_at IS NOT NULL"
        ),
        id
    )?;
    Ok(n > 0)
}

/// Replaces a device's tags; `None` is "never set".
pub async fn set_tags(w: &mut Write, device: DeviceId, tags: Option<&[String]>) -> Result<()> {
    execute!(
        w,
        sql!(
            "devices.drop_tags",
            "DELETE FROM device_tags WHERE device_id = $1"
        ),
        device
    )?;
    for (position, tag) in (0_i64..).zip(tags.unwrap_or_default()) {
        execute!(
            w,
            sql!(
                "devices.add_tag",
                "INSERT INTO device_tags (device_id, tag, folded, position) VALUES ($1, $2, $3, $4)
                 ON CONFLICT DO NOTHING"
            ),
            device,
            tag,
            fold(tag),
            position
        )?;
    }
    execute!(
        w,
        sql!(
            "devices.tags_set",
            "UPDATE devices SET tags_set = $2, held = FALSE, held_until = NULL WHERE id = $1"
        ),
        device,
        tags.is_some()
    )?;
    Ok(())
}
