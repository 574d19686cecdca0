//! The extensions and the console of a simulated device, as in the real client (docs/protocol/device.md,
//! "Extensions" and "Remote console").

use super::connection::{Connection, Frame};
use super::device::Life;
use super::stats::count;
use crate::clock::Clock;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

/// Which extensions the server has attached that say something unasked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Attached {
    health: bool,
    geo: bool,
    logging: bool,
}

impl Attached {
    fn set(&mut self, name: &str, attached: bool) {
        match name {
            "health" => self.health = attached,
            "geo" => self.geo = attached,
            "logging" => self.logging = attached,
            _ => {}
        }
    }
}

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
                    self.attached.set(&name, false);
                    let event = format!("{name}:detached");
                    connection.push("extensions", &event, &json!({})).await?;
                }
                Ok(())
            }
            "health:check" => self.report_health(connection).await,
            "geo:location:request" => self.report_place(connection).await,
            "network_identity:request" => {
                count(&self.common.stats.reports);
                let key = format!("{}-key", self.identifier());
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
            self.attached.set(&name, true);
        }
        Ok(())
    }

    /// Sends the unsolicited reports of the attached extensions.
    pub(super) async fn report(&mut self, connection: &mut Connection) -> Result<(), String> {
        if self.attached.health {
            self.report_health(connection).await?;
        }
        if self.attached.geo {
            self.report_place(connection).await?;
        }
        if self.attached.logging {
            self.log(connection).await?;
        }
        Ok(())
    }

    async fn report_health(&mut self, connection: &mut Connection) -> Result<(), String> {
        count(&self.common.stats.reports);
        let report = json!({ "value": self.health() });
        connection
            .push("extensions", "health:report", &report)
            .await
    }

    async fn report_place(&mut self, connection: &mut Connection) -> Result<(), String> {
        count(&self.common.stats.reports);
        // It stays where it is.
        let mut own = self.own_chance();
        let place = json!({
            "latitude": own.random_range(-60.0..70.0),
            "longitude": own.random_range(-180.0..180.0),
            "source": "geoip",
        });
        connection
            .push("extensions", "geo:location:update", &place)
            .await
    }

    async fn log(&mut self, connection: &mut Connection) -> Result<(), String> {
        count(&self.common.stats.reports);
        let line = json!({
            "level": "info",
            "message": "simulated: all is well",
            "meta": {"time": Clock::default().now().0.to_string(), "module": "Sim"},
        });
        connection.push("extensions", "logging:send", &line).await
    }

    /// Chance that falls the same way each time for this device.
    fn own_chance(&self) -> StdRng {
        StdRng::seed_from_u64(self.seed())
    }

    /// A health report with the metrics that the real client has by default.
    fn health(&mut self) -> Value {
        // Each device has levels of its own, around which its reports vary; one in eight is busy, and is not well now and then.
        let mut own = self.own_chance();
        let busy = if own.random_range(0..8) == 0 {
            45.0
        } else {
            0.0
        };
        let mut vary = |level: f64, by: f64| {
            let value: f64 = level + self.rng.random_range(-by..by);
            (value.clamp(0.5, 99.5) * 10.0).round() / 10.0
        };
        let cpu = vary(own.random_range(10.0..40.0) + busy, 12.0);
        let sick = self.common.plan.sick_on.as_deref();
        let sick = sick.filter(|on| self.image.get("version") == *on);
        let level = own.random_range(20.0..60.0);
        let memory = vary(if sick.is_some() { 94.0 } else { level }, 3.0);
        let disk = vary(own.random_range(15.0..65.0), 0.5);
        let heat = vary(40.0 + cpu / 5.0, 0.5);
        json!({
            "timestamp": "2026-08-22T10:00:00Z",
            "metadata": {"active_application": "simulated"},
            "alarms": sick.map_or_else(|| json!({}), |on| json!({"Simulated.MemoryLeak": format!("{on} keeps what it takes")})),
            "metrics": {
                "cpu_temp": heat, "cpu_usage_percent": cpu, "load_1min": 0.3, "load_5min": 0.2,
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
