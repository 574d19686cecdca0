//! Passkeys of people in the database, and the challenges that were answered.

use crate::clock::Micros;
use crate::store::ids::UserId;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A passkey.
#[derive(Debug, Clone, FromRow)]
pub struct PasskeyRow {
    /// A number.
    pub id: i64,
    /// Whose it is.
    pub user_id: UserId,
    /// The login of that person.
    pub email: String,
    /// What the authenticator knows the person by.
    pub handle: String,
    /// The id that the authenticator gave it.
    pub credential_id: String,
    /// Public key and counter, as JSON.
    pub credential: String,
    /// What its person calls it.
    pub name: String,
    /// When it was added.
    pub inserted_at: Micros,
    /// When somebody last logged in with it.
    pub last_used_at: Option<Micros>,
}

/// A passkey to store.
pub struct NewPasskey<'p> {
    pub user: UserId,
    pub handle: &'p str,
    /// The id that the authenticator gave it.
    pub credential_id: &'p str,
    /// Public key and counter, as JSON.
    pub credential: &'p str,
    pub name: &'p str,
}

/// The passkeys of a person, the oldest first.
pub async fn of_user(on: &mut impl On, user: UserId) -> Result<Vec<PasskeyRow>> {
    fetch_all!(
        on,
        sql!(
            "passkeys.of_user",
            "SELECT p.id, p.user_id, u.email, p.handle, p.credential_id, p.credential, p.name, p.inserted_at, p.last_used_at
             FROM passkeys p JOIN users u ON u.id = p.user_id
             WHERE p.user_id = $1 ORDER BY p.id LIMIT 1000"
        ),
        user
    )
}

/// The passkey with the id that its authenticator gave it.
pub async fn find(on: &mut impl On, credential_id: &str) -> Result<Option<PasskeyRow>> {
    fetch_optional!(
        on,
        sql!(
            "passkeys.find",
            "SELECT p.id, p.user_id, u.email, p.handle, p.credential_id, p.credential, p.name, p.inserted_at, p.last_used_at
             FROM passkeys p JOIN users u ON u.id = p.user_id
             WHERE p.credential_id = $1"
        ),
        credential_id
    )
}

/// How many passkeys a person has.
pub async fn count(on: &mut impl On, user: UserId) -> Result<i64> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "passkeys.count",
            "SELECT COUNT(*) FROM passkeys WHERE user_id = $1"
        ),
        user
    )?;
    Ok(row.map_or(0, |r| r.0))
}

/// Adds a passkey. Returns its number; `None` when a passkey with this id of the authenticator is stored already.
pub async fn add(w: &mut Write, new: &NewPasskey<'_>, now: Micros) -> Result<Option<i64>> {
    let row: Option<(i64,)> = fetch_optional!(
        w,
        sql!(
            "passkeys.add",
            "INSERT INTO passkeys (user_id, handle, credential_id, credential, name, inserted_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (credential_id) DO NOTHING RETURNING id"
        ),
        new.user,
        new.handle,
        new.credential_id,
        new.credential,
        new.name,
        now
    )?;
    Ok(row.map(|r| r.0))
}

/// Records a use of a passkey with its new counter; `false` when another use came first, or the passkey was removed meanwhile.
pub async fn used(
    w: &mut Write,
    user: UserId,
    id: i64,
    before: &str,
    after: &str,
    now: Micros,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "passkeys.used",
            "UPDATE passkeys SET credential = $4, last_used_at = $5
             WHERE user_id = $1 AND id = $2 AND credential = $3"
        ),
        user,
        id,
        before,
        after,
        now
    )?;
    Ok(n > 0)
}

/// Removes a passkey of a person. Returns its name; `None` when the person has no such passkey.
pub async fn remove(w: &mut Write, user: UserId, id: i64) -> Result<Option<String>> {
    let row: Option<(String,)> = fetch_optional!(
        w,
        sql!(
            "passkeys.remove",
            "DELETE FROM passkeys WHERE user_id = $1 AND id = $2 RETURNING name"
        ),
        user,
        id
    )?;
    Ok(row.map(|r| r.0))
}

/// Removes all passkeys of a person. Returns how many.
pub async fn remove_all(w: &mut Write, user: UserId) -> Result<u64> {
    execute!(
        w,
        sql!(
            "passkeys.remove_all",
            "DELETE FROM passkeys WHERE user_id = $1"
        ),
        user
    )
}

/// Marks a challenge as answered, and forgets those that are over; `false` when it was answered before.
pub async fn spend(w: &mut Write, hash: &[u8], until: Micros, now: Micros) -> Result<bool> {
    execute!(
        w,
        sql!(
            "passkeys.sweep_challenges",
            "DELETE FROM spent_challenges WHERE until < $1"
        ),
        now
    )?;
    let n = execute!(
        w,
        sql!(
            "passkeys.spend",
            "INSERT INTO spent_challenges (hash, until) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING"
        ),
        hash,
        until
    )?;
    Ok(n > 0)
}
