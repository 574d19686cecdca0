//! The login of browsers with a passkey. Beyond NervesHub.

use super::passkeys::OptionsView;
use super::sessions::{Asking, SessionView, begun};
use crate::api::http::answer::{Data, WithCookie};
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field, required};
use crate::api::http::error::{Error, Result};
use crate::api::http::params::Params;
use crate::api::http::peer::{Peer, address_of};
use crate::api::http::session_cookie;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::accounts::passkey_login;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;

/// What an assertion is.
pub(super) const ASSERTION: &str =
    "What `toJSON` of the credential returns that the browser got from the passkey";

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Auth);
    contract
        .post(
            "sessions.passkey_options",
            "/session/passkey/options",
            Auth::Anyone,
            options,
        )
        .summary("What your browser asks a passkey for, to log in without a password or as the second step after it")
        .body_fields(&[optional_field(
            "challenge",
            FieldType::Text,
            "From the first step of a login, empty for that which the browser has in a cookie after a sign-in at a provider; without \
             it, the passkey says who you are",
        )])
        .error(401, "The first step is over, or the account has no passkey")
        .error(422, "Passkeys do not work here: the server's public address is not under https and a domain name")
        .error(429, "Too many logins with passkeys from this address");
    contract
        .post("sessions.passkey", "/session/passkey", Auth::Anyone, log_in)
        .summary("Log a browser in with a passkey, without a password")
        .body_fields(&[
            required(
                "challenge",
                FieldType::Text,
                "From `POST /session/passkey/options`, asked without a challenge",
            ),
            required("assertion", FieldType::Map, ASSERTION),
            optional_field(
                "remember",
                FieldType::Flag,
                "Whether the session lasts for 60 days, also when the browser is closed",
            ),
        ])
        .error(
            401,
            "A passkey that is not known here, or a challenge that is over or was answered before",
        )
        .error(429, "Too many logins with passkeys from this address");
}

/// `POST /session/passkey/options`.
async fn options(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    p: Params,
) -> Result<Data<OptionsView>> {
    let from = address_of(peer);
    let kept = session_cookie::second_step(&headers, &app.policy).unwrap_or_default();
    let told = p.text("challenge");
    let asked = match told.map(|told| if told.is_empty() { &kept } else { told }) {
        Some(challenge) => passkey_login::ask_second(&app, challenge, from)
            .await?
            .ok_or(Error::WrongPasskey)?,
        None => passkey_login::ask(&app, from)?,
    };
    Ok(Data(asked.into()))
}

/// `POST /session/passkey`.
async fn log_in(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    p: Params,
) -> Result<WithCookie<Data<SessionView>>> {
    let asking = Asking::new(&app, &headers, peer)?;
    let challenge = p.text("challenge").unwrap_or_default();
    let remembered = p.flag("remember").unwrap_or_default();
    let assertion = p.map("assertion");
    let new =
        passkey_login::log_in(&app, challenge, assertion, remembered, asking.browser()).await?;
    begun(&app, &new.ok_or(Error::WrongPasskey)?).await
}
