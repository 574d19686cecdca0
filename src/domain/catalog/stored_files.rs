//! Stored files that devices download: checked for damage before the first byte is sent, with a notification
//! when one is damaged.

use crate::access::scope::{Product, Scope};
use crate::blob::{Blob, Damage, Look, Staged};
use crate::bus::BusMessage;
use crate::domain::Context;
use crate::domain::error::{DomainError, TAKEN, field};
use crate::ids::DeviceId;
use crate::rollout::offer::Offer;
use crate::store;
use crate::store::catalog::files::FileRow;
use crate::store::catalog::{deltas, files};
use crate::store::deployments::inflight;
use crate::store::events::audit;
use crate::store::support::notifications;
use crate::store::words::{AttemptOutcome, NotificationLevel};

/// Why a file cannot be sent now.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The stored file differs from what was accepted at upload.
    #[error("the stored file {0} is damaged: {1}")]
    Damaged(Blob, Damage),
    /// The file was damaged and is being made again.
    #[error("the delta is made anew")]
    Remade,
    /// The file store failed.
    #[error(transparent)]
    Files(#[from] crate::blob::BlobError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Passes a file that is undamaged. It notifies the product's members when a file is found damaged, and when it
/// is sound again.
///
/// # Errors
/// [`FileError::Damaged`] for a damaged file; another variant when the file could not be checked.
pub async fn require_sound(context: &Context, file: &FileRow, look: Look) -> Result<(), FileError> {
    let found = context
        .blobs
        .damage(&file.file, file.size, &file.checksum, look)
        .await?;
    match found {
        None if file.damaged => mended(context, file).await?,
        None => {}
        Some(damage) => {
            damaged(context, file, damage).await?;
            return Err(FileError::Damaged(file.blob, damage));
        }
    }
    Ok(())
}

async fn damaged(context: &Context, file: &FileRow, damage: Damage) -> store::Result<()> {
    let now = context.now();
    let mut w = context.db.write().await?;
    // The file may have been deleted, or its delta rebuilt, while it was read.
    let same = files::of(&mut w, file.blob).await?;
    if same.is_none_or(|f| f.checksum != file.checksum)
        || !files::mark(&mut w, file.blob, Some(now)).await?
    {
        return Ok(());
    }
    tracing::error!(file = %file.file, %damage, "a stored file is damaged and is not sent any more");
    let (what, todo) = match file.blob {
        Blob::Firmware(_) => (
            "Firmware",
            "No device is offered it. Upload the same file again, or put it back into the server's data folder from a backup",
        ),
        Blob::Archive(_) => (
            "Archive",
            "No device is told of it. Upload the same file again, or put it back into the server's data folder from a backup",
        ),
        Blob::Delta(..) => (
            "A delta to firmware",
            "It is made anew, and devices wait for it as for any delta",
        ),
    };
    let message = format!(
        "{what} {} ({}) cannot be sent, since its stored file {} is damaged: {damage}. {todo}; look at the disk's health.",
        file.version, file.uuid, file.file
    );
    notifications::add(
        &mut w,
        file.product,
        &format!("damaged_file-{}", file.file),
        NotificationLevel::Error,
        "Stored file damaged",
        &message,
        now,
    )
    .await?;
    w.commit().await?;
    if matches!(file.blob, Blob::Delta(..)) {
        context.bus.send(BusMessage::Delta);
    }
    Ok(())
}

/// Records that a damaged file is sound again, and lets the deployment groups that waited for it continue.
async fn mended(context: &Context, file: &FileRow) -> store::Result<()> {
    let mut w = context.db.write().await?;
    let changed = files::mark(&mut w, file.blob, None).await?;
    let groups = match file.blob {
        Blob::Firmware(id) if changed => deltas::groups_of_target(&mut w, id).await?,
        _ => Vec::new(),
    };
    w.commit().await?;
    if changed {
        tracing::info!(file = %file.file, "a damaged file is sound again");
    }
    for (group,) in groups {
        context.wake_group(Some(group));
    }
    Ok(())
}

/// Handles an upload of a file that is stored already. It repairs a damaged file.
///
/// # Errors
/// A validation error that the UUID is taken, when the stored file is sound or has other content.
pub async fn put_back(
    context: &Context,
    scope: &Scope<Product>,
    blob: Blob,
    checksum: &str,
    staged: Staged,
) -> Result<(), DomainError> {
    let mut r = context.db.read().await?;
    let file = files::of(&mut r, blob).await?;
    drop(r);
    let file = file
        .filter(|f| f.checksum == checksum)
        .ok_or_else(|| field("uuid", TAKEN))?;
    match require_sound(context, &file, Look::Known).await {
        Ok(()) => return Err(field("uuid", TAKEN)),
        Err(FileError::Damaged(..) | FileError::Remade) => {}
        Err(FileError::Files(e)) => return Err(e.into()),
        Err(FileError::Store(e)) => return Err(e.into()),
    }
    context.blobs.put(staged, &file.file).await?;
    let mut w = context.db.write().await?;
    let text = format!(
        "{} uploaded the damaged file of {} {} again",
        scope.person().name,
        file.version,
        file.uuid
    );
    audit::on_product(&mut w, scope, &text, context.now()).await?;
    w.commit().await?;
    mended(context, &file).await?;
    Ok(())
}

/// Whether the file of an offer can be sent. If not, the claim is released: the device never saw the offer, so
/// its slot becomes free and the attempt does not count. If the release fails as well, the claim expires by
/// itself. Whoever may not ask for a file ([`crate::blob::Blobs::may_ask`]) does not get as far as to take a claim.
pub async fn offerable(context: &Context, device: DeviceId, offer: &Offer) -> bool {
    let Err(why) = require_sound(context, &offer.file, Look::Lately).await else {
        return true;
    };
    tracing::warn!(%device, error = %why, "an update is not offered");
    let (reason, claim_again) = match why {
        FileError::Damaged(..) | FileError::Remade => ("its file is damaged", true),
        // Another claim would come to the same: the next tick is soon enough.
        FileError::Files(_) | FileError::Store(_) => ("its file could not be read", false),
    };
    match withdraw(context, device, offer, reason).await {
        Ok(()) if claim_again => context.wake_group(offer.group),
        Ok(()) => {}
        Err(e) => {
            tracing::warn!(%device, error = %e, "an offer not taken back, it lapses and is made anew");
        }
    }
    false
}

async fn withdraw(
    context: &Context,
    device: DeviceId,
    offer: &Offer,
    why: &str,
) -> store::Result<()> {
    let mut w = context.db.write().await?;
    let row = inflight::of_device(&mut w, device).await?;
    if row.is_some_and(|r| r.claim_id == offer.claim && !r.attempted) {
        let (why, now) = (Some(why), context.now());
        inflight::end(&mut w, device, AttemptOutcome::Withdrawn, why, now).await?;
    }
    w.commit().await
}
