//! A server on ports of its own, with data of its own: in the test's process with a clock that the test moves, or the real
//! binary as a process, for tests of what only a process has (signals, memory, a log, its end).

use super::hosted::Hosted;
use super::nodes::Nodes;
use super::{Api, ports, postgres, statement_log};
use nervecenter::Clock;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_nervecenter");

/// Which database a test runs on.
#[derive(Debug, Clone, Copy)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// What a server runs in.
pub(super) enum Host {
    Process(Child),
    Here(Box<Hosted>),
    Nodes(Box<Nodes>),
}

impl Host {
    fn child(&self) -> &Child {
        match self {
            Self::Process(child) => child,
            Self::Here(_) | Self::Nodes(_) => {
                panic!("start it with `Server::process`: it has no process of its own")
            }
        }
    }

    fn child_mut(&mut self) -> &mut Child {
        match self {
            Self::Process(child) => child,
            Self::Here(_) | Self::Nodes(_) => {
                panic!("start it with `Server::process`: it has no process of its own")
            }
        }
    }
}

/// A running server; killed when dropped.
pub struct Server {
    host: Host,
    pub folder: TempDir,
    database_url: Option<String>,
    pub web: String,
    pub devices: String,
    pub downloads: String,
    pub ca: PathBuf,
    pub login: Value,
}

/// `cargo test` may have installed none; the first to need it does.
fn provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// With these every operation of the API is served.
pub const ALL_OPERATIONS: [&str; 10] = [
    "--open-for-registrations",
    "on",
    "--private-webhooks",
    "on",
    "--smtp-url",
    "smtp://127.0.0.1:9",
    "--mail-from",
    "ota@acme.org",
    "--web-url",
    "https://n.acme.org",
];

impl Server {
    /// Starts one in this process, with an organization `acme` and the product of the fixtures. `None` when the engine is
    /// not installed.
    pub async fn start(engine: Engine) -> Option<Self> {
        Self::with(engine, &[]).await
    }

    /// Starts one in this process that people reach under a domain name.
    pub async fn named(engine: Engine) -> Option<Self> {
        Self::with(engine, &["--web-url", super::authenticator::ORIGIN]).await
    }

    /// Starts one in this process with further flags.
    pub async fn with(engine: Engine, flags: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let database_url = database(engine).await?;
        let mut all = flags.to_vec();
        if let Some(url) = &database_url {
            all.extend(["--database-url", url]);
        }
        let data = folder.path().join("data");
        let name = engine_name(database_url.as_deref());
        let (hosted, ready) = Hosted::start(name, &data, &all).await;
        Some(Self::ready(Host::Here(Box::new(hosted)), folder, database_url, &ready).with_login())
    }

    /// Starts the binary.
    pub async fn process(engine: Engine) -> Option<Self> {
        Self::inside(engine, tempfile::tempdir().unwrap(), &[]).await
    }

    /// Starts the binary, with its data in this folder.
    pub async fn inside(engine: Engine, folder: TempDir, flags: &[&str]) -> Option<Self> {
        Self::under(engine, folder, flags, &[]).await
    }

    /// The same, with more in its environment.
    pub async fn under(
        engine: Engine,
        folder: TempDir,
        flags: &[&str],
        environment: &[(&str, &Path)],
    ) -> Option<Self> {
        let database_url = database(engine).await?;
        let (child, ready) = launch(
            &folder,
            database_url.as_deref(),
            own_addresses(),
            flags,
            environment,
        );
        Some(Self::ready(Host::Process(child), folder, database_url, &ready).with_login())
    }

    /// The time by the server's clock, as devices sign it.
    pub fn now_ms(&self) -> i64 {
        let machine = Clock::default();
        let clock = match &self.host {
            Host::Here(hosted) => hosted.clock(),
            Host::Nodes(nodes) => nodes.clock(),
            Host::Process(_) => &machine,
        };
        clock.now().0 / 1_000
    }

