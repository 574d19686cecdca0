//! The right to go on with something that lasts: an upload, a stream of events, a script that somebody waits for. It is
//! looked at again at once when a right was taken away, and now and then, for what other processes do.

use crate::access;
use crate::access::scope::{Product, Scope};
use crate::clock;
use crate::ids::DeviceId;
use crate::limits::{STANDING_PAUSE, VIEWER_LOOK};
use crate::store::{self, Db, devices};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// What was allowed when something began, and whether it may have changed.
pub struct AccessCheck {
    db: Db,
    scope: Scope<Product>,
    device: Option<DeviceId>,
    revocations: watch::Receiver<u64>,
    looked: Instant,
    /// When to look, once something may have been taken away.
    due: Option<Instant>,
}

impl AccessCheck {
    /// For something that the scope allows now.
    pub fn begin(db: &Db, scope: &Scope<Product>) -> Self {
        Self {
            db: db.clone(),
            scope: scope.clone(),
            device: None,
            revocations: db.revocations(),
            looked: Instant::now(),
            // What was taken away between the scope and this moment is seen by the first look.
            due: Some(Instant::now()),
        }
    }

    /// Ends with the device's place in the product, too.
    pub fn about(mut self, device: DeviceId) -> Self {
        self.device = Some(device);
        self
    }

    /// Whether the right is still there; costs nothing while no right was taken away.
    pub async fn holds(&mut self) -> bool {
        if self.due.is_none() && !self.revocations.has_changed().unwrap_or(true) {
            return true;
        }
        self.revocations.mark_unchanged();
        let held = self.look().await;
        self.looked = Instant::now();
        match held {
            Ok(held) => {
                self.due = None;
                held
            }
            Err(e) => {
                // A fault of the store takes no right away; the next look is due at once.
                tracing::warn!(error = %e, "a right was not looked at again");
                true
            }
        }
    }

    /// Comes back when the right is gone. It may be dropped and called again: nothing is missed.
    pub async fn lost(&mut self) {
        loop {
            let due = match self.due {
                Some(due) => due,
                None => {
                    tokio::select! {
                        // An error says that the database is closed, which ends everything else as well.
                        _ = self.revocations.changed() => {}
                        () = sleep_until(self.looked + VIEWER_LOOK) => {}
                    }
                    *self.due.insert(Instant::now() + self.db.look_delay())
                }
            };
            // Many rights that go at once, as with a product of many devices, are one look.
            sleep_until(due.max(self.looked + STANDING_PAUSE)).await;
            if !self.holds().await {
                return;
            }
        }
    }

    async fn look(&self) -> store::Result<bool> {
        let mut r = self.db.read().await?;
        if let Some(device) = self.device {
            let there = devices::row(&mut r, device)
                .await?
                .is_some_and(|d| d.product_id == self.scope.product().id && d.deleted_at.is_none());
            if !there {
                return Ok(false);
            }
        }
        access::still_allowed(&mut r, &self.scope, clock::now()).await
    }
}
