//! Everything that devices do to the database, as records for group commit: at device rate nothing has a transaction
//! of its own.

use super::join::{self, Join, Joined};
use crate::clock::Micros;
use crate::domain::devices::extensions;
use crate::ids::{ConnectionId, DeviceId, GroupId, NodeId};
use crate::ingest::poll::{self, Poll, Polled};
use crate::limits::{HISTORY_A_DEVICE, TRIM_ONE_IN};
use crate::rollout::offer::{self, Taken};
use crate::rollout::outcome::{self, Report};
use crate::store::deployments::inflight;
use crate::store::devices::device_logs::{self, LogLine};
use crate::store::devices::locations::{self, Location};
use crate::store::devices::{
    self, certificates, connections, history, iroh_endpoints, network_identities,
};
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::support::messages;
use crate::store::{self, Write, batch};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// It was let in.
    Connecting(Box<Arrival>),
    /// It joined.
    Join(Box<Join>),
    /// It said something about its update.
    Report(Report),
    /// Its firmware is validated.
    Validated,
    /// The interface it speaks over: `wifi`, `ethernet`, `cellular`, `unknown`.
    Interface(&'static str),
    /// The types of its connection, as it names them.
    Types(String),
    /// It lives.
    Seen,
    /// Keys that it holds on other networks.
    Identities(Vec<Identity>),
    /// A health report.
    Health(Value),
    /// Where it is.
    Location(Location),
    /// A log line.
    Log(LogLine),
    /// It should be told of its claim.
    TakeClaim,
    /// Its socket closed, for this reason.
    Disconnected(&'static str),
    /// It asks over HTTP for its update.
    Poll(Box<Poll>),
}

/// How a device was let in.
#[derive(Debug)]
pub struct Arrival {
    /// The node that holds its socket.
    pub node: NodeId,
    /// The fingerprint of its certificate, if that is how.
    pub fingerprint: Option<String>,
    /// The address that it came from.
    pub peer: String,
}

/// A key that a device holds on another network.
#[derive(Debug, Clone)]
pub struct Identity {
    /// `iroh`, `netbird`, `tailscale`, `wireguard`.
    pub service: &'static str,
    /// Which endpoint of the service.
    pub instance: String,
    /// The public key.
    pub identifier: String,
    /// JSON object.
    pub details: String,
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
    /// Let in.
    Connecting {
        /// The older connection of the device, if there was one, and the node that held it.
        before: Option<(NodeId, ConnectionId)>,
        /// The place among all connections that this process has recorded: of a device's, the last one is the newest.
        order: u64,
    },
    /// What to do after a join.
    Joined(Box<Joined>),
    /// What came of the claim.
    Claim(Taken),
    /// What a polling device gets.
    Polled(Box<Polled>),
}

impl Event {
    /// Bytes that it adds to what is kept of a device's own telling: log lines and health reports.
    pub fn report_bytes(&self) -> usize {
        match self {
            Self::Log(line) => line.message.len() + line.meta.len() + line.level.len(),
            Self::Health(report) => report.to_string().len(),
            _ => 0,
        }
    }
}

/// Counts connections as they are recorded. One task of a process records them, one after the other.
static ORDER: AtomicU64 = AtomicU64::new(1);

impl batch::Record for Record {
    type Answer = Answer;

    fn key(&self) -> i64 {
        self.device.number()
    }

    async fn apply(&self, w: &mut Write) -> store::Result<Answer> {
        let (device, now) = (self.device, self.at);
        // The last words of an older socket may come after the newcomer's join; they are about another boot.
        let about_now = matches!(
            self.event,
            Event::Report(_)
                | Event::Validated
                | Event::Interface(_)
                | Event::Types(_)
                | Event::TakeClaim
        );
        if about_now && !connections::current(w, device, self.connection).await? {
            return Ok(Answer::Done(None));
        }
        let wake = match &self.event {
            Event::Connecting(arrival) => {
                let before = connecting(w, self, arrival).await?;
                let order = ORDER.fetch_add(1, Ordering::Relaxed);
                return Ok(Answer::Connecting { before, order });
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
            Event::Types(types) => {
                connections::set_types(w, device, self.connection, types).await?;
                None
            }
            Event::Identities(all) => {
                for i in all {
                    identity(w, device, i, now).await?;
                }
                None
            }
            Event::Poll(poll) => {
                let polled = poll::apply(w, device, self.connection, poll, now).await?;
                return Ok(Answer::Polled(Box::new(polled)));
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
            Event::TakeClaim => return Ok(Answer::Claim(offer::take(w, device, now).await?)),
            Event::Disconnected(reason) => disconnected(w, self, reason).await?,
        };
        Ok(Answer::Done(wake))
    }
}

async fn connecting(
    w: &mut Write,
    record: &Record,
    arrival: &Arrival,
) -> store::Result<Option<(NodeId, ConnectionId)>> {
    let before = connections::open(w, record.device).await?;
    if before.is_some() {
        history::keep_replaced(w, record.device, record.at).await?;
    }
    if record
        .connection
        .0
        .unsigned_abs()
        .is_multiple_of(TRIM_ONE_IN)
    {
        history::trim(w, record.device, HISTORY_A_DEVICE).await?;
    }
    devices::offline(w, record.device).await?;
    devices::seen_first(w, record.device, record.at).await?;
    let (node, peer) = (arrival.node, Some(arrival.peer.as_str()));
    let connection = record.connection;
    connections::connecting(w, record.device, connection, node, peer, record.at).await?;
    if let Some(fingerprint) = &arrival.fingerprint {
        certificates::used(w, fingerprint, record.at).await?;
    }
    Ok(before)
}

/// A bad entry costs none of the others; a key that another device holds stays there.
async fn identity(w: &mut Write, device: DeviceId, i: &Identity, now: Micros) -> store::Result<()> {
    let (instance, key) = (&i.instance, &i.identifier);
    if i.service == "iroh" {
        // What a person of the own organization entered becomes the device's.
        let row = devices::row(w, device).await?;
        let org = row.ok_or(store::Error::Missing("devices"))?.org_id;
        if iroh_endpoints::give_way(w, org, key).await? {
            tracing::warn!(%device, "another organization has entered this iroh endpoint");
            return Ok(());
        }
    }
    let own =
        network_identities::report(w, device, i.service, instance, key, &i.details, now).await?;
    if !own {
        tracing::warn!(%device, service = i.service, "another device holds this network identity");
    }
    Ok(())
}

async fn validated(w: &mut Write, device: DeviceId, now: Micros) -> store::Result<Option<GroupId>> {
    if !devices::validated(w, device, now).await? {
        return Ok(None);
    }
    inflight::clear_attempts(w, device).await?;
    history::validation(w, device).await?;
    let Some(d) = devices::row(w, device).await? else {
        return Ok(None);
    };
    let (actor, resource) = (Actor::Device(device), Resource::Device(device));
    let text = "Device validated its firmware";
    audit::add(w, d.org_id, Some(d.product_id), actor, resource, text, now).await?;
    Ok(d.group_id)
}

async fn disconnected(
    w: &mut Write,
    record: &Record,
    reason: &str,
) -> store::Result<Option<GroupId>> {
    let (device, connection) = (record.device, record.connection);
    if !connections::disconnected(w, device, connection, reason, record.at).await? {
        return Ok(None);
    }
    history::keep_ended(w, device, connection).await?;
    devices::offline(w, record.device).await?;
    let data = || json!({ "reason": reason });
    messages::file_of_device(w, device, "device.offline", data, record.at).await?;
    outcome::abandon_untold(w, record.device).await
}
