//! Deliveries of webhooks in the database: what waits, what was tried, what became of it.

use super::*;
use crate::store::words::DeliveryState;

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
    /// How far it is.
    pub status: DeliveryState,
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
    /// How far the delivery is after it.
    pub status: DeliveryState,
    /// When the next attempt is due.
    pub due_at: Micros,
    /// HTTP status of the response.
    pub answer: Option<i64>,
    /// Why the attempt failed.
    pub error: Option<&'o str>,
}

/// Records the outcome of an attempt.
pub async fn tried(w: &mut Write, delivery: i64, o: &Outcome<'_>, now: Micros) -> Result<()> {
    let ended = (o.status != DeliveryState::Pending).then_some(now);
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
