//! What people's consoles remember for them, in the database.

use crate::store::ids::UserId;
use crate::store::{On, Result, Write};

/// The preferences of a person as JSON, if any were kept.
pub async fn of_user(on: &mut impl On, user: UserId) -> Result<Option<String>> {
    let row: Option<(String,)> = fetch_optional!(
        on,
        sql!(
            "preferences.of_user",
            "SELECT document FROM preferences WHERE user_id = $1"
        ),
        user
    )?;
    Ok(row.map(|r| r.0))
}

/// Keeps the preferences of a person in place of those before.
pub async fn set(w: &mut Write, user: UserId, document: &str) -> Result<()> {
    execute!(
        w,
        sql!(
            "preferences.set",
            "INSERT INTO preferences (user_id, document) VALUES ($1, $2)
             ON CONFLICT (user_id) DO UPDATE SET document = excluded.document"
        ),
        user,
        document
    )?;
    Ok(())
}
