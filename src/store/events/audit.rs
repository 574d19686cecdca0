//! Audit entries: who did what to which resource. An entry is written in the transaction of the change itself,
//! and the audit chain seals it afterwards (`chain`).

use crate::clock::Micros;
use crate::store::accounts::orgs;
use crate::store::accounts::scope::{InOrg as _, Org, Person, Product, Scope};
use crate::store::fold::beyond_ascii;
use crate::store::ids::{DeviceId, GroupId, OrgId, ProductId};
use crate::store::{Result, Write, devices};

/// Who acted.
#[derive(Debug, Clone, Copy)]
pub enum Actor<'a> {
    Person(&'a Person),
    Device(DeviceId),
    /// The rules of a deployment group.
    Group(GroupId),
}

/// The resource that was acted on.
#[derive(Debug, Clone, Copy)]
pub enum Resource {
    Device(DeviceId),
    /// A deployment group.
    Group(GroupId),
    Product(ProductId),
    /// An organization.
    Org(OrgId),
}

impl Resource {
    fn columns(self) -> (&'static str, i64) {
        match self {
            Self::Device(d) => ("device", d.0),
            Self::Group(g) => ("deployment_group", g.0),
            Self::Product(p) => ("product", p.0),
            Self::Org(o) => ("org", o.0),
        }
    }
}

pub mod chain;
pub mod imported;
pub mod list;

/// Writes an entry. The text is cut at 500 characters (docs/protocol/rules.md, "Audit log").
pub async fn add(
    w: &mut Write,
    org: OrgId,
    product: Option<ProductId>,
    actor: Actor<'_>,
    resource: Resource,
    description: &str,
    now: Micros,
) -> Result<()> {
    let (actor_type, actor_id) = match actor {
        Actor::Person(p) => ("user", p.id.0),
        Actor::Device(d) => ("device", d.0),
        Actor::Group(g) => ("deployment_group", g.0),
    };
    let (resource_type, resource_id) = resource.columns();
    let description: String = description.chars().take(500).collect();
    execute!(
        w,
        sql!(
            "audit.add",
            "INSERT INTO audit_logs
               (org_id, product_id, actor_type, actor_id, resource_type, resource_id, description, at,
                folded)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        ),
        org,
        product,
        actor_type,
        actor_id,
        resource_type,
        resource_id,
        &description,
        now,
        beyond_ascii(&description)
    )?;
    Ok(())
}

/// Writes an entry about a person's action in a product, with its outcome as JSON.
pub async fn with_details(
    w: &mut Write,
    scope: &Scope<Product>,
    resource: Resource,
    text: &str,
    details: &str,
    now: Micros,
) -> Result<()> {
    let p = scope.product();
    let (resource_type, resource_id) = resource.columns();
    let text: String = text.chars().take(500).collect();
    execute!(
        w,
        sql!(
            "audit.add_detailed",
            "INSERT INTO audit_logs (org_id, product_id, actor_type, actor_id, resource_type,
                                     resource_id, description, details, at, folded)
             VALUES ($1, $2, 'user', $3, $4, $5, $6, $7, $8, $9)"
        ),
        p.org.id,
        p.id,
        scope.person().id,
        resource_type,
        resource_id,
        &text,
        details,
        now,
        beyond_ascii(&text)
    )?;
    Ok(())
}

/// Writes an entry of a person about the scope's product itself.
pub async fn on_product(
    w: &mut Write,
    scope: &Scope<Product>,
    description: &str,
    now: Micros,
) -> Result<()> {
    let resource = Resource::Product(scope.product().id);
    in_product(w, scope, resource, description, now).await
}

/// Writes an entry about a person's action in a product. An entry about a device goes to the device's own
/// product, which may differ from the one in the URL.
pub async fn in_product(
    w: &mut Write,
    scope: &Scope<Product>,
    resource: Resource,
    text: &str,
    now: Micros,
) -> Result<()> {
    let p = scope.product();
    let actor = Actor::Person(scope.person());
    let own = match resource {
        Resource::Device(device) => devices::row(w, device).await?.map(|d| d.product_id),
        _ => None,
    };
    let product = own.unwrap_or(p.id);
    add(w, p.org.id, Some(product), actor, resource, text, now).await
}

/// Writes an entry about a person's account, in each of the person's organizations.
pub async fn of_person(w: &mut Write, person: &Person, text: &str, now: Micros) -> Result<()> {
    for own in orgs::of_user(w, person.id).await? {
        let org = own.org;
        let resource = Resource::Org(org.id);
        add(w, org.id, None, Actor::Person(person), resource, text, now).await?;
    }
    Ok(())
}

/// Writes an entry about a person's action on the organization itself.
pub async fn in_org(w: &mut Write, scope: &Scope<Org>, text: &str, now: Micros) -> Result<()> {
    let org = scope.org().id;
    let actor = Actor::Person(scope.person());
    add(w, org, None, actor, Resource::Org(org), text, now).await
}
