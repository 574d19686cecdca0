//! Devices that ask over HTTP instead of holding a socket (docs/protocol/device.md, "Polling"). What they report and what they get goes
//! the same ways as with sockets: the same outcome, matching, limits and penalties.

use super::join::{self, Join};
use crate::clock::Micros;
use crate::ids::{ConnectionId, DeviceId, GroupId, NodeId};
use crate::rollout::offer::{self, Offer, Taken};
use crate::rollout::{claim, matching, outcome};
use crate::store::devices::{self, certificates, connections};
use crate::store::{self, Error, Write};

/// A device asks.
#[derive(Debug)]
pub struct Poll {
    /// What it says of its firmware; nothing in it when it only asks who it is.
    pub join: Join,
    /// The node that it asks.
    pub node: NodeId,
    /// The fingerprint of its certificate, if that is how it came.
    pub fingerprint: Option<String>,
    /// The address that it comes from.
    pub peer: String,
    /// Whether it asks for its update.
    pub update: bool,
}

/// What it gets.
#[derive(Debug, Default)]
pub struct Polled {
    /// Its identifier.
    pub identifier: String,
    /// Its update.
    pub offer: Option<Box<Offer>>,
    /// Whether it should ask again soon: its slot or its delta is not free yet.
    pub soon: bool,
    /// Whether a delta job was filed.
    pub filed: bool,
    /// Groups that may have a free slot now.
    pub wake: Vec<GroupId>,
    /// Whether it runs what it was sent, which it did not before.
    pub installed: bool,
}

/// Answers a poll.
///
/// # Errors
/// The database's.
pub async fn apply(
    w: &mut Write,
    device: DeviceId,
    connection: ConnectionId,
    poll: &Poll,
    now: Micros,
) -> store::Result<Polled> {
    let missing = || Error::Missing("devices");
    let before = devices::row(w, device).await?.ok_or_else(missing)?;
    devices::seen_first(w, device, now).await?;
    if let Some(fingerprint) = &poll.fingerprint {
        certificates::used(w, fingerprint, now).await?;
    }
    // A device that holds a socket, too, is judged by that.
    let online = connections::node_of(w, device).await?.is_some();
    if !online {
        let peer = Some(poll.peer.as_str());
        connections::polled(w, device, connection, poll.node, peer, now).await?;
    }
    let mut out = Polled {
        identifier: before.identifier.clone(),
        ..Polled::default()
    };
    if !poll.update || online {
        return Ok(out);
    }
    // What waits for it is what it asks for; what it was told before and does not run has failed.
    let mut arrival = poll.join.clone();
    arrival.downloading = outcome::untold(w, device).await?.is_some();
    let judged = join::arrive(w, &before, &arrival, now).await?;
    out.wake.extend(judged.wake);
    out.installed = judged.installed;
    let after = devices::row(w, device).await?.ok_or_else(missing)?;
    let group = matching::assign_group(w, &after, now).await?;
    if let (Some(group), None) = (group, outcome::untold(w, device).await?) {
        let turn = claim::one(w, poll.node, group, &after, now).await?;
        out.soon = turn.wait;
        out.filed = turn.filed;
    }
    match offer::take(w, device, now).await? {
        Taken::Tell(offer) => {
            // Nothing is heard of it before it runs: to be told is the attempt.
            outcome::attempted(w, device, now).await?;
            out.offer = Some(offer);
        }
        Taken::Withdrawn(group) => out.wake.extend(group),
        Taken::Nothing => {}
    }
    Ok(out)
}
