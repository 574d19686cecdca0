//! One HTTP request on the device listener, read and refused by hand: the answers are what the strictest client reads
//! (docs/protocol/device.md, "Upgrade and query parameters" and "Refusals at the upgrade").

use super::identity::{Credentials, Refused, secret};
use super::tls_socket::TlsSocket;
use crate::clock::Micros;
use crate::limits::{HEAD_BYTES, HEAD_FIELDS};
use device_protocol::wire::Format;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The serializer that `vsn` asks for: `~> 2.0.0` or `~> 3.0.0` (docs/protocol/device.md, "Upgrade and query parameters").
pub(super) fn format(query: &str) -> Option<Format> {
    let version = query.split('&').find_map(|p| p.strip_prefix("vsn="))?;
    let version = semver::Version::parse(version).ok()?;
    match (version.major, version.minor, version.pre.is_empty()) {
        (2, 0, true) => Some(Format::Json),
        (3, 0, true) => Some(Format::MessagePack),
        _ => None,
    }
}

/// The head of a request.
pub(super) struct Head {
    pub method: String,
    pub path: String,
    fields: Vec<(String, String)>,
    /// What came after it.
    pub rest: Vec<u8>,
}

impl Head {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    pub(super) fn wants_upgrade(&self) -> bool {
        let has = |name: &str, word: &str| {
            self.get(name)
                .is_some_and(|v| v.split(',').any(|t| t.trim().eq_ignore_ascii_case(word)))
        };
        self.method == "GET"
            && has("upgrade", "websocket")
            && has("connection", "upgrade")
            && self.get("sec-websocket-version").map(str::trim) == Some("13")
    }

    /// The dialled host without its port, if it can stand in a URL.
    pub(super) fn host(&self) -> Option<String> {
        let text = self.get("host")?.trim();
        let host = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
            Some((v6, _)) => format!("[{}]", v6.parse::<std::net::Ipv6Addr>().ok()?),
            None => text.split(':').next()?.to_owned(),
        };
        let plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
        (!host.is_empty() && host.len() <= 253 && host.chars().all(plain)).then_some(host)
    }

    pub(super) fn credentials(&self) -> Credentials<'static> {
        let field = |name: &str| self.get(name).map(str::to_owned);
        let all = (
            field("x-nh-alg"),
            field("x-nh-key"),
            field("x-nh-time"),
            field("x-nh-signature"),
        );
        if let (Some(algorithm), Some(key), Some(time), Some(signature)) = all {
            return Credentials::Secret(secret::Headers {
                algorithm,
                key,
                time,
                signature,
            });
        }
        if self.fields.iter().any(|(name, _)| name.starts_with("x-")) {
            return Credentials::Unusable;
        }
        Credentials::Nothing
    }
}

/// Reads a request's head, never more than its bound. `None` closes: it is no HTTP. One that is too large is answered here
/// (RFC 6585, 5).
pub(super) async fn read_head(tls: &mut TlsSocket, now: Micros) -> Option<Head> {
    let mut buffer = Vec::with_capacity(1024);
    loop {
        let read = tls.read_buf(&mut buffer).await.ok()?;
        if read == 0 {
            return None;
        }
        let mut fields = [httparse::EMPTY_HEADER; HEAD_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let parsed = request.parse(&buffer);
        if buffer.len() > HEAD_BYTES || parsed == Err(httparse::Error::TooManyHeaders) {
            // Whoever sent it may have gone; then nobody misses the answer.
            let _ = send(
                tls,
                &HttpReply::status("431 Request Header Fields Too Large"),
                now,
            )
            .await;
            return None;
        }
        match parsed.ok()? {
            httparse::Status::Partial => {}
            httparse::Status::Complete(end) => {
                let fields = request
                    .headers
                    .iter()
                    .filter_map(|h| {
                        let value = std::str::from_utf8(h.value).ok()?;
                        Some((h.name.to_ascii_lowercase(), value.trim().to_owned()))
                    })
                    .collect();
                return Some(Head {
                    method: request.method?.to_owned(),
                    path: origin_form(request.path?).to_owned(),
                    fields,
                    rest: buffer.get(end..).unwrap_or_default().to_vec(),
                });
            }
        }
    }
}

/// The path of a request's target; a client that takes this for a proxy says scheme and host before it (RFC 9112, 3.2.2).
fn origin_form(target: &str) -> &str {
    let scheme = |s: &str| {
        target
            .get(..s.len())
            .is_some_and(|t| t.eq_ignore_ascii_case(s))
    };
    let Some(skip) = ["https://", "http://", "wss://", "ws://"]
        .into_iter()
        .find(|s| scheme(s))
    else {
        return target;
    };
    let rest = target.get(skip.len()..).unwrap_or_default();
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}

/// An answer that is not an upgrade.
pub(super) struct HttpReply {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    kind: &'static str,
    body: String,
}

impl HttpReply {
    /// A status without a body.
    pub(super) fn status(status: &'static str) -> Self {
        Self::text(status, String::new())
    }

    /// Plain text.
    pub(super) fn text(status: &'static str, body: String) -> Self {
        Self {
            status,
            headers: Vec::new(),
            kind: "text/plain; charset=utf-8",
            body,
        }
    }

    pub(super) fn json(status: &'static str, body: &Value) -> Self {
        Self {
            kind: "application/json",
            ..Self::text(status, body.to_string())
        }
    }

    /// With one more header field.
    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A text that the header names, too: some clients show that.
    fn reasoned(status: &'static str, body: &str) -> Self {
        Self::text(status, body.to_owned()).with("nh-connection-error-reason", body.to_owned())
    }

    /// The store cannot be asked.
    pub(super) fn unavailable() -> Self {
        let body = "the platform could not be reached to authenticate this device";
        Self::reasoned("503 Service Unavailable", body)
    }

    /// The device is not let in.
    pub(super) fn refusal(refused: &Refused) -> Self {
        match refused {
            Refused::No(_) | Refused::Signer(_) => Self::status("401 Unauthorized"),
            Refused::Nothing => {
                let body =
                    "no certificate pair or shared secrets connection settings were provided";
                Self::reasoned("401 Unauthorized", body)
            }
            // Not a 401: it may be the device that it says it is.
            Refused::Crowded => Self::reasoned(
                "503 Service Unavailable",
                "too many wrong signatures of this key from this address, try again later",
            ),
            Refused::Unavailable(_) => Self::unavailable(),
        }
    }
}

/// Sends it and closes. A device without a clock signs its next try with the `Date`.
pub(super) async fn send(tls: &mut TlsSocket, a: &HttpReply, now: Micros) -> std::io::Result<()> {
    let headers: String = a
        .headers
        .iter()
        .map(|(n, v)| format!("{n}: {v}\r\n"))
        .collect();
    let answer = format!(
        "HTTP/1.1 {}\r\nDate: {}\r\n{headers}Content-Type: {}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{}",
        a.status,
        now.http_date(),
        a.kind,
        a.body.len(),
        a.body
    );
    tls.write_all(answer.as_bytes()).await?;
    tls.shutdown().await
}

#[cfg(test)]
mod tests;
