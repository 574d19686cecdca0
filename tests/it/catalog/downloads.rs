//! Downloads by signed links (docs/protocol/device.md, "Downloads").

use crate::support::{Api, Engine, Server, fixtures};
use reqwest::{Client, Method, Response};

struct Link {
    http: Client,
    url: String,
    whole: Vec<u8>,
}

impl Link {
    async fn ask(&self, method: Method, range: Option<&str>) -> Response {
        let mut request = self.http.request(method, &self.url);
        if let Some(range) = range {
            request = request.header("range", range);
        }
        request.send().await.unwrap()
    }
}

async fn link(server: &Server) -> Link {
    let api = server.api();
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    let path = Api::product(&format!(
        "/firmwares/{}/download",
        firmware["uuid"].as_str().unwrap()
    ));
    let answer = api.get(&path).await;
    assert_eq!(answer.status, 302);
    let url = answer.header("location").to_owned();
    assert!(
        url.starts_with("http://127.0.0.1:"),
        "on the host that was asked: {url}"
    );
    Link {
        http: Client::new(),
        url,
        whole: fixtures::bytes("good/rpi4-1.0.0.fw"),
    }
}

fn header<'r>(r: &'r Response, name: &str) -> &'r str {
    r.headers().get(name).map_or("", |v| v.to_str().unwrap())
}

#[tokio::test]
async fn a_file_comes_whole_in_parts_and_by_its_head() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let link = link(&server).await;
    let size = link.whole.len();
    let all = link.ask(Method::GET, None).await;
    assert_eq!(all.status(), 200);
    let etag = header(&all, "etag").to_owned();
    assert!(etag.starts_with('"') && etag.len() == 66, "strong: {etag}");
    assert_eq!(header(&all, "content-length"), size.to_string());
    assert_eq!(header(&all, "accept-ranges"), "bytes");
    assert_eq!(all.bytes().await.unwrap(), link.whole);
    let head = link.ask(Method::HEAD, None).await;
    assert_eq!(
        (head.status().as_u16(), header(&head, "content-length")),
        (200, size.to_string().as_str())
    );
    assert_eq!(header(&head, "etag"), etag);
    // As the real downloader resumes: the end is one past the last byte.
    for (range, from, to) in [
        (format!("bytes=100-{size}"), 100, size),
        ("bytes=100-".into(), 100, size),
        ("bytes=0-0".into(), 0, 1),
        ("bytes=5-9".into(), 5, 10),
        ("bytes=-7".into(), size - 7, size),
    ] {
        let part = link.ask(Method::GET, Some(&range)).await;
        assert_eq!(part.status(), 206, "{range}");
        assert_eq!(
            header(&part, "content-range"),
            format!("bytes {from}-{}/{size}", to - 1)
        );
        assert_eq!(header(&part, "content-length"), (to - from).to_string());
        assert_eq!(header(&part, "etag"), etag);
        assert_eq!(part.bytes().await.unwrap(), link.whole[from..to], "{range}");
    }
    let head = link.ask(Method::HEAD, Some("bytes=100-")).await;
    assert_eq!(
        (head.status().as_u16(), header(&head, "content-length")),
        (206, (size - 100).to_string().as_str())
    );
    let other = link
        .http
        .get(&link.url)
        .header("range", "bytes=5-")
        .header("if-range", "\"x\"")
        .send()
        .await;
    assert_eq!(other.unwrap().status(), 200);
}

#[tokio::test]
async fn a_changed_or_missing_link_is_refused() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let link = link(&server).await;
    let (path, query) = link.url.split_once('?').unwrap();
    for bad in [
        path.to_owned(),
        format!("{path}?{}", query.replace("expires=", "expires=9")),
        format!("{}?{query}", path.replace("/firmware/1/", "/firmware/2/")),
        format!("{path}?{query}x"),
        path.replace("/download/", "/other/"),
    ] {
        let answer = link.http.get(&bad).send().await.unwrap();
        assert!(
            matches!(answer.status().as_u16(), 403 | 404),
            "{bad}: {}",
            answer.status()
        );
    }
}

#[tokio::test]
async fn a_hundred_downloads_at_once_are_all_served() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let link = link(&server).await;
    let all = (0..100).map(|_| link.ask(Method::GET, None));
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.bytes().await.unwrap(), link.whole);
    }
}
