//! What happens when a part goes away and comes back.

use super::cluster::{AT_ONCE, Cluster};
use super::database;
use super::fleet::Fleet;
use super::phases::settle;
use super::support::number;
use super::table::{Table, seconds};
use super::terminal::Typist;
use sqlx::PgConnection;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How long is waited for anything.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long is waited for a key that does not come back.
const ECHO: Duration = Duration::from_secs(60);

/// A device that was told twice of one release although its first update neither failed nor was taken back.
const TWICE: &str = "SELECT COUNT(*) FROM
  (SELECT device_id FROM attempts WHERE outcome IS NULL OR outcome = 'installed'
   GROUP BY device_id, release_id HAVING COUNT(*) > 1) AS twice";

/// Devices without a connection.
const MISSING: &str = "SELECT (SELECT COUNT(*) FROM devices) -
  (SELECT COUNT(*) FROM connections WHERE status = 'connected')";

pub async fn all(cluster: &mut Cluster, fleet: &mut Fleet, table: &mut Table) {
    let away = Duration::from_secs(number("AWAY", 60).unsigned_abs());
    node(cluster, fleet, table).await;
    rollout(cluster, table).await;
    leader(cluster, table).await;
    if cluster.nats.is_some() {
        bus(cluster, away, table).await;
    }
    files(cluster, away, table).await;
    database(cluster, fleet, away, table).await;
    if let Some(program) = std::env::var_os("NEXT_PROGRAM") {
        upgrade(cluster, &program, table).await;
    }
}

/// All nodes are exchanged for those of another version, one after the other: those for people first, since they lead.
async fn upgrade(cluster: &mut Cluster, program: &OsStr, table: &mut Table) {
    let begun = Instant::now();
    let mut ended = Vec::new();
    for n in 0..cluster.web.len() {
        ended.push(cluster.web[n].exchange(program));
        let answer = cluster.api().get("/api/users/me").await;
        table.must(
            answer.status == 200,
            "people are answered after an exchange",
        );
    }
    let mut back = Vec::new();
    for n in 0..cluster.nodes.len() {
        ended.push(cluster.nodes[n].exchange(program));
        let all = until(&mut cluster.reader, MISSING, |missing| missing <= 0).await;
        table.must(all.is_ok(), "all devices are connected after an exchange");
        back.push(all.unwrap_or_else(|why| why));
    }
    let echo = until_echo(cluster).await;
    table.row(
        "each node is exchanged for one of the next version",
        format!(
            "{} in all; they ended after {}; all devices were connected {} after each for devices; then a key in a console comes back after {echo}",
            seconds(begun),
            ended.join(", "),
            back.join(", ")
        ),
    );
}

