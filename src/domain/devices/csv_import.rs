//! Many devices at once: from CSV, all or nothing; from manifests of crypto chips, in the background; and out as CSV.

use super::x509::{self, CertificateInfo};
use crate::access::random_id;
use crate::access::scope::{Product, Scope};
use crate::clock;
use crate::domain::Context;
use crate::domain::blocking;
use crate::domain::devices::{HOW_TO_FREE, check_tags, cut, held_by_deleted, identifier_ok};
use crate::domain::devices::{certificates, csv_cells};
use crate::domain::error::TAKEN;
use crate::domain::{DomainError, Result};
use crate::ids::{DeviceId, NodeId};
use crate::limits::{IMPORT_ROWS, IMPORT_SLICE};
use crate::store::devices::imports;
use crate::store::devices::{NewDevice, bulk};
use crate::store::events::audit;
use crate::store::support::notifications;
use crate::store::{self, Db, Write};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;

/// A row of the CSV file.
#[derive(Debug, Default)]
struct ManifestRow {
    line: u64,
    device: NewDevice,
    certificates: Vec<CertificateInfo>,
}

/// What is wrong, by line.
type Mistakes = BTreeMap<u64, Vec<String>>;

/// Lines that are told at most; the rest is counted.
const TOLD: usize = 100;

fn refuse(mistakes: Mistakes) -> DomainError {
    let lines = mistakes.len();
    let rows: Vec<Value> = mistakes
        .into_iter()
        .take(TOLD)
        .map(|(line, errors)| json!({"line": line, "errors": errors}))
        .collect();
    let first = rows.first().map_or(Value::Null, |r| r["line"].clone());
    let text = format!(
        "Nothing was imported: {lines} rows have mistakes, the first in line {first}. Correct them and send the file again."
    );
    DomainError::Fields(json!({"detail": text, "rows": rows}))
}

/// Registers the devices of a CSV file, all or none. The first line names the columns: `identifier`, and any of
/// `description`, `tags` (with commas or spaces) and `certificates` (PEM); others are ignored, so that an export can be
/// imported. It is written slice by slice, so that devices come in between; what was written is taken back when a row
/// cannot be, or by the next start when the server stops in the middle.
///
/// # Errors
/// Each bad row by its line; then nothing was changed.
pub async fn csv(context: &Context, scope: &Scope<Product>, file: File) -> Result<u64> {
    let rows = blocking(move || read(file)).await??;
    let import = random_id();
    let mut w = context.db.write().await?;
    imports::begin(&mut w, import, scope.product().id, clock::now()).await?;
    w.commit().await?;
    // Whoever asked may leave: the work goes on to one of its two ends all the same.
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
    done.await.map_err(|e| DomainError::Fault(e.to_string()))?
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
        let ids = write_slice(&mut w, scope, slice, &mut mistakes).await?;
        // After a mistake the rest is only looked at, so that all mistakes are told at once.
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
    let text = format!("User {} imported {n} devices", scope.person().name);
    audit::on_product(&mut w, scope, &text, clock::now()).await?;
    imports::complete(&mut w, import).await?;
    w.commit().await?;
    Ok(n as u64)
}

