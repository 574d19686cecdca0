//! What holds for every kind of bus.

#[path = "../../tests/it/support/nats.rs"]
#[allow(dead_code, reason = "the whole-system tests share one server")]
mod nats;
#[path = "../../tests/it/support/ports.rs"]
mod ports;

use super::*;
use crate::access::vault::Vault;
use crate::ids::{ConnectionId, DeviceId, GroupId};
use crate::limits::{BUS_MESSAGES, DEVICE_CONNECTIONS};
use crate::store::Db;
use crate::store::tests::postgres;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// What carries messages in a test, and how to cut it off.
enum Way {
    Memory,
    Postgres { url: String, db: Db },
    Nats(nats::NatsServer),
}

/// Nodes on a bus. In memory they are one.
struct Nodes {
    buses: Vec<Bus>,
    stop: CancellationToken,
}

impl Way {
    async fn all() -> Vec<Self> {
        let mut all = vec![Self::Memory];
        if let Some(url) = postgres::database().await {
            let db = Db::open_postgres(&url, DEVICE_CONNECTIONS).await.unwrap();
            all.push(Self::Postgres { url, db });
        }
        all.extend(nats::NatsServer::own().map(Self::Nats));
        all
    }

    async fn carrier(&self) -> Option<Carrier> {
        match self {
            Self::Memory => None,
            Self::Postgres { url, .. } => Some(Carrier::Postgres(Notify::new(url).unwrap())),
            Self::Nats(server) => {
                let nats = Nats::connect(&server.url(), "one").await.unwrap();
                Some(Carrier::Nats(nats))
            }
        }
    }

    async fn nodes(&self, number: i64) -> Nodes {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let memory = Bus::memory();
        let mut buses = Vec::new();
        for n in 0..number {
            let vault = Arc::new(Vault::new(&[1; 32]));
            buses.push(match self.carrier().await {
                None => memory.clone(),
                Some(carrier) => Bus::between_nodes(NodeId(n - 1), vault, carrier, (&tasks, &stop)),
            });
        }
        let nodes = Nodes { buses, stop };
        nodes.until_all_hear().await;
        nodes
    }

    /// Cuts what connects the nodes; it comes back at once, or when it is told to.
    async fn cut(&mut self) {
        match self {
            Self::Memory => {}
            Self::Postgres { db, .. } => {
                let mut w = db.write().await.unwrap();
                crate::store::tests::cut_bus(&mut w).await.unwrap();
                w.commit().await.unwrap();
            }
            Self::Nats(server) => {
                server.stop();
                sleep(Duration::from_millis(200)).await;
                server.start_again();
            }
        }
    }
}

