//! Simulated devices in a process of their own.

use super::server::BINARY;
use super::{Server, fixtures};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// A running simulator; killed when dropped.
pub struct Sim {
    child: Child,
    out: BufReader<ChildStdout>,
}

/// The command that runs so many devices on the old rpi4 fixture.
pub fn command(server: &Server, devices: usize, more: &[&str]) -> Command {
    command_to(&url(server), server, devices, more)
}

/// Where devices connect to a server.
pub fn url(server: &Server) -> String {
    format!("wss://{}", server.devices)
}

/// The same, for devices that connect to this first.
pub fn command_to(url: &str, server: &Server, devices: usize, more: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(["sim", "--json", "--devices", &devices.to_string()])
        .args(["--url", url])
        .arg("--server-ca")
        .arg(&server.ca)
        .args(["--product-key", server.login("product_key")])
        .args(["--product-secret", server.login("product_secret")])
        .arg("--firmware")
        .arg(fixtures::path("good/rpi4-1.0.0.fw"))
        .args(more);
    command
}

impl Sim {
    /// Starts so many devices on the old rpi4 fixture.
    pub fn start(server: &Server, devices: usize, more: &[&str]) -> Self {
        Self::run(command(server, devices, more))
    }

    /// Starts what the command says.
    pub fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// The id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until all devices have joined, or that is given up; the line that says so.
    pub fn joined(&mut self) -> Value {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Stops the devices; the report.
    pub fn finish(self) -> Value {
        self.end().0
    }

    /// Stops the devices; the report, and how the process ended.
    pub fn end(mut self) -> (Value, ExitStatus) {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let mut text = String::new();
        self.out.read_to_string(&mut text).unwrap();
        let report = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        (report, self.child.wait().unwrap())
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
