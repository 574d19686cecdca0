//! What is kept of the past, and how much.

use super::*;
use crate::store::words::Validation;

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
            said::connecting(&mut w, device, id, NodeId(1), at).await;
            let left = DeviceWrite::Disconnected("left");
            said::said(&mut w, device, id, later(60 * n + 1), left).await;
            let ran = crate::store::ingest::write::Ran {
                device,
                uuid: "u".into(),
                version: None,
                platform: None,
                architecture: None,
                validation: Validation::Unknown,
                auto_revert: false,
                at,
            };
            crate::store::ingest::write::ran(&mut w, &[ran])
                .await
                .unwrap();
        }
    }
    crate::store::ingest::reports::trim(&mut w, &[busy], 10)
        .await
        .unwrap();
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
    let again = crate::store::ingest::reports::trim(&mut w, &[busy], 10).await;
    assert_eq!(again.unwrap(), 0);
}
