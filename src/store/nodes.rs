//! Server processes that share the database.

use super::{Result, Write};
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
    let row: Option<(Vec<u8>,)> = fetch_optional!(
        w,
        sql!(
            "nodes.setting",
            "SELECT value FROM settings WHERE name = $1"
        ),
        name
    )?;
    row.map(|r| r.0).ok_or(super::Error::Missing("settings"))
}
