//! The changes of a batch, gathered by their kind and written with one statement each.

use crate::clock::Micros;
use crate::ids::{ConnectionId, DeviceId, ReleaseId};
use crate::ingest::decide::{Addition, Changes, Line};
use crate::ingest::said::WriteOutcome;
use crate::ingest::state::DeviceState;
use crate::store::devices::FirmwareMetadata;
use crate::store::devices::device_logs::LogLine;
use crate::store::devices::health_reports::HealthReport;
use crate::store::devices::locations::Location;
use crate::store::ingest::told::{Entry, Message, Notice};
use crate::store::ingest::updates::{Attempt, EndedClaim, Progress, Success};
use crate::store::ingest::write::{Connection, DeviceChange, Ended, Judged, Presence, Ran};
use crate::store::ingest::{reports, told, updates, write};
use crate::store::{self, Write};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is on record of devices.
pub(super) type States = HashMap<DeviceId, DeviceState>;

/// What was decided about the records of a batch so far.
#[derive(Debug, Default)]
pub(super) struct Batch<'r> {
    devices: BTreeMap<DeviceId, Device>,
    ended: Vec<Ended>,
    progress: BTreeMap<DeviceId, Progress>,
    freed: Vec<(EndedClaim, Micros)>,
    validated: BTreeMap<DeviceId, Micros>,
    reverted: Vec<(DeviceId, ReleaseId)>,
    ran: Vec<Ran>,
    judged: BTreeMap<DeviceId, Judged>,
    cleared: BTreeSet<DeviceId>,
    attempts: Vec<Attempt>,
    successes: Vec<Success>,
    entries: Vec<Entry>,
    messages: Vec<Message>,
    notices: BTreeMap<String, Notice>,
    certificates: BTreeMap<String, Micros>,
    seen: BTreeMap<DeviceId, (ConnectionId, Micros)>,
    health: BTreeMap<(DeviceId, Micros), HealthReport>,
    locations: BTreeMap<DeviceId, &'r Location>,
    logs: Vec<(DeviceId, &'r LogLine, Micros)>,
}

/// A device before the batch, and what of it changes that its state does not show.
#[derive(Debug)]
struct Device {
    before: DeviceState,
    first_seen: Option<Micros>,
    updated_at: Option<Micros>,
    told: Option<FirmwareMetadata>,
    freed: bool,
}

impl<'r> Batch<'r> {
    /// Takes a word that only adds to what is kept.
    pub(super) fn add(&mut self, device: DeviceId, more: Addition<'r>, now: Micros) {
        match more {
            Addition::Seen(connection) => {
                self.seen.insert(device, (connection, now));
            }
            Addition::Health(report) => {
                self.health.insert((device, report.at), report);
            }
            Addition::Location(place) => {
                self.locations.insert(device, place);
            }
            Addition::Log(line) => self.logs.push((device, line, now)),
        }
    }

    /// Takes what a word changes; the device afterwards, and what the writer of the word learns.
    pub(super) fn change(
        &mut self,
        before: DeviceState,
        c: Changes,
        now: Micros,
    ) -> (DeviceState, WriteOutcome) {
        let id = before.id;
        log(&before.identifier, &c.lines);
        let device = self.devices.entry(id).or_insert_with(|| Device {
            before,
            first_seen: None,
            updated_at: None,
            told: None,
            freed: false,
        });
        device.first_seen = device.first_seen.or(c.first_seen);
        device.updated_at = c.updated_at.or(device.updated_at);
        device.freed |= c.freed.is_some();
        device.told = c.told.or(device.told.take());
        self.freed.extend(c.freed.map(|ended| (ended, now)));
        if c.validated {
            self.validated.insert(id, now);
        }
        self.reverted
            .extend(c.reverted.map(|release| (id, release)));
        if let Some((claim, status, progress)) = c.progress {
            let (device, at) = (id, now);
            let said = Progress {
                device,
                claim,
                status,
                progress,
                at,
            };
            self.progress.insert(id, said);
        }
        if c.attempts_cleared {
            let own = self.attempts.iter_mut().filter(|a| a.device == id);
            own.for_each(|a| a.cleared = true);
            self.cleared.insert(id);
        }
        self.attempts.extend(c.attempt.map(|release| Attempt {
            device: id,
            release,
            at: now,
            cleared: false,
        }));
        if c.judged {
            self.judge(&c.after);
        }
        self.ran.extend(c.ran);
        self.ended.extend(c.ended);
        self.successes.extend(c.success);
        self.entries.extend(c.entries);
        self.messages.extend(c.messages);
        if let Some(notice) = c.notice {
            self.notice(notice);
        }
        if let Some(certificate) = c.certificate {
            self.certificates.insert(certificate, now);
        }
        (c.after, c.outcome)
    }

    /// More is known of the firmware that a device runs, which it may have said in this very batch.
    fn judge(&mut self, device: &DeviceState) {
        if let Some(ran) = self.ran.iter_mut().rfind(|r| r.device == device.id) {
            ran.validation = device.validation;
            ran.auto_revert = device.auto_revert;
            return;
        }
        let judged = Judged {
            device: device.id,
            validation: device.validation,
            auto_revert: device.auto_revert,
        };
        self.judged.insert(device.id, judged);
    }

