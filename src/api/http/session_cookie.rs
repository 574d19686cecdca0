//! The cookie of a browser's session, and what a browser says of where a request comes from (RFC 6265; Fetch Metadata,
//! <https://www.w3.org/TR/fetch-metadata/>).

use crate::domain::Policy;
use crate::limits::{OIDC_LIFE, SECOND_STEP_TIME, SESSION_REMEMBERED};
use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite};
use std::time::Duration;

/// Whether people reach this server by https, as far as it was told.
fn is_secure(policy: &Policy) -> bool {
    let url = policy.web_url.as_deref();
    url.is_some_and(|url| url.starts_with("https://"))
}

/// A cookie of this server. Browsers take a name with the prefix `__Host-` only from https, for the whole host, and never from a
/// sibling of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    /// The session.
    Session,
    /// What is needed to end a sign-in at a provider that is under way.
    SignIn,
    /// What the second step of a login takes, where the first one was at a provider.
    SecondStep,
}

impl Own {
    fn name(self, policy: &Policy) -> &'static str {
        match (self, is_secure(policy)) {
            (Self::Session, true) => "__Host-nc",
            (Self::Session, false) => "nc",
            (Self::SignIn, true) => "__Host-nc-sign-in",
            (Self::SignIn, false) => "nc-sign-in",
            (Self::SecondStep, true) => "__Host-nc-second-step",
            (Self::SecondStep, false) => "nc-second-step",
        }
    }
}

/// The session that a request carries.
pub fn sent(headers: &HeaderMap, policy: &Policy) -> Option<String> {
    read(headers, policy, Own::Session)
}

/// The sign-in at a provider that a browser has under way.
pub fn sign_in(headers: &HeaderMap, policy: &Policy) -> Option<String> {
    read(headers, policy, Own::SignIn)
}

/// The challenge of a second step that a browser keeps.
pub fn second_step(headers: &HeaderMap, policy: &Policy) -> Option<String> {
    read(headers, policy, Own::SecondStep)
}

fn read(headers: &HeaderMap, policy: &Policy, own: Own) -> Option<String> {
    let name = own.name(policy);
    let lines = headers.get_all(header::COOKIE).iter();
    let mut all = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| Cookie::split_parse(line).flatten());
    let own = all.find(|c| c.name() == name)?;
    Some(own.value().to_owned()).filter(|text| !text.is_empty())
}

fn cookie<'c>(policy: &Policy, own: Own, text: &'c str) -> Cookie<'c> {
    Cookie::build((own.name(policy), text))
        .path("/")
        .http_only(true)
        .secure(is_secure(policy))
        .same_site(SameSite::Lax)
        .build()
}

fn value(cookie: &Cookie<'_>) -> HeaderValue {
    let text = cookie.to_string();
    HeaderValue::from_str(&text).expect("a cookie of letters, digits and our own words is a header")
}

/// Gives the browser a session; one that is not remembered it forgets when it is closed.
pub fn given(policy: &Policy, text: &str, remembered: bool) -> HeaderValue {
    if remembered {
        return lasting(policy, Own::Session, text, SESSION_REMEMBERED);
    }
    value(&cookie(policy, Own::Session, text))
}

/// Has the browser forget its session.
pub fn taken(policy: &Policy) -> HeaderValue {
    lasting(policy, Own::Session, "", Duration::ZERO)
}

/// Has the browser keep a sign-in that begins.
pub fn sign_in_given(policy: &Policy, text: &str) -> HeaderValue {
    lasting(policy, Own::SignIn, text, OIDC_LIFE)
}

/// Has the browser forget a sign-in that came back.
pub fn sign_in_taken(policy: &Policy) -> HeaderValue {
    lasting(policy, Own::SignIn, "", Duration::ZERO)
}

/// Has the browser keep the challenge of a second step.
pub fn second_step_given(policy: &Policy, text: &str) -> HeaderValue {
    lasting(policy, Own::SecondStep, text, SECOND_STEP_TIME)
}

