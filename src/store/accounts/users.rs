//! People, service accounts, and API tokens in the database.

use crate::clock::Micros;
use crate::store::accounts::scope::{InOrg as _, Org, Scope};
use crate::store::ids::{OrgId, ProductId, UserId};
use crate::store::{Error, On, Result, Write};
use sqlx::FromRow;

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

/// A token with its owner.
#[derive(Debug, Clone, FromRow)]
pub struct TokenOwner {
    /// The token's id in the database.
    pub token_id: i64,
    /// When the token was last used.
    pub last_used_at: Option<Micros>,
    /// The owner.
    pub user_id: UserId,
    /// The owner's email address.
    pub email: String,
    /// The owner's full name.
    pub name: String,
    /// `full`, `read`, or `publish`.
    pub access: String,
    /// The one product that the token is limited to.
    pub product_id: Option<ProductId>,
    /// When the token expires.
    pub expires_at: Option<Micros>,
    /// When the token was created.
    pub inserted_at: Micros,
    /// Whether a login created it.
    pub login: bool,
}

/// A token as its owner sees it.
#[derive(Debug, Clone, FromRow)]
pub struct TokenRow {
    /// The token's id in the database.
    pub id: i64,
    /// What the owner uses it for.
    pub note: String,
    /// `full`, `read`, or `publish`.
    pub access: String,
    /// Organization of the one product that it is limited to.
    pub org: Option<String>,
    /// The one product that it is limited to.
    pub product: Option<String>,
    /// When it was created.
    pub inserted_at: Micros,
    /// When it was last used.
    pub last_used_at: Option<Micros>,
    /// When it expires.
    pub expires_at: Option<Micros>,
    /// Whether a login created it.
    pub login: bool,
}

/// A token to store.
pub struct NewToken<'t> {
    /// Its owner.
    pub user: UserId,
    /// Its hash; the token itself is not stored.
    pub hash: &'t [u8],
    /// What the owner uses it for.
    pub note: &'t str,
    /// `full`, `read`, or `publish`.
    pub access: &'static str,
    /// The one product that it is limited to.
    pub product: Option<ProductId>,
    /// When it expires.
    pub expires_at: Option<Micros>,
    /// Whether a login creates it, so that it expires when it is not used.
    pub login: bool,
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

/// Finds a person by email address.
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

/// Whether there is any account yet.
pub async fn any(on: &mut impl On) -> Result<bool> {
    let row: Option<(UserId,)> = fetch_optional!(
        on,
        sql!("users.any", "SELECT id FROM users ORDER BY id LIMIT 1")
    )?;
    Ok(row.is_some())
}

/// Stores a token by its hash.
pub async fn add_token(w: &mut Write, t: &NewToken<'_>, now: Micros) -> Result<i64> {
    let row: Option<(i64,)> = fetch_optional!(
        w,
        sql!(
            "users.add_token",
            "INSERT INTO tokens (user_id, hash, note, access, product_id, expires_at, inserted_at, login)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id"
        ),
        t.user,
        t.hash,
        t.note,
        t.access,
        t.product,
        t.expires_at,
        now,
        t.login
    )?;
    row.map(|r| r.0).ok_or(Error::Missing("tokens"))
}

/// A person's tokens, newest first.
pub async fn tokens(on: &mut impl On, user: UserId) -> Result<Vec<TokenRow>> {
    fetch_all!(
        on,
        sql!(
            "users.tokens",
            "SELECT t.id, t.note, t.access, o.name AS org, p.name AS product, t.inserted_at,
                    t.last_used_at, t.expires_at, t.login
             FROM tokens t
             LEFT JOIN products p ON p.id = t.product_id
             LEFT JOIN orgs o ON o.id = p.org_id
             WHERE t.user_id = $1 ORDER BY t.id DESC LIMIT 1000"
        ),
        user
    )
}

/// Whether a token exists and has not expired.
pub async fn token_lives(on: &mut impl On, token: i64, now: Micros) -> Result<bool> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "users.token_lives",
            "SELECT id FROM tokens WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)"
        ),
        token,
        now
    )?;
    Ok(row.is_some())
}

