//! OpenID Connect: asks a provider that the operator has configured who somebody is (Core 1.0, the authorization code flow with
//! PKCE, RFC 7636; Discovery 1.0). It knows the protocol alone. What an answer means for accounts is decided in `domain::accounts`.
//!
//! Everything that a provider sends is read as that of a stranger: within a time, up to a size, without following redirects. The
//! addresses are the operator's choice, so that a provider in a private network is allowed, unlike a webhook there.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod discovery;
mod exchange;
mod http;
mod id_token;
mod settings;

use crate::access::random;
use crate::clock::Micros;
use crate::limits::OIDC_CALLS;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use discovery::Cache;
use reqwest::Url;
pub use settings::{CreateAccounts, Settings};
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};

/// Why a provider did not say who somebody is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be reached, is too slow, or answers something that is not the protocol.
    #[error("{0}")]
    Down(String),
    /// It refuses the code: one that was used, is over, or belongs to another request.
    #[error("the provider refuses the code: {0}")]
    Refused(String),
    /// What it says of the person does not check out.
    #[error("{0}")]
    Untrusted(String),
    /// This server asks as many questions at once as it may.
    #[error("too many sign-ins are under way")]
    Busy,
}

/// What a provider says of somebody, after everything about it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Who it is, for ever, at this issuer.
    pub subject: String,
    /// The email address, if the provider says one.
    pub email: Option<String>,
    /// Whether the provider has verified that the address belongs to the person.
    pub email_verified: bool,
    /// The full name, if the provider says one.
    pub name: Option<String>,
    /// Whether the provider asked for a second factor, by the rule of its settings.
    pub second_factor: bool,
}

/// The secrets of one sign-in. The browser keeps them sealed; the provider sees the first two and a hash of the third.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Comes back with the callback, and binds it to the browser that began.
    pub state: String,
    /// Comes back in the ID token, and binds it to this sign-in.
    pub nonce: String,
    /// Shows the provider that the code is redeemed by who asked for it.
    pub verifier: String,
}

impl Request {
    /// New random ones.
    pub fn new() -> Self {
        let text = || URL_SAFE_NO_PAD.encode(random::<32>());
        Self {
            state: text(),
            nonce: text(),
            verifier: text(),
        }
    }
}

impl Default for Request {
    fn default() -> Self {
        Self::new()
    }
}

/// The configured providers.
#[derive(Clone, Default)]
pub struct Providers(Arc<[Provider]>);

impl Providers {
    /// Prepares to ask these providers. None is asked yet: a server starts when its provider is down.
    ///
    /// # Errors
    /// The client for HTTP cannot be made.
    pub fn new(all: &[Settings]) -> Result<Self, Error> {
        if all.is_empty() {
            return Ok(Self::default());
        }
        let http = http::Http::new()?;
        let provider = |settings: &Settings| Provider {
            settings: settings.clone(),
            http: http.clone(),
            cache: Mutex::default(),
            places: Semaphore::new(OIDC_CALLS),
        };
        Ok(Self(all.iter().map(provider).collect()))
    }

    /// The provider with this name.
    pub fn find(&self, name: &str) -> Option<&Provider> {
        self.0.iter().find(|p| p.settings.name == name)
    }

    /// The provider with this issuer.
    pub fn of_issuer(&self, issuer: &str) -> Option<&Provider> {
        self.0.iter().find(|p| p.settings.issuer == issuer)
    }

    /// All of them, in the order of the settings.
    pub fn all(&self) -> impl Iterator<Item = &Settings> {
        self.0.iter().map(|p| &p.settings)
    }
}

/// A provider and what is known of it.
pub struct Provider {
    /// What the operator says of it.
    pub settings: Settings,
    http: http::Http,
    /// Held while the provider is asked, so that many sign-ins ask it once.
    cache: Mutex<Cache>,
    /// Bounds the requests that wait for the provider.
    places: Semaphore,
}

impl Provider {
    /// The address at the provider that the browser is sent to.
    ///
    /// # Errors
    /// [`Error::Down`] or [`Error::Busy`].
    pub async fn authorize(
        &self,
        request: &Request,
        redirect_uri: &str,
        now: Micros,
    ) -> Result<Url, Error> {
        let _place = self.places.try_acquire().map_err(|_| Error::Busy)?;
        let metadata = self.metadata(now).await?;
        let mut url = metadata.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", &self.settings.scopes.join(" "))
            .append_pair("state", &request.state)
            .append_pair("nonce", &request.nonce)
            .append_pair("code_challenge", &exchange::challenge(&request.verifier))
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }
}
