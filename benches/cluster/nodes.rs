//! Nodes of the cluster, each a process of the program that is measured.

use super::{machine, program, support};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

pub struct Node {
    program: OsString,
    role: &'static str,
    flags: Vec<String>,
    folder: TempDir,
    child: Child,
    /// Where people ask it, if they can.
    pub web: String,
    /// Where devices connect to it, if they can.
    pub devices: String,
    /// Where devices download from it, if they can.
    downloads: String,
    /// The certificate that devices trust.
    pub ca: PathBuf,
}

impl Node {
    /// Starts one, with data of its own.
    pub fn start(role: &'static str, flags: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let any = "127.0.0.1:0";
        let program = program();
        let (child, ready) = launch(&program, role, flags, &folder, [any; 3]);
        let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
        Self {
            program,
            role,
            flags: flags.to_vec(),
            web: text("web"),
            devices: text("devices"),
            downloads: text("downloads"),
            ca: PathBuf::from(text("ca")),
            folder,
            child,
        }
    }

    /// Kills it, as the end of its machine does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again, with its data and its addresses.
    pub fn start_again(&mut self) {
        let any = "127.0.0.1:0";
        let own =
            [&self.web, &self.devices, &self.downloads].map(|a| if a.is_empty() { any } else { a });
        self.child = launch(&self.program, self.role, &self.flags, &self.folder, own).0;
    }

    /// Lets it end as an upgrade does, and starts another program in its place; the seconds until it had ended.
    pub fn exchange(&mut self, program: &OsStr) -> String {
        let begun = Instant::now();
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "a node ended with {status}");
        let took = super::table::seconds(begun);
        program.clone_into(&mut self.program);
        self.start_again();
        took
    }

    /// The port for devices.
    pub fn port(&self) -> u16 {
        let port = self.devices.rsplit(':').next();
        port.and_then(|p| p.parse().ok()).unwrap_or(0)
    }

    pub fn cpu(&self) -> f64 {
        machine::cpu(self.child.id())
    }

    pub fn memory(&self) -> u64 {
        machine::resident(self.child.id())
    }

    /// Counts the warnings and errors of its log by their texts.
    pub fn complaints(&self, all: &mut BTreeMap<String, u64>) {
        let log = File::open(self.folder.path().join("log")).unwrap();
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let said = ["ERROR", "WARN"].iter().find_map(|level| {
                let (_, said) = line.split_once(&format!(" {level} "))?;
                Some(format!("{level} {said}"))
            });
            if let Some(said) = said {
                // What follows the text differs from line to line: names, times, addresses.
                let text: String = said.split('=').next().unwrap_or_default().into();
                *all.entry(text.chars().take(110).collect()).or_default() += 1;
            }
            assert!(!line.contains("panicked"), "{line}");
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let from = log.char_indices().rev().nth(2_000).map_or(0, |(i, _)| i);
            eprintln!("log of a {} node:\n{}", self.role, &log[from..]);
        }
    }
}

fn launch(
    program: &OsStr,
    role: &str,
    flags: &[String],
    folder: &TempDir,
    [web, devices, downloads]: [&str; 3],
) -> (Child, Value) {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.path().join("log"));
    let mut command = Command::new(program);
    command
        .args(["serve", "--json", "--role", role, "--web-listen", web])
        .args(["--device-listen", devices, "--download-listen", downloads])
        .arg("--data-dir")
        .arg(folder.path().join("data"))
        .args(flags)
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(log.unwrap());
    let mut child = command.spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let line = BufReader::new(out).lines().next();
    let Some(Ok(line)) = line else {
        let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        panic!("a {role} node did not start:\n{log}");
    };
    (child, serde_json::from_str(&line).unwrap())
}

/// The first login, with an organization and the product of the fixtures.
pub fn bootstrap(database: &str) -> Value {
    let out = Command::new(program())
        .args(["admin", "bootstrap", "--json", "--email", "jane@acme.org"])
        .args(["--org", "acme", "--product", support::fixtures::PRODUCT])
        .args(["--database-url", database])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    serde_json::from_slice(&out.stdout).unwrap()
}
