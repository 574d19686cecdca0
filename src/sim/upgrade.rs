//! The upgrade of a device's connection to WebSocket (RFC 6455, section 4.1). It is our own, since the library's keeps the 4 KiB
//! that it reads the answer with for as long as the connection lives.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// Maximum bytes of an answer's head.
const HEAD_BYTES: usize = 16 * 1024;
/// Maximum fields of an answer.
const FIELDS: usize = 64;

/// Bytes that are read at a time, and kept for it: hardly any frame is longer.
const READ_BYTES: usize = 256;

/// Asks for the upgrade, and goes over to frames.
///
/// # Errors
/// What is wrong with the answer; its status, when the device is not let in.
pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    host: &str,
    path: &str,
    headers: &[(&'static str, String)],
) -> Result<WebSocketStream<S>, String> {
    let key = generate_key();
    let mut request = format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n"
    );
    for (name, value) in headers {
        if value.bytes().any(|b| b.is_ascii_control()) {
            return Err(format!("the header {name} cannot have this value"));
        }
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let written = stream.write_all(request.as_bytes()).await;
    written.map_err(|e| e.to_string())?;
    stream.flush().await.map_err(|e| e.to_string())?;
    let mut answer = Vec::new();
    let frames = loop {
        let read = stream.read_buf(&mut answer).await;
        if read.map_err(|e| e.to_string())? == 0 {
            return Err("closed during the upgrade".into());
        }
        if let Some(head) = accepted(&answer, &key)? {
            break answer[head..].to_vec();
        }
        if answer.len() > HEAD_BYTES {
            return Err("the answer to the upgrade is too long".into());
        }
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0);
    Ok(WebSocketStream::from_partially_read(stream, frames, Role::Client, Some(config)).await)
}

/// The length of the answer's head if it is complete and accepts the upgrade.
fn accepted(answer: &[u8], key: &str) -> Result<Option<usize>, String> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = parsed.parse(answer).map_err(|e| e.to_string())?
    else {
        return Ok(None);
    };
    let (code, reason) = (parsed.code.unwrap_or(0), parsed.reason.unwrap_or_default());
    if code != 101 {
        return Err(format!("HTTP error: {code} {reason}"));
    }
    let wanted = derive_accept_key(key.as_bytes());
    let accepts = parsed.headers.iter().any(|field| {
        field.name.eq_ignore_ascii_case("sec-websocket-accept") && field.value == wanted.as_bytes()
    });
    if accepts {
        Ok(Some(length))
    } else {
        Err("the answer to the upgrade is not for this request".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The key and its answer are those of RFC 6455, section 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    #[test]
    fn an_answer_is_accepted_when_it_is_complete_and_for_this_key() {
        let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        let with_frames = format!("{answer}frames");
        assert_eq!(
            accepted(with_frames.as_bytes(), KEY),
            Ok(Some(answer.len()))
        );
        assert_eq!(accepted(&answer.as_bytes()[..60], KEY), Ok(None));
        assert!(accepted(answer.as_bytes(), "another").is_err());
    }

    #[test]
    fn a_refusal_says_its_status() {
        let refused = accepted(b"HTTP/1.1 401 Unauthorized\r\n\r\n", KEY);
        assert_eq!(refused, Err("HTTP error: 401 Unauthorized".to_owned()));
        assert!(accepted(b"SSH-2.0-OpenSSH\r\n\r\n", KEY).is_err());
    }
}
