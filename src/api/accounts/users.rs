//! Logins that give a token, and the password (docs/protocol/rest.md, "Authentication").

use crate::api::http::answer::{Data, NoContent};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::{Error, Result};
use crate::api::http::extract::Caller;
use crate::api::http::params::Params;
use crate::api::http::peer::{Peer, address_of};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::accounts::users::{self, Login};
use crate::domain::accounts::{identities, tokens};
use crate::domain::error::{BLANK, field};
use axum::extract::{Extension, State};
use schemars::JsonSchema;
use serde::Serialize;

/// A login that worked.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Session")]
struct LoginView {
    /// Full name.
    name: String,
    /// Login.
    email: String,
    /// A new API token, shown once.
    token: String,
}

/// Fields of a login.
const LOGIN: &[Field] = &[
    required("email", FieldType::Text, "Your login"),
    required("password", FieldType::Text, "Your password"),
    optional_field("note", FieldType::Text, "What the token is for"),
    optional_field(
        "code",
        FieldType::Text,
        "Of your second factor, if you have one; beyond NervesHub",
    ),
];

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Auth);
    contract
        .post("users.login", "/users/auth", Auth::Anyone, login)
        .summary("Trade a password for a new token")
        .body_fields(LOGIN)
        .error(401, "A wrong email, password or code")
        .error(
            429,
            "Too many wrong passwords of this account, or from this address",
        );
    contract
        .post("users.login_as_nh", "/users/login", Auth::Anyone, login)
        .summary("The same, by the path that `nh` takes")
        .body_fields(LOGIN)
        .error(401, "A wrong email, password or code")
        .error(
            429,
            "Too many wrong passwords of this account, or from this address",
        );
    contract.put(
        "users.change_password",
        "/users/me/password",
        Auth::Person,
        change_password,
    )
    .summary(
        "Change your password; all your other tokens end, and only a token that grants all may ask",
    )
    .body_fields(&[
        optional_field(
            "current_password",
            FieldType::Text,
            "The present one. An account that has none asks for a login within the last ten minutes instead",
        ),
        required("new_password", FieldType::Text, "12 to 1,024 characters"),
    ])
    .error(429, "Too many wrong passwords");
}

/// `POST /users/auth` and `/users/login`.
async fn login(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    p: Params,
) -> Result<Data<LoginView>> {
    let (Some(email), Some(password)) = (p.text("email"), p.text("password")) else {
        return Err(Error::WrongPassword);
    };
    let note = p.text("note").unwrap_or_default();
    let (code, from) = (p.text("code"), address_of(peer));
    let session = match users::login(&app, email, password, code, note, from).await? {
        Login::Wrong => return Err(Error::WrongPassword),
        Login::NeedsCode => return Err(Error::NeedsCode),
        Login::Done(session) => session,
    };
    Ok(Data(LoginView {
        name: session.person.name,
        email: session.person.email,
        token: session.token,
    }))
}

/// `PUT /users/me/password`.
async fn change_password(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Caller(person): Caller,
    p: Params,
) -> Result<NoContent> {
    // Before the fields are read: what a token may not do, it may not ask about either.
    tokens::require_full_access(&person)?;
    let text = |key: &str| match p.text(key) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(field(key, BLANK)),
    };
    let present = match text("current_password") {
        Err(_) if !identities::has_password(&app.db, &person).await? => "",
        given => given?,
    };
    let new = text("new_password")?;
    users::change_password(&app, &person, present, new, address_of(peer)).await?;
    Ok(NoContent)
}
