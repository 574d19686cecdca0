//! The database as a value: which engine, its pools, and for whom they are.

use super::connection::{Held, Revocations, Statements};
use super::waits::{StoreWait, StoreWaits};
use super::{Error, Read, Result, Write, priority};
use crate::clock::{Clock, Micros};
use crate::limits::{
    CONNECTION_TRUSTED, DEVICE_CONNECTION_WAIT, DEVICE_READERS, HEARTBEAT_TIME, LOOK_EVERY,
    PEOPLE_CONNECTION_WAIT, PEOPLE_READERS, STATEMENT_STEPS, STATEMENT_TIME, TRANSACTION_IDLE,
};
use crate::store::node::nodes;
use crate::store::support::messages::Wants;
use sqlx::migrate::{Migrate, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Acquire, Connection, Database, PgConnection, PgPool, SqlitePool};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The database: one of two engines. Devices and jobs have their own connections; a value made by [`Db::for_people`]
/// uses others, whose statements are stopped after [`STATEMENT_TIME`], so that no query of a person can keep devices
/// waiting.
#[derive(Clone, Debug)]
pub enum Db {
    /// Embedded: many readers, one writer whose transactions begin `IMMEDIATE`.
    Sqlite {
        /// Readers for devices and jobs.
        read: SqlitePool,
        /// Readers for people.
        people_read: SqlitePool,
        /// The one writer.
        write: SqlitePool,
        /// The file, as it was opened.
        file: Arc<Opened>,
        /// Rights that were taken away.
        revocations: Revocations,
        /// What this value and its clones share.
        shared: Arc<Shared>,
        /// Whether this value serves people.
        people: bool,
    },
    /// A PostgreSQL server, version 15 or later.
    Postgres {
        /// Connections for devices and jobs.
        pool: PgPool,
        /// Connections for people.
        people_pool: PgPool,
        /// Rights that were taken away.
        revocations: Revocations,
        /// What this value and its clones share.
        shared: Arc<Shared>,
        /// Whether this value serves people.
        people: bool,
    },
}

/// What all clones of a database value share.
#[derive(Debug, Default)]
pub struct Shared {
    clock: Clock,
    statements: Statements,
    wants: Arc<Wants>,
    waits: StoreWaits,
}

/// The SQLite file that was opened, to notice that another one, or none, has taken its name.
#[derive(Debug)]
pub struct Opened {
    /// Where it is.
    pub path: PathBuf,
    device: u64,
    inode: u64,
}

impl Opened {
    fn new(path: &Path) -> std::io::Result<Self> {
        let file = std::fs::metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            device: file.dev(),
            inode: file.ino(),
        })
    }

    /// Whether the name still leads to the file that is open.
    pub fn in_place(&self) -> bool {
        Self::new(&self.path).is_ok_and(|now| (now.device, now.inode) == (self.device, self.inode))
    }
}

