//! A small OpenID Connect provider on a real socket, which can be told to lie. A real one signs people in in
//! `src/console/web/e2e/oidc.e2e.ts`; this one sends what no real one would.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{digest, hmac};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const CLIENT: &str = "nervecenter";
/// With letters that have to be encoded.
pub const SECRET: &str = "s:cr&t+%";

/// What is wrong with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It never answers.
    Silent,
    /// It answers more than anybody wants to read.
    Huge,
    /// It leads to itself.
    Redirect,
    /// It fails.
    Status,
    /// It answers with a page.
    Page,
}

/// How an ID token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    Es256,
    Rs256,
    /// No signature at all.
    None,
    /// With the public key as a shared secret.
    HmacOfPublicKey,
    /// With a key that is not published, under the name of the one that is.
    OtherKey,
    /// With the right key, and then changed.
    Changed,
}

/// What a code stands for.
struct Asked {
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

struct Inner {
    /// Claims in place of the right ones; null removes one.
    claims: Value,
    /// Claims that the userinfo endpoint says.
    userinfo: Value,
    signature: Signature,
    kid: Option<&'static str>,
    faults: HashMap<&'static str, Fault>,
    codes: HashMap<String, Asked>,
    /// The time by the server's clock, in seconds.
    now: i64,
    /// Requests by path.
    asked: Vec<String>,
    /// The issuer that the document names, in place of the own.
    named: Option<String>,
}

struct Keys {
    ec: EcdsaKeyPair,
    other: EcdsaKeyPair,
    rsa: RsaKeyPair,
}

/// The provider; it lives as long as the test.
#[derive(Clone)]
pub struct Issuer {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
    keys: Arc<Keys>,
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn ec() -> EcdsaKeyPair {
    let key = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.serialized_der()).unwrap()
}

impl Issuer {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rsa = rcgen::KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let keys = Keys {
            ec: ec(),
            other: ec(),
            rsa: RsaKeyPair::from_pkcs8(rsa.serialized_der()).unwrap(),
        };
        let inner = Inner {
            claims: json!({}),
            userinfo: json!({"sub": "7"}),
            signature: Signature::Es256,
            kid: Some("ec"),
            faults: HashMap::new(),
            codes: HashMap::new(),
            now: 0,
            asked: Vec::new(),
            named: None,
        };
        let issuer = Self {
            url: format!("http://{}/realm", listener.local_addr().unwrap()),
            inner: Arc::new(Mutex::new(inner)),
            keys: Arc::new(keys),
        };
        let routes = Router::new().fallback(answer).with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        issuer
    }

    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.lock().unwrap())
    }

    /// Says this of whoever signs in from now on, beside or in place of the right claims.
    pub fn says(&self, claims: Value) {
        self.with(|i| i.claims = claims);
    }

    /// Says this at the userinfo endpoint.
    pub fn says_apart(&self, claims: Value) {
        self.with(|i| i.userinfo = claims);
    }

    /// Signs in this way from now on, naming this key.
    pub fn signs(&self, signature: Signature, kid: Option<&'static str>) {
        self.with(|i| (i.signature, i.kid) = (signature, kid));
    }

    /// Has a fault at this endpoint, or none.
    pub fn fails(&self, path: &'static str, fault: Option<Fault>) {
        self.with(|i| match fault {
            Some(fault) => i.faults.insert(path, fault),
            None => i.faults.remove(path),
        });
    }

    /// Says in its document that it is another issuer.
    pub fn poses_as(&self, issuer: Option<&str>) {
        self.with(|i| i.named = issuer.map(str::to_owned));
    }

    /// How often an endpoint was asked.
    pub fn asked(&self, path: &str) -> usize {
        self.with(|i| i.asked.iter().filter(|p| p.ends_with(path)).count())
    }

    /// Somebody signs in at the address that a browser was sent to; the query of the callback.
    pub fn signs_in(&self, address: &str, now_ms: i64) -> String {
        let url = reqwest::Url::parse(address).unwrap();
        assert!(address.starts_with(&self.url), "{address}");
        let query: HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["client_id"], CLIENT);
        assert_eq!(query["code_challenge_method"], "S256");
        assert!(query["scope"].split(' ').any(|s| s == "openid"));
        let asked = Asked {
            nonce: query["nonce"].clone(),
            challenge: query["code_challenge"].clone(),
            redirect_uri: query["redirect_uri"].clone(),
        };
        let code = format!("code-{}", query["state"]);
        self.with(|i| {
            i.now = now_ms / 1_000;
            i.codes.insert(code.clone(), asked);
        });
        format!("code={code}&state={}", query["state"])
    }

    fn document(&self) -> Value {
        let at = |path: &str| format!("{}/{path}", self.url);
        let named = self.with(|i| i.named.clone());
        json!({
            "issuer": named.unwrap_or_else(|| self.url.clone()),
            "authorization_endpoint": at("authorize"), "token_endpoint": at("token"),
            "jwks_uri": at("jwks"), "userinfo_endpoint": at("userinfo"),
        })
    }

    /// Beside the keys one of a kind that nobody knows, which is to be left out.
    fn key_set(&self) -> Value {
        let point = self.keys.ec.public_key().as_ref();
        let rsa = self.keys.rsa.public_key();
        let number = |n: aws_lc_rs::rsa::PublicKey,
                      which: fn(&aws_lc_rs::rsa::PublicKey) -> Vec<u8>| {
            encoded(which(&n))
        };
        json!({"keys": [
            {"kty": "AKP", "kid": "new", "alg": "ML-DSA-44", "pub": "AAAA"},
            {"kty": "EC", "kid": "ec", "use": "sig", "crv": "P-256",
             "x": encoded(&point[1..33]), "y": encoded(&point[33..])},
            {"kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256",
             "n": number(rsa.clone(), |k| k.modulus().big_endian_without_leading_zero().to_vec()),
             "e": number(rsa.clone(), |k| k.exponent().big_endian_without_leading_zero().to_vec())},
        ]})
    }

    fn token(&self, nonce: &str) -> String {
        let (claims, signature, kid, now) =
            self.with(|i| (i.claims.clone(), i.signature, i.kid, i.now));
        let mut all = json!({
            "iss": self.url, "aud": CLIENT, "sub": "7", "nonce": nonce, "iat": now, "exp": now + 300,
        });
        for (key, value) in claims.as_object().unwrap() {
            match value {
                Value::Null => all.as_object_mut().unwrap().remove(key),
                value => all
                    .as_object_mut()
                    .unwrap()
                    .insert(key.clone(), value.clone()),
            };
        }
        let alg = match signature {
            Signature::Rs256 => "RS256",
            Signature::None => "none",
            Signature::HmacOfPublicKey => "HS256",
            _ => "ES256",
        };
        let mut head = json!({"alg": alg, "typ": "JWT"});
        if let Some(kid) = kid {
            head["kid"] = kid.into();
        }
        let message = format!("{}.{}", encoded(head.to_string()), encoded(all.to_string()));
        let bytes = message.as_bytes();
        let random = SystemRandom::new();
        let signed: Vec<u8> = match signature {
            Signature::Es256 | Signature::Changed => {
                self.keys.ec.sign(&random, bytes).unwrap().as_ref().to_vec()
            }
            Signature::OtherKey => {
                let signed = self.keys.other.sign(&random, bytes).unwrap();
                signed.as_ref().to_vec()
            }
            Signature::Rs256 => {
                let mut signed = vec![0; self.keys.rsa.public_modulus_len()];
                let rsa = &self.keys.rsa;
                rsa.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signed)
                    .unwrap();
                signed
            }
            Signature::None => Vec::new(),
            Signature::HmacOfPublicKey => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.keys.ec.public_key().as_ref());
                hmac::sign(&key, bytes).as_ref().to_vec()
            }
        };
        if signature == Signature::Changed {
            all["sub"] = "8".into();
            let changed = encoded(all.to_string());
            return format!(
                "{}.{changed}.{}",
                encoded(head.to_string()),
                encoded(signed)
            );
        }
        format!("{message}.{}", encoded(signed))
    }

    /// The token endpoint, which believes nobody.
    fn redeem(&self, headers: &HeaderMap, body: &str) -> Response {
        let refused = |error: &str| {
            let body = json!({"error": error, "error_description": "no"}).to_string();
            (StatusCode::BAD_REQUEST, body).into_response()
        };
        let part =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let own = STANDARD.encode(format!("{}:{}", part(CLIENT), part(SECRET)));
        if headers.get(header::AUTHORIZATION).unwrap() != &format!("Basic {own}") {
            return refused("invalid_client");
        }
        let form: HashMap<_, _> = form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect();
        assert_eq!(form["grant_type"], "authorization_code");
        let Some(asked) = self.with(|i| i.codes.remove(&form["code"])) else {
            return refused("invalid_grant");
        };
        let hash = digest::digest(&digest::SHA256, form["code_verifier"].as_bytes());
        if encoded(hash) != asked.challenge || form["redirect_uri"] != asked.redirect_uri {
            return refused("invalid_grant");
        }
        let tokens = json!({
            "id_token": self.token(&asked.nonce), "access_token": "at-1", "token_type": "Bearer",
        });
        tokens.to_string().into_response()
    }
}

async fn answer(
    State(issuer): State<Issuer>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let path = uri.path().rsplit('/').next().unwrap().to_owned();
    let fault = issuer.with(|i| {
        i.asked.push(path.clone());
        i.faults.get(path.as_str()).copied()
    });
    match fault {
        Some(Fault::Silent) => tokio::time::sleep(Duration::from_secs(3_600)).await,
        Some(Fault::Huge) => return vec![b' '; 8 << 20].into_response(),
        Some(Fault::Redirect) => {
            return (StatusCode::FOUND, [(header::LOCATION, uri.to_string())]).into_response();
        }
        Some(Fault::Status) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Fault::Page) => return "<!doctype html><title>Log in</title>".into_response(),
        None => {}
    }
    match path.as_str() {
        "openid-configuration" => issuer.document().to_string().into_response(),
        "jwks" => issuer.key_set().to_string().into_response(),
        "token" => issuer.redeem(&headers, &body),
        "userinfo" => {
            assert_eq!(headers[header::AUTHORIZATION], "Bearer at-1");
            issuer.with(|i| i.userinfo.to_string()).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
