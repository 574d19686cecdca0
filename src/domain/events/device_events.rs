//! Live device events for programs that watch (docs/protocol/rest.md, "Event stream" and "User sockets"). They
//! exist in memory only, of the node where they happen and of those where people watch. A watcher that falls behind misses some; the database holds the truth.

use crate::access::random_id;
use crate::access::scope::{Product, Scope};
use crate::clock::{Clock, Micros};
use crate::domain::Result;
use crate::domain::devices;
use crate::domain::error::field;
use crate::domain::events::audits;
use crate::ids::{DeviceId, GroupId};
use crate::limits::{DEVICE_EVENTS, EVENT_STREAM_DEVICES, EVENTS_WAITING};
use crate::rollout::outcome::Report;
use crate::store::words::HealthState;
use crate::store::{self, Db};
use serde_json::{Value, json};
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::{Notify, broadcast, mpsc};

/// An event of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceEvent {
    /// Its place among the events of this process, from 1.
    pub number: u64,
    pub device: DeviceId,
    /// When it happened.
    pub at: Micros,
    /// What happened.
    pub what: EventKind,
}

/// The kinds of device events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The device joined.
    Online,
    /// The connection closed, for this reason.
    Offline(&'static str),
    /// The stage that the update reached.
    Update {
        /// `received`, `started`, `downloading`, `updating`, `completed`, `failed`, `ignored`, `rescheduled`,
        /// `expired`; and `installed` when the device runs the new firmware.
        stage: &'static str,
        /// Progress in percent, if the device reports it.
        percent: Option<i64>,
    },
    /// The device reported its health; holds its status.
    Health(HealthState),
}

/// The name of what a stream of a product tells besides: its summary, when it changes.
pub const SUMMARY: &str = "summary";

impl EventKind {
    /// The names of all events.
    pub const WORDS: [&str; 4] = ["online", "offline", "firmware_update", "health"];

    /// The event's name in event streams.
    pub fn word(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline(_) => "offline",
            Self::Update { .. } => "firmware_update",
            Self::Health(_) => "health",
        }
    }

    /// What the event is, as one node tells it another: its name, its detail, and the progress.
    pub fn told(self) -> (&'static str, &'static str, Option<i64>) {
        match self {
            Self::Online => (self.word(), "", None),
            Self::Offline(reason) => (self.word(), reason, None),
            Self::Update { stage, percent } => (self.word(), stage, percent),
            Self::Health(status) => (self.word(), status.word(), None),
        }
    }

    /// What another node told; `None` for what this version does not know.
    pub fn heard(word: &str, detail: &str, percent: Option<i64>) -> Option<Self> {
        let known = |words: &[&'static str]| words.iter().copied().find(|w| *w == detail);
        Some(match word {
            "online" => Self::Online,
            "offline" => Self::Offline(known(&Self::REASONS)?),
            "firmware_update" => Self::Update {
                stage: known(&Self::STAGES)?,
                percent,
            },
            "health" => Self::Health(HealthState::parse(detail)?),
            _ => return None,
        })
    }

    /// Why a device left.
    const REASONS: [&str; 9] = [
        "lost",
        "left",
        "replaced",
        "asked to reconnect",
        "silent or not understood",
        "not understood",
        "too many messages",
        "message too large",
        "server stopped",
    ];

    /// The stages of an update.
    const STAGES: [&str; 10] = [
        "received",
        "started",
        "downloading",
        "updating",
        "completed",
        "failed",
        "ignored",
        "rescheduled",
        "expired",
        "installed",
    ];

    /// The event's details as JSON.
    pub fn facts(self) -> Value {
        match self {
            Self::Online => json!({}),
            Self::Offline(reason) => json!({ "reason": reason }),
            Self::Update { stage, percent } => json!({"percent": percent, "stage": stage}),
            Self::Health(status) => json!({ "status": status }),
        }
    }
}

