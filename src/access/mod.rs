//! Authentication of people: API tokens, passwords, secrets, and the scopes that every query for a person
//! takes.

pub mod credential;
pub mod derived_keys;
pub mod password;
pub mod token;
pub mod token_uses;
pub mod vault;

use crate::clock::Micros;
use crate::limits::{LOGIN_IDLE, SESSION_IDLE};
pub use crate::store::accounts::membership::{org_scope, product_scope, still_allowed};
pub use crate::store::accounts::scope;
use crate::store::{self, Db};
use credential::Credential;
use scope::{Access, Grant, Person};
use std::time::Duration;
use token_uses::TokenUses;

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest
        .as_ref()
        .try_into()
        .expect("a SHA-256 digest has 32 bytes")
}

/// A random positive number, for ids that do not come from a database sequence.
pub fn random_id() -> i64 {
    i64::from_le_bytes(random()) & i64::MAX
}

/// The person whose API token or session this is. Its use is recorded at most once a minute, in memory, so that this only reads the
/// database.
pub async fn by_credential(
    db: &Db,
    credential: Credential<'_>,
    uses: &TokenUses,
    now: Micros,
) -> store::Result<Option<Person>> {
    let Some(hash) = token::hash(credential.text()) else {
        return Ok(None);
    };
    let mut r = db.read().await?;
    let Some(owner) = crate::store::accounts::users::by_token(&mut r, &hash).await? else {
        return Ok(None);
    };
    drop(r);
    if owner.expires_at.is_some_and(|end| end <= now) {
        return Ok(None);
    }
    let session = owner.remembered.is_some();
    if session != matches!(credential, Credential::Session(_)) {
        // A stolen cookie is no API token: as one it would not have to come from a page of this server.
        return Ok(None);
    }
    let used = owner.last_used_at.unwrap_or(owner.inserted_at);
    let idle = match owner.remembered {
        Some(false) => Some(SESSION_IDLE),
        Some(true) => None,
        None => owner.login.then_some(LOGIN_IDLE),
    };
    if idle.is_some_and(|most| now.since(used) > most) {
        return Ok(None);
    }
    let access = Access::parse(&owner.access).ok_or_else(|| store::Error::BadRow {
        table: "tokens",
        column: "access",
        row: owner.token_id,
        value: owner.access.clone(),
    })?;
    if owner
        .last_used_at
        .is_none_or(|at| now.since(at) > Duration::from_secs(60))
    {
        uses.note(owner.token_id, now);
    }
    Ok(Some(Person {
        id: owner.user_id,
        name: owner.name,
        email: owner.email,
        grant: Grant {
            access,
            product: owner.product_id,
        },
        token: Some(owner.token_id),
        session,
    }))
}
