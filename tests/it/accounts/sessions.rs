//! Browsers that are logged in: what their cookie may do, from where, and how a session ends.

use crate::support::api::Answer;
use crate::support::{Api, Server};
use futures_util::StreamExt as _;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

crate::both_engines! {
    a_page_of_this_server_may_read_and_change
    nothing_else_may_use_the_cookie
    a_session_that_is_not_used_ends_and_a_remembered_one_lasts
    people_see_and_end_their_sessions
    what_is_open_ends_with_its_session
    a_login_ends_the_session_before_and_comes_from_no_other_page
}

crate::behind_proxy! {
    &[];
    a_page_of_this_server_may_read_and_change
    people_see_and_end_their_sessions
    what_is_open_ends_with_its_session
}

const HOUR: Duration = Duration::from_secs(3_600);

/// A browser with a page of this server.
struct Browser {
    api: Api,
    cookie: String,
    csrf: String,
}

fn login(server: &Server, remember: bool) -> RequestBuilder {
    let form = json!({
        "email": server.login("email"), "password": server.login("password"), "remember": remember,
    });
    let request = server
        .api()
        .anonymous()
        .raw(Method::POST, "/api/session")
        .header("user-agent", "Firefox on the wall");
    request.json(&form)
}

impl Browser {
    fn of(server: &Server, answer: &Answer) -> Self {
        let data = answer.data();
        let cookie = answer.header("set-cookie").split(';').next().unwrap();
        Self {
            api: server.api().anonymous(),
            cookie: cookie.to_owned(),
            csrf: data["csrf"].as_str().unwrap().to_owned(),
        }
    }

    async fn new(server: &Server, remember: bool) -> Self {
        let answer = Api::answer(login(server, remember)).await;
        Self::of(server, &answer)
    }

    /// A request with the cookie alone.
    fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.api.raw(method, path);
        request.header("cookie", format!("theme=dark; {}", self.cookie))
    }

    /// A request as a page sends it.
    async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = self.bare(method, path).header("x-csrf-token", &self.csrf);
        let request = request.header("sec-fetch-site", "same-origin");
        Api::answer(request.json(&body)).await
    }

    async fn get(&self, path: &str) -> Answer {
        Api::answer(
            self.bare(Method::GET, path)
                .header("sec-fetch-site", "same-origin"),
        )
        .await
    }
}

async fn status(request: RequestBuilder) -> u16 {
    Api::answer(request).await.status
}

async fn a_page_of_this_server_may_read_and_change(server: Server) {
    let answer = Api::answer(login(&server, false)).await;
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.starts_with("nc=nhu_") && cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/"),
        "{cookie}"
    );
    let browser = Browser::of(&server, &answer);
    let shown = browser.get("/api/session").await.data();
    assert_eq!(shown, answer.data());
    assert_eq!(
        shown,
        json!({
            "user": {"name": "jane", "password": true, "email": "jane@acme.org"},
            "orgs": [{"name": "acme", "role": "admin"}], "csrf": browser.csrf,
        })
    );
    let form = json!({"identifier": "d"});
    let made = browser
        .send(Method::POST, &Api::product("/devices"), form)
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let of = async |api: &Api| api.get("/api/session").await.data()["csrf"].clone();
    assert_eq!(of(&server.api()).await, Value::Null, "a token needs none");
    // Where the browser does not say where a request comes from, its Origin does.
    let host = format!("http://{}", server.web);
    let older = browser
        .bare(Method::DELETE, &Api::product("/devices/d"))
        .header("x-csrf-token", &browser.csrf)
        .header("origin", host);
    assert_eq!(status(older).await, 204);
    let remembered = Api::answer(login(&server, true)).await;
    let cookie = remembered.header("set-cookie");
    assert!(cookie.ends_with("; Max-Age=5184000"), "{cookie}");
}

