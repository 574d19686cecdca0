//! What the planner knows of tables that have become large at once.

use super::*;
use std::time::{Duration, Instant};

both_engines! {
    the_planner_learns_that_a_table_has_become_large => large;
}

/// Rows of the table of devices, as the planner of PostgreSQL knows it.
async fn known(db: &Db) -> Option<f32> {
    let Db::Postgres { pool, .. } = db else {
        return None;
    };
    let rows = sqlx::query_scalar("SELECT reltuples FROM pg_class WHERE relname = 'devices'");
    Some(rows.fetch_one(pool).await.unwrap())
}

async fn large(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    fleet(&mut w, &world, 600).await;
    w.commit().await.unwrap();
    let begun = Instant::now();
    loop {
        db.optimize().await.unwrap();
        // PostgreSQL counts what was changed a second later or so.
        if known(db).await.is_none_or(|rows| rows >= 600.0) {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{:?}",
            known(db).await
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(db.optimize_every() > Duration::ZERO);
}
