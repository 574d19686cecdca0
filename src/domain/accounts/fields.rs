//! What a person may be called, reached by and log in with.

use crate::domain::Result;
use crate::domain::error::{INVALID, field};
use crate::limits::{EMAIL_BYTES, PASSWORD_CHARS, PERSON_NAME_CHARS};

/// Refuses what cannot be an address. Whether it is one, only a mail can tell.
///
/// # Errors
/// A validation error under `email`.
pub fn check_email(email: &str) -> Result<()> {
    let plausible = email.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !email.contains(char::is_whitespace)
    });
    if plausible && email.len() <= EMAIL_BYTES {
        Ok(())
    } else {
        Err(field("email", INVALID))
    }
}

/// A person's name, with single spaces.
///
/// # Errors
/// A validation error under `name`.
pub fn person_name(text: &str) -> Result<String> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (least, most) = (PERSON_NAME_CHARS.start(), PERSON_NAME_CHARS.end());
    if !PERSON_NAME_CHARS.contains(&name.chars().count()) {
        let text = format!("must have {least} to {most} characters");
        return Err(field("name", &text));
    }
    Ok(name)
}

/// Refuses a password that is too short or too long.
///
/// # Errors
/// A validation error under the name that the field has in the request.
pub fn check_password(name: &str, password: &str) -> Result<()> {
    if PASSWORD_CHARS.contains(&password.chars().count()) {
        return Ok(());
    }
    let (least, most) = (PASSWORD_CHARS.start(), PASSWORD_CHARS.end());
    let text = format!("must have {least} to {most} characters");
    Err(field(name, &text))
}
