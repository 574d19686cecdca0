//! The server nodes that share the database: their heartbeat, the node that owns the database or leads the others, and
//! stored settings.

use crate::clock::Micros;
use crate::store::ids::NodeId;
use crate::store::words::NodeRole;
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

/// One life of a node: from its start to its end. A node that starts again on the same data folder is another life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Life {
    pub node: NodeId,
    /// When it began, by the node's own clock.
    pub since: Micros,
}

/// A node among others, as it says.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct NodeRow {
    pub id: NodeId,
    /// When this life of it began.
    pub started_at: Micros,
    /// When the others took it for dead.
    pub declared_dead_at: Option<Micros>,
    /// When it was alive last, by its own clock.
    pub seen_at: Micros,
    pub role: NodeRole,
    /// Which version of the program it runs.
    pub version: String,
}

impl NodeRow {
    pub fn life(&self) -> Life {
        Life {
            node: self.id,
            since: self.started_at,
        }
    }
}

/// Begins the life of a node among others.
pub async fn begin(w: &mut Write, life: Life, role: NodeRole, version: &str) -> Result<()> {
    execute!(
        w,
        sql!(
            "nodes.begin",
            "INSERT INTO nodes (id, started_at, seen_at, role, version) VALUES ($1, $2, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE SET started_at = excluded.started_at, seen_at = excluded.seen_at,
               role = excluded.role, version = excluded.version, declared_dead_at = NULL"
        ),
        life.node,
        life.since,
        role,
        version
    )?;
    Ok(())
}

/// Records that a node is alive. False when the others took it for dead, or another life of it has begun.
pub async fn beat(w: &mut Write, life: Life, now: Micros) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "nodes.beat",
            "UPDATE nodes SET seen_at = $3 WHERE id = $1 AND started_at = $2 AND declared_dead_at IS NULL"
        ),
        life.node,
        life.since,
        now
    )?;
    Ok(n == 1)
}

/// Writes when it was looked whether the database takes what is written. What changes nothing would not be written at all.
pub async fn record_check(w: &mut Write, node: NodeId, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "nodes.record_check",
            "UPDATE nodes SET checked_at = $2 WHERE id = $1"
        ),
        node,
        now
    )?;
    Ok(())
}

/// Takes a node for dead that has said nothing since `seen`. False when it has.
pub async fn declare_dead(w: &mut Write, life: Life, seen: Micros, now: Micros) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "nodes.declare_dead",
            "UPDATE nodes SET declared_dead_at = $4
             WHERE id = $1 AND started_at = $2 AND seen_at = $3 AND declared_dead_at IS NULL"
        ),
        life.node,
        life.since,
        seen,
        now
    )?;
    Ok(n == 1)
}

/// Whether a node is taken for dead and its row is still there; locks the row until the transaction ends.
pub async fn is_declared_dead(w: &mut Write, life: Life) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "nodes.is_declared_dead",
            "UPDATE nodes SET declared_dead_at = declared_dead_at
             WHERE id = $1 AND started_at = $2 AND declared_dead_at IS NOT NULL"
        ),
        life.node,
        life.since
    )?;
    Ok(n == 1)
}

/// All nodes, at most a thousand.
pub async fn all(on: &mut impl On) -> Result<Vec<NodeRow>> {
    fetch_all!(
        on,
        sql!(
            "nodes.all",
            "SELECT id, started_at, declared_dead_at, seen_at, role, version FROM nodes ORDER BY id LIMIT 1000"
        )
    )
}

/// The node that owns the database, or leads the nodes that share it.
pub async fn owner(on: &mut impl On) -> Result<Option<NodeId>> {
    let value = find_setting(on, OWNER).await?;
    let number = value.and_then(|v| <[u8; 8]>::try_from(v).ok());
    Ok(number.map(|n| NodeId(i64::from_be_bytes(n))))
}

/// Lets a node lead in place of another one, or of none. False when that one does not lead any more.
pub async fn lead(w: &mut Write, before: Option<NodeId>, next: Option<NodeId>) -> Result<bool> {
    let value = |node: Option<NodeId>| node.map_or(Vec::new(), |n| n.0.to_be_bytes().to_vec());
    setting(w, OWNER, b"").await?;
    let n = execute!(
        w,
        sql!(
            "nodes.lead",
            "UPDATE settings SET value = $3 WHERE name = $1 AND value = $2"
        ),
        OWNER,
        value(before),
        value(next)
    )?;
    Ok(n == 1)
}

/// Waits until no other node starts, until this transaction ends: what is made once for all nodes is made by the first one.
pub async fn lock_start(w: &mut Write) -> Result<()> {
    setting(w, START, b"").await?;
    execute!(
        w,
        sql!(
            "nodes.lock_start",
            "UPDATE settings SET value = value WHERE name = $1"
        ),
        START
    )?;
    Ok(())
}

/// The settings row that nodes lock while they start.
const START: &str = "start";

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

/// Deletes a node.
pub async fn forget(w: &mut Write, node: NodeId) -> Result<()> {
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
