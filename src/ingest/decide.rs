//! What a device's word changes. Everything here is a function of what was read and of the instant: it knows no database and no
//! clock, so that a simulation decides as a server does.

mod join;
mod update;

pub use join::looks_for;

#[cfg(test)]
mod tests;

use super::said::{ConnectInfo, DeviceWrite, WriteOutcome};
use super::state::{DeviceState, Known};
use crate::clock::Micros;
use crate::domain::devices::extensions;
use crate::ids::{ClaimId, ConnectionId, DeviceId, GroupId, ReleaseId};
use crate::limits::TRIM_ONE_IN;
use crate::store::devices::FirmwareMetadata;
use crate::store::devices::device_logs::LogLine;
use crate::store::devices::health_reports::HealthReport;
use crate::store::devices::locations::Location;
use crate::store::ingest::told::{By, Entry, Message, Notice};
use crate::store::ingest::updates::{EndedClaim, Success};
use crate::store::ingest::write::{Connection, Ended, Ran};
use crate::store::words::{AttemptOutcome, ConnectionState, Validation};
use serde_json::{Value, json};

/// What one word changes: the device as it is afterwards, and what is kept, told and filed beside it.
#[derive(Debug)]
pub struct Changes {
    /// The device afterwards.
    pub after: DeviceState,
    /// It was let in for the first time.
    pub first_seen: Option<Micros>,
    /// When something changed that counts as a change of the device.
    pub updated_at: Option<Micros>,
    /// What it says that it runs, if that is news.
    pub told: Option<FirmwareMetadata>,
    /// An update that is over.
    pub freed: Option<EndedClaim>,
    /// Whether its firmware is marked as good from now on, which its newest attempt is told.
    pub validated: bool,
    /// A release that was installed and is gone again.
    pub reverted: Option<ReleaseId>,
    /// How far its update is: the stage, and percent.
    pub progress: Option<(ClaimId, &'static str, Option<i64>)>,
    /// A connection that is over.
    pub ended: Option<Ended>,
    /// A firmware that it runs from now on.
    pub ran: Option<Ran>,
    /// Whether more is known of the firmware that it runs.
    pub judged: bool,
    /// Whether its attempts count no more.
    pub attempts_cleared: bool,
    /// A release that it has attempted.
    pub attempt: Option<ReleaseId>,
    /// An update that succeeded.
    pub success: Option<Success>,
    /// Audit entries.
    pub entries: Vec<Entry>,
    /// Lines of the server's log.
    pub lines: Vec<Line>,
    /// What programs and people may want to be told.
    pub messages: Vec<Message>,
    /// What the product's people should know.
    pub notice: Option<Notice>,
    /// The fingerprint of a certificate that was used.
    pub certificate: Option<String>,
    /// Whether it is time to delete what is kept of it beyond its bounds.
    pub trims: bool,
    /// What is left to do one by one.
    pub rest: Rest,
    /// What its writer learns.
    pub outcome: WriteOutcome,
}

/// What cannot be done for many devices at once: it comes after the changes of its batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rest {
    #[default]
    Nothing,
    /// A polling device has its turn.
    Turn,
}

/// A line of the server's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What happened.
    pub text: String,
    /// The group that lets the device rest, and for how many minutes.
    pub rests: Option<(String, i64)>,
}

/// What a word of a device that only adds to what is kept adds.
#[derive(Debug, Clone, PartialEq)]
pub enum Addition<'r> {
    /// A sign of life of this connection.
    Seen(ConnectionId),
    /// How the device is.
    Health(HealthReport),
    /// Where it is.
    Location(&'r Location),
    /// A line of its log.
    Log(&'r LogLine),
}

/// What a word of a connection of a device adds, if that is all it does.
pub fn addition<'r>(
    device: DeviceId,
    connection: ConnectionId,
    said: &'r DeviceWrite,
    known: &Known,
    now: Micros,
) -> Option<Addition<'r>> {
    Some(match said {
        DeviceWrite::Seen => Addition::Seen(connection),
        DeviceWrite::Health(report) => {
            let limits = known.health_limits.get(&device);
            let limits = limits.map_or(&[][..], Vec::as_slice);
            Addition::Health(extensions::health(report, limits, now))
        }
        DeviceWrite::Location(place) => Addition::Location(place),
        DeviceWrite::Log(line) => Addition::Log(line),
        _ => return None,
    })
}

/// Decides what a word of a connection of a device changes.
pub fn decide(
    before: &DeviceState,
    connection: ConnectionId,
    said: &DeviceWrite,
    known: &Known,
    now: Micros,
) -> Changes {
    let mut c = Changes::none(before.clone());
    // The last words of an older socket may come after the newcomer's join; they are about another boot.
    let about_now = matches!(
        said,
        DeviceWrite::Report(_)
            | DeviceWrite::Validated
            | DeviceWrite::Interface(_)
            | DeviceWrite::Types(_)
    );
    if about_now && before.connection.as_ref().map(|c| c.id) != Some(connection) {
        return c;
    }
    c.outcome = match said {
        DeviceWrite::Connecting(info) => connecting(&mut c, connection, info, now),
        DeviceWrite::Join(join) => join::joined(&mut c, connection, join, known, now),
        DeviceWrite::Poll(poll) => join::polled(&mut c, connection, poll, known, now),
        DeviceWrite::Report(report) => WriteOutcome::Done(update::report(&mut c, report, now)),
        DeviceWrite::Validated => WriteOutcome::Done(validated(&mut c, now)),
        DeviceWrite::Interface(interface) => {
            (*interface).clone_into(&mut c.after.interface);
            WriteOutcome::Done(c.group())
        }
        DeviceWrite::Types(types) => {
            if let Some(newest) = &mut c.after.connection {
                newest.types = Some(types.clone());
            }
            WriteOutcome::Done(None)
        }
        DeviceWrite::Disconnected(reason) => {
            WriteOutcome::Done(disconnected(&mut c, connection, reason, now))
        }
        // A claim is taken after all changes.
        DeviceWrite::TakeClaim
        | DeviceWrite::Seen
        | DeviceWrite::Identities(_)
        | DeviceWrite::Health(_)
        | DeviceWrite::Location(_)
        | DeviceWrite::Log(_) => WriteOutcome::Done(None),
    };
    c
}

