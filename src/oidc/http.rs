//! Requests to a provider: within a time, up to a size, to the address that was named and no other.

use super::Error;
use crate::access::vault::Secret;
use crate::limits::{OIDC_ANSWER_BYTES, OIDC_CONNECT_TIME, OIDC_TIME};
use reqwest::{Client, RequestBuilder, StatusCode, Url, redirect};
use serde::de::DeserializeOwned;

/// The client; cheap to clone.
#[derive(Clone)]
pub(super) struct Http(Client);

/// An error with the causes that reqwest's own text leaves out.
fn reason(e: &reqwest::Error) -> String {
    let mut text = e.to_string();
    let mut next = std::error::Error::source(e);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn down(e: reqwest::Error) -> Error {
    Error::Down(reason(&e))
}

impl Http {
    /// A client that follows no redirect: the documents of a provider say where its endpoints are.
    pub fn new() -> Result<Self, Error> {
        let client = Client::builder()
            .timeout(OIDC_TIME)
            .connect_timeout(OIDC_CONNECT_TIME)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("Nervecenter/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self(client.map_err(down)?))
    }

    /// Sends a request and reads its answer, of which no more than the limit is kept.
    async fn answer(request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), Error> {
        let request = request.header("accept", "application/json");
        let mut answer = request.send().await.map_err(down)?;
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(down)? {
            if body.len() + piece.len() > OIDC_ANSWER_BYTES {
                let text = format!("its answer is longer than {OIDC_ANSWER_BYTES} bytes");
                return Err(Error::Down(text));
            }
            body.extend_from_slice(&piece);
        }
        Ok((answer.status(), body))
    }

    /// Reads a document, as a person where there is a token.
    pub async fn get<T: DeserializeOwned>(
        &self,
        url: &Url,
        token: Option<&Secret>,
    ) -> Result<T, Error> {
        let mut request = self.0.get(url.clone());
        if let Some(token) = token {
            request = request.bearer_auth(token.reveal());
        }
        let (status, body) = Self::answer(request).await?;
        if status != StatusCode::OK {
            return Err(Error::Down(format!("{url} answered with status {status}")));
        }
        let parsed = serde_json::from_slice(&body);
        parsed.map_err(|e| Error::Down(format!("{url} answered something else: {e}")))
    }

    /// Sends a form. The status of its answer, and the body.
    pub async fn post(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        authorization: Option<String>,
    ) -> Result<(StatusCode, Vec<u8>), Error> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let kind = "application/x-www-form-urlencoded";
        let mut request = self.0.post(url.clone()).header("content-type", kind);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        Self::answer(request.body(body)).await
    }
}