/// Deletes a person's login tokens except the `keep` most recently used. It notifies no open access checks: the
/// deleted tokens have long been idle, and every login would wake all checks.
pub async fn keep_logins(w: &mut Write, user: UserId, keep: i64) -> Result<()> {
    execute!(
        w,
        sql!(
            "users.keep_logins",
            "DELETE FROM tokens WHERE user_id = $1 AND login AND id NOT IN (
               SELECT id FROM tokens WHERE user_id = $1 AND login
               ORDER BY COALESCE(last_used_at, inserted_at) DESC, id DESC LIMIT $2)"
        ),
        user,
        keep
    )?;
    Ok(())
}

/// Deletes up to `most` login tokens that were not used since an instant. Returns how many. Like
/// [`keep_logins`] it notifies no open access checks.
pub async fn sweep_logins(w: &mut Write, before: Micros, most: i64) -> Result<u64> {
    execute!(
        w,
        sql!(
            "users.sweep_logins",
            "DELETE FROM tokens WHERE id IN (
               SELECT id FROM tokens WHERE login AND COALESCE(last_used_at, inserted_at) < $1 LIMIT $2)"
        ),
        before,
        most
    )
}

/// Deletes all tokens of a person but one.
pub async fn delete_other_tokens(w: &mut Write, user: UserId, kept: Option<i64>) -> Result<()> {
    let n = execute!(
        w,
        sql!(
            "users.delete_other_tokens",
            "DELETE FROM tokens WHERE user_id = $1 AND id <> COALESCE($2, 0)"
        ),
        user,
        kept
    )?;
    if n > 0 {
        w.revokes();
    }
    Ok(())
}

/// Deletes a token. Returns whether it was there.
pub async fn delete_token(w: &mut Write, user: UserId, token: i64) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "users.delete_token",
            "DELETE FROM tokens WHERE user_id = $1 AND id = $2"
        ),
        user,
        token
    )?;
    if n > 0 {
        w.revokes();
    }
    Ok(n > 0)
}

/// Adds a service account of an organization; `None` when its address is taken.
pub async fn add_service(
    w: &mut Write,
    org: OrgId,
    email: &str,
    name: &str,
    now: Micros,
) -> Result<Option<UserId>> {
    let row: Option<(UserId,)> = fetch_optional!(
        w,
        sql!(
            "users.add_service",
            "INSERT INTO users (email, name, password_hash, service_of, inserted_at, updated_at)
             VALUES ($1, $2, '', $3, $4, $4) ON CONFLICT (email) DO NOTHING RETURNING id"
        ),
        email,
        name,
        org,
        now
    )?;
    Ok(row.map(|r| r.0))
}

/// The service accounts of an organization, by name.
pub async fn services(on: &mut impl On, scope: &Scope<Org>) -> Result<Vec<Service>> {
    fetch_all!(
        on,
        sql!(
            "users.services",
            "SELECT u.id, u.name, m.role, u.inserted_at
             FROM users u JOIN memberships m ON m.user_id = u.id AND m.org_id = u.service_of
             WHERE u.service_of = $1 ORDER BY u.name LIMIT 1000"
        ),
        scope.org().id
    )
}

/// A service account: a member without a password, for programs.
#[derive(Debug, Clone, FromRow)]
pub struct Service {
    /// The account's id in the database.
    pub id: UserId,
    /// Unique in the organization.
    pub name: String,
    /// The account's role.
    pub role: String,
    /// When it was created.
    pub inserted_at: Micros,
}

/// Deletes all tokens of a person.
pub async fn delete_tokens(w: &mut Write, user: UserId) -> Result<()> {
    let n = execute!(
        w,
        sql!(
            "users.delete_tokens",
            "DELETE FROM tokens WHERE user_id = $1"
        ),
        user
    )?;
    if n > 0 {
        w.revokes();
    }
    Ok(())
}

/// Frees the address of a deleted service account. Its row stays, because audit entries refer to it.
pub async fn retire_service(w: &mut Write, user: UserId, email: &str, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "users.retire_service",
            "UPDATE users SET email = $2, service_of = NULL, updated_at = $3 WHERE id = $1"
        ),
        user,
        email,
        now
    )?;
    Ok(())
}

/// Finds a token and its owner by the token's hash.
pub async fn by_token(on: &mut impl On, hash: &[u8]) -> Result<Option<TokenOwner>> {
    fetch_optional!(
        on,
        sql!(
            "users.by_token",
            "SELECT t.id AS token_id, t.last_used_at, u.id AS user_id, u.email, u.name, t.access,
                    t.product_id, t.expires_at, t.inserted_at, t.login
             FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.hash = $1"
        ),
        hash
    )
}

/// Records that a token was used.
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
