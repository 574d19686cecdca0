//! Webhooks and the queue of their deliveries ([`crate::store::support::messages`] fills it). The sending job
//! may send a message twice; its id lets the receiver notice.

mod deliveries;

use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::ids::{ProductId, WebhookId};
use crate::store::{Error, On, Result, Write};
pub use deliveries::*;
use serde_json::{Value, json};
use sqlx::FromRow;

#[derive(Debug, Clone, FromRow)]
pub struct WebhookRow {
    /// The webhook's id in the database.
    pub id: WebhookId,
    /// The URL that deliveries are posted to.
    pub url: String,
    /// Free text.
    pub description: Option<String>,
    /// Event types, one for each line.
    pub events: String,
    /// Whether deliveries are sent.
    pub active: bool,
    /// When it was created.
    pub inserted_at: Micros,
    /// When it last changed.
    pub updated_at: Micros,
}

/// The settings of a webhook.
pub struct Settings<'s> {
    /// The URL that deliveries are posted to.
    pub url: &'s str,
    /// Free text.
    pub description: Option<&'s str>,
    /// Event types, one for each line.
    pub events: &'s str,
    /// Whether deliveries are sent.
    pub active: bool,
}

/// Adds a webhook.
pub async fn add(
    w: &mut Write,
    scope: &Scope<Product>,
    s: &Settings<'_>,
    secret: &[u8],
    now: Micros,
) -> Result<WebhookId> {
    let p = scope.product();
    let row: Option<(WebhookId,)> = fetch_optional!(
        w,
        sql!(
            "webhooks.add",
            "INSERT INTO webhooks (org_id, product_id, url, description, secret, events, active,
                                   inserted_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING id"
        ),
        p.org.id,
        p.id,
        s.url,
        s.description,
        secret,
        s.events,
        s.active,
        now
    )?;
    w.wants().webhook();
    row.map(|r| r.0).ok_or(Error::Missing("webhooks"))
}

/// Writes the settings of a webhook.
pub async fn set(
    w: &mut Write,
    scope: &Scope<Product>,
    id: WebhookId,
    s: &Settings<'_>,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "webhooks.set",
            "UPDATE webhooks SET url = $3, description = $4, events = $5, active = $6,
               updated_at = $7
             WHERE product_id = $1 AND id = $2"
        ),
        scope.product().id,
        id,
        s.url,
        s.description,
        s.events,
        s.active,
        now
    )?;
    w.wants().webhook();
    Ok(())
}

/// The product's webhooks, oldest first.
pub async fn list(on: &mut impl On, scope: &Scope<Product>) -> Result<Vec<WebhookRow>> {
    fetch_all!(
        on,
        sql!(
            "webhooks.list",
            "SELECT id, url, description, events, active, inserted_at, updated_at
             FROM webhooks WHERE product_id = $1 ORDER BY id LIMIT 100"
        ),
        scope.product().id
    )
}

/// Deletes a webhook with its deliveries. Returns whether it was there.
pub async fn remove(w: &mut Write, scope: &Scope<Product>, id: WebhookId) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "webhooks.remove",
            "DELETE FROM webhooks WHERE product_id = $1 AND id = $2"
        ),
        scope.product().id,
        id
    )?;
    Ok(n > 0)
}

/// Deactivates a webhook whose receiver answered that it is gone (410).
pub async fn gone(w: &mut Write, id: WebhookId, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "webhooks.gone",
            "UPDATE webhooks SET active = FALSE, updated_at = $2 WHERE id = $1"
        ),
        id,
        now
    )?;
    Ok(())
}

/// The body of a message in the format of Standard Webhooks.
pub(in crate::store) fn body(event: &str, data: &Value, now: Micros) -> String {
    json!({"type": event, "timestamp": now.zulu(), "data": data}).to_string()
}

/// Queues a message for the product's webhooks that subscribe to its type.
pub async fn file(
    w: &mut Write,
    product: ProductId,
    event: &str,
    data: &Value,
    now: Micros,
) -> Result<()> {
    let message = format!("msg_{}", uuid::Uuid::now_v7().simple());
    execute!(
        w,
        sql!(
            "webhooks.file",
            "INSERT INTO webhook_deliveries
               (webhook_id, message, event, body, status, attempts, due_at, inserted_at)
             SELECT id, $2, $3, $4, 'pending', 0, $6, $6 FROM webhooks
             WHERE product_id = $1 AND active AND events LIKE $5"
        ),
        product,
        message,
        event,
        body(event, data, now),
        format!("%{event}%"),
        now
    )?;
    Ok(())
}

/// Queues a message for one webhook, whatever it subscribes to.
pub async fn file_one(
    w: &mut Write,
    webhook: WebhookId,
    event: &str,
    data: &Value,
    now: Micros,
) -> Result<i64> {
    let message = format!("msg_{}", uuid::Uuid::now_v7().simple());
    let row: Option<(i64,)> = fetch_optional!(
        w,
        sql!(
            "webhooks.file_one",
            "INSERT INTO webhook_deliveries
               (webhook_id, message, event, body, status, attempts, due_at, inserted_at)
             VALUES ($1, $2, $3, $4, 'pending', 0, $5, $5) RETURNING id"
        ),
        webhook,
        message,
        event,
        body(event, data, now),
        now
    )?;
    row.map(|r| r.0).ok_or(Error::Missing("webhook_deliveries"))
}
