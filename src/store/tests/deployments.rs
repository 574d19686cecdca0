//! Updates in flight: who may take one, and how many at once.

use super::*;
use crate::rollout::comparison::Comparison;
use crate::rollout::offer;
use crate::rollout::steps::{hash_numbers, place};
use crate::store::deployments::rollouts;
use crate::store::devices::{self, held};
use crate::store::words::AttemptOutcome;
use crate::store::words::Validation;

both_engines! {
    a_claim_is_taken_once_and_counted => claims;
    candidates_come_in_order_and_only_when_eligible => candidates;
    a_group_that_is_not_there_cannot_be_locked => locks;
    two_schedulers_never_claim_beyond_the_limit => racing_claims;
    nobody_is_claimed_between_failures_and_their_comparison => compared_claims;
    devices_are_held_until_what_holds_them_changes => held_devices;
}

pub(super) fn claim(device: DeviceId, group: GroupId, n: i64) -> NewClaim {
    NewClaim {
        device,
        claim: ClaimId(n),
        group: Some(group),
        release: None,
        firmware: None,
        delta: None,
        priority: false,
        step: None,
    }
}

async fn claims(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (group, ids) = fleet(&mut w, &world, 2).await;
    assert!(
        inflight::add(&mut w, &claim(ids[0], group, 1), NOW)
            .await
            .unwrap()
    );
    assert!(
        !inflight::add(&mut w, &claim(ids[0], group, 2), NOW)
            .await
            .unwrap()
    );
    assert_eq!(inflight::count(&mut w, group, false).await.unwrap(), 1);
    assert_eq!(inflight::count(&mut w, group, true).await.unwrap(), 0);
    let sent = inflight::sent_all(&mut w, &[(ids[0], ClaimId(2))], NOW)
        .await
        .unwrap();
    assert_eq!(sent.len(), 0);
    assert_eq!(inflight::unsent(&mut w, later(1)).await.unwrap().len(), 1);
    for (node, own) in [(1, vec![(ids[0],)]), (2, vec![])] {
        let unsent = inflight::unsent_at(&mut w, NodeId(node), later(1)).await;
        assert_eq!(unsent.unwrap(), own);
    }
    let sent = inflight::sent_all(&mut w, &[(ids[0], ClaimId(1))], NOW)
        .await
        .unwrap();
    assert_eq!(sent.len(), 1);
    let sent = inflight::sent_all(&mut w, &[(ids[0], ClaimId(1))], NOW)
        .await
        .unwrap();
    assert_eq!(sent.len(), 0);
    assert_eq!(inflight::unsent(&mut w, later(1)).await.unwrap().len(), 0);
    let progress = crate::store::ingest::updates::Progress {
        device: ids[0],
        claim: ClaimId(1),
        status: "updating",
        progress: Some(50),
        at: NOW,
    };
    crate::store::ingest::updates::progress(&mut w, &[progress])
        .await
        .unwrap();
    assert_eq!(inflight::lapsed(&mut w, NOW, NOW).await.unwrap().len(), 0);
    assert_eq!(
        inflight::lapsed(&mut w, later(1), NOW).await.unwrap(),
        [(ids[0], Some(group))]
    );
    inflight::end(&mut w, ids[0], AttemptOutcome::Lapsed, None, NOW)
        .await
        .unwrap();
    assert_eq!(inflight::count(&mut w, group, false).await.unwrap(), 0);
    let release = releases::current(&mut w, group).await.unwrap().unwrap();
    for i in 0..3 {
        inflight::attempt(&mut w, ids[1], release.id, later(i * 100))
            .await
            .unwrap();
    }
    let counted = inflight::attempts(&mut w, ids[1], release.id, later(100))
        .await
        .unwrap();
    assert_eq!(counted, (3, 2));
    inflight::clear_attempts(&mut w, ids[1]).await.unwrap();
    assert_eq!(
        inflight::attempts(&mut w, ids[1], release.id, NOW)
            .await
            .unwrap(),
        (0, 0)
    );
}

