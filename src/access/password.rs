//! Password hashing: argon2id with the crate's recommended parameters. Hashing and checking take about 50 ms of
//! CPU each, so they must not run on the async threads.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

/// Hashes a password to the PHC string that is stored.
pub fn hash(password: &str) -> String {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|h| h.to_string())
        .expect("the default parameters are valid")
}

/// Whether the password matches the stored hash. Without a hash the same work is done, so that the response
/// time does not reveal whether an account exists.
pub fn matches(password: &str, stored: Option<&str>) -> bool {
    let Some(stored) = stored.filter(|s| !s.is_empty()) else {
        hash(password);
        return false;
    };
    if stored.starts_with("$2") {
        // A bcrypt hash, imported from NervesHub.
        return bcrypt::verify(password, stored).unwrap_or(false);
    }
    PasswordHash::new(stored).is_ok_and(|h| {
        Argon2::default()
            .verify_password(password.as_bytes(), &h)
            .is_ok()
    })
}

/// Letters that are not taken for one another.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Generates a password of 120 random bits, to be printed once.
pub fn generate() -> String {
    grouped::<24>(6)
}

/// Generates a recovery code of 80 random bits, to be printed once.
pub fn recovery_code() -> String {
    grouped::<16>(4)
}

/// Random letters of 5 bits each, in groups.
fn grouped<const N: usize>(of: usize) -> String {
    let bytes = super::random::<N>();
    let letters: Vec<u8> = bytes.iter().map(|b| LETTERS[usize::from(b & 31)]).collect();
    letters
        .chunks(of)
        .map(String::from_utf8_lossy)
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_the_right_password_matches() {
        let stored = super::hash("correct horse");
        assert!(stored.starts_with("$argon2id$"));
        assert!(super::matches("correct horse", Some(&stored)));
        assert!(!super::matches("wrong", Some(&stored)));
        assert!(!super::matches("correct horse", None));
        assert!(!super::matches("x", Some("not a hash")));
        let older = bcrypt::hash("correct horse", 4).unwrap();
        assert!(super::matches("correct horse", Some(&older)));
        assert!(!super::matches("wrong", Some(&older)));
    }
}
