//! Who people are at sign-in providers, in the database.

use crate::clock::Micros;
use crate::store::accounts::users::User;
use crate::store::ids::UserId;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// An identity of a person.
#[derive(Debug, Clone, FromRow)]
pub struct IdentityRow {
    /// The identity's id in the database.
    pub id: i64,
    /// The provider's issuer.
    pub issuer: String,
    /// The address that the provider named last.
    pub email: String,
    /// When it was linked.
    pub inserted_at: Micros,
    /// When somebody last signed in with it.
    pub last_used_at: Option<Micros>,
}

/// Finds the person with this identity. The subject comes from an ID token that the issuer has signed.
pub async fn owner(on: &mut impl On, issuer: &str, subject: &str) -> Result<Option<User>> {
    fetch_optional!(
        on,
        sql!(
            "identities.owner",
            "SELECT u.id, u.email, u.name, u.password_hash
             FROM identities i JOIN users u ON u.id = i.user_id WHERE i.issuer = $1 AND i.subject = $2"
        ),
        issuer,
        subject
    )
}

/// The identities of a person, the oldest first.
pub async fn of_user(on: &mut impl On, user: UserId) -> Result<Vec<IdentityRow>> {
    fetch_all!(
        on,
        sql!(
            "identities.of_user",
            "SELECT id, issuer, email, inserted_at, last_used_at FROM identities
             WHERE user_id = $1 ORDER BY id LIMIT 1000"
        ),
        user
    )
}

/// Links an identity to a person, who has at most `most`; `false` when it belongs to somebody already, or there are as many.
pub async fn add(
    w: &mut Write,
    user: UserId,
    issuer: &str,
    subject: &str,
    email: &str,
    most: i64,
    now: Micros,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "identities.add",
            "INSERT INTO identities (user_id, issuer, subject, email, inserted_at)
             SELECT $1, $2, $3, $4, $5 WHERE (SELECT COUNT(*) FROM identities WHERE user_id = $1) < $6
             ON CONFLICT (issuer, subject) DO NOTHING"
        ),
        user,
        issuer,
        subject,
        email,
        now,
        most
    )?;
    Ok(n > 0)
}

/// Notes that somebody signed in with an identity, and the address that the provider names now.
pub async fn used(
    w: &mut Write,
    user: UserId,
    issuer: &str,
    subject: &str,
    email: &str,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "identities.used",
            "UPDATE identities SET last_used_at = $4, email = $5
             WHERE user_id = $1 AND issuer = $2 AND subject = $3"
        ),
        user,
        issuer,
        subject,
        now,
        email
    )?;
    Ok(())
}

/// Removes an identity of a person. Returns its issuer, or `None` when the person has no such identity.
pub async fn remove(w: &mut Write, user: UserId, id: i64) -> Result<Option<String>> {
    let row: Option<(String,)> = fetch_optional!(
        w,
        sql!(
            "identities.remove",
            "DELETE FROM identities WHERE user_id = $1 AND id = $2 RETURNING issuer"
        ),
        user,
        id
    )?;
    Ok(row.map(|r| r.0))
}

/// Locks a person's row until the transaction ends, so that two removals do not each count on what the other takes. Returns whether the
/// person has a password.
pub async fn lock_owner(w: &mut Write, user: UserId) -> Result<bool> {
    let row: Option<(bool,)> = fetch_optional!(
        w,
        sql!(
            "identities.lock_owner",
            "UPDATE users SET updated_at = updated_at WHERE id = $1 RETURNING password_hash <> ''"
        ),
        user
    )?;
    Ok(row.is_some_and(|r| r.0))
}

/// Notes that a sign-in at a provider has come back, until it would be over by itself. False when it had come back before.
pub async fn finish_sign_in(w: &mut Write, state: &[u8; 32], ends: Micros) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "identities.finish_sign_in",
            "INSERT INTO finished_sign_ins (state_hash, ends_at) VALUES ($1, $2)
             ON CONFLICT (state_hash) DO NOTHING"
        ),
        state.as_slice(),
        ends
    )?;
    Ok(n == 1)
}

/// Forgets some of the sign-ins that are over; how many.
pub async fn sweep_sign_ins(w: &mut Write, now: Micros, most: i64) -> Result<u64> {
    execute!(
        w,
        sql!(
            "identities.sweep_sign_ins",
            "DELETE FROM finished_sign_ins WHERE state_hash IN
               (SELECT state_hash FROM finished_sign_ins WHERE ends_at < $1 LIMIT $2)"
        ),
        now,
        most
    )
}
