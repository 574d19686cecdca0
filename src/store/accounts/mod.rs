//! Rows of organizations, people, invitations and logins of command lines.

pub mod cli_sessions;
pub mod invites;
pub mod orgs;
pub mod users;
