//! What is done to a request before its route is looked for: a form may name another method than browsers can send, and a thing
//! may be called like a word that is a route of another method.

use super::params::whole_body;
use crate::limits::{ANONYMOUS_BODY_TIME, OVERRIDE_BYTES};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;

/// Words in addresses that are routes for some methods, and for others may be a name: `POST …/devices/import` is an action,
/// `GET …/devices/import` a device.
#[derive(Debug, Clone, Default)]
pub struct Shadows(Arc<[Shadow]>);

/// A route with a word where another route, of other methods, has a name.
#[derive(Debug)]
struct Shadow {
    route: &'static str,
    /// Which of its parts are a name in the other route.
    names: Vec<usize>,
    /// The methods of the other route that this one does not have.
    methods: Vec<&'static str>,
}

fn is_name(part: &str) -> bool {
    part.starts_with('{')
}

/// Where `word` has a word and `name` a name; none when the routes differ in something else.
fn differ(word: &str, name: &str) -> Option<Vec<usize>> {
    if word.split('/').count() != name.split('/').count() {
        return None;
    }
    let mut places = Vec::new();
    for (i, (w, n)) in word.split('/').zip(name.split('/')).enumerate() {
        match (is_name(w), is_name(n)) {
            (true, true) => {}
            (false, false) if w == n => {}
            (false, true) => places.push(i),
            _ => return None,
        }
    }
    (!places.is_empty()).then_some(places)
}

impl Shadows {
    /// Finds them among all routes, each with its method.
    pub fn of(routes: &[(&'static str, &'static str)]) -> Self {
        let has = |route, method| routes.contains(&(route, method));
        let mut found: Vec<Shadow> = Vec::new();
        for (word, _) in routes {
            for (name, method) in routes {
                let Some(names) = differ(word, name).filter(|_| !has(word, method)) else {
                    continue;
                };
                match found
                    .iter_mut()
                    .find(|s| s.route == *word && s.names == names)
                {
                    Some(shadow) if !shadow.methods.contains(method) => shadow.methods.push(method),
                    Some(_) => {}
                    None => found.push(Shadow {
                        route: word,
                        names,
                        methods: vec![method],
                    }),
                }
            }
        }
        Self(found.into())
    }

    /// The path under which the route with the name is found: a letter of the name is written as its code, which it is read
    /// from again; none when the path is right as it is.
    fn uncovered(&self, method: &Method, path: &str) -> Option<String> {
        let asked = match method.as_str() {
            "HEAD" => "get".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        let parts: Vec<&str> = path.strip_prefix("/api")?.split('/').collect();
        let shadow = self.0.iter().find(|s| {
            s.methods.contains(&asked.as_str())
                && s.route.split('/').count() == parts.len()
                && s.route
                    .split('/')
                    .zip(&parts)
                    .all(|(route, part)| is_name(route) || route == *part)
        })?;
        let rewritten = parts.iter().enumerate().map(|(i, part)| {
            match part
                .split_at_checked(1)
                .filter(|_| shadow.names.contains(&i))
            {
                Some((first, rest)) => {
                    format!("%{:02X}{rest}", first.bytes().next().unwrap_or_default())
                }
                None => (*part).to_owned(),
            }
        });
        Some(format!("/api{}", rewritten.collect::<Vec<_>>().join("/")))
    }
}

/// Puts both right.
pub async fn before_routing(
    State(shadows): State<Shadows>,
    request: Request,
    next: Next,
) -> Response {
    let (mut head, mut body) = request.into_parts();
    if names_a_method(&head) {
        let bytes = match whole_body(body, OVERRIDE_BYTES, ANONYMOUS_BODY_TIME).await {
            Ok(bytes) => bytes,
            Err(refusal) => return crate::api::http::error::Error::from(refusal).into_response(),
        };
        body = match overridden(&bytes) {
            Some((method, rest)) => {
                head.method = method;
                head.headers.remove(header::CONTENT_LENGTH);
                Body::from(rest)
            }
            None => Body::from(bytes),
        };
    }
    if let Some(path) = shadows.uncovered(&head.method, head.uri.path()) {
        let query = head.uri.query().map(|q| format!("?{q}"));
        let whole = format!("{path}{}", query.unwrap_or_default());
        let mut parts = head.uri.clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(whole).ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            head.uri = uri;
        }
    }
    next.run(Request::from_parts(head, body)).await
}

/// Whether this may be a form that names its method; one that says how long it is, and is short.
fn names_a_method(head: &Parts) -> bool {
    let field = |name: header::HeaderName| head.headers.get(name).and_then(|v| v.to_str().ok());
    let form = field(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let length = field(header::CONTENT_LENGTH).and_then(|l| l.parse::<usize>().ok());
    head.method == Method::POST
        && form
        && head.headers.contains_key(header::AUTHORIZATION)
        && length.is_some_and(|l| l <= OVERRIDE_BYTES)
}

/// The method that a form names (docs/protocol/rest.md, "Transport"), and the form without that.
fn overridden(form: &[u8]) -> Option<(Method, String)> {
    let named = form_urlencoded::parse(form).find(|(key, _)| key == "_method")?;
    let method = match named.1.to_ascii_uppercase().as_str() {
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        _ => return None,
    };
    let mut rest = form_urlencoded::Serializer::new(String::new());
    rest.extend_pairs(form_urlencoded::parse(form).filter(|(key, _)| key != "_method"));
    Some((method, rest.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_name_for_other_methods_than_its_own() {
        let shadows = Shadows::of(&[
            ("/devices/import", "post"),
            ("/devices/{device}", "get"),
            ("/devices/{device}", "put"),
            ("/devices/{device}/{what}", "get"),
            ("/keys/{key}", "get"),
        ]);
        let path = |method, path| shadows.uncovered(&method, path);
        let uncovered = Some("/api/devices/%69mport".to_owned());
        assert_eq!(path(Method::GET, "/api/devices/import"), uncovered);
        assert_eq!(path(Method::HEAD, "/api/devices/import"), uncovered);
        assert_eq!(path(Method::PUT, "/api/devices/import"), uncovered);
        assert_eq!(path(Method::POST, "/api/devices/import"), None);
        assert_eq!(path(Method::DELETE, "/api/devices/import"), None);
        assert_eq!(path(Method::GET, "/api/devices/other"), None);
        assert_eq!(path(Method::GET, "/api/keys/import"), None);
    }

    #[test]
    fn a_form_names_its_method_and_loses_the_name() {
        let (method, rest) = overridden(b"_method=put&description=a+b").unwrap();
        assert_eq!((method, rest.as_str()), (Method::PUT, "description=a+b"));
        assert!(overridden(b"_method=GET&a=1").is_none());
        assert!(overridden(b"a=1").is_none());
    }
}
