//! The account of the person who asks. All but `GET /users/me` is beyond NervesHub's API.

use crate::api::http::answer::{Data, NoContent};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Caller;
use crate::api::http::params::Params;
use crate::api::http::peer::{Peer, address_of};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::accounts::{own_account, tokens};
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
}

/// What somebody proves with that an open browser is theirs.
pub(super) const CURRENT_PASSWORD: [Field; 1] = [required(
    "current_password",
    FieldType::Text,
    "Your password",
)];

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Auth);
    contract
        .get("users.me", "/users/me", Auth::Person, me)
        .summary("The person whose token it is");
    contract
        .put("users.change_me", "/users/me", Auth::Person, change)
        .summary("Change your name; only a token that grants all may ask")
        .body_fields(&[required("name", FieldType::Text, "2 to 100 characters")]);
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
async fn me(Caller(person): Caller) -> Result<Data<Me>> {
    Ok(Data(Me {
        name: person.name,
        email: person.email,
    }))
}

/// `PUT /users/me`.
async fn change(State(app): State<App>, Caller(person): Caller, p: Params) -> Result<Data<Me>> {
    let name = p.text("name").unwrap_or_default();
    let renamed = own_account::rename(&app.db, &person, name).await?;
    Ok(Data(Me {
        name: renamed.name,
        email: renamed.email,
    }))
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
