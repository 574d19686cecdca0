//! A NATS server from the installed program, one for a test run, or one of a test's own that it can stop.

use super::ports;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A running server; killed when dropped.
pub struct NatsServer {
    port: u16,
    child: Child,
}

fn program() -> Option<PathBuf> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/target/ci-tools/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from(own)]);
    folders
        .map(|folder| folder.join("nats-server"))
        .find(|program| program.is_file())
}

/// The one for the whole run; `None` when the program is not installed.
pub fn server() -> Option<&'static NatsServer> {
    static SERVER: OnceLock<Option<NatsServer>> = OnceLock::new();
    SERVER
        .get_or_init(|| NatsServer::start(ports::free()))
        .as_ref()
}

impl NatsServer {
    /// One of a test's own; `None` when the program is not installed.
    pub fn own() -> Option<Self> {
        Self::start(ports::free())
    }

    fn start(port: u16) -> Option<Self> {
        let Some(program) = program() else {
            super::postgres::skipped("nats-server");
            return None;
        };
        let mut child = Command::new("sh");
        // It ends with the tests, however they end.
        child.arg("-c").arg(format!(
            "{} -a 127.0.0.1 -p {port} & pid=$!; cat >/dev/null; kill -9 $pid",
            program.display()
        ));
        let child = child
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "NATS does not start"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self { port, child })
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it at once.
    pub fn stop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }

    /// Starts it on the same port.
    pub fn start_again(&mut self) {
        *self = Self::start(self.port).unwrap();
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.stop();
    }
}
