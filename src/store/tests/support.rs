//! What the server tells people by itself.

use super::*;
use crate::store::words::NotificationLevel;

both_engines! {
    a_notification_that_comes_again_is_counted_and_old_ones_go => notified;
}

async fn notified(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    for seconds in [1, 5] {
        notifications::add(
            &mut w,
            world.product,
            "k",
            NotificationLevel::Info,
            "t",
            "m",
            later(seconds),
        )
        .await
        .unwrap();
    }
    let (all, total) = notifications::list(&mut w, &world.scope, 0, 10)
        .await
        .unwrap();
    assert_eq!(
        (total, all[0].occurrences, all[0].last_at),
        (1, 2, later(5))
    );
    assert_eq!(notifications::sweep(&mut w, later(5), 9).await.unwrap(), 0);
    assert_eq!(notifications::sweep(&mut w, later(6), 9).await.unwrap(), 1);
}
