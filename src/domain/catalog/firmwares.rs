//! Firmware: upload in one request, list, and delete.

use super::firmware_checks::{
    DigestWriter, Digests, UNRECOGNISED, check_fwup, check_upload, semantic,
};
use super::keys::KeyRow;
use super::pages::page_of;
use super::products::ProductRow;
use super::stored_files;
use crate::access::scope::{Product, Scope};
use crate::blob::{Blob, Staged};
use crate::domain::Context;
use crate::domain::error::{TAKEN, field};
use crate::domain::{DomainError, Result, blocking};
use crate::firmware::kind::FirmwareKind;
use crate::ids::KeyId;
use crate::limits::CHECKSUM_PART_BYTES;
use crate::limits::UPLOAD_BYTES;
use crate::store::catalog::files::FileKind;
use crate::store::catalog::firmwares::NewFirmware;
use crate::store::events::audit;
use crate::store::{Db, On};
use bytes::{Bytes, BytesMut};
use fwup::check::Checked;
use semver::Version;
use serde_json::json;
use std::io::Write as _;

pub use crate::store::catalog::firmwares::FirmwareRow;

/// An upload that is being written to disk. At most one part of it is held in memory. If it is dropped
/// unfinished, its temporary file is removed.
pub struct Upload {
    state: Option<(Staged, DigestWriter)>,
    buffer: BytesMut,
    received: u64,
    expected: Option<String>,
}

impl Upload {
    /// Begins an upload.
    pub fn begin(context: &Context) -> Result<Self> {
        Ok(Self {
            state: Some((context.blobs.stage()?, DigestWriter::default())),
            buffer: BytesMut::with_capacity(CHECKSUM_PART_BYTES),
            received: 0,
            expected: None,
        })
    }

    /// The number of bytes received so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Requires that the whole file has this SHA-256, in upper-case hex.
    pub fn expect(&mut self, sha256: String) {
        self.expected = Some(sha256);
    }

