//! Jobs, as far as no test of the server reaches them: a batch fails when the database does.

use super::*;
use crate::store::devices::jobs::{self, DeviceResult, NewJob};
use crate::store::devices::query::Test;
use crate::store::devices::targets;
use crate::store::words::{BulkAction, JobOutcome};

both_engines! {
    failures_in_a_row_are_counted_until_a_batch_goes_well => failures_in_a_row;
}

async fn failures_in_a_row(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (_, devices) = fleet(&mut w, &world, 1).await;
    let new = NewJob {
        action: BulkAction::Reboot,
        args: "{}",
        query: None,
        undoes: None,
        proof: None,
        script: None,
    };
    let job = jobs::add(&mut w, &world.scope, &new, NOW).await;
    let job = job.unwrap().unwrap();
    let mut filter = Filter::default();
    filter.and(Test::AnyIdentifier(Vec::new()));
    let none = targets::take(&mut w, &world.scope, &filter, job, NOW).await;
    assert_eq!(none.unwrap(), 0, "PostgreSQL has no empty lists");
    let all = targets::take(&mut w, &world.scope, &Filter::default(), job, NOW).await;
    assert_eq!(all.unwrap(), 1);
    for n in 1..=3 {
        assert_eq!(jobs::failed(&mut w, job).await.unwrap(), n);
    }
    let well = DeviceResult {
        device: devices[0],
        outcome: JobOutcome::Changed,
        reason: None,
        before: None,
        after: None,
    };
    jobs::note(&mut w, job, &[well]).await.unwrap();
    assert_eq!(jobs::failed(&mut w, job).await.unwrap(), 1, "counted anew");
}
