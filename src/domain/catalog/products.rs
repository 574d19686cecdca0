//! Products, their settings, and their shared secrets.

use crate::access::scope::{InOrg as _, Org, Product, Scope};
use crate::access::vault::{Secret, Vault, new_pair};
use crate::bus::BusMessage;
use crate::clock::Micros;
use crate::domain::Context;
use crate::domain::error::{TAKEN, field, name_of};
use crate::domain::{DomainError, Result};
use crate::firmware::kind::FirmwareKind;
use crate::ids::ProductId;
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::{self, Db, Write};
use serde_json::json;
use std::collections::HashSet;

pub use crate::store::catalog::products::ProductRow;
pub use crate::store::devices::secrets::ProductSecret;

/// The organization's products.
pub async fn list(db: &Db, scope: &Scope<Org>) -> Result<Vec<ProductRow>> {
    let mut r = db.read().await?;
    Ok(crate::store::catalog::products::list(&mut r, scope.org().id).await?)
}

/// The product of a scope.
///
/// # Errors
/// [`DomainError::NotFound`] when the product was deleted meanwhile.
pub async fn show(db: &Db, scope: &Scope<Product>) -> Result<ProductRow> {
    let mut r = db.read().await?;
    let p = scope.product();
    crate::store::catalog::products::by_name(&mut r, p.org.id, &p.name)
        .await?
        .ok_or(DomainError::NotFound)
}

/// Creates a product.
///
/// # Errors
/// A validation error for a blank or taken name.
pub async fn create(db: &Db, scope: &Scope<Org>, name: Option<&str>) -> Result<ProductRow> {
    let name = name_of(name)?;
    let now = db.now();
    let mut w = db.write().await?;
    let id = crate::store::catalog::products::add(&mut w, scope.org().id, &name, now)
        .await?
        .ok_or_else(|| field("name", TAKEN))?;
    let made = crate::store::catalog::products::by_id(&mut w, scope, id.number())
        .await?
        .ok_or(store::Error::Missing("products"))?;
    let text = format!("{} created product {name}", scope.person().name);
    let (actor, resource) = (Actor::Person(scope.person()), Resource::Product(id));
    audit::add(
        &mut w,
        scope.org().id,
        Some(id),
        actor,
        resource,
        &text,
        now,
    )
    .await?;
    w.commit().await?;
    Ok(made)
}

/// Settings to change. A field that is `None` stays as it is.
#[derive(Debug, Default)]
pub struct Changes {
    /// Whether a version can be uploaded only once for a platform and architecture.
    pub unique_versions: Option<bool>,
    /// The kinds of firmware that the product accepts.
    pub tools: Option<Vec<String>>,
    /// Whether ESP-IDF images without a signature are accepted.
    pub unsigned_esp_idf: Option<bool>,
}

/// Refuses kinds of firmware that do not exist or that the server does not accept.
fn known_tools(context: &Context, tools: &[String]) -> Result<()> {
    let named = |wanted: &dyn Fn(Option<FirmwareKind>) -> bool| -> Vec<&str> {
        let all = tools.iter().filter(|t| wanted(FirmwareKind::named(t)));
        all.map(String::as_str).collect()
    };
    let unknown = named(&|kind| kind.is_none());
    let refused = |text: String| Err(field("allowed_update_tools", &text));
    if !unknown.is_empty() {
        return refused(format!("unknown update tool(s): {}", unknown.join(", ")));
    }
    let off = named(&|kind| kind == Some(FirmwareKind::EspIdf) && !context.policy.esp_idf);
    if !off.is_empty() {
        let off = off.join(", ");
        return refused(format!("not enabled on this NervesHub instance: {off}"));
    }
    Ok(())
}

