//! Who may come in: logins, invitations, tokens, and what ends with a right.

mod addresses;
mod leaving;
mod logins;
mod own;
mod passkeys;
mod registration;
mod revoked;
mod second_factor;
mod sessions;
mod sign_in;
mod tokens;
mod views;
