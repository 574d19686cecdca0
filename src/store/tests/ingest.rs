//! What devices cause, through the writer itself: statements are counted, and what a batch leaves is compared with what
//! the same records leave one by one.

mod bearers;
mod statements;

use super::deployments::claim;
use super::*;
use crate::ingest::{ConnectInfo, IngestWriter, Join, Record, Reported};
use crate::rollout::outcome::Report;
use crate::store::batch::Batcher;
use crate::store::deployments::attempts::{self, NewAttempt};
use crate::store::devices::device_logs::LogLine;
use crate::store::words::FileSent;
use futures_util::future::join_all;
use serde_json::json;

both_engines! {
    a_batch_leaves_what_its_records_leave_one_by_one => one_by_one;
    the_words_of_one_device_keep_their_order_in_a_batch => order;
    a_record_that_fails_takes_no_others_down => isolated;
    numbers_and_texts_arrive_as_they_were => exact;
    a_joined_device_is_told_what_it_asks_for => told;
    newcomers_are_added_by_the_set_and_an_identifier_once => registered;
}

/// Statements that begin and end a transaction.
const FRAME: u64 = 2;

fn record(device: DeviceId, connection: i64, at: i64, said: DeviceWrite) -> Record {
    Record {
        device,
        connection: ConnectionId(connection),
        at: later(at),
        said,
    }
}

fn connect(fingerprint: Option<String>) -> DeviceWrite {
    DeviceWrite::Connecting(Box::new(ConnectInfo {
        node: NodeId(1),
        fingerprint,
        peer: "10.0.0.1".into(),
    }))
}

fn runs(uuid: &str, version: &str) -> Join {
    Join {
        reported: Reported::Complete(Box::new(FirmwareMetadata {
            uuid: uuid.into(),
            product: "thermo".into(),
            version: version.into(),
            platform: "rpi4".into(),
            architecture: "arm".into(),
            ..FirmwareMetadata::default()
        })),
        api: "2.3.0".into(),
        ..Join::default()
    }
}

fn join(uuid: &str, version: &str) -> DeviceWrite {
    DeviceWrite::Join(Box::new(runs(uuid, version)))
}

/// Devices that were never there.
async fn newcomers(w: &mut Write, world: &World, n: i64) -> Vec<DeviceId> {
    let mut all = Vec::new();
    for i in 0..n {
        let (name, tags) = (
            format!("newcomer{i}"),
            [format!("t{}", i % 3), "all".into()],
        );
        let added =
            crate::store::devices::add(w, world.org, world.product, &name, None, Some(&tags), NOW);
        all.push(added.await.unwrap().unwrap());
    }
    all
}

/// Writes records as one batch; how many statements that took.
async fn batch(db: &Db, writer: &IngestWriter, records: &[Record]) -> (u64, Vec<WriteOutcome>) {
    use crate::store::batch::Writer as _;
    let before = db.statements();
    let mut w = db.write().await.unwrap();
    let all: Vec<&Record> = records.iter().collect();
    let outcomes = writer.write(&mut w, &all).await.unwrap();
    w.commit().await.unwrap();
    let taken = db.statements() - before - FRAME;
    (taken, outcomes.into_iter().map(Result::unwrap).collect())
}

/// A group with tags whose release is `new`, and claims of it that some devices were told of.
async fn released(w: &mut Write, world: &World, told: &[DeviceId]) -> GroupId {
    firmware(w, world, "old", "1.0.0").await;
    let new = firmware(w, world, "new", "1.1.0").await;
    let row = group_row(world, "g");
    let group = deployment_groups::add(w, &row, NOW).await.unwrap().unwrap();
    let by = world.scope.person().id;
    super::release(w, group, new, by).await;
    deployment_groups::set_words(w, group, "tag", &["all".into()])
        .await
        .unwrap();
    let release = releases::current(w, group).await.unwrap().unwrap().id;
    for (device, n) in told.iter().zip(1..) {
        crate::store::devices::set_group(w, *device, Some(group), NOW)
            .await
            .unwrap();
        let Reported::Complete(ran) = runs("old", "1.0.0").reported else {
            unreachable!()
        };
        crate::store::devices::report_firmware(w, *device, &ran, NOW)
            .await
            .unwrap();
        let claim = NewClaim {
            release: Some(release),
            firmware: Some(new),
            ..claim(*device, group, n)
        };
        assert!(inflight::add(w, &claim, NOW).await.unwrap());
        let told = inflight::sent_all(w, &[(*device, ClaimId(n))], NOW).await;
        assert_eq!(told.unwrap().len(), 1);
        let attempt = NewAttempt {
            claim: ClaimId(n),
            product: world.product,
            device: *device,
            group: Some(group),
            release: claim.release,
            step: None,
            source: ("old", Some("1.0.0")),
            target: ("new", "1.1.0"),
            kind: FileSent::Full,
            bytes: 1_000,
        };
        attempts::begin_all(w, &[attempt], NOW).await.unwrap();
    }
    group
}

