//! The plans of statements that run at the rate of devices.

use super::*;
use serde_json::Value;

both_engines! {
    hot_queries_seek_and_do_not_scan => plans;
    a_plan_without_its_index_is_noticed => dropped;
}

/// Statements that run at device rate or in every scheduler run, and must find their rows by an index.
const HOT: [&str; 16] = [
    "devices.row",
    "devices.by_identifier",
    "devices.next_source",
    "devices.fifo",
    "devices.lifo",
    "devices.blocks_over",
    "inflight.count",
    "inflight.attempts",
    "certificates.holder",
    "secrets.find",
    "deltas.take",
    "users.by_token",
    "extensions.of_device",
    "health_reports.newest",
    "health_reports.sweep",
    "device_logs.behind",
];

/// Those whose index gives the order as well: a fleet of a million must not be sorted for the first ten.
const ORDERED: [&str; 3] = ["devices.next_source", "devices.fifo", "devices.lifo"];

/// What holds few rows, so that all of it may be read: the delta jobs that are open, a group's words, the rows that a statement over
/// a set is given.
const SMALL: [&str; 6] = [
    "update_attempts_open",
    "deltas_open",
    "group_words",
    "jsonb_each",
    "SCAN y",
    "subquery",
];

async fn plans(db: &Db) {
    for name in HOT {
        assert_eq!(faults(db, name).await, [""; 0], "{name}");
    }
    if matches!(db, Db::Sqlite { .. }) {
        // It asks this for each device of a group: by the release alone, half a million devices took 38 s.
        assert!(uses(db, "comparisons.others", "attempts_release_device").await);
    }
    // What devices cause, over the devices of a whole batch.
    // PostgreSQL joins an empty table with a set in whatever way, so that its plan says nothing.
    if matches!(db, Db::Postgres { .. }) {
        return;
    }
    // For a new device SQLite looks through what refers to devices, but only while something there refers to none.
    let insert = "ingest.newcomers";
    let sets = inventory::iter::<Statement>();
    let others = [
        "bearers.certificates_of_keys",
        "bearers.holders",
        "bearers.devices_named",
        "bearers.registered",
        "bearers.keep",
        "inflight.untold_of",
        "inflight.sent_all",
        "inflight.mark_all",
        "inflight.attempts_of",
    ];
    let sets = sets
        .filter(|s| s.name.starts_with("ingest.") && s.name != insert || others.contains(&s.name));
    assert!(sets.clone().count() > 20);
    for s in sets {
        assert_eq!(faults(db, s.name).await, [""; 0], "{}", s.name);
    }
}

/// The test above sees a missing index: each of these is dropped in turn.
async fn dropped(db: &Db) {
    for (name, index) in [
        ("devices.next_source", "devices_fifo"),
        ("devices.fifo", "devices_fifo"),
        ("devices.lifo", "devices_lifo"),
        ("devices.blocks_over", "devices_blocked"),
        ("inflight.count", "inflight_group"),
        ("inflight.attempts", "update_attempts_open"),
        ("deltas.take", "deltas_open"),
        ("health_reports.sweep", "health_reports_at"),
        ("device_logs.behind", "device_logs_device"),
    ] {
        let definition = definition(db, index).await;
        run(db, format!("DROP INDEX {index}")).await;
        assert!(!faults(db, name).await.is_empty(), "{name} without {index}");
        run(db, definition).await;
        assert_eq!(faults(db, name).await, [""; 0], "{name}");
    }
}

async fn run(db: &Db, text: String) {
    let text = sqlx::raw_sql(sqlx::AssertSqlSafe(text));
    match db {
        Db::Sqlite { write, .. } => text.execute(write).await.map(|_| ()),
        Db::Postgres { pool, .. } => text.execute(pool).await.map(|_| ()),
    }
    .unwrap();
}

