//! What is measured while everything is there.

use super::cluster::Cluster;
use super::database::{self, Activity};
use super::fleet::Fleet;
use super::machine;
use super::support::{Api, fixtures};
use super::table::{Table, seconds};
use super::terminal::{Keys, Typist};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Lets the allocator, the kernel and the counters of the database settle.
pub async fn settle() {
    sleep(Duration::from_secs(8)).await;
}

/// How often the database is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// All devices connect for the first time.
pub async fn join(cluster: &mut Cluster, table: &mut Table) -> Fleet {
    let devices = cluster.plan.devices();
    let before = cluster.used(None).await;
    let firmware = fixtures::path("good/rpi4-1.0.0.fw");
    let mut fleet = cluster.factory.fleet("sim-", devices, &firmware, &[]);
    let (mut activity, mut progress) = (Activity::default(), Vec::new());
    let begun = Instant::now();
    let joined = {
        let Cluster { reader, .. } = cluster;
        let mut all = std::pin::pin!(fleet.joined());
        loop {
            tokio::select! {
                joined = &mut all => break joined,
                () = sleep(LOOK) => activity.look(reader).await,
            }
            if progress.len() < begun.elapsed().as_secs() as usize / 5 {
                progress.push(database::connected(reader).await);
                eprintln!(
                    "{} s: {} joined",
                    progress.len() * 5,
                    progress[progress.len() - 1]
                );
            }
        }
    };
    let took = joined["seconds"].as_f64().unwrap_or(f64::NAN);
    let n = joined["joined"].as_f64().unwrap_or_default();
    table.row(
        "until all have joined",
        format!(
            "{took:.1} s, {:.0} joins a second ({n} of {devices}; {} a second were begun)",
            n / took,
            cluster.plan.rate
        ),
    );
    let most = progress.windows(2).map(|w| w[1] - w[0]).max();
    table.row(
        "the fastest five seconds",
        format!("{:.0} joins a second", most.unwrap_or(0) as f64 / 5.0),
    );
    table.row("database connections of the nodes", activity.said());
    let after = cluster.used(Some(&fleet)).await;
    after.since(&before, devices, table, "a join");
    statements(cluster).await;
    settle().await;
    let missing = devices as i64 - database::connected(&mut cluster.reader).await;
    table.must(n as usize == devices, "all devices have joined");
    table.must(missing == 0, "the database has all of them connected");
    table.row(
        "sockets",
        format!(
            "{} open; {missing} devices are not connected by what the database says",
            cluster.sockets()
        ),
    );
    let (now, then) = (cluster.memory(), cluster.before);
    let each = |now: u64, then: u64| (now as f64 - then as f64) / devices as f64;
    table.row(
        "memory of a device",
        format!(
            "{:.1} KiB of its node, {:.1} KiB of the simulator, {:.1} KiB of the kernel for both ends",
            each(now.nodes, then.nodes),
            each(fleet.memory(), 0),
            each(now.kernel, then.kernel)
        ),
    );
    table.row(
        "memory of the rest",
        format!(
            "{} MiB of PostgreSQL, {} MiB of the web nodes; {} MiB of the machine are left",
            now.database / 1024,
            now.web / 1024,
            machine::available() / 1024
        ),
    );
    let size = after.counters.size - before.counters.size;
    table.row(
        "size of the database",
        format!(
            "{:.1} MiB, {:.0} bytes a device",
            after.counters.size as f64 / 1048576.0,
            size as f64 / devices as f64
        ),
    );
    let hot = database::updates(&mut cluster.reader).await;
    let said: Vec<String> = hot
        .iter()
        .map(|u| {
            format!(
                "{} {:.0} % of {}",
                u.table,
                u.hot as f64 * 100.0 / u.all as f64,
                u.all
            )
        })
        .collect();
    table.row("updates without a change of an index", said.join(", "));
    fleet
}

/// Says what PostgreSQL spent its time on, if that is wanted.
async fn statements(cluster: &mut Cluster) {
    for line in cluster.database.slowest(&mut cluster.reader).await {
        println!("{line}");
    }
}

