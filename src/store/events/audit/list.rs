//! Queries of the audit log: filtered, newest first for people or oldest first for an export.

use crate::clock::Micros;
use crate::store::accounts::scope::InOrg;
use crate::store::fold::like;
use crate::store::ids::{DeviceId, GroupId, ProductId};
use crate::store::{On, Result};
use sqlx::{FromRow, QueryBuilder};

/// An entry with the present names of its actor and resource.
#[derive(Debug, Clone, FromRow)]
pub struct Entry {
    /// The entry's id in the database.
    pub id: i64,
    /// Its sequence number in the audit chain; absent until it is sealed.
    pub seq: Option<i64>,
    /// `user`, `device`, or `deployment_group`.
    pub actor_type: String,
    /// Name or identifier of the actor.
    pub actor: Option<String>,
    /// Email address of the actor, if it is a person.
    pub actor_email: Option<String>,
    /// `device`, `deployment_group`, `product`, or `org`.
    pub resource_type: String,
    /// Name or identifier of the resource.
    pub resource: Option<String>,
    /// The product, if the entry belongs to one.
    pub product: Option<String>,
    /// What was done.
    pub description: String,
    /// The outcome as JSON.
    pub details: Option<String>,
    /// When it was written.
    pub at: Micros,
}

/// Filters of the audit log. All given ones must match.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only entries of this product.
    pub product: Option<ProductId>,
    /// Only entries about this device or by it.
    pub device: Option<DeviceId>,
    /// Only entries about this group or by it.
    pub group: Option<GroupId>,
    /// Part of the description, case-insensitive.
    pub search: Option<String>,
    /// Email address or name of the person who acted.
    pub actor: Option<String>,
    /// Only entries from this instant on.
    pub since: Option<Micros>,
    /// Only entries before this instant.
    pub until: Option<Micros>,
}

macro_rules! narrowed {
    ($q:ident, $org:expr, $n:expr) => {{
        $q.push(" WHERE a.org_id = ").push_bind($org);
        if let Some(p) = $n.product {
            $q.push(" AND a.product_id = ").push_bind(p);
        }
        if let Some(d) = $n.device {
            $q.push(" AND (a.resource_type = 'device' AND a.resource_id = ")
                .push_bind(d);
            $q.push(" OR a.actor_type = 'device' AND a.actor_id = ")
                .push_bind(d)
                .push(")");
        }
        if let Some(g) = $n.group {
            $q.push(" AND (a.resource_type = 'deployment_group' AND a.resource_id = ")
                .push_bind(g);
            $q.push(" OR a.actor_type = 'deployment_group' AND a.actor_id = ")
                .push_bind(g)
                .push(")");
        }
        if let Some(t) = &$n.search {
            $q.push(" AND COALESCE(a.folded, lower(a.description)) LIKE ")
                .push_bind(like(t))
                .push(" ESCAPE '\\'");
        }
        if let Some(t) = &$n.actor {
            $q.push(" AND a.actor_type = 'user' AND (u.email = ")
                .push_bind(t.clone());
            $q.push(" OR u.name = ").push_bind(t.clone()).push(")");
        }
        if let Some(at) = $n.since {
            $q.push(" AND a.at >= ").push_bind(at);
        }
        if let Some(at) = $n.until {
            $q.push(" AND a.at < ").push_bind(at);
        }
    }};
}

const TABLES: &str = " FROM audit_logs a
     LEFT JOIN users u ON a.actor_type = 'user' AND u.id = a.actor_id
     LEFT JOIN devices ad ON a.actor_type = 'device' AND ad.id = a.actor_id
     LEFT JOIN deployment_groups ag ON a.actor_type = 'deployment_group' AND ag.id = a.actor_id
     LEFT JOIN devices rd ON a.resource_type = 'device' AND rd.id = a.resource_id
     LEFT JOIN deployment_groups rg ON a.resource_type = 'deployment_group' AND rg.id = a.resource_id
     LEFT JOIN products rp ON a.resource_type = 'product' AND rp.id = a.resource_id
     LEFT JOIN orgs ro ON a.resource_type = 'org' AND ro.id = a.resource_id
     LEFT JOIN products p ON p.id = a.product_id";

const COLUMNS: &str = "SELECT a.id, a.seq, a.actor_type, a.resource_type, a.description, a.details,
            a.at, COALESCE(u.name, ad.identifier, ag.name) AS actor, u.email AS actor_email,
            COALESCE(rd.identifier, rg.name, rp.name, ro.name) AS resource, p.name AS product";

/// A page of entries, newest first, and the number of all.
pub async fn page(
    on: &mut impl On,
    scope: &impl InOrg,
    narrow: &AuditFilter,
    offset: i64,
    limit: i64,
) -> Result<(Vec<Entry>, i64)> {
    let org = scope.org().id;
    let rows = on_engine!(on, |c| {
        let mut q = QueryBuilder::new(COLUMNS);
        q.push(TABLES);
        narrowed!(q, org, narrow);
        q.push(" ORDER BY a.at DESC, a.id DESC LIMIT ");
        q.push_bind(limit).push(" OFFSET ").push_bind(offset);
        q.build_query_as::<Entry>().fetch_all(c).await
    })?;
    let total: (i64,) = on_engine!(on, |c| {
        let mut q = QueryBuilder::new(
            "SELECT COUNT(*) FROM audit_logs a
             LEFT JOIN users u ON a.actor_type = 'user' AND u.id = a.actor_id",
        );
        narrowed!(q, org, narrow);
        q.build_query_as().fetch_one(c).await
    })?;
    Ok((rows, total.0))
}

/// The entries after `after`, oldest first.
pub async fn behind(
    on: &mut impl On,
    scope: &impl InOrg,
    narrow: &AuditFilter,
    after: i64,
    limit: i64,
) -> Result<Vec<Entry>> {
    let org = scope.org().id;
    let rows = on_engine!(on, |c| {
        let mut q = QueryBuilder::new(COLUMNS);
        q.push(TABLES);
        narrowed!(q, org, narrow);
        q.push(" AND a.id > ").push_bind(after);
        q.push(" ORDER BY a.id LIMIT ").push_bind(limit);
        q.build_query_as::<Entry>().fetch_all(c).await
    })?;
    Ok(rows)
}
