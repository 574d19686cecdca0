//! From the code of a callback to who somebody is (Core 1.0, sections 3.1.3 and 5.3).

use super::discovery::Metadata;
use super::id_token::{self, IdToken, Said};
use super::{Claims, Error, Provider, Request};
use crate::access::sha256;
use crate::access::vault::Secret;
use crate::clock::Micros;
use crate::limits::OIDC_CODE_BYTES;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::StatusCode;
use serde::Deserialize;

/// What the provider is shown of a verifier (RFC 7636, section 4.2).
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))
}

/// What a code is redeemed for.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

/// Why a code is not redeemed.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl Provider {
    /// Redeems a code, checks all that the provider says, and returns it.
    ///
    /// # Errors
    /// Each of [`Error`].
    pub async fn claims(
        &self,
        code: &str,
        request: &Request,
        redirect_uri: &str,
        now: Micros,
    ) -> Result<Claims, Error> {
        if code.is_empty() || code.len() > OIDC_CODE_BYTES {
            return Err(Error::Refused("it is no code".into()));
        }
        let _place = self.places.try_acquire().map_err(|_| Error::Busy)?;
        let metadata = self.metadata(now).await?;
        let tokens = self.redeem(&metadata, code, request, redirect_uri).await?;
        let (algorithm, kid) = id_token::header(&tokens.id_token)?;
        let key = self.key(&metadata, kid.as_deref(), algorithm, now).await?;
        let settings = &self.settings;
        let token = IdToken {
            text: &tokens.id_token,
            key: &key,
            algorithm,
        };
        let mut said = token.check(settings, &request.nonce, now)?;
        // Section 5.4: claims of a scope may be in the answer of the userinfo endpoint alone.
        if said.email.is_none()
            && let Some(url) = &metadata.userinfo_endpoint
            && let Some(access) = tokens.access_token.map(Secret::new)
        {
            let more: Said = self.http.get(url, Some(&access)).await?;
            if more.sub != said.sub {
                // Section 5.3.2: the answer could be somebody else's.
                let text = "the userinfo endpoint speaks of another person than the ID token";
                return Err(Error::Untrusted(text.into()));
            }
            said.email = more.email;
            said.email_verified = more.email_verified;
            said.name = said.name.or(more.name);
        }
        Ok(said.claims(settings))
    }

    async fn redeem(
        &self,
        metadata: &Metadata,
        code: &str,
        request: &Request,
        redirect_uri: &str,
    ) -> Result<Tokens, Error> {
        let settings = &self.settings;
        let (id, secret) = (&settings.client_id, settings.client_secret.reveal());
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &request.verifier),
        ];
        let methods = &metadata.client_proofs;
        let knows = |method: &str| methods.iter().any(|m| m == method);
        // Basic is what a provider that lists none takes (Discovery 1.0, section 3).
        let authorization = if knows("client_secret_post") && !knows("client_secret_basic") {
            form.extend([("client_id", id.as_str()), ("client_secret", secret)]);
            None
        } else {
            // RFC 6749, section 2.3.1: both are encoded as in a form before they are put together.
            let pair = format!("{}:{}", encoded(id), encoded(secret));
            Some(format!("Basic {}", STANDARD.encode(pair)))
        };
        let url = &metadata.token_endpoint;
        let (status, body) = self.http.post(url, &form, authorization).await?;
        if status == StatusCode::OK {
            let tokens = serde_json::from_slice(&body);
            return tokens.map_err(|e| Error::Down(format!("{url} answered no tokens: {e}")));
        }
        match serde_json::from_slice::<Refusal>(&body) {
            // The operator has to see that the client's own secret is wrong.
            Ok(refusal) if status.is_client_error() => {
                // It goes into the log, where it must not look like lines of its own.
                let word = refusal.error.chars().filter(char::is_ascii_graphic);
                Err(Error::Refused(word.take(64).collect()))
            }
            _ => Err(Error::Down(format!("{url} answered with status {status}"))),
        }
    }
}
