//! CA certificates (docs/protocol/rest.md, "Certificates over REST").

use crate::access::scope::{Org, Role, Scope};
use crate::api::http::answer::{created, none, ok, path};
use crate::api::http::contract::{Field, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::{Params, number, tags};
use crate::app::App;
use crate::domain::DomainError;
use crate::domain::devices::certificates::{self, CaForm, CaRow, JitpForm};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A certificate authority whose devices may connect.
#[derive(Serialize, JsonSchema)]
pub struct CaCertificate {
    /// Serial number, decimal.
    serial: String,
    /// `2026-08-22T08:33:49Z`.
    not_before: String,
    /// `2026-08-22T08:33:49Z`.
    not_after: String,
    /// Free text.
    description: Option<String>,
    /// What a device becomes that nobody registered before.
    jitp: Option<Jitp>,
}

/// Just-in-time provisioning.
#[derive(Serialize, JsonSchema)]
pub struct Jitp {
    /// The product that it joins.
    product_name: String,
    /// Its tags.
    tags: Option<Vec<String>>,
    /// Its description.
    description: Option<String>,
}

/// Proves, inside a certificate, that its maker speaks for the organization.
#[derive(Serialize, JsonSchema)]
pub struct VerificationToken {
    /// Good for an hour.
    verification_token: String,
}

fn view(c: &CaRow) -> CaCertificate {
    CaCertificate {
        serial: c.serial.clone(),
        not_before: c.not_before.zulu(),
        not_after: c.not_after.zulu(),
        description: c.description.clone(),
        jitp: c.jitp_product_name.clone().map(|product_name| Jitp {
            product_name,
            tags: c
                .jitp_tags
                .as_deref()
                .and_then(|t| serde_json::from_str(t).ok()),
            description: c.jitp_description.clone(),
        }),
    }
}

/// `GET /ca_certificates`.
pub async fn list(State(app): State<App>, scope: Scope<Org>) -> Result {
    let all = certificates::list_cas(&app.db, &scope).await?;
    Ok(ok(&all.iter().map(view).collect::<Vec<_>>()))
}

/// `GET /ca_certificates/verification_token`.
pub async fn verification_token(State(app): State<App>, scope: Scope<Org>) -> Result {
    let token = certificates::verification_token(&app.vault, &scope);
    Ok(ok(&VerificationToken {
        verification_token: token,
    }))
}

/// `GET /ca_certificates/:serial`.
pub async fn show(State(app): State<App>, scope: Scope<Org>, Name(serial): Name) -> Result {
    Ok(ok(&view(
        &certificates::show_ca(&app.db, &scope, &serial).await?,
    )))
}

/// Fields of `jitp`.
pub const JITP: &[Field] = &[
    optional_field(
        "product_name",
        FieldType::Text,
        "The product that they come to",
    ),
    optional_field("product_id", FieldType::Number, "The same by its number"),
    required("tags", FieldType::Tags, "Their tags"),
    required("description", FieldType::Text, "Their description"),
];

fn jitp(map: &Map<String, Value>) -> JitpForm {
    let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
    let by_number = map.get("product_id").and_then(number).map(Ok);
    JitpForm {
        product: by_number.or_else(|| text("product_name").map(Err)),
        tags: map.get("tags").and_then(tags),
        description: text("description"),
    }
}

/// `POST /ca_certificates`.
pub async fn create(State(app): State<App>, scope: Scope<Org>, p: Params) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let form = CaForm {
        cert: p.string("cert"),
        verification: p.string("verification_cert"),
        description: p.string("description"),
        check_expiration: p.flag("check_expiration").unwrap_or(false),
        jitp: p.map("jitp").map(jitp),
    };
    // Who registers with `nh` can do nothing about it: it never sends a proof, and always a description.
    if p.0.contains_key("description") && form.verification.is_none() && !app.policy.unproven_cas {
        let text = format!(
            "{}: `nh` sends no proof that the CA's key is yours. Register it with `nervecenter ca register`, which does; \
             or whoever runs this server can take CAs without a proof from everybody, with `--unproven-cas on`.",
            certificates::CA_INCOMPLETE
        );
        return Err(DomainError::Detail(text).into());
    }
    let ca = certificates::add_ca(&app, &scope, form).await?;
    let location = path(&["orgs", &scope.at().name, "ca_certificates", &ca.serial]);
    Ok(created(Some(&location), &view(&ca)))
}

/// `DELETE /ca_certificates/:serial`.
pub async fn delete(State(app): State<App>, scope: Scope<Org>, Name(serial): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    certificates::delete_ca(&app.db, &scope, &serial).await?;
    Ok(none())
}
