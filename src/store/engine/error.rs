//! Why the store could not do something, and what a caller may do about it.

/// Why the store could not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The engine refused the statement.
    #[error("database: {0}")]
    Engine(std::sync::Arc<sqlx::Error>),
    /// A value that must be unique was taken by a transaction that committed meanwhile. On PostgreSQL a statement that looks first does
    /// not see it; holds the name of the constraint, which ends with the column and `_key`.
    #[error("taken meanwhile: {0}")]
    Taken(String),
    /// The engine cannot be reached, has no room left, or has no connection free: the same statement may succeed later.
    #[error("database is unavailable: {0}")]
    Unavailable(std::sync::Arc<sqlx::Error>),
    /// Another transaction holds rows that this one wants and wants rows that this one holds, so that the engine ended this one.
    /// Nothing of it is left, and it may be tried again at once.
    #[error("another change of the same rows came first")]
    Conflict,
    /// A person's statement took longer than `limits::STATEMENT_TIME`.
    #[error("the query took too long and was stopped")]
    TooSlow,
    /// A migration failed or the database belongs to a newer version.
    #[error("database schema: {0}")]
    Schema(std::sync::Arc<sqlx::migrate::MigrateError>),
    /// The database belongs to a newer version, and has no place any more for what this one writes.
    #[error(
        "the database belongs to a newer version of Nervecenter: that which uses it must know migration {needs}, and this one knows no later one than {known}"
    )]
    Newer {
        needs: i64,
        /// The last migration that this program has.
        known: i64,
    },
    /// A row holds what this version cannot read.
    #[error("table {table}, row {row}: column {column} holds {value:?}")]
    BadRow {
        table: &'static str,
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

impl Error {
    /// Whether the engine itself is away or full, so that any other statement would fail now as well.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<sqlx::Error> for Error {
    fn from(e: sqlx::Error) -> Self {
        if let Some(constraint) = broken_uniqueness(&e) {
            return Self::Taken(constraint);
        }
        match kind(&e) {
            ErrorClass::Away => Self::Unavailable(e.into()),
            ErrorClass::Slow => Self::TooSlow,
            ErrorClass::Conflict => Self::Conflict,
            ErrorClass::Refused => Self::Engine(e.into()),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(e: sqlx::migrate::MigrateError) -> Self {
        match e {
            sqlx::migrate::MigrateError::Execute(e) => e.into(),
            e => Self::Schema(e.into()),
        }
    }
}

/// The constraint of a refused insert or update, if it is one of uniqueness.
fn broken_uniqueness(e: &sqlx::Error) -> Option<String> {
    let sqlx::Error::Database(e) = e else {
        return None;
    };
    let constraint = e.constraint().filter(|_| e.is_unique_violation())?;
    Some(constraint.to_owned())
}

enum ErrorClass {
    Away,
    Slow,
    Conflict,
    Refused,
}

fn kind(e: &sqlx::Error) -> ErrorClass {
    let sqlx::Error::Database(e) = e else {
        return match e {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => ErrorClass::Away,
            // sqlx 0.9 reports a PostgreSQL connection that ends in the middle of a message this way.
            sqlx::Error::Protocol(_) => ErrorClass::Away,
            _ => ErrorClass::Refused,
        };
    };
    let code = e.code().unwrap_or_default();
    if e.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        sqlite_kind(code.parse().unwrap_or(0))
    } else {
        postgres_kind(&code)
    }
}

/// The low byte of SQLite's extended result code is the primary one (<https://sqlite.org/rescode.html>).
fn sqlite_kind(extended: i64) -> ErrorClass {
    match extended & 0xff {
        // BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB.
        5 | 6 | 7 | 8 | 10 | 11 | 13 | 14 | 26 => ErrorClass::Away,
        // INTERRUPT, which only the progress handler of `db` causes.
        9 => ErrorClass::Slow,
        _ => ErrorClass::Refused,
    }
}

/// PostgreSQL's SQLSTATE classes (manual, appendix A).
fn postgres_kind(code: &str) -> ErrorClass {
    match code {
        // query_canceled: statement_timeout.
        "57014" => ErrorClass::Slow,
        // serialization_failure, deadlock_detected.
        "40001" | "40P01" => ErrorClass::Conflict,
        // read_only_sql_transaction: a standby after a fail-over. object_not_in_prerequisite_state: the database takes no
        // connections for now.
        "25006" | "55000" => ErrorClass::Away,
        // Connection, insufficient resources, operator intervention, system error.
        c if ["08", "53", "57", "58"]
            .iter()
            .any(|class| c.starts_with(class)) =>
        {
            ErrorClass::Away
        }
        _ => ErrorClass::Refused,
    }
}
