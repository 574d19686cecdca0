//! What is kept of the past, and how much.

use super::*;

both_engines! {
    a_device_that_comes_and_goes_does_not_fill_the_disk => trimmed;
}

async fn trimmed(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (_, devices) = fleet(&mut w, &world, 2).await;
    let [busy, other] = devices[..] else {
        panic!("two devices")
    };
    for device in [busy, other] {
        for n in 0..30_i64 {
            let id = ConnectionId(1_000 + n + 100 * i64::from(device == other));
            let at = later(60 * n);
            connections::connecting(&mut w, device, id, NodeId(1), None, at)
                .await
                .unwrap();
            connections::disconnected(&mut w, device, id, "left", later(60 * n + 1))
                .await
                .unwrap();
            history::keep_ended(&mut w, device, id).await.unwrap();
            history::firmware(&mut w, device, at).await.unwrap();
        }
    }
    history::trim(&mut w, busy, 10).await.unwrap();
    let ended = history::connections(&mut w, busy, 100).await.unwrap();
    let newest = ended.iter().filter(|c| c.reason.is_some());
    let oldest = newest.clone().map(|c| c.established_at).min();
    assert_eq!((newest.count(), oldest), (10, Some(later(60 * 20))));
    let ran = history::firmwares(&mut w, busy, 100).await.unwrap();
    assert_eq!((ran.len(), ran[0].at), (10, later(60 * 29)));
    assert_eq!(
        history::firmwares(&mut w, other, 100).await.unwrap().len(),
        30
    );
    assert_eq!(history::trim(&mut w, busy, 10).await.unwrap(), 0);
}
