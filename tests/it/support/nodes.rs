//! Several nodes on one PostgreSQL and one bucket.

use super::bucket::Bucket;
use super::hosted::Hosted;
use super::server::Host;
use super::{Engine, Server, nats};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What carries messages from node to node.
#[derive(Debug, Clone, Copy)]
pub enum Carrier {
    Postgres,
    Nats,
}

/// Two nodes in this process: one for people, and one for devices.
pub struct Two {
    pub people: Hosted,
    pub fleet: Hosted,
    _folder: TempDir,
    _bucket: Bucket,
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
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let bucket = Bucket::start().await;
        let url = super::server::database(Engine::Postgres).await??;
        let mut flags = bucket.flags("nodes");
        flags.extend(carrier.flags()?);
        flags.extend(["--database-url".to_owned(), url.clone()]);
        let start = async |folder: &TempDir, role: &str| {
            let mut all: Vec<&str> = flags.iter().map(String::as_str).collect();
            all.extend(["--role", role]);
            Hosted::start("postgres", &folder.path().join("data"), &all).await
        };
        let (people, web) = start(&folders[0], "web").await;
        let (fleet, devices) = start(&folders[1], "device").await;
        let ready = json!({
            "web": web["web"],
            "devices": devices["devices"],
            "downloads": devices["downloads"],
            "ca": devices["ca"],
        });
        assert_eq!(
            (&web["devices"], &devices["web"]),
            (&Value::Null, &Value::Null)
        );
        let [folder, other] = folders;
        let two = Two {
            people,
            fleet,
            _folder: other,
            _bucket: bucket,
        };
        let host = Host::Two(Box::new(two));
        Some(Self::ready(host, folder, Some(url), &ready).with_login())
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
