//! What devices say, written as the server writes it.

use super::*;
use crate::ingest::{ConnectInfo, DeviceWrite, IngestWriter, Record, WriteOutcome};
use crate::store::batch::Writer as _;
use crate::store::ingest::write::{self, Presence};

/// Writes a word of a device.
pub(super) async fn said(
    w: &mut Write,
    device: DeviceId,
    connection: ConnectionId,
    at: Micros,
    said: DeviceWrite,
) -> WriteOutcome {
    let record = Record {
        device,
        connection,
        at,
        said,
    };
    let written = IngestWriter::default().write(w, &[&record]).await;
    written.unwrap().remove(0).unwrap()
}

/// A device is let in.
pub(super) async fn connecting(
    w: &mut Write,
    device: DeviceId,
    connection: ConnectionId,
    node: NodeId,
    at: Micros,
) {
    let info = ConnectInfo {
        node,
        fingerprint: None,
        peer: "10.0.0.1".into(),
    };
    let word = DeviceWrite::Connecting(Box::new(info));
    said(w, device, connection, at, word).await;
}

/// A device is there since then.
pub(super) async fn online(w: &mut Write, id: DeviceId, since: Micros) {
    let there = Presence {
        id,
        online: true,
        connected_at: since,
    };
    write::presences(w, &[there]).await.unwrap();
}
