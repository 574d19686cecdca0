//! People: login and tokens.

use crate::access::scope::{Grant, Person, Role};
use crate::access::{password, random, token};
use crate::clock::{self, Micros};
use crate::domain::Context;
use crate::domain::Result;
use crate::domain::accounts::tokens;
use crate::domain::error::field;
use crate::ids::{OrgId, UserId};
use crate::limits::{LOGINS_A_PERSON, PASSWORD_CHARS};
use crate::store::accounts::users::NewToken;
use crate::store::events::audit;
use crate::store::{self, Write};
use std::net::IpAddr;

/// A login that worked.
pub struct LoginSession {
    /// Who.
    pub person: Person,
    /// The new API token, shown once.
    pub token: String,
}

/// Checks a password and makes a token. `None` for a wrong email or password alike.
///
/// # Errors
/// The database's.
pub async fn login(
    context: &Context,
    email: &str,
    password: &str,
    note: &str,
    from: Option<IpAddr>,
) -> Result<Option<LoginSession>> {
    let Some(person) = by_password(context, email, password, from).await? else {
        return Ok(None);
    };
    let now = clock::now();
    let mut w = context.db.write().await?;
    let token = mint_login(&mut w, person.id, note, now).await?;
    audit::of_person(&mut w, &person, &format!("{} logged in", person.name), now).await?;
    w.commit().await?;
    Ok(Some(LoginSession { person, token }))
}

/// The person whose password this is. `None` for a wrong email or password alike.
///
/// # Errors
/// [`crate::domain::Refusal::TooMany`] after too many wrong ones; [`crate::domain::Refusal::Busy`] when the server checks as many as it can.
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
    let person = user.map(|user| Person {
        id: user.id,
        name: user.name,
        email: user.email,
        grant: Grant::default(),
        token: None,
    });
    if right {
        return Ok(person);
    }
    let first = context.limiters.passwords.failed(email, from);
    // The one that exhausts the tries is told with them; every single one would let a stranger fill the log.
    if let Some(person) = person.filter(|_| first) {
        let now = clock::now();
        let text = format!(
            "Somebody tried wrong passwords of {}; further tries are slowed down",
            person.email
        );
        let mut w = context.db.write().await?;
        audit::of_person(&mut w, &person, &text, now).await?;
        w.commit().await?;
    }
    Ok(None)
}

/// Makes the token of a login: it ends when it is not used, and there are only so many of one person.
///
/// # Errors
/// The database's.
pub async fn mint_login(
    w: &mut Write,
    user: UserId,
    note: &str,
    now: Micros,
) -> store::Result<String> {
    crate::store::accounts::users::keep_logins(w, user, LOGINS_A_PERSON - 1).await?;
    let login = Lasting::WhileUsed;
    let (_, text) = mint_narrow(w, user, note, Grant::default(), login, now).await?;
    Ok(text)
}

/// How long a token is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// Until it is taken away.
    ForEver,
    /// Until an instant.
    Until(Micros),
    /// Until it was not used for [`crate::limits::LOGIN_IDLE`].
    WhileUsed,
}

/// Gives a person another password, after the present one. All other tokens of the person end: whoever knew the old
/// password may have some.
///
/// # Errors
/// A wrong present password, a new one that is too short or too long, a token that grants less than all.
pub async fn change_password(
    context: &Context,
    person: &Person,
    present: &str,
    new: &str,
    from: Option<IpAddr>,
) -> Result<()> {
    tokens::require_full_access(person)?;
    if !PASSWORD_CHARS.contains(&new.chars().count()) {
        let (least, most) = (PASSWORD_CHARS.start(), PASSWORD_CHARS.end());
        let text = format!("must have {least} to {most} characters");
        return Err(field("new_password", &text));
    }
    let found = by_password(context, &person.email, present, from).await?;
    if found.is_none_or(|p| p.id != person.id) {
        return Err(field("current_password", "is wrong"));
    }
    let given = new.to_owned();
    let hash = context
        .limiters
        .passwords
        .check(move || password::hash(&given))
        .await?;
    let now = clock::now();
    let mut w = context.db.write().await?;
    crate::store::accounts::users::set_password(&mut w, person.id, &hash, now).await?;
    crate::store::accounts::users::delete_other_tokens(&mut w, person.id, person.token).await?;
    let text = format!(
        "{} changed the password; all other tokens of this person ended",
        person.name
    );
    audit::of_person(&mut w, person, &text, now).await?;
    w.commit().await?;
    Ok(())
}

/// Makes a token for a person.
///
/// # Errors
/// The database's.
pub async fn mint(w: &mut Write, user: UserId, note: &str, now: Micros) -> store::Result<String> {
    let (_, text) = mint_narrow(w, user, note, Grant::default(), Lasting::ForEver, now).await?;
    Ok(text)
}

/// Makes a token that may end, and that may grant less than all; its row, and its text, which is shown once.
///
/// # Errors
/// The database's.
pub async fn mint_narrow(
    w: &mut Write,
    user: UserId,
    note: &str,
    grant: Grant,
    lasting: Lasting,
    now: Micros,
) -> store::Result<(i64, String)> {
    let text = token::text(random());
    let hash = token::hash(&text).ok_or(store::Error::Missing("tokens"))?;
    let note = note.split_whitespace().collect::<Vec<_>>().join(" ");
    let note: String = note.chars().take(255).collect();
    let new = NewToken {
        user,
        hash: &hash,
        note: &note,
        access: grant.access.word(),
        product: grant.product,
        expires_at: match lasting {
            Lasting::Until(end) => Some(end),
            Lasting::ForEver | Lasting::WhileUsed => None,
        },
        login: lasting == Lasting::WhileUsed,
    };
    Ok((
        crate::store::accounts::users::add_token(w, &new, now).await?,
        text,
    ))
}

/// Adds a person with this password, who administers this organization.
///
/// # Errors
/// The database's.
pub async fn add_admin(
    w: &mut Write,
    email: &str,
    password: &str,
    org: OrgId,
    now: Micros,
) -> store::Result<Option<UserId>> {
    let hash = password::hash(password);
    let name = email.split('@').next().unwrap_or(email);
    let Some(id) = crate::store::accounts::users::add(w, email, name, &hash, now).await? else {
        return Ok(None);
    };
    crate::store::accounts::orgs::set_member(w, org, id, Role::Admin.word(), now).await?;
    Ok(Some(id))
}