    /// Appends the next bytes.
    ///
    /// # Errors
    /// [`DomainError::TooLarge`] over the size limit; an error of the disk.
    pub async fn write(&mut self, mut chunk: Bytes) -> Result<()> {
        self.received += chunk.len() as u64;
        if self.received > UPLOAD_BYTES {
            return Err(DomainError::TooLarge);
        }
        while !chunk.is_empty() {
            let n = chunk.len().min(CHECKSUM_PART_BYTES - self.buffer.len());
            self.buffer.extend_from_slice(&chunk.split_to(n));
            if self.buffer.len() == CHECKSUM_PART_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let piece = self.buffer.split().freeze();
        self.buffer.reserve(CHECKSUM_PART_BYTES);
        let (mut staged, mut sums) = self
            .state
            .take()
            .ok_or_else(|| DomainError::Fault("an upload failed before".into()))?;
        let done = blocking(move || {
            sums.part(&piece);
            staged.file().write_all(&piece)?;
            Ok::<_, std::io::Error>((staged, sums))
        });
        self.state = Some(done.await?.map_err(crate::blob::BlobError::from)?);
        Ok(())
    }

    /// Checks and stores the received file. The order of the checks is: format, signature, metadata, product,
    /// version, UUID.
    ///
    /// # Errors
    /// The first check that fails, with advice on what to do about it.
    pub async fn finish(self, context: &Context, scope: &Scope<Product>) -> Result<FirmwareRow> {
        let product = crate::domain::catalog::products::show(&context.db, scope).await?;
        let (mut staged, sums) = self.complete().await?;
        let kind = blocking(move || FirmwareKind::of(staged.file()).map(|kind| (staged, kind)));
        let (staged, kind) = kind.await?.map_err(crate::blob::BlobError::from)?;
        // A file of unknown format is read as a fwup archive, because that check explains what is wrong.
        let known = kind.unwrap_or(FirmwareKind::Fwup);
        if kind.is_some() {
            taken(context, &product, known)?;
        }
        let keys = keys_of(context, scope).await?;
        let unsigned = product.allow_unsigned_esp_idf_firmware;
        let judging = move || {
            let mut staged = staged;
            let judged = check_upload(known, staged.file(), &keys, unsigned, &sums)?;
            Ok::<_, DomainError>((staged, judged))
        };
        let (staged, judged) = blocking(judging).await??;
        same_product(scope, &judged.product)?;
        store_firmware(context, scope, judged.versioned()?, staged).await
    }

    /// Checks the received fwup file against the organization's keys and the product: its format, content,
    /// signature, and checksums.
    ///
    /// # Errors
    /// The first check that fails, with advice on what to do about it.
    pub async fn checked(
        self,
        context: &Context,
        scope: &Scope<Product>,
    ) -> Result<(Staged, Checked, KeyId, Digests)> {
        let (staged, sums) = self.complete().await?;
        let keys = keys_of(context, scope).await?;
        let checking = move || {
            let mut staged = staged;
            let (checked, key) = check_fwup(staged.file(), &keys)?;
            Ok::<_, DomainError>((staged, checked, key))
        };
        let (staged, checked, key) = blocking(checking).await??;
        same_product(scope, &checked.product)?;
        semantic(&checked.version)?;
        Ok((staged, checked, key, sums))
    }

    /// Flushes the last part and returns the whole file with its checksums.
    async fn complete(mut self) -> Result<(Staged, Digests)> {
        if !self.buffer.is_empty() {
            self.flush().await?;
        }
        let (staged, sums) = self
            .state
            .take()
            .ok_or_else(|| DomainError::Fault("an upload failed before".into()))?;
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

/// Whether both the server and the product accept this kind of firmware.
fn taken(context: &Context, product: &ProductRow, kind: FirmwareKind) -> Result<()> {
    if kind == FirmwareKind::EspIdf && !context.policy.esp_idf {
        return Err(DomainError::Detail(UNRECOGNISED.into()));
    }
    if !product.tools().contains(&kind.name()) {
        return Err(DomainError::Detail(format!(
            "The product {:?} does not take {} firmware; allow it in the product's settings (allowed_update_tools).",
            product.name,
            kind.name()
        )));
    }
    Ok(())
}

/// The organization's keys in a stable order.
async fn keys_of(context: &Context, scope: &Scope<Product>) -> Result<Vec<KeyRow>> {
    let mut r = context.db.read().await?;
    Ok(crate::store::catalog::keys::of_org(&mut r, scope.product().org.id).await?)
}

/// Refuses firmware that was built for another product.
fn same_product(scope: &Scope<Product>, built_for: &str) -> Result<()> {
    let p = scope.product();
    if built_for == p.name {
        return Ok(());
    }
    Err(DomainError::Detail(format!(
        "This firmware is built for the product {built_for:?}, but was uploaded to {:?}.",
        p.name
    )))
}

/// The file is stored before its row is written, so an accepted firmware always has its file, and nobody waits for the disk
/// within a transaction. What a refusal after that leaves is removed by `jobs::leftovers`.
async fn store_firmware(
    context: &Context,
    scope: &Scope<Product>,
    new: NewFirmware,
    staged: Staged,
) -> Result<FirmwareRow> {
    let mut r = context.db.read().await?;
    if let Some(known) =
        crate::store::catalog::firmwares::by_uuid(&mut r, scope.product().id, &new.uuid).await?
    {
        drop(r);
        stored_files::put_back(
            context,
            scope,
            Blob::Firmware(known.id),
            &new.checksum,
            staged,
        )
        .await?;
        return show(&context.db, scope, &new.uuid).await;
    }
    refuse_taken_version(&mut r, scope, &new).await?;
    drop(r);
    let file = FileKind::Firmware.new_key();
    context.blobs.put(staged, &file).await?;
    let now = context.now();
    let mut w = context.db.write().await?;
    // Another upload may have been accepted meanwhile.
    refuse_taken_version(&mut w, scope, &new).await?;
    crate::store::catalog::firmwares::add(&mut w, scope, &new, &file, now)
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
    crate::store::support::messages::file(&mut w, p.id, "firmware.published", &data, now).await?;
    w.commit().await?;
    show(&context.db, scope, &new.uuid).await
}

async fn refuse_taken_version(
    on: &mut impl On,
    scope: &Scope<Product>,
    new: &NewFirmware,
) -> Result<()> {
    let product = scope.product();
    let unique = crate::store::catalog::products::by_name(on, product.org.id, &product.name)
        .await?
        .is_some_and(|p| p.require_unique_firmware_version);
    let (platform, architecture) = (&new.platform, &new.architecture);
    if unique
        && crate::store::catalog::firmwares::version_taken(
            on,
            scope,
            &new.version,
            platform,
            architecture,
        )
        .await?
    {
        return Err(field("version", "has already been taken for this product"));
    }
    Ok(())
}

/// The product's firmwares: highest version first, then newest upload.
pub async fn list(db: &Db, scope: &Scope<Product>) -> Result<Vec<FirmwareRow>> {
    let mut r = db.read().await?;
    let mut all = crate::store::catalog::firmwares::list(&mut r, scope).await?;
    all.sort_by_cached_key(|f| std::cmp::Reverse(Version::parse(&f.version).ok()));
    Ok(all)
}

/// The firmwares of a page, highest version first, and how many there are. Page 1 is the first.
///
/// # Errors
/// The database fails.
pub async fn page(
    db: &Db,
    scope: &Scope<Product>,
    number: u64,
    size: u64,
) -> Result<(Vec<FirmwareRow>, u64)> {
    let mut r = db.read().await?;
    // Semantic versions have an order that no database knows, so that all of them are read, but nothing else.
    let mut all = crate::store::catalog::firmwares::versions(&mut r, scope).await?;
    all.sort_by_cached_key(|(_, version)| std::cmp::Reverse(Version::parse(version).ok()));
    let total = all.len() as u64;
    let ids: Vec<_> = page_of(all, number, size).map(|(id, _)| id).collect();
    let mut rows = crate::store::catalog::firmwares::of_ids(&mut r, &ids).await?;
    rows.sort_by_cached_key(|row| ids.iter().position(|id| *id == row.id));
    Ok((rows, total))
}

/// Finds a firmware by UUID.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such firmware.
pub async fn show(db: &Db, scope: &Scope<Product>, uuid: &str) -> Result<FirmwareRow> {
    let mut r = db.read().await?;
    crate::store::catalog::firmwares::by_uuid(&mut r, scope.product().id, uuid)
        .await?
        .ok_or(DomainError::NotFound)
}

/// Deletes a firmware that no release ever used.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such firmware; a validation error while a release or
/// an update uses it.
pub async fn delete(context: &Context, scope: &Scope<Product>, uuid: &str) -> Result<()> {
    let mut w = context.db.write().await?;
    let p = scope.product();
    let firmware = crate::store::catalog::firmwares::by_uuid(&mut w, p.id, uuid)
        .await?
        .ok_or(DomainError::NotFound)?;
    if crate::store::catalog::firmwares::pinned(&mut w, firmware.id).await? {
        return Err(field(
            "deployment_releases",
            "Firmware has associated deployment releases",
        ));
    }
    let deltas = crate::store::catalog::deltas::of_firmware(&mut w, firmware.id).await?;
    let file = crate::store::catalog::files::of(&mut w, Blob::Firmware(firmware.id)).await?;
    crate::store::catalog::firmwares::delete(&mut w, scope, firmware.id).await?;
    let text = format!(
        "{} deleted firmware {} {uuid}",
        scope.person().name,
        firmware.version
    );
    audit::on_product(&mut w, scope, &text, context.now()).await?;
    w.commit().await?;
    let deltas = deltas.into_iter().map(|d| d.0);
    for file in file.map(|f| f.file).into_iter().chain(deltas) {
        context.blobs.remove(&file).await?;
    }
    Ok(())
}
