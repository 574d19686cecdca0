//! Archives: signed files for the application on the device. They pass the same checks as firmware, but no
//! device boots them.

use super::firmware_checks::Digests;
use super::firmwares::Upload;
use super::pages::page_of;
use super::stored_files;
use crate::access::scope::{Product, Scope};
use crate::blob::{Blob, Staged};
use crate::clock::Micros;
use crate::domain::Context;
use crate::domain::error::{TAKEN, field};
use crate::domain::{DomainError, Result};
use crate::ids::{DeviceId, KeyId};
use crate::store::catalog::archives::NewArchive;
use crate::store::catalog::files::FileKind;
use crate::store::events::audit;
use crate::store::{self, Db};
use fwup::check::Checked;
use semver::Version;
use serde_json::{Value, json};

pub use crate::store::catalog::archives::ArchiveRow;

/// The `archive` payload (docs/protocol/device.md, "Messages to the device").
pub fn payload(a: &ArchiveRow, url: &str) -> Value {
    json!({
        "uuid": a.uuid,
        "version": a.version,
        "description": a.description,
        "platform": a.platform,
        "architecture": a.architecture,
        "size": a.size,
        "uploaded_at": a.inserted_at.naive(),
        "url": url,
    })
}

/// The product's archives: highest version first, then newest upload.
pub async fn list(db: &Db, scope: &Scope<Product>) -> Result<Vec<ArchiveRow>> {
    let mut r = db.read().await?;
    let mut all = crate::store::catalog::archives::list(&mut r, scope).await?;
    all.sort_by_cached_key(|a| std::cmp::Reverse(Version::parse(&a.version).ok()));
    Ok(all)
}

/// The archives of a page, highest version first, and how many there are. Page 1 is the first.
///
/// # Errors
/// The database fails.
pub async fn page(
    db: &Db,
    scope: &Scope<Product>,
    number: u64,
    size: u64,
) -> Result<(Vec<ArchiveRow>, u64)> {
    let mut r = db.read().await?;
    // Semantic versions have an order that no database knows, so that all of them are read, but nothing else.
    let mut all = crate::store::catalog::archives::versions(&mut r, scope).await?;
    all.sort_by_cached_key(|(_, version)| std::cmp::Reverse(Version::parse(version).ok()));
    let total = all.len() as u64;
    let ids: Vec<_> = page_of(all, number, size).map(|(id, _)| id).collect();
    let mut rows = crate::store::catalog::archives::of_ids(&mut r, &ids).await?;
    rows.sort_by_cached_key(|row| ids.iter().position(|id| *id == row.id));
    Ok((rows, total))
}

/// Finds an archive by UUID.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such archive.
pub async fn show(db: &Db, scope: &Scope<Product>, uuid: &str) -> Result<ArchiveRow> {
    let mut r = db.read().await?;
    crate::store::catalog::archives::by_uuid(&mut r, scope.product().id, uuid)
        .await?
        .ok_or(DomainError::NotFound)
}

/// Checks and stores an uploaded archive. The order of the checks is that of firmware: format, signature,
/// metadata, product, version, UUID.
///
/// # Errors
/// The first check that fails, with advice on what to do about it.
pub async fn finish(
    context: &Context,
    scope: &Scope<Product>,
    upload: Upload,
) -> Result<ArchiveRow> {
    let (staged, checked, key, sums) = upload.checked(context, scope).await?;
    let new = record(&checked, key, &sums);
    keep(context, scope, new, staged).await
}

pub fn record(c: &Checked, key: KeyId, sums: &Digests) -> NewArchive {
    NewArchive {
        key,
        uuid: c.uuid.clone(),
        version: c.version.clone(),
        platform: c.platform.clone(),
        architecture: c.architecture.clone(),
        description: c.meta.get("description").map(str::to_owned),
        size: i64::try_from(sums.size).unwrap_or(i64::MAX),
        checksum: sums.whole.clone(),
    }
}

/// The file is stored before its row is written, as with firmware.
async fn keep(
    context: &Context,
    scope: &Scope<Product>,
    new: NewArchive,
    staged: Staged,
) -> Result<ArchiveRow> {
    let mut r = context.db.read().await?;
    let known =
        crate::store::catalog::archives::by_uuid(&mut r, scope.product().id, &new.uuid).await?;
    drop(r);
    if let Some(known) = known {
        let blob = Blob::Archive(known.id);
        stored_files::put_back(context, scope, blob, &new.checksum, staged).await?;
        return show(&context.db, scope, &new.uuid).await;
    }
    let file = FileKind::Archive.new_key();
    context.blobs.put(staged, &file).await?;
    let now = context.now();
    let mut w = context.db.write().await?;
    crate::store::catalog::archives::add(&mut w, scope, &new, &file, now)
        .await?
        .ok_or_else(|| field("uuid", TAKEN))?;
    let text = format!(
        "{} uploaded archive {} {}",
        scope.person().name,
        new.version,
        new.uuid
    );
    audit::on_product(&mut w, scope, &text, now).await?;
    w.commit().await?;
    show(&context.db, scope, &new.uuid).await
}

/// Deletes an archive that no release includes.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such archive; a validation error while a release
/// includes it.
pub async fn delete(context: &Context, scope: &Scope<Product>, uuid: &str) -> Result<()> {
    let mut w = context.db.write().await?;
    let p = scope.product();
    let archive = crate::store::catalog::archives::by_uuid(&mut w, p.id, uuid)
        .await?
        .ok_or(DomainError::NotFound)?;
    if crate::store::catalog::archives::pinned(&mut w, archive.id).await? {
        return Err(field(
            "deployment_releases",
            "Archive has associated deployment releases",
        ));
    }
    let file = crate::store::catalog::files::of(&mut w, Blob::Archive(archive.id)).await?;
    crate::store::catalog::archives::delete(&mut w, scope, archive.id).await?;
    let text = format!(
        "{} deleted archive {} {uuid}",
        scope.person().name,
        archive.version
    );
    audit::on_product(&mut w, scope, &text, context.now()).await?;
    w.commit().await?;
    if let Some(file) = file {
        context.blobs.remove(&file.file).await?;
    }
    Ok(())
}

/// The archive of the release that a device should have now, if any.
pub async fn of_device(
    db: &Db,
    device: DeviceId,
    now: Micros,
) -> store::Result<Option<ArchiveRow>> {
    let mut r = db.read().await?;
    crate::store::catalog::archives::of_device(&mut r, device, now).await
}
