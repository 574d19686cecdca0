//! Import of a manifest: a JSON array of crypto chips, registered one by one in the background.

use super::*;
use crate::store::words::NotificationLevel;

/// Registers the devices of a Microchip Trust&Go manifest, each by itself, and notifies the product of the
/// result.
pub async fn manifest(
    context: Context,
    scope: Scope<Product>,
    entries: Vec<Value>,
    tags: Vec<String>,
) {
    let all = entries.len();
    let mut failed = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        if context.stopping.is_cancelled() {
            failed.push(format!("entries {} and on: the server was stopped", i + 1));
            break;
        }
        if let Err(e) = one(&context, &scope, entry, &tags).await {
            failed.push(format!("entry {}: {e}", i + 1));
        }
    }
    if let Err(e) = tell(&context, &scope, all, &failed).await {
        tracing::warn!(error = %e, "the outcome of an import could not be told");
    }
}

pub(super) async fn tell(
    context: &Context,
    scope: &Scope<Product>,
    all: usize,
    failed: &[String],
) -> Result<()> {
    let now = context.now();
    let p = scope.product();
    let good = all - failed.len().min(all);
    let mut message = format!("{good} of {all} devices of a manifest were registered.");
    if !failed.is_empty() {
        let some: Vec<&str> = failed.iter().take(5).map(String::as_str).collect();
        message.push_str(&format!(" {} failed: {}", failed.len(), some.join("; ")));
    }
    let level = if failed.is_empty() {
        NotificationLevel::Info
    } else {
        NotificationLevel::Warning
    };
    let mut w = context.db.write().await?;
    let key = format!("device_import-{}", now.0);
    notifications::add(
        &mut w,
        p.id,
        &key,
        level,
        "Device import finished",
        &message,
        now,
    )
    .await?;
    let text = format!(
        "User {} imported {good} of {all} devices of a manifest",
        scope.person().name
    );
    audit::on_product(&mut w, scope, &text, now).await?;
    w.commit().await?;
    Ok(())
}

pub(super) async fn one(
    context: &Context,
    scope: &Scope<Product>,
    entry: &Value,
    tags: &[String],
) -> Result<()> {
    let bad = |text: &str| DomainError::Detail(text.to_owned());
    let base64 = |text: &str| {
        let bare = text.trim_end_matches('=');
        STANDARD_NO_PAD
            .decode(bare)
            .or_else(|_| URL_SAFE_NO_PAD.decode(bare))
            .ok()
    };
    let identifier = entry["header"]["uniqueId"]
        .as_str()
        .filter(|i| identifier_ok(i))
        .ok_or_else(|| bad("header.uniqueId is missing"))?;
    let payload = entry["payload"]
        .as_str()
        .and_then(base64)
        .and_then(|p| serde_json::from_slice::<Value>(&p).ok())
        .ok_or_else(|| bad("payload is not base64 of JSON"))?;
    let keys = payload["publicKeySet"]["keys"].as_array();
    let cert = keys
        .into_iter()
        .flatten()
        .find_map(|k| k["x5c"][0].as_str())
        .and_then(|text| STANDARD.decode(text).ok())
        .ok_or_else(|| bad("payload holds no key with a certificate (x5c)"))?;
    let facts = CertificateInfo::read(&cert).map_err(|_| bad("the certificate cannot be read"))?;
    let p = scope.product();
    let mut w = context.db.write().await?;
    let tags = (!tags.is_empty()).then_some(tags);
    let now = context.now();
    let id = store::devices::add(&mut w, p.org.id, p.id, identifier, None, tags, now).await?;
    let Some(id) = id else {
        return Err(bad(&taken(&mut w, scope, identifier).await?));
    };
    certificates::store_certificate(&mut w, p.org.id, id, &facts, now).await?;
    w.commit().await?;
    Ok(())
}
