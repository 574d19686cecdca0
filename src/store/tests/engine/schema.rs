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
    let server = Db::open_postgres(&url, crate::limits::DEVICE_CONNECTIONS)
        .await
        .unwrap();
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

/// Runs a statement that makes or changes rows.
async fn run(w: &mut Write, text: &'static str) {
    match w.conn() {
        Conn::Sqlite(c) => sqlx::query(text).execute(c).await.map(drop).unwrap(),
        Conn::Postgres(c) => sqlx::query(text).execute(c).await.map(drop).unwrap(),
    }
}

/// Databases of older versions may have addresses that differ by case alone.
async fn such_addresses(db: &Db, migration: &'static str) {
    let mut w = db.write().await.unwrap();
    run(
        &mut w,
        "INSERT INTO users (email, name, password_hash, inserted_at, updated_at)
         VALUES ('Ann@x.org', 'A', 'h', 0, 0), ('ann@x.org', 'a', 'h', 0, 0), ('Bob@x.org', 'B', 'h', 0, 0)",
    )
    .await;
    let mut statements = migration.split(";\n");
    let update = statements.find(|s| s.starts_with("UPDATE users"));
    run(&mut w, update.unwrap()).await;
    w.commit().await.unwrap();
    let mut r = db.read().await.unwrap();
    for (email, name) in [
        ("Ann@x.org", Some("A")),
        ("ann@x.org", Some("a")),
        ("ANN@x.org", None),
        ("bob@X.org", Some("B")),
    ] {
        let found = users::by_email(&mut r, email).await.unwrap();
        assert_eq!(found.map(|user| user.name).as_deref(), name, "{email}");
    }
    drop(r);
    let mut w = db.write().await.unwrap();
    for taken in ["ANN@x.org", "bob@x.org"] {
        let added = users::add(&mut w, taken, "new", "h", Micros(0)).await;
        assert_eq!(added.unwrap(), None, "{taken}");
    }
}

#[tokio::test]
async fn addresses_that_differ_by_case_alone_outlast_the_migration() {
    let (lite, _folder) = sqlite().await;
    let sqlite = include_str!("../../../../migrations/sqlite/0022_addresses.sql");
    such_addresses(&lite, sqlite).await;
    let Some(url) = postgres::database().await else {
        return;
    };
    let server = Db::open_postgres(&url, crate::limits::DEVICE_CONNECTIONS)
        .await
        .unwrap();
    let postgres = include_str!("../../../../migrations/postgres/0022_addresses.sql");
    such_addresses(&server, postgres).await;
}