/// The channel to all watchers, and the newest events for those who were away for a moment.
#[derive(Clone)]
pub struct DeviceEvents {
    sender: broadcast::Sender<DeviceEvent>,
    /// The way to the nodes where people watch, once there is one.
    elsewhere: Arc<OnceLock<mpsc::Sender<DeviceEvent>>>,
    /// Told when somebody begins to watch here.
    watched: Arc<Notify>,
    /// Whether people watch at another node.
    watched_elsewhere: Arc<AtomicBool>,
    recent: Arc<Mutex<Recent>>,
    /// Tells the events of this process from those of another one, or of the one before a restart.
    process: u64,
    clock: Clock,
}

/// The newest events.
#[derive(Default)]
struct Recent {
    /// The number of the last event.
    last: u64,
    events: VecDeque<DeviceEvent>,
}

/// What a watcher that was away has missed.
#[derive(Debug, PartialEq, Eq)]
pub enum Missed {
    /// These events, oldest first.
    Events(Vec<DeviceEvent>),
    /// More than is remembered, or it watched another process: nobody knows how much.
    Unknown,
}

impl DeviceEvents {
    /// A channel without watchers, whose events carry the time of this clock.
    pub fn new(clock: Clock) -> Self {
        Self {
            sender: broadcast::channel(DEVICE_EVENTS).0,
            elsewhere: Arc::default(),
            watched: Arc::default(),
            watched_elsewhere: Arc::default(),
            recent: Arc::default(),
            process: random_id().unsigned_abs(),
            clock,
        }
    }

    /// Publishes what a device reports about its update.
    pub fn report(&self, device: DeviceId, report: &Report) {
        let (stage, percent) = match report {
            Report::Stage(stage, percent) => (*stage, *percent),
            Report::Failed(_) => ("failed", None),
            Report::Ignored(_) => ("ignored", None),
            Report::Rescheduled(_) => ("rescheduled", None),
        };
        self.tell(device, EventKind::Update { stage, percent });
    }

    /// Publishes that a device runs the firmware that it was sent.
    pub fn installed(&self, device: DeviceId) {
        let (stage, percent) = ("installed", None);
        self.tell(device, EventKind::Update { stage, percent });
    }

    /// Publishes that an update expired because the device was silent for too long.
    pub fn expired(&self, device: DeviceId) {
        let (stage, percent) = ("expired", None);
        self.tell(device, EventKind::Update { stage, percent });
    }

    /// Publishes an event, here and at other nodes where people watch.
    pub fn tell(&self, device: DeviceId, what: EventKind) {
        let event = self.tell_here(device, what, self.clock.now());
        if self.watched_elsewhere.load(Ordering::Relaxed)
            && let Some(elsewhere) = self.elsewhere.get()
        {
            // Who watches may miss some, as documented.
            let _ = elsewhere.try_send(event);
        }
    }

    /// Publishes an event that another node told.
    pub fn tell_here(&self, device: DeviceId, what: EventKind, at: Micros) -> DeviceEvent {
        let mut recent = self.recent();
        recent.last += 1;
        let event = DeviceEvent {
            number: recent.last,
            device,
            at,
            what,
        };
        if recent.events.len() >= DEVICE_EVENTS {
            recent.events.pop_front();
        }
        recent.events.push_back(event);
        // Sending fails when nobody watches, which is the usual case. While the events are locked, so that all learn them in the
        // order of their numbers.
        let _ = self.sender.send(event);
        event
    }

