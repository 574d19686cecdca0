//! Accounts that people make for themselves. An address is shown first: a link is mailed to it, and the account is made by whoever
//! opens the link and chooses a password. Until then nothing is stored, so that nobody can occupy an address that is not theirs.

use crate::budget::counted;
use crate::domain::accounts::fields;
use crate::domain::sealed;
use crate::domain::support::mail_rules;
use crate::domain::{Context, DomainError, Result};
use crate::limits::CONFIRM_LIFE;
use crate::store::accounts::users;
use std::net::IpAddr;

/// What a link is sealed as.
const LABEL: &str = "registration";

/// Somebody who wants an account.
#[derive(Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// The address that the link was mailed to.
    pub email: String,
    /// Full name.
    pub name: String,
}

fn refuse_closed(context: &Context) -> Result<()> {
    if context.policy.registrations {
        return Ok(());
    }
    let text = "Registration is closed on this server. Ask an administrator of your organization for an invitation.";
    Err(DomainError::Detail(text.into()))
}

/// Mails a link to an address, which makes an account. To one that has an account it mails that instead: the answer is the same, and
/// does not wait for either.
///
/// # Errors
/// A refusal when registration is closed; a validation error for name or address; [`DomainError::TooMany`] when an address of the
/// network registers too often, or too much was mailed to an address.
pub fn ask(context: &Context, name: &str, email: &str, from: Option<IpAddr>) -> Result<()> {
    refuse_closed(context)?;
    let name = fields::person_name(name)?;
    fields::check_email(email)?;
    if let Some(from) = from.and_then(counted) {
        let limiter = &context.limiters.registrations;
        limiter.count(&from).map_err(DomainError::TooMany)?;
    }
    count_mail(context, email)?;
    let place = context.limiters.reset_places.clone().try_acquire_owned();
    let place = place.map_err(|_| busy())?;
    let (own, email) = (context.clone(), email.to_owned());
    context.background.spawn(async move {
        let _place = place;
        if let Err(e) = mail(&own, &name, &email).await {
            tracing::warn!(error = %e, "a link for a new account was not mailed");
        }
    });
    Ok(())
}

fn busy() -> DomainError {
    let text = "The server mails as many links as it can; try again in some seconds.";
    DomainError::Busy(text.into())
}

/// Counts a mail to an address that nobody here has shown to be theirs, and all such mails together: behind a proxy on this machine
/// those who ask are not told apart.
pub(super) fn count_mail(context: &Context, email: &str) -> Result<()> {
    let limiters = &context.limiters;
    let key: String = users::key_of(email).chars().take(128).collect();
    limiters
        .unproven_mails
        .count(&key)
        .map_err(DomainError::TooMany)?;
    limiters
        .all_unproven_mails
        .count(&())
        .map_err(DomainError::TooMany)
}

async fn mail(context: &Context, name: &str, email: &str) -> Result<()> {
    let mut w = context.db.write().await?;
    if users::by_email(&mut w, email).await?.is_some() {
        mail_rules::account_exists(context, &mut w, email).await?;
    } else {
        let text = format!("{email} {name}");
        let sealed = sealed::seal(context, LABEL, CONFIRM_LIFE, &text);
        let link = format!("/confirm/{sealed}");
        mail_rules::registration(context, &mut w, email, &link).await?;
    }
    w.commit().await?;
    Ok(())
}

/// Whom a link is for. `None` when it is forged or over, or the address has an account by now, be it by this link.
pub(super) async fn newcomer(context: &Context, link: &str) -> Result<Option<Newcomer>> {
    let opened = sealed::open(context, LABEL, link).filter(|o| !o.over);
    let Some(opened) = opened else {
        return Ok(None);
    };
    let (email, name) = opened.text.split_once(' ').unwrap_or_default();
    let mut r = context.db.read().await?;
    if users::by_email(&mut r, email).await?.is_some() {
        return Ok(None);
    }
    Ok(Some(Newcomer {
        email: email.to_owned(),
        name: name.to_owned(),
    }))
}

/// Makes the account, with a password that whoever opened the link has chosen.
///
/// # Errors
/// A refusal when registration was closed meanwhile; a validation error for the password; [`DomainError::NotFound`] when the address
/// has an account by now.
pub(super) async fn finish(context: &Context, newcomer: Newcomer, password: &str) -> Result<()> {
    refuse_closed(context)?;
    fields::check_password("password", password)?;
    let hash = context.limiters.passwords.hash(password).await?;
    let now = context.now();
    let Newcomer { email, name } = newcomer;
    let mut w = context.db.write().await?;
    let id = users::add(&mut w, &email, &name, &hash, now).await?;
    id.ok_or(DomainError::NotFound)?;
    w.commit().await?;
    // The person is in no organization yet, whose audit log could say so.
    tracing::info!(%email, "somebody registered");
    Ok(())
}
