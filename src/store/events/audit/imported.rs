//! Entries of another server's audit log. They keep their time, are told by their text and details from entries of this
//! server, and enter the chain when they are imported: it proves that they were not changed since then.

use super::Resource;
use crate::clock::Micros;
use crate::store::fold::beyond_ascii;
use crate::store::ids::{DeviceId, GroupId, OrgId, ProductId, UserId};
use crate::store::{Result, Write};

/// Who acted there.
#[derive(Debug, Clone, Copy)]
pub enum Actor {
    /// A person.
    Person(UserId),
    /// A device.
    Device(DeviceId),
    /// A deployment group's rule.
    Group(GroupId),
    /// Somebody or something that is not here.
    Unknown,
}

/// An entry to import.
#[derive(Debug)]
pub struct Imported<'e> {
    /// Organization.
    pub org: OrgId,
    /// The product, if it is in one.
    pub product: Option<ProductId>,
    /// Who acted.
    pub actor: Actor,
    /// What it was done to.
    pub resource: Resource,
    /// What was done, marked as imported.
    pub description: &'e str,
    /// The rest of the entry as JSON, with its number there.
    pub details: &'e str,
    /// When it was written there.
    pub at: Micros,
}

/// Writes an entry; false when it was imported before.
pub async fn add(w: &mut Write, entry: &Imported<'_>) -> Result<bool> {
    let (actor_type, actor_id) = match entry.actor {
        Actor::Person(u) => ("user", u.0),
        Actor::Device(d) => ("device", d.0),
        Actor::Group(g) => ("deployment_group", g.0),
        // Numbers of rows begin at 1: this is nobody's.
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
