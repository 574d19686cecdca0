//! The job that sends webhook deliveries (Standard Webhooks 1.0): signed, a few at once, and with growing
//! pauses between attempts until the receiver accepts them.

use super::{each_tick, pause, unless_stopped};
use crate::access::vault::Secret;
use crate::app::App;
use crate::clock::Micros;
use crate::domain::support::webhooks::{LABEL, inside, private};
use crate::limits::{WEBHOOK_BATCH, WEBHOOK_TIME};
use crate::store;
use crate::store::support::webhooks;
use crate::store::words::DeliveryState;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::sync::Arc;
use std::time::Duration;
use store::support::webhooks::{Due, Outcome};
use tokio_util::sync::CancellationToken;

/// Pauses between attempts in seconds, from five seconds to ten hours, about 28 hours in all, as Standard
/// Webhooks proposes.
const PAUSES: [u64; 8] = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000, 36_000];

/// A DNS resolver that refuses private addresses. The check happens at the very lookup that the connection
/// uses, so that a name cannot change its address in between (DNS rebinding).
struct Outside {
    open: bool,
}

impl Resolve for Outside {
    fn resolve(&self, name: Name) -> Resolving {
        let open = self.open;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let good: Vec<_> = found.filter(|a| open || !private(a.ip())).collect();
            if good.is_empty() {
                let text = format!("{} has no public address", name.as_str());
                return Err(text.into());
            }
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}

/// Runs until `stop` is cancelled.
pub async fn run(app: App, stop: CancellationToken) {
    let open = app.policy.private_webhooks;
    let client = reqwest::Client::builder()
        .timeout(WEBHOOK_TIME)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(Outside { open }))
        .user_agent(concat!("Nervecenter/", env!("CARGO_PKG_VERSION")))
        .build();
    let client = match client {
        Ok(client) => client,
        Err(e) => {
            tracing::error!(error = %e, "webhooks are not sent");
            return;
        }
    };
    let (second, failed) = (Duration::from_secs(1), "webhooks not sent");
    each_tick(
        app.clock().every(second),
        Duration::ZERO,
        stop.clone(),
        failed,
        || unless_stopped(stop.clone(), round(app.clone(), client.clone())),
    )
    .await;
}

/// Sends a batch. Returns whether there may be more.
async fn round(app: App, client: reqwest::Client) -> store::Result<bool> {
    let mut r = app.db.read().await?;
    if !webhooks::waits(&mut r, app.now()).await? {
        return Ok(false);
    }
    drop(r);
    let now = app.now();
    let mut w = app.db.write().await?;
    // If the process dies meanwhile, the deliveries become due again.
    let until = now.after(WEBHOOK_TIME * 4);
    let due = webhooks::take(&mut w, now, until, WEBHOOK_BATCH).await?;
    w.commit().await?;
    let sent = join_all(due.iter().map(|d| send(&app, &client, d))).await;
    let mut w = app.db.write().await?;
    for (d, answer) in due.iter().zip(&sent) {
        note(&mut w, d, answer, app.now()).await?;
    }
    w.commit().await?;
    Ok(due.len() as i64 >= WEBHOOK_BATCH)
}

/// Sends a delivery. Returns the status of the response, or why there was none.
async fn send(app: &App, client: &reqwest::Client, d: &Due) -> Result<u16, String> {
    let secret = app
        .vault
        .open(&d.secret, LABEL)
        .map_err(|e| e.to_string())?;
    let url = reqwest::Url::parse(&d.url).map_err(|e| e.to_string())?;
    if inside(&url) && !app.policy.private_webhooks {
        return Err("a private address is not allowed".into());
    }
    let stamp = app.now().secs();
    let signature = sign(&secret, &d.message, stamp, &d.body)?;
    let answer = client
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", &d.message)
        .header("webhook-timestamp", stamp)
        .header("webhook-signature", signature)
        .body(d.body.clone())
        .send()
        .await
        .map_err(|e| reason(&e))?;
    Ok(answer.status().as_u16())
}

/// The error with its causes, which reqwest's own text leaves out.
fn reason(e: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut next: Option<&dyn std::error::Error> = std::error::Error::source(e);
    while let Some(cause) = next {
        text = cause.to_string();
        next = cause.source();
    }
    let text = if text.is_empty() { e.to_string() } else { text };
    text.chars().take(255).collect()
}

/// The signature: `v1,` and Base64 of the HMAC-SHA256 of `id.timestamp.body`.
fn sign(secret: &Secret, id: &str, stamp: i64, body: &str) -> Result<String, String> {
    let key = secret.reveal().strip_prefix("whsec_").unwrap_or_default();
    let key = STANDARD.decode(key).map_err(|e| e.to_string())?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = hmac::sign(&key, format!("{id}.{stamp}.{body}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(tag)))
}

async fn note(
    w: &mut store::Write,
    d: &Due,
    answer: &Result<u16, String>,
    now: Micros,
) -> store::Result<()> {
    let pause = pause(&PAUSES, d.attempts);
    let again = pause.map_or(DeliveryState::Failed, |_| DeliveryState::Pending);
    let (status, error) = match answer {
        Ok(200..=299) => (DeliveryState::Delivered, None),
        Ok(410) => {
            webhooks::gone(w, d.webhook_id, now).await?;
            (
                DeliveryState::Failed,
                Some("the receiver says that it is gone; the webhook is off".to_owned()),
            )
        }
        Ok(status) => (again, Some(format!("answered with status {status}"))),
        Err(why) => (again, Some(why.clone())),
    };
    let outcome = Outcome {
        status,
        due_at: now.after(pause.unwrap_or_default()),
        answer: answer.as_ref().ok().map(|s| i64::from(*s)),
        error: error.as_deref(),
    };
    webhooks::tried(w, d.id, &outcome, now).await
}

#[cfg(test)]
mod tests;