impl Db {
    /// Opens the SQLite file, made when absent and readable by its owner only, and brings its schema up to date.
    /// `synchronous = FULL`: an accepted firmware survives a power cut, and group commit makes that cheap.
    pub async fn open_sqlite(path: &Path) -> Result<Self> {
        #[cfg(test)]
        crate::store::tests::ran::record();
        private_file(path).map_err(sqlx::Error::Io)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(20))
            .pragma("temp_store", "memory")
            .optimize_on_close(true, None);
        // No connection to a file of this machine is lost while it waits, and to ask it first would cost as much as a statement.
        let untested = || SqlitePoolOptions::new().test_before_acquire(false);
        let write = untested()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        let known = migrate(&mut sqlx::migrate!("./migrations/sqlite"), &write).await?;
        let options = options.read_only(true);
        let readers = |n: u32| untested().max_connections(n);
        let db = Self::Sqlite {
            read: readers(DEVICE_READERS)
                .connect_with(options.clone())
                .await?,
            people_read: readers(PEOPLE_READERS)
                .after_connect(|_, _| {
                    priority::lower();
                    Box::pin(std::future::ready(Ok(())))
                })
                .connect_with(options.thread_name(priority::thread_name))
                .await?,
            write,
            file: Arc::new(Opened::new(path).map_err(sqlx::Error::Io)?),
            revocations: Revocations::default(),
            shared: Arc::default(),
            people: false,
        };
        db.check_version(known).await
    }

    /// Connects to PostgreSQL and brings its schema up to date; two nodes that start together take turns. So many connections are for
    /// devices and jobs.
    pub async fn open_postgres(url: &str, connections: u32) -> Result<Self> {
        #[cfg(test)]
        crate::store::tests::ran::record();
        // A node that was stopped in the middle of a transaction must not keep the others waiting for what it has locked.
        let idle = format!("{}ms", TRANSACTION_IDLE.as_millis());
        let options = PgConnectOptions::from_str(url)?
            .application_name("nervecenter")
            .options([("idle_in_transaction_session_timeout", idle)]);
        let pool = |n: u32, wait: Duration| {
            PgPoolOptions::new()
                .max_connections(n)
                .acquire_timeout(wait)
                // Every connection is tested when it is given back; once more only when it has lain idle since.
                .test_before_acquire(false)
                .before_acquire(|connection, about| {
                    Box::pin(async move {
                        if about.idle_for >= CONNECTION_TRUSTED {
                            connection.ping().await?;
                        }
                        Ok(true)
                    })
                })
        };
        let devices = pool(connections, DEVICE_CONNECTION_WAIT)
            .connect_with(options.clone())
            .await?;
        let known = migrate_in_turn(&options, &devices).await?;
        let limit = format!("{}ms", STATEMENT_TIME.as_millis());
        let limited = options.options([("statement_timeout", limit)]);
        let db = Self::Postgres {
            pool: devices,
            revocations: Revocations::default(),
            shared: Arc::default(),
            people_pool: pool(PEOPLE_READERS, PEOPLE_CONNECTION_WAIT).connect_lazy_with(limited),
            people: false,
        };
        db.check_version(known).await
    }

    /// Refuses a database that has no place any more for what a program writes whose last migration is this one.
    async fn check_version(self, known: i64) -> Result<Self> {
        let mut r = self.read().await?;
        let needs = nodes::find_setting(&mut r, OLDEST_PROGRAM).await?;
        drop(r);
        let needs = needs.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
        match needs.filter(|needs| *needs > known) {
            Some(needs) => Err(Error::Newer { needs, known }),
            None => Ok(self),
        }
    }

    /// The same database through the connections that are for people.
    pub fn for_people(&self) -> Self {
        let mut db = self.clone();
        match &mut db {
            Self::Sqlite { people, .. } | Self::Postgres { people, .. } => *people = true,
        }
        db
    }

    /// The same database through one connection of its own, so that a sign of life never waits behind what devices write, and what is
    /// written under a lock does not wait for the connection that holds it.
    pub fn by_one_connection(&self) -> Self {
        let mut db = self.clone();
        if let Self::Postgres { pool, .. } = &mut db {
            let options = PgConnectOptions::clone(&pool.connect_options());
            *pool = PgPoolOptions::new()
                .max_connections(1)
                .acquire_timeout(HEARTBEAT_TIME)
                .connect_lazy_with(options);
        }
        db
    }

    /// A reader.
    pub async fn read(&self) -> Result<Read> {
        let statements = &self.shared().statements;
        let _wait = self.wait();
        Ok(match self {
            Self::Sqlite {
                read,
                people: false,
                ..
            } => Read::Sqlite(Held::new(read.acquire().await?, statements)),
            Self::Sqlite { people_read, .. } => {
                let mut conn = people_read.acquire().await?;
                let end = Instant::now() + STATEMENT_TIME;
                conn.lock_handle()
                    .await?
                    .set_progress_handler(STATEMENT_STEPS, move || Instant::now() < end);
                Read::Sqlite(Held::new(conn, statements))
            }
            Self::Postgres {
                pool,
                people_pool,
                people,
                ..
            } => {
                let pool = if *people { people_pool } else { pool };
                Read::Postgres(Held::new(pool.acquire().await?, statements))
            }
        })
    }

    /// Begins a transaction.
    pub async fn write(&self) -> Result<Write> {
        let statements = &self.shared().statements;
        let held = match self {
            Self::Sqlite { write, .. } => {
                let _wait = self.wait();
                Read::Sqlite(Held::new(write.acquire().await?, statements))
            }
            Self::Postgres { .. } => self.read().await?,
        };
        let wants = self.shared().wants.clone();
        Write::begin(held, self.counts_revocations().clone(), wants).await
    }

    fn shared(&self) -> &Shared {
        match self {
            Self::Sqlite { shared, .. } | Self::Postgres { shared, .. } => shared,
        }
    }

    /// The same database for a server that lives by another clock. To be called before it is cloned: what was cloned
    /// before keeps its clock.
    pub fn with_clock(mut self, clock: Clock) -> Self {
        match &mut self {
            Self::Sqlite { shared, .. } | Self::Postgres { shared, .. } => {
                *shared = Arc::new(Shared {
                    clock,
                    ..Shared::default()
                });
            }
        }
        self
    }

    /// The clock of the server that has this database open.
    pub fn clock(&self) -> &Clock {
        &self.shared().clock
    }

    /// The time by that clock.
    pub fn now(&self) -> Micros {
        self.clock().now()
    }

    /// Who wants to be told of what happens.
    pub fn wants(&self) -> &Wants {
        &self.shared().wants
    }

    /// What waits for the database on behalf of devices and jobs.
    pub fn waits(&self) -> &StoreWaits {
        &self.shared().waits
    }

    /// Counts the caller among those who wait, unless it serves people, who have connections of their own.
    fn wait(&self) -> Option<StoreWait> {
        let (Self::Sqlite { people, .. } | Self::Postgres { people, .. }) = self;
        (!people).then(|| self.waits().begin())
    }

    /// How many statements were run through this value and its clones, those that begin and end transactions among them.
    pub fn statements(&self) -> u64 {
        let counted = &self.shared().statements;
        counted.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Counts the statements that are run through this value and its clones.
    pub(super) fn counted(&self) -> &Statements {
        &self.shared().statements
    }

    fn counts_revocations(&self) -> &Revocations {
        match self {
            Self::Sqlite { revocations, .. } | Self::Postgres { revocations, .. } => revocations,
        }
    }

    /// Changes each time a right was taken away: whoever holds something open for a person looks again whether that person may
    /// still have it.
    pub fn revocations(&self) -> watch::Receiver<u64> {
        self.counts_revocations().all.subscribe()
    }

    /// Changes each time a right was taken away through this node.
    pub fn own_revocations(&self) -> watch::Receiver<u64> {
        self.counts_revocations().own.subscribe()
    }

    /// Says that a right was taken away through another node.
    pub fn revoked_elsewhere(&self) {
        self.counts_revocations().all.send_modify(|n| *n += 1);
    }

    /// How long to wait before looking whether a right is still there, so that thousands who hold something open do not all
    /// look at once: a different time for each, longer with their number.
    pub fn look_delay(&self) -> Duration {
        let all = u32::try_from(self.counts_revocations().all.receiver_count()).unwrap_or(u32::MAX);
        LOOK_EVERY.saturating_mul(rand::random_range(0..all.max(1)))
    }

    /// The SQLite file; none on PostgreSQL.
    pub fn file(&self) -> Option<&Opened> {
        match self {
            Self::Sqlite { file, .. } => Some(file),
            Self::Postgres { .. } => None,
        }
    }

    /// Waits for what is running and closes the files or sockets.
    pub async fn close(&self) {
        match self {
            Self::Sqlite {
                read,
                people_read,
                write,
                ..
            } => {
                read.close().await;
                people_read.close().await;
                write.close().await;
            }
            Self::Postgres {
                pool, people_pool, ..
            } => {
                people_pool.close().await;
                pool.close().await;
            }
        }
    }
}

