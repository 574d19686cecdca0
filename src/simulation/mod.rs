//! A deterministic simulation of rollouts: the real sessions, decisions, claims, scheduler and repairs over a real database, with
//! devices, network, nodes and people made of a seed, in virtual time and without sockets. Devices fail, revert, vanish, come
//! back with an old boot's last words; signals are lost, doubled and late; nodes are killed in the middle of what they do. Claims,
//! offers and steps are checked against the invariants of `invariants.rs` when they are made, and in the end everybody is in a
//! state that has a name.
//!
//! `cargo bench --bench simulation` runs ten thousand seeds, `tests/it/simulation.rs` two hundred. A failing seed names itself:
//! `SEED=7 cargo test --test it simulation` replays it.

mod chance;
mod devices;
mod events;
mod faults;
mod invariants;
mod lanes;
mod nodes;
mod people;
mod setup;
mod ticks;

pub use faults::Sabotage;
pub use lanes::run_all;
pub use ticks::{Ticks, ticks};

use crate::clock::{Clock, Micros};
use crate::limits::DEVICE_CONNECTIONS;
use crate::store::{self, Db};
use chance::Chance;
use devices::Device;
use events::{Event, Events};
use invariants::Ledger;
use nodes::Node;
use setup::{Scenery, Settings};
use std::path::Path;
use std::time::Duration;

/// What a seed came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Devices.
    pub devices: usize,
    /// Events that happened.
    pub events: u64,
    /// Claims that were made.
    pub claims: u64,
    /// Offers that devices got.
    pub offers: u64,
    /// Devices that run the last release in the end.
    pub updated: usize,
    /// Nodes that were killed.
    pub crashes: u64,
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The seed that shows it.
    pub seed: u64,
    /// After how many events.
    pub event: u64,
    /// What was broken.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, event, what } = self;
        write!(
            f,
            "seed {seed}, event {event}: {what}\nreplay with SEED={seed} cargo test --test it simulation"
        )
    }
}

/// Why a simulation ended early.
#[derive(Debug)]
pub(crate) enum Broken {
    /// An invariant does not hold.
    Invariant(String),
    /// The database failed, which it never does here by itself.
    Store(store::Error),
    /// There is no place for the database.
    Folder(std::io::Error),
}

impl From<store::Error> for Broken {
    fn from(e: store::Error) -> Self {
        Self::Store(e)
    }
}

type Outcome<T> = Result<T, Broken>;

/// A fleet, its nodes and its people.
struct World {
    db: Db,
    clock: Clock,
    chance: Chance,
    settings: Settings,
    scenery: Scenery,
    nodes: Vec<Node>,
    devices: Vec<Device>,
    events: Events,
    ledger: Ledger,
    report: Report,
    sabotage: Option<Sabotage>,
    /// Whether everything works by now.
    calm: bool,
}

/// How long people, devices, network and nodes misbehave.
const CHAOS: Duration = Duration::from_secs(25 * 60);
/// How long everything works afterwards, at least, and how much longer each time when somebody is in the middle of something then:
/// an update, a reboot, or the rest after failures.
const CALM: Duration = Duration::from_secs(15 * 60);
const MORE_CALM: Duration = Duration::from_secs(5 * 60);
/// How long it works at most: several times as long as a device rests and an update may be silent. Who is not done then is stuck.
const LONGEST_CALM: Duration = Duration::from_secs(3 * 60 * 60);

/// Runs a seed, with a fault of the server put in on purpose if there is one.
///
/// # Errors
/// The first invariant that did not hold.
pub async fn run(seed: u64, sabotage: Option<Sabotage>) -> Result<Report, Violation> {
    let mut events = 0;
    let done = match folder() {
        Ok(folder) => {
            let db = Db::open_sqlite(&folder.path().join("simulation.db")).await;
            simulate(seed, db, sabotage, &mut events).await
        }
        Err(e) => Err(Broken::Folder(e)),
    };
    named(seed, events, done)
}

/// Runs a seed on an empty PostgreSQL database. When something is killed there depends on the network, so that a seed is not the
/// same each time.
///
/// # Errors
/// The first invariant that did not hold.
pub async fn run_on_postgres(seed: u64, url: &str) -> Result<Report, Violation> {
    let mut events = 0;
    let done = simulate(
        seed,
        Db::open_postgres(url, DEVICE_CONNECTIONS).await,
        None,
        &mut events,
    )
    .await;
    named(seed, events, done)
}