fn connecting(
    c: &mut Changes,
    connection: ConnectionId,
    info: &ConnectInfo,
    now: Micros,
) -> WriteOutcome {
    let open = c
        .after
        .connection
        .take_if(|c| c.status != ConnectionState::Disconnected);
    let before = open.as_ref().map(|o| (o.node, o.id));
    if let Some(open) = open {
        c.end(open, "replaced", now);
    }
    c.trims = connection.0.unsigned_abs().is_multiple_of(TRIM_ONE_IN);
    c.after.online = false;
    c.let_in(info.fingerprint.as_deref(), now);
    c.after.connection = Some(Connection {
        id: connection,
        node: info.node,
        status: ConnectionState::Connecting,
        established_at: now,
        last_seen_at: now,
        disconnected_at: None,
        api_version: None,
        peer: Some(info.peer.clone()),
        reason: None,
        types: None,
    });
    // The writer gives it its place in the order.
    WriteOutcome::Connecting { before, order: 0 }
}

fn validated(c: &mut Changes, now: Micros) -> Option<GroupId> {
    if c.after.validation == Validation::Validated {
        return None;
    }
    c.after.validation = Validation::Validated;
    c.updated_at = Some(now);
    c.attempts_cleared = true;
    c.judged = true;
    c.validated = true;
    c.enter(By::Device, "Device validated its firmware".into(), now);
    c.group()
}

fn disconnected(
    c: &mut Changes,
    connection: ConnectionId,
    reason: &'static str,
    now: Micros,
) -> Option<GroupId> {
    let newest = c.after.connection.as_mut();
    let newest =
        newest.filter(|n| n.id == connection && n.status != ConnectionState::Disconnected)?;
    newest.status = ConnectionState::Disconnected;
    newest.disconnected_at = Some(now);
    newest.reason = Some(reason.to_owned());
    let over = newest.clone();
    c.end(over, reason, now);
    c.after.online = false;
    c.message("device.offline", json!({ "reason": reason }), now);
    // A claim whose device is gone before it was told.
    c.free(|u| u.waits(), AttemptOutcome::Withdrawn, None)
        .and_then(|u| u.group.map(|group| group.id))
}

impl Changes {
    fn none(device: DeviceState) -> Self {
        Self {
            after: device,
            first_seen: None,
            updated_at: None,
            told: None,
            freed: None,
            validated: false,
            reverted: None,
            progress: None,
            ended: None,
            ran: None,
            judged: false,
            attempts_cleared: false,
            attempt: None,
            success: None,
            entries: Vec::new(),
            lines: Vec::new(),
            messages: Vec::new(),
            notice: None,
            certificate: None,
            trims: false,
            rest: Rest::Nothing,
            outcome: WriteOutcome::Done(None),
        }
    }

    fn group(&self) -> Option<GroupId> {
        self.after.group.as_ref().map(|g| g.id)
    }

    /// It was let in: the first time, it is provisioned from then on.
    fn let_in(&mut self, fingerprint: Option<&str>, now: Micros) {
        if self.after.registered {
            self.after.registered = false;
            self.first_seen = Some(now);
            self.updated_at = Some(now);
        }
        self.certificate = fingerprint.map(str::to_owned);
    }

    /// Keeps a connection that is over.
    fn end(&mut self, connection: Connection, reason: &str, now: Micros) {
        self.ended = Some(Ended {
            device: self.after.id,
            connection,
            at: now,
            reason: reason.to_owned(),
            interface: self.after.interface.clone(),
        });
    }

    /// Ends its update, if it is one of these, with an outcome and its reason.
    fn free(
        &mut self,
        which: impl FnOnce(&super::state::Update) -> bool,
        outcome: AttemptOutcome,
        reason: Option<&str>,
    ) -> Option<super::state::Update> {
        let over = self.after.update.take_if(|u| which(u))?;
        self.freed = Some(EndedClaim {
            device: self.after.id,
            claim: over.claim,
            outcome,
            reason: reason.filter(|r| !r.is_empty()).map(str::to_owned),
            validated: false,
        });
        Some(over)
    }

    /// An entry of the audit log of its own product.
    fn enter(&mut self, by: By, text: String, now: Micros) {
        self.entries.push(Entry {
            org: self.after.org,
            product: self.after.product,
            by,
            device: self.after.id,
            text,
            at: now,
        });
    }

    /// Something that happened to it by itself, for its audit log and the server's.
    fn note(&mut self, text: String, now: Micros) {
        self.lines.push(Line {
            text: text.clone(),
            rests: None,
        });
        self.enter(By::Device, text, now);
    }

    /// Something about it that programs and people may want to be told.
    fn message(&mut self, event: &'static str, mut data: Value, now: Micros) {
        if let Value::Object(map) = &mut data {
            map.insert("device".into(), self.after.identifier.clone().into());
            map.insert("product".into(), self.after.product_name.clone().into());
            map.insert("org".into(), self.after.org_name.clone().into());
        }
        self.messages.push(Message {
            product: self.after.product,
            event,
            data,
            at: now,
        });
    }
}