/// Changes the product's settings.
///
/// # Errors
/// A validation error for a kind of firmware that does not exist or that the server does not accept.
pub async fn update(
    context: &Context,
    scope: &Scope<Product>,
    changes: Changes,
) -> Result<ProductRow> {
    let mut w = context.db.write().await?;
    let p = scope.product();
    let mut product = crate::store::catalog::products::by_name(&mut w, p.org.id, &p.name)
        .await?
        .ok_or(DomainError::NotFound)?;
    if let Some(mut tools) = changes.tools {
        let mut seen = HashSet::new();
        tools.retain(|t| seen.insert(t.clone()));
        // A product keeps kinds that it accepted before the operator turned them off.
        let new = tools.join(",");
        if new != product.allowed_update_tools {
            known_tools(context, &tools)?;
            product.allowed_update_tools = new;
        }
    }
    if let Some(unique) = changes.unique_versions {
        product.require_unique_firmware_version = unique;
    }
    if let Some(unsigned) = changes.unsigned_esp_idf {
        product.allow_unsigned_esp_idf_firmware = unsigned;
    }
    crate::store::catalog::products::set(&mut w, scope, &product, context.now()).await?;
    let text = format!(
        "{} updated product {}",
        scope.person().name,
        scope.product().name
    );
    audit::on_product(&mut w, scope, &text, context.now()).await?;
    w.commit().await?;
    Ok(product)
}

/// Deletes an empty product. A product that still holds anything is refused, so that nobody loses a fleet by
/// one request.
///
/// # Errors
/// [`DomainError::InUse`] with what the product still holds.
pub async fn delete(db: &Db, scope: &Scope<Product>) -> Result<()> {
    let mut w = db.write().await?;
    let (firmwares, archives, devices, groups) =
        crate::store::catalog::products::holds(&mut w, scope).await?;
    let mut held = serde_json::Map::new();
    for (name, n) in [
        ("firmwares", firmwares),
        ("archives", archives),
        ("devices", devices),
        ("deployment_groups", groups),
    ] {
        if n > 0 {
            held.insert(
                name.into(),
                json!([format!("the product still has {n}; delete them first")]),
            );
        }
    }
    if !held.is_empty() {
        return Err(DomainError::InUse(held.into()));
    }
    let text = format!(
        "{} deleted product {}",
        scope.person().name,
        scope.product().name
    );
    audit::on_product(&mut w, scope, &text, db.now()).await?;
    crate::store::catalog::products::delete(&mut w, scope).await?;
    w.commit().await?;
    Ok(())
}

/// The product's shared secrets, without the secret texts.
pub async fn secrets(db: &Db, scope: &Scope<Product>) -> Result<Vec<ProductSecret>> {
    let mut r = db.read().await?;
    Ok(crate::store::devices::secrets::of_product(&mut r, scope.product().id).await?)
}

/// Creates a shared secret. Its text is shown only once.
pub async fn add_secret(
    db: &Db,
    vault: &Vault,
    scope: &Scope<Product>,
) -> Result<(String, Secret)> {
    let mut w = db.write().await?;
    let pair = new_secret(&mut w, vault, scope.product().id, db.now()).await?;
    audit::on_product(
        &mut w,
        scope,
        &format!("{} created a shared secret", scope.person().name),
        db.now(),
    )
    .await?;
    w.commit().await?;
    Ok(pair)
}

/// Stores a new secret of a product, encrypted.
pub async fn new_secret(
    w: &mut Write,
    vault: &Vault,
    product: ProductId,
    now: Micros,
) -> store::Result<(String, Secret)> {
    let (key, secret) = new_pair("nhp_");
    crate::store::devices::secrets::add(w, product, &key, &vault.seal(&secret, &key), now).await?;
    Ok((key, secret))
}

/// Deactivates a shared secret. It is refused from now on, and connections that were authenticated with it are
/// closed within seconds.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such secret.
pub async fn deactivate_secret(context: &Context, scope: &Scope<Product>, key: &str) -> Result<()> {
    let mut w = context.db.write().await?;
    let secret = crate::store::devices::secrets::deactivate(&mut w, scope, key, context.now())
        .await?
        .ok_or(DomainError::NotFound)?;
    audit::on_product(
        &mut w,
        scope,
        &format!("{} deactivated a shared secret", scope.person().name),
        context.now(),
    )
    .await?;
    w.commit().await?;
    context.bus.send(BusMessage::SecretEnded(secret));
    Ok(())
}
