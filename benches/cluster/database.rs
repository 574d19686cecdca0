//! A PostgreSQL of the bench's own that makes sure that what it commits is on the disk, and can be stopped and started.

use super::machine;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The settings that are not PostgreSQL's own. The number of connections is, so that the nodes have to make do with it.
const SETTINGS: &str =
    "-c listen_addresses= -c max_connections=100 -c shared_buffers=512MB -c max_wal_size=4GB";

pub struct Database {
    folder: PathBuf,
    /// Runs the server, and removes its folder when the bench ends, however that is.
    guard: Child,
    statements: bool,
    /// A PgBouncer in front of it.
    pooler: Option<Child>,
}

/// The counters of the database, since it was made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counters {
    pub transactions: i64,
    pub inserted: i64,
    pub updated: i64,
    /// Bytes of the write-ahead log.
    pub log: i64,
    /// Bytes of the database's files.
    pub size: i64,
}

/// Which of a table's updates needed no change of an index, and how many there were.
pub struct Updates {
    pub table: String,
    pub all: i64,
    pub hot: i64,
}

impl Database {
    /// One with an empty database; with `statements` it counts what each statement takes.
    pub async fn start(statements: bool) -> Self {
        let bin = super::support::postgres::programs().expect("PostgreSQL is installed");
        let folder = tempfile::Builder::new()
            .prefix("nervecenter-bench-pg-")
            .tempdir()
            .unwrap()
            .keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let more = if statements {
            "-c shared_preload_libraries=pg_stat_statements"
        } else {
            ""
        };
        let (f, b) = (folder.display(), bin.display());
        let script = format!(
            "trap '' INT; start() {{ {b}/postgres -D {f}/data -k {f} {SETTINGS} {more} >>{f}/log 2>&1 & pid=$!; }}; \
             {b}/initdb -D {f}/data -U nc -A trust -E UTF8 >/dev/null && start; \
             while read -r word; do case $word in stop) kill -QUIT $pid; wait $pid;; start) start;; esac; done; \
             kill -QUIT $pid; wait $pid; rm -rf {f}/*"
        );
        // PostgreSQL refuses to run as root; the package's user does it then.
        let mut command = if super::support::postgres::is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh", "-c"]);
            command
        } else {
            let mut command = Command::new("sh");
            command.arg("-c");
            command
        };
        let guard = command.arg(script).stdin(Stdio::piped()).spawn().unwrap();
        let own = Self {
            folder,
            guard,
            statements,
            pooler: None,
        };
        let mut admin = own.connect_to("postgres").await;
        admin.execute("CREATE DATABASE bench").await.unwrap();
        if statements {
            let mut c = own.connect().await;
            c.execute("CREATE EXTENSION pg_stat_statements")
                .await
                .unwrap();
        }
        own
    }

    pub fn url(&self) -> String {
        self.url_of("bench")
    }

    fn url_of(&self, name: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://nc@{folder}/{name}")
    }

    /// The address of a PgBouncer in front of it, in transaction mode, which ends with it.
    pub fn pooled(&mut self, pooler: &OsStr) -> String {
        let f = self.folder.display();
        let settings = format!(
            "[databases]\n* = host={f} user=nc\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = {f}\nlisten_port = 6432\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = 40\nmax_client_conn = 1000\n\
             max_prepared_statements = 500\nmax_db_connections = 80\n\
             ignore_startup_parameters = extra_float_digits, idle_in_transaction_session_timeout, statement_timeout\n"
        );
        let file = self.folder.join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        // It refuses to run as root.
        if super::support::postgres::is_root() {
            command.args([
                "--reuid",
                "postgres",
                "--regid",
                "postgres",
                "--clear-groups",
            ]);
        }
        let log = fs::File::create(self.folder.join("pgbouncer.log")).unwrap();
        command.arg(pooler).arg(&file);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.pooler = Some(command.spawn().unwrap());
        format!("{}?port=6432", self.url())
    }

    /// A connection; waits until the server answers.
    pub async fn connect(&self) -> PgConnection {
        self.connect_to("bench").await
    }

    async fn connect_to(&self, name: &str) -> PgConnection {
        let begun = Instant::now();
        loop {
            match PgConnection::connect(&self.url_of(name)).await {
                Ok(connection) => return connection,
                Err(e) => assert!(begun.elapsed() < Duration::from_secs(120), "{e}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Lets the server crash.
    pub fn stop(&mut self) {
        self.say("stop");
    }

    pub fn start_again(&mut self) {
        self.say("start");
    }

    fn say(&mut self, word: &str) {
        let to = self.guard.stdin.as_mut().unwrap();
        writeln!(to, "{word}").unwrap();
    }

    fn pid(&self) -> u32 {
        let file = self.folder.join("data/postmaster.pid");
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines()
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0)
    }

    /// Seconds of CPU of all its processes since it was started.
    pub fn cpu(&self) -> f64 {
        machine::cpu_of_family(self.pid())
    }

    /// KiB of all its processes.
    pub fn memory(&self) -> u64 {
        let all = machine::children(self.pid());
        all.into_iter()
            .chain([self.pid()])
            .map(machine::proportional)
            .sum()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(pooler) = &mut self.pooler {
            let _ = pooler.kill();
            let _ = pooler.wait();
        }
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A number.
pub async fn count(c: &mut PgConnection, text: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(text.to_owned()))
        .fetch_one(c)
        .await
        .unwrap()
}

/// Connections of devices that are open, as the nodes have written.
pub async fn connected(c: &mut PgConnection) -> i64 {
    count(
        c,
        "SELECT COUNT(*) FROM connections WHERE status = 'connected'",
    )
    .await
}

pub async fn counters(c: &mut PgConnection) -> Counters {
    // What sessions have counted is told every second or later.
    let row = sqlx::query(
        "SELECT xact_commit, tup_inserted, tup_updated, pg_database_size(datname),
                CAST(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS BIGINT)
         FROM pg_stat_database WHERE datname = current_database()",
    );
    let row = row.fetch_one(c).await.unwrap();
    Counters {
        transactions: row.get(0),
        inserted: row.get(1),
        updated: row.get(2),
        size: row.get(3),
        log: row.get(4),
    }
}

/// The tables with the most updates.
pub async fn updates(c: &mut PgConnection) -> Vec<Updates> {
    let rows = sqlx::query(
        "SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE n_tup_upd > 1000
         ORDER BY n_tup_upd DESC LIMIT 5",
    );
    let rows = rows.fetch_all(c).await.unwrap();
    rows.iter()
        .map(|row| Updates {
            table: row.get(0),
            all: row.get(1),
            hot: row.get(2),
        })
        .collect()
}

impl Database {
    /// The statements that took the most time since this was asked last, with their calls and milliseconds; none when they are not
    /// counted.
    pub async fn slowest(&self, c: &mut PgConnection) -> Vec<String> {
        if !self.statements {
            return Vec::new();
        }
        let rows = sqlx::query(
            "SELECT regexp_replace(query, '\\s+', ' ', 'g'), calls, total_exec_time, rows FROM pg_stat_statements
             ORDER BY total_exec_time DESC LIMIT 16",
        );
        let rows = rows.fetch_all(&mut *c).await.unwrap();
        c.execute("SELECT pg_stat_statements_reset()")
            .await
            .unwrap();
        rows.iter()
            .map(|row| {
                let (text, calls): (String, i64) = (row.get(0), row.get(1));
                let (ms, n): (f64, i64) = (row.get(2), row.get(3));
                let short: String = text.chars().take(110).collect();
                format!("{ms:>9.0} ms {calls:>8} calls {n:>8} rows  {short}")
            })
            .collect()
    }
}

/// What the nodes' connections do, as often as it was looked.
#[derive(Debug, Default)]
pub struct Activity {
    looks: u64,
    most: i64,
    doing: BTreeMap<String, i64>,
}

impl Activity {
    pub async fn look(&mut self, c: &mut PgConnection) {
        let rows = sqlx::query(
            "SELECT state || COALESCE(CASE WHEN state <> 'idle' THEN ', ' || wait_event END, ''), COUNT(*)
             FROM pg_stat_activity WHERE application_name LIKE 'nervecenter%' AND state IS NOT NULL GROUP BY 1",
        );
        let rows = rows.fetch_all(c).await.unwrap();
        self.looks += 1;
        let mut all = 0;
        for row in &rows {
            let (what, n): (String, i64) = (row.get(0), row.get(1));
            *self.doing.entry(what).or_default() += n;
            all += n;
        }
        self.most = self.most.max(all);
    }

    /// The most connections at once, and how many did what on average.
    pub fn said(&self) -> String {
        let mut doing: Vec<_> = self.doing.iter().collect();
        doing.sort_by_key(|(_, n)| -**n);
        let looks = self.looks.max(1) as f64;
        let parts: Vec<String> = doing
            .iter()
            .map(|(what, n)| (what, **n as f64 / looks))
            .filter(|(_, mean)| *mean >= 0.05)
            .map(|(what, mean)| format!("{mean:.1} {what}"))
            .collect();
        format!("at most {}; {}", self.most, parts.join("; "))
    }
}
