//! Simulated devices in a process of their own.

use super::server::BINARY;
use super::{Server, fixtures};
use serde_json::Value;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};

/// A running simulator; killed when dropped.
pub struct Sim(Child);

impl Sim {
    /// Starts so many devices on the old rpi4 fixture.
    pub fn start(server: &Server, devices: usize, more: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        command
            .args(["sim", "--json", "--devices", &devices.to_string()])
            .args(["--url", &format!("wss://{}", server.devices)])
            .arg("--server-ca")
            .arg(&server.ca)
            .args(["--product-key", server.login("product_key")])
            .args(["--product-secret", server.login("product_secret")])
            .arg("--firmware")
            .arg(fixtures::path("good/rpi4-1.0.0.fw"))
            .args(more)
            .stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// Stops the devices; the report.
    pub fn finish(mut self) -> Value {
        let pid = self.0.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let mut text = String::new();
        let mut out = self.0.stdout.take().unwrap();
        out.read_to_string(&mut text).unwrap();
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
