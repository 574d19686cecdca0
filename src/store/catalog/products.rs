//! Products in the database.

use crate::clock::Micros;
use crate::store::accounts::scope::{InOrg, Org, Product, Scope};
use crate::store::ids::{OrgId, ProductId};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

#[derive(Debug, Clone, FromRow)]
pub struct ProductRow {
    /// The product's id in the database.
    pub id: ProductId,
    /// Unique in the organization.
    pub name: String,
    /// Whether each upload must have a new combination of version, platform, and architecture.
    pub require_unique_firmware_version: bool,
    /// The kinds of firmware that it accepts, joined by commas.
    pub allowed_update_tools: String,
    /// Whether ESP-IDF images without a signature are accepted.
    pub allow_unsigned_esp_idf_firmware: bool,
}

impl ProductRow {
    /// The kinds of firmware that it accepts.
    pub fn tools(&self) -> Vec<&str> {
        let named = self.allowed_update_tools.split(',');
        named.filter(|t| !t.is_empty()).collect()
    }
}

macro_rules! product_columns {
    () => {
        "SELECT id, name, require_unique_firmware_version, allowed_update_tools,
                allow_unsigned_esp_idf_firmware FROM products "
    };
}

/// Adds a product; `None` when the name is taken in the organization.
pub async fn add(w: &mut Write, org: OrgId, name: &str, now: Micros) -> Result<Option<ProductId>> {
    let row: Option<(ProductId,)> = fetch_optional!(
        w,
        sql!(
            "products.add",
            "INSERT INTO products (org_id, name, require_unique_firmware_version, inserted_at, updated_at)
             VALUES ($1, $2, TRUE, $3, $3) ON CONFLICT (org_id, name) DO NOTHING RETURNING id"
        ),
        org,
        name,
        now
    )?;
    Ok(row.map(|r| r.0))
}

/// Finds a product by name.
pub async fn by_name(on: &mut impl On, org: OrgId, name: &str) -> Result<Option<ProductRow>> {
    fetch_optional!(
        on,
        sql!(
            "products.by_name",
            concat!(product_columns!(), "WHERE org_id = $1 AND name = $2")
        ),
        org,
        name
    )
}

/// The organization's products, by name.
pub async fn list(on: &mut impl On, org: OrgId) -> Result<Vec<ProductRow>> {
    fetch_all!(
        on,
        sql!(
            "products.list",
            concat!(
                product_columns!(),
                "WHERE org_id = $1 ORDER BY name LIMIT 10000"
            )
        ),
        org
    )
}

/// Finds a product of the organization by id.
pub async fn by_id(
    on: &mut impl On,
    scope: &Scope<Org>,
    number: i64,
) -> Result<Option<ProductRow>> {
    fetch_optional!(
        on,
        sql!(
            "products.by_id",
            concat!(product_columns!(), "WHERE org_id = $1 AND id = $2")
        ),
        scope.org().id,
        number
    )
}

/// Writes the product's settings.
pub async fn set(
    w: &mut Write,
    scope: &Scope<Product>,
    settings: &ProductRow,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "products.set",
            "UPDATE products SET require_unique_firmware_version = $2, allowed_update_tools = $3,
               allow_unsigned_esp_idf_firmware = $4, updated_at = $5 WHERE id = $1"
        ),
        scope.product().id,
        settings.require_unique_firmware_version,
        &settings.allowed_update_tools,
        settings.allow_unsigned_esp_idf_firmware,
        now
    )?;
    Ok(())
}

/// The numbers of firmwares, archives, devices (including deleted ones), and deployment groups that the product
/// holds.
pub async fn holds(on: &mut impl On, scope: &Scope<Product>) -> Result<(i64, i64, i64, i64)> {
    let row: Option<(i64, i64, i64, i64)> = fetch_optional!(
        on,
        sql!(
            "products.holds",
            "SELECT (SELECT COUNT(*) FROM firmwares WHERE product_id = $1),
                    (SELECT COUNT(*) FROM archives WHERE product_id = $1),
                    (SELECT COUNT(*) FROM devices WHERE product_id = $1),
                    (SELECT COUNT(*) FROM deployment_groups WHERE product_id = $1)"
        ),
        scope.product().id
    )?;
    Ok(row.unwrap_or_default())
}

/// Deletes an empty product and removes it from the JITP profiles that named it.
pub async fn delete(w: &mut Write, scope: &Scope<Product>) -> Result<()> {
    let id = scope.product().id;
    execute!(
        w,
        sql!(
            "products.clear_jitp",
            "UPDATE ca_certificates SET jitp_product_id = NULL, jitp_tags = NULL, jitp_description = NULL
             WHERE jitp_product_id = $1"
        ),
        id
    )?;
    execute!(
        w,
        sql!(
            "products.clear_stats",
            "DELETE FROM update_stats WHERE product_id = $1"
        ),
        id
    )?;
    w.revokes();
    execute!(
        w,
        sql!("products.delete", "DELETE FROM products WHERE id = $1"),
        id
    )?;
    Ok(())
}
