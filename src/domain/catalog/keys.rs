//! Signing keys of an organization: the public keys that uploads and devices check firmware with.

use crate::access::scope::{InOrg as _, Org, Scope};
use crate::domain::Context;
use crate::domain::error::{BLANK, INVALID, Mistakes, TAKEN, field, name_of};
use crate::domain::events::broadcast;
use crate::domain::{DomainError, Result};
use crate::firmware::secure_boot::SecureBootKey;
use crate::ids::{DeviceId, OrgId};
use crate::store::events::audit;
use crate::store::{self, Db, On};
use fwup::keys::PublicKey;
use serde_json::json;

pub use crate::store::catalog::keys::KeyRow;

/// The organization's keys.
pub async fn list(db: &Db, scope: &Scope<Org>) -> Result<Vec<KeyRow>> {
    let mut r = db.read().await?;
    Ok(crate::store::catalog::keys::of_org(&mut r, scope.org().id).await?)
}

/// The public keys to send to an organization's devices: only the fwup keys, because devices check nothing
/// else.
pub async fn for_devices(on: &mut impl On, org: OrgId) -> store::Result<Vec<String>> {
    let held = crate::store::catalog::keys::of_org(on, org).await?;
    let held = held.into_iter().filter(|k| k.scheme == ED25519);
    Ok(held.map(|k| k.key).collect())
}

/// The public keys to send to one device.
pub async fn of_device(db: &Db, device: DeviceId) -> store::Result<Vec<String>> {
    let mut r = db.read().await?;
    match store::devices::row(&mut r, device).await? {
        Some(d) => for_devices(&mut r, d.org_id).await,
        None => Ok(Vec::new()),
    }
}

/// Finds a key by name.
///
/// # Errors
/// [`DomainError::NotFound`] when the organization has no such key.
pub async fn show(db: &Db, scope: &Scope<Org>, name: &str) -> Result<KeyRow> {
    let mut r = db.read().await?;
    crate::store::catalog::keys::by_name(&mut r, scope, name)
        .await?
        .ok_or(DomainError::NotFound)
}

/// The scheme of Ed25519 keys that sign fwup archives.
pub const ED25519: &str = "ed25519";
/// The scheme of RSA keys that sign images for Secure Boot v2 of the ESP32.
pub const SECURE_BOOT: &str = "secure_boot_v2_rsa";

/// Parses Base64 of 32 bytes, with or without padding or blanks around it, as editors and secret stores leave
/// them. Returns the spelling that is stored, so that one key cannot be registered twice.
fn ed25519(key: &str) -> Result<String> {
    let key = key.trim();
    // A key file may hold the raw bytes instead of Base64, but 32 characters of text are not a raw key.
    let parsed = (key.len() > 32).then(|| PublicKey::parse(key.as_bytes()).ok());
    parsed.flatten().map(|k| k.text()).ok_or_else(|| {
        let text = "invalid key, please check this is a valid Ed25519 public key";
        field("key", text)
    })
}

/// Checks for RSA-3072 in PEM, as strictly as NervesHub does.
///
/// # Errors
/// A validation error for anything else.
pub fn rsa(key: &str) -> Result<()> {
    SecureBootKey::parse(key)
        .map(drop)
        .map_err(|e| field("key", &e.to_string()))
}

/// Registers a key. It is stored in one normal spelling, so that it cannot be registered twice.
///
/// # Errors
/// A validation error for a blank or taken name, a malformed or taken key, or an unknown scheme.
pub async fn create(
    context: &Context,
    scope: &Scope<Org>,
    name: Option<&str>,
    key: Option<&str>,
    scheme: Option<&str>,
) -> Result<KeyRow> {
    let mut errors = Mistakes::default();
    let name = errors.take(name_of(name));
    let scheme = scheme.unwrap_or(ED25519);
    let key = key
        .filter(|k| !k.trim().is_empty())
        .ok_or_else(|| field("key", BLANK));
    let key = errors.take(key.and_then(|key| match scheme {
        ED25519 => ed25519(key),
        SECURE_BOOT => rsa(key).map(|()| key.to_owned()),
        _ => Err(field("scheme", INVALID)),
    }));
    let (Some(name), Some(key)) = (name, key) else {
        return Err(errors.refusal());
    };
    let mut w = context.db.write().await?;
    let Some(id) = crate::store::catalog::keys::add(
        &mut w,
        scope.org().id,
        &name,
        &key,
        scheme,
        context.now(),
    )
    .await?
    else {
        let same_name = crate::store::catalog::keys::by_name(&mut w, scope, &name)
            .await?
            .is_some();
        return Err(field(if same_name { "name" } else { "key" }, TAKEN));
    };
    audit::in_org(
        &mut w,
        scope,
        &format!("{} registered signing key {name}", scope.person().name),
        context.now(),
    )
    .await?;
    w.commit().await?;
    broadcast::of_keys(context, scope.org().id);
    Ok(KeyRow {
        id,
        name,
        key,
        scheme: scheme.to_owned(),
    })
}

/// Deletes a key that no firmware uses.
///
/// # Errors
/// [`DomainError::NotFound`] when the organization has no such key; [`DomainError::InUse`] while a firmware is
/// signed by it.
pub async fn delete(context: &Context, scope: &Scope<Org>, name: &str) -> Result<()> {
    let mut w = context.db.write().await?;
    let key = crate::store::catalog::keys::by_name(&mut w, scope, name)
        .await?
        .ok_or(DomainError::NotFound)?;
    if crate::store::catalog::keys::in_use(&mut w, key.id).await? {
        return Err(DomainError::InUse(json!({
            "firmwares": ["Firmware exists which uses the Signing Key"]
        })));
    }
    crate::store::catalog::keys::delete(&mut w, scope, key.id).await?;
    audit::in_org(
        &mut w,
        scope,
        &format!("{} deleted signing key {name}", scope.person().name),
        context.now(),
    )
    .await?;
    w.commit().await?;
    broadcast::of_keys(context, scope.org().id);
    Ok(())
}