    pub(super) fn ready(
        host: Host,
        folder: TempDir,
        database_url: Option<String>,
        ready: &Value,
    ) -> Self {
        Self {
            host,
            database_url,
            web: text(ready, "web"),
            devices: text(ready, "devices"),
            downloads: text(ready, "downloads"),
            ca: PathBuf::from(text(ready, "ca")),
            folder,
            login: Value::Null,
        }
    }

    pub(super) fn with_login(mut self) -> Self {
        self.login = self.bootstrap("jane@acme.org", "acme", super::fixtures::PRODUCT);
        self
    }

    /// Moves the server's clock forward. What it holds open notices, and every job that is due by then runs.
    pub fn advance(&self, by: std::time::Duration) {
        match &self.host {
            Host::Here(hosted) => hosted.clock().advance(by),
            Host::Nodes(nodes) => nodes.advance(by),
            Host::Process(_) => {
                panic!("start it with `Server::start`: this one has the machine's clock")
            }
        }
    }

    /// `admin bootstrap` beside the running server.
    pub fn bootstrap(&self, email: &str, org: &str, product: &str) -> Value {
        let mut command = Command::new(BINARY);
        command.args([
            "admin",
            "bootstrap",
            "--json",
            "--email",
            email,
            "--org",
            org,
            "--product",
            product,
        ]);
        let out = self.on_its_data(&mut command);
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        serde_json::from_slice(&out.stdout).unwrap()
    }

    /// Its PostgreSQL, if it runs on one.
    pub fn database_url(&self) -> Option<&str> {
        self.database_url.as_deref()
    }

    /// Runs a command beside the running server, on the same data.
    fn on_its_data(&self, command: &mut Command) -> Output {
        match &self.database_url {
            Some(url) => command.args(["--database-url", url]),
            None => command
                .arg("--data-dir")
                .arg(self.folder.path().join("data")),
        };
        statement_log::output(command, engine_name(self.database_url()))
    }