/// A person types into a device while the fleet is at rest.
pub async fn at_rest(cluster: &Cluster, table: &mut Table) {
    let mut keys = Keys::default();
    if let Some(mut typist) = Typist::open(&cluster.web[0].web, cluster.token(), "sim-000000").await
    {
        for _ in 0..50 {
            keys.add(typist.key().await);
            sleep(Duration::from_millis(50)).await;
        }
    }
    table.row("a key in a console, at rest", keys.said());
}

/// A release to the group that all devices are in, 1,000 at once: each downloads it, installs it and joins again.
pub async fn release(cluster: &mut Cluster, fleet: &Fleet, table: &mut Table) {
    let devices = cluster.plan.devices().min(cluster.plan.told);
    let before = cluster.used(Some(fleet)).await;
    let mut typist = Typist::open(&cluster.web[0].web, cluster.token(), "sim-000001").await;
    let (mut keys, mut activity) = (Keys::default(), Activity::default());
    let begun = Instant::now();
    let uuid = cluster.versions.1["uuid"].as_str().unwrap();
    cluster.api().release("g", uuid).await;
    let mut first = None;
    let mut told = 0;
    let mut progress = Instant::now();
    let told = loop {
        if let Some(typist) = &mut typist {
            keys.add(typist.key().await);
        }
        let now = database::count(&mut cluster.reader, "SELECT COUNT(*) FROM attempts").await;
        if now > told {
            (told, progress) = (now, Instant::now());
            first.get_or_insert(begun.elapsed());
        }
        if now >= devices as i64 || progress.elapsed() > Duration::from_secs(60) {
            break now;
        }
        activity.look(&mut cluster.reader).await;
        sleep(Duration::from_millis(100)).await;
    };
    table.must(told >= devices as i64, "all are told of the release");
    table.must(keys.arrived(), "keys arrive at a device of another node");
    let took = (progress - begun).as_secs_f64();
    table.row(
        "from a release until all are told, 1,000 at once",
        format!("{took:.1} s ({told} of {devices})"),
    );
    table.row("claims a second", format!("{:.0}", told as f64 / took));
    table.row("a key in a console meanwhile", keys.said());
    table.row("database connections meanwhile", activity.said());
    let after = cluster.used(Some(fleet)).await;
    after.since(&before, devices, table, "a told device");
    statements(cluster).await;
}

/// Devices that report without a pause.
pub async fn reports(cluster: &mut Cluster, table: &mut Table) {
    let devices = cluster.plan.nodes * cluster.plan.reporters;
    let on = json!({"extensions": {"health": true, "geo": true, "logging": true}});
    let path = Api::product("/extensions");
    assert_eq!(cluster.api().put(&path, on).await.status, 200);
    let firmware = fixtures::path("good/rpi4-1.0.0.fw");
    let more = ["--report-every", "1"];
    let mut fleet = cluster.factory.fleet("rep-", devices, &firmware, &more);
    let begun = Instant::now();
    fleet.joined().await;
    table.row("reporting devices have joined after", seconds(begun));
    settle().await;
    let rows = "SELECT (SELECT COUNT(*) FROM health_reports) + (SELECT COUNT(*) FROM device_logs)";
    let before = cluster.used(Some(&fleet)).await;
    let (stored, begun) = (
        database::count(&mut cluster.reader, rows).await,
        Instant::now(),
    );
    sleep(Duration::from_secs(20)).await;
    let stored = database::count(&mut cluster.reader, rows).await - stored;
    let rate = stored as f64 * 1.5 / begun.elapsed().as_secs_f64();
    let number = (rate * begun.elapsed().as_secs_f64()) as usize;
    let after = cluster.used(Some(&fleet)).await;
    let report = fleet.finish().await;
    let said = report["reports"].as_f64().unwrap_or_default();
    let took = report["seconds"].as_f64().unwrap_or(f64::NAN);
    table.row(
        "reports a second",
        format!(
            "{rate:.0} stored, positions counted as half as many as the others; {:.0} were said on average since the first came",
            said / took
        ),
    );
    after.since(&before, number.max(1), table, "a report");
    statements(cluster).await;
}
