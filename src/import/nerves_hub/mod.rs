//! Imports a fleet from NervesHub, so that devices and people only notice that the server is another:
//! organizations, people with their passwords and API tokens, products, keys, secrets, CAs, and scripts
//! ([`rows`]); devices with their certificates and history ([`devices`]); then firmware and archives, whose
//! files are checked as at an upload ([`files`]), deployment groups with their releases ([`groups`]), and the
//! audit log ([`audits`]). What is not imported is reported ([`columns`]). What exists here already is left
//! alone, so that an import can be repeated. It is written in slices, one transaction each, so that neither a
//! large table nor a thousand large files block other writers.

mod audits;
mod columns;
mod devices;
mod files;
mod groups;
mod people;
mod report;
mod rows;

use crate::access::scope::{Org, Product, Scope};
use crate::access::vault::Vault;
use crate::blob::Blobs;
use crate::clock::Micros;
use crate::domain::Result;
use crate::ids::{ArchiveId, DeviceId, GroupId, OrgId, ProductId, UserId};
use crate::limits::IMPORT_SLICE;
use crate::store::catalog::firmwares::FirmwareRow;
use crate::store::catalog::keys::KeyRow;
use crate::store::import::nerves_hub::{Original, Table};
use crate::store::{Db, Write};
use files::{Carried, Shelf};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

pub use report::ImportReport;

/// The inputs of an import.
pub struct From<'i> {
    /// URL of NervesHub's database.
    pub database: &'i str,
    /// Folder of NervesHub's stored files, or a copy of it.
    pub files: Option<&'i Path>,
    /// Whether the import is committed; otherwise it is a trial that is rolled back.
    pub commit: bool,
}

/// An imported person.
#[derive(Clone)]
struct Someone {
    id: UserId,
    name: String,
    email: String,
}

/// An imported device.
#[derive(Clone, Copy)]
struct Known {
    org: OrgId,
    product: ProductId,
    id: DeviceId,
}

/// A device that belongs to a deployment group.
struct Member {
    device: DeviceId,
    /// When it last changed on the other server.
    changed: Micros,
    /// When it tried to install the current release, without success so far.
    attempts: Vec<Micros>,
}

/// The first stage: rows that need no file. Holds the ids here of what was imported, by the ids on the other
/// server.
struct Rows<'i> {
    from: Original,
    db: &'i Db,
    commit: bool,
    w: Write,
    vault: &'i Vault,
    report: ImportReport,
    now: Micros,
    orgs: HashMap<i64, (OrgId, String)>,
    users: HashMap<i64, Someone>,
    /// Members by the id of their membership.
    members_of_orgs: HashMap<i64, UserId>,
    scopes: HashMap<i64, Scope<Org>>,
    products: HashMap<i64, (OrgId, ProductId)>,
    product_scopes: HashMap<i64, Scope<Product>>,
    devices: HashMap<i64, Known>,
    members: HashMap<i64, Vec<Member>>,
    /// Ids of the newest health report of each device.
    newest_health: HashSet<i64>,
    /// JITP profiles, and whether a CA that uses them was imported.
    jitp: HashMap<String, (Value, bool)>,
}

/// The second stage: files, deployment groups, and what refers to groups. Each file, group, or slice has its
/// own transaction; a trial has a single one, which is rolled back.
struct Goods<'i> {
    from: Original,
    db: &'i Db,
    blobs: &'i Blobs,
    shelf: Shelf,
    held: Option<Write>,
    report: ImportReport,
    now: Micros,
    /// How long reading the files took.
    reading: Duration,
    orgs: HashMap<i64, (OrgId, String)>,
    users: HashMap<i64, UserId>,
    org_scopes: HashMap<i64, Scope<Org>>,
    products: HashMap<i64, (OrgId, ProductId)>,
    scopes: HashMap<i64, Scope<Product>>,
    keys: HashMap<OrgId, Vec<KeyRow>>,
    devices: HashMap<i64, Known>,
    members: HashMap<i64, Vec<Member>>,
    firmwares: HashMap<i64, FirmwareRow>,
    archives: HashMap<i64, ArchiveId>,
    releases: HashMap<i64, Vec<Value>>,
    groups: HashMap<i64, (OrgId, ProductId, GroupId)>,
    products_of_firmwares: HashMap<i64, (OrgId, ProductId)>,
    /// Number of imported audit entries by the id of the organization.
    entries: HashMap<i64, u64>,
}

/// Why a row whose owner was not imported is left behind.
const ORPHAN: &str = "what it belongs to was deleted there or is left behind itself";

fn text<'v>(row: &'v Value, key: &str) -> &'v str {
    row[key].as_str().unwrap_or_default()
}

fn number(row: &Value, key: &str) -> i64 {
    row[key].as_i64().unwrap_or(0)
}

/// Parses a timestamp, which NervesHub writes in UTC and without a time zone.
fn time(value: &Value) -> Option<Micros> {
    Micros::parse(&format!("{}Z", value.as_str()?))
}

/// Parses a bytea as JSON shows it: `\\x` and hex.
fn bytes(row: &Value, key: &str) -> Option<Vec<u8>> {
    hex::decode(row[key].as_str()?.strip_prefix("\\x")?).ok()
}

