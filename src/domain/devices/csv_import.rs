//! CSV import and CSV export of devices, and the import of crypto-chip manifests. A CSV import is all or
//! nothing; a manifest is imported in the background, device by device.

mod manifest;

mod export;

mod read;

use super::x509::{self, CertificateInfo};
use crate::access::random_id;
use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::Context;
use crate::domain::blocking;
use crate::domain::devices::{HOW_TO_FREE, check_tags, cut, held_by_deleted, identifier_ok};
use crate::domain::devices::{certificates, csv_cells};
use crate::domain::error::TAKEN;
use crate::domain::{DomainError, Result};
use crate::ids::{DeviceId, NodeId};
use crate::limits::{CSV_LINES, IGNORED_COLUMNS, IMPORT_ROWS, IMPORT_SLICE};
use crate::store::devices::imports;
use crate::store::devices::{NewDevice, bulk};
use crate::store::events::audit;
use crate::store::support::notifications;
use crate::store::{self, Db, Write};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
pub use export::*;
pub use manifest::*;
use read::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;

/// Errors by line number.
type Mistakes = BTreeMap<u64, Vec<String>>;

/// What an import of CSV did.
#[derive(Debug)]
pub struct Imported {
    /// Devices that it registered.
    pub devices: u64,
    /// Columns that no export has, and whose values were left: mistyped names are among them.
    pub ignored: Vec<String>,
}

/// Registers the devices of a CSV file, all or none. The first line names the columns: `identifier`, and any of
/// `description`, `tags` (separated by commas or spaces), and `certificates` (PEM). Other columns are ignored,
/// so that an export can be imported. The rows are written in batches, so that devices are served in between.
/// If a row is refused, the written ones are deleted; if the server stops in the middle, the next start deletes
/// them.
///
/// # Errors
/// A validation error that lists each bad row by its line. Nothing is kept then.
pub async fn csv(context: &Context, scope: &Scope<Product>, file: File) -> Result<Imported> {
    let (rows, ignored) = blocking(move || read(file)).await??;
    let import = random_id();
    let mut w = context.db.write().await?;
    let product = scope.product().id;
    imports::begin(&mut w, import, product, context.node, context.now()).await?;
    w.commit().await?;
    // The import runs in a task of its own, so that it ends in one of the two ways even when the client
    // disconnects.
    let (context, scope) = (context.clone(), scope.clone());
    let tracker = context.background.clone();
    let done = tracker.spawn(async move {
        let done = write_slices(&context, &scope, import, &rows).await;
        if done.is_err()
            && let Err(e) = take_back(&context.db, import, |device, node| cut(&context, device, node)).await
        {
            tracing::error!(error = %e, "an import that failed was not taken back; the next start does it");
        }
        if let Err(e) = forget(&context.db).await {
            tracing::warn!(error = %e, "notes of an import not deleted, the next one does it");
        }
        done
    });
    let devices = done
        .await
        .map_err(|e| DomainError::Fault(e.to_string()))??;
    Ok(Imported { devices, ignored })
}

async fn write_slices(
    context: &Context,
    scope: &Scope<Product>,
    import: i64,
    rows: &[ManifestRow],
) -> Result<u64> {
    let mut mistakes = Mistakes::new();
    for slice in rows.chunks(IMPORT_SLICE) {
        if context.stopping.is_cancelled() {
            let text = "The server stops; nothing was imported. Send the file again.";
            return Err(DomainError::Busy(text.into()));
        }
        let mut w = context.db.write().await?;
        require_import(&mut w, import).await?;
        let ids = write_slice(&mut w, scope, slice, &mut mistakes, context.now()).await?;
        // After the first error the rest is only checked, so that all errors are reported at once.
        if mistakes.is_empty() {
            imports::add(&mut w, import, &ids).await?;
            w.commit().await?;
        }
    }
    if !mistakes.is_empty() {
        return Err(refuse(mistakes));
    }
    let n = rows.len();
    let mut w = context.db.write().await?;
    require_import(&mut w, import).await?;
    let text = format!("User {} imported {n} devices", scope.person().name);
    audit::on_product(&mut w, scope, &text, context.now()).await?;
    imports::complete(&mut w, import).await?;
    w.commit().await?;
    Ok(n as u64)
}

