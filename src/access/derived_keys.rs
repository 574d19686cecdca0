//! Keys that were derived from shared secrets a moment ago. The salt of the derivation holds the key of the product and the second
//! in which the device signed, so that all devices of a product that sign in one second have the same: when a fleet comes back, a
//! thousand rounds of HMAC are saved for nearly every one of them.

use super::sha256;
use crate::limits::DERIVED_KEYS;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// What a key was derived from: the SHA-256 of salt and secret, so that no secret is kept here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Origin([u8; 32]);

impl Origin {
    /// The origin of a key; `salt` names the algorithm, too.
    pub fn new(salt: &str, secret: &str) -> Self {
        let length = salt.len().to_be_bytes();
        Self(sha256(
            &[&length, salt.as_bytes(), secret.as_bytes()].concat(),
        ))
    }
}

/// The latest derived keys. Only keys that a right signature was made with are kept, so that strangers cannot drive others out.
#[derive(Default)]
pub struct DerivedKeys(Mutex<VecDeque<(Origin, Arc<[u8]>)>>);

impl DerivedKeys {
    /// The key of this origin, if it was derived lately.
    pub fn get(&self, origin: Origin) -> Option<Arc<[u8]>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = kept.iter().rev().find(|(of, _)| *of == origin);
        own.map(|(_, key)| key.clone())
    }

    /// Keeps a key, and forgets the oldest one when there are many.
    pub fn keep(&self, origin: Origin, key: Arc<[u8]>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.iter().any(|(of, _)| *of == origin) {
            return;
        }
        if kept.len() >= DERIVED_KEYS {
            kept.pop_front();
        }
        kept.push_back((origin, key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_salt_and_secret_until_many_newer_ones_came() {
        let keys = DerivedKeys::default();
        let first = Origin::new("salt", "secret");
        keys.keep(first, Arc::from([1u8; 32]));
        keys.keep(first, Arc::from([2u8; 32]));
        assert_eq!(keys.get(first).as_deref(), Some(&[1u8; 32][..]));
        assert!(keys.get(Origin::new("salts", "ecret")).is_none());
        for n in 0..DERIVED_KEYS {
            keys.keep(Origin::new(&n.to_string(), ""), Arc::from([0u8; 32]));
        }
        assert!(keys.get(first).is_none());
    }
}
