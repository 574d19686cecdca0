//! The store's suite: every test on both engines.

#[path = "../../../tests/it/support/postgres.rs"]
pub(crate) mod postgres;
pub mod ran;
#[path = "../../../tests/it/support/statements.rs"]
mod statements;

use super::accounts::{orgs, users};
use super::catalog::{deltas, files, firmwares, keys, products};
use super::deployments::{deployment_groups, inflight, releases};
use super::devices::{connections, device_logs, health_reports, history, locations};
use super::engine::{Conn, Db, On, Statement, Write};
use super::node::nodes;
use super::support::notifications;
use super::*;
use crate::access::scope::{Org, Product, Scope};
use crate::access::{self, token};
use crate::clock::Micros;
use crate::ids::{
    ClaimId, ConnectionId, DeviceId, FirmwareId, GroupId, NodeId, OrgId, ProductId, UserId,
};
use crate::ingest::{DeviceWrite, WriteOutcome};
use crate::store::catalog::firmwares::NewFirmware;
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::deployments::inflight::NewClaim;
use crate::store::devices::{Filter, FirmwareMetadata, Order};
use crate::store::words::{QueueOrder, TagOperator};
use sqlx::{Executor as _, Row as _};
use std::collections::BTreeSet;

const NOW: Micros = Micros(1_700_000_000_000_000);

/// A release that goes to the whole group at once.
const EVERYONE: crate::store::devices::Admission = crate::store::devices::Admission {
    release: crate::store::ids::ReleaseId(0),
    step: 0,
    factor: 1,
    offset: 0,
    share: 10_000,
};

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
                let db = super::Db::open_postgres(&url, crate::limits::DEVICE_CONNECTIONS).await.unwrap();
                super::$body(&db).await;
                db.close().await;
            }
        }
    )*};
}

mod accounts;
mod catalog;
mod deployments;
mod devices;
mod engine;
mod ingest;
mod node;
mod said;
mod support;
mod uploads;

/// Ends the connections that carry messages between nodes, as a restart of the database does.
pub(crate) async fn cut_bus(w: &mut Write) -> Result<()> {
    let Conn::Postgres(c) = w.conn() else {
        return Ok(());
    };
    c.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'nervecenter bus'")
        .await?;
    w.settle(true);
    Ok(())
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
        session: false,
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
    firmwares::add(
        w,
        &world.scope,
        &new,
        &files::FileKind::Firmware.new_key(),
        NOW,
    )
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
        tag_operator: TagOperator::And,
        delta_updatable: false,
        lock_device_membership: false,
        concurrent_updates: 3,
        queue_management: QueueOrder::FirstIn,
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
        workflow: None,
        policy: None,
        release_held: false,
        bandwidth_until: Micros(0),
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
    release(w, group, new, world.scope.person().id).await;
    let mut ids = Vec::new();
    for i in 0..n {
        let id = super::devices::add(
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
        let m = FirmwareMetadata {
            uuid: "old".into(),
            version: "1.0.0".into(),
            ..FirmwareMetadata::default()
        };
        super::devices::report_firmware(w, id, &m, NOW)
            .await
            .unwrap();
        super::devices::set_group(w, id, Some(group), NOW)
            .await
            .unwrap();
        super::devices::seen_first(w, id, later(-i)).await.unwrap();
        said::connecting(w, id, ConnectionId(i), NodeId(1), NOW).await;
        said::online(w, id, later(i)).await;
        ids.push(id);
    }
    (group, ids)
}

/// The one column of a query, as texts.
async fn texts(db: &Db, text: String) -> Vec<String> {
    let text = sqlx::AssertSqlSafe(text);
    let mut r = db.read().await.unwrap();
    let found: std::result::Result<Vec<(String,)>, sqlx::Error> = match r.conn() {
        Conn::Sqlite(c) => sqlx::query_as(text).fetch_all(c).await,
        Conn::Postgres(c) => sqlx::query_as(text).fetch_all(c).await,
    };
    r.settle(found.is_ok());
    found.unwrap().into_iter().map(|(text,)| text).collect()
}

/// Makes the next release of a group.
async fn release(w: &mut Write, group: GroupId, firmware: FirmwareId, by: UserId) {
    let new = releases::NewRelease {
        group,
        firmware,
        archive: None,
        description: None,
        notes: None,
        by: Some(by),
        takes_back: None,
    };
    releases::add(w, &new, NOW).await.unwrap();
}
