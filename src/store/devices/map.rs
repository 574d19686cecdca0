//! Where the devices of a list are, put together by the cells of a grid. Like the list itself, this statement is put together at run
//! time, of fixed texts and bound values.

use super::list::{CONNECTION, Filter, narrow};
use super::query::{Piece, Value};
use super::search;
use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::engine::{Dialect, dialect};
use crate::store::{On, Result};
use sqlx::{FromRow, QueryBuilder};

/// A part of the world, in degrees. Its edges belong to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    pub west: f64,
    pub south: f64,
    pub east: f64,
    pub north: f64,
}

/// The devices in a cell.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Cell {
    /// Their middle, in degrees.
    pub latitude: f64,
    pub longitude: f64,
    pub devices: i64,
    /// The worst of their newest health reports: 0 healthy, 1 unknown, 2 warning, 3 unhealthy.
    pub worst: i64,
    /// The first of them by its identifier.
    pub identifier: String,
}

/// How bad the newest health reports are.
const WORST: &str = "MAX(CASE d.health WHEN 'unhealthy' THEN 3 WHEN 'warning' THEN 2 WHEN 'healthy' THEN 0 ELSE 1 END)";

/// Where a device is: what a person has set, else what it reported. A device without either is within no bounds.
const LATITUDE: &str = "COALESCE(m.latitude, l.latitude)";
const LONGITUDE: &str = "COALESCE(m.longitude, l.longitude)";
const PLACES: &str = " LEFT JOIN manual_locations m ON m.device_id = d.id LEFT JOIN locations l ON l.device_id = d.id";

/// The number of a cell. A cast cuts what is behind the point in SQLite, and rounds in PostgreSQL.
fn floor(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "CAST((",
        Dialect::Postgres => "CAST(FLOOR((",
    }
}

fn floored(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => " AS BIGINT)",
        Dialect::Postgres => ") AS BIGINT)",
    }
}

macro_rules! cells {
    ($scope:expr, $filter:expr, $pieces:expr, $bounds:expr, $step:expr, $most:expr, $dialect:expr) => {{
        let (begin, end) = (floor($dialect), floored($dialect));
        let mut q = QueryBuilder::new("SELECT AVG(");
        q.push(LATITUDE).push(") AS latitude, AVG(").push(LONGITUDE);
        q.push(") AS longitude, COUNT(*) AS devices, CAST(");
        q.push(WORST)
            .push(" AS BIGINT) AS worst, MIN(d.identifier) AS identifier FROM devices d");
        q.push(PLACES);
        if $pieces.mention("c.") {
            q.push(CONNECTION);
        }
        narrow!(q, $scope, $filter, $pieces);
        q.push(" AND ")
            .push(LONGITUDE)
            .push(" BETWEEN ")
            .push_bind($bounds.west);
        q.push(" AND ").push_bind($bounds.east);
        q.push(" AND ")
            .push(LATITUDE)
            .push(" BETWEEN ")
            .push_bind($bounds.south);
        q.push(" AND ").push_bind($bounds.north);
        q.push(" GROUP BY ")
            .push(begin)
            .push(LONGITUDE)
            .push(" + 180.0) / ");
        q.push_bind($step).push(end);
        q.push(", ").push(begin).push(LATITUDE).push(" + 90.0) / ");
        q.push_bind($step).push(end);
        q.push(" ORDER BY 3 DESC, 5 LIMIT ").push_bind($most);
        q
    }};
}

/// The devices of a list that are within bounds, by cells of so many degrees, most devices first; so many cells at most.
pub async fn cells(
    on: &mut impl On,
    scope: &Scope<Product>,
    filter: &Filter,
    bounds: Bounds,
    step: f64,
    most: i64,
    now: Micros,
) -> Result<Vec<Cell>> {
    let filter = search::resolve(on, scope, filter).await?;
    let dialect = dialect(on);
    let pieces = filter.pieces(now, dialect);
    Ok(on_engine!(on, |c| {
        cells!(scope, filter, pieces, bounds, step, most, dialect)
            .build_query_as()
            .fetch_all(c)
            .await
    })?)
}
