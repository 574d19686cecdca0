//! Signing keys (docs/protocol/rules.md, "Signing keys").

use crate::access::scope::{Org, Role, Scope};
use crate::api::http::answer::{Created, Data, NoContent};
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::catalog::keys::{self, KeyRow};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// A signing key.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SigningKey")]
struct Key {
    /// Unique in the organization.
    name: String,
    /// The public key: base64 of 32 bytes.
    key: String,
    /// `ed25519`.
    scheme: String,
}

fn view(k: &KeyRow) -> Key {
    Key {
        name: k.name.clone(),
        key: k.key.clone(),
        scheme: k.scheme.clone(),
    }
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::SigningKeys);
    contract
        .get("keys.list", "/orgs/{org}/keys", Auth::VIEW, list)
        .summary("The keys, oldest first");
    contract
        .post("keys.create", "/orgs/{org}/keys", Auth::MANAGE, create)
        .summary("Register a key")
        .body_fields(&[
            required("name", FieldType::Text, "Its name"),
            required(
                "key",
                FieldType::Text,
                "Base64 of the 32 bytes of an Ed25519 public key",
            ),
            optional_field(
                "scheme",
                FieldType::Words(&["ed25519", "secure_boot_v2_rsa"]),
                "What kind of key",
            ),
        ]);
    contract
        .get("keys.show", "/orgs/{org}/keys/{name}", Auth::VIEW, show)
        .summary("One key");
    contract
        .delete(
            "keys.delete",
            "/orgs/{org}/keys/{name}",
            Auth::MANAGE,
            delete,
        )
        .summary("Delete a key that nothing was signed with")
        .error(409, "Something was signed with it");
}

/// `GET /keys`.
async fn list(State(app): State<App>, scope: Scope<Org>) -> Result<Data<Vec<Key>>> {
    let all = keys::list(&app.db, &scope).await?;
    Ok(Data(all.iter().map(view).collect()))
}

/// `GET /keys/:name`.
async fn show(State(app): State<App>, scope: Scope<Org>, Name(name): Name) -> Result<Data<Key>> {
    Ok(Data(view(&keys::show(&app.db, &scope, &name).await?)))
}

/// `POST /keys`.
async fn create(State(app): State<App>, scope: Scope<Org>, p: Params) -> Result<Created<Key>> {
    let scope = scope.allow(Role::Manage)?;
    let (name, key, scheme) = (p.text("name"), p.text("key"), p.text("scheme"));
    Ok(Created::without_location(view(
        &keys::create(&app, &scope, name, key, scheme).await?,
    )))
}

/// `DELETE /keys/:name`.
async fn delete(State(app): State<App>, scope: Scope<Org>, Name(name): Name) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    keys::delete(&app, &scope, &name).await?;
    Ok(NoContent)
}
