//! Many devices at once: a few statements of many rows, since a fleet is registered in one transaction.

use crate::clock::Micros;
use crate::limits::BULK_ROWS;
use crate::store::fold::fold;
use crate::store::ids::{DeviceId, OrgId, ProductId};
use crate::store::{Result, Write};
use sqlx::QueryBuilder;

/// A device to register.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewDevice {
    /// Unique on the whole server.
    pub identifier: String,
    /// Free text.
    pub description: Option<String>,
    /// Tags; `None` is "never set".
    pub tags: Option<Vec<String>>,
}

/// Registers devices; those whose identifier exists anywhere on the server are left out of the answer.
pub async fn add_many(
    w: &mut Write,
    org: OrgId,
    product: ProductId,
    devices: &[NewDevice],
    now: Micros,
) -> Result<Vec<(DeviceId, String)>> {
    let mut added = Vec::with_capacity(devices.len());
    for some in devices.chunks(BULK_ROWS) {
        let rows: Vec<(DeviceId, String)> = on_engine!(&mut *w, |c| {
            let mut q = QueryBuilder::new(
                "INSERT INTO devices
                   (org_id, product_id, identifier, description, tags_set, status, updates_enabled,
                    validation, auto_revert, fw_uuid, online, in_flight, interface, connected_at,
                    first_seen_at, inserted_at, updated_at, folded) ",
            );
            q.push_values(some, |mut b, d| {
                b.push_bind(org).push_bind(product).push_bind(&d.identifier);
                b.push_bind(&d.description).push_bind(d.tags.is_some());
                b.push("'registered', TRUE, 'unknown', FALSE, '', FALSE, FALSE, '', 0, 0");
                b.push_bind(now)
                    .push_bind(now)
                    .push_bind(fold(&d.identifier));
            });
            q.push(" ON CONFLICT (identifier) DO NOTHING RETURNING id, identifier");
            q.build_query_as().fetch_all(c).await
        })?;
        added.extend(rows);
    }
    Ok(added)
}

/// Gives devices their first tags, each with its position among the device's own.
pub async fn tag_many(w: &mut Write, tags: &[(DeviceId, i64, &str)]) -> Result<()> {
    for some in tags.chunks(BULK_ROWS) {
        on_engine!(&mut *w, |c| {
            let mut q =
                QueryBuilder::new("INSERT INTO device_tags (device_id, position, tag, folded) ");
            q.push_values(some, |mut b, (device, position, tag)| {
                b.push_bind(*device).push_bind(*position);
                b.push_bind((*tag).to_owned()).push_bind(fold(tag));
            });
            q.push(" ON CONFLICT DO NOTHING");
            q.build().execute(c).await.map(|_| ())
        })?;
    }
    Ok(())
}
