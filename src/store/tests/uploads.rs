//! Uploads that can go on, and their parts.

use super::*;
use crate::store::catalog::uploads::{self, NewPart, PartRow, UploadCounts};
use crate::store::ids::{FileKey, UploadId};

both_engines! {
    parts_are_appended_by_the_request_that_holds_the_upload => appended;
    a_complete_upload_is_taken_once_until_its_time_is_over => taken;
    uploads_are_counted_and_idle_ones_found => counted;
    parts_that_no_row_has_are_unknown => unknown;
}

/// An upload of ten bytes.
async fn ten(w: &mut Write, world: &World, sha256: &str, at: Micros) -> UploadId {
    uploads::turn(w).await.unwrap();
    uploads::add(w, &world.scope, 10, sha256, at).await.unwrap()
}

async fn claim(w: &mut Write, world: &World, id: &UploadId) -> i64 {
    let claimed = uploads::claim(w, &world.scope, id.as_str(), NOW).await;
    claimed.unwrap().unwrap().writer
}

fn part(begins_at: i64, length: i64) -> NewPart {
    NewPart {
        begins_at,
        length,
        file: uploads::new_part_key(),
    }
}

async fn append(w: &mut Write, id: &UploadId, by: i64, part: &NewPart, last: bool) -> Option<i64> {
    let appended = uploads::append(w, id, by, part, last, NOW).await;
    appended.unwrap()
}

async fn appended(db: &Db) {
    let mut w = db.write().await.unwrap();
    let (world, other) = (world(&mut w, "a").await, world(&mut w, "b").await);
    let id = ten(&mut w, &world, "AA", NOW).await;
    let foreign = uploads::claim(&mut w, &other.scope, id.as_str(), NOW).await;
    assert_eq!(foreign.unwrap(), None, "another's");
    let foreign = uploads::find(&mut w, &other.scope, id.as_str(), NOW).await;
    assert_eq!(foreign.unwrap(), None, "another's");
    let found = uploads::find(&mut w, &world.scope, id.as_str(), NOW).await;
    let found = found.unwrap().unwrap();
    assert_eq!((found.writer, found.received, found.size), (0, 0, 10));
    let first = claim(&mut w, &world, &id).await;
    let second = claim(&mut w, &world, &id).await;
    assert!(second > first);
    let hold = async |w: &mut Write, by| uploads::hold(w, &id, by).await.unwrap();
    assert_eq!(hold(&mut w, first).await, None, "a newer one has come");
    assert_eq!(hold(&mut w, second).await, Some(0));
    let (one, two) = (part(0, 4), part(4, 6));
    assert_eq!(append(&mut w, &id, first, &one, false).await, None);
    assert_eq!(
        append(&mut w, &id, second, &two, false).await,
        None,
        "a gap"
    );
    assert_eq!(append(&mut w, &id, second, &one, false).await, Some(1));
    let third = claim(&mut w, &world, &id).await;
    assert_eq!(hold(&mut w, third).await, None, "another one stores parts");
    let state = uploads::state(&mut w, &id).await.unwrap().unwrap();
    assert_eq!((state.writer, state.holder), (third, Some(second)));
    assert_eq!(append(&mut w, &id, second, &two, true).await, Some(2));
    let state = uploads::state(&mut w, &id).await.unwrap().unwrap();
    assert_eq!((state.holder, state.received), (None, 10));
    assert_eq!(append(&mut w, &id, second, &part(10, 1), true).await, None);
    assert_eq!(hold(&mut w, third).await, Some(10));
    uploads::release(&mut w, &id, second).await.unwrap();
    let state = uploads::state(&mut w, &id).await.unwrap().unwrap();
    assert_eq!(state.holder, Some(third), "another's right stays");
    uploads::release(&mut w, &id, third).await.unwrap();
    let state = uploads::state(&mut w, &id).await.unwrap().unwrap();
    assert_eq!(state.holder, None);
    let row = |p: &NewPart| PartRow {
        begins_at: p.begins_at,
        length: p.length,
        file: p.file.clone(),
    };
    let parts = uploads::of_upload(&mut w, &id).await.unwrap();
    assert_eq!(parts, [row(&one), row(&two)]);
    let mut files = uploads::remove(&mut w, &id).await.unwrap();
    files.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    assert_eq!(files, [one.file, two.file]);
    assert_eq!(uploads::state(&mut w, &id).await.unwrap(), None);
    assert_eq!(uploads::remove(&mut w, &id).await.unwrap(), []);
}

