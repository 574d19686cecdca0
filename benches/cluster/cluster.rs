//! All that runs: the database, the bucket, the bus, the nodes.

use super::database::{self, Counters, Database};
use super::fleet::{Factory, Fleet};
use super::nodes::{self, Node};
use super::support::bucket::Bucket;
use super::support::nats::NatsServer;
use super::support::{Api, ca};
use super::table::Table;
use super::{Plan, machine};
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

/// Updates at once of the group that all devices are in.
pub const AT_ONCE: i64 = 1_000;

pub struct Cluster {
    pub plan: Plan,
    pub web: Vec<Node>,
    pub nodes: Vec<Node>,
    pub factory: Factory,
    pub login: Value,
    /// The firmware that devices have, and the one that is released.
    pub versions: (Value, Value),
    pub nats: Option<NatsServer>,
    pub reader: PgConnection,
    pub database: Database,
    pub bucket: Bucket,
    /// What all of it took before there were devices.
    pub before: Memory,
}

/// KiB of what runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    pub nodes: u64,
    pub web: u64,
    pub database: u64,
    pub kernel: u64,
}

/// What was used until some moment.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    pub at: Instant,
    pub nodes: f64,
    pub web: f64,
    pub database: f64,
    pub fleet: f64,
    cores: (f64, f64),
    pub counters: Counters,
}

impl Cluster {
    pub async fn start(plan: Plan) -> Self {
        let bucket = Bucket::start().await;
        let mut database = Database::start(std::env::var_os("STATEMENTS").is_some()).await;
        let nats = plan
            .nats
            .then(|| NatsServer::own().expect("nats-server is installed"));
        let url = match std::env::var_os("POOLER") {
            Some(pooler) => database.pooled(&pooler),
            None => database.url(),
        };
        let mut flags = bucket.flags("bench");
        flags.extend(["--database-url".to_owned(), url.clone()]);
        if let Some(nats) = &nats {
            flags.extend(["--bus".to_owned(), nats.url()]);
        }
        let web: Vec<Node> = (0..plan.web.max(1))
            .map(|_| Node::start("web", &flags))
            .collect();
        let connections = plan.connections.to_string();
        let few = ["--database-connections".to_owned(), connections];
        let flags = [flags, few.to_vec()].concat();
        let nodes: Vec<Node> = (0..plan.nodes + plan.spare)
            .map(|_| Node::start("device", &flags))
            .collect();
        let login = nodes::bootstrap(&url);
        let api = Api::new(&web[0].web, login["token"].as_str().unwrap());
        let ca = ca::ca("factory");
        ca.register(&api, true).await;
        let settings = json!({"delta_updatable": false, "concurrent_updates": AT_ONCE});
        let versions = api.two_versions("g", settings).await;
        let mut addresses: Vec<String> = nodes.iter().map(|n| n.devices.clone()).collect();
        let spare = addresses.split_off(plan.nodes);
        let factory = Factory::new(
            addresses,
            spare,
            nodes[0].ca.clone(),
            &ca,
            (plan.processes, plan.rate, plan.heartbeat),
        );
        let reader = database.connect().await;
        let mut own = Self {
            plan,
            web,
            nodes,
            factory,
            login,
            versions,
            nats,
            reader,
            database,
            bucket,
            before: Memory::default(),
        };
        own.before = own.memory();
        own
    }

    pub fn token(&self) -> &str {
        self.login["token"].as_str().unwrap()
    }

    /// A client of the first web node.
    pub fn api(&self) -> Api {
        Api::new(&self.web[0].web, self.token())
    }

    /// Connections of devices that are open in the kernel.
    pub fn sockets(&self) -> usize {
        let ports: HashSet<u16> = self.nodes.iter().map(Node::port).collect();
        machine::sockets(&ports)
    }

    pub fn memory(&self) -> Memory {
        Memory {
            nodes: self.nodes.iter().map(Node::memory).sum(),
            web: self.web.iter().map(Node::memory).sum(),
            database: self.database.memory(),
            kernel: machine::kernel(),
        }
    }

    pub async fn used(&mut self, fleet: Option<&Fleet>) -> Used {
        Used {
            at: Instant::now(),
            nodes: self.nodes.iter().map(Node::cpu).sum(),
            web: self.web.iter().map(Node::cpu).sum(),
            database: self.database.cpu(),
            fleet: fleet.map_or(0.0, Fleet::cpu),
            cores: machine::cores(),
            counters: database::counters(&mut self.reader).await,
        }
    }

    /// The warnings and errors of all nodes, the most frequent first.
    pub fn complaints(&self, table: &mut Table) {
        let mut all = BTreeMap::new();
        for node in self.nodes.iter().chain(&self.web) {
            node.complaints(&mut all);
        }
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|(_, n)| u64::MAX - n);
        let said: Vec<String> = all
            .iter()
            .take(12)
            .map(|(text, n)| format!("{n} × {text}"))
            .collect();
        table.row("warnings of the nodes", said.join("; "));
    }
}

impl Used {
    /// What was used since then, of so many devices.
    pub fn since(&self, before: &Self, devices: usize, table: &mut Table, what: &str) {
        let n = devices as f64;
        let ms = |now: f64, then: f64| (now - then) * 1e3 / n;
        table.row(
            format!("CPU of {what}"),
            format!(
                "{:.2} ms of the device nodes, {:.2} ms of PostgreSQL, {:.2} ms of the simulator; {:.1} s of the web nodes in all",
                ms(self.nodes, before.nodes),
                ms(self.database, before.database),
                ms(self.fleet, before.fleet),
                self.web - before.web
            ),
        );
        let own = self.nodes + self.web + self.database + self.fleet
            - before.nodes
            - before.web
            - before.database
            - before.fleet;
        let (busy, idle) = (self.cores.0 - before.cores.0, self.cores.1 - before.cores.1);
        let share = |part: f64| part * 100.0 / (busy + idle).max(0.01);
        table.row(
            format!("the machine's cores during {what}"),
            format!(
                "{:.0} % by these, {:.0} % by others and the kernel, {:.0} % idle",
                share(own),
                share(busy - own),
                share(idle)
            ),
        );
        let (now, then) = (self.counters, before.counters);
        table.row(
            format!("database writes of {what}"),
            format!(
                "{:.2} rows added, {:.2} rows changed, {:.0} bytes of log; {:.2} transactions",
                (now.inserted - then.inserted) as f64 / n,
                (now.updated - then.updated) as f64 / n,
                (now.log - then.log) as f64 / n,
                (now.transactions - then.transactions) as f64 / n
            ),
        );
    }
}
