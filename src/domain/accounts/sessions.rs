//! Logins of browsers. A session is a token that only a cookie may carry, so that a changed password, a sign-out or a deleted
//! account ends it, and what it has open, like any other token.

use crate::access::credential::Credential;
use crate::access::scope::Person;
use crate::clock::Micros;
use crate::domain::accounts::identify::{self, Identified, Proven};
use crate::domain::accounts::users::{self, Lasting};
use crate::domain::accounts::{passkeys, scopes, sealed_proof, second_factor, tokens};
use crate::domain::error::field;
use crate::domain::{Context, DomainError, Result};
use crate::limits::{
    SECOND_STEP_TIME, SESSION_AGENT_CHARS, SESSION_IDLE, SESSION_REMEMBERED, SESSIONS_A_PERSON,
};
use crate::store::Db;
use crate::store::accounts::sessions::{self, NewSessionRow, SessionRow};
use crate::store::accounts::users::confirmed;
use crate::store::events::audit;
use std::net::IpAddr;

/// A session of a person.
#[derive(Debug)]
pub struct Session {
    /// Its number.
    pub id: i64,
    /// Whether it outlasts the browser, and hours in which nobody uses it.
    pub remembered: bool,
    /// What the browser called itself at the login.
    pub agent: String,
    /// Where the login came from, as far as the server saw it.
    pub address: String,
    /// When the person logged in.
    pub inserted_at: Micros,
    /// When it was last used.
    pub last_used_at: Option<Micros>,
}

/// A browser that somebody logs in with.
#[derive(Debug, Clone, Copy)]
pub struct Browser<'r> {
    /// What it calls itself.
    pub agent: &'r str,
    /// Where it asks from.
    pub address: Option<IpAddr>,
    /// The session that it already has. A login ends it, so that nobody goes on in a session that somebody else put there.
    pub had: Option<&'r str>,
}

/// A successful login.
pub struct NewSession {
    /// The person, with the session's number.
    pub person: Person,
    /// What the cookie carries.
    pub text: String,
    /// Whether the browser is to keep it.
    pub remembered: bool,
}

/// What the second step of a login takes.
pub struct SecondStep {
    /// What goes to [`second_step`] with a code, or is traded for a question to a passkey.
    pub challenge: String,
    /// Whether the person has an app that makes codes.
    pub totp: bool,
    /// Whether the person has a passkey that works here.
    pub passkey: bool,
}

/// How a login of a browser went.
pub enum Begun {
    /// The email, the password or the code is wrong.
    Wrong,
    /// The person has a second factor.
    Challenge(SecondStep),
    Done(NewSession),
}

/// What a challenge is sealed as.
pub(super) const CHALLENGE: &str = "second step of a login";
/// What goes with a challenge when the session is to be remembered.
pub(super) const REMEMBERED: &str = "remembered";

/// Checks a password and begins a session, unless the person has a second factor.
///
/// # Errors
/// A validation error for an account whose address was never confirmed; [`DomainError::TooMany`] after too many wrong passwords.
pub async fn begin(
    context: &Context,
    email: &str,
    password: &str,
    remembered: bool,
    browser: Browser<'_>,
) -> Result<Begun> {
    match identify::by_all_factors(context, email, password, None, browser.address).await? {
        Identified::Nobody => Ok(Begun::Wrong),
        Identified::NeedsCode(proven) => challenge(context, &proven, remembered).await,
        Identified::Known(proven) => {
            let new = open(context, proven, remembered, browser, "a password").await?;
            Ok(new.map_or(Begun::Wrong, Begun::Done))
        }
    }
}

/// Begins a session for somebody who was proven in another way than by the password: `by` says how. `second_factor` says whether that
/// way had a second factor already.
pub(super) async fn begin_proven(
    context: &Context,
    proven: Proven,
    remembered: bool,
    second_factor: bool,
    browser: Browser<'_>,
    by: &str,
) -> Result<Begun> {
    if !second_factor && identify::has_second_factor(&context.db, &proven.person).await? {
        return challenge(context, &proven, remembered).await;
    }
    let new = open(context, proven, remembered, browser, by).await?;
    Ok(new.map_or(Begun::Wrong, Begun::Done))
}

/// What the second step of a login takes.
async fn challenge(context: &Context, proven: &Proven, remembered: bool) -> Result<Begun> {
    let note = if remembered { REMEMBERED } else { "once" };
    let person = &proven.person;
    Ok(Begun::Challenge(SecondStep {
        challenge: sealed_proof::seal(context, CHALLENGE, SECOND_STEP_TIME, proven, note),
        totp: second_factor::is_on(&context.db, person).await?,
        passkey: passkeys::are_possible(&context.policy)
            && passkeys::has_any(&context.db, person).await?,
    }))
}

