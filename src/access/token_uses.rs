//! Last-use times of API tokens, collected in memory and written by a job. So a request that only reads never
//! waits for the database's only writer, and still works when the database cannot be written.

use crate::clock::Micros;
use crate::limits::TOKEN_USES;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Uses that were not written yet.
#[derive(Debug, Default)]
pub struct TokenUses(Mutex<HashMap<i64, Micros>>);

impl TokenUses {
    /// Records a use of the token with this id.
    pub fn note(&self, token: i64, at: Micros) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < TOKEN_USES || uses.contains_key(&token) {
            uses.insert(token, at);
        }
    }

    /// Takes all uses that were not written yet.
    pub fn take(&self) -> Vec<(i64, Micros)> {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = uses.drain().collect();
        // A fixed order of row locks prevents deadlocks; the order of the map is random.
        all.sort_unstable_by_key(|(token, _)| *token);
        all
    }
}
