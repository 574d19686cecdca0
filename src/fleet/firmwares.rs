//! Firmware: upload, list, delete.

use super::keys::{ED25519, KeyRow, SECURE_BOOT};
use super::products::ProductRow;
use super::refusal::{TAKEN, field};
use super::{Refusal, Result};
use crate::access::scope::{Product, Scope};
use crate::app::App;
use crate::blob::{Blob, Staged};
use crate::clock;
use crate::firmware::check::{self, CheckError, Checked};
use crate::firmware::esp_idf::{self, EspError};
use crate::firmware::keys::{PublicKey, SecureBootKey};
use crate::firmware::kind::Kind;
use crate::firmware::meta;
use crate::firmware::zip::ZipError;
use crate::ids::KeyId;
use crate::limits::UPLOAD_BYTES;
use crate::store::audit;
use crate::store::firmwares::NewFirmware;
use crate::store::{self, Db};
use aws_lc_rs::digest::{Context, SHA256, digest};
use bytes::{Bytes, BytesMut};
use semver::Version;
use serde_json::json;
use std::io::Write as _;
use tokio::task::spawn_blocking;

pub use crate::store::firmwares::FirmwareRow;

/// The parts that have checksums of their own (device-protocol 3.2).
pub const PART: usize = 1 << 20;

/// Sums of a file: whole and of each part, upper-case hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums {
    /// Bytes.
    pub size: u64,
    /// SHA-256 of all.
    pub whole: String,
    /// SHA-256 of each part, joined by commas.
    pub parts: String,
}

/// Sums up a file that comes in pieces of [`PART`] bytes, the last one shorter.
pub struct Summing {
    whole: Context,
    parts: Vec<String>,
    size: u64,
}

impl Default for Summing {
    fn default() -> Self {
        Self {
            whole: Context::new(&SHA256),
            parts: Vec::new(),
            size: 0,
        }
    }
}

impl Summing {
    /// The next piece.
    pub fn part(&mut self, piece: &[u8]) {
        self.whole.update(piece);
        self.parts.push(hex::encode_upper(digest(&SHA256, piece)));
        self.size += piece.len() as u64;
    }

    /// The sums.
    pub fn finish(self) -> Sums {
        Sums {
            size: self.size,
            whole: hex::encode_upper(self.whole.finish()),
            parts: self.parts.join(","),
        }
    }
}

/// An upload on its way to disk; at most one part of it is in memory. Dropped unfinished, it leaves nothing.
pub struct Upload {
    state: Option<(Staged, Summing)>,
    buffer: BytesMut,
    received: u64,
    expected: Option<String>,
}

impl Upload {
    /// Begins one.
    ///
    /// # Errors
    /// The disk's.
    pub fn begin(app: &App) -> Result<Self> {
        Ok(Self {
            state: Some((app.blobs.stage()?, Summing::default())),
            buffer: BytesMut::with_capacity(PART),
            received: 0,
            expected: None,
        })
    }

