//! Support scripts (docs/protocol/rest.md, "Scripts over REST").

use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{Data, Documented, NoContent, text_schema};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::{Name, number_of};
use crate::api::http::operation::Operation;
use crate::api::http::page::{Page, Paging};
use crate::api::http::params::{Params, number};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::error::{INVALID, field};
use crate::domain::support::scripts::{self, ScriptFilter, ScriptForm, ScriptRow};
use crate::domain::{self, DomainError};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

/// A support script in a list.
#[derive(Serialize, JsonSchema)]
struct ScriptEntry {
    /// Names it in paths.
    id: i64,
    /// Need not be unique.
    name: String,
    /// Null when never set.
    tags: Option<Vec<String>>,
}

/// A support script.
#[derive(Serialize, JsonSchema)]
struct Script {
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
struct Creator {
    /// A number.
    id: i64,
    /// Full name.
    name: String,
    /// Login.
    email: String,
}

/// What a list can be narrowed by.
const FILTERS: &[Field] = &[
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

/// How long to wait for a script.
const TIMEOUT: &[Field] = &[optional_field(
    "timeout",
    FieldType::Number,
    "Milliseconds to wait, 30000 unless given",
)];

pub(super) fn routes(contract: &mut Contract) {
    script_routes(contract);
    run_routes(contract);
}

fn script_routes(contract: &mut Contract) {
    contract.tag(Tag::SupportScripts);
    contract
        .get(
            "scripts.list",
            "/orgs/{org}/products/{product}/scripts",
            Auth::VIEW,
            list,
        )
        .summary("Scripts, by name")
        .query(FILTERS)
        .accepts_any_value();
    contract
        .post(
            "scripts.create",
            "/orgs/{org}/products/{product}/scripts",
            Auth::MANAGE,
            create,
        )
        .summary("Make a script; answers 200, as clients expect")
        .body_fields(&[
            required("name", FieldType::Text, "Its name"),
            required("text", FieldType::Text, "What the device runs"),
            optional_field("tags", FieldType::Tags, "Words without spaces"),
        ]);
    contract
        .get(
            "scripts.show",
            "/orgs/{org}/products/{product}/scripts/{script}",
            Auth::VIEW,
            show,
        )
        .summary("One script, by its number");
    contract
        .put(
            "scripts.update",
            "/orgs/{org}/products/{product}/scripts/{script}",
            Auth::MANAGE,
            update,
        )
        .summary("Change a script")
        .body_fields(&[
            optional_field("name", FieldType::Text, "Its name"),
            optional_field("text", FieldType::Text, "What the device runs"),
            optional_field("tags", FieldType::Tags, "Words without spaces"),
        ]);
    contract
        .delete(
            "scripts.delete",
            "/orgs/{org}/products/{product}/scripts/{script}",
            Auth::MANAGE,
            delete,
        )
        .summary("Delete a script");
}

fn run_routes(contract: &mut Contract) {
    contract.tag(Tag::DevicesByIdentifier);
    contract
        .get(
            "scripts.list_by_identifier",
            "/devices/{device}/scripts",
            Auth::VIEW,
            list,
        )
        .summary("Scripts of its product")
        .query(FILTERS)
        .accepts_any_value();
    contract
        .post(
            "scripts.run_by_identifier",
            "/devices/{device}/scripts/{script}",
            Auth::VIEW,
            run,
        )
        .summary("Run a script on it")
        .query(TIMEOUT)
        .accepts_any_value()
        .error(403, "The device is away or silent");
    contract.tag(Tag::SupportScripts);
    contract
        .post(
            "scripts.run",
            "/orgs/{org}/products/{product}/devices/{device}/scripts/{script}",
            Auth::VIEW,
            run,
        )
        .summary("Run a script, by name or number, on a device")
        .query(TIMEOUT)
        .accepts_any_value()
        .error(403, "The device is away or silent");
}

/// `GET /scripts`, and `GET /devices/:device/scripts` on the short address.
async fn list(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Page<ScriptEntry, 25>> {
    let at = Paging::of(&p)?;
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
    let (rows, total) = scripts::list(&app.db, &scope, &filter, at.number, at.size).await?;
    let data: Vec<_> = rows.iter().map(entry).collect();
    Ok(at.page(data, total))
}

/// `POST /scripts`: 200, as the original answers.
async fn create(State(app): State<App>, scope: Scope<Product>, p: Params) -> Result<Data<Script>> {
    let scope = scope.allow(Role::Manage)?;
    Ok(Data(view(
        &scripts::create(&app.db, &scope, form(&p)?).await?,
    )))
}

/// `GET /scripts/:script`.
async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    Path(path): Path<HashMap<String, String>>,
) -> Result<Data<Script>> {
    let id = id_of(&path)?;
    Ok(Data(view(&scripts::show(&app.db, &scope, id).await?)))
}

/// `PUT /scripts/:script`.
async fn update(
    State(app): State<App>,
    scope: Scope<Product>,
    Path(path): Path<HashMap<String, String>>,
    p: Params,
) -> Result<Data<Script>> {
    let scope = scope.allow(Role::Manage)?;
    let id = id_of(&path)?;
    let script = scripts::update(&app.db, &scope, id, form(&p)?).await?;
    Ok(Data(view(&script)))
}

/// `DELETE /scripts/:script`.
async fn delete(
    State(app): State<App>,
    scope: Scope<Product>,
    Path(path): Path<HashMap<String, String>>,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    scripts::delete(&app.db, &scope, id_of(&path)?).await?;
    Ok(NoContent)
}

/// `POST …/devices/:device/scripts/:script`: the output as plain text.
async fn run(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    Path(path): Path<HashMap<String, String>>,
    p: Params,
) -> Result<ScriptOutput> {
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
    Ok(ScriptOutput(
        scripts::run(&app, &scope, &d, script, time).await?,
    ))
}

/// What a script printed, as it is.
struct ScriptOutput(String);

impl IntoResponse for ScriptOutput {
    fn into_response(self) -> Response {
        let kind = HeaderValue::from_static("text/plain; charset=utf-8");
        ([(header::CONTENT_TYPE, kind)], self.0).into_response()
    }
}

impl Documented for ScriptOutput {
    fn document(operation: &mut Operation<'_>) {
        let kinds = [("text/plain", text_schema())];
        operation.answers_with(StatusCode::OK, "What it printed", &kinds);
    }
}