    /// A new password, by `admin reset-password` beside the running server.
    pub fn reset_password(&self, email: &str) -> String {
        let mut command = Command::new(BINARY);
        command.args(["admin", "reset-password", "--email", email]);
        let out = self.on_its_data(&mut command);
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{said}");
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    /// What a subcommand of `admin` about the product prints, beside the running server.
    pub fn admin(&self, args: &[&str]) -> String {
        let mut command = Command::new(BINARY);
        command.args(["admin", args[0], "--org", "acme"]);
        command.args(["--product", super::fixtures::PRODUCT]);
        command.args(&args[1..]);
        command.env("NERVECENTER_TOKEN", self.login("token"));
        let out = self.on_its_data(&mut command);
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{args:?}: {said}");
        String::from_utf8(out.stdout).unwrap()
    }

    /// What a subcommand of `admin` about all of the server prints; whether it succeeded, and what it said.
    fn administer(&self, args: &[&str]) -> (bool, String, String) {
        let mut command = Command::new(BINARY);
        command.arg("admin").args(args);
        command.arg("--data-dir").arg(self.data());
        if let Some(url) = &self.database_url {
            command.args(["--database-url", url]);
        }
        let out = statement_log::output(&mut command, engine_name(self.database_url()));
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (out.status.success(), text(out.stdout), text(out.stderr))
    }

    /// What such a subcommand prints.
    pub fn admin_of_all(&self, args: &[&str]) -> String {
        let (done, printed, said) = self.administer(args);
        assert!(done, "{args:?}: {said}");
        printed
    }

    /// Why such a subcommand refused.
    pub fn admin_fails(&self, args: &[&str]) -> String {
        let (done, printed, said) = self.administer(args);
        assert!(!done, "{args:?}: {printed}");
        said
    }

    /// The administrator's client.
    pub fn api(&self) -> Api {
        Api::new(&self.web, self.login["token"].as_str().unwrap())
    }

    /// The client of a member of `acme` with this role.
    pub async fn member(&self, role: &str) -> Api {
        self.member_called(role, role).await
    }

    /// The client of another member with this name and role.
    pub async fn member_called(&self, name: &str, role: &str) -> Api {
        let email = format!("{name}@acme.org");
        let other = self.bootstrap(&email, "other", "thing");
        let form = serde_json::json!({"email": email, "role": role});
        let answer = self.api().post("/api/orgs/acme/users", form).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        self.api().with_token(other["token"].as_str().unwrap())
    }

    pub fn login(&self, key: &str) -> &str {
        self.login[key].as_str().unwrap()
    }

    /// Kills it as a power cut would, and starts it again on the same data and ports.
    pub fn crash_and_restart(&mut self) {
        self.kill();
        self.restart();
    }

    /// Starts it again on the same data and ports, after it has ended.
    pub fn restart(&mut self) {
        self.restart_with(&[]);
    }

    /// The same, with these flags.
    pub fn restart_with(&mut self, flags: &[&str]) {
        let ports = [&self.web, &self.devices, &self.downloads].map(String::clone);
        let (child, _) = launch(
            &self.folder,
            self.database_url.as_deref(),
            ports,
            flags,
            &[],
        );
        self.host = Host::Process(child);
    }

    /// Kills it as a power cut would; nothing is said to the database.
    pub fn kill(&mut self) {
        let child = self.host.child_mut();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stops its process for a while, as a machine that sleeps, and lets it go on.
    pub fn signal(&self, name: &str) {
        let pid = self.host.child().id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Starts another server on the same PostgreSQL: another node, with the same certificate authority.
    pub fn beside(&self) -> Self {
        let folder = self.neighbour_folder();
        let url = self.database_url.clone();
        let (child, ready) = launch(&folder, url.as_deref(), own_addresses(), &[], &[]);
        let mut other = Self::ready(Host::Process(child), folder, url, &ready);
        other.login = self.login.clone();
        other
    }

    /// Starts another node on the same PostgreSQL with these flags, and with nothing of this one's data.
    pub fn node_beside(&self, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = self.database_url.clone();
        let (child, ready) = launch(&folder, url.as_deref(), own_addresses(), flags, &[]);
        let mut other = Self::ready(Host::Process(child), folder, url, &ready);
        other.login = self.login.clone();
        other
    }

    /// Starts a node that reaches its PostgreSQL by the address `over`; the test itself does by `url`.
    pub fn node_on(over: &str, url: &str, flags: &[String]) -> Self {
        provider();
        let folder = tempfile::tempdir().unwrap();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let (child, ready) = launch(&folder, Some(over), own_addresses(), &flags, &[]);
        let host = Host::Process(child);
        Self::ready(host, folder, Some(url.to_owned()), &ready).with_login()
    }

    /// With the administrator of another node of the same installation.
    pub fn with_login_of(mut self, other: &Self) -> Self {
        self.login = other.login.clone();
        self
    }

    /// Starts a server on the same PostgreSQL with these flags and the same certificate authority; it must refuse.
    pub fn refused_beside(&self, flags: &[&str]) -> (Option<i32>, String) {
        let folder = self.neighbour_folder();
        let data = folder.path().join("data");
        let own = ["--data-dir", data.to_str().unwrap()];
        self.refused(&[flags, &own].concat())
    }

    /// A folder whose data folder has the certificate authority of this server, and nothing else of it.
    pub fn neighbour_folder(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let tls = folder.path().join("data/tls");
        std::fs::create_dir_all(&tls).unwrap();
        for name in ["ca.pem", "ca.key"] {
            std::fs::copy(self.data().join("tls").join(name), tls.join(name)).unwrap();
        }
        folder
    }

    /// Asks it to stop, as an init system does; its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        let pid = self.host.child().id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.host.child_mut().wait().unwrap().code()
    }

    /// Starts the program again on the same data; it must refuse. Its exit code and what it said.
    pub fn refused(&self, flags: &[&str]) -> (Option<i32>, String) {
        // One that starts would run for ever; `timeout` ends it with 124.
        let mut command = Command::new("timeout");
        command.args(["60", BINARY, "serve", "--web-listen", "127.0.0.1:0"]);
        command.args(["--device-listen", "127.0.0.1:0", "--download-listen"]);
        command.arg("127.0.0.1:0").args(flags);
        let out = self.on_its_data(&mut command);
        let said = String::from_utf8(out.stderr).unwrap();
        let started = out.status.success() || out.status.code() == Some(124);
        assert!(!started, "it started: {said}");
        (out.status.code(), said)
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.host.child().id()
    }

    /// Whether the process still runs; the test's own does.
    pub fn alive(&mut self) -> bool {
        match &mut self.host {
            Host::Process(child) => child.try_wait().unwrap().is_none(),
            Host::Here(_) | Host::Nodes(_) => true,
        }
    }

    /// Resident memory in KiB.
    pub fn rss_kib(&self) -> u64 {
        self.memory_kib("VmRSS:")
    }

    /// The most resident memory that it has ever had, in KiB: what is given back before somebody looks counts as well.
    pub fn peak_rss_kib(&self) -> u64 {
        self.memory_kib("VmHWM:")
    }

    fn memory_kib(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|l| l.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Whether it runs on SQLite.
    pub fn is_sqlite(&self) -> bool {
        self.database_url.is_none()
    }

    /// Runs a statement on the database, past the server.
    pub async fn run(&self, sql: &'static str) {
        use sqlx::Connection as _;
        match &self.database_url {
            Some(url) => {
                let mut c = sqlx::PgConnection::connect(url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut c).await.unwrap();
            }
            None => {
                let path = self.folder.path().join("data/nervecenter.db");
                let options = sqlx::sqlite::SqliteConnectOptions::new()
                    .filename(path)
                    .busy_timeout(std::time::Duration::from_secs(10));
                let mut c = sqlx::SqliteConnection::connect_with(&options)
                    .await
                    .unwrap();
                sqlx::raw_sql(sql).execute(&mut c).await.unwrap();
            }
        }
    }

    /// One number out of the database, read past the server.
    pub async fn count(&self, sql: &'static str) -> i64 {
        self.column(sql).await[0]
    }

    /// Waits until a count is reached.
    pub async fn until(&self, sql: &'static str, wanted: i64) {
        let started = std::time::Instant::now();
        loop {
            let now = self.count(sql).await;
            if now == wanted {
                return;
            }
            let late = started.elapsed() > std::time::Duration::from_secs(40);
            assert!(!late, "{sql} stays at {now} instead of {wanted}");
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
    }

    /// The first column of a query's rows.
    pub async fn column<T>(&self, sql: impl sqlx::SqlSafeStr) -> Vec<T>
    where
        T: Send + Unpin,
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
        T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        use sqlx::Connection as _;
        match &self.database_url {
            Some(url) => {
                let mut c = sqlx::PgConnection::connect(url).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&mut c).await.unwrap()
            }
            None => {
                let path = self.folder.path().join("data/nervecenter.db");
                let options = sqlx::sqlite::SqliteConnectOptions::new()
                    .filename(path)
                    .busy_timeout(std::time::Duration::from_secs(10));
                let mut c = sqlx::SqliteConnection::connect_with(&options)
                    .await
                    .unwrap();
                sqlx::query_scalar(sql).fetch_all(&mut c).await.unwrap()
            }
        }
    }
}

/// The URL of a fresh database of an engine that has URLs. `None` when the engine is not installed.
pub(super) async fn database(engine: Engine) -> Option<Option<String>> {
    provider();
    match engine {
        Engine::Sqlite => Some(None),
        Engine::Postgres => postgres::database().await.map(Some),
    }
}

/// The engine behind a database's URL, by the name that noted statements carry.
fn engine_name(url: Option<&str>) -> &'static str {
    if url.is_some() { "postgres" } else { "sqlite" }
}

fn text(ready: &Value, key: &str) -> String {
    // A node that does not serve something has no address for it.
    ready[key].as_str().unwrap_or_default().to_owned()
}

/// Addresses of a server that may be started again at them: web, devices, downloads.
fn own_addresses() -> [String; 3] {
    std::array::from_fn(|_| format!("127.0.0.1:{}", ports::free()))
}

fn launch(
    folder: &TempDir,
    url: Option<&str>,
    [web, devices, downloads]: [String; 3],
    flags: &[&str],
    environment: &[(&str, &Path)],
) -> (Child, Value) {
    let mut command = Command::new(BINARY);
    command
        .env("RUST_LOG", statement_log::filter())
        .envs(environment.iter().copied())
        .args([
            "serve",
            "--json",
            "--web-listen",
            &web,
            "--device-listen",
            &devices,
        ])
        .args(["--download-listen", &downloads, "--data-dir"])
        .arg(folder.path().join("data"))
        .args(flags)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(url) = url {
        command.args(["--database-url", url]);
    }
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let log = child.stderr.take().unwrap();
    let path = folder.path().join("log");
    // The log goes to a file, so that the pipe never fills; a panic in it fails the test at the end.
    let engine = engine_name(url);
    std::thread::spawn(move || {
        let mut log = BufReader::new(log);
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        let mut line = Vec::new();
        while log.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if !statement_log::take(engine, &line) {
                let _ = file.write_all(&line);
            }
            line.clear();
        }
    });
    let Some(Ok(line)) = lines.next() else {
        std::thread::sleep(std::time::Duration::from_millis(300));
        let mut log = String::new();
        let _ = std::fs::File::open(folder.path().join("log"))
            .unwrap()
            .read_to_string(&mut log);
        panic!("the server did not start:\n{log}");
    };
    (child, serde_json::from_str(&line).unwrap())
}

