//! One row a device: its newest connection and the node that holds it.

use super::locks;
use crate::clock::Micros;
use crate::store::ids::{ConnectionId, DeviceId, GroupId, NodeId, OrgId, ProductId};
use crate::store::{On, Result, Write};

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

/// The open connections of these devices.
pub async fn open_of(
    on: &mut impl On,
    devices: &[DeviceId],
) -> Result<Vec<(DeviceId, ConnectionId)>> {
    fetch_rows!(
        on,
        "connections.open_of",
        devices,
        |d| [device BIGINT = *d],
        "SELECT c.device_id, c.id FROM ",
        " JOIN connections c ON c.device_id = x.device AND c.status <> 'disconnected'",
    )
}

/// The nodes that hold the live sockets of these devices.
pub async fn nodes_of(on: &mut impl On, devices: &[DeviceId]) -> Result<Vec<(DeviceId, NodeId)>> {
    fetch_rows!(
        on,
        "connections.nodes_of",
        devices,
        |d| [device BIGINT = *d],
        "SELECT c.device_id, c.node_id FROM ",
        " JOIN connections c ON c.device_id = x.device AND c.status <> 'disconnected'",
    )
}

/// Locks the devices of up to `limit` connections that a dead node left open: a device's row comes before that of its connection.
pub async fn lock_left_by(w: &mut Write, node: NodeId, limit: i64) -> Result<()> {
    let left: Vec<(DeviceId,)> = fetch_all!(
        w,
        sql!(
            "connections.left_by",
            "SELECT device_id FROM connections WHERE node_id = $1 AND status <> 'disconnected'
             ORDER BY device_id LIMIT $2"
        ),
        node,
        limit
    )?;
    let left: Vec<DeviceId> = left.into_iter().map(|d| d.0).collect();
    locks::lock(w, &left).await
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
