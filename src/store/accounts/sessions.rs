//! Logins of browsers in the database: tokens that only a cookie may carry.

use crate::clock::Micros;
use crate::store::ids::UserId;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A session as its person sees it.
#[derive(Debug, Clone, FromRow)]
pub struct SessionRow {
    /// The id of its token in the database.
    pub id: i64,
    /// Whether it outlasts the browser.
    pub remembered: bool,
    /// What the browser called itself at the login.
    pub agent: String,
    /// Where the login came from.
    pub address: String,
    /// When the person logged in.
    pub inserted_at: Micros,
    /// When it was last used.
    pub last_used_at: Option<Micros>,
}

/// A session to store.
pub struct NewSessionRow<'s> {
    /// The person.
    pub user: UserId,
    /// The id of the person's token in the database.
    pub token: i64,
    pub remembered: bool,
    pub agent: &'s str,
    pub address: &'s str,
}

/// Makes a token of a person a session.
pub async fn add(w: &mut Write, new: &NewSessionRow<'_>) -> Result<()> {
    execute!(
        w,
        sql!(
            "sessions.add",
            "INSERT INTO sessions (token_id, remembered, agent, address)
             SELECT id, $3, $4, $5 FROM tokens WHERE id = $1 AND user_id = $2"
        ),
        new.token,
        new.user,
        new.remembered,
        new.agent,
        new.address
    )?;
    Ok(())
}

/// The sessions of a person, the one that was used last first. Sessions that are over, and not removed yet, are left out: those that
/// were not used since `idle`, unless they are remembered.
pub async fn of_user(
    on: &mut impl On,
    user: UserId,
    idle: Micros,
    now: Micros,
) -> Result<Vec<SessionRow>> {
    fetch_all!(
        on,
        sql!(
            "sessions.of_user",
            "SELECT t.id, s.remembered, s.agent, s.address, t.inserted_at, t.last_used_at
             FROM sessions s JOIN tokens t ON t.id = s.token_id
             WHERE t.user_id = $1 AND (t.expires_at IS NULL OR t.expires_at > $3)
               AND (s.remembered OR COALESCE(t.last_used_at, t.inserted_at) >= $2)
             ORDER BY COALESCE(t.last_used_at, t.inserted_at) DESC, t.id DESC LIMIT 1000"
        ),
        user,
        idle,
        now
    )
}

/// When the person logged in with this session.
pub async fn began(on: &mut impl On, user: UserId, session: i64) -> Result<Option<Micros>> {
    let row: Option<(Micros,)> = fetch_optional!(
        on,
        sql!(
            "sessions.began",
            "SELECT t.inserted_at FROM sessions s JOIN tokens t ON t.id = s.token_id
             WHERE t.user_id = $1 AND t.id = $2"
        ),
        user,
        session
    )?;
    Ok(row.map(|r| r.0))
}

/// Deletes a session. Returns whether it was there.
pub async fn delete(w: &mut Write, user: UserId, session: i64) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "sessions.delete",
            "DELETE FROM tokens WHERE user_id = $1 AND id = $2 AND id IN (SELECT token_id FROM sessions)"
        ),
        user,
        session
    )?;
    if n > 0 {
        w.revokes();
    }
    Ok(n > 0)
}

/// Deletes all sessions of a person but one. Returns how many.
pub async fn delete_others(w: &mut Write, user: UserId, kept: Option<i64>) -> Result<u64> {
    let n = execute!(
        w,
        sql!(
            "sessions.delete_others",
            "DELETE FROM tokens WHERE user_id = $1 AND id <> COALESCE($2, 0)
             AND id IN (SELECT token_id FROM sessions)"
        ),
        user,
        kept
    )?;
    if n > 0 {
        w.revokes();
    }
    Ok(n)
}

/// Deletes a person's sessions except the `keep` most recently used. It notifies no open access checks: the deleted ones have
/// long been idle, and every login would wake all checks.
pub async fn keep(w: &mut Write, user: UserId, keep: i64) -> Result<()> {
    execute!(
        w,
        sql!(
            "sessions.keep",
            "DELETE FROM tokens WHERE user_id = $1 AND id IN (
               SELECT t.id FROM tokens t JOIN sessions s ON s.token_id = t.id WHERE t.user_id = $1
               ORDER BY COALESCE(t.last_used_at, t.inserted_at) DESC, t.id DESC LIMIT 10000 OFFSET $2)"
        ),
        user,
        keep
    )?;
    Ok(())
}

/// Deletes up to `most` sessions that are over: not used since `idle` and not remembered, or at their end. Returns how many.
pub async fn sweep(w: &mut Write, idle: Micros, now: Micros, most: i64) -> Result<u64> {
    execute!(
        w,
        sql!(
            "sessions.sweep",
            "DELETE FROM tokens WHERE id IN (
               SELECT t.id FROM sessions s JOIN tokens t ON t.id = s.token_id
               WHERE (NOT s.remembered AND COALESCE(t.last_used_at, t.inserted_at) < $1) OR t.expires_at <= $2
               LIMIT $3)"
        ),
        idle,
        now,
        most
    )
}
