//! The checks of an ID token (Core 1.0, section 3.1.3.7). `jsonwebtoken` checks the signature, issuer and audience; the time is the
//! server's clock, and what else the section asks for is here.

use super::{Claims, Error, Settings};
use crate::clock::Micros;
use crate::limits::{OIDC_LEEWAY, OIDC_SUBJECT_BYTES};
use aws_lc_rs::constant_time;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

/// Signatures that are believed: those with a public key. One with a shared secret (`HS256`) could be made with the public key by
/// anybody, if it were checked with that, and `none` is no signature.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

fn untrusted(text: &str) -> Error {
    Error::Untrusted(format!("the ID token {text}"))
}

/// How a token is signed, and the name of the key. Nothing of it is believed yet.
pub(super) fn header(token: &str) -> Result<(Algorithm, Option<String>), Error> {
    let header = jsonwebtoken::decode_header(token);
    let header = header.map_err(|e| untrusted(&format!("has no header that is known: {e}")))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(untrusted("has no signature of a public key"));
    }
    Ok((header.alg, header.kid))
}

/// Whether signatures of this algorithm are made with such a key.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    use Algorithm::{ES256, ES384, EdDSA};
    let signs = !matches!(
        key.common.public_key_use,
        Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_))
    );
    let kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), ES256 | ES384 | EdDSA) => false,
        (AlgorithmParameters::RSA(_), _) => true,
        (AlgorithmParameters::EllipticCurve(ec), ES256) => ec.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(ec), ES384) => ec.curve == EllipticCurve::P384,
        (AlgorithmParameters::OctetKeyPair(ok), EdDSA) => ok.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    signs && kind
}

/// The key with this name. A token without a name is checked with the only key that fits; with several it is refused, as in section
/// 10.1.
pub(super) fn choose<'k>(
    keys: &'k [Jwk],
    kid: Option<&str>,
    algorithm: Algorithm,
) -> Option<&'k Jwk> {
    let mut fitting = keys.iter().filter(|k| fits(k, algorithm));
    if kid.is_some() {
        return fitting.find(|k| k.common.key_id.as_deref() == kid);
    }
    let only = fitting.next()?;
    fitting.next().is_none().then_some(only)
}

/// A token, with the key that it should be signed with.
pub(super) struct IdToken<'t> {
    pub text: &'t str,
    pub key: &'t Jwk,
    pub algorithm: Algorithm,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A flag. Some providers write it as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Flag(bool),
    Text(String),
}

/// What a provider says of a person, in an ID token or at its userinfo endpoint.
#[derive(Deserialize)]
pub(super) struct Said {
    pub sub: String,
    pub email: Option<String>,
    pub email_verified: Option<VerifiedFlag>,
    pub name: Option<String>,
    acr: Option<String>,
    amr: Option<Vec<String>>,
}

/// Whether the provider has verified an address.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct VerifiedFlag(Flag);

impl Said {
    /// The checked claims, by the rules of the settings.
    pub fn claims(self, settings: &Settings) -> Claims {
        let given = self.acr.iter().chain(self.amr.iter().flatten());
        let mut given = given.filter(|v| settings.second_factor.contains(v));
        let email_verified = match self.email_verified {
            Some(VerifiedFlag(Flag::Flag(flag))) => flag,
            Some(VerifiedFlag(Flag::Text(text))) => text == "true",
            None => false,
        };
        Claims {
            second_factor: given.next().is_some(),
            subject: self.sub,
            email: self.email,
            email_verified,
            name: self.name,
        }
    }
}

/// The claims about the token itself.
#[derive(Deserialize)]
struct Envelope {
    iss: String,
    aud: OneOrMany,
    azp: Option<String>,
    exp: f64,
    iat: Option<f64>,
    nonce: Option<String>,
    #[serde(flatten)]
    said: Said,
}

fn same(a: &str, b: &str) -> bool {
    constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

impl IdToken<'_> {
    /// What the token says, when it is for this server, of this sign-in, and not over.
    pub fn check(self, settings: &Settings, nonce: &str, now: Micros) -> Result<Said, Error> {
        let key = DecodingKey::from_jwk(self.key);
        let key = key.map_err(|e| untrusted(&format!("is signed with a key of no use: {e}")))?;
        let mut rules = Validation::new(self.algorithm);
        rules.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        rules.set_issuer(&[&settings.issuer]);
        rules.set_audience(&[&settings.client_id]);
        // By the machine's clock, while a server has one clock of its own: it is checked below.
        rules.validate_exp = false;
        let token = jsonwebtoken::decode::<Envelope>(self.text, &key, &rules);
        let envelope = token
            .map_err(|e| untrusted(&format!("does not check out: {e}")))?
            .claims;
        let now = now.secs() as f64;
        let leeway = OIDC_LEEWAY.as_secs_f64();
        if envelope.exp + leeway <= now {
            return Err(untrusted("is over"));
        }
        if envelope.iat.is_some_and(|iat| iat - leeway > now) {
            return Err(untrusted(
                "is of the future; is the clock of one of both wrong?",
            ));
        }
        if envelope.iss != settings.issuer {
            return Err(untrusted("is of another issuer"));
        }
        let own = |id: &String| *id == settings.client_id;
        let party = envelope.azp.as_ref().map(own);
        if party == Some(false) || (envelope.aud.all().len() > 1 && party != Some(true)) {
            return Err(untrusted("was made for another client"));
        }
        if !envelope.nonce.is_some_and(|own| same(&own, nonce)) {
            return Err(untrusted("is of another sign-in"));
        }
        if !(1..=OIDC_SUBJECT_BYTES).contains(&envelope.said.sub.len()) {
            return Err(untrusted("has a subject of no use"));
        }
        Ok(envelope.said)
    }
}
