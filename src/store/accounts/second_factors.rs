//! Second factors of people and their recovery codes in the database.

use crate::store::ids::UserId;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A second factor.
#[derive(Debug, Clone, FromRow)]
pub struct SecondFactor {
    /// The secret, sealed with the node key.
    pub secret: Vec<u8>,
    /// Whether a first code was right, so that logins ask for one.
    pub confirmed: bool,
}

/// The second factor of a person, also one that is not confirmed yet.
pub async fn of_user(on: &mut impl On, user: UserId) -> Result<Option<SecondFactor>> {
    fetch_optional!(
        on,
        sql!(
            "second_factors.of_user",
            "SELECT secret, confirmed FROM second_factors WHERE user_id = $1"
        ),
        user
    )
}

/// Keeps a secret that is to be confirmed, in place of another one that was not; `false` when one is confirmed.
pub async fn begin(w: &mut Write, user: UserId, secret: &[u8]) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "second_factors.begin",
            "INSERT INTO second_factors (user_id, secret, confirmed, last_step) VALUES ($1, $2, FALSE, 0)
             ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret WHERE NOT second_factors.confirmed"
        ),
        user,
        secret
    )?;
    Ok(n > 0)
}

/// Switches a factor on with the time step of its first code; `false` when another secret was made meanwhile, or one is on.
pub async fn confirm(w: &mut Write, user: UserId, secret: &[u8], step: i64) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "second_factors.confirm",
            "UPDATE second_factors SET confirmed = TRUE, last_step = $3
             WHERE user_id = $1 AND secret = $2 AND NOT confirmed"
        ),
        user,
        secret,
        step
    )?;
    Ok(n > 0)
}

/// Takes the code of a time step; `false` when one of that step or a later one was taken.
pub async fn take_step(w: &mut Write, user: UserId, step: i64) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "second_factors.take_step",
            "UPDATE second_factors SET last_step = $2 WHERE user_id = $1 AND last_step < $2 AND confirmed"
        ),
        user,
        step
    )?;
    Ok(n > 0)
}

/// Keeps recovery codes in place of those before, by their hashes.
pub async fn set_codes(w: &mut Write, user: UserId, hashes: &[Vec<u8>]) -> Result<()> {
    execute!(
        w,
        sql!(
            "second_factors.clear_codes",
            "DELETE FROM recovery_codes WHERE user_id = $1"
        ),
        user
    )?;
    for hash in hashes {
        execute!(
            w,
            sql!(
                "second_factors.add_code",
                "INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)"
            ),
            user,
            hash
        )?;
    }
    Ok(())
}

/// Uses up a recovery code; `false` when the person has none with this hash.
pub async fn use_code(w: &mut Write, user: UserId, hash: &[u8]) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "second_factors.use_code",
            "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2"
        ),
        user,
        hash
    )?;
    Ok(n > 0)
}

/// Whether a person has a recovery code with this hash.
pub async fn has_code(on: &mut impl On, user: UserId, hash: &[u8]) -> Result<bool> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "second_factors.has_code",
            "SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND hash = $2"
        ),
        user,
        hash
    )?;
    Ok(row.is_some_and(|r| r.0 > 0))
}

/// How many recovery codes a person has left.
pub async fn codes(on: &mut impl On, user: UserId) -> Result<i64> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "second_factors.codes",
            "SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1"
        ),
        user
    )?;
    Ok(row.map_or(0, |r| r.0))
}

/// Removes the recovery codes of a person who has neither a second factor that is on nor a passkey any more.
pub async fn drop_codes_of_none(w: &mut Write, user: UserId) -> Result<()> {
    execute!(
        w,
        sql!(
            "second_factors.drop_codes_of_none",
            "DELETE FROM recovery_codes WHERE user_id = $1
             AND NOT EXISTS (SELECT 1 FROM second_factors f WHERE f.user_id = $1 AND f.confirmed)
             AND NOT EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = $1)"
        ),
        user
    )?;
    Ok(())
}

/// Removes the second factor of a person, and the recovery codes when no passkey is left; `false` when there was none.
pub async fn remove(w: &mut Write, user: UserId) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "second_factors.remove",
            "DELETE FROM second_factors WHERE user_id = $1"
        ),
        user
    )?;
    drop_codes_of_none(w, user).await?;
    Ok(n > 0)
}
