//! Notifications: problems that a product's members should see without asking (docs/protocol/rules.md,
//! "Notifications").

use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::Result;
use crate::ids::ProductId;
use crate::store::events::audit;
use crate::store::ingest::told::Notice;
use crate::store::support::notifications;
use crate::store::words::NotificationLevel;
use crate::store::{self, Db};

pub use crate::store::support::notifications::NotificationRow;

/// What is said of a device that joined for the first time without firmware metadata.
pub fn without_metadata(product: ProductId, name: &str, now: Micros) -> Notice {
    let message = format!(
        "Device {name} connected without firmware metadata, so no deployment group can take it. \
         It has to report nerves_fw_uuid, product, version, platform and architecture."
    );
    Notice {
        product,
        key: format!("missing_firmware_metadata-{name}"),
        level: NotificationLevel::Warning,
        title: "Device without firmware metadata",
        message,
        times: 1,
        at: now,
    }
}

/// Records a warning. Warnings with the same `about` are merged and counted.
async fn warn(
    db: &Db,
    product: ProductId,
    about: &str,
    title: &str,
    message: &str,
    now: Micros,
) -> store::Result<()> {
    let mut w = db.write().await?;
    notifications::add(
        &mut w,
        product,
        about,
        NotificationLevel::Warning,
        title,
        message,
        now,
    )
    .await?;
    w.commit().await
}

/// Notifies that a device of this product was refused because its identifier belongs to another product.
pub async fn identifier_taken(
    db: &Db,
    product: ProductId,
    identifier: &str,
    why: &str,
    now: Micros,
) -> store::Result<()> {
    let message = format!(
        "A device with the identifier {identifier} was refused: {why}. Identifiers are unique on the \
         whole server; give the device another one, or move or destroy the other device."
    );
    let about = format!("duplicate_device_identifier-{identifier}");
    warn(
        db,
        product,
        &about,
        "Device identifier already in use",
        &message,
        now,
    )
    .await
}

/// Notifies that several connections with one identity keep replacing each other.
pub async fn chased(
    db: &Db,
    product: ProductId,
    identifier: &str,
    address: &str,
    now: Micros,
) -> store::Result<()> {
    let message = format!(
        "Connections of {identifier} take each other's place all the time, the last one from {address}: two devices may have \
         the same certificate or the same identifier and secret, for example after a disk image was copied. Give one of them \
         an identity of its own."
    );
    let about = format!("identity_used_twice-{identifier}");
    warn(
        db,
        product,
        &about,
        "Two devices with one identity",
        &message,
        now,
    )
    .await
}

/// Notifies that a certificate with the name of a device was refused.
pub async fn certificate_refused(
    db: &Db,
    product: ProductId,
    identifier: &str,
    why: &str,
    now: Micros,
) -> store::Result<()> {
    let message = format!(
        "Somebody came with a certificate that names {identifier} and was refused: {why}. If it is the device, register its \
         certificate or the CA that signed it."
    );
    let about = format!("certificate_refused-{identifier}");
    warn(
        db,
        product,
        &about,
        "Certificate of a device refused",
        &message,
        now,
    )
    .await
}

/// Notifies that a device signed with the right secret but with a wrong time. `behind` is the difference in
/// seconds, negative when the device's clock is ahead.
pub async fn clock_wrong(
    db: &Db,
    product: ProductId,
    identifier: &str,
    behind: i64,
    now: Micros,
) -> store::Result<()> {
    let (seconds, which) = (
        behind.unsigned_abs(),
        if behind < 0 { "ahead" } else { "behind" },
    );
    let span = match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    let message = format!(
        "Device {identifier} was refused: its clock is {span} {which}, and a signature holds for 90 seconds. Give it the time, \
         for example with nerves_time, before it connects. If its clock is right, somebody repeats what it once sent."
    );
    let about = format!("clock_wrong-{identifier}");
    warn(
        db,
        product,
        &about,
        "Device with a wrong clock",
        &message,
        now,
    )
    .await
}

/// A page of notifications, and the number of all. Pages count from 1.
pub async fn list(
    db: &Db,
    scope: &Scope<Product>,
    page: u64,
    size: u64,
) -> Result<(Vec<NotificationRow>, u64)> {
    let (offset, size) = crate::domain::limit_offset(page, size);
    let mut r = db.read().await?;
    let (rows, total) = notifications::list(&mut r, scope, offset, size).await?;
    Ok((rows, u64::try_from(total).unwrap_or(0)))
}

/// Dismisses all of a product's notifications, for every member.
pub async fn dismiss(db: &Db, scope: &Scope<Product>) -> Result<()> {
    let now = db.now();
    let mut w = db.write().await?;
    let gone = notifications::dismiss(&mut w, scope).await?;
    let p = scope.product();
    let text = format!(
        "{} dismissed {gone} notifications of product {}",
        scope.person().name,
        p.name
    );
    audit::on_product(&mut w, scope, &text, now).await?;
    w.commit().await?;
    Ok(())
}
