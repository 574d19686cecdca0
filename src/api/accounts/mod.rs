//! People of the API: logins, tokens, members, invitations, service accounts.

mod cli_login;
mod confirm_page;
mod identities;
mod invitations;
mod members;
pub(super) mod oidc;
mod organizations;
mod own_account;
pub(super) mod pages;
mod passkey_login;
mod passkeys;
mod password_reset;
mod pins;
mod registration;
mod second_factor;
mod server_info;
mod sessions;
mod settings;
mod tokens;
mod users;
mod views;

use super::http::contract::Contract;

pub(super) fn routes(contract: &mut Contract) {
    server_info::routes(contract);
    users::routes(contract);
    own_account::routes(contract);
    organizations::routes(contract);
    views::routes(contract);
    pins::routes(contract);
    sessions::routes(contract);
    second_factor::routes(contract);
    passkeys::routes(contract);
    passkey_login::routes(contract);
    identities::routes(contract);
    password_reset::routes(contract);
    registration::routes(contract);
    cli_login::routes(contract);
    tokens::routes(contract);
    members::routes(contract);
    settings::routes(contract);
    invitations::routes(contract);
}
