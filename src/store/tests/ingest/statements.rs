//! How many statements a batch takes.

use super::*;

both_engines! {
    a_batch_takes_at_most_twelve_statements => few_statements;
    a_rejoin_that_changes_nothing_writes_the_connection_alone => nothing_new;
}

async fn few_statements(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let devices = newcomers(&mut w, &world, 120).await;
    released(&mut w, &world, &[]).await;
    w.commit().await.unwrap();
    // Programs and people want to be told, which makes two statements more of everything.
    db.wants().webhook();
    db.wants().rule();
    db.wants().mails();
    let writer = IngestWriter::default();
    let mut at = 0;
    let mut of = |words: &dyn Fn(usize) -> DeviceWrite, connection: i64| -> Vec<Record> {
        at += 10;
        let all = devices.iter().enumerate();
        all.map(|(n, d)| record(*d, connection + n as i64, at, words(n)))
            .collect()
    };
    let used = |n: usize| Some(format!("fingerprint {n}"));
    let rounds: Vec<(&str, Vec<Record>)> = vec![
        ("first connects", of(&|n| connect(used(n)), 1_000)),
        ("first joins", of(&|_| join("old", "1.0.0"), 1_000)),
        ("connects that replace", of(&|n| connect(used(n)), 2_000)),
        ("rejoins", of(&|_| join("old", "1.0.0"), 2_000)),
        (
            "connects beside joins with other firmware",
            of(
                &|n| match n % 2 {
                    0 => connect(used(n)),
                    _ => join("new", "1.1.0"),
                },
                2_000,
            ),
        ),
        (
            "joins of devices that do not say what they run",
            of(&|_| DeviceWrite::Join(Box::default()), 2_000),
        ),
        ("signs of life", of(&|_| DeviceWrite::Seen, 2_000)),
        (
            "health and log lines",
            of(
                &|n| match n % 2 {
                    0 => DeviceWrite::Health(json!({"metrics": {"cpu_usage_percent": 99}})),
                    _ => DeviceWrite::Log(LogLine {
                        at: NOW,
                        level: "info".into(),
                        message: "hello".into(),
                        meta: "{}".into(),
                    }),
                },
                2_000,
            ),
        ),
        ("validations", of(&|_| DeviceWrite::Validated, 2_000)),
        ("leaves", of(&|_| DeviceWrite::Disconnected("left"), 2_000)),
    ];
    for (what, records) in rounds {
        let (taken, _) = batch(db, &writer, &records).await;
        println!("{what}: {taken} statements");
        assert!((1..=12).contains(&taken), "{what}: {taken} statements");
    }
    updates_take_few(db, &world, &devices).await;
}

/// The same of joins with what they were sent, and of reports that it failed.
async fn updates_take_few(db: &Db, world: &World, all: &[DeviceId]) {
    let writer = IngestWriter::default();
    for (what, fails) in [("installed", false), ("failed", true)] {
        let mut w = db.write().await.unwrap();
        let group = deployment_groups::list(&mut w, &world.scope, 10, 0)
            .await
            .unwrap()[0]
            .row
            .id;
        let new = firmwares::by_uuid(&mut w, world.product, "new")
            .await
            .unwrap()
            .unwrap();
        let release = releases::current(&mut w, group).await.unwrap().unwrap().id;
        for (device, n) in all.iter().zip(1..) {
            said::connecting(&mut w, *device, ConnectionId(n), NodeId(1), later(300)).await;
            let burnt = FirmwareMetadata {
                uuid: "old".into(),
                version: "1.0.0".into(),
                platform: "rpi4".into(),
                architecture: "arm".into(),
                ..FirmwareMetadata::default()
            };
            crate::store::devices::report_firmware(&mut w, *device, &burnt, NOW)
                .await
                .unwrap();
            let claim = NewClaim {
                release: Some(release),
                firmware: Some(new.id),
                ..claim(*device, group, n)
            };
            assert!(inflight::add(&mut w, &claim, NOW).await.unwrap());
            let told = inflight::sent_all(&mut w, &[(*device, ClaimId(n))], NOW).await;
            assert_eq!(told.unwrap().len(), 1);
        }
        w.commit().await.unwrap();
        let word = || {
            if fails {
                return DeviceWrite::Report(Report::Failed("no room".into()));
            }
            join("new", "1.1.0")
        };
        let told = all.iter().zip(1..);
        let records: Vec<Record> = told.map(|(d, n)| record(*d, n, 400, word())).collect();
        let (taken, _) = batch(db, &writer, &records).await;
        println!("{what}: {taken} statements");
        assert!(taken <= 12, "{what}: {taken} statements");
        let mut r = db.read().await.unwrap();
        assert_eq!(inflight::count(&mut r, group, false).await.unwrap(), 0);
    }
}

async fn nothing_new(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let devices = newcomers(&mut w, &world, 30).await;
    released(&mut w, &world, &[]).await;
    w.commit().await.unwrap();
    let writer = IngestWriter::default();
    let of = |at: i64, word: &dyn Fn() -> DeviceWrite| -> Vec<Record> {
        let all = devices.iter().zip(1..);
        all.map(|(d, n)| record(*d, n, at, word())).collect()
    };
    batch(db, &writer, &of(1, &|| connect(None))).await;
    batch(db, &writer, &of(2, &|| join("old", "1.0.0"))).await;
    let before = rows(db).await;
    let (taken, _) = batch(db, &writer, &of(3, &|| join("old", "1.0.0"))).await;
    let read = if db.file().is_some() { 1 } else { 2 };
    assert_eq!(taken, read + 1);
    let after = rows(db).await;
    let other: Vec<_> = before.iter().zip(&after).filter(|(b, a)| b != a).collect();
    assert!(
        other.iter().all(|(_, a)| a.starts_with("connections")),
        "{other:?}"
    );
    assert_eq!(other.len(), devices.len(), "their last signs of life");
}