/// The setting that holds the last migration that a program must know to use the database. Migrations add what a newer version needs and
/// leave what the one before uses, so that both run side by side while servers are exchanged; one that takes something away raises this.
const OLDEST_PROGRAM: &str = "oldest program";

/// The number of the lock under which one node after the other brings the schema up to date.
const MIGRATION_LOCK: i64 = 0x6e65_7276_6563_656e;

/// Brings the schema of PostgreSQL up to date while no other node does. The lock is one of a transaction and not of a session, as the
/// migrator's own would be, since behind PgBouncer in transaction mode a session is nobody's.
async fn migrate_in_turn(options: &PgConnectOptions, pool: &PgPool) -> Result<i64> {
    let mut connection = PgConnection::connect_with(options).await?;
    let mut turn = Connection::begin(&mut connection).await?;
    // It does nothing while the migrations run, however long that takes.
    sqlx::raw_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        .execute(&mut *turn)
        .await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(MIGRATION_LOCK)
        .execute(&mut *turn)
        .await?;
    let mut all = sqlx::migrate!("./migrations/postgres");
    let known = migrate(all.set_locking(false), pool).await?;
    turn.commit().await?;
    connection.close().await?;
    Ok(known)
}

/// Brings the schema up to date. What a newer version has added stays. Returns the last migration that this program has.
async fn migrate<'p, D, P>(all: &mut Migrator, pool: P) -> Result<i64>
where
    P: Acquire<'p, Database = D>,
    D: Database,
    D::Connection: Migrate,
{
    all.set_ignore_missing(true).run(pool).await?;
    Ok(all.iter().map(|m| m.version).max().unwrap_or_default())
}

/// Makes the file with mode 0600 when it is absent, and takes rights of others away when it is there.
fn private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?
        .set_permissions(std::fs::Permissions::from_mode(0o600))
}
