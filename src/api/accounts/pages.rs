//! The few pages that work without the console: the browser's side of a command line's login, and invitations. Plain forms,
//! without a script and without a session: each asks for the password.

use crate::api::http::error::{Error, Result};
use crate::api::http::params::Params;
use crate::app::App;
use crate::budget::{Rate, counted};
use crate::domain::DomainError;
use crate::domain::accounts::logins::{self, Confirmed};
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The address that a request comes from, if the listener says.
pub fn address_of(peer: Option<Extension<Peer>>) -> Option<IpAddr> {
    peer.map(|Extension(Peer(at))| at.ip())
}

/// A login that waits for a browser.
#[derive(Serialize, JsonSchema)]
pub struct CliSession {
    /// What names it.
    token: String,
    /// Six digits that both sides show.
    confirmation_code: i64,
    /// Where to confirm it.
    url: String,
}

/// How a login stands.
#[derive(Serialize, JsonSchema)]
pub struct CliStatus {
    /// `waiting` or `ready`.
    status: &'static str,
    /// The API token, once, when it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_token: Option<String>,
}

/// The address of the web, as people reach it.
pub fn base(app: &App, headers: &header::HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    app.policy
        .web_url
        .clone()
        .unwrap_or_else(|| format!("http://{}", host.unwrap_or("localhost:4000")))
}

/// `POST /auth/cli_session`.
pub async fn begin(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    headers: header::HeaderMap,
    p: Params,
) -> Result {
    let note = p.text("note").unwrap_or_default();
    let session = logins::begin(&app, note, address_of(peer)).await?;
    let url = format!("{}/auth/cli/{}", base(&app, &headers), session.token);
    Ok(crate::api::http::answer::ok(&CliSession {
        token: session.token,
        confirmation_code: session.code,
        url,
    }))
}

fn may_poll(polls: &Rate<IpAddr>, from: Option<IpAddr>) -> bool {
    from.and_then(counted)
        .is_none_or(|from| polls.count(&from).is_ok())
}

/// `GET /auth/cli_session/:session`: polled, so limited by address.
pub async fn status(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Path(session): Path<String>,
) -> Result {
    if !may_poll(&app.cli_login_limiter, address_of(peer)) {
        return Ok((StatusCode::FORBIDDEN, "Forbidden\n").into_response());
    }
    if session.contains('\0') {
        return Err(DomainError::NotFound.into());
    }
    let token = logins::fetch(&app, &session).await?;
    Ok(crate::api::http::answer::ok(&CliStatus {
        status: if token.is_some() { "ready" } else { "waiting" },
        user_token: token.map(|t| t.reveal().to_owned()),
    }))
}

/// `GET /auth/cli/:session`: the page.
pub async fn confirm_page(State(app): State<App>, Path(session): Path<String>) -> Response {
    match logins::waiting(&app.db, &session).await {
        Ok(s) if s.user_id.is_some() => done(),
        Ok(s) => confirm_form(s.code, ""),
        Err(_) => failed(),
    }
}

/// `POST /auth/cli/:session`: the button.
pub async fn confirm(
    State(app): State<App>,
    Path(session): Path<String>,
    peer: Option<Extension<Peer>>,
    p: Params,
) -> Response {
    let Ok(waits) = logins::waiting(&app.db, &session).await else {
        return failed();
    };
    let text = |key: &str| p.text(key).unwrap_or_default().to_owned();
    let (email, password) = (text("email"), text("password"));
    match logins::confirm(&app, &session, &email, &password, address_of(peer)).await {
        Ok(Confirmed::Done) => done(),
        Ok(Confirmed::Wrong) => confirm_form(waits.code, "Wrong email or password."),
        Ok(Confirmed::Unconfirmed) => confirm_form(waits.code, UNCONFIRMED),
        Ok(Confirmed::Taken) | Err(DomainError::NotFound) => failed(),
        Err(e) => Error::from(e).into_response(),
    }
}