/// Everything that devices cause, a text a row, with names in place of the numbers that the engine gives rows.
async fn rows(db: &Db) -> Vec<String> {
    const DEVICE: &str = "(SELECT d.identifier FROM devices d WHERE d.id = y.device_id)";
    const RESOURCE: &str = "(SELECT d.identifier FROM devices d WHERE d.id = y.resource_id)";
    const GROUP: &str = "(SELECT g.name FROM deployment_groups g WHERE g.id = y.group_id)";
    let tables: [(&str, &[&str]); 9] = [
        (
            "connections",
            &[
                DEVICE,
                "id",
                "status",
                "established_at",
                "last_seen_at",
                "disconnected_at",
                "api_version",
                "reason",
                "types",
            ],
        ),
        (
            "connection_history",
            &[
                DEVICE,
                "id",
                "disconnected_at",
                "reason",
                "interface",
                "types",
            ],
        ),
        (
            "devices",
            &[
                "identifier",
                "status",
                "online",
                "connected_at",
                "first_seen_at",
                GROUP,
                "blocked_until",
                "validation",
                "auto_revert",
                "in_flight",
                "full_next_for",
                "fw_uuid",
                "fw_version",
                "fw_fwup_version",
                "interface",
            ],
        ),
        (
            "device_firmwares",
            &[DEVICE, "uuid", "version", "validation", "auto_revert", "at"],
        ),
        ("audit_logs", &["actor_type", RESOURCE, "description", "at"]),
        (
            "inflight",
            &[DEVICE, "claim_id", "status", "progress", "attempted"],
        ),
        ("update_attempts", &[DEVICE, "at", "cleared"]),
        (
            "attempts",
            &[
                "claim_id",
                "stage",
                "outcome",
                "reason",
                "ended_at",
                "validated_at",
            ],
        ),
        (
            "update_stats",
            &[
                DEVICE,
                GROUP,
                "kind",
                "source_uuid",
                "target_uuid",
                "sent_bytes",
                "at",
            ],
        ),
    ];
    let mut all = Vec::new();
    for (table, columns) in tables {
        let shown = columns
            .iter()
            .map(|c| format!("COALESCE(CAST({c} AS TEXT), '-')"));
        let shown: Vec<String> = shown.collect();
        let text = format!(
            "SELECT {} FROM {table} y ORDER BY 1",
            shown.join(" || ' ' || ")
        );
        let found = texts(db, text).await;
        all.extend(found.into_iter().map(|row| format!("{table} {row}")));
    }
    all
}

