//! The plans of statements that run at the rate of devices.

use super::*;

both_engines! {
    hot_queries_seek_and_do_not_scan => plans;
}

/// Statements that run at device rate or in every scheduler run, and must find their rows by an index.
const HOT: [&str; 18] = [
    "devices.row",
    "devices.by_identifier",
    "devices.next_source",
    "devices.fifo",
    "devices.lifo",
    "devices.blocks_over",
    "connections.connected",
    "inflight.count",
    "inflight.sent",
    "inflight.attempts",
    "certificates.holder",
    "secrets.find",
    "deltas.take",
    "users.by_token",
    "extensions.of_device",
    "health_reports.newest",
    "health_reports.sweep",
    "device_logs.newest",
];

async fn plans(db: &Db) {
    for name in HOT {
        let s = inventory::iter::<Statement>()
            .find(|s| s.name == name)
            .expect(name);
        let Db::Sqlite { write, .. } = db else {
            // On an empty table PostgreSQL plans a scan whatever the indexes are; the indexes themselves are compared
            // with SQLite's by `both_schemas_are_the_same`.
            return;
        };
        let mut c = write.acquire().await.unwrap();
        let text = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", s.text));
        let mut query = sqlx::query(text);
        for _ in 0..s.text.matches('$').count() {
            query = query.bind(1i64);
        }
        for row in query.fetch_all(&mut *c).await.unwrap() {
            let step: String = row.get("detail");
            // A group's words are few, and the partial index holds open jobs only.
            let small = step.contains("group_words") || step.contains("deltas_open");
            assert!(!step.starts_with("SCAN") || small, "{name}: {step}");
        }
    }
}