/// Begins a session with the code of a second factor, after the first step was right.
///
/// # Errors
/// As [`begin`].
pub async fn second_step(
    context: &Context,
    challenge: &str,
    code: &str,
    browser: Browser<'_>,
) -> Result<Option<NewSession>> {
    let mut r = context.db.read().await?;
    let found = sealed_proof::open(context, &mut r, CHALLENGE, challenge).await?;
    drop(r);
    let Some((proven, note)) = found else {
        return Ok(None);
    };
    if !second_factor::take(context, &proven.person, code).await? {
        return Ok(None);
    }
    let by = "a password and a code";
    open(context, proven, note == REMEMBERED, browser, by).await
}

/// Opens a session for a person who has shown everything that is asked for: `by` says what. `None` when the password was changed meanwhile.
pub(super) async fn open(
    context: &Context,
    proven: Proven,
    remembered: bool,
    browser: Browser<'_>,
    by: &str,
) -> Result<Option<NewSession>> {
    let had = match browser.had {
        Some(text) => scopes::person(context, Credential::Session(text)).await?,
        None => None,
    };
    let now = context.now();
    let mut w = context.db.write().await?;
    if !proven.hold(&mut w).await? {
        return Ok(None);
    }
    let person = proven.person;
    if !confirmed(&mut w, person.id).await? {
        let text = "was never confirmed; whoever runs this server can confirm it: nervecenter admin reset-password";
        return Err(field("email", text));
    }
    if let Some((had, session)) = had.and_then(|p| Some((p.id, p.token?))) {
        sessions::delete(&mut w, had, session).await?;
    }
    sessions::keep(&mut w, person.id, SESSIONS_A_PERSON - 1).await?;
    let lasting = if remembered {
        Lasting::Until(now.after(SESSION_REMEMBERED))
    } else {
        Lasting::ForEver
    };
    let agent: String = browser.agent.chars().take(SESSION_AGENT_CHARS).collect();
    let (id, text) =
        users::mint_narrow(&mut w, person.id, "browser", person.grant, lasting, now).await?;
    let address = browser.address.map(|at| at.to_string()).unwrap_or_default();
    let row = NewSessionRow {
        user: person.id,
        token: id,
        remembered,
        agent: &agent,
        address: &address,
    };
    sessions::add(&mut w, &row).await?;
    let said = format!("{} logged in with a browser, by {by}", person.name);
    audit::of_person(&mut w, &person, &said, now).await?;
    w.commit().await?;
    let person = Person {
        token: Some(id),
        session: true,
        ..person
    };
    Ok(Some(NewSession {
        person,
        text,
        remembered,
    }))
}

/// The text that requests of a session prove with that they come from a page of this server. It is bound to the session and
/// not stored.
pub fn csrf(context: &Context, person: &Person) -> Option<String> {
    let session = person.token.filter(|_| person.session)?;
    Some(context.vault.page_proof(session))
}

/// A person's sessions, the one that was used last first.
///
/// # Errors
/// [`DomainError::Denied`] for a limited token.
pub async fn list(db: &Db, person: &Person) -> Result<Vec<Session>> {
    tokens::require_full_access(person)?;
    let now = db.now();
    let mut r = db.read().await?;
    let all = sessions::of_user(&mut r, person.id, now.before(SESSION_IDLE), now).await?;
    let session = |s: SessionRow| Session {
        id: s.id,
        remembered: s.remembered,
        agent: s.agent,
        address: s.address,
        inserted_at: s.inserted_at,
        last_used_at: s.last_used_at,
    };
    Ok(all.into_iter().map(session).collect())
}

/// Ends what the request came with: the session of a browser, or the token of a program.
///
/// # Errors
/// [`DomainError::NotFound`] when it ended meanwhile.
pub async fn end_own(db: &Db, person: &Person) -> Result<()> {
    let own = person.token.ok_or(DomainError::NotFound)?;
    let mut w = db.write().await?;
    if !crate::store::accounts::users::delete_token(&mut w, person.id, own).await? {
        return Err(DomainError::NotFound);
    }
    let text = format!("{} logged out", person.name);
    audit::of_person(&mut w, person, &text, db.now()).await?;
    w.commit().await?;
    Ok(())
}

/// Ends one of the person's sessions.
///
/// # Errors
/// [`DomainError::NotFound`] when the person has no such session; [`DomainError::Denied`] for a limited token.
pub async fn end(db: &Db, person: &Person, session: i64) -> Result<()> {
    tokens::require_full_access(person)?;
    let mut w = db.write().await?;
    if !sessions::delete(&mut w, person.id, session).await? {
        return Err(DomainError::NotFound);
    }
    let text = format!("{} ended a session of their own", person.name);
    audit::of_person(&mut w, person, &text, db.now()).await?;
    w.commit().await?;
    Ok(())
}

/// Ends all sessions of the person but the one that asks. How many.
///
/// # Errors
/// [`DomainError::Denied`] for a limited token.
pub async fn end_others(db: &Db, person: &Person) -> Result<u64> {
    tokens::require_full_access(person)?;
    let mut w = db.write().await?;
    let ended = sessions::delete_others(&mut w, person.id, person.token).await?;
    let text = format!("{} ended {ended} other sessions of their own", person.name);
    audit::of_person(&mut w, person, &text, db.now()).await?;
    w.commit().await?;
    Ok(ended)
}
