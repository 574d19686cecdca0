//! What a provider publishes of itself: its endpoints and the keys that it signs with (Discovery 1.0; RFC 7517). Both are kept for a
//! while; a provider that is down is not asked again for some seconds, so that nobody waits behind others for the same failure.

use super::{Error, Provider, id_token};
use crate::clock::Micros;
use crate::limits::{OIDC_KEPT, OIDC_KEYS, OIDC_PAUSE};
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::Jwk;
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// The document of a provider, as far as it matters here (Discovery 1.0, section 3).
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// The endpoints of a provider.
#[derive(Debug)]
pub(super) struct Metadata {
    pub authorization_endpoint: Url,
    pub token_endpoint: Url,
    jwks_uri: Url,
    pub userinfo_endpoint: Option<Url>,
    /// How a client may prove itself at the token endpoint.
    pub client_proofs: Vec<String>,
}

/// Keys, as they are published.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// What is known of a provider, and since when.
#[derive(Default)]
pub(super) struct Cache {
    metadata: Option<(Arc<Metadata>, Micros)>,
    keys: Vec<Jwk>,
    keys_at: Option<Micros>,
    failed: Option<(String, Micros)>,
}

impl Cache {
    /// Refuses at once while a failure is fresh.
    fn may_ask(&self, now: Micros) -> Result<(), Error> {
        match &self.failed {
            Some((why, at)) if now.since(*at) < OIDC_PAUSE => Err(Error::Down(why.clone())),
            _ => Ok(()),
        }
    }

    /// Remembers a failure.
    fn noted<T>(&mut self, asked: Result<T, Error>, now: Micros) -> Result<T, Error> {
        match &asked {
            Ok(_) => self.failed = None,
            Err(e) => self.failed = Some((e.to_string(), now)),
        }
        asked
    }
}

impl Provider {
    /// The endpoints.
    pub(super) async fn metadata(&self, now: Micros) -> Result<Arc<Metadata>, Error> {
        let mut cache = self.cache.lock().await;
        if let Some((known, at)) = &cache.metadata
            && now.since(*at) < OIDC_KEPT
        {
            return Ok(known.clone());
        }
        cache.may_ask(now)?;
        let asked = self.read_metadata().await;
        let metadata = Arc::new(cache.noted(asked, now)?);
        cache.metadata = Some((metadata.clone(), now));
        Ok(metadata)
    }

    async fn read_metadata(&self) -> Result<Metadata, Error> {
        let base = self.settings.issuer.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let url = Url::parse(&url).map_err(|e| Error::Down(e.to_string()))?;
        let read: Document = self.http.get(&url, None).await?;
        if read.issuer != self.settings.issuer {
            // Section 4.3: otherwise one provider could speak for another.
            let other: String = read.issuer.chars().take(255).collect();
            return Err(Error::Down(format!(
                "{url} is about another issuer: {other:?}"
            )));
        }
        let endpoint = |text: &str| {
            let parsed = Url::parse(text).ok();
            // Only a provider that has no https itself, on this machine, may do without.
            let is_safe = |to: &Url| {
                to.scheme() == "https" || [to, &url].iter().all(|u| u.scheme() == "http")
            };
            parsed.filter(is_safe).ok_or_else(|| {
                let text: String = text.chars().take(255).collect();
                Error::Down(format!(
                    "{url} names an endpoint that is not https: {text:?}"
                ))
            })
        };
        Ok(Metadata {
            authorization_endpoint: endpoint(&read.authorization_endpoint)?,
            token_endpoint: endpoint(&read.token_endpoint)?,
            jwks_uri: endpoint(&read.jwks_uri)?,
            userinfo_endpoint: read
                .userinfo_endpoint
                .as_deref()
                .map(endpoint)
                .transpose()?,
            client_proofs: read.token_endpoint_auth_methods_supported,
        })
    }

    /// The key that a token names, or the only one that fits. A name that is not known may be that of a new key, so that the keys are
    /// read again, if they were not a moment ago.
    pub(super) async fn key(
        &self,
        metadata: &Metadata,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: Micros,
    ) -> Result<Jwk, Error> {
        let mut cache = self.cache.lock().await;
        let age = cache.keys_at.map(|at| now.since(at));
        if age.is_some_and(|age| age < OIDC_KEPT)
            && let Some(key) = id_token::choose(&cache.keys, kid, algorithm)
        {
            return Ok(key.clone());
        }
        if age.is_none_or(|age| age >= OIDC_PAUSE) {
            cache.may_ask(now)?;
            let asked = self.http.get::<KeySet>(&metadata.jwks_uri, None).await;
            let set = cache.noted(asked, now)?;
            // A key of a kind that this server does not know is left out, as RFC 7517 asks for.
            let keys = set.keys.into_iter().take(OIDC_KEYS);
            cache.keys = keys
                .filter_map(|k| serde_json::from_value(k).ok())
                .collect();
            cache.keys_at = Some(now);
        }
        let found = id_token::choose(&cache.keys, kid, algorithm).cloned();
        found.ok_or_else(|| {
            let text = "the ID token is signed with a key that the provider does not publish";
            Error::Untrusted(text.into())
        })
    }
}