/// A day of a small fleet, in the order in which a batch has it.
fn day(devices: &[DeviceId]) -> Vec<Record> {
    let mut all = Vec::new();
    for (device, n) in devices.iter().zip(0_i64..) {
        let say = |connection: i64, at: i64, said: DeviceWrite| {
            record(*device, 1_000_000 + n * 100 + connection, 1_000 + at, said)
        };
        all.push(say(1, 1, connect(None)));
        all.push(say(1, 2, DeviceWrite::Types("wifi,ethernet".into())));
        // It says that it is at the update already, so that what it was sent still counts.
        let mut first = runs("old", "1.0.0");
        first.downloading = true;
        all.push(say(1, 3, DeviceWrite::Join(Box::new(first))));
        all.push(say(1, 4, DeviceWrite::Interface("wifi")));
        all.push(say(
            1,
            5,
            DeviceWrite::Report(Report::Stage("downloading", Some(7))),
        ));
        match n % 5 {
            0 => all.push(say(1, 6, DeviceWrite::Report(Report::Failed("no".into())))),
            1 => {
                let later = std::time::Duration::from_secs(600);
                all.push(say(1, 6, DeviceWrite::Report(Report::Rescheduled(later))));
            }
            2 => all.push(say(
                1,
                6,
                DeviceWrite::Report(Report::Ignored(String::new())),
            )),
            _ => {}
        }
        all.push(say(2, 7, connect(None)));
        let mut back = runs(if n % 2 == 0 { "new" } else { "old" }, "1.1.0");
        back.validated = Some(n % 3 == 0);
        back.reverted = n % 4 == 0;
        all.push(say(2, 8, DeviceWrite::Join(Box::new(back))));
        // Last words of the older socket.
        all.push(say(1, 9, DeviceWrite::Validated));
        all.push(say(1, 10, DeviceWrite::Disconnected("lost")));
        all.push(say(2, 11, DeviceWrite::Validated));
        all.push(say(2, 12, DeviceWrite::Seen));
        if n % 3 == 0 {
            all.push(say(2, 13, DeviceWrite::Disconnected("left")));
        }
    }
    all
}

async fn one_by_one(db: &Db) {
    let mut left = Vec::new();
    for (name, size) in [("a", usize::MAX), ("b", 1), ("c", 7)] {
        let mut w = db.write().await.unwrap();
        // Only one of them is there at a time, so that their rows can be compared.
        clear(&mut w).await;
        let world = world(&mut w, name).await;
        let devices = newcomers(&mut w, &world, 20).await;
        released(&mut w, &world, &devices[..15]).await;
        w.commit().await.unwrap();
        let writer = IngestWriter::default();
        let mut orders = Vec::new();
        let mut records = day(&devices);
        while !records.is_empty() {
            let next = records.split_off(size.min(records.len()));
            let (_, outcomes) = batch(db, &writer, &records).await;
            orders.extend(outcomes.iter().map(|o| match o {
                WriteOutcome::Connecting { before, order } => format!("{before:?} {order}"),
                WriteOutcome::Done(group) => format!("{}", group.is_some()),
                WriteOutcome::Joined(j) => format!(
                    "{} {} {:?} {}",
                    j.current,
                    j.installed,
                    j.version,
                    j.wake.len()
                ),
                other => format!("{other:?}"),
            }));
            records = next;
        }
        left.push((orders, rows(db).await));
    }
    let expected = &left[1];
    let tables: BTreeSet<&str> = expected
        .1
        .iter()
        .filter_map(|r| r.split(' ').next())
        .collect();
    assert_eq!(tables.len(), 8, "nothing is in flight any more: {tables:?}");
    for other in [&left[0], &left[2]] {
        assert_eq!(other.0, expected.0, "what their writers learn");
        assert_eq!(other.1, expected.1);
    }
}

/// Destroys what a round has left.
async fn clear(w: &mut Write) {
    for text in [
        "DELETE FROM audit_logs",
        "DELETE FROM inflight",
        "DELETE FROM update_stats",
        "DELETE FROM devices",
        "DELETE FROM deployment_groups",
    ] {
        execute!(w, text).unwrap();
    }
}

