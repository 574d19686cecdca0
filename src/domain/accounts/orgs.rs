//! Organizations: listed, made, renamed and deleted.

use crate::access::scope::{InOrg as _, Org, Person, Role, Scope};
use crate::clock::Micros;
use crate::domain::accounts::tokens;
use crate::domain::error::{BLANK, TAKEN, field, in_use};
use crate::domain::{DomainError, Result};
use crate::limits::ORGS_A_PERSON;
use crate::store::accounts::orgs::{self as table, OrgRow};
use crate::store::catalog::products;
use crate::store::events::audit;
use crate::store::{self, Db};

pub use crate::store::catalog::products::ProductRow;

/// An organization, as a member sees it.
#[derive(Debug)]
pub struct Organization {
    /// Unique on the server.
    pub name: String,
    /// When it was made.
    pub inserted_at: Micros,
    /// When its name or settings changed last.
    pub updated_at: Micros,
    /// What the member may do in it.
    pub role: Role,
    /// Its products, where they were asked for.
    pub products: Option<Vec<ProductRow>>,
}

impl Organization {
    fn of(row: OrgRow, role: Role, products: Option<Vec<ProductRow>>) -> Self {
        Self {
            name: row.name,
            inserted_at: row.inserted_at,
            updated_at: row.updated_at,
            role,
            products,
        }
    }
}

/// The organizations that a person belongs to, with their products if requested.
pub async fn of(db: &Db, person: &Person, with_products: bool) -> Result<Vec<Organization>> {
    let mut r = db.read().await?;
    let mut all = Vec::new();
    for own in table::of_user(&mut r, person.id).await? {
        let held = if with_products || person.grant.product.is_some() {
            let mut all = products::list(&mut r, own.org.id).await?;
            all.retain(|p| person.grant.product.is_none_or(|only| only == p.id));
            Some(all)
        } else {
            None
        };
        // A token that is for one product sees no other organization than that product's.
        let hidden = person.grant.product.is_some() && held.as_ref().is_none_or(Vec::is_empty);
        if !hidden {
            let held = held.filter(|_| with_products);
            all.push(Organization::of(own.org, own.role, held));
        }
    }
    Ok(all)
}

/// A name as it may stand in addresses, device configurations and mail.
fn checked(name: Option<&str>) -> Result<&str> {
    let name = name.unwrap_or_default().trim();
    if name.is_empty() {
        return Err(field("name", BLANK));
    }
    if name.len() > 255 {
        return Err(field("name", "should be at most 255 character(s)"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.chars().all(plain) {
        let text = "may have letters A to Z, digits, - and _ only";
        return Err(field("name", text));
    }
    Ok(name)
}

/// Makes an organization, with the person who asks as its administrator.
///
/// # Errors
/// A validation error for a name that is blank, taken or has other letters; [`DomainError::Denied`] for a limited token and for a
/// service account.
pub async fn create(db: &Db, person: &Person, name: Option<&str>) -> Result<Organization> {
    tokens::require_human(person)?;
    let name = checked(name)?;
    let now = db.now();
    let mut w = db.write().await?;
    if table::of_user(&mut w, person.id).await?.len() >= ORGS_A_PERSON {
        let text = format!("You are in {ORGS_A_PERSON} organizations already; leave one first.");
        return Err(DomainError::Detail(text));
    }
    let id = table::add(&mut w, name, now).await?;
    let id = id.ok_or_else(|| field("name", TAKEN))?;
    table::set_member(&mut w, id, person.id, Role::Admin.word(), now).await?;
    let text = format!("{} made organization {name}", person.name);
    let (actor, resource) = (audit::Actor::Person(person), audit::Resource::Org(id));
    audit::add(&mut w, id, None, actor, resource, &text, now).await?;
    let made = table::by_name(&mut w, name).await?;
    w.commit().await?;
    let made = made.ok_or(store::Error::Missing("orgs"))?;
    Ok(Organization::of(made, Role::Admin, None))
}

/// Gives an organization another name. Its addresses change with it; devices do not notice.
///
/// # Errors
/// A validation error for a name that is blank, taken or has other letters.
pub async fn rename(db: &Db, scope: &Scope<Org>, name: Option<&str>) -> Result<Organization> {
    let name = checked(name)?;
    let now = db.now();
    let mut w = db.write().await?;
    if !table::rename(&mut w, scope.org().id, name, now).await? {
        return Err(field("name", TAKEN));
    }
    let text = format!(
        "{} renamed organization {} to {name}",
        scope.person().name,
        scope.org().name
    );
    audit::in_org(&mut w, scope, &text, now).await?;
    let renamed = table::by_name(&mut w, name).await?;
    w.commit().await?;
    let renamed = renamed.ok_or(store::Error::Missing("orgs"))?;
    Ok(Organization::of(renamed, scope.role(), None))
}

/// Deletes an organization without products, so that nobody loses a fleet by one request. Members, invitations, service accounts,
/// keys and authorities go; its name is free again. Its row and its audit log stay, which nobody can reach any more.
///
/// # Errors
/// [`DomainError::InUse`] with the products that it still has.
pub async fn delete(db: &Db, scope: &Scope<Org>) -> Result<()> {
    let now = db.now();
    let org = scope.org();
    let mut w = db.write().await?;
    let held = products::list(&mut w, org.id).await?;
    if !held.is_empty() {
        let names: Vec<_> = held.iter().take(5).map(|p| p.name.as_str()).collect();
        let text = format!(
            "the organization still has {}, such as {}; delete them first",
            held.len(),
            names.join(", ")
        );
        return Err(in_use("products", &text));
    }
    let text = format!("{} deleted organization {}", scope.person().name, org.name);
    audit::in_org(&mut w, scope, &text, now).await?;
    table::retire(&mut w, scope, now).await?;
    w.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_stand_in_an_address() {
        assert_eq!(checked(Some(" Acme_2-b ")).unwrap(), "Acme_2-b");
        for bad in [
            None,
            Some(""),
            Some("a b"),
            Some("a.b"),
            Some("ä"),
            Some("a/b"),
        ] {
            assert!(checked(bad).is_err(), "{bad:?}");
        }
        assert!(checked(Some(&"a".repeat(256))).is_err());
    }
}
