//! Links of mails that confirm an address: of a new account, of a new address, and of the old address after a change.

use crate::domain::accounts::new_address::{self, Link};
use crate::domain::accounts::registration::{self, Newcomer};
use crate::domain::{Context, DomainError, Result};

/// What a link does.
#[derive(Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Makes an account; a password goes with it.
    Registration(Newcomer),
    /// Gives an account this address.
    NewAddress(String),
    /// Gives an account this address again.
    OldAddress(String),
}

/// What a link does, without doing it.
///
/// # Errors
/// [`DomainError::NotFound`] when it is forged, over, or was used.
pub async fn purpose(context: &Context, link: &str) -> Result<Purpose> {
    if let Some(newcomer) = registration::newcomer(context, link).await? {
        return Ok(Purpose::Registration(newcomer));
    }
    let mut r = context.db.read().await?;
    match new_address::link(context, &mut r, link).await? {
        Some(Link::New(_, email)) => Ok(Purpose::NewAddress(email)),
        Some(Link::Back(_, old)) => Ok(Purpose::OldAddress(old)),
        None => Err(DomainError::NotFound),
    }
}

/// Does what a link is for. `password` is that of a new account.
///
/// # Errors
/// As [`purpose`]; a validation error for the password; a conflict when somebody else has the address by now.
pub async fn follow(context: &Context, link: &str, password: &str) -> Result<()> {
    match registration::newcomer(context, link).await? {
        Some(newcomer) => registration::finish(context, newcomer, password).await,
        None => new_address::follow(context, link).await,
    }
}
