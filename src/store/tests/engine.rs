//! The engines: the ledger of statements, transactions, and group commit.

use super::*;

mod conflicts;
mod plans;
mod schema;
mod statistics;
mod versions;

both_engines! {
    every_statement_prepares => prepares;
    a_group_commit_survives_one_bad_record => batching;
    a_connection_in_an_unknown_state_is_not_used_again => connections_survive;
}

async fn prepares(db: &Db) {
    let mut names = BTreeSet::new();
    for s in inventory::iter::<Statement> {
        for (engine, text) in [("sqlite", s.text), ("postgres", s.postgres)] {
            let words: Vec<&str> = text.split_whitespace().collect();
            statements::append(
                "ledger",
                &format!("{engine} {} {}", s.name, words.join(" ")),
            );
        }
        assert!(names.insert(s.name), "{} is there twice", s.name);
        let text = match db {
            Db::Sqlite { .. } => s.text,
            Db::Postgres { .. } => s.postgres,
        };
        let text = sqlx::SqlStr::from_static(text);
        match db {
            Db::Sqlite { write, .. } => {
                let mut c = write.acquire().await.unwrap();
                (&mut *c)
                    .prepare(text)
                    .await
                    .map(|_| ())
                    .unwrap_or_else(|e| panic!("{}: {e}", s.name));
            }
            Db::Postgres { pool, .. } => {
                let mut c = pool.acquire().await.unwrap();
                (&mut *c)
                    .prepare(text)
                    .await
                    .map(|_| ())
                    .unwrap_or_else(|e| panic!("{}: {e}", s.name));
            }
        }
    }
    assert!(
        names.len() > 100,
        "only {} statements in the ledger",
        names.len()
    );
    let texts: BTreeSet<&str> = inventory::iter::<Statement>().map(|s| s.text).collect();
    assert_eq!(texts.len(), names.len(), "a text is there under two names");
}

struct Notes;

impl batch::Writer for Notes {
    type Record = i64;
    type Outcome = bool;

    fn key(record: &i64) -> i64 {
        *record
    }

    async fn write(&self, w: &mut Write, records: &[&i64]) -> Result<Vec<Result<bool>>> {
        let mut outcomes = Vec::new();
        for note in records {
            if **note == 13 {
                // A violation of a foreign key: it fails alone, on PostgreSQL with its whole transaction.
                execute!(
                    w,
                    sql!(
                        "tests.bad",
                        "INSERT INTO products (org_id, name, require_unique_firmware_version, inserted_at, updated_at) VALUES (-1, 'x', TRUE, 0, 0)"
                    )
                )?;
            }
            outcomes.push(Ok(orgs::add(w, &format!("o{note}"), NOW).await?.is_some()));
        }
        Ok(outcomes)
    }
}

async fn batching(db: &Db) {
    let (batcher, work) = batch::Batcher::new(db.clone(), Notes);
    let writers = async {
        let all = (0..40).map(|i| batcher.write(i));
        let answers = futures_util::future::join_all(all).await;
        drop(batcher);
        answers
    };
    let (answers, ()) = tokio::join!(writers, work);
    for (i, answer) in answers.iter().enumerate() {
        assert_eq!(
            answer.as_ref().ok(),
            (i != 13).then_some(&true),
            "record {i}: {answer:?}"
        );
    }
    let mut r = db.read().await.unwrap();
    assert!(orgs::by_name(&mut r, "o13").await.unwrap().is_none());
    assert!(orgs::by_name(&mut r, "o39").await.unwrap().is_some());
}

/// A connection whose transaction failed, was dropped in the middle, or was left is never given back as it was.
async fn connections_survive(db: &Db) {
    let count = async || {
        let mut r = db.read().await.unwrap();
        users::any(&mut r).await.unwrap()
    };
    // Left without a commit: rolled back.
    let mut w = db.write().await.unwrap();
    users::add(&mut w, "a@x.org", "A", "hash", NOW)
        .await
        .unwrap();
    drop(w);
    let mut w = db.write().await.unwrap();
    assert!(!users::any(&mut w).await.unwrap(), "rolled back");
    // A statement that the engine refuses: the transaction is over, and the next one is a new one.
    let refused: Result<Option<(i64,)>> =
        fetch_optional!(&mut w, "SELECT CAST(1 AS BIGINT) FROM no_such_table");
    assert!(refused.is_err());
    drop(w);
    // Futures that are dropped at any of their awaits.
    for polls in 0..40u32 {
        let mut work = Box::pin(async {
            let mut w = db.write().await?;
            let email = format!("{polls}@x.org");
            users::add(&mut w, &email, "B", "hash", NOW).await?;
            w.commit().await
        });
        for _ in 0..polls {
            let poll = futures_util::poll!(&mut work);
            if poll.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(work);
    }
    for n in 0..20 {
        let mut w = db.write().await.expect("the writer works after all that");
        let email = format!("{n}@y.org");
        users::add(&mut w, &email, "C", "hash", NOW).await.unwrap();
        w.commit().await.unwrap();
    }
    assert!(count().await);
}

#[tokio::test]
async fn a_reader_cannot_write_on_sqlite() {
    let (db, _folder) = sqlite().await;
    let Db::Sqlite { read, .. } = &db else {
        unreachable!()
    };
    let tried = sqlx::query("DELETE FROM users").execute(read).await;
    assert!(tried.unwrap_err().to_string().contains("readonly"));
}

/// `.cargo/config.toml` has the reasons. A build from elsewhere works, but its connections wait for each other.
#[tokio::test]
async fn connections_of_sqlite_share_no_lock() {
    let (db, _folder) = sqlite().await;
    let options = texts(&db, "PRAGMA compile_options".into()).await;
    assert!(options.iter().any(|o| o == "DEFAULT_MEMSTATUS=0"));
    for shared in ["ENABLE_MEMORY_MANAGEMENT", "ENABLE_API_ARMOR"] {
        assert!(options.iter().all(|o| o != shared), "{shared}");
    }
}

/// A full database fails the write that does not fit, and the writer goes on as soon as there is room.
#[tokio::test]
async fn a_full_disk_does_not_kill_the_writer() {
    let (db, _folder) = sqlite().await;
    let Db::Sqlite { write, .. } = &db else {
        unreachable!()
    };
    let pages = |n: i64| {
        let text = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {n}"));
        sqlx::query(text).execute(write)
    };
    // SQLite answers as on a full disk when the file may not grow; the limit is the connection's.
    pages(1).await.unwrap();
    let text = "x".repeat(1 << 20);
    let grow = async |name: &str| {
        let mut w = db.write().await?;
        nodes::setting(&mut w, name, text.as_bytes()).await?;
        w.commit().await
    };
    let full = grow("a").await.unwrap_err();
    assert!(full.is_unavailable(), "{full}");
    grow("b").await.expect("the writer was opened anew");
}