async fn nothing_else_may_use_the_cookie(server: Server) {
    let browser = Browser::new(&server, false).await;
    let other = Browser::new(&server, false).await;
    let path = Api::product("/devices");
    let post = |csrf: Option<&str>, headers: &[(&str, &str)]| {
        let mut request = browser.bare(Method::POST, &path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(csrf) = csrf {
            request = request.header("x-csrf-token", csrf);
        }
        request.json(&json!({"identifier": "d"}))
    };
    let own = ("sec-fetch-site", "same-origin");
    let right = Some(&*browser.csrf);
    for (what, request) in [
        ("no proof", post(None, &[own])),
        ("another session's", post(Some(&other.csrf), &[own])),
        ("an empty one", post(Some(""), &[own])),
        ("no word of where from", post(right, &[])),
        ("typed", post(right, &[("sec-fetch-site", "none")])),
        ("a sibling", post(right, &[("sec-fetch-site", "same-site")])),
        (
            "elsewhere",
            post(right, &[("origin", "http://evil.example")]),
        ),
        (
            "read from elsewhere",
            browser
                .bare(Method::GET, &path)
                .header("sec-fetch-site", "cross-site"),
        ),
    ] {
        let refused = Api::answer(request).await;
        let text = refused.json()["errors"]["detail"].to_string();
        assert!(
            refused.status == 401 && text.contains("X-CSRF-Token"),
            "{what}: {text}"
        );
    }
    let typed = browser
        .bare(Method::GET, &path)
        .header("sec-fetch-site", "none");
    assert_eq!(status(typed).await, 200);
    // A cookie is no token, a token no cookie, and a header goes before a cookie.
    let text = browser.cookie.split_once('=').unwrap().1;
    let as_token = server.api().with_token(text);
    assert_eq!(as_token.get("/api/users/me").await.status, 401);
    let as_cookie = browser.api.raw(Method::GET, "/api/users/me");
    let as_cookie = as_cookie.header("cookie", format!("nc={}", server.login("token")));
    assert_eq!(status(as_cookie).await, 401);
    let both = browser.bare(Method::GET, "/api/users/me");
    assert_eq!(
        status(both.header("authorization", "token nhu_x")).await,
        401
    );
}

async fn a_session_that_is_not_used_ends_and_a_remembered_one_lasts(server: Server) {
    let browser = Browser::new(&server, false).await;
    let kept = Browser::new(&server, true).await;
    for _ in 0..3 {
        server.advance(11 * HOUR);
        assert_eq!(browser.get("/api/users/me").await.status, 200);
        // Uses are written every other second.
        server.advance(Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.advance(13 * HOUR);
    assert_eq!(browser.get("/api/users/me").await.status, 401);
    assert_eq!(kept.get("/api/users/me").await.status, 200);
    server.advance(57 * 24 * HOUR);
    assert_eq!(kept.get("/api/users/me").await.status, 200);
    server.advance(3 * 24 * HOUR);
    assert_eq!(kept.get("/api/users/me").await.status, 401);
    // Both are gone for good soon after.
    server.until("SELECT COUNT(*) FROM sessions", 0).await;
}

async fn people_see_and_end_their_sessions(server: Server) {
    let browser = Browser::new(&server, false).await;
    let second = Browser::new(&server, true).await;
    let third = Browser::new(&server, true).await;
    let path = "/api/users/me/sessions";
    let all = browser.get(path).await.data();
    assert_eq!(all.as_array().unwrap().len(), 3, "{all}");
    let current: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["current"] == true)
        .collect();
    assert_eq!(current.len(), 1);
    assert_eq!(
        (
            &current[0]["agent"],
            &current[0]["address"],
            &current[0]["remembered"]
        ),
        (
            &json!("Firefox on the wall"),
            &json!("127.0.0.1"),
            &json!(false)
        )
    );
    // They are no tokens.
    let tokens = server.api().get("/api/users/me/tokens").await.data();
    assert!(!tokens.to_string().contains("browser"), "{tokens}");
    let own = second.get(path).await.data();
    let own = own
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["current"] == true)
        .unwrap()["id"]
        .clone();
    let gone = browser
        .send(Method::DELETE, &format!("{path}/{own}"), json!({}))
        .await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert_eq!(second.get("/api/users/me").await.status, 401);
    let again = browser
        .send(Method::DELETE, &format!("{path}/{own}"), json!({}))
        .await;
    assert_eq!(again.status, 404);
    // A token is not a session that could be ended so.
    let token = tokens[0]["id"].clone();
    let wrong = browser
        .send(Method::DELETE, &format!("{path}/{token}"), json!({}))
        .await;
    assert_eq!(wrong.status, 404);
    let ended = browser.send(Method::DELETE, path, json!({})).await.data();
    assert_eq!(ended["ended"], 1);
    assert_eq!(third.get("/api/users/me").await.status, 401);
    assert_eq!(browser.get("/api/users/me").await.status, 200);
    assert_eq!(
        server.api().get("/api/users/me").await.status,
        200,
        "tokens stay"
    );
    for entry in ["logged in with a browser", "ended 1 other session"] {
        assert!(server.audited(entry).await > 0, "{entry}");
    }
    // A new password ends all others.
    let fourth = Browser::new(&server, true).await;
    let change = json!({"current_password": server.login("password"), "new_password": "correct horse battery"});
    let changed = browser
        .send(Method::PUT, "/api/users/me/password", change)
        .await;
    assert_eq!(changed.status, 204, "{}", changed.text);
    assert_eq!(fourth.get("/api/users/me").await.status, 401);
    let out = browser
        .send(Method::DELETE, "/api/session", json!({}))
        .await;
    assert!(
        out.header("set-cookie").contains("Max-Age=0"),
        "{}",
        out.header("set-cookie")
    );
    assert_eq!(browser.get("/api/users/me").await.status, 401);
}

/// Opens the socket of events with these headers; the status when it is refused.
async fn socket(
    server: &Server,
    headers: &[(&'static str, &str)],
) -> Result<tokio_tungstenite::WebSocketStream<TcpStream>, u16> {
    let url = format!("ws://{}/events-socket/websocket?vsn=2.0.0", server.web);
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let tcp = TcpStream::connect(&server.web).await.unwrap();
    match tokio_tungstenite::client_async(request, tcp).await {
        Ok((socket, _)) => Ok(socket),
        Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(e) => panic!("{e}"),
    }
}

async fn what_is_open_ends_with_its_session(server: Server) {
    let browser = Browser::new(&server, false).await;
    let path = Api::product("/events");
    let stream = browser
        .bare(Method::GET, &path)
        .header("sec-fetch-site", "same-origin");
    let mut stream = stream.send().await.unwrap();
    assert_eq!(stream.status(), 200);
    assert!(stream.chunk().await.unwrap().is_some());
    let origin = format!("http://{}", server.web);
    let cookie = ("cookie", browser.cookie.as_str());
    let refused = socket(&server, &[cookie]).await.err();
    assert_eq!(refused, Some(403), "who says nothing of where from");
    let refused = socket(&server, &[cookie, ("origin", "http://evil.example")]).await;
    assert_eq!(refused.err(), Some(403));
    let mut open = socket(&server, &[cookie, ("origin", &origin)])
        .await
        .unwrap();
    let out = browser
        .send(Method::DELETE, "/api/session", json!({}))
        .await;
    assert_eq!(out.status, 204);
    let ends = tokio::time::timeout(Duration::from_secs(10), async {
        while stream.chunk().await.unwrap().is_some() {}
        while let Some(Ok(message)) = open.next().await {
            if message.is_close() {
                break;
            }
        }
    });
    ends.await.expect("both end with the session");
}

async fn a_login_ends_the_session_before_and_comes_from_no_other_page(server: Server) {
    let before = Browser::new(&server, false).await;
    let again = login(&server, false).header("cookie", &before.cookie);
    let after = Browser::of(&server, &Api::answer(again).await);
    assert_eq!(before.get("/api/users/me").await.status, 401);
    assert_eq!(after.get("/api/users/me").await.status, 200);
    let elsewhere = login(&server, false).header("sec-fetch-site", "cross-site");
    assert_eq!(status(elsewhere).await, 401);
    let anonymous = server.api().anonymous();
    for form in [
        json!({"email": "jane@acme.org", "password": "wrong"}),
        json!({"email": "nobody@acme.org", "password": "wrong"}),
    ] {
        let refused = anonymous.post("/api/session", form).await;
        let text = refused.json()["errors"]["detail"].to_string();
        assert!(
            refused.status == 401 && text.contains("check your username"),
            "{text}"
        );
        assert_eq!(refused.header("set-cookie"), "");
    }
    server.run("UPDATE users SET confirmed = FALSE").await;
    let refused = Api::answer(login(&server, false)).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.errors()["email"]
            .to_string()
            .contains("never confirmed")
    );
}