/// Refuses to go on with an import that was taken back.
async fn require_import(w: &mut Write, import: i64) -> Result<()> {
    if imports::lock(w, import).await? {
        return Ok(());
    }
    let text = "The server was away for too long, and what it had imported was taken back. Send the file again.";
    Err(DomainError::Busy(text.into()))
}

/// Explains why an identifier cannot be registered.
async fn taken(w: &mut Write, scope: &Scope<Product>, identifier: &str) -> Result<String> {
    let mut text = format!("identifier {identifier:?} {TAKEN}");
    if held_by_deleted(w, scope, identifier).await? {
        text.push_str("; it ");
        text.push_str(HOW_TO_FREE);
    }
    Ok(text)
}

async fn write_slice(
    w: &mut Write,
    scope: &Scope<Product>,
    rows: &[ManifestRow],
    mistakes: &mut Mistakes,
    now: Micros,
) -> Result<Vec<DeviceId>> {
    let p = scope.product();
    let devices: Vec<NewDevice> = rows.iter().map(|r| r.device.clone()).collect();
    let added = bulk::add_many(w, p.org.id, p.id, &devices, now).await?;
    let ids: HashMap<String, DeviceId> = added.into_iter().map(|(id, name)| (name, id)).collect();
    let mut tags = Vec::new();
    for row in rows {
        let Some(id) = ids.get(&row.device.identifier) else {
            let text = taken(w, scope, &row.device.identifier).await?;
            mistakes.entry(row.line).or_default().push(text);
            continue;
        };
        let own = row.device.tags.iter().flatten();
        tags.extend((0..).zip(own).map(|(at, t)| (*id, at, t.as_str())));
        for facts in &row.certificates {
            match certificates::store_certificate(w, p.org.id, *id, facts, now).await {
                Ok(()) => {}
                Err(DomainError::Fields(why)) => {
                    let text = format!("certificate {}: {why}", facts.serial);
                    mistakes.entry(row.line).or_default().push(text);
                }
                Err(other) => return Err(other),
            }
        }
    }
    bulk::tag_many(w, &tags).await?;
    Ok(ids.into_values().collect())
}

/// Deletes the devices of imports that the stop of a node interrupted. Runs at its start, before devices are accepted, and when
/// the other nodes take it for dead.
pub async fn take_back_unfinished(db: &Db, node: NodeId) -> store::Result<()> {
    loop {
        let unfinished = imports::unfinished(&mut db.read().await?, node).await?;
        let Some(import) = unfinished else {
            return forget(db).await;
        };
        tracing::warn!("an import was cut short by a stop; its devices are taken back");
        take_back(db, import, |_, _| {}).await?;
    }
}

/// Deletes what an import wrote. `cut` closes the connections of devices that joined meanwhile.
async fn take_back(
    db: &Db,
    import: i64,
    cut: impl Fn(DeviceId, Option<NodeId>),
) -> store::Result<()> {
    loop {
        let mut w = db.write().await?;
        let devices = imports::some(&mut w, import, IMPORT_SLICE as i64).await?;
        let gone = imports::take_back_some(&mut w, import, IMPORT_SLICE as i64).await?;
        if gone == 0 {
            imports::complete(&mut w, import).await?;
        }
        w.commit().await?;
        for (device, node) in devices {
            cut(device, node);
        }
        if gone == 0 {
            return Ok(());
        }
    }
}

async fn forget(db: &Db) -> store::Result<()> {
    loop {
        let mut w = db.write().await?;
        let gone = imports::forget_some(&mut w, 5_000).await?;
        w.commit().await?;
        if gone == 0 {
            return Ok(());
        }
    }
}
