//! Logins with a passkey: in place of email and password, or as the second step after them.

use crate::budget::counted;
use crate::domain::accounts::passkeys::{self, Asked};
use crate::domain::accounts::sessions::{self, Browser, NewSession};
use crate::domain::accounts::{identify, sealed_proof, second_factor};
use crate::domain::sealed;
use crate::domain::{Context, DomainError, Result};
use crate::limits::PASSKEY_TIME;
use crate::store::accounts::passkeys as table;
use serde_json::{Map, Value};
use std::net::IpAddr;
use webauthn_rs::prelude::Uuid;

/// What the challenge of a login without a password is sealed as.
const ALONE: &str = "login with a passkey";
/// What the challenge of a second step is sealed as.
const SECOND: &str = "second step with a passkey";

/// Counts a step of the address that takes it.
fn count(context: &Context, from: Option<IpAddr>) -> Result<()> {
    let Some(from) = from.and_then(counted) else {
        return Ok(());
    };
    let limiter = &context.limiters.passkey_steps;
    limiter.count(&from).map_err(DomainError::TooMany)
}

/// Asks for a passkey of somebody who has said nothing yet.
///
/// # Errors
/// A refusal where passkeys do not work; [`DomainError::TooMany`] when the address asks too often.
pub fn ask(context: &Context, from: Option<IpAddr>) -> Result<Asked> {
    count(context, from)?;
    let (options, state) = passkeys::ask_anybody(context)?;
    Ok(Asked {
        options,
        challenge: sealed::seal(context, ALONE, PASSKEY_TIME, &state),
    })
}

/// Asks for one of the passkeys of a person who has taken the first step, with its challenge; `None` when that is over, or the person
/// has none.
///
/// # Errors
/// As [`ask`].
pub async fn ask_second(
    context: &Context,
    challenge: &str,
    from: Option<IpAddr>,
) -> Result<Option<Asked>> {
    count(context, from)?;
    let mut r = context.db.read().await?;
    let found = sealed_proof::open(context, &mut r, sessions::CHALLENGE, challenge).await?;
    let Some((proven, note)) = found else {
        return Ok(None);
    };
    let own = table::of_user(&mut r, proven.person.id).await?;
    drop(r);
    if own.is_empty() {
        return Ok(None);
    }
    let (options, state) = passkeys::ask_person(context, &own)?;
    let note = format!("{note}.{state}");
    Ok(Some(Asked {
        options,
        challenge: sealed_proof::seal(context, SECOND, PASSKEY_TIME, &proven, &note),
    }))
}

/// Begins a session for whoever answers [`ask`] with a passkey. `None` when the challenge is over or was answered before, and when the
/// passkey is not known here.
///
/// # Errors
/// A validation error for an account whose address was never confirmed; [`DomainError::TooMany`] when the address tries too often.
pub async fn log_in(
    context: &Context,
    challenge: &str,
    assertion: Option<&Map<String, Value>>,
    remembered: bool,
    browser: Browser<'_>,
) -> Result<Option<NewSession>> {
    count(context, browser.address)?;
    let opened = sealed::open(context, ALONE, challenge).filter(|o| !o.over);
    let (Some(opened), Some(assertion)) = (opened, passkeys::assertion_of(assertion)) else {
        return Ok(None);
    };
    let known_by = passkeys::known_by(assertion.get_credential_id());
    let mut r = context.db.read().await?;
    let found = table::find(&mut r, &known_by).await?;
    drop(r);
    let handle = assertion.get_user_unique_id().map(Uuid::from_slice);
    let Some((row, Some(Ok(handle)))) = found.map(|row| (row, handle)) else {
        return Ok(None);
    };
    // Whose the passkey is, is told by the authenticator as well (section 7.2, step 6).
    if row.handle != handle.to_string()
        || !passkeys::verify(context, &row, &opened.text, &assertion).await?
    {
        return Ok(None);
    }
    let mut r = context.db.read().await?;
    let proven = identify::by_address(&mut r, &row.email).await?;
    drop(r);
    match proven.filter(|p| p.person.id == row.user_id) {
        Some(proven) => sessions::open(context, proven, remembered, browser, "a passkey").await,
        None => Ok(None),
    }
}

/// Begins a session with the answer to [`ask_second`]. `None` when the challenge is over or was answered before, and when the passkey
/// is not one of the person.
///
/// # Errors
/// As [`log_in`]; [`DomainError::TooMany`] also after too many wrong answers of the person.
pub async fn second_step(
    context: &Context,
    challenge: &str,
    assertion: &Map<String, Value>,
    browser: Browser<'_>,
) -> Result<Option<NewSession>> {
    let mut r = context.db.read().await?;
    let found = sealed_proof::open(context, &mut r, SECOND, challenge).await?;
    let Some((proven, note)) = found else {
        return Ok(None);
    };
    let own = table::of_user(&mut r, proven.person.id).await?;
    drop(r);
    let person = &proven.person;
    context.limiters.codes.may_try(&person.email, None)?;
    let (note, state) = note.split_once('.').unwrap_or_default();
    let assertion = passkeys::assertion_of(Some(assertion));
    let answer = assertion.and_then(|assertion| {
        let id = assertion.get_credential_id();
        let row = own
            .iter()
            .find(|row| row.credential_id == passkeys::known_by(id));
        Some((row?, assertion))
    });
    let right = match &answer {
        Some((row, assertion)) => passkeys::verify(context, row, state, assertion).await?,
        None => false,
    };
    if !right {
        second_factor::failed(context, person).await?;
        return Ok(None);
    }
    let remembered = note == sessions::REMEMBERED;
    let by = "a password and a passkey";
    sessions::open(context, proven, remembered, browser, by).await
}
