//! How settings are printed: by the names and in the forms in which they are read, without their secrets.

use crate::access::vault::Secret;
use lettre::message::Mailbox;
use serde::Serialize;

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
            let given = &front[a + 3..b];
            // Before a NATS server one word alone is a token.
            let token = ["nats", "tls"].contains(&&front[..a]) && !given.contains(':');
            let user = given.split(':').next().filter(|_| !token);
            let user = user.map_or("***".to_owned(), |user| format!("{user}:***"));
            format!("{}{user}{}", &front[..a + 3], &front[b..])
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
pub(super) fn masked_secret<S: serde::Serializer>(url: &Secret, s: S) -> Result<S::Ok, S::Error> {
    without_passwords(url.reveal()).serialize(s)
}

/// Serializes an address as the setting has it.
pub(super) fn address<S: serde::Serializer>(address: &Mailbox, s: S) -> Result<S::Ok, S::Error> {
    address.to_string().serialize(s)
}

/// Serializes a switch as the setting has it.
pub(super) fn on_off<S: serde::Serializer>(on: &bool, s: S) -> Result<S::Ok, S::Error> {
    if *on { "on" } else { "off" }.serialize(s)
}

/// Serializes bytes as the MiB of the setting.
pub(super) fn mib<S: serde::Serializer>(bytes: &u64, s: S) -> Result<S::Ok, S::Error> {
    (bytes >> 20).serialize(s)
}
