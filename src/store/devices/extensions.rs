//! Which extensions devices may use: a switch a product, and one a device that only takes away.

use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::ids::DeviceId;
use crate::store::{On, Result, Write};

/// The product's bits, and those that the device has switched off.
pub async fn of_device(on: &mut impl On, device: DeviceId) -> Result<Option<(i64, i64)>> {
    fetch_optional!(
        on,
        sql!(
            "extensions.of_device",
            "SELECT p.extensions, d.extensions_off FROM devices d
             JOIN products p ON p.id = d.product_id WHERE d.id = $1"
        ),
        device
    )
}

/// The product's bits.
pub async fn of_product(on: &mut impl On, scope: &Scope<Product>) -> Result<i64> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "extensions.of_product",
            "SELECT extensions FROM products WHERE id = $1"
        ),
        scope.product().id
    )?;
    Ok(row.map_or(0, |r| r.0))
}

/// Sets the product's bits.
pub async fn set_product(
    w: &mut Write,
    scope: &Scope<Product>,
    bits: i64,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "extensions.set_product",
            "UPDATE products SET extensions = $2, updated_at = $3 WHERE id = $1"
        ),
        scope.product().id,
        bits,
        now
    )?;
    Ok(())
}

/// Sets the bits that a device has switched off.
pub async fn set_device_off(w: &mut Write, device: DeviceId, bits: i64, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "extensions.set_device_off",
            "UPDATE devices SET extensions_off = $2, updated_at = $3 WHERE id = $1"
        ),
        device,
        bits,
        now
    )?;
    Ok(())
}
