//! Devices: they speak through real sessions, install what they are offered, and fail in every way.

use super::events::{Act, Arrival, Event};
use super::faults::Sabotage;
use super::setup::FIRMWARES;
use super::{Broken, Outcome, World};
use crate::device::join_payload;
use crate::ids::{ConnectionId, DeviceId};
use crate::ingest::{ConnectInfo, DeviceWrite, IngestWriter, Record, WriteOutcome};
use crate::rollout::offer::Taken;
use crate::store::batch::Writer as _;
use crate::store::devices;
use device_protocol::session::{Effect, Input, Session, Welcome};
use device_protocol::wire::{Format, Packet};
use serde_json::{Value, json};
use std::time::Duration;

/// A device, as it is and not as the server believes.
#[derive(Debug)]
pub(super) struct Device {
    pub id: DeviceId,
    pub canary: bool,
    /// The uuid of what it runs, and of what it ran before.
    pub runs: String,
    pub before: Option<String>,
    /// Whether its firmware is marked as good.
    pub validated: bool,
    /// Whether it has just gone back.
    pub reverted: bool,
    /// What it is writing.
    pub writes: Option<String>,
    /// Counts boots: what an older boot had in mind does not happen.
    pub boot: u64,
    /// Its connection, if it believes to have one.
    pub connection: Option<(usize, ConnectionId)>,
}

/// A node's side of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub id: ConnectionId,
    session: Session,
}

impl Device {
    pub(super) fn new(id: DeviceId, canary: bool) -> Self {
        Self {
            id,
            canary,
            runs: FIRMWARES[0].0.into(),
            before: None,
            validated: true,
            reverted: false,
            writes: None,
            boot: 0,
            connection: None,
        }
    }
}

impl World {
    /// A device connects to some node and joins.
    pub(super) async fn connect(&mut self, device: usize) -> Outcome<()> {
        if self.devices[device].connection.is_some() {
            return Ok(());
        }
        let Some(node) = self.any_node() else {
            let at = self.db.now().after(self.chance.seconds(5..30));
            self.events.add(at, Event::Connect(device));
            return Ok(());
        };
        if self.is_deleted(device).await? {
            // It is refused and tries again.
            let at = self.db.now().after(self.chance.seconds(60..300));
            self.events.add(at, Event::Connect(device));
            return Ok(());
        }
        let now = self.db.now();
        let connection = ConnectionId(self.chance.number(1..i64::MAX));
        let session = Session::new(Format::Json, now.into(), Duration::ZERO);
        let id = connection;
        let held = Connection { id, session };
        self.nodes[node].connections.insert(device, held);
        self.devices[device].connection = Some((node, connection));
        let info = ConnectInfo {
            node: self.nodes[node].id,
            fingerprint: None,
            peer: "10.0.0.1".into(),
        };
        let said = DeviceWrite::Connecting(Box::new(info));
        self.write(node, device, connection, said).await?;
        let d = &self.devices[device];
        let version = FIRMWARES.iter().find(|(uuid, _)| *uuid == d.runs);
        let mut params = json!({
            "device_api_version": "2.3.0", "fwup_version": "1.10.0", "nerves_fw_uuid": d.runs,
            "nerves_fw_product": "thermo", "nerves_fw_version": version.map(|v| v.1),
            "nerves_fw_platform": "rpi4", "nerves_fw_architecture": "arm",
            "meta": {"firmware_validated": d.validated, "firmware_auto_revert_detected": d.reverted},
        });
        if let Some(writes) = &d.writes {
            params["currently_downloading_uuid"] = json!(writes);
        }
        let frame = json!(["1", "1", "device", "phx_join", params]).to_string();
        self.frame(device, frame).await
    }

    async fn is_deleted(&self, device: usize) -> Outcome<bool> {
        let mut r = self.db.read().await?;
        let row = devices::row(&mut r, self.devices[device].id).await?;
        Ok(row.is_none_or(|d| d.deleted_at.is_some()))
    }

    /// A device's frame goes through its session.
    async fn frame(&mut self, device: usize, text: String) -> Outcome<()> {
        let Some((node, connection)) = self.devices[device].connection else {
            return Ok(());
        };
        let input = Input::Frame(Packet::Text(text));
        Box::pin(self.handle(node, device, connection, input)).await
    }