    /// Whether anybody watches at this node.
    pub fn is_watched(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// The events of this node, for the nodes where people watch; once.
    pub fn for_other_nodes(&self) -> Option<mpsc::Receiver<DeviceEvent>> {
        let (sender, events) = mpsc::channel(EVENTS_WAITING);
        self.elsewhere.set(sender).ok().map(|()| events)
    }

    /// Says whether people watch at another node.
    pub fn set_watched_elsewhere(&self, watched: bool) {
        self.watched_elsewhere.store(watched, Ordering::Relaxed);
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscribes to the events from now on.
    pub fn watch(&self) -> broadcast::Receiver<DeviceEvent> {
        let events = self.sender.subscribe();
        self.watched.notify_waiters();
        events
    }

    /// Waits until somebody begins to watch, from this call on.
    pub fn somebody_watches(&self) -> impl Future<Output = ()> {
        let mut came = Box::pin(self.watched.clone().notified_owned());
        came.as_mut().enable();
        came
    }

    /// Subscribes to the events behind the one with this mark (see [`Self::mark`]): those that were missed, and those from now on.
    pub fn watch_after(&self, mark: &str) -> (broadcast::Receiver<DeviceEvent>, Missed) {
        let recent = self.recent();
        let next = self.watch();
        let number = mark.split_once('-').and_then(|(process, number)| {
            let own = u64::from_str_radix(process, 16).ok()? == self.process;
            number
                .parse::<u64>()
                .ok()
                .filter(|n| own && *n <= recent.last)
        });
        let oldest = recent.events.front().map_or(recent.last + 1, |e| e.number);
        let missed = match number {
            Some(number) if number + 1 >= oldest => {
                let behind = recent.events.iter().filter(|e| e.number > number);
                Missed::Events(behind.copied().collect())
            }
            _ => Missed::Unknown,
        };
        (next, missed)
    }

    /// What stands for an event in a stream: whoever comes back with it is told what happened since.
    pub fn mark(&self, number: u64) -> String {
        format!("{:x}-{number}", self.process)
    }
}

/// What an event stream is about, within a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTopic {
    /// All devices of the product.
    Product,
    /// One device.
    Device(DeviceId),
    /// The devices of a deployment group.
    Group(GroupId),
}

impl EventTopic {
    /// The topic of one device.
    ///
    /// # Errors
    /// [`crate::domain::DomainError::NotFound`] when the product has no such device.
    pub async fn device(db: &Db, scope: &Scope<Product>, identifier: &str) -> Result<Self> {
        let mut r = db.read().await?;
        Ok(Self::Device(
            devices::id_of(&mut r, scope, identifier).await?,
        ))
    }

    /// The topic of a deployment group.
    ///
    /// # Errors
    /// [`crate::domain::DomainError::NotFound`] when the product has no such group.
    pub async fn group(db: &Db, scope: &Scope<Product>, name: &str) -> Result<Self> {
        let mut r = db.read().await?;
        Ok(Self::Group(audits::group_of(&mut r, scope, name).await?))
    }
}

/// What a watcher wants of a topic.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Names of events; all without.
    kinds: Option<Vec<String>>,
    /// Devices; all of the topic without.
    devices: Option<HashSet<DeviceId>>,
}

impl EventFilter {
    /// The events of these names and of the devices with these identifiers.
    ///
    /// # Errors
    /// A validation error under `types` for a name that no event has, or that a stream of this topic does not tell; under `devices`
    /// for an identifier that the product does not have, or for too many.
    pub async fn new(
        db: &Db,
        scope: &Scope<Product>,
        about: EventTopic,
        kinds: Option<Vec<String>>,
        identifiers: Option<Vec<String>>,
    ) -> Result<Self> {
        let mut known = EventKind::WORDS.to_vec();
        if about == EventTopic::Product {
            known.push(SUMMARY);
        }
        let is_known = |kind: &String| known.contains(&kind.as_str());
        if !kinds.iter().flatten().all(is_known) {
            let words = known.join(", ");
            return Err(field(
                "types",
                &format!("takes, with commas, any of: {words}"),
            ));
        }
        let Some(identifiers) = identifiers else {
            let devices = None;
            return Ok(Self { kinds, devices });
        };
        if identifiers.len() > EVENT_STREAM_DEVICES {
            let text = format!("takes at most {EVENT_STREAM_DEVICES} identifiers");
            return Err(field("devices", &text));
        }
        let mut r = db.read().await?;
        let mut devices = HashSet::new();
        for identifier in &identifiers {
            let found = store::devices::view(&mut r, scope, identifier).await?;
            // A name is looked up in the whole organization.
            let own = found.filter(|d| d.product_name == scope.product().name);
            let text = format!("{identifier} is not a device of this product");
            devices.insert(own.ok_or_else(|| field("devices", &text))?.id);
        }
        let devices = Some(devices);
        Ok(Self { kinds, devices })
    }

