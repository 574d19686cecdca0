//! Addresses of people: what they log in with, and a new one that waits to be confirmed.

use super::*;

/// How an address is compared: letters of ASCII without their case, which is what mail systems disregard.
pub fn key_of(email: &str) -> String {
    email.to_ascii_lowercase()
}

/// Finds a person by email address, whatever the case of its letters. Of accounts that differ by it alone, which are older than this
/// rule, each is found by its exact letters.
pub async fn by_email(on: &mut impl On, email: &str) -> Result<Option<User>> {
    fetch_optional!(
        on,
        sql!(
            "users.by_email",
            "SELECT id, email, name, password_hash FROM users WHERE email = $1 OR email_key = $2
             ORDER BY CASE WHEN email = $1 THEN 0 ELSE 1 END, id LIMIT 1"
        ),
        email,
        key_of(email)
    )
}

/// Finds a person by the id.
pub async fn by_id(on: &mut impl On, id: UserId) -> Result<Option<User>> {
    fetch_optional!(
        on,
        sql!(
            "users.by_id",
            "SELECT id, email, name, password_hash FROM users WHERE id = $1"
        ),
        id
    )
}

/// Finds the person whose id this is, as a sealed link of theirs has it.
pub async fn by_number(on: &mut impl On, id: i64) -> Result<Option<User>> {
    by_id(on, UserId(id)).await
}

/// Gives a person another address, and forgets the one that waited; `false` when somebody else has it.
pub async fn set_email(w: &mut Write, id: UserId, email: &str, now: Micros) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "users.set_email",
            "UPDATE users SET email = $2, email_key = $3, new_email = NULL, new_email_at = NULL, updated_at = $4
             WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM users o WHERE lower(o.email) = $3 AND o.id <> $1)"
        ),
        id,
        email,
        key_of(email),
        now
    )?;
    Ok(n > 0)
}

/// Notes the address that a person wants, or that the person wants none any more.
pub async fn set_new_email(
    w: &mut Write,
    id: UserId,
    email: Option<&str>,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "users.set_new_email",
            "UPDATE users SET new_email = $2, new_email_at = $3 WHERE id = $1"
        ),
        id,
        email,
        now
    )?;
    Ok(())
}

/// The address that a person wanted since then and has not confirmed.
pub async fn new_email(on: &mut impl On, id: UserId, since: Micros) -> Result<Option<String>> {
    let row: Option<(String,)> = fetch_optional!(
        on,
        sql!(
            "users.new_email",
            "SELECT new_email FROM users WHERE id = $1 AND new_email IS NOT NULL AND new_email_at >= $2"
        ),
        id,
        since
    )?;
    Ok(row.map(|r| r.0))
}
