//! Notifications of a product in the database. A repeated event raises the count of its notification.

use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::ids::ProductId;
use crate::store::words::NotificationLevel;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

#[derive(Debug, Clone, FromRow)]
pub struct NotificationRow {
    /// The notification's id in the database.
    pub id: i64,
    /// Identifies the event and what it is about; unique in the product.
    pub event_key: String,
    /// How much it matters.
    pub level: NotificationLevel,
    /// A short title.
    pub title: String,
    /// What happened and what to do about it.
    pub message: String,
    /// How often the event happened.
    pub occurrences: i64,
    /// When it last happened.
    pub last_at: Micros,
    /// When it first happened.
    pub inserted_at: Micros,
}

/// Records an event, or that it happened again.
pub async fn add(
    w: &mut Write,
    product: ProductId,
    key: &str,
    level: NotificationLevel,
    title: &str,
    message: &str,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "notifications.add",
            "INSERT INTO notifications
               (product_id, event_key, level, title, message, occurrences, last_at, inserted_at)
             VALUES ($1, $2, $3, $4, $5, 1, $6, $6)
             ON CONFLICT (product_id, event_key) DO UPDATE SET
               occurrences = notifications.occurrences + 1, last_at = excluded.last_at,
               message = excluded.message"
        ),
        product,
        key,
        level,
        title,
        message,
        now
    )?;
    let data = serde_json::json!({"level": level, "title": title, "message": message});
    crate::store::support::messages::file(w, product, "notification.raised", &data, now).await
}

/// Adds an imported notification as it is, without sending messages about it; false when its event is recorded
/// already.
pub async fn add_past(w: &mut Write, product: ProductId, note: &NotificationRow) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "notifications.add_past",
            "INSERT INTO notifications
               (product_id, event_key, level, title, message, occurrences, last_at, inserted_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (product_id, event_key) DO NOTHING"
        ),
        product,
        &note.event_key,
        note.level,
        &note.title,
        &note.message,
        note.occurrences,
        note.last_at,
        note.inserted_at
    )?;
    Ok(n == 1)
}

/// A page of a product's notifications, last occurrence first, and the number of all.
pub async fn list(
    on: &mut impl On,
    scope: &Scope<Product>,
    offset: i64,
    most: i64,
) -> Result<(Vec<NotificationRow>, i64)> {
    let total: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "notifications.count",
            "SELECT COUNT(*) FROM notifications WHERE product_id = $1"
        ),
        scope.product().id
    )?;
    let rows = fetch_all!(
        on,
        sql!(
            "notifications.list",
            "SELECT id, event_key, level, title, message, occurrences, last_at, inserted_at
             FROM notifications WHERE product_id = $1 ORDER BY last_at DESC, id DESC
             LIMIT $3 OFFSET $2"
        ),
        scope.product().id,
        offset,
        most
    )?;
    Ok((rows, total.map_or(0, |t| t.0)))
}

/// Deletes all notifications of a product. Returns how many.
pub async fn dismiss(w: &mut Write, scope: &Scope<Product>) -> Result<u64> {
    execute!(
        w,
        sql!(
            "notifications.dismiss",
            "DELETE FROM notifications WHERE product_id = $1"
        ),
        scope.product().id
    )
}

/// Deletes up to `most` notifications that last happened before an instant. Returns how many.
pub async fn sweep(w: &mut Write, before: Micros, most: i64) -> Result<u64> {
    execute!(
        w,
        sql!(
            "notifications.sweep",
            "DELETE FROM notifications WHERE id IN (SELECT id FROM notifications
               WHERE last_at < $1 ORDER BY last_at LIMIT $2)"
        ),
        before,
        most
    )
}
