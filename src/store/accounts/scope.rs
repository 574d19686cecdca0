//! Authority as a value. A [`Scope`] says who asks, in which role, for which organization or product. Only this
//! room makes one (from a token plus a membership row), so a query that takes a scope cannot cross organizations.

use crate::store::ids::{OrgId, ProductId, UserId};

/// A role in an organization; each includes the ones before it (docs/protocol/rules.md, "Roles").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    View,
    /// Changes what the organization holds.
    Manage,
    /// Changes members and products.
    Admin,
}

impl Role {
    /// The role's word in the API and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Manage => "manage",
            Self::Admin => "admin",
        }
    }

    /// Reads a role's word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "view" => Some(Self::View),
            "manage" => Some(Self::Manage),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// What a token lets its person do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// All that the person may.
    #[default]
    Full,
    /// Reading only.
    Read,
    /// Publishing firmware, and no more.
    Publish,
}

impl Access {
    /// Its word in the API and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Read => "read",
            Self::Publish => "publish",
        }
    }

    /// Reads its word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "full" => Some(Self::Full),
            "read" => Some(Self::Read),
            "publish" => Some(Self::Publish),
            _ => None,
        }
    }
}

/// What a request is, as far as a narrowed token is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It only reads.
    Read,
    /// It changes or starts something.
    Change,
    /// It is a part of publishing firmware, and changes something.
    Publish,
    /// It is a part of publishing firmware, and only reads.
    PublishRead,
}

/// What a token grants of what its person may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grant {
    /// What it may do.
    pub access: Access,
    /// The one product that it is for, if it is for one.
    pub product: Option<ProductId>,
}

impl Grant {
    /// Whether such a request is within it.
    pub fn covers(self, act: Act) -> bool {
        match self.access {
            Access::Full => true,
            Access::Read => matches!(act, Act::Read | Act::PublishRead),
            Access::Publish => matches!(act, Act::Publish | Act::PublishRead),
        }
    }

    /// Whether it grants all.
    pub fn is_full(self) -> bool {
        self == Self::default()
    }
}

/// A person whom a token or the local command line proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person's row.
    pub id: UserId,
    /// Full name, for audit entries.
    pub name: String,
    /// Email address, the login.
    pub email: String,
    /// What the token grants.
    pub grant: Grant,
    /// The token's row; none for the local command line.
    pub token: Option<i64>,
}

/// An organization that the asker belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    /// The organization's row.
    pub id: OrgId,
    /// Its name, unique on the server.
    pub name: String,
}

/// A product of such an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The organization.
    pub org: Org,
    /// The product's row.
    pub id: ProductId,
    /// Its name, unique in the organization.
    pub name: String,
}

/// Who asks, in which role, for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope<L> {
    person: Person,
    role: Role,
    at: L,
}

/// The role does not allow the action.
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

    /// Passes the scope on when its role is at least `role`.
    pub fn allow(self, role: Role) -> Result<Self, Denied> {
        if self.role >= role {
            Ok(self)
        } else {
            Err(Denied(role))
        }
    }

    /// Who asks.
    pub fn person(&self) -> &Person {
        &self.person
    }

    /// The organization or product.
    pub fn at(&self) -> &L {
        &self.at
    }
}

/// A scope that names an organization.
pub trait InOrg {
    /// The organization.
    fn org(&self) -> &Org;

    /// The one product that the asker's token is for. Every lookup of something below a product takes it: without a
    /// narrowed token the organization in the path is enough (as in the original), with one it is not.
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
    /// The product.
    pub fn product(&self) -> &Product {
        &self.at
    }
}
