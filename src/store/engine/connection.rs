//! A connection that is borrowed from a pool, to read or for one transaction. What it must never do is to go back into
//! the pool in an unknown state: SQLite rolls back by itself when the disk is full, and a future that is dropped in
//! the middle leaves a statement, or a BEGIN, under way. So each statement is announced before it runs and settled
//! after it; a connection with an unsettled or failed statement is closed, and the pool opens another one.

use super::Result;
use crate::limits::ROLLBACK_TIME;
use crate::store::support::messages::Wants;
use sqlx::pool::PoolConnection;
use sqlx::{Database, PgConnection, Postgres, Sqlite, SqliteConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// A connection of either engine, as the macros match it.
pub enum Conn<'c> {
    Sqlite(&'c mut SqliteConnection),
    /// PostgreSQL.
    Postgres(&'c mut PgConnection),
}

/// Anything a query can run on.
pub trait On {
    /// The connection, for one statement; [`On::settle`] must follow when it has ended.
    fn conn(&mut self) -> Conn<'_>;

    /// Says that the statement has ended, and whether well.
    fn settle(&mut self, ok: bool);

    fn engine(&self) -> Dialect;
}

/// Which engine a text is for, where no text is the same on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// The engine of a connection.
pub fn dialect(on: &impl On) -> Dialect {
    on.engine()
}

/// A connection and whether it may be used again.
pub struct Held<D: Database> {
    conn: PoolConnection<D>,
    /// A statement was begun and has not been settled.
    running: bool,
    failed: bool,
    statements: Statements,
}

/// Counts the statements of a database value, those that begin and end transactions among them.
pub type Statements = Arc<AtomicU64>;

impl<D: Database> Held<D> {
    pub(super) fn new(conn: PoolConnection<D>, statements: &Statements) -> Self {
        Self {
            conn,
            running: false,
            failed: false,
            statements: statements.clone(),
        }
    }

    fn begin(&mut self) -> &mut D::Connection {
        self.running = true;
        self.statements.fetch_add(1, Ordering::Relaxed);
        &mut self.conn
    }

    fn settle(&mut self, ok: bool) {
        self.running = false;
        self.failed |= !ok;
    }

    fn good(&self) -> bool {
        !self.running && !self.failed
    }
}

impl<D: Database> Drop for Held<D> {
    fn drop(&mut self) {
        if !self.good() {
            self.conn.close_on_drop();
        }
    }
}

/// A connection that only reads.
pub enum Read {
    /// SQLite, opened read-only.
    Sqlite(Held<Sqlite>),
    /// PostgreSQL.
    Postgres(Held<Postgres>),
}

impl On for Read {
    fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(c) => Conn::Sqlite(c.begin()),
            Self::Postgres(c) => Conn::Postgres(c.begin()),
        }
    }

    fn settle(&mut self, ok: bool) {
        match self {
            Self::Sqlite(c) => c.settle(ok),
            Self::Postgres(c) => c.settle(ok),
        }
    }

    fn engine(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

/// One transaction; rolled back unless [`Write::commit`] returns `Ok`.
pub struct Write {
    /// Present until the transaction has ended.
    held: Option<Read>,
    revocations: Revocations,
    revokes: bool,
    wants: Arc<Wants>,
}

/// Counts the transactions that took a right away.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    /// Those of all nodes.
    pub(super) all: Arc<watch::Sender<u64>>,
    /// Those of this node.
    pub(super) own: Arc<watch::Sender<u64>>,
}

impl On for Write {
    fn conn(&mut self) -> Conn<'_> {
        self.held().conn()
    }

    fn settle(&mut self, ok: bool) {
        self.held().settle(ok);
    }

    fn engine(&self) -> Dialect {
        self.held.as_ref().expect(HELD).engine()
    }
}

/// Why a transaction that is there has its connection.
const HELD: &str = "only commit takes the connection, and it takes the transaction too";

impl Write {
    /// Begins a transaction on a connection that may write.
    pub(super) async fn begin(
        held: Read,
        revocations: Revocations,
        wants: Arc<Wants>,
    ) -> Result<Self> {
        let text = match held {
            Read::Sqlite(_) => "BEGIN IMMEDIATE",
            Read::Postgres(_) => "BEGIN",
        };
        let mut held = held;
        run(&mut held, text).await?;
        Ok(Self {
            held: Some(held),
            revocations,
            revokes: false,
            wants,
        })
    }

    /// Who wants to be told of what happens.
    pub fn wants(&self) -> &Wants {
        &self.wants
    }

    /// Says that this transaction may take away somebody's right to something that is open: once it is committed, all who
    /// hold anything open look again ([`super::Db::revocations`]). Every statement that does so says it, which a test of
    /// the sources holds.
    pub(in crate::store) fn revokes(&mut self) {
        self.revokes = true;
    }

    /// Makes the transaction last.
    ///
    /// # Errors
    /// Nothing of the transaction is kept, unless the engine went away just after it committed.
    pub async fn commit(mut self) -> Result<()> {
        // Taken out first: if this future is dropped now, the connection is closed and not rolled back and reused.
        if let Some(mut held) = self.held.take() {
            run(&mut held, "COMMIT").await?;
            if self.revokes {
                for counted in [&self.revocations.all, &self.revocations.own] {
                    counted.send_modify(|n| *n += 1);
                }
            }
        }
        Ok(())
    }

    fn held(&mut self) -> &mut Read {
        self.held.as_mut().expect(HELD)
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        let Some(mut held) = self.held.take() else {
            return;
        };
        let good = match &held {
            Read::Sqlite(c) => c.good(),
            Read::Postgres(c) => c.good(),
        };
        // What failed or is under way is closed by `Held`, which also rolls back.
        if good && tokio::runtime::Handle::try_current().is_ok() {
            tokio::spawn(async move {
                let ended = tokio::time::timeout(ROLLBACK_TIME, run(&mut held, "ROLLBACK")).await;
                if !matches!(ended, Ok(Ok(()))) {
                    tracing::warn!(
                        "a transaction could not be rolled back; its connection is closed"
                    );
                }
            });
        }
    }
}

/// Runs a statement without arguments and without a prepared plan.
async fn run(held: &mut Read, text: &'static str) -> Result<()> {
    on_engine!(held, |c| sqlx::raw_sql(text).execute(c).await.map(|_| ()))?;
    Ok(())
}
