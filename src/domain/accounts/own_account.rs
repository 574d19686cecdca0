//! What people do with their own account: name and address, what their console remembers, and its end.

use crate::access::scope::Person;
use crate::domain::accounts::{fields, identify, tokens};
use crate::domain::error::{TAKEN, field};
use crate::domain::{Context, DomainError, Result};
use crate::limits::PREFERENCES_BYTES;
use crate::store::Db;
use crate::store::accounts::{orgs, preferences, users as table};
use crate::store::events::audit;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// Fields to change; `None` stays as it is.
#[derive(Debug, Default)]
pub struct AccountChanges<'r> {
    /// Full name.
    pub name: Option<&'r str>,
    /// The login. To change it takes the password.
    pub email: Option<&'r str>,
    /// The present password.
    pub current_password: Option<&'r str>,
}

/// Refuses a request without the person's password.
pub(super) async fn require_password(
    context: &Context,
    person: &Person,
    password: Option<&str>,
    from: Option<IpAddr>,
) -> Result<()> {
    let given = password.unwrap_or_default();
    let found = identify::by_password(context, &person.email, given, from).await?;
    if found.is_none_or(|p| p.id != person.id) {
        return Err(field("current_password", "is wrong"));
    }
    Ok(())
}

/// Changes the name and the address of the person.
///
/// # Errors
/// A validation error for a field, also for an address that somebody else has or a wrong password; [`DomainError::Denied`] for a
/// limited token.
pub async fn change(
    context: &Context,
    person: &Person,
    changes: AccountChanges<'_>,
    from: Option<IpAddr>,
) -> Result<Person> {
    tokens::require_full_access(person)?;
    let name = match changes.name {
        Some(name) => fields::person_name(name)?,
        None => person.name.clone(),
    };
    let email = changes.email.unwrap_or(&person.email);
    if email != person.email {
        fields::check_email(email)?;
        require_password(context, person, changes.current_password, from).await?;
    }
    let now = context.now();
    let mut w = context.db.write().await?;
    if !table::set_profile(&mut w, person.id, &name, email, now).await? {
        return Err(field("email", TAKEN));
    }
    let changed = Person {
        name,
        email: email.to_owned(),
        ..person.clone()
    };
    let text = format!(
        "{} <{}> is called {} <{}> now",
        person.name, person.email, changed.name, changed.email
    );
    audit::of_person(&mut w, &changed, &text, now).await?;
    w.commit().await?;
    Ok(changed)
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
    password: Option<&str>,
    from: Option<IpAddr>,
) -> Result<()> {
    tokens::require_full_access(person)?;
    require_password(context, person, password, from).await?;
    let now = context.now();
    let mut w = context.db.write().await?;
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
pub async fn preferences(db: &Db, person: &Person) -> Result<Map<String, Value>> {
    let mut r = db.read().await?;
    let kept = preferences::of_user(&mut r, person.id).await?;
    Ok(kept
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

/// Keeps what the person's console remembers, in place of what it did before.
///
/// # Errors
/// A validation error when it is too long.
pub async fn set_preferences(db: &Db, person: &Person, new: &Map<String, Value>) -> Result<()> {
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
