//! What happens to devices, as it happens, for programs that watch (docs/protocol/rest.md, "Event stream" and "User sockets"). In this process only; whoever is behind
//! misses some, and the database has the truth.

use crate::access::scope::{Product, Scope};
use crate::clock::{self, Micros};
use crate::domain::Result;
use crate::domain::devices::{self, extensions};
use crate::domain::events::audits;
use crate::ids::{DeviceId, GroupId};
use crate::rollout::outcome::Report;
use crate::store::{self, Db};
use serde_json::{Value, json};
use tokio::sync::broadcast;

/// Something that happened to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceEvent {
    /// The device.
    pub device: DeviceId,
    /// When.
    pub at: Micros,
    /// What.
    pub what: EventKind,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It joined.
    Online,
    /// Its socket closed, for this reason.
    Offline(&'static str),
    /// Its update has come to this.
    Update {
        /// `received`, `started`, `downloading`, `updating`, `completed`, `failed`, `ignored`, `rescheduled`, `expired`; and
        /// `installed` when it runs what it was sent.
        stage: &'static str,
        /// Percent, where the device says one.
        percent: Option<i64>,
    },
    /// It reported its health, and is so.
    Health(&'static str),
}

impl EventKind {
    /// Its word in event streams.
    pub fn word(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline(_) => "offline",
            Self::Update { .. } => "firmware_update",
            Self::Health(_) => "health",
        }
    }

    /// What is to be known of it.
    pub fn facts(self) -> Value {
        match self {
            Self::Online => json!({}),
            Self::Offline(reason) => json!({ "reason": reason }),
            Self::Update { stage, percent } => json!({"percent": percent, "stage": stage}),
            Self::Health(status) => json!({ "status": status }),
        }
    }
}

/// Everybody who watches.
#[derive(Clone)]
pub struct DeviceEvents(broadcast::Sender<DeviceEvent>);

/// Happenings in flight before the slowest watcher misses some.
pub const DEPTH: usize = 4_096;

impl Default for DeviceEvents {
    fn default() -> Self {
        Self(broadcast::channel(DEPTH).0)
    }
}

impl DeviceEvents {
    /// Tells them what a device reports of its update.
    pub fn report(&self, device: DeviceId, report: &Report) {
        let (stage, percent) = match report {
            Report::Stage(stage, percent) => (*stage, *percent),
            Report::Failed(_) => ("failed", None),
            Report::Ignored(_) => ("ignored", None),
            Report::Rescheduled(_) => ("rescheduled", None),
        };
        self.tell(device, EventKind::Update { stage, percent });
    }

    /// Tells them that a device runs what it was sent.
    pub fn installed(&self, device: DeviceId) {
        let (stage, percent) = ("installed", None);
        self.tell(device, EventKind::Update { stage, percent });
    }

    /// Tells them that a device was silent for too long.
    pub fn expired(&self, device: DeviceId) {
        let (stage, percent) = ("expired", None);
        self.tell(device, EventKind::Update { stage, percent });
    }

    /// Tells them how a device is.
    pub fn health(&self, device: DeviceId, report: &Value) {
        if self.0.receiver_count() > 0 {
            self.tell(device, EventKind::Health(extensions::status(report)));
        }
    }

    /// Tells them.
    pub fn tell(&self, device: DeviceId, what: EventKind) {
        let at = clock::now();
        // Nobody watching is the usual case.
        let _ = self.0.send(DeviceEvent { device, at, what });
    }

    /// Watches from now on.
    pub fn watch(&self) -> broadcast::Receiver<DeviceEvent> {
        self.0.subscribe()
    }
}

/// What a stream is about, within a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTopic {
    /// The whole product.
    Product,
    /// One device.
    Device(DeviceId),
    /// The devices of a deployment group.
    Group(GroupId),
}

impl EventTopic {
    /// One device.
    ///
    /// # Errors
    /// [`crate::domain::Refusal::NotFound`].
    pub async fn device(db: &Db, scope: &Scope<Product>, identifier: &str) -> Result<Self> {
        let mut r = db.read().await?;
        Ok(Self::Device(
            devices::id_of(&mut r, scope, identifier).await?,
        ))
    }

    /// The devices of a deployment group.
    ///
    /// # Errors
    /// [`crate::domain::Refusal::NotFound`].
    pub async fn group(db: &Db, scope: &Scope<Product>, name: &str) -> Result<Self> {
        let mut r = db.read().await?;
        Ok(Self::Group(audits::group_of(&mut r, scope, name).await?))
    }
}

/// The identifiers of those devices that a stream is about.
///
/// # Errors
/// The database's.
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