    /// Gives an input to a session, and carries its effects out as a link does.
    async fn handle(
        &mut self,
        node: usize,
        device: usize,
        connection: ConnectionId,
        input: Input,
    ) -> Outcome<()> {
        let now = self.db.now();
        let held = self.nodes[node].connections.get_mut(&device);
        let Some(held) = held.filter(|c| c.id == connection) else {
            return Ok(());
        };
        for effect in held.session.handle(input, now.into()) {
            let said = match effect {
                Effect::Join(join) => DeviceWrite::Join(Box::new(join_payload::join(*join))),
                Effect::Report(report) => DeviceWrite::Report(join_payload::outcome(report)),
                Effect::Validated => DeviceWrite::Validated,
                Effect::Seen => DeviceWrite::Seen,
                Effect::Close(_) => {
                    self.nodes[node].connections.remove(&device);
                    self.lose(device);
                    return Ok(());
                }
                // Answers and offers; those are sent where they are made.
                _ => continue,
            };
            let outcome = self.write(node, device, connection, said).await?;
            match outcome {
                WriteOutcome::Joined(joined) => {
                    if !joined.current {
                        self.nodes[node].connections.remove(&device);
                        self.lose(device);
                        return Ok(());
                    }
                    let welcome = Input::Joined(Welcome::default());
                    Box::pin(self.handle(node, device, connection, welcome)).await?;
                    if !joined.wake.is_empty() {
                        self.hint(node);
                    }
                    if joined.claim {
                        self.signal(node, device).await?;
                    }
                }
                WriteOutcome::Done(Some(_)) => self.hint(node),
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes what a device says, as the ingest does, and reads what it asks for.
    async fn write(
        &mut self,
        node: usize,
        device: usize,
        connection: ConnectionId,
        said: DeviceWrite,
    ) -> Outcome<WriteOutcome> {
        let record = Record {
            device: self.devices[device].id,
            connection,
            at: self.db.now(),
            said,
        };
        let mut w = self.db.write().await?;
        let mut all = IngestWriter::default().write(&mut w, &[&record]).await?;
        w.commit().await?;
        let mut outcomes = vec![all.remove(0)?];
        if IngestWriter::asks(&outcomes[0]) {
            IngestWriter::ask(&self.db, &mut outcomes).await?;
        }
        self.spread(node);
        Ok(outcomes.remove(0))
    }

    /// The group is run soon, by any node, unless the hint is lost.
    fn hint(&mut self, node: usize) {
        use crate::bus::BusMessage;
        let group = self.scenery.group;
        self.nodes[node]
            .scheduler
            .bus
            .send(BusMessage::Group(group));
        self.spread(node);
    }

    /// A node takes a device's claim and offers it.
    pub(super) async fn signal(&mut self, node: usize, device: usize) -> Outcome<()> {
        if !self.nodes[node].alive {
            return Ok(());
        }
        let Some(held) = self.nodes[node].connections.get(&device) else {
            return Ok(());
        };
        if !held.session.joined() {
            return Ok(());
        }
        let connection = held.id;
        let taken = self
            .write(node, device, connection, DeviceWrite::TakeClaim)
            .await?;
        let offer = match taken {
            WriteOutcome::Claim(Taken::Tell(offer)) => *offer,
            WriteOutcome::Claim(Taken::Withdrawn(_)) => {
                self.hint(node);
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.check_offer(device, &offer).await?;
        let payload = offer.payload("https://example.org/file");
        let input = Input::Offer(payload);
        Box::pin(self.handle(node, device, connection, input)).await?;
        let arrival = Arrival {
            device,
            connection,
            claim: offer.claim,
            uuid: offer.firmware.uuid,
        };
        let times = 1 + usize::from(self.sabotage == Some(Sabotage::TellsTwice));
        for _ in 0..times {
            let at = self.db.now().after(self.chance.seconds(0..3));
            self.events.add(at, Event::Arrives(arrival.clone()));
        }
        Ok(())
    }

    /// A device gets an offer: what it makes of it is decided now and happens later.
    pub(super) async fn arrives(&mut self, arrival: Arrival) -> Outcome<()> {
        let device = arrival.device;
        let open = self.devices[device].connection.map(|(_, c)| c) == Some(arrival.connection);
        if !open {
            return Ok(());
        }
        self.report.offers += 1;
        if !self.ledger.arrived.insert(arrival.claim) {
            return Err(Broken::Invariant(format!(
                "device d{device} was told twice for one claim"
            )));
        }
        let boot = self.devices[device].boot;
        let (fails, vanishes) = (self.settings.fails, self.settings.vanishes);
        let mut at = self.db.now();
        let mut later = |world: &mut Self, act: Act| {
            at = at.after(world.chance.seconds(1..120));
            world.events.add(at, Event::Acts(device, boot, act));
        };
        self.devices[device].writes = Some(arrival.uuid.clone());
        later(
            self,
            Act::Says("status_update", json!({"status": "started"})),
        );
        if self.chance.percent(50) {
            let half = json!({"stage": "downloading", "value": 50});
            later(self, Act::Says("fwup_progress", half));
        }
        if self.chance.percent(vanishes) {
            let away = u64::try_from(self.chance.number(5..4_000)).unwrap_or(5);
            later(self, Act::Drops(away));
        }
        if self.chance.percent(fails) {
            let words = ["failed", "ignored", "rescheduled"];
            let said = match words[self.chance.index(words.len())] {
                "rescheduled" => json!({"status": "rescheduled", "delay_for": 120_000}),
                "ignored" => json!({"status": "ignored", "reason": "busy"}),
                _ => json!({"status": "failed", "reason": "bad blocks"}),
            };
            later(self, Act::Says("status_update", said));
        } else {
            later(self, Act::Boots(arrival.uuid));
        }
        Ok(())
    }

    /// A device does what it had in mind, unless it has been booted since.
    pub(super) async fn acts(&mut self, device: usize, boot: u64, act: Act) -> Outcome<()> {
        if self.devices[device].boot != boot {
            return Ok(());
        }
        match act {
            Act::Says(event, payload) => {
                if event == "firmware_validated" {
                    self.devices[device].validated = true;
                }
                if ends_update(&payload) {
                    self.devices[device].writes = None;
                }
                let frame = json!(["1", "2", "device", event, payload]).to_string();
                self.frame(device, frame).await
            }
            Act::Drops(seconds) => self.drops(device, seconds).await,
            Act::Boots(uuid) => {
                let reverts = self.chance.percent(self.settings.reverts);
                let told = self.chance.percent(70);
                let d = &mut self.devices[device];
                d.before = Some(std::mem::replace(&mut d.runs, uuid));
                d.boot += 1;
                d.writes = None;
                d.reverted = false;
                d.validated = !reverts && !told;
                let boot = d.boot;
                self.drops(device, 20).await?;
                let at = self.db.now().after(self.chance.seconds(30..300));
                let next = if reverts {
                    Act::Reverts
                } else {
                    Act::Says("firmware_validated", json!({}))
                };
                self.events.add(at, Event::Acts(device, boot, next));
                // An old boot's last words.
                if self.chance.percent(10) {
                    let words = json!({"stage": "updating", "value": 99});
                    let at = self.db.now().after(self.chance.seconds(20..60));
                    let said = Act::Says("fwup_progress", words);
                    self.events.add(at, Event::Acts(device, boot, said));
                }
                Ok(())
            }
            Act::Reverts => {
                let d = &mut self.devices[device];
                if let Some(before) = d.before.take() {
                    d.runs = before;
                }
                d.boot += 1;
                d.reverted = true;
                d.validated = true;
                self.drops(device, 20).await
            }
        }
    }

    /// A device loses its connection; the node learns of it, or does not. It comes back within so many seconds.
    pub(super) async fn drops(&mut self, device: usize, seconds: u64) -> Outcome<()> {
        if let Some((node, connection)) = self.devices[device].connection.take()
            && self.nodes[node]
                .connections
                .get(&device)
                .is_some_and(|c| c.id == connection)
        {
            self.nodes[node].connections.remove(&device);
            let said = DeviceWrite::Disconnected("lost");
            if let WriteOutcome::Done(Some(_)) = self.write(node, device, connection, said).await? {
                self.hint(node);
            }
        }
        let at = self.db.now().after(self.chance.seconds(1..seconds.max(2)));
        self.events.add(at, Event::Connect(device));
        Ok(())
    }

    /// A device's connection is gone with its node.
    pub(super) fn lose(&mut self, device: usize) {
        self.devices[device].connection = None;
        let at = self.db.now().after(self.chance.seconds(1..60));
        self.events.add(at, Event::Connect(device));
    }
}

fn ends_update(payload: &Value) -> bool {
    let word = payload["status"].as_str().unwrap_or_default();
    ["failed", "ignored", "rescheduled"].contains(&word)
}
