//! Authorization of a request: turns tokens into people, and names into scopes. "Does not exist" and "not
//! yours" have the same answer, so that names do not leak.

use crate::access;
use crate::access::credential::Credential;
use crate::access::scope::{Org, Person, Product, Scope};
use crate::domain::Context;
use crate::domain::{DomainError, Result};
use crate::store::Db;

/// The person that an API token or a session belongs to; `None` when it is not valid.
pub async fn person(context: &Context, credential: Credential<'_>) -> Result<Option<Person>> {
    let (db, uses) = (&context.db, &context.token_uses);
    Ok(access::by_credential(db, credential, uses, context.now()).await?)
}

/// A person's scope in an organization.
///
/// # Errors
/// [`DomainError::NotFound`] when there is no such organization or the person is not a member.
pub async fn org(db: &Db, person: Person, org: &str) -> Result<Scope<Org>> {
    let mut r = db.read().await?;
    access::org_scope(&mut r, person, org)
        .await?
        .ok_or(DomainError::NotFound)
}

/// A person's scope in a product.
///
/// # Errors
/// [`DomainError::NotFound`] when there is no such product or the person is not a member of its organization.
pub async fn product(db: &Db, person: Person, org: &str, product: &str) -> Result<Scope<Product>> {
    let mut r = db.read().await?;
    access::product_scope(&mut r, person, org, product)
        .await?
        .ok_or(DomainError::NotFound)
}
