//! API tokens and logins in the database.

use super::*;

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
    /// Whether it is the session of a browser, and whether that is remembered.
    pub remembered: Option<bool>,
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

/// A person's tokens, newest first. Sessions of browsers are no API tokens.
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
             WHERE t.user_id = $1 AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.token_id = t.id)
             ORDER BY t.id DESC LIMIT 1000"
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

/// Finds a token and its owner by the token's hash.
pub async fn by_token(on: &mut impl On, hash: &[u8]) -> Result<Option<TokenOwner>> {
    fetch_optional!(
        on,
        sql!(
            "users.by_token",
            "SELECT t.id AS token_id, t.last_used_at, u.id AS user_id, u.email, u.name, t.access,
                    t.product_id, t.expires_at, t.inserted_at, t.login, s.remembered
             FROM tokens t JOIN users u ON u.id = t.user_id
             LEFT JOIN sessions s ON s.token_id = t.id WHERE t.hash = $1"
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