async fn order(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let devices = newcomers(&mut w, &world, 1).await;
    w.commit().await.unwrap();
    let d = devices[0];
    let (batcher, work) = Batcher::new(db.clone(), IngestWriter::default());
    let words = vec![
        record(d, 1, 1, connect(None)),
        record(d, 1, 2, join("old", "1.0.0")),
        record(d, 1, 3, DeviceWrite::TakeClaim),
        record(d, 1, 4, DeviceWrite::Interface("wifi")),
        record(d, 1, 5, DeviceWrite::Disconnected("left")),
    ];
    let writers = async {
        let answers = join_all(words.into_iter().map(|r| batcher.write(r))).await;
        drop(batcher);
        answers
    };
    let (answers, ()) = tokio::join!(writers, work);
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert!(matches!(
        answers[0],
        WriteOutcome::Connecting { order: 1, .. }
    ));
    assert!(matches!(&answers[1], WriteOutcome::Joined(j) if j.current));
    assert!(matches!(answers[2], WriteOutcome::Claim(_)));
    let mut r = db.read().await.unwrap();
    let past = history::connections(&mut r, d, 10).await.unwrap();
    assert_eq!(past[0].reason.as_deref(), Some("left"));
    assert_eq!(past[0].interface, "wifi");
    let view = crate::store::devices::view(&mut r, &world.scope, "newcomer0")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(view.connection_status.as_deref(), Some("disconnected"));
}

async fn isolated(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let devices = newcomers(&mut w, &world, 3).await;
    // The second is destroyed while its words wait.
    crate::store::devices::set_deleted(&mut w, devices[1], Some(NOW), NOW)
        .await
        .unwrap();
    assert!(
        crate::store::devices::destroy(&mut w, devices[1])
            .await
            .unwrap()
    );
    w.commit().await.unwrap();
    for word in [
        || connect(None),
        || DeviceWrite::Health(json!({"metrics": {}})),
    ] {
        let (batcher, work) = Batcher::new(db.clone(), IngestWriter::default());
        let all = devices.iter().zip(1..);
        let records = all.map(|(d, n)| record(*d, n, n, word()));
        let writers = async {
            let answers = join_all(records.map(|r| batcher.write(r))).await;
            drop(batcher);
            answers
        };
        let (answers, ()) = tokio::join!(writers, work);
        let well: Vec<bool> = answers.iter().map(Result::is_ok).collect();
        assert_eq!(well, [true, false, true], "{answers:?}");
    }
    let mut r = db.read().await.unwrap();
    for device in [devices[0], devices[2]] {
        assert_eq!(
            connections::node_of(&mut r, device).await.unwrap(),
            Some(NodeId(1))
        );
        let reports = health_reports::newest(&mut r, device, NOW, 9)
            .await
            .unwrap();
        assert_eq!(reports.len(), 1);
    }
}

/// Whatever a device sends passes through JSON on one engine and through arrays on the other.
async fn exact(db: &Db) {
    use crate::store::ingest::reports;
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let devices = newcomers(&mut w, &world, 200).await;
    let texts = [
        "",
        "\"quoted\" \\ 'single'",
        "line\nbreak\ttab \u{1}",
        "Zürich 🦀 \u{2028}",
        "[1,null]",
    ];
    let lines: Vec<LogLine> = (0..devices.len())
        .map(|n| LogLine {
            at: Micros([i64::MIN, i64::MAX, -1, 0, (1 << 53) + 1][n % 5]),
            level: "info".into(),
            message: texts[n % 5].into(),
            meta: texts[(n + 1) % 5].into(),
        })
        .collect();
    let logs: Vec<_> = devices
        .iter()
        .zip(&lines)
        .map(|(d, l)| (*d, l, NOW))
        .collect();
    reports::logs(&mut w, &logs).await.unwrap();
    let places: Vec<locations::Location> = devices
        .iter()
        .map(|_| locations::Location {
            at: NOW,
            latitude: rand::random_range(-90.0..90.0),
            longitude: rand::random_range(-180.0..180.0) / 1e5,
            accuracy: None,
            source: String::new(),
        })
        .collect();
    let located: Vec<_> = devices.iter().copied().zip(&places).collect();
    reports::locations(&mut w, &located).await.unwrap();
    for ((device, line), place) in devices.iter().zip(&lines).zip(&places) {
        let found = device_logs::behind(&mut w, *device, (Micros(i64::MAX), i64::MAX), None, 9)
            .await
            .unwrap();
        let found: Vec<_> = found.into_iter().map(|r| r.line).collect();
        assert_eq!(found, std::slice::from_ref(line));
        let found = locations::get(&mut w, *device).await.unwrap();
        assert_eq!(found.map(|f| f.location).as_ref(), Some(place));
    }
}

