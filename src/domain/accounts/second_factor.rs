//! The second factor of a login: codes that a person's phone makes of a shared secret and the time (RFC 6238), and recovery codes for
//! whoever has lost the phone.

use crate::access::password;
use crate::access::scope::Person;
use crate::access::vault::Secret;
use crate::access::{random, sha256};
use crate::domain::accounts::{identify, tokens};
use crate::domain::error::field;
use crate::domain::{Context, DomainError, Result};
use crate::limits::RECOVERY_CODES;
use crate::store::accounts::second_factors as table;
use crate::store::events::audit;
use crate::store::{Db, Write};
use std::net::IpAddr;
use totp_rs::{Builder, Totp};

/// What the secrets are sealed as.
pub const LABEL: &str = "second factor";

/// A secret that waits for its first code.
pub struct NewFactor {
    /// In Base32, to be typed.
    pub secret: String,
    /// `otpauth://…`, to be shown as a QR code.
    pub uri: String,
}

/// How a person's second factor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactorState {
    /// Whether logins ask for a code.
    pub on: bool,
    /// Recovery codes that are left.
    pub recovery_codes: i64,
}

fn fault(e: impl std::fmt::Display) -> DomainError {
    DomainError::Fault(e.to_string())
}

/// The generator of a person's codes: six digits each 30 seconds, as all apps expect; the step before and after count too.
fn generator(secret: &str, email: &str) -> Result<Totp> {
    let secret = totp_rs::Secret::try_from_base32(secret).map_err(fault)?;
    Builder::new()
        .with_secret(secret)
        // The label of an `otpauth` address parts issuer and account by a colon.
        .with_account_name(email.replace(':', " "))
        .with_issuer(Some("Nervecenter"))
        .build()
        .map_err(fault)
}

/// How the person's second factor stands.
///
/// # Errors
/// [`DomainError::Denied`] for a limited token.
pub async fn state(db: &Db, person: &Person) -> Result<FactorState> {
    tokens::require_full_access(person)?;
    let mut r = db.read().await?;
    let found = table::of_user(&mut r, person.id).await?;
    Ok(FactorState {
        on: found.is_some_and(|f| f.confirmed),
        recovery_codes: table::codes(&mut r, person.id).await?,
    })
}

/// Makes a secret, which counts once a first code of it was right. It takes the password, so that nobody at a browser that was left
/// open locks its person out.
///
/// # Errors
/// A validation error for a wrong password; a conflict when a second factor is on; [`DomainError::Denied`] for a limited token.
pub async fn begin(
    context: &Context,
    person: &Person,
    password: &str,
    from: Option<IpAddr>,
) -> Result<NewFactor> {
    tokens::require_human(person)?;
    identify::require_password(context, person, password, from).await?;
    let secret = totp_rs::Secret::from(random::<20>()).to_base32();
    let uri = generator(&secret, &person.email)?.to_url().map_err(fault)?;
    let sealed = context.vault.seal(&Secret::new(secret.clone()), LABEL);
    let mut w = context.db.write().await?;
    if !table::begin(&mut w, person.id, &sealed).await? {
        let text = "A second factor is on already; remove it first.";
        return Err(DomainError::Conflict(text.into()));
    }
    w.commit().await?;
    Ok(NewFactor { secret, uri })
}

/// The time step of which this is the code of a secret, if it is one.
fn step_of(context: &Context, person: &Person, sealed: &[u8], code: &str) -> Result<Option<i64>> {
    let secret = context.vault.open(sealed, LABEL).map_err(fault)?;
    let totp = generator(secret.reveal(), &person.email)?;
    let now = u64::try_from(context.now().secs()).unwrap_or_default();
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let step = totp.check(&digits, now);
    Ok(step.and_then(|s| i64::try_from(s).ok()))
}

/// Counts a wrong code of a person, or a wrong answer of a passkey.
pub(super) async fn failed(context: &Context, person: &Person) -> Result<()> {
    // By the person alone: whoever knows the password may come from many addresses.
    if context.limiters.codes.failed(&person.email, None) {
        let text = format!(
            "Somebody with the password of {} tried wrong codes; further tries are slowed down",
            person.email
        );
        identify::note(context, person, &text).await?;
    }
    Ok(())
}

