//! What the operator says of a provider. `config` makes and checks it.

use crate::access::vault::Secret;
use serde::{Serialize, Serializer};

/// Whether somebody whom nobody knows yet gets an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CreateAccounts {
    /// No: an account or an invitation must be there before.
    Never,
    /// Yes, with an address of one of the allowed domains.
    AllowedDomains,
}

/// A provider, as the operator configured it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// A word of its own in addresses.
    pub name: String,
    /// What its button says.
    pub label: String,
    /// Its issuer identifier, to the letter.
    pub issuer: String,
    /// What it calls this server.
    pub client_id: String,
    /// What this server proves itself with.
    #[serde(serialize_with = "hidden")]
    pub client_secret: Secret,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// The domains that addresses must have; any when there are none.
    pub domains: Vec<String>,
    /// Whether accounts are made.
    pub create: CreateAccounts,
    /// Whether an account belongs to whoever this provider says has verified its address.
    #[serde(serialize_with = "on_off")]
    pub trusted_addresses: bool,
    /// Values of `acr` or `amr` that say that the provider asked for a second factor.
    pub second_factor: Vec<String>,
}

fn hidden<S: Serializer>(_: &Secret, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str("***")
}

/// A switch as the setting has it.
fn on_off<S: Serializer>(on: &bool, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(if *on { "on" } else { "off" })
}

impl Settings {
    /// Whether an address has one of the allowed domains.
    pub fn allows(&self, email: &str) -> bool {
        let domain = email.rsplit_once('@').map(|(_, domain)| domain);
        let own = |domain: &str| self.domains.iter().any(|d| domain.eq_ignore_ascii_case(d));
        self.domains.is_empty() || domain.is_some_and(own)
    }
}
