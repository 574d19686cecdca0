//! CSV export of a product's devices.

use super::*;
use crate::domain::devices::enter_lane;
use crate::store::devices::{Filter, exported};

/// An exported device with its tags and certificates.
pub struct Exported {
    /// The device's identifier.
    pub identifier: String,
    /// Free text.
    pub description: Option<String>,
    /// The device's tags.
    pub tags: Vec<String>,
    /// The device's certificates in PEM. Those that were only seen by fingerprint are missing, because the
    /// server does not have them.
    pub certificates: Vec<String>,
}

/// The devices of a list after an identifier, in order: one batch of an export.
///
/// # Errors
/// [`crate::domain::DomainError::Busy`] when the list can use no index and too many such queries run already.
pub async fn export(
    context: &Context,
    scope: &Scope<Product>,
    filter: &Filter,
    after: &str,
    most: i64,
) -> Result<Vec<Exported>> {
    let _lane = enter_lane(context, scope, filter).await?;
    let mut r = context.db.read().await?;
    let rows = exported::behind(&mut r, scope, filter, after, most, context.now()).await?;
    let ids: Vec<DeviceId> = rows.iter().map(|d| d.id).collect();
    let mut tags: HashMap<DeviceId, Vec<String>> = HashMap::new();
    for (id, tag) in store::devices::tags_of(&mut r, &ids).await? {
        tags.entry(id).or_default().push(tag);
    }
    let mut pems: HashMap<DeviceId, Vec<String>> = HashMap::new();
    for (id, der) in crate::store::devices::certificates::ders_of(&mut r, &ids).await? {
        pems.entry(id).or_default().push(x509::pem(&der));
    }
    Ok(rows
        .into_iter()
        .map(|d| Exported {
            tags: tags.remove(&d.id).unwrap_or_default(),
            certificates: pems.remove(&d.id).unwrap_or_default(),
            identifier: d.identifier,
            description: d.description,
        })
        .collect())
}