/// The statement that makes an index again.
async fn definition(db: &Db, index: &str) -> String {
    let (text,): (String,) = match db {
        Db::Sqlite { write, .. } => {
            sqlx::query_as("SELECT sql FROM sqlite_master WHERE name = $1")
                .bind(index)
                .fetch_one(write)
                .await
        }
        Db::Postgres { pool, .. } => {
            sqlx::query_as("SELECT indexdef FROM pg_indexes WHERE indexname = $1")
                .bind(index)
                .fetch_one(pool)
                .await
        }
    }
    .unwrap();
    text
}

/// The steps of a statement's plan that read more than they should.
async fn faults(db: &Db, name: &str) -> Vec<String> {
    let s = inventory::iter::<Statement>()
        .find(|s| s.name == name)
        .expect(name);
    let ordered = ORDERED.contains(&name);
    match db {
        Db::Sqlite { .. } => sqlite_faults(db, s.text, ordered).await,
        Db::Postgres { .. } => {
            let plan = postgres_plan(db, s.postgres).await;
            let mut found = Vec::new();
            postgres_faults(&plan[0]["Plan"], ordered, &mut found);
            found
        }
    }
}

/// Whether SQLite finds something of a statement by an index.
async fn uses(db: &Db, name: &str, index: &str) -> bool {
    let s = inventory::iter::<Statement>()
        .find(|s| s.name == name)
        .expect(name);
    let steps = sqlite_steps(db, s.text).await;
    steps.iter().any(|step| step.contains(index))
}

async fn sqlite_steps(db: &Db, text: &str) -> Vec<String> {
    let Db::Sqlite { write, .. } = db else {
        unreachable!()
    };
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
    let mut query = sqlx::query(explain).persistent(false);
    for _ in 0..text.matches('$').count() {
        query = query.bind(1i64);
    }
    let steps = query.fetch_all(write).await.unwrap();
    steps.iter().map(|row| row.get("detail")).collect()
}

async fn sqlite_faults(db: &Db, text: &str, ordered: bool) -> Vec<String> {
    let bad = |step: &String| {
        let scans = step.starts_with("SCAN") && !SMALL.iter().any(|small| step.contains(small));
        scans || ordered && step.contains("TEMP B-TREE")
    };
    let steps = sqlite_steps(db, text).await.into_iter();
    steps.filter(bad).collect()
}

/// The plan that serves any arguments. The tables are empty, for which PostgreSQL would scan them whatever the indexes are: it
/// must not while it can do otherwise.
async fn postgres_plan(db: &Db, text: &str) -> Value {
    let Db::Postgres { pool, .. } = db else {
        unreachable!()
    };
    let most = (1..40).rev().find(|n| text.contains(&format!("${n}")));
    let nulls = vec!["NULL"; most.unwrap_or(0)].join(", ");
    let arguments = if nulls.is_empty() {
        nulls
    } else {
        format!("({nulls})")
    };
    let mut conn = pool.acquire().await.unwrap().detach();
    let settings = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan;";
    let prepare = format!("{settings} PREPARE hot AS {text}");
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(prepare)).execute(&mut conn);
    done.await.unwrap();
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE hot{arguments}");
    let row = sqlx::raw_sql(sqlx::AssertSqlSafe(explain)).fetch_one(&mut conn);
    let plan: String = row.await.unwrap().try_get_unchecked(0).unwrap();
    serde_json::from_str(&plan).unwrap()
}

fn postgres_faults(node: &Value, ordered: bool, found: &mut Vec<String>) {
    let kind = node["Node Type"].as_str().unwrap();
    let by_index = kind.contains("Index") && kind.contains("Scan");
    let whole_index = by_index
        && node["Index Cond"].is_null()
        && !SMALL.iter().any(|small| node["Index Name"] == **small);
    if kind == "Seq Scan" || whole_index || ordered && kind == "Sort" {
        found.push(node.to_string());
    }
    for below in node["Plans"].as_array().into_iter().flatten() {
        postgres_faults(below, ordered, found);
    }
}
