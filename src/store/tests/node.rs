//! Which of several servers the database belongs to, and which of several nodes leads the others.

use super::*;
use crate::store::accounts::identities;
use crate::store::words::NodeRole;

both_engines! {
    of_two_servers_that_believe_in_it_one_goes_on => owner;
    a_node_lives_until_it_is_forgotten => beats;
    of_two_nodes_that_want_to_lead_one_does => leads;
    a_sign_in_comes_back_once => sign_ins;
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

async fn beats(db: &Db) {
    let mut w = db.write().await.unwrap();
    nodes::lock_start(&mut w).await.unwrap();
    let (one, two) = (NodeId(1), NodeId(2));
    assert!(
        !nodes::beat(&mut w, one, later(0)).await.unwrap(),
        "it is not there"
    );
    nodes::begin(&mut w, one, NodeRole::Device, "1.0.0", later(1))
        .await
        .unwrap();
    nodes::begin(&mut w, two, NodeRole::Web, "1.1.0", later(2))
        .await
        .unwrap();
    assert!(nodes::beat(&mut w, one, later(3)).await.unwrap());
    let all = nodes::all(&mut w).await.unwrap();
    let said: Vec<_> = all
        .iter()
        .map(|n| (n.id, n.seen_at, n.role, n.version.as_str()))
        .collect();
    let wanted = [
        (one, later(3), NodeRole::Device, "1.0.0"),
        (two, later(2), NodeRole::Web, "1.1.0"),
    ];
    assert_eq!(said, wanted);
    // One that starts again says anew what it is.
    nodes::begin(&mut w, one, NodeRole::All, "1.1.0", later(4))
        .await
        .unwrap();
    assert_eq!(nodes::all(&mut w).await.unwrap()[0].role, NodeRole::All);
    nodes::forget(&mut w, one).await.unwrap();
    assert!(!nodes::beat(&mut w, one, later(5)).await.unwrap());
    assert_eq!(nodes::all(&mut w).await.unwrap().len(), 1);
}

async fn leads(db: &Db) {
    let (one, two) = (NodeId(-1), NodeId(2));
    let mut w = db.write().await.unwrap();
    assert_eq!(nodes::owner(&mut w).await.unwrap(), None);
    assert!(nodes::lead(&mut w, None, Some(one)).await.unwrap());
    assert_eq!(nodes::owner(&mut w).await.unwrap(), Some(one));
    assert!(
        !nodes::lead(&mut w, None, Some(two)).await.unwrap(),
        "one leads"
    );
    assert!(nodes::lead(&mut w, Some(one), Some(two)).await.unwrap());
    assert!(!nodes::lead(&mut w, Some(one), None).await.unwrap());
    assert!(nodes::lead(&mut w, Some(two), None).await.unwrap());
    assert_eq!(nodes::owner(&mut w).await.unwrap(), None);
}

async fn sign_ins(db: &Db) {
    let mut w = db.write().await.unwrap();
    let finish = async |w: &mut Write, n: u8| {
        identities::finish_sign_in(w, &[n; 32], later(i64::from(n)))
            .await
            .unwrap()
    };
    assert!(finish(&mut w, 1).await && finish(&mut w, 2).await);
    assert!(!finish(&mut w, 1).await);
    assert_eq!(
        identities::sweep_sign_ins(&mut w, later(2), 10)
            .await
            .unwrap(),
        1
    );
    assert!(finish(&mut w, 1).await, "it was over, and is forgotten");
    assert!(!finish(&mut w, 2).await);
}
