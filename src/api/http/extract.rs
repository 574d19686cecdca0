//! Who asks, for what: extractors that make a scope of a token and the path, in the order of docs/protocol/rest.md, "Order of checks".

use super::contract::Auth;
use super::error::Error;
use super::session_cookie::{self, Origin};
use crate::access::credential::Credential;
use crate::access::scope::{Act, Org, Person, Product, Role, Scope};
use crate::app::App;
use crate::budget::{Account, Slot, Turn};
use crate::domain::accounts::scopes;
use crate::domain::{self, DomainError, devices};
use crate::ids::UserId;
use crate::limits::{READ_WAIT, REFUSAL_PAUSE};
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{Method, header};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Keeps the place of a request's person among the requests in progress until the request is answered: the middleware
/// makes it, and who the person is, is found out on the way.
#[derive(Clone, Default)]
pub struct RequestSlot(Arc<OnceLock<Held>>);

/// A place among all requests, and for one that reads a turn among its person's.
type Held = (Slot<UserId>, Option<Turn>);

impl RequestSlot {
    fn keep(&self, held: Held) {
        // A second one of the same request is given back at once.
        let _ = self.0.set(held);
    }

    fn is_kept(&self) -> bool {
        self.0.get().is_some()
    }
}

/// A person with a valid token or session.
pub struct Caller(pub Person);

/// The token in the header of a request. A request with two of them, or with another scheme, has none.
fn token_of(parts: &Parts) -> Result<&str, Error> {
    let mut all = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(one), None) = (all.next(), all.next()) else {
        return Err(Error::Unauthorized);
    };
    let mut words = one.to_str().map_err(|_| Error::Unauthorized)?.split(' ');
    let scheme = words.next().unwrap_or_default().to_ascii_lowercase();
    let token = words.next().unwrap_or_default();
    if !matches!(scheme.as_str(), "token" | "bearer") {
        return Err(Error::Unauthorized);
    }
    Ok(token)
}

/// The person of a browser's session. A browser sends the cookie whoever made it ask, so that the request has to show that a page
/// of this server did.
async fn of_session(parts: &Parts, app: &App) -> Result<Option<Person>, Error> {
    let Some(text) = session_cookie::sent(&parts.headers, &app.policy) else {
        return Ok(None);
    };
    let person = scopes::person(app, Credential::Session(&text)).await?;
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let origin = session_cookie::origin(&parts.headers, &app.policy);
    let proof = parts.headers.get("x-csrf-token");
    let proven = |person: &Person| {
        let text = proof.and_then(|p| p.to_str().ok()).unwrap_or_default();
        let session = person.token.unwrap_or_default();
        app.vault.page_proven(session, text)
    };
    match (person, origin) {
        (Some(_), Origin::Other) => Err(Error::CrossSite),
        (Some(person), Origin::Own) if !reads && !proven(&person) => Err(Error::CrossSite),
        (Some(_), Origin::Untold) if !reads => Err(Error::CrossSite),
        (person, _) => Ok(person),
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let person = if parts.headers.contains_key(header::AUTHORIZATION) {
            scopes::person(app, Credential::Token(token_of(parts)?)).await?
        } else {
            of_session(parts, app).await?
        };
        // A token that grants less than this request needs is like none.
        let act = act(parts);
        let person = person
            .filter(|p| p.grant.covers(act))
            .ok_or(Error::Unauthorized)?;
        let place = match app.request_slots.take(person.id) {
            Ok(place) => place,
            Err(refused) => {
                // Who asks again at once would cost as much as one who is served.
                tokio::time::sleep(REFUSAL_PAUSE).await;
                return Err(DomainError::from(refused).into());
            }
        };
        if let Some(account) = parts.extensions.get::<Account>() {
            account.set(person.id.number());
        }
        if let Some(held) = parts.extensions.get::<RequestSlot>()
            && !held.is_kept()
        {
            let reads = matches!(act, Act::Read | Act::PublishRead);
            let turn = if reads {
                let turn = app.read_turns.wait(&person.id, READ_WAIT).await;
                Some(turn.ok_or(DomainError::TooMany(Duration::from_secs(1)))?)
            } else {
                None
            };
            held.keep((place, turn));
        }
        Ok(Self(person))
    }
}

