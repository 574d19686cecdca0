//! The page of a mailed link that confirms an address. Opening it changes nothing: programs that look through mail open links too.

use super::pages::{escaped, page};
use crate::api::http::error::{Error, sentence};
use crate::api::http::params::Params;
use crate::app::App;
use crate::domain::DomainError;
use crate::domain::accounts::confirm::{self, Purpose};
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};

/// `GET /confirm/:link`: the page.
pub(super) async fn show(State(app): State<App>, Path(link): Path<String>) -> Response {
    match confirm::purpose(&app, &link).await {
        Ok(purpose) => form(&purpose, ""),
        Err(_) => over(),
    }
}

/// `POST /confirm/:link`: the button.
pub(super) async fn follow(
    State(app): State<App>,
    Path(link): Path<String>,
    p: Params,
) -> Response {
    let Ok(purpose) = confirm::purpose(&app, &link).await else {
        return over();
    };
    let password = p.text("password").unwrap_or_default();
    match confirm::follow(&app, &link, password).await {
        Ok(()) => done(&purpose),
        Err(DomainError::Fields(errors)) => {
            let mut text = Vec::new();
            sentence(&errors, "", &mut text);
            form(&purpose, &text.join("; "))
        }
        Err(DomainError::Detail(text) | DomainError::Conflict(text)) => form(&purpose, &text),
        Err(DomainError::NotFound) => over(),
        Err(e) => Error::from(e).into_response(),
    }
}

const PASSWORD: &str = "<label>Password, 12 characters or more \
    <input name=password type=password autocomplete=new-password required autofocus></label>";

fn form(purpose: &Purpose, problem: &str) -> Response {
    let (title, said, field, act) = match purpose {
        Purpose::Registration(new) => {
            let (name, email) = (escaped(&new.name), escaped(&new.email));
            let said = format!("For {name}, who logs in as {email}.");
            ("Your account", said, PASSWORD, "Create account")
        }
        Purpose::NewAddress(email) => {
            let said = format!("You log in as {} from then on.", escaped(email));
            ("Your new address", said, "", "Confirm address")
        }
        Purpose::OldAddress(email) => {
            let email = escaped(email);
            let said = format!(
                "The account is {email} again, and all its tokens and logins end. Whoever changed it knows the password: ask for a new one after that."
            );
            ("Take the change back", said, "", "Take it back")
        }
    };
    let bad = escaped(problem);
    let body = format!(
        "<h1>{title}</h1><p>{said}</p><form method=post><p class=bad role=alert>{bad}</p>{field}<button>{act}</button></form>"
    );
    page(if problem.is_empty() { 200 } else { 422 }, title, &body)
}

fn done(purpose: &Purpose) -> Response {
    let said = match purpose {
        Purpose::Registration(_) => "Your account is there. <a href=/login>Log in</a>.",
        Purpose::NewAddress(_) => "Your new address counts from now on.",
        Purpose::OldAddress(_) => {
            "The change is taken back. <a href=/forgotten>Ask for a new password</a> now."
        }
    };
    page(200, "All set", &format!("<h1>All set</h1><p>{said}</p>"))
}

fn over() -> Response {
    let body = "<h1>This link is not good any more</h1><p>It was used, or is too old. Ask for another one.</p>";
    page(404, "No such link", body)
}
