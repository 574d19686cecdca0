//! What a tick of a large group costs: hundreds of thousands of devices that have joined, without sockets.

use super::chance::Chance;
use super::setup::{self, FIRMWARES, Settings};
use super::{Broken, Outcome};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::ids::{ConnectionId, DeviceId, NodeId};
use crate::ingest::{ConnectInfo, DeviceWrite, IngestWriter, Join, Record, Reported};
use crate::limits::DEVICE_CONNECTIONS;
use crate::rollout::offer;
use crate::rollout::policy::Policy;
use crate::rollout::reconcile;
use crate::rollout::scheduler::Scheduler;
use crate::store::Db;
use crate::store::batch::Writer as _;
use crate::store::deployments::{comparisons, deployment_groups, inflight, overview, releases};
use crate::store::devices::{FirmwareMetadata, bulk};
use crate::store::node::nodes;
use crate::store::words::AttemptOutcome;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long ticks took.
#[derive(Debug, Clone, Default)]
pub struct Ticks {
    /// Rows written in a second when devices joined.
    pub joined_a_second: f64,
    /// Ticks of a group that has nothing to do.
    pub idle: Vec<Duration>,
    /// The tick that claims a thousand devices.
    pub claims: Duration,
    /// Reading the whole group for a comparison.
    pub compares: Duration,
    /// Until every device that lacks a release tag was held.
    pub holds: Duration,
    /// Ticks after that.
    pub held: Vec<Duration>,
    /// The tick that claims a thousand devices that have the tag.
    pub claims_tagged: Duration,
}

/// Claims of the ticks that claim.
const CLAIMS: i64 = 1_000;
/// Records of a batch.
const BATCH: usize = 500;

/// Measures with so many devices in a group, on SQLite in a folder or on PostgreSQL. One device in a hundred has the tag of the
/// release that is measured with tags.
///
/// # Errors
/// Why the database failed.
pub async fn ticks(url: Option<&str>, folder: &Path, devices: usize) -> Result<Ticks, String> {
    measure(url, folder, devices)
        .await
        .map_err(|broken| match broken {
            Broken::Store(e) => e.to_string(),
            Broken::Invariant(what) => what,
            Broken::Folder(e) => e.to_string(),
        })
}

struct Fleet {
    db: Db,
    scheduler: Scheduler,
    scenery: setup::Scenery,
    devices: Vec<DeviceId>,
}

async fn measure(url: Option<&str>, folder: &Path, devices: usize) -> Outcome<Ticks> {
    let db = match url {
        Some(url) => Db::open_postgres(url, DEVICE_CONNECTIONS).await?,
        None => Db::open_sqlite(&folder.join("ticks.db")).await?,
    };
    let db = db.with_clock(Clock::movable());
    let mut chance = Chance::new(1);
    let settings = Settings {
        devices: 0,
        concurrent: CLAIMS,
        deltas: false,
        priority: false,
        lifo: false,
        policy: Policy::default(),
        server_rate: None,
        workflow: None,
        ..Settings::of(&mut chance)
    };
    let (scenery, _) = setup::build(&db, &settings, &mut chance).await?;
    let mut fleet = Fleet {
        scheduler: Scheduler {
            db: db.clone(),
            bus: Bus::memory(),
        },
        db,
        scenery,
        devices: Vec::new(),
    };
    let begun = Instant::now();
    fleet.join(devices).await?;
    #[expect(clippy::cast_precision_loss, reason = "a number of devices")]
    let mut done = Ticks {
        joined_a_second: devices as f64 / begun.elapsed().as_secs_f64(),
        ..Ticks::default()
    };
    for _ in 0..20 {
        done.idle.push(fleet.tick().await?);
    }
    fleet.release(&mut chance).await?;
    done.claims = fleet.tick().await?;
    fleet.require_claims(CLAIMS).await?;
    fleet.tell_all().await?;
    done.compares = fleet.compare().await?;
    fleet.give_up().await?;
    fleet.want_tag(true).await?;
    let begun = Instant::now();
    while fleet.claims().await? < CLAIMS {
        fleet.tick().await?;
    }
    done.holds = begun.elapsed();
    fleet.tell_all().await?;
    for _ in 0..20 {
        done.held.push(fleet.tick().await?);
    }
    fleet.give_up().await?;
    done.claims_tagged = fleet.tick().await?;
    fleet.require_claims(CLAIMS).await?;
    fleet.db.close().await;
    Ok(done)
}

