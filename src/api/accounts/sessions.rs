//! The login of browsers: a session in a cookie. Beyond NervesHub, whose API takes tokens only.

use super::passkey_login::ASSERTION;
use crate::access::scope::Person;
use crate::api::http::answer::{Data, NoContent, WithCookie};
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field, required};
use crate::api::http::error::{Error, Result};
use crate::api::http::extract::{Caller, Word};
use crate::api::http::params::Params;
use crate::api::http::peer::{Peer, address_of};
use crate::api::http::session_cookie::{self, Origin};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::clock::Micros;
use crate::domain::accounts::sessions::{self, Begun, Browser, NewSession, Session};
use crate::domain::accounts::{identities, orgs, passkey_login};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, header};
use schemars::JsonSchema;
use serde::Serialize;
use std::net::IpAddr;

/// Who is logged in.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BrowserSession")]
pub(super) struct SessionView {
    /// The person.
    user: User,
    /// The organizations that the person belongs to, by name.
    orgs: Vec<OrgRole>,
    /// What requests that change something bring as `X-CSRF-Token`; null for a request with an API token, which needs none.
    csrf: Option<String>,
}

/// How a login went.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "BrowserLogin")]
enum LoginView {
    /// The browser is logged in, and has the cookie.
    Done(SessionView),
    /// The password is right, and a second step is needed.
    Second(SecondStep),
}

/// What the second step of a login takes.
#[derive(Serialize, JsonSchema)]
struct SecondStep {
    /// What it may be done with: `totp`, `passkey`, or both. A recovery code is as good as either.
    second_factor: Vec<&'static str>,
    /// What `POST /session/second_factor` takes beside the code, and `POST /session/passkey/options` trades for a question to a
    /// passkey, for five minutes.
    challenge: String,
}

/// A person who is logged in.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SessionUser")]
struct User {
    /// Full name.
    name: String,
    /// Login.
    email: String,
    /// Whether the account has a password. Without one, what asks for it wants a login within the last ten minutes instead.
    password: bool,
}

/// A role in an organization.
#[derive(Serialize, JsonSchema)]
struct OrgRole {
    /// The organization.
    name: String,
    /// `admin`, `manage` or `view`.
    role: &'static str,
}

/// A session of the person who asks.
#[derive(Serialize, JsonSchema)]
struct OwnSession {
    /// A number.
    id: i64,
    /// Whether it is the one that asks.
    current: bool,
    /// What the browser called itself.
    agent: String,
    /// Where the login came from, as far as the server saw it: behind a proxy, the proxy's address.
    address: String,
    /// Whether it lasts for 60 days; others end when they were not used for twelve hours.
    remembered: bool,
    /// The login, `2026-08-22T08:33:49Z`.
    inserted_at: String,
    /// `2026-08-22T08:33:49Z`; up to a minute late.
    last_used_at: Option<String>,
}

/// Sessions that were ended.
#[derive(Serialize, JsonSchema)]
struct EndedSessions {
    /// How many.
    ended: u64,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Auth);
    contract
        .post("sessions.begin", "/session", Auth::Anyone, begin)
        .summary("Log a browser in; the session is in the cookie of the answer")
        .body_fields(&[
            required("email", FieldType::Text, "Your login"),
            required("password", FieldType::Text, "Your password"),
            optional_field(
                "remember",
                FieldType::Flag,
                "Whether the session lasts for 60 days, also when the browser is closed",
            ),
        ])
        .error(401, "A wrong email or password")
        .error(
            429,
            "Too many wrong passwords of this account, or from this address",
        );
    contract
        .post(
            "sessions.second_factor",
            "/session/second_factor",
            Auth::Anyone,
            second_factor,
        )
        .summary("The second step of a login, for accounts with a second factor")
        .body_fields(&[
            optional_field(
                "challenge",
                FieldType::Text,
                "From the first step or, with an assertion, from `POST /session/passkey/options`; after a sign-in at a provider the \
                 browser has that of the first step in a cookie",
            ),
            optional_field(
                "code",
                FieldType::Text,
                "Six digits, or a recovery code, which is used up",
            ),
            optional_field("assertion", FieldType::Map, ASSERTION),
        ])
        .error(
            401,
            "A wrong code or assertion, or a challenge that is over",
        )
        .error(429, "Too many wrong codes of this account");
    contract
        .get("sessions.show", "/session", Auth::Person, show)
        .summary("Who is logged in, with which roles, and what requests of the session prove themselves with");
    contract
        .delete("sessions.end_own", "/session", Auth::Person, end_own)
        .summary("Log out: the session, or the token that asks, ends");
    contract
        .get("sessions.list", "/users/me/sessions", Auth::Person, list)
        .summary(
            "Your browsers, the one that was used last first; only a token that grants all may ask",
        );
    contract
        .delete(
            "sessions.end_others",
            "/users/me/sessions",
            Auth::Person,
            end_others,
        )
        .summary("End all your sessions but the one that asks");
    contract
        .delete(
            "sessions.end",
            "/users/me/sessions/{session}",
            Auth::Person,
            end,
        )
        .summary("End one of your sessions");
}

async fn view(app: &App, person: &Person) -> Result<SessionView> {
    let all = orgs::of(&app.db, person, false).await?;
    let password = identities::has_password(&app.db, person).await?;
    let orgs = all.into_iter().map(|org| OrgRole {
        name: org.name,
        role: org.role.word(),
    });
    Ok(SessionView {
        user: User {
            name: person.name.clone(),
            email: person.email.clone(),
            password,
        },
        orgs: orgs.collect(),
        csrf: sessions::csrf(app, person),
    })
}

