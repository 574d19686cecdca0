//! Takes a fleet over from an original NervesHub, so that devices and people notice nothing but another server:
//! organizations, people with their passwords and API tokens, products, keys, secrets, authorities, scripts ([`rows`]);
//! devices with their certificates and what they left behind ([`devices`]); then firmware and archives, whose files are
//! checked as at an upload ([`files`]), deployment groups with their releases ([`groups`]) and the audit log ([`audits`]).
//! What is not brought is told ([`columns`]). What is here already is left alone, so that it can be done again. It is
//! written in slices, one transaction each, so that neither a large table nor a thousand large files hold anybody up.

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
use crate::clock::{self, Micros};
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
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use report::ImportReport;

/// What an import is done with.
pub struct From<'i> {
    /// The original's database.
    pub database: &'i str,
    /// The original's stored files, or a copy of them.
    pub files: Option<&'i Path>,
    /// Whether it is kept; else it is only tried.
    pub commit: bool,
}

/// A person who was imported.
#[derive(Clone)]
struct Someone {
    id: UserId,
    name: String,
    email: String,
}

/// A device that was imported.
#[derive(Clone, Copy)]
struct Known {
    org: OrgId,
    product: ProductId,
    id: DeviceId,
}

/// A device that belongs to a group.
struct Member {
    device: DeviceId,
    /// When it last changed there.
    changed: Micros,
    /// When it tried to install the current release, without success so far.
    attempts: Vec<Micros>,
}

/// Rows of the original that need no file, and what they became, by their numbers there.
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
    /// By the number of the membership.
    members_of_orgs: HashMap<i64, UserId>,
    scopes: HashMap<i64, Scope<Org>>,
    products: HashMap<i64, (OrgId, ProductId)>,
    product_scopes: HashMap<i64, Scope<Product>>,
    devices: HashMap<i64, Known>,
    members: HashMap<i64, Vec<Member>>,
    /// Health reports that are the newest of a device.
    newest_health: HashSet<i64>,
    /// Profiles of just-in-time provisioning, and whether an authority has been brought that uses them.
    jitp: HashMap<String, (Value, bool)>,
}

/// What comes after these rows: files, groups, and what refers to groups. One transaction a file, group or slice; all in the
/// one that is rolled back if it is only tried.
struct Goods<'i> {
    from: Original,
    db: &'i Db,
    blobs: &'i Blobs,
    shelf: Shelf,
    held: Option<Write>,
    report: ImportReport,
    now: Micros,
    /// How long files were read.
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
    /// Entries of the audit log that were imported, by the organization's number.
    entries: HashMap<i64, u64>,
}

/// Why a row is left behind whose owner is not here.
const ORPHAN: &str = "what it belongs to was deleted there or is left behind itself";

fn text<'v>(row: &'v Value, key: &str) -> &'v str {
    row[key].as_str().unwrap_or_default()
}

fn number(row: &Value, key: &str) -> i64 {
    row[key].as_i64().unwrap_or(0)
}

/// A timestamp, which the original writes in UTC and without a zone.
fn time(value: &Value) -> Option<Micros> {
    let text = value.as_str()?;
    let at = OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000)
        .ok()
        .map(Micros)
}

/// A bytea as JSON has it: `\\x` and hex.
fn bytes(row: &Value, key: &str) -> Option<Vec<u8>> {
    hex::decode(row[key].as_str()?.strip_prefix("\\x")?).ok()
}

/// Tags: an array, or a text with commas in older versions.
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

/// When a row was made there.
fn made_at(row: &Value, now: Micros) -> Micros {
    time(&row["inserted_at"]).unwrap_or(now)
}

/// When a row last changed there.
fn changed_at(row: &Value, now: Micros) -> Micros {
    time(&row["updated_at"]).unwrap_or_else(|| made_at(row, now))
}

/// The next slice of a table that is being read. Rows that were deleted there are left out, unless they are wanted.
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
/// A database or a folder that cannot be read or written. What was kept until then stays, and doing it again goes on.
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
        now: clock::now(),
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
    // A file is written about as fast as it is read. The commits of slices are short beside their statements.
    let more = (!from.commit).then_some(goods.reading);
    Ok(goods.report.finish(took, more))
}

impl<'i> Goods<'i> {
    /// Goes on after the rows, whose transaction is committed, or held until the end of a trial.
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

    /// Whether it is kept.
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
