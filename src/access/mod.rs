//! Who is asking. Tokens, passwords, secrets, and the scopes that every people's query takes.

pub mod password;
pub mod scope;
pub mod token;
pub mod token_uses;
pub mod vault;

use crate::clock::Micros;
use crate::limits::LOGIN_IDLE;
use crate::store::{self, Db, On};
use scope::{Access, Grant, Org, Person, Product, Role, Scope};
use std::time::Duration;
use token_uses::TokenUses;

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest
        .as_ref()
        .try_into()
        .expect("a SHA-256 digest has 32 bytes")
}

/// A random positive number, for ids that no sequence makes.
pub fn random_id() -> i64 {
    i64::from_le_bytes(random()) & i64::MAX
}

/// The person whose API token this is; has its use noted, at most once a minute. Only reads.
pub async fn by_token(
    db: &Db,
    token: &str,
    uses: &TokenUses,
    now: Micros,
) -> store::Result<Option<Person>> {
    let Some(hash) = token::hash(token) else {
        return Ok(None);
    };
    let mut r = db.read().await?;
    let Some(owner) = crate::store::accounts::users::by_token(&mut r, &hash).await? else {
        return Ok(None);
    };
    drop(r);
    if owner.expires_at.is_some_and(|end| end <= now) {
        return Ok(None);
    }
    let used = owner.last_used_at.unwrap_or(owner.inserted_at);
    if owner.login && now.since(used) > LOGIN_IDLE {
        return Ok(None);
    }
    let access = Access::parse(&owner.access).ok_or_else(|| store::Error::BadRow {
        table: "tokens",
        column: "access",
        row: owner.token_id,
        value: owner.access.clone(),
    })?;
    if owner
        .last_used_at
        .is_none_or(|at| now.since(at) > Duration::from_secs(60))
    {
        uses.note(owner.token_id, now);
    }
    Ok(Some(Person {
        id: owner.user_id,
        name: owner.name,
        email: owner.email,
        grant: Grant {
            access,
            product: owner.product_id,
        },
        token: Some(owner.token_id),
    }))
}

/// Whether a person may still do at a product what the scope allowed when it was made: the token is there, and so are the
/// product and the role.
pub async fn still_allowed(
    on: &mut impl On,
    scope: &Scope<Product>,
    now: Micros,
) -> store::Result<bool> {
    let (person, at) = (scope.person(), scope.product());
    if let Some(token) = person.token
        && !crate::store::accounts::users::token_lives(on, token, now).await?
    {
        return Ok(false);
    }
    let again = product_scope(on, person.clone(), &at.org.name, &at.name).await?;
    Ok(again.is_some_and(|s| s.product().id == at.id && s.role() >= scope.role()))
}

/// The scope of a person in an organization, if the person is a member.
pub async fn org_scope(
    on: &mut impl On,
    person: Person,
    org: &str,
) -> store::Result<Option<Scope<Org>>> {
    if person.grant.product.is_some() {
        // A token for one product sees nothing else of the organization.
        return Ok(None);
    }
    let Some((id, role)) = crate::store::accounts::orgs::role_of(on, person.id, org).await? else {
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
) -> store::Result<Option<Scope<Product>>> {
    let Some((id, role)) = crate::store::accounts::orgs::role_of(on, person.id, org).await? else {
        return Ok(None);
    };
    let role = role_of(&role, id.number())?;
    let Some(row) = crate::store::catalog::products::by_name(on, id, product).await? else {
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

fn role_of(word: &str, row: i64) -> store::Result<Role> {
    Role::parse(word).ok_or_else(|| store::Error::BadRow {
        table: "memberships",
        column: "role",
        row,
        value: word.to_owned(),
    })
}
