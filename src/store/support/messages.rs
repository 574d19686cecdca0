//! Queues event messages for webhooks and mail rules, in the transaction of the event itself, so that none is
//! lost.

use crate::clock::Micros;
use crate::limits::MAIL_EVENTS;
use crate::store::ids::{DeviceId, ProductId};
use crate::store::support::webhooks;
use crate::store::{On, Result, Write};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether any webhook of the server is active, as far as this process knows. The flag spares a query for each
/// device event. It is set when a webhook is created, and the sending job refreshes it every few seconds.
static WEBHOOKS: AtomicBool = AtomicBool::new(false);

/// Whether any mail rule is active, in the same way.
static RULES: AtomicBool = AtomicBool::new(false);

/// Whether this process sends mail. If not, no events are collected for mail rules.
static MAILS: AtomicBool = AtomicBool::new(false);

/// Records that a webhook is active.
pub fn webhook_wants() {
    WEBHOOKS.store(true, Ordering::Relaxed);
}

/// Records that a mail rule is active.
pub fn rule_wants() {
    RULES.store(true, Ordering::Relaxed);
}

/// Records that this process sends mail.
pub fn mails() {
    MAILS.store(true, Ordering::Relaxed);
}

fn webhooks_want() -> bool {
    WEBHOOKS.load(Ordering::Relaxed)
}

fn rules_want() -> bool {
    RULES.load(Ordering::Relaxed) && MAILS.load(Ordering::Relaxed)
}

/// Refreshes the flags from the database.
pub async fn refresh_subscribers(on: &mut impl On) -> Result<()> {
    let row: Option<(Option<i64>, Option<i64>)> = fetch_optional!(
        on,
        sql!(
            "messages.look",
            "SELECT (SELECT MIN(id) FROM webhooks WHERE active),
                    (SELECT MIN(id) FROM mail_rules WHERE active)"
        )
    )?;
    let (webhook, rule) = row.unwrap_or_default();
    WEBHOOKS.store(webhook.is_some(), Ordering::Relaxed);
    RULES.store(rule.is_some(), Ordering::Relaxed);
    Ok(())
}

/// Queues an event for the product's webhooks and mail rules that subscribe to its type. A rule with a waiting
/// mail collects no more events than a mail can list.
pub async fn file(
    w: &mut Write,
    product: ProductId,
    event: &str,
    data: &Value,
    now: Micros,
) -> Result<()> {
    if webhooks_want() {
        webhooks::file(w, product, event, data, now).await?;
    }
    if !rules_want() {
        return Ok(());
    }
    execute!(
        w,
        sql!(
            "messages.file_mail",
            "INSERT INTO mail_events (rule_id, event, data, at)
             SELECT r.id, $2, $3, $5 FROM mail_rules r
             WHERE r.product_id = $1 AND r.active AND r.events LIKE $4
               AND (SELECT COUNT(*) FROM mail_events e WHERE e.rule_id = r.id) < $6"
        ),
        product,
        event,
        data.to_string(),
        format!("%{event}%"),
        now,
        MAIL_EVENTS
    )?;
    Ok(())
}

/// Queues an event of a device. Its data is only assembled when something subscribes to it.
pub async fn file_of_device(
    w: &mut Write,
    device: DeviceId,
    event: &str,
    data: impl FnOnce() -> Value,
    now: Micros,
) -> Result<()> {
    if !webhooks_want() && !rules_want() {
        return Ok(());
    }
    let row: Option<(ProductId, String, String, String)> = fetch_optional!(
        w,
        sql!(
            "messages.about_device",
            "SELECT d.product_id, d.identifier, p.name, o.name
             FROM devices d JOIN products p ON p.id = d.product_id JOIN orgs o ON o.id = d.org_id
             WHERE d.id = $1"
        ),
        device
    )?;
    let Some((product, identifier, name, org)) = row else {
        return Ok(());
    };
    let mut data = data();
    if let Value::Object(map) = &mut data {
        map.insert("device".into(), identifier.into());
        map.insert("product".into(), name.into());
        map.insert("org".into(), org.into());
    }
    file(w, product, event, &data, now).await
}
