//! This version on the database of the next one, as while servers are exchanged one after the other.

use super::*;
use crate::store::node::nodes;

/// What a next migration may do: add columns to each table, and a table.
async fn add_next_migration(db: &Db) {
    let mut w = db.write().await.unwrap();
    let tables: Vec<(String,)> = match w.conn() {
        Conn::Sqlite(c) => sqlx::query_as("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlx%' AND name NOT LIKE 'device_names%'")
            .fetch_all(c)
            .await,
        Conn::Postgres(c) => sqlx::query_as("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_sqlx%'")
            .fetch_all(c)
            .await,
    }
    .unwrap();
    assert!(tables.len() > 40);
    let mut texts: Vec<String> = tables
        .iter()
        .map(|(t,)| format!("ALTER TABLE {t} ADD COLUMN of_next_version BIGINT NOT NULL DEFAULT 7"))
        .collect();
    texts.push("CREATE TABLE of_next_version (id BIGINT PRIMARY KEY)".into());
    texts.push(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'of the next version', TRUE, '\\x00', 1)"
            .into(),
    );
    for text in texts {
        let text = sqlx::AssertSqlSafe(text);
        match w.conn() {
            Conn::Sqlite(c) => c.execute(text).await.map(|_| ()),
            Conn::Postgres(c) => c.execute(text).await.map(|_| ()),
        }
        .unwrap();
    }
    w.settle(true);
    w.commit().await.unwrap();
}

async fn sees_it_through(open: impl AsyncFn() -> Result<Db>) {
    let db = open().await.unwrap();
    add_next_migration(&db).await;
    db.close().await;
    // It starts, and what it reads and writes is still there.
    let db = open().await.unwrap();
    prepares(&db).await;
    batching(&db).await;
    // Once something was taken away that it needs, it does not start any more.
    let mut w = db.write().await.unwrap();
    nodes::set(&mut w, "oldest program", b"9999").await.unwrap();
    w.commit().await.unwrap();
    db.close().await;
    let refused = open().await.unwrap_err();
    assert!(
        matches!(refused, Error::Newer { needs: 9999, .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("newer version of Nervecenter"));
}

#[tokio::test]
async fn it_works_with_what_the_next_version_adds_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    sees_it_through(async || Db::open_sqlite(&path).await).await;
}

#[tokio::test]
async fn it_works_with_what_the_next_version_adds_on_postgres() {
    let Some(url) = postgres::database().await else {
        return;
    };
    sees_it_through(async || Db::open_postgres(&url, crate::limits::DEVICE_CONNECTIONS).await)
        .await;
}
