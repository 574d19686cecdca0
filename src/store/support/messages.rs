//! Queues event messages for webhooks and mail rules, in the transaction of the event itself, so that none is
//! lost.

use crate::clock::Micros;
use crate::limits::MAIL_EVENTS;
use crate::store::ids::ProductId;
use crate::store::support::webhooks;
use crate::store::{On, Result, Write};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who wants to be told, as far as this process knows: what happens at device rate asks no database for that. A part of
/// the database value. Whoever makes a webhook or a rule says so, and the sending job looks every few seconds.
#[derive(Debug, Default)]
pub struct Wants {
    /// Whether any webhook of the server is active.
    webhooks: AtomicBool,
    /// Whether any mail rule is.
    rules: AtomicBool,
    /// Whether this process sends mail; what nobody would send is not collected.
    mails: AtomicBool,
}

impl Wants {
    /// A webhook wants to be told.
    pub fn webhook(&self) {
        self.webhooks.store(true, Ordering::Relaxed);
    }

    /// A mail rule wants to be told.
    pub fn rule(&self) {
        self.rules.store(true, Ordering::Relaxed);
    }

    /// Mail is sent here.
    pub fn mails(&self) {
        self.mails.store(true, Ordering::Relaxed);
    }

    /// Whether messages for webhooks are filed.
    pub fn for_webhooks(&self) -> bool {
        self.webhooks.load(Ordering::Relaxed)
    }

    /// Whether messages for mail rules are filed.
    pub fn for_rules(&self) -> bool {
        self.rules.load(Ordering::Relaxed) && self.mails.load(Ordering::Relaxed)
    }
}

/// Refreshes from the database who wants to be told.
pub async fn refresh_subscribers(on: &mut impl On, wants: &Wants) -> Result<()> {
    let row: Option<(Option<i64>, Option<i64>)> = fetch_optional!(
        on,
        sql!(
            "messages.look",
            "SELECT (SELECT MIN(id) FROM webhooks WHERE active),
                    (SELECT MIN(id) FROM mail_rules WHERE active)"
        )
    )?;
    let (webhook, rule) = row.unwrap_or_default();
    wants.webhooks.store(webhook.is_some(), Ordering::Relaxed);
    wants.rules.store(rule.is_some(), Ordering::Relaxed);
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
    if w.wants().for_webhooks() {
        webhooks::file(w, product, event, data, now).await?;
    }
    if !w.wants().for_rules() {
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
