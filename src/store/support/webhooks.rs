//! Webhooks and the queue of their deliveries ([`crate::store::support::messages`] fills it). The sending job
//! may send a message twice; its id lets the receiver notice.

use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::ids::{ProductId, WebhookId};
use crate::store::{Error, On, Result, Write};
use serde_json::{Value, json};
use sqlx::FromRow;

/// A webhook.
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

/// A delivery, pending or finished.
#[derive(Debug, Clone, FromRow)]
pub struct DeliveryRow {
    /// The delivery's id in the database.
    pub id: i64,
    /// The message id, the same in every attempt.
    pub message: String,
    /// The event type.
    pub event: String,
    /// The body as JSON.
    pub body: String,
    /// `pending`, `delivered`, or `failed`.
    pub status: String,
    /// Attempts so far.
    pub attempts: i64,
    /// When the next attempt is due.
    pub due_at: Micros,
    /// HTTP status of the last response.
    pub answer: Option<i64>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was queued.
    pub inserted_at: Micros,
    /// When it was delivered or given up.
    pub ended_at: Option<Micros>,
}

/// A delivery to send now.
#[derive(Debug, Clone, FromRow)]
pub struct Due {
    /// The delivery's id in the database.
    pub id: i64,
    /// Its webhook.
    pub webhook_id: WebhookId,
    /// The message id, the same in every attempt.
    pub message: String,
    /// The body as JSON.
    pub body: String,
    /// Attempts so far.
    pub attempts: i64,
    /// The URL to post to.
    pub url: String,
    /// The signing secret, encrypted.
    pub secret: Vec<u8>,
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

/// A page of a webhook's deliveries, newest first, and the number of all.
pub async fn deliveries(
    on: &mut impl On,
    webhook: WebhookId,
    offset: i64,
    limit: i64,
) -> Result<(Vec<DeliveryRow>, i64)> {
    let rows = fetch_all!(
        on,
        sql!(
            "webhooks.deliveries",
            "SELECT id, message, event, body, status, attempts, due_at, answer, error, inserted_at,
                    ended_at
             FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY id DESC LIMIT $3 OFFSET $2"
        ),
        webhook,
        offset,
        limit
    )?;
    let total: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "webhooks.count_deliveries",
            "SELECT COUNT(*) FROM webhook_deliveries WHERE webhook_id = $1"
        ),
        webhook
    )?;
    Ok((rows, total.unwrap_or_default().0))
}

/// Makes a past delivery due again. Returns whether it was there.
pub async fn again(w: &mut Write, webhook: WebhookId, delivery: i64, now: Micros) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "webhooks.again",
            "UPDATE webhook_deliveries SET status = 'pending', due_at = $3, attempts = 0,
               ended_at = NULL
             WHERE webhook_id = $1 AND id = $2"
        ),
        webhook,
        delivery,
        now
    )?;
    Ok(n > 0)
}

/// Whether any delivery is due.
pub async fn waits(on: &mut impl On, now: Micros) -> Result<bool> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "webhooks.waits",
            "SELECT id FROM webhook_deliveries WHERE status = 'pending' AND due_at <= $1
             ORDER BY due_at LIMIT 1"
        ),
        now
    )?;
    Ok(row.is_some())
}

/// Takes deliveries that are due. No other process takes them before `until`.
pub async fn take(w: &mut Write, now: Micros, until: Micros, most: i64) -> Result<Vec<Due>> {
    let due: Vec<Due> = fetch_all!(
        w,
        sql!(
            "webhooks.due",
            "SELECT d.id, d.webhook_id, d.message, d.body, d.attempts, h.url, h.secret
             FROM webhook_deliveries d JOIN webhooks h ON h.id = d.webhook_id
             WHERE d.status = 'pending' AND d.due_at <= $1 ORDER BY d.due_at, d.id LIMIT $2"
        ),
        now,
        most
    )?;
    let mut taken = Vec::with_capacity(due.len());
    for d in due {
        let n = execute!(
            w,
            sql!(
                "webhooks.take",
                "UPDATE webhook_deliveries SET due_at = $3
                 WHERE id = $1 AND status = 'pending' AND due_at <= $2"
            ),
            d.id,
            now,
            until
        )?;
        if n == 1 {
            taken.push(d);
        }
    }
    Ok(taken)
}

/// The outcome of an attempt.
pub struct Outcome<'o> {
    /// `pending`, `delivered`, or `failed`.
    pub status: &'static str,
    /// When the next attempt is due.
    pub due_at: Micros,
    /// HTTP status of the response.
    pub answer: Option<i64>,
    /// Why the attempt failed.
    pub error: Option<&'o str>,
}

/// Records the outcome of an attempt.
pub async fn tried(w: &mut Write, delivery: i64, o: &Outcome<'_>, now: Micros) -> Result<()> {
    let ended = (o.status != "pending").then_some(now);
    execute!(
        w,
        sql!(
            "webhooks.tried",
            "UPDATE webhook_deliveries SET status = $2, attempts = attempts + 1, due_at = $3,
               answer = $4, error = $5, ended_at = $6
             WHERE id = $1"
        ),
        delivery,
        o.status,
        o.due_at,
        o.answer,
        o.error,
        ended
    )?;
    Ok(())
}

/// Deletes up to `most` finished deliveries that were queued before an instant.
pub async fn sweep(w: &mut Write, before: Micros, most: i64) -> Result<u64> {
    execute!(
        w,
        sql!(
            "webhooks.sweep",
            "DELETE FROM webhook_deliveries WHERE id IN (
               SELECT id FROM webhook_deliveries WHERE inserted_at < $1 AND status <> 'pending'
               ORDER BY inserted_at LIMIT $2)"
        ),
        before,
        most
    )
}
