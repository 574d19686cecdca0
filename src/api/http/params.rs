//! Parameters of a request: query and body in one map, as the original merges them (docs/protocol/rest.md, "Transport").

use super::body::BodyCheck;
use super::error::Error;
use super::extract::asks_anyone;
use crate::app::App;
use crate::clock::Micros;
use crate::domain::error::{INVALID, field};
use crate::domain::{self, DomainError};
use crate::limits::{ANONYMOUS_BODY_TIME, ANONYMOUS_BYTES, BODY_TIME, JSON_BYTES};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde_json::{Map, Value};
use std::time::Duration;

/// The map. A body overrides the query.
pub struct Params(pub Map<String, Value>);

impl FromRequest<App> for Params {
    type Rejection = Error;

    async fn from_request(request: Request, _: &App) -> Result<Self, Error> {
        let (head, body) = request.into_parts();
        let mut map = Map::new();
        read_form(head.uri.query().unwrap_or_default().as_bytes(), &mut map);
        let kind = head
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("");
        let (most, time) = if asks_anyone(&head) {
            (ANONYMOUS_BYTES, ANONYMOUS_BODY_TIME)
        } else {
            (JSON_BYTES, BODY_TIME)
        };
        let takes = head
            .extensions
            .get::<BodyCheck>()
            .cloned()
            .unwrap_or_default();
        let bytes = whole_body(body, most, time).await?;
        let own = if bytes.is_empty() {
            Map::new()
        } else {
            read_body(kind, &bytes)?
        };
        let names: Vec<String> = own.keys().cloned().collect();
        map.extend(own);
        if map.values().any(has_nul) {
            return Err(DomainError::Bad("a value holds a zero byte".into()).into());
        }
        takes.check(&map, &names)?;
        Ok(Self(map))
    }
}

/// The fields of a body; none of one that is of another kind.
fn read_body(kind: &str, bytes: &[u8]) -> Result<Map<String, Value>, Error> {
    let mut map = Map::new();
    if kind.starts_with("application/json") {
        match serde_json::from_slice(bytes).map_err(|_| Error::Malformed)? {
            Value::Object(body) => map = body,
            other => {
                map.insert("_json".into(), other);
            }
        }
    } else if kind.starts_with("application/x-www-form-urlencoded") {
        read_form(bytes, &mut map);
    }
    Ok(map)
}

/// A body that is received whole, in a bounded time.
pub async fn whole_body(body: Body, most: usize, time: Duration) -> Result<Bytes, DomainError> {
    let bytes = tokio::time::timeout(time, to_bytes(body, most)).await;
    let late = |_| DomainError::Bad("the body did not arrive in time".into());
    bytes.map_err(late)?.map_err(|_| DomainError::TooLarge)
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(s) => s.contains('\0'),
        Value::Array(all) => all.iter().any(has_nul),
        Value::Object(all) => all.iter().any(|(k, v)| k.contains('\0') || has_nul(v)),
        _ => false,
    }
}

/// `a=1&b[c]=2` into a map; one level of brackets, which is all that the API has.
fn read_form(text: &[u8], into: &mut Map<String, Value>) {
    for (key, value) in form_urlencoded::parse(text) {
        let value = Value::from(value.into_owned());
        match key.strip_suffix(']').and_then(|k| k.split_once('[')) {
            Some((outer, inner)) if !inner.is_empty() => {
                let slot = into
                    .entry(outer)
                    .or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(map) = slot {
                    map.insert(inner.to_owned(), value);
                }
            }
            _ => {
                into.insert(key.into_owned(), value);
            }
        }
    }
}

impl Params {
    /// A text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    /// An owned text.
    pub fn string(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    /// A boolean, also as text.
    pub fn flag(&self, key: &str) -> Option<bool> {
        flag(self.0.get(key)?)
    }

    /// A boolean of a form; one that is none is refused under its name.
    pub fn switch(&self, key: &str) -> Result<Option<bool>, DomainError> {
        let read = |v| flag(v).ok_or_else(|| field(key, INVALID));
        self.0.get(key).map(read).transpose()
    }

    /// A map.
    pub fn map(&self, key: &str) -> Option<&Map<String, Value>> {
        self.0.get(key).and_then(Value::as_object)
    }

    /// Tags or null: `None` when the key is absent.
    pub fn tags(&self) -> Result<Option<Option<Vec<String>>>, DomainError> {
        match self.0.get("tags") {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(v) => Ok(Some(Some(tags(v).ok_or_else(|| field("tags", INVALID))?))),
        }
    }

    /// A text or null: `None` when the key is absent.
    pub fn nullable(&self, key: &str) -> Option<Option<String>> {
        self.0.get(key).map(|v| v.as_str().map(str::to_owned))
    }
}

/// A boolean, also as `nh` sends it: a text.
pub fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::String(s) if s == "true" => Some(true),
        Value::String(s) if s == "false" => Some(false),
        _ => None,
    }
}

/// A whole number, also as a text.
pub fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64(),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
}

/// A number that may have a fraction, also as a text. Infinity and what is no number are none.
pub fn decimal(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    };
    number.filter(|n: &f64| n.is_finite())
}

/// Tags: an array of texts or one text with commas.
pub fn tags(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(all) => all
            .iter()
            .map(|t| t.as_str().map(|t| t.trim().to_owned()))
            .collect(),
        Value::String(s) => Some(
            s.split(',')
                .map(str::trim)
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
                .collect(),
        ),
        _ => None,
    }
}

/// A parameter of words with commas between them; none when there is no word.
pub fn words(p: &Params, key: &str) -> Option<Vec<String>> {
    let words = p.text(key)?.split(',').map(str::trim);
    let words: Vec<_> = words.filter(|w| !w.is_empty()).map(str::to_owned).collect();
    Some(words).filter(|w| !w.is_empty())
}

/// A parameter that is a time, in one of the two forms that answers have.
///
/// # Errors
/// A validation error under the parameter's name.
pub fn time(p: &Params, key: &str) -> domain::Result<Option<Micros>> {
    let Some(text) = p.text(key).filter(|t| !t.is_empty()) else {
        return Ok(None);
    };
    let at = Micros::parse(&text.replacen(' ', "T", 1))
        .ok_or_else(|| field(key, "must be a time such as 2026-08-22T08:33:49Z"))?;
    Ok(Some(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_nest_once() {
        let mut map = Map::new();
        read_form(b"pagination[page]=2&filters[tags]=a%2Cb&x=1", &mut map);
        assert_eq!(
            Value::Object(map),
            serde_json::json!({"pagination": {"page": "2"}, "filters": {"tags": "a,b"}, "x": "1"})
        );
    }
}
