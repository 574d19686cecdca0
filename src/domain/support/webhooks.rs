//! Webhooks of a product as people manage them. Messages and signatures follow Standard Webhooks.

mod targets;

use crate::access::random;
use crate::access::scope::{Product, Scope};
use crate::access::vault::Secret;
use crate::clock::Micros;
use crate::domain::Context;
use crate::domain::error::{BLANK, INVALID, field};
use crate::domain::{DomainError, Result};
use crate::limits::WEBHOOKS;
use crate::store::events::audit;
use crate::store::support::webhooks::{self, DeliveryRow, Settings, WebhookRow};
use crate::store::{Db, Write};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::net::IpAddr;

pub use crate::store::support::webhooks::{DeliveryRow as Delivery, WebhookRow as Webhook};
pub use targets::*;

/// The event types that webhooks can subscribe to.
pub const EVENTS: [&str; 7] = [
    "device.online",
    "device.offline",
    "update.completed",
    "update.failed",
    "firmware.published",
    "release.created",
    "notification.raised",
];

/// The settings of a webhook. `None` leaves a setting as it is.
#[derive(Debug, Default)]
pub struct WebhookForm {
    /// The URL that deliveries are posted to.
    pub url: Option<String>,
    /// Free text.
    pub description: Option<Option<String>>,
    /// The event types to deliver.
    pub events: Option<Vec<String>>,
    /// Whether deliveries are sent.
    pub active: Option<bool>,
}

/// The event types as they are stored, one for each line.
///
/// # Errors
/// A validation error for an empty list or an unknown event type.
pub fn kinds(events: &[String]) -> Result<String> {
    if events.is_empty() {
        return Err(field("events", BLANK));
    }
    if events.iter().any(|e| !EVENTS.contains(&e.as_str())) {
        let text = format!("must be among: {}", EVENTS.join(", "));
        return Err(field("events", &text));
    }
    Ok(events.join("\n"))
}

/// The product's webhooks.
pub async fn list(db: &Db, scope: &Scope<Product>) -> Result<Vec<WebhookRow>> {
    let mut r = db.read().await?;
    Ok(webhooks::list(&mut r, scope).await?)
}

/// Finds a webhook.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such webhook.
pub async fn show(db: &Db, scope: &Scope<Product>, id: i64) -> Result<WebhookRow> {
    let all = list(db, scope).await?;
    all.into_iter()
        .find(|h| h.id.number() == id)
        .ok_or(DomainError::NotFound)
}

/// Writes an audit entry about a change to the product's webhooks or mail rules.
pub async fn note(w: &mut Write, scope: &Scope<Product>, what: &str, now: Micros) -> Result<()> {
    let text = format!("{} {what}", scope.person().name);
    audit::on_product(w, scope, &text, now).await?;
    Ok(())
}

/// Creates a webhook. Its secret is shown only once.
///
/// # Errors
/// A validation error for an unacceptable setting.
pub async fn create(
    context: &Context,
    scope: &Scope<Product>,
    form: WebhookForm,
) -> Result<(WebhookRow, Secret)> {
    let url = form.url.unwrap_or_default();
    check_url(context, &url)?;
    let events = kinds(&form.events.unwrap_or_default())?;
    let secret = Secret::new(format!("whsec_{}", STANDARD.encode(random::<32>())));
    let sealed = context.vault.seal(&secret, LABEL);
    let description = form.description.flatten();
    let settings = Settings {
        url: &url,
        description: description.as_deref(),
        events: &events,
        active: form.active.unwrap_or(true),
    };
    let mut w = context.db.write().await?;
    if webhooks::list(&mut w, scope).await?.len() >= WEBHOOKS {
        let text = format!("The product has {WEBHOOKS} webhooks; delete one that is not needed.");
        return Err(DomainError::Detail(text));
    }
    let id = webhooks::add(&mut w, scope, &settings, &sealed, context.now()).await?;
    note(
        &mut w,
        scope,
        &format!("created a webhook to {url}"),
        context.now(),
    )
    .await?;
    w.commit().await?;
    Ok((show(&context.db, scope, id.number()).await?, secret))
}

/// Changes a webhook.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown webhook; a validation error for an unacceptable setting.
pub async fn update(
    context: &Context,
    scope: &Scope<Product>,
    id: i64,
    form: WebhookForm,
) -> Result<WebhookRow> {
    let before = show(&context.db, scope, id).await?;
    let url = form.url.unwrap_or(before.url);
    check_url(context, &url)?;
    let events = match form.events {
        Some(events) => kinds(&events)?,
        None => before.events,
    };
    let description = form.description.unwrap_or(before.description);
    let settings = Settings {
        url: &url,
        description: description.as_deref(),
        events: &events,
        active: form.active.unwrap_or(before.active),
    };
    let mut w = context.db.write().await?;
    webhooks::set(&mut w, scope, before.id, &settings, context.now()).await?;
    note(
        &mut w,
        scope,
        &format!("changed the webhook to {url}"),
        context.now(),
    )
    .await?;
    w.commit().await?;
    show(&context.db, scope, id).await
}

/// Deletes a webhook and its deliveries.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such webhook.
pub async fn delete(db: &Db, scope: &Scope<Product>, id: i64) -> Result<()> {
    let hook = show(db, scope, id).await?;
    let mut w = db.write().await?;
    if !webhooks::remove(&mut w, scope, hook.id).await? {
        return Err(DomainError::NotFound);
    }
    note(
        &mut w,
        scope,
        &format!("deleted the webhook to {}", hook.url),
        db.now(),
    )
    .await?;
    w.commit().await?;
    Ok(())
}

/// Queues a test delivery.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such webhook.
pub async fn test(context: &Context, scope: &Scope<Product>, id: i64) -> Result<DeliveryRow> {
    let db = &context.db;
    let person = scope.person().id;
    context
        .limiters
        .webhook_tests
        .count(&person)
        .map_err(DomainError::TooMany)?;
    let hook = show(db, scope, id).await?;
    let at = scope.product();
    let data = json!({"org": at.org.name, "product": at.name, "by": scope.person().name});
    let mut w = db.write().await?;
    webhooks::file_one(&mut w, hook.id, "test", &data, context.now()).await?;
    w.commit().await?;
    let (rows, _) = log(db, scope, id, 1, 1).await?;
    rows.into_iter().next().ok_or(DomainError::NotFound)
}

/// A page of a webhook's deliveries, newest first, and the number of all. Pages count from 1.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such webhook.
pub async fn log(
    db: &Db,
    scope: &Scope<Product>,
    id: i64,
    page: u64,
    size: u64,
) -> Result<(Vec<DeliveryRow>, u64)> {
    let hook = show(db, scope, id).await?;
    let (offset, size) = crate::domain::limit_offset(page, size);
    let mut r = db.read().await?;
    let (rows, total) = webhooks::deliveries(&mut r, hook.id, offset, size).await?;
    Ok((rows, u64::try_from(total).unwrap_or(0)))
}

/// Queues a past delivery again.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown webhook or delivery.
pub async fn again(db: &Db, scope: &Scope<Product>, id: i64, delivery: i64) -> Result<()> {
    let hook = show(db, scope, id).await?;
    let mut w = db.write().await?;
    if !webhooks::again(&mut w, hook.id, delivery, db.now()).await? {
        return Err(DomainError::NotFound);
    }
    w.commit().await?;
    Ok(())
}

/// The validation error for `events` that are not a list of texts.
pub fn not_events() -> DomainError {
    field("events", INVALID)
}

#[cfg(test)]
mod tests;
