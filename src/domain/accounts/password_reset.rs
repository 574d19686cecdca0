//! Forgotten passwords: a link by mail, which is good once and for a day.

use crate::access::scope::Person;
use crate::budget::counted;
use crate::domain::accounts::identify::{self, Proven};
use crate::domain::accounts::{fields, sealed_proof};
use crate::domain::support::mail_rules;
use crate::domain::{Context, DomainError, Result};
use crate::limits::RESET_LIFE;
use crate::store::On;
use crate::store::accounts::{identities, users};
use crate::store::events::audit;
use std::net::IpAddr;

/// What a link is sealed as.
const LABEL: &str = "password reset";

/// Mails the person with this address a link, if there is one. Whether there is cannot be seen: the answer does not wait for it.
///
/// # Errors
/// A refusal when this server sends no mail; [`DomainError::TooMany`] when the address of the network asks too often.
pub fn ask(context: &Context, email: &str, from: Option<IpAddr>) -> Result<()> {
    if !context.policy.mail {
        let text = "This server sends no mail. Whoever runs it can give you a new password: nervecenter admin reset-password.";
        return Err(DomainError::Detail(text.into()));
    }
    if let Some(from) = from.and_then(counted) {
        let limiter = &context.limiters.resets;
        limiter.count(&from).map_err(DomainError::TooMany)?;
    }
    // Behind a proxy on this machine no address is counted, so that the number of them is bounded too.
    let place = context.limiters.reset_places.clone().try_acquire_owned();
    let place = place.map_err(|_| {
        DomainError::Busy(
            "The server mails as many links as it can; try again in some seconds.".into(),
        )
    })?;
    let (own, email) = (context.clone(), email.to_owned());
    context.background.spawn(async move {
        let _place = place;
        if let Err(e) = mail(&own, &email).await {
            tracing::warn!(error = %e, "a link for a new password was not mailed");
        }
    });
    Ok(())
}

async fn mail(context: &Context, email: &str) -> Result<()> {
    let mut r = context.db.read().await?;
    let Some(proven) = identify::by_address(&mut r, email).await? else {
        return Ok(());
    };
    // An account without a password is one of a program, or was deleted, unless its person signs in at a provider.
    if proven.hash.is_empty()
        && identities::of_user(&mut r, proven.person.id)
            .await?
            .is_empty()
    {
        return Ok(());
    }
    drop(r);
    let person = &proven.person;
    if context.limiters.reset_mails.count(&person.id).is_err() {
        tracing::info!("no more links for a new password are mailed to this person for now");
        return Ok(());
    }
    let sealed = sealed_proof::seal(context, LABEL, RESET_LIFE, &proven, "mailed");
    let link = format!("/reset/{sealed}");
    let mut w = context.db.write().await?;
    mail_rules::password_reset(context, &mut w, &person.email, &link).await?;
    w.commit().await?;
    Ok(())
}

/// The person that a link is for.
///
/// # Errors
/// [`DomainError::NotFound`] when it is forged, over, or was used.
pub async fn person_of(context: &Context, link: &str) -> Result<Person> {
    let mut r = context.db.read().await?;
    Ok(find(context, &mut r, link).await?.person)
}

async fn find(context: &Context, on: &mut impl On, link: &str) -> Result<Proven> {
    let found = sealed_proof::open(context, on, LABEL, link).await?;
    let (proven, _) = found.ok_or(DomainError::NotFound)?;
    Ok(proven)
}

/// Sets a new password by a link. All tokens and sessions of the person end, since somebody else may know the old one. A second factor
/// stays: the link shows only that its user reads the mail.
///
/// # Errors
/// [`DomainError::NotFound`] for a link that is not good any more; a validation error for the password.
pub async fn set(context: &Context, link: &str, new: &str) -> Result<()> {
    person_of(context, link).await?;
    fields::check_password("password", new)?;
    let hash = context.limiters.passwords.hash(new).await?;
    let now = context.now();
    let mut w = context.db.write().await?;
    // Another use of the link may have come first meanwhile.
    let proven = find(context, &mut w, link).await?;
    if !proven.hold(&mut w).await? {
        return Err(DomainError::NotFound);
    }
    let person = proven.person;
    users::set_password(&mut w, person.id, &hash, now).await?;
    users::delete_tokens(&mut w, person.id).await?;
    let text = format!(
        "{} set a new password by a link in a mail; all tokens of this person ended",
        person.name
    );
    audit::of_person(&mut w, &person, &text, now).await?;
    w.commit().await?;
    Ok(())
}
