//! Command-line logins that a person confirms in a browser (docs/protocol/rest.md, "Login through a browser"),
//! and invitations to an organization.

use crate::access::credential::Credential;
use crate::access::random;
use crate::access::scope::{Grant, InOrg as _, Org, Person, Role, Scope};
use crate::access::vault::Secret;
use crate::budget::counted;
use crate::clock::Micros;
use crate::domain::Context;
use crate::domain::accounts::identify::{self, Identified};
use crate::domain::accounts::{fields, scopes, users};
use crate::domain::error::{INVALID, field};
use crate::domain::support::mail_rules;
use crate::domain::{DomainError, Result};
use crate::limits::{CLI_LOGIN_LIFE, CLI_LOGINS_PENDING, INVITE_LIFE};
use crate::store::accounts::cli_sessions::{self, CliSession};
use crate::store::accounts::invites;
pub use crate::store::accounts::invites::Invite;
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::{self, Db};
use std::net::IpAddr;

/// Begins a command-line login.
///
/// # Errors
/// [`DomainError::TooMany`] when the address begins them too fast; [`DomainError::Busy`] when too many are pending.
pub async fn begin(context: &Context, note: &str, from: Option<IpAddr>) -> Result<CliSession> {
    if let Some(from) = from.and_then(counted) {
        context
            .limiters
            .cli_sessions
            .count(&from)
            .map_err(DomainError::TooMany)?;
    }
    let now = context.now();
    let token = uuid::Builder::from_random_bytes(random()).into_uuid();
    let code = 100_000 + i64::from(u32::from_le_bytes(random()) % 900_000);
    let note: String = note.chars().take(255).collect();
    let mut w = context.db.write().await?;
    if cli_sessions::sweep(&mut w, now.before(CLI_LOGIN_LIFE)).await? >= CLI_LOGINS_PENDING {
        return Err(DomainError::Busy(
            "Too many logins wait for a browser on this server; try again in a few minutes.".into(),
        ));
    }
    let session = CliSession {
        token: token.to_string(),
        code,
        note,
        user_id: None,
        user_token: None,
    };
    cli_sessions::add(&mut w, &session.token, code, &session.note, now).await?;
    w.commit().await?;
    Ok(session)
}

/// Finds a login that is pending or was just confirmed.
///
/// # Errors
/// [`DomainError::NotFound`] when the login is unknown or expired.
pub async fn waiting(db: &Db, token: &str) -> Result<CliSession> {
    let mut r = db.read().await?;
    cli_sessions::find(&mut r, token, db.now().before(CLI_LOGIN_LIFE))
        .await?
        .ok_or(DomainError::NotFound)
}

/// Answers the polling command line: `None` while the login is pending, and the API token exactly once after it
/// was confirmed.
///
/// # Errors
/// [`DomainError::NotFound`] when the login is unknown, expired, or its token was fetched before.
pub async fn fetch(context: &Context, token: &str) -> Result<Option<Secret>> {
    let session = waiting(&context.db, token).await?;
    let Some(sealed) = session.user_token else {
        return match session.user_id {
            Some(_) => Err(DomainError::NotFound),
            None => Ok(None),
        };
    };
    let mut w = context.db.write().await?;
    if !cli_sessions::fetched(&mut w, token).await? {
        return Err(DomainError::NotFound);
    }
    w.commit().await?;
    let opened = context.vault.open(&sealed, token);
    opened
        .map(Some)
        .map_err(|e| DomainError::Fault(e.to_string()))
}

/// The outcome of a confirmation in the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// The command line is logged in.
    Done,
    /// The email, the password or the code is wrong.
    Wrong,
    /// The credentials are right, but the account has a second factor and no code was given.
    NeedsCode,
    /// The credentials are right, but the account's email address was never confirmed.
    Unconfirmed,
    /// The login was confirmed by somebody else.
    Taken,
}

/// What somebody shows who confirms a login.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'r> {
    /// Email.
    pub email: &'r str,
    /// Password.
    pub password: &'r str,
    /// A code of the second factor.
    pub code: Option<&'r str>,
    /// The session that the browser has. One of the same person is as good as a code: the second factor was shown for it.
    pub session: Option<&'r str>,
    /// Where the request comes from.
    pub from: Option<IpAddr>,
}

/// Confirms a login as the person with this email and password and, where there is a second factor, code or session.
///
/// # Errors
/// [`DomainError::NotFound`] when the login is unknown or expired.
pub async fn confirm(context: &Context, token: &str, shown: Shown<'_>) -> Result<Confirmed> {
    let session = waiting(&context.db, token).await?;
    let Shown {
        email,
        password,
        code,
        ..
    } = shown;
    let proven = match identify::by_all_factors(context, email, password, code, shown.from).await? {
        Identified::Nobody => return Ok(Confirmed::Wrong),
        Identified::NeedsCode(proven) => match shown.session {
            Some(text) if has_session(context, &proven.person, text).await? => proven,
            _ => return Ok(Confirmed::NeedsCode),
        },
        Identified::Known(proven) => proven,
    };
    let person = &proven.person;
    match session.user_id {
        Some(user) if user == person.id => return Ok(Confirmed::Done),
        Some(_) => return Ok(Confirmed::Taken),
        None => {}
    }
    let now = context.now();
    let mut w = context.db.write().await?;
    if !proven.hold(&mut w).await? {
        return Ok(Confirmed::Wrong);
    }
    if !crate::store::accounts::users::confirmed(&mut w, person.id).await? {
        return Ok(Confirmed::Unconfirmed);
    }
    let note = if session.note.is_empty() {
        "command line"
    } else {
        &session.note
    };
    let text = users::mint_login(&mut w, person.id, note, now).await?;
    let sealed = context.vault.seal(&Secret::new(text), token);
    if !cli_sessions::confirm(&mut w, token, person.id, &sealed).await? {
        return Ok(Confirmed::Taken);
    }
    let said = format!("{} logged in from a command line: {note}", person.name);
    audit::of_person(&mut w, person, &said, now).await?;
    w.commit().await?;
    Ok(Confirmed::Done)
}

