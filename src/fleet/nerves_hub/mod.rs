//! Takes a fleet over from an original NervesHub: organisations, people with their passwords and API tokens, products, keys,
//! secrets, authorities, devices and their certificates ([`rows`]), so that devices and people notice nothing but another server;
//! then firmware and archives, whose files are checked as at an upload ([`files`]), and deployment groups with their releases
//! ([`groups`]). What is here already is left alone, so that it can be done again. The rows are one transaction, then each
//! file and each group is one, so that a thousand large files hold nobody up.

mod files;
mod groups;
mod rows;

use super::Result;
use crate::access::scope::{Org, Product, Scope};
use crate::access::vault::Vault;
use crate::blob::Blobs;
use crate::clock::{self, Micros};
use crate::ids::{ArchiveId, DeviceId, OrgId, ProductId, UserId};
use crate::store::firmwares::FirmwareRow;
use crate::store::keys::KeyRow;
use crate::store::nerves_hub::{Original, Table};
use crate::store::{Db, Write};
use files::{Shelf, What};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// What an import did, or would do.
#[derive(Debug, Default, serde::Serialize)]
pub struct Report {
    /// Made, by kind.
    pub imported: BTreeMap<&'static str, u64>,
    /// Here already, by kind.
    pub present: BTreeMap<&'static str, u64>,
    /// Left out, with the reason.
    pub skipped: Vec<String>,
}

/// Reasons that are told one by one.
const TOLD: usize = 1_000;

impl Report {
    fn made(&mut self, kind: &'static str) {
        *self.imported.entry(kind).or_default() += 1;
    }

    fn there(&mut self, kind: &'static str) {
        *self.present.entry(kind).or_default() += 1;
    }

    fn skip(&mut self, why: String) {
        if self.skipped.len() < TOLD {
            self.skipped.push(why);
        }
    }
}

/// What an import is done with.
pub struct From<'i> {
    /// The original's database.
    pub database: &'i str,
    /// The original's stored files, or a copy of them.
    pub files: Option<&'i Path>,
    /// Whether it is kept; else it is only tried.
    pub commit: bool,
}

/// The rows of the original, by their ids there.
struct Rows<'i> {
    from: Original,
    w: Write,
    vault: &'i Vault,
    report: Report,
    now: Micros,
    orgs: HashMap<i64, (OrgId, String)>,
    users: HashMap<i64, (UserId, String, String)>,
    scopes: HashMap<i64, Scope<Org>>,
    products: HashMap<i64, (OrgId, ProductId)>,
    product_scopes: HashMap<i64, Scope<Product>>,
    devices: HashMap<i64, (OrgId, DeviceId)>,
    members: HashMap<i64, Vec<DeviceId>>,
    jitp: HashMap<String, Value>,
}

/// What comes after the rows: files and groups, one transaction each; or all in the one that is rolled back.
struct Goods<'i> {
    from: Original,
    db: &'i Db,
    blobs: &'i Blobs,
    shelf: Shelf,
    held: Option<Write>,
    report: Report,
    now: Micros,
    users: HashMap<i64, UserId>,
    scopes: HashMap<i64, Scope<Product>>,
    keys: HashMap<OrgId, Vec<KeyRow>>,
    members: HashMap<i64, Vec<DeviceId>>,
    firmwares: HashMap<i64, FirmwareRow>,
    archives: HashMap<i64, ArchiveId>,
    releases: HashMap<i64, Vec<Value>>,
}

fn text<'v>(row: &'v Value, key: &str) -> &'v str {
    row[key].as_str().unwrap_or_default()
}

fn number(row: &Value, key: &str) -> i64 {
    row[key].as_i64().unwrap_or(0)
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

/// A table page by page; each row of it that was not deleted there, or all of them.
async fn pages(
    from: &mut Original,
    table: Table,
    after: &mut i64,
    with_deleted: bool,
) -> Result<Option<Vec<Value>>> {
    if *after == 0 && !from.has(table).await? {
        return Ok(None);
    }
    let mut rows = from.behind(table, *after).await?;
    let Some(last) = rows.last() else {
        return Ok(None);
    };
    *after = last["id"].as_i64().unwrap_or(i64::MAX);
    rows.retain(|row| with_deleted || !row["deleted_at"].is_string());
    Ok(Some(rows))
}

/// Runs an import.
///
/// # Errors
/// A database or a folder that cannot be read or written. What was kept until then stays, and doing it again goes on.
pub async fn import(db: &Db, blobs: &Blobs, vault: &Vault, from: &From<'_>) -> Result<Report> {
    let shelf = Shelf::of(from.files).await?;
    let mut rows = Rows {
        from: Original::open(from.database).await?,
        w: db.write().await?,
        vault,
        report: Report::default(),
        now: clock::now(),
        orgs: HashMap::new(),
        users: HashMap::new(),
        scopes: HashMap::new(),
        products: HashMap::new(),
        product_scopes: HashMap::new(),
        devices: HashMap::new(),
        members: HashMap::new(),
        jitp: HashMap::new(),
    };
    rows.all().await?;
    let keys = rows.keys().await?;
    let held = if from.commit {
        rows.w.commit().await?;
        None
    } else {
        Some(rows.w)
    };
    let mut goods = Goods {
        from: rows.from,
        db,
        blobs,
        shelf,
        held,
        report: rows.report,
        now: rows.now,
        users: rows.users.into_iter().map(|(id, u)| (id, u.0)).collect(),
        scopes: rows.product_scopes,
        keys,
        members: rows.members,
        firmwares: HashMap::new(),
        archives: HashMap::new(),
        releases: HashMap::new(),
    };
    goods.all().await?;
    Ok(goods.report)
}

impl Goods<'_> {
    async fn all(&mut self) -> Result<()> {
        for table in [
            Table::Firmwares,
            Table::Archives,
            Table::Releases,
            Table::Deployments,
        ] {
            let mut after = 0;
            while let Some(rows) = pages(&mut self.from, table, &mut after, false).await? {
                for row in rows {
                    match table {
                        Table::Firmwares => self.good(What::Firmware, &row).await?,
                        Table::Archives => self.good(What::Archive, &row).await?,
                        Table::Releases => {
                            let group = number(&row, "deployment_group_id");
                            self.releases.entry(group).or_default().push(row);
                        }
                        _ => self.group(&row).await?,
                    }
                }
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
