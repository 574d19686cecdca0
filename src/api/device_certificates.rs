//! Certificates of a device (rest-api 11).

use super::answer::{created, none, ok, path};
use super::error::{Error, Result};
use super::extract::{DeviceName, Name};
use super::params::Params;
use crate::access::scope::{Product, Role, Scope};
use crate::app::App;
use crate::fleet::Refusal;
use crate::fleet::certificates::{self, CertificateRow};
use axum::extract::State;
use serde_json::{Value, json};

fn view(c: &CertificateRow) -> Value {
    json!({
        "serial": c.serial,
        "not_before": c.not_before.zulu(),
        "not_after": c.not_after.zulu(),
    })
}

/// `GET …/certificates`.
pub(super) async fn list(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result {
    Ok(ok(&certificates::list(&app.db, &scope, &d)
        .await?
        .iter()
        .map(view)
        .collect()))
}

/// `GET …/certificates/:serial`.
pub(super) async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    DeviceName(d): DeviceName,
    Name(serial): Name,
) -> Result {
    let all = certificates::list(&app.db, &scope, &d).await?;
    let one = all
        .iter()
        .find(|c| c.serial == serial)
        .ok_or(Refusal::NotFound)?;
    Ok(ok(&view(one)))
}

/// `POST …/certificates`.
pub(super) async fn create(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let cert = p.text("cert").ok_or(Error::Malformed)?;
    let added = certificates::add(&app.db, &scope, &d, cert).await?;
    let at = scope.product();
    let location = path(&[
        "orgs",
        &at.org.name,
        "products",
        &at.name,
        "devices",
        &d,
        "certificates",
        &added.serial,
    ]);
    Ok(created(Some(&location), &view(&added)))
}

/// `DELETE …/certificates/:serial`.
pub(super) async fn delete(
    State(app): State<App>,
    scope: Scope<Product>,
    DeviceName(d): DeviceName,
    Name(serial): Name,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    certificates::delete(&app.db, &scope, &d, &serial).await?;
    Ok(none())
}
