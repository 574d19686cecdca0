//! Certificates of a device (docs/protocol/rest.md, "Certificates over REST").

use super::SAME_SERIAL;
use super::view::{DeviceView, view as device_view};
use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{Created, Data, Documented, Either, NoContent, in_product};
use crate::api::http::contract::{Auth, Contract, FieldType, required};
use crate::api::http::error::{Error, Result};
use crate::api::http::extract::{DeviceName, Name};
use crate::api::http::operation::Operation;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::DomainError;
use crate::domain::devices::certificates::{self, CertificateRow};
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

/// A certificate of a device.
#[derive(Serialize, JsonSchema)]
struct DeviceCertificate {
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

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Devices);
    contract
        .post(
            "device_certificates.auth",
            "/orgs/{org}/products/{product}/devices/auth",
            Auth::VIEW,
            auth,
        )
        .summary("The device that holds exactly this certificate")
        .body_fields(&[required(
            "certificate",
            FieldType::Text,
            "Base64 of its PEM",
        )]);
    contract.tag(Tag::DeviceCertificates);
    contract
        .get(
            "device_certificates.list",
            "/orgs/{org}/products/{product}/devices/{device}/certificates",
            Auth::VIEW,
            list,
        )
        .summary("The device's certificates");
    contract
        .post(
            "device_certificates.create",
            "/orgs/{org}/products/{product}/devices/{device}/certificates",
            Auth::MANAGE,
            create,
        )
        .summary("Register a certificate")
        .body_fields(&[required("cert", FieldType::Text, "Base64 of its PEM")]);
    contract
        .get(
            "device_certificates.show",
            "/orgs/{org}/products/{product}/devices/{device}/certificates/{serial}",
            Auth::VIEW,
            show,
        )
        .summary("One certificate, by its decimal serial number or its SHA-1 in hex");
    contract
        .delete(
            "device_certificates.delete",
            "/orgs/{org}/products/{product}/devices/{device}/certificates/{serial}",
            Auth::MANAGE,
            delete,
        )
        .summary("Forget a certificate")
        .error(409, SAME_SERIAL);
}

/// `GET …/certificates`.
async fn list(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
) -> Result<Data<Vec<DeviceCertificate>>> {
    let all = certificates::list(&app.db, &scope, &d).await?;
    Ok(Data(all.iter().map(view).collect()))
}

/// `GET …/certificates/:serial`.
async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    DeviceName(d): DeviceName,
    Name(serial): Name,
) -> Result<Data<DeviceCertificate>> {
    let all = certificates::list(&app.db, &scope, &d).await?;
    let fingerprint = serial.replace(':', "").to_uppercase();
    let one = all
        .iter()
        .find(|c| c.serial == serial || c.fingerprint == fingerprint)
        .ok_or(DomainError::NotFound)?;
    Ok(Data(view(one)))
}

/// `POST …/certificates`.
async fn create(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<Created<DeviceCertificate>> {
    let scope = scope.allow(Role::Manage)?;
    let cert = p.text("cert").ok_or(Error::Malformed)?;
    let added = certificates::add(&app.db, &scope, &d, cert).await?;
    let location = in_product(&scope, &["devices", &d, "certificates", &added.serial]);
    Ok(Created::at(location, view(&added)))
}

/// `POST /devices/auth`: whose certificate it is; 403 with the original's own shape when it is nobody's.
async fn auth(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Either<Data<DeviceView>, NoSuchDevice>> {
    let cert = p.text("certificate").ok_or(Error::Malformed)?;
    match certificates::find_by_certificate(&app.db, &scope, cert).await {
        Ok(device) => Ok(Either::A(Data(device_view(&device)))),
        Err(DomainError::Denied(_)) => Ok(Either::B(NoSuchDevice)),
        Err(other) => Err(other.into()),
    }
}

/// `DELETE …/certificates/:serial`.
async fn delete(
    State(app): State<App>,
    scope: Scope<Product>,
    DeviceName(d): DeviceName,
    Name(serial): Name,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    certificates::delete(&app, &scope, &d, &serial).await?;
    Ok(NoContent)
}

/// 403 with the original's own shape: nobody holds the certificate.
struct NoSuchDevice;

impl IntoResponse for NoSuchDevice {
    fn into_response(self) -> Response {
        let body = r#"{"status":"Unauthorized"}"#;
        (StatusCode::FORBIDDEN, Body::from(body)).into_response()
    }
}

impl Documented for NoSuchDevice {
    fn document(operation: &mut Operation<'_>) {
        let text = "No device of the organization holds it";
        operation.answers(StatusCode::FORBIDDEN, text);
    }
}
