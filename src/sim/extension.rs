//! The extensions and the console of a simulated device, as in the real client (docs/protocol/device.md,
//! "Extensions" and "Remote console").

use super::connection::{Connection, Frame};
use super::device::Life;
use super::stats::count;
use crate::clock::Clock;
use rand::RngExt as _;
use serde_json::{Value, json};

impl Life {
    pub(super) async fn extension(
        &mut self,
        connection: &mut Connection,
        frame: &Frame,
    ) -> Result<(), String> {
        let names = |key: &str| {
            let all = frame.payload.get(key).and_then(Value::as_array);
            let all = all.into_iter().flatten().filter_map(Value::as_str);
            all.map(str::to_owned).collect::<Vec<_>>()
        };
        match frame.event.as_str() {
            "phx_reply" => self.attach(connection, names("response")).await,
            "attach" => self.attach(connection, names("extensions")).await,
            "detach" => {
                for name in names("extensions") {
                    self.attached.remove(&name);
                    let event = format!("{name}:detached");
                    connection.push("extensions", &event, &json!({})).await?;
                }
                Ok(())
            }
            "health:check" => self.report_health(connection).await,
            "geo:location:request" => self.report_place(connection).await,
            "network_identity:request" => {
                count(&self.device.stats.reports);
                let key = format!("{}-key", self.device.identifier);
                let all = json!({"identities": [{"service": "wireguard", "identifier": key}]});
                connection
                    .push("extensions", "network_identity:report", &all)
                    .await
            }
            "local_shell:request_shell" => {
                let started = json!({"status": "started"});
                connection
                    .push("extensions", "local_shell:request_status", &started)
                    .await?;
                let prompt = json!({"data": "$ "});
                connection
                    .push("extensions", "local_shell:shell_output", &prompt)
                    .await
            }
            "local_shell:shell_input" => {
                let echo = json!({"data": frame.payload.get("data")});
                connection
                    .push("extensions", "local_shell:shell_output", &echo)
                    .await
            }
            _ => Ok(()),
        }
    }

    async fn attach(
        &mut self,
        connection: &mut Connection,
        names: Vec<String>,
    ) -> Result<(), String> {
        for name in names {
            let event = format!("{name}:attached");
            connection.push("extensions", &event, &json!({})).await?;
            if name == "logging" {
                self.log(connection).await?;
            }
            self.attached.insert(name);
        }
        Ok(())
    }

    /// Sends the unsolicited reports of the attached extensions.
    pub(super) async fn report(&mut self, connection: &mut Connection) -> Result<(), String> {
        if self.attached.contains("health") {
            self.report_health(connection).await?;
        }
        if self.attached.contains("geo") {
            self.report_place(connection).await?;
        }
        if self.attached.contains("logging") {
            self.log(connection).await?;
        }
        Ok(())
    }

    async fn report_health(&mut self, connection: &mut Connection) -> Result<(), String> {
        count(&self.device.stats.reports);
        let report = json!({ "value": self.health() });
        connection
            .push("extensions", "health:report", &report)
            .await
    }

    async fn report_place(&mut self, connection: &mut Connection) -> Result<(), String> {
        count(&self.device.stats.reports);
        let place = json!({
            "latitude": self.rng.random_range(-60.0..70.0),
            "longitude": self.rng.random_range(-180.0..180.0),
            "source": "geoip",
        });
        connection
            .push("extensions", "geo:location:update", &place)
            .await
    }

    async fn log(&mut self, connection: &mut Connection) -> Result<(), String> {
        count(&self.device.stats.reports);
        let line = json!({
            "level": "info",
            "message": "simulated: all is well",
            "meta": {"time": Clock::default().now().0.to_string(), "module": "Sim"},
        });
        connection.push("extensions", "logging:send", &line).await
    }

    /// A health report with the metrics that the real client has by default.
    fn health(&mut self) -> Value {
        let mut percent = || f64::from(self.rng.random_range(5..950)) / 10.0;
        let (cpu, memory, disk) = (percent(), percent(), percent());
        json!({
            "timestamp": "2026-08-22T10:00:00Z",
            "metadata": {"active_application": "simulated"},
            "alarms": {},
            "metrics": {
                "cpu_temp": 48.5, "cpu_usage_percent": cpu, "load_1min": 0.3, "load_5min": 0.2,
                "load_15min": 0.1, "mem_size_mb": 1024, "mem_used_mb": (memory * 10.24).round(),
                "mem_used_percent": memory, "disk_total_kb": 1_048_576,
                "disk_available_kb": ((100.0 - disk) * 10_485.0).round(),
                "disk_used_percentage": disk, "eth0_bytes_received_total": "123456",
            },
            "checks": {},
            "connectivity": {},
        })
    }

    /// The console echoes input, and sends received files back.
    pub(super) async fn console(
        &mut self,
        connection: &mut Connection,
        frame: &Frame,
    ) -> Result<(), String> {
        match frame.event.as_str() {
            "dn" => {
                let echo = json!({"data": frame.payload.get("data")});
                connection.push("console", "up", &echo).await
            }
            "restart" => {
                let prompt = json!({"data": "\r\niex(1)> "});
                connection.push("console", "up", &prompt).await
            }
            event @ ("file-data/start" | "file-data" | "file-data/stop") => {
                connection.push("console", event, &frame.payload).await
            }
            _ => Ok(()),
        }
    }
}
