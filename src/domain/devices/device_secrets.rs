//! Shared secrets of a single device.

use super::*;

/// Creates a shared secret for a device. Its text is shown only once.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn add_secret(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
) -> Result<(String, Secret)> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?;
    let (key, secret) = new_pair("nhd_");
    let sealed = context.vault.seal(&secret, &key);
    crate::store::devices::secrets::add_for_device(&mut w, device.id, &key, &sealed, now).await?;
    let text = format!(
        "{} created a shared secret for device {identifier}",
        scope.person().name
    );
    audit::in_product(&mut w, scope, Resource::Device(device.id), &text, now).await?;
    w.commit().await?;
    Ok((key, secret))
}

/// The shared secrets of a device, without the secret texts.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn secrets(
    db: &Db,
    scope: &Scope<Product>,
    identifier: &str,
) -> Result<Vec<ProductSecret>> {
    let mut r = db.read().await?;
    let device = id_of(&mut r, scope, identifier).await?;
    Ok(crate::store::devices::secrets::of_device(&mut r, device).await?)
}

/// Deactivates a shared secret of a device. It is refused from now on, and the device's connection is closed.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown device or secret.
pub async fn deactivate_secret(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
    key: &str,
) -> Result<()> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?;
    if !crate::store::devices::secrets::deactivate_of_device(&mut w, device.id, key, now).await? {
        return Err(DomainError::NotFound);
    }
    let text = format!(
        "{} deactivated a shared secret of device {identifier}",
        scope.person().name
    );
    audit::in_product(&mut w, scope, Resource::Device(device.id), &text, now).await?;
    let node = crate::store::devices::connections::node_of(&mut w, device.id).await?;
    w.commit().await?;
    cut(context, device.id, node);
    Ok(())
}