fn named(seed: u64, events: u64, done: Outcome<Report>) -> Result<Report, Violation> {
    done.map_err(|broken| Violation {
        seed,
        event: events,
        what: match broken {
            Broken::Invariant(what) => what,
            Broken::Store(e) => format!("the database failed: {e}"),
            Broken::Folder(e) => format!("no folder for the database: {e}"),
        },
    })
}

/// A folder in memory, if the machine has such a place: nothing waits for a disk there.
fn folder() -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
}

async fn simulate(
    seed: u64,
    db: store::Result<Db>,
    sabotage: Option<Sabotage>,
    events: &mut u64,
) -> Outcome<Report> {
    let clock = Clock::stopped(Micros(1_800_000_000_000_000));
    let db = db?.with_clock(clock.clone());
    let mut chance = Chance::new(seed);
    let settings = Settings::of(&mut chance);
    let settings = match sabotage {
        Some(fault) => settings.exposing(fault),
        None => settings,
    };
    let (scenery, devices) = setup::build(&db, &settings, &mut chance).await?;
    let mut world = World {
        nodes: nodes::all(&db, settings.nodes),
        report: Report {
            devices: devices.len(),
            ..Report::default()
        },
        ledger: Ledger::default(),
        events: Events::default(),
        db,
        clock,
        chance,
        settings,
        scenery,
        devices,
        sabotage,
        calm: false,
    };
    let done = world.live(events).await;
    world.db.close().await;
    done?;
    Ok(world.report)
}

impl World {
    async fn live(&mut self, count: &mut u64) -> Outcome<()> {
        self.begin();
        let calm = self.db.now().after(CHAOS);
        let mut end = calm.after(CALM);
        loop {
            self.live_until(calm, end, count).await?;
            let done = self.check_end().await;
            if !matches!(done, Err(Broken::Invariant(_))) || end >= calm.after(LONGEST_CALM) {
                return done;
            }
            end = end.after(MORE_CALM);
        }
    }

    /// Lets all happen that comes before `end`. It is calm from `calm` on.
    async fn live_until(&mut self, calm: Micros, end: Micros, count: &mut u64) -> Outcome<()> {
        while let Some((at, event)) = self.events.next(end) {
            self.clock.advance(at.since(self.db.now()));
            if !self.calm && at > calm {
                self.calm = true;
                self.calm_down().await?;
            }
            *count += 1;
            self.report.events += 1;
            let steers = matches!(
                event,
                Event::Tick(_) | Event::Run(_) | Event::Release | Event::Person
            );
            self.happen(event).await?;
            if steers {
                self.check().await?;
            }
        }
        // What has become due since the last tick is done by the next one, of whichever node holds the lease. Ticks of the calm may
        // leave their repairs out; these do not.
        self.calm = false;
        for node in (0..self.nodes.len()).chain(0..self.nodes.len()) {
            self.tick(node).await?;
        }
        self.calm = true;
        Ok(())
    }

    /// Nodes begin to tick, devices to connect, people to act.
    fn begin(&mut self) {
        let now = self.db.now();
        for node in 0..self.nodes.len() {
            self.events.add(now, Event::Tick(node));
        }
        for device in 0..self.devices.len() {
            let at = now.after(self.chance.seconds(0..120));
            self.events.add(at, Event::Connect(device));
        }
        let first = now.after(self.chance.seconds(60..180));
        self.events.add(first, Event::Release);
        self.events.add(first, Event::Person);
    }

    async fn happen(&mut self, event: Event) -> Outcome<()> {
        match event {
            Event::Tick(node) => self.tick(node).await,
            Event::Run(node) => self.run_group(node).await,
            Event::Signal(node, device) => self.signal(node, device).await,
            Event::Connect(device) => self.connect(device).await,
            Event::Arrives(arrival) => self.arrives(arrival).await,
            Event::Acts(device, boot, act) => self.acts(device, boot, act).await,
            Event::Restart(node) => self.restart(node).await,
            Event::DeltaMade => self.make_delta().await,
            Event::Release => self.release().await,
            Event::Person => self.person().await,
        }
    }
}