/// Tags: an array, or in older versions a text with commas.
fn tags(row: &Value) -> Option<Vec<String>> {
    match &row["tags"] {
        Value::Array(all) => Some(
            all.iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        ),
        Value::String(s) if !s.is_empty() => Some(
            s.split(',')
                .map(|t| t.trim().to_owned())
                .filter(|t| !t.is_empty())
                .collect(),
        ),
        _ => None,
    }
}

/// When a row was created on the other server.
fn made_at(row: &Value, now: Micros) -> Micros {
    time(&row["inserted_at"]).unwrap_or(now)
}

/// When a row last changed on the other server.
fn changed_at(row: &Value, now: Micros) -> Micros {
    time(&row["updated_at"]).unwrap_or_else(|| made_at(row, now))
}

/// The next slice of the current table. Soft-deleted rows are left out unless `with_deleted`.
async fn slice(from: &mut Original, with_deleted: bool) -> Result<Option<Vec<Value>>> {
    let mut rows = from.next(IMPORT_SLICE).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    rows.retain(|row| with_deleted || !row["deleted_at"].is_string());
    Ok(Some(rows))
}

/// Runs an import.
///
/// # Errors
/// A database or folder that cannot be read or written. What was committed until then stays, and repeating the
/// import continues from there.
pub async fn import(
    db: &Db,
    blobs: &Blobs,
    vault: &Vault,
    from: &From<'_>,
) -> Result<ImportReport> {
    let begun = Instant::now();
    let shelf = Shelf::of(from.files).await?;
    let mut rows = Rows {
        from: Original::open(from.database).await?,
        db,
        commit: from.commit,
        w: db.write().await?,
        vault,
        report: ImportReport::default(),
        now: db.now(),
        orgs: HashMap::new(),
        users: HashMap::new(),
        members_of_orgs: HashMap::new(),
        scopes: HashMap::new(),
        products: HashMap::new(),
        product_scopes: HashMap::new(),
        devices: HashMap::new(),
        members: HashMap::new(),
        newest_health: HashSet::new(),
        jitp: HashMap::new(),
    };
    columns::tell(&mut rows.from, &mut rows.report).await?;
    let rows = rows.all().await?;
    let mut goods = Goods::after(rows, blobs, shelf).await?;
    goods.all().await?;
    let took = begun.elapsed();
    // Writing a file takes about as long as reading it. The commits of slices are short compared with their
    // statements.
    let more = (!from.commit).then_some(goods.reading);
    Ok(goods.report.finish(took, more))
}

impl<'i> Goods<'i> {
    /// Begins the second stage after the rows, whose transaction is committed, or in a trial held until the
    /// end.
    async fn after(mut rows: Rows<'i>, blobs: &'i Blobs, shelf: Shelf) -> Result<Self> {
        let keys = rows.keys().await?;
        let held = if rows.commit {
            rows.w.commit().await?;
            None
        } else {
            Some(rows.w)
        };
        Ok(Self {
            from: rows.from,
            db: rows.db,
            blobs,
            shelf,
            held,
            report: rows.report,
            now: rows.now,
            reading: Duration::ZERO,
            orgs: rows.orgs,
            users: rows.users.into_iter().map(|(id, u)| (id, u.id)).collect(),
            org_scopes: rows.scopes,
            products: rows.products,
            scopes: rows.product_scopes,
            keys,
            devices: rows.devices,
            members: rows.members,
            firmwares: HashMap::new(),
            archives: HashMap::new(),
            releases: HashMap::new(),
            groups: HashMap::new(),
            products_of_firmwares: HashMap::new(),
            entries: HashMap::new(),
        })
    }

    async fn all(&mut self) -> Result<()> {
        for table in [
            Table::Firmwares,
            Table::Archives,
            Table::Releases,
            Table::Deployments,
            Table::UpdateStats,
            Table::AuditLogs,
        ] {
            if !self.from.begin(table).await? {
                continue;
            }
            while let Some(rows) = slice(&mut self.from, false).await? {
                self.some(table, rows).await?;
            }
        }
        let without_group: usize = self.releases.values().map(Vec::len).sum();
        let why = "their deployment group was deleted there";
        let without_group = u64::try_from(without_group).unwrap_or(u64::MAX);
        self.report.leave("deployment_releases", without_group, why);
        self.tell_of_entries().await
    }

    async fn some(&mut self, table: Table, rows: Vec<Value>) -> Result<()> {
        match table {
            Table::UpdateStats => return self.updates(&rows).await,
            Table::AuditLogs => return self.audits(&rows).await,
            _ => {}
        }
        for row in rows {
            match table {
                Table::Firmwares => {
                    let product = self.products.get(&number(&row, "product_id"));
                    let firmware = number(&row, "id");
                    self.products_of_firmwares
                        .extend(product.map(|p| (firmware, *p)));
                    self.good(Carried::Firmware, &row).await?;
                }
                Table::Archives => self.good(Carried::Archive, &row).await?,
                Table::Releases => {
                    let group = number(&row, "deployment_group_id");
                    self.releases.entry(group).or_default().push(row);
                }
                _ => self.group(&row).await?,
            }
        }
        Ok(())
    }

    /// Whether the import is committed.
    fn commits(&self) -> bool {
        self.held.is_none()
    }

    async fn begin(&mut self) -> Result<Write> {
        match self.held.take() {
            Some(w) => Ok(w),
            None => Ok(self.db.write().await?),
        }
    }

    async fn end(&mut self, w: Write, commit: bool) -> Result<()> {
        if commit {
            w.commit().await?;
        } else {
            self.held = Some(w);
        }
        Ok(())
    }
}
