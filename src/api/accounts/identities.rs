//! The sign-in providers that the person who asks has linked. Beyond NervesHub's API.

use super::oidc;
use super::own_account::CURRENT_PASSWORD;
use crate::api::http::answer::{Data, NoContent, WithCookie};
use crate::api::http::contract::{Auth, Contract, FieldType, required};
use crate::api::http::error::Result;
use crate::api::http::extract::{Caller, Word};
use crate::api::http::params::Params;
use crate::api::http::peer::{Peer, address_of};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::clock::Micros;
use crate::domain::DomainError;
use crate::domain::accounts::identities::{self, Identity};
use crate::domain::accounts::sign_in::Purpose;
use crate::domain::error::{INVALID, field};
use axum::extract::{Extension, State};
use schemars::JsonSchema;
use serde::Serialize;

/// An account of yours at a sign-in provider.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SignInIdentity")]
struct IdentityView {
    /// A number.
    id: i64,
    /// The provider's name; null when this server is not set up for it any more.
    provider: Option<String>,
    /// What the provider's button says, or its issuer.
    label: String,
    /// The issuer.
    issuer: String,
    /// The address that the provider named last.
    email: String,
    /// When you linked it, `2026-08-22T08:33:49Z`.
    inserted_at: String,
    /// When you last signed in with it.
    last_used_at: Option<String>,
}

/// Where a link goes on.
#[derive(Serialize, JsonSchema)]
struct LinkBegun {
    /// The address at the provider that the browser has to be sent to within ten minutes. It comes back to the console.
    url: String,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Auth);
    contract
        .get(
            "identities.list",
            "/users/me/identities",
            Auth::Person,
            list,
        )
        .summary("Your accounts at sign-in providers; only a token that grants all may ask");
    contract
        .post(
            "identities.link",
            "/users/me/identities",
            Auth::Person,
            link,
        )
        .summary(
            "Begin to link an account at a sign-in provider; a page of the console goes on with it",
        )
        .body_fields(&[
            required("provider", FieldType::Text, "Its name, from `GET /server`"),
            CURRENT_PASSWORD[0],
        ])
        .error(429, "Too many wrong passwords")
        .error(503, "The provider cannot be reached");
    contract
        .delete(
            "identities.remove",
            "/users/me/identities/{identity}",
            Auth::Person,
            remove,
        )
        .summary("Remove an account at a sign-in provider, which does not let you in any more")
        .error(409, "It is the only way into your account");
}

/// `GET /users/me/identities`.
async fn list(State(app): State<App>, Caller(person): Caller) -> Result<Data<Vec<IdentityView>>> {
    let all = identities::list(&app.db, &person).await?;
    let view = |i: Identity| {
        let provider = app.sign_in_providers.of_issuer(&i.issuer);
        let settings = provider.map(|p| &p.settings);
        IdentityView {
            id: i.id,
            provider: settings.map(|s| s.name.clone()),
            label: settings.map_or_else(|| i.issuer.clone(), |s| s.label.clone()),
            issuer: i.issuer,
            email: i.email,
            inserted_at: i.inserted_at.zulu(),
            last_used_at: i.last_used_at.map(Micros::zulu),
        }
    };
    Ok(Data(all.into_iter().map(view).collect()))
}

/// `POST /users/me/identities`.
async fn link(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Caller(person): Caller,
    p: Params,
) -> Result<WithCookie<Data<LinkBegun>>> {
    let password = p.text("current_password").unwrap_or_default();
    let session = identities::begin_link(&app, &person, password, address_of(peer)).await?;
    let name = p.text("provider").unwrap_or_default();
    let provider = app.sign_in_providers.find(name);
    let provider = provider.ok_or_else(|| field("provider", INVALID))?;
    let purpose = Purpose::Link { session };
    let begun = oidc::begin(&app, provider, purpose, "/").await;
    let (url, cookie) = begun.map_err(|e| {
        oidc::word(provider, &e);
        let text = format!("{} cannot be reached: {e}", provider.settings.label);
        DomainError::Busy(text)
    })?;
    Ok(WithCookie(Some(cookie), Data(LinkBegun { url })))
}

/// `DELETE /users/me/identities/:identity`.
async fn remove(
    State(app): State<App>,
    Caller(person): Caller,
    identity: Word,
) -> Result<NoContent> {
    identities::remove(&app.db, &person, identity.number()?).await?;
    Ok(NoContent)
}
