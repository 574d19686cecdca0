//! API tokens that people create and delete, and service accounts (members without a password, for programs).

mod service_accounts;

use super::users::Lasting;
use crate::access;
use crate::access::scope::{Access, Grant, InOrg as _, Org, Person, Role, Scope};
use crate::clock::Micros;
use crate::domain::accounts::users;
use crate::domain::error::{BLANK, INVALID, TAKEN, field, name_of};
use crate::domain::{DomainError, Result};
use crate::ids::UserId;
use crate::limits::{TOKEN_DAYS, TOKENS_A_PERSON};
use crate::store::accounts::users::{Service, TokenRow};
use crate::store::events::audit;
use crate::store::{self, Db, Write};
use std::time::Duration;

pub use crate::store::accounts::users::{Service as ServiceAccount, TokenRow as Token};
pub use service_accounts::*;

/// The requested properties of a new token.
#[derive(Debug, Default)]
pub struct TokenForm {
    /// A note that tells its owner what the token is used for.
    pub note: Option<String>,
    /// `full`, `read`, or `publish`.
    pub access: Option<String>,
    /// The one product that the token is limited to, as `org/product`.
    pub product: Option<String>,
    /// Lifetime in days; unlimited when absent.
    pub days: Option<i64>,
}

/// A new token. Its text is shown only once.
pub struct NewToken {
    /// The token as it appears in lists.
    pub row: TokenRow,
    /// The secret text of the token.
    pub text: String,
}

/// Refuses a limited token. Only a token with full access may manage tokens, or it could create a more powerful
/// one.
///
/// # Errors
/// [`DomainError::Denied`] for a limited token.
pub fn require_full_access(person: &Person) -> Result<()> {
    let full = person.grant.is_full();
    full.then_some(()).ok_or(DomainError::Denied(Role::Admin))
}

/// Refuses service accounts, and limited tokens: what a person does with an account of their own no program does.
///
/// # Errors
/// [`DomainError::Denied`] for both.
pub fn require_human(person: &Person) -> Result<()> {
    require_full_access(person)?;
    let program = person.email.ends_with(SERVICE_ADDRESS);
    (!program)
        .then_some(())
        .ok_or(DomainError::Denied(Role::Admin))
}

/// A person's own tokens.
///
/// # Errors
/// [`DomainError::Denied`] for a limited token.
pub async fn list(db: &Db, person: &Person) -> Result<Vec<TokenRow>> {
    require_full_access(person)?;
    let mut r = db.read().await?;
    Ok(crate::store::accounts::users::tokens(&mut r, person.id).await?)
}

/// Creates a token for the person.
///
/// # Errors
/// [`DomainError::Denied`] for a limited token; a validation error for an unacceptable field.
pub async fn create(db: &Db, person: &Person, form: &TokenForm) -> Result<NewToken> {
    require_full_access(person)?;
    let mut w = db.write().await?;
    let made = mint(&mut w, person, person.id, form, db.now()).await?;
    let text = format!("{} made a token: {}", person.name, made.row.note);
    audit::of_person(&mut w, person, &text, db.now()).await?;
    w.commit().await?;
    Ok(made)
}

/// Deletes one of the person's tokens.
///
/// # Errors
/// [`DomainError::NotFound`] when the person has no such token; [`DomainError::Denied`] for a limited token.
pub async fn delete(db: &Db, person: &Person, token: i64) -> Result<()> {
    require_full_access(person)?;
    let mut w = db.write().await?;
    if !crate::store::accounts::users::delete_token(&mut w, person.id, token).await? {
        return Err(DomainError::NotFound);
    }
    let text = format!("{} took token {token} of their own away", person.name);
    audit::of_person(&mut w, person, &text, db.now()).await?;
    w.commit().await?;
    Ok(())
}

/// Creates a token for `owner`. `asker` must have access to the product that the form names.
async fn mint(
    w: &mut Write,
    asker: &Person,
    owner: UserId,
    form: &TokenForm,
    now: Micros,
) -> Result<NewToken> {
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
    let lasting = match form.days {
        None => Lasting::ForEver,
        Some(days @ 1..=TOKEN_DAYS) => {
            Lasting::Until(now.after(Duration::from_secs(days.unsigned_abs() * 86_400)))
        }
        Some(_) => return Err(field("expires_in_days", "must be from 1 to 3650")),
    };
    let held = crate::store::accounts::users::tokens(w, owner).await?;
    if held.iter().filter(|t| !t.login).count() >= TOKENS_A_PERSON {
        let text = format!("You have {TOKENS_A_PERSON} tokens; delete one that you do not need.");
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

/// How the addresses of service accounts end. They receive no mail: RFC 2606 reserves the `.invalid` domain.
const SERVICE_ADDRESS: &str = ".service.invalid";

fn address(org: &str, name: &str) -> String {
    format!("{name}@{org}{SERVICE_ADDRESS}")
}

/// Whether a token has expired.
pub fn ended(token: &TokenRow, now: Micros) -> bool {
    token.expires_at.is_some_and(|end| end <= now)
}
