//! Whether the bucket answers. While it does not, one caller in a while asks it, and the others wait for what comes of that.

use crate::limits::BUCKET_REST;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// Until when nobody asks; none while the bucket answers.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<Instant>>);

impl Outage {
    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        // An instant is whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether the bucket has answered.
    pub(super) fn note(&self, answered: bool) {
        *self.until() = (!answered).then(|| Instant::now() + BUCKET_REST);
    }

    /// Whether the caller may ask the bucket: always while it answers, and once in [`BUCKET_REST`] while it does not.
    pub(super) fn may_ask(&self) -> bool {
        let mut until = self.until();
        let now = Instant::now();
        let may = until.is_none_or(|until| until <= now);
        if may && until.is_some() {
            *until = Some(now + BUCKET_REST);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_asks_in_a_while_until_there_is_an_answer() {
        let outage = Outage::default();
        assert!(outage.may_ask() && outage.may_ask());
        outage.note(false);
        assert!(!outage.may_ask());
        tokio::time::advance(BUCKET_REST).await;
        assert!(outage.may_ask(), "one of them");
        assert!(!outage.may_ask(), "and not the next");
        outage.note(true);
        assert!(outage.may_ask() && outage.may_ask());
    }
}