impl Drop for Server {
    fn drop(&mut self) {
        let Host::Process(child) = &mut self.host else {
            return;
        };
        let _ = child.kill();
        let _ = child.wait();
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        if log.contains("panicked") && !std::thread::panicking() {
            panic!("the server panicked:\n{log}");
        }
        if std::thread::panicking() {
            let from = log.char_indices().rev().nth(4_000).map_or(0, |(i, _)| i);
            eprintln!("server log:\n{}", &log[from..]);
        }
    }
}

/// Makes a test of each engine out of one body that takes a server.
#[macro_export]
macro_rules! both_engines {
    ($($tests:tt)*) => { $crate::both_engines_by! { start $($tests)* } };
}

/// The same, with the binary as the server.
#[macro_export]
macro_rules! both_engines_as_process {
    ($($tests:tt)*) => { $crate::both_engines_by! { process $($tests)* } };
}

/// The same, with a server that people reach under a domain name.
#[macro_export]
macro_rules! both_engines_with_a_name {
    ($($tests:tt)*) => { $crate::both_engines_by! { named $($tests)* } };
}

/// What the three above share: the function of `Server` that starts it.
#[macro_export]
macro_rules! both_engines_by {
    ($start:ident $($(#[$meta:meta])* $name:ident)*) => {
        mod on_both {
            $(mod $name {
                $(#[$meta])*
                #[tokio::test(flavor = "multi_thread")]
                async fn sqlite() {
                    let server = $crate::support::Server::$start($crate::support::Engine::Sqlite).await;
                    super::super::$name(server.unwrap()).await;
                }
                $(#[$meta])*
                #[tokio::test(flavor = "multi_thread")]
                async fn postgres() {
                    let engine = $crate::support::Engine::Postgres;
                    let Some(server) = $crate::support::Server::$start(engine).await else { return };
                    super::super::$name(server).await;
                }
            })*
        }
    };
}
