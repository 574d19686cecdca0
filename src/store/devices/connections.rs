//! One row a device: its newest connection and the node that holds it.

use crate::clock::Micros;
use crate::store::ids::{ConnectionId, DeviceId, GroupId, NodeId, OrgId, ProductId};
use crate::store::{On, Result, Write};

/// A device was let in; the socket is not joined yet. The newcomer wins: the row is its from now on.
pub async fn connecting(
    w: &mut Write,
    device: DeviceId,
    id: ConnectionId,
    node: NodeId,
    peer: Option<&str>,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "connections.connecting",
            "INSERT INTO connections
               (device_id, id, node_id, status, established_at, last_seen_at, peer)
             VALUES ($1, $2, $3, 'connecting', $4, $4, $5)
             ON CONFLICT (device_id) DO UPDATE SET id = excluded.id, node_id = excluded.node_id,
               status = 'connecting', established_at = excluded.established_at,
               last_seen_at = excluded.last_seen_at, disconnected_at = NULL, api_version = NULL,
               peer = excluded.peer, reason = NULL, types = NULL"
        ),
        device,
        id,
        node,
        now,
        peer
    )?;
    Ok(())
}

/// The socket is joined. False when it is not the device's newest any more.
pub async fn connected(
    w: &mut Write,
    device: DeviceId,
    id: ConnectionId,
    api_version: &str,
    now: Micros,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "connections.connected",
            "UPDATE connections SET status = 'connected', api_version = $3, last_seen_at = $4
             WHERE device_id = $1 AND id = $2"
        ),
        device,
        id,
        api_version,
        now
    )?;
    Ok(n > 0)
}

/// The socket closed. False when a newer one has taken over: then the device is not offline.
pub async fn disconnected(
    w: &mut Write,
    device: DeviceId,
    id: ConnectionId,
    reason: &str,
    now: Micros,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "connections.disconnected",
            "UPDATE connections SET status = 'disconnected', disconnected_at = $3, reason = $4
             WHERE device_id = $1 AND id = $2 AND status <> 'disconnected'"
        ),
        device,
        id,
        now,
        reason
    )?;
    Ok(n > 0)
}

/// Whether this is the device's newest connection.
pub async fn current(on: &mut impl On, device: DeviceId, id: ConnectionId) -> Result<bool> {
    let row: Option<(ConnectionId,)> = fetch_optional!(
        on,
        sql!(
            "connections.current",
            "SELECT id FROM connections WHERE device_id = $1"
        ),
        device
    )?;
    Ok(row.is_some_and(|r| r.0 == id))
}

/// A sign of life.
pub async fn seen(w: &mut Write, device: DeviceId, id: ConnectionId, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "connections.seen",
            "UPDATE connections SET last_seen_at = $3 WHERE device_id = $1 AND id = $2"
        ),
        device,
        id,
        now
    )?;
    Ok(())
}

/// A device asked over HTTP: it lives, and holds no socket.
pub async fn polled(
    w: &mut Write,
    device: DeviceId,
    id: ConnectionId,
    node: NodeId,
    peer: Option<&str>,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "connections.polled",
            "INSERT INTO connections
               (device_id, id, node_id, status, established_at, last_seen_at, disconnected_at,
                api_version, peer, reason)
             VALUES ($1, $2, $3, 'disconnected', $4, $4, $4, '1.0.0', $5, 'polls')
             ON CONFLICT (device_id) DO UPDATE SET id = excluded.id, node_id = excluded.node_id,
               status = excluded.status, established_at = excluded.established_at,
               last_seen_at = excluded.last_seen_at, disconnected_at = excluded.disconnected_at,
               api_version = excluded.api_version, peer = excluded.peer, reason = excluded.reason,
               types = NULL"
        ),
        device,
        id,
        node,
        now,
        peer
    )?;
    Ok(())
}

/// The connection types that the device names, joined by commas.
pub async fn set_types(
    w: &mut Write,
    device: DeviceId,
    id: ConnectionId,
    types: &str,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "connections.set_types",
            "UPDATE connections SET types = $3 WHERE device_id = $1 AND id = $2"
        ),
        device,
        id,
        types
    )?;
    Ok(())
}

/// The node that holds a device's live socket.
pub async fn node_of(on: &mut impl On, device: DeviceId) -> Result<Option<NodeId>> {
    Ok(open(on, device).await?.map(|(node, _)| node))
}

/// The device's open connection, and the node that holds it.
pub async fn open(on: &mut impl On, device: DeviceId) -> Result<Option<(NodeId, ConnectionId)>> {
    fetch_optional!(
        on,
        sql!(
            "connections.open",
            "SELECT node_id, id FROM connections WHERE device_id = $1 AND status <> 'disconnected'"
        ),
        device
    )
}

/// Closes up to `limit` connections that a dead node left open; the devices are offline from now on.
pub async fn close_left_by(
    w: &mut Write,
    node: NodeId,
    limit: i64,
    now: Micros,
) -> Result<Vec<(DeviceId,)>> {
    let gone: Vec<(DeviceId,)> = fetch_all!(
        w,
        sql!(
            "connections.close_left_by",
            "UPDATE connections SET status = 'disconnected', disconnected_at = $3 WHERE device_id IN
               (SELECT device_id FROM connections WHERE node_id = $1 AND status <> 'disconnected'
                ORDER BY device_id LIMIT $2)
             RETURNING device_id"
        ),
        node,
        limit,
        now
    )?;
    Ok(gone)
}

/// A page of connected devices after a device, with the node that holds each, of what a column of theirs says.
macro_rules! connected {
    ($column:literal) => {
        concat!(
            "SELECT d.id, c.node_id FROM devices d JOIN connections c ON c.device_id = d.id WHERE d.",
            $column,
            " = $1 AND d.id > $2 AND c.status = 'connected' ORDER BY d.id LIMIT $3"
        )
    };
}

/// A page of a product's connected devices after a device, with the node that holds each.
pub async fn of_product(
    on: &mut impl On,
    product: ProductId,
    after: DeviceId,
    most: i64,
) -> Result<Vec<(DeviceId, NodeId)>> {
    fetch_all!(
        on,
        sql!("connections.of_product", connected!("product_id")),
        product,
        after,
        most
    )
}

/// A page of an organization's connected devices after a device, with the node that holds each.
pub async fn of_org(
    on: &mut impl On,
    org: OrgId,
    after: DeviceId,
    most: i64,
) -> Result<Vec<(DeviceId, NodeId)>> {
    fetch_all!(
        on,
        sql!("connections.of_org", connected!("org_id")),
        org,
        after,
        most
    )
}

/// A page of a group's connected devices after a device, with the node that holds each.
pub async fn of_group(
    on: &mut impl On,
    group: GroupId,
    after: DeviceId,
    most: i64,
) -> Result<Vec<(DeviceId, NodeId)>> {
    fetch_all!(
        on,
        sql!("connections.of_group", connected!("group_id")),
        group,
        after,
        most
    )
}
