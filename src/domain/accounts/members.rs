//! Members of organizations and their roles.

use crate::access::scope::{InOrg as _, Org, Role, Scope};
use crate::domain::Context;
use crate::domain::accounts::tokens;
use crate::domain::error::{INVALID, field};
use crate::domain::support::mail_rules;
use crate::domain::{DomainError, Result};
use crate::store::events::audit;
use crate::store::{Db, Write};

pub use crate::store::accounts::orgs::Member;

/// The members of an organization.
pub async fn members(db: &Db, scope: &Scope<Org>) -> Result<Vec<Member>> {
    let mut r = db.read().await?;
    Ok(crate::store::accounts::orgs::members(&mut r, scope).await?)
}

/// Finds a member by email address.
///
/// # Errors
/// [`DomainError::NotFound`] when nobody with this address is a member.
pub async fn member(db: &Db, scope: &Scope<Org>, email: &str) -> Result<Member> {
    let mut r = db.read().await?;
    crate::store::accounts::orgs::member(&mut r, scope, email)
        .await?
        .ok_or(DomainError::NotFound)
}

/// Makes an existing person a member. `None` when no account has this address.
///
/// # Errors
/// A validation error for an unknown role, or for a person who is a member already.
pub async fn add_member(
    context: &Context,
    scope: &Scope<Org>,
    email: &str,
    role: &str,
) -> Result<Option<Member>> {
    let role = Role::parse(role).ok_or_else(|| field("role", INVALID))?;
    let mut w = context.db.write().await?;
    let Some(user) = crate::store::accounts::users::by_email(&mut w, email).await? else {
        return Ok(None);
    };
    if crate::store::accounts::orgs::member(&mut w, scope, email)
        .await?
        .is_some()
    {
        return Err(field("org_users", "is already member"));
    }
    let now = context.now();
    crate::store::accounts::orgs::set_member(&mut w, scope.org().id, user.id, role.word(), now)
        .await?;
    let text = format!(
        "{} made {email} a member with the role {}",
        scope.person().name,
        role.word()
    );
    audit::in_org(&mut w, scope, &text, context.now()).await?;
    mail_rules::members_changed(context, &mut w, scope, Some(&user.email), &text).await?;
    w.commit().await?;
    member(&context.db, scope, email).await.map(Some)
}

/// Changes a member's role. The last administrator cannot be demoted, so that somebody can always manage the
/// organization.
///
/// # Errors
/// A validation error for an unknown role or for the last administrator; [`DomainError::NotFound`] for an
/// unknown member.
pub async fn set_role(db: &Db, scope: &Scope<Org>, email: &str, role: &str) -> Result<Member> {
    let role = Role::parse(role).ok_or_else(|| field("role", INVALID))?;
    let mut w = db.write().await?;
    crate::store::accounts::orgs::lock(&mut w, scope).await?;
    let found = crate::store::accounts::orgs::member(&mut w, scope, email)
        .await?
        .ok_or(DomainError::NotFound)?;
    if role != Role::Admin {
        keep_an_admin(&mut w, scope, &found).await?;
    }
    crate::store::accounts::orgs::set_member(
        &mut w,
        scope.org().id,
        found.user_id,
        role.word(),
        db.now(),
    )
    .await?;
    let text = format!(
        "{} gave {email} the role {}",
        scope.person().name,
        role.word()
    );
    audit::in_org(&mut w, scope, &text, db.now()).await?;
    w.commit().await?;
    Ok(Member {
        role: role.word().to_owned(),
        ..found
    })
}

/// Removes a member.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown member; a refusal for the last administrator.
pub async fn remove_member(context: &Context, scope: &Scope<Org>, email: &str) -> Result<()> {
    let mut w = context.db.write().await?;
    crate::store::accounts::orgs::lock(&mut w, scope).await?;
    let found = crate::store::accounts::orgs::member(&mut w, scope, email)
        .await?
        .ok_or(DomainError::NotFound)?;
    keep_an_admin(&mut w, scope, &found).await?;
    let text = format!("{} removed the member {email}", scope.person().name);
    end_membership(context, &mut w, scope, &found, &text).await?;
    w.commit().await?;
    Ok(())
}

/// Ends the membership of the person who asks, whatever the role. Programs and limited tokens may not: it is a decision of a person.
///
/// # Errors
/// [`DomainError::Denied`] for a service account or a limited token; [`DomainError::NotFound`] when somebody else removed the person
/// meanwhile; a refusal for the last administrator.
pub async fn leave(context: &Context, scope: &Scope<Org>) -> Result<()> {
    let person = scope.person();
    tokens::require_human(person)?;
    let mut w = context.db.write().await?;
    crate::store::accounts::orgs::lock(&mut w, scope).await?;
    let own = crate::store::accounts::orgs::member(&mut w, scope, &person.email)
        .await?
        .ok_or(DomainError::NotFound)?;
    keep_an_admin(&mut w, scope, &own).await?;
    let text = format!("{} left organization {}", person.name, scope.org().name);
    end_membership(context, &mut w, scope, &own, &text).await?;
    w.commit().await?;
    Ok(())
}

/// Takes a membership and what the person has set up in the organization; `text` is what the audit log says of it.
async fn end_membership(
    context: &Context,
    w: &mut Write,
    scope: &Scope<Org>,
    leaving: &Member,
    text: &str,
) -> Result<()> {
    crate::store::accounts::orgs::remove_member(w, scope, leaving.user_id).await?;
    crate::store::support::mail::remove_rules_of(w, scope, leaving.user_id).await?;
    crate::store::accounts::views::forget(w, scope, leaving.user_id).await?;
    crate::store::accounts::pins::forget(w, scope, leaving.user_id).await?;
    audit::in_org(w, scope, text, context.now()).await?;
    mail_rules::members_changed(context, w, scope, None, text).await?;
    Ok(())
}

/// Refuses to take the role from the last administrator. The organization is locked before its members are read, so that two who go at
/// the same time do not each count on the other.
async fn keep_an_admin(w: &mut Write, scope: &Scope<Org>, leaving: &Member) -> Result<()> {
    let members = crate::store::accounts::orgs::members(w, scope).await?;
    let others = members
        .iter()
        .any(|m| m.role == Role::Admin.word() && m.user_id != leaving.user_id);
    if others || leaving.role != Role::Admin.word() {
        return Ok(());
    }
    Err(DomainError::Detail(format!(
        "{} is the last administrator of {}; make somebody else an administrator first.",
        leaving.email,
        scope.org().name
    )))
}
