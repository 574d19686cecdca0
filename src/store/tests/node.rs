//! Which of several servers the database belongs to.

use super::*;

both_engines! {
    of_two_servers_that_believe_in_it_one_goes_on => owner;
}

async fn owner(db: &Db) {
    let (first, second) = (NodeId(1), NodeId(2));
    let claim = async |node: NodeId, at: i64| {
        let mut w = db.write().await.unwrap();
        let other = nodes::claim_server(&mut w, node, later(at - 30), later(at)).await;
        w.commit().await.unwrap();
        other.unwrap()
    };
    assert_eq!(claim(first, 0).await, None);
    assert_eq!(claim(second, 10).await, Some(first));
    assert_eq!(claim(first, 20).await, None);
    // The first one sleeps for too long.
    assert_eq!(claim(second, 60).await, None);
    // It wakes, and says that it is alive before it claims: the second one need not mind.
    let mut w = db.write().await.unwrap();
    nodes::alive(&mut w, first, later(65)).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(claim(second, 66).await, None);
    assert_eq!(claim(first, 67).await, Some(second));
    // What stops gives the database free at once.
    let mut w = db.write().await.unwrap();
    nodes::forget(&mut w, second).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(claim(first, 68).await, None);
}
