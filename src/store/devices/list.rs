//! Lists of devices, as people narrow, order and page them. The conditions vary, so that these statements (and those of `facets`) alone
//! are put together at run time, of fixed texts and bound values.

use super::DeviceView;
use super::query::{Cond, Piece, Pieces, Test, Value};
use super::search;
use crate::clock::Micros;
use crate::limits::LIST_WALK;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::engine::{Dialect, dialect};
use crate::store::ids::DeviceId;
use crate::store::{On, Result};
use sqlx::{QueryBuilder, Row as _};
use std::collections::HashMap;

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

    /// Whether only devices with a connection, now or before, can match.
    fn has_connection(&self) -> bool {
        fn within(cond: &Cond) -> bool {
            match cond {
                Cond::And(a, b) => within(a) || within(b),
                Cond::Is(Test::Connection(word)) => word != "not_seen",
                Cond::Is(Test::LastSeen { .. }) => true,
                _ => false,
            }
        }
        self.cond.as_ref().is_some_and(within)
    }

    /// Whether no index finds what is asked for, so that every device of the product is read.
    pub fn reads_all(&self) -> bool {
        fn served(cond: &Cond) -> bool {
            match cond {
                Cond::And(a, b) => served(a) || served(b),
                Cond::Or(a, b) => served(a) && served(b),
                Cond::Not(_) => false,
                Cond::Is(test) => matches!(
                    test,
                    Test::AnyIdentifier(_)
                        | Test::Platform(_, false)
                        | Test::Architecture(_, false)
                        | Test::Version(_)
                        | Test::Health(_)
                        | Test::Tag(_)
                        | Test::Updating
                        | Test::Pinned(_)
                        | Test::Group(_)
                        | Test::GroupNumber(_)
                ),
            }
        }
        self.cond.as_ref().is_some_and(|c| !served(c))
    }

    pub(super) fn pieces(&self, now: Micros, dialect: Dialect) -> Pieces {
        let mut pieces = Pieces::default();
        if let Some(cond) = &self.cond {
            pieces.cond(cond, now, dialect);
        }
        pieces
    }
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

pub(super) use narrow;

/// The same, with the connection joined where the filter asks for it.
macro_rules! join_and_narrow {
    ($q:ident, $scope:expr, $f:expr, $pieces:expr) => {{
        if $pieces.mention("c.") {
            $q.push(CONNECTION);
        }
        narrow!($q, $scope, $f, $pieces);
    }};
}

pub(super) use join_and_narrow;

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
    /// By the first of the tags.
    Tags,
    /// Most recently established connection first.
    EstablishedAt,
    /// Most recently seen first.
    LastSeenAt,
}

impl Order {
    /// The order of this word (docs/protocol/rest.md, "Filters").
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "identifier" => Self::Identifier,
            "description" => Self::Description,
            "inserted_at" => Self::InsertedAt,
            "updated_at" => Self::UpdatedAt,
            "updates_enabled" => Self::UpdatesEnabled,
            "tags" => Self::Tags,
            "connection_established_at" => Self::EstablishedAt,
            "connection_last_seen_at" => Self::LastSeenAt,
            _ => return None,
        })
    }

    fn by_connection(self) -> bool {
        matches!(self, Self::EstablishedAt | Self::LastSeenAt)
    }

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
            (Self::Tags, false) => {
                " ORDER BY (SELECT MIN(t.tag) FROM device_tags t WHERE t.device_id = d.id) NULLS LAST, d.id"
            }
            (Self::Tags, true) => {
                " ORDER BY (SELECT MIN(t.tag) FROM device_tags t WHERE t.device_id = d.id) DESC NULLS FIRST, d.id"
            }
            (Self::EstablishedAt, false) => " ORDER BY c.established_at DESC NULLS LAST, d.id",
            (Self::EstablishedAt, true) => " ORDER BY c.established_at NULLS FIRST, d.id",
            (Self::LastSeenAt, false) => " ORDER BY c.last_seen_at DESC NULLS LAST, d.id",
            (Self::LastSeenAt, true) => " ORDER BY c.last_seen_at NULLS FIRST, d.id",
        }
    }
}

