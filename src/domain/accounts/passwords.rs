//! Limits on password attempts: how many checks run at once, and how often an account and an address may try.
//! Without them a stranger could exhaust memory (each check takes a lot) or guess passwords.

use crate::access::password;
use crate::budget::{Rate, counted};
use crate::domain::{DomainError, Result, blocking};
use crate::limits::{
    ASKERS_REMEMBERED, PASSWORD_CHECKS, PASSWORD_PAUSE, PASSWORD_QUEUE, PASSWORD_TRIES,
};
use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// What attempts are counted by. Accounts are keyed by a short lower-case prefix of what was typed, so that
/// long names take no memory. Addresses behind a proxy on this machine cannot be told apart and are not
/// counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Tried {
    Account(String),
    Address(IpAddr),
}

/// The server's limits on password checks.
#[derive(Debug)]
pub struct PasswordBudget {
    checks: Semaphore,
    waiting: AtomicUsize,
    failures: Rate<Tried>,
    held: Mutex<HashMap<Tried, Instant>>,
}

impl Default for PasswordBudget {
    fn default() -> Self {
        Self::with_pause(PASSWORD_PAUSE)
    }
}

/// Counts a waiting request, and stops counting it also when the request is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn keys(account: &str, from: Option<IpAddr>) -> impl Iterator<Item = Tried> {
    let account: String = account.trim().chars().take(128).collect();
    let account = Tried::Account(account.to_lowercase());
    let from = from.and_then(counted).map(Tried::Address);
    std::iter::once(account).chain(from)
}

impl PasswordBudget {
    /// A budget that allows one more attempt after each pause, once the first ones are used up.
    pub fn with_pause(pause: Duration) -> Self {
        let tries = NonZeroU32::new(PASSWORD_TRIES).unwrap_or(NonZeroU32::MIN);
        Self {
            checks: Semaphore::new(PASSWORD_CHECKS),
            waiting: AtomicUsize::new(0),
            failures: Rate::new(tries, pause),
            held: Mutex::default(),
        }
    }

    /// Checks whether another attempt at this account from this address is allowed now.
    ///
    /// # Errors
    /// [`DomainError::TooMany`] with the time to wait.
    pub fn may_try(&self, account: &str, from: Option<IpAddr>) -> Result<()> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        for key in keys(account, from) {
            match held.get(&key).map(|end| end.saturating_duration_since(now)) {
                Some(Duration::ZERO) => {
                    held.remove(&key);
                }
                Some(wait) => return Err(DomainError::TooMany(wait)),
                None => {}
            }
        }
        Ok(())
    }

    /// Counts a wrong password. Returns true when it used up the attempts.
    pub fn failed(&self, account: &str, from: Option<IpAddr>) -> bool {
        let mut exhausted = false;
        for key in keys(account, from) {
            if let Err(wait) = self.failures.count(&key) {
                let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                if held.len() >= ASKERS_REMEMBERED {
                    let now = Instant::now();
                    held.retain(|_, end| *end > now);
                }
                if held.len() < ASKERS_REMEMBERED {
                    exhausted |= held.insert(key, Instant::now() + wait).is_none();
                }
            }
        }
        exhausted
    }

    /// Hashes a new password, which costs as much as a check.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub async fn hash(&self, password: &str) -> Result<String> {
        let password = password.to_owned();
        self.check(move || password::hash(&password)).await
    }

    /// Runs the expensive check on a blocking thread once a place is free.
    ///
    /// # Errors
    /// [`DomainError::Busy`] when too many checks wait already.
    pub async fn check<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= PASSWORD_QUEUE {
            return Err(DomainError::Busy(
                "The server checks as many passwords as it can; try again in some seconds.".into(),
            ));
        }
        let turn = self.checks.acquire().await;
        let _turn = turn.map_err(|e| DomainError::Fault(e.to_string()))?;
        blocking(work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_passwords_slow_their_account_and_their_address_only() {
        let budget = PasswordBudget::default();
        let (bad, good) = ("203.0.113.7".parse().ok(), "203.0.113.8".parse().ok());
        let failures = (0..=PASSWORD_TRIES).map(|_| budget.failed("Jane@x.org", bad));
        assert_eq!(failures.filter(|first| *first).count(), 1, "told once");
        assert!(budget.may_try("jane@x.org", good).is_err(), "the account");
        assert!(budget.may_try("bob@x.org", bad).is_err(), "the address");
        assert!(budget.may_try("bob@x.org", good).is_ok());
        let near = "127.0.0.1".parse().ok();
        for n in 0..100 {
            budget.failed(&format!("{n}@x.org"), near);
        }
        assert!(budget.may_try("bob@x.org", near).is_ok(), "a proxy's users");
    }
}
