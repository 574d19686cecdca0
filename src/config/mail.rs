//! Settings of outgoing mail.

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

/// Serializes a URL without its password.
pub(super) fn masked<S: serde::Serializer>(url: &Option<String>, s: S) -> Result<S::Ok, S::Error> {
    url.as_deref().map(without_passwords).serialize(s)
}

/// Masks the password before the host, and the value of every parameter whose name sounds like a secret: libpq
/// and other drivers read `password`, `sslpassword`, and more from there.
pub(super) fn without_passwords(url: &str) -> String {
    let (front, query) = url.split_once('?').unwrap_or((url, ""));
    let front = match (front.find("://"), front.rfind('@')) {
        (Some(a), Some(b)) if a + 3 <= b => {
            let user = front[a + 3..b].split(':').next().unwrap_or_default();
            format!("{}{user}:***{}", &front[..a + 3], &front[b..])
        }
        _ => front.to_owned(),
    };
    if query.is_empty() {
        return front;
    }
    let masked = query.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded: String = form_urlencoded::parse(name.as_bytes())
            .map(|(name, _)| name.to_lowercase())
            .collect();
        let secret = ["pass", "secret", "token", "key"]
            .iter()
            .any(|w| decoded.contains(w));
        if secret {
            format!("{name}=***")
        } else {
            format!("{name}={value}")
        }
    });
    format!("{front}?{}", masked.collect::<Vec<_>>().join("&"))
}

/// Serializes a URL without its password.
fn masked_secret<S: serde::Serializer>(url: &Secret, s: S) -> Result<S::Ok, S::Error> {
    without_passwords(url.reveal()).serialize(s)
}

/// Serializes an address as the setting has it.
fn address<S: serde::Serializer>(address: &Mailbox, s: S) -> Result<S::Ok, S::Error> {
    address.to_string().serialize(s)
}
