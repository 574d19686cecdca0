//! People of the API: logins, tokens, members, invitations, service accounts.

mod cli_login;
mod invitations;
mod members;
pub(super) mod pages;
mod settings;
mod tokens;
mod users;

use super::http::contract::Contract;

pub(super) fn routes(contract: &mut Contract) {
    users::routes(contract);
    cli_login::routes(contract);
    tokens::routes(contract);
    members::routes(contract);
    settings::routes(contract);
    invitations::routes(contract);
}
