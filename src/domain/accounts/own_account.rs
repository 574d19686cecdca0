//! What people do with their own account: its name, what their console remembers, and its end.

use crate::access::scope::Person;
use crate::domain::accounts::{fields, identify, tokens};
use crate::domain::error::field;
use crate::domain::{Context, DomainError, Result};
use crate::limits::PREFERENCES_BYTES;
use crate::store::Db;
use crate::store::accounts::{orgs, preferences, users as table};
use crate::store::events::audit;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// Changes the name of the person.
///
/// # Errors
/// A validation error for the name; [`DomainError::Denied`] for a limited token and for a service account.
pub async fn rename(db: &Db, person: &Person, name: &str) -> Result<Person> {
    tokens::require_human(person)?;
    let name = fields::person_name(name)?;
    let now = db.now();
    let mut w = db.write().await?;
    table::set_name(&mut w, person.id, &name, now).await?;
    let text = format!("{} <{}> is called {name} now", person.name, person.email);
    let renamed = Person {
        name,
        ..person.clone()
    };
    audit::of_person(&mut w, &renamed, &text, now).await?;
    w.commit().await?;
    Ok(renamed)
}

/// Ends the account: its tokens, sessions and memberships go, and its address is free again. Its row stays, since audit entries
/// refer to it.
///
/// # Errors
/// A validation error for a wrong password; a refusal with the organizations that would have no administrator any more;
/// [`DomainError::Denied`] for a limited token.
pub async fn delete(
    context: &Context,
    person: &Person,
    password: &str,
    from: Option<IpAddr>,
) -> Result<()> {
    tokens::require_human(person)?;
    identify::require_password(context, person, password, from).await?;
    let now = context.now();
    let mut w = context.db.write().await?;
    // Two administrators who leave at once must not both see the other.
    orgs::lock_those_of(&mut w, person.id).await?;
    let left = orgs::only_admin_of(&mut w, person.id).await?;
    if !left.is_empty() {
        let text = format!(
            "You are the only administrator of {}; make somebody else one, or delete what nobody needs, first.",
            left.join(", ")
        );
        return Err(DomainError::Detail(text));
    }
    let text = format!("{} <{}> deleted their account", person.name, person.email);
    audit::of_person(&mut w, person, &text, now).await?;
    table::retire(&mut w, person.id, now).await?;
    w.commit().await?;
    Ok(())
}

/// What the person's console remembers.
///
/// # Errors
/// [`DomainError::Denied`] for a limited token.
pub async fn preferences(db: &Db, person: &Person) -> Result<Map<String, Value>> {
    tokens::require_full_access(person)?;
    let mut r = db.read().await?;
    let kept = preferences::of_user(&mut r, person.id).await?;
    Ok(kept
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

/// Keeps what the person's console remembers, in place of what it did before.
///
/// # Errors
/// A validation error when it is too long; [`DomainError::Denied`] for a limited token.
pub async fn set_preferences(db: &Db, person: &Person, new: &Map<String, Value>) -> Result<()> {
    tokens::require_full_access(person)?;
    let text = serde_json::to_string(new).map_err(|e| DomainError::Fault(e.to_string()))?;
    if text.len() > PREFERENCES_BYTES {
        let text = format!("should be at most {PREFERENCES_BYTES} bytes of JSON");
        return Err(field("preferences", &text));
    }
    let mut w = db.write().await?;
    preferences::set(&mut w, person.id, &text).await?;
    w.commit().await?;
    Ok(())
}
