//! Certificates of a device (docs/protocol/rest.md, "Certificates over REST").

use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{created, in_product, none, ok};
use crate::api::http::error::{Error, Result};
use crate::api::http::extract::{DeviceName, Name};
use crate::api::http::params::Params;
use crate::app::App;
use crate::domain::DomainError;
use crate::domain::devices::certificates::{self, CertificateRow};
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use schemars::JsonSchema;
use serde::Serialize;

/// A certificate of a device.
#[derive(Serialize, JsonSchema)]
pub struct DeviceCertificate {
    /// Serial number, decimal.
    serial: String,
    /// `2026-08-22T08:33:49Z`.
    not_before: String,
    /// `2026-08-22T08:33:49Z`.
    not_after: String,
}

fn view(c: &CertificateRow) -> DeviceCertificate {
    DeviceCertificate {
        serial: c.serial.clone(),
        not_before: c.not_before.zulu(),
        not_after: c.not_after.zulu(),
    }
}

/// `GET …/certificates`.
pub async fn list(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result {
    let all = certificates::list(&app.db, &scope, &d).await?;
    Ok(ok(&all.iter().map(view).collect::<Vec<_>>()))
}

/// `GET …/certificates/:serial`.
pub async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    DeviceName(d): DeviceName,
    Name(serial): Name,
) -> Result {
    let all = certificates::list(&app.db, &scope, &d).await?;
    let fingerprint = serial.replace(':', "").to_uppercase();
    let one = all
        .iter()
        .find(|c| c.serial == serial || c.fingerprint == fingerprint)
        .ok_or(DomainError::NotFound)?;
    Ok(ok(&view(one)))
}

/// `POST …/certificates`.
pub async fn create(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let cert = p.text("cert").ok_or(Error::Malformed)?;
    let added = certificates::add(&app.db, &scope, &d, cert).await?;
    let location = in_product(&scope, &["devices", &d, "certificates", &added.serial]);
    Ok(created(Some(&location), &view(&added)))
}

/// `POST /devices/auth`: whose certificate it is; 403 with the original's own shape when it is nobody's.
pub async fn auth(State(app): State<App>, scope: Scope<Product>, p: Params) -> Result {
    let cert = p.text("certificate").ok_or(Error::Malformed)?;
    match certificates::find_by_certificate(&app.db, &scope, cert).await {
        Ok(device) => Ok(ok(&crate::api::devices::view(&device))),
        Err(DomainError::Denied(_)) => {
            let body = r#"{"status":"Unauthorized"}"#;
            Ok((StatusCode::FORBIDDEN, Body::from(body)).into_response())
        }
        Err(other) => Err(other.into()),
    }
}

/// `DELETE …/certificates/:serial`.
pub async fn delete(
    State(app): State<App>,
    scope: Scope<Product>,
    DeviceName(d): DeviceName,
    Name(serial): Name,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    certificates::delete(&app, &scope, &d, &serial).await?;
    Ok(none())
}
