//! The store's suite: every test on both engines.

#[path = "../../tests/it/support/postgres.rs"]
mod postgres;

use super::accounts::{orgs, users};
use super::catalog::{deltas, firmwares, keys, products};
use super::deployments::{deployment_groups, inflight, releases};
use super::devices::{connections, device_logs, health_reports, history, locations};
use super::engine::{Conn, Db, On, Statement, Write};
use super::node::nodes;
use super::support::notifications;
use super::*;
use crate::access::{self, token};
use crate::clock::Micros;
use crate::store::accounts::scope::{Org, Product, Scope};
use crate::store::catalog::firmwares::NewFirmware;
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::deployments::inflight::NewClaim;
use crate::store::devices::{Filter, Metadata, Order};
use crate::store::ids::{
    ClaimId, ConnectionId, DeviceId, FirmwareId, GroupId, NodeId, OrgId, ProductId,
};
use sqlx::{Executor as _, Row as _};
use std::collections::BTreeSet;

const NOW: Micros = Micros(1_700_000_000_000_000);

fn later(seconds: i64) -> Micros {
    Micros(NOW.0 + seconds * 1_000_000)
}

async fn sqlite() -> (Db, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open_sqlite(&folder.path().join("n.db")).await.unwrap();
    (db, folder)
}

/// Runs one async test body on both engines.
macro_rules! both_engines {
    ($($name:ident => $body:ident;)*) => {$(
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                let (db, _folder) = super::sqlite().await;
                super::$body(&db).await;
            }
            #[tokio::test]
            async fn postgres() {
                let Some(url) = super::postgres::database().await else { return };
                let db = super::Db::open_postgres(&url).await.unwrap();
                super::$body(&db).await;
                db.close().await;
            }
        }
    )*};
}

mod owner;
mod past;
mod search;

both_engines! {
    every_statement_prepares => prepares;
    names_and_tokens_are_unique_and_found => people;
    nothing_crosses_an_organization => tenants;
    a_claim_is_taken_once_and_counted => claims;
    candidates_come_in_order_and_only_when_eligible => candidates;
    a_late_disconnect_does_not_touch_the_newcomer => connections_story;
    reports_are_swept_but_never_the_newest => sweeps;
    what_is_over_is_kept_and_swept_by_age => pasts;
    a_lease_is_one_nodes_until_it_lapses => leases;
    a_delta_job_is_taken_once_and_again_when_stale => delta_jobs;
    blocks_end_in_time => blocks;
    two_schedulers_never_claim_beyond_the_limit => racing_claims;
    a_group_commit_survives_one_bad_record => batching;
    hot_queries_seek_and_do_not_scan => plans;
    a_connection_in_an_unknown_state_is_not_used_again => connections_survive;
}

async fn prepares(db: &Db) {
    let mut names = BTreeSet::new();
    for s in inventory::iter::<Statement> {
        assert!(names.insert(s.name), "{} is there twice", s.name);
        let text = sqlx::SqlStr::from_static(s.text);
        match db {
            Db::Sqlite { write, .. } => {
                let mut c = write.acquire().await.unwrap();
                (&mut *c)
                    .prepare(text)
                    .await
                    .map(|_| ())
                    .unwrap_or_else(|e| panic!("{}: {e}", s.name));
            }
            Db::Postgres { pool, .. } => {
                let mut c = pool.acquire().await.unwrap();
                (&mut *c)
                    .prepare(text)
                    .await
                    .map(|_| ())
                    .unwrap_or_else(|e| panic!("{}: {e}", s.name));
            }
        }
    }
    assert!(
        names.len() > 100,
        "only {} statements in the ledger",
        names.len()
    );
    let texts: BTreeSet<&str> = inventory::iter::<Statement>().map(|s| s.text).collect();
    assert_eq!(texts.len(), names.len(), "a text is there under two names");
}

struct World {
    org: OrgId,
    product: ProductId,
    scope: Scope<Product>,
    org_scope: Scope<Org>,
}

async fn world(w: &mut Write, name: &str) -> World {
    let org = orgs::add(w, name, NOW).await.unwrap().unwrap();
    let email = format!("{name}@x.org");
    let user = users::add(w, &email, "Jane", "hash", NOW)
        .await
        .unwrap()
        .unwrap();
    orgs::set_member(w, org, user, "admin", NOW).await.unwrap();
    let product = products::add(w, org, "thermo", NOW).await.unwrap().unwrap();
    let person = access::scope::Person {
        id: user,
        name: "Jane".into(),
        email,
        grant: access::scope::Grant::default(),
        token: None,
    };
    let scope = access::product_scope(w, person.clone(), name, "thermo")
        .await
        .unwrap()
        .unwrap();
    let org_scope = access::org_scope(w, person, name).await.unwrap().unwrap();
    World {
        org,
        product,
        scope,
        org_scope,
    }
}