/// Switches the second factor on with a first code. Returns the recovery codes, which are shown this once.
///
/// # Errors
/// A validation error for a wrong code; a conflict when no secret waits; [`DomainError::TooMany`] after too many wrong ones.
pub async fn confirm(context: &Context, person: &Person, code: &str) -> Result<Vec<String>> {
    tokens::require_human(person)?;
    let _turn = context.limiters.code_turns.take(person.id)?;
    context.limiters.codes.may_try(&person.email, None)?;
    let mut r = context.db.read().await?;
    let found = table::of_user(&mut r, person.id).await?;
    drop(r);
    let waits = found.filter(|f| !f.confirmed).ok_or_else(|| {
        let text = "No secret waits for a code: a second factor is on already, or was not begun.";
        DomainError::Conflict(text.into())
    })?;
    let Some(step) = step_of(context, person, &waits.secret, code)? else {
        failed(context, person).await?;
        let text =
            "is wrong; begin with a new secret if it stays so, and look at the clock of your phone";
        return Err(field("code", text));
    };
    let now = context.now();
    let mut w = context.db.write().await?;
    if !table::confirm(&mut w, person.id, &waits.secret, step).await? {
        let text = "Another secret was made meanwhile; give a code of that one.";
        return Err(DomainError::Conflict(text.into()));
    }
    let codes = new_codes(&mut w, person).await?;
    let text = format!("{} switched a second factor on", person.name);
    audit::of_person(&mut w, person, &text, now).await?;
    w.commit().await?;
    Ok(codes)
}

/// Makes recovery codes in place of those that the person had.
async fn new_codes(w: &mut Write, person: &Person) -> Result<Vec<String>> {
    let codes: Vec<String> = (0..RECOVERY_CODES)
        .map(|_| password::recovery_code())
        .collect();
    let hashes: Vec<_> = codes.iter().map(|code| hash(code)).collect();
    table::set_codes(w, person.id, &hashes).await?;
    Ok(codes)
}

/// Makes recovery codes for a person whose first passkey is their first second factor; none for others, who have theirs.
pub(super) async fn codes_for_first(
    w: &mut Write,
    person: &Person,
    first_passkey: bool,
) -> Result<Vec<String>> {
    let found = table::of_user(w, person.id).await?;
    if first_passkey && found.is_none_or(|f| !f.confirmed) {
        return new_codes(w, person).await;
    }
    Ok(Vec::new())
}

/// The hash of a recovery code, however it is typed.
fn hash(code: &str) -> Vec<u8> {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    let plain = letters.collect::<String>().to_ascii_lowercase();
    sha256(plain.as_bytes()).to_vec()
}

/// Whether an app makes codes for logins of this person.
pub(super) async fn is_on(db: &Db, person: &Person) -> Result<bool> {
    let mut r = db.read().await?;
    let found = table::of_user(&mut r, person.id).await?;
    Ok(found.is_some_and(|f| f.confirmed))
}

/// Whether a code lets a person in: one of the phone that was not taken before, or a recovery code, which is used up. A wrong one
/// is counted before the next one is looked at.
pub(super) async fn take(context: &Context, person: &Person, code: &str) -> Result<bool> {
    let _turn = context.limiters.code_turns.take(person.id)?;
    context.limiters.codes.may_try(&person.email, None)?;
    let recovery = hash(code);
    let mut r = context.db.read().await?;
    let found = table::of_user(&mut r, person.id).await?;
    let is_recovery = table::has_code(&mut r, person.id, &recovery).await?;
    drop(r);
    let step = match found.filter(|f| f.confirmed) {
        Some(own) => step_of(context, person, &own.secret, code)?,
        None => None,
    };
    // Only what can be right waits for the database's writer.
    let right = if let Some(step) = step {
        let mut w = context.db.write().await?;
        let taken = table::take_step(&mut w, person.id, step).await?;
        w.commit().await?;
        taken
    } else if is_recovery {
        let mut w = context.db.write().await?;
        let used = table::use_code(&mut w, person.id, &recovery).await?;
        let left = table::codes(&mut w, person.id).await?;
        let text = format!("{} used a recovery code; {left} are left", person.name);
        audit::of_person(&mut w, person, &text, context.now()).await?;
        w.commit().await?;
        used
    } else {
        false
    };
    if !right {
        failed(context, person).await?;
    }
    Ok(right)
}

/// Removes the second factor, given the password.
///
/// # Errors
/// A validation error for a wrong password; [`DomainError::NotFound`] when there is none; [`DomainError::Denied`] for a limited token.
pub async fn remove(
    context: &Context,
    person: &Person,
    password: &str,
    from: Option<IpAddr>,
) -> Result<()> {
    tokens::require_full_access(person)?;
    identify::require_password(context, person, password, from).await?;
    let mut w = context.db.write().await?;
    if !table::remove(&mut w, person.id).await? {
        return Err(DomainError::NotFound);
    }
    let text = format!("{} removed the second factor", person.name);
    audit::of_person(&mut w, person, &text, context.now()).await?;
    w.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B, and its codes, of which six digits are left.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = totp_rs::Secret::from(*b"12345678901234567890").to_base32();
        let totp = generator(&secret, "a:b@x.org").unwrap();
        for (at, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(totp.generate(at).to_string(), code);
            assert_eq!(totp.check(code, at), Some(at / 30));
            assert_eq!(totp.check(code, at + 30), Some(at / 30), "a slow clock");
            assert_eq!(totp.check(code, at + 90), None);
        }
        let uri = totp.to_url().unwrap();
        assert!(uri.starts_with("otpauth://totp/Nervecenter"), "{uri}");
        assert_eq!(hash("ABCD-efgh 2345"), hash("abcdefgh2345"));
    }
}
