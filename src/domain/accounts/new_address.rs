//! Changes of the address that a person logs in with. The new one counts once a mail to it was answered; the old one is told of both
//! steps, and can take the change back for a week.

use crate::access::scope::Person;
use crate::access::{random, sha256};
use crate::domain::accounts::identify::{self, Proven};
use crate::domain::accounts::{fields, registration, sealed_proof, tokens};
use crate::domain::error::field;
use crate::domain::sealed;
use crate::domain::support::mail_rules;
use crate::domain::{Context, DomainError, Result};
use crate::ids::UserId;
use crate::limits::{CONFIRM_LIFE, TAKE_BACK_LIFE};
use crate::store::accounts::{passkeys, users};
use crate::store::events::audit;
use crate::store::{Db, On, Write};
use std::net::IpAddr;

/// What the link to the new address is sealed as.
const LABEL: &str = "new address";
/// What the link to the old address is sealed as.
const BACK: &str = "old address";

/// The address that the person wants and has not confirmed.
///
/// # Errors
/// When the database fails.
pub async fn wanted(db: &Db, person: &Person) -> Result<Option<String>> {
    let mut r = db.read().await?;
    let since = db.now().before(CONFIRM_LIFE);
    Ok(users::new_email(&mut r, person.id, since).await?)
}

/// Mails a link to the new address, and tells the old one. The present address as the new one takes the wish back. Whether somebody
/// else has the new address is not told here, but mailed to it.
///
/// # Errors
/// A validation error for the address, or a wrong password; a refusal when this server sends no mail; [`DomainError::TooMany`] after
/// too many changes; [`DomainError::Denied`] for a limited token and a service account.
pub async fn ask(
    context: &Context,
    person: &Person,
    email: &str,
    password: &str,
    from: Option<IpAddr>,
) -> Result<()> {
    tokens::require_human(person)?;
    fields::check_email(email)?;
    let proven = identify::require_password(context, person, password, from).await?;
    if email == person.email {
        let mut w = context.db.write().await?;
        users::set_new_email(&mut w, person.id, None, context.now()).await?;
        w.commit().await?;
        return Ok(());
    }
    if !context.policy.mail {
        let text = "This server sends no mail, so that no new address can be confirmed.";
        return Err(DomainError::Detail(text.into()));
    }
    let own = &context.limiters.reset_mails;
    own.count(&person.id).map_err(DomainError::TooMany)?;
    registration::count_mail(context, email)?;
    let link = sealed_proof::seal(context, LABEL, CONFIRM_LIFE, &proven, email);
    let link = format!("/confirm/{link}");
    let now = context.now();
    let mut w = context.db.write().await?;
    if !proven.hold(&mut w).await? {
        return Err(field("current_password", "is wrong"));
    }
    users::set_new_email(&mut w, person.id, Some(email), now).await?;
    let other = users::by_email(&mut w, email).await?;
    if other.is_some_and(|other| other.id != person.id) {
        mail_rules::account_exists(context, &mut w, email).await?;
    } else {
        mail_rules::new_address(context, &mut w, email, &link).await?;
    }
    mail_rules::address_wanted(context, &mut w, &person.email, email).await?;
    let text = format!("{} wants the address {email}", person.name);
    audit::of_person(&mut w, person, &text, now).await?;
    w.commit().await?;
    Ok(())
}

/// A link of a mail about an address.
pub(super) enum Link {
    /// The person with the new address, which is to be confirmed.
    New(Proven, String),
    /// The person, and the old address that is to be theirs again.
    Back(Person, String),
}

/// What a link is for; `None` when it is forged, over, was used, or the person wants another address by now.
pub(super) async fn link(context: &Context, on: &mut impl On, text: &str) -> Result<Option<Link>> {
    if let Some((proven, email)) = sealed_proof::open(context, on, LABEL, text).await? {
        let since = context.now().before(CONFIRM_LIFE);
        let wanted = users::new_email(on, proven.person.id, since).await?;
        let same = wanted.is_some_and(|wanted| wanted == email);
        return Ok(same.then_some(Link::New(proven, email)));
    }
    let Some(opened) = sealed::open(context, BACK, text).filter(|o| !o.over) else {
        return Ok(None);
    };
    let (id, old) = opened.text.split_once(' ').unwrap_or_default();
    let id: i64 = id.parse().unwrap_or_default();
    let found = users::by_number(on, id).await?;
    // A deleted account has no password, and nothing to take back.
    let own = found.filter(|user| !user.password_hash.is_empty() && user.email != old);
    Ok(own.map(|user| Link::Back(identify::known(user), old.to_owned())))
}

/// Does what a link is for.
///
/// # Errors
/// [`DomainError::NotFound`] when the link is not good any more; a conflict when somebody else has the address by now.
pub(super) async fn follow(context: &Context, text: &str) -> Result<()> {
    let mut r = context.db.read().await?;
    let found = link(context, &mut r, text).await?;
    drop(r);
    match found.ok_or(DomainError::NotFound)? {
        Link::New(proven, email) => change(context, proven, email).await,
        Link::Back(person, old) => take_back(context, person, old, text).await,
    }
}

async fn change(context: &Context, proven: Proven, email: String) -> Result<()> {
    let mut w = context.db.write().await?;
    if !proven.hold(&mut w).await? {
        return Err(DomainError::NotFound);
    }
    let person = proven.person;
    let back = back(context, person.id, &person.email);
    mail_rules::address_changed(context, &mut w, &person.email, &email, &back).await?;
    let said = format!(
        "{} has the address {email} now, in place of {}",
        person.name, person.email
    );
    set(context, w, person, email, &said).await
}

/// Whoever changed the address knows the password, and may have made tokens with it: none of them is good any more.
async fn take_back(context: &Context, person: Person, old: String, link: &str) -> Result<()> {
    let nobodys = context
        .limiters
        .passwords
        .hash(&hex::encode(random::<32>()))
        .await?;
    let now = context.now();
    let mut w = context.db.write().await?;
    let until = now.after(TAKE_BACK_LIFE * 2);
    if !passkeys::spend(&mut w, &sha256(link.as_bytes()), until, now).await? {
        return Err(DomainError::NotFound);
    }
    users::set_password(&mut w, person.id, &nobodys, now).await?;
    users::delete_tokens(&mut w, person.id).await?;
    let said = format!(
        "{} took back the change of the address from {old} to {}; password and tokens of this person ended",
        person.name, person.email
    );
    set(context, w, person, old, &said).await
}

async fn set(
    context: &Context,
    mut w: Write,
    person: Person,
    email: String,
    said: &str,
) -> Result<()> {
    let now = context.now();
    if !users::set_email(&mut w, person.id, &email, now).await? {
        let text = "Somebody else has this address by now.";
        return Err(DomainError::Conflict(text.into()));
    }
    let person = Person { email, ..person };
    audit::of_person(&mut w, &person, said, now).await?;
    w.commit().await?;
    Ok(())
}

/// The link that takes a change back.
fn back(context: &Context, id: UserId, old: &str) -> String {
    let text = format!("{id} {old}");
    let sealed = sealed::seal(context, BACK, TAKE_BACK_LIFE, &text);
    format!("/confirm/{sealed}")
}
