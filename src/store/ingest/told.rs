//! What people and programs are told of what devices cause: entries of the audit log, messages, notifications.

use crate::clock::Micros;
use crate::limits::MAIL_EVENTS;
use crate::store::engine::fold::beyond_ascii;
use crate::store::ids::{DeviceId, GroupId, OrgId, ProductId};
use crate::store::support::webhooks;
use crate::store::words::NotificationLevel;
use crate::store::{Result, Write};
use serde_json::Value;

/// Who is named as the one who did something to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The device itself.
    Device,
    /// The rule of a group.
    Group(GroupId),
}

/// An entry of the audit log about a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The organization in whose log it is.
    pub org: OrgId,
    /// The product in whose log it is.
    pub product: ProductId,
    /// Who did it.
    pub by: By,
    pub device: DeviceId,
    /// What happened; what is longer than 500 characters is cut off.
    pub text: String,
    /// When.
    pub at: Micros,
}

/// Writes audit entries, in their order.
pub async fn audit(w: &mut Write, all: &[Entry]) -> Result<()> {
    let cut = |e: &Entry| -> String { e.text.chars().take(500).collect() };
    let texts: Vec<(String, Option<String>)> = all
        .iter()
        .map(|e| (cut(e), beyond_ascii(&cut(e))))
        .collect();
    let rows: Vec<_> = all.iter().zip(&texts).collect();
    execute_rows!(
        w,
        "ingest.audit",
        &rows,
        |r| [
            org BIGINT = r.0.org,
            product BIGINT = r.0.product,
            by_group BIGINT = match r.0.by {
                By::Device => None,
                By::Group(g) => Some(g),
            },
            device BIGINT = r.0.device,
            description TEXT = &r.1.0,
            at BIGINT = r.0.at,
            folded TEXT = &r.1.1,
        ],
        "INSERT INTO audit_logs
           (org_id, product_id, actor_type, actor_id, resource_type, resource_id, description, at,
            folded)
         SELECT x.org, x.product,
                CASE WHEN x.by_group IS NULL THEN 'device' ELSE 'deployment_group' END,
                COALESCE(x.by_group, x.device), 'device', x.device, x.description, x.at, x.folded
         FROM ",
        "",
    )?;
    Ok(())
}

/// Something that programs and people of a product may want to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub product: ProductId,
    /// Its kind.
    pub event: &'static str,
    /// What is told.
    pub data: Value,
    /// When it happened.
    pub at: Micros,
}

/// Files messages, in their order, for the webhooks and the mail rules that want them.
pub async fn messages(w: &mut Write, all: &[Message]) -> Result<()> {
    if w.wants().for_webhooks() {
        for_webhooks(w, all).await?;
    }
    if w.wants().for_rules() {
        for_rules(w, all).await?;
    }
    Ok(())
}

async fn for_webhooks(w: &mut Write, all: &[Message]) -> Result<()> {
    let texts: Vec<[String; 3]> = all
        .iter()
        .map(|m| {
            [
                format!("msg_{}", uuid::Uuid::now_v7().simple()),
                webhooks::body(m.event, &m.data, m.at),
                format!("%{}%", m.event),
            ]
        })
        .collect();
    let rows: Vec<_> = all.iter().zip(&texts).collect();
    execute_rows!(
        w,
        "ingest.for_webhooks",
        &rows,
        |r| [
            product BIGINT = r.0.product,
            message TEXT = &r.1[0],
            event TEXT = r.0.event,
            body TEXT = &r.1[1],
            pattern TEXT = &r.1[2],
            at BIGINT = r.0.at,
        ],
        "INSERT INTO webhook_deliveries
           (webhook_id, message, event, body, status, attempts, due_at, inserted_at)
         SELECT h.id, x.message, x.event, x.body, 'pending', 0, x.at, x.at FROM ",
        " JOIN webhooks h ON h.product_id = x.product AND h.active AND h.events LIKE x.pattern
         ORDER BY x.message",
    )?;
    Ok(())
}

/// A rule whose mail waits collects no more than a mail can say.
async fn for_rules(w: &mut Write, all: &[Message]) -> Result<()> {
    let texts: Vec<(i64, String, String)> = all
        .iter()
        .zip(0_i64..)
        .map(|(m, n)| (n, m.data.to_string(), format!("%{}%", m.event)))
        .collect();
    let rows: Vec<_> = all.iter().zip(&texts).collect();
    execute_rows!(
        w,
        "ingest.for_rules",
        &rows,
        |r| [
            n BIGINT = r.1.0,
            product BIGINT = r.0.product,
            event TEXT = r.0.event,
            data TEXT = &r.1.1,
            pattern TEXT = &r.1.2,
            at BIGINT = r.0.at,
            most BIGINT = MAIL_EVENTS,
        ],
        "INSERT INTO mail_events (rule_id, event, data, at)
         SELECT y.rule, y.event, y.data, y.at FROM
           (SELECT r.id AS rule, x.n, x.event, x.data, x.at, x.most,
                   ROW_NUMBER() OVER (PARTITION BY r.id ORDER BY x.n)
                     + (SELECT COUNT(*) FROM mail_events e WHERE e.rule_id = r.id) AS place
            FROM ",
        " JOIN mail_rules r ON r.product_id = x.product AND r.active AND r.events LIKE x.pattern) y
         WHERE y.place <= y.most ORDER BY y.n",
    )?;
    Ok(())
}

/// What a product's people should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub product: ProductId,
    /// What happened to what, unique in the product.
    pub key: String,
    /// How much it matters.
    pub level: NotificationLevel,
    /// A few words.
    pub title: &'static str,
    /// What happened and what to do.
    pub message: String,
    /// How often it happened.
    pub times: i64,
    /// The last time.
    pub at: Micros,
}

/// Writes notifications; the same again raises the count. A key is in the set once.
pub async fn notices(w: &mut Write, all: &[Notice]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.notices",
        all,
        |n| [
            product BIGINT = n.product,
            event_key TEXT = &n.key,
            level TEXT = n.level.word(),
            title TEXT = n.title,
            message TEXT = &n.message,
            times BIGINT = n.times,
            at BIGINT = n.at,
        ],
        "INSERT INTO notifications
           (product_id, event_key, level, title, message, occurrences, last_at, inserted_at)
         SELECT x.product, x.event_key, x.level, x.title, x.message, x.times, x.at, x.at FROM ",
        " WHERE TRUE ON CONFLICT (product_id, event_key) DO UPDATE SET
           occurrences = notifications.occurrences + excluded.occurrences,
           last_at = excluded.last_at, message = excluded.message",
    )?;
    Ok(())
}
