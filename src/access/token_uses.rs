//! When tokens were last used, gathered in memory and written by a job: who only reads never waits for the one writer of
//! the database, and reading goes on when it cannot write.

use crate::clock::Micros;
use crate::limits::TOKEN_USES;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Uses that are not yet written.
#[derive(Debug, Default)]
pub struct TokenUses(Mutex<HashMap<i64, Micros>>);

impl TokenUses {
    /// Notes a use of the token in this row.
    pub fn note(&self, token: i64, at: Micros) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < TOKEN_USES || uses.contains_key(&token) {
            uses.insert(token, at);
        }
    }

    /// Takes all that is not yet written.
    pub fn take(&self) -> Vec<(i64, Micros)> {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = uses.drain().collect();
        // Rows are locked in one order, whatever the map's was.
        all.sort_unstable_by_key(|(token, _)| *token);
        all
    }
}