/// Whether a session is one of this person.
async fn has_session(context: &Context, person: &Person, text: &str) -> Result<bool> {
    let found = scopes::person(context, Credential::Session(text)).await?;
    Ok(found.is_some_and(|own| own.id == person.id))
}

/// Invites somebody who has no account on this server yet.
///
/// Returns the path of the invitation link. The link grants access by itself, so it is shown or mailed once and
/// never again.
///
/// # Errors
/// [`DomainError::Fields`] for an unknown role or a malformed email address.
pub async fn invite(
    context: &Context,
    scope: &Scope<Org>,
    email: &str,
    role: &str,
) -> Result<(Invite, String)> {
    let role = Role::parse(role).ok_or_else(|| field("role", INVALID))?;
    fields::check_email(email)?;
    let now = context.now();
    let mut w = context.db.write().await?;
    let id = invites::add(&mut w, scope, email, role.word(), now).await?;
    let link = link(context, id, email, now);
    mail_rules::invited(context, &mut w, scope, email, &link).await?;
    let text = format!(
        "{} invited {email} with the role {}",
        scope.person().name,
        role.word()
    );
    audit::in_org(&mut w, scope, &text, now).await?;
    mail_rules::members_changed(context, &mut w, scope, None, &text).await?;
    let made = invites::find(&mut w, id, now.before(INVITE_LIFE)).await?;
    w.commit().await?;
    Ok((made.ok_or(store::Error::Missing("invites"))?, link))
}

/// The organization's open invitations, newest first, without their links.
pub async fn invitations(context: &Context, scope: &Scope<Org>) -> Result<Vec<Invite>> {
    let mut r = context.db.read().await?;
    Ok(invites::list(&mut r, scope, context.now().before(INVITE_LIFE)).await?)
}

fn link(context: &Context, id: i64, email: &str, at: Micros) -> String {
    let about = format!("invite {id} {email}");
    let proof = context.vault.proof(&about, at.after(INVITE_LIFE).secs());
    format!("/invite/{id}.{proof}")
}

/// Revokes an invitation.
///
/// # Errors
/// [`DomainError::NotFound`] when no open invitation has this address.
pub async fn rescind(db: &Db, scope: &Scope<Org>, email: &str) -> Result<()> {
    let mut w = db.write().await?;
    if !invites::remove(&mut w, scope.org().id, email).await? {
        return Err(DomainError::NotFound);
    }
    let text = format!(
        "{} took back the invitation of {email}",
        scope.person().name
    );
    audit::in_org(&mut w, scope, &text, db.now()).await?;
    w.commit().await?;
    Ok(())
}

/// Finds the invitation that a link belongs to.
///
/// # Errors
/// [`DomainError::NotFound`] when the link is forged, expired, accepted, or revoked.
pub async fn invited(context: &Context, link: &str) -> Result<Invite> {
    let (id, proof) = link.split_once('.').ok_or(DomainError::NotFound)?;
    let id: i64 = id.parse().map_err(|_| DomainError::NotFound)?;
    let now = context.now();
    let mut r = context.db.read().await?;
    let found = invites::find(&mut r, id, now.before(INVITE_LIFE)).await?;
    let invite = found.ok_or(DomainError::NotFound)?;
    let about = format!("invite {} {}", invite.id, invite.email);
    if context.vault.proven(&about, proof, now.secs()) {
        Ok(invite)
    } else {
        Err(DomainError::NotFound)
    }
}

/// Accepts an invitation: creates an account with this name and password, or adds a person who got an account
/// meanwhile and proves it with its password.
///
/// # Errors
/// [`DomainError::NotFound`] for a link that is not valid any more; a validation error for an unacceptable name
/// or password.
pub async fn accept(
    context: &Context,
    link: &str,
    name: &str,
    secret: &str,
    from: Option<IpAddr>,
) -> Result<()> {
    let invite = invited(context, link).await?;
    let mut r = context.db.read().await?;
    let known = crate::store::accounts::users::by_email(&mut r, &invite.email).await?;
    drop(r);
    let now = context.now();
    let (user, name) = match known {
        Some(_) => {
            let person = identify::by_password(context, &invite.email, secret, from).await?;
            let text = "is not the password of your account on this server";
            let person = person.ok_or_else(|| field("password", text))?;
            (Some(person.id), person.name)
        }
        None => {
            let name = fields::person_name(name)?;
            fields::check_password("password", secret)?;
            (None, name)
        }
    };
    let hash = match user {
        Some(_) => String::new(),
        None => context.limiters.passwords.hash(secret).await?,
    };
    let mut w = context.db.write().await?;
    let id = match user {
        Some(id) => id,
        None => crate::store::accounts::users::add(&mut w, &invite.email, &name, &hash, now)
            .await?
            .ok_or(DomainError::NotFound)?,
    };
    crate::store::accounts::orgs::set_member(&mut w, invite.org_id, id, &invite.role, now).await?;
    invites::remove(&mut w, invite.org_id, &invite.email).await?;
    let person = Person {
        id,
        name: name.clone(),
        email: invite.email.clone(),
        grant: Grant::default(),
        token: None,
        session: false,
    };
    let text = format!("{name} joined with the role {}", invite.role);
    let (actor, resource) = (Actor::Person(&person), Resource::Org(invite.org_id));
    audit::add(&mut w, invite.org_id, None, actor, resource, &text, now).await?;
    w.commit().await?;
    Ok(())
}