/// Whether the route needs no token, so that a stranger's body is read.
pub fn asks_anyone(parts: &Parts) -> bool {
    matches!(asks(parts), None | Some(Auth::Anyone))
}

/// What the route says of who may ask; the contract puts it there.
fn asks(parts: &Parts) -> Option<Auth> {
    parts.extensions.get().copied()
}

fn act(parts: &Parts) -> Act {
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    match (asks(parts), reads) {
        (Some(Auth::Publisher(_)), true) => Act::PublishRead,
        (Some(Auth::Publisher(_)), false) => Act::Publish,
        (_, true) => Act::Read,
        (_, false) => Act::Change,
    }
}

/// The role that the route asks for.
fn role(parts: &Parts) -> Role {
    match asks(parts) {
        Some(Auth::Member(role) | Auth::Publisher(role)) => role,
        // Nothing is without its entry in the contract; if it were, only administrators could reach it.
        _ => Role::Admin,
    }
}

/// The named parts of the path.
pub async fn parts_of(parts: &mut Parts, app: &App) -> Result<HashMap<String, String>, Error> {
    let Path(map) = Path::<HashMap<String, String>>::from_request_parts(parts, app)
        .await
        .map_err(|_| Error::NoRoute)?;
    if map.values().any(|v| v.contains('\0')) {
        return Err(Error::NoRoute);
    }
    Ok(map)
}

fn named<'m>(map: &'m HashMap<String, String>, key: &str) -> &'m str {
    map.get(key).map_or("", String::as_str)
}

impl FromRequestParts<App> for Scope<Org> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let Caller(person) = Caller::from_request_parts(parts, app).await?;
        let map = parts_of(parts, app).await?;
        let scope = scopes::org(&app.db, person, named(&map, "org")).await?;
        Ok(scope.allow(role(parts))?)
    }
}

impl FromRequestParts<App> for Scope<Product> {
    type Rejection = Error;

    /// Of the product in the path; on the short address of a device, of the product that the device is in.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let Caller(person) = Caller::from_request_parts(parts, app).await?;
        let map = parts_of(parts, app).await?;
        let (org, product) = if map.contains_key("org") {
            (
                named(&map, "org").to_owned(),
                named(&map, "product").to_owned(),
            )
        } else {
            devices::locate(&app.db, &person, named(&map, "device")).await?
        };
        let scope = scopes::product(&app.db, person, &org, &product).await?;
        match scope.clone().allow(role(parts)) {
            Ok(scope) => Ok(scope),
            // A device that is not there is so for every role.
            Err(denied) => match map.get("device") {
                Some(d) => {
                    devices::show(&app.db, &scope, d).await?;
                    Err(denied.into())
                }
                None => Err(denied.into()),
            },
        }
    }
}

/// One named part of the path: the last of `device`, `serial`, `uuid`, `name`, `email`, `key`.
pub struct Name(pub String);

impl FromRequestParts<App> for Name {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let map = parts_of(parts, app).await?;
        ["serial", "uuid", "name", "email", "key", "device"]
            .iter()
            .find_map(|k| map.get(*k))
            .map(|v| Self(v.clone()))
            .ok_or(Error::NoRoute)
    }
}

/// The part of the path that only one route has: `token`, `account`, `identifier`, `webhook`, `rule`, `upload`, `session`, `identity`,
/// `view`, `job`, `passkey`.
pub struct Word(pub String);

impl FromRequestParts<App> for Word {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let map = parts_of(parts, app).await?;
        [
            "token",
            "account",
            "identifier",
            "webhook",
            "rule",
            "upload",
            "session",
            "identity",
            "view",
            "job",
            "passkey",
        ]
        .iter()
        .find_map(|k| map.get(*k))
        .map(|v| Self(v.clone()))
        .ok_or(Error::NoRoute)
    }
}

impl Word {
    /// The part as a number; what is none names nothing.
    pub fn number(&self) -> domain::Result<i64> {
        number_of(&self.0)
    }
}

/// A part of a path that is a number.
pub fn number_of(text: &str) -> domain::Result<i64> {
    text.parse().map_err(|_| DomainError::NotFound)
}

/// The device in the path, where a certificate's serial follows it.
pub struct DeviceName(pub String);

impl FromRequestParts<App> for DeviceName {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let map = parts_of(parts, app).await?;
        Ok(Self(named(&map, "device").to_owned()))
    }
}
