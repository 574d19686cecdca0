//! The devices of a list in the order of their identifiers, for files of any length: each part begins behind the last one, so that
//! devices that come and go meanwhile shift nothing.

use super::list::{CONNECTION, Filter, join_and_narrow, narrow};
use super::query::{Piece, Value};
use super::search;
use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::engine::dialect;
use crate::store::ids::DeviceId;
use crate::store::{On, Result};
use sqlx::{FromRow, QueryBuilder};

/// A device of an export.
#[derive(Debug, Clone, FromRow)]
pub struct Exported {
    pub id: DeviceId,
    pub identifier: String,
    /// Free text.
    pub description: Option<String>,
}

/// The devices of a list behind an identifier, deleted ones left out unless the list names them.
pub async fn behind(
    on: &mut impl On,
    scope: &Scope<Product>,
    filter: &Filter,
    after: &str,
    limit: i64,
    now: Micros,
) -> Result<Vec<Exported>> {
    let filter = search::resolve(on, scope, filter).await?;
    let pieces = filter.pieces(now, dialect(on));
    Ok(on_engine!(on, |c| {
        let mut q = QueryBuilder::new(
            "SELECT x.* FROM (SELECT d.id, d.identifier, d.description FROM devices d",
        );
        join_and_narrow!(q, scope, filter, pieces);
        q.push(") x WHERE x.identifier > ")
            .push_bind(after.to_owned());
        q.push(" ORDER BY x.identifier LIMIT ").push_bind(limit);
        q.build_query_as().fetch_all(c).await
    })?)
}
