//! Repeated access checks for long-lived operations: an upload, a stream of events, a script run that somebody
//! waits for. The check runs again as soon as any right is revoked in this process, and periodically, because
//! other processes revoke rights as well.

use crate::access;
use crate::access::scope::{Product, Scope};
use crate::ids::DeviceId;
use crate::limits::{STANDING_PAUSE, VIEWER_LOOK};
use crate::store::{self, Db, devices};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// A scope that was allowed when an operation began, and the state needed to check it again.
pub struct AccessCheck {
    db: Db,
    scope: Scope<Product>,
    device: Option<DeviceId>,
    revocations: watch::Receiver<u64>,
    looked: Instant,
    /// When the next check is due, once a revocation was seen.
    due: Option<Instant>,
}

impl AccessCheck {
    /// Begins with a scope that is allowed now.
    pub fn begin(db: &Db, scope: &Scope<Product>) -> Self {
        Self {
            db: db.clone(),
            scope: scope.clone(),
            device: None,
            revocations: db.revocations(),
            looked: Instant::now(),
            // A right that was revoked after the scope was made and before this line is found by the first
            // check.
            due: Some(Instant::now()),
        }
    }

    /// Also requires that the device stays in the product.
    pub fn about(mut self, device: DeviceId) -> Self {
        self.device = Some(device);
        self
    }

    /// Whether access is still allowed. It reads the database only after a revocation.
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
                // A failing database revokes nothing. `due` stays set, so the next call checks again.
                tracing::warn!(error = %e, "a right was not looked at again");
                true
            }
        }
    }

    /// Waits until access is revoked. It is cancel-safe: a later call misses nothing.
    pub async fn lost(&mut self) {
        loop {
            let due = match self.due {
                Some(due) => due,
                None => {
                    tokio::select! {
                        // The channel closes only with the database, and then everything else ends as well.
                        _ = self.revocations.changed() => {}
                        () = sleep_until(self.looked + VIEWER_LOOK) => {}
                    }
                    *self.due.insert(Instant::now() + self.db.look_delay())
                }
            };
            // Many revocations at once, as when a product with many devices is deleted, need only one check.
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
        access::still_allowed(&mut r, &self.scope, self.db.now()).await
    }
}
