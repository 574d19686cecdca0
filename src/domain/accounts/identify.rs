//! Who somebody is who gives an email, a password and, where the person has a second factor, a code. Every login comes by here.

use crate::access::password;
use crate::access::scope::{Grant, Person};
use crate::domain::accounts::second_factor;
use crate::domain::{Context, Result};
use crate::store::accounts::users::User;
use crate::store::events::audit;
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
    context.limiters.passwords.may_try(email, from)?;
    let mut r = context.db.read().await?;
    let user = crate::store::accounts::users::by_email(&mut r, email).await?;
    drop(r);
    let (given, stored) = (
        password.to_owned(),
        user.as_ref().map(|u| u.password_hash.clone()),
    );
    let check = move || password::matches(&given, stored.as_deref());
    let right = context.limiters.passwords.check(check).await?;
    let person = user.map(known);
    if right {
        return Ok(person);
    }
    match person {
        Some(person) => failed(context, &person, from).await?,
        None => {
            context.limiters.passwords.failed(email, from);
        }
    }
    Ok(None)
}

/// The person with this address.
pub(super) async fn by_address(context: &Context, email: &str) -> Result<Option<Person>> {
    let mut r = context.db.read().await?;
    let user = crate::store::accounts::users::by_email(&mut r, email).await?;
    Ok(user.map(known))
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

/// Counts a wrong password or code of a person.
pub(super) async fn failed(context: &Context, person: &Person, from: Option<IpAddr>) -> Result<()> {
    // Only the attempt that uses up the limit is recorded. If each were, a stranger could fill the log.
    if context.limiters.passwords.failed(&person.email, from) {
        let text = format!(
            "Somebody tried wrong passwords of {}; further tries are slowed down",
            person.email
        );
        let mut w = context.db.write().await?;
        audit::of_person(&mut w, person, &text, context.now()).await?;
        w.commit().await?;
    }
    Ok(())
}

/// Who somebody is who gives an email and a password.
pub enum Identified {
    /// One of them is wrong, or the code.
    Nobody,
    /// They are right, and the person's second factor is needed beside them.
    NeedsCode(Person),
    /// The person.
    Known(Person),
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
    let Some(person) = by_password(context, email, password, from).await? else {
        return Ok(Identified::Nobody);
    };
    if !second_factor::is_on(&context.db, &person).await? {
        return Ok(Identified::Known(person));
    }
    let Some(code) = code.filter(|c| !c.trim().is_empty()) else {
        return Ok(Identified::NeedsCode(person));
    };
    if second_factor::take(context, &person, code, from).await? {
        Ok(Identified::Known(person))
    } else {
        Ok(Identified::Nobody)
    }
}