    /// Whether the summary is wanted: only where it is named.
    pub fn wants_summary(&self) -> bool {
        self.kinds.iter().flatten().any(|kind| kind == SUMMARY)
    }

    /// Whether an event is wanted.
    pub fn wants(&self, event: &DeviceEvent) -> bool {
        let kind = event.what.word();
        let own = self.devices.as_ref();
        self.kinds
            .as_ref()
            .is_none_or(|k| k.iter().any(|w| w == kind))
            && own.is_none_or(|d| d.contains(&event.device))
    }
}

/// Filters devices by the topic, and returns the identifiers of those that belong to it.
pub async fn identifiers(
    db: &Db,
    scope: &Scope<Product>,
    about: EventTopic,
    devices: &[DeviceId],
) -> Result<Vec<(DeviceId, String)>> {
    let group = match about {
        EventTopic::Group(g) => Some(g),
        _ => None,
    };
    let wanted: Vec<DeviceId> = match about {
        EventTopic::Device(only) => devices.iter().copied().filter(|d| *d == only).collect(),
        _ => devices.to_vec(),
    };
    let mut r = db.read().await?;
    Ok(store::devices::names_within(&mut r, scope, group, &wanted).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use device_protocol::session::Close;

    #[test]
    fn another_node_hears_each_event_as_it_was() {
        let mut all = vec![EventKind::Online, EventKind::Offline("lost")];
        all.extend(EventKind::REASONS.map(EventKind::Offline));
        let closes = [
            Close::Left,
            Close::Replaced,
            Close::Asked,
            Close::Protocol,
            Close::WrongKind,
            Close::NotText,
            Close::Flood,
            Close::TooLarge,
            Close::Restart,
        ];
        all.extend(closes.map(|close| EventKind::Offline(close.word())));
        for percent in [None, Some(3)] {
            all.extend(EventKind::STAGES.map(|stage| EventKind::Update { stage, percent }));
        }
        all.extend(
            HealthState::WORDS
                .iter()
                .filter_map(|w| HealthState::parse(w))
                .map(EventKind::Health),
        );
        for event in all {
            let (word, detail, percent) = event.told();
            assert_eq!(EventKind::heard(word, detail, percent), Some(event));
        }
        assert_eq!(
            EventKind::heard("offline", "of a newer version", None),
            None
        );
        assert_eq!(EventKind::heard("dances", "", None), None);
    }

    #[test]
    fn who_comes_back_is_told_what_it_missed() {
        let events = DeviceEvents::new(Clock::default());
        let numbers = |missed: Missed| match missed {
            Missed::Events(all) => Some(all.iter().map(|e| e.number).collect::<Vec<_>>()),
            Missed::Unknown => None,
        };
        let after = |mark: &str| numbers(events.watch_after(mark).1);
        assert_eq!(after(&events.mark(0)), Some(vec![]), "before the first");
        for n in 1..=3 {
            events.tell(DeviceId::from(n), EventKind::Online);
        }
        assert_eq!(after(&events.mark(1)), Some(vec![2, 3]));
        assert_eq!(after(&events.mark(3)), Some(vec![]));
        assert_eq!(after(&events.mark(4)), None, "that was never told");
        for strange in ["", "-", "1", "x-1", "1-x", "ffffffffffffffffff-1"] {
            assert_eq!(after(strange), None, "{strange}");
        }
        let other = DeviceEvents::new(Clock::default());
        assert_eq!(after(&other.mark(1)), None, "of another process");
        for n in 0..DEVICE_EVENTS as i64 {
            events.tell(DeviceId::from(n), EventKind::Online);
        }
        assert_eq!(after(&events.mark(2)), None, "one of them is forgotten");
        let all = after(&events.mark(3)).unwrap();
        assert_eq!((all.len(), all[0]), (DEVICE_EVENTS, 4));
        let (mut next, _) = events.watch_after(&events.mark(3));
        events.tell(DeviceId::from(7), EventKind::Online);
        assert_eq!(next.try_recv().unwrap().number, all[DEVICE_EVENTS - 1] + 1);
    }
}
