//! Signing keys.

use super::refusal::{BLANK, INVALID, TAKEN, field, name_of};
use super::{Refusal, Result};
use crate::access::scope::{InOrg as _, Org, Scope};
use crate::clock;
use crate::firmware::keys::{PublicKey, SecureBootKey};
use crate::store::audit;
use crate::store::{self, Db};
use serde_json::json;

pub use crate::store::keys::KeyRow;

/// The organisation's keys.
///
/// # Errors
/// The database's.
pub async fn list(db: &Db, scope: &Scope<Org>) -> Result<Vec<KeyRow>> {
    let mut r = db.read().await?;
    Ok(store::keys::of_org(&mut r, scope.org().id).await?)
}

/// One key.
///
/// # Errors
/// [`Refusal::NotFound`].
pub async fn show(db: &Db, scope: &Scope<Org>, name: &str) -> Result<KeyRow> {
    let mut r = db.read().await?;
    store::keys::by_name(&mut r, scope, name)
        .await?
        .ok_or(Refusal::NotFound)
}

/// Keys that sign for fwup.
pub const ED25519: &str = "ed25519";
/// Keys that sign for Secure Boot v2 of the ESP32.
pub const SECURE_BOOT: &str = "secure_boot_v2_rsa";

/// As strict as the original: padded base64 of 32 bytes, and nothing around it.
fn ed25519(key: &str) -> Result<()> {
    let parsed = PublicKey::parse(key.as_bytes()).ok();
    if parsed.is_some_and(|k| k.text() == key) {
        return Ok(());
    }
    let text = "invalid key, please check this is a valid Ed25519 public key";
    Err(field("key", text))
}

/// As strict as the original: RSA-3072 in PEM.
///
/// # Errors
/// Anything else.
pub fn rsa(key: &str) -> Result<()> {
    SecureBootKey::parse(key)
        .map(drop)
        .map_err(|e| field("key", &e.to_string()))
}

/// Registers a key. It is stored in one spelling, so that one key cannot be registered twice.
///
/// # Errors
/// A blank or taken name, a key that is none or is taken, an unknown scheme.
pub async fn create(
    db: &Db,
    scope: &Scope<Org>,
    name: Option<&str>,
    key: Option<&str>,
    scheme: Option<&str>,
) -> Result<KeyRow> {
    let name = name_of(name)?;
    let key = key
        .filter(|k| !k.trim().is_empty())
        .ok_or_else(|| field("key", BLANK))?;
    let scheme = scheme.unwrap_or(ED25519);
    match scheme {
        ED25519 => ed25519(key)?,
        SECURE_BOOT => rsa(key)?,
        _ => return Err(field("scheme", INVALID)),
    }
    let mut w = db.write().await?;
    let Some(id) =
        store::keys::add(&mut w, scope.org().id, &name, key, scheme, clock::now()).await?
    else {
        let same_name = store::keys::by_name(&mut w, scope, &name).await?.is_some();
        return Err(field(if same_name { "name" } else { "key" }, TAKEN));
    };
    audit::in_org(
        &mut w,
        scope,
        &format!("{} registered signing key {name}", scope.person().name),
        clock::now(),
    )
    .await?;
    w.commit().await?;
    Ok(KeyRow {
        id,
        name,
        key: key.to_owned(),
        scheme: scheme.to_owned(),
    })
}

/// Deletes a key that no firmware uses.
///
/// # Errors
/// [`Refusal::NotFound`], or a firmware that was checked with it.
pub async fn delete(db: &Db, scope: &Scope<Org>, name: &str) -> Result<()> {
    let mut w = db.write().await?;
    let key = store::keys::by_name(&mut w, scope, name)
        .await?
        .ok_or(Refusal::NotFound)?;
    if store::keys::in_use(&mut w, key.id).await? {
        return Err(Refusal::InUse(json!({
            "firmwares": ["Firmware exists which uses the Signing Key"]
        })));
    }
    store::keys::delete(&mut w, scope, key.id).await?;
    audit::in_org(
        &mut w,
        scope,
        &format!("{} deleted signing key {name}", scope.person().name),
        clock::now(),
    )
    .await?;
    w.commit().await?;
    Ok(())
}
