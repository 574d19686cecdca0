//! CA certificates (rest-api 7).

use super::answer::{created, none, ok, path};
use super::error::Result;
use super::extract::Name;
use super::params::{Params, number, tags};
use crate::access::scope::{Org, Role, Scope};
use crate::app::App;
use crate::fleet::certificates::{self, CaForm, CaRow, JitpForm};
use axum::extract::State;
use serde_json::{Map, Value, json};

fn view(c: &CaRow) -> Value {
    let jitp = c.jitp_product_name.as_ref().map(|product| {
        let tags: Value = c
            .jitp_tags
            .as_deref()
            .and_then(|t| serde_json::from_str(t).ok())
            .unwrap_or(Value::Null);
        json!({"product_name": product, "tags": tags, "description": c.jitp_description})
    });
    json!({
        "serial": c.serial,
        "not_before": c.not_before.zulu(),
        "not_after": c.not_after.zulu(),
        "description": c.description,
        "jitp": jitp,
    })
}

/// `GET /ca_certificates`.
pub(super) async fn list(State(app): State<App>, scope: Scope<Org>) -> Result {
    Ok(ok(&certificates::list_cas(&app.db, &scope)
        .await?
        .iter()
        .map(view)
        .collect()))
}

/// `GET /ca_certificates/verification_token`.
pub(super) async fn verification_token(State(app): State<App>, scope: Scope<Org>) -> Result {
    let token = certificates::verification_token(&app.vault, &scope);
    Ok(ok(&json!({ "verification_token": token })))
}

/// `GET /ca_certificates/:serial`.
pub(super) async fn show(State(app): State<App>, scope: Scope<Org>, Name(serial): Name) -> Result {
    Ok(ok(&view(
        &certificates::show_ca(&app.db, &scope, &serial).await?,
    )))
}

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
pub(super) async fn create(State(app): State<App>, scope: Scope<Org>, p: Params) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let form = CaForm {
        cert: p.string("cert"),
        verification: p.string("verification_cert"),
        description: p.string("description"),
        check_expiration: p.flag("check_expiration").unwrap_or(false),
        jitp: p.map("jitp").map(jitp),
    };
    let ca = certificates::add_ca(&app.db, &app.vault, &scope, form).await?;
    let location = path(&["orgs", &scope.at().name, "ca_certificates", &ca.serial]);
    Ok(created(Some(&location), &view(&ca)))
}

/// `DELETE /ca_certificates/:serial`.
pub(super) async fn delete(
    State(app): State<App>,
    scope: Scope<Org>,
    Name(serial): Name,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    certificates::delete_ca(&app.db, &scope, &serial).await?;
    Ok(none())
}
