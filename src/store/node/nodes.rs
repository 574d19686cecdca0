//! The server nodes that share the database: their heartbeat, the node that owns the database, and stored
//! settings.

use crate::clock::Micros;
use crate::store::ids::NodeId;
use crate::store::{On, Result, Write};

/// Records that a node is alive.
pub async fn alive(w: &mut Write, node: NodeId, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "nodes.alive",
            "INSERT INTO nodes (id, started_at, seen_at) VALUES ($1, $2, $2)
             ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at"
        ),
        node,
        now
    )?;
    Ok(())
}

/// The settings row that holds the id of the node that owns the database.
const OWNER: &str = "server";

/// Claims the database for one node, in a single row that names the owner. Returns the owner if that is another
/// node which was seen since `since`; otherwise this node becomes the owner. An owner keeps the database
/// whatever other nodes claim, so that exactly one of two competing servers goes on.
pub async fn claim_server(
    w: &mut Write,
    node: NodeId,
    since: Micros,
    now: Micros,
) -> Result<Option<NodeId>> {
    setting(w, OWNER, b"").await?;
    // The lock on this row serializes two servers that claim at the same time.
    let owner: Option<(Vec<u8>,)> = fetch_optional!(
        w,
        sql!(
            "nodes.lock_owner",
            "UPDATE settings SET value = value WHERE name = $1 RETURNING value"
        ),
        OWNER
    )?;
    let owner = owner.and_then(|(o,)| <[u8; 8]>::try_from(o).ok());
    // A database of an older version has no owner row, so any node that is alive counts as the owner.
    let other: Option<(NodeId,)> = fetch_optional!(
        w,
        sql!(
            "nodes.owner_lives",
            "SELECT id FROM nodes
             WHERE id <> $1 AND seen_at >= $2 AND (CAST($3 AS BIGINT) IS NULL OR id = $3)
             ORDER BY seen_at DESC NULLS LAST, id LIMIT 1"
        ),
        node,
        since,
        owner.map(i64::from_be_bytes)
    )?;
    if let Some((other,)) = other {
        return Ok(Some(other));
    }
    set(w, OWNER, &node.0.to_be_bytes()).await?;
    alive(w, node, now).await?;
    Ok(None)
}

/// Nodes that have been silent since before `since`.
pub async fn silent(w: &mut Write, own: NodeId, since: Micros) -> Result<Vec<(NodeId,)>> {
    fetch_all!(
        w,
        sql!(
            "nodes.silent",
            "SELECT id FROM nodes WHERE seen_at < $1 AND id <> $2 ORDER BY id LIMIT 100"
        ),
        since,
        own
    )
}

/// Deletes a node and its leases.
pub async fn forget(w: &mut Write, node: NodeId) -> Result<()> {
    execute!(
        w,
        sql!(
            "nodes.leases",
            "UPDATE group_leases SET until = 0, node_id = NULL WHERE node_id = $1"
        ),
        node
    )?;
    execute!(
        w,
        sql!("nodes.forget", "DELETE FROM nodes WHERE id = $1"),
        node
    )?;
    Ok(())
}

/// Stores a setting unless it exists, and returns the stored value.
pub async fn setting(w: &mut Write, name: &str, value: &[u8]) -> Result<Vec<u8>> {
    execute!(
        w,
        sql!(
            "nodes.keep_setting",
            "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
        ),
        name,
        value
    )?;
    let row = find_setting(w, name).await?;
    row.ok_or(crate::store::Error::Missing("settings"))
}

/// Replaces the value of a setting.
pub async fn set(w: &mut Write, name: &str, value: &[u8]) -> Result<()> {
    execute!(
        w,
        sql!(
            "nodes.set",
            "INSERT INTO settings (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        ),
        name,
        value
    )?;
    Ok(())
}

/// The value of a setting.
pub async fn find_setting(on: &mut impl On, name: &str) -> Result<Option<Vec<u8>>> {
    let row: Option<(Vec<u8>,)> = fetch_optional!(
        on,
        sql!(
            "nodes.setting",
            "SELECT value FROM settings WHERE name = $1"
        ),
        name
    )?;
    Ok(row.map(|r| r.0))
}