    /// Bytes that have come.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Wants this SHA-256, in upper-case hex digits, of the whole.
    pub fn expect(&mut self, sha256: String) {
        self.expected = Some(sha256);
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Over the limit, or the disk's.
    pub async fn write(&mut self, mut chunk: Bytes) -> Result<()> {
        self.received += chunk.len() as u64;
        if self.received > UPLOAD_BYTES {
            return Err(Refusal::TooLarge);
        }
        while !chunk.is_empty() {
            let n = chunk.len().min(PART - self.buffer.len());
            self.buffer.extend_from_slice(&chunk.split_to(n));
            if self.buffer.len() == PART {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let piece = self.buffer.split().freeze();
        self.buffer.reserve(PART);
        let (mut staged, mut sums) = self
            .state
            .take()
            .ok_or_else(|| Refusal::Fault("an upload failed before".into()))?;
        let done = spawn_blocking(move || {
            sums.part(&piece);
            staged.file().write_all(&piece)?;
            Ok::<_, std::io::Error>((staged, sums))
        });
        let done = done.await.map_err(|e| Refusal::Fault(e.to_string()))?;
        self.state = Some(done.map_err(crate::blob::BlobError::from)?);
        Ok(())
    }

    /// Checks and stores what was received. In this order: format, signature, metadata, product, version, uuid.
    ///
    /// # Errors
    /// The first check that fails, with what to do about it.
    pub async fn finish(self, app: &App, scope: &Scope<Product>) -> Result<FirmwareRow> {
        let product = super::products::show(&app.db, scope).await?;
        let (mut staged, sums) = self.complete().await?;
        let kind = spawn_blocking(move || Kind::of(staged.file()).map(|kind| (staged, kind))).await;
        let (staged, kind) = kind
            .map_err(|e| Refusal::Fault(e.to_string()))?
            .map_err(crate::blob::BlobError::from)?;
        let Some(kind) = kind else {
            // Read as a fwup archive, it says what is wrong with it.
            let refused = fwup(app, scope, staged).await.err();
            return Err(refused.unwrap_or_else(|| Refusal::Detail(UNRECOGNISED.into())));
        };
        taken(app, &product, kind)?;
        let (staged, new) = match kind {
            Kind::Fwup => {
                let (staged, checked, key) = fwup(app, scope, staged).await?;
                (staged, record(&checked, key, &sums))
            }
            Kind::EspIdf => {
                let unsigned = product.allow_unsigned_esp_idf_firmware;
                esp_idf(app, scope, staged, unsigned, &sums).await?
            }
        };
        store_firmware(app, scope, new, staged).await
    }

    /// Checks an fwup file that was received against the organisation's keys and the product: the file, what is in it,
    /// which key signed it, its sums.
    ///
    /// # Errors
    /// The first check that fails, with what to do about it.
    pub async fn checked(
        self,
        app: &App,
        scope: &Scope<Product>,
    ) -> Result<(Staged, Checked, KeyId, Sums)> {
        let (staged, sums) = self.complete().await?;
        let (staged, checked, key) = fwup(app, scope, staged).await?;
        Ok((staged, checked, key, sums))
    }

    /// The whole file and its sums.
    async fn complete(mut self) -> Result<(Staged, Sums)> {
        if !self.buffer.is_empty() {
            self.flush().await?;
        }
        let (staged, sums) = self
            .state
            .take()
            .ok_or_else(|| Refusal::Fault("an upload failed before".into()))?;
        let sums = sums.finish();
        if self.expected.is_some_and(|e| e != sums.whole) {
            return Err(field(
                "sha256",
                "is not that of what came; upload the file again",
            ));
        }
        Ok((staged, sums))
    }
}

/// Whether server and product take this kind.
fn taken(app: &App, product: &ProductRow, kind: Kind) -> Result<()> {
    if kind == Kind::EspIdf && !app.policy.esp_idf {
        return Err(Refusal::Detail(UNRECOGNISED.into()));
    }
    if !product.tools().contains(&kind.name()) {
        return Err(Refusal::Detail(format!(
            "The product {:?} does not take {} firmware; allow it in the product's settings (allowed_update_tools).",
            product.name,
            kind.name()
        )));
    }
    Ok(())
}

/// The organisation's keys of a scheme, in an order that stays.
async fn keys_of(app: &App, scope: &Scope<Product>, scheme: &str) -> Result<Vec<KeyRow>> {
    let mut r = app.db.read().await?;
    let mut held = store::keys::of_org(&mut r, scope.product().org.id).await?;
    held.retain(|k| k.scheme == scheme);
    Ok(held)
}

/// Refuses what was built for another product.
fn same_product(scope: &Scope<Product>, built_for: &str) -> Result<()> {
    let p = scope.product();
    if built_for == p.name {
        return Ok(());
    }
    Err(Refusal::Detail(format!(
        "This firmware is built for the product {built_for:?}, but was uploaded to {:?}.",
        p.name
    )))
}

/// Checks an fwup file.
async fn fwup(
    app: &App,
    scope: &Scope<Product>,
    mut staged: Staged,
) -> Result<(Staged, Checked, KeyId)> {
    let held = keys_of(app, scope, ED25519).await?;
    let (ids, keys): (Vec<KeyId>, Vec<PublicKey>) = held
        .iter()
        .filter_map(|k| Some((k.id, PublicKey::parse(k.key.as_bytes()).ok()?)))
        .unzip();
    let (staged, checked) = spawn_blocking(move || {
        let checked = check::check(staged.file(), &keys);
        (staged, checked)
    })
    .await
    .map_err(|e| Refusal::Fault(e.to_string()))?;
    let checked = checked.map_err(refused)?;
    same_product(scope, &checked.product)?;
    let key = ids.get(checked.key);
    let key = *key.ok_or(store::Error::Missing("org_keys"))?;
    Ok((staged, checked, key))
}

/// Checks an ESP-IDF image.
async fn esp_idf(
    app: &App,
    scope: &Scope<Product>,
    mut staged: Staged,
    unsigned: bool,
    sums: &Sums,
) -> Result<(Staged, NewFirmware)> {
    let held = keys_of(app, scope, SECURE_BOOT).await?;
    let (ids, keys): (Vec<KeyId>, Vec<SecureBootKey>) = held
        .iter()
        .filter_map(|k| Some((k.id, SecureBootKey::parse(&k.key).ok()?)))
        .unzip();
    let (staged, checked) = spawn_blocking(move || {
        let checked = esp_idf::check(staged.file(), &keys, unsigned);
        (staged, checked)
    })
    .await
    .map_err(|e| Refusal::Fault(e.to_string()))?;
    let checked = checked.map_err(|e| match e {
        EspError::Io(e) => Refusal::Blob(e.into()),
        other => Refusal::Detail(sentence(&other.to_string())),
    })?;
    let (says, version) = (checked.description, checked.version.to_string());
    same_product(scope, &says.product)?;
    let new = NewFirmware {
        tool: Kind::EspIdf,
        signer: checked.key.and_then(|n| ids.get(n).copied()),
        uuid: says.uuid,
        version,
        platform: says.platform,
        architecture: says.architecture,
        author: None,
        description: Some(format!("ESP-IDF {}", says.idf_version)),
        misc: None,
        vcs_identifier: None,
        size: i64::try_from(sums.size).unwrap_or(i64::MAX),
        checksum: sums.whole.clone(),
        partials: sums.parts.clone(),
        // Whatever an image is built of, another one can be patched to it; which devices can apply it they say themselves.
        delta_updatable: true,
        full_fwup_version: "0.0.0".into(),
        delta_fwup_version: "0.0.0".into(),
    };
    Ok((staged, new))
}

/// What a file of no known kind is told.
const UNRECOGNISED: &str = "Unrecognised firmware format: expected an fwup archive (.fw), as `mix firmware` makes it, or an ESP-IDF application image (.bin) where the server takes them.";

/// A sentence begins with a capital, but a name that it begins with stays as it is.
fn sentence(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        Some(c) if !first.contains(['-', '.', '/']) => {
            format!("{}{}.", c.to_uppercase(), letters.as_str())
        }
        _ => format!("{text}."),
    }
}

/// The API's answer to a failed check.
fn refused(e: CheckError) -> Refusal {
    match e {
        CheckError::Version(_) => field("version", "must be a valid semantic version"),
        CheckError::Zip(ZipError::Io(e)) => Refusal::Blob(e.into()),
        CheckError::Zip(ZipError::NotZip) => Refusal::Detail(UNRECOGNISED.into()),
        other => Refusal::Detail(sentence(&other.to_string())),
    }
}

fn record(c: &Checked, key: KeyId, sums: &Sums) -> NewFirmware {
    let features = meta::features(&c.meta);
    let text = |key: &str| c.meta.get(key).map(str::to_owned);
    NewFirmware {
        tool: Kind::Fwup,
        signer: Some(key),
        uuid: c.uuid.clone(),
        version: c.version.to_string(),
        platform: c.platform.clone(),
        architecture: c.architecture.clone(),
        author: text("author"),
        description: text("description"),
        misc: text("misc"),
        vcs_identifier: text("vcs-identifier"),
        size: i64::try_from(sums.size).unwrap_or(i64::MAX),
        checksum: sums.whole.clone(),
        partials: sums.parts.clone(),
        delta_updatable: features.delta_updatable,
        full_fwup_version: features.full.to_string(),
        delta_fwup_version: features.delta.to_string(),
    }
}

/// The row and the file become visible together: the file gets its name before the transaction commits, so an accepted
/// firmware always has its file.
async fn store_firmware(
    app: &App,
    scope: &Scope<Product>,
    new: NewFirmware,
    staged: Staged,
) -> Result<FirmwareRow> {
    let now = clock::now();
    let mut w = app.db.write().await?;
    let unique = store::products::by_name(&mut w, scope.product().org.id, &scope.product().name)
        .await?
        .is_some_and(|p| p.require_unique_firmware_version);
    let uuid_known = store::firmwares::by_uuid(&mut w, scope.product().id, &new.uuid)
        .await?
        .is_some();
    if uuid_known {
        return Err(field("uuid", TAKEN));
    }
    if unique
        && store::firmwares::version_taken(
            &mut w,
            scope,
            &new.version,
            &new.platform,
            &new.architecture,
        )
        .await?
    {
        return Err(field("version", "has already been taken for this product"));
    }
    let id = store::firmwares::add(&mut w, scope, &new, now)
        .await?
        .ok_or_else(|| field("uuid", TAKEN))?;
    let p = scope.product();
    let text = format!(
        "{} uploaded firmware {} {}",
        scope.person().name,
        new.version,
        new.uuid
    );
    audit::on_product(&mut w, scope, &text, now).await?;
    let data = json!({
        "org": p.org.name, "product": p.name, "uuid": new.uuid, "version": new.version,
        "platform": new.platform, "architecture": new.architecture, "by": scope.person().name,
    });
    store::messages::file(&mut w, p.id, "firmware.published", &data, now).await?;
    let blobs = app.blobs.clone();
    spawn_blocking(move || blobs.keep(staged, Blob::Firmware(id)))
        .await
        .map_err(|e| Refusal::Fault(e.to_string()))??;
    w.commit().await?;
    show(&app.db, scope, &new.uuid).await
}

/// The product's firmwares: highest version first, then newest upload.
///
/// # Errors
/// The database's.
pub async fn list(db: &Db, scope: &Scope<Product>) -> Result<Vec<FirmwareRow>> {
    let mut r = db.read().await?;
    let mut all = store::firmwares::list(&mut r, scope).await?;
    all.sort_by_cached_key(|f| std::cmp::Reverse(Version::parse(&f.version).ok()));
    Ok(all)
}

/// One firmware.
///
/// # Errors
/// [`Refusal::NotFound`].
pub async fn show(db: &Db, scope: &Scope<Product>, uuid: &str) -> Result<FirmwareRow> {
    let mut r = db.read().await?;
    store::firmwares::by_uuid(&mut r, scope.product().id, uuid)
        .await?
        .ok_or(Refusal::NotFound)
}

/// Deletes a firmware that no release ever used.
///
/// # Errors
/// [`Refusal::NotFound`], or a release or update that uses it.
pub async fn delete(app: &App, scope: &Scope<Product>, uuid: &str) -> Result<()> {
    let mut w = app.db.write().await?;
    let p = scope.product();
    let firmware = store::firmwares::by_uuid(&mut w, p.id, uuid)
        .await?
        .ok_or(Refusal::NotFound)?;
    if store::firmwares::pinned(&mut w, firmware.id).await? {
        return Err(field(
            "deployment_releases",
            "Firmware has associated deployment releases",
        ));
    }
    let deltas = store::deltas::of_firmware(&mut w, firmware.id).await?;
    store::firmwares::delete(&mut w, scope, firmware.id).await?;
    let text = format!(
        "{} deleted firmware {} {uuid}",
        scope.person().name,
        firmware.version
    );
    audit::on_product(&mut w, scope, &text, clock::now()).await?;
    w.commit().await?;
    app.blobs.remove(Blob::Firmware(firmware.id)).await?;
    for (a, b) in deltas {
        app.blobs.remove(Blob::Delta(a, b)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_parts_is_right_at_exact_multiples_of_a_part() {
        for (size, parts) in [
            (1, 1),
            (PART - 1, 1),
            (PART, 1),
            (PART + 1, 2),
            (2 * PART, 2),
        ] {
            let mut sums = Summing::default();
            for piece in vec![7u8; size].chunks(PART) {
                sums.part(piece);
            }
            let sums = sums.finish();
            assert_eq!(sums.size, size as u64);
            assert_eq!(sums.parts.split(',').count(), parts, "{size}");
        }
    }
}
