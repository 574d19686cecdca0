//! The two engines behind one enum, the transaction types, and the macros that run one text on either.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// One statement of the ledger; the store's tests prepare each on both engines.
pub struct Statement {
    /// `room.verb`.
    #[cfg_attr(not(test), expect(dead_code, reason = "the ledger is read by tests"))]
    pub name: &'static str,
    /// The text.
    #[cfg_attr(not(test), expect(dead_code, reason = "the ledger is read by tests"))]
    pub text: &'static str,
}

inventory::collect!(Statement);

/// Files a statement in the ledger and is its text.
macro_rules! sql {
    ($name:literal, $text:expr) => {{
        inventory::submit! { $crate::store::engine::Statement { name: $name, text: $text } }
        $text
    }};
}

/// Runs the same tokens on whichever engine `$on` is.
macro_rules! on_engine {
    ($on:expr, |$c:ident| $body:expr) => {
        match $crate::store::engine::On::conn($on) {
            $crate::store::engine::Conn::Sqlite($c) => $body,
            $crate::store::engine::Conn::Postgres($c) => $body,
        }
    };
}

/// All rows.
macro_rules! fetch_all {
    ($on:expr, $text:expr $(, $a:expr)* $(,)?) => {{
        let text: &'static str = $text;
        on_engine!($on, |c| sqlx::query_as(text)$(.bind($a))*.fetch_all(c).await)
            .map_err($crate::store::Error::from)
    }};
}

/// The first row, if any.
macro_rules! fetch_optional {
    ($on:expr, $text:expr $(, $a:expr)* $(,)?) => {{
        let text: &'static str = $text;
        on_engine!($on, |c| sqlx::query_as(text)$(.bind($a))*.fetch_optional(c).await)
            .map_err($crate::store::Error::from)
    }};
}

/// Runs a change; the number of rows it touched.
macro_rules! execute {
    ($on:expr, $text:expr $(, $a:expr)* $(,)?) => {{
        let text: &'static str = $text;
        on_engine!($on, |c| sqlx::query(text)$(.bind($a))*.execute(c).await.map(|r| r.rows_affected()))
            .map_err($crate::store::Error::from)
    }};
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine said no, or could not be reached.
    #[error("database: {0}")]
    Engine(#[from] sqlx::Error),
    /// A migration failed or the database belongs to a newer version.
    #[error("database schema: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// A row holds what this version cannot read.
    #[error("table {table}, row {row}: column {column} holds {value:?}")]
    BadRow {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's id.
        row: i64,
        /// What it holds.
        value: String,
    },
    /// A row that must exist is gone, for example because another node removed it.
    #[error("a row of {0} is missing")]
    Missing(&'static str),
    /// The batcher stopped before it wrote the record.
    #[error("the server is stopping")]
    Stopping,
}

/// What a store function returns.
pub type Result<T> = std::result::Result<T, Error>;

/// The database: one of two engines.
#[derive(Clone, Debug)]
pub enum Db {
    /// Embedded: many readers, one writer whose transactions begin `IMMEDIATE`.
    Sqlite {
        /// Readers.
        read: SqlitePool,
        /// The one writer.
        write: SqlitePool,
    },
    /// A PostgreSQL server, version 15 or later.
    Postgres(PgPool),
}

/// A connection of either engine, as the macros match it.
pub enum Conn<'c> {
    /// SQLite.
    Sqlite(&'c mut sqlx::SqliteConnection),
    /// PostgreSQL.
    Postgres(&'c mut sqlx::PgConnection),
}

/// Anything a query can run on.
pub trait On {
    /// The connection.
    fn conn(&mut self) -> Conn<'_>;
}

/// Which engine a text is for, where no text is the same on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// The engine of a connection.
pub fn dialect(on: &mut impl On) -> Dialect {
    match on.conn() {
        Conn::Sqlite(_) => Dialect::Sqlite,
        Conn::Postgres(_) => Dialect::Postgres,
    }
}

/// A connection that only reads.
pub enum Read {
    /// SQLite, opened read-only.
    Sqlite(sqlx::pool::PoolConnection<Sqlite>),
    /// PostgreSQL.
    Postgres(sqlx::pool::PoolConnection<Postgres>),
}

/// One transaction; rolled back unless committed.
pub enum Write {
    /// SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

impl On for Read {
    fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(c) => Conn::Sqlite(c),
            Self::Postgres(c) => Conn::Postgres(c),
        }
    }
}

impl On for Write {
    fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(c) => Conn::Sqlite(c),
            Self::Postgres(c) => Conn::Postgres(c),
        }
    }
}

impl Db {
    /// Opens the SQLite file, made when absent, and brings its schema up to date. `synchronous = FULL`: an accepted
    /// firmware survives a power cut, and group commit makes that cheap.
    pub async fn open_sqlite(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(20))
            .pragma("temp_store", "memory")
            .optimize_on_close(true, None);
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        sqlx::migrate!("./migrations/sqlite").run(&write).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self::Sqlite { read, write })
    }

    /// Lets SQLite look how much there is of what, where that has changed: its plans rest on it. Connections that read learn of
    /// it when they are opened anew, within half an hour. PostgreSQL does so by itself.
    pub async fn optimize(&self) -> Result<()> {
        if let Self::Sqlite { write, .. } = self {
            sqlx::raw_sql("PRAGMA optimize").execute(write).await?;
        }
        Ok(())
    }

    /// Connects to PostgreSQL and brings its schema up to date; two nodes that start together take turns.
    pub async fn open_postgres(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)?.application_name("nervecenter");
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options)
            .await?;
        sqlx::migrate!("./migrations/postgres").run(&pool).await?;
        Ok(Self::Postgres(pool))
    }

    /// A reader.
    pub async fn read(&self) -> Result<Read> {
        Ok(match self {
            Self::Sqlite { read, .. } => Read::Sqlite(read.acquire().await?),
            Self::Postgres(pool) => Read::Postgres(pool.acquire().await?),
        })
    }

    /// Begins a transaction.
    pub async fn write(&self) -> Result<Write> {
        Ok(match self {
            Self::Sqlite { write, .. } => Write::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Write::Postgres(pool.begin().await?),
        })
    }

    /// Waits for what is running and closes the files or sockets.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// Whether the database answers.
    pub async fn alive(&self) -> bool {
        let asked = async {
            let mut r = self.read().await?;
            let one: Option<(i64,)> =
                fetch_optional!(&mut r, sql!("engine.alive", "SELECT CAST(1 AS BIGINT)"))?;
            Ok::<_, Error>(one.is_some())
        };
        matches!(
            tokio::time::timeout(Duration::from_secs(5), asked).await,
            Ok(Ok(true))
        )
    }
}

impl Write {
    /// Makes the transaction last.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(t) => t.commit().await?,
            Self::Postgres(t) => t.commit().await?,
        }
        Ok(())
    }
}
