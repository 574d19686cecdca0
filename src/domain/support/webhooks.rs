//! Webhooks of a product as people manage them. Messages and signatures follow Standard Webhooks.

use crate::access::random;
use crate::access::scope::{Product, Scope};
use crate::access::vault::Secret;
use crate::clock;
use crate::domain::Context;
use crate::domain::error::{BLANK, INVALID, field};
use crate::domain::{DomainError, Result};
use crate::store::events::audit;
use crate::store::support::webhooks::{self, DeliveryRow, Settings, WebhookRow};
use crate::store::{Db, Write};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::net::IpAddr;

pub use crate::store::support::webhooks::{DeliveryRow as Delivery, WebhookRow as Webhook};

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

/// Maximum number of webhooks of a product.
const MOST: usize = 20;

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

/// The label that the encryption of a webhook's secret is bound to.
pub const LABEL: &str = "webhook";

/// Whether an address is not on the public internet. A delivery to it would reach this server's own network.
pub fn private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (b == 18 || b == 19))
                || (a == 192 && b == 0)
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => private(IpAddr::V4(v4)),
            None => {
                let first = v6.segments()[0];
                v6.is_loopback()
                    || v6.is_unspecified()
                    || v6.is_multicast()
                    || (first & 0xfe00) == 0xfc00
                    || (first & 0xffc0) == 0xfe80
                    // Site-local addresses: deprecated (RFC 3879), but still routed inside networks.
                    || (first & 0xffc0) == 0xfec0
                    // IPv4-compatible (`::/96`) and SIIT addresses (`::ffff:0:0:0/96`) reach IPv4 hosts.
                    || v6.segments()[..6] == [0; 6]
                    || v6.segments()[..6] == [0, 0, 0, 0, 0xffff, 0]
                    // Translation prefixes reach IPv4 hosts, and documentation prefixes are never public.
                    || (first == 0x64 && v6.segments()[1] == 0xff9b)
                    || first == 0x2002
                    || (first == 0x2001 && v6.segments()[1] == 0xdb8)
            }
        },
    }
}

/// Whether the host of a URL is itself such an address. A host name is checked when it is resolved for the
/// delivery.
pub fn inside(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(ip) => private(ip),
        Err(_) => bare.eq_ignore_ascii_case("localhost") || bare.ends_with(".localhost"),
    }
}

fn check_url(context: &Context, url: &str) -> Result<()> {
    if url.is_empty() {
        return Err(field("url", BLANK));
    }
    let parsed = reqwest::Url::parse(url).map_err(|_| field("url", "is no address"))?;
    let open = context.policy.private_webhooks;
    if !(parsed.scheme() == "https" || parsed.scheme() == "http" && open) || url.len() > 2_000 {
        return Err(field("url", "must begin with https://"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(field(
            "url",
            "must not hold a user or a password; check the signature instead",
        ));
    }
    if inside(&parsed) && !open {
        return Err(field(
            "url",
            "is a private address, which the operator of this server does not allow",
        ));
    }
    Ok(())
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
pub async fn note(w: &mut Write, scope: &Scope<Product>, what: &str) -> Result<()> {
    let text = format!("{} {what}", scope.person().name);
    audit::on_product(w, scope, &text, clock::now()).await?;
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
    if webhooks::list(&mut w, scope).await?.len() >= MOST {
        let text = format!("The product has {MOST} webhooks; delete one that is not needed.");
        return Err(DomainError::Detail(text));
    }
    let id = webhooks::add(&mut w, scope, &settings, &sealed, clock::now()).await?;
    note(&mut w, scope, &format!("created a webhook to {url}")).await?;
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
    webhooks::set(&mut w, scope, before.id, &settings, clock::now()).await?;
    note(&mut w, scope, &format!("changed the webhook to {url}")).await?;
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
    webhooks::file_one(&mut w, hook.id, "test", &data, clock::now()).await?;
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
    if !webhooks::again(&mut w, hook.id, delivery, clock::now()).await? {
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
