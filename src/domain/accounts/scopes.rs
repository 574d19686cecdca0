//! Who asks, and for what: tokens and names turned into people and scopes, with one answer for "not there" and "not
//! yours".

use crate::access;
use crate::access::scope::{Org, Person, Product, Scope};
use crate::clock;
use crate::domain::Context;
use crate::domain::{DomainError, Result};
use crate::store::Db;

/// The person whose token this is.
///
/// # Errors
/// The database's.
pub async fn person(context: &Context, token: &str) -> Result<Option<Person>> {
    Ok(access::by_token(&context.db, token, &context.token_uses, clock::now()).await?)
}

/// A person's scope in an organization.
///
/// # Errors
/// [`DomainError::NotFound`] when there is none, or the person is no member.
pub async fn org(db: &Db, person: Person, org: &str) -> Result<Scope<Org>> {
    let mut r = db.read().await?;
    access::org_scope(&mut r, person, org)
        .await?
        .ok_or(DomainError::NotFound)
}

/// A person's scope in a product.
///
/// # Errors
/// [`DomainError::NotFound`] when there is none, or the person is no member.
pub async fn product(db: &Db, person: Person, org: &str, product: &str) -> Result<Scope<Product>> {
    let mut r = db.read().await?;
    access::product_scope(&mut r, person, org, product)
        .await?
        .ok_or(DomainError::NotFound)
}
