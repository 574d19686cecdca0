//! Audit entries that are imported from another server. They keep their time and are marked by their text and
//! details. They join the audit chain at the import, which proves that they did not change since then.

use super::Resource;
use crate::clock::Micros;
use crate::store::fold::beyond_ascii;
use crate::store::ids::{DeviceId, GroupId, OrgId, ProductId, UserId};
use crate::store::{Result, Write};

/// Who acted on the other server.
#[derive(Debug, Clone, Copy)]
pub enum Actor {
    Person(UserId),
    Device(DeviceId),
    /// The rules of a deployment group.
    Group(GroupId),
    /// Somebody or something that does not exist on this server.
    Unknown,
}

/// An entry to import.
#[derive(Debug)]
pub struct Imported<'e> {
    /// The organization that the entry belongs to.
    pub org: OrgId,
    /// The product, if the entry belongs to one.
    pub product: Option<ProductId>,
    /// Who acted.
    pub actor: Actor,
    /// The resource that was acted on.
    pub resource: Resource,
    /// What was done, marked as imported.
    pub description: &'e str,
    /// The rest of the entry as JSON, including its id on the other server.
    pub details: &'e str,
    /// When it was written on the other server.
    pub at: Micros,
}

/// Adds an entry; false when it was imported before.
pub async fn add(w: &mut Write, entry: &Imported<'_>) -> Result<bool> {
    let (actor_type, actor_id) = match entry.actor {
        Actor::Person(u) => ("user", u.0),
        Actor::Device(d) => ("device", d.0),
        Actor::Group(g) => ("deployment_group", g.0),
        // Ids of users begin at 1, so 0 is nobody.
        Actor::Unknown => ("user", 0),
    };
    let (resource_type, resource_id) = entry.resource.columns();
    let n = execute!(
        w,
        sql!(
            "audit.import",
            "INSERT INTO audit_logs (org_id, product_id, actor_type, actor_id, resource_type,
                                     resource_id, description, details, at, folded)
             SELECT o.id, CAST($2 AS BIGINT), $3, CAST($4 AS BIGINT), $5, CAST($6 AS BIGINT), $7,
                    $8, $9, CAST($10 AS TEXT) FROM orgs o
             WHERE o.id = $1 AND NOT EXISTS (SELECT 1 FROM audit_logs a
               WHERE a.org_id = $1 AND a.at = $9 AND a.details = $8)"
        ),
        entry.org,
        entry.product,
        actor_type,
        actor_id,
        resource_type,
        resource_id,
        entry.description,
        entry.details,
        entry.at,
        beyond_ascii(entry.description)
    )?;
    Ok(n == 1)
}
