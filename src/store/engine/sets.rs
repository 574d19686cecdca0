//! Many rows as the argument of one statement. PostgreSQL takes each column as an array and unnests them. SQLite takes one text of
//! JSON, an array of rows, and reads each row from SQLite's binary form of it (`jsonb_each`). That takes less than half of the time of
//! `json_each`, which makes a text of every row and reads it once for each column. The statement is written once, around a table
//! `x` with these rows, and the macros put in what makes that table on either engine.

use super::{Conn, On, Result};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Postgres};
use std::fmt::Write as _;

/// The two texts of a statement over a set of rows.
#[derive(Debug, Clone, Copy)]
pub struct SetText {
    /// Takes all rows as JSON.
    pub sqlite: &'static str,
    /// Takes an array for each column.
    pub postgres: &'static str,
}

/// A column of the rows.
#[derive(Debug, Clone)]
pub enum Column<'r> {
    /// BIGINT.
    BigInt(Vec<Option<i64>>),
    Boolean(Vec<Option<bool>>),
    /// FLOAT8.
    Float(Vec<Option<f64>>),
    Text(Vec<Option<&'r str>>),
    /// BYTEA, or BLOB.
    Bytes(Vec<Option<&'r [u8]>>),
}

impl Column<'_> {
    fn len(&self) -> usize {
        match self {
            Self::BigInt(all) => all.len(),
            Self::Boolean(all) => all.len(),
            Self::Float(all) => all.len(),
            Self::Text(all) => all.len(),
            Self::Bytes(all) => all.len(),
        }
    }

    fn write_json(&self, row: usize, to: &mut String) {
        let written = match self {
            Self::BigInt(all) => all[row].map(|n| write!(to, "{n}")),
            Self::Boolean(all) => all[row].map(|b| write!(to, "{b}")),
            // What is no number in JSON is absent there.
            Self::Float(all) => {
                let finite = all[row].filter(|n| n.is_finite());
                finite.map(|n| write!(to, "{n:?}"))
            }
            Self::Text(all) => all[row].map(|text| write!(to, "{}", serde_json::Value::from(text))),
            Self::Bytes(all) => all[row].map(|bytes| write!(to, "\"{}\"", hex::encode(bytes))),
        };
        // To write into a text cannot fail.
        if !matches!(written, Some(Ok(()))) {
            to.push_str("null");
        }
    }
}

/// The rows as an array of arrays.
fn json(columns: &[Column<'_>]) -> String {
    let rows = columns.first().map_or(0, Column::len);
    let mut text = String::with_capacity(rows * columns.len() * 12 + 2);
    text.push('[');
    for row in 0..rows {
        text.push_str(if row == 0 { "[" } else { ",[" });
        for (n, column) in columns.iter().enumerate() {
            if n > 0 {
                text.push(',');
            }
            column.write_json(row, &mut text);
        }
        text.push(']');
    }
    text.push(']');
    text
}

/// Anything that is stored as BIGINT.
pub trait BigInt {
    /// The number.
    fn big_int(self) -> Option<i64>;
}

impl BigInt for i64 {
    fn big_int(self) -> Option<i64> {
        Some(self)
    }
}

impl<T: BigInt> BigInt for Option<T> {
    fn big_int(self) -> Option<i64> {
        self.and_then(T::big_int)
    }
}

macro_rules! big_ints {
    ($($id:ident),* $(,)?) => {$(
        impl BigInt for $id {
            fn big_int(self) -> Option<i64> {
                Some(self.0)
            }
        }
    )*};
}

use crate::clock::Micros;
use crate::store::ids::{
    ArchiveId, ClaimId, ConnectionId, DeviceId, FirmwareId, GroupId, JobId, NodeId, OrgId,
    ProductId, ReleaseId, SecretId, UserId,
};

big_ints! {
    Micros, ArchiveId, ClaimId, ConnectionId, DeviceId, FirmwareId, GroupId, JobId, NodeId, OrgId, ProductId, SecretId,
    ReleaseId, UserId,
}

/// Anything that is stored as TEXT.
pub trait Text<'r> {
    fn text(self) -> Option<&'r str>;
}

impl<'r> Text<'r> for &'r str {
    fn text(self) -> Option<&'r str> {
        Some(self)
    }
}

impl<'r> Text<'r> for &'r String {
    fn text(self) -> Option<&'r str> {
        Some(self)
    }
}

impl<'r> Text<'r> for &'r Option<String> {
    fn text(self) -> Option<&'r str> {
        self.as_deref()
    }
}

impl<'r> Text<'r> for Option<&'r str> {
    fn text(self) -> Option<&'r str> {
        self
    }
}

type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

/// Runs a change over a set of rows; how many rows it touched. Without rows there is no statement.
pub async fn execute_set(on: &mut impl On, text: SetText, columns: Vec<Column<'_>>) -> Result<u64> {
    if columns.first().is_none_or(|c| c.len() == 0) {
        return Ok(0);
    }
    let outcome = match on.conn() {
        Conn::Sqlite(c) => {
            let rows = json(&columns);
            let done = sqlx::query(text.sqlite).bind(rows).execute(c).await;
            done.map(|r| r.rows_affected())
        }
        Conn::Postgres(c) => {
            let mut query: PgQuery<'_> = sqlx::query(text.postgres);
            for column in columns {
                query = match column {
                    Column::BigInt(all) => query.bind(all),
                    Column::Boolean(all) => query.bind(all),
                    Column::Float(all) => query.bind(all),
                    Column::Text(all) => query.bind(all),
                    Column::Bytes(all) => query.bind(all),
                };
            }
            query.execute(c).await.map(|r| r.rows_affected())
        }
    };
    on.settle(outcome.is_ok());
    Ok(outcome?)
}

