//! The passkeys of the person who asks. Beyond NervesHub.

use super::own_account::CURRENT_PASSWORD;
use crate::api::http::answer::{Data, NoContent};
use crate::api::http::contract::{Auth, Contract, FieldType, required};
use crate::api::http::error::Result;
use crate::api::http::extract::{Caller, Word};
use crate::api::http::params::Params;
use crate::api::http::peer::{Peer, address_of};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::clock::Micros;
use crate::domain::accounts::passkeys::{self, Answer, Asked, OwnPasskey};
use axum::extract::{Extension, State};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A passkey of the person who asks.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Passkey")]
struct PasskeyView {
    /// A number.
    id: i64,
    /// What you called it.
    name: String,
    /// When it was added, `2026-08-22T08:33:49Z`.
    inserted_at: String,
    /// The last login with it, `2026-08-22T08:33:49Z`.
    last_used_at: Option<String>,
}

/// A passkey that was added.
#[derive(Serialize, JsonSchema)]
struct NewPasskey {
    /// The passkey.
    passkey: PasskeyView,
    /// New recovery codes, when this is your first second factor: each is good once, in place of the passkey. They are shown this once.
    recovery_codes: Vec<String>,
}

/// A question to a passkey, or to what is to make one.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PasskeyOptions")]
pub(super) struct OptionsView {
    /// What the browser takes as `publicKey`, as the JSON of WebAuthn, which `PublicKeyCredential.parseCreationOptionsFromJSON` or
    /// `parseRequestOptionsFromJSON` read.
    options: Map<String, Value>,
    /// What goes back to the server with the answer, within five minutes.
    challenge: String,
}

impl From<Asked> for OptionsView {
    fn from(asked: Asked) -> Self {
        Self {
            options: asked.options,
            challenge: asked.challenge,
        }
    }
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Auth);
    let path = "/users/me/passkeys";
    contract
        .get("passkeys.list", path, Auth::Person, list)
        .summary("Your passkeys, the oldest first; only a token that grants all may ask");
    contract
        .post("passkeys.begin", "/users/me/passkeys/options", Auth::Person, begin)
        .summary("What your browser makes a passkey of; refused where the server's public address is not under https and a domain name")
        .body_fields(&CURRENT_PASSWORD)
        .error(409, "You have 20 already")
        .error(429, "Too many wrong passwords");
    contract
        .post("passkeys.add", path, Auth::Person, add)
        .summary(
            "Add a passkey: logins with your password ask for it, and it logs you in without one",
        )
        .body_fields(&[
            required(
                "challenge",
                FieldType::Text,
                "From `POST /users/me/passkeys/options`",
            ),
            required(
                "credential",
                FieldType::Map,
                "What `toJSON` of the browser's new credential returns",
            ),
            required("name", FieldType::Text, "1 to 100 characters"),
        ])
        .error(
            409,
            "The passkey is known here already, or you have 20 already",
        );
    contract
        .delete(
            "passkeys.remove",
            "/users/me/passkeys/{passkey}",
            Auth::Person,
            remove,
        )
        .summary("Remove one of your passkeys; recovery codes go with the last second factor")
        .body_fields(&CURRENT_PASSWORD)
        .error(429, "Too many wrong passwords");
}

fn view(own: OwnPasskey) -> PasskeyView {
    PasskeyView {
        id: own.id,
        name: own.name,
        inserted_at: own.inserted_at.zulu(),
        last_used_at: own.last_used_at.map(Micros::zulu),
    }
}

/// `GET /users/me/passkeys`.
async fn list(State(app): State<App>, Caller(person): Caller) -> Result<Data<Vec<PasskeyView>>> {
    let all = passkeys::list(&app.db, &person).await?;
    Ok(Data(all.into_iter().map(view).collect()))
}

/// `POST /users/me/passkeys/options`.
async fn begin(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Caller(person): Caller,
    p: Params,
) -> Result<Data<OptionsView>> {
    let password = p.text("current_password").unwrap_or_default();
    let asked = passkeys::begin(&app, &person, password, address_of(peer)).await?;
    Ok(Data(asked.into()))
}

/// `POST /users/me/passkeys`.
async fn add(
    State(app): State<App>,
    Caller(person): Caller,
    p: Params,
) -> Result<Data<NewPasskey>> {
    let answer = Answer {
        challenge: p.text("challenge").unwrap_or_default(),
        credential: p.map("credential"),
        name: p.text("name").unwrap_or_default(),
    };
    let added = passkeys::add(&app, &person, &answer).await?;
    Ok(Data(NewPasskey {
        passkey: view(added.passkey),
        recovery_codes: added.recovery_codes,
    }))
}

/// `DELETE /users/me/passkeys/:passkey`.
async fn remove(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Caller(person): Caller,
    passkey: Word,
    p: Params,
) -> Result<NoContent> {
    let password = p.text("current_password").unwrap_or_default();
    let id = passkey.number()?;
    passkeys::remove(&app, &person, id, password, address_of(peer)).await?;
    Ok(NoContent)
}
