//! Organizations, people, API tokens, invitations, and command-line logins in the database.

pub mod cli_sessions;
pub mod identities;
pub mod invites;
pub mod membership;
pub mod orgs;
pub mod passkeys;
pub mod pins;
pub mod preferences;
pub mod scope;
pub mod second_factors;
pub mod sessions;
pub mod users;
pub mod views;
