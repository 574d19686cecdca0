//! Devices: connections, reports and what is kept of the past.

use super::*;
use crate::store::devices;
use crate::store::words::{HealthState, Validation};

mod jobs;
mod past;
mod search;

both_engines! {
    a_late_disconnect_does_not_touch_the_newcomer => connections_story;
    reports_are_swept_but_never_the_newest => sweeps;
    what_is_over_is_kept_and_swept_by_age => pasts;
    blocks_end_in_time => blocks;
}

async fn connections_story(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let d = devices::add(&mut w, world.org, world.product, "d", None, None, NOW)
        .await
        .unwrap()
        .unwrap();
    let (old, new) = (ConnectionId(1), ConnectionId(2));
    said::connecting(&mut w, d, old, NodeId(1), NOW).await;
    said::connecting(&mut w, d, new, NodeId(2), NOW).await;
    for (connection, current) in [(old, false), (new, true)] {
        let join = DeviceWrite::Join(Box::default());
        let outcome = said::said(&mut w, d, connection, NOW, join).await;
        let WriteOutcome::Joined(joined) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(joined.current, current, "{connection}");
    }
    let lost = DeviceWrite::Disconnected("lost");
    said::said(&mut w, d, old, NOW, lost).await;
    assert_eq!(
        connections::node_of(&mut w, d).await.unwrap(),
        Some(NodeId(2))
    );
    assert_eq!(
        connections::close_left_by(&mut w, NodeId(1), 10, NOW)
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        connections::close_left_by(&mut w, NodeId(2), 10, NOW)
            .await
            .unwrap(),
        [(d,)]
    );
    assert_eq!(connections::node_of(&mut w, d).await.unwrap(), None);
}

async fn pasts(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (_, devices) = fleet(&mut w, &world, 3).await;
    let [left, replaced, dead] = devices[..] else {
        panic!("three devices")
    };
    // One that ended, one that was replaced, one whose node died.
    let closed = DeviceWrite::Disconnected("left");
    said::said(&mut w, left, ConnectionId(0), later(10), closed).await;
    said::connecting(&mut w, replaced, ConnectionId(90), NodeId(2), later(20)).await;
    history::keep_left_by(&mut w, NodeId(1), 10, later(30))
        .await
        .unwrap();
    let mut reasons = Vec::new();
    for device in [left, replaced, dead] {
        let all = history::connections(&mut w, device, 10).await.unwrap();
        let ended = all.iter().filter_map(|c| c.reason.clone());
        reasons.push(ended.collect::<Vec<_>>().join(" "));
    }
    assert_eq!(reasons, ["left", "replaced", "server gone"]);
    let all = history::connections(&mut w, replaced, 10).await.unwrap();
    assert_eq!(
        (all.len(), all[0].reason.as_deref()),
        (2, None),
        "the present one first"
    );
    assert_eq!(
        history::connections(&mut w, replaced, 1)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        history::sweep_connections(&mut w, later(25), 10)
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        history::sweep_connections(&mut w, later(31), 10)
            .await
            .unwrap(),
        1
    );
    // Firmwares: all but the newest go.
    let ran = |seconds| crate::store::ingest::write::Ran {
        device: left,
        uuid: "old".into(),
        version: None,
        platform: None,
        architecture: None,
        validation: Validation::Unknown,
        auto_revert: false,
        at: later(seconds),
    };
    crate::store::ingest::write::ran(&mut w, &[ran(1), ran(2), ran(3)])
        .await
        .unwrap();
    let judged = crate::store::ingest::write::Judged {
        device: left,
        validation: Validation::NotValidated,
        auto_revert: true,
    };
    crate::store::ingest::write::judged(&mut w, &[judged])
        .await
        .unwrap();
    let ran = history::firmwares(&mut w, left, 10).await.unwrap();
    let states: Vec<_> = ran.iter().map(|f| (f.validation, f.auto_revert)).collect();
    assert_eq!(
        states,
        [
            (Validation::NotValidated, true),
            (Validation::Unknown, false),
            (Validation::Unknown, false)
        ]
    );
    assert_eq!(
        history::sweep_firmwares(&mut w, later(9), 1).await.unwrap(),
        1
    );
    assert_eq!(
        history::sweep_firmwares(&mut w, later(9), 9).await.unwrap(),
        1
    );
    assert_eq!(
        history::sweep_firmwares(&mut w, later(9), 9).await.unwrap(),
        0
    );
    let success = |at| crate::store::ingest::updates::Success {
        product: world.product,
        device: left,
        group: None,
        release: None,
        delta: true,
        source: "old".into(),
        target: "new".into(),
        sent: 10,
        full: 100,
        at,
    };
    crate::store::ingest::updates::successes(&mut w, &[success(later(1)), success(later(2))])
        .await
        .unwrap();
    assert_eq!(
        history::update_sums(&mut w, left).await.unwrap(),
        (2, 20, 180)
    );
    assert_eq!(
        history::updates(&mut w, left, 1).await.unwrap()[0].at,
        later(2)
    );
    assert_eq!(
        history::sweep_updates(&mut w, later(2), 9).await.unwrap(),
        1
    );
}

