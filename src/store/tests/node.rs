//! Which of several servers the database belongs to, and which of several nodes leads the others.

use super::*;
use crate::store::accounts::identities;
use crate::store::devices::{imports, secrets};
use crate::store::node::nodes::Life;
use crate::store::words::NodeRole;

both_engines! {
    of_two_servers_that_believe_in_it_one_goes_on => owner;
    a_node_lives_until_it_is_forgotten => beats;
    of_two_nodes_that_want_to_lead_one_does => leads;
    a_sign_in_comes_back_once => sign_ins;
    what_a_node_holds_is_compared_with_what_is_open => stale_connections;
    an_import_that_was_taken_back_is_noticed => imports_taken_back;
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
    let life = |node: i64, since: i64| Life {
        node: NodeId(node),
        since: later(since),
    };
    let (one, two) = (life(1, 1), life(2, 2));
    let mut w = db.write().await.unwrap();
    nodes::lock_start(&mut w).await.unwrap();
    let beat = async |w: &mut Write, life, at| nodes::beat(w, life, later(at)).await.unwrap();
    assert!(!beat(&mut w, one, 0).await, "it is not there");
    let begin = async |w: &mut Write, life, role| {
        nodes::begin(w, life, role, "1.0.0").await.unwrap();
    };
    begin(&mut w, one, NodeRole::Device).await;
    begin(&mut w, two, NodeRole::Web).await;
    assert!(beat(&mut w, one, 3).await);
    nodes::record_check(&mut w, one.node, later(3))
        .await
        .unwrap();
    let all = nodes::all(&mut w).await.unwrap();
    let said: Vec<_> = all.iter().map(|n| (n.life(), n.seen_at, n.role)).collect();
    let wanted = [
        (one, later(3), NodeRole::Device),
        (two, later(2), NodeRole::Web),
    ];
    assert_eq!(said, wanted);
    // One that has spoken since is not declared dead.
    let declare_dead = async |w: &mut Write, life, seen| {
        nodes::declare_dead(w, life, later(seen), later(9))
            .await
            .unwrap()
    };
    assert!(!declare_dead(&mut w, one, 1).await);
    assert!(declare_dead(&mut w, one, 3).await && !declare_dead(&mut w, one, 3).await);
    assert!(!beat(&mut w, one, 10).await, "the others took it for dead");
    assert!(nodes::is_declared_dead(&mut w, one).await.unwrap());
    assert!(!nodes::is_declared_dead(&mut w, two).await.unwrap());
    // Another life of it is not that one.
    let again = life(1, 11);
    begin(&mut w, again, NodeRole::All).await;
    assert!(!nodes::is_declared_dead(&mut w, one).await.unwrap());
    assert!(beat(&mut w, again, 12).await && !beat(&mut w, one, 12).await);
    let all = nodes::all(&mut w).await.unwrap();
    assert_eq!(
        (all[0].role, all[0].declared_dead_at),
        (NodeRole::All, None)
    );
    nodes::forget(&mut w, one.node).await.unwrap();
    assert!(!beat(&mut w, again, 13).await);
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

async fn stale_connections(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (_, devices) = fleet(&mut w, &world, 3).await;
    connections::close_left_by(&mut w, NodeId(1), 1, NOW)
        .await
        .unwrap();
    let mut open = connections::open_of(&mut w, &devices).await.unwrap();
    open.sort_unstable();
    assert_eq!(open.len(), 2);
    assert!(
        open.iter()
            .all(|(device, c)| devices[usize::try_from(c.0).unwrap()] == *device)
    );
    assert_eq!(connections::open_of(&mut w, &[]).await.unwrap(), []);
    for key in ["one", "two"] {
        secrets::add(&mut w, world.product, key, b"x", NOW)
            .await
            .unwrap();
    }
    let id = async |w: &mut Write, key| secrets::find(w, key).await.unwrap().unwrap().id;
    let (one, two) = (id(&mut w, "one").await, id(&mut w, "two").await);
    secrets::deactivate(&mut w, &world.scope, "one", NOW)
        .await
        .unwrap();
    assert_eq!(
        secrets::active_of(&mut w, &[one, two]).await.unwrap(),
        [(two,)]
    );
}

async fn imports_taken_back(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    imports::begin(&mut w, 5, world.product, NodeId(1), NOW)
        .await
        .unwrap();
    assert!(imports::lock(&mut w, 5).await.unwrap());
    assert_eq!(imports::unfinished(&mut w, NodeId(2)).await.unwrap(), None);
    assert_eq!(
        imports::unfinished(&mut w, NodeId(1)).await.unwrap(),
        Some(5)
    );
    imports::complete(&mut w, 5).await.unwrap();
    assert!(!imports::lock(&mut w, 5).await.unwrap());
}
