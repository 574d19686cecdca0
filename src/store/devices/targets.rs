//! Devices as an action on many of them looks at them: counted by what decides about them, or one by one. Like lists, these
//! statements are put together at run time, of fixed texts and bound values.

use super::list::{CONNECTION, Filter, join_and_narrow, narrow};
use super::query::{Piece, Value};
use super::search;
use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::engine::{Dialect, dialect};
use crate::store::ids::{DeviceId, GroupId, JobId, ProductId};
use crate::store::{On, Result, Write};
use sqlx::{FromRow, QueryBuilder};

/// What an action looks at beside what every action looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts<'t> {
    /// The device's group, and what it runs.
    pub place: bool,
    /// Whether it takes updates, and rests.
    pub updates: bool,
    /// Whether it is connected.
    pub online: bool,
    /// The version of the device API that its client speaks.
    pub api_version: bool,
    /// How many of these tags it has.
    pub tags: Option<&'t [String]>,
}

/// What decides about a device. What was not asked for is empty.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Target {
    pub deleted: bool,
    pub online: bool,
    /// The version of the device API that its client speaks.
    pub api_version: Option<String>,
    pub updates_enabled: bool,
    /// Whether it is in the penalty box.
    pub resting: bool,
    pub in_flight: bool,
    pub group_id: Option<GroupId>,
    pub group_name: Option<String>,
    pub fw_version: Option<String>,
    pub fw_platform: Option<String>,
    pub fw_architecture: Option<String>,
    pub fw_fwup_version: Option<String>,
    /// Whether tags were ever set.
    pub tags_set: bool,
    /// How many of the tags asked for it has.
    pub has_tags: i64,
    /// How many tags it has in all.
    pub all_tags: i64,
}

/// Devices of which the same holds.
#[derive(Debug, Clone, FromRow)]
pub struct TargetClass {
    #[sqlx(flatten)]
    pub target: Target,
    /// How many there are.
    pub devices: i64,
}

/// One device.
#[derive(Debug, Clone, FromRow)]
pub struct TargetDevice {
    pub id: DeviceId,
    pub product_id: ProductId,
    pub identifier: String,
    pub blocked_until: Option<Micros>,
    /// The group that it is in, whatever was asked for.
    pub member_of: Option<GroupId>,
    #[sqlx(flatten)]
    pub target: Target,
}

/// Adds the columns of a [`Target`].
macro_rules! target_columns {
    ($q:ident, $facts:expr, $now:expr) => {{
        let facts: Facts<'_> = $facts;
        let when = |wanted: bool, text: &'static str, or: &'static str| if wanted { text } else { or };
        $q.push("d.deleted_at IS NOT NULL AS deleted, ");
        $q.push(when(facts.online, "d.online, ", "FALSE AS online, "));
        $q.push(when(
            facts.api_version,
            "(SELECT c.api_version FROM connections c WHERE c.device_id = d.id) AS api_version, ",
            "CAST(NULL AS TEXT) AS api_version, ",
        ));
        if facts.updates {
            $q.push("d.updates_enabled, COALESCE(d.blocked_until, 0) > ")
                .push_bind($now)
                .push(" AS resting, ");
        } else {
            $q.push("FALSE AS updates_enabled, FALSE AS resting, ");
        }
        $q.push(when(
            facts.place,
            "d.in_flight, d.group_id, (SELECT g.name FROM deployment_groups g WHERE g.id = d.group_id) AS group_name,
             d.fw_version, d.fw_platform, d.fw_architecture, d.fw_fwup_version, ",
            "FALSE AS in_flight, CAST(NULL AS BIGINT) AS group_id, CAST(NULL AS TEXT) AS group_name,
             CAST(NULL AS TEXT) AS fw_version, CAST(NULL AS TEXT) AS fw_platform,
             CAST(NULL AS TEXT) AS fw_architecture, CAST(NULL AS TEXT) AS fw_fwup_version, ",
        ));
        match facts.tags {
            None => {
                $q.push("FALSE AS tags_set, CAST(0 AS BIGINT) AS has_tags, CAST(0 AS BIGINT) AS all_tags");
            }
            Some(tags) => {
                $q.push("d.tags_set, ");
                if tags.is_empty() {
                    // PostgreSQL has no empty lists.
                    $q.push("CAST(0 AS BIGINT)");
                } else {
                    $q.push("(SELECT COUNT(*) FROM device_tags t WHERE t.device_id = d.id AND t.tag IN (");
                    let mut one = $q.separated(", ");
                    for tag in tags {
                        one.push_bind(tag.clone());
                    }
                    one.push_unseparated("))");
                }
                $q.push(" AS has_tags, (SELECT COUNT(*) FROM device_tags t WHERE t.device_id = d.id) AS all_tags");
            }
        }
    }};
}

