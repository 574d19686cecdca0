//! Service accounts and their tokens.

use super::*;

/// The organization's service accounts.
pub async fn services(db: &Db, scope: &Scope<Org>) -> Result<Vec<Service>> {
    let mut r = db.read().await?;
    Ok(crate::store::accounts::users::services(&mut r, scope).await?)
}

/// Creates a service account: a member without a password.
///
/// # Errors
/// A validation error for a blank or taken name, or an unknown role.
pub async fn add_service(
    db: &Db,
    scope: &Scope<Org>,
    name: Option<&str>,
    role: Option<&str>,
) -> Result<Service> {
    let name = name_of(name)?;
    let role = Role::parse(role.unwrap_or_default()).ok_or_else(|| field("role", INVALID))?;
    let now = db.now();
    let org = scope.org();
    let mut w = db.write().await?;
    let id = crate::store::accounts::users::add_service(
        &mut w,
        org.id,
        &address(&org.name, &name),
        &name,
        now,
    )
    .await?
    .ok_or_else(|| field("name", TAKEN))?;
    crate::store::accounts::orgs::set_member(&mut w, org.id, id, role.word(), now).await?;
    let text = format!(
        "{} created service account {name} with the role {}",
        scope.person().name,
        role.word()
    );
    audit::in_org(&mut w, scope, &text, now).await?;
    w.commit().await?;
    Ok(Service {
        id,
        name,
        role: role.word().to_owned(),
        inserted_at: now,
    })
}

pub(super) async fn service(w: &mut Write, scope: &Scope<Org>, name: &str) -> Result<Service> {
    let all = crate::store::accounts::users::services(w, scope).await?;
    all.into_iter()
        .find(|s| s.name == name)
        .ok_or(DomainError::NotFound)
}

/// Deletes a service account with all its tokens.
///
/// # Errors
/// [`DomainError::NotFound`] when the organization has no such service account.
pub async fn remove_service(db: &Db, scope: &Scope<Org>, name: &str) -> Result<()> {
    let now = db.now();
    let mut w = db.write().await?;
    let found = service(&mut w, scope, name).await?;
    crate::store::accounts::users::delete_tokens(&mut w, found.id).await?;
    crate::store::accounts::orgs::remove_member(&mut w, scope, found.id).await?;
    let gone = address(&scope.org().name, &format!("{name}.{}", found.id));
    crate::store::accounts::users::retire_service(&mut w, found.id, &gone, now).await?;
    let text = format!("{} removed service account {name}", scope.person().name);
    audit::in_org(&mut w, scope, &text, now).await?;
    w.commit().await?;
    Ok(())
}

/// The tokens of a service account.
///
/// # Errors
/// [`DomainError::NotFound`] when the organization has no such service account.
pub async fn of_service(db: &Db, scope: &Scope<Org>, name: &str) -> Result<Vec<TokenRow>> {
    let mut w = db.write().await?;
    let found = service(&mut w, scope, name).await?;
    Ok(crate::store::accounts::users::tokens(&mut w, found.id).await?)
}

/// Creates a token for a service account.
///
/// # Errors
/// [`DomainError::NotFound`] when the organization has no such service account; a validation error for an
/// unacceptable field.
pub async fn add_to_service(
    db: &Db,
    scope: &Scope<Org>,
    name: &str,
    form: &TokenForm,
) -> Result<NewToken> {
    let mut w = db.write().await?;
    let found = service(&mut w, scope, name).await?;
    let asker = Person {
        id: found.id,
        ..scope.person().clone()
    };
    let made = mint(&mut w, &asker, found.id, form, db.now()).await?;
    let text = format!(
        "{} created a token for service account {name}: {}",
        scope.person().name,
        made.row.note
    );
    audit::in_org(&mut w, scope, &text, db.now()).await?;
    w.commit().await?;
    Ok(made)
}

/// Deletes a token of a service account.
///
/// # Errors
/// [`DomainError::NotFound`] when there is no such service account or token.
pub async fn remove_of_service(db: &Db, scope: &Scope<Org>, name: &str, token: i64) -> Result<()> {
    let mut w = db.write().await?;
    let found = service(&mut w, scope, name).await?;
    if !crate::store::accounts::users::delete_token(&mut w, found.id, token).await? {
        return Err(DomainError::NotFound);
    }
    let text = format!(
        "{} deleted a token of service account {name}",
        scope.person().name
    );
    audit::in_org(&mut w, scope, &text, db.now()).await?;
    w.commit().await?;
    Ok(())
}
