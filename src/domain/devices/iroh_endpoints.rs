//! Iroh endpoints of an organization: public keys that belong to a device, to a person, or to nobody yet
//! (docs/protocol/rules.md, "Health, position and identities").

use crate::access::scope::{InOrg as _, Org, Scope};
use crate::domain::error::{BLANK, TAKEN, field};
use crate::domain::{DomainError, Result};
use crate::limits::IROH_DETAILS_BYTES;
use crate::store::Db;
use crate::store::events::audit;

pub use crate::store::devices::iroh_endpoints::{Endpoint, EndpointFilter};

/// The organization's endpoints, newest first.
///
/// # Errors
/// A refusal of an owner filter that is not one of the three kinds.
pub async fn list(db: &Db, scope: &Scope<Org>, narrow: &EndpointFilter) -> Result<Vec<Endpoint>> {
    if !matches!(narrow.owner.as_str(), "" | "device" | "user" | "none") {
        return Err(DomainError::Detail(
            "owner must be one of: device, user, none.".into(),
        ));
    }
    let mut r = db.read().await?;
    Ok(crate::store::devices::iroh_endpoints::list(&mut r, scope, narrow).await?)
}

/// Finds an endpoint by its key.
///
/// # Errors
/// [`DomainError::NotFound`] when the organization has no such endpoint.
pub async fn show(db: &Db, scope: &Scope<Org>, identifier: &str) -> Result<Endpoint> {
    let narrow = EndpointFilter {
        search: identifier.to_owned(),
        ..EndpointFilter::default()
    };
    let found = list(db, scope, &narrow).await?;
    found
        .into_iter()
        .find(|e| e.identifier == identifier)
        .ok_or(DomainError::NotFound)
}

/// The request to register an endpoint.
#[derive(Debug, Default)]
pub struct EndpointForm {
    /// The public key.
    pub identifier: Option<String>,
    /// Tells several endpoints of one owner apart.
    pub instance: Option<String>,
    /// A JSON object.
    pub details: Option<serde_json::Value>,
    /// Email address of the member who owns the endpoint.
    pub user_email: Option<String>,
}

/// Registers an endpoint.
///
/// # Errors
/// A validation error for an unacceptable field; [`DomainError::Conflict`] for a key that is registered
/// anywhere on the server.
pub async fn create(db: &Db, scope: &Scope<Org>, form: EndpointForm) -> Result<Endpoint> {
    let identifier = form
        .identifier
        .as_deref()
        .map(str::trim)
        .unwrap_or_default();
    if identifier.is_empty() {
        return Err(field("identifier", BLANK));
    }
    let instance = form.instance.as_deref().filter(|i| !i.is_empty());
    let instance = instance.unwrap_or("default");
    for (name, value) in [("identifier", identifier), ("instance", instance)] {
        if value.chars().count() > 255 {
            return Err(field(name, "should be at most 255 character(s)"));
        }
    }
    let details = match form.details {
        None | Some(serde_json::Value::Null) => "{}".to_owned(),
        Some(d) if d.is_object() => d.to_string(),
        Some(_) => return Err(field("details", "is invalid")),
    };
    if details.len() > IROH_DETAILS_BYTES {
        return Err(field("details", "must be at most 4096 bytes when encoded"));
    }
    let now = db.now();
    let mut w = db.write().await?;
    let user = match form.user_email.as_deref().filter(|e| !e.is_empty()) {
        None => None,
        Some(email) => {
            let member = crate::store::accounts::orgs::member(&mut w, scope, email).await?;
            let member = member.ok_or_else(|| {
                let text = "That email address does not belong to a member of this organization.";
                DomainError::Detail(text.into())
            })?;
            Some(member.user_id)
        }
    };
    if crate::store::devices::iroh_endpoints::known(&mut w, identifier).await? {
        return Err(DomainError::Conflict(
            "That endpoint id is registered on this server already. A device that holds it claims it when it connects.".into(),
        ));
    }
    if !crate::store::devices::iroh_endpoints::add(
        &mut w, scope, user, instance, identifier, &details, now,
    )
    .await?
    {
        return Err(field("instance", TAKEN));
    }
    let text = format!(
        "{} registered iroh endpoint {identifier}",
        scope.person().name
    );
    audit::in_org(&mut w, scope, &text, now).await?;
    w.commit().await?;
    show(db, scope, identifier).await
}

/// Deletes an endpoint. A device that reports its key registers it again.
///
/// # Errors
/// [`DomainError::NotFound`] when the organization has no such endpoint.
pub async fn delete(db: &Db, scope: &Scope<Org>, identifier: &str) -> Result<()> {
    let org = scope.org().id;
    let mut w = db.write().await?;
    let entered = crate::store::devices::iroh_endpoints::remove(&mut w, org, identifier).await?;
    if !entered
        && !crate::store::devices::iroh_endpoints::remove_reported(&mut w, org, identifier).await?
    {
        return Err(DomainError::NotFound);
    }
    let text = format!("{} removed iroh endpoint {identifier}", scope.person().name);
    audit::in_org(&mut w, scope, &text, db.now()).await?;
    w.commit().await?;
    Ok(())
}