async fn firmware(w: &mut Write, world: &World, uuid: &str, version: &str) -> FirmwareId {
    let key = match keys::of_org(w, world.org).await.unwrap().first() {
        Some(k) => k.id,
        None => keys::add(
            w,
            world.org,
            "k",
            &format!("key of {}", world.org),
            "ed25519",
            NOW,
        )
        .await
        .unwrap()
        .unwrap(),
    };
    let new = NewFirmware {
        tool: "fwup",
        signer: Some(key),
        uuid: uuid.into(),
        version: version.into(),
        platform: "rpi4".into(),
        architecture: "arm".into(),
        author: None,
        description: None,
        misc: None,
        vcs_identifier: None,
        size: 100,
        checksum: "AA".into(),
        partials: "AA".into(),
        delta_updatable: true,
        full_fwup_version: "1.0.0".into(),
        delta_fwup_version: "1.6.0".into(),
    };
    firmwares::add(w, &world.scope, &new, NOW)
        .await
        .unwrap()
        .unwrap()
}

fn group_row(world: &World, name: &str) -> GroupRow {
    GroupRow {
        id: GroupId::NONE,
        org_id: world.org,
        product_id: world.product,
        name: name.into(),
        is_active: true,
        platform: "rpi4".into(),
        architecture: "arm".into(),
        version_requirement: String::new(),
        tag_operator: "and".into(),
        delta_updatable: false,
        lock_device_membership: false,
        concurrent_updates: 3,
        queue_management: "FIFO".into(),
        priority_queue_enabled: false,
        priority_queue_concurrent_updates: 5,
        priority_queue_firmware_version_threshold: None,
        device_failure_threshold: 3,
        device_failure_rate_amount: 5,
        device_failure_rate_seconds: 180,
        penalty_timeout_minutes: 1440,
        failure_threshold: 50,
        connecting_code: None,
        notes: None,
    }
}

/// A group whose release is `new`, and devices that run `old` in it, connected one second after the other.
async fn fleet(w: &mut Write, world: &World, n: i64) -> (GroupId, Vec<DeviceId>) {
    firmware(w, world, "old", "1.0.0").await;
    let new = firmware(w, world, "new", "1.1.0").await;
    let group = deployment_groups::add(w, &group_row(world, "g"), NOW)
        .await
        .unwrap()
        .unwrap();
    releases::add(
        w,
        group,
        new,
        None,
        None,
        None,
        world.scope.person().id,
        NOW,
    )
    .await
    .unwrap();
    let mut ids = Vec::new();
    for i in 0..n {
        let id = devices::add(
            w,
            world.org,
            world.product,
            &format!("d{i}"),
            None,
            None,
            NOW,
        )
        .await
        .unwrap()
        .unwrap();
        let m = Metadata {
            uuid: "old".into(),
            version: "1.0.0".into(),
            ..Metadata::default()
        };
        devices::report_firmware(w, id, &m, NOW).await.unwrap();
        devices::set_group(w, id, Some(group), NOW).await.unwrap();
        devices::seen_first(w, id, later(-i)).await.unwrap();
        connections::connecting(w, id, ConnectionId(i), NodeId(1), None, NOW)
            .await
            .unwrap();
        devices::joined(w, id, later(i)).await.unwrap();
        ids.push(id);
    }
    (group, ids)
}

fn claim(device: DeviceId, group: GroupId, n: i64) -> NewClaim {
    NewClaim {
        device,
        claim: ClaimId(n),
        group: Some(group),
        release: None,
        firmware: None,
        delta: None,
        priority: false,
    }
}

