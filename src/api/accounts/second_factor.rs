//! The second factor of the person who asks. Beyond NervesHub.

use super::own_account::CURRENT_PASSWORD;
use crate::api::http::answer::{Data, NoContent};
use crate::api::http::contract::{Auth, Contract, FieldType, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Caller;
use crate::api::http::params::Params;
use crate::api::http::peer::{Peer, address_of};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::accounts::second_factor;
use axum::extract::{Extension, State};
use schemars::JsonSchema;
use serde::Serialize;

/// How your second factor stands.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SecondFactor")]
struct FactorView {
    /// Whether logins ask for a code.
    on: bool,
    /// How many recovery codes are left.
    recovery_codes: i64,
}

/// A secret for an app that makes codes (RFC 6238: SHA-1, six digits, 30 seconds).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SecondFactorSecret")]
struct SecretView {
    /// In Base32, shown this once.
    secret: String,
    /// `otpauth://…`, to be shown as a QR code.
    uri: String,
}

/// Recovery codes.
#[derive(Serialize, JsonSchema)]
struct RecoveryCodes {
    /// Each is good once, in place of a code. They are shown this once.
    recovery_codes: Vec<String>,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Auth);
    let path = "/users/me/totp";
    contract
        .get("second_factor.show", path, Auth::Person, show)
        .summary("Whether you have a second factor; only a token that grants all may ask");
    contract
        .post("second_factor.begin", path, Auth::Person, begin)
        .summary("Make a secret for your app; it counts once you gave a first code of it")
        .body_fields(&CURRENT_PASSWORD)
        .error(409, "A second factor is on already")
        .error(429, "Too many wrong passwords");
    contract
        .put("second_factor.confirm", path, Auth::Person, confirm)
        .summary("Switch the second factor on with a first code, and get recovery codes")
        .body_fields(&[required("code", FieldType::Text, "Six digits")])
        .error(409, "A second factor is on already, or no secret waits")
        .error(429, "Too many wrong codes");
    contract
        .delete("second_factor.remove", path, Auth::Person, remove)
        .summary("Remove your second factor")
        .body_fields(&CURRENT_PASSWORD)
        .error(404, "You have none")
        .error(429, "Too many wrong passwords");
}

/// `GET /users/me/totp`.
async fn show(State(app): State<App>, Caller(person): Caller) -> Result<Data<FactorView>> {
    let state = second_factor::state(&app.db, &person).await?;
    Ok(Data(FactorView {
        on: state.on,
        recovery_codes: state.recovery_codes,
    }))
}

/// `POST /users/me/totp`.
async fn begin(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Caller(person): Caller,
    p: Params,
) -> Result<Data<SecretView>> {
    let password = p.text("current_password").unwrap_or_default();
    let new = second_factor::begin(&app, &person, password, address_of(peer)).await?;
    Ok(Data(SecretView {
        secret: new.secret,
        uri: new.uri,
    }))
}

/// `PUT /users/me/totp`.
async fn confirm(
    State(app): State<App>,
    Caller(person): Caller,
    p: Params,
) -> Result<Data<RecoveryCodes>> {
    let code = p.text("code").unwrap_or_default();
    let recovery_codes = second_factor::confirm(&app, &person, code).await?;
    Ok(Data(RecoveryCodes { recovery_codes }))
}

/// `DELETE /users/me/totp`.
async fn remove(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Caller(person): Caller,
    p: Params,
) -> Result<NoContent> {
    let password = p.text("current_password").unwrap_or_default();
    second_factor::remove(&app, &person, password, address_of(peer)).await?;
    Ok(NoContent)
}
