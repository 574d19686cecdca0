//! The cookie of a browser's session, and what a browser says of where a request comes from (RFC 6265; Fetch Metadata,
//! <https://www.w3.org/TR/fetch-metadata/>).

use crate::domain::Policy;
use crate::limits::SESSION_REMEMBERED;
use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite};

/// Whether people reach this server by https, as far as it was told.
fn is_secure(policy: &Policy) -> bool {
    let url = policy.web_url.as_deref();
    url.is_some_and(|url| url.starts_with("https://"))
}

/// Browsers take a name with this prefix only from https, for the whole host, and never from a sibling of it.
fn name(policy: &Policy) -> &'static str {
    if is_secure(policy) { "__Host-nc" } else { "nc" }
}

/// The session that a request carries.
pub fn sent(headers: &HeaderMap, policy: &Policy) -> Option<String> {
    let name = name(policy);
    let lines = headers.get_all(header::COOKIE).iter();
    let mut all = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| Cookie::split_parse(line).flatten());
    let own = all.find(|c| c.name() == name)?;
    Some(own.value().to_owned()).filter(|text| !text.is_empty())
}

fn cookie<'c>(policy: &Policy, text: &'c str) -> Cookie<'c> {
    Cookie::build((name(policy), text))
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
    let mut cookie = cookie(policy, text);
    if remembered {
        let seconds = i64::try_from(SESSION_REMEMBERED.as_secs()).unwrap_or(i64::MAX);
        cookie.set_max_age(cookie::time::Duration::seconds(seconds));
    }
    value(&cookie)
}

/// Has the browser forget its session.
pub fn taken(policy: &Policy) -> HeaderValue {
    let mut cookie = cookie(policy, "");
    cookie.set_max_age(cookie::time::Duration::ZERO);
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
