//! Devices of a product as CSV.

use super::*;

/// A device of an export, with what belongs to it.
pub struct Exported {
    /// Identifier.
    pub identifier: String,
    /// Free text.
    pub description: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Certificates, PEM; the server keeps no more than their fingerprints of those that it was not given whole.
    pub certificates: Vec<String>,
}

/// The product's devices behind an identifier: a stretch of an export.
///
/// # Errors
/// The database's.
pub async fn export(
    db: &Db,
    scope: &Scope<Product>,
    after: &str,
    most: i64,
) -> Result<Vec<Exported>> {
    let mut r = db.read().await?;
    let rows = bulk::behind(&mut r, scope.product().id, after, most).await?;
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
