//! Sign-in at OpenID Connect providers: who is let in as whom, and what no provider and no stranger gets by it.

mod accounts;
mod refusals;

use crate::support::api::Answer;
use crate::support::issuer::{CLIENT, Issuer, SECRET};
use crate::support::{Api, Engine, Server};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const IDENTITIES: &str = "/api/users/me/identities";

/// A server with this provider, and more flags.
async fn server(engine: Engine, issuer: &Issuer, flags: &[&str]) -> Option<Server> {
    let own = [
        "--web-url",
        "https://n.acme.org",
        "--oidc-name",
        "acme",
        "--oidc-label",
        "Acme SSO",
        "--oidc-issuer",
        &issuer.url,
        "--oidc-client-id",
        CLIENT,
        "--oidc-client-secret",
        SECRET,
    ];
    Server::with(engine, &[&own[..], flags].concat()).await
}

/// What the provider says of jane, who is the server's first user.
fn jane() -> Value {
    json!({"email": "jane@acme.org", "email_verified": true, "name": "Jane Doe"})
}

/// A browser, which keeps cookies and follows no redirect by itself.
struct Browser<'s> {
    server: &'s Server,
    cookies: BTreeMap<String, String>,
}

impl<'s> Browser<'s> {
    fn new(server: &'s Server) -> Self {
        Self {
            server,
            cookies: BTreeMap::new(),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.server.api().anonymous().raw(method, path);
        let all = self.cookies.iter();
        let all: Vec<_> = all.map(|(name, value)| format!("{name}={value}")).collect();
        request.header("cookie", all.join("; "))
    }

    async fn send(&mut self, request: RequestBuilder) -> Answer {
        let answer = Api::answer(request).await;
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (pair, attributes) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            for needed in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
                assert!(attributes.contains(needed), "{line}");
            }
            assert!(name.starts_with("__Host-"), "{line}");
            if value.is_empty() {
                assert!(attributes.contains("Max-Age=0"), "{line}");
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Goes to an address of the server, as a click on a page of it does. Where it leads.
    async fn goes(&mut self, path: &str) -> String {
        let request = self.request(Method::GET, path);
        let request = request.header("sec-fetch-site", "same-origin");
        let answer = self.send(request).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.text);
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.header("location").to_owned()
    }

    /// Comes back from the provider. Where it leads.
    async fn returns(&mut self, query: &str) -> String {
        let path = format!("/auth/oidc/acme/callback?{query}");
        let request = self.request(Method::GET, &path);
        let request = request.header("sec-fetch-site", "cross-site");
        let answer = self.send(request).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.text);
        answer.header("location").to_owned()
    }

    /// Begins a sign-in, and has the person sign in at the provider; the query of the callback.
    async fn begins(&mut self, issuer: &Issuer, query: &str) -> String {
        let address = self.goes(&format!("/auth/oidc/acme{query}")).await;
        issuer.signs_in(&address, self.server.now_ms())
    }

    /// A whole sign-in. Where it leads.
    async fn signs_in(&mut self, issuer: &Issuer, query: &str) -> String {
        let back = self.begins(issuer, query).await;
        self.returns(&back).await
    }

    /// Who is logged in.
    async fn session(&mut self) -> Answer {
        let request = self.request(Method::GET, "/api/session");
        self.send(request.header("sec-fetch-site", "same-origin"))
            .await
    }

    /// A change, as a page of the session sends it.
    async fn change(&mut self, method: Method, path: &str, body: Value) -> Answer {
        let csrf = self.session().await.data()["csrf"]
            .as_str()
            .unwrap()
            .to_owned();
        let request = self.request(method, path).header("x-csrf-token", csrf);
        let request = request.header("sec-fetch-site", "same-origin").json(&body);
        self.send(request).await
    }

    /// Logs in with a password.
    async fn logs_in(&mut self) {
        let form = json!({
            "email": self.server.login("email"), "password": self.server.login("password"),
        });
        let request = self.request(Method::POST, "/api/session").json(&form);
        self.send(request).await.data();
    }

    /// Links the provider, logged in. Where it leads.
    async fn links(&mut self, issuer: &Issuer, password: &str) -> String {
        let form = json!({"provider": "acme", "current_password": password});
        let begun = self.change(Method::POST, IDENTITIES, form).await.data();
        let back = issuer.signs_in(begun["url"].as_str().unwrap(), self.server.now_ms());
        self.returns(&back).await
    }
}

/// The word that a page is told.
fn error(location: &str) -> &str {
    let (_, rest) = location.split_once("error=").unwrap_or(("", location));
    rest.split('&').next().unwrap()
}
