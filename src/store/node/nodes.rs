//! Server processes that share the database.

use crate::clock::Micros;
use crate::store::ids::NodeId;
use crate::store::{On, Result, Write};

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

/// The row of the settings that holds the number of the node which owns the database.
const OWNER: &str = "server";

/// Claims the database for one server process, in one row that names the owner: the owner, when that is another node which was seen
/// since `since`; otherwise this node is the owner. An owner keeps the database whatever others say of themselves, so that of two
/// servers that both believe in it exactly one goes on.
pub async fn claim_server(
    w: &mut Write,
    node: NodeId,
    since: Micros,
    now: Micros,
) -> Result<Option<NodeId>> {
    setting(w, OWNER, b"").await?;
    // Two servers that claim together take turns at this row.
    let owner: Option<(Vec<u8>,)> = fetch_optional!(
        w,
        sql!(
            "nodes.lock_owner",
            "UPDATE settings SET value = value WHERE name = $1 RETURNING value"
        ),
        OWNER
    )?;
    let owner = owner.and_then(|(o,)| <[u8; 8]>::try_from(o).ok());
    // Where no owner was written yet, whoever is there is one: a server of before.
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
    row.ok_or(crate::store::Error::Missing("settings"))
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
