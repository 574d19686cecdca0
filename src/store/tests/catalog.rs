//! Firmwares and the deltas between them.

use super::*;
use crate::store::words::DeltaState;

both_engines! {
    a_delta_job_is_taken_once_and_again_when_stale => delta_jobs;
}

async fn delta_jobs(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (group, _) = fleet(&mut w, &world, 0).await;
    let a = firmwares::by_uuid(&mut w, world.product, "old")
        .await
        .unwrap()
        .unwrap()
        .id;
    let b = firmwares::by_uuid(&mut w, world.product, "new")
        .await
        .unwrap()
        .unwrap()
        .id;
    assert!(deltas::ask(&mut w, a, b, NOW).await.unwrap());
    assert!(!deltas::ask(&mut w, a, b, NOW).await.unwrap());
    let take =
        async |w: &mut Write, stale, now| deltas::take(w, NodeId(1), stale, now).await.unwrap();
    let job = take(&mut w, later(-60), NOW).await.unwrap();
    assert_eq!((job.source_id, job.target_id, job.tries), (a, b, 1));
    assert!(take(&mut w, later(-60), NOW).await.is_none());
    assert_eq!(take(&mut w, later(1), later(61)).await.unwrap().tries, 2);
    deltas::give_back(&mut w, NodeId(1)).await.unwrap();
    let job = take(&mut w, NOW, later(62)).await.unwrap();
    let complete = async |w: &mut Write, node: i64| {
        let (key, node) = (files::FileKind::Delta.new_key(), NodeId(node));
        let done = deltas::completed(w, job.id, node, 7, "CC", "CC", &key, NOW).await;
        done.unwrap()
    };
    // A node that was taken for dead has lost it.
    assert!(!complete(&mut w, 2).await);
    assert!(complete(&mut w, 1).await && !complete(&mut w, 1).await);
    assert!(take(&mut w, later(999), later(1000)).await.is_none());
    // The other way round it cannot be made; that is not tried again, and the reason stays.
    assert!(deltas::ask(&mut w, b, a, later(63)).await.unwrap());
    let job = take(&mut w, later(1), later(64)).await.unwrap();
    for (node, state) in [(1, DeltaState::Failed), (2, DeltaState::TimedOut)] {
        let node = NodeId(node);
        deltas::not_made(&mut w, job.id, node, state, "no common ground", later(65))
            .await
            .unwrap();
    }
    assert!(take(&mut w, later(999), later(1000)).await.is_none());
    assert!(!deltas::ask(&mut w, b, a, later(66)).await.unwrap());
    let failed = deltas::of_pair(&mut w, b, a).await.unwrap().unwrap();
    assert_eq!(failed.status, DeltaState::Failed);
    let job = deltas::of_pair(&mut w, a, b).await.unwrap().unwrap();
    let done = deltas::of_pair(&mut w, a, b).await.unwrap().unwrap();
    assert_eq!((done.status, done.size), (DeltaState::Completed, Some(7)));
    assert_eq!(
        deltas::groups_of_target(&mut w, b).await.unwrap(),
        [(group,)]
    );
    assert_eq!(deltas::groups_of_target(&mut w, a).await.unwrap(), []);
    assert!(firmwares::pinned(&mut w, b).await.unwrap());
    assert!(!firmwares::pinned(&mut w, a).await.unwrap());
    firmwares::delete(&mut w, &world.scope, a).await.unwrap();
    assert!(deltas::row(&mut w, job.id).await.unwrap().is_none());
}