/// Has the browser forget the challenge of a second step.
pub fn second_step_taken(policy: &Policy) -> HeaderValue {
    lasting(policy, Own::SecondStep, "", Duration::ZERO)
}

fn lasting(policy: &Policy, own: Own, text: &str, life: Duration) -> HeaderValue {
    let mut cookie = cookie(policy, own, text);
    let seconds = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
    cookie.set_max_age(cookie::time::Duration::seconds(seconds));
    value(&cookie)
}

/// Where a request comes from, in the words of a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A page of this server.
    Own,
    /// Another page, also one of a sibling host.
    Other,
    /// The person typed the address, or it is no browser.
    Untold,
}

/// Where a request comes from. `Sec-Fetch-Site` is sent by each browser since 2023, and no page can set it; `Origin` by older ones
/// too, with what changes something.
pub fn origin(headers: &HeaderMap, policy: &Policy) -> Origin {
    let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    match text(header::HeaderName::from_static("sec-fetch-site")) {
        Some("same-origin") => return Origin::Own,
        Some("none") => return Origin::Untold,
        Some(_) => return Origin::Other,
        None => {}
    }
    let Some(origin) = text(header::ORIGIN) else {
        return Origin::Untold;
    };
    let told = policy.web_url.as_deref();
    let host = origin.split_once("://").map(|(_, host)| host);
    if told == Some(origin) || (told.is_none() && host.is_some() && host == text(header::HOST)) {
        Origin::Own
    } else {
        Origin::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(web_url: Option<&str>) -> Policy {
        Policy {
            web_url: web_url.map(str::to_owned),
            ..Policy::default()
        }
    }

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let each = all.iter().map(|(name, value)| {
            let name = header::HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        each.collect()
    }

    #[test]
    fn a_cookie_is_bound_to_the_host_where_there_is_https() {
        let (plain, https) = (policy(None), policy(Some("https://hub.example")));
        assert_eq!(
            given(&plain, "nhu_a", false),
            "nc=nhu_a; HttpOnly; SameSite=Lax; Path=/"
        );
        assert_eq!(
            given(&https, "nhu_a", true),
            "__Host-nc=nhu_a; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=5184000"
        );
        assert_eq!(
            taken(&plain),
            "nc=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"
        );
        let both = headers(&[("cookie", "other=1; nc=plain; __Host-nc=bound")]);
        assert_eq!(sent(&both, &plain).as_deref(), Some("plain"));
        assert_eq!(sent(&both, &https).as_deref(), Some("bound"));
        assert_eq!(sent(&headers(&[("cookie", "nc=; x")]), &plain), None);
        assert_eq!(sent(&HeaderMap::new(), &plain), None);
    }

    #[test]
    fn only_a_page_of_this_server_is_own() {
        let (plain, told) = (policy(None), policy(Some("https://hub.example")));
        let from = |policy, all: &[_]| origin(&headers(all), policy);
        assert_eq!(
            from(&plain, &[("sec-fetch-site", "same-origin")]),
            Origin::Own
        );
        assert_eq!(from(&plain, &[("sec-fetch-site", "none")]), Origin::Untold);
        for other in ["same-site", "cross-site", "anything"] {
            let said = headers(&[("sec-fetch-site", other), ("origin", "https://hub.example")]);
            assert_eq!(origin(&said, &told), Origin::Other, "{other}");
        }
        let host = ("host", "hub.example:4000");
        assert_eq!(from(&plain, &[host]), Origin::Untold);
        assert_eq!(
            from(&plain, &[host, ("origin", "http://hub.example:4000")]),
            Origin::Own
        );
        assert_eq!(
            from(&plain, &[host, ("origin", "http://evil.example")]),
            Origin::Other
        );
        assert_eq!(from(&plain, &[host, ("origin", "null")]), Origin::Other);
        assert_eq!(from(&plain, &[("origin", "null")]), Origin::Other);
        assert_eq!(
            from(&told, &[host, ("origin", "https://hub.example")]),
            Origin::Own
        );
        assert_eq!(
            from(&told, &[host, ("origin", "http://hub.example:4000")]),
            Origin::Other
        );
    }
}
