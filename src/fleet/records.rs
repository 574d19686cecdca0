//! Everything that devices do to the database, as records for group commit: at device rate nothing has a transaction
//! of its own.

use super::extensions;
use super::join::{self, Join, Joined};
use crate::clock::Micros;
use crate::ids::{ConnectionId, DeviceId, Extensions, GroupId, NodeId};
use crate::rollout::offer::{self, Taken};
use crate::rollout::outcome::{self, Report};
use crate::store::audit::{self, Actor, Resource};
use crate::store::device_logs::{self, LogLine};
use crate::store::locations::{self, Location};
use crate::store::{self, Write, batch, certificates, connections, devices, inflight};
use serde_json::Value;

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// It was let in; with the fingerprint of its certificate, if that is how.
    Connecting(NodeId, Option<String>),
    /// It joined.
    Join(Box<Join>),
    /// It said something about its update.
    Report(Report),
    /// Its firmware is validated.
    Validated,
    /// The interface it speaks over: `wifi`, `ethernet`, `cellular`, `unknown`.
    Interface(&'static str),
    /// It lives.
    Seen,
    /// A health report.
    Health(Value),
    /// Where it is.
    Location(Location),
    /// A log line.
    Log(LogLine),
    /// Which extensions may it use?
    Extensions,
    /// It should be told of its claim.
    TakeClaim,
    /// Its socket closed.
    Disconnected,
}

/// One event of one connection.
#[derive(Debug)]
pub struct Record {
    /// The device.
    pub device: DeviceId,
    /// The connection.
    pub connection: ConnectionId,
    /// When.
    pub at: Micros,
    /// What.
    pub event: Event,
}

/// What its writer learns.
#[derive(Debug)]
pub enum Answer {
    /// Nothing but groups to wake.
    Done(Option<GroupId>),
    /// Let in; the node that held an older connection of the device, if there was one.
    Connecting(Option<NodeId>),
    /// What to do after a join.
    Joined(Box<Joined>),
    /// What came of the claim.
    Claim(Taken),
    /// The extensions that it may use.
    Extensions(Extensions),
}

impl batch::Record for Record {
    type Answer = Answer;

    fn key(&self) -> i64 {
        self.device.0
    }

    async fn apply(&self, w: &mut Write) -> store::Result<Answer> {
        let (device, now) = (self.device, self.at);
        // The last words of an older socket may come after the newcomer's join; they are about another boot.
        let about_now = matches!(
            self.event,
            Event::Report(_) | Event::Validated | Event::Interface(_) | Event::TakeClaim
        );
        if about_now && !connections::current(w, device, self.connection).await? {
            return Ok(Answer::Done(None));
        }
        let wake = match &self.event {
            Event::Connecting(node, fingerprint) => {
                let before = connecting(w, self, *node, fingerprint.as_deref()).await?;
                return Ok(Answer::Connecting(before));
            }
            Event::Join(join) => {
                let joined = join::apply(w, device, self.connection, join, now).await?;
                return Ok(Answer::Joined(Box::new(joined)));
            }
            Event::Report(report) => outcome::report(w, device, report, now).await?,
            Event::Validated => validated(w, device, now).await?,
            Event::Interface(interface) => {
                devices::set_interface(w, device, interface).await?;
                devices::row(w, device).await?.and_then(|d| d.group_id)
            }
            Event::Seen => {
                connections::seen(w, device, self.connection, now).await?;
                None
            }
            Event::Health(report) => {
                extensions::health(w, device, report, now).await?;
                None
            }
            Event::Location(place) => {
                locations::set(w, device, place).await?;
                None
            }
            Event::Log(line) => {
                device_logs::add(w, device, line, now).await?;
                None
            }
            Event::Extensions => {
                let usable = extensions::of_device(w, device).await?.usable();
                return Ok(Answer::Extensions(usable));
            }
            Event::TakeClaim => return Ok(Answer::Claim(offer::take(w, device, now).await?)),
            Event::Disconnected => disconnected(w, self).await?,
        };
        Ok(Answer::Done(wake))
    }
}

async fn connecting(
    w: &mut Write,
    record: &Record,
    node: NodeId,
    fingerprint: Option<&str>,
) -> store::Result<Option<NodeId>> {
    let before = connections::node_of(w, record.device).await?;
    devices::offline(w, record.device).await?;
    devices::seen_first(w, record.device, record.at).await?;
    connections::connecting(w, record.device, record.connection, node, record.at).await?;
    if let Some(fingerprint) = fingerprint {
        certificates::used(w, fingerprint, record.at).await?;
    }
    Ok(before)
}

async fn validated(w: &mut Write, device: DeviceId, now: Micros) -> store::Result<Option<GroupId>> {
    if !devices::validated(w, device, now).await? {
        return Ok(None);
    }
    inflight::clear_attempts(w, device).await?;
    let Some(d) = devices::row(w, device).await? else {
        return Ok(None);
    };
    let (actor, resource) = (Actor::Device(device), Resource::Device(device));
    let text = "Device validated its firmware";
    audit::add(w, d.org_id, Some(d.product_id), actor, resource, text, now).await?;
    Ok(d.group_id)
}

async fn disconnected(w: &mut Write, record: &Record) -> store::Result<Option<GroupId>> {
    if !connections::disconnected(w, record.device, record.connection, record.at).await? {
        return Ok(None);
    }
    devices::offline(w, record.device).await?;
    outcome::abandon_untold(w, record.device).await
}
