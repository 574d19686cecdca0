//! A new password by a link in a mail. Beyond NervesHub, which has it on its pages only.

use crate::api::http::answer::NoContent;
use crate::api::http::contract::{Auth, Contract, FieldType, required};
use crate::api::http::error::Result;
use crate::api::http::params::Params;
use crate::api::http::peer::{Peer, address_of};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::accounts::password_reset;
use crate::domain::error::{BLANK, field};
use axum::extract::{Extension, Path, State};

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Auth);
    contract
        .post(
            "password_reset.ask",
            "/users/password_reset",
            Auth::Anyone,
            ask,
        )
        .summary("Mail a link for a new password, if somebody has this address; the answer does not tell")
        .body_fields(&[required("email", FieldType::Text, "Your login")]);
    contract
        .put(
            "password_reset.set",
            "/users/password_reset/{link}",
            Auth::Anyone,
            set,
        )
        .summary("Set a new password by such a link; all your tokens and sessions end")
        .body_fields(&[required(
            "password",
            FieldType::Text,
            "12 to 1,024 characters",
        )]);
}

/// `POST /users/password_reset`.
async fn ask(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    p: Params,
) -> Result<NoContent> {
    let email = p.text("email").ok_or_else(|| field("email", BLANK))?;
    password_reset::ask(&app, email, address_of(peer))?;
    Ok(NoContent)
}

/// `PUT /users/password_reset/:link`.
async fn set(State(app): State<App>, Path(link): Path<String>, p: Params) -> Result<NoContent> {
    let password = p.text("password").unwrap_or_default();
    password_reset::set(&app, &link, password).await?;
    Ok(NoContent)
}