/// Joins the connection of each device, if it ever had one.
pub(super) const CONNECTION: &str = " LEFT JOIN connections c ON c.device_id = d.id";

/// How a page is found.
struct Plan {
    filter: Filter,
    pieces: Pieces,
    order: (Order, bool),
    /// Whether a condition is on the connection.
    asks: bool,
    /// Whether the matches are counted while they are read for the page.
    counts: bool,
    /// Whether the newest connections are walked in their order.
    walk: bool,
}

impl Plan {
    fn new(filter: Filter, order: (Order, bool), now: Micros, dialect: Dialect) -> Self {
        let pieces = filter.pieces(now, dialect);
        Self {
            // SQLite looks up each connection, asked for or not.
            asks: pieces.mention("c."),
            // What tags find is read row by row, and in no order: once is enough.
            counts: dialect == Dialect::Postgres
                && pieces.mention("device_tags")
                && !order.0.by_connection(),
            walk: false,
            filter,
            pieces,
            order,
        }
    }

    fn walks(&self, total: i64) -> bool {
        let newest_first = self.order.0.by_connection() && !self.order.1;
        newest_first && total >= LIST_WALK && self.filter.has_connection()
    }

    fn joins(&self) -> bool {
        self.asks || self.order.0.by_connection()
    }
}

macro_rules! count {
    ($begin:expr, $scope:expr, $plan:expr) => {{
        let mut q = QueryBuilder::new($begin);
        q.push("SELECT COUNT(*) FROM devices d");
        q.push(if $plan.asks { CONNECTION } else { "" });
        narrow!(q, $scope, $plan.filter, $plan.pieces);
        q
    }};
}

macro_rules! page {
    ($begin:expr, $scope:expr, $plan:expr, $offset:expr, $limit:expr) => {{
        let mut q = QueryBuilder::new($begin);
        q.push(match ($plan.counts, $plan.walk) {
            // A limit would tempt PostgreSQL to walk all devices in the order asked for.
            (true, _) => {
                "WITH m AS MATERIALIZED (SELECT d.id, d.identifier, d.description, d.inserted_at,
                                                d.updated_at, d.updates_enabled FROM devices d"
            }
            // The order of a CROSS JOIN is kept by SQLite, and PostgreSQL plans it as any other.
            (_, true) => "SELECT d.id, CAST(0 AS BIGINT) FROM connections c CROSS JOIN devices d",
            _ => "SELECT d.id, CAST(0 AS BIGINT) FROM devices d",
        });
        if !$plan.walk && $plan.joins() {
            q.push(CONNECTION);
        }
        narrow!(q, $scope, $plan.filter, $plan.pieces);
        if $plan.counts {
            q.push(") SELECT d.id, COUNT(*) OVER () FROM m d");
        }
        if $plan.walk {
            q.push(" AND d.id = c.device_id");
            q.push(match $plan.order.0 {
                Order::EstablishedAt => " ORDER BY c.established_at DESC, c.device_id",
                _ => " ORDER BY c.last_seen_at DESC, c.device_id",
            });
        } else {
            q.push($plan.order.0.text($plan.order.1));
        }
        q.push(" LIMIT ")
            .push_bind($limit)
            .push(" OFFSET ")
            .push_bind($offset);
        q
    }};
}

async fn counted(on: &mut impl On, scope: &Scope<Product>, plan: &Plan) -> Result<i64> {
    let total: (i64,) = on_engine!(on, |c| {
        count!("", scope, plan).build_query_as().fetch_one(c).await
    })?;
    Ok(total.0)
}