impl Fleet {
    /// Devices connect and join, through the writer that every device goes through.
    async fn join(&mut self, devices: usize) -> Outcome<()> {
        let now = self.db.now();
        let mut w = self.db.write().await?;
        nodes::alive(&mut w, NodeId(1), now).await?;
        let row = |n: usize| bulk::NewDevice {
            identifier: format!("d{n}"),
            ..bulk::NewDevice::default()
        };
        let rows: Vec<bulk::NewDevice> = (0..devices).map(row).collect();
        let (org, product) = (self.scenery.org, self.scenery.product);
        let ids = bulk::add_many(&mut w, org, product, &rows, now).await?;
        let tagged: Vec<(DeviceId, i64, &str)> = ids
            .iter()
            .step_by(100)
            .map(|(id, _)| (*id, 0, "canary"))
            .collect();
        bulk::tag_many(&mut w, &tagged).await?;
        w.commit().await?;
        let writer = IngestWriter::default();
        self.devices = ids.into_iter().map(|(id, _)| id).collect();
        for some in self.devices.chunks(BATCH) {
            for said in [connecting, joining] {
                let records: Vec<Record> = some.iter().map(|id| said(*id, now)).collect();
                let all: Vec<&Record> = records.iter().collect();
                let mut w = self.db.write().await?;
                writer.write(&mut w, &all).await?;
                w.commit().await?;
            }
        }
        Ok(())
    }

    /// The repairs and the scheduler, as they tick.
    async fn tick(&self) -> Outcome<Duration> {
        let begun = Instant::now();
        let (node, bus, now) = (NodeId(1), &self.scheduler.bus, self.db.now());
        reconcile::repair(&self.db, bus, now).await?;
        reconcile::dead_nodes(&self.db, bus, node, now).await?;
        self.scheduler.run_group(self.scenery.group).await?;
        Ok(begun.elapsed())
    }

    async fn release(&self, chance: &mut Chance) -> Outcome<()> {
        let mut w = self.db.write().await?;
        let group = deployment_groups::row(&mut w, self.scenery.group).await?;
        if let Some(group) = group {
            let firmware = self.scenery.firmwares[1];
            setup::release(&mut w, &group, firmware, chance, self.db.now()).await?;
        }
        Ok(w.commit().await?)
    }

    async fn want_tag(&self, wanted: bool) -> Outcome<()> {
        let tags: Vec<String> = wanted.then(|| "canary".into()).into_iter().collect();
        let mut w = self.db.write().await?;
        deployment_groups::set_words(&mut w, self.scenery.group, "release_tag", &tags).await?;
        Ok(w.commit().await?)
    }

    async fn claims(&self) -> Outcome<i64> {
        let mut r = self.db.read().await?;
        Ok(inflight::count(&mut r, self.scenery.group, false).await?)
    }

    async fn require_claims(&self, wanted: i64) -> Outcome<()> {
        let claims = self.claims().await?;
        if claims == wanted {
            return Ok(());
        }
        let what = format!("{claims} devices were claimed and not {wanted}");
        Err(Broken::Invariant(what))
    }

    /// Every claimed device is told.
    async fn tell_all(&self) -> Outcome<()> {
        let now = self.db.now();
        let mut w = self.db.write().await?;
        for some in self.devices.chunks(BATCH) {
            let asking: Vec<_> = some.iter().map(|d| (*d, None)).collect();
            offer::take_all(&mut w, &asking, now).await?;
        }
        Ok(w.commit().await?)
    }

    /// What the comparison of a release reads of the whole group, once a minute while devices fail.
    async fn compare(&self) -> Outcome<Duration> {
        let mut r = self.db.read().await?;
        let group = self.scenery.group;
        let Some(release) = releases::current(&mut r, group).await? else {
            return Ok(Duration::ZERO);
        };
        let begun = Instant::now();
        comparisons::others(&mut r, group, release.id, release.inserted_at).await?;
        Ok(begun.elapsed())
    }

    /// All slots are free again.
    async fn give_up(&self) -> Outcome<()> {
        let now = self.db.now();
        let mut w = self.db.write().await?;
        let all = overview::in_flight(&mut w, self.scenery.group, CLAIMS).await?;
        for one in all {
            let number = one
                .identifier
                .strip_prefix('d')
                .and_then(|n| n.parse().ok());
            let device = number.and_then(|n: usize| self.devices.get(n));
            if let Some(device) = device {
                let outcome = AttemptOutcome::Withdrawn;
                inflight::end(&mut w, *device, outcome, None, now).await?;
            }
        }
        Ok(w.commit().await?)
    }
}

fn connecting(device: DeviceId, at: crate::clock::Micros) -> Record {
    let info = ConnectInfo {
        node: NodeId(1),
        fingerprint: None,
        peer: "10.0.0.1".into(),
    };
    Record {
        device,
        connection: ConnectionId(device.number()),
        at,
        said: DeviceWrite::Connecting(Box::new(info)),
    }
}

fn joining(device: DeviceId, at: crate::clock::Micros) -> Record {
    let (uuid, version) = FIRMWARES[0];
    let metadata = FirmwareMetadata {
        uuid: uuid.into(),
        product: "thermo".into(),
        version: version.into(),
        platform: "rpi4".into(),
        architecture: "arm".into(),
        ..FirmwareMetadata::default()
    };
    let join = Join {
        reported: Reported::Complete(Box::new(metadata)),
        api: "2.3.0".into(),
        validated: Some(true),
        ..Join::default()
    };
    Record {
        device,
        connection: ConnectionId(device.number()),
        at,
        said: DeviceWrite::Join(Box::new(join)),
    }
}