/// Seconds until this statement's number is so; what it was at last when it does not come.
async fn until(
    reader: &mut PgConnection,
    statement: &str,
    is: impl Fn(i64) -> bool,
) -> Result<String, String> {
    let begun = Instant::now();
    loop {
        let now = database::count(reader, statement).await;
        if is(now) {
            return Ok(seconds(begun));
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("not within {} s: {now}", PATIENCE.as_secs()));
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// The nodes that the database knows.
async fn nodes(reader: &mut PgConnection) -> HashSet<i64> {
    let ids = sqlx::query_scalar("SELECT id FROM nodes WHERE declared_dead_at IS NULL");
    ids.fetch_all(reader).await.unwrap().into_iter().collect()
}

/// A device node is killed while a release goes on, if `TOLD` left devices to be told. Its devices come back at the others.
async fn node(cluster: &mut Cluster, fleet: &Fleet, table: &mut Table) {
    let all = cluster.plan.devices() as i64;
    let attempts = "SELECT COUNT(*) FROM attempts";
    let told = database::count(&mut cluster.reader, attempts).await;
    let before = nodes(&mut cluster.reader).await;
    let used = cluster.used(Some(fleet)).await;
    let begun = Instant::now();
    cluster.nodes[0].kill();
    let dead = loop {
        let now = nodes(&mut cluster.reader).await;
        if let Some(dead) = before.difference(&now).next() {
            break *dead;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "nobody notices that a node is dead"
        );
        sleep(Duration::from_millis(200)).await;
    };
    table.row("a device node is killed: noticed after", seconds(begun));
    let lost = format!("SELECT COUNT(*) FROM connections WHERE node_id = {dead}");
    let (mut left, mut most) = (i64::MAX, 0);
    while left > 0 && begun.elapsed() < PATIENCE {
        left = database::count(&mut cluster.reader, &lost).await;
        let now = database::count(&mut cluster.reader, "SELECT COUNT(*) FROM inflight").await;
        most = most.max(now);
        sleep(Duration::from_millis(200)).await;
    }
    let now = database::count(&mut cluster.reader, attempts).await;
    table.row(
        "its devices are connected elsewhere after",
        format!(
            "{} ({left} are not); {told} of {all} devices were told of the release when it was killed, {now} at the end of this, at most {most} updates at once",
            seconds(begun)
        ),
    );
    table.must(
        left == 0,
        "all devices of a killed node come back elsewhere",
    );
    table.must(
        begun.elapsed() < Duration::from_secs(180),
        "they do within three minutes",
    );
    table.must(most <= AT_ONCE, "the limit of updates holds meanwhile");
    let after = cluster.used(Some(fleet)).await;
    after.since(&used, cluster.plan.fleet, table, "a device that comes back");
    let begun = Instant::now();
    cluster.nodes[0].start_again();
    table.row("it is ready again after", seconds(begun));
}

/// Waits for the end of the release.
async fn rollout(cluster: &mut Cluster, table: &mut Table) {
    let begun = Instant::now();
    let all = cluster.plan.devices() as i64;
    let old = format!(
        "SELECT COUNT(*) FROM devices WHERE fw_uuid <> '{}'",
        cluster.versions.1["uuid"].as_str().unwrap()
    );
    let (mut left, mut progress) = (all, Instant::now());
    while left > 0 && progress.elapsed() < PATIENCE {
        let now = database::count(&mut cluster.reader, &old).await;
        if now < left {
            (left, progress) = (now, Instant::now());
        }
        sleep(Duration::from_millis(500)).await;
    }
    let twice = database::count(&mut cluster.reader, TWICE).await;
    let ended =
        "SELECT COUNT(*) FROM attempts WHERE outcome IS NOT NULL AND outcome <> 'installed'";
    let failed = database::count(&mut cluster.reader, ended).await;
    table.row(
        "the release ends after",
        format!("{} more ({left} devices have not installed it; {twice} were told twice without a reason, {failed} updates ended otherwise)", seconds(begun)),
    );
    table.must(left == 0, "all devices have the new firmware at last");
    table.must(twice == 0, "no update is sent twice");
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

/// The bus is away for a while.
async fn bus(cluster: &mut Cluster, away: Duration, table: &mut Table) {
    let Some(nats) = &mut cluster.nats else {
        return;
    };
    nats.stop();
    sleep(away).await;
    nats.start_again();
    let echo = until_echo(cluster).await;
    let sockets = cluster.sockets();
    table.row(
        format!("the bus is away for {} s", away.as_secs()),
        format!(
            "{sockets} sockets then; a key in a console comes back {echo} after it is there again"
        ),
    );
    table.must(
        sockets >= cluster.plan.devices(),
        "sockets stay without the bus",
    );
}

/// The bucket is away for a while, and during this devices are told of a release whose file is in it.
async fn files(cluster: &mut Cluster, away: Duration, table: &mut Table) {
    let before = "SELECT COUNT(*) FROM attempts";
    let before = database::count(&mut cluster.reader, before).await;
    cluster.bucket.set_away(true);
    let uuid = cluster.versions.0["uuid"].as_str().unwrap();
    cluster.api().release("g", uuid).await;
    sleep(away).await;
    let sockets = cluster.sockets();
    let old = format!("SELECT COUNT(*) FROM devices WHERE fw_uuid <> '{uuid}'");
    let left = database::count(&mut cluster.reader, &old).await;
    cluster.bucket.set_away(false);
    let some = left - (left / 2).min(AT_ONCE);
    let healed = until(&mut cluster.reader, &old, |now| now < some).await;
    let told = "SELECT COUNT(*) FROM attempts";
    let told = database::count(&mut cluster.reader, told).await - before;
    table.must(healed.is_ok(), "updates go on when the bucket is back");
    table.must(
        sockets >= cluster.plan.devices(),
        "sockets stay without the bucket",
    );
    table.row(
        format!("the bucket is away for {} s", away.as_secs()),
        format!(
            "{sockets} sockets then; {told} devices were told of a release meanwhile; {} devices have installed it {} after it is there again",
            left - some,
            healed.unwrap_or_else(|why| why)
        ),
    );
}

/// The database crashes, and is away for a while.
async fn database(cluster: &mut Cluster, fleet: &Fleet, away: Duration, table: &mut Table) {
    settle().await;
    let before = cluster.sockets();
    cluster.database.stop();
    sleep(away).await;
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
        format!("the database is away for {} s", away.as_secs()),
        format!("{kept} of {before} sockets at the end; it is up {up} after its start, people are answered after {answers}, and a key in a console comes back {echo} later"),
    );
    settle().await;
    let used = cluster.used(Some(fleet)).await;
    sleep(Duration::from_secs(20)).await;
    let sockets = cluster.sockets();
    let back = until(&mut cluster.reader, MISSING, |missing| missing <= 0).await;
    table.must(back.is_ok(), "all are connected when the database is back");
    let after = cluster.used(Some(fleet)).await;
    table.row(
        "half a minute later",
        format!(
            "{sockets} sockets, all connected after {} more; {:.1} s of CPU of the device nodes in the last 20 s or more",
            back.unwrap_or_else(|why| why),
            after.nodes - used.nodes
        ),
    );
}