/// Reads what belongs to a set of rows. Without rows there is no statement.
pub async fn fetch_set<T>(
    on: &mut impl On,
    text: SetText,
    columns: Vec<Column<'_>>,
) -> Result<Vec<T>>
where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    if columns.first().is_none_or(|c| c.len() == 0) {
        return Ok(Vec::new());
    }
    let outcome = match on.conn() {
        Conn::Sqlite(c) => {
            let rows = json(&columns);
            sqlx::query_as(text.sqlite).bind(rows).fetch_all(c).await
        }
        Conn::Postgres(c) => {
            let mut query: QueryAs<'_, Postgres, T, PgArguments> = sqlx::query_as(text.postgres);
            for column in columns {
                query = match column {
                    Column::BigInt(all) => query.bind(all),
                    Column::Boolean(all) => query.bind(all),
                    Column::Float(all) => query.bind(all),
                    Column::Text(all) => query.bind(all),
                    Column::Bytes(all) => query.bind(all),
                };
            }
            query.fetch_all(c).await
        }
    };
    on.settle(outcome.is_ok());
    Ok(outcome?)
}

/// `value ->> 0 AS a, value ->> 1 AS b, …`; bytes are in hex there.
macro_rules! json_columns {
    ([$n:literal $($more:literal)*] $name:ident BYTEA) => {
        concat!("unhex(value ->> ", $n, ") AS ", stringify!($name))
    };
    ([$n:literal $($more:literal)*] $name:ident $kind:ident) => {
        concat!("value ->> ", $n, " AS ", stringify!($name))
    };
    ([$n:literal $($more:literal)*] $name:ident $kind:ident $($rest:ident)+) => {
        concat!(json_columns!([$n] $name $kind), ", ", json_columns!([$($more)*] $($rest)+))
    };
}

/// `$1::BIGINT[], $2::TEXT[], …`
macro_rules! array_arguments {
    ([$n:literal $($more:literal)*] $kind:ident) => {
        concat!("$", $n, "::", stringify!($kind), "[]")
    };
    ([$n:literal $($more:literal)*] $kind:ident $($rest:ident)+) => {
        concat!("$", $n, "::", stringify!($kind), "[], ", array_arguments!([$($more)*] $($rest)+))
    };
}

macro_rules! set_column {
    (BIGINT, $all:expr) => {
        $crate::store::engine::Column::BigInt(
            $all.map(|v| $crate::store::engine::BigInt::big_int(v))
                .collect(),
        )
    };
    (BOOLEAN, $all:expr) => {
        $crate::store::engine::Column::Boolean($all.map(Option::from).collect())
    };
    (FLOAT8, $all:expr) => {
        $crate::store::engine::Column::Float($all.map(Option::from).collect())
    };
    (TEXT, $all:expr) => {
        $crate::store::engine::Column::Text(
            $all.map(|v| $crate::store::engine::Text::text(v)).collect(),
        )
    };
    (BYTEA, $all:expr) => {
        $crate::store::engine::Column::Bytes($all.map(Option::from).collect())
    };
}

/// Files both texts in the ledger; `$lock` ends the one for PostgreSQL.
macro_rules! set_text {
    ($name:literal, [$first:ident $kind:ident $(, $more:ident $more_kind:ident)*], $head:expr, $tail:expr, $lock:expr) => {{
        const TEXT: $crate::store::engine::SetText = $crate::store::engine::SetText {
            sqlite: concat!(
                $head,
                "(SELECT ",
                json_columns!([0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29]
                    $first $kind $($more $more_kind)*),
                " FROM jsonb_each($1)) AS x",
                $tail
            ),
            postgres: concat!(
                $head,
                "UNNEST(",
                array_arguments!([1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30]
                    $kind $($more_kind)*),
                ") AS x (",
                stringify!($first) $(, ", ", stringify!($more))*,
                ")",
                $tail,
                $lock
            ),
        };
        #[cfg(test)]
        inventory::submit! {
            $crate::store::engine::Statement { name: $name, text: TEXT.sqlite, postgres: TEXT.postgres }
        }
        TEXT
    }};
}

/// Runs a change over rows, which are the table `x` between the two parts of the text.
macro_rules! execute_rows {
    ($on:expr, $name:literal, $rows:expr, |$row:ident| [$($column:ident $kind:ident = $value:expr),+ $(,)?],
     $head:expr, $tail:expr $(,)?) => {{
        let rows = $rows;
        let columns = vec![$(set_column!($kind, rows.iter().map(|$row| {
            let _ = &$row;
            $value
        }))),+];
        let text = set_text!($name, [$($column $kind),+], $head, $tail, "");
        $crate::store::engine::execute_set($on, text, columns).await
    }};
}

/// Reads what belongs to rows, which are the table `x` between the two parts of the text; `$lock` is for PostgreSQL alone.
macro_rules! fetch_rows {
    ($on:expr, $name:literal, $rows:expr, |$row:ident| [$($column:ident $kind:ident = $value:expr),+ $(,)?],
     $head:expr, $tail:expr $(, lock $lock:expr)? $(,)?) => {{
        let rows = $rows;
        let columns = vec![$(set_column!($kind, rows.iter().map(|$row| {
            let _ = &$row;
            $value
        }))),+];
        let text = set_text!($name, [$($column $kind),+], $head, $tail, concat!($($lock)?));
        $crate::store::engine::fetch_set($on, text, columns).await
    }};
}
