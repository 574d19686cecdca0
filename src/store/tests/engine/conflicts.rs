//! Transactions that meet at the same devices.

use super::*;
use crate::store::deployments::inflight::NewClaim;
use crate::store::devices::{self, held, locks};
use crate::store::tests::deployments::claim;
use crate::store::words::AttemptOutcome;
use std::sync::atomic::{AtomicU32, Ordering};

both_engines! {
    transactions_that_meet_do_not_end_each_other => meet;
    a_batch_that_met_another_change_is_written_again => again;
}

/// How often each of the writers below goes over the fleet.
const ROUNDS: i64 = 40;

/// What the scheduler, the reconcile tick and devices do at the same time, each in an order of its own.
async fn meet(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (group, ids) = fleet(&mut w, &world, 12).await;
    w.commit().await.unwrap();
    let claims = async {
        for n in 0..ROUNDS {
            let mut w = db.write().await?;
            let of =
                |(place, device): (usize, &DeviceId)| claim(*device, group, n * 100 + place as i64);
            let mut all: Vec<NewClaim> = ids.iter().enumerate().map(of).collect();
            all.rotate_left(usize::try_from(n).unwrap() % 12);
            inflight::add_all(&mut w, &all, NOW).await?;
            w.commit().await?;
        }
        Ok::<_, Error>(())
    };
    let ends = async {
        for _ in 0..ROUNDS {
            let mut w = db.write().await?;
            locks::lock(&mut w, &ids).await?;
            for device in ids.iter().rev() {
                inflight::end(&mut w, *device, AttemptOutcome::Lapsed, None, NOW).await?;
            }
            w.commit().await?;
        }
        Ok(())
    };
    let one_by_one = async {
        for n in 0..ROUNDS * 6 {
            let device = ids[usize::try_from(n * 5).unwrap() % 12];
            let mut w = db.write().await?;
            devices::block(&mut w, device, Some(NOW)).await?;
            inflight::end(&mut w, device, AttemptOutcome::Withdrawn, None, NOW).await?;
            w.commit().await?;
        }
        Ok(())
    };
    let ticks = async {
        for _ in 0..ROUNDS * 3 {
            let mut w = db.write().await?;
            devices::blocks_over(&mut w, NOW, 100).await?;
            held::due(&mut w, NOW, 100).await?;
            w.commit().await?;
        }
        Ok(())
    };
    let all = tokio::try_join!(claims, ends, one_by_one, ticks);
    assert!(all.is_ok(), "{all:?}");
}

/// Fails once as a transaction does that the engine has ended for another's sake.
struct Meets(AtomicU32);

impl batch::Writer for Meets {
    type Record = i64;
    type Outcome = ();

    fn key(record: &i64) -> i64 {
        *record
    }

    async fn write(&self, w: &mut Write, records: &[&i64]) -> Result<Vec<Result<()>>> {
        for record in records {
            orgs::add(w, &format!("m{record}"), NOW).await?;
        }
        if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(Error::Conflict);
        }
        Ok(records.iter().map(|_| Ok(())).collect())
    }
}

async fn again(db: &Db) {
    let (batcher, work) = batch::Batcher::new(db.clone(), Meets(AtomicU32::new(0)));
    let one = async {
        let written = batcher.write(1).await;
        drop(batcher);
        written
    };
    let (written, ()) = tokio::join!(one, work);
    written.unwrap();
    if matches!(db, Db::Postgres { .. }) {
        ended_for_another(db).await;
    }
}

/// PostgreSQL ends one of two transactions that wait for each other, and the store knows it.
async fn ended_for_another(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "b").await;
    let (_, ids) = fleet(&mut w, &world, 2).await;
    w.commit().await.unwrap();
    let both = tokio::sync::Barrier::new(2);
    let crossed = async |first: DeviceId, second: DeviceId| {
        let mut w = db.write().await?;
        devices::block(&mut w, first, Some(NOW)).await?;
        both.wait().await;
        devices::block(&mut w, second, Some(NOW)).await?;
        w.commit().await
    };
    let (one, other) = tokio::join!(crossed(ids[0], ids[1]), crossed(ids[1], ids[0]));
    let ended: Vec<_> = [one, other].into_iter().filter_map(Result::err).collect();
    assert!(matches!(ended[..], [Error::Conflict]), "{ended:?}");
}
