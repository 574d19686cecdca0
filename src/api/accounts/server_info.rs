//! What a login page, or a program before it logs in, needs to know of the server. Beyond NervesHub.

use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract};
use crate::api::http::error::Result;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::accounts::passkeys;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// A server, as strangers may know it.
#[derive(Serialize, JsonSchema)]
struct ServerInfo {
    /// Of Nervecenter.
    version: &'static str,
    /// Whether it sends mail, such as invitations.
    mail: bool,
    /// `open` when people may make accounts for themselves, else `closed`.
    registration: &'static str,
    /// Whether people may log in with passkeys: the server is told its public address, which is under https and has a domain name,
    /// or is `localhost`.
    passkeys: bool,
    /// What it takes beside `.fw` files: `esp_idf`.
    features: Vec<&'static str>,
    /// Providers that people may sign in with in a browser, at `/auth/oidc/NAME`.
    oidc: Vec<ProviderInfo>,
}

/// A sign-in provider (OpenID Connect).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SignInProvider")]
struct ProviderInfo {
    /// Its part of the address.
    name: String,
    /// What its button says.
    label: String,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::PlatformStatus);
    contract
        .get("server.show", "/server", Auth::Anyone, show)
        .summary("What this server is and can do");
}

/// `GET /server`.
async fn show(State(app): State<App>) -> Result<Data<ServerInfo>> {
    let features = [("esp_idf", app.policy.esp_idf)];
    let on = features.into_iter().filter(|(_, on)| *on);
    let providers = app.sign_in_providers.all().map(|p| ProviderInfo {
        name: p.name.clone(),
        label: p.label.clone(),
    });
    Ok(Data(ServerInfo {
        version: env!("CARGO_PKG_VERSION"),
        mail: app.policy.mail,
        registration: if app.policy.registrations {
            "open"
        } else {
            "closed"
        },
        passkeys: passkeys::are_possible(&app.policy),
        features: on.map(|(name, _)| name).collect(),
        oidc: providers.collect(),
    }))
}