async fn sweeps(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (_, devices) = fleet(&mut w, &world, 2).await;
    let report = |seconds: i64| health_reports::HealthReport {
        at: later(seconds),
        status: HealthState::Healthy,
        reasons: "{}".into(),
        report: "{}".into(),
    };
    for (device, seconds) in [(0, 1), (0, 2), (0, 3), (1, 1)] {
        crate::store::ingest::reports::health(&mut w, &[(devices[device], report(seconds))])
            .await
            .unwrap();
    }
    // A second one of the same instant replaces the first.
    crate::store::ingest::reports::health(&mut w, &[(devices[1], report(1))])
        .await
        .unwrap();
    let line = |seconds: i64| device_logs::LogLine {
        at: later(seconds),
        level: "info".into(),
        message: "x".into(),
        meta: "{}".into(),
    };
    let lines = [line(5), line(1)];
    let came = [
        (devices[0], &lines[0], later(5)),
        (devices[0], &lines[1], later(1)),
    ];
    crate::store::ingest::reports::logs(&mut w, &came)
        .await
        .unwrap();
    let place = locations::Location {
        at: NOW,
        latitude: -1.25,
        longitude: 179.5,
        accuracy: None,
        source: "gps".into(),
    };
    crate::store::ingest::reports::locations(&mut w, &[(devices[0], &place)])
        .await
        .unwrap();
    let shown = locations::get(&mut w, devices[0]).await.unwrap().unwrap();
    assert_eq!((&shown.location, shown.manual), (&place, false));
    // What a person sets is shown instead, whatever the device reports, until it is taken away.
    for latitude in [1.0, 52.5] {
        locations::set_manual(&mut w, devices[0], (latitude, 13.25), NOW)
            .await
            .unwrap();
    }
    crate::store::ingest::reports::locations(&mut w, &[(devices[0], &place)])
        .await
        .unwrap();
    let set = locations::get(&mut w, devices[0]).await.unwrap().unwrap();
    assert!(set.manual && set.location.source == "manual");
    assert_eq!(
        (set.location.latitude, set.location.longitude),
        (52.5, 13.25)
    );
    assert!(locations::clear_manual(&mut w, devices[0]).await.unwrap());
    assert!(!locations::clear_manual(&mut w, devices[0]).await.unwrap());
    let again = locations::get(&mut w, devices[0]).await.unwrap();
    assert_eq!(again, Some(shown));
    assert_eq!(locations::get(&mut w, devices[1]).await.unwrap(), None);
    let sweep = health_reports::sweep(&mut w, later(10), 1).await.unwrap();
    assert_eq!(sweep, 1, "a little at once");
    assert_eq!(
        health_reports::sweep(&mut w, later(10), 9).await.unwrap(),
        1
    );
    assert_eq!(
        health_reports::sweep(&mut w, later(10), 9).await.unwrap(),
        0
    );
    for (device, seconds) in [(0, 3), (1, 1)] {
        let left = health_reports::newest(&mut w, devices[device], NOW, 9)
            .await
            .unwrap();
        assert_eq!(left, [report(seconds)]);
    }
    let lines = device_logs::behind(&mut w, devices[0], (Micros(i64::MAX), i64::MAX), None, 9)
        .await
        .unwrap();
    let lines: Vec<_> = lines.into_iter().map(|r| r.line).collect();
    assert_eq!(lines, [line(5), line(1)]);
    assert_eq!(device_logs::sweep(&mut w, later(3), 9).await.unwrap(), 1);
    let lines = device_logs::behind(&mut w, devices[0], (Micros(i64::MAX), i64::MAX), None, 9)
        .await
        .unwrap();
    let lines: Vec<_> = lines.into_iter().map(|r| r.line).collect();
    assert_eq!(lines, [line(5)]);
}

async fn blocks(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (group, ids) = fleet(&mut w, &world, 3).await;
    devices::block(&mut w, ids[0], Some(later(10)))
        .await
        .unwrap();
    devices::block(&mut w, ids[1], Some(later(20)))
        .await
        .unwrap();
    assert_eq!(
        devices::blocks_over(&mut w, later(9), 10).await.unwrap(),
        []
    );
    assert_eq!(
        devices::blocks_over(&mut w, later(10), 10).await.unwrap(),
        [(ids[0], Some(group))]
    );
    assert_eq!(
        devices::fifo(&mut w, group, "old", "none", &EVERYONE, 10)
            .await
            .unwrap()
            .len(),
        2
    );
}
