//! Several nodes on one PostgreSQL and one bucket.

use super::bucket::Bucket;
use super::hosted::Hosted;
use super::server::Host;
use super::{Engine, Server, nats, ports};
use nervecenter::Clock;
use serde_json::{Value, json};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What carries messages from node to node.
#[derive(Debug, Clone, Copy)]
pub enum Carrier {
    Postgres,
    Nats,
}

/// Nodes in this process: some for people, and one for devices.
pub struct Nodes {
    people: Vec<Hosted>,
    fleet: Hosted,
    _folders: Vec<TempDir>,
    _bucket: Bucket,
    _proxy: Option<Proxy>,
}

impl Nodes {
    pub fn clock(&self) -> &Clock {
        self.fleet.clock()
    }

    pub fn advance(&self, by: Duration) {
        for node in self.people.iter().chain([&self.fleet]) {
            node.clock().advance(by);
        }
    }
}

impl Carrier {
    /// The flag for it; `None` when it is not installed.
    pub fn flags(self) -> Option<Vec<String>> {
        match self {
            Self::Postgres => Some(Vec::new()),
            Self::Nats => Some(vec!["--bus".into(), nats::server()?.url()]),
        }
    }
}

impl Server {
    /// One server in two nodes: people are at one of them, and devices at the other. `None` when PostgreSQL or the carrier is not
    /// installed.
    pub async fn across_nodes(carrier: Carrier) -> Option<Self> {
        Self::of_nodes(1, &carrier.flags()?).await
    }

    /// One server in two nodes, whose bus is a NATS server of the test's own.
    pub async fn over(nats: &nats::NatsServer) -> Option<Self> {
        Self::of_nodes(1, &["--bus".into(), nats.url()]).await
    }

    /// One server in three nodes: people come by HAProxy, which gives each request to the next of two of them, and devices are at
    /// the third. `None` when PostgreSQL or HAProxy is not installed.
    pub async fn behind_proxy(flags: &[&str]) -> Option<Self> {
        let flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
        Self::of_nodes(2, &flags).await
    }

    async fn of_nodes(for_people: usize, more: &[String]) -> Option<Self> {
        let bucket = Bucket::start().await;
        let url = super::server::database(Engine::Postgres).await??;
        let mut flags = bucket.flags("nodes");
        flags.extend(more.iter().cloned());
        flags.extend(["--database-url".to_owned(), url.clone()]);
        let mut folders = Vec::new();
        let mut start = async |role: &str| {
            let folder = tempfile::tempdir().unwrap();
            let data = folder.path().join("data");
            folders.push(folder);
            let mut all: Vec<&str> = flags.iter().map(String::as_str).collect();
            all.extend(["--role", role]);
            Hosted::start("postgres", &data, &all).await
        };
        let (fleet, devices) = start("device").await;
        assert_eq!(devices["web"], Value::Null);
        let (mut people, mut webs) = (Vec::new(), Vec::new());
        for _ in 0..for_people {
            let (node, ready) = start("web").await;
            assert_eq!(ready["devices"], Value::Null);
            people.push(node);
            webs.push(ready["web"].as_str().unwrap().to_owned());
        }
        let proxy = match &webs[..] {
            [_] => None,
            several => Some(Proxy::before(several)?),
        };
        let web = proxy
            .as_ref()
            .map_or(webs[0].clone(), |p| p.address.clone());
        let ready = json!({
            "web": web,
            "devices": devices["devices"],
            "downloads": devices["downloads"],
            "ca": devices["ca"],
        });
        let folder = folders.pop().unwrap();
        let nodes = Nodes {
            people,
            fleet,
            _folders: folders,
            _bucket: bucket,
            _proxy: proxy,
        };
        let host = Host::Nodes(Box::new(nodes));
        Some(Self::ready(host, folder, Some(url), &ready).with_login())
    }
}

/// HAProxy before some servers, which get requests in turn.
struct Proxy {
    address: String,
    child: Child,
    _folder: TempDir,
}

impl Proxy {
    fn before(servers: &[String]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("haproxy.cfg");
        let address = format!("127.0.0.1:{}", ports::free());
        let mut text = format!(
            "defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n  timeout tunnel 1h\n\
             listen web\n  bind {address}\n  balance roundrobin\n  option http-server-close\n"
        );
        for (n, server) in servers.iter().enumerate() {
            text.push_str(&format!("  server n{n} {server}\n"));
        }
        std::fs::write(&file, text).unwrap();
        let started = Command::new("haproxy")
            .args(["-db", "-q", "-f"])
            .arg(&file)
            .spawn();
        let Ok(child) = started else {
            super::postgres::skipped("haproxy");
            return None;
        };
        let begun = Instant::now();
        while std::net::TcpStream::connect(&address).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "HAProxy does not start"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self {
            address,
            child,
            _folder: folder,
        })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes tests out of bodies that take a server: it is two nodes, by each kind of bus.
#[macro_export]
macro_rules! across_nodes {
    ($($name:ident)*) => {
        mod across_nodes {
            $(mod $name {
                #[tokio::test(flavor = "multi_thread")]
                async fn by_postgres() {
                    let carrier = $crate::support::nodes::Carrier::Postgres;
                    let Some(server) = $crate::support::Server::across_nodes(carrier).await else { return };
                    super::super::$name(server).await;
                }
                #[tokio::test(flavor = "multi_thread")]
                async fn by_nats() {
                    let carrier = $crate::support::nodes::Carrier::Nats;
                    let Some(server) = $crate::support::Server::across_nodes(carrier).await else { return };
                    super::super::$name(server).await;
                }
            })*
        }
    };
}

/// Makes tests out of bodies that take a server: it is three nodes, two of them for people behind a proxy that takes turns.
#[macro_export]
macro_rules! behind_proxy {
    ($flags:expr; $($name:ident)*) => {
        mod behind_proxy {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let Some(server) = $crate::support::Server::behind_proxy($flags).await else { return };
                super::$name(server).await;
            })*
        }
    };
}
