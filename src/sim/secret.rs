//! The device's side of shared-secret authentication (docs/protocol/device.md, "Shared secrets").

use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::num::NonZeroU32;

/// The four headers of a connection at `now_ms`.
pub fn sign(key: &str, secret: &str, identifier: &str, now_ms: i64) -> [(&'static str, String); 4] {
    let algorithm = "NH1-HMAC-sha256-1000-32";
    let time = now_ms.div_euclid(1_000);
    let salt = format!(
        "NH1:device-socket:shared-secret:connect\n\nx-nh-alg={algorithm}\nx-nh-key={key}\nx-nh-time={time}\n"
    );
    let mut derived = [0u8; 32];
    let rounds = NonZeroU32::MIN.saturating_add(999);
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        rounds,
        salt.as_bytes(),
        secret.as_bytes(),
        &mut derived,
    );
    let signed = format!(
        "SFMyNTY.{}",
        URL_SAFE_NO_PAD.encode(term(identifier, now_ms))
    );
    let mac = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, &derived),
        signed.as_bytes(),
    );
    let signature = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.as_ref()));
    [
        ("x-nh-alg", algorithm.to_owned()),
        ("x-nh-key", key.to_owned()),
        ("x-nh-time", time.to_string()),
        ("x-nh-signature", signature),
    ]
}

/// `{identifier, signed_at_ms, 86400}` in Erlang's external term format.
fn term(identifier: &str, now_ms: i64) -> Vec<u8> {
    let mut t = vec![0x83, 0x68, 0x03, 0x6d];
    t.extend_from_slice(&u32::try_from(identifier.len()).unwrap_or(0).to_be_bytes());
    t.extend_from_slice(identifier.as_bytes());
    t.extend_from_slice(&[0x6e, 0x06, 0x00]);
    t.extend(now_ms.to_le_bytes().iter().take(6));
    t.extend_from_slice(&[0x62, 0x00, 0x01, 0x51, 0x80]);
    t
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_signs_as_the_first_vector_of_the_reference() {
        let key = format!("nhp_{}", "A".repeat(43));
        let [_, _, _, (_, signature)] =
            super::sign(&key, &"B".repeat(43), "device-1", 1_700_000_000_000);
        assert_eq!(
            signature,
            "SFMyNTY.g2gDbQAAAAhkZXZpY2UtMW4GAABo5c-LAWIAAVGA.mWvnZ1XdUcBuF4O1WAD51WPC5l3QoL2qqpH_RoA8jLE"
        );
    }
}
