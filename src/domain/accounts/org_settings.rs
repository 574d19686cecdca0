//! Settings of an organization.

use crate::access::scope::{InOrg as _, Org, Scope};
use crate::domain::Result;
use crate::domain::error::field;
use crate::limits::URL_BYTES;
use crate::store::Db;
use crate::store::accounts::orgs;
use crate::store::events::audit;

/// Settings of an organization.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrgSettings {
    /// Where its devices fetch firmware from, instead of this server itself (docs/protocol/device.md, "Downloads").
    pub firmware_proxy_url: Option<String>,
}

/// The settings of an organization.
///
/// # Errors
/// The database fails.
pub async fn show(db: &Db, scope: &Scope<Org>) -> Result<OrgSettings> {
    let mut r = db.read().await?;
    let org = scope.org().id;
    Ok(OrgSettings {
        firmware_proxy_url: orgs::firmware_proxy(&mut r, org).await?,
    })
}

/// Changes the settings of an organization. Devices are sent to a new proxy from their next offer on.
///
/// # Errors
/// A validation error for an address that no device could use.
pub async fn set(db: &Db, scope: &Scope<Org>, settings: OrgSettings) -> Result<OrgSettings> {
    if let Some(url) = &settings.firmware_proxy_url {
        check_proxy(url)?;
    }
    let now = db.now();
    let mut w = db.write().await?;
    let url = settings.firmware_proxy_url.as_deref();
    orgs::set_firmware_proxy(&mut w, scope.org().id, url, now).await?;
    let to = url.unwrap_or("this server itself");
    let text = format!(
        "User {} has devices fetch firmware from {to}",
        scope.person().name
    );
    audit::in_org(&mut w, scope, &text, now).await?;
    w.commit().await?;
    Ok(settings)
}

/// Whether devices can be sent to this address.
///
/// # Errors
/// A validation error that says what is wrong with it.
pub fn check_proxy(url: &str) -> Result<()> {
    let parsed = reqwest::Url::parse(url)
        .ok()
        .filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host())
        .filter(|u| u.query().is_none() && u.fragment().is_none() && url.len() <= URL_BYTES);
    if parsed.is_none() {
        let text = "must begin with https:// or http:// and have no query";
        return Err(field("firmware_proxy_url", text));
    }
    Ok(())
}