    /// Notes something that the product's people should know, and who wants to be told of that.
    fn notice(&mut self, notice: Notice) {
        self.messages.push(Message {
            product: notice.product,
            event: "notification.raised",
            data: serde_json::json!({
                "level": notice.level, "title": notice.title, "message": notice.message,
            }),
            at: notice.at,
        });
        let times = self.notices.get(&notice.key).map_or(0, |n| n.times);
        let times = notice.times + times;
        self.notices
            .insert(notice.key.clone(), Notice { times, ..notice });
    }

    /// Writes all of it, one statement a kind that there is; `after` are the devices as they are from now on.
    pub(super) async fn write(self, w: &mut Write, after: States) -> store::Result<()> {
        write::ended(w, &self.ended).await?;
        devices(w, self.devices, after).await?;
        let progress: Vec<Progress> = self.progress.into_values().collect();
        updates::progress(w, &progress).await?;
        updates::attempts_ended(w, &self.freed).await?;
        updates::claims_ended(w, &self.freed).await?;
        let validated: Vec<(DeviceId, Micros)> = self.validated.into_iter().collect();
        updates::attempts_validated(w, &validated).await?;
        updates::attempts_reverted(w, &self.reverted).await?;
        let cleared: Vec<DeviceId> = self.cleared.into_iter().collect();
        updates::attempts_cleared(w, &cleared).await?;
        updates::attempts(w, &self.attempts).await?;
        let judged: Vec<Judged> = self.judged.into_values().collect();
        write::judged(w, &judged).await?;
        write::ran(w, &self.ran).await?;
        updates::successes(w, &self.successes).await?;
        let certificates: Vec<(String, Micros)> = self.certificates.into_iter().collect();
        write::certificates_used(w, &certificates).await?;
        told::audit(w, &self.entries).await?;
        let notices: Vec<Notice> = self.notices.into_values().collect();
        told::notices(w, &notices).await?;
        told::messages(w, &self.messages).await?;
        let seen: Vec<_> = self
            .seen
            .into_iter()
            .map(|(d, (c, at))| (d, c, at))
            .collect();
        reports::seen(w, &seen).await?;
        let health: Vec<_> = self.health.into_iter().map(|((d, _), h)| (d, h)).collect();
        reports::health(w, &health).await?;
        let places: Vec<_> = self.locations.into_iter().collect();
        reports::locations(w, &places).await?;
        reports::logs(w, &self.logs).await
    }
}

/// Writes devices with their connections: of most no more changes than whether they are there.
async fn devices(
    w: &mut Write,
    all: BTreeMap<DeviceId, Device>,
    mut states: States,
) -> store::Result<()> {
    let mut connections: Vec<(DeviceId, Connection)> = Vec::new();
    let (mut presences, mut changes) = (Vec::new(), Vec::new());
    let mut only_presence = true;
    for (id, device) in all {
        let before = &device.before;
        let Some(mut after) = states.remove(&id) else {
            continue;
        };
        let connection = after.connection.take();
        if connection != before.connection {
            connections.extend(connection.map(|c| (id, c)));
        }
        let presence = Presence {
            id,
            online: after.online,
            connected_at: after.connected_at,
        };
        let there = (after.online, after.connected_at) != (before.online, before.connected_at);
        let more = device.changed(&after);
        only_presence &= !more;
        if more || there {
            presences.push(presence.clone());
            changes.push(device.change(presence, after));
        }
    }
    let written: Vec<(DeviceId, &Connection)> = connections.iter().map(|(d, c)| (*d, c)).collect();
    write::connections(w, &written).await?;
    if only_presence {
        write::presences(w, &presences).await
    } else {
        write::devices(w, &changes).await
    }
}

impl Device {
    /// Whether more changes than its connection and whether it is there.
    fn changed(&self, after: &DeviceState) -> bool {
        let before = &self.before;
        let group = |d: &DeviceState| d.group.as_ref().map(|g| g.id);
        self.first_seen.is_some()
            || self.updated_at.is_some()
            || self.told.is_some()
            || self.freed
            || group(before) != group(after)
            || before.blocked_until != after.blocked_until
            || (before.validation, before.auto_revert) != (after.validation, after.auto_revert)
            || before.full_next_for != after.full_next_for
            || before.interface != after.interface
    }

    fn change(self, presence: Presence, after: DeviceState) -> DeviceChange {
        DeviceChange {
            presence,
            first_seen: self.first_seen,
            group: after.group.map(|g| g.id),
            blocked_until: after.blocked_until,
            validation: after.validation,
            auto_revert: after.auto_revert,
            freed: self.freed,
            full_next_for: after.full_next_for,
            interface: after.interface,
            told: self.told,
            updated_at: self.updated_at,
        }
    }
}

/// Says in the server's log what happened to a device.
fn log(device: &str, lines: &[Line]) {
    for line in lines {
        let text = &line.text;
        match &line.rests {
            Some((group, minutes)) => {
                tracing::info!(%device, %group, minutes, "{text}; the device rests");
            }
            None => tracing::info!(%device, "{text}"),
        }
    }
}
