//! CA certificates (docs/protocol/rest.md, "Certificates over REST").

use super::SAME_SERIAL;
use crate::access::scope::{Org, Role, Scope};
use crate::api::http::answer::{Created, Data, NoContent, path};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::{Params, number, tags};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::DomainError;
use crate::domain::devices::certificates::{self, CaForm, CaRow, JitpForm};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A certificate authority whose devices may connect.
#[derive(Serialize, JsonSchema)]
struct CaCertificate {
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
struct Jitp {
    /// The product that it joins.
    product_name: String,
    /// Its tags.
    tags: Option<Vec<String>>,
    /// Its description.
    description: Option<String>,
}

/// Proves, inside a certificate, that its maker speaks for the organization.
#[derive(Serialize, JsonSchema)]
struct VerificationToken {
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

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::CaCertificates);
    contract
        .get(
            "ca_certificates.list",
            "/orgs/{org}/ca_certificates",
            Auth::VIEW,
            list,
        )
        .summary("The authorities");
    contract
        .get(
            "ca_certificates.verification_token",
            "/orgs/{org}/ca_certificates/verification_token",
            Auth::VIEW,
            verification_token,
        )
        .summary("What proves that you own an authority, for an hour");
    contract.post("ca_certificates.create", "/orgs/{org}/ca_certificates", Auth::MANAGE, create)
        .summary("Register an authority")
        .description("`verification_cert` is signed by the authority and has the one alternative name `urn:nerveshub:verify:<verification token>`.")
        .body_fields(&[
            required("cert", FieldType::Text, "Base64 of its PEM"),
            required("verification_cert", FieldType::Text, "Base64 of the PEM of the proof"),
            optional_field("description", FieldType::Text, "Free text"),
            optional_field("check_expiration", FieldType::Flag, "Whether this authority vouches for no device any more once its own certificate has expired"),
            optional_field("jitp", FieldType::Object(JITP), "What devices become that nobody registered"),
        ]);
    contract
        .get(
            "ca_certificates.show",
            "/orgs/{org}/ca_certificates/{serial}",
            Auth::VIEW,
            show,
        )
        .summary("One authority, by its decimal serial number or, in hex, its key identifier")
        .error(409, SAME_SERIAL);
    contract
        .delete(
            "ca_certificates.delete",
            "/orgs/{org}/ca_certificates/{serial}",
            Auth::MANAGE,
            delete,
        )
        .summary("Forget an authority; devices stay connected")
        .error(409, SAME_SERIAL);
}

/// `GET /ca_certificates`.
async fn list(State(app): State<App>, scope: Scope<Org>) -> Result<Data<Vec<CaCertificate>>> {
    let all = certificates::list_cas(&app.db, &scope).await?;
    Ok(Data(all.iter().map(view).collect()))
}

/// `GET /ca_certificates/verification_token`.
async fn verification_token(
    State(app): State<App>,
    scope: Scope<Org>,
) -> Result<Data<VerificationToken>> {
    let token = certificates::verification_token(&app.vault, &scope, app.now());
    Ok(Data(VerificationToken {
        verification_token: token,
    }))
}

/// `GET /ca_certificates/:serial`.
async fn show(
    State(app): State<App>,
    scope: Scope<Org>,
    Name(serial): Name,
) -> Result<Data<CaCertificate>> {
    Ok(Data(view(
        &certificates::show_ca(&app.db, &scope, &serial).await?,
    )))
}

/// Fields of `jitp`.
const JITP: &[Field] = &[
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
async fn create(
    State(app): State<App>,
    scope: Scope<Org>,
    p: Params,
) -> Result<Created<CaCertificate>> {
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
    Ok(Created::at(location, view(&ca)))
}

/// `DELETE /ca_certificates/:serial`.
async fn delete(
    State(app): State<App>,
    scope: Scope<Org>,
    Name(serial): Name,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    certificates::delete_ca(&app.db, &scope, &serial).await?;
    Ok(NoContent)
}
