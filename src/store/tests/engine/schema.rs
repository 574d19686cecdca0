//! Both engines have one schema.

use super::*;

async fn columns(db: &Db) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut r = db.read().await.unwrap();
    match r.conn() {
        Conn::Sqlite(c) => {
            let rows: Vec<(String, String, i64)> = sqlx::query_as(
                "SELECT m.name, p.name, p.\"notnull\" OR p.pk > 0 FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table'",
            )
            .fetch_all(&mut *c)
            .await
            .unwrap();
            out.extend(
                rows.into_iter()
                    .map(|(t, c, n)| format!("{t}.{c} {}", n != 0)),
            );
            let rows: Vec<(String,)> = sqlx::query_as(
                "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
            )
            .fetch_all(c)
            .await
            .unwrap();
            out.extend(rows.into_iter().map(|(i,)| format!("index {i}")));
        }
        Conn::Postgres(c) => {
            let rows: Vec<(String, String, String)> = sqlx::query_as(
                "SELECT table_name::text, column_name::text, is_nullable::text FROM information_schema.columns WHERE table_schema = 'public'",
            )
            .fetch_all(&mut *c)
            .await
            .unwrap();
            out.extend(
                rows.into_iter()
                    .map(|(t, c, n)| format!("{t}.{c} {}", n == "NO")),
            );
            let rows: Vec<(String,)> = sqlx::query_as(
                "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey' AND indexname NOT LIKE '%_key'",
            )
            .fetch_all(c)
            .await
            .unwrap();
            out.extend(rows.into_iter().map(|(i,)| format!("index {i}")));
        }
    }
    // SQLite's own table of the numbers that were given out; and the index of identifiers, which each engine has its own way.
    let own = [
        "_sqlx_migrations",
        "sqlite_sequence",
        "device_names",
        "index device_names",
    ];
    out.retain(|c| !own.iter().any(|name| c.starts_with(name)));
    out
}

#[tokio::test]
async fn both_schemas_are_the_same() {
    let names = |engine: &str| -> BTreeSet<_> {
        let folder = format!("{}/migrations/{engine}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
    let (lite, _folder) = sqlite().await;
    let Some(url) = postgres::database().await else {
        return;
    };
    let server = Db::open_postgres(&url).await.unwrap();
    // An index on a key ends in `_key` on both; it is left out on both.
    let own: BTreeSet<_> = columns(&lite)
        .await
        .into_iter()
        .filter(|c| !c.ends_with("_key"))
        .collect();
    assert_eq!(
        own,
        columns(&server)
            .await
            .into_iter()
            .filter(|c| !c.ends_with("_key"))
            .collect()
    );
}