/// Why an identifier cannot be registered.
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
) -> Result<Vec<DeviceId>> {
    let p = scope.product();
    let devices: Vec<NewDevice> = rows.iter().map(|r| r.device.clone()).collect();
    let added = bulk::add_many(w, p.org.id, p.id, &devices, clock::now()).await?;
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
            match certificates::store_certificate(w, p.org.id, *id, facts).await {
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

/// Takes back what imports have written that a stop of the server cut short. For its start, before devices are let in.
///
/// # Errors
/// The database's.
pub async fn take_back_unfinished(db: &Db) -> store::Result<()> {
    loop {
        let unfinished = imports::unfinished(&mut db.read().await?).await?;
        let Some(import) = unfinished else {
            return forget(db).await;
        };
        tracing::warn!("an import was cut short by a stop; its devices are taken back");
        take_back(db, import, |_, _| {}).await?;
    }
}

/// Takes an import back; `cut` closes the sockets of devices that came in meanwhile.
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

/// Reads and checks the whole file before anything is written.
fn read(file: File) -> Result<Vec<ManifestRow>> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(std::io::BufReader::new(file));
    let broken = |e: csv::Error| {
        let line = e.position().map_or(1, csv::Position::line);
        refuse(Mistakes::from([(line, vec![e.to_string()])]))
    };
    let headers = reader.headers().map_err(broken)?.clone();
    let column = |name: &str| headers.iter().position(|h| h.eq_ignore_ascii_case(name));
    let Some(identifier) = column("identifier") else {
        let text = "the first line must name the columns; \"identifier\" is not among them";
        return Err(refuse(Mistakes::from([(1, vec![text.into()])])));
    };
    let (description, tags) = (column("description"), column("tags"));
    let pem = column("certificates");
    let mut rows: Vec<ManifestRow> = Vec::new();
    let mut seen = HashSet::new();
    let mut mistakes = Mistakes::new();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let line = record.position().map_or(0, csv::Position::line);
        if rows.len() >= IMPORT_ROWS {
            let text = format!("more than {IMPORT_ROWS} rows; send the rest in another file");
            return Err(refuse(Mistakes::from([(line, vec![text])])));
        }
        let text = |at: Option<usize>| {
            let value = at.and_then(|i| record.get(i)).filter(|v| !v.is_empty());
            value.map(|v| csv_cells::plain(v).to_owned())
        };
        let mut row = ManifestRow {
            line,
            ..ManifestRow::default()
        };
        let mut wrong = Vec::new();
        row.device.identifier = text(Some(identifier)).unwrap_or_default();
        let name = &row.device.identifier;
        if record.len() > headers.len() {
            wrong.push(format!(
                "has {} values for {} columns; quote values with commas",
                record.len(),
                headers.len()
            ));
        }
        if name.is_empty() {
            wrong.push("identifier can't be blank".into());
        } else if !identifier_ok(name) {
            wrong.push(
                "identifier must have at most 255 characters, none of them control characters"
                    .into(),
            );
        } else if !seen.insert(name.clone()) {
            wrong.push(format!("identifier {name:?} is there twice"));
        }
        row.device.description = text(description);
        if let Some(words) = text(tags) {
            let words: Vec<String> = words
                .split([',', ' '])
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
                .collect();
            if let Err(DomainError::Fields(why)) = check_tags(&words) {
                wrong.push(why.to_string());
            }
            row.device.tags = Some(words);
        }
        if let Some(pem) = text(pem) {
            let all = x509::all_in_pem(pem.as_bytes());
            if all.is_empty() {
                wrong.push("certificates holds no PEM certificate".into());
            }
            for der in all {
                match CertificateInfo::read(&der) {
                    Ok(facts) => row.certificates.push(facts),
                    Err(e) => wrong.push(e.to_string()),
                }
            }
        }
        if !wrong.is_empty() {
            mistakes.insert(line, wrong);
        }
        rows.push(row);
    }
    if mistakes.is_empty() {
        Ok(rows)
    } else {
        Err(refuse(mistakes))
    }
}

/// Registers the devices of a Microchip Trust&Go manifest, each on its own, and tells the product how it went.
pub async fn manifest(
    context: Context,
    scope: Scope<Product>,
    entries: Vec<Value>,
    tags: Vec<String>,
) {
    let all = entries.len();
    let mut failed = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        if context.stopping.is_cancelled() {
            failed.push(format!("entries {} and on: the server was stopped", i + 1));
            break;
        }
        if let Err(e) = one(&context, &scope, entry, &tags).await {
            failed.push(format!("entry {}: {e}", i + 1));
        }
    }
    if let Err(e) = tell(&context, &scope, all, &failed).await {
        tracing::warn!(error = %e, "the outcome of an import could not be told");
    }
}

