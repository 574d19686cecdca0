//! Logins of command lines that wait for a browser (docs/protocol/rest.md, "Login through a browser").

use crate::clock::Micros;
use crate::store::ids::UserId;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A waiting login.
#[derive(Debug, Clone, FromRow)]
pub struct CliSession {
    /// What names it.
    pub token: String,
    /// Code that both sides show.
    pub code: i64,
    /// What the new API token will be for.
    pub note: String,
    /// Who confirmed it.
    pub user_id: Option<UserId>,
    /// The new API token, sealed, until it is fetched.
    pub user_token: Option<Vec<u8>>,
}

/// Begins one.
pub async fn add(w: &mut Write, token: &str, code: i64, note: &str, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "cli_sessions.add",
            "INSERT INTO cli_sessions (token, code, note, inserted_at) VALUES ($1, $2, $3, $4)"
        ),
        token,
        code,
        note,
        now
    )?;
    Ok(())
}

/// The login of this name, if it began after `since`.
pub async fn find(on: &mut impl On, token: &str, since: Micros) -> Result<Option<CliSession>> {
    fetch_optional!(
        on,
        sql!(
            "cli_sessions.find",
            "SELECT token, code, note, user_id, user_token FROM cli_sessions
             WHERE token = $1 AND inserted_at > $2"
        ),
        token,
        since
    )
}

/// Confirms it for a person; false when somebody has.
pub async fn confirm(w: &mut Write, token: &str, user: UserId, sealed: &[u8]) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "cli_sessions.confirm",
            "UPDATE cli_sessions SET user_id = $2, user_token = $3
             WHERE token = $1 AND user_id IS NULL"
        ),
        token,
        user,
        sealed
    )?;
    Ok(n == 1)
}

/// Takes the new API token out of it; whether it was there.
pub async fn fetched(w: &mut Write, token: &str) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "cli_sessions.fetched",
            "UPDATE cli_sessions SET user_token = NULL
             WHERE token = $1 AND user_token IS NOT NULL"
        ),
        token
    )?;
    Ok(n == 1)
}

/// Forgets those that began before; and how many are left.
pub async fn sweep(w: &mut Write, before: Micros) -> Result<i64> {
    execute!(
        w,
        sql!(
            "cli_sessions.sweep",
            "DELETE FROM cli_sessions WHERE inserted_at <= $1"
        ),
        before
    )?;
    let row: Option<(i64,)> = fetch_optional!(
        w,
        sql!("cli_sessions.count", "SELECT COUNT(*) FROM cli_sessions")
    )?;
    Ok(row.unwrap_or_default().0)
}