/// What an account that came from another server without a confirmed address is told.
const UNCONFIRMED: &str = "The address of this account was never confirmed. Whoever runs this server can give it a new \
    password, which confirms it: nervecenter admin reset-password.";

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
pub async fn invite_page(State(app): State<App>, Path(link): Path<String>) -> Response {
    match logins::invited(&app, &link).await {
        Ok(i) => invite_form(&i.org, &i.email, &i.invited_by, ""),
        Err(_) => uninvited(),
    }
}

/// `POST /invite/:link`: the button.
pub async fn accept(State(app): State<App>, Path(link): Path<String>, p: Params) -> Response {
    let Ok(invite) = logins::invited(&app, &link).await else {
        return uninvited();
    };
    let text = |key: &str| p.text(key).unwrap_or_default();
    match logins::accept(&app, &link, text("name"), text("password")).await {
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

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:12vh auto;padding:0 1rem;color-scheme:light dark}\
h1{font-size:1.3rem}label{display:block;margin:.8rem 0}input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.5rem;border:1px solid #8a97a6;border-radius:6px}\
button{font:inherit;padding:.55rem 1rem;border:0;border-radius:6px;background:#0b63c5;color:#fff;cursor:pointer}.bad{color:#c0281c}.bad:empty{display:none}\
.code b{display:inline-block;font:600 1.6rem ui-monospace,monospace;border:1px solid #8a97a6;border-radius:6px;padding:.2rem .6rem;margin-right:.3rem}";

fn page(status: u16, title: &str, body: &str) -> Response {
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

/// An open invitation.
#[derive(Serialize, JsonSchema)]
pub struct Invitation {
    /// Who is invited.
    email: String,
    /// The role that they will have.
    role: String,
    /// Who invited them.
    invited_by: String,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
}

/// An invitation that was just made.
#[derive(Serialize, JsonSchema)]
pub struct MadeInvitation {
    #[serde(flatten)]
    invitation: Invitation,
    /// Where they accept it, shown this once: whoever has it can join in their place. It is a path unless the server was told
    /// its public address (`--web-url`): a request's `Host` header is never believed.
    url: String,
}

impl From<crate::domain::accounts::logins::Invite> for Invitation {
    fn from(i: crate::domain::accounts::logins::Invite) -> Self {
        Self {
            inserted_at: i.inserted_at.naive(),
            email: i.email,
            role: i.role,
            invited_by: i.invited_by,
        }
    }
}

/// `POST /orgs/:org/invites`.
pub async fn make_invite(
    State(app): State<App>,
    scope: crate::access::scope::Scope<crate::access::scope::Org>,
    p: Params,
) -> Result {
    let scope = scope.allow(crate::access::scope::Role::Admin)?;
    let (Some(email), Some(role)) = (p.text("email"), p.text("role")) else {
        return Err(DomainError::Bad("email and role are needed".into()).into());
    };
    let (invite, link) = logins::invite(&app, &scope, email, role).await?;
    let base = app.policy.web_url.clone().unwrap_or_default();
    let made = MadeInvitation {
        invitation: invite.into(),
        url: format!("{base}{link}"),
    };
    Ok(crate::api::http::answer::created(None, &made))
}

/// `GET /orgs/:org/invites`.
pub async fn invites(
    State(app): State<App>,
    scope: crate::access::scope::Scope<crate::access::scope::Org>,
) -> Result {
    let all = logins::invitations(&app, &scope).await?;
    let views: Vec<Invitation> = all.into_iter().map(Invitation::from).collect();
    Ok(crate::api::http::answer::ok(&views))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{POLL_EVERY, POLLS};

    #[test]
    fn p09_the_31st_poll_at_once_is_one_too_many() {
        let polls = Rate::new(POLLS, POLL_EVERY);
        let far = "203.0.113.7".parse().ok();
        assert!((0..30).all(|_| may_poll(&polls, far)));
        assert!(!may_poll(&polls, far));
        let other = "203.0.113.8".parse().ok();
        assert!(may_poll(&polls, other), "each address has its own count");
        let near = "127.0.0.1".parse().ok();
        assert!((0..100).all(|_| may_poll(&polls, near)));
    }
}
