//! Scopes: authority as a value. A [`Scope`] says who asks, in which role, for which organization or product.
//! Only this module makes one (from a token and a membership row), so a query that takes a scope cannot cross
//! organizations.

use crate::store::ids::{OrgId, ProductId, UserId};
pub use crate::store::words::{Access, Role};

/// The kind of a request, as far as limited tokens are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It only reads.
    Read,
    /// It changes or starts something.
    Change,
    /// It changes something as part of publishing firmware.
    Publish,
    /// It only reads, as part of publishing firmware.
    PublishRead,
}

/// The part of its person's rights that a token grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grant {
    /// The access level.
    pub access: Access,
    /// The one product that the token is limited to, if any.
    pub product: Option<ProductId>,
}

impl Grant {
    /// Whether a request of this kind is allowed.
    pub fn covers(self, act: Act) -> bool {
        match self.access {
            Access::Full => true,
            Access::Read => matches!(act, Act::Read | Act::PublishRead),
            Access::Publish => matches!(act, Act::Publish | Act::PublishRead),
        }
    }

    /// Whether the token grants all rights of its person.
    pub fn is_full(self) -> bool {
        self == Self::default()
    }
}

/// A person who was authenticated by a token or is the local command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person's id in the database.
    pub id: UserId,
    /// Full name, for audit entries.
    pub name: String,
    /// Email address, the login name.
    pub email: String,
    /// What the token grants.
    pub grant: Grant,
    /// The token's id in the database; `None` for the local command line.
    pub token: Option<i64>,
    /// Whether that token is the session of a browser.
    pub session: bool,
}

/// An organization that the caller belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    /// The organization's id in the database.
    pub id: OrgId,
    /// Unique on the server.
    pub name: String,
}

/// A product of such an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its organization.
    pub org: Org,
    /// The product's id in the database.
    pub id: ProductId,
    /// Unique in the organization.
    pub name: String,
}

/// Who asks, in which role, for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope<L> {
    person: Person,
    role: Role,
    at: L,
}

/// The role does not allow the action; holds the role that is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("needs the role {}", .0.word())]
pub struct Denied(pub Role);

impl<L> Scope<L> {
    pub(super) fn new(person: Person, role: Role, at: L) -> Self {
        Self { person, role, at }
    }

    /// The person's role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Returns the scope when its role is at least `role`.
    pub fn allow(self, role: Role) -> Result<Self, Denied> {
        if self.role >= role {
            Ok(self)
        } else {
            Err(Denied(role))
        }
    }

    /// The person who asks.
    pub fn person(&self) -> &Person {
        &self.person
    }

    /// The organization or product.
    pub fn at(&self) -> &L {
        &self.at
    }
}

/// A scope within an organization.
pub trait InOrg {
    /// The organization.
    fn org(&self) -> &Org;

    /// The one product that the caller's token is limited to. Every lookup of something below a product uses
    /// it: for an unlimited token the organization in the path is enough (as in NervesHub), for a limited one
    /// it is not.
    fn only(&self) -> Option<ProductId>;
}

impl InOrg for Scope<Org> {
    fn org(&self) -> &Org {
        &self.at
    }

    fn only(&self) -> Option<ProductId> {
        self.person.grant.product
    }
}

impl InOrg for Scope<Product> {
    fn org(&self) -> &Org {
        &self.at.org
    }

    fn only(&self) -> Option<ProductId> {
        self.person.grant.product
    }
}

impl Scope<Product> {
    pub fn product(&self) -> &Product {
        &self.at
    }
}
