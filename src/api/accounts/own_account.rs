//! The account of the person who asks. All but `GET /users/me` is beyond NervesHub's API.

use crate::access::scope::Person;
use crate::api::http::answer::{Data, NoContent};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Caller;
use crate::api::http::params::Params;
use crate::api::http::peer::{Peer, address_of};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::accounts::{new_address, own_account, tokens};
use crate::domain::error::{BLANK, field};
use axum::extract::{Extension, State};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// The person whose token it is.
#[derive(Serialize, JsonSchema)]
struct Me {
    /// Full name.
    name: String,
    /// Login.
    email: String,
    /// The address that you want in place of it and have not confirmed; told to tokens that grant all.
    #[serde(skip_serializing_if = "Option::is_none")]
    new_email: Option<String>,
}

/// What somebody proves with that an open browser is theirs.
pub(super) const CURRENT_PASSWORD: [Field; 1] = [optional_field(
    "current_password",
    FieldType::Text,
    "Your password. An account that has none asks for a login within the last ten minutes instead",
)];

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Auth);
    contract
        .get("users.me", "/users/me", Auth::Person, me)
        .summary("The person whose token it is");
    contract
        .put("users.change_me", "/users/me", Auth::Person, change)
        .summary("Change your name, your address, or both; only a token that grants all may ask. A new address counts once the link that is mailed to it was followed")
        .body_fields(&[
            optional_field("name", FieldType::Text, "2 to 100 characters"),
            optional_field(
                "email",
                FieldType::Text,
                "A new address; the present one takes a wish for another one back",
            ),
            optional_field(
                "current_password",
                FieldType::Text,
                "Your password, with an address",
            ),
        ])
        .error(
            429,
            "Too many wrong passwords, or too many mails about your address",
        );
    contract
        .delete("users.delete_me", "/users/me", Auth::Person, delete)
        .summary("Delete your account, with its tokens, sessions and memberships; refused while an organization has no other administrator")
        .body_fields(&CURRENT_PASSWORD)
        .error(429, "Too many wrong passwords");
    contract
        .get(
            "users.preferences",
            "/users/me/preferences",
            Auth::Person,
            preferences,
        )
        .summary("What your console remembers for you");
    contract
        .put(
            "users.set_preferences",
            "/users/me/preferences",
            Auth::Person,
            set_preferences,
        )
        .summary("Have your console remember this, in place of what it did before")
        .body_fields(&[required(
            "preferences",
            FieldType::Map,
            "Anything, at most 16,384 bytes of JSON",
        )]);
}

/// `GET /users/me`.
async fn me(State(app): State<App>, Caller(person): Caller) -> Result<Data<Me>> {
    Ok(Data(view(&app, person).await?))
}

async fn view(app: &App, person: Person) -> Result<Me> {
    let new_email = match person.grant.is_full() {
        true => new_address::wanted(&app.db, &person).await?,
        false => None,
    };
    Ok(Me {
        name: person.name,
        email: person.email,
        new_email,
    })
}

/// `PUT /users/me`.
async fn change(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Caller(mut person): Caller,
    p: Params,
) -> Result<Data<Me>> {
    let (name, email) = (p.text("name"), p.text("email"));
    if let Some(email) = email {
        let password = p.text("current_password").unwrap_or_default();
        new_address::ask(&app, &person, email, password, address_of(peer)).await?;
    }
    if name.is_some() || email.is_none() {
        person = own_account::rename(&app.db, &person, name.unwrap_or_default()).await?;
    }
    Ok(Data(view(&app, person).await?))
}

/// `DELETE /users/me`.
async fn delete(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Caller(person): Caller,
    p: Params,
) -> Result<NoContent> {
    let password = p.text("current_password").unwrap_or_default();
    own_account::delete(&app, &person, password, address_of(peer)).await?;
    Ok(NoContent)
}

/// `GET /users/me/preferences`.
async fn preferences(
    State(app): State<App>,
    Caller(person): Caller,
) -> Result<Data<Map<String, Value>>> {
    Ok(Data(own_account::preferences(&app.db, &person).await?))
}

/// `PUT /users/me/preferences`.
async fn set_preferences(
    State(app): State<App>,
    Caller(person): Caller,
    p: Params,
) -> Result<Data<Map<String, Value>>> {
    // Before the fields are read: what a token may not do, it may not ask about either.
    tokens::require_full_access(&person)?;
    let new = p.0.get("preferences").and_then(Value::as_object).cloned();
    let new = new.ok_or_else(|| field("preferences", BLANK))?;
    own_account::set_preferences(&app.db, &person, &new).await?;
    Ok(Data(new))
}
