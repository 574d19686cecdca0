//! Which devices' sockets this node holds, and how to reach them.

use super::mailbox::{Mailbox, Sender, mailbox};
use super::session::Close;
use crate::bus::Nudge;
use crate::ids::{ConnectionId, DeviceId, SecretId};
use crate::limits::{DRAIN_BATCH, DRAIN_PAUSE, DRAIN_TIME};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// What a link is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// A hint about its device.
    Nudge(Nudge),
    /// Close.
    Close(Close),
}

struct Entry {
    connection: ConnectionId,
    /// What let it in, if that can be taken away without naming the device.
    secret: Option<SecretId>,
    mailbox: Sender,
}

const SHARDS: usize = 64;

/// The pause between two shards whose sockets are closed.
const END_PAUSE: Duration = Duration::from_millis(50);

/// The sockets of this node.
pub struct Registry {
    shards: Vec<Mutex<HashMap<DeviceId, Entry>>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
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

    /// Enters a connection. An older one of the device loses its mailbox, and closes when it notices: the newcomer wins.
    pub(super) fn enter(
        &self,
        device: DeviceId,
        connection: ConnectionId,
        secret: Option<SecretId>,
    ) -> Mailbox {
        let (sender, mailbox) = mailbox();
        self.with(device, |map| {
            map.insert(
                device,
                Entry {
                    connection,
                    secret,
                    mailbox: sender,
                },
            )
        });
        mailbox
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
    pub fn nudge(&self, device: DeviceId, nudge: Nudge) {
        self.with(device, |map| {
            let Some(entry) = map.get(&device) else {
                return;
            };
            match nudge {
                Nudge::Replaced(newer) if newer == entry.connection => {}
                Nudge::Replaced(_) | Nudge::Reconnect => {
                    map.remove(&device);
                }
                Nudge::Claim
                | Nudge::Reboot
                | Nudge::Identify
                | Nudge::Archive
                | Nudge::Health
                | Nudge::Terminal(_)
                | Nudge::Extensions
                | Nudge::Script(_) => {
                    // A full mailbox is the documented loss.
                    let _ = entry.mailbox.send(Command::Nudge(nudge));
                }
            }
        });
    }

    /// Closes all sockets that a product's shared secret opened, shard by shard within some three seconds, so that a fleet
    /// that has another way in does not come back all at once.
    pub async fn end_secret(&self, secret: SecretId) {
        for shard in &self.shards {
            if let Ok(mut map) = shard.lock() {
                map.retain(|_, entry| entry.secret != Some(secret));
            }
            tokio::time::sleep(END_PAUSE).await;
        }
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
                let _ = entry.mailbox.send(Command::Close(Close::Restart));
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
mod tests {
    use super::*;
    use crate::limits::MAILBOX;
    use futures_util::FutureExt as _;

    #[test]
    fn the_newcomer_wins_and_a_late_leave_does_not_touch_it() {
        let r = Registry::default();
        let (d, a, b) = (DeviceId::from(1), ConnectionId(1), ConnectionId(2));
        let mut first = r.enter(d, a, None);
        let mut second = r.enter(d, b, None);
        assert_eq!(first.recv().now_or_never(), Some(None));
        r.leave(d, a);
        r.nudge(d, Nudge::Claim);
        let claim = Command::Nudge(Nudge::Claim);
        assert_eq!(second.recv().now_or_never(), Some(Some(claim)));
        r.nudge(d, Nudge::Replaced(b));
        assert_eq!(r.len(), 1);
        r.nudge(d, Nudge::Replaced(ConnectionId(3)));
        assert_eq!((r.len(), second.recv().now_or_never()), (0, Some(None)));
    }

    #[test]
    fn a_full_mailbox_loses_hints_and_blocks_nobody() {
        let r = Registry::default();
        let mut mail = r.enter(DeviceId::from(1), ConnectionId(1), None);
        for _ in 0..100 {
            r.nudge(DeviceId::from(1), Nudge::Claim);
        }
        let mut got = 0;
        while mail.recv().now_or_never().is_some() {
            got += 1;
        }
        assert_eq!(got, MAILBOX);
    }
}
