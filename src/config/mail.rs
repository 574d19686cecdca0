//! Settings of outgoing mail.

use super::print::{address, masked_secret};
use super::*;

/// How mail is sent.
#[derive(Debug, Clone, Serialize)]
pub struct Mail {
    /// URL of the SMTP server, with the password if it requires one.
    #[serde(rename = "smtp-url", serialize_with = "masked_secret")]
    pub url: Secret,
    /// The sender.
    #[serde(rename = "mail-from", serialize_with = "address")]
    pub from: Mailbox,
}

/// Checks the mail settings. Mails contain links, so the public web address is required as well.
pub(super) fn mail(
    smtp: Option<String>,
    from: Option<String>,
    web: bool,
) -> Result<Option<Mail>, ConfigError> {
    let bad = |flag, value: &str, why: String| ConfigError::Value {
        flag,
        value: value.to_owned(),
        why,
    };
    let Some(url) = smtp else {
        return match from {
            None => Ok(None),
            Some(from) => Err(bad("mail-from", &from, "needs --smtp-url beside it".into())),
        };
    };
    if let Err(e) = AsyncSmtpTransport::<Tokio1Executor>::from_url(&url) {
        let why = format!("{e}; such as smtps://USER:PASSWORD@mail.example.org");
        return Err(bad("smtp-url", "…", why));
    }
    if !web {
        let why = "needs --web-url beside it, since mails hold links".into();
        return Err(bad("smtp-url", "…", why));
    }
    let Some(from) = from else {
        return Err(bad("smtp-url", "…", "needs --mail-from beside it".into()));
    };
    match from.parse() {
        Ok(parsed) => Ok(Some(Mail {
            url: Secret::new(url),
            from: parsed,
        })),
        Err(_) => {
            let why = "is no address, such as Nervecenter <ota@example.org>".into();
            Err(bad("mail-from", &from, why))
        }
    }
}
