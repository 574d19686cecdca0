//! Accounts: organizations, members, people, logins, API tokens, and access checks.

pub mod access_check;
pub mod logins;
pub mod org_settings;
pub mod orgs;
pub mod passwords;
pub mod scopes;
pub mod tokens;
pub mod users;
