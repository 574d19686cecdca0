//! People and their tokens.

use super::{On, Result, Write};
use crate::clock::Micros;
use crate::ids::UserId;
use sqlx::FromRow;

/// A person with what proves the password.
#[derive(Debug, Clone, FromRow)]
pub struct User {
    /// Row.
    pub id: UserId,
    /// Login.
    pub email: String,
    /// Full name.
    pub name: String,
    /// argon2id, PHC string.
    pub password_hash: String,
}

/// A token's owner.
#[derive(Debug, Clone, FromRow)]
pub struct TokenOwner {
    /// The token's row.
    pub token_id: i64,
    /// When it was last used.
    pub last_used_at: Option<Micros>,
    /// The person.
    pub user_id: UserId,
    /// Login.
    pub email: String,
    /// Full name.
    pub name: String,
}

/// Adds a person; `None` when the email is taken.
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
            "INSERT INTO users (email, name, password_hash, inserted_at, updated_at)
             VALUES ($1, $2, $3, $4, $4) ON CONFLICT (email) DO NOTHING RETURNING id"
        ),
        email,
        name,
        password_hash,
        now
    )?;
    Ok(row.map(|r| r.0))
}

/// Sets a new password.
pub async fn set_password(w: &mut Write, id: UserId, hash: &str, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "users.set_password",
            "UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1"
        ),
        id,
        hash,
        now
    )?;
    Ok(())
}

/// The person with this login.
pub async fn by_email(on: &mut impl On, email: &str) -> Result<Option<User>> {
    fetch_optional!(
        on,
        sql!(
            "users.by_email",
            "SELECT id, email, name, password_hash FROM users WHERE email = $1"
        ),
        email
    )
}

/// Whether anybody exists yet.
pub async fn any(on: &mut impl On) -> Result<bool> {
    let row: Option<(UserId,)> = fetch_optional!(
        on,
        sql!("users.any", "SELECT id FROM users ORDER BY id LIMIT 1")
    )?;
    Ok(row.is_some())
}

/// Stores a token by its hash.
pub async fn add_token(
    w: &mut Write,
    user: UserId,
    hash: &[u8],
    note: &str,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "users.add_token",
            "INSERT INTO tokens (user_id, hash, note, inserted_at) VALUES ($1, $2, $3, $4)"
        ),
        user,
        hash,
        note,
        now
    )?;
    Ok(())
}

/// Whose token this is.
pub async fn by_token(on: &mut impl On, hash: &[u8]) -> Result<Option<TokenOwner>> {
    fetch_optional!(
        on,
        sql!(
            "users.by_token",
            "SELECT t.id AS token_id, t.last_used_at, u.id AS user_id, u.email, u.name
             FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.hash = $1"
        ),
        hash
    )
}

/// Notes that a token was used.
pub async fn token_used(w: &mut Write, token: i64, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "users.token_used",
            "UPDATE tokens SET last_used_at = $2 WHERE id = $1"
        ),
        token,
        now
    )?;
    Ok(())
}
