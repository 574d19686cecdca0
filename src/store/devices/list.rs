//! Lists of devices, as people narrow, order and page them. The conditions vary, so that these statements alone are put
//! together at run time, of fixed texts and bound values.

use super::DeviceView;
use super::query::{Cond, Dialect, Piece, Pieces, Test, Value, dialect};
use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::ids::DeviceId;
use crate::store::{On, Result};
use sqlx::QueryBuilder;

/// What a list of devices is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Conditions; all devices without.
    pub cond: Option<Cond>,
    /// Whether deleted devices are listed too.
    pub with_deleted: bool,
}

impl Filter {
    /// One more condition must hold.
    pub fn and(&mut self, test: Test) {
        self.all_of(Cond::Is(test));
    }

    /// One more condition must not hold.
    pub fn and_not(&mut self, test: Test) {
        let one = Cond::Not(Box::new(Cond::Is(test)));
        self.all_of(one);
    }

    /// All of these must hold too.
    pub fn all_of(&mut self, cond: Cond) {
        self.cond = Some(match self.cond.take() {
            None => cond,
            Some(before) => Cond::And(Box::new(before), Box::new(cond)),
        });
    }

    fn pieces(&self, now: Micros, dialect: Dialect) -> Pieces {
        let mut pieces = Pieces::default();
        if let Some(cond) = &self.cond {
            pieces.cond(cond, now, dialect);
        }
        pieces
    }
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
    ($q:ident, $scope:expr, $f:expr, $pieces:expr) => {{
        $q.push(" WHERE d.product_id = ")
            .push_bind($scope.product().id);
        if !$f.with_deleted {
            $q.push(" AND d.deleted_at IS NULL");
        }
        if !$pieces.0.is_empty() {
            $q.push(" AND ");
        }
        for piece in &$pieces.0 {
            match piece {
                Piece::Sql(text) => $q.push(*text),
                Piece::Bind(Value::Text(v)) => $q.push_bind(v.clone()),
                Piece::Bind(Value::Number(v)) => $q.push_bind(*v),
                Piece::Bind(Value::Time(v)) => $q.push_bind(*v),
                Piece::Bind(Value::Real(v)) => $q.push_bind(*v),
            };
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
    let pieces = filter.pieces(now, dialect(on));
    let rows = on_engine!(on, |c| {
        let mut q = QueryBuilder::new(view_columns!());
        narrow!(q, scope, filter, pieces);
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
        narrow!(q, scope, filter, pieces);
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

/// Whether a product has a device with this platform.
pub async fn has_platform(on: &mut impl On, scope: &Scope<Product>, value: &str) -> Result<bool> {
    let row: Option<(DeviceId,)> = fetch_optional!(
        on,
        sql!(
            "devices.has_platform",
            "SELECT id FROM devices WHERE product_id = $1 AND fw_platform = $2 LIMIT 1"
        ),
        scope.product().id,
        value
    )?;
    Ok(row.is_some())
}

/// Whether a product has a device with this architecture.
pub async fn has_architecture(
    on: &mut impl On,
    scope: &Scope<Product>,
    value: &str,
) -> Result<bool> {
    let row: Option<(DeviceId,)> = fetch_optional!(
        on,
        sql!(
            "devices.has_architecture",
            "SELECT id FROM devices WHERE product_id = $1 AND fw_architecture = $2 LIMIT 1"
        ),
        scope.product().id,
        value
    )?;
    Ok(row.is_some())
}

/// Whether a product has a device with this tag.
pub async fn has_tag(on: &mut impl On, scope: &Scope<Product>, value: &str) -> Result<bool> {
    let row: Option<(DeviceId,)> = fetch_optional!(
        on,
        sql!(
            "devices.has_tag",
            "SELECT d.id FROM device_tags t JOIN devices d ON d.id = t.device_id
             WHERE t.tag = $2 AND d.product_id = $1 LIMIT 1"
        ),
        scope.product().id,
        value
    )?;
    Ok(row.is_some())
}
