//! Which devices' sockets this node holds, and how to reach them.

use super::mailbox::{Mailbox, Sender, mailbox};
use crate::bus::DeviceSignal;
use crate::ids::{ConnectionId, DeviceId, SecretId};
use crate::limits::{DRAIN_BATCH, DRAIN_PAUSE, DRAIN_SHARD_PAUSE, DRAIN_TIME};
use device_protocol::session::Close;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a link is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkCommand {
    /// A hint about its device.
    Nudge(DeviceSignal),
    Close(Close),
}

struct Entry {
    connection: ConnectionId,
    /// Its place in the order in which the store has recorded connections: of a device's, the last one is the newest.
    order: u64,
    /// What let it in, if that can be taken away without naming the device.
    secret: Option<SecretId>,
    /// None when the link was told to close; until it has left, it is known what closes.
    mailbox: Option<Sender>,
}

impl Entry {
    fn tell(&self, command: LinkCommand) -> bool {
        self.mailbox.as_ref().is_some_and(|m| m.send(command))
    }

    /// Closes the link because somebody wants that; people hear that the device is offline when it has left.
    fn close(&mut self) {
        // A full mailbox closes all the same, without the reason.
        let _ = self.tell(LinkCommand::Close(Close::Asked));
        self.mailbox = None;
    }
}

/// A connection that this node holds.
pub(super) struct Held {
    pub device: DeviceId,
    pub connection: ConnectionId,
    /// The shared secret that let it in.
    pub secret: Option<SecretId>,
}

const SHARDS: usize = 64;

/// The sockets of this node.
pub struct Registry {
    /// Whether devices may come.
    open: AtomicBool,
    shards: Vec<Mutex<HashMap<DeviceId, Entry>>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            open: AtomicBool::new(true),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Registry {
    fn with<T>(
        &self,
        device: DeviceId,
        f: impl FnOnce(&mut HashMap<DeviceId, Entry>) -> T,
    ) -> Option<T> {
        let shard = usize::try_from(device.number().unsigned_abs() % SHARDS as u64).unwrap_or(0);
        let mut map = self.shards.get(shard)?.lock().ok()?;
        Some(f(&mut map))
    }

    /// Enters a connection. An older one of the device loses its mailbox, and closes when it notices: the newcomer wins. Who is
    /// newer is what the store says, so that of sockets that come at the same time the same one stays here and there: none
    /// when a newer one has entered already.
    pub(super) fn enter(
        &self,
        device: DeviceId,
        (connection, order): (ConnectionId, u64),
        secret: Option<SecretId>,
    ) -> Option<Mailbox> {
        let (sender, mailbox) = mailbox();
        let entry = Entry {
            connection,
            order,
            secret,
            mailbox: Some(sender),
        };
        let entered = self.with(device, |map| {
            let newest = map.get(&device).is_none_or(|held| held.order < order);
            if newest {
                map.insert(device, entry);
            }
            newest
        });
        entered.unwrap_or(false).then_some(mailbox)
    }

    /// Removes a connection, unless the device has a newer one.
    /// False when the device has come again meanwhile.
    pub fn leave(&self, device: DeviceId, connection: ConnectionId) -> bool {
        self.with(device, |map| {
            let held = map.get(&device).is_some_and(|e| e.connection == connection);
            if held {
                map.remove(&device);
                if map.capacity() > 64 && map.len() * 4 < map.capacity() {
                    map.shrink_to_fit();
                }
            }
            held
        })
        .unwrap_or(false)
    }

    /// Passes a hint on. A full mailbox drops it: the next tick repeats what matters.
    pub fn nudge(&self, device: DeviceId, nudge: DeviceSignal) {
        self.with(device, |map| {
            let Some(entry) = map.get_mut(&device) else {
                return;
            };
            match nudge {
                DeviceSignal::Replaced(older) if older != entry.connection => {}
                DeviceSignal::Replaced(_) => {
                    map.remove(&device);
                }
                DeviceSignal::Reconnect => entry.close(),
                DeviceSignal::Claim
                | DeviceSignal::Reboot
                | DeviceSignal::Identify
                | DeviceSignal::Archive
                | DeviceSignal::Keys
                | DeviceSignal::Health
                | DeviceSignal::Terminal(_)
                | DeviceSignal::Extensions
                | DeviceSignal::Script(_) => {
                    // A full mailbox is the documented loss.
                    let _ = entry.tell(LinkCommand::Nudge(nudge));
                }
            }
        });
    }

    /// Closes all sockets that a product's shared secret opened, shard by shard within some three seconds, so that a fleet
    /// that has another way in does not come back all at once.
    pub async fn end_secret(&self, secret: SecretId) {
        for shard in &self.shards {
            if let Ok(mut map) = shard.lock() {
                let opened = map.values_mut().filter(|e| e.secret == Some(secret));
                opened.for_each(Entry::close);
            }
            tokio::time::sleep(DRAIN_SHARD_PAUSE).await;
        }
    }

    /// Says whether devices may come.
    pub fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }

    /// Whether devices may come.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// The connections of one part of the sockets, of which there are [`SHARDS`]; after the last one comes the first.
    pub(super) fn held(&self, part: usize) -> Vec<Held> {
        let shard = self.shards.get(part % SHARDS);
        let Some(map) = shard.and_then(|s| s.lock().ok()) else {
            return Vec::new();
        };
        let held = map.iter().map(|(device, entry)| Held {
            device: *device,
            connection: entry.connection,
            secret: entry.secret,
        });
        held.collect()
    }

    /// How many sockets there are.
    pub fn len(&self) -> usize {
        self.shards
            .iter()
            .filter_map(|s| s.lock().ok().map(|m| m.len()))
            .sum()
    }

    /// Closes all sockets in batches, so that a whole fleet does not come back in one second.
    pub async fn drain(&self) {
        let started = tokio::time::Instant::now();
        loop {
            let batch = self.take(DRAIN_BATCH);
            if batch.is_empty() {
                return;
            }
            tracing::info!(sockets = batch.len(), left = self.len(), "sockets closing");
            for entry in batch {
                // A full or closed mailbox closes all the same, when the sender is dropped here.
                let _ = entry.tell(LinkCommand::Close(Close::Restart));
            }
            if self.len() > 0 && started.elapsed() + DRAIN_PAUSE < DRAIN_TIME {
                tokio::time::sleep(DRAIN_PAUSE).await;
            }
        }
    }

    fn take(&self, most: usize) -> Vec<Entry> {
        let mut taken = Vec::new();
        for shard in &self.shards {
            let Ok(mut map) = shard.lock() else { continue };
            while taken.len() < most {
                let Some(device) = map.keys().next().copied() else {
                    break;
                };
                taken.extend(map.remove(&device));
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests;
