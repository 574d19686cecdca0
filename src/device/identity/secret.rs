//! Shared secrets, `NH1` (docs/protocol/device.md, "Shared secrets"): a signed token over identifier and time, keyed by a secret that never
//! travels.

use super::{KnownDevice, Refused, find_or_create};
use crate::access::derived_keys::Origin;
use crate::access::vault::Secret;
use crate::app::App;
use crate::budget::{self, AttemptError};
use crate::clock::Micros;
use crate::domain::support::notifications;
use crate::ids::ProductId;
use crate::limits::{
    KDF_BYTES, KDF_ROUNDS, KDF_ROUNDS_INLINE, SIGNATURE_AGE, SIGNATURE_AHEAD, STORE_TIME,
};
use crate::store::devices::{self, secrets};
use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

/// The four headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// `x-nh-alg`.
    pub algorithm: String,
    /// `x-nh-key`.
    pub key: String,
    /// `x-nh-time`.
    pub time: String,
    /// `x-nh-signature`.
    pub signature: String,
}

/// A parsed `x-nh-alg`.
struct Kdf {
    algorithm: pbkdf2::Algorithm,
    rounds: NonZeroU32,
    bytes: usize,
}

fn kdf(text: &str) -> Option<Kdf> {
    let mut parts = text.strip_prefix("NH1-HMAC-")?.split('-');
    let (digest, rounds, bytes) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let algorithm = match digest.to_ascii_lowercase().as_str() {
        "sha256" => pbkdf2::PBKDF2_HMAC_SHA256,
        "sha384" => pbkdf2::PBKDF2_HMAC_SHA384,
        "sha512" => pbkdf2::PBKDF2_HMAC_SHA512,
        _ => return None,
    };
    let rounds: u32 = rounds.parse().ok()?;
    let bytes: usize = bytes.parse().ok()?;
    let allowed = KDF_ROUNDS.contains(&rounds) && KDF_BYTES.contains(&bytes);
    Some(Kdf {
        algorithm,
        rounds: NonZeroU32::new(rounds).filter(|_| allowed)?,
        bytes,
    })
}

/// What the token says.
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    identifier: String,
    signed_ms: i64,
}

/// Checks the token with a secret, without holding up other sockets: long derivations on a thread of their own, and those of a
/// key that fails often from an address one after the other, with pauses.
async fn verified(
    app: &App,
    h: &Headers,
    from: IpAddr,
    kdf: Kdf,
    secret: Secret,
) -> Result<Claim, Refused> {
    let check = async {
        let salt = salt(h)?;
        let origin = Origin::new(&salt, secret.reveal());
        if let Some(key) = app.derived_keys.get(origin) {
            return signed(h, &key);
        }
        let key = if kdf.rounds.get() <= KDF_ROUNDS_INLINE {
            derive(&kdf, &salt, secret.reveal())
        } else {
            let derived = tokio::task::spawn_blocking(move || derive(&kdf, &salt, secret.reveal()));
            derived.await.ok()?
        };
        let claim = signed(h, &key)?;
        app.derived_keys.keep(origin, key);
        Some(claim)
    };
    let asker = (h.key.clone(), budget::counted(from).unwrap_or(from));
    // Whoever waits longer than the store may take is told to come again before this ends.
    let most = STORE_TIME * 2;
    let claim = app.device_key_attempts.make(&asker, most, check).await;
    claim.map_err(|why| match why {
        AttemptError::Failed => Refused::No("the signature does not match"),
        AttemptError::NotMade => Refused::Crowded,
    })
}

/// What the key is derived with; `None` when the time is no number.
fn salt(h: &Headers) -> Option<String> {
    let time: i64 = h.time.parse().ok()?;
    Some(format!(
        "NH1:device-socket:shared-secret:connect\n\nx-nh-alg={}\nx-nh-key={}\nx-nh-time={time}\n",
        h.algorithm, h.key
    ))
}

/// The key that signs.
fn derive(kdf: &Kdf, salt: &str, secret: &str) -> Arc<[u8]> {
    let mut derived = vec![0u8; kdf.bytes];
    pbkdf2::derive(
        kdf.algorithm,
        kdf.rounds,
        salt.as_bytes(),
        secret.as_bytes(),
        &mut derived,
    );
    derived.into()
}

/// Checks the token with a key; the claim is looked at only when the signature is right.
fn signed(h: &Headers, key: &[u8]) -> Option<Claim> {
    let (signed, mac) = h.signature.rsplit_once('.')?;
    let (protected, payload) = signed.split_once('.')?;
    let digest = match protected {
        "SFMyNTY" => hmac::HMAC_SHA256,
        "SFMzODQ" => hmac::HMAC_SHA384,
        "SFM1MTI" => hmac::HMAC_SHA512,
        _ => return None,
    };
    let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
    hmac::verify(&hmac::Key::new(digest, key), signed.as_bytes(), &mac).ok()?;
    term(&URL_SAFE_NO_PAD.decode(payload).ok()?)
}

