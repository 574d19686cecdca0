//! A person's or script's client.

use super::{contract, fixtures};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The data of a success.
    #[track_caller]
    pub fn data(&self) -> Value {
        assert!(
            (200..300).contains(&self.status),
            "{}: {}",
            self.status,
            self.text
        );
        self.json()["data"].clone()
    }

    /// The messages of a refusal by field, without the sentence beside them, which must be there.
    #[track_caller]
    pub fn errors(&self) -> Value {
        let mut errors = self.json()["errors"].clone();
        let map = errors
            .as_object_mut()
            .unwrap_or_else(|| panic!("{}", self.text));
        let detail = map.get("detail").and_then(Value::as_str);
        assert!(detail.is_some_and(|d| !d.is_empty()), "{}", self.text);
        if map.len() > 1 {
            map.remove("detail");
        }
        errors
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

impl Api {
    pub fn new(web: &str, token: &str) -> Self {
        Self {
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            base: format!("http://{web}"),
            token: Some(token.to_owned()),
        }
    }

    pub fn anonymous(&self) -> Self {
        Self {
            token: None,
            ..self.clone()
        }
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            // As `nh` sends it.
            Some(token) => request.header("authorization", format!("token {token}")),
            None => request,
        }
    }

    /// Sends it; the answer is held against the server's OpenAPI document.
    pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
        let (http, request) = request.build_split();
        let request = request.unwrap();
        let (method, url) = (request.method().clone(), request.url().clone());
        let r = http.execute(request).await.unwrap();
        let (status, headers) = (r.status().as_u16(), r.headers().clone());
        let answer = Answer {
            status,
            headers,
            text: r.text().await.unwrap(),
        };
        contract::hold(&http, &method, &url, &answer).await;
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        Self::answer(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Self::answer(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Self::answer(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        Self::answer(self.request(Method::PUT, path).json(&body)).await
    }

    pub fn raw(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.request(method, path)
    }

    /// The path of the fixtures' product.
    pub fn product(rest: &str) -> String {
        format!("/api/orgs/acme/products/{}{rest}", fixtures::PRODUCT)
    }

    pub async fn register_key(&self) {
        let key = fixtures::text("keys/devkey.pub");
        let answer = self
            .post("/api/orgs/acme/keys", json!({"name": "devkey", "key": key}))
            .await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }

    /// Uploads an archive; its data.
    pub async fn archive(&self, bytes: Vec<u8>) -> Answer {
        let part = reqwest::multipart::Part::bytes(bytes).file_name("a.fw");
        let form = reqwest::multipart::Form::new().part("archive", part);
        let path = Self::product("/archives");
        Self::answer(self.request(Method::POST, &path).multipart(form)).await
    }

    /// Uploads as `nh` does: chunked, a part without a content type, and a `ttl` field.
    pub async fn upload_bytes(&self, bytes: Vec<u8>) -> Answer {
        self.upload_to(&Self::product("/firmwares"), bytes).await
    }

    /// The same to another product's list.
    pub async fn upload_to(&self, path: &str, bytes: Vec<u8>) -> Answer {
        let chunks: Vec<Result<Vec<u8>, std::io::Error>> =
            bytes.chunks(4_096).map(|c| Ok(c.to_vec())).collect();
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
        let part = reqwest::multipart::Part::stream(body).file_name("thermo.fw");
        let form = reqwest::multipart::Form::new()
            .part("firmware", part)
            .text("ttl", "3600");
        Self::answer(self.request(Method::POST, path).multipart(form)).await
    }

    pub async fn upload(&self, fixture: &str) -> Value {
        let answer = self.upload_bytes(fixtures::bytes(fixture)).await;
        assert_eq!(
            answer.status,
            u16::from(StatusCode::CREATED),
            "{fixture}: {}",
            answer.text
        );
        answer.data()
    }

    /// A group on this firmware, switched on with these settings.
    pub async fn group(&self, name: &str, uuid: &str, settings: Value) {
        let body =
            json!({"name": name, "firmware": uuid, "conditions": {"version": "", "tags": []}});
        let answer = self.post(&Self::product("/deployments"), body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let mut settings = settings;
        settings["is_active"] = json!(true);
        let path = Self::product(&format!("/deployments/{name}"));
        let answer = self.put(&path, json!({"deployment": settings})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Registers the key, uploads both versions of a fixture, and makes an active group with these settings on the first.
    pub async fn two_versions(&self, group: &str, settings: Value) -> (Value, Value) {
        self.register_key().await;
        let old = self.upload("good/rpi4-1.0.0.fw").await;
        let new = self.upload("good/rpi4-1.1.0.fw").await;
        self.group(group, old["uuid"].as_str().unwrap(), settings)
            .await;
        (old, new)
    }

    pub async fn release(&self, name: &str, uuid: &str) {
        let path = Self::product(&format!("/deployments/{name}"));
        let answer = self
            .put(&path, json!({"deployment": {"firmware": uuid}}))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}
