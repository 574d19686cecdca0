//! Memberships: the queries that make scopes. Nothing else can make a scope, so a query that takes one cannot
//! be asked about an organization or product that its caller does not belong to.

use super::scope::{Org, Person, Product, Role, Scope};
use super::{orgs, users};
use crate::clock::Micros;
use crate::store::catalog::products;
use crate::store::{Error, On, Result};

/// Whether a scope is still valid: its token, its product, and the person's role still exist.
pub async fn still_allowed(on: &mut impl On, scope: &Scope<Product>, now: Micros) -> Result<bool> {
    let (person, at) = (scope.person(), scope.product());
    if let Some(token) = person.token
        && !users::token_lives(on, token, now).await?
    {
        return Ok(false);
    }
    let again = product_scope(on, person.clone(), &at.org.name, &at.name).await?;
    Ok(again.is_some_and(|s| s.product().id == at.id && s.role() >= scope.role()))
}

/// The scope of a person in an organization, if the person is a member.
pub async fn org_scope(on: &mut impl On, person: Person, org: &str) -> Result<Option<Scope<Org>>> {
    if person.grant.product.is_some() {
        // A token that is limited to one product sees nothing else of the organization.
        return Ok(None);
    }
    let Some((id, role)) = orgs::role_of(on, person.id, org).await? else {
        return Ok(None);
    };
    let role = role_of(&role, id.number())?;
    Ok(Some(Scope::new(
        person,
        role,
        Org {
            id,
            name: org.to_owned(),
        },
    )))
}

/// The scope of a person in a product of an organization.
pub async fn product_scope(
    on: &mut impl On,
    person: Person,
    org: &str,
    product: &str,
) -> Result<Option<Scope<Product>>> {
    let Some((id, role)) = orgs::role_of(on, person.id, org).await? else {
        return Ok(None);
    };
    let role = role_of(&role, id.number())?;
    let Some(row) = products::by_name(on, id, product).await? else {
        return Ok(None);
    };
    if person.grant.product.is_some_and(|only| only != row.id) {
        return Ok(None);
    }
    let org = Org {
        id,
        name: org.to_owned(),
    };
    Ok(Some(Scope::new(
        person,
        role,
        Product {
            org,
            id: row.id,
            name: row.name,
        },
    )))
}

fn role_of(word: &str, row: i64) -> Result<Role> {
    Role::parse(word).ok_or_else(|| Error::BadRow {
        table: "memberships",
        column: "role",
        row,
        value: word.to_owned(),
    })
}
