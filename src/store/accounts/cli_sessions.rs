//! Pending command-line logins that a person confirms in a browser (docs/protocol/rest.md, "Login through a
//! browser").

use crate::clock::Micros;
use crate::store::ids::UserId;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A pending command-line login.
#[derive(Debug, Clone, FromRow)]
pub struct CliSession {
    /// The login's secret name, known to the command line and the browser.
    pub token: String,
    /// A code that both sides show, so that the person can compare them.
    pub code: i64,
    /// The note for the new API token.
    pub note: String,
    /// The person who confirmed it.
    pub user_id: Option<UserId>,
    /// The new API token, encrypted, until it is fetched.
    pub user_token: Option<Vec<u8>>,
}

/// Adds a pending login.
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

/// Finds a login by its name, if it began after `since`.
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

/// Confirms a login for a person; false when it was confirmed before.
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

/// Removes the new API token after it was fetched. Returns whether it was there.
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

/// Deletes the logins that began before an instant. Returns how many are left.
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
