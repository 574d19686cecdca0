//! How many devices of a list have which value of a column. Like the list itself, these statements are put together at run time, of
//! fixed texts and bound values.

use super::list::{CONNECTION, Filter, narrow};
use super::query::{Piece, Value};
use super::search;
use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::engine::dialect;
use crate::store::{On, Result};
use sqlx::{FromRow, QueryBuilder};

/// A column whose values are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet {
    /// The version that devices run.
    Version,
    Platform,
    Architecture,
    /// `connected`, `disconnected` or `not_seen`.
    Connection,
    /// Status of the newest health report; `unknown` without one.
    Health,
    /// The name of the deployment group.
    Group,
    /// Each tag; a device with several counts several times.
    Tag,
    /// `disabled`, else `penalty-box` while a device rests, else `enabled`.
    Updates,
}

impl Facet {
    /// The value as an expression, and what it takes beside the devices.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Version => ("d.fw_version", ""),
            Self::Platform => ("d.fw_platform", ""),
            Self::Architecture => ("d.fw_architecture", ""),
            // As the device's own row has it, so that half a million connections are not looked up.
            Self::Connection => (
                "CASE WHEN d.online THEN 'connected' WHEN d.status = 'registered' THEN 'not_seen' ELSE 'disconnected' END",
                "",
            ),
            Self::Health => ("d.health", ""),
            Self::Group => (
                "g.name",
                " LEFT JOIN deployment_groups g ON g.id = d.group_id",
            ),
            Self::Tag => ("t.tag", " JOIN device_tags t ON t.device_id = d.id"),
            // The time follows it.
            Self::Updates => (
                "CASE WHEN NOT d.updates_enabled THEN 'disabled' WHEN COALESCE(d.blocked_until, 0) > ",
                "",
            ),
        }
    }
}

macro_rules! counts {
    ($scope:expr, $filter:expr, $pieces:expr, $facet:expr, $most:expr, $now:expr) => {{
        let (value, joins) = $facet.texts();
        let mut q = QueryBuilder::new("SELECT ");
        q.push(value);
        if $facet == Facet::Updates {
            q.push_bind($now)
                .push(" THEN 'penalty-box' ELSE 'enabled' END");
        }
        q.push(" AS value, COUNT(*) AS devices FROM devices d");
        if $pieces.mention("c.") {
            q.push(CONNECTION);
        }
        q.push(joins);
        narrow!(q, $scope, $filter, $pieces);
        q.push(" GROUP BY 1 ORDER BY 2 DESC, 1 NULLS LAST LIMIT ")
            .push_bind($most);
        q
    }};
}

/// The values of a column among the devices of a list, with how many have each, most devices first. `None` stands for devices
/// without a value.
pub async fn facet(
    on: &mut impl On,
    scope: &Scope<Product>,
    filter: &Filter,
    facet: Facet,
    most: i64,
    now: Micros,
) -> Result<Vec<(Option<String>, i64)>> {
    let filter = search::resolve(on, scope, filter).await?;
    let pieces = filter.pieces(now, dialect(on));
    Ok(on_engine!(on, |c| {
        counts!(scope, filter, pieces, facet, most, now)
            .build_query_as()
            .fetch_all(c)
            .await
    })?)
}

/// How many devices of a product are in the same state.
#[derive(Debug, Clone, FromRow)]
pub struct StateCount {
    pub online: bool,
    /// Whether they ever came.
    pub seen: bool,
    pub updates_enabled: bool,
    /// Whether they rest.
    pub resting: bool,
    pub devices: i64,
    /// Those with an update in flight.
    pub in_flight: i64,
}

/// The devices of a product by state, in one look at each.
pub async fn states(
    on: &mut impl On,
    scope: &Scope<Product>,
    now: Micros,
) -> Result<Vec<StateCount>> {
    fetch_all!(
        on,
        sql!(
            "facets.states",
            "SELECT online, status <> 'registered' AS seen, updates_enabled, COALESCE(blocked_until, 0) > $2 AS resting,
                    COUNT(*) AS devices, CAST(SUM(CASE WHEN in_flight THEN 1 ELSE 0 END) AS BIGINT) AS in_flight
             FROM devices WHERE product_id = $1 AND deleted_at IS NULL GROUP BY 1, 2, 3, 4"
        ),
        scope.product().id,
        now
    )
}

/// How many devices of a product that were online once were not seen since an instant, and since an earlier one.
pub async fn unseen(
    on: &mut impl On,
    scope: &Scope<Product>,
    since: Micros,
    earlier: Micros,
) -> Result<(i64, i64)> {
    let row: Option<(i64, i64)> = fetch_optional!(
        on,
        sql!(
            "facets.unseen",
            "SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN c.last_seen_at < $3 THEN 1 ELSE 0 END), 0) AS BIGINT)
             FROM connections c JOIN devices d ON d.id = c.device_id
             WHERE c.last_seen_at < $2 AND c.status = 'disconnected' AND d.product_id = $1
               AND d.deleted_at IS NULL"
        ),
        scope.product().id,
        since,
        earlier
    )?;
    Ok(row.unwrap_or_default())
}
