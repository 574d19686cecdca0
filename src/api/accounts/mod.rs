//! People of the API: logins, tokens, members, invitations, service accounts.

pub mod pages;
pub mod tokens;
pub mod users;