/// Whether the claim's time is now: not older than 90 s, and ahead by no more than a clock may be wrong.
fn timely(signed_ms: i64, now: Micros) -> bool {
    let now_ms = now.0.div_euclid(1_000);
    let age = i64::try_from(SIGNATURE_AGE.as_millis()).unwrap_or(0);
    let ahead = i64::try_from(SIGNATURE_AHEAD.as_millis()).unwrap_or(0);
    signed_ms <= now_ms.saturating_add(ahead) && signed_ms.saturating_add(age) >= now_ms
}

/// Erlang's external term format, as much of it as a token may hold: `{binary, integer}` or `{binary, integer,
/// integer}`. Atoms, lists and compressed terms are refused.
fn term(bytes: &[u8]) -> Option<Claim> {
    let rest = bytes.strip_prefix(&[0x83, 0x68])?;
    let (arity, rest) = rest.split_first()?;
    if !(2..=3).contains(arity) {
        return None;
    }
    let rest = rest.strip_prefix(&[0x6d])?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (identifier, mut rest) = rest.split_at_checked(length)?;
    let identifier = std::str::from_utf8(identifier).ok()?.to_owned();
    let signed_ms = integer(&mut rest)?;
    if *arity == 3 {
        integer(&mut rest)?;
    }
    rest.is_empty().then_some(Claim {
        identifier,
        signed_ms,
    })
}

/// Reads a term, for the fuzz target.
#[cfg(fuzzing)]
pub fn read_term(bytes: &[u8]) {
    let _ = term(bytes);
}

fn integer(rest: &mut &[u8]) -> Option<i64> {
    let (tag, after) = rest.split_first()?;
    match tag {
        0x61 => {
            let (value, after) = after.split_first()?;
            *rest = after;
            Some(i64::from(*value))
        }
        0x62 => {
            let (value, after) = after.split_first_chunk::<4>()?;
            *rest = after;
            Some(i64::from(i32::from_be_bytes(*value)))
        }
        0x6e => {
            let (n, after) = after.split_first()?;
            let (sign, after) = after.split_first()?;
            let (digits, after) = after.split_at_checked(usize::from(*n))?;
            if *n > 8 {
                return None;
            }
            *rest = after;
            let value = digits
                .iter()
                .rev()
                .fold(0u64, |v, d| (v << 8) | u64::from(*d));
            let value = i64::try_from(value).ok()?;
            Some(if *sign == 0 { value } else { -value })
        }
        _ => None,
    }
}

/// Tells people, once a day, of a device that has the secret and the wrong time: it cannot tell them itself.
async fn clock_wrong(app: &App, product: ProductId, claim: &Claim, now: Micros) {
    if app.clock_notice_limiter.count(&claim.identifier).is_err() {
        return;
    }
    let behind = now.0.div_euclid(1_000).saturating_sub(claim.signed_ms) / 1_000;
    let told = notifications::clock_wrong(&app.db, product, &claim.identifier, behind, now).await;
    if let Err(e) = told {
        tracing::warn!(device = %claim.identifier, error = %e, "notification not written");
    }
}

/// Decides who a shared-secret connection is.
///
/// # Errors
/// See [`Refused`].
pub async fn decide(
    app: &App,
    h: &Headers,
    from: IpAddr,
    now: Micros,
) -> Result<KnownDevice, Refused> {
    let kdf = kdf(&h.algorithm).ok_or(Refused::No("x-nh-alg is not one that is taken"))?;
    if h.key.len() > 512 || h.key.contains('\0') {
        return Err(Refused::No("x-nh-key is too long"));
    }
    let late = Refused::No(
        "the signature's time is not now: the device's clock is wrong, or it is a replay",
    );
    let sealed = Refused::No("the stored secret cannot be decrypted with this node key");
    let known = |id, identifier: &str, product, secret| KnownDevice {
        id,
        identifier: identifier.to_owned(),
        product,
        fingerprint: None,
        secret,
    };
    let mut r = app.db.read().await?;
    if h.key.starts_with("nhp_") {
        let found = secrets::find(&mut r, &h.key).await?;
        drop(r);
        let found = found.ok_or(Refused::No("unknown product key"))?;
        let secret = app.vault.open(&found.secret, &h.key).map_err(|_| sealed)?;
        let claim = verified(app, h, from, kdf, secret).await?;
        if !timely(claim.signed_ms, now) {
            clock_wrong(app, found.product_id, &claim, now).await;
            return Err(late);
        }
        return find_or_create(app, found.org_id, found.product_id, &claim.identifier, now)
            .await
            .map(|id| known(id, &claim.identifier, found.product_id, Some(found.id)));
    }
    let found = secrets::find_device(&mut r, &h.key)
        .await?
        .ok_or(Refused::No("unknown device key"))?;
    let device = devices::row(&mut r, found.device_id)
        .await?
        .ok_or(Refused::No("unknown device key"))?;
    drop(r);
    let secret = app.vault.open(&found.secret, &h.key).map_err(|_| sealed)?;
    let claim = verified(app, h, from, kdf, secret).await?;
    if !timely(claim.signed_ms, now) {
        clock_wrong(app, device.product_id, &claim, now).await;
        return Err(late);
    }
    if claim.identifier != device.identifier || device.deleted_at.is_some() {
        return Err(Refused::No(
            "the key belongs to another device, or the device is deleted",
        ));
    }
    Ok(known(
        device.id,
        &device.identifier,
        device.product_id,
        None,
    ))
}

#[cfg(test)]
mod tests;
