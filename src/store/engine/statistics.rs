//! What the query planner goes by. A plan that was made while a table was small reads all of it, and is kept until the planner knows
//! better.

use super::connection::Held;
use super::{Db, Read, Result};
use crate::limits::{ANALYZE_ROWS, OPTIMIZE_EVERY, TABLES_LOOKED_EVERY};
use sqlx::AssertSqlSafe;
use std::time::Duration;

impl Db {
    /// Refreshes the planner's statistics where they are out of date. SQLite knows by itself where; connections that read learn of it
    /// when they are opened anew, within half an hour. PostgreSQL looks after its tables once a minute, in which a fleet that comes for the first time makes
    /// tables of nothing large: those that have doubled are looked at here.
    ///
    /// # Errors
    /// The database fails.
    pub async fn optimize(&self) -> Result<()> {
        match self {
            Self::Sqlite { write, .. } => {
                let held = Held::new(write.acquire().await?, self.counted());
                let mut on = Read::Sqlite(held);
                on_engine!(&mut on, |c| sqlx::raw_sql("PRAGMA optimize")
                    .execute(c)
                    .await
                    .map(|_| ()))?;
            }
            Self::Postgres { pool, .. } => {
                for table in self.doubled().await? {
                    // The name is quoted by the database.
                    let analyze = AssertSqlSafe(format!("ANALYZE {table}"));
                    sqlx::raw_sql(analyze).execute(pool).await?;
                    tracing::debug!(table, "the planner's statistics are refreshed");
                }
            }
        }
        Ok(())
    }

    /// How often that is worth it.
    pub fn optimize_every(&self) -> Duration {
        match self {
            Self::Sqlite { .. } => OPTIMIZE_EVERY,
            Self::Postgres { .. } => TABLES_LOOKED_EVERY,
        }
    }

    /// Tables of PostgreSQL of which as many rows were changed as the planner knows of.
    async fn doubled(&self) -> Result<Vec<String>> {
        let Self::Postgres { pool, .. } = self else {
            return Ok(Vec::new());
        };
        let tables = sqlx::query_scalar(
            "SELECT QUOTE_IDENT(s.schemaname) || '.' || QUOTE_IDENT(s.relname)
             FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
             WHERE s.n_mod_since_analyze >= $1 AND s.n_mod_since_analyze >= c.reltuples
               AND s.schemaname = CURRENT_SCHEMA()",
        );
        Ok(tables.bind(i64::from(ANALYZE_ROWS)).fetch_all(pool).await?)
    }
}