impl Nodes {
    /// Waits until each node hears each other one, whatever was lost meanwhile.
    async fn until_all_hear(&self) {
        for to in &self.buses {
            for (n, from) in self.buses.iter().enumerate() {
                let mut heard = to.listen();
                let mark = BusMessage::Watching(NodeId(1_000 + n as i64));
                let begun = Instant::now();
                loop {
                    from.send(mark.clone());
                    let next = timeout(Duration::from_millis(50), heard.next()).await;
                    if next.is_ok_and(|m| m == Some(mark.clone())) {
                        break;
                    }
                    assert!(
                        begun.elapsed() < Duration::from_secs(30),
                        "{n} is not heard"
                    );
                }
            }
        }
        // What was said more than once has come.
        sleep(Duration::from_millis(300)).await;
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What comes within a moment, but for the marks of [`Nodes::until_all_hear`] and what is said when a carrier was away.
async fn heard(from: &mut BusReceiver, least: usize) -> Vec<BusMessage> {
    let mut all = Vec::new();
    let wait = |n: usize| Duration::from_millis(if n < least { 10_000 } else { 300 });
    while let Ok(Some(message)) = timeout(wait(all.len()), from.next()).await {
        if !matches!(message, BusMessage::Watching(_) | BusMessage::KeysChanged) {
            all.push(message);
        }
    }
    all
}

fn to(node: i64, device: i64) -> BusMessage {
    BusMessage::Device {
        node: NodeId(node),
        device: DeviceId::from(device),
        nudge: DeviceSignal::Replaced(ConnectionId(device)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_comes_to_those_whom_it_is_for_in_order() {
    for way in Way::all().await {
        let nodes = way.nodes(3).await;
        let [a, b, c] = [0, 1, 2].map(|n| &nodes.buses[n]);
        let mut ears: Vec<_> = nodes.buses.iter().map(Bus::listen).collect();
        let many: Vec<_> = (0..3_000).map(|n| to(0, n)).collect();
        for message in &many {
            a.send(message.clone());
        }
        assert_eq!(heard(&mut ears[1], many.len()).await, many);
        if matches!(way, Way::Memory) {
            continue;
        }
        assert_eq!(heard(&mut ears[0], 0).await, []);
        assert_eq!(heard(&mut ears[2], 0).await, []);
        // Everybody hears what is for everybody, and once.
        let ended = BusMessage::SecretEnded(crate::ids::SecretId::from(4));
        b.send(ended.clone());
        for ear in &mut ears {
            assert_eq!(heard(ear, 1).await, std::slice::from_ref(&ended));
        }
        c.send_elsewhere(BusMessage::Revoked);
        for (ear, comes) in ears.iter_mut().zip([1, 1, 0]) {
            assert_eq!(heard(ear, comes).await.len(), comes);
        }
        // Who leads gets what is for it alone, once it is known.
        let group = BusMessage::Group(GroupId::from(7));
        c.send(group.clone());
        for ear in &mut ears {
            assert_eq!(heard(ear, 1).await, std::slice::from_ref(&group));
        }
        c.set_leader(Some(NodeId(-1)));
        c.send(group.clone());
        for (ear, comes) in ears.iter_mut().zip([1, 0, 0]) {
            assert_eq!(heard(ear, comes).await.len(), comes);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_back_by_itself_and_nobody_waits_for_it() {
    for mut way in Way::all().await {
        let nodes = way.nodes(2).await;
        way.cut().await;
        let begun = Instant::now();
        for n in 0..3 * BUS_MESSAGES as i64 {
            nodes.buses[0].send(to(0, n));
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "a sender waits");
        nodes.until_all_hear().await;
        let mut ear = nodes.buses[1].listen();
        // What waited may still come, late.
        sleep(Duration::from_secs(1)).await;
        heard(&mut ear, 0).await;
        nodes.buses[0].send(to(0, -7));
        assert_eq!(heard(&mut ear, 1).await, [to(0, -7)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_on_the_bus_is_not_believed() {
    for way in Way::all().await {
        let nodes = way.nodes(2).await;
        let mut ear = nodes.buses[1].listen();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let Some(stranger) = way.carrier().await else {
            continue;
        };
        let vault = Arc::new(Vault::new(&[2; 32]));
        let stranger = Bus::between_nodes(NodeId(9), vault, stranger, (&tasks, &stop));
        for _ in 0..20 {
            stranger.send(to(0, 1));
            sleep(Duration::from_millis(20)).await;
        }
        nodes.buses[0].send(to(0, 2));
        assert_eq!(heard(&mut ear, 1).await, [to(0, 2)]);
        stop.cancel();
    }
}

#[tokio::test]
async fn a_hint_reaches_every_listener_and_nobody_waits_for_a_slow_one() {
    let bus = Bus::memory();
    bus.send(BusMessage::Delta);
    let (mut a, mut slow) = (bus.listen(), bus.listen());
    bus.send(BusMessage::Group(GroupId::from(1)));
    assert_eq!(a.next().await, Some(BusMessage::Group(GroupId::from(1))));
    for i in 0..(BUS_MESSAGES as i64 + 10) {
        bus.send(BusMessage::Group(GroupId::from(i)));
    }
    assert!(matches!(slow.next().await, Some(BusMessage::Group(g)) if g.number() > 1));
    drop(bus);
}
