//! Imports of many devices that are under way: which devices are theirs, so that they can be taken back.

use crate::clock::Micros;
use crate::store::ids::{DeviceId, NodeId, ProductId};
use crate::store::{On, Result, Write};
use sqlx::QueryBuilder;

/// Begins an import.
pub async fn begin(
    w: &mut Write,
    import: i64,
    product: ProductId,
    node: NodeId,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "imports.begin",
            "INSERT INTO imports (id, product_id, begun_at, node_id) VALUES ($1, $2, $3, $4)"
        ),
        import,
        product,
        now,
        node
    )?;
    Ok(())
}

/// Notes that these devices, at most a thousand, are an import's.
pub async fn add(w: &mut Write, import: i64, devices: &[DeviceId]) -> Result<()> {
    if devices.is_empty() {
        return Ok(());
    }
    on_engine!(&mut *w, |c| {
        let mut q = QueryBuilder::new("INSERT INTO import_devices (import_id, device_id) ");
        q.push_values(devices, |mut b, device| {
            b.push_bind(import).push_bind(*device);
        });
        q.build().execute(c).await.map(|_| ())
    })?;
    Ok(())
}

/// Locks an import until the transaction ends. False when it was taken back, since its node was taken for dead.
pub async fn lock(w: &mut Write, import: i64) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "imports.lock",
            "UPDATE imports SET begun_at = begun_at WHERE id = $1"
        ),
        import
    )?;
    Ok(n == 1)
}

/// Completes an import: its devices stay, whatever happens from here on.
pub async fn complete(w: &mut Write, import: i64) -> Result<()> {
    execute!(
        w,
        sql!("imports.complete", "DELETE FROM imports WHERE id = $1"),
        import
    )?;
    Ok(())
}

/// Deletes some of the notes of imports that are complete; how many.
pub async fn forget_some(w: &mut Write, most: i64) -> Result<u64> {
    execute!(
        w,
        sql!(
            "imports.forget_some",
            "DELETE FROM import_devices WHERE (import_id, device_id) IN (
               SELECT d.import_id, d.device_id FROM import_devices d
               WHERE NOT EXISTS (SELECT 1 FROM imports i WHERE i.id = d.import_id) LIMIT $1)"
        ),
        most
    )
}

/// An import that a node has begun and not completed, if there is one. One that names no node is of an older version, and of a server
/// that was alone.
pub async fn unfinished(on: &mut impl On, node: NodeId) -> Result<Option<i64>> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "imports.unfinished",
            "SELECT id FROM imports WHERE node_id = $1 OR node_id IS NULL ORDER BY begun_at, id LIMIT 1"
        ),
        node
    )?;
    Ok(row.map(|r| r.0))
}

/// Devices of an import, at most so many, and the node that holds a socket of each.
pub async fn some(
    on: &mut impl On,
    import: i64,
    most: i64,
) -> Result<Vec<(DeviceId, Option<NodeId>)>> {
    fetch_all!(
        on,
        sql!(
            "imports.some",
            "SELECT i.device_id, c.node_id FROM import_devices i
             LEFT JOIN connections c ON c.device_id = i.device_id AND c.status <> 'disconnected'
             WHERE i.import_id = $1 ORDER BY i.device_id LIMIT $2"
        ),
        import,
        most
    )
}

/// Takes the devices that [`some`] names back, with all that is kept of them; how many.
pub async fn take_back_some(w: &mut Write, import: i64, most: i64) -> Result<u64> {
    // Whoever sat down before one of them does not sit before its successor.
    w.revokes();
    execute!(
        w,
        sql!(
            "imports.take_back_some",
            "DELETE FROM devices WHERE id IN (
               SELECT device_id FROM import_devices WHERE import_id = $1 ORDER BY device_id LIMIT $2)"
        ),
        import,
        most
    )
}
