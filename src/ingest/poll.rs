//! Devices that ask over HTTP instead of holding a socket (docs/protocol/device.md, "Polling"). What they report and what they get goes
//! the same ways as with sockets: the same outcome, matching, limits and penalties. What they say is decided with all others
//! of the batch ([`super::decide`]); their turns come one after the other, since each may take a slot of its group.

use super::said::Join;
use crate::clock::Micros;
use crate::ids::{DeviceId, GroupId, NodeId};
use crate::rollout::offer::{self, Offer, Taken};
use crate::rollout::{claim, outcome};
use crate::store::{self, Error, Write, devices};

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
    pub identifier: String,
    /// Its update.
    pub offer: Option<Box<Offer>>,
    /// Whether it should ask again soon: its slot or its delta is not free yet.
    pub soon: bool,
    /// Whether a delta job was filed.
    pub filed: bool,
    pub group: Option<GroupId>,
    /// Groups that may have a free slot now.
    pub wake: Vec<GroupId>,
    /// Whether it runs what it was sent, which it did not before.
    pub installed: bool,
}

/// Gives a device its turn: a slot if one is free, and what waits for it.
pub async fn turn(
    w: &mut Write,
    device: DeviceId,
    polled: &mut Polled,
    now: Micros,
) -> store::Result<()> {
    if let (Some(group), None) = (polled.group, outcome::untold(w, device).await?) {
        let row = devices::row(w, device).await?;
        let row = row.ok_or(Error::Missing("devices"))?;
        let turn = claim::one(w, group, &row, now).await?;
        polled.soon = turn.wait;
        polled.filed = turn.filed;
    }
    match offer::take(w, device, now).await? {
        Taken::Tell(offer) => {
            // Nothing is heard of it before it runs: to be told is the attempt.
            outcome::attempted(w, device, now).await?;
            polled.offer = Some(offer);
        }
        Taken::Withdrawn(group) => polled.wake.extend(group),
        Taken::Nothing => {}
    }
    Ok(())
}
