//! A fleet of simulated devices with certificates, in processes of their own.

use super::support::ca::Ca;
use super::{machine, program};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tokio::sync::mpsc;

/// What all fleets of a run share.
pub struct Factory {
    /// Addresses of the nodes, which are dealt out in turn.
    pub nodes: Vec<String>,
    /// Addresses of nodes that get devices of other nodes only.
    pub spare: Vec<String>,
    pub server_ca: PathBuf,
    /// Where the authority of the devices' certificates is.
    folder: tempfile::TempDir,
    pub processes: usize,
    pub rate: usize,
    /// Seconds between the heartbeats of a device.
    pub heartbeat: usize,
}

impl Factory {
    pub fn new(
        nodes: Vec<String>,
        spare: Vec<String>,
        server_ca: PathBuf,
        ca: &Ca,
        (processes, rate, heartbeat): (usize, usize, usize),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), &ca.cert).unwrap();
        std::fs::write(folder.path().join("ca.key"), &ca.key).unwrap();
        Self {
            processes,
            nodes,
            spare,
            server_ca,
            folder,
            rate,
            heartbeat,
        }
    }

    /// Starts to connect so many devices.
    pub fn fleet(&self, prefix: &str, devices: usize, firmware: &Path, more: &[&str]) -> Fleet {
        let at = |name: &str| self.folder.path().join(name);
        let urls = |nodes: &[String]| {
            let all: Vec<String> = nodes.iter().map(|n| format!("wss://{n}")).collect();
            all.join(",")
        };
        let mut command = Command::new(program());
        command
            .args(["sim", "--json", "--url", &urls(&self.nodes)])
            .args(["--devices", &devices.to_string(), "--prefix", prefix])
            .args(["--processes", &self.processes.to_string()])
            .args(["--connect-rate", &self.rate.to_string()])
            .args(["--heartbeat", &self.heartbeat.to_string()])
            // From one address the kernel looks longer for a free port the more of them are taken.
            .args(["--local-addresses", "127.0.1.0/24"])
            .args(["--auth", "cert", "--client-ca"])
            .arg(at("ca.pem"))
            .arg("--client-ca-key")
            .arg(at("ca.key"))
            .arg("--server-ca")
            .arg(&self.server_ca)
            .arg("--firmware")
            .arg(firmware)
            .args(more)
            .stdout(Stdio::piped());
        if !self.spare.is_empty() {
            command.args(["--fallback-url", &urls(&self.spare)]);
        }
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).unwrap());
            }
        });
        Fleet { child, lines }
    }
}

pub struct Fleet {
    child: Child,
    lines: mpsc::UnboundedReceiver<Value>,
}

impl Fleet {
    /// Waits until all have joined, or that is given up; what the simulator says of it.
    pub async fn joined(&mut self) -> Value {
        self.lines.recv().await.expect("the simulator runs")
    }

    /// Ends it; its report.
    pub async fn finish(mut self) -> Value {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        self.lines.recv().await.expect("the simulator reports")
    }

    pub fn cpu(&self) -> f64 {
        machine::cpu_of_family(self.child.id())
    }

    pub fn memory(&self) -> u64 {
        let parts = machine::children(self.child.id());
        let all = parts.into_iter().chain([self.child.id()]);
        all.map(machine::resident).sum()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // Its parts end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