async fn people(db: &Db) {
    let mut w = db.write().await.unwrap();
    let id = users::add(&mut w, "a@x.org", "A", "h", NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        users::add(&mut w, "a@x.org", "B", "h", NOW).await.unwrap(),
        None
    );
    // The transaction goes on after the refused insert.
    let token = token::text([9; 32]);
    let hash = token::hash(&token).unwrap();
    let mut new = users::NewToken {
        user: id,
        hash: &hash,
        note: "ci",
        access: "full",
        product: None,
        expires_at: None,
        login: false,
    };
    users::add_token(&mut w, &new, NOW).await.unwrap();
    let ends = token::text([10; 32]);
    let hash_of_ends = token::hash(&ends).unwrap();
    new.hash = &hash_of_ends;
    new.access = "read";
    new.expires_at = Some(later(60));
    users::add_token(&mut w, &new, NOW).await.unwrap();
    w.commit().await.unwrap();
    let uses = access::token_uses::TokenUses::default();
    let person = access::by_token(db, &token, &uses, NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((person.id, person.email.as_str()), (id, "a@x.org"));
    let narrow = access::by_token(db, &ends, &uses, NOW)
        .await
        .unwrap()
        .unwrap();
    assert!(narrow.grant.covers(access::scope::Act::Read));
    assert!(!narrow.grant.covers(access::scope::Act::Change));
    let late = access::by_token(db, &ends, &uses, later(60)).await.unwrap();
    assert_eq!(late, None, "it has ended");
    assert_eq!(
        access::by_token(db, &token::text([8; 32]), &uses, NOW)
            .await
            .unwrap(),
        None
    );
    let mut r = db.read().await.unwrap();
    assert!(users::any(&mut r).await.unwrap());
    let row = users::by_token(&mut r, &hash).await.unwrap().unwrap();
    assert_eq!(row.last_used_at, None, "who reads does not write");
    let noted = uses.take();
    assert!(noted.contains(&(row.token_id, NOW)));
    drop(r);
    let mut w = db.write().await.unwrap();
    for (token, at) in noted {
        users::token_used(&mut w, token, at).await.unwrap();
    }
    let row = users::by_token(&mut w, &hash).await.unwrap().unwrap();
    assert_eq!(row.last_used_at, Some(NOW));
}

async fn tenants(db: &Db) {
    let mut w = db.write().await.unwrap();
    let (a, b) = (world(&mut w, "a").await, world(&mut w, "b").await);
    let fw = firmware(&mut w, &a, "u", "1.0.0").await;
    devices::add(&mut w, a.org, a.product, "d", None, None, NOW)
        .await
        .unwrap()
        .unwrap();
    assert!(
        devices::view(&mut w, &a.scope, "d")
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        devices::view(&mut w, &b.scope, "d")
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        devices::locate(&mut w, b.scope.person().id, "d")
            .await
            .unwrap(),
        None
    );
    assert_eq!(firmwares::list(&mut w, &b.scope).await.unwrap().len(), 0);
    assert!(
        firmwares::by_uuid(&mut w, b.product, "u")
            .await
            .unwrap()
            .is_none()
    );
    firmwares::delete(&mut w, &b.scope, fw).await.unwrap();
    assert!(firmwares::row(&mut w, fw).await.unwrap().is_some());
    assert!(
        keys::by_name(&mut w, &b.org_scope, "k")
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        orgs::member(&mut w, &b.org_scope, "a@x.org")
            .await
            .unwrap()
            .is_none()
    );
    // The identifier is taken on the whole server.
    assert_eq!(
        devices::add(&mut w, b.org, b.product, "d", None, None, NOW)
            .await
            .unwrap(),
        None
    );
    let stranger = a.scope.person().clone();
    assert!(
        access::product_scope(&mut w, stranger, "b", "thermo")
            .await
            .unwrap()
            .is_none()
    );
}

/// The device `B` reports twice; the newer report counts. `b` reports nothing that could be compared.
async fn reported(w: &mut Write, world: &World) {
    for (name, at, status, report) in [
        ("B", NOW, "healthy", r#"{"alarms":{},"metrics":{"cpu":99}}"#),
        (
            "B",
            later(1),
            "warning",
            r#"{"alarms":{"disk full":"90 %"},"metrics":{"cpu":50.5}}"#,
        ),
        ("b", later(1), "healthy", r#"{"metrics":{"cpu":"hot"}}"#),
    ] {
        let device = devices::view(w, &world.scope, name).await.unwrap().unwrap();
        let report = health_reports::HealthReport {
            at,
            status: status.into(),
            reasons: "{}".into(),
            report: report.into(),
        };
        health_reports::add(w, device.id, &report).await.unwrap();
    }
}

async fn claims(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (group, ids) = fleet(&mut w, &world, 2).await;
    assert!(
        inflight::add(&mut w, &claim(ids[0], group, 1), NOW)
            .await
            .unwrap()
    );
    assert!(
        !inflight::add(&mut w, &claim(ids[0], group, 2), NOW)
            .await
            .unwrap()
    );
    assert_eq!(inflight::count(&mut w, group, false).await.unwrap(), 1);
    assert_eq!(inflight::count(&mut w, group, true).await.unwrap(), 0);
    assert!(
        !inflight::sent(&mut w, ids[0], ClaimId(2), NOW)
            .await
            .unwrap()
    );
    assert_eq!(inflight::unsent(&mut w, later(1)).await.unwrap().len(), 1);
    assert!(
        inflight::sent(&mut w, ids[0], ClaimId(1), NOW)
            .await
            .unwrap()
    );
    assert!(
        !inflight::sent(&mut w, ids[0], ClaimId(1), NOW)
            .await
            .unwrap()
    );
    assert_eq!(inflight::unsent(&mut w, later(1)).await.unwrap().len(), 0);
    inflight::progress(&mut w, ids[0], "updating", Some(50), true, NOW)
        .await
        .unwrap();
    assert_eq!(inflight::lapsed(&mut w, NOW, NOW).await.unwrap().len(), 0);
    assert_eq!(
        inflight::lapsed(&mut w, later(1), NOW).await.unwrap(),
        [(ids[0], Some(group))]
    );
    inflight::remove(&mut w, ids[0]).await.unwrap();
    assert_eq!(inflight::count(&mut w, group, false).await.unwrap(), 0);
    let release = releases::current(&mut w, group).await.unwrap().unwrap();
    for i in 0..3 {
        inflight::attempt(&mut w, ids[1], release.id, later(i * 100))
            .await
            .unwrap();
    }
    let counted = inflight::attempts(&mut w, ids[1], release.id, later(100))
        .await
        .unwrap();
    assert_eq!(counted, (3, 2));
    inflight::clear_attempts(&mut w, ids[1]).await.unwrap();
    assert_eq!(
        inflight::attempts(&mut w, ids[1], release.id, NOW)
            .await
            .unwrap(),
        (0, 0)
    );
}

async fn candidates(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (group, ids) = fleet(&mut w, &world, 6).await;
    let fifo = async |w: &mut Write| -> Vec<DeviceId> {
        devices::fifo(w, group, "old", "none", 10)
            .await
            .unwrap()
            .iter()
            .map(|c| c.id)
            .collect()
    };
    assert_eq!(fifo(&mut w).await, ids);
    let newest: Vec<DeviceId> = devices::lifo(&mut w, group, "old", "none", 10)
        .await
        .unwrap()
        .iter()
        .map(|c| c.id)
        .collect();
    assert_eq!(newest, ids, "the first device was seen first most recently");
    let source = devices::next_source(&mut w, group, "").await.unwrap();
    assert_eq!(source, Some(("old".into(), Some("1.0.0".into()))));
    assert_eq!(
        devices::next_source(&mut w, group, "old\u{1}")
            .await
            .unwrap(),
        None
    );
    devices::set_updates_enabled(&mut w, ids[0], false, NOW)
        .await
        .unwrap();
    devices::block(&mut w, ids[1], Some(later(60)))
        .await
        .unwrap();
    assert!(
        devices::set_validation(&mut w, ids[2], "not_validated", false)
            .await
            .unwrap()
    );
    devices::offline(&mut w, ids[3]).await.unwrap();
    inflight::add(&mut w, &claim(ids[4], group, 1), NOW)
        .await
        .unwrap();
    assert_eq!(fifo(&mut w).await, [ids[5]]);
    devices::set_deleted(&mut w, ids[5], Some(NOW), NOW)
        .await
        .unwrap();
    assert_eq!(fifo(&mut w).await, []);
    devices::set_deleted(&mut w, ids[5], None, NOW)
        .await
        .unwrap();
    devices::joined(&mut w, ids[5], NOW).await.unwrap();
    deployment_groups::set_words(&mut w, group, "release_tag", &["beta".into()])
        .await
        .unwrap();
    assert_eq!(fifo(&mut w).await, []);
    devices::set_tags(&mut w, ids[5], Some(&["beta".into(), "x".into()]))
        .await
        .unwrap();
    assert_eq!(fifo(&mut w).await, [ids[5]]);
    deployment_groups::set_words(&mut w, group, "interface", &["wifi".into()])
        .await
        .unwrap();
    assert_eq!(fifo(&mut w).await, []);
    devices::set_interface(&mut w, ids[5], "wifi")
        .await
        .unwrap();
    assert_eq!(fifo(&mut w).await, [ids[5]]);
}

async fn connections_story(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let d = devices::add(&mut w, world.org, world.product, "d", None, None, NOW)
        .await
        .unwrap()
        .unwrap();
    let (old, new) = (ConnectionId(1), ConnectionId(2));
    connections::connecting(&mut w, d, old, NodeId(1), None, NOW)
        .await
        .unwrap();
    assert!(
        connections::connected(&mut w, d, old, "2.3.0", NOW)
            .await
            .unwrap()
    );
    connections::connecting(&mut w, d, new, NodeId(2), None, NOW)
        .await
        .unwrap();
    assert!(
        !connections::connected(&mut w, d, old, "2.3.0", NOW)
            .await
            .unwrap()
    );
    assert!(
        connections::connected(&mut w, d, new, "2.3.0", NOW)
            .await
            .unwrap()
    );
    assert!(
        !connections::disconnected(&mut w, d, old, "lost", NOW)
            .await
            .unwrap()
    );
    assert_eq!(
        connections::node_of(&mut w, d).await.unwrap(),
        Some(NodeId(2))
    );
    assert_eq!(
        connections::close_left_by(&mut w, NodeId(1), 10, NOW)
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        connections::close_left_by(&mut w, NodeId(2), 10, NOW)
            .await
            .unwrap(),
        [(d,)]
    );
    assert_eq!(connections::node_of(&mut w, d).await.unwrap(), None);
}

async fn pasts(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (_, devices) = fleet(&mut w, &world, 3).await;
    let [left, replaced, dead] = devices[..] else {
        panic!("three devices")
    };
    // One that ended, one that was replaced, one whose node died; each is kept once, whatever is repeated.
    let first = ConnectionId(0);
    connections::disconnected(&mut w, left, first, "left", later(10))
        .await
        .unwrap();
    for _ in 0..2 {
        history::keep_ended(&mut w, left, first).await.unwrap();
        history::keep_replaced(&mut w, left, later(20))
            .await
            .unwrap();
        history::keep_replaced(&mut w, replaced, later(20))
            .await
            .unwrap();
    }
    let peer = Some("10.0.0.1");
    connections::connecting(
        &mut w,
        replaced,
        ConnectionId(90),
        NodeId(2),
        peer,
        later(20),
    )
    .await
    .unwrap();
    history::keep_left_by(&mut w, NodeId(1), 10, later(30))
        .await
        .unwrap();
    let mut reasons = Vec::new();
    for device in [left, replaced, dead] {
        let all = history::connections(&mut w, device, 10).await.unwrap();
        let ended = all.iter().filter_map(|c| c.reason.clone());
        reasons.push(ended.collect::<Vec<_>>().join(" "));
    }
    assert_eq!(reasons, ["left", "replaced", "server gone"]);
    let all = history::connections(&mut w, replaced, 10).await.unwrap();
    assert_eq!(
        (all.len(), all[0].peer.as_deref()),
        (2, peer),
        "the present one first"
    );
    assert_eq!(
        history::connections(&mut w, replaced, 1)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        history::sweep_connections(&mut w, later(25), 10)
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        history::sweep_connections(&mut w, later(31), 10)
            .await
            .unwrap(),
        1
    );
    // Firmwares: all but the newest go.
    for seconds in [1, 2, 3] {
        history::firmware(&mut w, left, later(seconds))
            .await
            .unwrap();
    }
    assert!(
        devices::set_validation(&mut w, left, "not_validated", true)
            .await
            .unwrap()
    );
    history::validation(&mut w, left).await.unwrap();
    let ran = history::firmwares(&mut w, left, 10).await.unwrap();
    let states: Vec<_> = ran
        .iter()
        .map(|f| (f.validation.as_str(), f.auto_revert))
        .collect();
    assert_eq!(
        states,
        [
            ("not_validated", true),
            ("unknown", false),
            ("unknown", false)
        ]
    );
    assert_eq!(
        history::sweep_firmwares(&mut w, later(9), 1).await.unwrap(),
        1
    );
    assert_eq!(
        history::sweep_firmwares(&mut w, later(9), 9).await.unwrap(),
        1
    );
    assert_eq!(
        history::sweep_firmwares(&mut w, later(9), 9).await.unwrap(),
        0
    );
    let stat = inflight::Success {
        product: world.product,
        device: left,
        group: None,
        release: None,
        delta: true,
        source: "old",
        target: "new",
        sent: 10,
        full: 100,
    };
    inflight::succeeded(&mut w, &stat, later(1)).await.unwrap();
    inflight::succeeded(&mut w, &stat, later(2)).await.unwrap();
    assert_eq!(
        history::update_sums(&mut w, left).await.unwrap(),
        (2, 20, 180)
    );
    assert_eq!(
        history::updates(&mut w, left, 1).await.unwrap()[0].at,
        later(2)
    );
    assert_eq!(
        history::sweep_updates(&mut w, later(2), 9).await.unwrap(),
        1
    );
    // Notifications: the same again counts, and old ones go by their last time.
    for seconds in [1, 5] {
        notifications::add(&mut w, world.product, "k", "info", "t", "m", later(seconds))
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

async fn sweeps(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (_, devices) = fleet(&mut w, &world, 2).await;
    let report = |seconds: i64| health_reports::HealthReport {
        at: later(seconds),
        status: "healthy".into(),
        reasons: "{}".into(),
        report: "{}".into(),
    };
    for (device, seconds) in [(0, 1), (0, 2), (0, 3), (1, 1)] {
        health_reports::add(&mut w, devices[device], &report(seconds))
            .await
            .unwrap();
    }
    // A second one of the same instant replaces the first.
    health_reports::add(&mut w, devices[1], &report(1))
        .await
        .unwrap();
    let line = |seconds: i64| device_logs::LogLine {
        at: later(seconds),
        level: "info".into(),
        message: "x".into(),
        meta: "{}".into(),
    };
    for seconds in [5, 1] {
        device_logs::add(&mut w, devices[0], &line(seconds), later(seconds))
            .await
            .unwrap();
    }
    let place = locations::Location {
        at: NOW,
        latitude: -1.25,
        longitude: 179.5,
        accuracy: None,
        source: "gps".into(),
    };
    locations::set(&mut w, devices[0], &place).await.unwrap();
    locations::set(&mut w, devices[0], &place).await.unwrap();
    assert_eq!(
        locations::get(&mut w, devices[0]).await.unwrap(),
        Some(place)
    );
    assert_eq!(locations::get(&mut w, devices[1]).await.unwrap(), None);
    let sweep = health_reports::sweep(&mut w, later(10), 1).await.unwrap();
    assert_eq!(sweep, 1, "a little at once");
    assert_eq!(
        health_reports::sweep(&mut w, later(10), 9).await.unwrap(),
        1
    );
    assert_eq!(
        health_reports::sweep(&mut w, later(10), 9).await.unwrap(),
        0
    );
    for (device, seconds) in [(0, 3), (1, 1)] {
        let left = health_reports::newest(&mut w, devices[device], NOW, 9)
            .await
            .unwrap();
        assert_eq!(left, [report(seconds)]);
    }
    let lines = device_logs::newest(&mut w, devices[0], 9).await.unwrap();
    assert_eq!(lines, [line(5), line(1)]);
    assert_eq!(device_logs::sweep(&mut w, later(3), 9).await.unwrap(), 1);
    let lines = device_logs::newest(&mut w, devices[0], 9).await.unwrap();
    assert_eq!(lines, [line(5)]);
}

async fn leases(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (group, _) = fleet(&mut w, &world, 0).await;
    let lease = async |w: &mut Write, node, now| {
        deployment_groups::lease(w, group, NodeId(node), Micros(now + 10), Micros(now))
            .await
            .unwrap()
    };
    assert!(lease(&mut w, 1, 100).await);
    assert!(lease(&mut w, 1, 105).await);
    assert!(!lease(&mut w, 2, 115).await);
    assert!(lease(&mut w, 2, 116).await);
    assert!(!lease(&mut w, 1, 117).await);
    nodes::forget(&mut w, NodeId(2)).await.unwrap();
    assert!(lease(&mut w, 1, 117).await);
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
    deltas::completed(&mut w, job.id, 7, "CC", "CC", NOW)
        .await
        .unwrap();
    assert!(take(&mut w, later(999), later(1000)).await.is_none());
    let done = deltas::of_pair(&mut w, a, b).await.unwrap().unwrap();
    assert_eq!((done.status.as_str(), done.size), ("completed", Some(7)));
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

async fn blocks(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (group, ids) = fleet(&mut w, &world, 3).await;
    devices::block(&mut w, ids[0], Some(later(10)))
        .await
        .unwrap();
    devices::block(&mut w, ids[1], Some(later(20)))
        .await
        .unwrap();
    assert_eq!(
        devices::blocks_over(&mut w, later(9), 10).await.unwrap(),
        []
    );
    assert_eq!(
        devices::blocks_over(&mut w, later(10), 10).await.unwrap(),
        [(ids[0], Some(group))]
    );
    assert_eq!(
        devices::fifo(&mut w, group, "old", "none", 10)
            .await
            .unwrap()
            .len(),
        2
    );
}

async fn racing_claims(db: &Db) {
    let mut w = db.write().await.unwrap();
    let world = world(&mut w, "a").await;
    let (group, _) = fleet(&mut w, &world, 20).await;
    w.commit().await.unwrap();
    // Both call themselves the lease's holder: only the row lock keeps them apart.
    let run = || crate::rollout::claim::run(db, NodeId(1), group, later(100));
    let runs = futures_util::future::join_all((0..8).map(|_| run())).await;
    let claimed: usize = runs.into_iter().map(|r| r.unwrap().claimed.len()).sum();
    assert_eq!(claimed, 3);
    let mut r = db.read().await.unwrap();
    assert_eq!(inflight::count(&mut r, group, false).await.unwrap(), 3);
}

struct Note(i64);

impl batch::Record for Note {
    type Answer = bool;

    fn key(&self) -> i64 {
        self.0
    }

    async fn apply(&self, w: &mut Write) -> Result<bool> {
        if self.0 == 13 {
            // A violation of a foreign key: it fails alone, on PostgreSQL with its whole transaction.
            execute!(
                w,
                sql!(
                    "tests.bad",
                    "INSERT INTO products (org_id, name, require_unique_firmware_version, inserted_at, updated_at) VALUES (-1, 'x', TRUE, 0, 0)"
                )
            )?;
        }
        Ok(orgs::add(w, &format!("o{}", self.0), NOW).await?.is_some())
    }
}

async fn batching(db: &Db) {
    let (batcher, work) = batch::Batcher::new(db.clone());
    let writers = async {
        let all = (0..40).map(|i| batcher.write(Note(i)));
        let answers = futures_util::future::join_all(all).await;
        drop(batcher);
        answers
    };
    let (answers, ()) = tokio::join!(writers, work);
    for (i, answer) in answers.iter().enumerate() {
        assert_eq!(
            answer.as_ref().ok(),
            (i != 13).then_some(&true),
            "record {i}: {answer:?}"
        );
    }
    let mut r = db.read().await.unwrap();
    assert!(orgs::by_name(&mut r, "o13").await.unwrap().is_none());
    assert!(orgs::by_name(&mut r, "o39").await.unwrap().is_some());
}

/// Statements that run at device rate or in every scheduler run, and must find their rows by an index.
const HOT: [&str; 18] = [
    "devices.row",
    "devices.by_identifier",
    "devices.next_source",
    "devices.fifo",
    "devices.lifo",
    "devices.blocks_over",
    "connections.connected",
    "inflight.count",
    "inflight.sent",
    "inflight.attempts",
    "certificates.holder",
    "secrets.find",
    "deltas.take",
    "users.by_token",
    "extensions.of_device",
    "health_reports.newest",
    "health_reports.sweep",
    "device_logs.newest",
];

async fn plans(db: &Db) {
    for name in HOT {
        let s = inventory::iter::<Statement>()
            .find(|s| s.name == name)
            .expect(name);
        let Db::Sqlite { write, .. } = db else {
            // On an empty table PostgreSQL plans a scan whatever the indexes are; the indexes themselves are compared
            // with SQLite's by `both_schemas_are_the_same`.
            return;
        };
        let mut c = write.acquire().await.unwrap();
        let text = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", s.text));
        let mut query = sqlx::query(text);
        for _ in 0..s.text.matches('$').count() {
            query = query.bind(1i64);
        }
        for row in query.fetch_all(&mut *c).await.unwrap() {
            let step: String = row.get("detail");
            // A group's words are few, and the partial index holds open jobs only.
            let small = step.contains("group_words") || step.contains("deltas_open");
            assert!(!step.starts_with("SCAN") || small, "{name}: {step}");
        }
    }
}

async fn columns(db: &Db) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut r = db.read().await.unwrap();
    match r.conn() {
        Conn::Sqlite(c) => {
            let rows: Vec<(String, String, i64)> = sqlx::query_as(
                "SELECT m.name, p.name, p.\"notnull\" OR p.pk > 0 FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table'",
            )
            .fetch_all(&mut *c)
            .await
            .unwrap();
            out.extend(
                rows.into_iter()
                    .map(|(t, c, n)| format!("{t}.{c} {}", n != 0)),
            );
            let rows: Vec<(String,)> = sqlx::query_as(
                "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
            )
            .fetch_all(c)
            .await
            .unwrap();
            out.extend(rows.into_iter().map(|(i,)| format!("index {i}")));
        }
        Conn::Postgres(c) => {
            let rows: Vec<(String, String, String)> = sqlx::query_as(
                "SELECT table_name::text, column_name::text, is_nullable::text FROM information_schema.columns WHERE table_schema = 'public'",
            )
            .fetch_all(&mut *c)
            .await
            .unwrap();
            out.extend(
                rows.into_iter()
                    .map(|(t, c, n)| format!("{t}.{c} {}", n == "NO")),
            );
            let rows: Vec<(String,)> = sqlx::query_as(
                "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey' AND indexname NOT LIKE '%_key'",
            )
            .fetch_all(c)
            .await
            .unwrap();
            out.extend(rows.into_iter().map(|(i,)| format!("index {i}")));
        }
    }
    // SQLite's own table of the numbers that were given out; and the index of identifiers, which each engine has its own way.
    let own = [
        "_sqlx_migrations",
        "sqlite_sequence",
        "device_names",
        "index device_names",
    ];
    out.retain(|c| !own.iter().any(|name| c.starts_with(name)));
    out
}

#[tokio::test]
async fn both_schemas_are_the_same() {
    let names = |engine: &str| -> BTreeSet<_> {
        let folder = format!("{}/migrations/{engine}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
    let (lite, _folder) = sqlite().await;
    let Some(url) = postgres::database().await else {
        return;
    };
    let server = Db::open_postgres(&url).await.unwrap();
    // An index on a key ends in `_key` on both; it is left out on both.
    let own: BTreeSet<_> = columns(&lite)
        .await
        .into_iter()
        .filter(|c| !c.ends_with("_key"))
        .collect();
    assert_eq!(
        own,
        columns(&server)
            .await
            .into_iter()
            .filter(|c| !c.ends_with("_key"))
            .collect()
    );
}

#[tokio::test]
async fn a_reader_cannot_write_on_sqlite() {
    let (db, _folder) = sqlite().await;
    let Db::Sqlite { read, .. } = &db else {
        unreachable!()
    };
    let tried = sqlx::query("DELETE FROM users").execute(read).await;
    assert!(tried.unwrap_err().to_string().contains("readonly"));
}

/// A connection whose transaction failed, was dropped in the middle, or was left is never given back as it was.
async fn connections_survive(db: &Db) {
    let count = async || {
        let mut r = db.read().await.unwrap();
        users::any(&mut r).await.unwrap()
    };
    // Left without a commit: rolled back.
    let mut w = db.write().await.unwrap();
    users::add(&mut w, "a@x.org", "A", "hash", NOW)
        .await
        .unwrap();
    drop(w);
    let mut w = db.write().await.unwrap();
    assert!(!users::any(&mut w).await.unwrap(), "rolled back");
    // A statement that the engine refuses: the transaction is over, and the next one is a new one.
    let refused: Result<Option<(i64,)>> =
        fetch_optional!(&mut w, "SELECT CAST(1 AS BIGINT) FROM no_such_table");
    assert!(refused.is_err());
    drop(w);
    // Futures that are dropped at any of their awaits.
    for polls in 0..40u32 {
        let mut work = Box::pin(async {
            let mut w = db.write().await?;
            let email = format!("{polls}@x.org");
            users::add(&mut w, &email, "B", "hash", NOW).await?;
            w.commit().await
        });
        for _ in 0..polls {
            let poll = futures_util::poll!(&mut work);
            if poll.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(work);
    }
    for n in 0..20 {
        let mut w = db.write().await.expect("the writer works after all that");
        let email = format!("{n}@y.org");
        users::add(&mut w, &email, "C", "hash", NOW).await.unwrap();
        w.commit().await.unwrap();
    }
    assert!(count().await);
}

/// A full database fails the write that does not fit, and the writer goes on as soon as there is room.
#[tokio::test]
async fn a_full_disk_does_not_kill_the_writer() {
    let (db, _folder) = sqlite().await;
    let Db::Sqlite { write, .. } = &db else {
        unreachable!()
    };
    let pages = |n: i64| {
        let text = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {n}"));
        sqlx::query(text).execute(write)
    };
    // SQLite answers as on a full disk when the file may not grow; the limit is the connection's.
    pages(1).await.unwrap();
    let text = "x".repeat(1 << 20);
    let grow = async |name: &str| {
        let mut w = db.write().await?;
        nodes::setting(&mut w, name, text.as_bytes()).await?;
        w.commit().await
    };
    let full = grow("a").await.unwrap_err();
    assert!(full.is_unavailable(), "{full}");
    grow("b").await.expect("the writer was opened anew");
}