async fn candidates(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (group, ids) = fleet(&mut w, &world, 6).await;
    let fifo = async |w: &mut Write| -> Vec<DeviceId> {
        devices::fifo(w, group, "old", "none", &EVERYONE, 10)
            .await
            .unwrap()
            .iter()
            .filter(|q| q.admitted)
            .map(|q| q.candidate.id)
            .collect()
    };
    assert_eq!(fifo(&mut w).await, ids);
    // The share of a step is computed twice: here for claims, and in the program for who asks why.
    for salt in [1, 1 << 40, -77_777_777_777_777] {
        let (factor, offset) = hash_numbers(salt);
        let half = devices::Admission {
            factor,
            offset,
            share: 5_000,
            ..EVERYONE
        };
        let found = devices::fifo(&mut w, group, "old", "none", &half, 10).await;
        let found = found.unwrap().into_iter().filter(|q| q.admitted);
        let found: Vec<DeviceId> = found.map(|q| q.candidate.id).collect();
        let first = |id: &&DeviceId| place(id.number(), salt) < 5_000;
        let expected: Vec<DeviceId> = ids.iter().filter(first).copied().collect();
        assert_eq!(found, expected, "{salt}");
        let least = ids.iter().map(|id| place(id.number(), salt)).min();
        let places = devices::least_places(&mut w, group, "none", &half).await;
        assert_eq!(places.unwrap(), (least, least), "{salt}");
        let places = devices::least_places(&mut w, group, "old", &half).await;
        assert_eq!(places.unwrap(), (None, None), "all have the release");
    }
    let newest: Vec<DeviceId> = devices::lifo(&mut w, group, "old", "none", &EVERYONE, 10)
        .await
        .unwrap()
        .iter()
        .map(|q| q.candidate.id)
        .collect();
    assert_eq!(newest, ids, "the first device was seen first most recently");
    let source = devices::next_source(&mut w, group, "").await.unwrap();
    assert_eq!(source, Some(("old".into(), Some("1.0.0".into()))));
    assert_eq!(
        devices::next_source(&mut w, group, "old\u{1}")
            .await
            .unwrap(),
        None
    );
    devices::set_updates_enabled(&mut w, ids[0], false, NOW)
        .await
        .unwrap();
    devices::block(&mut w, ids[1], Some(later(60)))
        .await
        .unwrap();
    assert!(
        devices::set_validation(&mut w, ids[2], Validation::NotValidated, false)
            .await
            .unwrap()
    );
    devices::offline(&mut w, ids[3]).await.unwrap();
    inflight::add(&mut w, &claim(ids[4], group, 1), NOW)
        .await
        .unwrap();
    assert_eq!(fifo(&mut w).await, [ids[5]]);
    devices::set_deleted(&mut w, ids[5], Some(NOW), NOW)
        .await
        .unwrap();
    assert_eq!(fifo(&mut w).await, []);
    devices::set_deleted(&mut w, ids[5], None, NOW)
        .await
        .unwrap();
    said::online(&mut w, ids[5], NOW).await;
    deployment_groups::set_words(&mut w, group, "release_tag", &["beta".into()])
        .await
        .unwrap();
    assert_eq!(fifo(&mut w).await, []);
    devices::set_tags(&mut w, ids[5], Some(&["beta".into(), "x".into()]))
        .await
        .unwrap();
    assert_eq!(fifo(&mut w).await, [ids[5]]);
    deployment_groups::set_words(&mut w, group, "interface", &["wifi".into()])
        .await
        .unwrap();
    assert_eq!(fifo(&mut w).await, []);
    devices::set_interface(&mut w, ids[5], "wifi")
        .await
        .unwrap();
    assert_eq!(fifo(&mut w).await, [ids[5]]);
}

async fn locks(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (group, _) = fleet(&mut w, &world, 0).await;
    assert!(deployment_groups::lock(&mut w, group).await.unwrap());
    let none = GroupId::from(group.number() + 1);
    assert!(!deployment_groups::lock(&mut w, none).await.unwrap());
}

async fn racing_claims(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (group, _) = fleet(&mut w, &world, 20).await;
    w.commit().await.unwrap();
    // Only the lock of the group's row keeps them apart.
    let run = || crate::rollout::claim::run(db, group, None, later(100));
    let runs = futures_util::future::join_all((0..8).map(|_| run())).await;
    let claimed: usize = runs.into_iter().map(|r| r.unwrap().claimed.len()).sum();
    assert_eq!(claimed, 3);
    let mut r = db.read().await.unwrap();
    assert_eq!(inflight::count(&mut r, group, false).await.unwrap(), 3);
}

