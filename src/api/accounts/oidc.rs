//! Sign-in at OpenID Connect providers: the two addresses that a browser goes through, which are no part of the document. Each answers
//! with a redirect, also when something is wrong: a page of the console says what, by the word in `error`.

use super::sessions::Asking;
use crate::access::credential::Credential;
use crate::api::http::peer::Peer;
use crate::api::http::session_cookie::{self, Origin};
use crate::app::App;
use crate::budget::counted;
use crate::domain::accounts::sessions::Begun;
use crate::domain::accounts::sign_in::{self, Ended, Purpose, Refusal, Resumed};
use crate::domain::accounts::{identities, scopes};
use crate::domain::{DomainError, Policy};
use crate::oidc::{Error, Provider, Request};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use std::net::IpAddr;

/// The two addresses.
pub(in crate::api) fn router() -> Router<App> {
    Router::new()
        .route("/auth/oidc/{provider}", get(start))
        .route("/auth/oidc/{provider}/callback", get(callback))
}

/// Where a page of the console says what went wrong, and goes on to where the person wanted to go.
struct Page {
    path: &'static str,
    next: String,
}

impl Page {
    fn login(next: String) -> Self {
        Self {
            path: "/login",
            next,
        }
    }

    /// Where sign-in providers are linked.
    fn account() -> Self {
        Self {
            path: "/account/security",
            next: "/".into(),
        }
    }

    /// Leads to it, with a word in the address.
    fn with(&self, key: &str, word: &str) -> Response {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !key.is_empty() {
            query.append_pair(key, word);
        }
        if self.next != "/" {
            query.append_pair("next", &self.next);
        }
        let query = query.finish();
        match query.is_empty() {
            true => to(self.path),
            false => to(&format!("{}?{query}", self.path)),
        }
    }
}

/// Leads a browser on. Nothing of it is kept: each is good for one moment.
fn to(address: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(address) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn with_cookie(mut answer: Response, cookie: HeaderValue) -> Response {
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    answer
}

/// A value of the query.
fn value(query: Option<&str>, key: &str) -> Option<String> {
    let mut all = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let found = all.find(|(name, _)| name == key);
    found.map(|(_, value)| value.into_owned())
}

/// Where the provider sends the browser back to.
pub(super) fn callback_address(policy: &Policy, provider: &str) -> String {
    // The settings have no provider without an address of the web.
    let base = policy.web_url.as_deref().unwrap_or_default();
    format!("{base}/auth/oidc/{provider}/callback")
}

fn within_budget(app: &App, address: Option<IpAddr>) -> bool {
    let counted = address.and_then(counted);
    counted.is_none_or(|at| app.limiters.sign_ins.count(&at).is_ok())
}

/// The word for a failure of a provider, whose reason is for the operator and in the log.
pub(super) fn word(provider: &Provider, error: &Error) -> &'static str {
    let name = &provider.settings.name;
    tracing::warn!(provider = name, error = %error, "a sign-in at a provider failed");
    match error {
        Error::Down(_) => "oidc_down",
        Error::Refused(_) => "oidc_refused",
        Error::Untrusted(_) => "oidc_untrusted",
        Error::Busy => "oidc_busy",
    }
}