/// How a page is to be found, and how many match, where that is counted first.
async fn planned(
    on: &mut impl On,
    scope: &Scope<Product>,
    filter: &Filter,
    order: (Order, bool),
    now: Micros,
) -> Result<(Plan, Option<i64>)> {
    let filter = search::resolve(on, scope, filter).await?;
    let mut plan = Plan::new(filter, order, now, dialect(on));
    if plan.counts {
        return Ok((plan, None));
    }
    let total = counted(on, scope, &plan).await?;
    plan.walk = plan.walks(total);
    Ok((plan, Some(total)))
}

/// A page of the product's devices, and how many there are in all. The page is chosen by number first, so that what is sorted
/// is small, and what belongs to a device is read for those alone that are shown.
pub async fn list(
    on: &mut impl On,
    scope: &Scope<Product>,
    filter: &Filter,
    order: (Order, bool),
    offset: i64,
    limit: i64,
    now: Micros,
) -> Result<(Vec<DeviceView>, i64)> {
    let (plan, total) = planned(on, scope, filter, order, now).await?;
    let found: Vec<(DeviceId, i64)> = on_engine!(on, |c| {
        page!("", scope, plan, offset, limit)
            .build_query_as()
            .fetch_all(c)
            .await
    })?;
    let total = match (total, found.first()) {
        (Some(n), _) => n,
        (None, Some((_, n))) => *n,
        (None, None) if offset == 0 => 0,
        // Behind the last page.
        (None, None) => counted(on, scope, &plan).await?,
    };
    let ids: Vec<DeviceId> = found.into_iter().map(|r| r.0).collect();
    let mut rows = views(on, &ids).await?;
    let place: HashMap<DeviceId, usize> = ids.iter().copied().zip(0..).collect();
    rows.sort_by_key(|d| place.get(&d.id).copied());
    Ok((rows, total))
}

/// How the engine finds the first page, a line a step: first the count, where it is counted alone, then the page.
pub async fn explain(
    on: &mut impl On,
    scope: &Scope<Product>,
    filter: &Filter,
    order: (Order, bool),
    now: Micros,
) -> Result<Vec<String>> {
    let engine = dialect(on);
    let begin = match engine {
        Dialect::Sqlite => "EXPLAIN QUERY PLAN ",
        Dialect::Postgres => "EXPLAIN (ANALYZE, TIMING OFF) ",
    };
    let column = match engine {
        Dialect::Sqlite => "detail",
        Dialect::Postgres => "QUERY PLAN",
    };
    let (plan, total) = planned(on, scope, filter, order, now).await?;
    let mut lines = Vec::new();
    if total.is_some() {
        let rows: Vec<String> = on_engine!(on, |c| {
            let rows = count!(begin, scope, plan).build().fetch_all(c).await?;
            rows.iter()
                .map(|r| r.try_get(column))
                .collect::<sqlx::Result<Vec<String>>>()
        })?;
        lines.extend(rows);
    }
    let rows: Vec<String> = on_engine!(on, |c| {
        let rows = page!(begin, scope, plan, 0_i64, 25_i64)
            .build()
            .fetch_all(c)
            .await?;
        rows.iter()
            .map(|r| r.try_get(column))
            .collect::<sqlx::Result<Vec<String>>>()
    })?;
    lines.extend(rows);
    Ok(lines)
}

/// What is shown of these devices, in any order.
async fn views(on: &mut impl On, ids: &[DeviceId]) -> Result<Vec<DeviceView>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(on_engine!(on, |c| {
        let mut q = QueryBuilder::new(view_columns!());
        q.push(" WHERE d.id IN (");
        let mut s = q.separated(", ");
        for id in ids {
            s.push_bind(*id);
        }
        s.push_unseparated(")");
        q.build_query_as::<DeviceView>().fetch_all(c).await
    })?)
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
        s.push_unseparated(") ORDER BY device_id, position, tag");
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

/// Whether a product has a device that runs this version.
pub async fn has_version(on: &mut impl On, scope: &Scope<Product>, value: &str) -> Result<bool> {
    let row: Option<(DeviceId,)> = fetch_optional!(
        on,
        sql!(
            "devices.has_version",
            "SELECT id FROM devices WHERE product_id = $1 AND fw_version = $2 LIMIT 1"
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
