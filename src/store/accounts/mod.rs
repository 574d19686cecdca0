//! Rows of organizations, people, invitations and logins of command lines.

pub mod cli_sessions;
pub mod invites;
pub mod membership;
pub mod orgs;
pub mod scope;
pub mod users;
