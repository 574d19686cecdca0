//! The few pages that work without the console: the browser's side of a command line's login, invitations, new passwords, and addresses. Plain forms,
//! without a script: each asks for the password, also where the browser has a session.

use super::confirm_page;
use crate::api::http::error::Error;
use crate::api::http::params::Params;
use crate::api::http::peer::{Peer, address_of};
use crate::api::http::session_cookie;
use crate::app::App;
use crate::domain::DomainError;
use crate::domain::accounts::logins::{self, Confirmed, Shown};
use crate::domain::accounts::password_reset;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};

/// The pages, which are no part of the document.
pub(in crate::api) fn router() -> Router<App> {
    Router::new()
        .route("/auth/cli/{session}", get(cli_page).post(confirm))
        .route("/invite/{link}", get(invite_page).post(accept))
        .route("/reset/{link}", get(reset_page).post(reset))
        .route(
            "/confirm/{link}",
            get(confirm_page::show).post(confirm_page::follow),
        )
}

/// `GET /auth/cli/:session`: the page.
async fn cli_page(State(app): State<App>, Path(session): Path<String>) -> Response {
    match logins::waiting(&app.db, &session).await {
        Ok(s) if s.user_id.is_some() => done(),
        Ok(s) => confirm_form(s.code, ""),
        Err(_) => failed(),
    }
}

/// `POST /auth/cli/:session`: the button.
async fn confirm(
    State(app): State<App>,
    Path(session): Path<String>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    p: Params,
) -> Response {
    let Ok(waits) = logins::waiting(&app.db, &session).await else {
        return failed();
    };
    let own = session_cookie::sent(&headers, &app.policy);
    let shown = Shown {
        email: p.text("email").unwrap_or_default(),
        password: p.text("password").unwrap_or_default(),
        code: p.text("code"),
        session: own.as_deref(),
        from: address_of(peer),
    };
    match logins::confirm(&app, &session, shown).await {
        Ok(Confirmed::Done) => done(),
        Ok(Confirmed::Wrong) => confirm_form(waits.code, "Wrong email, password or code."),
        Ok(Confirmed::NeedsCode) => confirm_form(waits.code, NEEDS_CODE),
        Ok(Confirmed::Unconfirmed) => confirm_form(waits.code, UNCONFIRMED),
        Ok(Confirmed::Taken) | Err(DomainError::NotFound) => failed(),
        Err(e) => Error::from(e).into_response(),
    }
}

/// What an account that came from another server without a confirmed address is told.
const UNCONFIRMED: &str = "The address of this account was never confirmed. Whoever runs this server can give it a new \
    password, which confirms it: nervecenter admin reset-password.";

/// What somebody with a second factor is told.
const NEEDS_CODE: &str = "This account has a second factor: give its code, or a recovery code, as well, and the password once more. In a browser that \
     you are logged in with, the password is enough.";

fn confirm_form(code: i64, problem: &str) -> Response {
    let digits: String = code
        .to_string()
        .chars()
        .map(|c| format!("<b>{c}</b>"))
        .collect();
    let body = format!(
        "<h1>Log in a command line</h1>\
         <p>Go on only when your terminal shows this code:</p><p class=code>{digits}</p>\
         <form method=post><p class=bad role=alert>{problem}</p>\
         <label>Email <input name=email type=email autocomplete=username required autofocus></label>\
         <label>Password <input name=password type=password autocomplete=current-password required></label>\
         <label>Code of your second factor, if you have one <input name=code inputmode=numeric autocomplete=one-time-code></label>\
         <button>Confirm login</button></form>"
    );
    page(
        if problem.is_empty() { 200 } else { 401 },
        "Log in a command line",
        &body,
    )
}

fn done() -> Response {
    let body = "<h1>All set</h1><p>The command line is logged in. You can close this page.</p>";
    page(200, "All set", body)
}

fn failed() -> Response {
    let body = "<h1>CLI authentication failed</h1><p>This login is unknown, over, or somebody else's. \
                Start it again in your terminal.</p>";
    page(404, "CLI authentication failed", body)
}

/// `GET /invite/:link`: the page.
async fn invite_page(State(app): State<App>, Path(link): Path<String>) -> Response {
    match logins::invited(&app, &link).await {
        Ok(i) => invite_form(&i.org, &i.email, &i.invited_by, ""),
        Err(_) => uninvited(),
    }
}