async fn told(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let devices = newcomers(&mut w, &world, 2).await;
    let group = released(&mut w, &world, &[]).await;
    let mut row = deployment_groups::row(&mut w, group)
        .await
        .unwrap()
        .unwrap();
    row.connecting_code = Some("of the group".into());
    assert!(deployment_groups::save(&mut w, &row, NOW).await.unwrap());
    let code = Some("of the device");
    crate::store::devices::set_connecting_code(&mut w, devices[0], code, NOW)
        .await
        .unwrap();
    crate::store::devices::extensions::set_product(&mut w, &world.scope, 5, NOW)
        .await
        .unwrap();
    crate::store::devices::extensions::set_device_off(&mut w, devices[0], 4, NOW)
        .await
        .unwrap();
    for device in &devices {
        crate::store::devices::set_group(&mut w, *device, Some(group), NOW)
            .await
            .unwrap();
        let Reported::Complete(ran) = runs("old", "1.0.0").reported else {
            unreachable!()
        };
        crate::store::devices::report_firmware(&mut w, *device, &ran, NOW)
            .await
            .unwrap();
    }
    let new = firmwares::by_uuid(&mut w, world.product, "new")
        .await
        .unwrap()
        .unwrap();
    let waits = NewClaim {
        firmware: Some(new.id),
        ..claim(devices[1], group, 1)
    };
    assert!(inflight::add(&mut w, &waits, NOW).await.unwrap());
    w.commit().await.unwrap();
    let (batcher, work) = Batcher::new(db.clone(), IngestWriter::default());
    let wants = |keys| Join {
        wants_keys: keys,
        takes_archives: true,
        ..runs("old", "1.0.0")
    };
    let say = async |n: usize, word| {
        let id = i64::try_from(n).unwrap() + 1;
        batcher
            .write(record(devices[n], id, 1, word))
            .await
            .unwrap()
    };
    let joins = async {
        let mut told = Vec::new();
        for (n, keys) in [(0, true), (1, false)] {
            say(n, connect(None)).await;
            let joined = say(n, DeviceWrite::Join(Box::new(wants(keys)))).await;
            let WriteOutcome::Joined(joined) = joined else {
                panic!("{joined:?}")
            };
            told.push(*joined);
        }
        told
    };
    let told = tokio::select! {
        told = joins => told,
        () = work => panic!("the writer has ended"),
    };
    let (a, b) = (&told[0], &told[1]);
    assert_eq!(
        a.connecting_code.as_deref(),
        Some("of the group\nof the device")
    );
    assert_eq!(b.connecting_code.as_deref(), Some("of the group"));
    assert_eq!((a.extensions.bits(), b.extensions.bits()), (1, 5));
    assert_eq!((a.keys.len(), b.keys.len()), (1, 0));
    assert_eq!((a.claim, b.claim), (false, true));
    assert_eq!(a.archive, None);
    assert_eq!(a.wake, [group]);
}

async fn registered(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    newcomers(&mut w, &world, 1).await;
    w.commit().await.unwrap();
    let (batcher, work) = Batcher::new(db.clone(), crate::ingest::NewcomerWriter);
    let before = db.statements();
    let writers = async {
        let names = ["x", "newcomer0", "Ä", "x"];
        let all = names.map(|name| crate::store::ingest::write::Newcomer {
            org: world.org,
            product: world.product,
            identifier: name.into(),
            at: NOW,
        });
        let answers = join_all(all.into_iter().map(|n| batcher.write(n))).await;
        drop(batcher);
        answers
    };
    let (answers, ()) = tokio::join!(writers, work);
    // The devices, and what the audit log says of them.
    assert_eq!(db.statements() - before, FRAME + 2);
    let added: Vec<bool> = answers
        .iter()
        .map(|a| a.as_ref().unwrap().is_some())
        .collect();
    assert_eq!(added, [true, false, true, false]);
    let mut r = db.read().await.unwrap();
    for (name, answer) in ["x", "Ä"].into_iter().zip([&answers[0], &answers[2]]) {
        let found = crate::store::devices::id_of(&mut r, &world.scope, name)
            .await
            .unwrap();
        assert_eq!(found, *answer.as_ref().unwrap());
    }
}
