//! Server processes that share the database.

use super::{On, Result, Write};
use crate::clock::Micros;
use crate::ids::NodeId;

/// Says that a node lives.
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

/// Claims the database for one server process: the node that was seen since `since` and is not this one, if there is any;
/// otherwise this node is entered in the same transaction.
pub async fn claim_server(
    w: &mut Write,
    node: NodeId,
    since: Micros,
    now: Micros,
) -> Result<Option<NodeId>> {
    // Two servers that start together take turns at this row.
    setting(w, "server", b"").await?;
    execute!(
        w,
        sql!(
            "nodes.lock_server",
            "UPDATE settings SET value = value WHERE name = 'server'"
        )
    )?;
    let other: Option<(NodeId,)> = fetch_optional!(
        w,
        sql!(
            "nodes.other",
            "SELECT id FROM nodes WHERE id <> $1 AND seen_at >= $2 ORDER BY seen_at DESC NULLS LAST, id LIMIT 1"
        ),
        node,
        since
    )?;
    if let Some((other,)) = other {
        return Ok(Some(other));
    }
    alive(w, node, now).await?;
    Ok(None)
}

/// Nodes that have been silent since before `since`.
pub async fn silent(w: &mut Write, since: Micros) -> Result<Vec<(NodeId,)>> {
    fetch_all!(
        w,
        sql!(
            "nodes.silent",
            "SELECT id FROM nodes WHERE seen_at < $1 ORDER BY id LIMIT 100"
        ),
        since
    )
}

/// Forgets a node and its leases.
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

/// Keeps a value under a name unless one is there, and returns what is there.
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
    row.ok_or(super::Error::Missing("settings"))
}

/// Gives a setting another value.
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

/// The value that is kept under a name.
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
