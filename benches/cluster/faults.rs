//! What happens when a part goes away and comes back.

use super::cluster::Cluster;
use super::database;
use super::fleet::Fleet;
use super::phases::settle;
use super::table::{Table, seconds};
use super::terminal::Typist;
use sqlx::PgConnection;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How long is waited for anything.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long is waited for a key that does not come back.
const ECHO: Duration = Duration::from_secs(60);

pub async fn all(cluster: &mut Cluster, fleet: &mut Fleet, table: &mut Table) {
    node(cluster, fleet, table).await;
    leader(cluster, table).await;
    if cluster.nats.is_some() {
        bus(cluster, table).await;
    }
    away(cluster, fleet, table).await;
}

/// Seconds until this is so; what it was at last when it does not come.
async fn until(reader: &mut PgConnection, is: impl Fn(i64) -> bool) -> String {
    let begun = Instant::now();
    loop {
        let now = database::connected(reader).await;
        if is(now) {
            return seconds(begun);
        }
        if begun.elapsed() > PATIENCE {
            return format!("not within {} s: {now} are connected", PATIENCE.as_secs());
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// A device node is killed, and comes back to the devices that know no other.
async fn node(cluster: &mut Cluster, fleet: &Fleet, table: &mut Table) {
    let (all, own) = (cluster.plan.devices() as i64, cluster.plan.fleet);
    cluster.nodes[0].kill();
    let left = all - own as i64;
    let noticed = until(&mut cluster.reader, |now| now <= left).await;
    table.row(
        "a device node is killed: its devices count as away after",
        noticed,
    );
    table.row(
        "sockets at the other nodes",
        format!("{} of {left}", cluster.sockets()),
    );
    let before = cluster.used(Some(fleet)).await;
    let begun = Instant::now();
    cluster.nodes[0].start_again();
    let started = seconds(begun);
    let back = until(&mut cluster.reader, |now| now >= all).await;
    table.row(
        "it comes back",
        format!("ready after {started}, and all its devices are connected {back} later"),
    );
    let after = cluster.used(Some(fleet)).await;
    after.since(&before, own, table, "a device that comes back");
}

/// Who leads, as the database says.
async fn who_leads(reader: &mut PgConnection) -> Vec<u8> {
    let value = sqlx::query_scalar("SELECT value FROM settings WHERE name = 'server'");
    value.fetch_one(reader).await.unwrap()
}

/// The node for people that leads is killed.
async fn leader(cluster: &mut Cluster, table: &mut Table) {
    let led = who_leads(&mut cluster.reader).await;
    let begun = Instant::now();
    // The first one was there before all others.
    cluster.web[0].kill();
    let mut after = "nobody".to_owned();
    while begun.elapsed() < PATIENCE {
        if who_leads(&mut cluster.reader).await != led {
            after = seconds(begun);
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    table.row(
        "the leading web node is killed: another node leads after",
        after,
    );
    table.row("sockets then", cluster.sockets().to_string());
    cluster.web[0].start_again();
}

/// Seconds until a key comes back.
async fn until_echo(cluster: &Cluster) -> String {
    let begun = Instant::now();
    while begun.elapsed() < ECHO {
        let typist = Typist::open(&cluster.web[0].web, cluster.token(), "sim-000001").await;
        if let Some(mut typist) = typist
            && typist.key().await.is_some()
        {
            return seconds(begun);
        }
        sleep(Duration::from_millis(200)).await;
    }
    format!("not within {} s", ECHO.as_secs())
}

/// The bus is away for ten seconds.
async fn bus(cluster: &mut Cluster, table: &mut Table) {
    let Some(nats) = &mut cluster.nats else {
        return;
    };
    nats.stop();
    sleep(Duration::from_secs(10)).await;
    nats.start_again();
    let echo = until_echo(cluster).await;
    table.row(
        "the bus is away for 10 s",
        format!(
            "{} sockets then; a key in a console comes back {echo} after it is there again",
            cluster.sockets()
        ),
    );
}

/// The database crashes, and is away for twenty seconds.
async fn away(cluster: &mut Cluster, fleet: &Fleet, table: &mut Table) {
    settle().await;
    let all = cluster.plan.devices() as i64;
    cluster.database.stop();
    sleep(Duration::from_secs(20)).await;
    let kept = cluster.sockets();
    cluster.database.start_again();
    let begun = Instant::now();
    cluster.reader = cluster.database.connect().await;
    let up = seconds(begun);
    let api = cluster.api();
    while api.get("/api/users/me").await.status != 200 {
        assert!(begun.elapsed() < PATIENCE, "the API does not answer again");
        sleep(Duration::from_millis(100)).await;
    }
    let answers = seconds(begun);
    let echo = until_echo(cluster).await;
    table.row(
        "the database is away for 20 s",
        format!("{kept} sockets at the end; it is up {up} after its start, people are answered after {answers}, and a key in a console comes back {echo} later"),
    );
    settle().await;
    let before = cluster.used(Some(fleet)).await;
    sleep(Duration::from_secs(20)).await;
    let sockets = cluster.sockets();
    let back = until(&mut cluster.reader, |now| now >= all).await;
    let after = cluster.used(Some(fleet)).await;
    table.row(
        "half a minute later",
        format!(
            "{sockets} sockets, all connected after {back} more; {:.1} s of CPU of the device nodes in the last 20 s or more",
            after.nodes - before.nodes
        ),
    );
}
