//! Lists of devices, as people narrow, order and page them. The conditions vary, so that these statements alone are put
//! together at run time, of fixed texts and bound values.

use super::DeviceView;
use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::ids::DeviceId;
use crate::store::{On, Result};
use sqlx::QueryBuilder;

/// What a list of devices is narrowed to. All given conditions must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Substring of the identifier, any case.
    pub identifier: Option<String>,
    /// Substring of identifier, version, platform or a tag.
    pub search: Option<String>,
    /// Each a substring of some tag.
    pub tags: Vec<String>,
    /// Without tags.
    pub has_no_tags: bool,
    /// `connecting`, `connected`, `disconnected`, `not_seen`.
    pub connection: Option<String>,
    /// Exact version.
    pub firmware_version: Option<String>,
    /// Exact platform; `Unknown` is none.
    pub platform: Option<String>,
    /// `enabled`, `disabled`, `penalty-box`.
    pub updates: Option<String>,
    /// Only devices with an update in flight.
    pub only_updating: bool,
}

pub(in crate::store) fn like(text: &str) -> String {
    let mut p = String::from("%");
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            p.push('\\');
        }
        p.push(c);
    }
    p.push('%');
    p
}

macro_rules! narrow {
    ($q:ident, $scope:expr, $f:expr, $now:expr) => {{
        $q.push(" WHERE d.deleted_at IS NULL AND d.product_id = ").push_bind($scope.product().id);
        if let Some(t) = &$f.identifier {
            $q.push(" AND lower(d.identifier) LIKE ").push_bind(like(t)).push(" ESCAPE '\\'");
        }
        if let Some(t) = &$f.search {
            let p = like(t);
            $q.push(" AND (lower(d.identifier) LIKE ").push_bind(p.clone()).push(" ESCAPE '\\'");
            $q.push(" OR lower(d.fw_version) LIKE ").push_bind(p.clone()).push(" ESCAPE '\\'");
            $q.push(" OR lower(d.fw_platform) LIKE ").push_bind(p.clone()).push(" ESCAPE '\\'");
            $q.push(" OR EXISTS (SELECT 1 FROM device_tags t WHERE t.device_id = d.id AND lower(t.tag) LIKE ")
                .push_bind(p)
                .push(" ESCAPE '\\'))");
        }
        for t in &$f.tags {
            $q.push(" AND EXISTS (SELECT 1 FROM device_tags t WHERE t.device_id = d.id AND lower(t.tag) LIKE ")
                .push_bind(like(t))
                .push(" ESCAPE '\\')");
        }
        if $f.has_no_tags {
            $q.push(" AND NOT EXISTS (SELECT 1 FROM device_tags t WHERE t.device_id = d.id)");
        }
        match $f.connection.as_deref() {
            Some("not_seen") => {
                $q.push(" AND d.status = 'registered'");
            }
            Some(s) => {
                $q.push(" AND c.status = ").push_bind(s.to_owned());
            }
            None => {}
        }
        if let Some(v) = &$f.firmware_version {
            $q.push(" AND d.fw_version = ").push_bind(v.clone());
        }
        match $f.platform.as_deref() {
            Some("Unknown") => {
                $q.push(" AND d.fw_platform IS NULL");
            }
            Some(p) => {
                $q.push(" AND d.fw_platform = ").push_bind(p.to_owned());
            }
            None => {}
        }
        match $f.updates.as_deref() {
            Some("enabled") => {
                $q.push(" AND d.updates_enabled");
            }
            Some("disabled") => {
                $q.push(" AND NOT d.updates_enabled");
            }
            Some(_) => {
                $q.push(" AND d.blocked_until > ").push_bind($now);
            }
            None => {}
        }
        if $f.only_updating {
            $q.push(" AND d.in_flight");
        }
    }};
}

/// How to order a list of devices; a fixed set, so that no text of a caller reaches the SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By identifier.
    Identifier,
    /// By description.
    Description,
    /// By creation.
    InsertedAt,
    /// By last change.
    UpdatedAt,
    /// By whether automatic updates are on.
    UpdatesEnabled,
    /// Most recently established connection first.
    EstablishedAt,
    /// Most recently seen first.
    LastSeenAt,
}

impl Order {
    fn text(self, descending: bool) -> &'static str {
        match (self, descending) {
            (Self::Identifier, false) => " ORDER BY d.identifier, d.id",
            (Self::Identifier, true) => " ORDER BY d.identifier DESC, d.id",
            (Self::Description, false) => " ORDER BY d.description NULLS LAST, d.id",
            (Self::Description, true) => " ORDER BY d.description DESC NULLS FIRST, d.id",
            (Self::InsertedAt, false) => " ORDER BY d.inserted_at, d.id",
            (Self::InsertedAt, true) => " ORDER BY d.inserted_at DESC, d.id",
            (Self::UpdatedAt, false) => " ORDER BY d.updated_at, d.id",
            (Self::UpdatedAt, true) => " ORDER BY d.updated_at DESC, d.id",
            (Self::UpdatesEnabled, false) => " ORDER BY d.updates_enabled, d.id",
            (Self::UpdatesEnabled, true) => " ORDER BY d.updates_enabled DESC, d.id",
            (Self::EstablishedAt, false) => " ORDER BY c.established_at DESC NULLS LAST, d.id",
            (Self::EstablishedAt, true) => " ORDER BY c.established_at NULLS FIRST, d.id",
            (Self::LastSeenAt, false) => " ORDER BY c.last_seen_at DESC NULLS LAST, d.id",
            (Self::LastSeenAt, true) => " ORDER BY c.last_seen_at NULLS FIRST, d.id",
        }
    }
}

/// A page of the product's devices, and how many there are in all.
pub async fn list(
    on: &mut impl On,
    scope: &Scope<Product>,
    filter: &Filter,
    order: (Order, bool),
    offset: i64,
    limit: i64,
    now: Micros,
) -> Result<(Vec<DeviceView>, i64)> {
    let rows = on_engine!(on, |c| {
        let mut q = QueryBuilder::new(view_columns!());
        narrow!(q, scope, filter, now);
        q.push(order.0.text(order.1));
        q.push(" LIMIT ")
            .push_bind(limit)
            .push(" OFFSET ")
            .push_bind(offset);
        q.build_query_as::<DeviceView>().fetch_all(c).await
    })?;
    let total: (i64,) = on_engine!(on, |c| {
        let mut q = QueryBuilder::new(
            "SELECT COUNT(*) FROM devices d LEFT JOIN connections c ON c.device_id = d.id ",
        );
        narrow!(q, scope, filter, now);
        q.build_query_as().fetch_one(c).await
    })?;
    Ok((rows, total.0))
}

/// Tags of many devices, for a list.
pub async fn tags_of(on: &mut impl On, ids: &[DeviceId]) -> Result<Vec<(DeviceId, String)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(on_engine!(on, |c| {
        let mut q =
            QueryBuilder::new("SELECT device_id, tag FROM device_tags WHERE device_id IN (");
        let mut s = q.separated(", ");
        for id in ids {
            s.push_bind(*id);
        }
        s.push_unseparated(") ORDER BY device_id, tag");
        q.build_query_as().fetch_all(c).await
    })?)
}