/// `GET /auth/oidc/:provider`: sends the browser to the provider. It changes nothing: the browser keeps what the callback needs.
async fn start(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Response {
    let query = query.as_deref();
    let next = sign_in::own_path(&value(query, "next").unwrap_or_default());
    let page = Page::login(next);
    let Some(provider) = app.sign_in_providers.find(&name) else {
        return page.with("error", "oidc_unknown_provider");
    };
    // Another site must not log its visitor in without a click here.
    if session_cookie::origin(&headers, &app.policy) == Origin::Other {
        return page.with("", "");
    }
    let asking = Asking::from_anywhere(&app, &headers, peer);
    if !within_budget(&app, asking.address) {
        return page.with("error", "oidc_busy");
    }
    let remembered = value(query, "remember").as_deref() == Some("true");
    let purpose = Purpose::LogIn { remembered };
    match begin(&app, provider, purpose, &page.next).await {
        Ok((address, cookie)) => with_cookie(to(&address), cookie),
        Err(e) => page.with("error", word(provider, &e)),
    }
}

/// Begins a sign-in: the address at the provider, and what the browser keeps.
pub(super) async fn begin(
    app: &App,
    provider: &Provider,
    purpose: Purpose,
    next: &str,
) -> Result<(String, HeaderValue), Error> {
    let request = Request::new();
    let name = &provider.settings.name;
    let back = callback_address(&app.policy, name);
    let address = provider.authorize(&request, &back, app.now()).await?;
    let kept = sign_in::begin(app, name, &request, purpose, next);
    let cookie = session_cookie::sign_in_given(&app.policy, &kept);
    Ok((address.to_string(), cookie))
}

/// `GET /auth/oidc/:provider/callback`: the provider sends the browser back.
async fn callback(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Response {
    let asking = Asking::from_anywhere(&app, &headers, peer);
    let answer = returned(&app, &name, query.as_deref(), &asking, &headers).await;
    // Whatever came of it, what the browser kept was good for this once.
    with_cookie(answer, session_cookie::sign_in_taken(&app.policy))
}

async fn returned(
    app: &App,
    name: &str,
    query: Option<&str>,
    asking: &Asking,
    headers: &HeaderMap,
) -> Response {
    let stranger = Page::login("/".into());
    let Some(provider) = app.sign_in_providers.find(name) else {
        return stranger.with("error", "oidc_unknown_provider");
    };
    if !within_budget(app, asking.address) {
        return stranger.with("error", "oidc_busy");
    }
    // Without the cookie it is a callback that somebody else began, or a link that was sent: nobody is logged in by it.
    let kept = session_cookie::sign_in(headers, &app.policy).unwrap_or_default();
    let state = value(query, "state").unwrap_or_default();
    let resumed = match sign_in::resume(app, &kept, name, &state).await {
        Ok(Some(resumed)) => resumed,
        Ok(None) => return stranger.with("error", "oidc_state"),
        Err(e) => return not_stored(&stranger, &e),
    };
    let page = match resumed.purpose {
        Purpose::LogIn { .. } => Page::login(resumed.next.clone()),
        Purpose::Link { .. } => Page::account(),
    };
    // RFC 9207: a provider that says its name must be the one that was asked.
    let issuer = value(query, "iss");
    if issuer.is_some_and(|iss| iss != provider.settings.issuer) {
        return page.with("error", "oidc_untrusted");
    }
    if value(query, "error").is_some() {
        return page.with("error", "oidc_denied");
    }
    let code = value(query, "code").unwrap_or_default();
    match finish(app, provider, &code, resumed, asking, &page).await {
        Ok(answer) => answer,
        Err(e) => not_stored(&page, &e),
    }
}

fn not_stored(page: &Page, e: &DomainError) -> Response {
    tracing::warn!(error = %e, "a sign-in at a provider could not be stored");
    page.with("error", "oidc_failed")
}

/// Asks the provider who it is, and does what the sign-in is for.
async fn finish(
    app: &App,
    provider: &Provider,
    code: &str,
    resumed: Resumed,
    asking: &Asking,
    page: &Page,
) -> Result<Response, DomainError> {
    let settings = &provider.settings;
    let back = callback_address(&app.policy, &settings.name);
    let asked = provider.claims(code, &resumed.request, &back, app.now());
    let claims = match asked.await {
        Ok(claims) => claims,
        Err(e) => return Ok(page.with("error", word(provider, &e))),
    };
    let remembered = match resumed.purpose {
        Purpose::LogIn { remembered } => remembered,
        Purpose::Link { session } => {
            let person = match asking.had() {
                Some(text) => scopes::person(app, Credential::Session(text)).await?,
                None => None,
            };
            // Whoever logged out, or in as somebody else, meanwhile links nothing.
            let Some(person) = person.filter(|p| p.token == Some(session)) else {
                return Ok(page.with("error", "oidc_state"));
            };
            let linked = identities::link(app, settings, &claims, &person).await?;
            return Ok(match linked {
                Ok(()) => page.with("linked", &settings.name),
                Err(refusal) => page.with("error", refused(refusal)),
            });
        }
    };
    let ended = sign_in::log_in(app, settings, &claims, remembered, asking.browser()).await?;
    Ok(match ended {
        Ended::Refused(refusal) => page.with("error", refused(refusal)),
        Ended::Begun(Begun::Wrong) => page.with("error", "oidc_failed"),
        Ended::Begun(Begun::Challenge(step)) => {
            let cookie = session_cookie::second_step_given(&app.policy, &step.challenge);
            let kinds = match (step.totp, step.passkey) {
                (true, true) => "totp.passkey",
                (false, true) => "passkey",
                (_, false) => "totp",
            };
            with_cookie(page.with("step", kinds), cookie)
        }
        Ended::Begun(Begun::Done(new)) => {
            let cookie = session_cookie::given(&app.policy, &new.text, new.remembered);
            with_cookie(to(&page.next), cookie)
        }
    })
}

/// The word for a refusal.
fn refused(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Unverified => "oidc_unverified",
        Refusal::Domain => "oidc_domain",
        Refusal::Unknown => "oidc_unknown",
        Refusal::LinkFirst => "oidc_link_first",
        Refusal::Unconfirmed => "oidc_unconfirmed",
        Refusal::Taken => "oidc_taken",
    }
}
