//! People, service accounts, and API tokens in the database.

mod addresses;

mod tokens;

mod services;

use crate::clock::Micros;
use crate::store::accounts::scope::{InOrg as _, Org, Scope};
use crate::store::ids::{OrgId, ProductId, UserId};
use crate::store::{Error, On, Result, Write};
pub use addresses::*;
pub use services::*;
use sqlx::FromRow;
pub use tokens::*;

/// A person with the hash of the password.
#[derive(Debug, Clone, FromRow)]
pub struct User {
    /// The person's id in the database.
    pub id: UserId,
    /// Email address, the login name.
    pub email: String,
    /// Full name.
    pub name: String,
    /// argon2id as a PHC string.
    pub password_hash: String,
}

/// Adds a person; `None` when somebody has this email, or one that differs from it by the case of letters alone.
pub async fn add(
    w: &mut Write,
    email: &str,
    name: &str,
    password_hash: &str,
    now: Micros,
) -> Result<Option<UserId>> {
    let row: Option<(UserId,)> = fetch_optional!(
        w,
        sql!(
            "users.add",
            "INSERT INTO users (email, name, password_hash, inserted_at, updated_at, email_key)
             SELECT $1, $2, $3, CAST($4 AS BIGINT), CAST($4 AS BIGINT), $5
             WHERE NOT EXISTS (SELECT 1 FROM users o WHERE lower(o.email) = $5)
             ON CONFLICT DO NOTHING RETURNING id"
        ),
        email,
        name,
        password_hash,
        now,
        key_of(email)
    )?;
    Ok(row.map(|r| r.0))
}

/// Sets a new password and marks the address as confirmed, because whoever received the password is the person
/// that the account is for.
pub async fn set_password(w: &mut Write, id: UserId, hash: &str, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "users.set_password",
            "UPDATE users SET password_hash = $2, confirmed = TRUE, updated_at = $3 WHERE id = $1"
        ),
        id,
        hash,
        now
    )?;
    Ok(())
}

/// Marks an account's address as unconfirmed.
pub async fn set_unconfirmed(w: &mut Write, id: UserId) -> Result<()> {
    execute!(
        w,
        sql!(
            "users.set_unconfirmed",
            "UPDATE users SET confirmed = FALSE WHERE id = $1"
        ),
        id
    )?;
    Ok(())
}

/// Whether an account's address was confirmed.
pub async fn confirmed(on: &mut impl On, id: UserId) -> Result<bool> {
    let row: Option<(bool,)> = fetch_optional!(
        on,
        sql!(
            "users.confirmed",
            "SELECT confirmed FROM users WHERE id = $1"
        ),
        id
    )?;
    Ok(row.is_some_and(|r| r.0))
}

/// Whether there is any account yet.
pub async fn any(on: &mut impl On) -> Result<bool> {
    let row: Option<(UserId,)> = fetch_optional!(
        on,
        sql!("users.any", "SELECT id FROM users ORDER BY id LIMIT 1")
    )?;
    Ok(row.is_some())
}

/// Changes the name of a person.
pub async fn set_name(w: &mut Write, id: UserId, name: &str, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "users.set_name",
            "UPDATE users SET name = $2, updated_at = $3 WHERE id = $1"
        ),
        id,
        name,
        now
    )?;
    Ok(())
}

/// Whether a person still has this password, by its stored hash. The row is locked until the transaction ends, so that no new password
/// comes between: on PostgreSQL a look alone would not see one that is being set.
pub async fn still_has(w: &mut Write, id: UserId, password_hash: &str) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "users.still_has",
            "UPDATE users SET updated_at = updated_at WHERE id = $1 AND password_hash = $2"
        ),
        id,
        password_hash
    )?;
    Ok(n > 0)
}

/// Takes everything from an account and frees its address. Its row stays, because audit entries refer to it.
pub async fn retire(w: &mut Write, id: UserId, now: Micros) -> Result<()> {
    delete_tokens(w, id).await?;
    super::passkeys::remove_all(w, id).await?;
    super::second_factors::remove(w, id).await?;
    w.revokes();
    for statement in [
        sql!(
            "users.retire_memberships",
            "DELETE FROM memberships WHERE user_id = $1"
        ),
        sql!(
            "users.retire_mail_rules",
            "DELETE FROM mail_rules WHERE user_id = $1"
        ),
        sql!(
            "users.retire_identities",
            "DELETE FROM identities WHERE user_id = $1"
        ),
        sql!("users.retire_pins", "DELETE FROM pins WHERE user_id = $1"),
        sql!("users.retire_views", "DELETE FROM views WHERE user_id = $1"),
        sql!(
            "users.retire_preferences",
            "DELETE FROM preferences WHERE user_id = $1"
        ),
    ] {
        execute!(w, statement, id)?;
    }
    // Such an address receives no mail: RFC 2606 reserves the `.invalid` domain.
    let email = format!("{}@deleted.invalid", id.0);
    execute!(
        w,
        sql!(
            "users.retire",
            "UPDATE users SET email = $2, email_key = $2, new_email = NULL, password_hash = '', updated_at = $3
             WHERE id = $1"
        ),
        id,
        email,
        now
    )?;
    Ok(())
}