macro_rules! class_query {
    ($scope:expr, $filter:expr, $pieces:expr, $facts:expr, $most:expr, $now:expr) => {{
        let mut q = QueryBuilder::new("SELECT x.*, COUNT(*) AS devices FROM (SELECT ");
        target_columns!(q, $facts, $now);
        q.push(" FROM devices d");
        join_and_narrow!(q, $scope, $filter, $pieces);
        q.push(") x GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 LIMIT ")
            .push_bind($most);
        q
    }};
}

/// The devices of a list by what decides about them, at most so many kinds.
pub async fn classes(
    on: &mut impl On,
    scope: &Scope<Product>,
    filter: &Filter,
    facts: Facts<'_>,
    most: i64,
    now: Micros,
) -> Result<Vec<TargetClass>> {
    let filter = search::resolve(on, scope, filter).await?;
    let pieces = filter.pieces(now, dialect(on));
    Ok(on_engine!(on, |c| {
        class_query!(scope, filter, pieces, facts, most, now)
            .build_query_as()
            .fetch_all(c)
            .await
    })?)
}

/// Files the devices of a list as those of a job; how many there are.
pub async fn take(
    w: &mut Write,
    scope: &Scope<Product>,
    filter: &Filter,
    job: JobId,
    now: Micros,
) -> Result<u64> {
    let filter = search::resolve(w, scope, filter).await?;
    let pieces = filter.pieces(now, dialect(w));
    Ok(on_engine!(&mut *w, |c| {
        let mut q = QueryBuilder::new("INSERT INTO job_devices (job_id, device_id) SELECT ");
        // As an expression, so that PostgreSQL knows the type of the parameter.
        q.push("CAST(")
            .push_bind(job)
            .push(" AS BIGINT), d.id FROM devices d");
        join_and_narrow!(q, scope, filter, pieces);
        q.push(" ORDER BY d.id");
        q.build().execute(c).await.map(|r| r.rows_affected())
    })?)
}

/// These devices, by number, locked until the transaction ends. Those that were destroyed are left out.
pub async fn of(
    w: &mut Write,
    ids: &[DeviceId],
    facts: Facts<'_>,
    now: Micros,
) -> Result<Vec<TargetDevice>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    // SQLite has one writer.
    let lock = match dialect(w) {
        Dialect::Sqlite => ") ORDER BY d.id",
        Dialect::Postgres => ") ORDER BY d.id FOR NO KEY UPDATE OF d",
    };
    Ok(on_engine!(&mut *w, |c| {
        let mut q = QueryBuilder::new(
            "SELECT d.id, d.product_id, d.identifier, d.blocked_until, d.group_id AS member_of, ",
        );
        target_columns!(q, facts, now);
        q.push(" FROM devices d WHERE d.id IN (");
        let mut s = q.separated(", ");
        for id in ids {
            s.push_bind(*id);
        }
        s.push_unseparated(lock);
        q.build_query_as().fetch_all(c).await
    })?)
}