async fn taken(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let id = ten(&mut w, &world, "AA", NOW).await;
    let take = async |w: &mut Write, now| {
        let taken = uploads::take(w, &id, later(600), now).await;
        taken.unwrap()
    };
    let same = async |w: &mut Write, now| {
        let same = uploads::same(w, &world.scope, 10, "AA", now).await;
        same.unwrap()
    };
    assert!(!take(&mut w, NOW).await, "there is more to come");
    let by = claim(&mut w, &world, &id).await;
    uploads::hold(&mut w, &id, by).await.unwrap();
    append(&mut w, &id, by, &part(0, 10), false).await.unwrap();
    assert!(!take(&mut w, NOW).await, "a request stores parts");
    uploads::release(&mut w, &id, by).await.unwrap();
    assert_eq!(same(&mut w, NOW).await, Some(id.clone()));
    assert!(take(&mut w, NOW).await);
    assert!(!take(&mut w, NOW).await);
    assert_eq!(same(&mut w, NOW).await, None);
    let claimed = uploads::claim(&mut w, &world.scope, id.as_str(), NOW).await;
    assert_eq!(claimed.unwrap(), None);
    let found = uploads::find(&mut w, &world.scope, id.as_str(), NOW).await;
    assert_eq!(found.unwrap(), None);
    assert_eq!(same(&mut w, later(601)).await, Some(id.clone()));
    assert!(take(&mut w, later(601)).await);
    uploads::give_back(&mut w, &id, later(5)).await.unwrap();
    assert_eq!(same(&mut w, NOW).await, None, "who took it before");
    uploads::give_back(&mut w, &id, later(600)).await.unwrap();
    assert_eq!(same(&mut w, NOW).await, Some(id));
    assert_eq!(
        uploads::same(&mut w, &world.scope, 11, "AA", NOW)
            .await
            .unwrap(),
        None
    );
}

async fn counted(db: &Db) {
    let mut w = db.write().await.unwrap();
    let (world, other) = (world(&mut w, "a").await, world(&mut w, "b").await);
    let user = world.scope.person().id;
    let none = uploads::counts(&mut w, user, NOW).await.unwrap();
    assert_eq!(none, UploadCounts { total: 0, own: 0 });
    let newer = ten(&mut w, &world, "AA", later(2)).await;
    let older = ten(&mut w, &world, "BB", later(1)).await;
    ten(&mut w, &other, "AA", later(3)).await;
    let all = uploads::counts(&mut w, user, NOW).await.unwrap();
    assert_eq!(all, UploadCounts { total: 3, own: 2 });
    let idle = async |w: &mut Write, limit| {
        let idle = uploads::idle(w, later(3), NOW, limit).await;
        idle.unwrap()
    };
    assert_eq!(idle(&mut w, 10).await, [older.clone(), newer]);
    assert_eq!(idle(&mut w, 1).await, [older]);
    products::delete(&mut w, &world.scope).await.unwrap();
    let left = uploads::counts(&mut w, user, NOW).await.unwrap();
    assert_eq!(left, UploadCounts { total: 1, own: 0 });
}

async fn unknown(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let id = ten(&mut w, &world, "AA", NOW).await;
    let by = claim(&mut w, &world, &id).await;
    uploads::hold(&mut w, &id, by).await.unwrap();
    let known = part(0, 10);
    append(&mut w, &id, by, &known, true).await.unwrap();
    let names = vec![known.file.as_str().to_owned(), "uploads/x.part".to_owned()];
    let unknown = uploads::unknown(&mut w, names).await.unwrap();
    assert_eq!(unknown, [FileKey("uploads/x.part".into())]);
}