async fn tell(
    context: &Context,
    scope: &Scope<Product>,
    all: usize,
    failed: &[String],
) -> Result<()> {
    let now = clock::now();
    let p = scope.product();
    let good = all - failed.len().min(all);
    let mut message = format!("{good} of {all} devices of a manifest were registered.");
    if !failed.is_empty() {
        let some: Vec<&str> = failed.iter().take(5).map(String::as_str).collect();
        message.push_str(&format!(" {} failed: {}", failed.len(), some.join("; ")));
    }
    let level = if failed.is_empty() { "info" } else { "warning" };
    let mut w = context.db.write().await?;
    let key = format!("device_import-{}", now.0);
    notifications::add(
        &mut w,
        p.id,
        &key,
        level,
        "Device import finished",
        &message,
        now,
    )
    .await?;
    let text = format!(
        "User {} imported {good} of {all} devices of a manifest",
        scope.person().name
    );
    audit::on_product(&mut w, scope, &text, now).await?;
    w.commit().await?;
    Ok(())
}

async fn one(
    context: &Context,
    scope: &Scope<Product>,
    entry: &Value,
    tags: &[String],
) -> Result<()> {
    let bad = |text: &str| DomainError::Detail(text.to_owned());
    let base64 = |text: &str| {
        let bare = text.trim_end_matches('=');
        STANDARD_NO_PAD
            .decode(bare)
            .or_else(|_| URL_SAFE_NO_PAD.decode(bare))
            .ok()
    };
    let identifier = entry["header"]["uniqueId"]
        .as_str()
        .filter(|i| identifier_ok(i))
        .ok_or_else(|| bad("header.uniqueId is missing"))?;
    let payload = entry["payload"]
        .as_str()
        .and_then(base64)
        .and_then(|p| serde_json::from_slice::<Value>(&p).ok())
        .ok_or_else(|| bad("payload is not base64 of JSON"))?;
    let keys = payload["publicKeySet"]["keys"].as_array();
    let cert = keys
        .into_iter()
        .flatten()
        .find_map(|k| k["x5c"][0].as_str())
        .and_then(|text| STANDARD.decode(text).ok())
        .ok_or_else(|| bad("payload holds no key with a certificate (x5c)"))?;
    let facts = CertificateInfo::read(&cert).map_err(|_| bad("the certificate cannot be read"))?;
    let p = scope.product();
    let mut w = context.db.write().await?;
    let tags = (!tags.is_empty()).then_some(tags);
    let now = clock::now();
    let id = store::devices::add(&mut w, p.org.id, p.id, identifier, None, tags, now).await?;
    let Some(id) = id else {
        return Err(bad(&taken(&mut w, scope, identifier).await?));
    };
    certificates::store_certificate(&mut w, p.org.id, id, &facts).await?;
    w.commit().await?;
    Ok(())
}

/// A device of an export, with what belongs to it.
pub struct Exported {
    /// Identifier.
    pub identifier: String,
    /// Free text.
    pub description: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Certificates, PEM; the server keeps no more than their fingerprints of those that it was not given whole.
    pub certificates: Vec<String>,
}

/// The product's devices behind an identifier: a stretch of an export.
///
/// # Errors
/// The database's.
pub async fn export(
    db: &Db,
    scope: &Scope<Product>,
    after: &str,
    most: i64,
) -> Result<Vec<Exported>> {
    let mut r = db.read().await?;
    let rows = bulk::behind(&mut r, scope.product().id, after, most).await?;
    let ids: Vec<DeviceId> = rows.iter().map(|d| d.id).collect();
    let mut tags: HashMap<DeviceId, Vec<String>> = HashMap::new();
    for (id, tag) in store::devices::tags_of(&mut r, &ids).await? {
        tags.entry(id).or_default().push(tag);
    }
    let mut pems: HashMap<DeviceId, Vec<String>> = HashMap::new();
    for (id, der) in crate::store::devices::certificates::ders_of(&mut r, &ids).await? {
        pems.entry(id).or_default().push(x509::pem(&der));
    }
    Ok(rows
        .into_iter()
        .map(|d| Exported {
            tags: tags.remove(&d.id).unwrap_or_default(),
            certificates: pems.remove(&d.id).unwrap_or_default(),
            identifier: d.identifier,
            description: d.description,
        })
        .collect())
}
