//! The web console as a browser is given it: pages under a strict policy, files by content, and nothing else.

use crate::support::postgres::skipped;
use crate::support::{Engine, Server};
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, IF_NONE_MATCH, ORIGIN};
use reqwest::{Client, Method, Response};

struct Browser {
    http: Client,
    base: String,
}

impl Browser {
    fn of(server: &Server) -> Self {
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let base = format!("http://{}", server.web);
        Self { http, base }
    }

    async fn ask(&self, method: Method, path: &str, headers: HeaderMap) -> Response {
        let request = self.http.request(method, format!("{}{path}", self.base));
        request.headers(headers).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, HeaderMap::new()).await
    }

    /// The page in full, or none of a server that was built without its console.
    async fn page(&self) -> Option<String> {
        let page = self.get("/").await;
        if page.status() == 404 {
            let text = page.text().await.unwrap();
            assert!(text.contains("built without its web console"), "{text}");
            skipped("the web console");
            return None;
        }
        Some(page.text().await.unwrap())
    }
}

fn text<'a>(answer: &'a Response, header: &str) -> &'a str {
    let value = answer.headers().get(header);
    value.map_or("", |v| v.to_str().unwrap())
}

fn coded(coding: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT_ENCODING, coding.parse().unwrap())])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_of_the_console_is_its_page_under_the_policy() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let browser = Browser::of(&server);
    let Some(page) = browser.page().await else {
        return;
    };
    assert!(page.contains("<div id=\"root\">"), "{page}");
    assert!(
        !page.contains("<style") && !page.contains("<script>"),
        "{page}"
    );
    for path in [
        "/",
        "/login?next=%2Fo%2Facme",
        "/o/acme/p/thermostat/devices?q=version%20%3D%201.0.0",
        "/account/security",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let policy = text(&answer, "content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(text(&answer, "x-content-type-options"), "nosniff");
        assert_eq!(text(&answer, "x-frame-options"), "DENY");
        assert_eq!(text(&answer, "cache-control"), "no-cache");
        assert_eq!(text(&answer, "content-type"), "text/html; charset=utf-8");
        assert_eq!(answer.text().await.unwrap(), page, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_kept_by_their_content_and_the_page_by_its_version() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let browser = Browser::of(&server);
    let Some(page) = browser.page().await else {
        return;
    };
    let start = page.find("/assets/").unwrap();
    let script = &page[start..start + page[start..].find('"').unwrap()];
    let plain = browser.get(script).await;
    assert_eq!(
        text(&plain, "content-type"),
        "text/javascript; charset=utf-8"
    );
    assert!(text(&plain, "cache-control").contains("immutable"));
    let plain = plain.bytes().await.unwrap();
    for coding in ["br", "gzip"] {
        let answer = browser.ask(Method::GET, script, coded(coding)).await;
        assert_eq!(text(&answer, "content-encoding"), coding);
        assert_eq!(text(&answer, "vary"), "accept-encoding");
        let small = answer.bytes().await.unwrap();
        assert!(small.len() * 2 < plain.len(), "{coding}: {}", small.len());
    }
    let refused = browser.ask(Method::GET, script, coded("br;q=0")).await;
    assert_eq!(text(&refused, "content-encoding"), "");
    let head = browser.ask(Method::HEAD, script, HeaderMap::new()).await;
    assert!(head.status() == 200 && head.bytes().await.unwrap().is_empty());

    let answer = browser.get("/").await;
    let tag = text(&answer, "etag").to_owned();
    let known = HeaderMap::from_iter([(IF_NONE_MATCH, tag.parse().unwrap())]);
    let answer = browser.ask(Method::GET, "/o/acme", known).await;
    assert_eq!(answer.status(), 304);
    assert!(answer.bytes().await.unwrap().is_empty());
    let icon = browser.get("/favicon.svg").await;
    assert_eq!(text(&icon, "content-type"), "image/svg+xml");
    assert_ne!(text(&icon, "etag"), tag, "each file has its own version");
    let other = HeaderMap::from_iter([(IF_NONE_MATCH, "W/\"old\"".parse().unwrap())]);
    assert_eq!(browser.ask(Method::GET, "/", other).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_page_is_not_answered_with_one() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let browser = Browser::of(&server);
    for path in [
        "/assets/none.js",
        "/assets/../index.html.br",
        "/.env",
        "/wp-login.php",
        "/organization",
        "//evil.example/o",
        "/favicon.ico",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert!(!answer.text().await.unwrap().contains("<html"), "{path}");
    }
    let json = browser.get("/api/none").await;
    assert_eq!(json.status(), 404);
    assert!(text(&json, "content-type").starts_with("application/json"));
    let origin = HeaderMap::from_iter([(ORIGIN, "https://evil.example".parse().unwrap())]);
    let posted = browser.ask(Method::POST, "/o/acme", origin).await;
    assert_eq!(
        (posted.status().as_u16(), text(&posted, "allow")),
        (405, "GET, HEAD")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn links_into_the_original_lead_to_the_same_thing() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let browser = Browser::of(&server);
    for (old, new) in [
        (
            "/org/acme/thermostat/devices/sn%2F1",
            "/o/acme/p/thermostat/devices/sn%2F1",
        ),
        (
            "/org/acme/thermostat/deployment_groups/eu",
            "/o/acme/p/thermostat/groups/eu",
        ),
        ("/org/acme", "/o/acme"),
    ] {
        let answer = browser.get(old).await;
        assert_eq!(
            (answer.status().as_u16(), text(&answer, "location")),
            (302, new)
        );
    }
    // The address stays on this server whatever is in it.
    for path in ["/org//evil.example", "/org/\\evil.example"] {
        let answer = browser.get(path).await;
        let to = text(&answer, "location");
        assert!(to.is_empty() || to.starts_with("/o/"), "{path}: {to}");
    }
}
