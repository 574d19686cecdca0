//! What happens next: events in virtual time.

use crate::clock::Micros;
use crate::ids::{ClaimId, ConnectionId};
use std::collections::BTreeMap;

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// A node's scheduler and repairs tick.
    Tick(usize),
    /// A node's scheduler runs the group because of a hint.
    Run(usize),
    /// A node is signalled that a claim waits for a device.
    Signal(usize, usize),
    /// A device connects and joins.
    Connect(usize),
    /// An offer arrives at a device.
    Arrives(Arrival),
    /// A device does something, if it still runs this boot.
    Acts(usize, u64, Act),
    /// A killed node starts again.
    Restart(usize),
    /// A delta that was asked for is done.
    DeltaMade,
    /// A person makes a release.
    Release,
    /// A person does something else.
    Person,
}

/// An `update` on its way to a device.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub device: usize,
    /// The connection that it is sent on.
    pub connection: ConnectionId,
    pub claim: ClaimId,
    /// The firmware that it brings.
    pub uuid: String,
}

/// What a device does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Sends a message on its channel: event and payload.
    Says(&'static str, serde_json::Value),
    /// Loses its connection and comes back after so many seconds.
    Drops(u64),
    /// Boots the firmware that it has written.
    Boots(String),
    /// Finds that its firmware is bad and boots the one before.
    Reverts,
}

/// Events by time, and by their order at one time.
#[derive(Debug, Default)]
pub(super) struct Events {
    queue: BTreeMap<(i64, u64), Event>,
    count: u64,
}

impl Events {
    pub(super) fn add(&mut self, at: Micros, event: Event) {
        self.count += 1;
        self.queue.insert((at.0, self.count), event);
    }

    /// The next one, with its time, if it comes before the end.
    pub(super) fn next(&mut self, end: Micros) -> Option<(Micros, Event)> {
        let first = self.queue.first_entry()?;
        let at = Micros(first.key().0);
        (at <= end).then(|| (at, first.remove()))
    }

    /// Nobody releases or changes anything any more.
    pub(super) fn forget_people(&mut self) {
        self.queue
            .retain(|_, event| !matches!(event, Event::Release | Event::Person));
    }
}
