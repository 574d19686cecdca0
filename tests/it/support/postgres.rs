//! A throw-away PostgreSQL cluster from the installed programs, one for a test run, with a database for each test.

use sqlx::{Connection as _, Executor as _, PgConnection};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

struct Cluster {
    socket: PathBuf,
    /// The guard process stops the cluster and removes its folder when this closes, however the tests end.
    _alive: ChildStdin,
}

/// Where its programs are.
pub fn programs() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path().join("bin"))
        .filter(|p| p.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().or_else(|| {
        let out = Command::new("pg_config").arg("--bindir").output().ok()?;
        let path = PathBuf::from(String::from_utf8(out.stdout).ok()?.trim());
        path.join("initdb").exists().then_some(path)
    })
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    let out = Command::new("id").arg("-u").output();
    out.is_ok_and(|o| o.stdout.trim_ascii() == b"0")
}

fn start() -> Option<Cluster> {
    let bin = programs()?;
    let folder = tempfile::Builder::new()
        .prefix("nervecenter-pg-")
        .tempdir()
        .ok()?
        .keep();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).ok()?;
    let script = format!(
        "set -e; cd {f}; {b}/initdb -D {f}/data -U nc -A trust -E UTF8 --no-sync >/dev/null; \
         {b}/postgres -D {f}/data -k {f} -c listen_addresses= -c fsync=off -c max_connections=500 >{f}/log 2>&1 & pid=$!; \
         cat >/dev/null; kill -INT $pid; wait $pid || true",
        f = folder.display(),
        b = bin.display()
    );
    // PostgreSQL refuses to run as root; the package's user does it then.
    let mut command = if is_root() {
        let mut c = Command::new("runuser");
        c.args(["-u", "postgres", "--", "sh", "-c"]);
        c
    } else {
        let mut c = Command::new("sh");
        c.arg("-c");
        c
    };
    let guarded = format!("{script}; rm -rf {}", folder.display());
    let mut child = command
        .arg(guarded)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let alive = child.stdin.take()?;
    let socket = folder.join(".s.PGSQL.5432");
    let started = Instant::now();
    while !socket.exists() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(50));
    }
    socket.exists().then_some(Cluster {
        socket: folder,
        _alive: alive,
    })
}

/// Says, past the test runner's capture, that a test could not run for want of a program; with `NERVECENTER_NO_SKIP` it fails.
pub fn skipped(what: &str) {
    assert!(
        std::env::var_os("NERVECENTER_NO_SKIP").is_none(),
        "skipped: {what} is not installed"
    );
    let _ = writeln!(std::io::stderr(), "skipped: {what} is not installed");
}

/// The URL of a new, empty database; `None` when PostgreSQL is not installed.
pub async fn database() -> Option<String> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Some(cluster) = CLUSTER.get_or_init(start) else {
        skipped("PostgreSQL");
        return None;
    };
    let socket = cluster.socket.display();
    let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let encoded = socket.to_string().replace('/', "%2F");
    let url = |db: &str| format!("postgres://nc@{encoded}/{db}");
    let mut admin = None;
    for _ in 0..100 {
        match PgConnection::connect(&url("postgres")).await {
            Ok(c) => {
                admin = Some(c);
                break;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    let mut admin = admin.expect("the throw-away cluster answers");
    admin
        .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .expect("a database can be made");
    Some(url(&name))
}
