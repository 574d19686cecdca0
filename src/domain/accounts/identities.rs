//! The sign-in providers that people have linked to their account.

use crate::access::scope::Person;
use crate::clock::Micros;
use crate::domain::accounts::sign_in::{self, Refusal};
use crate::domain::accounts::{identify, tokens};
use crate::domain::{Context, DomainError, Result};
use crate::limits::IDENTITIES_A_PERSON;
use crate::oidc::{Claims, Settings};
use crate::store::accounts::identities::{self as table, IdentityRow};
use crate::store::events::audit;
use crate::store::{Db, Write};
use std::net::IpAddr;

/// An identity of a person at a provider.
#[derive(Debug)]
pub struct Identity {
    /// A number.
    pub id: i64,
    /// The provider's issuer.
    pub issuer: String,
    /// The address that the provider named last.
    pub email: String,
    /// When it was linked.
    pub inserted_at: Micros,
    /// When somebody last signed in with it.
    pub last_used_at: Option<Micros>,
}

/// The person's identities, the oldest first.
///
/// # Errors
/// [`DomainError::Denied`] for a limited token.
pub async fn list(db: &Db, person: &Person) -> Result<Vec<Identity>> {
    tokens::require_full_access(person)?;
    let mut r = db.read().await?;
    let identity = |row: IdentityRow| Identity {
        id: row.id,
        issuer: row.issuer,
        email: row.email,
        inserted_at: row.inserted_at,
        last_used_at: row.last_used_at,
    };
    let all = table::of_user(&mut r, person.id).await?;
    Ok(all.into_iter().map(identity).collect())
}

/// Whether the person has a password. An account that was made by a sign-in has none.
///
/// # Errors
/// The database fails.
pub async fn has_password(db: &Db, person: &Person) -> Result<bool> {
    let mut r = db.read().await?;
    let own = identify::by_address(&mut r, &person.email).await?;
    Ok(own.is_some_and(|p| !p.hash.is_empty()))
}

/// Allows the person to begin a link. It takes the password, so that nobody at a browser that was left open adds a way in of their own.
/// Returns the session that the link is for.
///
/// # Errors
/// A validation error for a wrong password; a refusal for a token; [`DomainError::Denied`] for a limited token.
pub async fn begin_link(
    context: &Context,
    person: &Person,
    password: &str,
    from: Option<IpAddr>,
) -> Result<i64> {
    tokens::require_human(person)?;
    let session = person.token.filter(|_| person.session).ok_or_else(|| {
        let text = "A provider is linked in a browser: log in to the console with one.";
        DomainError::Detail(text.into())
    })?;
    identify::require_password(context, person, password, from).await?;
    Ok(session)
}

/// Links an identity to the person who asked for it and has come back.
///
/// # Errors
/// The database fails.
pub async fn link(
    context: &Context,
    settings: &Settings,
    claims: &Claims,
    person: &Person,
) -> Result<std::result::Result<(), Refusal>> {
    let email = match sign_in::address(settings, claims) {
        Ok(email) => email,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut w = context.db.write().await?;
    let owner = table::owner(&mut w, &settings.issuer, &claims.subject).await?;
    if let Some(owner) = owner {
        let own = owner.id == person.id;
        return Ok(own.then_some(()).ok_or(Refusal::Taken));
    }
    if !add(context, &mut w, settings, claims, email, person).await? {
        return Ok(Err(Refusal::Taken));
    }
    w.commit().await?;
    Ok(Ok(()))
}

/// Adds an identity; `false` when it belongs to somebody, or the person has as many as may be.
pub(super) async fn add(
    context: &Context,
    w: &mut Write,
    settings: &Settings,
    claims: &Claims,
    email: &str,
    person: &Person,
) -> Result<bool> {
    let (issuer, subject, now) = (&settings.issuer, &claims.subject, context.now());
    let most = IDENTITIES_A_PERSON;
    if !table::add(w, person.id, issuer, subject, email, most, now).await? {
        return Ok(false);
    }
    let text = format!(
        "{} linked the account {email} at {}",
        person.name, settings.label
    );
    audit::of_person(w, person, &text, now).await?;
    Ok(true)
}

/// Removes one of the person's identities.
///
/// # Errors
/// [`DomainError::NotFound`] when the person has no such identity; a refusal when nobody could log in to the account any more;
/// [`DomainError::Denied`] for a limited token.
pub async fn remove(db: &Db, person: &Person, id: i64) -> Result<()> {
    tokens::require_full_access(person)?;
    let mut w = db.write().await?;
    let has_password = table::lock_owner(&mut w, person.id).await?;
    let issuer = table::remove(&mut w, person.id, id).await?;
    let issuer = issuer.ok_or(DomainError::NotFound)?;
    if !has_password && table::of_user(&mut w, person.id).await?.is_empty() {
        let text = "This is the only way into your account, which has no password. Set a password first, or link another provider.";
        return Err(DomainError::Conflict(text.into()));
    }
    let text = format!("{} removed a sign-in provider: {issuer}", person.name);
    audit::of_person(&mut w, person, &text, db.now()).await?;
    w.commit().await?;
    Ok(())
}
