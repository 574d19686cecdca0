//! Support scripts (docs/protocol/rest.md, "Scripts over REST").

use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{none, ok, page};
use crate::api::http::contract::{Field, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::extract::{Name, number_of};
use crate::api::http::params::{Params, number, paging};
use crate::app::App;
use crate::domain::error::{INVALID, field};
use crate::domain::support::scripts::{self, ScriptFilter, ScriptForm, ScriptRow};
use crate::domain::{self, DomainError};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

/// A support script in a list.
#[derive(Serialize, JsonSchema)]
pub struct ScriptEntry {
    /// Names it in paths.
    id: i64,
    /// Need not be unique.
    name: String,
    /// Null when never set.
    tags: Option<Vec<String>>,
}

/// A support script.
#[derive(Serialize, JsonSchema)]
pub struct Script {
    /// Names it in paths.
    id: i64,
    /// Need not be unique.
    name: String,
    /// What the device runs.
    text: String,
    /// Null when never set.
    tags: Option<Vec<String>>,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
    /// `2026-08-22T08:33:49`.
    updated_at: String,
    /// Who made it.
    created_by: Creator,
}

/// Who made it.
#[derive(Serialize, JsonSchema)]
pub struct Creator {
    /// A number.
    id: i64,
    /// Full name.
    name: String,
    /// Login.
    email: String,
}

/// What a list can be narrowed by.
pub const FILTERS: &[Field] = &[
    optional_field("filters[name]", FieldType::Text, "Part of the name"),
    optional_field("filters[tags]", FieldType::Text, "Part of a tag"),
    optional_field("filters[search]", FieldType::Text, "Part of either"),
];

fn tags_view(s: &ScriptRow) -> Option<Vec<String>> {
    let lines = s.tags.as_deref()?.lines();
    Some(lines.map(str::to_owned).collect())
}

fn entry(s: &ScriptRow) -> ScriptEntry {
    ScriptEntry {
        id: s.id.number(),
        name: s.name.clone(),
        tags: tags_view(s),
    }
}

fn view(s: &ScriptRow) -> Script {
    Script {
        id: s.id.number(),
        name: s.name.clone(),
        text: s.text.clone(),
        tags: tags_view(s),
        inserted_at: s.inserted_at.naive(),
        updated_at: s.updated_at.naive(),
        created_by: Creator {
            id: s.creator_id.number(),
            name: s.creator_name.clone(),
            email: s.creator_email.clone(),
        },
    }
}

fn id_of(path: &HashMap<String, String>) -> domain::Result<i64> {
    number_of(path.get("script").map_or("", String::as_str))
}

fn form(p: &Params) -> domain::Result<ScriptForm> {
    let text = |key: &str| match p.0.get(key) {
        None => Ok(None),
        Some(Value::String(s)) => Ok(Some(s.clone())),
        Some(Value::Null) => Ok(Some(String::new())),
        Some(_) => Err(field(key, INVALID)),
    };
    Ok(ScriptForm {
        name: text("name")?,
        text: text("text")?,
        tags: p.tags()?,
    })
}

/// `GET /scripts`, and `GET /devices/:device/scripts` on the short address.
pub async fn list(State(app): State<App>, scope: Scope<Product>, p: Params) -> Result {
    let (number, size) = paging(&p, 25)?;
    let filters = p.map("filters");
    let text = |key: &str| {
        filters
            .and_then(|f| f.get(key))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let filter = ScriptFilter {
        name: text("name"),
        tags: text("tags"),
        search: text("search"),
    };
    let (rows, total) = scripts::list(&app.db, &scope, &filter, number, size).await?;
    let data: Vec<_> = rows.iter().map(entry).collect();
    Ok(page(&data, number, size, total))
}

/// `POST /scripts`: 200, as the original answers.
pub async fn create(State(app): State<App>, scope: Scope<Product>, p: Params) -> Result {
    let scope = scope.allow(Role::Manage)?;
    Ok(ok(&view(
        &scripts::create(&app.db, &scope, form(&p)?).await?,
    )))
}

/// `GET /scripts/:script`.
pub async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    Path(path): Path<HashMap<String, String>>,
) -> Result {
    let id = id_of(&path)?;
    Ok(ok(&view(&scripts::show(&app.db, &scope, id).await?)))
}

/// `PUT /scripts/:script`.
pub async fn update(
    State(app): State<App>,
    scope: Scope<Product>,
    Path(path): Path<HashMap<String, String>>,
    p: Params,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let id = id_of(&path)?;
    let script = scripts::update(&app.db, &scope, id, form(&p)?).await?;
    Ok(ok(&view(&script)))
}

/// `DELETE /scripts/:script`.
pub async fn delete(
    State(app): State<App>,
    scope: Scope<Product>,
    Path(path): Path<HashMap<String, String>>,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    scripts::delete(&app.db, &scope, id_of(&path)?).await?;
    Ok(none())
}

/// `POST …/devices/:device/scripts/:script`: the output as plain text.
pub async fn run(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    Path(path): Path<HashMap<String, String>>,
    p: Params,
) -> Result {
    let time = match p.0.get("timeout") {
        None => None,
        Some(v) => {
            let millis = number(v)
                .and_then(|n| u64::try_from(n).ok())
                .filter(|n| *n > 0);
            let text = "timeout must be a number of milliseconds above 0";
            Some(Duration::from_millis(
                millis.ok_or_else(|| DomainError::Bad(text.into()))?,
            ))
        }
    };
    let script = path.get("script").map_or("", String::as_str);
    Ok(plain(scripts::run(&app, &scope, &d, script, time).await?))
}

fn plain(text: String) -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