/// The browser of a request, and the session that it has.
pub(super) struct Asking {
    agent: String,
    had: Option<String>,
    pub address: Option<IpAddr>,
}

impl Asking {
    /// Refuses other pages: one could log its visitor in as somebody else, who then sees what the visitor does.
    pub(super) fn new(
        app: &App,
        headers: &HeaderMap,
        peer: Option<Extension<Peer>>,
    ) -> Result<Self> {
        if session_cookie::origin(headers, &app.policy) == Origin::Other {
            return Err(Error::CrossSite);
        }
        Ok(Self::from_anywhere(app, headers, peer))
    }

    /// A provider sends browsers here from its own page.
    pub fn from_anywhere(app: &App, headers: &HeaderMap, peer: Option<Extension<Peer>>) -> Self {
        let agent = headers.get(header::USER_AGENT);
        Self {
            agent: agent
                .and_then(|a| a.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
            had: session_cookie::sent(headers, &app.policy),
            address: address_of(peer),
        }
    }

    /// The session that the browser has.
    pub fn had(&self) -> Option<&str> {
        self.had.as_deref()
    }

    pub(super) fn browser(&self) -> Browser<'_> {
        Browser {
            agent: &self.agent,
            address: self.address,
            had: self.had.as_deref(),
        }
    }
}

/// The answer to a login that is done.
pub(super) async fn begun(app: &App, new: &NewSession) -> Result<WithCookie<Data<SessionView>>> {
    let view = view(app, &new.person).await?;
    Ok(WithCookie(cookie(app, new), Data(view)))
}

fn cookie(app: &App, new: &NewSession) -> Option<HeaderValue> {
    let cookie = session_cookie::given(&app.policy, &new.text, new.remembered);
    Some(cookie)
}

/// `POST /session`.
async fn begin(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    p: Params,
) -> Result<WithCookie<Data<LoginView>>> {
    let asking = Asking::new(&app, &headers, peer)?;
    let (Some(email), Some(password)) = (p.text("email"), p.text("password")) else {
        return Err(Error::WrongPassword);
    };
    let remembered = p.flag("remember").unwrap_or_default();
    match sessions::begin(&app, email, password, remembered, asking.browser()).await? {
        Begun::Wrong => Err(Error::WrongPassword),
        Begun::Challenge(step) => {
            let kinds = [("totp", step.totp), ("passkey", step.passkey)];
            let own = kinds.into_iter().filter(|(_, own)| *own);
            let second = SecondStep {
                second_factor: own.map(|(kind, _)| kind).collect(),
                challenge: step.challenge,
            };
            Ok(WithCookie(None, Data(LoginView::Second(second))))
        }
        Begun::Done(new) => {
            let view = view(&app, &new.person).await?;
            Ok(WithCookie(cookie(&app, &new), Data(LoginView::Done(view))))
        }
    }
}

/// `POST /session/second_factor`.
async fn second_factor(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    p: Params,
) -> Result<WithCookie<WithCookie<Data<SessionView>>>> {
    let asking = Asking::new(&app, &headers, peer)?;
    let text = |key: &str| p.text(key).unwrap_or_default();
    let kept = session_cookie::second_step(&headers, &app.policy);
    let told = p.text("challenge").filter(|c| !c.is_empty());
    let challenge = told.or(kept.as_deref()).unwrap_or_default();
    let browser = asking.browser();
    let new = match p.map("assertion") {
        Some(assertion) => passkey_login::second_step(&app, challenge, assertion, browser)
            .await?
            .ok_or(Error::WrongPasskey)?,
        None => sessions::second_step(&app, challenge, text("code"), browser)
            .await?
            .ok_or(Error::WrongCode)?,
    };
    let forgets = kept.map(|_| session_cookie::second_step_taken(&app.policy));
    Ok(WithCookie(forgets, begun(&app, &new).await?))
}

/// `GET /session`.
async fn show(State(app): State<App>, Caller(person): Caller) -> Result<Data<SessionView>> {
    Ok(Data(view(&app, &person).await?))
}

/// `DELETE /session`.
async fn end_own(State(app): State<App>, Caller(person): Caller) -> Result<WithCookie<NoContent>> {
    sessions::end_own(&app.db, &person).await?;
    Ok(WithCookie(
        Some(session_cookie::taken(&app.policy)),
        NoContent,
    ))
}

/// `GET /users/me/sessions`.
async fn list(State(app): State<App>, Caller(person): Caller) -> Result<Data<Vec<OwnSession>>> {
    let all = sessions::list(&app.db, &person).await?;
    let own = |s: Session| OwnSession {
        id: s.id,
        current: person.token == Some(s.id),
        agent: s.agent,
        address: s.address,
        remembered: s.remembered,
        inserted_at: s.inserted_at.zulu(),
        last_used_at: s.last_used_at.map(Micros::zulu),
    };
    Ok(Data(all.into_iter().map(own).collect()))
}

/// `DELETE /users/me/sessions`.
async fn end_others(State(app): State<App>, Caller(person): Caller) -> Result<Data<EndedSessions>> {
    let ended = sessions::end_others(&app.db, &person).await?;
    Ok(Data(EndedSessions { ended }))
}

/// `DELETE /users/me/sessions/:session`.
async fn end(State(app): State<App>, Caller(person): Caller, session: Word) -> Result<NoContent> {
    sessions::end(&app.db, &person, session.number()?).await?;
    Ok(NoContent)
}
