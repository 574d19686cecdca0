//! Accounts that people make for themselves, and links of mails that confirm addresses. Beyond NervesHub's API, which has both on its pages only.

use crate::api::http::answer::{Data, NoContent};
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::params::Params;
use crate::api::http::peer::{Peer, address_of};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::accounts::confirm::{self, Purpose};
use crate::domain::accounts::registration;
use crate::domain::error::{BLANK, field};
use axum::extract::{Extension, Path, State};
use schemars::JsonSchema;
use serde::Serialize;

/// What the link of a mail does.
#[derive(Serialize, JsonSchema)]
struct ConfirmLink {
    /// `registration` makes an account, `new_address` gives one another address, `old_address` takes such a change back.
    purpose: &'static str,
    /// The address.
    email: String,
    /// The name of a new account.
    name: Option<String>,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Auth);
    contract
        .post(
            "registration.ask",
            "/users/register",
            Auth::Anyone,
            register,
        )
        .summary("Mail a link that makes an account, where registration is open; the answer does not tell whether the address has one")
        .body_fields(&[
            required("name", FieldType::Text, "2 to 100 characters"),
            required("email", FieldType::Text, "The login; a link is mailed to it"),
        ])
        .error(
            429,
            "Too many registrations from this address, or too many mails to this mailbox",
        );
    contract
        .get(
            "registration.show",
            "/users/confirm/{link}",
            Auth::Anyone,
            show,
        )
        .summary("What a mailed link does, by what follows `/confirm/` in it");
    contract
        .post(
            "registration.confirm",
            "/users/confirm/{link}",
            Auth::Anyone,
            follow,
        )
        .summary("Do what a mailed link is for: once, and within a day, or a week for one that takes a change back")
        .body_fields(&[optional_field(
            "password",
            FieldType::Text,
            "Of a new account, 12 to 1,024 characters",
        )])
        .error(409, "Somebody else has the address by now");
}

/// `POST /users/register`.
async fn register(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    p: Params,
) -> Result<NoContent> {
    let name = p.text("name").unwrap_or_default();
    let email = p.text("email").ok_or_else(|| field("email", BLANK))?;
    registration::ask(&app, name, email, address_of(peer))?;
    Ok(NoContent)
}

/// `GET /users/confirm/:link`.
async fn show(State(app): State<App>, Path(link): Path<String>) -> Result<Data<ConfirmLink>> {
    let (purpose, email, name) = match confirm::purpose(&app, &link).await? {
        Purpose::Registration(new) => ("registration", new.email, Some(new.name)),
        Purpose::NewAddress(email) => ("new_address", email, None),
        Purpose::OldAddress(email) => ("old_address", email, None),
    };
    Ok(Data(ConfirmLink {
        purpose,
        email,
        name,
    }))
}

/// `POST /users/confirm/:link`.
async fn follow(State(app): State<App>, Path(link): Path<String>, p: Params) -> Result<NoContent> {
    let password = p.text("password").unwrap_or_default();
    confirm::follow(&app, &link, password).await?;
    Ok(NoContent)
}
