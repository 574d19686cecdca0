//! Who somebody is who gives an email, a password and, where the person has a second factor, a code. Every login comes by here.

use crate::access::password;
use crate::access::scope::{Grant, Person};
use crate::domain::accounts::{passkeys, second_factor};
use crate::domain::error::field;
use crate::domain::{Context, Result};
use crate::limits::FRESH_LOGIN;
use crate::store::accounts::sessions;
use crate::store::accounts::users::{self, User};
use crate::store::events::audit;
use crate::store::{Db, On, Write};
use std::net::IpAddr;

/// Finds the person with this email and password. `None` whether the email or the password is wrong.
///
/// # Errors
/// [`DomainError::TooMany`](crate::domain::DomainError::TooMany) after too many wrong passwords;
/// [`DomainError::Busy`](crate::domain::DomainError::Busy) when too many checks wait already.
pub async fn by_password(
    context: &Context,
    email: &str,
    password: &str,
    from: Option<IpAddr>,
) -> Result<Option<Person>> {
    let proven = prove(context, email, password, from).await?;
    Ok(proven.map(|p| p.person))
}

async fn prove(
    context: &Context,
    email: &str,
    password: &str,
    from: Option<IpAddr>,
) -> Result<Option<Proven>> {
    context.limiters.passwords.may_try(email, from)?;
    let mut r = context.db.read().await?;
    let found = by_address(&mut r, email).await?;
    drop(r);
    let (given, stored) = (password.to_owned(), found.as_ref().map(|p| p.hash.clone()));
    let check = move || password::matches(&given, stored.as_deref());
    if context.limiters.passwords.check(check).await? {
        return Ok(found);
    }
    match found {
        Some(found) => failed(context, &found.person, from).await?,
        None => {
            context.limiters.passwords.failed(email, from);
        }
    }
    Ok(None)
}

/// The person with this address, and the hash of their password.
pub(super) async fn by_address(on: &mut impl On, email: &str) -> Result<Option<Proven>> {
    let user = users::by_email(on, email).await?;
    Ok(user.map(of_row))
}

/// The person of a row, who was proven in another way than by the password.
pub(super) fn of_row(user: User) -> Proven {
    Proven {
        hash: user.password_hash.clone(),
        person: known(user),
    }
}

/// The person of a row, with no token.
pub(super) fn known(user: User) -> Person {
    Person {
        id: user.id,
        name: user.name,
        email: user.email,
        grant: Grant::default(),
        token: None,
        session: false,
    }
}

/// Counts a wrong password of a person.
async fn failed(context: &Context, person: &Person, from: Option<IpAddr>) -> Result<()> {
    // Only the attempt that uses up the limit is recorded. If each were, a stranger could fill the log.
    if context.limiters.passwords.failed(&person.email, from) {
        let text = format!(
            "Somebody tried wrong passwords of {}; further tries are slowed down",
            person.email
        );
        note(context, person, &text).await?;
    }
    Ok(())
}

/// Writes into the audit log what happened to a person when nothing else was done.
pub(super) async fn note(context: &Context, person: &Person, text: &str) -> Result<()> {
    let mut w = context.db.write().await?;
    audit::of_person(&mut w, person, text, context.now()).await?;
    w.commit().await?;
    Ok(())
}

/// Refuses a request without the password of the person who makes it. Whoever has none has logged in a moment ago instead.
///
/// # Errors
/// A validation error under `current_password`; as [`by_password`].
pub(super) async fn require_password(
    context: &Context,
    person: &Person,
    given: &str,
    from: Option<IpAddr>,
) -> Result<Proven> {
    let mut r = context.db.read().await?;
    let own = by_address(&mut r, &person.email).await?;
    let own = own.filter(|p| p.person.id == person.id);
    if let Some(own) = own.filter(|p| p.hash.is_empty()) {
        let session = person.token.filter(|_| person.session).unwrap_or_default();
        let began = sessions::began(&mut r, person.id, session).await?;
        let fresh = began.is_some_and(|at| context.now().since(at) <= FRESH_LOGIN);
        let text =
            "is missing, since your account has none: log in again, and do this within ten minutes";
        return fresh
            .then_some(own)
            .ok_or_else(|| field("current_password", text));
    }
    drop(r);
    let found = prove(context, &person.email, given, from).await?;
    let own = found.filter(|proven| proven.person.id == person.id);
    own.ok_or_else(|| field("current_password", "is wrong"))
}

/// Who somebody is who gives an email and a password.
pub enum Identified {
    /// One of them is wrong, or the code.
    Nobody,
    /// They are right, and the person's second factor is needed beside them.
    NeedsCode(Proven),
    /// The person.
    Known(Proven),
}

/// A person who has shown the password.
#[derive(Debug, Clone)]
pub struct Proven {
    pub person: Person,
    /// The stored hash of the password that was shown. Who mints a token looks with it whether a new password was set meanwhile.
    pub hash: String,
}

impl Proven {
    /// Refuses to go on when the person has another password by now. From then on none is set until the transaction ends.
    pub(super) async fn hold(&self, w: &mut Write) -> Result<bool> {
        Ok(users::still_has(w, self.person.id, &self.hash).await?)
    }
}

/// Whether logins of this person ask for more than the first step.
pub(super) async fn has_second_factor(db: &Db, person: &Person) -> Result<bool> {
    Ok(second_factor::is_on(db, person).await? || passkeys::has_any(db, person).await?)
}

/// Finds out who gives this email, password and, where the person has a second factor, code.
///
/// # Errors
/// As [`by_password`].
pub async fn by_all_factors(
    context: &Context,
    email: &str,
    password: &str,
    code: Option<&str>,
    from: Option<IpAddr>,
) -> Result<Identified> {
    let Some(proven) = prove(context, email, password, from).await? else {
        return Ok(Identified::Nobody);
    };
    if !has_second_factor(&context.db, &proven.person).await? {
        return Ok(Identified::Known(proven));
    }
    let Some(code) = code.filter(|c| !c.trim().is_empty()) else {
        return Ok(Identified::NeedsCode(proven));
    };
    if second_factor::take(context, &proven.person, code).await? {
        Ok(Identified::Known(proven))
    } else {
        Ok(Identified::Nobody)
    }
}
