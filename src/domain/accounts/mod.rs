//! Accounts: organizations, members, people, logins, API tokens, and access checks.

pub mod access_check;
pub mod confirm;
mod fields;
mod identify;
pub mod identities;
pub mod logins;
pub mod members;
pub mod new_address;
pub mod org_settings;
pub mod orgs;
pub mod own_account;
pub mod passkey_login;
pub mod passkeys;
pub mod password_reset;
pub mod passwords;
pub mod pins;
pub mod registration;
pub mod scopes;
mod sealed_proof;
pub mod second_factor;
pub mod sessions;
pub mod sign_in;
pub mod tokens;
pub mod users;
pub mod views;