/// `POST /invite/:link`: the button.
async fn accept(
    State(app): State<App>,
    Path(link): Path<String>,
    peer: Option<Extension<Peer>>,
    p: Params,
) -> Response {
    let Ok(invite) = logins::invited(&app, &link).await else {
        return uninvited();
    };
    let text = |key: &str| p.text(key).unwrap_or_default();
    match logins::accept(
        &app,
        &link,
        text("name"),
        text("password"),
        address_of(peer),
    )
    .await
    {
        Ok(()) => {
            let org = escaped(&invite.org);
            let body = format!("<h1>Welcome</h1><p>You are a member of {org} now.</p>");
            page(200, "Welcome", &body)
        }
        Err(DomainError::Fields(errors)) => {
            let mut text = Vec::new();
            crate::api::http::error::sentence(&errors, "", &mut text);
            invite_form(
                &invite.org,
                &invite.email,
                &invite.invited_by,
                &text.join("; "),
            )
        }
        Err(DomainError::NotFound) => uninvited(),
        Err(e) => Error::from(e).into_response(),
    }
}

fn invite_form(org: &str, email: &str, by: &str, problem: &str) -> Response {
    let (org, email, by) = (escaped(org), escaped(email), escaped(by));
    let bad = escaped(problem);
    let body = format!(
        "<h1>Join {org}</h1><p>{by} invites {email}. If you have an account on this server already, give its password.</p>\
         <form method=post><p class=bad role=alert>{bad}</p>\
         <label>Your name <input name=name autocomplete=name autofocus></label>\
         <label>Password, 12 characters or more <input name=password type=password autocomplete=new-password required></label>\
         <button>Join</button></form>"
    );
    page(if problem.is_empty() { 200 } else { 422 }, "Join", &body)
}

fn uninvited() -> Response {
    let body = "<h1>No such invitation</h1><p>It was accepted, taken back, or is older than 48 hours. \
                Ask for another one.</p>";
    page(404, "No such invitation", body)
}

/// `GET /reset/:link`: the page.
async fn reset_page(State(app): State<App>, Path(link): Path<String>) -> Response {
    match password_reset::person_of(&app, &link).await {
        Ok(person) => reset_form(&person.email, ""),
        Err(_) => no_reset(),
    }
}

/// `POST /reset/:link`: the button.
async fn reset(State(app): State<App>, Path(link): Path<String>, p: Params) -> Response {
    let Ok(person) = password_reset::person_of(&app, &link).await else {
        return no_reset();
    };
    let new = p.text("password").unwrap_or_default();
    match password_reset::set(&app, &link, new).await {
        Ok(()) => {
            let body = "<h1>All set</h1><p>Your new password counts from now on; log in anew where you were logged in.</p>";
            page(200, "All set", body)
        }
        Err(DomainError::Fields(errors)) => {
            let mut text = Vec::new();
            crate::api::http::error::sentence(&errors, "", &mut text);
            reset_form(&person.email, &text.join("; "))
        }
        Err(DomainError::NotFound) => no_reset(),
        Err(e) => Error::from(e).into_response(),
    }
}

fn reset_form(email: &str, problem: &str) -> Response {
    let (email, bad) = (escaped(email), escaped(problem));
    let body = format!(
        "<h1>A new password</h1><p>For {email}. All your tokens and logins end.</p>\
         <form method=post><p class=bad role=alert>{bad}</p>\
         <label>New password, 12 characters or more <input name=password type=password autocomplete=new-password required autofocus></label>\
         <button>Set password</button></form>"
    );
    page(
        if problem.is_empty() { 200 } else { 422 },
        "A new password",
        &body,
    )
}

fn no_reset() -> Response {
    let body = "<h1>This link is not good any more</h1><p>It was used, or is older than a day. Ask for another one.</p>";
    page(404, "No such link", body)
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:12vh auto;padding:0 1rem;color-scheme:light dark}\
h1{font-size:1.3rem}label{display:block;margin:.8rem 0}input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.5rem;border:1px solid #8a97a6;border-radius:6px}\
button{font:inherit;padding:.55rem 1rem;border:0;border-radius:6px;background:#0b63c5;color:#fff;cursor:pointer}.bad{color:#c0281c}.bad:empty{display:none}\
.code b{display:inline-block;font:600 1.6rem ui-monospace,monospace;border:1px solid #8a97a6;border-radius:6px;padding:.2rem .6rem;margin-right:.3rem}";

pub(super) fn page(status: u16, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <title>{title} - Nervecenter</title><style>{STYLE}</style></head><body>{body}</body></html>"
    );
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, Html(html)).into_response()
}
