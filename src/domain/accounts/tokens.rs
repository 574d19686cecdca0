//! API tokens as their owners manage them, and accounts for programs.

use super::users::Lasting;
use crate::access;
use crate::access::scope::{Access, Grant, InOrg as _, Org, Person, Role, Scope};
use crate::clock::{self, Micros};
use crate::domain::accounts::users;
use crate::domain::error::{BLANK, INVALID, TAKEN, field, name_of};
use crate::domain::{DomainError, Result};
use crate::ids::UserId;
use crate::store::accounts::users::{Service, TokenRow};
use crate::store::events::audit;
use crate::store::{self, Db, Write};
use std::time::Duration;

pub use crate::store::accounts::users::{Service as ServiceAccount, TokenRow as Token};

/// What a new token should be.
#[derive(Debug, Default)]
pub struct TokenForm {
    /// What it is for.
    pub note: Option<String>,
    /// `full`, `read` or `publish`.
    pub access: Option<String>,
    /// The one product that it is for, as `org/product`.
    pub product: Option<String>,
    /// Days that it is good for; for ever when absent.
    pub days: Option<i64>,
}

/// A new token, shown once.
pub struct NewToken {
    /// As it is listed.
    pub row: TokenRow,
    /// The token.
    pub text: String,
}

/// Tokens at once of one person.
const TOKENS: usize = 200;
/// The longest life that can be asked for, in days.
const DAYS: i64 = 3_650;

/// Only a token that grants all may handle tokens, or it could make itself a wider one.
///
/// # Errors
/// [`DomainError::Denied`].
pub fn require_full_access(person: &Person) -> Result<()> {
    if person.grant.is_full() {
        Ok(())
    } else {
        Err(DomainError::Denied(Role::Admin))
    }
}

/// A person's own tokens.
///
/// # Errors
/// A token that grants less than all.
pub async fn list(db: &Db, person: &Person) -> Result<Vec<TokenRow>> {
    require_full_access(person)?;
    let mut r = db.read().await?;
    Ok(crate::store::accounts::users::tokens(&mut r, person.id).await?)
}

/// Makes a token for the person.
///
/// # Errors
/// A token that grants less than all; a field that is none.
pub async fn create(db: &Db, person: &Person, form: &TokenForm) -> Result<NewToken> {
    require_full_access(person)?;
    let mut w = db.write().await?;
    let made = mint(&mut w, person, person.id, form).await?;
    let text = format!("{} made a token: {}", person.name, made.row.note);
    audit::of_person(&mut w, person, &text, clock::now()).await?;
    w.commit().await?;
    Ok(made)
}

/// Takes one of the person's tokens away.
///
/// # Errors
/// [`DomainError::NotFound`], or a token that grants less than all.
pub async fn delete(db: &Db, person: &Person, token: i64) -> Result<()> {
    require_full_access(person)?;
    let mut w = db.write().await?;
    if !crate::store::accounts::users::delete_token(&mut w, person.id, token).await? {
        return Err(DomainError::NotFound);
    }
    let text = format!("{} took token {token} of their own away", person.name);
    audit::of_person(&mut w, person, &text, clock::now()).await?;
    w.commit().await?;
    Ok(())
}

/// `owner` gets a token; `asker` must see the product that it names.
async fn mint(w: &mut Write, asker: &Person, owner: UserId, form: &TokenForm) -> Result<NewToken> {
    let note = form.note.as_deref().unwrap_or_default().trim();
    if note.is_empty() {
        return Err(field("note", BLANK));
    }
    let access = match form.access.as_deref() {
        None => Access::Full,
        Some(word) => Access::parse(word)
            .ok_or_else(|| field("access", "must be one of: full, read, publish"))?,
    };
    let product = match form.product.as_deref().filter(|p| !p.is_empty()) {
        None => None,
        Some(text) => {
            let unknown = || field("product", "must be org/product, and yours");
            let (org, product) = text.split_once('/').ok_or_else(unknown)?;
            let scope = access::product_scope(w, asker.clone(), org, product).await?;
            Some(scope.ok_or_else(unknown)?.product().id)
        }
    };
    let now = clock::now();
    let lasting = match form.days {
        None => Lasting::ForEver,
        Some(days @ 1..=DAYS) => {
            Lasting::Until(now.after(Duration::from_secs(days.unsigned_abs() * 86_400)))
        }
        Some(_) => return Err(field("expires_in_days", "must be from 1 to 3650")),
    };
    let held = crate::store::accounts::users::tokens(w, owner).await?;
    if held.iter().filter(|t| !t.login).count() >= TOKENS {
        let text = format!("You have {TOKENS} tokens; delete one that you do not need.");
        return Err(DomainError::Detail(text));
    }
    let grant = Grant { access, product };
    let (id, text) = users::mint_narrow(w, owner, note, grant, lasting, now).await?;
    let row = crate::store::accounts::users::tokens(w, owner)
        .await?
        .into_iter()
        .find(|t| t.id == id)
        .ok_or(store::Error::Missing("tokens"))?;
    Ok(NewToken { row, text })
}

fn address(org: &str, name: &str) -> String {
    // No mail goes there: RFC 2606 reserves the domain.
    format!("{name}@{org}.service.invalid")
}

/// The organization's accounts for programs.
///
/// # Errors
/// The database's.
pub async fn services(db: &Db, scope: &Scope<Org>) -> Result<Vec<Service>> {
    let mut r = db.read().await?;
    Ok(crate::store::accounts::users::services(&mut r, scope).await?)
}

/// Makes an account for programs: a member without a password.
///
/// # Errors
/// A blank or taken name, an unknown role.
pub async fn add_service(
    db: &Db,
    scope: &Scope<Org>,
    name: Option<&str>,
    role: Option<&str>,
) -> Result<Service> {
    let name = name_of(name)?;
    let role = Role::parse(role.unwrap_or_default()).ok_or_else(|| field("role", INVALID))?;
    let now = clock::now();
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

async fn service(w: &mut Write, scope: &Scope<Org>, name: &str) -> Result<Service> {
    let all = crate::store::accounts::users::services(w, scope).await?;
    all.into_iter()
        .find(|s| s.name == name)
        .ok_or(DomainError::NotFound)
}

/// Removes an account for programs with all its tokens.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn remove_service(db: &Db, scope: &Scope<Org>, name: &str) -> Result<()> {
    let now = clock::now();
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

/// The tokens of an account for programs.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn of_service(db: &Db, scope: &Scope<Org>, name: &str) -> Result<Vec<TokenRow>> {
    let mut w = db.write().await?;
    let found = service(&mut w, scope, name).await?;
    Ok(crate::store::accounts::users::tokens(&mut w, found.id).await?)
}

/// Makes a token for an account for programs.
///
/// # Errors
/// [`DomainError::NotFound`]; a field that is none.
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
    let made = mint(&mut w, &asker, found.id, form).await?;
    let text = format!(
        "{} created a token for service account {name}: {}",
        scope.person().name,
        made.row.note
    );
    audit::in_org(&mut w, scope, &text, clock::now()).await?;
    w.commit().await?;
    Ok(made)
}

/// Takes a token of an account for programs away.
///
/// # Errors
/// [`DomainError::NotFound`].
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
    audit::in_org(&mut w, scope, &text, clock::now()).await?;
    w.commit().await?;
    Ok(())
}

/// Whether a token has ended.
pub fn ended(token: &TokenRow, now: Micros) -> bool {
    token.expires_at.is_some_and(|end| end <= now)
}
