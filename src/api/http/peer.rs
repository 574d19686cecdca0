//! Where a request comes from.

use axum::Extension;
use std::net::{IpAddr, SocketAddr};

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The address that a request comes from, if the listener says.
pub fn address_of(peer: Option<Extension<Peer>>) -> Option<IpAddr> {
    peer.map(|Extension(Peer(at))| at.ip())
}