async fn compared_claims(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (group, _) = fleet(&mut w, &world, 20).await;
    let release = releases::current(&mut w, group).await.unwrap().unwrap();
    rollouts::begin(&mut w, release.id, None, 1, &[], NOW)
        .await
        .unwrap();
    w.commit().await.unwrap();
    let run = async |compared: Option<&Comparison>| {
        crate::rollout::claim::run(db, group, compared, later(100))
            .await
            .unwrap()
    };
    let first = run(None).await;
    assert_eq!(first.claimed.len(), 3);
    let mut w = db.write().await.unwrap();
    // Through a connection that another one has replaced, nobody takes a claim.
    let older: Vec<_> = first
        .claimed
        .iter()
        .map(|d| (*d, Some(ConnectionId(-1))))
        .collect();
    let none = offer::take_all(&mut w, &older, later(100)).await.unwrap();
    assert!(none.is_empty());
    let asking: Vec<_> = first.claimed.iter().map(|d| (*d, None)).collect();
    offer::take_all(&mut w, &asking, later(100)).await.unwrap();
    for device in first.claimed {
        inflight::end(&mut w, device, AttemptOutcome::Failed, None, later(100))
            .await
            .unwrap();
    }
    w.commit().await.unwrap();
    let second = run(None).await;
    assert_eq!((second.claimed.len(), second.again), (0, true));
    assert!(second.failed_since);
    let compared = Comparison {
        release: release.id,
        failures: 3,
        bad_deltas: Vec::new(),
        worse: None,
    };
    assert_eq!(run(Some(&compared)).await.claimed.len(), 3);
}

/// A step that admits nobody.
const NOBODY: devices::Admission = devices::Admission {
    share: 0,
    ..EVERYONE
};

/// A device that is held is in no queue; each change that may admit it puts it back.
async fn held_devices(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (group, ids) = fleet(&mut w, &world, 5).await;
    let queue = async |w: &mut Write| -> Vec<DeviceId> {
        let all = devices::fifo(w, group, "old", "none", &EVERYONE, 10).await;
        all.unwrap().into_iter().map(|q| q.candidate.id).collect()
    };
    let hold = async |w: &mut Write, until: Option<Micros>| {
        let hold = |id: &DeviceId| held::Hold { device: *id, until };
        let all: Vec<_> = ids.iter().map(hold).collect();
        held::hold(w, group, "new", &NOBODY, &all).await.unwrap();
    };
    hold(&mut w, None).await;
    assert_eq!(queue(&mut w).await, []);
    assert_eq!(devices::next_source(&mut w, group, "").await.unwrap(), None);
    devices::set_tags(&mut w, ids[0], Some(&["eu".into()]))
        .await
        .unwrap();
    devices::set_interface(&mut w, ids[1], "wifi")
        .await
        .unwrap();
    devices::set_group(&mut w, ids[2], Some(group), NOW)
        .await
        .unwrap();
    devices::set_time_zone(&mut w, ids[3], Some("UTC"), NOW)
        .await
        .unwrap();
    assert_eq!(queue(&mut w).await, ids[..4]);
    // What changes for the whole group lets its devices go in slices, and says when none is left.
    hold(&mut w, None).await;
    assert!(!held::release_some(&mut w, group, 2).await.unwrap());
    assert_eq!(queue(&mut w).await, ids[..2]);
    assert!(!held::release_some(&mut w, group, 2).await.unwrap());
    assert!(held::release_some(&mut w, group, 2).await.unwrap());
    assert_eq!(queue(&mut w).await, ids);
    // One that is admitted by now, although the scan did not see it, is not held.
    let all: Vec<_> = ids[..2]
        .iter()
        .map(|id| held::Hold {
            device: *id,
            until: None,
        })
        .collect();
    held::hold(&mut w, group, "new", &EVERYONE, &all)
        .await
        .unwrap();
    assert_eq!(queue(&mut w).await, ids);
    // A window opens by itself.
    hold(&mut w, Some(later(60))).await;
    assert_eq!(held::due(&mut w, later(59), 10).await.unwrap(), []);
    assert_eq!(held::due(&mut w, later(60), 3).await.unwrap().len(), 3);
    assert_eq!(held::due(&mut w, later(60), 3).await.unwrap().len(), 2);
    assert_eq!(queue(&mut w).await, ids);
}
